//! Tidegate.
pub mod id;
pub mod limits;
pub mod timer;
