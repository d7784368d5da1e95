//! Tests: every kind of price against the same counted out one by one, and what ceilings, covers and lines make of it.

use super::{Line, Package, PriceError, Rounding, Tariff, Tiers};
use crate::amount::{Amount, Unit};
use crate::usage::{Quantity, Usage};
use proptest::prelude::*;

const MODES: [Rounding; 4] = [Rounding::Down, Rounding::HalfUp, Rounding::HalfEven, Rounding::Up];

/// Tenths of a dollar: coarse, so that rounding shows.
fn unit() -> Unit {
    Unit::new("USD", 1).unwrap()
}

fn quantity(text: &str) -> Quantity {
    text.parse().unwrap()
}

fn calls(count: &str) -> Usage {
    Usage::new().with("calls", quantity(count))
}

fn charged(tariff: &Tariff, count: &str) -> String {
    tariff.charge(&calls(count), Unit::new("USD", 6).unwrap()).unwrap().decimal().to_string()
}

/// 4 cents each to 3, 9 cents each and 50 cents at once to 8, then 1 cent each and a dollar at once.
fn tiers() -> Tiers {
    let tiers = Tiers::new().up_to(3_u64, "0.04").unwrap().up_to(8_u64, "0.09").unwrap();
    tiers.with_flat("0.5").unwrap().beyond("0.01").unwrap().with_flat("1").unwrap()
}

#[test]
fn shares_and_bounds_of_graduated_tiers() {
    let tariff = Tariff::new().graduated("calls", tiers()).unwrap();
    for (count, wanted) in [
        ("0", "0"),
        ("0.5", "0.02"),
        ("3", "0.12"),
        ("3.000000001", "0.62"),
        ("3.5", "0.665"),
        ("8", "1.07"),
        ("8.25", "2.0725"),
        ("108", "3.07"),
    ] {
        assert_eq!(charged(&tariff, count), wanted, "{count}");
    }
    // What is owed at none is owed once, and not on top of what is owed for something.
    let tiers = Tiers::new().up_to(5_u64, "1").unwrap().with_flat("7").unwrap().beyond("2").unwrap();
    let tariff = Tariff::new().graduated("calls", tiers.with_first_flat_at_none()).unwrap();
    for (count, wanted) in [("0", "7"), ("2", "9"), ("6", "14")] {
        assert_eq!(charged(&tariff, count), wanted, "{count}");
    }
    assert_eq!(tariff.charge(&Usage::new(), unit()).unwrap(), unit().amount("7").unwrap());
    assert_eq!(tariff.ceiling(&Usage::new(), unit()).unwrap(), unit().amount("7").unwrap());
    assert_eq!(tariff.charge_lines(&Usage::new(), unit()).unwrap().len(), 1);
}

#[test]
fn the_tier_that_a_volume_reaches() {
    let tariff = Tariff::new().volume("calls", tiers()).unwrap();
    for (count, wanted) in
        [("0", "0"), ("3", "0.12"), ("3.5", "0.815"), ("8", "1.22"), ("8.000000001", "1.08"), ("20", "1.2")]
    {
        assert_eq!(charged(&tariff, count), wanted, "{count}");
    }
}

#[test]
fn packages_are_owed_when_begun_or_when_used_up() {
    let begun = Package::of(4_u64, "1.5").unwrap().with_free(quantity("2.5"));
    let (up, down) = (
        Tariff::new().package("calls", begun).unwrap(),
        Tariff::new().package("calls", begun.whole_only()).unwrap(),
    );
    for (count, wanted_up, wanted_down) in [
        ("0", "0", "0"),
        ("2.5", "0", "0"),
        ("2.6", "1.5", "0"),
        ("6.5", "1.5", "1.5"),
        ("6.6", "3", "1.5"),
        ("14.5", "4.5", "4.5"),
    ] {
        assert_eq!(charged(&up, count), wanted_up, "{count}");
        assert_eq!(charged(&down, count), wanted_down, "{count}");
    }
    assert_eq!(Package::of(0_u64, "1").unwrap_err(), PriceError::EmptyPackage);
    assert!(matches!(Package::of(1_u64, "-1"), Err(PriceError::InvalidRate { .. })));
    // More packages than can be counted are an error, not fewer packages.
    let tiny = Tariff::new().package("calls", Package::of(quantity("0.5"), "0").unwrap()).unwrap();
    let error = tiny.charge(&Usage::new().with("calls", u64::MAX), unit()).unwrap_err();
    assert!(matches!(error, PriceError::Overflow { .. }), "{error}");
}

#[test]
fn tiers_that_do_not_go_together_are_refused() {
    let begun = || Tiers::new().up_to(5_u64, "1").unwrap();
    for (tiers, word) in [
        (begun().up_to(5_u64, "1"), "above"),
        (begun().up_to(4_u64, "1"), "above"),
        (Tiers::new().up_to(0_u64, "1"), "above zero"),
        (begun().beyond("1").unwrap().up_to(9_u64, "1"), "nothing comes after"),
        (begun().beyond("1").unwrap().beyond("1"), "nothing comes after"),
        (Tiers::new().with_flat("1"), "there is none"),
        (begun().with_flat("1").unwrap().with_flat("2"), "one flat price"),
    ] {
        let error = tiers.unwrap_err();
        assert!(
            matches!(error, PriceError::InvalidTiers { .. }) && error.to_string().contains(word),
            "{error}"
        );
    }
    for open in [Tiers::new(), begun()] {
        assert!(
            Tariff::new().graduated("calls", open.clone()).unwrap_err().to_string().contains("last tier")
        );
        assert!(Tariff::new().volume("calls", open).is_err());
    }
    let many =
        |count: u64| (1..count).try_fold(Tiers::new(), |tiers, bound| tiers.up_to(bound, "1"))?.beyond("1");
    assert!(many(64).is_ok());
    assert!(many(65).unwrap_err().to_string().contains("at most 64"));
    assert!(matches!(begun().beyond("x"), Err(PriceError::InvalidRate { .. })));
    assert!(matches!(begun().with_flat("1e-29"), Err(PriceError::InexactRate { .. })));
    let error = Tariff::new().per_unit("calls", "1").unwrap().volume("calls", tiers()).unwrap_err();
    assert!(matches!(error, PriceError::DuplicateQuantity { .. }));
}

#[test]
fn only_prices_of_one_unit_are_rates() {
    let tariff = Tariff::new().volume("calls", tiers()).unwrap().per_unit("rows", "2").unwrap();
    assert_eq!(tariff.rate("calls"), None);
    assert_eq!(tariff.rates().collect::<Vec<_>>(), [("rows", "2".parse().unwrap())]);
}

#[test]
fn largest_quantities_are_exact_or_an_error() {
    let tiers = Tiers::new().up_to(quantity("0.1"), "1").unwrap().beyond("0.000001").unwrap();
    let tariff = Tariff::new().graduated("calls", tiers).unwrap();
    // The share beyond 0.1 has more digits than a quantity can.
    let error = tariff.charge(&Usage::new().with("calls", u64::MAX), unit()).unwrap_err();
    assert!(error.to_string().contains("18446744073709551615 of \"calls\""), "{error}");
    assert!(tariff.covers(unit().minor(i64::MAX), "calls", &Usage::new()).is_ok());
    let free = Tiers::new().beyond("0").unwrap();
    let free = Tariff::new().volume("calls", free).unwrap();
    assert_eq!(free.covers(unit().zero(), "calls", &Usage::new()).unwrap(), Quantity::MAX);
}

fn rate() -> impl Strategy<Value = String> {
    // Hundredths and thousandths of a dollar, zero among them.
    prop_oneof![3 => 0_u32..40, 1 => Just(0)].prop_map(|thousandths| format!("{thousandths}e-3"))
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Each,
    Graduated,
    Volume,
    Package,
    WholePackage,
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        Just(Kind::Each),
        Just(Kind::Graduated),
        Just(Kind::Volume),
        Just(Kind::Package),
        Just(Kind::WholePackage)
    ]
}

/// A tariff for `name`, and how many thousandths of a dollar so many cost, counted out one by one.
fn built(
    tariff: Tariff,
    name: &'static str,
    kind: Kind,
    parts: &[(u64, u32, u32)],
) -> (Tariff, impl Fn(u64) -> u64 + use<>) {
    let mut bounds = parts.to_vec();
    // Sizes become bounds that rise.
    for index in 1..bounds.len() {
        bounds[index].0 += bounds[index - 1].0;
    }
    let last = bounds.len() - 1;
    let all = bounds.iter().enumerate().try_fold(Tiers::new(), |tiers, (index, (bound, unit, flat))| {
        let unit = format!("{unit}e-3");
        let tiers = if index == last { tiers.beyond(&unit)? } else { tiers.up_to(*bound, &unit)? };
        tiers.with_flat(&format!("{flat}e-3"))
    });
    let (size, price, free) = parts[0];
    let package = Package::of(size, &format!("{price}e-3")).unwrap().with_free(free);
    let tariff = match kind {
        Kind::Each => tariff.per_unit(name, &format!("{price}e-3")),
        Kind::Graduated => tariff.graduated(name, all.unwrap()),
        Kind::Volume => tariff.volume(name, all.unwrap()),
        Kind::Package => tariff.package(name, package),
        Kind::WholePackage => tariff.package(name, package.whole_only()),
    };
    let tier_of =
        move |nth: u64| bounds.iter().position(|(bound, ..)| nth <= *bound).unwrap_or(last).min(last);
    let parts = parts.to_vec();
    let price = move |count: u64| {
        let mut sum = 0;
        let mut entered = None;
        match kind {
            Kind::Each => sum = count * u64::from(price),
            Kind::Graduated => {
                for nth in 1..=count {
                    let tier = tier_of(nth);
                    sum += u64::from(parts[tier].1);
                    if entered.replace(tier) != Some(tier) {
                        sum += u64::from(parts[tier].2);
                    }
                }
            }
            Kind::Volume if count == 0 => {}
            Kind::Volume => {
                let (_, unit, flat) = parts[tier_of(count)];
                sum = count * u64::from(unit) + u64::from(flat);
            }
            Kind::Package | Kind::WholePackage => {
                // A package is opened with its first one, or paid with its last.
                let paid = if matches!(kind, Kind::Package) { 1 % size } else { 0 };
                for nth in 1..=count.saturating_sub(u64::from(free)) {
                    sum += if nth % size == paid { u64::from(price) } else { 0 };
                }
            }
        }
        sum
    };
    (tariff.unwrap(), price)
}

fn parts() -> impl Strategy<Value = Vec<(u64, u32, u32)>> {
    proptest::collection::vec((1_u64..9, 0_u32..60, prop_oneof![Just(0_u32), 0_u32..30]), 1..5)
}

fn total(lines: &[Line]) -> Amount {
    lines.iter().fold(unit().zero(), |sum, line| sum.checked_add(line.amount).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn every_kind_of_price_is_what_counting_gives(
        (one, one_parts, other, other_parts) in (kind(), parts(), kind(), parts()),
        fixed in rate(),
        count in 0_u64..40,
        more in 0_u64..40,
        spendable in 0_u64..60,
    ) {
        let tariff = Tariff::new().fixed(&fixed).unwrap();
        let base: u64 = fixed.trim_end_matches("e-3").parse().unwrap();
        let (tariff, naive) = built(tariff, "calls", one, &one_parts);
        let (tariff, naive_other) = built(tariff, "rows", other, &other_parts);
        let usage = Usage::new().with("calls", count).with("rows", more);
        let exact = base + naive(count) + naive_other(more);
        // A step is a hundred thousandths.
        let (down, rest) = (exact / 100, exact % 100);
        for (mode, up) in [
            (Rounding::Down, false),
            (Rounding::HalfUp, rest >= 50),
            (Rounding::HalfEven, rest > 50 || (rest == 50 && down % 2 == 1)),
            (Rounding::Up, rest > 0),
        ] {
            let tariff = tariff.clone().rounding(mode);
            let charge = tariff.charge(&usage, unit()).unwrap();
            prop_assert_eq!(charge.minor().unsigned_abs(), down + u64::from(up), "{:?}", mode);
            // Lines sum exactly to the charge, and each is less than a step from its own product.
            let lines = tariff.charge_lines(&usage, unit()).unwrap();
            prop_assert_eq!(total(&lines), charge);
            for line in &lines {
                let own = u128::from(line.quantity.digits()) * u128::from(line.price.digits())
                    * 10_u128.pow(u32::from(3 - line.price.places()));
                prop_assert!(own.abs_diff(100 * u128::from(line.amount.minor().unsigned_abs())) < 100, "{:?}", line);
            }
        }

        // The ceiling is the dearest of all that are not more, and what is exact is not varied.
        let dearest = |naive: &dyn Fn(u64) -> u64, most: u64| (0..=most).map(naive).max().unwrap();
        let both = base + dearest(&naive, count) + dearest(&naive_other, more);
        let ceiling = tariff.ceiling(&usage, unit()).unwrap();
        prop_assert_eq!(ceiling.minor().unsigned_abs(), both.div_ceil(100));
        prop_assert_eq!(total(&tariff.ceiling_lines(&usage, unit()).unwrap()), ceiling);
        let zero = Quantity::ZERO;
        let known = [("calls", count.into(), count.into()), ("rows", zero, Quantity::from(more))];
        let partly = tariff.ceiling_of(&known.into_iter(), unit()).unwrap();
        prop_assert_eq!(partly.minor().unsigned_abs(), (base + naive(count) + dearest(&naive_other, more)).div_ceil(100));

        // Up to what is covered, everything fits; one more does not.
        let amount = unit().minor(i64::try_from(spendable).unwrap());
        let rows = Usage::new().with("rows", more);
        let covered = tariff.covers(amount, "calls", &rows).unwrap();
        let others = base + dearest(&naive_other, more);
        let fits = |most: u64| others + dearest(&naive, most) <= 100 * spendable;
        if covered == Quantity::MAX {
            prop_assert!(fits(2_000));
        } else {
            prop_assert!(fits(covered.whole()) || covered.is_zero());
            prop_assert!(!fits(covered.whole() + 1), "{}", covered);
            let all = rows.with("calls", covered);
            prop_assert!(covered.is_zero() || tariff.ceiling(&all, unit()).unwrap().minor() <= amount.minor());
        }
    }

    #[test]
    fn fractions_are_exact_in_every_kind(
        kind in kind(),
        parts in parts(),
        hundredths in 0_u64..4_000,
    ) {
        let (tariff, naive) = built(Tariff::new(), "calls", kind, &parts);
        let count = Quantity::from_parts(hundredths, 2).unwrap();
        let fine = Unit::new("USD", 6).unwrap();
        let charge = |count: Quantity| tariff.charge(&Usage::new().with("calls", count), fine).unwrap().minor();
        let whole = hundredths / 100;
        prop_assert_eq!(charge(whole.into()), i64::try_from(naive(whole) * 1_000).unwrap());
        // Between two whole numbers nothing but a volume falls, and no ceiling is exceeded.
        let (below, here, above) = (charge(whole.into()), charge(count), charge((whole + 1).into()));
        if !matches!(kind, Kind::Volume) {
            prop_assert!(below <= here && here <= above, "{} {} {}", below, here, above);
        }
        for mode in MODES {
            let tariff = tariff.clone().rounding(mode);
            let usage = Usage::new().with("calls", count);
            let ceiling = tariff.ceiling(&usage, unit()).unwrap();
            prop_assert!(tariff.charge(&usage, unit()).unwrap().minor() <= ceiling.minor());
        }
    }
}
