//! Clause 4 while the store is away: checks for a ledger that can be cut off from its store.
//!
//! Whatever a ledger then answers must not look like an empty balance, and must be true when the store is back. A ledger without a
//! store of its own, such as one in memory, has nothing to be cut off from.

use std::cell::OnceCell;
use std::fmt;
use std::sync::Arc;

use crate::clock::ManualClock;
use crate::conformance::failed::{Checked, ensure, ensure_eq, fail};
use crate::conformance::world::{Answer, World, grant, key, refund_of, the_charge};
use crate::conformance::{Check, Failure, Run, list};
use crate::error::LedgerError;
use crate::id::IdempotencyKey;
use crate::ledger::Ledger;
use crate::ledger::request::{FindRequest, SweepRequest};
use crate::ledger::{future, reply::Found};

/// A fresh ledger that can be cut off from its store.
pub struct Cuttable {
    ledger: Arc<dyn Ledger>,
    cut: Box<dyn Fn(bool)>,
}

impl Cuttable {
    /// A ledger, and what cuts it off (`true`) and connects it again (`false`).
    #[must_use]
    pub fn new(ledger: Arc<dyn Ledger>, cut: impl Fn(bool) + 'static) -> Self {
        Self { ledger, cut: Box::new(cut) }
    }
}

impl fmt::Debug for Cuttable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cuttable").field("ledger", &self.ledger).finish_non_exhaustive()
    }
}

/// Makes a fresh ledger on a clock.
pub(crate) type Make<'a> = &'a dyn Fn(Arc<ManualClock>) -> Cuttable;

macro_rules! checks {
    ($($name:ident)+) => { &[$(Check::of_outages(4, stringify!($name), $name),)+] };
}

const CHECKS: &[Check] = checks! {
    out_of_reach_a_store_never_looks_like_an_empty_balance
    out_of_reach_a_store_shows_nothing_that_was_not_so
    what_was_called_not_applied_was_not_applied
    asked_again_with_the_same_key_it_is_done_once
};

/// The checks. They are not among [all](crate::conformance::checks) of the suite.
#[must_use]
pub fn checks() -> &'static [Check] {
    CHECKS
}

/// Runs the checks, and gives those that failed.
#[must_use]
pub fn failures(make: &dyn Fn(Arc<ManualClock>) -> Cuttable) -> Vec<Failure> {
    let run = |run| match run {
        Run::Outages(check) => check(make),
        Run::Ledgers(_) => Ok(()),
    };
    CHECKS.iter().filter_map(|check| check.try_with(run).err()).collect()
}

/// Runs the checks.
///
/// ```
/// use std::sync::Arc;
/// use billing_guard::conformance::outages::{self, Cuttable};
/// use billing_guard::testing::CutOffLedger;
/// use billing_guard::{MemoryLedger, MemorySettings};
///
/// outages::run(&|clock| {
///     let memory = Arc::new(MemoryLedger::with_clock(MemorySettings::new(), clock));
///     let ledger = Arc::new(CutOffLedger::new(memory));
///     Cuttable::new(ledger.clone(), move |cut| ledger.cut_off(cut))
/// });
/// ```
///
/// # Panics
/// If any fails, when all have run. The message lists each that failed, with what differed.
#[track_caller]
pub fn run(make: &dyn Fn(Arc<ManualClock>) -> Cuttable) {
    list(&failures(make), CHECKS.len());
}

/// A funded account of a ledger, and its switch.
struct Place {
    world: World,
    cut: Box<dyn Fn(bool)>,
}

impl Place {
    /// With 100 paid in, a hold `h` of 30, a hold `i` of 5 and a charge `c` of 10.
    #[track_caller]
    fn new(make: Make<'_>) -> Checked<Self> {
        let switch = OnceCell::new();
        let world = World::funded(
            &|clock| {
                let Cuttable { ledger, cut } = make(clock);
                let _ = switch.set(cut);
                ledger
            },
            100,
        )?;
        world.hold("h", 30)?;
        world.hold("i", 5)?;
        world.charge("c", 10)?;
        let Some(cut) = switch.into_inner() else { fail!("no ledger was made") };
        Ok(Self { world, cut })
    }

    /// While it is cut off.
    fn away<T>(&self, run: impl FnOnce(&World) -> T) -> T {
        (self.cut)(true);
        let answer = run(&self.world);
        (self.cut)(false);
        answer
    }
}

/// A change under a key of its own, for each of what a ledger does.
type Change = fn(&World, &str) -> Result<(), LedgerError>;

fn quiet<T>(answer: Answer<T>) -> Result<(), LedgerError> {
    answer.map(drop)
}

const CHANGES: &[Change] = &[
    |world, name| quiet(world.hold(name, 20)),
    |world, name| quiet(world.charge(name, 5)),
    |world, name| quiet(world.top_up(name, 50)),
    |world, name| quiet(world.post(name, grant(), 50)),
    |world, name| quiet(world.adjust(name, -1)),
    |world, name| quiet(world.post(name, refund_of(the_charge("c")), 1)),
];

/// Whether it answered that it was not applied; else that it does not know, of this key.
#[track_caller]
fn not_applied<T: fmt::Debug>(answer: Result<T, LedgerError>, asked: &IdempotencyKey) -> Checked<bool> {
    match answer {
        Err(LedgerError::Unavailable { .. }) => Ok(true),
        Err(LedgerError::OutcomeUnknown { key, .. }) => {
            ensure_eq!(key, *asked, "the key to ask again with");
            Ok(false)
        }
        other => fail!("nobody can know this without the store: {other:?}"),
    }
}

fn out_of_reach_a_store_never_looks_like_an_empty_balance(make: Make<'_>) -> Checked {
    let place = Place::new(make)?;
    let nobody = place.world.beside("nobody", place.world.usd);
    let rev = place.world.rev_of("h")?;
    place.away(|world| {
        for round in 0..6 {
            let name = format!("x{round}");
            for change in CHANGES {
                not_applied(change(world, &name), &key(&name))?;
                not_applied(change(&nobody, &name), &key(&name))?;
            }
            not_applied(world.resize("h", rev, 40), &key("h"))?;
            not_applied(world.capture("h", 1), &key("h"))?;
            not_applied(world.void("i"), &key("i"))?;
            let answer = future::wait(world.ledger.sweep(SweepRequest::new()));
            ensure!(
                matches!(answer, Err(LedgerError::Unavailable { .. } | LedgerError::OutcomeUnknown { .. })),
                "{answer:?}"
            );
        }
        Ok(())
    })
}

fn out_of_reach_a_store_shows_nothing_that_was_not_so(make: Make<'_>) -> Checked {
    let place = Place::new(make)?;
    let before = place.world.picture()?;
    place.away(|world| {
        // What is answered from memory is what was so.
        if let Ok(balance) = world.balance_in(world.usd) {
            let figures = (balance.posted().minor(), balance.held().minor(), balance.seq());
            ensure_eq!(figures, (before.posted, before.held, before.seq));
        }
        if let Ok(page) = world.page(world.statement_request()) {
            ensure_eq!(page.entries().len(), before.entries.len());
        }
        if let Ok(page) = world.holds(world.holds_request()) {
            ensure_eq!(page.holds(), before.holds);
        }
        if let Ok(page) = world.counters(world.counters_request()) {
            ensure_eq!(page.counters(), before.counters);
        }
        // "Not applied" is answered only when it can no longer happen.
        let _ = world.hold("x", 1);
        for name in ["h", "x"] {
            let found = future::wait(world.ledger.find(FindRequest::hold(world.account.clone(), key(name))));
            ensure!(!matches!(found, Ok(Found::NotApplied)), "{name}");
        }
        for request in [FindRequest::charge, FindRequest::credit] {
            let found = future::wait(world.ledger.find(request(world.account.clone(), key("c"))));
            ensure!(!matches!(found, Ok(Found::NotApplied)), "{found:?}");
        }
        Ok(())
    })
}

fn what_was_called_not_applied_was_not_applied(make: Make<'_>) -> Checked {
    let place = Place::new(make)?;
    for (index, change) in CHANGES.iter().enumerate() {
        for round in 0..6 {
            let name = format!("x{index}-{round}");
            let before = place.world.picture()?;
            if not_applied(place.away(|world| change(world, &name)), &key(&name))? {
                ensure_eq!(place.world.picture()?, before, "{name}");
                ensure!(place.world.find_hold(&name)?.is_none() && place.world.find_entry(&name)?.is_none());
            }
            place.world.check_books()?;
        }
    }
    for (index, total) in (1..=6).enumerate() {
        let before = place.world.picture()?;
        if not_applied(place.away(|world| world.partial("h", total)), &key("h"))? {
            ensure_eq!(place.world.picture()?, before, "capture {index}");
        }
    }
    Ok(())
}

fn asked_again_with_the_same_key_it_is_done_once(make: Make<'_>) -> Checked {
    let place = Place::new(make)?;
    let world = &place.world;
    for round in 0..6 {
        let (hold, charge, paid) = (format!("h{round}"), format!("c{round}"), format!("t{round}"));
        let before = world.available()?;
        place.away(|world| drop((world.top_up(&paid, 9), world.charge(&charge, 3), world.hold(&hold, 4))));
        let there = (world.find_entry(&paid)?, world.find_entry(&charge)?, world.find_hold(&hold)?);
        // Found or not, it is that from now on: what is asked again is a replay of it, or new.
        ensure_eq!(world.top_up(&paid, 9)?.is_replay(), there.0.is_some());
        ensure_eq!(world.charge(&charge, 3)?.is_replay(), there.1.is_some());
        ensure_eq!(world.hold(&hold, 4)?.is_replay(), there.2.is_some());
        ensure_eq!(world.available()?, before + 9 - 3 - 4);
        let _ = place.away(|world| world.capture(&hold, 2));
        world.capture(&hold, 2)?;
        ensure_eq!(world.available()?, before + 9 - 3 - 2);
        world.check_sums()?;
    }
    Ok(())
}
