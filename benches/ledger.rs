//! What the memory ledger's operations cost next to the least a ledger could do: two maps behind a mutex each, one
//! changed for the hold and one for the capture. Times are in nanoseconds of one machine at one moment; read the
//! ratios within one run. `benches/peers` has the side-by-side runs that stated targets are checked with.
//!
//! `cargo bench --bench ledger`; `cargo bench --bench ledger -- --test` runs each once.

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::{Arc, Mutex};

use billing_guard::{
    AccountId, Amount, Guard, HoldRequest, IdempotencyKey, Job, Ledger, LedgerExt, MemoryLedger,
    MemorySettings, StatementRequest, SystemClock, Tariff, Unit, Usage, wait,
};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};

const ACCOUNTS: usize = 1_000;

fn usd(minor: i64) -> Amount {
    Unit::new("USD", 6).expect("a unit").minor(minor)
}

fn account(index: usize) -> AccountId {
    AccountId::new(format!("acct_{:08}", index % ACCOUNTS)).expect("an account id")
}

/// Accounts with money and a history, in a ledger whose retention of closed holds is full.
fn ledger() -> Arc<dyn Ledger> {
    let settings = MemorySettings::new().with_retained_keys(10_000);
    let ledger = MemoryLedger::with_clock(settings, Arc::new(SystemClock::new()));
    for index in 0..ACCOUNTS {
        wait(ledger.top_up(&account(index), IdempotencyKey::unique(), usd(i64::MAX / 2))).expect("a top-up");
    }
    for index in 0..100 * ACCOUNTS {
        cycle(&ledger, &account(index), IdempotencyKey::unique());
    }
    Arc::new(ledger)
}

fn cycle(ledger: &dyn Ledger, id: &AccountId, key: IdempotencyKey) {
    wait(ledger.hold_amount(id, key.clone(), usd(500))).expect("a hold");
    wait(ledger.capture_final(id, key, usd(420))).expect("a capture");
}

/// Fresh ids for each cycle, spread over the accounts by a stride that shares no divisor with their number.
fn ids() -> impl FnMut() -> (AccountId, IdempotencyKey) {
    let mut index = 0;
    move || {
        index += 617;
        (account(index), IdempotencyKey::unique())
    }
}

fn cycles(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("hold and capture");
    let (held, posted) = (Mutex::new(HashMap::new()), Mutex::new(HashMap::new()));
    group.bench_function("two maps, no ledger", |bencher| {
        let mut ids = ids();
        bencher.iter_batched(
            || ids().0.as_str().to_owned(),
            |id| {
                *held.lock().expect("no panic").entry(id.clone()).or_insert(0_i64) += 500;
                *posted.lock().expect("no panic").entry(id).or_insert(0_i64) -= 420;
            },
            BatchSize::SmallInput,
        );
    });
    let ledger = ledger();
    group.bench_function("memory ledger", |bencher| {
        bencher.iter_batched(ids(), |(id, key)| cycle(ledger.as_ref(), &id, key), BatchSize::SmallInput);
    });
    group.finish();
}

fn single(criterion: &mut Criterion) {
    let ledger = ledger();
    let (id, key) = (account(1), IdempotencyKey::unique());
    let request = HoldRequest::new(id.clone(), key, usd(500));
    wait(ledger.hold(request.clone())).expect("a hold");
    criterion.bench_function("replay of a hold", |bencher| {
        bencher.iter(|| wait(ledger.hold(black_box(request.clone()))).expect("a replay"));
    });
    criterion.bench_function("refusal for lack of balance", |bencher| {
        let request = HoldRequest::new(id.clone(), IdempotencyKey::unique(), usd(i64::MAX));
        bencher.iter(|| wait(ledger.hold(black_box(request.clone()))).expect_err("a refusal"));
    });
    criterion.bench_function("statement page of 50", |bencher| {
        let request = StatementRequest::new(id.clone()).with_limit(50);
        bencher.iter(|| wait(ledger.statement(black_box(request.clone()))).expect("a page"));
    });
}

/// What a stream asks for each piece that it delivers, as long as its hold covers it.
fn spends(criterion: &mut Criterion) {
    let unit = usd(0).unit();
    let tariff = Tariff::new().per_million("input_tokens", "2.50").expect("a price");
    let tariff = tariff.per_million("output_tokens", "10").expect("a price");
    let guard = Guard::in_memory(unit).price("answer", tariff).build().expect("a guard");
    wait(guard.top_up(&account(1), IdempotencyKey::unique(), usd(i64::MAX))).expect("a top-up");
    let job = Job::new("answer").exact("input_tokens", 1_200_u64).at_most("output_tokens", 1_u64 << 36);
    let hold = wait(guard.hold(&account(1), job)).expect("a hold");
    hold.record(&Usage::new().with("input_tokens", 1_200_u64)).expect("a price");
    let piece = Usage::new().with("output_tokens", 1_u64);
    criterion.bench_function("spend within", |bencher| {
        bencher.iter(|| wait(hold.spend(black_box(&piece))).expect("covered"));
    });
}

criterion_group!(benches, cycles, single, spends);
criterion_main!(benches);
