//! What a caller says a request is, so that a repeated key can be told from a reused one.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::sync::Arc;

use crate::id::{IdError, Labels, plain};
use crate::usage::Quantity;

/// What a request is about, as its caller declared it: up to 32 named fields.
///
/// Two requests with one key are the same request if their contents are equal. Put here what the caller sent
/// (the operation, the quantities), never what was derived from it: a price or a forecast may change between a
/// request and its retry, and the retry must still be recognised. A request without content is compared by its
/// amounts.
///
/// ```
/// use billing_guard::Content;
///
/// let first = Content::new([("operation", "query"), ("rows", "120")])?;
/// let other = Content::new([("operation", "query"), ("rows", "121")])?;
/// assert_eq!(first.difference(&other).as_deref(), Some("rows"));
/// # Ok::<(), billing_guard::IdError>(())
/// ```
#[derive(Clone, Default)]
pub struct Content(
    // One text for all fields: a name, a tab, a value and a line feed each. Neither name nor value has control
    // characters.
    Option<Arc<str>>,
);

impl Content {
    /// The most fields.
    pub const MAX: usize = 32;
    /// The longest field name, in characters.
    pub const MAX_NAME: usize = 96;
    /// The longest value, in characters.
    pub const MAX_VALUE: usize = 256;

    /// Content from named fields, without control characters; a repeated name keeps the last value.
    ///
    /// # Errors
    /// [`IdError`] naming the first field that is too long, has control characters or is one too many.
    pub fn new<N: AsRef<str>, V: AsRef<str>>(
        fields: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Self, IdError> {
        let mut kept = BTreeMap::<Box<str>, Box<str>>::new();
        for (name, value) in fields {
            let (name, value) = (name.as_ref(), value.as_ref());
            if name.is_empty() || !plain(name, Self::MAX_NAME) {
                return Err(IdError::new(
                    "a field name",
                    name,
                    "expected 1 to 96 characters, none a control character",
                ));
            }
            if !plain(value, Self::MAX_VALUE) {
                return Err(IdError::new(
                    "a field value",
                    value,
                    "expected up to 256 characters, none a control character",
                ));
            }
            kept.insert(name.into(), value.into());
            if kept.len() > Self::MAX {
                return Err(IdError::new("one field too many", name, "at most 32 fields"));
            }
        }
        let mut fields = Fields::new();
        for (name, value) in &kept {
            fields.name(&[name]).text(value).end();
        }
        Ok(fields.finish())
    }

    /// Content as it was kept, its fields in their order, which are checked like those of [`new`](Self::new). No name comes
    /// twice.
    pub(crate) fn stored(fields: &[(&str, &str)]) -> Result<Self, IdError> {
        let by_name = Self::new(fields.iter().copied())?;
        if fields.is_sorted() {
            return Ok(by_name);
        }
        let mut kept = Fields::new();
        for (name, value) in fields {
            kept.name(&[name]).text(value).end();
        }
        Ok(kept.finish())
    }

    /// Whether nothing was declared.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The fields. Those given to [`new`](Self::new) come by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().flat_map(|text| text.lines()).filter_map(|line| line.split_once('\t'))
    }

    /// The name of the first field, by name, in which the two differ; `None` if they are equal.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Option<String> {
        if self.0 == other.0 {
            return None;
        }
        let (left, right): (BTreeMap<_, _>, BTreeMap<_, _>) = (self.iter().collect(), other.iter().collect());
        let names = left.keys().chain(right.keys()).filter(|name| left.get(*name) != right.get(*name));
        names.min().map(|name| (*name).to_owned())
    }
}

impl PartialEq for Content {
    fn eq(&self, other: &Self) -> bool {
        self.difference(other).is_none()
    }
}

impl Eq for Content {}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// Content in the making, from names and values that are known to be within their limits.
pub(crate) struct Fields(String);

impl Fields {
    pub(crate) fn new() -> Self {
        // Room for a few: one allocation for most.
        Self(String::with_capacity(128))
    }

    /// Begins a field; its name comes in parts.
    pub(crate) fn name(&mut self, parts: &[&str]) -> &mut Self {
        for part in parts {
            self.0.push_str(part);
        }
        self.0.push('\t');
        self
    }

    /// Adds to the value of the field.
    pub(crate) fn text(&mut self, text: &str) -> &mut Self {
        self.0.push_str(text);
        self
    }

    /// Adds a number to the value of the field.
    pub(crate) fn quantity(&mut self, quantity: Quantity) -> &mut Self {
        if quantity.places() > 0 {
            // Writing to a string does not fail.
            let _ = write!(self.0, "{quantity}");
            return self;
        }
        // By hand, since every hold with a client's key does this for each of its quantities.
        let (mut left, mut reversed) = (quantity.digits(), [b'0'; 20]);
        let mut used = 0_usize;
        for slot in &mut reversed {
            *slot = b'0'.saturating_add(u8::try_from(left % 10).unwrap_or(0));
            left /= 10;
            used = used.saturating_add(1);
            if left == 0 {
                break;
            }
        }
        self.0.extend(reversed.iter().take(used).rev().map(|digit| char::from(*digit)));
        self
    }

    /// Ends the field.
    pub(crate) fn end(&mut self) {
        self.0.push('\n');
    }

    pub(crate) fn finish(self) -> Content {
        Content((!self.0.is_empty()).then(|| self.0.into()))
    }
}

/// Content and labels of a row, in one pointer that is empty for rows that have neither.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Declared(Option<Arc<(Content, Labels)>>);

impl Declared {
    pub(crate) fn new(content: &Content, labels: &Labels) -> Self {
        let nothing = content.is_empty() && labels.is_empty();
        Self((!nothing).then(|| Arc::new((content.clone(), labels.clone()))))
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    pub(crate) fn content(&self) -> Content {
        self.0.as_ref().map_or_else(Content::default, |declared| declared.0.clone())
    }

    pub(crate) fn labels(&self) -> Labels {
        self.0.as_ref().map_or_else(Labels::default, |declared| declared.1.clone())
    }

    /// Whether `given` is the content declared here: `Ok(false)` if neither side declared any, so that the amounts
    /// decide; `Err` names the field that differs.
    pub(crate) fn same_content(&self, given: &Content) -> Result<bool, String> {
        let empty = Content::default();
        let known = self.0.as_ref().map_or(&empty, |declared| &declared.0);
        match known.difference(given) {
            Some(field) => Err(field),
            None => Ok(!given.is_empty()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_field_that_differs_is_named() {
        let content = |fields: &[(&str, &str)]| Content::new(fields.iter().copied()).unwrap();
        let base = content(&[("a", "1"), ("b", "2")]);
        assert_eq!(base.difference(&content(&[("b", "2"), ("a", "1")])), None);
        assert_eq!(base.difference(&content(&[("a", "1")])).unwrap(), "b");
        assert_eq!(base.difference(&content(&[("a", "1"), ("aa", "x"), ("b", "2")])).unwrap(), "aa");
        assert_eq!(base.difference(&Content::default()).unwrap(), "a");
    }

    #[test]
    fn numbers_are_written_as_they_display() {
        for quantity in ["0", "7", "10", "18446744073709551615", "0.5", "12.000000001"] {
            let mut fields = Fields::new();
            fields.name(&["a", ".b"]).quantity(quantity.parse().unwrap()).text("!").end();
            assert_eq!(
                fields.finish().iter().collect::<Vec<_>>(),
                [("a.b", format!("{quantity}!").as_str())]
            );
        }
    }

    #[test]
    fn limits_hold_on_both_sides() {
        let many = |n: usize| Content::new((0..n).map(|i| (format!("f{i}"), "v")));
        assert!(many(32).is_ok());
        assert!(many(33).is_err());
        assert!(Content::new([("n".repeat(96), "v".repeat(256))]).is_ok());
        assert!(Content::new([("n".repeat(97), "v")]).is_err());
        assert!(Content::new([("n", "v".repeat(257))]).is_err());
        assert!(Content::new([("", "v")]).is_err());
        assert!(Content::new([("a\n", "v")]).is_err());
        let repeated = Content::new((0..40).map(|i| ("same", i.to_string()))).unwrap();
        assert_eq!(repeated.iter().collect::<Vec<_>>(), [("same", "39")]);
        assert_eq!(format!("{repeated:?}"), r#"{"same": "39"}"#);
    }
}
