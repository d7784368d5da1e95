//! German, with the formal "Sie".

mod digest;
mod notices;
mod reader;

use std::borrow::Cow;

use crate::amount::Amount;
use crate::clock::Timestamp;
use crate::messages::written::Style;
use crate::messages::{Messages, Place, Tone};
use crate::notice::Notice;
use crate::refusal::{Basis, Choice, Disclosed, RefusalKind};
use crate::spending::UsageDigest;

const STYLE: Style = Style { point: ',', group: '.', quotes: ['„', '“'] };

/// The built-in catalogue in German, as complete as [`English`](crate::English). It addresses the reader as "Sie".
///
/// The reader is told the same as the developer, until a [tone](Self::with_tone) is chosen. Where clients search a text, it
/// contains the English words `insufficient balance` as well, exactly if a top-up would help.
///
/// ```
/// use billing_guard::{Details, Disclosed, Disclosure, German, Messages, Place, Refusal, Timestamp, Tone, Unit};
///
/// let refusal = Refusal::RequestTooLarge { maximum: Unit::new("EUR", 2)?.amount("1250")? };
/// let details = Details::new();
/// let told = Disclosed::new(&refusal, &details, Disclosure::Nothing, Timestamp::default());
/// let german = German::new().with_tone(Tone::Warm);
/// assert_eq!(
///     german.message(&told, Place::Envelope),
///     "Diese Anfrage ist größer, als eine einzelne Anfrage sein darf. Der Höchstbetrag ist 1.250,00 EUR."
/// );
/// let text = german.readable_message(&told).unwrap();
/// assert!(text.ends_with("Wäre Ihnen auch mit kleineren Anfragen geholfen?"));
/// assert_eq!(german.language(), "de");
/// # Ok::<(), billing_guard::AmountError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct German {
    tone: Option<Tone>,
}

impl German {
    /// With nothing else for the reader than for the developer.
    #[must_use]
    pub const fn new() -> Self {
        Self { tone: None }
    }

    /// The same with a text of its own for the reader, in this tone. Notices are in it too.
    #[must_use]
    pub const fn with_tone(mut self, tone: Tone) -> Self {
        self.tone = Some(tone);
        self
    }
}

impl Messages for German {
    fn message(&self, told: &Disclosed<'_>, place: Place) -> Cow<'_, str> {
        let sentence = sentence(told.kind(), place);
        if let Some(maximum) = told.maximum() {
            return Cow::Owned(format!("{sentence}{MAXIMUM_IS}{}.", STYLE.amount(maximum)));
        }
        let label = told.cap_label().map(|label| format!("{LIMIT_IS}{}.", STYLE.quoted(label.as_str())));
        let reset = told.resets_at().map(|at| format!("{RESETS_AT}{}.", date(at)));
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
            Choice::TopUp(_) => "Guthaben aufladen",
            Choice::AutoTopUp { .. } => "Automatische Aufladung einrichten",
            Choice::ChangePlan { plan: Some(plan), .. } => {
                return Cow::Owned(format!("Zum Tarif {} wechseln", STYLE.quoted(plan.as_str())));
            }
            Choice::ChangePlan { plan: None, .. } => "Tarif wechseln",
            Choice::SmallerRequest => "Kleinere Anfrage senden",
            Choice::CheaperPrice => "Zu einem niedrigeren Preis senden",
            Choice::OtherAccount { .. } => "Anderes Konto verwenden",
            Choice::ViewUsage { .. } => "Ansehen, wofür das Guthaben verwendet wurde",
            Choice::Pricing { .. } => "Preise ansehen",
            Choice::Alerts { .. } => "Künftig rechtzeitig Bescheid bekommen",
            Choice::RemindLater { .. } => "Später erinnert werden",
            Choice::Contact { .. } => "Mit uns sprechen",
        })
    }

    fn amount(&self, amount: Amount) -> Cow<'_, str> {
        STYLE.amount(amount).into()
    }

    fn basis(&self, basis: Basis) -> Option<Cow<'_, str>> {
        Some(match basis {
            Basis::ThisRequest => "genug für diese Anfrage".into(),
            Basis::Lasts(runway) => {
                format!("{} bei Ihrem derzeitigen Verbrauch", notices::about(runway)).into()
            }
            // For one as for many.
            Basis::MoreRequests(more) => {
                format!("diese Anfrage und {} weitere dieser Art", STYLE.number(&more.to_string())).into()
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
        Cow::Borrowed("de")
    }
}

/// `01.12.2026, 14:05 UTC`, to the minute as [`Timestamp::human`] has it.
fn date(at: Timestamp) -> String {
    let human = at.human();
    let parts = human.split_once(' ').and_then(|(date, time)| {
        let (year_and_month, day) = date.rsplit_once('-')?;
        let (year, month) = year_and_month.rsplit_once('-')?;
        Some(format!("{day}.{month}.{year}, {time}"))
    });
    parts.unwrap_or(human)
}

const MAXIMUM_IS: &str = " Der Höchstbetrag ist ";
const LIMIT_IS: &str = " Das Limit heißt ";
const RESETS_AT: &str = " Zurückgesetzt wird es am ";

/// Whether this catalogue says that about a refusal of this kind, to anyone, in any place or tone.
pub(super) fn says(text: &str, kind: RefusalKind) -> bool {
    let mut rests = Place::ALL.iter().filter_map(|place| text.strip_prefix(sentence(kind, *place)));
    let is_sentence = rests.any(|rest| match kind {
        _ if rest.is_empty() => true,
        RefusalKind::RequestTooLarge => rest.starts_with(MAXIMUM_IS),
        RefusalKind::SpendCapReached => rest.starts_with(LIMIT_IS) || rest.starts_with(RESETS_AT),
        _ => false,
    });
    is_sentence || reader::begins(text, kind)
}

const fn sentence(kind: RefusalKind, place: Place) -> &'static str {
    match kind {
        RefusalKind::InsufficientBalance => match place {
            Place::Envelope => {
                "Das Guthaben reicht für diese Abfrage nicht aus, bitte laden Sie Ihr Konto auf."
            }
            Place::ErrorObject => {
                "Ihr Guthaben ist zu niedrig, um diese Anfrage auszuführen. Bitte laden Sie Ihr Konto auf oder wenden Sie sich an den Support."
            }
            Place::ErrorString => {
                "Ihr Guthaben reicht nicht aus, um die gewünschte Abfrage auszuführen. Bitte laden Sie Ihr Konto auf."
            }
            // The English words are for programs.
            Place::Searched => {
                "Ihr Guthaben reicht für diese Anfrage nicht aus (insufficient balance), bitte laden Sie Ihr Konto auf."
            }
        },
        RefusalKind::BalanceHeld => {
            "Ihr Guthaben ist für noch laufende Vorgänge vorgemerkt. Ein neuer Versuch in Kürze kann gelingen."
        }
        RefusalKind::TopUpPending => {
            "Eine Aufladung Ihres Kontos ist unterwegs. Ein neuer Versuch in Kürze kann gelingen."
        }
        RefusalKind::SpendCapReached => "Diese Anfrage würde ein Ausgabenlimit überschreiten.",
        RefusalKind::RequestTooLarge => "Diese Anfrage ist größer, als eine einzelne Anfrage sein darf.",
        RefusalKind::BudgetExceeded => "Diese Anfrage würde mehr kosten, als das mitgegebene Budget erlaubt.",
        RefusalKind::Duplicate => "Diese Anfrage ist bereits eingegangen: Sie ist erledigt oder läuft noch.",
        RefusalKind::KeyConflict => {
            "Dieser Idempotenzschlüssel wurde bereits für eine andere Anfrage verwendet."
        }
        RefusalKind::Unavailable => {
            "Der Dienst konnte diese Anfrage gerade nicht bestätigen. Bitte versuchen Sie es in Kürze noch einmal."
        }
        RefusalKind::UnknownPrice => "Der Dienst hat für diese Anfrage keinen Preis.",
        RefusalKind::WrongUnit => {
            "Der Dienst rechnet diese Anfrage in einer anderen Einheit ab als das Konto."
        }
        RefusalKind::Misconfigured => "Der Dienst ist für diese Anfrage nicht richtig eingerichtet.",
        RefusalKind::HoldLost => "Der Dienst konnte die Abrechnung dieser Anfrage nicht abschließen.",
    }
}
