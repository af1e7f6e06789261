//! How are things at this moment? Plain values, filled by the gateway and read by the renderers.

use super::events::Event;
use super::histogram::Histogram;
use super::tally::Tally;
use super::trend::Sample;
use super::tunnels::TunnelSums;
use std::time::Duration;

/// The gateway at one moment.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The program's version.
    pub version: &'static str,
    /// Seconds since 1970.
    pub unix_seconds: u64,
    /// Since the gateway was made.
    pub uptime: Duration,
    /// Whether new work is welcome; false from the first word of stopping on.
    pub ready: bool,
    /// Everything counted of the gateway as a whole.
    pub totals: Vec<Total>,
    /// Answers of the gateway's own, by reason word.
    pub answers: Vec<Answered>,
    /// `[http]` and `[websocket]`, as far as there are.
    pub sections: Vec<Section>,
    /// How the loop is.
    pub turns: Turns,
    /// What happened lately, latest first.
    pub events: Vec<Event>,
}

/// One number that only grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Total {
    /// In snake_case; the metric is called `tidegate_{name}_total`.
    pub name: &'static str,
    /// What is counted.
    pub help: &'static str,
    /// How many so far.
    pub value: u64,
}

/// Answers of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answered {
    /// The stable word for why.
    pub reason: &'static str,
    /// The status given.
    pub status: u16,
    /// How many so far.
    pub count: u64,
}

/// One section.
#[derive(Debug, Clone)]
pub struct Section {
    /// Without its brackets.
    pub name: &'static str,
    /// Whether its servers have pools of workers and lines.
    pub pooled: bool,
    /// In numeric order; servers that a reload removed and that still have work are last.
    pub servers: Vec<Server>,
    /// The last two minutes, oldest second first.
    pub trend: Vec<Sample>,
}

/// One server of a section.
#[derive(Debug, Clone)]
pub struct Server {
    /// The N of its keys.
    pub number: u64,
    /// As configured.
    pub address: String,
    /// Whether it gets new work, and if not, why not.
    pub standing: Standing,
    /// A sentence on that for a person; empty when there is nothing to add.
    pub because: String,
    /// How much of the work it gets beside the others, as configured.
    pub weight: u32,
    /// How much of that it gets now: less while it warms up.
    pub effective_weight: f64,
    /// A spare: it gets work only when all others are down.
    pub backup: bool,
    /// Its workers by what they do, and their limits.
    pub workers: Workers,
    /// Requests in line.
    pub waiting: usize,
    /// Requests that may stand there.
    pub line: usize,
    /// What it has done so far.
    pub tally: Tally,
    /// What its tunnels have carried, with those that still stand.
    pub carried: TunnelSums,
}

/// Whether a server gets new work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It does, and a probe found it well.
    Up,
    /// It does, though no probe has found anything yet.
    Unjudged,
    /// Probes took it out.
    Down,
    /// Traffic failed on it, and it is left alone for a while.
    SitsOut,
    /// An operator took it out.
    Drained,
    /// It is no longer in the configuration.
    Removed,
}

impl Standing {
    /// Every one of them.
    pub const ALL: [Self; 6] =
        [Self::Up, Self::Unjudged, Self::Down, Self::SitsOut, Self::Drained, Self::Removed];

    /// The word for it, in JSON, metrics and on the page.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Unjudged => "unjudged",
            Self::Down => "down",
            Self::SitsOut => "sits_out",
            Self::Drained => "drained",
            Self::Removed => "removed",
        }
    }

    /// Whether it gets new work.
    pub fn is_available(self) -> bool {
        match self {
            Self::Up | Self::Unjudged => true,
            Self::Down | Self::SitsOut | Self::Drained | Self::Removed => false,
        }
    }
}

/// A server's workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Workers {
    /// Waiting for work.
    pub idle: usize,
    /// With an exchange under way.
    pub busy: usize,
    /// On their way.
    pub connecting: usize,
    /// Kept open (`min_workers`).
    pub floor: usize,
    /// At most (`max_workers`).
    pub ceiling: usize,
}

/// The loop's own health.
#[derive(Debug, Clone)]
pub struct Turns {
    /// How long each turn took, waiting apart.
    pub time: Histogram,
    /// Connections of clients, operators apart.
    pub clients: usize,
    /// Clients at most.
    pub clients_max: usize,
    /// Connections of operators.
    pub operators: usize,
    /// Connections to servers.
    pub workers: usize,
    /// Tunnels.
    pub tunnels: usize,
    /// Probes under way.
    pub probes: usize,
    /// Alarms set.
    pub timers: usize,
    /// Whoever had something to do without an edge of its own.
    pub agenda: usize,
    /// Clients that wait in the kernel to be accepted, where the system tells.
    pub backlog: Option<u64>,
    /// Memory of the process that is in RAM, in bytes, where the system tells.
    pub memory: Option<u64>,
    /// Lines that the access log lost because its reader was slow.
    pub lines_lost: u64,
}

#[cfg(test)]
pub(super) mod tests;
