//! Changes of one account that are decided and not yet committed.

use std::collections::BTreeSet;

use crate::amount::Unit;
use crate::cap::CounterKey;
use crate::clock::Timestamp;
use crate::entry::Entry;
use crate::hold::HoldState;
use crate::id::{AccountId, IdempotencyKey};
use crate::ledger::engine::decide::{Scopes, scopes_of_hold};
use crate::ledger::engine::known::Known;
use crate::ledger::engine::window::Window;
use crate::ledger::rules::{self, AccountState, Changes};
use crate::ledger::store::records::{AccountRecord, EntryRecord, FORMAT, HoldRecord, Stamp, Version};
use crate::ledger::store::sets::Set;

/// What the set in the making has beside what is known.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) stamp: Stamp,
    pub(super) window: Window,
    /// The time it is made at.
    now: Timestamp,
    /// The holds that are made or changed.
    pub(super) holds: Vec<IdempotencyKey>,
    pub(super) new_entries: Vec<EntryRecord>,
    changed_entries: Vec<EntryRecord>,
    counters: BTreeSet<CounterKey>,
    ended_counters: BTreeSet<CounterKey>,
    /// Whether the version moves on though nothing else does.
    pub(super) fence: bool,
    changed: bool,
}

/// What was booked that was due.
#[derive(Debug, Default)]
pub(super) struct Booked {
    pub(super) released: u32,
    pub(super) booked: u32,
    /// Whether more is due, or may be.
    pub(super) more: bool,
    /// The counters that are needed for it.
    pub(super) missing: Scopes,
}

impl Draft {
    pub(super) fn new(stamp: Stamp, now: Timestamp) -> Self {
        Self {
            stamp,
            window: Window::new(now),
            now,
            holds: Vec::new(),
            new_entries: Vec::new(),
            changed_entries: Vec::new(),
            counters: BTreeSet::new(),
            ended_counters: BTreeSet::new(),
            fence: false,
            changed: false,
        }
    }

    /// Whether there is nothing to commit.
    pub(super) const fn is_empty(&self) -> bool {
        !self.changed && !self.fence
    }

    /// How many rows it has.
    pub(super) fn rows(&self) -> usize {
        self.holds.len().saturating_add(self.new_entries.len())
    }

    /// Takes up what a rule decided.
    pub(super) fn apply(&mut self, known: &mut Known, changes: Changes) {
        self.take_up(known, changes);
        // Credit may have come free, or back, that has ended already.
        while let Some(state) = known.state.as_mut().filter(|state| state.has_turns()) {
            let now = state.time;
            let Some(entry) = rules::turn(state, now) else { break };
            self.push_entry(known, entry);
        }
    }

    fn take_up(&mut self, known: &mut Known, changes: Changes) {
        let Changes { account, hold, entry, charge, counters } = changes;
        self.changed = true;
        known.state = Some(account);
        if let Some(hold) = hold {
            self.put_hold(known, hold);
        }
        if let Some(charge) = charge {
            self.put_charge(known, charge);
        }
        self.put_counters(known, counters);
        if let Some(entry) = entry {
            self.push_entry(known, entry);
        }
    }

    /// Books what is due by now, in the order of time, up to `limit`.
    pub(super) fn book_due(&mut self, known: &mut Known, limit: u32) -> Booked {
        let mut done = Booked::default();
        while let Some(state) = &known.state {
            let now = state.time.max(self.now);
            let turn = state.grants.next_turn();
            let by = now.min(turn);
            if known.misses_due(by) {
                done.more = true;
                break;
            }
            let first = known.first_due(by);
            if first.is_none() && turn > now {
                break;
            }
            if done.released.saturating_add(done.booked) >= limit {
                done.more = true;
                break;
            }
            let mut state = state.clone();
            self.window.account(&state.at(self.now));
            if let Some((at, key)) = first {
                let Some(hold) = known.hold(&key).map(|hold| &hold.record.hold) else {
                    // Closed since it was loaded, or forgotten for want of room.
                    known.forget_due();
                    continue;
                };
                if !hold.is_open() || hold.release_at != at {
                    known.pop_due();
                    continue;
                }
                let mut hold = hold.clone();
                let mut missing = scopes_of_hold(&hold);
                missing.retain(|scope| !known.knows_scope(scope));
                if !missing.is_empty() {
                    (done.more, done.missing) = (true, missing);
                    break;
                }
                let counters = rules::release(&mut state, known.counters(), &mut hold, now);
                known.pop_due();
                if hold.is_open() {
                    break;
                }
                let changes =
                    Changes { account: state, hold: Some(hold), entry: None, charge: None, counters };
                self.take_up(known, changes);
                done.released = done.released.saturating_add(1);
            } else {
                let Some(entry) = rules::turn(&mut state, now) else { break };
                let changes = Changes {
                    account: state,
                    hold: None,
                    entry: Some(entry),
                    charge: None,
                    counters: Vec::new(),
                };
                self.take_up(known, changes);
                done.booked = done.booked.saturating_add(1);
            }
        }
        done
    }

    fn put_hold(&mut self, known: &mut Known, hold: HoldState) {
        let (now, key) = (known.state.as_ref().map_or(self.now, |state| state.time), hold.key.clone());
        let (open, release_at) = (hold.is_open(), hold.release_at);
        self.window.hold(&hold);
        let before = if let Some(stored) = known.hold_mut(&key) {
            let before = stored.record.hold.is_open().then_some(stored.record.hold.release_at);
            if !stored.touched {
                stored.touched = true;
                self.holds.push(key);
            }
            stored.record.changed(hold, now);
            before
        } else {
            let mut record = HoldRecord::new(hold.clone(), self.stamp);
            record.changed(hold, now);
            known.add_hold(record);
            self.holds.push(key);
            None
        };
        if let Some(before) = before.filter(|before| !open || *before != release_at) {
            known.closed(before);
        }
        if open && before != Some(release_at) {
            known.opened(release_at);
        } else {
            known.find_next_due();
        }
    }

    fn put_charge(&mut self, known: &mut Known, charge: Entry) {
        let place = (charge.operation, charge.key.clone());
        let stamp = match known.entries.get(&place) {
            Some(Some(record)) => record.stamp,
            _ => self.stamp,
        };
        let record = EntryRecord { entry: charge, stamp };
        known.entries.insert(place, Some(record.clone()));
        let same = |other: &&mut EntryRecord| other.entry.seq == record.entry.seq;
        // One that this draft makes is added as it is now.
        let known = self.new_entries.iter_mut().find(same);
        match known.or_else(|| self.changed_entries.iter_mut().find(same)) {
            Some(known) => *known = record,
            None => self.changed_entries.push(record),
        }
    }

    fn push_entry(&mut self, known: &mut Known, entry: Entry) {
        let record = EntryRecord { entry, stamp: self.stamp };
        if record.has_key() {
            let place = (record.entry.operation, record.entry.key.clone());
            known.entries.insert(place, Some(record.clone()));
        }
        self.new_entries.push(record);
    }

    fn put_counters(&mut self, known: &mut Known, counters: Vec<crate::cap::Counter>) {
        let now = known.state.as_ref().map_or(self.now, |state| state.time);
        let mut some_are_new = false;
        for counter in counters {
            if known.counter(&counter.key).is_none() && counter.is_over(now) {
                continue;
            }
            self.ended_counters.remove(&counter.key);
            self.counters.insert(counter.key.clone());
            some_are_new |= known.put_counter(counter);
        }
        // A new one is the occasion to forget those that are over.
        if some_are_new {
            for key in known.forget_counters(now) {
                self.counters.remove(&key);
                self.ended_counters.insert(key);
            }
        }
    }

    /// The set that stores it all, after which the account has its next version.
    pub(super) fn finish(self, known: &mut Known, account: AccountId, engine: Stamp) -> Set {
        let expected = known.version;
        let commits = expected.map_or(0, |version| version.commits).saturating_add(1);
        let version = Version { commits, stamp: self.stamp };
        // A fence on an account that does not exist leaves one without changes, which counts as none.
        let state = known.state.clone().unwrap_or_else(|| AccountState::empty(Unit::NONE));
        known.version = Some(version);
        let put = AccountRecord { state, version, format: FORMAT };
        known.stored_due = put.next_due();
        let (mut new_holds, mut holds) = (Vec::new(), Vec::new());
        for hold in self.holds.iter().filter_map(|key| known.hold(key)) {
            let into = if hold.is_new { &mut new_holds } else { &mut holds };
            into.push(hold.record.clone());
        }
        let counters = self.counters.iter().filter_map(|key| known.counter(key)).cloned().collect();
        Set {
            account,
            expected,
            from: self.now,
            until: self.window.until(),
            engine,
            put,
            new_holds,
            holds,
            new_entries: self.new_entries,
            entries: self.changed_entries,
            counters,
            ended_counters: self.ended_counters.into_iter().collect(),
        }
    }
}
