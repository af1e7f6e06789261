//! How does an answer to an operator begin? (RFC 9110 8, RFC 9112 4)

use super::route::Denial;
use std::io::Write;

/// What a response head says.
#[derive(Debug, Clone, Copy)]
pub struct Reply<'a> {
    /// The status.
    pub status: u16,
    /// What the content is; empty when there is none.
    pub content_type: &'a str,
    /// Bytes of content; `None`: whatever comes until the connection closes.
    pub length: Option<usize>,
    /// Whether the connection takes another request.
    pub persistent: bool,
    /// Further field lines, each with its end.
    pub extra: &'static str,
}

/// For a stream of events.
pub const EVENT_STREAM: &str = "text/event-stream";
/// For the page.
pub const HTML: &str = "text/html; charset=utf-8";
/// For the status and for denials.
pub const JSON: &str = "application/json";

/// The page needs nothing from anywhere else, so it may have nothing from anywhere else; and
/// nobody may put it into a frame to have its buttons pressed.
pub const PAGE_POLICY: &str = "Content-Security-Policy: default-src 'none'; \
    style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; img-src data:; \
    form-action 'self'; base-uri 'none'; frame-ancestors 'none'\r\n\
    Referrer-Policy: same-origin\r\n";

/// Back to the page, with GET (RFC 9110 15.4.4).
pub const TO_THE_PAGE: &str = "Location: /\r\n";

impl Reply<'_> {
    /// Writes the head.
    pub fn write(&self, date: &[u8; 29], out: &mut Vec<u8>) {
        let phrase = match self.status {
            200 => "OK",
            303 => "See Other",
            401 => "Unauthorized",
            403 => "Forbidden",
            404 => "Not Found",
            405 => "Method Not Allowed",
            413 => "Content Too Large",
            503 => "Service Unavailable",
            _ => "",
        };
        let date = std::str::from_utf8(date).unwrap_or_default();
        // Writing to memory cannot fail.
        let _ = write!(
            out,
            "HTTP/1.1 {} {phrase}\r\nDate: {date}\r\nCache-Control: no-store\r\n\
             X-Content-Type-Options: nosniff\r\n{}",
            self.status, self.extra
        );
        if !self.content_type.is_empty() {
            let _ = write!(out, "Content-Type: {}\r\n", self.content_type);
        }
        if let Some(length) = self.length {
            let _ = write!(out, "Content-Length: {length}\r\n");
        }
        out.extend_from_slice(if self.persistent { b"\r\n" } else { b"Connection: close\r\n\r\n" });
    }
}

/// The field lines that go with a denial.
pub fn extra(denial: Denial) -> &'static str {
    match denial {
        Denial::Token => "WWW-Authenticate: Basic realm=\"tidegate\", charset=\"UTF-8\"\r\n",
        Denial::Method("POST") => "Allow: POST\r\n",
        Denial::Method(_) => "Allow: GET, HEAD\r\n",
        Denial::Unknown | Denial::Foreign | Denial::Content | Denial::NoServer => "",
    }
}
