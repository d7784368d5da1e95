//! A database of your own as a ledger: a complete `Store`. This one keeps everything in memory, under one lock, so that
//! it shows what a store has to do and nothing of how to talk to a database. A `Rows` is one account: what four tables
//! would hold of it, and an index. Whatever locks here begins a transaction there, and locks the account's row.
//!
//! `cargo run --release --example custom_store --features conformance` runs the suite of the ledger's contract on it.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use billing_guard::store::{
    AccountRecord, Ask, CountersQuery, EntriesQuery, EntryRecord, HoldRecord, OpenHoldsQuery, Outcome, Page,
    Pruned, Set, Snapshot, Store, StoreError, TurnRecord,
};
use billing_guard::{AccountId, Clock, Counter, CounterKey, IdempotencyKey, Operation, Order, Timestamp};

type Answer<T> = Result<T, StoreError>;
type Due = (Timestamp, AccountId);

#[derive(Debug)]
pub(crate) struct CustomStore {
    /// The one clock of the database. Every process that uses the store must go by it.
    clock: Arc<dyn Clock>,
    accounts: Mutex<BTreeMap<AccountId, Rows>>,
}

#[derive(Debug, Default)]
struct Rows {
    account: Option<AccountRecord>,
    /// Two more columns of the account, which are not part of its version.
    turn: Option<TurnRecord>,
    holds: BTreeMap<IdempotencyKey, HoldRecord>,
    entries: BTreeMap<u64, EntryRecord>,
    counters: BTreeMap<CounterKey, Counter>,
    /// Unique index of the entries that have a key.
    keys: HashMap<(Operation, IdempotencyKey), u64>,
}

impl CustomStore {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, accounts: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<AccountId, Rows>> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads rows of an account, and its number: in a database in one transaction, so that they belong together.
    fn page<T>(&self, id: &AccountId, read: impl FnOnce(&Rows) -> Vec<T>) -> Answer<Page<T>> {
        let accounts = self.lock();
        let Some(rows) = accounts.get(id) else { return Ok(Page::default()) };
        Ok(Page { rows: read(rows), seq: rows.account.as_ref().map_or(0, AccountRecord::seq) })
    }
}

impl Store for CustomStore {
    // A store whose clock is on another machine estimates it from what loads and commits said, and rather low.
    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn load(&self, asks: &[Ask]) -> Answer<Vec<Snapshot>> {
        let (mut accounts, now) = (self.lock(), self.clock.now());
        let snapshot = |ask: &Ask| match accounts.get_mut(&ask.account) {
            Some(rows) => rows.load(ask, now),
            None => Snapshot { now, ..Snapshot::default() },
        };
        Ok(asks.iter().map(snapshot).collect())
    }

    // Each set on its own: a conflict of one is nothing to the others. One transaction may still write them all. If a
    // database cannot tell whether it was committed, each is `Outcome::Unknown`; here that cannot happen.
    fn commit(&self, sets: &[Set]) -> Vec<Outcome> {
        let mut accounts = self.lock();
        // Only now, with the accounts locked: who waited for the lock must not decide by the time before.
        let now = self.clock.now();
        let commit = |set: &Set| accounts.entry(set.account.clone()).or_default().commit(set, now);
        sets.iter().map(commit).collect()
    }

    fn entries(&self, query: &EntriesQuery) -> Answer<Page<EntryRecord>> {
        let after = query.after.map_or(Unbounded, Excluded);
        self.page(&query.account, |rows| match query.order {
            Order::OldestFirst => first(rows.entries.range((after, Unbounded)), query.limit),
            Order::NewestFirst => first(rows.entries.range((Unbounded, after)).rev(), query.limit),
        })
    }

    fn open_holds(&self, query: &OpenHoldsQuery) -> Answer<Page<HoldRecord>> {
        let after = query.after.as_ref().map(|after| (after.release_at(), after.key()));
        let next = |hold: &&HoldRecord| after.is_none_or(|after| release(hold) > after);
        self.page(&query.account, |rows| rows.open().filter(next).take(size(query.limit)).cloned().collect())
    }

    fn counters(&self, query: &CountersQuery) -> Answer<Page<Counter>> {
        let after = query.after.as_ref().map_or(Unbounded, Excluded);
        let wanted = |counter: &Counter| query.scope.as_ref().is_none_or(|scope| scope == counter.scope());
        let page = |rows: &Rows| {
            first(rows.counters.range((after, Unbounded)).filter(|of| wanted(of.1)), query.limit)
        };
        self.page(&query.account, page)
    }

    fn holds(&self, id: &AccountId, after: Option<&IdempotencyKey>, limit: u32) -> Answer<Page<HoldRecord>> {
        self.page(id, |rows| first(rows.holds.range((after.map_or(Unbounded, Excluded), Unbounded)), limit))
    }

    fn accounts(&self, after: Option<&AccountId>, limit: u32) -> Answer<Vec<AccountId>> {
        let accounts = self.lock();
        let all = accounts.range((after.map_or(Unbounded, Excluded), Unbounded));
        let there = all.filter(|(_, rows)| rows.account.is_some()).map(|(id, _)| id);
        Ok(there.take(size(limit)).cloned().collect())
    }

    // A database has an index for this.
    fn due(&self, by: Timestamp, after: Option<&Due>, limit: u32) -> Answer<Vec<Due>> {
        let accounts = self.lock();
        let due = |(id, rows): (&AccountId, &Rows)| Some((rows.account.as_ref()?.next_due(), id.clone()));
        let mut due: Vec<Due> = accounts.iter().filter_map(due).filter(|due| due.0 <= by).collect();
        due.retain(|due| after.is_none_or(|after| due > after));
        due.sort();
        due.truncate(size(limit));
        Ok(due)
    }

    fn prune(&self, id: &AccountId, now: Timestamp, limit: u32) -> Answer<Pruned> {
        let (mut accounts, mut pruned) = (self.lock(), Pruned::default());
        let Some(rows) = accounts.get_mut(id) else { return Ok(pruned) };
        let gone = rows.holds.iter().filter(|(_, hold)| hold.kept_until() <= now).map(|(key, _)| key);
        for key in gone.take(size(limit)).cloned().collect::<Vec<_>>() {
            rows.holds.remove(&key);
            pruned.holds += 1;
        }
        let gone =
            rows.counters.iter().filter(|(_, counter)| counter.kept_until() <= now).map(|(key, _)| key);
        for key in gone.take(size(limit - pruned.holds)).cloned().collect::<Vec<_>>() {
            rows.counters.remove(&key);
            pruned.counters += 1;
        }
        pruned.more = pruned.holds + pruned.counters == limit;
        Ok(pruned)
    }
}

impl Rows {
    /// Checks everything before it writes anything. What comes back must be true: the engine goes on from it.
    fn commit(&mut self, set: &Set, now: Timestamp) -> Outcome {
        let version = self.account.as_ref().map(AccountRecord::version);
        let is_taken = set.new_holds.iter().any(|hold| self.holds.contains_key(hold.hold().key()))
            || set.new_entries.iter().any(|record| self.keys.contains_key(&name(record)));
        match self.turn {
            _ if version != set.expected => return Outcome::Conflict(version),
            Some(turn) if turn.excludes(set.engine, now) => return Outcome::TurnTaken(turn.until),
            _ if !set.is_timely(now) => return Outcome::OutOfWindow(now),
            _ if is_taken => return Outcome::KeyTaken,
            _ => (self.account, self.turn) = (Some(set.put.clone()), None),
        }
        let holds = set.new_holds.iter().chain(&set.holds);
        self.holds.extend(holds.map(|record| (record.hold().key().clone(), record.clone())));
        for record in set.new_entries.iter().chain(&set.entries) {
            if record.has_key() {
                self.keys.insert(name(record), record.entry().seq());
            }
            self.entries.insert(record.entry().seq(), record.clone());
        }
        self.counters.extend(set.counters.iter().map(|counter| (counter.key().clone(), counter.clone())));
        self.counters.retain(|key, _| !set.ended_counters.contains(key));
        Outcome::Applied
    }

    fn load(&mut self, ask: &Ask, now: Timestamp) -> Snapshot {
        if let Some(turn) = ask.turn {
            self.turn = TurnRecord::taken(self.turn, turn, now);
        }
        let is_due = |hold: &&HoldRecord| hold.hold().release_at() <= ask.due_by;
        let due: Vec<_> = self.open().take_while(is_due).take(size(ask.due_limit)).cloned().collect();
        let wanted = |counter: &&Counter| ask.counters.contains(&(counter.scope().clone(), counter.period()));
        let entry = |name| self.entries.get(self.keys.get(name)?).cloned();
        Snapshot {
            account: self.account.clone(),
            holds: ask.holds.iter().filter_map(|key| self.holds.get(key)).cloned().collect(),
            entries: ask.entries.iter().filter_map(entry).collect(),
            counters: self.counters.values().filter(wanted).cloned().collect(),
            next_release: self.open().nth(due.len()).map(|hold| hold.hold().release_at()),
            due,
            now,
        }
    }

    /// The open holds by when they are released, then by key. A database has an index for this, too.
    fn open(&self) -> impl Iterator<Item = &HoldRecord> {
        let mut open: Vec<_> = self.holds.values().filter(|hold| hold.hold().is_open()).collect();
        open.sort_by_key(|hold| release(hold));
        open.into_iter()
    }
}

fn release(hold: &HoldRecord) -> (Timestamp, &IdempotencyKey) {
    (hold.hold().release_at(), hold.hold().key())
}

fn name(record: &EntryRecord) -> (Operation, IdempotencyKey) {
    (record.entry().operation(), record.entry().key().clone())
}

fn first<'a, K: 'a, T: Clone + 'a>(rows: impl Iterator<Item = (&'a K, &'a T)>, limit: u32) -> Vec<T> {
    rows.map(|(_, row)| row.clone()).take(size(limit)).collect()
}

fn size(limit: u32) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}

#[cfg(feature = "conformance")]
fn main() {
    use billing_guard::{StoreLedger, conformance};
    conformance::run(&|clock| Arc::new(StoreLedger::new(CustomStore::new(clock))));
    println!("{} checks of the contract passed", conformance::checks().len());
}
