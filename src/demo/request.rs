//! What does the client of a demo server ask? (RFC 9112, the little of it that an origin needs.)
//!
//! A blocking reader of one connection's requests. It shares nothing with the gateway's own
//! parser on purpose: a second opinion on what the gateway sends is worth more than less code.

use std::io::{self, Read, Write};

/// The largest head taken, and the longest chunk-size line or trailer section.
const HEAD_MAX: usize = 32 * 1024;

/// The most field lines of a head or trailer section.
const FIELDS_MAX: usize = 256;

/// The largest content taken, in bytes.
pub(super) const CONTENT_MAX: usize = 1024 * 1024;

/// What one read asks for, in bytes.
const MORSEL: usize = 16 * 1024;

/// A request, content and all.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) method: String,
    /// The request target up to its query.
    pub(super) path: String,
    /// Whether another request may follow on the connection (RFC 9112 9.3).
    pub(super) persistent: bool,
    /// The `Sec-WebSocket-Key` if this is an opening handshake (RFC 6455 4.2.1).
    pub(super) websocket_key: Option<String>,
    pub(super) content: Vec<u8>,
}

/// Why there is no request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The client left, or was silent for too long: close, there is nobody to answer.
    Gone,
    /// What came is no request: 400.
    Malformed,
    /// The head or content is too large: 413.
    TooLarge,
}

impl From<io::Error> for Fault {
    fn from(_: io::Error) -> Self {
        Self::Gone
    }
}

impl From<httparse::Error> for Fault {
    fn from(_: httparse::Error) -> Self {
        Self::Malformed
    }
}

/// How the content of a request ends (RFC 9112 6.3).
enum Framing {
    Length(usize),
    Chunked,
}

/// One connection: the stream, and what was read from it beyond the last request.
#[derive(Debug)]
pub(super) struct Connection<S> {
    stream: S,
    inbox: Vec<u8>,
}

impl<S: Read + Write> Connection<S> {
    /// A connection on which nothing has been read.
    pub(super) fn new(stream: S) -> Self {
        Self { stream, inbox: Vec::new() }
    }

    /// Where the answer goes.
    pub(super) fn stream(&mut self) -> &mut S {
        &mut self.stream
    }

    /// The stream and the bytes read ahead, for a protocol that takes over after a 101.
    pub(super) fn into_parts(self) -> (S, Vec<u8>) {
        (self.stream, self.inbox)
    }

    /// The next request, content included; asks for the content if the client waits to be asked.
    pub(super) fn next_request(&mut self) -> Result<Request, Fault> {
        let head = loop {
            if let Some(head) = Head::parse(&self.inbox)? {
                self.inbox.drain(..head.length);
                break head;
            }
            self.fill(HEAD_MAX)?;
        };
        if head.expects_continue {
            self.stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        let content = match head.framing {
            Framing::Length(length) if length > CONTENT_MAX => return Err(Fault::TooLarge),
            Framing::Length(length) => self.take(length)?,
            Framing::Chunked => self.take_chunks()?,
        };
        Ok(Request { content, ..head.request })
    }

    /// Exactly `length` bytes.
    fn take(&mut self, length: usize) -> Result<Vec<u8>, Fault> {
        while self.inbox.len() < length {
            self.fill(usize::MAX)?;
        }
        let rest = self.inbox.split_off(length);
        Ok(std::mem::replace(&mut self.inbox, rest))
    }

    /// Chunked content, its trailer section dropped (RFC 9112 7.1).
    fn take_chunks(&mut self) -> Result<Vec<u8>, Fault> {
        let mut content = Vec::new();
        loop {
            let size = match httparse::parse_chunk_size(&self.inbox) {
                Ok(httparse::Status::Complete((line, size))) => {
                    self.inbox.drain(..line);
                    usize::try_from(size).map_err(|_| Fault::TooLarge)?
                }
                Ok(httparse::Status::Partial) => {
                    self.fill(HEAD_MAX)?;
                    continue;
                }
                Err(_) => return Err(Fault::Malformed),
            };
            if size == 0 {
                self.skip_trailers()?;
                return Ok(content);
            }
            if size > CONTENT_MAX - content.len() {
                return Err(Fault::TooLarge);
            }
            let chunk = self.take(size + 2)?;
            let Some(chunk) = chunk.strip_suffix(b"\r\n") else { return Err(Fault::Malformed) };
            content.extend_from_slice(chunk);
        }
    }

    fn skip_trailers(&mut self) -> Result<(), Fault> {
        loop {
            let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
            if let httparse::Status::Complete((length, _)) =
                httparse::parse_headers(&self.inbox, &mut fields)?
            {
                self.inbox.drain(..length);
                return Ok(());
            }
            self.fill(HEAD_MAX)?;
        }
    }

    /// Reads some more, unless `limit` bytes already wait to make sense.
    fn fill(&mut self, limit: usize) -> Result<(), Fault> {
        if self.inbox.len() >= limit {
            return Err(Fault::TooLarge);
        }
        let mut morsel = [0; MORSEL];
        match self.stream.read(&mut morsel)? {
            0 => Err(Fault::Gone),
            length => {
                self.inbox.extend(morsel.iter().take(length));
                Ok(())
            }
        }
    }
}

/// What a head says of the request and of what follows it.
struct Head {
    /// Bytes of the head itself, blank line included.
    length: usize,
    request: Request,
    framing: Framing,
    expects_continue: bool,
}

impl Head {
    /// The head that `bytes` begin with; `None` if it is not whole yet.
    fn parse(bytes: &[u8]) -> Result<Option<Self>, Fault> {
        let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
        let mut head = httparse::Request::new(&mut fields);
        let httparse::Status::Complete(length) = head.parse(bytes)? else { return Ok(None) };

        let value = |name: &str| {
            let field = head.headers.iter().find(|field| field.name.eq_ignore_ascii_case(name));
            field.and_then(|field| str::from_utf8(field.value).ok()).map(str::trim)
        };
        let is = |name, wanted| value(name).is_some_and(|value| value.eq_ignore_ascii_case(wanted));

        let framing = match (value("Transfer-Encoding"), value("Content-Length")) {
            (None, None) => Framing::Length(0),
            (None, Some(length)) => Framing::Length(length.parse().map_err(|_| Fault::Malformed)?),
            (Some(_), None) if is("Transfer-Encoding", "chunked") => Framing::Chunked,
            (Some(_), _) => return Err(Fault::Malformed),
        };
        let opens_websocket = is("Upgrade", "websocket") && is("Sec-WebSocket-Version", "13");
        let key =
            value("Sec-WebSocket-Key").filter(|_| opens_websocket && head.method == Some("GET"));
        let persistent = if head.version == Some(1) {
            !is("Connection", "close")
        } else {
            is("Connection", "keep-alive")
        };
        let target = head.path.unwrap_or_default();
        let request = Request {
            method: head.method.unwrap_or_default().to_owned(),
            path: target.split(['?', '#']).next().unwrap_or_default().to_owned(),
            persistent,
            websocket_key: key.map(str::to_owned),
            content: Vec::new(),
        };
        let expects_continue = is("Expect", "100-continue");
        Ok(Some(Self { length, request, framing, expects_continue }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A client that sends its bytes `step` at a time and remembers what it was told.
    struct Script {
        bytes: Vec<u8>,
        step: usize,
        told: Vec<u8>,
    }

    impl Read for Script {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let length = self.step.min(self.bytes.len()).min(into.len());
            into[..length].copy_from_slice(&self.bytes[..length]);
            self.bytes.drain(..length);
            Ok(length)
        }
    }

    impl Write for Script {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.told.extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn connection(bytes: &[u8], step: usize) -> Connection<Script> {
        Connection::new(Script { bytes: bytes.to_vec(), step, told: Vec::new() })
    }

    #[test]
    fn requests_read_the_same_however_they_are_cut() {
        let bytes = b"GET /whoami?a=1 HTTP/1.1\r\nHost: a\r\n\r\n\
            POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello\
            POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n\
            3;x=y\r\nhel\r\n2\r\nlo\r\n0\r\nA: b\r\n\r\n\
            GET /last HTTP/1.0\r\n\r\n";
        for step in 1..=bytes.len() {
            let mut connection = connection(bytes, step);
            let whoami = connection.next_request().unwrap();
            assert_eq!((&*whoami.path, whoami.persistent), ("/whoami", true));
            assert_eq!(connection.next_request().unwrap().content, b"hello");
            assert_eq!(connection.next_request().unwrap().content, b"hello");
            let last = connection.next_request().unwrap();
            assert_eq!((&*last.path, last.persistent), ("/last", false));
            assert_eq!(connection.next_request(), Err(Fault::Gone));
        }
    }

    #[test]
    fn a_client_that_waits_to_be_asked_for_content_is_asked() {
        let bytes =
            b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi";
        let mut connection = connection(bytes, 1);
        assert_eq!(connection.next_request().unwrap().content, b"hi");
        assert_eq!(connection.stream().told, b"HTTP/1.1 100 Continue\r\n\r\n");
    }

    #[test]
    fn what_is_no_request_or_too_large_is_a_fault() {
        let large = format!("GET / HTTP/1.1\r\nA: {}", "a".repeat(HEAD_MAX));
        let extension = format!("POST / HTTP/1.1\r\n{}1;{}", CHUNKED, "a".repeat(HEAD_MAX));
        const CHUNKED: &str = "Transfer-Encoding: chunked\r\n\r\n";
        let cases: [(&str, Fault); 9] = [
            ("", Fault::Gone),
            ("GET / HT", Fault::Gone),
            ("GET / HTTP/2.0\r\n\r\n", Fault::Malformed),
            ("POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n", Fault::Malformed),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", Fault::Malformed),
            ("POST / HTTP/1.1\r\nContent-Length: 1048577\r\n\r\n", Fault::TooLarge),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n100001\r\n", Fault::TooLarge),
            (&large, Fault::TooLarge),
            (&extension, Fault::TooLarge),
        ];
        for (bytes, fault) in cases {
            let found = connection(bytes.as_bytes(), MORSEL).next_request();
            assert_eq!(found, Err(fault), "{:.60}", bytes);
        }
    }

    #[test]
    fn an_opening_handshake_is_known_by_its_fields() {
        let handshake = "GET /echo HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n\
            Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: k\r\n\r\n";
        let key = |text: &str| connection(text.as_bytes(), 7).next_request().unwrap().websocket_key;
        assert_eq!(key(handshake).as_deref(), Some("k"));
        assert_eq!(key(&handshake.replace("13", "8")), None);
        assert_eq!(key(&handshake.replace("GET", "POST")), None);
    }
}
