//! Price tables that others publish, as price books of our own form: written, read back the same, and how fast.
//!
//! The tables are read from the folder named by the environment variable `BILLING_GUARD_DATA`, files `litellm_prices.json` and
//! `genai_prices_v2_data.json`. Without it the test says that it was skipped.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::time::Instant;

use billing_guard::{PriceBook, Unit};

#[test]
fn published_tables_read_back_as_they_were() {
    let Some(folder) = std::env::var_os("BILLING_GUARD_DATA") else {
        println!(
            "skipped: set BILLING_GUARD_DATA to a folder with litellm_prices.json and genai_prices_v2_data.json"
        );
        return;
    };
    let unit = Unit::new("USD", 9).unwrap();
    let table = |name: &str| std::fs::read_to_string(Path::new(&folder).join(name)).unwrap();
    let litellm = PriceBook::from_litellm(&table("litellm_prices.json"), unit).unwrap().book;
    let genai = PriceBook::from_genai_prices(&table("genai_prices_v2_data.json"), unit).unwrap().book;
    for (name, book) in [("LiteLLM", litellm), ("genai-prices", genai)] {
        assert!(book.len() > 1_000, "{name} has {}", book.len());
        let start = Instant::now();
        let json = book.to_json();
        let written = start.elapsed();
        let start = Instant::now();
        let read = PriceBook::from_json(&json);
        let took = start.elapsed();
        println!(
            "{name}: {} tariffs, {} bytes, written in {written:?}, read in {took:?}",
            book.len(),
            json.len()
        );
        assert_eq!(read, Ok(book));
    }
}
