//! A store in a file: SQLite.

mod backup;
mod checkpoint;
mod clock;
mod commit;
mod open;
mod presence;
mod read;
mod rows;
mod schema;
mod turnstile;

use std::fmt;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::Connection;

use crate::cap::Counter;
use crate::clock::{Clock, Timestamp};
use crate::id::{AccountId, IdempotencyKey};
use crate::ledger::store::asks::{Ask, Snapshot};
use crate::ledger::store::pages::{CountersQuery, EntriesQuery, OpenHoldsQuery, Page, Pruned};
use crate::ledger::store::records::{EntryRecord, HoldRecord, Stamp};
use crate::ledger::store::sets::{Outcome, Set};
use crate::ledger::store::{Store, StoreError};
use clock::StoreClock;
use commit::Writer;
pub use open::SqliteError;
use open::{Opened, Place};
use presence::Presence;
use turnstile::Turnstile;

/// A [`Store`] in a file: an SQLite database that this process has open, and perhaps others on the same machine.
///
/// ```
/// use billing_guard::SqliteStore;
///
/// let folder = tempfile_folder();
/// let store = SqliteStore::open(folder.join("ledger.db"))?;
/// assert_eq!(store.durability().journal_mode(), "wal");
/// # fn tempfile_folder() -> std::path::PathBuf {
/// #     let folder = std::env::temp_dir().join(format!("billing-guard-doc-{}", std::process::id()));
/// #     std::fs::create_dir_all(&folder).unwrap();
/// #     folder
/// # }
/// # drop(store);
/// # std::fs::remove_dir_all(folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # What it promises
///
/// What was answered [`Applied`](Outcome::Applied) is on disk: the write-ahead log is synced with each commit
/// (`synchronous=FULL`), and all sets of one commit share a sync. [`durability`](Self::durability) says what the
/// database itself reports of this. The disk has to keep its word about syncs; network drives do not, and are no place for it.
///
/// Several processes may have one file open. Beside it are `-wal` and `-shm`, which belong to it, and `-turn`, by which
/// processes that write take turns; that one is empty and can be deleted while nobody has the file open. Never move, replace or
/// delete the file while it is open: from then on nothing is available. And never copy it alone: [`backup_to`](Self::backup_to) makes a copy that is whole.
///
/// # When the disk fails
///
/// A write or a sync of a commit that fails concerns that commit alone: it is [`Unavailable`](Outcome::Unavailable) or
/// [`Unknown`](Outcome::Unknown), and the next one may succeed. Now and then the log is taken into the file. If that fails by more
/// than a full disk, the system may believe that it has written what it has not. Everything is still in the log then, so this store writes
/// no more: commits, turns and [`prune`](Store::prune) are `Unavailable` and say so, and reads go on. **Once all who have
/// the file open, in all processes, have closed it**, whoever opens it takes the whole log into it anew, and nothing is lost.
/// That has to be all: each stops at the next such failure it is told of, but one who opens the file while another still
/// has it open relies on what that one takes for written.
///
/// # Its clock
///
/// Time is counted from an anchor in the file, by how long the machine has been running: setting its clock changes nothing
/// before the next boot, and a new boot goes on no earlier than the last one ended. Where the system does not name its boots
/// (any but Linux) it is the wall clock, which never goes back.
///
/// # The tables
///
/// All amounts are integers in the smallest steps of the account's unit, all times microseconds since 1970. The views
/// `accounts`, `holds`, `entries` and `counters` show them with names and dates, to the `sqlite3` tool for example.
///
/// | table | row | columns |
/// |---|---|---|
/// | `account` | by `number`, found by `id` | `unit`, `format`; the version: `commits`, `stamp`; `seq` and `time` of the latest change; `next_release` of a hold, `next_due` of anything, neither later than it is (2^63 - 1 for never); `open_holds`, `posted`, `held`; `grants` (JSON, absent for none); `turn_by`, `turn_until` |
/// | `hold` | by `account` (its number) and `key` | `status`: `open`, `captured`, `voided`, `expired`; `requested`, `minimum`, `total`, `captured`, `settled`, `refunded`; `opened_at`, `ends_at`, `release_at`, `kept_until`; `rev`; `late`; the `stamp` of the commit that made it; `rest`: declared content and labels, draws, counters (JSON, absent for none) |
/// | `entry` | by `account` and `seq` | `kind`, `operation`, `key`; `booked_at`; `amount`, `posted_after`, `uncollected`, `refunded`; `late`; `stamp`; `rest` (JSON, absent for none) |
/// | `counter` | by `account`, `scope`, `period`, `start` | `used`, `held`, `kept_until` |
/// | `meta` | the only one | `incarnation`; the anchor of the clock: `boot`, `uptime`, `wall`; `reserved`, which no time that was given out is beyond |
///
/// The header has the application id `0x42694775` and the format of the tables as the user version.
pub struct SqliteStore {
    /// None in memory.
    file: Option<Presence>,
    settings: SqliteSettings,
    clock: StoreClock,
    incarnation: Stamp,
    durability: SqliteDurability,
    // Before the writer, so that it is closed last and takes the log into the file.
    readers: Option<Readers>,
    writer: Mutex<Writer>,
}

/// In memory there are none: then the writing connection reads.
struct Readers {
    loads: Mutex<Connection>,
    /// For whatever may take long.
    pages: Mutex<Connection>,
}

/// How an [`SqliteStore`] is opened.
#[derive(Clone, Debug)]
pub struct SqliteSettings {
    clock: Option<Arc<dyn Clock>>,
    sync: SqliteSync,
    busy_timeout: Duration,
}

/// Whether a commit waits for the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SqliteSync {
    /// Each commit is on disk when it is answered.
    Full,
    /// **Loses money.** The operating system writes when it likes to: when the machine stops, commits that were answered are gone, and
    /// the file may be damaged. Only for tests and for balances that nobody will miss.
    Off,
}

/// What a database reports of how it keeps what it is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqliteDurability {
    journal_mode: String,
    sync: SqliteSync,
    version: String,
}

impl SqliteDurability {
    /// How it makes commits atomic: `wal` in a file, `memory` in memory.
    #[must_use]
    pub fn journal_mode(&self) -> &str {
        &self.journal_mode
    }

    /// Whether commits wait for the disk.
    #[must_use]
    pub const fn sync(&self) -> SqliteSync {
        self.sync
    }

    /// Whether what was answered survives a loss of power.
    #[must_use]
    pub fn survives_power_loss(&self) -> bool {
        self.journal_mode == "wal" && self.sync == SqliteSync::Full
    }

    /// The version of SQLite, such as `3.51.3`.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }
}

impl SqliteSettings {
    /// The file's own clock, commits that wait for the disk, and 5 s for others to end what they are writing.
    #[must_use]
    pub const fn new() -> Self {
        Self { clock: None, sync: SqliteSync::Full, busy_timeout: Duration::from_secs(5) }
    }

    /// Sets another clock. All who have the file open need the same.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Sets whether commits wait for the disk.
    #[must_use]
    pub const fn with_sync(mut self, sync: SqliteSync) -> Self {
        self.sync = sync;
        self
    }

    /// Sets how long it is waited for others that keep the file locked; with nothing, not at all. Then a commit is certainly not applied.
    #[must_use]
    pub const fn with_busy_timeout(mut self, busy_timeout: Duration) -> Self {
        self.busy_timeout = busy_timeout;
        self
    }
}

impl Default for SqliteSettings {
    fn default() -> Self {
        Self::new()
    }
}

impl SqliteStore {
    /// Opens a file, which is made if it does not exist. Its folder has to. The path is a file's name and nothing else: a URI's options
    /// or `:memory:` mean nothing here. A file of no bytes is filled as a new one, since that is what one is that was only just made; but
    /// not if a log lies beside it, which says that there was more.
    ///
    /// # Errors
    /// [`SqliteError`]; the file is then as it was.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, SqliteError> {
        Self::open_with(path, SqliteSettings::new())
    }

    /// The same with settings of your own.
    ///
    /// # Errors
    /// [`SqliteError`]; the file is then as it was.
    pub fn open_with(path: impl AsRef<Path>, settings: SqliteSettings) -> Result<Self, SqliteError> {
        let path = path.as_ref();
        let place = Place { path, patience: settings.busy_timeout };
        place.is_not_cut()?;
        let opened = open::prepare(place, place.connect(true)?, &settings, false)?;
        // Under one name, however it is called by: the turnstile is found by it.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let place = Place { path: &path, ..place };
        let readers = Readers { loads: Mutex::new(place.reader()?), pages: Mutex::new(place.reader()?) };
        let turnstile = Turnstile::beside(&path);
        Ok(Self::of(opened, settings, Some(Presence::of(&path)), Some(readers), turnstile))
    }

    /// A database in memory, gone when it is dropped. For tests; a [`MemoryLedger`](crate::MemoryLedger) is many times faster.
    ///
    /// # Errors
    /// [`SqliteError`], if there is no memory.
    pub fn in_memory() -> Result<Self, SqliteError> {
        Self::in_memory_with(SqliteSettings::new())
    }

    /// The same with settings of your own.
    ///
    /// # Errors
    /// [`SqliteError`], if there is no memory.
    pub fn in_memory_with(settings: SqliteSettings) -> Result<Self, SqliteError> {
        let place = Place { path: Path::new(":memory:"), patience: settings.busy_timeout };
        let conn = Connection::open_in_memory().map_err(|error| place.error(&error))?;
        let opened = open::prepare(place, conn, &settings, true)?;
        Ok(Self::of(opened, settings, None, None, Turnstile::NONE))
    }

    fn of(
        opened: Opened,
        settings: SqliteSettings,
        file: Option<Presence>,
        readers: Option<Readers>,
        turnstile: Turnstile,
    ) -> Self {
        let Opened { conn, clock, incarnation, durability } = opened;
        let writer = Mutex::new(Writer::new(conn, turnstile, settings.busy_timeout));
        Self { file, settings, clock, incarnation, durability, readers, writer }
    }

    /// Takes a file of an older format to the present one, in one transaction, and gives the format it had. Nobody else should have
    /// it open. A file of the present format stays as it is.
    ///
    /// # Errors
    /// [`SqliteError`]; the file is then as it was.
    pub fn upgrade(path: impl AsRef<Path>) -> Result<i64, SqliteError> {
        open::upgrade(path.as_ref(), schema::STEPS, schema::FORMAT)
    }

    /// Copies the database, as it is at one moment, to a file that does not exist yet, while it goes on being used. The copy is a
    /// database of its own: it gets a new [incarnation](Self::incarnation), which is given back. It is on disk when this returns, and
    /// blocks until then: in async code, call it where blocking is allowed.
    ///
    /// To restore it, [open](Self::open) it, or a copy of it. Where it has to have the name of the file it replaces, let nobody have
    /// that one open, and move it away **with** its `-wal` and `-shm` first: SQLite would take an old log to belong to the copy.
    ///
    /// ```
    /// use billing_guard::{AccountId, LedgerExt, SqliteStore, StoreLedger, Unit, wait};
    ///
    /// let (usd, account) = (Unit::new("USD", 6)?, AccountId::new("acct_1")?);
    /// let copy = std::env::temp_dir().join(format!("billing-guard-copy-{}.db", std::process::id()));
    /// let ledger = StoreLedger::new(SqliteStore::in_memory()?);
    /// wait(ledger.top_up(&account, "payment-1".parse()?, usd.amount("10")?))?;
    /// ledger.store().backup_to(&copy)?;
    ///
    /// let restored = StoreLedger::new(SqliteStore::open(&copy)?);
    /// assert_eq!(wait(restored.balance_of(&account, usd))?.available(), usd.amount("10")?);
    /// # drop(restored);
    /// # for suffix in ["", "-turn"] { std::fs::remove_file(format!("{}{suffix}", copy.display()))?; }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`SqliteError`], [`Exists`](SqliteError::Exists) for one if there is such a file; then there is no copy. While it is written it has
    /// `-part` at the end of its name: if a process that copied was killed, that file is left, has to be deleted, and is named.
    pub fn backup_to(&self, target: impl AsRef<Path>) -> Result<Stamp, SqliteError> {
        let (target, patience) = (target.as_ref(), self.settings.busy_timeout);
        match &self.file {
            // With a connection of its own, so that nobody waits for it.
            Some(file) => {
                let path = file.path();
                let failed = |reason| SqliteError::Failed { path: path.to_owned(), reason };
                file.check().map_err(failed)?;
                let conn = Place { path, patience }.connect(false)?;
                backup::copy(&conn, target, patience)
            }
            None => backup::copy(&self.writer().conn, target, patience),
        }
    }

    /// What tells this database from its copies.
    #[must_use]
    pub const fn incarnation(&self) -> Stamp {
        self.incarnation
    }

    /// How it keeps what it is given, as it reports itself.
    #[must_use]
    pub const fn durability(&self) -> &SqliteDurability {
        &self.durability
    }

    /// A connection is never left in a state that matters by a panic: what it was doing is rolled back.
    fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn load_with<T>(&self, work: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        match &self.readers {
            Some(readers) => {
                read::together(&readers.loads.lock().unwrap_or_else(PoisonError::into_inner), work)
            }
            None => read::together(&self.writer().conn, work),
        }
    }

    fn page_with<T>(&self, work: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        match &self.readers {
            Some(readers) => {
                read::together(&readers.pages.lock().unwrap_or_else(PoisonError::into_inner), work)
            }
            None => read::together(&self.writer().conn, work),
        }
    }

    /// Whether the file has its name still, and if not, why.
    fn is_there(&self) -> Result<(), String> {
        self.file.as_ref().map_or(Ok(()), Presence::check)
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore")
            .field("path", &self.file.as_ref().map(Presence::path))
            .field("clock", &self.clock)
            .field("durability", &self.durability)
            .finish_non_exhaustive()
    }
}

impl Store for SqliteStore {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn load(&self, asks: &[Ask]) -> Result<Vec<Snapshot>, StoreError> {
        self.is_there().map_err(StoreError::Unavailable)?;
        if asks.iter().any(|ask| ask.turn.is_some()) {
            self.writer().take_turns(&self.clock, asks)?;
        }
        self.load_with(|conn| read::load(conn, &self.clock, asks))
    }

    fn commit(&self, sets: &[Set]) -> Vec<Outcome> {
        if let Err(why) = self.is_there() {
            return sets.iter().map(|_| Outcome::Unavailable(why.clone())).collect();
        }
        self.writer().commit(&self.clock, sets)
    }

    fn entries(&self, query: &EntriesQuery) -> Result<Page<EntryRecord>, StoreError> {
        self.page_with(|conn| read::entries(conn, query))
    }

    fn open_holds(&self, query: &OpenHoldsQuery) -> Result<Page<HoldRecord>, StoreError> {
        self.page_with(|conn| read::open_holds(conn, query))
    }

    fn counters(&self, query: &CountersQuery) -> Result<Page<Counter>, StoreError> {
        self.page_with(|conn| read::counters(conn, query))
    }

    fn holds(
        &self,
        account: &AccountId,
        after: Option<&IdempotencyKey>,
        limit: u32,
    ) -> Result<Page<HoldRecord>, StoreError> {
        self.page_with(|conn| read::holds(conn, account, after, limit))
    }

    fn accounts(&self, after: Option<&AccountId>, limit: u32) -> Result<Vec<AccountId>, StoreError> {
        self.page_with(|conn| read::accounts(conn, after, limit))
    }

    fn due(
        &self,
        by: Timestamp,
        after: Option<&(Timestamp, AccountId)>,
        limit: u32,
    ) -> Result<Vec<(Timestamp, AccountId)>, StoreError> {
        self.page_with(|conn| read::due(conn, by, after, limit))
    }

    fn prune(&self, account: &AccountId, now: Timestamp, limit: u32) -> Result<Pruned, StoreError> {
        self.writer().prune(&self.clock, account, now, limit)
    }
}

#[cfg(test)]
mod tests;
