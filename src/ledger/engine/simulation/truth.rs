//! What really happened to an account, and whether that, and what was said of it, is right.

use std::collections::{HashMap, HashSet};
use std::fmt;

use crate::clock::Timestamp;
use crate::entry::{EntryKind, Operation};
use crate::error::Shortfall;
use crate::hold::HoldStatus;
use crate::id::IdempotencyKey;
use crate::ledger::engine::simulation::hostile::Rows;
use crate::ledger::store::records::{EntryRecord, Stamp};
use crate::ledger::store::sets::Set;

/// What must be true at every moment of every run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Invariant {
    /// What is posted, held and open is the sum over the rows, at every version.
    Sums,
    /// Numbers of entries and versions go up by what happened, none twice.
    Sequence,
    /// A set lands once at most.
    SetOnce,
    /// A set lands within its window.
    Window,
    /// A hold whose time had ended, on the store's clock, is released or captured late, and nothing else.
    Lifetime,
    /// A key has one effect at most.
    KeyOnce,
    /// Available never falls below the debt that was allowed.
    Overdraft,
    /// An answer leaves when what it says has happened.
    Early,
    /// A change is told once as new; an answer comes after those that were there when it was asked for.
    Order,
    /// Who is the only one to use a key and is told that it was applied is told that it is new.
    FreshOnce,
    /// A refusal, and a balance, was true at a moment between question and answer.
    Untrue,
    /// What is told of an account has all booked that was due by the time it names.
    Overdue,
    /// What was said not to be applied, and never to be, does not happen later.
    Absent,
    /// Every command is answered within its bound.
    Starved,
    /// A store that lost something is reported, and one that did not is not.
    Regressed,
}

/// An invariant that did not hold.
#[derive(Debug)]
pub(crate) struct Violation {
    pub(crate) invariant: Invariant,
    what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.invariant, self.what)
    }
}

/// Fails with a text, unless it holds.
macro_rules! require {
    ($invariant:ident, $holds:expr, $($what:tt)+) => {
        if !$holds {
            let invariant = $crate::ledger::engine::simulation::truth::Invariant::$invariant;
            return Err($crate::ledger::engine::simulation::truth::Violation::new(invariant, format!($($what)+)));
        }
    };
}
pub(super) use require;

impl Violation {
    pub(super) const fn new(invariant: Invariant, what: String) -> Self {
        Self { invariant, what }
    }
}

/// The totals from one number on.
#[derive(Clone, Copy, Debug)]
struct State {
    seq: u64,
    /// When it came to be.
    step: u64,
    posted: i64,
    held: i64,
}

/// What has become of a key.
#[derive(Clone, Debug, Default)]
pub(super) struct Fate {
    /// How many commands that make something under it were submitted, and how many of those still run.
    pub(super) submitted: u32,
    pub(super) running: u32,
    /// When one of them was last submitted or ended.
    pub(super) touched: u64,
    /// When something was made under it.
    pub(super) made: Option<u64>,
    /// It was said that nothing can be made under it any more by what was submitted.
    pub(super) absent: bool,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Truth {
    /// In order; the first is the account that does not exist.
    states: Vec<State>,
    stamps: HashSet<Stamp>,
    posted: i64,
    held: i64,
    open: u32,
    /// How far below zero requests may go here, and adjustments went.
    pub(super) debt: i64,
    /// Whether it is looked at that sets land in their windows; what else breaks when they do not is always.
    windows: bool,
    /// The numbers that were told as new.
    told: HashSet<u64>,
    /// The latest number that was told.
    pub(super) latest_told: u64,
    pub(super) fates: HashMap<(Operation, IdempotencyKey), Fate>,
}

impl Truth {
    pub(super) fn new(debt: i64, windows: bool) -> Self {
        let states = vec![State { seq: 0, step: 0, posted: 0, held: 0 }];
        Self { states, debt, windows, ..Self::default() }
    }

    /// A set is about to be written on top of `rows`.
    pub(super) fn landing(
        &mut self,
        rows: &Rows,
        set: &Set,
        step: u64,
        now: Timestamp,
    ) -> Result<(), Violation> {
        let (put, state) = (&set.put, &set.put.state);
        require!(SetOnce, self.stamps.insert(put.version.stamp), "{} landed again", put.version.stamp);
        for record in &set.holds {
            let before = rows.holds.get(&record.hold.key).map(|before| &before.hold);
            let Some(before) = before.filter(|before| before.is_open() && before.release_at <= now) else {
                continue;
            };
            // Released first, it may still be captured late, or voided.
            let is_right = match record.hold.status {
                HoldStatus::Expired => true,
                HoldStatus::Voided => record.hold.rev >= before.rev + 2,
                _ => record.hold.late,
            };
            require!(Lifetime, is_right, "{:?} at {now}, was {before:?}", record.hold);
        }
        require!(
            Window,
            !self.windows || set.is_timely(now),
            "decided from {} until {}, landed at {now}",
            set.from,
            set.until
        );
        let (seq, commits) = (rows.seq(), rows.version().map_or(0, |version| version.commits));
        for record in &set.new_entries {
            let entry = record.entry();
            self.posted += entry.amount;
            if entry.kind == EntryKind::Adjustment {
                self.debt += (-entry.amount).max(0);
            }
            if record.has_key() {
                let known = rows.keys.contains_key(&(entry.operation, entry.key.clone()));
                require!(KeyOnce, !known, "{} posted again", entry.key);
                self.made(entry.operation, &entry.key, step)?;
            }
        }
        for record in &set.entries {
            let before = rows.entries.get(&record.entry.seq).map(|before| before.entry.amount);
            require!(Sums, before == Some(record.entry.amount), "entry {} was rewritten", record.entry.seq);
        }
        for (record, is_new) in
            set.new_holds.iter().map(|hold| (hold, true)).chain(set.holds.iter().map(|hold| (hold, false)))
        {
            let before = rows.holds.get(&record.hold.key).map(|before| &before.hold);
            require!(
                KeyOnce,
                is_new == before.is_none(),
                "hold {} new: {is_new}, was {before:?}",
                record.hold.key
            );
            if let Some(before) = before {
                self.held -= before.reserve();
                self.open -= u32::from(before.is_open());
                require!(
                    Sums,
                    record.hold.captured >= before.captured,
                    "hold {} captured less",
                    record.hold.key
                );
            } else {
                self.made(Operation::Hold, &record.hold.key, step)?;
            }
            self.held += record.hold.reserve();
            self.open += u32::from(record.hold.is_open());
        }
        let said = (state.posted, state.held, state.open_holds);
        let summed = (self.posted, self.held, self.open);
        require!(Sums, said == summed, "posted, held and open are said to be {said:?} and are {summed:?}");
        let (before, after) = (self.last().posted - self.last().held, state.posted - state.held);
        require!(
            Overdraft,
            after >= before.min(-self.debt),
            "{before} became {after}, allowed {}",
            self.debt
        );
        require!(
            Sequence,
            put.version.commits == commits + 1 && state.seq >= seq,
            "version {} and number {} after {commits} and {seq}",
            put.version.commits,
            state.seq
        );
        for entry in set.new_entries.iter().map(EntryRecord::entry) {
            let is_next = entry.seq > seq && entry.seq <= state.seq && !rows.entries.contains_key(&entry.seq);
            require!(Sequence, is_next, "entry {} after {seq} of {}", entry.seq, state.seq);
        }
        if state.seq > self.last().seq {
            self.states.push(State { seq: state.seq, step, posted: state.posted, held: state.held });
        }
        Ok(())
    }

    /// The sums are those over all rows, counted once more.
    pub(super) fn at_the_end(&self, rows: &Rows) -> Result<(), Violation> {
        let posted: i64 = rows.entries.values().map(|record| record.entry.amount).sum();
        let held: i64 = rows.holds.values().map(|record| record.hold.reserve()).sum();
        let last = self.last();
        require!(Sums, (last.posted, last.held) == (posted, held), "{last:?}, summed {posted} and {held}");
        let mut captured: HashMap<&IdempotencyKey, i64> = HashMap::new();
        let mut running = 0;
        for record in rows.entries.values() {
            let entry = &record.entry;
            running += entry.amount;
            require!(Sums, entry.posted_after == running, "entry {} says {}", entry.seq, entry.posted_after);
            if let Some(hold) = entry.hold().filter(|_| entry.kind == EntryKind::Charge) {
                *captured.entry(hold).or_default() -= entry.amount;
            }
        }
        for record in rows.holds.values() {
            let charged = captured.get(&record.hold.key).copied().unwrap_or(0);
            let said = record.hold.captured;
            require!(
                Sums,
                charged == said,
                "hold {} captured {said}, entries say {charged}",
                record.hold.key
            );
        }
        Ok(())
    }

    fn last(&self) -> State {
        *self.states.last().unwrap()
    }

    fn made(&mut self, operation: Operation, key: &IdempotencyKey, step: u64) -> Result<(), Violation> {
        let fate = self.fates.entry((operation, key.clone())).or_default();
        require!(Absent, !fate.absent, "{} {key} was said never to be applied", operation.as_str());
        fate.made = Some(step);
        Ok(())
    }

    /// A change was told as new, that was asked for when `floor` had been told.
    pub(super) fn told(&mut self, rows_seq: u64, seq: u64, floor: u64) -> Result<(), Violation> {
        require!(Early, seq <= rows_seq, "change {seq} was told, the store is at {rows_seq}");
        require!(Order, self.told.insert(seq), "change {seq} was told twice");
        require!(Order, seq > floor, "change {seq} was asked for after {floor}");
        self.latest_told = self.latest_told.max(seq);
        Ok(())
    }

    /// Something was seen in the state with this number.
    pub(super) fn seen(&mut self, rows_seq: u64, seq: u64, floor: u64) -> Result<(), Violation> {
        require!(Early, seq <= rows_seq, "state {seq} was told, the store is at {rows_seq}");
        require!(Order, seq >= floor, "state {seq} was told, asked for after {floor}");
        self.latest_told = self.latest_told.max(seq);
        Ok(())
    }

    /// These totals were true at some moment from `asked` to `answered`.
    pub(super) fn was_true(
        &self,
        rows: &Rows,
        (seq, posted, held): (u64, i64, i64),
        asked: u64,
        answered: u64,
    ) -> Result<(), Violation> {
        let next = self.states.partition_point(|state| state.seq <= seq);
        let (from, until) = (self.states[next - 1], self.states.get(next));
        if from.seq == seq {
            require!(
                Untrue,
                (from.posted, from.held) == (posted, held),
                "told {posted} and {held} at {from:?}"
            );
            let lasted = until.is_none_or(|until| until.step >= asked) && from.step <= answered;
            require!(Untrue, lasted, "{from:?} until {until:?}, asked at {asked}, answered at {answered}");
        } else {
            // A state within a set: it was there at the moment at which that landed.
            let lasted = until.is_some_and(|until| until.step >= asked && until.step <= answered);
            require!(
                Untrue,
                lasted,
                "{seq} within {from:?} and {until:?}, asked at {asked}, answered at {answered}"
            );
            let entry =
                rows.entries.range(..=seq).next_back().map_or(0, |(_, record)| record.entry.posted_after);
            require!(Untrue, entry == posted, "told {posted} at {seq}, the entries say {entry}");
        }
        Ok(())
    }

    pub(super) fn refused(
        &self,
        rows: &Rows,
        short: &Shortfall,
        asked: u64,
        answered: u64,
    ) -> Result<(), Violation> {
        let free = short.posted - short.held + short.debt_limit;
        require!(Untrue, short.required > free.max(0), "{} fit into {free}", short.required);
        self.was_true(rows, (short.seq, short.posted, short.held), asked, answered)
    }
}
