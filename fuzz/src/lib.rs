//! What the fuzzer runs, as plain functions of bytes: `tests/deterministic.rs` runs the same without a fuzzer.
//!
//! A target returns if everything it checked was so, and panics otherwise.

mod amounts;
mod choices;
mod commands;
mod prices;
mod refusals;
pub mod seeds;

pub use amounts::{amount_text, check_reading};
pub use commands::{Tally, ledger_commands, ledger_commands_on};
pub use prices::price_tables;
pub use refusals::{check_read_back, refusal_body};
