//! What was spent in a period, in German.

use crate::messages::Tone;
use crate::messages::written::MOST_NAMES;
use crate::spending::{Spent, TopUses, UsageDigest};

use super::notices::{about, between};
use super::{STYLE, date};

pub(super) fn text(digest: &UsageDigest, tone: Tone) -> String {
    let mut sentences = vec![spent(digest, tone)];
    if let Some(before) = digest.spent_before() {
        let period = match digest.length_in_days() {
            ..=1 => "Am Tag",
            2..=7 => "In der Woche",
            8..=31 => "Im Monat",
            _ => "Im Jahr",
        };
        sentences.push(if is_nothing(before) {
            format!("{period} davor war es nichts.")
        } else {
            format!("{period} davor waren es {}{}.", STYLE.amount(before.net()), charges(before))
        });
    }
    sentences.extend(digest.top_uses().map(uses));
    if let Some(available) = digest.available() {
        let whose = match tone {
            Tone::Neutral => "Das",
            Tone::Warm => "Ihr",
        };
        let lasts = digest.runway().map(|runway| {
            format!(" und reicht beim derzeitigen Verbrauch {}{}", about(runway), between(runway))
        });
        let lasts = lasts.unwrap_or_default();
        sentences.push(format!("{whose} Guthaben liegt bei {}{lasts}.", STYLE.amount(available)));
    }
    sentences.join(" ")
}

fn spent(digest: &UsageDigest, tone: Tone) -> String {
    let (first, last) = digest.days();
    let day = |at| date(at).split(',').next().unwrap_or_default().to_owned();
    let (when, at_the_beginning) = match digest.length_in_days() {
        ..=1 => (format!("am {}", day(first)), format!("Am {}", day(first))),
        _ => {
            let days = format!("{} bis {}", day(first), day(last));
            (format!("vom {days}"), format!("Vom {days}"))
        }
    };
    let spent = digest.spent();
    match tone {
        Tone::Neutral if is_nothing(spent) => format!("{at_the_beginning} wurde nichts ausgegeben."),
        Tone::Warm if is_nothing(spent) => format!("{at_the_beginning} haben Sie nichts ausgegeben."),
        // Right for one unit as for many, whatever it is.
        Tone::Neutral => format!("Ausgaben {when}: {}{}.", STYLE.amount(spent.net()), charges(spent)),
        Tone::Warm => format!("Ihre Ausgaben {when}: {}{}.", STYLE.amount(spent.net()), charges(spent)),
    }
}

fn is_nothing(spent: Spent) -> bool {
    spent.charges() == 0 && spent.refunded().is_zero()
}

fn charges(spent: Spent) -> String {
    let mut text = match spent.charges() {
        1 => " in 1 Abbuchung".to_owned(),
        count => format!(" in {} Abbuchungen", STYLE.number(&count.to_string())),
    };
    if !spent.refunded().is_zero() {
        text.push_str(&format!(", abzüglich {} an Erstattungen", STYLE.amount(spent.refunded())));
    }
    text
}

fn uses(top: &TopUses) -> String {
    let label = STYLE.quoted(top.label());
    let listed: Vec<String> = top
        .uses()
        .iter()
        .take(MOST_NAMES)
        .map(|one| {
            let name = one.value().map_or_else(|| format!("ohne {label}"), |value| STYLE.quoted(value));
            format!("{name}, {}", STYLE.amount(one.spent()))
        })
        .collect();
    format!("Die größten Posten nach {label}: {}.", listed.join("; "))
}
