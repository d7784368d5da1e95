//! The loop of the engine without threads, clock or I/O: commands go in, sets and asks come out, outcomes and snapshots
//! go in, answers come out.
//!
//! Each account is at any time either being loaded or being committed or neither, so a snapshot is never older than what was
//! committed here. Commands of an account are decided in the order they came, except that one which needs a load lets others pass
//! that are about other keys. Reads let nothing pass.

mod commits;
mod loads;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use crate::error::LedgerError;
use crate::id::AccountId;
use crate::ledger::engine::command::{Answer, Command};
use crate::ledger::engine::generations::Generations;
use crate::ledger::engine::known::Known;
use crate::ledger::engine::observe::Event;
use crate::ledger::engine::slot::{Load, Phase, Slot, Waiting};
use crate::ledger::store::records::{Stamp, Stamps};

/// How many loads an account that keeps being refused has at once, before they have to be apart.
const REFUSAL_LOADS: u64 = 32;
/// How long an account rests that the store would not take: doubled each time, in microseconds.
const FIRST_REST: u64 = 50_000;
const LONGEST_REST: u64 = 5_000_000;

/// How long until the store is asked again what became of something that was perhaps applied, in microseconds.
const RETRY: u64 = 20_000;

/// Bounds of what a core keeps.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CoreLimits {
    /// The most commands that wait, of all accounts and of one.
    pub(crate) waiting: usize,
    pub(crate) waiting_of_one: usize,
    /// The least that is remembered of accounts that are not being used, in rows; and of holds of one account.
    pub(crate) remembered: usize,
    pub(crate) remembered_holds: usize,
    /// The most commands in one commit, and the most of one account.
    pub(crate) commit: usize,
    pub(crate) set: usize,
    /// How far loads for nothing but refusals of one account are apart when there are many, in microseconds.
    pub(crate) refusals_apart: u64,
}

impl CoreLimits {
    pub(crate) const DEFAULT: Self = Self {
        waiting: 65_536,
        waiting_of_one: 32_768,
        remembered: 200_000,
        remembered_holds: 100_000,
        commit: 4_096,
        set: 2_048,
        refusals_apart: 100_000,
    };
}

/// What protects the ledger where stores and networks do their worst. Tests turn each off, and see what breaks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Guards {
    /// A commit whose answer was lost is recognised by its stamp.
    pub(crate) stamp: bool,
    /// A commit that may still be on its way is kept from being applied.
    pub(crate) fence: bool,
    /// A refusal needs a load that began after the command arrived.
    pub(crate) fresh: bool,
    /// What is due is booked before anything is decided.
    pub(crate) due: bool,
    /// An engine that lost an account twice takes a turn.
    pub(crate) turn: bool,
}

impl Guards {
    pub(crate) const ALL: Self = Self { stamp: true, fence: true, fresh: true, due: true, turn: true };
}

#[derive(Debug)]
pub(crate) struct Core {
    engine: Stamp,
    stamps: Stamps,
    limits: CoreLimits,
    #[cfg(test)]
    pub(crate) guards: Guards,
    slots: HashMap<AccountId, Slot>,
    cache: Generations<AccountId, Box<Known>>,
    /// Accounts to decide about, in order.
    ready: VecDeque<AccountId>,
    /// Accounts to load, in order.
    wanting: VecDeque<AccountId>,
    timers: BTreeSet<(u64, AccountId)>,
    /// Accounts whose sets are being committed, in the order of the sets.
    committing: Vec<AccountId>,
    /// Accounts that are being loaded, in the order of the asks.
    loading: Vec<AccountId>,
    /// Loads for refusals: when, on the monotonic clock, the account will have had its share.
    refusal_loads: HashMap<AccountId, u64>,
    arrivals: u64,
    waiting: usize,
    /// Whether anybody wants to know what happens.
    observed: bool,
    events: Vec<Event>,
}

impl Core {
    pub(crate) fn new(mut stamps: Stamps, limits: CoreLimits, observed: bool) -> Self {
        Self {
            engine: stamps.next(),
            stamps,
            limits,
            #[cfg(test)]
            guards: Guards::ALL,
            slots: HashMap::new(),
            cache: Generations::new(limits.remembered),
            ready: VecDeque::new(),
            wanting: VecDeque::new(),
            timers: BTreeSet::new(),
            committing: Vec::new(),
            loading: Vec::new(),
            refusal_loads: HashMap::new(),
            arrivals: 0,
            waiting: 0,
            observed,
            events: Vec::new(),
        }
    }

    #[cfg(test)]
    const fn guards(&self) -> Guards {
        self.guards
    }

    #[cfg(not(test))]
    #[allow(clippy::unused_self, reason = "in tests they can be turned off")]
    const fn guards(&self) -> Guards {
        Guards::ALL
    }

    /// Takes a command. It will be answered: at once if there is no room for it.
    pub(crate) fn submit(&mut self, tick: u64, command: Command) {
        let id = command.account.clone();
        let cache = &mut self.cache;
        let slot = self.slots.entry(id.clone()).or_insert_with(|| Slot::new(cache.remove(&id)));
        if self.waiting >= self.limits.waiting || slot.waiting() >= self.limits.waiting_of_one {
            let detail = "too much is waiting for this ledger already".to_owned();
            (command.reply)(Err(LedgerError::Unavailable { detail }));
        } else {
            self.arrivals = self.arrivals.saturating_add(1);
            self.waiting = self.waiting.saturating_add(1);
            slot.queue.push_back(Waiting { command, arrived: self.arrivals, since: tick });
        }
        self.schedule(tick, &id);
    }

    /// Decides what is to be done next with an account with which nothing is being done, if anything.
    fn schedule(&mut self, tick: u64, id: &AccountId) {
        let Some(slot) = self.slots.get_mut(id) else { return };
        if !matches!(slot.phase, Phase::Idle | Phase::Timed) {
            return;
        }
        if slot.is_done() {
            if let Some(slot) = self.slots.remove(id) {
                self.retire(id, slot);
            }
            return;
        }
        let mut at = slot.not_before;
        if at <= tick {
            let must_load =
                slot.known.is_none() || slot.load == Load::Soon || (slot.lost.is_some() && !slot.needs_fence);
            if !must_load && slot.load == Load::Shared {
                at = share(&self.refusal_loads, self.limits.refusals_apart, tick, id);
                if at > tick && !slot.queue.is_empty() {
                    at = tick;
                    slot.phase = Phase::Ready;
                } else if at <= tick {
                    take_share(&mut self.refusal_loads, self.limits.refusals_apart, tick, id);
                    slot.phase = Phase::Wanting;
                }
            } else {
                slot.phase = if must_load { Phase::Wanting } else { Phase::Ready };
            }
        }
        if at > tick {
            slot.phase = Phase::Timed;
            self.timers.insert((at, id.clone()));
        } else if matches!(slot.phase, Phase::Ready) {
            self.ready.push_back(id.clone());
        } else {
            self.wanting.push_back(id.clone());
        }
    }

    /// Remembers what is known of an account that nothing more is to be done with.
    fn retire(&mut self, id: &AccountId, slot: Slot) {
        if let Some(known) = slot.known.filter(|known| known.state.is_some()) {
            let weight = known.weight();
            self.cache.insert(id.clone(), known, weight);
            self.cache.age();
        }
    }

    /// When the core next wants to be woken, on the monotonic clock.
    pub(crate) fn next_timer(&self) -> Option<u64> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// Goes on with accounts that waited for a time.
    pub(crate) fn wake(&mut self, tick: u64) {
        while let Some((_, id)) = self.timers.first().filter(|(at, _)| *at <= tick).cloned() {
            self.timers.pop_first();
            if self.slots.get(&id).is_some_and(|slot| matches!(slot.phase, Phase::Timed)) {
                self.schedule(tick, &id);
            }
        }
    }

    /// Answers what has waited beyond its deadline: not applied, unless it is being committed or was perhaps applied.
    pub(crate) fn expire(&mut self, tick: u64) {
        let late = |waiting: &Waiting| waiting.command.deadline <= tick;
        let mut answers = Vec::new();
        for slot in self.slots.values_mut() {
            for list in [&mut slot.queue, &mut slot.parked] {
                if list.iter().any(late) {
                    let (gone, kept) = std::mem::take(list).into_iter().partition(late);
                    *list = kept;
                    let gone: VecDeque<Waiting> = gone;
                    answers.extend(gone.into_iter().map(|waiting| (waiting, None)));
                }
            }
            let in_flight = match &mut slot.phase {
                Phase::Committing(flight) => Some(flight),
                _ => slot.lost.as_mut(),
            };
            if let Some(flight) = in_flight
                && flight.pending.iter().any(|pending| late(&pending.waiting))
            {
                let (gone, kept) = std::mem::take(&mut flight.pending)
                    .into_iter()
                    .partition(|pending| late(&pending.waiting));
                flight.pending = kept;
                let gone: Vec<super::slot::Pending> = gone;
                for pending in gone {
                    let error = pending.waiting.command.work.unknown("the store did not answer in time");
                    answers.push((pending.waiting, Some(error)));
                }
            }
            if slot.lost.as_ref().is_some_and(|lost| lost.pending.is_empty()) {
                // Nobody waits for it; whatever comes next starts from a load.
                (slot.lost, slot.needs_fence) = (None, false);
                slot.forget();
            }
        }
        for (waiting, error) in answers {
            let error = error.unwrap_or_else(|| unavailable("it waited longer than allowed"));
            self.answer(tick, waiting, Err(error));
        }
        let idle: Vec<AccountId> = self
            .slots
            .iter()
            .filter(|(_, slot)| matches!(slot.phase, Phase::Timed | Phase::Idle) && slot.is_done())
            .map(|(id, _)| id.clone())
            .collect();
        for id in idle {
            self.schedule(tick, &id);
        }
        self.refusal_loads.retain(|_, at| *at > tick);
    }

    /// Whether anything waits or is being done.
    pub(crate) fn is_idle(&self) -> bool {
        self.slots.is_empty()
    }

    /// Whether there is something to load now.
    pub(crate) fn wants_load(&self) -> bool {
        self.loading.is_empty() && !self.wanting.is_empty()
    }

    /// Whether there is something to commit now.
    pub(crate) fn wants_commit(&self) -> bool {
        self.committing.is_empty() && !self.ready.is_empty()
    }

    /// What happened since this was called before.
    pub(crate) fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    fn tell(&mut self, event: impl FnOnce() -> Event) {
        if self.observed {
            self.events.push(event());
        }
    }

    fn answer(&mut self, tick: u64, waiting: Waiting, answer: Result<Answer, LedgerError>) {
        self.waiting = self.waiting.saturating_sub(1);
        if self.observed {
            let waited = Duration::from_micros(tick.saturating_sub(waiting.since));
            self.events.push(Event::answered(&waiting.command, &answer, waited));
        }
        (waiting.command.reply)(answer);
    }

    /// Answers with an error what waits for an account and was certainly not applied. What perhaps was is not given up before
    /// its deadline.
    fn fail_certain(&mut self, tick: u64, id: &AccountId, error: &LedgerError) {
        let Some(slot) = self.slots.get_mut(id) else { return };
        let lost = slot.lost.take();
        let waiting = slot.take_all();
        if lost.is_some() {
            slot.lost = lost;
            slot.not_before = slot.not_before.max(tick.saturating_add(RETRY));
        }
        self.fail(tick, id, waiting, error);
    }

    /// Answers everything that waits for an account with an error, and forgets the account.
    fn fail(&mut self, tick: u64, id: &AccountId, waiting: Vec<Waiting>, error: &LedgerError) {
        if let Some(slot) = self.slots.get_mut(id) {
            slot.forget();
            slot.load = Load::No;
        }
        for waiting in waiting {
            self.answer(tick, waiting, Err(error.clone()));
        }
    }
}

pub(super) fn unavailable(detail: &str) -> LedgerError {
    LedgerError::Unavailable { detail: detail.to_owned() }
}

/// When the next load for refusals may begin. What is kept is when the loads so far would have ended at the lasting rate.
fn share(loads: &HashMap<AccountId, u64>, apart: u64, tick: u64, id: &AccountId) -> u64 {
    let paid_until = loads.get(id).copied().unwrap_or(0).max(tick);
    paid_until.saturating_sub(REFUSAL_LOADS.saturating_sub(1).saturating_mul(apart))
}

fn take_share(loads: &mut HashMap<AccountId, u64>, apart: u64, tick: u64, id: &AccountId) {
    if apart > 0 {
        let paid_until = loads.entry(id.clone()).or_insert(tick);
        *paid_until = (*paid_until).max(tick).saturating_add(apart);
    }
}

/// How long an account rests after so many rejections in a row.
fn rest(rejections: u32) -> u64 {
    let factor = 1_u64.checked_shl(rejections.min(16)).unwrap_or(u64::MAX);
    FIRST_REST.saturating_mul(factor).min(LONGEST_REST)
}

#[cfg(test)]
mod tests;
