//! A tariff: rates by quantity, and the one place where a price becomes an amount.

use super::steps::Steps;
use super::{PriceError, Rate};
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

/// The prices of one kind of work: an optional fixed price per request, and a rate for each named quantity.
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
    rates: Vec<(QuantityName, Rate)>,
    others: Others,
    rounding: Rounding,
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
        Self { fixed: None, rates: Vec::new(), others: Others::Refused, rounding: Rounding::Down }
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
        Self { fixed: None, rates: Vec::new(), others: Others::Free, rounding: Rounding::Down }
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
    pub fn with_rate(mut self, name: impl Into<QuantityName>, rate: Rate) -> Result<Self, PriceError> {
        let name = name.into();
        if !is_name(&name) {
            return Err(PriceError::InvalidQuantityName { name: quoted(&name) });
        }
        if self.rate(&name).is_some() {
            return Err(PriceError::DuplicateQuantity { name: quoted(&name) });
        }
        if self.rates.len() >= Self::MAX_RATES {
            return Err(PriceError::TooManyQuantities { name: quoted(&name) });
        }
        self.rates.push((name, rate));
        Ok(self)
    }

    /// The same with charges rounded this way. Without it they are rounded [`Down`](Rounding::Down).
    #[must_use]
    pub const fn rounding(mut self, rounding: Rounding) -> Self {
        self.rounding = rounding;
        self
    }

    /// The price of one unit of a quantity, if the tariff states one.
    #[must_use]
    pub fn rate(&self, name: &str) -> Option<Rate> {
        self.rates.iter().find(|(known, _)| known == name).map(|(_, rate)| *rate)
    }

    /// All stated rates, in the order they were stated.
    pub fn rates(&self) -> impl Iterator<Item = (&str, Rate)> {
        self.rates.iter().map(|(name, rate)| (name.as_ref(), *rate))
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
        self.exact(usage.iter(), unit)?.round(self.rounding, unit)
    }

    /// What this usage costs at most: the same sum, rounded up. Hold this much.
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
        self.ceiling_of(usage.iter(), unit)
    }

    /// The same of quantities that are known to be within their limits.
    pub(crate) fn ceiling_of<'a>(
        &self,
        quantities: impl Iterator<Item = (&'a str, Quantity)>,
        unit: Unit,
    ) -> Result<Amount, PriceError> {
        self.exact(quantities, unit)?.round(Rounding::Up, unit)
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
        let rate = self.rate_or_policy(name, Quantity::ZERO)?;
        others.check()?;
        let spent = match self.exact(others.iter().filter(|(other, _)| *other != name), amount.unit()) {
            Ok(spent) => spent,
            // More than any amount, so more than this one.
            Err(PriceError::Overflow { .. }) => return Ok(Quantity::ZERO),
            Err(error) => return Err(error),
        };
        let Some(left) = u64::try_from(amount.minor()).ok().and_then(|steps| spent.left_of(steps)) else {
            return Ok(Quantity::ZERO);
        };
        if rate.is_zero() {
            return Ok(Quantity::MAX);
        }
        // For a rate that is not zero there is always an answer; were there none, nothing would be covered.
        Ok(left.whole_times(rate, amount.unit()).map_or(Quantity::ZERO, Quantity::from))
    }

    /// The exact sum of the fixed price and the quantities.
    fn exact<'a>(
        &self,
        quantities: impl Iterator<Item = (&'a str, Quantity)>,
        unit: Unit,
    ) -> Result<Steps, PriceError> {
        let mut sum = Steps::ZERO;
        if let Some(price) = self.fixed {
            sum = sum
                .plus(price, Quantity::from(1_u64), unit)
                .ok_or_else(|| PriceError::Overflow { what: format!("the fixed price of {price}"), unit })?;
        }
        for (name, quantity) in quantities {
            // Before the look-up: none of something costs nothing, priced or not.
            if quantity.is_zero() {
                continue;
            }
            let rate = self.rate_or_policy(name, quantity)?;
            sum = sum.plus(rate, quantity, unit).ok_or_else(|| PriceError::Overflow {
                what: format!("{quantity} of {}", quoted(name)),
                unit,
            })?;
        }
        Ok(sum)
    }

    fn rate_or_policy(&self, name: &str, quantity: Quantity) -> Result<Rate, PriceError> {
        match (self.rate(name), self.others) {
            (Some(rate), _) => Ok(rate),
            (None, Others::Free) => Ok(Rate::ZERO),
            (None, Others::Refused) => Err(PriceError::UnpricedQuantity { name: quoted(name), quantity }),
        }
    }
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
