//! How other services say that an account of theirs is empty, in use or at its limit.
//!
//! Each has its own words, and the HTTP statuses it says them with. Whatever stands beside them and says something else,
//! or something we do not know, makes the answer one that is not recognised: a wrong alarm is worse than none.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::fields::{
    ErrorDetails, ErrorObject, Metadata, Status, Top, is, object, object_or_default, string, value,
};
use super::{Recognized, said};
use crate::messages::kind_said_by;
use crate::refusal::RefusalKind;
use crate::refusal::RefusalKind::{BalanceHeld, InsufficientBalance, SpendCapReached};

/// A word, the statuses it comes with, and what it says.
type Word = (&'static str, &'static [u16], RefusalKind);

/// Words that decide as `error.code`, whatever the type beside them.
const CODES: &[Word] = &[
    ("insufficient_quota", &[429], InsufficientBalance),
    ("credit_balance_exhausted", &[429], InsufficientBalance),
    ("organization_spend_limit_exceeded", &[429], SpendCapReached),
    ("insufficient_user_quota", &[403], InsufficientBalance),
];

/// Words that decide as `error.type`, if the code beside them says nothing.
const TYPES: &[Word] = &[
    ("insufficient_quota", &[429], InsufficientBalance),
    ("exceeded_current_quota_error", &[429], InsufficientBalance),
    ("billing_error", &[402], InsufficientBalance),
    ("credit_limit", &[402], InsufficientBalance),
    ("insufficient_funds", &[402], InsufficientBalance),
    ("budget_exceeded", &[400, 422, 429], SpendCapReached),
];

/// Types that say that money is missing, but not why: a payment may have failed, or a limit be reached.
const UNCLEAR: &[&str] = &["billing_error", "insufficient_quota"];

/// `error.metadata.limit_source` beside an integer code.
const LIMIT_SOURCES: &[Word] = &[
    ("openrouter_credits", &[402], InsufficientBalance),
    ("openrouter_in_flight_budget", &[402], BalanceHeld),
];

/// The title of a problem.
const TITLES: &[Word] = &[
    ("Billing required", &[402], InsufficientBalance),
    ("Insufficient credit", &[402], InsufficientBalance),
];

/// `detail.status`.
const DETAILS: &[Word] = &[("quota_exceeded", &[401], InsufficientBalance)];

/// An object under `error`.
pub(super) fn in_error_object(status: Status, top: &Top<'_>, error: &ErrorObject<'_>) -> Option<Recognized> {
    let found = in_any_error_object(status, top, error)?;
    // A sentence of ours about another kind: then it is in one of our shapes, and something about that is not as it was.
    let agrees = kind_said_by(&found.message).is_none_or(|said| said == found.kind);
    agrees.then_some(found)
}

fn in_any_error_object(status: Status, top: &Top<'_>, error: &ErrorObject<'_>) -> Option<Recognized> {
    let message = error.message.and_then(string)?;
    let (status, code) = Said::by_code(status, error.code)?;
    let error_type = Said::by_type(error.error_type)?;
    if let Some((kind, word)) = code.found_in(CODES, status) {
        return (!error_type.is_of_rate_limit()).then(|| worded(kind, word, message));
    }
    if let Some((kind, word)) = error_type.found_in(TYPES, status) {
        // With a code of its own there it is in our shape, under a name that we do not know.
        let details: ErrorDetails<'_> = object_or_default(error.details)?;
        let clear = code == Said::Nothing && details.error_code.is_none();
        let certain = !UNCLEAR.contains(&word) || said::has_searched_words(&message) || is_too_low(&message);
        return clear.then(|| Recognized { certain, ..worded(kind, word, message) });
    }
    let metadata: Metadata<'_> = object_or_default(error.metadata)?;
    if let Some(source) = metadata.limit_source.and_then(string) {
        let (kind, word) = Said::Word(source).found_in(LIMIT_SOURCES, status)?;
        return (code == Said::Nothing && error_type == Said::Nothing).then(|| worded(kind, word, message));
    }
    let found = in_message(status, &message, &code, &error_type)
        || (code == Said::Nothing
            && error_type == Said::Nothing
            && in_own_form(status, top, error, &message));
    found.then(|| Recognized::certainly(InsufficientBalance, None, message))
}

/// A sentence that many services use, whatever else they send.
fn in_message(status: Status, message: &str, code: &Said, error_type: &Said) -> bool {
    let agree = *code == Said::Number || (code.agrees() && error_type.agrees());
    status.is_one_of(&[402, 429]) && agree && said::has_searched_words(message)
}

/// Sentences that one service uses, in the form it has.
fn in_own_form(status: Status, top: &Top<'_>, error: &ErrorObject<'_>, message: &str) -> bool {
    (status.is_one_of(&[402, 429])
        && is(error.status, "RESOURCE_EXHAUSTED")
        && message.to_ascii_lowercase().contains("prepayment credits are depleted"))
        || (status.is(400) && is(top.kind, "error") && is_too_low(message))
}

fn is_too_low(message: &str) -> bool {
    message.to_ascii_lowercase().contains("credit balance is too low")
}

/// A sentence under `error`, beside `"success":false`.
pub(super) fn in_error_string(status: Status, top: &Top<'_>) -> Option<Recognized> {
    let message = top.error.and_then(string)?;
    let failed = top.success.and_then(value) == Some(false);
    let found = status.is(402) && failed && said::has_searched_words(&message);
    found.then(|| Recognized::certainly(InsufficientBalance, None, message))
}

/// A title, or what stands under `detail`.
pub(super) fn in_detail(status: Status, top: &Top<'_>) -> Option<Recognized> {
    if let Some(title) = top.title.and_then(string) {
        let code: u16 = value(top.status?).filter(|code| status.is(*code))?;
        let message = top.detail.and_then(string)?;
        let (kind, _) = Said::Word(title).found_in(TITLES, Status::of(code))?;
        return Some(Recognized::certainly(kind, None, message));
    }
    let detail: Detail<'_> = object(top.detail?)?;
    let (kind, word) = Said::Word(string(detail.status?)?).found_in(DETAILS, status)?;
    Some(worded(kind, word, string(detail.message?)?))
}

/// A code or a type, as far as it matters.
#[derive(PartialEq)]
enum Said {
    /// There is none, it is the HTTP status once more, or a word that stands beside anything.
    Nothing,
    /// A number of somebody's own.
    Number,
    Word(String),
}

impl Said {
    /// What a code says. As a number it may be an HTTP status: then it is the one of the answer, or of the error in the
    /// middle of a stream.
    fn by_code(status: Status, code: Option<&RawValue>) -> Option<(Status, Self)> {
        let Some(code) = code else { return Some((status, Self::Nothing)) };
        let word = string(code);
        if let Ok(http @ 100..=599) = word.as_deref().unwrap_or(code.get()).parse::<u16>() {
            return status.is(http).then(|| (Status::of(http), Self::Nothing));
        }
        let said = match word {
            Some(word) => Self::of_word(word),
            None => value::<i64>(code).map(|_| Self::Number)?,
        };
        Some((status, said))
    }

    fn by_type(error_type: Option<&RawValue>) -> Option<Self> {
        error_type.map_or(Some(Self::Nothing), |raw| string(raw).map(Self::of_word))
    }

    fn of_word(word: String) -> Self {
        match word.as_str() {
            "" | "unknown_error" | "invalid_request_error" => Self::Nothing,
            digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => Self::Number,
            _ => Self::Word(word),
        }
    }

    fn found_in(&self, words: &[Word], status: Status) -> Option<(RefusalKind, &'static str)> {
        let Self::Word(word) = self else { return None };
        let fits = |known: &&Word| known.0 == word && status.is_one_of(known.1);
        words.iter().find(fits).map(|known| (known.2, known.0))
    }

    fn is_of_rate_limit(&self) -> bool {
        matches!(self, Self::Word(word) if word.contains("rate_limit"))
    }

    /// Whether it does not speak against an account without credit.
    fn agrees(&self) -> bool {
        match self {
            Self::Nothing | Self::Number => true,
            Self::Word(word) => word.starts_with("insufficient_"),
        }
    }
}

#[derive(Deserialize)]
struct Detail<'a> {
    #[serde(borrow)]
    status: Option<&'a RawValue>,
    #[serde(borrow)]
    message: Option<&'a RawValue>,
}

fn worded(kind: RefusalKind, word: &str, message: String) -> Recognized {
    Recognized { error_code: Some(word.to_owned()), ..Recognized::certainly(kind, None, message) }
}
