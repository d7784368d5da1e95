//! Clause 8: spend caps, and the counters that they are checked by.

use super::{AccountState, Stop};
use crate::amount::{Amount, Unit};
use crate::cap::{Cap, Caps, Counted, Counter, CounterKey};
use crate::clock::Timestamp;
use crate::error::{CapReached, LedgerError};
use crate::few::Few;
use crate::id::ScopeId;
use crate::period::Period;
use crate::told::Level;

/// The counters that a change writes, as they stand after it.
#[derive(Debug, Default)]
pub(super) struct Counting<'a> {
    /// Those of the account that the request may need, in order.
    known: &'a [Counter],
    pub(super) changed: Vec<Counter>,
}

impl<'a> Counting<'a> {
    pub(super) const fn new(known: &'a [Counter]) -> Self {
        Self { known, changed: Vec::new() }
    }

    /// The counters as they were before.
    pub(super) const fn known(&self) -> &'a [Counter] {
        self.known
    }

    fn add(&mut self, key: &CounterKey, unit: Unit, held: i64, used: i64) {
        let slot = match self.changed.iter_mut().position(|counter| counter.key == *key) {
            Some(position) => self.changed.get_mut(position),
            None => {
                let known = self.known.binary_search_by(|counter| counter.key.cmp(key)).ok();
                let known = known.and_then(|position| self.known.get(position)).cloned();
                self.changed.push(known.unwrap_or_else(|| Counter {
                    key: key.clone(),
                    unit,
                    used: 0,
                    held: 0,
                    told: 0,
                }));
                self.changed.last_mut()
            }
        };
        if let Some(counter) = slot {
            counter.held = counter.held.saturating_add(held).max(0);
            counter.used = counter.used.saturating_add(used);
        }
    }
}

/// The counter in which a change at `now` counts.
fn key_at(scope: &ScopeId, period: Period, now: Timestamp) -> CounterKey {
    CounterKey { scope: scope.clone(), period, start: period.start_of(now) }
}

/// The counters of a scope that count at `now`.
fn in_view<'a>(known: &'a [Counter], scope: &ScopeId, period: Period, now: Timestamp) -> &'a [Counter] {
    let from = period.counts_from(now);
    let before = |counter: &Counter| {
        (&counter.key.scope, counter.key.period, counter.key.start) < (scope, period, from)
    };
    let known = known.get(known.partition_point(before)..).unwrap_or_default();
    let within = |counter: &Counter| counter.key.scope == *scope && counter.key.period == period;
    known.get(..known.partition_point(within)).unwrap_or_default()
}

/// What still fits under the caps, or the first of them under which not even `required` does.
fn room(account: &AccountState, known: &[Counter], caps: &Caps, required: i64) -> Result<i64, LedgerError> {
    let mut room = i64::MAX;
    for cap in caps.iter() {
        let Some(limit) = cap.limit else { continue };
        let limit = super::not_negative("the limit of a cap", limit, account.unit)?;
        let view = in_view(known, &cap.scope, cap.period, account.time);
        let (used, held) = (sum(view, |counter| counter.used), sum(view, |counter| counter.held));
        let left = i128::from(limit).saturating_sub(used).saturating_sub(held).max(0);
        let left = i64::try_from(left).unwrap_or(i64::MAX);
        if left < required {
            let resets_at = resets_at(cap, view, limit, required, account.time);
            return Err(LedgerError::CapReached(Box::new(CapReached {
                scope: cap.scope.clone(),
                period: cap.period,
                label: cap.label.clone(),
                unit: account.unit,
                limit,
                used: i64::try_from(used).unwrap_or(i64::MAX),
                held: i64::try_from(held).unwrap_or(i64::MAX),
                required,
                resets_at,
                seq: account.seq,
                as_of: account.time,
            })));
        }
        room = room.min(left);
    }
    Ok(room)
}

impl AccountState {
    /// What fits under the caps of what is requested, at least the minimum; what is certain to fit while holds may be due
    /// that still count, and everything once none is.
    pub(super) fn room_under(
        &self,
        known: &[Counter],
        caps: &Caps,
        requested: i64,
        minimum: i64,
    ) -> Result<i64, Stop> {
        if caps.is_empty() {
            return Ok(i64::MAX);
        }
        match room(self, known, caps, minimum) {
            Ok(room) if room < requested && self.is_overdue() => Err(Stop::DueFirst),
            Err(LedgerError::CapReached(_)) if self.is_overdue() => Err(Stop::DueFirst),
            answer => answer.map_err(Stop::from),
        }
    }
}

/// When `required` will fit if nothing else is spent.
fn resets_at(cap: &Cap, view: &[Counter], limit: i64, required: i64, now: Timestamp) -> Option<Timestamp> {
    if required > limit {
        return None;
    }
    if !cap.period.is_rolling() {
        return Some(cap.period.end_of(cap.period.start_of(now)));
    }
    let fits = i128::from(limit).saturating_sub(required.into());
    let spent = |counter: &Counter| counter.used.saturating_add(counter.held);
    let mut left = sum(view, spent);
    for counter in view {
        left = left.saturating_sub(spent(counter).into());
        if left <= fits {
            return Some(cap.period.leaves_at(counter.key.start));
        }
    }
    None
}

/// Of several counters together, which can be more than one of them could count.
fn sum(view: &[Counter], part: impl Fn(&Counter) -> i64) -> i128 {
    view.iter().fold(0, |sum, counter| sum.saturating_add(part(counter).into()))
}

/// How much of each cap is spent, where at least half of it is and more than a reply has told: this one tells it. What is held
/// does not count, so that work that is given back is not told of.
pub(super) fn levels(counting: &mut Counting<'_>, caps: &Caps, now: Timestamp) -> Few<Level> {
    let mut levels = Few::None;
    for cap in caps.iter() {
        let Some(limit) = cap.limit.map(Amount::minor).filter(|limit| *limit > 0) else { continue };
        let key = key_at(&cap.scope, cap.period, now);
        // The row that counts the request; without one nothing was counted, and nobody can note what is told.
        let Some(row) = counting.changed.iter_mut().find(|counter| counter.key == key) else { continue };
        let others =
            in_view(counting.known, &cap.scope, cap.period, now).iter().filter(|known| known.key != key);
        let used =
            others.clone().fold(i128::from(row.used), |sum, known| sum.saturating_add(known.used.into()));
        let told = others.fold(row.told, |most, known| most.max(known.told));
        let used = i64::try_from(used).unwrap_or(i64::MAX);
        if used <= told || i128::from(used).saturating_mul(2) < i128::from(limit) {
            continue;
        }
        row.told = used;
        let resets_at = (!cap.period.is_rolling()).then(|| cap.period.end_of(key.start));
        levels.push(Level { label: cap.label.clone(), limit, used, told, resets_at });
    }
    levels
}

/// Counts an amount that is newly held.
pub(super) fn hold(
    counting: &mut Counting<'_>,
    caps: &Caps,
    unit: Unit,
    amount: i64,
    now: Timestamp,
) -> Vec<Counted> {
    let count = caps.iter().count();
    counting.changed.reserve_exact(count);
    let mut counted = Vec::with_capacity(count);
    for cap in caps.iter() {
        let key = key_at(&cap.scope, cap.period, now);
        counting.add(&key, unit, amount, 0);
        counted.push(Counted { key, unit, held: amount, used: 0 });
    }
    counted.sort_unstable_by(|one, other| one.key.cmp(&other.key));
    counted
}

/// Counts an amount that is charged at once.
pub(super) fn charge(
    counting: &mut Counting<'_>,
    caps: &Caps,
    unit: Unit,
    amount: i64,
    now: Timestamp,
) -> Vec<Counted> {
    let mut counted = Vec::new();
    for cap in caps.iter().filter(|_| amount != 0) {
        let key = key_at(&cap.scope, cap.period, now);
        counting.add(&key, unit, 0, amount);
        counted.push(Counted { key, unit, held: 0, used: amount });
    }
    counted
}

/// Counts what can be done once in a period, or says from when it can be done again.
pub(super) fn once(
    counting: &mut Counting<'_>,
    scope: ScopeId,
    period: Period,
    unit: Unit,
    amount: i64,
    now: Timestamp,
) -> Result<Counted, LedgerError> {
    if let Some(last) = in_view(counting.known, &scope, period, now).last() {
        return Err(LedgerError::CourtesyGiven { again_at: period.leaves_at(last.key.start) });
    }
    let key = CounterKey { start: period.start_of(now), scope, period };
    counting.add(&key, unit, 0, amount);
    Ok(Counted { key, unit, held: 0, used: amount })
}

/// The scopes and periods that something counts in, each once.
fn scopes(counted: &[Counted]) -> Vec<(ScopeId, Period)> {
    let groups = counted.chunk_by(same_scope);
    groups
        .filter_map(|group| group.first())
        .map(|first| (first.key.scope.clone(), first.key.period))
        .collect()
}

fn same_scope(one: &Counted, other: &Counted) -> bool {
    one.key.scope == other.key.scope && one.key.period == other.key.period
}

/// Counts more of a hold, in the present period: of the caps, and of everything the hold counts in.
pub(super) fn grow(
    counting: &mut Counting<'_>,
    counted: &mut Vec<Counted>,
    caps: &Caps,
    unit: Unit,
    amount: i64,
    now: Timestamp,
) {
    let mut scopes = scopes(counted);
    for cap in caps.iter() {
        let scope = (cap.scope.clone(), cap.period);
        if !scopes.contains(&scope) {
            scopes.push(scope);
        }
    }
    for (scope, period) in scopes {
        let key = key_at(&scope, period, now);
        counting.add(&key, unit, amount, 0);
        put(counted, key, unit, amount, 0);
    }
    forget(counted, now);
}

fn put(counted: &mut Vec<Counted>, key: CounterKey, unit: Unit, held: i64, used: i64) {
    match counted.binary_search_by(|known| known.key.cmp(&key)) {
        Ok(position) => {
            if let Some(known) = counted.get_mut(position) {
                known.held = known.held.saturating_add(held);
                known.used = known.used.saturating_add(used);
            }
        }
        Err(position) => counted.insert(position, Counted { key, unit, held, used }),
    }
}

/// Turns what is held into what is used, under each scope the earliest first; says what was counted where.
pub(super) fn use_held(counting: &mut Counting<'_>, counted: &mut [Counted], amount: i64) -> Vec<Counted> {
    let mut used = Vec::with_capacity(counted.len());
    counting.changed.reserve_exact(counted.len());
    for group in counted.chunk_by_mut(same_scope) {
        let mut left = amount;
        for known in group {
            let part = known.held.min(left);
            if part == 0 {
                continue;
            }
            left = left.saturating_sub(part);
            known.held = known.held.saturating_sub(part);
            known.used = known.used.saturating_add(part);
            counting.add(&known.key, known.unit, part.saturating_neg(), part);
            used.push(Counted { held: 0, used: part, ..known.clone() });
        }
    }
    used
}

/// Counts what is charged beyond what was held: in the present period, of everything the hold counts in.
pub(super) fn use_more(
    counting: &mut Counting<'_>,
    counted: &mut Vec<Counted>,
    amount: i64,
    unit: Unit,
    now: Timestamp,
    used: &mut Vec<Counted>,
) {
    if amount == 0 {
        return;
    }
    for (scope, period) in scopes(counted) {
        let key = key_at(&scope, period, now);
        counting.add(&key, unit, 0, amount);
        put(counted, key.clone(), unit, 0, amount);
        match used.iter_mut().find(|known| known.key == key) {
            Some(known) => known.used = known.used.saturating_add(amount),
            None => used.push(Counted { key, unit, held: 0, used: amount }),
        }
    }
    forget(counted, now);
}

/// Gives back what is held and not needed, each part to its own period: under each scope the latest first.
pub(super) fn give_back(counting: &mut Counting<'_>, counted: &mut [Counted], amount: i64) {
    for group in counted.chunk_by_mut(same_scope) {
        let mut left = amount;
        for known in group.iter_mut().rev() {
            let part = known.held.min(left);
            if part > 0 {
                left = left.saturating_sub(part);
                known.held = known.held.saturating_sub(part);
                counting.add(&known.key, known.unit, part.saturating_neg(), 0);
            }
        }
    }
}

/// Keeps the list of a hold that lasts and grows short. Rows that have left a rolling period count for nobody any more, so they
/// are one; what was only used in a calendar period that nobody asks about is left out. The last of each scope
/// stays: it says where the hold counts.
pub(super) fn forget(counted: &mut Vec<Counted>, now: Timestamp) {
    let over = |known: &Counted| known.key.kept_until() <= now;
    if !counted.iter().any(over) {
        return;
    }
    let mut kept: Vec<Counted> = Vec::with_capacity(counted.len());
    for group in counted.chunk_by(same_scope) {
        let last = group.len().saturating_sub(1);
        for (at, known) in group.iter().enumerate() {
            match kept.last_mut() {
                Some(before) if known.key.period.is_rolling() && over(known) && same_scope(before, known) => {
                    before.key = known.key.clone();
                    before.held = before.held.saturating_add(known.held);
                    before.used = before.used.saturating_add(known.used);
                }
                _ if !known.key.period.is_rolling() && over(known) && known.held == 0 && at != last => {}
                _ => kept.push(known.clone()),
            }
        }
    }
    *counted = kept;
}
