//! What the built-in catalogues promise of every text: its parts, its manners, and that nothing beyond the disclosure is in it.
//!
//! The texts themselves are printed by `cargo run --example messages_gallery`; here are only words that show that a part is
//! there, or that must not be there.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use billing_guard::{
    Alternative, Basis, Choice, Details, Disclosed, Disclosure, English, Fit, Free, German,
    InsufficientBalance, Label, Link, Messages, Notice, Options, Place, Purchase, Recognized, Refusal,
    RefusalKind, Renderer, Runway, Shape, Shortfall, Timestamp, Tone, TopUp, Unit, Usage, Wording, Work,
};
use proptest::prelude::*;

const NOW: Timestamp = Timestamp::from_micros(1_796_083_200_000_000);
/// 2026-12-01 14:05 UTC.
const RESET: Timestamp = Timestamp::from_micros(1_796_133_900_000_000);
const LEVELS: [Disclosure; 4] =
    [Disclosure::Nothing, Disclosure::WhatFits, Disclosure::Amounts, Disclosure::Usage];

fn usd() -> Unit {
    Unit::new("USD", 2).unwrap()
}

fn label(text: &str) -> Label {
    Label::new(text).unwrap()
}

/// A language's texts, and the words that its parts are told by.
struct Language {
    name: &'static str,
    with_tone: fn(Tone) -> Arc<dyn Messages>,
    this_request: &'static [&'static str],
    nothing_ran: &'static [&'static str],
    nothing_charged: &'static [&'static str],
    charged: &'static [&'static str],
    why: &'static [&'static str],
    fits: &'static [&'static str],
    top_up: &'static [&'static str],
    /// Whole words that press, and phrases that press or blame.
    words: &'static [&'static str],
    phrases: &'static [&'static str],
    /// Words of this language alone, of which each of its texts has one.
    of_its_own: &'static [&'static str],
    point: char,
}

const LANGUAGES: [Language; 2] = [
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

fn has(text: &str, any_of: &[&str]) -> bool {
    let lower = text.to_lowercase();
    any_of.iter().any(|wanted| lower.contains(wanted))
}

/// The text without what stands in quotation marks, which is the host's.
fn without_names(text: &str) -> String {
    let mut quoted = false;
    text.chars()
        .filter(|c| {
            let mark = matches!(c, '"' | '„' | '“');
            quoted ^= mark;
            !mark && !quoted
        })
        .collect()
}

fn sentences(text: &str) -> usize {
    let text = without_names(text);
    // A point within a number or a date is followed by a digit, not by a space.
    text.matches(". ").count() + text.matches("? ").count() + usize::from(text.ends_with(['.', '?']))
}

fn words(text: &str) -> Vec<String> {
    text.to_lowercase().split(|c: char| !c.is_alphanumeric()).map(str::to_owned).collect()
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

// Numbers whose parts occur nowhere else, in cents and in rows.
const REQUIRED: i64 = 8_675_309;
const POSTED: i64 = 7_713_579;
const HELD: i64 = 5_551_768;
const ESTIMATE: i64 = 2_718_281;
const CHARGED: i64 = 1_414_213;
const FITTING: u64 = 31_415_926;
const DELIVERED: u64 = 16_180_339;

/// The balance short of what is asked, with everything that could be told about it.
fn short(posted: i64, held: i64) -> InsufficientBalance {
    let shortfall = Shortfall::new(usd().minor(REQUIRED), NOW)
        .with_posted(usd().minor(posted))
        .and_then(|short| short.with_held(usd().minor(held)))
        .unwrap()
        .with_next_release(NOW.saturating_add(Duration::from_secs(40)));
    InsufficientBalance::new(shortfall)
}

fn with_ways(short: InsufficientBalance) -> InsufficientBalance {
    short
        .with_fits(vec![Fit::new("rows", FITTING), Fit::new("seconds", FITTING)])
        .with_alternatives(vec![Alternative::new(label("Small model"), usd().minor(ESTIMATE))])
}

/// Every kind, in the variants that change its text.
fn refusals() -> Vec<Refusal> {
    let cap = |label, resets_at| Refusal::SpendCapReached { label, resets_at };
    let pending = |short: InsufficientBalance| short.with_top_up_pending(Duration::from_secs(3));
    vec![
        short(POSTED, 0).into(),
        with_ways(short(POSTED, 0)).into(),
        with_ways(short(POSTED, 1_999_888)).into(),
        short(-POSTED, 0).into(),
        short(REQUIRED + POSTED, HELD + POSTED).into(),
        with_ways(short(REQUIRED + POSTED, HELD + POSTED)).into(),
        pending(short(POSTED, 0)).into(),
        pending(with_ways(short(POSTED, 0))).into(),
        cap(None, None),
        cap(Some(label("Test key, daily")), None),
        cap(None, Some(RESET)),
        cap(Some(label("Test key, daily")), Some(RESET)),
        Refusal::RequestTooLarge { maximum: usd().minor(123_450) },
        Refusal::BudgetExceeded,
        Refusal::Duplicate,
        Refusal::KeyConflict,
        Refusal::Unavailable { retry_after: Duration::from_secs(2) },
        Refusal::UnknownPrice,
        Refusal::WrongUnit,
        Refusal::Misconfigured,
        Refusal::HoldLost,
    ]
}

fn cut_short() -> Details {
    Details::new().with_work(Work::new(Usage::new().with("rows", DELIVERED), usd().minor(CHARGED)))
}

/// Every text for a reader, with what it was made from.
fn for_each_reader_text(mut check: impl FnMut(&Language, Tone, &Disclosed<'_>, Disclosure, &str)) {
    let mut seen = 0;
    for refusal in refusals() {
        for details in [Details::new(), cut_short()] {
            for level in LEVELS {
                let told = Disclosed::new(&refusal, &details, level, NOW);
                for language in &LANGUAGES {
                    for tone in Tone::ALL {
                        let messages = (language.with_tone)(*tone);
                        let text = messages.readable_message(&told).expect("a text of its own");
                        check(language, *tone, &told, level, &text);
                        seen += 1;
                    }
                }
            }
        }
    }
    let kinds: Vec<_> = refusals().iter().map(Refusal::kind).collect();
    assert!(RefusalKind::ALL.iter().all(|kind| kinds.contains(kind)));
    assert_eq!(seen, refusals().len() * 2 * 4 * 2 * 2);
}

#[test]
fn every_reader_text_has_its_parts() {
    for_each_reader_text(|language, _, told, level, text| {
        let kind = told.kind();
        let place = format!("{} {kind:?} {level:?}: {text}", language.name);
        let text = without_names(text);
        // What happened, for this request.
        assert!(has(&text, language.this_request), "{place}");
        // What ran and was charged.
        let nothing_ran = has(&text, language.nothing_ran);
        let nothing_charged = has(&text, language.nothing_charged);
        if told.work_was_done() {
            assert!(has(&text, language.charged) && !nothing_ran && !nothing_charged, "{place}");
        } else if kind == RefusalKind::Unavailable {
            // Nobody knows, so neither is claimed, but it happens once at most.
            assert!(
                !nothing_ran && !nothing_charged && has(&text, &["once at most", "höchstens einmal"]),
                "{place}"
            );
        } else {
            assert!(nothing_ran && nothing_charged, "{place}");
        }
        // Why.
        assert!(has(&text, language.why), "{place}");
        // What fits, wherever a smaller request could.
        let can_be_smaller = matches!(kind.status(), 402) || kind == RefusalKind::BudgetExceeded;
        assert_eq!(has(&text, language.fits), can_be_smaller, "{place}");
        // A choice, as a question.
        assert!(text.ends_with('?') && text.matches('?').count() == 1, "{place}");
        assert!((3..=5).contains(&sentences(&text)), "{place}");
    });
}

#[test]
fn no_text_presses_or_blames() {
    for_each_reader_text(|language, _, told, _, text| {
        let pressing = words(text).into_iter().find(|word| language.words.contains(&word.as_str()));
        assert_eq!(pressing, None, "{:?}: {text}", told.kind());
        assert!(!has(text, language.phrases), "{text}");
        assert!(!text.contains(['!', '%', '\n', '\r']), "{text}");
        // No `{}` or double space of a text that was put together wrongly.
        assert!(!text.contains(['{', '}']) && !text.contains("  ") && !text.contains(" ."), "{text}");
    });
}

#[test]
fn only_what_a_top_up_mends_asks_for_one() {
    for_each_reader_text(|language, _, told, _, text| {
        let kind = told.kind();
        let mentions = has(text, language.top_up);
        // One that is on its way has to be mentioned, and is not asked for.
        let pending = kind == RefusalKind::TopUpPending;
        assert_eq!(mentions, kind.top_up_helps() || pending, "{text}");
        let asks = has(text, &["after a top-up", "nach einer aufladung", "recharge", "laden sie"]);
        assert_eq!(asks, kind.top_up_helps(), "{text}");
    });
}

#[test]
fn developer_texts_keep_what_each_place_promises() {
    let details = Details::new();
    let catalogues: [&dyn Messages; 3] =
        [&English::new(), &English::new().with_wording(Wording::Credits), &German::new()];
    for messages in catalogues {
        let recharge = ["please recharge", "bitte laden sie ihr konto auf"];
        let mut by_text = BTreeMap::new();
        for refusal in refusals() {
            let kind = refusal.kind();
            let told = Disclosed::new(&refusal, &details, Disclosure::Usage, NOW);
            assert_eq!(messages.readable_message(&told), None, "the same for both until a tone is chosen");
            for place in Place::ALL {
                let text = messages.message(&told, *place).into_owned();
                let found = text.contains("insufficient balance") || text.contains("insufficient credits");
                assert_eq!(found, kind.top_up_helps() && *place == Place::Searched, "{text}");
                assert_eq!(has(&text, &recharge), kind.top_up_helps(), "{text}");
                assert!(!text.contains(['!', '\n']) && text.ends_with('.'), "{text}");
                let said_of = *by_text.entry(text.clone()).or_insert(kind);
                assert_eq!(said_of, kind, "{text}");
            }
        }
    }
}

#[test]
fn each_text_is_in_its_own_language_and_says_its_own() {
    let mut by_text: BTreeMap<String, (RefusalKind, &str, Tone)> = BTreeMap::new();
    for_each_reader_text(|language, tone, told, _, text| {
        let which = (told.kind(), LANGUAGES.iter().find(|l| l.name == language.name).unwrap().name, tone);
        assert_eq!(*by_text.entry(text.to_owned()).or_insert(which), which, "{text}");
        let other = LANGUAGES.iter().find(|other| other.name != language.name).unwrap();
        assert!(has(text, language.of_its_own) && !has(text, other.of_its_own), "{text}");
    });
    for language in &LANGUAGES {
        for tone in Tone::ALL {
            assert_eq!((language.with_tone)(*tone).language(), language.name);
        }
    }
}

#[test]
fn nothing_beyond_the_disclosure_is_in_a_text() {
    let mut shown_at = BTreeMap::new();
    for_each_reader_text(|language, tone, told, level, text| {
        let shown = digits(text);
        let numbers = [
            (REQUIRED.unsigned_abs(), Disclosure::Amounts),
            (POSTED.unsigned_abs(), Disclosure::Amounts),
            (HELD.unsigned_abs(), Disclosure::Amounts),
            (1_999_888, Disclosure::Amounts),
            ((HELD + POSTED).unsigned_abs(), Disclosure::Amounts),
            ((REQUIRED - POSTED).unsigned_abs(), Disclosure::Amounts),
            ((REQUIRED - HELD).unsigned_abs(), Disclosure::Amounts),
            ((POSTED - 1_999_888).unsigned_abs(), Disclosure::Amounts),
            (ESTIMATE.unsigned_abs(), Disclosure::Amounts),
            (CHARGED.unsigned_abs(), Disclosure::Amounts),
            (DELIVERED, Disclosure::Amounts),
            (FITTING, Disclosure::WhatFits),
        ];
        for (number, from) in numbers {
            let number = number.to_string();
            if level < from {
                for at in 0..=number.len() - 4 {
                    assert!(!shown.contains(&number[at..at + 4]), "{level:?} shows {number}: {text}");
                }
            } else if shown.contains(&number) {
                shown_at.entry((number, language.name, tone == Tone::Warm)).or_insert(text.to_owned());
            }
        }
        if level == Disclosure::Nothing {
            assert!(!text.contains("Small model") && !text.contains("rows"), "{text}");
            let rules = matches!(told.kind(), RefusalKind::RequestTooLarge | RefusalKind::SpendCapReached);
            assert!(shown.is_empty() || rules, "{text}");
        }
    });
    // Where it may be told it is told, so the check would find it elsewhere.
    for number in [REQUIRED, POSTED, ESTIMATE, CHARGED, HELD + POSTED, 1_999_888] {
        for language in ["en", "de"] {
            for warm in [false, true] {
                let told = shown_at.get(&(number.to_string(), language, warm));
                assert!(told.is_some(), "{number} in {language} {warm}");
            }
        }
    }
    for number in [FITTING, DELIVERED] {
        assert!(shown_at.contains_key(&(number.to_string(), "de", true)), "{number}");
    }
}

#[test]
fn numbers_dates_and_names_are_written_as_the_language_does() {
    let by = |refusal: &Refusal, details: &Details| -> Vec<String> {
        let told = Disclosed::new(refusal, details, Disclosure::Amounts, NOW);
        let text = |language: &Language| {
            (language.with_tone)(Tone::Neutral).readable_message(&told).unwrap().into_owned()
        };
        LANGUAGES.iter().map(text).collect()
    };
    let short = by(&with_ways(short(POSTED, 0)).into(), &cut_short());
    for wanted in [
        "86,753.09 USD",
        "77,135.79 USD",
        "27,182.81 USD",
        "14,142.13 USD",
        "rows: 16,180,339",
        "\"rows\" at 31,415,926",
    ] {
        assert!(short[0].contains(wanted), "{wanted}: {}", short[0]);
    }
    for wanted in [
        "86.753,09 USD",
        "77.135,79 USD",
        "27.182,81 USD",
        "14.142,13 USD",
        "rows: 16.180.339",
        "„rows“ bis 31.415.926",
    ] {
        assert!(short[1].contains(wanted), "{wanted}: {}", short[1]);
    }
    let cap = Refusal::SpendCapReached { label: Some(label("Test key")), resets_at: Some(RESET) };
    let cap = by(&cap, &Details::new());
    assert!(cap[0].contains("2026-12-01 14:05 UTC") && cap[0].contains("\"Test key\""), "{}", cap[0]);
    assert!(cap[1].contains("01.12.2026, 14:05 UTC") && cap[1].contains("„Test key“"), "{}", cap[1]);
    // A debt reads like an empty account.
    let debt = by(&self::short(-POSTED, 0).into(), &Details::new());
    assert!(debt[0].contains(" 0.00 USD") && debt[1].contains(" 0,00 USD"), "{debt:?}");
}

#[test]
fn one_and_many_are_told_apart() {
    let basis = |basis| {
        [&English::new() as &dyn Messages, &German::new()]
            .map(|messages| messages.basis(basis).unwrap().into_owned())
    };
    let lasts = |days| basis(Basis::Lasts(Runway::new(0, days, None)));
    assert_eq!(
        lasts(0),
        ["less than a day at your current rate", "weniger als einen Tag bei Ihrem derzeitigen Verbrauch"]
    );
    assert_eq!(lasts(1), ["about 1 day at your current rate", "etwa 1 Tag bei Ihrem derzeitigen Verbrauch"]);
    assert_eq!(
        lasts(2),
        ["about 2 days at your current rate", "etwa 2 Tage bei Ihrem derzeitigen Verbrauch"]
    );
    assert_eq!(
        lasts(3_650),
        ["about 3,650 days at your current rate", "etwa 3.650 Tage bei Ihrem derzeitigen Verbrauch"]
    );
    assert_eq!(
        basis(Basis::MoreRequests(1)),
        ["this request and 1 more like it", "diese Anfrage und 1 weitere dieser Art"]
    );
    assert_eq!(
        basis(Basis::MoreRequests(2)),
        ["this request and 2 more like it", "diese Anfrage und 2 weitere dieser Art"]
    );
    assert_eq!(English::new().basis(Basis::Unstated), None);
    assert_eq!(German::new().basis(Basis::Unstated), None);

    for (wait, english, german) in [
        (1, "for 1 second at most", "höchstens 1 Sekunde."),
        (2, "for 2 seconds at most", "höchstens 2 Sekunden."),
        (91, "for 2 minutes at most", "höchstens 2 Minuten."),
        (7_200, "for 2 hours at most", "höchstens 2 Stunden."),
        (172_801, "for 3 days at most", "höchstens 3 Tage."),
    ] {
        let shortfall = Shortfall::new(usd().minor(700), NOW)
            .with_posted(usd().minor(900))
            .and_then(|short| short.with_held(usd().minor(400)))
            .unwrap()
            .with_next_release(NOW.saturating_add(Duration::from_secs(wait)));
        let (refusal, details) = (Refusal::from(InsufficientBalance::new(shortfall)), Details::new());
        let told = Disclosed::new(&refusal, &details, Disclosure::Amounts, NOW);
        for (language, wanted) in LANGUAGES.iter().zip([english, german]) {
            let text = (language.with_tone)(Tone::Neutral).readable_message(&told).unwrap().into_owned();
            assert!(text.contains(wanted), "{wanted}: {text}");
        }
    }

    for (days, english, german) in
        [(1, "less than 1 day.", "weniger als 1 Tag."), (7, "less than 7 days.", "weniger als 7 Tagen.")]
    {
        let notice =
            Notice::ShortRunway { days, runway: Runway::new(0, 0, Some(1)), balance: usd().minor(1) };
        assert!(English::new().notice(&notice).ends_with(english), "{}", English::new().notice(&notice));
        assert!(German::new().notice(&notice).ends_with(german), "{}", German::new().notice(&notice));
    }
}

fn notices(name: &str) -> Vec<Notice> {
    let (balance, at) = (usd().minor(432_100), RESET);
    let named = || Some(label(name));
    vec![
        Notice::LowBalance { threshold: usd().minor(500_000), balance },
        Notice::LowShare { percent: 20, top_up: usd().minor(2_500_000), balance },
        Notice::LessThanLargestRequest { largest: usd().minor(600_000), balance },
        Notice::ShortRunway { days: 7, runway: Runway::new(2, 3, Some(5)), balance },
        Notice::CapNearlyReached {
            label: named(),
            percent: 80,
            used: usd().minor(2_000_000),
            limit: usd().minor(2_500_000),
            resets_at: Some(at),
        },
        Notice::CapNearlyReached {
            label: None,
            percent: 80,
            used: usd().minor(2_000_000),
            limit: usd().minor(2_500_000),
            resets_at: None,
        },
        Notice::CreditEndsSoon { label: named(), remaining: usd().minor(300_000), ends_at: at },
        Notice::CreditEndsSoon { label: None, remaining: usd().minor(300_000), ends_at: at },
        Notice::HoldEndsSoon { ends_at: at },
        Notice::ToppedUpAutomatically { amount: usd().minor(2_000_000), balance },
        Notice::AutoTopUpFailed { retry_at: Some(at) },
        Notice::AutoTopUpFailed { retry_at: None },
        Notice::AutoTopUpAtCeiling {
            ceiling: usd().minor(10_000_000),
            left: usd().minor(1_000_000),
            missing: usd().minor(2_100_000),
        },
        Notice::CourtesyGiven { amount: usd().minor(150_000) },
    ]
}

#[test]
fn notices_state_facts_and_stay_calm() {
    let mut by_text = BTreeMap::new();
    for language in &LANGUAGES {
        for tone in Tone::ALL {
            let messages = (language.with_tone)(*tone);
            for notice in notices("Spring \"campaign\" „x“") {
                let text = messages.notice(&notice).into_owned();
                let outside = without_names(&text);
                assert_eq!(sentences(&text), 2, "{text}");
                assert!(text.ends_with('.') && !text.contains(['!', '?', '\n', '{']), "{text}");
                let pressing: Vec<_> = words(&outside)
                    .into_iter()
                    .filter(|word| language.words.contains(&word.as_str()))
                    .collect();
                assert!(pressing.is_empty(), "{pressing:?}: {text}");
                let phrases: Vec<_> =
                    language.phrases.iter().filter(|phrase| **phrase != "% of").copied().collect();
                assert!(!has(&outside, &phrases), "{text}");
                // It does not ask to pay; that it was topped up is told.
                let told = matches!(
                    notice,
                    Notice::ToppedUpAutomatically { .. }
                        | Notice::LowShare { .. }
                        | Notice::AutoTopUpFailed { .. }
                        | Notice::AutoTopUpAtCeiling { .. }
                );
                assert_eq!(
                    has(&outside, language.top_up) || has(&outside, &["topped up", "aufgeladen"]),
                    told,
                    "{text}"
                );
                // Every amount in the notice is in the text, in the manner of its language.
                let amounts = match &notice {
                    Notice::LowBalance { threshold, balance } => vec![*threshold, *balance],
                    Notice::LowShare { top_up, balance, .. } => vec![*top_up, *balance],
                    Notice::LessThanLargestRequest { largest, balance: available } => {
                        vec![*largest, *available]
                    }
                    Notice::ShortRunway { balance, .. } => vec![*balance],
                    Notice::CapNearlyReached { used, limit, .. } => vec![*used, *limit],
                    Notice::CreditEndsSoon { remaining, .. } => vec![*remaining],
                    Notice::HoldEndsSoon { .. } => vec![],
                    Notice::ToppedUpAutomatically { amount, balance } => vec![*amount, *balance],
                    Notice::AutoTopUpFailed { .. } => vec![],
                    Notice::AutoTopUpAtCeiling { ceiling, left, missing } => vec![*ceiling, *left, *missing],
                    Notice::CourtesyGiven { amount } => vec![*amount],
                    other => panic!("{other:?} is not looked at yet"),
                };
                for amount in amounts {
                    let shown = amount.human().to_string().replace('.', &language.point.to_string());
                    let (whole, rest) = shown.split_at(shown.find(language.point).unwrap());
                    let group = if language.point == '.' { ',' } else { '.' };
                    let (thousands, hundreds) = whole.split_at(whole.len() - 3);
                    let shown = format!("{thousands}{group}{hundreds}{rest}");
                    assert!(text.contains(&shown), "{shown}: {text}");
                }
                let date =
                    if language.name == "en" { "2026-12-01 14:05 UTC" } else { "01.12.2026, 14:05 UTC" };
                let dated = format!("{notice:?}").contains(&RESET.to_string())
                    || format!("{notice:?}").contains(&RESET.as_micros().to_string());
                assert_eq!(text.contains(date), dated, "{text}");
                by_text
                    .entry(text.clone())
                    .or_insert_with(Vec::new)
                    .push((language.name, format!("{notice:?}")));
            }
        }
    }
    // Each of its own; between the tones one may stay the same.
    for (text, said_of) in by_text {
        assert!(said_of.windows(2).all(|pair| pair[0] == pair[1]), "{text}: {said_of:?}");
    }
}

#[test]
fn every_choice_has_a_name_of_its_own_in_both_languages() {
    let link: Link = "https://example.com/".parse().unwrap();
    let options = Options::draft()
        .purchase(Purchase::top_up(TopUp::new(link.clone())))
        .purchase(Purchase::auto_top_up(link.clone()))
        .purchase(Purchase::change_plan(None, link.clone()))
        .smaller_request()
        .cheaper_price()
        .free(Free::other_account(link.clone()))
        .free(Free::view_usage(link.clone()))
        .free(Free::pricing(link.clone()))
        .free(Free::alerts(link.clone()))
        .free(Free::remind_later(link.clone()))
        .free(Free::contact(link.clone()));
    let mut names: Vec<Cow<'_, str>> = Vec::new();
    let (english, german) = (English::new(), German::new());
    for choice in options.choices() {
        for (messages, language) in [(&english as &dyn Messages, &LANGUAGES[0]), (&german, &LANGUAGES[1])] {
            let name = messages.choice(choice);
            assert!(!name.ends_with('.') && !name.contains(['!', '\n']), "{name}");
            assert!(words(&name).iter().all(|word| !language.words.contains(&word.as_str())), "{name}");
            assert!(!names.contains(&name), "{name}");
            names.push(name);
        }
    }
    assert_eq!(names.len(), 22);
    let plan = Choice::ChangePlan { plan: Some(label("Team \"now\"!")), link };
    assert_eq!(english.choice(&plan), "Change to the plan \"Team 'now'!\"");
    assert_eq!(german.choice(&plan), "Zum Tarif „Team 'now'!“ wechseln");
}

#[test]
fn in_any_language_and_tone_an_answer_is_read_back_as_what_it_was() {
    let mut catalogues: Vec<Arc<dyn Messages>> = vec![Arc::new(German::new())];
    catalogues.extend(
        LANGUAGES.iter().flat_map(|language| Tone::ALL.iter().map(|tone| (language.with_tone)(*tone))),
    );
    for messages in catalogues {
        for shape in Shape::ALL {
            for refusal in refusals() {
                let renderer =
                    Renderer::new(*shape).with_messages(messages.clone()).with_disclosure(Disclosure::Usage);
                let answer = renderer.render_with(&refusal, &Details::new());
                assert_eq!(answer.header("content-language"), Some(messages.language().as_ref()));
                let body = String::from_utf8_lossy(answer.body()).into_owned();
                let found = Recognized::parse(answer.status(), answer.body())
                    .unwrap_or_else(|| panic!("{shape}: {body}"));
                // In the envelope it shares its name with an empty account, and a reader may leave it open.
                if refusal.kind() == RefusalKind::TopUpPending && found.top_up_helps().is_none() {
                    continue;
                }
                assert_eq!(found.kind(), refusal.kind(), "{body}");
                assert_eq!(found.top_up_helps(), Some(refusal.top_up_helps()), "{body}");
            }
        }
    }
}

proptest! {
    #[test]
    fn hostile_names_stay_where_they_are_put(
        name in "\\PC{1,64}|[\"„“'.!? ,\\\\a]{1,64}",
        quantity in "\\PC{0,80}|[\"„“\n\r\u{2028}\u{202e}\u{0}a]{0,80}",
        fitting: u64,
        required in 1_i64..,
        level in 0..4_usize,
    ) {
        let Ok(name) = Label::new(&name) else { return Ok(()) };
        let short = Shortfall::new(usd().minor(required), NOW).with_posted(usd().minor(-1)).unwrap();
        let short = InsufficientBalance::new(short)
            .with_fits(vec![Fit::new(quantity.clone(), fitting)])
            .with_alternatives(vec![Alternative::new(name.clone(), usd().minor(required))]);
        let cap = Refusal::SpendCapReached { label: Some(name.clone()), resets_at: Some(RESET) };
        let work = Work::new(Usage::new().with(quantity, fitting), usd().minor(required));
        for refusal in [Refusal::from(short), cap] {
            for details in [Details::new(), Details::new().with_work(work.clone())] {
                let told = Disclosed::new(&refusal, &details, LEVELS[level], NOW);
                for language in &LANGUAGES {
                    for tone in Tone::ALL {
                        let messages = (language.with_tone)(*tone);
                        for text in [messages.readable_message(&told).unwrap(), messages.message(&told, Place::Searched)] {
                            let breaks = ['\n', '\r', '\0', '\u{2028}', '\u{2029}', '\u{202e}'];
                            prop_assert!(!text.contains(breaks), "{}", text);
                            let balanced = match language.name {
                                "en" => text.matches('"').count().is_multiple_of(2),
                                _ => text.matches('„').count() == text.matches('“').count(),
                            };
                            prop_assert!(balanced, "{}", text);
                            prop_assert!(text.ends_with(['?', '.']), "{}", text);
                        }
                    }
                }
            }
        }
    }
}
