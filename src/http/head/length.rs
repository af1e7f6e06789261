//! How long is the body, by the fields? (RFC 9112 6)
//!
//! Two recipients that disagree on where a body ends see different messages behind it: that is
//! request smuggling. So there is one reading here or none. Content-Length stands once, as one
//! number; Transfer-Encoding stands once, as `chunked`; never both.

use crate::http::fields::{is_token, trim};
use crate::http::{Refusal, Version, chunked::Chunked, framing::Framing};
use crate::limits;

/// What Content-Length and Transfer-Encoding of a head say.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct BodyLength<'b> {
    content_length: Option<u64>,
    transfer_encoding: Option<&'b [u8]>,
}

impl<'b> BodyLength<'b> {
    /// Takes in a Content-Length field line (RFC 9110 8.6).
    pub(super) fn add_content_length(&mut self, value: &'b [u8]) -> Result<(), Refusal> {
        if self.content_length.is_some() || value.contains(&b',') {
            return Err(Refusal::RepeatedContentLength);
        }
        self.content_length = Some(content_length(value)?);
        Ok(())
    }

    /// Takes in a Transfer-Encoding field line (RFC 9112 6.1).
    pub(super) fn add_transfer_encoding(&mut self, value: &'b [u8]) -> Result<(), Refusal> {
        match self.transfer_encoding.replace(value) {
            Some(_) => Err(Refusal::BadTransferEncoding),
            None => Ok(()),
        }
    }

    /// The framing that the fields of a message describe; `None` if they say nothing.
    pub(super) fn framing(self, version: Version) -> Result<Option<Framing>, Refusal> {
        match (self.content_length, self.transfer_encoding, version) {
            (Some(_), Some(_), _) => Err(Refusal::TwoFramings),
            (None, Some(_), Version::Http10) => Err(Refusal::TransferEncodingInHttp10),
            (None, Some(value), Version::Http11) => chunked(value).map(Some),
            (length, None, _) => Ok(length.map(Framing::Length)),
        }
    }
}

/// 1*DIGIT up to [`CONTENT_LENGTH_MAX`](limits::CONTENT_LENGTH_MAX): no sign, no white space. Any
/// number of the digits may be zeros in front.
fn content_length(value: &[u8]) -> Result<u64, Refusal> {
    let mut length = 0;
    for byte in value {
        if !byte.is_ascii_digit() {
            return Err(Refusal::BadContentLength);
        }
        length = length * 10 + u64::from(byte - b'0');
        if length > limits::CONTENT_LENGTH_MAX {
            return Err(Refusal::BadContentLength);
        }
    }
    if value.is_empty() { Err(Refusal::BadContentLength) } else { Ok(length) }
}

/// `chunked` and nothing else. Any other list of codings names one that we do not know, which is
/// the sender's right, unless chunked stands in it with parameters or before its end.
fn chunked(value: &[u8]) -> Result<Framing, Refusal> {
    if value.eq_ignore_ascii_case(b"chunked") {
        return Ok(Framing::Chunked(Chunked::new()));
    }
    let mut codings = value.split(|byte| *byte == b',').map(trim).peekable();
    while let Some(coding) = codings.next() {
        let name = trim(coding.split(|byte| *byte == b';').next().unwrap_or_default());
        let is_last_and_bare = codings.peek().is_none() && coding == name;
        if !is_token(name) || (name.eq_ignore_ascii_case(b"chunked") && !is_last_and_bare) {
            return Err(Refusal::BadTransferEncoding);
        }
    }
    Err(Refusal::UnknownTransferCoding)
}
