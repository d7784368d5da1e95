//! `OpenAi`.

use serde::Serialize;

use super::details::DetailsView;
use super::{Answer, json};
use crate::messages::Place;

#[derive(Serialize)]
struct OpenAi<'a> {
    error: OpenAiError<'a>,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<Box<DetailsView<'a>>>,
}

impl<'a> OpenAiError<'a> {
    pub(super) fn new(
        answer: &'a Answer<'_>,
        message: &'a str,
        details: Option<Box<DetailsView<'a>>>,
    ) -> Self {
        Self { message, error_type: answer.error_type(), param: (), code: answer.error_code(), details }
    }
}

pub(super) fn body(answer: &Answer<'_>) -> Vec<u8> {
    let message = answer.message(Place::Searched);
    json(&OpenAi { error: OpenAiError::new(answer, &message, answer.details()) })
}
