//! Replays a real request trace through a guard, from several threads, and checks the promises of the crate on it.
//!
//! ```text
//! cargo run --release --example replay -- --trace FILE --prices LITELLM_JSON --model gpt-4o [options]
//! ```
//!
//! Every request of the trace is one job: its input tokens are known exactly when it is held, its output tokens only
//! up to `--max-output`. Each account is prepaid for a share of what its requests would cost in all, so many requests
//! must be refused. Each thread keeps several holds open at once: holds of one account are made and captured by all
//! threads at the same time, as in a server.
//!
//! What comes out is checked against books that the replay keeps for itself (`price.rs`, `books.rs`): prices read
//! again from the table's text, costs in plain integers, sums per account. Exit codes: 0 if every promise held, 1 if
//! the books disagree or a promise is broken, 2 if an argument or a file is not as it should be.
//!
//! `--hold forecast` lets the guard hold for what its forecast expects instead, and `--hold grow` lets it begin with less and
//! grow the hold while output is delivered, 16 tokens at a time. Both run on a simulated clock (`timed.rs`): a request begins
//! when the trace says; its output begins 0.3 s later, and 1 s later for each 5,000 tokens of its input, and takes 1 s for each
//! 50 tokens. Only when it ends the forecast learns of it. A trace without times gets five requests a second, at random but the
//! same in every run. Requests are alike by model, by customer where the trace names some, and by the size of their prompt. Several
//! traces are replayed each with a guard, a ledger and a forecast of its own.
//!
//! What holding by a forecast comes to on all traces, when no request is refused for its balance, and the plot of the manual's
//! chapter on holds:
//!
//! ```text
//! DATA=path/to/the/traces
//! cargo run --release --example replay -- --hold forecast --max-output longest --prepaid-share 1000 \
//!     --prices $DATA/litellm_prices.json --model gpt-4o --plot holding.svg \
//!     --trace $DATA/azure2023_conv.csv --trace $DATA/azure2023_code.csv \
//!     --trace $DATA/mooncake_fast25_conversation.jsonl --trace $DATA/vidur_arxiv_summarization.csv \
//!     --trace $DATA/servegen_r1_24h.csv --trace $DATA/servegen_msmall_24h.csv
//! ```
//!
//! The same with `--hold grow` is what growing holds come to, and with `--join` what a forecast does when the work changes: all
//! traces follow each other under one key. What becomes of requests when every account is prepaid for half of what it asks for,
//! which is the default, and work is shrunk to what there is and cut at what its hold covers:
//!
//! ```text
//! cargo run --release --example replay -- --hold forecast --shrink 25 --cut --max-output longest --prices ... --trace ...
//! ```
//!
//! with `--hold grow` instead, or with `--hold ceiling --speed real` and without `--shrink`. `--help` says what each figure means.
//!
//! `--self-test` shows that the replay would notice: it swaps in a ledger that looks at the balance and charges
//! later (`later.rs`), and fails unless that overspends.

mod args;
mod books;
mod later;
mod plot;
mod price;
mod run;
mod timed;
mod trace;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use args::{Args, Command, MaxOutput};
use billing_guard::{
    AccountId, ForecastSettings, Guard, Ledger, MemoryLedger, Policy, PriceBook, UsageForecast, wait,
};
use books::{Books, Report};
use price::Price;
use run::{Run, Task};
use trace::{Row, Trace};

/// Why there is no report, or none to trust.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The command line is wrong: exit code 2, with the usage.
    Usage(String),
    /// A file, or what it says, is wrong: exit code 2.
    Input(String),
    /// The replay went wrong, the books disagree, or a promise is broken: exit code 1.
    Broken(String),
}

/// An error of the library or the standard library that nothing outside can be blamed for.
impl<E: std::error::Error> From<E> for Fault {
    fn from(error: E) -> Self {
        Self::Broken(error.to_string())
    }
}

fn main() -> ExitCode {
    let result = Args::read(std::env::args_os().skip(1)).and_then(|command| match command {
        Command::Help => {
            println!("{}", args::USAGE);
            Ok(())
        }
        Command::Replay(args) => replay_all(&args),
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(Fault::Usage(problem)) => {
            eprintln!("replay: {problem}\n\n{}", args::USAGE);
            ExitCode::from(2)
        }
        Err(Fault::Input(problem)) => {
            eprintln!("replay: {problem}");
            ExitCode::from(2)
        }
        Err(Fault::Broken(problem)) => {
            eprintln!("replay: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn replay_all(args: &Args) -> Result<(), Fault> {
    let table = read_file(&args.prices)?;
    let price = Price::read(&table, &args.prices, &args.model)?;
    let prices = import(&table, args, &price)?;
    let traces = Trace::read(args)?;
    let mut ratios = Vec::new();
    for trace in &traces {
        let replayed = replay(trace, &prices, &price, args)?;
        let Replayed { books, report, .. } = &replayed;
        let text = if args.json { report.json()? } else { report.table(args, price.unit()) };
        println!("{text}");
        books.check_promises(price.unit())?;
        ratios.extend(report.over_hold_ratio());
    }
    if !args.json && traces.len() > 1 && ratios.len() == traces.len() {
        let mean = (ratios.iter().map(|ratio| ratio.ln()).sum::<f64>() / ratios.len() as f64).exp();
        println!("geometric mean of the over-hold ratios: {mean:.3}");
    }
    match &args.plot {
        Some(file) => {
            plot::draw(file, &traces, args, &price, |trace, args| replay(trace, &prices, &price, args))
        }
        None => Ok(()),
    }
}

/// What a replay came to. Whether every promise was kept is for the books to say.
struct Replayed {
    run: Run,
    books: Books,
    report: Report,
}

fn replay(trace: &Trace, prices: &PriceBook, price: &Price, args: &Args) -> Result<Replayed, Fault> {
    let tasks = tasks(trace, price, args)?;
    let mut books = Books::open(&tasks, args)?;

    let ledger: Arc<dyn Ledger> =
        if args.self_test { Arc::new(later::ChargeLater::new()) } else { Arc::new(MemoryLedger::new()) };
    // Long enough that no hold expires should the machine be suspended while it is open.
    let mut policy =
        Policy::new().with_lifetime(Duration::from_secs(24 * 60 * 60)).with_holding(args.holding.of_guard());
    policy.shrink_to = args.shrink;
    let settings = ForecastSettings::new().with_coverage_permille(args.coverage_permille);
    let guard = Guard::builder(ledger, prices.clone())
        .policy(policy)
        .forecast(UsageForecast::new(settings))
        .build()?;
    let accounts = open_accounts(&guard, &books)?;

    let run = match args.speed {
        None => run::run(&guard, &accounts, &tasks, args)?,
        Some(_) => timed::run(&guard, &accounts, &tasks, args)?,
    };

    books.enter(&tasks, &run, price)?;
    for (index, account) in accounts.iter().enumerate() {
        let balance = wait(guard.balance(account))?;
        books.compare(index, &balance)?;
    }
    let report = books.report(&trace.name, price.unit(), run.elapsed)?;
    Ok(Replayed { run, books, report })
}

pub(crate) fn read_file(path: &Path) -> Result<String, Fault> {
    std::fs::read_to_string(path)
        .map_err(|error| Fault::Input(format!("cannot read {}: {error}", path.display())))
}

/// The guard's prices, read by the library.
fn import(table: &str, args: &Args, price: &Price) -> Result<PriceBook, Fault> {
    let path = args.prices.display();
    let import = PriceBook::from_litellm(table, price.unit())
        .map_err(|error| Fault::Input(format!("cannot use {path}: {error}")))?;
    if !import.book.contains(&args.model) {
        return Err(Fault::Input(format!("{path} states no usable price for the model {:?}", args.model)));
    }
    Ok(import.book)
}

/// What each request is, whose, and what it costs.
fn tasks(trace: &Trace, price: &Price, args: &Args) -> Result<Vec<Task>, Fault> {
    let rows = &trace.rows;
    let too_much = |row: &Row| {
        let (name, line) = (&trace.name, row.line);
        Fault::Input(format!("{name}, line {line}: the request costs more than can be counted"))
    };
    let longest = rows.iter().map(|row| row.output).max().unwrap_or(0);
    let max_output = match args.max_output {
        MaxOutput::Tokens(tokens) => tokens,
        MaxOutput::Longest => longest.max(MaxOutput::DEFAULT),
    };
    rows.iter()
        .enumerate()
        .map(|(index, row)| {
            // A client's requests all go to one account; where the trace names none, accounts take turns.
            let owner = row.client.unwrap_or(index as u64) % args.accounts as u64;
            let cost = price.charge(row.input, row.output).ok_or_else(|| too_much(row))?;
            price.ceiling(row.input, max_output).ok_or_else(|| too_much(row))?;
            let account = usize::try_from(owner)?;
            let begin = row.time / args.speed.unwrap_or(1);
            let Row { client, input, output, .. } = *row;
            Ok(Task { account, client, begin, input, output, max_output, cost })
        })
        .collect()
}

/// Pays each account's credit in.
fn open_accounts(guard: &Guard, books: &Books) -> Result<Vec<AccountId>, Fault> {
    let mut accounts = Vec::new();
    for (index, prepaid) in books.prepaid().enumerate() {
        let account = AccountId::new(format!("account-{index}"))?;
        // A top-up of nothing is an error, and an account without one is simply empty.
        if prepaid > 0 {
            let key = "prepaid".parse()?;
            let amount = guard.unit().minor(prepaid);
            wait(guard.top_up(&account, key, amount))?;
        }
        accounts.push(account);
    }
    Ok(accounts)
}
