//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::Fault;
use crate::trace::Kind;

pub(crate) const USAGE: &str = "\
Usage: replay --trace FILE --prices FILE --model NAME [options]

Replays the requests of a trace through a guard and checks what comes out.

  --trace FILE          the requests: an Azure, Mooncake, ServeGen or Vidur trace
  --trace-kind KIND     azure, mooncake, servegen or vidur; told from the file's first line by default
  --prices FILE         LiteLLM's model price table
  --model NAME          whose prices in it
  --max-output N        output tokens that a request is held for (default 4096)
  --cut                 stop work at what its hold covers; without it all work is delivered in full
  --accounts N          how many accounts share the requests, by client where the trace names
                        clients, else in turns (default 50)
  --prepaid-share X     what share of the cost of its requests each account has, 0 to 1000 (default 0.5)
  --threads N           1 to 1024 (default: as many as the machine has cores)
  --json                one JSON object instead of a table
  --self-test           use a ledger that looks at the balance and charges later; must overspend
  --help                this text

Exit code: 0 all promises held, 1 the books disagree or a promise is broken, 2 wrong argument or file.";

/// What was asked for.
pub(crate) enum Command {
    Help,
    Replay(Args),
}

pub(crate) struct Args {
    pub(crate) trace: PathBuf,
    pub(crate) kind: Option<Kind>,
    pub(crate) prices: PathBuf,
    pub(crate) model: String,
    pub(crate) max_output: u64,
    pub(crate) cut: bool,
    pub(crate) accounts: usize,
    pub(crate) share: Share,
    pub(crate) threads: usize,
    pub(crate) json: bool,
    pub(crate) self_test: bool,
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
        let (mut trace, mut prices, mut model, mut kind) = (None, None, None, None);
        let (mut max_output, mut accounts, mut share, mut threads) = (4096, 50, Share::HALF, None);
        let (mut cut, mut json, mut self_test) = (false, false, false);
        while let Some(flag) = given.next() {
            let flag = text("an argument", flag)?;
            if seen.contains(&flag) {
                return Err(Fault::Usage(format!("{flag} is given twice")));
            }
            let mut value =
                || given.next().ok_or_else(|| Fault::Usage(format!("{flag} needs a value after it")));
            match flag.as_str() {
                "--trace" => trace = Some(PathBuf::from(value()?)),
                "--trace-kind" => {
                    let name = text(&flag, value()?)?;
                    kind =
                        Some(Kind::named(&name).ok_or_else(|| {
                            bad(&flag, &name, "expected azure, mooncake, servegen or vidur")
                        })?);
                }
                "--prices" => prices = Some(PathBuf::from(value()?)),
                "--model" => model = Some(text(&flag, value()?)?),
                "--max-output" => max_output = number(&flag, value()?, u64::from(u32::MAX))?,
                "--accounts" => accounts = number(&flag, value()?, 1_000_000)?,
                "--prepaid-share" => {
                    let share_text = text(&flag, value()?)?;
                    share = Share::read(&share_text).ok_or_else(|| {
                        bad(&flag, &share_text, "expected 0 to 1000 with at most 9 decimal places")
                    })?;
                }
                "--threads" => threads = Some(number(&flag, value()?, 1024)?),
                "--cut" => cut = true,
                "--json" => json = true,
                "--self-test" => self_test = true,
                "--help" | "-h" => return Ok(Command::Help),
                _ => return Err(Fault::Usage(format!("unknown argument {flag:?}"))),
            }
            seen.push(flag);
        }
        let missing = |flag: &str| Fault::Usage(format!("{flag} is missing"));
        Ok(Command::Replay(Self {
            trace: trace.ok_or_else(|| missing("--trace"))?,
            kind,
            prices: prices.ok_or_else(|| missing("--prices"))?,
            model: model.ok_or_else(|| missing("--model"))?,
            max_output,
            cut,
            accounts: usize::try_from(accounts)?,
            share,
            threads: match threads {
                Some(threads) => usize::try_from(threads)?,
                None => std::thread::available_parallelism().map_or(1, usize::from),
            },
            json,
            self_test,
        }))
    }
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
