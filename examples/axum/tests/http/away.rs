//! A ledger that cannot be reached for a moment. (For one that never can, the crate has `UnreachableLedger`.)

use std::sync::atomic::{AtomicU32, Ordering};

use billing_guard::{
    Applied, Balance, BalanceRequest, CaptureRequest, Captured, CountersPage, CountersRequest, Entry,
    FindRequest, Found, HoldRequest, HoldState, HoldsPage, HoldsRequest, Ledger, LedgerError, LedgerFuture,
    MemoryLedger, PostRequest, ResizeRequest, Statement, StatementRequest, SweepRequest, Swept, VoidRequest,
};

/// A memory ledger that is away for so many of the next captures.
#[derive(Debug)]
pub(crate) struct Away {
    pub(crate) ledger: MemoryLedger,
    pub(crate) captures: AtomicU32,
}

impl Ledger for Away {
    fn hold(&self, request: HoldRequest) -> LedgerFuture<Applied<HoldState>> {
        self.ledger.hold(request)
    }
    fn resize(&self, request: ResizeRequest) -> LedgerFuture<Applied<HoldState>> {
        self.ledger.resize(request)
    }
    fn capture(&self, request: CaptureRequest) -> LedgerFuture<Applied<Captured>> {
        match self.captures.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)) {
            Ok(_) => {
                LedgerFuture::ready(Err(LedgerError::Unavailable { detail: "no route to db-7".to_owned() }))
            }
            Err(_) => self.ledger.capture(request),
        }
    }
    fn void(&self, request: VoidRequest) -> LedgerFuture<Applied<HoldState>> {
        self.ledger.void(request)
    }
    fn post(&self, request: PostRequest) -> LedgerFuture<Applied<Entry>> {
        self.ledger.post(request)
    }
    fn find(&self, request: FindRequest) -> LedgerFuture<Found> {
        self.ledger.find(request)
    }
    fn balance(&self, request: BalanceRequest) -> LedgerFuture<Balance> {
        self.ledger.balance(request)
    }
    fn statement(&self, request: StatementRequest) -> LedgerFuture<Statement> {
        self.ledger.statement(request)
    }
    fn holds(&self, request: HoldsRequest) -> LedgerFuture<HoldsPage> {
        self.ledger.holds(request)
    }
    fn counters(&self, request: CountersRequest) -> LedgerFuture<CountersPage> {
        self.ledger.counters(request)
    }
    fn sweep(&self, request: SweepRequest) -> LedgerFuture<Swept> {
        self.ledger.sweep(request)
    }
}
