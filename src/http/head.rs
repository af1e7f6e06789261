//! Where does a head end, and is it one? (RFC 9112 2 to 5)
//!
//! [`request`] and [`response`] decide what a head means; here is what both need: room for the
//! field lines, limits, and the strictness that the library underneath leaves to its callers.
//!
//! httparse finds methods, targets, names and values and refuses control characters in them. It
//! takes, however, LF for CRLF, any number of empty lines before the start line, and UTF-8 in
//! targets. Whatever it takes is looked at once more; whatever it refuses has its cause found in
//! `fault`, which costs time only for heads that are refused.

pub mod request;
pub mod response;

mod fault;
mod length;
#[cfg(test)]
mod tests;

use std::mem::MaybeUninit;

use httparse::Header;

use super::Version;
use super::fields::Connection;
use crate::limits;

pub use request::RequestHead;
pub use response::{Asked, ResponseHead};

/// Room for parsed field lines, which a head borrows. Making one costs nothing.
pub struct Lines<'b>([MaybeUninit<Header<'b>>; limits::FIELD_LINES_MAX]);

impl Lines<'_> {
    /// Room for [`FIELD_LINES_MAX`](limits::FIELD_LINES_MAX) lines.
    #[inline]
    pub fn new() -> Self {
        Self([const { MaybeUninit::uninit() }; limits::FIELD_LINES_MAX])
    }
}

impl Default for Lines<'_> {
    fn default() -> Self {
        Self::new()
    }
}

impl<'b> Lines<'b> {
    /// Only as much room as the limits allow.
    fn within(&mut self, limits: HeadLimits) -> &mut [MaybeUninit<Header<'b>>] {
        let count = limits.max_fields.min(self.0.len());
        self.0.get_mut(..count).unwrap_or_default()
    }
}

/// How large a head may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HeadLimits {
    /// Bytes of the whole head, the empty line at its end included.
    pub max_bytes: usize,
    /// Field lines; [`FIELD_LINES_MAX`](limits::FIELD_LINES_MAX) at most, whatever stands here.
    pub max_fields: usize,
}

impl HeadLimits {
    /// The bytes that a head may be in. No byte behind them is looked at, so that a head which is
    /// too large meets the same end in whatever pieces it comes.
    fn window(self, bytes: &[u8]) -> &[u8] {
        bytes.get(..self.max_bytes).unwrap_or(bytes)
    }
}

/// Finds the end of the head that `bytes` begins with: the index behind its empty line, if that has
/// come.
///
/// The first `from` bytes are known to hold no end. A caller that passes on the length of its last
/// attempt looks at every byte once, however small the pieces are that the head comes in. An empty
/// line that ends in LF alone ends the search as well; the parser then refuses it.
///
/// ```
/// # use tidegate::http::head::find_end;
/// let bytes = b"GET / HTTP/1.1\r\nHost: a\r\n\r\nbody";
/// assert_eq!(find_end(&bytes[..20], 0), None);
/// assert_eq!(find_end(bytes, 20), Some(27));
/// ```
pub fn find_end(bytes: &[u8], from: usize) -> Option<usize> {
    // The end may have begun before `from`: LF, or LF CR.
    let mut start = from.saturating_sub(2);
    loop {
        let rest = bytes.get(start..)?;
        let line_end = rest.iter().position(|byte| *byte == b'\n')?;
        start += line_end + 1;
        match bytes.get(start..)? {
            [b'\n', ..] => return Some(start + 1),
            [b'\r', b'\n', ..] => return Some(start + 2),
            _ => {}
        }
    }
}

/// Does some LF stand without a CR before it? (The first byte of a head is never LF.)
///
/// There is no early way out, which lets the compiler compare many bytes at once.
fn has_bare_lf(head: &[u8]) -> bool {
    let after_first = head.get(1..).unwrap_or_default();
    let pairs = head.iter().zip(after_first);
    pairs.fold(false, |found, (before, byte)| found | ((*byte == b'\n') & (*before != b'\r')))
}

fn version(minor: u8) -> Version {
    if minor == 0 { Version::Http10 } else { Version::Http11 }
}

/// Does the connection stay open behind this message, as far as its sender goes? (RFC 9112 9.3)
fn persists(version: Version, connection: Connection) -> bool {
    match version {
        _ if connection.close => false,
        Version::Http10 => connection.keep_alive,
        Version::Http11 => true,
    }
}
