//! The contract of a ledger, as the crate's own suite states it, on the memory ledger and on the same behind a wrapper.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use billing_guard::conformance::Check;
use billing_guard::conformance::outages::{self, Cuttable};
use billing_guard::testing::CutOffLedger;
use billing_guard::{
    Applied, Balance, BalanceRequest, CaptureRequest, Captured, CountersPage, CountersRequest, Entry,
    FindRequest, Found, HoldRequest, HoldState, HoldsPage, HoldsRequest, Ledger, LedgerFuture, ManualClock,
    MemoryLedger, MemorySettings, PostRequest, ResizeRequest, Statement, StatementRequest, SweepRequest,
    Swept, VoidRequest, conformance,
};

type Make = fn(Arc<ManualClock>) -> Arc<dyn Ledger>;

fn memory(clock: Arc<ManualClock>) -> Arc<dyn Ledger> {
    Arc::new(MemoryLedger::with_clock(MemorySettings::new(), clock))
}

fn one_shard(clock: Arc<ManualClock>) -> Arc<dyn Ledger> {
    Arc::new(MemoryLedger::with_clock(MemorySettings::new().with_shards(1), clock))
}

/// Answers that come late: it submits when called, as clause 3 demands, and its futures are ready only when polled
/// for the second time.
fn late_answers(clock: Arc<ManualClock>) -> Arc<dyn Ledger> {
    Arc::new(Late(memory(clock)))
}

/// Runs some of the checks, and says all that fail.
fn run(make: Make, wanted: impl Fn(&Check) -> bool) {
    let failures: Vec<_> = conformance::checks()
        .iter()
        .filter(|check| wanted(check))
        .filter_map(|check| check.try_run(&make).err())
        .map(|failure| failure.to_string())
        .collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// The large one is for the memory ledger itself: it shows nothing more on the others.
#[test]
fn the_large_check_on_the_memory_ledger() {
    run(memory, Check::is_large);
}

/// Cut off, the memory ledger is never taken for an empty one.
#[test]
fn outages_of_a_ledger_with_a_switch() {
    outages::run(&|clock| {
        let ledger = Arc::new(CutOffLedger::new(memory(clock)));
        Cuttable::new(ledger.clone(), move |cut| ledger.cut_off(cut))
    });
}

/// A test for each clause on each ledger.
macro_rules! clauses {
    ($($name:ident $clause:literal)+ => $($make:ident)+) => {
        #[test]
        fn every_clause_that_has_checks_has_a_test() {
            let known = [$($clause),+];
            assert!(conformance::checks().iter().all(|check| known.contains(&check.clause())));
        }
        clauses! { @each [$($name $clause)+] $($make)+ }
    };
    (@each $clauses:tt $($make:ident)+) => { $(clauses! { @one $make $clauses })+ };
    (@one $make:ident [$($name:ident $clause:literal)+]) => {
        mod $make { $(
            #[test]
            fn $name() { super::run(super::$make, |check| check.clause() == $clause && !check.is_large()); }
        )+ }
    };
}

clauses! {
    clause_1 1
    clause_2 2
    clause_3 3
    clause_4 4
    clause_5 5
    clause_6 6
    clause_7 7
    clause_8 8
    clause_9 9
    clause_10 10
    clause_11 11
    => memory one_shard late_answers
}

/// Forwards every call at once and answers on the second poll.
#[derive(Debug)]
struct Late(Arc<dyn Ledger>);

/// Not ready when first polled.
struct SecondPoll(bool);

impl Future for SecondPoll {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.0 {
            return Poll::Ready(());
        }
        self.0 = true;
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

fn late<T: Send + 'static>(answer: LedgerFuture<T>) -> LedgerFuture<T> {
    LedgerFuture::boxed(async move {
        SecondPoll(false).await;
        answer.await
    })
}

impl Ledger for Late {
    fn hold(&self, request: HoldRequest) -> LedgerFuture<Applied<HoldState>> {
        late(self.0.hold(request))
    }
    fn resize(&self, request: ResizeRequest) -> LedgerFuture<Applied<HoldState>> {
        late(self.0.resize(request))
    }
    fn capture(&self, request: CaptureRequest) -> LedgerFuture<Applied<Captured>> {
        late(self.0.capture(request))
    }
    fn void(&self, request: VoidRequest) -> LedgerFuture<Applied<HoldState>> {
        late(self.0.void(request))
    }
    fn post(&self, request: PostRequest) -> LedgerFuture<Applied<Entry>> {
        late(self.0.post(request))
    }
    fn find(&self, request: FindRequest) -> LedgerFuture<Found> {
        late(self.0.find(request))
    }
    fn balance(&self, request: BalanceRequest) -> LedgerFuture<Balance> {
        late(self.0.balance(request))
    }
    fn statement(&self, request: StatementRequest) -> LedgerFuture<Statement> {
        late(self.0.statement(request))
    }
    fn holds(&self, request: HoldsRequest) -> LedgerFuture<HoldsPage> {
        late(self.0.holds(request))
    }
    fn counters(&self, request: CountersRequest) -> LedgerFuture<CountersPage> {
        late(self.0.counters(request))
    }
    fn sweep(&self, request: SweepRequest) -> LedgerFuture<Swept> {
        late(self.0.sweep(request))
    }
}
