//! JSON values with their places, taken apart piece by piece. Whatever is not as expected is noted, and reading goes on.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt::Display;

use serde_json::value::RawValue;

use super::faults::{BookProblem, Found, Place};
use crate::price::object::Object;
use crate::price::{PriceBook, PriceError};
use crate::text::quoted;
use crate::usage::{Quantity, QuantityName, Usage, is_name};

/// A value: its text, and where it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Value<'a, 'p> {
    raw: &'a str,
    pub(super) place: Place<'p>,
}

/// One of several things that an object can state: the field that says which it is, the fields that go with that, and how
/// they are read.
#[derive(Clone, Copy)]
pub(super) struct Kind<T> {
    pub(super) name: &'static str,
    pub(super) others: &'static [&'static str],
    pub(super) read: fn(Value<'_, '_>, &Fields<'_, '_>, &mut Found) -> Option<T>,
}

/// The members of an object, each name once.
#[derive(Debug)]
pub(super) struct Fields<'a, 'p> {
    pub(super) place: Place<'p>,
    members: Vec<(String, &'a RawValue)>,
}

/// The items of a list.
#[derive(Debug)]
pub(super) struct Items<'a, 'p> {
    pub(super) place: Place<'p>,
    items: Vec<&'a RawValue>,
}

impl<'a> Value<'a, '_> {
    /// A whole text.
    pub(super) fn of(json: &'a str, found: &mut Found) -> Option<Self> {
        if json.len() > PriceBook::MAX_JSON {
            found.add(Place::TOP, BookProblem::TooLong { bytes: json.len() });
            return None;
        }
        match serde_json::from_str::<&RawValue>(json) {
            Ok(value) => Some(Self { raw: value.get(), place: Place::TOP }),
            Err(error) => {
                // Not one of data, whose text would quote it: any value will do.
                found.add(Place::TOP, BookProblem::NotJson { what: error.to_string() });
                None
            }
        }
    }
}

impl<'a, 'p> Value<'a, 'p> {
    /// The members of an object; of a name that is there twice, the first.
    pub(super) fn object(self, found: &mut Found) -> Option<Fields<'a, 'p>> {
        if !self.raw.starts_with('{') {
            return self.unexpected("an object", found);
        }
        let mut members = match serde_json::from_str::<Object<'a>>(self.raw) {
            Ok(object) => object.0,
            Err(_) => {
                found.add(self.place, half_a_character());
                return None;
            }
        };
        let mut seen = HashSet::with_capacity(members.len());
        let first: Vec<bool> = members.iter().map(|(name, _)| seen.insert(name.as_str())).collect();
        for ((name, _), _) in members.iter().zip(&first).filter(|(_, first)| !**first) {
            found.add(self.place.name(name), BookProblem::Repeated);
        }
        let mut first = first.into_iter();
        members.retain(|_| first.next().unwrap_or(true));
        Some(Fields { place: self.place, members })
    }

    /// The members of an object that has no fields but these.
    pub(super) fn fields(self, known: &[&str], found: &mut Found) -> Option<Fields<'a, 'p>> {
        let fields = self.object(found)?;
        fields.only(known, found);
        Some(fields)
    }

    /// The items of a list: no more than so many.
    pub(super) fn list(self, most: usize, found: &mut Found) -> Option<Items<'a, 'p>> {
        if !self.raw.starts_with('[') {
            return self.unexpected("a list", found);
        }
        let mut items = serde_json::from_str::<Vec<&RawValue>>(self.raw)
            .map_err(|_| found.add(self.place, half_a_character()))
            .ok()?;
        if items.len() > most {
            found.add(self.place, BookProblem::TooMany { found: items.len(), most });
            items.truncate(most);
        }
        Some(Items { place: self.place, items })
    }

    pub(super) fn text(self, found: &mut Found) -> Option<Cow<'a, str>> {
        if !self.raw.starts_with('"') {
            return self.unexpected("text", found);
        }
        self.unquoted(found)
    }

    /// A number as it is written, as text or as JSON has it.
    pub(super) fn number(self, found: &mut Found) -> Option<Cow<'a, str>> {
        match self.raw.bytes().next() {
            Some(b'"') => self.unquoted(found),
            Some(b'-' | b'0'..=b'9') => Some(Cow::Borrowed(self.raw)),
            _ => self.unexpected("a number, as text or as it is", found),
        }
    }

    /// What is made of a number's text.
    pub(super) fn read<T, E: Into<BookProblem>>(
        self,
        found: &mut Found,
        make: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let text = self.number(found)?;
        make(&text).map_err(|problem| found.add(self.place, problem)).ok()
    }

    pub(super) fn quantity(self, found: &mut Found) -> Option<Quantity> {
        self.read(found, |text| text.parse().map_err(PriceError::Usage))
    }

    /// The name of a quantity.
    pub(super) fn quantity_name(self, found: &mut Found) -> Option<QuantityName> {
        quantity_name(&self.text(found)?, self.place, found)
    }

    pub(super) fn flag(self, found: &mut Found) -> Option<bool> {
        match self.raw {
            "true" => Some(true),
            "false" => Some(false),
            _ => self.unexpected("true or false", found),
        }
    }

    /// What one of these words stands for.
    pub(super) fn word<T: Copy>(self, words: &[(&str, T)], found: &mut Found) -> Option<T> {
        let text = if self.raw.starts_with('"') { self.unquoted(found)? } else { Cow::Borrowed("") };
        match words.iter().find(|(word, _)| *word == text) {
            Some((_, meaning)) => Some(*meaning),
            None => self.unexpected(listed(words.iter().map(|(word, _)| format!("\"{word}\"")), "or"), found),
        }
    }

    /// What an object states that is one of these.
    pub(super) fn one_of<T>(self, kinds: &[Kind<T>], found: &mut Found) -> Option<T> {
        let fields = self.object(found)?;
        let names: Vec<&'static str> = kinds.iter().map(|kind| kind.name).collect();
        let all: Vec<&str> = kinds.iter().flat_map(|kind| kind.others).chain(&names).copied().collect();
        let Some((name, value)) = fields.one_of(&names, &all, found) else {
            fields.only(&all, found);
            return None;
        };
        let kind = kinds.iter().find(|kind| kind.name == name)?;
        let known: Vec<&str> = [&name].into_iter().chain(kind.others).copied().collect();
        fields.only(&known, found);
        (kind.read)(value, &fields, found)
    }

    pub(super) fn is_object(&self) -> bool {
        self.raw.starts_with('{')
    }

    /// Notes that this is something else than expected.
    pub(super) fn unexpected<T>(self, expected: impl Into<String>, found: &mut Found) -> Option<T> {
        let shown = match self.raw.bytes().next() {
            Some(b'{') => "an object".to_owned(),
            Some(b'[') => "a list".to_owned(),
            Some(b'"') => quoted(&self.unquoted(found)?),
            _ => quoted(self.raw).trim_matches('"').to_owned(),
        };
        found.add(self.place, BookProblem::Unexpected { expected: expected.into(), found: shown });
        None
    }

    /// The text in quotes.
    fn unquoted(self, found: &mut Found) -> Option<Cow<'a, str>> {
        let inner = self.raw.strip_prefix('"').and_then(|raw| raw.strip_suffix('"'));
        if let Some(plain) = inner.filter(|inner| !inner.contains('\\')) {
            return Some(Cow::Borrowed(plain));
        }
        serde_json::from_str::<String>(self.raw)
            .map(Cow::Owned)
            .map_err(|_| found.add(self.place, half_a_character()))
            .ok()
    }
}

impl<'a> Fields<'a, '_> {
    /// Notes every field that is none of these.
    pub(super) fn only(&self, known: &[&str], found: &mut Found) {
        for (name, _) in self.members.iter().filter(|(name, _)| !known.contains(&name.as_str())) {
            let plain = name.len() <= Usage::MAX_NAME
                && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
            let place = if plain { self.place.field(name) } else { self.place.name(name) };
            found.add(place, BookProblem::UnknownField { expected: listed(known, "or") });
        }
    }

    pub(super) fn get(&self, name: &'static str) -> Option<Value<'a, '_>> {
        let (_, value) = self.members.iter().find(|(known, _)| known == name)?;
        Some(Value { raw: value.get(), place: self.place.field(name) })
    }

    /// A field that has to be there.
    pub(super) fn need(&self, name: &'static str, found: &mut Found) -> Option<Value<'a, '_>> {
        let value = self.get(name);
        if value.is_none() {
            found.add(self.place, BookProblem::Missing { expected: name.to_owned() });
        }
        value
    }

    /// The one of these fields that is there. A field that is none of `known` is taken for a misspelt one, and noted
    /// elsewhere.
    pub(super) fn one_of(
        &self,
        names: &[&'static str],
        known: &[&str],
        found: &mut Found,
    ) -> Option<(&'static str, Value<'a, '_>)> {
        let stated: Vec<&'static str> =
            names.iter().copied().filter(|name| self.get(name).is_some()).collect();
        match *stated {
            [name] => return Some((name, self.get(name)?)),
            [] if self.members.iter().all(|(name, _)| known.contains(&name.as_str())) => {
                found.add(self.place, BookProblem::Missing { expected: listed(names, "or") });
            }
            [] => {}
            _ => found.add(self.place, BookProblem::OnlyOne { fields: listed(&stated, "and") }),
        }
        None
    }

    /// All members, under names that are not the form's.
    pub(super) fn each(&self) -> impl Iterator<Item = (&str, Value<'a, '_>)> {
        self.members
            .iter()
            .map(|(name, value)| (name.as_str(), Value { raw: value.get(), place: self.place.name(name) }))
    }

    /// Leaves no more than so many.
    pub(super) fn limit(&mut self, most: usize, found: &mut Found) {
        if self.members.len() > most {
            found.add(self.place, BookProblem::TooMany { found: self.members.len(), most });
            self.members.truncate(most);
        }
    }
}

impl<'a> Items<'a, '_> {
    pub(super) fn each(&self) -> impl DoubleEndedIterator<Item = Value<'a, '_>> + ExactSizeIterator {
        self.items
            .iter()
            .enumerate()
            .map(|(index, value)| Value { raw: value.get(), place: self.place.item(index) })
    }
}

/// The name of a quantity, if it is one.
pub(super) fn quantity_name(name: &str, place: Place<'_>, found: &mut Found) -> Option<QuantityName> {
    if is_name(name) {
        return Some(Cow::Owned(name.to_owned()));
    }
    found.add(place, PriceError::InvalidQuantityName { name: quoted(name) });
    None
}

/// `a`, `a or b`, `a, b or c`.
fn listed<T: Display>(words: impl IntoIterator<Item = T>, last: &str) -> String {
    let words: Vec<String> = words.into_iter().map(|word| word.to_string()).collect();
    match words.split_last() {
        Some((word, before)) if !before.is_empty() => format!("{} {last} {word}", before.join(", ")),
        _ => words.concat(),
    }
}

/// What can be wrong with a piece of a text that is JSON as a whole.
fn half_a_character() -> BookProblem {
    BookProblem::NotJson { what: "half a character is escaped".to_owned() }
}
