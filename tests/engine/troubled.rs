//! A store that works, and does what it is told to do wrong.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use billing_guard::store::{
    Ask, CountersQuery, EntriesQuery, EntryRecord, HoldRecord, OpenHoldsQuery, Outcome, Page, Pruned, Set,
    Snapshot, Store, StoreError,
};
use billing_guard::{AccountId, Clock, Counter, IdempotencyKey, Timestamp};

use crate::custom_store::CustomStore;

/// What becomes of the next commit.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fate {
    /// It is applied, and its answer is lost.
    Lost,
    /// It is not applied, and its answer is lost.
    Dropped,
    /// It is applied after the next load or commit, and its answer is lost.
    Delayed,
    /// The same, and then the store is cut off.
    DelayedAndCut,
}

#[derive(Debug)]
pub(crate) struct Troubles {
    /// Swapped to make it lose data.
    store: Mutex<Arc<CustomStore>>,
    pub(crate) is_cut: AtomicBool,
    pub(crate) loads: AtomicU64,
    pub(crate) commits: AtomicU64,
    pub(crate) fates: Mutex<VecDeque<Fate>>,
    delayed: Mutex<Vec<Set>>,
    /// Sets of this account are not taken, nor is anything committed with them.
    pub(crate) poisoned: Mutex<Option<AccountId>>,
    /// How long a commit takes.
    pub(crate) takes: Mutex<Duration>,
}

/// A handle to it: several engines may have one.
#[derive(Clone, Debug)]
pub(crate) struct TroubledStore(pub(crate) Arc<Troubles>);

impl TroubledStore {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Troubles {
            store: Mutex::new(Arc::new(CustomStore::new(clock))),
            is_cut: AtomicBool::new(false),
            loads: AtomicU64::new(0),
            commits: AtomicU64::new(0),
            fates: Mutex::default(),
            delayed: Mutex::default(),
            poisoned: Mutex::default(),
            takes: Mutex::default(),
        }))
    }

    pub(crate) fn fate(&self, fate: Fate) {
        self.0.fates.lock().unwrap().push_back(fate);
    }

    /// Becomes another store, as after the restore of an older copy.
    pub(crate) fn becomes(&self, other: &Self) {
        *self.0.store.lock().unwrap() = other.inner();
    }

    fn inner(&self) -> Arc<CustomStore> {
        Arc::clone(&self.0.store.lock().unwrap())
    }

    fn reachable(&self) -> Result<Arc<CustomStore>, StoreError> {
        if self.0.is_cut.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable("the store is cut off".to_owned()));
        }
        Ok(self.inner())
    }
}

impl Store for TroubledStore {
    fn now(&self) -> Timestamp {
        self.inner().now()
    }

    fn load(&self, asks: &[Ask]) -> Result<Vec<Snapshot>, StoreError> {
        self.0.loads.fetch_add(1, Ordering::SeqCst);
        // What is on its way comes after what is shown.
        let snapshots = self.reachable()?.load(asks);
        let delayed = std::mem::take(&mut *self.0.delayed.lock().unwrap());
        self.inner().commit(&delayed);
        snapshots
    }

    fn commit(&self, sets: &[Set]) -> Vec<Outcome> {
        self.0.commits.fetch_add(1, Ordering::SeqCst);
        let takes = *self.0.takes.lock().unwrap();
        std::thread::sleep(takes);
        let Ok(store) = self.reachable() else {
            return sets.iter().map(|_| Outcome::Unavailable("the store is cut off".to_owned())).collect();
        };
        let poisoned = self.0.poisoned.lock().unwrap().clone();
        if poisoned.is_some_and(|account| sets.iter().any(|set| set.account == account)) {
            return sets.iter().map(|_| Outcome::Rejected("it does not take this".to_owned())).collect();
        }
        let fate = self.0.fates.lock().unwrap().pop_front();
        match fate {
            None => return store.commit(sets),
            Some(Fate::Lost) => {
                store.commit(sets);
            }
            Some(Fate::Dropped) => {}
            Some(Fate::Delayed) => self.0.delayed.lock().unwrap().extend_from_slice(sets),
            Some(Fate::DelayedAndCut) => {
                self.0.delayed.lock().unwrap().extend_from_slice(sets);
                self.0.is_cut.store(true, Ordering::SeqCst);
            }
        }
        sets.iter().map(|_| Outcome::Unknown("the answer was lost".to_owned())).collect()
    }

    fn entries(&self, query: &EntriesQuery) -> Result<Page<EntryRecord>, StoreError> {
        self.reachable()?.entries(query)
    }

    fn open_holds(&self, query: &OpenHoldsQuery) -> Result<Page<HoldRecord>, StoreError> {
        self.reachable()?.open_holds(query)
    }

    fn counters(&self, query: &CountersQuery) -> Result<Page<Counter>, StoreError> {
        self.reachable()?.counters(query)
    }

    fn holds(
        &self,
        account: &AccountId,
        after: Option<&IdempotencyKey>,
        limit: u32,
    ) -> Result<Page<HoldRecord>, StoreError> {
        self.reachable()?.holds(account, after, limit)
    }

    fn accounts(&self, after: Option<&AccountId>, limit: u32) -> Result<Vec<AccountId>, StoreError> {
        self.reachable()?.accounts(after, limit)
    }

    fn due(
        &self,
        by: Timestamp,
        after: Option<&(Timestamp, AccountId)>,
        limit: u32,
    ) -> Result<Vec<(Timestamp, AccountId)>, StoreError> {
        self.reachable()?.due(by, after, limit)
    }

    fn prune(&self, account: &AccountId, now: Timestamp, limit: u32) -> Result<Pruned, StoreError> {
        self.reachable()?.prune(account, now, limit)
    }
}
