//! The times of the day at which LiteLLM's table states other prices.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::price::object::Object;
use crate::price::{Weekday, When};

const DAY: u16 = 24 * 60;

/// Zones that have not changed their clocks for decades, in minutes ahead of UTC. A zone that does so is no fixed time of the
/// day.
const ZONES: [(&str, u16); 7] = [
    ("UTC", 0),
    ("Etc/UTC", 0),
    ("Asia/Kolkata", 330),
    ("Asia/Shanghai", 480),
    ("Asia/Singapore", 480),
    ("Asia/Seoul", 540),
    ("Asia/Tokyo", 540),
];

/// Other prices, and when they are in force.
pub(super) struct OffPeak<'a> {
    pub(super) windows: Vec<When>,
    /// All that the block states beside its times.
    pub(super) prices: Vec<(String, &'a RawValue)>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Hours {
    One(String),
    Many(Vec<String>),
}

/// Times of the day in UTC, and on which days; a day is one of the zone's.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    hours_utc: Hours,
    weekdays: Option<Vec<Day>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Day {
    Number(usize),
    Name(String),
}

/// Reads a block; `None` if anything about its times is not understood.
pub(super) fn read(block: &RawValue) -> Option<OffPeak<'_>> {
    let (mut rules, mut offset, mut prices) = (Vec::new(), 0, Vec::new());
    for (member, value) in Object::read(block)?.0 {
        match &*member {
            "hours_utc" => {
                rules.push(Rule { hours_utc: serde_json::from_str(value.get()).ok()?, weekdays: None });
            }
            "windows" => rules.append(&mut serde_json::from_str(value.get()).ok()?),
            "weekday_timezone" => {
                let zone: String = serde_json::from_str(value.get()).ok()?;
                offset = ZONES.iter().find(|(known, _)| *known == zone)?.1;
            }
            _ => prices.push((member, value)),
        }
    }
    let mut windows = Vec::new();
    for rule in &rules {
        let days = match &rule.weekdays {
            None => Weekday::NAMED.iter().map(|(_, day)| *day).collect(),
            Some(days) => days.iter().map(Day::weekday).collect::<Option<Vec<_>>>()?,
        };
        for hours in rule.hours_utc.each() {
            for (from, until) in within_days(hours, offset)? {
                let when = When::daily(&clock(from), &clock(until)).ok()?;
                windows
                    .push(when.on(days.iter().copied()).at_offset_minutes(i16::try_from(offset).ok()?).ok()?);
            }
        }
    }
    (!windows.is_empty()).then_some(OffPeak { windows, prices })
}

impl Hours {
    fn each(&self) -> &[String] {
        match self {
            Self::One(hours) => std::slice::from_ref(hours),
            Self::Many(hours) => hours,
        }
    }
}

impl Day {
    fn weekday(&self) -> Option<Weekday> {
        match self {
            Self::Number(number) => Weekday::NAMED.get(number.checked_sub(1)?).map(|(_, day)| *day),
            Self::Name(name) => {
                let name = name.trim().to_lowercase();
                let known = |full: &str| full == name || full.get(..3) == Some(&name);
                Weekday::NAMED.iter().find(|(full, _)| known(full)).map(|(_, day)| *day)
            }
        }
    }
}

/// A time of the day in UTC, `16:30-00:30`, as times that do not pass midnight in the zone, where the day of the week
/// changes. An end that is not later than the start is on the next day; the same time twice is all day.
fn within_days(hours: &str, offset: u16) -> Option<Vec<(u16, u16)>> {
    let (from, until) = hours.split_once('-')?;
    let (from, until) = (minutes(from)?, minutes(until)?);
    let length =
        if from < until { until.checked_sub(from)? } else { DAY.checked_sub(from)?.checked_add(until)? };
    if length == DAY {
        return Some(vec![(0, 0)]);
    }
    let start = from.checked_add(offset)?.checked_rem(DAY)?;
    let end = start.checked_add(length)?;
    Some(match end.checked_sub(DAY) {
        None => vec![(start, end)],
        Some(0) => vec![(start, 0)],
        Some(rest) => vec![(start, 0), (0, rest)],
    })
}

fn minutes(text: &str) -> Option<u16> {
    let (hour, minute) = text.trim().split_once(':')?;
    let number = |text: &str, below: u16| {
        let digits = matches!(text.len(), 1 | 2) && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<u16>().ok().filter(|number| digits && *number < below)
    };
    number(hour, 24)?.checked_mul(60)?.checked_add(number(minute, 60)?)
}

fn clock(minute: u16) -> String {
    format!("{:02}:{:02}", minute.div_euclid(60), minute.rem_euclid(60))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::amount::Unit;
    use crate::clock::Timestamp;
    use crate::id::Labels;
    use crate::price::PriceBook;
    use crate::usage::Usage;

    /// Whether a block of these times is in force, minute by minute from a Monday, 2025-03-03, on.
    fn in_force(times: &str, minutes: impl IntoIterator<Item = i64>) -> Vec<bool> {
        let table = format!(
            "{{\"m\": {{\"input_cost_per_token\": 2,
            \"off_peak_pricing\": {{\"input_cost_per_token\": 1, {times}}}}}}}"
        );
        let import = PriceBook::from_litellm(&table, Unit::new("USD", 0).unwrap()).unwrap();
        assert!(import.ignored.is_empty(), "{times}");
        let tariff = import.book.tariff("m").unwrap();
        let monday: Timestamp = "2025-03-03T00:00:00.000000Z".parse().unwrap();
        let usage = Usage::new().with("input_tokens", 1_u64);
        let charged = |minute: i64| {
            let moment = Timestamp::from_micros(monday.as_micros() + minute * 60_000_000);
            tariff.at(moment, &Labels::default()).charge(&usage, import.book.unit()).unwrap().minor()
        };
        minutes.into_iter().map(|minute| charged(minute) == 1).collect()
    }

    #[test]
    fn several_windows_and_days() {
        let times = r#""windows": [
            {"hours_utc": ["00:00-01:00", "04:00-06:00", "10:00-00:00"], "weekdays": [1, 2, 3, 4, 5]},
            {"hours_utc": "00:00-00:00", "weekdays": ["sat", "Sunday"]}]"#;
        for (day, hour, minute, wanted) in [
            (0, 0, 0, true),
            (0, 0, 59, true),
            (0, 1, 0, false),
            (0, 3, 59, false),
            (4, 4, 0, true),
            (4, 6, 0, false),
            (4, 9, 59, false),
            (4, 10, 0, true),
            (4, 23, 59, true),
            (5, 3, 0, true),
            (6, 23, 59, true),
            (7, 3, 0, false),
        ] {
            let minute = day * 24 * 60 + hour * 60 + minute;
            assert_eq!(in_force(times, [minute]), [wanted], "{day} {hour}");
        }
    }

    #[test]
    fn what_is_not_understood_is_not_used_at_all() {
        for times in [
            "{}",
            "[]",
            r#"{"hours_utc": []}"#,
            r#"{"hours_utc": "noon"}"#,
            r#"{"hours_utc": "00:00-24:00"}"#,
            r#"{"hours_utc": "00:00"}"#,
            r#"{"hours_utc": 5}"#,
            r#"{"windows": "00:00-01:00"}"#,
            r#"{"windows": [{"weekdays": [1]}]}"#,
            r#"{"windows": [{"hours_utc": "00:00-01:00", "weekdays": [0]}]}"#,
            r#"{"windows": [{"hours_utc": "00:00-01:00", "weekdays": [8]}]}"#,
            r#"{"windows": [{"hours_utc": "00:00-01:00", "weekdays": ["someday"]}]}"#,
            r#"{"windows": [{"hours_utc": "00:00-01:00", "until": "2030-01-01"}]}"#,
            r#"{"hours_utc": "00:00-01:00", "weekday_timezone": "Europe/Berlin"}"#,
        ] {
            assert!(read(serde_json::from_str(times).unwrap()).is_none(), "{times}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn a_window_is_in_force_by_the_clock_in_utc_and_the_weekday_of_the_zone(
            (from, until) in (0..1_440_i64, 0..1_440_i64),
            days in proptest::collection::btree_set(1..=7_i64, 1..7),
            (zone, offset) in prop_oneof![
                Just(("UTC", 0)), Just(("Asia/Shanghai", 480)), Just(("Asia/Kolkata", 330))
            ],
            minutes in proptest::collection::vec(0..20_160_i64, 60),
        ) {
            let clock = |minute: i64| format!("{:02}:{:02}", minute / 60, minute % 60);
            let days: Vec<_> = days.into_iter().collect();
            let times = format!(
                "\"windows\": [{{\"hours_utc\": \"{}-{}\", \"weekdays\": {days:?}}}], \"weekday_timezone\": \"{zone}\"",
                clock(from), clock(until),
            );
            // Both ends, and as many others.
            let ends = [from, from - 1 + 1_440, until, until + 1_440 - 1, 1_440, 1_440 - offset];
            let minutes: Vec<_> = minutes.into_iter().chain(ends).collect();
            let wanted = minutes.iter().map(|minute| {
                let of_day = minute % 1_440;
                let within = if from < until { (from..until).contains(&of_day) } else { of_day >= from || of_day < until };
                // Monday is 1.
                within && days.contains(&((minute + offset) / 1_440 % 7 + 1))
            });
            prop_assert_eq!(in_force(&times, minutes.iter().copied()), wanted.collect::<Vec<_>>());
        }
    }
}
