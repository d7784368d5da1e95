//! The shape of a week's spending, and how uneven it is.

/// How many hours a week has.
pub(super) const WEEK_HOURS: usize = 7 * 24;

/// A whole, of shares.
const ONE: i128 = 1 << 16;
/// As many bits the largest hour has, and the largest weight: so nothing overflows, and what is left out is too little to
/// matter.
const BITS: u32 = 32;
/// As many more bits an hour has where small differences of it count.
const MORE_BITS: u32 = 8;

/// What was spent in the hours of full days and of the beginning of the running one.
pub(super) struct Hours<'a> {
    pub(super) net: &'a [i128],
    pub(super) full_days: usize,
    /// The hour of the week of the first.
    pub(super) first: usize,
}

impl Hours<'_> {
    /// What each of them weighs.
    pub(super) fn weights<'a>(&self, week: &'a [u64; WEEK_HOURS]) -> impl Iterator<Item = u128> + use<'a> {
        week.iter().cycle().skip(self.first).map(|weight| u128::from(*weight))
    }
}

/// The shape of a week's spending, and how uneven it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rhythm {
    /// What each hour of a week weighs, Monday's first: in proportion to what is expected in it.
    pub(super) week: [u64; WEEK_HOURS],
    pub(super) hours_differ: bool,
    pub(super) weekdays_differ: bool,
    /// The variance of what is spent in some time, beside what is expected in it; scaled.
    pub(super) dispersion: u128,
    scale: Scale,
}

impl Rhythm {
    /// `None` if nothing was spent in the full days, or more came back.
    pub(super) fn of(hours: &Hours<'_>) -> Option<Self> {
        let net = hours.net.get(..hours.full_days.saturating_mul(24))?;
        let scale = Scale::of(net);
        let net: Vec<i128> = net.iter().map(|net| scale.signed(*net)).collect();
        if sum(&net) <= 0 {
            return None;
        }
        let two_of_each_day = net.len() >= WEEK_HOURS.saturating_mul(2);
        let days: Vec<i128> = net.chunks(24).map(sum).collect();
        let by_hour: [Group; 24] = groups(&net, 0);
        let by_weekday: [Group; 7] = groups(&days, hours.first.div_euclid(24));
        let hour_share = told_apart(&by_hour);
        let weekday_share = if two_of_each_day { told_apart(&by_weekday) } else { 0 };
        let hour_ratios = shrunk(&by_hour, hour_share);
        let products = shrunk(&by_weekday, weekday_share)
            .into_iter()
            .flat_map(|day| hour_ratios.iter().map(move |hour| hour.saturating_mul(day)));
        let mut week = weights(products);
        let mut cell_share = 0;
        if two_of_each_day {
            // What single hours of the week are off the product, as far as that is no chance either.
            let expected = Expected::of(hours, &week, &net, MORE_BITS);
            let off: Vec<i128> = net
                .iter()
                .zip(hours.weights(&week))
                .map(|(net, weight)| {
                    net.checked_shl(MORE_BITS).unwrap_or(0).saturating_sub(expected.in_hour(weight))
                })
                .collect();
            let by_cell: [Group; WEEK_HOURS] = groups(&off, hours.first);
            cell_share = told_apart(&by_cell);
            week = weights(week.iter().zip(&by_cell).map(|(weight, cell)| {
                let more = cell.mean_of(cell_share);
                u128::try_from(expected.in_hour((*weight).into()).saturating_add(more)).unwrap_or(0)
            }));
        }
        let expected = Expected::of(hours, &week, &net, 0);
        let expected: Vec<i128> =
            hours.weights(&week).map(|weight| expected.in_hour(weight)).take(net.len()).collect();
        let weekday_share = weekday_share.max(cell_share);
        // How many numbers were fitted to them.
        let fitted = |numbers: i128, share: i128| {
            usize::try_from(numbers.saturating_mul(share).div_euclid(ONE)).unwrap_or(0)
        };
        let by_day = fitted(6, weekday_share);
        let by_hour = fitted(23, hour_share).saturating_add(fitted(138, cell_share)).saturating_add(by_day);
        let blocks = [(1, by_hour), (24, by_day), (2 * 24, 0), (4 * 24, 0), (7 * 24, 0)];
        let unevenness = blocks.into_iter().map(|(size, fitted)| dispersion(&net, &expected, size, fitted));
        Some(Self {
            week,
            hours_differ: hour_share >= ONE / 2,
            weekdays_differ: weekday_share >= ONE / 2,
            dispersion: unevenness.max().unwrap_or(0),
            scale,
        })
    }

    /// A number of steps on the scale of the dispersion.
    pub(super) fn scaled(&self, steps: u128) -> u128 {
        match self.scale {
            Scale::Up(bits) if steps.leading_zeros() < bits => u128::MAX,
            Scale::Up(bits) => steps.checked_shl(bits).unwrap_or(u128::MAX),
            Scale::Down(bits) => steps.checked_shr(bits).unwrap_or(0),
        }
    }
}

/// By how many bits numbers are made larger or smaller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scale {
    Up(u32),
    Down(u32),
}

impl Scale {
    /// So that the largest has so many bits.
    fn of(numbers: &[i128]) -> Self {
        let largest = numbers.iter().map(|number| number.unsigned_abs()).max().unwrap_or(0);
        let bits = u128::BITS.saturating_sub(largest.leading_zeros());
        match bits.checked_sub(BITS) {
            Some(more) => Self::Down(more),
            None => Self::Up(BITS.saturating_sub(bits)),
        }
    }

    fn signed(self, number: i128) -> i128 {
        match self {
            Self::Up(bits) => number.checked_shl(bits).unwrap_or(0),
            Self::Down(bits) => number.checked_shr(bits).unwrap_or(0),
        }
    }
}

/// Numbers that may differ from those of other groups.
#[derive(Clone, Copy, Default)]
struct Group {
    count: i128,
    sum: i128,
    squares: i128,
}

impl Group {
    fn add(&mut self, number: i128) {
        self.count = self.count.saturating_add(1);
        self.sum = self.sum.saturating_add(number);
        self.squares = self.squares.saturating_add(number.saturating_mul(number));
    }

    fn and(self, other: &Self) -> Self {
        Self {
            count: self.count.saturating_add(other.count),
            sum: self.sum.saturating_add(other.sum),
            squares: self.squares.saturating_add(other.squares),
        }
    }

    /// The square of the sum beside the count: the squares, if all its numbers were the mean.
    fn squares_of_mean(&self) -> i128 {
        self.sum.saturating_mul(self.sum).checked_div(self.count).unwrap_or(0)
    }

    /// This share of the mean.
    fn mean_of(&self, share: i128) -> i128 {
        self.sum.saturating_mul(share).checked_div(self.count.saturating_mul(ONE)).unwrap_or(0)
    }
}

/// Each number belongs to the next group, from this one on and round and round.
fn groups<const N: usize>(numbers: &[i128], first: usize) -> [Group; N] {
    let mut groups = [Group::default(); N];
    for (index, number) in numbers.iter().enumerate() {
        let group = index.saturating_add(first).checked_rem(N).and_then(|index| groups.get_mut(index));
        if let Some(group) = group {
            group.add(*number);
        }
    }
    groups
}

fn sum(numbers: &[i128]) -> i128 {
    numbers.iter().fold(0, |sum, number| sum.saturating_add(*number))
}

/// How much of the differences between the means of the groups is more than chance: of a whole, one less the reciprocal of
/// the F statistic. Nothing, if no group has two numbers.
fn told_apart(groups: &[Group]) -> i128 {
    let all = groups.iter().fold(Group::default(), Group::and);
    let used = groups.iter().filter(|group| group.count > 0).count();
    let used = i128::try_from(used).unwrap_or(0);
    let of_means = groups.iter().fold(0_i128, |sum, group| sum.saturating_add(group.squares_of_mean()));
    // Each a mean square, times the degrees of freedom of both.
    let between =
        of_means.saturating_sub(all.squares_of_mean()).saturating_mul(all.count.saturating_sub(used));
    let within = all.squares.saturating_sub(of_means).saturating_mul(used.saturating_sub(1));
    let more = between.saturating_sub(within).max(0);
    more.saturating_mul(ONE).checked_div(between).unwrap_or(0).max(0)
}

/// The mean of each group beside that of all, with only this share of the difference and not below nothing; of 32 bits.
fn shrunk<const N: usize>(groups: &[Group; N], share: i128) -> [u128; N] {
    let all = groups.iter().fold(Group::default(), Group::and);
    groups.map(|group| {
        let mean_of_all = group.count.saturating_mul(all.sum);
        let mean = group.sum.saturating_mul(all.count);
        let part = share.saturating_mul(mean.saturating_sub(mean_of_all));
        let whole = mean_of_all.saturating_mul(ONE);
        let ratio = whole.saturating_add(part).max(0).checked_shl(BITS).unwrap_or(0);
        // A day of the week that was not there is like all others.
        u128::try_from(ratio.checked_div(whole).unwrap_or(1_i128 << BITS)).unwrap_or(0)
    })
}

/// The same numbers in the same proportions, the largest with so many bits at most.
fn weights(hours: impl Iterator<Item = u128>) -> [u64; WEEK_HOURS] {
    let mut all = [0_u128; WEEK_HOURS];
    for (slot, hour) in all.iter_mut().zip(hours) {
        *slot = hour;
    }
    let largest = all.iter().max().copied().unwrap_or(0);
    let more = u128::BITS.saturating_sub(largest.leading_zeros()).saturating_sub(BITS);
    all.map(|hour| hour.checked_shr(more).and_then(|hour| u64::try_from(hour).ok()).unwrap_or(0))
}

/// What is expected in an hour that weighs so much, if as much is expected in all as was spent.
struct Expected {
    spent: u128,
    weight: u128,
}

impl Expected {
    fn of(hours: &Hours<'_>, week: &[u64; WEEK_HOURS], net: &[i128], more_bits: u32) -> Self {
        let all = hours.weights(week).take(net.len());
        let weight = all.fold(0_u128, u128::saturating_add);
        let spent = u128::try_from(sum(net)).unwrap_or(0).checked_shl(more_bits).unwrap_or(0);
        Self { spent, weight }
    }

    fn in_hour(&self, weight: u128) -> i128 {
        let expected = weight.saturating_mul(self.spent).checked_div(self.weight).unwrap_or(0);
        i128::try_from(expected).unwrap_or(i128::MAX)
    }
}

/// The variance of what is spent in blocks of so many hours, beside what is expected in one. Nothing, if there are fewer than
/// three of them.
fn dispersion(net: &[i128], expected: &[i128], size: usize, fitted: usize) -> u128 {
    let blocks = net.rchunks_exact(size).zip(expected.rchunks_exact(size));
    let mut count = 0_usize;
    let (mut squares, mut all) = (0_u128, 0_i128);
    for (net, expected) in blocks {
        let expected = sum(expected);
        let off = sum(net).saturating_sub(expected).unsigned_abs();
        squares = squares.saturating_add(off.saturating_mul(off));
        all = all.saturating_add(expected);
        count = count.saturating_add(1);
    }
    if count < 3 {
        return 0;
    }
    let free = count.saturating_sub(1).saturating_sub(fitted).max(1);
    let wide = |number: usize| u128::try_from(number).unwrap_or(u128::MAX);
    let beside = u128::try_from(all).unwrap_or(0).saturating_mul(wide(free));
    squares.saturating_mul(wide(count)).checked_div(beside).unwrap_or(0)
}
