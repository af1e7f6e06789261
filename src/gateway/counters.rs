//! What has happened so far? Numbers that only grow.

use crate::admin::snapshot::{Answered, Total};
use crate::admin::tunnels::TunnelSums;
use std::fmt;

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

impl fmt::Display for Counters {
    /// What has happened at all, for the last line of the log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let totals = self.totals();
        let happened = totals.iter().filter(|total| total.value > 0);
        let words: Vec<_> =
            happened.map(|total| format!("{} {}", total.name, total.value)).collect();
        f.write_str(if words.is_empty() { "nothing happened" } else { "" })?;
        f.write_str(&words.join(", ").replace('_', " "))
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_has_happened_is_told() {
        assert_eq!(Counters::default().to_string(), "nothing happened");
        let counters =
            Counters { accepted: 3, requests: 12, connect_failures: 1, ..Counters::default() };
        assert_eq!(counters.to_string(), "accepted 3, requests 12, connect failures 1");
    }
}
