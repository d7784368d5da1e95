//! A whole ledger can be written as a file of lines and read into another, empty store: everything is there, and its keys
//! are known.
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]

use std::sync::Arc;
use std::time::Duration;

use billing_guard::store::{Store, export, import};
use billing_guard::{
    AccountId, CountersRequest, EngineSettings, FindRequest, Found, HoldsRequest, IdempotencyKey, Ledger,
    LedgerExt, ManualClock, Order, SqliteSettings, SqliteStore, StatementRequest, StoreLedger, verify, wait,
};
use custom_store::CustomStore;
use record::{Operation, Plan, account, record_on, unit};

#[allow(dead_code, unreachable_pub, reason = "an example, of which a test needs only the store")]
#[path = "../examples/custom_store.rs"]
mod custom_store;
#[allow(dead_code, reason = "what falsifies histories is for another test")]
#[path = "history/record.rs"]
mod record;

const ACCOUNTS: usize = 12;

fn engine<S: Store>(store: S) -> StoreLedger<S> {
    StoreLedger::with_settings(store, EngineSettings::new().with_refusals_apart(Duration::ZERO))
}

fn sqlite(clock: &Arc<ManualClock>) -> Arc<SqliteStore> {
    Arc::new(SqliteStore::in_memory_with(SqliteSettings::new().with_clock(clock.clone())).unwrap())
}

/// All that a ledger shows of an account.
fn shown(ledger: &dyn Ledger, account: &AccountId) -> String {
    let balance = wait(ledger.balance_of(account, unit())).unwrap();
    let audit = wait(verify(ledger, account, unit())).unwrap();
    assert!(audit.is_clean(), "{audit:?}");
    let mut text = format!("{balance:?}\n{audit:?}\n");
    let mut statement =
        StatementRequest::new(account.clone()).with_order(Order::OldestFirst).with_limit(1_000);
    loop {
        let page = wait(ledger.statement(statement.clone())).unwrap();
        text += &format!("{page:?}\n");
        let Some(next) = page.next() else { break };
        statement = statement.with_after(next);
    }
    let holds = wait(ledger.holds(HoldsRequest::new(account.clone()).with_limit(1_000))).unwrap();
    assert!(holds.next().is_none());
    let counters = wait(ledger.counters(CountersRequest::new(account.clone()).with_limit(1_000))).unwrap();
    text + &format!("{holds:?}\n{counters:?}")
}

/// Work of every kind on a store, with all that was asked and answered.
fn worked(clock: &Arc<ManualClock>, store: Arc<SqliteStore>) -> (Arc<dyn Ledger>, Vec<Operation>) {
    let plan = Plan { threads: 8, phases: 6, accounts: ACCOUNTS, operations: 3_000 };
    let ledger: Arc<dyn Ledger> = Arc::new(engine(store));
    let history = record_on(&plan, |of_history| {
        // The clock of the history is another one; that of the store follows it from the start.
        clock.set(billing_guard::Clock::now(&*of_history));
        vec![Arc::clone(&ledger)]
    });
    (ledger, history.records.into_iter().map(|record| record.operation).collect())
}

#[test]
fn what_is_imported_shows_the_same_and_knows_its_keys() {
    let clock = Arc::new(ManualClock::new());
    let from = sqlite(&clock);
    let (ledger, operations) = worked(&clock, from.clone());
    let before: Vec<String> = (0..ACCOUNTS).map(|number| shown(&*ledger, &account(number))).collect();
    let mut file = Vec::new();
    let written = export(&from, &mut file).unwrap();
    assert_eq!(written.accounts, ACCOUNTS as u64);
    assert!(written.holds > 100 && written.entries > 100 && written.counters > 1, "{written:?}");

    let to_sqlite = sqlite(&clock);
    assert_eq!(import(&mut file.as_slice(), &to_sqlite).unwrap(), written);
    let to_custom = Arc::new(CustomStore::new(clock.clone()));
    assert_eq!(import(&mut file.as_slice(), &to_custom).unwrap(), written);
    // What comes out again is the same file.
    let mut again = Vec::new();
    export(&to_custom, &mut again).unwrap();
    assert_eq!(again, file);
    // Not into a store that has something.
    assert!(import(&mut file.as_slice(), &to_sqlite).is_err());

    for imported in [Arc::new(engine(to_sqlite)) as Arc<dyn Ledger>, Arc::new(engine(to_custom))] {
        for (number, before) in before.iter().enumerate() {
            assert_eq!(&shown(&*imported, &account(number)), before);
        }
        let mut replays = 0;
        for operation in &operations {
            let Operation::Hold(request, Ok(made)) = operation else { continue };
            let find = FindRequest::hold(request.account.clone(), request.key.clone());
            let (here, there) =
                (wait(ledger.find(find.clone())).unwrap(), wait(imported.find(find)).unwrap());
            assert_eq!(here, there);
            assert!(matches!(here, Found::Hold(_)));
            if !made.is_replay() && replays < 50 {
                replays += 1;
                assert!(wait(imported.hold(request.clone())).unwrap().is_replay());
            }
        }
        assert_eq!(replays, 50);
        // And it goes on from there.
        let new = wait(imported.top_up(&account(1), IdempotencyKey::unique(), unit().minor(7))).unwrap();
        assert!(!new.is_replay());
        assert!(wait(verify(&*imported, &account(1), unit())).unwrap().is_clean());
    }
}

#[test]
fn a_file_that_was_changed_is_refused() {
    let clock = Arc::new(ManualClock::new());
    let from = sqlite(&clock);
    let ledger = engine(from.clone());
    wait(ledger.top_up(&account(0), "t".parse().unwrap(), unit().minor(100))).unwrap();
    wait(ledger.hold_amount(&account(0), "h".parse().unwrap(), unit().minor(10))).unwrap();
    let mut file = Vec::new();
    export(&from, &mut file).unwrap();
    let text = String::from_utf8(file).unwrap();
    let cut = text.lines().count() - 1;
    let bad = [
        text.replacen("\"h\"", "\"i\"", 1),
        text.lines().take(cut).map(|line| format!("{line}\n")).collect(),
        String::new(),
        "no such file".to_owned(),
    ];
    for bad in bad {
        let to = sqlite(&clock);
        let error = import(&mut bad.as_bytes(), &to).unwrap_err();
        assert!(!error.to_string().is_empty());
        assert_eq!(wait(engine(to).balance_of(&account(0), unit())).unwrap().posted(), unit().zero());
    }
}
