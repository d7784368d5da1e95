//! Charging a hold for the work that was done.

use super::caps::{self, Counting};
use super::credit::{self, How};
use super::holds::{check_released, shared};
use super::{AccountState, Changes, Decision, Outcome, Stop, not_negative};
use crate::cap::Counter;
use crate::captured::Captured;
use crate::clock::Timestamp;
use crate::entry::{Detail, Entry, EntryKind, Operation};
use crate::error::LedgerError;
use crate::few::Few;
use crate::hold::{HoldState, HoldStatus, LateCapture, OverCapture};
use crate::ledger::request::{CaptureMode, CaptureRequest};

/// Clause 6: settles a hold up to an absolute total.
///
/// What the hold still reserves is charged whatever else happened to the account. Anything beyond, and everything
/// once the hold was released, comes from what is free, so another request's hold is never touched.
pub(crate) fn capture(
    account: &AccountState,
    counters: &[Counter],
    known: Option<&HoldState>,
    request: &CaptureRequest,
    now: Timestamp,
) -> Decision<Captured> {
    let before = account.at(now);
    let known = known.ok_or(LedgerError::UnknownHold)?;
    let total = not_negative("the total to capture", request.total, known.unit)?;
    let debt_limit = not_negative("the debt limit", request.debt_limit, known.unit)?;
    before.check_turned()?;
    check_released(known, &before)?;
    if let Some(answer) = decided_before(known, total, request.mode) {
        return answer.map(|()| before.replay(captured(known, 0, 0))).map_err(Stop::from);
    }
    let late = known.status == HoldStatus::Expired;
    if late && request.late == LateCapture::Reject {
        return Err(LedgerError::HoldExpired(Box::new(known.clone())).into());
    }
    if total > known.total.max(known.captured) && request.over == OverCapture::Reject {
        return Err(LedgerError::OverCapture { total: request.total, hold: known.total() }.into());
    }

    let wanted = total.saturating_sub(known.captured);
    let beyond = total.saturating_sub(known.total.max(known.captured)).max(0);
    let within = wanted.saturating_sub(beyond);
    let free = |debt: bool| before.free(if debt { debt_limit } else { 0 });
    let from_hold = if late { within.min(free(request.late == LateCapture::Debt)) } else { within };
    let spent_free = if late { from_hold } else { 0 };
    let from_free = beyond.min(free(request.over == OverCapture::Debt).saturating_sub(spent_free).max(0));
    let collected = from_hold.saturating_add(from_free);
    if collected < wanted && before.is_overdue() {
        return Err(Stop::DueFirst);
    }

    let mut hold = known.clone();
    hold.captured = known.captured.saturating_add(collected);
    hold.settled = total;
    hold.late |= late;
    hold.rev = hold.rev.saturating_add(1);
    let mut next = before.clone();
    if request.mode == CaptureMode::Final {
        if hold.is_open() {
            next.open_holds = next.open_holds.saturating_sub(1);
        }
        hold.status = HoldStatus::Captured;
    }
    let unreserved = known.reserve().saturating_sub(hold.reserve());
    let set_aside = from_hold.saturating_sub(spent_free);
    let freed = unreserved.saturating_sub(set_aside);
    let uncollected = hold.uncollected().minor().saturating_sub(known.uncollected().minor());
    let has_entry = collected != 0 || uncollected != 0;
    let mut counting = Counting::new(counters);
    let (mut movements, mut detail) = (Few::None, Detail::default());
    if known.counted.is_some() || !known.draws.is_empty() || !next.grants.is_empty() {
        let (mut draws, mut counted) = (credit::draws_of(known, &next), known.counted().to_vec());
        let movements = &mut movements;
        credit::spend_held(&mut next, &mut draws, set_aside, movements);
        detail.counted = caps::use_held(&mut counting, &mut counted, set_aside);
        credit::give_back(&mut next, &mut draws, freed);
        caps::give_back(&mut counting, &mut counted, freed);
        // Moved in two steps, since what is free depends on what was set aside.
        next.shift(set_aside.saturating_neg(), unreserved.saturating_neg())?;
        let free = collected.saturating_sub(set_aside);
        credit::draw(&mut next, free, How::Spend, &mut draws, movements);
        next.shift(free.saturating_neg(), 0)?;
        // Only an entry can say that a grant paid.
        if has_entry {
            credit::cover_debt(&mut next, movements);
        }
        caps::use_more(&mut counting, &mut counted, free, hold.unit, next.time, &mut detail.counted);
        (hold.draws, hold.counted) = (credit::kept(draws), shared(counted));
    } else {
        next.shift(collected.saturating_neg(), unreserved.saturating_neg())?;
    }
    let entry = if has_entry {
        let named = (hold.key.clone(), hold.declared.clone());
        let amount = collected.saturating_neg();
        let entry = next.entry(named, EntryKind::Charge, Operation::Hold, amount, movements, detail);
        Some(Entry { uncollected, late, ..entry })
    } else {
        next.next_seq();
        None
    };
    let value = captured(&hold, collected, freed);
    let reply =
        if request.unheard { next.fresh(&before, value) } else { next.told(&before, value, Few::None) };
    let counters = counting.changed;
    let changes = Changes { account: next, hold: Some(hold), entry, charge: None, counters };
    Ok(Outcome { changes: Some(changes), reply })
}

/// Whether the request needs no new decision: it repeats one that was made (`Ok`), or contradicts it (`Err`).
fn decided_before(known: &HoldState, total: i64, mode: CaptureMode) -> Option<Result<(), LedgerError>> {
    let closed = known.status == HoldStatus::Captured;
    match (known.status, mode) {
        (HoldStatus::Voided, _) => Some(Err(LedgerError::HoldClosed(Box::new(known.clone())))),
        // A partial capture that comes late or twice: its total was reached already.
        (_, CaptureMode::Partial) if total <= known.settled => Some(Ok(())),
        (HoldStatus::Captured, CaptureMode::Final) if total == known.settled => Some(Ok(())),
        _ if closed => Some(Err(LedgerError::KeyConflict { field: "total".into() })),
        _ if total < known.captured => {
            let (total, captured) = (known.unit.minor(total), known.captured());
            Some(Err(LedgerError::BelowCaptured { total, captured }))
        }
        _ => None,
    }
}

fn captured(hold: &HoldState, charged: i64, freed: i64) -> Captured {
    Captured {
        unit: hold.unit,
        charged,
        captured: hold.captured,
        uncollected: hold.uncollected().minor(),
        freed,
        status: hold.status,
        late: hold.late,
    }
}
