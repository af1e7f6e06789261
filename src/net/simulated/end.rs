//! One end of a simulated connection: what a kernel knows of one of its sockets.
//!
//! ```text
//!   writer --write--> flying --arrives, morsel by morsel--> arrived --read--> reader
//!             bounded together by the reader's `capacity`
//! ```

use crate::net::Ready;
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// Names one end; the other end of the same connection is [`EndId::peer`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EndId(pub(super) usize);

impl EndId {
    /// The other end.
    pub fn peer(self) -> Self {
        Self(self.0 ^ 1)
    }
}

/// How far the connection itself has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// The handshake is under way, or nobody answers it.
    Connecting,
    /// It stands, or stood.
    Connected,
    /// Reset, or never made: nothing goes either way.
    Dead,
}

/// Where the peer's FIN is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fin {
    /// Not sent.
    Unsent,
    /// Sent, behind everything that flies.
    Flying,
    /// Here.
    Arrived,
}

/// Who is told when something happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// The gateway, which does not watch it yet.
    Unwatched,
    /// The gateway, under that key.
    Gateway(usize),
    /// A script of the simulation.
    Script,
    /// Nobody: it was closed.
    Nobody,
}

/// One end.
#[derive(Debug)]
pub(super) struct End {
    pub(super) owner: Owner,
    pub(super) phase: Phase,
    /// Its own address as the other side sees it, or where it was to lead.
    pub(super) address: SocketAddr,
    /// Bytes that may be read.
    pub(super) arrived: VecDeque<u8>,
    /// Bytes that the peer has written and that are still on their way.
    pub(super) flying: VecDeque<u8>,
    /// The most bytes that may fly or lie here unread.
    pub(super) capacity: usize,
    pub(super) fin: Fin,
    /// This end has sent its FIN.
    pub(super) finished: bool,
    /// Told to whoever asks first, and only to them.
    pub(super) error: Option<io::ErrorKind>,
    /// The last write was not taken whole: an edge is owed when there is room.
    pub(super) starved: bool,
    /// Closing makes a RST.
    pub(super) abrupt: bool,
    /// The next arrival brings everything that flies.
    pub(super) in_one_piece: bool,
    /// An arrival is scheduled already.
    pub(super) arriving: bool,
    /// What has happened since the gateway was last told, and when it is to be told.
    pub(super) edge: Option<(Duration, Ready)>,
}

impl End {
    pub(super) fn new(owner: Owner, phase: Phase, address: SocketAddr, capacity: usize) -> Self {
        Self {
            owner,
            phase,
            address,
            arrived: VecDeque::new(),
            flying: VecDeque::new(),
            capacity,
            fin: Fin::Unsent,
            finished: false,
            error: None,
            starved: false,
            abrupt: false,
            in_one_piece: false,
            arriving: false,
            edge: None,
        }
    }

    /// How many bytes the peer may write.
    pub(super) fn room(&self) -> usize {
        self.capacity.saturating_sub(self.arrived.len() + self.flying.len())
    }

    /// Everything that holds at this moment, as `epoll` reports it; `room` is the peer's.
    pub(super) fn level(&self, room: usize) -> Ready {
        match self.phase {
            Phase::Connecting => Ready::default(),
            Phase::Dead => Ready { readable: true, writable: true, ended: true, broken: true },
            Phase::Connected => {
                let ended = self.fin == Fin::Arrived;
                Ready {
                    readable: ended || !self.arrived.is_empty(),
                    writable: room > 0,
                    ended,
                    broken: ended && self.finished,
                }
            }
        }
    }

    /// Takes what has arrived.
    pub(super) fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        if self.phase == Phase::Connecting {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        if self.arrived.is_empty() {
            if self.fin == Fin::Arrived {
                return Ok(0);
            }
            if let Some(error) = self.error.take() {
                return Err(error.into());
            }
            if self.phase == Phase::Dead {
                return Ok(0);
            }
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let count = room.len().min(self.arrived.len());
        let (front, back) = self.arrived.as_slices();
        let split = count.min(front.len());
        room[..split].copy_from_slice(&front[..split]);
        room[split..count].copy_from_slice(&back[..count - split]);
        self.arrived.drain(..count);
        Ok(count)
    }
}
