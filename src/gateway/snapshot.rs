//! How are things at this moment? Fills the plain values that [`crate::admin`] renders.

use super::Gateway;
use super::section::Kind;
use super::server;
use super::tunnel::State;
use crate::admin::snapshot::{Section, Server, Snapshot, Turns, Workers};
use crate::admin::tunnels::TunnelSums;
use crate::balance::weight::WHOLE;
use crate::id::ServerId;
use crate::net::{accept_backlog, resident_memory};
use std::time::Duration;

impl Gateway {
    /// Everything there is to tell, as it is now.
    pub fn snapshot(&self) -> Snapshot {
        let sections = [Kind::Http, Kind::WebSocket];
        let crossing = self.crossing();
        let section = |kind| self.section_snapshot(kind, &crossing);
        Snapshot {
            version: env!("CARGO_PKG_VERSION"),
            unix_seconds: self.clock.unix_seconds(),
            uptime: self.now.saturating_duration_since(self.office.opened),
            ready: self.stopping.is_none(),
            totals: self.counters.totals(),
            answers: self.answered.counts().to_vec(),
            sections: sections.into_iter().filter_map(section).collect(),
            turns: Turns {
                time: self.office.turns.clone(),
                clients: self.clients.len() - self.office.operators,
                clients_max: self.max_connections,
                operators: self.office.operators,
                workers: self.workers.len(),
                tunnels: self.tunnels.len(),
                probes: self.probes.len(),
                timers: self.timers.len(),
                agenda: self.agenda.len(),
                backlog: self.address().ok().and_then(|at| accept_backlog(at.tcp()?)),
                memory: resident_memory(),
                lines_lost: self.office.lines_lost,
            },
            events: self.office.events.latest().cloned().collect(),
        }
    }

    /// What the tunnels that stand have carried so far, by the place of their server.
    fn crossing(&self) -> Vec<TunnelSums> {
        let mut sums = vec![TunnelSums::new(); self.servers.capacity()];
        for (_, tunnel) in &self.tunnels {
            // One that has ended, and waits to be buried, is in the books already.
            if tunnel.state() != State::Closed {
                sums[tunnel.server_id.index()].add(&tunnel.carried());
            }
        }
        sums
    }

    fn section_snapshot(&self, kind: Kind, crossing: &[TunnelSums]) -> Option<Section> {
        let section = self.sections.of(kind)?;
        let mut listed = section.servers.clone();
        let removed = |server: &server::Server| server.kind == kind && server.removed;
        let parting = self.servers.iter().filter(|(_, server)| removed(server));
        listed.extend(parting.map(|(key, _)| ServerId::from(key)));
        if section.gone && listed.is_empty() {
            return None;
        }
        Some(Section {
            name: kind.as_str(),
            pooled: kind == Kind::Http,
            servers: listed.into_iter().map(|id| self.server_snapshot(id, crossing)).collect(),
            trend: section.trend.samples().copied().collect(),
        })
    }

    fn server_snapshot(&self, id: ServerId, crossing: &[TunnelSums]) -> Server {
        let server = &self.servers[id.index()];
        let mut carried = server.tally.tunnels.sums;
        carried.add(&crossing[id.index()]);
        let (standing, because) = server.standing(self.now);
        let section = self.sections.of(server.kind);
        let slow_start = section.map_or(Duration::ZERO, |section| section.slow_start);
        let share = server.share(slow_start, self.now);
        let pool = &server.pool;
        let limits = pool.limits();
        Server {
            number: server.number,
            address: server.address.to_string(),
            standing,
            because,
            weight: server.weight(),
            effective_weight: f64::from(share) / f64::from(WHOLE),
            backup: server.backup,
            workers: Workers {
                idle: pool.idle(),
                busy: pool.busy(),
                connecting: pool.connecting(),
                floor: limits.min,
                ceiling: limits.max,
            },
            waiting: pool.waiting(),
            line: limits.line,
            tally: server.tally.clone(),
            carried,
        }
    }
}
