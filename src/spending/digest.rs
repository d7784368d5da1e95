//! What an account spent in one period, for its owner to read.

use serde::{Serialize, Serializer};

use super::{Spending, Spent, Sums, TopUses};
use crate::amount::Amount;
use crate::clock::{DAY, Timestamp};
use crate::period::Period;
use crate::runway::Runway;

/// What an account spent in the day, week, month or year that ended last, beside the one before it: for a host to mail to the
/// account's owner, and to nobody else.
///
/// [`Messages::digest`](crate::Messages::digest) says it in words; serialised it is JSON with amounts as decimal text. In
/// both are values of labels, which the host's customers may have chosen: what puts them into a page has to escape them.
///
/// ```
/// use std::{sync::Arc, time::Duration};
/// use billing_guard::{
///     AccountId, Bin, Clock, English, Ledger, LedgerExt, ManualClock, MemoryLedger, MemorySettings, Messages, Period,
///     Spending, Unit, UsageDigest, wait,
/// };
///
/// // It is Thursday, 1 January 2026.
/// let (usd, clock, account) = (Unit::new("USD", 2)?, Arc::new(ManualClock::new()), AccountId::new("acct_1")?);
/// let ledger = MemoryLedger::with_clock(MemorySettings::new(), clock.clone());
/// wait(ledger.top_up(&account, "payment-1".parse()?, usd.amount("100")?))?;
/// wait(ledger.charge(&account, "a".parse()?, usd.amount("2.50")?))?;
/// clock.advance(Duration::from_secs(7 * 86_400));
/// wait(ledger.charge(&account, "b".parse()?, usd.amount("4")?))?;
/// clock.advance(Duration::from_secs(4 * 86_400));
///
/// let mut spending = Spending::new(usd, Bin::Day);
/// spending.add(&wait(ledger.statement(spending.next_request(&account)))?)?;
/// let digest = UsageDigest::of_last(&spending, Period::week(), clock.now()).ok_or("it is not known")?;
/// let digest = digest.with_balance(usd.amount("93.50")?, None);
/// assert_eq!(digest.spent().net(), usd.amount("4")?);
/// assert_eq!(
///     English::new().digest(&digest),
///     "From 2026-01-05 to 2026-01-11, 4.00 USD was spent in 1 charge. In the week before, it was 2.50 USD in 1 charge. \
///      The balance is 93.50 USD."
/// );
/// assert_eq!(
///     serde_json::to_string(&digest)?,
///     r#"{"from":"2026-01-05T00:00:00.000000Z","until":"2026-01-12T00:00:00.000000Z","unit":"USD","spent":"4","charges":1,"#
///         .to_owned()
///         + r#""before":{"from":"2025-12-29T00:00:00.000000Z","spent":"2.5","charges":1},"available":"93.5"}"#
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageDigest {
    from: Timestamp,
    until: Timestamp,
    /// The same on the clocks by which its days are cut.
    local: (Timestamp, Timestamp),
    spent: Spent,
    before: Option<Before>,
    top_uses: Option<TopUses>,
    balance: Option<(Amount, Option<Runway>)>,
}

/// The period before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Before {
    from: Timestamp,
    spent: Spent,
}

impl UsageDigest {
    /// Of the period that ended last at this time of the ledger's clock. What was booked in it must have been counted.
    ///
    /// `None` if that is not known: the spending is cut more coarsely than the period, or elsewhere (a week that does not
    /// begin with one of its days); the period is a rolling one; history was [folded](Spending::folded_until) in it; or
    /// some of it found no room in the [rows](Spending::rows).
    #[must_use]
    pub fn of_last(spending: &Spending, period: Period, now: Timestamp) -> Option<Self> {
        let until = period.start_of(now);
        let from = start_before(period, until);
        let is_cut = |at: Timestamp| spending.day().start_of(at) == at && spending.start_of(at) == at;
        let is_known = |from: Timestamp| spending.folded_until().is_none_or(|folded| folded <= from);
        if period.is_rolling() || spending.is_full() || from >= until || !is_cut(from) || !is_cut(until) {
            return None;
        }
        let ahead = i64::from(spending.offset_minutes).saturating_mul(60_000_000);
        let local = |at: Timestamp| Timestamp::from_micros(at.as_micros().saturating_add(ahead));
        is_known(from).then(|| Self {
            from,
            until,
            local: (local(from), local(until)),
            spent: spent_in(spending, from, until),
            before: before(spending, start_before(period, from), from).filter(|before| is_known(before.from)),
            top_uses: spending.top_uses_until(from, until, TopUses::MAX),
            balance: None,
        })
    }

    /// The same with what is available now, and how long that will last if it is known.
    #[must_use]
    pub const fn with_balance(mut self, available: Amount, runway: Option<Runway>) -> Self {
        self.balance = Some((available, runway));
        self
    }

    /// When the period began.
    #[must_use]
    pub const fn from(&self) -> Timestamp {
        self.from
    }

    /// When it ended.
    #[must_use]
    pub const fn until(&self) -> Timestamp {
        self.until
    }

    /// What was spent in it.
    #[must_use]
    pub const fn spent(&self) -> Spent {
        self.spent
    }

    /// What was spent in the period before; `None` if that is not known, or nothing was spent before this one at all.
    #[must_use]
    pub fn spent_before(&self) -> Option<Spent> {
        self.before.map(|before| before.spent)
    }

    /// The largest uses, if the spending tells them apart by a label and anything was spent.
    #[must_use]
    pub const fn top_uses(&self) -> Option<&TopUses> {
        self.top_uses.as_ref()
    }

    /// What is available now.
    #[must_use]
    pub fn available(&self) -> Option<Amount> {
        self.balance.map(|(available, _)| available)
    }

    /// How long that will last.
    #[must_use]
    pub fn runway(&self) -> Option<Runway> {
        self.balance.and_then(|(_, runway)| runway)
    }

    /// Its first and its last day, for a text: the midnights at which they begin, read on the clocks by which they are cut. So
    /// it is their dates that count, what stands before the `T`; the moments are [`from`](Self::from) and
    /// [`until`](Self::until).
    #[must_use]
    pub const fn days(&self) -> (Timestamp, Timestamp) {
        (self.local.0, Timestamp::from_micros(self.local.1.as_micros().saturating_sub(DAY)))
    }

    /// How many days it has: 1, 7, 28 to 31, 365 or 366.
    #[must_use]
    pub fn length_in_days(&self) -> u32 {
        let days = self.until.as_micros().saturating_sub(self.from.as_micros()).div_euclid(DAY);
        u32::try_from(days).unwrap_or(u32::MAX)
    }
}

fn start_before(period: Period, start: Timestamp) -> Timestamp {
    period.start_of(Timestamp::from_micros(start.as_micros().saturating_sub(1)))
}

fn before(spending: &Spending, from: Timestamp, until: Timestamp) -> Option<Before> {
    // Beside the time before an account's first charge anything looks like much.
    let first = spending.rows().find(|row| row.spent().charges() > 0)?.start();
    let had_begun = first < until || spending.folded_until().is_some();
    (from < until && had_begun).then(|| Before { from, spent: spent_in(spending, from, until) })
}

fn spent_in(spending: &Spending, from: Timestamp, until: Timestamp) -> Spent {
    let mut sums = Sums::default();
    for row in spending.rows.range((from, None)..(until, None)) {
        sums.add(*row.1);
    }
    spending.spent(sums)
}

impl Serialize for UsageDigest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let unit = self.spent.unit;
        OnWire {
            from: self.from,
            until: self.until,
            unit: unit.code(),
            spent: decimal(self.spent.net()),
            charges: self.spent.charges(),
            before: self.before.map(|before| BeforeOnWire {
                from: before.from,
                spent: decimal(before.spent.net()),
                charges: before.spent.charges(),
            }),
            top_uses: self.top_uses.as_ref().map(TopUsesOnWire::new),
            available: self.available().map(decimal),
            runway: self.runway().map(|runway| RunwayOnWire {
                at_least_days: runway.at_least_days(),
                about_days: runway.about_days(),
                at_most_days: runway.at_most_days(),
            }),
        }
        .serialize(serializer)
    }
}

/// Under the names that a refusal has for the same.
#[derive(Serialize)]
struct OnWire<'a> {
    from: Timestamp,
    until: Timestamp,
    unit: &'a str,
    spent: String,
    charges: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<BeforeOnWire>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_uses: Option<TopUsesOnWire<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    available: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    runway: Option<RunwayOnWire>,
}

#[derive(Serialize)]
struct BeforeOnWire {
    from: Timestamp,
    spent: String,
    charges: u64,
}

#[derive(Serialize)]
struct TopUsesOnWire<'a> {
    label: &'a str,
    total: String,
    uses: Vec<UseOnWire<'a>>,
}

#[derive(Serialize)]
struct UseOnWire<'a> {
    /// Null for what was spent without the label.
    value: Option<&'a str>,
    spent: String,
}

#[derive(Serialize)]
struct RunwayOnWire {
    at_least_days: u32,
    about_days: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    at_most_days: Option<u32>,
}

impl<'a> TopUsesOnWire<'a> {
    fn new(top: &'a TopUses) -> Self {
        let uses = top.uses().iter();
        Self {
            label: top.label(),
            total: decimal(top.total()),
            uses: uses.map(|one| UseOnWire { value: one.value(), spent: decimal(one.spent()) }).collect(),
        }
    }
}

fn decimal(amount: Amount) -> String {
    amount.decimal().to_string()
}
