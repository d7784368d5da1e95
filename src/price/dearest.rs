//! Tests: whatever a tariff is made of, in every combination. No work that stays within its bounds costs more than their ceiling,
//! what an amount covers fits and one more does not, lines sum to what they explain, and a tariff read back charges the same.
//!
//! `PROPTEST_CASES=100000 cargo test --lib price::dearest` looks further.

use std::sync::Arc;

use super::Bounded;
use super::{
    Line, Matrix, Package, Percentage, PriceBook, PriceError, Rounding, Tariff, Tiers, Weekday, When,
};
use crate::amount::Unit;
use crate::clock::Timestamp;
use crate::id::Labels;
use crate::usage::{Quantity, Usage};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

const NAMES: [&str; 5] = ["a", "b", "c", "d", "events"];
/// The parts that a tariff may state, each within the other.
const PARTS: [(&str, &str); 5] = [("b", "a"), ("c", "a"), ("c", "b"), ("d", "c"), ("events", "d")];

/// A price in thousandths, often nothing.
fn price() -> BoxedStrategy<String> {
    prop_oneof![
        1 => Just("0".to_owned()),
        3 => (1_u64..9).prop_map(|whole| whole.to_string()),
        2 => (1_u64..9_000).prop_map(|digits| format!("{digits}e-3")),
    ]
    .boxed()
}

/// Whole numbers, tenths and the smallest there are.
fn quantity() -> BoxedStrategy<Quantity> {
    prop_oneof![
        1 => Just(Quantity::ZERO),
        5 => (1_u64..25).prop_map(Quantity::from),
        2 => (1_u64..250).prop_map(|tenths| Quantity::from_parts(tenths, 1).unwrap()),
        1 => (0_u64..25_000_000_000).prop_map(|digits| Quantity::from_parts(digits, 9).unwrap()),
    ]
    .boxed()
}

fn rounding() -> impl Strategy<Value = Rounding> {
    prop_oneof![Just(Rounding::Down), Just(Rounding::HalfUp), Just(Rounding::HalfEven), Just(Rounding::Up)]
}

fn tiers() -> BoxedStrategy<Tiers> {
    let bounds = proptest::collection::btree_set(1_u64..25, 0..4);
    let prices = proptest::collection::vec((price(), proptest::option::of(price())), 4);
    (bounds, prices, any::<bool>(), any::<bool>(), any::<bool>())
        .prop_map(|(bounds, prices, tenths, at_none, whole_units)| {
            let mut prices = prices.into_iter();
            let mut next = |tiers: Tiers, bound: Option<u64>| {
                let (unit, flat) = prices.next().unwrap();
                let tiers = match bound {
                    Some(bound) if tenths && !whole_units => {
                        tiers.up_to(Quantity::from_parts(bound * 10 - 5, 1).unwrap(), &unit).unwrap()
                    }
                    Some(bound) => tiers.up_to(bound, &unit).unwrap(),
                    None => tiers.beyond(&unit).unwrap(),
                };
                flat.map_or(tiers.clone(), |flat| tiers.with_flat(&flat).unwrap())
            };
            let tiers = bounds.into_iter().fold(Tiers::new(), |tiers, bound| next(tiers, Some(bound)));
            let tiers = next(tiers, None);
            let tiers = if at_none { tiers.with_first_flat_at_none() } else { tiers };
            if whole_units { tiers.with_whole_units() } else { tiers }
        })
        .boxed()
}

fn percentage() -> BoxedStrategy<Percentage> {
    let limits = (proptest::option::of(price()), proptest::option::of(price()));
    (0_u64..3_000, price(), any::<bool>(), quantity(), quantity(), limits)
        .prop_map(|(percent, fee, counting, events, amount, (least, most))| {
            let share = Percentage::of(&format!("{percent}e-1")).unwrap().with_fee(&fee).unwrap();
            let share = share.with_free_amount(amount);
            let share = if counting { share.counting("events").with_free_events(events) } else { share };
            let share = least.and_then(|least| share.clone().at_least(&least).ok()).unwrap_or(share);
            most.and_then(|most| share.clone().at_most(&most).ok()).unwrap_or(share)
        })
        .boxed()
}

#[derive(Clone, Debug)]
enum Kind {
    Each(String),
    Graduated(Tiers),
    Volume(Tiers),
    Percent(Tiers),
    Package(Package),
    Share(Percentage),
    Times(String, u8, Rounding),
}

fn kind() -> BoxedStrategy<Kind> {
    let size = quantity().prop_filter("not empty", |size| *size > Quantity::from_parts(9, 1).unwrap());
    let package = (size, price(), quantity(), any::<bool>()).prop_map(|(size, price, free, whole_only)| {
        let package = Package::of(size, &price).unwrap().with_free(free);
        if whole_only { package.whole_only() } else { package }
    });
    prop_oneof![
        3 => price().prop_map(Kind::Each),
        1 => tiers().prop_map(Kind::Graduated),
        2 => tiers().prop_map(Kind::Volume),
        1 => tiers().prop_map(Kind::Percent),
        1 => package.prop_map(Kind::Package),
        2 => percentage().prop_map(Kind::Share),
        1 => (price(), 0_u8..4, rounding()).prop_map(|(price, places, rounding)| Kind::Times(price, places, rounding)),
    ].boxed()
}

fn priced(tariff: Tariff, name: &str, kind: Kind) -> Tariff {
    let name = name.to_owned();
    match kind {
        Kind::Each(price) => tariff.per_unit(name, &price),
        Kind::Graduated(tiers) => tariff.graduated(name, tiers),
        Kind::Volume(tiers) => tariff.volume(name, tiers),
        Kind::Percent(tiers) => tariff.graduated_percentage(name, tiers),
        Kind::Package(package) => tariff.package(name, package),
        Kind::Share(share) => tariff.percentage(name, share),
        Kind::Times(price, places, rounding) => tariff.dynamic(name, &price, places, rounding),
    }
    .unwrap()
}

type Limits = (Option<String>, Option<u32>, Option<String>, Option<String>);

fn limits() -> BoxedStrategy<Limits> {
    let rarely = || proptest::option::weighted(0.2, price());
    let large = (1_u64..200).prop_map(|price| price.to_string());
    (rarely(), proptest::option::weighted(0.2, 0_u32..=100), rarely(), proptest::option::weighted(0.3, large))
        .boxed()
}

fn limited(tariff: Tariff, (free, discount, least, most): Limits) -> Tariff {
    let tariff = free.map_or(tariff.clone(), |free| tariff.with_free_amount(&free).unwrap());
    let tariff =
        discount.map_or(tariff.clone(), |percent| tariff.with_discount(&percent.to_string()).unwrap());
    let tariff = least.map_or(tariff.clone(), |least| tariff.with_minimum(&least).unwrap());
    most.and_then(|most| tariff.clone().with_maximum(&most).ok()).unwrap_or(tariff)
}

/// Prices of one moment, size and set of labels.
fn flat() -> BoxedStrategy<Tariff> {
    let kinds = proptest::array::uniform5(proptest::option::weighted(0.85, kind()));
    let free = proptest::array::uniform5(proptest::option::weighted(0.15, quantity()));
    let fixed = proptest::option::weighted(0.3, price());
    let parts = proptest::option::weighted(0.5, proptest::collection::vec(any::<bool>(), PARTS.len()));
    (any::<bool>(), fixed, kinds, parts, free, limits(), rounding())
        .prop_map(|(others, fixed, kinds, parts, free, limits, rounding)| {
            let tariff = if others { Tariff::free() } else { Tariff::new() };
            let tariff = fixed.map_or(tariff.clone(), |price| tariff.fixed(&price).unwrap());
            let all = NAMES.into_iter().zip(kinds);
            let tariff = all.fold(tariff, |tariff, (name, kind)| match kind {
                Some(kind) => priced(tariff, name, kind),
                None => tariff,
            });
            let stated = PARTS.into_iter().zip(parts.unwrap_or_default()).filter(|(_, stated)| *stated);
            let tariff =
                stated.fold(tariff, |tariff, ((part, whole), _)| tariff.part_of(part, whole).unwrap());
            let tariff = NAMES.into_iter().zip(free).fold(tariff, |tariff, (name, free)| {
                free.and_then(|free| tariff.clone().with_free(name, free).ok()).unwrap_or(tariff)
            });
            limited(tariff, limits).rounding(rounding)
        })
        .boxed()
}

/// Minutes since a Monday.
fn moment(minutes: i64) -> Timestamp {
    // 2025-06-09T00:00Z.
    Timestamp::from_micros((1_749_427_200 + minutes * 60) * 1_000_000)
}

fn when() -> BoxedStrategy<When> {
    let names = proptest::sample::subsequence(NAMES.to_vec(), 1..4);
    let day = |day: usize| Weekday::NAMED[day].1;
    let days = proptest::option::of(proptest::collection::vec((0_usize..7).prop_map(day), 0..5));
    prop_oneof![
        4 => (names, quantity(), any::<bool>()).prop_map(|(names, bound, reached)| {
            if reached { When::at_or_above(names, bound) } else { When::above(names, bound) }
        }),
        2 => (0_usize..2, 0_usize..2).prop_map(|(name, value)| When::labelled(["x", "y"][name], ["p", "q"][value])),
        1 => (-100_i64..6_000).prop_map(|minutes| When::since(moment(minutes))),
        2 => ("[01][0-9]:[0-5][0-9]", "[01][0-9]:[0-5][0-9]", days, -120_i16..120).prop_map(|(from, until, days, offset)| {
            let when = When::daily(&from, &until).unwrap().at_offset_minutes(offset).unwrap();
            days.map_or(when.clone(), |days| when.on(days))
        }),
    ].boxed()
}

fn usage() -> BoxedStrategy<Usage> {
    proptest::array::uniform5(prop_oneof![1 => Just(Quantity::ZERO), 2 => quantity()])
        .prop_map(|all| NAMES.into_iter().zip(all).fold(Usage::new(), |all, (name, one)| all.with(name, one)))
        .boxed()
}

/// Prices of all moments, sizes and labels, nested.
fn tariff() -> BoxedStrategy<Tariff> {
    flat()
        .prop_recursive(2, 8, 3, |inner| {
            let others = proptest::collection::vec((when(), inner.clone()), 0..4);
            let rows = proptest::collection::btree_map((0_usize..2, 0_usize..2), inner, 1..3);
            let matrix = proptest::option::weighted(0.3, rows);
            (flat(), others, matrix, proptest::option::weighted(0.25, usage()), any::<bool>()).prop_map(
                |(own, others, matrix, used, first)| {
                    let later =
                        |tariff: Tariff| used.clone().map_or(tariff.clone(), |used| tariff.after(used));
                    // What was used before may be said before or after the other prices are.
                    let own = if first { later(own) } else { own };
                    let own = others
                        .into_iter()
                        .fold(own, |own, (when, other)| own.with_other(when, other).unwrap());
                    let own = if first { own } else { later(own) };
                    let Some(rows) = matrix else { return own };
                    let empty = Matrix::by(["x", "y"]).unwrap();
                    own.with_matrix(rows.into_iter().fold(empty, |matrix, ((x, y), prices)| {
                        matrix.with([["p", "q"][x], ["p", "q"][y]], prices).unwrap()
                    }))
                },
            )
        })
        .boxed()
}

/// Somewhere from the least to the most of each, at so many thousandths of the way.
fn between(least: &Usage, most: &Usage, shares: [u64; 5]) -> Usage {
    NAMES.into_iter().zip(shares).fold(Usage::new(), |all, (name, share)| {
        let (least, most) = (least.get(name), most.get(name));
        let more = |count: u64| least.checked_add(count.into()).unwrap();
        let one = match share {
            0..200 => least,
            200..600 => most,
            // So many whole ones more, or some fraction.
            600..800 => more(most.saturating_sub(least).whole() * (share - 600) / 200),
            _ => {
                let rest = most.saturating_sub(least);
                let rest =
                    Quantity::from_parts(rest.digits() / 1_000 * (share - 800), rest.places()).unwrap();
                least.checked_add(rest).unwrap()
            }
        };
        all.with(name, one)
    })
}

fn total(lines: &[Line]) -> i64 {
    lines.iter().map(|line| line.amount.minor()).sum()
}

fn bounds<'a>(least: &'a Usage, most: &'a Usage) -> impl Iterator<Item = Bounded<'a>> + Clone {
    most.iter().map(|(name, most)| (name, least.get(name), most))
}

/// What fits is covered, and no more.
fn check_covers(
    tariff: &Tariff,
    (steps, unit): (i64, Unit),
    name: &str,
    (least, most): (&Usage, &Usage),
) -> Result<(), TestCaseError> {
    let ceiling = |count: u64| {
        let others = bounds(least, most).filter(|(other, ..)| *other != name);
        let own = std::iter::once((name, Quantity::ZERO, Quantity::from(count)));
        tariff.ceiling_of(&others.chain(own), unit)
    };
    let fits = |count: u64| ceiling(count).is_ok_and(|ceiling| ceiling.minor() <= steps);
    match tariff.covers_with(unit.minor(steps), name, &bounds(least, most)) {
        Err(error) => {
            prop_assert!(ceiling(0).is_err() || ceiling(1).is_err(), "{} has no price: {}", name, error);
        }
        Ok(Quantity::MAX) => prop_assert!(fits(u64::MAX), "{} is not free", name),
        Ok(covered) => {
            prop_assert_eq!(covered.places(), 0);
            prop_assert!(fits(covered.whole()) || covered.is_zero(), "{} of {} does not fit", covered, name);
            prop_assert!(!fits(covered.whole() + 1), "more than {} of {} fits", covered, name);
            // Nor is less of it dearer.
            prop_assert!(covered.is_zero() || fits(covered.whole() / 2), "half of {} does not fit", covered);
        }
    }
    Ok(())
}

#[test]
fn what_may_be_none_in_the_end_is_owed_its_first_flat_price() {
    let tiers = Tiers::new().beyond("0").unwrap().with_flat("3").unwrap().with_first_flat_at_none();
    let tariff = Tariff::new().graduated("a", tiers).unwrap().per_unit("b", "1").unwrap();
    let tariff = tariff.part_of("b", "a").unwrap();
    let usd = Unit::new("USD", 0).unwrap();
    let of = |a: u64| tariff.charge(&Usage::new().with("a", a).with("b", 1_u64), usd).unwrap().minor();
    // All of one is in its part.
    assert_eq!((of(0), of(1), of(2)), (4, 1, 4));
    let one = Quantity::from(1_u64);
    let bounds = [("a", Quantity::ZERO, one), ("b", one, one)];
    assert_eq!(tariff.ceiling_of(&bounds.into_iter(), usd).unwrap().minor(), 4);
}

#[test]
fn what_counts_events_is_paid_for_in_what_it_is_part_of() {
    let share = Percentage::of("1").unwrap().with_fee("2").unwrap().counting("b");
    let tariff = Tariff::new().per_unit("a", "1").unwrap().percentage("c", share).unwrap();
    let tariff = tariff.part_of("b", "a").unwrap();
    let usd = Unit::new("USD", 0).unwrap();
    let charge = |a: u64, b: u64| {
        let usage = Usage::new().with("a", a).with("b", b).with("c", 100_u64);
        tariff.charge(&usage, usd).unwrap().minor()
    };
    assert_eq!((charge(10, 0), charge(10, 1), charge(10, 4), charge(0, 4)), (13, 13, 19, 13));
}

proptest! {
    #[test]
    fn nothing_within_bounds_costs_more_than_their_ceiling(
        tariff in tariff(),
        most in usage(),
        least in proptest::option::of(proptest::array::uniform5(0_u64..1_000)),
        shares in proptest::collection::vec(proptest::array::uniform5(0_u64..1_000), 4),
        (from, length, micros) in (-50_i64..6_000, prop_oneof![0_i64..2_000, 0_i64..20_000], 0_i64..60_000_000),
        at in proptest::array::uniform4(0_i64..=1_000),
        of in (0_usize..3, 0_usize..3),
        (asked, spare) in (0_usize..5, -20_i64..300),
        scale in 0_u8..4,
    ) {
        let unit = Unit::new("USD", scale).unwrap();
        let least = least.map_or_else(Usage::new, |shares| between(&Usage::new(), &most, shares));
        let (start, until) = (Timestamp::from_micros(moment(from).as_micros() - micros), moment(from + length));
        let value = |index: usize| ["p", "q"].get(index).copied();
        let pairs = [("x", value(of.0)), ("y", value(of.1))];
        let labels = Labels::new(pairs.into_iter().filter_map(|(name, value)| Some((name, value?)))).unwrap();
        let book = PriceBook::new(unit).with("t", tariff.clone()).unwrap();
        let again = PriceBook::from_json(&book.to_json()).unwrap();
        prop_assert_eq!(&again, &book);
        let (tariff, again) = (Arc::new(tariff), again.tariff("t").unwrap());
        let held = tariff.between(start, until, &labels);
        let ceiling = held.ceiling_of(&bounds(&least, &most), unit);
        if let Ok(ceiling) = &ceiling {
            let lines = held.ceiling_lines_of(&bounds(&least, &most), unit).unwrap();
            prop_assert_eq!(total(&lines), ceiling.minor());
            check_covers(&held, (ceiling.minor() + spare - 150, unit), NAMES[asked], (&least, &most))?;
        }
        check_covers(&held, (spare, unit), NAMES[asked], (&least, &most))?;
        for (shares, at) in shares.into_iter().zip(at) {
            let used = between(&least, &most, shares);
            let now = start.as_micros() + (until.as_micros() - start.as_micros()) / 1_000 * at;
            let now = Timestamp::from_micros(now);
            let prices = tariff.at(now, &labels);
            let charge = prices.charge(&used, unit);
            prop_assert_eq!(&charge, &again.at(now, &labels).charge(&used, unit));
            match (&charge, &ceiling) {
                (Ok(charge), Ok(ceiling)) => {
                    prop_assert_eq!(total(&prices.charge_lines(&used, unit).unwrap()), charge.minor());
                    prop_assert!(!charge.is_negative());
                    prop_assert!(charge.minor() <= ceiling.minor(), "{:?} at {}: {} > {}", used, now, charge, ceiling);
                }
                // Events with limits are priced one by one, and a part of one is not one.
                (Err(PriceError::SeveralEvents { .. }), _) | (_, Err(_)) => {}
                (Err(error), Ok(_)) => prop_assert!(false, "it has a ceiling and no charge: {}", error),
            }
        }
    }
}
