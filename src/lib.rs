//! Tidegate.
pub mod balance;
pub mod demo;
pub mod id;
pub mod limits;
pub mod timer;
