//! One part of the accounts of a memory ledger, with its holds, entries and the keys it remembers.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

use super::broken;
use super::closed::ClosedHolds;
use super::counters::Counters;
use super::due::Due;
use super::history::History;
use super::index::Index;
use crate::account::Applied;
use crate::amount::Unit;
use crate::clock::Timestamp;
use crate::entry::{Entry, Operation};
use crate::error::LedgerError;
use crate::hold::HoldState;
use crate::id::{AccountId, IdempotencyKey};
use crate::ledger::reply::{HoldsPage, Swept};
use crate::ledger::request::HoldsCursor;
use crate::ledger::rules::{self, AccountState, Changes, Decision, Stop};

/// How many keys past their retention one decision forgets, so that none pays for an idle night.
const FORGET_BATCH: usize = 16;
/// How many keys beyond the bound one decision forgets at most: there are many after many holds expired at once.
const FORGET_MOST: usize = 1_024;

#[derive(Debug)]
pub(super) struct Shard {
    accounts: Index<Box<Account>>,
    rows: Rows,
    retained_keys: usize,
    retained_entries: usize,
}

/// An account's id with its hash, made once per request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Named<'a> {
    pub(super) id: &'a AccountId,
    pub(super) hash: u64,
}

/// The rows of all accounts of a shard, found by the hash of account and key.
#[derive(Debug)]
pub(super) struct Rows {
    hasher: RandomState,
    holds: Index<HoldPlace>,
    closed: ClosedHolds,
    /// Where the charge with a key stands.
    charges: Index<Place>,
    /// The same of grants, top-ups, refunds and adjustments, whose keys are a set of their own.
    credits: Index<Place>,
    /// No hold of the shard is due before this.
    next_due: Timestamp,
}

#[derive(Debug)]
pub(super) struct HoldRow {
    /// The number of its account.
    pub(super) account: u32,
    pub(super) state: HoldState,
}

/// Where a hold is kept.
#[derive(Debug)]
enum HoldPlace {
    Open(Box<HoldRow>),
    /// Among the closed ones, under this serial number.
    Closed(u64),
}

impl HoldRow {
    fn is(&self, account: u32, key: &IdempotencyKey) -> bool {
        self.account == account && self.state.key == *key
    }

    fn is_due_at(&self, account: u32, at: Timestamp) -> bool {
        self.account == account && self.state.release_at == at
    }
}

impl HoldPlace {
    fn row<'a>(&'a self, closed: &'a ClosedHolds) -> Option<&'a HoldRow> {
        match self {
            Self::Open(row) => Some(row),
            Self::Closed(serial) => closed.get(*serial),
        }
    }

    /// The row if it is the open hold of this account that is due then.
    fn due_at(&self, account: u32, at: Timestamp) -> Option<&HoldRow> {
        match self {
            Self::Open(row) if row.is_due_at(account, at) => Some(row),
            _ => None,
        }
    }

    /// Moves a hold that is closed now among the closed ones.
    fn close(&mut self, closed: &mut ClosedHolds, hash: u64, now: Timestamp) {
        if let Self::Open(row) = std::mem::replace(self, Self::Closed(closed.next_serial())) {
            closed.push(hash, *row, now);
        }
    }
}

/// An entry, by the number of its account and its sequence number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    account: u32,
    seq: u64,
}

#[derive(Debug)]
pub(super) struct Account {
    id: AccountId,
    /// Its number within the shard, which rows name it by.
    pub(super) number: u32,
    pub(super) state: AccountState,
    pub(super) counters: Counters,
    due: Due,
    pub(super) history: History,
}

impl Shard {
    pub(super) fn new(hasher: RandomState, retained_keys: usize, retained_entries: usize) -> Self {
        Self {
            accounts: Index::new(),
            rows: Rows {
                hasher,
                holds: Index::new(),
                charges: Index::new(),
                credits: Index::new(),
                closed: ClosedHolds::default(),
                next_due: Timestamp::MAX,
            },
            retained_keys,
            retained_entries,
        }
    }

    /// Runs a rule on an account and the hold that the request names, with everything booked that is due, and stores
    /// what it decided.
    ///
    /// `unit` is given by requests that may create the account; for the others an account that does not exist has no
    /// hold either.
    pub(super) fn decide<T>(
        &mut self,
        named: Named<'_>,
        hold: Option<&IdempotencyKey>,
        unit: Option<Unit>,
        now: Timestamp,
        rule: impl Fn(&Account, Option<&HoldState>, &Rows) -> Decision<T>,
    ) -> Result<Applied<T>, LedgerError> {
        let count = self.accounts.len();
        let Some(account) = self.accounts.get_mut(named.hash, |account| account.id == *named.id) else {
            let unit = unit.ok_or(LedgerError::UnknownHold)?;
            let number = u32::try_from(count).map_err(|_| broken("too many accounts in a shard"))?;
            let mut account = Account::new(named.id.clone(), number, unit);
            // Refused, it leaves no trace.
            let outcome = rule(&account, None, &self.rows).map_err(refusal)?;
            if let Some(changes) = outcome.changes {
                let hash = hold.map(|key| self.rows.hash(number, key));
                self.rows.apply(&mut account, hash, changes, self.retained_entries);
                self.accounts.insert(named.hash, Box::new(account));
            }
            return Ok(outcome.reply);
        };
        self.rows.book_due(account, now, u32::MAX, self.retained_entries);
        let named_hold = hold.map(|key| (self.rows.hash(account.number, key), key));
        let known = named_hold.and_then(|(hash, key)| self.rows.find(hash, account.number, key));
        let outcome = rule(account, known, &self.rows).map_err(refusal)?;
        if let Some(changes) = outcome.changes {
            self.rows.apply(account, named_hold.map(|(hash, _)| hash), changes, self.retained_entries);
        }
        Ok(outcome.reply)
    }

    /// Books everything of an account that is due.
    pub(super) fn book_all(&mut self, named: Named<'_>, now: Timestamp) {
        if let Some(account) = self.accounts.get_mut(named.hash, |account| account.id == *named.id) {
            self.rows.book_due(account, now, u32::MAX, self.retained_entries);
        }
    }

    pub(super) fn view(&self, named: Named<'_>) -> Option<(&Account, &Rows)> {
        let account = self.accounts.get(named.hash, |account| account.id == *named.id)?;
        Some((account, &self.rows))
    }

    /// Forgets the keys of closed holds beyond the bound, and some of those beyond their time.
    pub(super) fn forget(&mut self, now: Timestamp) {
        // Some at once: rows closed long ago are out of the caches, and are fetched together sooner than one by one.
        let slack = (self.retained_keys / 64).min(FORGET_BATCH);
        let Rows { closed, holds, .. } = &mut self.rows;
        let beyond = closed.len().saturating_sub(self.retained_keys);
        let batch = if beyond > slack { beyond.min(FORGET_MOST) } else { closed.expired(now, FORGET_BATCH) };
        for _ in 0..batch {
            if let Some((serial, hash)) = closed.pop() {
                holds.remove(hash, |place| matches!(place, HoldPlace::Closed(it) if *it == serial));
            }
        }
    }

    /// Books what is due, whosever it is, until the sweep has done its limit.
    pub(super) fn sweep(&mut self, swept: &mut Swept, limit: u32, now: Timestamp) {
        if self.rows.next_due > now {
            return;
        }
        let mut next_due = Timestamp::MAX;
        for account in self.accounts.values_mut() {
            let left = limit.saturating_sub(swept.released).saturating_sub(swept.booked);
            let (released, booked) = self.rows.book_due(account, now, left, self.retained_entries);
            swept.released = swept.released.saturating_add(released);
            swept.booked = swept.booked.saturating_add(booked);
            if swept.released.saturating_add(swept.booked) >= limit {
                // The rest is for the next sweep; the old bound still holds.
                swept.more = true;
                return;
            }
            next_due = next_due.min(account.state.next_due).min(account.state.grants.next_turn());
        }
        self.rows.next_due = next_due;
    }
}

fn refusal(stop: Stop) -> LedgerError {
    match stop {
        Stop::Refuse(error) => error,
        Stop::DueFirst => broken("a rule asked for what is not due"),
    }
}

impl Rows {
    fn hash(&self, account: u32, key: &IdempotencyKey) -> u64 {
        self.hasher.hash_one((account, key))
    }

    fn find(&self, hash: u64, account: u32, key: &IdempotencyKey) -> Option<&HoldState> {
        let row = |place: &HoldPlace| place.row(&self.closed).is_some_and(|row| row.is(account, key));
        self.holds.get(hash, row)?.row(&self.closed).map(|row| &row.state)
    }

    pub(super) fn hold(&self, account: &Account, key: &IdempotencyKey) -> Option<&HoldState> {
        self.find(self.hash(account.number, key), account.number, key)
    }

    /// The open hold of an account that is due at a time.
    fn due_at(&self, hash: u64, account: u32, at: Timestamp) -> Option<&HoldState> {
        let place = self.holds.get(hash, |place| place.due_at(account, at).is_some())?;
        place.due_at(account, at).map(|row| &row.state)
    }

    /// The posting with this key.
    pub(super) fn entry<'a>(
        &self,
        account: &'a Account,
        operation: Operation,
        key: &IdempotencyKey,
    ) -> Option<&'a Entry> {
        let postings = if operation == Operation::Charge { &self.charges } else { &self.credits };
        let stored = |place: &Place| account.history.get(place.seq).filter(|entry| entry.key == *key);
        let is_it = |place: &Place| place.account == account.number && stored(place).is_some();
        postings.get(self.hash(account.number, key), is_it).and_then(stored)
    }

    /// The open holds of an account, by when they are due.
    pub(super) fn page(&self, account: &Account, after: Option<&HoldsCursor>, limit: usize) -> HoldsPage {
        let mut open: Vec<&HoldState> = account
            .due
            .iter()
            .filter(|(at, _)| after.is_none_or(|after| *at >= after.release_at))
            .filter_map(|(at, hash)| self.due_at(hash, account.number, at))
            .filter(|hold| {
                after.is_none_or(|after| (hold.release_at, &hold.key) > (after.release_at, &after.key))
            })
            .collect();
        open.sort_unstable_by(|a, b| (a.release_at, &a.key).cmp(&(b.release_at, &b.key)));
        // A key that was forgotten and used again may find its old item with the same time.
        open.dedup_by(|a, b| a.key == b.key);
        let holds: Vec<HoldState> = open.iter().take(limit).map(|hold| (*hold).clone()).collect();
        let next = holds
            .last()
            .filter(|_| open.len() > limit)
            .map(|hold| HoldsCursor { release_at: hold.release_at, key: hold.key.clone() });
        HoldsPage { holds, next, seq: account.state.seq }
    }

    /// Stores what a rule decided; `hold` is the hash of the hold that the request names.
    fn apply(&mut self, account: &mut Account, hold: Option<u64>, changes: Changes, retained_entries: usize) {
        account.state = changes.account;
        if let Some((hash, hold)) = hold.zip(changes.hold) {
            self.put_hold(account, hash, hold);
        }
        if let Some(charge) = changes.charge
            && let Some(stored) = account.history.get_mut(charge.seq)
        {
            *stored = charge;
        }
        account.counters.put(changes.counters, account.state.time);
        if let Some(entry) = changes.entry {
            self.push_entry(account, entry, retained_entries);
        }
        // Credit may have come free, or back, that has ended already.
        while account.state.has_turns() {
            let now = account.state.time;
            let Some(entry) = rules::turn(&mut account.state, now) else { break };
            self.push_entry(account, entry, retained_entries);
        }
        self.next_due = self.next_due.min(account.state.grants.next_turn());
    }

    fn push_entry(&mut self, account: &mut Account, entry: Entry, retained_entries: usize) {
        if matches!(entry.operation, Operation::Charge | Operation::Credit) {
            let hash = self.hash(account.number, &entry.key);
            let place = Place { account: account.number, seq: entry.seq };
            self.postings_mut(entry.operation).insert(hash, place);
        }
        account.history.push(entry);
        while account.history.len() > retained_entries {
            let Some((operation, key, seq)) = account.history.fold_oldest() else { break };
            if matches!(operation, Operation::Charge | Operation::Credit) {
                let hash = self.hash(account.number, &key);
                let folded = Place { account: account.number, seq };
                self.postings_mut(operation).remove(hash, |place| *place == folded);
            }
        }
    }

    fn postings_mut(&mut self, operation: Operation) -> &mut Index<Place> {
        if operation == Operation::Charge { &mut self.charges } else { &mut self.credits }
    }

    fn put_hold(&mut self, account: &mut Account, hash: u64, hold: HoldState) {
        let (due, number, now) = (hold.release_at, account.number, account.state.time);
        let Self { holds, closed, .. } = self;
        let is_it = |place: &HoldPlace| place.row(closed).is_some_and(|row| row.is(number, &hold.key));
        if let Some(place) = holds.get_mut(hash, is_it) {
            let row = match place {
                HoldPlace::Open(row) => row,
                HoldPlace::Closed(serial) => {
                    if let Some(row) = closed.get_mut(*serial) {
                        row.state = hold;
                    }
                    return;
                }
            };
            let was_due = row.state.release_at;
            let open = hold.is_open();
            row.state = hold;
            if !open {
                place.close(closed, hash, now);
            } else if was_due == due {
                return;
            }
            account.due.remove(was_due, hash);
            self.find_next_due(account, was_due);
            if !open {
                return;
            }
        } else {
            holds.insert(hash, HoldPlace::Open(Box::new(HoldRow { account: number, state: hold })));
        }
        let open_holds = usize::try_from(account.state.open_holds).unwrap_or(usize::MAX);
        account.due.push(due, hash, open_holds, |at, hash| self.due_at(hash, number, at).is_some());
        account.state.next_due = account.state.next_due.min(due);
        self.next_due = self.next_due.min(due);
    }

    /// Releases holds of an account and books starts and ends of its credit that are due, each as a change of its own and
    /// in the order of time, holds that are due together in that of their keys, up to `limit`; says how many of each.
    fn book_due(
        &mut self,
        account: &mut Account,
        now: Timestamp,
        limit: u32,
        retained_entries: usize,
    ) -> (u32, u32) {
        let (now, number) = (account.state.time.max(now), account.number);
        let (mut released, mut booked) = (0_u32, 0_u32);
        // Holds that are due together, the first of them last.
        let (mut together, mut due_at) = (Vec::new(), Timestamp::MAX);
        while released.saturating_add(booked) < limit {
            let turn = account.state.grants.next_turn();
            if account.state.next_due <= now.min(turn) {
                let hash = match together.pop() {
                    Some(hash) => hash,
                    None => {
                        let Some((at, hash)) = account.due.pop() else { break };
                        due_at = at;
                        if account.due.soonest().is_some_and(|(next, _)| next == at) {
                            together = self.due_together(account, at, hash);
                        }
                        together.pop().unwrap_or(hash)
                    }
                };
                let at = due_at;
                let Self { holds, closed, .. } = self;
                if let Some(place) = holds.get_mut(hash, |place| place.due_at(number, at).is_some()) {
                    if let HoldPlace::Open(row) = place {
                        let Account { state, counters, .. } = account;
                        let changed = rules::release(state, counters.all(), &mut row.state, now);
                        counters.put(changed, now);
                    }
                    // What was due at `next_due` is due now.
                    place.close(closed, hash, now);
                    released = released.saturating_add(1);
                }
                if together.is_empty() {
                    self.find_next_due(account, at);
                }
            } else if turn <= now {
                let Some(entry) = rules::turn(&mut account.state, now) else { break };
                self.push_entry(account, entry, retained_entries);
                booked = booked.saturating_add(1);
            } else {
                break;
            }
        }
        for hash in together {
            account.due.push(due_at, hash, usize::MAX, |_, _| true);
        }
        (released, booked)
    }

    /// The holds of an account that are due at the same time as the one just taken out, which are taken out too, by their keys
    /// from the last to the first. The order in which they are found says nothing, and differs from run to run.
    fn due_together(&self, account: &mut Account, at: Timestamp, hash: u64) -> Vec<u64> {
        let mut together = vec![hash];
        while account.due.soonest().is_some_and(|(next, _)| next == at) {
            together.extend(account.due.pop().map(|(_, hash)| hash));
        }
        let number = account.number;
        let key = |hash: &u64| self.due_at(*hash, number, at).map(|hold| std::cmp::Reverse(hold.key.clone()));
        together.sort_by_cached_key(key);
        together
    }

    /// Makes `next_due` exact again after the hold that was due at `was_due` no longer is: the time of the topmost item
    /// whose hold is open and due then, as long as every open hold has such an item.
    fn find_next_due(&self, account: &mut Account, was_due: Timestamp) {
        if was_due > account.state.next_due {
            return;
        }
        while let Some((at, hash)) = account.due.soonest() {
            if self.due_at(hash, account.number, at).is_some() {
                account.state.next_due = at;
                return;
            }
            account.due.pop();
        }
        account.state.next_due = Timestamp::MAX;
    }
}

impl Account {
    fn new(id: AccountId, number: u32, unit: Unit) -> Self {
        let state = AccountState::empty(unit);
        Self {
            id,
            number,
            state,
            counters: Counters::default(),
            due: Due::default(),
            history: History::default(),
        }
    }
}
