//! How does the gateway itself answer, and how does a client leave?
//!
//! After an answer that ends the connection comes a lingering close (RFC 9112 9.6): our half is
//! closed and what still arrives is discarded, so that no reset overtakes the answer.

use super::Gateway;
use super::client::{Afterwards, Entrance, State};
use super::token::Token;
use crate::flow::buffer::Buffer;
use crate::flow::exchange::Exchange;
use crate::flow::outlet::Outlet;
use crate::flow::{Stream, ready};
use crate::http::answer::{self, Answer};
use crate::http::head::Asked;
use crate::id::ClientId;
use crate::limits;

/// How an answer is given.
#[derive(Debug)]
pub(super) struct Manner {
    /// What the request was.
    pub(super) asked: Asked,
    /// The connection takes another request.
    pub(super) persistent: bool,
    /// What the client has to be given first.
    pub(super) backlog: Buffer,
}

impl Default for Manner {
    /// For a request of which nothing can be known: in full, and the last.
    fn default() -> Self {
        Self { asked: Exchange::blank().asked, persistent: false, backlog: Buffer::default() }
    }
}

impl Manner {
    /// For the request of that exchange, which no server will answer.
    pub(super) fn of(exchange: &mut Exchange) -> Self {
        Self {
            asked: exchange.asked,
            persistent: exchange.is_persistent() && exchange.is_request_read(),
            backlog: exchange.take_backlog(),
        }
    }
}

impl Gateway {
    /// Gives an answer of our own to a client that has no errand under way.
    pub(super) fn answer(&mut self, id: ClientId, answer: &Answer, manner: Manner) {
        if self.clients[id.index()].entrance == Entrance::Front {
            self.answered.count(answer.reason, answer.status);
        }
        let persistent = manner.persistent && self.stopping.is_none();
        let draft = &mut self.desk.draft;
        draft.clear();
        answer::write(answer, manner.asked, persistent, &self.desk.date, draft);
        let client = &mut self.clients[id.index()];
        let mut outlet = Outlet::with_backlog(manner.backlog);
        if outlet.send(&[draft], &mut client.socket).is_err() {
            return self.close_client(id);
        }
        let afterwards = if persistent { Afterwards::Persist } else { Afterwards::Linger };
        client.enter(id, State::Answering(outlet, afterwards));
        let deadline = self.now + self.config.frontend.write_timeout;
        self.set_deadline(id, deadline);
        self.flush_answer(id);
    }

    /// The client may take more of our answer.
    pub(super) fn flush_answer(&mut self, id: ClientId) {
        let client = &mut self.clients[id.index()];
        let (socket, _, state) = client.parts();
        let State::Answering(outlet, afterwards) = state else { return };
        let afterwards = *afterwards;
        match (outlet.flush(socket), afterwards) {
            (Err(_), _) => self.close_client(id),
            (Ok(true), Afterwards::Persist) => self.read_next(id),
            (Ok(true), Afterwards::Linger) => self.part(id),
            (Ok(false), _) => {
                if std::mem::take(&mut outlet.moved) {
                    let deadline = self.now + self.config.frontend.write_timeout;
                    self.set_deadline(id, deadline);
                }
            }
        }
    }

    /// Says that nothing more will come, and stays to listen, so that the kernel does not destroy
    /// our last words over bytes that nobody read (RFC 9112 9.6).
    pub(super) fn part(&mut self, id: ClientId) {
        let client = &mut self.clients[id.index()];
        client.inbox = Buffer::default();
        if client.socket.finish().is_err() {
            return self.close_client(id);
        }
        client.enter(id, State::Lingering(limits::LINGER_BYTES));
        let deadline = self.now + limits::LINGER_TIME;
        self.set_deadline(id, deadline);
        self.linger(id);
    }

    /// Discards what still arrives, within bounds, until the client has closed too.
    pub(super) fn linger(&mut self, id: ClientId) {
        loop {
            let (socket, _, state) = self.clients[id.index()].parts();
            let State::Lingering(left) = state else { return };
            match ready(socket.read(&mut self.desk.scratch)) {
                Ok(None) => return,
                Ok(Some(count)) if count > 0 && count < *left => *left -= count,
                Ok(Some(_)) | Err(_) => return self.close_client(id),
            }
        }
    }

    /// The client's connection broke: whatever was under way for it ends.
    pub(super) fn lose_client(&mut self, id: ClientId) {
        match self.clients[id.index()].state() {
            State::Waiting(_, server) => {
                self.servers[server.index()].leave(id);
            }
            State::Exchanging(_, worker) => {
                let worker = *worker;
                self.close_worker(worker);
            }
            State::Arriving
            | State::Reading
            | State::Knocking(_)
            | State::Switching(..)
            | State::Answering(..)
            | State::Watching(..)
            | State::Lingering(_)
            | State::Closed => {}
        }
        self.close_client(id);
    }

    /// Closes a client's connection. Whatever it had under way has been seen to.
    pub(super) fn close_client(&mut self, id: ClientId) {
        let client = &mut self.clients[id.index()];
        let old = client.enter(id, State::Closed);
        if let Some((_, timer)) = client.alarm.take() {
            self.timers.cancel(timer);
        }
        match old {
            State::Closed => return,
            State::Waiting(errand, _) | State::Knocking(errand) | State::Exchanging(errand, _) => {
                self.note_cut(&errand);
                self.retire(errand);
            }
            State::Switching(errand, _) => self.retire(errand),
            State::Arriving
            | State::Reading
            | State::Answering(..)
            | State::Watching(..)
            | State::Lingering(_) => {}
        }
        if self.clients[id.index()].entrance == Entrance::Office {
            self.office.operators -= 1;
        }
        self.departed.push(Token::Client(id));
    }

    /// Sets when the client's silence becomes too long. Usually that is a write to one field: the
    /// alarm that is already set rings earlier, finds this deadline, and sets itself again.
    pub(super) fn set_deadline(&mut self, id: ClientId, deadline: std::time::Instant) {
        let client = &mut self.clients[id.index()];
        client.deadline = deadline;
        match client.alarm {
            Some((set, _)) if set <= deadline => {}
            old => {
                if let Some((_, timer)) = old {
                    self.timers.cancel(timer);
                }
                let timer = self.timers.insert(deadline, super::alarm::Alarm::Client(id));
                client.alarm = Some((deadline, timer));
            }
        }
    }
}
