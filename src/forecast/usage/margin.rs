//! How far above what was usual to go, so that as many predictions suffice as are meant to.

use super::scale::{FRACTION_BITS, OCTAVE};

/// What a miss adds: a sixteenth of an octave, some 5 %.
const RISE: u64 = OCTAVE / 16;
/// Where it begins, knowing nothing: twice as much as was usual.
const START: u32 = 1 << FRACTION_BITS;
/// As far as it goes: it could not be told from any ceiling.
const MOST: u64 = OCTAVE * 32;

/// Each miss beyond the expected ones of late adds so much more, until it is forgotten.
const BURST_RISE: u64 = OCTAVE / 4;
/// One miss, in the units in which they are forgotten.
const MISS: u64 = 1 << 16;
/// So many misses of late are no burst. Two are to be expected.
const CALM: u64 = 4 * MISS;
/// Work that ends and could not be predicted for counts as so many times the misses that are to be expected of it.
const COLD: u64 = 16;

/// The misses are to be nine tenths of those allowed.
///
/// Rises and falls keep the share of misses where they balance, whatever the work is like: that is all there is to it. But a
/// margin that ends up higher than it began has had more misses than that, and windows vary; a tenth is for both.
const SPARE: (u64, u64) = (9, 10);

/// A margin on the scale of a histogram: an addition there, so a factor of the quantity.
///
/// It rises by a step on a miss and falls by a small part of that on a hit, but not below nothing. Misses in short
/// succession, as after a change of what the work is like, widen it for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Margin {
    level: u32,
    /// Misses of late.
    burst: u32,
}

impl Margin {
    pub(super) const fn new() -> Self {
        Self { level: START, burst: 0 }
    }

    /// From what was saved. `None` if it cannot have come about.
    pub(super) fn from_parts(level: u32, burst: u32) -> Option<Self> {
        let most_burst = MISS.saturating_mul(2_000);
        (u64::from(level) <= MOST && u64::from(burst) <= most_burst).then_some(Self { level, burst })
    }

    pub(super) const fn parts(self) -> (u32, u32) {
        (self.level, self.burst)
    }

    /// The wider of both, in each respect.
    pub(super) fn max(self, other: Self) -> Self {
        Self { level: self.level.max(other.level), burst: self.burst.max(other.burst) }
    }

    /// What to add to a position on the scale.
    pub(super) fn width(self) -> u64 {
        let burst = u64::from(self.burst).saturating_sub(CALM).saturating_mul(BURST_RISE) / MISS;
        u64::from(self.level).saturating_add(burst)
    }

    /// Learns that work has ended for which nothing could be predicted. While such work ends, much that was begun with it is
    /// still running: what ended so far was the shorter part.
    pub(super) fn learn_cold(&mut self, coverage_permille: u16) {
        let misses = 1_000_u64.saturating_sub(u64::from(coverage_permille));
        let more = MISS.saturating_mul(COLD).saturating_mul(misses) / 1_000;
        let burst = faded(u64::from(self.burst), misses).saturating_add(more);
        self.burst = u32::try_from(burst).unwrap_or(u32::MAX);
    }

    /// Learns whether a prediction suffices that was to do so in so many of a thousand cases.
    pub(super) fn learn(&mut self, missed: bool, coverage_permille: u16) {
        let hits = u64::from(coverage_permille);
        let misses = 1_000_u64.saturating_sub(hits);
        let (level, burst) = (u64::from(self.level), u64::from(self.burst));
        let burst = faded(burst, misses);
        let (level, burst) = if missed {
            (level.saturating_add(RISE), burst.saturating_add(MISS))
        } else {
            let fall = RISE.saturating_mul(misses).saturating_mul(SPARE.0);
            let fall = fall.checked_div(hits.saturating_mul(SPARE.1)).unwrap_or(0);
            (level.saturating_sub(fall), burst)
        };
        self.level = u32::try_from(level.min(MOST)).unwrap_or(u32::MAX);
        self.burst = u32::try_from(burst).unwrap_or(u32::MAX);
    }
}

/// Of two misses, one is forgotten per so many predictions as it takes to have one, so about two are left.
fn faded(burst: u64, misses_permille: u64) -> u64 {
    burst.saturating_sub(burst.saturating_mul(misses_permille) / 2_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(mut margin: Margin, misses: &[bool], coverage: u16) -> Margin {
        misses.iter().for_each(|missed| margin.learn(*missed, coverage));
        margin
    }

    #[test]
    fn a_miss_widens_by_a_sixteenth_and_a_hundred_hits_take_most_of_it_back() {
        assert_eq!(u64::from(START), OCTAVE);
        let start = Margin::new();
        let missed = after(start, &[true], 990);
        assert_eq!(missed.width() - start.width(), OCTAVE / 16);
        let back = after(missed, &[false; 99], 990);
        let taken = missed.width() - back.width();
        assert!((880..=900).contains(&(taken * 1_000 / RISE)), "{taken}");
        // And no more than all of it, in the end.
        assert_eq!(after(start, &vec![false; 20_000], 990).width(), 0);
    }

    #[test]
    fn a_burst_widens_it_until_it_is_over() {
        let start = after(Margin::new(), &vec![false; 20_000], 990);
        let few = after(start, &[true; 4], 990);
        assert_eq!(few.width(), 4 * RISE);
        let many = after(start, &[true; 14], 990);
        // Ten more than four, less what is forgotten of them meanwhile.
        let burst = many.width() - 14 * RISE;
        assert!((8 * BURST_RISE..10 * BURST_RISE).contains(&burst), "{burst}");
        let over = after(many, &[false; 400], 990);
        assert_eq!(over.width(), u64::from(over.parts().0));
    }

    #[test]
    fn much_that_was_begun_cold_widens_it_until_it_has_ended() {
        for coverage in [900, 990, 999] {
            let share = 10_000 / (1_000 - u32::from(coverage));
            let cold = |count| {
                let mut margin = Margin::new();
                (0..count).for_each(|_| margin.learn_cold(coverage));
                margin.width() - OCTAVE
            };
            // By as many misses as are allowed in so much work: none for 20, a little for 40, several octaves for 400.
            let [few, more, most] = [20, 40, 400].map(|count| cold(count * share / 1_000));
            assert!(few == 0 && (OCTAVE / 4..OCTAVE).contains(&more), "{few} {more}");
            assert!((5 * OCTAVE..8 * OCTAVE).contains(&most), "{most}");
        }
    }

    /// Whatever it is that must be exceeded: the misses come out as meant.
    #[test]
    fn misses_are_as_many_as_they_may_be() {
        for coverage in [500, 800, 900, 950, 990, 995, 999] {
            for shape in 0_u32..4 {
                let mut margin = Margin::new();
                let (mut state, mut misses) = (1_u64, 0_u32);
                let count = 200_000;
                for _ in 0..count {
                    state =
                        state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    let uniform = (state >> 33) % OCTAVE;
                    // From evenly spread to one with a long tail; one to be below nothing in half of the cases.
                    let needed = match shape {
                        0 => 4 * uniform,
                        1 => uniform * uniform / OCTAVE * 8,
                        2 => OCTAVE * OCTAVE / (uniform + OCTAVE / 4),
                        _ => (8 * uniform).saturating_sub(4 * OCTAVE),
                    };
                    let missed = needed > margin.width();
                    misses += u32::from(missed);
                    margin.learn(missed, coverage);
                }
                // Each has widened it by a step, and the hits took back nine tenths of those allowed to them.
                let allowed = count * u32::from(1_000 - coverage) / 1_000;
                let widened = u64::from(margin.parts().0).saturating_sub(OCTAVE) / RISE;
                let hits = u64::from(count - misses);
                let back = hits * u64::from(1_000 - coverage) * 9 / u64::from(10 * coverage);
                let most = u32::try_from(back + widened + 1).unwrap();
                assert!(misses <= most, "{misses} of {most} at {coverage}, shape {shape}");
                assert!(2 * misses >= allowed, "{misses} of {allowed} at {coverage}, shape {shape}");
            }
        }
    }

    #[test]
    fn it_stays_within_what_is_saved() {
        for coverage in [500, 990, 999] {
            let most = after(Margin::new(), &vec![true; 50_000], coverage);
            let (level, burst) = most.parts();
            assert_eq!(Margin::from_parts(level, burst), Some(most));
            assert_eq!(u64::from(level), MOST);
        }
        assert_eq!(Margin::from_parts(u32::MAX, 0), None);
        assert_eq!(Margin::from_parts(0, u32::MAX), None);
    }
}
