//! Text of amounts and units, read a second time digit by digit.

use billing_guard::{Amount, AmountError, Unit};

use crate::choices::Choices;

/// Reads the bytes as the text of a unit, of an amount with its unit and of a number in every scale, and as JSON of the
/// first two; then makes two amounts of the bytes. Whatever is read is what the text says, exactly, and every amount
/// reads back as it was written.
pub fn amount_text(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    for scale in 0..=Unit::MAX_SCALE {
        let unit = Unit::new("USD", scale).expect("a valid unit");
        check_reading(&text, unit, &unit.amount(&text));
    }
    check_unit(&text);
    check_with_unit(&text);
    check_json(data);
    check_numbers(data);
}

/// What decimal text means in a unit's smallest steps, found with digits alone.
#[derive(Debug, PartialEq, Eq)]
enum Reading {
    NoNumber,
    TooPrecise,
    DoesNotFit,
    Steps { negative: bool, digits: String },
}

fn reading(text: &str, scale: u8) -> Reading {
    let (negative, unsigned) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let is_digits = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_digit());
    let (whole, fraction) = match unsigned.find('.') {
        Some(point) if is_digits(&unsigned[point + 1..]) => (&unsigned[..point], &unsigned[point + 1..]),
        Some(_) => return Reading::NoNumber,
        None => (unsigned, ""),
    };
    if !is_digits(whole) || text.len() > Amount::MAX_TEXT {
        return Reading::NoNumber;
    }
    // Times ten to the power of the scale: as many zeros behind it; and the point goes as far to the right.
    let shifted = format!("{whole}{fraction}{}", "0".repeat(scale.into()));
    let (steps, beyond) = shifted.split_at(shifted.len() - fraction.len());
    if beyond.contains(|digit| digit != '0') {
        return Reading::TooPrecise;
    }
    let digits = steps.trim_start_matches('0').to_owned();
    let limit = if negative { i64::MIN } else { i64::MAX }.unsigned_abs().to_string();
    if (digits.len(), &digits) > (limit.len(), &limit) {
        return Reading::DoesNotFit;
    }
    Reading::Steps { negative: negative && !digits.is_empty(), digits }
}

/// That this is the answer to reading a number in a unit.
pub fn check_reading(text: &str, unit: Unit, answer: &Result<Amount, AmountError>) {
    let read = match answer {
        Ok(amount) => {
            assert_eq!(amount.unit(), unit);
            check_text_of(*amount);
            let digits = amount.minor().unsigned_abs().to_string();
            Reading::Steps { negative: amount.is_negative(), digits: digits.trim_start_matches('0').into() }
        }
        Err(error) => {
            check_message(error);
            match error {
                AmountError::Invalid { .. } => Reading::NoNumber,
                AmountError::TooPrecise { .. } => Reading::TooPrecise,
                AmountError::OutOfRange { .. } => Reading::DoesNotFit,
                other => panic!("no number in a known unit is refused so: {other:?}"),
            }
        }
    };
    assert_eq!(read, reading(text, unit.scale()), "{text:?} in {unit}");
}

/// An error fits into one line of a log, whatever the text was.
fn check_message(error: &AmountError) {
    let message = error.to_string();
    assert!(message.len() < 2_000 && !message.contains(char::is_control), "{message:?}");
}

fn unit_said_by(text: &str) -> Option<(&str, u8)> {
    let (code, scale) = text.split_once('/')?;
    let code_fits = (1..=7).contains(&code.len()) && code.chars().all(|c| c.is_ascii_alphanumeric());
    let scale = (0..=12_u8).find(|known| known.to_string() == scale)?;
    code_fits.then_some((code, scale))
}

fn check_unit(text: &str) {
    let expected = unit_said_by(text);
    match text.parse::<Unit>() {
        Ok(unit) => {
            assert_eq!(expected, Some((unit.code(), unit.scale())), "{text:?}");
            assert_eq!(unit.to_string(), text, "a unit has one spelling");
            assert_eq!(Unit::new(unit.code(), unit.scale()), Ok(unit));
            let json = serde_json::to_string(&unit).expect("text is JSON");
            assert_eq!(serde_json::from_str::<Unit>(&json).expect("its own JSON"), unit);
        }
        Err(error) => {
            assert_eq!(expected, None, "{text:?}");
            check_message(&error);
        }
    }
    for scale in [0, 12, 13, 255] {
        let valid = unit_said_by(&format!("{text}/{scale}")).is_some_and(|(code, _)| code == text);
        assert_eq!(Unit::new(text, scale).is_ok(), valid, "{text:?} / {scale}");
    }
}

fn check_with_unit(text: &str) {
    let parts = text.split_once(' ').and_then(|(number, unit)| Some((number, unit_said_by(unit)?)));
    let expected =
        parts.filter(|(number, (_, scale))| matches!(reading(number, *scale), Reading::Steps { .. }));
    match text.parse::<Amount>() {
        Ok(amount) => {
            let Some((number, unit)) = expected else { panic!("{text:?} was read as {amount}") };
            assert_eq!((amount.unit().code(), amount.unit().scale()), unit);
            check_reading(number, amount.unit(), &Ok(amount));
        }
        Err(error) => {
            assert_eq!(expected, None, "{text:?}: {error}");
            check_message(&error);
        }
    }
    let json = serde_json::to_string(text).expect("text is JSON");
    assert_eq!(serde_json::from_str::<Amount>(&json).ok(), text.parse().ok(), "text and JSON disagree");
}

/// JSON is an amount or unit exactly if it is a string whose text is one.
fn check_json(data: &[u8]) {
    let text = serde_json::from_slice::<String>(data).ok();
    let amount = text.as_deref().and_then(|text| text.parse::<Amount>().ok());
    assert_eq!(serde_json::from_slice::<Amount>(data).ok(), amount);
    let unit = text.as_deref().and_then(|text| text.parse::<Unit>().ok());
    assert_eq!(serde_json::from_slice::<Unit>(data).ok(), unit);
}

/// Every text of an amount reads back as the same amount.
fn check_text_of(amount: Amount) {
    let unit = amount.unit();
    let text = amount.to_string();
    assert_eq!(text.parse(), Ok(amount), "{text:?}");
    let json = serde_json::to_string(&amount).expect("text is JSON");
    assert_eq!(json, format!("\"{text}\""));
    assert_eq!(serde_json::from_str::<Amount>(&json).expect("its own JSON"), amount);
    let number = amount.decimal().to_string();
    assert_eq!(unit.amount(&number), Ok(amount), "{number:?}");
    assert!(!number.contains('.') || !number.ends_with(['0', '.']), "{number:?} is not the shortest");
    assert_eq!(number.starts_with('-'), amount.is_negative(), "{number:?}");
    let human = amount.human().to_string();
    let shown = human.strip_suffix(unit.code()).and_then(|rest| rest.strip_suffix(' ')).expect("code last");
    assert_eq!(unit.amount(shown), Ok(amount), "{human:?}");
    assert_eq!(unit.amount_from_decimal(amount.to_decimal()), Ok(amount));
}

/// Two amounts of any size: their texts, sums and order.
fn check_numbers(data: &[u8]) {
    let mut choices = Choices::new(data);
    let unit = Unit::new("X1", choices.below(Unit::MAX_SCALE + 1)).expect("a valid unit");
    let (left, right) = (choices.number(), choices.number());
    let (one, other) = (unit.minor(left), unit.minor(right));
    check_text_of(one);
    let exact = |sum: i128| i64::try_from(sum).ok();
    let sum = exact(i128::from(left) + i128::from(right));
    assert_eq!(one.checked_add(other).ok().map(Amount::minor), sum);
    let difference = exact(i128::from(left) - i128::from(right));
    assert_eq!(one.checked_sub(other).ok().map(Amount::minor), difference);
    assert_eq!(one.checked_cmp(other), Ok(left.cmp(&right)));
    let elsewhere = Unit::new("X2", unit.scale()).expect("a valid unit").minor(right);
    assert!(one.checked_add(elsewhere).is_err() && one.checked_cmp(elsewhere).is_err(), "units mixed");
}
