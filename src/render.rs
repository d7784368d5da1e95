//! How a [`Refusal`] goes over the wire: [`Renderer`] writes it, [`Recognized`] reads it back.

mod answer;
mod anthropic;
mod codes;
mod details;
mod error_object;
mod error_string;
mod event;
mod flat;
mod google;
mod grpc;
mod headers;
mod mcp;
mod negotiate;
mod open_ai;
mod open_router;
mod parse;
mod problem;
mod rendered;
mod setting_error;
mod shape;
mod success;
mod text;

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::clock::{Clock, SystemClock, Timestamp};
use crate::link::Link;
use crate::messages::{English, Messages};
use crate::refusal::{Details, Disclosed, Disclosure, Refusal, RefusalKind};
use crate::text::quoted;

pub use answer::Answer;
pub use grpc::GrpcStatus;
use headers::Hook;
pub use mcp::McpResult;
pub use parse::Recognized;
pub use rendered::Rendered;
pub use setting_error::RenderSettingError;
pub use shape::{CustomShape, Shape};
pub use success::SuccessHeaders;

/// The longest `Retry-After`, in seconds. More than an hour is not a retry any more.
const MAX_RETRY_AFTER_SECS: u64 = 3_600;

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
    languages: Vec<Arc<dyn Messages>>,
    disclosure: Disclosure,
    clock: Arc<dyn Clock>,
    data: Option<Arc<RawValue>>,
    // Two short lists instead of maps: a host renames a few kinds if any, and most have none to look through.
    named: Vec<Named>,
    error_codes: Vec<(RefusalKind, String)>,
    request_id: Option<Arc<str>>,
    error_domain: Option<Arc<str>>,
    problem_types: Option<Link>,
    hook: Option<Hook>,
    /// What was negotiated, as `Vary` names it.
    vary: Option<&'static str>,
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
    /// The longest name, error code or name of a header, in bytes.
    pub const MAX_NAME: usize = 64;
    /// The longest request id, in bytes.
    pub const MAX_REQUEST_ID: usize = 128;
    /// The longest domain, in bytes.
    pub const MAX_DOMAIN: usize = 253;
    /// The longest link that those to pages about problems begin with, in bytes.
    pub const MAX_PROBLEM_LINK: usize = 1_024;
    /// The most languages beside the default.
    pub const MAX_LANGUAGES: usize = 64;

    /// Renders this shape with the [`English`] texts and nothing switched on.
    #[must_use]
    pub fn new(shape: Shape) -> Self {
        Self {
            shape,
            name_prefix: false,
            held_as_429: false,
            messages: Arc::new(English::new()),
            languages: Vec::new(),
            disclosure: Disclosure::default(),
            clock: Arc::new(SystemClock::new()),
            data: None,
            named: Vec::new(),
            error_codes: Vec::new(),
            request_id: None,
            error_domain: None,
            problem_types: None,
            hook: None,
            vary: None,
        }
    }

    /// The shape it renders.
    #[must_use]
    pub const fn shape(&self) -> Shape {
        self.shape
    }

    /// The same with texts from this catalogue, for all whose language there is no other for.
    #[must_use]
    pub fn with_messages(mut self, messages: Arc<dyn Messages>) -> Self {
        self.messages = messages;
        self
    }

    /// The same with one more catalogue, for those who ask for its language: see [`negotiate`](Self::negotiate). Those
    /// beyond [`MAX_LANGUAGES`](Self::MAX_LANGUAGES) are left out.
    ///
    /// ```
    /// use std::borrow::Cow;
    /// use std::sync::Arc;
    /// use billing_guard::{Disclosed, Messages, Place, Refusal, Renderer};
    ///
    /// #[derive(Debug)]
    /// struct Dutch;
    ///
    /// impl Messages for Dutch {
    ///     fn message(&self, _: &Disclosed<'_>, _: Place) -> Cow<'_, str> {
    ///         "Dat gaat nu niet.".into()
    ///     }
    ///     fn language(&self) -> Cow<'static, str> {
    ///         "nl".into()
    ///     }
    /// }
    ///
    /// let renderer = Renderer::default().with_language(Arc::new(Dutch));
    /// let answer = renderer.negotiate(None, Some("nl-BE, en;q=0.5")).render(&Refusal::Duplicate);
    /// assert_eq!(answer.header("content-language"), Some("nl"));
    /// assert_eq!(answer.header("vary"), Some("accept, accept-language"));
    /// ```
    #[must_use]
    pub fn with_language(mut self, messages: Arc<dyn Messages>) -> Self {
        if self.languages.len() < Self::MAX_LANGUAGES {
            self.languages.push(messages);
        }
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

    /// The same with another word for this kind where the shape has one: `error.code` in `ErrorObject`, `OpenAi`, `Event`
    /// and `FlatWithError`, `error` in `ErrorString`, `error_code` in `Anthropic`, the reason in `Google`, `code` in
    /// `Problem`. [`Recognized`] knows only the words of the table in [`Shape`].
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

    /// The same with this id of the request in shapes that have one (`Anthropic`). For one request: clone the renderer
    /// first.
    ///
    /// ```
    /// use billing_guard::{Refusal, Renderer, Shape};
    ///
    /// let renderer = Renderer::new(Shape::Anthropic).with_request_id("req_1")?;
    /// let answer = renderer.render(&Refusal::Duplicate);
    /// assert!(answer.body().ends_with(br#""details":{"error_code":"duplicate_request"}},"request_id":"req_1"}"#));
    /// # Ok::<(), billing_guard::RenderSettingError>(())
    /// ```
    ///
    /// # Errors
    /// [`RenderSettingError::InvalidRequestId`] unless it is 1 to [`MAX_REQUEST_ID`](Self::MAX_REQUEST_ID) visible ASCII
    /// characters.
    pub fn with_request_id(mut self, id: &str) -> Result<Self, RenderSettingError> {
        let fits = (1..=Self::MAX_REQUEST_ID).contains(&id.len());
        if !fits || !id.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(RenderSettingError::InvalidRequestId { text: quoted(id) });
        }
        self.request_id = Some(id.into());
        Ok(self)
    }

    /// The same with this domain of the service in shapes that have one (`Google`): what tells its errors from those of
    /// others with the same name, such as `example.com`.
    ///
    /// # Errors
    /// [`RenderSettingError::InvalidDomain`] unless it is 1 to [`MAX_DOMAIN`](Self::MAX_DOMAIN) letters, digits, `.` and
    /// `-`.
    pub fn with_error_domain(mut self, domain: &str) -> Result<Self, RenderSettingError> {
        let fits = (1..=Self::MAX_DOMAIN).contains(&domain.len());
        if !fits || !domain.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte)) {
            return Err(RenderSettingError::InvalidDomain { text: quoted(domain) });
        }
        self.error_domain = Some(domain.into());
        Ok(self)
    }

    /// The same with pages about the kinds of refusal, for `type` in `Problem`: each is this link with the word for the
    /// kind after it. Without them `type` is `about:blank`.
    ///
    /// ```
    /// use billing_guard::{Refusal, Renderer, Shape};
    ///
    /// let renderer = Renderer::new(Shape::Problem).with_problem_types("https://example.com/problems/".parse()?)?;
    /// let answer = renderer.render(&Refusal::KeyConflict);
    /// let body = String::from_utf8_lossy(answer.body());
    /// assert!(body.starts_with(r#"{"type":"https://example.com/problems/key_conflict","title":"#), "{body}");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`RenderSettingError::LongProblemLink`] if the link is longer than
    /// [`MAX_PROBLEM_LINK`](Self::MAX_PROBLEM_LINK).
    pub fn with_problem_types(mut self, link: Link) -> Result<Self, RenderSettingError> {
        if link.as_str().len() > Self::MAX_PROBLEM_LINK {
            return Err(RenderSettingError::LongProblemLink { text: quoted(link.as_str()) });
        }
        self.problem_types = Some(link);
        Ok(self)
    }

    /// The same with headers of the host's own in each answer, such as `WWW-Authenticate` or another protocol's
    /// `PAYMENT-REQUIRED`: the crate makes no challenge itself. What makes them sees the answer only as far as the client
    /// may read it; what else it needs it brings along.
    ///
    /// Names and values that do not fit into a header are left out, as are those beyond 16, values of more than 8 KiB, and
    /// names of headers that the answer has itself (`Content-Type`, `Retry-After` and so on) or that frame the message.
    ///
    /// ```
    /// use billing_guard::{Refusal, Renderer};
    ///
    /// let renderer = Renderer::default().with_headers(|answer| match answer.status() {
    ///     402 => vec![("WWW-Authenticate".into(), "Payment realm=\"example\"".into())],
    ///     _ => vec![("X-Reason".into(), answer.error_code().into()), ("Content-Type".into(), "text/html".into())],
    /// });
    /// let answer = renderer.render(&Refusal::KeyConflict);
    /// assert_eq!(answer.header("x-reason"), Some("key_conflict"));
    /// assert_eq!(answer.header("content-type"), Some("application/json"));
    /// ```
    #[must_use]
    pub fn with_headers(
        mut self,
        headers: impl Fn(&Answer<'_>) -> Vec<(String, String)> + Send + Sync + 'static,
    ) -> Self {
        self.hook = Some(Hook(Arc::new(headers)));
        self
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
        let answer = Answer::new(self, self.disclosed(refusal, details));
        let headers = headers::of(self, &answer);
        Rendered { status: answer.status(), headers, body: self.shape.body(&answer) }
    }

    fn disclosed<'a>(&self, refusal: &'a Refusal, details: &'a Details) -> Disclosed<'a> {
        // Only offers end, and most refusals have none: asking for the time costs as much as a fifth of an answer.
        let now = if details.has_offers() { self.clock.now() } else { Timestamp::default() };
        Disclosed::new(refusal, details, self.disclosure, now)
    }

    /// All catalogues: the default, and the others.
    fn catalogues(&self) -> impl Iterator<Item = &Arc<dyn Messages>> {
        std::iter::once(&self.messages).chain(&self.languages)
    }
}

fn check_name(text: &str) -> Result<(), RenderSettingError> {
    let fits = (1..=Renderer::MAX_NAME).contains(&text.len());
    if fits && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte)) {
        Ok(())
    } else {
        Err(RenderSettingError::InvalidName { text: quoted(text) })
    }
}

/// For `Retry-After`: a client that waits that long has waited long enough.
fn wait_seconds(wait: Duration) -> u64 {
    rounded_up(wait).clamp(1, MAX_RETRY_AFTER_SECS)
}

/// In whole seconds.
fn rounded_up(time: Duration) -> u64 {
    time.as_secs().saturating_add(u64::from(time.subsec_nanos() > 0))
}

/// Compact JSON. Our wire structs hold text, integers and JSON that was checked before, so writing cannot fail; were
/// it to, the body would be cut short, and status and headers would still say what matters.
fn json(wire: &impl Serialize) -> Vec<u8> {
    let mut body = Vec::with_capacity(512);
    let _ = serde_json::to_writer(&mut body, wire);
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_whole_seconds_rounded_up() {
        for (millis, seconds) in [(0, 1), (1, 1), (1_000, 1), (1_001, 2), (29_999, 30), (3_600_001, 3_600)] {
            assert_eq!(wait_seconds(Duration::from_millis(millis)), seconds, "{millis}");
        }
        assert_eq!(wait_seconds(Duration::MAX), 3_600);
        assert_eq!(rounded_up(Duration::from_millis(3_600_001)), 3_601);
    }
}
