//! What an account has: its balance, and what a change did to it.

use crate::amount::{Amount, Unit};
use crate::clock::Timestamp;
use crate::grant::{Grant, Grants};
use crate::told::{Standing, Told};

/// What an account has, at one point of its sequence of changes.
///
/// `available = posted - held`. An account nobody has paid into has nothing of everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Balance {
    pub(crate) unit: Unit,
    pub(crate) posted: i64,
    pub(crate) held: i64,
    pub(crate) open_holds: u32,
    pub(crate) seq: u64,
    pub(crate) as_of: Timestamp,
    pub(crate) grants: Grants,
    pub(crate) told: Told,
}

impl Balance {
    /// The sum of all entries.
    #[must_use]
    pub const fn posted(&self) -> Amount {
        self.unit.minor(self.posted)
    }

    /// The sum of all open holds.
    #[must_use]
    pub const fn held(&self) -> Amount {
        self.unit.minor(self.held)
    }

    /// What may still be held or charged, apart from a debt limit.
    #[must_use]
    pub const fn available(&self) -> Amount {
        self.unit.minor(self.posted.saturating_sub(self.held))
    }

    /// The grants that are not used up, in the order in which they are used, those that have not started yet included.
    /// Plain credit is not among them: it is what of `posted` is not in one that has started.
    #[must_use]
    pub fn grants(&self) -> &[Grant] {
        self.grants.list()
    }

    /// What of `posted` is plain credit: bought, never ending. Negative for a debt.
    #[must_use]
    pub fn plain(&self) -> Amount {
        let granted = self.grants().iter().filter(|grant| grant.started);
        let granted: i128 = granted.map(|grant| i128::from(grant.remaining)).sum();
        let plain = i128::from(self.posted).saturating_sub(granted);
        self.unit.minor(i64::try_from(plain).unwrap_or(i64::MIN))
    }

    /// How many holds are open.
    #[must_use]
    pub const fn open_holds(&self) -> u32 {
        self.open_holds
    }

    /// The number of the account's latest change; 0 before the first.
    #[must_use]
    pub const fn seq(&self) -> u64 {
        self.seq
    }

    /// The latest top-up, credit that was bought; nothing before the first.
    #[must_use]
    pub const fn latest_top_up(&self) -> Amount {
        self.unit.minor(self.told.top_up)
    }

    /// The number of the latest top-up's entry in the account's sequence, automatic or not; 0 before the first.
    #[must_use]
    pub const fn latest_top_up_seq(&self) -> u64 {
        self.told.top_up_seq
    }

    /// When this was so, on the ledger's clock.
    #[must_use]
    pub const fn as_of(&self) -> Timestamp {
        self.as_of
    }
}

/// Whether an answer was made now or is that of an earlier request with the same key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Novelty {
    /// This request changed the account.
    Fresh,
    /// An earlier request with the same key and content did; this one changed nothing.
    Replay,
}

/// The answer to a change that was applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied<T> {
    pub(crate) value: T,
    pub(crate) unit: Unit,
    pub(crate) before: i64,
    pub(crate) after: i64,
    pub(crate) seq: u64,
    pub(crate) novelty: Novelty,
    pub(crate) standing: Standing,
}

impl<T> Applied<T> {
    /// What came of it, as it stands now.
    #[must_use]
    pub const fn value(&self) -> &T {
        &self.value
    }

    /// What came of it, by value.
    #[must_use]
    pub fn into_value(self) -> T {
        self.value
    }

    /// What was available just before this change.
    #[must_use]
    pub const fn available_before(&self) -> Amount {
        self.unit.minor(self.before)
    }

    /// What was available just after it. Between two changes of an account nothing else happens to it, so a
    /// threshold is crossed by exactly one change: where `before >= threshold > after`.
    #[must_use]
    pub const fn available_after(&self) -> Amount {
        self.unit.minor(self.after)
    }

    /// The sum of all entries just after it: what is available and what is held together.
    #[must_use]
    pub const fn posted_after(&self) -> Amount {
        self.unit.minor(self.standing.posted)
    }

    /// The lowest [`posted_after`](Self::posted_after) that a reply about work (a hold, its resize or capture, a charge) had told
    /// since credit last came in, before this one. The ledger keeps it in the same step, so a threshold is told as crossed by exactly one reply, where
    /// `lowest_told >= threshold > posted_after`, whatever comes and goes between: holds move neither, and a refund or
    /// adjustment raises it only where it lifts the balance a tenth above.
    #[must_use]
    pub const fn lowest_told(&self) -> Amount {
        self.unit.minor(self.standing.told.lowest)
    }

    /// The change's number in the account's sequence; for a replay the latest change's.
    #[must_use]
    pub const fn seq(&self) -> u64 {
        self.seq
    }

    /// Whether this is the answer to an earlier request with the same key.
    #[must_use]
    pub fn is_replay(&self) -> bool {
        self.novelty == Novelty::Replay
    }

    /// The same with another value.
    #[must_use]
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Applied<U> {
        let Self { value, unit, before, after, seq, novelty, standing } = self;
        Applied { value: f(value), unit, before, after, seq, novelty, standing }
    }
}
