//! How are things at this moment? Fills the plain values that [`crate::admin`] renders.

use super::Gateway;
use super::section::Kind;
use super::server::Server;
use crate::admin::snapshot::{Section, Server as ServerSnapshot, Snapshot, Turns, Workers};

impl Gateway {
    /// Everything there is to tell, as it is now.
    pub fn snapshot(&self) -> Snapshot {
        let sections = [Kind::Http, Kind::WebSocket];
        Snapshot {
            version: env!("CARGO_PKG_VERSION"),
            unix_seconds: self.clock.unix_seconds(),
            uptime: self.now.saturating_duration_since(self.office.opened),
            ready: self.stopping.is_none(),
            totals: self.counters.totals(),
            answers: self.answered.counts().to_vec(),
            sections: sections.into_iter().filter_map(|kind| self.section_snapshot(kind)).collect(),
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
                memory: resident_memory(),
                lines_lost: self.office.lines_lost,
            },
            events: self.office.events.latest().cloned().collect(),
        }
    }

    fn section_snapshot(&self, kind: Kind) -> Option<Section> {
        let section = self.sections.of(kind)?;
        let mut listed: Vec<&Server> =
            section.servers.iter().map(|id| &self.servers[id.index()]).collect();
        let all = self.servers.iter().map(|(_, server)| server);
        listed.extend(all.filter(|server| server.kind == kind && server.removed));
        if section.gone && listed.is_empty() {
            return None;
        }
        Some(Section {
            name: kind.as_str(),
            pooled: kind == Kind::Http,
            servers: listed.into_iter().map(|server| self.server_snapshot(server)).collect(),
            trend: section.trend.samples().copied().collect(),
        })
    }

    fn server_snapshot(&self, server: &Server) -> ServerSnapshot {
        let (standing, because) = server.standing(self.now);
        let pool = &server.pool;
        let limits = pool.limits();
        ServerSnapshot {
            number: server.number,
            address: server.address.to_string(),
            standing,
            because,
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
        }
    }
}

/// Memory of the process that is in RAM, in bytes, as Linux tells it.
fn resident_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}
