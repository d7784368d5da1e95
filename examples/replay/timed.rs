//! Running the requests on a clock of the replay's own: each begins when the trace says, and ends when a language model
//! would have done with it. What a forecast knows at any moment depends on that.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

use billing_guard::{AccountId, ForecastSettings, Guard, KeyPath, Prediction, UsageForecast};

use crate::Fault;
use crate::args::{Args, Holding};
use crate::run::{Flight, Outcome, Run, Task, Worker};

/// Microseconds that a request takes before its first output, per token of its input, and per token of its output.
const START: u64 = 300_000;
const PER_INPUT: u64 = 200;
const PER_OUTPUT: u64 = 20_000;

/// What becomes of an admitted request when it ends.
struct Running {
    end: u64,
    flight: Flight,
    prediction: Option<Prediction>,
}

/// Runs all tasks in the order in which they begin.
pub(crate) fn run(guard: &Guard, accounts: &[AccountId], tasks: &[Task], args: &Args) -> Result<Run, Fault> {
    let worker = Worker { guard, accounts, tasks, args };
    let mut timed = Timed {
        worker,
        forecast: UsageForecast::new(ForecastSettings::new().with_coverage_permille(args.coverage_permille)),
        outcomes: Vec::with_capacity(tasks.len()),
        locked: 0,
    };
    let started = Instant::now();
    let mut running: Vec<Option<Running>> = Vec::with_capacity(tasks.len());
    let mut ends = BinaryHeap::new();
    let (mut first, mut last) = (None, 0);
    for (number, task) in tasks.iter().enumerate() {
        first = first.or(Some(task.begin));
        while let Some(Reverse((_, ended))) = ends.peek().filter(|Reverse((end, _))| *end <= task.begin) {
            let ended: usize = *ended;
            ends.pop();
            timed.end(running[ended].take())?;
        }
        let begun = timed.begin(number)?;
        if let Some(begun) = &begun {
            ends.push(Reverse((begun.end, number)));
            last = last.max(begun.end);
        }
        running.push(begun);
    }
    while let Some(Reverse((_, ended))) = ends.pop() {
        timed.end(running[ended].take())?;
    }
    let span = i128::from(last.saturating_sub(first.unwrap_or(0)));
    let mean_locked = timed.locked.checked_div(span);
    Ok(Run { outcomes: timed.outcomes, elapsed: started.elapsed(), mean_locked })
}

struct Timed<'a> {
    worker: Worker<'a>,
    forecast: UsageForecast,
    outcomes: Vec<(usize, Outcome)>,
    /// The sum over all holds of the amount times the microseconds.
    locked: i128,
}

impl Timed<'_> {
    /// Which requests are alike: those of one model and client, with a prompt of about the same length.
    fn path(&self, task: &Task) -> KeyPath {
        let model = KeyPath::new(&self.worker.args.model);
        let client = task.client.map(|client| client.to_string());
        client.map_or(model, |client| model.then(&client)).sized(task.input)
    }

    /// `None` if it was refused.
    fn begin(&mut self, number: usize) -> Result<Option<Running>, Fault> {
        let task = &self.worker.tasks[number];
        let args = self.worker.args;
        let prediction = match args.holding {
            Holding::Ceiling => None,
            Holding::Forecast => Some(self.forecast.predict(&self.path(task), task.max_output)),
        };
        let asked = prediction.map_or(task.max_output, Prediction::units);
        let flight = match self.worker.begin(number, asked)? {
            Ok(flight) => flight,
            Err(refused) => {
                self.outcomes.push((number, refused));
                return Ok(None);
            }
        };
        let takes = (task.input.checked_mul(PER_INPUT))
            .zip(flight.delivered.checked_mul(PER_OUTPUT))
            .and_then(|(input, output)| START.checked_add(input)?.checked_add(output))
            .and_then(|takes| takes.checked_add(task.begin));
        let end = takes.ok_or_else(|| Fault::Broken(format!("request {number} would never end")))?;
        self.locked += i128::from(flight.hold.amount().minor()) * i128::from(end - task.begin);
        Ok(Some(Running { end, flight, prediction }))
    }

    fn end(&mut self, running: Option<Running>) -> Result<(), Fault> {
        let Some(Running { flight, prediction, .. }) = running else { return Ok(()) };
        let task = &self.worker.tasks[flight.number];
        if let Some(prediction) = prediction {
            let path = self.path(task);
            if flight.delivered < task.output {
                self.forecast.learn_stopped(&path, prediction, flight.delivered);
            } else {
                self.forecast.learn(&path, prediction, task.output);
            }
        }
        self.outcomes.push(self.worker.land(flight)?);
        Ok(())
    }
}
