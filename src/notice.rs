//! What a customer should hear before the balance is short.

use crate::account::Applied;
use crate::amount::Amount;
use crate::clock::Timestamp;
use crate::id::Label;
use crate::runway::Runway;

/// Something to tell the customer, from the reply of a change: no extra read, and once for each crossing, whichever
/// node makes it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// What is available fell below a threshold the host set.
    LowBalance {
        /// The threshold.
        threshold: Amount,
        /// What is available now.
        available: Amount,
    },
    /// It fell below a share of the latest top-up.
    LowShare {
        /// The share, in percent.
        percent: u8,
        /// The latest top-up.
        top_up: Amount,
        /// What is available now.
        available: Amount,
    },
    /// It fell below what the largest request that is to be expected would need.
    LessThanLargestRequest {
        /// The largest request.
        largest: Amount,
        /// What is available now.
        available: Amount,
    },
    /// It will last for fewer days than the host set, if spending goes on as it did.
    ShortRunway {
        /// How many days the host set.
        days: u32,
        /// How long it will last.
        runway: Runway,
        /// What is available now.
        available: Amount,
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
        /// When it ends.
        ends_at: Timestamp,
    },
    /// The balance was topped up automatically, as agreed. Told each time.
    ToppedUpAutomatically {
        /// By how much.
        amount: Amount,
        /// What is available now.
        available: Amount,
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

/// The thresholds that this change crossed downwards, highest first. Thresholds of another unit are never crossed.
pub(crate) fn crossed<T>(applied: &Applied<T>, thresholds: &[Amount]) -> Vec<Notice> {
    if applied.is_replay() || applied.after >= applied.before {
        return Vec::new();
    }
    let available = applied.available_after();
    let mut crossed: Vec<Amount> = thresholds
        .iter()
        .filter(|threshold| threshold.unit() == applied.unit)
        .filter(|threshold| applied.before >= threshold.minor() && threshold.minor() > applied.after)
        .copied()
        .collect();
    crossed.sort_unstable_by_key(|threshold| std::cmp::Reverse(threshold.minor()));
    crossed.into_iter().map(|threshold| Notice::LowBalance { threshold, available }).collect()
}
