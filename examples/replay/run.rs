//! Running the requests through the guard.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use billing_guard::{AccountId, Cover, Error, Guard, Hold, Job, KeyPath, Usage, wait};

use crate::Fault;
use crate::args::{Args, Holding};

/// How many holds each thread keeps open: between the hold of a request and its capture come those of others, on
/// the same thread already.
const IN_FLIGHT: usize = 8;

const INPUT: &str = "input_tokens";
const OUTPUT: &str = "output_tokens";

/// One request, priced by the replay's own books.
pub(crate) struct Task {
    pub(crate) account: usize,
    pub(crate) client: Option<u64>,
    /// In microseconds.
    pub(crate) begin: u64,
    pub(crate) input: u64,
    pub(crate) output: u64,
    /// The most output that was asked for.
    pub(crate) max_output: u64,
    /// Its true cost, when all of it is delivered.
    pub(crate) cost: i64,
}

/// What became of one request. Amounts in steps.
pub(crate) enum Outcome {
    Refused {
        /// The least that would have done.
        required: i64,
        /// What could have been held at that moment.
        spendable: i64,
    },
    Ran {
        /// What was held at last.
        hold: i64,
        /// How many output tokens that pays for, of those asked for at most.
        covered: u64,
        /// How often the hold grew.
        extensions: u32,
        /// Output tokens.
        delivered: u64,
        charged: i64,
        uncollected: i64,
    },
}

pub(crate) struct Run {
    /// With each request's number, in no particular order.
    pub(crate) outcomes: Vec<(usize, Outcome)>,
    pub(crate) elapsed: Duration,
    /// By how many steps what is held changed, and when, in microseconds: in order. Nothing without a clock.
    pub(crate) locked: Vec<(u64, i64)>,
}

impl Run {
    /// What was held at a time, on average, in steps.
    pub(crate) fn mean_locked(&self) -> Option<i128> {
        let (first, last) = (self.locked.first()?.0, self.locked.last()?.0);
        let (mut held, mut since, mut sum) = (0_i128, first, 0_i128);
        for (at, change) in &self.locked {
            sum += held * i128::from(at - since);
            held += i128::from(*change);
            since = *at;
        }
        sum.checked_div(i128::from(last - first))
    }
}

/// An admitted request.
pub(crate) struct Flight {
    pub(crate) number: usize,
    pub(crate) hold: Hold,
    /// How much output there will be at most: all of it, or what the hold covers if work is cut.
    pub(crate) wanted: u64,
    pub(crate) delivered: u64,
    pub(crate) extensions: u32,
}

/// Runs all tasks, in their order as far as several threads keep one.
pub(crate) fn run(guard: &Guard, accounts: &[AccountId], tasks: &[Task], args: &Args) -> Result<Run, Fault> {
    let next = AtomicUsize::new(0);
    let worker = Worker { guard, accounts, tasks, args };
    let started = Instant::now();
    let results: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..args.threads).map(|_| scope.spawn(|| worker.work(&next))).collect();
        threads.into_iter().map(thread::ScopedJoinHandle::join).collect()
    });
    let elapsed = started.elapsed();
    let mut outcomes = Vec::with_capacity(tasks.len());
    for result in results {
        outcomes.extend(result.map_err(|_| Fault::Broken("a thread panicked".into()))??);
    }
    Ok(Run { outcomes, elapsed, locked: Vec::new() })
}

pub(crate) struct Worker<'a> {
    pub(crate) guard: &'a Guard,
    pub(crate) accounts: &'a [AccountId],
    pub(crate) tasks: &'a [Task],
    pub(crate) args: &'a Args,
}

impl Worker<'_> {
    /// Holds and captures what nobody else has taken yet.
    fn work(&self, next: &AtomicUsize) -> Result<Vec<(usize, Outcome)>, Fault> {
        let mut outcomes = Vec::new();
        let mut flights = VecDeque::with_capacity(IN_FLIGHT);
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= self.tasks.len() {
                break;
            }
            match self.begin(number)? {
                Ok(mut flight) => {
                    flight.delivered = flight.wanted;
                    flights.push_back(flight);
                }
                Err(refused) => outcomes.push((number, refused)),
            }
            if flights.len() == IN_FLIGHT
                && let Some(flight) = flights.pop_front()
            {
                outcomes.push(self.land(flight)?);
            }
        }
        for flight in flights {
            outcomes.push(self.land(flight)?);
        }
        Ok(outcomes)
    }

    /// Holds for a request; what became of it if that was refused.
    pub(crate) fn begin(&self, number: usize) -> Result<Result<Flight, Outcome>, Fault> {
        let (task, args) = (&self.tasks[number], self.args);
        let job = Job::new(args.model.clone())
            .exact(INPUT, task.input)
            .at_most(OUTPUT, task.max_output)
            .with_key_path(self.path(task));
        match wait(self.guard.hold(&self.accounts[task.account], job)) {
            Ok(hold) => {
                let mut wanted = task.output;
                if args.holding == Holding::Grow {
                    let input = Usage::new().with(INPUT, task.input);
                    hold.record(&input).map_err(|error| failed(number, &error))?;
                } else if args.cut {
                    // Without it, as much as the request had in the trace, however little is held for it.
                    wanted = wanted.min(covered(&hold));
                }
                Ok(Ok(Flight { number, hold, wanted, delivered: 0, extensions: 0 }))
            }
            Err(Error::InsufficientBalance(short)) => {
                let (required, spendable) = (short.required().minor(), short.spendable().minor());
                Ok(Err(Outcome::Refused { required, spendable }))
            }
            Err(error) => Err(failed(number, &error)),
        }
    }

    /// Which requests are alike: those of one model and client, with a prompt of about the same length.
    fn path(&self, task: &Task) -> KeyPath {
        let model = KeyPath::new(&self.args.model);
        if self.args.join {
            return model;
        }
        let client = task.client.map(|client| client.to_string());
        client.map_or(model, |client| model.then(&client)).sized(task.input)
    }

    /// Delivers more output in chunks, if the hold covers it or can grow; how much that was, in all.
    ///
    /// All chunks that the hold covers already are one step: nobody else sees what is used of a hold, so only the chunk for
    /// which it has to grow needs a moment of its own.
    pub(crate) fn deliver(&self, flight: &mut Flight, chunk: u64) -> Result<u64, Fault> {
        let within = covered(&flight.hold).saturating_sub(flight.delivered) / chunk * chunk;
        let mut more = within.max(chunk).min(flight.wanted - flight.delivered);
        while more > 0 {
            let held = flight.hold.amount().minor();
            let cover = wait(flight.hold.spend(&Usage::new().with(OUTPUT, more)));
            flight.extensions += u32::from(flight.hold.amount().minor() > held);
            match cover.map_err(|error| failed(flight.number, &error))? {
                Cover::Within { .. } => break,
                // Less of it may be covered.
                Cover::Exhausted(_) => {
                    more = covered(&flight.hold).saturating_sub(flight.delivered).min(more - 1);
                }
            }
        }
        flight.delivered += more;
        Ok(more)
    }

    /// Charges what was delivered.
    pub(crate) fn land(&self, mut flight: Flight) -> Result<(usize, Outcome), Fault> {
        let Flight { number, delivered, extensions, .. } = flight;
        let task = &self.tasks[number];
        let usage = Usage::new().with(INPUT, task.input).with(OUTPUT, delivered);
        let receipt = wait(flight.hold.capture(&usage)).map_err(|error| failed(number, &error))?;
        let outcome = Outcome::Ran {
            hold: flight.hold.amount().minor(),
            covered: covered(&flight.hold).min(task.max_output),
            extensions,
            delivered,
            charged: receipt.charged().minor(),
            uncollected: receipt.uncollected().minor(),
        };
        Ok((number, outcome))
    }
}

/// How much output the hold pays for. It covers whole units; did it not, nothing would be the safe answer.
fn covered(hold: &Hold) -> u64 {
    let covered = hold.covers(OUTPUT);
    if covered.places() == 0 { covered.digits() } else { 0 }
}

/// Unlike a client, who runs the replay may see everything.
fn failed(number: usize, error: &Error) -> Fault {
    Fault::Broken(format!("request {number}: {error} {:?}", error.log_fields()))
}
