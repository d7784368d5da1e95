//! What is about to be done, and what it is estimated at.

use std::borrow::Cow;
use std::time::Duration;

use crate::amount::{Amount, Unit};
use crate::content::Content;
use crate::guard::error::Error;
use crate::id::{IdempotencyKey, Labels, plain};
use crate::policy::OnDrop;
use crate::price::{PriceBook, Tariff};
use crate::text::quoted;
use crate::usage::{Quantity, QuantityName, Usage};

/// A piece of work about to be done: which price it has, and how much of what it will use, exactly or at most.
///
/// ```
/// use billing_guard::Job;
///
/// // 1,200 prompt tokens are certain; the answer has at most 4,096, and is worth beginning from 256.
/// let job = Job::new("gpt-4o")
///     .exact("input_tokens", 1_200_u64)
///     .at_most("output_tokens", 4_096_u64)
///     .down_to("output_tokens", 256_u64);
/// # let _ = job;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    pub(crate) price: Cow<'static, str>,
    pub(crate) key: Option<IdempotencyKey>,
    exact: Usage,
    at_most: Usage,
    down_to: Usage,
    pub(crate) budget: Option<Amount>,
    pub(crate) lifetime: Option<Duration>,
    content: Content,
    pub(crate) labels: Labels,
    pub(crate) on_drop: OnDrop,
}

/// What a job is estimated at.
#[derive(Clone, Debug)]
pub(crate) struct Estimate {
    pub(crate) tariff: std::sync::Arc<Tariff>,
    /// All quantities at their most.
    pub(crate) ceiling: Usage,
    pub(crate) amount: Amount,
    pub(crate) minimum: Amount,
}

impl Job {
    /// The longest name of a price, in characters.
    pub const MAX_PRICE_NAME: usize = 256;

    /// Work with this price in the guard's price book.
    #[must_use]
    pub fn new(price: impl Into<Cow<'static, str>>) -> Self {
        Self {
            price: price.into(),
            key: None,
            exact: Usage::new(),
            at_most: Usage::new(),
            down_to: Usage::new(),
            budget: None,
            lifetime: None,
            content: Content::default(),
            labels: Labels::default(),
            on_drop: OnDrop::default(),
        }
    }

    /// It will use exactly this much of a quantity.
    #[must_use]
    pub fn exact(mut self, name: impl Into<QuantityName>, quantity: impl Into<Quantity>) -> Self {
        self.exact = self.exact.with(name, quantity);
        self
    }

    /// It will use at most this much of a quantity.
    #[must_use]
    pub fn at_most(mut self, name: impl Into<QuantityName>, quantity: impl Into<Quantity>) -> Self {
        self.at_most = self.at_most.with(name, quantity);
        self
    }

    /// If the balance is short of the most, it will do with as little as this: then what there is is held, and
    /// [`Hold::covers`](crate::Hold::covers) says how far it goes. Only for a quantity given by
    /// [`at_most`](Self::at_most).
    #[must_use]
    pub fn down_to(mut self, name: impl Into<QuantityName>, quantity: impl Into<Quantity>) -> Self {
        self.down_to = self.down_to.with(name, quantity);
        self
    }

    /// Sets the idempotency key the client sent. Without one the work gets a key of its own and can be repeated only
    /// by this process.
    #[must_use]
    pub fn with_key(mut self, key: IdempotencyKey) -> Self {
        self.key = Some(key);
        self
    }

    /// Sets the most that the caller is willing to pay for this request.
    #[must_use]
    pub fn with_budget(mut self, budget: Amount) -> Self {
        self.budget = Some(budget);
        self
    }

    /// Sets how long the work may take: 1 ms to 30 days; the policy's by default.
    #[must_use]
    pub fn with_lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = Some(lifetime);
        self
    }

    /// Declares more of what the client sent than the price and the quantities, such as a hash of the body: a key
    /// that is repeated with other content is a conflict, not a repetition. Up to 14 fields.
    #[must_use]
    pub fn with_content(mut self, content: Content) -> Self {
        self.content = content;
        self
    }

    /// Sets the labels, kept on the hold and its entries.
    #[must_use]
    pub fn with_labels(mut self, labels: Labels) -> Self {
        self.labels = labels;
        self
    }

    /// Sets what happens when the hold's handle is dropped.
    #[must_use]
    pub fn with_on_drop(mut self, on_drop: OnDrop) -> Self {
        self.on_drop = on_drop;
        self
    }

    /// Whether every quantity is exact, as a charge in one step needs.
    pub(crate) fn is_exact(&self) -> bool {
        self.at_most.is_empty() && self.down_to.is_empty()
    }

    pub(crate) fn exact_usage(&self) -> &Usage {
        &self.exact
    }

    /// Prices the job: all of it at its most, and the least that will do.
    pub(crate) fn estimate(&self, prices: &PriceBook) -> Result<Estimate, Error> {
        if self.price.is_empty() || !plain(&self.price, Self::MAX_PRICE_NAME) {
            return Err(invalid("the name of the price must have 1 to 256 characters", &self.price));
        }
        let mut ceiling = self.exact.clone();
        for (name, quantity) in self.at_most.named() {
            if self.exact.mentions(name) {
                return Err(invalid("a quantity cannot be both exact and bounded", name));
            }
            ceiling = ceiling.with(name.clone(), quantity);
        }
        ceiling.check().map_err(|error| Error::from_usage(&error))?;
        let mut least = ceiling.clone();
        for (name, quantity) in self.down_to.named() {
            if !self.at_most.mentions(name) || quantity > self.at_most.get(name) {
                return Err(invalid("the least of a quantity needs a bound that is not below it", name));
            }
            least = least.with(name.clone(), quantity);
        }
        let tariff = prices.tariff(&self.price).map_err(|error| Error::from_price(&error))?;
        let price =
            |usage: &Usage| tariff.ceiling(usage, prices.unit()).map_err(|error| Error::from_price(&error));
        let amount = price(&ceiling)?;
        let minimum = if self.down_to.is_empty() { amount } else { price(&least)? };
        Ok(Estimate { tariff, ceiling, amount, minimum })
    }

    /// What the caller declared, for telling a repeated key from a reused one. Work with a key of its own is never
    /// repeated, and needs none.
    pub(crate) fn content(&self) -> Result<Content, Error> {
        if self.key.is_none() {
            return Ok(Content::default());
        }
        let mut fields = vec![("price".to_owned(), self.price.clone().into_owned())];
        fields.extend(
            self.exact.iter().map(|(name, quantity)| (format!("exact.{name}"), quantity.to_string())),
        );
        for (name, most) in self.at_most.iter() {
            let least = if self.down_to.mentions(name) { self.down_to.get(name) } else { most };
            fields.push((format!("at_most.{name}"), format!("{least}..{most}")));
        }
        fields.extend(self.content.iter().map(|(name, value)| (format!("content.{name}"), value.to_owned())));
        Content::new(fields).map_err(|error| invalid("the job cannot be declared", &error.to_string()))
    }

    /// An amount of the job that must be in the guard's unit.
    pub(crate) fn check_budget(&self, amount: Amount, unit: Unit) -> Result<(), Error> {
        match self.budget {
            Some(budget) if budget.unit() != unit => {
                Err(Error::WrongUnit { expected: unit, given: budget.unit() })
            }
            Some(budget) if amount.minor() > budget.minor() => {
                Err(Error::BudgetExceeded { estimate: amount, budget })
            }
            _ => Ok(()),
        }
    }
}

pub(crate) fn invalid(rule: &'static str, value: &str) -> Error {
    Error::InvalidJob { rule, value: quoted(value) }
}
