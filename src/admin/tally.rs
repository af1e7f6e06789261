//! What has one server done so far? Numbers that only grow, and how long things took.

use super::histogram::{Histogram, LATENCY, LIFETIME};
use super::tunnels::TunnelSums;
use std::time::Duration;

/// Everything counted of one server. It survives a reload of the configuration.
#[derive(Debug, Clone)]
pub struct Tally {
    /// Final responses relayed whole, by the hundreds of their status: 1xx (which is 101) to 5xx.
    pub responses: [u64; 5],
    /// From the first packet of a connection to its standing.
    pub connect: Histogram,
    /// From a request's head to the worker that got it.
    pub wait: Histogram,
    /// From there to the first byte of the final response.
    pub first_byte: Histogram,
    /// From a request's head to the last byte of its response; for a tunnel, to the 101.
    pub total: Histogram,
    /// Connections that did not come to stand.
    pub connect_failures: u64,
    /// Requests sent a second time on a fresh connection.
    pub retries: u64,
    /// What tunnels did.
    pub tunnels: Tunnels,
}

/// Tunnels of one server, apart from everything else: a life is no latency.
#[derive(Debug, Clone)]
pub struct Tunnels {
    /// That came to stand.
    pub opened: u64,
    /// What those that have ended carried, and how they ended.
    pub sums: TunnelSums,
    /// From the 101 to the end.
    pub lifetime: Histogram,
}

impl Tunnels {
    /// How many stand.
    pub fn open(&self) -> u64 {
        self.opened.saturating_sub(self.sums.closed)
    }
}

impl Tally {
    /// Nothing yet.
    pub const fn new() -> Self {
        Self {
            responses: [0; 5],
            connect: Histogram::new(&LATENCY),
            wait: Histogram::new(&LATENCY),
            first_byte: Histogram::new(&LATENCY),
            total: Histogram::new(&LATENCY),
            connect_failures: 0,
            retries: 0,
            tunnels: Tunnels {
                opened: 0,
                sums: TunnelSums::new(),
                lifetime: Histogram::new(&LIFETIME),
            },
        }
    }

    /// A final response was relayed, `total` after its request.
    pub fn responded(&mut self, status: u16, total: Duration) {
        let class = usize::from(status / 100).saturating_sub(1);
        if let Some(count) = self.responses.get_mut(class) {
            *count += 1;
        }
        self.total.observe(total);
    }

    /// A tunnel has ended.
    pub fn tunnel_closed(&mut self, sums: &TunnelSums, lifetime: Duration) {
        self.tunnels.sums.add(sums);
        self.tunnels.lifetime.observe(lifetime);
    }
}

impl Default for Tally {
    fn default() -> Self {
        Self::new()
    }
}
