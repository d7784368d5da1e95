//! How much work: named quantities, exact or bounded.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use crate::text::{quoted, serde_as_text};

/// A number of tokens, rows, seconds ...: never negative, up to 9 decimal places, exact.
///
/// Whole numbers convert from the unsigned integers; fractions are read from text.
///
/// ```
/// use billing_guard::Quantity;
///
/// let rows = Quantity::from(1_200_u64);
/// let seconds: Quantity = "1.5".parse()?;
/// assert_eq!(rows.checked_add(seconds).map(|sum| sum.to_string()), Some("1201.5".to_owned()));
/// assert!("-1".parse::<Quantity>().is_err());
/// # Ok::<(), billing_guard::UsageError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Quantity {
    // Kept with the fewest places, so that equal numbers are equal values.
    digits: u64,
    places: u8,
}

impl Quantity {
    /// None.
    pub const ZERO: Self = Self { digits: 0, places: 0 };
    /// The largest whole number.
    pub const MAX: Self = Self { digits: u64::MAX, places: 0 };
    /// The most decimal places.
    pub const MAX_PLACES: u8 = 9;

    /// `digits` divided by 10 to the power of `places`; `None` beyond 9 places that are not zeros.
    #[must_use]
    pub fn from_parts(digits: u64, places: u8) -> Option<Self> {
        Self::from_u128(digits.into(), places)
    }

    /// The significant digits as a whole number.
    #[must_use]
    pub const fn digits(self) -> u64 {
        self.digits
    }

    /// How many of the digits stand behind the point.
    #[must_use]
    pub const fn places(self) -> u8 {
        self.places
    }

    /// The whole number in it; what stands behind the point is left out.
    #[must_use]
    pub fn whole(self) -> u64 {
        self.digits.checked_div(10_u64.saturating_pow(u32::from(self.places))).unwrap_or(0)
    }

    /// Whether this is none.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.digits == 0
    }

    /// The sum, or `None` if it cannot be kept exactly.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        if self.places == 0 && other.places == 0 {
            return self.digits.checked_add(other.digits).map(Self::from);
        }
        let places = self.places.max(other.places);
        let sum = self.scaled(places).checked_add(other.scaled(places))?;
        Self::from_u128(sum, places)
    }

    /// What is left after taking `other` away; none if that is more.
    #[must_use]
    pub fn saturating_sub(self, other: Self) -> Self {
        let places = self.places.max(other.places);
        let rest = self.scaled(places).saturating_sub(other.scaled(places));
        // Cannot fail: not larger than `self`, and no more places than either.
        Self::from_u128(rest, places).unwrap_or(Self::ZERO)
    }

    /// What is left after taking `other` away; `None` if that is more, or if the rest cannot be kept exactly.
    pub(crate) fn checked_sub(self, other: Self) -> Option<Self> {
        if self.places == 0 && other.places == 0 {
            return self.digits.checked_sub(other.digits).map(Self::from);
        }
        let places = self.places.max(other.places);
        Self::from_u128(self.scaled(places).checked_sub(other.scaled(places))?, places)
    }

    /// The next whole number, unless it is one; `None` if that is beyond 64 bits.
    pub(crate) fn rounded_up(self) -> Option<Self> {
        if self.places == 0 { Some(self) } else { self.whole().checked_add(1).map(Self::from) }
    }

    /// How often `size` is in it in full, and whether there is a rest; `None` if `size` is none, or the answer is beyond
    /// 64 bits.
    pub(crate) fn divided_by(self, size: Self) -> Option<(u64, bool)> {
        let places = self.places.max(size.places);
        let (all, size) = (self.scaled(places), size.scaled(places));
        Some((u64::try_from(all.checked_div(size)?).ok()?, all.checked_rem(size)? > 0))
    }

    /// The digits at so many places: below 2^64 * 10^9, which `u128` holds.
    fn scaled(self, places: u8) -> u128 {
        // Nearly always, and several times as fast.
        if places == self.places {
            return u128::from(self.digits);
        }
        let factor = 10_u128.saturating_pow(u32::from(places.saturating_sub(self.places)));
        u128::from(self.digits).saturating_mul(factor)
    }

    fn from_u128(digits: u128, places: u8) -> Option<Self> {
        let (mut digits, mut places) = (digits, places);
        while places > 0 && digits.is_multiple_of(10) {
            digits = digits.checked_div(10)?;
            places = places.saturating_sub(1);
        }
        let digits = u64::try_from(digits).ok()?;
        (places <= Self::MAX_PLACES).then_some(Self { digits, places })
    }
}

impl From<u64> for Quantity {
    fn from(whole: u64) -> Self {
        Self { digits: whole, places: 0 }
    }
}

impl From<u32> for Quantity {
    fn from(whole: u32) -> Self {
        u64::from(whole).into()
    }
}

impl From<u16> for Quantity {
    fn from(whole: u16) -> Self {
        u64::from(whole).into()
    }
}

impl From<usize> for Quantity {
    fn from(whole: usize) -> Self {
        // No platform has a `usize` wider than 64 bits; were there one, counting too few would be worse.
        u64::try_from(whole).unwrap_or(u64::MAX).into()
    }
}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> Ordering {
        if self.places == other.places {
            return self.digits.cmp(&other.digits);
        }
        let places = self.places.max(other.places);
        self.scaled(places).cmp(&other.scaled(places))
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.places == 0 {
            return fmt::Display::fmt(&self.digits, f);
        }
        let places = usize::from(self.places);
        let digits = format!("{:0width$}", self.digits, width = places.saturating_add(1));
        let (whole, fraction) = digits.split_at(digits.len().saturating_sub(places));
        write!(f, "{whole}.{fraction}")
    }
}

impl FromStr for Quantity {
    type Err = UsageError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || UsageError::InvalidQuantity { text: quoted(text) };
        let (whole, fraction) = match text.split_once('.') {
            Some((_, "")) => return Err(invalid()),
            Some((whole, fraction)) => (whole, fraction.trim_end_matches('0')),
            None => (text, ""),
        };
        let digits_only = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        let places = u8::try_from(fraction.len()).map_err(|_| invalid())?;
        if whole.is_empty() || fraction.contains('.') || !digits_only || places > Self::MAX_PLACES {
            return Err(invalid());
        }
        let digits = format!("{whole}{fraction}").parse().map_err(|_| invalid())?;
        Self::from_parts(digits, places).ok_or_else(invalid)
    }
}

serde_as_text!(Quantity);

/// Why text or a list is no usage.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UsageError {
    /// The text is not a quantity.
    #[error(
        "{text} is not a quantity: expected a number that is not negative, with at most 9 decimal places"
    )]
    InvalidQuantity {
        /// The text, quoted and shortened.
        text: String,
    },
    /// The name of a quantity is empty, too long or not visible ASCII.
    #[error("{text} is not the name of a quantity: expected 1 to 64 visible ASCII characters")]
    InvalidName {
        /// The name, quoted and shortened.
        text: String,
    },
    /// There are too many names.
    #[error("{count} quantities are too many: at most 16")]
    TooMany {
        /// How many there are.
        count: usize,
    },
    /// A sum of quantities cannot be kept exactly.
    #[error("the sum of the quantities named {name} cannot be kept exactly")]
    Overflow {
        /// The name.
        name: String,
    },
}

/// What a quantity is called: `input_tokens`, `rows`. 1 to 64 visible ASCII characters.
pub type QuantityName = Cow<'static, str>;

/// How much work was done: quantities by name. A name not mentioned means none.
///
/// ```
/// use billing_guard::Usage;
///
/// let usage = Usage::new().with("input_tokens", 1_200_u64).with("output_tokens", 85_u64);
/// assert_eq!(usage.get("output_tokens").to_string(), "85");
/// assert!(usage.get("rows").is_zero());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage(Vec<(QuantityName, Quantity)>);

impl Usage {
    /// The most names.
    pub const MAX: usize = 16;
    /// The longest name, in bytes.
    pub const MAX_NAME: usize = 64;

    /// No work.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// The same with this quantity set. Limits are checked where the usage is priced.
    #[must_use]
    pub fn with(mut self, name: impl Into<QuantityName>, quantity: impl Into<Quantity>) -> Self {
        self.set(name.into(), quantity.into());
        self
    }

    /// How much of `name` there is; none if it was not mentioned.
    #[must_use]
    pub fn get(&self, name: &str) -> Quantity {
        self.iter().find(|(known, _)| *known == name).map_or(Quantity::ZERO, |(_, quantity)| quantity)
    }

    /// All quantities, in the order they were first mentioned.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Quantity)> + Clone {
        self.0.iter().map(|(name, quantity)| (name.as_ref(), *quantity))
    }

    /// Whether `name` was mentioned, if only as none.
    #[must_use]
    pub fn mentions(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| known == name)
    }

    /// Whether nothing was mentioned.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds another usage to this one, name by name. On an error nothing is added.
    ///
    /// # Errors
    /// [`UsageError::Overflow`] naming the quantity, or [`UsageError::TooMany`].
    pub fn add(&mut self, more: &Self) -> Result<(), UsageError> {
        *self = self.plus(more)?;
        Ok(())
    }

    /// Both together.
    pub(crate) fn plus(&self, more: &Self) -> Result<Self, UsageError> {
        let mut sum = self.clone();
        for (name, quantity) in &more.0 {
            let total = sum
                .get(name)
                .checked_add(*quantity)
                .ok_or_else(|| UsageError::Overflow { name: quoted(name) })?;
            sum.set(name.clone(), total);
        }
        sum.check()?;
        Ok(sum)
    }

    /// Checks the stated limits.
    ///
    /// # Errors
    /// [`UsageError::TooMany`] or [`UsageError::InvalidName`].
    pub fn check(&self) -> Result<(), UsageError> {
        if self.0.len() > Self::MAX {
            return Err(UsageError::TooMany { count: self.0.len() });
        }
        match self.0.iter().find(|(name, _)| !is_name(name)) {
            Some((name, _)) => Err(UsageError::InvalidName { text: quoted(name) }),
            None => Ok(()),
        }
    }

    fn set(&mut self, name: QuantityName, quantity: Quantity) {
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, slot)) => *slot = quantity,
            None => self.0.push((name, quantity)),
        }
    }
}

pub(crate) fn is_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= Usage::MAX_NAME && name.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_exact_numbers_are_read() {
        for text in [
            "",
            "-1",
            "+1",
            "1.",
            ".5",
            "1.0000000001",
            "18446744073709551616",
            "1e3",
            "1.2.3",
            "NaN",
            "1 ",
            "٣",
        ] {
            assert!(text.parse::<Quantity>().is_err(), "{text}");
        }
        assert_eq!("18446744073709551615".parse::<Quantity>().unwrap(), Quantity::MAX);
        assert_eq!("1.500000000000".parse::<Quantity>().unwrap().to_string(), "1.5");
        assert_eq!("120.75".parse::<Quantity>().unwrap().whole(), 120);
        assert_eq!("0.000000001".parse::<Quantity>().unwrap().digits(), 1);
    }

    #[test]
    fn usage_limits_hold_on_both_sides_and_an_error_adds_nothing() {
        let named =
            |count: usize| (0..count).fold(Usage::new(), |usage, i| usage.with(format!("q{i}"), 1_u64));
        assert!(named(16).check().is_ok());
        assert_eq!(named(17).check(), Err(UsageError::TooMany { count: 17 }));
        assert!(Usage::new().with("n".repeat(64), 1_u64).check().is_ok());
        assert!(Usage::new().with("n".repeat(65), 1_u64).check().is_err());
        assert!(Usage::new().with("two words", 1_u64).check().is_err());
        let mut full = Usage::new().with("a", 1_u64).with("b", u64::MAX);
        let before = full.clone();
        assert!(full.add(&Usage::new().with("a", 1_u64).with("b", 1_u64)).is_err());
        assert_eq!(full, before);
    }

    proptest! {
        #[test]
        fn text_round_trips_and_order_is_by_value(a: u64, b: u64, p in 0_u8..=9, q in 0_u8..=9) {
            let (x, y) = (Quantity::from_parts(a, p).unwrap(), Quantity::from_parts(b, q).unwrap());
            prop_assert_eq!(x.to_string().parse::<Quantity>().unwrap(), x);
            let exact = |n: u64, places: u8| i128::from(n) * 10_i128.pow(u32::from(9 - places));
            prop_assert_eq!(x.cmp(&y), exact(a, p).cmp(&exact(b, q)));
            if let Some(sum) = x.checked_add(y) {
                prop_assert_eq!(sum.saturating_sub(y), x);
                prop_assert_eq!(sum.checked_sub(y), Some(x));
            }
            prop_assert!(x >= y || x.checked_sub(y).is_none());
            match x.divided_by(y) {
                Some((times, rest)) => {
                    let within = i128::from(times) * exact(b, q);
                    prop_assert!(within <= exact(a, p) && within + exact(b, q) > exact(a, p));
                    prop_assert_eq!(rest, within < exact(a, p));
                }
                None => prop_assert!(b == 0 || exact(a, p) / exact(b, q) > i128::from(u64::MAX)),
            }
        }

        #[test]
        fn hostile_text_is_an_error_not_a_panic(text in "\\PC{0,40}|[0-9.]{0,40}") {
            let _ = text.parse::<Quantity>();
        }
    }
}
