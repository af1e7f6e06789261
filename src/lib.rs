//! Tidegate.
pub mod http;
pub mod id;
pub mod limits;
pub mod websocket;
