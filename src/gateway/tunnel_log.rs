//! What is told of a tunnel that has ended? One line, and its share of the sums.

use super::Gateway;
use super::entry::{Ended, Entry, Served};
use super::tunnel::Tunnel;
use crate::admin::tunnels::TunnelSums;
use crate::flow::relay::{Ending, Side};
use crate::id::TunnelId;
use crate::websocket::boundary::NO_CLOSE;

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
    /// What has crossed it so far.
    pub(super) fn carried(&self) -> TunnelSums {
        let [from_client, from_server] = self.relay.halves();
        TunnelSums {
            messages_from_client: from_client.tracker().messages(),
            messages_from_server: from_server.tracker().messages(),
            control_frames: u64::from(from_client.tracker().control_frames())
                + u64::from(from_server.tracker().control_frames()),
            bytes_from_client: from_client.bytes(),
            bytes_from_server: from_server.bytes(),
            ..TunnelSums::new()
        }
    }

    /// What it adds to the sums when it ends.
    fn sums(&self) -> TunnelSums {
        let [from_client, from_server] = self.relay.halves();
        let mut sums = TunnelSums {
            closed: 1,
            untracked: u64::from(from_client.is_lost() || from_server.is_lost()),
            longest_idle: self.longest_idle(),
            ..self.carried()
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
        let lifetime = self.now.saturating_duration_since(tunnel.since);
        self.counters.ended_tunnels.add(&sums);
        let server = &mut self.servers[tunnel.server_id.index()];
        server.tally.tunnel_closed(&sums, lifetime);
        let ending = ending_of(tunnel);
        let ended = Ended {
            by: closed_by(ending),
            code: ending.code,
            why: tunnel.relay.farewell().map(|why| why.reason()),
            sums: &sums,
        };
        let entry = Entry {
            date: &self.desk.date,
            peer: tunnel.caller,
            request: b"-",
            status: 101,
            bytes: sums.bytes_from_client + sums.bytes_from_server,
            reason: "tunnel_close",
            server: Some(Served::by(server.kind.as_str(), &server.address)),
            total: lifetime,
            retries: 0,
            id: &tunnel.name,
            ended: Some(ended),
        };
        entry.write(self.config.log.access, &mut self.journal);
    }
}
