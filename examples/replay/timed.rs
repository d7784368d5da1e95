//! Running the requests on a clock of the replay's own: each begins when the trace says, and ends when a language model
//! would have done with it. What the guard's forecast knows at any moment depends on that.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::time::Instant;

use billing_guard::{AccountId, Guard};

use crate::Fault;
use crate::args::{Args, Holding};
use crate::run::{Flight, Outcome, Run, Task, Worker};

/// Microseconds that a request takes before its first output, per token of its input, and per token of its output.
const START: u64 = 300_000;
const PER_INPUT: u64 = 200;
const PER_OUTPUT: u64 = 20_000;
/// How many output tokens a stream delivers at a time.
const CHUNK: u64 = 16;

/// Runs all tasks in the order in which they begin.
pub(crate) fn run(guard: &Guard, accounts: &[AccountId], tasks: &[Task], args: &Args) -> Result<Run, Fault> {
    let mut timed = Timed {
        worker: Worker { guard, accounts, tasks, args },
        running: HashMap::new(),
        due: BinaryHeap::new(),
        outcomes: Vec::with_capacity(tasks.len()),
        locked: tasks.first().map(|first| (first.begin, 0)).into_iter().collect(),
    };
    let started = Instant::now();
    for (number, task) in tasks.iter().enumerate() {
        timed.go_on_until(task.begin)?;
        timed.begin(number)?;
    }
    timed.go_on_until(u64::MAX)?;
    Ok(Run { outcomes: timed.outcomes, elapsed: started.elapsed(), locked: timed.locked })
}

struct Timed<'a> {
    worker: Worker<'a>,
    /// The admitted requests that have not ended, by number.
    running: HashMap<usize, Flight>,
    /// When something happens next to one of them, and to which.
    due: BinaryHeap<Reverse<(u64, usize)>>,
    outcomes: Vec<(usize, Outcome)>,
    locked: Vec<(u64, i64)>,
}

impl Timed<'_> {
    fn go_on_until(&mut self, now: u64) -> Result<(), Fault> {
        while let Some(Reverse((at, number))) = self.due.peek().copied().filter(|due| due.0.0 <= now) {
            self.due.pop();
            self.go_on(at, number)?;
        }
        Ok(())
    }

    fn begin(&mut self, number: usize) -> Result<(), Fault> {
        let task = &self.worker.tasks[number];
        let mut flight = match self.worker.begin(number)? {
            Ok(flight) => flight,
            Err(refused) => {
                self.outcomes.push((number, refused));
                return Ok(());
            }
        };
        if self.worker.args.holding != Holding::Grow {
            // It asks nothing on the way, so all that matters is when it ends.
            flight.delivered = flight.wanted;
        }
        let due = (task.input.checked_mul(PER_INPUT))
            .zip(flight.delivered.checked_mul(PER_OUTPUT))
            .and_then(|(input, output)| START.checked_add(input)?.checked_add(output))
            .and_then(|takes| takes.checked_add(task.begin));
        let due = due.ok_or_else(|| Fault::Broken(format!("request {number} would never end")))?;
        self.locked.push((task.begin, flight.hold.amount().minor()));
        self.due.push(Reverse((due, number)));
        self.running.insert(number, flight);
        Ok(())
    }

    /// All that was delivered before has arrived: delivers more, or ends the request.
    fn go_on(&mut self, now: u64, number: usize) -> Result<(), Fault> {
        let Some(mut flight) = self.running.remove(&number) else { return Ok(()) };
        let held = flight.hold.amount().minor();
        let more = self.worker.deliver(&mut flight, CHUNK)?;
        let due = more.checked_mul(PER_OUTPUT).and_then(|takes| takes.checked_add(now));
        let due = due.ok_or_else(|| Fault::Broken(format!("request {number} would never end")))?;
        let grown = flight.hold.amount().minor() - held;
        if grown != 0 {
            self.locked.push((now, grown));
        }
        if more > 0 {
            self.due.push(Reverse((due, number)));
            self.running.insert(number, flight);
        } else {
            self.locked.push((now, -flight.hold.amount().minor()));
            self.outcomes.push(self.worker.land(flight)?);
        }
        Ok(())
    }
}
