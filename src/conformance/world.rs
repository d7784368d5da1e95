//! One account of a fresh ledger on a clock that the check moves, and what checks do with it.

pub(crate) mod credit;
pub(crate) mod race;
pub(crate) mod random;
pub(crate) mod spend;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::account::{Applied, Balance};
use crate::amount::{Amount, Unit};
use crate::audit;
use crate::cap::Counter;
use crate::clock::{Clock, ManualClock, Timestamp};
use crate::conformance::failed::{Checked, ensure, ensure_eq, fail};
use crate::content::Content;
use crate::entry::{ChargeRef, Entry};
use crate::error::{LedgerError, Shortfall};
use crate::grant::{Grant, GrantTerms};
use crate::hold::{HoldState, HoldStatus};
use crate::id::{AccountId, IdempotencyKey, Labels};
use crate::ledger::Ledger;
use crate::ledger::future;
use crate::ledger::reply::{Found, HoldsPage, Statement, Swept};
use crate::ledger::request::{
    BalanceRequest, CaptureMode, CaptureRequest, EndedCredit, FindRequest, HoldRequest, HoldsRequest, Order,
    PostKind, PostRequest, ResizeRequest, StatementRequest, SweepRequest, VoidRequest,
};
use crate::limits::Limits;
use crate::receipt::Captured;

/// Makes a fresh ledger on a clock.
pub(crate) type Make<'a> = &'a dyn Fn(Arc<ManualClock>) -> Arc<dyn Ledger>;

/// What a ledger answers to a change.
pub(crate) type Answer<T> = Result<Applied<T>, LedgerError>;

pub(crate) const MICRO: Duration = Duration::from_micros(1);

/// After so long a hold with the default lifetime and grace is released.
pub(crate) const DEFAULT_RELEASE: Duration = Limits::DEFAULT_LIFETIME.saturating_add(Limits::DEFAULT_GRACE);

/// A ledger, the clock it runs on, and one account of it.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) account: AccountId,
    pub(crate) usd: Unit,
}

/// Everything that can be read of an account but the time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Picture {
    pub(crate) posted: i64,
    pub(crate) held: i64,
    pub(crate) open_holds: u32,
    pub(crate) seq: u64,
    pub(crate) grants: Vec<Grant>,
    pub(crate) entries: Vec<Entry>,
    pub(crate) holds: Vec<HoldState>,
    pub(crate) counters: Vec<Counter>,
}

// The kinds of posting. No other place of the suite makes one.

pub(crate) fn top_up() -> PostKind {
    PostKind::top_up()
}

pub(crate) fn grant() -> PostKind {
    PostKind::Credit(GrantTerms::promotional())
}

pub(crate) fn charge() -> PostKind {
    PostKind::Charge
}

pub(crate) fn adjustment() -> PostKind {
    PostKind::Adjustment
}

pub(crate) fn credit(terms: &GrantTerms) -> PostKind {
    PostKind::Credit(terms.clone())
}

pub(crate) fn refund_of(of: ChargeRef) -> PostKind {
    PostKind::refund(of)
}

pub(crate) fn refund_with(of: ChargeRef, ended: EndedCredit) -> PostKind {
    PostKind::Refund { of, ended }
}

pub(crate) fn the_hold(name: &str) -> ChargeRef {
    ChargeRef::Hold(key(name))
}

pub(crate) fn the_charge(name: &str) -> ChargeRef {
    ChargeRef::Charge(key(name))
}

// What the suite writes out itself and is therefore valid.

/// Keys have no spaces; checks read better with them.
pub(crate) fn key(name: &str) -> IdempotencyKey {
    name.replace(' ', "-").parse().expect("a key of the suite")
}

pub(crate) fn account(name: &str) -> AccountId {
    AccountId::new(name).expect("an account of the suite")
}

pub(crate) fn unit(code: &str, scale: u8) -> Unit {
    Unit::new(code, scale).expect("a unit of the suite")
}

pub(crate) fn labels(pairs: &[(&str, &str)]) -> Labels {
    Labels::new(pairs.iter().copied()).expect("labels of the suite")
}

pub(crate) fn content(fields: &[(&str, &str)]) -> Content {
    Content::new(fields.iter().copied()).expect("content of the suite")
}

pub(crate) fn just_before(moment: Timestamp) -> Timestamp {
    Timestamp::from_micros(moment.as_micros() - 1)
}

/// The refusal that an answer must be.
#[track_caller]
pub(crate) fn refusal<T: fmt::Debug>(answer: Result<T, LedgerError>) -> Checked<LedgerError> {
    match answer {
        Err(error) => Ok(error),
        Ok(value) => fail!("this must be refused: {value:?}"),
    }
}

/// What must be there.
#[track_caller]
pub(crate) fn given<T>(option: Option<T>, what: &str) -> Checked<T> {
    match option {
        Some(value) => Ok(value),
        None => fail!("there is no {what}"),
    }
}

impl World {
    pub(crate) fn new(make: Make<'_>) -> Self {
        let clock = Arc::new(ManualClock::new());
        Self { ledger: make(clock.clone()), clock, account: account("acct"), usd: unit("USD", 2) }
    }

    /// With this much paid in, in change number 1.
    #[track_caller]
    pub(crate) fn funded(make: Make<'_>, minor: i64) -> Checked<Self> {
        let world = Self::new(make);
        world.top_up("paid in", minor)?;
        Ok(world)
    }

    /// Another account of the same ledger.
    pub(crate) fn beside(&self, name: &str, unit: Unit) -> Self {
        Self { account: account(name), usd: unit, ..self.clone() }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn amount(&self, minor: i64) -> Amount {
        self.usd.minor(minor)
    }

    // Requests, and the usual ways to send them.

    pub(crate) fn hold_request(&self, name: &str, minor: i64) -> HoldRequest {
        HoldRequest::new(self.account.clone(), key(name), self.amount(minor))
    }

    pub(crate) fn hold_with(&self, request: HoldRequest) -> Answer<HoldState> {
        future::wait(self.ledger.hold(request))
    }

    pub(crate) fn hold(&self, name: &str, minor: i64) -> Answer<HoldState> {
        self.hold_with(self.hold_request(name, minor))
    }

    pub(crate) fn resize_request(&self, name: &str, rev: u32) -> ResizeRequest {
        ResizeRequest::new(self.account.clone(), key(name), rev)
    }

    pub(crate) fn resize_with(&self, request: ResizeRequest) -> Answer<HoldState> {
        future::wait(self.ledger.resize(request))
    }

    pub(crate) fn resize(&self, name: &str, rev: u32, total: i64) -> Answer<HoldState> {
        self.resize_with(self.resize_request(name, rev).with_total(self.amount(total)))
    }

    pub(crate) fn capture_request(&self, name: &str, total: i64) -> CaptureRequest {
        CaptureRequest::new(self.account.clone(), key(name), self.amount(total))
    }

    pub(crate) fn capture_with(&self, request: CaptureRequest) -> Answer<Captured> {
        future::wait(self.ledger.capture(request))
    }

    pub(crate) fn capture(&self, name: &str, total: i64) -> Answer<Captured> {
        self.capture_with(self.capture_request(name, total))
    }

    pub(crate) fn partial(&self, name: &str, total: i64) -> Answer<Captured> {
        self.capture_with(self.capture_request(name, total).with_mode(CaptureMode::Partial))
    }

    pub(crate) fn void_request(&self, name: &str) -> VoidRequest {
        VoidRequest::new(self.account.clone(), key(name))
    }

    pub(crate) fn void(&self, name: &str) -> Answer<HoldState> {
        future::wait(self.ledger.void(self.void_request(name)))
    }

    pub(crate) fn post_request(&self, name: &str, kind: PostKind, minor: i64) -> PostRequest {
        self.post_request_in(name, kind, self.amount(minor))
    }

    /// In any unit.
    pub(crate) fn post_request_in(&self, name: &str, kind: PostKind, amount: Amount) -> PostRequest {
        PostRequest::new(self.account.clone(), key(name), kind, amount)
    }

    pub(crate) fn post_with(&self, request: PostRequest) -> Answer<Entry> {
        future::wait(self.ledger.post(request))
    }

    pub(crate) fn post(&self, name: &str, kind: PostKind, minor: i64) -> Answer<Entry> {
        self.post_with(self.post_request(name, kind, minor))
    }

    pub(crate) fn top_up(&self, name: &str, minor: i64) -> Answer<Entry> {
        self.post(name, top_up(), minor)
    }

    pub(crate) fn grant(&self, name: &str, minor: i64) -> Answer<Entry> {
        self.post(name, grant(), minor)
    }

    pub(crate) fn charge_request(&self, name: &str, minor: i64) -> PostRequest {
        self.post_request(name, charge(), minor)
    }

    pub(crate) fn charge(&self, name: &str, minor: i64) -> Answer<Entry> {
        self.post_with(self.charge_request(name, minor))
    }

    pub(crate) fn adjust(&self, name: &str, minor: i64) -> Answer<Entry> {
        self.post(name, adjustment(), minor)
    }

    pub(crate) fn refund_hold(&self, name: &str, of: &str, minor: i64) -> Answer<Entry> {
        self.post(name, refund_of(the_hold(of)), minor)
    }

    pub(crate) fn refund_charge(&self, name: &str, of: &str, minor: i64) -> Answer<Entry> {
        self.post(name, refund_of(the_charge(of)), minor)
    }

    // Reads.

    #[track_caller]
    pub(crate) fn find_hold(&self, name: &str) -> Checked<Option<HoldState>> {
        match future::wait(self.ledger.find(FindRequest::hold(self.account.clone(), key(name))))? {
            Found::Hold(hold) => Ok(Some(*hold)),
            Found::NotApplied => Ok(None),
            other @ Found::Entry(_) => fail!("a hold was asked for: {other:?}"),
        }
    }

    /// The hold with this key, which must be there.
    #[track_caller]
    pub(crate) fn state_of(&self, name: &str) -> Checked<HoldState> {
        given(self.find_hold(name)?, &format!("hold {name:?}"))
    }

    #[track_caller]
    pub(crate) fn rev_of(&self, name: &str) -> Checked<u32> {
        Ok(self.state_of(name)?.rev())
    }

    #[track_caller]
    pub(crate) fn find_entry(&self, name: &str) -> Checked<Option<Entry>> {
        let (account, key) = (self.account.clone(), key(name));
        for request in [FindRequest::charge(account.clone(), key.clone()), FindRequest::credit(account, key)]
        {
            match future::wait(self.ledger.find(request))? {
                Found::Entry(entry) => return Ok(Some(*entry)),
                Found::NotApplied => {}
                other @ Found::Hold(_) => fail!("an entry was asked for: {other:?}"),
            }
        }
        Ok(None)
    }

    /// The posting with this key, which must be there.
    #[track_caller]
    pub(crate) fn entry_of(&self, name: &str) -> Checked<Entry> {
        given(self.find_entry(name)?, &format!("posting {name:?}"))
    }

    pub(crate) fn balance_in(&self, unit: Unit) -> Result<Balance, LedgerError> {
        future::wait(self.ledger.balance(BalanceRequest::new(self.account.clone(), unit)))
    }

    #[track_caller]
    pub(crate) fn balance(&self) -> Checked<Balance> {
        Ok(self.balance_in(self.usd)?)
    }

    #[track_caller]
    pub(crate) fn available(&self) -> Checked<i64> {
        Ok(self.balance()?.available().minor())
    }

    #[track_caller]
    pub(crate) fn posted(&self) -> Checked<i64> {
        Ok(self.balance()?.posted().minor())
    }

    #[track_caller]
    pub(crate) fn held(&self) -> Checked<i64> {
        Ok(self.balance()?.held().minor())
    }

    #[track_caller]
    pub(crate) fn seq(&self) -> Checked<u64> {
        Ok(self.balance()?.seq())
    }

    pub(crate) fn statement_request(&self) -> StatementRequest {
        StatementRequest::new(self.account.clone())
    }

    pub(crate) fn page(&self, request: StatementRequest) -> Result<Statement, LedgerError> {
        future::wait(self.ledger.statement(request))
    }

    /// All entries, the oldest first.
    #[track_caller]
    pub(crate) fn statement(&self) -> Checked<Vec<Entry>> {
        let request = self.statement_request().with_order(Order::OldestFirst);
        Ok(self.page(request.with_limit(Limits::MAX_PAGE))?.entries().to_vec())
    }

    #[track_caller]
    pub(crate) fn last_entry(&self) -> Checked<Entry> {
        given(self.statement()?.pop(), "entry")
    }

    pub(crate) fn holds_request(&self) -> HoldsRequest {
        HoldsRequest::new(self.account.clone())
    }

    pub(crate) fn holds(&self, request: HoldsRequest) -> Result<HoldsPage, LedgerError> {
        future::wait(self.ledger.holds(request))
    }

    pub(crate) fn sweep_at_most(&self, limit: u32) -> Result<Swept, LedgerError> {
        future::wait(self.ledger.sweep(SweepRequest::new().with_limit(limit)))
    }

    #[track_caller]
    pub(crate) fn sweep(&self) -> Checked<Swept> {
        Ok(future::wait(self.ledger.sweep(SweepRequest::new()))?)
    }

    #[track_caller]
    pub(crate) fn picture(&self) -> Checked<Picture> {
        let balance = self.balance()?;
        Ok(Picture {
            posted: balance.posted().minor(),
            held: balance.held().minor(),
            open_holds: balance.open_holds(),
            seq: balance.seq(),
            grants: balance.grants().to_vec(),
            entries: self.statement()?,
            holds: self.holds(self.holds_request().with_limit(Limits::MAX_PAGE))?.holds().to_vec(),
            counters: self
                .counters(self.counters_request().with_limit(Limits::MAX_PAGE))?
                .counters()
                .to_vec(),
        })
    }

    // What a change must have done.

    /// Runs something that must leave no trace.
    #[track_caller]
    pub(crate) fn without_a_trace<T>(&self, run: impl FnOnce() -> T) -> Checked<T> {
        let before = self.picture()?;
        let answer = run();
        ensure_eq!(self.picture()?, before, "something was changed");
        Ok(answer)
    }

    /// Refused, with nothing changed.
    #[track_caller]
    pub(crate) fn refused<T: fmt::Debug>(&self, run: impl FnOnce() -> Answer<T>) -> Checked<LedgerError> {
        refusal(self.without_a_trace(run)?)
    }

    /// A replay, with nothing changed.
    #[track_caller]
    pub(crate) fn replayed<T: fmt::Debug>(&self, run: impl FnOnce() -> Answer<T>) -> Checked<T> {
        let seq = self.seq()?;
        let applied = self.without_a_trace(run)??;
        ensure!(applied.is_replay(), "{applied:?}");
        ensure_eq!(applied.seq(), seq, "a replay carries the latest change's number");
        ensure_eq!(applied.available_after().minor(), self.available()?, "available after a replay");
        ensure_eq!(applied.available_before(), applied.available_after(), "a replay changes nothing");
        Ok(applied.into_value())
    }

    /// The field that a conflict names. A content field may stand in quotes.
    #[track_caller]
    pub(crate) fn conflict<T: fmt::Debug>(&self, run: impl FnOnce() -> Answer<T>) -> Checked<String> {
        match self.refused(run)? {
            LedgerError::KeyConflict { field } => Ok(field.trim_matches('"').to_owned()),
            other => fail!("this must be a conflict: {other:?}"),
        }
    }

    /// The proof of a refusal for lack of balance.
    #[track_caller]
    pub(crate) fn short<T: fmt::Debug>(&self, run: impl FnOnce() -> Answer<T>) -> Checked<Shortfall> {
        let seq = self.seq()?;
        match self.refused(run)? {
            LedgerError::Insufficient(short) => {
                ensure_eq!(short.seq(), seq, "a refusal carries the number it was decided on");
                Ok(*short)
            }
            other => fail!("this must be refused for lack of balance: {other:?}"),
        }
    }

    /// Fresh, and the next change: one number further, from what was available to what is.
    #[track_caller]
    pub(crate) fn fresh<T: fmt::Debug>(&self, run: impl FnOnce() -> Answer<T>) -> Checked<T> {
        let applied = self.fresh_then(0, run)?;
        ensure_eq!(applied.available_after().minor(), self.available()?, "available after the change");
        Ok(applied.into_value())
    }

    /// Fresh, and followed at once by so many changes of the account's own.
    #[track_caller]
    pub(crate) fn fresh_then<T: fmt::Debug>(
        &self,
        more: u64,
        run: impl FnOnce() -> Answer<T>,
    ) -> Checked<Applied<T>> {
        let before = self.balance()?;
        let applied = run()?;
        ensure!(!applied.is_replay(), "{applied:?}");
        ensure_eq!(applied.seq(), before.seq() + 1, "each change has the next number");
        ensure_eq!(applied.available_before(), before.available(), "available before the change");
        ensure_eq!(self.seq()?, applied.seq() + more, "the latest change's number");
        self.check_sums()?;
        Ok(applied)
    }

    /// Clause 9: the sums, from what can be read.
    #[track_caller]
    pub(crate) fn check_sums(&self) -> Checked {
        let picture = self.picture()?;
        let sum = |amounts: &mut dyn Iterator<Item = Amount>| -> i128 {
            amounts.map(|amount| i128::from(amount.minor())).sum()
        };
        let (entries, holds) = (&picture.entries, &picture.holds);
        ensure_eq!(
            sum(&mut entries.iter().map(Entry::amount)),
            picture.posted.into(),
            "the sum of the entries"
        );
        ensure_eq!(
            sum(&mut holds.iter().map(HoldState::reserved)),
            picture.held.into(),
            "the sum of the holds"
        );
        ensure_eq!(holds.len(), picture.open_holds as usize, "the number of open holds");
        ensure!(holds.iter().all(|hold| hold.status() == HoldStatus::Open), "{holds:?}");
        self.check_books()
    }

    /// Clause 9 in full: everything that rows come to.
    #[track_caller]
    pub(crate) fn check_books(&self) -> Checked {
        let audit = future::wait(audit::verify(&*self.ledger, &self.account, self.usd))?;
        ensure!(audit.is_clean(), "the books do not agree: {:?}", audit.discrepancies());
        Ok(())
    }
}
