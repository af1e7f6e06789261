//! Fuzzes the property `relay`, which `tests/properties` describes.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tidegate_fuzz::properties::relay(bytes));
