//! Notices.

use std::collections::BTreeMap;

use billing_guard::{Notice, Runway, Tone};

use super::languages::{LANGUAGES, has, sentences, without_names, words};
use super::{RESET, label, usd};

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
        Notice::HoldEndsSoon { key: "k".parse().unwrap(), ends_at: at },
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
fn in_serde_a_notice_has_the_word_for_it_as_its_kind() {
    for notice in notices("a label") {
        let json = serde_json::to_value(&notice).unwrap();
        assert_eq!(json["notice"], notice.as_str());
    }
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
                    Notice::LessThanLargestRequest { largest, balance } => vec![*largest, *balance],
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
