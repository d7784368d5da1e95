//! Time, which comes in from outside.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A moment on a ledger's clock: microseconds since 1970-01-01T00:00:00Z.
///
/// Displays as RFC 3339, `2026-11-22T02:03:04.000005Z`. Arithmetic saturates at the ends of the range, some
/// 290,000 years away.
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
        const DAY: i64 = 86_400_000_000;
        let (year, month, day) = civil_date(self.0.div_euclid(DAY));
        let within = self.0.rem_euclid(DAY);
        let (seconds, fraction) = (within.div_euclid(1_000_000), within.rem_euclid(1_000_000));
        let (hour, minute, second) =
            (seconds.div_euclid(3600), seconds.div_euclid(60).rem_euclid(60), seconds.rem_euclid(60));
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{fraction:06}Z")
    }
}

/// Year, month and day of a day counted from 1970-01-01, in the Gregorian calendar. In `i128`, where no day that an
/// `i64` of microseconds can name overflows.
#[allow(clippy::arithmetic_side_effects, reason = "i128 arithmetic on numbers below 2^40")]
fn civil_date(days: i64) -> (i128, i128, i128) {
    // Eras of 400 years, with years that begin on 1 March, so that the leap day comes last.
    let shifted = i128::from(days) + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i128::from(month <= 2), month, day)
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
        }
        let _ = (Timestamp::MAX.to_string(), Timestamp::from_micros(i64::MIN).to_string());
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
