//! Question: what does a ledger cost on top of the database that it is kept in?
//!
//! A: a `StoreLedger` on an `SqliteStore`, asked by many tasks at once. B: the same rows, written to a file that began as a
//! copy of A's, by the driver alone; or another project's ledger; or the same ledger with more in it, or with a second
//! process at its file. The files are on the disk this program was built on, and every commit is synced on both sides.
//!
//! Words after the name of the program choose what is run, of those in [`SECTIONS`]; without any all but `memory` are.
//! `--minutes N` is how long `memory` runs.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use billing_guard::store::Store as _;
use billing_guard::{
    AccountId, HoldRequest, IdempotencyKey, Ledger, LedgerError, LedgerExt as _, SqliteStore, StoreLedger,
    Timestamp, wait,
};
use billing_guard_peers::sqlite::files::{Folder, cpu_nanos, machine_load, resident_mib};
use billing_guard_peers::sqlite::load::{self, Did, Tasks, Work};
use billing_guard_peers::sqlite::others::{Books, Cycle};
use billing_guard_peers::sqlite::raw::Raw;
use billing_guard_peers::{
    Effort, Picks, Table, Target, Turns, account_texts, cycle, fresh_ids, held, median, nanos_each,
    take_turns, usd,
};
use tokio::runtime::Runtime;

type Section = fn(&Run);

/// What can be run.
const SECTIONS: [(&str, Section); 8] = [
    ("raw", raw),
    ("alone", alone),
    ("others", others),
    ("growth", growth),
    ("latency", latency),
    ("refusals", refusals),
    ("processes", processes),
    ("memory", memory),
];

/// What the sections share.
struct Run {
    effort: Effort,
    runtime: Runtime,
    folder: Folder,
    /// How long a turn lasts.
    turn: Duration,
    turns: usize,
    /// How long `memory` runs.
    minutes: u64,
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.first().is_some_and(|word| word == "--writer") {
        writer(&words[1..]);
        return;
    }
    let effort = Effort::from_args();
    let number =
        |name| words.iter().position(|word| word == name).and_then(|at| words.get(at + 1)?.parse().ok());
    let run = Run {
        effort,
        runtime: Runtime::new().expect("a runtime"),
        folder: Folder::new(),
        turn: Duration::from_millis(effort.pick(700, 50) as u64),
        turns: effort.pick(5, 1),
        minutes: number("--minutes").unwrap_or(1),
    };
    println!("file system: {}; load of the machine: {}", run.folder.file_system(), machine_load());
    for (name, section) in SECTIONS {
        let is_named = words.iter().any(|word| word == name);
        let is_default =
            name != "memory" && !SECTIONS.iter().any(|(name, _)| words.iter().any(|word| word == name));
        if is_named || is_default {
            section(&run);
        }
    }
    println!("load of the machine: {}", machine_load());
}

impl Run {
    fn tasks(&self, tasks: usize) -> Tasks {
        Tasks { tasks, lasting: self.turn, timed: false }
    }

    fn go(
        &self,
        tasks: &Tasks,
        ledger: &Arc<impl Ledger + 'static>,
        texts: &Arc<[String]>,
        seed: u64,
    ) -> Work {
        let ledger: Arc<dyn Ledger> = ledger.clone();
        tasks.run(&self.runtime, &ledger, texts, seed)
    }
}

/// Prints the ratio of two rates that took turns.
fn rates(table: &Table, what: &str, turns: &Turns, target: Target, note: &str) {
    let ((low, high), (a, b)) = (turns.quartiles(), turns.medians());
    let note = format!("quartiles {low:.2}..{high:.2}, {a:.0}/s : {b:.0}/s{note}");
    table.line(what, turns.ratio(), target, &note);
}

/// The engine against the driver.
fn raw(run: &Run) {
    let table =
        Table::new("cycles a second of the ledger : of its rows, written by the driver alone", run.effort);
    let accounts = run.effort.pick(100_000, 200);
    let texts: Arc<[String]> = account_texts(accounts).into();
    let (path, copy) = (run.folder.file("raw-a.db"), run.folder.file("raw-b.db"));
    // Counting costs the ledger a little, so it counts once before the turns, and not in them.
    let (counted, counts) = load::open_counted(&path, accounts);
    load::top_up(counted.as_ref(), &texts, 1);
    let kinds =
        [(format!("{accounts} accounts"), texts.clone()), ("one account".to_owned(), texts[..1].into())];
    let did: Vec<Did> = kinds
        .iter()
        .map(|(_, texts)| {
            run.go(&run.tasks(512), &counted, texts, 1);
            counts.take();
            run.go(&run.tasks(512), &counted, texts, 2);
            counts.take()
        })
        .collect();
    counted.store().backup_to(&copy).expect("a copy");
    drop(counted);

    let ledger = load::open(&path, accounts);
    load::warm(ledger.as_ref(), &texts);
    let mut raw = Raw::open(&copy);
    let mut picks = Picks::new(5);
    for ((what, texts), did) in kinds.iter().zip(did) {
        let (mut batches, mut cycles, mut steps) = (Turns::default(), Turns::default(), Turns::default());
        let (mut committing, mut all) = (Turns::default(), Turns::default());
        for turn in 0..=run.turns {
            let start = cpu_nanos();
            let work = run.go(&run.tasks(512), &ledger, texts, 10 + turn as u64);
            let between = cpu_nanos();
            let (batched, count) = raw.batches(did.batch(), texts.len(), &mut picks, run.turn);
            let end = cpu_nanos();
            let (engine, short) = (work.rate(), run.turn / 2);
            let single = raw.cycles(texts.len(), &mut picks, short);
            let stepped = raw.steps(texts.len(), &mut picks, short);
            // The first does not count.
            if turn > 0 {
                let cpu = |from: f64, to: f64| (to - from) / work.cycles as f64;
                let driver = (end.1 - between.1) / count as f64;
                committing.times.push((cpu(start.0, between.0), driver));
                all.times.push((cpu(start.1, between.1), driver));
                batches.times.push((engine, batched));
                cycles.times.push((engine, single));
                steps.times.push((engine, stepped));
            }
        }
        let note = format!(
            "; {:.0} commands and {:.0} accounts a commit",
            did.batch(),
            did.accounts as f64 / did.commits.max(1) as f64
        );
        let line = |how: &str| format!("{what}, 512 tasks : {how}");
        rates(&table, &line("as large transactions"), &batches, Target::AtLeast(0.6), &note);
        table.turns(&line("CPU time, thread that commits"), &committing, Target::None);
        table.turns(&line("CPU time, all threads"), &all, Target::None);
        rates(&table, &line("one for each cycle"), &cycles, Target::AtLeast(5.0), "");
        rates(&table, &line("one for hold and capture each"), &steps, Target::None, "");
    }
}

/// The engine asked by one who waits for each answer, against the driver.
fn alone(run: &Run) {
    let table =
        Table::new("time of a hold, then its capture : of two durable commits by the driver", run.effort);
    let accounts = run.effort.pick(10_000, 50);
    let texts: Arc<[String]> = account_texts(accounts).into();
    let (path, copy) = (run.folder.file("alone-a.db"), run.folder.file("alone-b.db"));
    let ledger = load::open(&path, accounts);
    load::top_up(ledger.as_ref(), &texts, 1);
    ledger.store().backup_to(&copy).expect("a copy");
    let (mut raw, mut picks, mut own) = (Raw::open(&copy), Picks::new(7), Picks::new(8));
    let (mut tasks, mut threads, mut cpu) = (Turns::default(), Turns::default(), Turns::default());
    for turn in 0..=run.turns {
        let begin = cpu_nanos().1;
        let work = run.go(&run.tasks(1), &ledger, &texts, 30);
        let between = cpu_nanos().1;
        let (task, two) = (1e9 / work.rate(), 1e9 / raw.steps(accounts, &mut picks, run.turn));
        let end = cpu_nanos().1;
        let (start, mut cycles) = (Instant::now(), 0);
        while start.elapsed() < run.turn {
            let (id, key) = fresh_ids(&texts[own.below(accounts)]);
            cycle(ledger.as_ref(), id, key);
            cycles += 1;
        }
        let thread = nanos_each(start.elapsed(), cycles);
        if turn > 0 {
            let pairs = run.turn.as_nanos() as f64 / two;
            cpu.times.push(((between - begin) / work.cycles as f64, (end - between) / pairs));
            tasks.times.push((task, two));
            threads.times.push((thread, two));
        }
    }
    table.turns(&format!("{accounts} accounts, one task of tokio"), &tasks, Target::AtMost(1.3));
    table.turns(&format!("{accounts} accounts, one thread"), &threads, Target::AtMost(1.3));
    table.turns(&format!("{accounts} accounts, one task of tokio, CPU time"), &cpu, Target::None);
}

/// The engine against another ledger.
fn others(run: &Run) {
    let table =
        Table::new("cycles a second of the ledger : of doubleentry 0.8.0, SQLite, 16 tasks", run.effort);
    let accounts = run.effort.pick(1_000, 20);
    let texts: Arc<[String]> = account_texts(accounts).into();
    let (ledger, counts) = load::open_counted(&run.folder.file("others-a.db"), accounts);
    load::top_up(ledger.as_ref(), &texts, 1);
    counts.take();
    let mut books = Books::new(&run.runtime, &run.folder.file("others-b.db"), accounts);
    for (what, cycle, target) in [
        ("a hold opened and posted in part", Cycle::Hold, Target::AtLeast(30.0)),
        ("one entry, no hold", Cycle::Entry, Target::None),
    ] {
        let turns = take_turns(
            run.turns,
            || run.go(&run.tasks(16), &ledger, &texts, 40).rate(),
            || books.run(&run.runtime, cycle, 16, run.turn),
        );
        let note = format!("; {:.1} commands a commit", counts.take().batch());
        rates(&table, &format!("{accounts} accounts : {what}"), &turns, target, &note);
    }
}

/// The engine with ten times as much.
fn growth(run: &Run) {
    let table =
        Table::new("time of a cycle with ten times as much : without, 512 tasks, all remembered", run.effort);
    let base = run.effort.pick(10_000, 50);
    let ready = |name: &str, accounts: usize, holds: usize, entries: usize| {
        let texts: Arc<[String]> = account_texts(base * accounts).into();
        let ledger = load::open(&run.folder.file(&format!("growth-{name}.db")), base * accounts);
        load::top_up(ledger.as_ref(), &texts, entries);
        load::open_holds(ledger.as_ref(), &texts, holds);
        (ledger, texts)
    };
    let small = ready("base", 1, 1, 3);
    let compare = |what: &str, large: &Arc<StoreLedger<SqliteStore>>, texts: &Arc<[String]>, target| {
        let mut turns = Turns::default();
        for turn in 0..=run.turns {
            let seed = 50 + turn as u64;
            let nanos = |work: Work| 1e9 / work.rate();
            let both = (
                nanos(run.go(&run.tasks(512), large, texts, seed)),
                nanos(run.go(&run.tasks(512), &small.0, &small.1, seed)),
            );
            if turn > 0 {
                turns.times.push(both);
            }
        }
        table.turns(what, &turns, target);
    };
    // What of it is the database's.
    let copied = |name: &str, ledger: &Arc<StoreLedger<SqliteStore>>| {
        let copy = run.folder.file(&format!("growth-{name}-copy.db"));
        ledger.store().backup_to(&copy).expect("a copy");
        Raw::open(&copy)
    };
    let mut driver = copied("base", &small.0);
    let mut alone = |name: &str, what: &str, ledger: &Arc<StoreLedger<SqliteStore>>, accounts: usize| {
        let (mut large, mut left, mut right) = (copied(name, ledger), Picks::new(9), Picks::new(9));
        let turns = take_turns(
            run.turns,
            || 1e9 / large.batches(400.0, accounts, &mut left, run.turn).0,
            || 1e9 / driver.batches(400.0, base, &mut right, run.turn).0,
        );
        table.turns(&format!("{what}, the driver alone"), &turns, Target::None);
    };
    let most = Target::AtMost(1.3);
    for (name, holds, entries) in [("holds", 10, 3), ("entries", 1, 30)] {
        let what = format!("{base} accounts, {holds} open holds, {entries} entries each : 1, 3");
        let (ledger, texts) = ready(name, 1, holds, entries);
        compare(&what, &ledger, &texts, most);
        alone(name, &what, &ledger, base);
    }
    let (ledger, all) = ready("accounts", 10, 1, 3);
    let tenth: Arc<[String]> = all.iter().step_by(10).cloned().collect();
    let what = format!("{} accounts : {base}", base * 10);
    compare(&format!("{what}, {base} of them busy"), &ledger, &tenth, most);
    compare(&format!("{what}, all busy"), &ledger, &all, Target::None);
    alone("accounts", &format!("{what}, all busy"), &ledger, base * 10);
}

/// How long a hold or a capture takes, beside two commits of the driver.
fn latency(run: &Run) {
    let table = Table::new("time of a hold or a capture : of a durable commit by the driver", run.effort);
    let accounts = run.effort.pick(10_000, 50);
    let texts: Arc<[String]> = account_texts(accounts).into();
    let (path, copy) = (run.folder.file("latency-a.db"), run.folder.file("latency-b.db"));
    let ledger = load::open(&path, accounts);
    load::top_up(ledger.as_ref(), &texts, 1);
    ledger.store().backup_to(&copy).expect("a copy");
    let (mut raw, mut picks) = (Raw::open(&copy), Picks::new(6));
    for tasks in [1, 32, 512] {
        let mut percentiles: [(usize, Turns); 2] = [50, 99].map(|percent| (percent, Turns::default()));
        for turn in 0..=run.turns {
            let timed = Tasks { timed: true, ..run.tasks(tasks) };
            let mut work = run.go(&timed, &ledger, &texts, 60 + turn as u64);
            let commit = 0.5e9 / raw.steps(accounts, &mut picks, run.turn / 2);
            for (percent, turns) in percentiles.iter_mut().filter(|_| turn > 0) {
                turns.times.push((work.percentile(*percent) * 1e9, commit));
            }
        }
        for (percent, turns) in &percentiles {
            let what = format!("{tasks} task{}, p{percent}", if tasks == 1 { "" } else { "s" });
            table.turns(&what, turns, Target::None);
        }
    }
}

/// Many who ask an empty account.
fn refusals(run: &Run) {
    let table = Table::new("10,000 holds a second on an account that has too little", run.effort);
    let (ledger, counts) = load::open_counted(&run.folder.file("refusals.db"), 1);
    let account = AccountId::new("acct_empty").expect("an account id");
    wait(ledger.top_up(&account, IdempotencyKey::unique(), usd().minor(100))).expect("a top-up");
    let (sender, receiver) = std::sync::mpsc::channel();
    // Answers are looked at by another thread, in the order of the requests.
    let judge = std::thread::spawn(move || {
        let (mut proved, mut all) = (0_usize, 0_usize);
        for (asked, answer) in receiver {
            let asked: Timestamp = asked;
            all += 1;
            proved += match wait(answer) {
                Err(LedgerError::Insufficient(short)) => usize::from(short.as_of() >= asked),
                _ => 0,
            };
        }
        (proved, all)
    });
    let seconds = run.effort.pick(5, 1) as u64;
    let (start, mut offered, mut counted) = (Instant::now(), 0_u64, None);
    while start.elapsed() < Duration::from_secs(seconds) {
        // The first loads need not be apart, so they are not counted.
        if counted.is_none() && start.elapsed() >= Duration::from_secs(seconds) / 5 {
            counts.take();
            counted = Some((Instant::now(), offered));
        }
        while offered < start.elapsed().as_micros() as u64 / 100 {
            let asked = ledger.store().now();
            let request = HoldRequest::new(account.clone(), IdempotencyKey::unique(), held());
            sender.send((asked, ledger.hold(request))).expect("a judge");
            offered += 1;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    let (since, before) = counted.expect("it lasts longer");
    let (did, took) = (counts.take(), since.elapsed().as_secs_f64());
    drop(sender);
    let (proved, all) = judge.join().expect("a thread");
    let note = format!("{:.0} refusals a second, {} loads", (offered - before) as f64 / took, did.loads);
    table.line("loads a second", did.loads as f64 / took, Target::AtMost(12.0), &note);
    let note = format!("{proved} of {all}: by state that was read after the request came");
    table.line("share of refusals that were proved", proved as f64 / all as f64, Target::AtLeast(1.0), &note);
}

/// What a process that writes is told: the file, its first account and how many it has, its tasks, and for how many
/// milliseconds. It says when it is ready, begins at a line, and answers with a [`Report`].
fn writer(words: &[String]) {
    let number = |at: usize| words[at].parse::<usize>().expect("a number");
    let (first, accounts, tasks, millis) = (number(1), number(2), number(3), number(4));
    let texts: Arc<[String]> = account_texts(first + accounts)[first..].into();
    let (ledger, counts) = load::open_counted(Path::new(&words[0]), accounts);
    load::warm(ledger.as_ref(), &texts);
    counts.take();
    println!("ready");
    std::io::stdin().read_line(&mut String::new()).expect("a line");
    let runtime = Runtime::new().expect("a runtime");
    let tasks = Tasks { tasks, lasting: Duration::from_millis(millis as u64), timed: true };
    let ledger: Arc<dyn Ledger> = ledger;
    let mut work = tasks.run(&runtime, &ledger, &texts, u64::from(std::process::id()));
    let did = counts.take();
    let (p50, p99) = (work.percentile(50), work.percentile(99));
    println!("{} {} {} {p50} {p99}", did.commits, work.rate(), did.conflicts);
}

/// A process that writes to the file: this program again.
struct Writer {
    process: Child,
    input: ChildStdin,
}

/// What a process that wrote says of it.
#[derive(Clone, Copy, Debug)]
struct Report {
    commits: f64,
    rate: f64,
    conflicts: f64,
    p50: f64,
    p99: f64,
}

impl Writer {
    fn start(path: &Path, first: usize, accounts: usize, lasting: Duration) -> Self {
        let program = std::env::current_exe().expect("this program");
        let mut command = Command::new(program);
        command.arg("--writer").arg(path);
        command.args([first, accounts, 32, lasting.as_millis() as usize].map(|number| number.to_string()));
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a process");
        let input = process.stdin.take().expect("its input");
        let mut line = String::new();
        let output = process.stdout.as_mut().expect("its output");
        BufReader::with_capacity(1, output).read_line(&mut line).expect("a line");
        assert_eq!(line, "ready\n");
        Self { process, input }
    }

    fn begin(&mut self) {
        self.input.write_all(b"go\n").expect("a line");
    }

    fn report(mut self) -> Report {
        let mut text = String::new();
        self.process.stdout.take().expect("its output").read_to_string(&mut text).expect("a report");
        self.process.wait().expect("its end");
        let numbers: Vec<f64> = text.split_whitespace().map(|word| word.parse().expect("a number")).collect();
        let [commits, rate, conflicts, p50, p99] = numbers[..] else { panic!("a report: {text:?}") };
        Report { commits, rate, conflicts, p50, p99 }
    }
}

/// Several processes at one file.
fn processes(run: &Run) {
    let table = Table::new("two processes on one file, 32 tasks each", run.effort);
    let accounts = run.effort.pick(1_000, 20);
    let path = run.folder.file("processes.db");
    let ledger = load::open(&path, 2 * accounts);
    load::top_up(ledger.as_ref(), &account_texts(2 * accounts), 1);
    drop(ledger);
    let together = |firsts: &[usize]| -> Vec<Report> {
        let start = |first: &usize| Writer::start(&path, *first, accounts, 2 * run.turn);
        let mut writers: Vec<Writer> = firsts.iter().map(start).collect();
        writers.iter_mut().for_each(Writer::begin);
        writers.into_iter().map(Writer::report).collect()
    };
    for (what, second) in [("each with accounts of its own", accounts), ("both with the same accounts", 0)] {
        let rounds: Vec<(Report, Report, Report)> = (0..run.turns)
            .map(|_| {
                let (lone, both) = (together(&[0])[0], together(&[0, second]));
                (lone, both[0], both[1])
            })
            .collect();
        let of = |figure: fn(&(Report, Report, Report)) -> f64| median(rounds.iter().map(figure));
        let share =
            of(|(_, first, second)| first.commits.min(second.commits) / (first.commits + second.commits));
        let note = format!("commits {:.0} : {:.0}", of(|round| round.1.commits), of(|round| round.2.commits));
        table.line(&format!("{what}: smaller share of commits"), share, Target::AtLeast(0.4), &note);
        let p99 = of(|(lone, _, second)| second.p99 / lone.p99);
        let note = format!(
            "p50 {:.1} ms : {:.1} ms, p99 {:.1} ms : {:.1} ms",
            1e3 * of(|round| round.2.p50),
            1e3 * of(|round| round.0.p50),
            1e3 * of(|round| round.2.p99),
            1e3 * of(|round| round.0.p99),
        );
        table.line(&format!("{what}: p99 of the second : alone"), p99, Target::None, &note);
        let note = format!("{:.0} conflicts", of(|round| round.1.conflicts + round.2.conflicts));
        let both = of(|(lone, first, second)| (first.rate + second.rate) / lone.rate);
        table.line(&format!("{what}: cycles of both : alone"), both, Target::None, &note);
    }
}

/// What a process keeps in memory after minutes of load.
fn memory(run: &Run) {
    let table = Table::new("memory of the process after minutes of load : after the first", run.effort);
    let accounts = run.effort.pick(100_000, 200);
    let texts: Arc<[String]> = account_texts(accounts).into();
    let path = run.folder.file("memory.db");
    // It remembers what it does by default, less than there is.
    let ledger = load::open(&path, 0);
    load::top_up(ledger.as_ref(), &texts, 1);
    let minute = Duration::from_millis(run.effort.pick(60_000, 200) as u64);
    let mut first = f64::NAN;
    for number in 1..=run.minutes {
        let work = run.go(&Tasks { lasting: minute, ..run.tasks(512) }, &ledger, &texts, number);
        let now = resident_mib();
        if number == 1 {
            first = now;
        }
        let file = std::fs::metadata(&path).map_or(f64::NAN, |file| file.len() as f64 / 1_048_576.0);
        let note = format!("{now:.0} MiB, file {file:.0} MiB, {:.0} cycles/s", work.rate());
        table.line(&format!("{accounts} accounts, minute {number}"), now / first, Target::None, &note);
    }
}
