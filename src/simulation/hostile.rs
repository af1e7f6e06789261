//! What nobody may send: a few rows of each kind, to be mixed among honest traffic.
//!
//! The tables of the parsers are exhaustive; here it is about what a refusal does to everybody
//! else. No server may ever hear of any of these.

use super::voice::Step;
use crate::net::simulated::chance::Chance;
use std::time::Duration;

/// One message that is refused.
#[derive(Debug, PartialEq, Eq)]
pub struct Row {
    /// What is wrong with it.
    pub name: &'static str,
    /// The message.
    pub bytes: &'static [u8],
    /// What it may be answered. 0: not at all.
    pub statuses: &'static [u16],
}

impl Row {
    /// By when the answer must have come: `header_timeout` is 10 s at most.
    pub fn patience(&self) -> Duration {
        Duration::from_secs(if self.statuses.contains(&408) { 12 } else { 2 })
    }

    /// What its sender may say behind it: something that nobody will read, and that this was all.
    /// The answer must outlive that.
    pub fn afterthought(&self, chance: &mut Chance) -> Vec<Step> {
        let is_refused = self.statuses.iter().all(|status| ![0, 408].contains(status));
        if !is_refused || chance.percent(50) {
            return Vec::new();
        }
        vec![Step::Say(vec![b'x'; chance.within(1..=3000)]), Step::Finish]
    }
}

const fn row(name: &'static str, bytes: &'static [u8], statuses: &'static [u16]) -> Row {
    Row { name, bytes, statuses }
}

/// The rows.
pub const ROWS: &[Row] = &[
    row(
        "length and chunks",
        b"POST /hostile HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n\
          0\r\n\r\nGET /hostile HTTP/1.1\r\nHost: x\r\n\r\n",
        &[400],
    ),
    row(
        "two lengths",
        b"POST /hostile HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nContent-Length: 4\r\n\r\nabcd",
        &[400],
    ),
    row(
        "an unknown coding",
        b"POST /hostile HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        &[400, 501],
    ),
    row("no host", b"GET /hostile HTTP/1.1\r\n\r\n", &[400]),
    row("two hosts", b"GET /hostile HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", &[400]),
    row("a folded line", b"GET /hostile HTTP/1.1\r\nHost: a\r\nX: y\r\n z\r\n\r\n", &[400]),
    row("space before a colon", b"GET /hostile HTTP/1.1\r\nHost : a\r\n\r\n", &[400]),
    row("bare line feeds", b"GET /hostile HTTP/1.1\nHost: a\n\n", &[400]),
    row("a NUL", b"GET /hostile HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n", &[400]),
    row("CONNECT", b"CONNECT hostile:1 HTTP/1.1\r\nHost: hostile:1\r\n\r\n", &[405]),
    row("another version", b"GET /hostile HTTP/2.0\r\nHost: a\r\n\r\n", &[505]),
    row("no version", b"GET /hostile\r\nHost: a\r\n\r\n", &[400, 505]),
    row("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", &[400]),
    row(
        "a Connection that names Host",
        b"GET /hostile HTTP/1.1\r\nHost: a\r\nConnection: host\r\n\r\n",
        &[400],
    ),
    row(
        "a handshake of the wrong version",
        b"GET /hostile HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
          Sec-WebSocket-Version: 8\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        &[426],
    ),
    row("a PROXY header too many", b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n\r\n", &[400]),
    row("a binary one", b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0GET /hostile HTTP/1.1\r\n\r\n", &[400]),
    row("half a head", b"GET /hostile HTTP/1.1\r\nHost: a\r\nX-", &[408]),
    row("nothing at all", b"", &[0]),
];

/// What no connection may begin with where a PROXY header is awaited. There is no answer.
pub const HEADERS: &[Row] = &[
    row("no PROXY header", b"GET /hostile HTTP/1.1\r\nHost: a\r\n\r\n", &[0]),
    row("a bare LF", b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\nGET /hostile HTTP/1.1\r\n", &[0]),
    row("too many words", b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3\r\nGET /hostile ", &[0]),
    row(
        "a line without end",
        b"PROXY UNKNOWN all of this has no meaning and no end, all of this has no meaning and no \
          end, all of this has no meaning and no end",
        &[0],
    ),
    row("a length that lies", b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x04abcdGET /hostile ", &[0]),
    row("a length beyond all bounds", b"\r\n\r\n\0\r\nQUIT\n\x20\x11\xff\xff", &[0]),
    row("half a PROXY header", b"PROXY TCP6 2001:db8::1 ", &[0]),
    row("half a binary one", b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0cabcd", &[0]),
    row("a proxy that says nothing", b"", &[0]),
];
