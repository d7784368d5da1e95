//! What a customer should hear before the balance is short.

use crate::account::Applied;
use crate::amount::Amount;

/// Something to tell the customer, from the reply of a change: no extra read, and once for each crossing, whichever
/// node makes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// What is available fell below a threshold the host set.
    LowBalance {
        /// The threshold.
        threshold: Amount,
        /// What is available now.
        available: Amount,
    },
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
