//! Several engines on a store that does its worst, in one thread, at no real time, with every choice taken from a seed.
//!
//! * `BILLING_GUARD_SIM_SEED=n` runs one seed and says every step;
//! * `BILLING_GUARD_SIM_RUNS=n` runs so many seeds;
//! * `BILLING_GUARD_LONG=1` runs as many as tens of millions of commands take.

mod answers;
mod hostile;
mod plan;
mod random;
mod requests;
mod scenarios;
mod truth;
mod world;

use plan::{Counts, Plan};
use truth::{Invariant, Violation};
use world::World;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap())
}

/// Says which seed it was if something panics.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("seed {0}: BILLING_GUARD_SIM_SEED={0} runs it again", self.0);
        }
    }
}

/// Makes so many runs, or the one that the environment names. None may find anything.
fn all(runs: u64, run: impl Fn(Plan) -> Result<Counts, Violation>) -> Counts {
    let named = number("BILLING_GUARD_SIM_SEED");
    let mut counts = Counts::default();
    for seed in named.map_or(0..runs, |seed| seed..seed + 1) {
        let _seed = Seed(seed);
        let plan = Plan { told: named.is_some(), ..Plan::new(seed) };
        counts.add(run(plan).unwrap_or_else(|violation| panic!("{violation}")));
    }
    println!("{counts:?}");
    counts
}

#[test]
fn whatever_the_store_does_within_its_promises_every_invariant_holds() {
    let is_long = number("BILLING_GUARD_LONG") == Some(1);
    let runs = number("BILLING_GUARD_SIM_RUNS").unwrap_or(if is_long { 30_000 } else { 1_000 });
    let mut counts = all(runs, World::run);
    // Otherwise little would have been tried.
    if number("BILLING_GUARD_SIM_SEED").is_none() {
        for (what, count) in counts.each() {
            assert!(*count >= runs / 10, "{what}: {count} in {runs} runs");
        }
    }
}

#[test]
fn an_engine_far_away_is_not_starved() {
    all(3, World::contend);
}

#[test]
fn a_store_that_lost_its_latest_changes_is_reported_by_all_who_knew_them() {
    all(500, World::regress);
}

/// A guard, how to take it away, in which runs that shows, and what does not hold then.
struct Guard {
    name: &'static str,
    without: fn(&mut Plan),
    run: fn(Plan) -> Result<Counts, Violation>,
    breaks: Invariant,
}

const fn guard(name: &'static str, without: fn(&mut Plan), breaks: Invariant) -> Guard {
    Guard { name, without, run: World::run, breaks }
}

/// Each guard and what breaks without it.
const GUARDS: [Guard; 8] = [
    guard("store: the version is compared", |plan| plan.store.version = false, Invariant::Sums),
    guard("store: the window is compared", |plan| plan.store.window = false, Invariant::Lifetime),
    Guard {
        run: World::contend,
        ..guard("store: a turn is respected", |plan| plan.store.turn = false, Invariant::Starved)
    },
    guard(
        "engine: a lost commit is known by its stamp",
        |plan| plan.engine.stamp = false,
        Invariant::FreshOnce,
    ),
    guard("engine: a lost commit is fenced off", |plan| plan.engine.fence = false, Invariant::Absent),
    guard("engine: a refusal needs a fresh load", |plan| plan.engine.fresh = false, Invariant::Untrue),
    guard("engine: what is due is booked first", |plan| plan.engine.due = false, Invariant::Overdue),
    Guard {
        run: World::contend,
        ..guard("engine: who lost twice takes a turn", |plan| plan.engine.turn = false, Invariant::Starved)
    },
];

/// Within so many seeds a missing guard is found.
const SEEDS: u64 = 100;

#[test]
fn without_any_one_guard_the_simulation_finds_what_breaks() {
    for Guard { name, without, run, breaks } in GUARDS {
        let violations = (0..SEEDS).filter_map(|seed| {
            let mut plan = Plan::new(seed);
            without(&mut plan);
            run(plan).err().map(|violation| (seed, violation))
        });
        let mut others = Vec::new();
        let found = violations
            .inspect(|(_, violation)| others.push(violation.invariant))
            .find(|(_, violation)| violation.invariant == breaks);
        let Some((seed, violation)) = found else { panic!("{name}: not found, but {others:?}") };
        println!("{name}: seed {seed}, {violation}");
    }
}
