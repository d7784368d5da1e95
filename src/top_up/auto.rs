//! What a customer agreed to: [`AutoTopUp`], and that it did: [`Consent`].

use std::time::Duration;

use crate::amount::Amount;
use crate::clock::Timestamp;
use crate::id::Label;

use super::{TopUpError, in_unit, invalid};

/// That a customer consented to being charged automatically: when, and how it is known.
///
/// The host makes one from what the customer did, and from nothing else: there is no default. When the customer
/// changes the agreement, or how it pays, that is a consent anew.
///
/// ```
/// use billing_guard::{Consent, Timestamp};
///
/// let at: Timestamp = "2026-11-01T09:30:00.000000Z".parse()?;
/// let consent = Consent::new(at, "checkbox in the billing settings".parse()?);
/// assert_eq!(consent.given_at(), at);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// ```compile_fail,E0277
/// fn presumed<T: Default>() -> T { T::default() }
/// let consent: billing_guard::Consent = presumed();
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consent {
    given_at: Timestamp,
    source: Label,
}

impl Consent {
    /// Given then, and there: a form, a signed order, a call with support.
    #[must_use]
    pub const fn new(given_at: Timestamp, source: Label) -> Self {
        Self { given_at, source }
    }

    /// When it was given.
    #[must_use]
    pub const fn given_at(&self) -> Timestamp {
        self.given_at
    }

    /// How it is known.
    #[must_use]
    pub const fn source(&self) -> &Label {
        &self.source
    }
}

/// An agreement to top a balance up automatically: when it falls below an amount, up to another, and in a
/// month never by more than a ceiling.
///
/// [`decide`](Self::decide) says what to do now; the host charges. It cannot be made without a [`Consent`], and has no
/// default. It is a value of the host's, kept where the host keeps what its customers set.
///
/// ```
/// use billing_guard::{AutoTopUp, Consent, Timestamp, Unit};
///
/// let usd = Unit::new("USD", 6)?;
/// let at: Timestamp = "2026-11-01T09:30:00.000000Z".parse()?;
/// let consent = Consent::new(at, "checkbox in the billing settings".parse()?);
/// let below = usd.amount("5")?;
/// let agreed = AutoTopUp::new(below, usd.amount("20")?, usd.amount("100")?, consent)?;
/// assert_eq!(agreed.monthly_ceiling(), usd.amount("100")?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Without a consent there is none:
///
/// ```compile_fail,E0061
/// # use billing_guard::{AutoTopUp, Unit};
/// # let usd = Unit::new("USD", 6).unwrap();
/// AutoTopUp::new(usd.minor(5), usd.minor(20), usd.minor(100));
/// ```
///
/// ```compile_fail,E0277
/// fn presumed<T: Default>() -> T { T::default() }
/// let agreed: billing_guard::AutoTopUp = presumed();
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AutoTopUp {
    below: Amount,
    up_to: Amount,
    monthly_ceiling: Amount,
    consent: Consent,
}

impl AutoTopUp {
    /// How long after the first, the second and the third decline in a row the next attempt is made: an hour, six hours, a day.
    /// After the fourth there is none until the customer consents anew, and after that one for each consent.
    pub const BACK_OFF: [Duration; 3] =
        [Duration::from_secs(3_600), Duration::from_secs(6 * 3_600), Duration::from_secs(24 * 3_600)];

    /// When the balance falls below `below`, it is brought up to `up_to`, in one charge; all such charges of a month
    /// together are at most `monthly_ceiling`.
    ///
    /// # Errors
    /// [`TopUpError::WrongUnit`] if the amounts are not in one unit; [`TopUpError::Invalid`] if `below` or the ceiling is
    /// negative, or `up_to` is less than `below` or not more than nothing.
    pub fn new(
        below: Amount,
        up_to: Amount,
        monthly_ceiling: Amount,
        consent: Consent,
    ) -> Result<Self, TopUpError> {
        let unit = below.unit();
        in_unit(unit, "amount to reach", up_to)?;
        in_unit(unit, "monthly ceiling", monthly_ceiling)?;
        if below.is_negative() {
            return Err(invalid("threshold", below, "must not be negative"));
        }
        if up_to.minor() < below.minor().max(1) {
            return Err(invalid(
                "amount to reach",
                up_to,
                "must be more than nothing and at least the threshold",
            ));
        }
        if monthly_ceiling.is_negative() {
            return Err(invalid("monthly ceiling", monthly_ceiling, "must not be negative"));
        }
        Ok(Self { below, up_to, monthly_ceiling, consent })
    }

    /// When the balance falls below this, it is topped up.
    #[must_use]
    pub const fn below(&self) -> Amount {
        self.below
    }

    /// What it is brought up to.
    #[must_use]
    pub const fn up_to(&self) -> Amount {
        self.up_to
    }

    /// The most that may be charged automatically in a month.
    #[must_use]
    pub const fn monthly_ceiling(&self) -> Amount {
        self.monthly_ceiling
    }

    /// That the customer agreed.
    #[must_use]
    pub const fn consent(&self) -> &Consent {
        &self.consent
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::amount::Unit;

    #[test]
    fn an_agreement_that_cannot_be_is_named() {
        let usd = Unit::new("USD", 2).unwrap();
        let consent = || Consent::new(Timestamp::default(), "form".parse().unwrap());
        let agree = |below, up_to, ceiling| {
            AutoTopUp::new(usd.minor(below), usd.minor(up_to), usd.minor(ceiling), consent())
        };
        assert!(agree(0, 1, 0).is_ok() && agree(5, 5, 5).is_ok());
        let rule = |agreed: Result<AutoTopUp, TopUpError>| match agreed {
            Err(TopUpError::Invalid { what, .. } | TopUpError::WrongUnit { what, .. }) => what,
            Ok(agreed) => panic!("{agreed:?}"),
        };
        assert_eq!(rule(agree(-1, 5, 5)), "threshold");
        assert_eq!(rule(agree(5, 4, 5)), "amount to reach");
        assert_eq!(rule(agree(0, 0, 5)), "amount to reach");
        assert_eq!(rule(agree(1, 5, -1)), "monthly ceiling");
        let euro = Unit::new("EUR", 2).unwrap().minor(5);
        assert_eq!(rule(AutoTopUp::new(usd.minor(1), euro, usd.minor(9), consent())), "amount to reach");
        assert_eq!(rule(AutoTopUp::new(usd.minor(1), usd.minor(5), euro, consent())), "monthly ceiling");
    }
}
