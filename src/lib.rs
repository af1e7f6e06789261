//! Tidegate.
pub mod id;
pub mod limits;
