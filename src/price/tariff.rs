//! A tariff: rates by quantity, and the one place where a price becomes an amount.

use super::line::{Line, Sum};
use super::schedule::Schedule;
use super::steps::Steps;
use super::{Package, Percentage, PriceError, Rate, Tiers};
use crate::amount::{Amount, Unit};
use crate::text::quoted;
use crate::usage::{Quantity, QuantityName, Usage, is_name};

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
/// [`Tiers`], by the [`Package`] or as a [`Percentage`]. From their sum a [discount](Self::with_discount) is taken, then it is
/// lowered to a [maximum](Self::with_maximum) or raised to a [minimum](Self::with_minimum), and then rounded.
///
/// Prices are decimal text in whole currency units and are kept exactly. An explicit rate of `0` makes a quantity
/// free. A quantity that was used but has no rate is an error, never free by accident; *none* of such a quantity is
/// fine, so that one report of usage can serve several tariffs.
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
    fixed: Option<Rate>,
    rates: Vec<(QuantityName, Schedule)>,
    others: Others,
    /// The share of one that is taken off.
    discount: Option<Rate>,
    minimum: Option<Rate>,
    maximum: Option<Rate>,
    rounding: Rounding,
    /// What was used before, if tiers and the like go on from there.
    after: Option<Usage>,
}

/// What a quantity without a rate of its own costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Others {
    #[default]
    Refused,
    Free,
}

impl Tariff {
    /// The most rates.
    pub const MAX_RATES: usize = Usage::MAX;

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
            discount: None,
            minimum: None,
            maximum: None,
            rounding: Rounding::Down,
            after: None,
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
        let full = self.rates.len() >= Self::MAX_RATES;
        match self.rates.iter_mut().find(|(known, _)| *known == name) {
            // What counts events may have a price as well.
            Some((_, known)) if *known == Schedule::Counted => *known = schedule,
            Some(_) => return Err(PriceError::DuplicateQuantity { name: quoted(&name) }),
            None if full => return Err(PriceError::TooManyQuantities { name: quoted(&name) }),
            None => self.rates.push((name, schedule)),
        }
        Ok(self)
    }

    /// The same with so many percent taken off every charge, before its minimum and maximum. A discount stated later
    /// replaces this one.
    ///
    /// ```
    /// # use billing_guard::{Tariff, Unit, Usage};
    /// let tariff = Tariff::new().per_unit("rows", "0.10")?.with_discount("12.5")?;
    /// let usd = Unit::new("USD", 3)?;
    /// assert_eq!(tariff.charge(&Usage::new().with("rows", 3_u64), usd)?, usd.amount("0.262")?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`PriceError::InvalidRate`], [`PriceError::InexactRate`], or [`PriceError::InvalidDiscount`] beyond 100.
    pub fn with_discount(mut self, percent: &str) -> Result<Self, PriceError> {
        let share = Rate::read_per(percent, 2)?;
        if share.rest_of_one().is_none() {
            return Err(PriceError::InvalidDiscount { percent: quoted(percent) });
        }
        self.discount = Some(share);
        Ok(self)
    }

    /// The same with a minimum for each charge, owed even if nothing is used.
    ///
    /// ```
    /// # use billing_guard::{Tariff, Unit, Usage};
    /// let tariff = Tariff::new().per_unit("rows", "0.10")?.with_minimum("0.50")?.with_maximum("20")?;
    /// let usd = Unit::new("USD", 2)?;
    /// let charge = |rows: u64| tariff.charge(&Usage::new().with("rows", rows), usd);
    /// assert_eq!((charge(3)?, charge(30)?), (usd.amount("0.50")?, usd.amount("3")?));
    /// assert_eq!(charge(300)?, usd.amount("20")?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`PriceError::InvalidRate`], [`PriceError::InexactRate`] or, if the maximum is lower, [`PriceError::Contradiction`].
    pub fn with_minimum(mut self, price: &str) -> Result<Self, PriceError> {
        self.minimum = Some(price.parse()?);
        self.check_limits()
    }

    /// The same with a maximum for each charge.
    ///
    /// # Errors
    /// [`PriceError::InvalidRate`], [`PriceError::InexactRate`] or, if the minimum is higher, [`PriceError::Contradiction`].
    pub fn with_maximum(mut self, price: &str) -> Result<Self, PriceError> {
        self.maximum = Some(price.parse()?);
        self.check_limits()
    }

    fn check_limits(self) -> Result<Self, PriceError> {
        match (self.minimum, self.maximum) {
            (Some(minimum), Some(maximum)) if minimum > maximum => {
                Err(PriceError::Contradiction { minimum, maximum })
            }
            _ => Ok(self),
        }
    }

    /// The same for work that comes after other work: tiers, packages and what is free go on from what was used before,
    /// this month say, so that a charge is the price of all less the price of what was used before. The fixed price, a
    /// minimum and a maximum are those of each charge. Where all costs less than what was used before did, by
    /// [`volume`](Self::volume), the quantity costs nothing.
    ///
    /// ```
    /// # use billing_guard::{Tariff, Tiers, Unit, Usage};
    /// let tiers = Tiers::new().up_to(100_u64, "0.10")?.beyond("0.05")?;
    /// let tariff = Tariff::new().graduated("calls", tiers)?;
    /// let usd = Unit::new("USD", 2)?;
    /// let later = tariff.clone().after(Usage::new().with("calls", 90_u64));
    /// // Ten are left at ten cents, and ten more cost five.
    /// assert_eq!(later.charge(&Usage::new().with("calls", 20_u64), usd)?, usd.amount("1.50")?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn after(mut self, used: Usage) -> Self {
        self.after = Some(used);
        self
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

    /// What this usage costs: the exact sum, rounded once by the tariff's [`Rounding`].
    ///
    /// # Errors
    /// [`PriceError::UnpricedQuantity`] naming a quantity that was used and has no rate, [`PriceError::Overflow`] if
    /// the sum does not fit into an amount, [`PriceError::Usage`] if the usage is outside its limits.
    pub fn charge(&self, usage: &Usage, unit: Unit) -> Result<Amount, PriceError> {
        usage.check()?;
        let mut sum = Sum::new(unit);
        self.add(&exactly(usage), &mut sum)?;
        sum.round(self.rounding)
    }

    /// What [`charge`](Self::charge) is made of, in the order of the usage. The lines sum exactly to it.
    ///
    /// ```
    /// # use billing_guard::{Tariff, Tiers, Unit, Usage};
    /// let tiers = Tiers::new().up_to(100_u64, "0.10")?.beyond("0.05")?;
    /// let tariff = Tariff::new().fixed("1")?.graduated("calls", tiers)?;
    /// let (usd, usage) = (Unit::new("USD", 2)?, Usage::new().with("calls", 120_u64));
    /// let lines = tariff.charge_lines(&usage, usd)?;
    /// let texts: Vec<_> = lines.iter().map(|line| format!("{} {}: {}", line.quantity, line.why, line.amount)).collect();
    /// assert_eq!(
    ///     texts,
    ///     ["1 per request: 1 USD/2", "100 each in the tier up to 100: 10 USD/2", "20 each in the last tier: 1 USD/2"]
    /// );
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`charge`](Self::charge).
    pub fn charge_lines(&self, usage: &Usage, unit: Unit) -> Result<Vec<Line>, PriceError> {
        usage.check()?;
        let mut sum = Sum::itemised(unit);
        self.add(&exactly(usage), &mut sum)?;
        sum.lines(self.rounding)
    }

    /// The most that work costs which uses at most this, rounded up. Hold this much.
    ///
    /// Where more can cost less, by [`volume`](Self::volume), it is the price of the dearest usage up to this one.
    ///
    /// ```
    /// # use billing_guard::{Tariff, Unit, Usage};
    /// let tariff = Tariff::new().per_million("input_tokens", "2.50")?;
    /// let (one, usd) = (Usage::new().with("input_tokens", 1_u64), Unit::new("USD", 6)?);
    /// assert_eq!(tariff.charge(&one, usd)?.minor(), 2);
    /// assert_eq!(tariff.ceiling(&one, usd)?.minor(), 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`charge`](Self::charge).
    pub fn ceiling(&self, usage: &Usage, unit: Unit) -> Result<Amount, PriceError> {
        usage.check()?;
        self.ceiling_of(&at_most(usage), unit)
    }

    /// What [`ceiling`](Self::ceiling) is made of. The lines sum exactly to it.
    ///
    /// # Errors
    /// As [`charge`](Self::charge).
    pub fn ceiling_lines(&self, usage: &Usage, unit: Unit) -> Result<Vec<Line>, PriceError> {
        usage.check()?;
        let mut sum = Sum::itemised(unit);
        self.add(&at_most(usage), &mut sum)?;
        sum.lines(Rounding::Up)
    }

    /// The ceiling of quantities that are known to be within their limits, each between a least and a most.
    pub(crate) fn ceiling_of<'a>(
        &self,
        quantities: &(impl Iterator<Item = Bounded<'a>> + Clone),
        unit: Unit,
    ) -> Result<Amount, PriceError> {
        let mut sum = Sum::new(unit);
        self.add(quantities, &mut sum)?;
        sum.round(Rounding::Up)
    }

    /// The largest whole quantity of `name` that `amount` covers together with `others`: up to it,
    /// [`ceiling`](Self::ceiling) is within the amount, and so is [`charge`](Self::charge) in every rounding.
    ///
    /// What `others` says about `name` itself is ignored. The answer is zero if not even one fits, or if `others`
    /// and the fixed price alone are too much, and [`Quantity::MAX`] if `name` is free and the rest fits.
    ///
    /// ```
    /// # use billing_guard::{Quantity, Tariff, Unit, Usage};
    /// let tariff =
    ///     Tariff::new().per_million("input_tokens", "2.50")?.per_million("output_tokens", "10")?;
    /// let input = Usage::new().with("input_tokens", 1_000_u64);
    /// let covered = tariff.covers(Unit::new("USD", 6)?.amount("0.01")?, "output_tokens", &input)?;
    /// assert_eq!(covered, Quantity::from(750_u64));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`PriceError::UnpricedQuantity`] naming `name` or one of `others`, [`PriceError::Usage`] if `others` is
    /// outside its limits.
    pub fn covers(&self, amount: Amount, name: &str, others: &Usage) -> Result<Quantity, PriceError> {
        others.check()?;
        self.covers_with(amount, name, &at_most(others))
    }

    /// The same with others that are known to be within their limits, each between a least and a most.
    pub(crate) fn covers_with<'a>(
        &self,
        amount: Amount,
        name: &'a str,
        others: &(impl Iterator<Item = Bounded<'a>> + Clone),
    ) -> Result<Quantity, PriceError> {
        let schedule = self.schedule_or_policy(name, Quantity::ZERO)?;
        let others = others.clone().filter(|(other, ..)| *other != name);
        let Ok(steps) = u64::try_from(amount.minor()) else {
            return Ok(Quantity::ZERO);
        };
        let price = |most: u64| {
            let mut sum = Sum::new(amount.unit());
            let asked = std::iter::once((name, Quantity::ZERO, Quantity::from(most)));
            self.add(&others.clone().chain(asked), &mut sum).map(|()| sum.exact())
        };
        let fits = |most: u64| price(most).is_ok_and(|price| price <= Steps::of(steps));
        let left = match price(0) {
            Ok(spent) => spent.left_of(steps),
            // More than any amount, so more than this one.
            Err(PriceError::Overflow { .. }) => None,
            Err(error) => return Err(error),
        };
        let Some(left) = left else {
            return Ok(Quantity::ZERO);
        };
        let plain = self.adds_up(name);
        match schedule {
            None => Ok(Quantity::MAX),
            Some(Schedule::Each(rate)) if rate.is_zero() && plain => Ok(Quantity::MAX),
            // For a rate that is not zero there is always an answer; were there none, nothing would be covered.
            Some(Schedule::Each(rate)) if plain => {
                Ok(left.whole_times(*rate, amount.unit()).map_or(Quantity::ZERO, Quantity::from))
            }
            // The most that up to so much costs never falls, so that halving finds where it ceases to fit.
            Some(_) if fits(u64::MAX) => Ok(Quantity::MAX),
            Some(_) => {
                let (mut fitting, mut beyond) = (0_u64, u64::MAX);
                while beyond.saturating_sub(fitting) > 1 {
                    let middle = fitting.midpoint(beyond);
                    if fits(middle) { fitting = middle } else { beyond = middle }
                }
                Ok(fitting.into())
            }
        }
    }

    /// Adds the fixed price and the dearest that each quantity can come to.
    fn add<'a>(
        &self,
        quantities: &(impl Iterator<Item = Bounded<'a>> + Clone),
        sum: &mut Sum,
    ) -> Result<(), PriceError> {
        if let Some(price) = self.fixed {
            sum.add_fixed(price)?;
        }
        let used = |name: &str| self.after.as_ref().map_or(Quantity::ZERO, |used| used.get(name));
        let events = |name: &str| {
            let all = quantities.clone().filter(|(known, ..)| *known == name);
            (used(name), all.map(|(.., most)| most).max().unwrap_or_default())
        };
        // Before the look-up: none of something costs nothing, priced or not.
        for (name, least, most) in quantities.clone().filter(|(.., most)| !most.is_zero()) {
            if let Some(schedule) = self.schedule_or_policy(name, most)? {
                let after = used(name);
                let dearest = schedule.dearest(name, after, (least, most), sum.unit())?;
                schedule.add(name, after, dearest, events, sum)?;
            }
        }
        // Unless the tariff says otherwise, once.
        if self.after.is_none() {
            for (name, schedule) in &self.rates {
                if !quantities.clone().any(|(used, _, most)| used == name && !most.is_zero()) {
                    schedule.add_none(name, sum)?;
                }
            }
        }
        self.adjust(sum)
    }

    /// What becomes of the sum of all prices, in this order.
    fn adjust(&self, sum: &mut Sum) -> Result<(), PriceError> {
        if let Some(share) = self.discount {
            sum.discount(share)?;
        }
        if let Some(maximum) = self.maximum {
            sum.lower(maximum);
        }
        self.minimum.map_or(Ok(()), |minimum| sum.raise(minimum))
    }

    /// Whether what one pays for this quantity is its own price and nothing else.
    fn adds_up(&self, name: &str) -> bool {
        let counts = |schedule: &Schedule| match schedule {
            Schedule::Percentage(share) => share.events().is_some_and(|events| events == name),
            _ => false,
        };
        let adjusted = self.discount.is_some() || self.minimum.is_some() || self.maximum.is_some();
        !adjusted && !self.rates.iter().any(|(_, schedule)| counts(schedule))
    }

    fn schedule(&self, name: &str) -> Option<&Schedule> {
        self.rates.iter().find(|(known, _)| known == name).map(|(_, schedule)| schedule)
    }

    /// How a quantity is priced; `None` if it is free.
    fn schedule_or_policy(&self, name: &str, quantity: Quantity) -> Result<Option<&Schedule>, PriceError> {
        match (self.schedule(name), self.others) {
            (None, Others::Refused) => Err(PriceError::UnpricedQuantity { name: quoted(name), quantity }),
            (schedule, _) => Ok(schedule),
        }
    }
}

/// A quantity by name: the least and the most that it can come to.
pub(crate) type Bounded<'a> = (&'a str, Quantity, Quantity);

fn exactly(usage: &Usage) -> impl Iterator<Item = Bounded<'_>> + Clone {
    usage.iter().map(|(name, quantity)| (name, quantity, quantity))
}

fn at_most(usage: &Usage) -> impl Iterator<Item = Bounded<'_>> + Clone {
    usage.iter().map(|(name, quantity)| (name, Quantity::ZERO, quantity))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usd(scale: u8) -> Unit {
        Unit::new("USD", scale).unwrap()
    }

    const MODES: [Rounding; 4] = [Rounding::Down, Rounding::HalfUp, Rounding::HalfEven, Rounding::Up];

    #[test]
    fn the_modes_round_as_they_are_named() {
        // In tenths of a step: down, half up, half even, up.
        for (tenths, wanted) in [
            (0_u64, [0, 0, 0, 0]),
            (1, [0, 0, 0, 1]),
            (5, [0, 1, 0, 1]),
            (6, [0, 1, 1, 1]),
            (14, [1, 1, 1, 2]),
            (15, [1, 2, 2, 2]),
            (20, [2, 2, 2, 2]),
            (25, [2, 3, 2, 3]),
        ] {
            for (mode, steps) in MODES.into_iter().zip(wanted) {
                let tariff = Tariff::new().per_unit("rows", "0.001").unwrap().rounding(mode);
                let charge = tariff.charge(&Usage::new().with("rows", tenths), usd(2)).unwrap();
                assert_eq!(charge.minor(), steps, "{tenths} tenths, {mode:?}");
            }
        }
        assert_eq!(Tariff::new().rounding, Rounding::Down);
    }

    #[test]
    fn everything_is_summed_before_it_is_rounded_once() {
        let tariff = Tariff::new().fixed("0.004").unwrap().per_unit("a", "0.003").unwrap();
        let tariff = tariff.per_thousand("b", "3").unwrap();
        let usage = Usage::new().with("a", 1_u64).with("b", 1_u64);
        // Each alone is less than half a step.
        assert_eq!(tariff.charge(&usage, usd(2)).unwrap(), usd(2).amount("0.01").unwrap());
        assert_eq!(tariff.ceiling(&usage, usd(2)).unwrap(), usd(2).amount("0.01").unwrap());
        assert_eq!(tariff.charge(&Usage::new(), usd(3)).unwrap(), usd(3).amount("0.004").unwrap());
        let part = Usage::new().with("b", "0.000000001".parse::<Quantity>().unwrap());
        assert_eq!(tariff.charge(&part, usd(12)).unwrap(), usd(12).amount("0.004000000003").unwrap());
    }

    #[test]
    fn the_smallest_price_of_the_smallest_quantity_is_not_lost() {
        let tariff = Tariff::new().fixed("1").unwrap().per_unit("rows", "1e-28").unwrap();
        let usage = Usage::new().with("rows", "0.000000001".parse::<Quantity>().unwrap());
        assert_eq!(tariff.charge(&usage, usd(0)).unwrap().minor(), 1);
        assert_eq!(tariff.ceiling(&usage, usd(0)).unwrap().minor(), 2);
        assert_eq!(tariff.covers(usd(0).minor(1), "rows", &Usage::new()).unwrap(), Quantity::ZERO);
    }

    #[test]
    fn a_quantity_without_a_rate_is_never_free_by_accident() {
        let tariff = Tariff::new().per_unit("rows", "1").unwrap().per_unit("pages", "0").unwrap();
        let usage = Usage::new().with("rows", 1_u64).with("pages", 9_u64).with("images", 0_u64);
        assert_eq!(tariff.charge(&usage, usd(0)).unwrap().minor(), 1);
        let with_images = usage.clone().with("images", 7_u64);
        for result in [tariff.charge(&with_images, usd(0)), tariff.ceiling(&with_images, usd(0))] {
            let error = result.unwrap_err();
            assert!(error.to_string().starts_with("7 of \"images\" cannot be priced"), "{error}");
        }
        let plenty = usd(0).minor(i64::MAX);
        for (name, others) in [("images", &usage), ("rows", &with_images)] {
            let error = tariff.covers(plenty, name, others).unwrap_err();
            assert!(matches!(error, PriceError::UnpricedQuantity { name, .. } if name == "\"images\""));
        }
        // The named quantity's own entry is left out.
        assert_eq!(tariff.covers(usd(0).minor(3), "rows", &usage).unwrap(), Quantity::from(3_u64));
        // Stated rates of a free tariff still count.
        let free = Tariff::free().per_unit("rows", "1").unwrap();
        assert_eq!(free.charge(&with_images, usd(0)).unwrap().minor(), 1);
    }

    #[test]
    fn limits_hold_on_both_sides() {
        let of = |count: usize| {
            (0..count).try_fold(Tariff::new(), |tariff, i| tariff.per_unit(format!("q{i}"), "0.1"))
        };
        let all = (0..16).fold(Usage::new(), |usage, i| usage.with(format!("q{i}"), 1_u64));
        assert_eq!(of(16).unwrap().charge(&all, usd(1)).unwrap().minor(), 16);
        assert_eq!(of(17).unwrap_err(), PriceError::TooManyQuantities { name: quoted("q16") });
        let error = of(16).unwrap().charge(&all.with("q16", 0_u64), usd(1)).unwrap_err();
        assert_eq!(error, PriceError::Usage(crate::usage::UsageError::TooMany { count: 17 }));

        let longest = "n".repeat(64);
        assert!(Tariff::new().per_unit(longest.clone(), "1").is_ok());
        for name in ["", "two words", "ä", "a\n", &(longest + "n")] {
            let error = Tariff::new().per_unit(name.to_owned(), "1").unwrap_err();
            assert_eq!(error, PriceError::InvalidQuantityName { name: quoted(name) });
        }
        let error = of(1).unwrap().per_million("q0", "0.1").unwrap_err();
        assert_eq!(error, PriceError::DuplicateQuantity { name: quoted("q0") });
        let error = Tariff::new().fixed("0").unwrap().fixed("1").unwrap_err();
        assert_eq!(error, PriceError::DuplicateFixed { stated: Rate::ZERO });
        for refused in [Tariff::new().fixed("-1"), Tariff::new().per_thousand("rows", "-1")] {
            assert_eq!(refused.unwrap_err(), PriceError::InvalidRate { text: quoted("-1") });
        }
    }

    #[test]
    fn what_does_not_fit_into_an_amount_is_named() {
        let most = i64::MAX.to_string();
        let tariff = Tariff::new().fixed("0.5").unwrap().per_unit("rows", "1").unwrap();
        let rows = |count: u64| Usage::new().with("rows", count);
        let largest = u64::try_from(i64::MAX).unwrap();
        assert_eq!(tariff.charge(&rows(largest), usd(0)).unwrap().minor(), i64::MAX);
        let error = tariff.charge(&rows(largest + 1), usd(0)).unwrap_err().to_string();
        assert!(error.contains("9223372036854775808 of \"rows\"") && error.contains("USD/0"), "{error}");
        let error = tariff.ceiling(&rows(largest), usd(0)).unwrap_err().to_string();
        assert!(error.contains("rounding up"), "{error}");
        let error = Tariff::new().fixed(&most).unwrap().charge(&Usage::new(), usd(1)).unwrap_err();
        assert!(error.to_string().contains(&format!("the fixed price of {most}")), "{error}");
        // Everything at its largest, the product of which just fits into 128 bits before it is scaled.
        let dear = Tariff::new().per_unit("rows", &u64::MAX.to_string()).unwrap();
        for scale in [0, 12] {
            assert!(dear.charge(&rows(u64::MAX), usd(scale)).is_err());
            let covered = dear.covers(usd(scale).minor(i64::MAX), "rows", &Usage::new()).unwrap();
            assert_eq!(covered, Quantity::ZERO);
        }
    }

    #[test]
    fn the_ends_of_what_an_amount_covers() {
        let tariff = Tariff::new().fixed("1").unwrap().per_unit("rows", "0").unwrap();
        let tariff = tariff.per_unit("images", "0.3").unwrap();
        let covers = |steps: i64, name: &str, images: u64| {
            tariff.covers(usd(0).minor(steps), name, &Usage::new().with("images", images)).unwrap()
        };
        assert_eq!(covers(i64::MIN, "rows", 0), Quantity::ZERO);
        assert_eq!(covers(0, "rows", 0), Quantity::ZERO);
        assert_eq!(covers(1, "rows", 0), Quantity::MAX);
        assert_eq!(covers(1, "rows", 1), Quantity::ZERO);
        assert_eq!(covers(2, "rows", 3), Quantity::MAX);
        assert_eq!(covers(2, "rows", u64::MAX), Quantity::ZERO);
        assert_eq!(covers(1, "images", 99), Quantity::ZERO);
        assert_eq!(covers(4, "images", 99), Quantity::from(10_u64));
        let tiny = Tariff::new().per_unit("rows", "1e-28").unwrap();
        let most = usd(12).minor(i64::MAX);
        assert_eq!(tiny.covers(most, "rows", &Usage::new()).unwrap(), Quantity::MAX);
        let step = usd(12).minor(1);
        assert_eq!(tiny.covers(step, "rows", &Usage::new()).unwrap().digits(), 10_u64.pow(16));
        // The longest division: the largest remainder of the longest rate.
        let long = Tariff::new().per_unit("rows", "18446744073709551615e-28").unwrap();
        for (steps, wanted) in [(1, 542_101_086), (7, 3_794_707_603), (i64::MAX, u64::MAX)] {
            let covered = long.covers(usd(0).minor(steps), "rows", &Usage::new()).unwrap();
            assert_eq!(covered.digits(), wanted, "{steps}");
        }
    }
}
