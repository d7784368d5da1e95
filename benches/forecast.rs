//! What it costs to predict and to learn, beside the least that could be done with a key: a look-up in a map and an
//! addition, for each of the three levels of a path. Times are of one machine at one moment; read the ratios within one run.
//!
//! `cargo bench --bench forecast`; `cargo bench --bench forecast -- --test` runs each once.
#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::HashMap;
use std::hint::black_box;

use billing_guard::{ForecastSettings, KeyPath, UsageForecast};
use criterion::{Criterion, criterion_group, criterion_main};

const CUSTOMERS: u64 = 1_000;

/// Customers and sizes in an order that looks random, with the units that the work took.
fn work() -> impl Iterator<Item = (String, u64, u64)> {
    (0_u64..).map(|number| {
        let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
        (format!("acct_{:08}", mixed % CUSTOMERS), 16 << (mixed % 7), 20 + mixed % 1_013 * (mixed % 5))
    })
}

fn path(customer: &str, size: u64) -> KeyPath {
    KeyPath::new(black_box("chat gpt-4o")).then(black_box(customer)).sized(black_box(size))
}

fn one_piece_of_work(criterion: &mut Criterion) {
    let work: Vec<_> = work().take(100_000).collect();
    let mut forecast = UsageForecast::new(ForecastSettings::new());
    for (customer, size, units) in &work {
        let path = path(customer, *size);
        let prediction = forecast.predict(&path, 8_192);
        forecast.learn(&path, prediction, *units);
    }
    let mut group = criterion.benchmark_group("one piece of work, of 1,000 customers and 7 sizes");
    let mut next = work.iter().cycle();
    let mut sums = HashMap::<u128, u64>::new();
    group.bench_function("raw: three sums in a map", |bencher| {
        bencher.iter(|| {
            let (customer, size, units) = next.next().unwrap();
            let account = customer[5..].parse::<u128>().unwrap();
            for key in [1, account + 2, (account + 2) << 20 | u128::from(*size)] {
                *sums.entry(key).or_default() += units;
            }
        });
    });
    group.bench_function("path", |bencher| {
        bencher.iter(|| {
            let (customer, size, _) = next.next().unwrap();
            path(customer, *size)
        });
    });
    group.bench_function("predict", |bencher| {
        bencher.iter(|| {
            let (customer, size, _) = next.next().unwrap();
            forecast.predict(&path(customer, *size), 8_192)
        });
    });
    group.bench_function("predict and learn", |bencher| {
        bencher.iter(|| {
            let (customer, size, units) = next.next().unwrap();
            let path = path(customer, *size);
            let prediction = forecast.predict(&path, 8_192);
            forecast.learn(&path, prediction, *units);
        });
    });
    group.bench_function("begin", |bencher| {
        bencher.iter(|| {
            let (customer, size, _) = next.next().unwrap();
            forecast.begin(&path(customer, *size), 8_192)
        });
    });
    group.bench_function("further", |bencher| {
        bencher.iter(|| {
            let (customer, size, units) = next.next().unwrap();
            forecast.further(&path(customer, *size), *units, 8_192)
        });
    });
    group.finish();
}

criterion_group!(benches, one_piece_of_work);
criterion_main!(benches);
