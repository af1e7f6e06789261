//! What is there to say of an exchange when it ends? A line of the access log, and the books.
//!
//! Each way in which an exchange can end has its function here, so that counters, histograms and
//! log tell of the same exchanges.

use super::Gateway;
use super::entry::{Entry, Served};
use super::errand::Errand;
use crate::config::Access;
use crate::flow::response::End;
use crate::http::answer::Answer;
use crate::http::head::RequestHead;
use crate::http::refusal::Refusal;
use crate::id::{ClientId, WorkerId};
use rand::{Rng, RngExt};
use std::time::Duration;

/// The longest X-Request-Id that is taken over.
const ID_MAX: usize = 128;

impl Gateway {
    /// A response was relayed whole.
    pub(super) fn note_end(&mut self, worker: WorkerId, errand: &Errand, end: &End) {
        self.counters.relayed += 1;
        let total = self.now.saturating_duration_since(errand.since);
        let server = self.workers[worker.index()].server;
        self.servers[server.index()].tally.responded(end.status, total);
        self.write_entry(errand, end.status, end.bytes, "relayed");
    }

    /// The gateway answers in a server's place.
    pub(super) fn note_answer(&mut self, errand: &Errand, answer: &Answer) {
        self.counters.answered += 1;
        self.write_entry(errand, answer.status, 0, answer.reason);
    }

    /// The exchange ended before its response did. The status is what was on its way, if anything.
    pub(super) fn note_cut(&mut self, errand: &Errand) {
        self.counters.cut += 1;
        let (status, bytes) = errand.exchange.end().map_or((0, 0), |end| (end.status, end.bytes));
        self.write_entry(errand, status, bytes, "cut");
    }

    /// The request itself was refused; of a head that cannot be read nothing is repeated.
    pub(super) fn note_refusal(&mut self, id: ClientId, refusal: Refusal) {
        self.note_unheard(id, refusal.status(), refusal.reason());
    }

    /// A connection ends before anything it said could be understood. The status is 0 where there
    /// is no answer.
    pub(super) fn note_unheard(&mut self, id: ClientId, status: u16, reason: &'static str) {
        if self.config.log.access == Access::Off {
            return;
        }
        let entry = Entry {
            date: &self.desk.date,
            peer: self.clients[id.index()].peer,
            request: b"-",
            status,
            bytes: 0,
            reason,
            server: None,
            total: Duration::ZERO,
            retries: 0,
            id: b"",
            ended: None,
        };
        entry.write(self.config.log.access, &mut self.journal);
    }

    /// A tunnel comes to stand.
    pub(super) fn note_switch(&mut self, worker: WorkerId, errand: &Errand) {
        let total = self.now.saturating_duration_since(errand.since);
        let server = self.workers[worker.index()].server;
        self.servers[server.index()].tally.responded(101, total);
        self.write_entry(errand, 101, 0, "tunnel_open");
    }

    fn write_entry(&mut self, errand: &Errand, status: u16, bytes: u64, reason: &'static str) {
        if self.config.log.access == Access::Off {
            return;
        }
        let server = errand.server.and_then(|id| self.servers.get(id.index()));
        let served = server.map(|server| Served {
            section: server.kind.as_str(),
            address: &server.address,
            reused: errand.begun.map(|_| errand.reused),
            wait: errand.begun.map(|begun| begun.saturating_duration_since(errand.since)),
            connect: errand.connect,
            first_byte: errand
                .first_byte
                .zip(errand.begun)
                .map(|(first, begun)| first.saturating_duration_since(begun)),
        });
        let entry = Entry {
            date: &self.desk.date,
            peer: errand.caller,
            request: &errand.line,
            status,
            bytes,
            reason,
            server: served,
            total: self.now.saturating_duration_since(errand.since),
            retries: errand.retries(),
            id: &errand.id,
            ended: None,
        };
        entry.write(self.config.log.access, &mut self.journal);
    }

    /// Changes the lines of this turn, to be written in one go, for an empty buffer.
    pub fn take_journal(&mut self, lines: &mut Vec<u8>) {
        debug_assert!(lines.is_empty());
        std::mem::swap(&mut self.journal, lines);
    }
}

/// Writes what the request is to be called: what a trusted peer calls it already, or sixteen digits
/// of our own.
pub(super) fn name_request(
    head: &RequestHead<'_, '_>,
    trusted: bool,
    rng: &mut impl Rng,
    id: &mut Vec<u8>,
) {
    let given = head.field("X-Request-Id").filter(|given| {
        let is_plain = given.iter().all(|b| b.is_ascii_alphanumeric() || b"-_.:+/=".contains(b));
        trusted && is_plain && (1..=ID_MAX).contains(&given.len())
    });
    match given {
        Some(given) => id.extend_from_slice(given),
        None => {
            let number: u64 = rng.random();
            let digit = |shift: u32| b"0123456789abcdef"[(number >> shift & 15) as usize];
            id.extend((0..64).step_by(4).map(digit));
        }
    }
}
