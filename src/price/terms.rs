//! What becomes of quantities and of their sum: what is free, discounts, limits, and what was used before.

use std::sync::Arc;

use super::schedule::Schedule;
use super::{PriceError, Rate, Tariff};
use crate::text::quoted;
use crate::usage::{Quantity, QuantityName, Usage};

impl Tariff {
    /// The same with the first so much of a quantity free, in whatever way it is priced: what prices it, its first tier say,
    /// begins after that. It is the first of each usage, or of all [after](Self::after) other work. Thresholds count what is
    /// free as well. One stated later for the same quantity replaces this one.
    ///
    /// ```
    /// # use billing_guard::{Tariff, Tiers, Unit, Usage};
    /// let tiers = Tiers::new().up_to(100_u64, "0.10")?.beyond("0.05")?;
    /// let tariff = Tariff::new().graduated("calls", tiers)?.with_free("calls", 20_u64)?;
    /// let usd = Unit::new("USD", 2)?;
    /// let charge = |calls: u64| tariff.charge(&Usage::new().with("calls", calls), usd);
    /// // Twenty are free, a hundred cost ten cents, and ten are left.
    /// assert_eq!((charge(20)?, charge(130)?), (usd.amount("0")?, usd.amount("10.50")?));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`PriceError::UnpricedQuantity`] if the tariff has no price for it yet.
    pub fn with_free(
        mut self,
        name: impl Into<QuantityName>,
        quantity: impl Into<Quantity>,
    ) -> Result<Self, PriceError> {
        let (name, quantity) = (name.into(), quantity.into());
        if matches!(self.schedule(&name), None | Some(Schedule::Counted)) {
            return Err(PriceError::UnpricedQuantity { name: quoted(&name), quantity });
        }
        self.free.retain(|(known, _)| *known != name);
        self.free.push((name, quantity));
        Ok(self)
    }

    /// The same with so much money of every charge free, before anything else is taken off. One stated later replaces this
    /// one. [After](Self::after) other work, it is free of all of it together.
    ///
    /// ```
    /// # use billing_guard::{Tariff, Unit, Usage};
    /// let tariff = Tariff::new().per_unit("rows", "0.10")?.with_free_amount("1")?.with_discount("50")?;
    /// let usd = Unit::new("USD", 2)?;
    /// let charge = |rows: u64| tariff.charge(&Usage::new().with("rows", rows), usd);
    /// assert_eq!((charge(8)?, charge(30)?), (usd.amount("0")?, usd.amount("1")?));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`PriceError::InvalidRate`] or [`PriceError::InexactRate`].
    pub fn with_free_amount(mut self, price: &str) -> Result<Self, PriceError> {
        self.free_amount = Some(price.parse()?);
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

    /// The same for work that comes after other work, this month say: a charge is the price of all less the price of what
    /// was used before, `P(used + q) - P(used)`. Tiers, packages, what is free, the maximum and the minimum go on from
    /// there, and what is rounded is all of it: charges for one piece of work after another come to the price of
    /// all together. The price of nothing at all is nothing, so that a minimum is owed by the first that uses something.
    ///
    /// There are exceptions. Thresholds of [other prices](Self::with_other) look at each piece of work alone. The fixed price is
    /// that of each request, and not in the price of what was used before. Where all
    /// costs less than what was used before did, by [`volume`](Self::volume), the quantity costs nothing, and nothing is
    /// given back. Halves are rounded up where [`Rounding::HalfEven`](super::Rounding::HalfEven) is stated. With a minimum or maximum for
    /// [each event](super::Percentage::at_least), what was used before has no price that could be known: then each charge is
    /// rounded by itself, and one with limits on the sum is an error.
    ///
    /// It goes for the [other prices](Self::with_other) stated so far as well, each as if it had been the price before.
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
        for (_, other) in &mut self.alternatives {
            *other = Arc::new(Self::clone(other).after(used.clone()));
        }
        self.after = Some(used);
        self
    }
}
