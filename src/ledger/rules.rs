//! The rules of money, written once: from the state of an account, a request and the time, to changes and a reply.
//!
//! Pure: no I/O, no clock of their own, no knowledge of where state is kept. A ledger loads what a rule asks for,
//! calls it, and stores the changes in one step. Each rule sees a bounded part of the account: its totals and grants, and
//! the rows the request names. What it cannot decide from that, it asks for with [`Stop::DueFirst`].

mod caps;
mod capture;
mod credit;
mod holds;
mod post;

pub(crate) use capture::capture;
pub(crate) use credit::turn;
pub(crate) use holds::{hold, release, resize, void};
pub(crate) use post::{Source, post};

use crate::account::{Applied, Balance, Novelty};
use crate::amount::{Amount, Unit};
use crate::cap::Counter;
use crate::clock::Timestamp;
use crate::content::{Content, Declared};
use crate::entry::{Detail, Entry, EntryKind, Operation};
use crate::error::{LedgerError, Shortfall};
use crate::few::Few;
use crate::grant::{Grants, Movement};
use crate::hold::HoldState;
use crate::id::IdempotencyKey;
use crate::told::{Level, Standing, Told};

/// The totals and grants of an account: what every decision about it needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AccountState {
    pub(crate) unit: Unit,
    /// The number of the latest change; 0 for an account that does not exist.
    pub(crate) seq: u64,
    /// The time of the latest change. Time never runs backwards for an account.
    pub(crate) time: Timestamp,
    /// No open hold is released before this: a lower bound, so until then the totals are exact, and from then on they
    /// only understate what is available.
    pub(crate) next_due: Timestamp,
    pub(crate) open_holds: u32,
    pub(crate) posted: i64,
    pub(crate) held: i64,
    pub(crate) grants: Grants,
    pub(crate) told: Told,
}

/// What to store, all of it or nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Changes {
    pub(crate) account: AccountState,
    /// The hold that was made or changed.
    pub(crate) hold: Option<HoldState>,
    /// The entry to add.
    pub(crate) entry: Option<Entry>,
    /// The charge of which part was refunded, replacing the stored one.
    pub(crate) charge: Option<Entry>,
    /// The counters that were made or changed.
    pub(crate) counters: Vec<Counter>,
}

/// What a rule decided: what to store, nothing for a replay, and the reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome<T> {
    pub(crate) changes: Option<Changes>,
    pub(crate) reply: Applied<T>,
}

/// Why a rule decided nothing or no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Holds or credit whose time has ended or begun may change the answer: [`release`] them and book their [`turn`], store
    /// that, and ask again.
    DueFirst,
    /// The answer is no, and nothing changes.
    Refuse(LedgerError),
}

impl From<LedgerError> for Stop {
    fn from(error: LedgerError) -> Self {
        Self::Refuse(error)
    }
}

pub(crate) type Decision<T> = Result<Outcome<T>, Stop>;

impl AccountState {
    /// An account that does not exist.
    pub(crate) const fn empty(unit: Unit) -> Self {
        Self {
            unit,
            seq: 0,
            time: Timestamp::from_micros(i64::MIN),
            next_due: Timestamp::MAX,
            open_holds: 0,
            posted: 0,
            held: 0,
            grants: Grants::NONE,
            told: Told::NOTHING,
        }
    }

    /// The same at a later time; at its own time if the clock went back.
    pub(crate) fn at(&self, now: Timestamp) -> Self {
        Self { time: self.time.max(now), ..self.clone() }
    }

    /// Whether a hold may be due that still counts as held.
    pub(crate) fn is_overdue(&self) -> bool {
        self.next_due <= self.time
    }

    /// What is available. Every change keeps it within `i64`.
    pub(crate) fn available(&self) -> i64 {
        self.posted.saturating_sub(self.held)
    }

    /// What may be newly held or charged under a debt limit.
    pub(crate) fn free(&self, debt_limit: i64) -> i64 {
        self.available().saturating_add(debt_limit).max(0)
    }

    pub(crate) fn balance(&self) -> Balance {
        Balance {
            unit: self.unit,
            posted: self.posted,
            held: self.held,
            open_holds: self.open_holds,
            seq: self.seq,
            as_of: self.time,
            grants: self.grants.clone(),
            told: self.told,
        }
    }

    /// Credit that starts or ends is booked before anything is decided: the totals would overstate what there is.
    fn check_turned(&self) -> Result<(), Stop> {
        if self.has_turns() { Err(Stop::DueFirst) } else { Ok(()) }
    }

    /// Moves the totals, or says that they would not fit: certain once no due hold is left that still counts.
    fn shift(&mut self, posted: i64, held: i64) -> Result<(), Stop> {
        let moved = self.posted.checked_add(posted).zip(self.held.checked_add(held));
        match moved.filter(|(posted, held)| posted.checked_sub(*held).is_some()) {
            Some((posted, held)) => {
                (self.posted, self.held) = (posted, held);
                Ok(())
            }
            None if self.is_overdue() => Err(Stop::DueFirst),
            None => {
                let amount = self.unit.minor(if held == 0 { posted } else { held });
                Err(LedgerError::TooLarge { amount }.into())
            }
        }
    }

    fn next_seq(&mut self) -> u64 {
        self.seq = self.seq.saturating_add(1);
        self.seq
    }

    /// The next entry of the account, whose totals have moved already.
    fn entry(
        &mut self,
        (key, declared): (IdempotencyKey, Declared),
        kind: EntryKind,
        operation: Operation,
        amount: i64,
        movements: Few<Movement>,
        detail: Detail,
    ) -> Entry {
        let seq = self.next_seq();
        if amount > 0 {
            self.told.credited(amount, self.posted);
        }
        if kind == EntryKind::TopUp && amount > 0 {
            (self.told.top_up, self.told.top_up_seq) = (amount, seq);
        }
        Entry {
            key,
            declared,
            unit: self.unit,
            seq,
            booked_at: self.time,
            amount,
            posted_after: self.posted,
            uncollected: 0,
            refunded: 0,
            kind,
            operation,
            late: false,
            movements,
            detail: detail.kept(),
        }
    }

    fn same_unit(&self, given: Unit) -> Result<(), LedgerError> {
        // An account that does not exist has no unit yet.
        if self.seq == 0 || self.unit == given {
            Ok(())
        } else {
            Err(LedgerError::WrongUnit { expected: self.unit, given })
        }
    }

    /// The reply to a change that made the account this from `before`.
    fn fresh<T>(&self, before: &Self, value: T) -> Applied<T> {
        Applied {
            standing: self.standing(),
            value,
            unit: self.unit,
            before: before.available(),
            after: self.available(),
            seq: self.seq,
            novelty: Novelty::Fresh,
        }
    }

    /// The reply to a change that is work, and so tells its customer how things stand: from here on that is told. What the host
    /// books on its own account tells nobody.
    fn told<T>(&mut self, before: &Self, value: T, levels: Few<Level>) -> Applied<T> {
        let mut reply = self.fresh(before, value);
        reply.standing.levels = levels;
        self.told.told(self.posted, self.time);
        reply
    }

    fn standing(&self) -> Standing {
        let (posted, at, told) = (self.posted, self.time, self.told);
        Standing { posted, at, told, grants: self.grants.clone(), levels: Few::None }
    }

    fn replay<T>(&self, value: T) -> Outcome<T> {
        let available = self.available();
        let reply = Applied {
            standing: self.standing(),
            value,
            unit: self.unit,
            before: available,
            after: available,
            seq: self.seq,
            novelty: Novelty::Replay,
        };
        Outcome { changes: None, reply }
    }

    /// The refusal of `required`, once it is certain: no due hold is left that could be released.
    fn short(&self, requested: i64, required: i64, debt_limit: i64) -> Stop {
        if self.is_overdue() {
            return Stop::DueFirst;
        }
        Stop::Refuse(LedgerError::Insufficient(Box::new(Shortfall {
            unit: self.unit,
            requested,
            required,
            posted: self.posted,
            held: self.held,
            debt_limit,
            next_release: (self.open_holds > 0).then_some(self.next_due),
            seq: self.seq,
            as_of: self.time,
        })))
    }
}

/// An amount of the request that must be in the request's unit and not negative.
fn not_negative(what: &'static str, amount: Amount, unit: Unit) -> Result<i64, LedgerError> {
    if amount.unit() != unit {
        return Err(LedgerError::WrongUnit { expected: unit, given: amount.unit() });
    }
    if amount.is_negative() {
        return Err(LedgerError::invalid(what, "must not be negative", amount));
    }
    Ok(amount.minor())
}

/// Whether a repeated key names the same request: by declared content, or where there is none by these fields, each with
/// whether it is the same.
fn same_request(
    known: &Declared,
    given: &Content,
    fields: impl IntoIterator<Item = (&'static str, bool)>,
) -> Result<(), LedgerError> {
    let conflict = |field| LedgerError::KeyConflict { field };
    if known.same_content(given).map_err(|field| conflict(field.into()))? {
        return Ok(());
    }
    match fields.into_iter().find(|(_, same)| !same) {
        Some((field, _)) => Err(conflict(field.into())),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
