//! The servers of one section of the configuration, and how one is chosen.

use super::server::Server;
use crate::admin::trend::Trend;
use crate::balance::algorithm::Balance;
use crate::config::{self, Algorithm, HealthCheck};
use crate::id::ServerId;
use slab::Slab;
use std::time::{Duration, Instant};

/// Which section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `[http]`: requests, relayed by pooled workers.
    Http,
    /// `[websocket]`: tunnels, each with a connection of its own.
    WebSocket,
}

impl Kind {
    /// The section's name in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::WebSocket => "websocket",
        }
    }
}

/// One section at work.
#[derive(Debug)]
pub struct Section {
    /// Its servers in numeric order.
    pub servers: Vec<ServerId>,
    balance: Balance,
    /// It is no longer configured; what is under way goes on by its timeouts.
    pub gone: bool,
    /// How it has been going.
    pub trend: Trend,
    /// How its servers are probed, if they are.
    pub health: Option<HealthCheck>,
    /// For a connection to a server to stand.
    pub connect_timeout: Duration,
    /// For a server to answer, and between the pieces of its answer.
    pub response_timeout: Duration,
    /// For a tunnel with no byte either way.
    pub idle_timeout: Duration,
}

impl Section {
    /// A section as configured, with the servers that stand for its keys.
    pub fn new(config: &config::Section, servers: Vec<ServerId>) -> Self {
        Self {
            servers,
            balance: match config.algorithm {
                Algorithm::RoundRobin => Balance::round_robin(),
                Algorithm::Random => Balance::Random,
            },
            gone: false,
            trend: Trend::new(),
            health: config.health.clone(),
            connect_timeout: config.connect_timeout,
            response_timeout: config.response_timeout,
            idle_timeout: config.idle_timeout,
        }
    }

    /// The same without servers, for what is still under way.
    pub fn gone(self) -> Self {
        Self { gone: true, servers: Vec::new(), ..self }
    }

    /// Goes on where another one stood: whose turn it is, and how it has been going.
    pub fn in_place_of(self, old: Self) -> Self {
        let balance = match (self.balance, old.balance) {
            (Balance::RoundRobin { .. }, Balance::RoundRobin { last }) => {
                let last = last.and_then(|place| old.servers.get(place.index()));
                let place = last.and_then(|id| self.servers.iter().position(|own| own == id));
                Balance::RoundRobin { last: place.map(ServerId::from) }
            }
            (own, _) => own,
        };
        Self { balance, trend: old.trend, ..self }
    }

    /// A server for one more request: up, and not among `tried`.
    pub fn choose(
        &mut self,
        servers: &Slab<Server>,
        tried: &[ServerId],
        now: Instant,
        rng: &mut impl rand::Rng,
    ) -> Option<ServerId> {
        let available =
            |id: ServerId| servers[id.index()].is_available(now) && !tried.contains(&id);
        let places = self.servers.iter().enumerate();
        // A choice goes by the place in numeric order: ids are given as servers come and go.
        let candidates = places.filter(|(_, id)| available(**id)).map(|(place, _)| place.into());
        let place = self.balance.pick(candidates, rng)?;
        self.servers.get(place.index()).copied()
    }
}
