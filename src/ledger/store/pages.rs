//! What a store shows page by page.

use crate::cap::CounterKey;
use crate::id::{AccountId, ScopeId};
use crate::ledger::request::{HoldsCursor, Order};

/// Asks for a page of entries.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EntriesQuery {
    /// Whose.
    pub account: AccountId,
    /// From which end.
    pub order: Order,
    /// Those after the one with this sequence number, in this order: of later ones first, those with lower numbers.
    pub after: Option<u64>,
    /// How many at most.
    pub limit: u32,
}

/// Asks for a page of open holds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OpenHoldsQuery {
    /// Whose.
    pub account: AccountId,
    /// Those after this.
    pub after: Option<HoldsCursor>,
    /// How many at most.
    pub limit: u32,
}

/// Asks for a page of counters.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CountersQuery {
    /// Whose.
    pub account: AccountId,
    /// Only those of this scope.
    pub scope: Option<ScopeId>,
    /// Those after this.
    pub after: Option<CounterKey>,
    /// How many at most.
    pub limit: u32,
}

/// Rows, and the state of the account they were read in. An account that does not exist has none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// The number of the account's latest change at that moment; 0 if it does not exist.
    pub seq: u64,
}

/// Of an account that does not exist.
impl<T> Default for Page<T> {
    fn default() -> Self {
        Self { rows: Vec::new(), seq: 0 }
    }
}

/// What pruning did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// How many holds were deleted.
    pub holds: u32,
    /// How many counters were deleted.
    pub counters: u32,
    /// Whether the limit was reached, so that more may be left to do.
    pub more: bool,
}
