//! How is an exchange driven? Borrow both sockets, advance, let go, act.
//!
//! It is reached from an edge of either socket. The machine ([`crate::flow::exchange`]) moves what
//! it can and says in one value why it stopped: blocked, yielded, complete, upgraded, or a fault.
//! What follows from each is done here, once both sockets are let go.

use super::Gateway;
use super::answering::Manner;
use super::client::State;
use super::token::Token;
use super::worker;
use crate::flow::exchange::{Awaits, Fault, Progress};
use crate::flow::pump::Trouble;
use crate::flow::response::End;
use crate::http::answer::Answer;
use crate::id::{ClientId, WorkerId};
use crate::limits;
use std::ops::Range;
use std::time::Duration;

impl Gateway {
    /// Moves what can be moved for a client's exchange; reached from either socket's edge.
    pub(super) fn drive(&mut self, id: ClientId, early: Range<usize>) {
        let Some(client) = self.clients.get_mut(id.index()) else { return };
        let (socket, inbox, state) = client.parts();
        let State::Exchanging(errand, worker_id) = state else { return };
        let worker_id = *worker_id;
        let worker = &mut self.workers[worker_id.index()];
        if worker.state() != worker::State::Busy(id) {
            debug_assert_eq!(worker.state(), worker::State::Connecting(Some(id)));
            return;
        }
        let server = &mut self.servers[worker.server.index()];
        let begun = *errand.begun.get_or_insert_with(|| {
            if !errand.replayed {
                server.tally.wait.observe(self.now.saturating_duration_since(errand.since));
            }
            errand.reused = worker.served > 0;
            errand.connect = (!errand.reused).then_some(worker.took);
            errand.server = Some(worker.server);
            self.now
        });
        let exchange = &mut errand.exchange;
        let progress = exchange.advance(socket, &mut worker.socket, inbox, &mut self.desk, early);
        if errand.first_byte.is_none() && exchange.has_answered() {
            errand.first_byte = Some(self.now);
            server.health.answered();
            server.tally.first_byte.observe(self.now.saturating_duration_since(begun));
        }
        match progress {
            Ok(Progress::Blocked { awaits, moved }) => self.await_more(id, awaits, moved),
            Ok(Progress::Yielded) => {
                self.await_more(id, Awaits::Server, true);
                self.agenda.push_back(Token::Client(id));
            }
            Ok(Progress::Complete(end)) => self.finish(id, worker_id, &end),
            Ok(Progress::Upgraded) => self.switch(id),
            Err(fault) => self.abort(id, worker_id, fault),
        }
    }

    /// Measures the right silence.
    fn await_more(&mut self, id: ClientId, awaits: Awaits, moved: bool) {
        let client = &mut self.clients[id.index()];
        let (socket, _, state) = client.parts();
        let State::Exchanging(errand, _) = state else { return };
        let half_closed = socket.has_ended() && errand.exchange.has_answered();
        if errand.awaits == Some(awaits) && errand.half_closed == half_closed && !moved {
            return;
        }
        errand.awaits = Some(awaits);
        errand.half_closed = half_closed;
        let patience = match awaits {
            Awaits::ClientContent if errand.exchange.awaits_continue() => limits::CONTINUE_PATIENCE,
            Awaits::ClientContent => self.config.frontend.body_timeout,
            Awaits::ClientReading => self.config.frontend.write_timeout,
            Awaits::Server => {
                let section = self.sections.of(errand.kind);
                let patience = section.map_or(Duration::ZERO, |section| section.response_timeout);
                let most = if half_closed { limits::HALF_CLOSED_PATIENCE } else { patience };
                patience.min(most)
            }
        };
        self.set_deadline(id, self.now + patience);
    }

    /// The response is complete.
    fn finish(&mut self, id: ClientId, worker: WorkerId, end: &End) {
        let client = &mut self.clients[id.index()];
        let State::Exchanging(errand, _) = client.enter(id, State::Reading) else { return };
        self.note_end(worker, &errand, end);
        let read_all = errand.exchange.is_request_read();
        self.retire(errand);
        self.release_worker(worker, end);
        let client = &self.clients[id.index()];
        if end.persist_client {
            self.read_next(id);
        } else if read_all && client.inbox.is_empty() && !client.socket.is_readable() {
            self.close_client(id);
        } else {
            self.part(id);
        }
    }

    /// A verified 101 is out: at the end of the turn, both sockets become a tunnel.
    fn switch(&mut self, id: ClientId) {
        let client = &mut self.clients[id.index()];
        if let State::Exchanging(errand, worker) = client.enter(id, State::Reading) {
            client.enter(id, State::Switching(errand, worker));
            self.departed.push(Token::Client(id));
        }
    }

    /// Somebody failed: who did decides what is said.
    fn abort(&mut self, id: ClientId, worker_id: WorkerId, fault: Fault) {
        let worker = &self.workers[worker_id.index()];
        let (server, reused) = (worker.server, worker.served > 0);
        let client = &mut self.clients[id.index()];
        let (_, _, State::Exchanging(errand, _)) = client.parts() else { return };
        let again = fault == Fault::ServerSilent && reused && !errand.replayed;
        if again && errand.exchange.may_replay() {
            if let State::Exchanging(errand, _) = client.enter(id, State::Reading) {
                self.replay(id, worker_id, server, errand);
            }
            return;
        }
        let is_servers = !matches!(fault, Fault::Client(_));
        // A reused connection may have been closed before the request was there.
        if is_servers && !reused && !errand.exchange.has_answered() {
            self.note_unanswered(server);
        }
        self.close_worker(worker_id);
        let client = &mut self.clients[id.index()];
        let (_, _, State::Exchanging(errand, _)) = client.parts() else { return };
        let exchange = &mut errand.exchange;
        let answer = match fault {
            Fault::Client(Trouble::Refused(refusal)) => {
                // Where the next request would begin is not known, even if this one was read whole.
                exchange.close_client();
                Answer::from(refusal)
            }
            Fault::Client(Trouble::Cut | Trouble::Io(_)) => return self.close_client(id),
            Fault::ServerSilent | Fault::Server(Trouble::Cut | Trouble::Io(_)) => {
                self.counters.server_faults += 1;
                Answer::server_closed()
            }
            Fault::Server(Trouble::Refused(refusal)) => {
                self.counters.server_faults += 1;
                log::debug!("{id}: {}: {refusal}", self.servers[server.index()]);
                Answer::bad_response()
            }
        };
        self.fail(id, &answer);
    }

    /// Ends an exchange whose worker is closed: with an answer while none has begun, otherwise by
    /// cutting the client, which is the one honest way to say that a message is incomplete
    /// (RFC 9112 8).
    fn fail(&mut self, id: ClientId, answer: &Answer) {
        let client = &mut self.clients[id.index()];
        let (_, _, State::Exchanging(errand, _)) = client.parts() else { return };
        if errand.exchange.has_answered() {
            if errand.exchange.ends_by_closing() {
                client.socket.close_by_reset();
            }
            return self.close_client(id);
        }
        let State::Exchanging(mut errand, _) = client.enter(id, State::Reading) else { return };
        let manner = Manner::of(&mut errand.exchange);
        self.note_answer(&errand, answer);
        self.retire(errand);
        self.answer(id, answer, manner);
    }

    /// A client's alarm rang: its deadline has come, or was moved since.
    pub(super) fn on_client_alarm(&mut self, id: ClientId) {
        let client = &mut self.clients[id.index()];
        client.alarm = None;
        let deadline = client.deadline;
        if deadline > self.now {
            return self.set_deadline(id, deadline);
        }
        match client.state() {
            State::Arriving => self.on_late_proxy_header(id),
            State::Reading if client.inbox.is_empty() => self.close_client(id),
            State::Reading => {
                self.answer(id, &Answer::header_timeout(), Manner::default());
            }
            State::Waiting(_, server) => {
                self.servers[server.index()].leave(id);
                if let State::Waiting(errand, _) = client.enter(id, State::Reading) {
                    self.refuse(id, errand, 0..0, &Answer::queue_timeout());
                }
            }
            State::Knocking(_) => {
                if let State::Knocking(errand) = client.enter(id, State::Reading) {
                    self.dispatch(id, errand, 0..0);
                }
            }
            State::Exchanging(errand, worker) => {
                let (awaits, worker) = (errand.awaits, *worker);
                self.out_of_patience(id, worker, awaits);
            }
            State::Answering(..) | State::Watching(..) | State::Lingering(_) => {
                self.close_client(id);
            }
            State::Switching(..) | State::Closed => {}
        }
    }

    /// An exchange has made no progress for as long as its configuration allows.
    fn out_of_patience(&mut self, id: ClientId, worker: WorkerId, awaits: Option<Awaits>) {
        let client = &mut self.clients[id.index()];
        let (socket, _, State::Exchanging(errand, _)) = client.parts() else { return };
        match awaits {
            Some(Awaits::ClientContent) if errand.exchange.awaits_continue() => {
                if errand.exchange.say_continue(socket).is_err() {
                    return self.lose_client(id);
                }
                self.await_more(id, Awaits::ClientContent, true);
            }
            Some(Awaits::ClientContent) => {
                self.close_worker(worker);
                self.fail(id, &Answer::body_timeout());
            }
            Some(Awaits::ClientReading) => self.lose_client(id),
            Some(Awaits::Server) | None => {
                self.counters.server_faults += 1;
                if !errand.exchange.has_answered() {
                    self.note_unanswered(self.workers[worker.index()].server);
                }
                self.close_worker(worker);
                self.fail(id, &Answer::response_timeout());
            }
        }
    }
}
