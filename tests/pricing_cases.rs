//! Prices that public systems state for given usages, against the same tariffs here.
//!
//! The cases are read from the folder named by the environment variable `BILLING_GUARD_DATA`, files `pricing_cases.json` and
//! `genai_prices_v2_data.json`.
//! Without it the test says that it was skipped.
#![allow(clippy::unwrap_used, clippy::missing_errors_doc)]

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use billing_guard::{
    GenaiImport, Labels, Package, Percentage, PriceBook, PriceError, Quantity, Rounding, Tariff, Tiers,
    Timestamp, Unit, Usage, When,
};
use serde_json::Value;

/// The kinds of cases, each with the parameters that decide about its price. A case of another kind, or with another
/// parameter, is wrong: nothing that might matter is passed over.
const KINDS: [(&str, &[&str]); 17] = [
    ("catalog_lookup", &["provider", "model"]),
    ("dynamic", &["multiplier", "places", "rounding"]),
    ("effective_date", &["prices", "at"]),
    ("flat", &["amount"]),
    ("graduated", TIERED),
    ("graduated_incremental", TIERED),
    ("graduated_percentage", TIERED),
    ("package", PACKAGE),
    ("package_incremental", PACKAGE),
    ("per_request", &["per_1000_requests"]),
    ("per_unit", &["unit"]),
    ("percentage", PERCENTAGE),
    ("percentage_per_event", PERCENTAGE),
    ("time_of_day", &["windows_utc", "default_input_per_mtok", "default_output_per_mtok", "at"]),
    ("tokens", &["rates_per_mtok"]),
    ("tokens_threshold", &["rates_per_mtok", "tier_selector"]),
    ("volume", TIERED),
];
const TIERED: &[&str] = &["tiers", "zero_quantity", "unit_is"];
const PACKAGE: &[&str] = &["package_size", "package_price", "free_units", "rounding"];
const PERCENTAGE: &[&str] = &[
    "rate_percent",
    "fixed_per_event",
    "events",
    "free_events",
    "free_amount",
    "min_per_event",
    "max_per_event",
    "event_amounts",
];
/// What any of them may have beside, where the price is that of one tariff.
const COMMON: [&str; 5] = ["min_spend", "max_spend", "discount_percent", "previous_quantity", "free_units"];
/// What says where a case is from, and nothing about its price.
const ABOUT: [&str; 2] = ["model", "catalog"];

/// The parameters of a case that are not known to have a meaning.
fn unknown<'a>(kind: &str, parameters: &'a Value) -> Vec<&'a str> {
    let known = KINDS.iter().find(|(known, _)| *known == kind).map_or(&[][..], |(_, known)| known);
    let names = parameters.as_object().unwrap().keys().map(String::as_str);
    let is_known = |name: &&str| known.iter().chain(&COMMON).chain(&ABOUT).any(|known| known == name);
    names.filter(|name| !is_known(name)).collect()
}

/// Everything is compared in steps of 10^-12 dollars, finer than any expected amount.
fn unit() -> Unit {
    Unit::new("USD", 12).unwrap()
}

#[test]
fn every_case_comes_out_exactly() -> Result<(), Box<dyn Error>> {
    let Some(folder) = std::env::var_os("BILLING_GUARD_DATA") else {
        println!("skipped: set BILLING_GUARD_DATA to a folder with pricing_cases.json");
        return Ok(());
    };
    let json = std::fs::read_to_string(Path::new(&folder).join("pricing_cases.json"))?;
    let file: Value = serde_json::from_str(&json)?;
    let catalogue = std::fs::read_to_string(Path::new(&folder).join("genai_prices_v2_data.json"))?;
    let catalogue = PriceBook::from_genai_prices(&catalogue, unit())?;
    let (mut priced, mut wrong) = (BTreeMap::new(), Vec::new());
    let cases = file["cases"].as_array().unwrap();
    for case in cases {
        let (id, kind) = (case["id"].as_str().unwrap(), case["model_kind"].as_str().unwrap());
        let (parameters, quantities) = (&case["parameters"], &case["quantity"]);
        *priced.entry(kind).or_insert(0) += 1;
        let unknown = unknown(kind, parameters);
        if !unknown.is_empty() {
            wrong.push(format!("{id}: the parameters {unknown:?} of {kind} are not known"));
            continue;
        }
        let expected = unit().amount(case["expected"].as_str().unwrap())?;
        let amount = match kind {
            "catalog_lookup" => looked_up(&catalogue, parameters, quantities),
            _ => price(kind, parameters, quantities),
        };
        match amount {
            Ok(amount) if unit().minor(amount) == expected => {}
            other => wrong.push(format!("{id}: {other:?} instead of {}", expected.minor())),
        }
    }
    println!("priced {priced:?}");
    assert_eq!(wrong, Vec::<String>::new());
    assert!(!cases.is_empty());
    Ok(())
}

/// A JSON number or string as its text; missing is `0`.
fn text(value: &Value) -> String {
    match value {
        Value::Null => "0".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn quantity(value: &Value) -> Quantity {
    text(value).parse().unwrap()
}

fn tiers(parameters: &Value) -> Result<Tiers, PriceError> {
    let tiers = parameters["tiers"].as_array().unwrap().iter().try_fold(Tiers::new(), |tiers, tier| {
        let unit = text(&tier["unit"]);
        let tiers = match &tier["up_to"] {
            Value::Null => tiers.beyond(&unit)?,
            bound => tiers.up_to(quantity(bound), &unit)?,
        };
        tiers.with_flat(&text(&tier["flat"]))
    })?;
    Ok(match parameters["zero_quantity"].as_str() {
        Some("charges_first_tier_flat") => tiers.with_first_flat_at_none(),
        None => tiers,
        Some(other) => panic!("unknown choice for none: {other}"),
    })
}

fn package(parameters: &Value) -> Result<Package, PriceError> {
    let package = Package::of(quantity(&parameters["package_size"]), &text(&parameters["package_price"]))?;
    let package = package.with_free(quantity(&parameters["free_units"]));
    Ok(match parameters["rounding"].as_str() {
        None | Some("up") => package,
        Some("down") => package.whole_only(),
        Some(other) => panic!("unknown rounding {other}"),
    })
}

/// A tariff of prices for a million each, given as the prices of this pattern: `input` or `input_per_mtok`.
fn tokens(rates: &[(String, String)]) -> Result<Tariff, PriceError> {
    let tariff = rates
        .iter()
        .try_fold(Tariff::new(), |tariff, (name, rate)| tariff.per_million(name.clone(), rate))?;
    ["cached", "cache_read", "cache_write", "input_audio", "input_image"]
        .into_iter()
        .map(|part| (part, "input"))
        .chain([("cache_audio_read", "cache_read"), ("cache_audio_read", "input_audio")])
        .chain(
            ["output_reasoning", "output_citation", "output_image", "output_audio"]
                .map(|part| (part, "output")),
        )
        .try_fold(tariff, |tariff, (part, whole)| tariff.part_of(part, whole))
}

fn pairs(object: &Value, suffix: &str) -> Vec<(String, String)> {
    let members = object.as_object().unwrap().iter();
    members.filter_map(|(name, rate)| Some((name.strip_suffix(suffix)?.to_owned(), text(rate)))).collect()
}

/// What a model of the catalogue costs for its tokens. The cases state no moment: their prices are those of July 2026. What
/// they state is the price of input and output, without the searches that some report, which are priced apart.
fn looked_up(catalogue: &GenaiImport, parameters: &Value, quantities: &Value) -> Result<i64, Box<dyn Error>> {
    let (provider, model) = (text(&parameters["provider"]), text(&parameters["model"]));
    let name = catalogue.find(&provider, &model).ok_or_else(|| format!("no model {provider} {model}"))?;
    let moment = "2026-07-01T12:00:00.000000Z".parse()?;
    let tariff = catalogue.book.tariff(name)?.at(moment, &Labels::default());
    let quantities = quantities.as_object().unwrap().iter();
    let usage =
        quantities.fold(Usage::new(), |usage, (name, count)| usage.with(name.clone(), quantity(count)));
    let lines = tariff.charge_lines(&usage, unit())?;
    assert_eq!(
        lines.iter().map(|line| line.amount.minor()).sum::<i64>(),
        tariff.charge(&usage, unit())?.minor()
    );
    assert!(tariff.ceiling(&usage, unit())?.minor() >= tariff.charge(&usage, unit())?.minor());
    let of_tokens = lines.iter().filter(|line| line.name.as_deref() != Some("web_searches"));
    Ok(of_tokens.map(|line| line.amount.minor()).sum())
}

#[test]
fn the_whole_catalogue_of_models_is_read() -> Result<(), Box<dyn Error>> {
    let Some(folder) = std::env::var_os("BILLING_GUARD_DATA") else {
        println!("skipped: set BILLING_GUARD_DATA to a folder with genai_prices_v2_data.json");
        return Ok(());
    };
    let json = std::fs::read_to_string(Path::new(&folder).join("genai_prices_v2_data.json"))?;
    let import = PriceBook::from_genai_prices(&json, unit())?;
    println!(
        "{} priced, {} of them free, {} unpriced",
        import.book.len(),
        import.free.len(),
        import.unpriced.len()
    );
    println!("not used: {:?}", import.ignored);
    assert_eq!(import.book.len() + import.unpriced.len(), 1_466);
    // No price of today's catalogue is left out, only ways to find a model and what is said about prices in words.
    let others: Vec<_> = import
        .ignored
        .values()
        .flatten()
        .filter(|what| !["match.regex", "price_comments"].contains(&what.as_str()))
        .collect();
    assert_eq!(others, Vec::<&String>::new());
    Ok(())
}

/// What a case costs, in the steps of [`unit`].
fn price(kind: &str, parameters: &Value, quantities: &Value) -> Result<i64, Box<dyn Error>> {
    let usage = match quantities {
        Value::Object(members) => members
            .iter()
            .fold(Usage::new(), |usage, (name, count)| usage.with(name.clone(), quantity(count))),
        count => Usage::new().with("units", quantity(count)),
    };
    let tariff = match kind {
        "graduated" | "graduated_incremental" => Tariff::new().graduated("units", tiers(parameters)?)?,
        "volume" => Tariff::new().volume("units", tiers(parameters)?)?,
        "graduated_percentage" => Tariff::new().graduated_percentage("units", tiers(parameters)?)?,
        "package" | "package_incremental" => Tariff::new().package("units", package(parameters)?)?,
        "per_unit" => Tariff::new().per_unit("units", &text(&parameters["unit"]))?,
        "flat" => Tariff::new().fixed(&text(&parameters["amount"]))?,
        "dynamic" => dynamic(parameters)?,
        "per_request" => Tariff::new().per_thousand("requests", &text(&parameters["per_1000_requests"]))?,
        "percentage" => {
            let tariff = Tariff::new().percentage("units", percentage(parameters)?)?;
            let usage = usage.with("events", quantity(&parameters["events"]));
            return Ok(tariff.charge(&usage, unit())?.minor());
        }
        "percentage_per_event" => return one_by_one(parameters),
        "tokens" => tokens(&pairs(&parameters["rates_per_mtok"], ""))?,
        "tokens_threshold" => threshold(&parameters["rates_per_mtok"])?,
        "time_of_day" => {
            let default = pairs(parameters, "_per_mtok").into_iter();
            let default: Vec<_> = default
                .filter_map(|(name, rate)| Some((name.strip_prefix("default_")?.to_owned(), rate)))
                .collect();
            let windows = parameters["windows_utc"].as_array().unwrap().iter();
            let tariff = windows.clone().try_fold(tokens(&default)?, |tariff, window| {
                let when = When::daily(&text(&window["start"]), &text(&window["end"]))?;
                tariff.with_other(when, tokens(&pairs(window, "_per_mtok"))?)
            })?;
            return at(tariff, &text(&parameters["at"]).replace('Z', ".000000Z"), &usage);
        }
        "effective_date" => {
            let mut prices = parameters["prices"].as_array().unwrap().iter();
            let first = tokens(&pairs(prices.next().unwrap(), "_per_mtok"))?;
            // The latest first: the first that holds is taken.
            let tariff = prices.rev().try_fold(first, |tariff, price| {
                let since = day(&text(&price["from_date"]));
                tariff.with_other(When::since(since), tokens(&pairs(price, "_per_mtok")).unwrap())
            })?;
            return at(tariff, &format!("{}T00:00:00.000000Z", text(&parameters["at"])), &usage);
        }
        other => return Err(format!("cases of the kind {other} are not known").into()),
    };
    let tariff = match (&parameters["free_units"], kind) {
        (Value::Null, _) | (_, "package" | "package_incremental") => tariff,
        (free, _) => tariff.with_free("units", quantity(free))?,
    };
    let tariff = match &parameters["discount_percent"] {
        Value::Null => tariff,
        percent => tariff.with_discount(&text(percent))?,
    };
    let tariff = match &parameters["previous_quantity"] {
        Value::Null => tariff,
        before => tariff.after(Usage::new().with("units", quantity(before))),
    };
    let tariff = match &parameters["min_spend"] {
        Value::Null => tariff,
        limit => tariff.with_minimum(&text(limit))?,
    };
    let tariff = match &parameters["max_spend"] {
        Value::Null => tariff,
        limit => tariff.with_maximum(&text(limit))?,
    };
    let charge = tariff.charge(&usage, unit())?;
    // Whatever is charged, its lines sum to it and a hold would have covered it.
    let lines = tariff.charge_lines(&usage, unit())?;
    assert_eq!(lines.iter().map(|line| line.amount.minor()).sum::<i64>(), charge.minor());
    assert!(tariff.ceiling(&usage, unit())?.minor() >= charge.minor());
    Ok(charge.minor())
}

/// An amount times a multiplier, by default to the cent, from the middle up.
fn dynamic(parameters: &Value) -> Result<Tariff, Box<dyn Error>> {
    let places = parameters["places"].as_u64().unwrap_or(2).try_into()?;
    let rounding = match parameters["rounding"].as_str() {
        None | Some("half_up") => Rounding::HalfUp,
        Some("half_even") => Rounding::HalfEven,
        Some("up") => Rounding::Up,
        Some("down") => Rounding::Down,
        Some(other) => return Err(format!("unknown rounding {other}").into()),
    };
    Ok(Tariff::new().dynamic("units", &text(&parameters["multiplier"]), places, rounding)?)
}

fn day(text: &str) -> Timestamp {
    format!("{text}T00:00:00.000000Z").parse().unwrap()
}

fn at(tariff: Tariff, moment: &str, usage: &Usage) -> Result<i64, Box<dyn Error>> {
    let tariff = Arc::new(tariff).at(moment.parse()?, &Labels::default());
    Ok(tariff.charge(usage, unit())?.minor())
}

fn percentage(parameters: &Value) -> Result<Percentage, PriceError> {
    let share = Percentage::of(&text(&parameters["rate_percent"]))?
        .with_fee(&text(&parameters["fixed_per_event"]))?
        .counting("events")
        .with_free_events(quantity(&parameters["free_events"]))
        .with_free_amount(quantity(&parameters["free_amount"]));
    let share = match &parameters["min_per_event"] {
        Value::Null => share,
        limit => share.at_least(&text(limit))?,
    };
    match &parameters["max_per_event"] {
        Value::Null => Ok(share),
        limit => share.at_most(&text(limit)),
    }
}

/// Each event after those before it.
fn one_by_one(parameters: &Value) -> Result<i64, Box<dyn Error>> {
    let tariff = Tariff::new().percentage("units", percentage(parameters)?)?;
    let (mut used, mut sum) = (Usage::new(), 0);
    for amount in parameters["event_amounts"].as_array().unwrap() {
        let event = Usage::new().with("units", quantity(amount)).with("events", 1_u64);
        sum += tariff.clone().after(used.clone()).charge(&event, unit())?.minor();
        used.add(&event)?;
    }
    Ok(sum)
}

/// Prices of which each may be another above thresholds of the input.
fn threshold(rates: &Value) -> Result<Tariff, PriceError> {
    let rates = rates.as_object().unwrap();
    let mut bounds: Vec<u64> = rates
        .values()
        .filter_map(|rate| rate["above"].as_array())
        .flatten()
        .map(|above| above["threshold"].as_u64().unwrap())
        .collect();
    bounds.sort_unstable();
    bounds.dedup();
    let above = |bound: u64| {
        let rate = |rate: &Value| {
            let mut tiers = rate["above"].as_array().unwrap().iter();
            let tier = tiers.rfind(|tier| tier["threshold"].as_u64().unwrap() <= bound);
            tier.map_or_else(|| text(&rate["base"]), |tier| text(&tier["rate"]))
        };
        tokens(&rates.iter().map(|(name, prices)| (name.clone(), rate(prices))).collect::<Vec<_>>())
    };
    let base: Vec<_> = rates.iter().map(|(name, rate)| (name.clone(), text(&rate["base"]))).collect();
    // The highest first: the first that holds is taken.
    bounds.into_iter().rev().try_fold(tokens(&base)?, |tariff, bound| {
        tariff.with_other(When::above(["input"], bound), above(bound)?)
    })
}

#[test]
fn a_case_that_is_not_understood_is_wrong() {
    let parameters = serde_json::json!({ "unit": "1", "min_spend": "2", "surcharge": "3" });
    assert_eq!(unknown("per_unit", &parameters), ["surcharge"]);
    assert_eq!(unknown("per_unti", &parameters), ["surcharge", "unit"]);
    assert!(price("per_unti", &parameters, &serde_json::json!(1)).is_err());
}
