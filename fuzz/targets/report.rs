#![no_main]

#[path = "../../crates/domain/tests/fuzz/targets/mod.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::report::run(data));
