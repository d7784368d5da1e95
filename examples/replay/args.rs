//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::Fault;
use crate::trace::{Columns, Kind};

pub(crate) const USAGE: &str = "\
Usage: replay --trace FILE --prices FILE --model NAME [options]

Replays the requests of a trace through a guard and checks what comes out.

  --trace FILE          the requests: an Azure, Mooncake, ServeGen or Vidur trace, or any other with
                        named columns; given several times, each for itself
  --join                replay all traces as one, each after the one before, as one kind of work of no
                        customer: what a forecast does when the work changes
  --trace-kind KIND     azure, mooncake, servegen, vidur or generic; told from the file's first line
                        by default
  --columns LIST        what the columns of a generic trace are called, as
                        time=..,input=..,output=..,customer=..; time and customer may be left out
  --prices FILE         LiteLLM's model price table
  --model NAME          whose prices in it
  --max-output N        output tokens that a request asks for at most (default 4096); 'longest' is
                        4096 or the longest output in the trace, if that is more
  --hold HOW            ceiling: hold for the most that is asked for (default); forecast: for what
                        the requests before it let expect; grow: begin with less than that, and grow
                        as output is delivered
  --coverage X          how many requests a forecast is to suffice for, 0.5 to 0.999 (default 0.99)
  --shrink PERCENT      if the balance is short of the forecast, hold what there is, if it pays for this
                        much of what such requests usually take, 1 to 1000; refused without it
  --speed HOW           max: from all threads, as fast as it goes (default for --hold ceiling);
                        real: on a simulated clock, with the times of the trace (default for
                        the others); a number: as real, but so many times the requests
  --cut                 stop work at what its hold covers; without it all work is delivered in full,
                        but where holds grow
  --accounts N          how many accounts share the requests, by client where the trace names
                        clients, else in turns (default 50)
  --prepaid-share X     what share of the cost of its requests each account has, 0 to 1000 (default 0.5)
  --threads N           1 to 1024 (default: as many as the machine has cores); one on a simulated clock
  --json                one JSON object a trace instead of a table
  --plot FILE.svg       draw what each coverage holds, for every trace, and what is locked over time, for
                        the first; beside the report, with as many replays on a simulated clock
  --self-test           use a ledger that looks at the balance and charges later; must overspend
  --help                this text

What is reported:
  false refusals        refused, though what the request really cost could have been spent at that moment
  overspend             what accounts got beyond what they had prepaid
  uncollected           what was delivered and could not be charged
  bound                 by how much true costs were beyond their holds: neither can be more
  cut                   admitted, but delivered less output than the request had in the trace
  stranded              what is left in the end on accounts that had a request refused, as a share of
                        all that was prepaid
  coverage              the share of admitted requests whose true cost was within the hold as it was at
                        last; worst window: the least in any 1,000 of them in a row
  over-hold ratio       the sum of all holds, as they were at last, over that of the true costs
  extensions            how often a hold grew, for each admitted request
  mean locked           what was held at a time, on average

Exit code: 0 all promises held, 1 the books disagree or a promise is broken, 2 wrong argument or file.";

/// What was asked for.
pub(crate) enum Command {
    Help,
    Replay(Box<Args>),
}

#[derive(Clone)]
pub(crate) struct Args {
    pub(crate) traces: Vec<PathBuf>,
    pub(crate) join: bool,
    pub(crate) kind: Option<Kind>,
    /// Of a generic trace, and only of one.
    pub(crate) columns: Option<Columns>,
    pub(crate) prices: PathBuf,
    pub(crate) model: String,
    pub(crate) max_output: MaxOutput,
    pub(crate) holding: Holding,
    pub(crate) coverage_permille: u16,
    /// In percent of the usual.
    pub(crate) shrink: Option<u32>,
    /// How many times the requests of the trace in a time; `None` without a clock.
    pub(crate) speed: Option<u64>,
    pub(crate) cut: bool,
    pub(crate) accounts: usize,
    pub(crate) share: Share,
    pub(crate) threads: usize,
    pub(crate) json: bool,
    pub(crate) plot: Option<PathBuf>,
    pub(crate) self_test: bool,
}

/// The most output that a request asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum MaxOutput {
    Tokens(u64),
    Longest,
}

impl MaxOutput {
    pub(crate) const DEFAULT: u64 = 4096;
}

/// How much output a request is held for. It is the guard's [`Holding`](billing_guard::Holding), which other ways may be
/// added to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holding {
    Ceiling,
    Forecast,
    Grow,
}

impl Holding {
    pub(crate) const ALL: [Self; 3] = [Self::Ceiling, Self::Forecast, Self::Grow];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Ceiling => "ceiling",
            Self::Forecast => "forecast",
            Self::Grow => "grow",
        }
    }

    pub(crate) const fn of_guard(self) -> billing_guard::Holding {
        match self {
            Self::Ceiling => billing_guard::Holding::Ceiling,
            Self::Forecast => billing_guard::Holding::Forecast,
            Self::Grow => billing_guard::Holding::Grow,
        }
    }
}

/// A share as it was written: it scales money, so it never becomes a float.
#[derive(Clone, Copy)]
pub(crate) struct Share {
    digits: i128,
    places: u32,
}

impl Share {
    const MAX_PLACES: usize = 9;
    const MAX: i128 = 1_000;
    const HALF: Self = Self { digits: 5, places: 1 };

    fn read(text: &str) -> Option<Self> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digits = format!("{whole}{fraction}");
        if whole.is_empty()
            || text.ends_with('.')
            || whole.len() > 4
            || fraction.len() > Self::MAX_PLACES
            || !digits.bytes().all(|byte| byte.is_ascii_digit())
        {
            return None;
        }
        let share = Self { digits: digits.parse().ok()?, places: u32::try_from(fraction.len()).ok()? };
        (share.digits <= Self::MAX * 10_i128.pow(share.places)).then_some(share)
    }

    /// This share of an amount, rounded down to a step.
    pub(crate) fn of(self, amount: i128) -> Option<i128> {
        Some(amount.checked_mul(self.digits)? / 10_i128.pow(self.places))
    }
}

impl Args {
    pub(crate) fn read(given: impl IntoIterator<Item = OsString>) -> Result<Command, Fault> {
        let mut given = given.into_iter();
        let mut seen = Vec::new();
        let (mut traces, mut prices, mut model) = (Vec::new(), None, None);
        let (mut kind, mut columns) = (None, None);
        let (mut holding, mut coverage, mut speed) = (Holding::Ceiling, None, None);
        let mut shrink = None;
        let mut max_output = MaxOutput::Tokens(MaxOutput::DEFAULT);
        let (mut accounts, mut share, mut threads) = (50, Share::HALF, None);
        let (mut join, mut cut, mut json, mut self_test) = (false, false, false, false);
        let mut plot = None;
        while let Some(flag) = given.next() {
            let flag = text("an argument", flag)?;
            if seen.contains(&flag) && flag != "--trace" {
                return Err(Fault::Usage(format!("{flag} is given twice")));
            }
            let mut value =
                || given.next().ok_or_else(|| Fault::Usage(format!("{flag} needs a value after it")));
            match flag.as_str() {
                "--trace" => traces.push(PathBuf::from(value()?)),
                "--trace-kind" => {
                    let name = text(&flag, value()?)?;
                    kind = Some(Kind::named(&name).ok_or_else(|| {
                        bad(&flag, &name, "expected azure, mooncake, servegen, vidur or generic")
                    })?);
                }
                "--prices" => prices = Some(PathBuf::from(value()?)),
                "--model" => model = Some(text(&flag, value()?)?),
                "--columns" => {
                    let list = text(&flag, value()?)?;
                    columns = Some(Columns::read(&list).ok_or_else(|| {
                        bad(&flag, &list, "expected time=NAME,input=NAME,output=NAME,customer=NAME")
                    })?);
                }
                "--max-output" => {
                    max_output = match text(&flag, value()?)?.as_str() {
                        "longest" => MaxOutput::Longest,
                        tokens => MaxOutput::Tokens(number(&flag, tokens.into(), u64::from(u32::MAX))?),
                    };
                }
                "--hold" => {
                    let name = text(&flag, value()?)?;
                    let named = Holding::ALL.into_iter().find(|holding| holding.name() == name);
                    holding = named.ok_or_else(|| bad(&flag, &name, "expected ceiling, forecast or grow"))?;
                }
                "--coverage" => {
                    let coverage_text = text(&flag, value()?)?;
                    coverage = Some(permille(&coverage_text).ok_or_else(|| {
                        bad(&flag, &coverage_text, "expected 0.5 to 0.999 with at most 3 decimal places")
                    })?);
                }
                "--shrink" => shrink = Some(u32::try_from(number(&flag, value()?, 1_000)?)?),
                "--speed" => {
                    speed = Some(match text(&flag, value()?)?.as_str() {
                        "max" => None,
                        "real" => Some(1),
                        times => Some(number(&flag, times.into(), 1_000)?),
                    });
                }
                "--accounts" => accounts = number(&flag, value()?, 1_000_000)?,
                "--prepaid-share" => {
                    let share_text = text(&flag, value()?)?;
                    share = Share::read(&share_text).ok_or_else(|| {
                        bad(&flag, &share_text, "expected 0 to 1000 with at most 9 decimal places")
                    })?;
                }
                "--threads" => threads = Some(number(&flag, value()?, 1024)?),
                "--plot" => plot = Some(PathBuf::from(value()?)),
                "--join" => join = true,
                "--cut" => cut = true,
                "--json" => json = true,
                "--self-test" => self_test = true,
                "--help" | "-h" => return Ok(Command::Help),
                _ => return Err(Fault::Usage(format!("unknown argument {flag:?}"))),
            }
            seen.push(flag);
        }
        let missing = |flag: &str| Fault::Usage(format!("{flag} is missing"));
        if traces.is_empty() {
            return Err(missing("--trace"));
        }
        if columns.is_some() != (kind == Some(Kind::Generic)) {
            let both = "--columns and --trace-kind generic are given together or not at all";
            return Err(Fault::Usage(both.into()));
        }
        let forecast = holding != Holding::Ceiling;
        if forecast && speed == Some(None) {
            return Err(Fault::Usage("a forecast learns as time passes: --speed cannot be max".into()));
        }
        if plot.is_some() && speed == Some(None) {
            return Err(Fault::Usage("--plot shows what happens over time: --speed cannot be max".into()));
        }
        if plot.is_some() && self_test {
            return Err(Fault::Usage("--plot cannot be drawn of a --self-test".into()));
        }
        if join && traces.len() < 2 {
            return Err(Fault::Usage("--join needs more than one --trace".into()));
        }
        for (flag, is_given) in [("--coverage", coverage.is_some()), ("--shrink", shrink.is_some())] {
            if is_given && !forecast {
                return Err(Fault::Usage(format!("{flag} is for --hold forecast and --hold grow")));
            }
        }
        Ok(Command::Replay(Box::new(Self {
            traces,
            join,
            kind,
            columns,
            prices: prices.ok_or_else(|| missing("--prices"))?,
            model: model.ok_or_else(|| missing("--model"))?,
            max_output,
            holding,
            coverage_permille: coverage.unwrap_or(990),
            shrink,
            speed: speed.unwrap_or((forecast || plot.is_some()).then_some(1)),
            // Work that grows its hold ends where it cannot.
            cut: cut || holding == Holding::Grow,
            accounts: usize::try_from(accounts)?,
            share,
            threads: match threads {
                Some(threads) => usize::try_from(threads)?,
                None => std::thread::available_parallelism().map_or(1, usize::from),
            },
            json,
            plot,
            self_test,
        })))
    }

    /// In what way the requests are run, for people.
    pub(crate) fn manner(&self) -> String {
        let timing = match self.speed {
            Some(1) => "simulated clock".to_owned(),
            Some(times) => format!("simulated clock, {times} times the requests"),
            None => format!("{} threads", self.threads),
        };
        let holding = match self.holding {
            Holding::Ceiling => return timing,
            Holding::Forecast => "held by a forecast",
            Holding::Grow => "growing along a forecast",
        };
        let coverage = f64::from(self.coverage_permille) / 1_000.0;
        let shrink =
            self.shrink.map_or(String::new(), |percent| format!(", shrunk to {percent} % of the usual"));
        format!("{timing}, {holding} to cover {coverage}{shrink}")
    }
}

/// A share between 0.5 and 0.999, in thousandths.
fn permille(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("0.").filter(|digits| (1..=3).contains(&digits.len()))?;
    let all_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
    let permille = format!("{digits:0<3}").parse().ok().filter(|_| all_digits)?;
    (500..=999).contains(&permille).then_some(permille)
}

fn text(what: &str, given: OsString) -> Result<String, Fault> {
    given.into_string().map_err(|raw| Fault::Usage(format!("{what} is not valid text: {raw:?}")))
}

fn number(flag: &str, given: OsString, most: u64) -> Result<u64, Fault> {
    let given = text(flag, given)?;
    let number = given.parse().ok().filter(|number| (1..=most).contains(number));
    number.ok_or_else(|| bad(flag, &given, &format!("expected a whole number from 1 to {most}")))
}

fn bad(flag: &str, value: &str, expected: &str) -> Fault {
    Fault::Usage(format!("{flag} {value:?}: {expected}"))
}
