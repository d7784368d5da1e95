//! Tariffs and books of them, as JSON.

use std::borrow::Cow;

use super::faults::{Found, Place};
use super::text::Json;
use super::value::{Value, quantity_name};
use super::{conditions, rates};
use crate::amount::{AmountError, Unit};
use crate::price::parts::Parts;
use crate::price::schedule::Schedule;
use crate::price::tariff::Others;
use crate::price::{PriceBook, PriceError, Rate, Rounding, Tariff, UnknownPrice};
use crate::usage::Usage;

const BOOK: [&str; 3] = ["unit", "unknown", "tariffs"];

pub(super) const TARIFF: [&str; 10] = [
    "fixed",
    "rates",
    "part_of",
    "other_quantities",
    "discount_percent",
    "maximum",
    "minimum",
    "rounding",
    "after",
    "other_prices",
];

const ROUNDINGS: [(&str, Rounding); 4] = [
    ("down", Rounding::Down),
    ("half_up", Rounding::HalfUp),
    ("half_even", Rounding::HalfEven),
    ("up", Rounding::Up),
];

const OTHERS: [(&str, Others); 2] = [("refuse", Others::Refused), ("free", Others::Free)];

/// A book, which is of no use if something is found to be wrong.
pub(super) fn read_book(value: Value<'_, '_>, found: &mut Found) -> Option<PriceBook> {
    let fields = value.fields(&BOOK, found)?;
    let unit = fields.need("unit", found).and_then(|value| {
        let text = value.text(found)?;
        text.parse().map_err(|problem: AmountError| found.add(value.place, problem)).ok()
    });
    let unknown = fields.get("unknown").and_then(|value| read_unknown(value, found));
    // The rest is looked at without a unit as well.
    let mut book = PriceBook::new(unit.unwrap_or(Unit::NONE)).unknown(unknown.unwrap_or_default());
    let mut tariffs = fields.need("tariffs", found)?.object(found)?;
    tariffs.limit(PriceBook::MAX_TARIFFS, found);
    for (name, value) in tariffs.each() {
        let tariff = read(value, found).unwrap_or_default();
        if let Err(problem) = book.set(name, tariff) {
            found.add(value.place, problem);
        }
    }
    Some(book)
}

fn read_unknown(value: Value<'_, '_>, found: &mut Found) -> Option<UnknownPrice> {
    if value.is_object() {
        return read(value, found).map(UnknownPrice::Fallback);
    }
    match value.text(&mut Found::default()).as_deref() {
        Some("refuse") => Some(UnknownPrice::Refuse),
        Some("free") => Some(UnknownPrice::Free),
        _ => value.unexpected("\"refuse\", \"free\" or a tariff", found),
    }
}

pub(super) fn write_book(book: &PriceBook) -> Json {
    let mut fields = vec![("unit", Json::text(book.unit))];
    match &book.unknown {
        None => {}
        Some(tariff) if **tariff == Tariff::free() => fields.push(("unknown", Json::text("free"))),
        Some(tariff) => fields.push(("unknown", write(tariff))),
    }
    let mut tariffs: Vec<_> = book.tariffs.iter().collect();
    tariffs.sort_by_key(|(name, _)| *name);
    let tariffs = tariffs.into_iter().map(|(name, tariff)| (Cow::Owned(name.clone()), write(tariff)));
    fields.push(("tariffs", Json::Block(tariffs.collect())));
    Json::block(fields)
}

pub(super) fn read(value: Value<'_, '_>, found: &mut Found) -> Option<Tariff> {
    read_nested(value, 0, found)
}

fn read_nested(value: Value<'_, '_>, depth: usize, found: &mut Found) -> Option<Tariff> {
    let fields = value.fields(&TARIFF, found)?;
    let mut tariff = Tariff::new();
    if let Some(others) = fields.get("other_quantities").and_then(|value| value.word(&OTHERS, found)) {
        tariff.others = others;
    }
    for (name, change) in AMOUNTS {
        let Some(value) = fields.get(name) else { continue };
        if let Some(text) = value.number(found) {
            apply(&mut tariff, value.place, found, |tariff| change(tariff, &text));
        }
    }
    if let Some(rounding) = fields.get("rounding").and_then(|value| value.word(&ROUNDINGS, found)) {
        tariff = tariff.rounding(rounding);
    }
    if let Some(value) = fields.get("rates") {
        read_rates(value, &mut tariff, found);
    }
    if let Some(value) = fields.get("other_prices") {
        read_other_prices(value, depth, &mut tariff, found);
    }
    // Others have what came before of their own.
    tariff.after = fields.get("after").and_then(|value| read_usage(value, found));
    // There can be many, which every step above would copy.
    if let Some(value) = fields.get("part_of") {
        read_parts(value, &mut tariff, found);
    }
    Some(tariff)
}

/// What is one number of the whole tariff, and how it is stated. The maximum comes before the minimum, which is at fault
/// if they contradict each other.
const AMOUNTS: [(&str, fn(Tariff, &str) -> Result<Tariff, PriceError>); 4] = [
    ("fixed", Tariff::fixed),
    ("discount_percent", Tariff::with_discount),
    ("maximum", Tariff::with_maximum),
    ("minimum", Tariff::with_minimum),
];

fn apply(
    tariff: &mut Tariff,
    place: Place<'_>,
    found: &mut Found,
    change: impl FnOnce(Tariff) -> Result<Tariff, PriceError>,
) {
    match change(tariff.clone()) {
        Ok(changed) => *tariff = changed,
        Err(problem) => found.add(place, problem),
    }
}

fn read_rates(value: Value<'_, '_>, tariff: &mut Tariff, found: &mut Found) {
    let Some(mut rates) = value.object(found) else { return };
    rates.limit(Tariff::MAX_RATES, found);
    for (name, value) in rates.each() {
        let Some(name) = quantity_name(name, value.place, found) else { continue };
        let Some(schedule) = rates::read(value, found) else { continue };
        apply(tariff, value.place, found, |tariff| match schedule {
            Schedule::Each(rate) => tariff.with_rate(name, rate),
            Schedule::Graduated(tiers) => tariff.graduated(name, tiers),
            Schedule::Volume(tiers) => tariff.volume(name, tiers),
            Schedule::Package(package) => tariff.package(name, package),
            Schedule::Percentage(share) => tariff.percentage(name, *share),
            Schedule::Counted => Ok(tariff),
        });
    }
}

fn read_parts(value: Value<'_, '_>, tariff: &mut Tariff, found: &mut Found) {
    let Some(pairs) = value.list(Parts::MAX, found) else { return };
    for pair in pairs.each() {
        let Some(names) = pair.list(2, found) else { continue };
        let names: Vec<_> = names.each().map(|name| name.quantity_name(found)).collect();
        match names.as_slice() {
            [Some(part), Some(whole)] => {
                if let Err(problem) = tariff.parts.add(part.clone(), whole.clone()) {
                    found.add(pair.place, problem);
                }
            }
            [_, _] => {}
            _ => {
                pair.unexpected::<()>("a list of two names, the part and what it is in", found);
            }
        }
    }
    tariff.parts.relate(&tariff.rates);
}

fn read_usage(value: Value<'_, '_>, found: &mut Found) -> Option<Usage> {
    let mut quantities = value.object(found)?;
    quantities.limit(Usage::MAX, found);
    let mut usage = Usage::new();
    for (name, value) in quantities.each() {
        let name = quantity_name(name, value.place, found);
        if let (Some(quantity), Some(name)) = (value.quantity(found), name) {
            usage = usage.with(name, quantity);
        }
    }
    Some(usage)
}

fn read_other_prices(value: Value<'_, '_>, depth: usize, tariff: &mut Tariff, found: &mut Found) {
    if depth >= Tariff::MAX_DEPTH {
        found.add(value.place, PriceError::TooDeep);
        return;
    }
    let Some(others) = value.list(Tariff::MAX_ALTERNATIVES, found) else { return };
    for other in others.each() {
        let Some(fields) = other.fields(&["when", "prices"], found) else { continue };
        let when = fields.need("when", found).and_then(|value| conditions::read(value, found));
        let prices = fields.need("prices", found);
        let prices = prices.and_then(|value| read_nested(value, depth.saturating_add(1), found));
        if let (Some(when), Some(prices)) = (when, prices) {
            apply(tariff, other.place, found, |tariff| tariff.with_other(when, prices));
        }
    }
}

pub(super) fn write(tariff: &Tariff) -> Json {
    let mut fields = Vec::new();
    let quoted = |name: &'static str, price: Option<Rate>| price.map(|price| (name, Json::text(price)));
    fields.extend(quoted("fixed", tariff.fixed));
    let rates = tariff.rates.iter();
    let rates = rates.filter_map(|(name, schedule)| Some((name.clone(), rates::write(schedule)?))).collect();
    let pair = |pair: &(_, _)| Json::List(vec![Json::text(&pair.0), Json::text(&pair.1)]);
    let others = tariff
        .alternatives
        .iter()
        .map(|(when, other)| Json::object([("when", conditions::write(when)), ("prices", write(other))]));
    let named = [
        ("rates", Json::Block(rates)),
        ("part_of", Json::List(tariff.parts.stated.iter().map(pair).collect())),
    ];
    fields.extend(named.into_iter().filter(|(_, value)| !value.is_empty()));
    if tariff.others == Others::Free {
        fields.push(("other_quantities", Json::text("free")));
    }
    fields.extend(tariff.discount.map(|share| ("discount_percent", Json::Text(share.write_per(2)))));
    fields.extend(quoted("maximum", tariff.maximum));
    fields.extend(quoted("minimum", tariff.minimum));
    if tariff.rounding != Rounding::default() {
        let word = ROUNDINGS.iter().find(|(_, mode)| *mode == tariff.rounding);
        fields.extend(word.map(|(word, _)| ("rounding", Json::text(word))));
    }
    if let Some(used) = &tariff.after {
        let used = used.iter().map(|(name, quantity)| (Cow::Owned(name.to_owned()), Json::text(quantity)));
        fields.push(("after", Json::Object(used.collect())));
    }
    let others = Json::List(others.collect());
    if !others.is_empty() {
        fields.push(("other_prices", others));
    }
    Json::block(fields)
}
