//! Any bytes as a template: refused or planned, twice the same, within the limits.
#![no_main]

#[path = "../../tests/support/judge.rs"]
mod judge;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes) {
        judge::judge(text);
    }
});
