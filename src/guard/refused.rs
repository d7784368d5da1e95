//! What a refusal for lack of balance says of ways on: computed from the job and the proof, and only for a refusal.

use super::Inner;
use super::error::Error;
use super::estimate::Estimate;
use super::fits;
use super::job::Job;
use crate::amount::Amount;
use crate::error::LedgerError;
use crate::refusal::Alternative;

impl Inner {
    /// What the ledger answered, as an error; if the balance is too short, with what of the job would fit at its tariff, and
    /// at which other prices all of it would.
    pub(super) fn refused(
        &self,
        job: Option<&Job>,
        estimate: Option<&Estimate>,
        error: LedgerError,
    ) -> Error {
        match (Error::from(error), job) {
            (Error::InsufficientBalance(short), Some(job)) => {
                let spendable = short.spendable();
                let fits = estimate.map(|estimate| fits::fits(job, estimate, spendable));
                let short = short
                    .with_fits(fits.unwrap_or_default())
                    .with_alternatives(self.alternatives(job, spendable));
                Error::InsufficientBalance(Box::new(short))
            }
            (other, _) => other,
        }
    }

    /// The job's other prices at which all of it would be admitted, cheapest first. One that is not in the price book is
    /// none. What fits into the balance is less than the least that was asked for, so it is within the limits that that
    /// was within.
    fn alternatives(&self, job: &Job, spendable: Amount) -> Vec<Alternative> {
        if job.others.is_empty() {
            return Vec::new();
        }
        let prices = self.prices.read();
        let priced = job.others.iter().filter_map(|(label, price)| {
            let estimate = job.estimate_at(price, Vec::new(), &prices, &*self.clock).ok()?.first;
            (estimate.minor() <= spendable.minor()).then(|| Alternative::new(label.clone(), estimate))
        });
        let mut alternatives: Vec<_> = priced.collect();
        alternatives.sort_by_key(|one| one.estimate.minor());
        alternatives
    }
}
