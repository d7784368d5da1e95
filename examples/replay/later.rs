//! How balances are often kept: look whether anything is left, do the work, charge it afterwards. For `--self-test`.

use billing_guard::{
    Amount, Applied, Balance, BalanceRequest, CaptureRequest, Captured, CountersPage, CountersRequest, Entry,
    FindRequest, Found, HoldRequest, HoldState, HoldsPage, HoldsRequest, Ledger, LedgerFuture, MemoryLedger,
    OverCapture, PostRequest, ResizeRequest, Statement, StatementRequest, SweepRequest, Swept, VoidRequest,
    wait,
};

/// A ledger that breaks the first clause of the contract: its check and its hold are two steps, and the check does
/// not count what other work is going to cost.
#[derive(Debug)]
pub(crate) struct ChargeLater {
    inner: MemoryLedger,
}

impl ChargeLater {
    pub(crate) fn new() -> Self {
        Self { inner: MemoryLedger::new() }
    }
}

/// As far below zero as an amount goes.
fn any_debt(amount: Amount) -> Amount {
    amount.unit().minor(i64::MAX)
}

impl Ledger for ChargeLater {
    fn hold(&self, mut request: HoldRequest) -> LedgerFuture<Applied<HoldState>> {
        let look = BalanceRequest::new(request.account.clone(), request.amount.unit());
        // The memory ledger answers at once, so this never blocks.
        match wait(self.inner.balance(look)) {
            Ok(balance) if balance.posted().minor() > 0 => request.debt_limit = any_debt(request.amount),
            // Nothing left: as it is, the request is refused with the usual proof.
            Ok(_) => {}
            Err(error) => return LedgerFuture::ready(Err(error)),
        }
        self.inner.hold(request)
    }

    fn capture(&self, mut request: CaptureRequest) -> LedgerFuture<Applied<Captured>> {
        request.over = OverCapture::Debt;
        request.debt_limit = any_debt(request.total);
        self.inner.capture(request)
    }

    fn resize(&self, mut request: ResizeRequest) -> LedgerFuture<Applied<HoldState>> {
        request.debt_limit = request.total.map(any_debt);
        self.inner.resize(request)
    }

    // Everything else is as it should be.

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
