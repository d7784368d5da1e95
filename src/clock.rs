//! Time, which comes in from outside.

use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::text::{quoted, serde_as_text};

/// A day, in microseconds.
pub(crate) const DAY: i64 = 86_400_000_000;

/// A moment on a ledger's clock: microseconds since 1970-01-01T00:00:00Z.
///
/// Its one text form is RFC 3339 in UTC with six decimal places, shared by `Display`, `FromStr` and serde; years
/// beyond 9999 have more digits and those before 0 a sign. Arithmetic saturates at the ends of the range, some
/// 290,000 years away.
///
/// ```
/// use billing_guard::Timestamp;
///
/// let moment: Timestamp = "2026-11-22T02:03:04.000005Z".parse()?;
/// assert_eq!(moment.as_micros(), 1_795_312_984_000_005);
/// assert_eq!(moment.to_string(), "2026-11-22T02:03:04.000005Z");
/// assert!("2026-11-22T02:03:04Z".parse::<Timestamp>().is_err());
/// # Ok::<(), billing_guard::TimestampError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The last moment there is: "never".
    pub const MAX: Self = Self(i64::MAX);

    /// From microseconds since the Unix epoch.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since the Unix epoch.
    #[must_use]
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// For people, to the minute, rounded up so that nobody comes too early: `2026-11-22 02:04 UTC`.
    #[must_use]
    pub fn human(self) -> String {
        const MINUTE: i64 = 60_000_000;
        let minutes = self.0.div_euclid(MINUTE).saturating_add(i64::from(self.0.rem_euclid(MINUTE) != 0));
        let text = Self(minutes.saturating_mul(MINUTE)).to_string();
        let (minute, _) = text.rsplit_once(':').unwrap_or((&text, ""));
        format!("{} UTC", minute.replacen('T', " ", 1))
    }

    /// This moment and so much later, rounded up to a microsecond, so that nothing ends early.
    #[must_use]
    pub fn saturating_add(self, by: Duration) -> Self {
        Self(self.0.saturating_add(micros(by)))
    }

    /// How long after `earlier` this is; zero if it is not.
    #[must_use]
    pub fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos().div_ceil(1_000)).unwrap_or(i64::MAX)
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil_date(self.0.div_euclid(DAY));
        let within = self.0.rem_euclid(DAY);
        let (seconds, fraction) = (within.div_euclid(1_000_000), within.rem_euclid(1_000_000));
        let (hour, minute, second) =
            (seconds.div_euclid(3600), seconds.div_euclid(60).rem_euclid(60), seconds.rem_euclid(60));
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{fraction:06}Z")
    }
}

impl FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // Writing the moment again finds whatever was odd: a 30 February, a leap second, a digit too few.
        read(text)
            .filter(|moment| moment.to_string() == text)
            .ok_or_else(|| TimestampError { text: quoted(text) })
    }
}

/// The moment that `text` names, if it is anything like one.
fn read(text: &str) -> Option<Timestamp> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let (before_0, date) = date.strip_prefix('-').map_or((false, date), |date| (true, date));
    let mut fields = date.split('-').chain(time.split([':', '.']));
    let mut next = || fields.next()?.parse::<u32>().ok().map(i64::from);
    let year = next()?;
    let day = civil_day(if before_0 { year.saturating_neg() } else { year }, next()?, next()?);
    let within = [3_600_000_000, 60_000_000, 1_000_000, 1]
        .into_iter()
        .try_fold(0_i64, |sum, unit| next()?.checked_mul(unit)?.checked_add(sum))?;
    // The first day there is begins before the first moment does.
    let micros = i128::from(day).checked_mul(i128::from(DAY))?.checked_add(i128::from(within))?;
    i64::try_from(micros).ok().map(Timestamp)
}

serde_as_text!(Timestamp);

/// The text is not a moment as a [`Timestamp`] writes it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text} is not a moment: expected UTC with six decimal places, as in 2026-11-22T02:03:04.000005Z")]
pub struct TimestampError {
    text: String,
}

/// Year, month (1 to 12) and day of a day counted from 1970-01-01, in the Gregorian calendar. The day is one that an
/// `i64` of microseconds can name.
#[allow(clippy::arithmetic_side_effects, reason = "numbers below 2^40")]
pub(crate) fn civil_date(day: i64) -> (i64, i64, i64) {
    // Eras of 400 years, with years that begin on 1 March, so that the leap day comes last.
    let shifted = day + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day_of_month)
}

/// The day, counted from 1970-01-01, of a year, month and day below 2^32: the inverse of [`civil_date`]. A month or
/// day that the calendar lacks gives some other day.
#[allow(clippy::arithmetic_side_effects, reason = "numbers below 2^48")]
pub(crate) fn civil_day(year: i64, month: i64, day_of_month: i64) -> i64 {
    let shifted_year = year - i64::from(month <= 2);
    let shifted_month = if month <= 2 { month + 9 } else { month - 3 };
    let era = shifted_year.div_euclid(400);
    let year_of_era = shifted_year.rem_euclid(400);
    let day_of_year = (153 * shifted_month + 2) / 5 + day_of_month - 1;
    era * 146_097 + 365 * year_of_era + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// Where a ledger takes the time from.
pub trait Clock: Send + Sync + fmt::Debug {
    /// The time now.
    fn now(&self) -> Timestamp;
}

/// The machine's clock: wall time when made, advanced by the monotonic clock, so that setting the wall clock moves no
/// lifetime.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    origin: Instant,
    wall: Timestamp,
}

impl SystemClock {
    /// A clock that starts at the machine's wall time.
    #[must_use]
    pub fn new() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { origin: Instant::now(), wall: Timestamp::default().saturating_add(since_epoch) }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        self.wall.saturating_add(self.origin.elapsed())
    }
}

/// A clock that stands still until told otherwise: for tests and simulations.
///
/// ```
/// use std::time::Duration;
/// use billing_guard::{Clock, ManualClock};
///
/// let clock = ManualClock::new();
/// let before = clock.now();
/// clock.advance(Duration::from_secs(90));
/// assert_eq!(clock.now().saturating_since(before), Duration::from_secs(90));
/// ```
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock at 2026-01-01T00:00:00Z.
    #[must_use]
    pub const fn new() -> Self {
        Self(AtomicI64::new(1_767_225_600_000_000))
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        self.set(self.now().saturating_add(by));
    }

    /// Sets the clock, backwards too.
    pub fn set(&self, now: Timestamp) {
        self.0.store(now.as_micros(), Ordering::SeqCst);
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn moments_are_written_as_rfc_3339() {
        for (micros, text) in [
            (0, "1970-01-01T00:00:00.000000Z"),
            (-1, "1969-12-31T23:59:59.999999Z"),
            (951_782_400_000_000, "2000-02-29T00:00:00.000000Z"),
            (1_767_225_600_000_000, "2026-01-01T00:00:00.000000Z"),
            (4_107_542_399_000_005, "2100-02-28T23:59:59.000005Z"),
        ] {
            assert_eq!(Timestamp::from_micros(micros).to_string(), text);
            assert_eq!(text.parse(), Ok(Timestamp::from_micros(micros)));
        }
    }

    #[test]
    fn a_moment_has_one_spelling() {
        for text in [
            "",
            "Z",
            "2026",
            "2026-01-01",
            "2026-01-01T00:00:00Z",
            "2026-01-01T00:00:00.0Z",
            "2026-01-01T00:00:00.0000000Z",
            "2026-01-01T00:00:00.000000",
            "2026-01-01T00:00:00.000000+00:00",
            "2026-01-01t00:00:00.000000z",
            "2026-01-01 00:00:00.000000Z",
            " 2026-01-01T00:00:00.000000Z",
            "2026-01-01T00:00:00.000000Z\n",
            "2026-1-01T00:00:00.000000Z",
            "+2026-01-01T00:00:00.000000Z",
            "02026-01-01T00:00:00.000000Z",
            "-0000-01-01T00:00:00.000000Z",
            "2026-+1-01T00:00:00.000000Z",
            "2026-00-01T00:00:00.000000Z",
            "2026-13-01T00:00:00.000000Z",
            "2026-01-00T00:00:00.000000Z",
            "2026-02-29T00:00:00.000000Z",
            "2026-04-31T00:00:00.000000Z",
            "2026-01-01T24:00:00.000000Z",
            "2026-01-01T00:60:00.000000Z",
            "2026-12-31T23:59:60.000000Z",
            "2026-01-01T00.00.00:000000Z",
            "2026-01-01-01T00:00:00.000000Z",
            "2026-01-01T00:00:00.000000.000000Z",
            "٢٠٢٦-01-01T00:00:00.000000Z",
            // One microsecond beyond either end, and years that no arithmetic could hold.
            "294247-01-10T04:00:54.775808Z",
            "-290308-12-21T19:59:05.224191Z",
            "4294967295-4294967295-4294967295T4294967295:4294967295:4294967295.4294967295Z",
            "-4294967295-01-01T00:00:00.000000Z",
            "99999999999999999999-01-01T00:00:00.000000Z",
        ] {
            let error = text.parse::<Timestamp>().unwrap_err();
            assert!(error.to_string().starts_with(&quoted(text)), "{error}");
        }
    }

    #[test]
    fn the_ends_of_time_read_and_write() {
        for (moment, text) in [
            (Timestamp::MAX, "294247-01-10T04:00:54.775807Z"),
            (Timestamp::from_micros(i64::MIN), "-290308-12-21T19:59:05.224192Z"),
        ] {
            assert_eq!(moment.to_string(), text);
            assert_eq!(text.parse(), Ok(moment));
        }
    }

    #[test]
    fn a_day_follows_another() {
        // Every day of 800 years, counted the slow way.
        let (mut year, mut month, mut day_of_month) = (1599, 1, 1);
        for day in civil_day(1599, 1, 1)..=civil_day(2400, 12, 31) {
            assert_eq!(civil_date(day), (year, month, day_of_month));
            assert_eq!(civil_day(year, month, day_of_month), day);
            let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let length = match month {
                2 => 28 + i64::from(leap),
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            day_of_month += 1;
            if day_of_month > length {
                (month, day_of_month) = (month + 1, 1);
            }
            if month > 12 {
                (year, month) = (year + 1, 1);
            }
        }
        assert_eq!((year, month, day_of_month), (2401, 1, 1));
    }

    proptest! {
        #[test]
        fn every_moment_reads_as_it_was_written(micros: i64, digits in 0_u32..63) {
            // Also moments near the epoch and years of every length.
            for moment in [micros, micros >> digits].map(Timestamp::from_micros) {
                prop_assert_eq!(moment.to_string().parse(), Ok(moment));
                let json = serde_json::to_string(&moment).unwrap();
                prop_assert_eq!(serde_json::from_str::<Timestamp>(&json).unwrap(), moment);
            }
        }

        #[test]
        fn hostile_text_is_an_error_not_a_panic(text in "\\PC{0,40}|-?[-0-9]{0,30}T[-0-9:.]{0,30}Z") {
            let _ = text.parse::<Timestamp>();
        }
    }

    #[test]
    fn people_read_whole_minutes_and_never_come_too_early() {
        for (micros, text) in [
            (1_767_225_600_000_000, "2026-01-01 00:00 UTC"),
            (1_767_225_600_000_001, "2026-01-01 00:01 UTC"),
            (1_767_225_599_000_000, "2026-01-01 00:00 UTC"),
        ] {
            assert_eq!(Timestamp::from_micros(micros).human(), text);
        }
        let _ = (Timestamp::MAX.human(), Timestamp::from_micros(i64::MIN).human());
    }

    #[test]
    fn nothing_ends_early_for_being_measured_in_microseconds() {
        let start = Timestamp::default();
        assert_eq!(start.saturating_add(Duration::from_nanos(1_001)).as_micros(), 2);
        assert_eq!(start.saturating_add(Duration::from_nanos(1_000)).as_micros(), 1);
    }

    #[test]
    fn time_saturates() {
        assert_eq!(Timestamp::MAX.saturating_add(Duration::MAX), Timestamp::MAX);
        assert_eq!(Timestamp::default().saturating_since(Timestamp::MAX), Duration::ZERO);
    }
}
