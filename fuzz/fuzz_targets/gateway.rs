//! Fuzzes the whole gateway: every decision of a simulated world is one of the fuzzer's bytes.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tidegate::simulation::fuzz(bytes));
