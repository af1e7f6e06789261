//! Where does the system begin? Behind this, the only door to sockets, names and the clock.
//!
//! Everything the gateway asks of the operating system goes through the few types here. There are
//! two sets of them with the same methods: the kernel's, and under `cfg(test)` and `cfg(fuzzing)`
//! simulated ones whose every event comes from one seed. So the code that ships is, unchanged, the
//! code that thousands of simulated schedules run; no type parameter says so anywhere.
//!
//! A [`Socket`] remembers what the kernel last said of it. It is registered once, edge-triggered,
//! for both directions; an edge sets the memory ([`Socket::note`]), a call that would block or
//! moves less than it was given clears it. While the memory says "blocked", no system call is made.
//! So a handler may try whatever it likes, in any order and for any reason: it costs nothing, and
//! no edge can be lost.

use std::net::SocketAddr;

mod address;
#[cfg(not(any(test, fuzzing)))]
mod channel;
#[cfg(not(any(test, fuzzing)))]
mod inherited;
#[cfg(not(any(test, fuzzing)))]
mod kernel;
#[cfg(not(any(test, fuzzing)))]
mod listener;
mod proc;
mod readiness;
#[cfg(not(any(test, fuzzing)))]
mod resolver;
#[cfg(not(any(test, fuzzing)))]
pub mod service;
#[cfg(not(any(test, fuzzing)))]
mod signals;
pub use self::address::SocketAddress;
pub use self::proc::{accept_backlog, resident_memory};
#[cfg(not(any(test, fuzzing)))]
pub use self::{
    inherited::inherited,
    kernel::{Clock, Net, Poll, Socket, raise_descriptor_limit},
    listener::Listener,
    signals::{Signal, Signals},
};

#[cfg(any(test, fuzzing))]
pub mod simulated;
#[cfg(any(test, fuzzing))]
pub use simulated::{Clock, Listener, Net, Socket};

/// What an edge said of a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ready {
    /// There may be something to read.
    pub readable: bool,
    /// There may be room to write.
    pub writable: bool,
    /// The peer will send no more: the end of the stream stands behind what is there to read.
    pub ended: bool,
    /// The connection is broken in both directions.
    pub broken: bool,
}

/// The answer to [`Net::resolve`]: for whom, and the addresses, none when the name is unknown.
#[derive(Debug)]
pub struct Resolved {
    /// The `ticket` given with the question.
    pub ticket: usize,
    /// The addresses of the name.
    pub addresses: Vec<SocketAddr>,
}
