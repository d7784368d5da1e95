//! English: the documented sentences, and texts for readers.

mod digest;
mod notices;
mod reader;

use std::borrow::Cow;

use crate::amount::Amount;
use crate::messages::written::Style;
use crate::messages::{Messages, Place, Tone};
use crate::notice::Notice;
use crate::refusal::{Basis, Choice, Disclosed, RefusalKind};
use crate::spending::UsageDigest;

const STYLE: Style = Style { point: '.', group: ',', quotes: ['"', '"'] };

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

/// The built-in catalogue in English: the documented sentences where a top-up would help, short neutral ones elsewhere.
///
/// The reader is told the same as the developer, until a [tone](Self::with_tone) is chosen: then the reader gets a text
/// that says what happened, what was charged, why there is a limit and what fits, and ends with a question.
///
/// ```
/// use billing_guard::{Details, Disclosed, Disclosure, English, Messages, Place, Refusal, Timestamp, Tone};
///
/// let details = Details::new();
/// let told = Disclosed::new(&Refusal::BudgetExceeded, &details, Disclosure::Nothing, Timestamp::default());
/// let text = English::new().message(&told, Place::Envelope).into_owned();
/// assert_eq!(text, "This request would cost more than the budget given with it.");
/// assert_eq!(English::new().readable_message(&told), None);
///
/// let text = English::new().with_tone(Tone::Neutral).readable_message(&told).unwrap().into_owned();
/// assert_eq!(
///     text,
///     "This request would cost more than the budget given with it, so it did not run and nothing was charged. \
///      A request stays within its budget, so that it never costs more than was meant for it. A smaller request may fit. \
///      Should the budget be larger, or the request smaller?"
/// );
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct English {
    wording: Wording,
    tone: Option<Tone>,
}

impl English {
    /// With [`Wording::Balance`], and nothing else for the reader than for the developer.
    #[must_use]
    pub const fn new() -> Self {
        Self { wording: Wording::Balance, tone: None }
    }

    /// The same with another wording.
    #[must_use]
    pub const fn with_wording(mut self, wording: Wording) -> Self {
        self.wording = wording;
        self
    }

    /// The same with a text of its own for the reader, in this tone. Notices are in it too.
    #[must_use]
    pub const fn with_tone(mut self, tone: Tone) -> Self {
        self.tone = Some(tone);
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
        let label = told.cap_label().map(|label| format!("{LIMIT_IS}{}.", STYLE.quoted(label.as_str())));
        let reset = told.resets_at().map(|at| format!("{RESETS_AT}{}.", at.human()));
        if label.is_none() && reset.is_none() {
            return Cow::Borrowed(sentence);
        }
        Cow::Owned([sentence, &label.unwrap_or_default(), &reset.unwrap_or_default()].concat())
    }

    fn readable_message(&self, told: &Disclosed<'_>) -> Option<Cow<'_, str>> {
        self.tone.map(|tone| Cow::Owned(reader::text(told, tone)))
    }

    fn choice(&self, choice: &Choice) -> Cow<'_, str> {
        Cow::Borrowed(match choice {
            Choice::TopUp(_) => "Top up the balance",
            Choice::AutoTopUp { .. } => "Set up automatic top-ups",
            Choice::ChangePlan { plan: Some(plan), .. } => {
                return Cow::Owned(format!("Change to the plan {}", STYLE.quoted(plan.as_str())));
            }
            Choice::ChangePlan { plan: None, .. } => "Change the plan",
            Choice::SmallerRequest => "Send a smaller request",
            Choice::CheaperPrice => "Send it at a lower price",
            Choice::OtherAccount { .. } => "Use another account",
            Choice::ViewUsage { .. } => "See what the balance was spent on",
            Choice::Pricing { .. } => "See the prices",
            Choice::Alerts { .. } => "Get notices in time",
            Choice::RemindLater { .. } => "Be reminded later",
            Choice::Contact { .. } => "Talk to us",
        })
    }

    fn amount(&self, amount: Amount) -> Cow<'_, str> {
        STYLE.amount(amount).into()
    }

    fn basis(&self, basis: Basis) -> Option<Cow<'_, str>> {
        Some(match basis {
            Basis::ThisRequest => "enough for this request".into(),
            Basis::Lasts(runway) => format!("{} at your current rate", notices::about(runway)).into(),
            Basis::MoreRequests(more) => {
                format!("this request and {} more like it", STYLE.number(&more.to_string())).into()
            }
            Basis::Unstated => return None,
        })
    }

    fn notice(&self, notice: &Notice) -> Cow<'_, str> {
        Cow::Owned(notices::text(notice, self.tone.unwrap_or_default()))
    }

    fn digest(&self, digest: &UsageDigest) -> Cow<'_, str> {
        Cow::Owned(digest::text(digest, self.tone.unwrap_or_default()))
    }

    fn language(&self) -> Cow<'static, str> {
        Cow::Borrowed("en")
    }
}

const MAXIMUM_IS: &str = " The maximum is ";
const LIMIT_IS: &str = " The limit is ";
const RESETS_AT: &str = " It resets at ";

/// Whether this catalogue says that about a refusal of this kind, to anyone, in any place, wording or tone.
pub(super) fn says(text: &str, kind: RefusalKind) -> bool {
    let sentences = Place::ALL.iter().flat_map(|place| {
        [Wording::Balance, Wording::Credits].map(|wording| sentence(kind, *place, wording))
    });
    let mut rests = sentences.filter_map(|sentence| text.strip_prefix(sentence));
    let is_sentence = rests.any(|rest| match kind {
        _ if rest.is_empty() => true,
        RefusalKind::RequestTooLarge => rest.starts_with(MAXIMUM_IS),
        RefusalKind::SpendCapReached => rest.starts_with(LIMIT_IS) || rest.starts_with(RESETS_AT),
        _ => false,
    });
    is_sentence || reader::begins(text, kind)
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
