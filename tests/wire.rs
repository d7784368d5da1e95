//! What goes over the wire, byte for byte, and that it is read back as what it was.
//!
//! The five files named in [`DOCUMENTED`] are facts and are never rewritten. The others hold status, headers and body
//! of one answer each; `UPDATE_GOLDEN=1 cargo test --test wire` rewrites them, for review before they are committed.

#[path = "wire/goldens.rs"]
mod goldens;
#[path = "wire/reader.rs"]
mod reader;

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use billing_guard::{
    Disclosed, English, InsufficientBalance, Messages, Place, Recognized, Refusal, RefusalKind,
    RenderSettingError, Rendered, Renderer, Shape, Shortfall, Timestamp, Unit, Wording,
};
use proptest::prelude::*;

const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

fn usd() -> Unit {
    Unit::new("USD", 6).unwrap()
}

fn short(requested: &str, posted: &str, held: &str) -> InsufficientBalance {
    let amount = |text| usd().amount(text).unwrap();
    let short = Shortfall::new(amount(requested), NOW).with_posted(amount(posted)).unwrap();
    InsufficientBalance::new(short.with_held(amount(held)).unwrap())
}

fn empty() -> Refusal {
    short("7", "5", "0").into()
}

fn held() -> Refusal {
    short("7", "10", "5").with_retry_after(Duration::from_millis(7_300)).into()
}

fn pending() -> Refusal {
    // Up to a quarter longer at random, but never a second more or less when rounded up.
    short("7", "5", "0").with_top_up_pending(Duration::from_millis(1_001)).into()
}

/// Every refusal there is, by the name its golden files have.
fn refusals() -> Vec<(&'static str, Refusal)> {
    vec![
        ("empty", empty()),
        ("debt", short("7", "-1", "0").into()),
        ("held", held()),
        ("held-for-unknown-time", short("7", "10", "5").into()),
        ("top-up-pending", pending()),
        (
            "spend-cap-reached",
            Refusal::SpendCapReached {
                label: Some("Test key, daily".parse().unwrap()),
                resets_at: Some(NOW),
            },
        ),
        ("spend-cap-never-fits", Refusal::SpendCapReached { label: None, resets_at: None }),
        ("request-too-large", Refusal::RequestTooLarge { maximum: usd().amount("2.5").unwrap() }),
        ("budget-exceeded", Refusal::BudgetExceeded),
        ("duplicate", Refusal::Duplicate),
        ("key-conflict", Refusal::KeyConflict),
        ("unavailable", Refusal::Unavailable { retry_after: Duration::from_secs(2) }),
        ("unknown-price", Refusal::UnknownPrice),
        ("wrong-unit", Refusal::WrongUnit),
        ("misconfigured", Refusal::Misconfigured),
        ("hold-lost", Refusal::HoldLost),
    ]
}

fn golden_path(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "wire", name].iter().collect()
}

fn golden(name: &str) -> Vec<u8> {
    std::fs::read(golden_path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn credits() -> Arc<dyn Messages> {
    Arc::new(English::new().with_wording(Wording::Credits))
}

/// The documented bodies, and what renders them for an empty account.
fn documented() -> Vec<(&'static str, Renderer)> {
    vec![
        ("documented.json", Renderer::default()),
        ("documented-prefixed.json", Renderer::default().with_name_prefix()),
        ("error-object.json", Renderer::new(Shape::ErrorObject)),
        ("error-object-credits.json", Renderer::new(Shape::ErrorObject).with_messages(credits())),
        ("error-string.json", Renderer::new(Shape::ErrorString)),
    ]
}

#[test]
fn the_documented_bodies_are_rendered_byte_for_byte_and_read_back() {
    for (name, renderer) in documented() {
        for (which, refusal) in refusals().into_iter().filter(|(_, refusal)| refusal.top_up_helps()) {
            let answer = renderer.render(&refusal);
            let wanted = golden(name);
            assert_eq!(text(answer.body()), text(&wanted), "{name}, {which}");
            let found = Recognized::parse(402, &wanted).expect(name);
            assert_eq!(found.kind(), RefusalKind::InsufficientBalance, "{name}");
            assert_eq!(found.shape(), Some(renderer.shape()), "{name}");
            assert_eq!((found.top_up_helps(), found.retry_helps()), (Some(true), Some(false)), "{name}");
        }
    }
}

#[test]
fn headers_and_status_follow_the_table() {
    for shape in Shape::ALL {
        for renderer in [Renderer::new(*shape), Renderer::new(*shape).with_held_as_429()] {
            for (name, refusal) in refusals() {
                let answer = renderer.render(&refusal);
                assert!((400..=599).contains(&answer.status()), "{name}");
                assert_eq!(answer.header("Cache-Control"), Some("no-store"), "{name}");
                assert_eq!(answer.header("Content-Language"), Some("en"), "{name}");
                let retry =
                    matches!(name, "held" | "held-for-unknown-time" | "top-up-pending" | "unavailable");
                assert_eq!(
                    answer.header("x-should-retry"),
                    Some(if retry { "true" } else { "false" }),
                    "{name}"
                );
                let wait = match name {
                    "held" => Some("8"),
                    "top-up-pending" | "unavailable" => Some("2"),
                    _ => None,
                };
                assert_eq!(answer.header("retry-after"), wait, "{name}");

                let response = answer.clone().into_http();
                assert_eq!(response.status().as_u16(), answer.status());
                assert_eq!(response.headers().len(), answer.headers().count());
                assert_eq!(response.body(), answer.body());
            }
        }
    }
}

#[test]
fn only_a_balance_that_a_top_up_would_fill_asks_for_one() {
    for shape in Shape::ALL {
        for messages in [Arc::new(English::new()) as Arc<dyn Messages>, credits()] {
            for (name, refusal) in refusals() {
                let renderer = Renderer::new(*shape).with_messages(messages.clone());
                let body = text(renderer.render(&refusal).body()).into_owned();
                let helps = matches!(name, "empty" | "debt");
                assert_eq!(refusal.top_up_helps(), helps, "{name}");
                assert_eq!(body.to_lowercase().contains("recharge"), helps, "{shape:?} {name}: {body}");
                let asks = body.contains("insufficient balance") || body.contains("insufficient credits");
                let searched = !matches!(shape, Shape::Flat | Shape::ErrorObject | Shape::ErrorString);
                assert_eq!(asks, helps && searched, "{shape:?} {name}: {body}");
                if !helps {
                    let lower = body.to_lowercase();
                    let short_name = body.contains("InsufficientBalanceError");
                    assert!(!lower.contains("insufficient_"), "{shape:?} {name}: {body}");
                    let shares_it = name.starts_with("held") || name == "top-up-pending";
                    assert!(!short_name || shares_it, "{shape:?} {name}: {body}");
                }
            }
        }
    }
}

#[test]
fn every_answer_is_read_back_as_what_it_was() {
    for shape in Shape::ALL {
        for (name, refusal) in refusals() {
            let plain = Renderer::new(*shape);
            for (renderer, prefixed) in [
                (plain.clone(), false),
                (plain.clone().with_messages(credits()), false),
                (plain.clone().with_name_prefix(), true),
                (plain.clone().with_held_as_429(), false),
                (plain.clone().with_held_as_429().with_name_prefix(), true),
                (plain.with_data(&vec![Some(1), None]).unwrap(), false),
            ] {
                let answer = renderer.render(&refusal);
                let found = Recognized::parse(answer.status(), answer.body());
                let found = found.unwrap_or_else(|| panic!("{shape:?} {name}: {}", text(answer.body())));
                assert_eq!(found.kind(), refusal.kind(), "{shape:?} {name}");
                assert_eq!(found.shape(), Some(*shape), "{shape:?} {name}");
                assert_eq!(found.top_up_helps(), Some(refusal.top_up_helps()), "{shape:?} {name}");
                assert_eq!(found.retry_helps(), Some(refusal.retry_helps()), "{shape:?} {name}");
                let enveloped = matches!(shape, Shape::Flat | Shape::FlatWithError);
                assert_eq!(found.service_code().is_some(), enveloped);
                assert_eq!(found.name().is_some(), enveloped || (prefixed && *shape == Shape::Text));
                let coded = !matches!(shape, Shape::Flat | Shape::OpenRouter | Shape::Text);
                assert_eq!(found.error_code().is_some(), coded);
                let quoted = serde_json::to_string(found.message()).unwrap();
                let written =
                    if *shape == Shape::Text { found.message() } else { &quoted[1..quoted.len() - 1] };
                assert!(text(answer.body()).contains(written));
                // With the status of another answer it is not one of ours.
                for other in
                    [200, 401, 403, 404, 422, 429, 500, 503, 504].iter().filter(|s| **s != answer.status())
                {
                    let elsewhere = Recognized::parse(*other, answer.body());
                    // A held balance has two, and an event stands in an answer that began as a success.
                    let movable = (*other == 429 && refusal.kind() == RefusalKind::BalanceHeld)
                        || (*other == 200 && *shape == Shape::Event);
                    assert!(elsewhere.is_none() || movable, "{shape:?} {name} as {other}: {elsewhere:?}");
                }
            }
        }
    }
}

/// A catalogue whose sentences nobody knows.
#[derive(Debug)]
struct Unheard;

impl Messages for Unheard {
    fn message(&self, _: &Disclosed<'_>, _: Place) -> Cow<'_, str> {
        "Heute \"leider\" nicht: \u{1F4B8}".into()
    }

    fn language(&self) -> Cow<'static, str> {
        "de".into()
    }
}

#[test]
fn with_other_words_the_codes_decide_and_flat_says_what_it_cannot_tell() {
    for shape in Shape::ALL {
        let renderer = Renderer::new(*shape).with_messages(Arc::new(Unheard));
        for (name, refusal) in refusals() {
            let answer = renderer.render(&refusal);
            assert_eq!(answer.header("content-language"), Some("de"));
            let found = Recognized::parse(answer.status(), answer.body());
            // There is no word in it but where a limit was reached.
            let no_limit = refusal.kind().status() != 402 && refusal.kind() != RefusalKind::BudgetExceeded;
            if *shape == Shape::Text || (*shape == Shape::OpenRouter && no_limit) {
                assert_eq!(found, None, "{shape:?} {name}");
                continue;
            }
            let found = found.expect(name);
            let short = refusal.kind().name() == RefusalKind::InsufficientBalance.name();
            if *shape == Shape::Flat && short {
                assert_eq!(found.kind(), RefusalKind::InsufficientBalance);
                assert_eq!((found.top_up_helps(), found.retry_helps()), (None, None));
            } else {
                assert_eq!(found.kind(), refusal.kind(), "{shape:?} {name}");
                assert_eq!(found.top_up_helps(), Some(refusal.top_up_helps()), "{shape:?} {name}");
            }
            assert_eq!(found.message(), "Heute \"leider\" nicht: \u{1F4B8}");
        }
    }
}

#[test]
fn the_reader_can_be_told_something_else_than_the_developer() {
    #[derive(Debug)]
    struct Two;
    impl Messages for Two {
        fn message(&self, _: &Disclosed<'_>, _: Place) -> Cow<'_, str> {
            "See error 7 in the manual.".into()
        }
        fn readable_message(&self, _: &Disclosed<'_>) -> Option<Cow<'_, str>> {
            Some("Not now.".into())
        }
    }
    let two: Arc<dyn Messages> = Arc::new(Two);
    for (renderer, wanted) in [
        (
            Renderer::default(),
            r#"{"data":null,"code":409,"name":"KeyConflictError","status":40906,"message":"See error 7 in the manual.","readableMessage":"Not now."}"#,
        ),
        (
            Renderer::default().with_name_prefix(),
            r#"{"data":null,"code":409,"name":"KeyConflictError","status":40906,"message":"See error 7 in the manual.","readableMessage":"KeyConflictError: Not now."}"#,
        ),
        (
            Renderer::new(Shape::ErrorString),
            r#"{"error":"KeyConflict","message":"See error 7 in the manual."}"#,
        ),
        (Renderer::new(Shape::Text), "Not now.\n"),
        (Renderer::new(Shape::Text).with_name_prefix(), "KeyConflictError: Not now.\n"),
    ] {
        let answer = renderer.with_messages(two.clone()).render(&Refusal::KeyConflict);
        assert_eq!(text(answer.body()), wanted);
        let found = Recognized::parse(409, answer.body());
        if wanted.starts_with(r#"{"data""#) {
            let found = found.unwrap();
            assert_eq!(found.message(), "See error 7 in the manual.");
            assert!(found.readable_message().ends_with("Not now."));
        }
    }
}

#[test]
fn other_answers_are_not_mistaken_for_ours() {
    for (status, body) in [
        (429, "Too Many Requests"),
        (429, "slow down"),
        (
            429,
            r#"{"error":{"message":"Rate limit reached, slow down.","type":"requests","param":null,"code":"rate_limit_exceeded"}}"#,
        ),
        (
            429,
            r#"{"data":null,"code":429,"name":"RateLimitTriggeredError","status":42903,"message":"Slow down.","readableMessage":"Slow down."}"#,
        ),
        (429, "RateLimitTriggeredError: slow down"),
        (429, r#"{"error":{"code":"INSUFFICIENT_BALANCE","message":"Slow down."}}"#),
        (402, ""),
        (402, "{}"),
        (402, "null"),
        (402, "402"),
        (402, "Payment Required"),
        (402, r#""insufficient balance""#),
        (402, r#"{"error":"payment_required"}"#),
        (402, r#"{"error":"InsufficientBalance"}"#),
        (402, r#"{"error":{"code":"INSUFFICIENT_BALANCE"}}"#),
        (402, r#"{"error":["INSUFFICIENT_BALANCE","Your balance"]}"#),
        (402, r#"["InsufficientBalance",402,"InsufficientBalanceError",40203,"m","r"]"#),
        (402, r#"{"error":{"code":402,"message":"insufficient balance","type":"x"}}"#),
        (402, "<html><body>insufficient balance</body></html>"),
        (402, "insufficient balance\nand a second line"),
        (
            402,
            r#"{"data":null,"code":402,"name":"CardDeclinedError","status":40201,"message":"m","readableMessage":"m"}"#,
        ),
        (402, r#"{"data":null,"code":402,"name":"InsufficientBalanceError","status":40903,"message":"m"}"#),
        (402, r#"{"data":null,"code":403,"name":"InsufficientBalanceError","status":40203,"message":"m"}"#),
        (402, r#"{"data":null,"code":402,"name":"InsufficientBalanceError","status":40203}"#),
        (402, r#"{"code":402,"code":402,"name":"InsufficientBalanceError","status":40203,"message":"m"}"#),
        (402, r#"{"code":402,"name":"InsufficientBalanceError","status":40203,"message":"m"} trailing"#),
        (402, r#"{"code":402,"name":"InsufficientBalanceError","status":40203,"message":"\ud800"}"#),
        (
            402,
            r#"{"code":402,"name":"RequestTooLargeError","status":40205,"message":"m","error":{"message":"m","type":"balance_held","code":"balance_held"}}"#,
        ),
        (409, "Conflict"),
        (
            409,
            r#"{"data":null,"code":409,"name":"EditConflictError","status":40904,"message":"m","readableMessage":"m"}"#,
        ),
        (500, "Internal Server Error"),
        (500, "insufficient balance"),
        (
            500,
            r#"{"data":null,"code":500,"name":"InternalServerError","status":50001,"message":"m","readableMessage":"m"}"#,
        ),
        (500, r#"{"error":{"message":"m","type":"server_error","param":null,"code":null}}"#),
        (503, "Service Unavailable"),
        (
            503,
            r#"{"data":null,"code":503,"name":"MaintenanceError","status":50301,"message":"m","readableMessage":"m"}"#,
        ),
        (
            200,
            r#"{"data":null,"code":200,"name":"InsufficientBalanceError","status":20003,"message":"m","readableMessage":"m"}"#,
        ),
    ] {
        assert_eq!(Recognized::parse(status, body.as_bytes()), None, "{status} {body}");
    }
}

#[test]
fn readers_bend_where_it_is_clear_what_is_meant() {
    use RefusalKind::{BalanceHeld, Duplicate, InsufficientBalance, RequestTooLarge};
    let in_use =
        "Your account balance is in use by work that is still running. A retry in a moment may succeed.";
    for (status, body, kind, shape, top_up) in [
        (402, "Insufficient Balance".into(), InsufficientBalance, Shape::Text, Some(true)),
        (402, " You have insufficient credits. \r\n".into(), InsufficientBalance, Shape::Text, Some(true)),
        (402, "InsufficientBalanceError: nope".into(), InsufficientBalance, Shape::Text, None),
        (409, "DuplicateRequestError: nope".into(), Duplicate, Shape::Text, Some(false)),
        (402, format!("InsufficientBalanceError: {in_use}\n"), BalanceHeld, Shape::Text, Some(false)),
        (429, format!("RateLimitTriggeredError: {in_use}\n"), BalanceHeld, Shape::Text, Some(false)),
        (
            402,
            r#" {"status": 40277, "message": "m", "request_id": "r", "name": "InsufficientBalanceError", "code": 402} "#.into(),
            InsufficientBalance,
            Shape::Flat,
            None,
        ),
        (
            402,
            r#"{"data":{"required":"1"},"required":"1","code":402,"name":"Broke","status":40203,"message":"Insufficient Balance","error":null}"#.into(),
            InsufficientBalance,
            Shape::Flat,
            Some(true),
        ),
        (
            402,
            r#"{"code":402,"name":"Renamed","status":40299,"message":"m","error":{"code":"balance_held","type":"balance_held","message":"m"}}"#.into(),
            BalanceHeld,
            Shape::FlatWithError,
            Some(false),
        ),
        (
            402,
            r#"{"id":1e999999,"message":"m","error":"RequestTooLarge"}"#.into(),
            RequestTooLarge,
            Shape::ErrorString,
            Some(false),
        ),
    ] {
        let found = Recognized::parse(status, body.as_bytes()).unwrap_or_else(|| panic!("{body}"));
        assert_eq!((found.kind(), found.shape(), found.top_up_helps()), (kind, Some(shape), top_up), "{body}");
    }
}

#[test]
fn hostile_bodies_are_refused_or_read_but_never_a_panic() {
    let deep = |open: &str, close: &str, times| [open.repeat(times), close.repeat(times)].concat();
    let around = |data: &str| {
        format!(
            r#"{{"data":{data},"code":402,"name":"InsufficientBalanceError","status":40203,"message":"insufficient credits"}}"#
        )
    };
    // Whatever `data` is, it is not ours to judge.
    for data in
        [&deep("[", "]", 20_000), &deep(r#"{"a":"#, "}", 1).replace("}", "1}"), "1e400000", "-0.0E+99"]
    {
        assert!(Recognized::parse(402, around(data).as_bytes()).is_some(), "{}", data.len());
    }
    for body in
        [deep("[", "]", 30_000), deep(r#"{"error":"#, "}", 5_000), "{".repeat(60_000), "\u{feff}{}".into()]
    {
        assert_eq!(Recognized::parse(402, body.as_bytes()), None);
    }
    assert_eq!(Recognized::parse(402, b"insufficient balance \xff"), None);

    let filled = |len: usize| around(&format!("\"{}\"", "x".repeat(len - around("\"\"").len())));
    assert!(Recognized::parse(402, filled(Recognized::MAX_BODY).as_bytes()).is_some());
    assert_eq!(Recognized::parse(402, filled(Recognized::MAX_BODY + 1).as_bytes()), None);
    assert_eq!(Recognized::parse(402, &vec![b'{'; 10_000_000]), None);
    let line = |len: usize| format!("{}insufficient balance", " x".repeat((len - 20) / 2 + 1));
    assert!(Recognized::parse(402, line(1000).as_bytes()).is_some());
    assert_eq!(Recognized::parse(402, line(Recognized::MAX_TEXT + 4).as_bytes()), None);
}

#[test]
fn hosts_can_rename_what_clients_see_within_the_rules() {
    let renderer = Renderer::new(Shape::Flat)
        .with_name_and_code(RefusalKind::BalanceHeld, "BalanceInUse", 40210)
        .and_then(|renderer| renderer.with_name_and_code(RefusalKind::BalanceHeld, "Later", 42950))
        .and_then(|renderer| renderer.with_name_and_code(RefusalKind::BalanceHeld, "BalanceBusy", 40211))
        .unwrap();
    for (renderer, wanted) in [
        (renderer.clone(), r#""code":402,"name":"BalanceBusy","status":40211,"#),
        (renderer.clone().with_held_as_429(), r#""code":429,"name":"Later","status":42950,"#),
    ] {
        let answer = renderer.render(&held());
        assert!(text(answer.body()).contains(wanted), "{}", text(answer.body()));
    }
    assert!(
        text(renderer.render(&empty()).body())
            .contains(r#""name":"InsufficientBalanceError","status":40203"#)
    );

    for shape in [Shape::FlatWithError, Shape::OpenAi, Shape::ErrorObject, Shape::ErrorString] {
        let renderer = Renderer::new(shape).with_error_code(RefusalKind::BalanceHeld, "in_use").unwrap();
        assert!(text(renderer.render(&held()).body()).contains(r#""in_use""#), "{shape:?}");
        assert!(!text(renderer.render(&empty()).body()).contains("in_use"), "{shape:?}");
    }

    let renderer = Renderer::default();
    for code in [0, 40, 200, 20003, 40910, 42950, u32::MAX] {
        let error =
            renderer.clone().with_name_and_code(RefusalKind::RequestTooLarge, "Name", code).unwrap_err();
        assert_eq!(error, RenderSettingError::InvalidServiceCode { service_code: code, status: 402 });
    }
    for name in ["", "two words", "line\n", "quote\"", "ümlaut", &"x".repeat(Renderer::MAX_NAME + 1)] {
        let named = renderer.clone().with_name_and_code(RefusalKind::Duplicate, name, 40905);
        assert!(matches!(named, Err(RenderSettingError::InvalidName { .. })), "{name}");
        let coded = renderer.clone().with_error_code(RefusalKind::Duplicate, name);
        assert!(matches!(coded, Err(RenderSettingError::InvalidName { .. })), "{name}");
    }
    assert!(
        renderer.clone().with_error_code(RefusalKind::Duplicate, &"x".repeat(Renderer::MAX_NAME)).is_ok()
    );

    assert!(renderer.clone().with_data(&"x".repeat(Renderer::MAX_DATA - 2)).is_ok());
    let too_much = renderer.clone().with_data(&"x".repeat(Renderer::MAX_DATA - 1));
    assert!(matches!(too_much, Err(RenderSettingError::InvalidData { .. })));
    let no_json = std::collections::HashMap::from([((1, 2), 3)]);
    assert!(matches!(renderer.with_data(&no_json), Err(RenderSettingError::InvalidData { .. })));
}

fn text(body: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(body)
}

fn any_answer() -> impl Strategy<Value = Rendered> {
    let (refusals, shapes) = (refusals().len(), Shape::ALL.len());
    (0..refusals, 0..shapes, any::<bool>(), any::<bool>()).prop_map(|(refusal, shape, prefix, as_429)| {
        let mut renderer = Renderer::new(Shape::ALL[shape]);
        if prefix {
            renderer = renderer.with_name_prefix();
        }
        if as_429 {
            renderer = renderer.with_held_as_429();
        }
        renderer.render(&self::refusals()[refusal].1)
    })
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic(
        status: u16,
        ours in prop::sample::select(vec![402_u16, 409, 429, 500, 503]),
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        json in r#"[\[\]{}",:0-9eE.+\\u -]{0,120}|\{("(error|code|name|status|message|type)":("[A-Za-z_]{0,20}"|402|\{\}|null),?){0,6}\}"#,
    ) {
        for status in [status, ours] {
            let _ = Recognized::parse(status, &bytes);
            let _ = Recognized::parse(status, json.as_bytes());
        }
    }

    #[test]
    fn damaged_answers_are_read_as_what_they_were_or_not_at_all(
        answer in any_answer(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3_u8), 1..6),
    ) {
        let original = Recognized::parse(answer.status(), answer.body()).expect("undamaged");
        let mut body = answer.body().to_vec();
        for (at, byte, how) in damage {
            if body.is_empty() { break; }
            let at = at.index(body.len());
            match how {
                0 => body[at] = byte,
                1 => { body.remove(at); }
                _ => body.insert(at, byte),
            }
        }
        for cut in [body.as_slice(), &body[..body.len() / 2]] {
            if let Some(found) = Recognized::parse(answer.status(), cut) {
                // Damage may hide what it was, but turns no answer into another kind of certainty.
                prop_assert!(found.kind() == original.kind() || found.top_up_helps().is_none(), "{found:?}");
            }
        }
    }

    #[test]
    fn order_space_and_more_keys_do_not_matter(answer in any_answer(), key in "[a-z_]{8,12}", extra: i64) {
        let original = Recognized::parse(answer.status(), answer.body()).expect("as rendered");
        // Parsing into a map sorts the keys.
        if let Ok(mut value) = serde_json::from_slice::<serde_json::Value>(answer.body()) {
            let object = value.as_object_mut().unwrap();
            object.insert(key.clone(), extra.into());
            if let Some(error) = object.get_mut("error").and_then(|error| error.as_object_mut()) {
                error.insert(key, extra.into());
            }
            let body = serde_json::to_vec_pretty(&value).unwrap();
            prop_assert_eq!(Recognized::parse(answer.status(), &body), Some(original));
        }
    }
}
