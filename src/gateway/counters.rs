//! What has happened so far, in numbers that only grow.

use crate::admin::snapshot::{Answered, Total};
use std::time::Duration;

/// Declares the counters once: the field, and the sentence that both its documentation and the
/// metrics' HELP are made of.
macro_rules! counters {
    ($($name:ident: $help:literal,)*) => {
        /// Counters of the whole gateway since it started.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub struct Counters {
            $(#[doc = $help] pub $name: u64,)*
            /// What is known of the tunnels that have ended.
            pub ended_tunnels: TunnelSums,
        }

        impl Counters {
            /// All of them, with their names.
            pub fn totals(&self) -> Vec<Total> {
                vec![$(Total { name: stringify!($name), help: $help, value: self.$name },)*]
            }
        }
    };
}

counters! {
    accepted: "Clients accepted.",
    requests: "Request heads taken.",
    refused: "Request heads refused before any server was chosen.",
    proxy_faults: "Connections closed because no right PROXY header came, or not in time.",
    relayed: "Responses relayed whole.",
    answered: "Requests that got an answer of the gateway's own.",
    cut: "Exchanges whose client was cut or left.",
    replays: "Requests sent a second time on a fresh connection.",
    connects: "Connections to servers begun.",
    connect_failures: "Connections to servers that did not come to stand.",
    server_faults: "Servers that broke off, were silent for too long or sent what cannot be read.",
    poisoned: "Workers closed because bytes arrived that belong to no response.",
    tunnels: "Tunnels that came to stand.",
    turned_away: "Opening handshakes for which there was no place.",
    reloads: "Configurations put in force while running.",
}

/// Answers of the gateway's own by their reason word, of which there are a few dozen.
#[derive(Debug, Default)]
pub struct Answers(Vec<Answered>);

impl Answers {
    /// Counts one.
    pub fn count(&mut self, reason: &'static str, status: u16) {
        match self.0.iter_mut().find(|known| known.reason == reason && known.status == status) {
            Some(known) => known.count += 1,
            None => self.0.push(Answered { reason, status, count: 1 }),
        }
    }

    /// All of them.
    pub fn counts(&self) -> &[Answered] {
        &self.0
    }
}

/// Sums over tunnels that have ended: of all, or of one server's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TunnelSums {
    /// How many.
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
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
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
