//! What a refusal says in words: the [`Messages`] trait, and the built-in catalogue [`English`].

mod english;

use std::borrow::Cow;
use std::fmt;

use crate::refusal::{Basis, Choice, Disclosed, RefusalKind};

/// Where in an answer a text will stand. The documented sentences differ by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Place {
    /// `message` and `readableMessage` of the flat envelope.
    Envelope,
    /// `error.message` beside an `error.code` in capitals.
    ErrorObject,
    /// `message` beside an `error` that is a word.
    ErrorString,
    /// Where clients search the text: `error.message` as OpenAI clients read it, and plain text. It contains
    /// `insufficient balance` or `insufficient credits`, in small letters, exactly if a top-up would help.
    Searched,
}

/// A catalogue of texts.
///
/// What it returns goes to the client as it is. It sees a refusal only as far as the client may read it ([`Disclosed`]), so
/// it cannot tell more. Ask to top up only if [`RefusalKind::top_up_helps`], and mind what [`Place::Searched`] promises.
///
/// Replace a whole catalogue, or a part and hand the rest on:
///
/// ```
/// use std::borrow::Cow;
/// use std::sync::Arc;
/// use billing_guard::{Disclosed, English, Messages, Place, Refusal, RefusalKind, Renderer, Shape};
///
/// #[derive(Debug)]
/// struct House(English);
///
/// impl Messages for House {
///     fn message(&self, told: &Disclosed<'_>, place: Place) -> Cow<'_, str> {
///         match told.kind() {
///             RefusalKind::Duplicate => "We have this one already.".into(),
///             _ => self.0.message(told, place),
///         }
///     }
/// }
///
/// let renderer = Renderer::new(Shape::Text).with_messages(Arc::new(House(English::new())));
/// assert_eq!(renderer.render(&Refusal::Duplicate).body(), b"We have this one already.\n");
/// ```
pub trait Messages: Send + Sync + fmt::Debug {
    /// The text for the developer of the client.
    fn message(&self, told: &Disclosed<'_>, place: Place) -> Cow<'_, str>;

    /// The text for the person who reads it, if it is not the same; `None` by default.
    fn readable_message(&self, _told: &Disclosed<'_>) -> Option<Cow<'_, str>> {
        None
    }

    /// What a choice is called, as a button or a line of a list would say it.
    fn choice(&self, choice: &Choice) -> Cow<'_, str> {
        Cow::Borrowed(english::choice(choice))
    }

    /// What an amount to top up by is good for; `None` if there is nothing to say about it.
    fn basis(&self, basis: Basis) -> Option<Cow<'_, str>> {
        english::basis(basis).map(Cow::Owned)
    }

    /// The language of the texts, as `Content-Language` names it; `en` by default.
    fn language(&self) -> Cow<'static, str> {
        Cow::Borrowed("en")
    }
}

/// Which of the documented sentences [`English`] uses where there are two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Wording {
    /// Speaks of a balance that is too low, and of support.
    #[default]
    Balance,
    /// As services that sell credits say it.
    Credits,
}

/// The built-in catalogue: the documented sentences where a top-up would help, short neutral ones elsewhere.
///
/// ```
/// use billing_guard::{Details, Disclosed, Disclosure, English, Messages, Place, Refusal, Timestamp};
///
/// let details = Details::new();
/// let told = Disclosed::new(&Refusal::BudgetExceeded, &details, Disclosure::Nothing, Timestamp::default());
/// let text = English::new().message(&told, Place::Envelope).into_owned();
/// assert_eq!(text, "This request would cost more than the budget given with it.");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct English {
    wording: Wording,
}

impl English {
    /// With [`Wording::Balance`].
    #[must_use]
    pub const fn new() -> Self {
        Self { wording: Wording::Balance }
    }

    /// The same with another wording.
    #[must_use]
    pub const fn with_wording(mut self, wording: Wording) -> Self {
        self.wording = wording;
        self
    }
}

impl Messages for English {
    fn message(&self, told: &Disclosed<'_>, place: Place) -> Cow<'_, str> {
        let sentence = sentence(told.kind(), place, self.wording);
        // The maximum is the host's rule, the same for everybody, so it reveals nothing about the account.
        if let Some(maximum) = told.maximum() {
            return Cow::Owned(format!("{sentence}{MAXIMUM_IS}{}.", maximum.human()));
        }
        // What the host calls the cap, and when it resets, its owner may know.
        let label = told.cap_label().map(|label| format!("{LIMIT_IS}\"{label}\"."));
        let reset = told.resets_at().map(|at| format!("{RESETS_AT}{}.", at.human()));
        if label.is_none() && reset.is_none() {
            return Cow::Borrowed(sentence);
        }
        Cow::Owned([sentence, &label.unwrap_or_default(), &reset.unwrap_or_default()].concat())
    }
}

const MAXIMUM_IS: &str = " The maximum is ";
const LIMIT_IS: &str = " The limit is ";
const RESETS_AT: &str = " It resets at ";

/// The kind of refusal that the built-in catalogue says this about, in any place or wording. Each kind has sentences
/// of its own, so there is at most one.
pub(crate) fn kind_said_by(text: &str) -> Option<RefusalKind> {
    const PLACES: [Place; 4] = [Place::Envelope, Place::ErrorObject, Place::ErrorString, Place::Searched];
    RefusalKind::ALL.iter().copied().find(|kind| {
        PLACES.iter().any(|place| {
            [Wording::Balance, Wording::Credits].iter().any(|wording| {
                match text.strip_prefix(sentence(*kind, *place, *wording)) {
                    Some("") => true,
                    Some(rest) => match kind {
                        RefusalKind::RequestTooLarge => rest.starts_with(MAXIMUM_IS),
                        RefusalKind::SpendCapReached => {
                            rest.starts_with(LIMIT_IS) || rest.starts_with(RESETS_AT)
                        }
                        _ => false,
                    },
                    None => false,
                }
            })
        })
    })
}

const fn sentence(kind: RefusalKind, place: Place, wording: Wording) -> &'static str {
    match kind {
        RefusalKind::InsufficientBalance => match (place, wording) {
            (Place::Envelope, _) => "Account balance not enough to run this query, please recharge.",
            (Place::ErrorObject, Wording::Balance) => {
                "Your account balance is too low to process this request. Please recharge your account or contact support."
            }
            (Place::ErrorObject, Wording::Credits) => {
                "Your current account balance is not enough to complete this request. Please recharge your account."
            }
            (Place::ErrorString, _) => {
                "Your account balance is insufficient to run the requested query. Please recharge your account."
            }
            (Place::Searched, Wording::Balance) => {
                "Your account has an insufficient balance for this request, please recharge."
            }
            (Place::Searched, Wording::Credits) => {
                "Your account has insufficient credits for this request, please recharge."
            }
        },
        RefusalKind::BalanceHeld => {
            "Your account balance is in use by work that is still running. A retry in a moment may succeed."
        }
        RefusalKind::TopUpPending => {
            "A top-up of your account is on its way. A retry in a moment may succeed."
        }
        RefusalKind::SpendCapReached => "This request would exceed a spending limit.",
        RefusalKind::RequestTooLarge => "This request is larger than any single request may be.",
        RefusalKind::BudgetExceeded => "This request would cost more than the budget given with it.",
        RefusalKind::Duplicate => "This request was received before: its work is done or still running.",
        RefusalKind::KeyConflict => "This idempotency key was used before for a different request.",
        RefusalKind::Unavailable => {
            "The service could not confirm this request just now. Please try again shortly."
        }
        RefusalKind::UnknownPrice => "The service has no price for this request.",
        RefusalKind::WrongUnit => "The service counts this request in another unit than the account.",
        RefusalKind::Misconfigured => "The service is not set up correctly for this request.",
        RefusalKind::HoldLost => "The service could not finish the accounting of this request.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sentence_says_which_kind_it_is_about() {
        for kind in RefusalKind::ALL {
            for place in [Place::Envelope, Place::ErrorObject, Place::ErrorString, Place::Searched] {
                for wording in [Wording::Balance, Wording::Credits] {
                    let text = sentence(*kind, place, wording);
                    assert_eq!(kind_said_by(text), Some(*kind), "{text}");
                    assert_eq!(kind_said_by(&format!("{text} Indeed.")), None, "{text}");
                    let lower = text.to_lowercase();
                    assert_eq!(lower.contains("recharge"), kind.top_up_helps(), "{text}");
                    let found =
                        text.contains("insufficient balance") || text.contains("insufficient credits");
                    assert_eq!(found, kind.top_up_helps() && place == Place::Searched, "{text}");
                }
            }
        }
    }
}
