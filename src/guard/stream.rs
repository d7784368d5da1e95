//! Work that is paid for while it is delivered: the hold grows as the work goes on.

use std::time::Instant;

use super::hold::Hold;
use crate::amount::Amount;
use crate::error::LedgerError;
use crate::guard::error::Error;
use crate::hold::HoldState;
use crate::ledger::request::ResizeRequest;
use crate::usage::Usage;

/// Whether a hold covers more work: the answer to [`Hold::spend`].
#[derive(Clone, Debug, PartialEq)]
pub enum Cover {
    /// It does, and the work is recorded.
    Within {
        /// What the hold pays for beyond it without growing.
        left: Amount,
    },
    /// It does not, and cannot grow: the work is not recorded. Deliver no more, capture what was recorded, and end with what
    /// this error says.
    Exhausted(Box<Error>),
}

/// How often growing is tried: each try but the last can find the hold changed, or that a little less is there.
const TRIES: usize = 4;

impl Hold {
    /// Asks whether the hold covers so much more work, and records it if so: call it before you deliver. While the hold covers it
    /// nothing is asked of the ledger; when it does not, the hold grows, by half again where there is room, and lasts its
    /// lifetime anew. Work that delivers only what is [`Cover::Within`] is never uncollected.
    ///
    /// A hold that began small ([`Job::beginning_with`](crate::Job::beginning_with)), or with what little there was
    /// ([`Job::down_to`](crate::Job::down_to)), so becomes as large as it needs to be, up to the job's budget and the policy's
    /// largest request, and not larger than the job said at most unless it is used. Spend caps and the debt limit hold for
    /// growth too. A lifetime half of which is over is renewed as well.
    ///
    /// Dropping the future records nothing; what it asked of the ledger may still happen, and the hold is then larger.
    ///
    /// ```
    /// use billing_guard::{AccountId, Cover, Guard, Job, Tariff, Unit, Usage, wait};
    ///
    /// # let usd = Unit::new("USD", 6)?;
    /// # let guard = Guard::in_memory(usd).price("answer", Tariff::new().per_unit("tokens", "0.01")?).build()?;
    /// # let account = AccountId::new("acct_1")?;
    /// wait(guard.top_up(&account, "payment-1".parse()?, usd.amount("0.25")?))?;
    /// // Up to 4,096 tokens would be 40.96 USD. It begins with what 10 cost.
    /// let job = Job::new("answer").at_most("tokens", 4_096_u64).beginning_with("tokens", 10_u64);
    /// let mut hold = wait(guard.hold(&account, job))?;
    /// let mut delivered = 0;
    /// let why = loop {
    ///     match wait(hold.spend(&Usage::new().with("tokens", 1_u64)))? {
    ///         Cover::Within { .. } => delivered += 1,
    ///         Cover::Exhausted(why) => break why,
    ///     }
    /// };
    /// assert_eq!((delivered, why.refusal().kind().as_str()), (25, "insufficient_balance"));
    /// assert_eq!(wait(hold.capture_recorded())?.charged(), usd.amount("0.25")?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::UnknownPrice`] and [`Error::InvalidJob`] as [`record`](Self::record) gives them, [`Error::HoldLost`] if the hold is
    /// gone, and the 503s if it had to grow. Nothing is recorded then.
    pub async fn spend(&mut self, usage: &Usage) -> Result<Cover, Error> {
        let sum = self.recorded_with(usage)?;
        let cost = self.cost(&sum)?;
        let unit = cost.unit();
        let Some(mut total) = self.total() else {
            // Only observed: nothing is held, so nothing runs out.
            self.note(sum);
            return Ok(Cover::Within { left: unit.minor(i64::MAX) });
        };
        if cost.minor() > total.minor() {
            if let Err(error) = self.guard.check_size(&self.job, cost) {
                self.exhausted = true;
                return Ok(Cover::Exhausted(Box::new(error)));
            }
            match self.grow(cost).await? {
                Ok(grown) => total = grown,
                Err(refused) => {
                    self.exhausted = true;
                    return Ok(Cover::Exhausted(Box::new(refused)));
                }
            }
        } else if self.is_half_over() {
            self.renew().await?;
        }
        self.note(sum);
        Ok(Cover::Within { left: unit.minor(total.minor().saturating_sub(cost.minor())) })
    }

    /// Makes the hold cover `needed`, and half as much again of what there is room for. Gives what it covers then, or why it
    /// cannot.
    async fn grow(&mut self, needed: Amount) -> Result<Result<Amount, Error>, Error> {
        let mut target = self.ahead_of(needed);
        for _ in 0..TRIES {
            let Some(state) = self.state().cloned() else { return Ok(Ok(needed)) };
            if state.total().minor() >= needed.minor() {
                return Ok(Ok(state.total()));
            }
            let request = self
                .resize_from(&state)
                .with_total(target)
                .with_debt_limit(self.guard.debt_limit())
                .with_caps(self.job.caps_with(&self.guard.policy.caps)?);
            let (room, refused) = match self.resized(request).await {
                Ok(()) => continue,
                Err(LedgerError::Insufficient(short)) => {
                    let short = Box::new(short.without_own(state.reserve()));
                    (short.spendable(), LedgerError::Insufficient(short))
                }
                Err(LedgerError::CapReached(reached)) => (reached.left(), LedgerError::CapReached(reached)),
                Err(other) => return Err(Error::from(other)),
            };
            let there = target.unit().minor(state.total().minor().saturating_add(room.minor()));
            if there.minor() < needed.minor() || there.minor() >= target.minor() {
                return Ok(Err(Error::from(refused)));
            }
            target = there;
        }
        let detail = "the hold changed each time it was to grow".to_owned();
        Err(Error::Unavailable { detail })
    }

    /// Half as much again as is needed, but not beyond what the job comes to at most nor any limit, unless it is needed.
    fn ahead_of(&self, needed: Amount) -> Amount {
        let ahead = needed.minor().saturating_add(needed.minor() / 2);
        let most = self.guard.to_hold(&self.job, self.most).minor();
        needed.unit().minor(ahead.min(most).max(needed.minor()))
    }

    /// Makes the hold last its lifetime anew. That the ledger could not be reached just now is no reason to stop: the hold
    /// still covers the work. If the hold was changed meanwhile, it is renewed next time.
    async fn renew(&mut self) -> Result<(), Error> {
        let Some(request) = self.state().map(|state| self.resize_from(state)) else { return Ok(()) };
        match self.resized(request).await {
            Err(LedgerError::Unavailable { .. } | LedgerError::OutcomeUnknown { .. }) => Ok(()),
            answer => answer.map_err(Error::from),
        }
    }

    /// A resize of the hold as it stands, by which it lasts its lifetime anew.
    fn resize_from(&self, state: &HoldState) -> ResizeRequest {
        let lifetime = self.guard.lifetime(&self.job);
        ResizeRequest::new(self.account.clone(), self.key.clone(), state.rev()).with_lifetime(lifetime)
    }

    /// Asks for a resize, and takes note of how the hold stands then, and of what there is to tell. That it stood otherwise,
    /// since nobody waited for the answer to a resize before, is noted as well and no error.
    async fn resized(&mut self, request: ResizeRequest) -> Result<(), LedgerError> {
        match self.guard.ledger.resize(request).await {
            Ok(applied) => {
                let notices = self.guard.notices(&self.account, &applied, None, self.job.notice_context);
                self.notices.extend(notices);
                self.renewed = Instant::now();
                let (available, state) = (applied.available_after(), applied.into_value());
                self.changed(state, Some(available));
            }
            Err(LedgerError::Superseded(state)) => self.changed(*state, None),
            Err(other) => return Err(other),
        }
        Ok(())
    }

    fn is_half_over(&self) -> bool {
        self.renewed.elapsed().saturating_mul(2) > self.guard.lifetime(&self.job)
    }
}
