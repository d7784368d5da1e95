//! The objects of a price table's JSON, with nothing lost: every member, in order, as it is written.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::error::Category;
use serde_json::value::RawValue;

use super::PriceError;

/// The members of a JSON object in their order, duplicates included, values as they are written.
pub(super) struct Object<'a>(pub(super) Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Object(members))
            }
        }

        deserializer.deserialize_map(Members)
    }
}

impl<'a> Object<'a> {
    /// `None` if the value is not an object.
    pub(super) fn read(value: &'a RawValue) -> Option<Self> {
        serde_json::from_str(value.get()).ok()
    }
}

pub(super) fn invalid_table(error: &serde_json::Error) -> PriceError {
    let problem = match error.classify() {
        // Its own text would quote the value, at any length.
        Category::Data => {
            format!("expected an object at line {} column {}", error.line(), error.column())
        }
        _ => error.to_string(),
    };
    PriceError::InvalidTable { problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_kept_as_they_are_written() {
        let value: &RawValue = serde_json::from_str(r#"{"b": 1.50, "a": [ 2 ], "b": null}"#).unwrap();
        let Object(members) = Object::read(value).unwrap();
        let members: Vec<_> = members.iter().map(|(name, value)| (name.as_str(), value.get())).collect();
        assert_eq!(members, [("b", "1.50"), ("a", "[ 2 ]"), ("b", "null")]);
        for other in ["[]", "null", "\"text\"", "7"] {
            assert!(Object::read(serde_json::from_str(other).unwrap()).is_none(), "{other}");
        }
    }
}
