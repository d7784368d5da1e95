//! The manual: what is promised in full, and why it is so.
//!
//! * [`contract`]: what every ledger does, clause by clause.

#[doc = include_str!("manual/contract.md")]
pub mod contract {}
