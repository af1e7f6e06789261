//! Fuzzes the property `proxy_header`, which `tests/properties` describes.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tidegate_fuzz::properties::proxy_header(bytes));
