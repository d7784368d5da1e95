//! How fast an account spends, by hour of the day and day of the week.

mod rhythm;
#[cfg(test)]
mod tests;

use self::rhythm::{Hours, Rhythm, WEEK_HOURS};
use super::burn_rate::Window;
use crate::amount::{Amount, Unit};
use crate::clock::Timestamp;
use crate::period::Weekday;
use crate::runway::Runway;
use crate::spending::{Bin, HOUR, Spending};

/// How fast an account spends in each hour of a week, and from that until when a balance will last, with an interval. It
/// knows nights and weekends, where a [`BurnRate`](crate::BurnRate) knows an average day.
///
/// It is told from the last 28 full days, or as many as there were since the first charge, of a [`Spending`] cut by hours,
/// on that one's clocks; refunds are taken off.
///
/// * **The shape of a week**: how much of a day falls on each hour of it, times how much of a week falls on each day of it.
///   A difference between hours, or between days, counts as far as it is more than chance would make it: where hours or
///   days differ as much among themselves as from each other, all are taken for alike, and the plain average is left. Days
///   of the week are told apart from [14 full days](Self::WEEKDAY_DAYS) on.
/// * **The level**: what was spent in the last seven full days and the hours of the running day that are over, beside what the
///   shape has there; of all the days, if nothing was spent in these.
/// * **The interval**: how far single hours, and blocks of one, two, four and seven days, were off the shape says how uneven
///   the spending is, the block that was off most deciding. The interval has two standard deviations to both sides, for what
///   is to come and for the level that is not known exactly, and more where few days are known. What comes once in a while
///   gives a wide interval, often one without an end.
///
/// It expects what was, so it does not know of what is new: growth, a campaign, an account that spent little because it was
/// empty.
///
/// Measured by `examples/runway_backtest.rs` on real traces of an hour or a day, made into six weeks. The error is that of
/// the time left, in half of all cases at most and in nine of ten:
///
/// | | plain average | profile | truth in its interval |
/// |---|---|---|---|
/// | every day the trace, by chance half of it, less at weekends | 7 %, 29 % | 1.4 %, 12 % | 83 % to 98 % |
/// | nothing repeats: the whole trace slowed down | 35 %, 100 % | 23 %, 94 % | 63 % to 100 % |
/// | the same, each client of two traces an account of its own | 51 %, 520 % | 48 %, 590 % | 70 % and 77 % |
///
/// ```
/// use std::{sync::Arc, time::Duration};
/// use billing_guard::{
///     AccountId, Bin, BurnProfile, Clock, Ledger, LedgerExt, ManualClock, MemoryLedger, MemorySettings, Spending, Unit, wait,
/// };
///
/// let usd = Unit::new("USD", 2)?;
/// let clock = Arc::new(ManualClock::new());
/// let ledger = MemoryLedger::with_clock(MemorySettings::new(), clock.clone());
/// let account = AccountId::new("acct_1")?;
/// wait(ledger.top_up(&account, "payment-1".parse()?, usd.amount("1000")?))?;
/// // A dollar in each hour of the office, from the first of January, which was a Thursday, to a Friday evening.
/// for hour in 0..29 * 24 + 18_u64 {
///     if (9..17).contains(&(hour % 24)) && !matches!(hour / 24 % 7, 2 | 3) {
///         wait(ledger.charge(&account, format!("charge-{hour}").parse()?, usd.amount("1")?))?;
///     }
///     clock.advance(Duration::from_secs(3_600));
/// }
/// assert_eq!(clock.now().to_string(), "2026-01-30T18:00:00.000000Z");
/// let mut spending = Spending::new(usd, Bin::Hour);
/// spending.add(&wait(ledger.statement(spending.next_request(&account)))?)?;
///
/// let profile = BurnProfile::from_spending(&spending, clock.now())?;
/// assert!(profile.hours_differ() && profile.weekdays_differ());
/// // Twenty dollars: eight on Monday, eight on Tuesday, and the rest until Wednesday, one o'clock.
/// let runs_out = profile.runs_out(usd.amount("20")?).ok_or("another unit")?;
/// assert_eq!(runs_out.about().to_string(), "2026-02-04T13:00:00.000000Z");
/// // The next three days are a weekend and a Monday.
/// assert_eq!(profile.amount_for_days(3), usd.amount("8")?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BurnProfile {
    unit: Unit,
    as_of: Timestamp,
    days: u32,
    rhythm: Rhythm,
    /// The hour of the week at that time, and how many seconds of it are over.
    hour: usize,
    seconds: u64,
    /// So much was spent, in the smallest steps and more than nothing, ...
    spent: u128,
    /// ... in hours that weigh so much, each by its seconds. More than nothing.
    weight: u128,
    /// Of what is to be spent, the square of two standard deviations is this times what is expected, on the scale of the
    /// rhythm, and more the longer that is beside what was spent.
    spread: u128,
}

impl BurnProfile {
    /// The fewest full days to tell it from.
    pub const MIN_DAYS: u32 = 4;
    /// The most full days that are looked at: four weeks.
    pub const MAX_DAYS: u32 = 28;
    /// The fewest full days to tell days of the week apart: two of each.
    pub const WEEKDAY_DAYS: u32 = 14;
    /// The fewest charges to tell it from.
    pub const MIN_CHARGES: u64 = 5;
    /// How many of the last full days say how much it is.
    const LEVEL_DAYS: usize = 7;
    const HOUR_SECONDS: u64 = 3_600;
    const DAY_SECONDS: u64 = 86_400;
    /// The longest that is told, as a [`Runway`] does.
    const MAX_SECONDS: u64 = Self::DAY_SECONDS.saturating_mul(Runway::MAX_DAYS as u64);
    /// Larger numbers are not looked for, on the scale of the rhythm, where an hour has 32 bits.
    const MAX_SCALED: u128 = 1 << 62;

    /// From what is known at this time of the ledger's clock, which [`Balance::as_of`](crate::Balance::as_of) says. What was
    /// booked in the hour that is running, or later, is not looked at.
    ///
    /// # Errors
    /// [`BurnProfileError`], which says what there is and what is needed.
    pub fn from_spending(spending: &Spending, now: Timestamp) -> Result<Self, BurnProfileError> {
        if spending.bin() != Bin::Hour {
            return Err(BurnProfileError::NotByHour);
        }
        if spending.is_full() {
            return Err(BurnProfileError::RowsLeftOut);
        }
        let window = Window::of(spending, now, Self::MAX_DAYS);
        let days = window.as_ref().and_then(|window| u32::try_from(window.full).ok()).unwrap_or(0);
        let too_few = BurnProfileError::TooFewDays { known: days, needed: Self::MIN_DAYS };
        let window = window.filter(|_| days >= Self::MIN_DAYS).ok_or(too_few)?;
        let local = now.as_micros().saturating_add(spending.ahead());
        let hour_of_week = |local: i64| {
            // The epoch began on a Thursday.
            usize::try_from(local.div_euclid(HOUR).saturating_add(3 * 24).rem_euclid(7 * 24)).unwrap_or(0)
        };
        let first = hour_of_week(window.begin.as_micros().saturating_add(spending.ahead()));
        let (net, charges) = net_by_hour(spending, &window, now);
        if charges < Self::MIN_CHARGES {
            return Err(BurnProfileError::TooFewCharges { known: charges, needed: Self::MIN_CHARGES });
        }
        let hours = Hours { net: &net, full_days: window.full, first };
        let rhythm = Rhythm::of(&hours).ok_or(BurnProfileError::NothingSpent)?;
        let recent = window.full.saturating_sub(Self::LEVEL_DAYS).saturating_mul(24);
        let (spent, weight) = [recent, 0]
            .into_iter()
            .map(|since| level(&hours, &rhythm, since))
            .find(|(spent, weight)| *spent > 0 && *weight > 0)
            .ok_or(BurnProfileError::NothingSpent)?;
        // Two standard deviations, and as much more as few days are less sure: the variance of Student's t.
        let count = u128::from(days);
        let spread = rhythm
            .dispersion
            .saturating_mul(4)
            .saturating_mul(count.saturating_sub(1))
            .checked_div(count.saturating_sub(3))
            .unwrap_or(u128::MAX);
        let seconds = u64::try_from(local.rem_euclid(HOUR).div_euclid(1_000_000)).unwrap_or(0);
        let hour = hour_of_week(local);
        Ok(Self { unit: spending.unit(), as_of: now, days, rhythm, hour, seconds, spent, weight, spread })
    }

    /// When this was so: from then on it counts.
    #[must_use]
    pub const fn as_of(&self) -> Timestamp {
        self.as_of
    }

    /// From how many full days this is known.
    #[must_use]
    pub const fn days(&self) -> u32 {
        self.days
    }

    /// Whether some hours of the day are known to be dearer than others.
    #[must_use]
    pub const fn hours_differ(&self) -> bool {
        self.rhythm.hours_differ
    }

    /// Whether some days of the week are known to be dearer than others; never before
    /// [`WEEKDAY_DAYS`](Self::WEEKDAY_DAYS).
    #[must_use]
    pub const fn weekdays_differ(&self) -> bool {
        self.rhythm.weekdays_differ
    }

    /// What it spends in a day on the average of a week, rounded up.
    #[must_use]
    pub fn per_day(&self) -> Amount {
        let week = self.week_weight().saturating_mul(self.spent);
        self.amount(week.div_ceil(self.weight.saturating_mul(7).max(1)))
    }

    /// What it spends in each hour of a week, rounded up: Monday's from midnight on, then Tuesday's, each with its hour from 0
    /// to 23 on the clocks of the spending.
    pub fn week(&self) -> impl Iterator<Item = (Weekday, u32, Amount)> {
        let weights =
            Weekday::NAMED.into_iter().flat_map(|(_, day)| (0..24_u32).map(move |hour| (day, hour)));
        weights.zip(&self.rhythm.week).map(|((day, hour), weight)| {
            let hour_weight = u128::from(*weight).saturating_mul(Self::HOUR_SECONDS.into());
            (day, hour, self.expected(hour_weight))
        })
    }

    /// When so much will be used up; a debt and nothing are at once. `None` if it is in another unit.
    #[must_use]
    pub fn runs_out(&self, available: Amount) -> Option<RunsOut> {
        let lasts = self.lasts(available)?;
        let start = self.as_of.as_micros().saturating_sub(self.as_of.as_micros().rem_euclid(1_000_000));
        let at = |seconds: u64| {
            let micros = i64::try_from(seconds.saturating_mul(1_000_000)).unwrap_or(i64::MAX);
            Timestamp::from_micros(start.saturating_add(micros)).max(self.as_of)
        };
        Some(RunsOut { earliest: at(lasts.least), about: at(lasts.about), latest: lasts.most.map(at) })
    }

    /// How many days so much will last, as texts and [`Details`](crate::Details) tell it. `None` if it is in another unit.
    #[must_use]
    pub fn runway(&self, available: Amount) -> Option<Runway> {
        let lasts = self.lasts(available)?;
        let days =
            |seconds: u64| u32::try_from(seconds.div_euclid(Self::DAY_SECONDS)).unwrap_or(Runway::MAX_DAYS);
        Some(Runway::new(days(lasts.least), days(lasts.about), lasts.most.map(days)))
    }

    /// What is expected to be spent in so many times 24 hours from then on, rounded up. What is missing of it is what to
    /// top up with. Not at the fastest: what is suggested to a customer to buy is what is likely to be used.
    #[must_use]
    pub fn amount_for_days(&self, days: u32) -> Amount {
        self.expected(self.weight_of(u64::from(days).saturating_mul(Self::DAY_SECONDS)))
    }

    /// What is expected to be spent until a moment, rounded up; nothing, if that is over.
    #[must_use]
    pub fn amount_until(&self, until: Timestamp) -> Amount {
        let micros = until.as_micros().saturating_sub(self.as_of.as_micros());
        let micros = u64::try_from(micros).unwrap_or(0);
        self.expected(self.weight_of(micros.div_ceil(1_000_000)))
    }

    /// In seconds from the beginning of the running one.
    fn lasts(&self, available: Amount) -> Option<Lasts> {
        if available.unit() != self.unit {
            return None;
        }
        let available = u128::try_from(available.minor()).unwrap_or(0);
        if available == 0 {
            return Some(Lasts { least: 0, about: 0, most: Some(0) });
        }
        let about = self.seconds_of(available.saturating_mul(self.weight).checked_div(self.spent)?);
        let (least, most) = self.bounds(available);
        let most = most.map(|most| self.seconds_of(most)).filter(|most| *most < Self::MAX_SECONDS);
        Some(Lasts {
            least: self.seconds_of(least).min(about),
            about,
            most: most.map(|most| most.max(about)),
        })
    }

    /// What weighs so much that as much may have been spent, and so much that it must have been: there what is expected is
    /// so much by two standard deviations more, or less.
    fn bounds(&self, available: u128) -> (u128, Option<u128>) {
        let known = self.rhythm.scaled(self.spent).max(1);
        let available = self.rhythm.scaled(available).min(Self::MAX_SCALED);
        let deviations = |expected: u128| {
            let more = expected.saturating_mul(known.saturating_add(expected)).div_ceil(known);
            self.spread.saturating_mul(more).isqrt()
        };
        let weight = |expected: u128| expected.saturating_mul(self.weight).checked_div(known).unwrap_or(0);
        let least =
            first(0, available, |expected| expected.saturating_add(deviations(expected)) >= available);
        // With more uncertainty than was spent, what is expected never outgrows it.
        let most = (self.spread < known)
            .then(|| {
                let enough = |expected: u128| expected.saturating_sub(deviations(expected)) >= available;
                first(available, Self::MAX_SCALED, enough)
            })
            .filter(|most| *most < Self::MAX_SCALED);
        (weight(least), most.map(weight))
    }

    fn week_weight(&self) -> u128 {
        let sum = self.rhythm.week.iter().fold(0_u128, |sum, weight| sum.saturating_add((*weight).into()));
        sum.saturating_mul(Self::HOUR_SECONDS.into())
    }

    /// From now on without an end: what a second weighs, for so many seconds.
    fn ahead(&self) -> impl Iterator<Item = (u128, u64)> {
        let hours = self.rhythm.week.iter().cycle().skip(self.hour);
        let rest = Self::HOUR_SECONDS.saturating_sub(self.seconds);
        let lengths = std::iter::once(rest).chain(std::iter::repeat(Self::HOUR_SECONDS));
        hours.map(|weight| u128::from(*weight)).zip(lengths)
    }

    /// What so many seconds weigh from now on. At most a week of them is walked through.
    fn weight_of(&self, seconds: u64) -> u128 {
        let week = Self::DAY_SECONDS.saturating_mul(7);
        let mut weight = self.week_weight().saturating_mul(seconds.div_euclid(week).into());
        let mut left = seconds.rem_euclid(week);
        for (each, length) in self.ahead().take(WEEK_HOURS.saturating_add(1)) {
            let length = length.min(left);
            weight = weight.saturating_add(each.saturating_mul(length.into()));
            left = left.saturating_sub(length);
        }
        weight
    }

    /// How many seconds from now on weigh so much and no more.
    fn seconds_of(&self, weight: u128) -> u64 {
        let week = self.week_weight().max(1);
        let weeks = u64::try_from(weight.div_euclid(week)).unwrap_or(u64::MAX);
        let mut seconds = weeks.saturating_mul(Self::DAY_SECONDS.saturating_mul(7));
        let mut left = weight.rem_euclid(week);
        for (each, length) in self.ahead().take(WEEK_HOURS.saturating_add(1)) {
            let all = each.saturating_mul(length.into());
            if all > left {
                let part = left.checked_div(each).and_then(|part| u64::try_from(part).ok());
                seconds = seconds.saturating_add(part.unwrap_or(0));
                break;
            }
            left = left.saturating_sub(all);
            seconds = seconds.saturating_add(length);
        }
        seconds.min(Self::MAX_SECONDS)
    }

    /// What is spent in hours that weigh so much, rounded up.
    fn expected(&self, weight: u128) -> Amount {
        self.amount(weight.saturating_mul(self.spent).div_ceil(self.weight.max(1)))
    }

    fn amount(&self, steps: u128) -> Amount {
        self.unit.minor(i64::try_from(steps).unwrap_or(i64::MAX))
    }
}

/// For how many seconds something lasts.
struct Lasts {
    least: u64,
    about: u64,
    most: Option<u64>,
}

/// What was spent in each hour of the window and of the day that is running, as far as it is over, and in how many charges.
fn net_by_hour(spending: &Spending, window: &Window, now: Timestamp) -> (Vec<i128>, u64) {
    let since = |at: Timestamp| {
        let micros = at.as_micros().saturating_sub(window.begin.as_micros());
        usize::try_from(micros.div_euclid(HOUR)).ok()
    };
    let full = window.full.saturating_mul(24);
    let over = since(now).unwrap_or(0).clamp(full, full.saturating_add(23));
    let (mut hours, mut charges) = (vec![0_i128; over], 0_u64);
    for row in spending.rows() {
        if let Some(net) = since(row.start()).and_then(|hour| hours.get_mut(hour)) {
            *net = net.saturating_add(row.spent().net().minor().into());
            charges = charges.saturating_add(row.spent().charges());
        }
    }
    (hours, charges)
}

/// What was spent since an hour, and what those hours weigh.
fn level(hours: &Hours<'_>, rhythm: &Rhythm, since: usize) -> (u128, u128) {
    let all = hours.net.iter().zip(hours.weights(&rhythm.week)).skip(since);
    let (spent, weight) = all.fold((0_i128, 0_u128), |(spent, weight), (net, each)| {
        (spent.saturating_add(*net), weight.saturating_add(each))
    });
    let weight = weight.saturating_mul(BurnProfile::HOUR_SECONDS.into());
    (u128::try_from(spent).unwrap_or(0), weight)
}

/// The first number in a range for which something holds that goes on to hold; the last one, if it holds for none.
fn first(from: u128, to: u128, holds: impl Fn(u128) -> bool) -> u128 {
    let (mut low, mut high) = (from, to);
    while low < high {
        let middle = low.midpoint(high);
        if holds(middle) {
            high = middle;
        } else {
            low = middle.saturating_add(1);
        }
    }
    high
}

/// When a balance will be used up if spending goes on as it did. See [`BurnProfile::runs_out`].
///
/// Full seconds, rounded down, and never more than [ten years](Runway::MAX_DAYS) on. Where nothing is expected to be spent
/// for a while, the balance lasts until that while is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunsOut {
    earliest: Timestamp,
    about: Timestamp,
    latest: Option<Timestamp>,
}

impl RunsOut {
    /// If it spends as fast as it may.
    #[must_use]
    pub const fn earliest(&self) -> Timestamp {
        self.earliest
    }

    /// If it spends what is expected.
    #[must_use]
    pub const fn about(&self) -> Timestamp {
        self.about
    }

    /// If it spends as slowly as it may; `None` if that cannot be foreseen.
    #[must_use]
    pub const fn latest(&self) -> Option<Timestamp> {
        self.latest
    }
}

/// Why it cannot be told how fast an account spends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BurnProfileError {
    /// The spending is cut by days or by months.
    #[error("the spending is not cut by hours")]
    NotByHour,
    /// There were more rows than are kept: some hours are not known in full.
    #[error("the spending has more hours and labels than rows are kept")]
    RowsLeftOut,
    /// Fewer full days are known since the first charge, or since [folded](Spending::folded_until) history, than it takes.
    #[error("{known} full days are known, {needed} are needed")]
    TooFewDays {
        /// So many are known.
        known: u32,
        /// So many are needed at least.
        needed: u32,
    },
    /// There were fewer charges in the days that are looked at than it takes.
    #[error("{known} charges are known, {needed} are needed")]
    TooFewCharges {
        /// So many are known.
        known: u64,
        /// So many are needed at least.
        needed: u64,
    },
    /// Nothing was spent in the days that are looked at, or more came back.
    #[error("nothing was spent in the days that are known, or more came back")]
    NothingSpent,
}
