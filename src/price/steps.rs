//! Exact sums of prices, in steps of a unit and fractions of one.

use super::{PriceError, Rate, Rounding};
use crate::amount::{Amount, Unit};
use crate::usage::Quantity;

/// The most decimal places that a rate times a quantity has.
const FRACTION_PLACES: u8 = Rate::MAX_PLACES.saturating_add(Quantity::MAX_PLACES);

/// One step, in the parts that [`Steps::fraction`] counts.
const ONE: u128 = ten_to(FRACTION_PLACES);

/// Half a step.
const MIDDLE: u128 = ONE.saturating_div(2);

/// A number of a unit's steps that need not be whole, exact: `whole + fraction / ONE`.
///
/// Keeping the whole steps apart from the fraction is what makes the sum exact for all inputs: brought to one common
/// denominator, a large price and a very precise one would exceed 128 bits together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Steps {
    // Compared first.
    whole: u64,
    /// Less than [`ONE`].
    fraction: u128,
}

impl Steps {
    pub(super) const ZERO: Self = Self { whole: 0, fraction: 0 };

    /// So many whole steps.
    pub(super) const fn of(whole: u64) -> Self {
        Self { whole, fraction: 0 }
    }

    /// So much at this rate; `None` if its whole steps are beyond `i64`, where no amount can hold it.
    pub(super) fn product(rate: Rate, quantity: Quantity, unit: Unit) -> Option<Self> {
        let digits = u128::from(rate.digits()).checked_mul(u128::from(quantity.digits()))?;
        let places = rate.places().checked_add(quantity.places())?;
        let (whole, fraction) = match places.checked_sub(unit.scale()) {
            Some(behind) => {
                let step = ten_to(behind);
                let whole = digits.checked_div(step)?;
                let rest = digits.checked_sub(whole.checked_mul(step)?)?;
                (whole, rest.checked_mul(ten_to(FRACTION_PLACES.checked_sub(behind)?))?)
            }
            None => (digits.checked_mul(ten_to(unit.scale().checked_sub(places)?))?, 0),
        };
        Self { whole: u64::try_from(whole).ok()?, fraction }.in_range()
    }

    /// The sum; `None` if its whole steps are beyond `i64`.
    pub(super) fn plus(self, other: Self) -> Option<Self> {
        let fraction = self.fraction.checked_add(other.fraction)?;
        // Both parts were below one.
        let (carry, fraction) = fraction.checked_sub(ONE).map_or((0, fraction), |rest| (1, rest));
        let whole = self.whole.checked_add(other.whole)?.checked_add(carry)?;
        Self { whole, fraction }.in_range()
    }

    /// What is left after taking `other` away; `None` if that is more.
    pub(super) fn minus(self, other: Self) -> Option<Self> {
        let (borrow, fraction) = match self.fraction.checked_sub(other.fraction) {
            Some(fraction) => (0, fraction),
            None => (1, self.fraction.checked_add(ONE)?.checked_sub(other.fraction)?),
        };
        let whole = self.whole.checked_sub(other.whole)?.checked_sub(borrow)?;
        Some(Self { whole, fraction })
    }

    /// This share of it, which is at most one; `None` if it has more decimal places than are kept.
    pub(super) fn share(self, share: Rate) -> Option<Self> {
        let (digits, places) = (u128::from(share.digits()), ten_to(share.places()));
        let whole = u128::from(self.whole).checked_mul(digits)?;
        let rest =
            whole.checked_rem(places)?.checked_mul(ten_to(FRACTION_PLACES.checked_sub(share.places())?))?;
        let whole = Self { whole: u64::try_from(whole.checked_div(places)?).ok()?, fraction: rest };
        // The fraction is cut where its share has a last place to end in.
        let fine = self.fraction.checked_rem(places)?.checked_mul(digits)?;
        if fine.checked_rem(places)? != 0 {
            return None;
        }
        let coarse = self.fraction.checked_div(places)?.checked_mul(digits)?;
        let fraction = coarse.checked_add(fine.checked_div(places)?)?;
        whole.plus(Self { whole: 0, fraction })
    }

    fn in_range(self) -> Option<Self> {
        i64::try_from(self.whole).is_ok().then_some(self)
    }

    /// To the nearest number with so many decimal places of the whole currency unit, by this mode; `None` if its whole
    /// steps are beyond `i64`.
    pub(super) fn rounded(self, rounding: Rounding, places: u8, unit: Unit) -> Option<Self> {
        // How many there are of the last place in full, whether that is odd, and the rest beside the middle.
        let (odd, middle, exact, down, grain) = match places.checked_sub(unit.scale()) {
            Some(finer) => {
                let grain = ten_to(FRACTION_PLACES.checked_sub(finer)?);
                let (count, rest) = (self.fraction.checked_div(grain)?, self.fraction.checked_rem(grain)?);
                // Ten of a finer place are an even number of them.
                let odd = if finer == 0 { !self.whole.is_multiple_of(2) } else { !count.is_multiple_of(2) };
                let down = Self { fraction: self.fraction.checked_sub(rest)?, ..self };
                let middle = rest.checked_mul(2)?.cmp(&grain);
                // A whole step has no room in a fraction.
                let grain = if grain == ONE { Self::of(1) } else { Self { whole: 0, fraction: grain } };
                (odd, middle, rest == 0, down, grain)
            }
            None => {
                let grain = u64::try_from(ten_to(unit.scale().checked_sub(places)?)).ok()?;
                let (count, rest) = (self.whole.checked_div(grain)?, self.whole.checked_rem(grain)?);
                let middle = rest.cmp(&grain.checked_div(2)?).then(self.fraction.cmp(&0));
                let exact = rest == 0 && self.fraction == 0;
                let down = Self::of(self.whole.checked_sub(rest)?);
                (!count.is_multiple_of(2), middle, exact, down, Self::of(grain))
            }
        };
        let up = match rounding {
            Rounding::Down => false,
            Rounding::HalfUp => middle.is_ge(),
            Rounding::HalfEven => middle.is_gt() || (middle.is_eq() && odd),
            Rounding::Up => !exact,
        };
        if up { down.plus(grain) } else { Some(down) }
    }

    pub(super) fn round(self, rounding: Rounding, unit: Unit) -> Result<Amount, PriceError> {
        let middle = self.fraction.cmp(&MIDDLE);
        let up = match rounding {
            Rounding::Down => false,
            Rounding::HalfUp => middle.is_ge(),
            Rounding::HalfEven => middle.is_gt() || (middle.is_eq() && !self.whole.is_multiple_of(2)),
            Rounding::Up => self.fraction > 0,
        };
        let steps = self.whole.checked_add(u64::from(up)).and_then(|steps| i64::try_from(steps).ok());
        let overflow = || PriceError::Overflow { what: "rounding up".to_owned(), unit };
        Ok(unit.minor(steps.ok_or_else(overflow)?))
    }

    /// What is left of so many whole steps after spending this; `None` if it is not enough.
    pub(super) fn left_of(self, steps: u64) -> Option<Self> {
        let rest = steps.checked_sub(self.whole)?;
        if self.fraction == 0 {
            return Some(Self { whole: rest, fraction: 0 });
        }
        Some(Self { whole: rest.checked_sub(1)?, fraction: ONE.checked_sub(self.fraction)? })
    }

    /// How many times the price of one fits, whole times only, at most `u64::MAX`; `None` if one is free.
    ///
    /// One costs `price / 10^places` steps, so the answer is these steps times `10^places`, divided by `price` and
    /// rounded down. The numerator may need more than 128 bits. It is therefore divided as on paper, from the front,
    /// except that every digit is one of up to 19 decimal places: at most two rounds.
    pub(super) fn whole_times(self, rate: Rate, unit: Unit) -> Option<u64> {
        // A price that has places is below 2^64, and so is a remainder of it: with 19 more digits it is below 2^128.
        const CHUNK: u8 = 19;
        let (behind, lift) = match rate.places().checked_sub(unit.scale()) {
            Some(behind) => (behind, 1),
            None => (0, ten_to(unit.scale().checked_sub(rate.places())?)),
        };
        let price = u128::from(rate.digits()).checked_mul(lift)?;
        let mut times = u128::from(self.whole).checked_div(price)?;
        let mut rest = u128::from(self.whole).checked_rem(price)?;
        // What of the fraction is finer than the price cannot change a quotient that is rounded down.
        let mut digits = self.fraction.checked_div(ten_to(FRACTION_PLACES.checked_sub(behind)?))?;
        let mut places = behind;
        while places > 0 {
            let taken = places.min(CHUNK);
            places = places.checked_sub(taken)?;
            let next = digits.checked_div(ten_to(places))?;
            digits = digits.checked_rem(ten_to(places))?;
            let dividend = rest.checked_mul(ten_to(taken))?.checked_add(next)?;
            // Only this can exceed its bits, and then the answer is beyond 64 bits anyway.
            times = times.saturating_mul(ten_to(taken)).saturating_add(dividend.checked_div(price)?);
            rest = dividend.checked_rem(price)?;
        }
        Some(u64::try_from(times).unwrap_or(u64::MAX))
    }
}

/// 10 to this power, which is at most 38 everywhere here.
const fn ten_to(power: u8) -> u128 {
    // A look-up: computing the power takes longer than the rest of a sum.
    const POWERS: [u128; 39] = {
        let mut powers = [1; 39];
        let (mut rest, mut power): (&mut [u128], u128) = (&mut powers, 1);
        while let Some((first, others)) = rest.split_first_mut() {
            *first = power;
            power = power.saturating_mul(10);
            rest = others;
        }
        powers
    };
    match POWERS.split_at_checked(power as usize) {
        Some((_, [value, ..])) => *value,
        _ => u128::MAX,
    }
}
