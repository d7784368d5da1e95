//! Question: do two threads get more done than one?
//!
//! A: two threads, each making so many cycles. B: one thread making that many. The ratio is of throughputs, 2 at
//! best.
//!
//! Other programs on a machine with few cores take from two threads more than from one. So each turn begins and ends
//! with a calibration, arithmetic that shares nothing, and a turn counts only if two threads did at least 1.8 times
//! the arithmetic of one both times. The lines with two ledgers show what the machine's memory gives when nothing is
//! shared.

use std::hint::black_box;
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use billing_guard::{Ledger, MemorySettings};
use billing_guard_peers::{
    Effort, Picks, Table, Target, Turns, account_texts, cycle, fill_retention, fresh_ids, median,
    time_cycles, topped_up,
};

#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let effort = Effort::from_args();
    let table = Table::new("throughput of two threads : one thread", effort);
    let retained = effort.pick(100_000, 1_000);
    // A bound on entries that is reached before the clock starts: while histories grow, what is measured is how the
    // system hands out new memory.
    for (what, accounts, entries, ledgers, target) in [
        ("two ledgers of 1000 accounts, nothing shared", 1_000, 100, 2, Target::None),
        ("two ledgers of 1000000 accounts, nothing shared", 1_000_000, 2, 2, Target::None),
        ("1000000 accounts", 1_000_000, 2, 1, Target::AtLeast(1.6)),
        ("1000000 accounts, histories growing", 1_000_000, 1_000, 1, Target::None),
        ("1000 accounts", 1_000, 100, 1, Target::AtLeast(1.0)),
        ("one account", 1, 100, 1, Target::AtLeast(0.5)),
    ] {
        let settings = MemorySettings::new().with_retained_keys(retained).with_retained_entries(entries);
        let accounts = if effort.quick { (accounts / 100).max(1) } else { accounts };
        let texts = account_texts(accounts);
        let ledgers: Vec<Arc<dyn Ledger>> = (0..ledgers).map(|_| topped_up(accounts, settings)).collect();
        for ledger in &ledgers {
            fill_retention(ledger.as_ref(), &texts, retained);
            if !effort.quick && entries < 1_000 {
                let fill = Picks::new(2).many(3 * entries * accounts, accounts);
                time_cycles(ledger.as_ref(), &texts, &fill);
            }
        }
        let cycles = effort.pick(100_000, 200);
        let mut seed = 10;
        let mut run = |threads: usize| {
            let works: Vec<Work> = (0..threads)
                .map(|thread| {
                    seed += 1;
                    let ledger = Arc::clone(&ledgers[thread % ledgers.len()]);
                    Work { ledger, picks: Picks::new(seed).many(cycles, accounts) }
                })
                .collect();
            (threads * cycles) as f64 / together(&works, &texts).as_secs_f64()
        };
        run(2);
        let (wanted, most) = (effort.pick(21, 2), effort.pick(120, 4));
        let mut turns = Turns::default();
        let mut taken = 0;
        while turns.times.len() < wanted && taken < most {
            taken += 1;
            let before = machine_scaling();
            let turn = (run(2), run(1));
            if effort.quick || before.min(machine_scaling()) >= 1.8 {
                turns.times.push(turn);
            }
        }
        let (low, high) = turns.quartiles();
        let each = median(turns.times.iter().map(|(_, one)| 1e9 / one));
        let note = format!(
            "quartiles {low:.2}..{high:.2}, one thread {each:.0} ns, {} of {taken} turns undisturbed",
            turns.times.len(),
        );
        table.line(what, turns.ratio(), target, &note);
    }
}

/// How much more arithmetic two threads do than one, at this moment.
fn machine_scaling() -> f64 {
    let spin = || {
        let mut picks = Picks::new(7);
        black_box((0..10_000_000).map(|_| picks.below(1 << 20)).sum::<usize>());
    };
    let timed = |threads: u32| {
        let start = Instant::now();
        std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(spin))));
        f64::from(threads) / start.elapsed().as_secs_f64()
    };
    timed(2) / timed(1)
}

/// What one thread does: cycles on these accounts.
struct Work {
    ledger: Arc<dyn Ledger>,
    picks: Vec<usize>,
}

/// The time of the slowest of threads that start at once. Each makes ids of its own before, as requests do: what is
/// measured is the ledger, not the reference counts of shared ids.
fn together(works: &[Work], texts: &[String]) -> Duration {
    let ready = Barrier::new(works.len());
    std::thread::scope(|scope| {
        let threads: Vec<_> = works
            .iter()
            .map(|work| {
                let ready = &ready;
                scope.spawn(move || {
                    let ids: Vec<_> = work.picks.iter().map(|pick| fresh_ids(&texts[*pick])).collect();
                    ready.wait();
                    let start = Instant::now();
                    for (id, key) in ids {
                        cycle(work.ledger.as_ref(), id, key);
                    }
                    start.elapsed()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("a thread")).max().unwrap_or_default()
    })
}
