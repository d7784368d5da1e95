//! Reads the model price table that LiteLLM publishes.

mod entry;
mod fields;
mod off_peak;
mod ranges;
mod scope;

use std::collections::{BTreeMap, HashSet};

#[cfg(doc)]
use super::Tariff;
use super::object::{Object, invalid_table};
use super::{PriceBook, PriceError};
use crate::amount::Unit;
use crate::text::quoted;

/// The entry that describes the others.
const SAMPLE: &str = "sample_spec";

/// A price table as it was read, and what of it is not in the book. See [`PriceBook::from_litellm`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LitellmImport {
    /// A tariff for each entry that has a price we can use.
    pub book: PriceBook,
    /// The entries that are not in the book because they state no price we can use, in the order of the table. The
    /// book's policy for unknown names applies to them.
    pub unpriced: Vec<String>,
    /// The entries in the book whose every price is an explicit zero, in the order of the table. Look at these
    /// before you sell them: a table's maintainers also write zero for what they do not know.
    pub free: Vec<String>,
    /// By entry, in the book or not, the fields that bear on the price and are not used, a member of a field after a
    /// point. Where such a field would have applied, the book's price is not the published one.
    pub ignored: BTreeMap<String, Vec<String>>,
}

impl PriceBook {
    /// Reads the model price table that LiteLLM publishes (`model_prices_and_context_window.json`), taking every
    /// number exactly from its text.
    ///
    /// The table's prices are in US dollars; `unit` says in which steps to charge them. A million tokens of today's
    /// models cost around a dollar, so use a scale of 9 to charge single tokens without rounding them.
    ///
    /// # Quantities
    ///
    /// Each field in the list below becomes a rate for the quantity beside it, `input_cost_per_request` becomes the
    /// tariff's fixed price. `search_context_cost_per_query` prices `low_context_searches`, `medium_context_searches` and
    /// `high_context_searches`, and each member of `guardrail_cost_per_unit` the quantity that is called as it is. Prices of
    /// searches by `max_results_range` depend on the quantity `max_results`, which costs nothing itself.
    ///
    /// **Count everything once.** The quantities are disjoint: a token that was read from a cache is one of
    /// `cache_read_input_tokens` and not also one of `input_tokens`. (Other than in the
    /// [catalogue of genai-prices](Self::from_genai_prices), whose quantities overlap, and are in part called otherwise: usage that
    /// was counted for one book is not usage for the other.) Providers differ in the same way: where they report cached tokens as
    /// some of the prompt's, take them off. Most entries have no rate of its own for a special
    /// kind that costs the same as the general one: count reasoning tokens as `output_tokens` if the tariff has no
    /// [`rate`](Tariff::rate) for `output_reasoning_tokens`. Gemini models whose entry has no `web_search_billing_unit` bill
    /// a prompt that was answered with searches as one search, however many there were.
    ///
    /// # Other prices
    ///
    /// * **Large requests.** A name that goes on with `_above_200k_tokens`, or another number, states the price of requests
    ///   with strictly more tokens of input than that, of every kind; of provider `xai` with as many or more.
    ///   `tiered_pricing` states all prices by ranges of the input, of which each has its end in it.
    /// * **Labels.** Some prices are those of work with a label: ask for the prices [at](Tariff::at) its moment, as a guard does.
    ///
    ///   | field | label | value |
    ///   |---|---|---|
    ///   | ends in `_batches`, `_flex`, `_priority`, `_balanced`, `_ultrafast`, `_decisions` | `tier` | `batch`, `flex` and so on |
    ///   | `output_cost_per_second_720p`, `output_cost_per_image_2K` | `resolution` | `720p`, `2K`, as it is written there |
    ///   | `regional_processing_uplift_multiplier_eu`, `_us`, `fedramp_uplift_multiplier` | `data_residency` | `eu`, `us`, `fedramp` |
    ///   | `regional_endpoint_uplift_multiplier` | `endpoint` | `regional` |
    ///   | `provider_specific_entry.us` | `inference_geo` | `us` |
    ///   | `provider_specific_entry.fast` | `speed` | `fast` |
    ///
    ///   The last four multiply the price of every token, and hold together with the others and with each other.
    /// * **Times.** `off_peak_pricing` states prices that replace all others of the same quantity at times of the day, but for
    ///   a batch.
    ///
    /// What such work has no price of its own for costs what it does otherwise. In a service tier it costs what large requests
    /// cost in the standard one, where that is stated and that of the tier is not; but a batch is as cheap as it says, however
    /// large, and reasoning costs what output does in a tier that has a price for output alone. These are the rules of
    /// LiteLLM's own calculation. A zero among these prices is reported and not used.
    ///
    /// # What is not used
    ///
    /// All other fields that bear on the price are [reported](LitellmImport::ignored), not used: prices in DBU,
    /// searches that are free for a group of models together, prices by length of an interval. An entry without any of these
    /// fields is [reported](LitellmImport::unpriced) and left out, and so is one whose only prices that are not zero stand in
    /// fields that are not used or are for some requests only. The entry `sample_spec` is skipped.
    ///
    /// | field | quantity |
    /// |---|---|
    /// | `input_cost_per_token` | `input_tokens` |
    /// | `output_cost_per_token` | `output_tokens` |
    /// | `output_cost_per_reasoning_token` | `output_reasoning_tokens` |
    /// | `cache_read_input_token_cost` | `cache_read_input_tokens` |
    /// | `explicit_cache_read_input_token_cost` | `explicit_cache_read_input_tokens` |
    /// | `cache_creation_input_token_cost` | `cache_creation_input_tokens` |
    /// | `cache_creation_input_token_cost_above_1hr` | `cache_creation_1h_input_tokens` |
    /// | `cache_creation_input_token_cost_above_12hr` | `cache_creation_12h_input_tokens` |
    /// | `input_cost_per_audio_token` | `input_audio_tokens` |
    /// | `output_cost_per_audio_token` | `output_audio_tokens` |
    /// | `cache_read_input_audio_token_cost` | `cache_read_input_audio_tokens` |
    /// | `cache_creation_input_audio_token_cost` | `cache_creation_input_audio_tokens` |
    /// | `input_cost_per_image_token` | `input_image_tokens` |
    /// | `output_cost_per_image_token` | `output_image_tokens` |
    /// | `cache_read_input_image_token_cost` | `cache_read_input_image_tokens` |
    /// | `input_cost_per_video_token` | `input_video_tokens` |
    /// | `output_cost_per_video_token` | `output_video_tokens` |
    /// | `citation_cost_per_token` | `citation_tokens` |
    /// | `input_cost_per_character` | `input_characters` |
    /// | `output_cost_per_character` | `output_characters` |
    /// | `input_cost_per_image` | `input_images` |
    /// | `output_cost_per_image` | `output_images` |
    /// | `input_cost_per_pixel` | `input_pixels` |
    /// | `output_cost_per_pixel` | `output_pixels` |
    /// | `input_cost_per_second` | `input_seconds` |
    /// | `output_cost_per_second` | `output_seconds` |
    /// | `input_cost_per_audio_per_second` | `input_audio_seconds` |
    /// | `input_cost_per_video_per_second` | `input_video_seconds` |
    /// | `output_cost_per_video_per_second` | `output_video_seconds` |
    /// | `input_cost_per_query` | `queries` |
    /// | `input_cost_per_text_message` | `input_text_messages` |
    /// | `ocr_cost_per_page` | `pages` |
    /// | `annotation_cost_per_page` | `annotated_pages` |
    /// | `ocr_cost_per_credit` | `ocr_credits` |
    /// | `google_maps_grounding_cost_per_query` | `map_searches` |
    /// | `code_interpreter_cost_per_session` | `code_interpreter_sessions` |
    /// | `computer_use_input_cost_per_1k_tokens` | `computer_use_input_tokens` |
    /// | `computer_use_output_cost_per_1k_tokens` | `computer_use_output_tokens` |
    /// | `file_search_cost_per_1k_calls` | `file_searches` |
    /// | `file_search_cost_per_gb_per_day` | `file_search_gb_days` |
    /// | `vector_store_cost_per_gb_per_day` | `vector_store_gb_days` |
    ///
    /// ```
    /// use billing_guard::{PriceBook, Unit, Usage};
    ///
    /// let table = r#"{
    ///     "small": { "input_cost_per_token": 2.5e-06, "output_cost_per_token": 1e-05, "mode": "chat" },
    ///     "unknown": { "mode": "chat" }
    /// }"#;
    /// let import = PriceBook::from_litellm(table, Unit::new("USD", 9)?)?;
    /// let usage = Usage::new().with("input_tokens", 1_000_000_u64);
    /// let charge = import.book.tariff("small")?.charge(&usage, import.book.unit())?;
    /// assert_eq!(charge.human().to_string(), "2.50 USD");
    /// assert_eq!(import.unpriced, ["unknown"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Nothing is loaded from a table with any fault. [`PriceError::InvalidTable`] if it is not a JSON object,
    /// [`PriceError::InvalidEntry`] naming an entry that is not one, [`PriceError::InvalidField`] naming entry and
    /// field if a price is negative, not a number, stated twice or not kept exactly (`null` counts as not stated), or if the
    /// entry prices more than 16 quantities or has more than 64 other prices or 1,000 combinations of them,
    /// [`PriceError::DuplicateName`], [`PriceError::InvalidName`] or [`PriceError::TooManyTariffs`].
    pub fn from_litellm(json: &str, unit: Unit) -> Result<LitellmImport, PriceError> {
        let table: Object<'_> = serde_json::from_str(json).map_err(|error| invalid_table(&error))?;
        let mut import = LitellmImport {
            book: Self::new(unit),
            unpriced: Vec::new(),
            free: Vec::new(),
            ignored: BTreeMap::new(),
        };
        // Every name, so that an entry without a price cannot hide a second one of its name.
        let mut seen = HashSet::new();
        for (model, value) in table.0 {
            if !seen.insert(model.clone()) {
                return Err(PriceError::DuplicateName { name: quoted(&model) });
            }
            if model == SAMPLE {
                continue;
            }
            let entry = entry::read(&model, value)?;
            if !entry.ignored.is_empty() {
                import.ignored.insert(model.clone(), entry.ignored);
            }
            match entry.price {
                entry::Price::None => import.unpriced.push(model),
                entry::Price::Stated { tariff, free } => {
                    if free {
                        import.free.push(model.clone());
                    }
                    import.book.set(model, tariff)?;
                }
            }
        }
        Ok(import)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::fields::{FIXED_FIELD, QUANTITIES};
    use super::*;

    fn load(json: &str) -> Result<LitellmImport, PriceError> {
        PriceBook::from_litellm(json, Unit::new("USD", 9).unwrap())
    }

    /// A table of one entry, `m`, with these fields.
    fn entry(fields: &str) -> Result<LitellmImport, PriceError> {
        load(&format!("{{\"m\": {{{fields}}}}}"))
    }

    #[test]
    fn the_documentation_lists_the_fields_that_are_used() {
        let rows: Vec<_> = include_str!("litellm.rs")
            .lines()
            .filter_map(|line| line.trim_start().strip_prefix("/// | `"))
            .filter_map(|row| row.strip_suffix("` |")?.split_once("` | `"))
            .collect();
        assert_eq!(rows, QUANTITIES);
    }

    #[test]
    fn every_field_that_is_used_becomes_its_own_quantity() {
        for (field, name) in QUANTITIES {
            let import = entry(&format!("\"{field}\": 4.5000000000000003e-07")).unwrap();
            let tariff = import.book.tariff("m").unwrap();
            let per =
                if field.contains("_1k_") { "4.5000000000000003e-10" } else { "4.5000000000000003e-07" };
            assert_eq!(tariff.rates().collect::<Vec<_>>(), [(name, per.parse().unwrap())]);
            assert_eq!((tariff.fixed_price(), import.ignored.len()), (None, 0));
        }
        let import = entry("\"input_cost_per_request\": 0.005").unwrap();
        let tariff = import.book.tariff("m").unwrap();
        assert_eq!((tariff.fixed_price(), tariff.rates().count()), (Some("0.005".parse().unwrap()), 0));
    }

    #[test]
    fn an_entry_is_priced_free_or_unpriced_and_never_free_by_accident() {
        for (fields, in_book, free, ignored) in [
            ("", false, false, 0),
            ("\"mode\": \"chat\", \"max_tokens\": 5", false, false, 0),
            ("\"input_cost_per_token\": null", false, false, 0),
            ("\"tiered_pricing\": [1, {\"input_cost_per_token\": 1}]", false, false, 1),
            ("\"input_cost_per_token\": 1e-6", true, false, 0),
            ("\"input_cost_per_token_flex\": 1e-6", false, false, 1),
            ("\"input_cost_per_token\": 0, \"regional_endpoint_uplift_multiplier\": 1.1", true, true, 0),
            ("\"input_cost_per_token\": 0, \"input_dbu_cost_per_token\": 0.0", true, true, 1),
            ("\"input_cost_per_token\": 0, \"input_dbu_cost_per_token\": 1e-6", false, false, 1),
            ("\"output_cost_per_second\": 0, \"output_cost_per_second_4k\": 1", false, false, 1),
            ("\"search_context_cost_per_query\": null, \"off_peak_pricing\": null", false, false, 0),
            ("\"new_cost\": null, \"input_cost_per_token\": 0", true, true, 0),
            ("\"input_cost_per_token\": 0, \"output_cost_per_token\": 1e-6", true, false, 0),
            ("\"input_cost_per_token\": 0, \"output_cost_per_token\": 0.0", true, true, 0),
            ("\"input_cost_per_token\": 0, \"input_cost_per_token_batches\": 0e-5", true, true, 1),
            ("\"input_cost_per_token\": 0, \"input_cost_per_token_batches\": 1e-5", false, false, 1),
            (
                "\"input_cost_per_token\": 0, \"search_context_cost_per_query\": {\"low\": 0.1}",
                false,
                false,
                1,
            ),
        ] {
            let import = entry(fields).unwrap_or_else(|error| panic!("{fields}: {error}"));
            assert_eq!(import.book.contains("m"), in_book, "{fields}");
            assert_eq!(import.unpriced.len(), usize::from(!in_book), "{fields}");
            assert_eq!(import.free.len(), usize::from(free), "{fields}");
            assert_eq!(import.ignored.get("m").map_or(0, Vec::len), ignored, "{fields}");
            assert_eq!(import.book.tariff("m").is_ok(), in_book, "{fields}");
        }
    }

    #[test]
    fn a_price_that_cannot_be_used_is_an_error_naming_entry_and_field() {
        for value in [
            "\"1e-6\"",
            "-1",
            "-0.0",
            "true",
            "[]",
            "{}",
            "1e-29",
            "1e400",
            "1.00000000000000000000000000001",
        ] {
            for field in ["output_cost_per_token", FIXED_FIELD] {
                let error = entry(&format!("\"input_cost_per_token\": 1, \"{field}\": {value}")).unwrap_err();
                let text = error.to_string();
                assert!(matches!(error, PriceError::InvalidField { .. }), "{value}: {text}");
                assert!(text.contains("\"m\"") && text.contains(field), "{value}: {text}");
                assert!(text.contains(&quoted(value)), "{value}: {text}");
            }
        }
        let many = |count| {
            let fields = QUANTITIES.iter().take(count).map(|(field, _)| format!("\"{field}\": 1"));
            entry(&fields.collect::<Vec<_>>().join(","))
        };
        assert_eq!(many(16).unwrap().book.len(), 1);
        assert!(many(17).unwrap_err().to_string().contains(QUANTITIES[16].0));
        for field in ["output_cost_per_token", FIXED_FIELD] {
            let error = entry(&format!("\"{field}\": 1, \"{field}\": 1")).unwrap_err();
            assert!(error.to_string().contains(field), "{error}");
        }
    }

    #[test]
    fn a_table_that_is_malformed_is_an_error_saying_where() {
        for (json, wanted) in [
            ("", "line 1"),
            ("[]", "expected an object"),
            ("null", "expected an object"),
            ("7", "expected an object"),
            ("{", "line 1"),
            ("{} {}", "trailing"),
            ("{\"m\": }", "line 1"),
            ("{\"m\": {\"a\": 01}}", "line 1"),
            ("{\"m\": {\"a\": .5}}", "line 1"),
            ("{\"m\": {\"a\": NaN}}", "line 1"),
            ("{\"m\": 5}", "\"m\" is not an object"),
            ("{\"m\": null}", "\"m\" is not an object"),
            ("{\"m\": [], \"n\": {}}", "\"m\" is not an object"),
            ("{\"m\": {}, \"m\": {}}", "\"m\""),
            ("{\"m\": {}, \"\\u006d\": {}}", "\"m\""),
            ("{\"sample_spec\": 1, \"sample_spec\": 2}", "sample_spec"),
            ("{\"\": {\"input_cost_per_token\": 1}}", "\"\""),
        ] {
            let error = load(json).unwrap_err().to_string();
            assert!(error.contains(wanted), "{json} gave {error}");
        }
        // Foreign text is not repeated at length.
        let long = format!("\"{}\"", "x".repeat(100_000));
        assert!(load(&long).unwrap_err().to_string().len() < 200);
        let deep = format!("{{\"m\": {{\"cost\": {}{} }} }}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(load(&deep).unwrap().ignored.len(), 1);
    }

    proptest! {
        #[test]
        fn hostile_tables_are_errors_not_panics(
            text in "\\PC{0,60}|[\\[\\]{}\":,0-9eE.+ -]{0,60}",
            value in "[0-9eE.+\"-]{0,12}",
        ) {
            let _ = load(&text);
            let _ = entry(&text);
            let _ = entry(&format!("\"input_cost_per_token\": {value}"));
        }
    }
}
