//! Another project's ledger in a file: `doubleentry`, which is async over sqlx.

use std::path::Path;
use std::time::{Duration, Instant};

use doubleentry::store::{SqlStore, Sqlite};
use doubleentry::{
    AccountKind, AccountSpec, Amount, BalanceLimit, Date, Entry, Ledger, LedgerId, PostAmount, Recorded,
    currency::EUR, date,
};
use tokio::runtime::Runtime;

use crate::Picks;

const START: Date = date!("2026-01-01");
const DAY: Date = date!("2026-03-15");
const BANK: &str = "Assets:Bank";
const SALES: &str = "Liabilities:Sales";

/// Its books: a bank, a place where the money goes, and wallets that cannot be overdrawn.
#[derive(Debug)]
pub struct Books {
    ledger: Ledger<SqlStore<Sqlite>>,
    wallets: usize,
    /// How many keys were made.
    keys: usize,
}

/// What stands for a hold and its capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cycle {
    /// Its own holds: one that is opened, then posted in part.
    Hold,
    /// One entry that moves the money, and nothing held before: half of the work.
    Entry,
}

fn wallet(number: usize) -> String {
    format!("Liabilities:Wallets:w{number:05}")
}

fn cents(minor: i64) -> Amount {
    Amount::from_minor(i128::from(minor)).expect("an amount")
}

impl Books {
    /// New ones, in a file with the settings it has by default, which are those of the store: a log that is synced with
    /// each commit.
    pub fn new(runtime: &Runtime, path: &Path, wallets: usize) -> Self {
        runtime.block_on(async {
            let url = format!("sqlite://{}", path.display());
            let store = SqlStore::<Sqlite>::sqlite(&url).await.expect("a store");
            let name = LedgerId::new("example.com/bench").expect("a name");
            let ledger = Ledger::new(store, name).await.expect("books");
            ledger.declare_currency(EUR, 2, START).await.expect("a currency");
            ledger.define_months(2026, 1..=12).await.expect("months");
            ledger.open(BANK, AccountKind::Asset, START).await.expect("an account");
            ledger.open(SALES, AccountKind::Liability, START).await.expect("an account");
            for number in 0..wallets {
                let spec = AccountSpec::new(wallet(number), AccountKind::Liability, START)
                    .limit(BalanceLimit::NoDebitBalance);
                ledger.register(spec).await.expect("a wallet");
            }
            let top_up = |number| {
                Entry::new(format!("top-up-{number}"), DAY).debit(BANK, cents(1_000_000_000), EUR).credit(
                    wallet(number),
                    cents(1_000_000_000),
                    EUR,
                )
            };
            ledger.record_batch((0..wallets).map(top_up)).await.expect("top-ups");
            Self { ledger, wallets, keys: 0 }
        })
    }

    /// How many cycles a second so many tasks make for so long, on wallets picked at random.
    pub fn run(&mut self, runtime: &Runtime, cycle: Cycle, tasks: usize, lasting: Duration) -> f64 {
        let start = Instant::now();
        let tasks: Vec<_> = (0..tasks)
            .map(|_| {
                self.keys += 1;
                let (ledger, name, wallets) = (self.ledger.clone(), self.keys, self.wallets);
                runtime.spawn(async move {
                    let (mut picks, mut done) = (Picks::new(name as u64), 0_usize);
                    while start.elapsed() < lasting {
                        let wallet = wallet(picks.below(wallets));
                        one(&ledger, cycle, &format!("{name}-{done}"), &wallet).await;
                        done += 1;
                    }
                    done
                })
            })
            .collect();
        let cycles: usize = tasks.into_iter().map(|task| runtime.block_on(task).expect("a task")).sum();
        cycles as f64 / start.elapsed().as_secs_f64()
    }
}

async fn one(ledger: &Ledger<SqlStore<Sqlite>>, cycle: Cycle, key: &str, wallet: &str) {
    match cycle {
        Cycle::Hold => {
            let hold = Entry::open_hold(format!("hold-{key}"), DAY)
                .expires(date!("2026-03-31"))
                .debit(wallet, cents(500), EUR)
                .credit(SALES, cents(500), EUR);
            let hold = record(ledger, hold).await;
            let used = PostAmount::Partial(cents(420));
            record(ledger, Entry::post_hold(format!("capture-{key}"), DAY, hold.id, used)).await;
        }
        Cycle::Entry => {
            let entry = Entry::new(format!("entry-{key}"), DAY);
            record(ledger, entry.debit(wallet, cents(420), EUR).credit(SALES, cents(420), EUR)).await;
        }
    }
}

/// Records, again if the file was locked: as its documentation says.
async fn record(ledger: &Ledger<SqlStore<Sqlite>>, entry: Entry) -> Recorded {
    loop {
        match ledger.record(entry.clone()).await {
            Ok(recorded) => return recorded,
            Err(error) if error.is_transient() => tokio::task::yield_now().await,
            Err(error) => panic!("an entry was refused: {error}"),
        }
    }
}
