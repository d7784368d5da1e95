//! `Google`.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::{Answer, codes, json, wait_seconds};
use crate::messages::Place;
use crate::refusal::Choice;

#[derive(Serialize)]
struct Google<'a> {
    error: GoogleError<'a>,
}

#[derive(Serialize)]
struct GoogleError<'a> {
    code: u16,
    message: &'a str,
    status: &'static str,
    details: Vec<Detail<'a>>,
}

/// One of the messages that Google's APIs put under `details`.
#[derive(Serialize)]
#[serde(tag = "@type")]
pub(super) enum Detail<'a> {
    #[serde(rename = "type.googleapis.com/google.rpc.ErrorInfo")]
    ErrorInfo {
        reason: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        domain: Option<&'a str>,
        /// Text, all of it: what is a list or an object elsewhere is that as JSON.
        #[serde(skip_serializing_if = "BTreeMap::is_empty")]
        metadata: BTreeMap<String, String>,
    },
    #[serde(rename = "type.googleapis.com/google.rpc.RetryInfo")]
    RetryInfo {
        /// As protobuf writes a duration: `8s`.
        #[serde(rename = "retryDelay")]
        retry_delay: String,
    },
    #[serde(rename = "type.googleapis.com/google.rpc.Help")]
    Help { links: Vec<HelpLink> },
}

#[derive(Serialize)]
pub(super) struct HelpLink {
    pub(super) description: String,
    pub(super) url: String,
}

pub(super) fn body(answer: &Answer<'_>) -> Vec<u8> {
    let message = answer.message(Place::Searched);
    json(&Google {
        error: GoogleError {
            code: answer.status(),
            message: &message,
            status: codes::words(answer.told().kind()).google_status,
            details: details(answer),
        },
    })
}

/// What there is to say beside the message.
pub(super) fn details<'a>(answer: &'a Answer<'_>) -> Vec<Detail<'a>> {
    let metadata = metadata(answer);
    let mut details =
        vec![Detail::ErrorInfo { reason: answer.error_code(), domain: answer.error_domain(), metadata }];
    if let Some(wait) = answer.told().retry_after() {
        details.push(Detail::RetryInfo { retry_delay: format!("{}s", wait_seconds(wait)) });
    }
    let links: Vec<HelpLink> = answer.told().choices().flat_map(|choice| links(answer, &choice)).collect();
    if !links.is_empty() {
        details.push(Detail::Help { links });
    }
    details
}

fn metadata(answer: &Answer<'_>) -> BTreeMap<String, String> {
    match answer.details().map(serde_json::to_value) {
        Some(Ok(Value::Object(members))) => members
            .into_iter()
            .map(|(name, value)| match value {
                Value::String(text) => (name, text),
                other => (name, other.to_string()),
            })
            .collect(),
        _ => BTreeMap::new(),
    }
}

/// The page of a choice, and those of its amounts.
fn links(answer: &Answer<'_>, choice: &Choice) -> Vec<HelpLink> {
    let text = answer.choice(choice);
    let own =
        choice.link().map(|link| HelpLink { description: text.clone().into_owned(), url: link.to_string() });
    let amounts = match choice {
        Choice::TopUp(top_up) => top_up.amounts(),
        _ => &[],
    };
    let of_amounts = amounts.iter().filter_map(|one| {
        let description = format!("{text}: {}", answer.amount(one.amount));
        one.link.as_ref().map(|link| HelpLink { description, url: link.to_string() })
    });
    own.into_iter().chain(of_amounts).collect()
}
