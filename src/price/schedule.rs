//! How one quantity is priced.

use super::line::{Sum, Why};
use super::{Package, Percentage, PriceError, Rate, Rounding, Tiers};
use crate::amount::Unit;
use crate::usage::Quantity;

/// The price of one named quantity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Schedule {
    Each(Rate),
    Graduated(Tiers),
    Volume(Tiers),
    Package(Package),
    Percentage(Box<Percentage>),
    /// An amount of money times this, rounded to so many places by itself.
    Dynamic {
        multiplier: Rate,
        places: u8,
        rounding: Rounding,
    },
    /// It counts the events of a percentage, and costs nothing itself.
    Counted,
}

impl Schedule {
    /// Adds what so much costs that comes after so much: the one place that says what each kind of price means. `events`
    /// says how many events of this name came before, and how many there are.
    pub(super) fn add(
        &self,
        name: &str,
        after: Quantity,
        quantity: Quantity,
        events: impl FnOnce(&str) -> (Quantity, Quantity),
        sum: &mut Sum,
    ) -> Result<(), PriceError> {
        match self {
            Self::Each(rate) => sum.add(name, quantity, *rate, Why::PerUnit),
            Self::Graduated(tiers) => tiers.graduated(name, after, quantity, sum),
            Self::Volume(tiers) => tiers.volume(name, after, quantity, sum),
            Self::Package(package) => package.add(name, after, quantity, sum),
            Self::Percentage(share) => {
                let events = share.events().map_or((Quantity::ZERO, Quantity::ZERO), |name| events(name));
                share.add(name, after, quantity, events, sum)
            }
            Self::Dynamic { multiplier, places, rounding } => {
                sum.multiply(name, after, quantity, *multiplier, (*places, *rounding))
            }
            Self::Counted => Ok(()),
        }
    }

    /// Adds what is owed though nothing is used.
    pub(super) fn add_none(&self, name: &str, sum: &mut Sum) -> Result<(), PriceError> {
        match self {
            Self::Graduated(tiers) | Self::Volume(tiers) => tiers.none(name, sum),
            _ => Ok(()),
        }
    }

    /// Which quantity from `least` to `most`, coming after so much, costs the most.
    pub(super) fn dearest(
        &self,
        name: &str,
        after: Quantity,
        (least, most): (Quantity, Quantity),
        unit: Unit,
    ) -> Result<Quantity, PriceError> {
        match self {
            Self::Volume(tiers) if least < most => tiers.dearest_volume(name, after, least, most, unit),
            // More never costs less.
            _ => Ok(most),
        }
    }
}
