//! Clause 7: which credit is used, in which order, and where it goes back to.
//!
//! What an account has posted is its grants that have started, and beside them plain credit: what is left over, below
//! zero for a debt. So an account without grants is two numbers, and nothing here costs it anything. Functions that draw
//! are called before the totals move, [`cover_debt`] after.

use std::sync::Arc;

use super::AccountState;
use crate::amount::Unit;
use crate::clock::Timestamp;
use crate::content::Declared;
use crate::entry::{Credit, Detail, Entry, EntryKind, Operation};
use crate::few::Few;
use crate::grant::{Draw, Grant, GrantKind, Movement, Origin, PLAIN_BURNS, move_by};
use crate::hold::HoldState;
use crate::ledger::request::EndedCredit;
use crate::limits::Limits;

/// What is done with credit that is drawn.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    Hold,
    Spend,
}

impl AccountState {
    /// What of `posted` is plain credit; negative for a debt.
    fn plain(&self) -> i128 {
        let granted = self.grants.list().iter().filter(|grant| grant.started);
        let granted = granted.fold(0_i128, |sum, grant| sum.saturating_add(grant.remaining.into()));
        i128::from(self.posted).saturating_sub(granted)
    }

    /// What of plain credit is neither used nor held; never negative.
    fn plain_free(&self) -> i64 {
        let drawn =
            self.grants.list().iter().fold(0_i128, |sum, grant| sum.saturating_add(grant.held.into()));
        let held = i128::from(self.held).saturating_sub(drawn);
        i64::try_from(self.plain().saturating_sub(held).max(0)).unwrap_or(i64::MAX)
    }

    /// Whether credit starts or ends by now that is not booked yet. [`turn`] books it from what the account itself
    /// knows, so that comes before any decision.
    pub(crate) fn has_turns(&self) -> bool {
        self.grants.next_turn() <= self.time
    }

    /// Whether so much more could be posted with all credit started that is still to start.
    pub(super) fn has_room_for(&self, amount: i64) -> bool {
        let pending = self.grants.list().iter().filter(|grant| !grant.started);
        let pending =
            pending.fold(i128::from(amount), |sum, grant| sum.saturating_add(grant.remaining.into()));
        i128::from(self.posted).saturating_add(pending) <= i128::from(i64::MAX)
    }
}

/// What a hold drew, with plain credit named as well if there is anything to tell it from.
pub(super) fn draws_of(hold: &HoldState, account: &AccountState) -> Few<Draw> {
    let nothing = hold.reserve() == 0 && hold.captured == 0;
    if !hold.draws().is_empty() || account.grants.is_empty() || nothing {
        return hold.draws.clone();
    }
    let plain = Draw {
        held: hold.reserve(),
        used: hold.captured,
        refunded: hold.refunded,
        ..Draw::none(None, hold.unit)
    };
    Few::One([plain])
}

/// What is kept of draws: nothing if all of them are plain credit.
pub(super) fn kept(draws: Few<Draw>) -> Few<Draw> {
    if draws.iter().all(|draw| draw.origin.is_none()) { Few::None } else { draws }
}

/// Draws free credit in the order of the clause; what no credit is left for is plain credit below zero.
pub(super) fn draw(
    account: &mut AccountState,
    amount: i64,
    how: How,
    draws: &mut Few<Draw>,
    movements: &mut Few<Movement>,
) {
    let unit = account.unit;
    let mut left = amount;
    if amount == 0 {
        return;
    }
    if account.grants.list().iter().any(|grant| grant.free() > 0) {
        let mut plain = account.plain_free();
        account.grants.change(|grants| {
            for grant in grants.iter_mut() {
                if grant.origin.burn_order() > PLAIN_BURNS {
                    let part = plain.min(left);
                    (plain, left) = (plain.saturating_sub(part), left.saturating_sub(part));
                    add(draws, None, unit, part, how);
                }
                let part = grant.free().min(left);
                if part == 0 {
                    continue;
                }
                left = left.saturating_sub(part);
                add(draws, Some(&grant.origin), unit, part, how);
                match how {
                    How::Hold => grant.held = grant.held.saturating_add(part),
                    How::Spend => {
                        grant.remaining = grant.remaining.saturating_sub(part);
                        move_by(movements, grant.origin.id, unit, part.saturating_neg());
                    }
                }
            }
        });
    }
    // With nothing but plain credit on both sides, nobody needs to know.
    if !(draws.is_empty() && left == amount) {
        add(draws, None, unit, left, how);
    }
}

fn add(draws: &mut Few<Draw>, origin: Option<&Arc<Origin>>, unit: Unit, part: i64, how: How) {
    if part == 0 {
        return;
    }
    let id = origin.map(|origin| origin.id);
    let slot = match draws.iter_mut().position(|draw| draw.id() == id) {
        Some(position) => draws.get_mut(position),
        None => {
            draws.push(Draw::none(origin.cloned(), unit));
            draws.last_mut()
        }
    };
    if let Some(draw) = slot {
        let sum = if how == How::Hold { &mut draw.held } else { &mut draw.used };
        *sum = sum.saturating_add(part);
    }
}

/// Charges what a hold set aside, in the order in which it drew.
pub(super) fn spend_held(
    account: &mut AccountState,
    draws: &mut [Draw],
    amount: i64,
    movements: &mut Few<Movement>,
) {
    let mut left = amount;
    for draw in draws.iter_mut() {
        let part = draw.held.min(left);
        left = left.saturating_sub(part);
        draw.held = draw.held.saturating_sub(part);
        draw.used = draw.used.saturating_add(part);
        take_back(account, draw, part, part);
        if let Some(id) = draw.id() {
            move_by(movements, id, account.unit, part.saturating_neg());
        }
    }
}

/// Gives back what a hold set aside and does not need, the last drawn first. A draw of which nothing is left is
/// forgotten.
pub(super) fn give_back(account: &mut AccountState, draws: &mut Few<Draw>, amount: i64) {
    let mut left = amount;
    for draw in draws.iter_mut().rev() {
        let part = draw.held.min(left);
        left = left.saturating_sub(part);
        draw.held = draw.held.saturating_sub(part);
        take_back(account, draw, part, 0);
    }
    draws.retain(|draw| draw.held != 0 || draw.used != 0);
}

/// Lowers what is held of the grant behind a draw, and what remains of it.
fn take_back(account: &mut AccountState, draw: &Draw, held: i64, used: i64) {
    let Some(id) = draw.id().filter(|_| held > 0) else { return };
    change_grant(account, id, |grant| {
        grant.held = grant.held.saturating_sub(held);
        grant.remaining = grant.remaining.saturating_sub(used);
    });
}

fn change_grant(account: &mut AccountState, id: u64, change: impl FnOnce(&mut Grant)) {
    account.grants.change(|grants| {
        if let Some(grant) = grants.iter_mut().find(|grant| grant.origin.id == id) {
            change(grant);
        }
    });
}

/// After the totals moved: a debt is paid with any credit that is free, so that it lasts only while there is none.
pub(super) fn cover_debt(account: &mut AccountState, movements: &mut Few<Movement>) {
    if account.grants.is_empty() {
        return;
    }
    let debt = i64::try_from(account.plain().saturating_neg()).unwrap_or(i64::MAX);
    if debt <= 0 || account.grants.list().iter().all(|grant| grant.free() == 0) {
        return;
    }
    let unit = account.unit;
    account.grants.change(|grants| {
        let mut left = debt;
        for grant in grants.iter_mut() {
            let part = grant.free().min(left);
            left = left.saturating_sub(part);
            grant.remaining = grant.remaining.saturating_sub(part);
            move_by(movements, grant.origin.id, unit, part.saturating_neg());
        }
    });
}

/// Whether one more grant would be within the limit, or merge.
pub(super) fn has_room(account: &AccountState, grant: &Grant) -> bool {
    let live = account.grants.list().iter().filter(|grant| grant.is_live(account.time)).count();
    live < Limits::MAX_GRANTS || account.grants.list().iter().any(|known| merges(known, grant, account.time))
}

fn merges(known: &Grant, new: &Grant, now: Timestamp) -> bool {
    let (one, other) = (&known.origin, &new.origin);
    if one.has_ended(now) {
        // What comes back to it ended is booked as an expiry; to be used again it needs room.
        return one.id == other.id && other.has_ended(now);
    }
    let equal = known.started == new.started
        && one.equals(other)
        && (new.started || one.starts_at == other.starts_at);
    one.id == other.id || equal
}

/// Adds credit: as a grant of its own, merged with one on equal terms, or where there are too many joined with the
/// credit that was bought and ends next after it. Says which grant it went to, and whether that has started: `None` for plain
/// credit.
pub(super) fn add_grant(
    account: &mut AccountState,
    new: &Grant,
    movements: &mut Few<Movement>,
) -> Option<(u64, bool)> {
    let (now, unit) = (account.time, account.unit);
    let fits = has_room(account, new) || new.origin.has_ended(now);
    account.grants.change(|grants| {
        let ends_at = |grant: &Grant| grant.origin.ends_at.unwrap_or(Timestamp::MAX);
        let same = grants.iter().position(|known| known.origin.id == new.origin.id);
        let merging = |known: &Grant| merges(known, new, now);
        let itself = same.filter(|position| grants.get(*position).is_some_and(merging));
        let was_there = same.is_some();
        let position = match itself.or_else(|| grants.iter().position(merging)) {
            Some(position) => Some(position),
            // Ended, with holds on it, and now to be used again.
            None if fits && same.is_some() => same,
            None if fits => {
                grants.push(Grant { original: 0, remaining: 0, ..new.clone() });
                Some(grants.len().saturating_sub(1))
            }
            None => {
                let joinable = |grant: &Grant| {
                    grant.started && grant.origin.kind == GrantKind::Paid && ends_at(grant) >= ends_at(new)
                };
                let candidates = grants.iter().enumerate().filter(|(_, grant)| joinable(grant));
                candidates.min_by_key(|(_, grant)| ends_at(grant)).map(|(position, _)| position)
            }
        };
        let joined = grants.get_mut(position?)?;
        if joined.origin.id == new.origin.id {
            // Perhaps with a later end.
            joined.origin = Arc::clone(&new.origin);
        }
        // What comes back to a grant was part of it before.
        if joined.origin.id != new.origin.id || !was_there {
            joined.original = joined.original.saturating_add(new.original);
        }
        joined.remaining = joined.remaining.saturating_add(new.remaining);
        if joined.started {
            move_by(movements, joined.origin.id, unit, new.remaining);
        }
        Some((joined.origin.id, joined.started))
    })
}

/// Gives a charge back to where it was drawn from, the last drawn first.
pub(super) fn refund(
    account: &mut AccountState,
    draws: &mut [Draw],
    amount: i64,
    ended: EndedCredit,
    movements: &mut Few<Movement>,
) {
    let mut left = amount;
    for draw in draws.iter_mut().rev() {
        let part = draw.used.saturating_sub(draw.refunded).min(left).max(0);
        if part == 0 {
            continue;
        }
        left = left.saturating_sub(part);
        draw.refunded = draw.refunded.saturating_add(part);
        if let Some(origin) = &draw.origin {
            return_to(account, origin, part, ended, movements);
        }
    }
}

fn return_to(
    account: &mut AccountState,
    origin: &Arc<Origin>,
    part: i64,
    ended: EndedCredit,
    movements: &mut Few<Movement>,
) {
    let now = account.time;
    // As it stands now, if it is still there: its end may have moved.
    let known = account.grants.list().iter().find(|grant| grant.origin.id == origin.id);
    let ends_at = known.map_or(origin.ends_at, |grant| grant.origin.ends_at);
    let mut revived = Origin { ends_at, ..origin.as_ref().clone() };
    if revived.has_ended(now) {
        let longer = match ended {
            EndedCredit::ByKind => (origin.kind == GrantKind::Paid).then_some(Limits::REVIVAL),
            EndedCredit::Revive(lifetime) => Some(lifetime),
            EndedCredit::Expire => None,
        };
        if let Some(longer) = longer {
            revived.ends_at = Some(now.saturating_add(longer));
        }
    }
    let origin = Arc::new(revived);
    add_grant(account, &Grant { origin, original: part, remaining: part, held: 0, started: true }, movements);
}

/// Ends what is free of the started grants of a kind and label; says how much it was.
pub(super) fn end_for_renewal(
    account: &mut AccountState,
    origin: &Origin,
    movements: &mut Few<Movement>,
) -> i64 {
    let (now, unit) = (account.time, account.unit);
    account.grants.change(|grants| {
        let renewed = |grant: &Grant| {
            grant.started && (grant.origin.kind, &grant.origin.label) == (origin.kind, &origin.label)
        };
        let mut left_over = 0_i64;
        for grant in grants.iter_mut().filter(|grant| renewed(grant)) {
            let free = grant.free();
            left_over = left_over.saturating_add(free);
            grant.remaining = grant.remaining.saturating_sub(free);
            move_by(movements, grant.origin.id, unit, free.saturating_neg());
            if !grant.origin.has_ended(now) {
                // What running work holds of it stays with that work, and ends when it comes free.
                grant.origin = Arc::new(Origin { ends_at: Some(now), ..grant.origin.as_ref().clone() });
            }
        }
        left_over
    })
}

/// Books the first start or end of credit that is due, as a change of its own. `None` if none is.
pub(crate) fn turn(account: &mut AccountState, now: Timestamp) -> Option<Entry> {
    let mut next = account.at(now);
    let at = next.grants.next_turn();
    if at > next.time {
        return None;
    }
    let grant = next.grants.list().iter().find(|grant| grant.next_turn() == at)?;
    let (origin, started, amount) = (Arc::clone(&grant.origin), grant.started, grant.remaining);
    let unit = next.unit;
    let mut movements = Few::None;
    let (kind, booked) = if started {
        let free = grant.free();
        // Before it is lost, it pays what is owed.
        let debt = i64::try_from(next.plain().saturating_neg()).unwrap_or(i64::MAX).max(0);
        change_grant(&mut next, origin.id, |grant| grant.remaining = grant.remaining.saturating_sub(free));
        move_by(&mut movements, origin.id, unit, free.saturating_neg());
        let lost = free.saturating_sub(debt).max(0);
        next.posted = next.posted.checked_sub(lost)?;
        (EntryKind::Expiry, lost.saturating_neg())
    } else {
        next.posted = next.posted.checked_add(amount)?;
        change_grant(&mut next, origin.id, |grant| grant.started = true);
        move_by(&mut movements, origin.id, unit, amount);
        (if origin.kind == GrantKind::Paid { EntryKind::TopUp } else { EntryKind::Grant }, amount)
    };
    cover_debt(&mut next, &mut movements);
    let detail = Detail {
        effective_at: Some(at),
        credit: Some(Box::new(Credit { terms: origin.terms(), named: amount, grant: Some(origin.id) })),
        ..Detail::default()
    };
    let named = (origin.key.clone(), Declared::default());
    let entry = next.entry(named, kind, Operation::Time, booked, movements, detail);
    *account = next;
    Some(entry)
}
