//! What is known under a path as a whole: of each level as much as it has seen, and the rest by the level above it.

use super::histogram::Histogram;
use super::scale::CELL;

/// How much a level counts against the one above it: as if that had given so many samples to it.
const PSEUDO_COUNT: u64 = 15;
/// All the mass of a mixture. 48 bits, so that no product of a share and a weight overflows.
const WHOLE: u64 = 1 << 48;

/// A step goes so far that one in so many of those that need more than they have still needs more afterwards. So work takes
/// half a step on average after its first.
const STILL_BEYOND: u64 = 3;
/// The least mass that says where to go next.
const LEAST_BEYOND: u64 = WHOLE / 1_000;

/// Histograms of one path, each mixed with all above it.
pub(super) struct Mixture<'a, const N: usize> {
    /// With what each of its weight counts for. From the root.
    parts: [Option<(u64, &'a Histogram)>; N],
}

impl<'a, const N: usize> Mixture<'a, N> {
    /// From the root; what is missing or empty is as if it was like what is above it. `None` if the root is.
    pub(super) fn of(histograms: [Option<&'a Histogram>; N]) -> Option<Self> {
        let mut rest = WHOLE;
        let mut parts = [None; N];
        let root = histograms.first().copied().flatten().filter(|root| root.total > 0)?;
        for (part, histogram) in parts.iter_mut().zip(histograms).skip(1).rev() {
            let Some(histogram) = histogram.filter(|histogram| histogram.total > 0) else { continue };
            let total = u64::from(histogram.total);
            let above = PSEUDO_COUNT.saturating_mul(u64::from(histogram.step()));
            // At most 2^48 shared among at most 2^17.
            let each = rest.checked_div(total.saturating_add(above)).unwrap_or(0);
            rest = rest.saturating_sub(each.saturating_mul(total));
            *part = Some((each, histogram));
        }
        *parts.first_mut()? = Some((rest.checked_div(u64::from(root.total)).unwrap_or(0), root));
        Some(Self { parts })
    }

    /// The position on the scale above which no more than so many thousandths of what was seen lie. Within a cell, all
    /// is taken to be spread evenly.
    pub(super) fn position_above(&self, tail_permille: u16) -> u64 {
        self.position_of((WHOLE / 1_000).saturating_mul(u64::from(tail_permille)))
    }

    /// How far to go next, having come to this position: of what was seen above it, two thirds lie below the position
    /// given, which is the end of a cell. `None` if too little lies above it to tell.
    pub(super) fn next_step(&self, position: u64) -> Option<u64> {
        let beyond = self.mass_beyond(position);
        let next = self.position_of(beyond / STILL_BEYOND).div_ceil(CELL).saturating_mul(CELL);
        (beyond >= LEAST_BEYOND).then_some(next)
    }

    /// The position above which this much of the mass lies.
    fn position_of(&self, tail: u64) -> u64 {
        let mut above = 0_u64;
        for place in (0..=self.highest_place()).rev() {
            let mass = self.mass_at(place);
            if mass == 0 {
                continue;
            }
            let with = above.saturating_add(mass);
            if with > tail {
                let end = CELL.saturating_mul(u64::from(place).saturating_add(1));
                // `tail - above` is less than `mass`, which is at most 2^48: 17 bits more would not fit.
                let left = u128::from(tail.saturating_sub(above)).saturating_mul(u128::from(CELL));
                let left = left.checked_div(u128::from(mass)).unwrap_or(0);
                return end.saturating_sub(u64::try_from(left).unwrap_or(0));
            }
            above = with;
        }
        0
    }

    /// How much of the mass lies above a position.
    fn mass_beyond(&self, position: u64) -> u64 {
        if position == 0 {
            return WHOLE;
        }
        let cell = u16::try_from(position / CELL).unwrap_or(u16::MAX);
        let whole = (cell.saturating_add(1)..=self.highest_place()).map(|place| self.mass_at(place));
        // Of 48 and of 18 bits.
        let part =
            u128::from(self.mass_at(cell)).saturating_mul(u128::from(CELL.saturating_sub(position % CELL)));
        let part = u64::try_from(part.checked_div(u128::from(CELL)).unwrap_or(0)).unwrap_or(0);
        whole.fold(part, u64::saturating_add)
    }

    fn mass_at(&self, place: u16) -> u64 {
        let masses = (self.parts.iter().flatten())
            .map(|(each, histogram)| each.saturating_mul(u64::from(histogram.weight_at(place))));
        masses.fold(0, u64::saturating_add)
    }

    fn highest_place(&self) -> u16 {
        self.parts.iter().flatten().map(|(_, part)| part.highest_place()).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::forecast::usage::histogram::tests::filled;
    use crate::forecast::usage::scale::position_after;

    proptest! {
        /// Against the same in floating point.
        #[test]
        fn a_mixture_is_each_level_by_its_samples_and_the_rest_by_the_level_above(
            levels in prop::collection::vec(prop::collection::vec(0_u64..4_000, 0..300), 3),
            tail in 1_u16..1_000,
        ) {
            let levels: Vec<_> = levels.into_iter().map(filled).collect();
            prop_assume!(levels[0].total > 0);
            let mut share = [0.0; 3];
            let mut rest = 1.0;
            for level in [2, 1] {
                let samples = f64::from(levels[level].total) / f64::from(levels[level].step());
                share[level] = rest * samples / (samples + 15.0);
                rest -= share[level];
            }
            share[0] = rest;
            let mixture = Mixture::of([Some(&levels[0]), Some(&levels[1]), Some(&levels[2])]).unwrap();
            let found = mixture.position_above(tail);
            let above = |position: f64| -> f64 {
                (0..512_u16)
                    .map(|place| {
                        let part = (f64::from(place) + 1.0 - position).clamp(0.0, 1.0);
                        let mass = |level: usize| {
                            let weight = f64::from(levels[level].weight_at(place));
                            share[level] * weight / f64::from(levels[level].total.max(1))
                        };
                        part * (0..3).map(mass).sum::<f64>()
                    })
                    .sum()
            };
            #[allow(clippy::cast_precision_loss, reason = "far below 2^53")]
            let cells = found as f64 / CELL as f64;
            let tail = f64::from(tail) / 1_000.0;
            // A position is exact to 2^-17 of a cell, which may have all the mass.
            prop_assert!((above(cells) - tail).abs() < 1e-5, "{} above {cells}, not {tail}", above(cells));
        }

        /// Against a count of all that was seen.
        #[test]
        fn a_step_leaves_a_third_of_those_that_need_more(
            units in prop::collection::vec(0_u64..60_000, 1..300),
            from in prop::option::of(0_u64..60_000),
        ) {
            let histogram = filled(units.iter().copied());
            let position = from.map_or(0, position_after);
            let step = Mixture::of([Some(&histogram)]).unwrap().next_step(position);
            // Cells are counted from their end: what shares one with where it begins counts in part.
            let beyond = |position: u64| {
                let weight = (0..512).map(|place| u64::from(histogram.weight_at(place)) * (CELL * (u64::from(place) + 1))
                    .saturating_sub(position).min(CELL));
                weight.sum::<u64>()
            };
            match step {
                None => prop_assert!(1_000 * beyond(position) <= beyond(0) + 1_000),
                Some(step) => {
                    prop_assert!(step > position && step % CELL == 0);
                    let slack = beyond(0) / 100_000 + 1;
                    prop_assert!(3 * beyond(step) <= beyond(position) + slack);
                    prop_assert!(3 * beyond(step - CELL) + slack >= beyond(position) || step - CELL <= position);
                }
            }
        }
    }

    #[test]
    fn nothing_known_at_the_root_is_nothing_known() {
        let (empty, some) = (Histogram::new(), filled([5]));
        assert!(Mixture::of([None, Some(&some)]).is_none());
        assert!(Mixture::of([Some(&empty), Some(&some)]).is_none());
        assert!(Mixture::of([Some(&some), Some(&empty), None]).is_some());
    }
}
