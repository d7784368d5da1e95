//! What the store promises, asked of it directly, with no engine around it.

mod backups;
mod commits;
mod damage;
mod opening;
mod processes;
mod reads;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rusqlite::Connection;

use super::{SqliteError, SqliteSettings, SqliteStore, SqliteSync};
use crate::amount::{Amount, Unit};
use crate::clock::{Clock, ManualClock, Timestamp};
use crate::content::Declared;
use crate::entry::{Entry, EntryKind, Operation};
use crate::few::Few;
use crate::hold::HoldState;
use crate::id::{AccountId, IdempotencyKey};
use crate::ledger::request::{CaptureRequest, HoldRequest};
use crate::ledger::rules::{self, AccountState};
use crate::ledger::store::Store;
use crate::ledger::store::asks::{Ask, Snapshot};
use crate::ledger::store::records::{AccountRecord, EntryRecord, FORMAT, HoldRecord, Stamp, Version};
use crate::ledger::store::sets::{Outcome, Set};

/// A folder of its own, removed with everything in it.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("billing-guard-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Settings for tests: a clock that is set by hand, and no waiting for the disk.
fn settings(clock: &Arc<ManualClock>) -> SqliteSettings {
    let clock: Arc<dyn Clock> = clock.clone();
    SqliteSettings::new().with_clock(clock).with_sync(SqliteSync::Off)
}

/// Each test runs on both.
fn in_file_and_memory(test: impl Fn(&SqliteStore, &Arc<ManualClock>)) {
    let (folder, clock) = (Folder::new(), Arc::new(ManualClock::new()));
    test(&SqliteStore::open_with(folder.file("a.db"), settings(&clock)).unwrap(), &clock);
    let clock = Arc::new(ManualClock::new());
    test(&SqliteStore::in_memory_with(settings(&clock)).unwrap(), &clock);
}

/// Another connection to a file, as somebody with the `sqlite3` tool has.
fn tool(path: &Path) -> Connection {
    Connection::open(path).unwrap()
}

fn id(text: &str) -> AccountId {
    AccountId::new(text).unwrap()
}

fn key(text: &str) -> IdempotencyKey {
    IdempotencyKey::new(text).unwrap()
}

fn usd(minor: i64) -> Amount {
    Unit::new("USD", 2).unwrap().minor(minor)
}

const ENGINE: Stamp = Stamp::from_bytes([9; 16]);

fn stamp(number: u64) -> Stamp {
    Stamp::from_bytes((u128::from(number) + 7).to_be_bytes())
}

fn version(commits: u64) -> Version {
    Version { commits, stamp: stamp(commits) }
}

/// An account on its way through its commits.
struct Account {
    id: AccountId,
    state: AccountState,
    commits: u64,
}

impl Account {
    fn new(name: &str) -> Self {
        Self { id: id(name), state: AccountState::empty(usd(0).unit()), commits: 0 }
    }

    /// The set that writes the account as it is now, after the commits so far.
    fn set(&self) -> Set {
        Set {
            account: self.id.clone(),
            expected: (self.commits > 0).then(|| version(self.commits)),
            from: Timestamp::from_micros(i64::MIN),
            until: Timestamp::MAX,
            engine: ENGINE,
            put: AccountRecord {
                state: self.state.clone(),
                version: version(self.commits + 1),
                format: FORMAT,
            },
            new_holds: Vec::new(),
            holds: Vec::new(),
            new_entries: Vec::new(),
            entries: Vec::new(),
            counters: Vec::new(),
            ended_counters: Vec::new(),
        }
    }

    /// A top-up, as a set.
    fn top_up(&mut self, key_text: &str, amount: i64, now: Timestamp) -> Set {
        self.state.seq += 1;
        self.state.posted += amount;
        self.state.time = now;
        let entry = Entry {
            key: key(key_text),
            declared: Declared::default(),
            unit: self.state.unit,
            seq: self.state.seq,
            booked_at: now,
            amount,
            posted_after: self.state.posted,
            uncollected: 0,
            refunded: 0,
            kind: EntryKind::TopUp,
            operation: Operation::Credit,
            late: false,
            movements: Few::None,
            detail: None,
        };
        let mut set = self.set();
        set.new_entries.push(EntryRecord { entry, stamp: set.put.version.stamp });
        self.commits += 1;
        set
    }

    fn hold_request(&self, key_text: &str, amount: i64, lifetime: u64) -> HoldRequest {
        HoldRequest::new(self.id.clone(), key(key_text), usd(amount))
            .with_lifetime(Duration::from_secs(lifetime))
            .with_grace(Duration::ZERO)
    }

    /// A hold of so many seconds, as a set.
    fn hold(&mut self, key_text: &str, amount: i64, lifetime: u64, now: Timestamp) -> Set {
        let request = self.hold_request(key_text, amount, lifetime);
        let changes = rules::hold(&self.state, &[], None, &request, now).unwrap().changes.unwrap();
        self.state = changes.account;
        let mut set = self.set();
        set.new_holds.push(HoldRecord::new(changes.hold.unwrap(), set.put.version.stamp));
        self.commits += 1;
        set
    }

    /// The capture of a hold, as a set.
    fn capture(&mut self, record: &HoldRecord, amount: i64, now: Timestamp) -> Set {
        let hold: &HoldState = record.hold();
        let request = CaptureRequest::new(self.id.clone(), hold.key().clone(), usd(amount));
        let changes = rules::capture(&self.state, &[], Some(hold), &request, now).unwrap().changes.unwrap();
        self.state = changes.account;
        let (mut set, mut changed) = (self.set(), record.clone());
        changed.changed(changes.hold.unwrap(), now);
        set.holds.push(changed);
        set.new_entries
            .extend(changes.entry.map(|entry| EntryRecord { entry, stamp: set.put.version.stamp }));
        self.commits += 1;
        set
    }
}

fn ask(account: &str) -> Ask {
    Ask::new(id(account), Timestamp::MAX, 100)
}

fn load(store: &SqliteStore, ask: &Ask) -> Snapshot {
    store.load(std::slice::from_ref(ask)).unwrap().remove(0)
}

fn commit(store: &SqliteStore, set: &Set) -> Outcome {
    store.commit(std::slice::from_ref(set)).remove(0)
}

/// All there is of an account, to see that nothing changed.
fn everything(store: &SqliteStore, account: &str) -> Snapshot {
    let holds = store.holds(&id(account), None, 1_000).unwrap().rows;
    let query = crate::ledger::store::pages::EntriesQuery {
        account: id(account),
        order: crate::ledger::request::Order::OldestFirst,
        after: None,
        limit: 1_000,
    };
    let entries = store.entries(&query).unwrap().rows;
    Snapshot { holds, entries, ..load(store, &ask(account)) }
}
