//! What if traffic fails on a server? It is noted, and may have to sit out, until that is over.
//!
//! ```text
//!   gets work --enough failures in a row: told, an alarm set--> sits out
//!             <--the alarm, a good probe, a connection: told---
//! ```
//!
//! How failures are counted is for [`crate::balance::strikes`]; what follows from that is here.

use super::Gateway;
use super::alarm::Alarm;
use crate::admin::events::Kind;
use crate::balance::strikes::Failure;
use crate::id::ServerId;
use crate::limits;
use log::{info, warn};
use std::io;

impl Gateway {
    /// Takes note of a failed connection: the name may have moved, the server may be gone. Only if
    /// somebody wanted it does that count: while the floor is filled alone, the server may be about
    /// to come up, and nobody is kept waiting by another try.
    pub(super) fn note_unreachable(&mut self, id: ServerId, why: io::ErrorKind, wanted: bool) {
        self.counters.connect_failures += 1;
        let server = &mut self.servers[id.index()];
        server.tally.connect_failures += 1;
        server.failure = why;
        server.try_next_address();
        server.refill_after = Some(self.now + limits::REFILL_PAUSE);
        server.spawn_after = server.refill_after;
        if wanted {
            self.strike(id, Failure::NoConnection);
        }
        self.resolve(id);
        self.resolve_group_of(id);
        self.tend_pool(id);
    }

    /// Takes note of a connection that stood, and then brought no beginning of a response.
    ///
    /// What a client asks for may be what its server breaks at. So however many such requests come,
    /// they do not take the last server from all other clients.
    pub(super) fn note_unanswered(&mut self, id: ServerId) {
        self.strike(id, Failure::NoAnswer);
    }

    fn strike(&mut self, id: ServerId, failure: Failure) {
        let dispensable = match failure {
            Failure::NoConnection => true,
            Failure::NoAnswer => self.has_another(id),
        };
        let server = &mut self.servers[id.index()];
        if !server.health.failed(failure, dispensable, self.now) {
            return;
        }
        if let Some((until, streak)) = server.health.sits_out(self.now) {
            server.refill_after = Some(until);
            let alarm = self.timers.insert(until, Alarm::SatOut(id));
            if let Some(late) = server.sits_out.replace(alarm) {
                self.timers.cancel(late);
            }
            warn!("{server}: sits out: {streak}");
            // Without their number, which grows each time, so that it is the same event each time.
            self.record(Kind::Down, Some(id), streak.what());
        }
    }

    /// A server has sat out for long enough.
    pub(super) fn on_sat_out(&mut self, id: ServerId) {
        self.servers[id.index()].sits_out = None;
        self.tell_return(id, "its time to sit out is over");
    }

    /// Something went well on a server. True if that ended its sitting out, which is not told yet.
    pub(super) fn ends_sitting_out(&mut self, id: ServerId) -> bool {
        let server = &mut self.servers[id.index()];
        if server.health.sits_out(self.now).is_some() {
            return false;
        }
        let alarm = server.sits_out.take();
        alarm.is_some_and(|alarm| self.timers.cancel(alarm).is_some())
    }

    /// A server no longer sits out. If it gets no work for another reason, there is nothing to tell
    /// yet.
    pub(super) fn tell_return(&mut self, id: ServerId, why: &str) {
        let server = &self.servers[id.index()];
        if server.is_available(self.now) {
            info!("{server}: up: {why}");
            self.record(Kind::Up, Some(id), why);
        }
    }

    /// Whether another server of the same section gets work.
    fn has_another(&self, id: ServerId) -> bool {
        let section = self.sections.of(self.servers[id.index()].kind);
        let mut others = section.into_iter().flat_map(|section| &section.servers);
        others.any(|other| *other != id && self.servers[other.index()].is_available(self.now))
    }
}
