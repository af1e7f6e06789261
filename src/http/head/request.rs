//! What does a client ask for? (RFC 9112 3, 6.3 and 9.3; RFC 9110 7.2, 7.8 and 10.1.1)
//!
//! [`RequestHead::parse`] decides everything about a request that its head can decide: what it is
//! for, how its body is framed, whether the connection stays, and whether there is a second way to
//! read any of that, in which case it is refused.

use std::borrow::Cow;

use httparse::{Header, Status};

use super::length::BodyLength;
use super::{HeadLimits, Lines, fault, has_bare_lf, persists};
use crate::http::fields::{Connection, Name, all, elements, lists};
use crate::http::{Refusal, Version, authority, framing::Framing};

/// A request head that was found to have one reading.
#[derive(Debug)]
pub struct RequestHead<'h, 'b> {
    /// The method, in the case it came in (methods are case-sensitive, RFC 9110 9.1).
    pub method: &'b str,
    /// The version that the client speaks.
    pub version: Version,
    /// Bytes of the head, with the empty line that ends it and one that came before it.
    pub len: usize,
    /// The field lines as they came, without the white space around their values.
    pub fields: &'h [Header<'b>],
    /// How far the body reaches (RFC 9112 6.3); [`Framing::NONE`] if there is none.
    pub framing: Framing,
    /// Does the client keep its connection open for another request? (RFC 9112 9.3)
    pub persistent: bool,
    /// Does the client hold its content back until it is asked for it? (RFC 9110 10.1.1)
    pub expects_continue: bool,
    /// Does Upgrade list `websocket`, and Connection `upgrade`? Whether the request may have it is
    /// for [`check_request`](crate::websocket::handshake::check_request) to say.
    pub asks_websocket: bool,
    target: Cow<'b, str>,
    authority: &'b str,
}

impl<'h, 'b> RequestHead<'h, 'b> {
    /// Parses the head that `bytes` begin with, one empty line before it allowed.
    ///
    /// `None` means that the head is incomplete, with nothing wrong so far. The result does not
    /// depend on how many bytes there were in earlier attempts, nor on what follows the head.
    ///
    /// # Errors
    /// The first thing found that breaks the syntax, a limit, or leaves two readings. Nothing of
    /// the request may be forwarded then, and the connection must not be read on.
    pub fn parse(
        bytes: &'b [u8],
        lines: &'h mut Lines<'b>,
        limits: HeadLimits,
    ) -> Result<Option<Self>, Refusal> {
        let window = limits.window(bytes);
        let head = window.strip_prefix(b"\r\n").unwrap_or(window);
        match head {
            [b'\r'] => return incomplete(head, bytes.len(), limits), // Of an empty line, perhaps.
            [b'\r' | b'\n', ..] => return Err(Refusal::BadLineEnd),
            _ => {}
        }
        let mut request = httparse::Request::new(&mut []);
        let parsed = request.parse_with_uninit_headers(head, lines.within(limits));
        let len = match parsed {
            Ok(Status::Complete(len)) => len,
            Ok(Status::Partial) => return incomplete(head, bytes.len(), limits),
            Err(error) => match fault::of_request(error, &request, head) {
                Some(refusal) => return Err(refusal),
                None => return incomplete(head, bytes.len(), limits),
            },
        };
        if has_bare_lf(head.get(..len).unwrap_or(head)) {
            return Err(Refusal::BadLineEnd);
        }
        let (Some(method), Some(target), Some(minor)) =
            (request.method, request.path, request.version)
        else {
            return Err(Refusal::BadRequestLine);
        };
        let len = len + window.len() - head.len();
        Self::read(method, target, super::version(minor), request.headers, len).map(Some)
    }

    /// Is the method one that may be repeated without changing what it does? (RFC 9110 9.2.2)
    pub fn is_idempotent(&self) -> bool {
        matches!(self.method, "GET" | "HEAD" | "OPTIONS" | "PUT" | "DELETE")
    }

    /// Is the response to this one without content? (RFC 9110 9.3.2)
    pub fn is_head(&self) -> bool {
        self.method == "HEAD"
    }

    /// The target for the server, in origin-form or `*`. It is byte for byte what the client sent,
    /// but for an absolute-form, of which the path and the query remain (RFC 9112 3.2).
    pub fn target(&self) -> &str {
        &self.target
    }

    /// Whom the request is for: the authority of an absolute-form, or Host. Empty if an HTTP/1.0
    /// client gave neither (RFC 9112 3.2.2, 3.3).
    pub fn authority(&self) -> &'b str {
        self.authority
    }

    /// The value of the first field line of that name.
    pub fn field(&self, name: &str) -> Option<&'b [u8]> {
        all(self.fields, name).next()
    }

    /// Reads the meaning of a head whose syntax is right.
    fn read(
        method: &'b str,
        target: &'b str,
        version: Version,
        fields: &'h [Header<'b>],
        len: usize,
    ) -> Result<Self, Refusal> {
        if matches!(method, "CONNECT" | "TRACE") {
            return Err(Refusal::MethodNotAllowed);
        }
        let (target, target_authority) = read_target(method, target)?;
        let said = Said::by(fields)?;
        let host = said.host.map(|host| authority::parse(host).ok_or(Refusal::BadHost));
        let host = host.transpose()?;
        if host.is_none() && version == Version::Http11 {
            return Err(Refusal::MissingHost);
        }
        let framing = said.length.framing(version)?.unwrap_or(Framing::NONE);
        // An HTTP/1.0 client knows no expectations: whatever it said there is not meant
        // (RFC 9110 10.1.1).
        if said.expects_other && version == Version::Http11 {
            return Err(Refusal::UnknownExpectation);
        }
        let expects_continue =
            said.expects_continue && version == Version::Http11 && framing != Framing::NONE;
        Ok(Self {
            method,
            version,
            len,
            fields,
            framing,
            persistent: persists(version, said.connection),
            expects_continue,
            asks_websocket: said.lists_websocket && said.connection.upgrade,
            target,
            authority: target_authority.or(host).unwrap_or_default(),
        })
    }
}

/// What the fields of a request said, each on its own.
#[derive(Default)]
struct Said<'b> {
    host: Option<&'b [u8]>,
    length: BodyLength<'b>,
    connection: Connection,
    lists_websocket: bool,
    expects_continue: bool,
    expects_other: bool,
}

impl<'b> Said<'b> {
    fn by(fields: &[Header<'b>]) -> Result<Self, Refusal> {
        let mut said = Self::default();
        for field in fields {
            match Name::of(field.name.as_bytes()) {
                Name::Host => {
                    if said.host.replace(field.value).is_some() {
                        return Err(Refusal::RepeatedHost);
                    }
                }
                Name::ContentLength => said.length.add_content_length(field.value)?,
                Name::TransferEncoding => said.length.add_transfer_encoding(field.value)?,
                Name::Connection => said.connection.add(field.value)?,
                Name::Upgrade => said.lists_websocket |= lists(field.value, "websocket"),
                Name::Expect => {
                    for expectation in elements(field.value) {
                        let known = expectation.eq_ignore_ascii_case(b"100-continue");
                        said.expects_continue |= known;
                        said.expects_other |= !known;
                    }
                }
                Name::Credentials
                | Name::Forwarded
                | Name::KeepAlive
                | Name::ProxyAuthentication
                | Name::ProxyConnection
                | Name::Te
                | Name::Other => {}
            }
        }
        Ok(said)
    }
}

/// No end in sight: that is fine as long as there is room for one. `came` bytes are there.
fn incomplete<T>(head: &[u8], came: usize, limits: HeadLimits) -> Result<Option<T>, Refusal> {
    if came < limits.max_bytes {
        Ok(None)
    } else if head.contains(&b'\n') {
        Err(Refusal::HeadTooLarge)
    } else {
        Err(Refusal::TargetTooLong)
    }
}

/// What remains of a target for the server, and the authority if it had one (RFC 9112 3.2).
fn read_target<'b>(
    method: &str,
    target: &'b str,
) -> Result<(Cow<'b, str>, Option<&'b str>), Refusal> {
    if !target.is_ascii() || target.contains('#') {
        return Err(Refusal::BadTarget);
    }
    if target.starts_with('/') || (target == "*" && method == "OPTIONS") {
        return Ok((Cow::Borrowed(target), None));
    }
    let (scheme, rest) = target.split_once("://").ok_or(Refusal::BadTarget)?;
    if !scheme.eq_ignore_ascii_case("http") {
        return Err(Refusal::WrongScheme);
    }
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let authority = authority::parse(authority.as_bytes()).ok_or(Refusal::BadHost)?;
    let path = match path.as_bytes() {
        [b'/', ..] => Cow::Borrowed(path),
        [] if method == "OPTIONS" => Cow::Borrowed("*"),
        [] => Cow::Borrowed("/"),
        _ => Cow::Owned(format!("/{path}")),
    };
    Ok((path, Some(authority)))
}
