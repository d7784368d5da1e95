//! What a host decides about its customers' requests: limits, lifetimes, and what to do when something does not fit.

mod courtesy;

use std::time::Duration;

use crate::amount::Amount;
use crate::cap::Caps;
use crate::hold::{LateCapture, OverCapture};
use crate::limits::Limits;
use crate::notice::NoticeRules;

pub use courtesy::Courtesy;

/// Whether the guard refuses.
///
/// ```
/// use billing_guard::{AccountId, Enforcement, Guard, Job, Policy, Tariff, Unit, wait};
///
/// let usd = Unit::new("USD", 6)?;
/// let guard = Guard::in_memory(usd)
///     .price("query", Tariff::new().fixed("0.10")?)
///     .policy(Policy::new().with_enforcement(Enforcement::Observe))
///     .observer(|account, error| eprintln!("{account} would be refused: {error} {:?}", error.log_fields()))
///     .build()?;
/// // Nobody has paid, and yet the work runs.
/// let hold = wait(guard.hold(&AccountId::new("acct_1")?, Job::new("query")))?;
/// assert!(hold.observed().is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Enforcement {
    /// It does.
    #[default]
    Enforce,
    /// It never does: what would be refused runs unbooked and is reported, to the guard's observer and on the hold.
    /// For switching a guard on in production safely. Requests that fit are held and charged as usual, so balances
    /// develop as they would if it enforced. One that would be told to end [on the way](crate::Hold::spend) goes on, and is
    /// charged as far as it can be.
    Observe,
}

/// How much is held for a quantity of which only a bound is known, and so how much of the balance is out of use while the
/// work runs.
///
/// Whatever is chosen, no balance is overdrawn. What differs is what becomes of work that takes more than was held for: it
/// ends at what is [covered](crate::Hold::covers), or what it takes beyond is collected as far as
/// [`OverCapture`] says and the balance goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Holding {
    /// For its bound: work that keeps to it never takes more than is held.
    #[default]
    Ceiling,
    /// For what the guard's [forecast](crate::UsageForecast) expects to suffice in 99 of 100 cases, or at the
    /// [coverage](crate::ForecastSettings::with_coverage_permille) that was set. While it knows too little, for the bound.
    /// [`Hold::covers`](crate::Hold::covers) says how far it goes.
    Forecast,
    /// For what such work usually takes, and more as it goes on: each time that [`Hold::spend`](crate::Hold::spend) finds it not
    /// covered, the hold grows to what the forecast expects of work that has come so far. It holds least, at about one
    /// change of the hold in two pieces of work, and none of it is uncollected. While nothing is known it begins with a sixteenth
    /// of the bound and grows by half.
    ///
    /// Only for work that asks before it delivers, and ends where it is told to. What ends at what is
    /// [covered](crate::Hold::covers) without asking has ended too early.
    ///
    /// ```
    /// use billing_guard::{AccountId, Cover, Guard, Holding, Job, Policy, Tariff, Unit, Usage, wait};
    ///
    /// let usd = Unit::new("USD", 6)?;
    /// let guard = Guard::in_memory(usd)
    ///     .price("answer", Tariff::new().per_unit("tokens", "0.001")?)
    ///     .policy(Policy::new().with_holding(Holding::Grow))
    ///     .build()?;
    /// # let account = AccountId::new("acct_1")?;
    /// # wait(guard.top_up(&account, "payment-1".parse()?, usd.amount("10")?))?;
    /// let answer = |tokens: u64| {
    ///     let mut hold = wait(guard.hold(&account, Job::new("answer").at_most("tokens", 4_096_u64)))?;
    ///     let began_with = hold.amount();
    ///     for _ in 0..tokens {
    ///         match wait(hold.spend(&Usage::new().with("tokens", 1_u64)))? {
    ///             Cover::Within { .. } => {} // Deliver it.
    ///             Cover::Exhausted(_) => break,
    ///         }
    ///     }
    ///     wait(hold.capture_recorded())?;
    ///     Ok::<_, billing_guard::Error>(began_with)
    /// };
    /// assert_eq!(answer(80)?, usd.amount("0.256")?);
    /// // Now that one is known to have taken 80 tokens:
    /// assert!(answer(75)?.minor() < usd.amount("0.1")?.minor());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    Grow,
}

/// What happens to a hold whose handle is dropped before a capture or void was submitted: the work was cancelled, or
/// panicked, or its code forgot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OnDrop {
    /// What was recorded is captured; with nothing recorded the hold is voided.
    #[default]
    Settle,
    /// All of the hold is captured: for work that costs the full price once begun. That begins with the answer to
    /// [`Guard::hold`](crate::Guard::hold): a future dropped with the handle in it counts.
    CaptureHold,
    /// Nothing: the hold stays until it is captured elsewhere, or expires.
    LeaveToExpire,
}

/// The limits and choices a [`Guard`](crate::Guard) works by. They travel in its requests; a ledger stores none.
///
/// Guards that share a ledger and a price book may have different ones, for different plans:
/// [`Guard::with_policy`](crate::Guard::with_policy).
///
/// ```
/// use billing_guard::{NoticeRules, Policy, Unit};
///
/// let usd = Unit::new("USD", 6)?;
/// let notices = NoticeRules::new().with_low_balance(usd.amount("5")?).with_low_balance(usd.amount("1")?);
/// let policy = Policy::new()
///     .with_notices(notices)
///     .with_largest_request(usd.amount("20")?);
/// # Ok::<(), billing_guard::AmountError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Policy {
    /// Whether the guard refuses.
    pub enforcement: Enforcement,
    /// How far below zero work may take the balance. Nothing by default.
    pub debt_limit: Option<Amount>,
    /// The most that any single request may be estimated at. No limit by default.
    pub largest_request: Option<Amount>,
    /// What customers are told of before it is too late. Nothing by default.
    pub notices: NoticeRules,
    /// Spend caps of every job, before its own: for the whole account, by plan. None by default.
    pub caps: Caps,
    /// How long work may take where its job does not say. 5 minutes by default.
    pub lifetime: Duration,
    /// How long after its end a hold is kept for a capture under way. 30 seconds by default.
    pub grace: Duration,
    /// What to do when work cost more than its hold.
    pub over_capture: OverCapture,
    /// What to do when a capture comes after its hold was released.
    pub late_capture: LateCapture,
    /// How much is held for quantities of which only a bound is known. The bound by default.
    pub holding: Holding,
    /// If the balance is too short for what the forecast says: with as little of a quantity as this many percent of what such
    /// work usually takes it may begin all the same, and holds what there is. `None`, which refuses it, by default.
    pub shrink_to: Option<u32>,
    /// What is given to a customer whose balance runs out in the middle of something. Nothing by default.
    pub courtesy: Option<Courtesy>,
}

impl Policy {
    /// The defaults: enforce, no debt, no largest request, no notices.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            enforcement: Enforcement::Enforce,
            debt_limit: None,
            largest_request: None,
            notices: NoticeRules::new(),
            caps: Caps::NONE,
            lifetime: Limits::DEFAULT_LIFETIME,
            grace: Limits::DEFAULT_GRACE,
            over_capture: OverCapture::UpToAvailable,
            late_capture: LateCapture::IfAvailable,
            holding: Holding::Ceiling,
            shrink_to: None,
            courtesy: None,
        }
    }

    /// Sets whether the guard refuses.
    #[must_use]
    pub fn with_enforcement(mut self, enforcement: Enforcement) -> Self {
        self.enforcement = enforcement;
        self
    }

    /// Sets how far below zero work may take the balance.
    #[must_use]
    pub fn with_debt_limit(mut self, debt_limit: Amount) -> Self {
        self.debt_limit = Some(debt_limit);
        self
    }

    /// Sets the most that any single request may be estimated at.
    #[must_use]
    pub fn with_largest_request(mut self, largest: Amount) -> Self {
        self.largest_request = Some(largest);
        self
    }

    /// Sets what customers are told of before it is too late.
    #[must_use]
    pub fn with_notices(mut self, notices: NoticeRules) -> Self {
        self.notices = notices;
        self
    }

    /// Sets the spend caps of every job.
    #[must_use]
    pub fn with_caps(mut self, caps: Caps) -> Self {
        self.caps = caps;
        self
    }

    /// Sets how long work may take where its job does not say.
    #[must_use]
    pub fn with_lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// Sets how long after its end a hold is kept.
    #[must_use]
    pub fn with_grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Sets what to do when work cost more than its hold.
    #[must_use]
    pub fn with_over_capture(mut self, over: OverCapture) -> Self {
        self.over_capture = over;
        self
    }

    /// Sets what to do when a capture comes after its hold was released.
    #[must_use]
    pub fn with_late_capture(mut self, late: LateCapture) -> Self {
        self.late_capture = late;
        self
    }

    /// Sets how much is held for quantities of which only a bound is known; a job may
    /// [say otherwise](crate::Job::with_holding).
    #[must_use]
    pub fn with_holding(mut self, holding: Holding) -> Self {
        self.holding = holding;
        self
    }

    /// Sets with how little work may begin if the balance is too short for what the forecast says: so many percent of what
    /// such work usually takes, from 1 to 1,000. It then holds what there is, and has to end at what that
    /// [covers](crate::Hold::covers). What a job says by [`down_to`](crate::Job::down_to) goes before it. It says nothing where
    /// the bound is held ([`Holding::Ceiling`]), where the job says what a quantity
    /// [begins with](crate::Job::beginning_with), and while too little is known to say what is usual.
    ///
    /// The third way, beside refusing and shrinking, is a [debt limit](Self::with_debt_limit).
    #[must_use]
    pub fn with_shrinking_to(mut self, percent_of_usual: u32) -> Self {
        self.shrink_to = Some(percent_of_usual);
        self
    }

    /// Sets what is given to a customer whose balance runs out in the middle of something.
    #[must_use]
    pub fn with_courtesy(mut self, courtesy: Courtesy) -> Self {
        self.courtesy = Some(courtesy);
        self
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self::new()
    }
}
