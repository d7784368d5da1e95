//! How fast an account spends.

use crate::amount::{Amount, Unit};
use crate::clock::{DAY, Timestamp};
use crate::period::Period;
use crate::runway::Runway;
use crate::spending::{Bin, Spending};

/// How fast an account spends, per day, and how uncertain that is: the plain average of its last full days, refunds taken
/// off, with an interval of two standard errors to both sides. With so few days that is a rough bound and no promise, and
/// it knows neither weekends nor trends.
///
/// Counted are the last 14 full days, or as many as there were since the first charge; a day without charges counts as
/// one on which nothing was spent. The day that is running is left out, as it is not over, unless more was spent in it
/// than on an average day already.
///
/// ```
/// use std::{sync::Arc, time::Duration};
/// use billing_guard::{
///     AccountId, Bin, BurnRate, Clock, Ledger, LedgerExt, ManualClock, MemoryLedger, MemorySettings, Spending, Unit, wait,
/// };
///
/// let usd = Unit::new("USD", 2)?;
/// let clock = Arc::new(ManualClock::new());
/// let ledger = MemoryLedger::with_clock(MemorySettings::new(), clock.clone());
/// let account = AccountId::new("acct_1")?;
/// wait(ledger.top_up(&account, "payment-1".parse()?, usd.amount("100")?))?;
/// for (day, price) in ["2", "2", "1", "3", "2", "2"].into_iter().enumerate() {
///     wait(ledger.charge(&account, format!("charge-{day}").parse()?, usd.amount(price)?))?;
///     clock.advance(Duration::from_secs(86_400));
/// }
/// let mut spending = Spending::new(usd, Bin::Day);
/// spending.add(&wait(ledger.statement(spending.next_request(&account)))?)?;
///
/// // The day of the first charge is not a full one: five are left.
/// let rate = BurnRate::from_spending(&spending, clock.now()).ok_or("too little is known")?;
/// assert_eq!((rate.days(), rate.per_day()), (5, usd.amount("2")?));
/// assert_eq!((rate.slowest(), rate.fastest()), (usd.amount("1.36")?, usd.amount("2.64")?));
/// let runway = rate.runway(usd.amount("88")?).ok_or("another unit")?;
/// assert_eq!((runway.at_least_days(), runway.about_days(), runway.at_most_days()), (33, 44, Some(64)));
/// assert_eq!(rate.amount_for_days(7), usd.amount("14")?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BurnRate {
    unit: Unit,
    days: u32,
    /// In all these days, in the smallest steps; more than nothing.
    spent: u128,
    /// Two standard errors of that.
    margin: u128,
}

impl BurnRate {
    /// The fewest full days to tell it from.
    pub const MIN_DAYS: u32 = 3;
    /// The most full days that are looked at.
    pub const MAX_DAYS: u32 = 14;
    /// The fewest charges in them to tell it from.
    pub const MIN_CHARGES: u64 = 5;

    /// From what is known at this time of the ledger's clock, which [`Balance::as_of`](crate::Balance::as_of) says.
    ///
    /// `None` if that is too little: fewer than [`MIN_DAYS`](Self::MIN_DAYS) full days since the first charge that is
    /// known and since [folded](Spending::folded_until) history, or fewer than [`MIN_CHARGES`](Self::MIN_CHARGES) charges
    /// in them. `None` too if nothing was spent in them or more came back, if the spending is cut by months, or if it has
    /// [more than its rows](Spending::other). What was booked later than that day is not looked at.
    #[must_use]
    pub fn from_spending(spending: &Spending, now: Timestamp) -> Option<Self> {
        if spending.bin() == Bin::Month || spending.is_full() {
            return None;
        }
        let window = Window::of(spending, now, Self::MAX_DAYS)?;
        if window.full < usize::try_from(Self::MIN_DAYS).ok()? {
            return None;
        }
        let (net, charges) = window.days(spending);
        let spent = net.iter().fold(0_i128, |sum, net| sum.saturating_add(*net));
        let spent = u128::try_from(spent).ok().filter(|spent| *spent > 0)?;
        let days = u32::try_from(net.len()).ok()?;
        (charges >= Self::MIN_CHARGES).then(|| Self {
            unit: spending.unit(),
            days,
            spent,
            margin: two_standard_errors(&net),
        })
    }

    /// What it spends a day on the average, rounded up.
    #[must_use]
    pub fn per_day(&self) -> Amount {
        self.amount(self.spent.div_ceil(self.divisor()))
    }

    /// At the lower end of the interval, rounded down; nothing, if that is below.
    #[must_use]
    pub fn slowest(&self) -> Amount {
        self.amount(self.least().checked_div(self.divisor()).unwrap_or(0))
    }

    /// At the upper end of the interval, rounded up.
    #[must_use]
    pub fn fastest(&self) -> Amount {
        self.amount(self.most().div_ceil(self.divisor()))
    }

    /// From how many days this is known.
    #[must_use]
    pub const fn days(&self) -> u32 {
        self.days
    }

    /// How long so much will last, at both ends of the interval and on the average; a debt and nothing do not last. `None`
    /// if it is in another unit.
    #[must_use]
    pub fn runway(&self, available: Amount) -> Option<Runway> {
        if available.unit() != self.unit {
            return None;
        }
        let available = u128::try_from(available.minor()).unwrap_or(0);
        let lasts = |spent: u128| {
            let days = available.saturating_mul(self.divisor()).checked_div(spent)?;
            Some(u32::try_from(days).map_or(Runway::MAX_DAYS, |days| days.min(Runway::MAX_DAYS)))
        };
        Some(Runway {
            at_least_days: lasts(self.most()).unwrap_or(0),
            about_days: lasts(self.spent).unwrap_or(0),
            // What is not there does not last, however slowly it is spent.
            at_most_days: if available == 0 { Some(0) } else { lasts(self.least()) },
        })
    }

    /// What lasts so many days on the average, rounded up. Not at the fastest: what is suggested to a customer to buy
    /// is what is likely to be used.
    #[must_use]
    pub fn amount_for_days(&self, days: u32) -> Amount {
        self.amount(self.spent.saturating_mul(u128::from(days)).div_ceil(self.divisor()))
    }

    /// In all the days, at the slowest.
    const fn least(&self) -> u128 {
        self.spent.saturating_sub(self.margin)
    }

    /// In all the days, at the fastest.
    const fn most(&self) -> u128 {
        self.spent.saturating_add(self.margin)
    }

    fn divisor(&self) -> u128 {
        u128::from(self.days.max(1))
    }

    fn amount(&self, steps: u128) -> Amount {
        self.unit.minor(i64::try_from(steps).unwrap_or(i64::MAX))
    }
}

/// The full days that count, and after them the one that is running.
pub(super) struct Window {
    day: Period,
    pub(super) begin: Timestamp,
    pub(super) full: usize,
}

impl Window {
    /// At most so many days, since the first charge that is known; `None` if none is.
    pub(super) fn of(spending: &Spending, now: Timestamp, longest: u32) -> Option<Self> {
        let day = spending.day();
        let first = spending.rows().find(|row| row.spent().charges() > 0)?.start();
        let known = day.end_of(spending.folded_until().map_or(first, |until| until.max(first)));
        let today = day.start_of(now).as_micros();
        let longest = DAY.saturating_mul(i64::from(longest));
        let begin = known.as_micros().max(today.saturating_sub(longest));
        let full = usize::try_from(today.saturating_sub(begin).div_euclid(DAY)).unwrap_or(0);
        Some(Self { day, begin: Timestamp::from_micros(begin), full })
    }

    /// What was spent on each day that counts, and in how many charges altogether.
    fn days(&self, spending: &Spending) -> (Vec<i128>, u64) {
        let mut days = vec![(0_i128, 0_u64); self.full.saturating_add(1)];
        for row in spending.rows() {
            let since = self.day.start_of(row.start()).as_micros().saturating_sub(self.begin.as_micros());
            let index = usize::try_from(since.div_euclid(DAY)).ok();
            if let Some((net, charges)) = index.and_then(|index| days.get_mut(index)) {
                *net = net.saturating_add(row.spent().net().minor().into());
                *charges = charges.saturating_add(row.spent().charges());
            }
        }
        let running = days.pop().unwrap_or_default();
        let spent = days.iter().fold(0_i128, |sum, (net, _)| sum.saturating_add(*net));
        let count = i128::try_from(self.full).unwrap_or(i128::MAX);
        if running.0.saturating_mul(count) > spent {
            days.push(running);
        }
        let charges = days.iter().fold(0_u64, |sum, (_, charges)| sum.saturating_add(*charges));
        (days.into_iter().map(|(net, _)| net).collect(), charges)
    }
}

/// Two standard errors of the sum of these few days, rounded up: `2 * sqrt(n * variance)`, with the variance of a sample.
fn two_standard_errors(net: &[i128]) -> u128 {
    // So that nothing overflows: the squares of 15 numbers below 2^58, four times their sum times 15. Of larger ones the
    // last eight bits are left out, which is one part in 2^50.
    let largest = net.iter().map(|net| net.unsigned_abs()).max().unwrap_or(0);
    let shift = if largest < 1 << 57 { 0_u32 } else { 8 };
    let scaled = |net: &i128| net.checked_shr(shift).unwrap_or(0);
    let (sum, squares) = net.iter().map(scaled).fold((0_i128, 0_u128), |(sum, squares), net| {
        let square = net.unsigned_abs().saturating_mul(net.unsigned_abs());
        (sum.saturating_add(net), squares.saturating_add(square))
    });
    let count = u128::try_from(net.len()).unwrap_or(u128::MAX);
    let square_of_sum = sum.unsigned_abs().saturating_mul(sum.unsigned_abs());
    // `n` times the sum of the squared deviations.
    let deviations = count.saturating_mul(squares).saturating_sub(square_of_sum);
    let square = deviations.saturating_mul(4).div_ceil(count.saturating_sub(1).max(1));
    let root = square.isqrt();
    let up = u128::from(root.saturating_mul(root) < square);
    root.saturating_add(up).checked_shl(shift).unwrap_or(u128::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    /// A day that a test is about: its number, and what was charged and refunded on it in how many charges.
    type Day = (i64, i64, i64, u64);

    const OFFSET_MINUTES: i64 = 345;

    fn unit() -> Unit {
        Unit::new("USD", 0).unwrap()
    }

    /// The moment so many days and microseconds after the epoch on the clocks of the test.
    fn at(day: i64, within: i64) -> Timestamp {
        Timestamp::from_micros(day * DAY + within - OFFSET_MINUTES * 60_000_000)
    }

    /// Each day in an hour of its own, if it is cut by hours.
    fn spending(bin: Bin, days: &[Day], folded_until: Option<Timestamp>) -> Spending {
        let rows: Vec<_> = days
            .iter()
            .map(|(day, charged, refunded, charges)| {
                let hour = if bin == Bin::Hour { day.rem_euclid(24) } else { 0 };
                json!({
                    "start": at(*day, hour * 3_600_000_000), "label": null,
                    "spent": {
                        "charged": charged.to_string(),
                        "refunded": refunded.to_string(),
                        "charges": charges.to_string(),
                    },
                })
            })
            .collect();
        serde_json::from_value(json!({
            "v": 1, "unit": "USD/0", "bin": bin, "offset_minutes": OFFSET_MINUTES, "label": null,
            "seen": null, "folded_until": folded_until, "rows": rows,
            "other": { "charged": "0", "refunded": "0", "charges": "0" },
        }))
        .unwrap()
    }

    fn rate(days: &[Day], now: Timestamp) -> Option<BurnRate> {
        BurnRate::from_spending(&spending(Bin::Day, days, None), now)
    }

    /// So much in two charges on each of these days.
    fn steady(days: std::ops::Range<i64>, charged: i64) -> Vec<Day> {
        days.map(|day| (day, charged, 0, 2)).collect()
    }

    #[test]
    fn too_little_history_is_silence() {
        let known = |days: &[Day], today| rate(days, at(today, 0)).is_some();
        // Days 1 to 3 are full, day 0 perhaps not.
        assert!(known(&steady(0..4, 9), 4));
        assert!(!known(&steady(0..3, 9), 3));
        // Two days without charges after two with them are days too, but now there are too few charges.
        assert!(!known(&steady(0..2, 9), 4));
        let five = [(0, 9, 0, 9), (1, 9, 0, 2), (3, 9, 0, 3)];
        assert!(known(&five, 4));
        let four = [(0, 9, 0, 9), (1, 9, 0, 2), (3, 9, 0, 2)];
        assert!(!known(&four, 4));
        // Nothing was spent in the last 14 days, or what was came back.
        let last = [(0, 9, 0, 9), (3, 9, 0, 9)];
        assert!(known(&last, 3 + 14) && !known(&last, 3 + 15));
        assert!(!known(&[(0, 9, 0, 9), (1, 9, 9, 9)], 4));
        assert!(!known(&[], 4));
        // It is not known where in a month a day was.
        let by_month: Vec<_> = steady(0..10, 9).into_iter().filter(|day| day.0 == 0).collect();
        assert_eq!(BurnRate::from_spending(&spending(Bin::Month, &by_month, None), at(40, 0)), None);
        // A refund before any charge begins nothing.
        assert_eq!(rate(&[(0, 0, 5, 0), (9, 9, 0, 9), (10, 9, 0, 9)], at(13, 0)).unwrap().days(), 3);
    }

    #[test]
    fn only_what_is_known_in_full_counts() {
        let days = steady(0..20, 9);
        let days_known = |folded: Option<Timestamp>| {
            BurnRate::from_spending(&spending(Bin::Day, &days, folded), at(20, 0)).map(|rate| rate.days())
        };
        assert_eq!(days_known(None), Some(14));
        assert_eq!(days_known(Some(at(5, 1))), Some(14));
        assert_eq!(days_known(Some(at(6, 1))), Some(13));
        assert_eq!(days_known(Some(at(16, 1))), Some(3));
        assert_eq!(days_known(Some(at(17, 1))), None);
        let full = spending(Bin::Day, &days, None);
        let mut stored = serde_json::to_value(&full).unwrap();
        stored["other"] = json!({ "charged": "0", "refunded": "1", "charges": "0" });
        assert_eq!(BurnRate::from_spending(&serde_json::from_value(stored).unwrap(), at(20, 0)), None);
    }

    #[test]
    fn the_running_day_counts_once_it_is_more_than_an_average_one() {
        let with_today = |charged| {
            let mut days = steady(0..8, 10);
            days.push((8, charged, 0, 1));
            rate(&days, at(8, 40_000)).unwrap()
        };
        assert_eq!((with_today(10).days(), with_today(10).per_day().minor()), (7, 10));
        assert_eq!((with_today(11).days(), with_today(11).per_day().minor()), (8, 11));
        assert_eq!(with_today(90).per_day().minor(), 20);
        // What seems to be of tomorrow is left out: a clock went back.
        let mut days = steady(0..8, 10);
        days.extend([(9, 1_000, 0, 9), (5_000, 1_000, 0, 9)]);
        assert_eq!(rate(&days, at(8, 0)), rate(&steady(0..8, 10), at(8, 0)));
        assert_eq!(rate(&days, at(-1, 0)), None);
    }

    #[test]
    fn the_ends_of_amounts_and_of_time() {
        let most = unit().minor(i64::MAX);
        let huge = rate(&[(0, 0, 0, 1), (1, i64::MAX, 0, 5)], at(4, 0)).unwrap();
        assert!(most.minor() - huge.fastest().minor() < 1_000 && huge.slowest().is_zero());
        assert_eq!(huge.amount_for_days(u32::MAX), most);
        let runway = huge.runway(most).unwrap();
        assert_eq!((runway.at_least_days(), runway.about_days(), runway.at_most_days()), (1, 3, None));
        // One step in 14 days: still more than nothing a day, and a long time for a little.
        let days: Vec<Day> = (0..15).map(|day| (day, i64::from(day == 9), 0, 1)).collect();
        let slow = rate(&days, at(15, 0)).unwrap();
        assert_eq!((slow.days(), slow.per_day().minor(), slow.slowest().minor()), (14, 1, 0));
        assert_eq!(slow.runway(unit().minor(10)).unwrap().about_days(), 140);
        assert_eq!(slow.runway(most).unwrap().about_days(), Runway::MAX_DAYS);
        assert_eq!(slow.runway(most).unwrap().at_least_days(), Runway::MAX_DAYS);
        assert_eq!(slow.amount_for_days(14).minor(), 1);
        assert_eq!(slow.amount_for_days(15).minor(), 2);
        for nothing in [0, -1, i64::MIN] {
            let runway = slow.runway(unit().minor(nothing)).unwrap();
            assert_eq!((runway.at_least_days(), runway.at_most_days()), (0, Some(0)));
        }
        assert_eq!(slow.runway(Unit::new("EUR", 0).unwrap().minor(1)), None);
        for now in [i64::MIN, i64::MIN + 1, 0, i64::MAX - 1, i64::MAX] {
            let _ = rate(&days, Timestamp::from_micros(now));
            let folded = spending(Bin::Day, &days, Some(Timestamp::from_micros(now)));
            let _ = BurnRate::from_spending(&folded, at(15, 0));
        }
    }

    #[test]
    fn a_steady_account_leaves_no_doubt() {
        let rate = rate(&steady(0..15, 700), at(15, 0)).unwrap();
        assert_eq!((rate.slowest().minor(), rate.per_day().minor(), rate.fastest().minor()), (700, 700, 700));
        let runway = rate.runway(unit().minor(6_999)).unwrap();
        assert_eq!((runway.at_least_days(), runway.about_days(), runway.at_most_days()), (9, 9, Some(9)));
    }

    /// The same by hand: days by their number, and the margin by trying.
    fn naive(days: &[Day], today: i64) -> Option<(i128, i128, i128)> {
        let first = days.iter().filter(|day| day.3 > 0).map(|day| day.0).min()?;
        let full: Vec<i64> = (first + 1..today).rev().take(14).collect();
        if full.len() < 3 {
            return None;
        }
        let of = |number: i64| days.iter().find(|day| day.0 == number).copied().unwrap_or((number, 0, 0, 0));
        let net = |day: Day| i128::from(day.1) - i128::from(day.2);
        let mut counted: Vec<Day> = full.into_iter().map(of).collect();
        let mean = |days: &[Day]| (days.iter().map(|day| net(*day)).sum::<i128>(), days.len() as i128);
        let (sum, count) = mean(&counted);
        if net(of(today)) * count > sum {
            counted.push(of(today));
        }
        let (sum, count) = mean(&counted);
        if sum <= 0 || counted.iter().map(|day| day.3).sum::<u64>() < 5 {
            return None;
        }
        // Squared deviations from the mean, times the square of the count.
        let squares: i128 = counted.iter().map(|day| (net(*day) * count - sum).pow(2)).sum();
        // The least margin of the sum with (margin / 2)^2 >= count * squares / count^2 / (count - 1).
        let enough = |margin: i128| margin * margin * count * (count - 1) >= 4 * squares;
        let (mut low, mut high) = (-1_i128, 1_i128 << 45);
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if enough(middle) { high = middle } else { low = middle }
        }
        Some((count, sum, high))
    }

    fn days() -> impl Strategy<Value = Vec<Day>> {
        let amount = || prop_oneof![Just(0_i64), 0..20_i64, 0..1_i64 << 38];
        let day = (0..40_i64, amount(), prop_oneof![3 => Just(0_i64), 1 => amount()], 0..4_u64);
        proptest::collection::vec(day, 0..40).prop_map(|days| {
            let by_day: BTreeMap<i64, Day> = days.into_iter().map(|day| (day.0, day)).collect();
            by_day.into_values().collect()
        })
    }

    proptest! {
        #[test]
        fn it_is_the_average_with_two_standard_errors(
            days in days(),
            today in 0..45_i64,
            within in 0..DAY,
            hourly: bool,
            available in 0..1_i64 << 40,
            wanted in 0..400_u32,
        ) {
            let bin = if hourly { Bin::Hour } else { Bin::Day };
            let rate = BurnRate::from_spending(&spending(bin, &days, None), at(today, within));
            let model = naive(&days, today);
            prop_assert_eq!(rate.is_some(), model.is_some());
            if let (Some(rate), Some((count, sum, margin))) = (rate, model) {
                let up = |sum: i128| i64::try_from((sum + count - 1) / count).unwrap();
                prop_assert_eq!(i128::from(rate.days()), count);
                prop_assert_eq!(rate.per_day().minor(), up(sum));
                prop_assert_eq!(rate.fastest().minor(), up(sum + margin));
                prop_assert_eq!(i128::from(rate.slowest().minor()), (sum - margin).max(0) / count);
                let lasts = |sum: i128| u32::try_from((i128::from(available) * count / sum).min(3_650)).unwrap();
                let runway = rate.runway(unit().minor(available)).unwrap();
                prop_assert_eq!(runway.at_least_days(), lasts(sum + margin));
                prop_assert_eq!(runway.about_days(), lasts(sum));
                let slowest = (sum > margin).then(|| lasts(sum - margin));
                prop_assert_eq!(runway.at_most_days(), if available == 0 { Some(0) } else { slowest });
                // So much lasts so long, and a step less does not.
                let enough = rate.amount_for_days(wanted).minor();
                let about = |minor| rate.runway(unit().minor(minor)).unwrap().about_days();
                prop_assert!(about(enough) >= wanted);
                prop_assert!(wanted == 0 || about(enough - 1) < wanted);
            }
        }

        #[test]
        fn the_largest_amounts_do_no_harm(
            shares in proptest::collection::vec((0..=64_i64, 0..=64_i64), 4..16),
            available: i64,
        ) {
            // In all at most as much as a sum of charges can be.
            let part = i64::MAX / 64 / 16;
            let days: Vec<Day> =
                (0_i64..).zip(&shares).map(|(day, share)| (day, share.0 * part, share.1 * part, 5)).collect();
            let today = i64::try_from(days.len()).unwrap();
            if let Some(large) = rate(&days, at(today, 0)) {
                let (slow, mean, fast) = (large.slowest().minor(), large.per_day().minor(), large.fastest().minor());
                prop_assert!(0 <= slow && slow <= mean && mean <= fast);
                let runway = large.runway(unit().minor(available)).unwrap();
                prop_assert!(runway.at_least_days() <= runway.about_days());
                prop_assert!(runway.at_most_days().is_none_or(|most| most >= runway.about_days()));
                // With all a million times smaller the interval is the same but for rounding.
                let small: Vec<Day> =
                    days.iter().map(|day| (day.0, day.1 / part * 1_000_000, day.2 / part * 1_000_000, 5)).collect();
                let small = rate(&small, at(today, 0)).unwrap();
                let scaled = i128::from(small.fastest().minor()) * i128::from(part) / 1_000_000;
                let off = (scaled - i128::from(fast)).abs();
                prop_assert!(off <= i128::from(part / 1_000_000 * 2), "{scaled} {fast}");
            }
        }
    }
}
