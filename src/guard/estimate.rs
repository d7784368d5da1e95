//! What a job comes to: at most, to begin with, and at the least.

use std::sync::Arc;

use super::Inner;
use super::error::Error;
use super::expected::Expected;
use super::job::Job;
use crate::amount::Amount;
use crate::clock::Clock;
use crate::forecast::KeyPath;
use crate::id::AccountId;
use crate::policy::Holding;
use crate::price::{Bounded, Line, PriceBook, Tariff};
use crate::usage::{Quantity, QuantityName};

/// What a job is estimated at.
#[derive(Clone, Debug)]
pub(crate) struct Estimate {
    pub(crate) tariff: Arc<Tariff>,
    /// What to hold at first.
    pub(crate) first: Amount,
    /// The least that will do to begin.
    pub(crate) minimum: Amount,
    /// The quantities that are not held for in full at first.
    pub(crate) starts: Vec<Start>,
}

impl Estimate {
    /// All of it at its most. Only who asks needs it.
    pub(crate) fn amount(&self, job: &Job) -> Result<Amount, Error> {
        if self.starts.is_empty() {
            return Ok(self.first);
        }
        let all = job.extents_as(|_, most| most);
        self.tariff.ceiling_of(&all, self.first.unit()).map_err(|error| Error::from_price(&error))
    }

    /// What [`amount`](Self::amount) is made of.
    pub(crate) fn lines(&self, job: &Job) -> Result<Vec<Line>, Error> {
        let all = job.extents_as(|_, most| most);
        self.tariff.ceiling_lines_of(&all, self.first.unit()).map_err(|error| Error::from_price(&error))
    }
}

/// How much of a bounded quantity is held for at first.
#[derive(Clone, Debug)]
pub(crate) struct Start {
    pub(crate) name: QuantityName,
    pub(crate) first: Quantity,
    /// The least of it that will do to begin.
    least: Quantity,
    pub(crate) expected: Option<Expected>,
}

impl Start {
    /// The one of this quantity, if it does not begin with all of it.
    pub(crate) fn of<'a>(starts: &'a [Self], name: &str) -> Option<&'a Self> {
        starts.iter().find(|start| start.name == name)
    }
}

impl Inner {
    /// Prices a job of this account.
    pub(super) fn estimate(&self, account: &AccountId, job: &Job) -> Result<Estimate, Error> {
        job.check()?;
        job.estimate_at(&job.price, self.starts(account, job), &self.prices.read(), &*self.clock)
    }

    pub(super) fn holding(&self, job: &Job) -> Holding {
        job.holding.unwrap_or(self.policy.holding)
    }

    /// With how much of each bounded quantity to begin, if it is not all. The job has been checked.
    fn starts(&self, account: &AccountId, job: &Job) -> Vec<Start> {
        let holding = self.holding(job);
        if holding == Holding::Ceiling || job.bounded().next().is_none() {
            let own = job.beginning.iter().map(|(name, first)| Start {
                name: name.clone(),
                first: *first,
                least: least_of(job, name, *first),
                expected: None,
            });
            return own.collect();
        }
        let path = job.path_for(account);
        let forecast = self.forecast.read();
        let starts = job.bounded().map(|(name, _, most)| {
            let own = job.beginning_of(name);
            let expected = Expected::of(&forecast, path.about(name), most, holding);
            let first = own.unwrap_or_else(|| expected.first(holding, most));
            let usual = self.policy.shrink_to.filter(|_| own.is_none()).zip(expected.usual(&forecast));
            let enough = usual.map_or(first, |(percent, usual)| {
                let units = u128::from(usual).saturating_mul(percent.into()).div_ceil(100);
                let units = u64::try_from(units).unwrap_or(u64::MAX);
                expected.quantity(units, most).min(first)
            });
            Start { name: name.clone(), first, least: least_of(job, name, enough), expected: Some(expected) }
        });
        starts.collect()
    }
}

/// What will do if this much does, or what the job says if that is less.
fn least_of(job: &Job, name: &str, enough: Quantity) -> Quantity {
    job.down_to_of(name).map_or(enough, |least| least.min(enough))
}

impl Job {
    fn beginning_of(&self, name: &str) -> Option<Quantity> {
        self.beginning.iter().find(|(known, _)| known == name).map(|(_, first)| *first)
    }

    /// What is like it.
    fn path_for(&self, account: &AccountId) -> KeyPath {
        self.path.unwrap_or_else(|| {
            let path = KeyPath::new(&self.price).then(account.as_str());
            self.largest_known().map_or(path, |largest| path.sized(largest.whole()))
        })
    }

    /// Prices it at any price, beginning so. The job has been checked.
    pub(crate) fn estimate_at(
        &self,
        price: &str,
        starts: Vec<Start>,
        prices: &PriceBook,
        clock: &dyn Clock,
    ) -> Result<Estimate, Error> {
        let tariff = prices.tariff(price).map_err(|error| Error::from_price(&error))?;
        let tariff = tariff.in_force(clock, &self.labels);
        let tariff = match &self.used {
            Some(used) => Arc::new(Tariff::clone(&tariff).after(used.clone())),
            None => tariff,
        };
        let unpriced = |error| Error::from_price(&error);
        let first = tariff.ceiling_of(&self.extents_from(&starts), prices.unit()).map_err(unpriced)?;
        let may_shrink = |name: &str| match Start::of(&starts, name) {
            Some(start) => start.least < start.first,
            None => self.down_to_of(name).is_some(),
        };
        let minimum = if self.bounded().any(|(name, ..)| may_shrink(name)) {
            let least = self.extents_as(|name, most| match Start::of(&starts, name) {
                Some(start) => start.least,
                None => self.down_to_of(name).unwrap_or(most),
            });
            tariff.ceiling_of(&least, prices.unit()).map_err(unpriced)?
        } else {
            first
        };
        Ok(Estimate { tariff, first, minimum, starts })
    }

    /// What each quantity can come to, with those that begin smaller as they begin.
    pub(crate) fn extents_from<'a>(
        &'a self,
        starts: &'a [Start],
    ) -> impl Iterator<Item = Bounded<'a>> + Clone {
        self.extents_as(move |name, most| Start::of(starts, name).map_or(most, |start| start.first))
    }
}
