//! The keys that an answer is recognised by, and their values.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

/// The HTTP status that an answer came with.
#[derive(Clone, Copy)]
pub(super) struct Status(Option<u16>);

impl Status {
    /// An error in the middle of a stream has none of its own: the stream began as a success.
    pub(super) const IN_STREAM: Self = Self(None);

    pub(super) const fn of(status: u16) -> Self {
        Self(Some(status))
    }

    pub(super) fn is(self, status: u16) -> bool {
        self.0.is_none_or(|known| known == status)
    }

    pub(super) fn is_one_of(self, statuses: &[u16]) -> bool {
        self.0.is_none_or(|known| statuses.contains(&known))
    }
}

/// The keys at the top. Kept as raw text, so that a foreign value under one of them, however deep, is no error and costs
/// nothing, and so that a number too large for anything is just not the number we look for.
#[derive(Deserialize)]
pub(super) struct Top<'a> {
    #[serde(borrow)]
    pub(super) error: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) code: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) name: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) status: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) message: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) reason: Option<&'a RawValue>,
    #[serde(borrow, rename = "readableMessage")]
    pub(super) readable_message: Option<&'a RawValue>,
    #[serde(borrow, rename = "type")]
    pub(super) kind: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) title: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) detail: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) success: Option<&'a RawValue>,
}

/// The keys of an object under `error`.
#[derive(Deserialize)]
pub(super) struct ErrorObject<'a> {
    #[serde(borrow)]
    pub(super) code: Option<&'a RawValue>,
    #[serde(borrow, rename = "type")]
    pub(super) error_type: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) message: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) status: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) metadata: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) details: Option<&'a RawValue>,
}

/// The keys of an object under `error.metadata`.
#[derive(Default, Deserialize)]
pub(super) struct Metadata<'a> {
    #[serde(borrow)]
    pub(super) limit_source: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) remedy_hint: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) reason: Option<&'a RawValue>,
}

/// The keys of an object under `error.details`, or of one of several there.
#[derive(Default, Deserialize)]
pub(super) struct ErrorDetails<'a> {
    #[serde(borrow)]
    pub(super) error_code: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) reason: Option<&'a RawValue>,
    #[serde(borrow, rename = "@type")]
    pub(super) type_url: Option<&'a RawValue>,
}

pub(super) fn value<T: DeserializeOwned>(raw: &RawValue) -> Option<T> {
    serde_json::from_str(raw.get()).ok()
}

/// The same, without copying what it is made of.
pub(super) fn borrowed<'a, T: Deserialize<'a>>(raw: &'a RawValue) -> Option<T> {
    serde_json::from_str(raw.get()).ok()
}

pub(super) fn string(raw: &RawValue) -> Option<String> {
    value(raw)
}

/// Whether it is there and is this text.
pub(super) fn is(raw: Option<&RawValue>, text: &str) -> bool {
    raw.and_then(string).is_some_and(|known| known == text)
}

/// The keys of an object. The first character decides, since serde reads an array as a struct as well.
pub(super) fn object<'a, T: Deserialize<'a>>(raw: &'a RawValue) -> Option<T> {
    raw.get().starts_with('{').then(|| serde_json::from_str(raw.get()).ok()).flatten()
}

/// The same of a value that need not be an object, nor be there: then it has none of the keys. `None` only for an object
/// that has one of them twice.
pub(super) fn object_or_default<'a, T: Default + Deserialize<'a>>(raw: Option<&'a RawValue>) -> Option<T> {
    match raw.filter(|raw| raw.get().starts_with('{')) {
        Some(raw) => serde_json::from_str(raw.get()).ok(),
        None => Some(T::default()),
    }
}
