//! Opening: what is refused, and that it is left as it was.

use super::*;
use crate::ledger::sqlite::open;
use crate::ledger::sqlite::schema::{self, Step};
use crate::ledger::store::StoreError;

fn bytes(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap()
}

/// Opens a file that must not open; says why, and checks that no byte of it changed and nothing was put beside it.
fn refused(path: &Path) -> SqliteError {
    let files = |path: &Path| {
        let folder = std::fs::read_dir(path.parent().unwrap()).unwrap();
        let mut names: Vec<_> = folder.map(|file| file.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let before = (bytes(path), files(path));
    let settings = SqliteSettings::new().with_busy_timeout(Duration::from_millis(50));
    let error = SqliteStore::open_with(path, settings).unwrap_err();
    assert_eq!((bytes(path), files(path)), before);
    assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
    error
}

/// A file that was made by the store and closed.
fn made(folder: &Folder) -> PathBuf {
    let path = folder.file("a.db");
    drop(SqliteStore::open(&path).unwrap());
    path
}

#[test]
fn a_file_is_made_and_opens_again_with_all_that_is_in_it() {
    let folder = Folder::new();
    let path = folder.file("a.db");
    let store = SqliteStore::open(&path).unwrap();
    let durability = store.durability();
    assert_eq!((durability.journal_mode(), durability.sync()), ("wal", SqliteSync::Full));
    assert!(durability.survives_power_loss());
    let mut account = Account::new("a");
    let set = account.top_up("payment", 10, store.now());
    assert_eq!(commit(&store, &set), Outcome::Applied);
    let incarnation = store.incarnation();
    drop(store);
    let store = SqliteStore::open(&path).unwrap();
    assert_eq!(store.incarnation(), incarnation);
    assert_eq!(load(&store, &ask("a")).account, Some(set.put));
    // Nobody else's file has the same.
    assert_ne!(SqliteStore::open(folder.file("b.db")).unwrap().incarnation(), incarnation);
}

#[test]
fn a_database_that_does_not_wait_for_the_disk_says_so() {
    let folder = Folder::new();
    let settings = SqliteSettings::new().with_sync(SqliteSync::Off);
    let store = SqliteStore::open_with(folder.file("a.db"), settings).unwrap();
    assert_eq!(store.durability().sync(), SqliteSync::Off);
    assert!(!store.durability().survives_power_loss());
    let store = SqliteStore::in_memory().unwrap();
    assert_eq!(store.durability().journal_mode(), "memory");
    assert!(!store.durability().survives_power_loss());
}

#[test]
fn the_file_can_be_read_with_the_sqlite3_tool() {
    let folder = Folder::new();
    let (path, clock) = (folder.file("a.db"), Arc::new(ManualClock::new()));
    let store = SqliteStore::open_with(&path, settings(&clock)).unwrap();
    let mut account = Account::new("ana");
    assert_eq!(commit(&store, &account.top_up("payment", 1_234, clock.now())), Outcome::Applied);
    assert_eq!(commit(&store, &account.hold("job", 34, 60, clock.now())), Outcome::Applied);
    let shown = |query| tool(&path).query_row(query, (), |row| row.get::<_, String>(0)).unwrap();
    assert_eq!(shown("SELECT id || ' ' || unit || ' ' || available FROM accounts"), "ana USD/2 1200");
    assert_eq!(
        shown("SELECT account || ' ' || key || ' ' || status || ' ' || released FROM holds"),
        "ana job open 2026-01-01T00:01:00.000Z"
    );
    assert_eq!(
        shown("SELECT account || ' ' || kind || ' ' || amount || ' ' || booked FROM entries"),
        "ana top-up 1234 2026-01-01T00:00:00.000Z"
    );
}

#[test]
fn what_is_no_database_is_refused() {
    let folder = Folder::new();
    let path = folder.file("notes.txt");
    std::fs::write(&path, "These are notes, and no database at all. ".repeat(100)).unwrap();
    assert_eq!(refused(&path), SqliteError::NotADatabase { path: path.clone() });
}

/// SQLite alone takes it for a new database, and removes its log.
#[test]
fn a_file_that_is_empty_or_gone_is_refused_while_there_is_its_log() {
    let folder = Folder::new();
    let path = folder.file("a.db");
    let store = SqliteStore::open(&path).unwrap();
    assert_eq!(commit(&store, &Account::new("a").top_up("payment", 10, store.now())), Outcome::Applied);
    let copy = folder.file("copy.db");
    let log = folder.file("copy.db-wal");
    std::fs::copy(folder.file("a.db-wal"), &log).unwrap();
    let kept = bytes(&log);
    std::fs::write(&copy, "").unwrap();
    let error = refused(&copy);
    assert!(
        matches!(&error, SqliteError::Corrupt { reason, .. } if reason.contains("copy.db-wal")),
        "{error}"
    );
    #[cfg(unix)]
    {
        let link = folder.file("link.db");
        std::os::unix::fs::symlink(&copy, &link).unwrap();
        assert!(matches!(refused(&link), SqliteError::Corrupt { .. }));
    }
    std::fs::remove_file(&copy).unwrap();
    assert!(matches!(SqliteStore::open(&copy), Err(SqliteError::Corrupt { .. })));
    assert!(!copy.exists() && bytes(&log) == kept);
    // With the file put back, everything is there.
    std::fs::copy(&path, &copy).unwrap();
    assert_eq!(SqliteStore::open(&copy).unwrap().accounts(None, 9).unwrap(), [id("a")]);
    // Without the log it is a new one.
    let empty = folder.file("empty.db");
    std::fs::write(&empty, "").unwrap();
    assert_eq!(SqliteStore::open(&empty).unwrap().accounts(None, 9).unwrap(), []);
}

#[test]
fn another_programs_database_is_refused() {
    let folder = Folder::new();
    let path = folder.file("a.db");
    tool(&path).execute_batch("CREATE TABLE account (id TEXT)").unwrap();
    assert_eq!(refused(&path), SqliteError::OtherDatabase { path: path.clone(), application_id: 0 });
    tool(&path).execute_batch("PRAGMA application_id = 42").unwrap();
    assert_eq!(refused(&path), SqliteError::OtherDatabase { path: path.clone(), application_id: 42 });
    assert_eq!(
        SqliteStore::upgrade(&path),
        Err(SqliteError::OtherDatabase { path: path.clone(), application_id: 42 })
    );
}

#[test]
fn our_header_on_other_tables_is_refused() {
    for change in ["ALTER TABLE hold DROP COLUMN late", "DROP TABLE counter", "DROP INDEX entry_key"] {
        let folder = Folder::new();
        let path = made(&folder);
        tool(&path)
            .execute_batch(&format!("PRAGMA journal_mode = DELETE; DROP VIEW counters; {change}"))
            .unwrap();
        let error = refused(&path);
        assert!(matches!(error, SqliteError::WrongTables { .. }), "{change}: {error}");
    }
}

#[test]
fn another_format_is_refused_with_both_numbers() {
    let folder = Folder::new();
    let path = made(&folder);
    let set = |format| {
        tool(&path).execute_batch(&format!("PRAGMA journal_mode = DELETE; PRAGMA user_version = {format}"))
    };
    set(7).unwrap();
    let newer = SqliteError::NewerFormat { path: path.clone(), found: 7, known: 1 };
    assert_eq!(refused(&path), newer);
    assert!(newer.to_string().contains("format 7") && newer.to_string().contains("up to 1"), "{newer}");
    assert_eq!(SqliteStore::upgrade(&path), Err(newer));
    set(0).unwrap();
    let older = SqliteError::OlderFormat { path: path.clone(), found: 0, known: 1 };
    assert_eq!(refused(&path), older);
    assert!(older.to_string().contains("SqliteStore::upgrade"), "{older}");
}

#[test]
fn a_file_that_is_upgraded_while_open_is_written_no_more() {
    let folder = Folder::new();
    let path = folder.file("a.db");
    let store = SqliteStore::open(&path).unwrap();
    tool(&path).execute_batch("PRAGMA user_version = 2").unwrap();
    let set = Account::new("a").top_up("payment", 1, store.now());
    assert!(matches!(commit(&store, &set), Outcome::Rejected(why) if why.contains("format 2")));
}

#[test]
fn what_is_no_file_is_not_opened() {
    for path in ["", ":memory:"] {
        let error = SqliteStore::open(path).unwrap_err();
        assert!(
            matches!(&error, SqliteError::CannotOpen { reason, .. } if reason.contains("in_memory")),
            "{error}"
        );
    }
}

#[test]
fn upgrading_a_present_file_changes_nothing() {
    let folder = Folder::new();
    let path = made(&folder);
    let before = bytes(&path);
    assert_eq!(SqliteStore::upgrade(&path), Ok(1));
    assert_eq!(bytes(&path), before);
    drop(SqliteStore::open(&path).unwrap());
    let none = folder.file("none.db");
    assert!(matches!(SqliteStore::upgrade(&none), Err(SqliteError::CannotOpen { .. })));
    assert!(!none.exists());
}

#[test]
fn steps_of_an_upgrade_are_taken_in_order_and_all_or_none() {
    let folder = Folder::new();
    let path = made(&folder);
    let steps = [
        Step { from: 1, statements: "ALTER TABLE counter ADD COLUMN more TEXT" },
        Step {
            from: 2,
            statements: "UPDATE counter SET more = 'x'; CREATE INDEX counter_more ON counter (more)",
        },
    ];
    let broken = [
        Step { from: 1, statements: "ALTER TABLE counter ADD COLUMN more TEXT" },
        Step { from: 2, statements: "UPDATE counter SET none = 1" },
    ];
    let columns = || {
        let file = tool(&path);
        let more = "SELECT count(*) FROM pragma_table_info('counter') WHERE name = 'more'";
        (schema::format(&file).unwrap(), file.query_row(more, (), |row| row.get::<_, i64>(0)).unwrap())
    };
    assert!(matches!(open::upgrade(&path, &broken, 3), Err(SqliteError::Failed { .. })));
    assert_eq!(columns(), (1, 0));
    // A step is missing.
    assert!(matches!(open::upgrade(&path, &steps[..1], 3), Err(SqliteError::WrongTables { .. })));
    assert_eq!(columns(), (1, 0));
    assert_eq!(open::upgrade(&path, &steps, 3), Ok(1));
    assert_eq!(columns(), (3, 1));
    assert_eq!(open::upgrade(&path, &steps, 3), Ok(3));
    assert_eq!(columns(), (3, 1));
}

#[test]
fn a_damaged_file_is_refused() {
    let folder = Folder::new();
    let path = made(&folder);
    let mut file = bytes(&path);
    // The first page after its header: the list of tables.
    file[100..4_096].fill(0x5a);
    std::fs::write(&path, &file).unwrap();
    let error = SqliteStore::open(&path).unwrap_err();
    assert!(matches!(error, SqliteError::Corrupt { .. }), "{error}");
    assert_eq!(bytes(&path), file);
}

#[test]
fn a_locked_file_is_waited_for_and_then_refused() {
    let folder = Folder::new();
    let path = made(&folder);
    let other = tool(&path);
    other.execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE").unwrap();
    let settings = SqliteSettings::new().with_busy_timeout(Duration::from_millis(50));
    let error = SqliteStore::open_with(&path, settings).unwrap_err();
    assert_eq!(error, SqliteError::Locked { path: path.clone(), waited: Duration::from_millis(50) });
    other.execute_batch("ROLLBACK").unwrap();
    drop(other);
    drop(SqliteStore::open(&path).unwrap());
}

#[test]
fn a_folder_and_a_path_that_leads_nowhere_are_refused() {
    let folder = Folder::new();
    let error = SqliteStore::open(&folder.0).unwrap_err();
    assert!(error.to_string().contains("it is a folder"), "{error}");
    let error = SqliteStore::open(folder.file("none/a.db")).unwrap_err();
    assert!(error.to_string().contains("its folder does not exist"), "{error}");
}

#[test]
fn opening_at_once_makes_one_database() {
    for _ in 0..10 {
        let folder = Folder::new();
        let path = folder.file("a.db");
        let incarnations: Vec<Stamp> = std::thread::scope(|scope| {
            let open = || scope.spawn(|| SqliteStore::open(&path).unwrap().incarnation());
            let opening = [open(), open(), open(), open()];
            opening.map(|thread| thread.join().unwrap()).to_vec()
        });
        assert!(incarnations.iter().all(|one| *one == incarnations[0]), "{incarnations:?}");
    }
}

#[test]
fn time_goes_on_from_one_process_to_the_next() {
    let folder = Folder::new();
    let path = folder.file("a.db");
    let store = SqliteStore::open(&path).unwrap();
    let both = SqliteStore::open(&path).unwrap();
    let (first, second) = (store.now(), both.now());
    assert!(second >= first && second.saturating_since(first) < Duration::from_secs(1));
    assert_eq!(commit(&store, &Account::new("a").top_up("payment", 1, first)), Outcome::Applied);
    let reserved: i64 = tool(&path).query_row("SELECT reserved FROM meta", (), |row| row.get(0)).unwrap();
    assert!(reserved >= first.as_micros());
    drop((store, both));
    // The machine was started again, with a clock that is years behind.
    let ahead = reserved + 1_000_000_000_000;
    tool(&path).execute("UPDATE meta SET boot = 'another', reserved = ?1", [ahead]).unwrap();
    let store = SqliteStore::open(&path).unwrap();
    let now = store.now();
    assert!(now.as_micros() >= ahead && now.as_micros() < ahead + 60_000_000, "{now}");
    // Who comes later goes by the same.
    assert!(SqliteStore::open(&path).unwrap().now() >= now);
}

/// As somebody who may not write: this user, or if that is root, whom nothing is forbidden, nobody.
#[cfg(unix)]
#[test]
fn a_file_or_folder_that_may_not_be_written_is_refused() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    use std::os::unix::process::CommandExt;
    const TRY: &str = "BILLING_GUARD_TRY_TO_OPEN";
    if let Some(path) = std::env::var_os(TRY) {
        let path = PathBuf::from(path);
        assert_eq!(SqliteStore::open(&path).unwrap_err(), SqliteError::ReadOnly { path });
        return;
    }
    let folder = Folder::new();
    let path = made(&folder);
    let _ = std::fs::remove_file(folder.file("a.db-turn"));
    let mode = |path: &Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    // A file of our own says who we are.
    let is_root = std::fs::metadata(&path).unwrap().uid() == 0;
    let tried = |what: &str, path: &Path| {
        let mut child = std::process::Command::new(std::env::current_exe().unwrap());
        let name = "a_file_or_folder_that_may_not_be_written_is_refused";
        child.args([name, "--nocapture"]).env(TRY, path);
        if is_root {
            child.uid(65_534).gid(65_534);
        }
        let output = child.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains("1 passed"), "{what}: {said}{output:?}");
    };
    mode(&path, 0o444);
    mode(&folder.0, 0o777);
    tried("file", &path);
    mode(&path, 0o666);
    mode(&folder.0, 0o555);
    tried("folder", &path);
    tried("new file", &folder.file("b.db"));
    mode(&folder.0, 0o755);
}

#[cfg(unix)]
#[test]
fn a_file_that_lost_its_name_while_in_use_takes_nothing_more() {
    let folder = Folder::new();
    let path = made(&folder);
    let store = SqliteStore::open(&path).unwrap();
    let mut account = Account::new("a");
    assert_eq!(commit(&store, &account.top_up("p1", 10, store.now())), Outcome::Applied);
    let away = folder.file("away.db");
    std::fs::rename(&path, &away).unwrap();
    let set = account.top_up("p2", 10, store.now());
    let is_refused = |word: &str| {
        assert!(matches!(commit(&store, &set), Outcome::Unavailable(why) if why.contains(word)));
        assert!(matches!(store.load(&[ask("a")]), Err(StoreError::Unavailable(why)) if why.contains(word)));
        assert!(store.backup_to(folder.file("copy.db")).is_err());
    };
    is_refused("moved");
    std::fs::copy(&away, &path).unwrap();
    is_refused("replaced");
    std::fs::rename(&away, &path).unwrap();
    assert_eq!(commit(&store, &set), Outcome::Applied);
}
