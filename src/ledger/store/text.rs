//! Whole records as one text each, for stores that keep values without looking into them.
//!
//! JSON with the number of its format. Numbers are text, amounts decimal text in the record's unit, moments RFC 3339. What a
//! record rarely has is under `rest`.

use serde::{Deserialize, Serialize};

use crate::amount::Unit;
use crate::cap::{Counter, CounterKey};
use crate::clock::Timestamp;
use crate::entry::{Entry, EntryKind, Operation};
use crate::hold::{HoldState, HoldStatus};
use crate::id::{IdempotencyKey, ScopeId};
use crate::ledger::rules::AccountState;
use crate::ledger::store::StoreError;
use crate::ledger::store::records::{AccountRecord, EntryRecord, FORMAT, HoldRecord, Stamp, Version};
use crate::period::Period;
use crate::record::json::{self, Nested};
use crate::record::parts::{HoldStatusWord, KindWord, OperationWord, minor, text};
use crate::record::{self, RecordError, Wrong, sound};
use crate::text::{AsText, quoted};
use crate::told::Told;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AccountText {
    format: u16,
    commits: AsText<u64>,
    stamp: String,
    unit: Unit,
    seq: AsText<u64>,
    time: AsText<Timestamp>,
    next_due: AsText<Timestamp>,
    open_holds: AsText<u32>,
    posted: String,
    held: String,
    lowest_told: String,
    told_at: AsText<Timestamp>,
    top_up: String,
    top_up_seq: AsText<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rest: Option<Nested>,
}

impl AccountRecord {
    /// The record as one text: a JSON object, of some 300 bytes and as many for each grant.
    ///
    /// ```
    /// use billing_guard::store::{AccountRecord, RecordError};
    ///
    /// let text = concat!(
    ///     r#"{"format":1,"commits":"3","stamp":"000102030405060708090a0b0c0d0e0f","unit":"USD/6","seq":"4","#,
    ///     r#""time":"2026-01-01T00:00:00.000000Z","next_due":"2026-01-01T00:05:30.000000Z","#,
    ///     r#""open_holds":"1","posted":"12.5","held":"3","lowest_told":"12.5","#,
    ///     r#""told_at":"2026-01-01T00:00:00.000000Z","top_up":"12.5","top_up_seq":"1"}"#,
    /// );
    /// let record = AccountRecord::from_text(text)?;
    /// assert_eq!((record.seq(), record.version().commits), (4, 3));
    /// assert_eq!(record.to_text(), text);
    ///
    /// let newer = AccountRecord::from_text(&text.replace(r#""format":1"#, r#""format":2"#));
    /// assert_eq!(newer, Err(RecordError::NewerFormat { found: 2, known: 1 }));
    /// # Ok::<(), RecordError>(())
    /// ```
    #[must_use]
    pub fn to_text(&self) -> String {
        let state = &self.state;
        json::write(&AccountText {
            format: self.format,
            commits: AsText(self.version.commits),
            stamp: self.version.stamp.to_string(),
            unit: state.unit,
            seq: AsText(state.seq),
            time: AsText(state.time),
            next_due: AsText(state.next_due),
            open_holds: AsText(state.open_holds),
            posted: text(state.unit.minor(state.posted)),
            held: text(state.unit.minor(state.held)),
            lowest_told: text(state.unit.minor(state.told.lowest)),
            told_at: AsText(state.told.at),
            top_up: text(state.unit.minor(state.told.top_up)),
            top_up_seq: AsText(state.told.top_up_seq),
            rest: record::write_grants(&state.grants).map(Nested::new),
        })
    }

    /// A record from its [text](Self::to_text).
    ///
    /// # Errors
    /// [`RecordError`], naming what is wrong; [`NewerFormat`](RecordError::NewerFormat) for one that a newer version wrote.
    pub fn from_text(text: &str) -> Result<Self, RecordError> {
        json::check_format(text, FORMAT)?;
        let line = json::read::<AccountText>(text)?;
        let unit = line.unit;
        let (posted, held) = (minor(unit, "posted", &line.posted)?, minor(unit, "held", &line.held)?);
        if held < 0 || posted.checked_sub(held).is_none() {
            let what = format_args!("{} of {} posted cannot be held", line.held, line.posted);
            return Err(Wrong::new("held", what).into());
        }
        let state = AccountState {
            unit,
            seq: line.seq.0,
            time: line.time.0,
            next_due: line.next_due.0,
            open_holds: line.open_holds.0,
            posted,
            held,
            grants: record::read_grants(line.rest.as_ref().map(Nested::text), unit)?,
            told: Told {
                lowest: minor(unit, "lowest_told", &line.lowest_told)?,
                at: line.told_at.0,
                top_up: minor(unit, "top_up", &line.top_up)?,
                top_up_seq: line.top_up_seq.0,
            },
        };
        let version = Version { commits: line.commits.0, stamp: stamp(&line.stamp)? };
        Ok(Self { state, version, format: line.format })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct HoldText {
    format: u16,
    stamp: String,
    kept_until: AsText<Timestamp>,
    key: IdempotencyKey,
    rev: AsText<u32>,
    #[serde(with = "HoldStatusWord")]
    status: HoldStatus,
    late: bool,
    unit: Unit,
    requested: String,
    minimum: String,
    total: String,
    captured: String,
    settled: String,
    refunded: String,
    opened_at: AsText<Timestamp>,
    ends_at: AsText<Timestamp>,
    release_at: AsText<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rest: Option<Nested>,
}

impl HoldRecord {
    /// The record as one text: a JSON object, of some 500 bytes where nothing is rare about it.
    ///
    /// ```
    /// use billing_guard::store::HoldRecord;
    ///
    /// let text = concat!(
    ///     r#"{"format":1,"stamp":"000102030405060708090a0b0c0d0e0f","#,
    ///     r#""kept_until":"2026-01-02T00:00:00.000000Z","key":"req-1","rev":"2","status":"captured","#,
    ///     r#""late":false,"unit":"USD/6","requested":"3","minimum":"3","total":"3","captured":"1.25","#,
    ///     r#""settled":"1.25","refunded":"0","opened_at":"2026-01-01T00:00:00.000000Z","#,
    ///     r#""ends_at":"2026-01-01T00:05:00.000000Z","release_at":"2026-01-01T00:05:30.000000Z"}"#,
    /// );
    /// let record = HoldRecord::from_text(text)?;
    /// assert_eq!(record.hold().captured().to_string(), "1.25 USD/6");
    /// assert_eq!(record.to_text(), text);
    /// # Ok::<(), billing_guard::store::RecordError>(())
    /// ```
    #[must_use]
    pub fn to_text(&self) -> String {
        let hold = &self.hold;
        json::write(&HoldText {
            format: FORMAT,
            stamp: self.stamp.to_string(),
            kept_until: AsText(self.kept_until),
            key: hold.key.clone(),
            rev: AsText(hold.rev),
            status: hold.status,
            late: hold.late,
            unit: hold.unit,
            requested: text(hold.requested()),
            minimum: text(hold.unit.minor(hold.minimum)),
            total: text(hold.total()),
            captured: text(hold.captured()),
            settled: text(hold.unit.minor(hold.settled)),
            refunded: text(hold.refunded()),
            opened_at: AsText(hold.opened_at),
            ends_at: AsText(hold.ends_at),
            release_at: AsText(hold.release_at),
            rest: record::write_hold_rest(hold).map(Nested::new),
        })
    }

    /// A record from its [text](Self::to_text).
    ///
    /// # Errors
    /// [`RecordError`], naming what is wrong; [`NewerFormat`](RecordError::NewerFormat) for one that a newer version wrote.
    pub fn from_text(text: &str) -> Result<Self, RecordError> {
        json::check_format(text, FORMAT)?;
        let line = json::read::<HoldText>(text)?;
        let unit = line.unit;
        let read = |field, text: &str| match minor(unit, field, text)? {
            ..0 => Err(Wrong::new(field, format_args!("{text} is less than nothing"))),
            minor => Ok(minor),
        };
        let rest = record::read_hold_rest(line.rest.as_ref().map(Nested::text), unit)?;
        let hold = HoldState {
            key: line.key,
            declared: rest.declared,
            unit,
            requested: read("requested", &line.requested)?,
            minimum: read("minimum", &line.minimum)?,
            total: read("total", &line.total)?,
            captured: read("captured", &line.captured)?,
            settled: read("settled", &line.settled)?,
            refunded: read("refunded", &line.refunded)?,
            opened_at: line.opened_at.0,
            ends_at: line.ends_at.0,
            release_at: line.release_at.0,
            rev: line.rev.0,
            status: line.status,
            late: line.late,
            draws: rest.draws,
            counted: rest.counted,
        };
        Ok(Self { hold, stamp: stamp(&line.stamp)?, kept_until: line.kept_until.0 })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EntryText {
    format: u16,
    stamp: String,
    seq: AsText<u64>,
    booked_at: AsText<Timestamp>,
    #[serde(with = "KindWord")]
    kind: EntryKind,
    #[serde(with = "OperationWord")]
    operation: Operation,
    key: IdempotencyKey,
    unit: Unit,
    amount: String,
    balance_after: String,
    uncollected: String,
    refunded: String,
    late: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rest: Option<Nested>,
}

impl EntryRecord {
    /// The record as one text: a JSON object, of some 300 bytes where nothing is rare about it.
    ///
    /// ```
    /// use billing_guard::store::EntryRecord;
    ///
    /// let text = concat!(
    ///     r#"{"format":1,"stamp":"000102030405060708090a0b0c0d0e0f","seq":"1","#,
    ///     r#""booked_at":"2026-01-01T00:00:00.000000Z","kind":"top-up","operation":"credit","#,
    ///     r#""key":"payment-1","unit":"USD/6","amount":"12.5","balance_after":"12.5","#,
    ///     r#""uncollected":"0","refunded":"0","late":false,"rest":{"labels":{"user":"ana"}}}"#,
    /// );
    /// let record = EntryRecord::from_text(text)?;
    /// assert_eq!(record.entry().labels().get("user"), Some("ana"));
    /// assert_eq!(record.to_text(), text);
    /// # Ok::<(), billing_guard::store::RecordError>(())
    /// ```
    #[must_use]
    pub fn to_text(&self) -> String {
        let entry = &self.entry;
        json::write(&EntryText {
            format: FORMAT,
            stamp: self.stamp.to_string(),
            seq: AsText(entry.seq),
            booked_at: AsText(entry.booked_at),
            kind: entry.kind,
            operation: entry.operation,
            key: entry.key.clone(),
            unit: entry.unit,
            amount: text(entry.amount()),
            balance_after: text(entry.balance_after()),
            uncollected: text(entry.uncollected()),
            refunded: text(entry.refunded()),
            late: entry.late,
            rest: record::write_entry_rest(entry).map(Nested::new),
        })
    }

    /// A record from its [text](Self::to_text).
    ///
    /// # Errors
    /// [`RecordError`], naming what is wrong; [`NewerFormat`](RecordError::NewerFormat) for one that a newer version wrote.
    pub fn from_text(text: &str) -> Result<Self, RecordError> {
        json::check_format(text, FORMAT)?;
        let line = json::read::<EntryText>(text)?;
        let unit = line.unit;
        let rest = record::read_entry_rest(line.rest.as_ref().map(Nested::text), unit)?;
        let entry = Entry {
            key: line.key,
            declared: rest.declared,
            unit,
            seq: line.seq.0,
            booked_at: line.booked_at.0,
            amount: minor(unit, "amount", &line.amount)?,
            posted_after: minor(unit, "balance_after", &line.balance_after)?,
            uncollected: minor(unit, "uncollected", &line.uncollected)?,
            refunded: minor(unit, "refunded", &line.refunded)?,
            kind: line.kind,
            operation: line.operation,
            late: line.late,
            movements: rest.movements,
            detail: rest.detail,
        };
        match sound::contradiction(&entry) {
            Some(wrong) => Err(wrong.into()),
            None => Ok(Self { entry, stamp: stamp(&line.stamp)? }),
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CounterText {
    format: u16,
    scope: String,
    period: Period,
    start: AsText<Timestamp>,
    unit: Unit,
    used: String,
    held: String,
    told: String,
}

impl Counter {
    /// The counter as one text, for stores: a JSON object of some 150 bytes.
    ///
    /// ```
    /// use billing_guard::Counter;
    ///
    /// let text = concat!(
    ///     r#"{"format":1,"scope":"team/blue","period":"day","start":"2026-01-01T00:00:00.000000Z","#,
    ///     r#""unit":"USD/6","used":"1.25","held":"3","told":"1"}"#,
    /// );
    /// let counter = Counter::from_text(text)?;
    /// assert_eq!(counter.used().to_string(), "1.25 USD/6");
    /// assert_eq!(counter.to_text(), text);
    /// # Ok::<(), billing_guard::store::RecordError>(())
    /// ```
    #[must_use]
    pub fn to_text(&self) -> String {
        json::write(&CounterText {
            format: FORMAT,
            scope: self.key.scope.to_string(),
            period: self.key.period,
            start: AsText(self.key.start),
            unit: self.unit,
            used: text(self.unit.minor(self.used)),
            held: text(self.unit.minor(self.held)),
            told: text(self.unit.minor(self.told)),
        })
    }

    /// A counter from its [text](Self::to_text).
    ///
    /// # Errors
    /// [`RecordError`], naming what is wrong; [`NewerFormat`](RecordError::NewerFormat) for one that a newer version wrote.
    pub fn from_text(text: &str) -> Result<Self, RecordError> {
        json::check_format(text, FORMAT)?;
        let line = json::read::<CounterText>(text)?;
        let unit = line.unit;
        let scope = ScopeId::stored(&line.scope).map_err(|error| Wrong::new("scope", error))?;
        let key = CounterKey { scope, period: line.period, start: line.start.0 };
        let read = |field, text: &str| minor(unit, field, text);
        let (used, held) = (read("used", &line.used)?, read("held", &line.held)?);
        Ok(Self { key, unit, used, held, told: read("told", &line.told)? })
    }
}

/// A stamp as it displays, and in no other spelling.
fn stamp(text: &str) -> Result<Stamp, Wrong> {
    let stamp = u128::from_str_radix(text, 16).ok().map(|number| Stamp::from_bytes(number.to_be_bytes()));
    stamp.filter(|stamp| stamp.to_string() == text).ok_or_else(|| {
        let what = format_args!("{} is not one: expected 32 digits 0-9 and a-f", quoted(text));
        Wrong::new("stamp", what)
    })
}

impl From<RecordError> for StoreError {
    fn from(error: RecordError) -> Self {
        match error {
            RecordError::NewerFormat { found, known } => Self::NewerFormat { found, known },
            error => Self::Corrupt(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests;
