//! What a customer should hear before the balance is short.

use std::time::Duration;

use serde::Serialize;

use crate::amount::Amount;
use crate::clock::Timestamp;
use crate::id::{IdempotencyKey, Label};
use crate::runway::Runway;

/// Something to tell the customer before the balance is short, from the reply of a change: no extra read, and once for each
/// crossing, whichever node makes it. Which there are, [`NoticeRules`] say.
///
/// Thresholds are compared with the settled balance, so running work counts once it is charged: a large hold that is given
/// back crosses nothing. After a crossing was told, it is told again only if credit came in between that lifted the balance
/// well above: see [`Applied::lowest_told`](crate::Applied::lowest_told).
///
/// In serde an object with `notice` as its kind, for the queue that a hook puts it in:
///
/// ```
/// use billing_guard::{Notice, Unit};
///
/// let usd = Unit::new("USD", 2)?;
/// let notice = Notice::LowBalance { threshold: usd.amount("5")?, balance: usd.amount("4.20")? };
/// let json = serde_json::to_string(&notice)?;
/// assert_eq!(json, r#"{"notice":"low_balance","threshold":"5 USD/2","balance":"4.2 USD/2"}"#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "notice", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Notice {
    /// The balance fell below a threshold the host set.
    LowBalance {
        /// The threshold.
        threshold: Amount,
        /// The balance now.
        balance: Amount,
    },
    /// The balance fell below a share of the latest top-up.
    LowShare {
        /// The share, in percent.
        percent: u8,
        /// The latest top-up.
        top_up: Amount,
        /// The balance now.
        balance: Amount,
    },
    /// The balance fell below what the largest request that is to be expected would need.
    LessThanLargestRequest {
        /// The largest request.
        largest: Amount,
        /// The balance now.
        balance: Amount,
    },
    /// The balance will last for fewer days than the host set, if spending goes on as it did.
    ShortRunway {
        /// How many days the host set.
        days: u32,
        /// How long it will last.
        runway: Runway,
        /// The balance now.
        balance: Amount,
    },
    /// Most of what a spend cap allows is spent.
    CapNearlyReached {
        /// What people know the cap by.
        label: Option<Label>,
        /// How much of it is spent at least, in percent.
        percent: u8,
        /// What is spent.
        used: Amount,
        /// What the cap allows.
        limit: Amount,
        /// When its period ends; `None` for a total.
        resets_at: Option<Timestamp>,
    },
    /// Credit that is not used will end soon.
    CreditEndsSoon {
        /// What people know the credit by.
        label: Option<Label>,
        /// What is left of it.
        remaining: Amount,
        /// When it ends.
        ends_at: Timestamp,
    },
    /// A hold will end soon, and its work is still running.
    HoldEndsSoon {
        /// Which hold, for the host; no text names it.
        key: IdempotencyKey,
        /// When it ends.
        ends_at: Timestamp,
    },
    /// The balance was topped up automatically, as agreed. Told each time.
    ToppedUpAutomatically {
        /// By how much.
        amount: Amount,
        /// The balance now.
        balance: Amount,
    },
    /// An automatic top-up did not go through at the payment provider. Nothing was paid.
    AutoTopUpFailed {
        /// When it is tried again; `None` if only after the customer has acted.
        retry_at: Option<Timestamp>,
    },
    /// An automatic top-up would go beyond what was agreed for a month, so none was made. Nothing was paid.
    AutoTopUpAtCeiling {
        /// The most that may be charged automatically in a month.
        ceiling: Amount,
        /// What of it is left.
        left: Amount,
        /// What would have had to be paid at least.
        missing: Amount,
    },
    /// The host gave a courtesy, so that work begun could be finished.
    CourtesyGiven {
        /// How much.
        amount: Amount,
    },
}

impl Notice {
    /// The word for it on the wire and in logs, such as `low_balance`.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::LowBalance { .. } => "low_balance",
            Self::LowShare { .. } => "low_share",
            Self::LessThanLargestRequest { .. } => "less_than_largest_request",
            Self::ShortRunway { .. } => "short_runway",
            Self::CapNearlyReached { .. } => "cap_nearly_reached",
            Self::CreditEndsSoon { .. } => "credit_ends_soon",
            Self::HoldEndsSoon { .. } => "hold_ends_soon",
            Self::ToppedUpAutomatically { .. } => "topped_up_automatically",
            Self::AutoTopUpFailed { .. } => "auto_top_up_failed",
            Self::AutoTopUpAtCeiling { .. } => "auto_top_up_at_ceiling",
            Self::CourtesyGiven { .. } => "courtesy_given",
        }
    }
}

/// What customers are told of before it is too late: part of a [`Policy`](crate::Policy).
///
/// ```
/// use std::time::Duration;
/// use billing_guard::{NoticeRules, Policy, Unit};
///
/// let usd = Unit::new("USD", 6)?;
/// let notices = NoticeRules::new()
///     .with_low_balance(usd.amount("5")?)
///     .with_low_share(20)
///     .with_short_runway(3)
///     .with_cap_spent(80)
///     .with_credit_ending(Duration::from_secs(7 * 24 * 3600));
/// let policy = Policy::new().with_notices(notices);
/// # let _ = policy;
/// # Ok::<(), billing_guard::AmountError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct NoticeRules {
    /// Balances at which the customer is told that it is low, at most 16.
    pub low_balance: Vec<Amount>,
    /// Shares of the latest top-up, in percent from 1 to 99, at most 16: told when the balance falls below.
    pub low_share: Vec<u8>,
    /// What the largest request that is to be expected needs: told when the balance falls below.
    pub largest_request: Option<Amount>,
    /// For how many days the balance should last at least, 1 to 366: told when it falls below. Needs the customer's burn rate,
    /// which comes with the job.
    pub short_runway: Option<u32>,
    /// Shares of a spend cap, in percent from 50 to 100, at most 16: told with the first request after so much of it is
    /// spent, or that charges it.
    pub cap_spent: Vec<u8>,
    /// How long before its end credit that is not used is told of, at most 366 days.
    pub credit_ending: Option<Duration>,
    /// How long before its end a hold whose work is still running is told of, at most 30 days. Only by
    /// [`Guard::notices_since`](crate::Guard::notices_since).
    pub hold_ending: Option<Duration>,
}

impl NoticeRules {
    /// The most thresholds of one kind.
    pub const MAX_THRESHOLDS: usize = 16;

    /// Nothing is told.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            low_balance: Vec::new(),
            low_share: Vec::new(),
            largest_request: None,
            short_runway: None,
            cap_spent: Vec::new(),
            credit_ending: None,
            hold_ending: None,
        }
    }

    /// Adds a balance at which the customer is told that it is low.
    #[must_use]
    pub fn with_low_balance(mut self, threshold: Amount) -> Self {
        self.low_balance.push(threshold);
        self
    }

    /// Adds a share of the latest top-up, in percent, below which the customer is told.
    #[must_use]
    pub fn with_low_share(mut self, percent: u8) -> Self {
        self.low_share.push(percent);
        self
    }

    /// Sets what the largest request that is to be expected needs.
    #[must_use]
    pub fn with_largest_request(mut self, largest: Amount) -> Self {
        self.largest_request = Some(largest);
        self
    }

    /// Sets for how many days the balance should last at least.
    #[must_use]
    pub fn with_short_runway(mut self, days: u32) -> Self {
        self.short_runway = Some(days);
        self
    }

    /// Adds a share of a spend cap, in percent, from which the customer is told.
    #[must_use]
    pub fn with_cap_spent(mut self, percent: u8) -> Self {
        self.cap_spent.push(percent);
        self
    }

    /// Sets how long before its end credit that is not used is told of.
    #[must_use]
    pub fn with_credit_ending(mut self, within: Duration) -> Self {
        self.credit_ending = Some(within);
        self
    }

    /// Sets how long before its end a hold whose work is still running is told of.
    #[must_use]
    pub fn with_hold_ending(mut self, within: Duration) -> Self {
        self.hold_ending = Some(within);
        self
    }
}
