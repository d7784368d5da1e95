//! `Anthropic`.

use serde::Serialize;

use super::details::DetailsView;
use super::{Answer, codes, json};
use crate::messages::Place;

#[derive(Serialize)]
struct Anthropic<'a> {
    #[serde(rename = "type")]
    always_error: &'static str,
    error: AnthropicError<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
}

#[derive(Serialize)]
struct AnthropicError<'a> {
    #[serde(rename = "type")]
    error_type: &'static str,
    message: &'a str,
    details: AnthropicDetails<'a>,
}

#[derive(Serialize)]
struct AnthropicDetails<'a> {
    error_code: &'a str,
    #[serde(flatten)]
    details: Option<Box<DetailsView<'a>>>,
}

pub(super) fn body(answer: &Answer<'_>) -> Vec<u8> {
    let message = answer.message(Place::Searched);
    json(&Anthropic {
        always_error: "error",
        error: AnthropicError {
            error_type: codes::anthropic_type(answer.status()),
            message: &message,
            details: AnthropicDetails { error_code: answer.error_code(), details: answer.details() },
        },
        request_id: answer.request_id(),
    })
}
