//! What is a handshake, and where does a frame end? (RFC 6455)
//!
//! Bytes in, values out, as in [`http`](crate::http).

pub mod boundary;
pub mod handshake;
