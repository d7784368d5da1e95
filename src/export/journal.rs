//! Plain-text accounting.

use std::fmt::{self, Display, Formatter, Write as _};

use crate::amount::Unit;
use crate::clock::Timestamp;
use crate::entry::{ChargeRef, Entry, EntryKind};
use crate::grant::GrantKind;
use crate::id::AccountId;

/// A journal for [hledger](https://hledger.org) and its like: one balanced transaction for each entry.
///
/// What a customer has is a liability of yours. It stands in `liabilities:customers:ACCOUNT:plain` and, for credit on terms of its
/// own, in `liabilities:customers:ACCOUNT:grants:ID`, with the [id](crate::Grant::id) of the grant. On the other side of an entry is:
///
/// | entry | account |
/// |---|---|
/// | top-up | `assets:payments` |
/// | grant | `expenses:grants:KIND`: `promotional`, `included` or `courtesy` |
/// | charge | `revenue:usage` |
/// | refund | `revenue:refunds` |
/// | expiry | `revenue:expired:KIND`, `paid` too |
/// | adjustment | `equity:adjustments` |
/// | opening | `equity:opening` |
///
/// Give them other names with hledger's `alias`. Transactions are dated when the entry was booked, in UTC, since that is the order
/// in which balances were what they were; if it was effective on another day, that is the secondary date (`hledger --date2`).
/// Each asserts the customer's balance after it, so that `hledger check` proves the journal against the ledger. So write a
/// customer's entries from the oldest on and in order; customers may stand in one file or in several.
///
/// Where the text of ids, keys and labels has other characters than letters, digits, single spaces and `-._/@`, they are
/// percent-encoded (spaces in names as well), so that none can mean anything to a reader. The number of the entry is the transaction's code;
/// tags have the rest: `key`, `operation`, `booked`, `effective`, `refund-of`, `uncollected`, `late`, `grant`, `grant-kind`, `grant-label`, and a
/// `label-NAME` for each label.
///
/// ```
/// use billing_guard::export::Journal;
/// use billing_guard::{AccountId, LedgerExt, ManualClock, MemoryLedger, MemorySettings, Unit, wait};
///
/// let usd = Unit::new("USD", 6)?;
/// let ledger = MemoryLedger::with_clock(MemorySettings::new(), std::sync::Arc::new(ManualClock::new()));
/// let account = AccountId::new("acct_1")?;
/// let entry = wait(ledger.top_up(&account, "payment-1".parse()?, usd.amount("12.50")?))?.into_value();
/// let journal = Journal::new();
/// assert_eq!(journal.header(usd).to_string(), "decimal-mark .\ncommodity \"USD\" 1000.000000\n\n");
/// assert_eq!(
///     journal.entry(&account, &entry).to_string(),
///     r#"2026-01-01 (1) top-up
///     ; key:payment-1
///     ; operation:credit
///     ; booked:2026-01-01T00:00:00.000000Z
///     liabilities:customers:acct_1:plain  "USD" -12.5
///     assets:payments  "USD" 12.5
///     liabilities:customers:acct_1  0 =* "USD" -12.5
///
/// "#
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Journal {}

impl Journal {
    /// The format.
    #[must_use]
    pub const fn new() -> Self {
        Self {}
    }

    /// What stands before the first entry of a unit: how its amounts are written. Units that differ in their scale only are
    /// one commodity; name the finer one last.
    #[must_use]
    pub fn header(&self, unit: Unit) -> impl Display + use<> {
        let zeros = "0".repeat(usize::from(unit.scale()));
        format!("decimal-mark .\ncommodity \"{}\" 1000.{zeros}\n\n", unit.code())
    }

    /// The transaction of an entry, with an empty line after it.
    #[must_use]
    pub fn entry<'a>(&self, account: &'a AccountId, entry: &'a Entry) -> impl Display + use<'a> {
        Transaction { account, entry }
    }
}

struct Transaction<'a> {
    account: &'a AccountId,
    entry: &'a Entry,
}

impl Display for Transaction<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let entry = self.entry;
        let (booked, effective) = (day(&entry.booked_at()), day(&entry.effective_at()));
        f.write_str(&booked)?;
        if effective != booked {
            write!(f, "={effective}")?;
        }
        writeln!(f, " ({}) {}", entry.seq(), entry.kind().as_str())?;
        self.tags(f)?;
        self.postings(f)
    }
}

impl Transaction<'_> {
    fn tags(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let entry = self.entry;
        let mut tag = |name: &str, value: &dyn Display| writeln!(f, "    ; {name}:{value}");
        tag("key", &Text(entry.key().as_str()))?;
        tag("operation", &entry.operation().as_str())?;
        tag("booked", &entry.booked_at())?;
        if entry.effective_at() != entry.booked_at() {
            tag("effective", &entry.effective_at())?;
        }
        match entry.refund_of() {
            Some(ChargeRef::Hold(key)) => tag("refund-of", &format!("hold {}", Text(key.as_str())))?,
            Some(ChargeRef::Charge(key)) => tag("refund-of", &format!("charge {}", Text(key.as_str())))?,
            None => {}
        }
        if !entry.uncollected().is_zero() {
            tag("uncollected", &entry.uncollected().decimal())?;
        }
        if entry.is_late() {
            tag("late", &"yes")?;
        }
        if let Some(grant) = entry.grant() {
            tag("grant", &grant)?;
        }
        if let Some(terms) = entry.terms() {
            tag("grant-kind", &terms.kind.as_str())?;
            if let Some(label) = &terms.label {
                tag("grant-label", &Text(label.as_str()))?;
            }
        }
        for (name, value) in entry.labels().iter() {
            tag(&format!("label-{}", Name(name)), &Text(value))?;
        }
        Ok(())
    }

    fn postings(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (entry, customer) = (self.entry, Name(self.account.as_str()));
        let (unit, movements) = (entry.unit, entry.movements());
        let total = i128::from(entry.amount().minor());
        let mut plain = total;
        for movement in movements {
            let amount = i128::from(movement.amount().minor());
            plain = plain.saturating_sub(amount);
            let amount = Money(unit, amount.saturating_neg());
            writeln!(f, "    liabilities:customers:{customer}:grants:{}  {amount}", movement.grant())?;
        }
        if plain != 0 || movements.is_empty() {
            writeln!(
                f,
                "    liabilities:customers:{customer}:plain  {}",
                Money(unit, plain.saturating_neg())
            )?;
        }
        writeln!(f, "    {}  {}", other_side(entry), Money(unit, total))?;
        let balance = i128::from(entry.balance_after().minor());
        writeln!(f, "    liabilities:customers:{customer}  0 =* {}\n", Money(unit, balance.saturating_neg()))
    }
}

/// The account that an entry's amount comes from or goes to.
fn other_side(entry: &Entry) -> String {
    let kind = entry.terms().map_or(GrantKind::Paid, |terms| terms.kind).as_str();
    match entry.kind() {
        EntryKind::TopUp => "assets:payments".to_owned(),
        EntryKind::Grant => format!("expenses:grants:{kind}"),
        EntryKind::Charge => "revenue:usage".to_owned(),
        EntryKind::Refund => "revenue:refunds".to_owned(),
        EntryKind::Expiry => format!("revenue:expired:{kind}"),
        EntryKind::Adjustment => "equity:adjustments".to_owned(),
        EntryKind::Opening => "equity:opening".to_owned(),
    }
}

/// The day of a moment in UTC. The journal's calendar begins with the year 0.
fn day(at: &Timestamp) -> String {
    let text = at.to_string();
    match text.split_once('T') {
        Some((day, _)) if !day.starts_with('-') => day.to_owned(),
        _ => "0000-01-01".to_owned(),
    }
}

/// An amount with its commodity; the sum of two may be more than an [`Amount`](crate::amount::Amount).
struct Money(Unit, i128);

impl Display for Money {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self(unit, minor) = self;
        let scale = usize::from(unit.scale());
        let digits = format!("{:0width$}", minor.unsigned_abs(), width = scale.saturating_add(1));
        let (whole, fraction) = digits.split_at(digits.len().saturating_sub(scale));
        let (sign, fraction) = (if *minor < 0 { "-" } else { "" }, fraction.trim_end_matches('0'));
        let point = if fraction.is_empty() { "" } else { "." };
        write!(f, "\"{}\" {sign}{whole}{point}{fraction}", unit.code())
    }
}

/// Foreign text as part of an account's or a tag's name.
struct Name<'a>(&'a str);

impl Display for Name<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| if is_harmless(c) { f.write_char(c) } else { encode(c, f) })
    }
}

/// Foreign text as the value of a tag.
struct Text<'a>(&'a str);

impl Display for Text<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut rest = self.0.chars().peekable();
        // Where a space would be lost or have a meaning: at the beginning, at the end, and after another.
        let mut bare = false;
        while let Some(c) = rest.next() {
            let space = c == ' ' && bare && rest.peek().is_some();
            let written = if space || is_harmless(c) { f.write_char(c) } else { encode(c, f) };
            written?;
            bare = !space;
        }
        Ok(())
    }
}

fn is_harmless(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '-' | '.' | '_' | '/' | '@')
}

fn encode(c: char, f: &mut Formatter<'_>) -> fmt::Result {
    c.encode_utf8(&mut [0; 4]).bytes().try_for_each(|byte| write!(f, "%{byte:02X}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact_beyond_the_range_of_one() {
        let (usd, jpy) = (Unit::new("USD", 2).unwrap(), Unit::new("JPY", 0).unwrap());
        for (unit, minor, text) in [
            (usd, 0, "\"USD\" 0"),
            (usd, -5, "\"USD\" -0.05"),
            (usd, 1_250, "\"USD\" 12.5"),
            (usd, -100_000, "\"USD\" -1000"),
            (jpy, -100, "\"JPY\" -100"),
            (jpy, i128::from(i64::MIN) * 2, "\"JPY\" -18446744073709551616"),
        ] {
            assert_eq!(Money(unit, minor).to_string(), text);
        }
    }

    #[test]
    fn no_text_means_anything() {
        for (text, written) in [
            ("Zürich pilot", "Zürich pilot"),
            ("a;b", "a%3Bb"),
            ("date:2020-01-01,x", "date%3A2020-01-01%2Cx"),
            ("[2020-01-01]", "%5B2020-01-01%5D"),
            ("a  b", "a %20b"),
            (" a ", "%20a%20"),
            ("  ", "%20%20"),
            ("100% | \"=*", "100%25 %7C %22%3D%2A"),
            ("…", "%E2%80%A6"),
            ("", ""),
        ] {
            assert_eq!(Text(text).to_string(), written);
        }
        assert_eq!(Name("cost center").to_string(), "cost%20center");
        assert_eq!(Name("(auth0|7):plain").to_string(), "%28auth0%7C7%29%3Aplain");
    }

    #[test]
    fn each_moment_has_a_day() {
        for (micros, text) in
            [(0, "1970-01-01"), (-1, "1969-12-31"), (i64::MIN, "0000-01-01"), (i64::MAX, "294247-01-10")]
        {
            assert_eq!(day(&Timestamp::from_micros(micros)), text);
        }
    }
}
