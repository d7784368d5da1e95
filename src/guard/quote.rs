//! What a job would cost, before anything is held.

use std::time::Duration;

use serde::{Serialize, Serializer};

use super::error::Error;
use super::estimate::Estimate;
use super::job::Job;
use super::{Inner, fits};
use crate::account::Balance;
use crate::amount::Amount;
use crate::cap::{Cap, Caps};
use crate::id::{AccountId, Label};
use crate::period::Period;
use crate::price::Line;
use crate::refusal::Fit;
use crate::usage::{Quantity, QuantityName};

/// What a job would hold, against what there is just now, and the limits that are in force for it.
///
/// What spend caps have left is not in it: a quote reads the balance and nothing else. It says what their limits are;
/// [`Ledger::counters`](crate::Ledger::counters) says what is used.
///
/// Serialised it is what [`Disclosure::Amounts`](crate::Disclosure::Amounts) allows a client to read: amounts as decimal
/// text with the code of their unit beside them, and of spend caps the label, the period and the limit, never the scope.
///
/// ```
/// # use billing_guard::{AccountId, Guard, Job, Policy, Tariff, Unit, wait};
/// # let usd = Unit::new("USD", 2)?;
/// # let account = AccountId::new("acct_1")?;
/// let guard = Guard::in_memory(usd)
///     .price("query", Tariff::new().per_unit("rows", "0.01")?)
///     .policy(Policy::new().with_largest_request(usd.amount("20")?))
///     .build()?;
/// wait(guard.top_up(&account, "payment-1".parse()?, usd.amount("1.50")?))?;
/// let quote = wait(guard.quote(&account, &Job::new("query").at_most("rows", 200_u64)))?;
/// assert!(!quote.fits());
/// assert_eq!(quote.missing(), usd.amount("0.50")?);
/// assert_eq!((quote.would_fit()[0].name.as_ref(), quote.would_fit()[0].quantity), ("rows", 150_u64.into()));
/// assert_eq!(quote.largest_request(), Some(usd.amount("20")?));
/// assert_eq!(
///     serde_json::to_string(&quote)?,
///     r#"{"unit":"USD","estimate":"2","minimum":"2","would_hold":"2","available":"1.5","would_leave":"-0.5","is_enough":false,"#
///         .to_owned()
///         + r#""shortfall":"0.5","fits":[{"name":"rows","quantity":"150"}],"#
///         + r#""lines":[{"name":"rows","quantity":"200","unit_price":"0.01","amount":"2","why":"each"}],"limits":{"debt_limit":"0","#
///         + r#""largest_request":"20","budget":null,"lifetime_ms":300000,"caps":[]}}"#
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quote {
    estimate: Amount,
    minimum: Amount,
    held: Amount,
    balance: Balance,
    would_fit: Vec<Fit>,
    lines: Vec<Line>,
    limits: Limits,
}

/// What is known before the balance is.
pub(super) struct Unanswered {
    job: Job,
    estimate: Estimate,
    amount: Amount,
    lines: Vec<Line>,
    held: Amount,
    limits: Limits,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Limits {
    debt_limit: Amount,
    largest_request: Option<Amount>,
    budget: Option<Amount>,
    caps: Caps,
    lifetime: Duration,
}

impl Unanswered {
    pub(super) fn new(guard: &Inner, account: &AccountId, job: &Job) -> Result<Self, Error> {
        let estimate = guard.estimate(account, job)?;
        guard.check_size(job, estimate.minimum)?;
        let limits = Limits {
            debt_limit: guard.debt_limit(),
            largest_request: guard.policy.largest_request,
            budget: job.budget,
            caps: job.caps_with(&guard.policy.caps)?,
            lifetime: guard.lifetime(job),
        };
        let held = guard.to_hold(job, estimate.first);
        let (amount, lines) = (estimate.amount(job)?, estimate.lines(job)?);
        Ok(Self { job: job.clone(), estimate, amount, lines, held, limits })
    }

    pub(super) fn answered(self, balance: Balance) -> Quote {
        let Self { job, estimate, amount, lines, held, limits } = self;
        let mut quote = Quote {
            estimate: amount,
            minimum: estimate.minimum,
            held,
            balance,
            would_fit: Vec::new(),
            lines,
            limits,
        };
        let most = if quote.spendable() < held.minor() { held.unit().minor(quote.spendable()) } else { held };
        quote.would_fit = fits::fits(&job, &estimate, most);
        quote
    }
}

impl Quote {
    /// What the job costs at most.
    #[must_use]
    pub const fn estimate(&self) -> Amount {
        self.estimate
    }

    /// What the estimate is made of. The lines sum exactly to it.
    #[must_use]
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// The least that would do; the same unless the job says [`down_to`](crate::Job::down_to) or less than its bounds is
    /// [held](crate::Holding) for it.
    #[must_use]
    pub const fn minimum(&self) -> Amount {
        self.minimum
    }

    /// What it would hold if there is enough: the estimate, or what the policy's or the job's [`Holding`](crate::Holding) makes
    /// of it, or the policy's or the caller's limit where less will do.
    #[must_use]
    pub const fn would_hold(&self) -> Amount {
        self.held
    }

    /// What is available just now.
    #[must_use]
    pub const fn available(&self) -> Amount {
        self.balance.available()
    }

    /// What would be available while the work runs, with all of that held; negative if it does not fit.
    #[must_use]
    pub fn would_leave(&self) -> Amount {
        let left = self.available().minor().saturating_sub(self.held.minor());
        self.estimate.unit().minor(left)
    }

    /// Whether the job would be admitted if the balance stayed as it is. What spend caps have left is not looked at.
    #[must_use]
    pub fn fits(&self) -> bool {
        self.minimum.minor() <= self.spendable()
    }

    /// How much more there would have to be for it to be admitted; nothing if it fits.
    #[must_use]
    pub fn missing(&self) -> Amount {
        // A debt beyond its limit has to be made up for as well.
        let missing = if self.fits() { 0 } else { self.minimum.minor().saturating_sub(self.free()) };
        self.estimate.unit().minor(missing)
    }

    /// Of each bounded quantity that does not fit as far as it is to be held for, how much of it would with every other quantity
    /// held for as it is to be. Empty if the whole job fits. Left out is a quantity of which nothing would fit, or less than
    /// [would do](crate::Job::down_to).
    #[must_use]
    pub fn would_fit(&self) -> &[Fit] {
        &self.would_fit
    }

    /// How far below zero the guard's policy lets the balance go.
    #[must_use]
    pub const fn debt_limit(&self) -> Amount {
        self.limits.debt_limit
    }

    /// The most that any single request may be, by the guard's policy.
    #[must_use]
    pub const fn largest_request(&self) -> Option<Amount> {
        self.limits.largest_request
    }

    /// The most that the caller is willing to pay for it.
    #[must_use]
    pub const fn budget(&self) -> Option<Amount> {
        self.limits.budget
    }

    /// The spend caps and counters it falls under: the policy's, then its own.
    #[must_use]
    pub const fn caps(&self) -> &Caps {
        &self.limits.caps
    }

    /// How long the work may take.
    #[must_use]
    pub const fn lifetime(&self) -> Duration {
        self.limits.lifetime
    }

    /// What a hold could be just now, in the smallest steps.
    fn spendable(&self) -> i64 {
        self.free().max(0)
    }

    fn free(&self) -> i64 {
        self.available().minor().saturating_add(self.limits.debt_limit.minor())
    }
}

impl Serialize for Quote {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let limits = &self.limits;
        let cap = |cap: &Cap| {
            let limit = cap.limit.map(decimal)?;
            Some(CapOnWire { label: cap.label.clone(), period: cap.period, limit })
        };
        let fit = |fit: &Fit| FitOnWire { name: fit.name.clone(), quantity: fit.quantity };
        let line = |line: &Line| LineOnWire {
            name: line.name.clone(),
            quantity: line.quantity,
            unit_price: line.price.to_string(),
            amount: decimal(line.amount),
            why: line.why.to_string(),
        };
        let unit = self.estimate.unit();
        OnWire {
            unit: unit.code(),
            estimate: decimal(self.estimate),
            minimum: decimal(self.minimum),
            would_hold: decimal(self.held),
            available: decimal(self.available()),
            would_leave: decimal(self.would_leave()),
            is_enough: self.fits(),
            shortfall: decimal(self.missing()),
            fits: self.would_fit.iter().map(fit).collect(),
            lines: self.lines.iter().map(line).collect(),
            limits: LimitsOnWire {
                debt_limit: decimal(limits.debt_limit),
                largest_request: limits.largest_request.map(decimal),
                budget: limits.budget.map(decimal),
                lifetime_ms: u64::try_from(limits.lifetime.as_millis()).unwrap_or(u64::MAX),
                caps: limits.caps.iter().filter_map(cap).collect(),
            },
        }
        .serialize(serializer)
    }
}

/// Under the names that a refusal has for the same.
#[derive(Serialize)]
struct OnWire<'a> {
    unit: &'a str,
    estimate: String,
    minimum: String,
    would_hold: String,
    available: String,
    would_leave: String,
    is_enough: bool,
    shortfall: String,
    fits: Vec<FitOnWire>,
    lines: Vec<LineOnWire>,
    limits: LimitsOnWire,
}

#[derive(Serialize)]
struct FitOnWire {
    name: QuantityName,
    quantity: Quantity,
}

#[derive(Serialize)]
struct LineOnWire {
    name: Option<String>,
    quantity: Quantity,
    unit_price: String,
    amount: String,
    why: String,
}

#[derive(Serialize)]
struct LimitsOnWire {
    debt_limit: String,
    largest_request: Option<String>,
    budget: Option<String>,
    lifetime_ms: u64,
    caps: Vec<CapOnWire>,
}

/// Without the scope, which may name a key or a user.
#[derive(Serialize)]
struct CapOnWire {
    label: Option<Label>,
    period: Period,
    limit: String,
}

fn decimal(amount: Amount) -> String {
    amount.decimal().to_string()
}
