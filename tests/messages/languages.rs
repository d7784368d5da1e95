//! The words by which the parts of a text are told in each language, and those that no text may have.

use std::sync::Arc;

use billing_guard::{English, German, Messages, Tone};

/// A language's texts, and the words that its parts are told by.
pub(crate) struct Language {
    pub(crate) name: &'static str,
    pub(crate) with_tone: fn(Tone) -> Arc<dyn Messages>,
    pub(crate) this_request: &'static [&'static str],
    pub(crate) nothing_ran: &'static [&'static str],
    pub(crate) nothing_charged: &'static [&'static str],
    pub(crate) charged: &'static [&'static str],
    pub(crate) why: &'static [&'static str],
    pub(crate) fits: &'static [&'static str],
    pub(crate) top_up: &'static [&'static str],
    /// Whole words that press, and phrases that press or blame.
    pub(crate) words: &'static [&'static str],
    pub(crate) phrases: &'static [&'static str],
    /// Words of this language alone, of which each of its texts has one.
    pub(crate) of_its_own: &'static [&'static str],
    pub(crate) point: char,
}

pub(crate) const LANGUAGES: [Language; 2] = [
    Language {
        name: "en",
        with_tone: |tone| Arc::new(English::new().with_tone(tone)),
        this_request: &["this request"],
        nothing_ran: &["did not run", "not run it", "not run this"],
        nothing_charged: &["nothing was charged"],
        charged: &["was charged"],
        why: &["so that", "set to keep", "keeps a single"],
        fits: &[" fit"],
        top_up: &["top-up", "top up", "recharge", "pay", "buy", "purchase"],
        words: &[
            "now",
            "hurry",
            "only",
            "just",
            "last",
            "chance",
            "immediately",
            "urgent",
            "urgently",
            "quickly",
            "today",
            "must",
            "miss",
            "limited",
            "offer",
            "upgrade",
            "unfortunately",
        ],
        phrases: &[
            "you failed",
            "you forgot",
            "you did not",
            "you have not",
            "you should",
            "your fault",
            "your mistake",
            "your error",
            "% of",
            "running out",
            "run out",
            "as soon as",
            "other customers",
        ],
        of_its_own: &["request", "balance"],
        point: '.',
    },
    Language {
        name: "de",
        with_tone: |tone| Arc::new(German::new().with_tone(tone)),
        this_request: &["diese anfrage", "dieser anfrage"],
        nothing_ran: &["nicht ausgeführt", "nicht noch einmal ausgeführt"],
        nothing_charged: &["nichts berechnet", "nichts doppelt berechnet"],
        charged: &["berechnet"],
        why: &["damit", "verhindert, dass"],
        fits: &["möglich"],
        top_up: &["auflad", "zahlen", "kauf"],
        words: &[
            "jetzt",
            "sofort",
            "schnell",
            "nur",
            "dringend",
            "umgehend",
            "letzte",
            "chance",
            "heute",
            "beeilen",
            "unverzüglich",
            "bald",
            "verpassen",
            "angebot",
            "schuld",
            "dringlich",
        ],
        phrases: &[
            "ihr fehler",
            "ihre schuld",
            "sie haben versäumt",
            "sie haben vergessen",
            "sie hätten",
            "sie sollten",
            "so schnell wie",
            "so bald wie",
            "andere kunden",
            "läuft ab",
        ],
        of_its_own: &["anfrage", "guthaben"],
        point: ',',
    },
];

pub(crate) fn has(text: &str, any_of: &[&str]) -> bool {
    let lower = text.to_lowercase();
    any_of.iter().any(|wanted| lower.contains(wanted))
}

/// The text without what stands in quotation marks, which is the host's.
pub(crate) fn without_names(text: &str) -> String {
    let mut quoted = false;
    text.chars()
        .filter(|c| {
            let mark = matches!(c, '"' | '„' | '“');
            quoted ^= mark;
            !mark && !quoted
        })
        .collect()
}

pub(crate) fn sentences(text: &str) -> usize {
    let text = without_names(text);
    // A point within a number or a date is followed by a digit, not by a space.
    text.matches(". ").count() + text.matches("? ").count() + usize::from(text.ends_with(['.', '?']))
}

pub(crate) fn words(text: &str) -> Vec<String> {
    text.to_lowercase().split(|c: char| !c.is_alphanumeric()).map(str::to_owned).collect()
}

pub(crate) fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}
