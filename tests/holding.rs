//! How much is held for what is known only at most: the bound, what the forecast expects, or what there is.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::thread;

use billing_guard::{
    AccountId, Clock, Enforcement, Error, ForecastSettings, Guard, GuardBuilder, Hold, Holding, Job, KeyPath,
    ManualClock, OverCapture, Policy, PriceBook, Quantity, SetupError, Tariff, Tiers, Unit, Usage,
    UsageForecast, wait,
};
use proptest::prelude::*;

/// A cent for a row of output, nothing for what goes in.
fn tariff() -> Tariff {
    Tariff::new().per_unit("output", "0.01").unwrap().per_unit("input", "0").unwrap()
}

fn usd() -> Unit {
    Unit::new("USD", 2).unwrap()
}

fn account() -> AccountId {
    AccountId::new("acct_1").unwrap()
}

fn builder(policy: Policy) -> GuardBuilder {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new());
    Guard::in_memory_at(usd(), clock).price("chat", tariff()).policy(policy)
}

fn guard(policy: Policy) -> Guard {
    builder(policy).build().unwrap()
}

fn by_forecast() -> Policy {
    Policy::new().with_holding(Holding::Forecast)
}

fn pay(guard: &Guard, cents: i64) {
    let key = billing_guard::IdempotencyKey::unique();
    wait(guard.top_up(&account(), key, usd().minor(cents))).unwrap();
}

fn job() -> Job {
    Job::new("chat").exact("input", 1_000_u64).at_most("output", 4_000_u64)
}

fn output(rows: u64) -> Usage {
    Usage::new().with("output", rows)
}

fn held(guard: &Guard, job: Job) -> Hold {
    wait(guard.hold(&account(), job)).unwrap()
}

fn run(guard: &Guard, job: Job, rows: u64) -> billing_guard::Receipt {
    wait(held(guard, job).capture(&output(rows))).unwrap()
}

/// A guard that has seen work of 101 to 200 rows, and has so many cents left.
fn taught(policy: Policy, cents: i64) -> Guard {
    let guard = guard(policy);
    let teaching = 200;
    let sum: u64 = (0..teaching).map(|number| 101 + number * 7 % 100).sum();
    // The first ones are held for in full.
    pay(&guard, i64::try_from(sum).unwrap() + 4_000);
    for number in 0..teaching {
        run(&guard, job(), 101 + number * 7 % 100);
    }
    let left = wait(guard.balance(&account())).unwrap().available().minor();
    assert_eq!(left, 4_000);
    run(&guard, Job::new("chat").exact("output", 4_000_u64), 4_000);
    if cents > 0 {
        pay(&guard, cents);
    }
    guard
}

fn learned(guard: &Guard) -> String {
    serde_json::to_string(&guard.forecast()).unwrap()
}

#[test]
fn the_bound_is_held_unless_the_policy_or_the_job_says_otherwise() {
    let guard = guard(Policy::new());
    pay(&guard, 10_000);
    run(&guard, job(), 100);
    assert_eq!(held(&guard, job()).amount(), usd().minor(4_000));
    assert_eq!(guard.forecast().keys(), 0);
    run(&guard, job().with_holding(Holding::Forecast), 100);
    assert_eq!(guard.forecast().keys(), 3);
    let guard = taught(by_forecast(), 10_000);
    assert!(held(&guard, job()).amount().minor() < 400);
    assert_eq!(held(&guard, job().with_holding(Holding::Ceiling)).amount().minor(), 4_000);
}

#[test]
fn what_is_known_too_little_is_held_for_in_full_and_the_rest_as_expected() {
    let guard = taught(by_forecast(), 10_000);
    let hold = held(&guard, job());
    // The usual margin at the beginning is twice what nearly all took.
    assert!((200..=430).contains(&hold.amount().minor()), "{}", hold.amount());
    assert_eq!(hold.covers("output"), Quantity::from(hold.amount().minor().unsigned_abs()));
    // Never beyond the bound.
    assert_eq!(held(&guard, Job::new("chat").at_most("output", 50_u64)).amount().minor(), 50);
    // Another price is another kind of work; so is another path.
    let path = KeyPath::new("report");
    assert_eq!(held(&guard, job().with_key_path(path)).amount().minor(), 4_000);
    let quote = wait(guard.quote(&account(), &job())).unwrap();
    assert_eq!((quote.estimate().minor(), quote.would_hold()), (4_000, hold.amount()));
    assert_eq!(quote.minimum(), hold.amount());
    let lines = quote.lines();
    assert_eq!(lines.iter().map(|line| line.amount.minor()).sum::<i64>(), 4_000);
}

#[test]
fn work_beyond_its_hold_is_collected_as_the_policy_says_and_learned_from() {
    let guard = taught(by_forecast(), 5_000);
    let before = held(&guard, job()).amount().minor();
    let receipt = run(&guard, job(), 3_000);
    assert_eq!((receipt.charged().minor(), receipt.uncollected().minor()), (3_000, 0));
    assert_eq!(receipt.lines().iter().map(|line| line.amount.minor()).sum::<i64>(), 3_000);
    assert!(held(&guard, job()).amount().minor() > before);
    let guard = taught(by_forecast().with_over_capture(OverCapture::Reject), 5_000);
    let mut hold = held(&guard, job());
    wait(hold.capture(&output(3_000))).unwrap_err();
}

/// Whatever is not finished work teaches nothing, and nothing teaches twice.
#[test]
fn only_finished_work_teaches() {
    let guard = taught(by_forecast(), 5_000);
    let known = learned(&guard);
    wait(held(&guard, job()).void()).unwrap();
    drop(held(&guard, job()));
    let dropped = held(&guard, job());
    dropped.record(&output(20)).unwrap();
    drop(dropped);
    // What has no price is refused before anything is learned.
    wait(held(&guard, job()).capture(&Usage::new().with("other", 1_u64))).unwrap_err();
    assert_eq!(learned(&guard), known);
    let mut hold = held(&guard, job());
    wait(hold.capture(&output(150))).unwrap();
    let once = learned(&guard);
    assert_ne!(once, known);
    wait(hold.capture(&output(150))).unwrap();
    assert_eq!(learned(&guard), once);
}

#[test]
fn work_that_was_cut_to_the_balance_teaches_nothing() {
    let guard = taught(by_forecast().with_shrinking_to(50), 90);
    let known = learned(&guard);
    let mut hold = held(&guard, job());
    assert_eq!((hold.amount().minor(), hold.covers("output")), (90, 90_u64.into()));
    wait(hold.capture(&output(90))).unwrap();
    assert_eq!(learned(&guard), known);
    // It was less than there was: so it ended by itself.
    pay(&guard, 90);
    run(&guard, job(), 80);
    assert_ne!(learned(&guard), known);
    // Cut at what was expected: that did not suffice.
    pay(&guard, 5_000);
    let mut hold = held(&guard, job());
    let most = hold.covers("output");
    wait(hold.capture(&Usage::new().with("output", most))).unwrap();
    assert!(held(&guard, job()).covers("output") > most);
}

#[test]
fn short_of_the_forecast_it_is_refused_or_begins_with_what_there_is() {
    let refusing = taught(by_forecast(), 120);
    let Err(Error::InsufficientBalance(short)) = wait(refusing.hold(&account(), job())) else { panic!() };
    assert_eq!(short.fits().len(), 1);
    assert_eq!((short.fits()[0].name.as_ref(), short.fits()[0].quantity), ("output", 120_u64.into()));
    // Asked for no more than that, it fits.
    let job_of = |rows: Quantity| Job::new("chat").exact("input", 1_000_u64).at_most("output", rows);
    assert_eq!(held(&refusing, job_of(short.fits()[0].quantity)).amount().minor(), 120);

    // The usual is some 150: half of that will do, and twice as much will not.
    let shrinking = taught(by_forecast().with_shrinking_to(50), 85);
    assert_eq!(held(&shrinking, job()).amount().minor(), 85);
    let shrinking = taught(by_forecast().with_shrinking_to(50), 65);
    assert!(matches!(wait(shrinking.hold(&account(), job())), Err(Error::InsufficientBalance(_))));
    let demanding = taught(by_forecast().with_shrinking_to(200), 120);
    assert!(matches!(wait(demanding.hold(&account(), job())), Err(Error::InsufficientBalance(_))));
    // What the job says goes before.
    let job = job().down_to("output", 10_u64);
    assert_eq!(held(&taught(by_forecast(), 30), job.clone()).amount().minor(), 30);
    let quote = wait(taught(by_forecast(), 30).quote(&account(), &job)).unwrap();
    assert_eq!(quote.minimum().minor(), 10);

    // A debt limit makes up for the rest.
    let indebted = taught(by_forecast().with_debt_limit(usd().minor(500)), 20);
    assert!(held(&indebted, self::job()).amount().minor() > 200);

    for percent in [0, 1_001] {
        let error = builder(by_forecast().with_shrinking_to(percent)).build().unwrap_err();
        assert!(
            matches!(error, SetupError::Invalid { .. }) && error.to_string().contains(&percent.to_string())
        );
    }
    assert!(builder(by_forecast().with_shrinking_to(1)).build().is_ok());
    assert!(builder(by_forecast().with_shrinking_to(1_000)).build().is_ok());
}

/// One customer has nearly all the work, and it is small. Another's is large and cut where its hold ends: it is not cut for ever.
#[test]
fn what_others_take_does_not_keep_a_hold_too_small() {
    let guard = guard(by_forecast());
    pay(&guard, 100_000);
    let other = AccountId::new("acct_2").unwrap();
    wait(guard.top_up(&other, "funds".parse().unwrap(), usd().minor(100_000))).unwrap();
    (0..2_000).for_each(|_| drop(run(&guard, job(), 1)));
    let mut cut = 0;
    loop {
        let mut hold = wait(guard.hold(&other, job())).unwrap();
        let most = hold.covers("output");
        wait(hold.capture(&Usage::new().with("output", most.min(300_u64.into())))).unwrap();
        if most > 300_u64.into() {
            break;
        }
        cut += 1;
        (0..100).for_each(|_| drop(run(&guard, job(), 1)));
    }
    assert!((1..=15).contains(&cut), "{cut}");
    // And the small one is held for no more than before, or little more.
    assert!(held(&guard, job()).amount().minor() <= 10);
}

/// What was to be held is no part of what a retry repeats: what such work takes may have been learned meanwhile.
#[test]
fn a_retry_after_more_was_learned_is_the_same_request() {
    let guard = taught(by_forecast().with_shrinking_to(50), 50_000);
    let keyed = || job().with_key("request-1".parse().unwrap());
    let mut first = held(&guard, keyed());
    let learns = |rows: u64| (0..40).for_each(|_| drop(run(&guard, job(), rows)));
    learns(900);
    assert!(held(&guard, job()).amount().minor() > 2 * first.amount().minor());
    let is_repeated = |job: Job| match wait(guard.hold(&account(), job)) {
        Err(Error::Duplicate { state }) => state.total() == first.amount(),
        other => panic!("{other:?}"),
    };
    assert!(is_repeated(keyed()));
    // Nor is how it is held for.
    for job in [
        keyed().with_holding(Holding::Ceiling),
        keyed().with_holding(Holding::Grow),
        keyed().beginning_with("output", 7_u64),
        keyed().with_key_path(KeyPath::new("other")),
    ] {
        assert!(is_repeated(job));
    }
    wait(first.capture(&output(120))).unwrap();
    learns(100);
    assert!(matches!(wait(guard.hold(&account(), keyed())), Err(Error::Duplicate { .. })));
    // What the client asked for is.
    let other = Job::new("chat").exact("input", 1_000_u64).at_most("output", 4_001_u64);
    let other = other.with_key("request-1".parse().unwrap());
    assert!(matches!(wait(guard.hold(&account(), other)), Err(Error::KeyConflict { .. })));
}

#[test]
fn a_retry_of_what_was_refused_is_held_for_as_is_known_by_then() {
    let guard = taught(by_forecast(), 90);
    let keyed = || job().with_key("request-1".parse().unwrap());
    let Err(Error::InsufficientBalance(short)) = wait(guard.hold(&account(), keyed())) else { panic!() };
    // It says what is to be held by the forecast, and not what the job could come to.
    let quote = wait(guard.quote(&account(), &keyed())).unwrap();
    assert_eq!((short.requested(), short.required()), (quote.would_hold(), quote.minimum()));
    assert_eq!(short.missing(), quote.missing());
    assert!(short.required().minor() < 1_000);
    pay(&guard, short.missing().minor());
    drop(held(&guard, job()));
    pay(&guard, 50_000);
    (0..40).for_each(|_| drop(run(&guard, job().with_holding(Holding::Ceiling), 60)));
    run(&guard, job(), 2_000);
    assert!(held(&guard, keyed()).amount().minor() > short.required().minor());
}

#[test]
fn each_quantity_is_expected_apart_and_fractions_are_kept() {
    let tariff = Tariff::new().per_unit("seconds", "1").unwrap().per_unit("rows", "0.01").unwrap();
    let guard = Guard::in_memory(usd()).price("job", tariff).policy(by_forecast()).build().unwrap();
    pay(&guard, 1_000_000);
    let limit: Quantity = "99.5".parse().unwrap();
    let job = || Job::new("job").at_most("seconds", limit).at_most("rows", 9_000_u64);
    for number in 0..200_u64 {
        let seconds = Quantity::from_parts(100 + number % 50, 3).unwrap();
        let usage = Usage::new().with("seconds", seconds).with("rows", 1_000 + number);
        wait(held(&guard, job()).capture(&usage)).unwrap();
    }
    let hold = held(&guard, job());
    // 0.149 s and 1,199 rows at most, and the margins.
    assert!((1_230..2_700).contains(&hold.amount().minor()), "{}", hold.amount());
    // With as many rows as are held for, about a third of a second is covered, which is no whole one.
    assert!(hold.covers("rows") >= 1_200_u64.into());
    assert!(guard.forecast().keys() >= 4);
}

#[test]
fn an_observing_guard_learns_what_work_takes() {
    let guard = guard(by_forecast().with_enforcement(Enforcement::Observe));
    for number in 0..100 {
        let mut hold = held(&guard, job());
        assert!(hold.observed().is_some());
        wait(hold.capture(&output(101 + number))).unwrap();
    }
    pay(&guard, 500);
    assert!(held(&guard, job()).observed().is_none());
}

#[test]
fn a_forecast_that_was_saved_goes_on_where_it_was() {
    let guard = taught(by_forecast(), 1_000);
    let expected = held(&guard, job()).amount();
    let saved = learned(&guard);
    let restored: UsageForecast = serde_json::from_str(&saved).unwrap();
    let again = builder(by_forecast()).forecast(restored).build().unwrap();
    pay(&again, 1_000);
    assert_eq!(held(&again, job()).amount(), expected);
    // A guard of another policy shares it.
    let other = again.with_policy(by_forecast().with_shrinking_to(10)).unwrap();
    run(&other, job(), 140);
    assert_ne!(learned(&again), saved);
    assert_eq!(learned(&again), learned(&other));
    let settings = ForecastSettings::new().with_coverage_permille(900);
    let lower = builder(by_forecast()).forecast(guard.forecast().with_settings(settings)).build().unwrap();
    pay(&lower, 1_000);
    assert!(held(&lower, job()).amount().minor() < expected.minor());
}

#[test]
fn prices_are_exchanged_while_work_is_done() {
    let guard = guard(Policy::new());
    pay(&guard, 1_000_000);
    let euro = PriceBook::new(Unit::new("EUR", 2).unwrap());
    let error = guard.set_prices(euro).unwrap_err();
    assert!(matches!(error, SetupError::OtherUnit { .. }) && error.to_string().contains("EUR/2"), "{error}");
    let book = |cents: u64| {
        let tariff = Tariff::new().fixed(&format!("{cents}e-2")).unwrap();
        PriceBook::new(usd()).with("chat", tariff).unwrap()
    };
    guard.set_prices(book(1)).unwrap();
    let total: i64 = thread::scope(|scope| {
        let swap = scope.spawn(|| {
            for round in 0..2_000 {
                guard.set_prices(book(1 + round % 2)).unwrap();
            }
        });
        let workers: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut sum = 0;
                    for _ in 0..500 {
                        let mut hold = held(&guard, Job::new("chat"));
                        let receipt = wait(hold.capture(&Usage::new())).unwrap();
                        // The price it began with is the price that is charged, whatever is in force by then.
                        assert_eq!(receipt.charged(), hold.amount());
                        assert!((1..=2).contains(&receipt.charged().minor()));
                        sum += receipt.charged().minor();
                    }
                    sum
                })
            })
            .collect();
        swap.join().unwrap();
        workers.into_iter().map(|worker| worker.join().unwrap()).sum()
    });
    assert_eq!(wait(guard.balance(&account())).unwrap().available().minor(), 1_000_000 - total);
    let before = guard.set_prices(book(3)).unwrap();
    assert_eq!(before.names().count(), 1);
    assert_eq!(guard.prices().tariff("chat").unwrap().fixed_price(), Some("0.03".parse().unwrap()));
}

/// Many threads learn and hold at the same time: nothing is overdrawn, and all of it was learned from.
#[test]
fn threads_learn_together() {
    let guard = guard(by_forecast().with_shrinking_to(100));
    pay(&guard, 40_000);
    let charged: i64 = thread::scope(|scope| {
        let work = |seed: u64| {
            let guard = &guard;
            scope.spawn(move || {
                let mut sum = 0;
                for number in 0..200_u64 {
                    let Ok(mut hold) = wait(guard.hold(&account(), job())) else { continue };
                    let wanted = 50 + (number * 37 + seed * 11) % 100;
                    let rows = Quantity::from(wanted).min(hold.covers("output"));
                    let receipt = wait(hold.capture(&Usage::new().with("output", rows))).unwrap();
                    assert!(receipt.uncollected().is_zero());
                    sum += receipt.charged().minor();
                }
                sum
            })
        };
        let workers: Vec<_> = (0..8).map(work).collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).sum()
    });
    let left = wait(guard.balance(&account())).unwrap();
    assert_eq!((left.available().minor(), left.held().minor()), (40_000 - charged, 0));
    assert!(charged > 0 && left.available().minor() >= 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is expected and however little there is: a hold is between the least that will do and the bound, what it
    /// covers is never uncollected, what is named as fitting is admitted, and nothing is overdrawn.
    #[test]
    fn nothing_is_overdrawn_by_expecting(
        seen in prop::collection::vec(1_u64..3_000, 0..80),
        jobs in prop::collection::vec((1_u64..4_000, 0_u64..5_000, any::<bool>()), 1..30),
        cents in 0_i64..20_000,
        percent in prop::option::of(1_u32..300),
    ) {
        let mut forecast = UsageForecast::new(ForecastSettings::new());
        // What the guard would have learned from work on this path.
        let teacher = builder(by_forecast()).build().unwrap();
        pay(&teacher, 1_000_000);
        for rows in seen {
            run(&teacher, job(), rows);
        }
        forecast.merge(&teacher.forecast());
        let mut policy = by_forecast();
        policy.shrink_to = percent;
        let guard = builder(policy).forecast(forecast).build().unwrap();
        if cents > 0 {
            pay(&guard, cents);
        }
        let mut left = cents;
        for (most, wanted, is_cut) in jobs {
            let job = Job::new("chat").exact("input", 1_000_u64).at_most("output", most);
            match wait(guard.hold(&account(), job)) {
                Ok(mut hold) => {
                    let (held, covered) = (hold.amount().minor(), hold.covers("output").whole());
                    prop_assert!(held <= left && held <= i64::try_from(most).unwrap());
                    let rows = if is_cut { wanted.min(covered) } else { wanted };
                    let receipt = wait(hold.capture(&output(rows))).unwrap();
                    let (charged, uncollected) = (receipt.charged().minor(), receipt.uncollected().minor());
                    prop_assert_eq!(charged + uncollected, i64::try_from(rows).unwrap());
                    prop_assert!(uncollected == 0 || !is_cut);
                    left -= charged;
                }
                Err(Error::InsufficientBalance(short)) => {
                    prop_assert_eq!(short.shortfall().spendable().minor(), left);
                    if let Some(fit) = short.fits().first() {
                        prop_assert!(fit.quantity.whole() <= left.unsigned_abs());
                        let job = Job::new("chat").exact("input", 1_000_u64).at_most("output", fit.quantity);
                        let mut admitted = wait(guard.hold(&account(), job)).unwrap();
                        wait(admitted.void()).unwrap();
                    }
                }
                Err(error) => prop_assert!(false, "{error}"),
            }
            prop_assert!(left >= 0);
            prop_assert_eq!(wait(guard.balance(&account())).unwrap().available().minor(), left);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// With several quantities, whichever way they are held for: what is named as fitting is admitted when it is asked for,
    /// with the others as they were; one more of it is not, where it is held for in full. What is said to be missing is what is.
    #[test]
    fn what_is_named_is_admitted(
        taught in prop::collection::vec((0_u64..300, 0_u64..50), 0..60),
        bounds in (1_u64..400, 1_u64..80),
        least in (prop::option::of(0_u64..400), prop::option::of(0_u64..80)),
        begins in (prop::option::of(0_u64..400), prop::option::of(0_u64..80)),
        holding in prop_oneof![Just(Holding::Ceiling), Just(Holding::Forecast), Just(Holding::Grow)],
        (shrinking, debt) in (prop::option::of(1_u32..300), 0_i64..60),
        cents in 1_i64..1_500,
        volume in any::<bool>(),
    ) {
        // Ten cents to begin with; of more than a hundred rows each costs less.
        let tiers = Tiers::new().up_to(100_u64, "0.03").unwrap().beyond("0.02").unwrap();
        let tariff = Tariff::new().fixed("0.10").unwrap().per_unit("images", "0.15").unwrap();
        let tariff = if volume { tariff.volume("rows", tiers) } else { tariff.per_unit("rows", "0.02") };
        let mut policy = Policy::new().with_holding(holding).with_debt_limit(usd().minor(debt));
        policy.shrink_to = shrinking;
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::new());
        let guard = Guard::in_memory_at(usd(), clock).price("job", tariff.unwrap()).policy(policy).build().unwrap();
        let job = |rows: u64, images: u64| {
            let job = Job::new("job").at_most("rows", rows).at_most("images", images);
            let job = least.0.filter(|least| *least <= rows).into_iter().fold(job, |job, least| job.down_to("rows", least));
            let job = least.1.filter(|least| *least <= images).into_iter().fold(job, |job, least| job.down_to("images", least));
            let job = begins.0.into_iter().fold(job, |job, first| job.beginning_with("rows", first.min(rows)));
            begins.1.into_iter().fold(job, |job, first| job.beginning_with("images", first.min(images)))
        };
        let teacher = AccountId::new("acct_2").unwrap();
        for (number, (rows, images)) in taught.into_iter().enumerate() {
            let key = format!("pay-{number}").parse().unwrap();
            wait(guard.top_up(&teacher, key, usd().minor(100_000))).unwrap();
            let mut hold = wait(guard.hold(&teacher, job(400, 80))).unwrap();
            wait(hold.capture(&Usage::new().with("rows", rows).with("images", images))).unwrap();
        }
        pay(&guard, cents);
        let (rows, images) = bounds;
        let quote = wait(guard.quote(&account(), &job(rows, images))).unwrap();
        let short = match wait(guard.hold(&account(), job(rows, images))) {
            Ok(hold) => {
                prop_assert!(quote.fits() && quote.missing().is_zero());
                prop_assert!(hold.amount().minor() <= cents + debt);
                return Ok(());
            }
            Err(Error::InsufficientBalance(short)) => short,
            Err(error) => return Err(TestCaseError::fail(error.to_string())),
        };
        prop_assert_eq!((short.requested(), short.required()), (quote.would_hold(), quote.minimum()));
        prop_assert_eq!((short.missing(), short.fits()), (quote.missing(), quote.would_fit()));
        prop_assert_eq!(short.missing().minor(), short.required().minor() - cents - debt);
        for fit in short.fits() {
            let asked = |more: u64| {
                let quantity = fit.quantity.whole() + more;
                if fit.name == "rows" { job(quantity, images) } else { job(rows, quantity) }
            };
            let mut admitted = wait(guard.hold(&account(), asked(0))).unwrap();
            prop_assert!(admitted.covers(&fit.name) >= fit.quantity || holding == Holding::Grow);
            wait(admitted.void()).unwrap();
            if holding == Holding::Ceiling && least == (None, None) && begins == (None, None) {
                prop_assert!(wait(guard.hold(&account(), asked(1))).is_err());
            }
        }
        // Once what is missing is there, it is admitted.
        pay(&guard, short.missing().minor());
        prop_assert!(wait(guard.hold(&account(), job(rows, images))).is_ok());
    }
}
