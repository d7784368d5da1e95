//! For which requests a field of LiteLLM's table states a price.

use std::collections::BTreeSet;

use super::{PriceError, Rate, Tariff, When};

/// The quantities whose sum is the input of a request.
const INPUT: [&str; 5] = [
    "input_tokens",
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
    "cache_creation_1h_input_tokens",
    "cache_creation_12h_input_tokens",
];

/// How a field's name ends for a service tier, and what the label `tier` of the work is then.
const TIERS: [(&str, &str); 6] = [
    ("_batches", "batch"),
    ("_flex", "flex"),
    ("_priority", "priority"),
    ("_balanced", "balanced"),
    ("_ultrafast", "ultrafast"),
    ("_decisions", "decisions"),
];

/// Which requests a price is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Scope {
    /// Of this service tier; `None` for the standard one.
    tier: Option<&'static str>,
    /// With more input than this.
    above: Option<u64>,
}

/// What a field states.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stated {
    pub(super) field: String,
    /// `None` for the price of a request.
    pub(super) quantity: Option<&'static str>,
    pub(super) scope: Scope,
    pub(super) rate: Rate,
}

impl Scope {
    /// All requests, as long as nothing more special is stated.
    pub(super) const ALL: Self = Self { tier: None, above: None };

    /// What is left of a field's name without what says for which requests it is.
    pub(super) fn of(field: &str) -> (&str, Self) {
        let tier = TIERS.iter().find_map(|(end, tier)| Some((field.strip_suffix(end)?, *tier)));
        let (name, tier) = tier.map_or((field, None), |(name, tier)| (name, Some(tier)));
        let above = name.strip_suffix("k_tokens").and_then(|name| {
            let (name, thousands) = name.rsplit_once("_above_")?;
            Some((name, thousands.parse::<u32>().ok()?))
        });
        match above {
            Some((name, thousands)) => {
                (name, Self { tier, above: Some(u64::from(thousands).saturating_mul(1_000)) })
            }
            None => (name, Self { tier, above: None }),
        }
    }
}

/// The tariff of everything that an entry states.
pub(super) fn tariff(stated: &[Stated]) -> Result<Tariff, PriceError> {
    let tiers: BTreeSet<&'static str> = stated.iter().filter_map(|price| price.scope.tier).collect();
    let standard = tiers.into_iter().try_fold(at(stated, None, None)?, |tariff, tier| {
        let of_tier = with_bounds(stated, at(stated, Some(tier), None)?, Some(tier))?;
        tariff.with_other(When::labelled("tier", tier), of_tier)
    })?;
    // After the tiers, which have bounds of their own: the first that holds is taken.
    with_bounds(stated, standard, None)
}

fn with_bounds(stated: &[Stated], tariff: Tariff, tier: Option<&'static str>) -> Result<Tariff, PriceError> {
    let bounds: BTreeSet<u64> = stated.iter().filter_map(|price| price.scope.above).collect();
    // The highest first.
    bounds.into_iter().rev().try_fold(tariff, |tariff, bound| {
        tariff.with_other(When::above(INPUT, bound), at(stated, tier, Some(bound))?)
    })
}

/// The prices of a tier's requests with more input than the bound. What has no price for both has the standard one above
/// the bound, or else the tier's, or else the standard one.
fn at(stated: &[Stated], tier: Option<&'static str>, bound: Option<u64>) -> Result<Tariff, PriceError> {
    let mut tariff = Tariff::new();
    for (index, first) in stated.iter().enumerate() {
        let before = stated.iter().take(index);
        if before.into_iter().any(|price| price.quantity == first.quantity) {
            continue;
        }
        let own = || stated.iter().filter(|price| price.quantity == first.quantity);
        let above = |tier| {
            let within = own().filter(|price| price.scope.tier == tier);
            let within = within.filter(|price| price.scope.above.is_some() && price.scope.above <= bound);
            within.max_by_key(|price| price.scope.above)
        };
        let plain = |tier| own().find(|price| price.scope == Scope { tier, above: None });
        let Some(price) = above(tier).or_else(|| above(None)).or_else(|| plain(tier)).or_else(|| plain(None))
        else {
            continue;
        };
        tariff = match first.quantity {
            Some(name) => tariff.with_rate(name, price.rate)?,
            None => tariff.with_fixed(price.rate)?,
        };
    }
    Ok(tariff)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::PriceBook;
    use super::*;
    use crate::amount::Unit;
    use crate::clock::Timestamp;
    use crate::id::Labels;
    use crate::usage::Usage;

    #[test]
    fn a_name_says_for_which_requests_it_is() {
        let scope = |tier, above| Scope { tier, above };
        for (field, name, wanted) in [
            ("input_cost_per_token", "input_cost_per_token", Scope::ALL),
            ("a_batches", "a", scope(Some("batch"), None)),
            ("a_above_128k_tokens", "a", scope(None, Some(128_000))),
            ("a_above_1hr_above_272k_tokens_priority", "a_above_1hr", scope(Some("priority"), Some(272_000))),
            ("a_above_15s_interval", "a_above_15s_interval", Scope::ALL),
            ("a_above_k_tokens", "a_above_k_tokens", Scope::ALL),
        ] {
            assert_eq!(Scope::of(field), (name, wanted), "{field}");
        }
    }

    #[test]
    fn the_most_special_price_is_taken() {
        let table = r#"{"m": {
            "input_cost_per_token": 2, "output_cost_per_token": 10, "cache_read_input_token_cost": 1,
            "input_cost_per_token_above_1k_tokens": 3, "output_cost_per_token_above_1k_tokens": 11,
            "input_cost_per_token_above_2k_tokens": 4,
            "input_cost_per_token_batches": 0.5, "input_cost_per_token_above_1k_tokens_batches": 0.75,
            "output_cost_per_token_flex": 6, "output_cost_per_token_priority": 0
        }}"#;
        let import = PriceBook::from_litellm(table, Unit::new("USD", 2).unwrap()).unwrap();
        assert_eq!(import.ignored["m"], ["output_cost_per_token_priority"]);
        let tariff = import.book.tariff("m").unwrap();
        let charge = |tier: &str, input: u64, cached: u64| {
            let usage = Usage::new().with("input_tokens", input).with("cache_read_input_tokens", cached);
            let labels = Labels::new([("tier", tier)]).unwrap();
            let tariff = Arc::clone(&tariff).at(Timestamp::default(), &labels);
            tariff.charge(&usage.with("output_tokens", 1_u64), import.book.unit()).unwrap().minor() / 100
        };
        for (tier, input, cached, wanted) in [
            ("standard", 1_000, 0, 2_010),
            ("standard", 900, 100, 1_910),
            ("standard", 900, 101, 2_700 + 101 + 11),
            ("standard", 2_001, 0, 8_004 + 11),
            ("batch", 1_000, 0, 510),
            ("batch", 2_000, 0, 1_500 + 11),
            ("batch", 4_000, 0, 3_000 + 11),
            ("flex", 1_000, 0, 2_006),
            ("flex", 2_000, 0, 6_011),
            ("priority", 1_000, 0, 2_010),
        ] {
            assert_eq!(charge(tier, input, cached), wanted, "{tier} {input} {cached}");
        }
        // Work without a label is of the standard tier.
        let usage = Usage::new().with("input_tokens", 1_u64);
        assert_eq!(tariff.charge(&usage, import.book.unit()).unwrap().minor(), 200);
    }
}
