//! Text that came from outside, made fit to stand in a message; values as text.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

/// The longest piece of foreign text that a message quotes, in characters.
const QUOTED_CHARS: usize = 64;

/// `text` with control characters escaped and cut to a length that fits in one line of a log.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len().min(QUOTED_CHARS).saturating_add(2));
    out.push('"');
    for (index, character) in text.chars().enumerate() {
        if index == QUOTED_CHARS {
            out.push('…');
            break;
        }
        out.extend(character.escape_debug());
    }
    out.push('"');
    out
}

/// Serde through `Display` and `FromStr`, so that a value has one text form everywhere.
macro_rules! serde_as_text {
    ($($type:ty),*) => {$(
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}
pub(crate) use serde_as_text;

/// A value that is text in serde: numbers above all, of which some readers lose digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AsText<T>(pub(crate) T);

impl<T: fmt::Display> serde::Serialize for AsText<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de, T: FromStr<Err: fmt::Display>> serde::Deserialize<'de> for AsText<T> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        let wrong = |error| serde::de::Error::custom(format_args!("{}: {error}", quoted(&text)));
        text.parse().map(Self).map_err(wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn foreign_text_is_escaped_and_cut() {
        assert_eq!(quoted("a\nb"), r#""a\nb""#);
        let long = quoted(&"x".repeat(1_000));
        assert_eq!(long.chars().count(), 64 + 3);
    }
}
