//! The replay's own books: who prepaid what, what was delivered to whom, and whether the ledger agrees.

use std::fmt::Write;
use std::time::Duration;

use billing_guard::{Balance, Unit};
use serde::Serialize;

use crate::Fault;
use crate::args::{Args, Holding};
use crate::price::Price;
use crate::run::{Outcome, Run, Task};

/// How many requests in a row `worst_window_coverage` is about.
const WINDOW: usize = 1_000;

/// Sums are `i128`, so that none can overflow. All amounts are in steps of the unit.
pub(crate) struct Books {
    accounts: Vec<Account>,
    cut_allowed: bool,
    in_full: bool,
    self_test: bool,
    requests: usize,
    refused: usize,
    false_refusals: usize,
    /// Of each request in turn, unless it was refused: whether its true cost is within its hold.
    covered: Vec<Option<bool>>,
    mean_locked: Option<i128>,
    extensions: u64,
    cut: usize,
    cut_tokens: u128,
    holds: i128,
    true_costs: i128,
    uncollected: i128,
    bound: i128,
}

#[derive(Clone, Default)]
struct Account {
    demand: i128,
    prepaid: i64,
    charged: i128,
    /// True cost of the work done, collected or not.
    delivered: i128,
    /// Requests that were refused.
    refused: usize,
}

impl Account {
    fn overspend(&self) -> i128 {
        (self.delivered - i128::from(self.prepaid)).max(0)
    }

    /// What is left in the end of what was prepaid, if any request was refused: it could not be spent.
    fn stranded(&self) -> i128 {
        if self.refused > 0 { (i128::from(self.prepaid) - self.charged).max(0) } else { 0 }
    }
}

/// What the replay found, in the order in which it is printed. Ratios are for reading only; they are missing where there
/// is nothing to divide by, such as when nothing was admitted.
#[derive(Serialize)]
pub(crate) struct Report {
    trace: String,
    requests: usize,
    admitted: usize,
    refused: usize,
    /// Refused though what the request really cost could have been spent at that moment.
    false_refusals: usize,
    /// What was delivered beyond what was prepaid, of each account.
    overspend: String,
    /// What was delivered and could not be charged.
    uncollected: String,
    /// By how much true costs were beyond their holds: neither of the two above can be more.
    bound: String,
    /// Admitted requests that were delivered less than they wanted.
    cut: usize,
    cut_tokens: u128,
    charged: String,
    prepaid: String,
    /// What is left in the end on accounts that had a request refused, as a share of all that was prepaid.
    stranded: Option<f64>,
    /// The share of admitted requests whose true cost was within the hold. A hold that grew counts as it was at last.
    coverage: Option<f64>,
    /// The least such share in any 1,000 admitted requests in a row.
    worst_window_coverage: Option<f64>,
    /// The sum of all holds, as they were at last, over the sum of the true costs.
    over_hold_ratio: Option<f64>,
    /// How often the hold of an admitted request grew.
    extensions_per_request: Option<f64>,
    /// What was held at a time, on average.
    mean_locked: Option<String>,
    elapsed_s: f64,
    cycles_per_s: f64,
}

impl Books {
    /// Books in which every account has prepaid its share of what its requests cost.
    pub(crate) fn open(tasks: &[Task], args: &Args) -> Result<Self, Fault> {
        let mut accounts = vec![Account::default(); args.accounts];
        for task in tasks {
            accounts[task.account].demand += i128::from(task.cost);
        }
        for account in &mut accounts {
            let share = args.share.of(account.demand).and_then(|share| i64::try_from(share).ok());
            account.prepaid = share
                .ok_or_else(|| Fault::Input("an account would be prepaid more than can be counted".into()))?;
        }
        Ok(Self {
            accounts,
            cut_allowed: args.cut,
            in_full: args.holding == Holding::Ceiling,
            self_test: args.self_test,
            requests: 0,
            refused: 0,
            false_refusals: 0,
            covered: vec![None; tasks.len()],
            mean_locked: None,
            extensions: 0,
            cut: 0,
            cut_tokens: 0,
            holds: 0,
            true_costs: 0,
            uncollected: 0,
            bound: 0,
        })
    }

    /// What each account has prepaid.
    pub(crate) fn prepaid(&self) -> impl Iterator<Item = i64> {
        self.accounts.iter().map(|account| account.prepaid)
    }

    /// Enters what became of every request, each held against the replay's own prices.
    pub(crate) fn enter(&mut self, tasks: &[Task], run: &Run, price: &Price) -> Result<(), Fault> {
        self.mean_locked = run.mean_locked();
        let mut seen = vec![false; tasks.len()];
        for (number, outcome) in &run.outcomes {
            if std::mem::replace(&mut seen[*number], true) {
                return Err(disagree(format!("request {number} ran twice")));
            }
            self.enter_one(*number, &tasks[*number], outcome, price)
                .map_err(|problem| disagree(format!("request {number}: {problem}")))?;
        }
        match seen.iter().position(|seen| !seen) {
            Some(number) => Err(disagree(format!("request {number} never ran"))),
            None => Ok(()),
        }
    }

    fn enter_one(
        &mut self,
        number: usize,
        task: &Task,
        outcome: &Outcome,
        price: &Price,
    ) -> Result<(), String> {
        self.requests += 1;
        let costing = |output| price.ceiling(task.input, output).ok_or("its hold cannot be counted");
        match *outcome {
            Outcome::Refused { required, spendable } => {
                if required <= spendable {
                    return Err(format!("refused though {required} of {spendable} was needed"));
                }
                if !(costing(0)?..=costing(task.max_output)?).contains(&required) {
                    return Err(format!("refused for {required}"));
                }
                self.refused += 1;
                self.false_refusals += usize::from(task.cost <= spendable);
                self.accounts[task.account].refused += 1;
            }
            Outcome::Ran { hold, covered, extensions, delivered, charged, uncollected } => {
                let most = task.max_output;
                let enough = hold >= costing(covered)? && hold <= costing(most)?;
                let too_little = covered < most && (self.in_full || hold >= costing(covered + 1)?);
                if !enough || too_little {
                    return Err(format!("{hold} held for {covered} of {most} output tokens"));
                }
                let cost = price.charge(task.input, delivered).ok_or("its cost cannot be counted")?;
                if i128::from(charged) + i128::from(uncollected) != i128::from(cost) || uncollected < 0 {
                    return Err(format!("{charged} charged and {uncollected} uncollected of {cost}"));
                }
                let missing = task.output - delivered;
                self.extensions += u64::from(extensions);
                self.cut += usize::from(missing > 0);
                self.cut_tokens += u128::from(missing);
                self.covered[number] = Some(task.cost <= hold);
                self.holds += i128::from(hold);
                self.true_costs += i128::from(task.cost);
                self.bound += (i128::from(task.cost) - i128::from(hold)).max(0);
                self.uncollected += i128::from(uncollected);
                let account = &mut self.accounts[task.account];
                account.charged += i128::from(charged);
                account.delivered += i128::from(cost);
            }
        }
        Ok(())
    }

    /// Holds an account of the ledger, after all work, against these books.
    pub(crate) fn compare(&self, index: usize, balance: &Balance) -> Result<(), Fault> {
        let account = &self.accounts[index];
        let (held, open) = (balance.held().minor(), balance.open_holds());
        if held != 0 || open != 0 {
            return Err(disagree(format!("account {index} still has {held} held in {open} holds")));
        }
        let (posted, prepaid, charged) = (balance.posted().minor(), account.prepaid, account.charged);
        if i128::from(posted) != i128::from(prepaid) - charged {
            return Err(disagree(format!(
                "account {index} has {posted} left; prepaid {prepaid}, charged {charged} by its receipts"
            )));
        }
        Ok(())
    }

    /// The least share of covered ones in any so many admitted requests in a row.
    fn worst_coverage(&self, window: usize) -> Option<f64> {
        let mut covered = vec![0];
        for is_covered in self.covered.iter().flatten() {
            covered.push(covered[covered.len() - 1] + usize::from(*is_covered));
        }
        if window == 0 {
            return None;
        }
        let least =
            covered.iter().zip(covered.iter().skip(window)).map(|(before, after)| after - before).min()?;
        Some(rounded(least as f64 / window as f64))
    }

    fn overspend(&self) -> i128 {
        self.accounts.iter().map(Account::overspend).sum()
    }

    pub(crate) fn report(&self, trace: &str, unit: Unit, elapsed: Duration) -> Result<Report, Fault> {
        let admitted = self.requests - self.refused;
        let text = |steps| amount(unit, steps);
        let seconds = elapsed.as_secs_f64();
        let prepaid: i128 = self.prepaid().map(i128::from).sum();
        let stranded: i128 = self.accounts.iter().map(Account::stranded).sum();
        Ok(Report {
            trace: trace.to_owned(),
            requests: self.requests,
            admitted,
            refused: self.refused,
            false_refusals: self.false_refusals,
            overspend: text(self.overspend())?,
            uncollected: text(self.uncollected)?,
            bound: text(self.bound)?,
            cut: self.cut,
            cut_tokens: self.cut_tokens,
            charged: text(self.accounts.iter().map(|account| account.charged).sum())?,
            prepaid: text(prepaid)?,
            stranded: share(stranded, prepaid),
            coverage: self.worst_coverage(admitted),
            worst_window_coverage: self.worst_coverage(WINDOW),
            over_hold_ratio: share(self.holds, self.true_costs),
            extensions_per_request: share(i128::from(self.extensions), i128::try_from(admitted)?),
            mean_locked: self.mean_locked.map(text).transpose()?,
            elapsed_s: rounded(seconds),
            // A cycle is a hold and its capture.
            cycles_per_s: (admitted as f64 / seconds.max(1e-9)).round(),
        })
    }

    /// What the crate promises, or for a self-test that the replay sees it broken.
    pub(crate) fn check_promises(&self, unit: Unit) -> Result<(), Fault> {
        let (overspend, uncollected, bound) = (self.overspend(), self.uncollected, self.bound);
        if self.self_test {
            let nothing = "the self-test found no overspend; it needs accounts that are prepaid for some but not \
                           all of the work that is delivered";
            return if overspend > 0 { Ok(()) } else { Err(Fault::Broken(nothing.into())) };
        }
        let overdraft = |account: &Account| (account.charged - i128::from(account.prepaid)).max(0);
        let overdraft: i128 = self.accounts.iter().map(overdraft).sum();
        let uncut = i128::from(!self.cut_allowed);
        for (what, steps, most) in [
            ("accounts were overdrawn by", overdraft, 0),
            ("overspent beyond what holds did not cover:", overspend, bound),
            ("uncollected beyond what holds did not cover:", uncollected, bound),
            ("overspent though work was cut at what its hold covers:", overspend, uncut * bound),
            ("uncollected though work was cut at what its hold covers:", uncollected, uncut * bound),
        ] {
            if steps > most {
                return Err(Fault::Broken(format!("promise broken: {what} {}", amount(unit, steps)?)));
            }
        }
        Ok(())
    }
}

impl Report {
    pub(crate) fn json(&self) -> Result<String, Fault> {
        Ok(serde_json::to_string(self)?)
    }

    pub(crate) const fn over_hold_ratio(&self) -> Option<f64> {
        self.over_hold_ratio
    }

    pub(crate) fn table(&self, args: &Args, unit: Unit) -> String {
        let of = |count: usize, all: usize| {
            let percent = 100.0 * count as f64 / all as f64;
            if all > 0 { format!("{count} ({percent:.2} %)") } else { count.to_string() }
        };
        let ratio = |ratio: Option<f64>| ratio.map_or("-".to_owned(), |ratio| ratio.to_string());
        let money = |text: &str| format!("{text} {}", unit.code());
        let rows = [
            ("requests", self.requests.to_string()),
            ("admitted", self.admitted.to_string()),
            ("refused", of(self.refused, self.requests)),
            ("false refusals", of(self.false_refusals, self.requests)),
            ("overspend", money(&self.overspend)),
            ("uncollected", money(&self.uncollected)),
            ("bound", money(&self.bound)),
            ("cut", of(self.cut, self.admitted)),
            ("cut tokens", self.cut_tokens.to_string()),
            ("charged", money(&self.charged)),
            ("prepaid", money(&self.prepaid)),
            ("stranded", ratio(self.stranded)),
            ("coverage", ratio(self.coverage)),
            ("worst window", ratio(self.worst_window_coverage)),
            ("over-hold ratio", ratio(self.over_hold_ratio)),
            ("extensions", ratio(self.extensions_per_request)),
            ("mean locked", self.mean_locked.as_deref().map_or("-".to_owned(), money)),
            ("elapsed", format!("{} s", self.elapsed_s)),
            ("cycles per second", self.cycles_per_s.to_string()),
        ];
        let mut table = format!(
            "{} at the price of {}, {} accounts, {}{}{}",
            self.trace,
            args.model,
            args.accounts,
            args.manner(),
            if args.cut { ", cut" } else { "" },
            if args.self_test { ", self-test: a ledger that charges later" } else { "" },
        );
        for (name, value) in rows {
            // Writing to a string cannot fail.
            let _ = write!(table, "\n  {name:<18} {value}");
        }
        table
    }
}

fn disagree(problem: impl std::fmt::Display) -> Fault {
    Fault::Broken(format!("the books disagree: {problem}"))
}

/// Steps as decimal text.
fn amount(unit: Unit, steps: i128) -> Result<String, Fault> {
    let steps = i64::try_from(steps).map_err(|_| Fault::Broken(format!("{steps} steps do not fit")))?;
    Ok(unit.minor(steps).decimal().to_string())
}

fn share(part: i128, whole: i128) -> Option<f64> {
    (whole > 0).then(|| rounded(part as f64 / whole as f64))
}

fn rounded(ratio: f64) -> f64 {
    (ratio * 1e6).round() / 1e6
}
