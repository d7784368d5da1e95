//! What the engine has written.

use crate::cap::{Counter, CounterKey};
use crate::clock::Timestamp;
use crate::id::AccountId;
use crate::ledger::store::records::{AccountRecord, EntryRecord, HoldRecord, Stamp, Version};

/// What to write about one account, all of it or nothing, and under which condition.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Set {
    /// Whose account.
    pub account: AccountId,
    /// The version it must have; `None` if it must not exist.
    pub expected: Option<Version>,
    /// The store's clock must not be before this.
    pub from: Timestamp,
    /// The store's clock must be before this, unless it is [`Timestamp::MAX`].
    pub until: Timestamp,
    /// Which engine this comes from: if another has the account's turn, it must wait. Applied, it ends the turn.
    pub engine: Stamp,
    /// The account as it becomes, with its new version.
    pub put: AccountRecord,
    /// Holds to add: none with their account and key may exist.
    pub new_holds: Vec<HoldRecord>,
    /// Holds to replace.
    pub holds: Vec<HoldRecord>,
    /// Entries to add: none with their account and sequence number may exist, and where they
    /// [have a key](EntryRecord::has_key) none with their account, operation and key.
    pub new_entries: Vec<EntryRecord>,
    /// Entries to replace, by account and sequence number.
    pub entries: Vec<EntryRecord>,
    /// Counters to add or replace.
    pub counters: Vec<Counter>,
    /// Counters to delete.
    pub ended_counters: Vec<CounterKey>,
}

impl Set {
    /// Whether it may be applied at `now`, the store's time: whether that lies in its window.
    #[must_use]
    pub fn is_timely(&self, now: Timestamp) -> bool {
        self.from <= now && (now < self.until || self.until == Timestamp::MAX)
    }
}

/// What became of a set.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// It was applied.
    Applied,
    /// Not applied: the account has another version. The present one, if the store has it at hand.
    Conflict(Option<Version>),
    /// Not applied: the key of a new hold or entry exists.
    KeyTaken,
    /// Not applied: the store's clock, which says this, is outside of the window.
    OutOfWindow(Timestamp),
    /// Not applied: another engine has the account's turn, until then.
    TurnTaken(Timestamp),
    /// Certainly not applied, now or later: the store does not take this set, or one of those committed with it.
    Rejected(String),
    /// Certainly not applied, now or later: the store does not work at present.
    Unavailable(String),
    /// Applied, or not, or perhaps later: it is not known.
    Unknown(String),
}
