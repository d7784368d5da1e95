//! What a refusal costs to render, beside copying bytes of the same length and the request that is refused.
#![allow(clippy::unwrap_used, missing_docs)]

use std::hint::black_box;

use billing_guard::{
    AccountId, Details, Disclosure, Free, Guard, InsufficientBalance, Job, Options, Purchase, Recognized,
    Refusal, Renderer, Shape, Shortfall, Tariff, Timestamp, TopUp, Unit, wait,
};
use criterion::{Criterion, criterion_group, criterion_main};

fn rendering(c: &mut Criterion) {
    let usd = Unit::new("USD", 6).unwrap();
    let short = Shortfall::new(usd.amount("7").unwrap(), Timestamp::default());
    let refusal = Refusal::from(InsufficientBalance::new(short));
    let mut group = c.benchmark_group("render");
    for shape in Shape::ALL {
        let renderer = Renderer::new(*shape);
        group.bench_function(format!("{shape:?}"), |b| b.iter(|| renderer.render(black_box(&refusal))));
    }
    let page = |path: &str| format!("https://example.com/{path}").parse().unwrap();
    let options = Options::draft()
        .purchase(Purchase::top_up(TopUp::new(page("top-up"))))
        .free(Free::view_usage(page("usage")))
        .free(Free::contact(page("help")));
    let details = Details::new().with_options(options);
    let telling = Renderer::new(Shape::FlatWithError).with_disclosure(Disclosure::Amounts);
    group.bench_function("FlatWithError, with amounts and three options", |b| {
        b.iter(|| telling.render_with(black_box(&refusal), &details));
    });
    group.bench_function("negotiated", |b| {
        b.iter(|| telling.negotiate(black_box(Some("application/json, */*;q=0.5")), Some("de, en;q=0.5")));
    });
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
