//! What a ledger on SQLite does when the system fails it: a full disk, errors of reads, writes and syncs, files that may not be
//! written, are locked, damaged or not its own, clocks that are set and processes that stand still. Each gives an error
//! that says so, never an empty balance; and once it is over, everything acknowledged is there and the ledger works again.
//!
//! The system fails by `power/shim.c`, under which a test runs itself again.

#![cfg(unix)]

#[allow(dead_code, reason = "kills and losses of power need more of it")]
#[path = "crash/books.rs"]
mod books;
#[path = "faults/clock.rs"]
mod clock;
#[path = "faults/files.rs"]
mod files;
#[allow(dead_code, reason = "kills and losses of power need more of it")]
#[path = "crash/folder.rs"]
mod folder;
#[path = "power/shim.rs"]
mod shim;
#[allow(dead_code, reason = "kills and losses of power need more of it")]
#[path = "crash/work.rs"]
mod work;

use std::path::{Path, PathBuf};
use std::time::Duration;

use billing_guard::{
    EngineSettings, LedgerError, LedgerExt, SqliteError, SqliteSettings, SqliteStore, StoreLedger, wait,
};

use books::{Books, Expected, inspect, is_found};
use folder::Folder;
use shim::{Call, DATABASE, EACCES, EIO, ENOSPC, JOURNAL, Rules, WAL, is_under_shim, under_shim};
use work::{Answer, Kind, Note, Operation, SqliteLedger, account, perform, unit};

/// Runs a test under the shim, with a file of its own.
fn in_trouble(test: &str, body: impl FnOnce(&Path, &Rules)) {
    if is_under_shim() {
        let file: PathBuf = std::env::var_os("SHIM_FILE").unwrap().into();
        return body(&file, &Rules::here());
    }
    let folder = Folder::new();
    let rules = folder.file("rules");
    Rules::make(&rules);
    if let Some(mut command) = under_shim(test, &folder.file("ledger.db")) {
        let output = command.env("SHIM_RULES", &rules).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        let complained = String::from_utf8_lossy(&output.stderr);
        let passed = output.status.success() && said.contains("1 passed");
        assert!(passed, "under the shim: {said}\n{complained}");
    }
}

/// A ledger that gives up soon.
fn open(file: &Path) -> SqliteLedger {
    let settings = SqliteSettings::new().with_busy_timeout(Duration::from_millis(300));
    let store = SqliteStore::open_with(file, settings).unwrap();
    StoreLedger::with_settings(store, EngineSettings::new().with_deadline(Duration::from_millis(1_500)))
}

/// Operations on a ledger, and what is known of them.
#[derive(Default)]
struct Story {
    expected: Expected,
    number: u64,
}

impl Story {
    fn next(&mut self, kind: Kind, account: u64, amount: i64) -> Operation {
        self.number += 1;
        Operation { kind, account, key: format!("key-{}", self.number), amount }
    }

    /// Does something that may fail, and keeps in mind what was answered.
    fn ask(&mut self, ledger: &SqliteLedger, operation: &Operation) -> Result<Answer, LedgerError> {
        let answer = perform(ledger, operation);
        let mut notes = vec![Note::Asked(operation.clone())];
        match &answer {
            Ok(answer) => notes.push(Note::Acknowledged(operation.clone(), *answer)),
            Err(LedgerError::OutcomeUnknown { .. }) => {}
            Err(_) => notes.push(Note::Refused(operation.clone())),
        }
        self.expected.add(notes);
        answer
    }

    /// The same, where nothing fails.
    fn tell(&mut self, ledger: &SqliteLedger, kind: Kind, account: u64, amount: i64) {
        let operation = self.next(kind, account, amount);
        self.ask(ledger, &operation).unwrap_or_else(|error| panic!("{operation:?}: {error:?}"));
    }

    fn begin(ledger: &SqliteLedger) -> Self {
        let mut story = Self::default();
        for account in 0..2 {
            story.tell(ledger, Kind::TopUp, account, 1_000);
            story.tell(ledger, Kind::Hold, account, 100);
        }
        story
    }

    /// Everything acknowledged is there, nothing refused is, and it works; what is not known can be asked for.
    fn check(&mut self, ledger: &SqliteLedger) {
        let books = Books::read(ledger).unwrap();
        books.hold_all(&self.expected).unwrap();
        books::repeat_open(ledger, &books, &mut self.expected).unwrap();
        self.tell(ledger, Kind::TopUp, 0, 7);
        self.tell(ledger, Kind::Charge, 1, 1);
        Books::read(ledger).unwrap().hold_all(&self.expected).unwrap();
    }

    /// The same for a file as it would be found if the process were killed now.
    fn check_copy(&self, file: &Path) {
        let folder = Folder::new();
        let copy = folder.file("copy.db");
        std::fs::copy(file, &copy).unwrap();
        std::fs::copy(beside(file, "-wal"), beside(&copy, "-wal")).unwrap();
        inspect(&copy).unwrap();
        let ledger = open(&copy);
        let books = Books::read(&ledger).unwrap();
        books.hold_all(&self.expected).unwrap();
    }
}

fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

#[test]
fn a_full_disk_is_certainly_not_applied_wherever_it_stops_a_commit() {
    in_trouble("a_full_disk_is_certainly_not_applied_wherever_it_stops_a_commit", |file, rules| {
        let ledger = open(file);
        let mut story = Story::begin(&ledger);
        let mut stopped = 0;
        for skip in 0..30 {
            if skip % 2 == 1 {
                rules.tear();
            }
            rules.fail(Call::Write, ENOSPC, WAL, skip / 2, -1);
            let operation = story.next(Kind::Charge, u64::from(skip % 2 == 1), 3);
            let answer = story.ask(&ledger, &operation);
            if answer.is_err() {
                stopped += 1;
                assert!(matches!(answer, Err(LedgerError::Unavailable { .. })), "{answer:?}");
                story.check_copy(file);
            }
            rules.clear();
            assert_eq!(is_found(&ledger, &operation).unwrap(), answer.is_ok());
            if answer.is_err() {
                // The key means nothing yet.
                assert!(!story.ask(&ledger, &operation).unwrap().is_replay);
                story.expected.forget_refusal(&operation);
            }
        }
        assert!(stopped > 5, "{stopped}");
        story.check(&ledger);
        drop(ledger);
        story.check(&open(file));
    });
}

#[test]
fn an_error_of_a_write_or_a_sync_leaves_nothing_uncertain_once_it_is_over() {
    in_trouble("an_error_of_a_write_or_a_sync_leaves_nothing_uncertain_once_it_is_over", |file, rules| {
        let ledger = open(file);
        let mut story = Story::begin(&ledger);
        for (call, count) in [(Call::Write, 1), (Call::Sync, 1), (Call::Write, 3), (Call::Sync, 3)] {
            for skip in 0..4 {
                rules.fail(call, EIO, WAL, skip, count);
                let operation = story.next(Kind::Charge, 0, 3);
                // The engine finds out by itself what became of it.
                let answer = story.ask(&ledger, &operation);
                // Before anything else is written.
                story.check_copy(file);
                rules.clear();
                let found = is_found(&ledger, &operation).unwrap();
                match &answer {
                    Ok(_) => assert!(found),
                    Err(LedgerError::Unavailable { .. }) => assert!(!found),
                    Err(LedgerError::OutcomeUnknown { .. }) => {}
                    Err(other) => panic!("{call:?} {skip}: {other:?}"),
                }
            }
        }
        story.check(&ledger);
        drop(ledger);
        story.check(&open(file));
    });
}

#[test]
fn a_disk_that_syncs_no_more_leaves_the_outcome_unknown_until_it_does() {
    in_trouble("a_disk_that_syncs_no_more_leaves_the_outcome_unknown_until_it_does", |file, rules| {
        let ledger = open(file);
        let mut story = Story::begin(&ledger);
        rules.fail(Call::Sync, EIO, WAL, 0, -1);
        let lost = story.next(Kind::Charge, 0, 3);
        let answer = story.ask(&ledger, &lost);
        assert!(matches!(answer, Err(LedgerError::OutcomeUnknown { .. })), "{answer:?}");
        // "Not applied" would need a commit that says so, and there can be none.
        assert_ne!(is_found(&ledger, &lost), Ok(false), "said not to be applied, while nobody can know");
        story.check_copy(file);
        let other = story.next(Kind::Charge, 1, 3);
        let answer = story.ask(&ledger, &other);
        assert!(
            matches!(answer, Err(LedgerError::OutcomeUnknown { .. } | LedgerError::Unavailable { .. })),
            "{answer:?}"
        );
        // What needs no write goes on: nobody looks poor.
        let balance = wait(ledger.balance_of(&account(1), unit())).unwrap();
        assert!(balance.available().minor() >= 897, "{balance:?}");
        rules.clear();
        story.check(&ledger);
        drop(ledger);
        story.check(&open(file));
    });
}

#[test]
fn checkpoints_that_fail_stop_nobody() {
    in_trouble("checkpoints_that_fail_stop_nobody", |file, rules| {
        let ledger = open(file);
        let mut story = Story::begin(&ledger);
        for (call, error) in [(Call::Write, ENOSPC), (Call::Write, EIO), (Call::Sync, EIO)] {
            rules.fail(call, error, DATABASE, 0, -1);
            let tool = rusqlite::Connection::open(file).unwrap();
            let done = tool.query_row("PRAGMA wal_checkpoint(PASSIVE)", (), |_| Ok(()));
            assert!(done.is_err(), "{call:?} {error}");
            for _ in 0..5 {
                story.tell(&ledger, Kind::Charge, 0, 1);
            }
            drop(tool);
            rules.clear();
        }
        story.check(&ledger);
        // Nor does one while it is closed.
        rules.fail(Call::Write, ENOSPC, DATABASE, 0, -1);
        drop(ledger);
        assert!(rules.clear() > 0);
        story.check(&open(file));
    });
}

#[test]
fn a_file_or_folder_that_may_not_be_written_says_so_and_stays_as_it_was() {
    in_trouble("a_file_or_folder_that_may_not_be_written_says_so_and_stays_as_it_was", |file, rules| {
        let read_only = SqliteError::ReadOnly { path: file.to_owned() };
        // The folder, before there is a file. The error of the system is not always told apart from others.
        rules.fail(Call::Open, EACCES, DATABASE | WAL | JOURNAL, 0, -1);
        let error = SqliteStore::open(file).unwrap_err();
        assert!(
            matches!(&error, SqliteError::CannotOpen { path, .. } | SqliteError::ReadOnly { path } if path == file)
        );
        rules.clear();
        let ledger = open(file);
        let mut story = Story::begin(&ledger);
        drop(ledger);
        let before = std::fs::read(file).unwrap();
        for on in [DATABASE | WAL | JOURNAL, WAL | JOURNAL] {
            rules.fail(Call::Open, EACCES, on, 0, -1);
            assert_eq!(SqliteStore::open(file).unwrap_err(), read_only, "{on}");
            rules.clear();
            assert_eq!(std::fs::read(file).unwrap(), before);
        }
        story.check(&open(file));
    });
}
