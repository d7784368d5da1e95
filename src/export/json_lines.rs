//! A JSON object for each entry.

use std::fmt::{self, Display, Formatter};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::line::Line;
use crate::entry::Entry;
use crate::id::AccountId;
use crate::record::json::{checksum, sealed};
use crate::text::quoted;

/// The longest line that is read, in bytes. No entry comes near it.
pub const MAX_LINE: usize = 1024 * 1024;

/// JSON Lines: one JSON object and a line feed for each entry, complete. [`parse_line`] reads it back.
///
/// Whole numbers are decimal strings and amounts decimal strings in `unit`, since many readers of JSON lose digits; moments
/// are RFC 3339. What an entry has not is left out. `v` is the version of the format. `check` is a checksum
/// of the rest (FNV-1a, 64 bits, of the line as it is written here without `check`): it finds accidents, not forgery.
///
/// ```
/// use billing_guard::export::{JsonLines, parse_line};
/// use billing_guard::{AccountId, LedgerExt, ManualClock, MemoryLedger, MemorySettings, Unit, wait};
///
/// let usd = Unit::new("USD", 6)?;
/// let ledger = MemoryLedger::with_clock(MemorySettings::new(), std::sync::Arc::new(ManualClock::new()));
/// let account = AccountId::new("acct_1")?;
/// let entry = wait(ledger.top_up(&account, "payment-1".parse()?, usd.amount("12.50")?))?.into_value();
/// let line = JsonLines::new().entry(&account, &entry).to_string();
/// assert_eq!(
///     line,
///     r#"{"v":1,"account":"acct_1","seq":"1","booked_at":"2026-01-01T00:00:00.000000Z","kind":"top-up","operation":"credit","#
///         .to_owned()
///         + r#""key":"payment-1","unit":"USD/6","amount":"12.5","balance_after":"12.5","uncollected":"0","#
///         + r#""refunded":"0","late":false,"check":"474f2653c19814aa"}"#
///         + "\n"
/// );
/// assert_eq!(parse_line(&line)?, (account, entry));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct JsonLines {}

impl JsonLines {
    /// The format.
    #[must_use]
    pub const fn new() -> Self {
        Self {}
    }

    /// The line of an entry.
    #[must_use]
    pub fn entry<'a>(&self, account: &'a AccountId, entry: &'a Entry) -> impl Display + use<'a> {
        Written { account, entry }
    }
}

struct Written<'a> {
    account: &'a AccountId,
    entry: &'a Entry,
}

impl Display for Written<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let text = text(&Line::new(self.account, self.entry)).ok_or(fmt::Error)?;
        writeln!(f, "{}", sealed(&text))
    }
}

/// The line as it is written; always there, since it has nothing but texts under names.
fn text(line: &Line) -> Option<String> {
    serde_json::to_string(line).ok()
}

/// Why a line is not one that [`JsonLines`] writes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LineError {
    /// It has more than [`MAX_LINE`] bytes.
    #[error("a line of {bytes} bytes is too long: at most 1,048,576")]
    TooLong {
        /// How many it has.
        bytes: usize,
    },
    /// It is of another version of the format, or of none.
    #[error("the format version {found} is not known: this reads version 1")]
    UnknownVersion {
        /// What it says.
        found: String,
    },
    /// It is no JSON, lacks a field, has one that is not known, or one that is not what it should be.
    #[error("not an entry: {what}")]
    Malformed {
        /// What is wrong, with the name of the field or its place in the line.
        what: String,
    },
    /// A field is beyond its limits, or contradicts another.
    #[error("{field} is wrong: {what}")]
    Invalid {
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        what: String,
    },
    /// It was changed after it was written: its checksum is not that of the rest.
    #[error("the line does not match its check: it was changed or damaged after it was written")]
    Altered,
}

/// Reads a line of [`JsonLines`] into the account and an entry equal to the one that was written.
///
/// Fields may come in any order, with any whitespace, but none twice and none that is not known. A line made by hand may leave
/// `check` out.
///
/// # Errors
/// [`LineError`], naming what is wrong.
pub fn parse_line(line: &str) -> Result<(AccountId, Entry), LineError> {
    /// What a line of any version has.
    #[derive(Deserialize)]
    struct Versioned<'a> {
        #[serde(borrow)]
        v: Option<&'a RawValue>,
    }
    if line.len() > MAX_LINE {
        return Err(LineError::TooLong { bytes: line.len() });
    }
    // Serde would read an array as well.
    if !line.trim_start().starts_with('{') {
        return Err(LineError::Malformed { what: "expected a JSON object".to_owned() });
    }
    let version = serde_json::from_str::<Versioned<'_>>(line).map_err(|error| malformed(&error))?;
    match version.v.map(RawValue::get) {
        Some("1") => {}
        Some(other) => return Err(LineError::UnknownVersion { found: quoted(other) }),
        None => return Err(LineError::UnknownVersion { found: "none".to_owned() }),
    }
    let mut read = serde_json::from_str::<Line>(line).map_err(|error| malformed(&error))?;
    if let Some(check) = read.check.take()
        && text(&read).is_none_or(|text| checksum(&text) != check)
    {
        return Err(LineError::Altered);
    }
    read.entry().map_err(|wrong| LineError::Invalid { field: wrong.field, what: wrong.what })
}

fn malformed(error: &serde_json::Error) -> LineError {
    /// The most characters of an error that are kept: it quotes the line.
    const KEPT: usize = 240;
    let mut what = String::new();
    for c in error.to_string().chars().take(KEPT) {
        match c {
            // Quotes and what is escaped in them already.
            '"' | '\'' | '\\' => what.push(c),
            _ => what.extend(c.escape_debug()),
        }
    }
    LineError::Malformed { what }
}
