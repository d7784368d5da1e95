//! Headers: what is negotiated, what a host adds, what goes with success, and that nothing unfit gets into one.
#![allow(clippy::unwrap_used)]

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use billing_guard::{
    AccountId, Disclosed, Enforcement, English, Guard, Job, Messages, Notice, NoticeRules, Place, Policy,
    Refusal, RenderSettingError, Renderer, Shape, SuccessHeaders, Tariff, Timestamp, Unit, wait,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use proptest::prelude::*;

/// A catalogue in the language of its first word.
#[derive(Debug)]
struct In(&'static str);

impl Messages for In {
    fn message(&self, _: &Disclosed<'_>, _: Place) -> Cow<'_, str> {
        Cow::Borrowed(self.0)
    }

    fn language(&self) -> Cow<'static, str> {
        Cow::Borrowed(self.0)
    }
}

fn polyglot() -> Renderer {
    Renderer::new(Shape::OpenAi).with_language(Arc::new(In("de"))).with_language(Arc::new(In("pt-BR")))
}

#[test]
fn an_answer_is_in_the_shape_and_language_asked_for_and_says_that_it_varies() {
    for (accept, language, content_type, content_language) in [
        (None, None, "application/json", "en"),
        (Some("*/*"), Some("de-AT,de;q=0.9,en;q=0.1"), "application/json", "de"),
        (Some("application/problem+json"), Some("pt"), "application/problem+json", "pt-BR"),
        (Some("text/plain"), Some("fr"), "text/plain; charset=utf-8", "en"),
        (Some("text/event-stream"), Some("en-GB"), "text/event-stream", "en"),
        (Some("\r\n\0\u{fc};;q=,"), Some("-;-,;q=*"), "application/json", "en"),
    ] {
        let renderer = polyglot().negotiate(accept, language);
        let answer = renderer.render(&Refusal::Duplicate);
        assert_eq!(answer.header("content-type"), Some(content_type), "{accept:?}");
        assert_eq!(answer.header("content-language"), Some(content_language), "{language:?}");
        assert_eq!(answer.header("vary"), Some("accept, accept-language"));
        if content_language != "en" {
            assert!(String::from_utf8_lossy(answer.body()).contains(content_language));
        }
    }
    // One language is no choice, and without negotiation nothing varies.
    let one = Renderer::default().negotiate(Some("text/plain"), Some("de")).render(&Refusal::Duplicate);
    assert_eq!((one.header("vary"), one.header("content-language")), (Some("accept"), Some("en")));
    assert_eq!(polyglot().render(&Refusal::Duplicate).header("vary"), None);
    // No language is lost by choosing another.
    let again = polyglot().negotiate(None, Some("de")).negotiate(None, Some("en"));
    assert_eq!(again.render(&Refusal::Duplicate).header("content-language"), Some("en"));
}

#[test]
fn languages_beyond_the_limit_are_left_out() {
    let mut renderer = Renderer::default();
    for _ in 0..Renderer::MAX_LANGUAGES - 1 {
        renderer = renderer.with_language(Arc::new(In("xx")));
    }
    let found = |renderer: &Renderer, wanted| {
        let chosen = renderer.negotiate(None, Some(wanted)).render(&Refusal::Duplicate);
        chosen.header("content-language") == Some(wanted)
    };
    renderer = renderer.with_language(Arc::new(In("de"))).with_language(Arc::new(In("nl")));
    assert!(found(&renderer, "de") && !found(&renderer, "nl"));
}

#[test]
fn headers_are_set_in_a_response_that_was_begun_and_vary_is_added_to() {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("vary", "origin"),
        ("content-type", "text/html"),
        ("cache-control", "public"),
        ("x-should-retry", "true"),
        ("x-should-retry", "maybe"),
        ("x-host", "a"),
        ("www-authenticate", "Basic"),
        ("set-cookie", "a=b"),
    ] {
        headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    let renderer = polyglot().negotiate(None, None).with_headers(|_| {
        [("www-authenticate", "Payment a"), ("WWW-Authenticate", "Payment b")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec()
    });
    let answer = renderer.render(&Refusal::Duplicate);
    answer.apply_headers(&mut headers);
    let all = |headers: &HeaderMap, name: &str| -> Vec<String> {
        headers.get_all(name).iter().map(|value| value.to_str().unwrap().to_owned()).collect()
    };
    for (name, values) in [
        ("vary", &["origin", "accept, accept-language"][..]),
        ("content-type", &["application/json"]),
        ("cache-control", &["no-store"]),
        ("x-should-retry", &["false"]),
        ("x-host", &["a"]),
        ("set-cookie", &["a=b"]),
        ("www-authenticate", &["Payment a", "Payment b"]),
    ] {
        assert_eq!(all(&headers, name), values, "{name}");
    }
    let response = answer.clone().into_http();
    assert_eq!(response.headers().len(), answer.headers().count());
    assert_eq!(all(response.headers(), "www-authenticate").len(), 2);
}

#[test]
fn a_hosts_headers_come_beside_ours_and_never_in_their_place() {
    let renderer = Renderer::new(Shape::FlatWithError).with_headers(|answer| {
        let long = "x".repeat(8 * 1024 + 1);
        let mut own: Vec<_> = [
            ("Content-Type", "text/html"),
            ("cache-control", "public"),
            ("X-Should-Retry", "true"),
            ("retry-after", "1"),
            ("Content-Language", "tlh"),
            ("vary", "*"),
            ("Content-Length", "0"),
            ("Transfer-Encoding", "chunked"),
            ("bad name", "a"),
            ("", "a"),
            ("bad\r\nname", "a"),
            ("x-split", "a\r\nset-cookie: b=c"),
            ("x-nul", "a\0b"),
            ("x-latin", "\u{fc}"),
            ("x-empty", ""),
            ("x-long", long.as_str()),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec();
        own.extend((0..20).map(|number| (format!("X-Own-{number}"), answer.error_code().to_owned())));
        own
    });
    let answer = renderer.render(&Refusal::Unavailable { retry_after: Duration::from_secs(9) });
    let plain = Renderer::new(Shape::FlatWithError)
        .render(&Refusal::Unavailable { retry_after: Duration::from_secs(9) });
    let ours = plain.headers().count();
    assert!(answer.headers().take(ours).eq(plain.headers()));
    let own: Vec<_> = answer.headers().skip(ours).collect();
    let wanted: Vec<_> = (0..16).map(|number| format!("x-own-{number}")).collect();
    assert!(own.iter().map(|(name, _)| *name).eq(wanted.iter().map(String::as_str)), "{own:?}");
    assert!(own.iter().all(|(_, value)| *value == "ledger_unavailable"));
}

#[test]
fn what_a_catalogue_or_a_custom_shape_puts_into_a_header_has_to_fit() {
    let long: &'static str = "x".repeat(10_000).leak();
    for odd in ["en\r\nset-cookie: a=b", "en\0", " en", "", "\u{fc}", long] {
        let answer = Renderer::default().with_messages(Arc::new(In(odd))).render(&Refusal::Duplicate);
        assert_eq!(answer.header("content-language"), None, "{odd:?}");
        let shape = Shape::custom("odd", odd, |_| Vec::new());
        let answer = Renderer::new(shape).render(&Refusal::Duplicate);
        assert_eq!(answer.header("content-type"), None, "{odd:?}");
        assert_eq!(answer.into_http().headers().len(), 3);
        let _ = Renderer::new(shape).with_language(Arc::new(In(odd))).negotiate(Some(odd), Some(odd));
    }
}

#[test]
fn what_is_set_for_one_shape_is_checked_and_stands_there() {
    let body =
        |renderer: Renderer| String::from_utf8(renderer.render(&Refusal::Duplicate).into_body()).unwrap();
    let anthropic = Renderer::new(Shape::Anthropic);
    for good in ["a", "req_01\"\\", &"x".repeat(Renderer::MAX_REQUEST_ID)] {
        let with_id: serde_json::Value =
            serde_json::from_str(&body(anthropic.clone().with_request_id(good).unwrap())).unwrap();
        assert_eq!(with_id["request_id"], good);
    }
    for bad in ["", "a b", "a\r\nb", "\u{fc}", "\0", &"x".repeat(Renderer::MAX_REQUEST_ID + 1)] {
        let error = anthropic.clone().with_request_id(bad).unwrap_err();
        assert!(matches!(error, RenderSettingError::InvalidRequestId { .. }), "{bad:?}");
    }
    assert!(!body(anthropic).contains("request_id"));

    let google = Renderer::new(Shape::Google);
    let longest = "x".repeat(Renderer::MAX_DOMAIN);
    for good in ["example.com", "api-1.example.com", &longest] {
        let with_domain = body(google.clone().with_error_domain(good).unwrap());
        assert!(with_domain.contains(&format!(r#""domain":"{good}""#)), "{with_domain}");
    }
    for bad in ["", "example.com/", "a b", "\"", "\u{fc}", &"x".repeat(Renderer::MAX_DOMAIN + 1)] {
        let error = google.clone().with_error_domain(bad).unwrap_err();
        assert!(matches!(error, RenderSettingError::InvalidDomain { .. }), "{bad:?}");
    }
    assert!(!body(google).contains("domain"));

    let problem = Renderer::new(Shape::Problem);
    assert!(body(problem.clone()).starts_with(r#"{"type":"about:blank","title":"Conflict","status":409,"#));
    let link = |length: usize| format!("https://example.com/{}", "x".repeat(length - 20)).parse().unwrap();
    assert!(problem.clone().with_problem_types(link(Renderer::MAX_PROBLEM_LINK)).is_ok());
    let error = problem.with_problem_types(link(Renderer::MAX_PROBLEM_LINK + 1)).unwrap_err();
    let RenderSettingError::LongProblemLink { text } = error else { panic!("{error}") };
    assert!(text.starts_with(r#""https://example.com/xxx"#), "{text}");
}

#[test]
fn success_headers_are_what_the_host_named() {
    let all = SuccessHeaders::new().charged("X-Charged").unwrap().remaining("X-Left").unwrap();
    let all = all.notices("x-notices").unwrap();
    let usd = Unit::new("USD", 6).unwrap();
    let guard = |policy| {
        let tariff = Tariff::new().fixed("0.4").unwrap();
        Guard::in_memory(usd).price("message", tariff).policy(policy).build().unwrap()
    };
    let rules = NoticeRules::new().with_low_balance(usd.amount("0.5").unwrap());
    let guarded = guard(Policy::new().with_notices(rules.with_low_balance(usd.amount("0.25").unwrap())));
    let account = AccountId::new("acct_1").unwrap();
    wait(guarded.top_up(&account, "t".parse().unwrap(), usd.amount("1").unwrap())).unwrap();
    let job = Job::new("message");
    let first = wait(guarded.charge(&account, &job)).unwrap();
    assert_eq!(
        all.headers(&first),
        [
            ("x-charged", "0.4".to_owned()),
            ("x-left", "0.6".to_owned()),
            ("access-control-expose-headers", "x-charged, x-left".to_owned()),
        ]
    );
    // Both thresholds crossed are one word.
    let second = wait(guarded.charge(&account, &job)).unwrap();
    assert_eq!(second.notices().len(), 2);
    assert_eq!(
        all.headers(&second),
        [
            ("x-charged", "0.4".to_owned()),
            ("x-left", "0.2".to_owned()),
            ("x-notices", "low_balance".to_owned()),
            ("access-control-expose-headers", "x-charged, x-left, x-notices".to_owned()),
        ]
    );
    assert_eq!(SuccessHeaders::new().headers(&second), []);
    assert_eq!(SuccessHeaders::new().notices("n").unwrap().headers(&first), []);

    // Nothing was charged where the guard only observes.
    let observing = guard(Policy::new().with_enforcement(Enforcement::Observe));
    let unbooked = wait(observing.charge(&account, &job)).unwrap();
    assert!(!unbooked.is_booked());
    assert_eq!(all.headers(&unbooked), []);
}

#[test]
fn a_stream_begins_with_the_notices_of_its_hold() {
    let usd = Unit::new("USD", 6).unwrap();
    let notices = [
        Notice::LowBalance { threshold: usd.minor(5), balance: usd.minor(4) },
        Notice::CreditEndsSoon {
            label: Some("Gift".parse().unwrap()),
            remaining: usd.minor(1),
            ends_at: Timestamp::default(),
        },
        Notice::LowBalance { threshold: usd.minor(4), balance: usd.minor(4) },
    ];
    let headers = SuccessHeaders::new().charged("x-charged").unwrap().notices("x-notices").unwrap();
    assert_eq!(
        headers.headers_at_start(&notices),
        [
            ("x-notices", "low_balance, credit_ends_soon".to_owned()),
            ("access-control-expose-headers", "x-notices".to_owned()),
        ]
    );
    assert_eq!(headers.headers_at_start(&[]), []);
}

#[test]
fn names_of_success_headers_are_checked() {
    let named = || SuccessHeaders::new().charged("x-charged").unwrap();
    for bad in [
        "",
        "two words",
        "a:b",
        "a\r\nb",
        "\u{fc}",
        "content-type",
        "Vary",
        "Content-Length",
        "X-CHARGED",
        "Access-Control-Expose-Headers",
        &"x".repeat(Renderer::MAX_NAME + 1),
    ] {
        for refused in [named().remaining(bad), named().notices(bad)] {
            let error = refused.unwrap_err();
            assert!(matches!(error, RenderSettingError::InvalidHeaderName { .. }), "{bad:?}");
            assert!(!error.to_string().contains('\n'));
        }
    }
    assert!(named().remaining(&"x".repeat(Renderer::MAX_NAME)).is_ok());
}

proptest! {
    /// Whatever a host or a client sends, each header of an answer is one.
    #[test]
    fn every_header_is_one(
        own in prop::collection::vec((".{0,20}|[a-z-]{1,10}", ".{0,40}|[ -~]{0,40}"), 0..5),
        accept in ".{0,60}",
        language in ".{0,60}",
    ) {
        let renderer = Renderer::default()
            .with_messages(Arc::new(English::new()))
            .with_language(Arc::new(In("de")))
            .with_headers(move |_| own.clone())
            .negotiate(Some(&accept), Some(&language));
        let answer = renderer.render(&Refusal::KeyConflict);
        for (name, value) in answer.headers() {
            prop_assert!(HeaderName::from_lowercase(name.as_bytes()).is_ok(), "{name:?}");
            prop_assert!(HeaderValue::from_str(value).is_ok_and(|value| value.to_str().is_ok()), "{value:?}");
        }
        prop_assert_eq!(answer.clone().into_http().headers().len(), answer.headers().count());
        prop_assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
}
