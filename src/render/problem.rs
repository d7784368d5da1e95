//! `Problem`, after RFC 9457.

use http::StatusCode;
use serde::Serialize;

use super::details::DetailsView;
use super::{Answer, codes, json};
use crate::messages::Place;

#[derive(Serialize)]
struct Problem<'a> {
    #[serde(rename = "type")]
    problem_type: &'a str,
    title: &'a str,
    /// The HTTP status, as the RFC has it, never the service's own code.
    status: u16,
    detail: &'a str,
    code: &'a str,
    /// What is there, under the name that the RFC's own example has for it; the same as `available`.
    #[serde(skip_serializing_if = "Option::is_none")]
    balance: Option<String>,
    #[serde(flatten)]
    details: Option<Box<DetailsView<'a>>>,
}

pub(super) fn body(answer: &Answer<'_>) -> Vec<u8> {
    let detail = answer.message(Place::Searched);
    let page = answer.problem_type();
    // Without a page of the host's there is no address to name the kind by that would be ours to give. The RFC then wants
    // `about:blank` and the phrase of the status; `code` has the kind.
    let (problem_type, title) = match &page {
        Some(page) => (page.as_str(), codes::title(answer.told().kind())),
        None => ("about:blank", status_phrase(answer.status())),
    };
    json(&Problem {
        problem_type,
        title,
        status: answer.status(),
        detail: &detail,
        code: answer.error_code(),
        balance: answer.told().available().map(|available| available.decimal().to_string()),
        details: answer.details(),
    })
}

fn status_phrase(status: u16) -> &'static str {
    let phrase = StatusCode::from_u16(status).ok().as_ref().and_then(StatusCode::canonical_reason);
    phrase.unwrap_or("Refused")
}
