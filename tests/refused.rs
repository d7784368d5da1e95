//! What a refusal for lack of balance says of ways on, that each of them is one, and that the refused request itself
//! succeeds once after a top-up.
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use billing_guard::{
    AccountId, Amount, Courtesy, Enforcement, EngineSettings, Error, Guard, IdempotencyKey,
    InsufficientBalance, Job, Ledger, ManualClock, MemoryLedger, Notice, OnDrop, Period, Policy, PriceBook,
    StoreLedger, Tariff, Unit, Usage, wait,
};
use proptest::prelude::*;

#[allow(dead_code, unreachable_pub, reason = "an example, of which a test needs only the store")]
#[path = "../examples/custom_store.rs"]
mod custom_store;

use custom_store::CustomStore;

fn usd(cents: i64) -> Amount {
    Unit::new("USD", 2).unwrap().minor(cents)
}

fn account() -> AccountId {
    AccountId::new("acct_1").unwrap()
}

fn key(text: &str) -> IdempotencyKey {
    text.parse().unwrap()
}

/// So many cents a row by price, and a cent for beginning.
fn guard_at(prices: &[(&str, i64)], balance: i64, policy: Policy) -> Guard {
    let book = prices.iter().fold(PriceBook::new(usd(0).unit()), |book, (name, cents)| {
        let tariff = Tariff::new().fixed("0.01").unwrap().per_unit("rows", &format!("0.{cents:02}")).unwrap();
        book.with(*name, tariff).unwrap()
    });
    let guard = Guard::builder(Arc::new(MemoryLedger::new()), book).policy(policy).build().unwrap();
    if balance > 0 {
        wait(guard.top_up(&account(), key("funding"), usd(balance))).unwrap();
    }
    guard
}

const PRICES: &[(&str, i64)] = &[("large", 10), ("mid", 4), ("small", 2), ("tiny", 1)];

fn large(rows: u64) -> Job {
    Job::new("large").at_most("rows", rows)
}

fn or(job: Job, price: &'static str) -> Job {
    job.or_priced_as(format!("The {price} one").parse().unwrap(), price)
}

fn short(error: Error) -> InsufficientBalance {
    match error {
        Error::InsufficientBalance(short) => *short,
        other => panic!("{other:?}"),
    }
}

fn refused(guard: &Guard, job: Job) -> InsufficientBalance {
    short(wait(guard.hold(&account(), job)).unwrap_err())
}

fn named(short: &InsufficientBalance) -> Vec<(String, i64)> {
    let alternatives = short.alternatives().iter();
    alternatives.map(|one| (one.label.to_string(), one.estimate.minor())).collect()
}

fn fitting(short: &InsufficientBalance) -> Vec<(String, u64)> {
    short.fits().iter().map(|fit| (fit.name.to_string(), fit.quantity.whole())).collect()
}

#[test]
fn a_refusal_names_what_fits_and_cheaper_prices_the_cheapest_first() {
    let guard = guard_at(PRICES, 100, Policy::new());
    let job = || ["mid", "tiny", "large", "small"].into_iter().fold(large(30), or);
    let short = refused(&guard, job());
    // At the middle price it would be 121.
    assert_eq!(named(&short), [("The tiny one".to_owned(), 31), ("The small one".to_owned(), 61)]);
    assert_eq!(fitting(&short), [("rows".to_owned(), 9)]);
    // Where it fits, nothing of that is asked for.
    assert_eq!(wait(guard.hold(&account(), job().at_most("rows", 9_u64))).unwrap().amount(), usd(91));
}

#[test]
fn work_with_a_floor_names_no_less_than_will_do() {
    let guard = guard_at(PRICES, 100, Policy::new());
    let short = refused(&guard, or(large(30).down_to("rows", 20_u64), "tiny"));
    assert_eq!((fitting(&short), named(&short).len()), (vec![], 1));
}

#[test]
fn a_charge_in_one_step_names_cheaper_prices_too() {
    let guard = guard_at(PRICES, 100, Policy::new());
    let job = or(Job::new("large").exact("rows", 30_u64), "small");
    let short = short(wait(guard.charge(&account(), &job)).unwrap_err());
    assert_eq!((named(&short), fitting(&short)), (vec![("The small one".to_owned(), 61)], vec![]));
}

#[test]
fn a_price_that_is_not_there_is_not_named() {
    let guard = guard_at(PRICES, 100, Policy::new());
    let job = ["absent", "small"].into_iter().fold(large(30), or);
    assert_eq!(named(&refused(&guard, job)), [("The small one".to_owned(), 61)]);
}

#[test]
fn other_prices_are_no_part_of_what_a_key_stands_for() {
    let guard = guard_at(PRICES, 1_000, Policy::new());
    let job = || large(30).with_key(key("req"));
    let _held = wait(guard.hold(&account(), or(job(), "small"))).unwrap();
    for again in [job(), or(job(), "tiny"), job().continuing()] {
        assert!(matches!(wait(guard.hold(&account(), again)), Err(Error::Duplicate { .. })));
    }
}

#[test]
fn at_most_four_other_prices() {
    let guard = guard_at(PRICES, 1_000, Policy::new());
    let job = |count: usize| (0..count).fold(large(1), |job, _| or(job, "small"));
    assert!(wait(guard.hold(&account(), job(Job::MAX_ALTERNATIVES))).is_ok());
    let error = wait(guard.hold(&account(), job(Job::MAX_ALTERNATIVES + 1))).unwrap_err();
    assert!(matches!(&error, Error::InvalidJob { rule, .. } if rule.contains("at most 4")), "{error:?}");
}

#[test]
fn an_observing_guard_reports_them_too() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    let ledger = Arc::new(MemoryLedger::new());
    let guard = Guard::builder(ledger, PriceBook::new(usd(0).unit()))
        .price("large", Tariff::new().per_unit("rows", "0.10").unwrap())
        .price("free", Tariff::free())
        .policy(Policy::new().with_enforcement(Enforcement::Observe))
        .observer(move |_, error| log.lock().unwrap().push(error.clone()))
        .build()
        .unwrap();
    let job = or(Job::new("large").at_most("rows", 3_u64), "free");
    let hold = wait(guard.hold(&account(), job)).unwrap();
    let observed = hold.observed().unwrap().clone();
    assert_eq!(seen.lock().unwrap().as_slice(), std::slice::from_ref(&observed));
    assert_eq!(named(&short(observed)), [("The free one".to_owned(), 0)]);
}

proptest! {
    #[test]
    fn whatever_is_named_would_be_admitted_and_whatever_is_not_would_be_refused(
        balance in 0_i64..400, rows in 1_u64..60, debt in 0_i64..50,
        prices in proptest::collection::vec(1_i64..30, 4),
    ) {
        const NAMES: [&str; 4] = ["a", "b", "c", "d"];
        let prices: Vec<_> = NAMES.into_iter().zip(prices).collect();
        let policy = Policy::new().with_debt_limit(usd(debt));
        let guard = guard_at(&prices, balance, policy);
        let job = |price: &'static str, rows: u64| Job::new(price).at_most("rows", rows);
        let admits = |job: Job| wait(guard.quote(&account(), &job)).unwrap().fits();
        let asked = NAMES.into_iter().skip(1).fold(job("a", rows), or);
        let Err(error) = wait(guard.hold(&account(), asked)) else {
            prop_assert!(admits(job("a", rows)));
            return Ok(());
        };
        let short = short(error);
        let mut wanted: Vec<_> = prices.iter().skip(1)
            .filter(|(name, _)| admits(job(name, rows)))
            .map(|(name, cents)| (format!("The {name} one"), 1 + cents * i64::try_from(rows).unwrap()))
            .collect();
        wanted.sort_by_key(|(_, estimate)| *estimate);
        prop_assert_eq!(named(&short), wanted);
        let most = (1..=rows).rev().find(|rows| admits(job("a", *rows)));
        let wanted: Vec<_> = most.map(|rows| ("rows".to_owned(), rows)).into_iter().collect();
        prop_assert_eq!(fitting(&short), wanted);
    }
}

/// A guard on a ledger in memory, and one on a store.
fn guards(policy: &Policy) -> Vec<Guard> {
    let settings = EngineSettings::new().with_refusals_apart(Duration::ZERO);
    let store = CustomStore::new(Arc::new(ManualClock::new()));
    let ledgers: [Arc<dyn Ledger>; 2] =
        [Arc::new(MemoryLedger::new()), Arc::new(StoreLedger::with_settings(store, settings))];
    let guard = |ledger| {
        Guard::builder(ledger, PriceBook::new(usd(0).unit()))
            .price("large", Tariff::new().per_unit("rows", "0.10").unwrap())
            .price("small", Tariff::new().per_unit("rows", "0.01").unwrap())
            .policy(policy.clone())
            .build()
            .unwrap()
    };
    ledgers.into_iter().map(guard).collect()
}

/// The request is sent again with its key after a top-up: it runs, once, and is charged once.
fn resumes(guard: &Guard, job: impl Fn() -> Job, missing: Amount) {
    wait(guard.top_up(&account(), key("payment-2"), missing)).unwrap();
    let mut hold = wait(guard.hold(&account(), job())).unwrap();
    assert!(matches!(wait(guard.hold(&account(), job())), Err(Error::Duplicate { .. })));
    let receipt = wait(hold.capture(&Usage::new().with("rows", 8_u64))).unwrap();
    assert_eq!((receipt.charged(), receipt.freed()), (usd(80), usd(120)));
    assert!(matches!(wait(guard.hold(&account(), job())), Err(Error::Duplicate { .. })));
    assert_eq!(wait(guard.balance(&account())).unwrap().held(), usd(0));
}

#[test]
fn after_a_top_up_the_same_request_with_the_same_key_succeeds_once() {
    let job = || large(20).with_key(key("req"));
    for guard in guards(&Policy::new()) {
        wait(guard.top_up(&account(), key("payment-1"), usd(50))).unwrap();
        // Refused as often as it is sent; what it could do instead may differ from time to time.
        for refused in [job(), or(job(), "small"), or(or(job(), "large"), "small"), job()] {
            assert_eq!(short(wait(guard.hold(&account(), refused)).unwrap_err()).missing(), usd(150));
        }
        // What would fit is another request, with another key.
        let instead = Job::new("large").at_most("rows", 5_u64).with_key(key("req-smaller"));
        drop(wait(guard.hold(&account(), instead)).unwrap());
        resumes(&guard, || or(job(), "small"), usd(150));
        assert_eq!(wait(guard.balance(&account())).unwrap().available(), usd(120));
    }
}

#[test]
fn it_does_so_after_a_courtesy_was_given_or_was_not_enough() {
    let house = AccountId::new("house").unwrap();
    let courtesy =
        Courtesy::new("Finish your work".parse().unwrap(), usd(30), Period::month(), house.clone());
    for guard in guards(&Policy::new().with_courtesy(courtesy)) {
        wait(guard.top_up(&house, key("fund"), usd(100))).unwrap();
        wait(guard.top_up(&account(), key("payment-1"), usd(50))).unwrap();
        // A first step gets the courtesy and uses it up.
        let step = || large(8).continuing().with_on_drop(OnDrop::CaptureHold).with_key(key("step-1"));
        let first = wait(guard.hold(&account(), step())).unwrap();
        assert_eq!(first.notices(), [Notice::CourtesyGiven { amount: usd(30) }]);
        drop(first);
        assert!(matches!(wait(guard.hold(&account(), step())), Err(Error::Duplicate { .. })));
        // The next gets none, and resumes when the customer has paid.
        let job = || or(large(20).continuing().with_key(key("step-2")), "small");
        assert_eq!(short(wait(guard.hold(&account(), job())).unwrap_err()).missing(), usd(200));
        resumes(&guard, job, usd(200));
        assert_eq!(wait(guard.balance(&house)).unwrap().available(), usd(70));
    }
}

#[test]
fn many_at_once_never_get_more_than_the_house_has() {
    const CUSTOMERS: usize = 12;
    let house = AccountId::new("house").unwrap();
    let courtesy =
        Courtesy::new("Finish your work".parse().unwrap(), usd(30), Period::month(), house.clone());
    for guard in guards(&Policy::new().with_courtesy(courtesy)) {
        wait(guard.top_up(&house, key("fund"), usd(100))).unwrap();
        let ask = || {
            let customers = (0..CUSTOMERS).map(|number| AccountId::new(format!("c{number}")).unwrap());
            let hold = |customer: AccountId| {
                let job = large(3).continuing().with_on_drop(OnDrop::CaptureHold);
                wait(guard.hold(&customer, job)).is_ok()
            };
            customers.filter(|customer| hold(customer.clone())).count()
        };
        let served: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(ask)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        // Ten cents are left, and one courtesy is of thirty.
        assert_eq!((served, wait(guard.balance(&house)).unwrap().available()), (3, usd(10)));
    }
}

#[test]
fn a_charge_in_one_step_resumes_too() {
    for guard in guards(&Policy::new()) {
        let job = or(Job::new("large").exact("rows", 5_u64).with_key(key("req")), "small");
        assert!(wait(guard.charge(&account(), &job)).is_err());
        wait(guard.top_up(&account(), key("payment-1"), usd(60))).unwrap();
        assert!(!wait(guard.charge(&account(), &job)).unwrap().is_replay());
        let again = wait(guard.charge(&account(), &job)).unwrap();
        assert!(again.is_replay() && again.charged() == usd(50));
        assert_eq!(wait(guard.balance(&account())).unwrap().available(), usd(10));
    }
}
