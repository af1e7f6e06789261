//! The pool beside a naive model, and the rules one by one.

use super::*;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

const LIMITS: PoolLimits = PoolLimits {
    min: 1,
    max: 3,
    line: 2,
    worker_timeout: Duration::from_secs(3),
    spawn_timeout: Duration::from_millis(100),
};

fn client(number: usize) -> ClientId {
    ClientId::from(number)
}

fn worker(number: usize) -> WorkerId {
    WorkerId::from(number)
}

fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// A pool with the given workers idle, the last one used last.
fn pool_with_idle(limits: PoolLimits, workers: &[usize], now: Instant) -> Pool {
    let mut pool = Pool::new(limits);
    for &number in workers {
        assert!(pool.reserve());
        assert_eq!(pool.release(worker(number), None, now), Release::Park);
    }
    pool
}

fn ask(pool: &mut Pool, number: usize, now: Instant) -> Checkout {
    pool.checkout(client(number), Duration::ZERO, now)
}

#[test]
fn the_most_recently_used_worker_goes_first() {
    let now = Instant::now();
    let mut pool = pool_with_idle(LIMITS, &[7, 8, 9], now);
    assert_eq!(ask(&mut pool, 1, now), Checkout::Reuse(worker(9)));
    assert_eq!(ask(&mut pool, 2, now), Checkout::Reuse(worker(8)));
    assert_eq!(pool.release(worker(9), None, now), Release::Park);
    assert_eq!(ask(&mut pool, 3, now), Checkout::Reuse(worker(9)));
}

#[test]
fn the_line_is_served_first_come_first_served_up_to_its_limit() {
    let now = Instant::now();
    let mut pool = pool_with_idle(LIMITS, &[7], now);
    assert_eq!(ask(&mut pool, 1, now), Checkout::Reuse(worker(7)));
    assert_eq!(ask(&mut pool, 2, now), Checkout::Wait);
    assert_eq!(ask(&mut pool, 3, now), Checkout::Wait);
    assert_eq!(ask(&mut pool, 4, now), Checkout::Full);
    assert!(pool.leave(client(2)));
    assert!(!pool.leave(client(2)));
    assert_eq!(ask(&mut pool, 4, now), Checkout::Wait);
    assert_eq!(pool.release(worker(7), None, now), Release::Serve(client(3)));
    assert_eq!(pool.release(worker(7), None, now), Release::Serve(client(4)));
    assert_eq!(pool.release(worker(7), None, now), Release::Park);
}

#[test]
fn the_first_request_ever_opens_a_worker_at_once() {
    let now = Instant::now();
    let mut pool = Pool::new(PoolLimits { min: 0, line: 0, ..LIMITS });
    assert_eq!(ask(&mut pool, 1, now), Checkout::Open);
    assert_eq!(ask(&mut pool, 2, now), Checkout::Full);
    assert_eq!(pool.connected(worker(7), now), Release::Serve(client(1)));
}

#[test]
fn a_worker_on_its_way_is_room_for_one_request() {
    let now = Instant::now();
    let mut pool = Pool::new(PoolLimits { line: 0, spawn_timeout: millis(0), ..LIMITS });
    assert_eq!(pool.shortage(), 1);
    assert_eq!(ask(&mut pool, 1, now), Checkout::Wait, "the floor's worker will take it");
    assert_eq!(ask(&mut pool, 2, now), Checkout::Open);
    assert_eq!(ask(&mut pool, 3, now), Checkout::Open);
    assert_eq!(ask(&mut pool, 4, now), Checkout::Full);
}

#[test]
fn patience_spent_in_line_or_before_it_opens_one_worker_each() {
    let start = Instant::now();
    let mut pool = pool_with_idle(LIMITS, &[7], start);
    assert_eq!(ask(&mut pool, 1, start), Checkout::Reuse(worker(7)));
    assert_eq!(ask(&mut pool, 2, start), Checkout::Wait);
    assert_eq!(ask(&mut pool, 3, start + millis(10)), Checkout::Wait);
    assert_eq!(pool.next_due(), Some(start + millis(100)));
    assert_eq!(pool.spawns_due(start + millis(99)), 0);
    assert_eq!(pool.spawns_due(start + millis(100)), 1);
    assert_eq!(pool.next_due(), Some(start + millis(110)));
    assert_eq!(pool.spawns_due(start + millis(100)), 0, "one at a time");
    // The ceiling is reached by one who was turned away until its patience was over.
    let knocking = pool.checkout(client(4), millis(100), start + millis(109));
    assert_eq!(knocking, Checkout::Open);
    assert_eq!(pool.spawns_due(start + millis(500)), 0);
    assert_eq!(pool.open(), 3);
    assert_eq!(pool.next_due(), None);
}

#[test]
fn a_failed_connect_sends_away_whom_only_that_worker_made_room_for() {
    let now = Instant::now();
    let mut pool = pool_with_idle(PoolLimits { line: 1, ..LIMITS }, &[7], now);
    assert_eq!(ask(&mut pool, 1, now), Checkout::Reuse(worker(7)));
    assert_eq!(ask(&mut pool, 2, now), Checkout::Wait);
    assert_eq!(pool.checkout(client(3), millis(100), now), Checkout::Open);
    assert_eq!(pool.checkout(client(4), millis(100), now), Checkout::Open);
    assert_eq!(pool.connect_failed(), [client(4)]);
    assert_eq!(pool.connect_failed(), [client(3)]);
    assert_eq!(pool.waiting(), 1);
}

#[test]
fn nobody_waits_for_a_server_that_has_no_worker_and_gets_none() {
    let now = Instant::now();
    let mut pool = Pool::new(LIMITS);
    assert_eq!(pool.shortage(), 1);
    for number in 1..=3 {
        assert_eq!(ask(&mut pool, number, now), Checkout::Wait);
    }
    assert_eq!(pool.connect_failed(), [client(1), client(2), client(3)]);
    assert_eq!((pool.open(), pool.waiting()), (0, 0));
}

#[test]
fn the_last_worker_lost_is_replaced_while_anybody_waits() {
    let now = Instant::now();
    let mut pool = pool_with_idle(PoolLimits { min: 0, ..LIMITS }, &[7], now);
    assert_eq!(ask(&mut pool, 1, now), Checkout::Reuse(worker(7)));
    assert_eq!(ask(&mut pool, 2, now), Checkout::Wait);
    pool.lost_busy();
    assert_eq!(pool.shortage(), 1);
    assert_eq!(pool.shortage(), 0);
    assert_eq!(pool.connected(worker(8), now), Release::Serve(client(2)));
}

#[test]
fn an_idle_worker_past_its_time_is_never_handed_out() {
    let start = Instant::now();
    let mut pool = pool_with_idle(LIMITS, &[7], start);
    assert!(pool.reserve());
    let until = start + millis(500);
    assert_eq!(pool.release(worker(8), Some(until), start), Release::Park);
    assert_eq!(pool.next_due(), Some(until));
    assert_eq!(ask(&mut pool, 1, until), Checkout::Stale(worker(8)));
    assert_eq!(ask(&mut pool, 1, until), Checkout::Reuse(worker(7)));
    assert_eq!(ask(&mut pool, 2, until), Checkout::Wait);
    // Not even to the line, when its time is over as soon as it is free.
    assert_eq!(pool.release(worker(7), Some(until), until), Release::Close);
    assert_eq!(pool.shortage(), 1);
}

#[test]
fn the_longest_idle_is_closed_down_to_the_floor() {
    let start = Instant::now();
    let mut pool = pool_with_idle(LIMITS, &[7, 8], start);
    assert_eq!(pool.next_due(), Some(start + LIMITS.worker_timeout));
    assert_eq!(pool.reap(start + millis(2_999)), None);
    assert_eq!(pool.reap(start + millis(3_000)), Some(worker(7)));
    assert_eq!(pool.reap(start + millis(9_000)), None);
    assert_eq!(pool.next_due(), None, "the floor does not tire");
    assert!(pool.lost_idle(worker(8)));
    assert!(!pool.lost_idle(worker(8)));
    assert_eq!(pool.shortage(), 1);
}

#[test]
fn a_lowered_ceiling_closes_the_idle_at_once_and_the_busy_when_they_are_free() {
    let now = Instant::now();
    let mut pool = pool_with_idle(LIMITS, &[7, 8, 9], now);
    assert_eq!(ask(&mut pool, 1, now), Checkout::Reuse(worker(9)));
    assert_eq!(ask(&mut pool, 2, now), Checkout::Reuse(worker(8)));
    pool.set_limits(PoolLimits { max: 1, ..LIMITS });
    assert_eq!(pool.reap(now), Some(worker(7)));
    assert_eq!(pool.reap(now), None);
    assert_eq!(ask(&mut pool, 3, now), Checkout::Wait);
    assert!(!pool.reserve());
    assert_eq!(pool.release(worker(9), None, now), Release::Close);
    assert_eq!(pool.release(worker(8), None, now), Release::Serve(client(3)));
}

/// One list of workers and one of clients, searched from end to end for every question.
struct Model {
    limits: PoolLimits,
    workers: Vec<(Work, Option<WorkerId>)>,
    line: Vec<(ClientId, Instant)>,
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Work {
    Connecting,
    Busy,
    /// Since when, until when.
    Idle(Instant, Option<Instant>),
}

impl Model {
    fn count(&self, is: impl Fn(Work) -> bool) -> usize {
        self.workers.iter().filter(|(work, _)| is(*work)).count()
    }

    fn connecting(&self) -> usize {
        self.count(|work| work == Work::Connecting)
    }

    fn idle(&self) -> usize {
        self.count(|work| matches!(work, Work::Idle(..)))
    }

    fn remove(&mut self, place: usize) -> Option<WorkerId> {
        self.workers.remove(place).1
    }

    fn place(&self, is: impl Fn(Work) -> bool) -> Option<usize> {
        self.workers.iter().position(|(work, _)| is(*work))
    }

    fn open_more(&mut self, count: usize) {
        self.workers.extend((0..count).map(|_| (Work::Connecting, None)));
    }

    fn checkout(&mut self, client: ClientId, waited: Duration, now: Instant) -> Checkout {
        // The list keeps the order of parking: the last idle one is the most recently used.
        let idle = self.workers.iter().rposition(|(work, _)| matches!(work, Work::Idle(..)));
        if let Some(place) = idle {
            let (work, id) = self.workers.remove(place);
            let id = id.expect("an idle worker is named");
            if matches!(work, Work::Idle(_, Some(until)) if until <= now) {
                return Checkout::Stale(id);
            }
            self.workers.push((Work::Busy, Some(id)));
            return Checkout::Reuse(id);
        }
        let impatient = waited >= self.limits.spawn_timeout || self.workers.is_empty();
        let below = self.workers.len() < self.limits.max;
        let opens = impatient && below && self.connecting() <= self.line.len();
        if !opens && self.line.len() >= self.limits.line + self.connecting() {
            return Checkout::Full;
        }
        self.open_more(usize::from(opens));
        let ahead = self.line.iter().map(|waiter| waiter.1).max();
        self.line.push((client, (now - waited).max(ahead.unwrap_or(now - waited))));
        if opens { Checkout::Open } else { Checkout::Wait }
    }

    fn free(&mut self, id: WorkerId, until: Option<Instant>, now: Instant) -> Release {
        let above = self.workers.len() >= self.limits.max;
        if above || until.is_some_and(|until| until <= now) {
            return Release::Close;
        }
        if self.line.is_empty() {
            self.workers.push((Work::Idle(now, until), Some(id)));
            return Release::Park;
        }
        self.workers.push((Work::Busy, Some(id)));
        Release::Serve(self.line.remove(0).0)
    }

    fn spawns_due(&mut self, now: Instant) -> usize {
        let patience = self.limits.spawn_timeout;
        let due = self.line.iter().filter(|(_, since)| *since + patience <= now).count();
        let wanted = due.saturating_sub(self.connecting());
        let count = wanted.min(self.limits.max.saturating_sub(self.workers.len()));
        self.open_more(count);
        count
    }

    fn reap(&mut self, now: Instant) -> Option<WorkerId> {
        let (open, limits) = (self.workers.len(), self.limits);
        let place = self.place(|work| match work {
            Work::Idle(since, until) => {
                open > limits.max
                    || until.is_some_and(|until| until <= now)
                    || (open > limits.min && since + limits.worker_timeout <= now)
            }
            Work::Connecting | Work::Busy => false,
        })?;
        self.remove(place)
    }
}

/// A walk of pool and model side by side.
struct Walk {
    rng: StdRng,
    now: Instant,
    pool: Pool,
    model: Model,
    numbers: usize,
}

impl Walk {
    fn limits(rng: &mut StdRng) -> PoolLimits {
        let max = rng.random_range(1..6);
        PoolLimits {
            min: rng.random_range(0..=max),
            max,
            line: rng.random_range(0..4),
            worker_timeout: millis(rng.random_range(0..3_000)),
            spawn_timeout: millis(*[0, 100, 700].choose(rng).expect("three")),
        }
    }

    fn number(&mut self) -> usize {
        self.numbers += 1;
        self.numbers
    }

    fn free(&mut self, id: WorkerId, connected: bool) {
        let waiting = self.pool.waiting();
        let until = (!connected && self.rng.random_bool(0.3))
            .then(|| self.now + millis(self.rng.random_range(0..2_000)));
        let expected = self.model.free(id, until, self.now);
        let got = if connected {
            self.pool.connected(id, self.now)
        } else {
            self.pool.release(id, until, self.now)
        };
        assert_eq!(got, expected);
        assert!(got != Release::Park || waiting == 0, "a waiter was forgotten");
    }

    fn step(&mut self) {
        let now = self.now;
        match self.rng.random_range(0..14) {
            0..4 => {
                let id = client(self.number());
                let waited = millis(*[0, 0, 100, 300, 700].choose(&mut self.rng).expect("five"));
                let expected = self.model.checkout(id, waited, now);
                assert_eq!(self.pool.checkout(id, waited, now), expected);
            }
            4..6 => {
                if let Some(place) = self.model.place(|work| work == Work::Busy) {
                    let id = self.model.remove(place).unwrap_or_else(|| worker(0));
                    self.free(id, false);
                }
            }
            6 | 7 => {
                if let Some(place) = self.model.place(|work| work == Work::Connecting) {
                    self.model.remove(place);
                    let id = worker(self.number());
                    self.free(id, true);
                }
            }
            8 => self.connect_fails(),
            9 => self.a_worker_is_lost(),
            10 => {
                let id = client(self.rng.random_range(0..=self.numbers));
                let place = self.model.line.iter().position(|waiter| waiter.0 == id);
                assert_eq!(self.pool.leave(id), place.is_some());
                place.map(|place| self.model.line.remove(place));
            }
            11 => {
                let floor = self.model.limits.min.max(usize::from(!self.model.line.is_empty()));
                let missing = floor.saturating_sub(self.model.workers.len());
                assert_eq!(self.pool.shortage(), missing);
                self.model.open_more(missing);
            }
            12 => {
                let room = self.model.workers.len() < self.model.limits.max;
                assert_eq!(self.pool.reserve(), room);
                if room {
                    let id = worker(self.number());
                    self.model.workers.push((Work::Busy, Some(id)));
                }
            }
            _ => self.time_passes(),
        }
    }

    fn connect_fails(&mut self) {
        let Some(place) = self.model.place(|work| work == Work::Connecting) else {
            return;
        };
        self.model.remove(place);
        let room = self.model.limits.line + self.model.connecting();
        let stay = if self.model.workers.is_empty() { 0 } else { room.min(self.model.line.len()) };
        let sent: Vec<ClientId> = self.model.line.drain(stay..).map(|waiter| waiter.0).collect();
        assert_eq!(self.pool.connect_failed(), sent);
    }

    fn a_worker_is_lost(&mut self) {
        let Some(place) = self.model.place(|work| work != Work::Connecting) else {
            return;
        };
        let (work, id) = self.model.workers.remove(place);
        match (work, id) {
            (Work::Idle(..), Some(id)) => assert!(self.pool.lost_idle(id)),
            (Work::Idle(..), None) => unreachable!("an idle worker is named"),
            (Work::Busy | Work::Connecting, _) => self.pool.lost_busy(),
        }
    }

    /// The clock moves on; what the alarm is for is done when it was announced, and not before.
    fn time_passes(&mut self) {
        self.now += millis(self.rng.random_range(0..500));
        let announced = self.pool.next_due().is_some_and(|at| at <= self.now);
        let spawned = self.model.spawns_due(self.now);
        assert_eq!(self.pool.spawns_due(self.now), spawned);
        let mut reaped = 0;
        while let Some(id) = self.model.reap(self.now) {
            assert_eq!(self.pool.reap(self.now), Some(id));
            reaped += 1;
        }
        assert_eq!(self.pool.reap(self.now), None);
        assert_eq!(announced, spawned + reaped > 0, "next_due is wrong");
        assert!(self.pool.next_due().is_none_or(|at| at > self.now), "the alarm spins");
    }

    fn check(&self) {
        let (pool, model) = (&self.pool, &self.model);
        assert_eq!(pool.open(), model.workers.len());
        assert_eq!(pool.idle(), model.idle());
        assert_eq!(pool.connecting(), model.connecting());
        assert_eq!(pool.waiting(), model.line.len());
        assert!(pool.open() <= pool.limits().max);
        assert!(pool.waiting() == 0 || pool.idle() == 0, "somebody waits beside an idle worker");
        assert!(pool.waiting() <= pool.limits().line + pool.connecting());
        for (place, waiter) in model.line.iter().enumerate() {
            assert!(pool.is_waiting(waiter.0));
            assert!(model.line[..place].iter().all(|other| other.0 != waiter.0), "twice in line");
        }
    }
}

#[test]
fn the_pool_agrees_with_a_naive_model() {
    for seed in 0..400 {
        let mut rng = StdRng::seed_from_u64(seed);
        let limits = Walk::limits(&mut rng);
        let model = Model { limits, workers: Vec::new(), line: Vec::new() };
        let now = Instant::now() + Duration::from_secs(60);
        let mut walk = Walk { rng, now, pool: Pool::new(limits), model, numbers: 0 };
        for _ in 0..400 {
            walk.step();
            walk.check();
        }
    }
}
