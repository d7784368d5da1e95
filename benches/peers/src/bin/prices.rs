//! Question: what does it take to price one job, beside what Python services use for it?
//!
//! A: one call of LiteLLM's `cost_per_token`, or the three calls of tokencost's `calculate_cost_by_tokens`, in a Python process
//! that takes turns with this one. B: the same job priced by a tariff from the same entry of LiteLLM's table, found by its name in
//! a book of a thousand.
//!
//! The first run makes a Python environment in `target/python` and installs into it what `python/requirements.txt` pins. That takes
//! python3 with venv and pip, and the network.

use std::error::Error;
use std::hint::black_box;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use billing_guard::{PriceBook, Tariff, Unit, Usage};
use billing_guard_peers::{Effort, Table, Target, median, nanos_each, take_turns};

const MODEL: &str = "gpt-4o";

fn main() -> Result<(), Box<dyn Error>> {
    let effort = Effort::from_args();
    let python = match environment() {
        Ok(python) => python,
        Err(problem) => {
            eprintln!("the Python peers cannot be installed: {problem}");
            eprintln!(
                "this run needs python3 with venv and pip, and the network (or a mirror that pip knows)"
            );
            std::process::exit(1);
        }
    };
    let mut peers = Peers::start(&python)?;
    let book = peers.book()?;
    let mut ours = || ours(&book, effort.pick(100_000, 100));
    let table = Table::new("one job of three token quantities, priced by others : by us", effort);
    for (name, what, calls) in [
        ("litellm", "LiteLLM's cost_per_token", effort.pick(2_000, 10)),
        ("tokencost", "tokencost's calculate_cost_by_tokens, three times", effort.pick(20_000, 10)),
    ] {
        let turns = take_turns(effort.pick(21, 3), || peers.time(name, calls), &mut ours);
        table.turns(what, &turns, Target::None);
    }
    let alone = median((0..effort.pick(21, 3)).map(|_| ours()));
    table.line(
        "ours, in nanoseconds",
        alone,
        Target::AtMost(300.0),
        "with the usage made and the tariff found by name",
    );
    peers.stop()
}

/// The job: of 2,000 tokens of input 800 were read from a cache.
fn job() -> Usage {
    Usage::new()
        .with("input_tokens", black_box(1_200_u64))
        .with("cache_read_input_tokens", black_box(800_u64))
        .with("output_tokens", black_box(350_u64))
}

fn ours(book: &PriceBook, calls: usize) -> f64 {
    let start = Instant::now();
    for _ in 0..calls {
        let tariff = book.tariff(black_box(MODEL)).expect("it is in the book");
        black_box(tariff.charge(&job(), book.unit()).expect("it has prices for all of it"));
    }
    nanos_each(start.elapsed(), calls)
}

/// The Python process with the peers in it.
struct Peers {
    child: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Peers {
    fn start(python: &Path) -> Result<Self, Box<dyn Error>> {
        let script = package().join("python/prices.py");
        let mut child =
            Command::new(python).arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let questions = child.stdin.take().ok_or("no standard input")?;
        let answers = BufReader::new(child.stdout.take().ok_or("no standard output")?);
        Ok(Self { child, questions, answers })
    }

    fn answer(&mut self) -> Result<String, Box<dyn Error>> {
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        if line.is_empty() { Err("the Python process ended early".into()) } else { Ok(line) }
    }

    /// The peers' own entry of the model in a book of ours, once all agree on what the job costs.
    fn book(&mut self) -> Result<PriceBook, Box<dyn Error>> {
        let first = self.answer()?;
        let costs = |name: &str| -> Result<f64, Box<dyn Error>> {
            let (_, after) =
                first.rsplit_once(&format!("\"{name}\": ")).ok_or("no cost in the first answer")?;
            let text = after.split([',', '}']).next().unwrap_or_default();
            Ok(text.trim().parse()?)
        };
        let (entry, _) = first.rsplit_once(", \"litellm\": ").ok_or("no entry in the first answer")?;
        let entry = entry.strip_prefix("{\"entry\": ").ok_or("no entry in the first answer")?;
        let unit = Unit::new("USD", 9)?;
        let mut book = PriceBook::from_litellm(&format!("{{\"{MODEL}\": {entry}}}"), unit)?.book;
        for index in 1..1_000 {
            book.set(format!("model-{index}"), Tariff::new().per_million("input_tokens", "1")?)?;
        }
        let charge = book.tariff(MODEL)?.charge(&job(), unit)?;
        for name in ["litellm", "tokencost"] {
            let theirs = costs(name)?;
            if (theirs * 1e9).round() as i64 != charge.minor() {
                return Err(format!("{name} says that the job costs {theirs}, and we say {charge}").into());
            }
        }
        Ok(book)
    }

    /// The nanoseconds of one of so many calls.
    fn time(&mut self, name: &str, calls: usize) -> f64 {
        let asked = writeln!(self.questions, "{name} {calls}").and_then(|()| self.questions.flush());
        let nanos = asked.map_err(Into::into).and_then(|()| self.answer());
        let nanos: f64 = nanos.expect("an answer").trim().parse().expect("a number");
        nanos / calls as f64
    }

    fn stop(self) -> Result<(), Box<dyn Error>> {
        let Self { mut child, questions, .. } = self;
        // It ends with its input.
        drop(questions);
        child.wait()?;
        Ok(())
    }
}

fn package() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The Python of an environment with the pinned versions in it, made if it is not there.
fn environment() -> Result<PathBuf, Box<dyn Error>> {
    let (pins, folder) = (package().join("python/requirements.txt"), package().join("target/python"));
    let (python, installed) = (folder.join("bin/python"), folder.join("installed.txt"));
    let wanted = std::fs::read(&pins)?;
    if std::fs::read(&installed).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    eprintln!("installing the Python peers into {} ...", folder.display());
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"];
    run(Command::new(&python).args(pip).arg(&pins))?;
    std::fs::write(installed, wanted)?;
    Ok(python)
}

fn run(command: &mut Command) -> Result<(), Box<dyn Error>> {
    let shown = format!("{command:?}");
    let status = command.status().map_err(|error| format!("{shown}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{shown}: {status}").into()) }
}
