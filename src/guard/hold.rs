//! The handle of a hold, which the work carries.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use super::Inner;
use super::error::Error;
use super::estimate::{Estimate, Start};
use super::job::Job;
use super::progress::{Held, Progress};
use super::settlement::Settlement;
use crate::account::Applied;
use crate::amount::Amount;
use crate::hold::HoldState;
use crate::id::{AccountId, IdempotencyKey};
use crate::notice::Notice;
use crate::price::Tariff;
use crate::sync::{Mutex, MutexGuard, PoisonError};
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
/// the job's [`OnDrop`](crate::OnDrop) decides; dropping submits and never waits.
///
/// # Several workers
///
/// A batch job is one hold and many workers: put it into an [`Arc`]. Whoever is told [`Cover::Within`](crate::Cover::Within)
/// may deliver, and all of them together are never told so beyond what is held. Who finds that the hold does not cover its
/// piece makes it grow for all. When the workers are done, take the handle out of the `Arc` to capture what they recorded;
/// if that never comes, the last of them to let go of it settles it as any handle that is dropped.
///
/// ```
/// use std::sync::Arc;
///
/// use billing_guard::{AccountId, Cover, Error, Guard, Job, Tariff, Unit, Usage, wait};
///
/// # let usd = Unit::new("USD", 6)?;
/// # let guard = Guard::in_memory(usd).price("scan", Tariff::new().per_unit("pages", "0.01")?).build()?;
/// # let account = AccountId::new("acct_1")?;
/// wait(guard.top_up(&account, "payment-1".parse()?, usd.amount("2.50")?))?;
/// // 1,000 pages would be 10 USD. It begins with what 20 cost.
/// let job = Job::new("scan").at_most("pages", 1_000_u64).beginning_with("pages", 20_u64);
/// let hold = Arc::new(wait(guard.hold(&account, job))?);
/// let workers: Vec<_> = (0..4)
///     .map(|_| {
///         let hold = Arc::clone(&hold);
///         std::thread::spawn(move || -> Result<u64, Error> {
///             let (mut pages, page) = (0, Usage::new().with("pages", 1_u64));
///             while let Cover::Within { .. } = wait(hold.spend(&page))? {
///                 pages += 1; // Scan a page here.
///             }
///             Ok(pages)
///         })
///     })
///     .collect();
/// let mut pages = 0;
/// for worker in workers {
///     pages += worker.join().map_err(|_| "a worker panicked")??;
/// }
/// // The balance was enough for 250 pages, whoever scanned them.
/// assert_eq!(pages, 250);
/// let mut hold = Arc::into_inner(hold).ok_or("a worker still has it")?;
/// assert_eq!(wait(hold.capture_recorded())?.charged(), usd.amount("2.50")?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "dropping a hold gives it back: keep it while the work runs, then capture it"]
pub struct Hold {
    pub(super) guard: Arc<Inner>,
    pub(super) account: AccountId,
    pub(super) key: IdempotencyKey,
    /// What the guard would have refused the work with, if it only observes: then nothing is held.
    observed: Option<Error>,
    /// The price when the hold was made, which is the price that is charged. `None` only if the job has none, and the
    /// guard observes.
    pub(super) tariff: Option<Arc<Tariff>>,
    pub(super) job: Job,
    /// What was to be held at first.
    pub(super) first: Amount,
    /// The quantities that were not to be held for in full, and what the forecast said of them until it has learned.
    pub(super) starts: Vec<Start>,
    progress: Mutex<Progress>,
    pub(super) settlement: Settlement,
}

impl Hold {
    pub(super) fn open(
        guard: Arc<Inner>,
        account: AccountId,
        job: Job,
        estimate: Estimate,
        (applied, asked_at): (&Applied<HoldState>, Instant),
        notices: Vec<Notice>,
    ) -> Self {
        let progress = Progress::new(Some(Held::of(applied)), notices, asked_at);
        Self {
            guard,
            account,
            key: applied.value().key().clone(),
            observed: None,
            tariff: Some(estimate.tariff),
            job,
            first: estimate.first,
            starts: estimate.starts,
            progress: Mutex::new(progress),
            settlement: Settlement::DUE,
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
        let (first, starts, tariff) = match estimate {
            Some(Estimate { tariff, first, starts, .. }) => (first, starts, Some(tariff)),
            None => (nothing, Vec::new(), None),
        };
        Self {
            guard,
            account,
            key: job.key.clone().unwrap_or_else(IdempotencyKey::unique),
            observed: Some(would_be),
            tariff,
            job,
            first,
            starts,
            progress: Mutex::new(Progress::new(None, Vec::new(), Instant::now())),
            settlement: Settlement::DUE,
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

    /// What is held: the estimate, or what there was of it, and what it has grown by. Nothing for work that is only
    /// observed.
    #[must_use]
    pub fn amount(&self) -> Amount {
        self.held().map_or_else(|| self.guard.unit.zero(), |held| held.total)
    }

    /// What was available after it was held, or grew.
    #[must_use]
    pub fn available(&self) -> Option<Amount> {
        self.held().map(|held| held.available)
    }

    /// The error with which the work would have been refused, if the guard did not only
    /// [observe](crate::Enforcement::Observe).
    #[must_use]
    pub const fn observed(&self) -> Option<&Error> {
        self.observed.as_ref()
    }

    /// What the customer should be told now: what there was to tell when it was held, and each time it grew.
    #[must_use]
    pub fn notices(&self) -> Vec<Notice> {
        self.progress().notices.clone()
    }

    /// How much of a quantity the hold pays for, when every other quantity of the job is used in full, or as far as it was held
    /// for at first ([`Holding`](crate::Holding)). Work that stops there is never uncollected.
    ///
    /// Work that is only observed is covered without limit.
    #[must_use]
    pub fn covers(&self, name: &str) -> Quantity {
        match (self.held(), &self.tariff) {
            (None, _) | (_, None) => Quantity::MAX,
            (Some(held), Some(tariff)) => {
                let others = self.job.extents_from(&self.starts);
                tariff.covers_with(held.total, name, &others).unwrap_or(Quantity::ZERO)
            }
        }
    }

    /// Notes work that was done. No I/O: it is charged by [`capture_recorded`](Self::capture_recorded), or when the
    /// handle is dropped. It is noted whether the hold covers it or not; [`spend`](Self::spend) asks first.
    ///
    /// # Errors
    /// [`Error::UnknownPrice`] for a quantity without a price, [`Error::InvalidJob`] if the sum cannot be kept,
    /// [`Error::HoldLost`] once a capture or void was asked for, since what comes after that would not be charged.
    /// Nothing is noted then.
    pub fn record(&self, usage: &Usage) -> Result<(), Error> {
        self.check_unsettled()?;
        let mut progress = self.progress();
        let sum = progress.recorded_with(usage)?;
        self.cost(&sum)?;
        progress.recorded = sum;
        Ok(())
    }

    /// The work turned out to come after so much other work: what it costs [goes on from there](Tariff::after), in the place of
    /// what [the job](Job::after) said. For what a [`Meter`](crate::Meter) says when it is counted, before the
    /// [`capture`](Self::capture). Where that is dearer, the work may come to more than is held.
    pub fn after(&mut self, used: Usage) {
        self.tariff = self.tariff.take().map(|tariff| Arc::new(Tariff::clone(&tariff).after(used)));
    }

    /// What was recorded so far.
    #[must_use]
    pub fn recorded(&self) -> Usage {
        self.progress().recorded.clone()
    }

    /// How far the work has come. Nothing panics while it is locked; if something did, it changed nothing before.
    pub(super) fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn progress_mut(&mut self) -> &mut Progress {
        self.progress.get_mut().unwrap_or_else(PoisonError::into_inner)
    }

    /// The hold as it was when last seen; `None` for work that is only observed.
    pub(super) fn held(&self) -> Option<Held> {
        self.progress().held()
    }

    pub(super) fn cost(&self, usage: &Usage) -> Result<Amount, Error> {
        let unit = self.guard.unit;
        match &self.tariff {
            Some(tariff) => tariff.charge(usage, unit).map_err(|error| Error::from_price(&error)),
            None => Ok(unit.zero()),
        }
    }
}

impl fmt::Debug for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hold")
            .field("account", &self.account)
            .field("key", &self.key)
            .field("amount", &self.amount())
            .field("recorded", &self.recorded())
            .finish_non_exhaustive()
    }
}
