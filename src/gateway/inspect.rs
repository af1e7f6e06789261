//! What may a test look at? What nobody else has to see.

use super::Gateway;
use super::section::Kind;
use super::worker;
use crate::admin::route::Steer;
use crate::config::Config;
use crate::websocket::farewell::Farewell;
use std::io;
use std::time::{Duration, Instant};

/// How much of everything a gateway holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Census {
    /// Clients.
    pub clients: usize,
    /// Tunnels.
    pub tunnels: usize,
    /// Workers that are not idle.
    pub active: usize,
    /// Idle workers.
    pub idle: usize,
    /// The floors of all pools together.
    pub floor: usize,
    /// Requests in lines.
    pub waiting: usize,
    /// Probes.
    pub probes: usize,
    /// Timers set.
    pub timers: usize,
    /// The most timers that such a gateway needs.
    pub timers_needed: usize,
    /// Bytes held for anybody.
    pub held: usize,
    /// Places of tunnels.
    pub places: usize,
    /// Servers that are no longer configured.
    pub removed: usize,
}

impl Gateway {
    /// Counts everything.
    pub(crate) fn census(&self) -> Census {
        let idle = self.workers.iter().filter(|(_, w)| w.state() == worker::State::Idle).count();
        let connecting =
            |(_, w): &(usize, &worker::Worker)| matches!(w.state(), worker::State::Connecting(_));
        let pooled = || self.servers.iter().map(|(_, s)| s).filter(|s| s.is_pooled());
        let alarms = self.servers.iter().filter(|(_, s)| s.pool_alarm.is_some()).count();
        let probed = self.servers.iter().filter(|(_, server)| {
            self.sections.of(server.kind).is_some_and(|section| section.health.is_some())
        });
        let named = self.servers.iter().any(|(_, server)| server.is_named());
        let named = named || !self.groups.is_empty();
        Census {
            clients: self.clients.len(),
            tunnels: self.tunnels.len(),
            active: self.workers.len() - idle,
            idle,
            floor: pooled().map(|server| server.pool.limits().min).sum(),
            waiting: pooled().map(|server| server.pool.waiting()).sum(),
            probes: self.probes.len(),
            timers: self.timers.len(),
            timers_needed: self.clients.len()
                + self.tunnels.len()
                + self.workers.iter().filter(connecting).count()
                + alarms
                + probed.count()
                + self.probes.len()
                + usize::from(named)
                + usize::from(self.sweeps)
                + usize::from(self.door == super::listener::Door::Resting)
                + usize::from(self.sweeps)
                + 2 * usize::from(self.stopping.is_some()),
            held: self.clients.iter().map(|(_, client)| client.inbox.len()).sum(),
            places: self.admission.taken() + self.admission.clients(),
            removed: self.servers.iter().filter(|(_, server)| server.removed).count(),
        }
    }

    /// What an operator does who takes a server out, or puts it back.
    pub(crate) fn steer_server(&mut self, http: bool, number: u64, drain: bool, now: Instant) {
        self.now = now;
        // A server that is no longer configured is out already.
        let _ = self.steer(Steer { http, number, drain, from_page: false });
    }

    /// Ends the tunnels of a server.
    pub(crate) fn part_server(&mut self, number: u64, within: Duration, now: Instant) {
        self.now = now;
        let Some(section) = self.sections.of(Kind::WebSocket) else { return };
        let mut ids = section.servers.iter().copied();
        if let Some(id) = ids.find(|id| self.servers[id.index()].number == number) {
            self.plan_drain(|tunnel| tunnel.server_id == id, within, Farewell::ServerLeaves);
        }
    }

    /// Another configuration, with the same listener.
    pub(crate) fn reload_at(&mut self, config: Config, max: usize, now: Instant) -> io::Result<()> {
        self.reload(config, max, now, |_| Err(io::ErrorKind::AddrNotAvailable.into()))
    }
}
