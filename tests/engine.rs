//! The engine on a store in memory: it keeps the whole contract, and stays right while the store is in trouble.
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]

use std::future::Future;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use billing_guard::conformance::{self, outages};
use billing_guard::{
    AccountId, Amount, EngineSettings, Event, FindRequest, Found, IdempotencyKey, Ledger, LedgerError,
    LedgerExt, ManualClock, Observer, StatementRequest, StoreLedger, SweepRequest, Unit, wait,
};

#[allow(dead_code, unreachable_pub, reason = "an example, of which a test needs only the store")]
#[path = "../examples/custom_store.rs"]
mod custom_store;
#[path = "engine/troubled.rs"]
mod troubled;

use custom_store::CustomStore;
use troubled::{Fate, TroubledStore};

/// The settings of a test: refusals one after the other are not made to wait for each other.
fn quick() -> EngineSettings {
    EngineSettings::new().with_refusals_apart(Duration::ZERO)
}

/// All checks but the one of a million requests.
fn check(settings: &EngineSettings) {
    let make = |clock: Arc<ManualClock>| -> Arc<dyn Ledger> {
        Arc::new(StoreLedger::with_settings(CustomStore::new(clock), settings.clone()))
    };
    let small = conformance::checks().iter().filter(|check| !check.is_large());
    let failures: Vec<_> = small.filter_map(|check| check.try_run(&make).err()).collect();
    assert!(failures.is_empty(), "{failures:#?}");
}

#[test]
fn the_engine_keeps_the_contract() {
    check(&quick());
}

#[test]
fn several_writers_keep_the_contract() {
    check(&quick().with_writers(4));
}

#[test]
fn an_engine_that_remembers_nothing_keeps_the_contract() {
    check(&quick().with_remembered(1));
}

#[test]
fn cut_off_from_its_store_it_never_says_what_is_not_so() {
    outages::run(&|clock| {
        let store = TroubledStore::new(clock);
        let ledger = Arc::new(StoreLedger::with_settings(store.clone(), quick()));
        outages::Cuttable::new(ledger, move |cut| store.0.is_cut.store(cut, Ordering::SeqCst))
    });
}

fn usd(text: &str) -> Amount {
    Unit::new("USD", 2).unwrap().amount(text).unwrap()
}

fn account(name: &str) -> AccountId {
    AccountId::new(name).unwrap()
}

fn key(name: impl AsRef<str>) -> IdempotencyKey {
    name.as_ref().parse().unwrap()
}

/// A store with 10 on account `a`, and a ledger on it.
fn funded(settings: EngineSettings) -> (TroubledStore, Arc<StoreLedger<TroubledStore>>, AccountId) {
    let store = TroubledStore::new(Arc::new(ManualClock::new()));
    let ledger = Arc::new(StoreLedger::with_settings(store.clone(), settings));
    let a = account("a");
    wait(ledger.top_up(&a, key("t"), usd("10"))).unwrap();
    (store, ledger, a)
}

fn available(ledger: &dyn Ledger, account: &AccountId) -> Amount {
    wait(ledger.balance_of(account, usd("0").unit())).unwrap().available()
}

#[test]
fn a_commit_whose_answer_was_lost_is_recognised_and_done_once() {
    for fate in [Fate::Lost, Fate::Dropped, Fate::Delayed] {
        let (store, ledger, a) = funded(quick());
        store.fate(fate);
        let held = wait(ledger.hold_amount(&a, key("h"), usd("3"))).unwrap();
        // Its own commit, found again, is no replay.
        assert!(!held.is_replay(), "{fate:?}");
        store.fate(fate);
        let captured = wait(ledger.capture_final(&a, key("h"), usd("2"))).unwrap();
        assert_eq!(captured.value().charged(), usd("2"), "{fate:?}");
        store.fate(fate);
        assert!(!wait(ledger.charge(&a, key("c"), usd("1"))).unwrap().is_replay(), "{fate:?}");
        // A load by which a delayed one would come.
        wait(ledger.balance_of(&a, usd("0").unit())).unwrap();
        assert_eq!(available(&*ledger, &a), usd("7"), "{fate:?}");
    }
}

#[test]
fn what_was_found_not_applied_is_never_applied_later() {
    let (store, ledger, a) = funded(quick().with_deadline(Duration::from_millis(150)));
    // The commit stays on its way, and nothing more is heard of the store until nobody waits any more.
    store.fate(Fate::DelayedAndCut);
    let hold = ledger.hold_amount(&a, key("h"), usd("3"));
    let Err(LedgerError::OutcomeUnknown { key: unknown, .. }) = wait(hold) else {
        panic!("nobody can know");
    };
    assert_eq!(unknown, key("h"));
    store.0.is_cut.store(false, Ordering::SeqCst);
    let found = wait(ledger.find(FindRequest::hold(a.clone(), key("h")))).unwrap();
    // Whatever it answers must stay true when all that was delayed has come.
    let held = wait(ledger.balance_of(&a, usd("0").unit())).unwrap().held();
    match found {
        Found::NotApplied => assert_eq!(held, usd("0")),
        Found::Hold(_) => assert_eq!(held, usd("3")),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_account_that_the_store_does_not_take_hurts_nobody_else() {
    let (store, ledger, _) = funded(quick());
    let accounts: Vec<AccountId> = (0..40).map(|number| account(&format!("n{number}"))).collect();
    for each in &accounts {
        wait(ledger.top_up(each, key("t"), usd("10"))).unwrap();
    }
    *store.0.poisoned.lock().unwrap() = Some(accounts[17].clone());
    *store.0.takes.lock().unwrap() = Duration::from_millis(1);
    let holds: Vec<_> = accounts.iter().map(|each| ledger.hold_amount(each, key("h"), usd("1"))).collect();
    for (number, hold) in holds.into_iter().enumerate() {
        match wait(hold) {
            Ok(_) => assert_ne!(number, 17),
            Err(LedgerError::Unavailable { detail }) => {
                assert_eq!((number, detail.as_str()), (17, "it does not take this"));
            }
            other => panic!("{number}: {other:?}"),
        }
    }
    *store.0.poisoned.lock().unwrap() = None;
    assert_eq!(available(&*ledger, &accounts[17]), usd("10"));
    wait(ledger.hold_amount(&accounts[17], key("h"), usd("1"))).unwrap();
}

#[test]
fn thousands_of_refusals_share_a_few_loads_and_each_is_proved() {
    let (store, ledger, a) = funded(EngineSettings::new());
    let before = store.0.loads.load(Ordering::SeqCst);
    let began = Instant::now();
    thread::scope(|scope| {
        for number in 0..8 {
            let (ledger, a) = (&ledger, &a);
            scope.spawn(move || {
                let mut refused = 0_u64;
                while began.elapsed() < Duration::from_millis(1_500) {
                    let holds: Vec<_> = (0..50)
                        .map(|next| {
                            ledger.hold_amount(a, key(format!("{number}-{refused}-{next}")), usd("11"))
                        })
                        .collect();
                    for hold in holds {
                        let Err(LedgerError::Insufficient(short)) = wait(hold) else { panic!("it has 10") };
                        assert_eq!((short.available(), short.seq()), (usd("10"), 1));
                        refused += 1;
                    }
                }
                refused
            });
        }
    });
    let loads = store.0.loads.load(Ordering::SeqCst) - before;
    // 32 at once, then ten a second; some slack for the end.
    assert!(loads <= 32 + 10 * (began.elapsed().as_secs() + 1) + 5, "{loads} loads");
}

/// What an engine told.
#[derive(Debug, Default)]
struct Told(Mutex<Vec<Event>>);

impl Observer for Told {
    fn observe(&self, event: &Event) {
        self.0.lock().unwrap().push(event.clone());
    }
}

#[test]
fn a_store_that_has_lost_data_is_reported_once_and_then_believed() {
    let told = Arc::new(Told::default());
    let (store, ledger, a) = funded(quick().with_observer(told.clone()));
    let older = TroubledStore::new(Arc::new(ManualClock::new()));
    {
        let other = StoreLedger::new(older.clone());
        wait(other.top_up(&a, key("t"), usd("4"))).unwrap();
    }
    wait(ledger.hold_amount(&a, key("h"), usd("3"))).unwrap();
    store.becomes(&older);
    let lost = wait(ledger.hold_amount(&a, key("i"), usd("1")));
    assert!(matches!(lost, Err(LedgerError::StoreRegressed { known: 2, found: 1 })), "{lost:?}");
    assert_eq!(available(&*ledger, &a), usd("4"));
    // An answer leaves before its event is told.
    drop(ledger);
    let told = told.0.lock().unwrap();
    let regressed = told.iter().filter(|event| matches!(event, Event::Regressed { .. })).count();
    assert_eq!(regressed, 1);
}

#[test]
fn two_engines_on_one_store_never_overdraw_and_neither_starves() {
    let (store, one, a) = funded(quick());
    let other = Arc::new(StoreLedger::with_settings(store, quick()));
    let charged: Vec<usize> = thread::scope(|scope| {
        let threads: Vec<_> = [one.clone(), other.clone()]
            .into_iter()
            .enumerate()
            .map(|(number, ledger)| {
                let a = &a;
                scope.spawn(move || {
                    let charge = |next: usize| {
                        wait(ledger.charge(a, key(format!("{number}-{next}")), usd("0.01"))).is_ok()
                    };
                    (0..800).filter(|next| charge(*next)).count()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    // There are 1,000 of them in the 10.
    assert_eq!(charged.iter().sum::<usize>(), 1_000, "{charged:?}");
    assert!(charged.iter().all(|count| *count >= 200), "{charged:?}");
    assert_eq!((available(&*one, &a), available(&*other, &a)), (usd("0"), usd("0")));
}

#[test]
fn dropping_a_ledger_completes_what_was_submitted() {
    let (store, ledger, a) = funded(quick());
    *store.0.takes.lock().unwrap() = Duration::from_millis(30);
    for number in 0..20 {
        drop(ledger.hold_amount(&a, key(format!("h{number}")), usd("0.10")));
    }
    drop(ledger);
    *store.0.takes.lock().unwrap() = Duration::ZERO;
    let again = StoreLedger::with_settings(store, quick());
    assert_eq!(available(&again, &a), usd("8"));
}

#[test]
fn more_than_may_wait_is_refused_at_once_and_nothing_of_it_is_done() {
    let (store, ledger, a) = funded(quick().with_most_waiting(5));
    *store.0.takes.lock().unwrap() = Duration::from_millis(50);
    let holds: Vec<_> =
        (0..30).map(|number| ledger.hold_amount(&a, key(format!("h{number}")), usd("0.10"))).collect();
    let answers: Vec<_> = holds.into_iter().map(wait).collect();
    let done = answers.iter().filter(|answer| answer.is_ok()).count();
    assert!((5..30).contains(&done), "{done}");
    assert!(
        answers.iter().all(|answer| matches!(answer, Ok(_) | Err(LedgerError::Unavailable { .. }))),
        "{answers:?}"
    );
    *store.0.takes.lock().unwrap() = Duration::ZERO;
    let held = wait(ledger.balance_of(&a, usd("0").unit())).unwrap().held();
    assert_eq!(held.minor(), i64::try_from(done).unwrap() * 10);
}

#[test]
fn what_waited_beyond_its_deadline_was_not_applied() {
    let (store, ledger, a) = funded(quick().with_deadline(Duration::from_millis(100)));
    *store.0.takes.lock().unwrap() = Duration::from_millis(600);
    // The first is being committed; the second waits for it.
    let first = ledger.hold_amount(&a, key("first"), usd("1"));
    while store.0.commits.load(Ordering::SeqCst) < 2 {
        thread::yield_now();
    }
    let second = ledger.hold_amount(&a, key("second"), usd("1"));
    let second = wait(second);
    assert!(matches!(second, Err(LedgerError::Unavailable { .. })), "{second:?}");
    let first = wait(first);
    assert!(matches!(first, Err(LedgerError::OutcomeUnknown { .. })), "{first:?}");
    // It ends when its commit has.
    drop(ledger);
    *store.0.takes.lock().unwrap() = Duration::ZERO;
    let again = StoreLedger::with_settings(store, quick());
    let find = |name: &str| wait(again.find(FindRequest::hold(a.clone(), key(name)))).unwrap();
    assert!(matches!(find("first"), Found::Hold(_)));
    assert_eq!(find("second"), Found::NotApplied);
}

#[test]
fn a_deadline_holds_while_a_load_takes_longer() {
    let (store, ledger, a) = funded(quick().with_deadline(Duration::from_millis(100)));
    let takes = Duration::from_secs(3);
    *store.0.load_takes.lock().unwrap() = takes;
    let began = Instant::now();
    // Both are answered: the one that is being loaded and the one that comes while it is.
    for name in ["b", "c"] {
        let late = wait(ledger.top_up(&account(name), key("t"), usd("1")));
        assert!(matches!(late, Err(LedgerError::Unavailable { .. })), "{late:?}");
    }
    assert!(began.elapsed() < takes, "{:?}", began.elapsed());
    // And what needs no load does not wait for it.
    wait(ledger.hold_amount(&a, key("h"), usd("1"))).unwrap();
    assert!(began.elapsed() < takes, "{:?}", began.elapsed());
}

#[test]
fn pruning_forgets_what_is_kept_no_longer_and_nothing_else() {
    let clock = Arc::new(ManualClock::new());
    let store = TroubledStore::new(clock.clone());
    let ledger = StoreLedger::with_settings(store, quick());
    let a = account("a");
    wait(ledger.top_up(&a, key("t"), usd("10"))).unwrap();
    wait(ledger.hold_amount(&a, key("closed"), usd("1"))).unwrap();
    wait(ledger.capture_final(&a, key("closed"), usd("1"))).unwrap();
    clock.advance(Duration::from_secs(24 * 3_600 - 1));
    wait(ledger.hold_amount(&a, key("open"), usd("1"))).unwrap();
    assert_eq!(wait(ledger.prune(100)).unwrap().holds, 0);
    clock.advance(Duration::from_secs(1));
    let pruned = wait(ledger.prune(100)).unwrap();
    assert_eq!((pruned.holds, pruned.more), (1, false));
    assert_eq!(wait(ledger.find(FindRequest::hold(a.clone(), key("closed")))).unwrap(), Found::NotApplied);
    assert!(matches!(wait(ledger.find(FindRequest::hold(a, key("open")))).unwrap(), Found::Hold(_)));
    assert!(matches!(wait(ledger.prune(0)), Err(LedgerError::Invalid { .. })));
}

/// Accounts with a closed hold each, whose key is kept no longer.
fn prunable(count: u64) -> (TroubledStore, StoreLedger<TroubledStore>) {
    let clock = Arc::new(ManualClock::new());
    let store = TroubledStore::new(clock.clone());
    let ledger = StoreLedger::with_settings(store.clone(), quick());
    for number in 0..count {
        let a = account(&format!("n{number}"));
        wait(ledger.top_up(&a, key("t"), usd("10"))).unwrap();
        wait(ledger.hold_amount(&a, key("h"), usd("1"))).unwrap();
        wait(ledger.capture_final(&a, key("h"), usd("1"))).unwrap();
    }
    clock.advance(Duration::from_secs(24 * 3_600));
    (store, ledger)
}

#[test]
fn pruning_goes_on_where_the_call_before_ended() {
    let (_, ledger) = prunable(5);
    let pruned: Vec<_> = (0..4)
        .map(|_| {
            let pruned = wait(ledger.prune(2)).unwrap();
            (pruned.holds, pruned.more)
        })
        .collect();
    assert_eq!(pruned, [(2, true), (2, true), (1, false), (0, false)]);
}

#[test]
fn others_do_not_wait_until_all_is_pruned() {
    let (store, ledger) = prunable(100);
    *store.0.takes.lock().unwrap() = Duration::from_millis(10);
    let pruning = ledger.prune(1_000);
    assert_eq!(available(&ledger, &account("n50")), usd("9"));
    assert!(store.0.prunes.load(Ordering::SeqCst) < 50);
    assert_eq!(wait(pruning).unwrap().holds, 100);
}

#[test]
fn an_observer_is_told_latency_conflicts_reasons_and_what_is_held() {
    let told = Arc::new(Told::default());
    let (store, ledger, a) = funded(quick().with_observer(told.clone()));
    wait(ledger.hold_amount(&a, key("h"), usd("3"))).unwrap();
    wait(ledger.hold_amount(&a, key("i"), usd("30"))).unwrap_err();
    let other = StoreLedger::with_settings(store, quick());
    wait(other.charge(&a, key("c"), usd("1"))).unwrap();
    wait(ledger.capture_final(&a, key("h"), usd("1"))).unwrap();
    drop(ledger);
    let told = told.0.lock().unwrap();
    let outcomes: Vec<_> = told
        .iter()
        .filter_map(|event| match event {
            Event::Answered { operation, outcome, .. } => Some((*operation, *outcome)),
            _ => None,
        })
        .collect();
    assert_eq!(
        outcomes,
        [("post", "fresh"), ("hold", "fresh"), ("hold", "insufficient"), ("capture", "fresh")]
    );
    assert!(told.iter().any(|event| matches!(event, Event::Conflict { .. })));
    let held = |event: &Event| match event {
        Event::Committed { held, .. } => held.iter().map(|amount| amount.minor()).sum(),
        _ => 0,
    };
    assert_eq!(
        told.iter().map(held).collect::<Vec<i64>>().into_iter().filter(|it| *it != 0).collect::<Vec<_>>(),
        [300, -300]
    );
}

#[test]
fn a_store_that_panics_is_one_that_fails_and_everybody_is_answered() {
    let (store, ledger, a) = funded(quick());
    store.fate(Fate::Panics);
    assert!(!wait(ledger.hold_amount(&a, key("h"), usd("3"))).unwrap().is_replay());
    store.0.panics.store(true, Ordering::SeqCst);
    let statement = StatementRequest::new(a.clone());
    let (other, find) = (account("b"), FindRequest::hold(a.clone(), key("h")));
    let is_refused =
        |error: LedgerError| assert!(matches!(error, LedgerError::Unavailable { .. }), "{error:?}");
    is_refused(wait(ledger.top_up(&other, key("t"), usd("1"))).unwrap_err());
    is_refused(wait(ledger.find(find)).unwrap_err());
    is_refused(wait(ledger.statement(statement)).unwrap_err());
    is_refused(wait(ledger.sweep(SweepRequest::default())).unwrap_err());
    is_refused(wait(ledger.prune(10)).unwrap_err());
    store.0.panics.store(false, Ordering::SeqCst);
    assert_eq!(available(&*ledger, &a), usd("7"));
    wait(ledger.prune(10)).unwrap();
    drop(ledger);
}

/// Faulty.
#[derive(Debug)]
struct Panics;

impl Observer for Panics {
    fn observe(&self, _: &Event) {
        panic!("a fault of the observer");
    }
}

#[test]
fn an_observer_that_panics_harms_nobody() {
    let (_, ledger, a) = funded(quick().with_observer(Arc::new(Panics)));
    wait(ledger.hold_amount(&a, key("h"), usd("3"))).unwrap();
    assert_eq!(available(&*ledger, &a), usd("7"));
}

/// Woken by an answer, drops the ledger on the engine's own thread.
struct Last(Mutex<Option<Arc<StoreLedger<TroubledStore>>>>);

impl std::task::Wake for Last {
    fn wake(self: Arc<Self>) {
        drop(self.0.lock().unwrap().take());
    }
}

#[test]
fn a_ledger_that_is_dropped_by_who_is_woken_ends_in_peace() {
    let (store, ledger, a) = funded(quick());
    *store.0.takes.lock().unwrap() = Duration::from_millis(20);
    let mut hold = Box::pin(ledger.hold_amount(&a, key("h"), usd("3")));
    let weak = Arc::downgrade(&ledger);
    let waker = std::task::Waker::from(Arc::new(Last(Mutex::new(Some(ledger)))));
    assert!(hold.as_mut().poll(&mut std::task::Context::from_waker(&waker)).is_pending());
    let began = Instant::now();
    while weak.upgrade().is_some() {
        assert!(began.elapsed() < Duration::from_secs(5), "it was never dropped");
        thread::sleep(Duration::from_millis(1));
    }
    assert!(wait(hold).is_ok());
    // The engine's threads have the store as long as they are there.
    while Arc::strong_count(&store.0) > 1 {
        assert!(began.elapsed() < Duration::from_secs(5), "its threads never ended");
        thread::sleep(Duration::from_millis(1));
    }
}
