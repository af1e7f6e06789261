//! What has happened so far, in numbers that only grow.

/// Counters of the whole gateway since it started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Clients accepted.
    pub accepted: u64,
    /// Request heads taken.
    pub requests: u64,
    /// Request heads refused before any server was chosen.
    pub refused: u64,
    /// Responses relayed whole.
    pub relayed: u64,
    /// Answers of the gateway's own.
    pub answered: u64,
    /// Exchanges whose client was cut or left.
    pub cut: u64,
    /// Requests sent a second time on a fresh connection.
    pub replays: u64,
    /// Connections to servers begun.
    pub connects: u64,
    /// Connections to servers that did not come to stand.
    pub connect_failures: u64,
    /// Servers that broke off, were silent for too long or sent what cannot be read.
    pub server_faults: u64,
    /// Workers closed because bytes arrived that belong to no response.
    pub poisoned: u64,
    /// Tunnels that came to stand.
    pub tunnels: u64,
}
