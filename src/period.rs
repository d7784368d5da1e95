//! How time is cut into rows that are counted: for spend caps and usage counters.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::clock::{DAY, Timestamp, civil_date, civil_day};
use crate::text::{quoted, serde_as_text};

const MINUTE: i64 = 60_000_000;
/// Where anchors are told from: a Monday, the first of a month and of a year, and that year has a 29 February.
const REFERENCE: Timestamp = Timestamp::from_micros(1_704_067_200_000_000);
const REFERENCE_YEAR: i64 = 2024;
/// The first Monday after the epoch began.
const MONDAY: i64 = 4 * DAY;
/// How many buckets a rolling window has.
const BUCKETS: i64 = 60;

/// How time is cut for counting: a calendar day, week, month or year, or a rolling window.
///
/// What is spent is counted in rows, and each row has a start. A calendar period has one row, which counts until the
/// next begins. A rolling window has a row for each sixtieth of its length, aligned to the Unix epoch. The row that
/// the window's far end lies in still counts in full, so that no window ever holds more than the cap; the
/// price is that what was spent comes back up to a sixtieth late.
///
/// Calendars run at a fixed offset from UTC. A day is always 24 hours and a week 7 days: no daylight saving.
///
/// Its text form is shared by `Display`, `FromStr` and serde: `rolling 3600s`, `day`, `month at +05:45`,
/// `month from 2026-01-15T00:00:00.000000Z at +02:00`. Any moment may be written as the anchor; `Display` writes the
/// one in 2024 that gives the same cut, so equal periods have one text. Days and weeks that cut alike are equal
/// whatever their offset was. Periods order by kind first, which has no meaning but to sort them.
///
/// ```
/// use billing_guard::{Period, Timestamp};
///
/// let signed_up: Timestamp = "2026-01-31T09:30:00.000000Z".parse()?;
/// let month = Period::month().anchored_at(signed_up, 0)?;
/// let now = "2026-03-10T00:00:00.000000Z".parse()?;
/// assert_eq!(month.start_of(now).to_string(), "2026-02-28T09:30:00.000000Z");
/// assert_eq!(month.end_of(now).to_string(), "2026-03-31T09:30:00.000000Z");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period(Cut);

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Cut {
    /// Buckets of so many microseconds.
    Rolling { bucket: i64 },
    /// So many days (1 or 7). One begins so many microseconds after the epoch, less than its length.
    Days { days: u8, origin: i64 },
    /// So many months (1 or 12), from a local month (1 when any will do), day and time of day.
    Months { months: u8, month: u8, day: u8, offset: i16, time: i64 },
}

impl Period {
    /// The shortest rolling window: a minute.
    pub const MIN_WINDOW: Duration = Duration::from_secs(60);
    /// The longest rolling window: 366 days.
    pub const MAX_WINDOW: Duration = Duration::from_secs(366 * 86_400);
    /// The largest offset from UTC, east or west: 18 hours.
    pub const MAX_OFFSET_MINUTES: i16 = 18 * 60;

    /// Days from midnight UTC.
    #[must_use]
    pub const fn day() -> Self {
        Self(Cut::Days { days: 1, origin: 0 })
    }

    /// Weeks from Monday, midnight UTC.
    #[must_use]
    pub const fn week() -> Self {
        Self(Cut::Days { days: 7, origin: MONDAY })
    }

    /// Months from the first, midnight UTC.
    #[must_use]
    pub const fn month() -> Self {
        Self(Cut::Months { months: 1, month: 1, day: 1, offset: 0, time: 0 })
    }

    /// Years from 1 January, midnight UTC.
    #[must_use]
    pub const fn year() -> Self {
        Self(Cut::Months { months: 12, month: 1, day: 1, offset: 0, time: 0 })
    }

    /// The last `window` before now, whenever that is, counted in sixtieths.
    ///
    /// ```
    /// use std::time::Duration;
    /// use billing_guard::Period;
    ///
    /// let hour = Period::rolling(Duration::from_secs(3600))?;
    /// assert_eq!(hour.to_string(), "rolling 3600s");
    /// assert!(Period::rolling(Duration::from_secs(59)).is_err());
    /// # Ok::<(), billing_guard::PeriodError>(())
    /// ```
    ///
    /// # Errors
    /// [`PeriodError::Window`] if it is not between a minute and 366 days, or a sixtieth of it is not a whole number
    /// of microseconds. That of whole minutes always is.
    pub fn rolling(window: Duration) -> Result<Self, PeriodError> {
        let (bucket, rest) = (window.as_nanos().div_euclid(60_000), window.as_nanos().rem_euclid(60_000));
        match i64::try_from(bucket) {
            Ok(bucket) if rest == 0 && (Self::MIN_WINDOW..=Self::MAX_WINDOW).contains(&window) => {
                Ok(Self(Cut::Rolling { bucket }))
            }
            _ => Err(PeriodError::Window { window }),
        }
    }

    /// This calendar period from its usual beginning (midnight, Monday, the first, 1 January) on clocks that are so
    /// many minutes ahead of UTC. Takes the place of any anchor and offset it had.
    ///
    /// ```
    /// # use billing_guard::Period;
    /// let nepal = Period::month().at_offset_minutes(5 * 60 + 45)?;
    /// let start = nepal.start_of("2026-03-10T00:00:00.000000Z".parse()?);
    /// assert_eq!(start.to_string(), "2026-02-28T18:15:00.000000Z");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`PeriodError::Offset`] beyond 18 hours, [`PeriodError::Rolling`] for a rolling window.
    pub fn at_offset_minutes(self, minutes: i16) -> Result<Self, PeriodError> {
        let shift = i64::from(minutes).saturating_mul(MINUTE);
        // Where it is this time of day there, it is so much earlier in UTC.
        self.anchored_at(Timestamp::from_micros(REFERENCE.as_micros().saturating_sub(shift)), minutes)
    }

    /// This calendar period beginning at the anchor's time of day, weekday, day of month, or day and month, read on
    /// clocks that are so many minutes ahead of UTC. Takes the place of any anchor and offset it had.
    ///
    /// Anchor and offset come together because a month's day depends on both. A month that lacks the anchor's day
    /// begins on its last: from day 31, February begins on the 28th or 29th and March on the 31st again. A year from
    /// 29 February begins on the 28th where there is none.
    ///
    /// # Errors
    /// [`PeriodError::Offset`] beyond 18 hours, [`PeriodError::Rolling`] for a rolling window.
    pub fn anchored_at(self, anchor: Timestamp, offset_minutes: i16) -> Result<Self, PeriodError> {
        if offset_minutes.unsigned_abs() > Self::MAX_OFFSET_MINUTES.unsigned_abs() {
            return Err(PeriodError::Offset { minutes: offset_minutes });
        }
        match self.0 {
            Cut::Rolling { .. } => Err(PeriodError::Rolling),
            Cut::Days { days, .. } => {
                Ok(Self(Cut::Days { days, origin: anchor.as_micros().rem_euclid(length(days)) }))
            }
            Cut::Months { months, .. } => {
                let (local_day, time) = local(anchor, offset_minutes);
                let (_, month, day) = civil_date(local_day);
                let month = if months == 1 { 1 } else { small(month) };
                Ok(Self(Cut::Months { months, month, day: small(day), offset: offset_minutes, time }))
            }
        }
    }

    /// Whether this is a rolling window.
    #[must_use]
    pub const fn is_rolling(self) -> bool {
        matches!(self.0, Cut::Rolling { .. })
    }

    /// The start of the row that a charge at `now` belongs to.
    ///
    /// This and the other three saturate at the ends of time, where [`Timestamp::MAX`] is "never".
    #[must_use]
    pub fn start_of(self, now: Timestamp) -> Timestamp {
        self.row(now).0
    }

    /// When the row that began at `start` ends and the next begins. Any other moment of the row will do.
    #[must_use]
    pub fn end_of(self, start: Timestamp) -> Timestamp {
        self.row(start).1
    }

    /// The start of the oldest row that still counts at `now`: rows from here to [`start_of`](Self::start_of) do.
    ///
    /// For a calendar the only one; for a rolling window the row that `now` minus the window lies in, so that there
    /// are 61 of them.
    #[must_use]
    pub fn counts_from(self, now: Timestamp) -> Timestamp {
        // A window is a whole number of rows, so the row of `now` minus a window begins a window earlier.
        Timestamp::from_micros(self.start_of(now).as_micros().saturating_sub(self.window()))
    }

    /// The moment from which a row that began at `start` no longer counts: what was spent in it is available again.
    ///
    /// ```
    /// # use billing_guard::{Period, Timestamp};
    /// let hour: Period = "rolling 3600s".parse()?;
    /// let spent: Timestamp = "2026-01-01T12:00:30.000000Z".parse()?;
    /// let back = hour.leaves_at(hour.start_of(spent));
    /// assert_eq!(back.to_string(), "2026-01-01T13:01:00.000000Z");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn leaves_at(self, start: Timestamp) -> Timestamp {
        Timestamp::from_micros(self.end_of(start).as_micros().saturating_add(self.window()))
    }

    /// How long a row counts after its end: the rolling window, in microseconds.
    const fn window(self) -> i64 {
        match self.0 {
            Cut::Rolling { bucket } => bucket.saturating_mul(BUCKETS),
            _ => 0,
        }
    }

    /// Start and end of the row that `at` lies in.
    fn row(self, at: Timestamp) -> (Timestamp, Timestamp) {
        match self.0 {
            Cut::Rolling { bucket } => even_row(at, bucket, 0),
            Cut::Days { days, origin } => even_row(at, length(days), origin),
            Cut::Months { months, month, day, offset, time } => {
                let (local_day, _) = local(at, offset);
                let (local_year, local_month, _) = civil_date(local_day);
                let month = if months == 1 { local_month } else { i64::from(month) };
                let near = local_year.saturating_mul(12).saturating_add(month);
                let begins = |after: i64| begin_of(near.saturating_add(after), day, offset, time);
                let (near_start, step) = (begins(0), i64::from(months));
                let (start, end) = if near_start <= i128::from(at.as_micros()) {
                    (near_start, begins(step))
                } else {
                    (begins(step.saturating_neg()), near_start)
                };
                (clamped(start), clamped(end))
            }
        }
    }
}

fn length(days: u8) -> i64 {
    i64::from(days).saturating_mul(DAY)
}

/// The row of `length` that `at` lies in, where one begins at `origin`, itself in the first `length` of the epoch.
#[allow(clippy::arithmetic_side_effects, reason = "remainders of a length below 2^46")]
fn even_row(at: Timestamp, length: i64, origin: i64) -> (Timestamp, Timestamp) {
    let behind = at.as_micros().rem_euclid(length) - origin;
    let into = if behind < 0 { behind + length } else { behind };
    let end = at.as_micros().saturating_add(length - into);
    (Timestamp::from_micros(at.as_micros().saturating_sub(into)), Timestamp::from_micros(end))
}

/// The day since 1970-01-01 and the time of day on clocks that are so many minutes ahead of UTC.
#[allow(clippy::arithmetic_side_effects, reason = "times below 2^38, days below 2^28")]
fn local(at: Timestamp, offset_minutes: i16) -> (i64, i64) {
    let time = at.as_micros().rem_euclid(DAY) + i64::from(offset_minutes) * MINUTE;
    (at.as_micros().div_euclid(DAY) + time.div_euclid(DAY), time.rem_euclid(DAY))
}

/// The local anchor's moment in a month, told as years times 12 plus the month's number. In `i128`, since at the
/// ends of time it may lie outside.
#[allow(clippy::arithmetic_side_effects, reason = "years below 2^20; days of microseconds in i128")]
fn begin_of(month: i64, day: u8, offset_minutes: i16, time: i64) -> i128 {
    let (year, month) = ((month - 1).div_euclid(12), (month - 1).rem_euclid(12) + 1);
    let last = match month {
        2 if year.rem_euclid(4) == 0 && (year.rem_euclid(100) != 0 || year.rem_euclid(400) == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    let local_day = civil_day(year, month, i64::from(day).min(last));
    i128::from(local_day) * i128::from(DAY) + i128::from(time - i64::from(offset_minutes) * MINUTE)
}

fn clamped(micros: i128) -> Timestamp {
    let end = if micros < 0 { i64::MIN } else { i64::MAX };
    Timestamp::from_micros(i64::try_from(micros).unwrap_or(end))
}

/// A month's number or a day of the month, which fit.
fn small(number: i64) -> u8 {
    u8::try_from(number).unwrap_or(1)
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Cut::Rolling { .. } if self.window().rem_euclid(1_000_000) == 0 => {
                write!(f, "rolling {}s", self.window().div_euclid(1_000_000))
            }
            Cut::Rolling { .. } => write!(f, "rolling {}us", self.window()),
            Cut::Days { days, origin } => {
                f.write_str(if days == 1 { "day" } else { "week" })?;
                let before = Timestamp::from_micros(REFERENCE.as_micros().saturating_sub(1));
                let first = even_row(before, length(days), origin).1;
                if first == REFERENCE { Ok(()) } else { write!(f, " from {first}") }
            }
            Cut::Months { months, month, day, offset, time } => {
                f.write_str(if months == 1 { "month" } else { "year" })?;
                if (month, day, time) != (1, 1, 0) {
                    let number = REFERENCE_YEAR.saturating_mul(12).saturating_add(i64::from(month));
                    write!(f, " from {}", clamped(begin_of(number, day, offset, time)))?;
                }
                if offset == 0 {
                    return Ok(());
                }
                let (sign, minutes) = (if offset < 0 { '-' } else { '+' }, offset.unsigned_abs());
                write!(f, " at {sign}{:02}:{:02}", minutes.div_euclid(60), minutes.rem_euclid(60))
            }
        }
    }
}

impl fmt::Debug for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Period({self})")
    }
}

impl FromStr for Period {
    type Err = PeriodError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || PeriodError::Invalid { text: quoted(text) };
        if let Some(window) = text.strip_prefix("rolling ") {
            let period = Self::rolling(read_window(window).ok_or_else(invalid)?)?;
            // A window has one spelling: no 0060s, no 60000000us.
            return if period.to_string() == text { Ok(period) } else { Err(invalid()) };
        }
        let (text_to_offset, offset) = match text.split_once(" at ") {
            Some((before, offset)) => (before, read_offset(offset).ok_or_else(invalid)?),
            None => (text, 0),
        };
        let (unit, anchor) = match text_to_offset.split_once(" from ") {
            Some((unit, anchor)) => (unit, Some(anchor.parse::<Timestamp>().map_err(|_| invalid())?)),
            None => (text_to_offset, None),
        };
        let period = match unit {
            "day" => Self::day(),
            "week" => Self::week(),
            "month" => Self::month(),
            "year" => Self::year(),
            _ => return Err(invalid()),
        };
        match anchor {
            Some(anchor) => period.anchored_at(anchor, offset),
            None => period.at_offset_minutes(offset),
        }
    }
}

fn read_window(text: &str) -> Option<Duration> {
    match text.strip_suffix("us") {
        Some(micros) => micros.parse().ok().map(Duration::from_micros),
        None => text.strip_suffix('s')?.parse().ok().map(Duration::from_secs),
    }
}

/// The minutes of `+05:45`.
fn read_offset(text: &str) -> Option<i16> {
    let two_digits = |part: &str| match part.as_bytes() {
        [b'0'..=b'9', b'0'..=b'9'] => part.parse::<i16>().ok(),
        _ => None,
    };
    let (hours, minutes) = text.strip_prefix(['+', '-'])?.split_once(':')?;
    let minutes = two_digits(minutes).filter(|minutes| *minutes < 60)?;
    let total = two_digits(hours)?.checked_mul(60)?.checked_add(minutes)?;
    Some(if text.starts_with('-') { total.saturating_neg() } else { total })
}

serde_as_text!(Period);

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "their names say it")]
pub enum Weekday {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

impl Weekday {
    /// All of them with their names, in the order of a week.
    pub(crate) const NAMED: [(&'static str, Self); 7] = [
        ("monday", Self::Monday),
        ("tuesday", Self::Tuesday),
        ("wednesday", Self::Wednesday),
        ("thursday", Self::Thursday),
        ("friday", Self::Friday),
        ("saturday", Self::Saturday),
        ("sunday", Self::Sunday),
    ];
}

/// Why there is no such period.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PeriodError {
    /// The rolling window is too short, too long, or not a multiple of 60 microseconds.
    #[error(
        "a rolling window of {window:?} cannot be counted: expected 1 minute to 366 days, a multiple of 60us (whole minutes are)"
    )]
    Window {
        /// The window asked for.
        window: Duration,
    },
    /// The offset from UTC is too large.
    #[error("{minutes} minutes are not an offset from UTC: expected -1080 to 1080 (18 hours)")]
    Offset {
        /// The offset asked for.
        minutes: i16,
    },
    /// A rolling window was to begin somewhere.
    #[error("a rolling window has neither an anchor nor an offset from UTC")]
    Rolling,
    /// The text is not a period.
    #[error(
        "{text} is not a period: expected as in 'rolling 3600s', or day, week, month or year, \
         with an anchor or an offset as in 'month from 2026-01-15T00:00:00.000000Z at +02:00'"
    )]
    Invalid {
        /// The text, quoted and shortened.
        text: String,
    },
}

#[cfg(test)]
mod tests;
