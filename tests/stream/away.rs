//! A ledger whose holds cannot be changed for a while: down, or with its answers lost.

use std::sync::atomic::{AtomicU8, Ordering};

use billing_guard::{
    Applied, Balance, BalanceRequest, CaptureRequest, Captured, CountersPage, CountersRequest, Entry,
    FindRequest, Found, HoldRequest, HoldState, HoldsPage, HoldsRequest, Ledger, LedgerError, LedgerFuture,
    MemoryLedger, PostRequest, ResizeRequest, Statement, StatementRequest, SweepRequest, Swept, VoidRequest,
};

pub(crate) const UP: u8 = 0;
pub(crate) const DOWN: u8 = 1;
/// What is asked is done, and nobody hears of it.
pub(crate) const MUTE: u8 = 2;

#[derive(Debug, Default)]
pub(crate) struct Away {
    inner: MemoryLedger,
    pub(crate) how: AtomicU8,
}

impl Ledger for Away {
    fn resize(&self, request: ResizeRequest) -> LedgerFuture<Applied<HoldState>> {
        let (detail, key) = ("away".to_owned(), request.key.clone());
        match self.how.load(Ordering::SeqCst) {
            UP => self.inner.resize(request),
            DOWN => LedgerFuture::ready(Err(LedgerError::Unavailable { detail })),
            _ => {
                drop(self.inner.resize(request));
                LedgerFuture::ready(Err(LedgerError::OutcomeUnknown { key, detail }))
            }
        }
    }
    fn hold(&self, request: HoldRequest) -> LedgerFuture<Applied<HoldState>> {
        self.inner.hold(request)
    }
    fn capture(&self, request: CaptureRequest) -> LedgerFuture<Applied<Captured>> {
        self.inner.capture(request)
    }
    fn void(&self, request: VoidRequest) -> LedgerFuture<Applied<HoldState>> {
        self.inner.void(request)
    }
    fn post(&self, request: PostRequest) -> LedgerFuture<Applied<Entry>> {
        self.inner.post(request)
    }
    fn find(&self, request: FindRequest) -> LedgerFuture<Found> {
        self.inner.find(request)
    }
    fn balance(&self, request: BalanceRequest) -> LedgerFuture<Balance> {
        self.inner.balance(request)
    }
    fn statement(&self, request: StatementRequest) -> LedgerFuture<Statement> {
        self.inner.statement(request)
    }
    fn holds(&self, request: HoldsRequest) -> LedgerFuture<HoldsPage> {
        self.inner.holds(request)
    }
    fn counters(&self, request: CountersRequest) -> LedgerFuture<CountersPage> {
        self.inner.counters(request)
    }
    fn sweep(&self, request: SweepRequest) -> LedgerFuture<Swept> {
        self.inner.sweep(request)
    }
}
