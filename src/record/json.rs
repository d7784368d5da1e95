//! JSON written and read, with errors that show the place.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::RecordError;
use crate::text::quoted;

/// The most bytes before a mistake that an error shows.
const SHOWN: usize = 64;
/// The most characters of what a reader says that an error keeps: it may quote the text.
const KEPT: usize = 240;

/// The text of a record. Always there, since records have nothing but texts and numbers under names.
pub(crate) fn write(record: &impl Serialize) -> String {
    serde_json::to_string(record).unwrap_or_default()
}

/// A record from its text.
pub(crate) fn read<T: DeserializeOwned>(text: &str) -> Result<T, RecordError> {
    // Serde would read an array of all fields as well.
    if !text.trim_start().starts_with('{') {
        return Err(RecordError::Malformed { what: format!("expected a JSON object, not {}", quoted(text)) });
    }
    serde_json::from_str(text).map_err(|error| malformed(text, &error))
}

/// A record's text within another's.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Nested(Box<RawValue>);

impl Nested {
    /// The text of a record, which is JSON as this module wrote it.
    pub(crate) fn new(text: String) -> Self {
        Self(RawValue::from_string(text).unwrap_or_default())
    }

    pub(crate) fn text(&self) -> &str {
        self.0.get()
    }
}

/// Refuses what a newer version wrote, before its fields are looked at.
pub(crate) fn check_format(text: &str, known: u16) -> Result<(), RecordError> {
    /// What a record of any format has.
    #[derive(Deserialize)]
    struct Formatted {
        format: u16,
    }
    match read::<Formatted>(text)?.format {
        found if found > known => Err(RecordError::NewerFormat { found, known }),
        0 => Err(RecordError::Invalid { field: "format", what: "the first is 1, not 0".to_owned() }),
        _ => Ok(()),
    }
}

/// The text of an object with its checksum as the last field.
pub(crate) fn sealed(text: &str) -> String {
    let fields = text.strip_suffix('}').unwrap_or_default();
    format!("{fields}{SEAL}{}\"}}", checksum(text))
}

/// The text that was [sealed]; nothing if it was changed since, by as little as a space.
pub(crate) fn unsealed(text: &str) -> Option<String> {
    let (fields, check) = text.rsplit_once(SEAL)?;
    let text = format!("{fields}}}");
    (check.strip_suffix("\"}") == Some(&checksum(&text))).then_some(text)
}

/// What stands before a checksum.
const SEAL: &str = ",\"check\":\"";

/// FNV-1a, 64 bits, as 16 hexadecimal digits: it finds accidents, not forgery.
pub(crate) fn checksum(text: &str) -> String {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    format!("{:016x}", text.bytes().fold(0xcbf2_9ce4_8422_2325, step))
}

fn malformed(text: &str, error: &serde_json::Error) -> RecordError {
    let line = text.split('\n').nth(error.line().saturating_sub(1)).unwrap_or_default().as_bytes();
    let end = error.column().min(line.len());
    let before = line.get(end.saturating_sub(SHOWN)..end).unwrap_or_default();
    let what: String = error.to_string().chars().take(KEPT).flat_map(escaped).collect();
    RecordError::Malformed { what: format!("{what}, after {}", quoted(&String::from_utf8_lossy(before))) }
}

/// Quotes and what is escaped in them already stay as they are.
fn escaped(c: char) -> impl Iterator<Item = char> {
    let kept = matches!(c, '"' | '\'' | '\\').then_some(c);
    kept.into_iter().chain(c.escape_debug().filter(move |_| kept.is_none()))
}
