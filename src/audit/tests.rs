//! The audit finds what is wrong, and only that: reads of a sound ledger, each falsified in one place.

use super::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::account::{Applied, Balance};
use crate::cap::{Cap, Caps};
use crate::captured::Captured;
use crate::clock::ManualClock;
use crate::entry::Entry;
use crate::grant::GrantTerms;
use crate::hold::HoldState;
use crate::ledger::future::{LedgerFuture, wait};
use crate::ledger::memory::{MemoryLedger, MemorySettings};
use crate::ledger::reply::{CountersPage, Found, HoldsPage, Statement, Swept};
use crate::ledger::request::{
    CaptureMode, CaptureRequest, FindRequest, HoldRequest, PostKind, PostRequest, ResizeRequest,
    SweepRequest, VoidRequest,
};
use crate::period::Period;

/// What is falsified of each read.
#[derive(Clone, Copy, Default)]
struct Lies {
    balance: Option<fn(&mut Balance)>,
    holds: Option<fn(&mut HoldsPage)>,
    counters: Option<fn(&mut CountersPage)>,
    statement: Option<fn(&mut Statement)>,
}

struct Falsified {
    ledger: MemoryLedger,
    lies: Lies,
}

impl std::fmt::Debug for Falsified {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Falsified")
    }
}

fn told<T: Send + 'static>(answer: LedgerFuture<T>, lie: Option<fn(&mut T)>) -> LedgerFuture<T> {
    answer.map(move |answer| {
        answer.map(|mut value| {
            if let Some(lie) = lie {
                lie(&mut value);
            }
            value
        })
    })
}

impl Ledger for Falsified {
    fn hold(&self, request: HoldRequest) -> LedgerFuture<Applied<HoldState>> {
        self.ledger.hold(request)
    }
    fn resize(&self, request: ResizeRequest) -> LedgerFuture<Applied<HoldState>> {
        self.ledger.resize(request)
    }
    fn capture(&self, request: CaptureRequest) -> LedgerFuture<Applied<Captured>> {
        self.ledger.capture(request)
    }
    fn void(&self, request: VoidRequest) -> LedgerFuture<Applied<HoldState>> {
        self.ledger.void(request)
    }
    fn post(&self, request: PostRequest) -> LedgerFuture<Applied<Entry>> {
        self.ledger.post(request)
    }
    fn find(&self, request: FindRequest) -> LedgerFuture<Found> {
        self.ledger.find(request)
    }
    fn balance(&self, request: BalanceRequest) -> LedgerFuture<Balance> {
        told(self.ledger.balance(request), self.lies.balance)
    }
    fn statement(&self, request: StatementRequest) -> LedgerFuture<Statement> {
        told(self.ledger.statement(request), self.lies.statement)
    }
    fn holds(&self, request: HoldsRequest) -> LedgerFuture<HoldsPage> {
        told(self.ledger.holds(request), self.lies.holds)
    }
    fn counters(&self, request: CountersRequest) -> LedgerFuture<CountersPage> {
        told(self.ledger.counters(request), self.lies.counters)
    }
    fn sweep(&self, request: SweepRequest) -> LedgerFuture<Swept> {
        self.ledger.sweep(request)
    }
}

fn usd() -> Unit {
    Unit::new("USD", 2).unwrap()
}

fn account() -> AccountId {
    AccountId::new("acct").unwrap()
}

fn post(ledger: &dyn Ledger, key: &str, kind: PostKind, minor: i64, caps: &Caps) {
    let request = PostRequest::new(account(), key.parse().unwrap(), kind, usd().minor(minor));
    wait(ledger.post(request.with_caps(caps.clone()))).unwrap();
}

/// An account with a bit of everything: 100 plain, 30 promotional of which 12 are used, a hold of 25 that drew on both
/// and captured 5, a charge of 7, all counted by the day.
fn books(lies: Lies, settings: MemorySettings) -> Falsified {
    let ledger = MemoryLedger::with_clock(settings, Arc::new(ManualClock::new()));
    let caps = Caps::new([Cap::counting("key".parse().unwrap(), Period::day())]).unwrap();
    let promo = PostKind::Credit(GrantTerms::promotional());
    post(&ledger, "t", PostKind::top_up(), 100, &Caps::NONE);
    post(&ledger, "g", promo, 30, &Caps::NONE);
    post(&ledger, "c", PostKind::Charge, 7, &caps);
    let hold = HoldRequest::new(account(), "h".parse().unwrap(), usd().minor(25)).with_caps(caps);
    wait(ledger.hold(hold)).unwrap();
    let capture = CaptureRequest::new(account(), "h".parse().unwrap(), usd().minor(5));
    wait(ledger.capture(capture.with_mode(CaptureMode::Partial))).unwrap();
    Falsified { ledger, lies }
}

fn found(lies: Lies) -> Vec<String> {
    let audit = wait(verify(&books(lies, MemorySettings::new()), &account(), usd())).unwrap();
    audit.discrepancies().iter().map(ToString::to_string).collect()
}

#[test]
fn sound_books_are_clean() {
    let audit = wait(verify(&books(Lies::default(), MemorySettings::new()), &account(), usd())).unwrap();
    assert_eq!(audit.discrepancies(), []);
    assert!(audit.is_clean() && audit.is_complete());
    assert_eq!((audit.entries(), audit.balance().posted()), (4, usd().minor(118)));
    // An account that nobody knows has sound books, too.
    let nobody = AccountId::new("nobody").unwrap();
    let books = books(Lies::default(), MemorySettings::new());
    assert!(wait(verify(&books, &nobody, usd())).unwrap().is_clean());
}

#[test]
fn each_falsification_is_named_and_nothing_else() {
    fn balance(lie: fn(&mut Balance)) -> Lies {
        Lies { balance: Some(lie), ..Lies::default() }
    }
    fn holds(lie: fn(&mut HoldsPage)) -> Lies {
        Lies { holds: Some(lie), ..Lies::default() }
    }
    fn counters(lie: fn(&mut CountersPage)) -> Lies {
        Lies { counters: Some(lie), ..Lies::default() }
    }
    fn statement(lie: fn(&mut Statement)) -> Lies {
        Lies { statement: Some(lie), ..Lies::default() }
    }
    fn counted(hold: &mut HoldState) -> &mut Vec<crate::cap::Counted> {
        Arc::make_mut(hold.counted.as_mut().unwrap())
    }
    let cases: Vec<(Lies, &[&str])> = vec![
        (balance(|it| it.posted += 1), &["posted is 119, not 118"]),
        (balance(|it| it.held -= 1), &["held is 19, not 20"]),
        (balance(|it| it.open_holds += 1), &["open holds is 2, not 1"]),
        (
            balance(|it| it.grants.change(|grants| grants[0].remaining += 1)),
            &["what remains of grant 2 is 19, not 18"],
        ),
        (
            balance(|it| it.grants.change(|grants| grants[0].held += 1)),
            &["what is held of grant 2 is 19, not 18"],
        ),
        (
            balance(|it| it.grants = crate::grant::Grants::NONE),
            &["what remains of grant 2 is 0, not 18", "what is held of grant 2 is 0, not 18"],
        ),
        (
            holds(|it| it.holds[0].captured += 1),
            &[
                "what was captured of hold h is 6, not 5",
                "what is set aside of hold h is 19, not 20",
                "what its entries charged of hold h is 6, not 5",
                "held is 20, not 19",
            ],
        ),
        (holds(|it| it.holds[0].refunded += 1), &["what was refunded of hold h is 1, not 0"]),
        (holds(|it| it.holds[0].draws[0].used += 1), &["what was captured of hold h is 5, not 6"]),
        (
            holds(|it| counted(&mut it.holds[0])[0].held += 1),
            &["what is held of counter key day from 2026-01-01T00:00:00.000000Z is 20, not 21"],
        ),
        (
            holds(|it| it.holds.clear()),
            &[
                "held is 20, not 0",
                "open holds is 1, not 0",
                "what is held of grant 2 is 18, not 0",
                "what is held of counter key day from 2026-01-01T00:00:00.000000Z is 20, not 0",
            ],
        ),
        (
            counters(|it| it.counters[0].used -= 1),
            &["what is used of counter key day from 2026-01-01T00:00:00.000000Z is 11, not 12"],
        ),
        (
            counters(|it| it.counters.clear()),
            &[
                "what is used of counter key day from 2026-01-01T00:00:00.000000Z is 0, not 12",
                "what is held of counter key day from 2026-01-01T00:00:00.000000Z is 0, not 20",
            ],
        ),
        (statement(|it| it.entries[1].amount += 1), &["entry 2 states a balance of 130, not 131"]),
        (
            statement(|it| it.entries[3].posted_after += 1),
            &["entry 5 states a balance of 119, not 118", "posted is 118, not 119"],
        ),
        (statement(|it| it.entries[1].seq = 1), &["entry 1 comes after 1"]),
        (
            statement(|it| it.entries.swap(0, 1)),
            &[
                "entry 2 states a balance of 130, not 30",
                "entry 1 comes after 2",
                "entry 1 states a balance of 100, not 230",
                "entry 3 states a balance of 123, not 93",
            ],
        ),
        (statement(|it| it.entries[3].seq = 9), &["entry 9 comes after 3"]),
        (
            statement(|it| it.entries[1].movements = crate::few::Few::None),
            &["what remains of grant 2 is 18, not -12"],
        ),
    ];
    for (number, (lies, wanted)) in cases.into_iter().enumerate() {
        let (mut found, mut wanted) = (found(lies), wanted.to_vec());
        found.sort();
        wanted.sort_unstable();
        assert_eq!(found, wanted, "case {number}");
    }
}

#[test]
fn folded_history_is_taken_as_it_stands() {
    let settings = MemorySettings::new().with_retained_entries(1);
    let audit = wait(verify(&books(Lies::default(), settings), &account(), usd())).unwrap();
    assert_eq!(audit.discrepancies(), []);
    assert!(!audit.is_complete());
    assert_eq!(audit.entries(), 2);
    // What is known to be used must still be there.
    let lies = Lies { counters: Some(|it| it.counters[0].used = 4), ..Lies::default() };
    assert!(!wait(verify(&books(lies, settings), &account(), usd())).unwrap().is_clean());
}

#[test]
fn an_account_that_never_stands_still_is_not_judged() {
    static READS: AtomicU32 = AtomicU32::new(0);
    let lies = Lies {
        holds: Some(|page| page.seq += u64::from(READS.fetch_add(1, Ordering::SeqCst) + 1)),
        ..Lies::default()
    };
    let ledger = books(lies, MemorySettings::new());
    let error = wait(verify(&ledger, &account(), usd())).unwrap_err();
    assert!(matches!(error, LedgerError::Unavailable { .. }), "{error:?}");
    assert_eq!(READS.load(Ordering::SeqCst), ATTEMPTS);
}

#[test]
fn it_reads_a_busy_account_of_many_pages() {
    let ledger = Arc::new(MemoryLedger::with_clock(
        MemorySettings::new().with_retained_entries(100_000),
        Arc::new(ManualClock::new()),
    ));
    for number in 0..2_500 {
        post(&*ledger, &format!("t{number}"), PostKind::top_up(), 10, &Caps::NONE);
    }
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    std::thread::scope(|scope| {
        let (busy, done) = (Arc::clone(&ledger), Arc::clone(&stop));
        scope.spawn(move || {
            let mut number = 0;
            while !done.load(Ordering::SeqCst) {
                post(&*busy, &format!("c{number}"), PostKind::Charge, 1, &Caps::NONE);
                number += 1;
                std::thread::sleep(Duration::from_micros(50));
            }
        });
        let audit = wait(verify(&*ledger, &account(), usd()));
        stop.store(true, Ordering::SeqCst);
        let audit = audit.unwrap();
        assert_eq!(audit.discrepancies(), []);
        assert!(audit.entries() >= 2_500);
    });
}
