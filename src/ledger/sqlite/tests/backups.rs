//! Copies of a database that is in use.

use super::*;
use std::sync::atomic::AtomicBool;

#[test]
fn a_copy_made_during_writes_is_whole_and_a_database_of_its_own() {
    let folder = Folder::new();
    let store = SqliteStore::open_with(folder.file("a.db"), SqliteSettings::new().with_sync(SqliteSync::Off))
        .unwrap();
    let stop = AtomicBool::new(false);
    let copies = std::thread::scope(|scope| {
        let writing = scope.spawn(|| {
            let mut account = Account::new("a");
            while !stop.load(Ordering::Relaxed) {
                let set = account.top_up(&format!("payment-{}", account.commits), 1, store.now());
                assert_eq!(commit(&store, &set), Outcome::Applied);
            }
            account.commits
        });
        while load(&store, &ask("a")).account.is_none() {
            std::thread::yield_now();
        }
        let mut copies = Vec::new();
        for count in 0..3 {
            let before = load(&store, &ask("a")).account.unwrap().seq();
            let target = folder.file(&format!("copy-{count}.db"));
            let incarnation = store.backup_to(&target).unwrap();
            let after = load(&store, &ask("a")).account.unwrap().seq();
            copies.push((target, incarnation, before..=after));
        }
        stop.store(true, Ordering::Relaxed);
        assert!(writing.join().unwrap() > 3);
        copies
    });
    for (target, incarnation, range) in copies {
        let copy = SqliteStore::open(&target).unwrap();
        assert_eq!(copy.incarnation(), incarnation);
        assert_ne!(copy.incarnation(), store.incarnation());
        // As of one moment: as many entries as changes, and their sum.
        let account = load(&copy, &ask("a")).account.unwrap();
        assert!(range.contains(&account.seq()), "{} in {range:?}", account.seq());
        let sums = tool(&target)
            .query_row("SELECT count(*), sum(amount) FROM entry", (), |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap();
        assert_eq!(sums, (i64::try_from(account.seq()).unwrap(), account.state.posted));
        let check: String = tool(&target).query_row("PRAGMA integrity_check", (), |row| row.get(0)).unwrap();
        assert_eq!(check, "ok");
    }
    let left = std::fs::read_dir(&folder.0)
        .unwrap()
        .filter(|file| file.as_ref().unwrap().file_name().to_str().unwrap().contains("-part"));
    assert_eq!(left.count(), 0);
}

#[test]
fn a_copy_never_replaces_a_file() {
    let folder = Folder::new();
    let store = SqliteStore::open(folder.file("a.db")).unwrap();
    let target = folder.file("copy.db");
    std::fs::write(&target, "precious").unwrap();
    assert_eq!(store.backup_to(&target), Err(SqliteError::Exists { path: target.clone() }));
    assert_eq!(std::fs::read(&target).unwrap(), b"precious");
    // Another copy to it is being made, or was not finished.
    let (target, part) = (folder.file("next.db"), folder.file("next.db-part"));
    std::fs::write(&part, "").unwrap();
    assert_eq!(store.backup_to(&target), Err(SqliteError::Exists { path: part }));
    assert!(matches!(store.backup_to(folder.file("none/copy.db")), Err(SqliteError::CannotOpen { .. })));
}

#[test]
fn what_is_in_memory_can_be_saved() {
    let folder = Folder::new();
    let store = SqliteStore::in_memory().unwrap();
    let set = Account::new("a").top_up("payment", 10, store.now());
    assert_eq!(commit(&store, &set), Outcome::Applied);
    store.backup_to(folder.file("copy.db")).unwrap();
    assert_eq!(load(&SqliteStore::open(folder.file("copy.db")).unwrap(), &ask("a")).account, Some(set.put));
}

#[test]
fn a_name_that_sqlite_would_read_options_in_is_a_name() {
    // Only a relative path can begin with it.
    let name = format!("file:{}.db?mode=memory", IdempotencyKey::unique());
    let part = format!("{name}-part");
    let copied = SqliteStore::in_memory().unwrap().backup_to(&name);
    let opened = copied.clone().and_then(|_| SqliteStore::open(&name)).map(|store| store.incarnation());
    for file in [&name, &part] {
        for suffix in ["", "-wal", "-shm", "-turn"] {
            let _ = std::fs::remove_file(format!("{file}{suffix}"));
        }
    }
    assert_eq!(opened, copied);
    assert!(copied.is_ok(), "{copied:?}");
}
