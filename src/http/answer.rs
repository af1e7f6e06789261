//! What does the gateway say in its own name? (RFC 9110 15.5, 15.6)
//!
//! One answer per situation, each with a status, a stable word for logs and metrics, and a sentence
//! for the person who reads it. The content is JSON. Every answer can be framed by any client: it
//! has an exact Content-Length and nothing is left to the close of the connection.

use super::head::Asked;
use super::write::{UPGRADE, connection, decimal, put};
use super::{Refusal, Version};
use crate::limits;

#[cfg(test)]
mod tests;

/// More than the head of any answer.
const HEAD_ROOM: usize = 320;

/// A response that the gateway originates itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Answer {
    /// The status code (RFC 9110 15).
    pub status: u16,
    /// One word in snake_case that will not change: for the content, the access log, the metrics.
    pub reason: &'static str,
    /// What went wrong, for a person. No quotes, backslashes or control characters.
    pub message: &'static str,
    /// The fields that this status calls for.
    pub extra: Extra,
    /// Is the reason part of the content? Not where the content is agreed upon word for word.
    pub names_reason: bool,
}

/// Fields that go with certain answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Extra {
    /// No more than every answer has.
    None,
    /// The methods that are forwarded (RFC 9110 10.2.1).
    Allow,
    /// Seconds after which another attempt may succeed (RFC 9110 10.2.3).
    RetryAfter(u32),
    /// The protocol that the client must change to (RFC 9110 7.8 and 15.5.22).
    UpgradeWebSocket,
    /// Likewise, and the version of it that is spoken here (RFC 6455 4.4).
    WebSocketVersion,
}

impl Answer {
    /// Every server of the section is down or sits out.
    pub const fn no_healthy_server() -> Self {
        Self::new(503, "no_healthy_server", "no healthy server is available").retry_after()
    }

    /// The chosen server's workers are busy and its waiting line has stayed full.
    pub const fn queue_full() -> Self {
        Self::new(429, "queue_full", "too many requests are waiting for this server").retry_after()
    }

    /// The gateway takes no new work because it is about to stop.
    pub const fn stopping() -> Self {
        Self::new(503, "stopping", "the gateway is shutting down").retry_after()
    }

    /// No connection to a server could be made.
    pub const fn connect_failed() -> Self {
        Self::new(502, "connect_failed", "the server could not be reached")
    }

    /// Nor was one refused within `connect_timeout`.
    pub const fn connect_timeout() -> Self {
        Self::new(504, "connect_timeout", "the server did not accept the connection in time")
    }

    /// What the server sent is no response, or not one to this request.
    pub const fn bad_response() -> Self {
        Self::new(502, "bad_response", "the server sent an invalid response")
    }

    /// The server closed the connection before it had sent a whole head.
    pub const fn server_closed() -> Self {
        Self::new(502, "server_closed", "the server closed the connection without a response")
    }

    /// The server was silent for `response_timeout`.
    pub const fn response_timeout() -> Self {
        Self::new(504, "response_timeout", "the server did not respond in time")
    }

    /// The client began a head and did not end it within `header_timeout`.
    pub const fn header_timeout() -> Self {
        Self::new(408, "header_timeout", "the request head did not arrive in time")
    }

    /// The client sent nothing of its body for `body_timeout`.
    pub const fn body_timeout() -> Self {
        Self::new(408, "body_timeout", "the request body did not arrive in time")
    }

    /// The request stood in line for as long as its server may take to answer.
    pub const fn queue_timeout() -> Self {
        let message = "no worker came free in time";
        Self::new(503, "queue_timeout", message).retry_after()
    }

    /// There are as many tunnels as there may be.
    pub const fn too_many_tunnels() -> Self {
        Self::new(503, "too_many_tunnels", "too many websocket connections").retry_after()
    }

    /// The client's address has as many tunnels as one may have.
    pub const fn too_many_tunnels_of_client() -> Self {
        let message = "too many websocket connections from this address";
        Self::new(503, "too_many_tunnels_of_client", message).retry_after()
    }

    /// More tunnels are asked for at once than are opened at once.
    pub const fn tunnels_too_fast() -> Self {
        let message = "too many new websocket connections at once";
        Self::new(503, "tunnels_too_fast", message).retry_after()
    }

    /// The client asks for a WebSocket and there is no `[websocket]` section.
    pub const fn not_configured_for_websocket() -> Self {
        let message = "proxy not configured to handle websocket connections";
        let answer = Self::new(400, "not_configured_for_websocket", message);
        Self { names_reason: false, ..answer }
    }

    /// The client does not ask for a WebSocket and there is no `[http]` section.
    pub const fn upgrade_required() -> Self {
        let message = "only websocket connections are handled here";
        let answer = Self::new(426, "upgrade_required", message);
        Self { extra: Extra::UpgradeWebSocket, ..answer }
    }

    const fn new(status: u16, reason: &'static str, message: &'static str) -> Self {
        Self { status, reason, message, extra: Extra::None, names_reason: true }
    }

    const fn retry_after(self) -> Self {
        Self { extra: Extra::RetryAfter(limits::RETRY_AFTER_SECONDS), ..self }
    }

    /// The same, to be asked for again after so many seconds.
    pub const fn retry_after_seconds(self, seconds: u32) -> Self {
        Self { extra: Extra::RetryAfter(seconds), ..self }
    }

    /// The reason phrase of the status (RFC 9110 15); empty for one that is not ours to give.
    fn phrase(&self) -> &'static str {
        match self.status {
            400 => "Bad Request",
            405 => "Method Not Allowed",
            408 => "Request Timeout",
            413 => "Content Too Large",
            414 => "URI Too Long",
            417 => "Expectation Failed",
            426 => "Upgrade Required",
            429 => "Too Many Requests",
            431 => "Request Header Fields Too Large",
            501 => "Not Implemented",
            502 => "Bad Gateway",
            503 => "Service Unavailable",
            504 => "Gateway Timeout",
            505 => "HTTP Version Not Supported",
            _ => "",
        }
    }

    /// The content, in parts to be written one after the other.
    fn content(&self) -> [&'static str; 5] {
        let (before, reason) =
            if self.names_reason { ("\",\"reason\":\"", self.reason) } else { ("", "") };
        ["{\"error\":\"", self.message, before, reason, "\"}"]
    }
}

impl From<Refusal> for Answer {
    /// What a client is told whose message was refused.
    fn from(refusal: Refusal) -> Self {
        let extra = match refusal.status() {
            405 => Extra::Allow,
            426 => Extra::WebSocketVersion,
            _ => Extra::None,
        };
        Self { extra, ..Self::new(refusal.status(), refusal.reason(), refusal.message()) }
    }
}

/// Writes `answer` in reply to what was `asked`: to HEAD, everything but the content. `persistent`
/// says whether the client's connection stays open behind it.
pub fn write(answer: &Answer, asked: Asked, persistent: bool, date: &[u8; 29], out: &mut Vec<u8>) {
    let content = answer.content();
    let length: usize = content.iter().map(|part| part.len()).sum();
    out.reserve(length + HEAD_ROOM);

    put(out, &[b"HTTP/1.1 "]);
    decimal(out, u64::from(answer.status));
    put(out, &[b" ", answer.phrase().as_bytes(), b"\r\nDate: ", date]);
    put(out, &[b"\r\nContent-Type: application/json\r\nContent-Length: "]);
    decimal(out, length as u64);
    put(out, &[b"\r\nCache-Control: no-store\r\n"]);
    let upgrade = match answer.extra {
        Extra::None => false,
        Extra::Allow => {
            put(out, &[b"Allow: GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH\r\n"]);
            false
        }
        Extra::RetryAfter(seconds) => {
            put(out, &[b"Retry-After: "]);
            decimal(out, u64::from(seconds));
            put(out, &[b"\r\n"]);
            false
        }
        Extra::UpgradeWebSocket => true,
        Extra::WebSocketVersion => {
            put(out, &[b"Sec-WebSocket-Version: 13\r\n"]);
            true
        }
    };
    let keep_alive = persistent && asked.version == Version::Http10;
    connection(out, [(upgrade, "Upgrade"), (!persistent, "close"), (keep_alive, "keep-alive")]);
    if upgrade {
        put(out, &[UPGRADE]);
    }
    put(out, &[b"\r\n"]);
    if !asked.head {
        for part in content {
            put(out, &[part.as_bytes()]);
        }
    }
}
