//! From a file to a store.

use std::io::{self, BufRead, Read};

use super::lines::{self, Line};
use super::write::load;
use super::{MAX_LINE, Transferred};
use crate::account::Balance;
use crate::amount::Unit;
use crate::audit::{Books, Discrepancy};
use crate::clock::Timestamp;
use crate::id::AccountId;
use crate::ledger::rules::AccountState;
use crate::ledger::store::records::{AccountRecord, FORMAT, Stamp, Stamps, Version};
use crate::ledger::store::sets::{Outcome, Set};
use crate::ledger::store::{Store, StoreError};
use crate::record::RecordError;

/// How many rows are committed at a time.
const ROWS: usize = 1_000;
/// How often a set whose outcome is unknown is committed again.
const ATTEMPTS: u32 = 3;

/// Why an import stopped, and where.
///
/// An account exists from the moment on that all of it is there: of this one, and of any before that are not counted as complete, there
/// are at most rows that count for nothing. To go on, begin again with an empty store.
#[derive(Debug, thiserror::Error)]
#[error("line {line}: {why}{} (complete: {imported} accounts)", .account.as_ref().map(|id| format!(", account {id}")).unwrap_or_default())]
#[non_exhaustive]
pub struct ImportError {
    /// How many lines were read.
    pub line: u64,
    /// Whose lines these were.
    pub account: Option<AccountId>,
    /// How many accounts are certainly complete, in the order of the file.
    pub imported: u64,
    /// What happened.
    pub why: ImportFault,
}

/// What stopped an import.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportFault {
    /// There is something in the store. Nothing was changed.
    #[error("the store is not empty, it has the account {0}")]
    NotEmpty(AccountId),
    /// The file could not be read.
    #[error("the file cannot be read: {0}")]
    Read(#[from] io::Error),
    /// A line is not one that an export wrote, or a newer version wrote it.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// A line stands where it cannot.
    #[error("{0}")]
    OutOfPlace(&'static str),
    /// The file ends before its last line.
    #[error("the file was cut off: its last line is missing")]
    CutOff,
    /// The rows of an account do not agree with each other.
    #[error("the account's books do not agree: {first} ({count} in all)")]
    Discrepancies {
        /// The first discrepancy.
        first: Box<Discrepancy>,
        /// How many there are.
        count: usize,
    },
    /// The store could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store did not take the rows.
    #[error("the store did not take them: {0:?}")]
    NotApplied(Outcome),
}

/// Fills an empty store from what [`export`](super::export) wrote, in commits of about 1,000 rows.
///
/// An account's books are proved as [`verify`](crate::verify) does it before the account counts. After that it is what it was where it came from:
/// balance, history, open holds, counters, and keys, which replay. Nobody else may work on the store meanwhile.
///
/// ```
/// use std::fs::File;
/// use std::io::BufReader;
/// use billing_guard::store::{self, ImportError, Store};
///
/// fn restore(path: &str, empty: &dyn Store) -> Result<u64, Box<dyn std::error::Error>> {
///     let imported = store::import(&mut BufReader::new(File::open(path)?), empty)?;
///     Ok(imported.accounts)
/// }
/// ```
///
/// # Errors
/// [`ImportError`], saying what is wrong with which line and account. Unless the first line is wrong or the store was
/// [not empty](ImportFault::NotEmpty), the store may no longer be empty then.
pub fn import(from: &mut dyn BufRead, store: &dyn Store) -> Result<Transferred, ImportError> {
    let mut stamps = Stamps::unique();
    let engine = stamps.next();
    let mut import = Import {
        store,
        stamps,
        engine,
        open: None,
        ready: Vec::new(),
        rows: 0,
        read: Transferred::default(),
        at: None,
        imported: 0,
    };
    let mut lines = Lines { from, number: 0, bytes: Vec::new() };
    import.all(&mut lines).map_err(|why| ImportError {
        line: lines.number,
        account: import.at.clone(),
        imported: import.imported,
        why,
    })?;
    Ok(import.read)
}

struct Import<'a> {
    store: &'a dyn Store,
    stamps: Stamps,
    engine: Stamp,
    /// The account whose rows are being read.
    open: Option<Open>,
    /// What is to be committed, with how many rows.
    ready: Vec<Set>,
    rows: usize,
    read: Transferred,
    /// Which account is being read or committed.
    at: Option<AccountId>,
    imported: u64,
}

/// An account of which rows may still come.
struct Open {
    id: AccountId,
    record: AccountRecord,
    books: Books,
    /// As which it stands in the store, if it does: with rows, but with no change that counts.
    version: Option<Version>,
    set: Set,
    rows: usize,
}

impl Import<'_> {
    fn all(&mut self, lines: &mut Lines<'_>) -> Result<(), ImportFault> {
        let Line::Store = lines.next()? else {
            return Err(ImportFault::OutOfPlace("an export begins with the store's line"));
        };
        if let Some(account) = self.store.accounts(None, 1)?.into_iter().next() {
            return Err(ImportFault::NotEmpty(account));
        }
        loop {
            match lines.next()? {
                Line::Store => return Err(ImportFault::OutOfPlace("the store's line comes only first")),
                Line::Account(id, record) => self.begin(id, *record)?,
                Line::End(accounts) => {
                    self.finish()?;
                    self.commit()?;
                    self.at = None;
                    return match (accounts == self.read.accounts, lines.are_over()?) {
                        (true, true) => Ok(()),
                        (true, false) => Err(ImportFault::OutOfPlace("something comes after the last line")),
                        (false, _) => Err(ImportFault::OutOfPlace("the last line counts other accounts")),
                    };
                }
                row => self.row(row)?,
            }
        }
    }

    fn begin(&mut self, id: AccountId, record: AccountRecord) -> Result<(), ImportFault> {
        self.finish()?;
        self.at = Some(id.clone());
        if record.seq() == 0 {
            return Err(ImportFault::OutOfPlace("an account without changes is none"));
        }
        let now = self.store.now().max(record.state.time);
        let books = Books::new(Balance { as_of: now, ..record.state.balance() });
        let set = self.set(&id, None, record.clone());
        self.open = Some(Open { id, record, books, version: None, set, rows: 0 });
        Ok(())
    }

    fn row(&mut self, row: Line) -> Result<(), ImportFault> {
        let Some(open) = &mut self.open else {
            return Err(ImportFault::OutOfPlace("rows come after their account"));
        };
        let unit = open.record.unit();
        let same = |given: Unit| {
            let wrong = "a row has another unit than its account";
            if given == unit { Ok(()) } else { Err(ImportFault::OutOfPlace(wrong)) }
        };
        match row {
            Line::Hold(record) => {
                same(record.hold.unit)?;
                if record.hold.is_open() {
                    open.books.hold(&record.hold);
                }
                open.set.new_holds.push(*record);
                self.read.holds = self.read.holds.saturating_add(1);
            }
            Line::Entry(record) => {
                same(record.entry.unit)?;
                open.books.entry(&record.entry);
                open.set.new_entries.push(*record);
                self.read.entries = self.read.entries.saturating_add(1);
            }
            Line::Counter(counter) => {
                same(counter.unit)?;
                open.books.counter(&counter);
                open.set.counters.push(*counter);
                self.read.counters = self.read.counters.saturating_add(1);
            }
            Line::Store | Line::Account(..) | Line::End(_) => {}
        }
        open.rows = open.rows.saturating_add(1);
        if open.rows >= ROWS { self.spill() } else { Ok(()) }
    }

    /// Commits what is there of an account with many rows. Until the rest has come, the account has no change that counts.
    fn spill(&mut self) -> Result<(), ImportFault> {
        let Some(mut open) = self.open.take() else { return Ok(()) };
        let commits = open.version.map_or(1, |version| version.commits.saturating_add(1));
        let version = Version { commits, stamp: self.stamps.next() };
        let state = AccountState::empty(open.record.unit());
        let next = self.set(&open.id, Some(version), open.record.clone());
        let mut set = std::mem::replace(&mut open.set, next);
        set.put = AccountRecord { state, version, format: FORMAT };
        (open.version, open.rows) = (Some(version), 0);
        self.open = Some(open);
        self.queue(set, ROWS)?;
        // The next set expects it.
        self.commit()
    }

    /// Proves the books of the account whose last row was read, and lets it count.
    fn finish(&mut self) -> Result<(), ImportFault> {
        let Some(open) = self.open.take() else { return Ok(()) };
        let audit = open.books.close();
        let discrepancies = audit.discrepancies();
        if let Some(first) = discrepancies.first() {
            return Err(ImportFault::Discrepancies {
                first: Box::new(first.clone()),
                count: discrepancies.len(),
            });
        }
        self.read.accounts = self.read.accounts.saturating_add(1);
        self.queue(open.set, open.rows.saturating_add(1))
    }

    /// A set that makes the account what it was, with no rows yet.
    fn set(&self, account: &AccountId, expected: Option<Version>, put: AccountRecord) -> Set {
        Set {
            account: account.clone(),
            expected,
            from: Timestamp::from_micros(i64::MIN),
            until: Timestamp::MAX,
            engine: self.engine,
            put,
            new_holds: Vec::new(),
            holds: Vec::new(),
            new_entries: Vec::new(),
            entries: Vec::new(),
            counters: Vec::new(),
            ended_counters: Vec::new(),
        }
    }

    fn queue(&mut self, set: Set, rows: usize) -> Result<(), ImportFault> {
        if self.rows.saturating_add(rows) > ROWS {
            self.commit()?;
        }
        self.ready.push(set);
        self.rows = self.rows.saturating_add(rows);
        Ok(())
    }

    /// Commits what is ready, each set for sure.
    fn commit(&mut self) -> Result<(), ImportFault> {
        let sets = std::mem::take(&mut self.ready);
        self.rows = 0;
        if sets.is_empty() {
            return Ok(());
        }
        let reading = self.at.take();
        let mut outcomes = self.store.commit(&sets).into_iter();
        for set in sets {
            let unknown = || Outcome::Unknown("the store said nothing of this set".to_owned());
            self.at = Some(set.account.clone());
            self.settle(&set, outcomes.next().unwrap_or_else(unknown))?;
            if set.put.seq() > 0 {
                self.imported = self.imported.saturating_add(1);
            }
        }
        self.at = reading;
        Ok(())
    }

    /// Where it is not known what became of a set, its version tells. Committed again, it can only be applied once.
    fn settle(&self, set: &Set, mut outcome: Outcome) -> Result<(), ImportFault> {
        let mut attempts = 0_u32;
        let mut is_unsure = false;
        loop {
            is_unsure |= matches!(outcome, Outcome::Unknown(_));
            if outcome == Outcome::Applied {
                return Ok(());
            }
            if !is_unsure {
                return Err(ImportFault::NotApplied(outcome));
            }
            let found = load(self.store, &set.account)?.map(|record| record.version());
            if found == Some(set.put.version) {
                return Ok(());
            }
            if attempts == ATTEMPTS {
                return Err(ImportFault::NotApplied(outcome));
            }
            attempts = attempts.saturating_add(1);
            let again = self.store.commit(std::slice::from_ref(set)).into_iter().next();
            outcome = again.unwrap_or(outcome);
        }
    }
}

/// The lines of the file.
struct Lines<'a> {
    from: &'a mut dyn BufRead,
    /// Of the latest line.
    number: u64,
    bytes: Vec<u8>,
}

impl Lines<'_> {
    fn next(&mut self) -> Result<Line, ImportFault> {
        self.bytes.clear();
        let most = u64::try_from(MAX_LINE).unwrap_or(u64::MAX).saturating_add(1);
        (&mut *self.from).take(most).read_until(b'\n', &mut self.bytes)?;
        if self.bytes.is_empty() {
            return Err(ImportFault::CutOff);
        }
        self.number = self.number.saturating_add(1);
        if self.bytes.len() > MAX_LINE && self.bytes.last() != Some(&b'\n') {
            return Err(ImportFault::OutOfPlace("a line is too long: at most 16,777,216 bytes"));
        }
        let line = std::str::from_utf8(&self.bytes)
            .map_err(|_| ImportFault::OutOfPlace("a line is not text (UTF-8)"))?;
        Ok(lines::read(self.number, line.trim_end_matches(['\r', '\n']))?)
    }

    fn are_over(&mut self) -> Result<bool, ImportFault> {
        Ok(self.from.fill_buf()?.is_empty())
    }
}
