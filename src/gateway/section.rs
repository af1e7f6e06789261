//! The servers of one section of the configuration, and how one is chosen.

use super::server::Server;
use crate::balance::algorithm::{Balance, hash, least_connections, rendezvous};
use crate::config::{self, Algorithm, HealthCheck, Sticky};
use crate::id::ServerId;
use slab::Slab;
use std::net::IpAddr;
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

/// How a server is chosen when the client had none before.
#[derive(Debug)]
enum Choice {
    /// By turns or by lot.
    Balance(Balance),
    /// By load; among equals by turns.
    LeastConnections {
        /// The server chosen last.
        last: Option<ServerId>,
    },
}

/// What a request brings to the choice of its server.
#[derive(Debug, Clone, Copy)]
pub struct Wish<'a> {
    /// Servers that could not be reached for it.
    pub tried: &'a [ServerId],
    /// The server's name in its cookie.
    pub cookie: Option<u64>,
    /// Who asks.
    pub peer: IpAddr,
}

/// One section at work.
#[derive(Debug)]
pub struct Section {
    /// Its servers in numeric order.
    pub servers: Vec<ServerId>,
    choice: Choice,
    /// What leads a client to the server that it had before.
    pub sticky: Sticky,
    /// How its servers are probed, if they are.
    pub health: Option<HealthCheck>,
    /// For a connection to a server to stand.
    pub connect_timeout: Duration,
    /// For a server to answer, and between the pieces of its answer.
    pub response_timeout: Duration,
}

impl Section {
    /// A section as configured, with the servers that stand for its keys.
    pub fn new(config: &config::Section, servers: Vec<ServerId>) -> Self {
        Self {
            servers,
            choice: match config.algorithm {
                Algorithm::RoundRobin => Choice::Balance(Balance::round_robin()),
                Algorithm::Random => Choice::Balance(Balance::Random),
                Algorithm::LeastConnections => Choice::LeastConnections { last: None },
            },
            sticky: config.sticky,
            health: config.health.clone(),
            connect_timeout: config.connect_timeout,
            response_timeout: config.response_timeout,
        }
    }

    /// A server for one more request: up, and not among those tried. The one that the client had
    /// before, if there is such a one among these; otherwise as configured.
    pub fn choose(
        &mut self,
        servers: &Slab<Server>,
        wish: &Wish<'_>,
        now: Instant,
        rng: &mut impl rand::Rng,
    ) -> Option<ServerId> {
        let server = |id: ServerId| &servers[id.index()];
        let candidates = self.servers.iter().copied();
        let candidates =
            candidates.filter(|id| server(*id).is_available(now) && !wish.tried.contains(id));
        let before = match self.sticky {
            Sticky::Off => None,
            Sticky::Cookie => {
                wish.cookie.and_then(|name| candidates.clone().find(|id| server(*id).name == name))
            }
            Sticky::Ip => {
                let key = match wish.peer {
                    IpAddr::V4(v4) => hash(&v4.octets()),
                    IpAddr::V6(v6) => hash(&v6.octets()),
                };
                rendezvous(key, candidates.clone().map(|id| (id, server(id).name)))
            }
        };
        before.or_else(|| match &mut self.choice {
            Choice::Balance(balance) => balance.pick(candidates, rng),
            Choice::LeastConnections { last } => {
                let loads = candidates.map(|id| (id, server(id).load()));
                let least = least_connections(loads, *last);
                *last = least.or(*last);
                least
            }
        })
    }
}
