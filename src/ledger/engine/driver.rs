//! The threads of an engine: for each share of the accounts one that decides and commits, and one that loads and reads.

use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::error::LedgerError;
use crate::id::AccountId;
use crate::ledger::engine::EngineSettings;
use crate::ledger::engine::command::{Answer, Command, Reply, Work};
use crate::ledger::engine::core::{Core, CoreLimits, unavailable};
use crate::ledger::engine::observe::Event;
use crate::ledger::engine::reply_slot;
use crate::ledger::future::LedgerFuture;
use crate::ledger::store::Store;
use crate::ledger::store::records::Stamps;

/// How often deadlines are looked at.
const LOOK: Duration = Duration::from_millis(100);

/// Something to do with the store beside loads and commits: a page, a list of what is due.
pub(super) type Job<S> = Box<dyn FnOnce(&Arc<Shared<S>>) + Send>;

/// What is put on it is taken by the threads.
struct Desk<S: Store> {
    commands: Vec<Command>,
    jobs: VecDeque<Job<S>>,
    /// Goes up whenever there may be something to do.
    rings: u64,
    is_closed: bool,
}

/// A share of the accounts.
struct Shard<S: Store> {
    core: Mutex<Core>,
    desk: Mutex<Desk<S>>,
    bell: Condvar,
}

/// What callers and threads share.
pub(super) struct Shared<S: Store> {
    pub(super) store: S,
    shards: Vec<Shard<S>>,
    hasher: RandomState,
    settings: EngineSettings,
    began: Instant,
    /// How many commands are not answered.
    waiting: AtomicUsize,
    /// After which account pruning goes on.
    pub(super) pruned: Mutex<Option<AccountId>>,
}

pub(super) struct Driver<S: Store> {
    pub(super) shared: Arc<Shared<S>>,
    threads: Vec<JoinHandle<()>>,
}

impl<S: Store> Driver<S> {
    pub(super) fn start(store: S, settings: EngineSettings) -> Self {
        let count = settings.writers.max(1);
        let share = |all: usize| all.div_ceil(count).max(1);
        let limits = CoreLimits {
            waiting: settings.waiting,
            remembered: share(settings.remembered),
            remembered_holds: share(settings.remembered),
            ..CoreLimits::DEFAULT
        };
        let observed = settings.observer.is_some();
        let shards = (0..count)
            .map(|_| Shard {
                core: Mutex::new(Core::new(Stamps::unique(), limits, observed)),
                desk: Mutex::new(Desk {
                    commands: Vec::new(),
                    jobs: VecDeque::new(),
                    rings: 0,
                    is_closed: false,
                }),
                bell: Condvar::new(),
            })
            .collect();
        let shared = Arc::new(Shared {
            store,
            shards,
            hasher: RandomState::new(),
            settings,
            began: Instant::now(),
            waiting: AtomicUsize::new(0),
            pruned: Mutex::new(None),
        });
        let mut threads = Vec::new();
        for index in 0..count {
            for (name, run) in [
                ("ledger-commit", Shared::commit_loop as fn(&Arc<Shared<S>>, usize)),
                ("ledger-load", Shared::load_loop),
            ] {
                let theirs = Arc::clone(&shared);
                let builder = thread::Builder::new().name(name.to_owned());
                if let Ok(thread) = builder.spawn(move || run(&theirs, index)) {
                    threads.push(thread);
                } else {
                    // Without its threads nothing would ever be answered: refuse from the start.
                    shared.close();
                }
            }
        }
        Self { shared, threads }
    }

    pub(super) fn store(&self) -> &S {
        &self.shared.store
    }

    pub(super) fn ask(&self, account: AccountId, work: Work) -> LedgerFuture<Answer> {
        let (giver, taker) = reply_slot::pair();
        match self.shared.submit(account, work, Box::new(move |answer| giver.give(answer))) {
            Ok(()) => LedgerFuture::boxed(taker),
            Err(error) => LedgerFuture::ready(Err(error)),
        }
    }
}

impl<S: Store> Drop for Driver<S> {
    fn drop(&mut self) {
        self.shared.close();
        for thread in self.threads.drain(..) {
            // A panic of it was reported when it happened.
            let _ = thread.join();
        }
    }
}

impl<S: Store> Shared<S> {
    /// Puts a command on the desk of its account's share.
    pub(super) fn submit(
        self: &Arc<Self>,
        account: AccountId,
        work: Work,
        reply: Reply,
    ) -> Result<(), LedgerError> {
        let Some(shard) = self.shard_of(&account) else { return Err(unavailable("the ledger was closed")) };
        if self.waiting.load(Ordering::Relaxed) >= self.settings.waiting {
            return Err(unavailable("too much is waiting for this ledger already"));
        }
        let deadline = self.began.elapsed().saturating_add(self.settings.deadline);
        let shared = Arc::clone(self);
        let reply: Reply = Box::new(move |answer| {
            shared.waiting.fetch_sub(1, Ordering::Relaxed);
            reply(answer);
        });
        let command = Command { account, work, deadline: micros(deadline), reply };
        let mut desk = lock(&shard.desk);
        if desk.is_closed {
            return Err(unavailable("the ledger was closed"));
        }
        self.waiting.fetch_add(1, Ordering::Relaxed);
        desk.commands.push(command);
        shard.ring(desk);
        Ok(())
    }

    /// Has something done by the thread that loads this account.
    pub(super) fn run(self: &Arc<Self>, account: &AccountId, job: Job<S>) {
        if let Some(shard) = self.shard_of(account) {
            shard.run(job);
        }
    }

    /// Has something done by the thread that loads for the first share.
    pub(super) fn run_anywhere(self: &Arc<Self>, job: Job<S>) {
        if let Some(shard) = self.shards.first() {
            shard.run(job);
        }
    }

    fn shard_of(&self, account: &AccountId) -> Option<&Shard<S>> {
        if let [only] = self.shards.as_slice() {
            return Some(only);
        }
        let count = u64::try_from(self.shards.len()).unwrap_or(1);
        let index = self.hasher.hash_one(account).checked_rem(count).unwrap_or(0);
        self.shards.get(usize::try_from(index).unwrap_or(0))
    }

    fn close(&self) {
        for shard in &self.shards {
            let mut desk = lock(&shard.desk);
            desk.is_closed = true;
            shard.ring(desk);
        }
    }

    fn tick(&self) -> u64 {
        micros(self.began.elapsed())
    }

    fn tell(&self, events: &[Event]) {
        if let Some(observer) = &self.settings.observer {
            for event in events {
                observer.observe(event);
            }
        }
    }

    fn commit_loop(self: &Arc<Self>, index: usize) {
        let Some(shard) = self.shards.get(index) else { return };
        let mut heard = 0;
        loop {
            let (sets, events, wants_load) = {
                let mut core = lock(&shard.core);
                self.take_commands(shard, &mut core);
                let sets = core.next_commit(self.tick(), self.store.now());
                (sets, core.take_events(), core.wants_load())
            };
            if wants_load {
                shard.ring(lock(&shard.desk));
            }
            self.tell(&events);
            let Some(sets) = sets else {
                if !shard.wait(&mut heard, None) && lock(&shard.core).is_idle() {
                    return;
                }
                continue;
            };
            let began = Instant::now();
            let outcomes = self.store.commit(&sets);
            let took = began.elapsed();
            let mut core = lock(&shard.core);
            core.committed(self.tick(), took, outcomes);
            let events = core.take_events();
            drop(core);
            self.tell(&events);
        }
    }

    fn load_loop(self: &Arc<Self>, index: usize) {
        let Some(shard) = self.shards.get(index) else { return };
        let (mut heard, mut looked) = (0, Instant::now());
        loop {
            let job = lock(&shard.desk).jobs.pop_front();
            let has_job = job.is_some();
            if let Some(job) = job {
                job(self);
            }
            let (asks, timer, events, wants_commit) = {
                let mut core = lock(&shard.core);
                self.take_commands(shard, &mut core);
                if looked.elapsed() >= LOOK {
                    looked = Instant::now();
                    core.expire(self.tick());
                }
                let asks = core.next_load(self.tick(), self.store.now());
                let timer = if core.is_idle() { None } else { Some(core.next_timer().unwrap_or(u64::MAX)) };
                (asks, timer, core.take_events(), core.wants_commit())
            };
            if wants_commit {
                shard.ring(lock(&shard.desk));
            }
            self.tell(&events);
            if let Some(asks) = asks {
                let began = Instant::now();
                let snapshots = self.store.load(&asks);
                let took = began.elapsed();
                let mut core = lock(&shard.core);
                core.loaded(self.tick(), took, snapshots);
                let events = core.take_events();
                drop(core);
                self.tell(&events);
                shard.ring(lock(&shard.desk));
            } else if !has_job {
                let until = timer.map(|at| Duration::from_micros(at.saturating_sub(self.tick())).min(LOOK));
                if !shard.wait(&mut heard, until) && timer.is_none() && lock(&shard.desk).jobs.is_empty() {
                    return;
                }
            }
        }
    }

    fn take_commands(&self, shard: &Shard<S>, core: &mut Core) {
        let commands = std::mem::take(&mut lock(&shard.desk).commands);
        let tick = self.tick();
        for command in commands {
            core.submit(tick, command);
        }
    }
}

impl<S: Store> Shard<S> {
    fn ring(&self, mut desk: MutexGuard<'_, Desk<S>>) {
        desk.rings = desk.rings.wrapping_add(1);
        drop(desk);
        self.bell.notify_all();
    }

    fn run(&self, job: Job<S>) {
        let mut desk = lock(&self.desk);
        desk.jobs.push_back(job);
        self.ring(desk);
    }

    /// Waits until something may be to do that was not heard of, or for so long; says whether the ledger is open.
    fn wait(&self, heard: &mut u64, most: Option<Duration>) -> bool {
        let mut desk = lock(&self.desk);
        let is_news = |desk: &Desk<S>| desk.rings != *heard;
        if !is_news(&desk) {
            desk = if desk.is_closed {
                // What is left is waited for in short steps.
                let step = Duration::from_millis(5);
                self.bell.wait_timeout(desk, step).unwrap_or_else(PoisonError::into_inner).0
            } else {
                match most {
                    Some(most) => {
                        self.bell.wait_timeout(desk, most).unwrap_or_else(PoisonError::into_inner).0
                    }
                    None => self.bell.wait(desk).unwrap_or_else(PoisonError::into_inner),
                }
            };
        }
        let is_open = !desk.is_closed || is_news(&desk);
        *heard = desk.rings;
        is_open
    }
}

/// Nothing that is done while one of these is locked panics.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
