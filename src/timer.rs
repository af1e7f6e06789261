//! When? A wheel of deadlines: the gateway's only source of time-outs.
//!
//! A hashed wheel (Varghese and Lauck, 1987): a deadline is rounded up to a tick, and the tick
//! modulo 256 says in which slot its entry waits. To insert and to cancel is a few links whatever
//! the number of entries, and to pass the time is one look into each slot that went by.
//!
//! ```text
//!             slot 0   1   2  ..  255
//!                  |   |   |       |       tick passes      pop_expired
//! insert --------> e   e   .       e    ----------------> due ---------> key
//!                  |       in a slot: tick > passed       in due: tick <= passed
//!                  e
//! ```
//!
//! Entries whose tick has passed are first moved to the due list, all together, and delivered from
//! there one at a time. So whoever receives a key may insert and cancel as he likes, also an entry
//! that is due but not yet delivered: a cancelled entry is never delivered.
//!
//! Deadlines that are pushed back with every byte need not be cancelled and inserted each time:
//! leave the entry, remember the deadline elsewhere, and insert anew when the entry comes early.

use std::time::{Duration, Instant};

use slab::Slab;

/// Slots of the wheel; at 100 ms a tick one revolution is 25.6 s. Entries beyond a revolution stay
/// in their slot and are looked at once per revolution.
const SLOTS: usize = 256;
/// The list after those of the slots: entries whose tick has passed.
const DUE: usize = SLOTS;
/// The link of the last entry, and of an empty list.
const NONE: u32 = u32::MAX;

/// Keys of type `K`, each waiting for its deadline.
///
/// A key is delivered at the first [`pop_expired`](Self::pop_expired) at or after its deadline
/// rounded up to a tick: never early, at most one tick late. The order of delivery follows the
/// ticks, and within a tick the order of insertion, but for clock jumps of more than a revolution.
///
/// ```
/// use std::time::{Duration, Instant};
/// use tidegate::timer::Wheel;
///
/// let start = Instant::now();
/// let mut wheel = Wheel::new(start, Duration::from_millis(100));
/// wheel.insert(start + Duration::from_millis(250), "head is late");
/// let idle = wheel.insert(start + Duration::from_secs(75), "connection is idle");
///
/// assert_eq!(wheel.pop_expired(start + Duration::from_millis(249)), None);
/// assert_eq!(wheel.next_wakeup(), Some(start + Duration::from_millis(300)));
/// assert_eq!(wheel.pop_expired(start + Duration::from_millis(300)), Some("head is late"));
///
/// assert_eq!(wheel.cancel(idle), Some("connection is idle"));
/// assert_eq!(wheel.cancel(idle), None);
/// assert_eq!(wheel.next_wakeup(), None);
/// ```
#[derive(Debug)]
pub struct Wheel<K> {
    epoch: Instant,
    /// Nanoseconds per tick.
    tick: u64,
    /// The last tick that has passed; a deadline is due when its tick is not beyond it.
    passed: u64,
    /// No entry of a slot has a tick below this one.
    soonest: u64,
    /// Inserts so far, modulo 2^32.
    serial: u32,
    lists: [List; SLOTS + 1],
    entries: Slab<Entry<K>>,
}

/// Names one entry of a [`Wheel`].
///
/// An id outlives its entry harmlessly: after delivery or cancellation it names nothing, also when
/// the place of the entry has been given to another (short of 2^32 inserts in between).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TimerId {
    index: u32,
    serial: u32,
}

#[derive(Debug)]
struct Entry<K> {
    tick: u64,
    serial: u32,
    previous: u32,
    next: u32,
    key: K,
}

#[derive(Clone, Copy, Debug)]
struct List {
    first: u32,
    last: u32,
}

impl<K> Wheel<K> {
    /// An empty wheel that counts ticks of the given length (at least a nanosecond) from `epoch`.
    pub fn new(epoch: Instant, tick: Duration) -> Self {
        Self {
            epoch,
            tick: nanos(tick).max(1),
            passed: 0,
            soonest: u64::MAX,
            serial: 0,
            lists: [List { first: NONE, last: NONE }; SLOTS + 1],
            entries: Slab::new(),
        }
    }

    /// Has `key` delivered once `deadline` is over. A deadline in the past is due at once, and is
    /// delivered by the very loop over [`pop_expired`](Self::pop_expired) that may be under way.
    pub fn insert(&mut self, deadline: Instant, key: K) -> TimerId {
        let tick = nanos(deadline.saturating_duration_since(self.epoch)).div_ceil(self.tick);
        self.serial = self.serial.wrapping_add(1);
        let entry = Entry { tick, serial: self.serial, previous: NONE, next: NONE, key };
        let index = self.entries.insert(entry) as u32;
        let home = self.home(tick);
        if home != DUE {
            self.soonest = self.soonest.min(tick);
        }
        self.append(home, index);
        TimerId { index, serial: self.serial }
    }

    /// Takes an entry back: its key, or None when it was delivered or cancelled before.
    pub fn cancel(&mut self, id: TimerId) -> Option<K> {
        let entry =
            self.entries.get(id.index as usize).filter(|entry| entry.serial == id.serial)?;
        self.unlink(self.home(entry.tick), id.index);
        Some(self.entries.remove(id.index as usize).key)
    }

    /// The next key whose deadline is over at `now`, or None when all such have been delivered.
    /// A `now` before that of an earlier call counts as that earlier one.
    pub fn pop_expired(&mut self, now: Instant) -> Option<K> {
        self.pass(nanos(now.saturating_duration_since(self.epoch)) / self.tick);
        let index = self.lists[DUE].first;
        if index == NONE {
            return None;
        }
        self.unlink(DUE, index);
        Some(self.entries.remove(index as usize).key)
    }

    /// When to call [`pop_expired`](Self::pop_expired) next: possibly early (then there is nothing
    /// to deliver, and the answer after that call is a later one), never late. None when empty.
    pub fn next_wakeup(&self) -> Option<Instant> {
        if self.entries.is_empty() {
            return None;
        }
        let due = self.lists[DUE].first != NONE;
        let tick = if due { self.passed } else { self.soonest };
        self.epoch.checked_add(Duration::from_nanos(tick.saturating_mul(self.tick)))
    }

    /// How many keys wait, those that are due included.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether no key waits.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The list that holds the entries of a tick.
    fn home(&self, tick: u64) -> usize {
        if tick <= self.passed { DUE } else { slot(tick) }
    }

    /// Lets the time pass up to a tick: what waited for it or for an earlier one becomes due.
    fn pass(&mut self, now: u64) {
        if now >= self.soonest {
            // After a whole revolution every slot has been seen.
            let end = now.min(self.soonest.saturating_add(SLOTS as u64 - 1));
            for tick in self.soonest..=end {
                self.collect(slot(tick), now);
            }
            self.soonest = self.first_occupied_after(now);
        }
        self.passed = self.passed.max(now);
    }

    /// Moves the entries of one slot that are due at the tick `now` to the due list.
    fn collect(&mut self, slot: usize, now: u64) {
        let mut index = self.lists[slot].first;
        while let Some(entry) = self.entries.get(index as usize) {
            let next = entry.next;
            if entry.tick <= now {
                self.unlink(slot, index);
                self.append(DUE, index);
            }
            index = next;
        }
    }

    /// The first tick after `now` in whose slot anything waits, be it for a later revolution.
    fn first_occupied_after(&self, now: u64) -> u64 {
        let mut revolution = now.saturating_add(1)..=now.saturating_add(SLOTS as u64);
        revolution.find(|&tick| self.lists[slot(tick)].first != NONE).unwrap_or(u64::MAX)
    }

    fn append(&mut self, list: usize, index: u32) {
        let last = std::mem::replace(&mut self.lists[list].last, index);
        match self.entries.get_mut(last as usize) {
            Some(entry) => entry.next = index,
            None => self.lists[list].first = index,
        }
        let entry = &mut self.entries[index as usize];
        (entry.previous, entry.next) = (last, NONE);
    }

    fn unlink(&mut self, list: usize, index: u32) {
        let Entry { previous, next, .. } = self.entries[index as usize];
        match self.entries.get_mut(previous as usize) {
            Some(entry) => entry.next = next,
            None => self.lists[list].first = next,
        }
        match self.entries.get_mut(next as usize) {
            Some(entry) => entry.previous = previous,
            None => self.lists[list].last = previous,
        }
    }
}

/// The slot in which a tick waits.
fn slot(tick: u64) -> usize {
    (tick % SLOTS as u64) as usize
}

/// Nanoseconds, up to the 584 years that 64 bits can hold.
fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::rngs::StdRng;
    use rand::{RngExt, SeedableRng};

    const TICK: Duration = Duration::from_millis(100);

    fn millis(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    /// The wheel beside a plain list, and what both must agree on.
    struct Twins {
        epoch: Instant,
        now: Instant,
        wheel: Wheel<u64>,
        waiting: Vec<(Instant, u64, TimerId)>,
        gone: Vec<TimerId>,
        keys: u64,
    }

    impl Twins {
        fn new() -> Self {
            // A day of room for deadlines in the past.
            let epoch = Instant::now() + Duration::from_secs(86_400);
            let wheel = Wheel::new(epoch, TICK);
            Self { epoch, now: epoch, wheel, waiting: Vec::new(), gone: Vec::new(), keys: 0 }
        }

        fn insert(&mut self, deadline: Instant) {
            self.keys += 1;
            let id = self.wheel.insert(deadline, self.keys);
            self.waiting.push((deadline, self.keys, id));
        }

        fn cancel_any(&mut self, rng: &mut StdRng) {
            if !self.waiting.is_empty() {
                let (_, key, id) =
                    self.waiting.swap_remove(rng.random_range(0..self.waiting.len()));
                assert_eq!(self.wheel.cancel(id), Some(key));
                self.gone.push(id);
            }
            if !self.gone.is_empty() {
                let stale = self.gone[rng.random_range(0..self.gone.len())];
                assert_eq!(self.wheel.cancel(stale), None, "a stale id must name nothing");
            }
        }

        /// Delivers one key; true if there was one.
        fn deliver(&mut self) -> bool {
            let Some(key) = self.wheel.pop_expired(self.now) else { return false };
            let place = self.waiting.iter().position(|waiting| waiting.1 == key);
            let (deadline, _, id) = self.waiting.swap_remove(place.expect("delivered once"));
            assert!(deadline <= self.now, "early by {:?}", deadline - self.now);
            self.gone.push(id);
            true
        }

        /// A deadline rounded up to the grid of ticks.
        fn grid(&self, deadline: Instant) -> Instant {
            let ticks = (deadline - self.epoch).as_nanos().div_ceil(TICK.as_nanos()) as u32;
            self.epoch + TICK * ticks
        }

        fn check(&self, all_delivered: bool) {
            assert_eq!(self.wheel.len(), self.waiting.len());
            let wakeup = self.wheel.next_wakeup();
            assert_eq!(wakeup.is_none(), self.waiting.is_empty());
            for &(deadline, ..) in &self.waiting {
                let due = self.grid(deadline.max(self.epoch));
                assert!(wakeup.is_some_and(|at| at <= due.max(self.now)), "the wake-up is late");
                assert!(!all_delivered || due > self.now, "more than a tick late");
            }
            assert!(!all_delivered || wakeup.is_none_or(|at| at > self.now), "the wheel spins");
        }
    }

    #[test]
    fn the_wheel_agrees_with_a_plain_list() {
        for seed in 0..400 {
            let mut rng = StdRng::seed_from_u64(seed);
            let mut twins = Twins::new();
            for _ in 0..300 {
                match rng.random_range(0..10) {
                    0..4 => {
                        let reach = [50, 2_000, 30_000, 8 * 3_600_000][rng.random_range(0..4)];
                        let ahead = Duration::from_micros(rng.random_range(0..reach * 1_000));
                        let past = rng.random_range(0..5) == 0;
                        let deadline = if past { twins.now - ahead } else { twins.now + ahead };
                        twins.insert(deadline);
                    }
                    4..6 => twins.cancel_any(&mut rng),
                    6 => _ = twins.deliver(),
                    _ => {
                        let jump = [30, 500, 26_000, 3_600_000][rng.random_range(0..4)];
                        twins.now += Duration::from_micros(rng.random_range(0..jump * 1_000));
                        // Between two deliveries the receiver inserts and cancels.
                        while twins.deliver() {
                            if rng.random_range(0..3) == 0 {
                                twins.cancel_any(&mut rng);
                                twins.insert(twins.now + millis(rng.random_range(1..400)));
                            }
                        }
                        twins.check(true);
                    }
                }
                twins.check(false);
            }
        }
    }

    #[test]
    fn whoever_sleeps_until_each_wakeup_misses_nothing_and_wakes_seldom() {
        for hours in [0, 1, 24] {
            let mut twins = Twins::new();
            let deadline = twins.epoch + Duration::from_secs(3600 * hours) + millis(7_777);
            twins.insert(deadline);
            twins.insert(twins.epoch + millis(1));
            let mut wakeups = 0;
            while let Some(at) = twins.wheel.next_wakeup() {
                twins.now = at;
                while twins.deliver() {}
                wakeups += 1;
            }
            assert_eq!(twins.now, twins.grid(deadline));
            assert!(wakeups <= 3 + hours * 3600 * 10 / 256 + hours, "{wakeups} wake-ups");
        }
    }

    #[test]
    fn keys_come_in_the_order_of_their_ticks() {
        let mut twins = Twins::new();
        for ahead in [900, 100, 500, 510, 25_600] {
            twins.insert(twins.epoch + millis(ahead));
        }
        let late = twins.epoch + millis(25_600);
        let order: Vec<u64> = std::iter::from_fn(|| twins.wheel.pop_expired(late)).collect();
        assert_eq!(order, [2, 3, 4, 1, 5]);
    }

    #[test]
    fn deadlines_and_clocks_at_the_edge_of_time_do_no_harm() {
        let mut twins = Twins::new();
        let epoch = twins.epoch;
        let never = epoch + Duration::from_secs(600 * 365 * 86_400);
        let id = twins.wheel.insert(never, 1);
        assert!(twins.wheel.next_wakeup().is_some_and(|at| at > epoch));
        assert_eq!(twins.wheel.pop_expired(epoch + millis(1_000)), None);
        let due = [2, 3, 4].map(|key| twins.wheel.insert(epoch + millis(500), key));
        assert_eq!(twins.wheel.pop_expired(epoch), Some(2), "the clock stepped back");
        assert_eq!(twins.wheel.cancel(due[1]), Some(3));
        assert_eq!(twins.wheel.pop_expired(epoch), Some(4));
        assert_eq!(twins.wheel.cancel(id), Some(1));
        assert!(twins.wheel.is_empty());
    }

    #[test]
    fn an_entry_is_small() {
        // A slab's slot is at most the entry and one word that tells it from a vacant one.
        assert!(size_of::<Entry<u64>>() + size_of::<usize>() <= 48);
    }
}
