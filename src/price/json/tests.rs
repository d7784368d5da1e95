//! Tests: what each field means, what is wrong and where, and that everything reads back as it was.

use super::BookFaults;
use crate::amount::Unit;
use crate::price::{
    Matrix, Package, Percentage, PriceBook, Rounding, Tariff, Tiers, UnknownPrice, Weekday, When,
};
use crate::usage::{Quantity, Usage};

mod limits;
mod round_trip;
mod wrong;

fn tariff(json: &str) -> Tariff {
    Tariff::from_json(json).unwrap_or_else(|faults| panic!("{json}: {faults}"))
}

fn priced(rate: &str) -> Tariff {
    tariff(&format!("{{ \"rates\": {{ \"x\": {rate} }} }}"))
}

/// Path and text of each fault.
fn faults(result: Result<impl Sized, BookFaults>) -> Vec<(String, String)> {
    let faults = result.err().expect("something is wrong").faults;
    faults.into_iter().map(|fault| (fault.path, fault.problem.to_string())).collect()
}

#[test]
fn every_kind_of_price_is_what_its_builder_makes() {
    let new = Tariff::new;
    let tiers = || Tiers::new().up_to(100_u64, "0.1").unwrap().with_flat("3").unwrap();
    let share = || Percentage::of("2.9").unwrap();
    for (json, wanted) in [
        (r#"{ "per_unit": "0.002" }"#, new().per_unit("x", "0.002")),
        (r#"{ "per_unit": 2.5e-06 }"#, new().per_unit("x", "0.0000025")),
        (r#"{ "per_thousand": "1.5" }"#, new().per_thousand("x", "1.5")),
        (r#"{ "per_million": 2.50 }"#, new().per_million("x", "2.5")),
        // A number that no float holds.
        (r#"{ "per_unit": 12345678901234567.89 }"#, new().per_unit("x", "12345678901234567.89")),
        (
            r#"{ "graduated": [{ "up_to": 100, "per_thousand": "100", "flat": 3 }, { "per_million": "50000" }] }"#,
            new().graduated("x", tiers().beyond("0.05").unwrap()),
        ),
        (
            r#"{ "volume": [{ "up_to": "100", "per_unit": "0.1", "flat": "3" }, { "per_unit": "0", "flat": "2" }],
                "first_flat_at_none": true }"#,
            new().volume("x", tiers().beyond("0").unwrap().with_flat("2").unwrap().with_first_flat_at_none()),
        ),
        (
            r#"{ "graduated": [{ "up_to": "100", "percent": "10", "flat": "3" }, { "percent": "1" }] }"#,
            new().graduated_percentage(
                "x",
                Tiers::new().up_to(100_u64, "10").unwrap().with_flat("3").unwrap().beyond("1").unwrap(),
            ),
        ),
        (r#"{ "package": "1.5", "size": "0.5" }"#, {
            new().package("x", Package::of("0.5".parse::<Quantity>().unwrap(), "1.5").unwrap())
        }),
        (
            r#"{ "package": "1.5", "size": 100, "free": 50, "whole_only": true }"#,
            new().package("x", Package::of(100_u64, "1.5").unwrap().with_free(50_u64).whole_only()),
        ),
        (r#"{ "percent": "2.9" }"#, new().percentage("x", share())),
        (
            r#"{ "graduated": [{ "up_to": 100, "per_unit": "0.1", "flat": "3" }, { "per_unit": "1" }], "whole_units": true }"#,
            new().graduated("x", tiers().beyond("1").unwrap().with_whole_units()),
        ),
        (
            r#"{ "multiplier": "1.2", "places": 2, "rounding": "half_even" }"#,
            new().dynamic("x", "1.2", 2, Rounding::HalfEven),
        ),
        (
            r#"{ "multiplier": 3, "places": "12", "rounding": "down" }"#,
            new().dynamic("x", "3", 12, Rounding::Down),
        ),
        (
            r#"{ "percent": "2.9", "fee": "0.3", "counting": "payments", "free_events": "1", "free_amount": "100",
                "at_least": "0.5", "at_most": "20" }"#,
            new().percentage("x", {
                let share = share().with_fee("0.3").unwrap().counting("payments").with_free_events(1_u64);
                share.with_free_amount(100_u64).at_least("0.5").unwrap().at_most("20").unwrap()
            }),
        ),
    ] {
        assert_eq!(priced(json), wanted.unwrap(), "{json}");
    }
}

#[test]
fn every_part_of_a_tariff_is_what_its_builder_makes() {
    let json = r#"{
        "fixed": "0.01", "discount_percent": "12.5", "maximum": 20, "minimum": "0.5", "rounding": "half_even",
        "other_quantities": "free", "after": { "rows": "7.5" }, "free": { "input": 5, "cached": "0.5" },
        "free_amount": "0.25", "matrix": { "labels": ["region", "size"], "rows": [
            { "values": ["eu", ""], "prices": { "fixed": 1 } }, { "prices": {}, "values": ["eu", "large"] }
        ] },
        "rates": { "input": { "per_unit": "1" }, "cached": { "per_unit": "0.1" } },
        "part_of": [["cached", "input"], ["images", "input"]]
    }"#;
    let wanted =
        Tariff::free().fixed("0.01").unwrap().with_discount("12.5").unwrap().with_maximum("20").unwrap();
    let wanted = wanted.with_minimum("0.5").unwrap().rounding(Rounding::HalfEven);
    let wanted = wanted.per_unit("input", "1").unwrap().per_unit("cached", "0.1").unwrap();
    let wanted = wanted.part_of("cached", "input").unwrap().part_of("images", "input").unwrap();
    let wanted = wanted.with_free("input", 5_u64).unwrap();
    let wanted = wanted.with_free("cached", "0.5".parse::<Quantity>().unwrap()).unwrap();
    let matrix = Matrix::by(["region", "size"]).unwrap().with(["eu", "large"], Tariff::new()).unwrap();
    let matrix = matrix.with(["eu", ""], Tariff::new().fixed("1").unwrap()).unwrap();
    let wanted = wanted.with_free_amount("0.25").unwrap().with_matrix(matrix);
    assert_eq!(tariff(&wanted.to_json()), wanted);
    let wanted = wanted.after(Usage::new().with("rows", "7.5".parse::<Quantity>().unwrap()));
    assert_eq!(tariff(json), wanted);
    assert_eq!(tariff("{}"), Tariff::new());
    let explicit = r#"{ "rates": {}, "part_of": [], "other_quantities": "refuse", "rounding": "down", "other_prices": [] }"#;
    assert_eq!(tariff(explicit), Tariff::new());
}

#[test]
fn every_condition_is_what_its_builder_makes() {
    let day = || When::daily("22:00", "06:30").unwrap();
    let moment = |text: &str| When::since(text.parse().unwrap());
    for (json, when) in [
        (r#"{ "above": "200000", "of": ["a", "b"] }"#, When::above(["a", "b"], 200_000_u64)),
        (
            r#"{ "at_or_above": 1.5, "of": ["a"] }"#,
            When::at_or_above(["a"], "1.5".parse::<Quantity>().unwrap()),
        ),
        (r#"{ "label": "tier", "is": "batch" }"#, When::labelled("tier", "batch")),
        (r#"{ "label": "region", "is": "" }"#, When::labelled("region", "")),
        (r#"{ "since": "2026-03-01" }"#, moment("2026-03-01T00:00:00.000000Z")),
        (r#"{ "since": "2026-03-01T06:30:00Z" }"#, moment("2026-03-01T06:30:00.000000Z")),
        (r#"{ "since": "2026-03-01T06:30:00.000001Z" }"#, moment("2026-03-01T06:30:00.000001Z")),
        (r#"{ "daily_from": "22:00", "until": "06:30" }"#, day()),
        (
            r#"{ "daily_from": "22:00", "until": "06:30", "on": ["sunday", "friday"], "offset_minutes": -90 }"#,
            day().on([Weekday::Friday, Weekday::Sunday]).at_offset_minutes(-90).unwrap(),
        ),
        (
            r#"{ "daily_from": "22:00", "until": "06:30", "on": [], "offset_minutes": "1080" }"#,
            day().on([]).at_offset_minutes(1_080).unwrap(),
        ),
    ] {
        let other = Tariff::new().fixed("2").unwrap();
        let wanted = Tariff::new().fixed("1").unwrap().with_other(when, other).unwrap();
        let json = format!(
            "{{ \"fixed\": 1, \"other_prices\": [{{ \"when\": {json}, \"prices\": {{ \"fixed\": 2 }} }}] }}"
        );
        assert_eq!(tariff(&json), wanted, "{json}");
        assert_eq!(tariff(&wanted.to_json()), wanted, "{json}");
    }
}

#[test]
fn a_book_is_what_its_builder_makes_and_is_written_in_one_way() {
    let book = |unknown: &str| {
        let json = format!(r#"{{ "unit": "USD/6", {unknown} "tariffs": {{ "a": {{ "fixed": 1 }} }} }}"#);
        PriceBook::from_json(&json).unwrap_or_else(|faults| panic!("{faults}"))
    };
    let plain =
        PriceBook::new(Unit::new("USD", 6).unwrap()).with("a", Tariff::new().fixed("1").unwrap()).unwrap();
    assert_eq!(book(""), plain);
    assert_eq!(book(r#""unknown": "refuse","#), plain);
    assert_eq!(book(r#""unknown": "free","#), plain.clone().unknown(UnknownPrice::Free));
    let fallback = Tariff::new().fixed("9").unwrap();
    let fallback = plain.unknown(UnknownPrice::Fallback(fallback));
    assert_eq!(book(r#""unknown": { "fixed": "9" },"#), fallback);
    let long = Tariff::from_json(
        r#"{ "rates": { "in": { "per_unit": 0.00002 }, "out": { "per_unit": 0.0025 }, "calls": { "volume": [
            { "up_to": 1, "per_unit": 1 }, { "up_to": 2, "per_unit": 2 }, { "up_to": 3, "per_unit": 3, "flat": 1 }, { "per_unit": 4 }
        ] } }, "part_of": [["b", "a"]], "other_prices": [{ "when": { "since": "2026-03-01" }, "prices": { "fixed": 1 } }] }"#,
    );
    let fallback = fallback.with("a \"long\" one", long.unwrap()).unwrap();
    assert_eq!(
        fallback.to_json(),
        r#"{
  "unit": "USD/6",
  "unknown": {
    "fixed": "9"
  },
  "tariffs": {
    "a": {
      "fixed": "1"
    },
    "a \"long\" one": {
      "rates": {
        "in": { "per_million": "20" },
        "out": { "per_unit": "0.0025" },
        "calls": {
          "volume": [
            { "up_to": "1", "per_unit": "1" },
            { "up_to": "2", "per_unit": "2" },
            { "up_to": "3", "per_unit": "3", "flat": "1" },
            { "per_unit": "4" }
          ]
        }
      },
      "part_of": [["b", "a"]],
      "other_prices": [
        {
          "when": { "since": "2026-03-01" },
          "prices": {
            "fixed": "1"
          }
        }
      ]
    }
  }
}
"#
    );
    assert_eq!(PriceBook::from_json(&fallback.to_json()), Ok(fallback));
    // What is not checked before it is priced is JSON at least.
    let odd = Tariff::new().after(Usage::new().with("\n\u{9f}\\", 1_u64));
    assert_eq!(odd.to_json(), "{\n  \"after\": { \"\\u000a\\u009f\\\\\": \"1\" }\n}\n");
    assert_eq!(faults(Tariff::from_json(&odd.to_json()))[0].0, r#"after["\n\u{9f}\\"]"#);
}
