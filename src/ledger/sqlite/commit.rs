//! Writing: one transaction for all sets of a commit.

use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, OptionalExtension, params};

use super::checkpoint::Checkpoints;
use super::clock::{RESERVE, StoreClock};
use super::read;
use super::rows::{self, Number, Unwritten};
use super::schema;
use super::turnstile::{Pause, Turnstile};
use crate::clock::Timestamp;
use crate::id::AccountId;
use crate::ledger::store::StoreError;
use crate::ledger::store::asks::Ask;
use crate::ledger::store::pages::Pruned;
use crate::ledger::store::records::{Stamp, TurnRecord, Version};
use crate::ledger::store::sets::{Outcome, Set};
use crate::record;
use crate::told::Told;

/// The connection that writes, the only one of its store.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) conn: Connection,
    turnstile: Turnstile,
    /// How long it waits for others that write.
    patience: Duration,
    /// Up to when time is reserved in the file, as far as it is known here.
    reserved: i64,
    checkpoints: Checkpoints,
}

/// Why a set is not applied.
enum Stop {
    /// It alone is not, and this is its outcome. Whether something of it was written.
    Set { outcome: Outcome, written: bool },
    /// It alone is not, but what SQLite read of a damaged place spoils the whole transaction.
    Damaged(String),
    /// The database does not work, so none is.
    All(String),
}

/// How the sets of a commit are kept apart.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Apart {
    /// Not at all: if all of them can be applied, that is the fastest.
    No,
    /// By savepoints, so that one can be undone.
    Savepoints,
    /// Each in a transaction of its own.
    Transactions,
}

impl Stop {
    const fn before(outcome: Outcome) -> Self {
        Self::Set { outcome, written: false }
    }

    const fn after(outcome: Outcome) -> Self {
        Self::Set { outcome, written: true }
    }

    fn rejected(reason: impl Into<String>) -> Self {
        Self::after(Outcome::Rejected(reason.into()))
    }
}

impl From<rusqlite::Error> for Stop {
    fn from(error: rusqlite::Error) -> Self {
        use ErrorCode::{ConstraintViolation, DatabaseCorrupt, ParameterOutOfRange, TooBig, TypeMismatch};
        match error.sqlite_error_code() {
            Some(DatabaseCorrupt) => Self::Damaged(error.to_string()),
            // What a set brings along.
            Some(ConstraintViolation | ParameterOutOfRange | TooBig | TypeMismatch) | None => {
                Self::rejected(error.to_string())
            }
            Some(_) => Self::All(error.to_string()),
        }
    }
}

impl From<Unwritten> for Stop {
    fn from(unwritten: Unwritten) -> Self {
        match unwritten {
            Unwritten::Value(reason) => Self::rejected(reason),
            Unwritten::Driver(error) => error.into(),
        }
    }
}

impl Writer {
    pub(super) const fn new(conn: Connection, turnstile: Turnstile, patience: Duration) -> Self {
        Self { conn, turnstile, patience, reserved: i64::MIN, checkpoints: Checkpoints::new() }
    }

    /// Begins a transaction that writes, as soon as others have ended theirs, unless the file has been upgraded meanwhile
    /// or a checkpoint has failed.
    fn begin(&self) -> Result<(), StoreError> {
        self.checkpoints.may_write()?;
        if !self.conn.is_autocommit() {
            // An earlier one could not be ended.
            self.conn.execute_batch("ROLLBACK").map_err(|error| read::error(&error))?;
        }
        let now = Instant::now();
        let deadline = now.checked_add(self.patience).unwrap_or(now);
        let pass = self.turnstile.enter(now);
        let begun = immediate(&self.conn, deadline);
        drop(pass);
        begun.map_err(|error| read::error(&error))?;
        let format = schema::format(&self.conn).map_err(|error| read::error(&error));
        match format {
            Ok(schema::FORMAT) => Ok(()),
            Ok(found) => {
                self.roll_back();
                let number = |format| u16::try_from(format).unwrap_or(u16::MAX);
                Err(StoreError::NewerFormat { found: number(found), known: number(schema::FORMAT) })
            }
            Err(error) => {
                self.roll_back();
                Err(error)
            }
        }
    }

    /// Ends a transaction of which nothing is to stay. SQLite has ended it already after some errors.
    fn roll_back(&self) {
        if !self.conn.is_autocommit() {
            // If it fails, the next `begin` tries again before anything else.
            let _ = self.conn.execute_batch("ROLLBACK");
        }
    }

    pub(super) fn commit(&mut self, clock: &StoreClock, sets: &[Set]) -> Vec<Outcome> {
        match self.attempt(clock, sets, Apart::No) {
            Ok(outcomes) => return outcomes,
            Err(Apart::Transactions) => {}
            Err(_) => {
                if let Ok(outcomes) = self.attempt(clock, sets, Apart::Savepoints) {
                    return outcomes;
                }
            }
        }
        let alone = |set| {
            let outcome = self.attempt(clock, std::slice::from_ref(set), Apart::Transactions);
            outcome.unwrap_or_else(|_| vec![Outcome::Unavailable("one set cannot be taken apart".to_owned())])
        };
        sets.iter().flat_map(alone).collect()
    }

    /// One transaction. An error is how to keep the sets apart in the next try: nothing was applied.
    fn attempt(&mut self, clock: &StoreClock, sets: &[Set], apart: Apart) -> Result<Vec<Outcome>, Apart> {
        let alone = sets.len() == 1;
        let all = |outcome: Outcome| Ok(vec![outcome; sets.len()]);
        match self.begin() {
            Ok(()) => {}
            Err(StoreError::Unavailable(reason)) => return all(Outcome::Unavailable(reason)),
            Err(error) => return all(Outcome::Rejected(error.to_string())),
        }
        let now = clock.now();
        let mut outcomes = Vec::with_capacity(sets.len());
        for set in sets {
            let outcome = match self.apply_within(set, now, apart) {
                Ok(()) => Outcome::Applied,
                Err(Stop::Set { outcome, written }) => {
                    if written && apart != Apart::Savepoints {
                        self.roll_back();
                        return if alone { all(outcome) } else { Err(Apart::Savepoints) };
                    }
                    outcome
                }
                Err(Stop::Damaged(error)) => {
                    self.roll_back();
                    return if alone { all(Outcome::Rejected(error)) } else { Err(Apart::Transactions) };
                }
                Err(Stop::All(error)) => {
                    self.roll_back();
                    return all(Outcome::Unavailable(error));
                }
            };
            outcomes.push(outcome);
        }
        if !outcomes.contains(&Outcome::Applied) {
            self.roll_back();
            return Ok(outcomes);
        }
        self.end(clock, now, &mut outcomes);
        Ok(outcomes)
    }

    /// Commits, and says of the sets applied what became of them if that fails.
    fn end(&mut self, clock: &StoreClock, now: Timestamp, outcomes: &mut [Outcome]) {
        let failed = match self.commit_at(clock, now) {
            Ok(()) => return,
            Err(error) => error,
        };
        self.roll_back();
        // Certain only where nothing complete can have reached the log. After any other error, such as one of the sync, the
        // transaction may be in the log and be found there after a crash, unless a later one overwrites it.
        let certain = matches!(
            failed.sqlite_error_code(),
            Some(
                ErrorCode::DatabaseBusy
                    | ErrorCode::DatabaseLocked
                    | ErrorCode::DiskFull
                    | ErrorCode::ConstraintViolation
                    | ErrorCode::ReadOnly
            )
        );
        for outcome in outcomes.iter_mut().filter(|outcome| **outcome == Outcome::Applied) {
            let reason = failed.to_string();
            *outcome = if certain { Outcome::Unavailable(reason) } else { Outcome::Unknown(reason) };
        }
    }

    /// Commits, with the time that was given out reserved. What is committed then is, whatever becomes of a checkpoint after it.
    fn commit_at(&mut self, clock: &StoreClock, now: Timestamp) -> rusqlite::Result<()> {
        let mut reserved = self.reserved;
        if clock.is_reserved() && now.as_micros() >= reserved {
            reserved = now.as_micros().saturating_add(RESERVE);
            self.conn.prepare_cached("UPDATE meta SET reserved = max(reserved, ?1)")?.execute([reserved])?;
        }
        self.conn.execute_batch("COMMIT")?;
        self.reserved = reserved;
        self.checkpoints.keep_short(&self.conn);
        Ok(())
    }

    fn apply_within(&self, set: &Set, now: Timestamp, apart: Apart) -> Result<(), Stop> {
        if apart != Apart::Savepoints {
            return self.applied(set, now);
        }
        self.run("SAVEPOINT one")?;
        let applied = self.applied(set, now);
        if let Err(Stop::Set { .. }) = applied {
            self.run("ROLLBACK TO one")?;
        }
        self.run("RELEASE one")?;
        applied
    }

    /// A statement that has nothing to do with any one set.
    fn run(&self, statement: &str) -> Result<(), Stop> {
        self.conn.execute_batch(statement).map_err(|error| Stop::All(error.to_string()))
    }

    /// Applies a set; an error that ended the transaction is everybody's.
    fn applied(&self, set: &Set, now: Timestamp) -> Result<(), Stop> {
        let applied = apply(&self.conn, set, now);
        match applied {
            Err(Stop::Set { outcome, .. }) if self.conn.is_autocommit() => {
                Err(Stop::All(format!("the transaction was ended: {outcome:?}")))
            }
            other => other,
        }
    }

    /// Takes the turns that are asked for.
    pub(super) fn take_turns(&mut self, clock: &StoreClock, asks: &[Ask]) -> Result<(), StoreError> {
        self.begin()?;
        let now = clock.now();
        let taken = asks.iter().try_for_each(|ask| take_turn(&self.conn, ask, now));
        self.finish(clock, now, taken)
    }

    /// Deletes what is kept no longer of an account.
    pub(super) fn prune(
        &mut self,
        clock: &StoreClock,
        account: &AccountId,
        now: Timestamp,
        limit: u32,
    ) -> Result<Pruned, StoreError> {
        self.begin()?;
        let pruned = prune(&self.conn, account, now, limit);
        let present = clock.now();
        self.finish(clock, present, pruned)
    }

    fn finish<T>(
        &mut self,
        clock: &StoreClock,
        now: Timestamp,
        done: rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let ended = done.and_then(|value| self.commit_at(clock, now).map(|()| value));
        if ended.is_err() {
            self.roll_back();
        }
        ended.map_err(|error| read::error(&error))
    }
}

/// Begins a transaction that writes. By short looks until the deadline: SQLite's own waiting soon looks only every 100 ms.
pub(super) fn immediate(conn: &Connection, deadline: Instant) -> rusqlite::Result<()> {
    let mut pause = Pause::new();
    loop {
        match conn.execute_batch("BEGIN IMMEDIATE") {
            Err(error) if is_busy(&error) && Instant::now() < deadline => pause.wait(),
            begun => return begun,
        }
    }
}

pub(super) fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

fn apply(conn: &Connection, set: &Set, now: Timestamp) -> Result<(), Stop> {
    if !set.is_timely(now) {
        return Err(Stop::before(Outcome::OutOfWindow(now)));
    }
    same_unit(set)?;
    let number = put_account(conn, set, now)?;
    for hold in &set.new_holds {
        if !rows::insert_hold(conn, number, hold)? {
            return Err(Stop::after(Outcome::KeyTaken));
        }
    }
    for hold in &set.holds {
        rows::replace_hold(conn, number, hold)?;
    }
    for entry in &set.new_entries {
        if !rows::insert_entry(conn, number, entry)? {
            let seq = rows::count("sequence number", entry.entry.seq)?;
            let mut find = conn.prepare_cached("SELECT 1 FROM entry WHERE account = ?1 AND seq = ?2")?;
            // The key is taken, unless it is the number that is: then the account and its entries disagree.
            if find.exists(params![number, seq])? {
                return Err(Stop::rejected(format!(
                    "account {}: there is an entry {seq} already",
                    set.account
                )));
            }
            return Err(Stop::after(Outcome::KeyTaken));
        }
    }
    for entry in &set.entries {
        if !rows::replace_entry(conn, number, entry)? {
            let seq = entry.entry.seq;
            return Err(Stop::rejected(format!(
                "account {}: there is no entry {seq} to replace",
                set.account
            )));
        }
    }
    for counter in &set.counters {
        rows::put_counter(conn, number, counter)?;
    }
    for key in &set.ended_counters {
        rows::delete_counter(conn, number, key)?;
    }
    Ok(())
}

/// Rows have no unit of their own: it is the account's.
fn same_unit(set: &Set) -> Result<(), Stop> {
    let unit = set.put.state.unit;
    let holds = set.new_holds.iter().chain(&set.holds).map(|hold| hold.hold.unit);
    let entries = set.new_entries.iter().chain(&set.entries).map(|entry| entry.entry.unit);
    let counters = set.counters.iter().map(|counter| counter.unit);
    match holds.chain(entries).chain(counters).find(|other| *other != unit) {
        Some(other) => Err(Stop::before(Outcome::Rejected(format!(
            "account {}: a row in {other}, but the account is in {unit}",
            set.account
        )))),
        None => Ok(()),
    }
}

/// Writes the account if it has the version expected and nobody else has its turn; gives the number its rows go by.
fn put_account(conn: &Connection, set: &Set, now: Timestamp) -> Result<Number, Stop> {
    let (state, version) = (&set.put.state, set.put.version);
    let values = (
        set.account.as_str(),
        state.unit.to_string(),
        set.put.format,
        rows::count("version", version.commits)?,
        version.stamp.to_bytes(),
        rows::count("sequence number", state.seq)?,
        state.time.as_micros(),
        state.next_due.as_micros(),
        set.put.next_due().as_micros(),
        state.open_holds,
        state.posted,
        state.held,
        record::write_grants(&state.grants),
    );
    let (id, unit, format, commits, stamp, seq, time, release, due, open, posted, held, grants) = values;
    let Told { lowest, at, top_up, top_up_seq } = state.told;
    let (told_at, top_up_seq) = (at.as_micros(), rows::count("sequence number", top_up_seq)?);
    let number = match set.expected {
        None => {
            let mut insert = conn.prepare_cached(
                "INSERT INTO account (id, unit, format, commits, stamp, seq, time, next_release, next_due, open_holds, posted, \
                 held, grants, lowest_told, told_at, top_up, top_up_seq) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17) \
                 ON CONFLICT (id) DO NOTHING RETURNING number",
            )?;
            let values = params![
                id, unit, format, commits, stamp, seq, time, release, due, open, posted, held, grants,
                lowest, told_at, top_up, top_up_seq
            ];
            insert.query_row(values, |row| row.get(0)).optional()?
        }
        Some(expected) => {
            let mut find = conn.prepare_cached(
                "SELECT number, next_release, next_due FROM account WHERE id = ?1 AND commits = ?2 AND stamp = ?3 \
                 AND (turn_until IS NULL OR turn_until <= ?4 OR turn_until > ?4 + 100000 OR turn_by = ?5)",
            )?;
            let values = params![
                id,
                rows::count("version", expected.commits)?,
                expected.stamp.to_bytes(),
                now.as_micros(),
                set.engine.to_bytes(),
            ];
            let found = find
                .query_row(values, |row| {
                    Ok((row.get::<_, Number>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))
                })
                .optional()?;
            if let Some((number, old_release, old_due)) = found {
                let mut update = conn.prepare_cached(
                    "UPDATE account SET unit = ?2, format = ?3, commits = ?4, stamp = ?5, seq = ?6, time = ?7, \
                     open_holds = ?8, posted = ?9, held = ?10, grants = ?11, lowest_told = ?12, \
                     told_at = ?13, top_up = ?14, top_up_seq = ?15, turn_by = NULL, turn_until = NULL \
                     WHERE number = ?1",
                )?;
                update.execute(params![
                    number, unit, format, commits, stamp, seq, time, open, posted, held, grants, lowest,
                    told_at, top_up, top_up_seq
                ])?;
                // Apart, since it is in an index and most of the time stays as it is.
                if (old_release, old_due) != (release, due) {
                    let mut update = conn.prepare_cached(
                        "UPDATE account SET next_release = ?2, next_due = ?3 WHERE number = ?1",
                    )?;
                    update.execute(params![number, release, due])?;
                }
            }
            found.map(|(number, _, _)| number)
        }
    };
    match number {
        Some(number) => Ok(number),
        None => Err(Stop::before(why_not(conn, set, now)?)),
    }
}

/// Why the account could not be written: another version, or another's turn.
fn why_not(conn: &Connection, set: &Set, now: Timestamp) -> Result<Outcome, Stop> {
    let mut find =
        conn.prepare_cached("SELECT commits, stamp, turn_by, turn_until FROM account WHERE id = ?1")?;
    let mut found = find.query([set.account.as_str()])?;
    let Some(row) = found.next()? else { return Ok(Outcome::Conflict(None)) };
    let mut fields = rows::Fields::new(row, "account", "commits, stamp", set.account.as_str());
    // A version that cannot be read is none that was expected.
    let version = fields.version().ok();
    let turn = turn(row.get(2)?, row.get(3)?);
    Ok(match turn {
        // First, since deciding again before it ends would be for nothing.
        Some(turn) if set.expected.is_some() && turn.excludes(set.engine, now) => {
            Outcome::TurnTaken(turn.until)
        }
        _ => conflict(version, set.expected),
    })
}

fn conflict(found: Option<Version>, expected: Option<Version>) -> Outcome {
    if found.is_some() && found == expected {
        return Outcome::Rejected("the account has the version expected, and was not written".to_owned());
    }
    Outcome::Conflict(found)
}

fn turn(by: Option<[u8; 16]>, until: Option<i64>) -> Option<TurnRecord> {
    let (by, until) = by.zip(until)?;
    Some(TurnRecord { by: Stamp::from_bytes(by), until: Timestamp::from_micros(until) })
}

fn take_turn(conn: &Connection, ask: &Ask, now: Timestamp) -> rusqlite::Result<()> {
    let Some(asked) = ask.turn else { return Ok(()) };
    let id = ask.account.as_str();
    let mut find = conn.prepare_cached("SELECT turn_by, turn_until FROM account WHERE id = ?1")?;
    let Some(known) = find.query_row([id], |row| Ok(turn(row.get(0)?, row.get(1)?))).optional()? else {
        return Ok(());
    };
    if let Some(taken) = TurnRecord::taken(known, asked, now).filter(|taken| Some(*taken) != known) {
        let mut put =
            conn.prepare_cached("UPDATE account SET turn_by = ?2, turn_until = ?3 WHERE id = ?1")?;
        put.execute(params![id, taken.by.to_bytes(), taken.until.as_micros()])?;
    }
    Ok(())
}

fn prune(conn: &Connection, account: &AccountId, now: Timestamp, limit: u32) -> rusqlite::Result<Pruned> {
    let mut find = conn.prepare_cached("SELECT number FROM account WHERE id = ?1")?;
    let Some(number) = find.query_row([account.as_str()], |row| row.get::<_, Number>(0)).optional()? else {
        return Ok(Pruned::default());
    };
    let mut holds = conn.prepare_cached(
        "DELETE FROM hold WHERE account = ?1 AND key IN \
         (SELECT key FROM hold WHERE account = ?1 AND status <> 'open' AND kept_until <= ?2 ORDER BY kept_until LIMIT ?3)",
    )?;
    let holds = holds.execute(params![number, now.as_micros(), limit])?;
    let holds = u32::try_from(holds).unwrap_or(limit);
    let left = limit.saturating_sub(holds);
    let mut counters = conn.prepare_cached(
        "DELETE FROM counter WHERE account = ?1 AND (scope, period, start) IN \
         (SELECT scope, period, start FROM counter WHERE account = ?1 AND kept_until <= ?2 LIMIT ?3)",
    )?;
    let counters = counters.execute(params![number, now.as_micros(), left])?;
    let counters = u32::try_from(counters).unwrap_or(left);
    Ok(Pruned { holds, counters, more: holds.saturating_add(counters) >= limit })
}
