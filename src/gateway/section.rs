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
            trend: Trend::new(),
            health: config.health.clone(),
            connect_timeout: config.connect_timeout,
            response_timeout: config.response_timeout,
            idle_timeout: config.idle_timeout,
        }
    }

    /// A server for one more request: up, and not among `tried`.
    pub fn choose(
        &mut self,
        servers: &Slab<Server>,
        tried: &[ServerId],
        now: Instant,
        rng: &mut impl rand::Rng,
    ) -> Option<ServerId> {
        let candidates = self.servers.iter().copied();
        let candidates =
            candidates.filter(|id| servers[id.index()].is_available(now) && !tried.contains(id));
        self.balance.pick(candidates, rng)
    }
}
