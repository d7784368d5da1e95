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
use crate::ledger::request;
use crate::ledger::request::{CountersRequest, HoldsCursor, HoldsRequest, StatementRequest};
use crate::ledger::store::pages::{CountersQuery, EntriesQuery, OpenHoldsQuery, Pruned};
use crate::ledger::store::{Store, StoreError};

/// How many accounts a sweep asks for at a time, and how many pruning looks at.
const ACCOUNTS: u32 = 1_000;
/// How many rows are pruned at a time.
const STEP: u32 = 1_000;

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
        if let Err(error) = request::check_page(limit) {
            return LedgerFuture::ready(Err(error));
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
        if let Err(error) = request::check_sweep("the limit of a sweep", limit) {
            return LedgerFuture::ready(Err(error));
        }
        let (giver, taker) = reply_slot::pair();
        let sweep = Sweep { swept: Swept::default(), limit, after: None, accounts: Vec::new(), giver };
        self.shared.run_anywhere(Box::new(move |shared| sweep.next(shared)));
        LedgerFuture::boxed(taker)
    }

    pub(super) fn prune(&self, limit: u32) -> LedgerFuture<Pruned> {
        if let Err(error) = request::check_sweep("the limit of pruning", limit) {
            return LedgerFuture::ready(Err(error));
        }
        let (giver, taker) = reply_slot::pair();
        self.shared.run_anywhere(Box::new(move |shared| Pruning::begin(shared, limit, giver)));
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

/// Pruning on its way from account to account, a step at a time: loads must not wait for a thousand accounts.
struct Pruning {
    pruned: Pruned,
    limit: u32,
    now: Timestamp,
    /// Those still to do, the first last.
    accounts: Vec<AccountId>,
    /// Whether there are accounts after those.
    is_cut: bool,
    giver: Giver<Pruned>,
}

impl Pruning {
    fn begin<S: Store>(shared: &Arc<Shared<S>>, limit: u32, giver: Giver<Pruned>) {
        let place = lock(&shared.pruned).clone();
        let mut accounts = match shared.store.accounts(place.as_ref(), ACCOUNTS) {
            Ok(accounts) => accounts,
            Err(error) => return giver.give(Err(failed(&error))),
        };
        let is_cut = u32::try_from(accounts.len()).is_ok_and(|count| count >= ACCOUNTS);
        accounts.reverse();
        let (pruned, now) = (Pruned::default(), shared.store.now());
        Self { pruned, limit, now, accounts, is_cut, giver }.next(shared);
    }

    fn next<S: Store>(mut self, shared: &Arc<Shared<S>>) {
        let left = self.limit.saturating_sub(self.pruned.holds).saturating_sub(self.pruned.counters);
        let Some(account) = self.accounts.last().filter(|_| left > 0) else {
            self.pruned.more = self.is_cut || !self.accounts.is_empty();
            if !self.pruned.more {
                // From the beginning next time.
                *lock(&shared.pruned) = None;
            }
            return self.giver.give(Ok(self.pruned));
        };
        let done = match shared.store.prune(account, self.now, left.min(STEP)) {
            Ok(done) => done,
            Err(error) => return self.giver.give(Err(failed(&error))),
        };
        self.pruned.holds = self.pruned.holds.saturating_add(done.holds);
        self.pruned.counters = self.pruned.counters.saturating_add(done.counters);
        // A store that says "more" and deletes nothing would be asked for ever.
        let is_done = !done.more || done.holds.saturating_add(done.counters) == 0;
        if is_done {
            *lock(&shared.pruned) = self.accounts.pop();
        }
        shared.run_anywhere(Box::new(move |shared| self.next(shared)));
    }
}
