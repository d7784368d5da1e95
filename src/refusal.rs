//! What a client gets instead of its work, as data: [`InsufficientBalance`] and [`Refusal`], and what there is to say and
//! to choose beside it.

mod claim;
mod details;
mod kind;
mod options;
mod rules;
mod short;

use std::fmt;
use std::time::Duration;

use crate::amount::Amount;
use crate::clock::Timestamp;
use crate::error::{LogFields, ShortReason};
use crate::id::Label;

pub use claim::{Claim, Offer};
pub use details::{Details, Disclosed, Disclosure, Included, Work};
pub use kind::RefusalKind;
pub use options::{Basis, Choice, Free, Options, OptionsDraft, Purchase, TopUp, TopUpAmount};
pub use rules::OfferRules;
use short::jittered;
pub use short::{Alternative, Fit, InsufficientBalance};

/// How long a client is asked to wait when the ledger could not be reached, before jitter.
const UNAVAILABLE_WAIT: Duration = Duration::from_secs(2);

/// Every answer a client can get instead of its work.
///
/// A [`Renderer`](crate::Renderer) turns it into status, headers and body; what the log should know beyond that is in
/// [`log_fields`](Self::log_fields). `Display` is safe to show to anyone.
///
/// ```
/// use billing_guard::{Refusal, RefusalKind};
///
/// let refusal = Refusal::Duplicate;
/// assert_eq!(refusal.kind(), RefusalKind::Duplicate);
/// assert_eq!(refusal.kind().status(), 409);
/// assert!(!refusal.top_up_helps() && !refusal.retry_helps());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// The balance is too short, or in use: see [`InsufficientBalance::reason`].
    InsufficientBalance(InsufficientBalance),
    /// The request would exceed a spend cap. No top-up changes that.
    SpendCapReached {
        /// What people know the cap by. Shown to the client.
        label: Option<Label>,
        /// From when the request would fit again, if it ever does. Shown to the client.
        resets_at: Option<Timestamp>,
    },
    /// The request is larger than any single request may be. No top-up changes that.
    RequestTooLarge {
        /// The most that one request may hold, by the host's policy. Shown to the client.
        maximum: Amount,
    },
    /// The request would cost more than the budget its caller gave it.
    BudgetExceeded,
    /// The idempotency key was used for this request before: the work was done, or is running.
    Duplicate,
    /// The idempotency key was used before for another request.
    KeyConflict,
    /// The ledger could not be reached, or did not say whether it did what was asked. Never a reason to pay.
    Unavailable {
        /// How long to wait before asking again; rendered as 1 to 3,600 s.
        retry_after: Duration,
    },
    /// The host has no price for what was asked.
    UnknownPrice,
    /// The account counts in another unit than the host's price.
    WrongUnit,
    /// A job or a setting of the host is invalid.
    Misconfigured,
    /// The hold was closed, expired or forgotten under the running work.
    HoldLost,
}

impl Refusal {
    /// [`Unavailable`](Self::Unavailable) with the wait that suits most hosts: about 2 s, jittered.
    #[must_use]
    pub fn unavailable() -> Self {
        Self::Unavailable { retry_after: jittered(UNAVAILABLE_WAIT) }
    }

    /// Which row of the table in [`RefusalKind`] this is.
    #[must_use]
    pub fn kind(&self) -> RefusalKind {
        match self {
            Self::InsufficientBalance(short) if short.is_top_up_pending() => RefusalKind::TopUpPending,
            Self::InsufficientBalance(short) => match short.reason() {
                ShortReason::Empty | ShortReason::Debt => RefusalKind::InsufficientBalance,
                ShortReason::Held => RefusalKind::BalanceHeld,
            },
            Self::SpendCapReached { .. } => RefusalKind::SpendCapReached,
            Self::RequestTooLarge { .. } => RefusalKind::RequestTooLarge,
            Self::BudgetExceeded => RefusalKind::BudgetExceeded,
            Self::Duplicate => RefusalKind::Duplicate,
            Self::KeyConflict => RefusalKind::KeyConflict,
            Self::Unavailable { .. } => RefusalKind::Unavailable,
            Self::UnknownPrice => RefusalKind::UnknownPrice,
            Self::WrongUnit => RefusalKind::WrongUnit,
            Self::Misconfigured => RefusalKind::Misconfigured,
            Self::HoldLost => RefusalKind::HoldLost,
        }
    }

    /// Whether the same request would succeed after a large enough top-up.
    #[must_use]
    pub fn top_up_helps(&self) -> bool {
        self.kind().top_up_helps()
    }

    /// Whether the same request may succeed when it is simply sent again.
    #[must_use]
    pub fn retry_helps(&self) -> bool {
        self.kind().retry_helps()
    }

    /// How long to wait before sending it again, if that may help and the wait is known.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::InsufficientBalance(short) => short.retry_after(),
            Self::Unavailable { retry_after } => Some(*retry_after),
            _ => None,
        }
    }

    /// The amounts behind the refusal, for the log of the host and nobody else.
    #[must_use]
    pub fn log_fields(&self) -> LogFields {
        let mut fields = vec![("refusal", self.kind().as_str().to_owned())];
        match self {
            Self::InsufficientBalance(short) => fields.extend(short.log_fields()),
            Self::SpendCapReached { label, resets_at } => {
                fields.extend(label.iter().map(|label| ("label", label.to_string())));
                fields.extend(resets_at.iter().map(|at| ("resets_at", at.to_string())));
            }
            Self::RequestTooLarge { maximum } => fields.push(("maximum", maximum.to_string())),
            _ => {}
        }
        fields
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InsufficientBalance(short) => return short.fmt(f),
            Self::SpendCapReached { .. } => "a spending limit is reached",
            Self::RequestTooLarge { .. } => "the request is larger than any single request may be",
            Self::BudgetExceeded => "the request would cost more than the budget given with it",
            Self::Duplicate => "the request was received before",
            Self::KeyConflict => "the idempotency key was used before for another request",
            Self::Unavailable { .. } => "the ledger is not available",
            Self::UnknownPrice => "there is no price for the request",
            Self::WrongUnit => "the account counts in another unit",
            Self::Misconfigured => "a job or setting of the host is invalid",
            Self::HoldLost => "the hold was lost while the work was running",
        })
    }
}

// Without a source: `Display` already says what the `InsufficientBalance` inside would say.
impl std::error::Error for Refusal {}

impl From<InsufficientBalance> for Refusal {
    fn from(short: InsufficientBalance) -> Self {
        Self::InsufficientBalance(short)
    }
}
