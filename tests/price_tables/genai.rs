//! The catalogue of genai-prices.

use std::collections::BTreeSet;

use billing_guard::{PriceBook, Timestamp};
use serde_json::value::RawValue;

use crate::exact::{Exact, Members, list, members, text};
use crate::{charged, data, unit};

const DAY: i64 = 86_400_000_000;

/// Prices of a million, what counts them, and the whole that they are counted in.
const PARTS: [(&str, &str, &str); 15] = [
    ("cache_read_mtok", "cache_read_tokens", "input"),
    ("cache_write_mtok", "cache_write_tokens", "input"),
    ("cache_write_1h_mtok", "cache_write_1h_tokens", "cache_write_tokens"),
    ("input_audio_mtok", "input_audio_tokens", "input"),
    ("cache_audio_read_mtok", "cache_audio_read_tokens", "cache_read_tokens input_audio_tokens"),
    ("input_image_mtok", "input_image_tokens", "input"),
    ("cache_image_read_mtok", "cache_image_read_tokens", "cache_read_tokens input_image_tokens"),
    ("input_video_mtok", "input_video_tokens", "input"),
    ("output_audio_mtok", "output_audio_tokens", "output"),
    ("output_image_mtok", "output_image_tokens", "output"),
    ("output_video_mtok", "output_video_tokens", "output"),
    ("output_reasoning_mtok", "output_reasoning_tokens", "output"),
    ("output_citation_mtok", "output_citation_tokens", "output"),
    ("output_text_mtok", "output_text_tokens", "output"),
    ("web_searches_kcount", "web_searches", ""),
];

/// The conditions of a model's prices, in order, with the prices.
fn conditional(prices: &RawValue) -> Vec<(Option<Members>, Members)> {
    match members(prices) {
        Some(prices) => vec![(None, prices)],
        None => {
            let read = |item: &RawValue| {
                let item = members(item).unwrap();
                (item.get("constraint").and_then(|value| members(value)), members(&item["prices"]).unwrap())
            };
            list(prices).iter().map(|item| read(item)).collect()
        }
    }
}

/// A date, or a time of the day on some date, in microseconds.
fn moment(constraint: &Members, field: &str) -> Option<i64> {
    let written = text(constraint.get(field)?);
    let written = if field == "start_date" {
        format!("{written}T00:00:00.000000Z")
    } else {
        format!("2025-03-05T{}.000000Z", written.strip_suffix('Z').unwrap())
    };
    Some(written.parse::<Timestamp>().unwrap().as_micros())
}

fn is_active(constraint: &Members, now: i64) -> bool {
    if let Some(date) = moment(constraint, "start_date") {
        return now >= date;
    }
    let of = |field| moment(constraint, field).unwrap().rem_euclid(DAY);
    let (from, until, now) = (of("start_time"), of("end_time"), now.rem_euclid(DAY));
    if until < from { now >= from || now < until } else { now >= from && now < until }
}

/// The price of one, in a request with so much input.
fn price(prices: &Members, field: &str, input: u64) -> Option<Exact> {
    let value = prices.get(field)?;
    let power = if field.ends_with("_kcount") { 3 } else { 6 };
    let Some(tiered) = members(value) else { return Exact::read(value).map(|price| price.per(power)) };
    let mut price = Exact::read(&tiered["base"]);
    for tier in list(&tiered["tiers"]) {
        let tier = members(&tier).unwrap();
        if input > Exact::read(&tier["start"]).unwrap().whole() {
            price = Exact::read(&tier["price"]);
        }
    }
    price.map(|price| price.per(power))
}

/// What is used, with a quarter of what is left of the input or output as each part, and what it costs. A part without a price
/// costs what the whole does.
fn expected(prices: &Members, input: u64) -> (Vec<(String, u64)>, Exact) {
    let (mut used, mut sum) = (Vec::new(), Exact::ZERO);
    for (whole, total, field) in [("input", input, "input_mtok"), ("output", 4_000, "output_mtok")] {
        let Some(of_whole) = price(prices, field, input) else { continue };
        used.push((format!("{whole}_tokens"), total));
        let mut rest = total;
        for (field, quantity, _) in PARTS.iter().filter(|(.., within)| *within == whole) {
            let count = rest / 4;
            rest -= count;
            used.push(((*quantity).to_owned(), count));
            let of_part = price(prices, field, input).unwrap_or(of_whole);
            let mut left = count;
            for (field, inner, wholes) in PARTS {
                // What is within two wholes counts in both of them.
                let first = wholes.split(' ').next() == Some(*quantity);
                let (true, Some(of_inner)) = (first, price(prices, field, input)) else { continue };
                let some = count / 3;
                let others = wholes.split(' ').nth(1);
                if let Some(other) = others {
                    // The other whole has these beside its own.
                    rest -= some;
                    used.push((other.to_owned(), some));
                    rest += some;
                }
                used.push((inner.to_owned(), some));
                left -= some;
                sum = sum.plus(of_inner.times(some));
            }
            sum = sum.plus(of_part.times(left));
        }
        sum = sum.plus(of_whole.times(rest));
    }
    if let Some(of_search) = price(prices, "web_searches_kcount", input) {
        used.push(("web_searches".to_owned(), 3));
        sum = sum.plus(of_search.times(3));
    }
    if let Some(fixed) = price(prices, "requests_kcount", input) {
        sum = sum.plus(fixed);
    }
    // Quantities stated twice are one.
    let mut merged = Vec::<(String, u64)>::new();
    for (name, count) in used {
        match merged.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known += count,
            None => merged.push((name, count)),
        }
    }
    (merged, sum)
}

#[test]
fn every_price_of_the_catalogue_is_charged() {
    let Some(json) = data("genai_prices_v2_data.json") else { return };
    let import = PriceBook::from_genai_prices(&json, unit()).unwrap();
    let providers: Vec<Members> = serde_json::from_str(&json).unwrap();
    let (mut models, mut compared, mut dated, mut sized) = (0, 0, 0, 0);
    for provider in &providers {
        let id = text(&provider["id"]);
        for model in list(&provider["models"]) {
            let model = members(&model).unwrap();
            let name = format!("{id}/{}", text(&model["id"]));
            models += 1;
            let all = conditional(&model["prices"]);
            if !import.book.contains(&name) {
                assert!(import.unpriced.contains(&name), "{name}");
                assert!(all.iter().all(|(_, prices)| prices.is_empty()), "{name}");
                continue;
            }
            // Each side of every date and time.
            let conditions = all.iter().filter_map(|(constraint, _)| constraint.as_ref());
            let ends = conditions.flat_map(|constraint| {
                ["start_date", "start_time", "end_time"].map(|field| moment(constraint, field))
            });
            let ends = ends.flatten().flat_map(|end| [end - 1, end]);
            let moments: BTreeSet<i64> = ends.chain([1_741_000_000_000_000]).collect();
            let bounds =
                all.iter().flat_map(|(_, prices)| prices.values()).filter_map(|value| members(value));
            let bounds = bounds.flat_map(|tiered| list(&tiered["tiers"]));
            let bounds = bounds.map(|tier| Exact::read(&members(&tier).unwrap()["start"]).unwrap().whole());
            let sizes: BTreeSet<u64> = bounds.flat_map(|bound| [bound, bound + 1]).chain([1_000]).collect();
            dated += u32::from(moments.len() > 1);
            sized += u32::from(sizes.len() > 1);
            for now in &moments {
                let active = all.iter().rfind(|(constraint, _)| {
                    constraint.as_ref().is_none_or(|constraint| is_active(constraint, *now))
                });
                let (_, prices) = active.unwrap_or(&all[0]);
                for size in &sizes {
                    let (used, sum) = expected(prices, *size);
                    let got = charged(&import.book, &name, Timestamp::from_micros(*now), &[], &used);
                    assert_eq!(got, Ok(sum.steps()), "{name} at {now}: {used:?}");
                    compared += 1;
                }
            }
        }
    }
    println!(
        "{models} models, {dated} with dates or times, {sized} with bounds, {compared} requests compared"
    );
    let mut unused: Vec<_> = import.ignored.values().flatten().collect();
    unused.sort_unstable();
    unused.dedup();
    println!("not used: {unused:?}");
    assert_eq!(unused, ["price_comments"]);
    assert!(models > 1_400 && dated >= 10 && sized >= 20, "{dated} {sized}");
}

#[test]
fn every_model_of_the_catalogue_is_found_by_its_own_names() {
    let Some(json) = data("genai_prices_v2_data.json") else { return };
    let import = PriceBook::from_genai_prices(&json, unit()).unwrap();
    for (provider, model, wanted) in [
        ("openai", "gpt-4o-2024-11-20", "openai/gpt-4o"),
        ("openai", "GPT-5.6-sol-2026-02-01", "openai/gpt-5.6-sol"),
        ("google", "gemini-3.5-flash-001", "google/gemini-3.5-flash"),
        ("xai", "grok-4.3-20260101", "x-ai/grok-4.3"),
        ("azure", "gpt-4o-2024-11-20", "openai/gpt-4o"),
    ] {
        assert_eq!(import.find(provider, model), Some(wanted), "{provider} {model}");
    }
    let providers: Vec<Members> = serde_json::from_str(&json).unwrap();
    let (mut found, mut unpriced, mut others) = (0, 0, Vec::new());
    for provider in &providers {
        let id = text(&provider["id"]);
        for model in list(&provider["models"]) {
            let model = members(&model).unwrap();
            let clause = members(&model["match"]).unwrap();
            let clauses = clause.get("or").map_or(vec![clause.clone()], |list_| {
                list(list_).iter().map(|clause| members(clause).unwrap()).collect()
            });
            for name in clauses.iter().filter_map(|clause| clause.get("equals")).map(|name| text(name)) {
                let wanted = format!("{id}/{}", text(&model["id"]));
                match import.find(&id, &name) {
                    Some(got) if got == wanted => found += 1,
                    None if !import.book.contains(&wanted) => unpriced += 1,
                    other => others.push(format!("{id} {name}: {other:?} instead of {wanted}")),
                }
            }
        }
    }
    // A name that fits two models is the first one's.
    println!("{found} names found, {unpriced} of models without a price, others: {others:?}");
    assert!(found > 1_500 && others.len() < 20, "{others:?}");
}
