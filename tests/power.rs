//! The power goes at any moment, and takes with it what was not synced, in whole, in part and in any order. What the ledger had
//! acknowledged is there, nothing is half done, and the file is sound.
//!
//! A process works under a library (`power/shim.c`) that writes down every write and sync of the database's files, and every
//! acknowledgement, in their order. From this what may be on the disk is made for many moments (`power/disk.rs` says what is
//! assumed), opened and checked. Without syncs, and with SQLite's `synchronous=NORMAL`, the same finds losses: so it can.
//! `BILLING_GUARD_LONG=1 cargo test --features sqlite --test power` tries many more.

#![cfg(unix)]

#[allow(dead_code, reason = "kills and faults need more of it")]
#[path = "crash/books.rs"]
mod books;
#[path = "power/disk.rs"]
mod disk;
#[allow(dead_code, reason = "kills need more of it")]
#[path = "crash/folder.rs"]
mod folder;
#[path = "power/shim.rs"]
#[allow(dead_code, reason = "what fails on demand is for tests/faults.rs")]
mod shim;
#[allow(dead_code, reason = "faults need more of it")]
#[path = "crash/work.rs"]
mod work;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use billing_guard::{SqliteSettings, SqliteSync};
use rusqlite::Connection;

use books::{Books, Expected, inspect, open, repeat_open};
use disk::{Dice, Disk, Event, read_log};
use folder::Folder;
use shim::{EIO, Rules, is_under_shim, under_shim};
use work::{Notes, Plan, read_notes, work};

fn is_long() -> bool {
    std::env::var("BILLING_GUARD_LONG").is_ok_and(|value| value == "1")
}

/// A folder in memory, if there is one: nothing here needs a disk.
fn memory() -> Folder {
    let memory = Path::new("/dev/shm");
    let works = std::fs::write(memory.join("billing-guard-probe"), "").is_ok();
    let _ = std::fs::remove_file(memory.join("billing-guard-probe"));
    if works { Folder::within(memory) } else { Folder::new() }
}

/// The file that this process is to work on.
fn file() -> PathBuf {
    std::env::var_os("SHIM_FILE").unwrap().into()
}

fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Runs this test under the shim, and gives what happened to its files; `None` if that cannot be done here.
fn record(test: &str) -> Option<Vec<Event>> {
    let folder = memory();
    let (log, rules) = (folder.file("log"), folder.file("rules"));
    Rules::make(&rules);
    let mut command = under_shim(test, &folder.file("ledger.db"))?;
    let command = command.env("SHIM_LOG", &log).env("SHIM_RULES", &rules).stdout(Stdio::null());
    assert!(command.status().unwrap().success(), "the process under the shim failed");
    Some(read_log(&std::fs::read(log).unwrap()))
}

/// What was found when the power went.
#[derive(Debug, Default)]
struct Found {
    images: u64,
    /// With what was wrong: lost, or damaged.
    wrong: Vec<String>,
}

/// Loses power at `count` moments or more, most of them about syncs, and checks what is on the disk then: `check` gets the file and
/// what had been said by then.
fn lose_power(
    events: &[Event],
    seed: u64,
    count: u64,
    mut check: impl FnMut(&Path, &str) -> Result<(), String>,
) -> Found {
    let folder = memory();
    let file = folder.file("ledger.db");
    let (mut disk, mut dice, mut said, mut found) =
        (Disk::new(seed), Dice(seed), String::new(), Found::default());
    let is_sync = |event: &Event| matches!(event, Event::Synced { .. } | Event::NotSynced { .. });
    let syncs = events.iter().filter(|event| is_sync(event)).count() as u64;
    let others = events.len() as u64;
    for (number, event) in events.iter().enumerate() {
        // Just before the event: what it makes certain is not yet.
        let chances = match event {
            Event::Made { .. } | Event::Removed { .. } | Event::Cut { .. } | Event::FolderSynced => 2,
            // Two thirds of all, before and just after a sync.
            event if is_sync(event) => u64::from(dice.below(syncs * 3) < count),
            _ if number > 0 && is_sync(&events[number - 1]) => u64::from(dice.below(syncs * 3) < count),
            _ => u64::from(dice.below(others * 3) < count),
        };
        for _ in 0..chances {
            disk.lose_power(&file);
            found.images += 1;
            if let Err(error) = check(&file, &said) {
                found.wrong.push(format!("event {number}, seed {seed}: {error}"));
            }
            for suffix in ["-shm", "-turn"] {
                let _ = std::fs::remove_file(beside(&file, suffix));
            }
        }
        disk.apply(event);
        if let Event::Said(text) = event {
            said.push_str(text);
        }
    }
    found
}

/// A table with a row for each number that was said, by SQLite alone: that the method finds what it should, and no more.
mod alone {
    use super::*;

    fn work(synchronous: &str) {
        let notes =
            std::fs::File::options().create(true).append(true).open(beside(&file(), "-acks")).unwrap();
        for part in 0..3 {
            let conn = Connection::open(file()).unwrap();
            conn.execute_batch(&format!(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = {synchronous}; PRAGMA wal_autocheckpoint = 30;
                 CREATE TABLE IF NOT EXISTS row (number INTEGER PRIMARY KEY, filler BLOB)"
            ))
            .unwrap();
            for number in 0..60 {
                let number = part * 60 + number;
                let filler = "INSERT INTO row VALUES (?1, zeroblob(?2))";
                conn.execute(filler, [number, number * 997 % 9_000]).unwrap();
                let line = format!("{number}\n");
                assert_eq!(std::io::Write::write(&mut &notes, line.as_bytes()).unwrap(), line.len());
            }
        }
    }

    fn check(file: &Path, said: &str) -> Result<(), String> {
        inspect(file)?;
        let conn = Connection::open(file).map_err(|error| error.to_string())?;
        let rows = "SELECT count(*) FROM row WHERE number < ?1";
        let lines = i64::try_from(said.lines().count()).unwrap();
        let rows = conn.query_row(rows, [lines], |row| row.get::<_, i64>(0));
        if rows.as_ref().copied().unwrap_or_default() == lines {
            return Ok(());
        }
        Err(format!("lost: of {lines} rows {rows:?}"))
    }

    fn run(test: &str, synchronous: &str, count: u64) -> Option<Found> {
        if is_under_shim() {
            work(synchronous);
            return None;
        }
        let events = record(test)?;
        let found = lose_power(&events, 1, count, check);
        println!(
            "{synchronous}: {} events, {} images, {} wrong",
            events.len(),
            found.images,
            found.wrong.len()
        );
        println!("{:#?}", found.wrong.first());
        Some(found)
    }

    #[test]
    fn sqlite_alone_loses_nothing_if_it_syncs() {
        let Some(found) = run("alone::sqlite_alone_loses_nothing_if_it_syncs", "FULL", 200) else { return };
        assert!(found.images >= 150, "{}", found.images);
        assert!(found.wrong.is_empty(), "{:#?}", found.wrong);
    }

    #[test]
    fn sqlite_alone_loses_commits_if_it_syncs_at_checkpoints_only() {
        let test = "alone::sqlite_alone_loses_commits_if_it_syncs_at_checkpoints_only";
        let Some(found) = run(test, "NORMAL", 200) else { return };
        // It stays sound: that is the difference to no syncs at all.
        assert!(found.wrong.iter().any(|wrong| wrong.contains("lost: ")), "nothing was lost");
        assert!(found.wrong.iter().all(|wrong| wrong.contains("lost: ")), "{:#?}", found.wrong);
    }

    #[test]
    fn sqlite_alone_is_damaged_if_it_never_syncs() {
        let test = "alone::sqlite_alone_is_damaged_if_it_never_syncs";
        let Some(found) = run(test, "OFF", 200) else { return };
        assert!(found.wrong.iter().any(|wrong| !wrong.contains("lost: ")), "no damage was found");
    }

    /// A checkpoint that had to leave out the end of the log, since somebody was reading; then one of which a sync fails; then
    /// one that works, and the log is started anew. Perhaps everybody closes the file after the failure, without a checkpoint.
    fn fail_checkpoint(everybody_closes: bool) {
        let notes =
            std::fs::File::options().create(true).append(true).open(beside(&file(), "-acks")).unwrap();
        let connect = || {
            let conn = Connection::open(file()).unwrap();
            conn.execute_batch(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0",
            )
            .unwrap();
            conn.set_db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).unwrap();
            conn
        };
        let insert = |conn: &Connection, numbers: std::ops::Range<i64>| {
            for number in numbers {
                // Each on a page of its own.
                conn.execute("INSERT INTO row VALUES (?1, zeroblob(3000))", [number]).unwrap();
                let line = format!("{number}\n");
                assert_eq!(std::io::Write::write(&mut &notes, line.as_bytes()).unwrap(), line.len());
            }
        };
        let checkpoint = |conn: &Connection, kind: &str| {
            conn.query_row(&format!("PRAGMA wal_checkpoint({kind})"), (), |row| row.get::<_, i64>(0))
        };
        let (mut writer, reader, rules) = (connect(), connect(), Rules::here());
        writer.execute_batch("CREATE TABLE row (number INTEGER PRIMARY KEY, filler BLOB)").unwrap();
        insert(&writer, 0..10);
        reader.execute_batch("BEGIN; SELECT * FROM row").unwrap();
        insert(&writer, 10..20);
        checkpoint(&writer, "PASSIVE").unwrap();
        reader.execute_batch("COMMIT").unwrap();
        insert(&writer, 20..25);
        rules.fail(shim::Call::Sync, EIO, shim::DATABASE, 0, 1);
        checkpoint(&writer, "PASSIVE").unwrap_err();
        rules.clear();
        drop(reader);
        if everybody_closes {
            drop(writer);
            writer = connect();
        }
        assert_eq!(checkpoint(&writer, "TRUNCATE"), Ok(0));
        insert(&writer, 25..30);
    }

    fn with_failed_checkpoint(test: &str, everybody_closes: bool) -> Option<Found> {
        if is_under_shim() {
            fail_checkpoint(everybody_closes);
            return None;
        }
        let events = record(test)?;
        // What a failed sync has left on the disk is chosen anew by each seed.
        let wrong = (0..8).flat_map(|seed| lose_power(&events, seed, 30, check).wrong).collect();
        Some(Found { images: 0, wrong })
    }

    /// A limit of SQLite, on systems where pages count as clean after a sync that failed: what a checkpoint wrote that did not get to the
    /// end of the log is not synced, and not written again by later ones. If this fails, SQLite has changed: see below.
    #[test]
    fn a_sync_that_fails_in_a_checkpoint_damages_the_file_if_work_goes_on() {
        let test = "alone::a_sync_that_fails_in_a_checkpoint_damages_the_file_if_work_goes_on";
        let Some(found) = with_failed_checkpoint(test, false) else { return };
        assert!(!found.wrong.is_empty(), "nothing was lost or damaged");
    }

    /// What helps: who opens it after all have closed it takes the whole log into the file.
    #[test]
    fn a_sync_that_fails_in_a_checkpoint_harms_nothing_if_all_close_the_file_without_another() {
        let test =
            "alone::a_sync_that_fails_in_a_checkpoint_harms_nothing_if_all_close_the_file_without_another";
        let Some(found) = with_failed_checkpoint(test, true) else { return };
        assert!(found.wrong.is_empty(), "{:#?}", found.wrong);
    }
}

/// Checks files of a ledger against what had been said, which only grows.
struct Checker {
    expected: Expected,
    read: usize,
    images: u64,
}

impl Checker {
    const fn new(expected: Expected) -> Self {
        Self { expected, read: 0, images: 0 }
    }

    fn check(&mut self, file: &Path, said: &str) -> Result<(), String> {
        self.expected.add(read_notes(&said[self.read..]));
        self.read = said.len();
        self.images += 1;
        inspect(file)?;
        let ledger = open(file, SqliteSettings::new().with_sync(SqliteSync::Off))?;
        let books = Books::read(&ledger)?;
        books.hold_all(&self.expected)?;
        // Some go on from there.
        if self.images.is_multiple_of(4) {
            repeat_open(&ledger, &books, &mut self.expected.clone())?;
        }
        Ok(())
    }
}

/// Work with checkpoints of all kinds by another connection, with the file closed in between, and for a while with
/// no one else's checkpoints, so that the store makes its own.
fn work_for_a_while(sync: SqliteSync, trouble: bool) {
    let notes = Notes::open(&beside(&file(), "-acks"));
    let settings = SqliteSettings::new().with_sync(sync);
    let plan = |part: u64, threads, operations| Plan {
        name: format!("part{part}"),
        seed: part,
        threads,
        operations,
        is_rash: false,
        in_trouble: trouble,
    };
    // A sync may fail while it is opened.
    let opened = || loop {
        match open(&file(), settings.clone()) {
            Ok(ledger) => return ledger,
            Err(error) => assert!(trouble, "{error}"),
        }
    };
    for part in 0..3 {
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    checkpoints(sync, &is_over);
                }
            });
            if trouble {
                scope.spawn(|| fail_syncs(part, &is_over));
            }
            // However it ends, the others end too.
            let worked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                work(&opened(), &notes, &plan(part, 4, 60));
            }));
            is_over.store(true, Ordering::Relaxed);
            worked.unwrap();
        });
    }
    work(&opened(), &notes, &plan(3, 1, if is_long() { 1_500 } else { 100 }));
}

fn checkpoints(sync: SqliteSync, is_over: &AtomicBool) {
    // Not before the store has made the file: this connection makes none.
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_WRITE;
    let Ok(conn) = Connection::open_with_flags(file(), flags) else {
        thread::sleep(Duration::from_millis(1));
        return;
    };
    conn.busy_timeout(Duration::from_secs(1)).unwrap();
    let synchronous = if sync == SqliteSync::Full { "FULL" } else { "OFF" };
    conn.execute_batch(&format!("PRAGMA synchronous = {synchronous}")).unwrap();
    for number in 0.. {
        if is_over.load(Ordering::Relaxed) {
            return;
        }
        thread::sleep(Duration::from_millis(4));
        let kind = ["PASSIVE", "PASSIVE", "FULL", "RESTART", "TRUNCATE"][number % 5];
        // It may be busy, or a sync of it may fail: then the next one does more.
        let _ = conn.query_row(&format!("PRAGMA wal_checkpoint({kind})"), (), |_| Ok(()));
    }
}

/// Makes a sync fail now and then, of the log or of the file.
fn fail_syncs(seed: u64, is_over: &AtomicBool) {
    let (rules, mut dice) = (Rules::here(), Dice(seed));
    while !is_over.load(Ordering::Relaxed) {
        thread::sleep(Duration::from_millis(3 + dice.below(8)));
        rules.fail(shim::Call::Sync, EIO, shim::WAL, 0, 1);
    }
    rules.clear();
}

fn run(test: &str, sync: SqliteSync, trouble: bool, count: u64) -> Option<Found> {
    if is_under_shim() {
        work_for_a_while(sync, trouble);
        return None;
    }
    let count = if is_long() { count * 10 } else { count };
    let events = record(test)?;
    let syncs = events.iter().filter(|event| matches!(event, Event::Synced { .. })).count();
    let failed = events.iter().filter(|event| matches!(event, Event::NotSynced { .. })).count();
    let mut checker = Checker::new(Expected::default());
    let found = lose_power(&events, 1, count, |file, said| checker.check(file, said));
    println!(
        "{} events, {syncs} syncs, {failed} failed, {} operations, {} images, {} wrong",
        events.len(),
        checker.expected.acknowledged(),
        found.images,
        found.wrong.len()
    );
    println!("{:#?}", found.wrong.first());
    assert_eq!(failed > 0, trouble);
    Some(found)
}

#[test]
fn what_was_acknowledged_survives_a_loss_of_power() {
    let test = "what_was_acknowledged_survives_a_loss_of_power";
    let Some(found) = run(test, SqliteSync::Full, false, 300) else { return };
    assert!(found.images >= 250, "{}", found.images);
    assert!(found.wrong.is_empty(), "{:#?}", found.wrong);
}

/// Syncs of the log fail now and then, after which the system takes for written what is not.
///
/// Those of the database itself do not fail here: SQLite does not survive that. A checkpoint that could not go to the end of the log, since
/// somebody was reading, counts as done without a sync; if a sync of a later one fails, no checkpoint writes those pages
/// again before the log is started anew.
#[test]
fn syncs_that_fail_lose_nothing_that_was_acknowledged() {
    let test = "syncs_that_fail_lose_nothing_that_was_acknowledged";
    let Some(found) = run(test, SqliteSync::Full, true, 200) else { return };
    assert!(found.images >= 150, "{}", found.images);
    assert!(found.wrong.is_empty(), "{:#?}", found.wrong);
}

/// The proof that the others can fail.
#[test]
fn without_syncs_acknowledged_operations_are_lost() {
    let test = "without_syncs_acknowledged_operations_are_lost";
    let Some(found) = run(test, SqliteSync::Off, false, 100) else { return };
    assert!(found.wrong.len() > 10, "hardly anything was lost: {:#?}", found.wrong);
}
