//! A database of your own as a ledger: a complete `Store`. This one keeps everything in memory, under one lock, so that
//! it shows what a store has to do and nothing of how to talk to a database. A `Rows` is one account: what four tables
//! would hold of it, and the indexes they need. Whatever locks here begins a transaction there, and locks the account's row.
//!
//! `cargo run --example custom_store --features conformance` runs the suite of the ledger's contract on it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use billing_guard::store::{
    AccountRecord, Ask, CountersQuery, EntriesQuery, EntryRecord, HoldRecord, OpenHoldsQuery, Outcome, Page,
    Pruned, Set, Snapshot, Store, StoreError, TurnRecord,
};
use billing_guard::{AccountId, Clock, Counter, CounterKey, IdempotencyKey, Operation, Order, Timestamp};

#[derive(Debug)]
pub struct CustomStore {
    /// The one clock of the database. Every process that uses the store must go by it.
    clock: Arc<dyn Clock>,
    tables: Mutex<Tables>,
}

#[derive(Debug, Default)]
struct Tables {
    accounts: BTreeMap<AccountId, Rows>,
    /// Index of the accounts, for the sweeper.
    due: BTreeSet<(Timestamp, AccountId)>,
}

#[derive(Debug)]
struct Rows {
    account: AccountRecord,
    /// Two more columns of the account, which are not part of its version.
    turn: Option<TurnRecord>,
    holds: BTreeMap<IdempotencyKey, HoldRecord>,
    entries: BTreeMap<u64, EntryRecord>,
    counters: BTreeMap<CounterKey, Counter>,
    /// Index of the open holds, by when they are released.
    releases: BTreeSet<(Timestamp, IdempotencyKey)>,
    /// Unique index of the entries that have a key.
    keys: HashMap<(Operation, IdempotencyKey), u64>,
}

impl CustomStore {
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, tables: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads a page of an account's rows.
    fn page<T>(
        &self,
        account: &AccountId,
        limit: u32,
        read: impl FnOnce(&Rows, usize) -> Vec<T>,
    ) -> Result<Page<T>, StoreError> {
        // In a database both are read in one transaction, so that rows and number belong together.
        let tables = self.lock();
        let Some(rows) = tables.accounts.get(account) else { return Ok(Page { rows: Vec::new(), seq: 0 }) };
        Ok(Page { rows: read(rows, size(limit)), seq: rows.account.seq() })
    }
}

impl Store for CustomStore {
    // A store whose clock is on another machine estimates it from what loads and commits said, and rather low.
    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn load(&self, asks: &[Ask]) -> Result<Vec<Snapshot>, StoreError> {
        let mut tables = self.lock();
        let now = self.clock.now();
        let snapshots = asks.iter().map(|ask| match tables.accounts.get_mut(&ask.account) {
            Some(rows) => rows.load(ask, now),
            None => Snapshot { now, ..Snapshot::default() },
        });
        Ok(snapshots.collect())
    }

    fn commit(&self, sets: &[Set]) -> Vec<Outcome> {
        // Each set on its own: a conflict of one is nothing to the others. One transaction may still write them all. If a
        // database cannot tell whether it was committed, each is `Outcome::Unknown`; here that cannot happen.
        let mut tables = self.lock();
        sets.iter().map(|set| tables.commit(set, || self.clock.now())).collect()
    }

    fn entries(&self, query: &EntriesQuery) -> Result<Page<EntryRecord>, StoreError> {
        self.page(&query.account, query.limit, |rows, limit| match (query.order, query.after) {
            (Order::OldestFirst, after) => rows
                .entries
                .range((after.map_or(Unbounded, Excluded), Unbounded))
                .map(row)
                .take(limit)
                .collect(),
            (Order::NewestFirst, after) => {
                let before = after.map_or(Unbounded, Excluded);
                rows.entries.range((Unbounded, before)).rev().map(row).take(limit).collect()
            }
        })
    }

    fn open_holds(&self, query: &OpenHoldsQuery) -> Result<Page<HoldRecord>, StoreError> {
        self.page(&query.account, query.limit, |rows, limit| {
            let after = query.after.as_ref().map(|after| (after.release_at(), after.key().clone()));
            let after = after.map_or(Unbounded, Excluded);
            let keys = rows.releases.range((after, Unbounded)).map(|(_, key)| key);
            keys.filter_map(|key| rows.holds.get(key)).take(limit).cloned().collect()
        })
    }

    fn counters(&self, query: &CountersQuery) -> Result<Page<Counter>, StoreError> {
        self.page(&query.account, query.limit, |rows, limit| {
            let counters = rows.counters.range((query.after.as_ref().map_or(Unbounded, Excluded), Unbounded));
            let wanted =
                |counter: &Counter| query.scope.as_ref().is_none_or(|scope| scope == counter.scope());
            counters.map(row).filter(wanted).take(limit).collect()
        })
    }

    fn holds(
        &self,
        account: &AccountId,
        after: Option<&IdempotencyKey>,
        limit: u32,
    ) -> Result<Page<HoldRecord>, StoreError> {
        self.page(account, limit, |rows, limit| {
            rows.holds.range((after.map_or(Unbounded, Excluded), Unbounded)).map(row).take(limit).collect()
        })
    }

    fn accounts(&self, after: Option<&AccountId>, limit: u32) -> Result<Vec<AccountId>, StoreError> {
        let tables = self.lock();
        let accounts = tables.accounts.range((after.map_or(Unbounded, Excluded), Unbounded));
        Ok(accounts.map(|(id, _)| id.clone()).take(size(limit)).collect())
    }

    fn due(
        &self,
        by: Timestamp,
        after: Option<&(Timestamp, AccountId)>,
        limit: u32,
    ) -> Result<Vec<(Timestamp, AccountId)>, StoreError> {
        let tables = self.lock();
        let due = tables.due.range((after.map_or(Unbounded, Excluded), Unbounded));
        Ok(due.take_while(|(at, _)| *at <= by).take(size(limit)).cloned().collect())
    }

    fn prune(&self, account: &AccountId, now: Timestamp, limit: u32) -> Result<Pruned, StoreError> {
        let mut tables = self.lock();
        let Some(rows) = tables.accounts.get_mut(account) else { return Ok(Pruned::default()) };
        let mut pruned = Pruned::default();
        // An index by `kept_until` finds them without reading all.
        rows.holds.retain(|_, hold| hold.kept_until() > now || !counts(&mut pruned.holds, limit));
        let left = limit - pruned.holds;
        rows.counters.retain(|_, counter| counter.kept_until() > now || !counts(&mut pruned.counters, left));
        pruned.more = pruned.holds + pruned.counters == limit;
        Ok(pruned)
    }
}

impl Tables {
    /// Checks everything before it writes anything. What comes back must be true: the engine goes on from it.
    fn commit(&mut self, set: &Set, clock: impl FnOnce() -> Timestamp) -> Outcome {
        let rows = self.accounts.get(&set.account);
        // Only now, with the account locked: who waited for the lock must not decide by the time before.
        let now = clock();
        let version = rows.map(|rows| rows.account.version());
        if version != set.expected {
            return Outcome::Conflict(version);
        }
        if let Some(turn) = rows.and_then(|rows| rows.turn).filter(|turn| turn.excludes(set.engine, now)) {
            return Outcome::TurnTaken(turn.until);
        }
        if !set.is_timely(now) {
            return Outcome::OutOfWindow(now);
        }
        if rows.is_some_and(|rows| rows.has_a_key_of(set)) {
            return Outcome::KeyTaken;
        }
        if let Some(rows) = rows {
            self.due.remove(&(rows.account.next_due(), set.account.clone()));
        }
        self.due.insert((set.put.next_due(), set.account.clone()));
        self.accounts.entry(set.account.clone()).or_insert_with(|| Rows::new(set.put.clone())).write(set);
        Outcome::Applied
    }
}

impl Rows {
    fn new(account: AccountRecord) -> Self {
        Self {
            account,
            turn: None,
            holds: BTreeMap::new(),
            entries: BTreeMap::new(),
            counters: BTreeMap::new(),
            releases: BTreeSet::new(),
            keys: HashMap::new(),
        }
    }

    fn load(&mut self, ask: &Ask, now: Timestamp) -> Snapshot {
        if let Some(turn) = ask.turn {
            self.turn = TurnRecord::taken(self.turn, turn, now);
        }
        let due = self.releases.iter().take_while(|(at, _)| *at <= ask.due_by).take(size(ask.due_limit));
        let due: Vec<_> = due.filter_map(|(_, key)| self.holds.get(key)).cloned().collect();
        let numbers = ask.entries.iter().filter_map(|name| self.keys.get(name));
        let wanted = |counter: &&Counter| {
            ask.counters.iter().any(|(scope, period)| scope == counter.scope() && *period == counter.period())
        };
        Snapshot {
            account: Some(self.account.clone()),
            holds: ask.holds.iter().filter_map(|key| self.holds.get(key)).cloned().collect(),
            entries: numbers.filter_map(|seq| self.entries.get(seq)).cloned().collect(),
            counters: self.counters.values().filter(wanted).cloned().collect(),
            next_release: self.releases.iter().nth(due.len()).map(|(at, _)| *at),
            due,
            now,
        }
    }

    fn has_a_key_of(&self, set: &Set) -> bool {
        set.new_holds.iter().any(|hold| self.holds.contains_key(hold.hold().key()))
            || set.new_entries.iter().any(|record| {
                let entry = record.entry();
                self.entries.contains_key(&entry.seq())
                    || record.has_key() && self.keys.contains_key(&(entry.operation(), entry.key().clone()))
            })
    }

    fn write(&mut self, set: &Set) {
        self.account = set.put.clone();
        self.turn = None;
        for record in set.new_holds.iter().chain(&set.holds) {
            let hold = record.hold();
            if let Some(before) = self.holds.insert(hold.key().clone(), record.clone()) {
                self.releases.remove(&(before.hold().release_at(), hold.key().clone()));
            }
            if hold.is_open() {
                self.releases.insert((hold.release_at(), hold.key().clone()));
            }
        }
        for record in set.new_entries.iter().chain(&set.entries) {
            let entry = record.entry();
            if record.has_key() {
                self.keys.insert((entry.operation(), entry.key().clone()), entry.seq());
            }
            self.entries.insert(entry.seq(), record.clone());
        }
        for counter in &set.counters {
            self.counters.insert(counter.key().clone(), counter.clone());
        }
        for ended in &set.ended_counters {
            self.counters.remove(ended);
        }
    }
}

fn row<K, T: Clone>((_, row): (K, &T)) -> T {
    row.clone()
}

/// Counts one more, up to a limit.
fn counts(count: &mut u32, limit: u32) -> bool {
    let more = *count < limit;
    *count += u32::from(more);
    more
}

fn size(limit: u32) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}

fn main() {}
