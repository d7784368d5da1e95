use super::*;
use proptest::prelude::*;

fn at(text: &str) -> Timestamp {
    let whole = if text.contains('T') { text.to_owned() } else { format!("{text}T00:00:00.000000Z") };
    whole.parse().unwrap()
}

fn period(text: &str) -> Period {
    text.parse().unwrap()
}

fn counts(period: Period, start: Timestamp, now: Timestamp) -> bool {
    (period.counts_from(now)..=period.start_of(now)).contains(&start)
}

/// Each row: a period, a moment, and the start and end of the row it lies in.
#[test]
fn worked_examples() {
    for (text, now, start, end) in [
        ("day", "2026-02-28T23:59:59.999999Z", "2026-02-28", "2026-03-01"),
        ("day", "1969-12-31T23:59:59.999999Z", "1969-12-31", "1970-01-01"),
        ("day", "1970-01-01", "1970-01-01", "1970-01-02"),
        ("day at +05:45", "2026-01-01", "2025-12-31T18:15:00.000000Z", "2026-01-01T18:15:00.000000Z"),
        ("day at -05:00", "2026-01-01", "2025-12-31T05:00:00.000000Z", "2026-01-01T05:00:00.000000Z"),
        (
            "day from 2026-06-15T09:30:00.000000Z",
            "1969-12-31T09:29:59.999999Z",
            "1969-12-30T09:30:00.000000Z",
            "1969-12-31T09:30:00.000000Z",
        ),
        // 2026-01-01 is a Thursday.
        ("week", "2026-01-01", "2025-12-29", "2026-01-05"),
        ("week", "2026-01-05", "2026-01-05", "2026-01-12"),
        ("week", "1970-01-01", "1969-12-29", "1970-01-05"),
        ("week", "0000-01-01", "-001-12-27", "0000-01-03"),
        ("week from 2026-01-01T00:00:00.000000Z", "2027-01-01", "2026-12-31", "2027-01-07"),
        (
            "week at +05:45",
            "2026-01-04T18:15:00.000000Z",
            "2026-01-04T18:15:00.000000Z",
            "2026-01-11T18:15:00.000000Z",
        ),
        ("month", "2024-02-29T12:00:00.000000Z", "2024-02-01", "2024-03-01"),
        ("month", "2025-12-31T23:59:59.999999Z", "2025-12-01", "2026-01-01"),
        ("month", "1969-12-31T23:59:59.999999Z", "1969-12-01", "1970-01-01"),
        ("month", "2000-02-29", "2000-02-01", "2000-03-01"),
        (
            "month at +05:45",
            "2025-12-31T18:14:59.999999Z",
            "2025-11-30T18:15:00.000000Z",
            "2025-12-31T18:15:00.000000Z",
        ),
        (
            "month at +05:45",
            "2025-12-31T18:15:00.000000Z",
            "2025-12-31T18:15:00.000000Z",
            "2026-01-31T18:15:00.000000Z",
        ),
        ("month from 2026-01-31T00:00:00.000000Z", "2026-02-27", "2026-01-31", "2026-02-28"),
        ("month from 2026-01-31T00:00:00.000000Z", "2026-02-28", "2026-02-28", "2026-03-31"),
        ("month from 2026-01-31T00:00:00.000000Z", "2026-03-31", "2026-03-31", "2026-04-30"),
        ("month from 2026-01-31T00:00:00.000000Z", "2024-03-01", "2024-02-29", "2024-03-31"),
        ("month from 2026-01-31T00:00:00.000000Z", "2000-03-01", "2000-02-29", "2000-03-31"),
        ("month from 2026-01-30T00:00:00.000000Z", "1900-02-28", "1900-02-28", "1900-03-30"),
        // On the 15th at two o'clock, on clocks two hours ahead.
        (
            "month from 2026-01-15T00:00:00.000000Z at +02:00",
            "2026-01-14T23:59:59.999999Z",
            "2025-12-15",
            "2026-01-15",
        ),
        // The 1st there, the 28th of February here: a month from the 1st, not from the 28th.
        (
            "month from 2026-02-28T20:00:00.000000Z at +05:45",
            "2026-03-31",
            "2026-02-28T20:00:00.000000Z",
            "2026-03-31T20:00:00.000000Z",
        ),
        ("year", "2024-12-31T23:59:59.999999Z", "2024-01-01", "2025-01-01"),
        ("year at -12:00", "2026-01-01", "2025-01-01T12:00:00.000000Z", "2026-01-01T12:00:00.000000Z"),
        ("year from 2024-02-29T00:00:00.000000Z", "2026-02-27", "2025-02-28", "2026-02-28"),
        ("year from 2024-02-29T00:00:00.000000Z", "2028-02-28", "2027-02-28", "2028-02-29"),
        ("year from 2024-02-29T00:00:00.000000Z", "1900-03-01", "1900-02-28", "1901-02-28"),
        (
            "year from 2026-12-31T23:00:00.000000Z at +02:00",
            "2026-12-31T23:00:00.000000Z",
            "2026-12-31T23:00:00.000000Z",
            "2027-12-31T23:00:00.000000Z",
        ),
        (
            "rolling 3600s",
            "2026-01-01T12:00:30.000000Z",
            "2026-01-01T12:00:00.000000Z",
            "2026-01-01T12:01:00.000000Z",
        ),
        ("rolling 3600s", "1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:00.000000Z", "1970-01-01"),
    ] {
        let row = period(text);
        assert_eq!(row.start_of(at(now)), at(start), "{text}: start at {now}");
        assert_eq!(row.end_of(at(now)), at(end), "{text}: end at {now}");
    }
}

#[test]
fn a_rolling_window_rounds_against_the_spender() {
    let hour = Period::rolling(Duration::from_secs(3600)).unwrap();
    let (start, now) = (at("2026-01-01T12:00:00.000000Z"), at("2026-01-01T13:00:59.999999Z"));
    assert!(hour.is_rolling() && !Period::day().is_rolling());
    assert_eq!(hour.counts_from(now), start);
    assert_eq!(hour.start_of(now), at("2026-01-01T13:00:00.000000Z"));
    assert_eq!(hour.leaves_at(start), at("2026-01-01T13:01:00.000000Z"));
}

#[test]
fn months_from_the_31st_do_not_drift() {
    let month = period("month from 2026-01-31T00:00:00.000000Z");
    let mut start = at("2026-01-31");
    for wanted in ["02-28", "03-31", "04-30", "05-31", "06-30", "07-31", "08-31", "09-30", "10-31", "11-30"] {
        start = month.end_of(start);
        assert_eq!(start, at(&format!("2026-{wanted}")));
    }
}

#[test]
fn windows_and_offsets_end_where_they_say() {
    let micros = Duration::from_micros;
    for window in [Period::MIN_WINDOW, Period::MAX_WINDOW, micros(60_000_060), Duration::from_secs(63)] {
        assert!(Period::rolling(window).is_ok(), "{window:?}");
    }
    for window in [
        Duration::ZERO,
        micros(59_999_940),
        micros(60_000_001),
        Duration::from_secs(61),
        Duration::from_nanos(61_000_000_001),
        Duration::from_nanos(60_000_060_060),
        Period::MAX_WINDOW + micros(60),
        Duration::MAX,
    ] {
        let error = Period::rolling(window).unwrap_err();
        assert!(error.to_string().contains(&format!("{window:?}")), "{error}");
    }
    for minutes in [i16::MIN, -1081, 1081, i16::MAX] {
        for calendar in [Period::day(), Period::week(), Period::month(), Period::year()] {
            assert_eq!(calendar.at_offset_minutes(minutes), Err(PeriodError::Offset { minutes }));
            assert_eq!(calendar.anchored_at(Timestamp::MAX, minutes), Err(PeriodError::Offset { minutes }));
            assert!(calendar.at_offset_minutes(minutes.clamp(-1080, 1080)).is_ok());
        }
    }
    let minute = Period::rolling(Period::MIN_WINDOW).unwrap();
    assert_eq!(minute.at_offset_minutes(0), Err(PeriodError::Rolling));
    assert_eq!(minute.anchored_at(Timestamp::default(), 0), Err(PeriodError::Rolling));
}

#[test]
fn a_period_has_one_text() {
    for (text, canonical) in [
        ("day", "day"),
        ("day at +00:00", "day"),
        ("day from 1970-01-01T00:00:00.000000Z at -11:00", "day"),
        ("day at +05:45", "day from 2024-01-01T18:15:00.000000Z"),
        ("week from 1969-12-29T00:00:00.000000Z", "week"),
        ("week at +01:00", "week from 2024-01-07T23:00:00.000000Z"),
        ("month from 2026-07-01T00:00:00.000000Z", "month"),
        ("month from 2025-12-31T22:00:00.000000Z at +02:00", "month at +02:00"),
        (
            "month from 2026-02-15T00:00:00.000000Z at +02:00",
            "month from 2024-01-15T00:00:00.000000Z at +02:00",
        ),
        (
            "month from 2026-01-15T00:00:00.000000Z at -05:45",
            "month from 2024-01-15T00:00:00.000000Z at -05:45",
        ),
        ("year from 1999-01-01T00:00:00.000000Z", "year"),
        ("year from 2000-02-29T00:00:00.000001Z", "year from 2024-02-29T00:00:00.000001Z"),
        ("rolling 60s", "rolling 60s"),
        ("rolling 60000060us", "rolling 60000060us"),
    ] {
        assert_eq!(period(text).to_string(), canonical);
        assert_eq!(period(canonical), period(text));
    }
    for unit in [Period::day(), Period::week(), Period::month(), Period::year()] {
        assert_eq!(period(&unit.to_string()), unit);
        assert!(["day", "week", "month", "year"].contains(&unit.to_string().as_str()), "{unit}");
    }
    assert_ne!(period("month at +02:00"), period("month"));
    assert_eq!(size_of::<Period>(), 16);
    assert_eq!(format!("{:?}", Period::month()), "Period(month)");
}

#[test]
fn what_is_no_period_is_quoted() {
    for text in [
        "",
        "Day",
        "day ",
        " day",
        "fortnight",
        "month\n",
        "rolling",
        "rolling ",
        "rolling 60",
        "rolling 060s",
        "rolling +60s",
        "rolling 60000000us",
        "rolling 60.5s",
        "rolling 60s at +02:00",
        "rolling 99999999999999999999s",
        "month at",
        "month at 02:00",
        "month at +2:00",
        "month at +02:60",
        "month at +0200",
        "month at +02:00 at +02:00",
        "month at +02:00 from 2026-01-15T00:00:00.000000Z",
        "month from 2026-01-15",
        "month from 2026-02-29T00:00:00.000000Z",
        "month from  at +02:00",
        "from 2026-01-15T00:00:00.000000Z",
    ] {
        let error = text.parse::<Period>().unwrap_err();
        assert_eq!(error, PeriodError::Invalid { text: quoted(text) });
        assert!(error.to_string().starts_with(&quoted(text)));
    }
    assert_eq!("day at -18:01".parse::<Period>(), Err(PeriodError::Offset { minutes: -1081 }));
    let window = Duration::from_secs(59);
    assert_eq!("rolling 59s".parse::<Period>(), Err(PeriodError::Window { window }));
}

fn any_calendar() -> impl Strategy<Value = Period> {
    let unit = prop::sample::select(vec![Period::day(), Period::week(), Period::month(), Period::year()]);
    let offset = prop_oneof![Just(0), -1080_i16..=1080, Just(1080), Just(-1080)];
    (unit, prop::option::weighted(0.8, any_moment()), offset).prop_map(
        |(unit, anchor, offset)| match anchor {
            Some(anchor) => unit.anchored_at(anchor, offset).unwrap(),
            None => unit.at_offset_minutes(offset).unwrap(),
        },
    )
}

fn any_period() -> impl Strategy<Value = Period> {
    let bucket = prop_oneof![
        1_000_000_u64..=527_040_000_000,
        Just(1_000_000),
        Just(527_040_000_000),
        (1_u64..=8784).prop_map(|hours| hours * 60_000_000),
    ];
    let rolling = bucket.prop_map(|bucket| Period::rolling(Duration::from_micros(bucket * 60)).unwrap());
    prop_oneof![1 => rolling, 3 => any_calendar()]
}

fn few_periods() -> impl Strategy<Value = Period> {
    let unit = prop::sample::select(vec![Period::day(), Period::week(), Period::month(), Period::year()]);
    (unit, 0_i64..128, prop::sample::select(vec![0, 720])).prop_map(|(unit, half_days, offset)| {
        unit.anchored_at(Timestamp::from_micros(half_days * DAY / 2), offset).unwrap()
    })
}

/// Any moment; more often one of our time, of the ends of time, or of a month's last days.
fn any_moment() -> impl Strategy<Value = Timestamp> {
    let near = 0..800 * DAY;
    let month_end = (-4_000_i64..4_000, 1_i64..=12, 28_i64..=32, -DAY..DAY)
        .prop_map(|(year, month, day, time)| civil_day(year, month, day) * DAY + time);
    prop_oneof![
        1 => any::<i64>(),
        2 => near.clone().prop_map(|after| i64::MIN + after),
        2 => near.clone().prop_map(|before| i64::MAX - before),
        2 => (-100 * 366 * DAY)..(100 * 366 * DAY),
        1 => -3_i64..=3,
        3 => month_end,
    ]
    .prop_map(Timestamp::from_micros)
}

fn earlier(moment: Timestamp) -> Timestamp {
    Timestamp::from_micros(moment.as_micros() - 1)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn rows_follow_one_another_without_gap_or_overlap(period in any_period(), now in any_moment()) {
        let (start, end) = (period.start_of(now), period.end_of(period.start_of(now)));
        prop_assert!(start <= now && (now < end || end == Timestamp::MAX));
        prop_assert_eq!(period.start_of(start), start);
        prop_assert_eq!(period.end_of(now), end);
        if end < Timestamp::MAX {
            prop_assert_eq!(period.start_of(end), end);
            prop_assert_eq!(period.start_of(earlier(end)), start);
        }
        if start > Timestamp::from_micros(i64::MIN) {
            prop_assert_eq!(period.end_of(earlier(start)), start);
        }
    }

    #[test]
    fn later_is_never_earlier(period in any_period(), one in any_moment(), other in any_moment()) {
        let (first, second) = (one.min(other), one.max(other));
        for ask in [Period::start_of, Period::end_of, Period::counts_from, Period::leaves_at] {
            prop_assert!(ask(period, first) <= ask(period, second));
        }
    }

    #[test]
    fn a_row_counts_until_it_leaves_and_not_after(
        period in any_period(), charged in any_moment(), rows in 0_u8..65, later in any_moment(),
    ) {
        let start = period.start_of(charged);
        let leaves = period.leaves_at(start);
        let not_saturated = leaves < Timestamp::MAX;
        prop_assert!(counts(period, start, charged));
        if not_saturated {
            prop_assert!(counts(period, start, earlier(leaves)));
            prop_assert!(!counts(period, start, leaves));
        }
        let soon = (0..rows).fold(charged, |now, _| period.end_of(now));
        for now in [later, soon] {
            if not_saturated && now >= charged {
                prop_assert_eq!(counts(period, start, now), now < leaves);
            }
            if now < start {
                prop_assert!(!counts(period, start, now));
            }
        }
        if !period.is_rolling() {
            prop_assert_eq!(period.counts_from(charged), start);
            prop_assert_eq!(leaves, period.end_of(start));
        }
    }

    #[test]
    fn the_oldest_row_that_counts_holds_the_far_end_of_the_window(minutes in 1_i64..=366 * 1440, now: i32) {
        let (now, window) = (i64::from(now) * 1_000_003, minutes * MINUTE);
        let period = Period::rolling(Duration::from_micros(window.unsigned_abs())).unwrap();
        let (far_end, oldest) = (Timestamp::from_micros(now - window), period.counts_from(Timestamp::from_micros(now)));
        prop_assert_eq!(oldest, period.start_of(far_end));
        prop_assert_eq!(oldest.as_micros().rem_euclid(window / 60), 0);
        let rows = (period.start_of(Timestamp::from_micros(now)).as_micros() - oldest.as_micros()) / (window / 60) + 1;
        prop_assert_eq!(rows, 61);
    }

    /// Against the definition: what the local calendar reads at a start.
    #[test]
    fn a_calendar_row_begins_at_the_anchors_local_time(
        anchor in any_moment(), now in any_moment(), offset in -1080_i16..=1080,
    ) {
        let read = |moment| {
            let (day, time) = local(moment, offset);
            (day, civil_date(day), time)
        };
        // Away from the ends of time, where starts saturate.
        let now = now.clamp(clamped(i128::from(i64::MIN + 800 * DAY)), clamped(i128::from(i64::MAX - 800 * DAY)));
        let (anchor_day, (_, anchor_month, day_of_month), time) = read(anchor);
        for unit in [Period::day(), Period::week(), Period::month(), Period::year()] {
            let period = unit.anchored_at(anchor, offset).unwrap();
            let (start_day, (year, month, start_day_of_month), start_time) = read(period.start_of(now));
            prop_assert_eq!(start_time, time);
            let days = read(period.end_of(now)).0 - start_day;
            let last = civil_day(year + month / 12, month % 12 + 1, 1) - civil_day(year, month, 1);
            match unit.to_string().as_str() {
                "day" => prop_assert_eq!(days, 1),
                "week" => prop_assert_eq!((days, (start_day - anchor_day) % 7), (7, 0)),
                "month" => {
                    prop_assert_eq!(start_day_of_month, day_of_month.min(last));
                    prop_assert!((28..=31).contains(&days));
                }
                _ => {
                    prop_assert_eq!((month, start_day_of_month), (anchor_month, day_of_month.min(last)));
                    prop_assert!((365..=366).contains(&days));
                }
            }
        }
    }

    #[test]
    fn days_and_weeks_that_cut_alike_are_equal(anchor: i32, times: i16, offset in -1080_i16..=1080) {
        let anchor = i64::from(anchor) * 1_000_003;
        for (unit, days) in [(Period::day(), 1), (Period::week(), 7)] {
            let one = unit.anchored_at(Timestamp::from_micros(anchor), 0).unwrap();
            let moved = Timestamp::from_micros(anchor + i64::from(times) * days * DAY);
            prop_assert_eq!(unit.anchored_at(moved, offset), Ok(one));
        }
    }

    #[test]
    fn text_and_serde_round_trip(period in any_period(), now in any_moment()) {
        let read = period.to_string().parse::<Period>().unwrap();
        prop_assert_eq!(read, period);
        prop_assert_eq!(read.start_of(now), period.start_of(now));
        let json = serde_json::to_string(&period).unwrap();
        prop_assert_eq!(serde_json::from_str::<Period>(&json).unwrap(), period);
    }

    /// Among few enough periods that many are equal.
    #[test]
    fn equal_periods_have_one_text_and_one_cut(one in few_periods(), other in few_periods(), now in any_moment()) {
        prop_assert_eq!(one == other, one.to_string() == other.to_string());
        if one == other {
            prop_assert_eq!(one.start_of(now), other.start_of(now));
        }
    }

    #[test]
    fn hostile_text_is_an_error_not_a_panic(
        text in "\\PC{0,60}|rolling [0-9]{0,25}u?s|(day|week|month|year)( from [-0-9T:.Z]{0,40})?( at [-+0-9:]{0,9})?",
    ) {
        let _ = text.parse::<Period>();
    }
}
