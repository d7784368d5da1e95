//! Entries made in one step.

use super::{AccountState, Changes, Decision, Outcome, Stop, not_negative, same_request};
use crate::clock::Timestamp;
use crate::content::Declared;
use crate::entry::Entry;
use crate::error::LedgerError;
use crate::hold::HoldState;
use crate::ledger::request::{PostKind, PostRequest};

/// The charge that a refund names, as it is stored.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Source<'a> {
    /// It is no refund, or no such charge is known.
    None,
    Hold(&'a HoldState),
    Entry(&'a Entry),
}

/// Books an entry. `known` is the entry that has this key already.
pub(crate) fn post(
    account: &AccountState,
    known: Option<&Entry>,
    source: Source<'_>,
    request: &PostRequest,
    now: Timestamp,
) -> Decision<Entry> {
    let before = account.at(now);
    let unit = request.amount.unit();
    let signed = signed_amount(request)?;
    let debt_limit = not_negative("the debt limit", request.debt_limit, unit)?;
    before.same_unit(unit)?;
    if let Some(known) = known {
        check_same(known, request, signed)?;
        return Ok(before.replay(known.clone()));
    }
    let (mut hold, mut charge) = (None, None);
    match (&request.kind, source) {
        (PostKind::Charge, _) => {
            let needed = signed.saturating_neg();
            if needed > before.free(debt_limit) {
                return Err(before.short(needed, needed, debt_limit));
            }
        }
        (PostKind::Refund { .. }, Source::None) => return Err(LedgerError::UnknownCharge.into()),
        (PostKind::Refund { .. }, Source::Hold(known)) => {
            super::holds::check_released(known, &before)?;
            let mut refunded = known.clone();
            refunded.refunded = refund(request, known.captured, known.refunded)?;
            refunded.rev = refunded.rev.saturating_add(1);
            hold = Some(refunded);
        }
        (PostKind::Refund { .. }, Source::Entry(known)) => {
            let mut refunded = known.clone();
            refunded.refunded = refund(request, known.amount.saturating_neg(), known.refunded)?;
            charge = Some(refunded);
        }
        (PostKind::Grant | PostKind::TopUp | PostKind::Adjustment, _) => {}
    }
    let mut next = before;
    next.unit = unit;
    next.shift(signed, 0)?;
    let entry = Entry {
        key: request.key.clone(),
        declared: Declared::new(&request.content, &request.labels),
        unit,
        seq: next.next_seq(),
        booked_at: next.time,
        amount: signed,
        posted_after: next.posted,
        uncollected: 0,
        refunded: 0,
        of: match &request.kind {
            PostKind::Refund { of } => Some(Box::new(of.clone())),
            _ => None,
        },
        kind: request.kind.entry_kind(),
        operation: request.kind.operation(),
        late: false,
    };
    let reply = next.fresh(&before, entry.clone());
    let changes = Changes { account: next, hold, entry: Some(entry), charge };
    Ok(Outcome { changes: Some(changes), reply })
}

/// What the entry does to the posted balance.
fn signed_amount(request: &PostRequest) -> Result<i64, LedgerError> {
    let amount = request.amount;
    let out_of_range = |rule| Err(LedgerError::invalid("the amount to post", rule, amount));
    match request.kind {
        PostKind::Adjustment if amount.is_zero() => out_of_range("an adjustment must not be zero"),
        PostKind::Adjustment => Ok(amount.minor()),
        PostKind::Charge if amount.is_negative() => out_of_range("a charge must not be negative"),
        PostKind::Charge => Ok(amount.minor().saturating_neg()),
        _ if amount.minor() <= 0 => out_of_range("must be more than nothing"),
        _ => Ok(amount.minor()),
    }
}

/// What has been refunded of a charge after this refund.
fn refund(request: &PostRequest, charged: i64, refunded: i64) -> Result<i64, LedgerError> {
    let left = charged.saturating_sub(refunded);
    if request.amount.minor() > left {
        let refundable = request.amount.unit().minor(left);
        return Err(LedgerError::RefundTooLarge { amount: request.amount, refundable });
    }
    Ok(refunded.saturating_add(request.amount.minor()))
}

fn check_same(known: &Entry, request: &PostRequest, signed: i64) -> Result<(), Stop> {
    let of = match &request.kind {
        PostKind::Refund { of } => Some(of),
        _ => None,
    };
    if known.kind != request.kind.entry_kind() {
        return Err(LedgerError::KeyConflict { field: "kind".into() }.into());
    }
    if known.refund_of() != of {
        return Err(LedgerError::KeyConflict { field: "of".into() }.into());
    }
    same_request(&known.declared, &request.content, [("amount", known.amount, signed)])?;
    Ok(())
}
