//! What is told of a tunnel when it has ended: one line, and its share of the sums.

use super::Gateway;
use super::counters::TunnelSums;
use super::tunnel::Tunnel;
use crate::config::Access;
use crate::flow::relay::{Ending, Side};
use crate::id::TunnelId;
use crate::websocket::boundary::NO_CLOSE;
use serde_json::json;
use std::io::Write;
use std::time::Instant;

/// How a tunnel ended, in the words of the log.
fn closed_by(ending: Ending) -> &'static str {
    match ending.by {
        Some(Side::Client) => "client",
        Some(Side::Server) => "server",
        None => "gateway",
    }
}

/// How a tunnel ended; one that was cut ended without a Close, by nobody in particular.
fn ending_of(tunnel: &Tunnel) -> Ending {
    tunnel.relay.ending().unwrap_or(Ending { by: None, code: NO_CLOSE })
}

impl Tunnel {
    /// What it adds to the sums.
    fn sums(&self) -> TunnelSums {
        let [from_client, from_server] = self.relay.halves();
        let mut sums = TunnelSums {
            closed: 1,
            messages_from_client: from_client.tracker().messages(),
            messages_from_server: from_server.tracker().messages(),
            control_frames: u64::from(from_client.tracker().control_frames())
                + u64::from(from_server.tracker().control_frames()),
            bytes_from_client: from_client.bytes(),
            bytes_from_server: from_server.bytes(),
            untracked: u64::from(from_client.is_lost() || from_server.is_lost()),
            longest_idle: self.longest_idle(),
            ..TunnelSums::default()
        };
        let ending = ending_of(self);
        sums.codes.count(ending.code);
        match ending.by {
            Some(Side::Client) => sums.by_client = 1,
            Some(Side::Server) => sums.by_server = 1,
            None => sums.by_gateway = 1,
        }
        sums
    }
}

impl Gateway {
    /// A tunnel has ended.
    pub(super) fn note_tunnel_end(&mut self, id: TunnelId) {
        let tunnel = &self.tunnels[id.index()];
        let sums = tunnel.sums();
        self.counters.ended_tunnels.add(&sums);
        let server = &mut self.servers[tunnel.server_id.index()];
        server.ended_tunnels.add(&sums);
        let lifetime = self.now.saturating_duration_since(tunnel.since);
        server.tally.tunnel_closed(sums.bytes_from_client, sums.bytes_from_server, lifetime);
        let line = match self.config.log.access {
            Access::Off => return,
            Access::Common => self.common_line(tunnel, &sums, self.now),
            Access::Json => self.json_line(tunnel, &sums, self.now),
        };
        // Writing to memory cannot fail.
        let _ = writeln!(self.journal, "{line}");
    }

    fn common_line(&self, tunnel: &Tunnel, sums: &TunnelSums, now: Instant) -> String {
        let ending = ending_of(tunnel);
        format!(
            "{} - - [{}] \"-\" 101 {} {}ms {} tunnel_close by={} code={} why={} messages={}/{} \
             bytes={}/{} control_frames={} longest_idle={}ms",
            tunnel.peer,
            String::from_utf8_lossy(&self.desk.date),
            sums.bytes_from_client + sums.bytes_from_server,
            now.saturating_duration_since(tunnel.since).as_millis(),
            self.servers[tunnel.server_id.index()].address,
            closed_by(ending),
            ending.code,
            tunnel.farewell.map_or_else(|| "-".to_owned(), |why| why.reason().replace(' ', "_")),
            sums.messages_from_client,
            sums.messages_from_server,
            sums.bytes_from_client,
            sums.bytes_from_server,
            sums.control_frames,
            sums.longest_idle.as_millis(),
        )
    }

    fn json_line(&self, tunnel: &Tunnel, sums: &TunnelSums, now: Instant) -> String {
        let ending = ending_of(tunnel);
        let line = json!({
            "time": String::from_utf8_lossy(&self.desk.date),
            "peer": tunnel.peer.to_string(),
            "request": "-",
            "status": 101,
            "bytes": sums.bytes_from_client + sums.bytes_from_server,
            "ms": now.saturating_duration_since(tunnel.since).as_millis() as u64,
            "server": self.servers[tunnel.server_id.index()].address.to_string(),
            "reason": "tunnel_close",
            "closed_by": closed_by(ending),
            "close_code": ending.code,
            "why": tunnel.farewell.map(|why| why.reason()),
            "messages_from_client": sums.messages_from_client,
            "messages_from_server": sums.messages_from_server,
            "bytes_from_client": sums.bytes_from_client,
            "bytes_from_server": sums.bytes_from_server,
            "control_frames": sums.control_frames,
            "longest_idle_ms": sums.longest_idle.as_millis() as u64,
        });
        line.to_string()
    }
}
