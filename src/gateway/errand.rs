//! What goes with an exchange? Which servers it has tried, and what the log will say.

use super::section::Kind;
use crate::config::{Access, Frontend};
use crate::flow::exchange::{Awaits, Exchange};
use crate::http::answer::Answer;
use crate::http::forward::Hop;
use crate::http::framing::Framing;
use crate::http::head::{HeadLimits, RequestHead};
use crate::http::refusal::Refusal;
use crate::id::ServerId;
use crate::peer::Peer;
use crate::websocket::handshake::{self, Accept};
use std::time::Instant;

/// One request, from its head to the last byte of its response.
#[derive(Debug)]
pub struct Errand {
    /// The machine that relays it.
    pub exchange: Exchange,
    /// Which section's servers may have it.
    pub kind: Kind,
    /// The server's name in the client's cookie, where a cookie decides.
    pub cookie: Option<u64>,
    /// Who asks: the client, or the one that a trusted proxy speaks for.
    pub caller: Peer,
    /// It has a place among the tunnels.
    pub placed: bool,
    /// Servers that could not be reached for it.
    pub tried: Vec<ServerId>,
    /// It was sent a second time (at most once).
    pub replayed: bool,
    /// How often it has asked in vain for room.
    pub knocks: usize,
    /// Whose silence is being measured.
    pub awaits: Option<Awaits>,
    /// The client has closed its half, and may be gone altogether.
    pub half_closed: bool,
    /// When it got its worker; `None` while it has none.
    pub begun: Option<Instant>,
    /// Whether that worker had served before.
    pub reused: bool,
    /// When the first byte of its final response was there.
    pub first_byte: Option<Instant>,
    /// The server that it was last given to.
    pub server: Option<ServerId>,
    /// What the client is told when no server is left to try.
    pub failure: Option<Answer>,
    /// When its head was complete.
    pub since: Instant,
    /// What the request is called, in the access log and in X-Request-Id; empty when that is off.
    pub id: Vec<u8>,
    /// How long its connection took to make, if it was made for it.
    pub connect: Option<std::time::Duration>,
    /// Method, target and version for the access log; empty when that is off.
    pub line: Vec<u8>,
}

/// What a request asks of the gateway.
#[derive(Debug)]
pub struct Demand {
    /// Which section's servers may have it.
    pub kind: Kind,
    /// What the 101 to it has to carry, if it is an opening handshake.
    accept: Option<Accept>,
    /// The most content that it may have, in bytes.
    content_max: u64,
}

impl Demand {
    /// What the head of a request asks for.
    ///
    /// # Errors
    /// The answer to a request that no server gets to see: content announced as too large (413),
    /// or an opening handshake that is none (RFC 6455 4.2.1).
    pub fn of(head: &RequestHead<'_, '_>, frontend: &Frontend) -> Result<Self, Refusal> {
        let content_max = match frontend.max_body_bytes {
            0 => u64::MAX,
            bytes => bytes,
        };
        if let Framing::Length(length) = head.framing
            && length > content_max
        {
            return Err(Refusal::BodyTooLarge);
        }
        let accept = if head.asks_websocket { Some(handshake::check_request(head)?) } else { None };
        let kind = if accept.is_some() { Kind::WebSocket } else { Kind::Http };
        Ok(Self { kind, accept, content_max })
    }
}

/// How large the head of a request may be.
pub fn head_limits(frontend: &Frontend) -> HeadLimits {
    HeadLimits { max_bytes: frontend.max_header_bytes, max_fields: frontend.max_headers }
}

impl Errand {
    /// An errand to be filled by [`Errand::prepare`].
    pub fn blank(now: Instant) -> Self {
        Self {
            exchange: Exchange::blank(),
            kind: Kind::Http,
            cookie: None,
            caller: Peer::Unix,
            placed: false,
            tried: Vec::new(),
            replayed: false,
            knocks: 0,
            awaits: None,
            half_closed: false,
            begun: None,
            reused: false,
            first_byte: None,
            server: None,
            failure: None,
            since: now,
            id: Vec::new(),
            connect: None,
            line: Vec::new(),
        }
    }

    /// The servers that it names.
    pub fn servers(&self) -> impl Iterator<Item = ServerId> + '_ {
        self.tried.iter().copied().chain(self.server)
    }

    /// How many connections were made for it after one had failed. When not one came to stand, the
    /// first of those tried was no retry.
    pub fn retries(&self) -> usize {
        let tried = self.tried.len();
        let elsewhere = if self.begun.is_some() { tried } else { tried.saturating_sub(1) };
        elsewhere + usize::from(self.replayed)
    }

    /// Becomes the errand of that request.
    ///
    /// # Errors
    /// See [`Demand::of`].
    pub fn prepare(
        &mut self,
        head: RequestHead<'_, '_>,
        hop: &Hop<'_>,
        frontend: &Frontend,
        access: Access,
        now: Instant,
    ) -> Result<(), Refusal> {
        let Demand { kind, accept, content_max } = Demand::of(&head, frontend)?;
        self.kind = kind;
        debug_assert!(!self.placed, "the place was given back");
        self.tried.clear();
        self.replayed = false;
        self.knocks = 0;
        self.awaits = None;
        self.half_closed = false;
        self.begun = None;
        self.connect = None;
        self.first_byte = None;
        self.server = None;
        self.failure = None;
        self.since = now;
        self.line.clear();
        if access != Access::Off {
            self.line.extend_from_slice(head.method.as_bytes());
            self.line.push(b' ');
            self.line.extend_from_slice(head.target().as_bytes());
            self.line.push(b' ');
            self.line.extend_from_slice(head.version.as_str().as_bytes());
        }
        self.exchange.prepare(head, hop, accept, content_max);
        Ok(())
    }
}
