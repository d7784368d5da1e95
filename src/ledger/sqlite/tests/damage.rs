//! Rows that are not what was written: named, and nobody else's matter.

use super::*;
use crate::ledger::request::Order;
use crate::ledger::store::StoreError;
use crate::ledger::store::pages::EntriesQuery;

fn damaged(statement: &str) -> (StoreError, SqliteStore, Folder) {
    let (folder, clock) = (Folder::new(), Arc::new(ManualClock::new()));
    let store = SqliteStore::open_with(folder.file("a.db"), settings(&clock)).unwrap();
    for name in ["ana", "ben"] {
        let mut account = Account::new(name);
        assert_eq!(commit(&store, &account.top_up("payment", 10, clock.now())), Outcome::Applied);
        assert_eq!(commit(&store, &account.hold("job", 5, 60, clock.now())), Outcome::Applied);
    }
    tool(&folder.file("a.db")).execute_batch(statement).unwrap();
    let query = EntriesQuery { account: id("ana"), order: Order::OldestFirst, after: None, limit: 9 };
    let error = store.load(&[ask("ana")]).and_then(|_| store.entries(&query)).unwrap_err();
    (error, store, folder)
}

#[test]
fn a_row_that_cannot_be_is_named_and_other_accounts_go_on() {
    for (statement, named) in [
        ("UPDATE account SET unit = 'dollars' WHERE id = 'ana'", "table account, account ana, column unit: "),
        (
            "UPDATE account SET format = -1 WHERE id = 'ana'",
            "table account, account ana, column format: -1 is out of",
        ),
        (
            "UPDATE account SET stamp = x'00' WHERE id = 'ana'",
            "table account, account ana, column stamp: 1 bytes where 16",
        ),
        (
            "UPDATE account SET commits = -7 WHERE id = 'ana'",
            "table account, account ana, column commits: -7 is negative",
        ),
        (
            "UPDATE account SET open_holds = 1 << 40 WHERE id = 'ana'",
            "table account, account ana, column open_holds: 1099511627776 is",
        ),
        (
            "UPDATE account SET held = -1 WHERE id = 'ana'",
            "table account, account ana, column held: -1 is negative",
        ),
        (
            "UPDATE account SET posted = -9223372036854775807, held = 9 WHERE id = 'ana'",
            "table account, account ana, column held: 9 held of",
        ),
        ("UPDATE account SET grants = '{' WHERE id = 'ana'", "table account, account ana, column grants: "),
        (
            "UPDATE hold SET total = -5 WHERE account = 1",
            "table hold, account ana, column total: -5 is negative",
        ),
        ("UPDATE hold SET late = 2 WHERE account = 1", "table hold, account ana, column late: 2 is neither"),
        ("UPDATE hold SET rest = 'no' WHERE account = 1", "table hold, account ana, column rest: "),
        ("UPDATE hold SET key = 'k' || char(10) WHERE account = 1", "table hold, account ana, column key: "),
        (
            "UPDATE hold SET key = CAST(x'ff' AS TEXT) WHERE account = 1",
            "table hold, account ana, column key: ",
        ),
        (
            "UPDATE entry SET kind = 'gift' WHERE account = 1",
            "table entry, account ana, column kind: \"gift\" is none",
        ),
        (
            "UPDATE entry SET operation = 'theft' WHERE account = 1",
            "table entry, account ana, column operation: \"theft\"",
        ),
        ("UPDATE entry SET stamp = x'' WHERE account = 1", "table entry, account ana, column stamp: 0 bytes"),
    ] {
        let (error, store, _folder) = damaged(statement);
        assert!(
            matches!(&error, StoreError::Corrupt(what) if what.starts_with(named)),
            "{statement}: {error}"
        );
        let found = everything(&store, "ben");
        assert_eq!((found.holds.len(), found.entries.len()), (1, 1));
    }
}

#[test]
fn a_record_of_a_newer_format_says_so() {
    // Whatever else is in it.
    let (error, store, _folder) = damaged("UPDATE account SET format = 2, grants = 'new' WHERE id = 'ana'");
    assert_eq!(error, StoreError::NewerFormat { found: 2, known: FORMAT });
    assert_eq!(everything(&store, "ben").entries.len(), 1);
}

#[test]
fn a_damaged_page_is_said_to_be_one() {
    let (folder, clock) = (Folder::new(), Arc::new(ManualClock::new()));
    let path = folder.file("a.db");
    let store = SqliteStore::open_with(&path, settings(&clock)).unwrap();
    let sets: Vec<Set> = (0..300)
        .map(|count| Account::new(&format!("account-{count:03}")).top_up("payment", 1, clock.now()))
        .collect();
    assert!(store.commit(&sets).iter().all(|outcome| *outcome == Outcome::Applied));
    let root: i64 = tool(&path)
        .query_row("SELECT rootpage FROM sqlite_schema WHERE name = 'entry'", (), |row| row.get(0))
        .unwrap();
    drop(store);
    let mut file = std::fs::read(&path).unwrap();
    let root = usize::try_from(root).unwrap();
    file[(root - 1) * 4_096..root * 4_096].fill(0xff);
    std::fs::write(&path, file).unwrap();
    let store = SqliteStore::open_with(&path, settings(&clock)).unwrap();
    let query = EntriesQuery { account: id("account-000"), order: Order::OldestFirst, after: None, limit: 9 };
    assert!(matches!(store.entries(&query), Err(StoreError::Corrupt(what)) if what.contains("damaged")));
    // What is not on that page is there, and can be written: a hold needs no entry.
    let mut account = Account { commits: 1, ..Account::new("account-001") };
    account.state = load(&store, &ask("account-001")).account.unwrap().state;
    let hold = account.hold("job", 1, 60, clock.now());
    let mut other = Account { commits: 1, ..Account::new("account-002") };
    other.state = load(&store, &ask("account-002")).account.unwrap().state;
    let outcomes = store.commit(&[other.top_up("again", 1, clock.now()), hold]);
    assert!(matches!(&outcomes[0], Outcome::Rejected(why) if why.contains("malformed")), "{outcomes:?}");
    assert_eq!(outcomes[1], Outcome::Applied);
}
