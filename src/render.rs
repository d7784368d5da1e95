//! How a [`Refusal`] goes over the wire: [`Renderer`] writes it, [`Recognized`] reads it back.

mod codes;
mod error_shapes;
mod flat;
mod parse;

pub use parse::Recognized;

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue, Response, StatusCode};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::clock::{Clock, SystemClock};
use crate::messages::{English, Messages, Place};
use crate::refusal::{Details, Disclosed, Disclosure, Refusal, RefusalKind};
use crate::text::quoted;

use error_shapes::OpenAiError;

/// The longest `Retry-After`, in seconds. More than an hour is not a retry any more.
const MAX_RETRY_AFTER_SECS: u64 = 3_600;

/// What the body looks like.
///
/// The words for `error.code` and so on, which a host can replace with [`Renderer::with_error_code`]:
///
/// | kind | `ErrorObject` code | `ErrorString` error | `OpenAi` type | `OpenAi` code |
/// |---|---|---|---|---|
/// | `InsufficientBalance` | `INSUFFICIENT_BALANCE` | `InsufficientBalance` | `insufficient_quota` | `insufficient_balance` |
/// | `BalanceHeld` | `BALANCE_HELD` | `BalanceHeld` | `balance_held` | `balance_held` |
/// | `SpendCapReached` | `SPEND_CAP_REACHED` | `SpendCapReached` | `spend_cap_reached` | `spend_cap_reached` |
/// | `RequestTooLarge` | `REQUEST_TOO_LARGE` | `RequestTooLarge` | `invalid_request_error` | `request_too_large` |
/// | `BudgetExceeded` | `BUDGET_EXCEEDED` | `BudgetExceeded` | `invalid_request_error` | `budget_exceeded` |
/// | `Duplicate` | `DUPLICATE_REQUEST` | `DuplicateRequest` | `invalid_request_error` | `duplicate_request` |
/// | `KeyConflict` | `KEY_CONFLICT` | `KeyConflict` | `invalid_request_error` | `key_conflict` |
/// | `Unavailable` | `LEDGER_UNAVAILABLE` | `LedgerUnavailable` | `server_error` | `ledger_unavailable` |
/// | `UnknownPrice` | `UNKNOWN_PRICE` | `UnknownPrice` | `server_error` | `unknown_price` |
/// | `WrongUnit` | `WRONG_UNIT` | `WrongUnit` | `server_error` | `wrong_unit` |
/// | `Misconfigured` | `MISCONFIGURED` | `Misconfigured` | `server_error` | `misconfigured` |
/// | `HoldLost` | `HOLD_LOST` | `HoldLost` | `server_error` | `hold_lost` |
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Shape {
    /// `{"data":null,"code":402,"name":"…","status":40203,"message":"…","readableMessage":"…"}`, where `code` is the
    /// HTTP status and `status` the service's own code.
    #[default]
    Flat,
    /// `Flat` with the `error` object of `OpenAi` after `data`: what most published clients read correctly, so the
    /// best choice for a new service.
    FlatWithError,
    /// `{"error":{"code":"INSUFFICIENT_BALANCE","message":"…"}}`
    ErrorObject,
    /// `{"error":"InsufficientBalance","message":"…"}`
    ErrorString,
    /// `{"error":{"message":"…","type":"insufficient_quota","param":null,"code":"insufficient_balance"}}`, as clients
    /// of the OpenAI API read it.
    OpenAi,
    /// The readable message and a line feed, as plain text.
    Text,
}

impl Shape {
    /// Every shape there is in this version.
    pub const ALL: &'static [Self] =
        &[Self::Flat, Self::FlatWithError, Self::ErrorObject, Self::ErrorString, Self::OpenAi, Self::Text];

    /// Its name in settings: `flat`, `flat-with-error`, `error-object`, `error-string`, `open-ai`, `text`. Parses back.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Flat => "flat",
            Self::FlatWithError => "flat-with-error",
            Self::ErrorObject => "error-object",
            Self::ErrorString => "error-string",
            Self::OpenAi => "open-ai",
            Self::Text => "text",
        }
    }

    const fn place(self) -> Place {
        match self {
            Self::Flat | Self::FlatWithError => Place::Envelope,
            Self::ErrorObject => Place::ErrorObject,
            Self::ErrorString => Place::ErrorString,
            Self::OpenAi | Self::Text => Place::Searched,
        }
    }
}

/// Turns refusals into answers. Made once by the host, shared by all requests; cheap to clone.
///
/// Every answer has `Cache-Control: no-store`, `Content-Type`, `Content-Language`, and `x-should-retry`, which
/// clients obey even where they would not retry the status. `Retry-After` comes only where waiting helps and the wait
/// is known. No status is a success.
///
/// ```
/// use billing_guard::{InsufficientBalance, Refusal, Renderer, Shape, Shortfall, Timestamp, Unit};
///
/// let renderer = Renderer::new(Shape::Flat);
/// let usd = Unit::new("USD", 2)?;
/// let short = Shortfall::new(usd.amount("7")?, Timestamp::default());
/// let answer = renderer.render(&Refusal::InsufficientBalance(InsufficientBalance::new(short)));
/// assert_eq!(answer.status(), 402);
/// assert_eq!(answer.header("x-should-retry"), Some("false"));
/// assert!(answer.body().starts_with(br#"{"data":null,"code":402,"name":"InsufficientBalanceError","#));
/// let response = answer.into_http();
/// assert_eq!(response.status(), 402);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Renderer {
    shape: Shape,
    name_prefix: bool,
    held_as_429: bool,
    messages: Arc<dyn Messages>,
    disclosure: Disclosure,
    clock: Arc<dyn Clock>,
    data: Option<Arc<RawValue>>,
    // Two short lists instead of maps: a host renames a few kinds if any, and most have none to look through.
    named: Vec<Named>,
    error_codes: Vec<(RefusalKind, String)>,
}

#[derive(Clone, Debug)]
struct Named {
    kind: RefusalKind,
    status: u16,
    name: String,
    service_code: u32,
}

impl Default for Renderer {
    fn default() -> Self {
        Self::new(Shape::default())
    }
}

impl Renderer {
    /// The largest fallback payload, in bytes of JSON.
    pub const MAX_DATA: usize = 32 * 1024;
    /// The longest name or error code, in bytes.
    pub const MAX_NAME: usize = 64;

    /// Renders this shape with the [`English`] texts and nothing switched on.
    #[must_use]
    pub fn new(shape: Shape) -> Self {
        Self {
            shape,
            name_prefix: false,
            held_as_429: false,
            messages: Arc::new(English::new()),
            disclosure: Disclosure::default(),
            clock: Arc::new(SystemClock::new()),
            data: None,
            named: Vec::new(),
            error_codes: Vec::new(),
        }
    }

    /// The shape it renders.
    #[must_use]
    pub const fn shape(&self) -> Shape {
        self.shape
    }

    /// The same with texts from this catalogue.
    #[must_use]
    pub fn with_messages(mut self, messages: Arc<dyn Messages>) -> Self {
        self.messages = messages;
        self
    }

    /// The same with the name and `": "` before the text where `readableMessage` stands (`Flat`, `FlatWithError`,
    /// `Text`), as live services send it.
    #[must_use]
    pub const fn with_name_prefix(mut self) -> Self {
        self.name_prefix = true;
        self
    }

    /// The same with 429 `RateLimitTriggeredError` 42903 for a held balance, for clients that wait for a 429 but not
    /// for a 402. An empty balance stays a 402: a 429 would only make clients ask again in vain.
    #[must_use]
    pub const fn with_held_as_429(mut self) -> Self {
        self.held_as_429 = true;
        self
    }

    /// The same with another name and service code for this kind, in `Flat` and `FlatWithError` (the name also in
    /// prefixes). For [`BalanceHeld`](RefusalKind::BalanceHeld) a code that begins with 402 names the default answer,
    /// one that begins with 429 that of [`with_held_as_429`](Self::with_held_as_429).
    ///
    /// [`Recognized`] knows only the names of the table in [`RefusalKind`].
    ///
    /// # Errors
    /// [`RenderSettingError::InvalidName`] unless the name is 1 to [`MAX_NAME`](Self::MAX_NAME) letters, digits and
    /// `_.-`; [`RenderSettingError::InvalidServiceCode`] unless the first three digits are the HTTP status.
    pub fn with_name_and_code(
        mut self,
        kind: RefusalKind,
        name: &str,
        service_code: u32,
    ) -> Result<Self, RenderSettingError> {
        check_name(name)?;
        let status = codes::http_status_of(service_code)
            .filter(|status| codes::can_have_status(kind, *status))
            .ok_or(RenderSettingError::InvalidServiceCode { service_code, status: kind.status() })?;
        self.named.retain(|named| (named.kind, named.status) != (kind, status));
        self.named.push(Named { kind, status, name: name.to_owned(), service_code });
        Ok(self)
    }

    /// The same with another word for this kind where the shape has one: `error.code` in `ErrorObject`, `OpenAi` and
    /// `FlatWithError`, `error` in `ErrorString`. [`Recognized`] knows only the words of the table in [`Shape`].
    ///
    /// # Errors
    /// [`RenderSettingError::InvalidName`] unless it is 1 to [`MAX_NAME`](Self::MAX_NAME) letters, digits and `_.-`.
    pub fn with_error_code(mut self, kind: RefusalKind, code: &str) -> Result<Self, RenderSettingError> {
        check_name(code)?;
        self.error_codes.retain(|(with_code, _)| *with_code != kind);
        self.error_codes.push((kind, code.to_owned()));
        Ok(self)
    }

    /// The same with this as `data` in `Flat` and `FlatWithError` instead of null: "no, but here is a summary for
    /// free". For a payload of one request, clone the renderer first.
    ///
    /// ```
    /// use billing_guard::{Refusal, Renderer};
    ///
    /// let renderer = Renderer::default();
    /// let answer = renderer.clone().with_data(&["a", "summary"])?.render(&Refusal::BudgetExceeded);
    /// assert!(answer.body().starts_with(br#"{"data":["a","summary"],"code":409,"#));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`RenderSettingError::InvalidData`] if it is not JSON, or more than [`MAX_DATA`](Self::MAX_DATA) bytes of it.
    pub fn with_data<T: Serialize + ?Sized>(mut self, data: &T) -> Result<Self, RenderSettingError> {
        let data = serde_json::value::to_raw_value(data)
            .map_err(|error| RenderSettingError::InvalidData { detail: error.to_string() })?;
        if data.get().len() > Self::MAX_DATA {
            let detail = format!("{} bytes, at most {} are allowed", data.get().len(), Self::MAX_DATA);
            return Err(RenderSettingError::InvalidData { detail });
        }
        self.data = Some(data.into());
        Ok(self)
    }

    /// The same with this level of [`Disclosure`], by what the caller may know. For one request, clone the renderer first.
    #[must_use]
    pub const fn with_disclosure(mut self, level: Disclosure) -> Self {
        self.disclosure = level;
        self
    }

    /// The same with another clock, by which offers end.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The answer to send instead of the work.
    #[must_use]
    pub fn render(&self, refusal: &Refusal) -> Rendered {
        self.render_with(refusal, &Details::new())
    }

    /// The answer to send instead of the work, with what the host knows beyond the refusal, as far as the
    /// [disclosure](Self::with_disclosure) goes.
    #[must_use]
    pub fn render_with(&self, refusal: &Refusal, details: &Details) -> Rendered {
        let row = self.row(refusal.kind());
        let told = Disclosed::new(refusal, details, self.disclosure, self.clock.now());
        let message = || self.messages.message(&told, self.shape.place());
        let readable = || self.messages.readable_message(&told);
        let body = match self.shape {
            Shape::Flat => self.flat(&row, None, &message(), readable()),
            Shape::FlatWithError => {
                let searched = self.messages.message(&told, Place::Searched);
                let error = OpenAiError::new(&row, &searched);
                self.flat(&row, Some(error), &message(), readable())
            }
            Shape::ErrorObject => error_shapes::error_object(&row, &message()),
            Shape::ErrorString => error_shapes::error_string(&row, &message()),
            Shape::OpenAi => error_shapes::open_ai(&row, &message()),
            Shape::Text => {
                let text = readable().unwrap_or_else(message);
                let (name, colon) = if self.name_prefix { (row.name, ": ") } else { ("", "") };
                [name, colon, text.as_ref(), "\n"].concat().into_bytes()
            }
        };
        Rendered { status: row.status, headers: self.headers(refusal), body }
    }

    fn flat(
        &self,
        row: &Row<'_>,
        error: Option<OpenAiError<'_>>,
        message: &str,
        readable: Option<Cow<'_, str>>,
    ) -> Vec<u8> {
        let mut readable = readable.unwrap_or(Cow::Borrowed(message));
        if self.name_prefix {
            readable = Cow::Owned([row.name, ": ", readable.as_ref()].concat());
        }
        flat::body(row, self.data.as_deref(), error, message, &readable)
    }

    fn headers(&self, refusal: &Refusal) -> Vec<Header> {
        let content_type = match self.shape {
            Shape::Text => "text/plain; charset=utf-8",
            _ => "application/json",
        };
        let mut headers = Vec::with_capacity(5);
        headers.push(("content-type", Cow::Borrowed(content_type)));
        headers.push(("content-language", self.messages.language()));
        headers.push(("cache-control", Cow::Borrowed("no-store")));
        headers.push(("x-should-retry", Cow::Borrowed(if refusal.retry_helps() { "true" } else { "false" })));
        if let Some(wait) = refusal.retry_after() {
            headers.push(("retry-after", Cow::Owned(whole_seconds(wait).to_string())));
        }
        headers
    }

    /// What this host calls that kind.
    fn row(&self, kind: RefusalKind) -> Row<'_> {
        let (status, name, service_code) = match kind {
            RefusalKind::BalanceHeld if self.held_as_429 => codes::HELD_AS_429,
            kind => (kind.status(), kind.name(), kind.service_code()),
        };
        let named = self.named.iter().find(|named| (named.kind, named.status) == (kind, status));
        let words = codes::words(kind);
        let own_code = self.error_codes.iter().find(|(with_code, _)| *with_code == kind);
        let error_code = own_code.map_or(
            match self.shape {
                Shape::ErrorObject => words.object,
                Shape::ErrorString => words.string,
                _ => words.open_ai_code,
            },
            |(_, code)| code.as_str(),
        );
        Row {
            status,
            name: named.map_or(name, |named| named.name.as_str()),
            service_code: named.map_or(service_code, |named| named.service_code),
            error_type: words.open_ai_type,
            error_code,
        }
    }
}

/// What one kind of refusal is called in one answer.
struct Row<'a> {
    status: u16,
    name: &'a str,
    service_code: u32,
    error_type: &'static str,
    error_code: &'a str,
}

fn check_name(text: &str) -> Result<(), RenderSettingError> {
    let fits = (1..=Renderer::MAX_NAME).contains(&text.len());
    if fits && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte)) {
        Ok(())
    } else {
        Err(RenderSettingError::InvalidName { text: quoted(text) })
    }
}

/// Rounded up, so that a client that waits that long has waited long enough.
fn whole_seconds(wait: Duration) -> u64 {
    let rounded_up = wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0));
    rounded_up.clamp(1, MAX_RETRY_AFTER_SECS)
}

/// Compact JSON. Our wire structs hold text, integers and JSON that was checked before, so writing cannot fail; were
/// it to, the body would be cut short, and status and headers would still say what matters.
fn json(wire: &impl Serialize) -> Vec<u8> {
    let mut body = Vec::with_capacity(512);
    let _ = serde_json::to_writer(&mut body, wire);
    body
}

type Header = (&'static str, Cow<'static, str>);

/// An answer as plain parts, for any framework: status, headers, body.
///
/// ```
/// use billing_guard::{Refusal, Renderer};
///
/// let answer = Renderer::default().render(&Refusal::KeyConflict);
/// assert_eq!(answer.status(), 409);
/// for (name, value) in answer.headers() {
///     println!("{name}: {value}");
/// }
/// let body: Vec<u8> = answer.into_body();
/// # let _ = body;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    status: u16,
    headers: Vec<Header>,
    body: Vec<u8>,
}

impl Rendered {
    /// The HTTP status, 400 to 599.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// Names, in small letters, and values of the headers, in the order to send them.
    pub fn headers(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.headers.iter().map(|(name, value)| (*name, value.as_ref()))
    }

    /// The value of the header with this name, in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The body.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The body alone.
    #[must_use]
    pub fn into_body(self) -> Vec<u8> {
        self.body
    }

    /// As a response of the `http` crate. A header value that does not fit into one (a custom catalogue's language
    /// with a line feed in it) is left out.
    #[must_use]
    pub fn into_http(self) -> Response<Vec<u8>> {
        let mut response = Response::new(self.body);
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        for (name, value) in self.headers {
            if let (Ok(name), Ok(value)) =
                (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(&value))
            {
                response.headers_mut().append(name, value);
            }
        }
        response
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

/// Why a setting of a [`Renderer`] was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RenderSettingError {
    /// The text names no shape.
    #[error(
        "{text} is not a shape: expected flat, flat-with-error, error-object, error-string, open-ai or text"
    )]
    UnknownShape {
        /// The text, quoted and shortened.
        text: String,
    },
    /// The text is no name or error code.
    #[error("{text} is not a name: expected 1 to 64 letters, digits and '_.-'")]
    InvalidName {
        /// The text, quoted and shortened.
        text: String,
    },
    /// The service code does not begin with the HTTP status of its kind.
    #[error("the service code {service_code} does not begin with the HTTP status {status}")]
    InvalidServiceCode {
        /// The code.
        service_code: u32,
        /// The status that its kind has by default.
        status: u16,
    },
    /// The fallback payload is not JSON, or too large.
    #[error("the fallback payload cannot be used: {detail}")]
    InvalidData {
        /// What is wrong with it.
        detail: String,
    },
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
    }

    #[test]
    fn waits_are_whole_seconds_rounded_up() {
        for (millis, seconds) in [(0, 1), (1, 1), (1_000, 1), (1_001, 2), (29_999, 30), (3_600_001, 3_600)] {
            assert_eq!(whole_seconds(Duration::from_millis(millis)), seconds, "{millis}");
        }
        assert_eq!(whole_seconds(Duration::MAX), 3_600);
    }
}
