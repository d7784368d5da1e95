//! Exact decimals, and raw JSON objects, for computing prices once more from what is written.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

pub(crate) type Members = BTreeMap<String, Box<RawValue>>;

pub(crate) fn members(value: &RawValue) -> Option<Members> {
    serde_json::from_str(value.get()).ok()
}

pub(crate) fn list(value: &RawValue) -> Vec<Box<RawValue>> {
    serde_json::from_str(value.get()).unwrap()
}

pub(crate) fn text(value: &RawValue) -> String {
    serde_json::from_str(value.get()).unwrap()
}

/// So many units of ten to the power of minus `places`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Exact {
    digits: u128,
    places: u32,
}

impl Exact {
    pub(crate) const ZERO: Self = Self { digits: 0, places: 0 };

    /// A JSON number.
    pub(crate) fn read(value: &RawValue) -> Option<Self> {
        let text = value.get();
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits: u128 = format!("{whole}{fraction}").parse().ok()?;
        let places = fraction.len() as i32 - exponent.parse::<i32>().ok()?;
        Some(match u32::try_from(places) {
            Ok(places) => Self { digits, places },
            Err(_) => Self { digits: digits * 10_u128.pow(places.unsigned_abs()), places: 0 },
        })
    }

    pub(crate) fn is_zero(self) -> bool {
        self.digits == 0
    }

    pub(crate) fn whole(self) -> u64 {
        let unit = 10_u128.pow(self.places);
        assert_eq!(self.digits % unit, 0, "{self:?}");
        u64::try_from(self.digits / unit).unwrap()
    }

    pub(crate) fn times(self, count: u64) -> Self {
        Self { digits: self.digits.checked_mul(u128::from(count)).unwrap(), ..self }
    }

    pub(crate) fn by(self, other: Self) -> Self {
        let digits = self.digits.checked_mul(other.digits).unwrap();
        Self { digits, places: self.places + other.places }
    }

    pub(crate) fn per(self, power: u32) -> Self {
        Self { places: self.places + power, ..self }
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        let places = self.places.max(other.places);
        let lift = |of: Self| of.digits.checked_mul(10_u128.pow(places - of.places)).unwrap();
        Self { digits: lift(self) + lift(other), places }
    }

    /// In steps of 10^-12, rounded down.
    pub(crate) fn steps(self) -> i64 {
        let digits = match self.places.checked_sub(12) {
            Some(more) => self.digits / 10_u128.pow(more),
            None => self.digits * 10_u128.pow(12 - self.places),
        };
        i64::try_from(digits).unwrap()
    }
}
