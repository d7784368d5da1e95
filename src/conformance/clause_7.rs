//! Clause 7: credit on terms of its own, what uses it in which order, and where it goes back to.

mod booking;
mod debt;
mod draws;
mod order;
mod refunds;
mod renewals;
mod room;
mod turns;

pub(super) use booking::CHECKS as BOOKING;
pub(super) use debt::CHECKS as DEBT;
pub(super) use draws::CHECKS as DRAWS;
pub(super) use order::CHECKS as ORDER;
pub(super) use refunds::CHECKS as REFUNDS;
pub(super) use renewals::CHECKS as RENEWALS;
pub(super) use room::CHECKS as ROOM;
pub(super) use turns::CHECKS as TURNS;
