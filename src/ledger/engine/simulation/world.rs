//! Several engines on one store, driven step by step by one row of random numbers.

use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::clock::Timestamp;
use crate::error::LedgerError;
use crate::id::AccountId;
use crate::ledger::engine::command::{Answer, Command, Work};
use crate::ledger::engine::core::{Core, CoreLimits};
use crate::ledger::engine::simulation::answers::{Asked, look_at};
use crate::ledger::engine::simulation::hostile::{HostileStore, Rows};
use crate::ledger::engine::simulation::plan::{Counts, Plan};
use crate::ledger::engine::simulation::random::Random;
use crate::ledger::engine::simulation::requests::{Asker, unit};
use crate::ledger::engine::simulation::truth::{Violation, require};
use crate::ledger::request::{PostKind, PostRequest};
use crate::ledger::store::StoreError;
use crate::ledger::store::asks::{Ask, Snapshot};
use crate::ledger::store::records::Stamps;
use crate::ledger::store::sets::{Outcome, Set};

const START: Timestamp = Timestamp::from_micros(1_767_225_600_000_000);
/// So many steps without hostilities answer everything.
const QUIET_STEPS: u64 = 30_000;

type Inbox = Arc<Mutex<Vec<(usize, Result<Answer, LedgerError>)>>>;

/// A commit on its way.
#[derive(Debug)]
pub(super) enum Commit {
    Sent(Vec<Set>),
    Done(Vec<Outcome>),
}

#[derive(Debug)]
pub(super) enum Load {
    Sent(Vec<Ask>),
    Done(Result<Vec<Snapshot>, StoreError>),
}

#[derive(Debug)]
pub(super) struct Engine {
    pub(super) core: Core,
    pub(super) commit: Option<Commit>,
    pub(super) load: Option<Load>,
    /// How far its idea of the store's clock is off, in microseconds.
    skew: i64,
}

pub(crate) struct World {
    pub(super) random: Random,
    plan: Plan,
    pub(super) store: HostileStore,
    pub(super) engines: Vec<Engine>,
    askers: Vec<Asker>,
    /// The account whose sets the store rejects.
    poisoned: Option<AccountId>,
    /// Sets whose commits were answered as unknown, still on their way.
    delayed: Vec<Set>,
    asked: Vec<Option<Asked>>,
    unanswered: usize,
    inbox: Inbox,
    /// The monotonic clock, in microseconds.
    pub(super) tick: u64,
    /// Numbers of moments.
    pub(super) step: u64,
    cores_made: u64,
    pub(super) hostile: bool,
    pub(super) counts: Counts,
    /// How many answers said that the store lost something. Where it did not, one is too many.
    pub(super) regressed: usize,
}

impl World {
    pub(super) fn new(plan: Plan) -> Self {
        let mut random = Random::new(plan.seed);
        let accounts = plan.accounts.unwrap_or_else(|| 1 + random.below(3));
        let askers: Vec<Asker> = (0..accounts)
            .map(|number| {
                let debt = if random.one_in(2) { 20 } else { 0 };
                Asker::new(format!("account-{number}").parse().unwrap(), debt)
            })
            .collect();
        let rows =
            askers.iter().map(|asker| Rows::new(asker.account.clone(), asker.debt, plan.store)).collect();
        let mut world = Self {
            store: HostileStore { now: START, guards: plan.store, accounts: rows },
            engines: Vec::new(),
            askers,
            poisoned: None,
            delayed: Vec::new(),
            asked: Vec::new(),
            unanswered: 0,
            inbox: Inbox::default(),
            tick: 0,
            step: 0,
            cores_made: 0,
            hostile: true,
            counts: Counts::default(),
            regressed: 0,
            random,
            plan,
        };
        let engines = plan.engines.unwrap_or_else(|| 1 + world.random.below(3));
        for _ in 0..engines {
            let engine = world.new_engine();
            world.engines.push(engine);
        }
        world
    }

    pub(super) fn new_engine(&mut self) -> Engine {
        self.cores_made += 1;
        let limits = CoreLimits {
            remembered: [1, 50, 10_000][self.random.index(3)],
            remembered_holds: [2, 10_000][self.random.index(2)],
            set: [3, 2_048][self.random.index(2)],
            refusals_apart: [0, 5_000][self.random.index(2)],
            ..CoreLimits::DEFAULT
        };
        let mut core = Core::new(Stamps::seeded(self.plan.seed << 16 | self.cores_made), limits, false);
        core.guards = self.plan.engine;
        Engine { core, commit: None, load: None, skew: 0 }
    }

    fn say(&self, what: &str, details: &dyn Debug) {
        if self.plan.told {
            println!("{:6} {:9} {what} {details:?}", self.step, self.tick);
        }
    }

    /// A random command at an engine, without a deadline; its number.
    pub(super) fn ask(&mut self, engine: usize) -> Result<usize, Violation> {
        let account = self.random.index(self.askers.len());
        let work = self.askers[account].work(&mut self.random, self.store.now);
        self.submit(engine, account, work, u64::MAX)?;
        Ok(self.asked.len() - 1)
    }

    /// A top-up of the first account under a key of its own, without a deadline; its number.
    pub(super) fn top_up(&mut self, engine: usize) -> Result<usize, Violation> {
        let id = self.asked.len();
        let key = format!("t{id}").parse().unwrap();
        let account = self.askers[0].account.clone();
        let post = PostRequest::new(account, key, PostKind::top_up(), unit().minor(5));
        self.submit(engine, 0, Work::Post(post), u64::MAX)?;
        Ok(id)
    }

    pub(super) fn is_answered(&self, id: usize) -> bool {
        self.asked[id].is_none()
    }

    /// The whole run.
    pub(crate) fn run(plan: Plan) -> Result<Counts, Violation> {
        let mut world = Self::new(plan);
        while world.counts.commands < plan.commands {
            world.act()?;
        }
        world.calm_down()?;
        world.settle()?;
        require!(Regressed, world.regressed == 0, "the store is said to have lost something");
        world.look_at_the_end()?;
        world.counts.steps = world.step;
        Ok(world.counts)
    }

    pub(super) fn look_at_the_end(&self) -> Result<(), Violation> {
        self.store.accounts.iter().try_for_each(|rows| rows.truth.at_the_end(rows))
    }

    /// One random thing happens.
    fn act(&mut self) -> Result<(), Violation> {
        let engine = self.random.index(self.engines.len());
        match self.random.below(100) {
            0..28 => {
                let account = self.random.index(self.askers.len());
                let work = self.askers[account].work(&mut self.random, self.store.now);
                let deadline = match self.random.below(8) {
                    0 => self.tick + 500 + self.random.below(50_000),
                    _ => u64::MAX,
                };
                self.submit(engine, account, work, deadline)
            }
            28..66 => self.go_on_committing(engine),
            66..90 => self.go_on_loading(engine),
            90..94 => {
                let micros = self.random.below(2_000);
                self.pass(micros);
                Ok(())
            }
            94..96 => self.late_landing(),
            96..98 => {
                self.engines[engine].core.expire(self.tick);
                self.take_answers()
            }
            _ => self.trouble(engine),
        }
    }

    /// Time goes by, for all alike.
    pub(super) fn pass(&mut self, micros: u64) {
        self.tick += micros;
        self.store.now = self.store.now.saturating_add(Duration::from_micros(micros));
    }

    fn trouble(&mut self, engine: usize) -> Result<(), Violation> {
        match self.random.below(20) {
            // The store's clock is set, a little or a lot.
            0..3 => {
                let most = [2_000, 30_000, 5_000_000][self.random.index(3)];
                let by = self.random.around_zero(most);
                self.store.now = Timestamp::from_micros(self.store.now.as_micros() + by);
                self.say("clock set by", &by);
            }
            // An engine's idea of it lags or leads, or is right again.
            3..9 => {
                let most = [0, 300, 5_000, 3_000_000][self.random.index(4)];
                self.engines[engine].skew = self.random.around_zero(most);
                self.say("skew", &(engine, self.engines[engine].skew));
            }
            9..12 => {
                let account = self.random.index(self.askers.len());
                self.poisoned = self.random.one_in(8).then(|| self.askers[account].account.clone());
            }
            12 => return self.kill(engine),
            13 => self.pass(200_000),
            _ => self.pass(10_000),
        }
        Ok(())
    }

    /// An engine is gone, with all that it knew, and another comes in its place.
    fn kill(&mut self, number: usize) -> Result<(), Violation> {
        self.say("killed", &number);
        self.counts.killed += 1;
        let fresh = self.new_engine();
        let dead = std::mem::replace(&mut self.engines[number], fresh);
        if let Some(Commit::Sent(sets)) = dead.commit {
            self.lose(sets)?;
        }
        for id in 0..self.asked.len() {
            if self.asked[id].as_ref().is_some_and(|asked| asked.engine == number) {
                let asked = self.asked[id].take().unwrap();
                self.ended(&asked);
            }
        }
        Ok(())
    }

    fn ended(&mut self, asked: &Asked) {
        self.unanswered -= 1;
        if let Some(name) = &asked.makes {
            let fate = self.store.accounts[asked.account].truth.fates.entry(name.clone()).or_default();
            fate.running -= 1;
            fate.touched = self.step;
        }
    }

    pub(super) fn submit(
        &mut self,
        engine: usize,
        account: usize,
        work: Work,
        deadline: u64,
    ) -> Result<(), Violation> {
        self.step += 1;
        self.counts.commands += 1;
        self.unanswered += 1;
        self.say("asked", &(self.asked.len(), engine, &work));
        let about = work.key().map(|(operation, key)| (operation, key.clone()));
        let makes = about.clone().filter(|_| matches!(work, Work::Hold(_) | Work::Post(_)));
        let truth = &mut self.store.accounts[account].truth;
        if let Some(name) = &makes {
            let fate = truth.fates.entry(name.clone()).or_default();
            fate.submitted += 1;
            fate.running += 1;
            fate.touched = self.step;
            fate.absent = false;
        }
        let is_find = matches!(work, Work::Find(_));
        let asked = Asked { engine, account, makes, about, is_find, at: self.step, floor: truth.latest_told };
        let id = self.asked.len();
        self.asked.push(Some(asked));
        let inbox = Arc::clone(&self.inbox);
        let reply = Box::new(move |answer| inbox.lock().unwrap().push((id, answer)));
        let account = self.askers[account].account.clone();
        self.engines[engine].core.submit(self.tick, Command { account, work, deadline, reply });
        self.take_answers()
    }

    pub(super) fn engine_now(&self, engine: usize) -> Timestamp {
        Timestamp::from_micros(self.store.now.as_micros() + self.engines[engine].skew)
    }

    /// An engine begins a commit, or the store does one, or the engine hears of it.
    pub(super) fn go_on_committing(&mut self, number: usize) -> Result<(), Violation> {
        self.step += 1;
        let now = self.engine_now(number);
        let engine = &mut self.engines[number];
        match engine.commit.take() {
            None => {
                engine.commit = engine.core.next_commit(self.tick, now).map(Commit::Sent);
                if let Some(Commit::Sent(sets)) = &engine.commit {
                    self.counts.sets += sets.len() as u64;
                }
            }
            Some(Commit::Sent(sets)) => {
                let outcomes = self.commit(sets)?;
                self.say("committed", &(number, &outcomes));
                self.engines[number].commit = Some(Commit::Done(outcomes));
            }
            Some(Commit::Done(outcomes)) => {
                if self.plan.told {
                    println!("{:6} {:9} heard {number}", self.step, self.tick);
                }
                engine.core.committed(self.tick, Duration::ZERO, outcomes);
            }
        }
        self.take_answers()
    }

    /// What the store does with sets, and says.
    fn commit(&mut self, sets: Vec<Set>) -> Result<Vec<Outcome>, Violation> {
        if self.hostile {
            let poisoned = |set: &Set| self.poisoned.as_ref() == Some(&set.account);
            if sets.iter().any(poisoned) {
                return Ok(vec![Outcome::Rejected("poisoned".to_owned()); sets.len()]);
            }
            match self.random.below(40) {
                0 => return Ok(vec![Outcome::Unavailable("down".to_owned()); sets.len()]),
                1..5 => {
                    let count = sets.len();
                    self.lose(sets)?;
                    return Ok(vec![Outcome::Unknown("lost".to_owned()); count]);
                }
                _ => {}
            }
        }
        let mut outcomes = Vec::new();
        for set in &sets {
            let mut outcome = self.store.commit(set, self.step)?;
            match &outcome {
                Outcome::Conflict(_) => self.counts.conflicts += 1,
                Outcome::KeyTaken => self.counts.keys_taken += 1,
                Outcome::OutOfWindow(_) => self.counts.out_of_window += 1,
                Outcome::TurnTaken(_) => self.counts.turns_taken += 1,
                _ => {}
            }
            if matches!(outcome, Outcome::Conflict(_)) && self.random.one_in(2) {
                // A store need not have the present version at hand.
                outcome = Outcome::Conflict(None);
            }
            outcomes.push(outcome);
        }
        Ok(outcomes)
    }

    /// What becomes of sets is not known: some are applied, some are not, some are still on their way, perhaps twice.
    fn lose(&mut self, sets: Vec<Set>) -> Result<(), Violation> {
        for set in sets {
            self.counts.lost += 1;
            let fate = self.random.below(4);
            self.say("lost", &(fate, &set.account, set.put.version));
            match fate {
                0 => {}
                1 => drop(self.store.commit(&set, self.step)?),
                2 => self.delayed.push(set),
                _ => self.delayed.extend([set.clone(), set]),
            }
        }
        Ok(())
    }

    /// Something arrives at the store that nobody waits for any more, in any order.
    fn late_landing(&mut self) -> Result<(), Violation> {
        self.step += 1;
        if !self.delayed.is_empty() {
            let at = self.random.index(self.delayed.len());
            let set = self.delayed.swap_remove(at);
            let outcome = self.store.commit(&set, self.step)?;
            self.counts.landed_late += u64::from(outcome == Outcome::Applied);
            self.say("late", &(&set.account, set.put.version, outcome));
        }
        Ok(())
    }

    pub(super) fn go_on_loading(&mut self, number: usize) -> Result<(), Violation> {
        self.step += 1;
        let now = self.engine_now(number);
        let engine = &mut self.engines[number];
        match engine.load.take() {
            None => engine.load = engine.core.next_load(self.tick, now).map(Load::Sent),
            Some(Load::Sent(asks)) => {
                let answer = match self.random.below(120) {
                    0 if self.hostile => Err(StoreError::Unavailable("down".to_owned())),
                    1 if self.hostile => Err(StoreError::Corrupt("a row".to_owned())),
                    _ => Ok(self.store.load(&asks)),
                };
                self.say("loaded", &(number, answer.is_ok()));
                self.engines[number].load = Some(Load::Done(answer));
            }
            Some(Load::Done(answer)) => engine.core.loaded(self.tick, Duration::ZERO, answer),
        }
        self.take_answers()
    }

    /// No more hostilities; what was lost arrives or does not.
    pub(super) fn calm_down(&mut self) -> Result<(), Violation> {
        (self.hostile, self.poisoned) = (false, None);
        while !self.delayed.is_empty() {
            if self.random.one_in(2) {
                self.delayed.pop();
            }
            self.late_landing()?;
        }
        self.engines.iter_mut().for_each(|engine| engine.skew = 0);
        Ok(())
    }

    /// Everything is answered within so many steps.
    pub(super) fn settle(&mut self) -> Result<(), Violation> {
        let until = self.step + QUIET_STEPS;
        while self.unanswered > 0 || self.engines.iter().any(|engine| !engine.core.is_idle()) {
            require!(
                Starved,
                self.step < until,
                "{} of {:?}",
                self.unanswered,
                self.asked.iter().flatten().next()
            );
            for engine in 0..self.engines.len() {
                self.go_on_committing(engine)?;
                self.go_on_loading(engine)?;
            }
            let micros = self.random.below(1_000);
            self.pass(micros);
        }
        Ok(())
    }

    /// Looks at what was answered.
    fn take_answers(&mut self) -> Result<(), Violation> {
        let answers = std::mem::take(&mut *self.inbox.lock().unwrap());
        for (id, answer) in answers {
            self.step += 1;
            self.say("answered", &(id, &answer));
            // Nobody waits for the answers of an engine that is gone.
            let Some(asked) = self.asked[id].take() else { continue };
            self.ended(&asked);
            self.look_at(&asked, &answer)?;
        }
        Ok(())
    }

    fn look_at(&mut self, asked: &Asked, answer: &Result<Answer, LedgerError>) -> Result<(), Violation> {
        let (step, rows) = (self.step, &mut self.store.accounts[asked.account]);
        let mut truth = std::mem::take(&mut rows.truth);
        self.regressed += usize::from(matches!(answer, Err(LedgerError::StoreRegressed { .. })));
        let result = look_at(&mut truth, rows, asked, answer, step, &mut self.counts);
        rows.truth = truth;
        result
    }
}
