//! What a price is made of: the sum, and the lines that explain it.

use std::fmt;

use super::steps::Steps;
use super::{PriceError, Rate, Rounding};
use crate::amount::{Amount, Unit};
use crate::text::quoted;
use crate::usage::Quantity;

/// One line of what something costs.
///
/// The amounts of all lines sum exactly to the total. The total is rounded once; a line has what the rounded sum grew by
/// with it, so that it is less than a step away from `quantity` times `price`, unless it is rounded by itself, is a
/// discount or brings the sum to a limit.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Line {
    /// The quantity that it is for; `None` if it is for the request as a whole.
    pub name: Option<String>,
    /// How much is priced: units, or packages, or 1 for a flat price.
    pub quantity: Quantity,
    /// The price of one of these.
    pub price: Rate,
    /// What it adds to the total; negative if it takes something off.
    pub amount: Amount,
    /// What kind of price it is.
    pub why: Why,
}

/// What kind of price a [`Line`] shows. The text form is for people: `in the tier up to 100`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Why {
    /// The fixed price of a request.
    Fixed,
    /// The price of one unit.
    PerUnit,
    /// The price of one unit in this tier.
    Tier {
        /// Its bound, which it includes; `None` for the last.
        up_to: Option<Quantity>,
    },
    /// The flat price of this tier.
    TierFlat {
        /// Its bound, which it includes; `None` for the last.
        up_to: Option<Quantity>,
    },
    /// The same, taken off: what was used before, at the price that all of it had then.
    Before {
        /// The bound of the tier that it was in; `None` for the last.
        up_to: Option<Quantity>,
    },
    /// The flat price that was owed before, taken off.
    FlatBefore {
        /// The bound of the tier that it was for; `None` for the last.
        up_to: Option<Quantity>,
    },
    /// The share of an amount; `price` is the share of one.
    Share,
    /// The fee of an event.
    EventFee,
    /// The minimum of an event, which its share and fee are below.
    EventMinimum,
    /// The maximum of an event, which its share and fee are above.
    EventMaximum,
    /// An amount of money times a multiplier, which is `price`, rounded by itself.
    Multiplied {
        /// To so many decimal places.
        places: u8,
    },
    /// What is free of the sum, taken off; `price` is the most that is.
    FreeAmount,
    /// The discount, taken off; `price` is the share of one that is taken.
    Discount,
    /// What raises the sum to the minimum, which is `price`.
    Minimum,
    /// What lowers the sum to the maximum, which is `price`.
    Maximum,
    /// The price of a package.
    Package {
        /// How much is in one.
        size: Quantity,
    },
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed => f.write_str("per request"),
            Self::PerUnit => f.write_str("each"),
            Self::Tier { up_to: Some(bound) } => write!(f, "each in the tier up to {bound}"),
            Self::Tier { up_to: None } => f.write_str("each in the last tier"),
            Self::TierFlat { up_to: Some(bound) } => write!(f, "once in the tier up to {bound}"),
            Self::TierFlat { up_to: None } => f.write_str("once in the last tier"),
            Self::Before { .. } => f.write_str("each, less what was used before"),
            Self::FlatBefore { .. } => f.write_str("less what was owed once before"),
            Self::Share => f.write_str("share of the amount"),
            Self::EventFee => f.write_str("fee"),
            Self::EventMinimum => f.write_str("at least"),
            Self::EventMaximum => f.write_str("at most"),
            Self::Multiplied { places } => write!(f, "times a multiplier, rounded to {places} places"),
            Self::FreeAmount => f.write_str("free of charge"),
            Self::Discount => f.write_str("discount"),
            Self::Minimum => f.write_str("up to the minimum"),
            Self::Maximum => f.write_str("down to the maximum"),
            Self::Package { size } => write!(f, "per package of {size}"),
        }
    }
}

/// A sum as it grows, and what it is made of if somebody wants to know.
#[derive(Debug)]
pub(super) struct Sum {
    exact: Steps,
    /// For work that comes after other work, what that came to.
    before: Option<Steps>,
    unit: Unit,
    parts: Option<Vec<Part>>,
}

/// A sum at some moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark(Steps);

/// A line whose amount is not known before the sum is rounded.
#[derive(Debug)]
struct Part {
    name: Option<String>,
    quantity: Quantity,
    price: Rate,
    why: Why,
    /// The exact sum with it.
    sum: Steps,
}

impl Sum {
    /// Nothing yet, and only the sum is wanted.
    pub(super) const fn new(unit: Unit) -> Self {
        Self { exact: Steps::ZERO, before: None, unit, parts: None }
    }

    /// Nothing yet, to be itemised.
    pub(super) const fn itemised(unit: Unit) -> Self {
        Self { exact: Steps::ZERO, before: None, unit, parts: Some(Vec::new()) }
    }

    /// Nothing yet, for the same purpose.
    pub(super) fn fresh(&self) -> Self {
        Self {
            exact: Steps::ZERO,
            before: None,
            unit: self.unit,
            parts: self.parts.as_ref().map(|_| Vec::new()),
        }
    }

    pub(super) const fn exact(&self) -> Steps {
        self.exact
    }

    pub(super) const fn unit(&self) -> Unit {
        self.unit
    }

    /// Adds so much of the named quantity at this price.
    pub(super) fn add(
        &mut self,
        name: &str,
        quantity: Quantity,
        price: Rate,
        why: Why,
    ) -> Result<(), PriceError> {
        let product = Steps::product(price, quantity, self.unit);
        self.exact = product
            .and_then(|product| self.exact.plus(product))
            .ok_or_else(|| self.overflow(name, quantity))?;
        self.push(Some(name), quantity, price, why);
        Ok(())
    }

    /// Adds the fixed price of a request.
    pub(super) fn add_fixed(&mut self, price: Rate) -> Result<(), PriceError> {
        let one = Quantity::from(1_u64);
        let product = Self::one(price, self.unit);
        self.exact = product.and_then(|product| self.exact.plus(product)).ok_or_else(|| {
            PriceError::Overflow { what: format!("the fixed price of {price}"), unit: self.unit }
        })?;
        self.push(None, one, price, Why::Fixed);
        Ok(())
    }

    /// Takes off so much of the named quantity at this price, or all that was added since `before` if that is less: what
    /// one uses never costs less than nothing.
    pub(super) fn take(
        &mut self,
        before: Mark,
        name: &str,
        quantity: Quantity,
        price: Rate,
        why: Why,
    ) -> Result<(), PriceError> {
        let product =
            Steps::product(price, quantity, self.unit).ok_or_else(|| self.overflow(name, quantity))?;
        self.exact = self.exact.minus(product).unwrap_or(before.0).max(before.0);
        self.push(Some(name), quantity, price, why);
        Ok(())
    }

    /// How much there is so far.
    pub(super) const fn mark(&self) -> Mark {
        Mark(self.exact)
    }

    /// Adds what an amount comes to times a multiplier, rounded by itself, where it comes after another amount.
    pub(super) fn multiply(
        &mut self,
        name: &str,
        after: Quantity,
        amount: Quantity,
        multiplier: Rate,
        (places, rounding): (u8, Rounding),
    ) -> Result<(), PriceError> {
        let unit = self.unit;
        let of = |amount| Steps::product(multiplier, amount, unit)?.rounded(rounding, places, unit);
        let more = after.checked_add(amount).and_then(|all| of(all)?.minus(of(after)?));
        self.exact =
            more.and_then(|more| self.exact.plus(more)).ok_or_else(|| self.overflow(name, amount))?;
        self.push(Some(name), amount, multiplier, Why::Multiplied { places });
        Ok(())
    }

    /// What goes on from here comes after work that came to so much.
    pub(super) const fn comes_after(&mut self, before: Steps) {
        self.before = Some(before);
    }

    /// Takes this much off, or all there is.
    pub(super) fn free(&mut self, amount: Rate) -> Result<(), PriceError> {
        let Some(free) = Self::one(amount, self.unit) else {
            // More than any amount.
            return self.change(amount, Why::FreeAmount, true, |_| Ok(Steps::ZERO));
        };
        self.change(amount, Why::FreeAmount, true, |sum| Ok(sum.minus(free).unwrap_or(Steps::ZERO)))
    }

    /// Takes a share of one off everything.
    pub(super) fn discount(&mut self, share: Rate) -> Result<(), PriceError> {
        let rest = share.rest_of_one();
        self.change(share, Why::Discount, true, |sum| {
            rest.and_then(|rest| sum.share(rest)).ok_or(PriceError::InexactDiscount)
        })
    }

    /// Raises the sum to this, unless it was raised to it `before`.
    pub(super) fn raise(&mut self, minimum: Rate, before: bool) -> Result<(), PriceError> {
        let bound = Self::one(minimum, self.unit).ok_or_else(|| PriceError::Overflow {
            what: format!("the minimum of {minimum}"),
            unit: self.unit,
        })?;
        self.change(minimum, Why::Minimum, before, |sum| Ok(sum.max(bound)))
    }

    /// Lowers the sum to this.
    pub(super) fn lower(&mut self, maximum: Rate) -> Result<(), PriceError> {
        // A maximum that no amount can hold lowers nothing.
        match Self::one(maximum, self.unit) {
            Some(bound) => self.change(maximum, Why::Maximum, true, |sum| Ok(sum.min(bound))),
            None => Ok(()),
        }
    }

    /// Puts something else in the place of the sum, and of what came before if it `goes_on`. More never comes to less.
    fn change(
        &mut self,
        price: Rate,
        why: Why,
        goes_on: bool,
        to: impl Fn(Steps) -> Result<Steps, PriceError>,
    ) -> Result<(), PriceError> {
        let changed = match self.before {
            None => to(self.exact)?,
            Some(before) => {
                let overflow =
                    || PriceError::Overflow { what: "what was used before".to_owned(), unit: self.unit };
                let all = to(before.plus(self.exact).ok_or_else(overflow)?)?;
                let before = if goes_on { to(before)? } else { before };
                self.before = Some(before);
                all.minus(before).unwrap_or(Steps::ZERO)
            }
        };
        if changed != self.exact || why == Why::Discount {
            self.exact = changed;
            self.push(None, Quantity::from(1_u64), price, why);
        }
        Ok(())
    }

    /// A price once.
    pub(super) fn one(price: Rate, unit: Unit) -> Option<Steps> {
        Steps::product(price, Quantity::from(1_u64), unit)
    }

    fn push(&mut self, name: Option<&str>, quantity: Quantity, price: Rate, why: Why) {
        if let Some(parts) = &mut self.parts {
            parts.push(Part { name: name.map(str::to_owned), quantity, price, why, sum: self.exact });
        }
    }

    pub(super) fn overflow(&self, name: &str, quantity: Quantity) -> PriceError {
        PriceError::Overflow { what: format!("{quantity} of {}", quoted(name)), unit: self.unit }
    }

    /// Rounded once. After other work it is what the rounded sum of all grows by, so that many pieces of work together
    /// are rounded once as well.
    pub(super) fn round(&self, rounding: Rounding) -> Result<Amount, PriceError> {
        match self.before {
            None => self.exact.round(rounding, self.unit),
            Some(_) => {
                let (before, all) = (self.so_far(Steps::ZERO, rounding)?, self.so_far(self.exact, rounding)?);
                Ok(self.unit.minor(all.saturating_sub(before)))
            }
        }
    }

    /// Rounded up, which is no less than what it is rounded to in any other way, whatever came before.
    pub(super) fn ceiling(&self) -> Result<Amount, PriceError> {
        self.exact.round(Rounding::Up, self.unit)
    }

    /// The lines of it [rounded up](Self::ceiling).
    pub(super) fn ceiling_lines(mut self) -> Result<Vec<Line>, PriceError> {
        self.before = None;
        self.lines(Rounding::Up)
    }

    /// The lines, each with what the rounded sum grew by.
    pub(super) fn lines(mut self, rounding: Rounding) -> Result<Vec<Line>, PriceError> {
        let mut before = self.so_far(Steps::ZERO, rounding)?;
        let parts = self.parts.take().unwrap_or_default();
        let line = |part: Part| {
            let sum = self.so_far(part.sum, rounding)?;
            // Neither is negative.
            let amount = self.unit.minor(sum.saturating_sub(before));
            before = sum;
            let Part { name, quantity, price, why, .. } = part;
            Ok(Line { name, quantity, price, amount, why })
        };
        parts.into_iter().map(line).collect()
    }

    /// What came before and so much together, in whole steps.
    fn so_far(&self, sum: Steps, rounding: Rounding) -> Result<i64, PriceError> {
        let (all, rounding) = match self.before {
            None => (Some(sum), rounding),
            // From one even step to the next, a difference of one can become two: more than it is rounded up to.
            Some(before) if rounding == Rounding::HalfEven => (before.plus(sum), Rounding::HalfUp),
            Some(before) => (before.plus(sum), rounding),
        };
        let overflow = || PriceError::Overflow { what: "what was used before".to_owned(), unit: self.unit };
        Ok(all.ok_or_else(overflow)?.round(rounding, self.unit)?.minor())
    }
}
