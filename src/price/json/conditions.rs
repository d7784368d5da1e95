//! When other prices apply, as JSON.

use std::borrow::Cow;

use super::faults::{BookProblem, Found};
use super::text::Json;
use super::value::{Fields, Kind, Value};
use crate::clock::Timestamp;
use crate::price::when::{Condition, Window};
use crate::price::{PriceError, Tariff, Weekday, When};

const KINDS: [Kind<When>; 5] = [
    Kind { name: "above", others: &["of"], read: |value, fields, found| used(value, fields, false, found) },
    Kind {
        name: "at_or_above",
        others: &["of"],
        read: |value, fields, found| used(value, fields, true, found),
    },
    Kind { name: "label", others: &["is"], read: label },
    Kind { name: "since", others: &[], read: |value, _, found| since(value, found) },
    Kind { name: "daily_from", others: &["until", "on", "offset_minutes"], read: daily },
];

pub(super) fn read(value: Value<'_, '_>, found: &mut Found) -> Option<When> {
    let when = value.one_of(&KINDS, found)?;
    when.check().map_err(|problem| found.add(value.place, problem)).ok()?;
    Some(when)
}

pub(super) fn write(when: &When) -> Json {
    match &when.0 {
        Condition::Used { names, bound, reached } => Json::object([
            (if *reached { "at_or_above" } else { "above" }, Json::text(bound)),
            ("of", Json::List(names.iter().map(Json::text).collect())),
        ]),
        Condition::Label { name, value } => {
            Json::object([("label", Json::text(name)), ("is", Json::text(value))])
        }
        Condition::Since(moment) => Json::object([("since", Json::text(short(*moment)))]),
        Condition::Daily(window) => write_daily(window),
    }
}

fn used(value: Value<'_, '_>, fields: &Fields<'_, '_>, reached: bool, found: &mut Found) -> Option<When> {
    let bound = value.quantity(found);
    let names = fields.need("of", found)?.list(Tariff::MAX_RATES, found)?;
    let mut all = Vec::new();
    for name in names.each() {
        all.extend(name.quantity_name(found));
    }
    let bound = bound?;
    Some(if reached { When::at_or_above(all, bound) } else { When::above(all, bound) })
}

fn label(value: Value<'_, '_>, fields: &Fields<'_, '_>, found: &mut Found) -> Option<When> {
    let name = value.text(found);
    let is = fields.need("is", found)?.text(found)?;
    Some(When::labelled(name?, is))
}

fn since(value: Value<'_, '_>, found: &mut Found) -> Option<When> {
    let text = value.text(found)?;
    // Nobody writes microseconds by hand.
    let full = match text.len() {
        10 => format!("{text}T00:00:00.000000Z"),
        20 => format!("{}.000000Z", text.trim_end_matches('Z')),
        _ => String::new(),
    };
    let moment = full.parse::<Timestamp>().or_else(|_| text.parse());
    moment.map(When::since).map_err(|problem| found.add(value.place, problem)).ok()
}

/// A moment without what is all zeros at its end.
fn short(moment: Timestamp) -> String {
    let text = moment.to_string();
    let day = text.strip_suffix("T00:00:00.000000Z").filter(|day| day.len() == 10);
    day.map_or_else(|| text.clone(), str::to_owned)
}

fn daily(value: Value<'_, '_>, fields: &Fields<'_, '_>, found: &mut Found) -> Option<When> {
    let from = time(value, found);
    let until = fields.need("until", found).and_then(|value| time(value, found));
    let days = fields.get("on").and_then(|value| days(value, found));
    let offset = |text: &str| {
        let invalid = || PriceError::InvalidTime { text: format!("{text} minutes ahead of UTC") };
        let minutes = text.parse::<i16>().map_err(|_| invalid())?;
        When::daily("00:00", "00:00")?.at_offset_minutes(minutes).map(|_| minutes)
    };
    let offset = fields.get("offset_minutes").and_then(|value| value.read(found, offset));
    let mut when = When::daily(&from?, &until?).ok()?;
    if let Some(days) = days {
        when = when.on(days);
    }
    when.at_offset_minutes(offset.unwrap_or(0)).ok()
}

/// A time of the day. It is tried with itself, so that what is wrong is said of the right one of two.
fn time<'a>(value: Value<'a, '_>, found: &mut Found) -> Option<Cow<'a, str>> {
    let text = value.text(found)?;
    When::daily(&text, &text).map_err(|problem| found.add(value.place, problem)).ok()?;
    Some(text)
}

fn days(value: Value<'_, '_>, found: &mut Found) -> Option<Vec<Weekday>> {
    let mut all = Vec::new();
    for value in value.list(Weekday::NAMED.len(), found)?.each() {
        match value.word(&Weekday::NAMED, found) {
            Some(day) if all.contains(&day) => found.add(value.place, BookProblem::Repeated),
            day => all.extend(day),
        }
    }
    Some(all)
}

fn write_daily(window: &Window) -> Json {
    let time = |minutes: i64| {
        let (hour, minute) = (minutes.div_euclid(60), minutes.rem_euclid(60));
        Json::text(format_args!("{hour:02}:{minute:02}"))
    };
    let mut fields = vec![("daily_from", time(window.from)), ("until", time(window.until))];
    let begins_on = |day: Weekday| window.days & 1_u8.wrapping_shl(day as u32) != 0;
    if !Weekday::NAMED.iter().all(|(_, day)| begins_on(*day)) {
        let days = Weekday::NAMED.iter().filter(|(_, day)| begins_on(*day));
        fields.push(("on", Json::List(days.map(|(name, _)| Json::text(name)).collect())));
    }
    if window.offset != 0 {
        fields.push(("offset_minutes", Json::Number(window.offset)));
    }
    Json::object(fields)
}
