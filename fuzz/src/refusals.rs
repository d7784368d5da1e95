//! Bodies of refusals: any bytes are looked at, and what the crate writes is read back as what it was.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use billing_guard::{
    Basis, Details, Disclosed, Disclosure, English, Free, InsufficientBalance, Label, Link, Messages,
    Options, Place, Purchase, Recognized, Refusal, RefusalKind, Rendered, Renderer, Shape, Shortfall,
    Timestamp, TopUp, TopUpAmount, Unit, Wording,
};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::choices::Choices;

/// The statuses that refusals have, two that they never have, and those that only other services refuse with. Text of a
/// seed chooses one by its place.
const STATUSES: [u16; 11] = [402, 409, 429, 500, 503, 200, 404, 400, 401, 403, 422];

const ERROR_INFO: &str = "type.googleapis.com/google.rpc.ErrorInfo";

/// Looks at the bytes as the body of an answer, after one byte for its status. Then lets the same bytes choose a refusal
/// and how it is rendered, reads the answer back, and looks at the answer with one byte of it changed.
pub fn refusal_body(data: &[u8]) {
    let mut choices = Choices::new(data);
    let status = choices.pick(&STATUSES);
    look_at(status, choices.rest());

    let mut choices = Choices::new(data);
    let refusal = refusal(&mut choices);
    let (renderer, words) = renderer(&mut choices);
    let levels = [Disclosure::Nothing, Disclosure::WhatFits, Disclosure::Amounts, Disclosure::Usage];
    let (level, details) = (choices.pick(&levels), details(&mut choices));
    let renderer = renderer.with_disclosure(level);
    let plain = level == Disclosure::Nothing && details == Details::new();
    let answer = renderer.render_with(&refusal, &details);
    match words {
        Words::OfTheCrate => check_read_back(&refusal, renderer.shape(), &answer),
        Words::OfTheHost if !plain => look_at(answer.status(), answer.body()),
        Words::OfTheHost => check_other_words(&refusal, renderer.shape(), &answer),
    }
    let mut body = answer.body().to_vec();
    let at = usize::try_from(choices.number().unsigned_abs()).unwrap_or(0) % body.len().max(1);
    body[at] = choices.byte();
    look_at(answer.status(), &body);
}

/// Whatever is recognised belongs to its status and does not contradict itself.
fn look_at(status: u16, body: &[u8]) {
    let found = Recognized::parse(status, body);
    let padded = [b" \r\n\t".as_slice(), body, b"\n "].concat();
    if padded.len() <= Recognized::MAX_BODY {
        assert_eq!(Recognized::parse(status, &padded), found, "white space around it made a difference");
    }
    let Some(found) = found else { return };
    let kind = found.kind();
    let Some(shape) = found.shape() else {
        look_at_peer(&found);
        return;
    };
    let held_as_429 = kind == RefusalKind::BalanceHeld && status == 429;
    let in_stream = shape == Shape::Event && status == 200;
    assert!(kind.status() == status || held_as_429 || in_stream, "{kind:?} with {status}");
    match (found.top_up_helps(), found.retry_helps()) {
        (None, None) => assert_eq!(kind, RefusalKind::InsufficientBalance, "only this name is shared"),
        helps => assert_eq!(helps, (Some(kind.top_up_helps()), Some(kind.retry_helps()))),
    }
    if let Some(code) = found.service_code().filter(|_| !in_stream) {
        assert!(code.to_string().starts_with(&status.to_string()), "{code} with {status}");
    }
    let enveloped = matches!(shape, Shape::Flat | Shape::FlatWithError);
    // An event may have an envelope in it.
    assert_eq!(found.service_code().is_some() && shape != Shape::Event, enveloped);
    assert!(found.name().is_some() || !enveloped);
    // The same fields once more, from the whole of it. What is nested too deep for that is just not checked so.
    if let Some(json) = serde_json::from_slice::<Value>(body).ok().filter(|_| shape != Shape::Text) {
        let error = &json["error"];
        let code = match shape {
            Shape::Flat => None,
            Shape::ErrorString => error.as_str(),
            Shape::Problem => json["code"].as_str(),
            Shape::Anthropic => error["details"]["error_code"].as_str(),
            Shape::Google => {
                let details = error["details"].as_array().expect("a list");
                let infos = details.iter().filter(|one| one["@type"] == ERROR_INFO);
                infos.filter_map(|info| info["reason"].as_str()).next()
            }
            Shape::OpenRouter => error["code"].as_str(),
            _ => {
                assert!(error.is_object(), "{json}");
                error["code"].as_str()
            }
        };
        assert_eq!(found.error_code(), code, "{json}");
        assert!(!enveloped || json["code"] == status, "{status}: {json}");
        assert_eq!(found.name(), json["name"].as_str().filter(|_| enveloped), "{json}");
    }
    assert!(!found.message().is_empty() || shape != Shape::Text, "recognised by nothing");
}

/// What another service said in a form of its own: only some kinds are said so, and for certain but by two words.
fn look_at_peer(found: &Recognized) {
    use RefusalKind::{BalanceHeld, InsufficientBalance, SpendCapReached};
    let kind = found.kind();
    assert!(matches!(kind, InsufficientBalance | BalanceHeld | SpendCapReached), "{kind:?}");
    match (found.top_up_helps(), found.retry_helps()) {
        (None, None) => assert!(matches!(found.error_code(), Some("billing_error" | "insufficient_quota"))),
        helps => assert_eq!(helps, (Some(kind.top_up_helps()), Some(kind.retry_helps()))),
    }
    assert_eq!((found.name(), found.service_code()), (None, None));
}

/// That this answer, with texts of the crate, is read back as this refusal in this shape, and as nothing under
/// another status.
pub fn check_read_back(refusal: &Refusal, shape: Shape, answer: &Rendered) {
    let text = String::from_utf8_lossy(answer.body());
    let found = Recognized::parse(answer.status(), answer.body());
    let found = found.unwrap_or_else(|| panic!("{refusal:?} is not recognised: {text}"));
    assert_eq!((found.kind(), found.shape()), (refusal.kind(), Some(shape)), "{text}");
    let helps = (Some(refusal.top_up_helps()), Some(refusal.retry_helps()));
    assert_eq!((found.top_up_helps(), found.retry_helps()), helps, "{text}");
    for other in STATUSES.into_iter().filter(|other| *other != answer.status()) {
        // A held balance has two, and some shapes do not name theirs.
        let held = refusal.kind() == RefusalKind::BalanceHeld && matches!(other, 402 | 429);
        let in_stream = shape == Shape::Event && other == 200;
        assert!(held || in_stream || Recognized::parse(other, answer.body()).is_none(), "{other}: {text}");
    }
    look_at(answer.status(), answer.body());
}

/// With words that the crate does not know, codes and names decide.
fn check_other_words(refusal: &Refusal, shape: Shape, answer: &Rendered) {
    let text = String::from_utf8_lossy(answer.body());
    let found = Recognized::parse(answer.status(), answer.body());
    let short = refusal.kind().name() == RefusalKind::InsufficientBalance.name();
    match (shape, found) {
        // A shared name, and nothing beside it; as a 429 not even that says enough.
        (Shape::Flat, Some(found)) if short => {
            assert_eq!(
                (found.kind(), found.top_up_helps()),
                (RefusalKind::InsufficientBalance, None),
                "{text}"
            );
        }
        (Shape::Flat, None) => assert_eq!(answer.status(), 429, "{text}"),
        (Shape::Text, None) => {}
        // It has no word for kinds without a limit.
        (Shape::OpenRouter, None) => {
            assert!(
                refusal.kind().status() != 402 && refusal.kind() != RefusalKind::BudgetExceeded,
                "{text}"
            );
        }
        (Shape::Text, Some(found)) => assert!(short || found.kind() == refusal.kind(), "{text}"),
        (_, Some(found)) => {
            assert_eq!((found.kind(), found.shape()), (refusal.kind(), Some(shape)), "{text}");
        }
        (_, None) => panic!("{refusal:?} is not recognised: {text}"),
    }
    look_at(answer.status(), answer.body());
}

fn refusal(choices: &mut Choices<'_>) -> Refusal {
    match choices.below(15) {
        // Empty, in debt or held: the numbers decide.
        0..=2 => short(choices).into(),
        3 => Refusal::RequestTooLarge { maximum: unit(choices).minor(choices.number()) },
        4 => Refusal::BudgetExceeded,
        5 => Refusal::Duplicate,
        6 => Refusal::KeyConflict,
        7 => Refusal::Unavailable { retry_after: Duration::from_millis(choices.number().unsigned_abs()) },
        8 => Refusal::UnknownPrice,
        9 => Refusal::WrongUnit,
        10 => Refusal::Misconfigured,
        11 => Refusal::HoldLost,
        12 => short(choices).with_top_up_pending(Duration::from_secs(2)).into(),
        13 => Refusal::SpendCapReached {
            label: choices.flag().then(|| label(choices)).flatten(),
            resets_at: choices.flag().then(|| Timestamp::from_micros(choices.number())),
        },
        _ => Refusal::unavailable(),
    }
}

fn unit(choices: &mut Choices<'_>) -> Unit {
    let code = choices.pick(&["USD", "X", "0000000", "credits"]);
    Unit::new(code, choices.below(Unit::MAX_SCALE + 1)).expect("a valid unit")
}

fn short(choices: &mut Choices<'_>) -> InsufficientBalance {
    let unit = unit(choices);
    let simple = choices.flag();
    let mut amount = || {
        let minor = if simple { i64::from(choices.below(10)) } else { choices.number() };
        unit.minor(minor)
    };
    let (requested, required, posted, held, debt) = (amount(), amount(), amount(), amount(), amount());
    let now = Timestamp::from_micros(1_800_000_000_000_000);
    let proof = Shortfall::new(requested, now)
        .with_required(required)
        .and_then(|short| short.with_posted(posted))
        .and_then(|short| short.with_held(held))
        .and_then(|short| short.with_debt_limit(debt))
        .expect("one unit");
    let proof = proof.with_next_release(Timestamp::from_micros(choices.number()));
    let short = InsufficientBalance::new(proof);
    if let Some(wait) = short.retry_after() {
        let limits = InsufficientBalance::MIN_RETRY_AFTER..=InsufficientBalance::MAX_RETRY_AFTER;
        assert!(limits.contains(&wait), "{wait:?}");
    }
    short
}

/// What there is to tell beside the sentence, with any text in its labels.
fn details(choices: &mut Choices<'_>) -> Details {
    let mut details = Details::new();
    if choices.flag() {
        let link = Link::new("https://example.com/insufficient_quota").expect("a link");
        let amounts = vec![TopUpAmount::new(unit(choices).minor(choices.number()), Basis::ThisRequest)];
        let top_up = TopUp::new(link.clone()).with_amounts(amounts);
        let options = Options::draft().purchase(Purchase::top_up(top_up)).free(Free::contact(link));
        details = details.with_options(options);
    }
    if let Some(plan) = label(choices) {
        details = details.with_plan(plan);
    }
    details
}

fn label(choices: &mut Choices<'_>) -> Option<Label> {
    let text = String::from_utf8_lossy(choices.rest()).into_owned();
    text.chars().take(20).collect::<String>().parse().ok()
}

enum Words {
    OfTheCrate,
    OfTheHost,
}

fn renderer(choices: &mut Choices<'_>) -> (Renderer, Words) {
    let mut renderer = Renderer::new(choices.pick(Shape::ALL));
    if choices.flag() {
        renderer = renderer.with_name_prefix();
    }
    if choices.flag() {
        renderer = renderer.with_held_as_429();
    }
    if let Some(data) = payload(choices) {
        renderer = renderer.with_data(&data).expect("small JSON");
    }
    let wording = choices.pick(&[Wording::Balance, Wording::Credits]);
    match choices.below(3) {
        0 => (renderer.with_messages(Arc::new(House(text_of(choices.rest())))), Words::OfTheHost),
        _ => (renderer.with_messages(Arc::new(English::new().with_wording(wording))), Words::OfTheCrate),
    }
}

/// A fallback payload: JSON of the bytes, their text, or many brackets.
fn payload(choices: &mut Choices<'_>) -> Option<Box<RawValue>> {
    let json = match choices.below(4) {
        0 => return None,
        1 => String::from_utf8(choices.rest().to_vec()).ok()?,
        2 => serde_json::to_string(&text_of(choices.rest())).expect("text is JSON"),
        _ => {
            let depth = usize::from(choices.byte()) * 60;
            format!("{}{}", r#"{"error":["#.repeat(depth), "]}".repeat(depth))
        }
    };
    RawValue::from_string(json).ok().filter(|data| data.get().len() <= Renderer::MAX_DATA)
}

/// A text that is none of the crate's and without the words that clients search for.
fn text_of(bytes: &[u8]) -> String {
    let text: String = String::from_utf8_lossy(bytes).chars().take(1_000).collect();
    if text.to_ascii_lowercase().contains("insufficient") { "~".to_owned() } else { format!("~{text}~") }
}

/// A catalogue of a host that says the same about everything.
#[derive(Debug)]
struct House(String);

impl Messages for House {
    fn message(&self, _: &Disclosed<'_>, _: Place) -> Cow<'_, str> {
        Cow::Borrowed(&self.0)
    }
}
