//! What is within is paid for also where time runs out, where the handle was settled, and where the guard only observes.

use std::sync::atomic::AtomicUsize;

use billing_guard::testing::CutOffLedger;
use billing_guard::{EntryKind, Hold, LedgerError, OnDrop, OverCapture, StatementRequest};

use super::away::LATE;
use super::*;

fn away(lifetime_ms: u64) -> (Arc<Away>, Guard) {
    let away = Arc::new(Away::default());
    let ledger: Arc<dyn Ledger> = away.clone();
    let guard = guard_over(&ledger, Policy::new().with_lifetime(Duration::from_millis(lifetime_ms)));
    wait(guard.top_up(&account(), "funds".parse().unwrap(), cents(1_000))).unwrap();
    (away, guard)
}

fn is_within(hold: &Hold, count: u64) -> bool {
    matches!(wait(hold.spend(&words(count))), Ok(Cover::Within { .. }))
}

#[test]
fn when_its_lifetime_is_over_nothing_is_within_until_the_ledger_says_so() {
    let (away, guard) = away(60);
    let mut hold = wait(guard.hold(&account(), answer())).unwrap();
    std::thread::sleep(Duration::from_millis(65));
    for how in [DOWN, MUTE] {
        away.is(how);
        // Not for the second who asks either.
        for _ in 0..2 {
            let error = wait(hold.spend(&words(1))).unwrap_err();
            assert!(matches!(error, Error::Unavailable { .. } | Error::OutcomeUnknown { .. }), "{error:?}");
        }
    }
    away.is(UP);
    // It lasts, unheard of, and is asked once more to last from now.
    assert!(is_within(&hold, 1));
    let asked = away.resizes.load(Ordering::SeqCst);
    assert!(is_within(&hold, 1));
    assert_eq!(away.resizes.load(Ordering::SeqCst), asked);
    assert_eq!(wait(hold.capture_recorded()).unwrap().charged(), cents(2));
}

#[test]
fn its_lifetime_begins_when_it_is_asked_for_and_not_when_the_answer_is_read() {
    let (away, guard) = away(60);
    away.is(LATE);
    let asked = guard.hold(&account(), answer());
    std::thread::sleep(Duration::from_millis(65));
    let hold = wait(asked).unwrap();
    away.is(DOWN);
    assert!(matches!(wait(hold.spend(&words(1))), Err(Error::Unavailable { .. })));
}

#[test]
fn once_its_end_was_asked_for_no_more_is_within() {
    let settle = |voids: bool| {
        move |hold: &mut Hold| {
            if voids { wait(hold.void()) } else { wait(hold.capture_recorded()).map(|_| ()) }
        }
    };
    for settle in [settle(false), settle(true)] {
        let behind: Arc<dyn Ledger> = Arc::new(MemoryLedger::new());
        let cut_off = Arc::new(CutOffLedger::new(behind));
        let ledger: Arc<dyn Ledger> = cut_off.clone();
        let guard = guard_over(&ledger, Policy::new());
        wait(guard.top_up(&account(), "funds".parse().unwrap(), cents(100))).unwrap();
        // Whether the ledger took it or not.
        for is_cut in [false, true] {
            let mut hold = wait(guard.hold(&account(), answer())).unwrap();
            assert!(is_within(&hold, 4));
            cut_off.cut_off(is_cut);
            assert_eq!(settle(&mut hold).is_err(), is_cut);
            cut_off.cut_off(false);
            for refused in [wait(hold.spend(&words(1))).unwrap_err(), hold.record(&words(1)).unwrap_err()] {
                assert!(matches!(refused, Error::HoldLost(LedgerError::Invalid { .. })), "{refused:?}");
                let key = hold.key().to_string();
                assert!(refused.log_fields().iter().any(|(_, value)| value.contains(&key)), "{refused:?}");
            }
            drop(hold);
            assert_eq!(balance(&guard).1, 0);
        }
        let statement = wait(guard.statement(StatementRequest::new(account()))).unwrap();
        let charged = statement.entries().iter().filter(|entry| entry.kind() == EntryKind::Charge);
        let charged: Vec<_> = charged.map(billing_guard::Entry::amount).collect();
        assert!(charged.is_empty() || charged == [cents(-4), cents(-4)], "{charged:?}");
    }
}

#[test]
fn the_refusal_says_how_much_is_missing_of_what_is_needed_now() {
    let cap = Cap::new("key/1".parse().unwrap(), Period::day(), cents(53));
    let capped = answer().with_caps(Caps::new([cap]).unwrap());
    for (job, delivered) in [(answer(), 60), (capped, 53)] {
        let (_, guard) = guard_with(60, Policy::new());
        let hold = wait(guard.hold(&account(), job)).unwrap();
        assert!(is_within(&hold, delivered));
        match wait(hold.spend(&words(2))).unwrap() {
            Cover::Exhausted(why) => match *why {
                Error::InsufficientBalance(short) => {
                    assert_eq!(
                        (short.requested(), short.required(), short.missing()),
                        (cents(2), cents(2), cents(2))
                    );
                }
                Error::SpendCapReached(reached) => {
                    assert_eq!((reached.required(), reached.left()), (cents(2), cents(0)));
                    // It is for two cents that it resets, and these fit under it some day.
                    assert!(reached.resets_at().is_some());
                }
                error => panic!("{error:?}"),
            },
            within => panic!("{within:?}"),
        }
        assert_eq!(hold.recorded(), words(delivered));
    }
}

#[test]
fn an_observing_guard_ends_nothing_that_it_holds_for() {
    let told = Arc::new(AtomicUsize::new(0));
    let away = Arc::new(Away::default());
    let ledger: Arc<dyn Ledger> = away.clone();
    let guard = |told: &Arc<AtomicUsize>| {
        let told = Arc::clone(told);
        Guard::builder(Arc::clone(&ledger), PriceBook::new(usd()))
            .price("answer", Tariff::new().per_unit("words", "0.01").unwrap())
            .policy(Policy::new().with_enforcement(Enforcement::Observe))
            .observer(move |_, _| {
                let _ = told.fetch_add(1, Ordering::SeqCst);
            })
            .build()
            .unwrap()
    };
    let guard = guard(&told);
    wait(guard.top_up(&account(), "funds".parse().unwrap(), cents(25))).unwrap();
    let mut hold = wait(guard.hold(&account(), answer())).unwrap();
    assert!(hold.observed().is_none());
    for _ in 0..5 {
        assert!(is_within(&hold, 10));
    }
    // Reported once.
    assert_eq!((told.load(Ordering::SeqCst), hold.amount()), (1, cents(25)));
    let receipt = wait(hold.capture_recorded()).unwrap();
    assert_eq!((receipt.charged(), receipt.uncollected()), (cents(25), cents(25)));
    // That the ledger is away is no reason either.
    wait(guard.top_up(&account(), "more".parse().unwrap(), cents(50))).unwrap();
    let mut hold = wait(guard.hold(&account(), answer())).unwrap();
    away.is(DOWN);
    assert!(is_within(&hold, 20));
    away.is(UP);
    assert_eq!(told.load(Ordering::SeqCst), 2);
    assert_eq!(wait(hold.capture_recorded()).unwrap().charged(), cents(20));
}

#[test]
fn where_more_than_the_hold_is_rejected_a_dropped_handle_charges_the_hold() {
    for on_drop in [OnDrop::Settle, OnDrop::CaptureHold] {
        let (_, guard) = guard_with(100, Policy::new().with_over_capture(OverCapture::Reject));
        let hold = wait(guard.hold(&account(), answer().with_on_drop(on_drop))).unwrap();
        hold.record(&words(30)).unwrap();
        drop(hold);
        assert_eq!(balance(&guard), (90, 0), "{on_drop:?}");
    }
}

#[test]
fn what_somebody_else_made_larger_than_the_budget_is_within_the_budget() {
    let (ledger, guard) = guard_with(1_000, Policy::new());
    let mut hold = wait(guard.hold(&account(), answer().with_budget(cents(37)))).unwrap();
    wait(ledger.resize(ResizeRequest::new(account(), hold.key().clone(), 1).with_total(cents(200)))).unwrap();
    assert_eq!(wait(hold.spend(&words(30))).unwrap(), Cover::Within { left: cents(7) });
    assert_eq!(hold.amount(), cents(200));
    let Cover::Exhausted(why) = wait(hold.spend(&words(8))).unwrap() else { panic!() };
    assert_eq!(why.refusal().kind(), RefusalKind::BudgetExceeded);
    assert!(is_within(&hold, 7));
    let receipt = wait(hold.capture_recorded()).unwrap();
    assert_eq!((receipt.charged(), receipt.uncollected()), (cents(37), cents(0)));
}
