//! What can be asked about an account without changing it, and the sweep.

use crate::amount::Unit;
use crate::cap::CounterKey;
use crate::clock::Timestamp;
use crate::entry::Operation;
use crate::error::LedgerError;
use crate::id::{AccountId, IdempotencyKey, ScopeId};
use crate::limits::Limits;

/// Asks what happened under a key. See [`Ledger::find`](crate::Ledger::find).
///
/// ```
/// # use billing_guard::*;
/// # let usd = Unit::new("USD", 2)?;
/// # let (ledger, account) = (MemoryLedger::new(), AccountId::new("acct_1")?);
/// # wait(ledger.top_up(&account, "payment-1".parse()?, usd.amount("10")?))?;
/// // Did the hold go through whose answer never came?
/// drop(ledger.hold_amount(&account, "req-1".parse()?, usd.amount("3")?));
/// let found = wait(ledger.find(FindRequest::hold(account, "req-1".parse()?)))?;
/// assert!(matches!(found, Found::Hold(hold) if hold.status() == HoldStatus::Open));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FindRequest {
    /// Whose account.
    pub account: AccountId,
    /// Among holds, charges or credit.
    pub operation: Operation,
    /// The key.
    pub key: IdempotencyKey,
}

impl FindRequest {
    /// Asks for the hold with this key.
    #[must_use]
    pub fn hold(account: AccountId, key: IdempotencyKey) -> Self {
        Self { account, operation: Operation::Hold, key }
    }

    /// Asks for the charge that was posted with this key.
    #[must_use]
    pub fn charge(account: AccountId, key: IdempotencyKey) -> Self {
        Self { account, operation: Operation::Charge, key }
    }

    /// Asks for the grant, top-up, refund or adjustment that was posted with this key.
    #[must_use]
    pub fn credit(account: AccountId, key: IdempotencyKey) -> Self {
        Self { account, operation: Operation::Credit, key }
    }
}

/// Asks for a balance. See [`Ledger::balance`](crate::Ledger::balance).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BalanceRequest {
    /// Whose balance.
    pub account: AccountId,
    /// The unit it is expected in; another is an error. An account that does not exist has nothing of it.
    pub unit: Unit,
}

impl BalanceRequest {
    /// Asks for the balance of an account that counts in `unit`.
    #[must_use]
    pub fn new(account: AccountId, unit: Unit) -> Self {
        Self { account, unit }
    }
}

/// Which end of the history a page is read from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Order {
    /// The latest entry first.
    #[default]
    NewestFirst,
    /// The earliest entry first.
    OldestFirst,
}

/// Asks for a page of entries. See [`Ledger::statement`](crate::Ledger::statement).
///
/// Where older entries were folded, the oldest one is an opening entry with their sum. If entries are folded between two
/// pages, the next page has an opening entry that sums up some which were read before, too: take its
/// [`balance_after`](crate::Entry::balance_after) as where things stood.
///
/// ```
/// # use billing_guard::*;
/// # let usd = Unit::new("USD", 2)?;
/// # let (ledger, account) = (MemoryLedger::new(), AccountId::new("acct_1")?);
/// # wait(ledger.top_up(&account, "payment-1".parse()?, usd.amount("10")?))?;
/// wait(ledger.charge(&account, "order-1".parse()?, usd.amount("4")?))?;
/// let page = wait(ledger.statement(StatementRequest::new(account).with_limit(1)))?;
/// assert_eq!(page.entries()[0].balance_after(), usd.amount("6")?);
/// assert!(page.next().is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StatementRequest {
    /// Whose history.
    pub account: AccountId,
    /// From which end.
    pub order: Order,
    /// Continue after the entry with this sequence number, as the page before said.
    pub after: Option<u64>,
    /// How many entries: 1 to 1,000, 100 by default.
    pub limit: u32,
}

impl StatementRequest {
    /// Asks for the latest 100 entries.
    #[must_use]
    pub fn new(account: AccountId) -> Self {
        Self { account, order: Order::default(), after: None, limit: 100 }
    }

    /// Sets from which end.
    #[must_use]
    pub fn with_order(mut self, order: Order) -> Self {
        self.order = order;
        self
    }

    /// Continues where the page before said; from the beginning for `None`.
    #[must_use]
    pub fn with_after(mut self, after: impl Into<Option<u64>>) -> Self {
        self.after = after.into();
        self
    }

    /// Sets how many entries.
    #[must_use]
    pub fn with_limit(mut self, limit: u32) -> Self {
        self.limit = limit;
        self
    }
}

/// Where a list of open holds goes on: they are listed by when they are released, then by key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HoldsCursor {
    pub(crate) release_at: Timestamp,
    pub(crate) key: IdempotencyKey,
}

impl HoldsCursor {
    /// When the last hold of the page before is released.
    #[must_use]
    pub const fn release_at(&self) -> Timestamp {
        self.release_at
    }

    /// Its key.
    #[must_use]
    pub const fn key(&self) -> &IdempotencyKey {
        &self.key
    }
}

/// Asks for a page of open holds, the one released first coming first. See [`Ledger::holds`](crate::Ledger::holds).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HoldsRequest {
    /// Whose holds.
    pub account: AccountId,
    /// Continue after this, as the page before said.
    pub after: Option<HoldsCursor>,
    /// How many holds: 1 to 1,000, 100 by default.
    pub limit: u32,
}

impl HoldsRequest {
    /// Asks for the first 100 open holds.
    #[must_use]
    pub fn new(account: AccountId) -> Self {
        Self { account, after: None, limit: 100 }
    }

    /// Continues after the page that said so.
    #[must_use]
    pub fn with_after(mut self, after: HoldsCursor) -> Self {
        self.after = Some(after);
        self
    }

    /// Sets how many holds.
    #[must_use]
    pub fn with_limit(mut self, limit: u32) -> Self {
        self.limit = limit;
        self
    }
}

/// Asks for a page of counters, by scope, period and time. See [`Ledger::counters`](crate::Ledger::counters).
///
/// ```
/// # use billing_guard::*;
/// # let usd = Unit::new("USD", 2)?;
/// # let (ledger, account) = (MemoryLedger::new(), AccountId::new("acct_1")?);
/// # wait(ledger.top_up(&account, "payment-1".parse()?, usd.amount("10")?))?;
/// let caps = Caps::new([Cap::new("api-key/7f3a".parse()?, Period::day(), usd.amount("5")?)])?;
/// let charge = PostRequest::new(account.clone(), "order-1".parse()?, PostKind::Charge, usd.amount("4")?);
/// wait(ledger.post(charge.with_caps(caps)))?;
/// let page = wait(ledger.counters(CountersRequest::new(account).with_scope("api-key/7f3a".parse()?)))?;
/// assert_eq!(page.counters()[0].used(), usd.amount("4")?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CountersRequest {
    /// Whose counters.
    pub account: AccountId,
    /// Only those of this scope.
    pub scope: Option<ScopeId>,
    /// Continue after this, as the page before said.
    pub after: Option<CounterKey>,
    /// How many counters: 1 to 1,000, 100 by default.
    pub limit: u32,
}

impl CountersRequest {
    /// Asks for the first 100 counters of all scopes.
    #[must_use]
    pub fn new(account: AccountId) -> Self {
        Self { account, scope: None, after: None, limit: 100 }
    }

    /// Sets the scope.
    #[must_use]
    pub fn with_scope(mut self, scope: ScopeId) -> Self {
        self.scope = Some(scope);
        self
    }

    /// Continues after the page that said so.
    #[must_use]
    pub fn with_after(mut self, after: CounterKey) -> Self {
        self.after = Some(after);
        self
    }

    /// Sets how many counters.
    #[must_use]
    pub fn with_limit(mut self, limit: u32) -> Self {
        self.limit = limit;
        self
    }
}

/// Asks for what time has ended to be booked. See [`Ledger::sweep`](crate::Ledger::sweep).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SweepRequest {
    /// How many holds to release, and how many starts and ends of credit to book, at most: 1 to 10,000, 1,000 by default.
    pub limit: u32,
}

impl SweepRequest {
    /// Asks for up to 1,000 of them.
    #[must_use]
    pub const fn new() -> Self {
        Self { limit: 1_000 }
    }

    /// Sets how many at most.
    #[must_use]
    pub const fn with_limit(mut self, limit: u32) -> Self {
        self.limit = limit;
        self
    }
}

impl Default for SweepRequest {
    fn default() -> Self {
        Self::new()
    }
}

/// The size of a page as it was asked for, if it is within its limits.
pub(crate) fn check_page(limit: u32) -> Result<u32, LedgerError> {
    within("the limit of a page", "must be from 1 to 1,000", limit, Limits::MAX_PAGE)
}

/// The same of a sweep, or of pruning.
pub(crate) fn check_sweep(what: &'static str, limit: u32) -> Result<u32, LedgerError> {
    within(what, "must be from 1 to 10,000", limit, Limits::MAX_SWEEP)
}

fn within(what: &'static str, rule: &'static str, limit: u32, most: u32) -> Result<u32, LedgerError> {
    if (1..=most).contains(&limit) { Ok(limit) } else { Err(LedgerError::invalid(what, rule, limit)) }
}
