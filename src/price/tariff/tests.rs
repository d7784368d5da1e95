//! Tests: rounding, what has no price, limits, and the ends of what an amount covers.

use super::*;
use crate::amount::Unit;
use crate::usage::Quantity;

fn usd(scale: u8) -> Unit {
    Unit::new("USD", scale).unwrap()
}

const MODES: [Rounding; 4] = [Rounding::Down, Rounding::HalfUp, Rounding::HalfEven, Rounding::Up];

#[test]
fn the_modes_round_as_they_are_named() {
    // In tenths of a step: down, half up, half even, up.
    for (tenths, wanted) in [
        (0_u64, [0, 0, 0, 0]),
        (1, [0, 0, 0, 1]),
        (5, [0, 1, 0, 1]),
        (6, [0, 1, 1, 1]),
        (14, [1, 1, 1, 2]),
        (15, [1, 2, 2, 2]),
        (20, [2, 2, 2, 2]),
        (25, [2, 3, 2, 3]),
    ] {
        for (mode, steps) in MODES.into_iter().zip(wanted) {
            let tariff = Tariff::new().per_unit("rows", "0.001").unwrap().rounding(mode);
            let charge = tariff.charge(&Usage::new().with("rows", tenths), usd(2)).unwrap();
            assert_eq!(charge.minor(), steps, "{tenths} tenths, {mode:?}");
        }
    }
    assert_eq!(Tariff::new().rounding, Rounding::Down);
}

#[test]
fn everything_is_summed_before_it_is_rounded_once() {
    let tariff = Tariff::new().fixed("0.004").unwrap().per_unit("a", "0.003").unwrap();
    let tariff = tariff.per_thousand("b", "3").unwrap();
    let usage = Usage::new().with("a", 1_u64).with("b", 1_u64);
    // Each alone is less than half a step.
    assert_eq!(tariff.charge(&usage, usd(2)).unwrap(), usd(2).amount("0.01").unwrap());
    assert_eq!(tariff.ceiling(&usage, usd(2)).unwrap(), usd(2).amount("0.01").unwrap());
    assert_eq!(tariff.charge(&Usage::new(), usd(3)).unwrap(), usd(3).amount("0.004").unwrap());
    let part = Usage::new().with("b", "0.000000001".parse::<Quantity>().unwrap());
    assert_eq!(tariff.charge(&part, usd(12)).unwrap(), usd(12).amount("0.004000000003").unwrap());
}

#[test]
fn the_smallest_price_of_the_smallest_quantity_is_not_lost() {
    let tariff = Tariff::new().fixed("1").unwrap().per_unit("rows", "1e-28").unwrap();
    let usage = Usage::new().with("rows", "0.000000001".parse::<Quantity>().unwrap());
    assert_eq!(tariff.charge(&usage, usd(0)).unwrap().minor(), 1);
    assert_eq!(tariff.ceiling(&usage, usd(0)).unwrap().minor(), 2);
    assert_eq!(tariff.covers(usd(0).minor(1), "rows", &Usage::new()).unwrap(), Quantity::ZERO);
}

#[test]
fn a_quantity_without_a_rate_is_never_free_by_accident() {
    let tariff = Tariff::new().per_unit("rows", "1").unwrap().per_unit("pages", "0").unwrap();
    let usage = Usage::new().with("rows", 1_u64).with("pages", 9_u64).with("images", 0_u64);
    assert_eq!(tariff.charge(&usage, usd(0)).unwrap().minor(), 1);
    let with_images = usage.clone().with("images", 7_u64);
    for result in [tariff.charge(&with_images, usd(0)), tariff.ceiling(&with_images, usd(0))] {
        let error = result.unwrap_err();
        assert!(error.to_string().starts_with("7 of \"images\" cannot be priced"), "{error}");
    }
    let plenty = usd(0).minor(i64::MAX);
    for (name, others) in [("images", &usage), ("rows", &with_images)] {
        let error = tariff.covers(plenty, name, others).unwrap_err();
        assert!(matches!(error, PriceError::UnpricedQuantity { name, .. } if name == "\"images\""));
    }
    // The named quantity's own entry is left out.
    assert_eq!(tariff.covers(usd(0).minor(3), "rows", &usage).unwrap(), Quantity::from(3_u64));
    // Stated rates of a free tariff still count.
    let free = Tariff::free().per_unit("rows", "1").unwrap();
    assert_eq!(free.charge(&with_images, usd(0)).unwrap().minor(), 1);
}

#[test]
fn limits_hold_on_both_sides() {
    let of = |count: usize| {
        (0..count).try_fold(Tariff::new(), |tariff, i| tariff.per_unit(format!("q{i}"), "0.1"))
    };
    let all = (0..16).fold(Usage::new(), |usage, i| usage.with(format!("q{i}"), 1_u64));
    assert_eq!(of(16).unwrap().charge(&all, usd(1)).unwrap().minor(), 16);
    assert_eq!(of(17).unwrap_err(), PriceError::TooManyQuantities { name: quoted("q16") });
    let error = of(16).unwrap().charge(&all.with("q16", 0_u64), usd(1)).unwrap_err();
    assert_eq!(error, PriceError::Usage(crate::usage::UsageError::TooMany { count: 17 }));

    let longest = "n".repeat(64);
    assert!(Tariff::new().per_unit(longest.clone(), "1").is_ok());
    for name in ["", "two words", "ä", "a\n", &(longest + "n")] {
        let error = Tariff::new().per_unit(name.to_owned(), "1").unwrap_err();
        assert_eq!(error, PriceError::InvalidQuantityName { name: quoted(name) });
    }
    let error = of(1).unwrap().per_million("q0", "0.1").unwrap_err();
    assert_eq!(error, PriceError::DuplicateQuantity { name: quoted("q0") });
    let error = Tariff::new().fixed("0").unwrap().fixed("1").unwrap_err();
    assert_eq!(error, PriceError::DuplicateFixed { stated: Rate::ZERO });
    for refused in [Tariff::new().fixed("-1"), Tariff::new().per_thousand("rows", "-1")] {
        assert_eq!(refused.unwrap_err(), PriceError::InvalidRate { text: quoted("-1") });
    }
}

#[test]
fn what_does_not_fit_into_an_amount_is_named() {
    let most = i64::MAX.to_string();
    let tariff = Tariff::new().fixed("0.5").unwrap().per_unit("rows", "1").unwrap();
    let rows = |count: u64| Usage::new().with("rows", count);
    let largest = u64::try_from(i64::MAX).unwrap();
    assert_eq!(tariff.charge(&rows(largest), usd(0)).unwrap().minor(), i64::MAX);
    let error = tariff.charge(&rows(largest + 1), usd(0)).unwrap_err().to_string();
    assert!(error.contains("9223372036854775808 of \"rows\"") && error.contains("USD/0"), "{error}");
    let error = tariff.ceiling(&rows(largest), usd(0)).unwrap_err().to_string();
    assert!(error.contains("rounding up"), "{error}");
    let error = Tariff::new().fixed(&most).unwrap().charge(&Usage::new(), usd(1)).unwrap_err();
    assert!(error.to_string().contains(&format!("the fixed price of {most}")), "{error}");
    // Everything at its largest, the product of which just fits into 128 bits before it is scaled.
    let dear = Tariff::new().per_unit("rows", &u64::MAX.to_string()).unwrap();
    for scale in [0, 12] {
        assert!(dear.charge(&rows(u64::MAX), usd(scale)).is_err());
        let covered = dear.covers(usd(scale).minor(i64::MAX), "rows", &Usage::new()).unwrap();
        assert_eq!(covered, Quantity::ZERO);
    }
}

#[test]
fn the_ends_of_what_an_amount_covers() {
    let tariff = Tariff::new().fixed("1").unwrap().per_unit("rows", "0").unwrap();
    let tariff = tariff.per_unit("images", "0.3").unwrap();
    let covers = |steps: i64, name: &str, images: u64| {
        tariff.covers(usd(0).minor(steps), name, &Usage::new().with("images", images)).unwrap()
    };
    assert_eq!(covers(i64::MIN, "rows", 0), Quantity::ZERO);
    assert_eq!(covers(0, "rows", 0), Quantity::ZERO);
    assert_eq!(covers(1, "rows", 0), Quantity::MAX);
    assert_eq!(covers(1, "rows", 1), Quantity::ZERO);
    assert_eq!(covers(2, "rows", 3), Quantity::MAX);
    assert_eq!(covers(2, "rows", u64::MAX), Quantity::ZERO);
    assert_eq!(covers(1, "images", 99), Quantity::ZERO);
    assert_eq!(covers(4, "images", 99), Quantity::from(10_u64));
    let tiny = Tariff::new().per_unit("rows", "1e-28").unwrap();
    let most = usd(12).minor(i64::MAX);
    assert_eq!(tiny.covers(most, "rows", &Usage::new()).unwrap(), Quantity::MAX);
    let step = usd(12).minor(1);
    assert_eq!(tiny.covers(step, "rows", &Usage::new()).unwrap().digits(), 10_u64.pow(16));
    // The longest division: the largest remainder of the longest rate.
    let long = Tariff::new().per_unit("rows", "18446744073709551615e-28").unwrap();
    for (steps, wanted) in [(1, 542_101_086), (7, 3_794_707_603), (i64::MAX, u64::MAX)] {
        let covered = long.covers(usd(0).minor(steps), "rows", &Usage::new()).unwrap();
        assert_eq!(covered.digits(), wanted, "{steps}");
    }
}
