//! Answers in the shapes of this crate.

use serde_json::value::RawValue;

use super::fields::{
    ErrorDetails, ErrorObject, Metadata, Status, Top, borrowed, is, object, object_or_default, string, value,
};
use super::{Recognized, said};
use crate::messages::kind_said_by;
use crate::refusal::RefusalKind;
use crate::render::Shape;
use crate::render::codes;

/// The fields of `Flat`, all present and in agreement with the HTTP status.
pub(super) struct Envelope {
    code: u16,
    name: String,
    service_code: u32,
    message: String,
    readable_message: Option<String>,
    /// What stands beside the details, if there are any.
    reason: Option<String>,
}

impl Envelope {
    pub(super) fn read(status: Status, top: &Top<'_>) -> Option<Self> {
        let code: u16 = value(top.code?)?;
        let service_code: u32 = value(top.status?)?;
        if !status.is(code) || codes::http_status_of(service_code) != Some(code) {
            return None;
        }
        Some(Self {
            code,
            name: string(top.name?)?,
            service_code,
            message: string(top.message?)?,
            readable_message: top.readable_message.and_then(string),
            reason: top.reason.and_then(string),
        })
    }

    /// `Flat`, or `FlatWithError` if there is an error beside it.
    pub(super) fn recognize(self, error: Option<&ErrorObject<'_>>) -> Option<Recognized> {
        let status = Status::of(self.code);
        let reason = self.reason.as_deref();
        let reason = reason.and_then(|reason| kind_with(status, |kind| kind.as_str() == reason));
        let coded = error.and_then(|error| open_ai_kind(status, error));
        let mut found = self.told();
        for kind in reason.into_iter().chain(coded) {
            found = match found {
                None => Some((kind, true)),
                Some((known, true)) if known == kind => found,
                Some((known, false)) if known.name() == kind.name() => Some((kind, true)),
                // The envelope says one thing, and what stands in it another.
                Some(_) => return None,
            };
        }
        let (kind, certain) = found?;
        let shape = if error.is_some() { Shape::FlatWithError } else { Shape::Flat };
        Some(self.found(kind, certain, shape, error.and_then(|error| error.code.and_then(string))))
    }

    /// What name, code and text say.
    fn told(&self) -> Option<(RefusalKind, bool)> {
        let status = Status::of(self.code);
        // Of the service codes only the documented one says enough without its name: others may have a 50001 too.
        let documented = RefusalKind::InsufficientBalance;
        let known = said::kind_named(status, &self.name).is_some();
        let name = if !known && self.service_code == documented.service_code() {
            documented.name()
        } else {
            &self.name
        };
        said::told(status, Some(name), &self.message)
    }

    fn found(self, kind: RefusalKind, certain: bool, shape: Shape, error_code: Option<String>) -> Recognized {
        Recognized {
            kind,
            certain,
            shape: Some(shape),
            name: Some(self.name),
            service_code: Some(self.service_code),
            error_code,
            message: self.message,
            readable_message: self.readable_message,
        }
    }
}

/// The shapes with an object under `error`.
pub(super) fn in_error_object(status: Status, top: &Top<'_>, error: &ErrorObject<'_>) -> Option<Recognized> {
    let message = error.message.and_then(string)?;
    if let Some(code) = error.code.and_then(string) {
        let (kind, shape) = match open_ai_kind(status, error) {
            Some(kind) => (kind, Shape::OpenAi),
            None => (kind_with(status, |kind| codes::words(kind).object == code)?, Shape::ErrorObject),
        };
        return Some(coded(kind, shape, code, message));
    }
    let Some(code) = error.code else {
        return in_anthropic(status, top, error, message);
    };
    let status = value(code).filter(|code| status.is(*code)).map(Status::of)?;
    match error.status.and_then(string) {
        Some(google_status) => in_google(status, &google_status, error, message),
        None => in_open_router(status, error, message),
    }
}

fn in_anthropic(
    status: Status,
    top: &Top<'_>,
    error: &ErrorObject<'_>,
    message: String,
) -> Option<Recognized> {
    let error_type = error.error_type.and_then(string)?;
    let details: ErrorDetails<'_> = object(error.details?)?;
    let code = details.error_code.and_then(string)?;
    let kind = kind_with(status, |kind| kind.as_str() == code)?;
    let typed = |known: u16| status.is(known) && codes::anthropic_type(known) == error_type;
    let clear = is(top.kind, "error") && codes::statuses(kind).any(typed);
    clear.then(|| coded(kind, Shape::Anthropic, code, message))
}

fn in_google(
    status: Status,
    google_status: &str,
    error: &ErrorObject<'_>,
    message: String,
) -> Option<Recognized> {
    const ERROR_INFO: &str = "type.googleapis.com/google.rpc.ErrorInfo";
    let details: Vec<&RawValue> = borrowed(error.details?)?;
    let mut reason = None;
    for detail in details {
        let detail: ErrorDetails<'_> = object_or_default(Some(detail))?;
        // Two reasons are none.
        if is(detail.type_url, ERROR_INFO) && reason.replace(detail.reason.and_then(string)?).is_some() {
            return None;
        }
    }
    let code = reason?;
    let kind = kind_with(status, |kind| codes::words(kind).object == code)?;
    let clear = codes::words(kind).google_status == google_status;
    clear.then(|| coded(kind, Shape::Google, code, message))
}

/// What limit was reached and what helps is the same for a few kinds. Then the reason, if it is there, or the sentence
/// tells them apart.
fn in_open_router(status: Status, error: &ErrorObject<'_>, message: String) -> Option<Recognized> {
    let metadata: Metadata<'_> = object(error.metadata?)?;
    let remedy = metadata.remedy_hint.and_then(string)?;
    let source = match metadata.limit_source {
        Some(source) => Some(string(source)?),
        None => None,
    };
    let fits = |kind: RefusalKind| {
        codes::limit_source(kind) == source.as_deref() && codes::remedy_hint(kind) == remedy
    };
    let kind = match metadata.reason {
        Some(reason) => {
            let reason = string(reason)?;
            kind_with(status, |kind| kind.as_str() == reason && fits(kind))?
        }
        None if source.is_some() => kind_with(status, fits)?,
        None => kind_said_by(&message).filter(|kind| said::can_come_with(status, *kind) && fits(*kind))?,
    };
    Some(Recognized::certainly(kind, Some(Shape::OpenRouter), message))
}

/// `Problem`.
pub(super) fn in_problem(status: Status, top: &Top<'_>) -> Option<Recognized> {
    let status = value(top.status?).filter(|code| status.is(*code)).map(Status::of)?;
    top.title.and_then(string)?;
    let code = top.code.and_then(string)?;
    let kind = kind_with(status, |kind| kind.as_str() == code)?;
    Some(coded(kind, Shape::Problem, code, top.detail.and_then(string)?))
}

/// `ErrorString`.
pub(super) fn in_error_string(status: Status, top: &Top<'_>) -> Option<Recognized> {
    let code = top.error.and_then(string)?;
    let kind = kind_with(status, |kind| codes::words(kind).string == code)?;
    Some(coded(kind, Shape::ErrorString, code, top.message.and_then(string)?))
}

/// The kind by type and code as in `OpenAi`. The type alone is shared by too many services, and so is the code.
fn open_ai_kind(status: Status, error: &ErrorObject<'_>) -> Option<RefusalKind> {
    let (error_type, code) = (error.error_type.and_then(string)?, error.code.and_then(string)?);
    kind_with(status, |kind| {
        codes::words(kind).open_ai_code == code && codes::words(kind).open_ai_type == error_type
    })
}

fn kind_with(status: Status, wanted: impl Fn(RefusalKind) -> bool) -> Option<RefusalKind> {
    let fits = |kind: &&RefusalKind| said::can_come_with(status, **kind) && wanted(**kind);
    RefusalKind::ALL.iter().find(fits).copied()
}

fn coded(kind: RefusalKind, shape: Shape, error_code: String, message: String) -> Recognized {
    Recognized { error_code: Some(error_code), ..Recognized::certainly(kind, Some(shape), message) }
}
