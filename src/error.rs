//! What a ledger answers when it did not do what was asked.

use std::borrow::Cow;
use std::time::Duration;

use crate::amount::{Amount, AmountError, Unit};
use crate::clock::Timestamp;
use crate::hold::HoldState;
use crate::id::{IdempotencyKey, Label, ScopeId};
use crate::period::Period;

/// Name and value of what belongs in the log but not in an answer to a client.
pub type LogFields = Vec<(&'static str, String)>;

/// Why the balance was too short.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ShortReason {
    /// There is not enough. A top-up would help.
    Empty,
    /// There would be enough, but work that is still running holds it. Waiting would help.
    Held,
    /// The balance is below zero. A top-up would help, and pays the debt first.
    Debt,
}

impl ShortReason {
    /// The word for it: `empty`, `held`, `debt`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Held => "held",
            Self::Debt => "debt",
        }
    }
}

/// The proof of a refusal: what the account had, at the moment it was decided, against what was asked.
///
/// ```
/// use billing_guard::{AccountId, LedgerError, LedgerExt, MemoryLedger, ShortReason, Unit, wait};
///
/// let usd = Unit::new("USD", 2)?;
/// let ledger = MemoryLedger::new();
/// let account = AccountId::new("acct_1")?;
/// wait(ledger.top_up(&account, "payment-1".parse()?, usd.amount("5")?))?;
/// match wait(ledger.charge(&account, "order-1".parse()?, usd.amount("7")?)) {
///     Err(LedgerError::Insufficient(short)) => {
///         assert_eq!(short.reason(), ShortReason::Empty);
///         assert_eq!(short.missing(), usd.amount("2")?);
///     }
///     other => panic!("{other:?}"),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shortfall {
    pub(crate) unit: Unit,
    pub(crate) requested: i64,
    pub(crate) required: i64,
    pub(crate) posted: i64,
    pub(crate) held: i64,
    pub(crate) debt_limit: i64,
    pub(crate) next_release: Option<Timestamp>,
    pub(crate) seq: u64,
    pub(crate) as_of: Timestamp,
}

impl Shortfall {
    /// The proof for a ledger of your own: so much was asked for, at that moment on the ledger's clock, of an account
    /// with nothing on it. The other numbers are set with the methods below, in the same unit.
    ///
    /// ```
    /// use billing_guard::{ShortReason, Shortfall, Timestamp, Unit};
    ///
    /// let usd = Unit::new("USD", 2)?;
    /// let short = Shortfall::new(usd.amount("7")?, Timestamp::default())
    ///     .with_posted(usd.amount("10")?)?
    ///     .with_held(usd.amount("5")?)?;
    /// assert_eq!(short.reason(), ShortReason::Held);
    /// assert_eq!(short.missing(), usd.amount("2")?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn new(requested: Amount, as_of: Timestamp) -> Self {
        Self {
            unit: requested.unit(),
            requested: requested.minor(),
            required: requested.minor(),
            posted: 0,
            held: 0,
            debt_limit: 0,
            next_release: None,
            seq: 0,
            as_of,
        }
    }

    /// The same with the least that would have been accepted instead of the whole request.
    ///
    /// # Errors
    /// [`AmountError::UnitMismatch`] if this is not in the unit of the request.
    pub fn with_required(self, required: Amount) -> Result<Self, AmountError> {
        Ok(Self { required: self.in_unit(required)?, ..self })
    }

    /// The same with what the account had, holds included.
    ///
    /// # Errors
    /// [`AmountError::UnitMismatch`] if this is not in the unit of the request.
    pub fn with_posted(self, posted: Amount) -> Result<Self, AmountError> {
        Ok(Self { posted: self.in_unit(posted)?, ..self })
    }

    /// The same with what open holds had set aside.
    ///
    /// # Errors
    /// [`AmountError::UnitMismatch`] if this is not in the unit of the request.
    pub fn with_held(self, held: Amount) -> Result<Self, AmountError> {
        Ok(Self { held: self.in_unit(held)?, ..self })
    }

    /// The same with how far below zero the request was allowed to go.
    ///
    /// # Errors
    /// [`AmountError::UnitMismatch`] if this is not in the unit of the request.
    pub fn with_debt_limit(self, debt_limit: Amount) -> Result<Self, AmountError> {
        Ok(Self { debt_limit: self.in_unit(debt_limit)?, ..self })
    }

    /// The same with the moment at which the first open hold must end.
    #[must_use]
    pub const fn with_next_release(mut self, at: Timestamp) -> Self {
        self.next_release = Some(at);
        self
    }

    /// The same with the number of the account's latest change.
    #[must_use]
    pub const fn with_seq(mut self, seq: u64) -> Self {
        self.seq = seq;
        self
    }

    fn in_unit(&self, amount: Amount) -> Result<i64, AmountError> {
        self.unit.zero().checked_cmp(amount)?;
        Ok(amount.minor())
    }

    /// Why it was too short.
    #[must_use]
    pub fn reason(&self) -> ShortReason {
        let if_all_were_released = i128::from(self.posted).saturating_add(i128::from(self.debt_limit));
        if self.held > 0 && i128::from(self.required) <= if_all_were_released {
            ShortReason::Held
        } else if self.posted < 0 {
            ShortReason::Debt
        } else {
            ShortReason::Empty
        }
    }

    /// What was asked for.
    #[must_use]
    pub const fn requested(&self) -> Amount {
        self.unit.minor(self.requested)
    }

    /// The least that would have been accepted instead; the same as `requested` if no less was.
    #[must_use]
    pub const fn required(&self) -> Amount {
        self.unit.minor(self.required)
    }

    /// What was available, apart from the debt limit.
    #[must_use]
    pub const fn available(&self) -> Amount {
        self.unit.minor(self.posted.saturating_sub(self.held))
    }

    /// What the account had, holds included.
    #[must_use]
    pub const fn posted(&self) -> Amount {
        self.unit.minor(self.posted)
    }

    /// What open holds had set aside.
    #[must_use]
    pub const fn held(&self) -> Amount {
        self.unit.minor(self.held)
    }

    /// How far below zero the request was allowed to go.
    #[must_use]
    pub const fn debt_limit(&self) -> Amount {
        self.unit.minor(self.debt_limit)
    }

    /// What could have been held or charged at that moment: available plus debt limit, not below zero.
    #[must_use]
    pub fn spendable(&self) -> Amount {
        self.unit.minor(self.available().minor().saturating_add(self.debt_limit).max(0))
    }

    /// How much more there would have to be.
    #[must_use]
    pub fn missing(&self) -> Amount {
        let free = self.available().minor().saturating_add(self.debt_limit);
        self.unit.minor(self.required.saturating_sub(free).max(0))
    }

    /// How long until the first open hold must end, if one is open: money may come free earlier, not certainly.
    #[must_use]
    pub fn next_release_in(&self) -> Option<Duration> {
        self.next_release.map(|at| at.saturating_since(self.as_of))
    }

    /// The number of the account's latest change when this was decided.
    #[must_use]
    pub const fn seq(&self) -> u64 {
        self.seq
    }

    /// When it was decided, on the ledger's clock.
    #[must_use]
    pub const fn as_of(&self) -> Timestamp {
        self.as_of
    }

    /// The same as the hold sees it that was to grow: what it has set aside itself is not in use by other work.
    pub(crate) fn without_own(mut self, reserve: i64) -> Self {
        self.posted = self.posted.saturating_sub(reserve);
        self.held = self.held.saturating_sub(reserve).max(0);
        self
    }

    pub(crate) fn log_fields(&self) -> LogFields {
        vec![
            ("reason", self.reason().as_str().to_owned()),
            ("requested", self.requested().to_string()),
            ("required", self.required().to_string()),
            ("available", self.available().to_string()),
            ("held", self.held().to_string()),
            ("debt_limit", self.debt_limit().to_string()),
            ("seq", self.seq.to_string()),
            ("as_of", self.as_of.to_string()),
        ]
    }
}

/// The proof of a refusal by a spend cap: what had been spent under it, at the moment it was decided.
///
/// A top-up does not help. Of several caps that are reached, it is the first in the request's order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CapReached {
    pub(crate) scope: ScopeId,
    pub(crate) period: Period,
    pub(crate) label: Option<Label>,
    pub(crate) unit: Unit,
    pub(crate) limit: i64,
    pub(crate) used: i64,
    pub(crate) held: i64,
    pub(crate) required: i64,
    pub(crate) resets_at: Option<Timestamp>,
    pub(crate) seq: u64,
    pub(crate) as_of: Timestamp,
}

impl CapReached {
    /// Under which scope. For the log: it may be an id.
    #[must_use]
    pub const fn scope(&self) -> &ScopeId {
        &self.scope
    }

    /// In which period.
    #[must_use]
    pub const fn period(&self) -> Period {
        self.period
    }

    /// What people know the cap by.
    #[must_use]
    pub const fn label(&self) -> Option<&Label> {
        self.label.as_ref()
    }

    /// The most that may be spent.
    #[must_use]
    pub const fn limit(&self) -> Amount {
        self.unit.minor(self.limit)
    }

    /// What had been charged.
    #[must_use]
    pub const fn used(&self) -> Amount {
        self.unit.minor(self.used)
    }

    /// What open holds had set aside.
    #[must_use]
    pub const fn held(&self) -> Amount {
        self.unit.minor(self.held)
    }

    /// The least that would have been accepted.
    #[must_use]
    pub const fn required(&self) -> Amount {
        self.unit.minor(self.required)
    }

    /// What would have fitted.
    #[must_use]
    pub fn left(&self) -> Amount {
        self.unit.minor(self.limit.saturating_sub(self.used).saturating_sub(self.held).max(0))
    }

    /// From when the request would fit if nothing else were spent: a calendar period's end, or when enough has left a
    /// rolling one. `None` if it is larger than the cap, so never.
    #[must_use]
    pub const fn resets_at(&self) -> Option<Timestamp> {
        self.resets_at
    }

    /// How long until then.
    #[must_use]
    pub fn resets_in(&self) -> Option<Duration> {
        self.resets_at.map(|at| at.saturating_since(self.as_of))
    }

    /// The number of the account's latest change when this was decided.
    #[must_use]
    pub const fn seq(&self) -> u64 {
        self.seq
    }

    /// When it was decided, on the ledger's clock.
    #[must_use]
    pub const fn as_of(&self) -> Timestamp {
        self.as_of
    }

    pub(crate) fn log_fields(&self) -> LogFields {
        vec![
            ("scope", self.scope.to_string()),
            ("period", self.period.to_string()),
            ("limit", self.limit().to_string()),
            ("used", self.used().to_string()),
            ("held", self.held().to_string()),
            ("required", self.required().to_string()),
            ("resets_at", self.resets_at.map_or_else(|| "never".to_owned(), |at| at.to_string())),
            ("seq", self.seq.to_string()),
            ("as_of", self.as_of.to_string()),
        ]
    }
}

/// Why a ledger did not do what was asked.
///
/// Except for [`OutcomeUnknown`](Self::OutcomeUnknown), an error means that nothing was changed (but that holds and
/// credit whose time had ended were booked as ended, which may happen on any occasion).
/// The texts are safe to show to anyone; ids and amounts come only through [`log_fields`](Self::log_fields).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// The balance is too short, proved.
    #[error("the balance is not enough")]
    Insufficient(Box<Shortfall>),
    /// A spend cap is reached, proved.
    #[error("a spending limit is reached")]
    CapReached(Box<CapReached>),
    /// A courtesy of this label was given already in the present period.
    #[error("the courtesy was given already")]
    CourtesyGiven {
        /// From when it can be given again.
        again_at: Timestamp,
    },
    /// The key was used before with other content.
    #[error("the idempotency key was used before for another request")]
    KeyConflict {
        /// The first field that differs.
        field: Cow<'static, str>,
    },
    /// No hold is known under this key: it was never made, or so long ago that it was forgotten.
    #[error("there is no such hold")]
    UnknownHold,
    /// No charge is known under this key: it was never made, or so long ago that it was forgotten.
    #[error("there is no such charge")]
    UnknownCharge,
    /// The hold is closed, and this can only be done to an open one.
    #[error("the hold is closed")]
    HoldClosed(Box<HoldState>),
    /// The hold has changed since the revision given.
    #[error("the hold has changed meanwhile")]
    Superseded(Box<HoldState>),
    /// The hold had expired, and the request does not allow a late capture.
    #[error("the hold has expired")]
    HoldExpired(Box<HoldState>),
    /// The capture is above the hold, and the request does not allow that.
    #[error("the capture is more than the hold covers")]
    OverCapture {
        /// The total named.
        total: Amount,
        /// What the hold covers.
        hold: Amount,
    },
    /// The total named is below what was captured already. Money charged is given back by a refund.
    #[error("more than that has been captured already")]
    BelowCaptured {
        /// The total named.
        total: Amount,
        /// What was captured already.
        captured: Amount,
    },
    /// More than is left of the charge would be refunded.
    #[error("the refund is more than is left of the charge")]
    RefundTooLarge {
        /// The refund asked for.
        amount: Amount,
        /// What is left of the charge.
        refundable: Amount,
    },
    /// The account counts in another unit.
    #[error("the account counts in {expected}, the request in {given}")]
    WrongUnit {
        /// The account's unit.
        expected: Unit,
        /// The request's.
        given: Unit,
    },
    /// A value in the request is outside its stated limits.
    #[error("{what} is out of range: {rule}")]
    Invalid {
        /// Which value.
        what: &'static str,
        /// What it must be.
        rule: &'static str,
        /// What it was, for the log.
        value: String,
    },
    /// The sum would not fit into an amount.
    #[error("the balance would become too large to count")]
    TooLarge {
        /// The amount that would be added.
        amount: Amount,
    },
    /// Certainly not applied: the store could not be reached, or is overloaded. Try again. (That is said of this request. If the
    /// same was asked before under its key, that may have been applied: the next try says so.)
    #[error("the ledger is not available")]
    Unavailable {
        /// What happened, for the log.
        detail: String,
    },
    /// Not applied, and the store has lost what it had: an account was written more often, as this process knows, than the
    /// store says it was. It was restored from an older copy, or another node took its place without all it had
    /// acknowledged. What is answered from now on is what the store has now.
    #[error("the ledger's store has lost data")]
    StoreRegressed {
        /// How many commits had written the account, as this process knows.
        known: u64,
        /// How many the store says.
        found: u64,
    },
    /// Perhaps applied: the store did not answer in time. Ask again with the same key, or [`find`](crate::Ledger::find).
    #[error("the ledger did not say whether it was done")]
    OutcomeUnknown {
        /// The key to ask again with.
        key: IdempotencyKey,
        /// What happened, for the log.
        detail: String,
    },
}

impl LedgerError {
    pub(crate) fn invalid(what: &'static str, rule: &'static str, value: impl std::fmt::Display) -> Self {
        Self::Invalid { what, rule, value: value.to_string() }
    }

    /// The ids and amounts behind the error, for the log of the host and nobody else.
    #[must_use]
    pub fn log_fields(&self) -> LogFields {
        match self {
            Self::Insufficient(short) => short.log_fields(),
            Self::CapReached(reached) => reached.log_fields(),
            Self::CourtesyGiven { again_at } => vec![("again_at", again_at.to_string())],
            Self::KeyConflict { field } => vec![("field", field.to_string())],
            Self::UnknownHold | Self::UnknownCharge => Vec::new(),
            Self::HoldClosed(hold) | Self::Superseded(hold) | Self::HoldExpired(hold) => vec![
                ("hold", hold.key.to_string()),
                ("status", hold.status.as_str().to_owned()),
                ("rev", hold.rev.to_string()),
                ("total", hold.total().to_string()),
                ("captured", hold.captured().to_string()),
            ],
            Self::OverCapture { total, hold } => {
                vec![("total", total.to_string()), ("hold", hold.to_string())]
            }
            Self::BelowCaptured { total, captured } => {
                vec![("total", total.to_string()), ("captured", captured.to_string())]
            }
            Self::RefundTooLarge { amount, refundable } => {
                vec![("amount", amount.to_string()), ("refundable", refundable.to_string())]
            }
            Self::WrongUnit { expected, given } => {
                vec![("expected", expected.to_string()), ("given", given.to_string())]
            }
            Self::Invalid { what, value, .. } => {
                vec![("what", (*what).to_owned()), ("value", value.clone())]
            }
            Self::TooLarge { amount } => vec![("amount", amount.to_string())],
            Self::Unavailable { detail } => vec![("detail", detail.clone())],
            Self::StoreRegressed { known, found } => {
                vec![("known", known.to_string()), ("found", found.to_string())]
            }
            Self::OutcomeUnknown { key, detail } => {
                vec![("key", key.to_string()), ("detail", detail.clone())]
            }
        }
    }
}
