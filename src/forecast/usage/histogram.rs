//! How large quantities were, the recent ones counting more; in a few hundred bytes, whatever their number and size.

use super::scale::{PER_OCTAVE, cell_of};

/// Octaves that are told apart, the uppermost that were seen.
const OCTAVES: u8 = 16;
const CELLS: usize = 128;

/// After so many samples, one counts half.
const HALF_LIFE: u16 = 1_000;
/// What a sample weighs just after a halving. It grows to twice that until the next one: so the past fades evenly though
/// only one cell changes for a sample.
const STEP: u16 = 16;
/// What a histogram tends to weigh just after a halving: so many samples of `STEP`.
const FULL: u32 = 1_500 * STEP as u32;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Histogram {
    pub(super) weights: [u16; CELLS],
    /// The sum of the weights.
    pub(super) total: u32,
    /// Samples since the last halving.
    pub(super) age: u16,
    /// The lowest octave that is told apart. What is smaller is in the first cell.
    pub(super) low: u8,
    /// No cell above this one has any weight.
    highest: u8,
}

impl Histogram {
    pub(super) const fn new() -> Self {
        Self { weights: [0; CELLS], total: 0, age: 0, low: 0, highest: 0 }
    }

    /// From what was saved. `None` if it cannot have come from samples.
    pub(super) fn from_cells(age: u16, low: u8, cells: &[(u8, u16)]) -> Option<Self> {
        let mut histogram = Self { age, low, ..Self::new() };
        let mut next = 0;
        for (cell, weight) in cells {
            if *cell < next || *weight == 0 {
                return None;
            }
            *histogram.weights.get_mut(usize::from(*cell))? = *weight;
            histogram.total = histogram.total.saturating_add(u32::from(*weight));
            histogram.highest = *cell;
            next = cell.saturating_add(1);
        }
        // No sample weighs more than twice `STEP`, so this stays true: also of the half of it, and in 16 bits.
        let samples = u32::from(HALF_LIFE).saturating_add(u32::from(age));
        let most = samples.saturating_mul(2).saturating_mul(u32::from(STEP));
        let possible = age < HALF_LIFE && low <= 64_u8.saturating_sub(OCTAVES) && histogram.total <= most;
        possible.then_some(histogram)
    }

    /// The cells that have weight, in their order.
    pub(super) fn cells(&self) -> impl Iterator<Item = (u8, u16)> {
        (0_u8..).zip(self.weights).filter(|(_, weight)| *weight > 0)
    }

    /// How many samples it is worth: those long ago count for little.
    pub(super) fn samples(&self) -> u32 {
        self.total.checked_div(u32::from(self.step())).unwrap_or(0)
    }

    /// What a sample weighs now.
    pub(super) fn step(&self) -> u16 {
        // At most 16 * 999.
        STEP.saturating_add(STEP.saturating_mul(self.age) / HALF_LIFE)
    }

    pub(super) fn add(&mut self, units: u64) {
        let cell = self.make_room(cell_of(units));
        let step = self.step();
        if let Some(weight) = self.weights.get_mut(usize::from(cell)) {
            *weight = weight.saturating_add(step);
            self.total = self.total.saturating_add(u32::from(step));
            self.highest = self.highest.max(cell);
        }
        self.age = self.age.saturating_add(1);
        if self.age >= HALF_LIFE {
            self.age = 0;
            for weight in &mut self.weights {
                *weight /= 2;
            }
            self.recount();
            self.lower();
        }
    }

    /// The cell for a place on the scale, after raising the octaves that are told apart if it is above them.
    fn make_room(&mut self, place: u16) -> u8 {
        let octave = u8::try_from(place / PER_OCTAVE).unwrap_or(u8::MAX);
        let needed = octave.saturating_add(1).saturating_sub(OCTAVES);
        if needed > self.low {
            self.raise(needed);
        }
        let first = u16::from(self.low).saturating_mul(PER_OCTAVE);
        u8::try_from(place.saturating_sub(first)).unwrap_or(u8::MAX)
    }

    /// Tells apart from this octave on. What is below goes to the first cell.
    fn raise(&mut self, low: u8) {
        let cells = cells_in(low.saturating_sub(self.low)).min(CELLS);
        let below = self.weights.iter().take(cells).fold(0_u16, |sum, weight| sum.saturating_add(*weight));
        self.weights.copy_within(cells.., 0);
        for weight in self.weights.iter_mut().skip(CELLS.saturating_sub(cells)) {
            *weight = 0;
        }
        if let Some(first) = self.weights.first_mut() {
            *first = first.saturating_add(below);
        }
        self.low = low;
        self.recount();
    }

    /// Gives up octaves at the top that are empty again for such at the bottom, so that one outlier does not blur the
    /// rest for ever. How small what was in the first cell really was is not known any more; it stays in the first cell,
    /// so that what comes now decides.
    fn lower(&mut self) {
        let octaves = OCTAVES.saturating_sub(1).saturating_sub(self.highest / 8).min(self.low);
        let Some(blurred) = self.weights.first().copied().filter(|_| octaves > 0) else { return };
        let cells = cells_in(octaves);
        self.weights.copy_within(..CELLS.saturating_sub(cells), cells);
        for weight in self.weights.iter_mut().take(cells.saturating_add(1)) {
            *weight = 0;
        }
        if let Some(first) = self.weights.first_mut() {
            *first = blurred;
        }
        self.low = self.low.saturating_sub(octaves);
        self.recount();
    }

    fn recount(&mut self) {
        self.total = self.weights.iter().fold(0, |sum: u32, weight| sum.saturating_add(u32::from(*weight)));
        let highest = self.weights.iter().rposition(|weight| *weight > 0).unwrap_or(0);
        self.highest = u8::try_from(highest).unwrap_or(0);
    }

    /// Takes in what another has seen. In all it then weighs no more than either could have come to by itself.
    pub(super) fn merge(&mut self, other: &Self) {
        if other.total == 0 {
            return;
        }
        if self.total == 0 {
            self.clone_from(other);
            return;
        }
        let mut other = other.clone();
        let low = self.low.max(other.low);
        for histogram in [&mut *self, &mut other] {
            if histogram.low < low {
                histogram.raise(low);
            }
            histogram.rejuvenate();
        }
        let sum = self.total.saturating_add(other.total);
        for (weight, more) in self.weights.iter_mut().zip(other.weights) {
            let both = u32::from(*weight).saturating_add(u32::from(more));
            *weight = u16::try_from(scaled(both, FULL.min(sum), sum)).unwrap_or(u16::MAX);
        }
        self.recount();
    }

    /// The same weights as if the last sample had weighed `STEP`.
    fn rejuvenate(&mut self) {
        let step = u32::from(self.step());
        for weight in &mut self.weights {
            *weight = u16::try_from(scaled(u32::from(*weight), u32::from(STEP), step)).unwrap_or(u16::MAX);
        }
        self.age = 0;
        self.recount();
    }

    pub(super) fn weight_at(&self, place: u16) -> u16 {
        let first = u16::from(self.low).saturating_mul(PER_OCTAVE);
        let cell = place.checked_sub(first).map(usize::from);
        cell.and_then(|cell| self.weights.get(cell)).copied().unwrap_or(0)
    }

    pub(super) fn highest_place(&self) -> u16 {
        u16::from(self.low).saturating_mul(PER_OCTAVE).saturating_add(u16::from(self.highest))
    }
}

fn cells_in(octaves: u8) -> usize {
    usize::from(octaves).saturating_mul(usize::from(PER_OCTAVE))
}

/// `number * numerator / denominator`, to the nearest.
fn scaled(number: u32, numerator: u32, denominator: u32) -> u32 {
    let product =
        u64::from(number).saturating_mul(u64::from(numerator)).saturating_add(u64::from(denominator / 2));
    let quotient = product.checked_div(u64::from(denominator)).unwrap_or(0);
    u32::try_from(quotient).unwrap_or(u32::MAX)
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::forecast::usage::mixture::Mixture;
    use crate::forecast::usage::scale::tests::quantities;
    use crate::forecast::usage::scale::{CELL, units_at};

    pub(crate) fn filled(units: impl IntoIterator<Item = u64>) -> Histogram {
        let mut histogram = Histogram::new();
        units.into_iter().for_each(|units| histogram.add(units));
        histogram
    }

    /// So many rounds of these quantities, and the weights of all cells there are, counted without limits.
    fn with_map(units: &[u64], rounds: usize) -> (Histogram, BTreeMap<u16, u32>) {
        let (mut histogram, mut map) = (Histogram::new(), BTreeMap::<u16, u32>::new());
        for (number, units) in units.iter().cycle().take(units.len() * rounds).enumerate() {
            histogram.add(*units);
            *map.entry(cell_of(*units)).or_default() +=
                16 + 16 * (u32::try_from(number).unwrap() % 1_000) / 1_000;
            if number % 1_000 == 999 {
                map.values_mut().for_each(|weight| *weight /= 2);
            }
        }
        (histogram, map)
    }

    fn position(histogram: &Histogram, tail_permille: u16) -> u64 {
        Mixture::of([Some(histogram)]).unwrap().position_above(tail_permille)
    }

    proptest! {
        /// Against a map of all cells there are, counted from end to end.
        #[test]
        fn weights_are_those_of_a_map_without_limits(
            units in prop::collection::vec(0_u64..65_000, 1..60),
            repeat in 1_usize..60,
            tail in 1_u16..1_000,
        ) {
            let (histogram, map) = with_map(&units, repeat);
            for place in 0..512 {
                let wanted = map.get(&place).copied().unwrap_or(0);
                prop_assert_eq!(u32::from(histogram.weight_at(place)), wanted, "at {}", place);
            }
            let total: u32 = map.values().sum();
            prop_assert_eq!(histogram.total, total);

            // Above the end of the cell that was found lies no more than the tail, above its start more than that.
            let found = position(&histogram, tail);
            let place = u16::try_from((found - 1) / CELL).unwrap();
            let above = |from: u16| map.range(from..).map(|(_, weight)| *weight).sum::<u32>();
            let allowed = f64::from(total) * f64::from(tail) / 1_000.0;
            prop_assert!(f64::from(above(place + 1)) <= allowed + 0.001);
            prop_assert!(f64::from(above(place)) > allowed - 0.001);
        }

        /// Whatever the sizes: what is found is never too low because octaves were given up.
        #[test]
        fn giving_up_low_octaves_never_lowers_what_is_found(
            units in prop::collection::vec(quantities(), 1..80),
            repeat in 1_usize..60,
            tail in 1_u16..1_000,
        ) {
            let (histogram, map) = with_map(&units, repeat);
            let total: u32 = map.values().sum();
            let found = position(&histogram, tail).div_ceil(CELL);
            let above: u32 = map.range(u16::try_from(found).unwrap()..).map(|(_, weight)| *weight).sum();
            // Cells that were halved together lose less to rounding than one by one.
            let lost = u32::try_from(16 * units.len()).unwrap();
            prop_assert!(f64::from(above) <= f64::from(total + lost) * f64::from(tail) / 1_000.0 + f64::from(lost));
            let sum: u32 = histogram.weights.iter().map(|weight| u32::from(*weight)).sum();
            prop_assert_eq!(sum, histogram.total);
            prop_assert!(histogram.weights.iter().skip(usize::from(histogram.highest) + 1).all(|weight| *weight == 0));
        }

        #[test]
        fn merging_adds_up_in_either_order(
            one in prop::collection::vec(quantities(), 0..1_500),
            two in prop::collection::vec(quantities(), 0..1_500),
        ) {
            let (one, two) = (filled(one), filled(two));
            let (mut ab, mut ba) = (one.clone(), two.clone());
            ab.merge(&two);
            ba.merge(&one);
            prop_assert_eq!(&ab, &ba);
            let samples = one.samples() + two.samples();
            // Each cell is rounded to half a sixteenth of a sample.
            prop_assert!(ab.samples() <= samples + 9 && ab.samples() + 9 >= samples.min(1_500));
            let mut alone = one.clone();
            alone.merge(&Histogram::new());
            prop_assert_eq!(alone, one);
        }

        /// As often as it is merged with itself, and goes on learning, it can be saved and read again.
        #[test]
        fn what_comes_about_is_taken_for_possible(
            units in prop::collection::vec(quantities(), 1..50),
            rounds in prop::collection::vec((0_usize..2_500, any::<bool>()), 0..6),
        ) {
            let mut histogram = Histogram::new();
            for (count, merge) in rounds {
                units.iter().cycle().take(count).for_each(|units| histogram.add(*units));
                if merge {
                    histogram.merge(&histogram.clone());
                }
                let cells: Vec<_> = histogram.cells().collect();
                let again = Histogram::from_cells(histogram.age, histogram.low, &cells);
                prop_assert_eq!(again, Some(histogram.clone()));
            }
        }
    }

    #[test]
    fn the_past_counts_half_after_a_thousand() {
        let mut histogram = filled(std::iter::repeat_n(100, 10_000));
        let before = histogram.samples();
        assert!((1_400..=1_500).contains(&before), "{before}");
        for (then, wanted) in [(500, 667), (1_000, 500), (1_500, 333), (2_000, 250), (5_000, 31)] {
            let mut later = histogram.clone();
            (0..then).for_each(|_| later.add(5_000));
            let old = later.weight_at(cell_of(100)) / later.step();
            let share = 1_000 * u32::from(old) / before;
            assert!(share.abs_diff(wanted) <= 10, "{share} of 1000 after {then}");
        }
        // In the end nothing is left of it.
        (0..20_000).for_each(|_| histogram.add(5_000));
        assert_eq!(histogram.cells().count(), 1);
    }

    #[test]
    fn an_outlier_is_forgotten_and_the_small_told_apart_again() {
        let mut histogram = filled(std::iter::repeat_n(100, 5_000));
        let usual = units_at(position(&histogram, 20));
        assert!((100..=102).contains(&usual), "{usual}");
        histogram.add(1 << 50);
        assert_eq!(histogram.low, 35);
        (0..8_000).for_each(|_| histogram.add(100));
        assert_eq!(histogram.low, 0);
        (0..50).for_each(|_| histogram.add(100));
        let again = units_at(position(&histogram, 20));
        assert!((100..=102).contains(&again), "{again}");
    }

    #[test]
    fn what_cannot_have_come_from_samples_is_refused() {
        assert!(Histogram::from_cells(0, 0, &[(3, 16), (7, 20)]).is_some());
        for (age, low, cells) in [
            (1_000, 0, &[(3, 16)][..]),
            (0, 49, &[(3, 16)]),
            (0, 0, &[(128, 16)]),
            (0, 0, &[(3, 0)]),
            (0, 0, &[(3, 16), (3, 16)]),
            (0, 0, &[(7, 16), (3, 16)]),
            (0, 0, &[(3, 32_001)]),
            (999, 0, &[(3, 60_000), (4, 5_000)]),
        ] {
            assert_eq!(Histogram::from_cells(age, low, cells), None, "{age} {low} {cells:?}");
        }
    }
}
