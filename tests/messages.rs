//! What the built-in catalogues promise of every text: its parts, its manners, and that nothing beyond the disclosure is in it.
//!
//! The texts themselves are printed by `cargo run --example messages_gallery`; here are only words that show that a part is
//! there, or that must not be there.

#[path = "messages/languages.rs"]
mod languages;
#[path = "messages/notices.rs"]
mod notices;
#[path = "messages/numbers.rs"]
mod numbers;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use billing_guard::{
    Alternative, Choice, Details, Disclosed, Disclosure, English, Fit, Free, German, InsufficientBalance,
    Label, Link, Messages, Options, Place, Purchase, Recognized, Refusal, RefusalKind, Renderer, Shape,
    Shortfall, Timestamp, Tone, TopUp, Unit, Usage, Wording, Work,
};
use proptest::prelude::*;

use languages::{LANGUAGES, Language, digits, has, sentences, without_names, words};

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
fn of_work_that_was_begun_it_is_the_next_part_that_was_refused() {
    let mut seen = 0_u32;
    for_each_reader_text(|language, _, told, _, text| {
        let says_so = text.contains(if language.name == "de" { "nächste" } else { "next part" });
        let is_short = matches!(
            told.kind(),
            RefusalKind::InsufficientBalance | RefusalKind::BalanceHeld | RefusalKind::TopUpPending
        );
        if is_short {
            assert_eq!(says_so, told.work_was_done(), "{text}");
            seen += 1;
        } else {
            assert!(told.work_was_done() || !says_so, "{text}");
        }
    });
    assert!(seen > 0);
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
