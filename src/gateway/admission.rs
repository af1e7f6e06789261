//! May one more tunnel be opened? Decided before any server is bothered.
//!
//! A tunnel has its place from the moment its opening handshake is admitted to the moment it is
//! closed. Who is not admitted is told to come back after a time left to chance, so that those who
//! were refused together do not return together.

use super::Gateway;
use super::errand::Errand;
use super::section::Kind;
use crate::balance::bucket::Bucket;
use crate::config::Tunnels;
use crate::http::answer::Answer;
use crate::limits;
use crate::peer::Peer;
use rand::RngExt;
use std::collections::HashMap;
use std::time::Instant;

/// The places that are taken.
#[derive(Debug)]
pub(super) struct Admission {
    taken: usize,
    max: usize,
    /// By address; empty while there is no limit for one.
    of_client: HashMap<Peer, usize>,
    max_per_client: usize,
    bucket: Option<Bucket>,
}

impl Admission {
    /// No place is taken.
    pub(super) fn new(terms: Option<&Tunnels>, now: Instant) -> Self {
        let paced = terms.filter(|terms| terms.rate > 0);
        Self {
            taken: 0,
            max: terms.map_or(0, |terms| terms.max),
            of_client: HashMap::new(),
            max_per_client: terms.map_or(0, |terms| terms.max_per_client),
            bucket: paced.map(|terms| Bucket::new(terms.rate, terms.burst, now)),
        }
    }

    /// Other limits from now on. The places that are taken stay taken; `places` are whose they
    /// are, which nobody has counted if there was no limit for one client.
    pub(super) fn set_terms(
        &mut self,
        terms: Option<&Tunnels>,
        places: impl Iterator<Item = Peer>,
        now: Instant,
    ) {
        *self = Self { taken: self.taken, ..Self::new(terms, now) };
        if self.max_per_client > 0 {
            for peer in places.filter(|peer| peer.ip().is_some()) {
                *self.of_client.entry(peer).or_default() += 1;
            }
        }
    }

    /// Takes a place for a client.
    fn take(&mut self, peer: Peer, now: Instant) -> Result<(), Answer> {
        if self.max > 0 && self.taken >= self.max {
            return Err(Answer::too_many_tunnels());
        }
        // Clients without an address are not told from each other.
        let counts = self.max_per_client > 0 && peer.ip().is_some();
        let own = self.of_client.get(&peer).copied().unwrap_or(0);
        if counts && own >= self.max_per_client {
            return Err(Answer::too_many_tunnels_of_client());
        }
        if self.bucket.as_mut().is_some_and(|bucket| !bucket.take(now)) {
            return Err(Answer::tunnels_too_fast());
        }
        self.taken += 1;
        if counts {
            self.of_client.insert(peer, own + 1);
        }
        Ok(())
    }

    /// Gives a place back.
    pub(super) fn leave(&mut self, peer: Peer) {
        self.taken = self.taken.saturating_sub(1);
        if let Some(own) = self.of_client.get_mut(&peer) {
            *own -= 1;
            if *own == 0 {
                self.of_client.remove(&peer);
            }
        }
    }

    /// How many places are taken.
    pub(super) fn taken(&self) -> usize {
        self.taken
    }

    /// How many addresses are known to have places.
    #[cfg(any(test, fuzzing))]
    pub(super) fn clients(&self) -> usize {
        self.of_client.len()
    }
}

impl Gateway {
    /// Finds a place for the tunnel that an errand may become.
    ///
    /// # Errors
    /// What the client is told when there is none.
    pub(super) fn admit(&mut self, errand: &mut Errand) -> Result<(), Answer> {
        if errand.kind != Kind::WebSocket || errand.placed || self.sections.websocket.is_none() {
            return Ok(());
        }
        match self.admission.take(errand.caller, self.now) {
            Ok(()) => {
                errand.placed = true;
                Ok(())
            }
            Err(answer) => {
                self.counters.turned_away += 1;
                let seconds = self.rng.random_range(1..=limits::TUNNEL_RETRY_AFTER_MAX);
                Err(answer.retry_after_seconds(seconds))
            }
        }
    }
}
