//! Reads the price catalogue that the project genai-prices publishes.

mod names;
mod prices;

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::value::RawValue;

#[cfg(doc)]
use super::Tariff;
use super::object::{Object, invalid_table};
use super::{PriceBook, PriceError};
use crate::amount::Unit;
use crate::text::quoted;

use self::names::Clause;

/// What a provider states beside its models that says nothing about prices.
const OF_PROVIDER: [&str; 10] = [
    "api_pattern",
    "description",
    "extractors",
    "fallback_model_providers",
    "id",
    "model_match",
    "models",
    "name",
    "pricing_urls",
    "provider_match",
];

/// What a model states beside its prices that says nothing about them.
const OF_MODEL: [&str; 7] = ["context_window", "deprecated", "description", "id", "match", "name", "prices"];

/// What people should know about the prices, in words.
const COMMENTS: &str = "price_comments";

/// The catalogue of genai-prices as it was read, and what of it is not in the book. See
/// [`PriceBook::from_genai_prices`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GenaiImport {
    /// A tariff for each model that has a price we can use, named by provider and model: `openai/gpt-4o`.
    pub book: PriceBook,
    /// The models that are not in the book because they state no price we can use, in the order of the catalogue.
    pub unpriced: Vec<String>,
    /// The models in the book whose every price is an explicit zero.
    pub free: Vec<String>,
    /// By model, in the book or not, and by provider, what bears on the price and is not used: prices of other
    /// quantities, conditions of another kind, comments on prices (which are for people to read), fields that are new, and
    /// patterns that [`find`](Self::find) does not know.
    pub ignored: BTreeMap<String, Vec<String>>,
    providers: Vec<Provider>,
}

/// How the models of a provider are found.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Provider {
    id: String,
    called: Option<Clause>,
    /// What would be the name in the book, and what the model is called by.
    models: Vec<(String, Clause)>,
    others: Vec<String>,
}

#[derive(Deserialize)]
struct ProviderEntry<'a> {
    id: String,
    provider_match: Option<Clause>,
    #[serde(borrow)]
    models: Vec<ModelEntry<'a>>,
    #[serde(default)]
    fallback_model_providers: Vec<String>,
}

#[derive(Deserialize)]
struct ModelEntry<'a> {
    id: String,
    r#match: Clause,
    #[serde(borrow)]
    prices: &'a RawValue,
}

impl PriceBook {
    /// Reads the catalogue that the project genai-prices publishes (`v2/data.json`), taking every number exactly from its
    /// text. Prices are in US dollars; `unit` says in which steps to charge them.
    ///
    /// Prices that the catalogue states from a date on, or for a time of the day, are in force [at](Tariff::at) that time;
    /// the last of a model that applies is taken, or the first if none does. Prices above a number of input tokens price the whole request, strictly
    /// above it. `requests_kcount` is the fixed price of a request. Each other price in this list is the price of the
    /// quantity beside it; all others are [reported](GenaiImport::ignored).
    ///
    /// **Count everything in full.** Other than in the table of LiteLLM, the quantities overlap as the catalogue says: tokens
    /// read from a cache are among `input_tokens`, reasoning is among `output_tokens`, and
    /// [the specific price](Tariff::part_of) takes the place of the general one. Where a provider reports cached tokens beside the
    /// input, as Anthropic does, add them to it.
    ///
    /// | price | quantity |
    /// |---|---|
    /// | `input_mtok` | `input_tokens` |
    /// | `cache_read_mtok` | `cache_read_tokens` |
    /// | `cache_write_mtok` | `cache_write_tokens` |
    /// | `cache_write_1h_mtok` | `cache_write_1h_tokens` |
    /// | `input_audio_mtok` | `input_audio_tokens` |
    /// | `cache_audio_read_mtok` | `cache_audio_read_tokens` |
    /// | `input_image_mtok` | `input_image_tokens` |
    /// | `cache_image_read_mtok` | `cache_image_read_tokens` |
    /// | `input_video_mtok` | `input_video_tokens` |
    /// | `output_mtok` | `output_tokens` |
    /// | `output_audio_mtok` | `output_audio_tokens` |
    /// | `output_image_mtok` | `output_image_tokens` |
    /// | `output_video_mtok` | `output_video_tokens` |
    /// | `output_reasoning_mtok` | `output_reasoning_tokens` |
    /// | `output_citation_mtok` | `output_citation_tokens` |
    /// | `output_text_mtok` | `output_text_tokens` |
    /// | `web_searches_kcount` | `web_searches` |
    ///
    /// ```
    /// use billing_guard::{PriceBook, Unit, Usage};
    ///
    /// let catalogue = r#"[{ "id": "maker", "models": [{
    ///     "id": "small", "match": { "starts_with": "small-" },
    ///     "prices": { "input_mtok": 2.5, "cache_read_mtok": 0.25, "output_mtok": 10 }
    /// }] }]"#;
    /// let import = PriceBook::from_genai_prices(catalogue, Unit::new("USD", 9)?)?;
    /// let name = import.find("maker", "small-2025-01").expect("it starts so");
    /// let usage = Usage::new().with("input_tokens", 1_000_000_u64).with("cache_read_tokens", 400_000_u64);
    /// let charge = import.book.tariff(name)?.charge(&usage, import.book.unit())?;
    /// assert_eq!((name, charge.human().to_string().as_str()), ("maker/small", "1.60 USD"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Nothing is loaded from a catalogue with any fault. [`PriceError::InvalidTable`] if it has not the shape of one,
    /// [`PriceError::InvalidEntry`] naming a model whose prices have not, [`PriceError::InvalidField`] naming model and
    /// price if that is negative, not a number or not kept exactly, [`PriceError::DuplicateName`],
    /// [`PriceError::InvalidName`] or [`PriceError::TooManyTariffs`].
    pub fn from_genai_prices(json: &str, unit: Unit) -> Result<GenaiImport, PriceError> {
        let entries: Vec<ProviderEntry<'_>> =
            serde_json::from_str(json).map_err(|error| invalid_table(&error))?;
        // The same once more, for the fields that none of these types has.
        let shapes: Vec<Object<'_>> = serde_json::from_str(json).map_err(|error| invalid_table(&error))?;
        let mut import = GenaiImport {
            book: Self::new(unit),
            unpriced: Vec::new(),
            free: Vec::new(),
            ignored: BTreeMap::new(),
            providers: Vec::new(),
        };
        let mut seen = BTreeSet::new();
        for (provider, shape) in entries.into_iter().zip(shapes) {
            let mut unknown = unknown(&shape, &OF_PROVIDER);
            if provider.provider_match.as_ref().is_some_and(Clause::is_unclear) {
                unknown.push("provider_match.regex".to_owned());
            }
            if !unknown.is_empty() {
                import.ignored.insert(provider.id.clone(), unknown);
            }
            let shapes = shape.0.into_iter().find(|(field, _)| field == "models");
            let shapes: Vec<Object<'_>> = match shapes {
                Some((_, models)) => {
                    serde_json::from_str(models.get()).map_err(|error| invalid_table(&error))?
                }
                None => Vec::new(),
            };
            let mut models = Vec::new();
            for (model, shape) in provider.models.into_iter().zip(shapes) {
                let name = format!("{}/{}", provider.id, model.id);
                if !seen.insert(name.clone()) {
                    return Err(PriceError::DuplicateName { name: quoted(&name) });
                }
                import.read(&name, &model, &shape)?;
                models.push((name, model.r#match));
            }
            let (called, others) = (provider.provider_match, provider.fallback_model_providers);
            import.providers.push(Provider { id: provider.id, called, models, others });
        }
        Ok(import)
    }
}

impl GenaiImport {
    /// The name in the book of the model that a provider calls by this name, which may be one of many for it:
    /// `gpt-4o-2024-08-06` is `openai/gpt-4o`. If the provider has none, those whose models it sells are asked. Upper and
    /// lower case are the same. The provider is one of the catalogue's, by its id or by what else it is called.
    ///
    /// Work asks for its tariff by the name in the book: find it before, once for each model that is sold.
    ///
    /// ```
    /// # use billing_guard::{PriceBook, Unit};
    /// let catalogue = r#"[{ "id": "x-ai", "provider_match": { "equals": "xai" }, "models": [{
    ///     "id": "grok", "match": { "or": [{ "equals": "grok" }, { "regex": "^grok-\\d{8}$" }] }, "prices": { "input_mtok": 2 }
    /// }] }]"#;
    /// let import = PriceBook::from_genai_prices(catalogue, Unit::new("USD", 9)?)?;
    /// assert_eq!(import.find("xai", "Grok-20260101"), Some("x-ai/grok"));
    /// assert_eq!(import.find("xai", "grok-mini"), None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn find(&self, provider: &str, model: &str) -> Option<&str> {
        let (called, model) = (provider.trim().to_lowercase(), model.to_lowercase());
        let by_id = |id: &str| self.providers.iter().find(|known| known.id == id);
        let is_called = |known: &&Provider| known.called.as_ref().is_some_and(|clause| clause.holds(&called));
        let provider = by_id(&called).or_else(|| self.providers.iter().find(is_called))?;
        let others = provider.others.iter().filter_map(|other| by_id(other));
        let mut models = std::iter::once(provider).chain(others).flat_map(|provider| &provider.models);
        // The first that is called so, even if it has no price: another one's would be the wrong one.
        let (name, _) = models.find(|(_, clause)| clause.holds(&model))?;
        self.book.contains(name).then_some(name)
    }

    /// Reads one model into the book, or into the list of those that have no place in it.
    fn read(&mut self, name: &str, model: &ModelEntry<'_>, shape: &Object<'_>) -> Result<(), PriceError> {
        let mut read = prices::Read::default();
        let tariff = read.model(name, model.prices)?;
        let mut ignored = read.ignored;
        ignored.extend(unknown(shape, &OF_MODEL));
        let costs_more = ignored.iter().any(|field| field != COMMENTS);
        if model.r#match.is_unclear() {
            ignored.push("match.regex".to_owned());
        }
        let all_zero = read.used > 0 && read.zero == read.used;
        if read.used == 0 || (all_zero && costs_more) {
            self.unpriced.push(name.to_owned());
        } else {
            if all_zero {
                self.free.push(name.to_owned());
            }
            self.book.set(name, tariff)?;
        }
        if !ignored.is_empty() {
            self.ignored.insert(name.to_owned(), ignored);
        }
        Ok(())
    }
}

/// The fields that say something and are not known.
fn unknown(shape: &Object<'_>, known: &[&str]) -> Vec<String> {
    let stated = shape.0.iter().filter(|(_, value)| value.get() != "null");
    stated.map(|(field, _)| field).filter(|field| !known.contains(&field.as_str())).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::id::Labels;
    use crate::usage::Usage;

    fn load(json: &str) -> Result<GenaiImport, PriceError> {
        PriceBook::from_genai_prices(json, Unit::new("USD", 9).unwrap())
    }

    /// A catalogue of one model, `p/m`, with these prices.
    fn model(prices: &str) -> Result<GenaiImport, PriceError> {
        load(&format!(
            "[{{\"id\": \"p\", \"models\": [{{\"id\": \"m\", \"match\": {{\"equals\": \"m\"}}, \"prices\": {prices}}}]}}]"
        ))
    }

    fn charged(import: &GenaiImport, moment: &str, quantities: &[(&'static str, u64)]) -> String {
        let moment: Timestamp = format!("{moment}:00.000000Z").parse().unwrap();
        let usage = quantities.iter().fold(Usage::new(), |usage, (name, count)| usage.with(*name, *count));
        let tariff = import.book.tariff("p/m").unwrap().at(moment, &Labels::default());
        tariff.charge(&usage, import.book.unit()).unwrap().decimal().to_string()
    }

    #[test]
    fn the_documentation_lists_the_prices_that_are_used() {
        let rows: Vec<_> = include_str!("genai.rs")
            .lines()
            .filter_map(|line| line.trim_start().strip_prefix("/// | `"))
            .filter_map(|row| row.strip_suffix("` |")?.split_once("` | `"))
            .collect();
        assert_eq!(rows, prices::PRICES.map(|(field, _, name)| (field, name)));
    }

    #[test]
    fn history_times_and_thresholds_are_read() {
        let import = model(
            r#"[{"prices": {"input_mtok": 4, "output_mtok": 20}},
                {"constraint": {"start_date": "2025-05-01"},
                 "prices": {"input_mtok": {"base": 2, "tiers": [{"start": 100, "price": 3}, {"start": 500, "price": 5}]},
                            "output_mtok": {"base": 10, "tiers": [{"start": 500, "price": 15}]}, "requests_kcount": 7}},
                {"constraint": {"start_time": "23:00:00Z", "end_time": "01:30:00Z"}, "prices": {"input_mtok": 1}}]"#,
        )
        .unwrap();
        let used = |input: u64| vec![("input_tokens", input), ("output_tokens", 1)];
        assert_eq!(charged(&import, "2025-04-30T22:59", &used(1_000)), "0.00402");
        assert_eq!(charged(&import, "2025-04-30T23:59", &[("input_tokens", 1_000)]), "0.001");
        for (input, wanted) in [(100, "0.00721"), (101, "0.007313"), (500, "0.00851"), (501, "0.00952")] {
            assert_eq!(charged(&import, "2025-05-01T01:30", &used(input)), wanted, "{input}");
        }
        assert_eq!((import.unpriced.len(), import.ignored.len()), (0, 0));
    }

    #[test]
    fn prices_of_later_have_no_bounds_of_before() {
        let import = model(
            r#"[{"prices": {"input_mtok": {"base": 2, "tiers": [{"start": 100, "price": 3}]}}},
                {"constraint": {"start_date": "2025-05-01"}, "prices": {"input_mtok": 2}}]"#,
        )
        .unwrap();
        for (date, wanted) in [("2025-04-30", "0.003"), ("2025-05-01", "0.002")] {
            assert_eq!(
                charged(&import, &format!("{date}T23:00"), &[("input_tokens", 1_000)]),
                wanted,
                "{date}"
            );
        }
    }

    #[test]
    fn the_first_prices_are_those_of_when_no_condition_holds() {
        let import = model(
            r#"[{"constraint": {"start_date": "2025-01-01"}, "prices": {"input_mtok": 4}},
                {"constraint": {"start_date": "2025-05-01"}, "prices": {"input_mtok": 2}}]"#,
        )
        .unwrap();
        for (date, wanted) in [("2024-01-01", "0.004"), ("2025-04-30", "0.004"), ("2025-05-01", "0.002")] {
            assert_eq!(
                charged(&import, &format!("{date}T23:00"), &[("input_tokens", 1_000)]),
                wanted,
                "{date}"
            );
        }
    }

    #[test]
    fn comments_and_new_fields_are_reported_and_new_fields_may_cost() {
        let load_one = |prices: &str, more: &str| {
            load(&format!(
                "[{{\"id\": \"p\", \"price_comments\": \"roughly\", \"name\": \"P\", \"surcharge\": null, \"models\": [{{
                \"id\": \"m\", \"match\": {{\"equals\": \"m\"}}, \"prices\": {prices}, {more}}}]}}]"
            ))
            .unwrap()
        };
        for (prices, more, in_book, free, ignored) in [
            ("{\"input_mtok\": 0}", "\"price_comments\": \"trial\"", true, true, "price_comments"),
            ("{\"input_mtok\": 0}", "\"price_variants\": []", false, false, "price_variants"),
            ("{\"input_mtok\": 1}", "\"price_variants\": []", true, false, "price_variants"),
        ] {
            let import = load_one(prices, more);
            assert_eq!(
                (import.book.contains("p/m"), import.free.len()),
                (in_book, usize::from(free)),
                "{more}"
            );
            assert_eq!(import.ignored["p/m"], [ignored]);
            assert_eq!(import.ignored["p"], ["price_comments"]);
        }
        assert_eq!(load_one("{\"input_mtok\": 1}", "\"deprecated\": true").ignored.len(), 1);
    }

    #[test]
    fn what_is_not_used_is_reported_and_never_free_by_accident() {
        for (prices, in_book, free, ignored) in [
            ("{}", false, false, &[][..]),
            ("{\"input_mtok\": null}", false, false, &[][..]),
            ("{\"rerank_kcount\": 2}", false, false, &["rerank_kcount"][..]),
            ("{\"input_mtok\": 0}", true, true, &[][..]),
            ("{\"input_mtok\": 0, \"rerank_kcount\": 2}", false, false, &["rerank_kcount"][..]),
            ("{\"input_mtok\": 1, \"rerank_kcount\": 2}", true, false, &["rerank_kcount"][..]),
            (
                "[{\"prices\": {\"input_mtok\": 1}}, {\"prices\": {\"input_mtok\": 1}, \"constraint\": {\"region\": \"eu\"}}]",
                true,
                false,
                &["prices.1.constraint"][..],
            ),
            (
                "[{\"prices\": {\"input_mtok\": 1}}, {\"prices\": {}, \"constraint\": {\"start_date\": \"soon\"}}]",
                true,
                false,
                &["prices.1.constraint"][..],
            ),
            (
                "[{\"prices\": {\"input_mtok\": 1}},
                {\"prices\": {}, \"constraint\": {\"start_date\": \"2025-01-01\", \"end_date\": \"2025-02-01\"}}]",
                true,
                false,
                &["prices.1.constraint"][..],
            ),
            (
                "[{\"prices\": {\"input_mtok\": 1}}, {\"prices\": {}, \"weekday\": 1}]",
                true,
                false,
                &["prices.1.weekday"][..],
            ),
        ] {
            let import = model(prices).unwrap();
            assert_eq!(
                (import.book.contains("p/m"), import.unpriced.len()),
                (in_book, usize::from(!in_book)),
                "{prices}"
            );
            assert_eq!(import.free.len(), usize::from(free), "{prices}");
            assert_eq!(import.ignored.get("p/m").map_or(&[][..], Vec::as_slice), ignored, "{prices}");
        }
    }

    #[test]
    fn models_are_found_by_what_they_are_called() {
        let clause = |id: &str, clause: &str| {
            format!("{{\"id\": \"{id}\", \"match\": {clause}, \"prices\": {{\"input_mtok\": 1}}}}")
        };
        let import = load(&format!(
            "[{{\"id\": \"a\", \"provider_match\": {{\"contains\": \"aa\"}}, \"models\": [{}, {}, {}, {}, {}, {}]}}, {{\"id\": \"b\", \"models\": [{}], \"fallback_model_providers\": [\"a\"]}}]",
            clause("one", r#"{"or": [{"equals": "one"}, {"ends_with": "-uno"}]}"#),
            clause("two", r#"{"and": [{"starts_with": "two"}, {"contains": "Large"}]}"#),
            clause("three", r#"{"regex": "^(t|u)"}"#),
            clause("four", r#"{"regex": "^four-\\d$"}"#),
            r#"{"id": "five", "match": {"equals": "five"}, "prices": {}}"#,
            clause("all fives", r#"{"starts_with": "five"}"#),
            clause("one", r#"{"equals": "one-b"}"#),
        ))
        .unwrap();
        for (provider, model, wanted) in [
            ("a", "one", Some("a/one")),
            ("a", "ONE", Some("a/one")),
            ("a", "x-uno", Some("a/one")),
            ("a", "two-large", Some("a/two")),
            (" A ", "two-large", Some("a/two")),
            ("aaa", "one", Some("a/one")),
            ("a", "four-1", Some("a/four")),
            ("a", "four-12", None),
            // Called like one without a price, which the next would be too.
            ("a", "five", None),
            ("a", "five-5", Some("a/all fives")),
            ("a", "two", None),
            ("a", "three", None),
            ("a", "one-b", None),
            ("b", "one-b", Some("b/one")),
            ("b", "one", Some("a/one")),
            ("c", "one", None),
        ] {
            assert_eq!(import.find(provider, model), wanted, "{provider} {model}");
        }
        assert_eq!(import.ignored["a/three"], ["match.regex"]);
    }

    #[test]
    fn faults_are_errors_naming_the_model_and_the_price() {
        for value in [
            "-1",
            "\"1\"",
            "true",
            "[]",
            "{}",
            "1e-23",
            "{\"base\": 1}",
            "{\"base\": 1, \"tiers\": [], \"x\": 1}",
        ] {
            let text = model(&format!("{{\"input_mtok\": {value}}}")).unwrap_err().to_string();
            assert!(text.contains("\"p/m\"") && text.contains("input_mtok"), "{value}: {text}");
        }
        for twice in ["input_mtok", prices::FIXED] {
            let text = model(&format!("{{\"{twice}\": 1, \"{twice}\": 1}}")).unwrap_err().to_string();
            assert!(text.contains(twice), "{text}");
        }
        for prices in ["5", "[5]", "[{}]", "null"] {
            assert!(matches!(model(prices), Err(PriceError::InvalidEntry { .. })), "{prices}");
        }
        for json in ["", "{}", "[{}]", "[{\"id\": \"p\"}]", "[] []"] {
            assert!(matches!(load(json), Err(PriceError::InvalidTable { .. })), "{json}");
        }
        let one = r#"{"id": "m", "match": {"equals": "m"}, "prices": {}}"#;
        let twice = format!("[{{\"id\": \"p\", \"models\": [{one}, {one}]}}]");
        assert!(matches!(load(&twice), Err(PriceError::DuplicateName { .. })));
    }
}
