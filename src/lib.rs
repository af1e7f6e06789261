//! Tidegate.
pub mod balance;
pub mod id;
pub mod limits;
pub mod timer;
pub mod websocket;
