//! The contract of a ledger: what every store of balances does, and what a caller may rely on.

pub(crate) mod engine;
pub(crate) mod future;
pub(crate) mod memory;
pub(crate) mod reply;
pub(crate) mod request;
pub(crate) mod rules;
#[cfg(feature = "sqlite")]
pub(crate) mod sqlite;
pub(crate) mod store;

use std::fmt;

use crate::account::{Applied, Balance};
use crate::amount::{Amount, Unit};
use crate::captured::Captured;
use crate::entry::{ChargeRef, Entry};
use crate::grant::GrantTerms;
use crate::hold::HoldState;
use crate::id::{AccountId, IdempotencyKey};
use future::LedgerFuture;
use reply::{CountersPage, Found, HoldsPage, Statement, Swept};
use request::{
    BalanceRequest, CaptureRequest, CountersRequest, FindRequest, HoldRequest, HoldsRequest, PostKind,
    PostRequest, ResizeRequest, StatementRequest, SweepRequest, VoidRequest,
};

/// Keeps balances, and changes each in one atomic step at a time.
///
/// Object safe, without generics: hold it as `Arc<dyn Ledger>`. Every method takes one owned request and returns a
/// [`LedgerFuture`], which [`wait`](crate::wait) completes without a runtime. [`LedgerExt`] has shorthands. Whether a
/// ledger keeps the contract is what the suite in module `conformance` (a feature) tells.
///
/// # Contract
///
/// 1. **Atomic.** Check and hold are one step. Two requests can never spend the same money.
/// 2. **Idempotent.** The same key with the same content gives the same answer, marked as a replay and carrying the
///    present state; with other content it is a [`KeyConflict`](crate::LedgerError::KeyConflict) that names the
///    field. What is compared is the [`Content`](crate::Content) the caller declared; without any, the amounts.
///    Lifetimes, limits and labels are the host's policy and are not compared. A refusal for lack of balance leaves
///    no trace: top up, repeat the same key, succeed. Keys of holds are kept for max(lifetime + grace, 24 h) after
///    closing, keys of entries as long as the entry, unless the ledger states a tighter bound. A key that was
///    forgotten is new again.
/// 3. **Submitted by the call.** Before a changing method returns, its change is applied, queued where it completes
///    without being polled, or refused. Dropping the future undoes nothing.
/// 4. **Three outcomes, never confused**: applied; not applied, with a reason; and
///    [unknown](crate::LedgerError::OutcomeUnknown). A store that cannot be reached never looks like an empty
///    balance: a refusal for lack of balance carries its proof, a [`Shortfall`](crate::Shortfall).
/// 5. **Lifetimes** are durations on the ledger's clock. A hold may be released at its end plus its grace. From then
///    on it counts as released in every decision, swept or not; before, never. A capture committed before is normal,
///    after it late.
/// 6. **Captures** above the hold follow [`OverCapture`](crate::OverCapture), late ones
///    [`LateCapture`](crate::LateCapture). What could not be collected is recorded as uncollected. Another
///    request's hold is never touched.
/// 7. **Grants** are used in the order (priority, soonest end, given before bought, oldest). A hold remembers what it drew
///    on; a void restores exactly that, and a grant that ends stays usable by the holds on it. A refund returns to its
///    source. What is left of credit that ended is booked as an entry. A debt is paid first, by whatever credit comes.
/// 8. **Spend caps** are checked in the same step, holds counted. What a hold did not need goes back to the period it was
///    taken from. A capture is never refused by a cap.
/// 9. **Sums.** `posted` is the sum of the entries, `held` the sum of the open holds, `available = posted - held`.
///    Available is negative only through an allowed debt or a negative adjustment. What remains of a grant is the sum of
///    what entries [moved](crate::Movement) of it.
/// 10. **Sequence.** Each change of an account has the next number of its sequence, the release of an expired hold
///     and the start and end of credit too. Refusals and reads carry the number they were decided on. Replies carry what was available before and
///     after, so that a threshold is crossed by exactly one change.
/// 11. **Limits** are stated on every list, lifetime, id and batch, and never refuse money already paid. No amount up
///     to `i64::MAX` wraps.
///
/// The [manual](crate::manual::contract) states each clause in full.
///
/// An account has one unit, fixed by its first change. An account that has none is an empty one: when it is refused,
/// nothing is stored about it. (Work that costs nothing is not refused, and is a change.) Nothing is atomic across accounts.
///
/// A wrapper should forward every method; there are no default bodies, so that none is forgotten.
pub trait Ledger: Send + Sync + fmt::Debug {
    /// Checks the balance and sets an amount aside, in one step.
    fn hold(&self, request: HoldRequest) -> LedgerFuture<Applied<HoldState>>;
    /// Changes what an open hold covers, makes it last longer, or both. If refused, the hold stands as it was.
    fn resize(&self, request: ResizeRequest) -> LedgerFuture<Applied<HoldState>>;
    /// Charges a hold for the work done, up to an absolute total; a final capture frees the rest.
    fn capture(&self, request: CaptureRequest) -> LedgerFuture<Applied<Captured>>;
    /// Gives back a hold from which nothing was captured.
    fn void(&self, request: VoidRequest) -> LedgerFuture<Applied<HoldState>>;
    /// Books an entry in one step: grant, top-up, charge, refund, adjustment.
    fn post(&self, request: PostRequest) -> LedgerFuture<Applied<Entry>>;
    /// What happened under a key. "Not applied" is answered only when it can no longer happen.
    fn find(&self, request: FindRequest) -> LedgerFuture<Found>;
    /// The balance of an account. For showing: it may have changed when you read it, so never decide by it.
    fn balance(&self, request: BalanceRequest) -> LedgerFuture<Balance>;
    /// A page of an account's entries.
    fn statement(&self, request: StatementRequest) -> LedgerFuture<Statement>;
    /// A page of an account's open holds.
    fn holds(&self, request: HoldsRequest) -> LedgerFuture<HoldsPage>;
    /// A page of what counts against spend caps.
    fn counters(&self, request: CountersRequest) -> LedgerFuture<CountersPage>;
    /// Books what time has ended, a bounded number at a time. Decisions never wait for it.
    fn sweep(&self, request: SweepRequest) -> LedgerFuture<Swept>;
}

/// Shorthands that build the usual requests. Nothing here does more than its request says.
///
/// ```
/// use billing_guard::{AccountId, LedgerExt, MemoryLedger, Unit, wait};
///
/// let usd = Unit::new("USD", 6)?;
/// let ledger = MemoryLedger::new();
/// let account = AccountId::new("acct_1")?;
/// wait(ledger.top_up(&account, "payment-1".parse()?, usd.amount("10")?))?;
/// wait(ledger.hold_amount(&account, "req-1".parse()?, usd.amount("3")?))?;
/// wait(ledger.capture_final(&account, "req-1".parse()?, usd.amount("1.25")?))?;
/// let balance = wait(ledger.balance_of(&account, usd))?;
/// assert_eq!(balance.available(), usd.amount("8.75")?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait LedgerExt: Ledger {
    /// Books credit that was bought.
    fn top_up(
        &self,
        account: &AccountId,
        key: IdempotencyKey,
        amount: Amount,
    ) -> LedgerFuture<Applied<Entry>> {
        self.post(PostRequest::new(account.clone(), key, PostKind::top_up(), amount))
    }

    /// Books credit on terms of its own.
    ///
    /// ```
    /// use billing_guard::{AccountId, GrantTerms, LedgerExt, MemoryLedger, Timestamp, Unit, wait};
    ///
    /// let usd = Unit::new("USD", 2)?;
    /// let (ledger, account) = (MemoryLedger::new(), AccountId::new("acct_1")?);
    /// let welcome = GrantTerms::promotional()
    ///     .with_label("Welcome".parse()?)
    ///     .ending_at(Timestamp::from_micros(4_102_444_800_000_000)); // 2100
    /// wait(ledger.grant(&account, "welcome".parse()?, welcome, usd.amount("5")?))?;
    /// wait(ledger.top_up(&account, "payment-1".parse()?, usd.amount("10")?))?;
    /// wait(ledger.charge(&account, "order-1".parse()?, usd.amount("4")?))?;
    /// // What was given and ends is used before what was bought.
    /// let balance = wait(ledger.balance_of(&account, usd))?;
    /// assert_eq!(balance.grants()[0].remaining(), usd.amount("1")?);
    /// assert_eq!(balance.plain(), usd.amount("10")?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn grant(
        &self,
        account: &AccountId,
        key: IdempotencyKey,
        terms: GrantTerms,
        amount: Amount,
    ) -> LedgerFuture<Applied<Entry>> {
        self.post(PostRequest::new(account.clone(), key, PostKind::Credit(terms), amount))
    }

    /// Charges in one step, if the balance suffices.
    fn charge(
        &self,
        account: &AccountId,
        key: IdempotencyKey,
        amount: Amount,
    ) -> LedgerFuture<Applied<Entry>> {
        self.post(PostRequest::new(account.clone(), key, PostKind::Charge, amount))
    }

    /// Gives a charge back, in whole or in part.
    fn refund(
        &self,
        account: &AccountId,
        key: IdempotencyKey,
        of: ChargeRef,
        amount: Amount,
    ) -> LedgerFuture<Applied<Entry>> {
        self.post(PostRequest::new(account.clone(), key, PostKind::refund(of), amount))
    }

    /// Corrects a balance either way; may take it below zero, as a chargeback does.
    fn adjust(
        &self,
        account: &AccountId,
        key: IdempotencyKey,
        amount: Amount,
    ) -> LedgerFuture<Applied<Entry>> {
        self.post(PostRequest::new(account.clone(), key, PostKind::Adjustment, amount))
    }

    /// Holds an amount, all of it or nothing, for the default lifetime.
    fn hold_amount(
        &self,
        account: &AccountId,
        key: IdempotencyKey,
        amount: Amount,
    ) -> LedgerFuture<Applied<HoldState>> {
        self.hold(HoldRequest::new(account.clone(), key, amount))
    }

    /// Charges a hold and closes it.
    fn capture_final(
        &self,
        account: &AccountId,
        key: IdempotencyKey,
        total: Amount,
    ) -> LedgerFuture<Applied<Captured>> {
        self.capture(CaptureRequest::new(account.clone(), key, total))
    }

    /// Gives a hold back.
    fn void_hold(&self, account: &AccountId, key: IdempotencyKey) -> LedgerFuture<Applied<HoldState>> {
        self.void(VoidRequest::new(account.clone(), key))
    }

    /// The balance of an account.
    fn balance_of(&self, account: &AccountId, unit: Unit) -> LedgerFuture<Balance> {
        self.balance(BalanceRequest::new(account.clone(), unit))
    }
}

impl<L: Ledger + ?Sized> LedgerExt for L {}
