//! Does a server speak WebSocket? A short conversation that finds out.
//!
//! ```text
//!   opening handshake --> verified 101 --> our Ping --> its Pong --> our Close
//! ```
//!
//! What else the server says meanwhile is stepped over.

use super::boundary::{Sender, Tracker, close_frame, ping_frame};
use super::handshake::{accept_key, check_response};
use super::pong::Nonce;
use crate::http::Version;
use crate::http::head::{Asked, HeadLimits, Lines, ResponseHead};
use crate::limits;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;

/// One conversation, from the client's side.
#[derive(Debug)]
pub struct Greeting {
    /// The Sec-WebSocket-Key (RFC 6455 4.1).
    key: String,
    mask: [u8; 4],
    nonce: Nonce,
    pinged: bool,
}

/// What is to be done after something was heard.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// Listen on.
    Listen,
    /// Send this, and listen on.
    Say(Vec<u8>),
    /// Send this Close: the server speaks WebSocket.
    Part(Vec<u8>),
    /// It does not.
    Fail,
}

impl Greeting {
    /// A conversation that has not begun; what it consists of is left to chance.
    pub fn new(key: [u8; 16], mask: [u8; 4], nonce: Nonce) -> Self {
        Self { key: BASE64_STANDARD.encode(key), mask, nonce, pinged: false }
    }

    /// The opening handshake.
    pub fn open(&self, target: &str, authority: &str, agent: &str) -> String {
        format!(
            "GET {target} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: {agent}\r\n\
             Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {}\r\n\
             Sec-WebSocket-Version: 13\r\n\r\n",
            self.key
        )
    }

    /// Goes by all that the server has said so far.
    pub fn hear(&mut self, said: &[u8]) -> Next {
        let mut lines = Lines::new();
        let asked = Asked { head: false, websocket: true, version: Version::Http11 };
        let bounds = HeadLimits {
            max_bytes: limits::PROBE_ANSWER_MAX,
            max_fields: limits::RESPONSE_FIELDS_MAX,
        };
        let head = match ResponseHead::parse(said, &mut lines, asked, bounds) {
            Err(_) => return Next::Fail,
            Ok(None) => return Next::Listen,
            Ok(Some(head)) => head,
        };
        if check_response(&head, &accept_key(self.key.as_bytes())).is_err() {
            return Next::Fail;
        }
        if !self.pinged {
            self.pinged = true;
            return Next::Say(ping_frame(&self.nonce, Some(self.mask)));
        }
        self.find_pong(&said[head.len..])
    }

    /// Looks for our Pong between the frames that the server sent.
    fn find_pong(&self, mut frames: &[u8]) -> Next {
        let mut pong = ping_frame(&self.nonce, None);
        pong[0] = 0x8a;
        let mut tracker = Tracker::new(Sender::Server);
        while let Some(first) = frames.first() {
            if frames.starts_with(&pong) {
                return Next::Part(close_frame(1000, "", Some(self.mask)));
            }
            tracker.follow(&[*first]);
            let rest = 1 + tracker.finish_frame(&frames[1..]);
            frames = &frames[rest..];
            if tracker.is_lost() || tracker.saw_close().is_some() {
                return Next::Fail;
            }
        }
        Next::Listen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sample of RFC 6455 1.3.
    const KEY: &[u8; 16] = b"the sample nonce";
    const HEAD: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
        Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

    /// What comes of an answer, given as a whole and byte by byte.
    fn outcome(answer: &[u8]) -> Next {
        let nonce = *b"12345678";
        let mut greeting = Greeting::new(*KEY, [1, 2, 3, 4], nonce);
        let mut last = Next::Listen;
        for end in 0..=answer.len() {
            match greeting.hear(&answer[..end]) {
                Next::Listen => {}
                Next::Say(ping) => assert_eq!(ping, ping_frame(&nonce, Some([1, 2, 3, 4]))),
                decided @ (Next::Part(_) | Next::Fail) => {
                    last = decided;
                    break;
                }
            }
        }
        last
    }

    #[test]
    fn a_server_that_opens_and_answers_the_ping_speaks_websocket() {
        let close = Next::Part(close_frame(1000, "", Some([1, 2, 3, 4])));
        let with = |frames: &[u8]| [HEAD.as_bytes(), frames].concat();
        assert_eq!(outcome(&with(b"\x8a\x0812345678")), close);
        assert_eq!(outcome(&with(b"\x81\x05hello\x8a\x00\x89\x0812345678\x8a\x0812345678")), close);
        assert_eq!(outcome(&with(b"\x8a\x0812345679")), Next::Listen);
        assert_eq!(outcome(&with(b"\x88\x00\x8a\x0812345678")), Next::Fail);
        assert_eq!(outcome(&with(b"\x83\x00")), Next::Fail);
        assert_eq!(outcome(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), Next::Fail);
        assert_eq!(outcome(HEAD.replace("s3p", "S3p").as_bytes()), Next::Fail);
        assert_eq!(outcome(b"SSH-2.0\r\n\r\n"), Next::Fail);
    }
}
