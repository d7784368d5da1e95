//! Helpers for testing a service that embeds the crate.
//!
//! Tests need little: [`Guard::in_memory_at`](crate::Guard::in_memory_at) with a
//! [`ManualClock`](crate::ManualClock) is the real thing on a clock of the test's. What cannot be had from it is a
//! ledger that fails: [`UnreachableLedger`] always, [`CutOffLedger`] when it is told to.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::account::{Applied, Balance};
use crate::captured::Captured;
use crate::entry::Entry;
use crate::error::LedgerError;
use crate::hold::HoldState;
use crate::id::IdempotencyKey;
use crate::ledger::Ledger;
use crate::ledger::future::LedgerFuture;
use crate::ledger::reply::{CountersPage, Found, HoldsPage, Statement, Swept};
use crate::ledger::request::{
    BalanceRequest, CaptureRequest, CountersRequest, FindRequest, HoldRequest, HoldsRequest, PostRequest,
    ResizeRequest, StatementRequest, SweepRequest, VoidRequest,
};

/// A ledger whose store is down, for seeing what a service does then: it should answer 503, and never ask for money.
///
/// Changes have an unknown outcome if it is made so, as when a store fails after a request was sent; else they are
/// certainly not applied.
///
/// ```
/// use std::sync::Arc;
/// use billing_guard::testing::UnreachableLedger;
/// use billing_guard::{AccountId, Guard, Job, PriceBook, Tariff, Unit, wait};
///
/// let usd = Unit::new("USD", 6)?;
/// let prices = PriceBook::new(usd).with("query", Tariff::new().fixed("0.01")?)?;
/// let guard = Guard::builder(Arc::new(UnreachableLedger::not_applied()), prices).build()?;
/// let error = wait(guard.hold(&AccountId::new("acct_1")?, Job::new("query"))).unwrap_err();
/// assert_eq!(guard.render(&error).status(), 503);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct UnreachableLedger {
    outcome_unknown: bool,
}

impl UnreachableLedger {
    /// Every request fails before it was sent.
    #[must_use]
    pub const fn not_applied() -> Self {
        Self { outcome_unknown: false }
    }

    /// Every change fails after it was sent, so that nobody knows whether it was made.
    #[must_use]
    pub const fn outcome_unknown() -> Self {
        Self { outcome_unknown: true }
    }

    fn change<T>(self, key: IdempotencyKey) -> LedgerFuture<T> {
        if !self.outcome_unknown {
            return read();
        }
        LedgerFuture::ready(Err(LedgerError::OutcomeUnknown { key, detail: "no answer in time".to_owned() }))
    }
}

fn read<T>() -> LedgerFuture<T> {
    LedgerFuture::ready(Err(LedgerError::Unavailable { detail: "the store cannot be reached".to_owned() }))
}

impl Ledger for UnreachableLedger {
    fn hold(&self, request: HoldRequest) -> LedgerFuture<Applied<HoldState>> {
        self.change(request.key)
    }

    fn resize(&self, request: ResizeRequest) -> LedgerFuture<Applied<HoldState>> {
        self.change(request.key)
    }

    fn capture(&self, request: CaptureRequest) -> LedgerFuture<Applied<Captured>> {
        self.change(request.key)
    }

    fn void(&self, request: VoidRequest) -> LedgerFuture<Applied<HoldState>> {
        self.change(request.key)
    }

    fn post(&self, request: PostRequest) -> LedgerFuture<Applied<Entry>> {
        self.change(request.key)
    }

    fn find(&self, _request: FindRequest) -> LedgerFuture<Found> {
        read()
    }

    fn balance(&self, _request: BalanceRequest) -> LedgerFuture<Balance> {
        read()
    }

    fn statement(&self, _request: StatementRequest) -> LedgerFuture<Statement> {
        read()
    }

    fn holds(&self, _request: HoldsRequest) -> LedgerFuture<HoldsPage> {
        read()
    }

    fn counters(&self, _request: CountersRequest) -> LedgerFuture<CountersPage> {
        read()
    }

    fn sweep(&self, _request: SweepRequest) -> LedgerFuture<Swept> {
        read()
    }
}

/// A ledger with a switch: cut off, it answers as an [`UnreachableLedger`] does; connected, it is the one behind it.
///
/// ```
/// use std::sync::Arc;
/// use billing_guard::testing::CutOffLedger;
/// use billing_guard::{AccountId, LedgerError, LedgerExt, MemoryLedger, Unit, wait};
///
/// let usd = Unit::new("USD", 2)?;
/// let account = AccountId::new("acct_1")?;
/// let ledger = CutOffLedger::new(Arc::new(MemoryLedger::new()));
/// ledger.cut_off(true);
/// let answer = wait(ledger.top_up(&account, "payment-1".parse()?, usd.amount("5")?));
/// assert!(matches!(answer, Err(LedgerError::Unavailable { .. })));
/// ledger.cut_off(false);
/// wait(ledger.top_up(&account, "payment-1".parse()?, usd.amount("5")?))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct CutOffLedger {
    behind: Arc<dyn Ledger>,
    is_cut: AtomicBool,
}

impl CutOffLedger {
    /// Connected to the ledger behind it.
    #[must_use]
    pub fn new(behind: Arc<dyn Ledger>) -> Self {
        Self { behind, is_cut: AtomicBool::new(false) }
    }

    /// Cuts it off, or connects it again. What was submitted before is not undone.
    pub fn cut_off(&self, cut: bool) {
        self.is_cut.store(cut, Ordering::SeqCst);
    }

    fn now(&self) -> &dyn Ledger {
        const AWAY: UnreachableLedger = UnreachableLedger::not_applied();
        if self.is_cut.load(Ordering::SeqCst) { &AWAY } else { &*self.behind }
    }
}

#[deny(clippy::missing_trait_methods)]
impl Ledger for CutOffLedger {
    fn hold(&self, request: HoldRequest) -> LedgerFuture<Applied<HoldState>> {
        self.now().hold(request)
    }

    fn resize(&self, request: ResizeRequest) -> LedgerFuture<Applied<HoldState>> {
        self.now().resize(request)
    }

    fn capture(&self, request: CaptureRequest) -> LedgerFuture<Applied<Captured>> {
        self.now().capture(request)
    }

    fn void(&self, request: VoidRequest) -> LedgerFuture<Applied<HoldState>> {
        self.now().void(request)
    }

    fn post(&self, request: PostRequest) -> LedgerFuture<Applied<Entry>> {
        self.now().post(request)
    }

    fn find(&self, request: FindRequest) -> LedgerFuture<Found> {
        self.now().find(request)
    }

    fn balance(&self, request: BalanceRequest) -> LedgerFuture<Balance> {
        self.now().balance(request)
    }

    fn statement(&self, request: StatementRequest) -> LedgerFuture<Statement> {
        self.now().statement(request)
    }

    fn holds(&self, request: HoldsRequest) -> LedgerFuture<HoldsPage> {
        self.now().holds(request)
    }

    fn counters(&self, request: CountersRequest) -> LedgerFuture<CountersPage> {
        self.now().counters(request)
    }

    fn sweep(&self, request: SweepRequest) -> LedgerFuture<Swept> {
        self.now().sweep(request)
    }
}
