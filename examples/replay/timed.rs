//! Running the requests on a clock of the replay's own: each begins when the trace says, and ends when a language model
//! would have done with it. What a forecast knows at any moment depends on that.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::time::Instant;

use billing_guard::{AccountId, ForecastSettings, Guard, KeyPath, Prediction, UsageForecast};

use crate::Fault;
use crate::args::{Args, Holding};
use crate::run::{Flight, Outcome, Run, Task, Worker};

/// Microseconds that a request takes before its first output, per token of its input, and per token of its output.
const START: u64 = 300_000;
const PER_INPUT: u64 = 200;
const PER_OUTPUT: u64 = 20_000;

/// An admitted request that has not ended.
struct Running {
    flight: Flight,
    prediction: Option<Prediction>,
}

/// Runs all tasks in the order in which they begin.
pub(crate) fn run(guard: &Guard, accounts: &[AccountId], tasks: &[Task], args: &Args) -> Result<Run, Fault> {
    let mut timed = Timed {
        worker: Worker { guard, accounts, tasks, args },
        forecast: UsageForecast::new(ForecastSettings::new().with_coverage_permille(args.coverage_permille)),
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
    forecast: UsageForecast,
    running: HashMap<usize, Running>,
    /// When something happens next to a request that runs, and to which.
    due: BinaryHeap<Reverse<(u64, usize)>>,
    outcomes: Vec<(usize, Outcome)>,
    locked: Vec<(u64, i64)>,
}

impl Timed<'_> {
    /// Which requests are alike: those of one model and client, with a prompt of about the same length.
    fn path(&self, task: &Task) -> KeyPath {
        let model = KeyPath::new(&self.worker.args.model);
        if self.worker.args.join {
            return model;
        }
        let client = task.client.map(|client| client.to_string());
        client.map_or(model, |client| model.then(&client)).sized(task.input)
    }

    fn go_on_until(&mut self, now: u64) -> Result<(), Fault> {
        while let Some(Reverse((at, number))) = self.due.peek().copied().filter(|due| due.0.0 <= now) {
            self.due.pop();
            self.end(at, number)?;
        }
        Ok(())
    }

    fn begin(&mut self, number: usize) -> Result<(), Fault> {
        let task = &self.worker.tasks[number];
        let prediction = match self.worker.args.holding {
            Holding::Ceiling => None,
            Holding::Forecast => Some(self.forecast.predict(&self.path(task), task.max_output)),
        };
        let asked = prediction.map_or(task.max_output, Prediction::units);
        let mut flight = match self.worker.begin(number, asked)? {
            Ok(flight) => flight,
            Err(refused) => {
                self.outcomes.push((number, refused));
                return Ok(());
            }
        };
        flight.delivered = flight.wanted;
        let takes = (task.input.checked_mul(PER_INPUT))
            .zip(flight.delivered.checked_mul(PER_OUTPUT))
            .and_then(|(input, output)| START.checked_add(input)?.checked_add(output))
            .and_then(|takes| takes.checked_add(task.begin));
        let end = takes.ok_or_else(|| Fault::Broken(format!("request {number} would never end")))?;
        self.locked.push((task.begin, flight.hold.amount().minor()));
        self.due.push(Reverse((end, number)));
        self.running.insert(number, Running { flight, prediction });
        Ok(())
    }

    fn end(&mut self, now: u64, number: usize) -> Result<(), Fault> {
        let Some(Running { flight, prediction }) = self.running.remove(&number) else { return Ok(()) };
        let task = &self.worker.tasks[number];
        if let Some(prediction) = prediction {
            let path = self.path(task);
            if flight.delivered < task.output {
                self.forecast.learn_stopped(&path, prediction, flight.delivered);
            } else {
                self.forecast.learn(&path, prediction, task.output);
            }
        }
        self.locked.push((now, -flight.hold.amount().minor()));
        self.outcomes.push(self.worker.land(flight)?);
        Ok(())
    }
}
