//! Files that are locked, not the ledger's, or damaged.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use rusqlite::Connection;

use super::*;

/// The file that a child of a test is to work on.
pub(super) const CHILD: &str = "BILLING_GUARD_FAULTS_CHILD";

/// A test that runs itself again as another process, and talks to it by lines.
pub(super) struct Other {
    child: Child,
    lines: Box<dyn Iterator<Item = String>>,
}

impl Other {
    pub(super) fn start(test: &str, file: &Path) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([test, "--exact", "--nocapture"])
            .env(CHILD, file)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        Self { child, lines: Box::new(lines) }
    }

    /// Waits for this line.
    pub(super) fn says(&mut self, line: &str) {
        assert!(self.lines.any(|said| said == line), "it ended before it said {line:?}");
    }

    pub(super) fn tell(&mut self, line: &str) {
        writeln!(self.child.stdin.as_ref().unwrap(), "{line}").unwrap();
    }

    /// Lets it stand still. Its threads do not stop all at once: waits until each does.
    pub(super) fn stop(&self) {
        self.signal("STOP");
        let threads = format!("/proc/{}/task", self.child.id());
        let stands_still = |thread: std::fs::DirEntry| {
            let stat = std::fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
            // The state comes after the name, which is in brackets.
            stat.rsplit(") ").next().is_none_or(|rest| rest.starts_with('T'))
        };
        loop {
            std::thread::sleep(Duration::from_millis(20));
            // Where the system does not show threads, that has to be long enough.
            let Ok(mut threads) = std::fs::read_dir(&threads) else { return };
            if threads.all(|thread| stands_still(thread.unwrap())) {
                return;
            }
        }
    }

    pub(super) fn go_on(&self) {
        self.signal("CONT");
    }

    fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    pub(super) fn ends_well(mut self) {
        assert!(self.child.wait().unwrap().success());
    }

    pub(super) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// The file, if this process is such a child.
pub(super) fn as_other() -> Option<PathBuf> {
    std::env::var_os(CHILD).map(PathBuf::from)
}

/// Waits for a line from the parent.
pub(super) fn hear() -> String {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    line.trim().to_owned()
}

#[test]
fn a_file_that_another_process_keeps_locked_is_not_available_and_then_is_again() {
    let test = "files::a_file_that_another_process_keeps_locked_is_not_available_and_then_is_again";
    if let Some(file) = as_other() {
        let conn = Connection::open(file).unwrap();
        conn.execute_batch("BEGIN EXCLUSIVE").unwrap();
        println!("\nlocked");
        hear();
        return;
    }
    let folder = Folder::new();
    let file = folder.file("ledger.db");
    let ledger = open(&file);
    let mut story = Story::begin(&ledger);
    let mut other = Other::start(test, &file);
    other.says("locked");
    let began = Instant::now();
    let operation = story.next(Kind::Charge, 0, 3);
    let answer = story.ask(&ledger, &operation);
    assert!(matches!(answer, Err(LedgerError::Unavailable { .. })), "{answer:?}");
    let waited = began.elapsed();
    assert!(waited >= Duration::from_millis(250) && waited < Duration::from_secs(3), "{waited:?}");
    let patience = Duration::from_millis(100);
    let settings = SqliteSettings::new().with_busy_timeout(patience);
    let error = SqliteStore::open_with(&file, settings).unwrap_err();
    assert_eq!(error, SqliteError::Locked { path: file.clone(), waited: patience });
    other.kill();
    story.check(&ledger);
    assert!(!is_found(&ledger, &operation).unwrap());
}

#[test]
fn a_file_that_is_not_as_it_was_is_refused_by_name_and_taken_again_once_it_is() {
    let folder = Folder::new();
    let file = folder.file("ledger.db");
    let ledger = open(&file);
    let mut story = Story::begin(&ledger);
    for _ in 0..200 {
        story.tell(&ledger, Kind::Charge, 0, 1);
    }
    drop(ledger);
    let good = std::fs::read(&file).unwrap();
    type Spoil = Box<dyn Fn(&Path)>;
    type Check = fn(&SqliteError) -> bool;
    let sql = |statement: &'static str| {
        let spoil = move |file: &Path| {
            let conn = Connection::open(file).unwrap();
            conn.execute_batch("PRAGMA journal_mode = DELETE").unwrap();
            conn.execute_batch(statement).unwrap();
        };
        Box::new(spoil) as Spoil
    };
    let bytes = |content: fn(&[u8]) -> Vec<u8>| {
        let spoil = move |file: &Path| {
            let content = content(&std::fs::read(file).unwrap());
            std::fs::write(file, content).unwrap();
        };
        Box::new(spoil) as Spoil
    };
    let cases: [(&str, Spoil, Check); 6] = [
        ("another program's", sql("PRAGMA application_id = 42"), |error| {
            matches!(error, SqliteError::OtherDatabase { application_id: 42, .. })
        }),
        ("newer", sql("PRAGMA user_version = 99"), |error| {
            matches!(error, SqliteError::NewerFormat { found: 99, known: 1, .. })
        }),
        ("older", sql("PRAGMA user_version = 0"), |error| {
            matches!(error, SqliteError::OlderFormat { found: 0, known: 1, .. })
        }),
        ("without a table", sql("DROP VIEW IF EXISTS entries; DROP TABLE entry"), |error| {
            matches!(error, SqliteError::WrongTables { .. })
        }),
        ("no database", bytes(|_| b"These are notes. ".repeat(500)), |error| {
            matches!(error, SqliteError::NotADatabase { .. })
        }),
        ("half of it", bytes(|good| good[..good.len() / 2].to_vec()), |error| {
            matches!(error, SqliteError::Corrupt { .. })
        }),
    ];
    for (name, spoil, is_right) in cases {
        spoil(&file);
        let spoiled = std::fs::read(&file).unwrap();
        let error = SqliteStore::open(&file).unwrap_err();
        assert!(is_right(&error), "{name}: {error:?}");
        assert!(error.to_string().contains(file.to_str().unwrap()), "{name}: {error}");
        assert!(std::fs::read(&file).unwrap() == spoiled, "{name}: it was changed");
        for suffix in ["-wal", "-shm"] {
            let _ = std::fs::remove_file(beside(&file, suffix));
        }
        std::fs::write(&file, &good).unwrap();
    }
    story.check(&open(&file));
}

/// Nor does a file that was cut to any length ever look like a poor customer.
#[test]
fn a_file_that_was_cut_never_answers_with_less_than_there_was() {
    let folder = Folder::new();
    let file = folder.file("ledger.db");
    let ledger = open(&file);
    let mut story = Story::begin(&ledger);
    for _ in 0..300 {
        story.tell(&ledger, Kind::TopUp, 0, 1);
    }
    drop(ledger);
    let good = std::fs::read(&file).unwrap();
    let pages = good.len() / 4_096;
    assert!(pages > 10, "{pages}");
    let mut refused = 0;
    for length in (1..pages).map(|page| page * 4_096).chain([100, 512, 5_000, good.len() - 1]) {
        std::fs::write(&file, &good[..length]).unwrap();
        match SqliteStore::open(&file).map(StoreLedger::new) {
            Ok(ledger) => {
                let read = wait(ledger.balance_of(&account(0), unit()));
                match read {
                    Ok(balance) => assert_eq!(balance.posted().minor(), 1_300, "cut to {length}"),
                    Err(LedgerError::Unavailable { .. }) => refused += 1,
                    Err(other) => panic!("cut to {length}: {other:?}"),
                }
                // More than there is, so that it would be refused as such: it must be proved first.
                let operation =
                    Operation { kind: Kind::Charge, account: 0, key: format!("cut-{length}"), amount: 500 };
                match perform(&ledger, &operation) {
                    Ok(_) | Err(LedgerError::Unavailable { .. }) => {}
                    Err(other) => panic!("cut to {length}: {other:?}"),
                }
            }
            Err(
                SqliteError::Corrupt { .. }
                | SqliteError::NotADatabase { .. }
                | SqliteError::WrongTables { .. },
            ) => {
                refused += 1;
            }
            Err(other) => panic!("cut to {length}: {other:?}"),
        }
        for suffix in ["-wal", "-shm"] {
            let _ = std::fs::remove_file(beside(&file, suffix));
        }
    }
    assert!(refused > 3, "{refused}");
    std::fs::write(&file, &good).unwrap();
    story.check(&open(&file));
}

#[test]
fn a_row_that_was_spoiled_concerns_its_account_alone_until_it_is_right_again() {
    let folder = Folder::new();
    let file = folder.file("ledger.db");
    let mut story = Story::begin(&open(&file));
    let tool = Connection::open(&file).unwrap();
    let spoil = |statement: &str| assert_eq!(tool.execute(statement, ()).unwrap(), 1);
    let first = |column: &str| {
        format!("UPDATE account SET {column} WHERE number = (SELECT min(number) FROM account)")
    };
    spoil(&first("held = -held"));
    let ledger = open(&file);
    let operation = story.next(Kind::Charge, 0, 1);
    let answer = story.ask(&ledger, &operation);
    assert!(
        matches!(&answer, Err(LedgerError::Unavailable { detail }) if detail.contains("held")),
        "it does not say what is wrong: {answer:?}"
    );
    story.tell(&ledger, Kind::Charge, 1, 1);
    spoil(&first("held = -held"));
    story.check(&ledger);
}
