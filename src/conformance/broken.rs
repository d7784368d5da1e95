//! The suite is checked itself: by a ledger that keeps the contract, and by ledgers with one fault each.
//!
//! A fault is one thing done wrong at one [hook](hooks::Hooks) of an honest ledger, and says which checks find it. Exactly those
//! must fail: a check that no longer finds its fault is noticed, and so is one that starts to look at something else. A blunt
//! fault breaks so much that only the checks are named, and run, whose promise it breaks outright. To see all of them:
//! `cargo test --lib broken -- --nocapture`.

mod clause_1;
mod clause_10;
mod clause_11;
mod clause_2;
mod clause_3;
mod clause_4;
mod clause_5;
mod clause_6;
mod clause_7;
mod clause_8;
mod clause_9;
mod hooks;
mod ledger;
mod outages;
mod rows;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::clock::ManualClock;
use crate::conformance::outages::Cuttable;
use crate::conformance::{Check, Failure};
use crate::ledger::Ledger;
use hooks::{HONEST, Hooks};
use ledger::BREAKS_DOWN;
pub(crate) use ledger::RulesLedger;
pub(crate) use rows::Rows;

/// A way to break a clause of the contract.
struct Fault {
    /// What the ledger does wrong.
    name: &'static str,
    /// The checks of the clause that find it.
    found_by: &'static [&'static str],
    /// Checks of other clauses that cannot but fail as well.
    also: &'static [&'static str],
    /// Others find it too, and more than it is worth listing.
    is_blunt: bool,
    hooks: Hooks,
}

impl Fault {
    const fn new(name: &'static str, found_by: &'static [&'static str], hooks: Hooks) -> Self {
        Self { name, found_by, also: &[], is_blunt: false, hooks }
    }

    const fn blunt(name: &'static str, found_by: &'static [&'static str], hooks: Hooks) -> Self {
        Self { is_blunt: true, ..Self::new(name, found_by, hooks) }
    }

    const fn also(self, also: &'static [&'static str]) -> Self {
        Self { also, ..self }
    }
}

static FAULTS: [(u8, &[Fault]); 11] = [
    (1, clause_1::FAULTS),
    (2, clause_2::FAULTS),
    (3, clause_3::FAULTS),
    (4, clause_4::FAULTS),
    (5, clause_5::FAULTS),
    (6, clause_6::FAULTS),
    (7, clause_7::FAULTS),
    (8, clause_8::FAULTS),
    (9, clause_9::FAULTS),
    (10, clause_10::FAULTS),
    (11, clause_11::FAULTS),
];

/// All faults, each with the number of the clause that it breaks.
fn faults() -> impl Iterator<Item = (u8, &'static Fault)> {
    FAULTS.iter().flat_map(|(clause, faults)| faults.iter().map(|fault| (*clause, fault)))
}

/// Checks by many threads, of random histories or with many requests: they take long, and find nearly everything. They are run for
/// faults that name them.
fn is_wide(check: &Check) -> bool {
    let among = |checks: &[Check]| checks.iter().any(|it| it.name() == check.name());
    among(super::clause_1::THREADS)
        || among(super::clause_8::THREADS)
        || among(super::clause_9::HISTORIES)
        || WIDE.contains(&check.name())
}

const WIDE: &[&str] = &[
    "a_page_has_1_to_1000_lines",
    "a_page_of_counters_has_1_to_1000_lines",
    "a_sweep_books_1_to_10000",
    "a_sweep_releases_1_to_10000",
    "any_credit_is_drawn_as_arithmetic_says",
    "captures_of_two_holds_come_to_what_arithmetic_says",
    "no_window_ever_holds_more_than_the_cap",
    "partial_captures_come_to_what_one_capture_does",
    "the_same_over_many_days_as_arithmetic_says",
    "what_became_due_is_in_the_order_in_which_it_did",
];

/// What of some checks fails on a ledger with these hooks.
fn failures(hooks: &'static Hooks, wanted: impl Fn(&Check) -> bool) -> Vec<Failure> {
    let make = |clock: Arc<ManualClock>| Arc::new(RulesLedger::new(clock, hooks)) as Arc<dyn Ledger>;
    let checks = crate::conformance::checks().iter().filter(|check| !check.is_large() && wanted(check));
    checks.filter_map(|check| check.try_run(&make).err()).collect()
}

/// What of the checks of outages fails.
fn outages(hooks: &'static Hooks) -> Vec<Failure> {
    crate::conformance::outages::failures(&|clock| {
        let ledger = Arc::new(RulesLedger::new(clock, hooks));
        Cuttable::new(ledger.clone(), move |cut| ledger.cut_off(cut))
    })
}

/// Nothing, or what is wrong with a fault's lists of checks.
fn look(clause: u8, fault: &'static Fault) -> Option<String> {
    let names = |check: &Check| fault.found_by.iter().chain(fault.also).any(|name| *name == check.name());
    let failures = failures(&fault.hooks, |check| names(check) || (!fault.is_blunt && !is_wide(check)));
    verdict(clause, fault, &failures)
}

fn verdict(clause: u8, fault: &Fault, failures: &[Failure]) -> Option<String> {
    let failed = |own: bool| -> BTreeSet<&str> {
        let wanted = |failure: &&Failure| (failure.check().clause() == clause) == own;
        failures.iter().filter(wanted).map(|failure| failure.check().name()).collect()
    };
    let listed = |names: &[&'static str]| -> BTreeSet<&str> { names.iter().copied().collect() };
    let (own, others) = (failed(true), failed(false));
    // A ledger that breaks down does not show what the check looks at.
    let breaks_down =
        |failure: &Failure| ["panicked", BREAKS_DOWN].iter().any(|it| failure.what().contains(it));
    let is_found = !own.is_empty() && own == listed(fault.found_by) && others == listed(fault.also);
    if is_found && !failures.iter().any(breaks_down) {
        return None;
    }
    let lines: String = failures.iter().map(|failure| format!("\n    {failure}")).collect();
    Some(format!("clause {clause}, {}:\n  found by {own:?}\n  also {others:?}{lines}", fault.name))
}

#[test]
fn rules_and_any_store_are_a_ledger() {
    let failures: Vec<_> = failures(&HONEST, |_| true).iter().map(Failure::to_string).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(outages(&HONEST).is_empty(), "{:?}", outages(&HONEST));
}

#[test]
fn each_fault_of_outages_is_found_by_exactly_the_checks_it_names() {
    let verdicts: Vec<_> =
        outages::FAULTS.iter().filter_map(|fault| verdict(4, fault, &outages(&fault.hooks))).collect();
    assert!(verdicts.is_empty(), "{}", verdicts.join("\n"));
}

#[test]
fn each_fault_is_found_by_exactly_the_checks_it_names() {
    let faults: Vec<_> = faults().collect();
    let next = AtomicUsize::new(0);
    let work = || {
        let mut verdicts = Vec::new();
        while let Some((clause, fault)) = faults.get(next.fetch_add(1, Ordering::Relaxed)) {
            verdicts.extend(look(*clause, fault));
        }
        verdicts
    };
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    let verdicts: Vec<String> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    assert!(verdicts.is_empty(), "{} of {}:\n{}", verdicts.len(), faults.len(), verdicts.join("\n"));
}

#[test]
fn each_clause_is_broken_in_more_than_one_way() {
    assert!(FAULTS.iter().all(|(_, faults)| faults.len() > 1));
    let names: BTreeSet<_> = faults().map(|(_, fault)| fault.name).collect();
    assert_eq!(names.len(), faults().count(), "each has a name of its own");
    let is_check = |name: &&str| crate::conformance::checks().iter().any(|check| check.name() == *name);
    assert!(WIDE.iter().all(is_check));
    for (clause, fault) in faults() {
        println!("{clause} | {} | {}", fault.name, [fault.found_by, fault.also].concat().join(", "));
    }
}

#[test]
fn what_no_check_finds_and_what_another_finds_is_told() {
    static NONE: Fault = Fault::new("nothing is wrong", &[], HONEST);
    static MISSED: Fault = Fault::new("nothing is wrong", &["late_debt"], HONEST);
    static MORE: Fault = Fault::new(
        "nothing lasts longer",
        &["resize_only_lengthens"],
        Hooks {
            resize: |request, _| {
                request.lifetime = None;
                Ok(())
            },
            ..HONEST
        },
    );
    for fault in [&NONE, &MISSED, &MORE] {
        let verdict = look(5, fault).unwrap();
        assert!(verdict.contains(fault.name), "{verdict}");
    }
}
