//! What was spent in a period, in English.

use crate::clock::Timestamp;
use crate::messages::Tone;
use crate::messages::written::MOST_NAMES;
use crate::spending::{Spent, TopUses, UsageDigest};

use super::STYLE;
use super::notices::{about, between};

pub(super) fn text(digest: &UsageDigest, tone: Tone) -> String {
    let mut sentences = vec![format!("{}, {}.", when(digest), spent(digest.spent(), tone))];
    if let Some(before) = digest.spent_before() {
        let period = match digest.length_in_days() {
            ..=1 => "On the day",
            2..=7 => "In the week",
            8..=31 => "In the month",
            _ => "In the year",
        };
        sentences.push(format!("{period} before, it was {}.", sum(before)));
    }
    sentences.extend(digest.top_uses().map(|top| uses(top, tone)));
    if let Some(available) = digest.available() {
        let (whose, whose_rate) = match tone {
            Tone::Neutral => ("The", "the"),
            Tone::Warm => ("Your", "your"),
        };
        let lasts = digest.runway().map(|runway| {
            format!(", which lasts {}{} at {whose_rate} current rate", about(runway), between(runway))
        });
        let lasts = lasts.unwrap_or_default();
        sentences.push(format!("{whose} balance is {}{lasts}.", STYLE.amount(available)));
    }
    sentences.join(" ")
}

fn when(digest: &UsageDigest) -> String {
    let (first, last) = digest.days();
    let date = |day: Timestamp| day.to_string().split('T').next().unwrap_or_default().to_owned();
    match digest.length_in_days() {
        ..=1 => format!("On {}", date(first)),
        _ => format!("From {} to {}", date(first), date(last)),
    }
}

fn spent(spent: Spent, tone: Tone) -> String {
    let nothing = spent.charges() == 0 && spent.refunded().is_zero();
    match tone {
        Tone::Neutral if nothing => "nothing was spent".to_owned(),
        Tone::Warm if nothing => "you spent nothing".to_owned(),
        Tone::Neutral => format!("{} was spent{}", STYLE.amount(spent.net()), charges(spent)),
        Tone::Warm => format!("you spent {}{}", STYLE.amount(spent.net()), charges(spent)),
    }
}

/// As in "it was ...".
fn sum(spent: Spent) -> String {
    if spent.charges() == 0 && spent.refunded().is_zero() {
        return "nothing".to_owned();
    }
    format!("{}{}", STYLE.amount(spent.net()), charges(spent))
}

fn charges(spent: Spent) -> String {
    let mut text = match spent.charges() {
        1 => " in 1 charge".to_owned(),
        count => format!(" in {} charges", STYLE.number(&count.to_string())),
    };
    if !spent.refunded().is_zero() {
        text.push_str(&format!(", with {} of refunds taken off", STYLE.amount(spent.refunded())));
    }
    text
}

fn uses(top: &TopUses, tone: Tone) -> String {
    let label = STYLE.quoted(top.label());
    let listed: Vec<String> = top
        .uses()
        .iter()
        .take(MOST_NAMES)
        .map(|one| {
            let name = one.value().map_or_else(|| format!("without {label}"), |value| STYLE.quoted(value));
            format!("{name}, {}", STYLE.amount(one.spent()))
        })
        .collect();
    let whose = match tone {
        Tone::Neutral => "The",
        Tone::Warm => "Your",
    };
    format!("{whose} largest uses by {label}: {}.", listed.join("; "))
}
