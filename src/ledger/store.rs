//! What a database has to do to become a ledger: compare and write.

pub(crate) mod asks;
pub(crate) mod pages;
pub(crate) mod records;
pub(crate) mod sets;
pub(crate) mod text;
pub(crate) mod transfer;

use std::fmt;
use std::sync::Arc;

use crate::cap::Counter;
use crate::clock::Timestamp;
use crate::id::{AccountId, IdempotencyKey};
use asks::{Ask, Snapshot};
use pages::{CountersQuery, EntriesQuery, OpenHoldsQuery, Page, Pruned};
use records::{EntryRecord, HoldRecord};
use sets::{Outcome, Set};

/// A database that can compare and write: with it a [`StoreLedger`](crate::StoreLedger) is a
/// [`Ledger`](crate::Ledger).
///
/// A store decides nothing. It keeps four kinds of records for each account: the
/// [account](records::AccountRecord), its [holds](HoldRecord), its [entries](EntryRecord) and its
/// [counters](crate::Counter). The engine [loads](Self::load) what a decision needs, decides by the rules of money, and
/// [commits](Self::commit) the outcome under the condition that the account is still as it was loaded.
///
/// Methods block. They are called from threads of the engine's own, one that commits and one that loads for each of
/// its [writers](crate::EngineSettings::with_writers), so a driver that needs a runtime runs its own there. One that panics in
/// [`commit`](Self::commit) has the outcome [`Unknown`](Outcome::Unknown), in [`load`](Self::load) it is not available.
///
/// # What a store promises
///
/// 1. **A set is all or nothing**, and sets are independent of each other: one that is not applied leaves the others alone.
/// 2. **Conditional.** A set is applied only if the account's [version](records::Version) is the expected one, the store's own
///    clock, read after the account was locked, lies in the set's window, no key among the new records exists, and no other
///    engine has the account's [turn](asks::Turn).
/// 3. **Durable.** What was answered [`Applied`](Outcome::Applied) is there after a crash, as far as the store promises it at all.
/// 4. **Current.** [`load`](Self::load) shows everything that was answered `Applied`, to anybody, before it was called: it
///    reads from the primary. What it shows of one account is one snapshot.
/// 5. **Finite.** Every method ends, with an error if need be, within the time that requests may take: a store that hangs holds up
///    deadlines, and the ledger when it is dropped.
/// 6. **Honest.** [`Rejected`](Outcome::Rejected) and [`Unavailable`](Outcome::Unavailable) are certain: the set was not applied
///    and never will be. Whatever is not certain is [`Unknown`](Outcome::Unknown). A set that is answered `Unknown` may still be
///    applied later, but like any other only while its condition holds.
///
/// All else (what is due, what a key means, who may spend what) is the engine's. `examples/custom_store.rs` is a complete store.
pub trait Store: Send + Sync + fmt::Debug + 'static {
    /// The store's time, as well as it is known here without asking for it. Decisions are made at this time, and are made
    /// again if the store's own clock turns out to be outside of their window. It should not be ahead of the store's own.
    fn now(&self) -> Timestamp;

    /// One snapshot for each ask, in their order.
    ///
    /// # Errors
    /// [`StoreError`] if they cannot be read; then nothing is known, and nothing was changed, save that turns may have been taken.
    fn load(&self, asks: &[Ask]) -> Result<Vec<Snapshot>, StoreError>;

    /// Applies sets, and says for each what became of it, in their order. No two are about one account.
    fn commit(&self, sets: &[Set]) -> Vec<Outcome>;

    /// A page of an account's entries.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be read.
    fn entries(&self, query: &EntriesQuery) -> Result<Page<EntryRecord>, StoreError>;

    /// A page of an account's open holds, ordered by when they are released, then by key.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be read.
    fn open_holds(&self, query: &OpenHoldsQuery) -> Result<Page<HoldRecord>, StoreError>;

    /// A page of an account's counters, ordered by their keys.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be read.
    fn counters(&self, query: &CountersQuery) -> Result<Page<Counter>, StoreError>;

    /// A page of all holds of an account that are kept, closed ones too, ordered by key: those after `after`, `limit` at
    /// most. For exports.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be read.
    fn holds(
        &self,
        account: &AccountId,
        after: Option<&IdempotencyKey>,
        limit: u32,
    ) -> Result<Page<HoldRecord>, StoreError>;

    /// The accounts there are, ordered by id: those after `after`, `limit` at most.
    ///
    /// # Errors
    /// [`StoreError`] if they cannot be read.
    fn accounts(&self, after: Option<&AccountId>, limit: u32) -> Result<Vec<AccountId>, StoreError>;

    /// Accounts whose [`next_due`](records::AccountRecord::next_due) is `by` or earlier, with that time, ordered by it and then by
    /// id: those after `after` in this order, `limit` at most.
    ///
    /// # Errors
    /// [`StoreError`] if they cannot be read.
    fn due(
        &self,
        by: Timestamp,
        after: Option<&(Timestamp, AccountId)>,
        limit: u32,
    ) -> Result<Vec<(Timestamp, AccountId)>, StoreError>;

    /// Deletes of one account, `limit` at most: holds that are [kept no longer](HoldRecord::kept_until) and counters that
    /// [nobody needs](crate::Counter::kept_until) at `now`. Changes nothing else, the version neither.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be done; perhaps some were deleted.
    fn prune(&self, account: &AccountId, now: Timestamp, limit: u32) -> Result<Pruned, StoreError>;
}

/// A store that several share.
impl<S: Store + ?Sized> Store for Arc<S> {
    fn now(&self) -> Timestamp {
        (**self).now()
    }

    fn load(&self, asks: &[Ask]) -> Result<Vec<Snapshot>, StoreError> {
        (**self).load(asks)
    }

    fn commit(&self, sets: &[Set]) -> Vec<Outcome> {
        (**self).commit(sets)
    }

    fn entries(&self, query: &EntriesQuery) -> Result<Page<EntryRecord>, StoreError> {
        (**self).entries(query)
    }

    fn open_holds(&self, query: &OpenHoldsQuery) -> Result<Page<HoldRecord>, StoreError> {
        (**self).open_holds(query)
    }

    fn counters(&self, query: &CountersQuery) -> Result<Page<Counter>, StoreError> {
        (**self).counters(query)
    }

    fn holds(
        &self,
        account: &AccountId,
        after: Option<&IdempotencyKey>,
        limit: u32,
    ) -> Result<Page<HoldRecord>, StoreError> {
        (**self).holds(account, after, limit)
    }

    fn accounts(&self, after: Option<&AccountId>, limit: u32) -> Result<Vec<AccountId>, StoreError> {
        (**self).accounts(after, limit)
    }

    fn due(
        &self,
        by: Timestamp,
        after: Option<&(Timestamp, AccountId)>,
        limit: u32,
    ) -> Result<Vec<(Timestamp, AccountId)>, StoreError> {
        (**self).due(by, after, limit)
    }

    fn prune(&self, account: &AccountId, now: Timestamp, limit: u32) -> Result<Pruned, StoreError> {
        (**self).prune(account, now, limit)
    }
}

/// Why a store could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The store cannot be reached, or does not work at present.
    #[error("the store is not available: {0}")]
    Unavailable(String),
    /// A record is not what was written: damaged, or changed by hand to something that cannot be.
    #[error("a record of the store is not what was written: {0}")]
    Corrupt(String),
    /// A record was written by a newer version of this crate.
    #[error(
        "a record has format {found}, this version knows formats up to {known}: update, or use a node that knows it"
    )]
    NewerFormat {
        /// The record's.
        found: u16,
        /// The newest known here.
        known: u16,
    },
}
