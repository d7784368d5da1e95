//! How it is asked: at once, or with a store that is out of reach.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use crate::account::{Applied, Balance};
use crate::captured::Captured;
use crate::conformance::broken::hooks::{Method, WhenCut};
use crate::conformance::broken::ledger::{RulesLedger, unavailable};
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

impl RulesLedger {
    /// Submits a change: does it now, if its store can be reached.
    fn submit<T: Send + 'static>(
        &self,
        method: Method,
        key: Option<IdempotencyKey>,
        change: impl FnOnce(&Self) -> Result<T, LedgerError> + Send + 'static,
    ) -> LedgerFuture<T> {
        if self.is_cut() {
            return LedgerFuture::ready(self.change_while_cut(key, change));
        }
        let later = std::mem::take(&mut *self.later.lock().expect("no thread panics while it holds this"));
        later.into_iter().for_each(|change| change(self));
        if (self.hooks.waits_for_poll)(method) {
            let ledger = self.clone();
            return LedgerFuture::boxed(async move { change(&ledger) });
        }
        LedgerFuture::ready(change(self))
    }

    /// In turn: refused before it was sent, applied with the answer lost, lost on the way.
    fn change_while_cut<T>(
        &self,
        key: Option<IdempotencyKey>,
        change: impl FnOnce(&Self) -> Result<T, LedgerError> + Send + 'static,
    ) -> Result<T, LedgerError> {
        let unavailable = unavailable("the store cannot be reached");
        if self.hooks.when_cut == WhenCut::LooksEmpty {
            return change(&Self { books: Arc::default(), ..self.clone() });
        }
        if self.hooks.when_cut == WhenCut::AppliesAllTheSame {
            let _ = change(self);
            return Err(unavailable);
        }
        let lost = self.cut.1.fetch_add(1, Ordering::SeqCst) % 3;
        let (Some(mut key), 1..) = (key, lost) else { return Err(unavailable) };
        if self.hooks.when_cut == WhenCut::AppliesLater {
            let later = Box::new(|ledger: &Self| drop(change(ledger)));
            self.later.lock().expect("no thread panics while it holds this").push(later);
        } else if lost == 1 {
            let _ = change(self);
        }
        if self.hooks.when_cut == WhenCut::MixesKeysUp {
            key = IdempotencyKey::new("another").expect("a key");
        }
        Err(LedgerError::OutcomeUnknown { key, detail: "no answer in time".to_owned() })
    }
}

impl Ledger for RulesLedger {
    fn hold(&self, request: HoldRequest) -> LedgerFuture<Applied<HoldState>> {
        if self.hooks.retries_what_was_dropped {
            let answer = Some(self.hold_now(request.clone()));
            return LedgerFuture::boxed(Retry { ledger: self.clone(), request, answer });
        }
        self.submit(Method::Hold, Some(request.key.clone()), |ledger| ledger.hold_now(request))
    }

    fn resize(&self, request: ResizeRequest) -> LedgerFuture<Applied<HoldState>> {
        self.submit(Method::Resize, Some(request.key.clone()), |ledger| ledger.resize_now(request))
    }

    fn capture(&self, request: CaptureRequest) -> LedgerFuture<Applied<Captured>> {
        self.submit(Method::Capture, Some(request.key.clone()), |ledger| ledger.capture_now(request))
    }

    fn void(&self, request: VoidRequest) -> LedgerFuture<Applied<HoldState>> {
        self.submit(Method::Void, Some(request.key.clone()), |ledger| ledger.void_now(request))
    }

    fn post(&self, request: PostRequest) -> LedgerFuture<Applied<Entry>> {
        self.submit(Method::Post, Some(request.key.clone()), |ledger| ledger.post_now(request))
    }

    fn find(&self, request: FindRequest) -> LedgerFuture<Found> {
        LedgerFuture::ready(self.find_now(&request))
    }

    fn balance(&self, request: BalanceRequest) -> LedgerFuture<Balance> {
        LedgerFuture::ready(self.balance_now(&request))
    }

    fn statement(&self, request: StatementRequest) -> LedgerFuture<Statement> {
        LedgerFuture::ready(self.statement_now(request))
    }

    fn holds(&self, request: HoldsRequest) -> LedgerFuture<HoldsPage> {
        LedgerFuture::ready(self.holds_now(request))
    }

    fn counters(&self, request: CountersRequest) -> LedgerFuture<CountersPage> {
        LedgerFuture::ready(self.counters_now(request))
    }

    fn sweep(&self, request: SweepRequest) -> LedgerFuture<Swept> {
        self.submit(Method::Sweep, None, move |ledger| ledger.sweep_now(request))
    }
}

impl fmt::Debug for RulesLedger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RulesLedger")
    }
}

/// The answer to a hold. A refusal that nobody took is tried again, for what there is.
struct Retry {
    ledger: RulesLedger,
    request: HoldRequest,
    answer: Option<Result<Applied<HoldState>, LedgerError>>,
}

impl Future for Retry {
    type Output = Result<Applied<HoldState>, LedgerError>;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        self.answer.take().map_or(Poll::Pending, Poll::Ready)
    }
}

impl Drop for Retry {
    fn drop(&mut self) {
        if let Some(Err(LedgerError::Insufficient(_))) = self.answer {
            let less = self.request.amount.unit().zero();
            let _ = self.ledger.hold_now(self.request.clone().with_minimum(less));
        }
    }
}
