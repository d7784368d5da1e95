//! Every price in LiteLLM's table and in genai-prices' catalogue, computed once more from the JSON, by other means.
//!
//! The files are read from the folder named by the environment variable `BILLING_GUARD_DATA`, `litellm_prices.json` and
//! `genai_prices_v2_data.json`. Without it the tests say that they were skipped.
#![allow(clippy::unwrap_used, clippy::cast_possible_wrap, clippy::cast_possible_truncation)]

#[path = "price_tables/exact.rs"]
mod exact;
#[path = "price_tables/genai.rs"]
mod genai;
#[path = "price_tables/litellm.rs"]
mod litellm;

use std::path::Path;

use billing_guard::{Amount, Labels, PriceBook, Timestamp, Unit, Usage};

/// The text of a file of the data.
fn data(file: &str) -> Option<String> {
    let Some(folder) = std::env::var_os("BILLING_GUARD_DATA") else {
        println!("skipped: set BILLING_GUARD_DATA to a folder with {file}");
        return None;
    };
    Some(std::fs::read_to_string(Path::new(&folder).join(file)).unwrap())
}

/// Everything is compared in steps of 10^-12 dollars.
fn unit() -> Unit {
    Unit::new("USD", 12).unwrap()
}

/// What the book charges for this; the text of the error if it does not.
fn charged(
    book: &PriceBook,
    name: &str,
    moment: Timestamp,
    labels: &[(&str, &str)],
    used: &[(String, u64)],
) -> Result<i64, String> {
    let labels = Labels::new(labels.iter().copied()).unwrap();
    let usage = used.iter().fold(Usage::new(), |usage, (name, count)| usage.with(name.clone(), *count));
    let tariff = book.tariff(name).map_err(|error| error.to_string())?.at(moment, &labels);
    tariff.charge(&usage, unit()).map(Amount::minor).map_err(|error| error.to_string())
}

/// 2025-03-03, a Monday, and so many minutes.
fn minute(minutes: i64) -> Timestamp {
    let monday: Timestamp = "2025-03-03T00:00:00.000000Z".parse().unwrap();
    Timestamp::from_micros(monday.as_micros() + minutes * 60_000_000)
}
