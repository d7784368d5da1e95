//! [`McpResult`]: a refusal for tools that models call.

use serde::Serialize;
use serde_json::value::RawValue;

use super::details::DetailsView;
use super::{Answer, Renderer, Shape, json, wait_seconds};
use crate::messages::Place;
use crate::refusal::{Details, Refusal};

/// A refusal as the result of a tool call in the Model Context Protocol. Plain data, for whatever library makes the answer.
///
/// It serializes as `{"content":[{"type":"text","text":"…"}],"structuredContent":{…},"isError":true}`: an error of the
/// tool, which the model reads, and not of the protocol, which it does not. The text is the structured content as JSON, for
/// clients that know the text alone:
///
/// * `code`: the word for the kind, such as `insufficient_balance`;
/// * `message`: the text for the developer;
/// * `should_retry`: whether the same call may succeed when it is simply repeated, and `retry_after`, the seconds to wait
///   first, if they are known. There is no header for it here, and models that are not told repeat a call that cannot
///   succeed;
/// * then the details, under the names they have in every [`Shape`].
///
/// ```
/// use billing_guard::{Details, Refusal, Renderer};
///
/// let result = Renderer::default().mcp_result(&Refusal::Duplicate, &Details::new());
/// let json = serde_json::to_value(&result)?;
/// assert_eq!(json["isError"], true);
/// assert_eq!(json["structuredContent"]["code"], "duplicate_request");
/// assert_eq!(json["structuredContent"]["should_retry"], false);
/// assert_eq!(json["content"][0]["text"], result.text());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct McpResult {
    /// A JSON object.
    text: String,
}

#[derive(Serialize)]
struct Content<'a> {
    code: &'a str,
    message: &'a str,
    should_retry: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
    #[serde(flatten)]
    details: Option<Box<DetailsView<'a>>>,
}

impl McpResult {
    /// The structured content, as JSON.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl Serialize for McpResult {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Text<'a> {
            #[serde(rename = "type")]
            always_text: &'static str,
            text: &'a str,
        }
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Result<'a> {
            content: [Text<'a>; 1],
            structured_content: &'a RawValue,
            is_error: bool,
        }
        let structured_content = serde_json::from_str(&self.text).map_err(serde::ser::Error::custom)?;
        let content = [Text { always_text: "text", text: &self.text }];
        Result { content, structured_content, is_error: true }.serialize(serializer)
    }
}

impl Renderer {
    /// The same as [`render_with`](Self::render_with) for a tool call: what may be told and in which words is decided in the
    /// same way. The renderer's shape and what belongs to HTTP alone do not matter. Of a guard's error it is
    /// `guard.renderer().mcp_result(&error.refusal(), &details)`.
    #[must_use]
    pub fn mcp_result(&self, refusal: &Refusal, details: &Details) -> McpResult {
        // So that the words are those of that shape.
        let renderer = Self { shape: Shape::OpenAi, ..self.clone() };
        let answer = Answer::new(&renderer, renderer.disclosed(refusal, details));
        let told = answer.told();
        let content = json(&Content {
            code: answer.error_code(),
            message: &answer.message(Place::Searched),
            should_retry: told.kind().retry_helps(),
            retry_after: told.retry_after().map(wait_seconds),
            details: answer.details(),
        });
        McpResult { text: String::from_utf8_lossy(&content).into_owned() }
    }
}
