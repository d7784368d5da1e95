//! What a job would cost, before anything is held.

use super::job::Estimate;
use crate::account::Balance;
use crate::amount::Amount;

/// What a job would hold, against what there is just now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quote {
    estimate: Amount,
    minimum: Amount,
    held: Amount,
    balance: Balance,
    debt_limit: Amount,
}

impl Quote {
    pub(super) fn new(estimate: &Estimate, held: Amount, balance: Balance, debt_limit: Amount) -> Self {
        Self { estimate: estimate.amount, minimum: estimate.minimum, held, balance, debt_limit }
    }

    /// What the job costs at most.
    #[must_use]
    pub const fn estimate(&self) -> Amount {
        self.estimate
    }

    /// The least that would do; the same unless the job says [`down_to`](crate::Job::down_to).
    #[must_use]
    pub const fn minimum(&self) -> Amount {
        self.minimum
    }

    /// What it would hold if there is enough: the estimate, or the policy's or the caller's limit where less will do.
    #[must_use]
    pub const fn would_hold(&self) -> Amount {
        self.held
    }

    /// What is available just now.
    #[must_use]
    pub const fn available(&self) -> Amount {
        self.balance.available()
    }

    /// How far below zero the guard's policy lets the balance go.
    #[must_use]
    pub const fn debt_limit(&self) -> Amount {
        self.debt_limit
    }

    /// What would be available while the work runs, with all of that held; negative if it does not fit.
    #[must_use]
    pub fn would_leave(&self) -> Amount {
        let left = self.available().minor().saturating_sub(self.held.minor());
        self.estimate.unit().minor(left)
    }

    /// Whether the job would be admitted if the balance stayed as it is.
    #[must_use]
    pub fn fits(&self) -> bool {
        let free = self.available().minor().saturating_add(self.debt_limit.minor()).max(0);
        self.minimum.minor() <= free
    }
}
