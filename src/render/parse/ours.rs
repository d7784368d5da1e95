//! Answers in the shapes of this crate.

use super::fields::{ErrorObject, Status, Top, string, value};
use super::{Recognized, said};
use crate::refusal::RefusalKind;
use crate::render::Shape;
use crate::render::codes::{self, Words};

/// The fields of `Flat`, all present and in agreement with the HTTP status.
pub(super) struct Envelope {
    code: u16,
    name: String,
    service_code: u32,
    message: String,
    readable_message: Option<String>,
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
        })
    }

    /// `Flat`, or `FlatWithError` if there is an error beside it.
    pub(super) fn recognize(self, error: Option<&ErrorObject<'_>>) -> Option<Recognized> {
        let Some(error) = error else {
            let (kind, certain) = self.kind()?;
            return Some(self.found(kind, certain, Shape::Flat, None));
        };
        let code = error.code.and_then(string);
        let (kind, certain) = match (self.kind(), open_ai_kind(Status::of(self.code), error)) {
            (Some((kind, certain)), Some(coded)) if kind == coded || !certain => (coded, true),
            // The text of the envelope said one thing and the code of the error another.
            (Some(_), Some(_)) => return None,
            (Some(named), None) => named,
            (None, Some(coded)) => (coded, true),
            (None, None) => return None,
        };
        Some(self.found(kind, certain, Shape::FlatWithError, code))
    }

    fn kind(&self) -> Option<(RefusalKind, bool)> {
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
pub(super) fn in_error_object(status: Status, error: &ErrorObject<'_>) -> Option<Recognized> {
    let (kind, shape) = match open_ai_kind(status, error) {
        Some(kind) => (kind, Shape::OpenAi),
        None => (kind_by(status, error, |words| words.object)?, Shape::ErrorObject),
    };
    Some(coded(kind, shape, error.code.and_then(string)?, error.message.and_then(string)?))
}

/// `ErrorString`.
pub(super) fn in_error_string(status: Status, top: &Top<'_>) -> Option<Recognized> {
    let code = top.error.and_then(string)?;
    let kind = kind_with(status, |words| words.string == code)?;
    Some(coded(kind, Shape::ErrorString, code, top.message.and_then(string)?))
}

/// The kind by type and code as in `OpenAi`. The type alone is shared by too many services, and so is the code.
fn open_ai_kind(status: Status, error: &ErrorObject<'_>) -> Option<RefusalKind> {
    let error_type = error.error_type.and_then(string)?;
    let kind = kind_by(status, error, |words| words.open_ai_code)?;
    (codes::words(kind).open_ai_type == error_type).then_some(kind)
}

fn kind_by(status: Status, error: &ErrorObject<'_>, word: fn(&Words) -> &'static str) -> Option<RefusalKind> {
    let code = error.code.and_then(string)?;
    kind_with(status, |words| word(words) == code)
}

fn kind_with(status: Status, wanted: impl Fn(&Words) -> bool) -> Option<RefusalKind> {
    let fits = |kind: &&RefusalKind| said::can_come_with(status, **kind) && wanted(&codes::words(**kind));
    RefusalKind::ALL.iter().find(fits).copied()
}

fn coded(kind: RefusalKind, shape: Shape, error_code: String, message: String) -> Recognized {
    Recognized { error_code: Some(error_code), ..Recognized::certainly(kind, Some(shape), message) }
}
