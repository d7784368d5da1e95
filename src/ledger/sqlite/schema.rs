//! The tables, and how a file comes to have them.

use rusqlite::{Connection, OptionalExtension, params};

use super::rows;
use crate::ledger::store::records::Stamp;

/// In the file's header: "BiGu", so that no other program's database is taken for one of ours.
pub(super) const APPLICATION_ID: i64 = 0x4269_4775;
/// The format of the tables that is known here, in the header too.
pub(super) const FORMAT: i64 = 1;

const TABLES: &str = "
CREATE TABLE meta (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  incarnation BLOB NOT NULL,
  boot TEXT,
  uptime INTEGER NOT NULL,
  wall INTEGER NOT NULL,
  reserved INTEGER NOT NULL
) STRICT;

CREATE TABLE account (
  number INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  unit TEXT NOT NULL,
  format INTEGER NOT NULL,
  commits INTEGER NOT NULL,
  stamp BLOB NOT NULL,
  seq INTEGER NOT NULL,
  time INTEGER NOT NULL,
  next_release INTEGER NOT NULL,
  next_due INTEGER NOT NULL,
  open_holds INTEGER NOT NULL,
  posted INTEGER NOT NULL,
  held INTEGER NOT NULL,
  grants TEXT,
  lowest_told INTEGER NOT NULL,
  told_at INTEGER NOT NULL,
  top_up INTEGER NOT NULL,
  top_up_seq INTEGER NOT NULL,
  turn_by BLOB,
  turn_until INTEGER
) STRICT;
CREATE INDEX account_due ON account (next_due, id) WHERE next_due < 9223372036854775807;

CREATE TABLE hold (
  account INTEGER NOT NULL REFERENCES account (number),
  key TEXT NOT NULL,
  status TEXT NOT NULL,
  requested INTEGER NOT NULL,
  minimum INTEGER NOT NULL,
  total INTEGER NOT NULL,
  captured INTEGER NOT NULL,
  settled INTEGER NOT NULL,
  refunded INTEGER NOT NULL,
  opened_at INTEGER NOT NULL,
  ends_at INTEGER NOT NULL,
  release_at INTEGER NOT NULL,
  kept_until INTEGER NOT NULL,
  rev INTEGER NOT NULL,
  late INTEGER NOT NULL,
  stamp BLOB NOT NULL,
  rest TEXT,
  PRIMARY KEY (account, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX hold_open ON hold (account, release_at, key) WHERE status = 'open';
CREATE INDEX hold_closed ON hold (account, kept_until) WHERE status <> 'open';

CREATE TABLE entry (
  account INTEGER NOT NULL REFERENCES account (number),
  seq INTEGER NOT NULL,
  kind TEXT NOT NULL,
  operation TEXT NOT NULL,
  key TEXT NOT NULL,
  booked_at INTEGER NOT NULL,
  amount INTEGER NOT NULL,
  posted_after INTEGER NOT NULL,
  uncollected INTEGER NOT NULL,
  refunded INTEGER NOT NULL,
  late INTEGER NOT NULL,
  stamp BLOB NOT NULL,
  rest TEXT,
  UNIQUE (account, seq)
) STRICT;
CREATE UNIQUE INDEX entry_key ON entry (account, operation, key) WHERE operation IN ('charge', 'credit');

CREATE TABLE counter (
  account INTEGER NOT NULL REFERENCES account (number),
  scope TEXT NOT NULL,
  period TEXT NOT NULL,
  start INTEGER NOT NULL,
  used INTEGER NOT NULL,
  held INTEGER NOT NULL,
  told INTEGER NOT NULL,
  kept_until INTEGER NOT NULL,
  PRIMARY KEY (account, scope, period, start)
) STRICT, WITHOUT ROWID;

CREATE VIEW accounts AS
  SELECT id, unit, posted, held, posted - held AS available, open_holds, seq,
    strftime('%Y-%m-%dT%H:%M:%fZ', time / 1000000.0, 'unixepoch') AS changed, grants
  FROM account WHERE seq > 0;
CREATE VIEW holds AS
  SELECT account.id AS account, key, status, unit, requested, total, captured, refunded,
    strftime('%Y-%m-%dT%H:%M:%fZ', opened_at / 1000000.0, 'unixepoch') AS opened,
    strftime('%Y-%m-%dT%H:%M:%fZ', release_at / 1000000.0, 'unixepoch') AS released, hold.rest
  FROM hold JOIN account ON account.number = hold.account;
CREATE VIEW entries AS
  SELECT account.id AS account, entry.seq, kind, operation, key, unit, amount, posted_after, uncollected, refunded,
    strftime('%Y-%m-%dT%H:%M:%fZ', booked_at / 1000000.0, 'unixepoch') AS booked, entry.rest
  FROM entry JOIN account ON account.number = entry.account;
CREATE VIEW counters AS
  SELECT account.id AS account, scope, period,
    strftime('%Y-%m-%dT%H:%M:%fZ', start / 1000000.0, 'unixepoch') AS started, unit, used, counter.held
  FROM counter JOIN account ON account.number = counter.account;
";

/// One step of an upgrade: from tables of this format to those of the next, as statements.
pub(super) struct Step {
    pub(super) from: i64,
    pub(super) statements: &'static str,
}

/// All steps there are, in their order. Format 1 is the first, so there is none yet.
pub(super) const STEPS: &[Step] = &[];

/// What kind of file this is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A new file, or one that nobody has written to.
    Empty,
    /// Ours, with tables of this format.
    Format(i64),
    /// Another program's.
    Other(i64),
}

pub(super) fn found(conn: &Connection) -> rusqlite::Result<Found> {
    let application: i64 = conn.query_row("PRAGMA application_id", (), |row| row.get(0))?;
    let format = format(conn)?;
    let things: i64 = conn.query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get(0))?;
    Ok(match application {
        APPLICATION_ID => Found::Format(format),
        0 if format == 0 && things == 0 => Found::Empty,
        other => Found::Other(other),
    })
}

/// The format in the file's header. Read again in each transaction that writes: another process may have upgraded it.
pub(super) fn format(conn: &Connection) -> rusqlite::Result<i64> {
    conn.prepare_cached("PRAGMA user_version")?.query_row((), |row| row.get(0))
}

/// Makes the tables within the transaction that is open.
pub(super) fn create(conn: &Connection, incarnation: Stamp) -> rusqlite::Result<()> {
    conn.execute_batch(TABLES)?;
    conn.execute_batch(&format!("PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {FORMAT}"))?;
    let anchor =
        "INSERT INTO meta (one, incarnation, boot, uptime, wall, reserved) VALUES (1, ?1, NULL, 0, 0, ?2)";
    conn.execute(anchor, params![incarnation.to_bytes(), i64::MIN])?;
    Ok(())
}

/// Whether the tables are there with the columns we read: the header alone can be right in a file that was changed by hand.
pub(super) fn check(conn: &Connection) -> Result<(), String> {
    let tables = [
        ("meta", "incarnation, boot, uptime, wall, reserved"),
        ("account", rows::ACCOUNT),
        ("hold", rows::HOLD),
        ("entry", rows::ENTRY),
        ("counter", rows::COUNTER),
    ];
    for (table, columns) in tables {
        conn.prepare(&format!("SELECT {columns} FROM {table}")).map_err(|error| error.to_string())?;
    }
    for index in ["account_due", "hold_open", "hold_closed", "entry_key"] {
        let there = "SELECT 1 FROM sqlite_schema WHERE type = 'index' AND name = ?1";
        let there = conn.query_row(there, [index], |_| Ok(())).optional();
        if there.map_err(|error| error.to_string())?.is_none() {
            return Err(format!("no such index: {index}"));
        }
    }
    Ok(())
}

/// Takes the tables through all steps that are left to `newest`, all in the transaction that is open. Gives the format it began
/// with.
pub(super) fn upgrade(conn: &Connection, steps: &[Step], newest: i64) -> Result<i64, rusqlite::Error> {
    let began = format(conn)?;
    for step in steps.iter().filter(|step| (began..newest).contains(&step.from)) {
        conn.execute_batch(step.statements)?;
        conn.execute_batch(&format!("PRAGMA user_version = {}", step.from.saturating_add(1)))?;
    }
    Ok(began)
}
