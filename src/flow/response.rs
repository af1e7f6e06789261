//! How far is the response? Its lane of an exchange: heads, then a body.
//!
//! ```text
//!   Head --interim, forwarded or dropped--> Head
//!   Head --final--> Body --complete--> Sent
//!   Head --verified 101--> Upgraded
//! ```

use super::Stream;
use super::buffer::Buffer;
use super::desk::Desk;
use super::exchange::{Expectation, Fault};
use super::opening::Opening;
use super::outlet::Outlet;
use super::pump::{Halt, Leak, Pump};
use super::relay::half::Half;
use crate::http::cookie;
use crate::http::head::Asked;
use crate::websocket::handshake::Accept;

/// What a response head has to be read against.
pub struct Terms {
    /// What the request was.
    pub asked: Asked,
    /// What a 101 has to prove.
    pub accept: Option<Accept>,
    /// The server's name for the client to keep.
    pub cookie: Option<u64>,
    /// The client's connection may stay: it wants to, and its request has been read whole.
    pub persistent: bool,
}

impl Terms {
    /// Adds the server's name to a head that has just been written.
    pub(super) fn add_cookie(&self, head: &mut Vec<u8>) {
        if let Some(name) = self.cookie {
            cookie::add(head, name);
        }
    }
}

/// What is known of a response whose final head has been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    /// The status relayed.
    pub status: u16,
    /// Bytes of body that came from the server.
    pub bytes: u64,
    /// The client was not told that its connection closes.
    pub persist_client: bool,
    /// The server keeps its connection, and nothing came after the response.
    pub persist_worker: bool,
    /// Seconds for which the server keeps an idle connection, when it said so.
    pub keep_alive: Option<u64>,
}

/// Where the response is.
#[derive(Debug)]
pub enum Response {
    /// No final head yet.
    Head(Opening),
    /// The final head has been handed on; the body follows.
    Body(Body),
    /// The client has it all.
    Sent(End),
    /// A 101 has been handed on; this direction of the tunnel has begun with it.
    Upgraded(Half),
}

/// From the final head on.
#[derive(Debug)]
pub struct Body {
    pump: Pump,
    end: End,
    /// The client knows the end by the close alone (RFC 9112 6.3, the last case).
    ends_by_closing: bool,
    /// What the server sent after its response. It poisons the worker.
    surplus: Buffer,
    /// What was wrong right behind the head, when the head had left already.
    fault: Option<Fault>,
}

impl Default for Response {
    fn default() -> Self {
        Self::Head(Opening::default())
    }
}

impl Response {
    /// Moves what can be moved towards the client.
    ///
    /// # Errors
    /// A [`Fault`] that names the side.
    pub fn advance(
        &mut self,
        client: &mut impl Stream,
        server: &mut impl Stream,
        desk: &mut Desk,
        terms: &Terms,
        expectation: &mut Expectation,
    ) -> Result<Halt, Fault> {
        if let Self::Head(opening) = self {
            match opening.advance(client, server, desk, terms, expectation)? {
                Ok(next) => *self = next,
                Err(halt) => return Ok(halt),
            }
        }
        let Self::Body(body) = self else { return Ok(Halt::Finished) };
        if let Some(fault) = body.fault {
            return Err(fault);
        }
        let pumped = body.pump.run(server, client, &mut body.surplus, desk);
        let halt = pumped.map_err(fault)?;
        if halt == Halt::Finished {
            *self = Self::Sent(body.finished());
        }
        Ok(halt)
    }

    /// Whether a final response, or a 101, has been handed to the client.
    pub fn has_begun(&self) -> bool {
        !matches!(self, Self::Head(_))
    }

    /// Whether the server has not sent a single byte.
    pub fn is_untouched(&self) -> bool {
        match self {
            Self::Head(opening) => opening.is_silent(),
            Self::Body(_) | Self::Sent(_) | Self::Upgraded(_) => false,
        }
    }

    /// Whether the client has yet to take bytes that were handed to it.
    pub fn has_backlog(&self) -> bool {
        match self {
            Self::Head(opening) => opening.has_backlog(),
            Self::Body(body) => body.pump.has_backlog(),
            Self::Sent(_) | Self::Upgraded(_) => false,
        }
    }

    /// Whether the client knows the end of the response by the close alone.
    pub fn ends_by_closing(&self) -> bool {
        matches!(self, Self::Body(body) if body.ends_by_closing)
    }

    /// Bytes held in memory.
    pub fn held(&self) -> usize {
        match self {
            Self::Head(opening) => opening.held(),
            Self::Body(body) => body.pump.backlog() + body.surplus.len(),
            Self::Sent(_) => 0,
            Self::Upgraded(half) => half.backlog(),
        }
    }

    /// What the client has not taken, for whoever writes to it next.
    pub fn into_backlog(self) -> Buffer {
        match self {
            Self::Head(opening) => opening.into_backlog(),
            Self::Body(body) => body.pump.into_outlet().into_backlog(),
            Self::Sent(_) => Buffer::default(),
            Self::Upgraded(half) => half.into_backlog(),
        }
    }

    /// The direction of the tunnel that has begun with a 101.
    pub fn into_half(self) -> Half {
        match self {
            Self::Upgraded(half) => half,
            Self::Head(_) | Self::Body(_) | Self::Sent(_) => {
                debug_assert!(false, "no 101 has been handed on");
                Half::to_client(Outlet::with_backlog(self.into_backlog()))
            }
        }
    }

    /// What is known of the final response, as far as it came.
    pub fn end(&self) -> Option<End> {
        match self {
            Self::Head(_) | Self::Upgraded(_) => None,
            Self::Body(body) => Some(body.finished()),
            Self::Sent(end) => Some(*end),
        }
    }

    /// Whether bytes crossed since the last call.
    pub fn take_moved(&mut self) -> bool {
        match self {
            Self::Head(opening) => opening.take_moved(),
            Self::Body(body) => body.pump.take_moved(),
            Self::Sent(_) | Self::Upgraded(_) => true,
        }
    }

    /// A `100 Continue` of the gateway's own.
    ///
    /// # Errors
    /// When the client's connection is broken.
    pub fn say_continue(&mut self, client: &mut impl Stream) -> Result<(), Fault> {
        match self {
            Self::Head(opening) => opening.say_continue(client),
            Self::Body(_) | Self::Sent(_) | Self::Upgraded(_) => Ok(()),
        }
    }
}

impl Body {
    /// Sends a head and as much of the body as came with it, in one write. Whatever of `rest` is
    /// not the body's came unasked.
    pub(super) fn begin(
        mut pump: Pump,
        end: End,
        ends_by_closing: bool,
        (head, rest): (&[u8], &[u8]),
        client: &mut impl Stream,
    ) -> Result<Self, Fault> {
        let (mut lead, mut surplus) = (head, Buffer::default());
        let fault = match pump.feed(&mut lead, rest, client).map_err(fault) {
            Ok(taken) => {
                surplus.push(&rest[taken..]);
                None
            }
            // As long as the head has not left, another answer can still be given.
            Err(fault) if !lead.is_empty() => return Err(fault),
            Err(fault) => Some(fault),
        };
        Ok(Self { pump, end, ends_by_closing, surplus, fault })
    }

    fn finished(&self) -> End {
        let persist_worker = self.end.persist_worker && self.surplus.is_empty();
        End { bytes: self.pump.taken, persist_worker, ..self.end }
    }
}

fn fault(leak: Leak) -> Fault {
    match leak {
        Leak::Source(trouble) => Fault::Server(trouble),
        Leak::Sink(trouble) => Fault::Client(trouble),
    }
}
