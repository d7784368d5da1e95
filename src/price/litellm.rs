//! Reads the model price table that LiteLLM publishes.

use std::collections::{BTreeMap, HashSet};
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::error::Category;
use serde_json::value::RawValue;

use super::scope::{Scope, Stated, tariff};
use super::{PriceBook, PriceError, Rate, Tariff};
use crate::amount::Unit;
use crate::text::quoted;

/// The entry that describes the others.
const SAMPLE: &str = "sample_spec";

/// The field that is a price per request instead of per unit.
const FIXED_FIELD: &str = "input_cost_per_request";

/// The fields that are used, and the quantity that each prices. The documentation of `from_litellm` repeats this;
/// a test compares the two.
const QUANTITIES: [(&str, &str); 34] = [
    ("input_cost_per_token", "input_tokens"),
    ("output_cost_per_token", "output_tokens"),
    ("output_cost_per_reasoning_token", "output_reasoning_tokens"),
    ("cache_read_input_token_cost", "cache_read_input_tokens"),
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

/// The field that prices searches, by how much they put into the context.
const SEARCHES: &str = "search_context_cost_per_query";

const SEARCH_SIZES: [(&str, &str); 3] = [
    ("search_context_size_low", "low_context_searches"),
    ("search_context_size_medium", "medium_context_searches"),
    ("search_context_size_high", "high_context_searches"),
];

/// What a field that is not used has in its name when it says something about the price. Rather one too many: such a
/// field is only reported.
const PRICE_WORDS: [&str; 7] =
    ["cost", "pric", "uplift", "multiplier", "free_requests", "billing_unit", "provider_specific_entry"];

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
    /// By entry, in the book or not, the fields that bear on the price and are not used: prices by region, time of
    /// day, resolution and so on. Where such a field would have applied, the book's price is not the
    /// published one.
    pub ignored: BTreeMap<String, Vec<String>>,
}

impl PriceBook {
    /// Reads the model price table that LiteLLM publishes (`model_prices_and_context_window.json`), taking every
    /// number exactly from its text.
    ///
    /// The table's prices are in US dollars; `unit` says in which steps to charge them. A million tokens of today's
    /// models cost around a dollar, so use a scale of 9 to charge single tokens without rounding them.
    ///
    /// Each field in this list becomes a rate for the quantity beside it, `input_cost_per_request` becomes the
    /// tariff's fixed price. `search_context_cost_per_query` prices `low_context_searches`, `medium_context_searches` and
    /// `high_context_searches`.
    ///
    /// A name that goes on with `_above_200k_tokens`, or another number, states the price of requests with strictly more
    /// tokens of input than that, cached ones counted. One that ends in `_batches`, `_flex`, `_priority`, `_balanced`,
    /// `_ultrafast` or `_decisions` states that of work with the label `tier` of `batch`, `flex` and so on: ask for the
    /// prices [at](Tariff::at) its moment, as a guard does. What such requests have no price of their own for costs what it
    /// does otherwise. A zero there is reported and not used.
    ///
    /// All other fields that bear on the price are [reported](LitellmImport::ignored), not
    /// used. An entry without any of these fields is [reported](LitellmImport::unpriced) and left out, and so is one
    /// whose only prices that are not zero stand in fields that are not used. The entry `sample_spec` is skipped.
    ///
    /// **Count everything once.** The quantities are disjoint: a token that was read from a cache is one of
    /// `cache_read_input_tokens` and not also one of `input_tokens`. Most entries have no rate of its own for a special
    /// kind that costs the same as the general one: count reasoning tokens as `output_tokens` if the tariff has no
    /// [`rate`](Tariff::rate) for `output_reasoning_tokens`.
    ///
    /// | field | quantity |
    /// |---|---|
    /// | `input_cost_per_token` | `input_tokens` |
    /// | `output_cost_per_token` | `output_tokens` |
    /// | `output_cost_per_reasoning_token` | `output_reasoning_tokens` |
    /// | `cache_read_input_token_cost` | `cache_read_input_tokens` |
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
    /// | `code_interpreter_cost_per_session` | `code_interpreter_sessions` |
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
    /// field if a price is negative, not a number, stated twice, not kept exactly (`null` counts as not stated), or the
    /// 17th that the entry states,
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
            let entry = Entry::read(&model, value)?;
            if !entry.ignored.is_empty() {
                import.ignored.insert(model.clone(), entry.ignored);
            }
            match entry.price {
                Price::None => import.unpriced.push(model),
                Price::Stated { tariff, free } => {
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

/// What one entry of the table says.
struct Entry {
    price: Price,
    ignored: Vec<String>,
}

#[allow(clippy::large_enum_variant, reason = "there is one at a time")]
enum Price {
    None,
    Stated { tariff: Tariff, free: bool },
}

impl Entry {
    fn read(model: &str, value: &RawValue) -> Result<Self, PriceError> {
        let fields: Object<'_> = serde_json::from_str(value.get())
            .map_err(|_| PriceError::InvalidEntry { model: quoted(model) })?;
        let (mut stated, mut ignored) = (Vec::<Stated>::new(), Vec::new());
        let mut ignored_zero = true;
        for (field, value) in fields.0 {
            if value.get() == "null" && known(&field).is_some() {
                continue;
            }
            let wrong = |field: &str, problem| PriceError::InvalidField {
                model: quoted(model),
                field: field.to_owned(),
                problem: Box::new(problem),
            };
            if let (SEARCHES, Ok(members)) = (&*field, serde_json::from_str::<Object<'_>>(value.get())) {
                let mut all_known = true;
                for (size, value) in members.0 {
                    let Some((_, name)) = SEARCH_SIZES.iter().find(|(known, _)| *known == size) else {
                        all_known = false;
                        ignored_zero &= value.get().parse() == Ok(Rate::ZERO);
                        continue;
                    };
                    state(&mut stated, &field, Some(name), Scope::ALL, value)
                        .map_err(|problem| wrong(&field, problem))?;
                }
                if !all_known {
                    ignored.push(field);
                }
                continue;
            }
            let Some((quantity, scope)) = known(&field) else {
                if PRICE_WORDS.iter().any(|word| field.contains(word)) {
                    ignored_zero &= value.get().parse() == Ok(Rate::ZERO);
                    ignored.push(field);
                }
                continue;
            };
            let rate = state(&mut stated, &field, quantity, scope, value)
                .map_err(|problem| wrong(&field, problem))?;
            if scope != Scope::ALL && rate.is_zero() {
                stated.pop();
                ignored.push(field);
            }
        }
        let plain = || stated.iter().filter(|price| price.scope == Scope::ALL);
        let all_zero = plain().all(|price| price.rate.is_zero());
        // Zero in every field we read and a price in one that we do not, or for some requests only: selling that as free
        // would be the accident this crate is here to prevent.
        let zero_otherwise = ignored_zero && plain().count() == stated.len();
        let price = if plain().count() > 0 && (!all_zero || zero_otherwise) {
            Price::Stated { tariff: tariff(&stated)?, free: all_zero }
        } else {
            let unused = stated.iter().filter(|price| price.scope != Scope::ALL);
            ignored.extend(unused.map(|price| price.field.clone()));
            Price::None
        };
        Ok(Self { price, ignored })
    }
}

/// What a field is the price of, and for which requests; `None` if it is not known.
fn known(field: &str) -> Option<(Option<&'static str>, Scope)> {
    let (name, scope) = Scope::of(field);
    if name == FIXED_FIELD {
        return Some((None, scope));
    }
    QUANTITIES.iter().find(|(known, _)| *known == name).map(|(_, name)| (Some(*name), scope))
}

/// Adds what a field states.
fn state(
    stated: &mut Vec<Stated>,
    field: &str,
    quantity: Option<&'static str>,
    scope: Scope,
    value: &RawValue,
) -> Result<Rate, PriceError> {
    // The text of a JSON number is the number; that of a string starts with a quotation mark and is refused like
    // anything else that is not a number.
    let rate: Rate = value.get().parse()?;
    if let Some(known) = stated.iter().find(|price| price.quantity == quantity && price.scope == scope) {
        return Err(match quantity {
            Some(name) => PriceError::DuplicateQuantity { name: quoted(name) },
            None => PriceError::DuplicateFixed { stated: known.rate },
        });
    }
    let quantities = stated.iter().filter_map(|price| price.quantity).chain(quantity);
    if quantities.collect::<HashSet<_>>().len() > Tariff::MAX_RATES {
        return Err(PriceError::TooManyQuantities { name: quoted(quantity.unwrap_or(FIXED_FIELD)) });
    }
    stated.push(Stated { field: field.to_owned(), quantity, scope, rate });
    Ok(rate)
}

/// The members of a JSON object in their order, duplicates included, values as they are written.
pub(super) struct Object<'a>(pub(super) Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Object(members))
            }
        }

        deserializer.deserialize_map(Members)
    }
}

pub(super) fn invalid_table(error: &serde_json::Error) -> PriceError {
    let problem = match error.classify() {
        // Its own text would quote the value, at any length.
        Category::Data => {
            format!("expected an object at line {} column {}", error.line(), error.column())
        }
        _ => error.to_string(),
    };
    PriceError::InvalidTable { problem }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
            assert_eq!(
                tariff.rates().collect::<Vec<_>>(),
                [(name, "4.5000000000000003e-07".parse().unwrap())]
            );
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
