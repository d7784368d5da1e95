//! A tariff: the price of each quantity, and what becomes of their sum.

use super::matrix::Lookup;
use super::parts::Parts;
use super::schedule::Schedule;
use super::when::When;
use super::{Package, Percentage, PriceError, Rate, Tiers};
use crate::amount::Unit;
use crate::text::quoted;
use crate::usage::{Quantity, QuantityName, Usage, is_name};
use std::sync::Arc;

/// How a charge that falls between two steps of its unit is rounded, once, after everything is summed.
///
/// A hold is always rounded up, so that it covers the charge in every mode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Rounding {
    /// Down to the step below: no charge ever exceeds the published price.
    #[default]
    Down,
    /// To the nearer step; from the middle up. A charge may exceed the published price by half a step.
    HalfUp,
    /// To the nearer step; from the middle to the even one, so that errors cancel out over many charges. A charge
    /// may exceed the published price by half a step.
    HalfEven,
    /// Up to the step above. A charge may exceed the published price by less than one step.
    Up,
}

/// The prices of one kind of work: an optional fixed price per request, and a price for each named quantity, per unit, in
/// [`Tiers`], by the [`Package`], as a [`Percentage`] or as a [multiple](Self::dynamic) of an amount. All of it can be another for
/// [some moments, labels and sizes](Self::with_other), or for each combination of [labels](Self::with_matrix).
///
/// # In which order
///
/// 1. Of a quantity, what is [part of it](Self::part_of) and has a price of its own is taken out.
/// 2. What is [free of it](Self::with_free) is taken off, and the rest is priced. A package and a percentage may have something
///    free of their own, which comes after that.
/// 3. Everything is summed, with the [fixed price](Self::fixed).
/// 4. What is [free of the sum](Self::with_free_amount) is taken off,
/// 5. then the [discount](Self::with_discount);
/// 6. the rest is lowered to the [maximum](Self::with_maximum)
/// 7. and raised to the [minimum](Self::with_minimum),
/// 8. and then [rounded](Self::rounding), once.
///
/// # What is exact, none and missing
///
/// Prices are decimal text in whole currency units and are kept exactly; so are fractions of a quantity, between
/// [tiers](Tiers) as well. An explicit rate of `0` makes a quantity free. A quantity that was used but has no rate is an
/// error, never free by accident, unless everything else is [free](Self::free); *none* of such a quantity is fine, so
/// that one report of usage can serve several tariffs. None of a quantity costs nothing, but for the flat price of a first
/// tier [that says so](Tiers::with_first_flat_at_none); the fixed price and the minimum are owed even then.
///
/// ```
/// use billing_guard::{Rounding, Tariff, Unit, Usage};
///
/// let tariff = Tariff::new()
///     .fixed("0.001")?
///     .per_unit("rows", "0.00002")?
///     .per_thousand("pages", "1.5")?
///     .per_million("input_tokens", "2.50")?
///     .rounding(Rounding::HalfUp);
///
/// let usage = Usage::new().with("input_tokens", 1_200_u64).with("rows", 3_u64);
/// let usd = Unit::new("USD", 6)?;
/// assert_eq!(tariff.charge(&usage, usd)?.to_string(), "0.00406 USD/6");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tariff {
    pub(super) fixed: Option<Rate>,
    pub(super) rates: Vec<(QuantityName, Schedule)>,
    pub(super) others: Others,
    /// How much of a quantity is free, before its price begins.
    pub(super) free: Vec<(QuantityName, Quantity)>,
    /// How much of the sum is free.
    pub(super) free_amount: Option<Rate>,
    /// The share of one that is taken off.
    pub(super) discount: Option<Rate>,
    pub(super) minimum: Option<Rate>,
    pub(super) maximum: Option<Rate>,
    pub(super) rounding: Rounding,
    /// What was used before, if tiers and the like go on from there.
    pub(super) after: Option<Usage>,
    /// Which quantities are counted within others.
    pub(super) parts: Parts,
    /// Other prices that take the place of these: the first that applies.
    pub(super) alternatives: Vec<(When, Arc<Tariff>)>,
    /// Other prices by labels, which are looked at after the alternatives.
    pub(super) matrix: Option<Lookup>,
}

/// What a quantity without a rate of its own costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Others {
    #[default]
    Refused,
    Free,
}

impl Tariff {
    /// The most rates.
    pub const MAX_RATES: usize = Usage::MAX;
    /// The most other prices.
    pub const MAX_ALTERNATIVES: usize = 64;
    /// How deep other prices can be nested in other prices.
    pub const MAX_DEPTH: usize = 8;

    /// A tariff that prices nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self::with_others(Others::Refused)
    }

    /// A tariff under which every quantity is free that is not given a rate, by decision and not by accident.
    ///
    /// ```
    /// # use billing_guard::{Tariff, Unit, Usage};
    /// let usd = Unit::new("USD", 6)?;
    /// assert!(Tariff::free().charge(&Usage::new().with("rows", 5_u64), usd)?.is_zero());
    /// assert!(Tariff::new().charge(&Usage::new().with("rows", 5_u64), usd).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn free() -> Self {
        Self::with_others(Others::Free)
    }

    const fn with_others(others: Others) -> Self {
        Self {
            fixed: None,
            rates: Vec::new(),
            others,
            free: Vec::new(),
            free_amount: None,
            discount: None,
            minimum: None,
            maximum: None,
            rounding: Rounding::Down,
            after: None,
            parts: Parts::new(),
            alternatives: Vec::new(),
            matrix: None,
        }
    }

    /// The same with a price for each request, whatever it uses.
    ///
    /// # Errors
    /// [`PriceError::InvalidRate`], [`PriceError::InexactRate`] or [`PriceError::DuplicateFixed`].
    pub fn fixed(self, price: &str) -> Result<Self, PriceError> {
        self.with_fixed(price.parse()?)
    }

    /// The same with a price for one unit of a quantity.
    ///
    /// ```
    /// # use billing_guard::Tariff;
    /// assert!(Tariff::new().per_unit("input_tokens", "2.5e-06").is_ok());
    /// assert!(Tariff::new().per_unit("input_tokens", "-1").is_err());
    /// ```
    ///
    /// # Errors
    /// [`PriceError::InvalidRate`], [`PriceError::InexactRate`], [`PriceError::InvalidQuantityName`],
    /// [`PriceError::DuplicateQuantity`] or [`PriceError::TooManyQuantities`].
    pub fn per_unit(self, name: impl Into<QuantityName>, price: &str) -> Result<Self, PriceError> {
        self.with_rate(name, price.parse()?)
    }

    /// The same with a price for a thousand of a quantity. Fewer are charged in proportion.
    ///
    /// # Errors
    /// As [`per_unit`](Self::per_unit).
    pub fn per_thousand(self, name: impl Into<QuantityName>, price: &str) -> Result<Self, PriceError> {
        self.with_rate(name, Rate::read_per(price, 3)?)
    }

    /// The same with a price for a million of a quantity, as model tokens are priced. Fewer are charged in
    /// proportion.
    ///
    /// ```
    /// # use billing_guard::{Tariff, Unit, Usage};
    /// let tariff = Tariff::new().per_million("input_tokens", "2.50")?;
    /// let usage = Usage::new().with("input_tokens", 40_000_u64);
    /// assert_eq!(tariff.charge(&usage, Unit::new("USD", 9)?)?.human().to_string(), "0.10 USD");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`per_unit`](Self::per_unit).
    pub fn per_million(self, name: impl Into<QuantityName>, price: &str) -> Result<Self, PriceError> {
        self.with_rate(name, Rate::read_per(price, 6)?)
    }

    /// As [`fixed`](Self::fixed), with a price already read.
    ///
    /// # Errors
    /// [`PriceError::DuplicateFixed`].
    pub fn with_fixed(mut self, price: Rate) -> Result<Self, PriceError> {
        match self.fixed.replace(price) {
            Some(stated) => Err(PriceError::DuplicateFixed { stated }),
            None => Ok(self),
        }
    }

    /// As [`per_unit`](Self::per_unit), with a price already read, or made from a `Decimal`.
    ///
    /// # Errors
    /// [`PriceError::InvalidQuantityName`], [`PriceError::DuplicateQuantity`] or [`PriceError::TooManyQuantities`].
    pub fn with_rate(self, name: impl Into<QuantityName>, rate: Rate) -> Result<Self, PriceError> {
        self.with_schedule(name.into(), Schedule::Each(rate))
    }

    /// The same with a quantity priced in tiers, each share of it in the tier it falls into: the first 100 at one price,
    /// the next 900 at another. Each usage begins in the first tier.
    ///
    /// ```
    /// # use billing_guard::{Tariff, Tiers, Unit, Usage};
    /// let tiers = Tiers::new().up_to(100_u64, "0.10")?.up_to(1_000_u64, "0.08")?.beyond("0.05")?;
    /// let tariff = Tariff::new().graduated("calls", tiers)?;
    /// let usd = Unit::new("USD", 2)?;
    /// // 100 at 0.10, 900 at 0.08, 200 at 0.05.
    /// assert_eq!(tariff.charge(&Usage::new().with("calls", 1_200_u64), usd)?, usd.amount("92")?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`PriceError::InvalidTiers`] if the last tier has a bound, and as [`with_rate`](Self::with_rate).
    pub fn graduated(self, name: impl Into<QuantityName>, tiers: Tiers) -> Result<Self, PriceError> {
        tiers.check()?;
        self.with_schedule(name.into(), Schedule::Graduated(tiers))
    }

    /// The same with a quantity priced in tiers, all of it in the one tier that it reaches. Using one more can cost less:
    /// a [`ceiling`](Self::ceiling) takes that into account.
    ///
    /// ```
    /// # use billing_guard::{Tariff, Tiers, Unit, Usage};
    /// let tariff = Tariff::new().volume("calls", Tiers::new().up_to(100_u64, "0.10")?.beyond("0.05")?)?;
    /// let (usd, calls) = (Unit::new("USD", 2)?, Usage::new().with("calls", 120_u64));
    /// assert_eq!(tariff.charge(&calls, usd)?, usd.amount("6")?);
    /// // The work may end at a hundred calls, and they cost more than 120 do.
    /// assert_eq!(tariff.ceiling(&calls, usd)?, usd.amount("10")?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`graduated`](Self::graduated).
    pub fn volume(self, name: impl Into<QuantityName>, tiers: Tiers) -> Result<Self, PriceError> {
        tiers.check()?;
        self.with_schedule(name.into(), Schedule::Volume(tiers))
    }

    /// The same with a quantity priced by the package.
    ///
    /// ```
    /// # use billing_guard::{Package, Tariff, Unit, Usage};
    /// let tariff = Tariff::new().package("calls", Package::of(100_u64, "2")?)?;
    /// let usd = Unit::new("USD", 2)?;
    /// assert_eq!(tariff.charge(&Usage::new().with("calls", 101_u64), usd)?, usd.amount("4")?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`with_rate`](Self::with_rate).
    pub fn package(self, name: impl Into<QuantityName>, package: Package) -> Result<Self, PriceError> {
        self.with_schedule(name.into(), Schedule::Package(package))
    }

    /// The same with a quantity that is an amount of money and priced by a share of it.
    ///
    /// ```
    /// # use billing_guard::{Percentage, Tariff, Unit, Usage};
    /// let share = Percentage::of("1.5")?.with_fee("0.10")?.counting("payments").with_free_events(2_u64);
    /// let tariff = Tariff::new().percentage("paid", share)?;
    /// let usd = Unit::new("USD", 2)?;
    /// // 1.5 % of 400, and a fee for three of the five.
    /// let usage = Usage::new().with("paid", 400_u64).with("payments", 5_u64);
    /// assert_eq!(tariff.charge(&usage, usd)?, usd.amount("6.30")?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`with_rate`](Self::with_rate), for the quantity and for the one that counts its events.
    pub fn percentage(self, name: impl Into<QuantityName>, share: Percentage) -> Result<Self, PriceError> {
        let events = share.events().cloned();
        let tariff = self.with_schedule(name.into(), Schedule::Percentage(Box::new(share)))?;
        match events {
            Some(events) if tariff.schedule(&events).is_none() => {
                tariff.with_schedule(events, Schedule::Counted)
            }
            _ => Ok(tariff),
        }
    }

    /// The same with a quantity that is an amount of money, such as what a provider asked for the work, priced at so many
    /// times as much. The product is rounded by itself, to so many decimal places of the whole currency unit; to round
    /// nothing but the sum of everything, use [`per_unit`](Self::per_unit) with the multiplier for a price. Nobody knows
    /// the amount before: hold for the most that it can be.
    ///
    /// ```
    /// # use billing_guard::{Quantity, Rounding, Tariff, Unit, Usage};
    /// let tariff = Tariff::new().dynamic("provider_cost", "1.2", 2, Rounding::HalfUp)?;
    /// let usage = Usage::new().with("provider_cost", "0.3375".parse::<Quantity>()?);
    /// assert_eq!(tariff.charge(&usage, Unit::new("USD", 6)?)?.human().to_string(), "0.41 USD");
    /// let exact = Tariff::new().per_unit("provider_cost", "1.2")?;
    /// assert_eq!(exact.charge(&usage, Unit::new("USD", 6)?)?.human().to_string(), "0.405 USD");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`per_unit`](Self::per_unit), and [`PriceError::InvalidPlaces`] for more than 12 places.
    pub fn dynamic(
        self,
        name: impl Into<QuantityName>,
        multiplier: &str,
        places: u8,
        rounding: Rounding,
    ) -> Result<Self, PriceError> {
        if places > Unit::MAX_SCALE {
            return Err(PriceError::InvalidPlaces { places });
        }
        self.with_schedule(
            name.into(),
            Schedule::Dynamic { multiplier: multiplier.parse()?, places, rounding },
        )
    }

    /// As [`graduated`](Self::graduated), of a quantity that is an amount of money: the unit prices of the tiers are percent
    /// of it.
    ///
    /// ```
    /// # use billing_guard::{Tariff, Tiers, Unit, Usage};
    /// let tiers = Tiers::new().up_to(1_000_u64, "2")?.with_flat("5")?.beyond("1")?;
    /// let tariff = Tariff::new().graduated_percentage("paid", tiers)?;
    /// let usd = Unit::new("USD", 2)?;
    /// assert_eq!(tariff.charge(&Usage::new().with("paid", 1_200_u64), usd)?, usd.amount("27")?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`PriceError::InexactRate`], and as [`graduated`](Self::graduated).
    pub fn graduated_percentage(
        self,
        name: impl Into<QuantityName>,
        tiers: Tiers,
    ) -> Result<Self, PriceError> {
        self.graduated(name, tiers.in_percent()?)
    }

    fn with_schedule(mut self, name: QuantityName, schedule: Schedule) -> Result<Self, PriceError> {
        if !is_name(&name) {
            return Err(PriceError::InvalidQuantityName { name: quoted(&name) });
        }
        // What counts events may have a price as well, and prices stand in the order in which they are stated.
        self.rates.retain(|(known, schedule)| *known != name || *schedule != Schedule::Counted);
        if self.schedule(&name).is_some() {
            return Err(PriceError::DuplicateQuantity { name: quoted(&name) });
        }
        if self.rates.len() >= Self::MAX_RATES {
            return Err(PriceError::TooManyQuantities { name: quoted(&name) });
        }
        self.rates.push((name, schedule));
        self.parts.relate(&self.rates);
        Ok(self)
    }

    /// The same with one quantity counted within another: tokens read from a cache are some of the input tokens, so that
    /// a usage counts them twice. Its own price, if it has one, takes the place of the other's on its share; without one it
    /// costs what the rest does, and with a price of `0` it is free. A part may have parts, and may be in more than one
    /// whole. If parts come to more than what they are in, they are priced in full and the rest of it is none.
    ///
    /// ```
    /// # use billing_guard::{Tariff, Unit, Usage};
    /// let tariff = Tariff::new()
    ///     .per_million("input", "3")?
    ///     .per_million("cached", "0.30")?
    ///     .part_of("cached", "input")?
    ///     .part_of("images", "input")?;
    /// let usage = Usage::new().with("input", 1_000_000_u64).with("cached", 400_000_u64).with("images", 5_000_u64);
    /// let usd = Unit::new("USD", 6)?;
    /// assert_eq!(tariff.charge(&usage, usd)?, usd.amount("1.92")?);
    /// // Whether any of it will be in the cache is not known before.
    /// assert_eq!(tariff.ceiling(&usage, usd)?, usd.amount("3")?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`PriceError::InvalidQuantityName`], or [`PriceError::InvalidPart`] if the whole is itself within the part, or it
    /// is one relation too many.
    pub fn part_of(
        self,
        part: impl Into<QuantityName>,
        whole: impl Into<QuantityName>,
    ) -> Result<Self, PriceError> {
        self.with_parts([(part.into(), whole.into())])
    }

    /// Many at once, which is faster.
    pub(super) fn with_parts(
        mut self,
        parts: impl IntoIterator<Item = (QuantityName, QuantityName)>,
    ) -> Result<Self, PriceError> {
        for (part, whole) in parts {
            for name in [&part, &whole] {
                if !is_name(name) {
                    return Err(PriceError::InvalidQuantityName { name: quoted(name) });
                }
            }
            self.parts.add(part, whole)?;
        }
        self.parts.relate(&self.rates);
        Ok(self)
    }

    /// Whether it states any price, or that everything else is free.
    pub(super) fn has_prices(&self) -> bool {
        self.fixed.is_some() || !self.rates.is_empty() || self.others == Others::Free
    }

    /// The same with charges rounded this way. Without it they are rounded [`Down`](Rounding::Down).
    #[must_use]
    pub const fn rounding(mut self, rounding: Rounding) -> Self {
        self.rounding = rounding;
        self
    }

    /// The price of one unit of a quantity; `None` if the tariff has none, or prices it in another way.
    #[must_use]
    pub fn rate(&self, name: &str) -> Option<Rate> {
        match self.schedule(name) {
            Some(Schedule::Each(rate)) => Some(*rate),
            _ => None,
        }
    }

    /// All prices of one unit, in the order they were stated. Quantities priced in another way are left out.
    pub fn rates(&self) -> impl Iterator<Item = (&str, Rate)> {
        self.rates.iter().filter_map(|(name, schedule)| match schedule {
            Schedule::Each(rate) => Some((name.as_ref(), *rate)),
            _ => None,
        })
    }

    /// The price of each request, if the tariff states one.
    #[must_use]
    pub const fn fixed_price(&self) -> Option<Rate> {
        self.fixed
    }

    pub(super) fn schedule(&self, name: &str) -> Option<&Schedule> {
        self.rates.iter().find(|(known, _)| known == name).map(|(_, schedule)| schedule)
    }
}

#[cfg(test)]
mod tests;
