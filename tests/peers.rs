//! What other services say when an account of theirs is empty, in use or at its limit is told apart from everything else
//! they say, and what is theirs is never taken for a refusal of ours.

#[path = "peers/bodies.rs"]
mod bodies;

use billing_guard::{
    InsufficientBalance, Recognized, Refusal, RefusalKind, Renderer, Shape, Shortfall, Timestamp, Unit,
};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use RefusalKind::{BalanceHeld, InsufficientBalance as Empty, SpendCapReached};
use bodies::{NEAR_MISSES, PEERS, Peer};

/// The text that a body tells people, wherever it has it.
fn told(body: &Value) -> &str {
    let places = ["/error/message", "/detail/message", "/detail", "/error"];
    places.iter().find_map(|place| body.pointer(place)?.as_str()).unwrap()
}

#[test]
fn every_peer_is_recognised_as_what_it_says() {
    for Peer { service, statuses, body, kind, word } in PEERS {
        let json: Value = serde_json::from_str(body).expect(service);
        let again = serde_json::to_string_pretty(&json).unwrap();
        for status in *statuses {
            let found = Recognized::parse(*status, body.as_bytes()).expect(service);
            assert_eq!(found.kind(), *kind, "{service}");
            assert_eq!(found.shape(), None, "{service}");
            assert_eq!(found.error_code(), *word, "{service}");
            assert_eq!((found.name(), found.service_code()), (None, None), "{service}");
            assert_eq!(found.message(), told(&json), "{service}");
            assert_eq!(found.readable_message(), told(&json), "{service}");
            let helps = (found.top_up_helps(), found.retry_helps());
            // A payment that failed and a limit that is reached are called so too.
            let is_clear = !matches!(*service, "Anthropic, billing" | "OpenAI, by its type alone");
            let told = (Some(kind.top_up_helps()), Some(kind.retry_helps()));
            assert_eq!(helps, if is_clear { told } else { (None, None) }, "{service}");
            // Keys in another order, and white space, do not matter.
            assert_eq!(Recognized::parse(*status, again.as_bytes()), Some(found), "{service}");
        }
    }
}

#[test]
fn with_another_status_it_is_another_answer() {
    for Peer { service, statuses, body, .. } in PEERS {
        for status in [200, 400, 401, 402, 403, 404, 409, 422, 429, 500, 503] {
            let found = Recognized::parse(status, body.as_bytes());
            assert_eq!(found.is_some(), statuses.contains(&status), "{service} as {status}: {found:?}");
        }
    }
}

#[test]
fn near_misses_are_not_recognised() {
    for (status, body) in NEAR_MISSES {
        assert_eq!(Recognized::parse(*status, body.as_bytes()), None, "{status} {body}");
    }
}

/// Where a body may say something.
const PLACES: &[&str] = &[
    "/error",
    "/error/code",
    "/error/type",
    "/error/message",
    "/error/status",
    "/error/metadata",
    "/error/details",
    "/reason",
    "/code",
    "/name",
    "/status",
    "/message",
    "/type",
    "/title",
    "/detail",
    "/success",
];

/// What every service, ours among them, says in each place, and what none says there.
fn sayings() -> Vec<(&'static str, Vec<Value>)> {
    let amount = |minor| Unit::new("USD", 2).unwrap().minor(minor);
    let short = |posted, held| {
        let short = Shortfall::new(amount(7), Timestamp::default()).with_posted(amount(posted)).unwrap();
        Refusal::from(InsufficientBalance::new(short.with_held(amount(held)).unwrap()))
    };
    let refusals = [
        short(5, 0),
        short(9, 5),
        Refusal::SpendCapReached { label: None, resets_at: None },
        Refusal::BudgetExceeded,
        Refusal::unavailable(),
        Refusal::Misconfigured,
    ];
    let ours = Shape::ALL.iter().flat_map(|shape| {
        let renderers = [Renderer::new(*shape), Renderer::new(*shape).with_held_as_429()];
        let answers = renderers.map(|renderer| refusals.each_ref().map(|refusal| renderer.render(refusal)));
        answers.into_iter().flatten().filter_map(|answer| serde_json::from_slice(answer.body()).ok())
    });
    let bodies: Vec<Value> =
        PEERS.iter().map(|peer| serde_json::from_str(peer.body).unwrap()).chain(ours).collect();
    let nobodys =
        [json!(null), json!("m"), json!(""), json!("rate_limit_error"), json!(429), json!(7.5), json!([402])];
    let said = |place: &'static str| {
        let mut said: Vec<Value> = bodies.iter().filter_map(|body| body.pointer(place).cloned()).collect();
        said.extend(nobodys.iter().cloned());
        (place, said)
    };
    PLACES.iter().copied().map(said).collect()
}

/// A body that is put together from what different services say, or mostly one.
fn any_body() -> impl Strategy<Value = Value> {
    let place = |(place, said): (&'static str, Vec<Value>)| {
        let weight = if place.starts_with("/error") { 0.6 } else { 0.15 };
        prop::option::weighted(weight, prop::sample::select(said)).prop_map(move |value| (place, value))
    };
    sayings().into_iter().map(place).collect::<Vec<_>>().prop_map(|values| {
        let mut body = json!({});
        for (place, value) in values {
            let (Some(value), Some((parent, key))) = (value, place.rsplit_once('/')) else { continue };
            if let Some(parent) = body.pointer_mut(parent).and_then(Value::as_object_mut) {
                parent.insert(key.to_owned(), value);
            }
        }
        body
    })
}

/// The table in the documentation of [`Recognized::parse`]: where, what, with which statuses, and what it means.
const TABLE: &[(&str, &str, &[u16], RefusalKind)] = &[
    ("/error/code", "insufficient_quota", &[429], Empty),
    ("/error/code", "credit_balance_exhausted", &[429], Empty),
    ("/error/code", "organization_spend_limit_exceeded", &[429], SpendCapReached),
    ("/error/code", "insufficient_user_quota", &[403], Empty),
    ("/error/type", "insufficient_quota", &[429], Empty),
    ("/error/type", "exceeded_current_quota_error", &[429], Empty),
    ("/error/type", "billing_error", &[402], Empty),
    ("/error/type", "credit_limit", &[402], Empty),
    ("/error/type", "insufficient_funds", &[402], Empty),
    ("/error/type", "budget_exceeded", &[400, 422, 429], SpendCapReached),
    ("/error/metadata/limit_source", "openrouter_credits", &[402], Empty),
    ("/error/metadata/limit_source", "openrouter_in_flight_budget", &[402], BalanceHeld),
    ("/error/message", "insufficient balance", &[402, 429], Empty),
    ("/error/message", "insufficient credits", &[402, 429], Empty),
    ("/error/message", "prepayment credits are depleted", &[402, 429], Empty),
    ("/error/message", "credit balance is too low", &[400], Empty),
    ("/error", "insufficient credits", &[402], Empty),
    ("/title", "billing required", &[402], Empty),
    ("/title", "insufficient credit", &[402], Empty),
    ("/detail/status", "quota_exceeded", &[401], Empty),
];

/// That what was recognised stands where the documentation says it has to stand, looked up once more in a simple way.
fn check_that_it_says_so(status: u16, body: &Value, found: &Recognized) {
    let kind = found.kind();
    let Some(shape) = found.shape() else {
        let says_so = |(place, what, statuses, means): &(&str, &str, &[u16], RefusalKind)| {
            let said = body.pointer(place).and_then(Value::as_str).unwrap_or("").to_lowercase();
            let whole = !place.ends_with("message") && *place != "/error";
            let there = if whole { said == *what } else { said.contains(what) };
            there && statuses.contains(&status) && kind == *means
        };
        assert!(TABLE.iter().any(says_so), "{status} {body}: {found:?}");
        let code = &body["error"]["code"];
        assert!(!code.is_u64() || code == status, "{status} {body}: {found:?}");
        return;
    };
    let held = kind == BalanceHeld && status == 429;
    assert!(kind.status() == status || held, "{status} {body}: {found:?}");
    let code = &body["error"]["code"];
    match shape {
        Shape::Flat | Shape::FlatWithError => {
            let names = [kind.name(), "RateLimitTriggeredError"];
            let named = body["name"].as_str().is_some_and(|name| names.contains(&name));
            let coded = code == kind.as_str() && shape == Shape::FlatWithError;
            let reasoned = body["reason"] == kind.as_str();
            assert!(named || coded || reasoned || body["status"] == 40203, "{body}: {found:?}");
            assert_eq!(body["code"], status, "{body}");
            assert!(body["status"].to_string().starts_with(&status.to_string()), "{body}");
            assert!(body["message"].is_string(), "{body}");
        }
        Shape::ErrorObject => assert_eq!(code, &kind_in_capitals(kind), "{body}"),
        Shape::ErrorString => assert!(body["error"].is_string() && body["message"].is_string(), "{body}"),
        Shape::OpenAi => assert!(code == kind.as_str() && body["error"]["type"].is_string(), "{body}"),
        Shape::Anthropic => {
            assert_eq!(body["type"], "error", "{body}");
            assert_eq!(body["error"]["details"]["error_code"], kind.as_str(), "{body}");
        }
        Shape::Google => {
            assert_eq!(code, status, "{body}");
            assert_eq!(body["error"]["details"][0]["reason"], kind_in_capitals(kind), "{body}");
        }
        Shape::OpenRouter => {
            assert_eq!(code, status, "{body}");
            assert!(body["error"]["metadata"]["remedy_hint"].is_string(), "{body}");
        }
        Shape::Problem => {
            assert_eq!((&body["status"], &body["code"]), (&json!(status), &json!(kind.as_str())), "{body}");
            assert!(body["title"].is_string() && body["detail"].is_string(), "{body}");
        }
        other => panic!("{other:?} is not made of these: {body}"),
    }
}

/// The word for it in `ErrorObject` and `Google`.
fn kind_in_capitals(kind: RefusalKind) -> String {
    kind.as_str().to_uppercase()
}

#[test]
fn nothing_is_recognised_that_does_not_clearly_say_so() {
    let mut runner = TestRunner::deterministic();
    let statuses = vec![200_u16, 400, 401, 402, 402, 402, 403, 409, 422, 429, 429, 500, 503];
    let any = (prop::sample::select(statuses), any_body());
    let (mut ours, mut others, mut nothing) = (0, 0, 0);
    for _ in 0..8_000 {
        let (status, body) = any.new_tree(&mut runner).unwrap().current();
        let found = Recognized::parse(status, body.to_string().as_bytes());
        match &found {
            Some(found) => {
                check_that_it_says_so(status, &body, found);
                *if found.shape().is_some() { &mut ours } else { &mut others } += 1;
            }
            None => nothing += 1,
        }
    }
    // It is no use if hardly anything is recognised, or almost all is.
    assert!(ours > 50 && others > 50 && nothing > 4_000, "{ours} {others} {nothing}");
}

proptest! {
    #[test]
    fn damaged_bodies_of_peers_are_read_as_what_they_were_or_not_at_all(
        peer in 0..PEERS.len(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3_u8), 1..6),
    ) {
        let Peer { statuses, body, kind, .. } = &PEERS[peer];
        let mut body = body.as_bytes().to_vec();
        for (at, byte, how) in damage {
            let at = at.index(body.len());
            match how {
                0 => body[at] = byte,
                1 => { body.remove(at); }
                _ => body.insert(at, byte),
            }
        }
        for cut in [body.as_slice(), &body[..body.len() / 2]] {
            for status in *statuses {
                if let Some(found) = Recognized::parse(*status, cut) {
                    // What begins like no JSON any more is text with the words in it that clients search for.
                    let is_text = found.shape() == Some(Shape::Text) && body[0] != b'{';
                    prop_assert!(found.shape().is_none() || is_text, "{:?}", found);
                    // Without its metadata the in-flight answer says what an empty account says.
                    let lost = *kind == BalanceHeld && found.kind() == Empty;
                    let unclear = found.top_up_helps().is_none();
                    prop_assert!(found.kind() == *kind || lost || unclear, "{:?}", found);
                }
            }
        }
    }

    #[test]
    fn more_keys_do_not_matter(peer in 0..PEERS.len(), key in "[a-z_]{10,12}", extra: i64, depth in 0..40_usize) {
        let Peer { statuses, body, .. } = &PEERS[peer];
        let original = Recognized::parse(statuses[0], body.as_bytes());
        let mut json: Value = serde_json::from_str(body).unwrap();
        let mut nested = json!(extra);
        for _ in 0..depth {
            nested = json!({ "error": [nested] });
        }
        for place in ["", "/error", "/error/metadata", "/detail"] {
            if let Some(object) = json.pointer_mut(place).and_then(Value::as_object_mut) {
                object.insert(key.clone(), nested.clone());
            }
        }
        prop_assert_eq!(Recognized::parse(statuses[0], json.to_string().as_bytes()), original);
    }
}

#[test]
fn hostile_bodies_of_peers_are_no_panic() {
    let deep = |open: &str, close: &str, times| [open.repeat(times), close.repeat(times)].concat();
    let metadata = |value: &str| {
        format!(r#"{{"error":{{"message":"Insufficient credits","code":402,"metadata":{value}}}}}"#)
    };
    // What stands there is no source of a limit, whatever it is.
    for value in [deep("[", "]", 20_000), "1e999999".into(), r#"{"limit_source":7}"#.into(), "[]".into()] {
        let found = Recognized::parse(402, metadata(&value).as_bytes());
        assert_eq!(found.map(|found| found.kind()), Some(Empty));
    }
    let twice = r#"{"limit_source":"openrouter_credits","limit_source":"openrouter_in_flight_budget"}"#;
    let code = |code: &str| format!(r#"{{"error":{{"message":"Insufficient balance","code":{code}}}}}"#);
    for (status, body) in [
        (402, metadata(twice)),
        (402, metadata(&deep(r#"{"limit_source":"#, "", 5_000))),
        (402, code("1e2")),
        (402, code("402.0")),
        (402, code("1000000000000000000000000000000")),
        (402, code(&deep("[", "]", 20_000))),
        (402, format!(r#"{{"title":"Billing required","detail":"m","status":{}}}"#, "4".repeat(40_000))),
        (401, format!(r#"{{"detail":{{"status":{},"message":"m"}}}}"#, deep("[", "]", 20_000))),
        (429, format!(r#"{{"error":{{"type":"insufficient_quota","message":{}}}}}"#, deep("[", "]", 20_000))),
    ] {
        assert_eq!(Recognized::parse(status, body.as_bytes()), None, "{}", &body[..80.min(body.len())]);
    }
}
