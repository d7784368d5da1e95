//! The scale that quantities are placed on: logarithmic by octaves (from a power of two to the next) and linear within one.
//! On it a relative margin is an addition, and everything stays an integer.

/// One octave on the scale. Positions have 20 bits after the point.
pub(super) const OCTAVE: u64 = 1 << FRACTION_BITS;
pub(super) const FRACTION_BITS: u32 = 20;

/// Cells of the histogram in one octave: each is an eighth, 12.5 % wide at its lower end and 6.7 % at its upper.
pub(super) const PER_OCTAVE: u16 = 8;
const CELL_BITS: u32 = 3;
/// A cell on the scale.
pub(super) const CELL: u64 = OCTAVE >> CELL_BITS;

/// Where the quantity lies on the scale, in whole cells.
pub(super) fn cell_of(units: u64) -> u16 {
    let from_one = units.saturating_add(1);
    let octave = from_one.checked_ilog2().unwrap_or(0);
    let eighths = from_one.wrapping_shl(CELL_BITS.saturating_sub(octave));
    let eighths = eighths.wrapping_shr(octave.saturating_sub(CELL_BITS)) & 7;
    let octave = u16::try_from(octave).unwrap_or(0);
    octave.saturating_mul(PER_OCTAVE).saturating_add(u16::try_from(eighths).unwrap_or(0))
}

/// Where those larger than the quantity begin on the scale.
pub(super) fn position_after(units: u64) -> u64 {
    let from_one = units.saturating_add(2);
    let octave = from_one.checked_ilog2().unwrap_or(0);
    let fraction = u128::from(from_one).wrapping_shl(FRACTION_BITS).wrapping_shr(octave)
        & u128::from(OCTAVE.saturating_sub(1));
    (u64::from(octave) << FRACTION_BITS) | u64::try_from(fraction).unwrap_or(0)
}

/// The largest quantity below this position, which is where those that are meant end.
pub(super) fn units_at(position: u64) -> u64 {
    let octave = u32::try_from(position >> FRACTION_BITS).unwrap_or(u32::MAX).min(64);
    let mantissa = u128::from(OCTAVE | (position & (OCTAVE.saturating_sub(1))));
    let from_one = mantissa.wrapping_shl(octave).div_ceil(u128::from(OCTAVE));
    u64::try_from(from_one.saturating_sub(2)).unwrap_or(u64::MAX)
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The first quantity that is not in this cell, plus one, as a fraction with eight in it.
    fn eighths_at_end(place: u16) -> u128 {
        u128::from(8 + place % 8 + 1) << (place / 8)
    }

    /// Quantities as they occur: a few units, thousands, and anything.
    pub(in crate::forecast::usage) fn quantities() -> impl Strategy<Value = u64> {
        prop_oneof![0_u64..40, 0_u64..60_000, (0_u32..64).prop_map(|octave| 1 << octave), any::<u64>()]
    }

    proptest! {
        #[test]
        fn a_quantity_lies_in_its_cell_and_larger_ones_not_in_lower_ones(units in quantities()) {
            let place = cell_of(units);
            let eighths = 8 * (u128::from(units) + 1);
            prop_assert!(eighths < eighths_at_end(place) || units == u64::MAX);
            prop_assert!(place == 0 || eighths >= eighths_at_end(place - 1) || units == u64::MAX);
            // Back from the scale, it lies between the cell's ends.
            let start = CELL * u64::from(place);
            prop_assert!(units_at(start) <= units);
            prop_assert!(units <= units_at(start + CELL) || units == u64::MAX);
        }

        #[test]
        fn the_scale_is_monotone_and_an_octave_is_twice_as_much(position in OCTAVE..63 * OCTAVE, step in 0..OCTAVE) {
            prop_assert!(units_at(position) <= units_at(position + step));
            // The next whole number, counted from one.
            let after = |position| u128::from(units_at(position)) + 2;
            let (once, twice) = (after(position), after(position + OCTAVE));
            prop_assert!(twice <= 2 * once && 2 * once <= twice + 1);
        }

        #[test]
        fn what_comes_after_a_quantity_begins_with_the_next_one(units in quantities()) {
            let after = position_after(units);
            let back = units_at(after);
            // Positions have 20 bits after the point.
            prop_assert!(back <= units && units - back <= units >> FRACTION_BITS, "{} {}", units, back);
            prop_assert!(after / CELL == u64::from(cell_of(units.saturating_add(1))));
        }
    }
}
