//! Tests: what each field means, what is wrong and where, and that everything reads back as it was.

use super::{BookFaults, BookProblem};
use crate::amount::Unit;
use crate::price::{
    Matrix, Package, Percentage, PriceBook, Rounding, Tariff, Tiers, UnknownPrice, Weekday, When,
};
use crate::usage::{Quantity, Usage};

mod round_trip;

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

/// A tariff, what is wrong with it, and where.
const WRONG: &[(&str, &[(&str, &str)])] = &[
    ("[]", &[("", "expected an object, found a list")]),
    ("null", &[("", "expected an object, found null")]),
    ("\"free\"", &[("", "expected an object, found \"free\"")]),
    (r#"{ "fixed": null }"#, &[("fixed", "expected a number, as text or as it is, found null")]),
    (r#"{ "fixed": -1 }"#, &[("fixed", "\"-1\" is not a price")]),
    (r#"{ "fixed": "1.5 " }"#, &[("fixed", "\"1.5 \" is not a price")]),
    (r#"{ "fixed": 1e-29 }"#, &[("fixed", "the price \"1e-29\" cannot be kept exactly")]),
    (r#"{ "fixed": [1] }"#, &[("fixed", "found a list")]),
    (r#"{ "fixed": 1, "fixed": 1 }"#, &[(r#"["fixed"]"#, "it is stated twice")]),
    (r#"{ "fixed": 1, "\u0066ixed": 1 }"#, &[(r#"["fixed"]"#, "it is stated twice")]),
    (r#"{ "ficsed": 1 }"#, &[("ficsed", "there is no such field: expected fixed, rates, part_of")]),
    (r#"{ "Fixed\n": 1 }"#, &[(r#"["Fixed\n"]"#, "there is no such field")]),
    (r#"{ "fixed": "\ud800" }"#, &[("fixed", "half a character is escaped")]),
    (r#"{ "\ud800": 1 }"#, &[("", "half a character is escaped")]),
    (r#"{ "minimum": 5, "maximum": 4 }"#, &[("minimum", "the minimum of 5 is higher than the maximum of 4")]),
    (r#"{ "discount_percent": "100.1" }"#, &[("discount_percent", "a discount of \"100.1\" percent")]),
    (
        r#"{ "rounding": "away" }"#,
        &[("rounding", r#"expected "down", "half_up", "half_even" or "up", found "away""#)],
    ),
    (r#"{ "rounding": 1 }"#, &[("rounding", "found 1")]),
    (
        r#"{ "other_quantities": true }"#,
        &[("other_quantities", r#"expected "refuse" or "free", found true"#)],
    ),
    (r#"{ "rates": [] }"#, &[("rates", "expected an object, found a list")]),
    (r#"{ "rates": { "x": "5" } }"#, &[(r#"rates["x"]"#, "expected an object, found \"5\"")]),
    (r#"{ "rates": { "x": {} } }"#, &[(r#"rates["x"]"#, "a field is missing: per_unit, per_thousand")]),
    (r#"{ "rates": { "x": { "free": 5 } } }"#, &[(r#"rates["x"]"#, "a field is missing")]),
    (
        r#"{ "rates": { "x": { "per_milion": 5 } } }"#,
        &[(r#"rates["x"].per_milion"#, "there is no such field")],
    ),
    (
        r#"{ "rates": { "x": { "per_unit": 5, "volume": [] } } }"#,
        &[(r#"rates["x"]"#, "expected only one of per_unit and volume")],
    ),
    (
        r#"{ "rates": { "x": { "per_unit": 5, "fee": 1 } } }"#,
        &[(r#"rates["x"].fee"#, "there is no such field: expected per_unit")],
    ),
    (
        r#"{ "rates": { "two words": { "per_unit": 5 } } }"#,
        &[(r#"rates["two words"]"#, "is not the name of")],
    ),
    (
        r#"{ "rates": { "x": { "per_unit": 1 }, "x": { "per_unit": -1 } } }"#,
        &[(r#"rates["x"]"#, "it is stated twice")],
    ),
    (r#"{ "rates": { "x": { "graduated": [] } } }"#, &[(r#"rates["x"].graduated"#, "the last tier must be")]),
    (
        r#"{ "rates": { "x": { "graduated": [{ "up_to": 5, "per_unit": 1 }] } } }"#,
        &[(r#"rates["x"].graduated"#, "the last tier must be one without a bound")],
    ),
    // Three at once, and not one more that only follows from them.
    (
        r#"{ "rates": { "x": { "volume": [
            { "up_to": "5e0", "per_unit": 1 }, { "up_to": 9, "unit": 1 }, { "up_to": 9, "per_unit": 1, "flat": "x" }
        ] } } }"#,
        &[
            (r#"rates["x"].volume[0].up_to"#, "\"5e0\" is not a quantity"),
            (r#"rates["x"].volume[1].unit"#, "there is no such field"),
            (r#"rates["x"].volume[2].flat"#, "\"x\" is not a price"),
            (r#"rates["x"].volume[2].up_to"#, "a bound must be above zero and above the bound before it"),
        ],
    ),
    (
        r#"{ "rates": { "x": { "volume": [{ "per_unit": 1 }, { "per_unit": 1, "percent": 1 }] } } }"#,
        &[
            (r#"rates["x"].volume[1]"#, "expected only one of per_unit and percent"),
            (r#"rates["x"].volume[1]"#, "nothing comes after the tier without a bound"),
        ],
    ),
    (
        r#"{ "rates": { "x": { "volume": [{ "per_unit": 1 }], "first_flat_at_none": "yes" } } }"#,
        &[(r#"rates["x"].first_flat_at_none"#, "expected true or false, found \"yes\"")],
    ),
    (r#"{ "rates": { "x": { "package": 1 } } }"#, &[(r#"rates["x"]"#, "a field is missing: size")]),
    (
        r#"{ "rates": { "x": { "package": "", "size": 0, "free": -1, "whole_only": 1 } } }"#,
        &[
            (r#"rates["x"].package"#, "\"\" is not a price"),
            (r#"rates["x"].free"#, "\"-1\" is not a quantity"),
            (r#"rates["x"].whole_only"#, "expected true or false, found 1"),
            (r#"rates["x"].size"#, "a package must have something in it"),
        ],
    ),
    (
        r#"{ "rates": { "x": { "percent": "5 %", "fee": true, "counting": "", "free_events": "a", "free_amount": {},
            "at_least": 2, "at_most": 1 } } }"#,
        &[
            (r#"rates["x"].percent"#, "\"5 %\" is not a price"),
            (r#"rates["x"].fee"#, "found true"),
            (r#"rates["x"].free_events"#, "\"a\" is not a quantity"),
            (r#"rates["x"].free_amount"#, "found an object"),
            (r#"rates["x"].counting"#, "\"\" is not the name of a quantity"),
            (r#"rates["x"].at_least"#, "the minimum of 2 is higher than the maximum of 1"),
        ],
    ),
    (r#"{ "part_of": { "a": "b" } }"#, &[("part_of", "expected a list, found an object")]),
    (
        r#"{ "part_of": [["a", "b"], ["b", "a"], ["a"], ["a", "b", "c"], ["", 1], "a"] }"#,
        &[
            ("part_of[1]", "\"b\" cannot be a part of \"a\": that is within it"),
            ("part_of[2]", "expected a list of two names, the part and what it is in, found a list"),
            ("part_of[3]", "3 are too many: at most 2"),
            ("part_of[4][0]", "\"\" is not the name of a quantity"),
            ("part_of[4][1]", "expected text, found 1"),
            ("part_of[5]", "expected a list, found \"a\""),
        ],
    ),
    (
        r#"{ "after": { "a": "x", "b c": 1 } }"#,
        &[(r#"after["a"]"#, "\"x\" is not a quantity"), (r#"after["b c"]"#, "is not the name of a quantity")],
    ),
    (
        r#"{ "other_prices": [{}] }"#,
        &[("other_prices[0]", "a field is missing: when"), ("other_prices[0]", "a field is missing: prices")],
    ),
    (
        r#"{ "other_prices": [{ "when": {}, "prices": { "fixed": "-" }, "if": 1 }] }"#,
        &[
            ("other_prices[0].if", "there is no such field: expected when or prices"),
            ("other_prices[0].when", "a field is missing: above, at_or_above, label, since or daily_from"),
            ("other_prices[0].prices.fixed", "\"-\" is not a price"),
        ],
    ),
];

/// The same of what is rarer.
const WRONG_TOO: &[(&str, &[(&str, &str)])] = &[
    (
        r#"{ "rates": { "x": { "multiplier": 1 }, "y": { "multiplier": -1, "places": 13, "rounding": "even" },
            "z": { "multiplier": 1, "places": 1.5, "rounding": "up" } } }"#,
        &[
            (r#"rates["x"]"#, "a field is missing: places"),
            (r#"rates["x"]"#, "a field is missing: rounding"),
            (r#"rates["y"].multiplier"#, "\"-1\" is not a price"),
            (r#"rates["y"].places"#, "expected a whole number from 0 to 12, found 13"),
            (r#"rates["y"].rounding"#, "found \"even\""),
            (r#"rates["z"].places"#, "expected a whole number from 0 to 12, found 1.5"),
        ],
    ),
    (
        r#"{ "rates": { "x": { "volume": [{ "up_to": 2.5, "per_unit": 1 }, { "per_unit": 1 }], "whole_units": true } } }"#,
        &[(r#"rates["x"].volume"#, "whole units need whole bounds")],
    ),
    (
        r#"{ "rates": { "x": { "per_unit": 1 } }, "free": { "x": -1, "y": 5 }, "free_amount": "all" }"#,
        &[
            ("free_amount", "\"all\" is not a price"),
            (r#"free["x"]"#, "\"-1\" is not a quantity"),
            (r#"free["y"]"#, "5 of \"y\" cannot be priced"),
        ],
    ),
    (r#"{ "matrix": [] }"#, &[("matrix", "expected an object, found a list")]),
    (
        r#"{ "matrix": {} }"#,
        &[("matrix", "a field is missing: labels"), ("matrix", "a field is missing: rows")],
    ),
    (
        r#"{ "matrix": { "labels": [], "rows": [{ "values": [], "prices": { "fixed": "-" } }] } }"#,
        &[
            ("matrix.labels", "a matrix has 1 to 8 labels"),
            ("matrix.rows[0].prices.fixed", "\"-\" is not a price"),
        ],
    ),
    (
        r#"{ "matrix": { "labels": ["a", "b"], "rows": [
            { "values": ["1", "2"], "prices": {} }, { "values": ["1", "2"], "prices": {} }, { "values": ["1"], "prices": {} },
            { "values": ["1", 2], "prices": {} }, { "values": "1", "price": {} }
        ] } }"#,
        &[
            ("matrix.rows[1].values", "\"1, 2\" cannot be in the matrix: it is there already"),
            ("matrix.rows[2].values", "a combination has one value for each label"),
            ("matrix.rows[3].values[1]", "expected text, found 2"),
            ("matrix.rows[4].price", "there is no such field: expected values or prices"),
            ("matrix.rows[4].values", "expected a list, found \"1\""),
            ("matrix.rows[4]", "a field is missing: prices"),
        ],
    ),
];

/// A condition, what is wrong with it, and where in it.
const WRONG_WHEN: &[(&str, &[(&str, &str)])] = &[
    (r#"{ "above": 5 }"#, &[("", "a field is missing: of")]),
    (r#"{ "above": "-", "of": "a" }"#, &[(".above", "is not a quantity"), (".of", "expected a list")]),
    (r#"{ "at_or_above": 5, "of": ["a", "b c"] }"#, &[(".of[1]", "\"b c\" is not the name of a quantity")]),
    (r#"{ "above": 5, "since": "2026-03-01" }"#, &[("", "expected only one of above and since")]),
    (r#"{ "above": 5, "of": ["a"], "is": "b" }"#, &[(".is", "there is no such field: expected above or of")]),
    (r#"{ "label": "tier" }"#, &[("", "a field is missing: is")]),
    (r#"{ "label": "", "is": "batch" }"#, &[("", "\"\" is not a label name")]),
    (r#"{ "label": 1, "is": 2 }"#, &[(".label", "expected text"), (".is", "expected text")]),
    (r#"{ "since": "2026-02-30" }"#, &[(".since", "\"2026-02-30\" is not a moment")]),
    (r#"{ "since": "2026-03-01T00:00:00" }"#, &[(".since", "is not a moment")]),
    (r#"{ "since": "2026-03-01T00:00:0ZZ" }"#, &[(".since", "is not a moment")]),
    (r#"{ "since": 1772323200 }"#, &[(".since", "expected text, found 1772323200")]),
    (r#"{ "daily_from": "22:00" }"#, &[("", "a field is missing: until")]),
    (
        r#"{ "daily_from": "24:00", "until": "6:00", "on": ["friday", "Fri", "friday"], "offset_minutes": 1081 }"#,
        &[
            (".daily_from", "\"24:00\" is not a time of the day"),
            (".until", "\"6:00\" is not a time of the day"),
            (".on[1]", "expected \"monday\", \"tuesday\""),
            (".on[2]", "it is stated twice"),
            (".offset_minutes", "1081 minutes ahead of UTC is not a time of the day"),
        ],
    ),
    (
        r#"{ "daily_from": "22:00", "until": "06:00", "offset_minutes": 1.5 }"#,
        &[(".offset_minutes", "1.5 minutes")],
    ),
];

fn agree(json: &str, found: &[(String, String)], wanted: &[(&str, &str)], before: &str) {
    let paths: Vec<&str> = found.iter().map(|(path, _)| path.as_str()).collect();
    let wanted_paths: Vec<String> = wanted.iter().map(|(path, _)| format!("{before}{path}")).collect();
    assert_eq!(paths, wanted_paths, "{json}: {found:?}");
    for ((_, text), (_, wanted)) in found.iter().zip(wanted) {
        assert!(text.contains(wanted), "{json}: {text:?} has no {wanted:?}");
    }
}

#[test]
fn whatever_is_wrong_is_found_where_it_is() {
    for (json, wanted) in WRONG.iter().chain(WRONG_TOO) {
        agree(json, &faults(Tariff::from_json(json)), wanted, "");
        // In a book it is the same, further down.
        let book =
            format!("{{ \"unit\": \"USD/6\", \"unknown\": \"free\", \"tariffs\": {{ \"a/b\": {json} }} }}");
        let found: Vec<_> = PriceBook::validate(&book);
        let paths = found.iter().map(|fault| fault.path.clone());
        let before = |path: &str| match path.chars().next() {
            None | Some('[') => format!("tariffs[\"a/b\"]{path}"),
            Some(_) => format!("tariffs[\"a/b\"].{path}"),
        };
        assert!(paths.eq(wanted.iter().map(|(path, _)| before(path))), "{book}: {found:?}");
    }
    for (when, wanted) in WRONG_WHEN {
        let json = format!("{{ \"other_prices\": [{{ \"when\": {when}, \"prices\": {{}} }}] }}");
        agree(&json, &faults(Tariff::from_json(&json)), wanted, "other_prices[0].when");
    }
}

#[test]
fn a_book_is_checked_as_a_whole() {
    let fine = r#""tariffs": { "a": {} }"#;
    for (json, wanted) in [
        ("{}".to_owned(), &[("", "a field is missing: unit"), ("", "a field is missing: tariffs")][..]),
        (format!(r#"{{ "unit": "USD", {fine} }}"#), &[("unit", "\"USD\" is not a unit")]),
        (format!(r#"{{ "unit": 6, {fine} }}"#), &[("unit", "expected text, found 6")]),
        (
            format!(r#"{{ "unit": "USD/6", "unknown": "fallback", {fine} }}"#),
            &[("unknown", r#"expected "refuse", "free" or a tariff, found "fallback""#)],
        ),
        (format!(r#"{{ "unit": "USD/6", "unknown": null, {fine} }}"#), &[("unknown", "found null")]),
        (
            format!(r#"{{ "unit": "USD/6", "unknown": {{ "fallback": true }}, {fine} }}"#),
            &[("unknown.fallback", "there is no such field")],
        ),
        (
            r#"{ "unit": "", "tariffs": { "": {}, "a\tb": {}, "c": 5, "c": {} }, "Tariffs": {} }"#.to_owned(),
            &[
                (r#"["Tariffs"]"#, "there is no such field: expected unit, unknown or tariffs"),
                ("unit", "\"\" is not a unit"),
                (r#"tariffs["c"]"#, "it is stated twice"),
                (r#"tariffs[""]"#, "\"\" is not the name of a tariff"),
                (r#"tariffs["a\tb"]"#, "is not the name of a tariff"),
                (r#"tariffs["c"]"#, "expected an object, found 5"),
            ],
        ),
    ] {
        agree(&json, &faults(PriceBook::from_json(&json)), wanted, "");
    }
    for (text, what) in [
        ("", "EOF"),
        ("{", "line 1"),
        ("{} {}", "trailing"),
        ("{\n\"unit\": 01}", "line 2"),
        ("{\"a\": NaN}", "line 1"),
    ] {
        let found = faults(PriceBook::from_json(text));
        assert_eq!((found.len(), found[0].0.as_str()), (1, ""), "{text}");
        assert!(found[0].1.contains("not JSON") && found[0].1.contains(what), "{text}: {}", found[0].1);
    }
}

#[test]
fn faults_are_told_shortly() {
    let json =
        r#"{ "unit": "USD/6", "tariffs": { "a": { "b": 1, "c": 1, "fixed": "-1", "d": 1, "e": 1 } } }"#;
    let error = PriceBook::from_json(json).unwrap_err();
    assert_eq!(error.faults.len(), 5);
    let text = error.to_string();
    assert!(
        text.starts_with("the price book cannot be used: tariffs[\"a\"].b: there is no such field"),
        "{text}"
    );
    assert!(text.ends_with("; and 2 more"), "{text}");
    // Foreign text is not repeated at length, but a name is whole.
    let long = "n".repeat(100_000);
    let name = "m".repeat(256);
    let json = format!(
        r#"{{ "unit": "{long}", "tariffs": {{ "{name}": {{ "{long}": {long:?}, "fixed": {long:?} }} }} }}"#
    );
    let faults = PriceBook::validate(&json);
    assert_eq!(faults.len(), 3);
    assert!(faults.iter().all(|fault| fault.to_string().len() < 1_000));
    assert_eq!(faults[2].path, format!("tariffs[\"{name}\"].fixed"));
}

#[test]
fn limits_hold_on_both_sides() {
    let rates = |count: usize| {
        let rates: Vec<String> = (0..count).map(|nth| format!("\"q{nth}\": {{ \"per_unit\": 1 }}")).collect();
        format!("{{ \"rates\": {{ {} }} }}", rates.join(", "))
    };
    let tiers = |count: usize| {
        let bounds = (1..count).map(|bound| format!("{{ \"up_to\": {bound}, \"per_unit\": 1 }}, "));
        format!(
            "{{ \"rates\": {{ \"x\": {{ \"volume\": [{}{{ \"per_unit\": 1 }}] }} }} }}",
            bounds.collect::<String>()
        )
    };
    let parts = |count: usize| {
        let pairs: Vec<String> = (0..count).map(|nth| format!("[\"p{nth}\", \"x\"]")).collect();
        format!("{{ \"part_of\": [{}] }}", pairs.join(", "))
    };
    let used = |count: usize| {
        let used: Vec<String> = (0..count).map(|nth| format!("\"q{nth}\": 1")).collect();
        format!("{{ \"after\": {{ {} }} }}", used.join(", "))
    };
    let others = |count: usize| {
        let other = r#"{ "when": { "label": "a", "is": "b" }, "prices": {} }"#;
        format!("{{ \"other_prices\": [{}] }}", vec![other; count].join(", "))
    };
    let deep = |depth: usize| {
        let around = r#"{ "other_prices": [{ "when": { "label": "a", "is": "b" }, "prices": "#;
        format!("{}{{}}{}", around.repeat(depth), " }] }".repeat(depth))
    };
    let deep_matrix = |depth: usize| {
        let around = r#"{ "matrix": { "labels": ["a"], "rows": [{ "values": ["b"], "prices": "#;
        format!("{}{{}}{}", around.repeat(depth), " }] } }".repeat(depth))
    };
    let rows = |count: usize| {
        let rows: Vec<String> =
            (0..count).map(|nth| format!("{{ \"values\": [\"{nth}\"], \"prices\": {{}} }}")).collect();
        format!("{{ \"matrix\": {{ \"labels\": [\"a\"], \"rows\": [{}] }} }}", rows.join(", "))
    };
    let named = |count: usize| {
        let names: Vec<String> = (0..count).map(|nth| format!("\"q{nth}\"")).collect();
        format!(
            r#"{{ "other_prices": [{{ "when": {{ "above": 1, "of": [{}] }}, "prices": {{}} }}] }}"#,
            names.join(",")
        )
    };
    let inner = ".other_prices[0].prices".repeat(8);
    let rows_within = ".matrix.rows[0].prices".repeat(8);
    for (what, most, path) in [
        (&rates as &dyn Fn(usize) -> String, 16, "rates"),
        (&tiers, 64, "rates[\"x\"].volume"),
        (&parts, 128, "part_of"),
        (&used, 16, "after"),
        (&others, 64, "other_prices"),
        (&deep, 8, &format!("{}.other_prices", inner.trim_start_matches('.'))),
        (&deep_matrix, 8, &format!("{}.matrix", rows_within.trim_start_matches('.'))),
        (&rows, 10_000, "matrix.rows"),
        (&named, 16, "other_prices[0].when.of"),
    ] {
        assert!(Tariff::from_json(&what(most)).is_ok(), "{path}");
        let found = faults(Tariff::from_json(&what(most + 1)));
        assert_eq!(found.first().map(|(path, _)| path.as_str()), Some(path), "{found:?}");
        assert!(found.iter().any(|(_, text)| text.contains(&format!("at most {most}"))), "{found:?}");
    }
    // Sixteen, if what counts the events of one is among them.
    let counting = rates(15).replacen("\"per_unit\": 1", "\"percent\": 1, \"counting\": \"events\"", 1);
    assert!(Tariff::from_json(&counting).is_ok());
    let counting = rates(16).replacen("\"per_unit\": 1", "\"percent\": 1, \"counting\": \"events\"", 1);
    assert_eq!(faults(Tariff::from_json(&counting))[0].0, "rates[\"q15\"]");
    // More than are kept.
    for (count, kept) in [(1_000, 1_000), (1_001, 1_001), (5_000, 1_001)] {
        let fields: Vec<String> = (0..count).map(|nth| format!("\"f{nth}\": 0")).collect();
        let found = faults(Tariff::from_json(&format!("{{ {} }}", fields.join(", "))));
        assert_eq!(found.len(), kept);
        let more = found.iter().find(|(_, text)| text.contains("more faults")).map(|(_, text)| text.clone());
        assert_eq!(more, (count > 1_000).then(|| format!("and {} more faults", count - 1_000)));
    }
}

#[test]
fn a_book_and_its_text_are_only_so_long() {
    let book = |count: usize| {
        let tariffs: Vec<String> = (0..count).map(|nth| format!("\"{nth}\":{{}}")).collect();
        format!("{{\"unit\":\"USD/6\",\"tariffs\":{{{}}}}}", tariffs.join(","))
    };
    assert_eq!(PriceBook::from_json(&book(PriceBook::MAX_TARIFFS)).unwrap().len(), 100_000);
    let found = faults(PriceBook::from_json(&book(PriceBook::MAX_TARIFFS + 1)));
    assert_eq!(found, [("tariffs".to_owned(), "100001 are too many: at most 100000".to_owned())]);
    let mut long = book(1);
    long.extend(std::iter::repeat_n(' ', PriceBook::MAX_JSON - long.len()));
    assert!(PriceBook::from_json(&long).is_ok());
    long.push(' ');
    let faults = PriceBook::validate(&long);
    assert_eq!(faults.len(), 1);
    assert_eq!(faults[0].problem, BookProblem::TooLong { bytes: PriceBook::MAX_JSON + 1 });
    // Nothing that is nested is followed to its end.
    let deep = format!("{{\"fixed\": {}{} }}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(faults_of(&deep), ["fixed"]);
}

fn faults_of(json: &str) -> Vec<String> {
    faults(Tariff::from_json(json)).into_iter().map(|(path, _)| path).collect()
}
