//! Reading: snapshots and pages.

use rusqlite::{Connection, ErrorCode, params};

use super::clock::StoreClock;
use super::rows::{self, Fields, Number, select_account, select_counter, select_entry, select_hold};
use crate::amount::Unit;
use crate::cap::Counter;
use crate::clock::Timestamp;
use crate::id::{AccountId, IdempotencyKey, ScopeId};
use crate::ledger::request::Order;
use crate::ledger::store::StoreError;
use crate::ledger::store::asks::{Ask, Snapshot};
use crate::ledger::store::pages::{CountersQuery, EntriesQuery, OpenHoldsQuery, Page};
use crate::ledger::store::records::{AccountRecord, EntryRecord, HoldRecord};

/// What the driver says, of a database that is open.
pub(super) fn error(error: &rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            StoreError::Corrupt(format!("the file is damaged: {error}"))
        }
        _ => StoreError::Unavailable(error.to_string()),
    }
}

/// Runs `work` in one transaction, so that all it reads is of one moment.
pub(super) fn together<T>(
    conn: &Connection,
    work: impl FnOnce(&Connection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let transaction = conn.unchecked_transaction().map_err(|e| error(&e))?;
    let read = work(&transaction)?;
    // Nothing was written, so how it ends makes no difference.
    transaction.commit().map_err(|e| error(&e))?;
    Ok(read)
}

pub(super) fn load(conn: &Connection, clock: &StoreClock, asks: &[Ask]) -> Result<Vec<Snapshot>, StoreError> {
    asks.iter().map(|ask| snapshot(conn, clock, ask)).collect()
}

fn snapshot(conn: &Connection, clock: &StoreClock, ask: &Ask) -> Result<Snapshot, StoreError> {
    let mut snapshot = Snapshot::default();
    if let Some((number, record)) = account(conn, &ask.account)? {
        let of = Of { conn, number, id: ask.account.as_str(), unit: record.state.unit };
        snapshot.account = Some(record);
        of.holds(ask, &mut snapshot)?;
        of.entries(ask, &mut snapshot)?;
        of.counters(ask, &mut snapshot)?;
        of.due(ask, &mut snapshot)?;
    }
    // Read after the account, so that nobody's change that is in the snapshot was made later than this.
    snapshot.now = clock.now();
    Ok(snapshot)
}

pub(super) fn account(
    conn: &Connection,
    id: &AccountId,
) -> Result<Option<(Number, AccountRecord)>, StoreError> {
    let find = concat!(select_account!(), " WHERE id = ?1");
    let mut find = conn.prepare_cached(find).map_err(|e| error(&e))?;
    let mut found = find.query([id.as_str()]).map_err(|e| error(&e))?;
    let Some(row) = found.next().map_err(|e| error(&e))? else { return Ok(None) };
    rows::account(Fields::new(row, "account", rows::ACCOUNT, id.as_str())).map(Some)
}

/// The rows of one account.
struct Of<'a> {
    conn: &'a Connection,
    number: Number,
    id: &'a str,
    unit: Unit,
}

/// Calls `take` with each row of a query until it says that it has enough.
fn each(
    conn: &Connection,
    query: &str,
    values: impl rusqlite::Params,
    mut take: impl FnMut(&rusqlite::Row<'_>) -> Result<bool, StoreError>,
) -> Result<(), StoreError> {
    let mut find = conn.prepare_cached(query).map_err(|e| error(&e))?;
    let mut found = find.query(values).map_err(|e| error(&e))?;
    while let Some(row) = found.next().map_err(|e| error(&e))? {
        if !take(row)? {
            break;
        }
    }
    Ok(())
}

impl Of<'_> {
    fn hold(&self, row: &rusqlite::Row<'_>) -> Result<HoldRecord, StoreError> {
        rows::hold(Fields::new(row, "hold", rows::HOLD, self.id), self.unit)
    }

    fn entry(&self, row: &rusqlite::Row<'_>) -> Result<EntryRecord, StoreError> {
        rows::entry(Fields::new(row, "entry", rows::ENTRY, self.id), self.unit)
    }

    fn counter(&self, row: &rusqlite::Row<'_>) -> Result<Counter, StoreError> {
        rows::counter(Fields::new(row, "counter", rows::COUNTER, self.id), self.unit)
    }

    fn holds(&self, ask: &Ask, snapshot: &mut Snapshot) -> Result<(), StoreError> {
        let query = concat!(select_hold!(), " WHERE account = ?1 AND key = ?2");
        for key in &ask.holds {
            each(self.conn, query, params![self.number, key.as_str()], |row| {
                snapshot.holds.push(self.hold(row)?);
                Ok(true)
            })?;
        }
        Ok(())
    }

    fn entries(&self, ask: &Ask, snapshot: &mut Snapshot) -> Result<(), StoreError> {
        // The last condition is the one of the index.
        let query = concat!(
            select_entry!(),
            " WHERE account = ?1 AND operation = ?2 AND key = ?3 AND operation IN ('charge', 'credit')"
        );
        for (operation, key) in &ask.entries {
            each(self.conn, query, params![self.number, operation.as_str(), key.as_str()], |row| {
                snapshot.entries.push(self.entry(row)?);
                Ok(true)
            })?;
        }
        Ok(())
    }

    fn counters(&self, ask: &Ask, snapshot: &mut Snapshot) -> Result<(), StoreError> {
        let query = concat!(select_counter!(), " WHERE account = ?1 AND scope = ?2 AND period = ?3");
        for (scope, period) in &ask.counters {
            let values = params![self.number, scope.as_str(), period.to_string()];
            each(self.conn, query, values, |row| {
                snapshot.counters.push(self.counter(row)?);
                Ok(true)
            })?;
        }
        Ok(())
    }

    /// The holds that are due, and when the first of the others is released: one more row.
    fn due(&self, ask: &Ask, snapshot: &mut Snapshot) -> Result<(), StoreError> {
        let query = concat!(
            select_hold!(),
            " WHERE account = ?1 AND status = 'open' ORDER BY release_at, key LIMIT ?2"
        );
        let limit = usize::try_from(ask.due_limit).unwrap_or(usize::MAX);
        let rows = i64::from(ask.due_limit).saturating_add(1);
        each(self.conn, query, params![self.number, rows], |row| {
            let record = self.hold(row)?;
            if record.hold.release_at <= ask.due_by && snapshot.due.len() < limit {
                snapshot.due.push(record);
                return Ok(true);
            }
            snapshot.next_release = Some(record.hold.release_at);
            Ok(false)
        })
    }
}

/// A page of an account's rows, with nothing in it if there is no such account.
fn page<T>(
    conn: &Connection,
    id: &AccountId,
    read: impl FnOnce(&Of<'_>, &mut Vec<T>) -> Result<(), StoreError>,
) -> Result<Page<T>, StoreError> {
    let mut page = Page { rows: Vec::new(), seq: 0 };
    if let Some((number, record)) = account(conn, id)? {
        page.seq = record.state.seq;
        read(&Of { conn, number, id: id.as_str(), unit: record.state.unit }, &mut page.rows)?;
    }
    Ok(page)
}

pub(super) fn entries(conn: &Connection, query: &EntriesQuery) -> Result<Page<EntryRecord>, StoreError> {
    // Numbers go up to i64::MAX here: one beyond that is after all of them.
    let after = query.after.map(|seq| i64::try_from(seq).unwrap_or(i64::MAX));
    let (find, from) = match query.order {
        Order::OldestFirst => {
            let find = concat!(select_entry!(), " WHERE account = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3");
            (find, after.unwrap_or(-1))
        }
        Order::NewestFirst => {
            let find =
                concat!(select_entry!(), " WHERE account = ?1 AND seq < ?2 ORDER BY seq DESC LIMIT ?3");
            (find, after.unwrap_or(i64::MAX))
        }
    };
    page(conn, &query.account, |of, found| {
        each(conn, find, params![of.number, from, query.limit], |row| {
            found.push(of.entry(row)?);
            Ok(true)
        })
    })
}

pub(super) fn open_holds(conn: &Connection, query: &OpenHoldsQuery) -> Result<Page<HoldRecord>, StoreError> {
    let find = concat!(
        select_hold!(),
        " WHERE account = ?1 AND status = 'open' AND (release_at, key) > (?2, ?3) ORDER BY release_at, key LIMIT ?4"
    );
    // No key is empty, so all of the first moment are after this.
    let (at, key) = match &query.after {
        Some(after) => (after.release_at.as_micros(), after.key.as_str()),
        None => (i64::MIN, ""),
    };
    page(conn, &query.account, |of, found| {
        each(conn, find, params![of.number, at, key, query.limit], |row| {
            found.push(of.hold(row)?);
            Ok(true)
        })
    })
}

pub(super) fn holds(
    conn: &Connection,
    id: &AccountId,
    after: Option<&IdempotencyKey>,
    limit: u32,
) -> Result<Page<HoldRecord>, StoreError> {
    let find = concat!(select_hold!(), " WHERE account = ?1 AND key > ?2 ORDER BY key LIMIT ?3");
    page(conn, id, |of, found| {
        let after = after.map_or("", IdempotencyKey::as_str);
        each(conn, find, params![of.number, after, limit], |row| {
            found.push(of.hold(row)?);
            Ok(true)
        })
    })
}

pub(super) fn counters(conn: &Connection, query: &CountersQuery) -> Result<Page<Counter>, StoreError> {
    let find = concat!(
        select_counter!(),
        " WHERE account = ?1 AND scope >= ?2 AND (?3 IS NULL OR scope = ?3) ORDER BY scope"
    );
    let only = query.scope.as_ref().map(ScopeId::as_str);
    let after = query.after.as_ref().map(|key| key.scope.as_str());
    let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
    page(conn, &query.account, |of, found| {
        // Periods sort by what they are, not by their text: a scope is read whole and sorted here. It has few rows.
        let mut scope = Vec::new();
        let put = |scope: &mut Vec<Counter>, found: &mut Vec<Counter>| {
            scope.sort_unstable_by(|a, b| a.key.cmp(&b.key));
            found.append(scope);
        };
        each(conn, find, params![of.number, only.or(after).unwrap_or_default(), only], |row| {
            let counter = of.counter(row)?;
            if scope.last().is_some_and(|last: &Counter| last.key.scope != counter.key.scope) {
                put(&mut scope, found);
                if found.len() >= limit {
                    return Ok(false);
                }
            }
            if query.after.as_ref().is_none_or(|after| counter.key > *after) {
                scope.push(counter);
            }
            Ok(true)
        })?;
        put(&mut scope, found);
        found.truncate(limit);
        Ok(())
    })
}

pub(super) fn accounts(
    conn: &Connection,
    after: Option<&AccountId>,
    limit: u32,
) -> Result<Vec<AccountId>, StoreError> {
    // One that was only fenced counts as one that does not exist.
    let find = "SELECT id FROM account WHERE id > ?1 AND seq > 0 ORDER BY id LIMIT ?2";
    let mut found = Vec::new();
    each(conn, find, params![after.map_or("", AccountId::as_str), limit], |row| {
        found.push(Fields::new(row, "account", "id", "?").parsed(AccountId::new)?);
        Ok(true)
    })?;
    Ok(found)
}

pub(super) fn due(
    conn: &Connection,
    by: Timestamp,
    after: Option<&(Timestamp, AccountId)>,
    limit: u32,
) -> Result<Vec<(Timestamp, AccountId)>, StoreError> {
    // The first condition is the one of the index: the end of time is never.
    let find = "SELECT next_due, id FROM account \
                WHERE next_due < 9223372036854775807 AND next_due <= ?1 AND (next_due, id) > (?2, ?3) \
                ORDER BY next_due, id LIMIT ?4";
    let (at, id) = after.map_or((i64::MIN, ""), |(at, id)| (at.as_micros(), id.as_str()));
    let mut found = Vec::new();
    each(conn, find, params![by.as_micros(), at, id, limit], |row| {
        let mut fields = Fields::new(row, "account", "next_due, id", "?");
        found.push((fields.time()?, fields.parsed(AccountId::new)?));
        Ok(true)
    })?;
    Ok(found)
}
