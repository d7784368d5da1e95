//! What it shows.

use std::ops::Bound;

use crate::account::Balance;
use crate::cap::Counter;
use crate::clock::{Clock, Timestamp};
use crate::conformance::broken::hooks::{Occasion, WhenCut};
use crate::conformance::broken::ledger::{Account, RulesLedger, unavailable};
use crate::entry::{Entry, Operation};
use crate::error::LedgerError;
use crate::hold::HoldState;
use crate::id::AccountId;
use crate::ledger::reply::{CountersPage, Found, HoldsPage, Statement};
use crate::ledger::request::{
    BalanceRequest, CountersRequest, FindRequest, HoldsCursor, HoldsRequest, Order, StatementRequest,
};
use crate::ledger::rules::AccountState;
use crate::limits::Limits;

impl RulesLedger {
    /// Reads an account as it is now; `None` if there is none.
    fn read<T>(
        &self,
        id: &AccountId,
        read: impl FnOnce(&Account, Timestamp) -> T,
    ) -> Result<Option<T>, LedgerError> {
        if self.is_cut() {
            return match self.hooks.when_cut {
                WhenCut::LooksEmpty | WhenCut::ShowsNothing => Ok(None),
                _ => Err(unavailable("the store cannot be reached")),
            };
        }
        let (mut books, now) = (self.books(), self.clock.now());
        let Some(account) = books.get_mut(id) else {
            return if self.hooks.refuses_strangers { Err(unavailable("no such account")) } else { Ok(None) };
        };
        self.book(account, Occasion::Read, now, u32::MAX);
        Ok(Some(read(account, now)))
    }

    pub(super) fn balance_now(&self, request: &BalanceRequest) -> Result<Balance, LedgerError> {
        let balance = self.read(&request.account, |account, now| {
            let mut balance = account.state.at(now).balance();
            (self.hooks.shows_balance)(&mut balance, account);
            balance
        })?;
        match balance {
            Some(balance) if balance.unit != request.unit => {
                Err(LedgerError::WrongUnit { expected: balance.unit, given: request.unit })
            }
            Some(balance) => Ok(balance),
            None => Ok(AccountState::empty(request.unit).at(self.clock.now()).balance()),
        }
    }

    pub(super) fn statement_now(&self, mut request: StatementRequest) -> Result<Statement, LedgerError> {
        (self.hooks.statement)(&mut request);
        let limit = page_size(request.limit)?;
        let page = self.read(&request.account, |account, _| {
            let after = request.after;
            let (entries, more): (Vec<Entry>, bool) = match request.order {
                Order::OldestFirst => {
                    let from = after.map_or(Bound::Unbounded, Bound::Excluded);
                    first(account.entries.range((from, Bound::Unbounded)).map(|(_, entry)| entry), limit)
                }
                Order::NewestFirst => {
                    let to = after.map_or(Bound::Unbounded, Bound::Excluded);
                    first(account.entries.range((Bound::Unbounded, to)).rev().map(|(_, entry)| entry), limit)
                }
            };
            let next = entries.last().filter(|_| more).map(|last| last.seq);
            let mut page = Statement { entries, next, seq: account.state.seq };
            (self.hooks.shows_statement)(&mut page, &request, account);
            page
        })?;
        Ok(page.unwrap_or_default())
    }

    pub(super) fn holds_now(&self, mut request: HoldsRequest) -> Result<HoldsPage, LedgerError> {
        (self.hooks.holds)(&mut request);
        let limit = page_size(request.limit)?;
        let page = self.read(&request.account, |account, _| {
            let after = request.after.clone().map(|after| (after.release_at, after.key));
            let from = after.map_or(Bound::Unbounded, Bound::Excluded);
            let due = account.due.range((from, Bound::Unbounded));
            let (holds, more): (Vec<HoldState>, bool) =
                first(due.filter_map(|(_, key)| account.holds.get(key)), limit);
            let last = holds.last().filter(|_| more);
            let next = last.map(|last| HoldsCursor { release_at: last.release_at, key: last.key.clone() });
            let mut page = HoldsPage { holds, next, seq: account.state.seq };
            (self.hooks.shows_holds)(&mut page, &request, account);
            page
        })?;
        Ok(page.unwrap_or_default())
    }

    pub(super) fn counters_now(&self, mut request: CountersRequest) -> Result<CountersPage, LedgerError> {
        (self.hooks.counters)(&mut request);
        let limit = page_size(request.limit)?;
        let page = self.read(&request.account, |account, _| {
            let from = request.after.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
            let all = account.counters.range((from, Bound::Unbounded)).map(|(_, counter)| counter);
            let asked =
                all.filter(|counter| request.scope.as_ref().is_none_or(|it| *it == counter.key.scope));
            let (counters, more): (Vec<Counter>, bool) = first(asked, limit);
            let next = counters.last().filter(|_| more).map(|last| last.key.clone());
            let mut page = CountersPage { counters, next, seq: account.state.seq };
            (self.hooks.shows_counters)(&mut page, &request, account);
            page
        })?;
        Ok(page.unwrap_or_default())
    }

    pub(super) fn find_now(&self, request: &FindRequest) -> Result<Found, LedgerError> {
        let found = self.read(&request.account, |account, _| {
            let mut found = match request.operation {
                Operation::Hold => {
                    let hold = account.holds.get(&request.key);
                    hold.map_or(Found::NotApplied, |hold| Found::Hold(Box::new(hold.clone())))
                }
                Operation::Time => Found::NotApplied,
                operation => {
                    let entry = account.posting(operation, &request.key);
                    entry.map_or(Found::NotApplied, |entry| Found::Entry(Box::new(entry.clone())))
                }
            };
            (self.hooks.finds)(&mut found, request, account);
            found
        })?;
        Ok(found.unwrap_or(Found::NotApplied))
    }
}

fn page_size(limit: u32) -> Result<usize, LedgerError> {
    if (1..=Limits::MAX_PAGE).contains(&limit) {
        return Ok(usize::try_from(limit).expect("at most a thousand"));
    }
    Err(LedgerError::invalid("the limit of a page", "must be from 1 to 1,000", limit))
}

/// The first of some rows, and whether there are more.
fn first<'a, T: Clone + 'a>(mut rows: impl Iterator<Item = &'a T>, limit: usize) -> (Vec<T>, bool) {
    let page = rows.by_ref().take(limit).cloned().collect();
    (page, rows.next().is_some())
}
