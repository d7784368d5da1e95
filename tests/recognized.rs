//! What the crate writes with all that it may tell is read back as what it was, and what only looks like it is not.

use std::sync::Arc;
use std::time::Duration;

use billing_guard::{
    Alternative, Basis, Claim, Details, Disclosure, English, Fit, Free, German, InsufficientBalance, Link,
    ManualClock, Messages, Offer, Options, Purchase, Recognized, Refusal, RefusalKind, Rendered, Renderer,
    Shape, Shortfall, Timestamp, Tone, TopUp, TopUpAmount, Unit, Usage, Work,
};

use RefusalKind::{
    BalanceHeld, Duplicate, InsufficientBalance as Empty, SpendCapReached, TopUpPending, Unavailable,
};

const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

fn usd() -> Unit {
    Unit::new("USD", 2).unwrap()
}

fn short(posted: i64, held: i64) -> InsufficientBalance {
    let short = Shortfall::new(usd().minor(700), NOW).with_posted(usd().minor(posted)).unwrap();
    InsufficientBalance::new(short.with_held(usd().minor(held)).unwrap())
        .with_fits(vec![Fit::new("rows", 3_u64)])
        .with_alternatives(vec![Alternative::new("small".parse().unwrap(), usd().minor(100))])
}

/// One refusal of each kind.
fn refusals() -> Vec<Refusal> {
    let refusals = vec![
        short(500, 0).into(),
        short(900, 500).with_retry_after(Duration::from_secs(3)).into(),
        short(500, 0).with_top_up_pending(Duration::from_secs(3)).into(),
        Refusal::SpendCapReached { label: Some("Daily \"cap\": 5".parse().unwrap()), resets_at: Some(NOW) },
        Refusal::RequestTooLarge { maximum: usd().minor(100) },
        Refusal::BudgetExceeded,
        Refusal::Duplicate,
        Refusal::KeyConflict,
        Refusal::unavailable(),
        Refusal::UnknownPrice,
        Refusal::WrongUnit,
        Refusal::Misconfigured,
        Refusal::HoldLost,
    ];
    assert_eq!(refusals.iter().map(Refusal::kind).collect::<Vec<_>>(), RefusalKind::ALL);
    refusals
}

/// All that a host can say beside a refusal, with words in it that mean something elsewhere.
fn details() -> Details {
    let link = |path: &str| Link::new(format!("https://example.com/{path}")).unwrap();
    let amounts =
        vec![TopUpAmount::new(usd().minor(200), Basis::ThisRequest).with_link(link("pay?amount=2"))];
    let options = Options::draft()
        .purchase(Purchase::top_up(TopUp::new(link("insufficient_quota")).with_amounts(amounts)))
        .smaller_request()
        .cheaper_price()
        .free(Free::view_usage(link("billing_error")))
        .free(Free::contact(link("help")));
    Details::new()
        .with_options(options)
        .with_plan("insufficient balance".parse().unwrap())
        .with_work(Work::new(Usage::new().with("code", 402_u64), usd().minor(100)))
        .with_offer(Offer::new(
            "reason".parse().unwrap(),
            NOW.saturating_add(Duration::from_secs(9)),
            link("terms"),
        ))
        .with_claim(Claim::new("balance_held".parse().unwrap(), "us".parse().unwrap(), NOW))
}

/// Every catalogue of the crate.
fn catalogues() -> Vec<Arc<dyn Messages>> {
    let english = |tone| Arc::new(English::new().with_tone(tone)) as Arc<dyn Messages>;
    let german = |tone| Arc::new(German::new().with_tone(tone)) as Arc<dyn Messages>;
    Tone::ALL.iter().flat_map(|tone| [english(*tone), german(*tone)]).collect()
}

fn told_in_full(renderer: Renderer, refusal: &Refusal) -> Rendered {
    let renderer = renderer
        .with_disclosure(Disclosure::Usage)
        .with_clock(Arc::new(ManualClock::new()))
        .with_request_id("req_1")
        .and_then(|renderer| renderer.with_error_domain("example.com"))
        .and_then(|renderer| renderer.with_problem_types("https://example.com/problems/".parse().unwrap()))
        .unwrap();
    renderer.render_with(refusal, &details())
}

fn text(body: &[u8]) -> String {
    String::from_utf8(body.to_vec()).unwrap()
}

#[test]
fn neither_language_nor_details_change_what_it_is() {
    for messages in catalogues() {
        for shape in Shape::ALL {
            let plain = Renderer::new(*shape).with_messages(messages.clone());
            for renderer in [plain.clone(), plain.with_name_prefix().with_held_as_429()] {
                for refusal in refusals() {
                    check_read_back(*shape, &refusal, &renderer.render(&refusal));
                    let answer = told_in_full(renderer.clone(), &refusal);
                    assert!(text(answer.body()).contains("https://example.com/help"));
                    check_read_back(*shape, &refusal, &answer);
                }
            }
        }
    }
}

fn check_read_back(shape: Shape, refusal: &Refusal, answer: &Rendered) {
    let body = text(answer.body());
    let found = Recognized::parse(answer.status(), answer.body());
    let found = found.unwrap_or_else(|| panic!("{shape}: {body}"));
    assert_eq!((found.kind(), found.shape()), (refusal.kind(), Some(shape)), "{body}");
    assert_eq!(found.top_up_helps(), Some(refusal.top_up_helps()), "{body}");
    // JSON in another order, with white space.
    if let Ok(json) = serde_json::from_str::<serde_json::Value>(&body) {
        let again = serde_json::to_vec_pretty(&json).unwrap();
        assert_eq!(Recognized::parse(answer.status(), &again), Some(found), "{body}");
    }
}

#[test]
fn with_details_even_the_flat_body_says_which_kind_it_is() {
    let flat = |reason: &str, name: &str, message: &str| {
        format!(
            r#"{{"data":null,"reason":{reason},"code":402,"name":"{name}","status":40277,"message":"{message}","readableMessage":"m"}}"#
        )
    };
    let said = "Insufficient balance.";
    for (body, wanted) in [
        (flat(r#""balance_held""#, "InsufficientBalanceError", "m"), Some((BalanceHeld, Some(false)))),
        (flat(r#""top_up_pending""#, "InsufficientBalanceError", "m"), Some((TopUpPending, Some(false)))),
        (flat(r#""insufficient_balance""#, "InsufficientBalanceError", said), Some((Empty, Some(true)))),
        (flat(r#""insufficient_balance""#, "Renamed", "m"), Some((Empty, Some(true)))),
        // Somebody's own reason is not ours to understand.
        (flat(r#""other""#, "InsufficientBalanceError", "m"), Some((Empty, None))),
        (flat("7", "InsufficientBalanceError", "m"), Some((Empty, None))),
        (flat(r#""duplicate_request""#, "InsufficientBalanceError", "m"), Some((Empty, None))),
        // The name or the text says another.
        (flat(r#""spend_cap_reached""#, "InsufficientBalanceError", "m"), None),
        (flat(r#""balance_held""#, "InsufficientBalanceError", said), None),
        (flat(r#""balance_held""#, "SpendCapReachedError", "m"), None),
        (flat(r#""other""#, "Renamed", "m"), None),
    ] {
        let found = Recognized::parse(402, body.as_bytes());
        assert_eq!(found.map(|found| (found.kind(), found.top_up_helps())), wanted, "{body}");
    }
}

#[test]
fn events_are_read_alone_and_in_the_middle_of_a_stream() {
    let ours = r#"{"error":{"message":"m","type":"balance_held","param":null,"code":"balance_held"}}"#;
    let peer =
        r#"{"error":{"message":"m","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}"#;
    let router = r#"{"id":"gen-1","choices":[],"error":{"code":402,"message":"Insufficient credits"}}"#;
    let anthropic = r#"{"type":"error","error":{"type":"billing_error","message":"m"}}"#;
    for (data, kind, shape) in [
        (ours, BalanceHeld, Some(Shape::Event)),
        (peer, Empty, None),
        (router, Empty, None),
        (anthropic, Empty, None),
        (r#"{"error":"DuplicateRequest","message":"m"}"#, Duplicate, Some(Shape::Event)),
    ] {
        for event in [
            format!("event: error\ndata: {data}\n\n"),
            format!("data: {data}"),
            format!("data:{data}\n\n"),
            format!(": ping\n\nid: 3\r\nevent:error\r\ndata: {data}\r\n\r\n"),
            format!("event: error\ndata: {}\n\n", data.replace(',', ",\ndata: ")),
        ] {
            let found = Recognized::parse(200, event.as_bytes()).unwrap_or_else(|| panic!("{event}"));
            assert_eq!((found.kind(), found.shape()), (kind, shape), "{event}");
        }
    }
    let event = |data: &str| format!("event: error\ndata: {data}\n\n");
    for (status, body) in [
        // With a status that is no success, it is the one that counts.
        (404, event(ours)),
        (409, event(ours)),
        (500, event(peer)),
        // In an answer of one piece a success is none.
        (200, ours.to_owned()),
        (200, peer.to_owned()),
        // Other events.
        (200, format!("event: message\ndata: {ours}\n\n")),
        (200, format!("data: {ours}\n\ndata: {ours}\n\n")),
        (200, format!("data: {{\"choices\":[]}}\n\nevent: error\ndata: {ours}\n\n")),
        (200, event(r#"{"choices":[]}"#)),
        (200, event("[DONE]")),
        (200, event("")),
        (200, event("Your account has an insufficient balance for this request, please recharge.")),
        (200, event(&format!("[{ours}]"))),
        (200, event(&ours.replace('m', "\n"))),
        (200, event(r#"{"error":{"message":"Slow down.","type":"rate_limit_error"}}"#)),
        // A code that is a status is the one of the error.
        (200, event(r#"{"error":{"code":500,"message":"Insufficient credits"}}"#)),
        (
            200,
            event(r#"{"error":{"code":429,"message":"m","metadata":{"limit_source":"openrouter_credits"}}}"#),
        ),
        (200, event(r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#)),
        (402, "data: insufficient balance".to_owned()),
    ] {
        assert_eq!(Recognized::parse(status, body.as_bytes()), None, "{status} {body}");
    }
}

#[test]
fn what_only_looks_like_one_of_the_shapes_is_none() {
    let info = |reason: &str| {
        format!(
            r#"{{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"{reason}","domain":"example.com"}}"#
        )
    };
    let google = |code: u16, status: &str, details: &str| {
        format!(r#"{{"error":{{"code":{code},"message":"m","status":"{status}","details":[{details}]}}}}"#)
    };
    let router = |code: u16, metadata: &str| {
        format!(r#"{{"error":{{"code":{code},"message":"m","metadata":{{{metadata}}}}}}}"#)
    };
    let anthropic = |top: &str, kind: &str, code: &str| {
        format!(
            r#"{{"type":"{top}","error":{{"type":"{kind}","message":"m","details":{{"error_code":"{code}"}}}}}}"#
        )
    };
    let problem = |status: &str, code: &str| {
        format!(r#"{{"type":"about:blank","title":"t","status":{status},"detail":"d","code":{code}}}"#)
    };
    let held = &info("BALANCE_HELD");
    let quota = r#"{"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[]}"#;
    let in_use = r#""limit_source":"in_flight_budget","remedy_hint":"retry_later""#;
    for (status, body, wanted) in [
        (402, google(402, "RESOURCE_EXHAUSTED", held), Some((BalanceHeld, Shape::Google))),
        (
            429,
            google(429, "RESOURCE_EXHAUSTED", &format!("{quota},{held}")),
            Some((BalanceHeld, Shape::Google)),
        ),
        (402, google(402, "RESOURCE_EXHAUSTED", &format!("{held},{held}")), None),
        (402, google(402, "RESOURCE_EXHAUSTED", &format!("{held},{}", info("SPEND_CAP_REACHED"))), None),
        (402, google(402, "RESOURCE_EXHAUSTED", &info("balance_held")), None),
        (402, google(402, "RESOURCE_EXHAUSTED", &held.replace("ErrorInfo", "Help")), None),
        (402, google(402, "INTERNAL", held), None),
        (402, google(429, "RESOURCE_EXHAUSTED", held), None),
        (409, google(409, "RESOURCE_EXHAUSTED", held), None),
        (429, google(429, "RESOURCE_EXHAUSTED", quota), None),
        (429, google(429, "RESOURCE_EXHAUSTED", &info("RATE_LIMIT_EXCEEDED")), None),
        (402, google(402, "RESOURCE_EXHAUSTED", "7"), None),
        (
            402,
            google(402, "RESOURCE_EXHAUSTED", held).replace(r#""402""#, "402").replace("402", "402.5"),
            None,
        ),
        (402, router(402, in_use), Some((BalanceHeld, Shape::OpenRouter))),
        (429, router(429, in_use), Some((BalanceHeld, Shape::OpenRouter))),
        (
            402,
            router(402, r#""limit_source":"credits","remedy_hint":"retry_later""#),
            Some((TopUpPending, Shape::OpenRouter)),
        ),
        (
            402,
            router(
                402,
                r#""limit_source":"spend_cap","remedy_hint":"wait_for_reset","reason":"spend_cap_reached""#,
            ),
            Some((SpendCapReached, Shape::OpenRouter)),
        ),
        (
            503,
            router(503, r#""remedy_hint":"retry_later","reason":"ledger_unavailable""#),
            Some((Unavailable, Shape::OpenRouter)),
        ),
        (503, router(503, r#""remedy_hint":"retry_later""#), None),
        (500, router(500, r#""remedy_hint":"contact_service""#), None),
        (402, router(402, r#""limit_source":"credits""#), None),
        (402, router(402, r#""limit_source":"credits","remedy_hint":"wait_for_reset""#), None),
        (402, router(402, r#""limit_source":7,"remedy_hint":"top_up""#), None),
        (402, router(402, &format!(r#"{in_use},"reason":"insufficient_balance""#)), None),
        (402, router(402, &format!("{in_use},{in_use}")), None),
        (402, router(429, in_use), None),
        (402, router(402, in_use).replace("402", r#""402""#), None),
        (402, anthropic("error", "billing_error", "balance_held"), Some((BalanceHeld, Shape::Anthropic))),
        (429, anthropic("error", "rate_limit_error", "balance_held"), Some((BalanceHeld, Shape::Anthropic))),
        (
            409,
            anthropic("error", "invalid_request_error", "duplicate_request"),
            Some((Duplicate, Shape::Anthropic)),
        ),
        (402, anthropic("message", "billing_error", "balance_held"), None),
        (402, anthropic("error", "rate_limit_error", "balance_held"), None),
        (429, anthropic("error", "rate_limit_error", "insufficient_balance"), None),
        // In a word of the host's own it is held, or anything: not what others mean by this type.
        (402, anthropic("error", "billing_error", "in_use"), None),
        (402, problem("402", r#""balance_held""#), Some((BalanceHeld, Shape::Problem))),
        (429, problem("429", r#""balance_held""#), Some((BalanceHeld, Shape::Problem))),
        (402, problem("40203", r#""balance_held""#), None),
        (402, problem("409", r#""duplicate_request""#), None),
        (402, problem("402", "402"), None),
        (402, problem("402", r#""out_of_credit""#), None),
        (402, problem("402", r#""balance_held""#).replace("title", "name"), None),
        (402, problem("402", r#""balance_held""#).replace("detail", "details"), None),
        (402, problem("402", r#""balance_held","code":"balance_held""#), None),
    ] {
        let found = Recognized::parse(status, body.as_bytes());
        let told = found.map(|found| (found.kind(), found.shape()));
        assert_eq!(told, wanted.map(|(kind, shape)| (kind, Some(shape))), "{status} {body}");
    }
}

#[test]
fn plain_text_may_list_choices_and_nothing_else() {
    let said = "Your account has an insufficient balance for this request, please recharge.";
    for (more, is_read) in [
        ("", true),
        ("\n", true),
        ("\n- Top up the balance: https://example.com/top-up\n- Talk to us\n", true),
        ("\r\n- Top up the balance\r\n", true),
        ("\nTop up the balance", false),
        ("\n\n- Top up the balance", false),
        ("\n- Top up the balance\nGoodbye", false),
        ("\r- Top up the balance", false),
    ] {
        let found = Recognized::parse(402, format!("{said}{more}").as_bytes());
        assert_eq!(found.is_some(), is_read, "{more:?}");
        assert!(found.is_none_or(|found| found.message() == said && found.shape() == Some(Shape::Text)));
    }
    let long = format!("{said}\n{}", "- Top up the balance\n".repeat(1_000));
    assert!(long.len() > Recognized::MAX_TEXT && Recognized::parse(402, long.as_bytes()).is_some());
}
