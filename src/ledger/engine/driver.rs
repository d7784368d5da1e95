//! The threads of an engine: for each share of the accounts one that decides and commits, and one that loads and reads.

use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::panic::{self, AssertUnwindSafe};
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
use crate::ledger::store::records::Stamps;
use crate::ledger::store::sets::Outcome;
use crate::ledger::store::{Store, StoreError};

/// How often deadlines are looked at.
const LOOK: Duration = Duration::from_millis(100);
/// How long what was submitted during a commit waits for its account to be loaded, at most: about as long as a commit should take.
const MEANWHILE: Duration = Duration::from_millis(5);

/// What is said of a store that panicked.
const PANICKED: &str = "the store panicked";

/// Something to do with the store beside loads and commits: a page, a list of what is due.
pub(super) type Job<S> = Box<dyn FnOnce(&Arc<Shared<S>>) + Send>;

/// What is put on it is taken by the threads.
struct Desk<S: Store> {
    commands: Vec<Command>,
    jobs: VecDeque<Job<S>>,
    commit: Bell,
    load: Bell,
    is_closed: bool,
}

/// What a thread hears.
#[derive(Clone, Copy, Default)]
struct Bell {
    /// Whether there may be something to do that it has not looked at.
    rings: bool,
    /// Whether it may come to listen for nothing else: no deadline, no timer. What it knew when it last looked may be old.
    sleeps: bool,
}

/// A share of the accounts.
struct Shard<S: Store> {
    core: Mutex<Core>,
    desk: Mutex<Desk<S>>,
    commit_bell: Condvar,
    load_bell: Condvar,
}

/// Which of a share's threads.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Thread {
    Commit,
    Load,
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
            refusals_apart: micros(settings.refusals_apart),
            ..CoreLimits::DEFAULT
        };
        let observed = settings.observer.is_some();
        let shards = (0..count)
            .map(|_| Shard {
                core: Mutex::new(Core::new(Stamps::unique(), limits, observed)),
                desk: Mutex::new(Desk {
                    commands: Vec::new(),
                    jobs: VecDeque::new(),
                    commit: Bell::default(),
                    load: Bell { rings: false, sleeps: true },
                    is_closed: false,
                }),
                commit_bell: Condvar::new(),
                load_bell: Condvar::new(),
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
        let this = thread::current().id();
        if self.threads.iter().any(|thread| thread.thread().id() == this) {
            // Whoever is woken by an answer may drop the ledger there and then, on a thread of the ledger's own, while that has
            // what the others need to end. They do so by themselves.
            return;
        }
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
        shard.ring(desk, Thread::Commit);
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
            desk.commit.rings = true;
            shard.commit_bell.notify_one();
            shard.ring(desk, Thread::Load);
        }
    }

    fn tick(&self) -> u64 {
        micros(self.began.elapsed())
    }

    fn tell(&self, events: &[Event]) {
        if let Some(observer) = &self.settings.observer {
            for event in events {
                let _ = caught(|| observer.observe(event));
            }
        }
    }

    fn commit_loop(self: &Arc<Self>, index: usize) {
        let Some(shard) = self.shards.get(index) else { return };
        let mut looked = Instant::now();
        loop {
            let (sets, events, wants_load, is_idle) = {
                let mut core = lock(&shard.core);
                self.take_commands(shard, &mut core);
                self.look(&mut core, &mut looked);
                let sets = core.next_commit(self.tick(), self.store.now());
                (sets, core.take_events(), core.wants_load(), core.is_idle())
            };
            if !is_idle {
                let desk = lock(&shard.desk);
                // Whoever loads also looks at deadlines while this one commits.
                if wants_load || desk.load.sleeps {
                    shard.ring(desk, Thread::Load);
                }
            }
            self.tell(&events);
            if let Some(sets) = sets {
                let began = Instant::now();
                let outcomes = caught(|| self.store.commit(&sets))
                    .unwrap_or_else(|| vec![Outcome::Unknown(PANICKED.to_owned()); sets.len()]);
                let took = began.elapsed();
                let mut core = lock(&shard.core);
                core.committed(self.tick(), took, outcomes);
                let events = core.take_events();
                drop(core);
                self.tell(&events);
            } else {
                // A load may take longer than what waits for it is allowed to.
                let most = (!is_idle).then_some(LOOK);
                if !shard.wait(Thread::Commit, most, is_idle) {
                    return;
                }
            }
        }
    }

    fn load_loop(self: &Arc<Self>, index: usize) {
        let Some(shard) = self.shards.get(index) else { return };
        let mut looked = Instant::now();
        loop {
            let job = lock(&shard.desk).jobs.pop_front();
            let has_job = job.is_some();
            if let Some(job) = job {
                // Who waits for it is answered when it is dropped.
                let _ = caught(|| job(self));
            }
            let (asks, timer, events, wants_commit, is_idle) = {
                let mut core = lock(&shard.core);
                self.take_commands(shard, &mut core);
                self.look(&mut core, &mut looked);
                let asks = core.next_load(self.tick(), self.store.now());
                (asks, core.next_timer(), core.take_events(), core.wants_commit(), core.is_idle())
            };
            if wants_commit {
                shard.ring(lock(&shard.desk), Thread::Commit);
            }
            self.tell(&events);
            if let Some(asks) = asks {
                let began = Instant::now();
                let snapshots = caught(|| self.store.load(&asks))
                    .unwrap_or_else(|| Err(StoreError::Unavailable(PANICKED.to_owned())));
                let took = began.elapsed();
                let mut core = lock(&shard.core);
                core.loaded(self.tick(), took, snapshots);
                let (events, wants_commit) = (core.take_events(), core.wants_commit());
                drop(core);
                self.tell(&events);
                if wants_commit {
                    shard.ring(lock(&shard.desk), Thread::Commit);
                }
            } else if !has_job {
                let timer =
                    timer.map_or(MEANWHILE, |at| Duration::from_micros(at.saturating_sub(self.tick())));
                let most = (!is_idle).then_some(timer.min(MEANWHILE));
                if !shard.wait(Thread::Load, most, is_idle) {
                    return;
                }
            }
        }
    }

    /// Looks at deadlines if that was not done lately. Both threads do, since either may be waiting for the store.
    fn look(&self, core: &mut Core, looked: &mut Instant) {
        if looked.elapsed() >= LOOK {
            *looked = Instant::now();
            core.expire(self.tick());
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
    fn ring(&self, mut desk: MutexGuard<'_, Desk<S>>, thread: Thread) {
        let (bell, heard_by) = match thread {
            Thread::Commit => (&mut desk.commit, &self.commit_bell),
            Thread::Load => (&mut desk.load, &self.load_bell),
        };
        // Who was rung before has not looked yet.
        let is_news = !std::mem::replace(&mut bell.rings, true);
        drop(desk);
        if is_news {
            heard_by.notify_one();
        }
    }

    fn run(&self, job: Job<S>) {
        let mut desk = lock(&self.desk);
        desk.jobs.push_back(job);
        self.ring(desk, Thread::Load);
    }

    /// Waits until something may be to do, or for so long; says whether to go on.
    fn wait(&self, thread: Thread, most: Option<Duration>, is_idle: bool) -> bool {
        let mut desk = lock(&self.desk);
        let bell = if thread == Thread::Commit { &self.commit_bell } else { &self.load_bell };
        let its = |desk: &mut Desk<S>| -> Bell {
            *(if thread == Thread::Commit { &mut desk.commit } else { &mut desk.load })
        };
        if !its(&mut desk).rings {
            if desk.is_closed && is_idle && desk.commands.is_empty() && desk.jobs.is_empty() {
                return false;
            }
            if thread == Thread::Load {
                desk.load.sleeps = most.is_none();
            }
            // What is left when the ledger is closed is waited for in short steps.
            let most = if desk.is_closed { Some(Duration::from_millis(5)) } else { most };
            desk = match most {
                Some(most) => bell.wait_timeout(desk, most).unwrap_or_else(PoisonError::into_inner).0,
                None => bell.wait(desk).unwrap_or_else(PoisonError::into_inner),
            };
        }
        if thread == Thread::Commit {
            desk.commit.rings = false;
        } else {
            (desk.load.rings, desk.load.sleeps) = (false, true);
        }
        true
    }
}

/// Nothing that is done while one of these is locked panics.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs what is not the engine's own. If that panics, which is reported where it happens, the thread goes on: without it nobody
/// would be answered any more, and the ledger could not be dropped.
fn caught<T>(work: impl FnOnce() -> T) -> Option<T> {
    panic::catch_unwind(AssertUnwindSafe(work)).ok()
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
