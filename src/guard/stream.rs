//! Work that is paid for while it is delivered: the hold grows as the work goes on.

use std::time::Instant;

use super::estimate::Start;
use super::hold::Hold;
use super::progress::{Held, Renewal};
use crate::amount::Amount;
use crate::error::LedgerError;
use crate::guard::error::Error;
use crate::ledger::request::ResizeRequest;
use crate::policy::Enforcement;
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

/// How often is tried what other workers can be faster at. Each time that they are, they have made the hold larger, so this is
/// never reached but with a ledger that has lost its way.
const TRIES: usize = 10_000;

/// What there is to do about a piece of work.
enum Advance {
    Done(Cover),
    /// It is covered, but for not much longer, or no longer for all that is known.
    Renew(Held, Renewal),
    Grow(Need),
}

/// What a hold does not cover.
struct Need {
    held: Held,
    /// All that is used with it.
    used: Usage,
    /// What that costs.
    cost: Amount,
}

/// How much more to ask for: less each time it is refused, so that it ends, and as much as at first when the hold has
/// changed, since that is progress.
#[derive(Clone, Copy, Default)]
enum Ask {
    /// As much as is likely to be needed.
    #[default]
    Ahead,
    /// As much as there was.
    UpTo(i64),
    /// No more than is needed now.
    Needed,
}

/// What came of asking for more.
enum Growth {
    /// The hold is another than it was: look again whether it is enough.
    Changed,
    /// There is less, but perhaps enough.
    Less(Ask),
    Refused(Box<Error>),
}

impl Hold {
    /// Asks whether the hold covers so much more work, and records it if so: call it before you deliver. While the hold covers it
    /// nothing is asked of the ledger; when it does not, the hold grows and lasts its lifetime anew. Work that delivers only
    /// what is [`Cover::Within`] is never uncollected. [Several workers](Hold#several-workers) may ask at once.
    ///
    /// The hold grows ahead of need, so that it seldom has to: to what the forecast expects of work that has come so far
    /// ([`UsageForecast::further`](crate::UsageForecast::further)), or by half again where none is asked. It grows up to the
    /// job's budget and the policy's largest request, and not beyond what the job said at most unless that is used. Where there
    /// is less it takes what there is. Spend caps and the debt limit hold for growth too. So holds may begin small, by
    /// [`Holding::Grow`](crate::Holding::Grow), [`Job::beginning_with`](crate::Job::beginning_with) or
    /// [`Job::down_to`](crate::Job::down_to), and become as large as they need to be.
    ///
    /// A lifetime half of which is over is renewed as well, by the first who asks then. If the ledger cannot be reached for that,
    /// the work goes on while it lasts, and whoever asks an eighth of the lifetime later tries again. When all of it is over the
    /// hold may be gone, and nothing is within it before the ledger has said otherwise. What is delivered then has the policy's
    /// [grace](crate::Policy::with_grace) to be captured.
    ///
    /// While the guard only [observes](crate::Enforcement::Observe), what would end the work is reported, once, and all is within
    /// from then on; a capture then collects what it can.
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
    /// gone or its capture or void was asked for, and the 503s if it had to grow or to be renewed. Nothing is recorded then.
    pub async fn spend(&self, usage: &Usage) -> Result<Cover, Error> {
        self.check_unsettled()?;
        let ends = match self.cover(usage).await {
            Ok(Cover::Exhausted(why)) => why,
            // What no ledger said is no refusal, but a mistake in what is asked.
            Err(error @ (Error::HoldLost(_) | Error::Unavailable { .. } | Error::OutcomeUnknown { .. })) => {
                if self.guard.policy.enforcement == Enforcement::Enforce {
                    return Err(error);
                }
                Box::new(error)
            }
            answer => return answer,
        };
        if let Err(error) = self.guard.observed(&self.account, *ends) {
            self.progress().exhausted = true;
            return Ok(Cover::Exhausted(Box::new(error)));
        }
        self.progress().goes_on = true;
        self.cover(usage).await
    }

    async fn cover(&self, usage: &Usage) -> Result<Cover, Error> {
        let (mut ask, mut renews) = (Ask::default(), true);
        for _ in 0..TRIES {
            match self.advance(usage, renews)? {
                Advance::Done(cover) => return Ok(cover),
                Advance::Renew(held, renewal) => {
                    let is_renewed = self.renew(held, renewal).await?;
                    renews = renewal == Renewal::Needed && !is_renewed;
                }
                Advance::Grow(need) => match self.grow(&need, ask).await? {
                    Growth::Changed => ask = Ask::default(),
                    Growth::Less(less) => ask = less,
                    Growth::Refused(why) => return Ok(Cover::Exhausted(why)),
                },
            }
        }
        let detail = "the hold changed each time it was to grow".to_owned();
        Err(Error::Unavailable { detail })
    }

    /// Records the work if the hold, as it was when last seen, covers it, and otherwise says what to do first.
    fn advance(&self, usage: &Usage, renews: bool) -> Result<Advance, Error> {
        let mut progress = self.progress();
        let used = progress.recorded_with(usage)?;
        let cost = self.cost(&used)?;
        let held = match progress.held() {
            Some(held) if !progress.goes_on => held,
            // Only observed: nothing runs out.
            _ => {
                progress.recorded = used;
                return Ok(Advance::Done(Cover::Within { left: cost.unit().minor(i64::MAX) }));
            }
        };
        // Somebody else may have made it larger than what may be charged.
        let covered = self.guard.to_hold(&self.job, held.total).minor();
        if cost.minor() > covered {
            return Ok(match self.guard.check_size(&self.job, cost) {
                Ok(()) => Advance::Grow(Need { held, used, cost }),
                Err(error) => Advance::Done(Cover::Exhausted(Box::new(error))),
            });
        }
        if renews {
            match progress.renewal(self.guard.lifetime(&self.job)) {
                Renewal::NotYet => {}
                due => return Ok(Advance::Renew(held, due)),
            }
        }
        progress.recorded = used;
        Ok(Advance::Done(Cover::Within { left: cost.unit().minor(covered.saturating_sub(cost.minor())) }))
    }

    /// Makes the hold cover what is needed, and what there is likely to be needed beyond.
    async fn grow(&self, need: &Need, ask: Ask) -> Result<Growth, Error> {
        let (held, needed) = (need.held, need.cost.minor());
        let target = match ask {
            Ask::Ahead => self.ahead_of(need).minor(),
            // Others may have recorded more meanwhile; then the ledger says that there is too little.
            Ask::UpTo(room) => room.max(needed),
            Ask::Needed => needed,
        };
        let request = self
            .resize_from(held)
            .with_total(need.cost.unit().minor(target))
            .with_debt_limit(self.guard.debt_limit())
            .with_caps(self.job.caps_with(&self.guard.policy.caps)?);
        let (room, refused) = match self.resized(request).await {
            Ok(_) => return Ok(Growth::Changed),
            Err(LedgerError::Insufficient(short)) => {
                let short = Box::new(short.without_own(held.reserve));
                (short.spendable(), LedgerError::Insufficient(short))
            }
            Err(LedgerError::CapReached(reached)) => (reached.left(), LedgerError::CapReached(reached)),
            Err(other) => return Err(Error::from(other)),
        };
        let room = held.total.minor().saturating_add(room.minor());
        Ok(match ask {
            Ask::Ahead if (needed..target).contains(&room) => Growth::Less(Ask::UpTo(room)),
            // The last word is about what is needed and no more: so the refusal says how much is missing of that.
            Ask::Ahead | Ask::UpTo(_) if target > needed => Growth::Less(Ask::Needed),
            _ => Growth::Refused(Box::new(Error::from(refused))),
        })
    }

    /// What the forecast expects of work that has taken so much, or half as much again where it is not asked; but not beyond
    /// what the job comes to at most nor any limit, unless it is needed.
    fn ahead_of(&self, need: &Need) -> Amount {
        let needed = need.cost.minor();
        let ahead = match self.further(&need.used) {
            Some(further) => further.minor(),
            None => needed.saturating_add(needed / 2),
        };
        let most = self.guard.to_hold(&self.job, self.most()).minor();
        need.cost.unit().minor(ahead.min(most).max(needed))
    }

    /// What the job comes to at most.
    fn most(&self) -> Amount {
        let all = self.job.extents_as(|_, most| most);
        let most = self.tariff.as_ref().map(|tariff| tariff.ceiling_of(&all, self.guard.unit));
        // More than any amount is no bound.
        most.and_then(Result::ok).unwrap_or_else(|| self.guard.unit.minor(i64::MAX))
    }

    /// What the work comes to if every quantity that is forecast goes as far as is likely from where it is. `None` if none is
    /// forecast.
    fn further(&self, used: &Usage) -> Option<Amount> {
        let tariff = self.tariff.as_ref()?;
        let expected = |name: &str| {
            let start = Start::of(&self.starts, name)?;
            Some((start.first, start.expected.as_ref()?))
        };
        self.starts.iter().find(|start| start.expected.is_some())?;
        let forecast = self.guard.forecast.read();
        let planned = self.job.extents_as(|name, most| {
            let used = used.get(name);
            match expected(name) {
                Some((first, _)) if used <= first => first,
                Some((_, expected)) => expected.further(&forecast, used, most),
                None => most.max(used),
            }
        });
        let is_planned = |name: &str| planned.clone().any(|(known, ..)| known == name);
        let unplanned = used.iter().filter(|(name, _)| !is_planned(name));
        let all = planned.clone().chain(unplanned.map(|(name, used)| (name, used, used)));
        // Were it too much for an amount, half as much again would do.
        tariff.ceiling_of(&all, self.guard.unit).ok()
    }

    /// Makes the hold last its lifetime anew; whether it did. That the ledger could not be reached just now is no reason to stop
    /// while the hold still lasts: it is asked again before long. The same if the hold was changed meanwhile.
    async fn renew(&self, held: Held, renewal: Renewal) -> Result<bool, Error> {
        match self.resized(self.resize_from(held)).await {
            Ok(is_changed) => Ok(is_changed),
            Err(LedgerError::Unavailable { .. } | LedgerError::OutcomeUnknown { .. })
                if renewal == Renewal::InTime =>
            {
                Ok(false)
            }
            Err(error) => {
                // Whoever asks next is to hear of it too.
                self.progress().renews_again();
                Err(Error::from(error))
            }
        }
    }

    /// A resize of the hold as it was, by which it lasts its lifetime anew.
    fn resize_from(&self, held: Held) -> ResizeRequest {
        let lifetime = self.guard.lifetime(&self.job);
        ResizeRequest::new(self.account.clone(), self.key.clone(), held.rev).with_lifetime(lifetime)
    }

    /// Asks for a resize, and takes note of how the hold stands then, and of what there is to tell. That it stood otherwise,
    /// since another worker was faster or nobody waited for the answer to a resize before, is noted as well and no error. Whether
    /// it was changed as was asked.
    async fn resized(&self, request: ResizeRequest) -> Result<bool, LedgerError> {
        let (asked_at, rev) = (Instant::now(), request.rev);
        match self.guard.ledger.resize(request).await {
            Ok(applied) => {
                let notices = self.guard.notices(&self.account, &applied, None, self.job.notice_context);
                self.progress().resized(&applied, notices, asked_at);
                Ok(true)
            }
            // That it stood as it was thought to would be no reason, and trying again would never end.
            Err(LedgerError::Superseded(state)) if state.rev() > rev => {
                self.progress().superseded(&state);
                Ok(false)
            }
            Err(other) => Err(other),
        }
    }
}
