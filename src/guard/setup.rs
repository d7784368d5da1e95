//! Setting up a guard, and what can be wrong with its settings.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::error::Error;
use super::expected::Learning;
use super::prices::Prices;
use super::{Guard, Inner};
use crate::amount::{Amount, Unit};
use crate::clock::{Clock, SystemClock};
use crate::forecast::{ForecastSettings, UsageForecast};
use crate::id::AccountId;
use crate::ledger::Ledger;
use crate::limits::Limits;
use crate::notice::{Notice, NoticeRules};
use crate::policy::Policy;
use crate::price::{PriceBook, PriceError, Tariff};
use crate::render::Renderer;

/// Told of everything that an observing guard would have refused.
pub(super) type Observer = Arc<dyn Fn(&AccountId, &Error) + Send + Sync>;

/// Told of every notice, as it comes.
pub(super) type NoticeHook = Arc<dyn Fn(&AccountId, &Notice) + Send + Sync>;

/// Sets up a [`Guard`].
#[must_use]
pub struct GuardBuilder {
    ledger: Arc<dyn Ledger>,
    clock: Arc<dyn Clock>,
    prices: Result<PriceBook, PriceError>,
    policy: Policy,
    renderer: Renderer,
    observer: Option<Observer>,
    on_notice: Option<NoticeHook>,
    forecast: UsageForecast,
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
    /// Prices that are to be put in force count in another unit than those that are.
    #[error("the new prices are in {given}, and the guard's in {expected}")]
    OtherUnit {
        /// The unit of the new ones.
        given: Unit,
        /// The unit of the guard.
        expected: Unit,
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
            clock: Arc::new(SystemClock::new()),
            prices: Ok(prices),
            policy: Policy::new(),
            renderer: Renderer::default(),
            observer: None,
            on_notice: None,
            forecast: UsageForecast::new(ForecastSettings::new()),
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

    /// Sets the clock that decides which of a tariff's [prices are in force](crate::Tariff::with_other) when work begins; the
    /// system's by default. It decides nothing else: the ledger has a clock of its own.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Sets the forecast by which work is held for, where the policy or a job [says so](crate::Holding): one that was saved, or
    /// one with other settings. By default it is one that has learned nothing. The guard learns from every capture of such
    /// work; [`Guard::forecast`] is what there is to save.
    ///
    /// ```
    /// # use billing_guard::{AccountId, ForecastSettings, Guard, Holding, Job, Policy, Tariff, Unit, Usage, UsageForecast, wait};
    /// # let usd = Unit::new("USD", 6)?;
    /// # let account = AccountId::new("acct_1")?;
    /// let guard = Guard::in_memory(usd)
    ///     .price("chat", Tariff::new().per_million("output_tokens", "10")?)
    ///     .policy(Policy::new().with_holding(Holding::Forecast))
    ///     .forecast(UsageForecast::new(ForecastSettings::new().with_coverage_permille(980)))
    ///     .build()?;
    /// wait(guard.top_up(&account, "payment-1".parse()?, usd.amount("10")?))?;
    /// let job = || Job::new("chat").at_most("output_tokens", 16_000_u64);
    /// assert_eq!(wait(guard.hold(&account, job()))?.amount(), usd.amount("0.16")?);
    /// for answer in 0..200_u64 {
    ///     let mut hold = wait(guard.hold(&account, job()))?;
    ///     wait(hold.capture(&Usage::new().with("output_tokens", 300 + answer)))?;
    /// }
    /// // It has seen 300 to 499.
    /// assert!(wait(guard.hold(&account, job()))?.amount().minor() < usd.amount("0.015")?.minor());
    /// let saved = serde_json::to_string(&guard.forecast())?;
    /// # let _ = saved;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn forecast(mut self, forecast: UsageForecast) -> Self {
        self.forecast = forecast;
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

    /// Sets who is told of every notice, as it comes: to send a mail, say. It is called with the reply, by whoever takes it, so
    /// it should hand the notice on and return. The notices of a reply are also on the [`Hold`](crate::Hold) and the
    /// [`Receipt`](crate::Receipt); if nobody takes a reply because its future was dropped, nobody is told.
    pub fn on_notice(mut self, hook: impl Fn(&AccountId, &Notice) + Send + Sync + 'static) -> Self {
        self.on_notice = Some(Arc::new(hook));
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
                clock: self.clock,
                unit: prices.unit(),
                prices: Arc::new(Prices::new(prices)),
                forecast: Arc::new(Learning::new(self.forecast)),
                policy: self.policy,
                renderer: Arc::new(self.renderer),
                observer: self.observer,
                on_notice: self.on_notice,
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
    let notices = &policy.notices;
    let thresholds = notices.low_balance.iter().map(|threshold| ("low-balance threshold", *threshold));
    let expected = notices.largest_request.iter().map(|largest| ("largest request to expect", *largest));
    for (what, amount) in limits.iter().copied().chain(thresholds).chain(expected) {
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
    let thresholds = [
        ("number of low-balance thresholds", notices.low_balance.len()),
        ("number of shares of the latest top-up", notices.low_share.len()),
        ("number of shares of a cap", notices.cap_spent.len()),
    ];
    if let Some((what, count)) =
        thresholds.into_iter().find(|(_, count)| *count > NoticeRules::MAX_THRESHOLDS)
    {
        return invalid(what, count.to_string(), "must be at most 16");
    }
    if let Some(percent) = notices.low_share.iter().find(|percent| !(1..=99).contains(*percent)) {
        return invalid("share of the latest top-up", format!("{percent} %"), "must be from 1 to 99 %");
    }
    if let Some(percent) = notices.cap_spent.iter().find(|percent| !(50..=100).contains(*percent)) {
        return invalid("share of a cap", format!("{percent} %"), "must be from 50 to 100 %");
    }
    if let Some(days) = notices.short_runway.filter(|days| !(1..=366).contains(days)) {
        return invalid("least runway", format!("{days} days"), "must be from 1 to 366 days");
    }
    let ending = [("credit", notices.credit_ending, 366), ("holds", notices.hold_ending, 30)];
    for (what, within, days) in ending {
        let most = Duration::from_secs(86_400_u64.saturating_mul(days));
        if let Some(within) = within.filter(|within| within.is_zero() || *within > most) {
            let rule = "must be more than nothing and at most 366 days, 30 days for holds";
            return invalid("time before an end", format!("{within:?} for {what}"), rule);
        }
    }
    if let Some(nothing) = given.filter(|given| given.is_zero()) {
        return invalid("courtesy", nothing.to_string(), "must be more than nothing");
    }
    if let Some(percent) = policy.shrink_to.filter(|percent| !(1..=1_000).contains(percent)) {
        return invalid(
            "share of the usual to shrink to",
            format!("{percent} %"),
            "must be from 1 to 1,000 %",
        );
    }
    if !Limits::allow_lifetime(policy.lifetime) {
        return invalid("lifetime", format!("{:?}", policy.lifetime), "must be from 1 ms to 30 days");
    }
    if !Limits::allow_grace(policy.grace) {
        return invalid("grace", format!("{:?}", policy.grace), "must be at most a day");
    }
    Ok(())
}
