//! When another price applies: for large requests, at times of the day, from a date on, for a label.

use super::{PriceError, Tariff};
use crate::clock::{DAY, Timestamp};
use crate::id::Labels;
use crate::period::Weekday;
use crate::text::quoted;
use crate::usage::{Quantity, QuantityName, UsageError, is_name};

/// When the prices of another tariff take the place of a tariff's own. See [`Tariff::with_other`](crate::Tariff::with_other).
///
/// ```
/// use billing_guard::{Tariff, Unit, Usage, When};
///
/// // Beyond 200,000 input tokens the whole request is priced at twice as much.
/// let long = Tariff::new().per_million("input_tokens", "6")?.per_million("output_tokens", "22.5")?;
/// let tariff = Tariff::new()
///     .per_million("input_tokens", "3")?
///     .per_million("output_tokens", "15")?
///     .with_other(When::above(["input_tokens"], 200_000_u64), long)?;
/// let usd = Unit::new("USD", 6)?;
/// let charge = |tokens: u64| tariff.charge(&Usage::new().with("input_tokens", tokens), usd);
/// assert_eq!(charge(200_000)?, usd.amount("0.6")?);
/// assert_eq!(charge(200_001)?, usd.amount("1.200006")?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct When(pub(super) Condition);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    /// The sum of these quantities is above the bound, or reaches it.
    Used {
        names: Vec<QuantityName>,
        bound: Quantity,
        reached: bool,
    },
    Label {
        name: String,
        value: String,
    },
    Since(Timestamp),
    Daily(Window),
}

/// A time of the day, in minutes from midnight; the end is exclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) from: i64,
    pub(super) until: i64,
    /// One bit for each day of the week on which it may begin, Monday first.
    pub(super) days: u8,
    pub(super) offset: i64,
}

/// Whether a condition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holds {
    Yes,
    No,
    /// It depends: on how much is used in the end, or on the moment.
    Perhaps,
}

const MINUTE: i64 = 60_000_000;

impl When {
    /// If the sum of these quantities is above so much: 200,000 itself is not above 200,000.
    #[must_use]
    pub fn above<N: Into<QuantityName>>(
        names: impl IntoIterator<Item = N>,
        bound: impl Into<Quantity>,
    ) -> Self {
        let names = names.into_iter().map(Into::into).collect();
        Self(Condition::Used { names, bound: bound.into(), reached: false })
    }

    /// If the sum of these quantities is so much or more, as some providers count.
    #[must_use]
    pub fn at_or_above<N: Into<QuantityName>>(
        names: impl IntoIterator<Item = N>,
        bound: impl Into<Quantity>,
    ) -> Self {
        let names = names.into_iter().map(Into::into).collect();
        Self(Condition::Used { names, bound: bound.into(), reached: true })
    }

    /// If the work has this label: a service tier (`tier` is `batch`), a region, or any other dimension of a price.
    #[must_use]
    pub fn labelled(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self(Condition::Label { name: name.into(), value: value.into() })
    }

    /// From this moment on.
    #[must_use]
    pub const fn since(moment: Timestamp) -> Self {
        Self(Condition::Since(moment))
    }

    /// Every day from one time until before another, both written as `16:30`, in UTC. If the second is not later than the
    /// first, it is on the next day; if they are the same, it is all day.
    ///
    /// ```
    /// # use billing_guard::When;
    /// assert!(When::daily("16:30", "00:30").is_ok());
    /// assert!(When::daily("16:30", "24:00").is_err());
    /// ```
    ///
    /// # Errors
    /// [`PriceError::InvalidTime`].
    pub fn daily(from: &str, until: &str) -> Result<Self, PriceError> {
        let (from, until) = (minutes(from)?, minutes(until)?);
        Ok(Self(Condition::Daily(Window { from, until, days: 0x7f, offset: 0 })))
    }

    /// The same only where the time of the day [begins](Self::daily) on one of these days. It changes no other condition.
    #[must_use]
    pub fn on(mut self, days: impl IntoIterator<Item = Weekday>) -> Self {
        if let Condition::Daily(window) = &mut self.0 {
            window.days = days.into_iter().fold(0, |bits, day| bits | 1_u8.wrapping_shl(day as u32));
        }
        self
    }

    /// The same with times of the day so many minutes ahead of UTC, at most 18 hours. It changes no other condition.
    ///
    /// # Errors
    /// [`PriceError::InvalidTime`].
    pub fn at_offset_minutes(mut self, minutes: i16) -> Result<Self, PriceError> {
        if minutes.unsigned_abs() > 18 * 60 {
            return Err(PriceError::InvalidTime { text: format!("{minutes} minutes ahead of UTC") });
        }
        if let Condition::Daily(window) = &mut self.0 {
            window.offset = i64::from(minutes);
        }
        Ok(self)
    }

    /// Whether it can hold at all: names and labels are ones that work can have.
    pub(super) fn check(&self) -> Result<(), PriceError> {
        match &self.0 {
            Condition::Used { names, .. } if names.len() > Tariff::MAX_RATES => {
                Err(UsageError::TooMany { count: names.len() }.into())
            }
            Condition::Used { names, .. } => match names.iter().find(|name| !is_name(name)) {
                Some(name) => Err(PriceError::InvalidQuantityName { name: quoted(name) }),
                None => Ok(()),
            },
            Condition::Label { name, value } => Ok(Labels::new([(name, value)]).map(|_| ())?),
            Condition::Since(_) | Condition::Daily(_) => Ok(()),
        }
    }

    /// Whether it depends on how much is used, and on nothing else.
    pub(super) const fn is_about_usage(&self) -> bool {
        matches!(self.0, Condition::Used { .. })
    }

    /// Whether it depends on the moment.
    pub(super) const fn is_about_time(&self) -> bool {
        matches!(self.0, Condition::Since(_) | Condition::Daily(_))
    }

    /// Whether it holds for work at some moment from the first to the last.
    pub(super) fn holds(&self, from: Timestamp, until: Timestamp, labels: &Labels) -> Holds {
        let always = |holds| if holds { Holds::Yes } else { Holds::No };
        match &self.0 {
            Condition::Used { .. } => Holds::Perhaps,
            Condition::Label { name, value } => always(labels.get(name) == Some(value)),
            Condition::Since(moment) if from < *moment && until >= *moment => Holds::Perhaps,
            Condition::Since(moment) => always(from >= *moment),
            Condition::Daily(window) if window.changes(from, until) => Holds::Perhaps,
            Condition::Daily(window) => always(window.holds(from)),
        }
    }

    /// Whether it holds for quantities that each have a least and a most. The moment is not known.
    pub(super) fn holds_for(&self, quantities: &[(&str, Quantity, Quantity)]) -> Holds {
        let (names, bound, reached) = match &self.0 {
            Condition::Used { names, bound, reached } => (names, bound, reached),
            // Work has no labels unless they are given.
            Condition::Label { .. } => return Holds::No,
            Condition::Since(_) | Condition::Daily(_) => return Holds::Perhaps,
        };
        let exceeds = |sum: Option<Quantity>| {
            // A sum that cannot be kept is larger than any bound.
            sum.is_none_or(|sum| sum > *bound || (*reached && sum == *bound))
        };
        let mut sums = (Some(Quantity::ZERO), Some(Quantity::ZERO));
        for (_, least, most) in quantities.iter().filter(|(name, ..)| names.iter().any(|known| known == name))
        {
            sums.0 = sums.0.and_then(|sum| sum.checked_add(*least));
            sums.1 = sums.1.and_then(|sum| sum.checked_add(*most));
        }
        match (exceeds(sums.0), exceeds(sums.1)) {
            (true, _) => Holds::Yes,
            (_, true) => Holds::Perhaps,
            _ => Holds::No,
        }
    }

    /// The most of a quantity as long as the condition does not hold.
    pub(super) fn most_below(&self, name: &str, most: Quantity) -> Quantity {
        match &self.0 {
            Condition::Used { names, bound, reached } if names.iter().any(|known| known == name) => {
                let smallest = Quantity::from_parts(1, Quantity::MAX_PLACES).filter(|_| *reached);
                most.min(bound.checked_sub(smallest.unwrap_or_default()).unwrap_or(*bound))
            }
            _ => most,
        }
    }
}

impl Window {
    fn holds(&self, moment: Timestamp) -> bool {
        let local = moment.as_micros().div_euclid(MINUTE).saturating_add(self.offset);
        let (day, minute) = (local.div_euclid(DAY_MINUTES), local.rem_euclid(DAY_MINUTES));
        // 1970-01-01 was a Thursday.
        let begins_on = |day: i64| {
            let weekday = u32::try_from(day.saturating_add(3).rem_euclid(7)).unwrap_or(0);
            self.days & 1_u8.wrapping_shl(weekday) != 0
        };
        if self.from < self.until {
            begins_on(day) && (self.from..self.until).contains(&minute)
        } else {
            (minute >= self.from && begins_on(day))
                || (minute < self.until && begins_on(day.saturating_sub(1)))
        }
    }

    /// Whether it holds at one moment of these and not at another.
    fn changes(&self, from: Timestamp, until: Timestamp) -> bool {
        let at_first = self.holds(from);
        // It changes at its ends only, and after eight days everything repeats.
        let last = until.as_micros().min(from.as_micros().saturating_add(DAY.saturating_mul(8)));
        let mut midnight = from.as_micros().div_euclid(DAY).saturating_sub(1).saturating_mul(DAY);
        while midnight <= last.saturating_add(DAY) {
            for minute in [self.from, self.until] {
                let end = midnight.saturating_add(minute.saturating_sub(self.offset).saturating_mul(MINUTE));
                let within = end > from.as_micros() && end <= last;
                if within && self.holds(Timestamp::from_micros(end)) != at_first {
                    return true;
                }
            }
            midnight = midnight.saturating_add(DAY);
        }
        false
    }
}

const DAY_MINUTES: i64 = 24 * 60;

/// `16:30` in minutes from midnight.
fn minutes(text: &str) -> Result<i64, PriceError> {
    let number = |text: &str, below: i64| {
        let digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<i64>().ok().filter(|number| digits && *number < below)
    };
    text.split_once(':')
        .and_then(|(hour, minute)| Some((number(hour, 24)?, number(minute, 60)?)))
        .map(|(hour, minute)| hour.saturating_mul(60).saturating_add(minute))
        .ok_or_else(|| PriceError::InvalidTime { text: quoted(text) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> Timestamp {
        format!("{text}:00.000000Z").parse().unwrap()
    }

    fn holds(when: &When, moment: Timestamp) -> bool {
        match when.holds(moment, moment, &Labels::default()) {
            Holds::Yes => true,
            Holds::No => false,
            Holds::Perhaps => panic!("one moment is not two"),
        }
    }

    #[test]
    fn a_time_of_the_day_excludes_its_end_and_may_pass_midnight() {
        let day = When::daily("09:15", "17:45").unwrap();
        let night = When::daily("22:00", "06:30").unwrap();
        let always = When::daily("08:00", "08:00").unwrap();
        for (time, in_day, in_night) in [
            ("00:00", false, true),
            ("06:29", false, true),
            ("06:30", false, false),
            ("09:14", false, false),
            ("09:15", true, false),
            ("17:44", true, false),
            ("17:45", false, false),
            ("21:59", false, false),
            ("22:00", false, true),
            ("23:59", false, true),
        ] {
            let moment = at(&format!("2025-03-05T{time}"));
            assert_eq!((holds(&day, moment), holds(&night, moment)), (in_day, in_night), "{time}");
            assert!(holds(&always, moment));
            // In India it is five and a half hours later.
            let earlier = Timestamp::from_micros(moment.as_micros() - 330 * MINUTE);
            let india = night.clone().at_offset_minutes(330).unwrap();
            assert_eq!(holds(&india, earlier), in_night, "{time}");
        }
        for text in ["", "1:00", "24:00", "12:60", "12:5", "12.30", "+1:00", "12:30:00", "noon"] {
            assert!(matches!(When::daily(text, "12:00"), Err(PriceError::InvalidTime { .. })), "{text}");
        }
        assert!(When::daily("01:00", "02:00").unwrap().at_offset_minutes(1_081).is_err());
    }

    #[test]
    fn a_night_belongs_to_the_day_it_begins_on() {
        // 2025-03-07 was a Friday.
        let friday = When::daily("20:00", "04:00").unwrap().on([Weekday::Friday]);
        for (moment, wanted) in [
            ("2025-03-07T03:00", false),
            ("2025-03-07T20:00", true),
            ("2025-03-08T03:59", true),
            ("2025-03-08T04:00", false),
            ("2025-03-08T20:00", false),
            ("2025-03-14T23:00", true),
        ] {
            assert_eq!(holds(&friday, at(moment)), wanted, "{moment}");
        }
        let sunday = When::daily("00:00", "00:00").unwrap().on([Weekday::Sunday]);
        assert!(holds(&sunday, at("2025-03-09T00:00")) && holds(&sunday, at("2025-03-09T23:59")));
        assert!(!holds(&sunday, at("2025-03-10T00:00")) && !holds(&sunday, at("2025-03-08T23:59")));
        // Before 1970 too: 1969-12-28 was a Sunday.
        assert!(holds(&sunday, at("1969-12-28T12:00")));
    }

    #[test]
    fn a_sum_of_quantities_is_above_or_at_a_bound() {
        let used =
            |least: u64, most: u64| vec![("a", least.into(), most.into()), ("b", 5_u64.into(), 5_u64.into())];
        let above = When::above(["a", "b"], 100_u64);
        let at_or_above = When::at_or_above(["a", "b"], 100_u64);
        for (least, most, wanted_above, wanted_at) in [
            (94, 94, Holds::No, Holds::No),
            (95, 95, Holds::No, Holds::Yes),
            (96, 96, Holds::Yes, Holds::Yes),
            (0, 94, Holds::No, Holds::No),
            (0, 95, Holds::No, Holds::Perhaps),
            (0, 96, Holds::Perhaps, Holds::Perhaps),
            (96, 900, Holds::Yes, Holds::Yes),
            (u64::MAX, u64::MAX, Holds::Yes, Holds::Yes),
        ] {
            assert_eq!(above.holds_for(&used(least, most)), wanted_above, "{least} {most}");
            assert_eq!(at_or_above.holds_for(&used(least, most)), wanted_at, "{least} {most}");
        }
        assert_eq!(When::above(["c"], 0_u64).holds_for(&used(1, 1)), Holds::No);
    }

    proptest! {
        #[test]
        fn a_condition_is_open_exactly_if_it_changes_in_between(
            (from, until) in ("[01][0-9]:[0-5][0-9]", "[01][0-9]:[0-5][0-9]"),
            days in 0_u8..128,
            offset in -1_080_i16..=1_080,
            start in 0_i64..20_000,
            length in prop_oneof![0_i64..200, 0_i64..12_000],
        ) {
            let mut when = When::daily(&from, &until).unwrap().at_offset_minutes(offset).unwrap();
            if let Condition::Daily(window) = &mut when.0 {
                window.days = days;
            }
            let moment = |minute: i64| Timestamp::from_micros(minute * MINUTE);
            let first = holds(&when, moment(start));
            let same = (start..=start + length).all(|minute| holds(&when, moment(minute)) == first);
            let wanted = match (same, first) {
                (false, _) => Holds::Perhaps,
                (true, true) => Holds::Yes,
                (true, false) => Holds::No,
            };
            prop_assert_eq!(when.holds(moment(start), moment(start + length), &Labels::default()), wanted);
        }
    }
}
