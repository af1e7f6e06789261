//! The servers of one section of the configuration, and how one is chosen.

use super::server::Server;
use crate::admin::trend::Trend;
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
    /// It is no longer configured; what is under way goes on by its timeouts.
    pub gone: bool,
    /// How it has been going.
    pub trend: Trend,
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
            gone: false,
            trend: Trend::new(),
            sticky: config.sticky,
            health: config.health.clone(),
            connect_timeout: config.connect_timeout,
            response_timeout: config.response_timeout,
        }
    }

    /// The same without servers, for what is still under way.
    pub fn gone(self) -> Self {
        Self { gone: true, servers: Vec::new(), ..self }
    }

    /// Goes on where another one stood: whose turn it is, and how it has been going.
    pub fn in_place_of(self, old: Self) -> Self {
        let place = |last: Option<ServerId>| {
            let last = last.and_then(|place| old.servers.get(place.index()));
            let place = last.and_then(|id| self.servers.iter().position(|own| own == id));
            place.map(ServerId::from)
        };
        let choice = match (self.choice, old.choice) {
            (
                Choice::Balance(Balance::RoundRobin { .. }),
                Choice::Balance(Balance::RoundRobin { last }),
            ) => Choice::Balance(Balance::RoundRobin { last: place(last) }),
            (Choice::LeastConnections { .. }, Choice::LeastConnections { last }) => {
                Choice::LeastConnections { last: place(last) }
            }
            (own, _) => own,
        };
        Self { choice, trend: old.trend, ..self }
    }

    /// A server for one more request: up, and not among those tried. The one that the client had
    /// before, if there is such a one among these; otherwise as configured.
    ///
    /// Whose turn it is goes by the place in numeric order, because ids are given as servers come
    /// and go: inside, an id is that of a place.
    pub fn choose(
        &mut self,
        servers: &Slab<Server>,
        wish: &Wish<'_>,
        now: Instant,
        rng: &mut impl rand::Rng,
    ) -> Option<ServerId> {
        let ids = &self.servers;
        let server = |place: ServerId| &servers[ids[place.index()].index()];
        let places = (0..ids.len()).map(ServerId::from);
        let candidates = places.filter(|place| {
            server(*place).is_available(now) && !wish.tried.contains(&ids[place.index()])
        });
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
        let place = before.or_else(|| match &mut self.choice {
            Choice::Balance(balance) => balance.pick(candidates, rng),
            Choice::LeastConnections { last } => {
                let loads = candidates.map(|id| (id, server(id).load()));
                let least = least_connections(loads, *last);
                *last = least.or(*last);
                least
            }
        });
        place.and_then(|place| ids.get(place.index()).copied())
    }
}
