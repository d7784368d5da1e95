//! What the side-by-side runs share: interleaved timing, random picks, ledgers made ready, tables.
//!
//! The machine is never assumed to be quiet or known, so no run reports a time as its result. Each compares two
//! things in one process, in turns (A, B, A, B, ...), and reports the median of the turns' ratios.

pub mod sqlite;

use std::io::Write as _;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use billing_guard::{
    AccountId, Amount, CaptureRequest, HoldRequest, IdempotencyKey, Ledger, LedgerExt, MemoryLedger,
    MemorySettings, SystemClock, Unit, wait,
};

/// How long a run takes.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// For smoke tests: everything small, so the figures mean nothing.
    pub quick: bool,
}

impl Effort {
    /// From the command line: `--quick`, and anything else is ignored.
    #[must_use]
    pub fn from_args() -> Self {
        Self { quick: std::env::args().any(|arg| arg == "--quick") }
    }

    /// The number for a full run, or the small one.
    #[must_use]
    pub fn pick(self, full: usize, quick: usize) -> usize {
        if self.quick { quick } else { full }
    }
}

/// Random numbers, the same in every run: SplitMix64.
#[derive(Debug)]
pub struct Picks(u64);

impl Picks {
    /// A sequence of its own for each seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        (mixed % bound as u64) as usize
    }

    /// So many numbers below `bound`.
    pub fn many(&mut self, count: usize, bound: usize) -> Vec<usize> {
        (0..count).map(|_| self.below(bound)).collect()
    }
}

/// The unit of all runs.
#[must_use]
pub fn usd() -> Unit {
    Unit::new("USD", 6).expect("a unit")
}

/// What one cycle holds; it captures a little less.
#[must_use]
pub fn held() -> Amount {
    static HELD: LazyLock<Amount> = LazyLock::new(|| usd().minor(500));
    *HELD
}

/// What one cycle captures.
#[must_use]
pub fn used() -> Amount {
    static USED: LazyLock<Amount> = LazyLock::new(|| usd().minor(420));
    *USED
}

/// The texts of the account ids: `acct_00000000` and so on, 13 bytes each.
#[must_use]
pub fn account_texts(count: usize) -> Vec<String> {
    (0..count).map(|index| format!("acct_{index:08}")).collect()
}

/// A ledger whose accounts exist, each with one top-up that lasts for any run.
#[must_use]
pub fn topped_up(accounts: usize, settings: MemorySettings) -> Arc<dyn Ledger> {
    let ledger = MemoryLedger::with_clock(settings, Arc::new(SystemClock::new()));
    let amount = usd().minor(1_000_000_000_000);
    for text in account_texts(accounts) {
        let id = AccountId::new(text).expect("an account id");
        wait(ledger.top_up(&id, IdempotencyKey::unique(), amount)).expect("a top-up");
    }
    Arc::new(ledger)
}

/// Makes cycles until as many closed holds are kept as may be, so that from then on each closing evicts one.
///
/// The bound is per shard and accounts are picked at random, so somewhat more than the bound is needed.
pub fn fill_retention(ledger: &dyn Ledger, texts: &[String], retained: usize) {
    time_cycles(ledger, texts, &Picks::new(1).many(retained + retained / 3, texts.len()));
}

/// What a run does over and over: hold, then capture with less than was held.
pub fn cycle(ledger: &dyn Ledger, id: AccountId, key: IdempotencyKey) {
    wait(ledger.hold(HoldRequest::new(id.clone(), key.clone(), held()))).expect("a hold");
    wait(ledger.capture(CaptureRequest::new(id, key, used()))).expect("a capture");
}

/// The time of something done with each of the picked texts, a thousand at a time. What `prepare` makes of the texts is
/// made before the clock starts: as fresh as what a service makes of a request, on both sides of a comparison.
pub fn time_batches<T>(
    texts: &[String],
    picks: &[usize],
    prepare: impl Fn(&str) -> T,
    mut work: impl FnMut(Vec<T>),
) -> Duration {
    let batch = |picks: &[usize]| {
        let ready = picks.iter().map(|pick| prepare(&texts[*pick])).collect();
        let start = Instant::now();
        work(ready);
        start.elapsed()
    };
    picks.chunks(1_000).map(batch).sum()
}

/// The ids of one cycle.
#[must_use]
pub fn fresh_ids(account: &str) -> (AccountId, IdempotencyKey) {
    (AccountId::new(account).expect("an account id"), IdempotencyKey::unique())
}

/// The time of cycles on picked accounts, without the making of their ids.
pub fn time_cycles(ledger: &dyn Ledger, texts: &[String], picks: &[usize]) -> Duration {
    time_batches(texts, picks, fresh_ids, |ids| {
        for (id, key) in ids {
            cycle(ledger, id, key);
        }
    })
}

/// Times per operation, in nanoseconds, of two things that took turns.
#[derive(Clone, Debug, Default)]
pub struct Turns {
    /// `(A, B)` of each turn.
    pub times: Vec<(f64, f64)>,
}

impl Turns {
    /// The median of A over B.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        median(self.times.iter().map(|(a, b)| a / b))
    }

    /// The quarter points of A over B: how much to believe.
    #[must_use]
    pub fn quartiles(&self) -> (f64, f64) {
        let ratios = sorted(self.times.iter().map(|(a, b)| a / b));
        let at = |quarter: usize| ratios.get(ratios.len() * quarter / 4).copied().unwrap_or(f64::NAN);
        (at(1), at(3))
    }

    /// The medians of A and of B, for orientation only.
    #[must_use]
    pub fn medians(&self) -> (f64, f64) {
        (median(self.times.iter().map(|(a, _)| *a)), median(self.times.iter().map(|(_, b)| *b)))
    }
}

/// Runs A and B in turns, after one turn of each that does not count.
pub fn take_turns(turns: usize, mut a: impl FnMut() -> f64, mut b: impl FnMut() -> f64) -> Turns {
    let _ = (a(), b());
    Turns { times: (0..turns).map(|_| (a(), b())).collect() }
}

/// The time of one of `count` operations.
#[must_use]
pub fn nanos_each(total: Duration, count: usize) -> f64 {
    total.as_nanos() as f64 / count as f64
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}

/// The middle value.
pub fn median(values: impl Iterator<Item = f64>) -> f64 {
    let values = sorted(values);
    match values.len() {
        0 => f64::NAN,
        count if count % 2 == 1 => values[count / 2],
        count => f64::midpoint(values[count / 2 - 1], values[count / 2]),
    }
}

/// What a figure should be.
#[derive(Clone, Copy, Debug)]
pub enum Target {
    /// At most this.
    AtMost(f64),
    /// At least this.
    AtLeast(f64),
    /// Nothing: shown for orientation.
    None,
}

/// Prints lines as they are measured, under one heading. Speed is reported, never asserted.
#[derive(Debug)]
pub struct Table;

impl Table {
    /// Prints the heading.
    #[must_use]
    pub fn new(title: &str, effort: Effort) -> Self {
        println!("{title}{}", if effort.quick { " (--quick: the figures mean nothing)" } else { "" });
        println!("{:<70} {:>9} {:>10}  note", "", "measured", "target");
        Self
    }

    /// Prints one line.
    pub fn line(&self, what: &str, measured: f64, target: Target, note: &str) {
        let (target, verdict) = match target {
            Target::AtMost(most) => (format!("<= {most}"), if measured <= most { "met" } else { "MISSED" }),
            Target::AtLeast(least) => {
                (format!(">= {least}"), if measured >= least { "met" } else { "MISSED" })
            }
            Target::None => (String::new(), ""),
        };
        println!("{what:<70} {measured:>9.2} {target:>10}  {verdict:<7} {note}");
        let _ = std::io::stdout().flush();
    }

    /// Prints the ratio of two things that took turns.
    pub fn turns(&self, what: &str, turns: &Turns, target: Target) {
        let ((low, high), (a, b)) = (turns.quartiles(), turns.medians());
        self.line(
            what,
            turns.ratio(),
            target,
            &format!("quartiles {low:.2}..{high:.2}, {a:.0} ns : {b:.0} ns"),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ratio_is_the_median_of_the_turns_not_of_the_sides() {
        let turns = Turns { times: vec![(2.0, 1.0), (30.0, 10.0), (400.0, 100.0)] };
        assert!((turns.ratio() - 3.0).abs() < 1e-9);
        assert!((median([4.0, 1.0, 2.0, 3.0].into_iter()) - 2.5).abs() < 1e-9);
        assert!(median(std::iter::empty()).is_nan());
    }
}
