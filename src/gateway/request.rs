//! What does a client ask? From bytes in its inbox or socket to an errand.
//!
//! A head is parsed in one piece, where it lies in the scratch. Of one that is unfinished the inbox
//! keeps the bytes, and the client how far they were searched for an end.

use super::Gateway;
use super::admin::Order;
use super::client::{Entrance, State};
use super::errand::{Errand, head_limits};
use super::journal::name_request;
use super::token::Token;
use crate::config::Access;
use crate::flow::buffer::Buffer;
use crate::flow::{Stream, ready};
use crate::http::answer::Answer;
use crate::http::forward::Hop;
use crate::http::head::{Lines, RequestHead, has_line_end};
use crate::http::refusal::Refusal;
use crate::http::{caller, cookie};
use crate::id::ClientId;
use crate::net::Ready;
use std::ops::Range;

/// What the bytes read so far amount to.
enum Heard {
    /// An unfinished head.
    Partial,
    /// A whole request head; the range of the scratch behind it holds the first of what follows.
    Request(Box<Errand>, Range<usize>),
    /// The same of an operator.
    Order(Order, Range<usize>),
}

impl Gateway {
    /// A client's socket spoke, or the agenda remembered it.
    pub(super) fn on_client(&mut self, id: ClientId, ready: Ready) {
        let Some(client) = self.clients.get_mut(id.index()) else { return };
        client.socket.note(ready);
        let broken = client.socket.is_broken();
        match client.state() {
            State::Closed | State::Switching(..) => {}
            // Both sides having ended looks like being broken, but what came before the client's
            // end has to be read: closing over it would destroy our last words.
            State::Lingering(_) => self.linger(id),
            _ if broken => self.lose_client(id),
            State::Arriving => self.read_proxy_header(id),
            State::Reading => self.read_request(id),
            State::Waiting(..) | State::Knocking(_) => {}
            State::Exchanging(..) => self.drive(id, 0..0),
            State::Answering(..) => self.flush_answer(id),
            State::Watching(..) => self.on_watcher(id),
        }
    }

    /// Reads until a head is whole, nothing more is there, or the client has gone.
    fn read_request(&mut self, id: ClientId) {
        loop {
            let client = &mut self.clients[id.index()];
            // An unfinished head goes back in front of what is read now, so that a head is always
            // parsed in one piece, where it lies.
            let held = client.inbox.len();
            self.desk.scratch[..held].copy_from_slice(client.inbox.as_slice());
            let mut filled = held;
            if held == client.searched as usize {
                match ready(client.socket.read(&mut self.desk.scratch[held..])) {
                    Ok(Some(0)) | Err(_) => return self.close_client(id),
                    Ok(Some(count)) => filled += count,
                    // An idle client; an unfinished head may still become a request.
                    Ok(None) if held == 0 && self.is_closing() => return self.close_client(id),
                    Ok(None) => return,
                }
            }
            match self.hear(id, filled) {
                Ok(Heard::Request(errand, early)) => return self.dispatch(id, errand, early),
                Ok(Heard::Order(order, early)) => {
                    self.stash(id, early);
                    return self.obey(id, &order);
                }
                Ok(Heard::Partial) => self.keep_partial(id, held, filled),
                Err(refusal) => {
                    return self.answer_refusal(id, refusal);
                }
            }
        }
    }

    /// Keeps an unfinished head; its first byte starts the clock.
    fn keep_partial(&mut self, id: ClientId, held: usize, filled: usize) {
        let client = &mut self.clients[id.index()];
        let fresh = client.searched == 0;
        client.inbox.push(&self.desk.scratch[held..filled]);
        // At most the scratch.
        client.searched = filled as u32;
        if fresh {
            let deadline = self.now + self.config.frontend.header_timeout;
            self.set_deadline(id, deadline);
        }
    }

    /// Parses what the scratch holds up to `filled`.
    fn hear(&mut self, id: ClientId, filled: usize) -> Result<Heard, Refusal> {
        let client = &mut self.clients[id.index()];
        let frontend = &self.config.frontend;
        let bytes = &self.desk.scratch[..filled];
        let limits = head_limits(frontend);
        let searched = client.searched as usize;
        let unended = searched > 0 && !has_line_end(bytes, searched);
        if unended && filled < limits.max_bytes {
            return Ok(Heard::Partial);
        }
        let mut lines = Lines::new();
        let Some(head) = RequestHead::parse(bytes, &mut lines, limits)? else {
            return Ok(Heard::Partial);
        };
        if client.entrance == Entrance::Office {
            let token = self.config.admin.as_ref().and_then(|admin| admin.token.as_deref());
            let order = Order::of(&head, token);
            let early = head.len..filled;
            client.inbox = Buffer::default();
            client.searched = 0;
            return Ok(Heard::Order(order, early));
        }
        let trust = |peer| frontend.trusted_proxies.iter().any(|network| network.contains(peer));
        let trusted = trust(client.peer);

        let early = head.len..filled;
        let now = self.now;
        let mut errand = self.spare.pop().unwrap_or_else(|| Box::new(Errand::blank(now)));
        errand.caller =
            if trusted { caller::behind(client.peer, head.fields, trust) } else { client.peer };
        errand.cookie =
            if self.sections.read_cookies() { cookie::server_name(head.fields) } else { None };
        errand.id.clear();
        if self.config.log.access != Access::Off {
            name_request(&head, trusted, &mut self.rng, &mut errand.id);
        }
        // The errand keeps its name while it is prepared with it.
        let request_id = std::mem::take(&mut errand.id);
        let hop =
            Hop { peer: client.peer, trusted, authority: &self.authority, request_id: &request_id };
        errand.prepare(head, &hop, frontend, self.config.log.access, now)?;
        errand.id = request_id;
        client.inbox = Buffer::default();
        client.searched = 0;
        self.counters.requests += 1;
        if self.stopping.is_some() {
            errand.exchange.close_client();
        }
        Ok(Heard::Request(errand, early))
    }

    fn answer_refusal(&mut self, id: ClientId, refusal: Refusal) {
        if self.clients[id.index()].entrance == Entrance::Front {
            self.counters.refused += 1;
            self.note_refusal(id, refusal);
        }
        self.answer(id, &Answer::from(refusal), super::answering::Manner::default());
    }

    /// What was read beyond the head waits in the inbox until there is somewhere for it to go.
    pub(super) fn stash(&mut self, id: ClientId, early: Range<usize>) {
        self.clients[id.index()].inbox.push(&self.desk.scratch[early]);
    }

    /// Back to the beginning: the next request may already be there.
    pub(super) fn read_next(&mut self, id: ClientId) {
        let client = &mut self.clients[id.index()];
        client.searched = 0;
        client.enter(id, State::Reading);
        let more = !client.inbox.is_empty() || client.socket.is_readable();
        if more {
            self.agenda.push_back(Token::Client(id));
        } else if self.is_closing() {
            // Its last response promised more, but it asks for nothing now: idle, so closed.
            return self.close_client(id);
        }
        let deadline = self.now + self.config.frontend.idle_timeout;
        self.set_deadline(id, deadline);
    }
}
