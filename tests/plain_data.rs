//! Refusals as plain data for others: the status of a gRPC call, the result of a tool call.
//!
//! `UPDATE_GOLDEN=1 cargo test --test plain_data` rewrites the files under `tests/wire-data/`, for review before they are
//! committed.

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use billing_guard::{
    Alternative, Basis, Claim, Details, Disclosed, Disclosure, Fit, Free, GrpcStatus, InsufficientBalance,
    Link, ManualClock, Messages, Options, Place, Purchase, Refusal, RefusalKind, Renderer, Shape, Shortfall,
    Timestamp, TopUp, TopUpAmount, Unit, Usage, Work,
};
use proptest::prelude::*;
use serde_json::{Value, json};

const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);
const LEVELS: [Disclosure; 4] =
    [Disclosure::Nothing, Disclosure::WhatFits, Disclosure::Amounts, Disclosure::Usage];

fn usd() -> Unit {
    Unit::new("USD", 6).unwrap()
}

fn short(posted: i64, held: i64) -> InsufficientBalance {
    let amount = |minor| usd().minor(minor);
    let short = Shortfall::new(amount(8_675_309), NOW).with_posted(amount(posted)).unwrap();
    let short = short.with_held(amount(held)).unwrap();
    InsufficientBalance::new(short.with_next_release(NOW.saturating_add(Duration::from_millis(7_300))))
        .with_fits(vec![Fit::new("rows", 271_828_u64)])
        .with_alternatives(vec![Alternative::new("small-model".parse().unwrap(), amount(3_141_592))])
}

/// One refusal of each kind, by the name its golden files have.
fn refusals() -> Vec<(&'static str, Refusal)> {
    let refusals: Vec<(_, Refusal)> = vec![
        ("empty", short(5_772_156, 0).into()),
        ("held", short(9_772_156, 4_669_201).with_retry_after(Duration::from_millis(7_300)).into()),
        // Up to a quarter longer at random, but never a second more or less when rounded up.
        ("top-up-pending", short(5_772_156, 0).with_top_up_pending(Duration::from_millis(1_001)).into()),
        (
            "spend-cap-reached",
            Refusal::SpendCapReached {
                label: Some("Test key, daily".parse().unwrap()),
                resets_at: Some(NOW),
            },
        ),
        ("request-too-large", Refusal::RequestTooLarge { maximum: usd().minor(2_500_000) }),
        ("budget-exceeded", Refusal::BudgetExceeded),
        ("duplicate", Refusal::Duplicate),
        ("key-conflict", Refusal::KeyConflict),
        ("unavailable", Refusal::Unavailable { retry_after: Duration::from_secs(2) }),
        ("unknown-price", Refusal::UnknownPrice),
        ("wrong-unit", Refusal::WrongUnit),
        ("misconfigured", Refusal::Misconfigured),
        ("hold-lost", Refusal::HoldLost),
    ];
    assert_eq!(refusals.iter().map(|(_, refusal)| refusal.kind()).collect::<Vec<_>>(), RefusalKind::ALL);
    refusals
}

fn details() -> Details {
    let link = |path: &str| Link::new(format!("https://example.com/{path}")).unwrap();
    let amounts = vec![
        TopUpAmount::new(usd().minor(2_903_153), Basis::ThisRequest),
        TopUpAmount::new(usd().minor(50_000_000), Basis::Unstated).with_link(link("top-up?amount=50")),
    ];
    let options = Options::draft()
        .purchase(Purchase::top_up(TopUp::new(link("top-up")).with_amounts(amounts)))
        .smaller_request()
        .cheaper_price()
        .free(Free::view_usage(link("usage")))
        .free(Free::contact(link("help")));
    Details::new()
        .with_options(options)
        .with_plan("Team \"Nord\" \u{1f4b8} </script>".parse().unwrap())
        .with_work(Work::new(Usage::new().with("rows", 161_803_u64), usd().minor(2_236_067)))
        .with_claim(Claim::new("412 queries this month".parse().unwrap(), "your usage".parse().unwrap(), NOW))
}

/// As a host sets it up, in a shape that must not matter.
fn renderer(level: Disclosure) -> Renderer {
    Renderer::new(Shape::Text)
        .with_held_as_429()
        .with_name_prefix()
        .with_disclosure(level)
        .with_clock(Arc::new(ManualClock::new()))
        .with_error_domain("example.com")
        .unwrap()
}

/// Every refusal as it is alone and, at every level, with all there is to say.
fn cases() -> Vec<(String, Disclosure, Refusal, Details)> {
    let mut cases = Vec::new();
    for (name, refusal) in refusals() {
        cases.push((name.to_owned(), Disclosure::Nothing, refusal.clone(), Details::new()));
        for level in LEVELS {
            let name = format!("{name}-{}", format!("{level:?}").to_lowercase());
            cases.push((name, level, refusal.clone(), details()));
        }
    }
    cases
}

fn json_of(value: &impl serde::Serialize) -> Value {
    serde_json::to_value(value).unwrap()
}

fn error_info(status: &Value) -> &Value {
    let info = &status["details"][0];
    assert_eq!(info["@type"], "type.googleapis.com/google.rpc.ErrorInfo", "{status}");
    info
}

fn detail<'a>(status: &'a Value, name: &str) -> Option<&'a Value> {
    let found = |one: &&Value| one["@type"] == format!("type.googleapis.com/google.rpc.{name}");
    status["details"].as_array().unwrap().iter().find(found)
}

#[test]
fn everything_is_as_its_golden_file_says() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1");
    let folder: PathBuf = [env!("CARGO_MANIFEST_DIR"), "tests", "wire-data"].iter().collect();
    let mut expected = Vec::new();
    for (name, level, refusal, details) in cases() {
        let renderer = renderer(level);
        let whole =
            matches!(name.as_str(), "empty-nothing" | "empty-whatfits" | "empty-amounts" | "held-amounts");
        if details != Details::new() && !whole {
            continue;
        }
        let status = serde_json::to_string(&renderer.grpc_status(&refusal, &details)).unwrap();
        let result = serde_json::to_string(&renderer.mcp_result(&refusal, &details)).unwrap();
        for (kind, now) in [("grpc", status), ("mcp", result)] {
            let (file, now) = (format!("{kind}-{name}.json"), now + "\n");
            let path = folder.join(&file);
            if update {
                std::fs::write(&path, &now).unwrap();
            }
            let golden = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{file}: {error}"));
            assert_eq!(now, golden, "{file}");
            expected.push(file);
        }
    }
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(expected.contains(&name), "{name} belongs to no test");
    }
}

#[test]
fn a_status_says_what_the_body_for_googles_clients_says() {
    let codes = [8, 8, 8, 8, 8, 9, 6, 9, 14, 13, 13, 13, 13];
    for (name, level, refusal, details) in cases() {
        let renderer = renderer(level);
        let status = renderer.grpc_status(&refusal, &details);
        let place = RefusalKind::ALL.iter().position(|kind| *kind == refusal.kind()).unwrap();
        assert_eq!(status.code(), codes[place], "{name}");
        let json = json_of(&status);
        assert_eq!(json.as_object().unwrap().len(), 3, "{json}");
        assert_eq!((&json["code"], &json["message"]), (&json!(status.code()), &json!(status.message())));

        let google = of_shape(Shape::Google, level, &refusal, &details);
        assert_eq!(json["details"], google["error"]["details"], "{name}");
        assert_eq!(json["message"], google["error"]["message"], "{name}");
        assert_eq!(error_info(&json)["reason"], refusal.kind().as_str().to_uppercase());
        assert_eq!(error_info(&json)["domain"], "example.com");

        // Nothing tells an empty account to wait, and only what is there to be followed is a link.
        assert_eq!(detail(&json, "RetryInfo").is_some(), refusal.retry_after().is_some(), "{name}");
        assert!(refusal.retry_helps() || detail(&json, "RetryInfo").is_none(), "{name}");
        assert_eq!(detail(&json, "Help").is_some(), details != Details::new(), "{name}");
        assert_eq!(status.message().contains("insufficient balance"), refusal.top_up_helps(), "{name}");
    }
}

#[test]
fn a_result_says_what_other_shapes_say_and_says_it_twice() {
    for (name, level, refusal, details) in cases() {
        let renderer = renderer(level);
        let result = renderer.mcp_result(&refusal, &details);
        let json = json_of(&result);
        assert_eq!(json["isError"], true);
        assert_eq!(json["content"], json!([{"type": "text", "text": result.text()}]), "{name}");
        assert_eq!(
            serde_json::from_str::<Value>(result.text()).unwrap(),
            json["structuredContent"],
            "{name}"
        );
        assert_eq!(json.as_object().unwrap().len(), 3, "{json}");

        let error = &of_shape(Shape::OpenAi, level, &refusal, &details)["error"];
        let mut wanted = error.get("details").cloned().unwrap_or(json!({}));
        wanted["code"] = error["code"].clone();
        wanted["message"] = error["message"].clone();
        wanted["should_retry"] = json!(refusal.retry_helps());
        if let Some(wait) = refusal.retry_after() {
            wanted["retry_after"] = json!(wait.as_secs() + u64::from(wait.subsec_nanos() > 0));
        }
        assert_eq!(json["structuredContent"], wanted, "{name}");
        assert_eq!(wanted["code"], refusal.kind().as_str(), "{name}");
        assert_eq!(wanted.as_object().unwrap().len() > 4, details != Details::new(), "{name}");
    }
}

/// The body that clients of HTTP get in this shape.
fn of_shape(shape: Shape, level: Disclosure, refusal: &Refusal, details: &Details) -> Value {
    let renderer = Renderer::new(shape).with_disclosure(level).with_clock(Arc::new(ManualClock::new()));
    let renderer = renderer.with_error_domain("example.com").unwrap();
    serde_json::from_slice(renderer.render_with(refusal, details).body()).unwrap()
}

#[test]
fn nothing_is_told_beyond_the_disclosure() {
    // Six digits and more of each secret, and the level from which it is none.
    let fits = ["271828", "314159"];
    let amounts = ["867530", "577215", "290315", "466920", "977215", "510295", "223606", "161803"];
    for (name, level, refusal, details) in cases() {
        let renderer = renderer(level);
        let shown = format!(
            "{} {} {}",
            json_of(&renderer.grpc_status(&refusal, &details)),
            renderer.grpc_status(&refusal, &details).grpc_message(),
            json_of(&renderer.mcp_result(&refusal, &details)),
        );
        let digits: String = shown.chars().filter(|c| !matches!(c, '.' | ',' | '_' | ' ')).collect();
        for (secrets, from) in [(&fits[..], Disclosure::WhatFits), (&amounts[..], Disclosure::Amounts)] {
            let is_told = secrets.iter().any(|secret| digits.contains(secret));
            assert!(level >= from || !is_told, "{name}: {shown}");
            // They are there to be found.
            let with_all = name.starts_with("empty-") && level >= from;
            assert!(is_told || !with_all, "{name}: {shown}");
        }
        for never in ["1800000000", "acct", "seq"] {
            assert!(!shown.contains(never), "{name}: {shown}");
        }
    }
}

/// A catalogue that says the same about everything.
#[derive(Debug)]
struct Says(String);

impl Messages for Says {
    fn message(&self, _: &Disclosed<'_>, _: Place) -> Cow<'_, str> {
        Cow::Borrowed(&self.0)
    }
}

fn percent_decoded(text: &str) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::new(), text.as_bytes());
    while let [first, more @ ..] = rest {
        if *first == b'%' {
            let hex = std::str::from_utf8(&more[..2]).unwrap();
            assert_eq!(hex, hex.to_uppercase());
            out.push(u8::from_str_radix(hex, 16).unwrap());
            rest = &more[2..];
        } else {
            out.push(*first);
            rest = more;
        }
    }
    out
}

#[test]
fn the_hosts_own_word_is_used_in_both() {
    let renderer =
        renderer(Disclosure::Nothing).with_error_code(RefusalKind::Duplicate, "seen_before").unwrap();
    let (refusal, details) = (Refusal::Duplicate, Details::new());
    let status = json_of(&renderer.grpc_status(&refusal, &details));
    assert_eq!(error_info(&status)["reason"], "seen_before");
    let result = json_of(&renderer.mcp_result(&refusal, &details));
    assert_eq!(result["structuredContent"]["code"], "seen_before");
}

proptest! {
    #[test]
    fn any_text_fits_into_json_and_header(text in prop_oneof![any::<String>(), "[%\r\n\0\"\\\\\u{fc}\u{1f4b8}a]{0,2000}"], label in "\\PC{1,40}") {
        let renderer = renderer(Disclosure::Usage).with_messages(Arc::new(Says(text.clone())));
        let refusal = Refusal::SpendCapReached { label: label.parse().ok(), resets_at: None };
        let status = renderer.grpc_status(&refusal, &details());
        let header = status.grpc_message();
        prop_assert!(header.len() <= GrpcStatus::MAX_HEADER);
        prop_assert!(header.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{}", header);
        prop_assert!(http::HeaderValue::from_str(&header).is_ok());
        let decoded = String::from_utf8(percent_decoded(&header)).unwrap();
        prop_assert!(text.starts_with(&decoded));
        prop_assert!(decoded == text || header.len() > GrpcStatus::MAX_HEADER - 12, "{}", header);

        let json = serde_json::to_string(&status).unwrap();
        prop_assert_eq!(&serde_json::from_str::<Value>(&json).unwrap()["message"], &json!(text));
        let result = serde_json::to_string(&renderer.mcp_result(&refusal, &details())).unwrap();
        let result: Value = serde_json::from_str(&result).unwrap();
        prop_assert_eq!(&result["structuredContent"]["message"], &json!(text));
        let inner: Value = serde_json::from_str(result["content"][0]["text"].as_str().unwrap()).unwrap();
        prop_assert_eq!(&inner, &result["structuredContent"]);
    }
}
