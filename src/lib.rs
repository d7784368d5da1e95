//! billing-guard
#![forbid(unsafe_code)]
// What the crate promises about itself: no panic on any input. These hold for `src/` outside tests.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::unreachable,
        clippy::indexing_slicing,
        clippy::string_slice,
        clippy::arithmetic_side_effects
    )
)]

mod amount;
mod clock;
mod id;
mod price;
mod text;
mod usage;

pub use amount::{Amount, AmountError, Unit};
pub use clock::{Clock, ManualClock, SystemClock, Timestamp};
pub use id::{AccountId, IdError, IdempotencyKey, Labels};
pub use price::{LitellmImport, PriceBook, PriceError, Rate, Rounding, Tariff, UnknownPrice};
pub use usage::{Quantity, QuantityName, Usage, UsageError};
