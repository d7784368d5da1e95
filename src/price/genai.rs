//! Reads the price catalogue that the project genai-prices publishes.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::object::{Object, invalid_table};
use super::{PriceBook, PriceError, Rate, Tariff, When};
use crate::amount::Unit;
use crate::text::quoted;
use crate::usage::Quantity;

/// The price that is one of each request.
const FIXED: &str = "requests_kcount";

/// The prices that are used, of how many (as a power of ten) of which quantity. The documentation of
/// `from_genai_prices` repeats this; a test compares the two.
const PRICES: [(&str, u8, &str); 17] = [
    ("input_mtok", 6, "input_tokens"),
    ("cache_read_mtok", 6, "cache_read_tokens"),
    ("cache_write_mtok", 6, "cache_write_tokens"),
    ("cache_write_1h_mtok", 6, "cache_write_1h_tokens"),
    ("input_audio_mtok", 6, "input_audio_tokens"),
    ("cache_audio_read_mtok", 6, "cache_audio_read_tokens"),
    ("input_image_mtok", 6, "input_image_tokens"),
    ("cache_image_read_mtok", 6, "cache_image_read_tokens"),
    ("input_video_mtok", 6, "input_video_tokens"),
    ("output_mtok", 6, "output_tokens"),
    ("output_audio_mtok", 6, "output_audio_tokens"),
    ("output_image_mtok", 6, "output_image_tokens"),
    ("output_video_mtok", 6, "output_video_tokens"),
    ("output_reasoning_mtok", 6, "output_reasoning_tokens"),
    ("output_citation_mtok", 6, "output_citation_tokens"),
    ("output_text_mtok", 6, "output_text_tokens"),
    ("web_searches_kcount", 3, "web_searches"),
];

/// Which of the quantities that the catalogue's usages count are within which.
const PARTS: [(&str, &str); 28] = [
    ("input_text_tokens", "input_tokens"),
    ("input_audio_tokens", "input_tokens"),
    ("input_image_tokens", "input_tokens"),
    ("input_video_tokens", "input_tokens"),
    ("input_tool_tokens", "input_tokens"),
    ("input_text_tool_tokens", "input_tool_tokens"),
    ("input_text_tool_tokens", "input_text_tokens"),
    ("cache_read_tokens", "input_tokens"),
    ("cache_text_read_tokens", "cache_read_tokens"),
    ("cache_text_read_tokens", "input_text_tokens"),
    ("cache_audio_read_tokens", "cache_read_tokens"),
    ("cache_audio_read_tokens", "input_audio_tokens"),
    ("cache_image_read_tokens", "cache_read_tokens"),
    ("cache_image_read_tokens", "input_image_tokens"),
    ("cache_video_read_tokens", "cache_read_tokens"),
    ("cache_video_read_tokens", "input_video_tokens"),
    ("cache_write_tokens", "input_tokens"),
    ("cache_write_5m_tokens", "cache_write_tokens"),
    ("cache_write_1h_tokens", "cache_write_tokens"),
    ("output_text_tokens", "output_tokens"),
    ("output_audio_tokens", "output_tokens"),
    ("output_image_tokens", "output_tokens"),
    ("output_video_tokens", "output_tokens"),
    ("output_reasoning_tokens", "output_tokens"),
    ("output_citation_tokens", "output_tokens"),
    ("output_text_reasoning_tokens", "output_reasoning_tokens"),
    ("output_image_reasoning_tokens", "output_reasoning_tokens"),
    ("output_audio_reasoning_tokens", "output_reasoning_tokens"),
];

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
    /// By model, in the book or not, what bears on the price and is not used: prices of other quantities, conditions of
    /// another kind, and ways to find the model that [`find`](Self::find) does not know.
    pub ignored: BTreeMap<String, Vec<String>>,
    providers: Vec<Provider>,
}

/// How the models of a provider are found.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Provider {
    id: String,
    /// The name in the book, and what the model is called by.
    models: Vec<(String, Clause)>,
    others: Vec<String>,
}

#[derive(Deserialize)]
struct ProviderEntry<'a> {
    id: String,
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

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Clause {
    Equals(String),
    StartsWith(String),
    EndsWith(String),
    Contains(String),
    Or(Vec<Self>),
    And(Vec<Self>),
    Regex(String),
}

#[derive(Deserialize)]
struct Conditional<'a> {
    #[serde(borrow)]
    prices: &'a RawValue,
    constraint: Option<Constraint>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Constraint {
    Date { start_date: String },
    Time { start_time: String, end_time: String },
    Other(serde::de::IgnoredAny),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tiered<'a> {
    #[serde(borrow)]
    base: &'a RawValue,
    #[serde(borrow)]
    tiers: Vec<TierEntry<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TierEntry<'a> {
    start: u64,
    #[serde(borrow)]
    price: &'a RawValue,
}

impl PriceBook {
    /// Reads the catalogue that the project genai-prices publishes (`v2/data.json`), taking every number exactly from its
    /// text. Prices are in US dollars; `unit` says in which steps to charge them.
    ///
    /// Prices that the catalogue states from a date on, or for a time of the day, are in force [at](Tariff::at) that time;
    /// the last of a model that applies is taken. Prices above a number of input tokens price the whole request, strictly
    /// above it. `requests_kcount` is the fixed price of a request. Each other price in this list is the price of the
    /// quantity beside it; all others are [reported](GenaiImport::ignored).
    ///
    /// **Count everything in full.** Other than in the table of LiteLLM, the quantities overlap as the catalogue says: tokens
    /// read from a cache are among `input_tokens`, reasoning is among `output_tokens`, and
    /// [the specific price](Tariff::part_of) takes the place of the general one.
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
        let mut import = GenaiImport {
            book: Self::new(unit),
            unpriced: Vec::new(),
            free: Vec::new(),
            ignored: BTreeMap::new(),
            providers: Vec::new(),
        };
        let mut seen = BTreeSet::new();
        for provider in entries {
            let mut models = Vec::new();
            for model in provider.models {
                let name = format!("{}/{}", provider.id, model.id);
                if !seen.insert(name.clone()) {
                    return Err(PriceError::DuplicateName { name: quoted(&name) });
                }
                let mut read = Read::default();
                let tariff = read.model(&name, model.prices)?;
                if model.r#match.has_regex() {
                    read.ignored.push("match.regex".to_owned());
                }
                let all_zero = read.used > 0 && read.zero == read.used;
                if read.used == 0 || (all_zero && !read.ignored.is_empty()) {
                    import.unpriced.push(name.clone());
                } else {
                    if all_zero {
                        import.free.push(name.clone());
                    }
                    import.book.set(name.clone(), tariff)?;
                    models.push((name.clone(), model.r#match));
                }
                if !read.ignored.is_empty() {
                    import.ignored.insert(name, read.ignored);
                }
            }
            let others = provider.fallback_model_providers;
            import.providers.push(Provider { id: provider.id, models, others });
        }
        Ok(import)
    }
}

impl GenaiImport {
    /// The name in the book of the model that a provider calls by this name, which may be one of many for it:
    /// `gpt-4o-2024-08-06` is `openai/gpt-4o`. If the provider has none, those whose models it sells are asked. Upper and
    /// lower case are the same.
    #[must_use]
    pub fn find(&self, provider: &str, model: &str) -> Option<&str> {
        let model = model.to_lowercase();
        let provider = self.providers.iter().find(|known| known.id == provider)?;
        let others = provider.others.iter();
        let others = others.filter_map(|other| self.providers.iter().find(|known| known.id == *other));
        let mut models = std::iter::once(provider).chain(others).flat_map(|provider| &provider.models);
        models.find(|(_, clause)| clause.holds(&model)).map(|(name, _)| name.as_str())
    }
}

impl Clause {
    fn holds(&self, model: &str) -> bool {
        match self {
            Self::Equals(text) => model == text.to_lowercase(),
            Self::StartsWith(text) => model.starts_with(&text.to_lowercase()),
            Self::EndsWith(text) => model.ends_with(&text.to_lowercase()),
            Self::Contains(text) => model.contains(&text.to_lowercase()),
            Self::Or(clauses) => clauses.iter().any(|clause| clause.holds(model)),
            Self::And(clauses) => clauses.iter().all(|clause| clause.holds(model)),
            // Reported as ignored.
            Self::Regex(_) => false,
        }
    }

    fn has_regex(&self) -> bool {
        match self {
            Self::Or(clauses) | Self::And(clauses) => clauses.iter().any(Self::has_regex),
            other => matches!(other, Self::Regex(_)),
        }
    }
}

/// What was found while the prices of one model are read.
#[derive(Default)]
struct Read {
    used: u32,
    /// How many of those are zero.
    zero: u32,
    ignored: Vec<String>,
}

/// A price and the prices above so many input tokens, by the quantity; `None` is the fixed price.
type Stated = (Option<&'static str>, Rate, BTreeMap<u64, Rate>);

impl Read {
    fn model(&mut self, name: &str, prices: &RawValue) -> Result<Tariff, PriceError> {
        let invalid = |_| PriceError::InvalidEntry { model: quoted(name) };
        if prices.get().starts_with('{') {
            return self.prices(name, prices);
        }
        let list: Vec<Conditional<'_>> = serde_json::from_str(prices.get()).map_err(invalid)?;
        let mut others = Vec::new();
        // The last that applies is taken, so that nothing before one that always does is looked at.
        for (index, Conditional { prices, constraint }) in list.iter().enumerate().rev() {
            let Some(constraint) = constraint else {
                let base = self.prices(name, prices)?;
                return others
                    .into_iter()
                    .try_fold(base, |tariff, (when, other)| tariff.with_other(when, other));
            };
            match constraint.when() {
                Some(when) => others.push((when, self.prices(name, prices)?)),
                None => self.ignored.push(format!("prices.{index}.constraint")),
            }
        }
        // When none of them applies there is no price, and what is used is refused.
        let none = Tariff::new();
        others.into_iter().try_fold(none, |tariff, (when, other)| tariff.with_other(when, other))
    }

    fn prices(&mut self, name: &str, prices: &RawValue) -> Result<Tariff, PriceError> {
        let prices: Object<'_> = serde_json::from_str(prices.get())
            .map_err(|_| PriceError::InvalidEntry { model: quoted(name) })?;
        let mut stated = Vec::<Stated>::new();
        for (field, value) in prices.0 {
            let known = PRICES.iter().find(|(known, ..)| *known == field);
            let (quantity, power) = match known {
                Some((_, power, quantity)) => (Some(*quantity), *power),
                None if field == FIXED => (None, 3),
                None => {
                    self.ignored.push(field);
                    continue;
                }
            };
            if value.get() == "null" {
                continue;
            }
            let wrong = |problem| PriceError::InvalidField {
                model: quoted(name),
                field: field.clone(),
                problem: Box::new(problem),
            };
            let (base, above) = price(value, power).map_err(wrong)?;
            if stated.iter().any(|(known, ..)| *known == quantity) {
                return Err(wrong(PriceError::DuplicateQuantity { name: quoted(&field) }));
            }
            self.used = self.used.saturating_add(1);
            self.zero = self
                .zero
                .saturating_add(u32::from(base.is_zero() && above.values().all(|rate| rate.is_zero())));
            stated.push((quantity, base, above));
        }
        let bounds: BTreeSet<u64> = stated.iter().flat_map(|(.., above)| above.keys().copied()).collect();
        let base = tariff(&stated, None)?;
        // The highest first: the first that applies is taken.
        bounds.into_iter().rev().try_fold(base, |base, bound| {
            let when = When::above(["input_tokens"], Quantity::from(bound));
            base.with_other(when, tariff(&stated, Some(bound))?)
        })
    }
}

/// The prices of requests above so many input tokens.
fn tariff(stated: &[Stated], bound: Option<u64>) -> Result<Tariff, PriceError> {
    let tariff = stated.iter().try_fold(Tariff::new(), |tariff, (quantity, base, above)| {
        let above = bound.and_then(|bound| above.range(..=bound).next_back());
        let rate = above.map_or(*base, |(_, rate)| *rate);
        match quantity {
            Some(quantity) => tariff.with_rate(*quantity, rate),
            None => tariff.with_fixed(rate),
        }
    })?;
    tariff.with_parts(PARTS.into_iter().map(|(part, whole)| (part.into(), whole.into())))
}

/// A price of 10 to this power, and those above so many input tokens.
fn price(value: &RawValue, power: u8) -> Result<(Rate, BTreeMap<u64, Rate>), PriceError> {
    if !value.get().starts_with('{') {
        return Ok((Rate::read_per(value.get(), power)?, BTreeMap::new()));
    }
    let tiered: Tiered<'_> = serde_json::from_str(value.get())
        .map_err(|_| PriceError::InvalidRate { text: quoted(value.get()) })?;
    let above = tiered.tiers.iter();
    let above = above.map(|tier| Ok((tier.start, Rate::read_per(tier.price.get(), power)?)));
    Ok((Rate::read_per(tiered.base.get(), power)?, above.collect::<Result<_, PriceError>>()?))
}

impl Constraint {
    /// `None` if it is of a kind that is not known.
    fn when(&self) -> Option<When> {
        match self {
            Self::Date { start_date } => {
                format!("{start_date}T00:00:00.000000Z").parse().ok().map(When::since)
            }
            Self::Time { start_time, end_time } => {
                When::daily(start_time.strip_suffix(":00Z")?, end_time.strip_suffix(":00Z")?).ok()
            }
            Self::Other(_) => None,
        }
    }
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
        assert_eq!(rows, PRICES.map(|(field, _, name)| (field, name)));
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
            "[{{\"id\": \"a\", \"models\": [{}, {}, {}]}}, {{\"id\": \"b\", \"models\": [{}], \"fallback_model_providers\": [\"a\"]}}]",
            clause("one", r#"{"or": [{"equals": "one"}, {"ends_with": "-uno"}]}"#),
            clause("two", r#"{"and": [{"starts_with": "two"}, {"contains": "Large"}]}"#),
            clause("three", r#"{"regex": "^t"}"#),
            clause("one", r#"{"equals": "one-b"}"#),
        ))
        .unwrap();
        for (provider, model, wanted) in [
            ("a", "one", Some("a/one")),
            ("a", "ONE", Some("a/one")),
            ("a", "x-uno", Some("a/one")),
            ("a", "two-large", Some("a/two")),
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
        for twice in ["input_mtok", FIXED] {
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
