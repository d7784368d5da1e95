//! Buying credit: which amounts to propose ([`TopUpPresets`]), and topping up automatically as agreed ([`AutoTopUp`]).
//! Decided here, executed by the host: the crate takes no payments.

mod amounts;
mod auto;
mod decision;

use crate::amount::{Amount, Unit};

pub use amounts::TopUpPresets;
pub use auto::{AutoTopUp, Consent};
pub use decision::{AutoCharge, AutoTopUpState, NoTopUp, TopUpDecision};

/// Which amounts a payment provider takes: multiples of a step, from a minimum on.
///
/// ```
/// use billing_guard::{PaymentSteps, Unit};
///
/// let usd = Unit::new("USD", 6)?;
/// // Nothing below 5 USD, and whole cents.
/// let steps = PaymentSteps::new(usd.amount("5")?, usd.amount("0.01")?)?;
/// assert_eq!(steps.round_up(usd.amount("7.123456")?)?, Some(usd.amount("7.13")?));
/// assert_eq!(steps.round_up(usd.amount("0.20")?)?, Some(usd.amount("5")?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PaymentSteps {
    unit: Unit,
    minimum: i64,
    step: i64,
}

/// Why amounts to buy credit by, or an agreement about them, cannot be. For the developers of the service.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TopUpError {
    /// An amount counts in another unit.
    #[error("the {what} {amount} is not in {unit}")]
    WrongUnit {
        /// Which amount.
        what: &'static str,
        /// What it is.
        amount: Amount,
        /// The unit of the others.
        unit: Unit,
    },
    /// An amount is out of range.
    #[error("the {what} is {amount}: {rule}")]
    Invalid {
        /// Which amount.
        what: &'static str,
        /// What it is.
        amount: Amount,
        /// What it must be.
        rule: &'static str,
    },
}

impl PaymentSteps {
    /// Amounts of at least `minimum`, each a multiple of `step`.
    ///
    /// # Errors
    /// [`TopUpError::WrongUnit`] if they are not in one unit, [`TopUpError::Invalid`] for a minimum below nothing or a step that is
    /// not more than nothing.
    pub fn new(minimum: Amount, step: Amount) -> Result<Self, TopUpError> {
        let unit = minimum.unit();
        let step = in_unit(unit, "step", step)?;
        if step <= 0 {
            return Err(invalid("step", unit.minor(step), "must be more than nothing"));
        }
        if minimum.is_negative() {
            return Err(invalid("minimum", minimum, "must not be negative"));
        }
        Ok(Self { unit, minimum: minimum.minor(), step })
    }

    /// The unit of these amounts.
    #[must_use]
    pub const fn unit(&self) -> Unit {
        self.unit
    }

    /// The smallest amount the provider takes that is not below this one; `None` if that does not fit into an amount.
    ///
    /// # Errors
    /// [`TopUpError::WrongUnit`].
    pub fn round_up(&self, amount: Amount) -> Result<Option<Amount>, TopUpError> {
        let minor = self.up(i128::from(in_unit(self.unit, "amount", amount)?));
        Ok(i64::try_from(minor).ok().map(|minor| self.unit.minor(minor)))
    }

    /// The same on minor units. More than nothing, since nobody pays nothing.
    fn up(&self, minor: i128) -> i128 {
        let step = i128::from(self.step);
        let least = minor.max(i128::from(self.minimum)).max(1);
        least.saturating_add(step.saturating_sub(1)).div_euclid(step).saturating_mul(step)
    }

    /// The largest amount the provider takes that is not above this one; `None` if there is none.
    fn down(&self, minor: i128) -> Option<i128> {
        let rest = minor.rem_euclid(i128::from(self.step));
        let below = minor.saturating_sub(rest);
        (below >= i128::from(self.minimum).max(1)).then_some(below)
    }
}

/// The amount's minor units, if it is in this unit.
fn in_unit(unit: Unit, what: &'static str, amount: Amount) -> Result<i64, TopUpError> {
    if amount.unit() == unit { Ok(amount.minor()) } else { Err(TopUpError::WrongUnit { what, amount, unit }) }
}

const fn invalid(what: &'static str, amount: Amount, rule: &'static str) -> TopUpError {
    TopUpError::Invalid { what, amount, rule }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn usd() -> Unit {
        Unit::new("USD", 2).unwrap()
    }

    #[test]
    fn steps_that_cannot_be_are_named() {
        let steps = |minimum, step| PaymentSteps::new(usd().minor(minimum), usd().minor(step));
        assert!(steps(0, 1).is_ok());
        assert_eq!(steps(-1, 1).unwrap_err().to_string(), "the minimum is -0.01 USD/2: must not be negative");
        assert!(matches!(steps(1, 0), Err(TopUpError::Invalid { what: "step", .. })));
        let euro = Unit::new("EUR", 2).unwrap().minor(1);
        let mixed = PaymentSteps::new(usd().minor(1), euro).unwrap_err();
        assert_eq!(mixed.to_string(), "the step 0.01 EUR/2 is not in USD/2");
        assert!(steps(0, 1).unwrap().round_up(euro).is_err());
    }

    #[test]
    fn what_does_not_fit_into_an_amount_is_nothing_to_pay() {
        let steps = PaymentSteps::new(usd().zero(), usd().minor(100)).unwrap();
        assert_eq!(steps.round_up(usd().minor(i64::MAX)), Ok(None));
        assert_eq!(steps.round_up(usd().minor(i64::MIN)), Ok(Some(usd().minor(100))));
    }

    proptest! {
        #[test]
        fn rounding_is_to_the_nearest_amount_that_can_be_paid(
            minimum in 0_i64..500, step in 1_i64..60, amount in -100_i64..1_000,
        ) {
            let steps = PaymentSteps::new(usd().minor(minimum), usd().minor(step)).unwrap();
            let payable = |minor: &i64| *minor > 0 && *minor >= minimum && minor % step == 0;
            let up = (amount.max(0)..).find(|minor| payable(minor));
            prop_assert_eq!(i64::try_from(steps.up(amount.into())).ok(), up);
            let down = (0..=amount).rev().find(|minor| payable(minor));
            prop_assert_eq!(steps.down(amount.into()).map(|minor| i64::try_from(minor).unwrap()), down);
        }
    }
}
