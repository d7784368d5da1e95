//! Threads on one ledger in thousands of orders that a scheduler chooses, the books checked after each:
//! `RUSTFLAGS="--cfg shuttle" cargo test --lib --target-dir target/shuttle interleavings`.
//!
//! The clock is a [`ManualClock`] whose atomic is std's: one thread moves it, and a ledger reads it once for each
//! decision, under the lock. So whether it moved before or after a decision is settled where that lock is taken, and no
//! order is left out.

mod books;
mod handles;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use shuttle::future::block_on;
use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::thread;
use shuttle::{Config, Runner};

use crate::account::Applied;
use crate::amount::{Amount, Unit};
use crate::clock::ManualClock;
use crate::entry::ChargeRef;
use crate::error::LedgerError;
use crate::hold::HoldState;
use crate::id::{AccountId, IdempotencyKey};
use crate::ledger::memory::{MemoryLedger, MemorySettings};
use crate::ledger::request::{
    CaptureMode, CaptureRequest, HoldRequest, ResizeRequest, SweepRequest, VoidRequest,
};
use crate::ledger::{Ledger, LedgerExt};
use books::{Delivery, Recorder};

/// So many orders of each kind.
const RANDOM: usize = 2_000;
const PRIORITIES: usize = 1_000;

fn money(minor: i64) -> Amount {
    Unit::new("USD", 6).unwrap().minor(minor)
}

fn account(name: &str) -> AccountId {
    AccountId::new(name).unwrap()
}

fn key(text: &str) -> IdempotencyKey {
    text.parse().unwrap()
}

/// A ledger that takes notes, and its clock; cheap to clone.
#[derive(Clone)]
struct Bank {
    ledger: Arc<Recorder>,
    clock: Arc<ManualClock>,
}

impl Bank {
    /// With 10 paid into each of the accounts `a` and `b`.
    fn new(shards: usize, delivery: Delivery) -> Self {
        let clock = Arc::new(ManualClock::new());
        let settings = MemorySettings::new().with_shards(shards);
        let ledger = Arc::new(Recorder::new(MemoryLedger::with_clock(settings, clock.clone()), delivery));
        for name in ["a", "b"] {
            block_on(ledger.top_up(&account(name), key("paid-in"), money(10))).unwrap();
        }
        Self { ledger, clock }
    }

    /// Lets everything end: sweeps alone release what is open.
    fn end(&self) {
        let open =
            |name| block_on(self.ledger.balance_of(&account(name), money(0).unit())).unwrap().open_holds();
        let open = open("a") + open("b");
        self.clock.advance(Duration::from_secs(3_600));
        let swept = block_on(self.ledger.sweep(SweepRequest::new())).unwrap();
        assert_eq!(swept.released(), open, "left by a sweep");
    }

    fn spawn(&self, work: impl FnOnce(&Self) + Send + 'static) -> thread::JoinHandle<()> {
        let bank = self.clone();
        thread::spawn(move || work(&bank))
    }

    /// Moves the clock by a millisecond, so many times.
    fn spawn_clock(&self, times: usize) -> thread::JoinHandle<()> {
        self.spawn(move |bank| {
            for _ in 0..times {
                bank.clock.advance(Duration::from_millis(1));
                thread::yield_now();
            }
        })
    }

    fn spawn_sweeps(&self, times: usize) -> thread::JoinHandle<()> {
        self.spawn(move |bank| {
            for _ in 0..times {
                block_on(bank.ledger.sweep(SweepRequest::new().with_limit(1))).unwrap();
            }
        })
    }

    fn hold(&self, name: &str, id: &str, amount: i64) -> Result<Applied<HoldState>, LedgerError> {
        block_on(self.ledger.hold_amount(&account(name), key(id), money(amount)))
    }

    /// A hold that may be released after so many milliseconds.
    fn hold_for(&self, name: &str, id: &str, amount: i64, millis: u64) -> Option<HoldState> {
        let request = HoldRequest::new(account(name), key(id), money(amount))
            .with_lifetime(Duration::from_millis(millis))
            .with_grace(Duration::ZERO);
        block_on(self.ledger.hold(request)).ok().map(Applied::into_value)
    }

    fn capture(&self, name: &str, id: &str, total: i64, mode: CaptureMode) {
        let request = CaptureRequest::new(account(name), key(id), money(total)).with_mode(mode);
        // The recorder has seen the answer.
        let _ = block_on(self.ledger.capture(request));
    }

    fn void(&self, name: &str, id: &str) {
        let _ = block_on(self.ledger.void(VoidRequest::new(account(name), key(id))));
    }

    fn charge(&self, name: &str, id: &str, amount: i64) {
        let _ = block_on(self.ledger.charge(&account(name), key(id), money(amount)));
    }

    fn refund(&self, name: &str, id: &str, of: &str, amount: i64) {
        let of = ChargeRef::Hold(key(of));
        let _ = block_on(self.ledger.refund(&account(name), key(id), of, money(amount)));
    }
}

fn join(threads: impl IntoIterator<Item = thread::JoinHandle<()>>) {
    for thread in threads {
        thread.join().unwrap();
    }
}

/// Runs a scenario in many orders, and checks the books after each. All of the `ends` must have come about in some order:
/// a scenario in which nothing meets would show nothing.
fn in_every_order(scenario: fn(&Bank), shards: usize, ends: &[&'static str]) {
    delivered(Delivery::AtOnce, scenario, shards, ends);
}

/// The same with answers to captures and voids that come another way.
fn delivered(delivery: Delivery, scenario: fn(&Bank), shards: usize, ends: &[&'static str]) {
    let seen = Arc::new(std::sync::Mutex::new(BTreeSet::new()));
    let run = || {
        let seen = Arc::clone(&seen);
        move || {
            let bank = Bank::new(shards, delivery);
            scenario(&bank);
            seen.lock().unwrap().extend(bank.ledger.ends());
            bank.end();
            bank.ledger.check(&[account("a"), account("b")]);
        }
    };
    let mut config = Config::new();
    // Unoptimised code needs more than the default.
    config.stack_size = 0x4_0000;
    Runner::new(RandomScheduler::new(RANDOM), config.clone()).run(run());
    Runner::new(PctScheduler::new(3, PRIORITIES), config).run(run());
    let seen = seen.lock().unwrap();
    for end in ends {
        assert!(seen.contains(end), "{end} never came about, only {seen:?}");
    }
}

#[test]
fn two_requests_never_spend_the_same_money() {
    fn scenario(bank: &Bank) {
        let holders = ["h1", "h2", "h3"].map(|id| {
            bank.spawn(move |bank| {
                if bank.hold("a", id, 6).is_ok() {
                    bank.capture("a", id, 7, CaptureMode::Final);
                }
            })
        });
        let charger = bank.spawn(|bank| {
            bank.charge("a", "c1", 5);
            bank.charge("a", "c2", 1);
        });
        let payer = bank.spawn(|bank| {
            let _ = block_on(bank.ledger.top_up(&account("a"), key("p1"), money(4)));
        });
        join(holders.into_iter().chain([charger, payer]));
    }
    in_every_order(scenario, 1, &["refused", "captured", "charged", "uncollected"]);
}

#[test]
fn a_key_is_applied_once_whoever_sends_it() {
    fn scenario(bank: &Bank) {
        let senders = [0, 1, 2].map(|sender| {
            bank.spawn(move |bank| {
                if sender == 0 {
                    drop(bank.ledger.hold_amount(&account("a"), key("k"), money(6)));
                } else {
                    bank.hold("a", "k", 6).unwrap();
                }
                bank.charge("a", "k", 2);
                bank.capture("a", "k", 3, CaptureMode::Partial);
                bank.capture("a", "k", 5, CaptureMode::Final);
                bank.refund("a", "back", "k", 4);
                bank.void("a", "k");
                let _ = bank.hold("b", "v", 9);
                bank.void("b", "v");
            })
        });
        join(senders);
        let balance = block_on(bank.ledger.balance_of(&account("a"), money(0).unit())).unwrap();
        assert_eq!((balance.posted(), balance.held()), (money(10 - 2 - 5 + 4), money(0)));
    }
    in_every_order(scenario, 1, &["repeated", "refunded", "captured", "refused"]);
}

#[test]
fn a_hold_that_ends_is_settled_by_whoever_comes_first() {
    fn scenario(bank: &Bank) {
        bank.hold_for("a", "h", 6, 2).unwrap();
        let threads = [
            bank.spawn_clock(3),
            bank.spawn_sweeps(2),
            bank.spawn(|bank| bank.capture("a", "h", 4, CaptureMode::Final)),
            bank.spawn(|bank| bank.void("a", "h")),
            // Wants what is freed.
            bank.spawn(|bank| {
                bank.charge("a", "c", 8);
                bank.charge("a", "c", 8);
            }),
        ];
        join(threads);
    }
    in_every_order(scenario, 1, &["swept", "late", "captured", "voided", "charged", "refused"]);
}

#[test]
fn a_hold_is_resized_only_as_it_was_seen() {
    fn scenario(bank: &Bank) {
        let seen = bank.hold_for("a", "h", 4, 2).unwrap();
        let resizers = [8, 2].map(|total| {
            let rev = seen.rev();
            bank.spawn(move |bank| {
                let request = ResizeRequest::new(account("a"), key("h"), rev)
                    .with_total(money(total))
                    .with_lifetime(Duration::from_millis(3));
                match block_on(bank.ledger.resize(request.clone())) {
                    Ok(resized) => assert_eq!(resized.value().rev(), rev + 1),
                    // Once more, as it is now.
                    Err(LedgerError::Superseded(now)) => {
                        let _ = block_on(bank.ledger.resize(ResizeRequest { rev: now.rev(), ..request }));
                    }
                    Err(_) => {}
                }
            })
        });
        let others = [
            bank.spawn_clock(3),
            bank.spawn_sweeps(1),
            bank.spawn(|bank| bank.capture("a", "h", 3, CaptureMode::Partial)),
            bank.spawn(|bank| bank.charge("a", "c", 5)),
        ];
        join(resizers.into_iter().chain(others));
    }
    in_every_order(scenario, 1, &["resized", "superseded", "refused", "captured", "late"]);
}

/// Two accounts, swept one hold at a time.
fn two_accounts(bank: &Bank) {
    let workers = ["a", "b"].map(|name| {
        bank.spawn(move |bank| {
            bank.hold_for(name, "h1", 6, 1);
            bank.hold_for(name, "h2", 6, 2);
            bank.capture(name, "h1", 5, CaptureMode::Final);
            bank.refund(name, "back", "h1", 2);
        })
    });
    let others = [
        bank.spawn_clock(4),
        bank.spawn_sweeps(3),
        bank.spawn_sweeps(2),
        bank.spawn(|bank| {
            bank.charge("a", "c", 5);
            bank.charge("b", "c", 5);
        }),
    ];
    join(workers.into_iter().chain(others));
}

const TWO_ACCOUNTS: &[&str] = &["swept", "late", "captured", "refunded", "charged", "refused"];

#[test]
fn accounts_of_one_shard_leave_each_other_alone() {
    in_every_order(two_accounts, 1, TWO_ACCOUNTS);
}

/// Which shard an account is in is up to a random hash: an order that fails here need not fail when it is replayed.
#[test]
fn sweeps_of_several_shards_miss_nothing() {
    in_every_order(two_accounts, 4, TWO_ACCOUNTS);
}
