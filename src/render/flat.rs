//! `Flat` and `FlatWithError`.

use serde::Serialize;
use serde_json::value::RawValue;

use super::details::DetailsView;
use super::open_ai::OpenAiError;
use super::{Answer, json};
use crate::messages::Place;

/// The envelope. The order of the fields is the documented order of the keys; details go between `data` and `code`.
#[derive(Serialize)]
struct Flat<'a> {
    data: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<OpenAiError<'a>>,
    #[serde(flatten)]
    details: Option<Box<DetailsView<'a>>>,
    code: u16,
    name: &'a str,
    status: u32,
    message: &'a str,
    #[serde(rename = "readableMessage")]
    readable_message: &'a str,
}

pub(super) fn body(answer: &Answer<'_>) -> Vec<u8> {
    flat(answer, None)
}

pub(super) fn body_with_error(answer: &Answer<'_>) -> Vec<u8> {
    let searched = answer.message(Place::Searched);
    // The details stand beside the error already.
    flat(answer, Some(OpenAiError::new(answer, &searched, None)))
}

fn flat(answer: &Answer<'_>, error: Option<OpenAiError<'_>>) -> Vec<u8> {
    let message = answer.message(Place::Envelope);
    json(&Flat {
        data: answer.raw_data(),
        error,
        details: answer.details(),
        code: answer.status(),
        name: answer.name(),
        status: answer.service_code(),
        message: &message,
        readable_message: &answer.readable_message(&message),
    })
}
