//! What comes before the final head of a response? Read, refuse, relay what is interim.
//!
//! ```text
//!   bytes --unfinished--> kept
//!         --1xx---------> relayed or dropped, and on with what follows
//!         --101---------> verified: the lane is Upgraded
//!         --final-------> rewritten, sent with the first of its body: the lane is in its Body
//! ```

use super::buffer::Buffer;
use super::desk::Desk;
use super::exchange::{Expectation, Fault};
use super::outlet::Outlet;
use super::pump::{Encoding, Halt, Pump, Trouble};
use super::relay::half::Half;
use super::response::{Body, End, Response, Terms};
use super::{Stream, ready};
use crate::http::Version;
use crate::http::forward::{self, Delivery, Onward};
use crate::http::framing::Framing;
use crate::http::head::{HeadLimits, Lines, ResponseHead, has_line_end};
use crate::http::refusal::Refusal;
use crate::limits;
use crate::websocket::handshake;

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

/// What the front of some bytes turned out to be.
enum Heard {
    /// An unfinished head.
    Partial,
    /// An interim response of that many bytes, dealt with.
    Interim(usize),
    /// The final response has begun.
    Final(Response),
}

impl Opening {
    /// Bytes held in memory.
    pub(super) fn held(&self) -> usize {
        self.partial.len() + self.outlet.backlog()
    }

    /// Whether the client has yet to take an interim response.
    pub(super) fn has_backlog(&self) -> bool {
        !self.outlet.is_empty()
    }

    /// What the client has not taken, for whoever writes to it next.
    pub(super) fn into_backlog(self) -> Buffer {
        self.outlet.into_backlog()
    }

    /// Whether bytes crossed since the last call.
    pub(super) fn take_moved(&mut self) -> bool {
        std::mem::take(&mut self.moved) | std::mem::take(&mut self.outlet.moved)
    }

    /// A `100 Continue` of the gateway's own.
    ///
    /// # Errors
    /// When the client's connection is broken.
    pub(super) fn say_continue(&mut self, client: &mut impl Stream) -> Result<(), Fault> {
        let sent = self.outlet.send(&[b"HTTP/1.1 100 Continue\r\n\r\n"], client);
        sent.map_err(|error| Fault::Client(Trouble::Io(error.kind())))
    }

    /// Reads until the final head is there (`Ok(Ok)`), or says why it stopped (`Ok(Err)`).
    pub(super) fn advance(
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

    /// Whether the server has not sent a single byte.
    pub(super) fn is_silent(&self) -> bool {
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
        let unended = self.searched > 0 && !has_line_end(bytes, self.searched);
        if unended && bytes.len() < limits::RESPONSE_HEAD_MAX {
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
        let pump = Pump::new(framing, encoding, std::mem::take(&mut self.outlet));
        let body = Body::begin(pump, end, ends_by_closing, (&desk.draft, rest), client)?;
        Ok(Response::Body(body))
    }
}

fn refused(refusal: Refusal) -> Fault {
    Fault::Server(Trouble::Refused(refusal))
}
