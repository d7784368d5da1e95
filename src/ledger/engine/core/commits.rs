//! Deciding, and what became of what was decided.

use std::collections::VecDeque;
use std::time::Duration;

use crate::amount::Amount;
use crate::clock::Timestamp;
use crate::error::LedgerError;
use crate::id::AccountId;
use crate::ledger::engine::command::{Answer, Work};
use crate::ledger::engine::core::{Core, rest, unavailable};
use crate::ledger::engine::decide::{Decided, decide, scopes_of_hold};
use crate::ledger::engine::draft::Draft;
use crate::ledger::engine::known::Known;
use crate::ledger::engine::observe::Event;
use crate::ledger::engine::slot::{Flight, Load, Pending, Phase, Slot, Waiting};
use crate::ledger::reply::Found;
use crate::ledger::store::asks::Turn;
use crate::ledger::store::records::Version;
use crate::ledger::store::sets::{Outcome, Set};

/// How much that is due is loaded and booked at a time.
pub(super) const DUE_BATCH: u32 = 1_000;

/// What came of looking at an account.
struct Built {
    /// When, on the monotonic clock.
    tick: u64,
    set: Option<Set>,
    answers: Vec<(Waiting, Result<Answer, LedgerError>)>,
}

impl Core {
    /// The next sets to commit, unless some are being committed or there is nothing to do. `now` is the store's time.
    pub(crate) fn next_commit(&mut self, tick: u64, now: Timestamp) -> Option<Vec<Set>> {
        self.wake(tick);
        if !self.committing.is_empty() {
            return None;
        }
        let (mut sets, mut commands, mut among) = (Vec::new(), 0_usize, usize::MAX);
        while commands < self.limits.commit
            && let Some(id) = self.ready.front().cloned()
        {
            let Some(slot) = self.slots.get(&id) else {
                self.ready.pop_front();
                continue;
            };
            among = among.min(slot.among);
            if sets.len() >= among {
                break;
            }
            self.ready.pop_front();
            let Some(mut slot) = self.slots.remove(&id) else { continue };
            let waited = slot.waiting();
            let built = self.build(&id, &mut slot, tick, now);
            commands = commands.saturating_add(waited.saturating_sub(slot.waiting()));
            let is_set = built.set.is_some();
            if let Some(set) = built.set {
                sets.push(set);
                self.committing.push(id.clone());
            } else {
                slot.phase = Phase::Idle;
            }
            self.slots.insert(id.clone(), slot);
            for (waiting, answer) in built.answers {
                self.answer(tick, waiting, answer);
            }
            if !is_set {
                self.schedule(tick, &id);
            }
        }
        (!sets.is_empty()).then_some(sets)
    }

    /// Decides what waits for an account, as far as that can be done with what is known.
    fn build(&mut self, id: &AccountId, slot: &mut Slot, tick: u64, now: Timestamp) -> Built {
        let mut built = Built { tick, set: None, answers: Vec::new() };
        let Some(mut known) = slot.known.take() else {
            slot.load = Load::Soon;
            return built;
        };
        let now = slot.store_time.take().filter(|_| slot.off_clock).unwrap_or(now);
        slot.decided_at = known.state.as_ref().map_or(now, |state| state.time.max(now));
        let held_before = known.state.as_ref().map_or(0, |state| state.held);
        let mut draft = Draft::new(self.stamps.next(), now);
        let mut pending = Vec::new();
        if slot.needs_fence {
            draft.fence = true;
        } else {
            self.decide_all(slot, &mut known, &mut draft, &mut pending, &mut built, now);
        }
        // Nobody else is to wait for a turn that is not needed.
        draft.fence |= std::mem::take(&mut slot.has_turn);
        if draft.is_empty() {
            // What was decided on nothing but the loaded state can be answered.
            built.answers.extend(pending.into_iter().map(|pending| (pending.waiting, pending.answer)));
            known.settle(&[]);
        } else {
            let (expected, holds) = (known.version, draft.holds.clone());
            let set = draft.finish(&mut known, id.clone(), self.engine);
            let posted = set.new_entries.iter().filter(|record| record.has_key());
            let new_entries =
                posted.map(|record| (record.entry.operation, record.entry.key.clone())).collect();
            let new_holds = set.new_holds.iter().map(|record| record.hold.key.clone()).collect();
            let version = set.put.version;
            let state = &set.put.state;
            let held = state.unit.minor(state.held.saturating_sub(held_before));
            let flight = Flight { expected, version, pending, held, holds, new_holds, new_entries };
            slot.phase = Phase::Committing(Box::new(flight));
            built.set = Some(set);
        }
        slot.known = Some(known);
        slot.is_loaded = false;
        built
    }

    fn decide_all(
        &self,
        slot: &mut Slot,
        known: &mut Known,
        draft: &mut Draft,
        pending: &mut Vec<Pending>,
        built: &mut Built,
        now: Timestamp,
    ) {
        let just_loaded = slot.is_loaded;
        // Parked commands are looked at again once there is something new to decide them by.
        let mut next: VecDeque<Waiting> = VecDeque::new();
        if just_loaded {
            (next, slot.load) = (std::mem::take(&mut slot.parked), Load::No);
            slot.parked_keys.clear();
        }
        let guards = self.guards();
        let (mut is_booked, mut more_due, mut blocked) = (!guards.due, false, false);
        loop {
            if pending.len() >= self.limits.set || draft.rows() >= self.limits.set.saturating_mul(4) {
                // What was parked before stays before what came later.
                for waiting in next {
                    slot.park(waiting, Load::Soon);
                }
                break;
            }
            let Some(mut waiting) = next.pop_front().or_else(|| slot.queue.pop_front()) else { break };
            if waiting.command.deadline <= built.tick {
                built.answers.push((waiting, Err(unavailable("it waited longer than allowed"))));
                continue;
            }
            if blocked
                || slot.is_behind(&waiting)
                || (waiting.command.work.is_read() && !slot.parked.is_empty())
            {
                // Who only reads need not wait until enough refusals share a load.
                let load = if waiting.command.work.is_read() { Load::Soon } else { slot.load };
                slot.park(waiting, load);
                continue;
            }
            if let Work::Sweep { limit } = waiting.command.work {
                self.sweep(slot, known, draft, pending, waiting, limit);
                continue;
            }
            if !is_booked {
                let booked = draft.book_due(known, DUE_BATCH);
                (is_booked, more_due) = (true, booked.more);
                // Replies are exact if everything due is booked first. More than a batch may be left to later rounds.
                let must_load = !booked.missing.is_empty() || !just_loaded;
                slot.scopes.extend(booked.missing);
                if more_due && must_load {
                    blocked = true;
                    slot.park(waiting, Load::Soon);
                    continue;
                }
            }
            match decide(known, &waiting.command.work, now, &mut draft.window) {
                Decided::Changes(changes, answer) => {
                    draft.apply(known, *changes);
                    // Applied before, it would have nothing left to change.
                    waiting.is_doubtful = false;
                    pending.push(Pending { waiting, answer: Ok(answer) });
                }
                Decided::DueFirst => slot.park(waiting, Load::Soon),
                Decided::Missing(scopes) => {
                    slot.scopes.extend(scopes);
                    slot.park(waiting, Load::Soon);
                }
                Decided::Same(answer) => {
                    let is_proved = is_proved(known, &waiting, &answer, more_due) || !guards.fresh;
                    if !is_proved {
                        slot.park(waiting, load_for(&answer));
                        continue;
                    }
                    // That something was not applied is true once nothing on its way can be any more.
                    if matches!(answer, Ok(Answer::Found(Found::NotApplied))) && guards.fence {
                        draft.fence = true;
                    }
                    if draft.is_empty() {
                        built.answers.push((waiting, answer));
                    } else {
                        pending.push(Pending { waiting, answer });
                    }
                }
            }
        }
    }

    /// Books what is due as far as the sweep may.
    fn sweep(
        &self,
        slot: &mut Slot,
        known: &mut Known,
        draft: &mut Draft,
        pending: &mut Vec<Pending>,
        waiting: Waiting,
        limit: u32,
    ) {
        if waiting.arrived > known.proven {
            slot.park(waiting, Load::Soon);
            return;
        }
        let booked = draft.book_due(known, limit);
        if !booked.missing.is_empty() && booked.released.saturating_add(booked.booked) == 0 {
            slot.scopes.extend(booked.missing);
            slot.park(waiting, Load::Soon);
            return;
        }
        // Where nothing was due though the store said so, it is told better.
        let state = known.state.as_ref();
        let next = state.map_or(Timestamp::MAX, |state| state.next_due.min(state.grants.next_turn()));
        if draft.is_empty() && state.is_some() && known.stored_due < next {
            draft.fence = true;
        }
        let answer = Answer::Swept { released: booked.released, booked: booked.booked, more: booked.more };
        pending.push(Pending { waiting, answer: Ok(answer) });
    }

    /// What became of the sets that [`next_commit`](Self::next_commit) gave, in their order.
    pub(crate) fn committed(&mut self, tick: u64, took: Duration, outcomes: Vec<Outcome>) {
        let ids = std::mem::take(&mut self.committing);
        let among = ids.len();
        let some_applied = outcomes.contains(&Outcome::Applied);
        let mut outcomes = outcomes.into_iter();
        let (mut commands, mut held) = (0_usize, Vec::new());
        for id in ids {
            // A store that says too little does not say that nothing was done.
            let outcome = outcomes.next().unwrap_or_else(|| Outcome::Unknown("no outcome".to_owned()));
            let Some(slot) = self.slots.get_mut(&id) else { continue };
            let Phase::Committing(flight) = std::mem::take(&mut slot.phase) else { continue };
            commands = commands.saturating_add(flight.pending.len());
            if self.observed && outcome == Outcome::Applied {
                add(&mut held, flight.held);
            }
            self.land(tick, &id, *flight, outcome, if some_applied { 1 } else { among });
            self.schedule(tick, &id);
        }
        self.tell(|| Event::Committed { accounts: among, commands, took, held });
    }

    fn land(&mut self, tick: u64, id: &AccountId, flight: Flight, outcome: Outcome, among: usize) {
        let Some(slot) = self.slots.get_mut(id) else { return };
        if outcome == Outcome::Applied {
            (slot.seen, slot.conflicts, slot.rejections) = (Some(flight.version), 0, 0);
            (slot.among, slot.off_clock) = (usize::MAX, false);
            if let Some(known) = &mut slot.known {
                known.settle(&flight.holds);
            }
            if slot.needs_fence {
                // Now the lost one can no longer be applied: what it was about is decided again.
                slot.needs_fence = false;
                if let Some(lost) = slot.lost.take() {
                    slot.put_back(lost.pending);
                }
            }
            for Pending { waiting, answer } in flight.pending {
                self.answer(tick, waiting, answer);
            }
            return;
        }
        if let Some(known) = &slot.known {
            // Which counters these holds are in is known here; a load that took the account's turn has to bring all that is needed.
            let holds = flight.holds.iter().filter_map(|key| known.hold(key));
            slot.scopes.extend(holds.flat_map(|hold| scopes_of_hold(&hold.record.hold)));
        }
        slot.forget();
        slot.seen = slot.seen.or(flight.expected);
        slot.needs_fence = false;
        match outcome {
            Outcome::Conflict(_) => {
                slot.conflicts = slot.conflicts.saturating_add(1);
                slot.put_back(flight.pending);
                self.tell(|| Event::Conflict { account: id.clone() });
            }
            Outcome::TurnTaken(_) => {
                slot.conflicts = slot.conflicts.saturating_add(1);
                let wait = u64::try_from(Turn::LONGEST.as_micros()).unwrap_or_default() / 10;
                slot.not_before = tick.saturating_add(wait);
                slot.put_back(flight.pending);
                self.tell(|| Event::Conflict { account: id.clone() });
            }
            Outcome::OutOfWindow(_) => {
                slot.off_clock = true;
                slot.put_back(flight.pending);
            }
            Outcome::Rejected(_) if among > 1 => {
                // Somebody else's set may be the reason: with fewer others each time, until it is alone.
                slot.among = among.div_ceil(2);
                slot.put_back(flight.pending);
            }
            Outcome::Rejected(detail) => {
                slot.rejections = slot.rejections.saturating_add(1);
                slot.not_before = tick.saturating_add(rest(slot.rejections));
                slot.put_back(flight.pending);
                self.tell(|| Event::Rejected { account: id.clone(), detail: detail.clone() });
                self.fail_certain(tick, id, &unavailable(&detail));
            }
            Outcome::Unavailable(detail) => {
                slot.put_back(flight.pending);
                self.fail_certain(tick, id, &unavailable(&detail));
            }
            Outcome::Unknown(detail) => {
                self.tell(|| Event::Unknown { account: id.clone(), detail: detail.clone() });
                self.lose(id, flight);
            }
            // A load tells who has the key, and the command is decided again.
            Outcome::KeyTaken | Outcome::Applied => slot.put_back(flight.pending),
        }
    }

    /// Keeps what was perhaps applied until a load tells.
    fn lose(&mut self, id: &AccountId, flight: Flight) {
        let Some(slot) = self.slots.get_mut(id) else { return };
        match &mut slot.lost {
            // It was only the fence against an earlier one.
            Some(lost) => lost.pending.extend(flight.pending),
            None => slot.lost = Some(Box::new(flight)),
        }
        slot.load = Load::Soon;
    }
}

/// Adds to the sum of its unit.
fn add(sums: &mut Vec<Amount>, amount: Amount) {
    let same = sums.iter_mut().find(|sum| sum.unit() == amount.unit());
    match same {
        Some(sum) => *sum = amount.unit().minor(sum.minor().saturating_add(amount.minor())),
        None if amount.minor() != 0 => sums.push(amount),
        None => {}
    }
}

/// Whether an answer that changes nothing holds: what it was decided on was loaded after the command had arrived, and the
/// row that its key names with it.
fn is_proved(known: &Known, waiting: &Waiting, answer: &Result<Answer, LedgerError>, more_due: bool) -> bool {
    let key_is_known = known.version.is_none()
        || match waiting.command.work.key() {
            Some((operation, key)) => known.knows(operation, key),
            None => !more_due,
        };
    let is_exact = known.exact || !matches!(answer, Err(LedgerError::Insufficient(_)));
    waiting.arrived <= known.proven && key_is_known && is_exact
}

/// How soon an answer that is not proved needs a load.
const fn load_for(answer: &Result<Answer, LedgerError>) -> Load {
    match answer {
        Err(LedgerError::Insufficient(_) | LedgerError::CapReached(_)) => Load::Shared,
        _ => Load::Soon,
    }
}

/// The version that an account has, or had for certain.
pub(super) fn later(one: Option<Version>, other: Option<Version>) -> Option<Version> {
    match (one, other) {
        (Some(one), Some(other)) if other.commits > one.commits => Some(other),
        (Some(one), _) => Some(one),
        (None, other) => other,
    }
}
