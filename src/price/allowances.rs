//! Tests: what is free, limits on the sum in their order, multiples of an amount, and what becomes of all of them in work after
//! other work.

use super::{Line, Package, Percentage, PriceError, Rounding, Tariff, Tiers, When, Why};
use crate::amount::{Amount, Unit};
use crate::usage::{Quantity, Usage};
use proptest::prelude::*;

const MODES: [Rounding; 4] = [Rounding::Down, Rounding::HalfUp, Rounding::HalfEven, Rounding::Up];

fn usd(scale: u8) -> Unit {
    Unit::new("USD", scale).unwrap()
}

fn calls(count: &str) -> Usage {
    Usage::new().with("calls", count.parse::<Quantity>().unwrap())
}

fn charged(tariff: &Tariff, usage: &Usage) -> String {
    tariff.charge(usage, usd(6)).unwrap().decimal().to_string()
}

fn total(lines: &[Line]) -> i64 {
    lines.iter().map(|line| line.amount.minor()).sum()
}

fn tiers() -> Tiers {
    let tiers = Tiers::new().up_to(3_u64, "1").unwrap().with_flat("10").unwrap();
    tiers.up_to(5_u64, "0.5").unwrap().beyond("0.25").unwrap()
}

#[test]
fn what_is_free_comes_before_every_kind_of_price() {
    let package = Package::of(2_u64, "3").unwrap().with_free(1_u64);
    let share = Percentage::of("10").unwrap().with_free_amount(1_u64);
    for (tariff, wanted) in [
        (Tariff::new().per_unit("calls", "0.2"), ["0", "0", "0.1", "1.2"]),
        (Tariff::new().graduated("calls", tiers()), ["0", "0", "10.5", "14.25"]),
        (Tariff::new().volume("calls", tiers()), ["0", "0", "10.5", "1.5"]),
        (Tariff::new().package("calls", package), ["0", "0", "0", "9"]),
        (Tariff::new().percentage("calls", share), ["0", "0", "0", "0.5"]),
        (Tariff::new().dynamic("calls", "0.5", 0, Rounding::Up), ["0", "0", "1", "3"]),
    ] {
        let tariff = tariff.unwrap().with_free("calls", 4_u64).unwrap();
        for (count, wanted) in ["0", "4", "4.5", "10"].into_iter().zip(wanted) {
            assert_eq!(charged(&tariff, &calls(count)), wanted, "{count} {tariff:?}");
        }
    }
    // None of it is left: then a first tier that is owed at none is owed, as it is where none was used.
    let flat = Tariff::new().graduated("calls", tiers().with_first_flat_at_none()).unwrap();
    let flat = flat.with_free("calls", 4_u64).unwrap();
    assert_eq!((charged(&flat, &calls("0")), charged(&flat, &calls("4"))), ("10".into(), "10".into()));
    // One that is stated later replaces one before.
    assert_eq!(charged(&flat.with_free("calls", 9_u64).unwrap(), &calls("10")), "11");
    for tariff in [
        Tariff::new(),
        Tariff::new().percentage("paid", Percentage::of("1").unwrap().counting("calls")).unwrap(),
    ] {
        assert!(matches!(tariff.with_free("calls", 1_u64), Err(PriceError::UnpricedQuantity { .. })));
    }
}

#[test]
fn what_is_free_is_of_what_is_left_apart_from_parts_and_thresholds_count_it() {
    let tariff = Tariff::new().per_unit("in", "10").unwrap().per_unit("read", "1").unwrap();
    let tariff = tariff.part_of("read", "in").unwrap().with_free("in", 5_u64).unwrap();
    let usage = Usage::new().with("in", 20_u64).with("read", 8_u64);
    assert_eq!(charged(&tariff, &usage), "78");
    let double = Tariff::new().per_unit("in", "20").unwrap().per_unit("read", "1").unwrap();
    let tariff = tariff.with_other(When::above(["in"], 4_u64), double).unwrap();
    assert_eq!(charged(&tariff, &Usage::new().with("in", 5_u64)), "100");
    // The most that fits: four are free, and 21 would be dearer.
    let covered = tariff.covers(usd(0).minor(80), "in", &Usage::new()).unwrap();
    assert_eq!(covered, Quantity::from(4_u64));
}

#[test]
fn limits_are_applied_in_the_order_that_is_stated() {
    let tariff = Tariff::new().fixed("2").unwrap().per_unit("calls", "1").unwrap();
    let tariff = tariff.with_free("calls", 3_u64).unwrap().with_free_amount("4").unwrap();
    let tariff = tariff.with_discount("50").unwrap().with_maximum("20").unwrap().with_minimum("1.5").unwrap();
    for (count, wanted) in
        [("0", "1.5"), ("5", "1.5"), ("10", "2.5"), ("44", "19.5"), ("45", "20"), ("60", "20")]
    {
        assert_eq!(charged(&tariff, &calls(count)), wanted, "{count}");
    }
    let whys = |count: &str| -> Vec<(Why, String)> {
        let lines = tariff.charge_lines(&calls(count), usd(6)).unwrap();
        lines.iter().map(|line| (line.why, line.amount.decimal().to_string())).collect()
    };
    assert_eq!(
        whys("60"),
        [
            (Why::Fixed, "2".to_owned()),
            (Why::PerUnit, "57".to_owned()),
            (Why::FreeAmount, "-4".to_owned()),
            (Why::Discount, "-27.5".to_owned()),
            (Why::Maximum, "-7.5".to_owned())
        ]
    );
    // More is free than any amount can be.
    let free = Tariff::new().fixed("5").unwrap().with_free_amount(&u64::MAX.to_string()).unwrap();
    assert_eq!(charged(&free, &Usage::new()), "0");
}

#[test]
fn an_amount_is_multiplied_and_rounded_by_itself() {
    let of = |amount: &str, multiplier: &str, places: u8, rounding: Rounding| {
        let tariff = Tariff::new().dynamic("calls", multiplier, places, rounding).unwrap();
        charged(&tariff.fixed("0.000001").unwrap(), &calls(amount))
    };
    for (amount, multiplier, places, wanted) in [
        // Down, half up, half even, up.
        ("20", "1.33333", 2, ["26.660001", "26.670001", "26.670001", "26.670001"]),
        ("0.125", "1", 2, ["0.120001", "0.130001", "0.120001", "0.130001"]),
        ("0.375", "1", 2, ["0.370001", "0.380001", "0.380001", "0.380001"]),
        ("2.5", "1", 0, ["2.000001", "3.000001", "2.000001", "3.000001"]),
        ("0.999999", "1", 5, ["0.999991", "1.000001", "1.000001", "1.000001"]),
        ("7", "0", 2, ["0.000001"; 4]),
        ("7", "1", 12, ["7.000001"; 4]),
    ] {
        for (mode, wanted) in MODES.into_iter().zip(wanted) {
            assert_eq!(
                of(amount, multiplier, places, mode),
                wanted,
                "{amount} {multiplier} {places} {mode:?}"
            );
        }
    }
    let error = Tariff::new().dynamic("calls", "1", 13, Rounding::Up).unwrap_err();
    assert_eq!(error.to_string(), "a price cannot be rounded to 13 decimal places: at most 12");
    let tariff = Tariff::new().dynamic("calls", "1.5", 1, Rounding::Up).unwrap();
    let line = tariff.charge_lines(&calls("0.3"), usd(2)).unwrap().remove(0);
    assert_eq!((line.quantity, line.price.to_string()), ("0.3".parse().unwrap(), "1.5".to_owned()));
    assert_eq!((line.why, line.amount.minor()), (Why::Multiplied { places: 1 }, 50));
    let error = tariff.charge(&Usage::new().with("calls", u64::MAX), usd(2)).unwrap_err();
    assert!(error.to_string().contains("18446744073709551615 of \"calls\""), "{error}");
    // A bill for many parts of an amount is not larger than for all.
    let later = tariff.after(calls("0.3"));
    assert_eq!(charged(&later, &calls("0.03")), "0");
    assert_eq!(charged(&later, &calls("0.04")), "0.1");
}

#[test]
fn only_whole_units_count_where_that_is_said() {
    let graduated = Tariff::new().graduated("calls", tiers().with_whole_units()).unwrap();
    let volume = Tariff::new().volume("calls", tiers().with_whole_units()).unwrap();
    for (count, by_tier, by_volume) in [
        ("0", "0", "0"),
        ("0.1", "11", "11"),
        ("3", "13", "13"),
        ("3.1", "13.5", "2"),
        ("5.000000001", "14.25", "1.5"),
    ] {
        assert_eq!(charged(&graduated, &calls(count)), by_tier, "{count}");
        assert_eq!(charged(&volume, &calls(count)), by_volume, "{count}");
    }
    // A unit that was begun is paid for.
    let later = graduated.after(calls("2.5"));
    assert_eq!((charged(&later, &calls("0.5")), charged(&later, &calls("0.6"))), ("0".into(), "0.5".into()));
    let later = volume.clone().after(calls("3.2"));
    assert_eq!((charged(&later, &calls("0.8")), charged(&later, &calls("0.9"))), ("0".into(), "0.5".into()));
    assert_eq!(volume.ceiling(&calls("3.1"), usd(2)).unwrap(), usd(2).amount("13").unwrap());
    let fraction = Tiers::new().up_to("2.5".parse::<Quantity>().unwrap(), "1").unwrap().beyond("1").unwrap();
    let error = Tariff::new().graduated("calls", fraction.with_whole_units()).unwrap_err();
    assert!(error.to_string().contains("whole bounds"), "{error}");
}

#[test]
fn limits_go_on_from_what_was_used_before() {
    let tariff = Tariff::new().per_unit("calls", "1").unwrap().with_free("calls", 2_u64).unwrap();
    let tariff = tariff.with_free_amount("3").unwrap().with_discount("50").unwrap();
    let tariff = tariff.with_maximum("10").unwrap().with_minimum("1").unwrap();
    let mut used = Usage::new();
    // What was used in all, and what that comes to.
    for (count, all) in [(0_u64, "1"), (1, "1"), (4, "1"), (3, "1.5"), (7, "5"), (20, "10"), (9, "10")] {
        let usage = Usage::new().with("calls", count);
        let charge = tariff.clone().after(used.clone()).charge(&usage, usd(2)).unwrap();
        let mut both = used.clone();
        both.add(&usage).unwrap();
        let price = |usage: &Usage| tariff.charge(usage, usd(2)).unwrap().minor();
        assert_eq!(price(&both), usd(2).amount(all).unwrap().minor(), "{count}");
        let before = if used.get("calls").is_zero() { 0 } else { price(&used) };
        assert_eq!(charge.minor(), price(&both) - before, "{count}");
        used = both;
    }
    // The fixed price is that of each request.
    let fixed = Tariff::new().fixed("2").unwrap().with_maximum("5").unwrap().after(calls("100"));
    assert_eq!(charged(&fixed, &Usage::new()), "2");
    // Events with limits of their own have no price together.
    let share = Percentage::of("1").unwrap().at_least("1").unwrap().counting("payments");
    let share = Tariff::new().percentage("paid", share).unwrap();
    let used = Usage::new().with("paid", 500_u64).with("payments", 3_u64);
    let one = Usage::new().with("paid", 10_u64).with("payments", 1_u64);
    assert_eq!(charged(&share.clone().after(used.clone()), &one), "1");
    let error = share.with_maximum("2").unwrap().after(used).charge(&one, usd(2)).unwrap_err();
    assert!(matches!(error, PriceError::SeveralEvents { .. }), "{error}");
}

/// A number of thousandths as text.
fn thousandths(count: u64) -> String {
    format!("{count}e-3")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn multiples_are_rounded_as_on_paper(
        (amount, amount_places) in (0_u64..10_000_000_000, 0_u8..=6),
        (multiplier, multiplier_places) in (0_u64..3_000_000, 0_u8..=6),
        (places, scale) in (0_u8..=12, 0_u8..=12),
        mode in 0_usize..4,
    ) {
        let mode = MODES[mode];
        let tariff = Tariff::new().dynamic("cost", &format!("{multiplier}e-{multiplier_places}"), places, mode).unwrap();
        let usage = Usage::new().with("cost", Quantity::from_parts(amount, amount_places).unwrap());
        // In 10^-12 of a dollar.
        let exact = u128::from(amount) * u128::from(multiplier) * 10_u128.pow(u32::from(12 - amount_places - multiplier_places));
        let grain = 10_u128.pow(u32::from(12 - places));
        let (down, rest) = (exact / grain, exact % grain);
        let up = match mode {
            Rounding::Down => false,
            Rounding::HalfUp => 2 * rest >= grain,
            Rounding::HalfEven => 2 * rest > grain || (2 * rest == grain && down % 2 == 1),
            Rounding::Up => rest > 0,
        };
        let wanted = (down + u128::from(up)) * grain / 10_u128.pow(u32::from(12 - scale));
        match (tariff.charge(&usage, usd(scale)), i64::try_from(wanted)) {
            (Ok(charge), Ok(wanted)) => prop_assert_eq!(charge.minor(), wanted),
            (Err(PriceError::Overflow { .. }), Err(_)) => {}
            // One more than the largest, rounded down.
            (other, wanted) => prop_assert!(false, "{:?} {:?}", other, wanted),
        }
    }

    /// Pieces of work one after another come to the price of all of them, to the step, in every mode.
    #[test]
    fn charges_one_after_another_are_the_price_of_all(
        pieces in proptest::collection::vec((0_u64..3_000, 1_u64..9, 0_u64..2_000), 1..12),
        (first, second) in (1_u64..9, 1_u64..9),
        rates in proptest::array::uniform5(0_u64..700),
        (free, free_amount, discount) in (0_u64..12, proptest::option::of(0_u64..3_000), proptest::option::of(0_u32..=100)),
        (least, most) in (proptest::option::of(0_u64..2_000), proptest::option::of(2_000_u64..20_000)),
        (mode, scale, whole) in (0_usize..4, 0_u8..4, any::<bool>()),
    ) {
        let mode = MODES[mode];
        let tiers = Tiers::new().up_to(first, &thousandths(rates[0])).unwrap().with_flat("0.333").unwrap();
        let tiers = tiers.up_to(first + second, &thousandths(rates[1])).unwrap().beyond(&thousandths(rates[2])).unwrap();
        let tariff = Tariff::new()
            .graduated("calls", if whole { tiers.with_whole_units() } else { tiers }).unwrap()
            .package("pages", Package::of(second, &thousandths(rates[3])).unwrap()).unwrap()
            .dynamic("cost", &thousandths(rates[4]), 2, mode).unwrap()
            .with_free("calls", free).unwrap()
            .rounding(mode);
        let tariff = free_amount.map_or(tariff.clone(), |amount| tariff.with_free_amount(&thousandths(amount)).unwrap());
        let tariff = discount.map_or(tariff.clone(), |percent| tariff.with_discount(&percent.to_string()).unwrap());
        let tariff = least.map_or(tariff.clone(), |amount| tariff.with_minimum(&thousandths(amount)).unwrap());
        let tariff = most.map_or(tariff.clone(), |amount| tariff.with_maximum(&thousandths(amount)).unwrap());
        let unit = usd(scale);
        let (mut used, mut sum) = (Usage::new(), 0);
        for (hundredths, pages, cost) in pieces {
            let usage = Usage::new()
                .with("calls", Quantity::from_parts(hundredths, 2).unwrap())
                .with("pages", pages)
                .with("cost", Quantity::from_parts(cost, 3).unwrap());
            let later = tariff.clone().after(used.clone());
            let charge = later.charge(&usage, unit).unwrap();
            prop_assert_eq!(total(&later.charge_lines(&usage, unit).unwrap()), charge.minor());
            let ceiling = later.ceiling(&usage, unit).unwrap();
            prop_assert!(charge.minor() <= ceiling.minor(), "{} {}", charge, ceiling);
            prop_assert_eq!(total(&later.ceiling_lines(&usage, unit).unwrap()), ceiling.minor());
            let covered = later.covers(charge, "pages", &usage).unwrap();
            if !covered.is_zero() {
                let within = later.ceiling(&usage.clone().with("pages", covered), unit).unwrap();
                prop_assert!(within.minor() <= charge.minor());
            }
            sum += charge.minor();
            used.add(&usage).unwrap();
        }
        let all = |mode| tariff.clone().rounding(mode).charge(&used, unit).map(Amount::minor);
        let wanted = if mode == Rounding::HalfEven { all(Rounding::HalfUp) } else { all(mode) };
        prop_assert_eq!(Ok(sum), wanted);
    }
}
