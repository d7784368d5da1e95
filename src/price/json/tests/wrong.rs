//! Tests: what is wrong in a text, and where.

use super::faults;
use crate::price::{PriceBook, Tariff};

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
