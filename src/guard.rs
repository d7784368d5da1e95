//! The guard: estimates, holds, and answers with a handle to work under or an error that renders.

mod courtesy;
pub(crate) mod error;
mod estimate;
mod expected;
mod fits;
mod hold;
mod in_memory;
mod insights;
mod job;
mod meter;
mod notices;
mod prices;
mod progress;
mod quote;
mod refused;
mod settlement;
mod setup;
mod stream;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::account::{Applied, Balance, Novelty};
use crate::amount::{Amount, Unit};
use crate::captured::Captured;
use crate::clock::Clock;
use crate::entry::Entry;
use crate::forecast::UsageForecast;
use crate::grant::GrantTerms;
use crate::hold::HoldStatus;
use crate::id::{AccountId, IdempotencyKey};
use crate::ledger::future::LedgerFuture;
use crate::ledger::reply::Statement;
use crate::ledger::request::{HoldRequest, PostKind, PostRequest, StatementRequest};
use crate::ledger::{Ledger, LedgerExt};
use crate::policy::{Enforcement, Policy};
use crate::price::PriceBook;
use crate::receipt::{PricedWork, Receipt};
use crate::render::{Rendered, Renderer};
use crate::told::Standing;
use error::Error;
use estimate::Estimate;
use expected::Learning;
pub use hold::Hold;
pub use insights::{Insight, Insights};
pub use job::Job;
pub use meter::{Meter, MeterError};
pub use notices::NoticeContext;
use prices::Prices;
pub use quote::Quote;
pub use setup::{GuardBuilder, SetupError};
use setup::{NoticeHook, Observer, check_policy};
pub use stream::Cover;

/// Guards work that costs money: holds its estimate before it runs, charges what it used.
///
/// Cheap to clone, not generic. Methods submit what they do before they return; dropping a returned future undoes
/// nothing. But that of [`hold`](Self::hold) carries the handle: dropped with its answer in it, it drops the handle, and
/// the job's [`OnDrop`](crate::OnDrop) decides.
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

/// All but the policy is shared by guards that differ in nothing else.
#[derive(Clone)]
pub(crate) struct Inner {
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) clock: Arc<dyn Clock>,
    /// That of the prices, whichever are in force.
    pub(crate) unit: Unit,
    pub(crate) prices: Arc<Prices>,
    pub(crate) forecast: Arc<Learning>,
    pub(crate) policy: Policy,
    renderer: Arc<Renderer>,
    observer: Option<Observer>,
    on_notice: Option<NoticeHook>,
}

impl Guard {
    /// A guard over a ledger, with the prices of a book.
    pub fn builder(ledger: Arc<dyn Ledger>, prices: PriceBook) -> GuardBuilder {
        GuardBuilder::new(ledger, prices)
    }

    /// A guard over the same ledger and prices with another policy, for another plan.
    ///
    /// # Errors
    /// As [`GuardBuilder::build`].
    pub fn with_policy(&self, policy: Policy) -> Result<Self, SetupError> {
        check_policy(&policy, self.unit())?;
        Ok(Self { inner: Arc::new(Inner { policy, ..Inner::clone(&self.inner) }) })
    }

    /// Puts other prices in force, for this guard, its clones and those of [other policies](Self::with_policy), and gives
    /// those that were. Work that was held for goes on at the price it began with.
    ///
    /// ```
    /// # use billing_guard::{AccountId, Guard, Job, PriceBook, Tariff, Unit, Usage, wait};
    /// # let usd = Unit::new("USD", 2)?;
    /// # let account = AccountId::new("acct_1")?;
    /// let guard = Guard::in_memory(usd).price("query", Tariff::new().fixed("0.10")?).build()?;
    /// wait(guard.top_up(&account, "payment-1".parse()?, usd.amount("1")?))?;
    /// let mut begun = wait(guard.hold(&account, Job::new("query")))?;
    /// guard.set_prices(PriceBook::new(usd).with("query", Tariff::new().fixed("0.12")?)?)?;
    /// assert_eq!(wait(begun.capture(&Usage::new()))?.charged(), usd.amount("0.10")?);
    /// assert_eq!(wait(guard.charge(&account, &Job::new("query")))?.charged(), usd.amount("0.12")?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`SetupError::OtherUnit`] if they are in another unit; nothing changes then.
    pub fn set_prices(&self, prices: PriceBook) -> Result<Arc<PriceBook>, SetupError> {
        if prices.unit() != self.unit() {
            return Err(SetupError::OtherUnit { given: prices.unit(), expected: self.unit() });
        }
        Ok(self.inner.prices.set(prices))
    }

    /// What the guard has learned of how much work takes, to be saved, or [merged](UsageForecast::merge) with what others have
    /// learned. All guards that [share](Self::with_policy) it learn together. It is copied while no work can be learned from:
    /// some milliseconds for each 10,000 keys.
    #[must_use]
    pub fn forecast(&self) -> UsageForecast {
        self.inner.forecast.read().clone()
    }

    /// The prices in force.
    #[must_use]
    pub fn prices(&self) -> Arc<PriceBook> {
        self.inner.prices.in_force()
    }

    /// The unit of the guard's prices and accounts.
    #[must_use]
    pub fn unit(&self) -> Unit {
        self.inner.unit
    }

    /// The ledger, for what the guard has no method for.
    #[must_use]
    pub fn ledger(&self) -> &Arc<dyn Ledger> {
        &self.inner.ledger
    }

    /// How errors are rendered.
    #[must_use]
    pub fn renderer(&self) -> &Renderer {
        &self.inner.renderer
    }

    /// The limits and choices the guard works by.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.inner.policy
    }

    /// The response for a client that gets this error instead of its work.
    ///
    /// With what a request asks for and what the host knows of its customer, from a renderer for this request:
    ///
    /// ```
    /// # use billing_guard::{AccountId, Details, Disclosure, Guard, Job, Tariff, Unit, wait};
    /// # let usd = Unit::new("USD", 6)?;
    /// # let account = AccountId::new("acct_1")?;
    /// # let guard = Guard::in_memory(usd).price("query", Tariff::new().per_unit("rows", "0.01")?).build()?;
    /// let error = wait(guard.hold(&account, Job::new("query").at_most("rows", 200_u64))).unwrap_err();
    /// let renderer = guard.renderer().negotiate(Some("application/problem+json"), None);
    /// let renderer = renderer.with_disclosure(Disclosure::Amounts);
    /// let answer = renderer.render_with(&error.refusal(), &Details::new().with_plan("Team".parse()?));
    /// assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    /// let body = String::from_utf8_lossy(answer.body());
    /// assert!(body.contains(r#""required":"2","available":"0""#), "{body}");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
        let estimate = match inner.estimate(&account, &job) {
            Ok(estimate) => estimate,
            Err(error) => return LedgerFuture::ready(inner.observed_hold(account, job, None, error)),
        };
        let request = match inner.prepare(&account, &job, &estimate) {
            Ok(request) => request,
            Err(error) => {
                return LedgerFuture::ready(inner.observed_hold(account, job, Some(estimate), error));
            }
        };
        // It lasts from when the ledger makes it, and whoever reads the answer may come late.
        let asked_at = Instant::now();
        let asked = self.inner.ask(&account, &job, request, |ledger, request| ledger.hold(request));
        asked.map(move |answer| {
            let asked = match answer {
                Ok((applied, _)) if applied.is_replay() => {
                    Err(Error::Duplicate { state: Box::new(applied.into_value()) })
                }
                Ok(asked) => Ok(asked),
                Err(error) => Err(inner.refused(Some(&job), Some(&estimate), error)),
            };
            match asked {
                Ok((applied, courtesy)) => {
                    let notices = inner.notices(&account, &applied, courtesy, job.notice_context);
                    Ok(Hold::open(inner, account, job, estimate, (&applied, asked_at), notices))
                }
                Err(error) => inner.observed_hold(account, job, Some(estimate), error),
            }
        })
    }

    /// Charges a job of exact quantities in one step: for work with a fixed price, or that was done already.
    ///
    /// Repeated with the same key it charges once and gives the same receipt, marked as a replay.
    ///
    /// ```
    /// # use billing_guard::{AccountId, Guard, Job, Tariff, Unit, wait};
    /// # let usd = Unit::new("USD", 6)?;
    /// # let account = AccountId::new("acct_1")?;
    /// let guard = Guard::in_memory(usd).price("message", Tariff::new().fixed("0.05")?).build()?;
    /// wait(guard.top_up(&account, "payment-1".parse()?, usd.amount("1")?))?;
    /// let job = Job::new("message").with_key("request-1".parse()?);
    /// assert_eq!(wait(guard.charge(&account, &job))?.available(), usd.amount("0.95")?);
    /// assert!(wait(guard.charge(&account, &job))?.is_replay());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`hold`](Self::hold), and [`Error::InvalidJob`] for a job with bounded quantities.
    pub fn charge(&self, account: &AccountId, job: &Job) -> LedgerFuture<Receipt, Error> {
        let inner = Arc::clone(&self.inner);
        let (account, context) = (account.clone(), job.notice_context);
        let nothing = inner.unit.zero();
        let observed =
            |error, cost| LedgerFuture::ready(inner.observed(&account, error).map(|_| unbooked(cost, None)));
        let (amount, work) = match inner.price_of(&account, job) {
            Ok(priced) => priced,
            Err(error) => return observed(error, nothing),
        };
        let request = match inner.prepare_charge(&account, job, amount) {
            Ok(request) => request,
            Err(error) => return observed(error, amount),
        };
        // Only for a refusal: kept where there is something to say then.
        let other_prices = (!job.others.is_empty()).then(|| job.clone());
        let asked = self.inner.ask(&account, job, request, |ledger, request| ledger.post(request));
        asked.map(move |answer| match answer {
            Ok((applied, courtesy)) => {
                let notices = inner.notices(&account, &applied, courtesy, context);
                let settled = applied.map(|entry| settled(&entry));
                Ok(Receipt { settled, booked: true, notices, work: Some(work) })
            }
            Err(error) => {
                let error = inner.refused(other_prices.as_ref(), None, error);
                inner.observed(&account, error).map(|_| unbooked(amount, Some(work)))
            }
        })
    }

    /// What a job would hold, whether it would fit just now, what of it would, and the limits in force. It holds nothing:
    /// by the time the work begins the balance may be another.
    ///
    /// ```
    /// # use billing_guard::{AccountId, Guard, Job, Tariff, Unit, wait};
    /// # let usd = Unit::new("USD", 6)?;
    /// # let account = AccountId::new("acct_1")?;
    /// let guard = Guard::in_memory(usd).price("query", Tariff::new().per_unit("rows", "0.01")?).build()?;
    /// let quote = wait(guard.quote(&account, &Job::new("query").at_most("rows", 200_u64)))?;
    /// assert_eq!(quote.estimate(), usd.amount("2")?);
    /// assert!(!quote.fits());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`hold`](Self::hold) while it enforces, but that a balance that is too short is an answer and no error.
    pub fn quote(&self, account: &AccountId, job: &Job) -> LedgerFuture<Quote, Error> {
        let quote = match quote::Unanswered::new(&self.inner, account, job) {
            Ok(quote) => quote,
            Err(error) => return LedgerFuture::ready(Err(error)),
        };
        let balance = self.inner.ledger.balance_of(account, self.unit());
        balance.map(|answer| answer.map(|balance| quote.answered(balance)).map_err(Error::from))
    }

    /// Books credit that a customer bought, once for each key of the account: use the payment provider's event id.
    ///
    /// Check what the provider sends first: an amount that is not more than nothing is taken for a mistake of the
    /// host's, so it renders as a 500. Keys of credit are a set of their own; no key that a customer chose can be in the
    /// way. Keys belong to an account, so the same event for another account would credit that one too: verify the
    /// event's signature. A ledger in memory forgets a key with its entry: see
    /// [`MemorySettings::retained_entries`](crate::MemorySettings::retained_entries).
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
        self.grant(account, key, GrantTerms::paid(), amount)
    }

    /// Books credit on terms of its own, once for each key of the account: a grant that ends, credit of a plan, a courtesy.
    ///
    /// # Errors
    /// As [`top_up`](Self::top_up); [`Error::Misconfigured`] for terms that cannot be, for more than
    /// [32 grants](crate::Limits::MAX_GRANTS), and for a courtesy that was given already.
    pub fn grant(
        &self,
        account: &AccountId,
        key: IdempotencyKey,
        terms: GrantTerms,
        amount: Amount,
    ) -> LedgerFuture<Applied<Entry>, Error> {
        if amount.unit() != self.unit() {
            let error = Error::WrongUnit { expected: self.unit(), given: amount.unit() };
            return LedgerFuture::ready(Err(error));
        }
        self.inner.ledger.grant(account, key, terms, amount).map(|answer| answer.map_err(Error::from))
    }

    /// The balance, for showing.
    ///
    /// # Errors
    /// [`Error::WrongUnit`], and the 503s.
    pub fn balance(&self, account: &AccountId) -> LedgerFuture<Balance, Error> {
        let balance = self.inner.ledger.balance_of(account, self.unit());
        balance.map(|answer| answer.map_err(Error::from))
    }

    /// A page of the account's entries, for showing.
    ///
    /// # Errors
    /// [`Error::Misconfigured`] for a limit that is not 1 to 1,000, and the 503s.
    pub fn statement(&self, request: StatementRequest) -> LedgerFuture<Statement, Error> {
        self.inner.ledger.statement(request).map(|answer| answer.map_err(Error::from))
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
        self.policy.debt_limit.unwrap_or_else(|| self.unit.zero())
    }

    /// How long a job may take.
    fn lifetime(&self, job: &Job) -> Duration {
        job.lifetime.unwrap_or(self.policy.lifetime)
    }

    /// The least the work can be must be within the largest request and the caller's budget.
    fn check_size(&self, job: &Job, amount: Amount) -> Result<(), Error> {
        if let Some(maximum) = self.policy.largest_request
            && amount.minor() > maximum.minor()
        {
            return Err(Error::RequestTooLarge { estimate: amount, maximum });
        }
        job.check_budget(amount, self.unit)
    }

    /// What is held at most: never more than the caller or the policy allows, where less will do.
    fn to_hold(&self, job: &Job, estimate: Amount) -> Amount {
        let limits = [self.policy.largest_request, job.budget];
        limits
            .into_iter()
            .flatten()
            .fold(estimate, |amount, limit| if limit.minor() < amount.minor() { limit } else { amount })
    }

    fn prepare(&self, account: &AccountId, job: &Job, estimate: &Estimate) -> Result<HoldRequest, Error> {
        self.check_size(job, estimate.minimum)?;
        let key = job.key.clone().unwrap_or_else(IdempotencyKey::unique);
        Ok(HoldRequest::new(account.clone(), key, self.to_hold(job, estimate.first))
            .with_minimum(estimate.minimum)
            .with_lifetime(self.lifetime(job))
            .with_grace(self.policy.grace)
            .with_debt_limit(self.debt_limit())
            .with_caps(job.caps_with(&self.policy.caps)?)
            .with_content(job.content()?)
            .with_labels(job.labels.clone()))
    }

    /// What a job of exact quantities costs.
    fn price_of(&self, account: &AccountId, job: &Job) -> Result<(Amount, PricedWork), Error> {
        let tariff = self.estimate(account, job)?.tariff;
        let (usage, unit) = (job.exact_usage()?, self.unit);
        let charge = tariff.charge(&usage, unit).map_err(|error| Error::from_price(&error))?;
        Ok((charge, PricedWork { tariff, usage, unit }))
    }

    fn prepare_charge(&self, account: &AccountId, job: &Job, amount: Amount) -> Result<PostRequest, Error> {
        self.check_size(job, amount)?;
        let key = job.key.clone().unwrap_or_else(IdempotencyKey::unique);
        Ok(PostRequest::new(account.clone(), key, PostKind::Charge, amount)
            .with_debt_limit(self.debt_limit())
            .with_caps(job.caps_with(&self.policy.caps)?)
            .with_content(job.content()?)
            .with_labels(job.labels.clone()))
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

/// The receipt of work that ran though it would have been refused: as far as is known nothing was charged.
pub(crate) fn unbooked(cost: Amount, work: Option<PricedWork>) -> Receipt {
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
        novelty: Novelty::Fresh,
        standing: Standing::NOTHING,
    };
    Receipt { settled: nothing, booked: false, notices: Vec::new(), work }
}
