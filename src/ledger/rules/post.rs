//! Entries made in one step.

use std::sync::Arc;

use super::caps::{self, Counting};
use super::credit::{self, How};
use super::{AccountState, Changes, Decision, Outcome, Stop, not_negative, same_request};
use crate::amount::{Amount, Unit};
use crate::cap::Counter;
use crate::clock::Timestamp;
use crate::content::Declared;
use crate::entry::{Credit, Detail, Entry, EntryKind};
use crate::error::LedgerError;
use crate::few::Few;
use crate::grant::{Grant, GrantKind, GrantTerms, Movement, Origin};
use crate::hold::HoldState;
use crate::id::ScopeId;
use crate::ledger::request::{EndedCredit, PostKind, PostRequest};
use crate::limits::Limits;

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
    counters: &[Counter],
    known: Option<&Entry>,
    source: Source<'_>,
    request: &PostRequest,
    now: Timestamp,
) -> Decision<Entry> {
    let mut before = account.at(now);
    let unit = request.amount.unit();
    check_amount(request)?;
    let debt_limit = not_negative("the debt limit", request.debt_limit, unit)?;
    before.same_unit(unit)?;
    before.check_turned()?;
    if let Some(known) = known {
        check_same(known, request)?;
        return Ok(before.replay(known.clone()));
    }
    before.unit = unit;
    let amount = request.amount.minor();
    let mut change = Change {
        next: before.clone(),
        signed: amount,
        movements: Few::None,
        detail: Detail::default(),
        counting: Counting::new(counters),
        hold: None,
        charge: None,
    };
    match &request.kind {
        PostKind::Credit(terms) => change.credit(terms, request)?,
        PostKind::Charge => change.charge(&before, request, amount, debt_limit)?,
        PostKind::Refund { of, ended } => {
            change.refund(source, request, *ended)?;
            change.detail.of = Some(Box::new(of.clone()));
        }
        PostKind::Adjustment => {}
    }
    let Change { mut next, signed, mut movements, detail, mut counting, hold, charge } = change;
    if !before.has_room_for(signed) {
        return Err(LedgerError::TooLarge { amount: unit.minor(signed) }.into());
    }
    next.shift(signed, 0)?;
    credit::cover_debt(&mut next, &mut movements);
    let named = (request.key.clone(), Declared::new(&request.content, &request.labels));
    let (kind, operation) = (request.kind.entry_kind(), request.kind.operation());
    let entry = next.entry(named, kind, operation, signed, movements, detail);
    let reply = if kind == EntryKind::Charge {
        let levels = caps::levels(&mut counting, &request.caps, next.time);
        next.told(&before, entry.clone(), levels)
    } else {
        next.fresh(&before, entry.clone())
    };
    let counters = counting.changed;
    let changes = Changes { account: next, hold, entry: Some(entry), charge, counters };
    Ok(Outcome { changes: Some(changes), reply })
}

/// An entry in the making.
struct Change<'a> {
    next: AccountState,
    /// What it does to the posted balance.
    signed: i64,
    movements: Few<Movement>,
    detail: Detail,
    counting: Counting<'a>,
    hold: Option<HoldState>,
    charge: Option<Entry>,
}

impl Change<'_> {
    fn charge(
        &mut self,
        before: &AccountState,
        request: &PostRequest,
        amount: i64,
        debt_limit: i64,
    ) -> Result<(), Stop> {
        before.room_under(self.counting.known(), &request.caps, amount, amount)?;
        if amount > before.free(debt_limit) {
            return Err(before.short(amount, amount, debt_limit));
        }
        self.signed = amount.saturating_neg();
        let (next, detail) = (&mut self.next, &mut self.detail);
        let mut draws = Few::None;
        credit::draw(next, amount, How::Spend, &mut draws, &mut self.movements);
        detail.draws = credit::kept(draws);
        detail.counted = caps::charge(&mut self.counting, &request.caps, next.unit, amount, next.time);
        Ok(())
    }

    fn credit(&mut self, terms: &GrantTerms, request: &PostRequest) -> Result<(), Stop> {
        let (now, unit, named) = (self.next.time, self.next.unit, request.amount.minor());
        check_terms(terms, now, unit)?;
        if terms.is_plain(now) {
            return Ok(());
        }
        let id = self.next.seq.saturating_add(1);
        let starts_at = terms.starts_at.filter(|at| *at > now);
        let origin = Arc::new(Origin {
            id,
            key: request.key.clone(),
            unit,
            kind: terms.kind,
            priority: terms.priority,
            starts_at,
            ends_at: terms.ends_at,
            label: terms.label.clone(),
        });
        if let Some((label, period)) = terms.label.as_ref().zip(terms.once_per) {
            let scope = ScopeId::courtesy(label);
            self.detail.counted.push(caps::once(&mut self.counting, scope, period, unit, named, now)?);
        }
        let mut granted = named;
        let movements = &mut self.movements;
        if let Some(max) = terms.rollover.map(Amount::minor) {
            let left_over = credit::end_for_renewal(&mut self.next, &origin, movements);
            granted = max.min(named.max(left_over));
            self.signed = granted.saturating_sub(left_over);
        }
        let grant = Grant {
            origin: Arc::clone(&origin),
            original: granted,
            remaining: granted,
            held: 0,
            started: starts_at.is_none(),
        };
        // Credit that was paid for is never refused for this.
        if granted > 0 && terms.kind != GrantKind::Paid && !credit::has_room(&self.next, &grant) {
            let rule = "must be at most 32 for an account; those on equal terms are one";
            return Err(LedgerError::invalid(
                "the number of grants",
                rule,
                Limits::MAX_GRANTS.saturating_add(1),
            )
            .into());
        }
        // Looked at before it is added, so that no sum of a grant can wrap; credit still to start counts as well.
        if !self.next.has_room_for(if terms.rollover.is_some() { self.signed } else { granted }) {
            return Err(LedgerError::TooLarge { amount: request.amount }.into());
        }
        let pending = starts_at.is_some();
        let merged = if granted > 0 { credit::add_grant(&mut self.next, &grant, movements) } else { None };
        // Joined with other credit for want of room, it has started with it.
        let waits = pending && merged.is_some_and(|(_, started)| !started);
        if waits {
            self.signed = 0;
        }
        let grant = merged.map(|(id, _)| id);
        self.detail.credit = Some(Box::new(Credit { terms: terms.clone(), named, grant }));
        Ok(())
    }

    fn refund(&mut self, source: Source<'_>, request: &PostRequest, ended: EndedCredit) -> Result<(), Stop> {
        if let EndedCredit::Revive(lifetime) = ended
            && !Limits::allow_revival(lifetime)
        {
            let value = format!("{lifetime:?}");
            return Err(LedgerError::invalid(
                "the time to revive for",
                "must be from 1 ms to 366 days",
                value,
            )
            .into());
        }
        let amount = request.amount.minor();
        let movements = &mut self.movements;
        match source {
            Source::None => return Err(LedgerError::UnknownCharge.into()),
            Source::Hold(known) => {
                super::holds::check_released(known, &self.next)?;
                let mut refunded = known.clone();
                refunded.refunded = refund(request, known.captured, known.refunded)?;
                refunded.rev = refunded.rev.saturating_add(1);
                credit::refund(&mut self.next, &mut refunded.draws, amount, ended, movements);
                self.hold = Some(refunded);
            }
            Source::Entry(known) => {
                let mut refunded = known.clone();
                refunded.refunded = refund(request, known.amount.saturating_neg(), known.refunded)?;
                if let Some(detail) = refunded.detail.as_mut().map(Arc::make_mut) {
                    credit::refund(&mut self.next, &mut detail.draws, amount, ended, movements);
                }
                self.charge = Some(refunded);
            }
        }
        Ok(())
    }
}

fn check_amount(request: &PostRequest) -> Result<(), LedgerError> {
    let amount = request.amount;
    let out_of_range = |rule| Err(LedgerError::invalid("the amount to post", rule, amount));
    match &request.kind {
        PostKind::Adjustment if amount.is_zero() => out_of_range("an adjustment must not be zero"),
        PostKind::Adjustment => Ok(()),
        PostKind::Charge if amount.is_negative() => out_of_range("a charge must not be negative"),
        PostKind::Credit(GrantTerms { rollover: Some(_), .. }) if amount.is_negative() => {
            out_of_range("a renewal must not be negative")
        }
        PostKind::Charge | PostKind::Credit(GrantTerms { rollover: Some(_), .. }) => Ok(()),
        _ if amount.minor() <= 0 => out_of_range("must be more than nothing"),
        _ => Ok(()),
    }
}

/// Whether credit can be booked on these terms now.
fn check_terms(terms: &GrantTerms, now: Timestamp, unit: Unit) -> Result<(), LedgerError> {
    let kind_must = |rule| Err(LedgerError::invalid("the kind of a grant", rule, terms.kind.as_str()));
    let starts_at = terms.starts_at.map_or(now, |at| at.max(now));
    if let Some(ends_at) = terms.ends_at
        && ends_at <= starts_at
    {
        let rule = "must be in the future and after its start";
        return Err(LedgerError::invalid("the end of a grant", rule, ends_at));
    }
    if (terms.kind == GrantKind::Courtesy) != terms.once_per.is_some() {
        return kind_must("a courtesy, and nothing else, is given once per period");
    }
    if terms.kind == GrantKind::Courtesy && terms.label.is_none() {
        return kind_must("a courtesy needs a label");
    }
    if let Some(max) = terms.rollover {
        not_negative("the most of a renewal", max, unit)?;
        if terms.kind == GrantKind::Paid || terms.kind == GrantKind::Courtesy {
            return kind_must("must be included or promotional to be renewed");
        }
        if terms.label.is_none() {
            return kind_must("a renewal needs a label");
        }
        if starts_at > now {
            return Err(LedgerError::invalid("the start of a grant", "a renewal starts at once", starts_at));
        }
    }
    Ok(())
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

/// Times are not compared: like a hold's lifetime they are often taken from a clock when the request is made.
fn check_same(known: &Entry, request: &PostRequest) -> Result<(), Stop> {
    let conflict = |field: &'static str| Err(LedgerError::KeyConflict { field: field.into() }.into());
    let of = match &request.kind {
        PostKind::Refund { of, .. } => Some(of),
        _ => None,
    };
    if known.kind != request.kind.entry_kind() {
        return conflict("kind");
    }
    if known.refund_of() != of {
        return conflict("of");
    }
    let mut fields = vec![("amount", known.named().minor() == signed(request))];
    if let (PostKind::Credit(terms), Some(given)) = (&request.kind, known.terms()) {
        fields.push(("grant kind", given.kind == terms.kind));
        fields.push(("priority", given.priority == terms.priority));
        fields.push(("label", given.label == terms.label));
        fields.push(("rollover", given.rollover == terms.rollover));
    } else if let PostKind::Credit(terms) = &request.kind {
        // Booked as plain credit.
        fields.push(("priority", terms.priority == GrantTerms::DEFAULT_PRIORITY));
        fields.push(("label", terms.label.is_none()));
    }
    same_request(&known.declared, &request.content, fields)?;
    Ok(())
}

/// The amount as an entry has it.
fn signed(request: &PostRequest) -> i64 {
    let amount = request.amount.minor();
    if matches!(request.kind, PostKind::Charge) { amount.saturating_neg() } else { amount }
}
