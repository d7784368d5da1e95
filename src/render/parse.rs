//! Reading a refusal back: was that answer one of ours, and which?

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::Shape;
use super::codes::{self, Words};
use crate::messages::kind_said_by;
use crate::refusal::RefusalKind;

/// A refusal found in an answer: what a client of such a service, or a gateway before one, can know about it.
///
/// Read tolerantly: keys in any order, more keys, any whitespace, texts with or without the name before them and in
/// other words. But only where an answer clearly is in one of the [shapes](Shape) and of one of the
/// [kinds](RefusalKind), with the HTTP status that belongs to it: a 402, a 500 or a "slow down" 429 of another make is
/// not recognised, nor is one that contradicts itself.
///
/// The texts are the other side's. They are fit for a log, not for passing on to a customer of yours.
///
/// ```
/// use billing_guard::{Recognized, RefusalKind, Shape};
///
/// let body = br#"{"error":{"code":"BALANCE_HELD","message":"Please hold."}}"#;
/// let found = Recognized::parse(402, body).ok_or("not recognised")?;
/// assert_eq!(found.kind(), RefusalKind::BalanceHeld);
/// assert_eq!(found.shape(), Shape::ErrorObject);
/// assert_eq!(found.retry_helps(), Some(true));
/// assert!(Recognized::parse(429, br#"{"error":{"message":"Slow down."}}"#).is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recognized {
    kind: RefusalKind,
    /// Whether the body says that it is this kind, and not the other one that shares its name and code.
    certain: bool,
    shape: Shape,
    name: Option<String>,
    service_code: Option<u32>,
    error_code: Option<String>,
    message: String,
    readable_message: Option<String>,
}

impl Recognized {
    /// The largest body that is looked at, in bytes.
    pub const MAX_BODY: usize = 64 * 1024;
    /// The longest plain text that is looked at, in bytes: one line, not a page.
    pub const MAX_TEXT: usize = 1024;

    /// The refusal in an answer with this HTTP status and body, or `None` if it is not certainly one.
    ///
    /// Any bytes may be given. Bodies of more than [`MAX_BODY`](Self::MAX_BODY) bytes, with invalid UTF-8, or with a
    /// key of ours twice in one object are not recognised. Plain text is recognised by the name before it, by the
    /// built-in sentences, and, with status 402, by the words `insufficient balance` or `insufficient credits`.
    #[must_use]
    pub fn parse(status: u16, body: &[u8]) -> Option<Self> {
        if body.len() > Self::MAX_BODY {
            return None;
        }
        let text = std::str::from_utf8(body).ok()?.trim();
        // The first character decides, since serde reads an array as a struct as well.
        if text.starts_with('{') { Self::from_json(status, text) } else { Self::from_text(status, text) }
    }

    /// Which kind of refusal it is.
    ///
    /// In `Flat`, and in `Text` with a name, an empty account and a held balance share name and code. The built-in
    /// sentences and the words that clients search for tell them apart; with any other text this is
    /// [`InsufficientBalance`](RefusalKind::InsufficientBalance), and [`top_up_helps`](Self::top_up_helps) and
    /// [`retry_helps`](Self::retry_helps) are `None`. A `Retry-After` header then hints at a held balance.
    #[must_use]
    pub const fn kind(&self) -> RefusalKind {
        self.kind
    }

    /// The shape it came in.
    #[must_use]
    pub const fn shape(&self) -> Shape {
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

    /// The word in `error.code` or `error`, in shapes that have one.
    #[must_use]
    pub fn error_code(&self) -> Option<&str> {
        self.error_code.as_deref()
    }

    /// The text for the developer, as it was sent.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The text for the reader, as it was sent; the same as [`message`](Self::message) in shapes with one text.
    #[must_use]
    pub fn readable_message(&self) -> &str {
        self.readable_message.as_deref().unwrap_or(&self.message)
    }

    fn from_json(status: u16, text: &str) -> Option<Self> {
        let top: Top<'_> = serde_json::from_str(text).ok()?;
        let error: Option<ErrorObject<'_>> = top.error.and_then(object);
        match (Envelope::read(status, &top), error) {
            (Some(envelope), None) => {
                let (kind, certain) = envelope.kind(status)?;
                Some(envelope.found(kind, certain, Shape::Flat, None))
            }
            (Some(envelope), Some(error)) => {
                let code = error.code.and_then(string);
                let (kind, certain) = match (envelope.kind(status), error.open_ai_kind(status)) {
                    (Some((kind, certain)), Some(coded)) if kind == coded || !certain => (coded, true),
                    // The text of the envelope said one thing and the code of the error another.
                    (Some(_), Some(_)) => return None,
                    (Some(named), None) => named,
                    (None, Some(coded)) => (coded, true),
                    (None, None) => return None,
                };
                Some(envelope.found(kind, certain, Shape::FlatWithError, code))
            }
            (None, Some(error)) => {
                let (kind, shape) = match error.open_ai_kind(status) {
                    Some(kind) => (kind, Shape::OpenAi),
                    None => (error.kind_by(status, |words| words.object)?, Shape::ErrorObject),
                };
                Some(Self::coded(kind, shape, error.code.and_then(string)?, error.message.and_then(string)?))
            }
            (None, None) => {
                let code = top.error.and_then(string)?;
                let kind = kind_with(status, |words| words.string == code)?;
                Some(Self::coded(kind, Shape::ErrorString, code, top.message.and_then(string)?))
            }
        }
    }

    fn from_text(status: u16, text: &str) -> Option<Self> {
        // Markup and pages are another service's way to speak.
        if text.len() > Self::MAX_TEXT || text.starts_with(['<', '[', '"']) || text.contains(['\n', '\r']) {
            return None;
        }
        let split = text.split_once(": ").filter(|(name, _)| kind_named(status, name).is_some());
        let (name, sentence) = split.map_or((None, text), |(name, rest)| (Some(name), rest));
        let (kind, certain) = told(status, name, sentence)?;
        Some(Self {
            kind,
            certain,
            shape: Shape::Text,
            name: name.map(str::to_owned),
            service_code: None,
            error_code: None,
            message: text.to_owned(),
            readable_message: None,
        })
    }

    fn coded(kind: RefusalKind, shape: Shape, error_code: String, message: String) -> Self {
        Self {
            kind,
            certain: true,
            shape,
            name: None,
            service_code: None,
            error_code: Some(error_code),
            message,
            readable_message: None,
        }
    }
}

/// The keys of ours at the top. Kept as raw text, so that a foreign value under one of them, however deep, is no error
/// and costs nothing, and so that a number too large for anything is just not the number we look for.
#[derive(Deserialize)]
struct Top<'a> {
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(borrow)]
    code: Option<&'a RawValue>,
    #[serde(borrow)]
    name: Option<&'a RawValue>,
    #[serde(borrow)]
    status: Option<&'a RawValue>,
    #[serde(borrow)]
    message: Option<&'a RawValue>,
    #[serde(borrow, rename = "readableMessage")]
    readable_message: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct ErrorObject<'a> {
    #[serde(borrow)]
    code: Option<&'a RawValue>,
    #[serde(borrow, rename = "type")]
    error_type: Option<&'a RawValue>,
    #[serde(borrow)]
    message: Option<&'a RawValue>,
}

impl ErrorObject<'_> {
    /// The kind by type and code as in `OpenAi`. The type alone is shared by too many services, and so is the code.
    fn open_ai_kind(&self, status: u16) -> Option<RefusalKind> {
        let error_type = self.error_type.and_then(string)?;
        let kind = self.kind_by(status, |words| words.open_ai_code)?;
        (codes::words(kind).open_ai_type == error_type).then_some(kind)
    }

    fn kind_by(&self, status: u16, word: fn(&Words) -> &'static str) -> Option<RefusalKind> {
        let code = self.code.and_then(string)?;
        kind_with(status, |words| word(words) == code)
    }
}

/// The fields of `Flat`, all present and in agreement with the HTTP status.
struct Envelope {
    name: String,
    service_code: u32,
    message: String,
    readable_message: Option<String>,
}

impl Envelope {
    fn read(status: u16, top: &Top<'_>) -> Option<Self> {
        let code: u16 = value(top.code?)?;
        let service_code: u32 = value(top.status?)?;
        if code != status || codes::http_status_of(service_code) != Some(status) {
            return None;
        }
        Some(Self {
            name: string(top.name?)?,
            service_code,
            message: string(top.message?)?,
            readable_message: top.readable_message.and_then(string),
        })
    }

    fn kind(&self, status: u16) -> Option<(RefusalKind, bool)> {
        // Of the service codes only the documented one says enough without its name: others may have a 50001 too.
        let documented = RefusalKind::InsufficientBalance;
        let known = kind_named(status, &self.name).is_some();
        let name = if !known && self.service_code == documented.service_code() {
            documented.name()
        } else {
            &self.name
        };
        told(status, Some(name), &self.message)
    }

    fn found(self, kind: RefusalKind, certain: bool, shape: Shape, error_code: Option<String>) -> Recognized {
        Recognized {
            kind,
            certain,
            shape,
            name: Some(self.name),
            service_code: Some(self.service_code),
            error_code,
            message: self.message,
            readable_message: self.readable_message,
        }
    }
}

/// The kind that a name, if there is one, and a text tell together, and whether they tell it for certain.
fn told(status: u16, name: Option<&str>, text: &str) -> Option<(RefusalKind, bool)> {
    let said =
        kind_said_by(text).or_else(|| searched(text)).filter(|kind| codes::can_have_status(*kind, status));
    let Some(name) = name else {
        return said.map(|kind| (kind, true));
    };
    match (kind_named(status, name)?, said) {
        // An ordinary rate limit has this name as well.
        (Name::RateLimit, Some(RefusalKind::BalanceHeld)) => Some((RefusalKind::BalanceHeld, true)),
        (Name::RateLimit, _) => None,
        (Name::Short, Some(kind @ (RefusalKind::InsufficientBalance | RefusalKind::BalanceHeld))) => {
            Some((kind, true))
        }
        (Name::Short, _) => Some((RefusalKind::InsufficientBalance, false)),
        (Name::Of(kind), _) => Some((kind, true)),
    }
}

/// `InsufficientBalance` if the text contains what clients search for.
fn searched(text: &str) -> Option<RefusalKind> {
    let lower = text.to_ascii_lowercase();
    let found = lower.contains("insufficient balance") || lower.contains("insufficient credits");
    found.then_some(RefusalKind::InsufficientBalance)
}

/// What a name in the table stands for.
enum Name {
    /// Empty, in debt or held.
    Short,
    /// Held as a 429, or somebody's ordinary rate limit.
    RateLimit,
    Of(RefusalKind),
}

fn kind_named(status: u16, name: &str) -> Option<Name> {
    if (status, name) == (codes::HELD_AS_429.0, codes::HELD_AS_429.1) {
        return Some(Name::RateLimit);
    }
    let kind = RefusalKind::ALL.iter().find(|kind| kind.status() == status && kind.name() == name)?;
    Some(match kind {
        RefusalKind::InsufficientBalance | RefusalKind::BalanceHeld => Name::Short,
        kind => Name::Of(*kind),
    })
}

fn kind_with(status: u16, wanted: impl Fn(&Words) -> bool) -> Option<RefusalKind> {
    let fits = |kind: &&RefusalKind| codes::can_have_status(**kind, status) && wanted(&codes::words(**kind));
    RefusalKind::ALL.iter().find(fits).copied()
}

fn value<T: DeserializeOwned>(raw: &RawValue) -> Option<T> {
    serde_json::from_str(raw.get()).ok()
}

fn string(raw: &RawValue) -> Option<String> {
    value(raw)
}

fn object(raw: &RawValue) -> Option<ErrorObject<'_>> {
    raw.get().starts_with('{').then(|| serde_json::from_str(raw.get()).ok()).flatten()
}
