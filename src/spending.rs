//! Where the credits went: charges summed up by label and time, from statements.

mod digest;
mod stored;
mod top;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::amount::{Amount, Unit};
use crate::clock::Timestamp;
use crate::entry::{Entry, EntryKind};
use crate::id::{AccountId, IdError, Labels};
use crate::ledger::reply::Statement;
use crate::ledger::request::{Order, StatementRequest};
use crate::limits::Limits;
use crate::period::{Period, PeriodError};
pub use digest::UsageDigest;
pub use top::{TopUse, TopUses};

/// How finely time is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bin {
    /// Hours of the clock.
    Hour,
    /// Days, from midnight.
    Day,
    /// Calendar months.
    Month,
}

/// What an account spent, by the value of one label and by time: "where did my credits go?".
///
/// It is fed with pages of the [statement](crate::Ledger::statement), from the oldest entry on, and knows where to go on: ask for
/// [`next_request`](Self::next_request), [`add`](Self::add) the page, and again while there is more. Store it (it is serde data)
/// and go on tomorrow. It needs memory for its rows, not for the entries.
///
/// Counted are charges, by when they were booked: captures of holds, and charges in one step. A refund is counted back in the
/// row of *its own* label and time, since what it refunds may be long past; so label a refund as the work was labelled.
/// Expired credit, grants, top-ups and adjustments are not spending.
///
/// Entries that the ledger has [folded](crate::EntryKind::Opening) can be told apart no more, and are left out, as a sum of theirs
/// would mix what came with what went: [`folded_until`](Self::folded_until) says from when on the rows are complete. Where
/// history is folded, feed it more often than that happens.
///
/// At most [10,000](Self::MAX_ROWS) rows are kept. What would begin another is summed up in [`other`](Self::other), so
/// [`total`](Self::total) is always the sum of all charges.
///
/// ```
/// use billing_guard::{
///     AccountId, Bin, Labels, Ledger, LedgerExt, ManualClock, MemoryLedger, MemorySettings, PostKind, PostRequest, Spending,
///     Unit, wait,
/// };
///
/// let usd = Unit::new("USD", 2)?;
/// let ledger = MemoryLedger::with_clock(MemorySettings::new(), std::sync::Arc::new(ManualClock::new()));
/// let account = AccountId::new("acct_1")?;
/// wait(ledger.top_up(&account, "payment-1".parse()?, usd.amount("10")?))?;
/// for (key, project, price) in [("a", "blue", "2.50"), ("b", "red", "1"), ("c", "blue", "0.50")] {
///     let charge = PostRequest::new(account.clone(), key.parse()?, PostKind::Charge, usd.amount(price)?);
///     wait(ledger.post(charge.with_labels(Labels::new([("project", project)])?)))?;
/// }
///
/// let mut spending = Spending::new(usd, Bin::Day).by_label("project")?;
/// loop {
///     let page = wait(ledger.statement(spending.next_request(&account)))?;
///     spending.add(&page)?;
///     if page.next().is_none() {
///         break;
///     }
/// }
/// let rows: Vec<String> = spending
///     .rows()
///     .map(|row| format!("{} {:?} {}", row.start(), row.label(), row.spent().net().human()))
///     .collect();
/// assert_eq!(rows, [
///     r#"2026-01-01T00:00:00.000000Z Some("blue") 3.00 USD"#,
///     r#"2026-01-01T00:00:00.000000Z Some("red") 1.00 USD"#,
/// ]);
/// assert_eq!(spending.total().net(), usd.amount("4")?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "stored::Stored", into = "stored::Stored")]
pub struct Spending {
    unit: Unit,
    bin: Bin,
    offset_minutes: i16,
    label: Option<Box<str>>,
    seen: Option<Seen>,
    folded_until: Option<Timestamp>,
    rows: BTreeMap<(Timestamp, Option<Box<str>>), Sums>,
    other: Sums,
    total: Sums,
}

/// The entry that was counted last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seen {
    seq: u64,
    /// What was posted after it.
    balance: i64,
}

/// Neither amount is negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sums {
    charged: i64,
    refunded: i64,
    charges: u64,
}

impl Sums {
    /// What an entry adds; `None` if it is no spending.
    fn of(entry: &Entry) -> Option<Self> {
        let amount = entry.amount().minor();
        match entry.kind() {
            EntryKind::Charge => {
                Some(Self { charged: amount.saturating_neg(), charges: 1, ..Self::default() })
            }
            EntryKind::Refund => Some(Self { refunded: amount, ..Self::default() }),
            _ => None,
        }
    }

    fn checked_add(self, other: Self) -> Option<Self> {
        Some(Self {
            charged: self.charged.checked_add(other.charged)?,
            refunded: self.refunded.checked_add(other.refunded)?,
            charges: self.charges.checked_add(other.charges)?,
        })
    }

    /// Takes off a part of it.
    const fn take(&mut self, part: Self) {
        self.charged = self.charged.saturating_sub(part.charged);
        self.refunded = self.refunded.saturating_sub(part.refunded);
        self.charges = self.charges.saturating_sub(part.charges);
    }

    /// Adds to a part of a total that was found to fit.
    fn add(&mut self, other: Self) {
        *self = self.checked_add(other).unwrap_or(*self);
    }
}

impl Spending {
    /// The most rows.
    pub const MAX_ROWS: usize = 10_000;

    /// Nothing yet, of an account that counts in `unit`: one row for each hour, day or month in UTC, whatever the labels.
    #[must_use]
    pub const fn new(unit: Unit, bin: Bin) -> Self {
        Self {
            unit,
            bin,
            offset_minutes: 0,
            label: None,
            seen: None,
            folded_until: None,
            rows: BTreeMap::new(),
            other: Sums { charged: 0, refunded: 0, charges: 0 },
            total: Sums { charged: 0, refunded: 0, charges: 0 },
        }
    }

    /// Tells apart what has different values of this label, and what lacks it.
    ///
    /// # Errors
    /// [`SpendingError::Label`] if no label can have that name, [`SpendingError::Begun`] once something was counted.
    pub fn by_label(mut self, name: &str) -> Result<Self, SpendingError> {
        Labels::new([(name, "")]).map_err(SpendingError::Label)?;
        self.check_unbegun()?;
        self.label = Some(name.into());
        Ok(self)
    }

    /// Cuts time on clocks that are so many minutes ahead of UTC.
    ///
    /// # Errors
    /// [`SpendingError::Offset`] beyond 18 hours, [`SpendingError::Begun`] once something was counted.
    pub fn at_offset_minutes(mut self, minutes: i16) -> Result<Self, SpendingError> {
        Period::day().at_offset_minutes(minutes).map_err(SpendingError::Offset)?;
        self.check_unbegun()?;
        self.offset_minutes = minutes;
        Ok(self)
    }

    fn check_unbegun(&self) -> Result<(), SpendingError> {
        self.seen.map_or(Ok(()), |_| Err(SpendingError::Begun))
    }

    /// Begins after this entry instead of with the oldest: what was booked until then is left out like what was folded.
    pub(crate) fn begin_after(&mut self, entry: &Entry) {
        if self.seen.is_none() {
            self.seen = Some(Seen { seq: entry.seq(), balance: entry.balance_after().minor() });
            self.folded_until = Some(entry.booked_at());
        }
    }

    /// Leaves out the rows that ended by then, like what was folded.
    pub(crate) fn forget_before(&mut self, at: Timestamp) {
        let kept = self.rows.split_off(&(self.start_of(at), None));
        let gone = std::mem::replace(&mut self.rows, kept);
        if let Some((start, _)) = gone.keys().next_back() {
            let until = self.end_of(*start);
            self.folded_until = Some(self.folded_until.map_or(until, |folded| folded.max(until)));
        }
        for sums in gone.values() {
            self.total.take(*sums);
        }
    }

    /// Whether something found no room in the rows.
    pub(crate) fn is_full(&self) -> bool {
        self.other != Sums::default()
    }

    /// Asks for the entries after those that were counted, as many as a page can have.
    #[must_use]
    pub fn next_request(&self, account: &AccountId) -> StatementRequest {
        StatementRequest::new(account.clone())
            .with_order(Order::OldestFirst)
            .with_after(self.seen.map(|seen| seen.seq))
            .with_limit(Limits::MAX_PAGE)
    }

    /// Counts a page of [`next_request`](Self::next_request), or of a smaller one. Entries that were counted before are not
    /// counted again.
    ///
    /// # Errors
    /// [`SpendingError::WrongOrder`], [`SpendingError::WrongUnit`], [`SpendingError::Gap`] or [`SpendingError::TooLarge`];
    /// then nothing of the page was counted.
    pub fn add(&mut self, page: &Statement) -> Result<(), SpendingError> {
        let entries = page.entries();
        if !entries.is_sorted_by(|one, next| one.seq() < next.seq()) {
            return Err(SpendingError::WrongOrder);
        }
        let counted = self.seen;
        let new = entries.iter().filter(move |entry| counted.is_none_or(|last| entry.seq() > last.seq));
        let (mut seen, mut total) = (counted, self.total);
        for entry in new.clone() {
            let (amount, after) = (entry.amount(), entry.balance_after());
            if amount.unit() != self.unit {
                return Err(SpendingError::WrongUnit { expected: self.unit, given: amount.unit() });
            }
            // An opening entry stands for entries that were folded, seen or not.
            let before = after.minor().saturating_sub(amount.minor());
            if let Some(last) =
                seen.filter(|last| last.balance != before && entry.kind() != EntryKind::Opening)
            {
                let (expected, found) = (self.unit.minor(last.balance), self.unit.minor(before));
                return Err(SpendingError::Gap { expected, found });
            }
            seen = Some(Seen { seq: entry.seq(), balance: after.minor() });
            let sums = Sums::of(entry).unwrap_or_default();
            total = total.checked_add(sums).ok_or(SpendingError::TooLarge { unit: self.unit })?;
        }
        for entry in new {
            self.count(entry);
        }
        (self.seen, self.total) = (seen, total);
        Ok(())
    }

    fn count(&mut self, entry: &Entry) {
        if entry.kind() == EntryKind::Opening {
            self.folded_until = Some(entry.booked_at());
        }
        let Some(sums) = Sums::of(entry) else { return };
        let labels = entry.labels();
        let value = self.label.as_deref().and_then(|name| labels.get(name));
        let key = (self.start_of(entry.booked_at()), value.map(Box::from));
        let full = self.rows.len() >= Self::MAX_ROWS;
        match self.rows.get_mut(&key) {
            Some(row) => row.add(sums),
            None if full => self.other.add(sums),
            None => {
                self.rows.insert(key, sums);
            }
        }
    }

    /// How its rows are cut.
    pub(crate) const fn bin(&self) -> Bin {
        self.bin
    }

    /// In what it is counted.
    pub(crate) const fn unit(&self) -> Unit {
        self.unit
    }

    /// Days on its clocks.
    pub(crate) fn day(&self) -> Period {
        // The offset was checked.
        Period::day().at_offset_minutes(self.offset_minutes).unwrap_or(Period::day())
    }

    /// How many microseconds its clocks are ahead of UTC.
    pub(crate) fn ahead(&self) -> i64 {
        i64::from(self.offset_minutes).saturating_mul(60_000_000)
    }

    /// The calendar's period; none for hours. Its offset was checked.
    fn period(&self) -> Option<Period> {
        let period = match self.bin {
            Bin::Hour => return None,
            Bin::Day => Period::day(),
            Bin::Month => Period::month(),
        };
        period.at_offset_minutes(self.offset_minutes).ok()
    }

    fn start_of(&self, at: Timestamp) -> Timestamp {
        self.period().map_or_else(
            || {
                let within = at.as_micros().saturating_add(self.ahead()).rem_euclid(HOUR);
                Timestamp::from_micros(at.as_micros().saturating_sub(within))
            },
            |period| period.start_of(at),
        )
    }

    fn end_of(&self, start: Timestamp) -> Timestamp {
        self.period().map_or_else(
            || Timestamp::from_micros(start.as_micros().saturating_add(HOUR)),
            |period| period.end_of(start),
        )
    }

    /// The rows, by time and then by the label's value, those without the label first.
    pub fn rows(&self) -> impl Iterator<Item = SpendingRow<'_>> {
        self.rows.iter().map(|((start, label), sums)| SpendingRow {
            start: *start,
            end: self.end_of(*start),
            label: label.as_deref(),
            spent: self.spent(*sums),
        })
    }

    /// What found no room in the [rows](Self::rows): nothing, while there are fewer than [`MAX_ROWS`](Self::MAX_ROWS).
    #[must_use]
    pub fn other(&self) -> Spent {
        self.spent(self.other)
    }

    /// All rows together, and [`other`](Self::other).
    #[must_use]
    pub fn total(&self) -> Spent {
        self.spent(self.total)
    }

    /// Until when the ledger has folded entries that could not be counted, or entries were left out because they are too old
    /// to matter ([`Insight::spending`](crate::Insight::spending)); `None` if every entry there was is counted.
    #[must_use]
    pub const fn folded_until(&self) -> Option<Timestamp> {
        self.folded_until
    }

    /// The number of the entry that was counted last.
    #[must_use]
    pub fn seq(&self) -> Option<u64> {
        self.seen.map(|seen| seen.seq)
    }

    const fn spent(&self, sums: Sums) -> Spent {
        Spent { unit: self.unit, sums }
    }
}

/// In microseconds.
pub(crate) const HOUR: i64 = 3_600_000_000;

/// What was spent with one value of the label in one hour, day or month. See [`Spending::rows`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpendingRow<'a> {
    start: Timestamp,
    end: Timestamp,
    label: Option<&'a str>,
    spent: Spent,
}

impl<'a> SpendingRow<'a> {
    /// When its hour, day or month begins.
    #[must_use]
    pub const fn start(&self) -> Timestamp {
        self.start
    }

    /// When it ends, and the next begins.
    #[must_use]
    pub const fn end(&self) -> Timestamp {
        self.end
    }

    /// The value of the label; `None` for what has no such label, or if none was asked for.
    #[must_use]
    pub const fn label(&self) -> Option<&'a str> {
        self.label
    }

    /// How much.
    #[must_use]
    pub const fn spent(&self) -> Spent {
        self.spent
    }
}

/// How much was spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spent {
    unit: Unit,
    sums: Sums,
}

impl Spent {
    /// What was charged, not negative.
    #[must_use]
    pub const fn charged(&self) -> Amount {
        self.unit.minor(self.sums.charged)
    }

    /// What was refunded, not negative.
    #[must_use]
    pub const fn refunded(&self) -> Amount {
        self.unit.minor(self.sums.refunded)
    }

    /// What was charged less what was refunded; negative where more came back than went.
    #[must_use]
    pub const fn net(&self) -> Amount {
        self.unit.minor(self.sums.charged.saturating_sub(self.sums.refunded))
    }

    /// How many charges there were, each capture of a hold counted.
    #[must_use]
    pub const fn charges(&self) -> u64 {
        self.sums.charges
    }
}

/// Why a page was not counted, or a setting not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SpendingError {
    /// The page does not have its entries oldest first.
    #[error("the page is not one of entries with the oldest first")]
    WrongOrder,
    /// The account counts in another unit.
    #[error("the account counts in {given}, not in {expected}")]
    WrongUnit {
        /// The unit of the sums.
        expected: Unit,
        /// The unit of the page.
        given: Unit,
    },
    /// The page does not follow on what was counted: entries are missing between them, or it is another account's.
    #[error(
        "the page does not continue what was counted: another account's, or entries before it are missing"
    )]
    Gap {
        /// What was posted after the entry that was counted last.
        expected: Amount,
        /// What was posted before the next.
        found: Amount,
    },
    /// The sum of all charges, or of all refunds, no longer fits.
    #[error("the sum of all charges does not fit into an amount of {unit}")]
    TooLarge {
        /// The unit of the sums.
        unit: Unit,
    },
    /// No label has such a name.
    #[error(transparent)]
    Label(IdError),
    /// There is no such offset from UTC.
    #[error(transparent)]
    Offset(PeriodError),
    /// How the rows are cut cannot be changed any more.
    #[error("something was counted already: begin anew to cut it otherwise")]
    Begun,
}
