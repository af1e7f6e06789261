//! When traffic fails on a server: what is noted, and when it has to sit out.

use super::Gateway;
use crate::admin::events::Kind;
use crate::balance::strikes::Failure;
use crate::id::ServerId;
use crate::limits;
use log::warn;
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
            let why = streak.to_string();
            warn!("{server}: sits out: {why}");
            self.record(Kind::Down, Some(id), &why);
        }
    }

    /// Whether another server of the same section gets work.
    fn has_another(&self, id: ServerId) -> bool {
        let section = self.sections.of(self.servers[id.index()].kind);
        let mut others = section.into_iter().flat_map(|section| &section.servers);
        others.any(|other| *other != id && self.servers[other.index()].is_available(self.now))
    }
}
