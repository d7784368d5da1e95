//! A ledger on any store that can compare and write.

pub(crate) mod command;
pub(crate) mod core;
mod decide;
mod draft;
mod driver;
mod generations;
mod known;
pub(crate) mod observe;
mod reads;
mod reply_slot;
#[cfg(test)]
mod simulation;
mod slot;
mod window;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::account::{Applied, Balance};
use crate::captured::Captured;
use crate::entry::Entry;
use crate::error::LedgerError;
use crate::hold::HoldState;
use crate::id::AccountId;
use crate::ledger::Ledger;
use crate::ledger::future::LedgerFuture;
use crate::ledger::reply::{CountersPage, Found, HoldsPage, Statement, Swept};
use crate::ledger::request::{
    BalanceRequest, CaptureRequest, CountersRequest, FindRequest, HoldRequest, HoldsRequest, PostRequest,
    ResizeRequest, StatementRequest, SweepRequest, VoidRequest,
};
use crate::ledger::rules::AccountState;
use crate::ledger::store::Store;
use crate::ledger::store::pages::Pruned;
use command::{Answer, Work};
use driver::Driver;
use observe::Observer;

/// How an engine works. What is out of range is taken as the nearest value in it.
///
/// ```
/// use billing_guard::EngineSettings;
/// use std::time::Duration;
///
/// // For a service that would rather answer 503 soon than let its callers wait.
/// let settings = EngineSettings::new().with_deadline(Duration::from_secs(2)).with_most_waiting(5_000);
/// # let _ = settings;
/// ```
#[derive(Clone, Debug)]
pub struct EngineSettings {
    pub(crate) writers: usize,
    pub(crate) deadline: Duration,
    pub(crate) observer: Option<Arc<dyn Observer>>,
    pub(crate) waiting: usize,
    pub(crate) remembered: usize,
    pub(crate) refusals_apart: Duration,
}

impl EngineSettings {
    /// One writer, a deadline of 10 seconds, no observer, at most 65,536 commands waiting, 200,000 rows remembered, loads for
    /// refusals 100 ms apart.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            writers: 1,
            deadline: Duration::from_secs(10),
            observer: None,
            waiting: 65_536,
            remembered: 200_000,
            refusals_apart: Duration::from_millis(100),
        }
    }

    /// Sets how many commits can be on their way at a time, 1 to 64: each writer has a share of the accounts, and two threads. A store that
    /// writes one transaction at a time, as SQLite does, is fastest with one.
    #[must_use]
    pub fn with_writers(mut self, writers: usize) -> Self {
        self.writers = writers.clamp(1, 64);
        self
    }

    /// Sets how long a command may wait, at most an hour; it is looked at every 100 ms. What still waits then is
    /// [unavailable](crate::LedgerError::Unavailable) and was not applied; what is on its way to the store is answered as
    /// [unknown](crate::LedgerError::OutcomeUnknown). With nothing, every command is unavailable at once.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline.min(Duration::from_secs(3_600));
        self
    }

    /// Sets who is told what happens.
    #[must_use]
    pub fn with_observer(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observer = Some(observer);
        self
    }

    /// Sets how many commands can wait, 1 or more, over all accounts; one more is refused as
    /// [unavailable](crate::LedgerError::Unavailable) at once.
    #[must_use]
    pub fn with_most_waiting(mut self, commands: usize) -> Self {
        self.waiting = commands.max(1);
        self
    }

    /// Sets how much is remembered of accounts, so that they need no load: rows, 1 or more, some 300 bytes each, up to twice
    /// as many.
    #[must_use]
    pub fn with_remembered(mut self, rows: usize) -> Self {
        self.remembered = rows.max(1);
        self
    }

    /// Sets how far loads are apart that only prove refusals of one account, once there were 32 of them: 100 ms by default, so that
    /// thousands of refusals a second share ten loads. Until then, and with nothing, each refusal is proved at once.
    #[must_use]
    pub fn with_refusals_apart(mut self, apart: Duration) -> Self {
        self.refusals_apart = apart;
        self
    }
}

impl Default for EngineSettings {
    fn default() -> Self {
        Self::new()
    }
}

/// A [`Ledger`] on any [`Store`].
///
/// Requests queue, and a thread decides all that wait with what it remembers of their accounts, and commits the outcome in
/// one go; meanwhile the next ones gather. So the busier it is the more share one commit. An answer leaves when what it
/// depends on is committed. A refusal leaves when a load that began after the request had come has shown that it is true.
/// Several processes may work on one store: what one did without the other's knowledge makes the other load and decide again.
///
/// Nothing is polled by the caller: dropping a future, or the runtime, undoes nothing. Dropping the ledger completes what
/// was submitted, as long as the store answers before the deadline, and stops the threads; it blocks for as long as that takes.
///
/// For [`prune`](Self::prune), a backup and other work on the [`store`](Self::store), keep an `Arc` of it beside the one that is given
/// to [`Guard::builder`](crate::Guard::builder).
///
/// ```
/// # #[cfg(feature = "sqlite")] {
/// use billing_guard::{AccountId, LedgerExt, SqliteStore, StoreLedger, Unit, wait};
///
/// let usd = Unit::new("USD", 6)?;
/// let ledger = StoreLedger::new(SqliteStore::in_memory()?);
/// let account = AccountId::new("acct_1")?;
/// wait(ledger.top_up(&account, "payment-1".parse()?, usd.amount("10")?))?;
/// assert_eq!(wait(ledger.balance_of(&account, usd))?.available(), usd.amount("10")?);
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct StoreLedger<S: Store> {
    driver: Driver<S>,
}

impl<S: Store> StoreLedger<S> {
    /// A ledger with the default settings.
    #[must_use]
    pub fn new(store: S) -> Self {
        Self::with_settings(store, EngineSettings::new())
    }

    /// A ledger with settings of your own.
    #[must_use]
    pub fn with_settings(store: S, settings: EngineSettings) -> Self {
        Self { driver: Driver::start(store, settings) }
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> &S {
        self.driver.store()
    }

    /// Deletes holds whose keys are kept no longer and counters that nobody needs, `limit` at most (1 to 10,000), going on where the
    /// call before ended; looks at 1,000 accounts at most. [`more`](Pruned::more) says whether to call it again at once, `false` that it
    /// has come to the last account and will begin with the first. Run it now and then, in every process if you like. Entries are
    /// never deleted.
    ///
    /// # Errors
    /// In the answer: [`Invalid`](LedgerError::Invalid) for a limit out of range,
    /// [`Unavailable`](LedgerError::Unavailable) if the store cannot do it now; perhaps some were deleted.
    pub fn prune(&self, limit: u32) -> LedgerFuture<Pruned> {
        self.driver.prune(limit)
    }

    fn ask<T: Send + 'static>(
        &self,
        account: AccountId,
        work: Work,
        take: impl FnOnce(Answer) -> Option<T> + Send + 'static,
    ) -> LedgerFuture<T> {
        self.driver.ask(account, work).map(|answer| {
            answer.and_then(|answer| {
                take(answer)
                    .ok_or_else(|| core::unavailable("the engine gave another answer than was asked for"))
            })
        })
    }
}

impl<S: Store> Ledger for StoreLedger<S> {
    fn hold(&self, request: HoldRequest) -> LedgerFuture<Applied<HoldState>> {
        self.ask(request.account.clone(), Work::Hold(request), hold)
    }

    fn resize(&self, request: ResizeRequest) -> LedgerFuture<Applied<HoldState>> {
        self.ask(request.account.clone(), Work::Resize(request), hold)
    }

    fn capture(&self, request: CaptureRequest) -> LedgerFuture<Applied<Captured>> {
        self.ask(request.account.clone(), Work::Capture(request), |answer| match answer {
            Answer::Captured(applied) => Some(applied),
            _ => None,
        })
    }

    fn void(&self, request: VoidRequest) -> LedgerFuture<Applied<HoldState>> {
        self.ask(request.account.clone(), Work::Void(request), hold)
    }

    fn post(&self, request: PostRequest) -> LedgerFuture<Applied<Entry>> {
        self.ask(request.account.clone(), Work::Post(request), |answer| match answer {
            Answer::Entry(applied) => Some(applied),
            _ => None,
        })
    }

    fn find(&self, request: FindRequest) -> LedgerFuture<Found> {
        self.ask(request.account.clone(), Work::Find(request), |answer| match answer {
            Answer::Found(found) => Some(found),
            _ => None,
        })
    }

    fn balance(&self, request: BalanceRequest) -> LedgerFuture<Balance> {
        let unit = request.unit;
        let account = self.ask(request.account, Work::Read, |answer| match answer {
            Answer::Account(state, now) => Some((state, now)),
            _ => None,
        });
        account.map(move |answer| match answer? {
            (Some(state), _) if state.unit != unit => {
                Err(LedgerError::WrongUnit { expected: state.unit, given: unit })
            }
            (Some(state), _) => Ok(state.balance()),
            (None, now) => Ok(AccountState::empty(unit).at(now).balance()),
        })
    }

    fn statement(&self, request: StatementRequest) -> LedgerFuture<Statement> {
        self.driver.statement(request)
    }

    fn holds(&self, request: HoldsRequest) -> LedgerFuture<HoldsPage> {
        self.driver.open_holds(request)
    }

    fn counters(&self, request: CountersRequest) -> LedgerFuture<CountersPage> {
        self.driver.counters(request)
    }

    fn sweep(&self, request: SweepRequest) -> LedgerFuture<Swept> {
        self.driver.sweep(request.limit)
    }
}

impl<S: Store> fmt::Debug for StoreLedger<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreLedger").field("store", self.store()).finish_non_exhaustive()
    }
}

fn hold(answer: Answer) -> Option<Applied<HoldState>> {
    match answer {
        Answer::Hold(applied) => Some(applied),
        _ => None,
    }
}
