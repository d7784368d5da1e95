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
/// with it, so that it is less than a step away from `quantity` times `price`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Line {
    /// The quantity that it is for; `None` if it is for the request as a whole.
    pub name: Option<String>,
    /// How much is priced: units, or packages, or 1 for a flat price.
    pub quantity: Quantity,
    /// The price of one of these.
    pub price: Rate,
    /// What it adds to the total.
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
        if let Some(parts) = &mut self.parts {
            parts.push(Part { name: Some(name.to_owned()), quantity, price, why, sum: self.exact });
        }
        Ok(())
    }

    /// Adds the fixed price of a request.
    pub(super) fn add_fixed(&mut self, price: Rate) -> Result<(), PriceError> {
        let one = Quantity::from(1_u64);
        let product = Steps::product(price, one, self.unit);
        self.exact = product.and_then(|product| self.exact.plus(product)).ok_or_else(|| {
            PriceError::Overflow { what: format!("the fixed price of {price}"), unit: self.unit }
        })?;
        if let Some(parts) = &mut self.parts {
            parts.push(Part { name: None, quantity: one, price, why: Why::Fixed, sum: self.exact });
        }
        Ok(())
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
