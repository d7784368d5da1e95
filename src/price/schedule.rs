//! How one quantity is priced.

use super::line::{Sum, Why};
use super::{Package, PriceError, Rate, Tiers};
use crate::amount::Unit;
use crate::usage::Quantity;

/// The price of one named quantity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Schedule {
    Each(Rate),
    Graduated(Tiers),
    Volume(Tiers),
    Package(Package),
}

impl Schedule {
    /// Adds what so much costs: the one place that says what each kind of price means.
    pub(super) fn add(&self, name: &str, quantity: Quantity, sum: &mut Sum) -> Result<(), PriceError> {
        if quantity.is_zero() {
            return match self {
                Self::Graduated(tiers) | Self::Volume(tiers) => tiers.none(name, sum),
                Self::Each(_) | Self::Package(_) => Ok(()),
            };
        }
        match self {
            Self::Each(rate) => sum.add(name, quantity, *rate, Why::PerUnit),
            Self::Graduated(tiers) => tiers.graduated(name, quantity, sum),
            Self::Volume(tiers) => tiers.volume(name, quantity, sum),
            Self::Package(package) => package.add(name, quantity, sum),
        }
    }

    /// Whether none of it may cost something.
    pub(super) const fn may_cost_at_none(&self) -> bool {
        matches!(self, Self::Graduated(_) | Self::Volume(_))
    }

    /// Which quantity from `least` to `most` costs the most.
    pub(super) fn dearest(
        &self,
        name: &str,
        least: Quantity,
        most: Quantity,
        unit: Unit,
    ) -> Result<Quantity, PriceError> {
        match self {
            Self::Volume(tiers) if least < most => tiers.dearest_volume(name, least, most, unit),
            // More never costs less.
            _ => Ok(most),
        }
    }
}
