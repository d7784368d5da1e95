//! What a shape is made from: [`Answer`].

use std::borrow::Cow;
use std::fmt;

use serde_json::value::RawValue;

use super::details::DetailsView;
use super::{Renderer, Shape, codes, json};
use crate::amount::Amount;
use crate::messages::Place;
use crate::refusal::{Basis, Choice, Disclosed, RefusalKind};

/// One answer, as far as the client may read it, with the words the host has for it: all that a [`Shape`] is made from.
///
/// The built-in shapes are made from nothing else, so a [custom one](Shape::custom) can be all that they are, and neither
/// can tell more than the [disclosure](crate::Disclosure) allows. To try a shape or a hook that takes one,
/// [render](Renderer::render) any [`Refusal`](crate::Refusal) with it.
pub struct Answer<'a> {
    renderer: &'a Renderer,
    told: Disclosed<'a>,
    status: u16,
    name: &'a str,
    service_code: u32,
}

impl<'a> Answer<'a> {
    pub(super) fn new(renderer: &'a Renderer, told: Disclosed<'a>) -> Self {
        let kind = told.kind();
        let (status, name, service_code) = match kind {
            RefusalKind::BalanceHeld if renderer.held_as_429 => codes::HELD_AS_429,
            kind => (kind.status(), kind.name(), kind.service_code()),
        };
        let named = renderer.named.iter().find(|named| (named.kind, named.status) == (kind, status));
        Self {
            renderer,
            told,
            status,
            name: named.map_or(name, |named| named.name.as_str()),
            service_code: named.map_or(service_code, |named| named.service_code),
        }
    }

    /// The HTTP status, 400 to 599.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// The name, such as `InsufficientBalanceError`.
    #[must_use]
    pub const fn name(&self) -> &str {
        self.name
    }

    /// The service's own code, such as 40203.
    #[must_use]
    pub const fn service_code(&self) -> u32 {
        self.service_code
    }

    /// The type of the error as clients of the OpenAI API know it, such as `insufficient_quota`: a column of the table in
    /// [`Shape`].
    #[must_use]
    pub fn error_type(&self) -> &'static str {
        codes::words(self.told.kind()).open_ai_type
    }

    /// The word for the kind: the host's own, or that of this shape in the table in [`Shape`].
    #[must_use]
    pub fn error_code(&self) -> &str {
        let kind = self.told.kind();
        let own = self.renderer.error_codes.iter().find(|(with_code, _)| *with_code == kind);
        own.map_or_else(
            || match self.renderer.shape {
                Shape::ErrorObject | Shape::Google => codes::words(kind).object,
                Shape::ErrorString => codes::words(kind).string,
                _ => kind.as_str(),
            },
            |(_, code)| code.as_str(),
        )
    }

    /// The text for the developer of the client, for this place of an answer.
    #[must_use]
    pub fn message(&self, place: Place) -> Cow<'_, str> {
        self.renderer.messages.message(&self.told, place)
    }

    /// The text for the reader: that of the catalogue, or where it has only one this `message`, which
    /// [`message`](Self::message) gave. If the host wants it so, the name stands before it.
    #[must_use]
    pub fn readable_message<'t>(&'t self, message: &'t str) -> Cow<'t, str> {
        let readable = self.renderer.messages.readable_message(&self.told).unwrap_or(Cow::Borrowed(message));
        if self.renderer.name_prefix {
            return Cow::Owned([self.name, ": ", readable.as_ref()].concat());
        }
        readable
    }

    /// What a choice is called.
    #[must_use]
    pub fn choice(&self, choice: &Choice) -> Cow<'_, str> {
        self.renderer.messages.choice(choice)
    }

    /// What an amount to top up by is good for, if there is anything to say about it.
    #[must_use]
    pub fn basis(&self, basis: Basis) -> Option<Cow<'_, str>> {
        self.renderer.messages.basis(basis)
    }

    /// An amount as a sentence writes it.
    #[must_use]
    pub fn amount(&self, amount: Amount) -> Cow<'_, str> {
        self.renderer.messages.amount(amount)
    }

    /// The host's fallback payload, as JSON.
    #[must_use]
    pub fn data(&self) -> Option<&str> {
        self.raw_data().map(RawValue::get)
    }

    /// The id of the request, if the host gave one.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.renderer.request_id.as_deref()
    }

    /// The domain of the service, if the host gave one.
    #[must_use]
    pub fn error_domain(&self) -> Option<&str> {
        self.renderer.error_domain.as_deref()
    }

    /// Where there is a page about this kind of refusal, if the host has such pages.
    #[must_use]
    pub fn problem_type(&self) -> Option<String> {
        self.renderer.problem_types.as_ref().map(|link| [link.as_str(), self.error_code()].concat())
    }

    /// The refusal itself and its details, as far as the client may read them.
    #[must_use]
    pub const fn told(&self) -> &Disclosed<'a> {
        &self.told
    }

    /// The details as one JSON object, with the names they have in all shapes; `None` if nothing was asked for: no
    /// [`Details`](crate::Details), and no [`Disclosure`](crate::Disclosure) beyond the first level.
    #[must_use]
    pub fn details_json(&self) -> Option<String> {
        self.details().map(|details| String::from_utf8_lossy(&json(&details)).into_owned())
    }

    /// In a box, since most answers have none and would only move the room for them around.
    pub(super) fn details(&self) -> Option<Box<DetailsView<'_>>> {
        DetailsView::of(self).map(Box::new)
    }

    pub(super) fn raw_data(&self) -> Option<&RawValue> {
        self.renderer.data.as_deref()
    }
}

impl fmt::Debug for Answer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Answer");
        shown.field("told", &self.told).field("status", &self.status).finish_non_exhaustive()
    }
}
