//! May a server get work? What its probes said, and whether it took our connections.
//!
//! ```text
//!                      `fall` bad probes in a row
//! Unjudged, Up ---------------------------------------> Down
//!           Up <--------------------------------------- Down
//!                      `rise` good probes in a row
//!
//! takes connections --- third refusal in a row --> sits out --- 10 s, or a good probe ---> back
//!                       (after that: each one)
//! ```
//!
//! The two are apart: probes may be off, and a server that refuses connections should not wait for
//! the next probe to be left alone. A server not judged yet counts as up, so that the gateway
//! serves from the start.

use std::fmt;
use std::time::Instant;

use serde_json::Value;

use crate::limits::{REFUSALS_IN_A_ROW, SIT_OUT};

/// The health of one server, as one section knows it.
#[derive(Clone, Debug)]
pub struct Health {
    rise: u32,
    fall: u32,
    state: State,
    /// Connections refused since the last one that was made.
    refusals: u32,
    sits_out_until: Option<Instant>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// No good probe yet, and fewer bad ones than it takes.
    Unjudged { bad: u32 },
    /// So many bad probes in a row.
    Up { bad: u32 },
    /// So many good probes in a row, after a bad one with this cause.
    Down { good: u32, cause: Cause },
}

/// What one probe found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// All is well.
    Healthy,
    /// Not, and why.
    Unhealthy(Cause),
}

/// A probe changed what the gateway thinks of a server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    /// It may get work again.
    Up,
    /// It gets no new work.
    Down(Cause),
}

/// Why a probe found a server unhealthy. `Display` completes the sentence "it is down: ...".
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cause {
    /// Its name has no address.
    NameUnknown,
    /// The connection could not be made.
    ConnectFailed,
    /// No whole response in time.
    TimedOut,
    /// The connection ended before the response did.
    CutShort,
    /// The response was no HTTP.
    BadResponse,
    /// The response was larger than [`PROBE_ANSWER_MAX`](crate::limits::PROBE_ANSWER_MAX).
    Oversized,
    /// A status code other than 2xx.
    Status(u16),
    /// The content was not JSON.
    NotJson,
    /// The content was JSON, but not an object.
    NotAnObject,
    /// The object had no `status`, or not 200.
    WrongStatusField,
    /// It opened no WebSocket, or did not answer a Ping as it should.
    NotWebSocket,
}

/// What a probe's whole response says: healthy is a 2xx with a JSON object whose `status` is 200,
/// as a number or as a string.
///
/// ```
/// use tidegate::balance::health::{Cause, Verdict, judge};
///
/// assert_eq!(judge(200, br#"{"status": "200", "load": 3}"#), Verdict::Healthy);
/// assert_eq!(judge(200, br#"{"status": 500}"#), Verdict::Unhealthy(Cause::WrongStatusField));
/// ```
pub fn judge(status: u16, content: &[u8]) -> Verdict {
    if !(200..300).contains(&status) {
        return Verdict::Unhealthy(Cause::Status(status));
    }
    let Ok(value) = serde_json::from_slice::<Value>(content) else {
        return Verdict::Unhealthy(Cause::NotJson);
    };
    let Value::Object(fields) = value else {
        return Verdict::Unhealthy(Cause::NotAnObject);
    };
    let well = fields.get("status").is_some_and(|s| s.as_f64() == Some(200.0) || s == "200");
    if well { Verdict::Healthy } else { Verdict::Unhealthy(Cause::WrongStatusField) }
}

impl Health {
    /// A server not judged yet. `rise` good probes in a row bring it up again, `fall` bad ones
    /// take it down; zero counts as one.
    pub fn new(rise: u32, fall: u32) -> Self {
        Self { rise, fall, state: State::Unjudged { bad: 0 }, refusals: 0, sits_out_until: None }
    }

    /// Other thresholds from the next probe on; what is known of the server stays.
    pub fn set_thresholds(&mut self, rise: u32, fall: u32) {
        (self.rise, self.fall) = (rise, fall);
    }

    /// Forgets what probes said, as when probes are switched off.
    pub fn forget_probes(&mut self) {
        self.state = State::Unjudged { bad: 0 };
    }

    /// Whether the server may get work.
    pub fn is_up(&self, now: Instant) -> bool {
        match self.state {
            State::Unjudged { .. } | State::Up { .. } => self.sits_out_until(now).is_none(),
            State::Down { .. } => false,
        }
    }

    /// Whether a probe has settled anything yet.
    pub fn is_judged(&self) -> bool {
        !matches!(self.state, State::Unjudged { .. })
    }

    /// Why the probes took the server down; None while they did not.
    pub fn cause(&self) -> Option<Cause> {
        match self.state {
            State::Unjudged { .. } | State::Up { .. } => None,
            State::Down { cause, .. } => Some(cause),
        }
    }

    /// Until when the server sits out because it refused connections; None when it does not.
    pub fn sits_out_until(&self, now: Instant) -> Option<Instant> {
        self.sits_out_until.filter(|&until| now < until)
    }

    /// A probe has ended. A good one also brings back a server that sits out.
    pub fn note(&mut self, verdict: Verdict) -> Option<Change> {
        if verdict == Verdict::Healthy {
            self.connected();
        }
        let (state, change) = match (self.state, verdict) {
            (State::Unjudged { .. } | State::Up { .. }, Verdict::Healthy) => {
                (State::Up { bad: 0 }, None)
            }
            (State::Unjudged { bad } | State::Up { bad }, Verdict::Unhealthy(cause))
                if bad.saturating_add(1) >= self.fall =>
            {
                (State::Down { good: 0, cause }, Some(Change::Down(cause)))
            }
            (State::Unjudged { bad }, Verdict::Unhealthy(_)) => {
                (State::Unjudged { bad: bad + 1 }, None)
            }
            (State::Up { bad }, Verdict::Unhealthy(_)) => (State::Up { bad: bad + 1 }, None),
            (State::Down { good, .. }, Verdict::Healthy) if good.saturating_add(1) >= self.rise => {
                (State::Up { bad: 0 }, Some(Change::Up))
            }
            (State::Down { good, cause }, Verdict::Healthy) => {
                (State::Down { good: good + 1, cause }, None)
            }
            (State::Down { .. }, Verdict::Unhealthy(cause)) => {
                (State::Down { good: 0, cause }, None)
            }
        };
        self.state = state;
        change
    }

    /// A connection to the server could not be made. True if that makes it sit out from now on:
    /// the third time in a row, and each time after that until a connection is made.
    pub fn refused(&mut self, now: Instant) -> bool {
        self.refusals = self.refusals.saturating_add(1);
        let enough = self.refusals >= REFUSALS_IN_A_ROW && self.sits_out_until(now).is_none();
        if enough {
            self.sits_out_until = Some(now + SIT_OUT);
        }
        enough
    }

    /// A connection to the server was made.
    pub fn connected(&mut self) {
        self.refusals = 0;
        self.sits_out_until = None;
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NameUnknown => f.write_str("its name has no address"),
            Self::ConnectFailed => f.write_str("it takes no connection"),
            Self::TimedOut => f.write_str("it did not answer in time"),
            Self::CutShort => f.write_str("it closed before its response was whole"),
            Self::BadResponse => f.write_str("it answered something that is no HTTP"),
            Self::Oversized => f.write_str("its response was too large"),
            Self::Status(code) => write!(f, "it answered with status {code}"),
            Self::NotJson => f.write_str("it answered something that is no JSON"),
            Self::NotAnObject => f.write_str("it answered JSON that is no object"),
            Self::NotWebSocket => f.write_str("it does not speak WebSocket"),
            Self::WrongStatusField => f.write_str("`status` in its response was not 200"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const BAD: Verdict = Verdict::Unhealthy(Cause::TimedOut);
    const DOWN: Option<Change> = Some(Change::Down(Cause::TimedOut));
    const UP: Option<Change> = Some(Change::Up);

    #[test]
    fn the_judge_wants_2xx_an_object_and_status_200() {
        let wrong = Verdict::Unhealthy(Cause::WrongStatusField);
        let not_json = Verdict::Unhealthy(Cause::NotJson);
        let not_an_object = Verdict::Unhealthy(Cause::NotAnObject);
        let deep = "[".repeat(16_000);
        let table: [(u16, &[u8], Verdict); 22] = [
            (200, br#"{"status":200}"#, Verdict::Healthy),
            (200, br#"{"status":"200"}"#, Verdict::Healthy),
            (200, b" {\"a\":[1,{}],\"status\": 2e2 }\r\n", Verdict::Healthy),
            (299, br#"{"status":200.0}"#, Verdict::Healthy),
            (200, br#"{"status":201}"#, wrong),
            (200, br#"{"status":-200}"#, wrong),
            (200, br#"{"status":"200 OK"}"#, wrong),
            (200, br#"{"status":" 200"}"#, wrong),
            (200, br#"{"status":true}"#, wrong),
            (200, br#"{"status":[200]}"#, wrong),
            (200, br#"{"Status":200}"#, wrong),
            (200, br#"{}"#, wrong),
            (200, br#"[{"status":200}]"#, not_an_object),
            (200, b"200", not_an_object),
            (200, br#"{"status":200"#, not_json),
            (200, br#"{"status":200} x"#, not_json),
            (204, b"", not_json),
            (200, b"\xff\xfe", not_json),
            (200, deep.as_bytes(), not_json),
            (199, br#"{"status":200}"#, Verdict::Unhealthy(Cause::Status(199))),
            (300, br#"{"status":200}"#, Verdict::Unhealthy(Cause::Status(300))),
            (503, br#"{"status":200}"#, Verdict::Unhealthy(Cause::Status(503))),
        ];
        for (status, content, expected) in table {
            let shown = String::from_utf8_lossy(&content[..content.len().min(40)]);
            assert_eq!(judge(status, content), expected, "{status} {shown}");
        }
    }

    #[test]
    fn probes_walk_the_diagram() {
        // Rise, fall, good (+) and bad (-) probes, and the change that each must bring.
        let table = [
            (1, 1, "+--++", ".D.U."),
            (1, 1, "-+-", "DUD"),
            (0, 0, "-+", "DU"),
            (1, 3, "--+---", ".....D"),
            (1, 2, "--+-+-", ".DU..."),
            (3, 1, "-++-+++", "D.....U"),
        ];
        let now = Instant::now();
        for (rise, fall, probes, changes) in table {
            let mut health = Health::new(rise, fall);
            let mut up = true;
            for (step, (probe, change)) in probes.bytes().zip(changes.bytes()).enumerate() {
                let verdict = if probe == b'+' { Verdict::Healthy } else { BAD };
                let expected = [(b'D', DOWN), (b'U', UP)].into_iter().find(|c| c.0 == change);
                let expected = expected.and_then(|(_, change)| change);
                assert_eq!(health.note(verdict), expected, "{rise} {fall} {probes}, step {step}");
                up = expected.map_or(up, |change| change == Change::Up);
                assert_eq!(health.is_up(now), up);
                assert_eq!(health.cause(), (!up).then_some(Cause::TimedOut));
            }
        }
    }

    #[test]
    fn a_server_that_refuses_three_times_in_a_row_sits_out_ten_seconds() {
        let start = Instant::now();
        let mut health = Health::new(1, 1);
        assert!(!health.refused(start));
        assert!(!health.refused(start));
        health.connected();
        assert!(!health.refused(start));
        assert!(!health.refused(start));
        assert!(health.is_up(start));
        assert!(health.refused(start));
        assert!(!health.refused(start), "it sits out already, and not for longer");
        assert!(!health.is_up(start + SIT_OUT - Duration::from_millis(1)));
        assert!(health.is_up(start + SIT_OUT));
        assert!(health.refused(start + SIT_OUT), "once more in a row");
        assert_eq!(health.sits_out_until(start + SIT_OUT), Some(start + 2 * SIT_OUT));
    }

    #[test]
    fn a_good_probe_ends_the_sitting_out_and_a_bad_one_does_not() {
        let now = Instant::now();
        let mut health = Health::new(1, 2);
        assert_eq!((0..3).map(|_| health.refused(now)).collect::<Vec<_>>(), [false, false, true]);
        assert_eq!(health.note(BAD), None);
        assert!(!health.is_up(now));
        assert_eq!(health.note(Verdict::Healthy), None);
        assert!(health.is_up(now));
        assert!(!health.refused(now), "the count begins anew");
    }

    #[test]
    fn a_connection_does_not_overrule_the_probes() {
        let now = Instant::now();
        let mut health = Health::new(1, 1);
        assert_eq!(health.note(BAD), DOWN);
        health.connected();
        assert!(!health.is_up(now));
        health.forget_probes();
        assert!(health.is_up(now) && !health.is_judged());
        assert_eq!(health.note(Verdict::Healthy), None);
        assert!(health.is_judged());
    }

    #[test]
    fn every_cause_completes_the_sentence() {
        assert_eq!(Cause::Status(503).to_string(), "it answered with status 503");
        assert_eq!(Cause::NameUnknown.to_string(), "its name has no address");
    }
}
