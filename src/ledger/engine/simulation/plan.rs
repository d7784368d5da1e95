//! What a run is to be, and what happened in it.

use crate::ledger::engine::core::Guards;
use crate::ledger::engine::simulation::hostile::StoreGuards;

/// How a run is made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    /// How many commands.
    pub(crate) commands: u64,
    pub(crate) store: StoreGuards,
    pub(crate) engine: Guards,
    /// How many accounts and engines; from the seed if not said.
    pub(crate) accounts: Option<u64>,
    pub(crate) engines: Option<u64>,
    /// Say every step.
    pub(crate) told: bool,
}

impl Plan {
    pub(crate) const fn new(seed: u64) -> Self {
        Self {
            seed,
            commands: 1_000,
            store: StoreGuards::ALL,
            engine: Guards::ALL,
            accounts: None,
            engines: None,
            told: false,
        }
    }
}

/// What happened in a run, so that one can see that everything did.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) commands: u64,
    pub(crate) steps: u64,
    pub(crate) changes: u64,
    pub(crate) replays: u64,
    pub(crate) refusals: u64,
    pub(crate) reads: u64,
    pub(crate) absences: u64,
    pub(crate) unknown: u64,
    pub(crate) unavailable: u64,
    pub(crate) sets: u64,
    pub(crate) conflicts: u64,
    pub(crate) keys_taken: u64,
    pub(crate) out_of_window: u64,
    pub(crate) turns_taken: u64,
    pub(crate) lost: u64,
    pub(crate) landed_late: u64,
    pub(crate) killed: u64,
}

impl Counts {
    pub(crate) fn each(&mut self) -> [(&'static str, &mut u64); 17] {
        [
            ("commands", &mut self.commands),
            ("steps", &mut self.steps),
            ("changes", &mut self.changes),
            ("replays", &mut self.replays),
            ("refusals", &mut self.refusals),
            ("reads", &mut self.reads),
            ("absences", &mut self.absences),
            ("unknown", &mut self.unknown),
            ("unavailable", &mut self.unavailable),
            ("sets", &mut self.sets),
            ("conflicts", &mut self.conflicts),
            ("keys taken", &mut self.keys_taken),
            ("out of window", &mut self.out_of_window),
            ("turns taken", &mut self.turns_taken),
            ("lost", &mut self.lost),
            ("landed late", &mut self.landed_late),
            ("killed", &mut self.killed),
        ]
    }

    pub(crate) fn add(&mut self, mut other: Self) {
        for ((_, sum), (_, more)) in self.each().into_iter().zip(other.each()) {
            *sum += *more;
        }
    }
}
