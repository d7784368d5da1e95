//! LiteLLM's price table, as a service would load it.
//!
//! The second test reads the real table, from the folder named by the environment variable `BILLING_GUARD_DATA`,
//! file `litellm_prices.json`. Without it that test says that it was skipped.

use std::collections::{BTreeMap, HashMap};
use std::error::Error;

use billing_guard::{Labels, PriceBook, PriceError, Quantity, Tariff, Timestamp, Unit, Usage};
use serde_json::value::RawValue;

/// The shape of the real table in small: every kind of entry that needs its own treatment.
const TABLE: &str = r#"{
    "sample_spec": { "input_cost_per_token": 0.0, "max_tokens": "some text", "mode": "one of ..." },
    "maker/chat-large@2025.01:latest": {
        "input_cost_per_token": 2.5e-06,
        "output_cost_per_token": 1E-5,
        "cache_read_input_token_cost": 1.25e-06,
        "input_cost_per_token_batches": 1.25e-06,
        "input_cost_per_token_above_200k_tokens": 5e-06,
        "search_context_cost_per_query": { "search_context_size_low": 0.03 },
        "max_input_tokens": 128000,
        "mode": "chat",
        "supports_vision": true
    },
    "maker/odd-number": {
        "input_cost_per_token": 4.5000000000000003e-07, "output_cost_per_token": 0, "input_dbu_cost_per_token": 6e-6
    },
    "maker/given-away": { "input_cost_per_token": 0.0, "output_cost_per_token": 0.0, "mode": "chat" },
    "maker/tiers-only": { "tiered_pricing": [{ "input_cost_per_token": 5e-08, "range": [0, 256000.0] }] },
    "maker/no-price": { "mode": "embedding", "rules": [{ "name": "x" }] },
    "maker/online": { "input_cost_per_request": 0.005, "output_cost_per_token": 2.8e-07 },
    "maker/scanner": { "ocr_cost_per_page": 0.002 }
}"#;

fn charge(tariff: &Tariff, usage: &Usage, unit: Unit) -> Result<String, PriceError> {
    Ok(tariff.charge(usage, unit)?.decimal().to_string())
}

#[test]
fn a_table_becomes_a_book_and_a_report_of_what_is_not_in_it() -> Result<(), Box<dyn Error>> {
    let usd = Unit::new("USD", 9)?;
    let import = PriceBook::from_litellm(TABLE, usd)?;
    assert_eq!((import.book.len(), import.book.unit()), (6, usd));
    assert_eq!(import.unpriced, ["maker/no-price"]);
    assert_eq!(import.free, ["maker/given-away"]);
    let large = "maker/chat-large@2025.01:latest";
    assert_eq!(import.ignored["maker/odd-number"], ["input_dbu_cost_per_token"]);
    assert_eq!(import.ignored.len(), 1);
    let tokens = Usage::new().with("input_tokens", 1_000_000_u64);
    assert_eq!(charge(&*import.book.tariff("maker/tiers-only")?, &tokens, usd)?, "0.05");

    let tokens = Usage::new()
        .with("input_tokens", 100_000_u64)
        .with("cache_read_input_tokens", 100_000_u64)
        .with("output_tokens", 1_000_000_u64)
        .with("low_context_searches", 1_u64);
    assert_eq!(charge(&*import.book.tariff(large)?, &tokens, usd)?, "10.405");
    // One more token of input, of which the cached has no price of its own above 200,000.
    let long = tokens.with("input_tokens", 100_001_u64);
    assert_eq!(charge(&*import.book.tariff(large)?, &long, usd)?, "10.655005");
    let batch = Labels::new([("tier", "batch")])?;
    let batch = import.book.tariff(large)?.at(Timestamp::default(), &batch);
    assert_eq!(charge(&batch, &Usage::new().with("input_tokens", 100_000_u64), usd)?, "0.125");
    let online = Usage::new().with("output_tokens", 1_u64);
    assert_eq!(charge(&*import.book.tariff("maker/online")?, &online, usd)?, "0.00500028");
    let pages = Usage::new().with("pages", 3_u64);
    assert_eq!(charge(&*import.book.tariff("maker/scanner")?, &pages, usd)?, "0.006");

    // To the last digit that the table states, in a unit fine enough to show the step above it.
    let odd = import.book.tariff("maker/odd-number")?;
    let million = Usage::new().with("input_tokens", 1_000_000_u64);
    assert_eq!(odd.charge(&million, usd)?, usd.amount("0.45")?);
    assert_eq!(odd.ceiling(&million, usd)?, usd.amount("0.450000001")?);

    // Not priced means refused, not free: both a model and a quantity.
    for name in ["maker/no-price", "sample_spec", "maker/unheard-of"] {
        let refused = import.book.tariff(name);
        assert!(matches!(refused, Err(PriceError::UnknownPrice { .. })), "{name}");
    }
    let cached = Usage::new().with("cache_read_input_tokens", 1_u64);
    assert!(matches!(odd.charge(&cached, usd), Err(PriceError::UnpricedQuantity { .. })));
    Ok(())
}

#[test]
fn the_real_table_loads_completely_and_exactly() -> Result<(), Box<dyn Error>> {
    let Some(folder) = std::env::var_os("BILLING_GUARD_DATA") else {
        println!("skipped: set BILLING_GUARD_DATA to a folder with litellm_prices.json");
        return Ok(());
    };
    let json = std::fs::read_to_string(std::path::Path::new(&folder).join("litellm_prices.json"))?;
    let usd = Unit::new("USD", 9)?;
    let import = PriceBook::from_litellm(&json, usd)?;
    let (priced, unpriced) = (import.book.len(), import.unpriced.len());
    println!("{priced} priced ({} of them free), {unpriced} unpriced", import.free.len());
    println!("{} entries have fields about the price that are not used:", import.ignored.len());
    let mut names = BTreeMap::<&str, u32>::new();
    for field in import.ignored.values().flatten() {
        *names.entry(field).or_default() += 1;
    }
    for (name, count) in names {
        println!("  {count} {name}");
    }
    assert_eq!(priced + unpriced, 4_552);
    assert!(import.unpriced.iter().all(|name| !import.book.contains(name)));
    assert!(import.free.iter().all(|name| import.book.contains(name)));

    let model = import.book.tariff("gpt-4o")?;
    let million = Quantity::from(1_000_000_u64);
    for (name, wanted) in [
        ("input_tokens", "2.50 USD"),
        ("output_tokens", "10.00 USD"),
        ("cache_read_input_tokens", "1.25 USD"),
    ] {
        let usage = Usage::new().with(name, million);
        assert_eq!(model.charge(&usage, usd)?.human().to_string(), wanted, "{name}");
        assert_eq!(model.ceiling(&usage, usd)?.human().to_string(), wanted, "{name}");
        assert_eq!(model.covers(model.charge(&usage, usd)?, name, &Usage::new())?, million, "{name}");
    }

    // Every input price against the text in the table: read as floats, which std rounds correctly, the two are equal.
    // (`serde_json::Value` will not do: its own floats are one step off for some of these prices.)
    let table: HashMap<String, HashMap<String, Box<RawValue>>> = serde_json::from_str(&json)?;
    let mut compared = 0;
    for (name, fields) in table.iter().filter(|(name, _)| import.book.contains(name)) {
        if let Some(value) = fields.get("input_cost_per_token") {
            let rate = import.book.tariff(name)?.rate("input_tokens").ok_or("no rate")?;
            let (read, written) = (rate.to_string().parse::<f64>()?, value.get().parse::<f64>()?);
            assert_eq!(read.to_bits(), written.to_bits(), "{name}");
            compared += 1;
        }
    }
    println!("{compared} input prices compared");
    assert!(compared > 3_000);
    Ok(())
}
