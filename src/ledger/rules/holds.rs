//! Making, changing and giving back holds.

use std::sync::Arc;
use std::time::Duration;

use super::caps::{self, Counting};
use super::credit::{self, How};
use super::{AccountState, Changes, Decision, Outcome, Stop, not_negative, same_request};
use crate::account::Applied;
use crate::cap::{Counted, Counter};
use crate::clock::Timestamp;
use crate::content::Declared;
use crate::error::LedgerError;
use crate::few::Few;
use crate::hold::{HoldState, HoldStatus};
use crate::ledger::request::{HoldRequest, ResizeRequest, VoidRequest};
use crate::limits::Limits;

/// Clause 1: check and hold. `known` is the hold that has this key already.
pub(crate) fn hold(
    account: &AccountState,
    counters: &[Counter],
    known: Option<&HoldState>,
    request: &HoldRequest,
    now: Timestamp,
) -> Decision<HoldState> {
    let unit = request.amount.unit();
    let requested = not_negative("the amount to hold", request.amount, unit)?;
    let minimum = not_negative("the least to hold", request.minimum, unit)?;
    let debt_limit = not_negative("the debt limit", request.debt_limit, unit)?;
    if minimum > requested {
        return Err(
            LedgerError::invalid("the least to hold", "must not exceed the amount", request.minimum).into()
        );
    }
    check_lifetime(request.lifetime)?;
    if !Limits::allow_grace(request.grace) {
        let value = format!("{:?}", request.grace);
        return Err(LedgerError::invalid("the grace", "must be at most a day", value).into());
    }
    account.same_unit(unit)?;
    let mut before = account.at(now);
    before.check_turned()?;
    if let Some(known) = known {
        check_released(known, &before)?;
        same_request(
            &known.declared,
            &request.content,
            [("amount", known.requested == requested), ("minimum", known.minimum == minimum)],
        )?;
        return Ok(before.replay(known.clone()));
    }
    if before.open_holds >= Limits::MAX_OPEN_HOLDS {
        return Err(LedgerError::invalid(
            "the number of open holds",
            "must be at most 1,000,000 for an account",
            before.open_holds,
        )
        .into());
    }
    before.unit = unit;
    // A cap comes first: where both are short, a top-up would not help.
    let room = before.room_under(counters, &request.caps, requested, minimum)?;
    // Nothing can always be held: it takes nothing from anyone.
    let free = before.free(debt_limit);
    if requested > free && (before.is_overdue() || minimum > free) {
        return Err(before.short(requested, minimum, debt_limit));
    }
    let total = requested.min(free).min(room);
    let mut next = before.clone();
    let (mut draws, mut counting) = (Few::None, Counting::new(counters));
    credit::draw(&mut next, total, How::Hold, &mut draws, &mut Few::None);
    next.shift(0, total)?;
    next.open_holds = next.open_holds.saturating_add(1);
    next.next_seq();
    let counted = caps::hold(&mut counting, &request.caps, unit, total, next.time);
    let ends_at = next.time.saturating_add(request.lifetime);
    let hold = HoldState {
        key: request.key.clone(),
        declared: Declared::new(&request.content, &request.labels),
        unit,
        requested,
        minimum,
        total,
        captured: 0,
        settled: 0,
        refunded: 0,
        opened_at: next.time,
        ends_at,
        release_at: ends_at.saturating_add(request.grace),
        rev: 1,
        status: HoldStatus::Open,
        late: false,
        draws: credit::kept(draws),
        counted: shared(counted),
    };
    next.next_due = next.next_due.min(hold.release_at);
    let levels = caps::levels(&mut counting, &request.caps, next.time);
    let reply = next.told(&before, hold.clone(), levels);
    Ok(changed(next, hold, counting, reply))
}

/// Changes what an open hold covers and how long it lasts, if its revision is still the one given.
pub(crate) fn resize(
    account: &AccountState,
    counters: &[Counter],
    known: Option<&HoldState>,
    request: &ResizeRequest,
    now: Timestamp,
) -> Decision<HoldState> {
    let before = account.at(now);
    let known = known.ok_or(LedgerError::UnknownHold)?;
    before.check_turned()?;
    check_released(known, &before)?;
    let unit = known.unit;
    let total = request.total.map(|total| not_negative("the total to hold", total, unit)).transpose()?;
    let debt_limit = match request.debt_limit {
        Some(limit) => not_negative("the debt limit", limit, unit)?,
        None => 0,
    };
    if let Some(lifetime) = request.lifetime {
        check_lifetime(lifetime)?;
    }
    if !known.is_open() {
        return Err(LedgerError::HoldClosed(Box::new(known.clone())).into());
    }
    if known.rev != request.rev {
        return Err(LedgerError::Superseded(Box::new(known.clone())).into());
    }
    let mut hold = known.clone();
    hold.total = total.unwrap_or(known.total);
    if hold.total < known.captured && total.is_some() {
        let (total, captured) = (hold.total(), known.captured());
        return Err(LedgerError::BelowCaptured { total, captured }.into());
    }
    let growth = hold.reserve().saturating_sub(known.reserve());
    let mut next = before.clone();
    let mut counting = Counting::new(counters);
    if growth > 0 {
        before.room_under(counters, &request.caps, growth, growth)?;
        if growth > before.free(debt_limit) {
            return Err(before.short(growth, growth, debt_limit));
        }
        let (mut draws, mut counted) = (credit::draws_of(known, &next), known.counted().to_vec());
        credit::draw(&mut next, growth, How::Hold, &mut draws, &mut Few::None);
        caps::grow(&mut counting, &mut counted, &request.caps, unit, growth, next.time);
        (hold.draws, hold.counted) = (credit::kept(draws), shared(counted));
    } else {
        give_back(&mut next, &mut hold, growth.saturating_neg(), &mut counting);
    }
    next.shift(0, growth)?;
    next.next_seq();
    if let Some(lifetime) = request.lifetime {
        let grace = known.release_at.saturating_since(known.ends_at);
        hold.ends_at = known.ends_at.max(next.time.saturating_add(lifetime));
        hold.release_at = hold.ends_at.saturating_add(grace);
    }
    hold.rev = hold.rev.saturating_add(1);
    // A later release leaves `next_due` a lower bound.
    let reply = next.told(&before, hold.clone(), Few::None);
    Ok(changed(next, hold, counting, reply))
}

/// Gives a hold back from which nothing was captured. One that has expired is marked, so that nothing can be
/// captured late.
pub(crate) fn void(
    account: &AccountState,
    counters: &[Counter],
    known: Option<&HoldState>,
    _request: &VoidRequest,
    now: Timestamp,
) -> Decision<HoldState> {
    let before = account.at(now);
    let known = known.ok_or(LedgerError::UnknownHold)?;
    before.check_turned()?;
    check_released(known, &before)?;
    match known.status {
        HoldStatus::Voided => return Ok(before.replay(known.clone())),
        HoldStatus::Captured => return Err(LedgerError::HoldClosed(Box::new(known.clone())).into()),
        HoldStatus::Open | HoldStatus::Expired => {}
    }
    if known.captured > 0 {
        let captured = known.captured();
        return Err(LedgerError::BelowCaptured { total: known.unit.zero(), captured }.into());
    }
    let mut next = before.clone();
    let mut hold = known.clone();
    let mut counting = Counting::new(counters);
    give_back(&mut next, &mut hold, known.reserve(), &mut counting);
    next.shift(0, known.reserve().saturating_neg())?;
    if known.is_open() {
        next.open_holds = next.open_holds.saturating_sub(1);
    }
    next.next_seq();
    hold.status = HoldStatus::Voided;
    hold.rev = hold.rev.saturating_add(1);
    // Its reply carries no notice to anyone: what there is to tell is for the next work.
    let reply = next.fresh(&before, hold.clone());
    Ok(changed(next, hold, counting, reply))
}

/// Clause 5: releases a hold that is due, an ordinary change of the account, and says which counters it changes. The caller
/// then raises [`AccountState::next_due`] to the earliest release that is left. A hold that is not due is left as it is.
pub(crate) fn release(
    account: &mut AccountState,
    counters: &[Counter],
    hold: &mut HoldState,
    now: Timestamp,
) -> Vec<Counter> {
    let mut next = account.at(now);
    let mut released = hold.clone();
    let mut counting = Counting::new(counters);
    if !is_due(hold, &next) {
        return Vec::new();
    }
    give_back(&mut next, &mut released, hold.reserve(), &mut counting);
    if next.shift(0, hold.reserve().saturating_neg()).is_err() {
        return Vec::new();
    }
    next.open_holds = next.open_holds.saturating_sub(1);
    next.next_seq();
    released.status = HoldStatus::Expired;
    released.rev = released.rev.saturating_add(1);
    *hold = released;
    *account = next;
    counting.changed
}

/// Gives so much of what a hold has set aside back to where it came from.
pub(super) fn give_back(
    account: &mut AccountState,
    hold: &mut HoldState,
    amount: i64,
    counting: &mut Counting<'_>,
) {
    credit::give_back(account, &mut hold.draws, amount);
    if let Some(counted) = hold.counted.as_mut().map(Arc::make_mut) {
        caps::give_back(counting, counted, amount);
    }
}

/// What counts a hold, as it is kept.
pub(super) fn shared(counted: Vec<Counted>) -> Option<Arc<Vec<Counted>>> {
    (!counted.is_empty()).then(|| Arc::new(counted))
}

fn is_due(hold: &HoldState, account: &AccountState) -> bool {
    hold.is_open() && hold.release_at <= account.time
}

/// A hold that is due must be released, as a change of its own, before anything is decided about it.
pub(super) fn check_released(hold: &HoldState, account: &AccountState) -> Result<(), Stop> {
    if is_due(hold, account) { Err(Stop::DueFirst) } else { Ok(()) }
}

fn check_lifetime(lifetime: Duration) -> Result<(), LedgerError> {
    if Limits::allow_lifetime(lifetime) {
        return Ok(());
    }
    let value = format!("{lifetime:?}");
    Err(LedgerError::invalid("the lifetime", "must be from 1 ms to 30 days", value))
}

fn changed(
    account: AccountState,
    hold: HoldState,
    counting: Counting<'_>,
    reply: Applied<HoldState>,
) -> Outcome<HoldState> {
    let counters = counting.changed;
    let changes = Changes { account, hold: Some(hold), entry: None, charge: None, counters };
    Outcome { changes: Some(changes), reply }
}
