//! Tests: shares of an amount, limits and discounts, and prices that go on from what was used before.

use super::{Package, Percentage, PriceError, Rounding, Tariff, Tiers, Why};
use crate::amount::Unit;
use crate::usage::{Quantity, Usage};
use proptest::prelude::*;

fn fine() -> Unit {
    Unit::new("USD", 9).unwrap()
}

fn charged(tariff: &Tariff, usage: &Usage) -> String {
    tariff.charge(usage, fine()).unwrap().decimal().to_string()
}

fn paid(amount: &str) -> Usage {
    Usage::new().with("paid", amount.parse::<Quantity>().unwrap())
}

fn of(share: Percentage) -> Tariff {
    Tariff::new().percentage("paid", share).unwrap()
}

#[test]
fn a_share_with_fees_and_what_is_free() {
    let plain = Percentage::of("1.25").unwrap();
    assert_eq!(charged(&of(plain.clone()), &paid("300")), "3.75");
    assert_eq!(charged(&of(plain.clone()), &paid("0")), "0");
    let fee = plain.with_fee("0.4").unwrap();
    assert_eq!(charged(&of(fee.clone()), &paid("300.5")), "4.15625");
    assert_eq!(charged(&of(fee.clone()), &paid("0")), "0");
    // Five payments, one of them and 100 of their amount free.
    let free = of(fee.counting("payments").with_free_events(1_u64).with_free_amount(100_u64));
    let payments = |amount: &str, count: u64| paid(amount).with("payments", count);
    assert_eq!(charged(&free, &payments("300", 5)), "4.1");
    assert_eq!(charged(&free, &payments("100", 5)), "0");
    assert_eq!(charged(&free, &payments("300", 1)), "0");
    assert_eq!(charged(&free, &Usage::new().with("payments", 5_u64)), "0");
}

#[test]
fn each_event_has_its_minimum_and_maximum() {
    let share = Percentage::of("2").unwrap().with_fee("0.1").unwrap();
    let share = share.at_least("0.5").unwrap().at_most("6").unwrap();
    let counted = of(share.clone().counting("payments").with_free_events(1_u64));
    let tariff = of(share.clone());
    for (amount, wanted, why) in [
        ("1", "0.5", Why::EventMinimum),
        ("20", "0.5", Why::Share),
        ("295", "6", Why::Share),
        ("295.1", "6", Why::EventMaximum),
        ("9000", "6", Why::EventMaximum),
    ] {
        assert_eq!(charged(&tariff, &paid(amount)), wanted, "{amount}");
        assert_eq!(tariff.charge_lines(&paid(amount), fine()).unwrap()[0].why, why, "{amount}");
    }
    assert_eq!(charged(&tariff, &paid("0")), "0");
    // One by one, the first is free; several at once cannot be told apart.
    let nth = |before: u64| counted.clone().after(Usage::new().with("payments", before));
    let one = paid("40").with("payments", 1_u64);
    assert_eq!((charged(&nth(0), &one), charged(&nth(1), &one)), ("0".into(), "0.9".into()));
    let error = nth(1).charge(&paid("40").with("payments", 2_u64), fine()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "2 events of \"paid\" cannot be priced at once: each has a minimum or maximum of its own"
    );
    // An amount beyond all amounts still has a maximum.
    let tariff = of(Percentage::of("100").unwrap().at_most("3").unwrap());
    assert_eq!(charged(&tariff, &Usage::new().with("paid", u64::MAX)), "3");
    assert!(matches!(share.at_most("0.1"), Err(PriceError::Contradiction { .. })));
    assert!(matches!(Percentage::of("x"), Err(PriceError::InvalidRate { .. })));
}

#[test]
fn percent_in_tiers() {
    let tiers = Tiers::new().up_to(50_u64, "4").unwrap().with_flat("1").unwrap().beyond("0.5").unwrap();
    let tariff = Tariff::new().graduated_percentage("paid", tiers).unwrap();
    for (amount, wanted) in [("0", "0"), ("1", "1.04"), ("50", "3"), ("150", "3.5")] {
        assert_eq!(charged(&tariff, &paid(amount)), wanted, "{amount}");
    }
    let long = Tiers::new().beyond("1e-27").unwrap();
    let error = Tariff::new().graduated_percentage("paid", long).unwrap_err();
    assert!(matches!(error, PriceError::InexactRate { .. }));
}

#[test]
fn what_counts_events_may_have_a_price_of_its_own() {
    let share = || Percentage::of("1").unwrap().counting("payments");
    let before = Tariff::new().per_unit("payments", "0.2").unwrap().percentage("paid", share()).unwrap();
    let after = of(share()).per_unit("payments", "0.2").unwrap();
    let usage = paid("100").with("payments", 3_u64);
    assert_eq!((charged(&before, &usage), charged(&after, &usage)), ("1.6".into(), "1.6".into()));
    assert!(after.per_unit("payments", "1").is_err());
    // How many events are covered depends on the fee, although they have no price.
    let fee = of(share().with_fee("0.3").unwrap());
    let covered = fee.covers(fine().amount("2.5").unwrap(), "payments", &paid("100")).unwrap();
    assert_eq!(covered, Quantity::from(5_u64));
}

#[test]
fn discount_then_maximum_then_minimum_then_rounding() {
    let unit = Unit::new("USD", 1).unwrap();
    let tariff = Tariff::new().fixed("1").unwrap().per_unit("rows", "0.5").unwrap();
    let tariff =
        tariff.with_discount("10").unwrap().with_maximum("4.05").unwrap().with_minimum("1.25").unwrap();
    let rows = |count: u64| Usage::new().with("rows", count);
    for (count, exact) in [(0, "1.25"), (1, "1.35"), (2, "1.8"), (7, "4.05"), (900, "4.05")] {
        assert_eq!(charged(&tariff, &rows(count)), exact, "{count}");
        let whole: i64 = exact.replace('.', "").parse().unwrap();
        let tenths = if exact.len() == 4 { whole / 10 } else { whole };
        assert_eq!(tariff.charge(&rows(count), unit).unwrap().minor(), tenths, "{count}");
        let lines = tariff.charge_lines(&rows(count), unit).unwrap();
        assert_eq!(lines.iter().map(|line| line.amount.minor()).sum::<i64>(), tenths, "{count}");
        let up = tariff.clone().rounding(Rounding::Up).charge(&rows(count), unit).unwrap();
        assert_eq!(tariff.ceiling(&rows(count), unit).unwrap(), up, "{count}");
    }
    let lines = tariff.charge_lines(&rows(900), fine()).unwrap();
    let whys: Vec<_> = lines.iter().map(|line| (line.why, line.amount.decimal().to_string())).collect();
    assert_eq!(
        whys,
        [
            (Why::Fixed, "1".to_owned()),
            (Why::PerUnit, "450".to_owned()),
            (Why::Discount, "-45.1".to_owned()),
            (Why::Maximum, "-401.85".to_owned())
        ]
    );
    // 1.8 is within what 2 rows come to; a maximum covers everything that can be priced.
    let covers = |amount: &str| tariff.covers(fine().amount(amount).unwrap(), "rows", &Usage::new()).unwrap();
    assert_eq!(
        (covers("1.24"), covers("1.25"), covers("1.8")),
        (Quantity::ZERO, Quantity::ZERO, 2_u64.into())
    );
    assert!(covers("4.05") > Quantity::from(1_000_000_u64));

    assert!(matches!(tariff.clone().with_minimum("5"), Err(PriceError::Contradiction { .. })));
    assert!(matches!(tariff.clone().with_discount("100.1"), Err(PriceError::InvalidDiscount { .. })));
    assert_eq!(charged(&tariff.clone().with_discount("100").unwrap(), &rows(3)), "1.25");
    let precise = Tariff::new().per_unit("rows", "1e-28").unwrap().with_discount("50").unwrap();
    let usage = Usage::new().with("rows", "0.000000001".parse::<Quantity>().unwrap());
    assert_eq!(precise.charge(&usage, Unit::new("USD", 0).unwrap()), Err(PriceError::InexactDiscount));
    assert_eq!(precise.charge(&rows(1), Unit::new("USD", 0).unwrap()).unwrap().minor(), 0);
}

#[test]
fn work_after_other_work_goes_on_where_that_ended() {
    let tiers = || {
        let tiers = Tiers::new().up_to(4_u64, "1").unwrap().with_flat("10").unwrap();
        tiers.up_to(6_u64, "0.5").unwrap().with_flat("20").unwrap().beyond("0.1").unwrap()
    };
    let calls = |count: u64| Usage::new().with("calls", count);
    let graduated = Tariff::new().fixed("100").unwrap().graduated("calls", tiers()).unwrap();
    for (before, count, wanted) in
        [(0, 3, "113"), (3, 1, "101"), (4, 1, "120.5"), (3, 5, "122.2"), (6, 10, "101"), (2, 0, "100")]
    {
        assert_eq!(
            charged(&graduated.clone().after(calls(before)), &calls(count)),
            wanted,
            "{before} {count}"
        );
    }
    let volume = Tariff::new().volume("calls", tiers()).unwrap();
    for (before, count, wanted) in
        // 14 for four; 22.5 for five; 23 for six; 0.7 for seven, less than for six.
        [
            (0, 4, "14"),
            (1, 3, "3"),
            (4, 1, "8.5"),
            (4, 2, "9"),
            (6, 1, "0"),
            (7, 10, "1"),
            (6, 994, "77"),
        ]
    {
        let later = volume.clone().after(calls(before));
        assert_eq!(charged(&later, &calls(count)), wanted, "{before} {count}");
        let lines = later.charge_lines(&calls(count), fine()).unwrap();
        let sum: i64 = lines.iter().map(|line| line.amount.minor()).sum();
        assert_eq!(fine().minor(sum), fine().amount(wanted).unwrap(), "{before} {count}");
    }
    // After four, up to three more: two are the dearest.
    let later = volume.after(calls(4));
    assert_eq!(later.ceiling(&calls(3), fine()).unwrap(), fine().amount("9").unwrap());
    let package = Tariff::new().package("calls", Package::of(5_u64, "2").unwrap().with_free(3_u64)).unwrap();
    for (before, count, wanted) in [(0, 3, "0"), (3, 1, "2"), (4, 4, "0"), (4, 5, "2"), (0, 14, "6")] {
        assert_eq!(charged(&package.clone().after(calls(before)), &calls(count)), wanted, "{before} {count}");
    }
    // What is owed at none was owed by the first.
    let none = Tariff::new().graduated("calls", tiers().with_first_flat_at_none()).unwrap();
    assert_eq!(
        (charged(&none, &calls(0)), charged(&none.after(calls(0)), &calls(0))),
        ("10".into(), "0".into())
    );
}

proptest! {
    #[test]
    fn many_pieces_of_work_cost_together_what_all_of_it_costs(
        pieces in proptest::collection::vec((0_u64..30, 0_u64..3_000), 1..8),
        (first, second) in (1_u64..40, 1_u64..40),
        rates in proptest::array::uniform3(0_u32..50),
        free in 0_u64..20,
    ) {
        let tiers = Tiers::new().up_to(first, &format!("{}e-2", rates[0])).unwrap()
            .up_to(first + second, &format!("{}e-2", rates[1])).unwrap().with_flat("3").unwrap()
            .beyond(&format!("{}e-2", rates[2])).unwrap();
        let package = Package::of(second, "0.7").unwrap().with_free(free);
        let share = Percentage::of("1.5").unwrap().with_fee("0.2").unwrap().counting("payments");
        let share = share.with_free_amount(free);
        let tariff = Tariff::new().graduated("calls", tiers).unwrap()
            .package("pages", package.whole_only()).unwrap().package("images", package).unwrap()
            .percentage("paid", share).unwrap();
        let mut used = Usage::new();
        let mut sum = 0;
        for (count, thousandths) in pieces {
            let amount = Quantity::from_parts(thousandths + 30_000, 3).unwrap();
            let usage = Usage::new().with("calls", count).with("pages", count).with("images", amount)
                .with("paid", amount).with("payments", 1_u64);
            sum += tariff.clone().after(used.clone()).charge(&usage, fine()).unwrap().minor();
            used.add(&usage).unwrap();
        }
        prop_assert_eq!(sum, tariff.charge(&used, fine()).unwrap().minor());
    }

    #[test]
    fn a_discount_is_exact(digits in 0_u64..1_000_000_000_000, places in 0_u32..12, percent in 0_u32..=10_000) {
        let tariff = Tariff::new().fixed(&format!("{digits}e-{places}")).unwrap();
        let tariff = tariff.with_discount(&format!("{percent}e-2")).unwrap();
        let unit = Unit::new("USD", 6).unwrap();
        let exact = u128::from(digits) * u128::from(10_000 - percent) * 10_u128.pow(12 - places);
        let charge = tariff.charge(&Usage::new(), unit).map(|amount| u128::from(amount.minor().unsigned_abs()));
        let wanted = exact / 10_u128.pow(10);
        if i64::try_from(u128::from(digits) * 10_u128.pow(6) / 10_u128.pow(places)).is_ok() {
            prop_assert_eq!(charge, Ok(wanted));
        }
    }
}
