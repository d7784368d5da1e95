//! The engine on SQLite: it keeps the whole contract, in memory and in a file, and two processes share a file.
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use billing_guard::conformance::{self, Check};
use billing_guard::{
    AccountId, Cap, Caps, EngineSettings, Guard, IdempotencyKey, Job, Ledger, LedgerError, LedgerExt,
    ManualClock, Notice, NoticeRules, Period, Policy, PriceBook, SqliteSettings, SqliteStore,
    StatementRequest, StoreLedger, Tariff, Unit, Usage, verify, wait,
};

/// Refusals one after the other are not made to wait for each other.
fn quick() -> EngineSettings {
    EngineSettings::new().with_refusals_apart(Duration::ZERO)
}

/// A folder of a test's own, which goes with it.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("billing-guard-{}", IdempotencyKey::unique()));
        std::fs::create_dir(&folder).unwrap();
        Self(folder)
    }

    fn file(&self) -> PathBuf {
        self.0.join("ledger.db")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// All checks but the one of a million requests, which is the engine's business and not the store's.
fn failures(
    make: &dyn Fn(Arc<ManualClock>) -> Arc<dyn Ledger>,
    which: impl Fn(&Check) -> bool,
) -> Vec<String> {
    let checks = conformance::checks().iter().filter(|check| !check.is_large() && which(check));
    checks.filter_map(|check| check.try_run(make).err()).map(|failure| failure.to_string()).collect()
}

fn check_files(which: impl Fn(&Check) -> bool) {
    let (folder, count) = (Folder::new(), AtomicU32::new(0));
    let make = |clock: Arc<ManualClock>| -> Arc<dyn Ledger> {
        let file = folder.0.join(format!("{}.db", count.fetch_add(1, Ordering::Relaxed)));
        let store = SqliteStore::open_with(file, SqliteSettings::new().with_clock(clock)).unwrap();
        Arc::new(StoreLedger::with_settings(store, quick()))
    };
    assert_eq!(failures(&make, which), [""; 0]);
}

// In two halves, for two cores.
#[test]
fn in_a_file_it_keeps_clauses_1_to_7() {
    check_files(|check| check.clause() <= 7);
}

#[test]
fn in_a_file_it_keeps_clauses_8_to_11() {
    check_files(|check| check.clause() > 7);
}

// The same code, on one connection.
#[test]
fn in_memory_it_keeps_the_first_clauses() {
    let make = |clock: Arc<ManualClock>| -> Arc<dyn Ledger> {
        let store = SqliteStore::in_memory_with(SqliteSettings::new().with_clock(clock)).unwrap();
        Arc::new(StoreLedger::with_settings(store, quick()))
    };
    assert_eq!(failures(&make, |check| check.clause() <= 4), [""; 0]);
}

/// Set for the other process: the file, and a word for its keys.
const OTHER: &str = "BILLING_GUARD_TEST_OTHER";

fn usd(text: &str) -> billing_guard::Amount {
    Unit::new("USD", 2).unwrap().amount(text).unwrap()
}

/// Charges one cent until there is none left; says how often it could.
fn spend(file: &Path, name: &str) -> usize {
    let ledger = StoreLedger::with_settings(SqliteStore::open(file).unwrap(), quick());
    let account = AccountId::new("a").unwrap();
    let mut charged = 0;
    // Some at once, as in a service.
    for round in 0.. {
        let charges: Vec<_> = (0..8)
            .map(|next| {
                ledger.charge(&account, format!("{name}-{round}-{next}").parse().unwrap(), usd("0.01"))
            })
            .collect();
        for charge in charges {
            match wait(charge) {
                Ok(_) => charged += 1,
                Err(LedgerError::Insufficient(short)) => {
                    assert_eq!(short.available(), usd("0"));
                    return charged;
                }
                other => panic!("{other:?}"),
            }
        }
    }
    charged
}

#[test]
fn two_processes_spend_a_balance_to_the_last_cent_and_no_further() {
    if let Ok(file) = std::env::var(OTHER) {
        println!("charged: {}", spend(Path::new(&file), "other"));
        return;
    }
    let folder = Folder::new();
    let account = AccountId::new("a").unwrap();
    let ledger = StoreLedger::new(SqliteStore::open(folder.file()).unwrap());
    wait(ledger.top_up(&account, "t".parse().unwrap(), usd("20"))).unwrap();
    let other = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "two_processes_spend_a_balance_to_the_last_cent_and_no_further", "--nocapture"])
        .env(OTHER, folder.file())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let charged = spend(&folder.file(), "this");
    let output = other.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    let by_other: usize = text.split("charged: ").nth(1).unwrap().lines().next().unwrap().parse().unwrap();
    assert_eq!(charged + by_other, 2_000);
    // The other one began a little later.
    assert!(charged.min(by_other) >= 200, "{charged} and {by_other}");
    let audit = wait(verify(&ledger, &account, usd("0").unit())).unwrap();
    assert!(audit.is_clean(), "{audit:?}");
    let page = wait(ledger.statement(StatementRequest::new(account).with_limit(1))).unwrap();
    assert_eq!((page.seq(), page.closing_balance()), (2_001, Some(usd("0"))));
}

/// Engines that do not know of each other decide the same account's requests, several in one commit, and anew after a
/// conflict: of each threshold exactly one reply tells.
#[test]
fn each_crossing_is_told_once_by_two_engines_on_one_file() {
    const NODES: u32 = 2;
    const THREADS: u32 = 4;
    let (folder, account) = (Folder::new(), AccountId::new("acct").unwrap());
    let cap = Cap::new("team".parse().unwrap(), Period::year(), usd("10"));
    let rules = NoticeRules::new()
        .with_low_balance(usd("9"))
        .with_low_balance(usd("5"))
        .with_low_balance(usd("1"))
        .with_low_share(50)
        .with_cap_spent(60)
        .with_cap_spent(80);
    let guards: Vec<Guard> = (0..NODES)
        .map(|_| {
            let ledger = StoreLedger::with_settings(SqliteStore::open(folder.file()).unwrap(), quick());
            let policy =
                Policy::new().with_notices(rules.clone()).with_caps(Caps::new([cap.clone()]).unwrap());
            Guard::builder(Arc::new(ledger), PriceBook::new(usd("0").unit()))
                .price("cents", Tariff::new().per_unit("cents", "0.01").unwrap())
                .policy(policy)
                .build()
                .unwrap()
        })
        .collect();
    wait(guards[0].top_up(&account, "paid".parse().unwrap(), usd("10"))).unwrap();
    let work = |guard: &Guard, thread: u32| {
        let mut told = Vec::new();
        for turn in 0..50 {
            match (thread + turn) % 3 {
                0 => {
                    let job = Job::new("cents").exact("cents", 4_u32);
                    told.extend_from_slice(wait(guard.charge(&account, &job)).unwrap().notices());
                }
                other => {
                    let job = Job::new("cents").at_most("cents", 5_u32);
                    let mut hold = wait(guard.hold(&account, job)).unwrap();
                    told.extend(hold.notices());
                    if other == 1 {
                        let receipt = wait(hold.capture(&Usage::new().with("cents", 3_u32))).unwrap();
                        told.extend_from_slice(receipt.notices());
                    } else {
                        wait(hold.void()).unwrap();
                    }
                }
            }
        }
        told
    };
    let told: Vec<Notice> = std::thread::scope(|scope| {
        let threads: Vec<_> = guards
            .iter()
            .flat_map(|guard| (0..THREADS).map(move |thread| (guard, thread)))
            .map(|(guard, thread)| scope.spawn(move || work(guard, thread)))
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let mut words: Vec<String> = told
        .iter()
        .map(|notice| match notice {
            Notice::LowBalance { threshold, .. } => format!("below {}", threshold.human()),
            Notice::CapNearlyReached { percent, .. } => format!("{percent} of the cap"),
            other => other.as_str().to_owned(),
        })
        .collect();
    words.sort_unstable();
    assert_eq!(
        words,
        ["60 of the cap", "80 of the cap", "below 1.00 USD", "below 5.00 USD", "below 9.00 USD", "low_share"]
    );
}
