//! Opening a file, and what can be wrong with it.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, params};

use super::checkpoint::LONGEST_LOG;
use super::clock::{self, Anchor, Reading, StoreClock};
use super::commit::{immediate, is_busy};
use super::schema::{self, FORMAT, Found, Step};
use super::turnstile::Pause;
use super::{SqliteDurability, SqliteSettings, SqliteSync};
use crate::ledger::store::records::{Stamp, Stamps};

/// Why a file cannot be opened, upgraded or copied. It was not changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SqliteError {
    /// The system does not open it.
    #[error("{} cannot be opened: {reason}", path.display())]
    CannotOpen {
        /// The file.
        path: PathBuf,
        /// What is known of why.
        reason: String,
    },
    /// It may not be written, or its folder may not: the log is a file beside it.
    #[error("{} cannot be written: the file or its folder is read-only", path.display())]
    ReadOnly {
        /// The file.
        path: PathBuf,
    },
    /// Others kept it locked for as long as this one waits.
    #[error("{} is locked by another process, still after {waited:?}", path.display())]
    Locked {
        /// The file.
        path: PathBuf,
        /// How long it was waited for.
        waited: Duration,
    },
    /// It is a file of another kind.
    #[error("{} is not an SQLite database", path.display())]
    NotADatabase {
        /// The file.
        path: PathBuf,
    },
    /// It is a database, but of another program.
    #[error("{} is a database of another program: its application id is {application_id}, not {}", path.display(), schema::APPLICATION_ID)]
    OtherDatabase {
        /// The file.
        path: PathBuf,
        /// The number in its header that says whose it is; 0 for a database that says nothing.
        application_id: i64,
    },
    /// Its header is ours, but not its tables.
    #[error("{} does not have the tables it should have: {missing}", path.display())]
    WrongTables {
        /// The file.
        path: PathBuf,
        /// What is not as it should be.
        missing: String,
    },
    /// It was written by a newer version of this crate.
    #[error("{} has format {found}, this version knows formats up to {known}: use a newer version of this program", path.display())]
    NewerFormat {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: i64,
        /// The newest known here.
        known: i64,
    },
    /// It was written by an older version of this crate.
    #[error("{} has format {found}, this version works with {known}: call SqliteStore::upgrade on it first", path.display())]
    OlderFormat {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: i64,
        /// The format needed.
        known: i64,
    },
    /// It is damaged.
    #[error("{} is damaged: {reason}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        reason: String,
    },
    /// SQLite does not keep a write-ahead log there, as on some network drives.
    #[error("{} has the journal mode {mode:?}, not \"wal\": is it on a network drive?", path.display())]
    NoLog {
        /// The file.
        path: PathBuf,
        /// The journal mode it has instead.
        mode: String,
    },
    /// There is a file already where a copy is to go.
    #[error("{} exists already", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// Anything else, such as a full disk.
    #[error("{} does not work: {reason}", path.display())]
    Failed {
        /// The file.
        path: PathBuf,
        /// What SQLite or the system says.
        reason: String,
    },
}

/// A file, and how long it is waited for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    pub(super) path: &'a Path,
    pub(super) patience: Duration,
}

impl Place<'_> {
    /// What the driver says, of this file.
    pub(super) fn error(&self, error: &rusqlite::Error) -> SqliteError {
        let (path, reason) = (self.path.to_owned(), error.to_string());
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => SqliteError::NotADatabase { path },
            Some(ErrorCode::DatabaseCorrupt) => SqliteError::Corrupt { path, reason },
            // Once the file itself is open, it is the log that cannot be made.
            Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen) => SqliteError::ReadOnly { path },
            _ if is_busy(error) => SqliteError::Locked { path, waited: self.patience },
            _ => SqliteError::Failed { path, reason },
        }
    }

    /// What the system says, of this file.
    pub(super) fn failed(&self, error: &std::io::Error) -> SqliteError {
        SqliteError::Failed { path: self.path.to_owned(), reason: error.to_string() }
    }

    fn deadline(&self) -> Instant {
        let now = Instant::now();
        now.checked_add(self.patience).unwrap_or(now)
    }

    /// The path as SQLite takes it for nothing but a file: it would read options in one that begins with `file:`.
    pub(super) fn file(&self) -> PathBuf {
        Path::new(".").join(self.path)
    }

    /// Opens the file; makes it, empty, only if told to.
    pub(super) fn connect(&self, create: bool) -> Result<Connection, SqliteError> {
        if self.path.as_os_str().is_empty() || self.path == Path::new(":memory:") {
            let reason = "that is no file; SqliteStore::in_memory makes a database without one".to_owned();
            return Err(SqliteError::CannotOpen { path: self.path.to_owned(), reason });
        }
        let mut flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        flags.set(OpenFlags::SQLITE_OPEN_CREATE, create);
        let conn = Connection::open_with_flags(self.file(), flags)
            .map_err(|error| self.not_opened(&error, create))?;
        conn.busy_timeout(self.patience).map_err(|error| self.error(&error))?;
        if conn.is_readonly("main").map_err(|error| self.error(&error))? {
            return Err(SqliteError::ReadOnly { path: self.path.to_owned() });
        }
        // Those are made by `Checkpoints`, which sees it if one fails.
        conn.execute_batch("PRAGMA wal_autocheckpoint = 0").map_err(|error| self.error(&error))?;
        Ok(conn)
    }

    /// A file that is empty or gone, with a log beside it, is no new one. SQLite would remove the log.
    pub(super) fn is_not_cut(&self) -> Result<(), SqliteError> {
        let length = |path: &Path| std::fs::metadata(path).map_or(0, |file| file.len());
        // SQLite follows links to the file, and keeps the log there.
        let mut log =
            std::fs::canonicalize(self.path).unwrap_or_else(|_| self.path.to_owned()).into_os_string();
        log.push("-wal");
        let log = Path::new(&log);
        // The log first: who makes the file at this moment fills it before there is a log.
        if length(log) == 0 || length(self.path) > 0 {
            return Ok(());
        }
        let reason = format!(
            "it is empty or gone, but its log {} is not: put back the file, or remove the log to begin anew",
            log.display()
        );
        Err(SqliteError::Corrupt { path: self.path.to_owned(), reason })
    }

    fn not_opened(&self, error: &rusqlite::Error, create: bool) -> SqliteError {
        let path = self.path.to_owned();
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let reason = if self.path.is_dir() {
            "it is a folder".to_owned()
        } else if folder.is_some_and(|folder| !folder.exists()) {
            "its folder does not exist".to_owned()
        } else if self.path.exists() {
            error.to_string()
        } else if create {
            return SqliteError::ReadOnly { path };
        } else {
            "it does not exist".to_owned()
        };
        SqliteError::CannotOpen { path, reason }
    }

    /// A connection that only reads.
    pub(super) fn reader(&self) -> Result<Connection, SqliteError> {
        let conn = self.connect(false)?;
        let set = conn
            .execute_batch("PRAGMA query_only = ON; PRAGMA mmap_size = 0; PRAGMA cache_size = -8000")
            // The writer alone takes the log into the file, while it keeps others from writing.
            .and_then(|()| conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true));
        set.map_err(|error| self.error(&error))?;
        conn.set_prepared_statement_cache_capacity(32);
        Ok(conn)
    }

    /// Whether the file is ours, of the format known here. `true` if it is empty and has to be filled.
    fn is_new(&self, conn: &Connection) -> Result<bool, SqliteError> {
        let path = self.path.to_owned();
        match schema::found(conn).map_err(|error| self.error(&error))? {
            Found::Empty => Ok(true),
            Found::Other(application_id) => Err(SqliteError::OtherDatabase { path, application_id }),
            Found::Format(found) if found > FORMAT => {
                Err(SqliteError::NewerFormat { path, found, known: FORMAT })
            }
            Found::Format(found) if found < FORMAT => {
                Err(SqliteError::OlderFormat { path, found, known: FORMAT })
            }
            Found::Format(_) => {
                schema::check(conn).map_err(|missing| SqliteError::WrongTables { path, missing })?;
                Ok(false)
            }
        }
    }
}

/// A database that is ready: its writing connection, its clock and what it says of itself.
pub(super) struct Opened {
    pub(super) conn: Connection,
    pub(super) clock: StoreClock,
    pub(super) incarnation: Stamp,
    pub(super) durability: SqliteDurability,
}

/// Makes ready what was connected to: checks first, changes only what is ours or empty.
pub(super) fn prepare(
    place: Place<'_>,
    conn: Connection,
    settings: &SqliteSettings,
    in_memory: bool,
) -> Result<Opened, SqliteError> {
    let error = |error: rusqlite::Error| place.error(&error);
    // In one transaction, so that all it sees is of one moment.
    let looking = conn.unchecked_transaction().map_err(error)?;
    place.is_new(&looking)?;
    looking.finish().map_err(error)?;
    if !in_memory {
        keep_log(place, &conn)?;
    }
    let synchronous = match settings.sync {
        SqliteSync::Full => "FULL",
        SqliteSync::Off => "OFF",
    };
    conn.execute_batch(&format!(
        "PRAGMA synchronous = {synchronous}; PRAGMA fullfsync = ON; PRAGMA checkpoint_fullfsync = ON; \
         PRAGMA foreign_keys = OFF; PRAGMA mmap_size = 0; PRAGMA cache_size = -32000; PRAGMA temp_store = MEMORY; \
         PRAGMA journal_size_limit = {LONGEST_LOG}"
    ))
    .map_err(error)?;
    conn.set_prepared_statement_cache_capacity(64);
    immediate(&conn, place.deadline()).map_err(error)?;
    // Another process may have filled it since.
    if place.is_new(&conn)? {
        schema::create(&conn, Stamps::unique().next()).map_err(error)?;
    }
    let (incarnation, clock) = read_meta(place, &conn, settings)?;
    conn.execute_batch("COMMIT").map_err(error)?;
    // From here on waiting is by `immediate`.
    conn.busy_timeout(Duration::ZERO).map_err(error)?;
    let durability = durability(&conn).map_err(error)?;
    Ok(Opened { conn, clock, incarnation, durability })
}

/// Turns the write-ahead log on. SQLite does not wait for others here, so we do.
fn keep_log(place: Place<'_>, conn: &Connection) -> Result<(), SqliteError> {
    let (deadline, mut pause) = (place.deadline(), Pause::new());
    loop {
        match conn.query_row("PRAGMA journal_mode = WAL", (), |row| row.get::<_, String>(0)) {
            Ok(mode) if mode == "wal" => return Ok(()),
            Ok(mode) => return Err(SqliteError::NoLog { path: place.path.to_owned(), mode }),
            Err(error) if is_busy(&error) && Instant::now() < deadline => pause.wait(),
            Err(error) => return Err(place.error(&error)),
        }
    }
}

/// What the file says of itself. Anchors the clock anew after a boot of the machine.
fn read_meta(
    place: Place<'_>,
    conn: &Connection,
    settings: &SqliteSettings,
) -> Result<(Stamp, StoreClock), SqliteError> {
    let meta = "SELECT incarnation, boot, uptime, wall, reserved FROM meta";
    let row = conn.query_row(meta, (), |row| {
        let at = Reading { uptime: row.get(2)?, wall: row.get(3)? };
        Ok((row.get::<_, [u8; 16]>(0)?, Anchor { boot: row.get(1)?, at }, row.get::<_, i64>(4)?))
    });
    let Some((incarnation, kept, reserved)) = row.optional().map_err(|error| place.error(&error))? else {
        return Err(SqliteError::WrongTables {
            path: place.path.to_owned(),
            missing: "meta has no row".to_owned(),
        });
    };
    let clock = match &settings.clock {
        Some(clock) => StoreClock::Given(clock.clone()),
        None => {
            let anchor = Anchor::chosen(&kept, reserved, clock::boot(), clock::reading());
            if anchor != kept {
                let put = "UPDATE meta SET boot = ?1, uptime = ?2, wall = ?3";
                conn.execute(put, params![anchor.boot, anchor.at.uptime, anchor.at.wall])
                    .map_err(|error| place.error(&error))?;
            }
            StoreClock::machine(anchor)
        }
    };
    Ok((Stamp::from_bytes(incarnation), clock))
}

fn durability(conn: &Connection) -> rusqlite::Result<SqliteDurability> {
    let journal_mode = conn.query_row("PRAGMA journal_mode", (), |row| row.get(0))?;
    let synchronous: i64 = conn.query_row("PRAGMA synchronous", (), |row| row.get(0))?;
    let sync = if synchronous >= 2 { SqliteSync::Full } else { SqliteSync::Off };
    Ok(SqliteDurability { journal_mode, sync, version: rusqlite::version().to_owned() })
}

/// Takes a file to the newest format. Gives the one it had.
pub(super) fn upgrade(path: &Path, steps: &[Step], newest: i64) -> Result<i64, SqliteError> {
    let place = Place { path, patience: SqliteSettings::new().busy_timeout };
    let conn = place.connect(false)?;
    immediate(&conn, place.deadline()).map_err(|error| place.error(&error))?;
    let path = path.to_owned();
    // Not committed, a transaction is rolled back when its connection is closed.
    match schema::found(&conn).map_err(|error| place.error(&error))? {
        Found::Empty => return Err(SqliteError::OtherDatabase { path, application_id: 0 }),
        Found::Other(application_id) => return Err(SqliteError::OtherDatabase { path, application_id }),
        Found::Format(found) if found > newest => {
            return Err(SqliteError::NewerFormat { path, found, known: newest });
        }
        Found::Format(_) => {}
    }
    let began = schema::upgrade(&conn, steps, newest).map_err(|error| place.error(&error))?;
    let reached = schema::format(&conn).map_err(|error| place.error(&error))?;
    if reached != newest {
        return Err(SqliteError::WrongTables {
            path,
            missing: format!("nothing leads on from format {reached}"),
        });
    }
    conn.execute_batch("COMMIT").map_err(|error| place.error(&error))?;
    Ok(began)
}
