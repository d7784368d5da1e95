//! Whoever delivers goes away: what was delivered is captured once, whatever was under way.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use billing_guard::{EntryKind, Hold, OnDrop, StatementRequest};

use super::away::{LATE, LOST, MUTE};
use super::*;

/// A guard over a ledger that can be away, with 10 dollars on the account.
fn away() -> (Arc<Away>, Guard) {
    let away = Arc::new(Away::default());
    let ledger: Arc<dyn Ledger> = away.clone();
    let guard = guard_over(&ledger, Policy::new());
    wait(guard.top_up(&account(), "funds".parse().unwrap(), cents(1_000))).unwrap();
    (away, guard)
}

/// Delivers so many words.
fn deliver(hold: &Hold, count: u64) {
    assert!(matches!(wait(hold.spend(&words(count))).unwrap(), Cover::Within { .. }));
}

/// What was charged, each time, and that nothing is held any more.
fn charges(guard: &Guard) -> Vec<i64> {
    assert_eq!(balance(guard).1, 0, "held");
    let statement = wait(guard.statement(StatementRequest::new(account()))).unwrap();
    let charges = statement.entries().iter().filter(|entry| entry.kind() != EntryKind::TopUp);
    charges.map(|entry| -entry.amount().minor()).collect()
}

#[test]
fn while_it_grows() {
    for how in [LATE, LOST] {
        let (away, guard) = away();
        let hold = wait(guard.hold(&account(), answer())).unwrap();
        deliver(&hold, 8);
        away.is(how);
        assert!(poll_once(hold.spend(&words(5))).is_pending());
        away.is(UP);
        assert_eq!(hold.recorded(), words(8));
        drop(hold);
        assert_eq!(charges(&guard), [8], "{how}");
    }
}

#[test]
fn while_it_grows_once_more_and_goes_on_then() {
    let (away, guard) = away();
    let hold = wait(guard.hold(&account(), answer())).unwrap();
    deliver(&hold, 8);
    away.is(LATE);
    assert!(poll_once(hold.spend(&words(5))).is_pending());
    assert!(poll_once(hold.spend(&words(5))).is_pending());
    away.is(UP);
    // The first of them grew it, which is seen now.
    deliver(&hold, 5);
    assert_eq!(hold.amount(), cents(19));
    drop(hold);
    assert_eq!(charges(&guard), [13]);
}

#[test]
fn while_its_end_is_put_off() {
    let (away, guard) = away();
    let lasting = |job: Job| job.with_lifetime(Duration::from_millis(40));
    let hold = wait(guard.hold(&account(), lasting(answer()))).unwrap();
    deliver(&hold, 3);
    std::thread::sleep(Duration::from_millis(25));
    away.is(LATE);
    assert!(poll_once(hold.spend(&words(4))).is_pending());
    away.is(UP);
    drop(hold);
    assert_eq!(charges(&guard), [3]);
}

#[test]
fn after_it_was_exhausted() {
    let (_, guard) = away();
    let hold = wait(guard.hold(&account(), answer().with_budget(cents(37)))).unwrap();
    let mut delivered = 0;
    while let Cover::Within { .. } = wait(hold.spend(&words(3))).unwrap() {
        delivered += 3;
    }
    drop(hold);
    assert_eq!(charges(&guard), [delivered]);
    assert_eq!(delivered, 36);
}

#[test]
fn in_a_panic() {
    let (_, guard) = away();
    let hold = wait(guard.hold(&account(), answer())).unwrap();
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let hold = hold;
        deliver(&hold, 20);
        panic!("a bug in the work");
    }));
    assert!(panicked.is_err());
    assert_eq!(charges(&guard), [20]);
}

#[test]
fn after_its_capture_was_let_go_of() {
    for how in [UP, LATE] {
        let (away, guard) = away();
        let mut hold = wait(guard.hold(&account(), answer())).unwrap();
        deliver(&hold, 20);
        away.is(how);
        drop(hold.capture_recorded());
        away.is(UP);
        drop(hold);
        assert_eq!(charges(&guard), [20], "{how}");
    }
}

#[test]
fn while_what_it_asked_last_has_no_answer() {
    let (away, guard) = away();
    let hold = wait(guard.hold(&account(), answer())).unwrap();
    deliver(&hold, 10);
    away.is(MUTE);
    assert!(wait(hold.spend(&words(5))).is_err());
    drop(hold);
    assert_eq!(charges(&guard), [10]);
}

#[test]
fn as_the_job_says() {
    let dropped = |on_drop| {
        let (_, guard) = away();
        let hold = wait(guard.hold(&account(), answer().with_on_drop(on_drop))).unwrap();
        deliver(&hold, 12);
        assert_eq!(hold.amount(), cents(18));
        drop(hold);
        guard
    };
    assert_eq!(charges(&dropped(OnDrop::Settle)), [12]);
    // All of what it has grown to.
    assert_eq!(charges(&dropped(OnDrop::CaptureHold)), [18]);
    assert_eq!(balance(&dropped(OnDrop::LeaveToExpire)), (1_000, 18));
}

#[test]
fn by_the_last_of_several_workers() {
    let (_, guard) = away();
    let hold = Arc::new(wait(guard.hold(&account(), answer())).unwrap());
    let workers: Vec<_> = (0..4)
        .map(|worker| {
            let hold = Arc::clone(&hold);
            std::thread::spawn(move || {
                for _ in 0..5 {
                    deliver(&hold, 3);
                }
                // One of them breaks off in the middle, which is nothing to the others.
                assert!(worker != 2, "a bug in the work");
                deliver(&hold, 1);
            })
        })
        .collect();
    let panicked: Vec<_> = workers.into_iter().map(|worker| worker.join().is_err()).collect();
    assert_eq!(panicked, [false, false, true, false]);
    assert_eq!(balance(&guard).0, 1_000);
    assert_eq!(hold.recorded(), words(63));
    drop(hold);
    assert_eq!(charges(&guard), [63]);
}
