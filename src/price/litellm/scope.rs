//! For which requests a field of LiteLLM's table states a price, and the tariff of all that an entry states.

use crate::price::litellm::fields;
use crate::price::{PriceError, Rate, Tariff, Tiers, When};
use crate::usage::QuantityName;

/// The most tariffs that one entry may become: far more than any has, and few enough for a table of foreign hands.
const MAX_CASES: usize = 1_000;

/// The service tier whose prices stand alone: no time of the day changes them, and neither does the size of a request, unless
/// they say so themselves.
const BATCH: &str = "batch";

const OUTPUT: &str = "output_tokens";
const REASONING: &str = "output_reasoning_tokens";

/// Which requests a price is for; the default is all of them, as long as nothing more special is stated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Scope {
    /// Of this service tier; `None` for the standard one.
    pub(super) tier: Option<&'static str>,
    /// With more input than this.
    pub(super) above: Option<u64>,
    /// For images or videos of this resolution.
    pub(super) resolution: Option<String>,
    /// At the times of the day that the entry states.
    pub(super) off_peak: bool,
}

/// What a field states.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stated {
    pub(super) field: String,
    /// `None` for the price of a request.
    pub(super) quantity: Option<QuantityName>,
    pub(super) scope: Scope,
    pub(super) rate: Rate,
}

/// Work with this label pays so many times the price of every token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Factor {
    pub(super) field: String,
    pub(super) label: (&'static str, &'static str),
    pub(super) times: Rate,
}

/// What the bounds of [`Scope::above`] are bounds of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Bounds {
    /// The input of a request, which is above only if it is more.
    #[default]
    Input,
    /// The input of a request, which is above if it is as much.
    InputReached,
    /// How many results a search was asked for.
    Results,
}

/// Everything that an entry states about its prices.
#[derive(Clone, Debug, Default)]
pub(super) struct Prices {
    pub(super) stated: Vec<Stated>,
    pub(super) factors: Vec<Factor>,
    pub(super) off_peak: Vec<When>,
    pub(super) bounds: Bounds,
    /// How many images of each request cost nothing.
    pub(super) free_images: u64,
}

/// One thing that another price can depend on, with what changes when it holds.
type Dimension = Vec<(When, Change)>;

#[derive(Clone, Debug)]
enum Change {
    Times(Rate),
    OffPeak,
    Resolution(String),
    Tier(&'static str),
    Above(u64),
}

/// The requests that a tariff is being made for.
#[derive(Clone, Debug, Default)]
struct Case {
    times: Vec<Rate>,
    scope: Scope,
}

impl Scope {
    pub(super) fn is_for_all(&self) -> bool {
        *self == Self::default()
    }
}

impl Prices {
    /// Prices that only some requests have.
    pub(super) fn special(&self) -> impl Iterator<Item = &Stated> {
        self.stated.iter().filter(|price| !price.scope.is_for_all())
    }

    /// Prices of all requests.
    pub(super) fn plain(&self) -> impl Iterator<Item = &Stated> {
        self.stated.iter().filter(|price| price.scope.is_for_all())
    }

    /// The tariff of it all: the plain prices, and in place of them those of each case that has its own.
    pub(super) fn tariff(&self) -> Result<Tariff, PriceError> {
        // What comes first is looked at first, and may hold together with what comes after it.
        let mut dimensions = Vec::<Dimension>::new();
        let mut labels = Vec::new();
        for factor in &self.factors {
            let (label, value) = factor.label;
            let change = (When::labelled(label, value), Change::Times(factor.times));
            match labels.iter().position(|known| *known == label).and_then(|at| dimensions.get_mut(at)) {
                Some(dimension) => dimension.push(change),
                None => {
                    labels.push(label);
                    dimensions.push(vec![change]);
                }
            }
        }
        dimensions.push(self.off_peak.iter().map(|when| (when.clone(), Change::OffPeak)).collect());
        let resolutions = self.distinct(|scope| scope.resolution.clone()).into_iter();
        dimensions.push(
            resolutions
                .map(|name| (When::labelled("resolution", &*name), Change::Resolution(name)))
                .collect(),
        );
        let tiers = self.distinct(|scope| scope.tier).into_iter();
        dimensions.push(tiers.map(|tier| (When::labelled("tier", tier), Change::Tier(tier))).collect());
        // The highest first.
        let bounds = self.distinct(|scope| scope.above).into_iter().rev();
        dimensions.push(bounds.map(|bound| (self.bounds.when(bound), Change::Above(bound))).collect());
        let cases = dimensions
            .iter()
            .fold(1_usize, |count, dimension| count.saturating_mul(dimension.len().saturating_add(1)));
        if cases > MAX_CASES {
            return Err(PriceError::TooManyAlternatives);
        }
        self.within(&dimensions, &Case::default())
    }

    /// All that the prices say of one thing, sorted.
    fn distinct<T: Ord>(&self, of: impl Fn(&Scope) -> Option<T>) -> Vec<T> {
        let mut all: Vec<_> = self.stated.iter().filter_map(|price| of(&price.scope)).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// The tariff of a case, with those of all cases within it.
    fn within(&self, dimensions: &[Dimension], case: &Case) -> Result<Tariff, PriceError> {
        let mut tariff = self.rates(case)?;
        let mut rest = dimensions;
        while let Some((first, after)) = rest.split_first() {
            for (when, change) in first {
                tariff = tariff.with_other(when.clone(), self.within(after, &case.with(change))?)?;
            }
            rest = after;
        }
        Ok(tariff)
    }

    /// The prices of a case alone.
    fn rates(&self, case: &Case) -> Result<Tariff, PriceError> {
        let mut tariff = Tariff::new();
        for (index, first) in self.stated.iter().enumerate() {
            let mut before = self.stated.iter().take(index);
            if before.any(|price| price.quantity == first.quantity) {
                continue;
            }
            let Some(price) = self.most_special(first.quantity.as_ref(), &case.scope) else { continue };
            let Some(name) = first.quantity.clone() else {
                tariff = tariff.with_fixed(price.rate)?;
                continue;
            };
            let mut rate = price.rate;
            if name.ends_with("_tokens") {
                for times in &case.times {
                    rate = rate.times(*times).ok_or_else(|| inexact(rate))?;
                }
            }
            tariff = if name == "input_images" && self.free_images > 0 {
                let tiers = Tiers::new().up_to(self.free_images, "0")?.beyond(&rate.to_string())?;
                tariff.graduated(name, tiers)?
            } else {
                tariff.with_rate(name, rate)?
            };
        }
        if self.bounds == Bounds::Results {
            tariff.with_rate(fields::RESULTS, Rate::ZERO)
        } else {
            Ok(tariff)
        }
    }

    /// The price of a quantity that says most about the case, as LiteLLM's own calculation decides: off-peak prices replace
    /// whatever else there is, and the standard prices of large requests those of a service tier that has none for
    /// them, except for a batch.
    fn most_special(&self, quantity: Option<&QuantityName>, case: &Scope) -> Option<&Stated> {
        let own = || self.stated.iter().filter(|price| price.quantity.as_ref() == quantity);
        if case.off_peak
            && case.tier != Some(BATCH)
            && let Some(price) = own().find(|price| price.scope.off_peak)
        {
            return Some(price);
        }
        // Reasoning is output: a tier with a price for that and none for reasoning means both.
        let of_tier = |quantity: &str| {
            let of_quantity = move |price: &&Stated| price.quantity.as_deref() == Some(quantity);
            self.stated.iter().filter(of_quantity).any(|price| price.scope.tier == case.tier)
        };
        if case.tier.is_some()
            && quantity.is_some_and(|name| name == REASONING)
            && !of_tier(REASONING)
            && of_tier(OUTPUT)
        {
            return self.most_special(Some(&OUTPUT.into()), case);
        }
        let of_size = |resolution: Option<&str>| {
            let fitting = move || {
                own().filter(move |price| {
                    !price.scope.off_peak && price.scope.resolution.as_deref() == resolution
                })
            };
            let plain =
                |tier| fitting().find(|price| price.scope.above.is_none() && price.scope.tier == tier);
            let above = |tier| {
                let reached =
                    fitting().filter(|price| price.scope.tier == tier && price.scope.above.is_some());
                reached.filter(|price| price.scope.above <= case.above).max_by_key(|price| price.scope.above)
            };
            let standard = || above(None).or_else(|| plain(case.tier)).or_else(|| plain(None));
            let alone = || plain(case.tier).filter(|_| case.tier == Some(BATCH));
            above(case.tier).or_else(alone).or_else(standard)
        };
        let sized = case.resolution.as_deref().and_then(|resolution| of_size(Some(resolution)));
        sized.or_else(|| of_size(None))
    }
}

impl Case {
    fn with(&self, change: &Change) -> Self {
        let mut case = self.clone();
        match change {
            Change::Times(times) => case.times.push(*times),
            Change::OffPeak => case.scope.off_peak = true,
            Change::Resolution(name) => case.scope.resolution = Some(name.clone()),
            Change::Tier(tier) => case.scope.tier = Some(tier),
            Change::Above(bound) => case.scope.above = Some(*bound),
        }
        case
    }
}

impl Bounds {
    fn when(self, bound: u64) -> When {
        match self {
            Self::Input => When::above(fields::INPUT, bound),
            Self::InputReached => When::at_or_above(fields::INPUT, bound),
            Self::Results => When::above([fields::RESULTS], bound),
        }
    }
}

fn inexact(rate: Rate) -> PriceError {
    PriceError::InexactRate { text: crate::text::quoted(&rate.to_string()) }
}

#[cfg(test)]
#[allow(clippy::inconsistent_digit_grouping, reason = "dollars, and cents behind the last underscore")]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::amount::Unit;
    use crate::clock::Timestamp;
    use crate::id::Labels;
    use crate::price::PriceBook;
    use crate::usage::Usage;

    /// In cents: the price of a request to `m` at this moment with these labels.
    fn charge(table: &str, moment: &str, labels: &[(&str, &str)], used: &[(&'static str, u64)]) -> i64 {
        let import = PriceBook::from_litellm(table, Unit::new("USD", 2).unwrap()).unwrap();
        let moment: Timestamp = format!("{moment}:00.000000Z").parse().unwrap();
        let labels = Labels::new(labels.iter().copied()).unwrap();
        let tariff = import.book.tariff("m").unwrap().at(moment, &labels);
        let usage = used.iter().fold(Usage::new(), |usage, (name, count)| usage.with(*name, *count));
        tariff.charge(&usage, import.book.unit()).unwrap().minor()
    }

    const NOON: &str = "2025-03-05T12:00";

    #[test]
    fn the_most_special_price_is_taken() {
        let table = r#"{"m": {
            "input_cost_per_token": 2, "output_cost_per_token": 10, "cache_read_input_token_cost": 1,
            "input_cost_per_token_above_1k_tokens": 3, "output_cost_per_token_above_1k_tokens": 11,
            "input_cost_per_token_above_2k_tokens": 4,
            "input_cost_per_token_batches": 0.5, "input_cost_per_token_above_1k_tokens_batches": 0.75,
            "cache_read_input_token_cost_batches": 0.25, "cache_read_input_token_cost_above_1k_tokens": 1.5,
            "output_cost_per_token_flex": 6, "output_cost_per_token_priority": 0
        }}"#;
        let import = PriceBook::from_litellm(table, Unit::new("USD", 2).unwrap()).unwrap();
        assert_eq!(import.ignored["m"], ["output_cost_per_token_priority"]);
        for (tier, input, cached, wanted) in [
            ("standard", 1_000, 0, 2_010_00),
            ("standard", 900, 100, 1_910_00),
            ("standard", 900, 101, 2_700_00 + 151_50 + 11_00),
            ("standard", 2_001, 0, 8_004_00 + 11_00),
            ("batch", 1_000, 0, 510_00),
            ("batch", 2_000, 0, 1_500_00 + 11_00),
            ("batch", 4_000, 0, 3_000_00 + 11_00),
            // A batch has no other price for large requests than one that is stated for batches.
            ("batch", 2_000, 100, 1_500_00 + 25_00 + 11_00),
            ("flex", 1_000, 0, 2_006_00),
            ("flex", 2_000, 0, 6_011_00),
            ("flex", 2_000, 100, 8_000_00 + 150_00 + 11_00),
            ("priority", 1_000, 0, 2_010_00),
        ] {
            let used = [("input_tokens", input), ("cache_read_input_tokens", cached), ("output_tokens", 1)];
            assert_eq!(charge(table, NOON, &[("tier", tier)], &used), wanted, "{tier} {input} {cached}");
        }
        // Work without a label is of the standard tier.
        assert_eq!(charge(table, NOON, &[], &[("input_tokens", 1)]), 200);
    }

    #[test]
    fn all_input_counts_towards_a_bound_which_some_providers_set_at_the_bound() {
        for (provider, at_bound) in [("openai", 1_000_00), ("xai", 3_000_00)] {
            let table = format!(
                "{{\"m\": {{\"litellm_provider\": \"{provider}\", \"input_cost_per_token\": 1,
                \"input_cost_per_audio_token\": 1,
                \"input_cost_per_token_above_1k_tokens\": 3, \"input_cost_per_audio_token_above_1k_tokens\": 3}}}}"
            );
            for (input, audio, wanted) in
                [(999, 0, 999_00), (1_000, 0, at_bound), (400, 600, at_bound), (1, 1_000, 3_003_00)]
            {
                let used = [("input_tokens", input), ("input_audio_tokens", audio)];
                assert_eq!(charge(&table, NOON, &[], &used), wanted, "{provider} {input} {audio}");
            }
        }
    }

    #[test]
    fn labels_of_several_kinds_hold_together() {
        let table = r#"{"m": {
            "input_cost_per_token": 100, "input_cost_per_token_batches": 50, "input_cost_per_image": 7,
            "input_cost_per_token_above_1k_tokens": 200,
            "regional_processing_uplift_multiplier_eu": 1.1, "regional_processing_uplift_multiplier_us": 1.2,
            "provider_specific_entry": {"us": 1.5, "fast": 2.0}
        }}"#;
        let import = PriceBook::from_litellm(table, Unit::new("USD", 2).unwrap()).unwrap();
        assert!(import.ignored.is_empty(), "{:?}", import.ignored);
        let (eu, us) = (("data_residency", "eu"), ("data_residency", "us"));
        let (geo, fast, batch) = (("inference_geo", "us"), ("speed", "fast"), ("tier", "batch"));
        for (labels, tokens, wanted) in [
            (vec![], 1, 100_00),
            (vec![eu], 1, 110_00),
            (vec![us], 1, 120_00),
            (vec![geo, fast], 1, 300_00),
            (vec![geo, fast, eu, batch], 1, 165_00),
            (vec![fast, us], 1_001, 1_001 * 480_00),
            (vec![("data_residency", "global"), ("speed", "slow")], 1, 100_00),
        ] {
            // Images are no tokens.
            let used = [("input_tokens", tokens), ("input_images", 1)];
            assert_eq!(charge(table, NOON, &labels, &used), wanted + 7_00, "{labels:?}");
        }
    }

    #[test]
    fn reasoning_costs_what_output_does_in_a_tier_that_only_prices_output() {
        let table = r#"{"m": {"output_cost_per_token": 10, "output_cost_per_reasoning_token": 12,
            "output_cost_per_token_flex": 5, "output_cost_per_token_above_1k_tokens": 20, "input_cost_per_token": 0,
            "output_cost_per_token_priority": 15, "output_cost_per_reasoning_token_priority": 18,
            "input_cost_per_token_balanced": 1}}"#;
        for (tier, input, wanted) in [
            ("standard", 1, 22_00),
            ("flex", 0, 10_00),
            ("flex", 1_001, 40_00),
            ("priority", 0, 33_00),
            ("balanced", 0, 22_00),
        ] {
            let used = [("output_tokens", 1), ("output_reasoning_tokens", 1), ("input_tokens", input)];
            assert_eq!(charge(table, NOON, &[("tier", tier)], &used), wanted, "{tier} {input}");
        }
    }

    #[test]
    fn a_resolution_has_its_own_price() {
        let table = r#"{"m": {"output_cost_per_second": 3, "output_cost_per_second_480p": 1,
            "output_cost_per_second_4k": 9, "output_cost_per_image": 5}}"#;
        for (resolution, wanted) in [("480p", 15_00), ("4k", 95_00), ("720p", 35_00), ("4K", 35_00)] {
            let used = [("output_seconds", 10), ("output_images", 1)];
            assert_eq!(charge(table, NOON, &[("resolution", resolution)], &used), wanted, "{resolution}");
        }
    }

    #[test]
    fn an_entry_of_too_many_cases_is_refused_by_name() {
        let entry = |bounds: u32| {
            let above =
                (1..=bounds).map(|bound| format!("\"input_cost_per_token_above_{bound}k_tokens\": 1"));
            let tiers =
                ["flex", "priority", "batches"].map(|tier| format!("\"input_cost_per_token_{tier}\": 1"));
            let sizes = (1..=4).map(|size| format!("\"output_cost_per_second_{size}k\": 1"));
            let fields: Vec<_> = above.chain(tiers).chain(sizes).collect();
            let table = format!("{{\"m\": {{\"input_cost_per_token\": 1, {}}}}}", fields.join(","));
            PriceBook::from_litellm(&table, Unit::new("USD", 2).unwrap())
        };
        assert!(entry(49).is_ok());
        let error = entry(50).unwrap_err().to_string();
        assert!(error.contains("\"m\"") && error.contains("other prices"), "{error}");
    }

    #[test]
    fn other_prices_are_of_the_same_tariff_for_everybody_who_asks() {
        let table = r#"{"m": {"input_cost_per_token": 2, "input_cost_per_token_batches": 1}}"#;
        let import = PriceBook::from_litellm(table, Unit::new("USD", 2).unwrap()).unwrap();
        let tariff = import.book.tariff("m").unwrap();
        let batch = Labels::new([("tier", "batch")]).unwrap();
        let rate = |tariff: &Arc<Tariff>| tariff.rate("input_tokens").unwrap().to_string();
        assert_eq!(rate(&tariff.at(Timestamp::default(), &batch)), "1");
        assert_eq!(rate(&tariff), "2");
    }
}
