//! Which work is like which.

/// What work is like, from the general to the particular: first what is done and by what (`"chat"`, `"gpt-4o"`), then
/// for whom, then how large it is. A [`UsageForecast`](crate::UsageForecast) learns on every level, and where it has seen
/// little of the particular it goes by the general.
///
/// A level is not the text but a number of 128 bits made from it and the levels before it, the same on every machine and
/// in every version. So a path is `Copy`, takes text of any length, and a saved forecast has no customer's name in it. The
/// number is no secret, and is not made to withstand someone who may choose names freely.
///
/// ```
/// use billing_guard::KeyPath;
///
/// let path = KeyPath::new("chat gpt-4o").then("acct_ana").sized(1_200);
/// // 1,200 and 1,500 are both from 1,024 up to 2,047.
/// assert_eq!(path, KeyPath::new("chat gpt-4o").then("acct_ana").sized(1_500));
/// assert_ne!(path, KeyPath::new("chat gpt-4o").then("acct_ana").sized(2_048));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KeyPath {
    levels: [u128; Self::MAX_LEVELS],
    /// How many of them there are: from 1.
    count: u8,
}

impl KeyPath {
    /// The most levels. Further ones make the last level more particular, with no level between.
    pub const MAX_LEVELS: usize = 4;

    /// A path of one level: all work of this kind.
    #[must_use]
    pub fn new(kind: &str) -> Self {
        Self { levels: [digest(START, kind.as_bytes()), 0, 0, 0], count: 1 }
    }

    /// This path with one more level under it.
    #[must_use]
    pub fn then(self, part: &str) -> Self {
        self.under(part.as_bytes(), b't')
    }

    /// This path with one more level under it: work of about this size, such as the length of what goes in. Sizes
    /// from a power of two up to just below the next one are the same.
    #[must_use]
    pub fn sized(self, size: u64) -> Self {
        let octave = size.checked_ilog2().map_or(0, |octave| octave.saturating_add(1));
        self.under(&octave.to_be_bytes(), b's')
    }

    /// The same path for one of several quantities.
    pub(crate) fn about(mut self, name: &str) -> Self {
        // Every job asks for this, so the name is read once and not for each level.
        let mark = digest(digest(START, name.as_bytes()), b"q");
        for level in self.levels.iter_mut().take(usize::from(self.count)) {
            *level = (*level ^ mark).wrapping_mul(PRIME);
        }
        self
    }

    fn under(mut self, part: &[u8], kind: u8) -> Self {
        let above = self.levels().last().copied().unwrap_or_default();
        let level = digest(digest(above, part), &[kind]);
        let place = usize::from(self.count).min(Self::MAX_LEVELS.saturating_sub(1));
        if let Some(free) = self.levels.get_mut(place) {
            *free = level;
        }
        self.count = u8::try_from(place.saturating_add(1)).unwrap_or(self.count);
        self
    }

    /// From the root; at least one.
    pub(crate) fn levels(&self) -> &[u128] {
        self.levels.get(..usize::from(self.count)).unwrap_or_default()
    }
}

/// The offset basis of FNV-1a with 128 bits, and its prime.
const START: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;

/// FNV-1a with 128 bits, begun from any state and closed with the length, so that `ab`, `c` and `a`, `bc` differ.
fn digest(start: u128, text: &[u8]) -> u128 {
    let step = |state: u128, byte: u8| (state ^ u128::from(byte)).wrapping_mul(PRIME);
    let length = u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes();
    text.iter().chain(&length).fold(start, |state, byte| step(state, *byte))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_level_depends_on_all_before_it_and_on_nothing_after() {
        let long = KeyPath::new("chat").then("ana").sized(1_200);
        assert_eq!(long.levels().len(), 3);
        assert_eq!(long.levels()[..2], *KeyPath::new("chat").then("ana").levels());
        assert_eq!(long.levels()[..1], *KeyPath::new("chat").levels());
        assert_ne!(
            KeyPath::new("chat").then("ana").levels()[1],
            KeyPath::new("code").then("ana").levels()[1]
        );
    }

    #[test]
    fn different_paths_have_different_levels() {
        let mut seen = HashSet::new();
        for kind in ["", "a", "ab", "b"] {
            assert!(seen.insert(KeyPath::new(kind).levels()[0]));
            for part in ["", "a", "b", "bc", "c"] {
                assert!(seen.insert(KeyPath::new(kind).then(part).levels()[1]));
            }
            for octave in 0..64 {
                assert!(seen.insert(KeyPath::new(kind).sized(1 << octave).levels()[1]));
            }
            assert!(seen.insert(KeyPath::new(kind).sized(0).levels()[1]));
        }
    }

    #[test]
    fn sizes_are_told_apart_by_powers_of_two() {
        let sized = |size| KeyPath::new("chat").sized(size);
        assert_ne!(sized(0), sized(1));
        for (first, last) in [(1, 1), (2, 3), (4, 7), (1 << 40, (1 << 41) - 1), (1 << 63, u64::MAX)] {
            assert_eq!(sized(first), sized(last));
            assert_ne!(sized(first), sized(first - 1));
        }
    }

    #[test]
    fn further_levels_make_the_last_more_particular() {
        let full = KeyPath::new("a").then("b").then("c").then("d");
        let more = full.then("e");
        assert_eq!(more.levels().len(), KeyPath::MAX_LEVELS);
        assert_eq!(more.levels()[..3], full.levels()[..3]);
        assert_ne!(more.levels()[3], full.levels()[3]);
        assert_ne!(more, full.then("f"));
    }

    /// Saved forecasts depend on it.
    #[test]
    fn the_numbers_never_change() {
        let path = KeyPath::new("chat gpt-4o").then("acct_ana").sized(1_200);
        let levels: Vec<_> = path.levels().iter().map(|level| format!("{level:032x}")).collect();
        let wanted = [
            "1c0a0b5620fa1817b7fc1176d631d589",
            "7871ce6773098404d814f94436f39ec2",
            "31b593753b6614867116d10c3005703b",
        ];
        assert_eq!(levels, wanted);
    }
}
