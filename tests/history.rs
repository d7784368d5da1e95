//! Histories of many threads, put in the order that their sequence numbers tell, and replayed on the model.
//!
//! Every answer must be exactly the one the model gives at its place, and the order must respect real time: nothing comes
//! before what had been answered before it was asked. `BILLING_GUARD_LONG=1 cargo test --release --test history` records a
//! million operations; without it fewer.

#![allow(clippy::result_large_err, reason = "a model may be slow")]

#[path = "history/check.rs"]
mod check;
#[allow(dead_code, reason = "the random histories of tests/model.rs need more of it")]
#[path = "model/naive.rs"]
mod naive;
#[path = "history/record.rs"]
mod record;
#[path = "model/views.rs"]
mod views;

use check::check;
use record::{History, Plan, record};

fn long() -> bool {
    std::env::var("BILLING_GUARD_LONG").is_ok_and(|value| value == "1")
}

#[test]
fn each_answer_of_64_threads_is_the_models_at_its_place_in_the_order() {
    let operations = if long() { 1_000_000 } else { 40_000 };
    let plan = Plan { threads: 64, phases: 16, accounts: 200, operations };
    let history = record(&plan);
    let checked = check(&history).unwrap_or_else(|wrong| panic!("{wrong}"));
    println!("{checked:?}");
    assert_eq!(checked.operations, operations);
    // Otherwise little would have been checked.
    for (what, count) in [
        ("changes", checked.changes),
        ("replays", checked.replays),
        ("refusals", checked.refusals),
        ("reads", checked.reads),
        ("releases, starts and ends", checked.in_time),
    ] {
        assert!(count > operations / 200, "{what}: {count}");
    }
}

#[test]
fn one_account_alone_is_in_order_too() {
    let plan = Plan { threads: 16, phases: 8, accounts: 1, operations: 6_000 };
    check(&record(&plan)).unwrap_or_else(|wrong| panic!("{wrong}"));
}

/// A small history that is right.
fn right() -> History {
    let history = record(&Plan { threads: 8, phases: 6, accounts: 3, operations: 3_000 });
    check(&history).unwrap_or_else(|wrong| panic!("{wrong}"));
    history
}

/// What the checker says of it once it was falsified.
fn falsified(falsify: impl FnOnce(&mut History)) -> String {
    let mut history = right();
    falsify(&mut history);
    check(&history).expect_err("a falsified history passed")
}

#[test]
fn two_changes_that_changed_places_are_noticed() {
    falsified(|history| {
        let (one, other) = history.two_changes_of_one_account();
        let (first, second) = (history.records[one].seq(), history.records[other].seq());
        history.records[one].set_seq(second.unwrap());
        history.records[other].set_seq(first.unwrap());
    });
}

#[test]
fn a_change_that_nobody_was_told_of_is_noticed() {
    falsified(|history| {
        let (one, _) = history.two_changes_of_one_account();
        history.records.remove(one);
    });
}

#[test]
fn a_number_given_twice_is_noticed() {
    let wrong = falsified(|history| {
        let (one, other) = history.two_changes_of_one_account();
        let seq = history.records[one].seq().unwrap();
        history.records[other].set_seq(seq);
    });
    assert!(wrong.contains("twice"), "{wrong}");
}

#[test]
fn another_amount_is_noticed() {
    falsified(|history| history.a_charge().amount_is_one_more());
}

#[test]
fn a_refusal_from_an_older_state_is_noticed() {
    falsified(|history| {
        let (refusal, seq) = history.a_refusal_after_a_change();
        history.records[refusal].set_seq(seq);
    });
}

#[test]
fn an_order_against_real_time_is_noticed() {
    let wrong = falsified(|history| {
        let (_, other) = history.two_changes_of_one_account();
        // Said to have been asked when everything was over.
        let end = history.records.iter().map(|record| record.responded).max().unwrap();
        let (one, _) = history.two_changes_of_one_account();
        assert_ne!(one, other);
        history.records[one].invoked = end + 1;
        history.records[one].responded = end + 2;
    });
    assert!(wrong.contains("real time"), "{wrong}");
}

#[test]
fn a_balance_that_was_never_so_is_noticed() {
    falsified(|history| history.a_balance().posted_is_one_more());
}
