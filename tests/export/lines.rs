//! JSON Lines.

use billing_guard::export::{JsonLines, LineError, MAX_LINE, parse_line};
use billing_guard::{AccountId, Entry, EntryKind, Operation, Timestamp};
use proptest::prelude::*;
use serde_json::Value;

use crate::history::{World, setting, steps};

fn written(account: &AccountId, entry: &Entry) -> String {
    JsonLines::new().entry(account, entry).to_string()
}

fn check(world: &World) {
    for entry in world.entries(7) {
        let line = written(&world.account, &entry);
        assert!(line.ends_with("}\n") && line.lines().count() == 1, "{line}");
        let (account, read) = parse_line(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert_eq!((&account, &read), (&world.account, &entry), "{line}");
        assert_eq!(written(&account, &read), line);
    }
}

/// The same line by hand: its value, to be changed, without the checksum.
fn value(line: &str) -> Value {
    let mut value: Value = serde_json::from_str(line).unwrap();
    value.as_object_mut().unwrap().remove("check").unwrap();
    value
}

/// A line with every field there is, in parts: of entries of the tour.
fn lines() -> Vec<String> {
    let tour = World::tour();
    tour.entries(1_000).iter().map(|entry| written(&tour.account, entry)).collect()
}

#[test]
fn the_tour_has_one_of_everything() {
    let entries = World::tour().entries(1_000);
    let all = lines().concat();
    for kind in ["grant", "top-up", "charge", "refund", "adjustment", "expiry"] {
        assert!(all.contains(&format!(r#""kind":"{kind}""#)), "{kind}");
    }
    for field in [
        "effective_at",
        "refund_of",
        "rollover",
        "once_per",
        "draws",
        "counted",
        "content",
        "labels",
        "origin",
    ] {
        assert!(all.contains(&format!(r#""{field}":"#)), "{field}");
    }
    assert!(all.contains(r#""scope":"courtesy "#), "a courtesy");
    assert!(all.contains(r#""late":true"#), "a late capture");
    assert!(entries.iter().any(|entry| entry.uncollected().minor() > 0), "uncollected work");
    assert!(entries.iter().any(|entry| entry.refunded().minor() > 0), "a refunded charge");
    assert!(entries.iter().any(|entry| entry.operation() == Operation::Time), "the start of a grant");
}

#[test]
fn an_entry_read_back_is_the_entry() {
    check(&World::tour());
    let mut setting = crate::history::setting_of(4);
    setting.retained = 3;
    let steps = [1, 2, 3, 4, 5].map(crate::history::Step::Adjust);
    let folded = World::after(&setting, &steps);
    assert_eq!(folded.entries(9)[0].kind(), EntryKind::Opening);
    check(&folded);
}

#[test]
fn nothing_is_a_number_whose_digits_a_reader_could_lose() {
    fn numbers(value: &Value, path: &str, found: &mut Vec<String>) {
        match value {
            Value::Number(_) => found.push(path.to_owned()),
            Value::Array(values) => values.iter().for_each(|value| numbers(value, path, found)),
            Value::Object(fields) => {
                fields.iter().for_each(|(name, value)| numbers(value, name, found));
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    lines().iter().for_each(|line| numbers(&serde_json::from_str(line).unwrap(), "", &mut found));
    found.sort_unstable();
    found.dedup();
    assert_eq!(found, ["priority", "v"]);
}

#[test]
fn another_version_is_named() {
    let line = &lines()[0];
    for (version, named) in [
        ("2", "2"),
        ("0", "0"),
        ("1.0", "1.0"),
        (r#""1""#, r#"\"1\""#),
        ("null", "none"),
        ("18446744073709551616", "18446744073709551616"),
    ] {
        let other = line.replace(r#"{"v":1,"#, &format!(r#"{{"v":{version},"new":true,"#));
        let Err(LineError::UnknownVersion { found }) = parse_line(&other) else { panic!("{other}") };
        assert!(found.contains(named), "{found}");
    }
    let none = line.replace(r#"{"v":1,"#, "{");
    assert_eq!(parse_line(&none), Err(LineError::UnknownVersion { found: "none".to_owned() }));
}

#[test]
fn a_field_that_is_not_known_is_named_at_any_depth() {
    fn spoil(value: &Value, spoiled: &mut Vec<Value>) {
        match value {
            Value::Object(fields) => {
                let mut more = fields.clone();
                more.insert("surprise".to_owned(), Value::from("x"));
                spoiled.push(Value::Object(more));
                for (name, inner) in fields {
                    // Whose names are the host's.
                    if name == "labels" || name == "content" {
                        continue;
                    }
                    let mut inside = Vec::new();
                    spoil(inner, &mut inside);
                    spoiled.extend(inside.into_iter().map(|inner| {
                        let mut fields = fields.clone();
                        fields.insert(name.clone(), inner);
                        Value::Object(fields)
                    }));
                }
            }
            Value::Array(values) if !values.is_empty() => {
                let mut inside = Vec::new();
                spoil(&values[0], &mut inside);
                spoiled.extend(inside.into_iter().map(|inner| Value::from(vec![inner])));
            }
            _ => {}
        }
    }
    let mut count = 0;
    for line in lines() {
        let mut spoiled = Vec::new();
        spoil(&value(&line), &mut spoiled);
        for value in spoiled {
            let Err(LineError::Malformed { what }) = parse_line(&value.to_string()) else {
                panic!("{value}")
            };
            assert!(what.contains("surprise"), "{what}");
            count += 1;
        }
    }
    assert!(count > lines().len());
}

#[test]
fn what_contradicts_itself_is_refused() {
    let lines = lines();
    let with = |part: &str| value(lines.iter().find(|line| line.contains(part)).unwrap());
    let charge = || with(r#""kind":"charge","operation":"charge""#);
    let refund = || with(r#""kind":"refund""#);
    for (mut value, field, new, named) in [
        (charge(), "seq", Value::from("0"), "seq"),
        (charge(), "amount", Value::from("5"), "amount"),
        (charge(), "amount", Value::from("0.0000001"), "amount"),
        (charge(), "operation", Value::from("credit"), "operation"),
        (charge(), "operation", Value::from("time"), "operation"),
        (charge(), "kind", Value::from("top-up"), "operation"),
        (charge(), "late", Value::from(true), "late"),
        (charge(), "refunded", Value::from("-1"), "refunded"),
        (charge(), "balance_after", Value::from("9223372036854.775807"), "balance_after"),
        (charge(), "refund_of", serde_json::json!({"operation": "hold", "key": "h"}), "refund_of"),
        (charge(), "draws", serde_json::json!([{"held": "0", "used": "-1", "refunded": "0"}]), "draws"),
        (refund(), "refund_of", Value::Null, "refund_of"),
        (refund(), "refund_of", serde_json::json!({"operation": "credit", "key": "h"}), "refund_of"),
        (refund(), "kind", Value::from("opening"), "operation"),
        (refund(), "amount", Value::from("0"), "amount"),
        (refund(), "movements", serde_json::json!([{"grant": "1", "amount": "0"}]), "movements"),
        (
            refund(),
            "movements",
            serde_json::json!([{"grant": "1", "amount": "1"}, {"grant": "1", "amount": "2"}]),
            "movements",
        ),
    ] {
        assert!(parse_line(&value.to_string()).is_ok(), "{value}");
        value[field] = new;
        let Err(LineError::Invalid { field, .. }) = parse_line(&value.to_string()) else { panic!("{value}") };
        assert_eq!(field, named);
    }
}

#[test]
fn the_types_own_limits_hold() {
    let line = value(&lines()[0]);
    let many = |count: usize| (0..count).map(|at| (format!("n{at}"), Value::from("v"))).collect();
    for (field, good, bad) in [
        ("account", Value::from("a".repeat(128)), Value::from("a".repeat(129))),
        ("key", Value::from("k".repeat(255)), Value::from("k k")),
        ("seq", Value::from(u64::MAX.to_string()), Value::from("18446744073709551616")),
        ("amount", Value::from("-9223372036854.775808"), Value::from("-9223372036854.775809")),
        ("unit", Value::from("ABCDEFG/12"), Value::from("USD/13")),
        ("labels", Value::Object(many(8)), Value::Object(many(9))),
        ("labels", serde_json::json!({"n": "v".repeat(128)}), serde_json::json!({"n": "v".repeat(129)})),
        ("content", Value::Object(many(32)), Value::Object(many(33))),
        ("content", serde_json::json!({"n": ""}), serde_json::json!({"n": "a\nb"})),
        ("booked_at", Value::from(Timestamp::default().to_string()), Value::from("yesterday")),
    ] {
        let mut changed = line.clone();
        // Nothing was there before, so that no balance is out of range.
        changed["amount"] = Value::from("0");
        changed["balance_after"] = Value::from("0");
        if field == "amount" {
            changed["balance_after"] = good.clone();
        }
        changed[field] = good;
        assert!(
            parse_line(&changed.to_string()).is_ok(),
            "{changed}: {:?}",
            parse_line(&changed.to_string())
        );
        changed[field] = bad;
        assert!(parse_line(&changed.to_string()).is_err(), "{changed}");
    }
    for (scope, good) in
        [("courtesy Hello", true), ("courtesy two words", true), ("courtesy ", false), ("two words", false)]
    {
        let mut value = value(lines().iter().find(|line| line.contains(r#""scope":"#)).unwrap());
        value["counted"][0]["scope"] = Value::from(scope);
        assert_eq!(parse_line(&value.to_string()).is_ok(), good, "{scope:?}");
    }
}

#[test]
fn the_length_of_a_line_is_limited_on_both_sides() {
    let line = lines()[0].trim_end().to_owned();
    let padded = |length: usize| format!("{line}{}", " ".repeat(length - line.len()));
    assert!(parse_line(&padded(MAX_LINE)).is_ok());
    assert_eq!(parse_line(&padded(MAX_LINE + 1)), Err(LineError::TooLong { bytes: MAX_LINE + 1 }));
}

#[test]
fn a_line_means_the_same_however_it_is_laid_out() {
    for line in lines() {
        // In another order, over several lines, with the checksum it had.
        let laid_out: Value = serde_json::from_str(&line).unwrap();
        let sorted: std::collections::BTreeMap<&String, &Value> =
            laid_out.as_object().unwrap().iter().collect();
        let pretty = serde_json::to_string_pretty(&sorted).unwrap();
        assert_eq!(parse_line(&pretty), parse_line(&line));
        assert_eq!(parse_line(&value(&line).to_string()), parse_line(&line), "without its checksum");
    }
}

#[test]
fn a_field_that_comes_twice_is_refused() {
    for line in lines() {
        let twice = line.replacen(r#""late":"#, r#""late":false,"late":"#, 1);
        assert!(matches!(parse_line(&twice), Err(LineError::Malformed { .. })));
    }
    let line = lines().into_iter().find(|line| !line.contains(r#""labels":"#)).unwrap();
    let labelled =
        |names: &str| value(&line).to_string().replacen('{', &format!(r#"{{"labels":{names},"#), 1);
    assert!(parse_line(&labelled(r#"{"a":"1","b":"2"}"#)).is_ok());
    let error = parse_line(&labelled(r#"{"a":"1","a":"2"}"#)).unwrap_err().to_string();
    assert!(error.contains("duplicate name \"a\""), "{error}");
}

#[test]
fn depth_and_size_of_foreign_json_do_no_harm() {
    for line in [
        "[".repeat(100_000),
        "{\"v\":".repeat(100_000),
        format!("{{\"v\":1,\"x\":{}", "[".repeat(500_000)),
        format!("{{\"v\":1,\"{}\":0}}", "x".repeat(500_000)),
    ] {
        let error = parse_line(&line).unwrap_err().to_string();
        assert!(error.len() < 2_000, "{}", error.len());
    }
}

proptest! {
    #[test]
    fn so_it_is_for_any_history(setting in setting(), steps in steps()) {
        check(&World::after(&setting, &steps));
    }

    #[test]
    fn a_damaged_line_is_never_another_entry(
        which in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        change in 0..4_u8,
        character in prop_oneof![prop::char::range(' ', '~'), any::<char>()],
    ) {
        let lines = lines();
        let line = which.get(&lines);
        let mut characters: Vec<char> = line.chars().collect();
        let at = at.index(characters.len());
        match change {
            0 => characters[at] = character,
            1 => characters.insert(at, character),
            2 => drop(characters.remove(at)),
            _ => characters.truncate(at),
        }
        let damaged: String = characters.into_iter().collect();
        if let Ok(read) = parse_line(&damaged) {
            prop_assert_eq!(read, parse_line(line).unwrap(), "{}", damaged);
        }
        // Nor does it do any harm where there is no checksum.
        let _ = parse_line(&format!("{}}}", damaged.split(r#","check""#).next().unwrap()));
    }

    #[test]
    fn foreign_text_is_an_error_not_a_panic(text in "\\PC{0,200}|[{}\\[\\]\":,0-9a-z]{0,200}") {
        prop_assert!(parse_line(&text).is_err());
    }
}
