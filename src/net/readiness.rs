//! Is a socket ready? What was last said of it, and what may be concluded from that.
//!
//! ```text
//!   reading:  blocked --edge--> ready --short read, end not seen; or WouldBlock--> blocked
//!   writing:  blocked --edge--> ready --short write; or WouldBlock--------------> blocked
//! ```
//!
//! The kernel's sockets and the simulated ones share this, so that the simulation tests the very
//! conclusions that the gateway lives by.

use super::Ready;
use std::io;

/// The memory of one socket.
#[derive(Debug)]
pub(super) struct Readiness {
    said: Ready,
    /// A write has told that the connection was reset. The kernel says so only once, and to a
    /// later read the same connection looks as if it had ended in order.
    reset: bool,
}

impl Readiness {
    /// Writable until told otherwise: the first answer need not wait for an edge.
    pub(super) fn new() -> Self {
        Self { said: Ready { writable: true, ..Ready::default() }, reset: false }
    }

    /// Of a connection that is on its way: neither readable nor writable until an edge says so.
    pub(super) fn connecting() -> Self {
        Self { said: Ready::default(), reset: false }
    }

    /// Takes in what an edge said.
    pub(super) fn note(&mut self, ready: Ready) {
        self.said.readable |= ready.readable | ready.ended | ready.broken;
        self.said.writable |= ready.writable | ready.broken;
        self.said.ended |= ready.ended;
        self.said.broken |= ready.broken;
    }

    pub(super) fn is_readable(&self) -> bool {
        self.said.readable
    }

    /// Whether a connection has come to stand; `None` when it has come to nothing. Until one of the
    /// two is settled the kernel reports neither room nor an error, so that the edge alone tells.
    pub(super) fn stands(&self) -> Option<bool> {
        (!self.said.broken).then_some(self.said.writable)
    }

    pub(super) fn is_broken(&self) -> bool {
        self.said.broken
    }

    pub(super) fn has_ended(&self) -> bool {
        self.said.ended
    }

    /// Forgets what was said of reading, so that the next read asks.
    pub(super) fn look_again(&mut self) {
        self.said.readable = true;
    }

    /// Reads by `call`, unless that is known to block. `room` is how many bytes are asked for.
    pub(super) fn read(
        &mut self,
        room: usize,
        mut call: impl FnMut() -> io::Result<usize>,
    ) -> io::Result<usize> {
        if !self.said.readable {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        loop {
            match call() {
                Ok(0) if self.reset && room > 0 => {
                    return Err(io::ErrorKind::ConnectionReset.into());
                }
                // Less than there was room for: the rest has not arrived, and whatever arrives
                // from now on is a new edge. Unless the end was seen: that edge is spent.
                Ok(count) => {
                    self.said.readable = count == room || self.said.ended || count == 0;
                    return Ok(count);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.said.readable = error.kind() != io::ErrorKind::WouldBlock;
                    return Err(error);
                }
            }
        }
    }

    /// Pours into a pipe by `call`, unless that is known to block. What a pipe takes at once says
    /// nothing about what is left: only `WouldBlock` does.
    pub(super) fn pour(&mut self, call: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
        // A read into room for more than any pipe holds, were it not for the conclusion.
        let poured = self.read(usize::MAX, call);
        self.said.readable |= poured.is_ok();
        poured
    }

    /// Drains a pipe by `call`, unless that is known to block. As with [`Readiness::pour`], only
    /// `WouldBlock` tells that there is no more room.
    pub(super) fn drain(&mut self, call: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
        let drained = self.write(usize::MAX, call);
        self.said.writable |= drained.is_ok();
        drained
    }

    /// Writes by `call`, unless that is known to block. `offered` is how many bytes are given.
    pub(super) fn write(
        &mut self,
        offered: usize,
        mut call: impl FnMut() -> io::Result<usize>,
    ) -> io::Result<usize> {
        if !self.said.writable {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        loop {
            match call() {
                Ok(count) => {
                    self.said.writable = count == offered;
                    return Ok(count);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.said.writable = error.kind() != io::ErrorKind::WouldBlock;
                    self.reset |= error.kind() == io::ErrorKind::ConnectionReset;
                    return Err(error);
                }
            }
        }
    }
}
