//! What is due? Everything that a timer can be about.

use crate::id::{ClientId, ProbeId, ServerId, TunnelId, WorkerId};

/// Everything that happens because time passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alarm {
    /// A client may have been silent for too long.
    Client(ClientId),
    /// A connection to a server has not come to stand.
    WorkerLate(WorkerId),
    /// A server's line or idle workers want attention.
    PoolDue(ServerId),
    /// A server has sat out for long enough.
    SatOut(ServerId),
    /// A server is to be probed.
    ProbeDue(ServerId),
    /// A probe has taken too long.
    ProbeLate(ProbeId),
    /// A tunnel may have been silent for too long.
    Tunnel(TunnelId),
    /// Names are to be resolved again.
    Names,
    /// Accepting failed for want of descriptors; try again.
    Accept,
    /// Removed servers may have done their last work.
    Sweep,
    /// A second is over, for those who watch.
    Sample,
    /// The next step of stopping.
    Stop,
}
