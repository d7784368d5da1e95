//! One part of the accounts of a memory ledger, with its holds, entries and the keys it remembers.

use std::collections::hash_map::{Entry as Slot, RandomState};
use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher};

use super::broken;
use super::due::Due;
use crate::account::Applied;
use crate::amount::Unit;
use crate::clock::Timestamp;
use crate::content::Declared;
use crate::entry::{Entry, EntryKind, Operation};
use crate::error::LedgerError;
use crate::hold::HoldState;
use crate::id::{AccountId, IdempotencyKey};
use crate::ledger::reply::{HoldsPage, Statement};
use crate::ledger::request::{HoldsCursor, Order, StatementRequest};
use crate::ledger::rules::{self, AccountState, Changes, Decision, Stop};
use crate::limits::Limits;

/// How many keys beyond the bound or past their retention one decision forgets, so that none pays for an idle night.
const FORGET_BATCH: usize = 16;

/// What a row is found by: its account's number within the shard, half the size of naming the account in every row,
/// and its key. With their hash, so that finding, storing and forgetting a row reads a key's text once.
#[derive(Clone, Debug, Eq)]
struct RowKey {
    hash: u32,
    account: u32,
    key: IdempotencyKey,
}

impl PartialEq for RowKey {
    fn eq(&self, other: &Self) -> bool {
        (self.hash, self.account) == (other.hash, other.account)
            && (std::ptr::eq(self.key.as_str(), other.key.as_str()) || self.key == other.key)
    }
}

impl Hash for RowKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u32(self.hash);
    }
}

/// Takes the hash that a [`RowKey`] carries, which came from a keyed hasher.
#[derive(Debug, Default)]
struct KnownHash(u64);

impl Hasher for KnownHash {
    fn write(&mut self, _: &[u8]) {}

    fn write_u32(&mut self, hash: u32) {
        // The table takes its place from the low bits, and what it compares first from the high ones.
        self.0 = u64::from(hash).rotate_left(32) | u64::from(hash);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

type RowMap<T> = HashMap<RowKey, T, BuildHasherDefault<KnownHash>>;

#[derive(Debug)]
pub(super) struct Shard {
    accounts: HashMap<AccountId, Box<Account>>,
    rows: Rows,
    retained_keys: usize,
    retained_entries: usize,
}

/// The rows of all accounts of a shard, found by key.
#[derive(Debug)]
pub(super) struct Rows {
    hasher: RandomState,
    holds: RowMap<Box<HoldState>>,
    /// Where the charge with a key stands: the sequence number of its entry.
    charges: RowMap<u64>,
    /// The same of grants, top-ups, refunds and adjustments, whose keys are a set of their own.
    credits: RowMap<u64>,
    /// Closed holds in the order in which they were closed, with the time until which their keys are kept.
    closed: VecDeque<(Timestamp, RowKey)>,
    /// No hold of the shard is due before this.
    next_due: Timestamp,
}

#[derive(Debug)]
pub(super) struct Account {
    pub(super) number: u32,
    pub(super) state: AccountState,
    due: Due,
    /// In order of their sequence numbers.
    entries: VecDeque<Entry>,
    /// What was folded away before the first entry.
    opening: Option<Box<Entry>>,
}

impl Shard {
    pub(super) fn new(retained_keys: usize, retained_entries: usize) -> Self {
        Self {
            accounts: HashMap::new(),
            rows: Rows {
                hasher: RandomState::new(),
                holds: HashMap::default(),
                charges: HashMap::default(),
                credits: HashMap::default(),
                closed: VecDeque::new(),
                next_due: Timestamp::MAX,
            },
            retained_keys,
            retained_entries,
        }
    }

    /// Runs a rule on an account and the hold that the request names, with everything released that is due, and stores
    /// what it decided.
    ///
    /// `unit` is given by requests that may create the account; for the others an account that does not exist has no
    /// hold either.
    pub(super) fn decide<T>(
        &mut self,
        id: &AccountId,
        hold: Option<&IdempotencyKey>,
        unit: Option<Unit>,
        now: Timestamp,
        rule: impl Fn(&Account, Option<&HoldState>, &Rows) -> Decision<T>,
    ) -> Result<Applied<T>, LedgerError> {
        let count = self.accounts.len();
        let Some(account) = self.accounts.get_mut(id) else {
            let unit = unit.ok_or(LedgerError::UnknownHold)?;
            let number = u32::try_from(count).map_err(|_| broken("too many accounts in a shard"))?;
            let mut account = Account::new(number, unit);
            // Refused, it leaves no trace.
            let outcome = rule(&account, None, &self.rows).map_err(refusal)?;
            if let Some(changes) = outcome.changes {
                let row = hold.map(|key| self.rows.key(number, key));
                self.rows.apply(&mut account, row, changes, self.retained_entries);
                self.accounts.insert(id.clone(), Box::new(account));
            }
            return Ok(outcome.reply);
        };
        let row = hold.map(|key| self.rows.key(account.number, key));
        self.rows.release_due(account, now, usize::MAX);
        let known = row.as_ref().and_then(|row| self.rows.holds.get(row)).map(Box::as_ref);
        let outcome = rule(account, known, &self.rows).map_err(refusal)?;
        if let Some(changes) = outcome.changes {
            self.rows.apply(account, row, changes, self.retained_entries);
        }
        Ok(outcome.reply)
    }

    /// Releases everything of an account that is due.
    pub(super) fn release_all(&mut self, id: &AccountId, now: Timestamp) {
        if let Some(account) = self.accounts.get_mut(id) {
            self.rows.release_due(account, now, usize::MAX);
        }
    }

    pub(super) fn view(&self, id: &AccountId) -> Option<(&Account, &Rows)> {
        self.accounts.get(id).map(|account| (account.as_ref(), &self.rows))
    }

    /// Forgets the keys of closed holds beyond the bound, and some of those beyond their time.
    pub(super) fn forget(&mut self, now: Timestamp) {
        // Some at once: rows closed long ago are out of the caches, and are fetched together sooner than one by one.
        let slack = (self.retained_keys / 64).min(FORGET_BATCH);
        let closed = &mut self.rows.closed;
        let beyond = closed.len().saturating_sub(self.retained_keys);
        let batch = if beyond > slack {
            beyond
        } else {
            closed.iter().take(FORGET_BATCH).take_while(|(until, _)| *until <= now).count()
        };
        if batch > 0 {
            let holds = &mut self.rows.holds;
            let forgotten: Vec<_> =
                closed.drain(..batch).map(|(_, row)| (holds.remove_entry(&row), row)).collect();
            drop(forgotten);
        }
    }

    /// Releases up to `limit` due holds, whosever they are.
    pub(super) fn sweep(&mut self, limit: u32, now: Timestamp) -> u32 {
        let mut left = usize::try_from(limit).unwrap_or(usize::MAX);
        if self.rows.next_due > now {
            return 0;
        }
        let mut next_due = Timestamp::MAX;
        for account in self.accounts.values_mut() {
            left = left.saturating_sub(self.rows.release_due(account, now, left));
            next_due = next_due.min(account.state.next_due);
        }
        self.rows.next_due = next_due;
        limit.saturating_sub(u32::try_from(left).unwrap_or(u32::MAX))
    }
}

fn refusal(stop: Stop) -> LedgerError {
    match stop {
        Stop::Refuse(error) => error,
        Stop::ReleaseFirst => broken("a rule asked for releases that are not due"),
    }
}

impl Rows {
    fn key(&self, account: u32, key: &IdempotencyKey) -> RowKey {
        // The low half.
        let hash = u32::try_from(self.hasher.hash_one((account, key)) & 0xffff_ffff).unwrap_or_default();
        RowKey { hash, account, key: key.clone() }
    }

    pub(super) fn hold(&self, account: u32, key: &IdempotencyKey) -> Option<&HoldState> {
        self.holds.get(&self.key(account, key)).map(Box::as_ref)
    }

    /// The posting with this key.
    pub(super) fn entry<'a>(
        &self,
        account: &'a Account,
        operation: Operation,
        key: &IdempotencyKey,
    ) -> Option<&'a Entry> {
        let postings = if operation == Operation::Charge { &self.charges } else { &self.credits };
        let seq = postings.get(&self.key(account.number, key))?;
        account.entries.get(account.position(*seq).ok()?)
    }

    /// The open holds of an account, by when they are due.
    pub(super) fn page(&self, account: &Account, after: Option<&HoldsCursor>, limit: usize) -> HoldsPage {
        let mut due: Vec<_> = account
            .due
            .iter()
            .filter(|(at, key)| after.is_none_or(|after| (*at, *key) > (after.release_at, &after.key)))
            .collect();
        due.sort_unstable();
        due.dedup();
        let mut open = due.into_iter().filter_map(|(at, key)| {
            self.hold(account.number, key).filter(|hold| hold.is_open() && hold.release_at == at)
        });
        let holds: Vec<HoldState> = open.by_ref().take(limit).cloned().collect();
        let next = holds
            .last()
            .filter(|_| open.next().is_some())
            .map(|hold| HoldsCursor { release_at: hold.release_at, key: hold.key.clone() });
        HoldsPage { holds, next, seq: account.state.seq }
    }

    /// Stores what a rule decided; `row` is the hold that the request names.
    fn apply(
        &mut self,
        account: &mut Account,
        row: Option<RowKey>,
        changes: Changes,
        retained_entries: usize,
    ) {
        account.state = changes.account;
        if let Some((row, hold)) = row.zip(changes.hold) {
            self.put_hold(account, row, hold);
        }
        if let Some(charge) = changes.charge
            && let Ok(position) = account.position(charge.seq)
            && let Some(stored) = account.entries.get_mut(position)
        {
            *stored = charge;
        }
        if let Some(entry) = changes.entry {
            if entry.operation != Operation::Hold {
                let row = self.key(account.number, &entry.key);
                self.postings_mut(entry.operation).insert(row, entry.seq);
            }
            account.push(entry);
            while account.entries.len() > retained_entries {
                let Some((operation, key)) = account.fold_oldest() else { break };
                if operation != Operation::Hold {
                    let row = self.key(account.number, &key);
                    self.postings_mut(operation).remove(&row);
                }
            }
        }
    }

    fn postings_mut(&mut self, operation: Operation) -> &mut RowMap<u64> {
        if operation == Operation::Charge { &mut self.charges } else { &mut self.credits }
    }

    fn put_hold(&mut self, account: &mut Account, row: RowKey, hold: HoldState) {
        let (open, due) = (hold.is_open(), hold.release_at);
        let moved = match self.holds.entry(row.clone()) {
            Slot::Occupied(mut stored) => {
                let stored = stored.get_mut();
                let moved = stored.release_at != due;
                let closed = stored.is_open() && !open;
                let was_due = stored.release_at;
                **stored = hold;
                if closed {
                    let until = kept_until(stored, account.state.time);
                    self.closed.push_back((until, row.clone()));
                }
                if closed || moved {
                    account.due.remove(was_due, &row.key);
                    self.find_next_due(account, was_due);
                }
                moved
            }
            Slot::Vacant(slot) => {
                slot.insert(Box::new(hold));
                true
            }
        };
        if open && moved {
            let open_holds = usize::try_from(account.state.open_holds).unwrap_or(usize::MAX);
            account.due.push(due, row.key, open_holds, |at, key| {
                self.hold(account.number, key).is_some_and(|hold| hold.is_open() && hold.release_at == at)
            });
            account.state.next_due = account.state.next_due.min(due);
            self.next_due = self.next_due.min(due);
        }
    }

    /// Releases holds of an account that are due, up to `limit`; says how many.
    fn release_due(&mut self, account: &mut Account, now: Timestamp, limit: usize) -> usize {
        let now = account.state.at(now).time;
        let mut released = 0_usize;
        while released < limit && account.state.next_due <= now {
            let Some((at, key)) = account.due.pop() else { break };
            let row = self.key(account.number, &key);
            if let Some(hold) = self.holds.get_mut(&row)
                && hold.is_open()
                && hold.release_at == at
            {
                rules::release(&mut account.state, hold, now);
                self.closed.push_back((kept_until(hold, now), row));
                released = released.saturating_add(1);
            }
            self.find_next_due(account, at);
        }
        released
    }

    /// Makes `next_due` exact again after the hold that was due at `was_due` no longer is: the time of the topmost item
    /// whose hold is open and due then, as long as every open hold has such an item.
    fn find_next_due(&self, account: &mut Account, was_due: Timestamp) {
        if was_due > account.state.next_due {
            return;
        }
        while let Some((at, key)) = account.due.soonest() {
            let open = self.hold(account.number, key).filter(|hold| hold.is_open() && hold.release_at == at);
            if open.is_some() {
                account.state.next_due = at;
                return;
            }
            account.due.pop();
        }
        account.state.next_due = Timestamp::MAX;
    }
}

/// Until when the key of a hold that was just closed is kept: max(lifetime + grace, 24 h).
fn kept_until(hold: &HoldState, now: Timestamp) -> Timestamp {
    let lifetime_and_grace = hold.release_at.saturating_since(hold.opened_at);
    now.saturating_add(lifetime_and_grace.max(Limits::KEY_RETENTION))
}

impl Account {
    fn new(number: u32, unit: Unit) -> Self {
        Self {
            number,
            state: AccountState::empty(unit),
            due: Due::None,
            entries: VecDeque::new(),
            opening: None,
        }
    }

    /// Where the entry with this sequence number is, or would be.
    fn position(&self, seq: u64) -> Result<usize, usize> {
        self.entries.binary_search_by_key(&seq, Entry::seq)
    }

    fn push(&mut self, entry: Entry) {
        // Grown by half instead of doubled, and from one: most accounts have few entries.
        if self.entries.len() == self.entries.capacity() {
            self.entries.reserve_exact(self.entries.len().div_ceil(2).max(1));
        }
        self.entries.push_back(entry);
    }

    /// Folds the oldest entry into the opening one; says which key goes with it.
    fn fold_oldest(&mut self) -> Option<(Operation, IdempotencyKey)> {
        let oldest = self.entries.pop_front()?;
        let opening = self.opening.get_or_insert_with(|| {
            Box::new(Entry {
                key: IdempotencyKey::opening(),
                declared: Declared::default(),
                uncollected: 0,
                refunded: 0,
                of: None,
                kind: EntryKind::Opening,
                operation: Operation::Credit,
                late: false,
                ..oldest
            })
        });
        (opening.seq, opening.booked_at) = (oldest.seq, oldest.booked_at);
        // What is posted after it is the sum of everything up to it.
        (opening.amount, opening.posted_after) = (oldest.posted_after, oldest.posted_after);
        opening.uncollected = opening.uncollected.saturating_add(oldest.uncollected);
        Some((oldest.operation, oldest.key))
    }

    pub(super) fn page(&self, request: &StatementRequest, limit: usize) -> Statement {
        let opening = self.opening.as_deref();
        let after = request.after;
        let all = opening.into_iter().chain(&self.entries);
        // Skipped by position, not by walking: a page costs the same however long the history is.
        let (entries, more): (Vec<Entry>, bool) = match request.order {
            Order::OldestFirst => {
                let from = after.map_or(0, |seq| {
                    let kept = self.entries.partition_point(|entry| entry.seq <= seq);
                    kept.saturating_add(opening.iter().filter(|entry| entry.seq <= seq).count())
                });
                take(all.skip(from), limit)
            }
            Order::NewestFirst => {
                let from = after.map_or(0, |seq| {
                    let kept = self.entries.partition_point(|entry| entry.seq < seq);
                    self.entries
                        .len()
                        .saturating_sub(kept)
                        .saturating_add(opening.iter().filter(|entry| entry.seq >= seq).count())
                });
                take(all.rev().skip(from), limit)
            }
        };
        let next = entries.last().filter(|_| more).map(Entry::seq);
        Statement { entries, next, seq: self.state.seq }
    }
}

fn take<'a>(mut entries: impl Iterator<Item = &'a Entry>, limit: usize) -> (Vec<Entry>, bool) {
    let page = entries.by_ref().take(limit).cloned().collect();
    (page, entries.next().is_some())
}
