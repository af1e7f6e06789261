//! How is one configured server? Where it is, how it does, and its workers.
//!
//! An address that stands in both sections is two of them: each section judges for itself.

use super::section::Kind;
use crate::admin::snapshot::Standing;
use crate::admin::tally::Tally;
use crate::balance::algorithm;
use crate::balance::health::{Health, Terms};
use crate::balance::pool::{Pool, PoolLimits};
use crate::balance::weight;
use crate::config::{Address, Section, ServerConfig};
use crate::id::ClientId;
use crate::net::SocketAddress;
use crate::proxy_protocol::Version;
use crate::timer::TimerId;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// A server as one section knows it.
#[derive(Debug)]
pub struct Server {
    /// The section it belongs to.
    pub kind: Kind,
    /// The N of `serverN`.
    pub number: u64,
    /// As configured.
    pub address: Address,
    /// How much of the work it gets beside the others.
    weight: u32,
    /// A spare: it gets work only when all others of its section are down.
    pub backup: bool,
    /// What the name resolved to last time it did.
    addresses: Vec<SocketAddress>,
    /// Which of them is used, modulo their number.
    turn: usize,
    /// A question to the resolver is under way.
    pub resolving: bool,
    /// Up or down, and why.
    pub health: Health,
    /// That it sits out has been told, and when this alarm rings it is over.
    pub sits_out: Option<TimerId>,
    /// An operator has taken it out.
    pub drained: bool,
    /// It is no longer configured; it goes when its last work is done.
    pub removed: bool,
    /// The PROXY header that connections to it begin with.
    pub send_proxy: Option<Version>,
    /// What it has done so far.
    pub tally: Tally,
    /// The next probe of it.
    pub probe_alarm: Option<TimerId>,
    /// The limits that hold while it is not taken out.
    limits: PoolLimits,
    /// Its workers; unused in `[websocket]`, where every tunnel has its own connection.
    pub pool: Pool,
    /// Tunnels that lead to it, and handshakes that may become such.
    pub tunnels: usize,
    /// What cookies and hashes call it: the same for the same address in both sections.
    pub name: u64,
    /// Clients sent away from its line, on the agenda to be sent elsewhere.
    pub dismissed: Vec<ClientId>,
    /// Why the last connection that could not be made was not: what the dismissed are told.
    pub failure: io::ErrorKind,
    /// When the pool wants attention, and the alarm for it.
    pub pool_alarm: Option<(Instant, TimerId)>,
    /// The floor of workers is not refilled before this, after a connection failed.
    pub refill_after: Option<Instant>,
    /// No worker is opened for the line before this, after a connection failed.
    pub spawn_after: Option<Instant>,
}

impl Server {
    /// A server as configured; an address that is no name is known at once.
    pub fn new(kind: Kind, section: &Section, config: &ServerConfig) -> Self {
        let address = config.address.clone();
        let literal = literal(&address);
        let limits = limits_of(config);
        Self {
            kind,
            number: config.number,
            addresses: literal.into_iter().collect(),
            turn: 0,
            resolving: false,
            weight: config.weight,
            backup: config.backup,
            health: Health::new(terms_of(section)),
            sits_out: None,
            pool: Pool::new(limits),
            drained: false,
            removed: false,
            send_proxy: config.send_proxy,
            tally: Tally::new(),
            probe_alarm: None,
            limits,
            tunnels: 0,
            name: algorithm::hash(address.to_string().as_bytes()),
            dismissed: Vec::new(),
            failure: io::ErrorKind::ConnectionRefused,
            pool_alarm: None,
            refill_after: None,
            spawn_after: None,
            address,
        }
    }

    /// Whether the address is a name that has to be asked for.
    pub fn is_named(&self) -> bool {
        literal(&self.address).is_none()
    }

    /// Whether any address is known.
    pub fn is_known(&self) -> bool {
        !self.addresses.is_empty()
    }

    /// Takes the addresses of the name; none keeps the last good ones.
    pub fn resolved(&mut self, addresses: Vec<SocketAddr>) {
        self.resolving = false;
        if !addresses.is_empty() {
            self.addresses = addresses.into_iter().map(SocketAddress::Tcp).collect();
        }
    }

    /// Where to connect to: the same address until that fails.
    pub fn socket_address(&self) -> Option<&SocketAddress> {
        self.addresses.get(self.turn % self.addresses.len().max(1))
    }

    /// The address failed: the next one, if the name has several.
    pub fn try_next_address(&mut self) {
        self.turn = self.turn.wrapping_add(1);
    }

    /// Whether it gets new work: its address is known, and it is not down.
    pub fn is_available(&self, now: Instant) -> bool {
        !self.drained && !self.removed && !self.addresses.is_empty() && self.health.is_up(now)
    }

    /// Whether it gets new work, and what there is to say about it.
    pub fn standing(&self, now: Instant) -> (Standing, String) {
        if self.removed {
            return (Standing::Removed, "no longer configured; its work is being finished".into());
        }
        if self.drained {
            return (Standing::Drained, "taken out by an operator".into());
        }
        if let Some(cause) = self.health.cause() {
            return (Standing::Down, cause.to_string());
        }
        if self.addresses.is_empty() {
            return (Standing::Down, "its name is unknown".into());
        }
        match self.health.sits_out(now) {
            Some((until, streak)) => {
                let left = until.saturating_duration_since(now).as_secs() + 1;
                (Standing::SitsOut, format!("{streak}; {left} s to go"))
            }
            None if self.health.is_judged() => (Standing::Up, String::new()),
            None => (Standing::Unjudged, String::new()),
        }
    }

    /// Other limits and thresholds from now on; everything else stays.
    pub fn reconfigure(&mut self, section: &Section, config: &ServerConfig) {
        self.number = config.number;
        self.send_proxy = config.send_proxy;
        (self.weight, self.backup) = (config.weight, config.backup);
        self.limits = limits_of(config);
        self.set_floor();
        self.health.set_terms(terms_of(section));
        if section.health.is_none() {
            self.health.forget_probes();
        }
    }

    /// How much of the work it gets: its weight, or what it has of it while it warms up.
    pub fn share(&self, slow_start: Duration, now: Instant) -> u32 {
        weight::share(self.weight, self.health.back_since(), slow_start, now)
    }

    /// How much of the work it gets beside the others when it is warm.
    pub fn weight(&self) -> u32 {
        self.weight
    }

    /// Whoever is taken out keeps no connections open for work that will not come.
    pub fn set_floor(&mut self) {
        let out = PoolLimits { min: 0, worker_timeout: Duration::ZERO, ..self.limits };
        self.pool.set_limits(if self.drained || self.removed { out } else { self.limits });
    }

    /// A client gives up its place in line, or among those sent away from it.
    pub fn leave(&mut self, client: ClientId) {
        if !self.pool.leave(client) {
            self.dismissed.retain(|other| *other != client);
        }
    }

    /// What is under way: tunnels, or requests running and waiting.
    pub fn load(&self) -> usize {
        match self.kind {
            Kind::Http => self.pool.busy() + self.pool.waiting(),
            Kind::WebSocket => self.tunnels,
        }
    }

    /// Whether its connections are pooled.
    pub fn is_pooled(&self) -> bool {
        self.kind == Kind::Http
    }
}

fn terms_of(section: &Section) -> Terms {
    let (rise, fall) = section.health.as_ref().map_or((1, 1), |health| (health.rise, health.fall));
    let (max_fails, fail_timeout) = (section.max_fails, section.fail_timeout);
    Terms { rise, fall, max_fails, fail_timeout }
}

/// The address that needs no asking for: an IP address, or a unix socket.
fn literal(address: &Address) -> Option<SocketAddress> {
    match address {
        Address::Tcp { host, port } => {
            host.parse().ok().map(|ip: IpAddr| SocketAddr::new(ip, *port).into())
        }
        Address::Unix(path) => Some(SocketAddress::Unix(path.clone())),
    }
}

fn limits_of(config: &ServerConfig) -> PoolLimits {
    let workers = &config.workers;
    PoolLimits {
        min: workers.min,
        max: workers.max,
        line: workers.buffer_size,
        worker_timeout: workers.timeout,
        spawn_timeout: workers.spawn_timeout,
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}] server{} ({})", self.kind.as_str(), self.number, self.address)
    }
}
