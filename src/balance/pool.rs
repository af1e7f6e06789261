//! Which worker? One server's workers and the line of requests that wait for one.
//!
//! A request takes the most recently used idle worker; if none is idle it joins the line, which is
//! served first come, first served. The pool only keeps the books: it says which worker serves
//! which client and how many workers to open, and the caller opens, closes and tells what became
//! of it.
//!
//! ```text
//!            checkout: Open               connected             release
//!            spawns_due, shortage            |          line empty  |
//! (nothing) ----------------> connecting ----+--> busy <------------+--> idle ---> (nothing)
//!     ^                           |               |  ^  checkout: Reuse   |    reap
//!     +------ connect_failed -----+   lost_busy --+  +--------------------+    lost_idle
//! ```
//!
//! Two invariants carry the rest. While anybody stands in line no worker is idle. And the line is
//! never longer than its limit plus the connecting workers: those are bound to no client, each
//! will take whoever is first in line when it is ready.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::id::{ClientId, WorkerId};

/// What the configuration allows one server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PoolLimits {
    /// Workers kept open (`min_workers`).
    pub min: usize,
    /// The most workers, connecting ones included (`max_workers`).
    pub max: usize,
    /// Requests that may stand in line besides those a connecting worker will take
    /// (`buffer_size`).
    pub line: usize,
    /// After this long without work a worker above `min` is closed.
    pub worker_timeout: Duration,
    /// A request that has waited this long opens one more worker.
    pub spawn_timeout: Duration,
}

/// What a request gets that asks for a worker.
#[must_use]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Checkout {
    /// This worker, which was idle and now is busy.
    Reuse(WorkerId),
    /// Nothing yet: this idle worker is past its time and already forgotten here. The caller
    /// closes it and asks again.
    Stale(WorkerId),
    /// A place in line; and the caller opens one more worker, which counts as connecting.
    Open,
    /// A place in line.
    Wait,
    /// Nothing: no worker is idle, none may be opened yet, and the line is full.
    Full,
}

/// What becomes of a worker that is free.
#[must_use]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Release {
    /// It is busy with this client, which was first in line.
    Serve(ClientId),
    /// It is idle, on top of the stack.
    Park,
    /// It is forgotten here, and the caller closes it: past its time, or more than `max` are open.
    Close,
}

/// One server's workers.
#[derive(Debug)]
pub struct Pool {
    limits: PoolLimits,
    /// The most recently used one last.
    idle: Vec<Idle>,
    connecting: usize,
    busy: usize,
    line: VecDeque<Waiter>,
}

#[derive(Debug)]
struct Idle {
    worker: WorkerId,
    since: Instant,
    /// The server may close the worker from then on (its `Keep-Alive: timeout=N`).
    usable_until: Option<Instant>,
}

#[derive(Debug)]
struct Waiter {
    client: ClientId,
    /// Never before that of the one in front, so that the line is also sorted by patience.
    since: Instant,
}

impl Pool {
    /// A pool without workers; [`shortage`](Self::shortage) then tells how many to open.
    pub fn new(limits: PoolLimits) -> Self {
        Self { limits, idle: Vec::new(), connecting: 0, busy: 0, line: VecDeque::new() }
    }

    /// The limits in force.
    pub fn limits(&self) -> &PoolLimits {
        &self.limits
    }

    /// Puts other limits in force. Nobody is sent out of a line that became too long, and busy
    /// workers above a lower `max` finish their exchange. The caller then closes what
    /// [`reap`](Self::reap) names and opens what [`shortage`](Self::shortage) asks for.
    pub fn set_limits(&mut self, limits: PoolLimits) {
        self.limits = limits;
    }

    /// A request wants a worker. `waited` is how long it has been kept waiting already because
    /// every earlier answer was [`Checkout::Full`]. It must not stand in this line yet.
    ///
    /// A worker is opened at once also when none is open at all: to wait is to hope that a busy
    /// one comes free, and there is none.
    pub fn checkout(&mut self, client: ClientId, waited: Duration, now: Instant) -> Checkout {
        debug_assert!(!self.is_waiting(client), "{client} stands in line twice");
        if let Some(idle) = self.idle.pop() {
            if !idle.is_usable(now) {
                return Checkout::Stale(idle.worker);
            }
            self.busy += 1;
            return Checkout::Reuse(idle.worker);
        }
        let awaited = self.line.len() < self.connecting;
        let impatient = waited >= self.limits.spawn_timeout || self.open() == 0;
        let opens = !awaited && impatient && self.room() > 0;
        if opens {
            self.connecting += 1;
        } else if self.line.len() >= self.places() {
            return Checkout::Full;
        }
        let since = now.checked_sub(waited).unwrap_or(now);
        let since = self.line.back().map_or(since, |last| last.since.max(since));
        self.line.push_back(Waiter { client, since });
        if opens { Checkout::Open } else { Checkout::Wait }
    }

    /// Takes a client out of the line; false if it does not stand in it.
    pub fn leave(&mut self, client: ClientId) -> bool {
        let place = self.line.iter().position(|waiter| waiter.client == client);
        place.and_then(|place| self.line.remove(place)).is_some()
    }

    /// Counts one more worker, opened for one request in particular (a retry on a fresh
    /// connection); false if `max` are open. It is busy from the start and never serves the line
    /// before it is released, so that its failure is a [`lost_busy`](Self::lost_busy).
    pub fn reserve(&mut self) -> bool {
        let room = self.room() > 0;
        self.busy += usize::from(room);
        room
    }

    /// A connecting worker is ready.
    pub fn connected(&mut self, worker: WorkerId, now: Instant) -> Release {
        self.connecting = less_one(self.connecting);
        self.busy += 1;
        self.release(worker, None, now)
    }

    /// A connecting worker did not come to be. Returns the clients that are no longer in line: the
    /// last ones, as many as stood there only because of that worker, or all when no other worker
    /// is open or on its way. They are to try another server.
    #[must_use]
    pub fn connect_failed(&mut self) -> Vec<ClientId> {
        self.connecting = less_one(self.connecting);
        self.dismiss()
    }

    /// Sends away whoever stands in line in vain: everybody when no worker is open or on its way,
    /// otherwise the last ones beyond what the line may hold. They are to try another server.
    #[must_use]
    pub fn dismiss(&mut self) -> Vec<ClientId> {
        let places = if self.open() == 0 { 0 } else { self.places() };
        let stay = places.min(self.line.len());
        self.line.drain(stay..).map(|waiter| waiter.client).collect()
    }

    /// A busy worker is free again; it may be idle until just before `usable_until`.
    pub fn release(
        &mut self,
        worker: WorkerId,
        usable_until: Option<Instant>,
        now: Instant,
    ) -> Release {
        let idle = Idle { worker, since: now, usable_until };
        if self.open() > self.limits.max || !idle.is_usable(now) {
            self.lost_busy();
            return Release::Close;
        }
        if let Some(waiter) = self.line.pop_front() {
            return Release::Serve(waiter.client);
        }
        self.busy = less_one(self.busy);
        self.idle.push(idle);
        Release::Park
    }

    /// A busy worker was closed. [`shortage`](Self::shortage) tells whether to replace it.
    pub fn lost_busy(&mut self) {
        self.busy = less_one(self.busy);
    }

    /// An idle worker was closed, by its server for instance; false if it was not idle here.
    pub fn lost_idle(&mut self, worker: WorkerId) -> bool {
        let place = self.idle.iter().position(|idle| idle.worker == worker);
        place.map(|place| self.idle.remove(place)).is_some()
    }

    /// How many workers to open now because of requests in line for `spawn_timeout`: one for each
    /// such request that no connecting worker will take, as far as `max` allows. They count as
    /// connecting at once.
    pub fn spawns_due(&mut self, now: Instant) -> usize {
        let patience = self.limits.spawn_timeout;
        let unserved = self.line.iter().skip(self.connecting);
        let overdue = unserved
            .take_while(|waiter| now.saturating_duration_since(waiter.since) >= patience)
            .take(self.room())
            .count();
        self.connecting += overdue;
        overdue
    }

    /// How many workers to open now, whatever else speaks against it, because people stand in line
    /// and every worker that they waited for is gone: one. It counts as connecting at once.
    pub fn last_resort(&mut self) -> usize {
        let stranded = self.open() == 0 && !self.line.is_empty();
        self.connecting += usize::from(stranded);
        usize::from(stranded)
    }

    /// How many workers to open now to have `min` of them, and at least one while anybody stands
    /// in line. They count as connecting at once.
    pub fn shortage(&mut self) -> usize {
        let floor = self.limits.min.max(usize::from(!self.line.is_empty()));
        let missing = floor.min(self.limits.max).saturating_sub(self.open());
        self.connecting += missing;
        missing
    }

    /// The longest idle worker that is to be closed now: idle for `worker_timeout` while more than
    /// `min` are open, or past the time it may be used, or above `max`. It is forgotten here, and
    /// the caller closes it, and asks again. Costs one look at each idle worker.
    pub fn reap(&mut self, now: Instant) -> Option<WorkerId> {
        let open = self.open();
        let limits = self.limits;
        let place = self.idle.iter().position(|idle| {
            let tired = now.saturating_duration_since(idle.since) >= limits.worker_timeout;
            !idle.is_usable(now) || open > limits.max || (open > limits.min && tired)
        })?;
        Some(self.idle.remove(place).worker)
    }

    /// When [`spawns_due`](Self::spawns_due) or [`reap`](Self::reap) will next have something to
    /// say, if nothing happens before. Costs one look at each idle worker: a caller that has an
    /// alarm set need not ask after every request.
    pub fn next_due(&self) -> Option<Instant> {
        let unserved = self.line.get(self.connecting).filter(|_| self.room() > 0);
        let spawn = unserved.and_then(|w| w.since.checked_add(self.limits.spawn_timeout));
        let oldest = self.idle.first().filter(|_| self.open() > self.limits.min);
        let reap = oldest.and_then(|idle| idle.since.checked_add(self.limits.worker_timeout));
        let unusable = self.idle.iter().filter_map(|idle| idle.usable_until).min();
        [spawn, reap, unusable].into_iter().flatten().min()
    }

    /// Workers that wait for work.
    pub fn idle(&self) -> usize {
        self.idle.len()
    }

    /// Workers with an exchange under way, and those opened for one request in particular.
    pub fn busy(&self) -> usize {
        self.busy
    }

    /// Workers whose connection is being made, bound to no client.
    pub fn connecting(&self) -> usize {
        self.connecting
    }

    /// Clients in line.
    pub fn waiting(&self) -> usize {
        self.line.len()
    }

    /// All workers, whatever they do: never more than `max`, but after `max` was lowered.
    pub fn open(&self) -> usize {
        self.idle.len() + self.connecting + self.busy
    }

    /// Whether a client stands in line. Costs one look at each.
    pub fn is_waiting(&self, client: ClientId) -> bool {
        self.line.iter().any(|waiter| waiter.client == client)
    }

    /// How many clients may stand in line.
    fn places(&self) -> usize {
        self.limits.line.saturating_add(self.connecting)
    }

    /// How many more workers may be opened.
    fn room(&self) -> usize {
        self.limits.max.saturating_sub(self.open())
    }
}

impl Idle {
    fn is_usable(&self, now: Instant) -> bool {
        self.usable_until.is_none_or(|until| now < until)
    }
}

/// A count of workers after one of them is gone: below zero is a fault of the caller, and would
/// open workers without end if it wrapped around.
fn less_one(count: usize) -> usize {
    debug_assert!(count > 0, "a worker was lost that was not counted");
    count.saturating_sub(1)
}

#[cfg(test)]
mod tests;
