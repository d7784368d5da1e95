//! Tests: what each block of an entry becomes, and what of it is reported.
#![allow(clippy::inconsistent_digit_grouping, reason = "dollars, and cents behind the last underscore")]

use super::*;
use crate::amount::Unit;
use crate::clock::Timestamp;
use crate::id::Labels;
use crate::price::{LitellmImport, PriceBook};
use crate::usage::Usage;

fn load(fields: &str) -> Result<LitellmImport, PriceError> {
    PriceBook::from_litellm(&format!("{{\"m\": {{{fields}}}}}"), Unit::new("USD", 2).unwrap())
}

fn ignored(fields: &str) -> Vec<String> {
    load(fields).unwrap_or_else(|error| panic!("{fields}: {error}")).ignored.remove("m").unwrap_or_default()
}

/// In cents.
fn charge(fields: &str, used: &[(&'static str, u64)]) -> Result<i64, PriceError> {
    let import = load(fields)?;
    let tariff = import.book.tariff("m")?.at(Timestamp::default(), &Labels::default());
    let usage = used.iter().fold(Usage::new(), |usage, (name, count)| usage.with(*name, *count));
    tariff.charge(&usage, import.book.unit()).map(crate::amount::Amount::minor)
}

#[test]
fn the_range_of_its_input_prices_all_of_a_request() {
    let fields = r#""output_cost_per_token": 50, "tiered_pricing": [
        {"range": [0, 32000.0], "input_cost_per_token": 2, "cache_read_input_token_cost": 1},
        {"range": [32000.0, 128000], "input_cost_per_token": 3, "cache_read_input_token_cost": 1.5},
        {"range": [1.28e5, 256000], "input_cost_per_token": 4, "cache_read_input_token_cost": 2}]"#;
    assert_eq!(ignored(fields), [""; 0]);
    for (input, cached, wanted) in [
        (1, 0, 2_00),
        (32_000, 0, 64_000_00),
        (31_999, 1, 63_999_00),
        (32_000, 1, 96_001_50),
        (128_000, 0, 384_000_00),
        (128_001, 0, 512_004_00),
        (1_000_000, 0, 4_000_000_00),
    ] {
        let used = [("input_tokens", input), ("cache_read_input_tokens", cached), ("output_tokens", 1)];
        assert_eq!(charge(fields, &used), Ok(wanted + 50_00), "{input} {cached}");
    }
}

#[test]
fn ranges_replace_what_is_said_beside_them() {
    let tiers = r#""tiered_pricing": [{"range": [0, 10], "input_cost_per_token": 2},
        {"range": [10, 20], "input_cost_per_token": 3}]"#;
    assert_eq!(ignored(&format!("\"input_cost_per_token\": 2.0, {tiers}")), [""; 0]);
    let beside = r#""input_cost_per_token": 1, "input_cost_per_token_flex": 1, "cache_read_input_token_cost": 1,
        "output_cost_per_token": 7, "output_cost_per_token_above_1k_tokens": 8"#;
    let wanted = [
        "input_cost_per_token",
        "input_cost_per_token_flex",
        "cache_read_input_token_cost",
        "output_cost_per_token_above_1k_tokens",
    ];
    for fields in [format!("{beside}, {tiers}"), format!("{tiers}, {beside}")] {
        assert_eq!(ignored(&fields), wanted);
        assert_eq!(charge(&fields, &[("input_tokens", 11), ("output_tokens", 1)]), Ok(33_00 + 7_00));
    }
}

#[test]
fn searches_cost_by_how_many_results_they_are_asked_for() {
    for (first, fields) in [
        (
            0,
            r#"{"max_results_range": [0, 25], "input_cost_per_query": 2}, {"max_results_range": [26, 100], "input_cost_per_query": 5}"#,
        ),
        (
            1,
            r#"{"input_cost_per_query": 2, "max_results_range": [1, 25]}, {"max_results_range": [26, 100], "input_cost_per_query": 5}"#,
        ),
    ] {
        let fields = format!("\"tiered_pricing\": [{fields}]");
        assert_eq!(ignored(&fields), [""; 0]);
        for (results, wanted) in [(first, 6_00), (25, 6_00), (26, 15_00), (500, 15_00)] {
            assert_eq!(charge(&fields, &[("queries", 3), ("max_results", results)]), Ok(wanted), "{results}");
        }
        assert_eq!(charge(&fields, &[("queries", 1)]), Ok(2_00));
    }
}

#[test]
fn ranges_that_do_not_go_together_are_not_used() {
    let range = |bounds: &str| format!("{{\"range\": {bounds}, \"input_cost_per_token\": 3}}");
    for list in [
        String::new(),
        range("[1, 10]"),
        range("[0]"),
        range("[0, 10, 20]"),
        range("[0, 1.5]"),
        range("[0, null]"),
        range("[10, 0]"),
        format!("{}, {}", range("[0, 10]"), range("[11, 20]")),
        format!("{}, {}", range("[0, 10]"), range("[5, 20]")),
        format!("{}, {}", range("[10, 20]"), range("[0, 10]")),
        format!("{}, 5", range("[0, 10]")),
        "{\"input_cost_per_token\": 3}".to_owned(),
        "{\"range\": [0, 10], \"max_results_range\": [0, 10], \"input_cost_per_token\": 3}".to_owned(),
        format!("{}, {{\"max_results_range\": [11, 20], \"input_cost_per_token\": 3}}", range("[0, 10]")),
        // What is not stated in every range is not known.
        format!("{}, {{\"range\": [10, 20], \"output_cost_per_token\": 3}}", range("[0, 10]")),
    ] {
        let fields = format!("\"input_cost_per_token\": 2, \"tiered_pricing\": [{list}]");
        assert_eq!(ignored(&fields), ["tiered_pricing"], "{list}");
        assert_eq!(charge(&fields, &[("input_tokens", 50)]), Ok(100_00), "{list}");
    }
}

#[test]
fn what_is_off_peak_replaces_all_prices_but_those_of_a_batch() {
    let fields = r#""input_cost_per_token": 20, "output_cost_per_token": 40, "input_cost_per_token_batches": 12,
        "input_cost_per_token_flex": 8, "input_cost_per_token_above_1k_tokens": 30, "off_peak_pricing": {
        "input_cost_per_token": 10, "output_cost_per_token": 0, "hours_utc": "16:30-00:30", "until": "soon"}"#;
    let import = load(fields).unwrap();
    let unused = ["off_peak_pricing.output_cost_per_token", "off_peak_pricing.until"];
    assert_eq!(import.ignored["m"], unused);
    for (time, tier, input, wanted) in [
        ("16:29", "standard", 1_u64, 60_00),
        ("16:30", "standard", 1, 50_00),
        ("00:29", "standard", 1, 50_00),
        ("00:30", "standard", 1, 60_00),
        ("16:29", "standard", 1_001, 30_070_00),
        ("16:30", "standard", 1_001, 10_050_00),
        ("16:29", "flex", 1, 48_00),
        ("16:30", "flex", 1, 50_00),
        ("16:29", "batch", 1, 52_00),
        ("16:30", "batch", 1, 52_00),
    ] {
        let moment: Timestamp = format!("2025-03-05T{time}:00.000000Z").parse().unwrap();
        let tariff = import.book.tariff("m").unwrap();
        let tariff = tariff.at(moment, &Labels::new([("tier", tier)]).unwrap());
        let usage = Usage::new().with("input_tokens", input).with("output_tokens", 1_u64);
        let charged = tariff.charge(&usage, import.book.unit()).unwrap().minor();
        assert_eq!(charged, wanted, "{time} {tier} {input}");
    }
    let zone = r#""input_cost_per_token": 2, "off_peak_pricing": {"input_cost_per_token": 1,
        "hours_utc": "00:00-00:00", "weekday_timezone": "Europe/Berlin"}"#;
    assert_eq!(ignored(zone), ["off_peak_pricing"]);
    assert_eq!(charge(zone, &[("input_tokens", 1)]), Ok(2_00));
}

#[test]
fn what_one_provider_alone_has_is_used_known_or_reported() {
    let fields = r#""input_cost_per_image": 2, "provider_specific_entry": {"minimax_free_input_images": 5,
        "volcengine_video_frames": {"480p": {}}, "mars": 1.5}"#;
    assert_eq!(ignored(fields), ["provider_specific_entry.mars"]);
    assert_eq!(charge(fields, &[("input_images", 5)]), Ok(0));
    assert_eq!(charge(fields, &[("input_images", 7)]), Ok(4_00));
    let other =
        "\"input_cost_per_image\": 2, \"provider_specific_entry\": {\"minimax_free_input_images\": true}";
    assert_eq!(ignored(other), ["provider_specific_entry.minimax_free_input_images"]);
    assert_eq!(charge(other, &[("input_images", 7)]), Ok(14_00));
}

#[test]
fn blocks_of_prices_and_names_used_twice() {
    let guard = r#""guardrail_cost_per_unit": {"wordPolicyUnits": 0.0, "topicPolicyUnits": 3}"#;
    assert_eq!(charge(guard, &[("wordPolicyUnits", 9), ("topicPolicyUnits", 2)]), Ok(6_00));
    assert!(charge(guard, &[("contentPolicyUnits", 1)]).is_err());
    for (fields, reported, wanted) in [
        ("\"cost_per_second\": 2, \"input_cost_per_second\": 2.0", &[][..], 2_00),
        ("\"cost_per_second\": 3", &[][..], 3_00),
        ("\"cost_per_second\": 3, \"input_cost_per_second\": 2", &["cost_per_second"][..], 2_00),
    ] {
        assert_eq!(ignored(fields), reported, "{fields}");
        assert_eq!(charge(fields, &[("input_seconds", 1)]), Ok(wanted), "{fields}");
    }
    let unit = "\"input_cost_per_token\": 1, \"web_search_billing_unit\": ";
    assert_eq!(ignored(&format!("{unit}\"per_query\"")), [""; 0]);
    assert_eq!(ignored(&format!("{unit}\"per_prompt\"")), ["web_search_billing_unit"]);
}

#[test]
fn a_factor_that_leaves_no_exact_price_is_reported() {
    let fields =
        "\"input_cost_per_token\": 18446744073709551615e-20, \"regional_endpoint_uplift_multiplier\": 1.1";
    assert_eq!(ignored(fields), ["regional_endpoint_uplift_multiplier"]);
    let import = load("\"input_cost_per_token\": 2, \"regional_endpoint_uplift_multiplier\": 1.15").unwrap();
    let regional = Labels::new([("endpoint", "regional")]).unwrap();
    let tariff = import.book.tariff("m").unwrap().at(Timestamp::default(), &regional);
    assert_eq!(tariff.rate("input_tokens"), Some("2.3".parse().unwrap()));
}

#[test]
fn faults_inside_blocks_are_errors_naming_their_place() {
    let tiers = |member: &str| format!("\"tiered_pricing\": [{{\"range\": [0, 10], {member}}}]");
    let twice = "\"input_cost_per_token\": 1, \"input_cost_per_token\": 1";
    let off_peak = "\"off_peak_pricing\": {\"hours_utc\": \"00:00-01:00\", \"input_cost_per_token\": \"1\"}";
    for (fields, place) in [
        (tiers("\"input_cost_per_token\": -1"), "tiered_pricing.0.input_cost_per_token"),
        (tiers(twice), "tiered_pricing.0.input_cost_per_token"),
        (off_peak.to_owned(), "off_peak_pricing.input_cost_per_token"),
        ("\"provider_specific_entry\": {\"us\": \"x\"}".to_owned(), "provider_specific_entry.us"),
        (
            "\"search_context_cost_per_query\": {\"search_context_size_low\": -1}".to_owned(),
            "search_context_cost_per_query.search_context_size_low",
        ),
        ("\"guardrail_cost_per_unit\": {\"a\": 1, \"a\": 1}".to_owned(), "guardrail_cost_per_unit.a"),
        ("\"guardrail_cost_per_unit\": {\"not a name\": 1}".to_owned(), "guardrail_cost_per_unit.not a name"),
        (
            "\"fedramp_uplift_multiplier\": 1, \"fedramp_uplift_multiplier\": 1".to_owned(),
            "fedramp_uplift_multiplier",
        ),
    ] {
        let error = load(&fields).unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, PriceError::InvalidField { .. }), "{fields}: {text}");
        assert!(text.contains("\"m\"") && text.contains(place), "{fields}: {text}");
    }
}
