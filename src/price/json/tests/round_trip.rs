//! Tests: random books read back as they were, and texts that are no books are faults and nothing worse.

use std::fmt::{self, Write};

use proptest::prelude::*;

use crate::amount::Unit;
use crate::clock::Timestamp;
use crate::price::{
    Matrix, Package, Percentage, PriceBook, PriceError, Rounding, Tariff, Tiers, UnknownPrice, Weekday, When,
};
use crate::usage::{Quantity, Usage};

/// A price as text: short ones, and all there are.
fn price() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => (0_u64..2_000, 0_u8..9).prop_map(|(digits, places)| format!("{digits}e-{places}")),
        1 => (any::<u64>(), 0_u8..=28).prop_map(|(digits, places)| format!("{digits}e-{places}")),
    ]
}

/// The same, of which a hundredth can be kept as well.
fn percent() -> impl Strategy<Value = String> {
    (any::<u64>(), 0_u8..=26).prop_map(|(digits, places)| format!("{digits}e-{places}"))
}

fn quantity() -> impl Strategy<Value = Quantity> {
    prop_oneof![
        3 => (0_u64..5_000).prop_map(Quantity::from),
        1 => (any::<u64>(), 0_u8..=9).prop_map(|(digits, places)| Quantity::from_parts(digits, places).unwrap()),
    ]
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![4 => "[a-e]", 1 => "[!-~]{1,64}"]
}

fn tiers(price: impl Strategy<Value = String>) -> impl Strategy<Value = Tiers> {
    let tier = (quantity(), price, prop_oneof![Just("0".to_owned()), self::price()]);
    (proptest::collection::vec(tier, 1..6), any::<bool>(), any::<bool>()).prop_map(
        |(mut all, at_none, whole_units)| {
            all.sort_by_key(|(bound, ..)| *bound);
            all.dedup_by_key(|(bound, ..)| *bound);
            let last = all.len() - 1;
            let tiers =
                all.into_iter().enumerate().fold(Tiers::new(), |tiers, (index, (bound, unit, flat))| {
                    let tiers = match index {
                        index if index == last => tiers.beyond(&unit),
                        _ if bound.is_zero() => return tiers,
                        _ => tiers.up_to(bound, &unit),
                    };
                    tiers.unwrap().with_flat(&flat).unwrap()
                });
            let tiers = if at_none { tiers.with_first_flat_at_none() } else { tiers };
            if whole_units { tiers.with_whole_units() } else { tiers }
        },
    )
}

fn package() -> impl Strategy<Value = Package> {
    let size = quantity().prop_filter("not empty", |size| !size.is_zero());
    (size, price(), quantity(), any::<bool>()).prop_map(|(size, price, free, whole_only)| {
        let package = Package::of(size, &price).unwrap().with_free(free);
        if whole_only { package.whole_only() } else { package }
    })
}

fn percentage() -> impl Strategy<Value = Percentage> {
    let limits = (proptest::option::of(price()), proptest::option::of(price()));
    (percent(), price(), proptest::option::of(name()), quantity(), quantity(), limits).prop_map(
        |(percent, fee, counting, events, amount, (least, most))| {
            let mut share = Percentage::of(&percent).unwrap().with_fee(&fee).unwrap();
            share = share.with_free_events(events).with_free_amount(amount);
            if let Some(name) = counting {
                share = share.counting(name);
            }
            for limited in [
                least.map(|price| share.clone().at_least(&price)),
                most.map(|price| share.clone().at_most(&price)),
            ] {
                share = limited.and_then(Result::ok).unwrap_or(share);
            }
            share
        },
    )
}

/// One more statement of a tariff.
struct Step(Box<dyn Fn(Tariff) -> Result<Tariff, PriceError>>);

impl Step {
    /// The tariff with it, or without it if it contradicts the others.
    fn apply(&self, tariff: Tariff) -> Tariff {
        (self.0)(tariff.clone()).unwrap_or(tariff)
    }
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.apply(Tariff::new()))
    }
}

fn step(change: impl Fn(Tariff) -> Result<Tariff, PriceError> + 'static) -> Step {
    Step(Box::new(change))
}

fn rounding() -> impl Strategy<Value = Rounding> {
    proptest::sample::select(vec![Rounding::Down, Rounding::HalfUp, Rounding::HalfEven, Rounding::Up])
}

fn statement() -> impl Strategy<Value = Vec<Step>> {
    let one = prop_oneof![
        (name(), price()).prop_map(|(name, price)| step(move |t| t.per_unit(name.clone(), &price))),
        (name(), percent()).prop_map(|(name, price)| step(move |t| t.per_thousand(name.clone(), &price))),
        (name(), price()).prop_map(|(name, price)| step(move |t| t.per_million(name.clone(), &price))),
        (name(), tiers(price()))
            .prop_map(|(name, all)| step(move |t| t.graduated(name.clone(), all.clone()))),
        (name(), tiers(price())).prop_map(|(name, all)| step(move |t| t.volume(name.clone(), all.clone()))),
        (name(), tiers(percent()))
            .prop_map(|(name, all)| step(move |t| t.graduated_percentage(name.clone(), all.clone()))),
        (name(), package()).prop_map(|(name, all)| step(move |t| t.package(name.clone(), all))),
        (name(), percentage()).prop_map(|(name, all)| step(move |t| t.percentage(name.clone(), all.clone()))),
        (name(), name()).prop_map(|(part, whole)| step(move |t| t.part_of(part.clone(), whole.clone()))),
        (name(), price(), 0_u8..=12, rounding()).prop_map(|(name, price, places, mode)| step(
            move |t| t.dynamic(name.clone(), &price, places, mode)
        )),
        (name(), quantity()).prop_map(|(name, count)| step(move |t| t.with_free(name.clone(), count))),
        price().prop_map(|price| step(move |t| t.with_free_amount(&price))),
        price().prop_map(|price| step(move |t| t.fixed(&price))),
        (0_u64..=100_000).prop_map(|percent| step(move |t| t.with_discount(&format!("{percent}e-3")))),
        price().prop_map(|price| step(move |t| t.with_minimum(&price))),
        price().prop_map(|price| step(move |t| t.with_maximum(&price))),
        rounding().prop_map(|mode| step(move |t| Ok(t.rounding(mode)))),
        proptest::collection::vec((name(), quantity()), 0..4).prop_map(|used| {
            let used = used.into_iter().fold(Usage::new(), |used, (name, count)| used.with(name, count));
            step(move |t| Ok(t.after(used.clone())))
        }),
    ];
    proptest::collection::vec(one, 0..8)
}

fn when() -> impl Strategy<Value = When> {
    const DAYS: [Weekday; 7] = [
        Weekday::Monday,
        Weekday::Tuesday,
        Weekday::Wednesday,
        Weekday::Thursday,
        Weekday::Friday,
        Weekday::Saturday,
        Weekday::Sunday,
    ];
    let names = || proptest::collection::vec(name(), 0..4);
    let days = proptest::sample::subsequence(DAYS.to_vec(), 0..=7);
    prop_oneof![
        (names(), quantity()).prop_map(|(names, bound)| When::above(names, bound)),
        (names(), quantity()).prop_map(|(names, bound)| When::at_or_above(names, bound)),
        ("[a-zäöü\"\\\\]{1,8}", "[^\\pC]{0,20}").prop_map(|(name, value)| When::labelled(name, value)),
        prop_oneof![any::<i64>(), (-40_000_i64..40_000).prop_map(|day| day * 86_400_000_000)]
            .prop_map(|micros| When::since(Timestamp::from_micros(micros))),
        ((0..24, 0..60), (0..24, 0..60), days, -1_080_i16..=1_080).prop_map(|(from, until, days, offset)| {
            let time = |(hour, minute): (i32, i32)| format!("{hour:02}:{minute:02}");
            When::daily(&time(from), &time(until)).unwrap().on(days).at_offset_minutes(offset).unwrap()
        }),
    ]
}

fn tariff() -> impl Strategy<Value = Tariff> {
    let plain = (statement(), any::<bool>()).prop_map(|(steps, free)| {
        steps
            .iter()
            .fold(if free { Tariff::free() } else { Tariff::new() }, |tariff, step| step.apply(tariff))
    });
    plain.prop_recursive(4, 24, 3, |inner| {
        let row = (proptest::collection::vec("[a-c]?", 2), inner.clone());
        let matrix = proptest::option::of(proptest::collection::vec(row, 0..4));
        (inner.clone(), proptest::collection::vec((when(), inner), 0..4), matrix, statement()).prop_map(
            |(mut tariff, others, matrix, steps)| {
                let row = |matrix: Matrix, (values, prices): (Vec<String>, Tariff)| {
                    matrix.clone().with(values, prices).unwrap_or(matrix)
                };
                if let Some(rows) = matrix {
                    tariff = tariff.with_matrix(rows.into_iter().fold(Matrix::by(["a", "b"]).unwrap(), row));
                }
                let step = |tariff: Tariff, (when, other): (When, Tariff)| {
                    tariff.clone().with_other(when, other).unwrap_or(tariff)
                };
                let tariff = others.into_iter().fold(tariff, step);
                steps.iter().fold(tariff, |tariff, step| step.apply(tariff))
            },
        )
    })
}

fn book() -> impl Strategy<Value = PriceBook> {
    let unknown = prop_oneof![
        Just(UnknownPrice::Refuse),
        Just(UnknownPrice::Free),
        tariff().prop_map(UnknownPrice::Fallback)
    ];
    let tariffs = proptest::collection::vec(("[^\\pC]{1,12}|[a-z]/[a-z]\"", tariff()), 0..4);
    ("[A-Za-z0-9]{1,7}", 0_u8..=12, unknown, tariffs).prop_map(|(code, scale, unknown, tariffs)| {
        let book = PriceBook::new(Unit::new(&code, scale).unwrap()).unknown(unknown);
        tariffs.into_iter().fold(book, |book, (name, tariff)| book.clone().with(name, tariff).unwrap_or(book))
    })
}

/// The same JSON with other spaces, and each text begun with an escape.
fn rewritten(json: &str) -> String {
    let (mut out, mut within, mut escaped) = (String::new(), false, false);
    for character in json.chars() {
        match character {
            '"' if !escaped => {
                within = !within;
                out.push(character);
            }
            ' ' | '\n' if !within => continue,
            '{' | '[' | ',' | ':' | '}' | ']' if !within => out.extend(['\t', character, '\n', ' ']),
            'a'..='z' if out.ends_with('"') && within => {
                write!(out, "\\u{:04X}", u32::from(character)).unwrap();
            }
            _ => out.push(character),
        }
        escaped = character == '\\' && !escaped;
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_book_reads_back_as_it_was(book in book()) {
        let json = book.to_json();
        let read = PriceBook::from_json(&json);
        prop_assert_eq!(read.as_ref(), Ok(&book), "{}", json);
        prop_assert_eq!(PriceBook::validate(&json), []);
        prop_assert!(json.lines().all(|line| line.trim_end() == line));
        for name in book.names() {
            let tariff = book.tariff(name).unwrap();
            let read = Tariff::from_json(&tariff.to_json());
            prop_assert_eq!(read.as_ref(), Ok(&*tariff));
        }
    }

    #[test]
    fn spaces_and_escapes_mean_nothing(tariff in tariff()) {
        let json = rewritten(&tariff.to_json());
        prop_assert_eq!(Tariff::from_json(&json), Ok(tariff), "{}", json);
    }

    #[test]
    fn what_is_no_book_is_a_fault_and_no_panic(
        text in "\\PC{0,60}|[\\[\\]{}\":,0-9eE.+ -]{0,60}",
        value in "[0-9eE.+\"-]{0,12}|\\{\\}|\\[[0-9,]{0,3}\\]|null|true|\"\\PC{0,9}\"",
        field in proptest::sample::select(crate::price::json::tariffs::TARIFF.to_vec()),
    ) {
        let _ = PriceBook::validate(&text);
        let _ = Tariff::from_json(&text);
        let _ = Tariff::from_json(&format!("{{\"{field}\": {value}}}"));
        let _ = Tariff::from_json(&format!("{{\"rates\": {{\"x\": {{\"{field}\": {value}}}}}}}"));
        for kind in ["per_unit", "volume", "graduated", "package", "percent"] {
            let _ = Tariff::from_json(&format!("{{\"rates\": {{\"x\": {{\"{kind}\": {value}}}}}}}"));
        }
        for kind in ["above", "label", "since", "daily_from"] {
            let when = format!("{{\"{kind}\": {value}, \"of\": {value}, \"is\": {value}, \"until\": {value}}}");
            let _ = Tariff::from_json(&format!("{{\"other_prices\": [{{\"when\": {when}, \"prices\": {{}}}}]}}"));
        }
    }

    #[test]
    fn a_book_with_a_piece_missing_or_doubled_is_read_or_refused(
        book in book(),
        (from, length) in (any::<prop::sample::Index>(), 1_usize..12),
        inserted in "|[\\[\\]{}\":,0-9]{1,3}|null|\"\\\\ud800\"",
        double: bool,
    ) {
        let json: Vec<char> = book.to_json().chars().collect();
        let from = from.index(json.len());
        let until = (from + length).min(json.len());
        let part = |range: std::ops::Range<usize>| json[range].iter().collect::<String>();
        let cut = format!("{}{inserted}{}", part(0..from), part(if double { from } else { until }..json.len()));
        match PriceBook::from_json(&cut) {
            // What is read has a text of its own.
            Ok(read) => prop_assert_eq!(PriceBook::from_json(&read.to_json()), Ok(read)),
            Err(error) => prop_assert!(!error.faults.is_empty()),
        }
    }
}
