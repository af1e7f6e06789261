//! The access log: one line per exchange, written once per turn.

use super::Gateway;
use super::errand::Errand;
use crate::config::Access;
use crate::flow::response::End;
use crate::http::answer::Answer;
use crate::http::refusal::Refusal;
use crate::id::{ClientId, TunnelId, WorkerId};
use serde_json::json;
use std::io::Write;
use std::net::IpAddr;

/// What one line tells.
struct Entry<'a> {
    peer: IpAddr,
    request: &'a [u8],
    status: u16,
    bytes: u64,
    millis: u128,
    server: Option<String>,
    reason: &'a str,
}

impl Gateway {
    /// A response was relayed whole.
    pub(super) fn note_end(&mut self, id: ClientId, worker: WorkerId, errand: &Errand, end: &End) {
        self.counters.relayed += 1;
        let total = self.now.saturating_duration_since(errand.since);
        let server = self.workers[worker.index()].server;
        self.servers[server.index()].tally.responded(end.status, total);
        if self.config.log.access == Access::Off {
            return;
        }
        let server = self.servers[self.workers[worker.index()].server.index()].address.to_string();
        self.write_entry(id, errand, end.status, end.bytes, Some(server), "relayed");
    }

    /// The gateway answers in a server's place.
    pub(super) fn note_answer(&mut self, id: ClientId, errand: &Errand, answer: &Answer) {
        self.counters.answered += 1;
        self.write_entry(id, errand, answer.status, 0, None, answer.reason);
    }

    /// The exchange ended before its response did. The status is what was on its way, if anything.
    pub(super) fn note_cut(&mut self, id: ClientId, errand: &Errand) {
        self.counters.cut += 1;
        let (status, bytes) = errand.exchange.end().map_or((0, 0), |end| (end.status, end.bytes));
        self.write_entry(id, errand, status, bytes, None, "cut");
    }

    /// The request itself was refused; of a head that cannot be read nothing is repeated.
    pub(super) fn note_refusal(&mut self, id: ClientId, refusal: Refusal) {
        let entry = Entry {
            peer: self.clients[id.index()].peer,
            request: b"-",
            status: refusal.status(),
            bytes: 0,
            millis: 0,
            server: None,
            reason: refusal.reason(),
        };
        self.write_line(&entry);
    }

    /// A tunnel comes to stand.
    pub(super) fn note_switch(&mut self, peer: IpAddr, worker: WorkerId, errand: &Errand) {
        let total = self.now.saturating_duration_since(errand.since);
        let server = self.workers[worker.index()].server;
        self.servers[server.index()].tally.responded(101, total);
        if self.config.log.access == Access::Off {
            return;
        }
        let server = self.servers[self.workers[worker.index()].server.index()].address.to_string();
        let entry = Entry {
            peer,
            request: &errand.line,
            status: 101,
            bytes: 0,
            millis: self.now.saturating_duration_since(errand.since).as_millis(),
            server: Some(server),
            reason: "tunnel_open",
        };
        self.write_line(&entry);
    }

    /// A tunnel has ended.
    pub(super) fn note_tunnel_end(&mut self, id: TunnelId) {
        let tunnel = &self.tunnels[id.index()];
        let (from_client, from_server) = tunnel.relay.bytes();
        let lifetime = self.now.saturating_duration_since(tunnel.since);
        let tally = &mut self.servers[tunnel.server_id.index()].tally;
        tally.tunnel_closed(from_client, from_server, lifetime);
        if self.config.log.access == Access::Off {
            return;
        }
        let tunnel = &self.tunnels[id.index()];
        let (from_client, from_server) = tunnel.relay.bytes();
        let entry = Entry {
            peer: tunnel.peer,
            request: b"-",
            status: 101,
            bytes: from_client + from_server,
            millis: self.now.saturating_duration_since(tunnel.since).as_millis(),
            server: Some(self.servers[tunnel.server_id.index()].address.to_string()),
            reason: "tunnel_close",
        };
        self.write_line(&entry);
    }

    fn write_entry(
        &mut self,
        id: ClientId,
        errand: &Errand,
        status: u16,
        bytes: u64,
        server: Option<String>,
        reason: &'static str,
    ) {
        if self.config.log.access == Access::Off {
            return;
        }
        let entry = Entry {
            peer: self.clients[id.index()].peer,
            request: &errand.line,
            status,
            bytes,
            millis: self.now.saturating_duration_since(errand.since).as_millis(),
            server,
            reason,
        };
        self.write_line(&entry);
    }

    fn write_line(&mut self, entry: &Entry<'_>) {
        let Entry { peer, status, bytes, millis, reason, .. } = entry;
        let request = String::from_utf8_lossy(entry.request);
        let server = entry.server.as_deref();
        let date = String::from_utf8_lossy(&self.desk.date).into_owned();
        let journal = &mut self.journal;
        // Writing to memory cannot fail.
        let _ = match self.config.log.access {
            Access::Off => Ok(()),
            Access::Common => writeln!(
                journal,
                "{peer} - - [{date}] \"{request}\" {status} {bytes} {millis}ms {} {reason}",
                server.unwrap_or("-"),
            ),
            Access::Json => {
                let line = json!({
                    "time": date, "peer": peer.to_string(), "request": request, "status": status,
                    "bytes": bytes, "ms": *millis as u64, "server": server, "reason": reason,
                });
                writeln!(journal, "{line}")
            }
        };
    }

    /// The lines of this turn, to be written in one go. Leaves none.
    pub fn take_journal(&mut self) -> Option<Vec<u8>> {
        (!self.journal.is_empty()).then(|| std::mem::take(&mut self.journal))
    }
}
