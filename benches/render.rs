//! What a refusal costs to render, beside copying bytes of the same length and the request that is refused.
#![allow(clippy::unwrap_used, missing_docs)]

use std::hint::black_box;

use billing_guard::{
    AccountId, Guard, InsufficientBalance, Job, Recognized, Refusal, Renderer, Shape, Shortfall, Tariff,
    Timestamp, Unit, wait,
};
use criterion::{Criterion, criterion_group, criterion_main};

fn rendering(c: &mut Criterion) {
    let usd = Unit::new("USD", 6).unwrap();
    let short = Shortfall::new(usd.amount("7").unwrap(), Timestamp::default());
    let refusal = Refusal::from(InsufficientBalance::new(short));
    let mut group = c.benchmark_group("render");
    for shape in [
        Shape::Flat,
        Shape::FlatWithError,
        Shape::ErrorObject,
        Shape::ErrorString,
        Shape::OpenAi,
        Shape::Text,
    ] {
        let renderer = Renderer::new(shape);
        group.bench_function(format!("{shape:?}"), |b| b.iter(|| renderer.render(black_box(&refusal))));
    }
    let body = Renderer::default().render(&refusal).into_body();
    group.bench_function("raw: a copy of the Flat body", |b| b.iter(|| black_box(&body).clone()));
    group.bench_function("parse Flat", |b| b.iter(|| Recognized::parse(402, black_box(&body))));
    group.finish();
}

fn refusing(c: &mut Criterion) {
    let usd = Unit::new("USD", 6).unwrap();
    let tariff = Tariff::new().per_unit("rows", "0.002").unwrap();
    let guard = Guard::in_memory(usd).price("query", tariff).build().unwrap();
    let account = AccountId::new("acct_1").unwrap();
    wait(guard.top_up(&account, "t".parse().unwrap(), usd.amount("1").unwrap())).unwrap();
    c.bench_function("refused, from the job to the body", |b| {
        b.iter(|| {
            let error = wait(guard.hold(&account, Job::new("query").at_most("rows", 9_999_u64))).unwrap_err();
            guard.render(&error)
        });
    });
}

criterion_group!(benches, rendering, refusing);
criterion_main!(benches);
