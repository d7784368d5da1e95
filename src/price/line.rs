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
/// with it, so that it is less than a step away from `quantity` times `price`, unless it is a discount or brings the sum to a limit.
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
        Self { exact: Steps::ZERO, unit, parts: None }
    }

    /// Nothing yet, to be itemised.
    pub(super) const fn itemised(unit: Unit) -> Self {
        Self { exact: Steps::ZERO, unit, parts: Some(Vec::new()) }
    }

    /// Nothing yet, for the same purpose.
    pub(super) fn fresh(&self) -> Self {
        Self { exact: Steps::ZERO, unit: self.unit, parts: self.parts.as_ref().map(|_| Vec::new()) }
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

    /// Takes a share of one off everything.
    pub(super) fn discount(&mut self, share: Rate) -> Result<(), PriceError> {
        let rest = share.rest_of_one().and_then(|rest| self.exact.share(rest));
        self.exact = rest.ok_or(PriceError::InexactDiscount)?;
        self.push(None, Quantity::from(1_u64), share, Why::Discount);
        Ok(())
    }

    /// Raises the sum to this.
    pub(super) fn raise(&mut self, minimum: Rate) -> Result<(), PriceError> {
        let bound = Self::one(minimum, self.unit).ok_or_else(|| PriceError::Overflow {
            what: format!("the minimum of {minimum}"),
            unit: self.unit,
        })?;
        if self.exact < bound {
            self.exact = bound;
            self.push(None, Quantity::from(1_u64), minimum, Why::Minimum);
        }
        Ok(())
    }

    /// Lowers the sum to this.
    pub(super) fn lower(&mut self, maximum: Rate) {
        // A maximum that no amount can hold lowers nothing.
        if let Some(bound) = Self::one(maximum, self.unit).filter(|bound| self.exact > *bound) {
            self.exact = bound;
            self.push(None, Quantity::from(1_u64), maximum, Why::Maximum);
        }
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

    pub(super) fn round(&self, rounding: Rounding) -> Result<Amount, PriceError> {
        self.exact.round(rounding, self.unit)
    }

    /// The lines, each with what the rounded sum grew by.
    pub(super) fn lines(self, rounding: Rounding) -> Result<Vec<Line>, PriceError> {
        let unit = self.unit;
        let mut before = 0_i64;
        let line = |part: Part| {
            let sum = part.sum.round(rounding, unit)?.minor();
            // Neither is negative.
            let amount = unit.minor(sum.saturating_sub(before));
            before = sum;
            let Part { name, quantity, price, why, .. } = part;
            Ok(Line { name, quantity, price, amount, why })
        };
        self.parts.unwrap_or_default().into_iter().map(line).collect()
    }
}
