//! Which server, and which of its workers? Pure: the clock and the dice are arguments.

pub mod pool;
