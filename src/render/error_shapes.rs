//! The shapes that are little more than an `error`: `ErrorObject`, `ErrorString`, `OpenAi`.

use serde::Serialize;

use super::{Row, json};

#[derive(Serialize)]
struct Wrapped<T> {
    error: T,
}

#[derive(Serialize)]
struct ErrorObject<'a> {
    code: &'a str,
    message: &'a str,
}

#[derive(Serialize)]
struct ErrorString<'a> {
    error: &'a str,
    message: &'a str,
}

/// The object under `error`, as clients of the OpenAI API read it. `code` is text: an integer there is more than some
/// of them can read.
#[derive(Serialize)]
pub(super) struct OpenAiError<'a> {
    message: &'a str,
    #[serde(rename = "type")]
    error_type: &'a str,
    param: (),
    code: &'a str,
}

impl<'a> OpenAiError<'a> {
    pub(super) fn new(row: &Row<'a>, message: &'a str) -> Self {
        Self { message, error_type: row.error_type, param: (), code: row.error_code }
    }
}

pub(super) fn error_object(row: &Row<'_>, message: &str) -> Vec<u8> {
    json(&Wrapped { error: ErrorObject { code: row.error_code, message } })
}

pub(super) fn error_string(row: &Row<'_>, message: &str) -> Vec<u8> {
    json(&ErrorString { error: row.error_code, message })
}

pub(super) fn open_ai(row: &Row<'_>, message: &str) -> Vec<u8> {
    json(&Wrapped { error: OpenAiError::new(row, message) })
}
