//! The store's clock. SQLite has none, so all processes of one boot of the machine go by one anchor, kept in the file: a
//! moment of wall time, and how long the machine had been running then. Who sets the wall clock moves nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::clock::{Clock, Timestamp};

/// How far ahead the time is reserved that may be given out, in microseconds: the file is told of it once in this time. After a
/// crash time goes on at the end of what was reserved at the earliest.
pub(super) const RESERVE: i64 = 1_000_000;

/// What the machine says of the time, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reading {
    /// Since it was started, asleep or awake.
    pub(super) uptime: i64,
    /// Since the Unix epoch, as somebody has set it.
    pub(super) wall: i64,
}

/// From where time is counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Anchor {
    /// In which boot of which machine. Without one there is nothing to count from, and the wall clock is the time.
    pub(super) boot: Option<String>,
    pub(super) at: Reading,
}

impl Anchor {
    /// The anchor to go by: the one that is kept, if it is of this boot. A new one starts at the wall clock, but never before
    /// the end of what was `reserved`, and is taken too if the uptime has gone back: the machine is a copy, put back to an
    /// earlier moment.
    pub(super) fn chosen(kept: &Self, reserved: i64, boot: Option<String>, here: Reading) -> Self {
        if boot.is_some() && kept.boot == boot && kept.time(here) >= reserved.saturating_sub(RESERVE) {
            return kept.clone();
        }
        Self { boot, at: Reading { wall: here.wall.max(reserved), ..here } }
    }

    /// The time, in microseconds since the Unix epoch.
    pub(super) fn time(&self, here: Reading) -> i64 {
        match self.boot {
            Some(_) => self.at.wall.saturating_add(here.uptime.saturating_sub(self.at.uptime)),
            None => here.wall,
        }
    }
}

/// Where a store takes the time from.
#[derive(Debug)]
pub(super) enum StoreClock {
    /// From whoever opened it.
    Given(Arc<dyn Clock>),
    /// From the machine. No reading is before the latest that was given out.
    Machine { anchor: Anchor, latest: AtomicI64 },
}

impl StoreClock {
    /// The machine's, by this anchor, and not before what was reserved if it goes by the wall clock.
    pub(super) fn machine(anchor: Anchor) -> Self {
        let latest = AtomicI64::new(if anchor.boot.is_some() { i64::MIN } else { anchor.at.wall });
        Self::Machine { anchor, latest }
    }

    pub(super) fn now(&self) -> Timestamp {
        match self {
            Self::Given(clock) => clock.now(),
            Self::Machine { anchor, latest } => {
                Timestamp::from_micros(forward(latest, anchor.time(reading())))
            }
        }
    }

    /// Whether the file is told of the time that is given out.
    pub(super) const fn is_reserved(&self) -> bool {
        matches!(self, Self::Machine { .. })
    }
}

/// The time, or the latest that was given out if it is before that.
fn forward(latest: &AtomicI64, time: i64) -> i64 {
    latest.fetch_max(time, Ordering::Relaxed).max(time)
}

/// What the machine says now.
pub(super) fn reading() -> Reading {
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Reading { uptime: uptime(), wall: i64::try_from(wall.as_micros()).unwrap_or(i64::MAX) }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn uptime() -> i64 {
    let since = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    #[allow(clippy::useless_conversion, reason = "the width of these differs between machines")]
    let (seconds, nanos) = (i64::from(since.tv_sec), i64::from(since.tv_nsec));
    seconds.saturating_mul(1_000_000).saturating_add(nanos.div_euclid(1_000))
}

/// Not asked for where there is no [`boot`].
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn uptime() -> i64 {
    0
}

/// What names this boot of this machine, where the system says so.
pub(super) fn boot() -> Option<String> {
    if !cfg!(any(target_os = "linux", target_os = "android")) {
        return None;
    }
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(id.trim().to_owned()).filter(|id| !id.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000;
    const HOUR: i64 = 3_600 * SECOND;

    fn at(uptime: i64, wall: i64) -> Reading {
        Reading { uptime, wall }
    }

    fn boot(name: &str) -> Option<String> {
        Some(name.to_owned())
    }

    /// A boot that began 50 s before the wall clock showed 1,000,000 s.
    fn kept() -> Anchor {
        Anchor { boot: boot("a"), at: at(50 * SECOND, 1_000_000 * SECOND) }
    }

    #[test]
    fn a_wall_clock_that_is_set_moves_nothing() {
        for moved in [-HOUR, 0, HOUR] {
            let here = at(60 * SECOND, 1_000_010 * SECOND + moved);
            assert_eq!(kept().time(here), 1_000_010 * SECOND);
            // Nor does it for a process that comes later.
            let chosen = Anchor::chosen(&kept(), 1_000_009 * SECOND, boot("a"), here);
            assert_eq!(chosen, kept());
        }
    }

    #[test]
    fn a_new_boot_goes_on_no_earlier_than_the_old_one_ended() {
        let reserved = 1_000_020 * SECOND;
        for (wall, starts) in
            [(1_000_300 * SECOND, 1_000_300 * SECOND), (reserved - HOUR, reserved), (0, reserved)]
        {
            let chosen = Anchor::chosen(&kept(), reserved, boot("b"), at(SECOND, wall));
            assert_eq!(chosen.time(at(SECOND, wall)), starts);
            assert_eq!(chosen.time(at(3 * SECOND, wall - HOUR)), starts + 2 * SECOND);
        }
    }

    #[test]
    fn a_machine_put_back_to_an_earlier_moment_does_not_repeat_time() {
        let reserved = 1_000_500 * SECOND;
        let chosen = Anchor::chosen(&kept(), reserved, boot("a"), at(60 * SECOND, 1_000_600 * SECOND));
        assert_eq!(chosen.time(at(61 * SECOND, 0)), 1_000_601 * SECOND);
    }

    #[test]
    fn a_source_that_stalls_for_thirty_seconds_and_goes_on_never_takes_time_back() {
        let (anchor, latest) = (kept(), AtomicI64::new(i64::MIN));
        let before = forward(&latest, anchor.time(at(60 * SECOND, 0)));
        // It stands still, and is even a little behind.
        for _ in 0..30 {
            assert_eq!(forward(&latest, anchor.time(at(60 * SECOND - 7, 0))), before);
        }
        assert_eq!(forward(&latest, anchor.time(at(90 * SECOND, 0))), before + 30 * SECOND);
    }

    #[test]
    fn without_a_boot_id_the_wall_clock_is_the_time_and_never_goes_back() {
        let reserved = 2_000 * SECOND;
        let anchor = Anchor::chosen(&kept(), reserved, None, at(0, 1_000 * SECOND));
        let StoreClock::Machine { anchor, latest } = StoreClock::machine(anchor) else { unreachable!() };
        assert_eq!(forward(&latest, anchor.time(at(0, 1_001 * SECOND))), reserved);
        assert_eq!(forward(&latest, anchor.time(at(0, 2_001 * SECOND))), 2_001 * SECOND);
        assert_eq!(forward(&latest, anchor.time(at(0, 2_001 * SECOND - HOUR))), 2_001 * SECOND);
    }

    #[test]
    fn the_machine_tells_a_time_that_goes_on() {
        let anchor = Anchor { boot: super::boot(), at: reading() };
        let clock = StoreClock::machine(anchor);
        let first = clock.now();
        std::thread::sleep(std::time::Duration::from_millis(20));
        assert!(clock.now().saturating_since(first) >= std::time::Duration::from_millis(15));
    }
}
