//! LiteLLM's table.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use billing_guard::{LitellmImport, PriceBook};
use serde_json::value::RawValue;

use crate::exact::{Exact, Members, list, members, text};
use crate::{charged, data, minute, unit};

/// Each field whose name may go on with what says for which requests it is, and what counts it.
const FIELDS: [(&str, &str); 35] = [
    ("input_cost_per_token", "input_tokens"),
    ("output_cost_per_token", "output_tokens"),
    ("output_cost_per_reasoning_token", "output_reasoning_tokens"),
    ("cache_read_input_token_cost", "cache_read_input_tokens"),
    ("explicit_cache_read_input_token_cost", "explicit_cache_read_input_tokens"),
    ("cache_creation_input_token_cost", "cache_creation_input_tokens"),
    ("cache_creation_input_token_cost_above_1hr", "cache_creation_1h_input_tokens"),
    ("cache_creation_input_token_cost_above_12hr", "cache_creation_12h_input_tokens"),
    ("input_cost_per_audio_token", "input_audio_tokens"),
    ("output_cost_per_audio_token", "output_audio_tokens"),
    ("cache_read_input_audio_token_cost", "cache_read_input_audio_tokens"),
    ("cache_creation_input_audio_token_cost", "cache_creation_input_audio_tokens"),
    ("input_cost_per_image_token", "input_image_tokens"),
    ("output_cost_per_image_token", "output_image_tokens"),
    ("cache_read_input_image_token_cost", "cache_read_input_image_tokens"),
    ("input_cost_per_video_token", "input_video_tokens"),
    ("output_cost_per_video_token", "output_video_tokens"),
    ("citation_cost_per_token", "citation_tokens"),
    ("input_cost_per_character", "input_characters"),
    ("output_cost_per_character", "output_characters"),
    ("input_cost_per_image", "input_images"),
    ("output_cost_per_image", "output_images"),
    ("input_cost_per_pixel", "input_pixels"),
    ("output_cost_per_pixel", "output_pixels"),
    ("input_cost_per_second", "input_seconds"),
    ("output_cost_per_second", "output_seconds"),
    ("input_cost_per_audio_per_second", "input_audio_seconds"),
    ("input_cost_per_video_per_second", "input_video_seconds"),
    ("output_cost_per_video_per_second", "output_video_seconds"),
    ("input_cost_per_query", "queries"),
    ("input_cost_per_text_message", "input_text_messages"),
    ("ocr_cost_per_page", "pages"),
    ("annotation_cost_per_page", "annotated_pages"),
    ("ocr_cost_per_credit", "ocr_credits"),
    ("code_interpreter_cost_per_session", "code_interpreter_sessions"),
];

const TIERS: [(&str, &str); 7] = [
    ("", "standard"),
    ("_batches", "batch"),
    ("_flex", "flex"),
    ("_priority", "priority"),
    ("_balanced", "balanced"),
    ("_ultrafast", "ultrafast"),
    ("_decisions", "decisions"),
];

/// A field in `provider_specific_entry` or beside it, and the label of the work whose tokens cost so many times as much.
const FACTORS: [(&str, (&str, &str)); 5] = [
    ("regional_processing_uplift_multiplier_eu", ("data_residency", "eu")),
    ("regional_processing_uplift_multiplier_us", ("data_residency", "us")),
    ("regional_endpoint_uplift_multiplier", ("endpoint", "regional")),
    ("us", ("inference_geo", "us")),
    ("fast", ("speed", "fast")),
];

const WORDS: [&str; 8] = [
    "cost",
    "pric",
    "uplift",
    "multiplier",
    "free_requests",
    "billing_unit",
    "discount",
    "provider_specific",
];

/// A kind of request to one entry.
struct Request<'a> {
    /// How the fields of its service tier end.
    tier: &'a str,
    input: u64,
    results: u64,
    /// Minutes from a Monday's midnight on.
    minute: i64,
    resolution: &'a str,
}

struct Entry {
    fields: Members,
    /// The fields whose prices were compared.
    compared: RefCell<BTreeSet<String>>,
}

impl Entry {
    fn object(&self, field: &str) -> Members {
        self.fields.get(field).and_then(|value| members(value)).unwrap_or_default()
    }

    fn ranges(&self) -> Vec<(u64, u64, bool, Members)> {
        let tiers = self.fields.get("tiered_pricing").map_or(Vec::new(), |value| list(value));
        let read = |tier: &RawValue| {
            let mut tier = members(tier).unwrap();
            let by_results = tier.contains_key("max_results_range");
            let range = tier.remove("range").or_else(|| tier.remove("max_results_range")).unwrap();
            let ends: Vec<_> = list(&range).iter().map(|end| Exact::read(end).unwrap().whole()).collect();
            (ends[0], ends[1], by_results, tier)
        };
        tiers.iter().map(|tier| read(tier)).collect()
    }

    /// A price that is there and, if it is for some requests only, not zero.
    fn stated(&self, field: &str, value: Option<&RawValue>, special: bool) -> Option<Exact> {
        let price = Exact::read(value?)?;
        if special && price.is_zero() {
            return None;
        }
        self.compared.borrow_mut().insert(field.to_owned());
        Some(price)
    }

    fn is_off_peak(&self, minute: i64) -> bool {
        let block = self.object("off_peak_pricing");
        let ahead = match block.get("weekday_timezone").map(|zone| text(zone)).as_deref() {
            None => 0,
            Some("Asia/Shanghai") => 8 * 60,
            Some(zone) => panic!("{zone}"),
        };
        let mut rules = block.get("windows").map_or(Vec::new(), |value| list(value));
        let mut open = false;
        for rule in rules.drain(..) {
            let rule = members(&rule).unwrap();
            let days: Option<Vec<i64>> =
                rule.get("weekdays").map(|days| serde_json::from_str(days.get()).unwrap());
            let hours = rule["hours_utc"].get();
            let hours: Vec<String> =
                serde_json::from_str(hours).unwrap_or_else(|_| vec![text(&rule["hours_utc"])]);
            for hours in hours {
                let clock = |text: &str| {
                    let (hour, minute) = text.split_once(':').unwrap();
                    hour.parse::<i64>().unwrap() * 60 + minute.parse::<i64>().unwrap()
                };
                let (from, until) = hours.split_once('-').unwrap();
                let (from, until, now) = (clock(from), clock(until), minute.rem_euclid(1_440));
                let within =
                    if from < until { now >= from && now < until } else { now >= from || now < until };
                let day = (minute + ahead).div_euclid(1_440).rem_euclid(7) + 1;
                open |= within && days.as_ref().is_none_or(|days| days.contains(&day));
            }
        }
        open
    }

    /// The price of one of what a field is named after.
    fn price(&self, base: &str, request: &Request<'_>) -> Option<Exact> {
        let field =
            |name: &str, special| self.stated(name, self.fields.get(name).map(|value| &**value), special);
        if request.tier != "_batches" && self.is_off_peak(request.minute) {
            let block = self.object("off_peak_pricing");
            if let Some(price) =
                self.stated(&format!("off_peak_pricing.{base}"), block.get(base).map(|value| &**value), true)
            {
                return Some(price);
            }
        }
        let ranges = self.ranges();
        let named = |base: &str| {
            let value =
                self.fields.get(&format!("{base}{}", request.tier)).and_then(|value| Exact::read(value));
            !request.tier.is_empty() && value.is_some_and(|price| !price.is_zero())
        };
        // Reasoning that has a price of its own.
        let is_reasoning = base == "output_cost_per_reasoning_token" && self.fields.contains_key(base);
        if is_reasoning && !named(base) && named("output_cost_per_token") {
            return self.price("output_cost_per_token", request);
        }
        for (index, (from, until, by_results, tier)) in ranges.iter().enumerate() {
            let size = if *by_results { request.results } else { request.input };
            let within = if *by_results { size <= *until } else { (*from..=*until).contains(&size) };
            if within || index + 1 == ranges.len() {
                if let Some(value) = tier.get(base) {
                    // What is said beside the ranges is the same as in the first of them.
                    field(base, false);
                    return self.stated(&format!("tiered_pricing.{index}.{base}"), Some(value), index > 0);
                }
                break;
            }
        }
        if !request.resolution.is_empty() {
            let price = field(&format!("{base}_{}", request.resolution), true);
            if price.is_some() {
                return price;
            }
        }
        let reached = self.fields.get("litellm_provider").is_some_and(|provider| text(provider) == "xai");
        let crossed = |end: &str| {
            let bounds = [1_024, 512, 272, 256, 200, 128, 100, 32];
            let crossed =
                |bound: &u64| request.input > bound * 1_000 || (reached && request.input == bound * 1_000);
            bounds
                .iter()
                .filter(|bound| crossed(bound))
                .find_map(|bound| field(&format!("{base}_above_{bound}k_tokens{end}"), true))
        };
        let of_tier =
            || (!request.tier.is_empty()).then(|| field(&format!("{base}{}", request.tier), true)).flatten();
        let of_batch = || if request.tier == "_batches" { of_tier() } else { None };
        let of_tier_above = || if request.tier.is_empty() { None } else { crossed(request.tier) };
        of_tier_above()
            .or_else(of_batch)
            .or_else(|| crossed(""))
            .or_else(of_tier)
            .or_else(|| field(base, false))
    }
}

/// What is used of each quantity, and what it should cost in all.
fn expected(entry: &Entry, request: &Request<'_>, factor: Option<Exact>) -> (Vec<(String, u64)>, Exact) {
    let (mut used, mut sum, mut rest) = (Vec::new(), Exact::ZERO, request.input);
    let mut add = |quantity: &str, count: u64, price: Exact| {
        let factor = factor.filter(|_| quantity.ends_with("_tokens"));
        let price = factor.map_or(price, |factor| price.by(factor));
        used.push((quantity.to_owned(), count));
        sum = sum.plus(price.times(count));
    };
    let mut parts = 3;
    // The plain input comes last and takes what is left of it.
    for (base, quantity) in FIELDS.iter().rev() {
        let Some(price) = entry.price(base, request) else { continue };
        let is_input = quantity.contains("input") && quantity.ends_with("_tokens");
        let mut count = match *quantity {
            "input_tokens" => rest,
            _ if is_input => rest / parts,
            _ if quantity.ends_with("_tokens") => 777,
            _ => 9,
        };
        if is_input {
            parts += 1;
            rest -= count;
        }
        if *quantity == "input_images" {
            let free = entry.object("provider_specific_entry").remove("minimax_free_input_images");
            let free = free.map_or(0, |free| Exact::read(&free).unwrap().whole());
            add(quantity, count, Exact::ZERO);
            add("", count.saturating_sub(free), price);
            count = 0;
        }
        if count > 0 {
            add(quantity, count, price);
        }
    }
    for (block, names) in [
        ("search_context_cost_per_query", Some(["low", "medium", "high"])),
        ("guardrail_cost_per_unit", None),
    ] {
        for (member, value) in entry.object(block) {
            let size =
                names.map(|names| names.iter().find(|size| member.ends_with(**size)).unwrap().to_string());
            let quantity = size.map_or(member.clone(), |size| format!("{size}_context_searches"));
            add(&quantity, 5, entry.stated(&format!("{block}.{member}"), Some(&value), false).unwrap());
        }
    }
    let maps = "google_maps_grounding_cost_per_query";
    if let Some(price) = entry.stated(maps, entry.fields.get(maps).map(|value| &**value), false) {
        add("map_searches", 2, price);
    }
    if entry.ranges().iter().any(|(.., by_results, _)| *by_results) {
        add("max_results", request.results, Exact::ZERO);
    }
    let fixed = "input_cost_per_request";
    if let Some(price) = entry.stated(fixed, entry.fields.get(fixed).map(|value| &**value), false) {
        add("", 1, price);
    }
    // Those without a name are counted in another way.
    used.retain(|(name, _)| !name.is_empty());
    (used, sum)
}

/// Sizes of the input on both sides of every bound that the entry has.
fn sizes(entry: &Entry) -> Vec<u64> {
    let above = entry.fields.keys().filter_map(|field| {
        let (_, bound) = field.rsplit_once("_above_")?;
        Some(bound.split_once("k_tokens")?.0.parse::<u64>().ok()? * 1_000)
    });
    let ranges = entry.ranges().into_iter().map(|(_, until, ..)| until);
    let bounds: BTreeSet<u64> = above.chain(ranges).collect();
    let around = bounds.into_iter().flat_map(|bound| [bound - 1, bound, bound + 1]);
    around.chain([1_000]).collect()
}

fn check(import: &LitellmImport, name: &str, entry: &Entry, compared: &mut BTreeMap<&'static str, u32>) {
    let minutes = if entry.fields.contains_key("off_peak_pricing") {
        // Each side of 01:00, 04:00 and 10:00 on a Friday, and of the two midnights of the weekend in two zones.
        let ends = [60, 240, 360, 600, 960, 1_440, 1_440 + 960, 2 * 1_440 + 960, 3 * 1_440];
        ends.iter().flat_map(|end| [4 * 1_440 + end - 1, 4 * 1_440 + end]).collect()
    } else {
        vec![720]
    };
    let resolutions: BTreeSet<&str> = entry
        .fields
        .keys()
        .filter_map(|field| {
            let size = field.strip_prefix("output_cost_per_second_");
            size.or_else(|| {
                field.strip_prefix("output_cost_per_image_").filter(|size| !size.starts_with("token"))
            })
        })
        .chain([""])
        .collect();
    let specific = entry.object("provider_specific_entry");
    for (tier, label) in TIERS {
        if !entry.fields.keys().any(|field| field.ends_with(tier)) {
            continue;
        }
        for size in sizes(entry) {
            for minute_of_week in &minutes {
                for resolution in &resolutions {
                    let request =
                        Request { tier, input: size, results: size, minute: *minute_of_week, resolution };
                    let mut labels = vec![("tier", label), ("resolution", *resolution)];
                    labels.retain(|(_, value)| !value.is_empty());
                    let (used, sum) = expected(entry, &request, None);
                    let wanted = Ok(sum.steps());
                    let got = charged(&import.book, name, minute(*minute_of_week), &labels, &used);
                    assert_eq!(got, wanted, "{name} {labels:?} {used:?} minute {minute_of_week}");
                    *compared.entry("requests").or_default() += 1;
                    for (field, factor_label) in FACTORS {
                        let value = entry.fields.get(field).or_else(|| specific.get(field));
                        let Some(times) = value.and_then(|value| Exact::read(value)) else { continue };
                        entry.compared.borrow_mut().insert(field.to_owned());
                        let (used, sum) = expected(entry, &request, Some(times));
                        let labels: Vec<_> = labels.iter().copied().chain([factor_label]).collect();
                        let got = charged(&import.book, name, minute(*minute_of_week), &labels, &used);
                        assert_eq!(got, Ok(sum.steps()), "{name} {labels:?} {used:?}");
                        *compared.entry("multiplied").or_default() += 1;
                    }
                }
            }
        }
    }
}

/// Every member of an entry that bears on a price, those of blocks after a point.
fn price_fields(entry: &Entry) -> Vec<String> {
    let mut fields = Vec::new();
    for field in entry.fields.keys().filter(|field| WORDS.iter().any(|word| field.contains(word))) {
        match &**field {
            "search_context_cost_per_query" | "guardrail_cost_per_unit" | "off_peak_pricing" => {
                let times = ["hours_utc", "weekday_timezone", "windows"];
                let members = entry.object(field).into_keys().filter(|member| !times.contains(&&**member));
                fields.extend(members.map(|member| format!("{field}.{member}")));
            }
            "tiered_pricing" => {
                for (index, (.., tier)) in entry.ranges().iter().enumerate() {
                    fields.extend(tier.keys().map(|member| format!("{field}.{index}.{member}")));
                }
            }
            "provider_specific_entry" => {
                let members = entry.object(field).into_keys();
                fields.extend(members.filter(|member| matches!(&**member, "us" | "fast")));
            }
            _ => fields.push(field.clone()),
        }
    }
    fields
}

#[test]
fn every_price_of_the_table_is_charged_or_reported() {
    let Some(json) = data("litellm_prices.json") else { return };
    let import = PriceBook::from_litellm(&json, unit()).unwrap();
    let table: BTreeMap<String, Members> = serde_json::from_str(&json).unwrap();
    let (mut compared, mut unused) = (BTreeMap::new(), BTreeMap::<String, u32>::new());
    let nothing = Vec::new();
    for (name, fields) in table.into_iter().filter(|(name, _)| name != "sample_spec") {
        let entry = Entry { fields, compared: RefCell::default() };
        let ignored = import.ignored.get(&name).unwrap_or(&nothing);
        if import.book.contains(&name) {
            check(&import, &name, &entry, &mut compared);
        } else {
            assert!(import.unpriced.contains(&name), "{name}");
        }
        let done = entry.compared.borrow();
        for field in price_fields(&entry) {
            // Said twice, with the same price.
            let again = match &*field {
                "cost_per_second" => "input_cost_per_second",
                "input_cost_per_token_cache_hit" => "cache_read_input_token_cost",
                _ => &field,
            };
            let is_used = done.contains(again) || &*field == "web_search_billing_unit";
            assert!(is_used != ignored.contains(&field), "{name}: {field} is used: {is_used}");
        }
        for field in ignored {
            let value = entry.fields.get(field);
            let zero = value.and_then(|value| Exact::read(value)).is_some_and(Exact::is_zero);
            if !zero && import.book.contains(&name) {
                *unused.entry(field.clone()).or_default() += 1;
            }
        }
    }
    println!("{compared:?}; of entries in the book not used, beside zeros: {unused:?}");
    let known = ["_dbu_cost_per_token", "search_free_requests", "s_interval"];
    assert!(unused.keys().all(|field| known.iter().any(|end| field.ends_with(end))), "{unused:?}");
    assert!(compared["requests"] > 7_500 && compared["multiplied"] > 500, "{compared:?}");
}
