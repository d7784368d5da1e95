//! Several processes on one file, and a log that does not grow for ever.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use super::*;

/// Names the file and the account that a child of a test writes to.
const FILE: &str = "BILLING_GUARD_WRITE_TO";
const ACCOUNT: &str = "BILLING_GUARD_WRITE_AS";
const SECONDS: u64 = 2;

/// A test that runs itself again as another process.
fn child(test: &str, file: &Path, account: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([test, "--nocapture"])
        .env(FILE, file)
        .env(ACCOUNT, account)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Writes back to back; says how often, and how long the longest time without a commit was.
fn write_for(store: &SqliteStore, account: &str, time: Duration) -> (u64, Duration) {
    let mut account = Account::new(account);
    let (began, mut last, mut longest) = (Instant::now(), Instant::now(), Duration::ZERO);
    while began.elapsed() < time {
        let set = account.top_up(&format!("payment-{}", account.commits), 1, store.now());
        assert_eq!(commit(store, &set), Outcome::Applied);
        longest = longest.max(last.elapsed());
        last = Instant::now();
    }
    (account.commits, longest)
}

#[test]
fn two_processes_that_write_back_to_back_both_get_on() {
    let test = "two_processes_that_write_back_to_back_both_get_on";
    if let Some(file) = std::env::var_os(FILE) {
        let store = SqliteStore::open(file).unwrap();
        println!("ready");
        let (commits, longest) =
            write_for(&store, &std::env::var(ACCOUNT).unwrap(), Duration::from_secs(SECONDS));
        println!("commits {commits}, longest {longest:?}");
        return;
    }
    let folder = Folder::new();
    let file = folder.file("a.db");
    drop(SqliteStore::open(&file).unwrap());
    let mut children = ["ana", "ben"].map(|account| child(test, &file, account));
    let counts = children.each_mut().map(|child| {
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let said: Vec<String> = lines.filter(|line| line.contains("commits ")).collect();
        assert!(child.wait().unwrap().success());
        println!("{said:?}");
        let (_, count) = said[0].split_once("commits ").unwrap();
        count.split_once(',').unwrap().0.parse::<u64>().unwrap()
    });
    let (less, both) = (counts[0].min(counts[1]), counts[0] + counts[1]);
    assert!(less * 10 >= both * 3, "{counts:?}");
    // None was lost.
    let store = SqliteStore::open(&file).unwrap();
    for (account, count) in ["ana", "ben"].into_iter().zip(counts) {
        assert_eq!(load(&store, &ask(account)).account.unwrap().seq(), count);
    }
}

#[test]
fn a_process_that_dies_or_stands_still_keeps_nobody_out_for_long() {
    let test = "a_process_that_dies_or_stands_still_keeps_nobody_out_for_long";
    if let Some(file) = std::env::var_os(FILE) {
        // It has both locks, and stands still.
        let store = SqliteStore::open(file).unwrap();
        let writer = store.writer();
        let turnstile = super::super::Turnstile::beside(Path::new(&std::env::var_os(FILE).unwrap()));
        let pass = turnstile.enter(Instant::now() + Duration::from_secs(1));
        if std::env::var(ACCOUNT).unwrap() == "both" {
            writer.conn.execute_batch("BEGIN IMMEDIATE").unwrap();
        }
        println!("\nready");
        std::thread::sleep(Duration::from_secs(60));
        drop(pass);
        return;
    }
    let folder = Folder::new();
    let file = folder.file("a.db");
    let settings = SqliteSettings::new().with_busy_timeout(Duration::from_millis(400));
    let store = SqliteStore::open_with(&file, settings).unwrap();
    let mut account = Account::new("a");
    for (holding, applied) in [("turnstile", true), ("both", false)] {
        let mut child = child(test, &file, holding);
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        assert!(lines.any(|line| line == "ready"));
        // The turnstile is only for fairness; the write lock is not to be had.
        let set = account.top_up(&format!("payment-{holding}"), 1, store.now());
        let outcome = commit(&store, &set);
        assert_eq!(outcome == Outcome::Applied, applied, "{outcome:?}");
        child.kill().unwrap();
        child.wait().unwrap();
        // Once it is dead, everything goes on.
        let began = Instant::now();
        if !applied {
            assert_eq!(commit(&store, &set), Outcome::Applied);
        } else {
            assert_eq!(commit(&store, &account.top_up("more", 1, store.now())), Outcome::Applied);
        }
        assert!(began.elapsed() < Duration::from_millis(200), "{:?}", began.elapsed());
    }
}

#[test]
fn a_commit_is_seen_by_every_load_that_begins_after_it() {
    let folder = Folder::new();
    let file = folder.file("a.db");
    let (one, other) = (SqliteStore::open(&file).unwrap(), SqliteStore::open(&file).unwrap());
    let mut account = Account::new("a");
    for count in 0..50 {
        let set = account.top_up(&format!("payment-{count}"), 1, one.now());
        assert_eq!(commit(if count % 2 == 0 { &one } else { &other }, &set), Outcome::Applied);
        for store in [&one, &other] {
            assert_eq!(load(store, &ask("a")).account.as_ref(), Some(&set.put));
        }
    }
}

#[test]
fn the_log_stays_short_although_somebody_always_reads() {
    let (folder, clock) = (Folder::new(), Arc::new(ManualClock::new()));
    let file = folder.file("a.db");
    let store = SqliteStore::open_with(&file, settings(&clock)).unwrap();
    let mut log = file.clone().into_os_string();
    log.push("-wal");
    // Somebody reads for as long as it takes to write this, so the log cannot start anew; then it can.
    let reader = tool(&file);
    reader.execute_batch("BEGIN; SELECT * FROM meta").unwrap();
    let mut accounts: Vec<Account> =
        (0..2_000).map(|count| Account::new(&format!("account-{count}"))).collect();
    let mut round = |number: u32| {
        let key = format!("payment-{number}");
        let sets: Vec<Set> =
            accounts.iter_mut().map(|account| account.top_up(&key, 1, clock.now())).collect();
        assert!(store.commit(&sets).iter().all(|outcome| *outcome == Outcome::Applied));
        std::fs::metadata(&log).unwrap().len()
    };
    let mut number = 0;
    while round(number) <= super::super::LONGEST_LOG {
        number += 1;
        assert!(number < 500);
    }
    reader.execute_batch("ROLLBACK").unwrap();
    assert!(round(number + 1) < super::super::LONGEST_LOG / 2);
}
