//! What must hold for any input whatever: one function of bytes each, that panics when it does not.
//!
//! `cargo test` runs each of them over seeded mutations of the corpora (`main.rs`), and the fuzz
//! targets over what libFuzzer comes up with. Both get them from here, so that a property cannot be
//! true in one place only. They use the public interface of the library and, beside it, readers of
//! their own that are as simple as can be and share no code with it.

mod bodies;
mod crossing;
mod cuts;
mod dice;
mod fickle;
mod forwarding;
mod frames;
mod handshakes;
mod heads;
mod introductions;
mod plain;
mod settings;
mod timers;

pub use bodies::framing;
pub use crossing::{exchange, relay};
pub use forwarding::forward;
pub use frames::boundary;
pub use handshakes::handshake;
pub use heads::{request_head, response_head};
pub use introductions::proxy_header;
pub use settings::config;
pub use timers::wheel;
