//! Several engines on a store that does its worst, in one thread, at no real time, with every choice taken from a seed.
//!
//! * `BILLING_GUARD_SIM_SEED=n` runs one seed and says every step;
//! * `BILLING_GUARD_SIM_RUNS=n` runs so many seeds;
//! * `BILLING_GUARD_LONG=1` runs as many as tens of millions of commands take.

mod hostile;
mod random;
mod requests;
mod truth;
mod world;

use hostile::StoreGuards;
use world::{Counts, Plan, World};

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap())
}

/// Says which seed it was if something panics.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("seed {}: BILLING_GUARD_SIM_SEED={} runs it again", self.0, self.0);
        }
    }
}

fn run(plan: Plan) -> Counts {
    let _seed = Seed(plan.seed);
    World::run(plan).unwrap_or_else(|violation| panic!("{violation}"))
}

#[test]
fn whatever_the_store_does_within_its_promises_every_invariant_holds() {
    let mut counts = Counts::default();
    if let Some(seed) = number("BILLING_GUARD_SIM_SEED") {
        counts.add(run(Plan { told: true, ..Plan::new(seed) }));
        println!("{counts:?}");
        return;
    }
    let is_long = number("BILLING_GUARD_LONG") == Some(1);
    let runs = number("BILLING_GUARD_SIM_RUNS").unwrap_or(if is_long { 30_000 } else { 1_000 });
    for seed in 0..runs {
        counts.add(run(Plan::new(seed)));
    }
    println!("{counts:?}");
    // Otherwise little would have been tried.
    for (what, count) in counts.each() {
        assert!(*count >= runs / 10, "{what}: {count} in {runs} runs");
    }
}
