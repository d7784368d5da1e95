//! The manual: what is promised in full, and why it is so.
//!
//! * [`contract`]: what every ledger does, clause by clause.
//! * [`durability`]: what a ledger on a store promises beyond that, and what not.
//! * [`holding`]: how much to hold for work of which nobody knows how much it will be.
//! * [`saying_no`]: what a good refusal says, who may read how much of it, and which client reads which shape.

#[doc = include_str!("manual/contract.md")]
pub mod contract {}

#[doc = include_str!("manual/durability.md")]
pub mod durability {}

#[doc = include_str!("manual/holding.md")]
#[doc = "<div>"]
#[doc = include_str!("manual/holding.svg")]
#[doc = "</div>"]
pub mod holding {}

#[doc = include_str!("manual/saying_no.md")]
pub mod saying_no {}
