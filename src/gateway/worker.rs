//! What is a connection to a server doing? It is made, lent and parked.
//!
//! ```text
//!   Connecting --stands--> Busy <--release / checkout--> Idle       any --> Closed
//!                            \--101--> (Tunnel)
//! ```
//!
//! Where the server wants a PROXY header, a connection stands when all of it has been sent.

use super::Gateway;
use super::alarm::Alarm;
use super::client;
use super::token::Token;
use crate::admin::events::Kind;
use crate::balance::pool::Release;
use crate::flow::response::End;
use crate::flow::{Stream, ready};
use crate::id::{ClientId, ServerId, WorkerId};
use crate::limits;
use crate::net::{Ready, Socket};
use crate::timer::TimerId;
use log::{debug, trace};
use std::io;
use std::time::{Duration, Instant};

/// One connection to a server.
#[derive(Debug)]
pub struct Worker {
    /// The connection.
    pub socket: Socket,
    /// Where it leads.
    pub server: ServerId,
    state: State,
    /// Exchanges served so far; a worker that has served one may be closed by its server any time.
    pub served: u32,
    /// When its connection was begun.
    begun: Instant,
    /// How long that took.
    pub took: Duration,
    /// Bytes of its PROXY header that have left, if its server wants one.
    pub(super) announced: u8,
    /// Ends a connection that does not come to stand.
    timer: Option<TimerId>,
}

/// What a worker is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// On its way, or its PROXY header is; for that client alone, or for whoever stands first in
    /// line.
    Connecting(Option<ClientId>),
    /// Parked in the pool. Nothing may arrive but the end.
    Idle,
    /// That client's, and nobody else's.
    Busy(ClientId),
    /// Departed, waiting to be buried.
    Closed,
}

impl Worker {
    /// What it is doing.
    pub fn state(&self) -> State {
        self.state
    }

    /// The one place where a worker changes its state; gives back the old one.
    pub fn enter(&mut self, id: WorkerId, next: State) -> State {
        trace!("{id}: {:?} => {next:?}", self.state);
        std::mem::replace(&mut self.state, next)
    }
}

impl Gateway {
    /// A worker's socket spoke.
    pub(super) fn on_worker(&mut self, id: WorkerId, ready: Ready) {
        let Some(worker) = self.workers.get_mut(id.index()) else { return };
        worker.socket.note(ready);
        match worker.state {
            State::Connecting(client) => self.check_connection(id, client),
            State::Idle => {
                if !self.is_quiet(id) {
                    self.close_worker(id);
                }
            }
            State::Busy(client) => self.drive(client, 0..0),
            State::Closed => {}
        }
    }

    /// Opens a connection to a server, for one client or for its line. The pool has counted it as
    /// connecting.
    ///
    /// # Errors
    /// Why it could not even be begun; the pool still counts it.
    pub(super) fn open_worker(
        &mut self,
        server: ServerId,
        client: Option<ClientId>,
    ) -> io::Result<WorkerId> {
        let entry = self.workers.vacant_entry();
        let id = WorkerId::from(entry.key());
        let address = self.servers[server.index()].socket_address();
        let address = address.ok_or(io::ErrorKind::HostUnreachable)?;
        let socket = self.net.connect(address, Token::Worker(id).into())?;
        let kind = self.servers[server.index()].kind;
        let patience = self.sections.of(kind).map_or(Duration::ZERO, |s| s.connect_timeout);
        let timer = Some(self.timers.insert(self.now + patience, Alarm::WorkerLate(id)));
        let (state, begun) = (State::Connecting(client), self.now);
        entry.insert(Worker {
            socket,
            server,
            state,
            served: 0,
            begun,
            took: Duration::ZERO,
            announced: 0,
            timer,
        });
        self.counters.connects += 1;
        let server = &mut self.servers[server.index()];
        if !server.is_pooled() {
            server.tunnels += 1;
        }
        Ok(id)
    }

    /// Has the connection come to stand? Then the server is told who comes.
    fn check_connection(&mut self, id: WorkerId, client: Option<ClientId>) {
        let stands = self.workers[id.index()].socket.connected();
        match stands.and_then(|stands| Ok(stands && self.announce(id, client)?)) {
            Ok(false) => {}
            Err(error) => self.connect_failed(id, error.kind()),
            Ok(true) => self.stand(id, client),
        }
    }

    /// A worker's connection stands.
    fn stand(&mut self, id: WorkerId, client: Option<ClientId>) {
        let worker = &mut self.workers[id.index()];
        if let Some(timer) = worker.timer.take() {
            self.timers.cancel(timer);
        }
        let server_id = worker.server;
        let server = &mut self.servers[server_id.index()];
        let is_back = server.health.connected(self.now);
        worker.took = self.now.saturating_duration_since(worker.begun);
        server.tally.connect.observe(worker.took);
        (server.refill_after, server.spawn_after) = (None, None);
        match client {
            Some(client) => {
                worker.enter(id, State::Busy(client));
                self.agenda.push_back(Token::Client(client));
            }
            None => {
                let release = server.pool.connected(id, self.now);
                self.settle(id, release);
                // Whom it was opened for may have been served by another one.
                self.arm_pool(server_id);
            }
        }
        if is_back {
            if self.ends_sitting_out(server_id) {
                self.tell_return(server_id, "it takes connections");
            }
            self.rebalance(server_id);
        }
    }

    /// The connection did not come to stand in time.
    pub(super) fn on_worker_late(&mut self, id: WorkerId) {
        self.workers[id.index()].timer = None;
        self.connect_failed(id, io::ErrorKind::TimedOut);
    }

    /// A connection that was to be made was not: whoever counted on it goes elsewhere.
    fn connect_failed(&mut self, id: WorkerId, why: io::ErrorKind) {
        let worker = &mut self.workers[id.index()];
        let State::Connecting(client) = worker.state else { return };
        let server = worker.server;
        debug!("{id}: no connection to {}: {why}", self.servers[server.index()]);
        let wanted = client.is_some() || self.servers[server.index()].pool.waiting() > 0;
        self.close_worker(id);
        self.note_unreachable(server, why, wanted);
        if let Some(client) = client {
            self.send_elsewhere(client, server, why);
        }
    }

    /// Sends on whoever was dismissed from a server's line.
    pub(super) fn on_dismissed(&mut self, server: ServerId) {
        let Some(entry) = self.servers.get_mut(server.index()) else { return };
        let (dismissed, why) = (std::mem::take(&mut entry.dismissed), entry.failure);
        for client in dismissed {
            self.send_elsewhere(client, server, why);
        }
    }

    /// Does what the pool decided about a worker that is free.
    fn settle(&mut self, id: WorkerId, release: Release) {
        let worker = &mut self.workers[id.index()];
        match release {
            Release::Park => {
                worker.enter(id, State::Idle);
            }
            Release::Close => self.bury_worker(id),
            Release::Serve(next) => {
                worker.enter(id, State::Busy(next));
                let client = &mut self.clients[next.index()];
                if let client::State::Waiting(errand, _) =
                    client.enter(next, client::State::Reading)
                {
                    client.enter(next, client::State::Exchanging(errand, id));
                    self.agenda.push_back(Token::Client(next));
                } else {
                    debug_assert!(false, "{next} stood in line and did not wait");
                }
            }
        }
    }

    /// A worker's exchange is complete: it serves again if it can.
    pub(super) fn release_worker(&mut self, id: WorkerId, end: &End) {
        self.workers[id.index()].served += 1;
        let pooled = self.servers[self.workers[id.index()].server.index()].is_pooled();
        // Only what has nothing more to say may be parked: an edge that has been seen and not read
        // (the server's FIN, most often) would never be said again.
        let keep = end.persist_worker && pooled;
        if !keep || !self.is_quiet(id) {
            return self.close_worker(id);
        }
        // The last second of what the server promised is not used: our request and its FIN might
        // cross (rule 28).
        let usable_until =
            end.keep_alive.map(|seconds| self.now + Duration::from_secs(seconds.saturating_sub(1)));
        let server = self.workers[id.index()].server;
        let release = self.servers[server.index()].pool.release(id, usable_until, self.now);
        self.settle(id, release);
        self.arm_pool(server);
    }

    /// Whether nothing has arrived that nobody asked for. Costs no call while no edge has come.
    pub(super) fn is_quiet(&mut self, id: WorkerId) -> bool {
        let mut byte = [0];
        match ready(self.workers[id.index()].socket.read(&mut byte)) {
            Ok(None) => true,
            Ok(Some(0)) | Err(_) => false,
            Ok(Some(_)) => {
                self.counters.poisoned += 1;
                debug!("{id}: bytes that belong to no response");
                false
            }
        }
    }

    /// Closes a worker, and sees to it that its server has enough others.
    pub(super) fn close_worker(&mut self, id: WorkerId) {
        let worker = &mut self.workers[id.index()];
        let old = worker.enter(id, State::Closed);
        let (server_id, unused) = (worker.server, worker.served == 0);
        if let Some(timer) = worker.timer.take() {
            self.timers.cancel(timer);
        }
        let server = &mut self.servers[server_id.index()];
        if unused && old == State::Idle {
            // A server that closes what was never used would have us reconnect without end.
            server.refill_after = Some(self.now + limits::REFILL_PAUSE);
        }
        match old {
            State::Closed => return,
            State::Connecting(None) => {
                server.dismissed.extend(server.pool.connect_failed());
            }
            State::Idle => {
                server.pool.lost_idle(id);
            }
            // One that was opened for one client alone counts as busy from the start.
            State::Connecting(Some(_)) | State::Busy(_) if server.is_pooled() => {
                server.pool.lost_busy();
            }
            State::Connecting(Some(_)) | State::Busy(_) => server.tunnels -= 1,
        }
        self.departed.push(Token::Worker(id));
        self.tend_pool(server_id);
    }

    /// Opens what the line or the floor asks for, closes what has idled too long, and sets the
    /// alarm for the next time either may be due.
    pub(super) fn tend_pool(&mut self, id: ServerId) {
        if !self.servers[id.index()].is_pooled() {
            return;
        }
        while let Some(worker) = self.servers[id.index()].pool.reap(self.now) {
            self.bury_worker(worker);
        }
        let server = &mut self.servers[id.index()];
        let mut wanted = 0;
        if server.spawn_after.is_none_or(|after| after <= self.now) {
            wanted += server.pool.spawns_due(self.now);
        }
        if wanted > 0 {
            self.record(Kind::Spawned, Some(id), "somebody waited");
        }
        let server = &mut self.servers[id.index()];
        let may_refill = self.stopping.is_none()
            && server.is_available(self.now)
            && server.refill_after.is_none_or(|after| after <= self.now);
        if may_refill {
            server.refill_after = None;
            wanted += server.pool.shortage();
        } else if server.is_available(self.now) {
            wanted += server.pool.last_resort();
        }
        for _ in 0..wanted {
            if let Err(error) = self.open_worker(id, None) {
                let server = &mut self.servers[id.index()];
                server.dismissed.extend(server.pool.connect_failed());
                server.refill_after = Some(self.now + limits::REFILL_PAUSE);
                server.spawn_after = server.refill_after;
                debug!("{server}: {error}");
            }
        }
        let server = &mut self.servers[id.index()];
        if server.pool.open() == 0 && !may_refill {
            server.dismissed.extend(server.pool.dismiss());
        }
        if !server.dismissed.is_empty() {
            self.agenda.push_back(Token::Line(id));
        }
        self.arm_pool(id);
    }

    /// Closes a worker whose place in the pool is given up already, or kept for another.
    pub(super) fn bury_worker(&mut self, id: WorkerId) {
        self.workers[id.index()].enter(id, State::Closed);
        self.departed.push(Token::Worker(id));
    }

    /// Sets the alarm for the next time that there may be something to do. Always in the future:
    /// what could not be done now, for want of a server that is up, say, is not asked for again
    /// within the same turn.
    fn arm_pool(&mut self, id: ServerId) {
        let server = &mut self.servers[id.index()];
        let refill = server.refill_after.filter(|after| *after > self.now);
        let due = [server.pool.next_due(), refill].into_iter().flatten().min();
        let due = due.map(|due| due.max(self.now + limits::TICK));
        let Some(due) = due else { return };
        match server.pool_alarm {
            Some((set, _)) if set <= due => {}
            old => {
                if let Some((_, timer)) = old {
                    self.timers.cancel(timer);
                }
                server.pool_alarm = Some((due, self.timers.insert(due, Alarm::PoolDue(id))));
            }
        }
    }
}
