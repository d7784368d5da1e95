//! Numbers, dates, names and plurals.

use std::time::Duration;

use billing_guard::{
    Basis, Details, Disclosed, Disclosure, English, German, InsufficientBalance, Messages, Notice, Refusal,
    Runway, Shortfall, Tone,
};

use super::languages::{LANGUAGES, Language};
use super::{NOW, POSTED, RESET, cut_short, label, usd, with_ways};

#[test]
fn numbers_dates_and_names_are_written_as_the_language_does() {
    let by = |refusal: &Refusal, details: &Details| -> Vec<String> {
        let told = Disclosed::new(refusal, details, Disclosure::Amounts, NOW);
        let text = |language: &Language| {
            (language.with_tone)(Tone::Neutral).readable_message(&told).unwrap().into_owned()
        };
        LANGUAGES.iter().map(text).collect()
    };
    let short = by(&with_ways(super::short(POSTED, 0)).into(), &cut_short());
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
    let debt = by(&super::short(-POSTED, 0).into(), &Details::new());
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
