//! Prices that are a share of an amount, as for payments.

use super::line::{Sum, Why};
use super::{PriceError, Rate};
use crate::amount::Unit;
use crate::text::quoted;
use crate::usage::{Quantity, QuantityName};

/// A share of an amount of money, as it is asked for payments: 2.9 % and 30 cents for each.
///
/// The amount is a quantity like any other, counted in whole currency units; a usage without a
/// [count of events](Self::counting) is one event. In this order: what is free is taken off, the share and the fee are
/// added, and their sum is raised to the minimum or lowered to the maximum. No amount, or one that is within the free
/// one altogether, costs nothing, not even the fee or the minimum.
///
/// ```
/// use billing_guard::{Percentage, Quantity, Tariff, Unit, Usage};
///
/// let share = Percentage::of("2.9")?.with_fee("0.30")?.at_most("5")?;
/// let tariff = Tariff::new().percentage("paid", share)?;
/// let usd = Unit::new("USD", 3)?;
/// let charge = |paid: u64| tariff.charge(&Usage::new().with("paid", paid), usd);
/// assert_eq!(charge(50)?, usd.amount("1.75")?);
/// assert_eq!(charge(1_000)?, usd.amount("5")?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Percentage {
    /// Of one, not of a hundred.
    pub(super) share: Rate,
    pub(super) fee: Rate,
    events: Option<QuantityName>,
    pub(super) free_events: Quantity,
    pub(super) free_amount: Quantity,
    pub(super) least: Option<Rate>,
    pub(super) most: Option<Rate>,
}

impl Percentage {
    /// So many percent of the amount.
    ///
    /// # Errors
    /// [`PriceError::InvalidRate`] or [`PriceError::InexactRate`].
    pub fn of(percent: &str) -> Result<Self, PriceError> {
        Ok(Self {
            share: Rate::read_per(percent, 2)?,
            fee: Rate::ZERO,
            events: None,
            free_events: Quantity::ZERO,
            free_amount: Quantity::ZERO,
            least: None,
            most: None,
        })
    }

    /// The same with a fixed fee for each event.
    ///
    /// # Errors
    /// [`PriceError::InvalidRate`] or [`PriceError::InexactRate`].
    pub fn with_fee(mut self, price: &str) -> Result<Self, PriceError> {
        self.fee = price.parse()?;
        Ok(self)
    }

    /// The same with the events counted by the quantity of this name; a usage that does not mention it, or less than one, is one
    /// event. The tariff needs no price for it.
    #[must_use]
    pub fn counting(mut self, events: impl Into<QuantityName>) -> Self {
        self.events = Some(events.into());
        self
    }

    /// The same with the first so many events free. Of several events in one usage only the amount of all is known: if
    /// they are free in part, only their fee is. [After](crate::Tariff::after) other work they are the first
    /// of all that were used.
    #[must_use]
    pub fn with_free_events(mut self, count: impl Into<Quantity>) -> Self {
        self.free_events = count.into();
        self
    }

    /// The same with so much of the amount free, and the fee charged as before.
    #[must_use]
    pub fn with_free_amount(mut self, amount: impl Into<Quantity>) -> Self {
        self.free_amount = amount.into();
        self
    }

    /// The same with a minimum for each event that is not free. Events can then only be priced one by one.
    ///
    /// # Errors
    /// [`PriceError::InvalidRate`], [`PriceError::InexactRate`] or, if the maximum is lower, [`PriceError::Contradiction`].
    pub fn at_least(mut self, price: &str) -> Result<Self, PriceError> {
        self.least = Some(price.parse()?);
        self.check()
    }

    /// The same with a maximum for each event. Events can then only be priced one by one.
    ///
    /// # Errors
    /// [`PriceError::InvalidRate`], [`PriceError::InexactRate`] or, if the minimum is higher, [`PriceError::Contradiction`].
    pub fn at_most(mut self, price: &str) -> Result<Self, PriceError> {
        self.most = Some(price.parse()?);
        self.check()
    }

    fn check(self) -> Result<Self, PriceError> {
        match (self.least, self.most) {
            (Some(minimum), Some(maximum)) if minimum > maximum => {
                Err(PriceError::Contradiction { minimum, maximum })
            }
            _ => Ok(self),
        }
    }

    /// What counts the events.
    pub(super) fn events(&self) -> Option<&QuantityName> {
        self.events.as_ref()
    }

    /// Adds what an amount costs that came in so many events, after others.
    pub(super) fn add(
        &self,
        name: &str,
        after: Quantity,
        amount: Quantity,
        (events_after, events): (Quantity, Quantity),
        sum: &mut Sum,
    ) -> Result<(), PriceError> {
        let one = Quantity::from(1_u64);
        // So that fewer never cost more than they do.
        let events = events.max(one);
        let inexact = || sum.overflow(name, amount);
        let paid = beyond(events_after, events, self.free_events).ok_or_else(inexact)?;
        let charged = beyond(after, amount, self.free_amount).ok_or_else(inexact)?;
        if paid.is_zero() || charged.is_zero() {
            return Ok(());
        }
        if self.least.is_none() && self.most.is_none() {
            return self.add_plainly(name, charged, paid, sum);
        }
        if events != one {
            return Err(PriceError::SeveralEvents { name: quoted(name), events });
        }
        let mut own = Sum::new(sum.unit());
        let exact = self.add_plainly(name, charged, paid, &mut own).map(|()| own.exact());
        let bound = |limit: Option<Rate>, unit: Unit| limit.map(|limit| (limit, Sum::one(limit, unit)));
        match (bound(self.least, sum.unit()), bound(self.most, sum.unit()), exact) {
            (Some((least, Some(bound))), _, Ok(exact)) if exact < bound => {
                sum.add(name, one, least, Why::EventMinimum)
            }
            (_, Some((most, Some(bound))), Ok(exact)) if exact > bound => {
                sum.add(name, one, most, Why::EventMaximum)
            }
            // More than any amount, so more than the maximum.
            (_, Some((most, Some(_))), Err(PriceError::Overflow { .. })) => {
                sum.add(name, one, most, Why::EventMaximum)
            }
            // A minimum that no amount can hold.
            (Some((least, None)), ..) => sum.add(name, one, least, Why::EventMinimum),
            _ => self.add_plainly(name, charged, paid, sum),
        }
    }

    fn add_plainly(
        &self,
        name: &str,
        charged: Quantity,
        paid: Quantity,
        sum: &mut Sum,
    ) -> Result<(), PriceError> {
        sum.add(name, charged, self.share, Why::Share)?;
        if self.fee.is_zero() {
            return Ok(());
        }
        sum.add(name, paid, self.fee, Why::EventFee)
    }
}

/// How much of `more`, which comes after `before`, is beyond what is free; `None` if that cannot be kept exactly.
pub(super) fn beyond(before: Quantity, more: Quantity, free: Quantity) -> Option<Quantity> {
    let (from, to) = (before.max(free), before.checked_add(more)?);
    if to <= from { Some(Quantity::ZERO) } else { to.checked_sub(from) }
}
