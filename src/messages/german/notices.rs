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
        Notice::LowBalance { threshold, available } => {
            let (threshold, available) = (STYLE.amount(*threshold), STYLE.amount(*available));
            let mark = match tone {
                Tone::Neutral => format!("unter der Marke von {threshold} für diesen Hinweis"),
                Tone::Warm => format!("unter der Marke von {threshold}, ab der wir Ihnen Bescheid geben"),
            };
            format!("{the_balance} liegt bei {available} und damit {mark}. {}", runs_on(tone))
        }
        Notice::LowShare { percent, top_up, available } => {
            let (top_up, available) = (STYLE.amount(*top_up), STYLE.amount(*available));
            let latest = if warm { "Ihrer letzten Aufladung" } else { "der letzten Aufladung" };
            format!(
                "{the_balance} liegt bei {available} und damit unter {percent} % {latest} von {top_up}. {}",
                runs_on(tone)
            )
        }
        Notice::LessThanLargestRequest { largest, available } => {
            let (largest, available) = (STYLE.amount(*largest), STYLE.amount(*available));
            let refused = match tone {
                Tone::Neutral => "diese wird dann möglicherweise abgelehnt",
                Tone::Warm => "diese müssen wir dann möglicherweise ablehnen",
            };
            format!(
                "{the_balance} liegt bei {available}, der Bedarf der größten zu erwartenden Anfrage bei {largest}. \
                 Kleinere Anfragen laufen wie bisher, {refused}."
            )
        }
        Notice::ShortRunway { days, runway, available } => {
            let days = self::days((*days).into());
            let set = match tone {
                Tone::Neutral => format!("Dieser Hinweis erscheint bei weniger als {days}."),
                Tone::Warm => format!("Bei weniger als {days} geben wir Ihnen Bescheid."),
            };
            format!(
                "{the_balance} von {} reicht beim derzeitigen Verbrauch {}{}. {set}",
                STYLE.amount(*available),
                about(*runway),
                between(*runway)
            )
        }
        Notice::CapNearlyReached { label, percent, used, limit, resets_at } => {
            let (used, limit) = (STYLE.amount(*used), STYLE.amount(*limit));
            let named = label.as_ref().map(|label| format!(" {}", STYLE.quoted(label.as_str())));
            let refused = match tone {
                Tone::Neutral => "werden Anfragen darunter abgelehnt",
                Tone::Warm => "lehnen wir Anfragen darunter ab",
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
        Notice::HoldEndsSoon { ends_at } => {
            let free = match tone {
                Tone::Neutral => "wird wieder frei am",
                Tone::Warm => "steht Ihnen wieder zur Verfügung ab",
            };
            format!(
                "Was für einen laufenden Vorgang vorgemerkt ist, {free} {}. \
                 Dauert er länger, ist er möglicherweise nicht mehr gedeckt.",
                date(written::ending(*ends_at))
            )
        }
        Notice::ToppedUpAutomatically { amount, available } => {
            let (amount, available) = (STYLE.amount(*amount), STYLE.amount(*available));
            match tone {
                Tone::Neutral => format!(
                    "Das Guthaben wurde wie vereinbart automatisch um {amount} aufgeladen und liegt bei {available}. \
                     Es ist nichts weiter zu tun."
                ),
                Tone::Warm => format!(
                    "Wie vereinbart haben wir Ihr Guthaben um {amount} aufgeladen, es liegt bei {available}. \
                     Sie müssen nichts weiter tun."
                ),
            }
        }
        Notice::AutoTopUpFailed { retry_at: Some(at) } => {
            let at = date(*at);
            match tone {
                Tone::Neutral => format!(
                    "Eine automatische Aufladung kam beim Zahlungsdienst nicht zustande, es wurde nichts bezahlt. \
                     Der nächste Versuch ist am {at}. Bis dahin lässt sich das Guthaben von Hand aufladen."
                ),
                Tone::Warm => format!(
                    "Wir konnten Ihr Guthaben nicht automatisch aufladen: Die Zahlung kam nicht zustande, es wurde \
                     nichts bezahlt. Wir versuchen es wieder am {at}. Sie können jederzeit selbst aufladen."
                ),
            }
        }
        Notice::AutoTopUpFailed { retry_at: None } => match tone {
            Tone::Neutral => {
                "Automatische Aufladungen kamen beim Zahlungsdienst nicht zustande, es wurde nichts bezahlt. \
                 Sie ruhen, bis die Zahlungsdaten bestätigt oder geändert sind."
            }
            Tone::Warm => {
                "Wir konnten Ihr Guthaben nicht automatisch aufladen: Die Zahlungen kamen nicht zustande, es wurde \
                 nichts bezahlt. Wir versuchen es erst wieder, wenn Sie Ihre Zahlungsdaten bestätigt oder geändert haben."
            }
        }
        .to_owned(),
        Notice::AutoTopUpAtCeiling { ceiling, left, missing } => {
            let (ceiling, left) = (STYLE.amount(*ceiling), STYLE.amount(*left));
            let missing = STYLE.amount(*missing);
            match tone {
                Tone::Neutral => format!(
                    "Für eine automatische Aufladung wären mindestens {missing} nötig, von den vereinbarten {ceiling} im \
                     Monat sind noch {left} übrig. Es wurde nichts aufgeladen und nichts bezahlt."
                ),
                Tone::Warm => format!(
                    "Wir haben Ihr Guthaben nicht automatisch aufgeladen: Nötig wären mindestens {missing}, von den mit \
                     Ihnen vereinbarten {ceiling} im Monat sind noch {left} übrig. Es wurde nichts bezahlt. \
                     Möchten Sie selbst aufladen?"
                ),
            }
        }
        Notice::CourtesyGiven { amount } => {
            let amount = STYLE.amount(*amount);
            match tone {
                Tone::Neutral => format!(
                    "Das Guthaben reichte für diese Anfrage nicht. Aus Kulanz wurden {amount} gutgeschrieben, ohne Kosten, \
                     damit sich Begonnenes abschließen lässt."
                ),
                Tone::Warm => format!(
                    "Ihr Guthaben reichte mitten in der Arbeit nicht mehr. Aus Kulanz haben wir Ihnen {amount} \
                     gutgeschrieben, ohne Kosten, damit Sie Begonnenes abschließen können."
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
fn between(runway: Runway) -> String {
    let least = u64::from(runway.at_least_days());
    match runway.at_most_days().map(u64::from) {
        Some(most) if most == least => String::new(),
        Some(most) => format!(" (zwischen {} und {})", STYLE.number(&least.to_string()), days(most)),
        None if least == 0 => String::new(),
        None => format!(" ({} oder mehr)", accusative(least)),
    }
}
