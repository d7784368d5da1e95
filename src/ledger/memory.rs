//! A ledger in memory: for tests, for single processes whose balances come from elsewhere, and as the model of the
//! durable ones.

mod closed;
mod counters;
mod due;
mod history;
mod index;
#[cfg(all(test, shuttle))]
mod interleavings;
mod shard;

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher;
use std::sync::Arc;

use crate::account::{Applied, Balance};
use crate::amount::Unit;
use crate::cap::Counter;
use crate::captured::Captured;
use crate::clock::{Clock, SystemClock, Timestamp};
use crate::entry::{ChargeRef, Entry, Operation};
use crate::error::LedgerError;
use crate::hold::HoldState;
use crate::id::{AccountId, IdempotencyKey};
use crate::ledger::Ledger;
use crate::ledger::future::LedgerFuture;
use crate::ledger::reply::{CountersPage, Found, HoldsPage, Statement, Swept};
use crate::ledger::request;
use crate::ledger::request::{
    BalanceRequest, CaptureRequest, CountersRequest, FindRequest, HoldRequest, HoldsRequest, PostKind,
    PostRequest, ResizeRequest, StatementRequest, SweepRequest, VoidRequest,
};
use crate::ledger::rules::{self, AccountState, Decision, Source};
use crate::sync::{AtomicUsize, Mutex, MutexGuard, Ordering, PoisonError};
use shard::{Account, Named, Shard};

/// How much of the past a [`MemoryLedger`] keeps. Balances are exact whatever is forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemorySettings {
    /// How many closed holds keep their keys, in all, for up to max(lifetime + grace, 24 h) after they were closed or
    /// expired. 500,000 by default, about 100 MB when full.
    ///
    /// The number is divided evenly over the shards, so an account that makes most of the traffic has `retained_keys /
    /// shards` to itself. When a shard has more than its part (by a 64th, or by 16 if that is less), those closed
    /// longest ago are forgotten together. An open hold never is.
    ///
    /// A request repeated with a forgotten key is a new request: it holds again. A capture, void or refund of a
    /// forgotten hold is refused as unknown. So let a shard keep as many as one account closes within the time in
    /// which its clients retry.
    pub retained_keys: usize,
    /// How many entries each account keeps, at least one, captures included. 1,000 by default, some 130 KB for a busy
    /// account. Accounts themselves are kept for ever.
    ///
    /// Older entries are folded into one opening entry, and their keys are forgotten with them: a top-up or a charge in
    /// one step that is repeated after so many other entries is booked again. Where events may be delivered again
    /// after days, keep more, or remember the events yourself.
    pub retained_entries: usize,
    /// How many parts the accounts are divided into, each with a lock of its own: 1 to 4,096, rounded up to a power
    /// of two. 64 by default.
    pub shards: usize,
}

impl MemorySettings {
    /// The defaults.
    #[must_use]
    pub const fn new() -> Self {
        Self { retained_keys: 500_000, retained_entries: 1_000, shards: 64 }
    }

    /// Sets how many closed holds keep their keys.
    #[must_use]
    pub const fn with_retained_keys(mut self, keys: usize) -> Self {
        self.retained_keys = keys;
        self
    }

    /// Sets how many entries each account keeps.
    #[must_use]
    pub const fn with_retained_entries(mut self, entries: usize) -> Self {
        self.retained_entries = entries;
        self
    }

    /// Sets how many parts the accounts are divided into.
    #[must_use]
    pub const fn with_shards(mut self, shards: usize) -> Self {
        self.shards = shards;
        self
    }
}

impl Default for MemorySettings {
    fn default() -> Self {
        Self::new()
    }
}

/// Keeps balances in memory, answers at once, forgets everything when dropped.
///
/// Accounts are divided into shards, each behind a mutex that is held for one decision. Every answer is a ready
/// [`LedgerFuture`], so no runtime is needed and a dropped future has done its work.
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
/// use billing_guard::{AccountId, HoldRequest, Ledger, LedgerExt, ManualClock, MemoryLedger, MemorySettings, Unit, wait};
///
/// let clock = Arc::new(ManualClock::new());
/// let ledger = MemoryLedger::with_clock(MemorySettings::new(), clock.clone());
/// let usd = Unit::new("USD", 2)?;
/// let account = AccountId::new("acct_1")?;
/// wait(ledger.top_up(&account, "payment-1".parse()?, usd.amount("5")?))?;
/// wait(ledger.hold(HoldRequest::new(account.clone(), "req-1".parse()?, usd.amount("5")?)))?;
/// // Nobody captured it: after its lifetime and grace the money is free again.
/// clock.advance(Duration::from_secs(5 * 60 + 30));
/// assert_eq!(wait(ledger.balance_of(&account, usd))?.available(), usd.amount("5")?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct MemoryLedger {
    shards: Box<[Padded]>,
    hasher: RandomState,
    clock: Arc<dyn Clock>,
    next_sweep: AtomicUsize,
}

/// A shard on cache lines of its own. A plain mutex: it is held for one decision, about a quarter of a microsecond, and
/// never across an await. Releasing many expired holds of one account, pages of open holds and sweeps take longer.
#[repr(align(128))]
struct Padded(Mutex<Shard>);

impl MemoryLedger {
    /// An empty ledger on the machine's clock, with the default settings.
    #[must_use]
    pub fn new() -> Self {
        Self::with_clock(MemorySettings::new(), Arc::new(SystemClock::new()))
    }

    /// An empty ledger on a clock of your own.
    #[must_use]
    pub fn with_clock(settings: MemorySettings, clock: Arc<dyn Clock>) -> Self {
        let count = settings.shards.clamp(1, 4_096).next_power_of_two();
        let keys = settings.retained_keys.div_ceil(count);
        let hasher = RandomState::new();
        let shards = (0..count)
            .map(|_| Padded(Mutex::new(Shard::new(hasher.clone(), keys, settings.retained_entries.max(1)))))
            .collect();
        Self { shards, hasher, clock, next_sweep: AtomicUsize::new(0) }
    }

    /// The account by its hash, its shard, locked, and the time: read after locking, so that no decision is made on an
    /// older time than the one before it.
    fn open<'a>(
        &self,
        id: &'a AccountId,
    ) -> Result<(MutexGuard<'_, Shard>, Named<'a>, Timestamp), LedgerError> {
        let hash = self.hasher.hash_one(id);
        // Other bits than the ones by which a shard finds its accounts. The count is a power of two.
        let bits = usize::try_from(hash.wrapping_shr(32) & 0xffff).unwrap_or_default();
        let shard = self.shards.get(bits & self.shards.len().saturating_sub(1));
        let mut shard = lock(shard.ok_or_else(|| broken("no such shard"))?);
        let now = self.clock.now();
        shard.forget(now);
        Ok((shard, Named { id, hash }, now))
    }

    /// Decides a request that names one hold, and applies what was decided.
    fn decide_on_hold<T>(
        &self,
        id: &AccountId,
        key: &IdempotencyKey,
        unit: Option<Unit>,
        rule: impl Fn(&AccountState, &[Counter], Option<&HoldState>, Timestamp) -> Decision<T>,
    ) -> Result<Applied<T>, LedgerError> {
        let (mut shard, named, now) = self.open(id)?;
        shard.decide(named, Some(key), unit, now, |account, known, _| {
            rule(&account.state, account.counters.all(), known, now)
        })
    }

    fn post_now(&self, request: &PostRequest) -> Result<Applied<Entry>, LedgerError> {
        let (mut shard, named, now) = self.open(&request.account)?;
        let of = match &request.kind {
            PostKind::Refund { of, .. } => Some(of),
            _ => None,
        };
        let held = match of {
            Some(ChargeRef::Hold(key)) => Some(key),
            _ => None,
        };
        shard.decide(named, held, Some(request.amount.unit()), now, |account, hold, rows| {
            let known = rows.entry(account, request.kind.operation(), &request.key);
            let source = match of {
                Some(ChargeRef::Hold(_)) => hold.map_or(Source::None, Source::Hold),
                Some(ChargeRef::Charge(key)) => {
                    rows.entry(account, Operation::Charge, key).map_or(Source::None, Source::Entry)
                }
                None => Source::None,
            };
            rules::post(&account.state, account.counters.all(), known, source, request, now)
        })
    }

    /// Runs a read on an account as it is now, with everything booked that is due; `None` if there is no account.
    fn read<T>(
        &self,
        id: &AccountId,
        read: impl FnOnce(&Account, &shard::Rows, Timestamp) -> T,
    ) -> Result<Option<T>, LedgerError> {
        let (mut shard, named, now) = self.open(id)?;
        shard.book_all(named, now);
        Ok(shard.view(named).map(|(account, rows)| read(account, rows, now)))
    }

    fn sweep_now(&self, limit: u32) -> Result<Swept, LedgerError> {
        request::check_sweep("the limit of a sweep", limit)?;
        let mut swept = Swept::default();
        // Begin where the last sweep ended, so that a small limit reaches every shard in turn.
        let start = self.next_sweep.load(Ordering::Relaxed);
        for step in 0..self.shards.len() {
            let index = start.wrapping_add(step) & self.shards.len().saturating_sub(1);
            let Some(shard) = self.shards.get(index) else { continue };
            let mut shard = lock(shard);
            let now = self.clock.now();
            shard.forget(now);
            shard.sweep(&mut swept, limit, now);
            if swept.more {
                self.next_sweep.store(index, Ordering::Relaxed);
                break;
            }
        }
        Ok(swept)
    }
}

/// A panic in another thread cannot have left a shard half changed: changes are computed before they are stored, and
/// storing them does not panic.
fn lock(shard: &Padded) -> MutexGuard<'_, Shard> {
    shard.0.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An inconsistency in this ledger itself. Never seen; if it is, nothing was changed.
fn broken(detail: &str) -> LedgerError {
    LedgerError::Unavailable { detail: detail.to_owned() }
}

fn check_page(limit: u32) -> Result<usize, LedgerError> {
    usize::try_from(request::check_page(limit)?).map_err(|_| broken("usize is too small"))
}

impl Ledger for MemoryLedger {
    fn hold(&self, request: HoldRequest) -> LedgerFuture<Applied<HoldState>> {
        let unit = Some(request.amount.unit());
        LedgerFuture::ready(self.decide_on_hold(
            &request.account,
            &request.key,
            unit,
            |account, counters, known, now| rules::hold(account, counters, known, &request, now),
        ))
    }

    fn resize(&self, request: ResizeRequest) -> LedgerFuture<Applied<HoldState>> {
        LedgerFuture::ready(self.decide_on_hold(
            &request.account,
            &request.key,
            None,
            |account, counters, known, now| rules::resize(account, counters, known, &request, now),
        ))
    }

    fn capture(&self, request: CaptureRequest) -> LedgerFuture<Applied<Captured>> {
        LedgerFuture::ready(self.decide_on_hold(
            &request.account,
            &request.key,
            None,
            |account, counters, known, now| rules::capture(account, counters, known, &request, now),
        ))
    }

    fn void(&self, request: VoidRequest) -> LedgerFuture<Applied<HoldState>> {
        LedgerFuture::ready(self.decide_on_hold(
            &request.account,
            &request.key,
            None,
            |account, counters, known, now| rules::void(account, counters, known, &request, now),
        ))
    }

    fn post(&self, request: PostRequest) -> LedgerFuture<Applied<Entry>> {
        LedgerFuture::ready(self.post_now(&request))
    }

    fn find(&self, request: FindRequest) -> LedgerFuture<Found> {
        let found = self.read(&request.account, |account, rows, _| match request.operation {
            Operation::Hold => rows
                .hold(account, &request.key)
                .map_or(Found::NotApplied, |hold| Found::Hold(Box::new(hold.clone()))),
            Operation::Time => Found::NotApplied,
            operation => rows
                .entry(account, operation, &request.key)
                .map_or(Found::NotApplied, |entry| Found::Entry(Box::new(entry.clone()))),
        });
        LedgerFuture::ready(found.map(|found| found.unwrap_or(Found::NotApplied)))
    }

    fn balance(&self, request: BalanceRequest) -> LedgerFuture<Balance> {
        let balance = self.read(&request.account, |account, _, now| account.state.at(now).balance());
        LedgerFuture::ready(match balance {
            Ok(Some(balance)) if balance.unit != request.unit => {
                Err(LedgerError::WrongUnit { expected: balance.unit, given: request.unit })
            }
            Ok(Some(balance)) => Ok(balance),
            Ok(None) => Ok(AccountState::empty(request.unit).at(self.clock.now()).balance()),
            Err(error) => Err(error),
        })
    }

    fn statement(&self, request: StatementRequest) -> LedgerFuture<Statement> {
        LedgerFuture::ready(check_page(request.limit).and_then(|limit| {
            let page = self.read(&request.account, |account, _, _| {
                account.history.page(&request, limit, account.state.seq)
            })?;
            Ok(page.unwrap_or_default())
        }))
    }

    fn holds(&self, request: HoldsRequest) -> LedgerFuture<HoldsPage> {
        LedgerFuture::ready(check_page(request.limit).and_then(|limit| {
            let page = self.read(&request.account, |account, rows, _| {
                rows.page(account, request.after.as_ref(), limit)
            })?;
            Ok(page.unwrap_or_default())
        }))
    }

    fn counters(&self, request: CountersRequest) -> LedgerFuture<CountersPage> {
        LedgerFuture::ready(check_page(request.limit).and_then(|limit| {
            let page = self.read(&request.account, |account, _, _| {
                account.counters.page(&request, limit, account.state.seq)
            })?;
            Ok(page.unwrap_or_default())
        }))
    }

    fn sweep(&self, request: SweepRequest) -> LedgerFuture<Swept> {
        LedgerFuture::ready(self.sweep_now(request.limit))
    }
}

impl Default for MemoryLedger {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryLedger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryLedger").field("shards", &self.shards.len()).finish_non_exhaustive()
    }
}
