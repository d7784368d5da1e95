//! Text that came from outside, made fit to stand in a message.

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
