//! Tests: quantities within others, and other prices that take the place of a tariff's own.

use std::sync::Arc;

use super::{Percentage, PriceError, Rate, Rounding, Tariff, Tiers, When};
use crate::amount::Unit;
use crate::clock::Timestamp;
use crate::id::Labels;
use crate::usage::{Quantity, Usage};
use proptest::prelude::*;

fn usd() -> Unit {
    Unit::new("USD", 6).unwrap()
}

fn usage(quantities: &[(&'static str, u64)]) -> Usage {
    quantities.iter().fold(Usage::new(), |usage, (name, count)| usage.with(*name, *count))
}

fn charged(tariff: &Tariff, quantities: &[(&'static str, u64)]) -> String {
    tariff.charge(&usage(quantities), usd()).unwrap().decimal().to_string()
}

/// Prices in dollars of one unit, and which of them are within which.
fn priced(rates: &[(&'static str, &str)], parts: &[(&'static str, &'static str)]) -> Tariff {
    let tariff =
        rates.iter().try_fold(Tariff::new(), |tariff, (name, rate)| tariff.per_unit(*name, rate)).unwrap();
    parts.iter().try_fold(tariff, |tariff, (part, whole)| tariff.part_of(*part, *whole)).unwrap()
}

#[test]
fn the_price_of_a_part_takes_the_place_of_that_of_the_whole() {
    let parts = [("read", "in"), ("written", "in"), ("text", "in"), ("thought", "out")];
    let rates = [("in", "10"), ("read", "1"), ("written", "13"), ("out", "40"), ("thought", "25")];
    let tariff = priced(&rates, &parts);
    for (quantities, wanted) in [
        (&[("in", 100), ("read", 30), ("written", 20), ("out", 7), ("thought", 2)][..], "1040"),
        (&[("in", 100), ("read", 100)][..], "100"),
        // Without a price of its own it costs what the rest does.
        (&[("in", 100), ("text", 60)][..], "1000"),
        // The whole is at least what is known to be in it.
        (&[("text", 60)][..], "600"),
        (&[("in", 10), ("text", 60), ("read", 50)][..], "150"),
        (&[("read", 5)][..], "5"),
        // Parts that come to more are priced in full.
        (&[("in", 10), ("read", 30), ("written", 20)][..], "290"),
        (&[("out", 4)][..], "160"),
    ] {
        assert_eq!(charged(&tariff, quantities), wanted, "{quantities:?}");
    }
    // Stated in any order, an explicit zero is free and a missing price is not.
    let zero = Tariff::new().part_of("read", "in").unwrap().per_unit("read", "0").unwrap();
    let zero = zero.per_unit("in", "10").unwrap();
    assert_eq!(charged(&zero, &[("in", 10), ("read", 4)]), "60");
    assert_eq!(charged(&priced(&[("in", "10")], &parts), &[("in", 10), ("read", 4)]), "100");
    let error = priced(&[("out", "1")], &parts).charge(&usage(&[("read", 4)]), usd()).unwrap_err();
    assert!(matches!(error, PriceError::UnpricedQuantity { .. }), "{error}");
}

#[test]
fn a_part_may_have_parts_and_be_in_two_wholes() {
    let parts = [("read", "in"), ("sound", "in"), ("read_sound", "read"), ("read_sound", "sound")];
    let rates = [("in", "10"), ("read", "1"), ("sound", "30"), ("read_sound", "3")];
    // 15 read sound, 25 more read, 35 more sound, 25 of the rest.
    let tariff = priced(&rates, &parts);
    let all = [("in", 100), ("read", 40), ("sound", 50), ("read_sound", 15)];
    assert_eq!(charged(&tariff, &all), (15 * 3 + 25 + 35 * 30 + 25 * 10).to_string());
    // A price in the middle that is missing changes nothing for what is in it.
    let tariff = priced(&[rates[0], rates[3]], &parts);
    assert_eq!(charged(&tariff, &all), (15 * 3 + 85 * 10).to_string());
    for (part, whole) in [("in", "in"), ("in", "read"), ("in", "read_sound")] {
        let error = priced(&rates, &parts).part_of(part, whole).unwrap_err();
        assert!(matches!(error, PriceError::InvalidPart { .. }), "{error}");
    }
    let many = |count: usize| {
        (0..count).try_fold(Tariff::new(), |tariff, index| tariff.part_of(format!("p{index}"), "in"))
    };
    assert!(many(128).is_ok());
    assert!(many(129).unwrap_err().to_string().contains("at most 128"));
    assert!(matches!(Tariff::new().part_of("two words", "in"), Err(PriceError::InvalidQuantityName { .. })));
}

#[test]
fn a_threshold_prices_the_whole_request_again() {
    let long = priced(&[("in", "2"), ("out", "9")], &[]);
    let dear = priced(&[("in", "5"), ("out", "9")], &[]);
    let base = || priced(&[("in", "1"), ("out", "4")], &[]);
    let tariff = base().with_other(When::above(["in"], 300_u64), dear).unwrap();
    let tariff = tariff.with_other(When::above(["in"], 100_u64), long.clone()).unwrap();
    for (quantities, wanted) in [
        (&[("in", 100), ("out", 1000)][..], "4100"),
        (&[("in", 101), ("out", 10)][..], "292"),
        (&[("in", 301), ("out", 10)][..], "1595"),
    ] {
        assert_eq!(charged(&tariff, quantities), wanted, "{quantities:?}");
    }
    let at = base().with_other(When::at_or_above(["in"], 100_u64), long.clone()).unwrap();
    assert_eq!((charged(&at, &[("in", 99)]), charged(&at, &[("in", 100)])), ("99".into(), "200".into()));
    let both = base().with_other(When::above(["in", "out"], 100_u64), long).unwrap();
    assert_eq!(charged(&both, &[("in", 60), ("out", 40)]), "220");
    assert_eq!(charged(&both, &[("in", 60), ("out", 41)]), "489");
    let full = (0..64_u64)
        .try_fold(base(), |tariff, bound| tariff.with_other(When::above(["in"], bound), Tariff::new()));
    let error = full.unwrap().with_other(When::above(["in"], 1_u64), Tariff::new()).unwrap_err();
    assert_eq!(error, PriceError::TooManyAlternatives);
}

#[test]
fn other_prices_are_nested_only_so_deep_and_for_what_work_can_have() {
    let above = || When::above(["in"], 5_u64);
    let deep = (0..8).try_fold(Tariff::new(), |tariff, _| Tariff::new().with_other(above(), tariff)).unwrap();
    // Beside the deepest one there is room for another.
    let wide = deep.clone().with_other(above(), Tariff::new()).unwrap();
    for deepest in [deep, wide] {
        assert_eq!(Tariff::new().with_other(above(), deepest).unwrap_err(), PriceError::TooDeep);
    }
    let names = |count: usize| (0..count).map(|index| format!("q{index}"));
    for (when, wanted) in [
        (When::above(names(16), 1_u64), None),
        (When::above(names(17), 1_u64), Some("17 quantities are too many")),
        (When::at_or_above(["in", "two words"], 1_u64), Some("\"two words\" is not the name of a quantity")),
        (When::labelled("n".repeat(64), "v".repeat(128)), None),
        (When::labelled("n".repeat(65), "v"), Some("is not a label name")),
        (When::labelled("n", "v".repeat(129)), Some("is not a label value")),
    ] {
        let error = Tariff::new().with_other(when, Tariff::new()).err().map(|error| error.to_string());
        assert_eq!(error.is_some(), wanted.is_some(), "{error:?}");
        assert!(error.unwrap_or_default().contains(wanted.unwrap_or_default()), "{wanted:?}");
    }
}

#[test]
fn what_is_dearer_later_is_known_before() {
    // Cheaper beyond 100: the dearest is at 100.
    let tariff = priced(&[("in", "3")], &[]);
    let tariff = tariff.with_other(When::above(["in"], 100_u64), priced(&[("in", "1")], &[])).unwrap();
    let ceiling = |count: u64| tariff.ceiling(&usage(&[("in", count)]), usd()).unwrap().decimal().to_string();
    assert_eq!(
        (ceiling(90), ceiling(100), ceiling(101), ceiling(500)),
        ("270".into(), "300".into(), "300".into(), "500".into())
    );
    let covers =
        |amount: &str| tariff.covers(usd().amount(amount).unwrap(), "in", &Usage::new()).unwrap().whole();
    assert_eq!((covers("299"), covers("300"), covers("302")), (99, 300, 302));
}

#[test]
fn dates_times_and_labels_are_settled_before_a_charge() {
    let flat = |price: &str| Tariff::new().fixed(price).unwrap();
    let june: Timestamp = "2025-06-10T00:00:00.000000Z".parse().unwrap();
    let night = || When::daily("22:00", "04:00").unwrap();
    let batch = flat("4").with_other(night(), flat("3")).unwrap();
    let tariff = flat("9.5").with_other(When::labelled("tier", "batch"), batch).unwrap();
    let tariff =
        tariff.with_other(When::since(june), flat("7")).unwrap().with_other(night(), flat("8")).unwrap();
    let tariff = Arc::new(tariff.rounding(Rounding::HalfUp));
    let none = Labels::default();
    let batch = Labels::new([("tier", "batch")]).unwrap();
    let other = Labels::new([("tier", "flex")]).unwrap();
    let at = |moment: &str, labels: &Labels| {
        let moment: Timestamp = format!("{moment}:00.000000Z").parse().unwrap();
        charged(&tariff.at(moment, labels), &[])
    };
    assert_eq!(at("2025-06-09T12:00", &none), "9.5");
    assert_eq!(at("2025-06-09T12:00", &other), "9.5");
    assert_eq!(at("2025-06-09T23:59", &none), "8");
    assert_eq!(at("2025-06-10T00:00", &none), "7");
    assert_eq!(at("2025-06-10T03:59", &batch), "3");
    assert_eq!(at("2025-06-10T04:00", &batch), "4");
    let noon: Timestamp = "2025-06-09T12:00:00.000000Z".parse().unwrap();
    let coarse = Unit::new("USD", 0).unwrap();
    assert_eq!(tariff.at(noon, &none).charge(&Usage::new(), coarse).unwrap().minor(), 10);
    assert_eq!(tariff.charge(&Usage::new(), usd()), Err(PriceError::Unsettled));
    assert_eq!(tariff.charge_lines(&Usage::new(), usd()), Err(PriceError::Unsettled));
    // The dearest of what may come, in the order in which it is looked at.
    let between = |from: &str, until: &str| {
        let moment = |text: &str| format!("{text}:00.000000Z").parse().unwrap();
        let tariff = tariff.between(moment(from), moment(until), &none);
        tariff.ceiling(&Usage::new(), usd()).unwrap().decimal().to_string()
    };
    assert_eq!(between("2025-06-09T12:00", "2025-06-09T23:00"), "9.5");
    assert_eq!(between("2025-06-09T22:00", "2025-06-09T23:00"), "8");
    assert_eq!(between("2025-06-09T22:00", "2025-06-10T01:00"), "8");
    assert_eq!(between("2025-06-11T00:00", "2025-06-12T01:00"), "7");
    assert_eq!(tariff.ceiling(&Usage::new(), usd()).unwrap().decimal().to_string(), "9.5");
    // Thresholds stated before what holds still come first.
    let tariff =
        flat("1").with_other(When::above(["in"], 5_u64), flat("2").per_unit("in", "0").unwrap()).unwrap();
    let day = flat("3").per_unit("in", "0").unwrap();
    let tariff = Arc::new(tariff.with_other(When::since(june), day).unwrap()).at(june, &none);
    assert_eq!((charged(&tariff, &[("in", 6)]), charged(&tariff, &[("in", 5)])), ("2".into(), "3".into()));
    let settled = Arc::new(flat("1"));
    assert!(Arc::ptr_eq(&settled, &settled.at(june, &none)));
}

#[test]
fn all_of_it_goes_on_from_what_was_used_before() {
    let tiers = Tiers::new().up_to(10_u64, "1").unwrap().beyond("0.5").unwrap();
    let share = Percentage::of("1").unwrap().with_fee("0.25").unwrap();
    let share = share.counting("payments").with_free_events(2_u64);
    let tariff = Tariff::new().graduated("in", tiers).unwrap().per_unit("read", "0.1").unwrap();
    let tariff = tariff.part_of("read", "in").unwrap().percentage("paid", share).unwrap();
    let double = Tariff::new().per_unit("in", "7").unwrap();
    let tariff = tariff.with_other(When::above(["in"], 100_u64), double).unwrap();
    // Eight were used apart from what was read, so that two are left in the first tier.
    let later = tariff.after(usage(&[("in", 12), ("read", 4), ("payments", 1), ("unheard_of", 5)]));
    assert_eq!(charged(&later, &[("in", 7), ("read", 3)]), "3.3");
    assert_eq!(charged(&later, &[("paid", 100), ("payments", 3)]), "1.5");
    assert_eq!(charged(&later, &[("in", 101)]), "707");
}

fn rate() -> impl Strategy<Value = u64> {
    prop_oneof![1 => Just(0_u64), 4 => 1_u64..20]
}

fn each(tariff: Tariff, name: &'static str, rate: u64) -> Tariff {
    tariff.with_rate(name, rate.to_string().parse::<Rate>().unwrap()).unwrap()
}

proptest! {
    #[test]
    fn ceilings_of_parts_are_the_dearest_there_is(
        rates in proptest::array::uniform4(rate()),
        (all, read, written) in (0_u64..9, 0_u64..9, 0_u64..9),
        (all_least, read_least) in (0_u64..9, 0_u64..9),
        spendable in 0_u64..300,
    ) {
        let names = ["in", "read", "written", "out"];
        let tariff = names.into_iter().zip(rates).fold(Tariff::new(), |tariff, (name, rate)| each(tariff, name, rate));
        let tariff = tariff.part_of("read", "in").unwrap().part_of("written", "in").unwrap();
        let naive = |all: u64, read: u64, written: u64| {
            all.saturating_sub(read + written) * rates[0] + read * rates[1] + written * rates[2]
        };
        let whole = Unit::new("USD", 0).unwrap();
        let charge = |all, read, written| {
            let usage = usage(&[("in", all), ("read", read), ("written", written)]);
            tariff.charge(&usage, whole).unwrap().minor().unsigned_abs()
        };
        prop_assert_eq!(charge(all, read, written), naive(all, read, written));
        let (all_least, read_least) = (all_least.min(all), read_least.min(read));
        let mut dearest = 0;
        for all in all_least..=all {
            for read in read_least..=read {
                for written in 0..=written {
                    dearest = dearest.max(naive(all, read, written));
                }
            }
        }
        let between = |least: u64, most: u64| (Quantity::from(least), Quantity::from(most));
        let bounds = [("in", between(all_least, all)), ("read", between(read_least, read)), ("written", between(0, written))];
        let bounds = bounds.map(|(name, (least, most))| (name, least, most));
        let ceiling = tariff.ceiling_of(&bounds.into_iter(), whole).unwrap();
        prop_assert_eq!(ceiling.minor().unsigned_abs(), dearest);
        // How much of the whole fits with at most so much of its parts.
        let parts = usage(&[("read", read), ("written", written)]);
        let covered = tariff.covers(whole.minor(i64::try_from(spendable).unwrap()), "in", &parts).unwrap();
        let most = |all: u64| {
            let dearest = (0..=all).flat_map(|all| (0..=read).flat_map(move |read| (0..=written).map(move |written| (all, read, written))));
            dearest.map(|(all, read, written)| naive(all, read, written)).max().unwrap()
        };
        if covered == Quantity::MAX {
            prop_assert!(rates[0] == 0);
        } else {
            prop_assert!(covered.is_zero() || most(covered.whole()) <= spendable);
            prop_assert!(most(covered.whole() + 1) > spendable);
        }
    }

    #[test]
    fn no_part_of_a_part_makes_a_ceiling_too_low(
        rates in proptest::array::uniform4(rate()),
        used in proptest::array::uniform4((0_u64..9, 0_u64..9)),
    ) {
        let names = ["in", "read", "sound", "read_sound"];
        let tariff = names.into_iter().zip(rates).fold(Tariff::new(), |tariff, (name, rate)| each(tariff, name, rate));
        let parts = [("read", "in"), ("sound", "in"), ("read_sound", "read"), ("read_sound", "sound")];
        let tariff = parts.into_iter().try_fold(tariff, |tariff, (part, of)| tariff.part_of(part, of)).unwrap();
        let whole = Unit::new("USD", 0).unwrap();
        let ceiling = tariff.ceiling(&names.into_iter().zip(used).fold(Usage::new(), |all, (name, (most, _))| all.with(name, most)), whole).unwrap();
        let less = names.into_iter().zip(used).fold(Usage::new(), |all, (name, (most, some))| all.with(name, some.min(most)));
        prop_assert!(tariff.charge(&less, whole).unwrap().minor() <= ceiling.minor());
    }

    #[test]
    fn ceilings_and_covers_look_at_every_price_that_may_apply(
        rates in proptest::array::uniform6(rate()),
        (first, second) in (0_u64..12, 0_u64..12),
        reached: bool,
        (input, output) in (0_u64..25, 0_u64..10),
        spendable in 0_u64..400,
    ) {
        let prices = |at: usize| each(each(Tariff::new(), "in", rates[at]), "out", rates[at + 1]);
        let when = |bound: u64| if reached { When::at_or_above(["in"], bound) } else { When::above(["in"], bound) };
        let (high, low) = (first.max(second), first.min(second));
        let tariff = prices(0).with_other(when(high), prices(2)).unwrap().with_other(when(low), prices(4)).unwrap();
        let naive = |input: u64, output: u64| {
            let beyond = |bound: u64| input > bound || (reached && input == bound);
            let at = if beyond(high) { 2 } else if beyond(low) { 4 } else { 0 };
            input * rates[at] + output * rates[at + 1]
        };
        let whole = Unit::new("USD", 0).unwrap();
        let used = usage(&[("in", input), ("out", output)]);
        prop_assert_eq!(tariff.charge(&used, whole).unwrap().minor().unsigned_abs(), naive(input, output));
        let dearest = |input: u64| (0..=input).map(|input| naive(input, output)).max().unwrap();
        let ceiling = tariff.ceiling(&used, whole).unwrap().minor().unsigned_abs();
        // At a bound that is itself beyond, the prices below it are looked at up to the bound.
        let slack = if reached { rates.into_iter().max().unwrap() } else { 0 };
        prop_assert!(ceiling >= dearest(input) && ceiling <= dearest(input) + slack, "{} {}", ceiling, dearest(input));
        let covered = tariff.covers(whole.minor(i64::try_from(spendable).unwrap()), "in", &usage(&[("out", output)])).unwrap();
        if covered < Quantity::from(1_000_u64) {
            prop_assert!(covered.is_zero() || dearest(covered.whole()) <= spendable);
            prop_assert!(dearest(covered.whole() + 1) + slack > spendable);
        }
    }
}
