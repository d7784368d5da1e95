//! A ledger in a file under load from many tasks.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use billing_guard::{
    AccountId, CaptureRequest, EngineSettings, Event, HoldRequest, IdempotencyKey, Ledger, LedgerExt,
    Observer, SqliteStore, StoreLedger, wait,
};
use tokio::runtime::Runtime;

use crate::{Picks, fresh_ids, held, usd, used};

/// How many requests are on their way at once while a ledger is made ready.
const AT_ONCE: usize = 4_096;

/// What an engine told, counted.
#[derive(Debug, Default)]
pub struct Counts {
    commits: AtomicU64,
    accounts: AtomicU64,
    commands: AtomicU64,
    loads: AtomicU64,
    conflicts: AtomicU64,
}

/// What an engine did in some time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Did {
    /// Batches that went to the store.
    pub commits: u64,
    /// Accounts in them.
    pub accounts: u64,
    /// Commands answered by them.
    pub commands: u64,
    /// Loads, of any number of accounts each.
    pub loads: u64,
    /// Accounts that another process had changed first.
    pub conflicts: u64,
}

impl Did {
    /// How many commands a batch has, on average.
    #[must_use]
    pub fn batch(self) -> f64 {
        self.commands as f64 / self.commits.max(1) as f64
    }
}

impl Counts {
    /// What was done since this was called before.
    pub fn take(&self) -> Did {
        let take = |count: &AtomicU64| count.swap(0, Ordering::Relaxed);
        Did {
            commits: take(&self.commits),
            accounts: take(&self.accounts),
            commands: take(&self.commands),
            loads: take(&self.loads),
            conflicts: take(&self.conflicts),
        }
    }
}

impl Observer for Counts {
    fn observe(&self, event: &Event) {
        let add = |count: &AtomicU64, more: usize| {
            count.fetch_add(more as u64, Ordering::Relaxed);
        };
        match event {
            Event::Committed { accounts, commands, .. } => {
                add(&self.commits, 1);
                add(&self.accounts, *accounts);
                add(&self.commands, *commands);
            }
            Event::Loaded { .. } => add(&self.loads, 1),
            Event::Conflict { .. } => add(&self.conflicts, 1),
            _ => {}
        }
    }
}

/// A ledger on a file, with the default settings but for a memory that has room for so many accounts.
#[must_use]
pub fn open(path: &Path, accounts: usize) -> Arc<StoreLedger<SqliteStore>> {
    open_with(path, settings(accounts))
}

/// The same, counted.
#[must_use]
pub fn open_counted(path: &Path, accounts: usize) -> (Arc<StoreLedger<SqliteStore>>, Arc<Counts>) {
    let counts = Arc::new(Counts::default());
    (open_with(path, settings(accounts).with_observer(counts.clone())), counts)
}

fn settings(accounts: usize) -> EngineSettings {
    EngineSettings::new().with_remembered(200_000.max(4 * accounts))
}

fn open_with(path: &Path, settings: EngineSettings) -> Arc<StoreLedger<SqliteStore>> {
    let store = SqliteStore::open(path).expect("a file");
    Arc::new(StoreLedger::with_settings(store, settings))
}

/// Gives each account so many top-ups that last for any run.
pub fn top_up(ledger: &dyn Ledger, texts: &[String], times: usize) {
    let amount = usd().minor(1_000_000_000_000);
    for _ in 0..times {
        for some in texts.chunks(AT_ONCE) {
            let answers: Vec<_> =
                some.iter().map(|text| ledger.top_up(&id(text), IdempotencyKey::unique(), amount)).collect();
            answers.into_iter().for_each(|answer| drop(wait(answer).expect("a top-up")));
        }
    }
}

/// Opens so many holds on each account that last for any run.
pub fn open_holds(ledger: &dyn Ledger, texts: &[String], times: usize) {
    for _ in 0..times {
        for some in texts.chunks(AT_ONCE) {
            let request = |text| {
                HoldRequest::new(id(text), IdempotencyKey::unique(), held())
                    .with_lifetime(Duration::from_secs(86_400))
            };
            let answers: Vec<_> = some.iter().map(|text| ledger.hold(request(text))).collect();
            answers.into_iter().for_each(|answer| drop(wait(answer).expect("a hold")));
        }
    }
}

/// Has the ledger remember all accounts.
pub fn warm(ledger: &dyn Ledger, texts: &[String]) {
    for some in texts.chunks(AT_ONCE) {
        let answers: Vec<_> = some.iter().map(|text| ledger.balance_of(&id(text), usd())).collect();
        answers.into_iter().for_each(|answer| drop(wait(answer).expect("a balance")));
    }
}

fn id(text: &str) -> AccountId {
    AccountId::new(text).expect("an account id")
}

/// What tasks got done together.
#[derive(Debug)]
pub struct Work {
    /// Cycles, all of them complete.
    pub cycles: usize,
    /// From the start to the end of the last cycle.
    pub took: Duration,
    /// Of each hold and each capture, in seconds, if it was asked for.
    pub latencies: Vec<f64>,
}

impl Work {
    /// Cycles a second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.cycles as f64 / self.took.as_secs_f64()
    }

    /// The latency that so many percent are below, in seconds.
    #[must_use]
    pub fn percentile(&mut self, percent: usize) -> f64 {
        self.latencies.sort_by(f64::total_cmp);
        let at = self.latencies.len() * percent / 100;
        self.latencies.get(at).or(self.latencies.last()).copied().unwrap_or(f64::NAN)
    }
}

/// So many tasks, each making one cycle after the other on accounts picked at random.
#[derive(Clone, Debug)]
pub struct Tasks {
    /// How many.
    pub tasks: usize,
    /// For how long they begin new cycles.
    pub lasting: Duration,
    /// Whether to keep how long each request took.
    pub timed: bool,
}

impl Tasks {
    /// Runs them on the accounts with these ids; `seed` chooses the picks.
    pub fn run(&self, runtime: &Runtime, ledger: &Arc<dyn Ledger>, texts: &Arc<[String]>, seed: u64) -> Work {
        let start = Instant::now();
        let tasks: Vec<_> = (0..self.tasks)
            .map(|task| {
                let picks = Picks::new(seed.wrapping_mul(1_000_003).wrapping_add(task as u64));
                runtime.spawn(one(self.clone(), Arc::clone(ledger), Arc::clone(texts), picks, start))
            })
            .collect();
        let mut work = Work { cycles: 0, took: Duration::ZERO, latencies: Vec::new() };
        for task in tasks {
            let (cycles, latencies) = runtime.block_on(task).expect("a task");
            work.cycles += cycles;
            work.latencies.extend(latencies);
        }
        work.took = start.elapsed();
        work
    }
}

async fn one(
    how: Tasks,
    ledger: Arc<dyn Ledger>,
    texts: Arc<[String]>,
    mut picks: Picks,
    start: Instant,
) -> (usize, Vec<f64>) {
    let (mut cycles, mut latencies) = (0, Vec::new());
    while start.elapsed() < how.lasting {
        let (id, key) = fresh_ids(&texts[picks.below(texts.len())]);
        let asked = Instant::now();
        ledger.hold(HoldRequest::new(id.clone(), key.clone(), held())).await.expect("a hold");
        let between = Instant::now();
        ledger.capture(CaptureRequest::new(id, key, used())).await.expect("a capture");
        if how.timed {
            latencies.extend([between - asked, between.elapsed()].map(|took| took.as_secs_f64()));
        }
        cycles += 1;
    }
    (cycles, latencies)
}
