#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| billing_guard_fuzz::price_tables(data));

#[cfg(not(fuzzing))]
fn main() {}
