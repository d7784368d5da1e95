//! Loading, and what follows from what was loaded.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::entry::Operation;
use crate::error::LedgerError;
use crate::id::AccountId;
use crate::ledger::engine::command::Work;
use crate::ledger::engine::core::commits::{DUE_BATCH, later};
use crate::ledger::engine::core::{Core, unavailable};
use crate::ledger::engine::decide::scopes_of;
use crate::ledger::engine::known::Known;
use crate::ledger::engine::observe::Event;
use crate::ledger::engine::slot::{Flight, Load, Pending, Phase, Slot, has_regressed, is_made_by};
use crate::ledger::store::StoreError;
use crate::ledger::store::asks::{Ask, Snapshot, Turn};
use crate::ledger::store::records::{FORMAT, Stamp};

/// The most accounts in one load, and the most rows named of one account.
const ACCOUNTS: usize = 512;
const ROWS: usize = 4_096;
/// After so many conflicts in a row an engine asks for a turn.
const CONFLICTS: u32 = 2;

impl Core {
    /// The next accounts to load, unless some are being loaded or there is nothing to load. `now` is the store's time.
    pub(crate) fn next_load(&mut self, tick: u64, now: Timestamp) -> Option<Vec<Ask>> {
        self.wake(tick);
        if !self.loading.is_empty() {
            return None;
        }
        let (mut asks, mut among) = (Vec::new(), usize::MAX);
        let (arrivals, engine, guards) = (self.arrivals, self.engine, self.guards());
        while asks.len() < ACCOUNTS
            && let Some(id) = self.wanting.front()
        {
            let Some(slot) = self.slots.get_mut(id) else {
                self.wanting.pop_front();
                continue;
            };
            among = among.min(slot.loads_among);
            if asks.len() >= among {
                break;
            }
            let mut ask = ask(id, slot, now);
            if slot.conflicts >= CONFLICTS && guards.turn {
                ask.turn = Some(Turn { by: engine, lasting: Turn::LONGEST });
            }
            slot.proven_by_load = arrivals;
            slot.phase = Phase::Loading(Box::new(ask.clone()));
            asks.push(ask);
            self.loading.push(id.clone());
            self.wanting.pop_front();
        }
        (!asks.is_empty()).then_some(asks)
    }

    /// What was loaded for the asks that [`next_load`](Self::next_load) gave, in their order.
    pub(crate) fn loaded(&mut self, tick: u64, took: Duration, answer: Result<Vec<Snapshot>, StoreError>) {
        let ids = std::mem::take(&mut self.loading);
        let among = ids.len();
        self.tell(|| Event::Loaded { accounts: among, took });
        let mut snapshots = match answer {
            Ok(snapshots) => snapshots.into_iter(),
            Err(error) => {
                for id in ids {
                    self.load_failed(tick, &id, &error, among);
                    self.schedule(tick, &id);
                }
                return;
            }
        };
        for id in ids {
            match snapshots.next() {
                Some(snapshot) => self.adopt(tick, &id, snapshot),
                None => {
                    let error = StoreError::Unavailable("the store gave too few snapshots".to_owned());
                    self.load_failed(tick, &id, &error, 1);
                }
            }
            self.schedule(tick, &id);
        }
    }

    fn load_failed(&mut self, tick: u64, id: &AccountId, error: &StoreError, among: usize) {
        let Some(slot) = self.slots.get_mut(id) else { return };
        slot.phase = Phase::Idle;
        if among > 1 && !matches!(error, StoreError::Unavailable(_)) {
            // The record of another may be the reason.
            slot.loads_among = among.div_ceil(2);
            return;
        }
        self.fail_certain(tick, id, &unavailable(&error.to_string()));
    }

    fn adopt(&mut self, tick: u64, id: &AccountId, snapshot: Snapshot) {
        let guards = self.guards();
        let Some(slot) = self.slots.get_mut(id) else { return };
        let Phase::Loading(ask) = std::mem::take(&mut slot.phase) else { return };
        let found = snapshot.account.as_ref().map(|account| account.version);
        let before = slot.known.take();
        let seen = later(slot.seen, before.as_ref().and_then(|before| before.version));
        slot.loads_among = usize::MAX;
        let format = snapshot.account.as_ref().map_or(0, |account| account.format);
        if format > FORMAT {
            // What a newer version wrote is not written over.
            let error = StoreError::NewerFormat { found: format, known: FORMAT };
            self.fail_certain(tick, id, &unavailable(&error.to_string()));
            return;
        }
        if has_regressed(seen, found) {
            let (known, found) =
                (seen.map_or(0, |seen| seen.commits), found.map_or(0, |found| found.commits));
            slot.seen = None;
            let waiting = slot.take_all();
            slot.needs_fence = false;
            self.tell(|| Event::Regressed { account: id.clone(), known, found });
            self.fail(tick, id, waiting, &LedgerError::StoreRegressed { known, found });
            return;
        }
        slot.seen = found;
        slot.has_turn = ask.turn.is_some() && found.is_some();
        slot.store_time = Some(snapshot.now);
        let mut applied = Vec::new();
        if let Some(lost) = slot.lost.take() {
            let is_ours = guards.stamp && is_applied(&lost, &snapshot);
            if is_ours {
                slot.needs_fence = false;
                applied = lost.pending;
            } else if found == lost.expected && guards.fence {
                // It may still be on its way.
                slot.lost = Some(lost);
                slot.needs_fence = true;
            } else {
                slot.needs_fence = false;
                slot.put_back(lost.pending);
            }
        }
        let known = Known::new(snapshot, *ask, slot.proven_by_load, before, self.limits.remembered_holds);
        slot.known = Some(Box::new(known));
        (slot.load, slot.is_loaded) = (Load::No, true);
        for Pending { waiting, answer } in applied {
            self.answer(tick, waiting, answer);
        }
    }
}

/// Whether a commit whose answer was lost was applied: it left its stamp on the account, or where others have written that
/// since, on a row it made.
fn is_applied(lost: &Flight, snapshot: &Snapshot) -> bool {
    let ours = |stamp: Stamp| is_made_by(stamp, lost);
    snapshot.account.as_ref().is_some_and(|account| ours(account.version.stamp))
        || snapshot.holds.iter().any(|record| ours(record.stamp))
        || snapshot.entries.iter().any(|record| ours(record.stamp))
}

/// What has to be loaded for what waits.
fn ask(id: &AccountId, slot: &mut Slot, now: Timestamp) -> Ask {
    // Where the clock went back, or is behind the store's, the account is at a later time.
    let mut ask = Ask::new(id.clone(), now.max(slot.decided_at), DUE_BATCH);
    if let Some(lost) = &slot.lost {
        ask.holds.extend(lost.new_holds.iter().cloned());
        ask.entries.extend(lost.new_entries.iter().cloned());
    }
    ask.counters = std::mem::take(&mut slot.scopes);
    let mut rows = 0_usize;
    // What arrived meanwhile will be decided with the same load.
    for waiting in slot.parked.iter().chain(&slot.queue).take(ROWS) {
        let work = &waiting.command.work;
        if let Work::Sweep { limit } = work {
            ask.due_limit = ask.due_limit.max(*limit);
        }
        for (operation, key) in work.key().into_iter().chain(work.source()) {
            rows = rows.saturating_add(1);
            match operation {
                Operation::Hold => ask.holds.push(key.clone()),
                Operation::Charge | Operation::Credit => ask.entries.push((operation, key.clone())),
                Operation::Time => {}
            }
        }
        ask.counters.extend(scopes_of(work));
        if rows >= ROWS {
            break;
        }
    }
    ask.holds.sort_unstable();
    ask.holds.dedup();
    ask.entries.sort_unstable_by(|one, other| (one.0.as_str(), &one.1).cmp(&(other.0.as_str(), &other.1)));
    ask.entries.dedup();
    ask.counters.sort_unstable();
    ask.counters.dedup();
    ask
}
