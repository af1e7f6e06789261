//! One configured server: where it is, how it is, and its workers.

use super::counters::TunnelSums;
use super::section::Kind;
use crate::balance::algorithm;
use crate::balance::health::Health;
use crate::balance::pool::{Pool, PoolLimits};
use crate::config::{Address, Section, ServerConfig};
use crate::id::ClientId;
use crate::timer::TimerId;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

/// A server as one section knows it.
#[derive(Debug)]
pub struct Server {
    /// The section it belongs to.
    pub kind: Kind,
    /// The N of `serverN`.
    pub number: u64,
    /// As configured.
    pub address: Address,
    /// What the name resolved to last time it did.
    addresses: Vec<SocketAddr>,
    /// Which of them is used, modulo their number.
    turn: usize,
    /// A question to the resolver is under way.
    pub resolving: bool,
    /// Up or down, and why.
    pub health: Health,
    /// Its workers; unused in `[websocket]`, where every tunnel has its own connection.
    pub pool: Pool,
    /// Tunnels that lead to it, and handshakes that may become such.
    pub tunnels: usize,
    /// What is known of the tunnels to it that have ended.
    pub ended_tunnels: TunnelSums,
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
        let literal = address.host.parse::<IpAddr>().ok();
        let workers = &config.workers;
        Self {
            kind,
            number: config.number,
            addresses: literal.map(|ip| SocketAddr::new(ip, address.port)).into_iter().collect(),
            turn: 0,
            resolving: false,
            health: section
                .health
                .as_ref()
                .map_or_else(|| Health::new(1, 1), |h| Health::new(h.rise, h.fall)),
            pool: Pool::new(PoolLimits {
                min: workers.min,
                max: workers.max,
                line: workers.buffer_size,
                worker_timeout: workers.timeout,
                spawn_timeout: workers.spawn_timeout,
            }),
            tunnels: 0,
            ended_tunnels: TunnelSums::default(),
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
        self.address.host.parse::<IpAddr>().is_err()
    }

    /// Whether any address is known.
    pub fn is_known(&self) -> bool {
        !self.addresses.is_empty()
    }

    /// Takes the addresses of the name; none keeps the last good ones.
    pub fn resolved(&mut self, addresses: Vec<SocketAddr>) {
        self.resolving = false;
        if !addresses.is_empty() {
            self.addresses = addresses;
        }
    }

    /// Where to connect to: the same address until that fails.
    pub fn socket_address(&self) -> Option<SocketAddr> {
        self.addresses.get(self.turn % self.addresses.len().max(1)).copied()
    }

    /// The address failed: the next one, if the name has several.
    pub fn try_next_address(&mut self) {
        self.turn = self.turn.wrapping_add(1);
    }

    /// Whether it gets new work: its address is known, and it is not down.
    pub fn is_available(&self, now: Instant) -> bool {
        !self.addresses.is_empty() && self.health.is_up(now)
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

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}] server{} ({})", self.kind.as_str(), self.number, self.address)
    }
}
