//! Prices that go on from what was used this month: counted once, in order, and charged to the step, whoever runs beside.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use billing_guard::{
    AccountId, Amount, Error, Guard, Job, Ledger, ManualClock, MemoryLedger, MemorySettings, Meter,
    MeterError, Package, Period, PriceBook, Quantity, Rounding, Tariff, Tiers, Timestamp, Unit, Usage,
    UsageError, verify, wait,
};
use proptest::prelude::*;

fn usd() -> Unit {
    Unit::new("USD", 2).unwrap()
}

fn account() -> AccountId {
    AccountId::new("acct_1").unwrap()
}

fn calls(count: u64) -> Usage {
    Usage::new().with("calls", count)
}

/// A hundred calls are free, then 1.5 cents each to 300, then 0.4 cents.
fn tiers() -> Tiers {
    let tiers = Tiers::new().up_to(100_u64, "0").unwrap().up_to(300_u64, "0.015").unwrap();
    tiers.beyond("0.004").unwrap()
}

fn graduated() -> Tariff {
    Tariff::new().graduated("calls", tiers()).unwrap()
}

fn meter() -> Meter {
    Meter::of(["calls"], Period::month()).unwrap()
}

struct Shop {
    clock: Arc<ManualClock>,
    ledger: Arc<dyn Ledger>,
    guard: Guard,
}

fn shop(tariff: Tariff) -> Shop {
    let clock = Arc::new(ManualClock::new());
    let settings = MemorySettings::new();
    let ledger: Arc<dyn Ledger> = Arc::new(MemoryLedger::with_clock(settings, clock.clone()));
    let guard = Guard::builder(Arc::clone(&ledger), PriceBook::new(usd())).price("call", tariff);
    let guard = guard.clock(clock.clone()).build().unwrap();
    wait(guard.top_up(&account(), "funds".parse().unwrap(), usd().amount("10000").unwrap())).unwrap();
    Shop { clock, ledger, guard }
}

impl Shop {
    /// One piece of work from its hold to its charge.
    fn work(&self, meter: &Meter, most: &Usage, usage: &Usage) -> Amount {
        let used = wait(meter.used(&self.guard, &account())).unwrap();
        let job = most.iter().fold(Job::new("call"), |job, (name, most)| job.at_most(name.to_owned(), most));
        let mut hold = wait(self.guard.hold(&account(), job.after(used))).unwrap();
        hold.after(wait(meter.count(&hold, usage)).unwrap());
        let receipt = wait(hold.capture(usage)).unwrap();
        assert!(receipt.uncollected().is_zero());
        receipt.charged()
    }

    fn used(&self) -> Quantity {
        wait(meter().used(&self.guard, &account())).unwrap().get("calls")
    }

    fn at(&self, moment: &str) {
        self.clock.set(moment.parse().unwrap());
    }
}

#[test]
fn a_month_goes_on_and_the_next_begins_anew() {
    let shop = shop(graduated());
    let call = |count: u64| shop.work(&meter(), &calls(count), &calls(count)).minor();
    shop.at("2026-03-31T23:59:59.000000Z");
    assert_eq!((call(90), call(30), call(200)), (0, 30, 270 + 8));
    assert_eq!(shop.used(), Quantity::from(320_u64));
    // Begun in March, counted in April: it is March's.
    let job = Job::new("call").at_most("calls", 50_u64).after(calls(320));
    let mut late = wait(shop.guard.hold(&account(), job)).unwrap();
    shop.clock.advance(Duration::from_secs(2));
    assert_eq!(shop.used(), Quantity::ZERO);
    late.after(wait(meter().count(&late, &calls(50))).unwrap());
    assert_eq!(wait(late.capture(&calls(50))).unwrap().charged().minor(), 20);
    assert_eq!((call(101), shop.used()), (1, Quantity::from(101_u64)));
    shop.at("2026-03-31T12:00:00.000000Z");
    assert_eq!(shop.used(), Quantity::from(370_u64));
    // By the week it is another meter, and another account is another customer.
    let week = Meter::of(["calls"], Period::week()).unwrap();
    assert!(wait(week.used(&shop.guard, &account())).unwrap().get("calls").is_zero());
    let other = wait(meter().used(&shop.guard, &AccountId::new("acct_2").unwrap())).unwrap();
    assert!(other.get("calls").is_zero());
}

#[test]
fn a_retry_counts_once_and_comes_after_the_same() {
    let shop = shop(graduated());
    shop.work(&meter(), &calls(150), &calls(150));
    let mut hold = wait(shop.guard.hold(&account(), Job::new("call").at_most("calls", 100_u64))).unwrap();
    let before = wait(meter().count(&hold, &calls(40))).unwrap();
    assert_eq!(before, calls(150));
    // Other work comes between.
    shop.work(&meter(), &calls(9), &calls(9));
    assert_eq!(wait(meter().count(&hold, &calls(40))).unwrap(), before);
    assert_eq!(shop.used(), Quantity::from(199_u64));
    let error = wait(meter().count(&hold, &calls(41))).unwrap_err();
    assert!(matches!(error, Error::KeyConflict { .. }), "{error:?}");
    assert_eq!(shop.used(), Quantity::from(199_u64));
    hold.after(before);
    assert_eq!(wait(hold.capture(&calls(40))).unwrap().charged().minor(), 60);
    assert_eq!(wait(hold.capture(&calls(40))).unwrap().charged().minor(), 60);
}

#[test]
fn meters_of_two_periods_are_added_up() {
    let pages = Tiers::new().up_to(10_u64, "1").unwrap().beyond("0.50").unwrap();
    let shop = shop(graduated().graduated("pages", pages).unwrap());
    let (month, day) = (meter(), Meter::of(["pages"], Period::day()).unwrap());
    let usage = calls(80).with("pages", 8_u64);
    let both = |one: Usage, other: Usage| {
        let mut all = one;
        all.add(&other).unwrap();
        all
    };
    let mut charged = Vec::new();
    for moment in
        ["2026-03-10T23:00:00.000000Z", "2026-03-10T23:30:00.000000Z", "2026-03-11T00:00:00.000000Z"]
    {
        shop.at(moment);
        let of = |meter: &Meter| wait(meter.used(&shop.guard, &account())).unwrap();
        let job = Job::new("call").at_most("calls", 80_u64).at_most("pages", 8_u64);
        let mut hold = wait(shop.guard.hold(&account(), job.after(both(of(&month), of(&day))))).unwrap();
        let counted = |meter: &Meter| wait(meter.count(&hold, &usage)).unwrap();
        let before = both(counted(&month), counted(&day));
        hold.after(before);
        charged.push(wait(hold.capture(&usage)).unwrap().charged().minor());
    }
    // Calls go on, 0, 60 and 80 of them beyond the free ones; pages only within the day.
    assert_eq!(charged, [800, 500 + 90, 800 + 120]);
}

#[test]
fn a_charge_that_is_repeated_with_another_moment_is_counted_where_that_is() {
    let shop = shop(graduated());
    let count = |moment: &str| {
        let (key, began) = ("key".parse().unwrap(), moment.parse().unwrap());
        let before = wait(meter().count_charge(&shop.guard, &account(), &key, began, &calls(5))).unwrap();
        shop.at(moment);
        (before.get("calls"), shop.used())
    };
    let five = Quantity::from(5_u64);
    assert_eq!(count("2026-03-31T23:59:59.000000Z"), (Quantity::ZERO, five));
    assert_eq!(count("2026-03-01T00:00:00.000000Z"), (Quantity::ZERO, five));
    assert_eq!(count("2026-04-01T00:00:00.000000Z"), (Quantity::ZERO, five));
}

#[test]
fn what_was_used_decides_what_is_held_and_covered() {
    let shop = shop(graduated());
    let held = |used: u64| {
        let job = Job::new("call").at_most("calls", 200_u64).after(calls(used));
        let mut hold = wait(shop.guard.hold(&account(), job.clone())).unwrap();
        let held = hold.amount().minor();
        assert_eq!(wait(shop.guard.quote(&account(), &job)).unwrap().estimate(), hold.amount());
        let covered = hold.covers("calls");
        assert!(covered >= Quantity::from(200_u64), "{covered}");
        wait(hold.void()).unwrap();
        held
    };
    assert_eq!((held(0), held(100), held(290), held(300)), (150, 300, 91, 80));
    let job = Job::new("call").exact("calls", 10_u64).after(calls(95));
    assert_eq!(wait(shop.guard.charge(&account(), &job)).unwrap().charged().minor(), 7);
}

#[test]
fn whoever_runs_at_once_pays_together_what_all_costs() {
    let shop = Arc::new(shop(graduated().rounding(Rounding::HalfUp)));
    let workers: Vec<_> = (0..8_u64)
        .map(|worker| {
            let shop = Arc::clone(&shop);
            thread::spawn(move || {
                (0..25_u64)
                    .map(|nth| {
                        let count = (worker * 7 + nth * 3) % 11;
                        // What others count meanwhile may be dearer than what was free: hold for the dearest.
                        let job = Job::new("call").at_most("calls", count).after(calls(200));
                        let mut hold = wait(shop.guard.hold(&account(), job)).unwrap();
                        hold.after(wait(meter().count(&hold, &calls(count))).unwrap());
                        let receipt = wait(hold.capture(&calls(count))).unwrap();
                        assert!(receipt.uncollected().is_zero());
                        (count, receipt.charged().minor())
                    })
                    .fold((0, 0), |(used, paid), (count, charged)| (used + count, paid + charged))
            })
        })
        .collect();
    let (mut used, mut paid) = (0, 0);
    for worker in workers {
        let (its_used, its_paid) = worker.join().unwrap();
        (used, paid) = (used + its_used, paid + its_paid);
    }
    assert!(used > 500, "{used}");
    assert_eq!(shop.used(), Quantity::from(used));
    let all = graduated().rounding(Rounding::HalfUp).charge(&calls(used), usd()).unwrap();
    assert_eq!(paid, all.minor());
    assert!(wait(verify(&*shop.ledger, &account(), usd())).unwrap().is_clean());
}

#[test]
fn what_cannot_be_counted_is_an_error_and_counts_nothing() {
    let shop = shop(graduated());
    let hold = wait(shop.guard.hold(&account(), Job::new("call").at_most("calls", 5_u64))).unwrap();
    let count = |meter: &Meter, quantity: &str| {
        let usage = Usage::new().with("calls", quantity.parse::<Quantity>().unwrap());
        wait(meter.count(&hold, &usage))
    };
    for quantity in ["1.0001", "9223372036854775.808"] {
        let error = count(&meter(), quantity).unwrap_err();
        assert!(
            matches!(error, Error::InvalidJob { ref value, .. } if value.contains(quantity)),
            "{error:?}"
        );
    }
    assert_eq!(count(&meter(), "9223372036854775.807").unwrap(), calls(0));
    // There is no room for any more, and that is not the customer's balance.
    let more = wait(shop.guard.hold(&account(), Job::new("call").at_most("calls", 5_u64))).unwrap();
    let error = wait(meter().count(&more, &calls(1))).unwrap_err();
    assert!(matches!(error, Error::InvalidJob { rule, .. } if rule.contains("room")), "{error:?}");
    let fine = meter().with_places(9).unwrap();
    assert!(matches!(wait(fine.used(&shop.guard, &account())), Err(Error::WrongUnit { .. })));
    let pages = Meter::of(["pages"], Period::month()).unwrap().with_places(9).unwrap();
    let usage = Usage::new().with("pages", "0.000000001".parse::<Quantity>().unwrap());
    wait(pages.count(&more, &usage)).unwrap();
    assert_eq!(wait(pages.used(&shop.guard, &account())).unwrap(), usage);

    let of = |names: &[&'static str], period| Meter::of(names.iter().copied(), period);
    let rolling = Period::rolling(Duration::from_secs(3_600)).unwrap();
    assert_eq!(of(&["calls"], rolling), Err(MeterError::Rolling { period: rolling }));
    assert!(
        matches!(of(&["a", "b", "a"], Period::day()), Err(MeterError::Repeated { name }) if name == "\"a\"")
    );
    assert!(matches!(
        of(&["two words"], Period::day()),
        Err(MeterError::Quantities(UsageError::InvalidName { .. }))
    ));
    assert!(of(&["a"; 17], Period::day()).is_err());
    assert_eq!(meter().with_places(10), Err(MeterError::Places { places: 10 }));
    // 70 characters of account and name fit, whatever the period.
    let anchor: Timestamp = "2026-01-15T09:30:00.123456Z".parse().unwrap();
    let anchored = Period::month().anchored_at(anchor, 0).unwrap();
    let named = |length: usize| Meter::of(["n".repeat(length)], anchored).unwrap();
    let id = AccountId::new("a".repeat(10)).unwrap();
    assert!(wait(named(60).used(&shop.guard, &id)).unwrap().iter().all(|(_, used)| used.is_zero()));
    let long = AccountId::new("a".repeat(11)).unwrap();
    let error = wait(named(60).used(&shop.guard, &long)).unwrap_err();
    assert!(matches!(error, Error::InvalidJob { .. }), "{error:?}");
}

#[test]
fn accounts_and_quantities_are_not_confused() {
    let shop = shop(Tariff::free());
    let key = "key".parse().unwrap();
    let count = |name: &'static str, account: &str| {
        let (meter, account) = (Meter::of([name], Period::day()).unwrap(), AccountId::new(account).unwrap());
        let usage = Usage::new().with(name, 3_u64);
        wait(meter.count_charge(&shop.guard, &account, &key, Timestamp::default(), &usage)).unwrap()
    };
    // Without the length of the name the first two would be counted in the same place.
    let day = "19700101T000000Z~19700102T000000Z";
    let (name, account) = (format!("c~{day}~a"), format!("a~{day}~b"));
    for (name, account) in [(&*name.leak(), "b"), ("c", &*account), ("c", "b"), ("c~a", "b"), ("c", "a~b")] {
        assert!(count(name, account).get(name).is_zero(), "{name} {account}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// One after the other, over months, against the price of each month's sum.
    #[test]
    fn charges_of_a_month_are_the_price_of_the_month(
        work in proptest::collection::vec((0_u64..90_000, 0_u64..12, 0_u64..16), 1..30),
        mode in prop_oneof![Just(Rounding::Down), Just(Rounding::HalfUp), Just(Rounding::Up)],
        (free, most) in (0_u64..60, prop_oneof![Just(None), (50_u64..400).prop_map(Some)]),
    ) {
        let tariff = graduated().package("pages", Package::of(4_u64, "0.333").unwrap()).unwrap();
        let tariff = tariff.with_free("calls", free).unwrap().with_discount("7").unwrap().rounding(mode);
        let tariff = most.map_or(tariff.clone(), |most| tariff.with_maximum(&format!("{most}e-2")).unwrap());
        let shop = shop(tariff.clone());
        let meter = Meter::of(["calls", "pages"], Period::month()).unwrap();
        let mut months = std::collections::BTreeMap::<Timestamp, (Usage, i64)>::new();
        for (milli, pages, days) in work {
            shop.clock.advance(Duration::from_secs(days * 86_400));
            let usage = Usage::new().with("calls", Quantity::from_parts(milli, 3).unwrap()).with("pages", pages);
            let charged = shop.work(&meter, &usage, &usage);
            let now = billing_guard::Clock::now(&*shop.clock);
            let month = months.entry(Period::month().start_of(now)).or_default();
            month.0.add(&usage).unwrap();
            month.1 += charged.minor();
            prop_assert_eq!(wait(meter.used(&shop.guard, &account())).unwrap(), month.0.clone());
        }
        for (used, paid) in months.values() {
            prop_assert_eq!(*paid, tariff.charge(used, usd()).unwrap().minor());
        }
    }
}
