//! What does traffic find out about a server?
//!
//! ```text
//! takes part --- max_fails failures in a row ---> sits out --- fail_timeout, ---> takes part
//!                (after that: each one)                        or a good probe
//! ```
//!
//! A failure is a connection that could not be made, or a request on a fresh connection that got no
//! first byte of a response. A *reused* connection that ends in silence is none: that is the race
//! which every persistent connection has. Nor is a response that is cut later, or one with an error
//! status.
//!
//! A connection that stands ends a row of failed connections, and a response ends every row.

use std::time::{Duration, Instant};
use std::{fmt, mem};

/// What went wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Failure {
    /// The connection was refused, or did not come to stand in time.
    NoConnection,
    /// The connection stood, and then came nothing that is the beginning of a response.
    NoAnswer,
}

/// Failures in a row; prints as what there is to say of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Streak {
    unconnected: u32,
    unanswered: u32,
}

impl Streak {
    fn len(self) -> u32 {
        self.unconnected.saturating_add(self.unanswered)
    }

    /// What they were, however many.
    pub fn what(self) -> &'static str {
        match (self.unconnected, self.unanswered) {
            (_, 0) => "no connection",
            (0, _) => "no answer",
            (_, _) => "no connection or no answer",
        }
    }
}

impl fmt::Display for Streak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = self.what();
        match self.len() {
            1 => write!(f, "{what}"),
            times => write!(f, "{what} {times} times in a row"),
        }
    }
}

/// What traffic has found out about one server.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Strikes {
    streak: Streak,
    out_until: Option<Instant>,
}

impl Strikes {
    /// One more failure. True if that makes the server sit out from now on: when there are
    /// `max_fails` of them in a row, and at each one after that until something goes well.
    ///
    /// With a `max_fails` of 0, or if it is not `dispensable`, it does not sit out. Whether the
    /// last server that is left may be dispensed with is for the caller to say.
    pub fn failed(
        &mut self,
        failure: Failure,
        dispensable: bool,
        max_fails: u32,
        fail_timeout: Duration,
        now: Instant,
    ) -> bool {
        let count = match failure {
            Failure::NoConnection => &mut self.streak.unconnected,
            Failure::NoAnswer => &mut self.streak.unanswered,
        };
        *count = count.saturating_add(1);
        let enough = max_fails > 0 && self.streak.len() >= max_fails;
        let sits_out = enough && dispensable && self.out_until(now).is_none();
        if sits_out {
            self.out_until = Some(now + fail_timeout);
        }
        sits_out
    }

    /// A connection stands. True if the server sat out until now, or until before and this is the
    /// first one since; not while failures are left of which a connection proves nothing.
    pub fn connected(&mut self) -> bool {
        self.streak.unconnected = 0;
        self.streak.len() == 0 && mem::take(self).out_until.is_some()
    }

    /// A response has begun.
    pub fn answered(&mut self) {
        self.streak = Streak::default();
    }

    /// Forgets everything, as after a good probe. True if that ends the sitting out.
    pub fn forgive(&mut self, now: Instant) -> bool {
        let sat_out = self.out_until(now).is_some();
        *self = Self::default();
        sat_out
    }

    /// Until when the server sits out; `None` when it does not.
    pub fn out_until(&self, now: Instant) -> Option<Instant> {
        self.out_until.filter(|&until| now < until)
    }

    /// The failures so far.
    pub fn streak(&self) -> Streak {
        self.streak
    }
}

#[cfg(test)]
mod tests {
    use super::Failure::{NoAnswer, NoConnection};
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(10);

    #[test]
    fn rows_of_failures_walk_the_diagram() {
        // max_fails, then what happens, and whether the server sits out after it: c no connection,
        // a no answer, C a connection, A an answer, F a good probe, t the time is over.
        let table = [
            (3, "ccc", "..x"),
            (3, "cCccCcc", "......."),
            (3, "ccaCaac", "..xxxxx"),
            (3, "aaCaCA", "...xxx"),
            (3, "cacFcc", "..x..."),
            (3, "aAaaAaaa", ".......x"),
            (3, "ccctccC", "..x.xx."),
            (3, "cccCcc", "..x..."),
            (3, "ccctCC", "..x..."),
            (3, "aaatCAC", "..x...."),
            (1, "atFaF", "x..x."),
            (0, "cccccaaaaa", ".........."),
        ];
        let start = Instant::now();
        for (max_fails, happens, expected) in table {
            let (mut strikes, mut now) = (Strikes::default(), start);
            let (mut seen, mut was_away) = (String::new(), false);
            for what in happens.chars() {
                let before = strikes.out_until(now).is_some();
                match what {
                    'c' | 'a' => {
                        let failure = if what == 'c' { NoConnection } else { NoAnswer };
                        let begins = strikes.failed(failure, true, max_fails, TIMEOUT, now);
                        assert_eq!(begins, !before && strikes.out_until(now).is_some());
                    }
                    'C' => {
                        let is_back = strikes.connected();
                        assert_eq!(is_back, was_away && strikes.streak().len() == 0);
                        was_away &= !is_back;
                    }
                    'A' => strikes.answered(),
                    'F' => {
                        assert_eq!(strikes.forgive(now), before);
                        was_away = false;
                    }
                    _ => now += TIMEOUT,
                }
                let sits_out = strikes.out_until(now).is_some();
                was_away |= sits_out;
                seen.push(if sits_out { 'x' } else { '.' });
            }
            assert_eq!(seen, expected, "{max_fails} {happens}");
        }
    }

    #[test]
    fn sitting_out_is_not_prolonged_by_what_fails_meanwhile() {
        let start = Instant::now();
        let mut strikes = Strikes::default();
        let moment = Duration::from_millis(1);
        assert!(strikes.failed(NoConnection, true, 1, TIMEOUT, start));
        assert!(!strikes.failed(NoConnection, true, 1, TIMEOUT, start + TIMEOUT - moment));
        assert_eq!(strikes.out_until(start), Some(start + TIMEOUT));
        assert!(strikes.out_until(start + TIMEOUT).is_none());
        assert!(strikes.failed(NoConnection, true, 1, TIMEOUT, start + TIMEOUT));
    }

    #[test]
    fn the_last_one_is_not_sent_away_but_its_failures_are_counted() {
        let now = Instant::now();
        let mut strikes = Strikes::default();
        for _ in 0..5 {
            assert!(!strikes.failed(NoAnswer, false, 3, TIMEOUT, now));
        }
        assert!(strikes.failed(NoAnswer, true, 3, TIMEOUT, now));
        assert_eq!(strikes.streak().to_string(), "no answer 6 times in a row");
        strikes.failed(NoConnection, true, 3, TIMEOUT, now);
        assert_eq!(strikes.streak().to_string(), "no connection or no answer 7 times in a row");
    }
}
