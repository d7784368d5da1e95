//! One store in memory that several engines share. It keeps the promises of a [`Store`](crate::store::Store) to the letter;
//! what it does beyond them is for [`World`](super::world::World) to choose.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::cap::{Counter, CounterKey};
use crate::clock::Timestamp;
use crate::entry::Operation;
use crate::id::{AccountId, IdempotencyKey};
use crate::ledger::engine::simulation::truth::{Truth, Violation};
use crate::ledger::store::asks::{Ask, Snapshot};
use crate::ledger::store::records::{AccountRecord, EntryRecord, HoldRecord, TurnRecord, Version};
use crate::ledger::store::sets::{Outcome, Set};

/// What a store compares before it writes. Tests turn each off.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StoreGuards {
    pub(crate) version: bool,
    pub(crate) window: bool,
    pub(crate) turn: bool,
}

impl StoreGuards {
    pub(crate) const ALL: Self = Self { version: true, window: true, turn: true };
}

#[derive(Debug)]
pub(super) struct HostileStore {
    /// The store's own clock.
    pub(super) now: Timestamp,
    pub(super) guards: StoreGuards,
    pub(super) accounts: Vec<Rows>,
}

/// One account.
#[derive(Clone, Debug)]
pub(super) struct Rows {
    pub(super) id: AccountId,
    pub(super) account: Option<AccountRecord>,
    turn: Option<TurnRecord>,
    pub(super) holds: BTreeMap<IdempotencyKey, HoldRecord>,
    pub(super) entries: BTreeMap<u64, EntryRecord>,
    counters: BTreeMap<CounterKey, Counter>,
    releases: BTreeSet<(Timestamp, IdempotencyKey)>,
    pub(super) keys: HashMap<(Operation, IdempotencyKey), u64>,
    /// What really happened.
    pub(super) truth: Truth,
}

impl HostileStore {
    pub(super) fn rows(&mut self, id: &AccountId) -> &mut Rows {
        self.accounts.iter_mut().find(|rows| rows.id == *id).unwrap()
    }

    pub(super) fn load(&mut self, asks: &[Ask]) -> Vec<Snapshot> {
        let now = self.now;
        asks.iter().map(|ask| self.rows(&ask.account).load(ask, now)).collect()
    }

    /// Applies a set if its condition holds, at moment number `step`, and looks whether that was right.
    pub(super) fn commit(&mut self, set: &Set, step: u64) -> Result<Outcome, Violation> {
        let (now, guards) = (self.now, self.guards);
        let rows = self.rows(&set.account);
        let outcome = rows.refuse(set, now, guards);
        if let Some(refused) = outcome {
            return Ok(refused);
        }
        rows.write(set, step, now)?;
        Ok(Outcome::Applied)
    }
}

impl Rows {
    pub(super) fn new(id: AccountId, debt: i64, guards: StoreGuards) -> Self {
        Self {
            id,
            account: None,
            turn: None,
            holds: BTreeMap::new(),
            entries: BTreeMap::new(),
            counters: BTreeMap::new(),
            releases: BTreeSet::new(),
            keys: HashMap::new(),
            truth: Truth::new(debt, guards.window),
        }
    }

    pub(super) fn seq(&self) -> u64 {
        self.account.as_ref().map_or(0, AccountRecord::seq)
    }

    pub(super) fn version(&self) -> Option<Version> {
        self.account.as_ref().map(AccountRecord::version)
    }

    pub(super) fn has_turn(&self, now: Timestamp) -> bool {
        self.turn.is_some_and(|turn| turn.until > now)
    }

    fn load(&mut self, ask: &Ask, now: Timestamp) -> Snapshot {
        if let Some(turn) = ask.turn.filter(|_| self.account.is_some()) {
            self.turn = TurnRecord::taken(self.turn, turn, now);
        }
        let limit = usize::try_from(ask.due_limit).unwrap();
        let due = self.releases.iter().take_while(|(at, _)| *at <= ask.due_by).take(limit);
        let due: Vec<_> = due.map(|(_, key)| self.holds[key].clone()).collect();
        let numbers = ask.entries.iter().filter_map(|name| self.keys.get(name));
        let wanted = |counter: &&Counter| ask.counters.contains(&(counter.scope().clone(), counter.period()));
        Snapshot {
            account: self.account.clone(),
            holds: ask.holds.iter().filter_map(|key| self.holds.get(key)).cloned().collect(),
            entries: numbers.map(|seq| self.entries[seq].clone()).collect(),
            counters: self.counters.values().filter(wanted).cloned().collect(),
            next_release: self.releases.iter().nth(due.len()).map(|(at, _)| *at),
            due,
            now,
        }
    }

    fn refuse(&self, set: &Set, now: Timestamp, guards: StoreGuards) -> Option<Outcome> {
        let key_taken = || {
            set.new_holds.iter().any(|record| self.holds.contains_key(record.hold().key()))
                || set.new_entries.iter().any(|record| {
                    let entry = record.entry();
                    record.has_key() && self.keys.contains_key(&(entry.operation(), entry.key().clone()))
                })
        };
        if guards.version && self.version() != set.expected {
            Some(Outcome::Conflict(self.version()))
        } else if let Some(turn) = self.turn.filter(|turn| guards.turn && turn.excludes(set.engine, now)) {
            Some(Outcome::TurnTaken(turn.until))
        } else if guards.window && !set.is_timely(now) {
            Some(Outcome::OutOfWindow(now))
        } else if key_taken() {
            Some(Outcome::KeyTaken)
        } else {
            None
        }
    }

    fn write(&mut self, set: &Set, step: u64, now: Timestamp) -> Result<(), Violation> {
        let mut truth = std::mem::take(&mut self.truth);
        let landed = truth.landing(self, set, step, now);
        self.truth = truth;
        landed?;
        (self.account, self.turn) = (Some(set.put.clone()), None);
        for record in set.new_holds.iter().chain(&set.holds) {
            let key = record.hold().key();
            if let Some(before) = self.holds.insert(key.clone(), record.clone()) {
                self.releases.remove(&(before.hold().release_at(), key.clone()));
            }
            if record.hold().is_open() {
                self.releases.insert((record.hold().release_at(), key.clone()));
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
        Ok(())
    }
}
