//! Which server, and which of its workers? Pure: the clock and the dice are arguments.
//!
//! [`health`] says which servers of a section may get work, by what probes found and by its
//! [`strikes`], and [`weight`] how much of it. [`algorithm`] and [`turns`] pick one of them, and
//! [`pool`] finds one of that server's workers for the request, or a place in line. [`bucket`]
//! keeps newcomers to a pace.

pub mod algorithm;
pub mod bucket;
pub mod health;
pub mod pool;
pub mod strikes;
pub mod turns;
pub mod weight;
