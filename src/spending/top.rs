//! The largest uses of an account's credit.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::Spending;
use crate::amount::Amount;
use crate::clock::Timestamp;

/// Where an account's credit went: its largest uses by one label, over a span of time.
///
/// Only for the account's owner: the values of its labels are in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopUses {
    pub(crate) label: Box<str>,
    pub(crate) uses: Vec<TopUse>,
    pub(crate) total: Amount,
    pub(crate) since: Timestamp,
}

/// One of the largest uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopUse {
    pub(crate) value: Option<Box<str>>,
    pub(crate) spent: Amount,
}

impl Spending {
    /// The largest uses by the label that it tells apart, from the row in which `since` lies until now: at most `count`,
    /// and never more than [`TopUses::MAX`].
    ///
    /// Refunds are taken off where they are labelled and booked. A use of which more came back than went is left out, and
    /// is not in the [`total`](TopUses::total) either, so the uses are parts of it. What lacks the label is one use as
    /// well. Uses of the same size are in the order of their values, the one without a value first.
    ///
    /// `None` if no label is told apart, nothing was spent, or some of it found no room in the [rows](Self::rows) and so
    /// cannot be told apart either. Where history was [folded](Self::folded_until), it begins there, and says so.
    ///
    /// ```
    /// use billing_guard::{
    ///     AccountId, Bin, Labels, Ledger, LedgerExt, MemoryLedger, PostKind, PostRequest, Spending, Timestamp, Unit, wait,
    /// };
    ///
    /// let (usd, ledger, account) = (Unit::new("USD", 2)?, MemoryLedger::new(), AccountId::new("acct_1")?);
    /// wait(ledger.top_up(&account, "payment-1".parse()?, usd.amount("10")?))?;
    /// for (key, user, price) in [("a", "ana", "2.50"), ("b", "ben", "1"), ("c", "cleo", "4")] {
    ///     let charge = PostRequest::new(account.clone(), key.parse()?, PostKind::Charge, usd.amount(price)?);
    ///     wait(ledger.post(charge.with_labels(Labels::new([("user", user)])?)))?;
    /// }
    /// let mut spending = Spending::new(usd, Bin::Day).by_label("user")?;
    /// spending.add(&wait(ledger.statement(spending.next_request(&account)))?)?;
    ///
    /// let top = spending.top_uses(Timestamp::default(), 2).ok_or("nothing was spent")?;
    /// let uses: Vec<_> = top.uses().iter().map(|one| (one.value(), one.spent())).collect();
    /// assert_eq!(uses, [(Some("cleo"), usd.amount("4")?), (Some("ana"), usd.amount("2.50")?)]);
    /// assert_eq!((top.label(), top.total()), ("user", usd.amount("7.50")?));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn top_uses(&self, since: Timestamp, count: usize) -> Option<TopUses> {
        self.top_uses_until(since, Timestamp::MAX, count)
    }

    /// The same of rows that begin before `until`.
    pub(super) fn top_uses_until(&self, since: Timestamp, until: Timestamp, count: usize) -> Option<TopUses> {
        let label = self.label.clone().filter(|_| !self.is_full())?;
        let since = self.start_of(since).min(until);
        let mut by_value = BTreeMap::<Option<&str>, i128>::new();
        for ((_, value), sums) in self.rows.range((since, None)..(until, None)) {
            let net = i128::from(sums.charged).saturating_sub(sums.refunded.into());
            let sum = by_value.entry(value.as_deref()).or_default();
            *sum = sum.saturating_add(net);
        }
        by_value.retain(|_, spent| *spent > 0);
        let total = by_value.values().fold(0_i128, |sum, spent| sum.saturating_add(*spent));
        let amount = |steps: i128| self.unit.minor(i64::try_from(steps).unwrap_or(i64::MAX));
        let mut uses: Vec<_> = by_value.into_iter().collect();
        // A stable sort: what is equal stays in the order of the map.
        uses.sort_by_key(|(_, spent)| Reverse(*spent));
        let uses: Vec<TopUse> = uses
            .into_iter()
            .map(|(value, spent)| TopUse { value: value.map(Box::from), spent: amount(spent) })
            .take(count.min(TopUses::MAX))
            .collect();
        let since = self.folded_until.map_or(since, |until| until.max(since));
        (total > 0).then(|| TopUses { label, uses, total: amount(total), since })
    }
}

impl TopUses {
    /// The most uses that are listed.
    pub const MAX: usize = 10;

    /// The label by which they are told apart, such as `user`.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }

    /// The uses, the largest first.
    #[must_use]
    pub fn uses(&self) -> &[TopUse] {
        &self.uses
    }

    /// What was spent in all since then, the uses that are not listed included.
    #[must_use]
    pub const fn total(&self) -> Amount {
        self.total
    }

    /// Since when.
    #[must_use]
    pub const fn since(&self) -> Timestamp {
        self.since
    }
}

impl TopUse {
    /// The label's value; `None` for what was spent without that label.
    #[must_use]
    pub fn value(&self) -> Option<&str> {
        self.value.as_deref()
    }

    /// What was spent on it, refunds taken off.
    #[must_use]
    pub const fn spent(&self) -> Amount {
        self.spent
    }
}
