//! Which answer belongs to which request, and how a request head is read.

use std::io;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

/// Most field lines of a request that arrives here.
const MAX_FIELDS: usize = 64;
/// The constant of RFC 6455, section 1.3.
const WEBSOCKET_GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// A response, complete with head and body.
struct Answer {
    usual: &'static [u8],
    /// With `Connection: close`.
    last: &'static [u8],
}

/// The canned answers, each with its path.
pub(super) struct Answers {
    by_path: Vec<(&'static str, Answer)>,
    missing: Answer,
}

impl Answers {
    pub(super) fn new() -> Self {
        let health = br#"{"status":200}"#;
        let by_path = vec![
            ("/small", sized("200 OK", &[b'x'; 128])),
            ("/16k", sized("200 OK", &vec![b'x'; 16 << 10])),
            ("/1m", sized("200 OK", &vec![b'x'; 1 << 20])),
            ("/chunked", chunked(16, 1024)),
            ("/upload", sized("200 OK", b"taken\n")),
            ("/healthCheck", sized("200 OK", health)),
            ("/never", Answer { usual: b"", last: b"" }),
        ];
        Self { by_path, missing: sized("404 Not Found", b"no such path\n") }
    }

    /// The answer for `path`; the one that says so when it is the connection's last.
    pub(super) fn choose(&self, path: &str, is_last: bool) -> &'static [u8] {
        let found = self.by_path.iter().find(|(known, _)| *known == path);
        let answer = found.map_or(&self.missing, |(_, answer)| answer);
        if is_last { answer.last } else { answer.usual }
    }
}

fn sized(status: &str, content: &[u8]) -> Answer {
    let size = content.len();
    let fields = format!("Content-Type: application/json\r\nContent-Length: {size}\r\n");
    answer(status, &fields, content)
}

fn chunked(count: usize, size: usize) -> Answer {
    let mut content = Vec::new();
    for _ in 0..count {
        content.extend_from_slice(format!("{size:x}\r\n").as_bytes());
        content.resize(content.len() + size, b'x');
        content.extend_from_slice(b"\r\n");
    }
    content.extend_from_slice(b"0\r\n\r\n");
    answer("200 OK", "Transfer-Encoding: chunked\r\n", &content)
}

/// The answers live as long as the process, so that connections can hold on to them.
fn answer(status: &str, fields: &str, content: &[u8]) -> Answer {
    let whole = |more: &str| -> &'static [u8] {
        let head = format!("HTTP/1.1 {status}\r\n{fields}{more}\r\n");
        [head.as_bytes(), content].concat().leak()
    };
    Answer { usual: whole(""), last: whole("Connection: close\r\n") }
}

/// What follows a request head.
pub(super) enum Body {
    None,
    Sized(u64),
    Chunked,
    /// A WebSocket; the text is the complete 101 response.
    Upgrade(String),
}

/// What matters of a request head.
pub(super) struct Request<'a> {
    pub(super) path: &'a str,
    pub(super) body: Body,
    /// `Connection: close` was asked for.
    pub(super) is_last: bool,
    /// Bytes of the head.
    pub(super) length: usize,
}

/// Reads a request head; None while it is not whole.
pub(super) fn read_head(bytes: &[u8]) -> io::Result<Option<Request<'_>>> {
    let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
    let mut head = httparse::Request::new(&mut fields);
    let length = match head.parse(bytes).map_err(io::Error::other)? {
        httparse::Status::Complete(length) => length,
        httparse::Status::Partial => return Ok(None),
    };
    let mut request = Request {
        path: head.path.unwrap_or_default(),
        body: Body::None,
        is_last: head.version == Some(0),
        length,
    };
    for field in head.headers.iter() {
        if field.name.eq_ignore_ascii_case("content-length") {
            let size = str::from_utf8(field.value).map_err(io::Error::other)?;
            match size.parse().map_err(io::Error::other)? {
                0 => {}
                size => request.body = Body::Sized(size),
            }
        } else if field.name.eq_ignore_ascii_case("transfer-encoding") {
            request.body = Body::Chunked;
        } else if field.name.eq_ignore_ascii_case("sec-websocket-key") {
            request.body = Body::Upgrade(switching_protocols(field.value));
        } else if field.name.eq_ignore_ascii_case("connection") {
            request.is_last |= field.value.eq_ignore_ascii_case(b"close");
        }
    }
    Ok(Some(request))
}

fn switching_protocols(key: &[u8]) -> String {
    let accept =
        STANDARD.encode(Sha1::new().chain_update(key).chain_update(WEBSOCKET_GUID).finalize());
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    )
}

/// A line without its end, and its length with it; None while it is not whole.
pub(super) fn read_line(bytes: &[u8]) -> Option<(&[u8], usize)> {
    let end = bytes.windows(2).position(|two| two == b"\r\n")?;
    Some((&bytes[..end], end + 2))
}

/// The size that begins a chunk; extensions are ignored.
pub(super) fn chunk_size(line: &[u8]) -> io::Result<u64> {
    let text = str::from_utf8(line).map_err(io::Error::other)?;
    let digits = text.split(';').next().unwrap_or_default().trim();
    u64::from_str_radix(digits, 16).map_err(io::Error::other)
}
