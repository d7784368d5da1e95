//! `OpenRouter`.

use serde::Serialize;

use super::details::DetailsView;
use super::{Answer, codes, json};
use crate::messages::Place;

#[derive(Serialize)]
struct OpenRouter<'a> {
    error: OpenRouterError<'a>,
}

#[derive(Serialize)]
struct OpenRouterError<'a> {
    /// An integer: its own client reads nothing else.
    code: u16,
    message: &'a str,
    metadata: Metadata<'a>,
}

#[derive(Serialize)]
struct Metadata<'a> {
    /// Absent where no limit is the reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    limit_source: Option<&'static str>,
    remedy_hint: &'static str,
    #[serde(flatten)]
    details: Option<Box<DetailsView<'a>>>,
}

pub(super) fn body(answer: &Answer<'_>) -> Vec<u8> {
    let message = answer.message(Place::Searched);
    let kind = answer.told().kind();
    json(&OpenRouter {
        error: OpenRouterError {
            code: answer.status(),
            message: &message,
            metadata: Metadata {
                limit_source: codes::limit_source(kind),
                remedy_hint: codes::remedy_hint(kind),
                details: answer.details(),
            },
        },
    })
}
