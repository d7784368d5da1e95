//! `ErrorString`.

use serde::Serialize;

use super::details::DetailsView;
use super::{Answer, json};
use crate::messages::Place;

#[derive(Serialize)]
struct ErrorString<'a> {
    error: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<Box<DetailsView<'a>>>,
}

pub(super) fn body(answer: &Answer<'_>) -> Vec<u8> {
    let message = answer.message(Place::ErrorString);
    json(&ErrorString { error: answer.error_code(), message: &message, details: answer.details() })
}
