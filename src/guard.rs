//! The guard: estimates, holds, and answers with a handle to work under or an error that renders.

pub(crate) mod error;
mod hold;
mod job;
mod quote;

use std::fmt;
use std::sync::Arc;

use crate::account::{Applied, Balance};
use crate::amount::{Amount, Unit};
use crate::clock::Clock;
use crate::entry::Entry;
use crate::hold::HoldStatus;
use crate::id::{AccountId, IdempotencyKey};
use crate::ledger::future::LedgerFuture;
use crate::ledger::memory::{MemoryLedger, MemorySettings};
use crate::ledger::request::{HoldRequest, PostKind, PostRequest};
use crate::ledger::{Ledger, LedgerExt};
use crate::notice;
use crate::policy::{Enforcement, Policy};
use crate::price::{PriceBook, PriceError, Tariff};
use crate::receipt::{Captured, Receipt};
use crate::render::{Rendered, Renderer};
use error::Error;
pub use hold::Hold;
use job::Estimate;
pub use job::Job;
pub use quote::Quote;

/// Told of everything that an observing guard would have refused.
type Observer = Arc<dyn Fn(&AccountId, &Error) + Send + Sync>;

/// Guards work that costs money: holds its estimate before it runs, charges what it used.
///
/// Cheap to clone, not generic. Methods submit what they do before they return: dropping a returned future undoes
/// nothing.
///
/// ```
/// use billing_guard::{AccountId, Guard, Job, Tariff, Unit, Usage, wait};
///
/// let usd = Unit::new("USD", 6)?;
/// let guard = Guard::in_memory(usd).price("query", Tariff::new().per_unit("rows", "0.002")?).build()?;
/// let account = AccountId::new("acct_1")?;
/// wait(guard.top_up(&account, "payment-1".parse()?, usd.amount("1")?))?;
///
/// // 400 rows at most: 0.80 USD are held, and the work may begin.
/// let mut hold = wait(guard.hold(&account, Job::new("query").at_most("rows", 400_u64)))?;
/// // It read 120 rows: 0.24 USD are charged, the rest is free again.
/// let receipt = wait(hold.capture(&Usage::new().with("rows", 120_u64)))?;
/// assert_eq!(receipt.charged(), usd.amount("0.24")?);
///
/// // 0.76 USD are left: a request for up to 400 rows is refused, with a response to send.
/// let error = wait(guard.hold(&account, Job::new("query").at_most("rows", 400_u64))).unwrap_err();
/// assert_eq!(guard.render(&error).status(), 402);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Guard {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) prices: Arc<PriceBook>,
    pub(crate) policy: Policy,
    renderer: Arc<Renderer>,
    observer: Option<Observer>,
}

/// Sets up a [`Guard`].
#[must_use]
pub struct GuardBuilder {
    ledger: Arc<dyn Ledger>,
    prices: Result<PriceBook, PriceError>,
    policy: Policy,
    renderer: Renderer,
    observer: Option<Observer>,
}

impl GuardBuilder {
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
    /// If a price was not valid, or the policy is not: an amount in another unit than the prices, a negative limit, a
    /// lifetime or number of thresholds out of range.
    pub fn build(self) -> Result<Guard, Error> {
        let prices = self.prices.map_err(Error::from_price)?;
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

impl Guard {
    /// A guard over a ledger, with the prices of a book.
    pub fn builder(ledger: Arc<dyn Ledger>, prices: PriceBook) -> GuardBuilder {
        GuardBuilder {
            ledger,
            prices: Ok(prices),
            policy: Policy::new(),
            renderer: Renderer::default(),
            observer: None,
        }
    }

    /// A guard over a ledger in memory: for tests, trials, and single processes. Balances go with the process.
    pub fn in_memory(unit: Unit) -> GuardBuilder {
        Self::builder(Arc::new(MemoryLedger::new()), PriceBook::new(unit))
    }

    /// The same on a clock of your own, such as a [`ManualClock`](crate::ManualClock) in tests.
    pub fn in_memory_at(unit: Unit, clock: Arc<dyn Clock>) -> GuardBuilder {
        let ledger = MemoryLedger::with_clock(MemorySettings::new(), clock);
        Self::builder(Arc::new(ledger), PriceBook::new(unit))
    }

    /// A guard over the same ledger and prices with another policy, for another plan.
    ///
    /// # Errors
    /// As [`GuardBuilder::build`].
    pub fn with_policy(&self, policy: Policy) -> Result<Self, Error> {
        check_policy(&policy, self.unit())?;
        Ok(Self {
            inner: Arc::new(Inner {
                ledger: Arc::clone(&self.inner.ledger),
                prices: Arc::clone(&self.inner.prices),
                policy,
                renderer: Arc::clone(&self.inner.renderer),
                observer: self.inner.observer.clone(),
            }),
        })
    }

    /// The unit of the guard's prices and accounts.
    #[must_use]
    pub fn unit(&self) -> Unit {
        self.inner.prices.unit()
    }

    /// The ledger, for what the guard has no method for.
    #[must_use]
    pub fn ledger(&self) -> &Arc<dyn Ledger> {
        &self.inner.ledger
    }

    /// The limits and choices the guard works by.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.inner.policy
    }

    /// The response for a client that gets this error instead of its work.
    #[must_use]
    pub fn render(&self, error: &Error) -> Rendered {
        error.render(&self.inner.renderer)
    }

    /// Estimates a job and holds that much of the balance, in one atomic step. With the handle the work may begin.
    ///
    /// # Errors
    /// Every variant of [`Error`] but [`HoldLost`](Error::HoldLost); none while the guard only
    /// [observes](Enforcement::Observe).
    pub fn hold(&self, account: &AccountId, job: Job) -> LedgerFuture<Hold, Error> {
        let inner = Arc::clone(&self.inner);
        let account = account.clone();
        let (request, estimate) = match inner.prepare(&account, &job) {
            Ok(prepared) => prepared,
            Err(error) => return LedgerFuture::ready(inner.observed_hold(account, job, None, error)),
        };
        self.inner.ledger.hold(request).map(move |answer| {
            let applied = match answer {
                Ok(applied) if applied.is_replay() => {
                    Err(Error::Duplicate { state: Box::new(applied.into_value()) })
                }
                Ok(applied) => Ok(applied),
                Err(error) => Err(Error::from_ledger(error)),
            };
            match applied {
                Ok(applied) => {
                    let notices = notice::crossed(&applied, &inner.policy.low_balance);
                    Ok(Hold::open(inner, account, &job, estimate, applied, notices))
                }
                Err(error) => inner.observed_hold(account, job, Some(estimate), error),
            }
        })
    }

    /// Charges a job of exact quantities in one step: for work with a fixed price, or that was done already.
    ///
    /// Repeated with the same key it charges once and gives the same receipt, marked as a replay.
    ///
    /// # Errors
    /// As [`hold`](Self::hold), and [`Error::InvalidJob`] for a job with bounded quantities.
    pub fn charge(&self, account: &AccountId, job: &Job) -> LedgerFuture<Receipt, Error> {
        let inner = Arc::clone(&self.inner);
        let account = account.clone();
        let (request, amount) = match inner.prepare_charge(&account, job) {
            Ok(prepared) => prepared,
            Err(error) => {
                let zero = inner.prices.unit().zero();
                return LedgerFuture::ready(inner.observed(&account, error).map(|_| unbooked(zero)));
            }
        };
        self.inner.ledger.post(request).map(move |answer| match answer {
            Ok(applied) => {
                let notices = notice::crossed(&applied, &inner.policy.low_balance);
                Ok(Receipt { settled: applied.map(|entry| settled(&entry)), booked: true, notices })
            }
            Err(error) => inner.observed(&account, Error::from_ledger(error)).map(|_| unbooked(amount)),
        })
    }

    /// What a job would hold, and whether it would fit just now. It holds nothing: by the time the work begins the
    /// balance may be another.
    ///
    /// # Errors
    /// As [`hold`](Self::hold), but that a balance that is too short is an answer and no error.
    pub fn quote(&self, account: &AccountId, job: &Job) -> LedgerFuture<Quote, Error> {
        let inner = Arc::clone(&self.inner);
        let estimate = match inner.estimate(job) {
            Ok(estimate) => estimate,
            Err(error) => return LedgerFuture::ready(Err(error)),
        };
        self.inner.ledger.balance_of(account, self.unit()).map(move |answer| match answer {
            Ok(balance) => Ok(Quote::new(&estimate, balance, inner.debt_limit())),
            Err(error) => Err(Error::from_ledger(error)),
        })
    }

    /// Books credit that a customer bought, once for each key: use the payment provider's event id.
    ///
    /// # Errors
    /// [`Error::KeyConflict`] if the key came before with another amount, [`Error::WrongUnit`],
    /// [`Error::Misconfigured`] for an amount that is not more than nothing or does not fit, and the 503s.
    pub fn top_up(
        &self,
        account: &AccountId,
        key: IdempotencyKey,
        amount: Amount,
    ) -> LedgerFuture<Applied<Entry>, Error> {
        if amount.unit() != self.unit() {
            let error = Error::WrongUnit { expected: self.unit(), given: amount.unit() };
            return LedgerFuture::ready(Err(error));
        }
        self.inner.ledger.top_up(account, key, amount).map(|answer| answer.map_err(Error::from_ledger))
    }

    /// The balance, for showing.
    ///
    /// # Errors
    /// [`Error::WrongUnit`], and the 503s.
    pub fn balance(&self, account: &AccountId) -> LedgerFuture<Balance, Error> {
        let balance = self.inner.ledger.balance_of(account, self.unit());
        balance.map(|answer| answer.map_err(Error::from_ledger))
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard")
            .field("unit", &self.unit())
            .field("policy", &self.inner.policy)
            .finish_non_exhaustive()
    }
}

impl Inner {
    pub(crate) fn debt_limit(&self) -> Amount {
        self.policy.debt_limit.unwrap_or_else(|| self.prices.unit().zero())
    }

    fn estimate(&self, job: &Job) -> Result<Estimate, Error> {
        let estimate = job.estimate(&self.prices)?;
        self.check_size(job, estimate.minimum)?;
        Ok(estimate)
    }

    /// The least the work can be must be within the largest request and the caller's budget.
    fn check_size(&self, job: &Job, amount: Amount) -> Result<(), Error> {
        if let Some(maximum) = self.policy.largest_request
            && amount.minor() > maximum.minor()
        {
            return Err(Error::RequestTooLarge { estimate: amount, maximum });
        }
        job.check_budget(amount, self.prices.unit())
    }

    fn prepare(&self, account: &AccountId, job: &Job) -> Result<(HoldRequest, Estimate), Error> {
        let estimate = self.estimate(job)?;
        // What may be held at most: never more than the caller or the policy allows, if less will do.
        let limits = [self.policy.largest_request, job.budget];
        let amount = limits.into_iter().flatten().fold(estimate.amount, |amount, limit| {
            if limit.minor() < amount.minor() { limit } else { amount }
        });
        let key = job.key.clone().unwrap_or_else(IdempotencyKey::unique);
        let request = HoldRequest::new(account.clone(), key, amount)
            .with_minimum(estimate.minimum)
            .with_lifetime(job.lifetime.unwrap_or(self.policy.lifetime))
            .with_grace(self.policy.grace)
            .with_debt_limit(self.debt_limit())
            .with_content(job.content()?)
            .with_labels(job.labels.clone());
        Ok((request, estimate))
    }

    fn prepare_charge(&self, account: &AccountId, job: &Job) -> Result<(PostRequest, Amount), Error> {
        if !job.is_exact() {
            return Err(job::invalid("a charge in one step needs exact quantities", &job.price));
        }
        let estimate = job.estimate(&self.prices)?;
        let charge = estimate.tariff.charge(job.exact_usage(), self.prices.unit());
        let amount = charge.map_err(Error::from_price)?;
        self.check_size(job, amount)?;
        let key = job.key.clone().unwrap_or_else(IdempotencyKey::unique);
        let request = PostRequest::new(account.clone(), key, PostKind::Charge, amount)
            .with_debt_limit(self.debt_limit())
            .with_content(job.content()?)
            .with_labels(job.labels.clone());
        Ok((request, amount))
    }

    /// While the guard observes, tells the observer and hands the error on as what would have been; else returns it.
    fn observed(&self, account: &AccountId, error: Error) -> Result<Error, Error> {
        match self.policy.enforcement {
            Enforcement::Enforce => Err(error),
            Enforcement::Observe => {
                if let Some(observer) = &self.observer {
                    observer(account, &error);
                }
                Ok(error)
            }
        }
    }

    fn observed_hold(
        self: Arc<Self>,
        account: AccountId,
        job: Job,
        estimate: Option<Estimate>,
        error: Error,
    ) -> Result<Hold, Error> {
        let would_be = self.observed(&account, error)?;
        Ok(Hold::unbacked(self, account, job, estimate, would_be))
    }
}

/// The receipt of a charge in one step.
fn settled(entry: &Entry) -> Captured {
    let charged = entry.amount.saturating_neg();
    Captured {
        unit: entry.unit,
        charged,
        captured: charged,
        uncollected: 0,
        freed: 0,
        status: HoldStatus::Captured,
        late: false,
    }
}

/// The receipt of work that ran though it would have been refused: nothing was charged, and nothing stands anywhere.
pub(crate) fn unbooked(cost: Amount) -> Receipt {
    let settled = Captured {
        unit: cost.unit(),
        charged: 0,
        captured: 0,
        uncollected: cost.minor(),
        freed: 0,
        status: HoldStatus::Voided,
        late: false,
    };
    let nothing = Applied {
        value: settled,
        unit: cost.unit(),
        before: 0,
        after: 0,
        seq: 0,
        novelty: crate::account::Novelty::Fresh,
    };
    Receipt { settled: nothing, booked: false, notices: Vec::new() }
}

fn check_policy(policy: &Policy, unit: Unit) -> Result<(), Error> {
    let thresholds = policy.low_balance.iter().copied();
    for amount in thresholds.chain(policy.debt_limit).chain(policy.largest_request) {
        if amount.unit() != unit {
            return Err(Error::WrongUnit { expected: unit, given: amount.unit() });
        }
    }
    for limit in policy.debt_limit.into_iter().chain(policy.largest_request) {
        if limit.is_negative() {
            return Err(job::invalid("a limit of the policy must not be negative", &limit.to_string()));
        }
    }
    if policy.low_balance.len() > Policy::MAX_THRESHOLDS {
        let count = policy.low_balance.len().to_string();
        return Err(job::invalid("a policy has at most 16 thresholds", &count));
    }
    crate::ledger::rules::check_times(policy.lifetime, policy.grace).map_err(Error::Misconfigured)
}
