//! Tariffs and books of them, as JSON.

use std::borrow::Cow;

use super::faults::{Found, Place};
use super::text::Json;
use super::value::{Value, quantity_name};
use super::{conditions, rates};
use crate::amount::{AmountError, Unit};
use crate::id::Labels;
use crate::price::matrix::{Lookup, Matrix};
use crate::price::parts::Parts;
use crate::price::schedule::Schedule;
use crate::price::tariff::Others;
use crate::price::{PriceBook, PriceError, Rate, Rounding, Tariff, UnknownPrice};
use crate::usage::{Quantity, Usage};

const BOOK: [&str; 3] = ["unit", "unknown", "tariffs"];

pub(super) const TARIFF: [&str; 13] = [
    "fixed",
    "rates",
    "part_of",
    "other_quantities",
    "free",
    "free_amount",
    "discount_percent",
    "maximum",
    "minimum",
    "rounding",
    "after",
    "other_prices",
    "matrix",
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
    if let Some(rounding) = fields.get("rounding").and_then(|value| read_rounding(value, found)) {
        tariff = tariff.rounding(rounding);
    }
    if let Some(value) = fields.get("rates") {
        read_rates(value, &mut tariff, found);
    }
    if let Some(value) = fields.get("free") {
        read_free(value, &mut tariff, found);
    }
    if let Some(value) = fields.get("other_prices") {
        read_other_prices(value, depth, &mut tariff, found);
    }
    if let Some(matrix) = fields.get("matrix").and_then(|value| read_matrix(value, depth, found)) {
        tariff = tariff.with_matrix(matrix);
    }
    // Others have what came before of their own.
    tariff.after = fields.get("after").and_then(|value| read_usage(value, found));
    // There can be many, which every step above would copy.
    if let Some(value) = fields.get("part_of") {
        read_parts(value, &mut tariff, found);
    }
    Some(tariff)
}

/// How a number is stated.
type Stated = fn(Tariff, &str) -> Result<Tariff, PriceError>;

/// What is one number of the whole tariff, and how it is stated. The maximum comes before the minimum, which is at fault
/// if they contradict each other.
const AMOUNTS: [(&str, Stated); 5] = [
    ("fixed", Tariff::fixed),
    ("free_amount", Tariff::with_free_amount),
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
            Schedule::Dynamic { multiplier, places, rounding } => {
                tariff.dynamic(name, &multiplier.to_string(), places, rounding)
            }
            Schedule::Counted => Ok(tariff),
        });
    }
}

fn read_free(value: Value<'_, '_>, tariff: &mut Tariff, found: &mut Found) {
    let Some(mut quantities) = value.object(found) else { return };
    quantities.limit(Tariff::MAX_RATES, found);
    for (name, value) in quantities.each() {
        if let Some(quantity) = value.quantity(found) {
            apply(tariff, value.place, found, |tariff| tariff.with_free(name.to_owned(), quantity));
        }
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
    let Some(deeper) = deeper(value, depth, found) else { return };
    let Some(others) = value.list(Tariff::MAX_ALTERNATIVES, found) else { return };
    for other in others.each() {
        let Some(fields) = other.fields(&["when", "prices"], found) else { continue };
        let when = fields.need("when", found).and_then(|value| conditions::read(value, found));
        let prices = fields.need("prices", found);
        let prices = prices.and_then(|value| read_nested(value, deeper, found));
        if let (Some(when), Some(prices)) = (when, prices) {
            apply(tariff, other.place, found, |tariff| tariff.with_other(when, prices));
        }
    }
}

/// How deep prices are within a value, unless that is too deep.
fn deeper(value: Value<'_, '_>, depth: usize, found: &mut Found) -> Option<usize> {
    if depth < Tariff::MAX_DEPTH {
        return depth.checked_add(1);
    }
    found.add(value.place, PriceError::TooDeep);
    None
}

fn read_matrix(value: Value<'_, '_>, depth: usize, found: &mut Found) -> Option<Matrix> {
    let deeper = deeper(value, depth, found)?;
    let fields = value.fields(&["labels", "rows"], found)?;
    let labels = fields.need("labels", found).and_then(|value| {
        let names = texts(value, Labels::MAX, found)?;
        Matrix::by(names).map_err(|problem| found.add(value.place, problem)).ok()
    });
    let rows = fields.need("rows", found)?.list(Matrix::MAX, found)?;
    // The rows are looked at without labels as well.
    let mut matrix = labels;
    for row in rows.each() {
        let Some(fields) = row.fields(&["values", "prices"], found) else { continue };
        let values = fields.need("values", found);
        let values = values.and_then(|value| Some((value.place, texts(value, Labels::MAX, found)?)));
        let prices = fields.need("prices", found).and_then(|value| read_nested(value, deeper, found));
        if let (Some(matrix), Some((place, values))) = (&mut matrix, values)
            && let Err(problem) = matrix.add(&values, prices.unwrap_or_default())
        {
            found.add(place, problem);
        }
    }
    matrix
}

/// A list of texts.
fn texts(value: Value<'_, '_>, most: usize, found: &mut Found) -> Option<Vec<String>> {
    let items = value.list(most, found)?;
    let texts: Vec<_> = items.each().map(|item| item.text(found).map(Cow::into_owned)).collect();
    texts.into_iter().collect()
}

pub(super) fn read_rounding(value: Value<'_, '_>, found: &mut Found) -> Option<Rounding> {
    value.word(&ROUNDINGS, found)
}

pub(super) fn write_rounding(rounding: Rounding) -> Json {
    Json::text(ROUNDINGS.iter().find(|(_, mode)| *mode == rounding).map_or("", |(word, _)| word))
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
    if !tariff.free.is_empty() {
        fields.push(("free", write_quantities(tariff.free.iter().map(|(name, free)| (&**name, *free)))));
    }
    fields.extend(quoted("free_amount", tariff.free_amount));
    fields.extend(tariff.discount.map(|share| ("discount_percent", Json::Text(share.write_per(2)))));
    fields.extend(quoted("maximum", tariff.maximum));
    fields.extend(quoted("minimum", tariff.minimum));
    if tariff.rounding != Rounding::default() {
        fields.push(("rounding", write_rounding(tariff.rounding)));
    }
    if let Some(used) = &tariff.after {
        fields.push(("after", write_quantities(used.iter())));
    }
    let others = Json::List(others.collect());
    if !others.is_empty() {
        fields.push(("other_prices", others));
    }
    // Once the labels are known there is no matrix to be written.
    if let Some(Lookup::Open(matrix)) = &tariff.matrix {
        fields.push(("matrix", write_matrix(matrix)));
    }
    Json::block(fields)
}

fn write_quantities<'a>(quantities: impl Iterator<Item = (&'a str, Quantity)>) -> Json {
    let quantity = |(name, quantity): (&str, Quantity)| (Cow::Owned(name.to_owned()), Json::text(quantity));
    Json::Object(quantities.map(quantity).collect())
}

fn write_matrix(matrix: &Matrix) -> Json {
    let texts = |texts: &mut dyn Iterator<Item = &str>| Json::List(texts.map(Json::text).collect());
    let rows = matrix.rows().map(|(values, prices)| {
        Json::object([("values", texts(&mut values.into_iter())), ("prices", write(prices))])
    });
    Json::object([("labels", texts(&mut matrix.labels())), ("rows", Json::List(rows.collect()))])
}
