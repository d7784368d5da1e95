//! How far off the runway is: `BurnProfile` and `BurnRate` on request traces, against what then happened.
//!
//! `cargo run --release --example runway_backtest -- TRACE...` prints a table. It reads the CSV files of Azure's public dataset
//! (`TIMESTAMP,ContextTokens,GeneratedTokens`) and of ServeGen (`t_s,client,input_tokens,output_tokens`), and Mooncake's
//! lines of JSON (`timestamp`, `input_length`, `output_length`). Every request costs 2.50 dollars per million input tokens and
//! 10 per million output tokens.
//!
//! The traces are an hour or a day long and a runway is a matter of weeks, so each is made into 42 days, in three ways:
//!
//! * `stretched`: the trace, slowed down until it takes 42 days. No day is like another, and what was a lull of an hour is one
//!   of days. Nothing is made up, but no account's weeks look like that.
//! * `daily`: the trace as one day, on each of 42 days, with every request kept or left out by chance, one to one.
//! * `weekly`: the same, but at weekends only one request in ten is kept. That weekend is made up.
//!
//! A trace with clients is one account, and each client with at least 50 requests an account of its own as well: those are
//! uneven, some spend in a few hours only.
//!
//! Each account's charges, one for each hour, go through a ledger, and its statement is all that is known. Every seven hours,
//! from where both know enough until two days before the end, the balance is set to half of what is still going to be spent,
//! and each is asked when that will be gone. The error is beside the time that it really took: 50 % is a day and a half told
//! as one or as two. `within` is how often the truth lay in the interval, `no end` how often the interval had none.

#![allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "hours and ranks are small")]

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use billing_guard::{
    AccountId, Bin, BurnProfile, BurnRate, Ledger, LedgerExt, ManualClock, MemoryLedger, MemorySettings,
    Spending, Tariff, Timestamp, Unit, Usage, wait,
};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const DAYS: usize = 42;
const HOURS: usize = DAYS * 24;
const HOUR_SECONDS: f64 = 3_600.0;
/// Between two starts.
const STEP: usize = 7;
/// A client with fewer requests is no account of its own.
const FEWEST: usize = 50;

struct Request {
    /// In seconds.
    time: f64,
    client: Option<String>,
    /// In the smallest steps.
    cost: i64,
}

fn main() -> Result<()> {
    let paths: Vec<String> = std::env::args().skip(1).collect();
    if paths.is_empty() || paths.iter().any(|path| path.starts_with('-')) {
        return Err("usage: runway_backtest TRACE...".into());
    }
    println!(
        "| trace | as | accounts | starts | average: median | 90 % | within | profile: median | 90 % | within | no end | silent |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|---|");
    for path in paths {
        let requests = read(&path).map_err(|error| format!("{path}: {error}"))?;
        let name = path.rsplit('/').next().unwrap_or(&path);
        let mut clients: BTreeMap<&str, Vec<&Request>> = BTreeMap::new();
        for request in &requests {
            if let Some(client) = &request.client {
                clients.entry(client).or_default().push(request);
            }
        }
        let clients: Vec<_> = clients.into_values().filter(|requests| requests.len() >= FEWEST).collect();
        let length = requests.iter().map(|request| request.time).fold(0.0, f64::max);
        for way in [Way::Stretched, Way::Daily, Way::Weekly] {
            let whole: Vec<&Request> = requests.iter().collect();
            report(name, way, length, &[whole])?;
            if !clients.is_empty() {
                report(&format!("{name}, each client"), way, length, &clients)?;
            }
        }
    }
    Ok(())
}

/// How a trace is made into days.
#[derive(Clone, Copy, Debug)]
enum Way {
    Stretched,
    Daily,
    Weekly,
}

impl Way {
    /// What is spent in each hour.
    fn hours(self, requests: &[&Request], length: f64) -> Vec<i64> {
        let mut hours = vec![0; HOURS];
        let mut add = |hour: f64, cost: i64| {
            // The last request is in the last hour.
            hours[(hour as usize).min(HOURS - 1)] += cost;
        };
        let at = |request: &Request, hours: usize| request.time / length.max(1e-9) * hours as f64;
        if let Self::Stretched = self {
            requests.iter().for_each(|request| add(at(request, HOURS), request.cost));
            return hours;
        }
        for day in 0..DAYS {
            let kept_of_ten = if matches!(self, Self::Weekly) && day % 7 >= 5 { 1 } else { 5 };
            for (index, request) in requests.iter().enumerate() {
                if mixed((day as u64) << 32 | index as u64) % 10 < kept_of_ten {
                    add((day * 24) as f64 + at(request, 24).min(23.999), request.cost);
                }
            }
        }
        hours
    }
}

/// A number that looks like chance, always the same for the same number.
fn mixed(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// What one of the two said, in seconds.
struct Told {
    about: f64,
    earliest: f64,
    latest: Option<f64>,
}

/// How far off it was, beside the truth.
#[derive(Default)]
struct Score {
    errors: Vec<f64>,
    within: usize,
    without_end: usize,
}

impl Score {
    fn add(&mut self, told: &Told, truth: f64) {
        self.errors.push((told.about - truth).abs() / truth);
        // To the minute: a profile tells full seconds.
        let slack = 60.0;
        let within =
            told.earliest - slack <= truth && told.latest.is_none_or(|latest| truth <= latest + slack);
        self.within += usize::from(within);
        self.without_end += usize::from(told.latest.is_none());
    }

    /// In percent.
    fn quantile(&mut self, share: f64) -> String {
        self.errors.sort_by(f64::total_cmp);
        let index = (self.errors.len() as f64 * share) as usize;
        let last = self.errors.len().saturating_sub(1);
        self.errors.get(index.min(last)).map_or("-".to_owned(), |error| format!("{:.1} %", error * 100.0))
    }

    fn share(&self, count: usize) -> String {
        match self.errors.len() {
            0 => "-".to_owned(),
            all => format!("{:.1} %", count as f64 * 100.0 / all as f64),
        }
    }
}

fn report(name: &str, way: Way, length: f64, accounts: &[Vec<&Request>]) -> Result<()> {
    let (mut average, mut profile, mut silent) = (Score::default(), Score::default(), 0_usize);
    for requests in accounts {
        silent += backtest(&way.hours(requests, length), &mut average, &mut profile)?;
    }
    println!(
        "| {name} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {silent} |",
        format!("{way:?}").to_lowercase(),
        accounts.len(),
        profile.errors.len(),
        average.quantile(0.5),
        average.quantile(0.9),
        average.share(average.within),
        profile.quantile(0.5),
        profile.quantile(0.9),
        profile.share(profile.within),
        profile.share(profile.without_end),
    );
    Ok(())
}

/// Spends hour by hour and asks both, and says how often one was silent though there was something to be asked.
fn backtest(hours: &[i64], average: &mut Score, profile: &mut Score) -> Result<usize> {
    let usd = Unit::new("USD", 9)?;
    let clock = Arc::new(ManualClock::new());
    let ledger = MemoryLedger::with_clock(MemorySettings::new(), clock.clone());
    let account: AccountId = "account".parse()?;
    let all: i64 = hours.iter().sum();
    wait(ledger.top_up(&account, "payment".parse()?, usd.minor(all.max(1))))?;
    let mut spending = Spending::new(usd, Bin::Hour);
    let (mut left, mut silent) = (all, 0);
    for (index, net) in hours.iter().enumerate() {
        let now = wait(ledger.balance_of(&account, usd))?.as_of();
        let is_start = index >= 5 * 24 && index % STEP == 0 && index + 48 <= hours.len();
        if is_start && left >= 2 {
            loop {
                let page = wait(ledger.statement(spending.next_request(&account)))?;
                spending.add(&page)?;
                if page.next().is_none() {
                    break;
                }
            }
            let truth = seconds_until(&hours[index..], left / 2);
            match (by_average(&spending, now, left / 2), by_profile(&spending, now, left / 2)) {
                (Some(by_average), Some(by_profile)) => {
                    average.add(&by_average, truth);
                    profile.add(&by_profile, truth);
                }
                _ => silent += 1,
            }
        }
        if *net > 0 {
            clock.advance(Duration::from_secs(1_800));
            wait(ledger.charge(&account, format!("charge-{index}").parse()?, usd.minor(*net)))?;
            left -= net;
        }
        clock.set(now.saturating_add(Duration::from_secs(3_600)));
    }
    Ok(silent)
}

/// How long it really takes until so much is spent, as evenly within an hour as it can be.
fn seconds_until(hours: &[i64], spent: i64) -> f64 {
    let mut left = spent;
    for (index, net) in hours.iter().enumerate() {
        if *net > 0 && left <= *net {
            return (index as f64 + left as f64 / *net as f64) * HOUR_SECONDS;
        }
        left -= net;
    }
    hours.len() as f64 * HOUR_SECONDS
}

/// As `BurnRate::runway` does, but not in whole days.
fn by_average(spending: &Spending, now: Timestamp, available: i64) -> Option<Told> {
    let rate = BurnRate::from_spending(spending, now)?;
    let lasts = |per_day: i64| available as f64 * 24.0 * HOUR_SECONDS / per_day as f64;
    let slowest = rate.slowest().minor();
    Some(Told {
        about: lasts(rate.per_day().minor()),
        earliest: lasts(rate.fastest().minor()),
        latest: (slowest > 0).then(|| lasts(slowest)),
    })
}

fn by_profile(spending: &Spending, now: Timestamp, available: i64) -> Option<Told> {
    let profile = BurnProfile::from_spending(spending, now).ok()?;
    let runs_out = profile.runs_out(profile.per_day().unit().minor(available))?;
    let seconds = |at: Timestamp| at.saturating_since(now).as_secs_f64();
    Some(Told {
        about: seconds(runs_out.about()),
        earliest: seconds(runs_out.earliest()),
        latest: runs_out.latest().map(seconds),
    })
}

/// The requests of a trace, from the beginning of its first hour on.
fn read(path: &str) -> Result<Vec<Request>> {
    let usd = Unit::new("USD", 9)?;
    let tariff = Tariff::new().per_million("input", "2.5")?.per_million("output", "10")?;
    let text = std::fs::read_to_string(path)?;
    let mut lines = text.lines().filter(|line| !line.trim().is_empty()).peekable();
    let first = *lines.peek().ok_or("is empty")?;
    let names: Option<[&str; 3]> = match first {
        _ if first.starts_with('{') => None,
        _ if first.contains("ContextTokens") => Some(["TIMESTAMP", "ContextTokens", "GeneratedTokens"]),
        _ => Some(["t_s", "input_tokens", "output_tokens"]),
    };
    let header: Vec<&str> = first.split(',').map(str::trim).collect();
    let column = |name: &str| header.iter().position(|column| *column == name);
    let columns = match names {
        None => None,
        Some(names) => {
            lines.next();
            let needed = |name: &str| column(name).ok_or_else(|| format!("has no column {name}"));
            Some((needed(names[0])?, needed(names[1])?, needed(names[2])?, column("client")))
        }
    };
    let mut requests = Vec::new();
    for line in lines {
        let bad = || format!("cannot read {line:?}");
        let (time, input, output, client) = match columns {
            None => {
                let value: serde_json::Value = serde_json::from_str(line)?;
                let number = |name: &str| value[name].as_u64().ok_or_else(bad);
                (
                    number("timestamp")? as f64 / 1_000.0,
                    number("input_length")?,
                    number("output_length")?,
                    None,
                )
            }
            Some((time, input, output, client)) => {
                let fields: Vec<&str> = line.split(',').map(str::trim).collect();
                let field = |index: usize| fields.get(index).copied().ok_or_else(bad);
                let client = client.map(field).transpose()?.map(str::to_owned);
                (seconds(field(time)?)?, field(input)?.parse()?, field(output)?.parse()?, client)
            }
        };
        let usage = Usage::new().with("input", input).with("output", output);
        requests.push(Request { time, client, cost: tariff.charge(&usage, usd)?.minor() });
    }
    let begin = requests.iter().map(|request| request.time).fold(f64::INFINITY, f64::min);
    let begin = (begin / HOUR_SECONDS).floor() * HOUR_SECONDS;
    // Azure's hour begins with its first request, not with the clock's.
    let begin =
        requests.first().filter(|_| first.contains("ContextTokens")).map_or(begin, |request| request.time);
    requests.iter_mut().for_each(|request| request.time -= begin);
    Ok(requests)
}

/// Seconds, or a date and a time of day.
fn seconds(text: &str) -> Result<f64> {
    if let Ok(seconds) = text.parse() {
        return Ok(seconds);
    }
    let cut = text.get(..26).unwrap_or(text).replace(' ', "T");
    let moment: Timestamp =
        format!("{cut}Z").parse().map_err(|error| format!("{text:?} is no time: {error}"))?;
    Ok(moment.as_micros() as f64 / 1_000_000.0)
}
