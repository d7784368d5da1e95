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

mod account;
mod amount;
mod clock;
mod content;
mod entry;
mod error;
mod hold;
mod id;
mod ledger;
mod messages;
mod notice;
mod price;
mod receipt;
mod refusal;
mod render;
mod text;
mod usage;

pub use account::{Applied, Balance, Novelty};
pub use amount::{Amount, AmountError, Unit};
pub use clock::{Clock, ManualClock, SystemClock, Timestamp};
pub use content::Content;
pub use entry::{ChargeRef, Entry, EntryKind, Operation};
pub use error::{LedgerError, LogFields, ShortReason, Shortfall};
pub use hold::{HoldState, HoldStatus};
pub use id::{AccountId, IdError, IdempotencyKey, Labels};
pub use ledger::future::{LedgerFuture, wait};
pub use ledger::limits::Limits;
pub use ledger::reply::{Found, HoldsPage, Statement, Swept};
pub use ledger::request::{
    BalanceRequest, CaptureMode, CaptureRequest, FindRequest, HoldRequest, HoldsCursor, HoldsRequest,
    LateCapture, Order, OverCapture, PostKind, PostRequest, ResizeRequest, StatementRequest, SweepRequest,
    VoidRequest,
};
pub use ledger::{Ledger, LedgerExt};
pub use messages::{English, Messages, Place, TextContext, Wording};
pub use notice::Notice;
pub use receipt::{Captured, Receipt};
pub use refusal::{InsufficientBalance, Refusal, RefusalKind};
pub use render::{Recognized, RenderSettingError, Rendered, Renderer, Shape};
pub use usage::{Quantity, QuantityName, Usage, UsageError};
