//! A line of the file.

use serde::{Deserialize, Serialize};

use super::FORMAT;
use crate::cap::Counter;
use crate::id::AccountId;
use crate::ledger::store::records::{AccountRecord, EntryRecord, HoldRecord};
use crate::record::json::{self, Nested};
use crate::record::{RecordError, Wrong};
use crate::text::AsText;

/// What a line says.
#[derive(Debug)]
pub(super) enum Line {
    /// The file begins.
    Store,
    Account(AccountId, Box<AccountRecord>),
    Hold(Box<HoldRecord>),
    Entry(Box<EntryRecord>),
    Counter(Box<Counter>),
    /// The file ends, after so many accounts.
    End(u64),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LineText {
    n: AsText<u64>,
    is: SaysText,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
enum SaysText {
    Store(Nested),
    Account { id: AccountId, record: Nested },
    Hold(Nested),
    Entry(Nested),
    Counter(Nested),
    End { accounts: AsText<u64> },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoreText {
    format: u16,
}

/// The line with this number, without a line feed.
pub(super) fn write(number: u64, line: &Line) -> String {
    let is = match line {
        Line::Store => SaysText::Store(Nested::new(json::write(&StoreText { format: FORMAT }))),
        Line::Account(id, record) => {
            SaysText::Account { id: id.clone(), record: Nested::new(record.to_text()) }
        }
        Line::Hold(record) => SaysText::Hold(Nested::new(record.to_text())),
        Line::Entry(record) => SaysText::Entry(Nested::new(record.to_text())),
        Line::Counter(counter) => SaysText::Counter(Nested::new(counter.to_text())),
        Line::End(accounts) => SaysText::End { accounts: AsText(*accounts) },
    };
    json::sealed(&json::write(&LineText { n: AsText(number), is }))
}

/// What the line says that must have this number.
pub(super) fn read(number: u64, line: &str) -> Result<Line, RecordError> {
    let text = json::unsealed(line).ok_or_else(|| {
        Wrong::new(
            "check",
            "it is missing, or not that of the line: the line was changed, cut off, or is no export's",
        )
    })?;
    let LineText { n: AsText(found), is } = json::read(&text)?;
    if found != number {
        let what = format_args!("{found} where {number} was expected: lines were lost, moved or doubled");
        return Err(Wrong::new("n", what).into());
    }
    Ok(match is {
        SaysText::Store(store) => {
            json::check_format(store.text(), FORMAT)?;
            let StoreText { format: _ } = json::read(store.text())?;
            Line::Store
        }
        SaysText::Account { id, record } => {
            Line::Account(id, Box::new(AccountRecord::from_text(record.text())?))
        }
        SaysText::Hold(record) => Line::Hold(Box::new(HoldRecord::from_text(record.text())?)),
        SaysText::Entry(record) => Line::Entry(Box::new(EntryRecord::from_text(record.text())?)),
        SaysText::Counter(counter) => Line::Counter(Box::new(Counter::from_text(counter.text())?)),
        SaysText::End { accounts } => Line::End(accounts.0),
    })
}
