//! One simulated end of a tunnel: it hears, answers Pings and farewells, and judges what came.

use super::frames::{Ear, Heard, frame};
use super::identity::Speaker;
use super::ledger::{Ending, Fault, Ledger};
use super::voice::{Step, Voice};
use crate::net::simulated::world::World;
use std::time::Duration;

/// What the configuration says of tunnels. Zero: no such limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Terms {
    /// How long a tunnel may be quiet.
    pub idle: Duration,
    /// How long one end may be quiet before it is asked.
    pub ping: Duration,
    /// How old a tunnel may become.
    pub age: Duration,
    /// Tunnels at once.
    pub most: usize,
    /// Tunnels of one client at once.
    pub most_per_client: usize,
    /// New ones a second.
    pub rate: usize,
    /// Tunnels a second that are ended to fill a server that came back.
    pub rebalance: usize,
    /// What tunnels are told when the gateway stops.
    pub stop_code: u16,
}

impl Terms {
    /// Whether a handshake may be turned away.
    pub fn are_limited(&self) -> bool {
        self.most + self.most_per_client + self.rate > 0
    }
}

/// One end.
#[derive(Debug)]
pub struct End {
    id: usize,
    speaker: Speaker,
    ear: Ear,
    /// Answers Pings and farewells.
    polite: bool,
    /// Pings heard, and those answered, or settled by a Pong of its own accord (RFC 6455 5.5.3).
    pings: (usize, usize),
}

impl End {
    /// The end of that tunnel at which `speaker` speaks. Both speeches are in the ledger.
    pub fn new(id: usize, speaker: Speaker, polite: bool, ledger: &Ledger) -> Self {
        let case = &ledger.cases[id];
        let other = match speaker {
            Speaker::Client => Speaker::Server(0),
            Speaker::Server(_) => Speaker::Client,
        };
        // Whoever ends in an outrage has no manners.
        let polite = polite && case.speech(speaker).lawful == usize::MAX;
        let ear = Ear::new(other, case.speech(other).lawful);
        // Those who answer do so at once; of the others nobody knows when they said theirs.
        let settled = if polite { 0 } else { case.speech(speaker).pongs };
        Self { id, speaker, ear, polite, pings: (0, settled) }
    }

    /// Bytes have come.
    pub fn hear(&mut self, bytes: &[u8], voice: &mut Voice, world: &World, ledger: &mut Ledger) {
        let heard = match self.ear.hear(bytes) {
            Ok(heard) => heard,
            Err(wrong) => return ledger.wrong(format!("tunnel {}: {wrong}", self.id)),
        };
        for own in heard {
            match own {
                Heard::Ping(payload) => self.answer(&payload, voice, world, ledger),
                Heard::Farewell(code, reason) => {
                    self.take_leave(code, &reason, voice, world, ledger);
                }
            }
        }
    }

    fn answer(&mut self, payload: &[u8], voice: &mut Voice, world: &World, ledger: &mut Ledger) {
        self.pings.0 += 1;
        if ledger.terms.ping.is_zero() {
            ledger.wrong(format!("tunnel {}: a Ping that nobody wants", self.id));
        }
        if self.pings.0 > self.pings.1 + 1 {
            ledger.wrong(format!("tunnel {}: a Ping while one is unanswered", self.id));
        }
        if self.polite && !voice.closing {
            self.pings.1 += 1;
            voice.interject(Step::Say(frame(0x8a, payload, self.speaker)), world.now());
        }
    }

    fn take_leave(
        &mut self,
        code: u16,
        reason: &str,
        voice: &mut Voice,
        world: &World,
        ledger: &mut Ledger,
    ) {
        if !self.may_say(code, reason, ledger) {
            let story = ledger.story(self.id);
            ledger.wrong(format!("tunnel {} was told {code} {reason}; {story}", self.id));
        }
        ledger.cases[self.id].farewell = Some(code);
        if self.polite && !voice.closing {
            voice.cut_short(world.now());
            voice.closing = true;
            voice.push(Step::Say(frame(0x88, &code.to_be_bytes(), self.speaker)));
            voice.push(Step::Finish);
        }
    }

    /// Whether there is a reason for the gateway to end the tunnel in those words.
    fn may_say(&self, code: u16, reason: &str, ledger: &Ledger) -> bool {
        let (case, terms, trouble) = (&ledger.cases[self.id], &ledger.terms, &ledger.troubles);
        let age = ledger.now.saturating_sub(case.begun);
        let at_fault = !case.good || !case.faults.is_empty() || case.slow;
        let wild = case.speeches.iter().any(|speech| speech.lawful != usize::MAX);
        match (code, reason) {
            (1000, "idle timeout") => age >= terms.idle,
            (1011, "ping timeout") => !terms.ping.is_zero() && (at_fault || wild),
            (1011, "server connection lost") => {
                self.speaker == Speaker::Client && (at_fault || wild)
            }
            (1012, "maximum age") => !terms.age.is_zero() && age >= terms.age * 9 / 10,
            (1012, "rebalancing") => terms.rebalance > 0 && (trouble.sick || ledger.changes),
            (1012, "server leaving") => {
                let server = case.replies.last().map(|(server, _)| *server);
                let told = server.and_then(|server| ledger.parting.get(server).copied().flatten());
                told.is_some_and(|at| case.begun <= at)
            }
            (_, "gateway stopping") => trouble.stopping && code == terms.stop_code,
            _ => false,
        }
    }

    /// Whether the other end, or the gateway, has said its last word.
    pub fn is_told(&self) -> bool {
        self.ear.is_told()
    }

    /// Nothing more will come: was it all right?
    pub fn judge(&self, ending: Ending, finishes: bool, ledger: &mut Ledger) {
        let (id, case) = (self.id, &ledger.cases[self.id]);
        let other = match self.speaker {
            Speaker::Client => Speaker::Server(0),
            Speaker::Server(_) => Speaker::Client,
        };
        let (theirs, whole) = (self.ear.theirs(), &case.speech(other).bytes);
        let (has, wants) = (theirs.len(), whole.len());
        if ledger.is_late(case.begun) {
            return ledger.wrong(format!("tunnel {id} ended late"));
        }
        if !whole.starts_with(&theirs) {
            let who = self.speaker;
            return ledger
                .wrong(format!("tunnel {id}, {who:?}: {has} bytes that are not its {wants}"));
        }
        // Where the gateway ends tunnels, one that is slow to take a large frame is cut in it.
        let terms = &ledger.terms;
        let hurried = !terms.age.is_zero() || terms.rebalance > 0 || ledger.changes;
        let excused = finishes
            || hurried
            || !case.good
            || !case.faults.is_empty()
            || ledger.troubles.stopping
            || case.farewell.is_some();
        if has < wants && !excused {
            return ledger.wrong(format!("tunnel {id}: {has} of {wants} bytes, then {ending:?}"));
        }
        let deserted = self.speaker == Speaker::Client
            && ending == Ending::Closed
            && case.good
            && case.faults.contains(&Fault::Cut)
            && !ledger.troubles.stopping;
        if deserted && !self.is_told() && self.ear.is_between_frames() {
            ledger.wrong(format!("tunnel {id}: nobody said that its server is lost"));
        }
    }
}
