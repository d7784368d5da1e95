//! Pages, sweeps and pruning.

use std::sync::Arc;

use crate::clock::Timestamp;
use crate::entry::Entry;
use crate::error::LedgerError;
use crate::hold::HoldState;
use crate::id::AccountId;
use crate::ledger::engine::command::{Answer, Work};
use crate::ledger::engine::core::unavailable;
use crate::ledger::engine::driver::{Driver, Shared, lock};
use crate::ledger::engine::reply_slot::{self, Giver};
use crate::ledger::future::LedgerFuture;
use crate::ledger::reply::{CountersPage, HoldsPage, Statement, Swept};
use crate::ledger::request::{CountersRequest, HoldsCursor, HoldsRequest, StatementRequest};
use crate::ledger::store::pages::{CountersQuery, EntriesQuery, OpenHoldsQuery, Pruned};
use crate::ledger::store::{Store, StoreError};
use crate::limits::Limits;

/// How many accounts a sweep asks for at a time, and how many pruning looks at.
const ACCOUNTS: u32 = 1_000;

impl<S: Store> Driver<S> {
    pub(super) fn statement(&self, request: StatementRequest) -> LedgerFuture<Statement> {
        let StatementRequest { account, order, after, limit } = request;
        self.page(limit, account.clone(), move |store, more| {
            let page = store.entries(&EntriesQuery { account, order, after, limit: more })?;
            let (mut rows, is_cut) = cut(page.rows, limit);
            let next = rows.last().filter(|_| is_cut).map(|record| record.entry.seq);
            let entries: Vec<Entry> = rows.drain(..).map(|record| record.entry).collect();
            Ok(Statement { entries, next, seq: page.seq })
        })
    }

    pub(super) fn open_holds(&self, request: HoldsRequest) -> LedgerFuture<HoldsPage> {
        let HoldsRequest { account, after, limit } = request;
        self.page(limit, account.clone(), move |store, more| {
            let page = store.open_holds(&OpenHoldsQuery { account, after, limit: more })?;
            let (rows, is_cut) = cut(page.rows, limit);
            let holds: Vec<HoldState> = rows.into_iter().map(|record| record.hold).collect();
            let last = holds.last().filter(|_| is_cut);
            let next = last.map(|last| HoldsCursor { release_at: last.release_at, key: last.key.clone() });
            Ok(HoldsPage { holds, next, seq: page.seq })
        })
    }

    pub(super) fn counters(&self, request: CountersRequest) -> LedgerFuture<CountersPage> {
        let CountersRequest { account, scope, after, limit } = request;
        self.page(limit, account.clone(), move |store, more| {
            let page = store.counters(&CountersQuery { account, scope, after, limit: more })?;
            let (counters, is_cut) = cut(page.rows, limit);
            let next = counters.last().filter(|_| is_cut).map(|counter| counter.key.clone());
            Ok(CountersPage { counters, next, seq: page.seq })
        })
    }

    /// Reads a page with one row more than asked for, once everything is booked that is due.
    fn page<T: Send + 'static>(
        &self,
        limit: u32,
        account: AccountId,
        read: impl FnOnce(&S, u32) -> Result<T, StoreError> + Send + 'static,
    ) -> LedgerFuture<T> {
        if !(1..=Limits::MAX_PAGE).contains(&limit) {
            return LedgerFuture::ready(Err(LedgerError::invalid(
                "the limit of a page",
                "must be from 1 to 1,000",
                limit,
            )));
        }
        let (giver, taker) = reply_slot::pair();
        let shared = Arc::clone(&self.shared);
        let of = account.clone();
        let booked = self.shared.submit(
            account,
            Work::Read,
            Box::new(move |answer| match answer {
                Ok(_) => shared.run(
                    &of,
                    Box::new(move |shared| {
                        giver.give(
                            read(&shared.store, limit.saturating_add(1)).map_err(|error| failed(&error)),
                        );
                    }),
                ),
                Err(error) => giver.give(Err(error)),
            }),
        );
        match booked {
            Ok(()) => LedgerFuture::boxed(taker),
            Err(error) => LedgerFuture::ready(Err(error)),
        }
    }

    pub(super) fn sweep(&self, limit: u32) -> LedgerFuture<Swept> {
        if !(1..=Limits::MAX_SWEEP).contains(&limit) {
            let error = LedgerError::invalid("the limit of a sweep", "must be from 1 to 10,000", limit);
            return LedgerFuture::ready(Err(error));
        }
        let (giver, taker) = reply_slot::pair();
        let sweep = Sweep { swept: Swept::default(), limit, after: None, accounts: Vec::new(), giver };
        self.shared.run_anywhere(Box::new(move |shared| sweep.next(shared)));
        LedgerFuture::boxed(taker)
    }

    pub(super) fn prune(&self, limit: u32) -> LedgerFuture<Pruned> {
        if !(1..=Limits::MAX_SWEEP).contains(&limit) {
            let error = LedgerError::invalid("the limit of pruning", "must be from 1 to 10,000", limit);
            return LedgerFuture::ready(Err(error));
        }
        let (giver, taker) = reply_slot::pair();
        self.shared.run_anywhere(Box::new(move |shared| {
            giver.give(prune(shared, limit).map_err(|error| failed(&error)));
        }));
        LedgerFuture::boxed(taker)
    }
}

fn failed(error: &StoreError) -> LedgerError {
    unavailable(&error.to_string())
}

/// The first rows, and whether there were more.
fn cut<T>(mut rows: Vec<T>, limit: u32) -> (Vec<T>, bool) {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let is_cut = rows.len() > limit;
    rows.truncate(limit);
    (rows, is_cut)
}

/// A sweep on its way from account to account. Each books what is due of it in the same way as any other command does.
struct Sweep {
    swept: Swept,
    limit: u32,
    after: Option<(Timestamp, AccountId)>,
    /// Those still to do, the first last.
    accounts: Vec<(Timestamp, AccountId)>,
    giver: Giver<Swept>,
}

impl Sweep {
    fn left(&self) -> u32 {
        self.limit.saturating_sub(self.swept.released).saturating_sub(self.swept.booked)
    }

    fn next<S: Store>(mut self, shared: &Arc<Shared<S>>) {
        if self.left() == 0 {
            self.swept.more = true;
            self.giver.give(Ok(self.swept));
            return;
        }
        if self.accounts.is_empty() {
            match shared.store.due(shared.store.now(), self.after.as_ref(), ACCOUNTS) {
                Ok(accounts) => self.accounts = accounts,
                Err(error) => return self.giver.give(Err(failed(&error))),
            }
            self.accounts.reverse();
        }
        let Some((at, account)) = self.accounts.pop() else {
            self.giver.give(Ok(self.swept));
            return;
        };
        self.after = Some((at, account.clone()));
        let (theirs, limit) = (Arc::clone(shared), self.left());
        let giver_of_overload = |_: LedgerError| ();
        let submitted = shared.submit(
            account,
            Work::Sweep { limit },
            Box::new(move |answer| {
                match answer {
                    Ok(Answer::Swept { released, booked, more }) => {
                        self.swept.released = self.swept.released.saturating_add(released);
                        self.swept.booked = self.swept.booked.saturating_add(booked);
                        if more && self.left() > 0 {
                            // More of this account than fits into one commit.
                            if let Some(same) = self.after.clone() {
                                self.accounts.push(same);
                            }
                        }
                    }
                    // One account that cannot be done does not keep the others from it.
                    Ok(_) | Err(_) => self.swept.more = true,
                }
                theirs.run_anywhere(Box::new(move |shared| self.next(shared)));
            }),
        );
        // Not submitted, the sweep was dropped with its giver, which says so.
        submitted.unwrap_or_else(giver_of_overload);
    }
}

fn prune<S: Store>(shared: &Arc<Shared<S>>, limit: u32) -> Result<Pruned, StoreError> {
    let mut place = lock(&shared.pruned);
    let now = shared.store.now();
    let mut pruned = Pruned::default();
    let accounts = shared.store.accounts(place.as_ref(), ACCOUNTS)?;
    let count = u32::try_from(accounts.len()).unwrap_or(u32::MAX);
    for account in accounts {
        let left = limit.saturating_sub(pruned.holds).saturating_sub(pruned.counters);
        if left == 0 {
            pruned.more = true;
            return Ok(pruned);
        }
        let of_one = shared.store.prune(&account, now, left)?;
        pruned.holds = pruned.holds.saturating_add(of_one.holds);
        pruned.counters = pruned.counters.saturating_add(of_one.counters);
        if of_one.more {
            pruned.more = true;
            return Ok(pruned);
        }
        *place = Some(account);
    }
    pruned.more = count >= ACCOUNTS;
    if !pruned.more {
        // From the beginning next time.
        *place = None;
    }
    Ok(pruned)
}
