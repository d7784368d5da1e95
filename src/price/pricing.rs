//! What a usage costs under a tariff: charges, ceilings, lines, and what an amount covers.

use super::PriceError;
use super::line::{Line, Sum};
use super::parts::Extents;
use super::percentage::beyond;
use super::schedule::Schedule;
use super::steps::Steps;
use super::tariff::{Others, Tariff};
use super::when::Holds;
use crate::amount::{Amount, Unit};
use crate::text::quoted;
use crate::usage::{Quantity, Usage};

/// A quantity by name: the least and the most that it can come to.
pub(crate) type Bounded<'a> = (&'a str, Quantity, Quantity);

impl Tariff {
    /// What this usage costs: the exact sum, rounded once by the tariff's [`Rounding`](super::Rounding).
    ///
    /// # Errors
    /// [`PriceError::UnpricedQuantity`] naming a quantity that was used and has no rate, [`PriceError::Overflow`] if
    /// the sum does not fit into an amount, [`PriceError::Usage`] if the usage is outside its limits,
    /// [`PriceError::Unsettled`] if the tariff still depends on the [moment](Tariff::at).
    pub fn charge(&self, usage: &Usage, unit: Unit) -> Result<Amount, PriceError> {
        self.check_settled()?;
        usage.check()?;
        let mut sum = Sum::new(unit);
        self.add(&exactly(usage), &mut sum)?;
        sum.round(self.rounding)
    }

    /// What [`charge`](Self::charge) is made of, in the order in which the tariff states its prices. The lines sum exactly to it.
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
        self.check_settled()?;
        usage.check()?;
        let mut sum = Sum::itemised(unit);
        self.add(&exactly(usage), &mut sum)?;
        sum.lines(self.rounding)
    }

    /// The most that work costs which uses at most this, rounded up. Hold this much.
    ///
    /// Where more can cost less, by [`volume`](Self::volume) or as a [part](Self::part_of), it is the price of the dearest
    /// usage up to this one; where [other prices](Self::with_other) may apply, that of the dearer.
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
        self.ceiling_lines_of(&at_most(usage), unit)
    }

    /// The lines of [`ceiling_of`](Self::ceiling_of).
    pub(crate) fn ceiling_lines_of<'a>(
        &self,
        quantities: &(impl Iterator<Item = Bounded<'a>> + Clone),
        unit: Unit,
    ) -> Result<Vec<Line>, PriceError> {
        let mut sum = Sum::itemised(unit);
        self.add(quantities, &mut sum)?;
        sum.ceiling_lines()
    }

    /// The ceiling of quantities that are known to be within their limits, each between a least and a most.
    pub(crate) fn ceiling_of<'a>(
        &self,
        quantities: &(impl Iterator<Item = Bounded<'a>> + Clone),
        unit: Unit,
    ) -> Result<Amount, PriceError> {
        let mut sum = Sum::new(unit);
        self.add(quantities, &mut sum)?;
        sum.ceiling()
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
        let others = others.clone().filter(|(other, ..)| *other != name);
        let steps = u64::try_from(amount.minor());
        let price = |most: u64| {
            let mut sum = Sum::new(amount.unit());
            let asked = std::iter::once((name, Quantity::ZERO, Quantity::from(most)));
            self.add(&others.clone().chain(asked), &mut sum).map(|()| sum.exact())
        };
        let fits =
            |most: u64| price(most).is_ok_and(|price| steps.is_ok_and(|steps| price <= Steps::of(steps)));
        // Of none of it the price may be unknown.
        if let Err(error @ PriceError::UnpricedQuantity { .. }) = price(1) {
            return Err(error.of_none(name));
        }
        let left = match price(0) {
            Ok(spent) => steps.ok().and_then(|steps| spent.left_of(steps)),
            // More than any amount, so more than this one.
            Err(PriceError::Overflow { .. }) => None,
            Err(error) => return Err(error),
        };
        let Some(left) = left else {
            return Ok(Quantity::ZERO);
        };
        match self.schedule(name) {
            // Much faster than halving.
            Some(Schedule::Each(rate)) if self.adds_up(name) => {
                // None fits infinitely often, and only if it is free.
                Ok(left.whole_times(*rate, amount.unit()).map_or(Quantity::MAX, Quantity::from))
            }
            // The most that up to so much costs never falls, so that halving finds where it ceases to fit.
            _ if fits(u64::MAX) => Ok(Quantity::MAX),
            _ => {
                let (mut fitting, mut beyond) = (0_u64, u64::MAX);
                while beyond.saturating_sub(fitting) > 1 {
                    let middle = fitting.midpoint(beyond);
                    if fits(middle) { fitting = middle } else { beyond = middle }
                }
                Ok(fitting.into())
            }
        }
    }

    /// Adds the dearest that work can come to with quantities between these bounds.
    fn add<'a>(
        &self,
        quantities: &(impl Iterator<Item = Bounded<'a>> + Clone),
        sum: &mut Sum,
    ) -> Result<(), PriceError> {
        if self.alternatives.is_empty() {
            return self.add_own(quantities, sum);
        }
        let mut quantities: Vec<_> = quantities.clone().collect();
        let mut dearest: Option<Sum> = None;
        let keep = |dearest: &mut Option<Sum>, sum: Sum| {
            if dearest.as_ref().is_none_or(|known| sum.exact() > known.exact()) {
                *dearest = Some(sum);
            }
        };
        let mut decided = false;
        for (when, other) in &self.alternatives {
            let holds = when.holds_for(&quantities);
            if holds == Holds::No {
                continue;
            }
            let mut own = sum.fresh();
            other.add(&quantities.iter().copied(), &mut own)?;
            keep(&mut dearest, own);
            decided = holds == Holds::Yes;
            if decided {
                break;
            }
            // It may as well not hold: then there is no more than this.
            for (name, least, most) in &mut quantities {
                *most = when.most_below(name, *most);
                *least = (*least).min(*most);
            }
        }
        if !decided {
            let mut own = sum.fresh();
            self.add_own(&quantities.iter().copied(), &mut own)?;
            keep(&mut dearest, own);
        }
        // There is one: either nothing was decided, or something was.
        if let Some(dearest) = dearest {
            *sum = dearest;
        }
        Ok(())
    }

    /// The same at the tariff's own prices.
    fn add_own<'a>(
        &self,
        quantities: &(impl Iterator<Item = Bounded<'a>> + Clone),
        sum: &mut Sum,
    ) -> Result<(), PriceError> {
        self.check_listed()?;
        let all = self.extents(quantities)?;
        if self.parts.is_empty() {
            return self.add_each(&all, &all, sum);
        }
        let mut dearest: Option<Sum> = None;
        for all in self.parts.corners(&all, &self.rates) {
            let mut own = sum.fresh();
            self.add_each(&all, &self.parts.apart(&all)?, &mut own)?;
            if dearest.as_ref().is_none_or(|known| own.exact() > known.exact()) {
                dearest = Some(own);
            }
        }
        // There is at least one corner.
        if let Some(dearest) = dearest {
            *sum = dearest;
        }
        Ok(())
    }

    /// How much there is of each quantity that has a price, in the order of the prices.
    fn extents<'a>(
        &self,
        quantities: &(impl Iterator<Item = Bounded<'a>> + Clone),
    ) -> Result<Extents, PriceError> {
        let mut all = Extents::default();
        // Before the look-up: none of something costs nothing, priced or not.
        for (name, least, most) in quantities.clone().filter(|(.., most)| !most.is_zero()) {
            match self.rates.iter().position(|(known, _)| known == name) {
                Some(index) => all.raise(index, least, most),
                // It is in something that has a price, and that is at least as much.
                None if self.parts.wholes(name).next().is_some() => {
                    for index in self.parts.wholes(name) {
                        all.raise(index, least, most);
                    }
                }
                None if self.others == Others::Free => {}
                None => {
                    return Err(PriceError::UnpricedQuantity { name: quoted(name), quantity: most });
                }
            }
        }
        Ok(all)
    }

    /// Adds every price: of `own` amounts, of which `all` says how many events they are.
    fn add_each(&self, all: &Extents, own: &Extents, sum: &mut Sum) -> Result<(), PriceError> {
        if let Some(price) = self.fixed {
            sum.add_fixed(price)?;
        }
        let Some(used) = &self.after else {
            self.add_schedules((all, own), None, true, sum)?;
            return self.adjust(false, sum);
        };
        // What was used before may have had no price.
        let priced = |(name, ..): &Bounded<'_>| {
            self.schedule(name).is_some() || self.parts.wholes(name).next().is_some()
        };
        let used_all = self.extents(&exactly(used).filter(priced))?;
        let used_own = if self.parts.is_empty() { used_all } else { self.parts.apart(&used_all)? };
        self.add_schedules((all, own), Some((&used_all, &used_own)), false, sum)?;
        let mut before = Sum::new(sum.unit());
        match self.add_schedules((&used_all, &used_own), None, false, &mut before) {
            Ok(()) => sum.comes_after(before.exact()),
            // Every event has a price of its own. Without limits on the sum, that of those before does not matter.
            Err(PriceError::SeveralEvents { .. }) if !self.has_limits() => {}
            Err(error) => return Err(error),
        }
        self.adjust(used.iter().any(|(_, quantity)| !quantity.is_zero()), sum)
    }

    /// Adds what the quantities cost that come after those used, and what is owed at `none` of one.
    fn add_schedules(
        &self,
        (all, own): (&Extents, &Extents),
        used: Option<(&Extents, &Extents)>,
        none: bool,
        sum: &mut Sum,
    ) -> Result<(), PriceError> {
        let events = |name: &str| {
            let index = self.rates.iter().position(|(known, _)| known == name);
            let most = |all: &Extents| index.map_or(Quantity::ZERO, |index| all.get(index).1);
            (used.map_or(Quantity::ZERO, |(all, _)| most(all)), most(all))
        };
        for (index, (name, schedule)) in self.rates.iter().enumerate() {
            let (mut least, mut most) = own.get(index);
            let mut after = used.map_or(Quantity::ZERO, |(_, own)| own.get(index).1);
            // All that there is may be in parts of it, and is not none then; but it may be none in the end.
            let is_none = if most.is_zero() { all.get(index).0.is_zero() } else { true };
            if let Some((_, free)) = self.free.iter().find(|(known, _)| known == name) {
                let charged =
                    |quantity| beyond(after, quantity, *free).ok_or_else(|| sum.overflow(name, quantity));
                (least, most) = (charged(least)?, charged(most)?);
                after = after.saturating_sub(*free);
            }
            if !most.is_zero() {
                let dearest = schedule.dearest(name, after, (least, most), sum.unit())?;
                schedule.add(name, after, dearest, events, sum)?;
            } else if none && is_none {
                // Unless the tariff says otherwise, nothing; and if it goes on from there it was owed before.
                schedule.add_none(name, sum)?;
            }
        }
        Ok(())
    }

    /// What becomes of the sum of all prices, in this order. Whether anything was used `before` matters to the minimum.
    fn adjust(&self, before: bool, sum: &mut Sum) -> Result<(), PriceError> {
        if let Some(free) = self.free_amount {
            sum.free(free)?;
        }
        if let Some(share) = self.discount {
            sum.discount(share)?;
        }
        if let Some(maximum) = self.maximum {
            sum.lower(maximum)?;
        }
        self.minimum.map_or(Ok(()), |minimum| sum.raise(minimum, before))
    }

    /// Whether what a sum comes to depends on how large it is.
    const fn has_limits(&self) -> bool {
        self.free_amount.is_some() || self.maximum.is_some() || self.minimum.is_some()
    }

    /// Whether what one pays for this quantity is its own price and nothing else.
    fn adds_up(&self, name: &str) -> bool {
        let counts = |schedule: &Schedule| match schedule {
            Schedule::Percentage(share) => share.events().is_some_and(|events| events == name),
            _ => false,
        };
        let adjusted = self.discount.is_some() || self.has_limits();
        !adjusted
            && self.free.is_empty()
            && self.matrix.is_none()
            && self.parts.is_empty()
            && self.alternatives.is_empty()
            && !self.rates.iter().any(|(_, schedule)| counts(schedule))
    }
}

fn exactly(usage: &Usage) -> impl Iterator<Item = Bounded<'_>> + Clone {
    usage.iter().map(|(name, quantity)| (name, quantity, quantity))
}

fn at_most(usage: &Usage) -> impl Iterator<Item = Bounded<'_>> + Clone {
    usage.iter().map(|(name, quantity)| (name, Quantity::ZERO, quantity))
}
