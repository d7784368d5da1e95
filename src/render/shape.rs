//! What a body looks like: [`Shape`], one file for each beside this one.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use super::{
    Answer, RenderSettingError, anthropic, error_object, error_string, event, flat, google, open_ai,
    open_router, problem, text,
};
use crate::text::quoted;

/// What the body looks like.
///
/// What is told beside the sentence is left out here: [`Details`](crate::Details) has the list of it.
///
/// The words for `error.code` and so on, which a host can replace with [`Renderer::with_error_code`](crate::Renderer::with_error_code):
///
/// | kind | `ErrorObject`, `Google` | `ErrorString` error | elsewhere | `OpenAi` type | `Anthropic` type | `Google` status |
/// |---|---|---|---|---|---|---|
/// | `InsufficientBalance` | `INSUFFICIENT_BALANCE` | `InsufficientBalance` | `insufficient_balance` | `insufficient_quota` | `billing_error` | `RESOURCE_EXHAUSTED` |
/// | `BalanceHeld` | `BALANCE_HELD` | `BalanceHeld` | `balance_held` | `balance_held` | `billing_error` | `RESOURCE_EXHAUSTED` |
/// | `TopUpPending` | `TOP_UP_PENDING` | `TopUpPending` | `top_up_pending` | `top_up_pending` | `billing_error` | `RESOURCE_EXHAUSTED` |
/// | `SpendCapReached` | `SPEND_CAP_REACHED` | `SpendCapReached` | `spend_cap_reached` | `spend_cap_reached` | `billing_error` | `RESOURCE_EXHAUSTED` |
/// | `RequestTooLarge` | `REQUEST_TOO_LARGE` | `RequestTooLarge` | `request_too_large` | `invalid_request_error` | `billing_error` | `RESOURCE_EXHAUSTED` |
/// | `BudgetExceeded` | `BUDGET_EXCEEDED` | `BudgetExceeded` | `budget_exceeded` | `invalid_request_error` | `invalid_request_error` | `FAILED_PRECONDITION` |
/// | `Duplicate` | `DUPLICATE_REQUEST` | `DuplicateRequest` | `duplicate_request` | `invalid_request_error` | `invalid_request_error` | `ALREADY_EXISTS` |
/// | `KeyConflict` | `KEY_CONFLICT` | `KeyConflict` | `key_conflict` | `invalid_request_error` | `invalid_request_error` | `FAILED_PRECONDITION` |
/// | `Unavailable` | `LEDGER_UNAVAILABLE` | `LedgerUnavailable` | `ledger_unavailable` | `server_error` | `overloaded_error` | `UNAVAILABLE` |
/// | `UnknownPrice` | `UNKNOWN_PRICE` | `UnknownPrice` | `unknown_price` | `server_error` | `api_error` | `INTERNAL` |
/// | `WrongUnit` | `WRONG_UNIT` | `WrongUnit` | `wrong_unit` | `server_error` | `api_error` | `INTERNAL` |
/// | `Misconfigured` | `MISCONFIGURED` | `Misconfigured` | `misconfigured` | `server_error` | `api_error` | `INTERNAL` |
/// | `HoldLost` | `HOLD_LOST` | `HoldLost` | `hold_lost` | `server_error` | `api_error` | `INTERNAL` |
///
/// `BalanceHeld` as a 429 is a `rate_limit_error` in `Anthropic`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Shape {
    /// `{"data":null,"code":402,"name":"…","status":40203,"message":"…","readableMessage":"…"}`, where `code` is the
    /// HTTP status and `status` the service's own code. Details stand between `data` and `code`.
    #[default]
    Flat,
    /// `Flat` with the `error` object of `OpenAi` after `data`: what most published clients read correctly, so the
    /// best choice for a new service. Details stand after `error`.
    FlatWithError,
    /// `{"error":{"code":"INSUFFICIENT_BALANCE","message":"…"}}`. Details are in `error.details`.
    ErrorObject,
    /// `{"error":"InsufficientBalance","message":"…"}`. Details are in `details`.
    ErrorString,
    /// `{"error":{"message":"…","type":"insufficient_quota","param":null,"code":"insufficient_balance"}}`, as clients
    /// of the OpenAI API read it. Details are in `error.details`.
    OpenAi,
    /// `{"type":"error","error":{"type":"billing_error","message":"…","details":{"error_code":"insufficient_balance"}}}`,
    /// as clients of the Anthropic API read it; with a `request_id` if the host
    /// [gives it one](crate::Renderer::with_request_id). Details stand after `error_code`.
    Anthropic,
    /// `{"error":{"code":402,"message":"…","status":"RESOURCE_EXHAUSTED","details":[…]}}`, as clients of Google's APIs
    /// read it. Under `details` there is an `ErrorInfo`, with our details as text in its `metadata`; a `RetryInfo` where
    /// waiting helps and the wait is known; and a `Help` with the links of what there is to choose.
    Google,
    /// `{"error":{"code":402,"message":"…","metadata":{"limit_source":"credits","remedy_hint":"…"}}}`, as clients of the
    /// OpenRouter API read it. Details stand in `metadata`.
    OpenRouter,
    /// `application/problem+json` of RFC 9457. Its `code` is the word for the kind, and its `type` leads to a page about
    /// it if the host [has such pages](crate::Renderer::with_problem_types). Details are members of their own, with
    /// `balance` beside `available`, as the RFC's own example calls it.
    Problem,
    /// The readable message and a line feed, as plain text; then a line for each choice.
    Text,
    /// The body of `OpenAi` as one server-sent event, `event: error`, for streams that have begun: those are sent with
    /// the status and headers of the stream, and this as their last event.
    Event,
    /// One of the host's own: [`Shape::custom`].
    Custom(CustomShape),
}

/// A shape of the host's own, made by [`Shape::custom`]. Two are equal if their names are.
#[derive(Clone, Copy, Debug)]
pub struct CustomShape {
    name: &'static str,
    content_type: &'static str,
    body: fn(&Answer<'_>) -> Vec<u8>,
}

impl PartialEq for CustomShape {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for CustomShape {}

impl Hash for CustomShape {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl Shape {
    /// Every built-in shape of this version.
    pub const ALL: &'static [Self] = &[
        Self::Flat,
        Self::FlatWithError,
        Self::ErrorObject,
        Self::ErrorString,
        Self::OpenAi,
        Self::Anthropic,
        Self::Google,
        Self::OpenRouter,
        Self::Problem,
        Self::Text,
        Self::Event,
    ];

    /// A shape of the host's own: its name, the value of `Content-Type`, and what writes the body from an [`Answer`],
    /// which has all that the built-in shapes are made from. A content type that is no header value is left out.
    ///
    /// ```
    /// use billing_guard::{Answer, Place, Refusal, Renderer, Shape};
    ///
    /// fn xml(answer: &Answer<'_>) -> Vec<u8> {
    ///     let text = answer.message(Place::Searched).replace('&', "&amp;").replace('<', "&lt;");
    ///     format!("<error code=\"{}\">{text}</error>", answer.error_code()).into_bytes()
    /// }
    ///
    /// const XML: Shape = Shape::custom("xml", "application/xml", xml);
    /// let answer = Renderer::new(XML).render(&Refusal::UnknownPrice);
    /// assert_eq!(answer.header("content-type"), Some("application/xml"));
    /// let body = b"<error code=\"unknown_price\">The service has no price for this request.</error>";
    /// assert_eq!(answer.body(), body);
    /// ```
    #[must_use]
    pub const fn custom(
        name: &'static str,
        content_type: &'static str,
        body: fn(&Answer<'_>) -> Vec<u8>,
    ) -> Self {
        Self::Custom(CustomShape { name, content_type, body })
    }

    /// Its name in settings, such as `flat-with-error`. That of a built-in shape parses back.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Flat => "flat",
            Self::FlatWithError => "flat-with-error",
            Self::ErrorObject => "error-object",
            Self::ErrorString => "error-string",
            Self::OpenAi => "open-ai",
            Self::Anthropic => "anthropic",
            Self::Google => "google",
            Self::OpenRouter => "open-router",
            Self::Problem => "problem",
            Self::Text => "text",
            Self::Event => "event",
            Self::Custom(custom) => custom.name,
        }
    }

    /// The value of `Content-Type` that goes with it.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Problem => "application/problem+json",
            Self::Text => "text/plain; charset=utf-8",
            Self::Event => "text/event-stream",
            Self::Custom(custom) => custom.content_type,
            _ => "application/json",
        }
    }

    pub(super) fn body(self, answer: &Answer<'_>) -> Vec<u8> {
        match self {
            Self::Flat => flat::body(answer),
            Self::FlatWithError => flat::body_with_error(answer),
            Self::ErrorObject => error_object::body(answer),
            Self::ErrorString => error_string::body(answer),
            Self::OpenAi => open_ai::body(answer),
            Self::Anthropic => anthropic::body(answer),
            Self::Google => google::body(answer),
            Self::OpenRouter => open_router::body(answer),
            Self::Problem => problem::body(answer),
            Self::Text => text::body(answer),
            Self::Event => event::body(answer),
            Self::Custom(custom) => (custom.body)(answer),
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Shape {
    type Err = RenderSettingError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let named = Self::ALL.iter().find(|shape| shape.as_str() == text);
        named.copied().ok_or_else(|| RenderSettingError::UnknownShape { text: quoted(text) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_shape_reads_back() {
        for shape in Shape::ALL {
            assert_eq!(shape.to_string().parse(), Ok(*shape));
        }
        let error = "Flat\n".parse::<Shape>().unwrap_err().to_string();
        assert!(error.starts_with(r#""Flat\n" is not a shape"#), "{error}");
        for shape in Shape::ALL {
            assert!(error.contains(shape.as_str()), "{error} leaves {shape} out");
        }
    }

    #[test]
    fn custom_shapes_are_told_apart_by_name() {
        let named = |name| Shape::custom(name, "text/plain", |_| Vec::new());
        assert_eq!(named("a"), Shape::custom("a", "text/html", |_| vec![1]));
        assert_ne!(named("a"), named("b"));
        assert_ne!(named("flat"), Shape::Flat);
        assert!("a".parse::<Shape>().is_err());
    }
}
