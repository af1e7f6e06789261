//! Fuzzes the property `config`, which `tests/properties` describes.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tidegate_fuzz::properties::config(bytes));
