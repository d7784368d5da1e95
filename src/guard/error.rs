//! Why the guard did not do what was asked; every variant renders.

use crate::amount::{Amount, Unit};
use crate::error::{CapReached, LedgerError, LogFields};
use crate::hold::HoldState;
use crate::id::IdempotencyKey;
use crate::price::PriceError;
use crate::refusal::{InsufficientBalance, Refusal};
use crate::render::{Rendered, Renderer};
use crate::usage::UsageError;

/// Why the guard did not do what was asked.
///
/// Each variant is an answer a client can get: [`render`](Self::render) makes the response. `Display` and the whole
/// chain of sources are safe to show to anyone; ids, amounts and the texts of drivers come only through
/// [`log_fields`](Self::log_fields).
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The balance is too short, proved. Renders as 402.
    #[error(transparent)]
    InsufficientBalance(Box<InsufficientBalance>),
    /// A spend cap is reached, proved. Renders as 402; a top-up does not help.
    #[error("a spending limit is reached")]
    SpendCapReached(Box<CapReached>),
    /// The estimate is above what any single request may be. Renders as 402.
    #[error("the request is larger than any single request may be")]
    RequestTooLarge {
        /// What it was estimated at.
        estimate: Amount,
        /// The most it may be.
        maximum: Amount,
    },
    /// The estimate is above what the caller was willing to pay. Renders as 409.
    #[error("the request would cost more than the budget it came with")]
    BudgetExceeded {
        /// What it was estimated at.
        estimate: Amount,
        /// What the caller was willing to pay.
        budget: Amount,
    },
    /// The key was used before for the same work, which ran, is running or was given up. Renders as 409.
    #[error("the idempotency key was used before for this request")]
    Duplicate {
        /// The hold as it stands now.
        state: Box<HoldState>,
    },
    /// The key was used before for other work. Renders as 409.
    #[error("the idempotency key was used before for another request")]
    KeyConflict {
        /// The first field that differs.
        field: String,
    },
    /// The ledger could not be reached; certainly nothing was done. Renders as 503.
    #[error("the ledger is not available")]
    Unavailable {
        /// What happened, for the log.
        detail: String,
    },
    /// The ledger did not say whether it was done: ask again with the same key. Renders as 503.
    #[error("the ledger did not say whether it was done")]
    OutcomeUnknown {
        /// The key to ask again with.
        key: IdempotencyKey,
        /// What happened, for the log.
        detail: String,
    },
    /// The work cannot be priced: its price, or one of its quantities, is not in the price book. Renders as 500.
    #[error("there is no price for this request")]
    UnknownPrice {
        /// What is missing, for the log.
        detail: String,
    },
    /// The account, the price book or a limit counts in another unit. Renders as 500.
    #[error("amounts of {expected} and {given} do not mix")]
    WrongUnit {
        /// The unit expected.
        expected: Unit,
        /// The unit given.
        given: Unit,
    },
    /// The job contradicts itself or exceeds a stated limit. Renders as 500.
    #[error("the job is not valid: {rule}")]
    InvalidJob {
        /// What is wrong.
        rule: &'static str,
        /// The offending value, for the log.
        value: String,
    },
    /// A setting of the host's does not allow this, such as a capture above its hold where the policy rejects those.
    /// Renders as 500.
    #[error("the guard is not set up for this")]
    Misconfigured(#[source] LedgerError),
    /// The hold is no longer there for this: captured, voided, expired or forgotten. Renders as 500, since the
    /// client's work was done.
    #[error("the hold is no longer there")]
    HoldLost(#[source] LedgerError),
}

impl Error {
    /// The answer for a client: what to say, without what only the log may have.
    #[must_use]
    pub fn refusal(&self) -> Refusal {
        match self {
            Self::InsufficientBalance(short) => Refusal::InsufficientBalance(short.as_ref().clone()),
            Self::SpendCapReached(reached) => {
                Refusal::SpendCapReached { label: reached.label().cloned(), resets_at: reached.resets_at() }
            }
            Self::RequestTooLarge { maximum, .. } => Refusal::RequestTooLarge { maximum: *maximum },
            Self::BudgetExceeded { .. } => Refusal::BudgetExceeded,
            Self::Duplicate { .. } => Refusal::Duplicate,
            Self::KeyConflict { .. } => Refusal::KeyConflict,
            Self::Unavailable { .. } | Self::OutcomeUnknown { .. } => Refusal::unavailable(),
            Self::UnknownPrice { .. } => Refusal::UnknownPrice,
            Self::WrongUnit { .. } => Refusal::WrongUnit,
            Self::InvalidJob { .. } | Self::Misconfigured(_) => Refusal::Misconfigured,
            Self::HoldLost(_) => Refusal::HoldLost,
        }
    }

    /// The response for a client. With details of the customer:
    /// [`render_with`](Renderer::render_with) of the [`refusal`](Self::refusal).
    #[must_use]
    pub fn render(&self, renderer: &Renderer) -> Rendered {
        renderer.render(&self.refusal())
    }

    /// The ids, amounts and texts behind the error, for the host's log and nobody else.
    #[must_use]
    pub fn log_fields(&self) -> LogFields {
        let two = |a, left: &dyn std::fmt::Display, b, right: &dyn std::fmt::Display| {
            vec![(a, left.to_string()), (b, right.to_string())]
        };
        match self {
            Self::InsufficientBalance(short) => short.log_fields(),
            Self::SpendCapReached(reached) => reached.log_fields(),
            Self::RequestTooLarge { estimate, maximum } => two("estimate", estimate, "maximum", maximum),
            Self::BudgetExceeded { estimate, budget } => two("estimate", estimate, "budget", budget),
            Self::Duplicate { state } => LedgerError::HoldClosed(state.clone()).log_fields(),
            Self::KeyConflict { field } => vec![("field", field.clone())],
            Self::Unavailable { detail } | Self::UnknownPrice { detail } => vec![("detail", detail.clone())],
            Self::OutcomeUnknown { key, detail } => two("key", key, "detail", detail),
            Self::WrongUnit { expected, given } => two("expected", expected, "given", given),
            Self::InvalidJob { rule, value } => two("rule", rule, "value", value),
            Self::Misconfigured(error) | Self::HoldLost(error) => error.log_fields(),
        }
    }

    pub(crate) fn from_price(error: &PriceError) -> Self {
        match error {
            PriceError::UnknownPrice { .. }
            | PriceError::UnpricedQuantity { .. }
            | PriceError::UnlistedLabels { .. } => Self::UnknownPrice { detail: error.to_string() },
            PriceError::Usage(error) => Self::from_usage(error),
            _ => Self::InvalidJob { rule: "it cannot be priced", value: error.to_string() },
        }
    }

    pub(crate) fn from_usage(error: &UsageError) -> Self {
        Self::InvalidJob { rule: "a quantity is not valid", value: error.to_string() }
    }
}

/// What a client gets for what a ledger answered, for requests that a host makes to the ledger itself.
impl From<LedgerError> for Error {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Insufficient(short) => {
                Self::InsufficientBalance(Box::new(InsufficientBalance::new(*short)))
            }
            LedgerError::CapReached(reached) => Self::SpendCapReached(reached),
            LedgerError::KeyConflict { field } => Self::KeyConflict { field: field.into_owned() },
            LedgerError::Unavailable { detail } => Self::Unavailable { detail },
            // Nothing the client or its balance can do about; the operator is told by the ledger's observer.
            LedgerError::StoreRegressed { known, found } => {
                let detail = format!("the store has lost data: {found} commits of {known}");
                Self::Unavailable { detail }
            }
            LedgerError::OutcomeUnknown { key, detail } => Self::OutcomeUnknown { key, detail },
            LedgerError::WrongUnit { expected, given } => Self::WrongUnit { expected, given },
            LedgerError::UnknownHold
            | LedgerError::HoldClosed(_)
            | LedgerError::HoldExpired(_)
            | LedgerError::Superseded(_)
            | LedgerError::BelowCaptured { .. } => Self::HoldLost(error),
            _ => Self::Misconfigured(error),
        }
    }
}
