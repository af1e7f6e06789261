//! Which servers has a section, and which is chosen?
//!
//! Whoever is down, drained, sits out or was tried is passed over. Spares count when nobody else is
//! left. A cookie or an address decides before the algorithm does.

use super::server::Server;
use crate::admin::trend::Trend;
use crate::balance::algorithm::{hash, least_connections, random, rendezvous};
use crate::balance::turns::Turns;
use crate::balance::weight::Candidate;
use crate::config::{self, Algorithm, HealthCheck, Sticky, Tunnels};
use crate::http::answer::Answer;
use crate::id::ServerId;
use crate::peer::Peer;
use slab::Slab;
use std::net::IpAddr;
use std::time::{Duration, Instant};

#[cfg(test)]
mod tests;

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

    /// What a request of this kind is told where the section is not configured.
    pub fn absence(self) -> Answer {
        match self {
            Self::Http => Answer::upgrade_required(),
            Self::WebSocket => Answer::not_configured_for_websocket(),
        }
    }
}

/// How a server is chosen when the client had none before.
#[derive(Debug, Clone, Copy)]
enum Choice {
    /// By turns.
    RoundRobin(Turns),
    /// By lot.
    Random,
    /// By load; among equals by turns.
    LeastConnections(Turns),
}

/// What a request brings to the choice of its server.
#[derive(Debug, Clone, Copy)]
pub struct Wish<'a> {
    /// Servers that could not be reached for it.
    pub tried: &'a [ServerId],
    /// The server's name in its cookie.
    pub cookie: Option<u64>,
    /// Who asks.
    pub caller: Peer,
}

/// One section at work.
#[derive(Debug)]
pub struct Section {
    /// Its servers in numeric order.
    pub servers: Vec<ServerId>,
    choice: Choice,
    /// All its servers have the same share of the work at any time.
    is_even: bool,
    /// It is no longer configured; what is under way goes on by its timeouts.
    pub gone: bool,
    /// How it has been going.
    pub trend: Trend,
    /// What leads a client to the server that it had before.
    pub sticky: Sticky,
    /// How its servers are probed, if they are.
    pub health: Option<HealthCheck>,
    /// How long a server that came back into service takes to have its whole weight again.
    pub slow_start: Duration,
    /// For a connection to a server to stand.
    pub connect_timeout: Duration,
    /// For a server to answer, and between the pieces of its answer.
    pub response_timeout: Duration,
    /// How tunnels are kept and ended; unused in `[http]`.
    pub tunnels: Tunnels,
}

impl Section {
    /// A section as configured, with the servers that stand for its keys.
    pub fn new(config: &config::Section, servers: Vec<ServerId>) -> Self {
        let mut weights = config.servers.iter().map(|server| server.weight);
        let first = weights.next();
        Self {
            servers,
            is_even: config.slow_start.is_zero() && weights.all(|weight| Some(weight) == first),
            choice: match config.algorithm {
                Algorithm::RoundRobin => Choice::RoundRobin(Turns::new()),
                Algorithm::Random => Choice::Random,
                Algorithm::LeastConnections => Choice::LeastConnections(Turns::new()),
            },
            gone: false,
            trend: Trend::new(),
            sticky: config.sticky,
            health: config.health.clone(),
            slow_start: config.slow_start,
            connect_timeout: config.connect_timeout,
            response_timeout: config.response_timeout,
            tunnels: config.tunnels.clone(),
        }
    }

    /// The same without servers, for what is still under way.
    pub fn gone(self) -> Self {
        Self { gone: true, servers: Vec::new(), ..self }
    }

    /// Goes on where another one stood: whose turn it is, and how it has been going.
    pub fn in_place_of(self, old: Self) -> Self {
        let place = |last: ServerId| {
            let last = old.servers.get(last.index())?;
            self.servers.iter().position(|own| own == last).map(ServerId::from)
        };
        let choice = match (self.choice, old.choice) {
            (Choice::RoundRobin(_), Choice::RoundRobin(turns)) => {
                Choice::RoundRobin(turns.renamed(place))
            }
            (Choice::LeastConnections(_), Choice::LeastConnections(turns)) => {
                Choice::LeastConnections(turns.renamed(place))
            }
            // With another algorithm it begins anew.
            (
                own @ (Choice::RoundRobin(_) | Choice::Random | Choice::LeastConnections(_)),
                Choice::RoundRobin(_) | Choice::Random | Choice::LeastConnections(_),
            ) => own,
        };
        Self { choice, trend: old.trend, ..self }
    }

    /// A server for one more request: up, and not among those tried. The one that the client had
    /// before, if there is such a one among these; otherwise as configured. Spares only where all
    /// others are down or were tried in vain.
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
        let (ids, choice) = (&self.servers, &mut self.choice);
        let (slow_start, sticky) = (self.slow_start, self.sticky);
        let server = |place: ServerId| &servers[ids[place.index()].index()];
        let may = |place: ServerId, backup: bool| {
            let one = server(place);
            one.backup == backup
                && one.is_available(now)
                && !wish.tried.contains(&ids[place.index()])
        };
        let candidates = |backup: bool| {
            let places = (0..ids.len()).map(ServerId::from);
            let share = move |place| server(place).share(slow_start, now);
            let places = places.filter(move |place| may(*place, backup));
            places.map(move |server| Candidate { server, share: share(server) })
        };
        let mut pick = |backup| match choice {
            // The common case, for which the number of servers does not matter.
            Choice::RoundRobin(turns) if self.is_even && sticky == Sticky::Off => {
                turns.next_of_equals(ids.len(), |place| may(place, backup))
            }
            Choice::RoundRobin(_) | Choice::Random | Choice::LeastConnections(_) => {
                choice.pick(sticky, wish, candidates(backup), server, rng)
            }
        };
        let place = pick(false).or_else(|| pick(true))?;
        ids.get(place.index()).copied()
    }
}

impl Choice {
    /// One of the candidates: the one that the client belongs to, or as configured.
    fn pick<'s>(
        &mut self,
        sticky: Sticky,
        wish: &Wish<'_>,
        candidates: impl Iterator<Item = Candidate> + Clone,
        server: impl Fn(ServerId) -> &'s Server + Copy,
        rng: &mut impl rand::Rng,
    ) -> Option<ServerId> {
        let name = |one: &Candidate| server(one.server).name;
        let before = match sticky {
            Sticky::Off => None,
            Sticky::Cookie => wish.cookie.and_then(|cookie| {
                candidates.clone().find(|one| name(one) == cookie).map(|one| one.server)
            }),
            Sticky::Ip => wish.caller.ip().and_then(|ip| {
                let key = match ip {
                    IpAddr::V4(v4) => hash(&v4.octets()),
                    IpAddr::V6(v6) => hash(&v6.octets()),
                };
                rendezvous(key, candidates.clone().map(|one| (one, name(&one))))
            }),
        };
        before.or_else(|| match self {
            Self::RoundRobin(turns) => turns.next(candidates),
            Self::Random => random(candidates, rng),
            Self::LeastConnections(turns) => {
                let load = |one: Candidate| (one, server(one.server).load());
                least_connections(candidates.map(load), turns)
            }
        })
    }
}
