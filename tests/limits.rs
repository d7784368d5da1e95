//! The stated limits as numbers, and what values may be: ids, labels, content, units. What ledgers make of requests at
//! their limits is clause 11 of the `conformance` suite.

use std::time::Duration;

use billing_guard::{
    AccountId, Amount, AmountError, CaptureMode, CaptureRequest, Content, HoldRequest, HoldsRequest,
    IdempotencyKey, Labels, LateCapture, Limits, OverCapture, StatementRequest, SweepRequest, Unit,
};

const MAX: i64 = i64::MAX;
const MIN: i64 = i64::MIN;

fn usd() -> Unit {
    Unit::new("USD", 2).unwrap()
}

fn account() -> AccountId {
    AccountId::new("acct").unwrap()
}

fn key(text: &str) -> IdempotencyKey {
    text.parse().unwrap()
}

fn money(minor: i64) -> Amount {
    usd().minor(minor)
}

fn hold(name: &str, minor: i64) -> HoldRequest {
    HoldRequest::new(account(), key(name), money(minor))
}

fn capture(name: &str, minor: i64) -> CaptureRequest {
    CaptureRequest::new(account(), key(name), money(minor))
}

#[test]
fn the_documented_limits_are_the_documented_numbers() {
    assert_eq!(Limits::MIN_LIFETIME, Duration::from_millis(1));
    assert_eq!(Limits::MAX_LIFETIME, Duration::from_secs(2_592_000));
    assert_eq!(Limits::DEFAULT_LIFETIME, Duration::from_secs(300));
    assert_eq!(Limits::MAX_GRACE, Duration::from_secs(86_400));
    assert_eq!(Limits::DEFAULT_GRACE, Duration::from_secs(30));
    assert_eq!((Limits::MAX_PAGE, Limits::MAX_SWEEP, Limits::MAX_OPEN_HOLDS), (1_000, 10_000, 1_000_000));
    assert_eq!(Limits::KEY_RETENTION, Duration::from_secs(86_400));
    let request = hold("x", 1);
    assert_eq!((request.lifetime, request.grace), (Limits::DEFAULT_LIFETIME, Limits::DEFAULT_GRACE));
    assert_eq!((request.minimum, request.debt_limit), (request.amount, usd().zero()));
    assert_eq!(StatementRequest::new(account()).limit, 100);
    assert_eq!(HoldsRequest::new(account()).limit, 100);
    assert_eq!(SweepRequest::new().limit, 1_000);
    assert_eq!(SweepRequest::default(), SweepRequest::new());
    let request = capture("x", 1);
    assert_eq!(
        (request.mode, request.over, request.late, request.debt_limit),
        (CaptureMode::Final, OverCapture::UpToAvailable, LateCapture::IfAvailable, usd().zero())
    );
}

#[test]
fn ids_are_1_to_so_many_visible_ascii_characters() {
    assert_eq!((AccountId::MAX_LEN, IdempotencyKey::MAX_LEN), (128, 255));
    for length in [1, 2, 128] {
        assert_eq!(AccountId::new("a".repeat(length)).unwrap().as_str().len(), length);
    }
    for length in [1, 2, 255] {
        assert_eq!(IdempotencyKey::new("a".repeat(length)).unwrap().as_str().len(), length);
    }
    assert!(AccountId::new("a".repeat(129)).is_err() && IdempotencyKey::new("a".repeat(256)).is_err());
    for byte in 0..=127_u8 {
        let text = char::from(byte).to_string();
        let visible = (0x21..=0x7e).contains(&byte);
        assert_eq!(AccountId::new(&text).is_ok(), visible, "{text:?}");
        assert_eq!(IdempotencyKey::new(&text).is_ok(), visible, "{text:?}");
    }
    for text in ["", "é", "\u{202e}", "日本", "a b", " a", "a "] {
        assert!(AccountId::new(text).is_err() && IdempotencyKey::new(text).is_err(), "{text:?}");
        let shown = IdempotencyKey::new(text).unwrap_err().to_string();
        assert!(shown.contains("visible ASCII"), "{shown}");
    }
    // A hostile text does not make a long or broken message.
    let error = AccountId::new("\r\n\u{1b}[31m".repeat(10_000)).unwrap_err().to_string();
    assert!(error.len() < 1_000 && !error.contains(['\r', '\n', '\u{1b}']), "{error}");
}

#[test]
fn labels_and_content_are_bounded() {
    let pairs = |count: usize| (0..count).map(|index| (format!("n{index}"), "v")).collect::<Vec<_>>();
    assert_eq!((Labels::MAX, Labels::MAX_NAME, Labels::MAX_VALUE), (8, 64, 128));
    assert_eq!((Content::MAX, Content::MAX_NAME, Content::MAX_VALUE), (32, 96, 256));
    assert!(Labels::new(pairs(8)).is_ok() && Labels::new(pairs(9)).is_err());
    assert!(Content::new(pairs(32)).is_ok() && Content::new(pairs(33)).is_err());
    // Characters, not bytes.
    assert!(Labels::new([("ü".repeat(64), "ü".repeat(128))]).is_ok());
    assert!(Labels::new([("ü".repeat(65), "")]).is_err() && Labels::new([("n", "ü".repeat(129))]).is_err());
    assert!(Content::new([("ü".repeat(96), "ü".repeat(256))]).is_ok());
    assert!(Content::new([("ü".repeat(97), "")]).is_err() && Content::new([("n", "ü".repeat(257))]).is_err());
    assert!(Labels::new([("", "v")]).is_err() && Content::new([("", "v")]).is_err());
    assert!(Labels::new([("n", "")]).is_ok() && Content::new([("n", "")]).is_ok());
    // A repeated name keeps the last value and is one field.
    let repeated = pairs(32).into_iter().chain([("n0".to_owned(), "w")]);
    let content = Content::new(repeated).unwrap();
    assert_eq!((content.iter().count(), content.iter().next()), (32, Some(("n0", "w"))));
    let repeated = pairs(8).into_iter().chain([("n7".to_owned(), "w")]);
    assert_eq!(Labels::new(repeated).unwrap().get("n7"), Some("w"));
    for hostile in ["a\nb", "a\u{0}", "a\u{7f}", "a\u{85}", "a\u{2028}", "a\u{202e}b", "a\u{2066}b"] {
        assert!(Labels::new([("n", hostile)]).is_err() && Labels::new([(hostile, "v")]).is_err());
        assert!(Content::new([("n", hostile)]).is_err() && Content::new([(hostile, "v")]).is_err());
    }
    // The order they are given in makes no difference.
    assert_eq!(Content::new(pairs(5)).unwrap(), Content::new(pairs(5).into_iter().rev()).unwrap());
}

#[test]
fn units_are_1_to_7_characters_and_scale_0_to_12() {
    for (code, scale, valid) in [
        ("A", 0, true),
        ("ABCDEF7", 12, true),
        ("", 0, false),
        ("ABCDEFGH", 0, false),
        ("USD", 13, false),
        ("US D", 2, false),
        ("€", 2, false),
        ("U\0", 2, false),
    ] {
        assert_eq!(Unit::new(code, scale).is_ok(), valid, "{code}/{scale}");
    }
    let finest = Unit::new("X", 12).unwrap();
    for minor in [MIN, MIN + 1, -1, 0, 1, MAX] {
        let text = finest.minor(minor).to_string();
        assert_eq!(text.parse::<Amount>().unwrap().minor(), minor, "{text}");
    }
    assert!(matches!(usd().amount("92233720368547758.08"), Err(AmountError::OutOfRange { .. })));
    assert_eq!(usd().amount("92233720368547758.07").unwrap().minor(), MAX);
    assert_eq!(usd().amount("-92233720368547758.08").unwrap().minor(), MIN);
    assert!(matches!(money(MAX).checked_add(money(1)), Err(AmountError::Overflow { .. })));
    assert!(matches!(money(MIN).checked_sub(money(1)), Err(AmountError::Overflow { .. })));
}
