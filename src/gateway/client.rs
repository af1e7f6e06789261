//! What is a client's connection doing? Read a request, have it answered, read the next.
//!
//! ```text
//!             +------------------------ complete, persistent ----------------------+
//!             v                                                                     |
//!          Reading --head--> Waiting --worker free--------------> Exchanging -------+
//!           |  ^  \             ^ |                                ^  |   |   |
//!           |  |   \            | +--server fails--> (dispatch) ---+  |   |   +--101--> Switching
//!           |  |    +--no room--+-> Knocking --worker---->------------+   |                |
//!           |  |                       |                                  | fault          v
//!           |  +--------- Answering <--+-- line, tries or time over ------+            (Tunnel)
//!           |                 |                                           |
//!           |                 +-- must close --> Lingering --> Closed <---+ fault after first byte
//!           +-- idle or gone ------------------------------------^
//! ```
//!
//! Where `proxy_protocol` is on, a client begins before that:
//!
//! ```text
//!   Arriving --PROXY header--> Reading
//!       \--malformed, late, gone--> Closed
//! ```
//!
//! An operator's request (see [`Entrance`]) leads from Reading straight to Answering, or to
//! Watching, which lasts until the operator leaves or is too slow.

use super::errand::Errand;
use crate::admin::route::Feed;
use crate::flow::buffer::Buffer;
use crate::flow::outlet::Outlet;
use crate::id::{ClientId, ServerId, WorkerId};
use crate::net::Socket;
use crate::peer::Peer;
use crate::timer::TimerId;
use log::trace;
use std::net::SocketAddr;
use std::time::Instant;

/// One connection from a client.
#[derive(Debug)]
pub struct Client {
    /// The connection.
    pub socket: Socket,
    /// Who it is.
    pub peer: Peer,
    /// The port that it comes from; 0 without an address.
    pub port: u16,
    /// Where it connected to, by the PROXY header, if our own socket has no address.
    pub destination: Option<Box<SocketAddr>>,
    /// By which door it came.
    pub entrance: Entrance,
    /// What was read and not yet used: an unfinished head, or pipelined requests.
    pub inbox: Buffer,
    /// Bytes of the inbox known to hold no end of a head.
    pub searched: u32,
    /// What it is doing.
    state: State,
    /// When its silence becomes too long.
    pub deadline: Instant,
    /// The alarm set for that, or for some earlier deadline: it looks again when it rings.
    pub alarm: Option<(Instant, TimerId)>,
}

/// By which door a client came, which decides who answers its requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entrance {
    /// `[frontend]`: servers do.
    Front,
    /// `[admin]`: the gateway does.
    Office,
}

/// What a client is doing.
#[derive(Debug)]
pub enum State {
    /// The PROXY header that its connection begins with has not come whole; the inbox holds what
    /// has.
    Arriving,
    /// Between requests or inside a head; the inbox holds at most an unfinished head, unless the
    /// client is on the agenda. Also the hole left while a handler has the errand in hand.
    Reading,
    /// The request stands in that server's line.
    Waiting(Box<Errand>, ServerId),
    /// There was no room in any line; the request asks again when the deadline comes.
    Knocking(Box<Errand>),
    /// The worker is `Busy` with this client, or `Connecting` for it, and nobody else's.
    Exchanging(Box<Errand>, WorkerId),
    /// A verified 101 has been handed on: at the end of the turn both sockets become a tunnel.
    Switching(Box<Errand>, WorkerId),
    /// The gateway's own response is leaving.
    Answering(Outlet, Afterwards),
    /// An operator is told once a second how things are.
    Watching(Outlet, Feed),
    /// Our half is closed; what still arrives is discarded (RFC 9112 9.6). So many bytes more.
    Lingering(usize),
    /// Departed, waiting to be buried.
    Closed,
}

/// What follows an answer of our own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Afterwards {
    /// The next request.
    Persist,
    /// A lingering close.
    Linger,
}

impl State {
    /// The errand that is under way.
    pub fn errand(&self) -> Option<&Errand> {
        match self {
            Self::Waiting(errand, _)
            | Self::Knocking(errand)
            | Self::Exchanging(errand, _)
            | Self::Switching(errand, _) => Some(errand),
            Self::Arriving
            | Self::Reading
            | Self::Answering(..)
            | Self::Watching(..)
            | Self::Lingering(_)
            | Self::Closed => None,
        }
    }

    /// Whether its request has to do with that server, or once had.
    pub fn names(&self, server: ServerId) -> bool {
        self.errand().is_some_and(|errand| errand.servers().any(|named| named == server))
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Arriving => "Arriving",
            Self::Reading => "Reading",
            Self::Waiting(..) => "Waiting",
            Self::Knocking(_) => "Knocking",
            Self::Exchanging(..) => "Exchanging",
            Self::Switching(..) => "Switching",
            Self::Answering(..) => "Answering",
            Self::Watching(..) => "Watching",
            Self::Lingering(_) => "Lingering",
            Self::Closed => "Closed",
        }
    }
}

impl Client {
    /// A client that has just arrived.
    pub fn new(socket: Socket, peer: Peer, entrance: Entrance, deadline: Instant) -> Self {
        Self {
            socket,
            peer,
            port: 0,
            destination: None,
            entrance,
            inbox: Buffer::default(),
            searched: 0,
            state: State::Reading,
            deadline,
            alarm: None,
        }
    }

    /// What it is doing.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Its parts, to be advanced; changing the state itself is for [`Client::enter`].
    pub fn parts(&mut self) -> (&mut Socket, &mut Buffer, &mut State) {
        (&mut self.socket, &mut self.inbox, &mut self.state)
    }

    /// What a departed client leaves behind.
    pub fn into_parts(self) -> (Socket, Buffer, State) {
        (self.socket, self.inbox, self.state)
    }

    /// The one place where a client changes its state; gives back the old one.
    pub fn enter(&mut self, id: ClientId, next: State) -> State {
        trace!("{id}: {} => {}", self.state.name(), next.name());
        std::mem::replace(&mut self.state, next)
    }
}
