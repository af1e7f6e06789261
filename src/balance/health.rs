//! May a server get work? What its probes said, and what traffic found out.
//!
//! ```text
//!                      `fall` bad probes in a row
//! Unjudged, Up ---------------------------------------> Down
//!           Up <--------------------------------------- Down
//!                      `rise` good probes in a row
//! ```
//!
//! Beside that, [`strikes`](super::strikes) make it sit out for a while. The two are apart: probes
//! may be off, and a server that refuses connections should not wait for the next probe to be left
//! alone. A server not judged yet counts as up, so that the gateway serves from the start.

use std::fmt;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::strikes::{Failure, Streak, Strikes};

/// What it takes to change a server's health.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Terms {
    /// Good probes in a row that bring it up again; 0 counts as 1.
    pub rise: u32,
    /// Bad probes in a row that take it down; 0 counts as 1.
    pub fall: u32,
    /// Failures of traffic in a row that make it sit out; 0: it never does.
    pub max_fails: u32,
    /// How long it sits out.
    pub fail_timeout: Duration,
}

/// The health of one server, as one section knows it.
#[derive(Clone, Debug)]
pub struct Health {
    terms: Terms,
    state: State,
    strikes: Strikes,
    /// When it last came back into service; while it sits out, when it will. `None`: it was never
    /// away.
    back_since: Option<Instant>,
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
    /// A server not judged yet.
    pub fn new(terms: Terms) -> Self {
        let (state, strikes) = (State::Unjudged { bad: 0 }, Strikes::default());
        Self { terms, state, strikes, back_since: None }
    }

    /// Other terms from now on; what is known of the server stays.
    pub fn set_terms(&mut self, terms: Terms) {
        self.terms = terms;
    }

    /// Forgets what probes said, as when probes are switched off.
    pub fn forget_probes(&mut self) {
        self.state = State::Unjudged { bad: 0 };
    }

    /// Whether the server may get work.
    pub fn is_up(&self, now: Instant) -> bool {
        match self.state {
            State::Unjudged { .. } | State::Up { .. } => self.strikes.out_until(now).is_none(),
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

    /// Until when the server sits out because traffic failed on it, and by what; `None` when it
    /// does not.
    pub fn sits_out(&self, now: Instant) -> Option<(Instant, Streak)> {
        self.strikes.out_until(now).map(|until| (until, self.strikes.streak()))
    }

    /// When it last came back into service: found well after it was down, or done with sitting out.
    /// `None`: it was never away.
    pub fn back_since(&self) -> Option<Instant> {
        self.back_since
    }

    /// It comes back into service, by somebody else's decision.
    pub fn came_back(&mut self, now: Instant) {
        self.back_since = Some(now);
    }

    /// A probe has ended. A good one also brings back a server that sits out.
    pub fn note(&mut self, verdict: Verdict, now: Instant) -> Option<Change> {
        if verdict == Verdict::Healthy && self.strikes.forgive(now) {
            self.came_back(now);
        }
        let (state, change) = match (self.state, verdict) {
            (State::Unjudged { .. } | State::Up { .. }, Verdict::Healthy) => {
                (State::Up { bad: 0 }, None)
            }
            (State::Unjudged { bad } | State::Up { bad }, Verdict::Unhealthy(cause))
                if bad.saturating_add(1) >= self.terms.fall =>
            {
                (State::Down { good: 0, cause }, Some(Change::Down(cause)))
            }
            (State::Unjudged { bad }, Verdict::Unhealthy(_)) => {
                (State::Unjudged { bad: bad + 1 }, None)
            }
            (State::Up { bad }, Verdict::Unhealthy(_)) => (State::Up { bad: bad + 1 }, None),
            (State::Down { good, .. }, Verdict::Healthy)
                if good.saturating_add(1) >= self.terms.rise =>
            {
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
        if change == Some(Change::Up) {
            self.came_back(now);
        }
        change
    }

    /// Traffic failed on the server. True if that makes it sit out from now on; a server that is
    /// not `dispensable` never does.
    pub fn failed(&mut self, failure: Failure, dispensable: bool, now: Instant) -> bool {
        let Terms { max_fails, fail_timeout, .. } = self.terms;
        let sits_out = self.strikes.failed(failure, dispensable, max_fails, fail_timeout, now);
        if sits_out {
            self.came_back(now + fail_timeout);
        }
        sits_out
    }

    /// A connection to the server was made. True if it is the first since the server sat out.
    pub fn connected(&mut self, now: Instant) -> bool {
        let sits_out = self.strikes.out_until(now).is_some();
        let is_back = self.strikes.connected();
        if is_back && sits_out {
            self.came_back(now);
        }
        is_back
    }

    /// The server has begun a response.
    pub fn answered(&mut self) {
        self.strikes.answered();
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

    const TERMS: Terms =
        Terms { rise: 1, fall: 1, max_fails: 3, fail_timeout: Duration::from_secs(10) };
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
            let mut health = Health::new(Terms { rise, fall, ..TERMS });
            let mut up = true;
            for (step, (probe, change)) in probes.bytes().zip(changes.bytes()).enumerate() {
                let verdict = if probe == b'+' { Verdict::Healthy } else { BAD };
                let expected = [(b'D', DOWN), (b'U', UP)].into_iter().find(|c| c.0 == change);
                let expected = expected.and_then(|(_, change)| change);
                assert_eq!(
                    health.note(verdict, now),
                    expected,
                    "{rise} {fall} {probes}, step {step}"
                );
                up = expected.map_or(up, |change| change == Change::Up);
                assert_eq!(health.is_up(now), up);
                assert_eq!(health.cause(), (!up).then_some(Cause::TimedOut));
            }
        }
    }

    #[test]
    fn whoever_comes_back_is_known_to_be_back_since_then() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut health = Health::new(TERMS);
        health.note(Verdict::Healthy, at(1));
        assert_eq!(health.back_since(), None, "it was never away");
        health.note(BAD, at(2));
        health.note(Verdict::Healthy, at(3));
        health.note(Verdict::Healthy, at(4));
        assert_eq!(health.back_since(), Some(at(3)));
        for _ in 0..3 {
            health.failed(Failure::NoAnswer, true, at(5));
        }
        assert_eq!(health.back_since(), Some(at(15)), "when it is done with sitting out");
        let streak = health.sits_out(at(14)).map(|(until, streak)| (until, streak.to_string()));
        assert_eq!(streak, Some((at(15), "no answer 3 times in a row".to_owned())));
        assert!(!health.is_up(at(14)) && health.is_up(at(15)));
        assert!(health.failed(Failure::NoConnection, true, at(20)), "once more in a row");
        health.note(Verdict::Healthy, at(21));
        assert_eq!(health.back_since(), Some(at(21)), "the probe was good");
        assert!(health.is_up(at(21)));
    }

    #[test]
    fn a_bad_probe_does_not_end_the_sitting_out_and_a_connection_does() {
        let now = Instant::now();
        let mut health = Health::new(Terms { fall: 2, ..TERMS });
        let fails = [(); 3].map(|()| health.failed(Failure::NoConnection, true, now));
        assert_eq!(fails, [false, false, true]);
        assert_eq!(health.note(BAD, now), None);
        assert!(!health.is_up(now));
        assert!(health.connected(now));
        assert!(health.is_up(now));
        assert!(!health.connected(now), "it was back");
        assert!(!health.failed(Failure::NoConnection, true, now), "the count begins anew");
    }

    #[test]
    fn a_connection_does_not_overrule_the_probes() {
        let now = Instant::now();
        let mut health = Health::new(TERMS);
        assert_eq!(health.note(BAD, now), DOWN);
        assert!(!health.connected(now));
        health.answered();
        assert!(!health.is_up(now));
        health.forget_probes();
        assert!(health.is_up(now) && !health.is_judged());
        assert_eq!(health.note(Verdict::Healthy, now), None);
        assert!(health.is_judged());
    }

    #[test]
    fn every_cause_completes_the_sentence() {
        assert_eq!(Cause::Status(503).to_string(), "it answered with status 503");
        assert_eq!(Cause::NameUnknown.to_string(), "its name has no address");
    }
}
