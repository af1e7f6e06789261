//! What did a server answer? (RFC 9112 4, 6.3 and 9.3; RFC 9110 15)
//!
//! As strict as with requests: a response that can be read in two ways would let one client's
//! answer run into another's, so it is refused, and its client told of a bad gateway.

use httparse::{Header, ParserConfig, Status};

use super::length::BodyLength;
use super::{HeadLimits, Lines, fault, has_bare_lf, persists};
use crate::http::fields::{Connection, Name, elements, trim};
use crate::http::{Refusal, Version, framing::Framing};

/// What the request was, as far as the reading of its response depends on it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Asked {
    /// The method was HEAD: no content, whatever the fields say.
    pub head: bool,
    /// The request asked for websocket: it may be answered with 101.
    pub websocket: bool,
    /// The version that the *client* speaks.
    pub version: Version,
}

/// A response head that was found to have one reading.
#[derive(Debug)]
pub struct ResponseHead<'h, 'b> {
    /// The status code, 100 to 599.
    pub status: u16,
    /// The version that the server speaks.
    pub version: Version,
    /// The reason phrase; empty if there was none or it was not ASCII (RFC 9112 4).
    pub reason: &'b str,
    /// Bytes of the head, with the empty line that ends it.
    pub len: usize,
    /// The field lines as they came, without the white space around their values.
    pub fields: &'h [Header<'b>],
    /// How far the body reaches (RFC 9112 6.3). [`Framing::NONE`] for what never has content: 1xx,
    /// 204, 304 and all responses to HEAD.
    pub framing: Framing,
    /// Does the server keep its connection open for another request? (RFC 9112 9.3) Never if the
    /// body ends with the connection.
    pub persistent: bool,
    /// After how many idle seconds the server means to close the connection (`Keep-Alive:
    /// timeout=N`).
    pub keep_alive_timeout: Option<u64>,
}

impl<'h, 'b> ResponseHead<'h, 'b> {
    /// Parses the head that `bytes` begin with, `None` if it is incomplete with nothing wrong so
    /// far. As with requests, the pieces it comes in make no difference.
    ///
    /// # Errors
    /// As for a request. The client gets a 502 for any of them, and the connection to the server
    /// is of no more use.
    pub fn parse(
        bytes: &'b [u8],
        lines: &'h mut Lines<'b>,
        asked: Asked,
        limits: HeadLimits,
    ) -> Result<Option<Self>, Refusal> {
        let window = limits.window(bytes);
        if matches!(window, [b'\r' | b'\n', ..]) {
            return Err(Refusal::BadLineEnd);
        }
        let mut response = httparse::Response::new(&mut []);
        let room = lines.within(limits);
        let parser = ParserConfig::default();
        let len = match parser.parse_response_with_uninit_headers(&mut response, window, room) {
            Ok(Status::Complete(len)) => len,
            Ok(Status::Partial) if bytes.len() < limits.max_bytes => return Ok(None),
            Ok(Status::Partial) => return Err(Refusal::HeadTooLarge),
            Err(error) => return Err(fault::of_response(error, window)),
        };
        if has_bare_lf(window.get(..len).unwrap_or(window)) {
            return Err(Refusal::BadLineEnd);
        }
        let (Some(status @ 100..=599), Some(minor)) = (response.code, response.version) else {
            return Err(Refusal::BadStatusLine);
        };
        if status == 101 && !asked.websocket {
            return Err(Refusal::UnaskedUpgrade);
        }
        let version = super::version(minor);
        let fields: &'h [Header<'b>] = response.headers;
        let said = Said::by(fields)?;
        let described = said.length.framing(version)?;
        let framing = if asked.head || matches!(status, 100..=199 | 204 | 304) {
            Framing::NONE
        } else {
            described.unwrap_or(Framing::UntilClose)
        };
        Ok(Some(Self {
            status,
            version,
            reason: response.reason.unwrap_or_default(),
            len,
            fields,
            persistent: persists(version, said.connection) && framing != Framing::UntilClose,
            framing,
            keep_alive_timeout: said.keep_alive_timeout,
        }))
    }

    /// Does another response to the same request follow? (RFC 9110 15.2) 101 is no such: what
    /// follows it is another protocol.
    pub fn is_interim(&self) -> bool {
        matches!(self.status, 100..=199) && self.status != 101
    }
}

/// What the fields of a response said, each on its own.
#[derive(Default)]
struct Said<'b> {
    length: BodyLength<'b>,
    connection: Connection,
    keep_alive_timeout: Option<u64>,
}

impl<'b> Said<'b> {
    fn by(fields: &[Header<'b>]) -> Result<Self, Refusal> {
        let mut said = Self::default();
        for field in fields {
            match Name::of(field.name.as_bytes()) {
                Name::ContentLength => said.length.add_content_length(field.value)?,
                Name::TransferEncoding => said.length.add_transfer_encoding(field.value)?,
                Name::Connection => said.connection.add(field.value)?,
                Name::KeepAlive => {
                    let timeout = keep_alive_timeout(field.value);
                    said.keep_alive_timeout = match (said.keep_alive_timeout, timeout) {
                        (Some(before), Some(now)) => Some(before.min(now)),
                        (before, now) => before.or(now),
                    };
                }
                Name::Credentials
                | Name::Expect
                | Name::Forwarded
                | Name::Host
                | Name::ProxyAuthentication
                | Name::ProxyConnection
                | Name::Te
                | Name::Upgrade
                | Name::Other => {}
            }
        }
        Ok(said)
    }
}

/// The shortest `timeout` in a Keep-Alive field line. The field has no standard and frames nothing:
/// what is not understood is passed over.
fn keep_alive_timeout(value: &[u8]) -> Option<u64> {
    let seconds = elements(value).filter_map(|parameter| {
        let text = std::str::from_utf8(parameter).ok()?;
        let (name, number) = text.split_once('=')?;
        let number = trim(number.as_bytes());
        let is_timeout = trim(name.as_bytes()).eq_ignore_ascii_case(b"timeout");
        let is_number = is_timeout && number.iter().all(u8::is_ascii_digit);
        is_number.then(|| std::str::from_utf8(number).ok()?.parse().ok())?
    });
    seconds.min()
}
