//! What is a handshake, where does a frame end, and how is a tunnel ended? (RFC 6455)
//!
//! Bytes in, values out, as in [`http`](crate::http).

pub mod boundary;
pub mod farewell;
pub mod greeting;
pub mod handshake;
pub mod pong;
