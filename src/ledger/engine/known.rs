//! What an engine knows of an account: the state at one version, and some of its rows.

use std::collections::{HashMap, HashSet, VecDeque};

use crate::cap::{Counter, CounterKey};
use crate::clock::Timestamp;
use crate::entry::{Entry, Operation};
use crate::id::{IdempotencyKey, ScopeId};
use crate::ledger::engine::generations::Generations;
use crate::ledger::rules::AccountState;
use crate::ledger::store::asks::{Ask, Snapshot};
use crate::ledger::store::records::{AccountRecord, EntryRecord, HoldRecord, Version};
use crate::period::Period;

/// How many counters of one account are kept between decisions.
const KEPT_COUNTERS: usize = 4_096;

/// An account as it was loaded, and as the engine's own changes left it since.
#[derive(Debug)]
pub(super) struct Known {
    /// None if there is no such account, or one that was only fenced.
    pub(super) state: Option<AccountState>,
    pub(super) version: Option<Version>,
    /// Open holds, and for as long as something is decided also others.
    holds: Generations<IdempotencyKey, KnownHold>,
    /// Keys of holds that are not there.
    no_holds: HashSet<IdempotencyKey>,
    /// Entries by their keys, or that they are not there; for as long as something is decided.
    pub(super) entries: HashMap<(Operation, IdempotencyKey), Option<EntryRecord>>,
    /// In order of their keys.
    counters: Vec<Counter>,
    /// Of which all counters are known.
    scopes: HashSet<(ScopeId, Period)>,
    /// The open holds that are released first, as they were loaded.
    due: VecDeque<(Timestamp, IdempotencyKey)>,
    /// No open hold that is not among `due` is released before this.
    after_due: Timestamp,
    /// Whether `next_due` of the account is the time at which a hold is released, not only a bound.
    pub(super) exact: bool,
    /// What had arrived up to this number when the latest load began: for all of it, this is current.
    pub(super) proven: u64,
    /// Loaded holds that may go when everything is decided.
    loaded: Vec<IdempotencyKey>,
    /// What the store has as the account's next due time.
    pub(super) stored_due: Timestamp,
}

/// A hold, and how it is being changed.
#[derive(Debug)]
pub(super) struct KnownHold {
    pub(super) record: HoldRecord,
    /// Whether it is in the present draft.
    pub(super) touched: bool,
    /// Whether the present draft makes it.
    pub(super) is_new: bool,
}

impl Known {
    /// From a snapshot, and what was known at the same version. Of the rows asked for, those that are not in the snapshot
    /// are not there.
    pub(super) fn new(
        snapshot: Snapshot,
        ask: Ask,
        proven: u64,
        before: Option<Box<Self>>,
        most_holds: usize,
    ) -> Self {
        let version = snapshot.account.as_ref().map(|account| account.version);
        let stored_due = snapshot.account.as_ref().map_or(Timestamp::MAX, AccountRecord::next_due);
        let mut known = match before {
            Some(before) if before.version == version => *before,
            _ => Self {
                state: None,
                version,
                holds: Generations::new(most_holds),
                no_holds: HashSet::new(),
                entries: HashMap::new(),
                counters: Vec::new(),
                scopes: HashSet::new(),
                due: VecDeque::new(),
                after_due: Timestamp::MAX,
                exact: true,
                proven,
                loaded: Vec::new(),
                stored_due,
            },
        };
        known.state = snapshot.account.map(|account| account.state).filter(|state| state.seq > 0);
        (known.proven, known.stored_due, known.exact) = (proven, stored_due, true);
        known.no_holds = ask.holds.into_iter().collect();
        known.entries = ask.entries.into_iter().map(|key| (key, None)).collect();
        known.due = snapshot.due.iter().map(|due| (due.hold.release_at, due.hold.key.clone())).collect();
        known.after_due = snapshot.next_release.unwrap_or(Timestamp::MAX);
        for record in snapshot.holds.into_iter().chain(snapshot.due) {
            let key = record.hold.key.clone();
            known.no_holds.remove(&key);
            known.loaded.push(key.clone());
            known.holds.insert(key, KnownHold { record, touched: false, is_new: false }, 1);
        }
        for record in snapshot.entries {
            known.entries.insert((record.entry.operation, record.entry.key.clone()), Some(record));
        }
        known.scopes.extend(ask.counters);
        for counter in snapshot.counters {
            known.put_counter(counter);
        }
        known.find_next_due();
        known
    }

    /// Whether the hold is known, to be there or not.
    fn knows_hold(&self, key: &IdempotencyKey) -> bool {
        self.holds.get(key).is_some() || self.no_holds.contains(key)
    }

    /// Whether the row with this key is known, to be there or not. Of what time did nothing is found by key.
    pub(super) fn knows(&self, operation: Operation, key: &IdempotencyKey) -> bool {
        match operation {
            Operation::Hold => self.knows_hold(key),
            Operation::Charge | Operation::Credit => self.entries.contains_key(&(operation, key.clone())),
            Operation::Time => true,
        }
    }

    /// The entry with this key.
    pub(super) fn entry(&self, operation: Operation, key: &IdempotencyKey) -> Option<&Entry> {
        let known = self.entries.get(&(operation, key.clone()))?.as_ref();
        known.map(|record| &record.entry)
    }

    pub(super) fn hold(&self, key: &IdempotencyKey) -> Option<&KnownHold> {
        self.holds.get(key)
    }

    pub(super) fn hold_mut(&mut self, key: &IdempotencyKey) -> Option<&mut KnownHold> {
        self.holds.get_mut(key)
    }

    /// Adds or replaces a hold that the present draft changes.
    pub(super) fn add_hold(&mut self, record: HoldRecord) {
        let key = record.hold.key.clone();
        self.no_holds.remove(&key);
        self.holds.insert(key, KnownHold { record, touched: true, is_new: true }, 1);
    }

    /// How many rows it has.
    pub(super) fn weight(&self) -> usize {
        self.holds.len().saturating_add(self.counters.len()).saturating_add(1)
    }

    pub(super) fn counters(&self) -> &[Counter] {
        &self.counters
    }

    pub(super) fn counter(&self, key: &CounterKey) -> Option<&Counter> {
        let position = self.counters.binary_search_by(|known| known.key.cmp(key)).ok()?;
        self.counters.get(position)
    }

    /// Stores a counter; says whether it is new.
    pub(super) fn put_counter(&mut self, counter: Counter) -> bool {
        match self.counters.binary_search_by(|known| known.key.cmp(&counter.key)) {
            Ok(position) => {
                if let Some(known) = self.counters.get_mut(position) {
                    *known = counter;
                }
                false
            }
            Err(position) => {
                self.counters.insert(position, counter);
                true
            }
        }
    }

    /// Forgets the counters that are over; says which.
    pub(super) fn forget_counters(&mut self, now: Timestamp) -> Vec<CounterKey> {
        let over = self.counters.iter().filter(|counter| counter.is_over(now));
        let ended: Vec<CounterKey> = over.map(|counter| counter.key.clone()).collect();
        if !ended.is_empty() {
            self.counters.retain(|counter| !counter.is_over(now));
        }
        ended
    }

    pub(super) fn knows_scope(&self, scope: &(ScopeId, Period)) -> bool {
        // Of an account that does not exist nothing is counted.
        self.version.is_none() || self.scopes.contains(scope)
    }

    /// The first hold that is to be released by `now`, if it is known which one.
    pub(super) fn first_due(&self, now: Timestamp) -> Option<(Timestamp, IdempotencyKey)> {
        let first = self.due.front()?;
        (first.0 <= now && first.0 <= self.after_due).then(|| first.clone())
    }

    /// Whether a hold may be due by `now` that is not known.
    pub(super) fn misses_due(&self, now: Timestamp) -> bool {
        self.after_due <= now
            && self.after_due < Timestamp::MAX
            && self.due.front().is_none_or(|(at, _)| *at > self.after_due || *at > now)
    }

    /// Takes the first of the holds that are due from the list.
    pub(super) fn pop_due(&mut self) {
        self.due.pop_front();
        self.find_next_due();
    }

    /// Forgets which holds are due: a load has to tell.
    pub(super) fn forget_due(&mut self) {
        if let Some((at, _)) = self.due.front() {
            self.after_due = self.after_due.min(*at);
        }
        self.due.clear();
        self.find_next_due();
    }

    /// An open hold has this time now.
    pub(super) fn opened(&mut self, release_at: Timestamp) {
        self.after_due = self.after_due.min(release_at);
        self.find_next_due();
    }

    /// An open hold no longer has this time.
    pub(super) fn closed(&mut self, release_at: Timestamp) {
        if self.state.as_ref().is_some_and(|state| release_at <= state.next_due) {
            self.exact = false;
        }
    }

    pub(super) fn find_next_due(&mut self) {
        let first = self.due.front().map_or(Timestamp::MAX, |(at, _)| *at);
        if let Some(state) = &mut self.state {
            state.next_due = first.min(self.after_due);
        }
    }

    /// Forgets what was needed only to decide: closed holds (`touched` and loaded ones), entries, and what is not there.
    pub(super) fn settle(&mut self, touched: &[IdempotencyKey]) {
        for key in touched.iter().chain(&std::mem::take(&mut self.loaded)) {
            match self.holds.get_mut(key) {
                Some(hold) if hold.record.hold.is_open() => (hold.touched, hold.is_new) = (false, false),
                Some(_) => {
                    self.holds.remove(key);
                }
                None => {}
            }
        }
        self.no_holds.clear();
        self.entries.clear();
        self.holds.age();
        if self.counters.len() > KEPT_COUNTERS {
            self.counters.clear();
            self.scopes.clear();
        }
    }
}
