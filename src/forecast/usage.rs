//! How large an unknown quantity will be, from how large it was.

mod histogram;
mod keys;
mod margin;
mod mixture;
pub(crate) mod path;
mod saved;
mod scale;

use serde::{Deserialize, Serialize};

use crate::forecast::usage::histogram::Histogram;
use crate::forecast::usage::keys::Keys;
use crate::forecast::usage::margin::Margin;
use crate::forecast::usage::mixture::Mixture;
use crate::forecast::usage::path::KeyPath;

/// How a [`UsageForecast`] is to predict, and how much it may remember.
///
/// ```
/// use billing_guard::ForecastSettings;
///
/// let settings = ForecastSettings::new().with_coverage_permille(995).with_capacity(20_000);
/// assert_eq!((settings.coverage_permille(), settings.capacity()), (995, 20_000));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForecastSettings {
    coverage_permille: u16,
    capacity: u32,
}

impl ForecastSettings {
    /// The fewest keys a forecast may be limited to.
    pub const MIN_CAPACITY: u32 = 64;

    /// Coverage of 990 in 1,000; 100,000 keys, which take about 40 MB.
    #[must_use]
    pub const fn new() -> Self {
        Self { coverage_permille: 990, capacity: 100_000 }
    }

    /// In how many of 1,000 cases the predicted quantity is to suffice: from 500 to 999, and the nearer of those
    /// otherwise. A higher coverage leaves less work beyond its hold, and holds more of everyone's balance.
    #[must_use]
    pub const fn with_coverage_permille(mut self, permille: u16) -> Self {
        self.coverage_permille = match permille {
            0..=499 => 500,
            500..=999 => permille,
            _ => 999,
        };
        self
    }

    /// The most keys to remember, each a level of a [`KeyPath`]: at least [`MIN_CAPACITY`](Self::MIN_CAPACITY), also if
    /// this is less. One takes at most 600 bytes, and 400 as a rule. What was learned of least recently is forgotten first.
    #[must_use]
    pub const fn with_capacity(mut self, keys: u32) -> Self {
        self.capacity = if keys < Self::MIN_CAPACITY { Self::MIN_CAPACITY } else { keys };
        self
    }

    /// In how many of 1,000 cases the predicted quantity is to suffice.
    #[must_use]
    pub const fn coverage_permille(self) -> u16 {
        self.coverage_permille
    }

    /// The most keys to remember.
    #[must_use]
    pub const fn capacity(self) -> u32 {
        self.capacity
    }
}

impl Default for ForecastSettings {
    fn default() -> Self {
        Self::new()
    }
}

/// What a [`UsageForecast`] expects of a piece of work: keep it until that is over, then let the forecast learn from both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prediction {
    units: u64,
    ceiling: u64,
    basis: Basis,
}

/// Where the units of a prediction come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Basis {
    /// Too little was known: they are the ceiling.
    Cold,
    /// They are to suffice at the coverage that was set. The position on the scale that they come from, without a margin.
    Claim(u64),
    /// They are only what to begin with; whether nothing was known.
    Beginning { cold: bool },
}

impl Prediction {
    /// How many units to hold for. Never more than the ceiling that was given.
    #[must_use]
    pub const fn units(self) -> u64 {
        self.units
    }

    /// Whether too little was known to predict anything. The units are the ceiling then, or a share of it if they are only what
    /// to [begin](UsageForecast::begin) with.
    #[must_use]
    pub const fn is_cold(self) -> bool {
        matches!(self.basis, Basis::Cold | Basis::Beginning { cold: true })
    }

    fn claim(position: u64, margin: Margin, ceiling: u64) -> Self {
        let units = scale::units_at(position.saturating_add(margin.width())).min(ceiling);
        Self { units, ceiling, basis: Basis::Claim(position) }
    }
}

/// How large a quantity will be that is known only when the work is done, such as the output of a language model: learned
/// from what work of the same kind took, and stated so that it suffices in a given share of cases.
///
/// Under each level of a [`KeyPath`] it keeps how large the quantity was, recent work counting more: a half-life of 1,000
/// pieces of work. A level that has seen little goes by the one above it. What is predicted is what 98 % of that stayed
/// below (for a coverage of 99 %), and a margin on top. The margin is one for all paths with the same root, rises with
/// each piece of work that it would not suffice for, and falls slowly while there is none: where both balance, misses are as
/// many as they may be. So the coverage is kept also when the work changes, with a delay, and need not be alike under all
/// keys of a root.
///
/// The hold of a stream can grow, and need not suffice at once: [`begin`](Self::begin) says how small it may be, and
/// [`further`](Self::further) where to go from there.
///
/// Until enough work has ended under a root (30 pieces for a coverage of 99 %), the ceiling is predicted. What ends first is
/// what was short. So the margin is wider while work still ends for which nothing could be predicted; where a thousand
/// pieces run at once from the start, the first predictions suffice less often all the same.
///
/// It has no clock and reads no files. [`merge`](Self::merge) what several processes have learned.
///
/// ```
/// use billing_guard::{ForecastSettings, KeyPath, UsageForecast};
///
/// let mut forecast = UsageForecast::new(ForecastSettings::new());
/// for (number, account) in (0..5_000_u64).zip(["acct_ana", "acct_bob"].into_iter().cycle()) {
///     let path = KeyPath::new("chat gpt-4o").then(account).sized(1_200);
///     let prediction = forecast.predict(&path, 4_096);
///     // What ana asks takes up to 99 tokens to answer, what bob asks four times as many.
///     let answer = number * 7_919 % 100 * if account == "acct_ana" { 1 } else { 4 };
///     forecast.learn(&path, prediction, answer);
/// }
/// let ana = KeyPath::new("chat gpt-4o").then("acct_ana").sized(1_500);
/// let bob = KeyPath::new("chat gpt-4o").then("acct_bob").sized(1_500);
/// assert!((95..150).contains(&forecast.predict(&ana, 4_096).units()));
/// assert!((380..600).contains(&forecast.predict(&bob, 4_096).units()));
/// assert!(forecast.predict(&KeyPath::new("a kind never seen"), 4_096).is_cold());
/// ```
///
/// # Across restarts
///
/// Save it now and then in any format of `serde`, and load it to go on where it was; what was learned since is lost, and harms
/// nobody. It is saved with a check sum: to load what was damaged or changed by hand is an error that says what is wrong, and
/// never another forecast. Then it is best to begin anew, with the ceiling until enough is known again.
///
/// ```
/// use billing_guard::{ForecastSettings, KeyPath, UsageForecast};
///
/// # let name = format!("billing-guard-forecast-{}.json", std::process::id());
/// # let file = std::env::temp_dir().join(name);
/// # let mut forecast = UsageForecast::new(ForecastSettings::new());
/// # let path = KeyPath::new("chat");
/// # let prediction = forecast.predict(&path, 4_096);
/// # forecast.learn(&path, prediction, 120);
/// // To a file beside it first: so there is a whole one at any moment.
/// let beside = file.with_extension("new");
/// std::fs::write(&beside, serde_json::to_vec(&forecast)?)?;
/// std::fs::rename(&beside, &file)?;
///
/// let load = || -> Result<UsageForecast, Box<dyn std::error::Error>> {
///     Ok(serde_json::from_slice(&std::fs::read(&file)?)?)
/// };
/// assert_eq!(load()?.begin(&path, 4_096), forecast.begin(&path, 4_096));
///
/// let damaged = std::fs::read_to_string(&file)?.replace("\"age\":1", "\"age\":2");
/// std::fs::write(&file, damaged)?;
/// // Tell why in the log, and begin anew. The settings are those of today, not those of the file.
/// let settings = ForecastSettings::new();
/// let after = load().map_or_else(|_why| UsageForecast::new(settings), |loaded| loaded.with_settings(settings));
/// assert_eq!(after.keys(), 0);
/// # std::fs::remove_file(&file)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "saved::Saved", into = "saved::Saved")]
pub struct UsageForecast {
    settings: ForecastSettings,
    keys: Keys,
}

impl UsageForecast {
    /// One that has learned nothing.
    #[must_use]
    pub fn new(settings: ForecastSettings) -> Self {
        Self { settings, keys: Keys::new() }
    }

    /// This one with other settings, such as one that was saved under former ones. If it has too many keys for them,
    /// those learned of least recently are forgotten.
    #[must_use]
    pub fn with_settings(mut self, settings: ForecastSettings) -> Self {
        let mut smaller = Self::new(settings);
        if self.keys.len() > smaller.capacity() {
            smaller.merge(&self);
            return smaller;
        }
        self.settings = settings;
        self
    }

    /// What it goes by.
    #[must_use]
    pub const fn settings(&self) -> ForecastSettings {
        self.settings
    }

    /// How many keys it remembers something of: levels of paths, never more than the capacity.
    #[must_use]
    pub fn keys(&self) -> usize {
        self.keys.len()
    }

    /// How many units the work is going to take at most, at the coverage that was set; never more than the ceiling, which
    /// is what the work cannot exceed, such as the output that was asked for at most.
    #[must_use]
    pub fn predict(&self, path: &KeyPath, ceiling: u64) -> Prediction {
        let tail = 1_000_u16.saturating_sub(self.settings.coverage_permille).saturating_mul(2);
        match self.warm(path) {
            Some((mixture, margin)) => Prediction::claim(mixture.position_above(tail), margin, ceiling),
            None => Prediction { units: ceiling, ceiling, basis: Basis::Cold },
        }
    }

    /// How many units to begin with where the hold can grow while the work is done, as that of a stream: what two thirds of
    /// such work stay within, and never more than the ceiling. Where nothing is known it is a sixteenth of the ceiling.
    ///
    /// It is not meant to suffice: when it does not, ask how much [`further`](Self::further) to go. Work that takes what
    /// it needs that way grows its hold about once in two times, and in the end holds little more than it takes. What it
    /// took teaches the forecast as ever; that it took more than it began with is no miss.
    ///
    /// ```
    /// # use billing_guard::{ForecastSettings, KeyPath, UsageForecast};
    /// let (mut forecast, path) = (UsageForecast::new(ForecastSettings::new()), KeyPath::new("chat"));
    /// let mut extensions = 0;
    /// for number in 0..1_000_u64 {
    ///     let answer = number * 7_919 % 1_000;
    ///     let prediction = forecast.begin(&path, 4_096);
    ///     let mut held = prediction.units();
    ///     while held < answer {
    ///         held = forecast.further(&path, held, 4_096);
    ///         extensions += 1;
    ///     }
    ///     forecast.learn(&path, prediction, answer);
    /// }
    /// assert!(extensions < 600);
    /// ```
    #[must_use]
    pub fn begin(&self, path: &KeyPath, ceiling: u64) -> Prediction {
        let known = self.known(path).and_then(|mixture| mixture.next_step(0)).map(scale::units_at);
        let units = known.unwrap_or(ceiling / 16).max(1).min(ceiling);
        Prediction { units, ceiling, basis: Basis::Beginning { cold: known.is_none() } }
    }

    /// To how many units in all a hold should grow when so many are as good as used and more are needed: what two thirds of
    /// such work that needs more than these stay within, at least an eighth more than these, and never more than the ceiling.
    /// Where nothing is known of work that takes as much, it is half as much again.
    ///
    /// It is more than `used`, unless that has reached the ceiling. So asking again and again comes to the ceiling soon.
    #[must_use]
    pub fn further(&self, path: &KeyPath, used: u64, ceiling: u64) -> u64 {
        let after = scale::position_after(used);
        let known = self.known(path).and_then(|mixture| mixture.next_step(after)).map(scale::units_at);
        let least = used.saturating_add((used / 8).max(1));
        known.unwrap_or(used.saturating_add(used / 2)).max(least).min(ceiling)
    }

    /// What so many of 1,000 pieces of such work stayed below, with no margin: 500 asks for the usual quantity. Above
    /// 1,000 is as 1,000. `None` while too little is known.
    ///
    /// ```
    /// # use billing_guard::{ForecastSettings, KeyPath, UsageForecast};
    /// let (mut forecast, path) = (UsageForecast::new(ForecastSettings::new()), KeyPath::new("report"));
    /// assert_eq!(forecast.quantile(&path, 500), None);
    /// for rows in 1..=1_000 {
    ///     let prediction = forecast.predict(&path, 5_000);
    ///     forecast.learn(&path, prediction, rows);
    /// }
    /// // Recent work counts more, and the later reports were the larger ones.
    /// assert!((500..600).contains(&forecast.quantile(&path, 500).ok_or("nothing known")?));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn quantile(&self, path: &KeyPath, permille: u16) -> Option<u64> {
        let tail = 1_000_u16.saturating_sub(permille);
        self.warm(path).map(|(mixture, _)| scale::units_at(mixture.position_above(tail)))
    }

    /// Learns what work took that has ended by itself, and whether what was predicted for it sufficed.
    ///
    /// Call it for all work that was done, whatever was held for it in the end, but not for work that was not done, or
    /// broke off half-way: learning that it took little, the forecast would hold too little for the next. Work that was
    /// stopped because it reached its hold goes to [`learn_stopped`](Self::learn_stopped).
    pub fn learn(&mut self, path: &KeyPath, prediction: Prediction, units: u64) {
        self.enter(path, prediction, units, false);
    }

    /// Learns from work that was stopped because it reached what was held for it: how much more it would have taken
    /// is not known. If as much as was [predicted](Self::predict) had been held, the prediction did not suffice. If less had,
    /// because the balance was short or the hold could not grow, nothing is learned. What was stopped at its ceiling took that.
    ///
    /// The work is taken to have needed half as much again as did not suffice. So a key whose work is stopped each time is
    /// soon held for as it needs, however little such work takes under the others of its root.
    ///
    /// ```
    /// # use billing_guard::{ForecastSettings, KeyPath, UsageForecast};
    /// let mut forecast = UsageForecast::new(ForecastSettings::new());
    /// let (usual, other) = (KeyPath::new("chat").then("acct_1"), KeyPath::new("chat").then("acct_2"));
    /// for _ in 0..10_000 {
    ///     let prediction = forecast.predict(&usual, 4_096);
    ///     forecast.learn(&usual, prediction, 1);
    /// }
    /// // Of the other one, all takes 300, and is stopped where its hold ends.
    /// let mut stopped = 0;
    /// while forecast.predict(&other, 4_096).units() < 300 {
    ///     let prediction = forecast.predict(&other, 4_096);
    ///     forecast.learn_stopped(&other, prediction, prediction.units() + 1);
    ///     stopped += 1;
    /// }
    /// assert!(stopped <= 15, "{stopped}");
    /// ```
    pub fn learn_stopped(&mut self, path: &KeyPath, prediction: Prediction, units: u64) {
        let was_held = matches!(prediction.basis, Basis::Claim(_)) && units >= prediction.units;
        if units >= prediction.ceiling {
            self.enter(path, prediction, units, false);
        } else if was_held {
            self.enter(path, prediction, units.saturating_add(units / 2).min(prediction.ceiling), true);
        }
    }

    fn enter(&mut self, path: &KeyPath, prediction: Prediction, units: u64, stopped: bool) {
        let capacity = self.capacity();
        let coverage = self.settings.coverage_permille;
        // The root last: what is more general was then always used more recently, and is kept longer.
        for (level, key) in path.levels().iter().enumerate().rev() {
            let Some(known) = self.keys.touch(*key, capacity) else { return };
            known.histogram.add(units);
            if level > 0 {
                continue;
            }
            match prediction.basis {
                Basis::Claim(position) => {
                    // By the margin as it is now: what has been learned while the work was running need not be learned again
                    // from all that was begun before. Where much runs at once, the margin would rise by far too much.
                    let now = Prediction::claim(position, known.margin, prediction.ceiling);
                    known.margin.learn(stopped || units > now.units, coverage);
                }
                Basis::Cold => known.margin.learn_cold(coverage),
                Basis::Beginning { .. } => {}
            }
        }
    }

    /// Takes in what another forecast has learned, from other work: work that both have seen counts twice. Keys of the
    /// other count as used more recently than those it does not know.
    pub fn merge(&mut self, other: &Self) {
        let capacity = self.capacity();
        for (key, theirs) in other.keys.iter() {
            let is_new = self.keys.get(key).is_none();
            let Some(ours) = self.keys.touch(key, capacity) else { return };
            ours.histogram.merge(&theirs.histogram);
            ours.margin = if is_new { theirs.margin } else { ours.margin.max(theirs.margin) };
        }
    }

    fn capacity(&self) -> usize {
        usize::try_from(self.settings.capacity).unwrap_or(usize::MAX)
    }

    /// What is known of the path, and the margin of its root, if it is enough.
    fn warm(&self, path: &KeyPath) -> Option<(Mixture<'_, { KeyPath::MAX_LEVELS }>, Margin)> {
        let root = path.levels().first().and_then(|root| self.keys.get(*root))?;
        if root.histogram.samples() < self.settings.enough() {
            return None;
        }
        Some((self.known(path)?, root.margin))
    }

    /// What is known of the path, however little.
    fn known(&self, path: &KeyPath) -> Option<Mixture<'_, { KeyPath::MAX_LEVELS }>> {
        let mut histograms = [None::<&Histogram>; KeyPath::MAX_LEVELS];
        for (histogram, key) in histograms.iter_mut().zip(path.levels()) {
            *histogram = self.keys.get(*key).map(|known| &known.histogram);
        }
        Mixture::of(histograms)
    }
}

impl ForecastSettings {
    /// How many pieces of work must be known of a root: fewer cannot have shown what is exceeded so rarely.
    fn enough(self) -> u32 {
        let misses = 1_000_u32.saturating_sub(u32::from(self.coverage_permille));
        300_u32.checked_div(misses).unwrap_or(300).max(10)
    }
}

#[cfg(test)]
mod tests;
