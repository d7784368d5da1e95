//! The guard's handles, dropped in one thread while others settle the same hold or time ends it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use shuttle::future::block_on;

use super::books::Delivery;
use super::{Bank, account, delivered, in_every_order, join, key, money};
use crate::guard::{Cover, Guard, Hold, Job};
use crate::hold::{HoldState, HoldStatus};
use crate::ledger::reply::Found;
use crate::ledger::request::{CaptureMode, FindRequest};
use crate::ledger::{Ledger, LedgerExt};
use crate::policy::{OnDrop, Policy};
use crate::price::{PriceBook, Tariff};
use crate::usage::Usage;

/// A guard over the bank's ledger whose holds may be released after two milliseconds; a unit of work costs 1.
fn guard(bank: &Bank) -> Guard {
    let policy = Policy { lifetime: Duration::from_millis(2), grace: Duration::ZERO, ..Policy::new() };
    Guard::builder(bank.ledger.clone(), PriceBook::new(money(0).unit()))
        .price("work", Tariff::new().per_unit("units", "0.000001").unwrap())
        .policy(policy)
        .build()
        .unwrap()
}

fn units(count: u64) -> Usage {
    Usage::new().with("units", count)
}

/// A handle of account `a` with this key.
fn handle(guard: &Guard, id: &str, most: u64, on_drop: OnDrop) -> Hold {
    let job = Job::new("work").at_most("units", most).with_key(key(id)).with_on_drop(on_drop);
    block_on(guard.hold(&account("a"), job)).unwrap()
}

fn found(bank: &Bank, id: &str) -> HoldState {
    match block_on(bank.ledger.find(FindRequest::hold(account("a"), key(id)))).unwrap() {
        Found::Hold(hold) => *hold,
        other => panic!("{id}: {other:?}"),
    }
}

#[test]
fn a_dropped_handle_and_others_settle_a_hold_once() {
    fn scenario(bank: &Bank) {
        let hold = handle(&guard(bank), "h", 6, OnDrop::Settle);
        hold.record(&units(4)).unwrap();
        let threads = [
            bank.spawn_clock(3),
            bank.spawn_sweeps(1),
            bank.spawn(|bank| {
                drop(hold);
                let now = found(bank, "h").status();
                assert!(matches!(now, HoldStatus::Captured | HoldStatus::Voided), "left {now:?}");
            }),
            bank.spawn(|bank| bank.capture("a", "h", 5, CaptureMode::Final)),
            bank.spawn(|bank| bank.void("a", "h")),
        ];
        join(threads);
        let hold = found(bank, "h");
        // One of the three came first, before the end of the hold or after it.
        let settled = match hold.status() {
            HoldStatus::Captured => matches!(hold.captured().minor(), 4 | 5),
            HoldStatus::Voided => hold.captured().is_zero(),
            _ => false,
        };
        assert!(settled, "{hold:?}");
    }
    in_every_order(scenario, 1, &["captured", "voided", "late", "swept", "refused"]);
}

#[test]
fn every_way_to_drop_a_handle_holds_against_time() {
    fn scenario(bank: &Bank) {
        let guard = guard(bank);
        let given_back = handle(&guard, "given-back", 4, OnDrop::Settle);
        let charged = handle(&guard, "charged", 3, OnDrop::CaptureHold);
        let left = handle(&guard, "left", 2, OnDrop::LeaveToExpire);
        let threads = [
            bank.spawn_clock(3),
            bank.spawn_sweeps(2),
            bank.spawn(|_| drop(given_back)),
            bank.spawn(|_| drop(charged)),
            bank.spawn(|_| drop(left)),
            // Needs what one of them gives back.
            bank.spawn(|bank| bank.charge("a", "c", 5)),
        ];
        join(threads);
        assert_eq!(found(bank, "given-back").status(), HoldStatus::Voided);
        assert_eq!(found(bank, "charged").status(), HoldStatus::Captured);
        assert_eq!(found(bank, "charged").captured(), money(3));
        assert_eq!(found(bank, "left").status(), HoldStatus::Expired);
    }
    in_every_order(scenario, 1, &["captured", "voided", "late", "charged", "refused", "swept"]);
}

#[test]
fn workers_who_share_a_hold_deliver_what_it_comes_to_cover() {
    fn scenario(bank: &Bank) {
        // So long that time has no part in it.
        let job = Job::new("work").at_most("units", 9_u64).beginning_with("units", 2_u64);
        let job = job.with_key(key("h")).with_lifetime(Duration::from_secs(1_000_000));
        let hold = Arc::new(block_on(guard(bank).hold(&account("a"), job)).unwrap());
        let workers = [1, 2].map(|step| {
            let hold = Arc::clone(&hold);
            bank.spawn(move |bank| {
                while let Cover::Within { left } = block_on(hold.spend(&units(step))).unwrap() {
                    // What was within is covered by what the ledger has, whoever made it so.
                    let recorded = hold.recorded().get("units").whole();
                    let held = found(bank, "h").total().minor();
                    assert!(i64::try_from(recorded).unwrap() <= held && left.minor() <= held);
                }
            })
        });
        join(workers.into_iter().chain([bank.spawn(|bank| bank.charge("a", "c", 3))]));
        let mut hold = Arc::into_inner(hold).unwrap();
        let recorded = i64::try_from(hold.recorded().get("units").whole()).unwrap();
        let receipt = block_on(hold.capture_recorded()).unwrap();
        assert_eq!((receipt.charged(), receipt.uncollected()), (money(recorded), money(0)));
        // One of them takes one at a time, so nothing is left.
        let left = block_on(bank.ledger.balance_of(&account("a"), money(0).unit())).unwrap().available();
        assert_eq!(left, money(0));
    }
    in_every_order(scenario, 1, &["superseded", "resized", "refused", "charged", "captured"]);
}

/// One thread waits for the answer to a capture or lets go of it, another drops the handle.
fn let_go(bank: &Bank, waits: bool) {
    let mut hold = handle(&guard(bank), "h", 6, OnDrop::Settle);
    let answer = hold.capture(&units(4));
    let answered = Arc::new(AtomicBool::new(false));
    let knows = Arc::clone(&answered);
    let waiter = bank.spawn(move |_| {
        if waits {
            let _ = block_on(answer);
            knows.store(true, Ordering::SeqCst);
        }
    });
    let dropper = bank.spawn(move |bank| {
        let knew = answered.load(Ordering::SeqCst);
        drop(hold);
        let now = found(bank, "h");
        // Once it is known that a capture failed, dropping the handle makes up for it.
        assert!(!knew || now.status() == HoldStatus::Captured, "{now:?}");
    });
    join([waiter, dropper, bank.spawn(|bank| bank.charge("a", "c", 7))]);
    let hold = found(bank, "h");
    let captured = if hold.status() == HoldStatus::Captured { 4 } else { 0 };
    assert_eq!(hold.captured().minor(), captured);
}

fn waited_for(bank: &Bank) {
    let_go(bank, true);
}

fn not_waited_for(bank: &Bank) {
    let_go(bank, false);
}

#[test]
fn a_capture_on_its_way_is_charged_once_whoever_lets_go() {
    for scenario in [waited_for, not_waited_for] {
        delivered(Delivery::Later, scenario, 1, &["captured", "refused"]);
    }
}

#[test]
fn a_capture_whose_answer_was_lost_is_charged_once() {
    delivered(Delivery::FirstUnknown, waited_for, 1, &["captured", "repeated"]);
    delivered(Delivery::FirstUnknown, not_waited_for, 1, &["captured"]);
}

#[test]
fn a_capture_that_was_not_applied_is_made_up_for_by_the_drop() {
    delivered(Delivery::FirstRefused, waited_for, 1, &["captured"]);
    // Unless nobody could know: then the hold is left to expire.
    delivered(Delivery::FirstRefused, not_waited_for, 1, &["held"]);
}
