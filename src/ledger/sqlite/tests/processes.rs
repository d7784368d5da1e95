//! Several processes on one file, and a log that does not grow for ever.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use super::*;
use crate::ledger::sqlite::open::LONGEST_LOG;
use crate::ledger::sqlite::turnstile::Turnstile;

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
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Sets to be committed one after the other, made beforehand so that nothing is done in between.
fn many_sets(account: &str, now: Timestamp) -> Vec<Set> {
    let mut account = Account::new(account);
    (0..20_000).map(|count| account.top_up(&format!("payment-{count}"), 1, now)).collect()
}

/// Writes back to back; says how often, and how long the longest time without a commit was.
fn write_for(store: &SqliteStore, sets: &[Set], time: Duration) -> (usize, Duration) {
    let (began, mut last, mut longest) = (Instant::now(), Instant::now(), Duration::ZERO);
    let mut commits = 0;
    for set in sets.iter().take_while(|_| began.elapsed() < time) {
        assert_eq!(commit(store, set), Outcome::Applied);
        commits += 1;
        longest = longest.max(last.elapsed());
        last = Instant::now();
    }
    (commits, longest)
}

#[test]
fn two_processes_that_write_back_to_back_both_get_on() {
    let test = "two_processes_that_write_back_to_back_both_get_on";
    if let Some(file) = std::env::var_os(FILE) {
        let store = SqliteStore::open(file).unwrap();
        let sets = many_sets(&std::env::var(ACCOUNT).unwrap(), store.now());
        println!("\nready");
        // Both begin together.
        std::io::stdin().read_line(&mut String::new()).unwrap();
        let (commits, longest) = write_for(&store, &sets, Duration::from_secs(SECONDS));
        println!("commits {commits}, longest {longest:?}");
        return;
    }
    let folder = Folder::new();
    let file = folder.file("a.db");
    drop(SqliteStore::open(&file).unwrap());
    let mut children = ["ana", "ben"].map(|account| child(test, &file, account));
    let mut said = children.each_mut().map(|child| {
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        assert!(lines.any(|line| line == "ready"));
        lines
    });
    for child in &mut children {
        child.stdin.take().unwrap().write_all(b"\n").unwrap();
    }
    let counts = said.each_mut().map(|lines| {
        let line = lines.find(|line| line.starts_with("commits ")).unwrap();
        println!("{line}");
        line.split([' ', ',']).nth(1).unwrap().parse::<u64>().unwrap()
    });
    for child in &mut children {
        assert!(child.wait().unwrap().success());
    }
    let (less, both) = (counts[0].min(counts[1]), counts[0] + counts[1]);
    assert!(less * 10 >= both * 3, "{counts:?}");
    // They take turns: of the commits made while both were at it, at least three in ten follow one of the other.
    let entries = tool(&file);
    let mut order = entries.prepare("SELECT account FROM entry ORDER BY rowid").unwrap();
    let order: Vec<i64> = order.query_map((), |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let ends = [1, 2].map(|account| order.iter().rposition(|one| *one == account).unwrap());
    let together = &order[..ends[0].min(ends[1])];
    let turns = together.windows(2).filter(|two| two[0] != two[1]).count();
    println!("{turns} turns in {} commits", together.len());
    assert!(turns * 10 >= together.len() * 3, "{turns} turns in {} commits", together.len());
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
        let turnstile = Turnstile::beside(Path::new(&std::env::var_os(FILE).unwrap()));
        let pass = turnstile.enter(Instant::now());
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
    while round(number) <= LONGEST_LOG {
        number += 1;
        assert!(number < 500);
    }
    reader.execute_batch("ROLLBACK").unwrap();
    assert!(round(number + 1) < LONGEST_LOG / 2);
}

/// What no more can be written to, since its file is as long as it may become: the system's limit for a process.
#[cfg(unix)]
#[test]
fn a_commit_that_fails_while_it_is_written_is_unknown_and_never_half_there() {
    let test = "a_commit_that_fails_while_it_is_written_is_unknown_and_never_half_there";
    if let Some(file) = std::env::var_os(FILE) {
        let store = SqliteStore::open(file).unwrap();
        let mut applied = 0;
        let outcome = loop {
            let mut accounts =
                [format!("a-{applied}"), format!("b-{applied}")].map(|name| Account::new(&name));
            let sets = accounts.each_mut().map(|account| account.top_up("payment", 1, store.now()));
            let outcomes = store.commit(&sets);
            assert_eq!(outcomes[0], outcomes[1]);
            if outcomes[0] != Outcome::Applied {
                // What it is not: certain. And what is read is what was applied.
                assert_eq!(load(&store, &ask(&format!("a-{applied}"))).account, None);
                break outcomes[0].clone();
            }
            applied += 1;
        };
        println!("\n{applied} applied, then {outcome:?}");
        // It is not closed, as if it had been killed.
        std::process::exit(0);
    }
    let folder = Folder::new();
    let file = folder.file("a.db");
    drop(SqliteStore::open(&file).unwrap());
    // In units of 512 or 1,024 bytes; the signal that comes with it would end the process.
    let limited = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 400; exec \"$0\" \"$1\" --nocapture"])
        .arg(std::env::current_exe().unwrap())
        .arg(test)
        .env(FILE, &file)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&limited.stdout).into_owned();
    let line =
        said.lines().find(|line| line.contains(" applied, then ")).unwrap_or_else(|| panic!("{limited:?}"));
    let (applied, outcome) = line.split_once(" applied, then ").unwrap();
    assert!(outcome.starts_with("Unknown(") && outcome.contains("I/O"), "{line}");
    // Found again: what was answered, and both accounts of a commit or none.
    let applied: usize = applied.parse().unwrap();
    let found = SqliteStore::open(&file).unwrap().accounts(None, 10_000).unwrap().len();
    assert!(
        applied > 5 && found % 2 == 0 && (applied..=applied + 1).contains(&(found / 2)),
        "{line}, {found} found"
    );
}
