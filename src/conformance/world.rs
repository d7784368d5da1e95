//! One account of a fresh ledger on a clock that the check moves, and what checks do with it.

pub(crate) mod credit;
mod outcomes;
pub(crate) mod race;
pub(crate) mod random;
pub(crate) mod spend;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::account::{Applied, Balance};
use crate::amount::{Amount, Unit};
use crate::cap::Counter;
use crate::captured::Captured;
use crate::clock::{Clock, ManualClock, Timestamp};
use crate::conformance::failed::{Checked, fail};
use crate::content::Content;
use crate::entry::{ChargeRef, Entry};
use crate::error::LedgerError;
use crate::grant::{Grant, GrantTerms};
use crate::hold::HoldState;
use crate::id::{AccountId, IdempotencyKey, Labels};
use crate::ledger::Ledger;
use crate::ledger::future;
use crate::ledger::reply::{Found, HoldsPage, Statement, Swept};
use crate::ledger::request::{
    BalanceRequest, CaptureMode, CaptureRequest, EndedCredit, FindRequest, HoldRequest, HoldsRequest, Order,
    PostKind, PostRequest, ResizeRequest, StatementRequest, SweepRequest, VoidRequest,
};
use crate::limits::Limits;

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
}
