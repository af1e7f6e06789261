//! How do one request and its response cross, between a client and a worker?
//!
//! ```text
//!   request :  Unsent --head, first body bytes--> Passing --complete--> Sent
//!                                                    \--server stopped reading--> Abandoned
//!   response:  Head --(1xx -> Head)*--> Body --complete--> Sent          (see response.rs)
//!                 \--verified 101--> Upgraded
//! ```
//!
//! The two lanes run independently; the exchange is complete when the response is. The worker can
//! serve again when both are, and nothing followed. An exchange owns no socket: the gateway lends
//! both for the length of one [`Exchange::advance`].

use super::Stream;
use super::buffer::Buffer;
use super::desk::Desk;
use super::outlet::Outlet;
use super::pump::{Encoding, Halt, Leak, Pump, Trouble};
use super::relay::half::Half;
use super::response::{End, Response, Terms};
use crate::http::forward::{self, Hop};
use crate::http::framing::Framing;
use crate::http::head::{Asked, RequestHead};
use crate::websocket::handshake::Accept;
use std::ops::Range;

/// Where the request is on its way to the server.
#[derive(Debug)]
pub enum Request {
    /// No byte has left: the request may still go to any server.
    Unsent(Framing),
    /// The head has left, or waits in the pump's backlog in front of the body.
    Passing(Pump),
    /// The server has it all.
    Sent,
    /// The server stopped reading; what it has to say is still awaited.
    Abandoned,
}

/// Where an `Expect: 100-continue` stands (RFC 9110 10.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expectation {
    /// The client expects nothing.
    None,
    /// Nobody has told the client to continue.
    Awaited,
    /// The gateway has; the server's own word is dropped when it comes.
    MetByGateway,
    /// The server has.
    MetByServer,
}

/// What the exchange needs next, which decides what a silence means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Awaits {
    /// The client to send more of its body (408).
    ClientContent,
    /// The client to take what has been answered (close).
    ClientReading,
    /// The server to take the request or to answer (504).
    Server,
}

/// How far [`Exchange::advance`] came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Some socket owes an edge; `moved` tells whether any byte crossed.
    Blocked {
        /// Whose silence it is.
        awaits: Awaits,
        /// Whether any byte crossed during this call.
        moved: bool,
    },
    /// There may be more to do at once.
    Yielded,
    /// The response is complete; its end says which connections take another request.
    Complete(End),
    /// A verified 101: both connections belong to a tunnel now.
    Upgraded,
}

/// Who failed decides what is said to whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The client's connection or its bytes.
    Client(Trouble),
    /// The server's connection or its bytes.
    Server(Trouble),
    /// The server closed without a byte of response.
    ServerSilent,
}

/// One request and its response.
#[derive(Debug)]
pub struct Exchange {
    /// What the response's framing depends on.
    pub asked: Asked,
    /// The request head as it goes to the server; kept, so that it can be sent again.
    head: Vec<u8>,
    request: Request,
    response: Response,
    /// What the 101 has to prove, when the request asked for WebSocket.
    accept: Option<Accept>,
    /// The server's name for the client to keep, if it is to be told.
    cookie: Option<u64>,
    expectation: Expectation,
    /// Safe to send twice (RFC 9110 9.2.2) and wholly in `head`.
    replayable: bool,
    /// The client's connection may take another request after this one.
    persistent: bool,
    content_max: u64,
    /// The request lane ended since `moved` was last asked for.
    sent_now: bool,
}

impl Exchange {
    /// An exchange to be filled by [`Exchange::prepare`].
    pub fn blank() -> Self {
        Self {
            asked: Asked { head: false, websocket: false, version: crate::http::Version::Http11 },
            head: Vec::new(),
            request: Request::Unsent(Framing::NONE),
            response: Response::default(),
            accept: None,
            cookie: None,
            expectation: Expectation::None,
            replayable: false,
            persistent: false,
            content_max: u64::MAX,
            sent_now: false,
        }
    }

    /// Becomes the exchange of that request. `content_max` bounds chunked content, in bytes.
    pub fn prepare(
        &mut self,
        head: RequestHead<'_, '_>,
        hop: &Hop<'_>,
        accept: Option<Accept>,
        content_max: u64,
    ) {
        self.head.clear();
        forward::request(&head, hop, &mut self.head);
        let bodyless = head.framing.is_complete();
        self.asked =
            Asked { head: head.is_head(), websocket: accept.is_some(), version: head.version };
        self.response = Response::default();
        self.accept = accept;
        self.cookie = None;
        self.expectation =
            if head.expects_continue { Expectation::Awaited } else { Expectation::None };
        self.replayable = bodyless && head.is_idempotent();
        self.persistent = head.persistent;
        self.content_max = content_max;
        self.request = Request::Unsent(head.framing);
    }

    /// Gives back what a finished exchange no longer needs, but for a head's worth of memory.
    pub fn retire(&mut self) {
        const KEPT_HEAD: usize = 4096;
        self.head.clear();
        self.head.shrink_to(KEPT_HEAD);
        self.request = Request::Unsent(Framing::NONE);
        self.response = Response::default();
    }

    /// Moves what can be moved. `early` is the part of `desk.scratch` that followed the request
    /// head in the same read; it comes before everything in `inbox`, and both before the socket.
    ///
    /// # Errors
    /// A [`Fault`] that names the side; neither connection can serve after one.
    pub fn advance(
        &mut self,
        client: &mut impl Stream,
        server: &mut impl Stream,
        inbox: &mut Buffer,
        desk: &mut Desk,
        early: Range<usize>,
    ) -> Result<Progress, Fault> {
        let asking = self.advance_request(client, server, inbox, desk, early)?;
        let terms = Terms {
            asked: self.asked,
            accept: self.accept,
            cookie: self.cookie,
            persistent: self.persistent && matches!(self.request, Request::Sent),
        };
        let answering =
            self.response.advance(client, server, desk, &terms, &mut self.expectation)?;
        match &self.response {
            Response::Upgraded(_) => return Ok(Progress::Upgraded),
            Response::Sent(end) => {
                let asked = matches!(self.request, Request::Sent);
                return Ok(Progress::Complete(End {
                    persist_client: end.persist_client && asked,
                    persist_worker: end.persist_worker && asked,
                    ..*end
                }));
            }
            Response::Head(_) | Response::Body(_) => {}
        }
        if asking == Halt::Yielded || answering == Halt::Yielded {
            return Ok(Progress::Yielded);
        }
        Ok(Progress::Blocked { awaits: self.awaits(), moved: self.take_moved() })
    }

    fn advance_request(
        &mut self,
        client: &mut impl Stream,
        server: &mut impl Stream,
        inbox: &mut Buffer,
        desk: &mut Desk,
        early: Range<usize>,
    ) -> Result<Halt, Fault> {
        if let Request::Unsent(framing) = &mut self.request {
            let framing = std::mem::replace(framing, Framing::NONE);
            let mut pump = Pump::new(framing, Encoding::AsIs, Outlet::default())
                .with_content_max(self.content_max);
            // The head and the first of the body leave in one write; what follows the body is the
            // next request's and waits in the inbox.
            let input = &desk.scratch[early];
            let fed = pump.feed(&mut &self.head[..], input, server);
            self.request = Request::Passing(pump);
            match fed {
                Ok(taken) => inbox.push(&input[taken..]),
                Err(leak) => self.request_leaks(leak)?,
            }
        } else {
            debug_assert!(early.is_empty(), "early bytes belong to the first call");
        }
        let Request::Passing(pump) = &mut self.request else { return Ok(Halt::Finished) };
        match pump.run(client, server, inbox, desk) {
            Ok(Halt::Finished) => {
                self.request = Request::Sent;
                self.sent_now = true;
                Ok(Halt::Finished)
            }
            Ok(halt) => Ok(halt),
            Err(leak) => self.request_leaks(leak).map(|()| Halt::Finished),
        }
    }

    /// A server that stops reading may have answered first: only the response lane can tell.
    fn request_leaks(&mut self, leak: Leak) -> Result<(), Fault> {
        match leak {
            Leak::Source(trouble) => Err(Fault::Client(trouble)),
            Leak::Sink(_) => {
                self.request = Request::Abandoned;
                Ok(())
            }
        }
    }

    /// Which silence is the one that counts: the client's, reading or writing, or the server's.
    fn awaits(&self) -> Awaits {
        if self.response.has_backlog() {
            return Awaits::ClientReading;
        }
        match &self.request {
            Request::Passing(pump) if !pump.has_backlog() && !self.response.has_begun() => {
                Awaits::ClientContent
            }
            Request::Unsent(_) | Request::Passing(_) | Request::Sent | Request::Abandoned => {
                Awaits::Server
            }
        }
    }

    fn take_moved(&mut self) -> bool {
        let asked = match &mut self.request {
            Request::Passing(pump) => pump.take_moved(),
            Request::Unsent(_) | Request::Sent | Request::Abandoned => false,
        };
        asked | std::mem::take(&mut self.sent_now) | self.response.take_moved()
    }

    /// Whether any byte of a final response, or of a 101, has been handed to the client.
    pub fn has_answered(&self) -> bool {
        self.response.has_begun()
    }

    /// Whether not one byte has left for a server, so that any server can still have it.
    pub fn is_unsent(&self) -> bool {
        matches!(self.request, Request::Unsent(_))
    }

    /// Whether the request's body has all been read from the client.
    pub fn is_request_read(&self) -> bool {
        match &self.request {
            Request::Unsent(framing) => framing.is_complete(),
            Request::Passing(pump) => pump.is_complete(),
            Request::Sent => true,
            Request::Abandoned => false,
        }
    }

    /// Whether the request may be sent a second time now: idempotent, wholly ours, and not a byte
    /// of a response seen.
    pub fn may_replay(&self) -> bool {
        self.replayable && self.response.is_untouched()
    }

    /// Whether the request could ever be sent a second time.
    pub fn is_replayable(&self) -> bool {
        self.replayable
    }

    /// Goes back to the beginning, to be sent to another worker.
    pub fn rewind(&mut self) {
        debug_assert!(self.may_replay());
        self.request = Request::Unsent(Framing::NONE);
        self.response = Response::default();
    }

    /// Whether the client's connection may take another request after this one.
    pub fn is_persistent(&self) -> bool {
        self.persistent
    }

    /// Whether the client takes the closing of its connection for the end of the response, so that
    /// cutting the response short must not look like that.
    pub fn ends_by_closing(&self) -> bool {
        self.response.ends_by_closing()
    }

    /// Has the client told the name of its server, for it to come back to.
    pub fn set_cookie(&mut self, server_name: Option<u64>) {
        self.cookie = server_name;
    }

    /// The client's connection closes after this exchange (RFC 9112 9.6).
    pub fn close_client(&mut self) {
        self.persistent = false;
    }

    /// The `100 Continue` that nobody has said for a while (RFC 9110 10.1.1).
    ///
    /// # Errors
    /// When the client's connection is broken.
    pub fn say_continue(&mut self, client: &mut impl Stream) -> Result<(), Fault> {
        if self.expectation != Expectation::Awaited || self.response.has_begun() {
            return Ok(());
        }
        self.expectation = Expectation::MetByGateway;
        self.response.say_continue(client)
    }

    /// Whether the client waits for a `100 Continue`.
    pub fn awaits_continue(&self) -> bool {
        self.expectation == Expectation::Awaited && !self.response.has_begun()
    }

    /// What is known of the final response, as far as it came.
    pub fn end(&self) -> Option<End> {
        self.response.end()
    }

    /// What the client has not taken yet, when the exchange ends before its response does.
    pub fn take_backlog(&mut self) -> Buffer {
        std::mem::take(&mut self.response).into_backlog()
    }

    /// The direction of the tunnel that has begun with the 101.
    pub fn take_tunnel(&mut self) -> Half {
        std::mem::take(&mut self.response).into_half()
    }

    /// Bytes of body held for either side, in memory and in pipes of the kernel's.
    pub fn held(&self) -> usize {
        let asked = match &self.request {
            Request::Passing(pump) => pump.backlog(),
            Request::Unsent(_) | Request::Sent | Request::Abandoned => 0,
        };
        asked + self.response.held()
    }
}
