//! Histories of many threads, put in the order that their sequence numbers tell, and replayed on the model.
//!
//! Every answer must be exactly the one the model gives at its place, and the order must respect real time: nothing comes
//! before what had been answered before it was asked. `BILLING_GUARD_LONG=1 cargo test --release --test history` records a
//! million operations; without it fewer.

#![allow(clippy::result_large_err, reason = "a model may be slow")]

#[path = "history/check.rs"]
mod check;
#[allow(dead_code, unreachable_pub, reason = "an example, of which a test needs only the store")]
#[path = "../examples/custom_store.rs"]
mod custom_store;
#[allow(dead_code, reason = "the random histories of tests/model.rs need more of it")]
#[path = "model/naive.rs"]
mod naive;
#[path = "history/record.rs"]
mod record;
#[path = "model/views.rs"]
mod views;

use std::sync::Arc;
use std::time::Duration;

use billing_guard::{EngineSettings, Ledger, ManualClock, StoreLedger};
use check::check;
use custom_store::CustomStore;
use record::{History, Plan, record, record_on};

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

/// A history on the engine: of one process, of two, and of one that remembers next to nothing.
fn on_engines(plan: &Plan, store: impl Fn(Arc<ManualClock>) -> Vec<Arc<dyn Ledger>>) {
    let history = record_on(plan, store);
    let checked = check(&history).unwrap_or_else(|wrong| panic!("{wrong}"));
    println!("{checked:?}");
    assert_eq!(checked.operations, plan.operations);
    assert!(checked.changes > plan.operations / 10, "{checked:?}");
}

/// Refusals one after the other are not made to wait for each other.
fn quick() -> EngineSettings {
    EngineSettings::new().with_refusals_apart(Duration::ZERO)
}

fn engine_plan() -> Plan {
    let operations = if long() { 200_000 } else { 12_000 };
    Plan { threads: 32, phases: 12, accounts: 50, operations }
}

#[test]
fn on_the_engine_each_answer_is_the_models_at_its_place_too() {
    on_engines(&engine_plan(), |clock| {
        vec![Arc::new(StoreLedger::with_settings(CustomStore::new(clock), quick()))]
    });
}

#[test]
fn two_engines_on_one_store_have_one_order() {
    on_engines(&engine_plan(), |clock| {
        let store = Arc::new(CustomStore::new(clock));
        let one = StoreLedger::with_settings(store.clone(), quick().with_remembered(20));
        let other = StoreLedger::with_settings(store, quick().with_writers(3));
        vec![Arc::new(one), Arc::new(other)]
    });
}

#[cfg(feature = "sqlite")]
#[test]
fn on_sqlite_each_answer_is_the_models_at_its_place_too() {
    let folder = tempfile();
    on_engines(&engine_plan(), |clock| vec![on_file(&folder, clock)]);
    std::fs::remove_dir_all(folder).unwrap();
}

/// Two engines with connections of their own, as in two processes.
#[cfg(feature = "sqlite")]
#[test]
fn two_engines_on_one_sqlite_file_have_one_order() {
    let folder = tempfile();
    on_engines(&engine_plan(), |clock| vec![on_file(&folder, clock.clone()), on_file(&folder, clock)]);
    std::fs::remove_dir_all(folder).unwrap();
}

#[cfg(feature = "sqlite")]
fn on_file(folder: &std::path::Path, clock: Arc<ManualClock>) -> Arc<dyn Ledger> {
    let settings = billing_guard::SqliteSettings::new().with_clock(clock);
    let store = billing_guard::SqliteStore::open_with(folder.join("ledger.db"), settings).unwrap();
    Arc::new(StoreLedger::with_settings(store, quick()))
}

/// A new folder.
#[cfg(feature = "sqlite")]
fn tempfile() -> std::path::PathBuf {
    let folder =
        std::env::temp_dir().join(format!("billing-guard-{}", billing_guard::IdempotencyKey::unique()));
    std::fs::create_dir(&folder).unwrap();
    folder
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
