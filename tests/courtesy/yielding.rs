//! A ledger in memory whose answers come a poll later, so that a test can stop between any two steps.

use std::task::Poll;

use billing_guard::{
    Applied, Balance, BalanceRequest, CaptureRequest, Captured, CountersPage, CountersRequest, Entry,
    FindRequest, Found, HoldRequest, HoldState, HoldsPage, HoldsRequest, Ledger, LedgerError, LedgerFuture,
    MemoryLedger, PostRequest, ResizeRequest, Statement, StatementRequest, SweepRequest, Swept, VoidRequest,
};

#[derive(Debug)]
pub(crate) struct Yielding(pub(crate) MemoryLedger);

/// The change is made by the call, as the contract says; its answer is told on the second poll.
fn later<T: Send + 'static>(answer: LedgerFuture<T>) -> LedgerFuture<T> {
    let mut answer: Option<Result<T, LedgerError>> = Some(answer.into_ready().unwrap());
    let mut was_polled = false;
    LedgerFuture::boxed(std::future::poll_fn(move |context| {
        if !was_polled {
            was_polled = true;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(answer.take().unwrap())
    }))
}

impl Ledger for Yielding {
    fn hold(&self, request: HoldRequest) -> LedgerFuture<Applied<HoldState>> {
        later(self.0.hold(request))
    }
    fn resize(&self, request: ResizeRequest) -> LedgerFuture<Applied<HoldState>> {
        later(self.0.resize(request))
    }
    fn capture(&self, request: CaptureRequest) -> LedgerFuture<Applied<Captured>> {
        later(self.0.capture(request))
    }
    fn void(&self, request: VoidRequest) -> LedgerFuture<Applied<HoldState>> {
        later(self.0.void(request))
    }
    fn post(&self, request: PostRequest) -> LedgerFuture<Applied<Entry>> {
        later(self.0.post(request))
    }
    fn find(&self, request: FindRequest) -> LedgerFuture<Found> {
        self.0.find(request)
    }
    fn balance(&self, request: BalanceRequest) -> LedgerFuture<Balance> {
        self.0.balance(request)
    }
    fn statement(&self, request: StatementRequest) -> LedgerFuture<Statement> {
        self.0.statement(request)
    }
    fn holds(&self, request: HoldsRequest) -> LedgerFuture<HoldsPage> {
        self.0.holds(request)
    }
    fn counters(&self, request: CountersRequest) -> LedgerFuture<CountersPage> {
        self.0.counters(request)
    }
    fn sweep(&self, request: SweepRequest) -> LedgerFuture<Swept> {
        self.0.sweep(request)
    }
}
