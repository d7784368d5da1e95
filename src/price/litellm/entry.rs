//! Reads one entry of LiteLLM's table.

use std::collections::BTreeSet;

use serde_json::value::RawValue;

use crate::price::litellm::fields;
use crate::price::litellm::off_peak;
use crate::price::litellm::ranges;
use crate::price::litellm::scope::{Bounds, Factor, Prices, Scope, Stated};
use crate::price::object::Object;
use crate::price::{PriceError, Rate, Tariff};
use crate::text::quoted;
use crate::usage::QuantityName;

/// What one entry of the table says.
pub(super) struct Entry {
    pub(super) price: Price,
    /// The fields that bear on the price and are not used.
    pub(super) ignored: Vec<String>,
}

#[allow(clippy::large_enum_variant, reason = "there is one at a time")]
pub(super) enum Price {
    None,
    Stated { tariff: Tariff, free: bool },
}

/// An entry as far as it was read.
#[derive(Default)]
struct Reader<'a> {
    model: &'a str,
    provider: String,
    prices: Prices,
    /// By the size of the request, instead of all other prices of the same quantities.
    tiered: Vec<Stated>,
    /// Statements that may be of something already said: the field that they repeat, and the price.
    again: Vec<(&'static str, Stated)>,
    ignored: Vec<String>,
    /// Whether a field that is not used has a price in it that is not zero.
    costs_more: bool,
}

pub(super) fn read(model: &str, value: &RawValue) -> Result<Entry, PriceError> {
    let fields = Object::read(value).ok_or_else(|| PriceError::InvalidEntry { model: quoted(model) })?;
    let mut reader = Reader { model, ..Reader::default() };
    for (field, value) in fields.0 {
        reader.field(field, value)?;
    }
    reader.finish()
}

impl Reader<'_> {
    fn field(&mut self, field: String, value: &RawValue) -> Result<(), PriceError> {
        let synonym = fields::SYNONYMS.iter().find(|(again, _)| *again == field);
        let factor = fields::FACTORS.iter().find(|(known, _)| *known == field);
        let known = fields::known(synonym.map_or(&*field, |(_, known)| *known));
        if value.get() == "null" {
            return Ok(());
        }
        match &*field {
            "litellm_provider" => self.provider = serde_json::from_str(value.get()).unwrap_or_default(),
            "web_search_billing_unit" if value.get() == "\"per_query\"" => {}
            "tiered_pricing" => self.tiers(field, value)?,
            "off_peak_pricing" => self.off_peak(field, value)?,
            fields::SEARCHES | "guardrail_cost_per_unit" | fields::SPECIFIC => match Object::read(value) {
                Some(members) => self.members(&field, members)?,
                None => self.ignore(field, value),
            },
            _ => match (known, factor) {
                (Some((quantity, scope)), _) => {
                    let rate = self.rate(&field, value)?;
                    let price = Stated { field, quantity: quantity.map(Into::into), scope, rate };
                    match synonym {
                        Some((_, repeated)) => self.again.push((*repeated, price)),
                        None => self.state(price)?,
                    }
                }
                (None, Some((_, label))) => self.factor(field, *label, value)?,
                _ if fields::PRICE_WORDS.iter().any(|word| field.contains(word)) => self.ignore(field, value),
                _ => {}
            },
        }
        Ok(())
    }

    /// A block whose members are prices or the like, each of its own.
    fn members(&mut self, block: &str, members: Object<'_>) -> Result<(), PriceError> {
        for (member, value) in members.0 {
            let field = format!("{block}.{member}");
            let quantity: QuantityName = match block {
                fields::SEARCHES => match fields::SEARCH_SIZES.iter().find(|(size, _)| *size == member) {
                    Some((_, name)) => (*name).into(),
                    None => {
                        self.ignore(field, value);
                        continue;
                    }
                },
                fields::SPECIFIC => {
                    self.specific(field, &member, value)?;
                    continue;
                }
                _ => member.into(),
            };
            let rate = self.rate(&field, value)?;
            self.state(Stated { field, quantity: Some(quantity), scope: Scope::default(), rate })?;
        }
        Ok(())
    }

    /// What one provider alone has.
    fn specific(&mut self, field: String, member: &str, value: &RawValue) -> Result<(), PriceError> {
        if let Some((_, label)) = fields::SPECIFIC_FACTORS.iter().find(|(known, _)| *known == member) {
            return self.factor(field, *label, value);
        }
        if member == fields::FREE_IMAGES
            && let Ok(images) = value.get().parse()
        {
            self.prices.free_images = images;
        } else if !fields::NOT_PRICES.contains(&member) {
            self.ignore(field, value);
        }
        Ok(())
    }

    fn factor(
        &mut self,
        field: String,
        label: (&'static str, &'static str),
        value: &RawValue,
    ) -> Result<(), PriceError> {
        let times = self.rate(&field, value)?;
        if times.is_zero() {
            self.ignored.push(field);
        } else if self.prices.factors.iter().any(|known| known.label == label) {
            return Err(self.wrong(&field, PriceError::DuplicateQuantity { name: quoted(&field) }));
        } else {
            self.prices.factors.push(Factor { field, label, times });
        }
        Ok(())
    }

    /// Prices by the size of the request. The size decides the prices of all of it, and a bound belongs to the
    /// range below it. Beyond the last range the prices are the last ones.
    fn tiers(&mut self, field: String, value: &RawValue) -> Result<(), PriceError> {
        let Some((bounds, tiers)) = ranges::read(value) else {
            self.ignore(field, value);
            return Ok(());
        };
        let mut stated = Vec::<Stated>::new();
        for (index, (above, members)) in tiers.into_iter().enumerate() {
            for (member, value) in members {
                let field = format!("{field}.{index}.{member}");
                match fields::known(&member) {
                    Some((Some(quantity), scope)) if scope.is_for_all() => {
                        let (rate, scope) = (self.rate(&field, value)?, Scope { above, ..scope });
                        let price = Stated { field, quantity: Some(quantity.into()), scope, rate };
                        if stated
                            .iter()
                            .any(|known| known.quantity == price.quantity && known.scope == price.scope)
                        {
                            let name = quoted(&member);
                            return Err(self.wrong(&price.field, PriceError::DuplicateQuantity { name }));
                        }
                        stated.push(price);
                    }
                    _ => self.ignore(field, value),
                }
            }
        }
        // If not all of them price the same, it is not said what the others cost.
        let of = |above| -> BTreeSet<_> {
            stated.iter().filter(|price| price.scope.above == above).map(|price| &price.quantity).collect()
        };
        if stated.iter().any(|price| of(price.scope.above) != of(None)) {
            self.ignore(field, value);
            return Ok(());
        }
        self.prices.bounds = bounds;
        self.tiered = stated;
        Ok(())
    }

    /// Prices at times of the day.
    fn off_peak(&mut self, field: String, value: &RawValue) -> Result<(), PriceError> {
        let Some(block) = off_peak::read(value) else {
            self.ignore(field, value);
            return Ok(());
        };
        self.prices.off_peak = block.windows;
        for (member, value) in block.prices {
            let field = format!("{field}.{member}");
            match fields::known(&member) {
                Some((quantity, scope)) if scope.is_for_all() => {
                    let rate = self.rate(&field, value)?;
                    let (quantity, scope) = (quantity.map(Into::into), Scope { off_peak: true, ..scope });
                    self.state(Stated { field, quantity, scope, rate })?;
                }
                _ => self.ignore(field, value),
            }
        }
        Ok(())
    }

    /// Keeps a price.
    fn state(&mut self, price: Stated) -> Result<(), PriceError> {
        let stated = &mut self.prices.stated;
        if let Some(known) =
            stated.iter().find(|known| known.quantity == price.quantity && known.scope == price.scope)
        {
            let problem = match &price.quantity {
                Some(name) => PriceError::DuplicateQuantity { name: quoted(name) },
                None => PriceError::DuplicateFixed { stated: known.rate },
            };
            return Err(self.wrong(&price.field, problem));
        }
        if price.rate.is_zero() && !price.scope.is_for_all() {
            // The maintainers also write zero for what they do not know, and here there is another price.
            self.ignored.push(price.field);
        } else {
            stated.push(price);
        }
        Ok(())
    }

    fn rate(&self, field: &str, value: &RawValue) -> Result<Rate, PriceError> {
        // The text of a JSON number is the number; that of a string starts with a quotation mark and is refused like
        // anything else that is not a number.
        Rate::read_per(value.get(), fields::power(field)).map_err(|problem| self.wrong(field, problem))
    }

    fn ignore(&mut self, field: String, value: &RawValue) {
        self.costs_more |= value.get().parse() != Ok(Rate::ZERO);
        self.ignored.push(field);
    }

    fn wrong(&self, field: &str, problem: PriceError) -> PriceError {
        PriceError::InvalidField {
            model: quoted(self.model),
            field: field.to_owned(),
            problem: Box::new(problem),
        }
    }

    fn finish(mut self) -> Result<Entry, PriceError> {
        self.resolve_repeated()?;
        if !self.tiered.is_empty() {
            self.replace_tiered();
        } else if self.provider == "xai" {
            self.prices.bounds = Bounds::InputReached;
        }
        let has_plain = self.prices.plain().next().is_some();
        let all_zero = self.prices.plain().all(|price| price.rate.is_zero());
        // Zero in every field we read and a price in one that we do not, or for some requests only: selling that as free
        // would be the accident this crate is here to prevent.
        let costs_more = self.costs_more || self.prices.special().next().is_some();
        if !has_plain || (all_zero && costs_more) {
            let Prices { factors, .. } = &self.prices;
            let unused = self.prices.special().map(|price| price.field.clone());
            let unused: Vec<_> = unused.chain(factors.iter().map(|factor| factor.field.clone())).collect();
            self.ignored.extend(unused);
            return Ok(Entry { price: Price::None, ignored: self.ignored });
        }
        let names: BTreeSet<_> =
            self.prices.stated.iter().filter_map(|price| price.quantity.as_ref()).collect();
        let room = Tariff::MAX_RATES.saturating_sub(usize::from(self.prices.bounds == Bounds::Results));
        if names.len() > room
            && let Some(last) = self.prices.stated.iter().rfind(|price| price.quantity.is_some())
        {
            let name = quoted(last.quantity.as_deref().unwrap_or_default());
            return Err(self.wrong(&last.field, PriceError::TooManyQuantities { name }));
        }
        let tariff = match self.prices.tariff() {
            // A price that cannot be kept times something is used as it is.
            Err(PriceError::InexactRate { .. }) if !self.prices.factors.is_empty() => {
                self.ignored.extend(self.prices.factors.drain(..).map(|factor| factor.field));
                self.prices.tariff()
            }
            made => made,
        };
        let tariff = tariff.map_err(|problem| {
            let last = self.prices.stated.last();
            self.wrong(last.map_or("", |price| &price.field), problem)
        })?;
        Ok(Entry { price: Price::Stated { tariff, free: all_zero }, ignored: self.ignored })
    }

    /// A repetition is the price if there is no other, and nothing if it says the same.
    fn resolve_repeated(&mut self) -> Result<(), PriceError> {
        for (repeated, price) in std::mem::take(&mut self.again) {
            match self.prices.stated.iter().find(|known| known.field == repeated) {
                None => self.state(price)?,
                Some(known) if known.rate == price.rate => {}
                Some(_) => {
                    self.costs_more |= !price.rate.is_zero();
                    self.ignored.push(price.field);
                }
            }
        }
        Ok(())
    }

    /// Prices by ranges take the place of all others of their quantities, of those by another size, and of those of cached
    /// input that the ranges do not state: it is input like any other then.
    fn replace_tiered(&mut self) {
        let (tiered, ignored) = (&self.tiered, &mut self.ignored);
        self.prices.stated.retain(|price| {
            let of_quantity = |ranged: &&Stated| ranged.quantity == price.quantity;
            let is_cache = price.quantity.as_deref().is_some_and(|name| name.starts_with("cache_"));
            let is_sized = price.scope.above.is_some();
            let replaced = !price.scope.off_peak
                && (is_cache || is_sized || tiered.iter().any(|ranged| of_quantity(&ranged)));
            let mut same = tiered.iter().filter(of_quantity);
            if replaced && !same.any(|ranged| ranged.scope == price.scope && ranged.rate == price.rate) {
                ignored.push(price.field.clone());
            }
            !replaced
        });
        for price in std::mem::take(&mut self.tiered) {
            if price.rate.is_zero() && !price.scope.is_for_all() {
                self.ignored.push(price.field);
            } else {
                self.prices.stated.push(price);
            }
        }
    }
}

#[cfg(test)]
mod tests;
