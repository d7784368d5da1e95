//! Kinds of prices that public billing systems have, at their edges: none, fractions, the largest quantities, bounds, and limits
//! together with tiers and packages.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use billing_guard::{
    Labels, Package, Percentage, PriceError, Quantity, Rounding, Tariff, Tiers, Timestamp, Unit, Usage,
    Weekday, When,
};

fn unit() -> Unit {
    Unit::new("USD", 6).unwrap()
}

fn units(count: &str) -> Usage {
    Usage::new().with("units", count.parse::<Quantity>().unwrap())
}

fn charged(tariff: &Tariff, usage: &Usage) -> String {
    let charge = tariff.charge(usage, unit()).unwrap();
    assert!(tariff.ceiling(usage, unit()).unwrap().minor() >= charge.minor());
    charge.decimal().to_string()
}

fn each(tariff: &Tariff, cases: &[(&str, &str)]) {
    for (count, wanted) in cases {
        assert_eq!(charged(tariff, &units(count)), *wanted, "{count}");
    }
}

/// Bounds, unit prices and flat prices, the last without a bound.
fn tiers(tiers: &[(Option<u64>, &str, &str)]) -> Tiers {
    tiers.iter().fold(Tiers::new(), |all, (bound, price, flat)| {
        let all = match bound {
            Some(bound) => all.up_to(*bound, price).unwrap(),
            None => all.beyond(price).unwrap(),
        };
        all.with_flat(flat).unwrap()
    })
}

#[test]
fn tiers_with_flat_prices_and_limits_on_the_sum() {
    let by = [(Some(5), "0", "100"), (Some(10), "0", "150"), (Some(15), "10", "0"), (None, "5", "0")];
    let volume = Tariff::new().volume("units", tiers(&by)).unwrap();
    each(&volume, &[("0", "0"), ("5", "100"), ("5.1", "150"), ("10", "150"), ("11", "110"), ("16", "80")]);
    let limited = volume.clone().with_minimum("90").unwrap().with_maximum("120").unwrap();
    each(&limited, &[("0", "90"), ("5", "100"), ("10", "120"), ("12", "120"), ("16", "90"), ("1000", "120")]);
    // With at most sixteen, it can come to what ten cost.
    assert_eq!(volume.ceiling(&units("16"), unit()).unwrap(), unit().amount("150").unwrap());
    let graduated = Tariff::new().graduated("units", tiers(&by)).unwrap().with_discount("10").unwrap();
    each(&graduated, &[("0", "0"), ("5", "90"), ("6", "225"), ("15", "270"), ("20", "292.5")]);
    let one = Tariff::new().graduated("units", tiers(&[(None, "3", "7")])).unwrap();
    each(&one, &[("0", "0"), ("0.5", "8.5"), ("1", "10")]);
    let owed =
        Tariff::new().graduated("units", tiers(&[(None, "3", "7")]).with_first_flat_at_none()).unwrap();
    each(&owed.with_minimum("8").unwrap(), &[("0", "8"), ("1", "10")]);
}

#[test]
fn packages_with_free_units_limits_and_fractions() {
    let package = Package::of(10_u64, "15").unwrap().with_free(5_u64);
    let up = Tariff::new().package("units", package).unwrap();
    each(&up, &[("0", "0"), ("5", "0"), ("5.000000001", "15"), ("15", "15"), ("15.5", "30"), ("25", "30")]);
    let down = Tariff::new().package("units", package.whole_only()).unwrap();
    each(&down, &[("5", "0"), ("14.9", "0"), ("15", "15"), ("24.9", "15"), ("25", "30")]);
    each(
        &up.with_minimum("20").unwrap().with_maximum("40").unwrap(),
        &[("0", "20"), ("16", "30"), ("26", "40")],
    );
    let tiny = Tariff::new()
        .package("units", Package::of("0.1".parse::<Quantity>().unwrap(), "1").unwrap())
        .unwrap();
    each(&tiny, &[("0.1", "1"), ("0.11", "2"), ("1", "10")]);
}

#[test]
fn percentages_with_free_events_free_amounts_and_limits() {
    let of = |amount: u64, events: u64| Usage::new().with("units", amount).with("events", events);
    let plain = || Percentage::of("1.3").unwrap().with_fee("2").unwrap().counting("events");
    for (share, wanted) in [
        (plain(), "18.4"),
        (plain().with_free_amount(250_u64).with_free_events(2_u64), "11.15"),
        (plain().with_free_amount(250_u64), "15.15"),
        (plain().with_free_events(3_u64), "12.4"),
        (plain().with_free_amount(800_u64), "0"),
        (plain().with_free_events(4_u64), "0"),
        (Percentage::of("0").unwrap().with_fee("2").unwrap().counting("events"), "8"),
    ] {
        let tariff = Tariff::new().percentage("units", share).unwrap();
        assert_eq!(charged(&tariff, &of(800, 4)), wanted, "{tariff:?}");
        assert_eq!(charged(&tariff, &of(0, 0)), "0");
    }
    // Several events, each with a minimum of its own, one after the other.
    let share =
        Percentage::of("2").unwrap().with_fee("0.5").unwrap().counting("events").with_free_events(1_u64);
    let tariff =
        Tariff::new().percentage("units", share.at_least("3").unwrap().at_most("9").unwrap()).unwrap();
    let (mut used, mut all) = (Usage::new(), Vec::new());
    for amount in [1_000, 1, 125, 200, 5_000] {
        all.push(charged(&tariff.clone().after(used.clone()), &of(amount, 1)));
        used.add(&of(amount, 1)).unwrap();
    }
    assert_eq!(all, ["0", "3", "3", "4.5", "9"]);
    assert!(matches!(tariff.charge(&of(10, 2), unit()), Err(PriceError::SeveralEvents { .. })));
    let tiers = tiers(&[(Some(10), "1", "200"), (Some(20), "2", "300"), (None, "3", "400")]);
    let graduated = Tariff::new().graduated_percentage("units", tiers.clone()).unwrap();
    each(&graduated, &[("0", "0"), ("10", "200.1"), ("10.5", "500.11"), ("20", "500.3"), ("21", "900.33")]);
    let owed = Tariff::new().graduated_percentage("units", tiers.with_first_flat_at_none()).unwrap();
    each(&owed, &[("0", "200"), ("1", "200.01")]);
}

#[test]
fn multiples_of_an_amount_with_limits() {
    let tariff = Tariff::new().dynamic("units", "1.33333", 2, Rounding::HalfUp).unwrap();
    each(
        &tariff,
        &[("0", "0"), ("0.001", "0"), ("0.003", "0"), ("0.00375", "0"), ("0.004", "0.01"), ("20", "26.67")],
    );
    let limited = tariff.with_minimum("1").unwrap().with_maximum("20").unwrap();
    each(&limited, &[("0", "1"), ("15", "20"), ("7.5", "10")]);
}

#[test]
fn the_largest_quantities_are_exact_or_an_error() {
    let most = u64::MAX.to_string();
    for tariff in [
        Tariff::new().per_unit("units", "1e-12").unwrap(),
        Tariff::new().per_million("units", "0.000001").unwrap(),
        Tariff::new().graduated("units", tiers(&[(Some(1), "1e-12", "0"), (None, "1e-12", "0")])).unwrap(),
        Tariff::new().volume("units", tiers(&[(Some(1), "5", "0"), (None, "1e-12", "0")])).unwrap(),
        Tariff::new().package("units", Package::of(1_000_u64, "1e-9").unwrap().whole_only()).unwrap(),
        Tariff::new().percentage("units", Percentage::of("1e-10").unwrap()).unwrap(),
        Tariff::new().dynamic("units", "1e-12", 6, Rounding::Down).unwrap(),
    ] {
        assert_eq!(charged(&tariff, &units(&most)), "18446744.073709", "{tariff:?}");
        // The smallest beside it is too many digits for one quantity.
        let after = tariff.after(units(&most)).charge(&units("0.1"), unit());
        assert!(after.is_err() || after.unwrap().is_zero());
    }
    for tariff in [
        Tariff::new().per_unit("units", "1").unwrap(),
        Tariff::new().graduated("units", tiers(&[(None, "1", "0")])).unwrap(),
        Tariff::new().volume("units", tiers(&[(None, "1", "0")])).unwrap(),
        Tariff::new().package("units", Package::of(1_u64, "1").unwrap()).unwrap(),
        Tariff::new().percentage("units", Percentage::of("100").unwrap()).unwrap(),
        Tariff::new().dynamic("units", "1", 0, Rounding::Up).unwrap(),
    ] {
        let error = tariff.charge(&units(&most), unit()).unwrap_err();
        assert!(matches!(error, PriceError::Overflow { ref what, .. } if what.contains(&most)), "{error}");
        // A maximum is not reached by what has no price.
        assert!(tariff.with_maximum("5").unwrap().charge(&units(&most), unit()).is_err());
    }
}

#[test]
fn windows_days_and_thresholds_at_their_bounds() {
    let price = |price: &str| Tariff::new().per_unit("units", price).unwrap();
    let weekend = When::daily("22:00", "06:00").unwrap().on([Weekday::Friday, Weekday::Saturday]);
    let noon = When::daily("12:00", "13:30").unwrap();
    let tariff = price("4").with_other(weekend, price("1")).unwrap().with_other(noon, price("6")).unwrap();
    let tariff = Arc::new(tariff);
    for (moment, wanted) in [
        // 2025-06-06 is a Friday.
        ("2025-06-05T23:00:00", "4"),
        ("2025-06-06T05:59:59", "4"),
        ("2025-06-06T21:59:59", "4"),
        ("2025-06-06T22:00:00", "1"),
        ("2025-06-07T05:59:59", "1"),
        ("2025-06-07T06:00:00", "4"),
        ("2025-06-08T05:59:59", "1"),
        ("2025-06-08T22:30:00", "4"),
        ("2025-06-08T11:59:59", "4"),
        ("2025-06-08T12:00:00", "6"),
        ("2025-06-08T13:29:59", "6"),
        ("2025-06-08T13:30:00", "4"),
    ] {
        let moment: Timestamp = format!("{moment}.000000Z").parse().unwrap();
        assert_eq!(charged(&tariff.at(moment, &Labels::default()), &units("1")), wanted, "{moment}");
    }
    let above = price("1").with_other(When::above(["units"], 200_u64), price("2")).unwrap();
    each(&above, &[("199.5", "199.5"), ("200", "200"), ("200.000000001", "400"), ("201", "402")]);
    let reached = price("1").with_other(When::at_or_above(["units"], 200_u64), price("2")).unwrap();
    each(&reached, &[("199.999999", "199.999999"), ("200", "400")]);
}

#[test]
fn an_explicit_zero_is_free_and_a_missing_price_is_none() {
    let input = || Tariff::new().per_million("input", "1").unwrap().part_of("cache_read", "input").unwrap();
    let cached = Usage::new().with("input", 10_000_u64).with("cache_read", 10_000_u64);
    assert_eq!(charged(&input(), &cached), "0.01");
    assert_eq!(charged(&input().per_million("cache_read", "0").unwrap(), &cached), "0");
    // Alone it is part of as much.
    assert_eq!(charged(&input(), &Usage::new().with("cache_read", 10_000_u64)), "0.01");
    let error = input().charge(&Usage::new().with("output", 1_u64), unit()).unwrap_err();
    assert!(matches!(error, PriceError::UnpricedQuantity { .. }), "{error}");
    assert_eq!(charged(&input(), &Usage::new().with("output", 0_u64)), "0");
}
