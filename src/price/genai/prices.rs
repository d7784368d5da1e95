//! Reads what a model of genai-prices' catalogue costs.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::price::object::Object;
use crate::price::{PriceError, Rate, Tariff, When};
use crate::text::quoted;
use crate::usage::Quantity;

/// The price that is one of each request.
pub(super) const FIXED: &str = "requests_kcount";

/// The prices that are used, of how many (as a power of ten) of which quantity. The documentation of
/// `from_genai_prices` repeats this; a test compares the two.
pub(super) const PRICES: [(&str, u8, &str); 17] = [
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

const IN_CONDITIONAL: [&str; 2] = ["constraint", "prices"];

#[derive(Deserialize)]
struct Conditional<'a> {
    #[serde(borrow)]
    prices: &'a RawValue,
    constraint: Option<Constraint>,
}

#[derive(Deserialize)]
#[serde(untagged, deny_unknown_fields)]
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

/// What was found while the prices of one model are read.
#[derive(Default)]
pub(super) struct Read {
    /// How many prices are used.
    pub(super) used: u32,
    /// How many of those are zero.
    pub(super) zero: u32,
    /// What is not used.
    pub(super) ignored: Vec<String>,
}

/// A price and the prices above so many input tokens, by the quantity; `None` is the fixed price.
type Stated = (Option<&'static str>, Rate, BTreeMap<u64, Rate>);

impl Read {
    /// The tariff of a model: its prices, or the last of several whose condition holds. If none does it is the first of them.
    pub(super) fn model(&mut self, name: &str, prices: &RawValue) -> Result<Tariff, PriceError> {
        let invalid = |_| PriceError::InvalidEntry { model: quoted(name) };
        if prices.get().starts_with('{') {
            return self.prices(name, prices, Vec::new());
        }
        let list: Vec<Conditional<'_>> = serde_json::from_str(prices.get()).map_err(invalid)?;
        let shapes: Vec<Object<'_>> = serde_json::from_str(prices.get()).map_err(invalid)?;
        let mut others = Vec::new();
        // The last that applies is taken, so that nothing before one that always does is looked at.
        for (index, (Conditional { prices, constraint }, shape)) in list.iter().zip(shapes).enumerate().rev()
        {
            let unknown =
                shape.0.iter().map(|(field, _)| field).filter(|field| !IN_CONDITIONAL.contains(&&***field));
            let unknown: Vec<_> = unknown.map(|field| format!("prices.{index}.{field}")).collect();
            if !unknown.is_empty() {
                // It may be one more condition.
                self.ignored.extend(unknown);
                continue;
            }
            let Some(constraint) = constraint else {
                return self.prices(name, prices, others);
            };
            match constraint.when() {
                Some(when) if index > 0 => others.push((when, self.prices(name, prices, Vec::new())?)),
                Some(_) => {}
                None => self.ignored.push(format!("prices.{index}.constraint")),
            }
        }
        match list.first() {
            Some(first) => self.prices(name, first.prices, others),
            None => Ok(Tariff::new()),
        }
    }

    /// Prices that may have others for large requests, and for all requests when something else holds. Those have their own for
    /// large requests, so that they come first.
    fn prices(
        &mut self,
        name: &str,
        prices: &RawValue,
        others: Vec<(When, Tariff)>,
    ) -> Result<Tariff, PriceError> {
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
        let base = others.into_iter().try_fold(base, |base, (when, other)| base.with_other(when, other))?;
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
