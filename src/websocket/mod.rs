//! What is a handshake, where does a frame end, and how is a tunnel ended? (RFC 6455)
//!
//! Bytes in, values out, as in [`http`](crate::http). [`handshake`] holds both halves of the
//! opening against the RFC. In the tunnel that follows, [`boundary`] knows where frames end, so
//! that the gateway can put one of its own between two of them: a Ping, whose answer [`pong`] knows
//! again, or the Close of a [`farewell`]. [`greeting`] is all of that in small, for a probe.

pub mod boundary;
pub mod farewell;
pub mod greeting;
pub mod handshake;
pub mod pong;
