//! Setting up a guard, and what can be wrong with its settings.

use std::fmt;
use std::sync::Arc;

use super::error::Error;
use super::{Guard, Inner};
use crate::amount::{Amount, Unit};
use crate::id::AccountId;
use crate::ledger::Ledger;
use crate::limits::Limits;
use crate::policy::Policy;
use crate::price::{PriceBook, PriceError, Tariff};
use crate::render::Renderer;

/// Told of everything that an observing guard would have refused.
pub(super) type Observer = Arc<dyn Fn(&AccountId, &Error) + Send + Sync>;

/// Sets up a [`Guard`].
#[must_use]
pub struct GuardBuilder {
    ledger: Arc<dyn Ledger>,
    prices: Result<PriceBook, PriceError>,
    policy: Policy,
    renderer: Renderer,
    observer: Option<Observer>,
}

/// Why a guard cannot be set up so. For the developers of the service: the text names the offending value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// A price is not valid.
    #[error(transparent)]
    Price(#[from] PriceError),
    /// An amount of the policy counts in another unit than the prices.
    #[error("the {what} {amount} is not in {unit}, the unit of the prices")]
    WrongUnit {
        /// Which amount.
        what: &'static str,
        /// What it is.
        amount: Amount,
        /// The unit of the prices.
        unit: Unit,
    },
    /// A setting of the policy is out of range.
    #[error("the {what} of the policy is {value}: {rule}")]
    Invalid {
        /// Which setting.
        what: &'static str,
        /// What it is.
        value: String,
        /// What it must be.
        rule: &'static str,
    },
}

impl GuardBuilder {
    pub(super) fn new(ledger: Arc<dyn Ledger>, prices: PriceBook) -> Self {
        Self {
            ledger,
            prices: Ok(prices),
            policy: Policy::new(),
            renderer: Renderer::default(),
            observer: None,
        }
    }

    /// Adds a price to the book. A name that is taken is an error when the guard is built.
    pub fn price(mut self, name: impl Into<String>, tariff: Tariff) -> Self {
        self.prices = self.prices.and_then(|book| book.with(name.into(), tariff));
        self
    }

    /// Sets the limits and choices the guard works by.
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Sets how errors are rendered.
    pub fn renderer(mut self, renderer: Renderer) -> Self {
        self.renderer = renderer;
        self
    }

    /// Sets who is told of everything that an observing guard would have refused.
    pub fn observer(mut self, observer: impl Fn(&AccountId, &Error) + Send + Sync + 'static) -> Self {
        self.observer = Some(Arc::new(observer));
        self
    }

    /// The guard.
    ///
    /// # Errors
    /// [`SetupError`] naming the price or the setting that is not valid.
    pub fn build(self) -> Result<Guard, SetupError> {
        let prices = self.prices?;
        check_policy(&self.policy, prices.unit())?;
        Ok(Guard {
            inner: Arc::new(Inner {
                ledger: self.ledger,
                prices: Arc::new(prices),
                policy: self.policy,
                renderer: Arc::new(self.renderer),
                observer: self.observer,
            }),
        })
    }
}

impl fmt::Debug for GuardBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardBuilder").field("policy", &self.policy).finish_non_exhaustive()
    }
}

/// Whether the policy's amounts are in the prices' unit and everything is within its limits.
pub(super) fn check_policy(policy: &Policy, unit: Unit) -> Result<(), SetupError> {
    let courtesy = policy.courtesy.as_ref();
    let given = courtesy.map(|courtesy| courtesy.amount);
    let limits =
        [("debt limit", policy.debt_limit), ("largest request", policy.largest_request), ("courtesy", given)];
    let limits = limits.into_iter().filter_map(|(what, limit)| Some((what, limit?)));
    let caps = policy.caps.iter().chain(courtesy.iter().flat_map(|courtesy| courtesy.caps.iter()));
    let caps = caps.filter_map(|cap| Some(("limit of a cap", cap.limit?)));
    let limits: Vec<_> = limits.chain(caps).collect();
    let thresholds = policy.low_balance.iter().map(|threshold| ("low-balance threshold", *threshold));
    for (what, amount) in limits.iter().copied().chain(thresholds) {
        if amount.unit() != unit {
            return Err(SetupError::WrongUnit { what, amount, unit });
        }
    }
    let invalid = |what, value: String, rule| Err(SetupError::Invalid { what, value, rule });
    for (what, limit) in limits {
        if limit.is_negative() {
            return invalid(what, limit.to_string(), "must not be negative");
        }
    }
    if let Some(nothing) = given.filter(|given| given.is_zero()) {
        return invalid("courtesy", nothing.to_string(), "must be more than nothing");
    }
    if policy.low_balance.len() > Policy::MAX_THRESHOLDS {
        let count = policy.low_balance.len().to_string();
        return invalid("number of thresholds", count, "must be at most 16");
    }
    if !Limits::allow_lifetime(policy.lifetime) {
        return invalid("lifetime", format!("{:?}", policy.lifetime), "must be from 1 ms to 30 days");
    }
    if !Limits::allow_grace(policy.grace) {
        return invalid("grace", format!("{:?}", policy.grace), "must be at most a day");
    }
    Ok(())
}
