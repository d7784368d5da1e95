//! The exact price of one unit of something.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;

use super::PriceError;
use crate::text::{quoted, serde_as_text};

/// The price of one unit of a quantity, in whole currency units (dollars, not cents): exact and never negative.
///
/// Read from text as JSON writes numbers, plain (`0.0000025`) or scientific (`2.5e-06`), never through a float.
/// It keeps at most 28 decimal places, and its digits, without the point, are at most `u64::MAX`: every number
/// that a JSON writer prints for a float between 1e-12 and 1e19 fits, and what does not fit is an error.
///
/// [`Tariff`](crate::Tariff) takes prices as text, so most code never names this type. It serves those who have
/// a [`Decimal`], or who want to show the prices of a tariff.
///
/// ```
/// use billing_guard::Rate;
///
/// let rate: Rate = "2.5e-06".parse()?;
/// assert_eq!(rate.to_string(), "0.0000025");
/// assert!("-1".parse::<Rate>().is_err());
/// # Ok::<(), billing_guard::PriceError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Rate {
    // Kept with the fewest places, so that equal numbers are equal values.
    digits: u64,
    places: u8,
}

impl Rate {
    /// Nothing: an explicit zero means free.
    pub const ZERO: Self = Self { digits: 0, places: 0 };
    /// The most decimal places.
    pub const MAX_PLACES: u8 = 28;
    /// The longest text that is read, in bytes.
    pub const MAX_TEXT: usize = 64;

    /// Whether this is nothing.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.digits == 0
    }

    /// The significant digits as a whole number.
    pub(super) const fn digits(self) -> u64 {
        self.digits
    }

    /// How many of the digits stand behind the point.
    pub(super) const fn places(self) -> u8 {
        self.places
    }

    /// The rate of one when `text` is the price of 10 to the power of `power`.
    pub(super) fn read_per(text: &str, power: u8) -> Result<Self, PriceError> {
        let invalid = || PriceError::InvalidRate { text: quoted(text) };
        let inexact = || PriceError::InexactRate { text: quoted(text) };
        if text.len() > Self::MAX_TEXT {
            return Err(invalid());
        }
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, Some(exponent)),
            None => (text, None),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((_, "")) => return Err(invalid()),
            Some(parts) => parts,
            None => (mantissa, ""),
        };
        let digits_only = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !digits_only(whole) || !digits_only(fraction) {
            return Err(invalid());
        }
        let exponent = match exponent {
            None => 0,
            Some(written) => {
                let unsigned = written.strip_prefix(['-', '+']).unwrap_or(written);
                if unsigned.is_empty() || !digits_only(unsigned) {
                    return Err(invalid());
                }
                // No text that is read can have an exponent that matters beyond 16 bits; one that does not fit is
                // as far out of range as 32,767 is.
                let limit = if written.starts_with('-') { i16::MIN } else { i16::MAX };
                i32::from(written.parse::<i16>().unwrap_or(limit))
            }
        };
        let joined = format!("{whole}{fraction}");
        let significant = joined.trim_end_matches('0');
        if significant.is_empty() {
            return Ok(Self::ZERO);
        }
        let digits = significant.parse::<u64>().map_err(|_| inexact())?;
        // All three lengths are below 2^16, so this sum cannot wrap.
        let dropped = joined.len().saturating_sub(significant.len());
        let places = i32::try_from(fraction.len())
            .ok()
            .zip(i32::try_from(dropped).ok())
            .map(|(fraction, dropped)| fraction.saturating_sub(dropped))
            .map(|places| places.saturating_add(i32::from(power)).saturating_sub(exponent))
            .ok_or_else(inexact)?;
        match u8::try_from(places) {
            Ok(places) => Self::from_parts(digits, places).ok_or_else(inexact),
            // Zeros before the point, or far too many places.
            Err(_) => 10_u64
                .checked_pow(places.saturating_neg().try_into().map_err(|_| inexact())?)
                .and_then(|factor| digits.checked_mul(factor))
                .map(|digits| Self { digits, places: 0 })
                .ok_or_else(inexact),
        }
    }

    /// The price of 10 to the power of `power`, as [`read_per`](Self::read_per) reads it.
    pub(super) fn write_per(self, power: u8) -> String {
        let text = self.to_string();
        let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
        let digits = format!("{fraction:0<width$}", width = usize::from(power));
        let (moved, fraction) = digits.split_at(usize::from(power).min(digits.len()));
        let joined = format!("{whole}{moved}");
        let whole = match joined.trim_start_matches('0') {
            "" => "0",
            whole => whole,
        };
        if fraction.is_empty() { whole.to_owned() } else { format!("{whole}.{fraction}") }
    }

    /// This as percent; `None` if that cannot be kept exactly.
    pub(super) fn hundredth(self) -> Option<Self> {
        Self::from_parts(self.digits, self.places.checked_add(2)?)
    }

    /// So many times this; `None` if that cannot be kept exactly.
    pub(super) fn times(self, other: Self) -> Option<Self> {
        let mut digits = u128::from(self.digits).checked_mul(u128::from(other.digits))?;
        let mut places = self.places.checked_add(other.places)?;
        while places > 0 && digits.is_multiple_of(10) {
            digits = digits.checked_div(10)?;
            places = places.saturating_sub(1);
        }
        Self::from_parts(digits.try_into().ok()?, places)
    }

    /// What is left of one after taking this; `None` if this is more, or if the rest cannot be kept exactly.
    pub(super) fn rest_of_one(self) -> Option<Self> {
        let one = 10_u64.checked_pow(u32::from(self.places))?;
        Self::from_parts(one.checked_sub(self.digits)?, self.places)
    }

    fn from_parts(digits: u64, places: u8) -> Option<Self> {
        let (mut digits, mut places) = (digits, places);
        while places > 0 && digits.is_multiple_of(10) {
            digits = digits.checked_div(10)?;
            places = places.saturating_sub(1);
        }
        (places <= Self::MAX_PLACES).then_some(Self { digits, places })
    }
}

impl FromStr for Rate {
    type Err = PriceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::read_per(text, 0)
    }
}

impl TryFrom<Decimal> for Rate {
    type Error = PriceError;

    /// Exactly, or an error naming the number.
    fn try_from(value: Decimal) -> Result<Self, Self::Error> {
        // `normalize` also drops the sign of a negative zero.
        value.normalize().to_string().parse()
    }
}

impl PartialOrd for Rate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Rate {
    fn cmp(&self, other: &Self) -> Ordering {
        // Brought to the same places the digits may exceed `u128`; whole part and fraction apart do not.
        let parts = |rate: &Self| {
            let unit = 10_u128.saturating_pow(u32::from(rate.places));
            let digits = u128::from(rate.digits);
            let rest = digits.checked_rem(unit).unwrap_or(0);
            let lift = Self::MAX_PLACES.saturating_sub(rate.places);
            (digits.checked_div(unit), rest.saturating_mul(10_u128.saturating_pow(u32::from(lift))))
        };
        parts(self).cmp(&parts(other))
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places = usize::from(self.places);
        let digits = format!("{:0width$}", self.digits, width = places.saturating_add(1));
        let (whole, fraction) = digits.split_at(digits.len().saturating_sub(places));
        if fraction.is_empty() { f.write_str(whole) } else { write!(f, "{whole}.{fraction}") }
    }
}

serde_as_text!(Rate);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_are_read_exactly_in_every_spelling() {
        for (text, wanted) in [
            ("2.5e-06", "0.0000025"),
            ("0.002", "0.002"),
            ("1E-7", "0.0000001"),
            ("1e3", "1000"),
            ("1.5e+2", "150"),
            ("12.50", "12.5"),
            ("0", "0"),
            ("0.0", "0"),
            ("0e999999999999999999", "0"),
            ("000000000000000000000000001", "1"),
            ("1200e-2", "12"),
            ("4.5000000000000003e-07", "0.00000045000000000000003"),
            ("18446744073709551615", "18446744073709551615"),
            ("1e19", "10000000000000000000"),
            ("1e-28", "0.0000000000000000000000000001"),
            ("10e-29", "0.0000000000000000000000000001"),
            ("18446744073709551615e-28", "0.0000000018446744073709551615"),
        ] {
            assert_eq!(text.parse::<Rate>().unwrap().to_string(), wanted, "{text}");
        }
        assert_eq!(Rate::read_per("2.50", 6).unwrap(), "2.5e-06".parse().unwrap());
    }

    #[test]
    fn what_is_not_a_price_is_refused_by_name() {
        for text in [
            "", "-1", "-0.0", "+1", "NaN", "inf", "Infinity", " 1", "1 ", "1.", ".5", "1e", "e5", "1e+",
            "1e+-2", "1e--2", "1e1.5", "1_000", "1,5", "0x10", "1.2.3", "1e5e5", "٣", "1\n", "$1", "true",
            "null", "\"1\"",
        ] {
            let error = text.parse::<Rate>().unwrap_err();
            assert!(matches!(error, PriceError::InvalidRate { .. }), "{text:?} gave {error:?}");
            assert!(error.to_string().contains(&quoted(text)), "{text:?} gave {error}");
        }
        for text in [
            "18446744073709551616",
            "1e20",
            "1e-29",
            "1e32767",
            "1e32768",
            "1e-99999999999999999999999999",
            "1e99999999999999999999999999",
            "1.00000000000000000000000000001",
            "18446744073709551615e1",
        ] {
            let error = text.parse::<Rate>().unwrap_err();
            assert!(matches!(error, PriceError::InexactRate { .. }), "{text:?} gave {error:?}");
            assert!(error.to_string().contains(text), "{text:?} gave {error}");
        }
        assert!("0".repeat(Rate::MAX_TEXT).parse::<Rate>().is_ok());
        assert!("0".repeat(Rate::MAX_TEXT + 1).parse::<Rate>().is_err());
        // The price is fine, the price of one is not.
        assert!(Rate::read_per("1e-22", 6).is_ok());
        assert!(Rate::read_per("1e-23", 6).is_err());
    }

    #[test]
    fn decimals_convert_exactly_or_not_at_all() {
        let read = |text: &str| Rate::try_from(Decimal::from_str_exact(text).unwrap());
        assert_eq!(read("2.500").unwrap().to_string(), "2.5");
        assert_eq!(read("0.0000000000000000000000000001").unwrap().places(), 28);
        assert_eq!(read("-0.00").unwrap(), Rate::ZERO);
        assert!(read("-0.01").unwrap_err().to_string().contains("-0.01"));
        assert!(Rate::try_from(Decimal::MAX).is_err());
    }

    proptest! {
        #[test]
        fn text_round_trips_and_order_is_by_value(
            a: u64, b: u64, p in 0_u8..=28, q in 0_u8..=28, small in 0_u64..2_000,
        ) {
            for digits in [b, small, a] {
                let (x, y) = (Rate::from_parts(a, p).unwrap(), Rate::from_parts(digits, q).unwrap());
                prop_assert_eq!(x.to_string().parse::<Rate>().unwrap(), x);
                prop_assert_eq!(format!("{a}e-{p}").parse::<Rate>().unwrap(), x);
                // The same numbers, padded with zeros to one form that sorts as text.
                let padded = |n: u64, places: u8| {
                    let zeros = usize::from(28 - places);
                    format!("{:0>48}", format!("{n}{}", "0".repeat(zeros)))
                };
                prop_assert_eq!(x.cmp(&y), padded(a, p).cmp(&padded(digits, q)));
            }
        }

        #[test]
        fn hostile_text_is_an_error_not_a_panic(text in "\\PC{0,80}|[0-9.eE+-]{0,80}") {
            let _ = text.parse::<Rate>();
            let _ = Rate::read_per(&text, 6);
        }
    }
}
