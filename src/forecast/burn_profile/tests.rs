#![allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small numbers of tests")]

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::clock::DAY;
use crate::forecast::BurnRate;

const OFFSET_MINUTES: i64 = 345;
const MONDAY: i64 = 4;

fn unit() -> Unit {
    Unit::new("USD", 0).unwrap()
}

/// So many hours after the beginning of a Monday on the clocks of the test.
fn at(hour: i64) -> Timestamp {
    Timestamp::from_micros(MONDAY * DAY + hour * HOUR - OFFSET_MINUTES * 60_000_000)
}

fn spending_of(bin: Bin, hours: &[(i64, i64)], folded_until: Option<Timestamp>) -> Spending {
    let rows: Vec<_> = hours
        .iter()
        .filter(|(_, net)| *net != 0)
        .map(|(hour, net)| {
            json!({
                "start": at(*hour), "label": null,
                "spent": { "charged": net.max(&0).to_string(), "refunded": net.min(&0).abs().to_string(), "charges": "1" },
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

/// What was spent in each hour from a Monday on. The day before, something was, so that this day is a full one.
fn spending(net: &[i64]) -> Spending {
    let hours: Vec<_> = std::iter::once((-1, 1)).chain((0..).zip(net.iter().copied())).collect();
    spending_of(Bin::Hour, &hours, None)
}

fn profile(net: &[i64]) -> Result<BurnProfile, BurnProfileError> {
    BurnProfile::from_spending(&spending(net), at(i64::try_from(net.len()).unwrap()))
}

fn hours_until(runs_out: Timestamp, from: &BurnProfile) -> f64 {
    (runs_out.as_micros() - from.as_of().as_micros()) as f64 / HOUR as f64
}

/// Numbers below one that look like chance, always the same.
fn chance(seed: u64) -> impl Iterator<Item = f64> {
    let mut state = seed;
    std::iter::repeat_with(move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    })
}

fn is_office(hour: usize) -> bool {
    (9..17).contains(&(hour % 24)) && hour / 24 % 7 < 5
}

/// About 1,000 in each hour of the office, a tenth of that in the others, give or take as much as that.
fn office(hours: usize, seed: u64) -> Vec<i64> {
    let amount = |(hour, chance): (usize, f64)| {
        let mean = if is_office(hour) { 1_000.0 } else { 100.0 };
        (mean * (0.2 + 1.6 * chance)) as i64
    };
    (0..hours).zip(chance(seed)).map(amount).collect()
}

#[test]
fn what_is_not_known_is_said() {
    use BurnProfileError::*;
    let days = |days: usize| profile(&vec![7; days * 24]).map(|profile| profile.days());
    assert_eq!(days(0), Err(TooFewDays { known: 0, needed: 4 }));
    assert_eq!(days(3), Err(TooFewDays { known: 3, needed: 4 }));
    assert_eq!((days(4), days(28), days(29)), (Ok(4), Ok(28), Ok(28)));
    let in_hours = |hours: std::ops::Range<usize>, net: i64| {
        let mut all = vec![0; 6 * 24];
        all[hours].fill(net);
        profile(&all)
    };
    assert_eq!(in_hours(9..13, 7), Err(TooFewCharges { known: 4, needed: 5 }));
    assert!(in_hours(9..14, 7).is_ok());
    assert_eq!(in_hours(9..14, -7), Err(NothingSpent));
    let empty = spending_of(Bin::Hour, &[], None);
    assert_eq!(BurnProfile::from_spending(&empty, at(999)), Err(TooFewDays { known: 0, needed: 4 }));
    for bin in [Bin::Day, Bin::Month] {
        assert_eq!(BurnProfile::from_spending(&spending_of(bin, &[], None), at(0)), Err(NotByHour));
    }
    let known = [7; 240];
    let mut stored = serde_json::to_value(spending(&known)).unwrap();
    stored["other"] = json!({ "charged": "1", "refunded": "0", "charges": "1" });
    let full: Spending = serde_json::from_value(stored).unwrap();
    assert_eq!(BurnProfile::from_spending(&full, at(240)), Err(RowsLeftOut));
    // Since history was folded, not since the first charge; the day in which it was is not known in full.
    let hours: Vec<_> = (0..).zip(known).collect();
    let folded = |until: i64| {
        let spending = spending_of(Bin::Hour, &hours, Some(at(until)));
        BurnProfile::from_spending(&spending, at(240)).map(|profile| profile.days())
    };
    assert_eq!((folded(5 * 24 + 1), folded(6 * 24 + 1)), (Ok(4), Err(TooFewDays { known: 3, needed: 4 })));
    let text = TooFewDays { known: 3, needed: 4 }.to_string();
    assert_eq!(text, "3 full days are known, 4 are needed");
}

#[test]
fn a_steady_account_leaves_no_doubt() {
    let steady = profile(&[7; 20 * 24]).unwrap();
    assert!(!steady.hours_differ() && !steady.weekdays_differ());
    assert_eq!(steady.per_day().minor(), 168);
    assert!(steady.week().all(|(_, _, amount)| amount.minor() == 7));
    assert_eq!(steady.week().count(), 168);
    assert_eq!(steady.amount_for_days(30).minor(), 30 * 168);
    assert_eq!(steady.amount_until(at(20 * 24 + 5)).minor(), 35);
    assert_eq!(steady.amount_until(at(20 * 24 - 5)).minor(), 0);
    let runs_out = steady.runs_out(unit().minor(7 * 31)).unwrap();
    assert_eq!((runs_out.earliest(), runs_out.about()), (at(20 * 24 + 31), at(20 * 24 + 31)));
    assert_eq!(runs_out.latest(), Some(at(20 * 24 + 31)));
    assert_eq!(steady.runway(unit().minor(7 * 24 * 3 - 1)).unwrap(), Runway::new(2, 2, Some(2)));
    assert_eq!(steady.runs_out(Unit::new("EUR", 0).unwrap().minor(1)), None);
    assert_eq!(steady.runway(Unit::new("EUR", 0).unwrap().minor(1)), None);
    for nothing in [0, -1, i64::MIN] {
        let runs_out = steady.runs_out(unit().minor(nothing)).unwrap();
        assert_eq!((runs_out.earliest(), runs_out.latest()), (steady.as_of(), Some(steady.as_of())));
    }
}

#[test]
fn office_hours_are_found_and_weekends() {
    let steady: Vec<i64> = (0..27 * 24 + 12).map(|hour| i64::from(is_office(hour)) * 60).collect();
    let found = profile(&steady).unwrap();
    assert!(found.hours_differ() && found.weekdays_differ());
    for (index, (day, hour, amount)) in found.week().enumerate() {
        assert_eq!(amount.minor(), i64::from(is_office(index)) * 60, "{day:?} {hour}");
    }
    // It is Sunday noon: the first dollar goes on Monday at nine, and the last of eight hours' until five.
    let about = |minor| found.runs_out(unit().minor(minor)).unwrap().about();
    assert_eq!(about(1), at(28 * 24 + 9).saturating_add(std::time::Duration::from_secs(60)));
    assert_eq!(about(60 * 7 + 30), at(28 * 24 + 16).saturating_add(std::time::Duration::from_secs(1_800)));
    // With a full day's there is nothing to pay for until the next morning.
    assert_eq!(about(60 * 8), at(29 * 24 + 9));
    assert_eq!(found.amount_for_days(1).minor(), 60 * 3);
    assert_eq!(found.amount_for_days(7).minor(), 60 * 40);
    // Weeks make no difference.
    assert_eq!(about(60 * 40 * 50 + 1).as_micros() - about(1).as_micros(), 50 * 7 * DAY);
}

#[test]
fn with_two_weeks_nights_are_known_and_from_then_on_weekends() {
    let known = |days: usize| {
        let found = profile(&office(days * 24, 3)).unwrap();
        (found.hours_differ(), found.weekdays_differ())
    };
    assert_eq!((known(5), known(13), known(14)), ((true, false), (true, false), (true, true)));
    // A batch once a week is expected in its hour and in no other.
    let batch: Vec<i64> = (0..28 * 24).map(|hour| if hour % 168 == 146 { 900 } else { 10 }).collect();
    let found = profile(&batch).unwrap();
    for (index, (_, _, amount)) in found.week().enumerate() {
        let expected = if index == 146 { 900 } else { 10 };
        assert!((amount.minor() - expected).abs() <= 1, "{index} {amount:?}");
    }
}

/// The error of when something runs out is less than a third of that of the average, in the mean over many times.
#[test]
fn it_beats_the_average_where_there_is_a_rhythm() {
    let (mut profile_off, mut average_off, mut within, mut all) = (0.0, 0.0, 0, 0);
    for seed in 0..8 {
        let net = office(40 * 24, seed);
        for now in (21 * 24..30 * 24).step_by(7) {
            let available = 3_000 + (now as i64 * 997) % 20_000;
            let known = spending(&net[..now]);
            let from = at(now as i64);
            let mut left = available;
            let truth = net[now..]
                .iter()
                .position(|net| {
                    left -= net;
                    left < 0
                })
                .unwrap() as f64;
            let profile = BurnProfile::from_spending(&known, from).unwrap();
            let runs_out = profile.runs_out(unit().minor(available)).unwrap();
            let rate = BurnRate::from_spending(&known, from).unwrap();
            profile_off += (hours_until(runs_out.about(), &profile) - truth).abs();
            average_off += (available as f64 * 24.0 / rate.per_day().minor() as f64 - truth).abs();
            let earliest = hours_until(runs_out.earliest(), &profile);
            let latest = hours_until(runs_out.latest().unwrap(), &profile);
            within += i32::from(earliest - 1.0 <= truth && truth <= latest);
            all += 1;
        }
    }
    assert!(profile_off * 3.0 < average_off, "{profile_off} {average_off}");
    assert!(within * 10 >= all * 9, "{within} of {all}");
}

#[test]
fn what_comes_once_in_a_while_has_no_foreseeable_end() {
    let mut net = vec![0; 28 * 24];
    for hour in [40, 41, 300, 301, 302, 400, 600] {
        net[hour] = 5_000;
    }
    let sporadic = profile(&net).unwrap();
    assert!(!sporadic.hours_differ() && !sporadic.weekdays_differ());
    let runs_out = sporadic.runs_out(unit().minor(10_000)).unwrap();
    assert_eq!(runs_out.latest(), None);
    assert!(hours_until(runs_out.earliest(), &sporadic) < 72.0);
    // Nothing in the last week: then what there was before counts.
    assert!(profile(&[net.as_slice(), &[0; 5 * 24]].concat()).unwrap().per_day().minor() > 0);
    // More than four weeks ago is long ago.
    assert!(profile(&[net.as_slice(), &[0; 28 * 24]].concat()).is_err());
}

#[test]
fn the_last_week_says_how_much() {
    let mut net = vec![10; 21 * 24];
    net.resize(28 * 24, 20);
    assert_eq!(profile(&net).unwrap().per_day().minor(), 480);
    // What is over of the running day counts, the running hour does not.
    net.extend([188; 12]);
    let (now, known) = (at(28 * 24 + 12), |net: &[i64]| spending(net));
    let found = BurnProfile::from_spending(&known(&net), now).unwrap();
    assert_eq!(found.per_day().minor(), ((7 * 480 + 12 * 188) * 24_i64 + 179) / 180);
    net.push(1_000_000);
    let within = now.saturating_add(std::time::Duration::from_millis(1_800_999));
    let later = BurnProfile::from_spending(&known(&net), within).unwrap();
    assert_eq!(later.per_day(), found.per_day());
    // Half an hour of the running hour is left.
    let half = |profile: &BurnProfile| profile.amount_until(at(28 * 24 + 13)).minor();
    assert_eq!((half(&found), half(&later)), (32, 16));
}

#[test]
fn the_ends_of_amounts_and_of_time() {
    let most = unit().minor(i64::MAX);
    let mut net = vec![0; 28 * 24];
    net[30..36].fill(i64::MAX / 8);
    net[660] = i64::MAX / 8;
    let huge = profile(&net).unwrap();
    assert_eq!(huge.amount_for_days(u32::MAX), most);
    assert_eq!(huge.amount_until(Timestamp::MAX), most);
    let runs_out = huge.runs_out(most).unwrap();
    assert!(runs_out.earliest() <= runs_out.about() && runs_out.latest().is_none());
    // A step an hour, and as much there as can be.
    let slow = profile(&[1; 100]).unwrap();
    let runway = slow.runway(most).unwrap();
    assert_eq!((runway.about_days(), runway.at_most_days()), (Runway::MAX_DAYS, None));
    assert_eq!(slow.runs_out(most).unwrap().about(), at(100 + 24 * 3_650));
    let hours: Vec<_> = (0..200).map(|hour| (hour, 1)).collect();
    for now in [i64::MIN, i64::MIN + 1, -1, 0, i64::MAX - 1, i64::MAX].map(Timestamp::from_micros) {
        for folded in [None, Some(now)] {
            let spending = spending_of(Bin::Hour, &hours, folded);
            for now in [now, at(200)] {
                if let Ok(profile) = BurnProfile::from_spending(&spending, now) {
                    assert!(profile.runs_out(most).is_some());
                }
            }
        }
    }
}

/// The expected amount of each hour of a week, computed as the text says with floats.
fn naive(net: &[i64]) -> Option<Vec<f64>> {
    let full = net.len() / 24;
    let from = full.saturating_sub(28) * 24;
    let all: Vec<(usize, f64)> =
        net[from..full * 24].iter().enumerate().map(|(index, net)| (index + from, *net as f64)).collect();
    let mean = |numbers: &[f64]| numbers.iter().sum::<f64>() / numbers.len().max(1) as f64;
    let groups = |numbers: &[(usize, f64)], count: usize| -> Vec<Vec<f64>> {
        (0..count)
            .map(|group| numbers.iter().filter(|one| one.0 % count == group).map(|one| one.1).collect())
            .collect()
    };
    let share = |groups: &[Vec<f64>]| {
        let all: Vec<f64> = groups.concat();
        let used: Vec<&Vec<f64>> = groups.iter().filter(|group| !group.is_empty()).collect();
        let between: f64 =
            used.iter().map(|group| group.len() as f64 * (mean(group) - mean(&all)).powi(2)).sum();
        let within: f64 =
            used.iter().flat_map(|group| group.iter().map(|one| (one - mean(group)).powi(2))).sum();
        let (among, inside) = (used.len() as f64 - 1.0, (all.len() - used.len()) as f64);
        if inside == 0.0 || between < 1e-9 {
            0.0
        } else {
            (1.0 - (within / inside) / (between / among)).max(0.0)
        }
    };
    let average = mean(&all.iter().map(|one| one.1).collect::<Vec<_>>());
    if average <= 0.0 {
        return None;
    }
    let by_hour = groups(&all, 24);
    let days: Vec<(usize, f64)> =
        all.chunks(24).map(|day| (day[0].0 / 24, day.iter().map(|hour| hour.1).sum())).collect();
    let by_day = groups(&days, 7);
    let enough = days.len() >= 14;
    let (hours_share, days_share) = (share(&by_hour), if enough { share(&by_day) } else { 0.0 });
    let factor = |group: &[f64], all: f64, share: f64| {
        if group.is_empty() { 1.0 } else { (1.0 + share * (mean(group) / all - 1.0)).max(0.0) }
    };
    let product = |hour: usize| {
        factor(&by_hour[hour % 24], average, hours_share)
            * factor(&by_day[hour / 24], average * 24.0, days_share)
    };
    let mut week: Vec<f64> = (0..168).map(product).collect();
    let scale = |week: &[f64], numbers: &[(usize, f64)]| {
        let weight: f64 = numbers.iter().map(|one| week[one.0 % 168]).sum();
        numbers.iter().map(|one| one.1).sum::<f64>() / weight
    };
    if enough {
        let level = scale(&week, &all);
        let off: Vec<(usize, f64)> =
            all.iter().map(|one| (one.0, one.1 - level * week[one.0 % 168])).collect();
        let by_cell = groups(&off, 168);
        let share = share(&by_cell);
        week = week
            .iter()
            .zip(&by_cell)
            .map(|(week, off)| (level * week + share * mean(off)).max(0.0))
            .collect();
    }
    let since = |hour: usize| -> Vec<(usize, f64)> {
        (hour..net.len()).map(|hour| (hour, net[hour] as f64)).collect()
    };
    let recent = since(full.saturating_sub(7) * 24);
    let spent: f64 = recent.iter().map(|one| one.1).sum();
    let level = if spent > 0.0 { scale(&week, &recent) } else { scale(&week, &since(from)) };
    Some(week.into_iter().map(|week| week * level).collect())
}

/// Days with a rhythm, with chance, with neither; and some hours of the day that is running.
fn history() -> impl Strategy<Value = Vec<i64>> {
    let size = prop_oneof![1..20_i64, 1..1_i64 << 30];
    (4..35_usize, 0..24_usize, size, any::<u64>(), 0..4_u8).prop_map(|(days, more, size, seed, kind)| {
        let amount = |(hour, chance): (usize, f64)| match kind {
            0 => size,
            1 => (size as f64 * chance) as i64,
            2 if is_office(hour) => size + (size as f64 * chance) as i64,
            3 if chance < 0.05 => size,
            3 if chance > 0.98 => -size / 2,
            _ => i64::from(chance > 0.9),
        };
        (0..days * 24 + more).zip(chance(seed)).map(amount).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn it_is_what_the_text_says(net in history(), available in 0..1_i64 << 40, days in 0..400_u32) {
        let Ok(found) = profile(&net) else { return Ok(()) };
        let week = naive(&net).unwrap();
        let largest = week.iter().copied().fold(0.0, f64::max);
        for ((_, _, amount), expected) in found.week().zip(&week) {
            // Shares are known to one part in 65,536.
            let off = (amount.minor() as f64 - expected).abs();
            prop_assert!(off <= 1.0 + largest / 2_000.0, "{} {expected} {largest}", amount.minor());
        }
        let start = net.len() % 168;
        let expected: f64 = (0..days as usize * 24).map(|hour| week[(start + hour) % 168]).sum();
        let amount = found.amount_for_days(days).minor();
        prop_assert!((amount as f64 - expected).abs() <= 1.0 + largest * f64::from(days) / 100.0);
        // In order, and so much lasts so long and a step less does not.
        let runs_out = found.runs_out(unit().minor(available)).unwrap();
        prop_assert!(found.as_of() <= runs_out.earliest() && runs_out.earliest() <= runs_out.about());
        prop_assert!(runs_out.latest().is_none_or(|latest| latest >= runs_out.about()));
        let about = |minor| found.runs_out(unit().minor(minor)).unwrap().about();
        let end = at((net.len() + days as usize * 24) as i64);
        if amount > 0 {
            prop_assert!(about(amount) >= end && about(amount - 1) <= end);
        }
        if runs_out.about() < at(net.len() as i64 + 3_649 * 24) {
            prop_assert!(found.amount_until(runs_out.about()).minor() <= available);
            let second = std::time::Duration::from_secs(1);
            prop_assert!(found.amount_until(runs_out.about().saturating_add(second)).minor() >= available);
        }
        // The more there is, the later.
        let more = found.runs_out(unit().minor(available + 1 + available / 7)).unwrap();
        prop_assert!(more.earliest() >= runs_out.earliest() && more.about() >= runs_out.about());
        if let Some(latest) = more.latest() {
            prop_assert!(runs_out.latest().is_some_and(|before| before <= latest));
        }
    }

    /// The interval by trying: at its ends, what is expected is two standard deviations more or less.
    #[test]
    fn the_interval_is_two_standard_deviations(net in history(), available in 1..1_i64 << 36) {
        let Ok(found) = profile(&net) else { return Ok(()) };
        let runs_out = found.runs_out(unit().minor(available)).unwrap();
        // On the scale of the rhythm.
        let known = found.rhythm.scaled(found.spent) as f64;
        let wanted = found.rhythm.scaled(available.unsigned_abs().into()) as f64;
        let expected = |until: Timestamp| {
            let seconds = (until.as_micros() - found.as_of().as_micros()) / 1_000_000;
            found.weight_of(seconds as u64) as f64 / found.weight as f64 * known
        };
        let deviations = |expected: f64| (found.spread as f64 * expected * (1.0 + expected / known)).sqrt();
        let far = at(net.len() as i64 + 3_000 * 24);
        if runs_out.about() > far {
            return Ok(());
        }
        let second = std::time::Duration::from_secs(1);
        let near = wanted / 1_000_000.0 + 2.0;
        let after = expected(runs_out.earliest().saturating_add(second));
        prop_assert!(after + deviations(after) >= wanted - near, "{after} {} {wanted}", deviations(after));
        if let Some(latest) = runs_out.latest() {
            let after = expected(latest.saturating_add(second));
            prop_assert!(after - deviations(after) >= wanted - near);
        } else {
            let later = known * 5_000.0 / 7.0;
            prop_assert!(later - deviations(later) < wanted.max(known * 0.2) || found.spread as f64 > known * 0.5);
        }
    }
}
