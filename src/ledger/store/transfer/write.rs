//! From a store to a file.

use std::io;

use super::lines::{self, Line};
use super::{MAX_LINE, Transferred};
use crate::clock::Timestamp;
use crate::id::AccountId;
use crate::ledger::request::Order;
use crate::ledger::store::asks::Ask;
use crate::ledger::store::pages::{CountersQuery, EntriesQuery};
use crate::ledger::store::records::AccountRecord;
use crate::ledger::store::{Store, StoreError};
use crate::limits::Limits;

/// How often an account that changes while it is read is read.
const ATTEMPTS: u32 = 3;
/// How much of an account is kept back until it is known not to have changed, in bytes. It is written out beyond that.
const KEPT_BACK: usize = 32 * 1024 * 1024;

/// Why a store could not be exported. What was written is of no use then: it lacks its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The store could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file could not be written.
    #[error("the export cannot be written: {0}")]
    Write(#[from] io::Error),
    /// An account changed each time it was read.
    #[error("the account {account} changed whenever it was read: export while it is not in use")]
    Changed {
        /// Which one.
        account: AccountId,
    },
    /// A record is larger than an import would read.
    #[error("a record of the account {account} has {bytes} bytes: at most 16,777,216")]
    TooLong {
        /// Whose.
        account: AccountId,
        /// How long its line is.
        bytes: usize,
    },
}

/// Writes all accounts of a store, with everything that is kept of them, so that [`import`](super::import) can read it. Flushes, but does not
/// [sync](std::fs::File::sync_all).
///
/// Each account is as it was at one moment, not all at the same. One that changes meanwhile is read again, up to three times; one of
/// more than 32 MiB is written as it is read, so it must not change at all. An account that has no changes yet is left out.
///
/// ```
/// use std::fs::File;
/// use std::io::BufWriter;
/// use billing_guard::store::{self, ExportError, Store};
///
/// fn back_up(store: &dyn Store, path: &str) -> Result<u64, ExportError> {
///     let mut file = BufWriter::new(File::create_new(path)?);
///     let exported = store::export(store, &mut file)?;
///     file.get_ref().sync_all()?;
///     Ok(exported.accounts)
/// }
/// ```
///
/// # Errors
/// [`ExportError`], naming the account that is at fault.
pub fn export(store: &dyn Store, to: &mut dyn io::Write) -> Result<Transferred, ExportError> {
    export_keeping(store, to, KEPT_BACK)
}

/// Keeps back so many bytes of an account.
pub(super) fn export_keeping(
    store: &dyn Store,
    to: &mut dyn io::Write,
    most: usize,
) -> Result<Transferred, ExportError> {
    let mut file = File { to, most, number: 0, kept_back: String::new(), mark: 0, is_spilled: false };
    file.put(&Line::Store)?;
    let (mut exported, mut last) = (Transferred::default(), None::<AccountId>);
    loop {
        let accounts = store.accounts(last.as_ref(), Limits::MAX_PAGE)?;
        if accounts.is_empty() {
            break;
        }
        for account in accounts {
            in_order(last.as_ref(), &account)?;
            exported.add(export_account(store, &account, &mut file)?);
            last = Some(account);
        }
    }
    file.put(&Line::End(exported.accounts))?;
    file.keep()?;
    file.to.flush()?;
    Ok(exported)
}

fn export_account(
    store: &dyn Store,
    account: &AccountId,
    file: &mut File<'_>,
) -> Result<Transferred, ExportError> {
    file.keep()?;
    for _ in 0..ATTEMPTS {
        let Some(record) = load(store, account)?.filter(|record| record.seq() > 0) else {
            return Ok(Transferred::default());
        };
        let version = record.version();
        file.put(&Line::Account(account.clone(), Box::new(record)))?;
        let exported = export_rows(store, account, file)?;
        if load(store, account)?.map(|record| record.version()) == Some(version) {
            return Ok(exported);
        }
        if !file.take_back() {
            break;
        }
    }
    Err(ExportError::Changed { account: account.clone() })
}

fn export_rows(
    store: &dyn Store,
    account: &AccountId,
    file: &mut File<'_>,
) -> Result<Transferred, ExportError> {
    let mut exported = Transferred { accounts: 1, ..Transferred::default() };
    let mut put = |line: &Line| match file.put(line)? {
        bytes if bytes > MAX_LINE => Err(ExportError::TooLong { account: account.clone(), bytes }),
        _ => Ok(()),
    };
    let mut after = None;
    loop {
        let page = store.holds(account, after.as_ref(), Limits::MAX_PAGE)?;
        if page.rows.is_empty() {
            break;
        }
        for record in page.rows {
            let key = record.hold().key().clone();
            in_order(after.as_ref(), &key)?;
            put(&Line::Hold(Box::new(record)))?;
            exported.holds = exported.holds.saturating_add(1);
            after = Some(key);
        }
    }
    let (account_id, limit) = (account.clone(), Limits::MAX_PAGE);
    let mut query = EntriesQuery { account: account_id, order: Order::OldestFirst, after: None, limit };
    loop {
        let page = store.entries(&query)?;
        if page.rows.is_empty() {
            break;
        }
        for record in page.rows {
            let seq = record.entry().seq();
            in_order(query.after.as_ref(), &seq)?;
            put(&Line::Entry(Box::new(record)))?;
            exported.entries = exported.entries.saturating_add(1);
            query.after = Some(seq);
        }
    }
    let mut query = CountersQuery { account: account.clone(), scope: None, after: None, limit };
    loop {
        let page = store.counters(&query)?;
        if page.rows.is_empty() {
            break;
        }
        for counter in page.rows {
            let key = counter.key().clone();
            in_order(query.after.as_ref(), &key)?;
            put(&Line::Counter(Box::new(counter)))?;
            exported.counters = exported.counters.saturating_add(1);
            query.after = Some(key);
        }
    }
    Ok(exported)
}

/// The account as it stands.
pub(super) fn load(store: &dyn Store, account: &AccountId) -> Result<Option<AccountRecord>, StoreError> {
    let nothing_due = Timestamp::from_micros(i64::MIN);
    let snapshots = store.load(&[Ask::new(account.clone(), nothing_due, 0)])?;
    Ok(snapshots.into_iter().next().and_then(|snapshot| snapshot.account))
}

/// A store that does not go on would be read for ever.
fn in_order<T: Ord + std::fmt::Debug>(before: Option<&T>, row: &T) -> Result<(), StoreError> {
    match before {
        Some(before) if before >= row => {
            Err(StoreError::Corrupt(format!("a page has {row:?} after {before:?}, which is out of order")))
        }
        _ => Ok(()),
    }
}

/// Lines on their way to the file, the latest account's kept back until it is known to be whole.
struct File<'a> {
    to: &'a mut dyn io::Write,
    /// Of the latest line.
    number: u64,
    kept_back: String,
    /// How many bytes of them at most.
    most: usize,
    /// The number of the latest line that will stay.
    mark: u64,
    /// Whether lines after the mark were written out.
    is_spilled: bool,
}

impl File<'_> {
    /// Adds a line, and says how long it is.
    fn put(&mut self, line: &Line) -> Result<usize, io::Error> {
        self.number = self.number.saturating_add(1);
        let line = lines::write(self.number, line);
        self.kept_back.push_str(&line);
        self.kept_back.push('\n');
        if self.kept_back.len() > self.most {
            self.write_out()?;
            self.is_spilled = true;
        }
        Ok(line.len())
    }

    /// What was put stays.
    fn keep(&mut self) -> Result<(), io::Error> {
        self.write_out()?;
        (self.mark, self.is_spilled) = (self.number, false);
        Ok(())
    }

    /// Forgets what was put since, if it can.
    fn take_back(&mut self) -> bool {
        self.kept_back.clear();
        self.number = self.mark;
        !self.is_spilled
    }

    fn write_out(&mut self) -> Result<(), io::Error> {
        self.to.write_all(self.kept_back.as_bytes())?;
        self.kept_back.clear();
        Ok(())
    }
}
