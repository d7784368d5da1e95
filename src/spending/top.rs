//! The largest uses of an account's credit.

use crate::amount::Amount;
use crate::clock::Timestamp;

/// Where an account's credit went: its largest uses by one label, over a span of time.
///
/// Only for the account's owner: the values of its labels are in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopUses {
    pub(crate) label: Box<str>,
    pub(crate) uses: Vec<TopUse>,
    pub(crate) total: Amount,
    pub(crate) since: Timestamp,
}

/// One of the largest uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopUse {
    pub(crate) value: Option<Box<str>>,
    pub(crate) spent: Amount,
}

impl TopUses {
    /// The most uses that are listed.
    pub const MAX: usize = 10;

    /// The label by which they are told apart, such as `user`.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }

    /// The uses, the largest first.
    #[must_use]
    pub fn uses(&self) -> &[TopUse] {
        &self.uses
    }

    /// What was spent in all since then.
    #[must_use]
    pub const fn total(&self) -> Amount {
        self.total
    }

    /// Since when.
    #[must_use]
    pub const fn since(&self) -> Timestamp {
        self.since
    }
}

impl TopUse {
    /// The label's value; `None` for what was spent without that label.
    #[must_use]
    pub fn value(&self) -> Option<&str> {
        self.value.as_deref()
    }

    /// What was spent on it, refunds taken off.
    #[must_use]
    pub const fn spent(&self) -> Amount {
        self.spent
    }
}
