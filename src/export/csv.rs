//! A row for each entry.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};

use crate::entry::{ChargeRef, Entry};
use crate::id::{AccountId, Labels};

/// Comma-separated values as in RFC 4180: UTF-8, a header, one row for each entry, rows that end in CR LF.
///
/// | column | what it has |
/// |---|---|
/// | `account`, `seq` | which entry of which account |
/// | `booked_at`, `effective_at` | RFC 3339, UTC, microseconds |
/// | `kind` | [`EntryKind::as_str`](crate::EntryKind::as_str) |
/// | `operation` | [`Operation::as_str`](crate::Operation::as_str) |
/// | `key`, `hold` | its key; the same again if it captured a hold |
/// | `amount`, `unit`, `balance_after` | decimal numbers, and the unit as in `USD/6` |
/// | `uncollected`, `refunded` | decimal numbers |
/// | `refund_of` | `hold:KEY` or `charge:KEY` |
/// | `grant`, `grant_kind`, `grant_label` | the grant it is about |
/// | `labels` | a JSON object; empty without labels |
/// | `late` | `true` or `false` |
///
/// **Cells that a spreadsheet would run** are made text by an apostrophe before them: those that begin, after any spaces and
/// quotes, with one of `= + - @`, their full-width forms, a tab or a line break. The same is done after each semicolon, which
/// separates cells in some countries' spreadsheets. Plain numbers such as `-12.50` stay as they are. In `labels` semicolons are
/// escaped instead, so that its JSON stays exact. For anything to be read back by a program, take
/// [`JsonLines`](super::JsonLines).
///
/// ```
/// use billing_guard::export::Csv;
/// use billing_guard::{AccountId, LedgerExt, ManualClock, MemoryLedger, MemorySettings, Unit, wait};
///
/// let usd = Unit::new("USD", 6)?;
/// let ledger = MemoryLedger::with_clock(MemorySettings::new(), std::sync::Arc::new(ManualClock::new()));
/// let account = AccountId::new("=cmd()")?;
/// let entry = wait(ledger.adjust(&account, "ticket-7".parse()?, usd.amount("-12.50")?))?.into_value();
/// assert_eq!(
///     Csv::new().entry(&account, &entry).to_string(),
///     "'=cmd(),1,2026-01-01T00:00:00.000000Z,2026-01-01T00:00:00.000000Z,adjustment,credit,ticket-7,,\
///      -12.5,USD/6,-12.5,0,0,,,,,,false\r\n"
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Csv {}

const HEADER: &str = "account,seq,booked_at,effective_at,kind,operation,key,hold,amount,unit,balance_after,uncollected,\
                      refunded,refund_of,grant,grant_kind,grant_label,labels,late\r\n";

impl Csv {
    /// The format.
    #[must_use]
    pub const fn new() -> Self {
        Self {}
    }

    /// The first row, which names the columns.
    #[must_use]
    pub fn header(&self) -> impl Display + use<> {
        HEADER
    }

    /// The row of an entry.
    #[must_use]
    pub fn entry<'a>(&self, account: &'a AccountId, entry: &'a Entry) -> impl Display + use<'a> {
        Row { account, entry }
    }
}

struct Row<'a> {
    account: &'a AccountId,
    entry: &'a Entry,
}

impl Display for Row<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { account, entry } = self;
        let (kind, operation) = (entry.kind().as_str(), entry.operation().as_str());
        let (key, hold) = (entry.key().as_str(), entry.hold().map_or("", |hold| hold.as_str()));
        write!(f, "{},{},", Text(account.as_str()), entry.seq())?;
        write!(f, "{},{},{kind},{operation},", entry.booked_at(), entry.effective_at())?;
        write!(f, "{},{},", Text(key), Text(hold))?;
        write!(f, "{},{},", entry.amount().decimal(), entry.unit)?;
        write!(f, "{},", entry.balance_after().decimal())?;
        write!(f, "{},{},", entry.uncollected().decimal(), entry.refunded().decimal())?;
        match entry.refund_of() {
            Some(ChargeRef::Hold(key)) => write!(f, "{},", Text(&format!("hold:{key}")))?,
            Some(ChargeRef::Charge(key)) => write!(f, "{},", Text(&format!("charge:{key}")))?,
            None => f.write_str(",")?,
        }
        if let Some(grant) = entry.grant() {
            write!(f, "{grant}")?;
        }
        let label = entry.terms().and_then(|terms| terms.label.as_ref()).map_or("", |label| label.as_str());
        write!(f, ",{},{},", entry.terms().map_or("", |terms| terms.kind.as_str()), Text(label))?;
        write!(f, "{},{}\r\n", Quoted(&labels(&entry.labels())), entry.is_late())
    }
}

/// Labels as JSON. A semicolon, which can stand in its strings only, is escaped: nobody splits a cell there.
fn labels(labels: &Labels) -> String {
    if labels.is_empty() {
        return String::new();
    }
    let pairs: BTreeMap<&str, &str> = labels.iter().collect();
    // Text in a map is always JSON.
    serde_json::to_string(&pairs).unwrap_or_default().replace(';', "\\u003b")
}

/// A cell of foreign text.
struct Text<'a>(&'a str);

impl Display for Text<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Quoted(&harmless(self.0)).fmt(f)
    }
}

/// A cell in quotes if it needs them.
struct Quoted<'a>(&'a str);

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let text = self.0;
        let spaced = text.starts_with(char::is_whitespace) || text.ends_with(char::is_whitespace);
        if spaced || text.contains([',', ';', '"', '\r', '\n']) {
            write!(f, "\"{}\"", text.replace('"', "\"\""))
        } else {
            f.write_str(text)
        }
    }
}

/// `text` as no spreadsheet runs it.
fn harmless(text: &str) -> Cow<'_, str> {
    if !text.split(';').any(runs) {
        return text.into();
    }
    let parts = text.split(';').map(|part| if runs(part) { format!("'{part}") } else { part.to_owned() });
    parts.collect::<Vec<_>>().join(";").into()
}

/// Whether a spreadsheet may take a cell for more than text or a number.
fn runs(cell: &str) -> bool {
    let quote = |c: char| matches!(c, '"' | '\'' | '`' | '“' | '”' | '‘' | '’' | '＂' | '＇');
    let bare = cell.trim_start_matches(|c: char| c.is_whitespace() || quote(c));
    let before = cell.strip_suffix(bare).unwrap_or_default();
    let starts = bare.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']);
    before.contains(char::is_control) || (starts && !is_number(cell.trim()))
}

/// Whether it is a decimal number and nothing else.
fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    [whole, fraction].iter().all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_spreadsheet_would_run_becomes_text() {
        for (text, cell) in [
            ("plain", "plain"),
            ("a=b", "a=b"),
            ("=1+2", "'=1+2"),
            ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
            ("-2+3", "'-2+3"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\t=1"),
            ("\tplain", "'\tplain"),
            ("\r=1", "\"'\r=1\""),
            ("  =1", "'  =1"),
            ("\u{a0}=1", "'\u{a0}=1"),
            ("\"=1", "\"'\"\"=1\""),
            ("' =1", "'' =1"),
            ("＝1", "'＝1"),
            ("＋1", "'＋1"),
            ("－x", "'－x"),
            ("＠A1", "'＠A1"),
            ("a;=1", "\"a;'=1\""),
            ("a; \"=1;-3;b", "\"a;' \"\"=1;-3;b\""),
            ("--1", "'--1"),
            ("-", "'-"),
            ("-1.", "'-1."),
            ("-1e3", "'-1e3"),
        ] {
            assert_eq!(Text(text).to_string(), cell, "{text:?}");
        }
    }

    #[test]
    fn numbers_stay_numbers() {
        for text in ["-12.50", "-5", "+49", "0", "12.5", "-0.000001", "-9223372036854775808"] {
            assert_eq!(Text(text).to_string(), text);
        }
    }

    #[test]
    fn a_cell_is_quoted_where_it_has_to_be() {
        for (text, cell) in [
            ("a,b", "\"a,b\""),
            ("a\"b", "\"a\"\"b\""),
            (" a", "\" a\""),
            ("a ", "\"a \""),
            ("a b", "a b"),
            ("", ""),
        ] {
            assert_eq!(Text(text).to_string(), cell);
        }
    }

    #[test]
    fn labels_are_json_without_a_bare_semicolon() {
        let hostile = Labels::new([("a;b", ";=1\"\\"), ("c", "")]).unwrap();
        let text = labels(&hostile);
        assert_eq!(text, r#"{"a\u003bb":"\u003b=1\"\\","c":""}"#);
        let read: BTreeMap<String, String> = serde_json::from_str(&text).unwrap();
        assert_eq!(Labels::new(read).unwrap(), hostile);
        assert_eq!(labels(&Labels::default()), "");
    }
}
