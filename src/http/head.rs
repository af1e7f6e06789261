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

/// Whether a line has ended behind the first `from` bytes of a head, so that it is worth parsing
/// once more.
///
/// A head that comes in pieces is parsed when a line of it has come: what is wrong is refused then,
/// and however small the pieces are it is parsed no more often than it may have lines.
///
/// ```
/// # use tidegate::http::head::has_line_end;
/// let bytes = b"GET / HTTP/1.1\r\nHost: a";
/// assert!(has_line_end(bytes, 10));
/// assert!(!has_line_end(bytes, 16));
/// ```
pub fn has_line_end(bytes: &[u8], from: usize) -> bool {
    bytes.get(from..).is_some_and(|new| new.contains(&b'\n'))
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
