//! What have tunnels carried, and how did they end?
//!
//! Sums, apart from everything else: a tunnel may stand for a day, and none of that is latency.

use std::time::Duration;

/// Sums over tunnels: of all, of one server's, or of one. What crosses a tunnel that still stands
/// belongs to the snapshot alone; here it is added when the tunnel has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TunnelSums {
    /// How many have ended.
    pub closed: u64,
    /// Whole messages from clients.
    pub messages_from_client: u64,
    /// Whole messages from servers.
    pub messages_from_server: u64,
    /// Closes, Pings and Pongs of both ends.
    pub control_frames: u64,
    /// Bytes passed on from clients.
    pub bytes_from_client: u64,
    /// Bytes passed on from servers.
    pub bytes_from_server: u64,
    /// Tunnels in which an illegal frame was met, so that their counts are too low.
    pub untracked: u64,
    /// The longest time in which no byte crossed one of them.
    pub longest_idle: Duration,
    /// Whose end was announced by the client.
    pub by_client: u64,
    /// Whose end was announced by the server.
    pub by_server: u64,
    /// Whose end was announced by the gateway.
    pub by_gateway: u64,
    /// By the code of their first Close.
    pub codes: Codes,
}

/// How many tunnels ended with which code (RFC 6455 7.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Codes([u64; Self::KNOWN.len() + 1]);

impl Codes {
    /// The codes that are counted by themselves; the others are counted together. 1005: a Close
    /// without a code; 1006: no Close.
    pub const KNOWN: [u16; 9] = [1000, 1001, 1002, 1003, 1005, 1006, 1009, 1011, 1012];

    /// One more.
    pub fn count(&mut self, code: u16) {
        let place = Self::KNOWN.iter().position(|known| *known == code);
        self.0[place.unwrap_or(Self::KNOWN.len())] += 1;
    }

    /// Each code with its count; last, without a code, all others.
    pub fn iter(&self) -> impl Iterator<Item = (Option<u16>, u64)> {
        Self::KNOWN.iter().copied().map(Some).chain([None]).zip(self.0)
    }
}

impl TunnelSums {
    /// Of no tunnel at all.
    pub const fn new() -> Self {
        Self {
            closed: 0,
            messages_from_client: 0,
            messages_from_server: 0,
            control_frames: 0,
            bytes_from_client: 0,
            bytes_from_server: 0,
            untracked: 0,
            longest_idle: Duration::ZERO,
            by_client: 0,
            by_server: 0,
            by_gateway: 0,
            codes: Codes([0; Codes::KNOWN.len() + 1]),
        }
    }

    /// Adds what is known of other tunnels.
    pub fn add(&mut self, other: &Self) {
        self.closed += other.closed;
        self.messages_from_client += other.messages_from_client;
        self.messages_from_server += other.messages_from_server;
        self.control_frames += other.control_frames;
        self.bytes_from_client += other.bytes_from_client;
        self.bytes_from_server += other.bytes_from_server;
        self.untracked += other.untracked;
        self.longest_idle = self.longest_idle.max(other.longest_idle);
        self.by_client += other.by_client;
        self.by_server += other.by_server;
        self.by_gateway += other.by_gateway;
        for (sum, count) in self.codes.0.iter_mut().zip(other.codes.0) {
            *sum += count;
        }
    }
}

impl Default for TunnelSums {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_counted_and_added_up() {
        let mut sums = TunnelSums::default();
        let mut one = TunnelSums { closed: 1, ..TunnelSums::default() };
        one.codes.count(1011);
        one.codes.count(4000);
        sums.add(&one);
        sums.add(&one);
        let counted: Vec<_> = sums.codes.iter().filter(|(_, count)| *count > 0).collect();
        assert_eq!(counted, [(Some(1011), 2), (None, 2)]);
        assert_eq!(sums.closed, 2);
    }
}
