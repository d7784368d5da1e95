//! Rows and records, one made from the other.

use std::fmt::Display;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row, params};

use crate::amount::Unit;
use crate::cap::{Counter, CounterKey};
use crate::clock::Timestamp;
use crate::entry::{Entry, EntryKind, Operation};
use crate::hold::{HoldState, HoldStatus};
use crate::id::{IdempotencyKey, ScopeId};
use crate::ledger::rules::AccountState;
use crate::ledger::store::StoreError;
use crate::ledger::store::records::{self, AccountRecord, EntryRecord, HoldRecord, Stamp, Version};
use crate::record;
use crate::record::rest::{EntryRest, HoldRest};
use crate::told::Told;

/// For each table its columns, in the order in which they are read, and the beginning of a query for them. Macros, so that
/// queries are put together when the crate is built.
macro_rules! columns {
    ($name:ident, $select:ident, $table:literal, $columns:literal) => {
        pub(super) const $name: &str = $columns;
        macro_rules! $select {
            () => {
                concat!("SELECT ", $columns, " FROM ", $table)
            };
        }
        pub(super) use $select;
    };
}

columns! {
    ACCOUNT, select_account, "account",
    "number, format, unit, commits, stamp, seq, time, next_release, open_holds, posted, held, grants, \
     lowest_told, told_at, top_up, top_up_seq"
}
columns! {
    HOLD, select_hold, "hold",
    "key, status, requested, minimum, total, captured, settled, refunded, opened_at, ends_at, release_at, rev, late, kept_until, stamp, rest"
}
columns! {
    ENTRY, select_entry, "entry",
    "seq, kind, operation, key, booked_at, amount, posted_after, uncollected, refunded, late, stamp, rest"
}
columns! { COUNTER, select_counter, "counter", "scope, period, start, used, held, told" }

/// The rows of an account go by its number.
pub(super) type Number = i64;

/// A row on its way to a record, column by column; it says which one is not what was written.
pub(super) struct Fields<'a> {
    row: &'a Row<'a>,
    at: usize,
    table: &'static str,
    columns: &'static str,
    account: &'a str,
}

impl<'a> Fields<'a> {
    /// A row of this table with these columns, of the account with this id.
    pub(super) const fn new(
        row: &'a Row<'a>,
        table: &'static str,
        columns: &'static str,
        account: &'a str,
    ) -> Self {
        Self { row, at: 0, table, columns, account }
    }

    /// What is wrong with the column that was read last.
    fn wrong(&self, found: impl Display) -> StoreError {
        let column = self.columns.split(", ").nth(self.at.saturating_sub(1)).unwrap_or("?");
        StoreError::Corrupt(format!(
            "table {}, account {}, column {column}: {found}",
            self.table, self.account
        ))
    }

    fn next(&mut self) -> Result<ValueRef<'a>, StoreError> {
        let value = self.row.get_ref(self.at);
        self.at = self.at.saturating_add(1);
        value.map_err(|error| self.wrong(error))
    }

    pub(super) fn int(&mut self) -> Result<i64, StoreError> {
        match self.next()? {
            ValueRef::Integer(number) => Ok(number),
            other => Err(self.wrong(format_args!("{} where a number is expected", other.data_type()))),
        }
    }

    /// A number that is not negative.
    fn natural(&mut self) -> Result<i64, StoreError> {
        let number = self.int()?;
        if number < 0 { Err(self.wrong(format_args!("{number} is negative"))) } else { Ok(number) }
    }

    fn small<N: TryFrom<i64>>(&mut self) -> Result<N, StoreError> {
        let number = self.int()?;
        N::try_from(number).map_err(|_| self.wrong(format_args!("{number} is out of range")))
    }

    pub(super) fn time(&mut self) -> Result<Timestamp, StoreError> {
        self.int().map(Timestamp::from_micros)
    }

    fn flag(&mut self) -> Result<bool, StoreError> {
        match self.int()? {
            0 => Ok(false),
            1 => Ok(true),
            number => Err(self.wrong(format_args!("{number} is neither 0 nor 1"))),
        }
    }

    fn text_or_null(&mut self) -> Result<Option<&'a str>, StoreError> {
        match self.next()? {
            ValueRef::Null => Ok(None),
            ValueRef::Text(bytes) => std::str::from_utf8(bytes).map(Some).map_err(|error| self.wrong(error)),
            other => Err(self.wrong(format_args!("{} where text is expected", other.data_type()))),
        }
    }

    /// Text, as what it stands for.
    pub(super) fn parsed<T, E: Display>(
        &mut self,
        parse: impl FnOnce(&'a str) -> Result<T, E>,
    ) -> Result<T, StoreError> {
        let text = self.text_or_null()?.ok_or_else(|| self.wrong("nothing where text is expected"))?;
        parse(text).map_err(|error| self.wrong(error))
    }

    /// One of a few words.
    fn word<T: Copy>(&mut self, all: &[T], name: fn(&T) -> &'static str) -> Result<T, StoreError> {
        let known = |text: &str| all.iter().find(|word| name(word) == text).copied();
        self.parsed(|text| known(text).ok_or_else(|| format!("{text:?} is none of the words for it")))
    }

    /// What most rows have not.
    fn rest<T, E: Display>(
        &mut self,
        read: impl FnOnce(Option<&str>) -> Result<T, E>,
    ) -> Result<T, StoreError> {
        let text = self.text_or_null()?;
        read(text).map_err(|error| self.wrong(error))
    }

    pub(super) fn stamp(&mut self) -> Result<Stamp, StoreError> {
        match self.next()? {
            ValueRef::Blob(bytes) => bytes
                .try_into()
                .map(Stamp::from_bytes)
                .map_err(|_| self.wrong(format_args!("{} bytes where 16 are expected", bytes.len()))),
            other => Err(self.wrong(format_args!("{} where 16 bytes are expected", other.data_type()))),
        }
    }

    pub(super) fn version(&mut self) -> Result<Version, StoreError> {
        Ok(Version { commits: self.natural()?.unsigned_abs(), stamp: self.stamp()? })
    }
}

/// An account, and the number its rows go by.
pub(super) fn account(mut row: Fields<'_>) -> Result<(Number, AccountRecord), StoreError> {
    let number = row.int()?;
    let format: u16 = row.small()?;
    // Before anything else: what follows may mean something else in another format.
    if format > records::FORMAT {
        return Err(StoreError::NewerFormat { found: format, known: records::FORMAT });
    }
    if format == 0 {
        return Err(row.wrong("there is no format 0"));
    }
    let unit = row.parsed(str::parse)?;
    let version = row.version()?;
    let seq = row.natural()?.unsigned_abs();
    let (time, next_due, open_holds) = (row.time()?, row.time()?, row.small()?);
    let (posted, held) = (row.int()?, row.natural()?);
    if posted.checked_sub(held).is_none() {
        return Err(row.wrong(format_args!("{held} held of {posted} is out of range")));
    }
    let grants = row.rest(|text| record::read_grants(text, unit))?;
    let (lowest, at) = (row.int()?, row.time()?);
    let told = Told { lowest, at, top_up: row.natural()?, top_up_seq: row.natural()?.unsigned_abs() };
    let state = AccountState { unit, seq, time, next_due, open_holds, posted, held, grants, told };
    Ok((number, AccountRecord { state, version, format }))
}

pub(super) fn hold(mut row: Fields<'_>, unit: Unit) -> Result<HoldRecord, StoreError> {
    use HoldStatus::{Captured, Expired, Open, Voided};
    let key = row.parsed(IdempotencyKey::new)?;
    let status = row.word(&[Open, Captured, Voided, Expired], |status| status.as_str())?;
    let (requested, minimum, total) = (row.natural()?, row.natural()?, row.natural()?);
    let (captured, settled, refunded) = (row.natural()?, row.natural()?, row.natural()?);
    let (opened_at, ends_at, release_at) = (row.time()?, row.time()?, row.time()?);
    let (rev, late, kept_until, stamp) = (row.small()?, row.flag()?, row.time()?, row.stamp()?);
    let HoldRest { declared, draws, counted } = row.rest(|text| record::read_hold_rest(text, unit))?;
    let hold = HoldState {
        key,
        declared,
        unit,
        requested,
        minimum,
        total,
        captured,
        settled,
        refunded,
        opened_at,
        ends_at,
        release_at,
        rev,
        status,
        late,
        draws,
        counted,
    };
    Ok(HoldRecord { hold, stamp, kept_until })
}

pub(super) fn entry(mut row: Fields<'_>, unit: Unit) -> Result<EntryRecord, StoreError> {
    use EntryKind::{Adjustment, Charge, Expiry, Grant, Opening, Refund, TopUp};
    let seq = row.natural()?.unsigned_abs();
    let kinds = [Opening, Grant, TopUp, Charge, Refund, Adjustment, Expiry];
    let kind = row.word(&kinds, |kind| kind.as_str())?;
    let operations = [Operation::Hold, Operation::Charge, Operation::Credit, Operation::Time];
    let operation = row.word(&operations, |operation| operation.as_str())?;
    let (key, booked_at) = (row.parsed(IdempotencyKey::new)?, row.time()?);
    let (amount, posted_after, uncollected, refunded) = (row.int()?, row.int()?, row.int()?, row.natural()?);
    let (late, stamp) = (row.flag()?, row.stamp()?);
    let EntryRest { declared, movements, detail } = row.rest(|text| record::read_entry_rest(text, unit))?;
    let entry = Entry {
        key,
        declared,
        unit,
        seq,
        booked_at,
        amount,
        posted_after,
        uncollected,
        refunded,
        kind,
        operation,
        late,
        movements,
        detail,
    };
    Ok(EntryRecord { entry, stamp })
}

pub(super) fn counter(mut row: Fields<'_>, unit: Unit) -> Result<Counter, StoreError> {
    let key = CounterKey {
        scope: row.parsed(ScopeId::stored)?,
        period: row.parsed(str::parse)?,
        start: row.time()?,
    };
    Ok(Counter { key, unit, used: row.int()?, held: row.int()?, told: row.int()? })
}

/// Why a row cannot be written, whatever the state of the database: the set is at fault.
#[derive(Debug)]
pub(super) enum Unwritten {
    /// A value that no row can have.
    Value(String),
    /// The driver's word for it.
    Driver(rusqlite::Error),
}

impl From<rusqlite::Error> for Unwritten {
    fn from(error: rusqlite::Error) -> Self {
        Self::Driver(error)
    }
}

/// A count, as the integers of a database go: up to 2^63 - 1.
pub(super) fn count(what: &str, number: u64) -> Result<i64, Unwritten> {
    i64::try_from(number).map_err(|_| Unwritten::Value(format!("{what} {number} is out of range")))
}

macro_rules! insert_hold {
    () => {
        "INSERT INTO hold (account, key, status, requested, minimum, total, captured, settled, refunded, opened_at, ends_at, \
         release_at, rev, late, kept_until, stamp, rest) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)"
    };
}

/// Inserts a hold, unless there is one with its key: then it changes nothing and says `false`.
pub(super) fn insert_hold(
    conn: &Connection,
    account: Number,
    record: &HoldRecord,
) -> Result<bool, Unwritten> {
    put_hold(conn, concat!(insert_hold!(), " ON CONFLICT DO NOTHING"), account, record)
}

/// Replaces a hold. One that was pruned meanwhile is there again.
pub(super) fn replace_hold(conn: &Connection, account: Number, record: &HoldRecord) -> Result<(), Unwritten> {
    let replace = concat!(
        insert_hold!(),
        " ON CONFLICT (account, key) DO UPDATE SET status = ?3, requested = ?4, minimum = ?5, total = ?6, captured = ?7, \
         settled = ?8, refunded = ?9, opened_at = ?10, ends_at = ?11, release_at = ?12, rev = ?13, late = ?14, \
         kept_until = ?15, stamp = ?16, rest = ?17"
    );
    put_hold(conn, replace, account, record).map(|_| ())
}

fn put_hold(
    conn: &Connection,
    statement: &str,
    account: Number,
    record: &HoldRecord,
) -> Result<bool, Unwritten> {
    let hold = &record.hold;
    let put = conn.prepare_cached(statement)?.execute(params![
        account,
        hold.key.as_str(),
        hold.status.as_str(),
        hold.requested,
        hold.minimum,
        hold.total,
        hold.captured,
        hold.settled,
        hold.refunded,
        hold.opened_at.as_micros(),
        hold.ends_at.as_micros(),
        hold.release_at.as_micros(),
        hold.rev,
        hold.late,
        record.kept_until.as_micros(),
        record.stamp.to_bytes(),
        record::write_hold_rest(hold),
    ])?;
    Ok(put > 0)
}

/// Inserts an entry, unless there is one with its number or its key: then it changes nothing and says `false`.
pub(super) fn insert_entry(
    conn: &Connection,
    account: Number,
    record: &EntryRecord,
) -> Result<bool, Unwritten> {
    let insert = "INSERT INTO entry (account, seq, kind, operation, key, booked_at, amount, posted_after, uncollected, refunded, \
                  late, stamp, rest) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13) ON CONFLICT DO NOTHING";
    put_entry(conn, insert, account, record)
}

/// Replaces an entry. `false` if it is not there.
pub(super) fn replace_entry(
    conn: &Connection,
    account: Number,
    record: &EntryRecord,
) -> Result<bool, Unwritten> {
    let replace = "UPDATE entry SET kind = ?3, operation = ?4, key = ?5, booked_at = ?6, amount = ?7, posted_after = ?8, \
                   uncollected = ?9, refunded = ?10, late = ?11, stamp = ?12, rest = ?13 WHERE account = ?1 AND seq = ?2";
    put_entry(conn, replace, account, record)
}

fn put_entry(
    conn: &Connection,
    statement: &str,
    account: Number,
    record: &EntryRecord,
) -> Result<bool, Unwritten> {
    let entry = &record.entry;
    let put = conn.prepare_cached(statement)?.execute(params![
        account,
        count("sequence number", entry.seq)?,
        entry.kind.as_str(),
        entry.operation.as_str(),
        entry.key.as_str(),
        entry.booked_at.as_micros(),
        entry.amount,
        entry.posted_after,
        entry.uncollected,
        entry.refunded,
        entry.late,
        record.stamp.to_bytes(),
        record::write_entry_rest(entry),
    ])?;
    Ok(put > 0)
}

pub(super) fn put_counter(conn: &Connection, account: Number, counter: &Counter) -> Result<(), Unwritten> {
    let mut put = conn.prepare_cached(
        "INSERT INTO counter (account, scope, period, start, used, held, told, kept_until) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) \
         ON CONFLICT (account, scope, period, start) \
         DO UPDATE SET used = excluded.used, held = excluded.held, told = excluded.told, kept_until = excluded.kept_until",
    )?;
    put.execute(params![
        account,
        counter.key.scope.as_str(),
        counter.key.period.to_string(),
        counter.key.start.as_micros(),
        counter.used,
        counter.held,
        counter.told,
        counter.kept_until().as_micros(),
    ])?;
    Ok(())
}

pub(super) fn delete_counter(conn: &Connection, account: Number, key: &CounterKey) -> Result<(), Unwritten> {
    let mut delete = conn.prepare_cached(
        "DELETE FROM counter WHERE account = ?1 AND scope = ?2 AND period = ?3 AND start = ?4",
    )?;
    delete.execute(params![account, key.scope.as_str(), key.period.to_string(), key.start.as_micros()])?;
    Ok(())
}
