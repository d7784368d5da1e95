//! Random histories of all operations, each answer compared with that of a naive model of the contract.
//!
//! `PROPTEST_CASES` sets how many histories are tried, 300 otherwise.

#![allow(clippy::result_large_err, reason = "a model may be slow")]

#[path = "model/naive.rs"]
mod naive;
#[path = "model/reads.rs"]
mod reads;
#[path = "model/run.rs"]
mod run;
#[path = "model/steps.rs"]
mod steps;
#[path = "model/views.rs"]
mod views;

use billing_guard::{AccountId, Applied, BalanceRequest, LedgerError, MemorySettings, wait};
use proptest::prelude::*;

use run::{Change, Run};
use steps::{KEYS, Name, OPERATIONS, STEPS, Step, step};
use views::minor;

const ACCOUNTS: u8 = 2;

impl Run {
    /// One step on the ledger and the model; answers on which account something was asked.
    fn step(&mut self, step: &Step) -> Option<u8> {
        if let Step::Many { account, count, terms } = step {
            for change in self.many(*account, *count, terms) {
                self.apply(change, false);
            }
            return Some(*account);
        }
        if let Some((change, dropped)) = self.change(step) {
            let number = u8::from(*change.account() == run::account(1));
            self.apply(change, dropped);
            return Some(number);
        }
        self.tick(step);
        self.read(step);
        None
    }

    /// Asks the ledger alone, and checks what holds whatever it has forgotten.
    fn submit(&mut self, change: Change) {
        fn check<T>(
            run: &Run,
            id: &AccountId,
            debt: Option<i128>,
            before: u64,
            answer: &Result<Applied<T>, LedgerError>,
        ) {
            let balance = wait(run.ledger.balance(BalanceRequest::new(id.clone(), run.unit))).unwrap();
            let Ok(applied) = answer else {
                assert_eq!(balance.seq(), before, "a refusal is no change");
                return;
            };
            assert_eq!(applied.seq(), before + u64::from(!applied.is_replay()));
            // What it freed of credit that has ended is a change after it.
            assert!(applied.seq() <= balance.seq());
            if applied.seq() == balance.seq() {
                assert_eq!(applied.available_after(), balance.available());
            }
            let (had, has) = (minor(applied.available_before()), minor(applied.available_after()));
            assert!(debt.is_none_or(|debt| has >= had || has >= -debt), "{had} to {has}");
        }
        let id = change.account();
        let before = wait(self.ledger.balance(BalanceRequest::new(id.clone(), self.unit))).unwrap().seq();
        let debt = change.debt();
        match &change {
            Change::Hold(request) => check(self, id, debt, before, &wait(self.ledger.hold(request.clone()))),
            Change::Resize(request) => {
                check(self, id, debt, before, &wait(self.ledger.resize(request.clone())));
            }
            Change::Capture(request) => {
                check(self, id, debt, before, &wait(self.ledger.capture(request.clone())));
            }
            Change::Void(request) => check(self, id, debt, before, &wait(self.ledger.void(request.clone()))),
            Change::Post(request) => check(self, id, debt, before, &wait(self.ledger.post(request.clone()))),
        }
        self.note(&change);
        self.changes.push(change);
    }

    /// At the end: everything, in pages, the sums, and every key there is.
    fn finish(&mut self) {
        for number in 0..ACCOUNTS {
            self.compare_balance(number);
            self.compare_statement(number, number == 0, 7);
            self.compare_holds(number, 3);
            self.compare_counters(number, None, 2);
            for key in 0..KEYS {
                for operation in OPERATIONS {
                    self.read(&Step::Find(Name { account: number, key, dropped: false }, operation));
                }
            }
            self.check_sums(number);
        }
    }
}

fn play(read: bool, steps: &[Step]) {
    let mut run = Run::new(MemorySettings::new().with_shards(2));
    for step in steps {
        if let Some(number) = run.step(step)
            && read
        {
            run.compare(number);
        }
    }
    run.finish();
}

fn config() -> ProptestConfig {
    let mut config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = 300;
    }
    config
}

proptest! {
    #![proptest_config(config())]

    /// Every answer is the one that the contract, read naively, gives, and so is everything that can be read after it.
    #[test]
    fn every_answer_is_the_models(
        // Reading books what is due, so some histories are read at the end only.
        read in prop::bool::weighted(0.7),
        steps in prop::collection::vec(step(), 1..=2 * STEPS),
    ) {
        play(read, &steps);
    }

    /// The sums are right, the numbers dense and the debt bounded however little is kept of the past.
    #[test]
    fn the_sums_are_right_whatever_is_forgotten(
        (keys, entries) in (0..4_usize, 1..4_usize),
        steps in prop::collection::vec(step(), 1..=2 * STEPS),
    ) {
        let kept = MemorySettings::new().with_retained_keys(keys).with_retained_entries(entries);
        let mut run = Run::new(kept.with_shards(1));
        let mut last = [0; ACCOUNTS as usize];
        for step in &steps {
            match run.change(step) {
                Some((change, _)) => run.submit(change),
                None => run.tick(step),
            }
            for (number, last) in (0..ACCOUNTS).zip(&mut last) {
                let seq = run.check_sums(number);
                prop_assert!(seq >= *last);
                *last = seq;
            }
        }
    }
}
