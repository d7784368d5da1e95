//! What a reader is told in German.

use crate::messages::Tone;
use crate::messages::reader::ReaderText;
use crate::messages::written::{self, Span};
use crate::refusal::{Disclosed, Disclosure, RefusalKind};

use super::{STYLE, date};

pub(super) fn text(told: &Disclosed<'_>, tone: Tone) -> String {
    ReaderText {
        happened: format!("{}{}.", opening(told.kind(), tone), outcome(told, tone)),
        amounts: amounts(told),
        why: why(told, tone),
        fits: fits(told),
        question: question(told.kind(), tone),
    }
    .joined()
}

/// Whether this is how a text for a reader about that kind begins.
pub(super) fn begins(text: &str, kind: RefusalKind) -> bool {
    let rest = |tone| text.strip_prefix(opening(kind, tone));
    Tone::ALL.iter().filter_map(|tone| rest(*tone)).any(|rest| rest.starts_with(';'))
}

/// What happened. No two kinds have the same.
const fn opening(kind: RefusalKind, tone: Tone) -> &'static str {
    use RefusalKind as Kind;
    match (kind, tone) {
        (Kind::InsufficientBalance, Tone::Neutral) => "Das Guthaben reicht für diese Anfrage nicht aus",
        (Kind::InsufficientBalance, Tone::Warm) => "Ihr Guthaben deckt diese Anfrage leider nicht",
        (Kind::BalanceHeld, Tone::Neutral) => {
            "Diese Anfrage braucht Guthaben, das für noch laufende Vorgänge vorgemerkt ist"
        }
        (Kind::BalanceHeld, Tone::Warm) => {
            "Diese Anfrage braucht Guthaben, das zwar da, aber für noch laufende Vorgänge vorgemerkt ist"
        }
        (Kind::TopUpPending, Tone::Neutral) => {
            "Eine Aufladung ist unterwegs, aber bis zu ihrem Eingang reicht das Guthaben für diese Anfrage nicht aus"
        }
        (Kind::TopUpPending, Tone::Warm) => {
            "Ihre Aufladung ist unterwegs, aber bis sie da ist, deckt Ihr Guthaben diese Anfrage nicht"
        }
        (Kind::SpendCapReached, Tone::Neutral) => "Diese Anfrage würde ein Ausgabenlimit überschreiten",
        (Kind::SpendCapReached, Tone::Warm) => {
            "Ein Ausgabenlimit lässt für diese Anfrage nicht mehr genug übrig"
        }
        (Kind::RequestTooLarge, Tone::Neutral) => {
            "Diese Anfrage ist größer, als eine einzelne Anfrage sein darf"
        }
        (Kind::RequestTooLarge, Tone::Warm) => {
            "Diese Anfrage ist größer, als wir in einem Stück annehmen können"
        }
        (Kind::BudgetExceeded, Tone::Neutral) => {
            "Diese Anfrage würde mehr kosten, als das mitgegebene Budget erlaubt"
        }
        (Kind::BudgetExceeded, Tone::Warm) => {
            "Das mitgegebene Budget deckt nicht, was diese Anfrage kosten kann"
        }
        (Kind::Duplicate, Tone::Neutral) => {
            "Diese Anfrage ist bereits eingegangen und ist erledigt oder läuft noch"
        }
        (Kind::Duplicate, Tone::Warm) => {
            "Diese Anfrage haben wir schon, und sie ist erledigt oder läuft noch"
        }
        (Kind::KeyConflict, Tone::Neutral) => {
            "Der Schlüssel dieser Anfrage wurde bereits für eine andere verwendet"
        }
        (Kind::KeyConflict, Tone::Warm) => "Den Schlüssel dieser Anfrage kennen wir schon von einer anderen",
        (Kind::Unavailable, Tone::Neutral) => "Der Dienst konnte diese Anfrage im Moment nicht bestätigen",
        (Kind::Unavailable, Tone::Warm) => "Leider konnten wir diese Anfrage im Moment nicht bestätigen",
        (Kind::UnknownPrice, Tone::Neutral) => "Der Dienst hat für diese Anfrage keinen Preis",
        (Kind::UnknownPrice, Tone::Warm) => "Leider haben wir für diese Anfrage keinen Preis",
        (Kind::WrongUnit, Tone::Neutral) => {
            "Der Dienst rechnet diese Anfrage in einer anderen Einheit ab als das Konto"
        }
        (Kind::WrongUnit, Tone::Warm) => {
            "Leider gilt unser Preis für diese Anfrage in einer anderen Einheit als der Ihres Kontos"
        }
        (Kind::Misconfigured, Tone::Neutral) => "Der Dienst ist für diese Anfrage nicht richtig eingerichtet",
        (Kind::Misconfigured, Tone::Warm) => {
            "Leider ist unser Dienst für diese Anfrage nicht richtig eingerichtet"
        }
        (Kind::HoldLost, Tone::Neutral) => {
            "Diese Anfrage wurde ausgeführt, ihre Abrechnung konnte aber nicht abgeschlossen werden"
        }
        (Kind::HoldLost, Tone::Warm) => {
            "Wir haben diese Anfrage ausgeführt, konnten die Abrechnung aber leider nicht abschließen"
        }
    }
}

/// What ran and what was charged.
fn outcome(told: &Disclosed<'_>, tone: Tone) -> String {
    let kind = told.kind();
    if told.work_was_done() {
        let (stopped, until_then) = match (kind, tone) {
            (RefusalKind::HoldLost, _) => ("; ", "das Gelieferte"),
            (_, Tone::Neutral) => ("; sie wurde unterbrochen, und ", "das bis dahin Gelieferte"),
            (_, Tone::Warm) => ("; wir haben sie unterbrochen, und ", "das bis dahin Gelieferte"),
        };
        let Some(work) = told.work() else {
            return match kind {
                // Nobody knows more here.
                RefusalKind::HoldLost => {
                    "; was dafür berechnet wurde, zeigt die Verbrauchsübersicht".to_owned()
                }
                _ => format!("{stopped}{until_then} wurde berechnet, sonst nichts"),
            };
        };
        let charged = STYLE.amount(work.charged);
        let delivered = match work.delivered.is_empty() {
            true => String::new(),
            false => format!(" ({})", STYLE.usage(&work.delivered)),
        };
        return format!("{stopped}{until_then}{delivered} wurde mit {charged} berechnet, sonst nichts");
    }
    match (kind, tone) {
        (RefusalKind::Duplicate, Tone::Neutral) => {
            "; sie wurde nicht noch einmal ausgeführt, und es wurde nichts doppelt berechnet"
        }
        (RefusalKind::Duplicate, Tone::Warm) => {
            "; wir haben sie nicht noch einmal ausgeführt und nichts doppelt berechnet"
        }
        (RefusalKind::KeyConflict, Tone::Neutral) => {
            "; diese Anfrage wurde nicht ausgeführt, und es wurde nichts berechnet"
        }
        (RefusalKind::KeyConflict, Tone::Warm) => "; diese haben wir nicht ausgeführt und nichts berechnet",
        // The outcome may be unknown, so it is not said that nothing ran.
        (RefusalKind::Unavailable, _) => {
            "; mit demselben Schlüssel noch einmal gesendet, wird sie höchstens einmal berechnet"
        }
        (_, Tone::Neutral) => "; sie wurde nicht ausgeführt, und es wurde nichts berechnet",
        (_, Tone::Warm) => "; wir haben sie nicht ausgeführt und nichts berechnet",
    }
    .to_owned()
}

fn amounts(told: &Disclosed<'_>) -> Option<String> {
    let needed = STYLE.amount(told.required()?);
    let available = STYLE.amount(told.available()?);
    let need = if told.work_was_done() { "Der Bedarf für den nächsten Teil" } else { "Der Bedarf" };
    let mut text = format!("{need} liegt bei mindestens {needed}, das verfügbare Guthaben bei {available}");
    if let Some(held) = told.held() {
        text.push_str(&format!("; für laufende Vorgänge vorgemerkt: {}", STYLE.amount(held)));
        if let Some(wait) = told.released_in() {
            text.push_str(&format!(", ein Teil davon noch für höchstens {}", span(Span::new(wait))));
        }
    }
    text.push('.');
    Some(text)
}

/// In the accusative, as after "für".
fn span(span: Span) -> String {
    let (number, one, many) = match span {
        Span::Seconds(number) => (number, "Sekunde", "Sekunden"),
        Span::Minutes(number) => (number, "Minute", "Minuten"),
        Span::Hours(number) => (number, "Stunde", "Stunden"),
        Span::Days(number) => (number, "Tag", "Tage"),
    };
    format!("{} {}", STYLE.number(&number.to_string()), if number == 1 { one } else { many })
}

fn why(told: &Disclosed<'_>, tone: Tone) -> String {
    use RefusalKind as Kind;
    match (told.kind(), tone) {
        (Kind::InsufficientBalance, Tone::Neutral) => {
            "Guthaben wird im Voraus bezahlt, damit niemand unerwartet Geld schuldet."
        }
        (Kind::InsufficientBalance, Tone::Warm) => {
            "Guthaben wird bei uns im Voraus bezahlt, damit Sie nach keiner Anfrage eine unerwartete Rechnung bekommen."
        }
        (Kind::BalanceHeld, Tone::Neutral) => {
            "Vorgemerkt wird, was ein Vorgang höchstens kosten kann, damit kein Geld doppelt ausgegeben wird; was er nicht braucht, wird wieder frei."
        }
        (Kind::BalanceHeld, Tone::Warm) => {
            "Wir merken vor, was ein Vorgang höchstens kosten kann, damit Ihr Geld nie doppelt ausgegeben wird; was übrig bleibt, steht Ihnen wieder zur Verfügung."
        }
        (Kind::TopUpPending, Tone::Neutral) => {
            "Eine Aufladung lässt sich nach ihrem Eingang ausgeben, damit niemand unerwartet Geld schuldet."
        }
        (Kind::TopUpPending, Tone::Warm) => {
            "Eine Aufladung lässt sich nach ihrem Eingang ausgeben, damit Sie nie unerwartet Geld schulden; Sie müssen nichts weiter tun."
        }
        (Kind::SpendCapReached, tone) => {
            let limit = match told.cap_label() {
                Some(label) => format!("Das Limit {}", STYLE.quoted(label.as_str())),
                None => "Das Limit".to_owned(),
            };
            return match tone {
                Tone::Neutral => format!(
                    "{limit} wurde festgelegt, damit die Ausgaben im geplanten Rahmen bleiben, unabhängig vom Guthaben."
                ),
                Tone::Warm => format!(
                    "{limit} wurde festgelegt, damit die Ausgaben so bleiben wie geplant, ganz gleich, wie hoch Ihr Guthaben ist."
                ),
            };
        }
        (Kind::RequestTooLarge, Tone::Neutral) => {
            "Diese Grenze verhindert, dass eine einzelne Anfrage unbemerkt ein Guthaben aufbraucht."
        }
        (Kind::RequestTooLarge, Tone::Warm) => {
            "Diese Grenze haben wir, damit keine einzelne Anfrage unbemerkt Ihr Guthaben aufbraucht."
        }
        (Kind::BudgetExceeded, Tone::Neutral) => {
            "Ein Budget wird eingehalten, damit eine Anfrage nie mehr kostet, als für sie vorgesehen ist."
        }
        (Kind::BudgetExceeded, Tone::Warm) => {
            "Wir halten Budgets ein, damit eine Anfrage Sie nie mehr kostet, als Sie vorgesehen haben."
        }
        (Kind::Duplicate, Tone::Neutral) => {
            "Anfragen werden an ihrem Schlüssel erkannt, damit eine Wiederholung nie doppelt berechnet wird."
        }
        (Kind::Duplicate, Tone::Warm) => {
            "Wir erkennen Anfragen an ihrem Schlüssel, damit Ihnen nie zweimal dasselbe berechnet wird."
        }
        (Kind::KeyConflict, Tone::Neutral) => {
            "Ein Schlüssel steht für eine einzige Anfrage, damit eine Wiederholung erkannt und nie doppelt berechnet wird."
        }
        (Kind::KeyConflict, Tone::Warm) => {
            "Ein Schlüssel steht für eine einzige Anfrage, damit wir eine Wiederholung erkennen und nichts doppelt berechnen."
        }
        (Kind::Unavailable, Tone::Neutral) => {
            "Die Ursache liegt beim Dienst und nicht beim Guthaben; Anfragen werden einzeln bestätigt, damit keine doppelt berechnet wird."
        }
        (Kind::Unavailable, Tone::Warm) => {
            "Die Ursache liegt bei uns und nicht bei Ihrem Guthaben; wir bestätigen jede Anfrage einzeln, damit keine doppelt berechnet wird."
        }
        (Kind::UnknownPrice, Tone::Neutral) => {
            "Ohne Preis wird nichts begonnen, damit niemandem ein unbekannter Betrag berechnet wird; das zu beheben ist Sache des Dienstes."
        }
        (Kind::UnknownPrice, Tone::Warm) => {
            "Ohne Preis beginnen wir nichts, damit Ihnen nie ein unbekannter Betrag berechnet wird; das zu beheben ist unsere Sache."
        }
        (Kind::WrongUnit, Tone::Neutral) => {
            "Beträge werden nicht umgerechnet, damit nichts zu einem Kurs berechnet wird, der nicht vereinbart ist; das zu beheben ist Sache des Dienstes."
        }
        (Kind::WrongUnit, Tone::Warm) => {
            "Wir rechnen Beträge nicht um, damit Ihnen nichts zu einem Kurs berechnet wird, der nicht vereinbart ist; das zu beheben ist unsere Sache."
        }
        (Kind::Misconfigured, Tone::Neutral) => {
            "Was sich nicht abrechnen lässt, wird nicht begonnen, damit nichts falsch berechnet wird; das zu beheben ist Sache des Dienstes."
        }
        (Kind::Misconfigured, Tone::Warm) => {
            "Was wir nicht abrechnen können, beginnen wir nicht, damit Ihnen nichts falsch berechnet wird; das zu beheben ist unsere Sache."
        }
        (Kind::HoldLost, Tone::Neutral) => {
            "Abgerechnet wird aus dem dafür vorgemerkten Betrag, damit keine Abrechnung unerwartet kommt; das zu beheben ist Sache des Dienstes."
        }
        (Kind::HoldLost, Tone::Warm) => {
            "Wir rechnen aus dem dafür vorgemerkten Betrag ab, damit keine Abrechnung Sie überrascht; das zu beheben ist unsere Sache."
        }
    }
    .to_owned()
}

fn fits(told: &Disclosed<'_>) -> Option<String> {
    // Of work that was begun it is what would have come next that was refused.
    let (this, this_request) = match told.work_was_done() {
        true => ("der nächste Teil", "der nächste Teil"),
        false => ("diese", "diese Anfrage"),
    };
    // When the request itself would be possible.
    let unchanged = match told.kind() {
        RefusalKind::InsufficientBalance => "nach einer Aufladung",
        RefusalKind::BalanceHeld => "vielleicht nach Abschluss laufender Vorgänge",
        RefusalKind::TopUpPending => "nach Eingang der Aufladung",
        RefusalKind::SpendCapReached => {
            return Some(match told.resets_at() {
                Some(at) => {
                    format!("Eine kleinere Anfrage kann möglich sein, {this} wieder ab {}.", date(at))
                }
                None => "Eine kleinere Anfrage kann möglich sein.".to_owned(),
            });
        }
        RefusalKind::RequestTooLarge => {
            return Some(format!("Möglich sind Anfragen bis {}.", STYLE.amount(told.maximum()?)));
        }
        RefusalKind::BudgetExceeded => return Some("Eine kleinere Anfrage kann möglich sein.".to_owned()),
        _ => return None,
    };
    let smaller = told
        .fits()
        .iter()
        .take(written::MOST_NAMES)
        .map(|fit| format!("mit {} bis {}", STYLE.quoted(&fit.name), STYLE.quantity(fit.quantity)));
    let cheaper = told.alternatives().iter().take(written::MOST_NAMES).map(|other| {
        let label = STYLE.quoted(other.label.as_str());
        match told.level() {
            Disclosure::Nothing | Disclosure::WhatFits => format!("zum Preis {label}"),
            _ => format!("zum Preis {label} (höchstens {})", STYLE.amount(other.estimate)),
        }
    });
    let ways: Vec<String> = smaller.chain(cheaper).collect();
    Some(match (told.level(), ways.is_empty()) {
        // Whether anything smaller fits is not disclosed.
        (Disclosure::Nothing, _) => format!("Eine kleinere Anfrage kann möglich sein, {this} {unchanged}."),
        (_, true) => format!("Möglich ist {this_request} {unchanged}."),
        (_, false) => {
            format!(
                "Möglich wäre {this_request} {}, unverändert {unchanged}.",
                written::listed(&ways, "oder")
            )
        }
    })
}

const fn question(kind: RefusalKind, tone: Tone) -> &'static str {
    use RefusalKind as Kind;
    match (kind, tone) {
        (Kind::InsufficientBalance, Tone::Neutral) => "Hatten Sie mehr Guthaben erwartet?",
        (Kind::InsufficientBalance, Tone::Warm) => "Hatten Sie mit mehr Guthaben gerechnet?",
        (Kind::BalanceHeld, Tone::Neutral) => "Genügt ein neuer Versuch in Kürze?",
        (Kind::BalanceHeld, Tone::Warm) => "Möchten Sie es in Kürze noch einmal versuchen?",
        (Kind::TopUpPending, Tone::Neutral) => "Kann diese Anfrage bis zum Eingang der Aufladung warten?",
        (Kind::TopUpPending, Tone::Warm) => {
            "Möchten Sie es noch einmal versuchen, sobald die Aufladung da ist?"
        }
        (Kind::SpendCapReached, Tone::Neutral) => "Ist dieses Limit noch das richtige?",
        (Kind::SpendCapReached, Tone::Warm) => "Passt dieses Limit noch für Sie?",
        (Kind::RequestTooLarge, Tone::Neutral) => "Lässt sich diese aufteilen?",
        (Kind::RequestTooLarge, Tone::Warm) => "Wäre Ihnen auch mit kleineren Anfragen geholfen?",
        (Kind::BudgetExceeded, Tone::Neutral) => "Soll das Budget größer oder die Anfrage kleiner sein?",
        (Kind::BudgetExceeded, Tone::Warm) => {
            "Möchten Sie lieber das Budget erhöhen oder die Anfrage verkleinern?"
        }
        (Kind::Duplicate, Tone::Neutral) => "War eine neue Anfrage mit eigenem Schlüssel gemeint?",
        (Kind::Duplicate, Tone::Warm) => "Wollten Sie eine neue Anfrage mit eigenem Schlüssel senden?",
        (Kind::KeyConflict, Tone::Neutral) => {
            "Lässt sich diese Anfrage mit einem eigenen Schlüssel noch einmal senden?"
        }
        (Kind::KeyConflict, Tone::Warm) => {
            "Möchten Sie diese Anfrage mit einem eigenen Schlüssel noch einmal senden?"
        }
        (Kind::Unavailable, Tone::Neutral) => "Lässt sich diese Anfrage in Kürze noch einmal senden?",
        (Kind::Unavailable, Tone::Warm) => "Möchten Sie es in Kürze noch einmal versuchen?",
        (Kind::UnknownPrice | Kind::WrongUnit | Kind::Misconfigured, Tone::Neutral) => {
            "Möchten Sie dies melden?"
        }
        (Kind::UnknownPrice | Kind::WrongUnit | Kind::Misconfigured, Tone::Warm) => {
            "Möchten Sie uns Bescheid geben?"
        }
        (Kind::HoldLost, Tone::Neutral) => "Zeigt die Übersicht, was Sie erwartet haben?",
        (Kind::HoldLost, Tone::Warm) => "Sieht Ihre Übersicht so aus, wie Sie es erwartet haben?",
    }
}
