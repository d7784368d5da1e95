//! The handle of a hold, which the work carries.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use super::error::Error;
use super::estimate::{Estimate, Start};
use super::job::Job;
use super::{Inner, unbooked};
use crate::account::Applied;
use crate::amount::Amount;
use crate::error::LedgerError;
use crate::hold::{HoldState, OverCapture};
use crate::id::{AccountId, IdempotencyKey};
use crate::ledger::future::LedgerFuture;
use crate::ledger::request::{CaptureRequest, VoidRequest};
use crate::notice::Notice;
use crate::policy::OnDrop;
use crate::price::Tariff;
use crate::receipt::{PricedWork, Receipt};
use crate::sync::{AtomicBool, Ordering};
use crate::usage::{Quantity, Usage};

/// Money set aside for a piece of work, and the way to charge for it.
///
/// ```
/// use billing_guard::{AccountId, Guard, Job, Quantity, Tariff, Unit, Usage, wait};
///
/// # let usd = Unit::new("USD", 6)?;
/// # let guard = Guard::in_memory(usd).price("answer", Tariff::new().per_unit("tokens", "0.01")?).build()?;
/// # let account = AccountId::new("acct_1")?;
/// # wait(guard.top_up(&account, "payment-1".parse()?, usd.amount("1")?))?;
/// // 0.40 USD are enough for 40 tokens; ten would do.
/// # let _other = wait(guard.hold(&account, Job::new("answer").at_most("tokens", 60_u64)))?;
/// let job = Job::new("answer").at_most("tokens", 100_u64).down_to("tokens", 10_u64);
/// let mut hold = wait(guard.hold(&account, job))?;
/// assert_eq!(hold.covers("tokens"), Quantity::from(40_u64));
/// for _ in 0..40 {
///     // Deliver a token, then note it: were this task cancelled, what was noted would be charged.
///     hold.record(&Usage::new().with("tokens", 1_u64))?;
/// }
/// assert_eq!(wait(hold.capture_recorded())?.charged(), usd.amount("0.4")?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Owns everything it needs: send it along with the work. If it is dropped before a capture or void was submitted,
/// the job's [`OnDrop`] decides; dropping submits and never waits.
#[must_use = "dropping a hold gives it back: keep it while the work runs, then capture it"]
pub struct Hold {
    pub(super) guard: Arc<Inner>,
    pub(super) account: AccountId,
    pub(super) key: IdempotencyKey,
    backing: Backing,
    /// The price when the hold was made, which is the price that is charged. `None` only if the job has none, and the
    /// guard observes.
    tariff: Option<Arc<Tariff>>,
    pub(super) job: Job,
    /// What the job comes to at most.
    pub(super) most: Amount,
    /// What was to be held at first.
    first: Amount,
    /// The quantities that were not to be held for in full, and what the forecast said of them until it has learned.
    pub(super) starts: Vec<Start>,
    /// Whether the work was told to end for want of cover.
    pub(super) exhausted: bool,
    /// When it was made, or made to last longer.
    pub(super) renewed: Instant,
    recorded: Usage,
    settlement: Settlement,
    asked: Option<Asked>,
    pub(super) notices: Vec<Notice>,
}

enum Backing {
    /// The ledger holds this.
    Held { state: HoldState, available: Amount },
    /// Nothing is held: the guard only observes, and would have refused with this.
    Observed(Error),
}

/// What was asked of the ledger last, to be asked again if it was not done.
#[derive(Clone, Copy)]
enum Asked {
    Capture(Amount),
    Void,
}

/// Whether a capture or void is on its way or done.
enum Settlement {
    /// It is still to come: dropping the handle submits it.
    Due,
    /// The ledger took it.
    Done,
    /// It was submitted, and is due again if this becomes true: the answer said that it was not applied, or not
    /// whether.
    Submitted(Arc<AtomicBool>),
}

impl Settlement {
    fn is_due(&self) -> bool {
        match self {
            Self::Due => true,
            Self::Done => false,
            Self::Submitted(failed) => failed.load(Ordering::Acquire),
        }
    }
}

/// Whether the hold may still be open after this answer: nothing was applied, or perhaps not.
const fn has_failed<T>(answer: &Result<T, LedgerError>) -> bool {
    matches!(
        answer,
        Err(LedgerError::Unavailable { .. }
            | LedgerError::StoreRegressed { .. }
            | LedgerError::OutcomeUnknown { .. }
            | LedgerError::OverCapture { .. })
    )
}

impl Hold {
    pub(super) fn open(
        guard: Arc<Inner>,
        account: AccountId,
        job: Job,
        estimate: Estimate,
        applied: Applied<HoldState>,
        notices: Vec<Notice>,
    ) -> Self {
        Self {
            guard,
            account,
            key: applied.value().key().clone(),
            backing: Backing::Held { available: applied.available_after(), state: applied.into_value() },
            most: estimate.amount,
            first: estimate.first,
            starts: estimate.starts,
            exhausted: false,
            renewed: Instant::now(),
            tariff: Some(estimate.tariff),
            job,
            recorded: Usage::new(),
            settlement: Settlement::Due,
            asked: None,
            notices,
        }
    }

    pub(super) fn unbacked(
        guard: Arc<Inner>,
        account: AccountId,
        job: Job,
        estimate: Option<Estimate>,
        would_be: Error,
    ) -> Self {
        let nothing = guard.unit.zero();
        let (most, first, starts, tariff) = match estimate {
            Some(Estimate { tariff, amount, first, starts, .. }) => (amount, first, starts, Some(tariff)),
            None => (nothing, nothing, Vec::new(), None),
        };
        Self {
            guard,
            account,
            key: job.key.clone().unwrap_or_else(IdempotencyKey::unique),
            backing: Backing::Observed(would_be),
            most,
            first,
            starts,
            exhausted: false,
            renewed: Instant::now(),
            tariff,
            job,
            recorded: Usage::new(),
            settlement: Settlement::Due,
            asked: None,
            notices: Vec::new(),
        }
    }

    /// Whose balance it is.
    #[must_use]
    pub const fn account(&self) -> &AccountId {
        &self.account
    }

    /// The key that names it, together with its account.
    #[must_use]
    pub const fn key(&self) -> &IdempotencyKey {
        &self.key
    }

    /// What is held: the estimate, or what there was of it. Nothing for work that is only observed.
    #[must_use]
    pub fn amount(&self) -> Amount {
        self.total().unwrap_or_else(|| self.guard.unit.zero())
    }

    /// What was available after it was held, or grew.
    #[must_use]
    pub fn available(&self) -> Option<Amount> {
        match &self.backing {
            Backing::Held { available, .. } => Some(*available),
            Backing::Observed(_) => None,
        }
    }

    /// The error with which the work would have been refused, if the guard did not only
    /// [observe](crate::Enforcement::Observe).
    #[must_use]
    pub const fn observed(&self) -> Option<&Error> {
        match &self.backing {
            Backing::Held { .. } => None,
            Backing::Observed(error) => Some(error),
        }
    }

    /// What the customer should be told now.
    #[must_use]
    pub fn notices(&self) -> &[Notice] {
        &self.notices
    }

    /// How much of a quantity the hold pays for, when every other quantity of the job is used in full, or as far as it was held
    /// for at first ([`Holding`](crate::Holding)). Work that stops there is never uncollected.
    ///
    /// Work that is only observed is covered without limit.
    #[must_use]
    pub fn covers(&self, name: &str) -> Quantity {
        match (&self.backing, &self.tariff) {
            (Backing::Observed(_), _) | (_, None) => Quantity::MAX,
            (Backing::Held { state, .. }, Some(tariff)) => {
                let others = self.job.extents_from(&self.starts);
                tariff.covers_with(state.total(), name, &others).unwrap_or(Quantity::ZERO)
            }
        }
    }

    /// Notes work that was done. No I/O: it is charged by [`capture_recorded`](Self::capture_recorded), or when the
    /// handle is dropped.
    ///
    /// # Errors
    /// [`Error::UnknownPrice`] for a quantity without a price, [`Error::InvalidJob`] if the sum cannot be kept.
    /// Nothing is noted then.
    pub fn record(&mut self, usage: &Usage) -> Result<(), Error> {
        let sum = self.recorded_with(usage)?;
        self.cost(&sum)?;
        self.note(sum);
        Ok(())
    }

    pub(super) fn recorded_with(&self, usage: &Usage) -> Result<Usage, Error> {
        let mut sum = self.recorded.clone();
        sum.add(usage).map_err(|error| Error::from_usage(&error))?;
        Ok(sum)
    }

    pub(super) fn note(&mut self, recorded: Usage) {
        self.recorded = recorded;
    }

    /// The hold as it was when last seen; `None` for work that is only observed.
    pub(super) const fn state(&self) -> Option<&HoldState> {
        match &self.backing {
            Backing::Held { state, .. } => Some(state),
            Backing::Observed(_) => None,
        }
    }

    pub(super) fn total(&self) -> Option<Amount> {
        self.state().map(HoldState::total)
    }

    /// Takes note of how the hold stands now, and of what is available if that is known too.
    pub(super) fn changed(&mut self, now: HoldState, there: Option<Amount>) {
        if let Backing::Held { state, available } = &mut self.backing {
            *state = now;
            *available = there.unwrap_or(*available);
        }
    }

    /// What was recorded so far.
    #[must_use]
    pub const fn recorded(&self) -> &Usage {
        &self.recorded
    }

    /// Charges what the work used, in all, and frees the rest. What was recorded before is replaced by it.
    ///
    /// What it cost beyond the hold is charged as the policy's [`OverCapture`] says, and never beyond the job's budget.
    ///
    /// On [`Error::OutcomeUnknown`] or [`Error::Unavailable`] call it again: it charges once. If the handle is dropped
    /// instead, dropping tries once more.
    ///
    /// # Errors
    /// [`Error::UnknownPrice`] or [`Error::InvalidJob`] if the usage cannot be priced; then nothing was submitted. The
    /// 503s, [`Error::KeyConflict`] if it was captured before with another total, and [`Error::HoldLost`] if it is
    /// gone.
    pub fn capture(&mut self, usage: &Usage) -> LedgerFuture<Receipt, Error> {
        match self.cost(usage) {
            Ok(cost) => {
                self.recorded.clone_from(usage);
                self.learn();
                self.settle(cost)
            }
            Err(error) => LedgerFuture::ready(Err(error)),
        }
    }

    /// Charges what was [recorded](Self::record), and frees the rest.
    ///
    /// # Errors
    /// As [`capture`](Self::capture).
    pub fn capture_recorded(&mut self) -> LedgerFuture<Receipt, Error> {
        match self.cost(&self.recorded) {
            Ok(cost) => {
                self.learn();
                self.settle(cost)
            }
            Err(error) => LedgerFuture::ready(Err(error)),
        }
    }

    /// Gives the hold back without a charge: the work was not done, and what was recorded is forgotten.
    ///
    /// # Errors
    /// The 503s, and [`Error::HoldLost`] if it was captured.
    pub fn void(&mut self) -> LedgerFuture<(), Error> {
        self.recorded = Usage::new();
        self.asked = Some(Asked::Void);
        if self.observed().is_some() {
            return LedgerFuture::ready(Ok(()));
        }
        let request = VoidRequest::new(self.account.clone(), self.key.clone());
        let voided = self.guard.ledger.void(request);
        self.submitted(voided).map(|answer| answer.map(|_| ()).map_err(Error::from))
    }

    fn settle(&mut self, cost: Amount) -> LedgerFuture<Receipt, Error> {
        self.asked = Some(Asked::Capture(cost));
        if self.observed().is_some() {
            return LedgerFuture::ready(Ok(unbooked(cost, self.priced())));
        }
        let (charge, work) = (self.to_charge(cost), self.priced());
        let unasked = cost.minor().saturating_sub(charge.minor());
        let (guard, account) = (Arc::clone(&self.guard), self.account.clone());
        let context = self.job.notice_context;
        let captured = guard.ledger.capture(self.capture_request(charge));
        self.submitted(captured).map(move |answer| {
            let mut settled = answer?;
            settled.value.uncollected = settled.value.uncollected.saturating_add(unasked);
            let notices = guard.notices(&account, &settled, None, context);
            Ok(Receipt { settled, booked: true, notices, work })
        })
    }

    /// The same with nobody left to read the answer: what it would have told is left to the customer's next work.
    fn settle_unheard(&self, cost: Amount) {
        drop(self.guard.ledger.capture(self.capture_request(self.to_charge(cost)).unheard()));
    }

    fn priced(&self) -> Option<PricedWork> {
        let (usage, unit) = (self.recorded.clone(), self.guard.unit);
        self.tariff.clone().map(|tariff| PricedWork { tariff, usage, unit })
    }

    /// Lets the forecast learn from what the work took, once. Not from work that ended by dropping the handle: whether it
    /// was done is not known.
    fn learn(&mut self) {
        for start in &self.starts {
            if let Some(expected) = &start.expected {
                let used = self.recorded.get(&start.name);
                self.guard.forecast.learn(expected, used, self.ended_at_its_cover(start, used));
            }
        }
        self.starts.iter_mut().for_each(|start| start.expected = None);
    }

    /// Whether the work seems to have ended because no more was held for.
    fn ended_at_its_cover(&self, start: &Start, used: Quantity) -> bool {
        if self.exhausted {
            return true;
        }
        let shrunk = self.total().is_some_and(|total| total.minor() < self.first.minor());
        // What is covered takes a while to compute, and hardly any work goes as far.
        if !shrunk && used < start.first {
            return false;
        }
        let covered = self.covers(&start.name);
        used.whole() == covered.whole() && used < self.job.most_of(&start.name)
    }

    /// What of a cost is asked for. What the caller is not willing to pay is not asked of it.
    fn to_charge(&self, cost: Amount) -> Amount {
        match self.job.budget {
            Some(budget) if budget.minor() < cost.minor() => budget,
            _ => cost,
        }
    }

    /// Takes note that a settlement was submitted, and of its answer.
    fn submitted<T: 'static>(&mut self, answer: LedgerFuture<T>) -> LedgerFuture<T> {
        match answer.into_ready() {
            Ok(answer) => {
                self.settlement = if has_failed(&answer) { Settlement::Due } else { Settlement::Done };
                LedgerFuture::ready(answer)
            }
            Err(pending) => {
                let failed = Arc::new(AtomicBool::new(false));
                self.settlement = Settlement::Submitted(Arc::clone(&failed));
                pending.map(move |answer| {
                    failed.store(has_failed(&answer), Ordering::Release);
                    answer
                })
            }
        }
    }

    pub(super) fn cost(&self, usage: &Usage) -> Result<Amount, Error> {
        let unit = self.guard.unit;
        match &self.tariff {
            Some(tariff) => tariff.charge(usage, unit).map_err(|error| Error::from_price(&error)),
            None => Ok(unit.zero()),
        }
    }

    fn capture_request(&self, total: Amount) -> CaptureRequest {
        let policy = &self.guard.policy;
        CaptureRequest::new(self.account.clone(), self.key.clone(), total)
            .with_over(policy.over_capture)
            .with_late(policy.late_capture)
            .with_debt_limit(self.guard.debt_limit())
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if !self.settlement.is_due() || self.observed().is_some() {
            return;
        }
        // Submitted by the call; nobody is left to read the answers. Should the ledger not take them, the hold
        // expires.
        match (self.asked, self.job.on_drop) {
            (Some(Asked::Capture(cost)), _) => {
                // If more than the hold was refused, the hold is what there is to take.
                let within = cost.minor() <= self.amount().minor();
                let rejected = self.guard.policy.over_capture == OverCapture::Reject;
                self.settle_unheard(if rejected && !within { self.amount() } else { cost });
            }
            (Some(Asked::Void), _) => drop(self.void()),
            (None, OnDrop::LeaveToExpire) => {}
            (None, OnDrop::CaptureHold) => self.settle_unheard(self.amount()),
            (None, OnDrop::Settle) if self.recorded.is_empty() => drop(self.void()),
            (None, OnDrop::Settle) => {
                // What cannot be priced was not recorded.
                if let Ok(cost) = self.cost(&self.recorded) {
                    self.settle_unheard(cost);
                }
            }
        }
    }
}

impl fmt::Debug for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hold")
            .field("account", &self.account)
            .field("key", &self.key)
            .field("amount", &self.amount())
            .field("recorded", &self.recorded)
            .finish_non_exhaustive()
    }
}
