//! Tests: limits, on both sides.

use super::faults;
use crate::price::{BookProblem, PriceBook, Tariff};

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
