//! Money as integers: [`Unit`] says what is counted, [`Amount`] how many of its smallest steps.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use crate::text::{quoted, serde_as_text};
use rust_decimal::Decimal;

/// What an account counts in: a code and how many decimal places its smallest step has.
///
/// Written `USD/6`: US dollars, counted in millionths. The code has 1 to 7 characters `[A-Za-z0-9]`, the scale is
/// 0 to 12. Choose a scale fine enough that the cheapest thing you sell is at least one step: model tokens cost
/// fractions of a millionth of a dollar each, so `USD/6` suits requests and `USD/9` suits single tokens.
/// The largest amount is `i64::MAX` steps: 9.2 billion dollars at scale 9, 9.2 trillion at scale 6.
///
/// ```
/// use billing_guard::Unit;
///
/// let usd = Unit::new("USD", 6)?;
/// assert_eq!(usd.to_string(), "USD/6");
/// assert_eq!("USD/6".parse::<Unit>()?, usd);
/// # Ok::<(), billing_guard::AmountError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Unit {
    code: [u8; 7],
    scale: u8,
}

impl Unit {
    /// The largest number of decimal places.
    pub const MAX_SCALE: u8 = 12;
    /// The longest code, in characters.
    pub const MAX_CODE: usize = 7;

    /// Of an account that has none yet: the code that ISO 4217 keeps for no currency.
    pub(crate) const NONE: Self = Self { code: *b"XXX\0\0\0\0", scale: 0 };

    /// A unit from its code and its number of decimal places.
    ///
    /// # Errors
    /// [`AmountError::InvalidUnit`] if the code is not 1 to 7 characters `[A-Za-z0-9]` or the scale exceeds 12.
    pub fn new(code: &str, scale: u8) -> Result<Self, AmountError> {
        let valid = !code.is_empty()
            && code.len() <= Self::MAX_CODE
            && code.bytes().all(|byte| byte.is_ascii_alphanumeric())
            && scale <= Self::MAX_SCALE;
        if !valid {
            return Err(AmountError::InvalidUnit { text: quoted(&format!("{code}/{scale}")) });
        }
        let mut bytes = [0; 7];
        for (slot, byte) in bytes.iter_mut().zip(code.bytes()) {
            *slot = byte;
        }
        Ok(Self { code: bytes, scale })
    }

    /// The code, such as `USD`.
    #[must_use]
    pub fn code(&self) -> &str {
        let used = self.code.iter().position(|byte| *byte == 0).unwrap_or(self.code.len());
        // `new` admits only ASCII, so neither step can fail.
        self.code.get(..used).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default()
    }

    /// How many decimal places the smallest step has.
    #[must_use]
    pub const fn scale(&self) -> u8 {
        self.scale
    }

    /// An amount of this unit from decimal text, exactly.
    ///
    /// The text is an optional `-`, digits, and optionally a point followed by digits. Trailing zeros may exceed
    /// the scale; any other digit beyond it is an error, since it could not be kept.
    ///
    /// ```
    /// # use billing_guard::Unit;
    /// let usd = Unit::new("USD", 2)?;
    /// assert_eq!(usd.amount("12.50")?.minor(), 1250);
    /// assert!(usd.amount("12.505").is_err());
    /// # Ok::<(), billing_guard::AmountError>(())
    /// ```
    ///
    /// # Errors
    /// [`AmountError::Invalid`], [`AmountError::TooPrecise`] or [`AmountError::OutOfRange`], each naming the text.
    pub fn amount(self, text: &str) -> Result<Amount, AmountError> {
        let invalid = || AmountError::Invalid { text: quoted(text) };
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, fraction) = match digits.split_once('.') {
            Some((whole, fraction)) if !fraction.is_empty() => (whole, fraction),
            Some(_) => return Err(invalid()),
            None => (digits, ""),
        };
        let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || text.len() > Amount::MAX_TEXT || !all_digits(whole) || !all_digits(fraction) {
            return Err(invalid());
        }
        let kept = fraction.trim_end_matches('0');
        if kept.len() > usize::from(self.scale) {
            return Err(AmountError::TooPrecise { text: quoted(text), unit: self });
        }
        let padding = usize::from(self.scale).saturating_sub(kept.len());
        let minor = whole
            .bytes()
            .chain(kept.bytes())
            .chain(std::iter::repeat_n(b'0', padding))
            .try_fold(0_i128, |sum, byte| {
                sum.checked_mul(10)?.checked_add(i128::from(byte.saturating_sub(b'0')))
            })
            .map(|value| if negative { value.saturating_neg() } else { value })
            .and_then(|value| i64::try_from(value).ok())
            .ok_or_else(|| AmountError::OutOfRange { text: quoted(text), unit: self })?;
        Ok(Amount { minor, unit: self })
    }

    /// An amount of so many of this unit's smallest steps.
    #[must_use]
    pub const fn minor(self, minor: i64) -> Amount {
        Amount { minor, unit: self }
    }

    /// Nothing, in this unit.
    #[must_use]
    pub const fn zero(self) -> Amount {
        self.minor(0)
    }

    /// An amount from a [`Decimal`], exactly.
    ///
    /// # Errors
    /// [`AmountError::TooPrecise`] if it has more decimal places than the unit, [`AmountError::OutOfRange`] if it
    /// does not fit.
    pub fn amount_from_decimal(self, value: Decimal) -> Result<Amount, AmountError> {
        self.amount(&value.normalize().to_string())
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.code(), self.scale)
    }
}

impl fmt::Debug for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Unit {
    type Err = AmountError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || AmountError::InvalidUnit { text: quoted(text) };
        let (code, scale) = text.split_once('/').ok_or_else(invalid)?;
        // One spelling per unit: no sign, no leading zero.
        let canonical =
            scale == "0" || (!scale.starts_with('0') && scale.bytes().all(|b| b.is_ascii_digit()));
        let scale = scale.parse().ok().filter(|_| canonical).ok_or_else(invalid)?;
        Self::new(code, scale).map_err(|_| invalid())
    }
}

/// A number of a unit's smallest steps. Sixteen bytes, `Copy`, never a float.
///
/// There are no operators and no ordering: amounts of two units must not be mixed by accident, and sums must not
/// wrap. Use [`checked_add`](Self::checked_add), [`checked_sub`](Self::checked_sub) and
/// [`checked_cmp`](Self::checked_cmp).
///
/// Its text and serde form is `12.5 USD/6` and reads back to the same value. [`human`](Self::human) writes
/// `12.50 USD` for people.
///
/// ```
/// use billing_guard::{Amount, Unit};
///
/// let usd = Unit::new("USD", 6)?;
/// let price: Amount = "12.5 USD/6".parse()?;
/// let sum = price.checked_add(usd.amount("0.25")?)?;
/// assert_eq!(sum.to_string(), "12.75 USD/6");
/// assert_eq!(sum.human().to_string(), "12.75 USD");
/// # Ok::<(), billing_guard::AmountError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Amount {
    minor: i64,
    unit: Unit,
}

impl Amount {
    /// The longest decimal text that is read, in bytes.
    pub const MAX_TEXT: usize = 48;

    /// How many of the unit's smallest steps this is.
    #[must_use]
    pub const fn minor(self) -> i64 {
        self.minor
    }

    /// The unit it is counted in.
    #[must_use]
    pub const fn unit(self) -> Unit {
        self.unit
    }

    /// Whether this is less than nothing.
    #[must_use]
    pub const fn is_negative(self) -> bool {
        self.minor < 0
    }

    /// Whether this is nothing.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.minor == 0
    }

    /// The sum.
    ///
    /// # Errors
    /// [`AmountError::UnitMismatch`] or [`AmountError::Overflow`].
    pub fn checked_add(self, other: Self) -> Result<Self, AmountError> {
        self.combine(other, i64::checked_add)
    }

    /// The difference.
    ///
    /// # Errors
    /// [`AmountError::UnitMismatch`] or [`AmountError::Overflow`].
    pub fn checked_sub(self, other: Self) -> Result<Self, AmountError> {
        self.combine(other, i64::checked_sub)
    }

    /// The order of the two.
    ///
    /// # Errors
    /// [`AmountError::UnitMismatch`].
    pub fn checked_cmp(self, other: Self) -> Result<Ordering, AmountError> {
        self.same_unit(other)?;
        Ok(self.minor.cmp(&other.minor))
    }

    /// The value as a [`Decimal`], for code that computes with those. Exact: every amount fits.
    #[must_use]
    pub fn to_decimal(self) -> Decimal {
        Decimal::from_i128_with_scale(i128::from(self.minor), u32::from(self.unit.scale)).normalize()
    }

    /// The number alone as decimal text, such as `12.5`: how amounts stand on the wire, as strings.
    #[must_use]
    pub fn decimal(self) -> impl fmt::Display {
        Digits { amount: self, least_places: 0 }
    }

    /// The amount as people read it: `12.50 USD`, with at least two decimal places where the unit has them.
    #[must_use]
    pub fn human(self) -> impl fmt::Display {
        Human(self)
    }

    fn same_unit(self, other: Self) -> Result<(), AmountError> {
        if self.unit == other.unit {
            Ok(())
        } else {
            Err(AmountError::UnitMismatch { left: self.unit, right: other.unit })
        }
    }

    fn combine(self, other: Self, op: fn(i64, i64) -> Option<i64>) -> Result<Self, AmountError> {
        self.same_unit(other)?;
        let minor = op(self.minor, other.minor).ok_or(AmountError::Overflow { unit: self.unit })?;
        Ok(self.unit.minor(minor))
    }
}

/// The digits of an amount with at least so many decimal places.
struct Digits {
    amount: Amount,
    least_places: usize,
}

impl fmt::Display for Digits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scale = usize::from(self.amount.unit.scale);
        // One digit more than the scale, so that there is always one before the point.
        let digits = format!("{:0width$}", self.amount.minor.unsigned_abs(), width = scale.saturating_add(1));
        let (whole, fraction) = digits.split_at(digits.len().saturating_sub(scale));
        let trimmed = fraction.trim_end_matches('0').len().max(self.least_places.min(scale));
        let fraction = fraction.get(..trimmed).unwrap_or(fraction);
        if self.amount.is_negative() {
            f.write_str("-")?;
        }
        f.write_str(whole)?;
        if fraction.is_empty() { Ok(()) } else { write!(f, ".{fraction}") }
    }
}

struct Human(Amount);

impl fmt::Display for Human {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", Digits { amount: self.0, least_places: 2 }, self.0.unit.code())
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.decimal(), self.unit)
    }
}

impl fmt::Debug for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Amount {
    type Err = AmountError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (number, unit) =
            text.split_once(' ').ok_or_else(|| AmountError::Invalid { text: quoted(text) })?;
        unit.parse::<Unit>()?.amount(number)
    }
}

/// Why text or arithmetic gave no amount.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AmountError {
    /// The text is not a unit.
    #[error(
        "{text} is not a unit: expected 1 to 7 letters or digits, '/', and a scale of 0 to 12, as in USD/6"
    )]
    InvalidUnit {
        /// The text, quoted and shortened.
        text: String,
    },
    /// The text is not a decimal number.
    #[error(
        "{text} is not an amount: expected digits with an optional sign and point, as in 12.50 (or 12.5 USD/6 with its unit)"
    )]
    Invalid {
        /// The text, quoted and shortened.
        text: String,
    },
    /// The number has more decimal places than its unit keeps.
    #[error("{text} has more decimal places than {unit} keeps")]
    TooPrecise {
        /// The text, quoted and shortened.
        text: String,
        /// The unit it was read for.
        unit: Unit,
    },
    /// The number does not fit.
    #[error("{text} does not fit into an amount of {unit}")]
    OutOfRange {
        /// The text, quoted and shortened.
        text: String,
        /// The unit it was read for.
        unit: Unit,
    },
    /// Two amounts of different units met.
    #[error("amounts of {left} and {right} do not mix")]
    UnitMismatch {
        /// The first amount's unit.
        left: Unit,
        /// The second amount's unit.
        right: Unit,
    },
    /// A sum or difference does not fit.
    #[error("a sum in {unit} does not fit into an amount")]
    Overflow {
        /// The unit of the sum.
        unit: Unit,
    },
}

serde_as_text!(Unit, Amount);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn usd() -> Unit {
        Unit::new("USD", 6).unwrap()
    }

    #[test]
    fn sizes_are_as_promised() {
        assert_eq!(size_of::<Unit>(), 8);
        assert_eq!(size_of::<Amount>(), 16);
    }

    #[test]
    fn what_cannot_be_kept_exactly_is_refused_by_name() {
        for (text, wanted) in [
            ("", "\"\""),
            ("1.0000001", "1.0000001"),
            ("9223372036854.775808", "9223372036854.775808"),
            ("-9223372036854.775809", "-9223372036854.775809"),
            ("+1", "+1"),
            ("1.", "1."),
            (".5", ".5"),
            ("1e3", "1e3"),
            ("1_000", "1_000"),
            (" 1", " 1"),
            ("1\n", "1\\n"),
            ("--1", "--1"),
            ("-", "-"),
            ("NaN", "NaN"),
            ("١", "١"),
        ] {
            let error = usd().amount(text).unwrap_err().to_string();
            assert!(error.contains(wanted), "{text:?} gave {error}");
        }
        let long = "0".repeat(Amount::MAX_TEXT + 1);
        assert!(matches!(usd().amount(&long), Err(AmountError::Invalid { .. })));
        assert!(usd().amount(&"0".repeat(Amount::MAX_TEXT)).is_ok());
    }

    #[test]
    fn the_ends_of_the_range_read_and_write() {
        for (text, minor) in [
            ("9223372036854.775807", i64::MAX),
            ("-9223372036854.775808", i64::MIN),
            ("-0", 0),
            ("1.5000000000", 1_500_000),
        ] {
            assert_eq!(usd().amount(text).unwrap().minor(), minor, "{text}");
        }
        assert_eq!(usd().minor(i64::MIN).to_string(), "-9223372036854.775808 USD/6");
        assert!(usd().minor(i64::MAX).checked_add(usd().minor(1)).is_err());
        assert!(usd().minor(i64::MIN).checked_sub(usd().minor(1)).is_err());
    }

    #[test]
    fn people_see_two_places_where_the_unit_has_them() {
        assert_eq!(usd().minor(12_500_000).human().to_string(), "12.50 USD");
        assert_eq!(usd().minor(12_500_001).human().to_string(), "12.500001 USD");
        assert_eq!(Unit::new("JPY", 0).unwrap().minor(-7).human().to_string(), "-7 JPY");
        assert_eq!(Unit::new("X", 1).unwrap().minor(5).human().to_string(), "0.5 X");
    }

    #[test]
    fn units_do_not_mix() {
        let error = usd().zero().checked_add(Unit::new("USD", 2).unwrap().zero()).unwrap_err();
        assert_eq!(error.to_string(), "amounts of USD/6 and USD/2 do not mix");
        assert!(usd().zero().checked_cmp(Unit::new("EUR", 6).unwrap().zero()).is_err());
    }

    #[test]
    fn a_unit_has_one_spelling() {
        for text in
            ["", "USD", "USD/", "USD/13", "USD/06", "USD/+6", "TOOLONGX/2", "U D/2", "ÜSD/2", "/2", "USD/6/2"]
        {
            assert!(text.parse::<Unit>().is_err(), "{text}");
        }
        assert_eq!("ABCDEFG/12".parse::<Unit>().unwrap().to_string(), "ABCDEFG/12");
    }

    proptest! {
        #[test]
        fn text_and_serde_round_trip(minor: i64, scale in 0..=Unit::MAX_SCALE, code in "[A-Za-z0-9]{1,7}") {
            let amount = Unit::new(&code, scale).unwrap().minor(minor);
            prop_assert_eq!(amount.to_string().parse::<Amount>().unwrap(), amount);
            let json = serde_json::to_string(&amount).unwrap();
            prop_assert_eq!(serde_json::from_str::<Amount>(&json).unwrap(), amount);
            prop_assert_eq!(amount.unit().amount_from_decimal(amount.to_decimal()).unwrap(), amount);
        }

        #[test]
        fn hostile_text_is_an_error_not_a_panic(text in "\\PC{0,80}|[-0-9.eE+ /A-Z]{0,60}") {
            let _ = text.parse::<Amount>();
            let _ = text.parse::<Unit>();
            let _ = usd().amount(&text);
        }
    }
}
