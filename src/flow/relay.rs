//! One tunnel: bytes both ways, unchanged, until both directions have ended (RFC 9110 3.7).
//!
//! ```text
//!   each direction:  Open --end read--> Draining --all taken, FIN passed on--> Finished
//! ```
//!
//! The two directions run independently, so one may end long before the other. A direction whose
//! sink is full holds at most one read's worth, and reads no more until that has left.

use super::buffer::Buffer;
use super::outlet::Outlet;
use super::pump::{Halt, READS_PER_TURN, Trouble};
use super::{Stream, ready};
use std::io;

/// One end of a tunnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The end that asked for the tunnel.
    Client,
    /// The end that granted it.
    Server,
}

/// Where one direction is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The source may send more.
    Open,
    /// The source has ended; the sink has yet to take the rest.
    Draining,
    /// The sink has it all, and the FIN.
    Finished,
}

/// How far [`Relay::advance`] came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passage {
    /// Some socket owes an edge; `moved` tells whether any byte crossed.
    Blocked {
        /// Whether any byte crossed during this call.
        moved: bool,
    },
    /// There may be more to do at once.
    Yielded,
    /// Both directions have ended.
    Finished,
}

/// One direction.
#[derive(Debug)]
struct Half {
    state: State,
    outlet: Outlet,
    bytes: u64,
}

/// Both directions of a tunnel.
#[derive(Debug)]
pub struct Relay {
    to_server: Half,
    to_client: Half,
}

impl Relay {
    /// A relay that first delivers what each side sent before the tunnel stood.
    pub fn new(to_server: Buffer, to_client: Buffer) -> Self {
        Self { to_server: Half::new(to_server), to_client: Half::new(to_client) }
    }

    /// Moves what can be moved, both ways.
    ///
    /// # Errors
    /// The side whose connection is broken, and how.
    pub fn advance(
        &mut self,
        client: &mut impl Stream,
        server: &mut impl Stream,
        scratch: &mut [u8],
    ) -> Result<Passage, (Side, Trouble)> {
        let there = self.to_server.advance(client, server, scratch).map_err(|leak| match leak {
            Broken::Source(kind) => (Side::Client, Trouble::Io(kind)),
            Broken::Sink(kind) => (Side::Server, Trouble::Io(kind)),
        })?;
        let back = self.to_client.advance(server, client, scratch).map_err(|leak| match leak {
            Broken::Source(kind) => (Side::Server, Trouble::Io(kind)),
            Broken::Sink(kind) => (Side::Client, Trouble::Io(kind)),
        })?;
        let moved = std::mem::take(&mut self.to_server.outlet.moved)
            | std::mem::take(&mut self.to_client.outlet.moved);
        Ok(match (there, back) {
            (Halt::Finished, Halt::Finished) => Passage::Finished,
            (Halt::Yielded, _) | (_, Halt::Yielded) => Passage::Yielded,
            (Halt::SourceBlocked | Halt::SinkBlocked | Halt::Finished, _) => {
                Passage::Blocked { moved }
            }
        })
    }

    /// Bytes taken from the client and from the server.
    pub fn bytes(&self) -> (u64, u64) {
        (self.to_server.bytes, self.to_client.bytes)
    }

    /// Bytes held in memory.
    pub fn held(&self) -> usize {
        self.to_server.outlet.backlog() + self.to_client.outlet.backlog()
    }
}

enum Broken {
    Source(io::ErrorKind),
    Sink(io::ErrorKind),
}

impl Half {
    fn new(backlog: Buffer) -> Self {
        let bytes = backlog.len() as u64;
        Self { state: State::Open, outlet: Outlet::with_backlog(backlog), bytes }
    }

    fn advance(
        &mut self,
        source: &mut impl Stream,
        sink: &mut impl Stream,
        scratch: &mut [u8],
    ) -> Result<Halt, Broken> {
        let broken_sink = |error: io::Error| Broken::Sink(error.kind());
        for _ in 0..READS_PER_TURN {
            if !self.outlet.flush(sink).map_err(broken_sink)? {
                return Ok(Halt::SinkBlocked);
            }
            match self.state {
                State::Finished => return Ok(Halt::Finished),
                State::Draining => {
                    sink.finish().map_err(broken_sink)?;
                    self.state = State::Finished;
                    return Ok(Halt::Finished);
                }
                State::Open => {}
            }
            match ready(source.read(scratch)).map_err(|error| Broken::Source(error.kind()))? {
                None => return Ok(Halt::SourceBlocked),
                Some(0) => self.state = State::Draining,
                Some(count) => {
                    self.bytes += count as u64;
                    self.outlet.send(&[&scratch[..count]], sink).map_err(broken_sink)?;
                }
            }
        }
        Ok(Halt::Yielded)
    }
}
