//! Reading a refusal back: was that answer one of ours, and which?

mod event;
mod fields;
mod ours;
mod peers;
mod said;

use crate::refusal::RefusalKind;
use crate::render::Shape;

use fields::{ErrorObject, Status, Top};

/// A refusal found in an answer: what a client of such a service, or a gateway before one, can know about it.
///
/// Read tolerantly: keys in any order, more keys, any whitespace, texts with or without the name before them and in
/// other words. But only where an answer clearly is in one of the [shapes](Shape) and of one of the
/// [kinds](RefusalKind), with the HTTP status that belongs to it: a 402, a 500 or a "slow down" 429 of another make is
/// not recognised, nor is one that contradicts itself.
///
/// ```
/// use billing_guard::{Recognized, RefusalKind, Shape};
///
/// let body = br#"{"error":{"code":"BALANCE_HELD","message":"Please hold."}}"#;
/// let found = Recognized::parse(402, body).ok_or("not recognised")?;
/// assert_eq!(found.kind(), RefusalKind::BalanceHeld);
/// assert_eq!(found.shape(), Some(Shape::ErrorObject));
/// assert_eq!(found.retry_helps(), Some(true));
/// assert!(Recognized::parse(429, br#"{"error":{"message":"Slow down."}}"#).is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # In a gateway
///
/// The work of many services is done by others, who have accounts and prices of their own. What well-known ones say when
/// such an account is empty, in use or at its limit is recognised too, whatever status they say it with. Then it is for the
/// *host* to pay, and its customer can do nothing about it. So log what was found, answer with
/// [`Refusal::unavailable`](crate::Refusal::unavailable), and pass neither the body nor the status on: a client that reads
/// "insufficient balance" would ask the wrong one to recharge. Void the hold, and the customer is charged nothing. That
/// the *customer's* balance is short is what your own [`Guard`](crate::Guard) says, as an [`Error`](crate::Error), before
/// an upstream is asked at all.
///
/// ```
/// use billing_guard::{Recognized, Refusal, Rendered, Renderer};
///
/// /// What the customer gets instead of an upstream's refusal; `None` if the answer is none.
/// fn instead_of(status: u16, body: &[u8], renderer: &Renderer, log: &mut String) -> Option<Rendered> {
///     match Recognized::parse(status, body) {
///         Some(found) => *log = format!("HTTP {status}, {:?}, {:?}", found.kind(), found.error_code()),
///         // Whatever it is, it is not for the customer to pay.
///         None if status == 402 => *log = "HTTP 402".to_owned(),
///         None => return None,
///     }
///     Some(renderer.render(&Refusal::unavailable()))
/// }
///
/// let (renderer, mut log) = (Renderer::default(), String::new());
/// let body = br#"{"error":{"message":"You exceeded your current quota, please check your plan and billing details.",
///     "type":"insufficient_quota","param":null,"code":"insufficient_quota"}}"#;
/// let answer = instead_of(429, body, &renderer, &mut log).ok_or("not recognised")?;
/// assert_eq!(log, r#"HTTP 429, InsufficientBalance, Some("insufficient_quota")"#);
/// assert_eq!(answer.status(), 503);
/// assert!(!String::from_utf8_lossy(answer.body()).contains("quota"));
///
/// // Nothing is said here about money, so this is for the gateway's own retries.
/// let body = br#"{"error":{"message":"Rate limit reached.","type":"requests","code":"rate_limit_exceeded"}}"#;
/// assert!(instead_of(429, body, &renderer, &mut log).is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// The texts are the other side's, and may name its ids: they are for a log that you own, and for nobody else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recognized {
    kind: RefusalKind,
    /// Whether the body says that it is this kind, and not another that shares its name and code.
    certain: bool,
    shape: Option<Shape>,
    name: Option<String>,
    service_code: Option<u32>,
    error_code: Option<String>,
    message: String,
    readable_message: Option<String>,
}

impl Recognized {
    /// The largest body that is looked at, in bytes.
    pub const MAX_BODY: usize = 64 * 1024;
    /// The longest sentence of plain text that is looked at, in bytes: one line, not a page. Lines for choices may follow.
    pub const MAX_TEXT: usize = 1024;

    /// The refusal in an answer with this HTTP status and body, or `None` if it is not certainly one.
    ///
    /// Any bytes may be given. Bodies of more than [`MAX_BODY`](Self::MAX_BODY) bytes, with invalid UTF-8, or with a
    /// key that matters twice in one object are not recognised. Plain text is recognised by the name before it, by the
    /// built-in sentences, and, with status 402, by the words `insufficient balance` or `insufficient credits`.
    ///
    /// One server-sent event is read as well, `event: error` or without a name: what stands in its `data`, with the status
    /// 200 of a stream that had begun or the status of its kind.
    ///
    /// Of other services these are recognised, with the HTTP statuses they come with:
    ///
    /// | where | what | HTTP status | kind |
    /// |---|---|---|---|
    /// | `error.code`, or `error.type` beside no code | `insufficient_quota` | 429 | `InsufficientBalance` |
    /// | `error.code` | `credit_balance_exhausted` | 429 | `InsufficientBalance` |
    /// | `error.code` | `insufficient_user_quota` | 403 | `InsufficientBalance` |
    /// | `error.code` | `organization_spend_limit_exceeded` | 429 | `SpendCapReached` |
    /// | `error.type` | `exceeded_current_quota_error` | 429 | `InsufficientBalance` |
    /// | `error.type` | `billing_error`, `credit_limit`, `insufficient_funds` | 402 | `InsufficientBalance` |
    /// | `error.type` | `budget_exceeded` | 400, 422, 429 | `SpendCapReached` |
    /// | `error.metadata.limit_source` | `openrouter_credits` | 402 | `InsufficientBalance` |
    /// | `error.metadata.limit_source` | `openrouter_in_flight_budget` | 402 | `BalanceHeld` |
    /// | `error.message` | "insufficient balance", "insufficient credits" | 402, 429 | `InsufficientBalance` |
    /// | `error.message`, status `RESOURCE_EXHAUSTED` | "prepayment credits are depleted" | 402, 429 | `InsufficientBalance` |
    /// | `error.message`, type `error` | "credit balance is too low" | 400 | `InsufficientBalance` |
    /// | `error`, `success` false | "insufficient credits" | 402 | `InsufficientBalance` |
    /// | `title` | "Billing required", "Insufficient credit" | 402 | `InsufficientBalance` |
    /// | `detail.status` | `quota_exceeded` | 401 | `InsufficientBalance` |
    #[must_use]
    pub fn parse(status: u16, body: &[u8]) -> Option<Self> {
        if body.len() > Self::MAX_BODY {
            return None;
        }
        let text = std::str::from_utf8(body).ok()?.trim();
        if text.starts_with('{') {
            Self::from_json(Status::of(status), text)
        } else if event::begins(text) {
            Self::from_event(status, text)
        } else {
            said::in_text(Status::of(status), text)
        }
    }

    /// Which kind of refusal it is.
    ///
    /// In `Flat`, and in `Text` with a name, an empty account, a held balance and a pending top-up share name and code. The
    /// `reason` among the details, the built-in sentences and the words that clients search for tell them apart; without
    /// any of these this is [`InsufficientBalance`](RefusalKind::InsufficientBalance), and
    /// [`top_up_helps`](Self::top_up_helps) and [`retry_helps`](Self::retry_helps) are `None`. A `Retry-After` header then
    /// says that waiting helps.
    ///
    /// It is the same with the types `billing_error` and `insufficient_quota` of other services, if neither a code nor the
    /// sentence says more: a payment that failed and a limit that is reached are called so too.
    ///
    /// `OpenRouter` has no word for kinds without a limit: they are recognised by `reason` or a built-in sentence alone.
    #[must_use]
    pub const fn kind(&self) -> RefusalKind {
        self.kind
    }

    /// Which shape of this crate it came in; `None` if another service said it in a form of its own. Which service that
    /// was cannot be known: some speak for others, and some speak alike.
    #[must_use]
    pub const fn shape(&self) -> Option<Shape> {
        self.shape
    }

    /// Whether the same request would succeed after a top-up. `None` if the body does not tell.
    #[must_use]
    pub fn top_up_helps(&self) -> Option<bool> {
        self.certain.then(|| self.kind.top_up_helps())
    }

    /// Whether the same request may succeed when it is sent again after a while. `None` if the body does not tell.
    #[must_use]
    pub fn retry_helps(&self) -> Option<bool> {
        self.certain.then(|| self.kind.retry_helps())
    }

    /// The name, such as `InsufficientBalanceError`, in shapes that have one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The service's own code, such as 40203, in shapes that have one.
    #[must_use]
    pub const fn service_code(&self) -> Option<u32> {
        self.service_code
    }

    /// The word in `error.code` or `error`, in shapes that have one; in a form of another service the word it was
    /// recognised by, if it was by a word.
    #[must_use]
    pub fn error_code(&self) -> Option<&str> {
        self.error_code.as_deref()
    }

    /// The text for the developer, as it was sent. It may contain anything: escape it where you log it.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The text for the reader, as it was sent; the same as [`message`](Self::message) in shapes with one text.
    #[must_use]
    pub fn readable_message(&self) -> &str {
        self.readable_message.as_deref().unwrap_or(&self.message)
    }

    /// The error of one event. If the answer is a success, it is the event that says that something went wrong.
    fn from_event(status: u16, text: &str) -> Option<Self> {
        let data = event::data(text)?;
        let status = if status == 200 { Status::IN_STREAM } else { Status::of(status) };
        let found = Self::from_json(status, data.trim())?;
        Some(Self { shape: found.shape.and(Some(Shape::Event)), ..found })
    }

    fn from_json(status: Status, text: &str) -> Option<Self> {
        // The first character decides, since serde reads an array as a struct as well.
        let top: Top<'_> = text.starts_with('{').then(|| serde_json::from_str(text).ok()).flatten()?;
        let error: Option<ErrorObject<'_>> = top.error.and_then(fields::object);
        if let Some(envelope) = ours::Envelope::read(status, &top) {
            return envelope.recognize(error.as_ref());
        }
        match (error, top.error) {
            (Some(error), _) => ours::in_error_object(status, &top, &error)
                .or_else(|| peers::in_error_object(status, &top, &error)),
            (None, Some(_)) => {
                ours::in_error_string(status, &top).or_else(|| peers::in_error_string(status, &top))
            }
            (None, None) => ours::in_problem(status, &top).or_else(|| peers::in_detail(status, &top)),
        }
    }

    const fn certainly(kind: RefusalKind, shape: Option<Shape>, message: String) -> Self {
        Self {
            kind,
            certain: true,
            shape,
            name: None,
            service_code: None,
            error_code: None,
            message,
            readable_message: None,
        }
    }
}
