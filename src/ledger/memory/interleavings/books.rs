//! A ledger that notes every answer it gives, and checks the books against its notes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use crate::account::{Applied, Balance};
use crate::captured::Captured;
use crate::entry::{ChargeRef, Entry, EntryKind};
use crate::error::LedgerError;
use crate::hold::{HoldState, HoldStatus};
use crate::id::{AccountId, IdempotencyKey};
use crate::ledger::future::{LedgerFuture, wait};
use crate::ledger::memory::MemoryLedger;
use crate::ledger::reply::{CountersPage, Found, HoldsPage, Statement, Swept};
use crate::ledger::request::{
    BalanceRequest, CaptureRequest, CountersRequest, FindRequest, HoldRequest, HoldsRequest, PostKind,
    PostRequest, ResizeRequest, StatementRequest, SweepRequest, VoidRequest,
};
use crate::ledger::{Ledger, LedgerExt};

/// Takes notes of the ledger inside. Its own lock is std's, held over no choice of the scheduler.
#[derive(Debug)]
pub(super) struct Recorder {
    ledger: MemoryLedger,
    delivery: Delivery,
    notes: Mutex<Notes>,
}

/// How answers to captures and voids come. What was asked for is done when it is asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Delivery {
    AtOnce,
    /// Later, when the future is polled again.
    Later,
    /// Later; the first one is lost on its way.
    FirstUnknown,
    /// Later; what was asked for first is not done.
    FirstRefused,
}

#[derive(Debug, Default)]
struct Notes {
    fresh: Vec<Fresh>,
    swept: u32,
    asked: u32,
    ends: BTreeSet<&'static str>,
}

/// A change that was applied.
#[derive(Clone, Debug)]
struct Fresh {
    account: AccountId,
    seq: u64,
    before: i64,
    after: i64,
    /// What it did to what is posted.
    posted: i64,
    /// The hold it made or changed.
    hold: Option<IdempotencyKey>,
    /// What no other change does: making a hold, voiding it, posting with a key.
    once: Option<(Once, IdempotencyKey)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Once {
    Held,
    Voided,
    Charged,
    Credited,
}

impl Recorder {
    pub(super) fn new(ledger: MemoryLedger, delivery: Delivery) -> Self {
        Self { ledger, delivery, notes: Mutex::default() }
    }

    /// Settles a hold: `ask` does, and the answer comes as it is delivered here.
    fn settle<T: Send + 'static>(
        &self,
        key: &IdempotencyKey,
        ask: impl FnOnce() -> LedgerFuture<T>,
    ) -> LedgerFuture<T> {
        if self.delivery == Delivery::AtOnce {
            return ask();
        }
        let is_first = {
            let mut notes = self.notes.lock().unwrap();
            notes.asked += 1;
            notes.asked == 1
        };
        let detail = "a test".to_owned();
        let answer = match self.delivery {
            Delivery::FirstRefused if is_first => Err(LedgerError::Unavailable { detail }),
            Delivery::FirstUnknown if is_first => {
                drop(ask());
                Err(LedgerError::OutcomeUnknown { key: key.clone(), detail })
            }
            _ => ask().into_ready().expect("memory answers at once"),
        };
        LedgerFuture::boxed(async move {
            shuttle::future::yield_now().await;
            answer
        })
    }

    fn note<T>(
        &self,
        account: &AccountId,
        answer: LedgerFuture<Applied<T>>,
        fresh: impl FnOnce(&T, Fresh) -> (Fresh, &'static str),
    ) -> LedgerFuture<Applied<T>> {
        let answer = answer.into_ready().expect("memory answers at once");
        let mut notes = self.notes.lock().unwrap();
        match &answer {
            Ok(applied) => {
                let (before, after) = (applied.available_before().minor(), applied.available_after().minor());
                assert!(before >= 0 && after >= 0, "overdrawn: {before} to {after}");
                if applied.is_replay() {
                    notes.ends.insert("repeated");
                } else {
                    let seq = applied.seq();
                    let account = account.clone();
                    let change = Fresh { account, seq, before, after, posted: 0, hold: None, once: None };
                    let (change, end) = fresh(applied.value(), change);
                    notes.fresh.push(change);
                    notes.ends.insert(end);
                }
            }
            Err(LedgerError::Insufficient(short)) => {
                assert!(short.required().minor() > short.available().minor(), "refused without need");
                notes.ends.insert("refused");
            }
            Err(LedgerError::Superseded(_)) => drop(notes.ends.insert("superseded")),
            Err(
                LedgerError::HoldClosed(_)
                | LedgerError::UnknownHold
                | LedgerError::UnknownCharge
                | LedgerError::RefundTooLarge { .. }
                | LedgerError::BelowCaptured { .. }
                | LedgerError::KeyConflict { .. },
            ) => drop(notes.ends.insert("refused")),
            Err(other) => panic!("nobody asked for what is answered so: {other:?}"),
        }
        drop(notes);
        LedgerFuture::ready(answer)
    }

    /// What came about so far.
    pub(super) fn ends(&self) -> BTreeSet<&'static str> {
        self.notes.lock().unwrap().ends.clone()
    }

    /// Checks the books of these accounts against the notes.
    pub(super) fn check(&self, accounts: &[AccountId]) {
        let expired: u32 = accounts.iter().map(|account| self.check_account(account)).sum();
        let swept = self.notes.lock().unwrap().swept;
        assert!(swept <= expired, "{swept} swept, {expired} expired");
    }

    /// Says how many holds of the account have expired.
    fn check_account(&self, account: &AccountId) -> u32 {
        let balance = wait(self.ledger.balance_of(account, super::money(0).unit())).unwrap();
        let entries = wait(self.ledger.statement(StatementRequest::new(account.clone()))).unwrap();
        let open = wait(self.ledger.holds(HoldsRequest::new(account.clone()))).unwrap();
        assert!(balance.available().minor() >= 0, "overdrawn");
        let posted: i64 = entries.entries().iter().map(|entry| entry.amount().minor()).sum();
        assert_eq!(posted, balance.posted().minor(), "what is posted is the sum of the entries");
        let held: i64 = open.holds().iter().map(|hold| hold.reserved().minor()).sum();
        assert_eq!(held, balance.held().minor(), "what is held is the sum of the open holds");

        let notes = self.notes.lock().unwrap();
        let mut fresh: Vec<&Fresh> = notes.fresh.iter().filter(|fresh| fresh.account == *account).collect();
        fresh.sort_by_key(|fresh| fresh.seq);
        let answered: i64 = fresh.iter().map(|fresh| fresh.posted).sum();
        assert_eq!(answered, balance.posted().minor(), "the entries are those that were answered");

        let (mut changes, mut once) = (BTreeMap::<&IdempotencyKey, u32>::new(), BTreeSet::new());
        for fresh in &fresh {
            if let Some(hold) = &fresh.hold {
                *changes.entry(hold).or_default() += 1;
            }
            if let Some(done) = &fresh.once {
                assert!(once.insert(done), "{done:?} was done twice");
            }
        }
        // Each change of a hold adds one to its revision; one that nobody asked for is its expiry.
        let mut expired = 0;
        for (key, changes) in changes {
            let found = wait(self.ledger.find(FindRequest::hold(account.clone(), key.clone()))).unwrap();
            let Found::Hold(hold) = found else { panic!("{key} was answered, but is not there") };
            let ended = hold.rev() - changes;
            assert!(ended <= 1, "{key} expired {ended} times");
            assert!(ended == 1 || hold.status() != HoldStatus::Expired);
            expired += ended;
        }
        check_numbers(&fresh, balance.seq(), expired);
        expired
    }
}

/// Each change has the next number: those that were answered, and the expiries between them.
fn check_numbers(fresh: &[&Fresh], last: u64, expired: u32) {
    assert_eq!(last, u64::try_from(fresh.len()).unwrap() + u64::from(expired), "a number is missing");
    let mut known = (0, 0);
    for change in fresh {
        let (seq, after) = known;
        assert!(change.seq > seq, "two changes with one number");
        let is_next = change.seq == seq + 1;
        // What expires is given back.
        assert!(
            if is_next { change.before == after } else { change.before >= after },
            "{change:?} after {after}"
        );
        known = (change.seq, change.after);
    }
    assert!(known.0 <= last);
}

impl Ledger for Recorder {
    fn hold(&self, request: HoldRequest) -> LedgerFuture<Applied<HoldState>> {
        let answer = self.ledger.hold(request.clone());
        self.note(&request.account, answer, |hold, fresh| {
            let once = Some((Once::Held, hold.key().clone()));
            (Fresh { hold: Some(hold.key().clone()), once, ..fresh }, "held")
        })
    }

    fn resize(&self, request: ResizeRequest) -> LedgerFuture<Applied<HoldState>> {
        let answer = self.ledger.resize(request.clone());
        self.note(&request.account, answer, |_, fresh| {
            (Fresh { hold: Some(request.key), ..fresh }, "resized")
        })
    }

    fn capture(&self, request: CaptureRequest) -> LedgerFuture<Applied<Captured>> {
        let (account, key) = (request.account.clone(), request.key.clone());
        self.settle(&key, || {
            self.note(&account, self.ledger.capture(request), |captured, fresh| {
                let posted = -captured.charged().minor();
                let end = match (captured.is_late(), captured.uncollected().is_zero()) {
                    (true, _) => "late",
                    (false, false) => "uncollected",
                    (false, true) => "captured",
                };
                (Fresh { hold: Some(key.clone()), posted, ..fresh }, end)
            })
        })
    }

    fn void(&self, request: VoidRequest) -> LedgerFuture<Applied<HoldState>> {
        let (account, key) = (request.account.clone(), request.key.clone());
        self.settle(&key, || {
            self.note(&account, self.ledger.void(request), |_, fresh| {
                let once = Some((Once::Voided, key.clone()));
                (Fresh { hold: Some(key.clone()), once, ..fresh }, "voided")
            })
        })
    }

    fn post(&self, request: PostRequest) -> LedgerFuture<Applied<Entry>> {
        let answer = self.ledger.post(request.clone());
        self.note(&request.account, answer, |entry, fresh| {
            let hold = match request.kind {
                PostKind::Refund { of: ChargeRef::Hold(key), .. } => Some(key),
                _ => None,
            };
            let (once, end) = match entry.kind() {
                EntryKind::Charge => (Once::Charged, "charged"),
                EntryKind::Refund => (Once::Credited, "refunded"),
                _ => (Once::Credited, "credited"),
            };
            let once = Some((once, entry.key().clone()));
            (Fresh { hold, once, posted: entry.amount().minor(), ..fresh }, end)
        })
    }

    fn find(&self, request: FindRequest) -> LedgerFuture<Found> {
        self.ledger.find(request)
    }

    fn balance(&self, request: BalanceRequest) -> LedgerFuture<Balance> {
        self.ledger.balance(request)
    }

    fn statement(&self, request: StatementRequest) -> LedgerFuture<Statement> {
        self.ledger.statement(request)
    }

    fn holds(&self, request: HoldsRequest) -> LedgerFuture<HoldsPage> {
        self.ledger.holds(request)
    }

    fn counters(&self, request: CountersRequest) -> LedgerFuture<CountersPage> {
        self.ledger.counters(request)
    }

    fn sweep(&self, request: SweepRequest) -> LedgerFuture<Swept> {
        let answer = self.ledger.sweep(request).into_ready().expect("memory answers at once");
        let released = answer.as_ref().map_or(0, Swept::released);
        if released > 0 {
            let mut notes = self.notes.lock().unwrap();
            notes.swept += released;
            notes.ends.insert("swept");
        }
        LedgerFuture::ready(answer)
    }
}
