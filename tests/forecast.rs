//! What holding by a forecast comes to on six real request traces, and what it comes to when one trace follows another under
//! the same keys. The example `replay` measures the same through a guard.
//!
//! The traces are read from the folder named by the environment variable `BILLING_GUARD_DATA`. Without it each test says that
//! it was skipped.
#![allow(clippy::unwrap_used, clippy::missing_errors_doc)]

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::error::Error;
use std::path::{Path, PathBuf};

use billing_guard::{ForecastSettings, KeyPath, Prediction, UsageForecast};

/// The files, how much may be held on each for what is used (in hundredths), and the same where holds grow.
const TRACES: [(&str, u64, u64); 6] = [
    ("azure2023_conv.csv", 160, 125),
    ("azure2023_code.csv", 160, 110),
    ("mooncake_fast25_conversation.jsonl", 130, 110),
    ("vidur_arxiv_summarization.csv", 210, 120),
    ("servegen_r1_24h.csv", 375, 165),
    ("servegen_msmall_24h.csv", 210, 125),
];

/// One request. Times are in microseconds.
#[derive(Clone)]
struct Request {
    begin: u64,
    client: Option<String>,
    input: u64,
    output: u64,
}

impl Request {
    fn path(&self) -> KeyPath {
        let model = KeyPath::new("gpt-4o");
        self.client.as_ref().map_or(model, |client| model.then(client)).sized(self.input)
    }

    /// When so much of its output is there: 0.3 s, 1 s for 5,000 tokens of input, and 20 ms for each of the output.
    fn at(&self, output: u64) -> u64 {
        self.begin + 300_000 + self.input * 200 + output * 20_000
    }

    /// What it costs with so much output. A token that goes out costs four times as much as one that comes in.
    fn cost(&self, output: u64) -> u64 {
        self.input + 4 * output
    }
}

/// What was held for the requests of a trace.
#[derive(Default)]
struct Outcome {
    missed: Vec<bool>,
    held: u64,
    took: u64,
    extensions: u64,
}

impl Outcome {
    /// In how many of ten thousand cases enough was held.
    fn coverage(&self) -> usize {
        let misses = self.missed.iter().filter(|missed| **missed).count();
        (self.missed.len() - misses) * 10_000 / self.missed.len()
    }

    /// The least of any thousand in a row, in thousandths.
    fn worst_window(&self) -> usize {
        let mut misses = self.missed.iter().take(1_000).filter(|missed| **missed).count();
        let mut most = misses;
        for (out, into) in self.missed.iter().zip(self.missed.iter().skip(1_000)) {
            misses = misses + usize::from(*into) - usize::from(*out);
            most = most.max(misses);
        }
        1_000 - most
    }

    /// In thousandths.
    fn over_hold(&self) -> u64 {
        self.held * 1_000 / self.took
    }
}

/// Whether holds are to suffice, or begin small and grow.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Holds {
    AtOnce,
    Grow,
}

/// Each request is learned of when it ends. Its ceiling is the longest answer there is, and at least 4,096.
fn run(requests: &[Request], holds: Holds) -> Outcome {
    let mut forecast = UsageForecast::new(ForecastSettings::new());
    let ceiling = requests.iter().map(|request| request.output).max().unwrap_or(0).max(4_096);
    let mut outcome = Outcome::default();
    // What is open: the prediction, and how much is held.
    let mut open = Vec::<(Prediction, u64)>::new();
    // When an open hold is used up or its request ends, whichever is first.
    let mut events = BinaryHeap::<Reverse<(u64, usize)>>::new();
    let mut next = requests.iter().enumerate().peekable();
    loop {
        let begin = next.peek().map_or(u64::MAX, |(_, request)| request.begin);
        let event = events.peek().map(|Reverse(event)| *event).filter(|(time, _)| *time <= begin);
        if let Some((_, number)) = event {
            events.pop();
            let (request, (prediction, held)) = (&requests[number], &mut open[number]);
            if holds == Holds::Grow && *held < request.output {
                let more = forecast.further(&request.path(), *held, ceiling);
                assert!(more > *held && more <= ceiling);
                *held = more;
                outcome.extensions += 1;
                events.push(Reverse((request.at(more.min(request.output)), number)));
            } else {
                forecast.learn(&request.path(), *prediction, request.output);
                outcome.held += request.cost(*held);
                outcome.took += request.cost(request.output);
            }
        } else if let Some((number, request)) = next.next() {
            let prediction = match holds {
                Holds::AtOnce => forecast.predict(&request.path(), ceiling),
                Holds::Grow => forecast.begin(&request.path(), ceiling),
            };
            let units = prediction.units();
            outcome.missed.push(units < request.output);
            open.push((prediction, units));
            let until = if holds == Holds::Grow { units.min(request.output) } else { request.output };
            events.push(Reverse((request.at(until), number)));
        } else {
            return outcome;
        }
    }
}

/// The folder with the traces, if one was named.
fn data() -> Option<PathBuf> {
    let folder = std::env::var_os("BILLING_GUARD_DATA").map(PathBuf::from);
    if folder.is_none() {
        println!(
            "skipped: set BILLING_GUARD_DATA to a folder with {}",
            TRACES.map(|trace| trace.0).join(", ")
        );
    }
    folder
}

/// All requests of a trace, in the order in which they begin, the first of them at 0.
fn read(path: &Path) -> Result<Vec<Request>, Box<dyn Error>> {
    let text = std::fs::read_to_string(path)?;
    let mut lines = text.lines().filter(|line| !line.trim().is_empty()).peekable();
    let mut arrivals = Arrivals { state: 1, seconds: 0.0 };
    let mut requests = Vec::new();
    if lines.peek().is_some_and(|line| line.starts_with('{')) {
        for line in lines {
            let line: serde_json::Value = serde_json::from_str(line)?;
            let number = |name: &str| line[name].as_u64().ok_or("not a whole number");
            let begin = number("timestamp")? * 1_000;
            let (input, output) = (number("input_length")?, number("output_length")?);
            requests.push(Request { begin, client: None, input, output });
        }
    } else {
        let header: Vec<_> = lines.next().ok_or("an empty file")?.trim().split(',').collect();
        let column = |names: [&str; 2]| header.iter().position(|column| names.contains(column));
        let input = column(["ContextTokens", "num_prefill_tokens"]).or(column(["input_tokens"; 2]));
        let output = column(["GeneratedTokens", "num_decode_tokens"]).or(column(["output_tokens"; 2]));
        let (input, output) = (input.ok_or("no input")?, output.ok_or("no output")?);
        let (time, client) = (column(["TIMESTAMP", "t_s"]), column(["client"; 2]));
        for line in lines {
            let fields: Vec<_> = line.trim().split(',').collect();
            let seconds = match time {
                Some(time) => seconds(fields[time])?,
                None => arrivals.next(),
            };
            requests.push(Request {
                begin: u64::try_from(std::time::Duration::try_from_secs_f64(seconds)?.as_micros())?,
                client: client.map(|client| fields[client].to_owned()),
                input: fields[input].parse()?,
                output: fields[output].parse()?,
            });
        }
    }
    requests.sort_by_key(|request| request.begin);
    let first = requests.first().ok_or("no requests")?.begin;
    requests.iter_mut().for_each(|request| request.begin -= first);
    Ok(requests)
}

/// A number of them, or the time of a day; no trace goes on past midnight.
fn seconds(text: &str) -> Result<f64, Box<dyn Error>> {
    let time = text.split_once(' ').map_or(text, |(_, time)| time);
    time.split(':').try_fold(0.0, |sum, part| Ok(sum * 60.0 + part.parse::<f64>()?))
}

/// Times for requests that have none: five in a second, at random, the same in every run.
struct Arrivals {
    state: u64,
    seconds: f64,
}

impl Arrivals {
    #[allow(clippy::cast_precision_loss, reason = "53 bits")]
    fn next(&mut self) -> f64 {
        self.state =
            self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let uniform = (self.state >> 11) as f64 / (1_u64 << 53) as f64;
        self.seconds -= (1.0 - uniform).ln() / 5.0;
        self.seconds
    }
}

#[test]
fn on_each_trace_enough_is_held_in_99_of_100_cases_and_little_more() -> Result<(), Box<dyn Error>> {
    let Some(folder) = data() else { return Ok(()) };
    for (file, most, _) in TRACES {
        let outcome = run(&read(&folder.join(file))?, Holds::AtOnce);
        let (coverage, window, over_hold) = (outcome.coverage(), outcome.worst_window(), outcome.over_hold());
        println!("{file}: coverage {coverage}/10000, worst window {window}/1000, over-hold {over_hold}/1000");
        assert!(coverage >= 9_900, "{file}: {coverage}");
        assert!(window >= 975, "{file}: {window}");
        assert!(over_hold <= 10 * most, "{file}: {over_hold}");
    }
    Ok(())
}

#[test]
fn holds_that_grow_end_little_above_what_is_used_and_seldom_grow() -> Result<(), Box<dyn Error>> {
    let Some(folder) = data() else { return Ok(()) };
    for (file, _, most) in TRACES {
        let requests = read(&folder.join(file))?;
        let outcome = run(&requests, Holds::Grow);
        let extensions = outcome.extensions * 1_000 / u64::try_from(requests.len())?;
        let over_hold = outcome.over_hold();
        println!("{file}: {extensions}/1000 extensions a request, over-hold {over_hold}/1000");
        assert!(extensions <= 600, "{file}: {extensions}");
        assert!(over_hold <= 10 * most, "{file}: {over_hold}");
    }
    Ok(())
}

/// The beginning of every trace after that of every other, and all six in both orders: as if one model were another from one
/// moment to the next.
#[test]
fn a_change_of_everything_under_one_key_is_followed() -> Result<(), Box<dyn Error>> {
    let Some(folder) = data() else { return Ok(()) };
    let mut traces = Vec::new();
    for (file, ..) in TRACES {
        let mut requests = read(&folder.join(file))?;
        requests.iter_mut().for_each(|request| request.client = None);
        traces.push(requests);
    }
    let in_turn = |order: &[usize], most: usize| {
        let mut all = Vec::<Request>::new();
        for number in order {
            let start = all.last().map_or(0, |last| last.begin + 1_000_000);
            let later = traces[*number].iter().take(most).cloned();
            all.extend(later.map(|request| Request { begin: request.begin + start, ..request }));
        }
        all
    };
    let pairs = (0..36).map(|pair| vec![pair / 6, pair % 6]).filter(|pair| pair[0] != pair[1]);
    let all = [(0..6).collect(), (0..6).rev().collect()].map(|order: Vec<_>| (order, usize::MAX));
    for (order, most) in pairs.map(|pair| (pair, 6_000)).chain(all) {
        let names: Vec<_> = order.iter().map(|number| TRACES[*number].0).collect();
        let outcome = run(&in_turn(&order, most), Holds::AtOnce);
        let (coverage, window) = (outcome.coverage(), outcome.worst_window());
        println!("{}: coverage {coverage}/10000, worst window {window}/1000", names.join(", "));
        assert!(coverage >= 9_850, "{names:?}: {coverage}");
        assert!(window >= 930, "{names:?}: {window}");
    }
    Ok(())
}
