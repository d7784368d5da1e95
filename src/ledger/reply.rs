//! What a ledger's reads answer.

use crate::amount::Amount;
use crate::cap::{Counter, CounterKey};
use crate::entry::Entry;
use crate::hold::HoldState;
use crate::ledger::request::HoldsCursor;

/// What happened under a key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Found {
    /// This hold was made.
    Hold(Box<HoldState>),
    /// This entry was posted.
    Entry(Box<Entry>),
    /// Nothing was applied under this key, and nothing submitted here before this question, or on its way to the store from
    /// anywhere, still can be. What waits in the queue of another process is decided there, when its turn comes. (A key so old
    /// that it was forgotten looks the same.)
    NotApplied,
}

/// A page of entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statement {
    pub(crate) entries: Vec<Entry>,
    pub(crate) next: Option<u64>,
    pub(crate) seq: u64,
}

impl Statement {
    /// The entries, in the order asked for.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// What was posted before the earliest entry of the page; `None` for an empty page.
    #[must_use]
    pub fn opening_balance(&self) -> Option<Amount> {
        let earliest = self.entries.iter().min_by_key(|entry| entry.seq)?;
        Some(earliest.unit.minor(earliest.posted_after.saturating_sub(earliest.amount)))
    }

    /// What was posted after the latest entry of the page; `None` for an empty page. The opening balance of the page that
    /// follows in time.
    #[must_use]
    pub fn closing_balance(&self) -> Option<Amount> {
        self.entries.iter().max_by_key(|entry| entry.seq).map(Entry::balance_after)
    }

    /// Where the next page begins, if there is one: for
    /// [`StatementRequest::with_after`](crate::StatementRequest::with_after).
    #[must_use]
    pub const fn next(&self) -> Option<u64> {
        self.next
    }

    /// The number of the account's latest change when this was read.
    #[must_use]
    pub const fn seq(&self) -> u64 {
        self.seq
    }
}

/// A page of counters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CountersPage {
    pub(crate) counters: Vec<Counter>,
    pub(crate) next: Option<CounterKey>,
    pub(crate) seq: u64,
}

impl CountersPage {
    /// The counters, by scope, period and start.
    #[must_use]
    pub fn counters(&self) -> &[Counter] {
        &self.counters
    }

    /// Where the next page begins, if there is one: for
    /// [`CountersRequest::with_after`](crate::CountersRequest::with_after).
    #[must_use]
    pub const fn next(&self) -> Option<&CounterKey> {
        self.next.as_ref()
    }

    /// The number of the account's latest change when this was read.
    #[must_use]
    pub const fn seq(&self) -> u64 {
        self.seq
    }
}

/// A page of open holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HoldsPage {
    pub(crate) holds: Vec<HoldState>,
    pub(crate) next: Option<HoldsCursor>,
    pub(crate) seq: u64,
}

impl HoldsPage {
    /// The holds, the one released first coming first.
    #[must_use]
    pub fn holds(&self) -> &[HoldState] {
        &self.holds
    }

    /// Where the next page begins, if there is one: for [`HoldsRequest::with_after`](crate::HoldsRequest::with_after).
    #[must_use]
    pub const fn next(&self) -> Option<&HoldsCursor> {
        self.next.as_ref()
    }

    /// The number of the account's latest change when this was read.
    #[must_use]
    pub const fn seq(&self) -> u64 {
        self.seq
    }
}

/// What a sweep did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    pub(crate) released: u32,
    pub(crate) booked: u32,
    pub(crate) more: bool,
}

impl Swept {
    /// How many expired holds were released.
    #[must_use]
    pub const fn released(&self) -> u32 {
        self.released
    }

    /// How many starts and ends of credit were booked.
    #[must_use]
    pub const fn booked(&self) -> u32 {
        self.booked
    }

    /// Whether the limit was reached, so that more may be left to do.
    #[must_use]
    pub const fn has_more(&self) -> bool {
        self.more
    }
}
