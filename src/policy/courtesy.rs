//! A little credit from the host, so that work begun can be finished: [`Courtesy`].

use crate::amount::Amount;
use crate::cap::Caps;
use crate::id::{AccountId, Label};
use crate::period::Period;

/// What a host gives a customer whose balance runs out in the middle of something: what is missing, up to an amount, once in a
/// period, out of an account of the host's own.
///
/// Only [jobs that continue work begun](crate::Job::continuing) get one, and only where it makes up for what is missing:
/// not for a balance that is in use, not for a debt, not for a spend cap. The customer is told
/// ([`Notice::CourtesyGiven`](crate::Notice::CourtesyGiven)); an observing guard gives none.
///
/// The **host-wide ceiling** is the balance of `funded_by`: fill it with what you are ready to give away. Each courtesy is
/// charged there before the customer has it, so all nodes together never give more, and none where that account cannot be
/// charged. What it gives per day or month can be limited by [`with_caps`](Self::with_caps). It counts in the unit of the
/// guard's prices. Its keys that begin with `courtesy:` are the guard's, and so are the customer's keys of credit that
/// do.
///
/// The courtesy is given and the request is made again while the guard's future is awaited: one that is dropped after the
/// refusal gives none. Nothing is atomic across two accounts. When a process ends between the charge and the grant, the charge waits for the
/// customer's next occasion in the same period, if what is missing then is not more; else it is the host's loss, never the
/// customer's. What the customer does not need of a courtesy ends with the period that it was given in (a rolling
/// [`Period`]: with its sixtieth).
///
/// ```
/// use billing_guard::{AccountId, Courtesy, Guard, Job, Notice, Period, Policy, Tariff, Unit, Usage, wait};
///
/// let usd = Unit::new("USD", 6)?;
/// let house = AccountId::new("house/courtesies")?;
/// let courtesy = Courtesy::new("Finish your work".parse()?, usd.amount("0.50")?, Period::month(), house.clone());
/// let guard = Guard::in_memory(usd)
///     .price("step", Tariff::new().fixed("0.40")?)
///     .policy(Policy::new().with_courtesy(courtesy))
///     .build()?;
/// // All customers together get up to 100 USD.
/// wait(guard.top_up(&house, "2026".parse()?, usd.amount("100")?))?;
/// let account = AccountId::new("acct_1")?;
/// wait(guard.top_up(&account, "payment-1".parse()?, usd.amount("0.50")?))?;
///
/// let mut first = wait(guard.hold(&account, Job::new("step")))?;
/// wait(first.capture(&Usage::new()))?;
/// // 0.10 USD are left, and the second step costs 0.40.
/// let second = wait(guard.hold(&account, Job::new("step").continuing()))?;
/// assert_eq!(second.notices(), [Notice::CourtesyGiven { amount: usd.amount("0.30")? }]);
/// assert_eq!(wait(guard.balance(&house))?.available(), usd.amount("99.70")?);
/// // That was this month's.
/// assert!(wait(guard.hold(&account, Job::new("step").continuing())).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Courtesy {
    /// What people know it by; it stands in the customer's statement.
    pub label: Label,
    /// The most that is given on one occasion. More than nothing.
    pub amount: Amount,
    /// How often a customer gets one: once in each of these.
    pub once_per: Period,
    /// The host's own account that pays for it.
    pub funded_by: AccountId,
    /// Spend caps of that account. None by default.
    pub caps: Caps,
}

impl Courtesy {
    /// Up to `amount`, once per account and period, paid for by an account of the host's own.
    #[must_use]
    pub const fn new(label: Label, amount: Amount, once_per: Period, funded_by: AccountId) -> Self {
        Self { label, amount, once_per, funded_by, caps: Caps::NONE }
    }

    /// Limits what the paying account gives in a period, to all customers together.
    #[must_use]
    pub fn with_caps(mut self, caps: Caps) -> Self {
        self.caps = caps;
        self
    }
}
