//! What happened lately? A short list that repeats itself as little as possible.

use std::collections::VecDeque;

/// Events kept.
pub const KEPT: usize = 40;

/// Seconds within which the same thing happening again is the same event, counted once more. Longer
/// than a server sits out (`fail_timeout`, 10 s), so that one that is gone for good, and is tried
/// each time it may have work again, does not drive all others from the list.
const SAME: u64 = 60;

/// What kind of thing happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A server gets work again.
    Up,
    /// A server gets no more work.
    Down,
    /// A worker was opened because somebody waited.
    Spawned,
    /// A request was told 429.
    Full,
    /// A server was taken out by an operator.
    Drained,
    /// A server was put back by an operator.
    Restored,
    /// The configuration was read again.
    Reload,
    /// Something else about the process.
    Process,
}

impl Kind {
    /// The word for it, in JSON and on the page.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
            Self::Spawned => "spawned",
            Self::Full => "full",
            Self::Drained => "drained",
            Self::Restored => "restored",
            Self::Reload => "reload",
            Self::Process => "process",
        }
    }
}

/// One thing that happened, perhaps several times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When it last did, in seconds since 1970.
    pub at: u64,
    /// What.
    pub kind: Kind,
    /// To whom: `[http] server1 (10.0.0.1:80)`, or empty.
    pub subject: String,
    /// More about it, or empty.
    pub detail: String,
    /// How often.
    pub count: u64,
}

/// The latest events, oldest first.
#[derive(Debug, Default)]
pub struct Events(VecDeque<Event>);

impl Events {
    /// Notes that something happened at that second.
    pub fn note(&mut self, at: u64, kind: Kind, subject: String, detail: String) {
        let same = |event: &Event| {
            event.kind == kind
                && event.subject == subject
                && event.detail == detail
                && at.saturating_sub(event.at) <= SAME
        };
        if let Some(place) = self.0.iter().rposition(same)
            && let Some(event) = self.0.remove(place)
        {
            self.0.push_back(Event { at, count: event.count + 1, ..event });
            return;
        }
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        self.0.push_back(Event { at, kind, subject, detail, count: 1 });
    }

    /// The events, latest first.
    pub fn latest(&self) -> impl Iterator<Item = &Event> {
        self.0.iter().rev()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happens_again_soon_is_counted_and_only_so_many_events_are_kept() {
        let mut events = Events::default();
        let mut note = |at, kind, subject: &str| {
            events.note(at, kind, subject.to_owned(), String::new());
        };
        note(1, Kind::Full, "a");
        note(2, Kind::Full, "b");
        note(5, Kind::Full, "a");
        note(5, Kind::Down, "a");
        note(90, Kind::Full, "a");
        let told: Vec<_> = events.latest().map(|e| (e.at, e.kind, e.count)).collect();
        let full = Kind::Full;
        assert_eq!(told, [(90, full, 1), (5, Kind::Down, 1), (5, full, 2), (2, full, 1)]);
        for at in 0..1000 {
            events.note(at, Kind::Up, at.to_string(), String::new());
        }
        assert_eq!(events.latest().count(), KEPT);
    }

    #[test]
    fn a_server_that_is_tried_again_and_again_takes_two_lines() {
        let mut events = Events::default();
        events.note(0, Kind::Reload, String::new(), String::new());
        for at in (0..600).step_by(11) {
            events.note(at, Kind::Down, "a".to_owned(), "no connection".to_owned());
            events.note(at + 10, Kind::Up, "a".to_owned(), "its time is over".to_owned());
        }
        let told: Vec<_> = events.latest().map(|event| (event.kind, event.count)).collect();
        assert_eq!(told, [(Kind::Up, 55), (Kind::Down, 55), (Kind::Reload, 1)]);
    }
}
