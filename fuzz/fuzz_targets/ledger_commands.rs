#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| billing_guard_fuzz::ledger_commands(data));

#[cfg(not(fuzzing))]
fn main() {}
