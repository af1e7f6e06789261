//! The response lane of an exchange: heads, then a body.
//!
//! ```text
//!   Head --interim, forwarded or dropped--> Head
//!   Head --final--> Body --complete--> Sent
//!   Head --verified 101--> Upgraded
//! ```

use super::buffer::Buffer;
use super::desk::Desk;
use super::exchange::{Expectation, Fault};
use super::outlet::Outlet;
use super::pump::{Encoding, Halt, Leak, Pump, Trouble};
use super::relay::half::Half;
use super::{Stream, ready};
use crate::http::Version;
use crate::http::cookie;
use crate::http::forward::{self, Delivery, Onward};
use crate::http::framing::Framing;
use crate::http::head::{Asked, HeadLimits, Lines, ResponseHead, find_end};
use crate::http::refusal::Refusal;
use crate::limits;
use crate::websocket::handshake::{self, Accept};

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
    fn add_cookie(&self, head: &mut Vec<u8>) {
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

/// Before the final head.
#[derive(Debug, Default)]
pub struct Opening {
    /// An unfinished head.
    partial: Buffer,
    /// Bytes of `partial` known to hold no end of a head, so that no byte is searched twice.
    searched: usize,
    /// Interim responses on their way to the client.
    outlet: Outlet,
    interims: u8,
    moved: bool,
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
}

/// What the front of some bytes turned out to be.
enum Heard {
    /// An unfinished head.
    Partial,
    /// An interim response of that many bytes, dealt with.
    Interim(usize),
    /// The final response has begun.
    Final(Response),
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
        let pumped = body.pump.run(server, client, &mut body.surplus, &mut desk.scratch);
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
            Self::Head(opening) => opening.partial.is_empty() && opening.interims == 0,
            Self::Body(_) | Self::Sent(_) | Self::Upgraded(_) => false,
        }
    }

    /// Whether the client has yet to take bytes that were handed to it.
    pub fn has_backlog(&self) -> bool {
        match self {
            Self::Head(opening) => !opening.outlet.is_empty(),
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
            Self::Head(opening) => opening.partial.len() + opening.outlet.backlog(),
            Self::Body(body) => body.pump.backlog() + body.surplus.len(),
            Self::Sent(_) => 0,
            Self::Upgraded(half) => half.backlog(),
        }
    }

    /// What the client has not taken, for whoever writes to it next.
    pub fn into_backlog(self) -> Buffer {
        match self {
            Self::Head(opening) => opening.outlet.into_backlog(),
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
            Self::Head(opening) => {
                std::mem::take(&mut opening.moved) | std::mem::take(&mut opening.outlet.moved)
            }
            Self::Body(body) => body.pump.take_moved(),
            Self::Sent(_) | Self::Upgraded(_) => true,
        }
    }

    /// A `100 Continue` of the gateway's own.
    ///
    /// # Errors
    /// When the client's connection is broken.
    pub fn say_continue(&mut self, client: &mut impl Stream) -> Result<(), Fault> {
        let Self::Head(opening) = self else { return Ok(()) };
        let sent = opening.outlet.send(&[b"HTTP/1.1 100 Continue\r\n\r\n"], client);
        sent.map_err(|error| Fault::Client(Trouble::Io(error.kind())))
    }
}

impl Body {
    fn finished(&self) -> End {
        let persist_worker = self.end.persist_worker && self.surplus.is_empty();
        End { bytes: self.pump.taken, persist_worker, ..self.end }
    }
}

impl Opening {
    /// Reads until the final head is there (`Ok(Ok)`), or says why it stopped (`Ok(Err)`).
    fn advance(
        &mut self,
        client: &mut impl Stream,
        server: &mut impl Stream,
        desk: &mut Desk,
        terms: &Terms,
        expectation: &mut Expectation,
    ) -> Result<Result<Response, Halt>, Fault> {
        loop {
            let flushed = self.outlet.flush(client);
            if !flushed.map_err(|error| Fault::Client(Trouble::Io(error.kind())))? {
                return Ok(Err(Halt::SinkBlocked));
            }
            let read = ready(server.read(&mut desk.scratch));
            let count = match read.map_err(|error| self.server_broke(error.kind()))? {
                None => return Ok(Err(Halt::SourceBlocked)),
                Some(0) if self.is_silent() => return Err(Fault::ServerSilent),
                Some(0) => return Err(Fault::Server(Trouble::Cut)),
                Some(count) => count,
            };
            self.moved = true;
            // Parsed where it lies, unless an earlier piece has been waiting for this one.
            let heard = if self.partial.is_empty() {
                let scratch = std::mem::take(&mut desk.scratch);
                let heard = self.hear(&scratch[..count], client, desk, terms, expectation);
                desk.scratch = scratch;
                heard?
            } else {
                let mut whole = std::mem::take(&mut self.partial);
                whole.push(&desk.scratch[..count]);
                self.hear(whole.as_slice(), client, desk, terms, expectation)?
            };
            if let Some(next) = heard {
                return Ok(Ok(next));
            }
        }
    }

    fn is_silent(&self) -> bool {
        self.partial.is_empty() && self.interims == 0
    }

    /// A reset before the first byte is the same silence as a FIN: the server closed its idle end.
    fn server_broke(&self, kind: std::io::ErrorKind) -> Fault {
        if self.is_silent() { Fault::ServerSilent } else { Fault::Server(Trouble::Io(kind)) }
    }

    /// Deals with every interim head at the front of `bytes`; `None` when the final one is still
    /// to come.
    fn hear(
        &mut self,
        bytes: &[u8],
        client: &mut impl Stream,
        desk: &mut Desk,
        terms: &Terms,
        expectation: &mut Expectation,
    ) -> Result<Option<Response>, Fault> {
        let mut rest = bytes;
        while !rest.is_empty() {
            match self.hear_one(rest, client, desk, terms, expectation)? {
                Heard::Interim(len) => {
                    rest = &rest[len..];
                    self.searched = 0;
                }
                Heard::Final(next) => return Ok(Some(next)),
                Heard::Partial => break,
            }
        }
        self.partial.push(rest);
        Ok(None)
    }

    fn hear_one(
        &mut self,
        bytes: &[u8],
        client: &mut impl Stream,
        desk: &mut Desk,
        terms: &Terms,
        expectation: &mut Expectation,
    ) -> Result<Heard, Fault> {
        if self.searched > 0 && find_end(bytes, self.searched).is_none() {
            if bytes.len() > limits::RESPONSE_HEAD_MAX {
                return Err(refused(Refusal::HeadTooLarge));
            }
            self.searched = bytes.len();
            return Ok(Heard::Partial);
        }
        let mut lines = Lines::new();
        let bounds = HeadLimits {
            max_bytes: limits::RESPONSE_HEAD_MAX,
            max_fields: limits::RESPONSE_FIELDS_MAX,
        };
        let parsed = ResponseHead::parse(bytes, &mut lines, terms.asked, bounds);
        let Some(head) = parsed.map_err(refused)? else {
            self.searched = bytes.len();
            return Ok(Heard::Partial);
        };
        desk.draft.clear();
        if head.status == 101 {
            return self.switch(&head, &bytes[head.len..], client, desk, terms);
        }
        if head.is_interim() {
            let len = head.len;
            self.interim(&head, client, desk, terms, expectation)?;
            return Ok(Heard::Interim(len));
        }
        self.respond(head, bytes, client, desk, terms).map(Heard::Final)
    }

    /// 1xx is for HTTP/1.1 clients only, and a `100` only for those whom nobody has told yet.
    fn interim(
        &mut self,
        head: &ResponseHead<'_, '_>,
        client: &mut impl Stream,
        desk: &mut Desk,
        terms: &Terms,
        expectation: &mut Expectation,
    ) -> Result<(), Fault> {
        self.interims += 1;
        if self.interims > limits::INTERIM_MAX {
            return Err(refused(Refusal::TooManyInterimResponses));
        }
        let known = head.status == 100 && *expectation == Expectation::MetByGateway;
        if head.status == 100 && *expectation == Expectation::Awaited {
            *expectation = Expectation::MetByServer;
        }
        if terms.asked.version == Version::Http10 || known {
            return Ok(());
        }
        let onward = Onward {
            asked: terms.asked,
            persistent: true,
            delivery: Delivery::AsReceived,
            date: &desk.date,
        };
        forward::response(head, &onward, &mut desk.draft);
        let sent = self.outlet.send(&[&desk.draft], client);
        sent.map_err(|error| Fault::Client(Trouble::Io(error.kind())))
    }

    /// A 101 counts only when it was asked for and proves that it understood (RFC 6455 4.1).
    fn switch(
        &mut self,
        head: &ResponseHead<'_, '_>,
        rest: &[u8],
        client: &mut impl Stream,
        desk: &mut Desk,
        terms: &Terms,
    ) -> Result<Heard, Fault> {
        let Some(accept) = &terms.accept else { return Err(refused(Refusal::UnaskedUpgrade)) };
        handshake::check_response(head, accept).map_err(refused)?;
        let onward = Onward {
            asked: terms.asked,
            persistent: true,
            delivery: Delivery::AsReceived,
            date: &desk.date,
        };
        forward::response(head, &onward, &mut desk.draft);
        terms.add_cookie(&mut desk.draft);
        let mut half = Half::to_client(std::mem::take(&mut self.outlet));
        let sent = half.begin(&desk.draft, rest, client);
        sent.map_err(|error| Fault::Client(Trouble::Io(error.kind())))?;
        Ok(Heard::Final(Response::Upgraded(half)))
    }

    /// The final head and as much of its body as came with it, in one write.
    fn respond(
        &mut self,
        head: ResponseHead<'_, '_>,
        bytes: &[u8],
        client: &mut impl Stream,
        desk: &mut Desk,
        terms: &Terms,
    ) -> Result<Response, Fault> {
        let (delivery, encoding) = match (&head.framing, terms.asked.version) {
            (Framing::UntilClose, Version::Http11) => (Delivery::Chunked, Encoding::Chunks),
            (Framing::UntilClose | Framing::Chunked(_), Version::Http10) => {
                (Delivery::UntilClose, Encoding::AsIs)
            }
            (Framing::Chunked(_), Version::Http11) | (Framing::Length(_), _) => {
                (Delivery::AsReceived, Encoding::AsIs)
            }
        };
        let ends_by_closing = matches!(delivery, Delivery::UntilClose);
        let persist_client = terms.persistent && !ends_by_closing;
        let onward =
            Onward { asked: terms.asked, persistent: persist_client, delivery, date: &desk.date };
        forward::response(&head, &onward, &mut desk.draft);
        terms.add_cookie(&mut desk.draft);
        let end = End {
            status: head.status,
            bytes: 0,
            persist_client,
            persist_worker: head.persistent,
            keep_alive: head.keep_alive_timeout,
        };
        let rest = &bytes[head.len..];
        let mut framing = head.framing;
        if ends_by_closing {
            framing.content_only();
        }
        let outlet = std::mem::take(&mut self.outlet);
        let mut body = Body {
            pump: Pump::new(framing, encoding, outlet),
            end,
            ends_by_closing,
            surplus: Buffer::default(),
        };
        let taken = body.pump.feed(&desk.draft, rest, client).map_err(fault)?;
        body.surplus.push(&rest[taken..]);
        Ok(Response::Body(body))
    }
}

fn refused(refusal: Refusal) -> Fault {
    Fault::Server(Trouble::Refused(refusal))
}

fn fault(leak: Leak) -> Fault {
    match leak {
        Leak::Source(trouble) => Fault::Server(trouble),
        Leak::Sink(trouble) => Fault::Client(trouble),
    }
}
