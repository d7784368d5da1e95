//! A ledger whose holds cannot be changed for a while: down, or with its answers late or lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::task::Poll;

use billing_guard::{
    Applied, Balance, BalanceRequest, CaptureRequest, Captured, Clock, CountersPage, CountersRequest, Entry,
    FindRequest, Found, HoldRequest, HoldState, HoldsPage, HoldsRequest, Ledger, LedgerError, LedgerFuture,
    MemoryLedger, MemorySettings, PostRequest, ResizeRequest, Statement, StatementRequest, SweepRequest,
    Swept, VoidRequest,
};

pub(crate) const UP: u8 = 0;
pub(crate) const DOWN: u8 = 1;
/// What is asked is done, and nobody hears of it.
pub(crate) const MUTE: u8 = 2;
/// What is asked is done, and the answer comes when it is looked for a second time.
pub(crate) const LATE: u8 = 3;
/// Nothing is done, and nobody ever hears of it.
pub(crate) const LOST: u8 = 4;

#[derive(Debug, Default)]
pub(crate) struct Away {
    inner: MemoryLedger,
    pub(crate) how: AtomicU8,
    /// How often it was asked to change a hold.
    pub(crate) resizes: AtomicUsize,
}

impl Away {
    /// By this clock.
    pub(crate) fn at(clock: Arc<dyn Clock>) -> Self {
        Self { inner: MemoryLedger::with_clock(MemorySettings::default(), clock), ..Self::default() }
    }

    pub(crate) fn is(&self, how: u8) {
        self.how.store(how, Ordering::SeqCst);
    }

    fn answered<T: Send + 'static>(&self, ask: impl FnOnce() -> LedgerFuture<T>) -> LedgerFuture<T> {
        match self.how.load(Ordering::SeqCst) {
            LATE => {
                let (answer, mut looked) = (ask(), false);
                LedgerFuture::boxed(async move {
                    std::future::poll_fn(|context| {
                        context.waker().wake_by_ref();
                        if std::mem::replace(&mut looked, true) { Poll::Ready(()) } else { Poll::Pending }
                    })
                    .await;
                    answer.await
                })
            }
            LOST => LedgerFuture::boxed(std::future::pending()),
            _ => ask(),
        }
    }
}

impl Ledger for Away {
    fn resize(&self, request: ResizeRequest) -> LedgerFuture<Applied<HoldState>> {
        self.resizes.fetch_add(1, Ordering::SeqCst);
        let (detail, key) = ("away".to_owned(), request.key.clone());
        match self.how.load(Ordering::SeqCst) {
            UP | LATE | LOST => self.answered(|| self.inner.resize(request)),
            DOWN => LedgerFuture::ready(Err(LedgerError::Unavailable { detail })),
            _ => {
                drop(self.inner.resize(request));
                LedgerFuture::ready(Err(LedgerError::OutcomeUnknown { key, detail }))
            }
        }
    }
    fn hold(&self, request: HoldRequest) -> LedgerFuture<Applied<HoldState>> {
        self.answered(|| self.inner.hold(request))
    }
    fn capture(&self, request: CaptureRequest) -> LedgerFuture<Applied<Captured>> {
        self.answered(|| self.inner.capture(request))
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
