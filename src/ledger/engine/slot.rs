//! An account that something is to be done with.

use std::collections::{HashSet, VecDeque};

use crate::amount::Amount;
use crate::clock::Timestamp;
use crate::entry::Operation;
use crate::error::LedgerError;
use crate::id::IdempotencyKey;
use crate::ledger::engine::command::{Answer, Command};
use crate::ledger::engine::decide::Scopes;
use crate::ledger::engine::known::Known;
use crate::ledger::store::asks::Ask;
use crate::ledger::store::records::{Stamp, Version};

/// A command, and since when it waits.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) command: Command,
    /// Its number in the order of arrival.
    pub(super) arrived: u64,
    /// When it arrived, on the monotonic clock in microseconds.
    pub(super) since: u64,
}

/// A command that is decided. Its answer leaves when what it was decided on is committed.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) waiting: Waiting,
    pub(super) answer: Result<Answer, LedgerError>,
}

/// A set that is being committed, or of which it is not known whether it was.
#[derive(Debug)]
pub(super) struct Flight {
    pub(super) expected: Option<Version>,
    pub(super) version: Version,
    pub(super) pending: Vec<Pending>,
    /// What it does to what is held.
    pub(super) held: Amount,
    /// The holds that it changes.
    pub(super) holds: Vec<IdempotencyKey>,
    /// Holds and entries that it makes: by their stamps it is recognised when others have changed the account since.
    pub(super) new_holds: Vec<IdempotencyKey>,
    pub(super) new_entries: Vec<(Operation, IdempotencyKey)>,
}

/// What is being done with the account.
#[derive(Debug, Default)]
pub(super) enum Phase {
    #[default]
    Idle,
    /// In the queue of those to decide about.
    Ready,
    Committing(Box<Flight>),
    /// In the queue of those to load.
    Wanting,
    /// Until a time on the monotonic clock.
    Timed,
    Loading(Box<Ask>),
}

/// Whether the account has to be loaded before more can be answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Load {
    #[default]
    No,
    /// For refusals alone, which share a load.
    Shared,
    Soon,
}

#[derive(Debug)]
pub(super) struct Slot {
    pub(super) known: Option<Box<Known>>,
    /// The latest version there certainly was: a store that has an earlier one has lost something.
    pub(super) seen: Option<Version>,
    /// What arrived and was not looked at.
    pub(super) queue: VecDeque<Waiting>,
    /// What needs a load, in order.
    pub(super) parked: VecDeque<Waiting>,
    /// What is parked, by keys: what comes later and is about the same must not come before.
    pub(super) parked_keys: HashSet<(Operation, IdempotencyKey)>,
    /// Scopes whose counters the next load has to bring.
    pub(super) scopes: Scopes,
    pub(super) phase: Phase,
    pub(super) load: Load,
    /// Whether the account was loaded since the parked ones were parked.
    pub(super) is_loaded: bool,
    /// What had arrived when the present load began.
    pub(super) proven_by_load: u64,
    /// Nothing is done before this time on the monotonic clock.
    pub(super) not_before: u64,
    /// How often in a row others were faster.
    pub(super) conflicts: u32,
    /// Whether the latest load took the account's turn: it ends with the next commit.
    pub(super) has_turn: bool,
    /// The store's own time at the latest load, where the clock here was found to be ahead or behind.
    pub(super) store_time: Option<Timestamp>,
    pub(super) off_clock: bool,
    /// The time it was last decided at, the account's own if that is later: what is due by then has to be loaded.
    pub(super) decided_at: Timestamp,
    /// With how many others at most it is committed together.
    pub(super) among: usize,
    /// With how many others at most it is loaded together.
    pub(super) loads_among: usize,
    /// How often in a row the store would not take it.
    pub(super) rejections: u32,
    /// What was perhaps applied.
    pub(super) lost: Option<Box<Flight>>,
    /// Whether the lost one has to be kept from being applied later.
    pub(super) needs_fence: bool,
}

impl Slot {
    pub(super) fn new(known: Option<Box<Known>>) -> Self {
        Self {
            seen: known.as_ref().and_then(|known| known.version),
            known,
            queue: VecDeque::new(),
            parked: VecDeque::new(),
            parked_keys: HashSet::new(),
            scopes: Scopes::new(),
            phase: Phase::Idle,
            load: Load::No,
            is_loaded: false,
            proven_by_load: 0,
            not_before: 0,
            conflicts: 0,
            has_turn: false,
            store_time: None,
            off_clock: false,
            decided_at: Timestamp::from_micros(i64::MIN),
            among: usize::MAX,
            loads_among: usize::MAX,
            rejections: 0,
            lost: None,
            needs_fence: false,
        }
    }

    /// Whether nothing waits.
    pub(super) fn is_done(&self) -> bool {
        self.queue.is_empty() && self.parked.is_empty() && self.lost.is_none()
    }

    pub(super) fn waiting(&self) -> usize {
        self.queue.len().saturating_add(self.parked.len())
    }

    /// Whether something that is parked is about the same.
    pub(super) fn is_behind(&self, waiting: &Waiting) -> bool {
        let Some(key) = waiting.command.work.key() else { return false };
        let parked = |(operation, key): (Operation, &IdempotencyKey)| {
            !self.parked_keys.is_empty() && self.parked_keys.contains(&(operation, key.clone()))
        };
        parked(key) || waiting.command.work.source().is_some_and(parked)
    }

    /// Sets a command aside until the account is loaded.
    pub(super) fn park(&mut self, waiting: Waiting, load: Load) {
        let work = &waiting.command.work;
        for (operation, key) in work.key().into_iter().chain(work.source()) {
            self.parked_keys.insert((operation, key.clone()));
        }
        self.parked.push_back(waiting);
        self.load = self.load.max(load);
    }

    /// Puts commands back whose set was not applied, before all others.
    pub(super) fn put_back(&mut self, pending: Vec<Pending>) {
        let later = std::mem::take(&mut self.parked);
        for pending in pending {
            self.park(pending.waiting, Load::Soon);
        }
        self.parked.extend(later);
        self.load = Load::Soon;
    }

    /// Forgets what is known of the account.
    pub(super) fn forget(&mut self) {
        self.known = None;
        self.is_loaded = false;
    }

    /// Takes everything that waits, in order.
    pub(super) fn take_all(&mut self) -> Vec<Waiting> {
        self.parked_keys.clear();
        let lost = self.lost.take().map(|lost| lost.pending).unwrap_or_default();
        let lost = lost.into_iter().map(|pending| pending.waiting);
        lost.chain(self.parked.drain(..)).chain(self.queue.drain(..)).collect()
    }
}

/// A version that a store has though a later one was there: it has lost data.
pub(super) fn has_regressed(seen: Option<Version>, found: Option<Version>) -> bool {
    match (seen, found) {
        (None, _) => false,
        (Some(_), None) => true,
        (Some(seen), Some(found)) => {
            found.commits < seen.commits || (found.commits == seen.commits && found.stamp != seen.stamp)
        }
    }
}

/// Whose stamp it is.
pub(super) fn is_made_by(stamp: Stamp, flight: &Flight) -> bool {
    stamp == flight.version.stamp
}
