//! Guard prepaid, metered work: estimate what a request will cost, hold that much of the balance in one atomic step,
//! run the work, capture what it really cost, free the rest. When the balance is short, the caller gets a typed
//! [`InsufficientBalance`] that renders into a documented response (HTTP 402), with what would fit and ways on.
//!
//! ```
//! use billing_guard::{AccountId, Guard, Job, Tariff, Unit, Usage, wait};
//!
//! let usd = Unit::new("USD", 6)?;
//! let guard = Guard::in_memory(usd).price("query", Tariff::new().per_unit("rows", "0.002")?).build()?;
//! let account = AccountId::new("acct_ana")?;
//! wait(guard.top_up(&account, "payment-1".parse()?, usd.amount("1")?))?;
//!
//! let mut hold = wait(guard.hold(&account, Job::new("query").at_most("rows", 300_u64)))?;
//! let receipt = wait(hold.capture(&Usage::new().with("rows", 258_u64)))?;
//! assert_eq!(receipt.charged(), usd.amount("0.516")?);
//!
//! let refused = wait(guard.hold(&account, Job::new("query").at_most("rows", 300_u64))).unwrap_err();
//! assert_eq!(guard.render(&refused).status(), 402);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What it promises
//!
//! * **No overdraft.** No metered charge takes a balance below minus its debt limit (nothing, unless you allow it),
//!   in any interleaving or retry. Nothing looks at a balance first and charges later: the hold *is* the check.
//! * **Uncollected work** is at most the sum over open holds of `max(0, true cost - hold)`, and none if work stops at
//!   what its hold [covers](Hold::covers). The hold of a stream grows while it is used: [`Hold::spend`].
//! * **Once.** A request repeated with its [`IdempotencyKey`] is charged once; a dropped future loses nothing.
//! * **Durable, if you choose so.** With a [`StoreLedger`] on SQLite, what was answered is on disk.
//! * **Exact.** Amounts are integers, prices are decimal text, and rounding happens once, when a price becomes an
//!   [`Amount`].
//! * **A refusal is proved**, and told apart: an account that is empty, one whose balance is in use, and a ledger that
//!   cannot be reached are three different answers.
//! * **Nothing leaks.** Texts and bodies see a refusal only as far as the host [discloses](Disclosure) it to that caller;
//!   ids are for the [log](Error::log_fields) alone.
//! * **A refusal is fair.** [`Options`] with something to buy cannot be made without a choice that costs nothing; an
//!   [`AutoTopUp`] needs a [`Consent`], an [`Offer`] its end and terms.
//! * **A notice comes before the balance is short**, with exactly one reply for each crossing of a threshold, whichever node
//!   makes it.
//!
//! # What it does not do
//!
//! It takes no payments, sends no mail, serves no HTTP and writes no log. Only a [`StoreLedger`] starts threads. Balances
//! live in memory ([`MemoryLedger`]), with feature `sqlite` in a file that several processes may share (`SqliteStore`), or in
//! a database of your own ([`store::Store`]). PostgreSQL and Redis are to come.
//!
//! # The parts
//!
//! * [`Guard`] is what a service calls: [`quote`](Guard::quote), [`hold`](Guard::hold), [`charge`](Guard::charge). It
//!   works by a [`Policy`] and a [`PriceBook`] of [`Tariff`]s, and gives a [`Hold`] or an [`Error`].
//! * [`Ledger`] is the contract of what keeps balances, with its numbered clauses; [`LedgerExt`] has shorthands. The
//!   [`manual`] states each clause in full, and [`verify`] proves an account's books.
//! * [`GrantTerms`] are the terms of credit, [`Cap`]s what may be spent under a scope in a [`Period`].
//! * [`MemoryLedger`] keeps balances for as long as the process lives. [`StoreLedger`] keeps them in any [`store`], such as
//!   `SqliteStore`; what is promised then is in [`manual::durability`]. Feature `conformance` is the contract as a suite of
//!   tests, for a ledger of your own.
//! * [`NoticeRules`] say what a customer hears in time: each [`Notice`] is on the reply, and goes to a
//!   [hook](GuardBuilder::on_notice).
//! * A [`Refusal`] is what a client may hear of an [`Error`]; [`Details`] are what the host adds to it: [`Options`],
//!   amounts by [`TopUpPresets`], an [`Offer`]. A [`Renderer`] writes them down in a [`Shape`] and in the words of a
//!   catalogue of [`Messages`], [`English`] or [`German`] or the host's; [`Recognized`] reads such a body again, and those of
//!   well-known services. [`manual::saying_no`] has the whole conversation.
//! * A [`Courtesy`] lets work begun be finished, and an [`AutoTopUp`] decides when to charge, and how much; the host charges.
//! * A [`Meter`] counts what was used this month, for prices that go on from there.
//! * [`Spending`] sums up where an account's credit went, and [`UsageDigest`] one period of it for a mail; [`BurnRate`] says
//!   how fast it goes, [`BurnProfile`] in which hours, and until when a balance lasts; [`Insights`] keeps what is known of it at
//!   hand; [`export`] writes its history for other programs.
//! * [`Holding`] says how much of the balance is held for work of which only a bound is known: a [`UsageForecast`] learns what
//!   work takes, so that no more need be held than is likely to be used, and the hold of a stream [grows](Hold::spend).
//!   [`manual::holding`] says how to choose.
//! * [`Amount`] and [`Unit`], [`Quantity`] and [`Usage`], [`Timestamp`], [`Period`] and [`Clock`] are
//!   the values.
//!
//! Nothing here needs an async runtime. Calls return a [`LedgerFuture`]: `.await` it in async code, or [`wait`] for
//! it anywhere else.

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
        clippy::arithmetic_side_effects,
        clippy::float_arithmetic,
        clippy::print_stdout,
        clippy::print_stderr
    )
)]

mod account;
mod amount;
mod audit;
mod cap;
mod captured;
mod clock;
#[cfg(any(test, feature = "conformance"))]
#[allow(
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    reason = "a suite of tests: its values are its own, and failing is what it is for"
)]
pub mod conformance;
mod content;
mod entry;
mod error;
pub mod export;
mod few;
mod forecast;
mod grant;
mod guard;
mod hold;
mod id;
mod ledger;
mod limits;
mod link;
pub mod manual;
mod messages;
mod notice;
mod period;
mod policy;
mod price;
mod receipt;
mod record;
mod refusal;
mod render;
mod runway;
mod spending;
pub mod store;
mod sync;
pub mod testing;
mod text;
mod told;
mod top_up;
mod usage;

pub use account::{Applied, Balance, Novelty};
pub use amount::{Amount, AmountError, Unit};
pub use audit::{Audit, Discrepancy, verify};
pub use cap::{Cap, CapError, Caps, Counted, Counter, CounterKey};
pub use captured::Captured;
pub use clock::{Clock, ManualClock, SystemClock, Timestamp, TimestampError};
pub use content::Content;
pub use entry::{ChargeRef, Entry, EntryKind, Operation};
pub use error::{CapReached, LedgerError, LogFields, ShortReason, Shortfall};
pub use forecast::{
    BurnProfile, BurnProfileError, BurnRate, ForecastSettings, KeyPath, Prediction, RunsOut, UsageForecast,
};
pub use grant::{Draw, Grant, GrantKind, GrantTerms, Movement};
pub use guard::error::Error;
pub use guard::{
    Cover, Guard, GuardBuilder, Hold, Insight, Insights, Job, Meter, MeterError, NoticeContext, Quote,
    SetupError,
};
pub use hold::{HoldState, HoldStatus, LateCapture, OverCapture};
pub use id::{AccountId, IdError, IdempotencyKey, Label, Labels, ScopeId};
pub use ledger::engine::observe::{Event, Observer};
pub use ledger::engine::{EngineSettings, StoreLedger};
pub use ledger::future::{LedgerFuture, wait};
pub use ledger::memory::{MemoryLedger, MemorySettings};
pub use ledger::reply::{CountersPage, Found, HoldsPage, Statement, Swept};
pub use ledger::request::{
    BalanceRequest, CaptureMode, CaptureRequest, CountersRequest, EndedCredit, FindRequest, HoldRequest,
    HoldsCursor, HoldsRequest, Order, PostKind, PostRequest, ResizeRequest, StatementRequest, SweepRequest,
    VoidRequest,
};
#[cfg(feature = "sqlite")]
pub use ledger::sqlite::{SqliteDurability, SqliteError, SqliteSettings, SqliteStore, SqliteSync};
pub use ledger::{Ledger, LedgerExt};
pub use limits::Limits;
pub use link::{Link, LinkError};
pub use messages::{English, German, Messages, Place, Tone, Wording};
pub use notice::{Notice, NoticeRules};
pub use period::{Period, PeriodError, Weekday};
pub use policy::{Courtesy, Enforcement, Holding, OnDrop, Policy};
pub use price::{
    BookFault, BookFaults, BookProblem, GenaiImport, Line, LitellmImport, Matrix, Package, Percentage,
    PriceBook, PriceError, Rate, Rounding, Tariff, Tiers, UnknownPrice, When, Why,
};
pub use receipt::Receipt;
pub use refusal::{
    Alternative, Basis, Choice, Claim, Details, Disclosed, Disclosure, Fit, Free, Included,
    InsufficientBalance, Offer, OfferRules, Options, OptionsDraft, Purchase, Refusal, RefusalKind, TopUp,
    TopUpAmount, Work,
};
pub use render::{
    Answer, CustomShape, GrpcStatus, McpResult, Recognized, RenderSettingError, Rendered, Renderer, Shape,
    SuccessHeaders,
};
pub use runway::Runway;
pub use spending::{Bin, Spending, SpendingError, SpendingRow, Spent, TopUse, TopUses, UsageDigest};
pub use top_up::{
    AutoCharge, AutoTopUp, AutoTopUpState, Consent, NoTopUp, PaymentSteps, TopUpDecision, TopUpError,
    TopUpPresets,
};
pub use usage::{Quantity, QuantityName, Usage, UsageError};

/// The README's examples compile, and the first one runs.
#[cfg(all(doctest, feature = "sqlite"))]
#[doc = include_str!("../README.md")]
struct Readme;
