//! What a reply gives reason to tell the customer.

use std::sync::Arc;
use std::time::Duration;

use crate::account::{Applied, Balance};
use crate::amount::{Amount, Unit};
use crate::clock::Timestamp;
use crate::entry::Entry;
use crate::forecast::BurnRate;
use crate::grant::Grant;
use crate::guard::error::Error;
use crate::guard::{Guard, Inner};
use crate::hold::HoldState;
use crate::id::{AccountId, IdempotencyKey};
use crate::ledger::future::LedgerFuture;
use crate::ledger::request::HoldsRequest;
use crate::limits::Limits;
use crate::notice::{Notice, NoticeRules};
use crate::told::{Level, Standing};

/// What the host knows of a customer that decides what it is told: comes with each job.
///
/// ```
/// use billing_guard::{Job, NoticeContext, Timestamp};
///
/// let until: Timestamp = "2026-12-01T08:00:00.000000Z".parse()?;
/// let job = Job::new("query").with_notice_context(NoticeContext::new().with_snoozed_until(until));
/// # let _ = job;
/// # Ok::<(), billing_guard::TimestampError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NoticeContext {
    snoozed_until: Option<Timestamp>,
    topped_up_automatically: bool,
    burn_rate: Option<BurnRate>,
}

impl NoticeContext {
    /// Nothing is known: everything is told.
    #[must_use]
    pub const fn new() -> Self {
        Self { snoozed_until: None, topped_up_automatically: false, burn_rate: None }
    }

    /// The customer asked to be reminded later: nothing is told before, on the ledger's clock, but that it was given a
    /// courtesy or topped up automatically. The first reply from then on tells of every threshold that the balance is below,
    /// crossed meanwhile or before, and of credit that ends soon; and if it is to a hold or charge under a spend cap of which
    /// more was spent, of that cap.
    #[must_use]
    pub const fn with_snoozed_until(mut self, until: Timestamp) -> Self {
        self.snoozed_until = Some(until);
        self
    }

    /// The balance is topped up automatically: that it is low is not told, but that it was topped up is, each time
    /// ([`Guard::top_up_automatically`](crate::Guard::top_up_automatically)).
    #[must_use]
    pub const fn with_automatic_top_up(mut self) -> Self {
        self.topped_up_automatically = true;
        self
    }

    /// How fast the customer has been spending, for the notice that the balance will not last long: from
    /// [`Insights`](crate::Insights), which knows it without a read.
    #[must_use]
    pub const fn with_burn_rate(mut self, rate: BurnRate) -> Self {
        self.burn_rate = Some(rate);
        self
    }
}

impl Guard {
    /// What time alone gives reason to tell since `since`, on the ledger's clock: credit that will end soon, and holds whose
    /// work is still running and that will end soon, of the 1,000 that are released first. For a job that looks at each account
    /// now and then, with the time of the [balance](Balance::as_of) that the look before saw: so each is told once, and credit
    /// not at all if a reply has told of it. They go to the guard's hook as well.
    ///
    /// # Errors
    /// [`Error::WrongUnit`], and the 503s.
    pub fn notices_since(&self, account: &AccountId, since: Timestamp) -> LedgerFuture<Vec<Notice>, Error> {
        let (inner, account) = (Arc::clone(&self.inner), account.clone());
        let balance = self.balance(&account);
        LedgerFuture::boxed(async move {
            let balance = balance.await?;
            let holds = HoldsRequest::new(account.clone()).with_limit(Limits::MAX_PAGE);
            let holds = match inner.policy.notices.hold_ending {
                Some(_) if balance.open_holds() > 0 => inner.ledger.holds(holds).await?.holds().to_vec(),
                _ => Vec::new(),
            };
            let notices = told_by_time(&balance, &holds, &inner.policy.notices, since);
            Ok(inner.told(&account, notices))
        })
    }

    /// [Tops up](Self::top_up) by what was charged automatically, as agreed, and tells the guard's hook so: each time, even
    /// while other notices are snoozed.
    ///
    /// # Errors
    /// As [`top_up`](Self::top_up).
    pub fn top_up_automatically(
        &self,
        account: &AccountId,
        key: IdempotencyKey,
        amount: Amount,
    ) -> LedgerFuture<Applied<Entry>, Error> {
        let (inner, account) = (Arc::clone(&self.inner), account.clone());
        self.top_up(&account, key, amount).map(move |answer| {
            let applied = answer?;
            if !applied.is_replay() {
                let balance = applied.posted_after();
                inner.told(&account, vec![Notice::ToppedUpAutomatically { amount, balance }]);
            }
            Ok(applied)
        })
    }
}

impl Inner {
    /// What the reply to a change gives reason to tell, and that a courtesy was given for it; the hook hears it too.
    pub(super) fn notices<T>(
        &self,
        account: &AccountId,
        applied: &Applied<T>,
        courtesy: Option<Amount>,
        context: NoticeContext,
    ) -> Vec<Notice> {
        let mut notices = told_by(applied, &self.policy.notices, context);
        notices.extend(courtesy.map(|amount| Notice::CourtesyGiven { amount }));
        self.told(account, notices)
    }

    fn told(&self, account: &AccountId, notices: Vec<Notice>) -> Vec<Notice> {
        if let Some(on_notice) = &self.on_notice {
            notices.iter().for_each(|notice| on_notice(account, notice));
        }
        notices
    }
}

/// What the reply to a change gives reason to tell. A replay tells nothing: the reply before did.
fn told_by<T>(applied: &Applied<T>, rules: &NoticeRules, context: NoticeContext) -> Vec<Notice> {
    let standing = &applied.standing;
    if applied.is_replay() || context.snoozed_until.is_some_and(|until| standing.at < until) {
        return Vec::new();
    }
    // Reminded later is now: whatever was told before, it is told again.
    let is_reminder = context.snoozed_until.is_some_and(|until| standing.told.at < until);
    let (lowest, since) = match is_reminder {
        true => (i64::MAX, Timestamp::from_micros(i64::MIN)),
        false => (standing.told.lowest, standing.told.at),
    };
    let mut notices = Vec::new();
    if !context.topped_up_automatically {
        balance(standing, lowest, applied.unit, rules, context, &mut notices);
    }
    for level in standing.levels.iter() {
        let told = if is_reminder { 0 } else { level.told };
        notices.extend(cap(level, told, applied.unit, rules));
    }
    if let Some(within) = rules.credit_ending {
        let grants = standing.grants.list().iter();
        notices.extend(grants.filter_map(|grant| credit_ending(grant, since, standing.at, within)));
    }
    notices
}

/// The thresholds that the balance fell below, those of one kind with the highest first.
fn balance(
    standing: &Standing,
    lowest: i64,
    unit: Unit,
    rules: &NoticeRules,
    context: NoticeContext,
    notices: &mut Vec<Notice>,
) {
    let crossed = |threshold: i64| lowest >= threshold && threshold > standing.posted;
    let balance = unit.minor(standing.posted);
    let in_unit = |amount: &&Amount| amount.unit() == unit;

    let mut low: Vec<Amount> = rules.low_balance.iter().filter(in_unit).copied().collect();
    low.sort_unstable_by_key(|threshold| std::cmp::Reverse(threshold.minor()));
    let low = low.into_iter().filter(|threshold| crossed(threshold.minor()));
    notices.extend(low.map(|threshold| Notice::LowBalance { threshold, balance }));

    let top_up = unit.minor(standing.told.top_up);
    let mut shares = rules.low_share.clone();
    shares.sort_unstable_by_key(|percent| std::cmp::Reverse(*percent));
    let shares = shares.into_iter().filter(|percent| crossed(share_of(top_up.minor(), *percent)));
    notices.extend(shares.map(|percent| Notice::LowShare { percent, top_up, balance }));

    if let Some(largest) = rules.largest_request.as_ref().filter(in_unit).copied()
        && crossed(largest.minor())
    {
        notices.push(Notice::LessThanLargestRequest { largest, balance });
    }

    if let (Some(days), Some(rate)) = (rules.short_runway, context.burn_rate)
        && crossed(rate.amount_for_days(days).minor())
        && let Some(runway) = rate.runway(balance)
    {
        notices.push(Notice::ShortRunway { days, runway, balance });
    }
}

/// So many percent of an amount, rounded down.
fn share_of(amount: i64, percent: u8) -> i64 {
    let share = i128::from(amount).saturating_mul(percent.into()).checked_div(100).unwrap_or(0);
    i64::try_from(share).unwrap_or(i64::MAX)
}

/// The highest share of a cap that is spent now and was not when so much was told.
fn cap(level: &Level, told: i64, unit: Unit, rules: &NoticeRules) -> Option<Notice> {
    let reached = |spent: i64, percent: u8| {
        i128::from(spent).saturating_mul(100) >= i128::from(level.limit).saturating_mul(percent.into())
    };
    let shares = rules.cap_spent.iter().copied();
    let crossed = shares.filter(|percent| reached(level.used, *percent) && !reached(told, *percent));
    crossed.max().map(|percent| Notice::CapNearlyReached {
        label: level.label.clone(),
        percent,
        used: unit.minor(level.used),
        limit: unit.minor(level.limit),
        resets_at: level.resets_at,
    })
}

/// Credit that is there, not used, and whose time to be told of has come since then.
fn credit_ending(grant: &Grant, since: Timestamp, now: Timestamp, within: Duration) -> Option<Notice> {
    let ends_at = grant.ends_at().filter(|ends_at| grant.free() > 0 && now < *ends_at)?;
    let (label, remaining) = (grant.label().cloned(), grant.remaining());
    has_come(ends_at, since, now, within).then_some(Notice::CreditEndsSoon { label, remaining, ends_at })
}

/// Whether the time to tell of an end, so long before it, has come since then.
fn has_come(ends_at: Timestamp, since: Timestamp, now: Timestamp, within: Duration) -> bool {
    let reaches = |at: Timestamp| at.saturating_add(within) >= ends_at;
    !reaches(since) && reaches(now)
}

/// What time alone gives reason to tell since then: credit that ends soon, unless a reply has told of it, and holds that do.
fn told_by_time(
    balance: &Balance,
    holds: &[HoldState],
    rules: &NoticeRules,
    since: Timestamp,
) -> Vec<Notice> {
    let now = balance.as_of;
    let mut notices = Vec::new();
    if let Some(within) = rules.credit_ending {
        let since = since.max(balance.told.at);
        notices.extend(balance.grants().iter().filter_map(|grant| credit_ending(grant, since, now, within)));
    }
    if let Some(within) = rules.hold_ending {
        let soon = holds.iter().filter(|hold| {
            // One that was made for a shorter time is no surprise.
            let since = since.max(hold.opened_at());
            hold.is_open() && now < hold.ends_at() && has_come(hold.ends_at(), since, now, within)
        });
        notices.extend(
            soon.map(|hold| Notice::HoldEndsSoon { key: hold.key().clone(), ends_at: hold.ends_at() }),
        );
    }
    notices
}
