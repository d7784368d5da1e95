//! Settling a hold: capturing what the work used, or giving it back, and what becomes of a handle that is dropped.

use std::sync::Arc;

use super::estimate::Start;
use super::hold::Hold;
use super::unbooked;
use crate::amount::Amount;
use crate::error::LedgerError;
use crate::guard::error::Error;
use crate::hold::OverCapture;
use crate::ledger::future::LedgerFuture;
use crate::ledger::request::{CaptureRequest, VoidRequest};
use crate::policy::{Holding, OnDrop};
use crate::receipt::{PricedWork, Receipt};
use crate::sync::{AtomicBool, Ordering};
use crate::usage::{Quantity, Usage};

/// How far a hold is settled.
pub(super) struct Settlement {
    /// What was asked of the ledger last, to be asked again if it was not done.
    asked: Option<Asked>,
    stage: Stage,
}

#[derive(Clone, Copy)]
enum Asked {
    Capture(Amount),
    Void,
}

/// Whether a capture or void is on its way or done.
enum Stage {
    /// It is still to come: dropping the handle submits it.
    Due,
    /// The ledger took it.
    Done,
    /// It was submitted, and is due again if this becomes true: the answer said that it was not applied, or not
    /// whether.
    Submitted(Arc<AtomicBool>),
}

impl Settlement {
    /// All of it is still to come.
    pub(super) const DUE: Self = Self { asked: None, stage: Stage::Due };

    /// Whether a capture or void was asked for, whatever came of it.
    const fn is_asked(&self) -> bool {
        self.asked.is_some()
    }

    fn is_due(&self) -> bool {
        match &self.stage {
            Stage::Due => true,
            Stage::Done => false,
            Stage::Submitted(failed) => failed.load(Ordering::Acquire),
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
                self.progress_mut().recorded.clone_from(usage);
                self.learn(usage);
                self.settle(cost, usage.clone())
            }
            Err(error) => LedgerFuture::ready(Err(error)),
        }
    }

    /// Charges what was [recorded](Self::record), and frees the rest.
    ///
    /// # Errors
    /// As [`capture`](Self::capture).
    pub fn capture_recorded(&mut self) -> LedgerFuture<Receipt, Error> {
        let recorded = self.recorded();
        match self.cost(&recorded) {
            Ok(cost) => {
                self.learn(&recorded);
                self.settle(cost, recorded)
            }
            Err(error) => LedgerFuture::ready(Err(error)),
        }
    }

    /// Gives the hold back without a charge: the work was not done, and what was recorded is forgotten.
    ///
    /// # Errors
    /// The 503s, and [`Error::HoldLost`] if it was captured.
    pub fn void(&mut self) -> LedgerFuture<(), Error> {
        self.progress_mut().recorded = Usage::new();
        self.settlement.asked = Some(Asked::Void);
        if self.observed().is_some() {
            return LedgerFuture::ready(Ok(()));
        }
        let request = VoidRequest::new(self.account.clone(), self.key.clone());
        let voided = self.guard.ledger.void(request);
        self.submitted(voided).map(|answer| answer.map(|_| ()).map_err(Error::from))
    }

    /// No work can come after a capture or void was asked for: it may be settled, and what it covered be gone.
    pub(super) fn check_unsettled(&self) -> Result<(), Error> {
        if self.settlement.is_asked() {
            let rule = "must not be used any more once its capture or void was asked for";
            return Err(Error::HoldLost(LedgerError::invalid("the hold", rule, &self.key)));
        }
        Ok(())
    }

    fn settle(&mut self, cost: Amount, usage: Usage) -> LedgerFuture<Receipt, Error> {
        self.settlement.asked = Some(Asked::Capture(cost));
        let unit = self.guard.unit;
        let work = self.tariff.clone().map(|tariff| PricedWork { tariff, usage, unit });
        if self.observed().is_some() {
            return LedgerFuture::ready(Ok(unbooked(cost, work)));
        }
        let charge = self.to_charge(cost);
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

    /// The same with nobody left to read the answer: what it would have told is left to the customer's next work. Where more
    /// than the hold would be refused, the hold is what there is to take.
    fn settle_unheard(&self, cost: Amount) {
        let (charge, held) = (self.to_charge(cost), self.amount());
        let is_rejected = self.guard.policy.over_capture == OverCapture::Reject;
        let charge = if is_rejected && charge.minor() > held.minor() { held } else { charge };
        drop(self.guard.ledger.capture(self.capture_request(charge).unheard()));
    }

    /// Lets the forecast learn from what the work took, once. Not from work that ended by dropping the handle: whether it
    /// was done is not known.
    fn learn(&mut self, all: &Usage) {
        for start in &self.starts {
            if let Some(expected) = &start.expected {
                let used = all.get(&start.name);
                self.guard.forecast.learn(expected, used, self.ended_at_its_cover(start, used));
            }
        }
        self.starts.iter_mut().for_each(|start| start.expected = None);
    }

    /// Whether the work seems to have ended because no more was held for.
    fn ended_at_its_cover(&self, start: &Start, used: Quantity) -> bool {
        if self.progress().exhausted {
            return true;
        }
        if self.guard.holding(&self.job) == Holding::Grow {
            // It would have been told.
            return false;
        }
        let shrunk = self.held().is_some_and(|held| held.total.minor() < self.first.minor());
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
                self.settlement.stage = if has_failed(&answer) { Stage::Due } else { Stage::Done };
                LedgerFuture::ready(answer)
            }
            Err(pending) => {
                let failed = Arc::new(AtomicBool::new(false));
                self.settlement.stage = Stage::Submitted(Arc::clone(&failed));
                pending.map(move |answer| {
                    failed.store(has_failed(&answer), Ordering::Release);
                    answer
                })
            }
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
        match (self.settlement.asked, self.job.on_drop) {
            (Some(Asked::Capture(cost)), _) => self.settle_unheard(cost),
            (Some(Asked::Void), _) => drop(self.void()),
            (None, OnDrop::LeaveToExpire) => {}
            (None, OnDrop::CaptureHold) => self.settle_unheard(self.amount()),
            (None, OnDrop::Settle) if self.recorded().is_empty() => drop(self.void()),
            (None, OnDrop::Settle) => {
                // What cannot be priced was not recorded.
                if let Ok(cost) = self.cost(&self.recorded()) {
                    self.settle_unheard(cost);
                }
            }
        }
    }
}
