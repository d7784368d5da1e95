//! Prices that depend on how much is used: tiers with bounds.

use super::line::{Sum, Why};
use super::steps::Steps;
use super::{PriceError, Rate};
use crate::amount::Unit;
use crate::text::quoted;
use crate::usage::Quantity;

/// Prices by how much of a quantity is used: tiers, each up to a bound, the last without one.
///
/// A bound belongs to the tier below it: with `up_to(100)`, a hundred is in that tier and anything more, if only by a
/// fraction, is in the next, unless only [whole units](Self::with_whole_units) count. What a tier costs depends on how the tariff reads them:
/// [`graduated`](crate::Tariff::graduated) prices each share of the quantity in the tier it falls into,
/// [`volume`](crate::Tariff::volume) prices all of it in the tier that the whole quantity reaches.
///
/// ```
/// use billing_guard::{Tariff, Tiers, Unit, Usage};
///
/// // Ten cents each for the first 100, then five; who uses more than 100 pays 2 dollars for that once.
/// let tiers = Tiers::new().up_to(100_u64, "0.10")?.beyond("0.05")?.with_flat("2")?;
/// let (usd, calls) = (Unit::new("USD", 2)?, Usage::new().with("calls", 120_u64));
/// let graduated = Tariff::new().graduated("calls", tiers.clone())?;
/// assert_eq!(graduated.charge(&calls, usd)?, usd.amount("13")?);
/// let volume = Tariff::new().volume("calls", tiers)?;
/// assert_eq!(volume.charge(&calls, usd)?, usd.amount("8")?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tiers {
    pub(super) tiers: Vec<Tier>,
    pub(super) first_flat_at_none: bool,
    pub(super) whole_units: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tier {
    /// Inclusive; `None` for the last.
    pub(super) up_to: Option<Quantity>,
    pub(super) unit: Rate,
    pub(super) flat: Rate,
}

impl Tiers {
    /// The most tiers.
    pub const MAX: usize = 64;

    /// No tiers yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { tiers: Vec::new(), first_flat_at_none: false, whole_units: false }
    }

    /// The same with a tier up to this bound, the bound included, and its price of one unit.
    ///
    /// # Errors
    /// [`PriceError::InvalidTiers`] if the bound is not above the one before, or is one too many or after the last;
    /// [`PriceError::InvalidRate`] or [`PriceError::InexactRate`].
    pub fn up_to(self, bound: impl Into<Quantity>, unit_price: &str) -> Result<Self, PriceError> {
        self.with_tier(Some(bound.into()), unit_price)
    }

    /// The same with the last tier, which has no bound, and its price of one unit. Tiers without a last one cannot be
    /// put into a tariff, because something would have no price.
    ///
    /// # Errors
    /// [`PriceError::InvalidTiers`] if there is a last tier already, or one too many; [`PriceError::InvalidRate`] or
    /// [`PriceError::InexactRate`].
    pub fn beyond(self, unit_price: &str) -> Result<Self, PriceError> {
        self.with_tier(None, unit_price)
    }

    /// The same with a flat price for the tier stated last, owed once when anything falls into that tier.
    ///
    /// # Errors
    /// [`PriceError::InvalidTiers`] if there is no tier, or it has a flat price already; [`PriceError::InvalidRate`] or
    /// [`PriceError::InexactRate`].
    pub fn with_flat(mut self, price: &str) -> Result<Self, PriceError> {
        let price = price.parse()?;
        match self.tiers.last_mut() {
            None => Err(invalid("a flat price belongs to a tier, and there is none")),
            Some(tier) if !tier.flat.is_zero() => Err(invalid("a tier has one flat price")),
            Some(tier) => {
                tier.flat = price;
                Ok(self)
            }
        }
    }

    /// The same, except that the flat price of the first tier is owed even if nothing is used. Billing systems disagree
    /// on this; without it, none of a quantity costs nothing.
    ///
    /// ```
    /// # use billing_guard::{Tariff, Tiers, Unit, Usage};
    /// let tiers = Tiers::new().up_to(5_u64, "0")?.with_flat("3")?.beyond("1")?;
    /// let (usd, none) = (Unit::new("USD", 0)?, Usage::new());
    /// assert_eq!(Tariff::new().volume("seats", tiers.clone())?.charge(&none, usd)?.minor(), 0);
    /// assert_eq!(Tariff::new().volume("seats", tiers.with_first_flat_at_none())?.charge(&none, usd)?.minor(), 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn with_first_flat_at_none(mut self) -> Self {
        self.first_flat_at_none = true;
        self
    }

    /// The same, except that only whole units are counted: a unit that is begun counts as one. Billing systems disagree
    /// on this too; without it, fractions are priced as such, and 100.5 is half a unit beyond a bound of 100.
    /// [After](crate::Tariff::after) other work, a unit is one whoever began it.
    ///
    /// ```
    /// # use billing_guard::{Quantity, Tariff, Tiers, Unit, Usage};
    /// let tiers = Tiers::new().up_to(100_u64, "1")?.beyond("0.50")?;
    /// let (usd, hours) = (Unit::new("USD", 2)?, Usage::new().with("hours", "100.5".parse::<Quantity>()?));
    /// assert_eq!(Tariff::new().graduated("hours", tiers.clone())?.charge(&hours, usd)?, usd.amount("100.25")?);
    /// let whole = Tariff::new().graduated("hours", tiers.with_whole_units())?;
    /// assert_eq!(whole.charge(&hours, usd)?, usd.amount("100.50")?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn with_whole_units(mut self) -> Self {
        self.whole_units = true;
        self
    }

    fn with_tier(mut self, up_to: Option<Quantity>, unit_price: &str) -> Result<Self, PriceError> {
        let unit = unit_price.parse()?;
        let last = self.tiers.last().map(|tier| tier.up_to);
        if last == Some(None) {
            return Err(invalid("nothing comes after the tier without a bound"));
        }
        if up_to.is_some_and(|bound| bound <= last.flatten().unwrap_or(Quantity::ZERO)) {
            return Err(invalid("a bound must be above zero and above the bound before it"));
        }
        if self.tiers.len() >= Self::MAX {
            return Err(invalid("there are at most 64 tiers"));
        }
        self.tiers.push(Tier { up_to, unit, flat: Rate::ZERO });
        Ok(self)
    }

    /// Whether every quantity has a tier.
    pub(super) fn check(&self) -> Result<(), PriceError> {
        let fraction = |tier: &Tier| tier.up_to.is_some_and(|bound| bound.places() > 0);
        match self.tiers.last() {
            Some(_) if self.whole_units && self.tiers.iter().any(fraction) => {
                Err(invalid("whole units need whole bounds"))
            }
            Some(Tier { up_to: None, .. }) => Ok(()),
            _ => Err(invalid("the last tier must be one without a bound")),
        }
    }

    /// Adds what is owed though nothing is used.
    pub(super) fn none(&self, name: &str, sum: &mut Sum) -> Result<(), PriceError> {
        match self.tiers.first() {
            Some(first) if self.first_flat_at_none => first.add_flat(name, sum),
            _ => Ok(()),
        }
    }

    /// The same with every unit price read as percent.
    pub(super) fn in_percent(mut self) -> Result<Self, PriceError> {
        for tier in &mut self.tiers {
            let inexact = PriceError::InexactRate { text: quoted(&format!("{} %", tier.unit)) };
            tier.unit = tier.unit.hundredth().ok_or(inexact)?;
        }
        Ok(self)
    }

    /// Adds each share of a quantity in its own tier, where it comes after another quantity.
    pub(super) fn graduated(
        &self,
        name: &str,
        after: Quantity,
        quantity: Quantity,
        sum: &mut Sum,
    ) -> Result<(), PriceError> {
        let (after, all) = self.counted(after, quantity).ok_or_else(|| sum.overflow(name, quantity))?;
        let mut lower = Quantity::ZERO;
        for tier in &self.tiers {
            if all <= lower {
                break;
            }
            let (from, upper) = (lower.max(after), tier.end(all));
            if upper > from {
                let share = upper.checked_sub(from).ok_or_else(|| sum.overflow(name, quantity))?;
                sum.add(name, share, tier.unit, Why::Tier { up_to: tier.up_to })?;
            }
            // Owed when the tier is entered.
            if after <= lower {
                tier.add_flat(name, sum)?;
            }
            lower = upper;
        }
        Ok(())
    }

    /// From where to where a quantity counts that comes after another; `None` if that cannot be kept exactly.
    fn counted(&self, after: Quantity, quantity: Quantity) -> Option<(Quantity, Quantity)> {
        let all = after.checked_add(quantity)?;
        if self.whole_units { Some((after.rounded_up()?, all.rounded_up()?)) } else { Some((after, all)) }
    }

    /// Adds all of a quantity in the tier that it reaches, less what was owed for what it comes after.
    pub(super) fn volume(
        &self,
        name: &str,
        after: Quantity,
        quantity: Quantity,
        sum: &mut Sum,
    ) -> Result<(), PriceError> {
        let (after, all) = self.counted(after, quantity).ok_or_else(|| sum.overflow(name, quantity))?;
        let quantity = all.saturating_sub(after);
        let reached = |quantity| self.tiers.iter().find(|tier| tier.end(quantity) == quantity);
        // There are both: the last has no bound.
        let (Some(before), Some(now)) = (reached(after), reached(all)) else {
            return Ok(());
        };
        if !after.is_zero() && before == now {
            return sum.add(name, quantity, now.unit, Why::Tier { up_to: now.up_to });
        }
        let mark = sum.mark();
        sum.add(name, all, now.unit, Why::Tier { up_to: now.up_to })?;
        now.add_flat(name, sum)?;
        if after.is_zero() {
            return Ok(());
        }
        sum.take(mark, name, after, before.unit, Why::Before { up_to: before.up_to })?;
        if before.flat.is_zero() {
            return Ok(());
        }
        sum.take(mark, name, Quantity::from(1_u64), before.flat, Why::FlatBefore { up_to: before.up_to })
    }

    /// The quantity from `least` to `most` that costs the most by volume: one more can be in a cheaper tier. Within a
    /// tier it is the largest.
    pub(super) fn dearest_volume(
        &self,
        name: &str,
        after: Quantity,
        least: Quantity,
        most: Quantity,
        unit: Unit,
    ) -> Result<Quantity, PriceError> {
        let (mut dearest, mut highest) = (most, Steps::ZERO);
        let all = after.checked_add(most).ok_or_else(|| PriceError::Overflow { what: quoted(name), unit })?;
        for tier in &self.tiers {
            let end = match tier.up_to {
                Some(bound) if bound < all => bound.checked_sub(after),
                _ => Some(most),
            };
            // There is none in a tier that is below what was used before.
            let Some(end) = end.filter(|end| *end >= least) else {
                continue;
            };
            let mut sum = Sum::new(unit);
            self.volume(name, after, end, &mut sum)?;
            if sum.exact() >= highest {
                (dearest, highest) = (end, sum.exact());
            }
        }
        Ok(dearest)
    }
}

impl Tier {
    /// The largest part of a quantity that is within the bound.
    fn end(&self, quantity: Quantity) -> Quantity {
        self.up_to.map_or(quantity, |bound| bound.min(quantity))
    }

    fn add_flat(&self, name: &str, sum: &mut Sum) -> Result<(), PriceError> {
        if self.flat.is_zero() {
            return Ok(());
        }
        sum.add(name, Quantity::from(1_u64), self.flat, Why::TierFlat { up_to: self.up_to })
    }
}

const fn invalid(problem: &'static str) -> PriceError {
    PriceError::InvalidTiers { problem }
}
