//! What a price costs to compute, beside copying the usage that is priced.
#![allow(clippy::unwrap_used, missing_docs)]

use std::hint::black_box;

use billing_guard::{PriceBook, Tariff, Tiers, Unit, Usage, When};
use criterion::{Criterion, criterion_group, criterion_main};

fn usd() -> Unit {
    Unit::new("USD", 9).unwrap()
}

/// The prices of a model: input of which some is cached, output, and all of it dearer for long requests.
fn model() -> Tariff {
    let of = |input: &str, cached: &str, output: &str| {
        Tariff::new()
            .per_million("input_tokens", input)
            .unwrap()
            .per_million("cached_tokens", cached)
            .unwrap()
            .per_million("output_tokens", output)
            .unwrap()
    };
    let parts = |tariff: Tariff| tariff.part_of("cached_tokens", "input_tokens").unwrap();
    let long = parts(of("6", "0.6", "22.5"));
    parts(of("3", "0.3", "15")).with_other(When::above(["input_tokens"], 200_000_u64), long).unwrap()
}

fn pricing(c: &mut Criterion) {
    let tokens = Usage::new()
        .with("input_tokens", 1_200_u64)
        .with("cached_tokens", 800_u64)
        .with("output_tokens", 350_u64);
    let plain = Tariff::new().per_million("input_tokens", "2.5").unwrap();
    let plain = plain.per_million("cached_tokens", "1.25").unwrap();
    let plain = plain.per_million("output_tokens", "10").unwrap();
    let tiers = (1..10_u64)
        .try_fold(Tiers::new(), |tiers, tier| tiers.up_to(tier * 100, &format!("0.0{}", 10 - tier)));
    let tiered = Tariff::new().graduated("calls", tiers.unwrap().beyond("0.005").unwrap()).unwrap();
    let calls = Usage::new().with("calls", 1_050_u64);
    let book = PriceBook::new(usd()).with("model", plain.clone()).unwrap();

    let mut group = c.benchmark_group("price");
    group.bench_function("raw: a copy of the usage", |b| b.iter(|| black_box(&tokens).clone()));
    group.bench_function("charge, three quantities", |b| b.iter(|| plain.charge(black_box(&tokens), usd())));
    group.bench_function("charge, three quantities, by name", |b| {
        b.iter(|| book.tariff(black_box("model")).unwrap().charge(black_box(&tokens), usd()));
    });
    let model = model();
    group.bench_function("charge, a part and a threshold", |b| {
        b.iter(|| model.charge(black_box(&tokens), usd()));
    });
    group.bench_function("ceiling, a part and a threshold", |b| {
        b.iter(|| model.ceiling(black_box(&tokens), usd()));
    });
    group.bench_function("charge, ten tiers", |b| b.iter(|| tiered.charge(black_box(&calls), usd())));
    group.bench_function("lines, ten tiers", |b| b.iter(|| tiered.charge_lines(black_box(&calls), usd())));
    group.finish();
}

criterion_group!(benches, pricing);
criterion_main!(benches);
