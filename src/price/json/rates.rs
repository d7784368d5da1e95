//! How one quantity is priced, as JSON: a kind of price is an entry of [`KINDS`] and an arm of [`write()`].

use super::faults::Found;
use super::tariffs;
use super::text::Json;
use super::value::{Fields, Kind, Value};
use crate::amount::Unit;
use crate::price::schedule::Schedule;
use crate::price::tiers::Tier;
use crate::price::{Package, Percentage, PriceError, Rate, Tiers};
use crate::usage::Quantity;

const KINDS: [Kind<Schedule>; 8] = [
    Kind { name: "per_unit", others: &[], read: |value, _, found| each(value, 0, found) },
    Kind { name: "per_thousand", others: &[], read: |value, _, found| each(value, 3, found) },
    Kind { name: "per_million", others: &[], read: |value, _, found| each(value, 6, found) },
    Kind {
        name: "graduated",
        others: &["first_flat_at_none", "whole_units"],
        read: |value, fields, found| tiers(value, fields, found).map(Schedule::Graduated),
    },
    Kind {
        name: "volume",
        others: &["first_flat_at_none", "whole_units"],
        read: |value, fields, found| tiers(value, fields, found).map(Schedule::Volume),
    },
    Kind { name: "package", others: &["size", "free", "whole_only"], read: package },
    Kind {
        name: "percent",
        others: &["fee", "counting", "free_events", "free_amount", "at_least", "at_most"],
        read: percentage,
    },
    Kind { name: "multiplier", others: &["places", "rounding"], read: multiplied },
];

/// The fields for the price of one in a tier, and of how many, as a power of ten, it is the price.
const EACH: [(&str, u8); 4] = [("per_unit", 0), ("per_thousand", 3), ("per_million", 6), ("percent", 2)];

pub(super) fn read(value: Value<'_, '_>, found: &mut Found) -> Option<Schedule> {
    value.one_of(&KINDS, found)
}

/// `None` for what is stated with another price.
pub(super) fn write(schedule: &Schedule) -> Option<Json> {
    let mut fields = Vec::new();
    match schedule {
        Schedule::Each(rate) => fields.push(write_each(*rate)),
        Schedule::Graduated(tiers) => write_tiers("graduated", tiers, &mut fields),
        Schedule::Volume(tiers) => write_tiers("volume", tiers, &mut fields),
        Schedule::Package(package) => {
            fields.push(("package", Json::text(package.price)));
            fields.push(("size", Json::text(package.size)));
            if !package.free.is_zero() {
                fields.push(("free", Json::text(package.free)));
            }
            if package.whole_only {
                fields.push(("whole_only", Json::Flag(true)));
            }
        }
        Schedule::Percentage(share) => write_percentage(share, &mut fields),
        Schedule::Dynamic { multiplier, places, rounding } => {
            fields.push(("multiplier", Json::text(multiplier)));
            fields.push(("places", Json::Number((*places).into())));
            fields.push(("rounding", tariffs::write_rounding(*rounding)));
        }
        Schedule::Counted => return None,
    }
    Some(Json::object(fields))
}

/// The price of one when this is the price of 10 to that power.
fn rate(value: Value<'_, '_>, power: u8, found: &mut Found) -> Option<Rate> {
    value.read(found, |text| Rate::read_per(text, power))
}

fn each(value: Value<'_, '_>, power: u8, found: &mut Found) -> Option<Schedule> {
    rate(value, power, found).map(Schedule::Each)
}

fn write_each(rate: Rate) -> (&'static str, Json) {
    // Easier to read than five zeros.
    if rate.places() > 4 {
        ("per_million", Json::Text(rate.write_per(6)))
    } else {
        ("per_unit", Json::text(rate))
    }
}

fn tiers(value: Value<'_, '_>, fields: &Fields<'_, '_>, found: &mut Found) -> Option<Tiers> {
    let before = found.count();
    let items = value.list(Tiers::MAX, found)?;
    let mut tiers = Tiers::new();
    for item in items.each() {
        if let Some(more) = tier(&tiers, item, found) {
            tiers = more;
        }
    }
    let mut flag = |name| fields.get(name).and_then(|value| value.flag(found)) == Some(true);
    let (at_none, whole_units) = (flag("first_flat_at_none"), flag("whole_units"));
    // A tier that was left out might have been the last.
    if found.count() > before {
        return None;
    }
    tiers = if at_none { tiers.with_first_flat_at_none() } else { tiers };
    tiers = if whole_units { tiers.with_whole_units() } else { tiers };
    tiers.check().map_err(|problem| found.add(value.place, problem)).ok()?;
    Some(tiers)
}

/// The same tiers with one more.
fn tier(tiers: &Tiers, value: Value<'_, '_>, found: &mut Found) -> Option<Tiers> {
    const KNOWN: [&str; 6] = ["up_to", "per_unit", "per_thousand", "per_million", "percent", "flat"];
    let fields = value.fields(&KNOWN, found)?;
    let price = fields.one_of(&EACH.map(|(name, _)| name), &KNOWN, found).and_then(|(name, value)| {
        let (_, power) = EACH.iter().find(|(known, _)| *known == name)?;
        rate(value, *power, found)
    });
    let flat = fields.get("flat").and_then(|value| rate(value, 0, found));
    // The order of the bounds can be told without the prices.
    let price = price.unwrap_or_default().to_string();
    let (place, more) = match fields.get("up_to") {
        Some(bound) => (bound.place, tiers.clone().up_to(bound.quantity(found)?, &price)),
        None => (fields.place, tiers.clone().beyond(&price)),
    };
    let more = more.map_err(|problem| found.add(place, problem)).ok()?;
    more.with_flat(&flat.unwrap_or_default().to_string()).ok()
}

fn write_tiers(kind: &'static str, tiers: &Tiers, fields: &mut Vec<(&'static str, Json)>) {
    let tier = |tier: &Tier| {
        let bound = tier.up_to.map(|bound| ("up_to", Json::text(bound)));
        let flat = Some(("flat", Json::text(tier.flat))).filter(|_| !tier.flat.is_zero());
        Json::object(bound.into_iter().chain([write_each(tier.unit)]).chain(flat))
    };
    fields.push((kind, Json::List(tiers.tiers.iter().map(tier).collect())));
    for (name, flag) in [("first_flat_at_none", tiers.first_flat_at_none), ("whole_units", tiers.whole_units)]
    {
        if flag {
            fields.push((name, Json::Flag(true)));
        }
    }
}

fn package(value: Value<'_, '_>, fields: &Fields<'_, '_>, found: &mut Found) -> Option<Schedule> {
    let price = rate(value, 0, found);
    let free = fields.get("free").and_then(|value| value.quantity(found));
    let whole_only = fields.get("whole_only").and_then(|value| value.flag(found));
    let size = fields.need("size", found)?;
    let package = Package::of(size.quantity(found)?, &price.unwrap_or_default().to_string());
    let package = package.map_err(|problem| found.add(size.place, problem)).ok()?;
    let package = package.with_free(free.unwrap_or_default());
    Some(Schedule::Package(if whole_only == Some(true) { package.whole_only() } else { package }))
}

fn percentage(value: Value<'_, '_>, fields: &Fields<'_, '_>, found: &mut Found) -> Option<Schedule> {
    // Whatever is wrong with it, the rest can be looked at.
    let share = value.read(found, Percentage::of).or_else(|| Percentage::of("0").ok())?;
    let mut fee = |name| fields.get(name).and_then(|value| rate(value, 0, found));
    let (fee, least, most) = (fee("fee"), fee("at_least"), fee("at_most"));
    let mut quantity = |name| fields.get(name).and_then(|value| value.quantity(found));
    let (events, amount) = (quantity("free_events"), quantity("free_amount"));
    let counting = fields.get("counting").and_then(|value| value.quantity_name(found));

    let mut share =
        share.with_free_events(events.unwrap_or_default()).with_free_amount(amount.unwrap_or_default());
    if let Some(name) = counting {
        share = share.counting(name);
    }
    let bounded = |mut share: Percentage| {
        if let Some(fee) = fee {
            share = share.with_fee(&fee.to_string())?;
        }
        if let Some(most) = most {
            share = share.at_most(&most.to_string())?;
        }
        match least {
            Some(least) => share.at_least(&least.to_string()),
            None => Ok::<_, PriceError>(share),
        }
    };
    let place = fields.get("at_least").map_or(fields.place, |value| value.place);
    bounded(share).map(Box::new).map(Schedule::Percentage).map_err(|problem| found.add(place, problem)).ok()
}

fn write_percentage(share: &Percentage, fields: &mut Vec<(&'static str, Json)>) {
    fields.push(("percent", Json::Text(share.share.write_per(2))));
    if !share.fee.is_zero() {
        fields.push(("fee", Json::text(share.fee)));
    }
    fields.extend(share.events().map(|name| ("counting", Json::text(name))));
    for (name, quantity) in [("free_events", share.free_events), ("free_amount", share.free_amount)] {
        if !quantity.is_zero() {
            fields.push((name, Json::text(quantity)));
        }
    }
    fields.extend(share.least.map(|price| ("at_least", Json::text(price))));
    fields.extend(share.most.map(|price| ("at_most", Json::text(price))));
}

fn multiplied(value: Value<'_, '_>, fields: &Fields<'_, '_>, found: &mut Found) -> Option<Schedule> {
    let multiplier = rate(value, 0, found);
    let places = fields.need("places", found).and_then(|value| {
        let places = value.read(found, |text| text.parse::<Quantity>().map_err(PriceError::Usage))?;
        let whole = u8::try_from(places.whole()).ok().filter(|_| places.places() == 0);
        whole
            .filter(|places| *places <= Unit::MAX_SCALE)
            .or_else(|| value.unexpected("a whole number from 0 to 12", found))
    });
    let rounding = fields.need("rounding", found).and_then(|value| tariffs::read_rounding(value, found));
    Some(Schedule::Dynamic { multiplier: multiplier?, places: places?, rounding: rounding? })
}
