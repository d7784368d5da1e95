//! What work is expected to take, and learning from what it took.

use std::fmt;

use crate::forecast::{KeyPath, Prediction, UsageForecast};
use crate::policy::Holding;
use crate::sync::{PoisonError, RwLock, RwLockReadGuard};
use crate::usage::Quantity;

/// The forecast of a guard and all that share it.
pub(crate) struct Learning(RwLock<UsageForecast>);

impl Learning {
    pub(super) fn new(forecast: UsageForecast) -> Self {
        Self(RwLock::new(forecast))
    }

    pub(super) fn read(&self) -> RwLockReadGuard<'_, UsageForecast> {
        // It has no state in between that would be wrong, and it decides about no money.
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Learns from work that is over.
    pub(super) fn learn(&self, expected: &Expected, used: Quantity, was_stopped: bool) {
        let mut forecast = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let units = expected.step.count(used);
        if was_stopped {
            forecast.learn_stopped(&expected.path, expected.prediction, units);
        } else {
            forecast.learn(&expected.path, expected.prediction, units);
        }
    }
}

impl fmt::Debug for Learning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Learning").field("keys", &self.read().keys()).finish_non_exhaustive()
    }
}

/// What a forecast said of a quantity, for it to learn from what comes of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected {
    path: KeyPath,
    prediction: Prediction,
    /// What the forecast counts in: ones, or thousandths of a quantity whose bound is not whole.
    step: Step,
    /// The bound of the quantity, in these.
    ceiling: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    One,
    Thousandth,
}

impl Step {
    const PLACES: u8 = 3;

    /// So many of them, rounded up.
    fn count(self, quantity: Quantity) -> u64 {
        let size = match self {
            Self::One => Quantity::from(1_u64),
            Self::Thousandth => self.quantity(1),
        };
        let (count, rest) = quantity.divided_by(size).unwrap_or((u64::MAX, false));
        count.saturating_add(u64::from(rest))
    }

    fn quantity(self, count: u64) -> Quantity {
        match self {
            Self::One => count.into(),
            Self::Thousandth => Quantity::from_parts(count, Self::PLACES).unwrap_or(Quantity::MAX),
        }
    }
}

impl Expected {
    pub(super) fn of(forecast: &UsageForecast, path: KeyPath, most: Quantity, holding: Holding) -> Self {
        let step = if most.places() == 0 { Step::One } else { Step::Thousandth };
        let ceiling = step.count(most);
        let prediction = match holding {
            Holding::Grow => forecast.begin(&path, ceiling),
            Holding::Forecast | Holding::Ceiling => forecast.predict(&path, ceiling),
        };
        Self { path, prediction, step, ceiling }
    }

    /// How much to hold for at first: a step beyond the prediction. Work that took just what was predicted so ends before its cover,
    /// and what ends there was cut, or would not have sufficed. Work that grows is told, and needs no such sign.
    pub(super) fn first(&self, holding: Holding, most: Quantity) -> Quantity {
        let beyond = u64::from(holding != Holding::Grow);
        self.quantity(self.prediction.units().saturating_add(beyond), most)
    }

    /// How much to hold for when so much is used and there is more to come. What is used may be beyond the bound.
    pub(super) fn further(&self, forecast: &UsageForecast, used: Quantity, most: Quantity) -> Quantity {
        let units = forecast.further(&self.path, self.step.count(used), self.ceiling);
        self.quantity(units, most).max(used)
    }

    /// How much such work usually takes, if that is known.
    pub(super) fn usual(&self, forecast: &UsageForecast) -> Option<u64> {
        forecast.quantile(&self.path, 500)
    }

    /// So much of the quantity, and never more than its bound.
    pub(crate) fn quantity(&self, units: u64, most: Quantity) -> Quantity {
        if units >= self.ceiling { most } else { self.step.quantity(units) }
    }
}
