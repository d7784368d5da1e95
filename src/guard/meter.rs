//! How much an account has used in a period, for prices that go on from there.

use std::sync::Arc;

use super::error::Error;
use super::job::invalid;
use super::{Guard, Hold};
use crate::account::Applied;
use crate::amount::{Amount, Unit};
use crate::clock::Timestamp;
use crate::entry::Entry;
use crate::error::LedgerError;
use crate::id::{AccountId, IdempotencyKey};
use crate::ledger::future::LedgerFuture;
use crate::ledger::request::{PostKind, PostRequest};
use crate::ledger::{Ledger, LedgerExt};
use crate::period::Period;
use crate::text::quoted;
use crate::usage::{Quantity, QuantityName, Usage, UsageError, is_name};

/// Counts in the ledger what an account uses in a period, so that tiers, packages and what is free go on through the month
/// instead of beginning anew with each request: work costs what all of the month costs with it, less what it cost
/// without. The tariff is a usual one; [`Tariff::after`](crate::Tariff::after) says what goes on and what does not.
///
/// ```
/// use billing_guard::{AccountId, Guard, Job, Meter, Period, Tariff, Tiers, Unit, Usage, wait};
///
/// # let usd = Unit::new("USD", 2)?;
/// // A hundred calls a month are free, each further one costs ten cents.
/// let tiers = Tiers::new().up_to(100_u64, "0")?.beyond("0.10")?;
/// let guard = Guard::in_memory(usd).price("call", Tariff::new().graduated("calls", tiers)?).build()?;
/// let meter = Meter::of(["calls"], Period::month())?;
/// # let account = AccountId::new("acct_1")?;
/// # wait(guard.top_up(&account, "payment-1".parse()?, usd.amount("20")?))?;
/// for cost in ["0", "2", "6"] {
///     // What was used so far decides what is held ...
///     let used = wait(meter.used(&guard, &account))?;
///     let mut hold = wait(guard.hold(&account, Job::new("call").at_most("calls", 80_u64).after(used)))?;
///     // ... and what was used before this work was counted decides what it costs.
///     let usage = Usage::new().with("calls", 60_u64);
///     hold.after(wait(meter.count(&hold, &usage))?);
///     assert_eq!(wait(hold.capture(&usage))?.charged(), usd.amount(cost)?);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # What is exact
///
/// The ledger counts one piece of work after the other, each once for its key, and keeps with each what was counted before it. So
/// however many run at once, each is the only one to come after what it comes after, and all charges of a period
/// together are the price of all that was used in it, to the smallest step; asked again, after a crash too, the ledger
/// answers the same. Where quantities bear on each other (limits on their sum, one that is part of another, a percentage and its
/// events), that holds for work counted one after the other: each quantity is counted by itself, and nothing is atomic across
/// accounts.
///
/// What is *held* is decided before, by what was counted then. Where more costs less in the end, that is enough. Where it
/// costs more, as after a free allowance, work that was counted meanwhile may make this work dearer than its hold: the
/// policy's [`OverCapture`](crate::OverCapture) decides about the difference, which is at most what its quantities cost in
/// the dearest tier. Who wants to be sure adds what may be counted meanwhile to what [`Job::after`](crate::Job::after) is told.
///
/// What is never counted (the handle was dropped, say) is charged as the job said, and the next work comes after the
/// same. What was counted stays counted: count when the work was done.
///
/// # Where it is counted
///
/// Each quantity and stretch of the period has an account of its own in the ledger, in the unit `USED`, whose balance is minus what
/// was used. Its id is `usage~` and what follows, made of the customer's, which can have up to 70 characters with the name of the
/// quantity: give no customer an id that begins so. Work is counted in the period in which its hold was made, work that is only
/// [observed](crate::Enforcement::Observe) in that in which it is counted. Meters of the same quantity and period are the same
/// meter. What meters of several periods say about different quantities is [added](Usage::add) to one usage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meter {
    names: Vec<QuantityName>,
    period: Period,
    unit: Unit,
}

/// Why a [`Meter`] cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MeterError {
    /// It counts too many quantities, or one of them has no name.
    #[error(transparent)]
    Quantities(#[from] UsageError),
    /// It counts a quantity twice.
    #[error("the meter counts {name} twice")]
    Repeated {
        /// The quantity, quoted.
        name: String,
    },
    /// A rolling window has no beginning to count from.
    #[error("a meter counts from the beginning of a calendar period, and {period} has none")]
    Rolling {
        /// The period.
        period: Period,
    },
    /// It would count in finer steps than quantities have.
    #[error("a meter counts to at most 9 decimal places, not {places}")]
    Places {
        /// How many.
        places: u8,
    },
}

impl Meter {
    /// How many decimal places are counted by default.
    pub const PLACES: u8 = 3;

    /// Counts these quantities in a calendar period: at most 16, to a thousandth of one.
    ///
    /// # Errors
    /// [`MeterError`] for a name that is none or comes twice, for too many, and for a rolling window.
    pub fn of<N: Into<QuantityName>>(
        names: impl IntoIterator<Item = N>,
        period: Period,
    ) -> Result<Self, MeterError> {
        let names: Vec<QuantityName> = names.into_iter().map(Into::into).collect();
        if names.len() > Usage::MAX {
            return Err(UsageError::TooMany { count: names.len() }.into());
        }
        if let Some(name) = names.iter().find(|name| !is_name(name)) {
            return Err(UsageError::InvalidName { text: quoted(name) }.into());
        }
        let before = |index: usize, name: &QuantityName| names.iter().take(index).any(|other| other == name);
        if let Some((_, name)) = names.iter().enumerate().find(|(index, name)| before(*index, name)) {
            return Err(MeterError::Repeated { name: quoted(name) });
        }
        if period.is_rolling() {
            return Err(MeterError::Rolling { period });
        }
        Ok(Self { names, period, unit: unit(Self::PLACES)? })
    }

    /// The same counting to so many decimal places, up to 9. In all a period has room for 9.2 * 10^18 of the last
    /// place. What has more places is not counted and not rounded, but an error. Choose it once: an account counts in
    /// one unit.
    ///
    /// # Errors
    /// [`MeterError::Places`].
    pub fn with_places(mut self, places: u8) -> Result<Self, MeterError> {
        self.unit = unit(places)?;
        Ok(self)
    }

    /// What the account has used in the period that it is now, by the clock of the guard: for [`Job::after`](crate::Job::after).
    ///
    /// # Errors
    /// [`Error::WrongUnit`] if it was counted to other places, [`Error::InvalidJob`] if the account's id is too long, and
    /// the 503s.
    pub fn used(&self, guard: &Guard, account: &AccountId) -> LedgerFuture<Usage, Error> {
        let ledger = guard.ledger();
        let now = guard.inner.clock.now();
        self.each(
            |name| Ok(ledger.balance_of(&self.account(account, name, now)?, self.unit)),
            |balance| quantity(balance.posted(), balance.posted().unit().zero()),
        )
    }

    /// Counts what work under this hold has used, in all, and says what was counted before it: for [`Hold::after`]. Repeated
    /// with the same usage it counts once, and says the same.
    ///
    /// # Errors
    /// [`Error::KeyConflict`] if it was counted with another usage, [`Error::InvalidJob`] for a quantity with too many
    /// places and for one that there is no room for, and as [`used`](Self::used). What was not counted then is when it is
    /// repeated.
    pub fn count(&self, hold: &Hold, usage: &Usage) -> LedgerFuture<Usage, Error> {
        let began = hold.held().map_or_else(|| hold.guard.clock.now(), |held| held.opened_at);
        self.count_in(&hold.guard.ledger, hold.account(), hold.key(), began, usage)
    }

    /// The same for work without a hold, which has this key and began at this moment: for [`Job::after`](crate::Job::after)
    /// of a [charge](Guard::charge) in one step. It is counted whether or not the charge then is refused. Who repeats it says the
    /// same moment again: in another period it would be counted once more.
    ///
    /// ```
    /// # use billing_guard::{AccountId, Guard, Job, Meter, Package, Period, Tariff, Timestamp, Unit, Usage, wait};
    /// # let usd = Unit::new("USD", 2)?;
    /// # let account = AccountId::new("acct_1")?;
    /// let letters = Tariff::new().package("letters", Package::of(10_u64, "3")?)?;
    /// let guard = Guard::in_memory(usd).price("letter", letters).build()?;
    /// # wait(guard.top_up(&account, "payment-1".parse()?, usd.amount("5")?))?;
    /// let meter = Meter::of(["letters"], Period::day())?;
    /// let sent: Timestamp = "2026-03-10T09:30:00.000000Z".parse()?;
    /// for (key, cost) in [("letter-1", "3"), ("letter-2", "0"), ("letter-2", "0")] {
    ///     let usage = Usage::new().with("letters", 4_u64);
    ///     let before = wait(meter.count_charge(&guard, &account, &key.parse()?, sent, &usage))?;
    ///     let job = Job::new("letter").exact("letters", 4_u64).with_key(key.parse()?).after(before);
    ///     assert_eq!(wait(guard.charge(&account, &job))?.charged(), usd.amount(cost)?);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`count`](Self::count).
    pub fn count_charge(
        &self,
        guard: &Guard,
        account: &AccountId,
        key: &IdempotencyKey,
        began: Timestamp,
        usage: &Usage,
    ) -> LedgerFuture<Usage, Error> {
        self.count_in(guard.ledger(), account, key, began, usage)
    }

    fn count_in(
        &self,
        ledger: &Arc<dyn Ledger>,
        account: &AccountId,
        key: &IdempotencyKey,
        began: Timestamp,
        usage: &Usage,
    ) -> LedgerFuture<Usage, Error> {
        // All of it is checked before anything is counted.
        let requests = |name: &QuantityName| {
            let used = usage.get(name);
            let account = self.account(account, name, began)?;
            let amount = self.unit.amount(&used.to_string());
            let too_much =
                |_| invalid("it is more than a meter counts, or has more places", &used.to_string());
            let request = PostRequest::new(account, key.clone(), PostKind::Charge, amount.map_err(too_much)?);
            Ok(request.with_debt_limit(self.unit.minor(i64::MAX)))
        };
        let requests: Result<Vec<_>, Error> = self.names.iter().map(requests).collect();
        let mut requests = match requests {
            Ok(requests) => requests.into_iter(),
            Err(error) => return LedgerFuture::ready(Err(error)),
        };
        let post = |_: &QuantityName| {
            // There is one for each name.
            let request = requests.next().ok_or_else(|| invalid("it cannot be counted", ""))?;
            Ok(ledger.post(request))
        };
        self.each(post, |applied: Applied<Entry>| {
            let entry = applied.into_value();
            quantity(entry.balance_after(), entry.amount())
        })
    }

    /// Asks the ledger about each quantity at once, and makes a usage of the answers.
    fn each<T: 'static>(
        &self,
        mut ask: impl FnMut(&QuantityName) -> Result<LedgerFuture<T>, Error>,
        used: fn(T) -> Quantity,
    ) -> LedgerFuture<Usage, Error> {
        let answer = move |answer: Result<T, LedgerError>| answer.map(used).map_err(refused);
        let asked = self.names.iter().map(|name| Ok((name.clone(), ask(name)?.map(answer))));
        let asked: Vec<_> = match asked.collect::<Result<_, Error>>() {
            Ok(asked) => asked,
            Err(error) => return LedgerFuture::ready(Err(error)),
        };
        LedgerFuture::boxed(async move {
            let mut all = Usage::new();
            for (name, answer) in asked {
                all = all.with(name, answer.await?);
            }
            Ok(all)
        })
    }

    /// Where this quantity of the account is counted at this moment. No two of them have the same: the length of the name says
    /// where it ends, and neither moment has the sign that stands between.
    fn account(&self, account: &AccountId, name: &str, now: Timestamp) -> Result<AccountId, Error> {
        let start = self.period.start_of(now);
        let (from, until) = (compact(start), compact(self.period.end_of(start)));
        let id = format!("usage~{}~{name}~{from}~{until}~{account}", name.len());
        AccountId::new(&id)
            .map_err(|_| invalid("the ids of an account and a quantity are too long together", &id))
    }
}

/// `20261101T000000Z`, with a fraction if there is one.
fn compact(moment: Timestamp) -> String {
    moment.to_string().replace(".000000", "").replace(['-', ':'], "")
}

fn unit(places: u8) -> Result<Unit, MeterError> {
    if places > Quantity::MAX_PLACES {
        return Err(MeterError::Places { places });
    }
    Unit::new("USED", places).map_err(|_| MeterError::Places { places })
}

/// What was used before, in an account that has minus as much: what is there now, without what this added.
fn quantity(balance: Amount, added: Amount) -> Quantity {
    let before = balance.minor().saturating_sub(added.minor()).min(0).unsigned_abs();
    Quantity::from_parts(before, balance.unit().scale()).unwrap_or(Quantity::MAX)
}

/// No answer about a meter is one about a balance.
fn refused(error: LedgerError) -> Error {
    match error {
        LedgerError::Insufficient(short) => {
            invalid("it is more than a meter has room for in a period", &short.missing().to_string())
        }
        error => error.into(),
    }
}
