//! Runs that are about one thing.

use crate::clock::Timestamp;
use crate::ledger::engine::simulation::plan::{Counts, Plan};
use crate::ledger::engine::simulation::truth::{Violation, require};
use crate::ledger::engine::simulation::world::World;
use crate::ledger::store::asks::{Ask, Turn};
use crate::ledger::store::records::Stamp;

/// How long until what an engine sends is at the store, and the answer at the engine, in microseconds: the first is far away.
const DISTANCES: [u64; 3] = [25_000, 400, 400];
/// So long at most waits a command while other engines leave the account no rest, in microseconds.
const LONGEST_WAIT: u64 = 2_000_000;

impl World {
    /// A far engine and two near ones work on one account without a pause, and the store's clock is set back. Whoever asks is answered before long.
    pub(crate) fn contend(plan: Plan) -> Result<Counts, Violation> {
        let mut world = Self::new(Plan { accounts: Some(1), engines: Some(3), ..plan });
        world.hostile = false;
        // When each engine's commit and load will have gone on.
        let mut due = [[0; 2]; 3];
        // What is not answered, and since when it waits.
        let mut waiting: [Vec<(usize, u64)>; 3] = Default::default();
        let mut is_set_back = false;
        while world.tick < 3 * LONGEST_WAIT {
            // Once, an engine takes the account's turn and is gone, and the store's clock is set back by an hour.
            if !is_set_back && world.tick > LONGEST_WAIT && !world.store.accounts[0].has_turn(world.store.now)
            {
                let account = world.store.accounts[0].id.clone();
                let turn = Turn { by: Stamp::from_bytes([7; 16]), lasting: Turn::LONGEST };
                let ask = Ask { turn: Some(turn), ..Ask::new(account, world.store.now, 1) };
                world.store.load(&[ask]);
                world.store.now = Timestamp::from_micros(world.store.now.as_micros() - 3_600_000_000);
                is_set_back = true;
            }
            for (engine, due) in due.iter_mut().enumerate() {
                waiting[engine].retain(|(id, _)| !world.is_answered(*id));
                if waiting[engine].len() <= engine {
                    let id = world.top_up(engine)?;
                    waiting[engine].push((id, world.tick));
                }
                if due[0] <= world.tick {
                    world.go_on_committing(engine)?;
                    due[0] = world.tick
                        + if world.engines[engine].commit.is_some() { DISTANCES[engine] } else { 0 };
                }
                if due[1] <= world.tick {
                    world.go_on_loading(engine)?;
                    due[1] =
                        world.tick + if world.engines[engine].load.is_some() { DISTANCES[engine] } else { 0 };
                }
            }
            let oldest = waiting.iter().flatten().map(|(_, since)| *since).min().unwrap_or(world.tick);
            let waited = world.tick - oldest;
            require!(Starved, waited <= LONGEST_WAIT, "a command waits for {waited} us");
            let micros = 100 + world.random.below(300);
            world.pass(micros);
        }
        assert!(is_set_back);
        world.settle()?;
        world.look_at_the_end()?;
        Ok(world.counts)
    }

    /// The store loses its latest changes, which is against its promises: every engine that knew of them says so, once.
    pub(crate) fn regress(plan: Plan) -> Result<Counts, Violation> {
        let mut world = Self::new(Plan { accounts: Some(1), ..plan });
        world.hostile = false;
        for _ in 0..world.random.below(40) {
            let engine = world.random.index(world.engines.len());
            world.ask(engine)?;
        }
        world.settle()?;
        let before = world.store.accounts.clone();
        for engine in 0..world.engines.len() {
            world.top_up(engine)?;
            world.settle()?;
        }
        world.store.accounts = before;
        for engine in 0..world.engines.len() {
            world.ask(engine)?;
        }
        world.settle()?;
        let (said, engines) = (world.regressed, world.engines.len());
        require!(Regressed, said == engines, "{said} of {engines} engines say that the store lost something");
        for _ in 0..40 {
            let engine = world.random.index(world.engines.len());
            world.ask(engine)?;
        }
        world.settle()?;
        require!(Regressed, world.regressed == said, "what was lost is said again");
        world.look_at_the_end()?;
        Ok(world.counts)
    }
}
