//! What a customer should hear before the balance is short, in German.

use crate::messages::Tone;
use crate::messages::written;
use crate::notice::Notice;
use crate::runway::Runway;

use super::{STYLE, date};

pub(super) fn text(notice: &Notice, tone: Tone) -> String {
    let warm = tone == Tone::Warm;
    let the_balance = if warm { "Ihr Guthaben" } else { "Das Guthaben" };
    match notice {
        Notice::LowBalance { threshold, balance } => {
            let (threshold, balance) = (STYLE.amount(*threshold), STYLE.amount(*balance));
            let mark = match tone {
                Tone::Neutral => format!("unter der Marke von {threshold} für diesen Hinweis"),
                Tone::Warm => format!("unter der Marke von {threshold}, ab der wir Ihnen Bescheid geben"),
            };
            format!("{the_balance} liegt bei {balance} und damit {mark}. {}", runs_on(tone))
        }
        Notice::LowShare { percent, top_up, balance } => {
            let (top_up, balance) = (STYLE.amount(*top_up), STYLE.amount(*balance));
            let latest = if warm { "Ihrer letzten Aufladung" } else { "der letzten Aufladung" };
            format!(
                "{the_balance} liegt bei {balance} und damit unter {percent} % {latest} von {top_up}. {}",
                runs_on(tone)
            )
        }
        Notice::LessThanLargestRequest { largest, balance } => {
            let (largest, balance) = (STYLE.amount(*largest), STYLE.amount(*balance));
            let refused = match tone {
                Tone::Neutral => "diese wird dann möglicherweise abgelehnt",
                Tone::Warm => "diese müssen wir dann möglicherweise ablehnen",
            };
            format!(
                "{the_balance} liegt bei {balance}, der Bedarf der größten zu erwartenden Anfrage bei {largest}. \
                 Kleinere Anfragen laufen wie bisher, {refused}."
            )
        }
        Notice::ShortRunway { days, runway, balance } => {
            let days = self::days((*days).into());
            let set = match tone {
                Tone::Neutral => format!("Dieser Hinweis erscheint bei weniger als {days}."),
                Tone::Warm => format!("Bei weniger als {days} geben wir Ihnen Bescheid."),
            };
            format!(
                "{the_balance} von {} reicht beim derzeitigen Verbrauch {}{}. {set}",
                STYLE.amount(*balance),
                about(*runway),
                between(*runway)
            )
        }
        Notice::CapNearlyReached { label, percent, used, limit, resets_at } => {
            let (used, limit) = (STYLE.amount(*used), STYLE.amount(*limit));
            let named = label.as_ref().map(|label| format!(" {}", STYLE.quoted(label.as_str())));
            let refused = match tone {
                Tone::Neutral => "werden Anfragen abgelehnt, für die es gilt",
                Tone::Warm => "lehnen wir Anfragen ab, für die es gilt",
            };
            let until = match resets_at {
                Some(at) => format!("; zurückgesetzt wird es am {}", date(*at)),
                None => ", unabhängig vom Guthaben".to_owned(),
            };
            format!(
                "Vom Ausgabenlimit{} sind mindestens {percent} % verbraucht: {used} von {limit}. \
                 Ist es erreicht, {refused}{until}.",
                named.unwrap_or_default()
            )
        }
        Notice::CreditEndsSoon { label, remaining, ends_at } => {
            let whose = if warm { "Ihres Guthabens" } else { "des Guthabens" };
            let named = label.as_ref().map(|label| format!("{}, ", STYLE.quoted(label.as_str())));
            format!(
                "Ein Teil {whose} ({}{}) ist bis {} nutzbar. Das übrige Guthaben bleibt davon unberührt.",
                named.unwrap_or_default(),
                STYLE.amount(*remaining),
                date(written::ending(*ends_at))
            )
        }
        Notice::HoldEndsSoon { ends_at, .. } => {
            let at = date(written::ending(*ends_at));
            let free = match tone {
                Tone::Neutral => format!("wird ab {at} wieder frei"),
                Tone::Warm => format!("steht Ihnen ab {at} wieder zur Verfügung"),
            };
            format!(
                "Was für einen laufenden Vorgang vorgemerkt ist, {free}. \
                 Dauert er länger, ist er möglicherweise nicht mehr gedeckt."
            )
        }
        Notice::ToppedUpAutomatically { amount, balance } => {
            let (amount, balance) = (STYLE.amount(*amount), STYLE.amount(*balance));
            match tone {
                Tone::Neutral => format!(
                    "Das Guthaben wurde wie vereinbart automatisch um {amount} aufgeladen und liegt bei {balance}. \
                     Es ist nichts weiter zu tun."
                ),
                Tone::Warm => format!(
                    "Wie vereinbart haben wir Ihr Guthaben um {amount} aufgeladen, es liegt bei {balance}. \
                     Sie müssen nichts weiter tun."
                ),
            }
        }
        Notice::AutoTopUpFailed { retry_at } => {
            let failed = match tone {
                Tone::Neutral => {
                    "Eine automatische Aufladung kam nicht zustande, und es wurde nichts bezahlt."
                }
                Tone::Warm => {
                    "Wir konnten Ihr Guthaben nicht automatisch aufladen, und Sie haben nichts bezahlt."
                }
            };
            match (retry_at, tone) {
                (Some(at), _) => format!("{failed} Der nächste Versuch ist am {}.", date(*at)),
                (None, Tone::Neutral) => {
                    format!(
                        "{failed} Der nächste Versuch folgt, wenn die Zahlungsdaten bestätigt oder geändert sind."
                    )
                }
                (None, Tone::Warm) => format!(
                    "{failed} Wir versuchen es wieder, wenn Sie Ihre Zahlungsdaten bestätigt oder geändert haben."
                ),
            }
        }
        Notice::AutoTopUpAtCeiling { ceiling, left, missing } => {
            let (ceiling, left, missing) =
                (STYLE.amount(*ceiling), STYLE.amount(*left), STYLE.amount(*missing));
            let agreed = if warm { "mit Ihnen vereinbarten" } else { "vereinbarten" };
            format!(
                "Nötig wäre eine automatische Aufladung um mindestens {missing}, und vom {agreed} Höchstbetrag von {ceiling} \
                 im Monat ist ein Rest von {left} übrig. Es wurde nicht aufgeladen und nichts bezahlt."
            )
        }
        Notice::CourtesyGiven { amount } => {
            let amount = STYLE.amount(*amount);
            match tone {
                Tone::Neutral => format!(
                    "Aus Kulanz wurde ein Betrag von {amount} gutgeschrieben, damit sich Begonnenes abschließen lässt. \
                     Das kostet nichts."
                ),
                Tone::Warm => format!(
                    "Aus Kulanz haben wir Ihnen {amount} gutgeschrieben, damit Sie Begonnenes abschließen können. \
                     Das kostet Sie nichts."
                ),
            }
        }
    }
}

const fn runs_on(tone: Tone) -> &'static str {
    match tone {
        Tone::Neutral => "Anfragen laufen wie bisher, solange es sie deckt.",
        Tone::Warm => "Ihre Anfragen laufen wie bisher, solange es sie deckt.",
    }
}

/// Without an article, in the accusative: `1 Tag`, `2 Tage`.
fn accusative(days: u64) -> String {
    match days {
        1 => "1 Tag".to_owned(),
        days => format!("{} Tage", STYLE.number(&days.to_string())),
    }
}

/// In the dative, as after "bei weniger als" and "zwischen": `1 Tag`, `2 Tagen`.
fn days(days: u64) -> String {
    match days {
        1 => "1 Tag".to_owned(),
        days => format!("{} Tagen", STYLE.number(&days.to_string())),
    }
}

/// `etwa 7 Tage`, as it stands in a sentence.
pub(super) fn about(runway: Runway) -> String {
    match runway.about_days() {
        0 => "weniger als einen Tag".to_owned(),
        about => format!("etwa {}", accusative(about.into())),
    }
}

/// How sure that is, where it is not one number.
pub(super) fn between(runway: Runway) -> String {
    let least = u64::from(runway.at_least_days());
    match runway.at_most_days().map(u64::from) {
        Some(most) if most == least => String::new(),
        Some(most) => format!(" (zwischen {} und {})", STYLE.number(&least.to_string()), days(most)),
        None if least == 0 => String::new(),
        None => format!(" ({} oder mehr)", accusative(least)),
    }
}
