//! Who takes an errand? Choose a server, check a worker out, or wait for one.
//!
//! ```text
//!   errand --no place for one more tunnel--> answered
//!          --no server left----------------> answered: the last failure, or no_healthy_server
//!          --a worker is idle--------------> Exchanging
//!          --a place in the line-----------> Waiting         --no room in it--> Knocking
//!          --no connection-----------------> without that server, once more
//! ```

use super::Gateway;
use super::answering::Manner;
use super::client::State;
use super::errand::Errand;
use super::section::{Kind, Wish};
use super::worker;
use crate::admin::events;
use crate::balance::pool::Checkout;
use crate::config::Sticky;
use crate::http::answer::Answer;
use crate::id::{ClientId, ServerId, WorkerId};
use crate::limits;
use std::io;
use std::ops::Range;

impl Gateway {
    /// Finds a server for the client's request. `early` is the part of the scratch that came
    /// behind the head.
    pub(super) fn dispatch(&mut self, id: ClientId, mut errand: Box<Errand>, early: Range<usize>) {
        if let Err(answer) = self.admit(&mut errand) {
            return self.refuse(id, errand, early, &answer);
        }
        // Each round rules a server out.
        loop {
            let section = self.sections.of(errand.kind);
            if section.is_none_or(|section| section.gone) {
                let answer = errand.kind.absence();
                return self.refuse(id, errand, early, &answer);
            }
            let Some(server) = self.choose(&errand) else {
                let answer = errand.failure.take().unwrap_or_else(Answer::no_healthy_server);
                return self.refuse(id, errand, early, &answer);
            };
            self.name_server(&mut errand, server);
            let settled = match errand.kind {
                Kind::Http => self.check_out(id, server, errand, early.clone()),
                Kind::WebSocket => self.connect_for(id, server, errand, early.clone()),
            };
            match settled {
                Ok(()) => return,
                Err(unsettled) => errand = unsettled,
            }
        }
    }

    /// A server for the errand, if one is left that has not been tried.
    fn choose(&mut self, errand: &Errand) -> Option<ServerId> {
        let wish = Wish { tried: &errand.tried, cookie: errand.cookie, caller: errand.caller };
        let section = self.sections.of_mut(errand.kind)?;
        section.choose(&self.servers, &wish, self.now, &mut self.rng)
    }

    /// Has the client told the name of its server, if it is to come back and does not know it.
    fn name_server(&self, errand: &mut Errand, server: ServerId) {
        let sticky = self.sections.of(errand.kind).map(|section| section.sticky);
        let name = self.servers[server.index()].name;
        let news = sticky == Some(Sticky::Cookie) && errand.cookie != Some(name);
        errand.exchange.set_cookie(news.then_some(name));
    }

    /// Asks a server's pool for a worker; gives the errand back when another round is needed.
    fn check_out(
        &mut self,
        id: ClientId,
        server: ServerId,
        mut errand: Box<Errand>,
        early: Range<usize>,
    ) -> Result<(), Box<Errand>> {
        let waited = self.now.saturating_duration_since(errand.since);
        // A worker that turns out to be dead is no reason to pass its server over.
        loop {
            match self.servers[server.index()].pool.checkout(id, waited, self.now) {
                Checkout::Reuse(worker) => {
                    if !self.is_alive(worker, id, &errand) {
                        self.close_worker(worker);
                        continue;
                    }
                    self.clients[id.index()].enter(id, State::Exchanging(errand, worker));
                    self.drive(id, early);
                }
                Checkout::Stale(worker) => {
                    self.bury_worker(worker);
                    continue;
                }
                Checkout::Open => {
                    if let Err(error) = self.open_worker(server, None) {
                        let server_entry = &mut self.servers[server.index()];
                        server_entry.pool.leave(id);
                        let dismissed = server_entry.pool.connect_failed();
                        server_entry.dismissed.extend(dismissed);
                        self.rule_out(&mut errand, server, error.kind());
                        return Err(errand);
                    }
                    self.record(events::Kind::Spawned, Some(server), "somebody waited");
                    self.stand_in_line(id, server, errand, early);
                }
                Checkout::Wait => self.stand_in_line(id, server, errand, early),
                Checkout::Full => self.knock_again(id, server, errand, early),
            }
            return Ok(());
        }
    }

    /// Takes the worker for this client, and makes sure that it still stands.
    ///
    /// A server may close an idle connection at any moment. A request that can be sent again is
    /// simply tried; for one that cannot, a read that almost always says "nothing" is a fair price
    /// for not losing it.
    fn is_alive(&mut self, id: WorkerId, client: ClientId, errand: &Errand) -> bool {
        let worker = &mut self.workers[id.index()];
        worker.enter(id, worker::State::Busy(client));
        if !errand.exchange.is_replayable() {
            worker.socket.look_again();
        }
        self.is_quiet(id)
    }

    fn stand_in_line(
        &mut self,
        id: ClientId,
        server: ServerId,
        errand: Box<Errand>,
        early: Range<usize>,
    ) {
        self.stash(id, early);
        let patience = self.response_timeout(errand.kind);
        self.clients[id.index()].enter(id, State::Waiting(errand, server));
        self.set_deadline(id, self.now + patience);
        self.tend_pool(server);
    }

    /// No room: ask again later, at growing intervals. Only tries against a server that may open
    /// no more workers are counted.
    fn knock_again(
        &mut self,
        id: ClientId,
        server: ServerId,
        mut errand: Box<Errand>,
        early: Range<usize>,
    ) {
        let pool = &self.servers[server.index()].pool;
        let waited = self.now.saturating_duration_since(errand.since);
        let pause = if pool.open() < pool.limits().max {
            limits::KNOCKS[0].min(pool.limits().spawn_timeout.saturating_sub(waited))
        } else if let Some(pause) = limits::KNOCKS.get(errand.knocks) {
            errand.knocks += 1;
            *pause
        } else {
            self.record(events::Kind::Full, Some(server), "");
            return self.refuse(id, errand, early, &Answer::queue_full());
        };
        self.stash(id, early);
        self.clients[id.index()].enter(id, State::Knocking(errand));
        self.set_deadline(id, self.now + pause);
    }

    /// Opens a connection for this client alone.
    fn connect_for(
        &mut self,
        id: ClientId,
        server: ServerId,
        mut errand: Box<Errand>,
        early: Range<usize>,
    ) -> Result<(), Box<Errand>> {
        match self.open_worker(server, Some(id)) {
            Ok(worker) => {
                self.stash(id, early);
                let patience = self.response_timeout(errand.kind);
                errand.awaits = None;
                self.clients[id.index()].enter(id, State::Exchanging(errand, worker));
                // The connection has its own alarm; this one only has to be later.
                let connecting =
                    self.sections.of(self.kind_of(server)).map(|section| section.connect_timeout);
                self.set_deadline(id, self.now + connecting.unwrap_or_default() + patience);
                Ok(())
            }
            Err(error) => {
                if self.servers[server.index()].is_pooled() {
                    self.servers[server.index()].pool.lost_busy();
                }
                self.rule_out(&mut errand, server, error.kind());
                Err(errand)
            }
        }
    }

    /// The connection that the client counted on was not made: another server may have it, as not
    /// one byte has left (rule 26).
    pub(super) fn send_elsewhere(&mut self, id: ClientId, server: ServerId, why: io::ErrorKind) {
        let client = &mut self.clients[id.index()];
        let mut errand = match client.enter(id, State::Reading) {
            State::Waiting(errand, _) | State::Exchanging(errand, _) => errand,
            state @ (State::Arriving
            | State::Reading
            | State::Knocking(_)
            | State::Switching(..)
            | State::Answering(..)
            | State::Watching(..)
            | State::Lingering(_)
            | State::Closed) => {
                debug_assert!(false, "{id} counted on no server");
                client.enter(id, state);
                return;
            }
        };
        errand.tried.push(server);
        errand.failure = Some(failure(why));
        self.dispatch(id, errand, 0..0);
    }

    fn rule_out(&mut self, errand: &mut Errand, server: ServerId, why: io::ErrorKind) {
        errand.tried.push(server);
        errand.failure = Some(failure(why));
        self.note_unreachable(server, why, true);
    }

    /// Sends a request once more, on a fresh connection: the reused one was closed before a byte of
    /// response (rule 26). Another server is preferred. One that has just died may go on taking
    /// connections for a moment, and a second failure is the client's.
    ///
    /// Where no other has room, the fresh connection takes the dead one's place, which the pool
    /// counts until then: were it given up first, the line might have it, and all that is left to
    /// the request might be one more worker about to die.
    pub(super) fn replay(
        &mut self,
        id: ClientId,
        dead: WorkerId,
        failed: ServerId,
        mut errand: Box<Errand>,
    ) {
        errand.exchange.rewind();
        errand.replayed = true;
        errand.begun = None;
        if let Some(server) = errand.server.and_then(|id| self.servers.get_mut(id.index())) {
            server.tally.retries += 1;
        }
        self.counters.replays += 1;
        let other = self.choose_other(failed, &mut errand);
        match other {
            Some(_) => self.close_worker(dead),
            None => self.bury_worker(dead),
        }
        let server = other.unwrap_or(failed);
        self.name_server(&mut errand, server);
        if let Err(errand) = self.connect_for(id, server, errand, 0..0) {
            self.dispatch(id, errand, 0..0);
        }
    }

    /// A server with room for a fresh connection, other than the one that failed; none where the
    /// client is to stay with its own.
    fn choose_other(&mut self, failed: ServerId, errand: &mut Errand) -> Option<ServerId> {
        if self.sections.of(errand.kind)?.sticky != Sticky::Off {
            return None;
        }
        errand.tried.push(failed);
        let other = self.choose(errand);
        errand.tried.pop();
        // That a connection ended is no reason to turn to a spare.
        let spare = |id: ServerId| self.servers[id.index()].backup;
        let other = other.filter(|other| spare(failed) || !spare(*other));
        other.filter(|other| self.servers[other.index()].pool.reserve())
    }

    /// Tells the client why no server will answer it.
    pub(super) fn refuse(
        &mut self,
        id: ClientId,
        mut errand: Box<Errand>,
        early: Range<usize>,
        answer: &Answer,
    ) {
        self.stash(id, early);
        let manner = Manner::of(&mut errand.exchange);
        self.note_answer(&errand, answer);
        self.retire(errand);
        self.answer(id, answer, manner);
    }

    fn response_timeout(&self, kind: Kind) -> std::time::Duration {
        self.sections.of(kind).map_or(limits::LINGER_TIME, |section| section.response_timeout)
    }

    fn kind_of(&self, server: ServerId) -> Kind {
        self.servers[server.index()].kind
    }

    /// Keeps an errand's memory for the next one.
    pub(super) fn retire(&mut self, mut errand: Box<Errand>) {
        if std::mem::take(&mut errand.placed) {
            self.admission.leave(errand.caller);
        }
        if self.spare.len() < limits::SPARE_ERRANDS {
            errand.exchange.retire();
            self.spare.push(errand);
        }
    }
}

/// What a client is told when the last server could not be reached.
fn failure(why: io::ErrorKind) -> Answer {
    if why == io::ErrorKind::TimedOut {
        Answer::connect_timeout()
    } else {
        Answer::connect_failed()
    }
}
