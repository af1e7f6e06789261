//! What a simulated client asks for.

use super::identity::{Speaker, content};
use crate::net::simulated::chance::Chance;

/// How the content of a request is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// There is none.
    Without,
    /// With its length.
    Length,
    /// In chunks.
    Chunked,
}

/// One request.
#[derive(Debug, Clone)]
pub struct Request {
    /// Its number in the ledger, which its target and its content carry.
    pub id: usize,
    /// The method.
    pub method: &'static str,
    /// Sent as HTTP/1.0.
    pub old: bool,
    /// Bytes of content.
    pub len: usize,
    /// And how they are sent.
    pub sent: Sent,
    /// The client waits for `100 Continue` before it sends content.
    pub expects: bool,
    /// The client wants its connection closed afterwards.
    pub last: bool,
    /// It asks for another protocol that nobody here speaks.
    pub decoy: bool,
    /// It asks for WebSocket.
    pub websocket: bool,
}

/// The nonce of every opening handshake here, and the proof that it was understood (RFC 6455 1.3).
pub const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
/// See [`KEY`].
pub const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

impl Request {
    /// Any request; `most` bounds its content.
    pub fn any(id: usize, most: usize, chance: &mut Chance) -> Self {
        let method =
            chance.pick(&["GET", "GET", "GET", "HEAD", "POST", "POST", "PUT", "DELETE", "PATCH"]);
        let old = chance.percent(12);
        let uploads = matches!(method, "POST" | "PUT" | "PATCH");
        let sent = match (uploads, old) {
            (false, _) => Sent::Without,
            (true, true) => Sent::Length,
            (true, false) => chance.pick(&[Sent::Length, Sent::Chunked]),
        };
        let len = if uploads { size(most, chance) } else { 0 };
        let expects = uploads && !old && len > 0 && chance.percent(15);
        let last = chance.percent(10);
        let decoy = !old && !uploads && chance.percent(8);
        Self { id, method, old, len, sent, expects, last, decoy, websocket: false }
    }

    /// An opening handshake; each side then sends about `len` bytes.
    pub fn handshake(id: usize, len: usize) -> Self {
        Self {
            id,
            method: "GET",
            old: false,
            len,
            sent: Sent::Without,
            expects: false,
            last: false,
            decoy: false,
            websocket: true,
        }
    }

    /// Whether it may be sent twice.
    pub fn is_replayable(&self) -> bool {
        self.len == 0
            && self.sent != Sent::Chunked
            && matches!(self.method, "GET" | "HEAD" | "DELETE" | "PUT")
    }

    /// Its head on the wire.
    pub fn head(&self) -> Vec<u8> {
        let version = if self.old { "1.0" } else { "1.1" };
        let id = self.id;
        let mut head = format!(
            "{} /r/{id}?of=x HTTP/{version}\r\nHost: sim.test\r\nX-Id: {id}\r\nAccept: */*\r\n",
            self.method
        );
        let mut options = Vec::new();
        match (self.last, self.old) {
            (true, false) => options.push("close"),
            (false, true) => options.push("keep-alive"),
            (true, true) | (false, false) => {}
        }
        match self.sent {
            Sent::Without => {}
            Sent::Length => head += &format!("Content-Length: {}\r\n", self.len),
            Sent::Chunked => head += "Transfer-Encoding: chunked\r\n",
        }
        if self.expects {
            head += "Expect: 100-continue\r\n";
        }
        if self.decoy {
            options.extend(["Upgrade", "HTTP2-Settings"]);
            head += "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n";
        }
        if self.websocket {
            options.push("Upgrade");
            head += &format!(
                "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n"
            );
        }
        if !options.is_empty() {
            head += &format!("Connection: {}\r\n", options.join(", "));
        }
        (head + "\r\n").into_bytes()
    }

    /// Its content on the wire.
    pub fn body(&self, chance: &mut Chance) -> Vec<u8> {
        let content = content(self.id, Speaker::Client, self.len);
        match self.sent {
            Sent::Without => Vec::new(),
            Sent::Length => content,
            Sent::Chunked => chunks(&content, chance),
        }
    }
}

/// How much content: mostly little, sometimes none or as much as is allowed.
pub fn size(most: usize, chance: &mut Chance) -> usize {
    match chance.below(10) {
        0 | 9 => 0,
        1 => chance.within(most / 2..=most),
        2..4 => chance.below(most / 4 + 1),
        _ => chance.below(most.min(600) + 1),
    }
}

/// Content in chunks of any size, some with extensions, sometimes with a trailer section.
pub fn chunks(content: &[u8], chance: &mut Chance) -> Vec<u8> {
    let most = chance.pick(&[content.len().max(1), 1000, 100, 17]);
    let mut wire = Vec::with_capacity(content.len() + 64);
    let mut rest = content;
    while !rest.is_empty() {
        let (chunk, later) = rest.split_at(chance.within(1..=most).min(rest.len()));
        let line = match chance.below(8) {
            0 => format!("{:x};note=\"a;b\"\r\n", chunk.len()),
            1 => format!("{:04X}\r\n", chunk.len()),
            _ => format!("{:x}\r\n", chunk.len()),
        };
        wire.extend_from_slice(line.as_bytes());
        wire.extend_from_slice(chunk);
        wire.extend_from_slice(b"\r\n");
        rest = later;
    }
    let end: &[u8] = if chance.percent(20) { b"0\r\nX-Sum: 1\r\n\r\n" } else { b"0\r\n\r\n" };
    wire.extend_from_slice(end);
    wire
}
