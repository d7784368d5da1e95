//! `Flat` and `FlatWithError`.

use serde::Serialize;
use serde_json::value::RawValue;

use super::error_shapes::OpenAiError;
use super::{Row, json};

/// The envelope. The order of the fields is the documented order of the keys; details go between `data` and `code`.
#[derive(Serialize)]
struct Flat<'a> {
    data: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<OpenAiError<'a>>,
    code: u16,
    name: &'a str,
    status: u32,
    message: &'a str,
    #[serde(rename = "readableMessage")]
    readable_message: &'a str,
}

pub(super) fn body(
    row: &Row<'_>,
    data: Option<&RawValue>,
    error: Option<OpenAiError<'_>>,
    message: &str,
    readable_message: &str,
) -> Vec<u8> {
    json(&Flat {
        data,
        error,
        code: row.status,
        name: row.name,
        status: row.service_code,
        message,
        readable_message,
    })
}
