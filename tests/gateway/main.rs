//! The program from outside: the real binary, real sockets, clients and servers that do exactly
//! what a test tells them, also what they should not.
//!
//! Each module is about one behaviour. [`support`] starts the program and waits; [`wire`] is one
//! end of a connection; [`client`] and [`origin`] are the two sides.

mod balancing;
mod client;
mod command_line;
mod demo;
mod floods;
mod forwarding;
mod framing;
mod health;
mod interim;
mod introductions;
mod limits;
mod names;
mod origin;
mod pooling;
mod retrying;
mod shutdown;
mod smuggling;
mod streaming;
mod support;
mod transcript;
mod websocket;
mod weights;
mod wire;
