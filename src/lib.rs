//! Tidegate.
pub mod demo;
pub mod id;
pub mod limits;
