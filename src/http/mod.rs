//! What is a message? (RFC 9110, RFC 9112)
//!
//! Bytes in, values out: nothing in here knows a socket, a clock or a log. A head is parsed in
//! [`head`], where everything about it that could be read in two ways is refused with a
//! [`Refusal`]; how far the body behind it reaches is a [`framing::Framing`].

pub mod answer;
pub mod authority;
pub mod caller;
pub mod chunked;
pub mod cookie;
pub mod date;
pub mod fields;
pub mod forward;
pub mod framing;
pub mod head;
pub mod refusal;
mod write;

pub use refusal::Refusal;

/// The version in a start line (RFC 9112 2.3). There is no variant for others: they are refused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Version {
    /// HTTP/1.0: no chunked coding, and connections end after one response unless agreed upon.
    Http10,
    /// HTTP/1.1.
    Http11,
}

impl Version {
    /// As it stands on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http10 => "HTTP/1.0",
            Self::Http11 => "HTTP/1.1",
        }
    }
}
