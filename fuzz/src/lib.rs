//! The properties of `tests/properties`, instrumented. A fuzz target runs one of them.

#[path = "../../tests/properties/mod.rs"]
pub mod properties;
