//! Which server of the demo is sick, and how much has each answered?
//!
//! A request that comes through the gateway reaches whichever server the gateway picked, so the
//! switches of all servers live here, shared by the whole process: any server can make any other
//! sick or well.
//!
//! ```text
//!   Well --sick--> Sick --well, or SICKNESS has passed--> Well
//! ```

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// How long a server stays sick when nobody makes it well. With all of them sick no request
/// reaches any switch, so without this end a visitor could lock himself out.
pub(super) const SICKNESS: Duration = Duration::from_secs(60);

/// All servers of one demo, in order of their numbers.
#[derive(Debug)]
pub(super) struct Roster {
    epoch: Instant,
    entries: Vec<Entry>,
}

/// One server. The counters order nothing, hence `Relaxed` throughout.
#[derive(Debug)]
struct Entry {
    address: SocketAddr,
    /// Milliseconds after the epoch at which the sickness ends; in the past for a well server.
    sick_until: AtomicU64,
    answered: AtomicU64,
    sockets: Arc<AtomicUsize>,
}

impl Roster {
    /// A roster of well servers at these addresses; `now` is where its time begins.
    pub(super) fn new(addresses: &[SocketAddr], now: Instant) -> Self {
        let entry = |&address| Entry {
            address,
            sick_until: AtomicU64::new(0),
            answered: AtomicU64::new(0),
            sockets: Arc::default(),
        };
        Self { epoch: now, entries: addresses.iter().map(entry).collect() }
    }

    /// Where the servers listen, in order of their numbers.
    pub(super) fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.entries.iter().map(|entry| entry.address)
    }

    /// Makes server `number` sick until `now + SICKNESS`; false if there is no such server.
    pub(super) fn make_sick(&self, number: usize, now: Instant) -> bool {
        self.set(number, self.millis(now + SICKNESS))
    }

    /// Makes server `number` well; false if there is no such server.
    pub(super) fn make_well(&self, number: usize) -> bool {
        self.set(number, 0)
    }

    /// How long server `number` remains sick, or `None` if it is well.
    pub(super) fn sick_for(&self, number: usize, now: Instant) -> Option<Duration> {
        let left = self.entry(number)?.sick_until.load(Relaxed).checked_sub(self.millis(now))?;
        (left > 0).then(|| Duration::from_millis(left))
    }

    /// Counts one answer of server `number` and says how many it has given.
    pub(super) fn count_answer(&self, number: usize) -> u64 {
        self.entry(number).map_or(0, |entry| entry.answered.fetch_add(1, Relaxed) + 1)
    }

    /// Counts a WebSocket connection of server `number` for as long as the guard lives.
    pub(super) fn count_socket(&self, number: usize) -> Option<Counted> {
        self.entry(number).map(|entry| Counted::new(&entry.sockets))
    }

    /// The roster as the page wants it.
    pub(super) fn as_json(&self, now: Instant) -> Value {
        let servers = self.entries.iter().zip(1..).map(|(entry, number)| {
            let left = self.sick_for(number, now);
            json!({
                "number": number,
                "address": entry.address.to_string(),
                "sick": left.is_some(),
                "well_again_in": left.map(|left| left.as_secs_f64().ceil() as u64),
                "answered": entry.answered.load(Relaxed),
                "sockets": entry.sockets.load(Relaxed),
            })
        });
        Value::Array(servers.collect())
    }

    fn set(&self, number: usize, sick_until: u64) -> bool {
        let entry = self.entry(number);
        if let Some(entry) = entry {
            entry.sick_until.store(sick_until, Relaxed);
        }
        entry.is_some()
    }

    /// Servers are numbered from one.
    fn entry(&self, number: usize) -> Option<&Entry> {
        self.entries.get(number.checked_sub(1)?)
    }

    fn millis(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.epoch).as_millis()).unwrap_or(u64::MAX)
    }
}

/// One more while it lives, one less when it is dropped.
#[derive(Debug)]
pub(super) struct Counted(Arc<AtomicUsize>);

impl Counted {
    /// Adds one to `count`.
    pub(super) fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Relaxed);
        Self(Arc::clone(count))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> (Roster, Instant) {
        let now = Instant::now();
        let addresses = [1, 2, 3].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        (Roster::new(&addresses, now), now)
    }

    #[test]
    fn a_sick_server_stays_sick_until_made_well_or_until_its_time_is_up() {
        let (roster, now) = three();
        assert_eq!(roster.sick_for(2, now), None);

        assert!(roster.make_sick(2, now));
        assert_eq!(roster.sick_for(2, now), Some(SICKNESS));
        assert_eq!(roster.sick_for(1, now), None, "only the one that was named");
        assert!(roster.make_well(2));
        assert_eq!(roster.sick_for(2, now), None);

        assert!(roster.make_sick(3, now));
        let just_before = now + SICKNESS - Duration::from_millis(1);
        assert_eq!(roster.sick_for(3, just_before), Some(Duration::from_millis(1)));
        assert_eq!(roster.sick_for(3, now + SICKNESS), None);
    }

    #[test]
    fn a_number_that_is_nobodys_changes_nothing() {
        let (roster, now) = three();
        for number in [0, 4, usize::MAX] {
            assert!(!roster.make_sick(number, now));
            assert!(!roster.make_well(number));
            assert_eq!(roster.count_answer(number), 0);
            assert!(roster.count_socket(number).is_none());
        }
        assert_eq!(roster.as_json(now), Roster::new(&all(&roster), now).as_json(now));
    }

    #[test]
    fn answers_add_up_and_sockets_come_and_go() {
        let (roster, now) = three();
        assert_eq!(roster.count_answer(1), 1);
        assert_eq!(roster.count_answer(1), 2);
        let open = roster.count_socket(1);
        assert_eq!(roster.as_json(now)[0]["sockets"], 1);
        drop(open);
        assert_eq!(roster.as_json(now)[0]["sockets"], 0);
        assert_eq!(roster.as_json(now)[0]["answered"], 2);
    }

    fn all(roster: &Roster) -> Vec<SocketAddr> {
        roster.addresses().collect()
    }
}
