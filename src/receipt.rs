//! What was charged in the end.

use std::sync::Arc;

use crate::account::Applied;
use crate::amount::{Amount, Unit};
use crate::captured::Captured;
use crate::notice::Notice;
use crate::price::{Line, Tariff};
use crate::usage::Usage;

/// What a piece of work was charged, for the host and its customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    pub(crate) settled: Applied<Captured>,
    pub(crate) booked: bool,
    pub(crate) notices: Vec<Notice>,
    pub(crate) work: Option<PricedWork>,
}

/// What was priced, and by which tariff: all there is to know for itemising it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PricedWork {
    pub(crate) tariff: Arc<Tariff>,
    pub(crate) usage: Usage,
    pub(crate) unit: Unit,
}

impl Receipt {
    /// What the work was charged in all. The same when the request is repeated.
    #[must_use]
    pub const fn charged(&self) -> Amount {
        self.settled.value.captured()
    }

    /// What that is made of. The lines sum exactly to what the work cost, which is what was charged and what was
    /// [not collected](Self::uncollected) together. They are computed when asked for. None for work without a price, which
    /// only a guard that observes lets run.
    ///
    /// ```
    /// # use billing_guard::{AccountId, Guard, Job, Tariff, Unit, Usage, wait};
    /// # let usd = Unit::new("USD", 2)?;
    /// # let account = AccountId::new("acct_1")?;
    /// let guard = Guard::in_memory(usd).price("query", Tariff::new().fixed("0.50")?.per_unit("rows", "0.01")?).build()?;
    /// wait(guard.top_up(&account, "payment-1".parse()?, usd.amount("5")?))?;
    /// let mut hold = wait(guard.hold(&account, Job::new("query").at_most("rows", 200_u64)))?;
    /// let receipt = wait(hold.capture(&Usage::new().with("rows", 120_u64)))?;
    /// let lines: Vec<_> = receipt.lines().iter().map(|line| format!("{} {}: {}", line.quantity, line.why, line.amount)).collect();
    /// assert_eq!(lines, ["1 per request: 0.5 USD/2", "120 each: 1.2 USD/2"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn lines(&self) -> Vec<Line> {
        let lines = self.work.as_ref().map(|work| work.tariff.charge_lines(&work.usage, work.unit));
        // It was priced before, so it can be again.
        lines.and_then(Result::ok).unwrap_or_default()
    }

    /// What it cost beyond that and could not be collected: see [`OverCapture`](crate::OverCapture).
    #[must_use]
    pub const fn uncollected(&self) -> Amount {
        self.settled.value.uncollected()
    }

    /// What had been held, was not needed, and is free again.
    #[must_use]
    pub const fn freed(&self) -> Amount {
        self.settled.value.freed()
    }

    /// What is available now.
    #[must_use]
    pub const fn available(&self) -> Amount {
        self.settled.available_after()
    }

    /// Whether the hold had expired before it was captured.
    #[must_use]
    pub const fn is_late(&self) -> bool {
        self.settled.value.late
    }

    /// Whether this is the answer to an earlier request with the same key.
    #[must_use]
    pub fn is_replay(&self) -> bool {
        self.settled.is_replay()
    }

    /// Whether it stands in the books. It does not for work that ran only because the guard observes
    /// ([`Enforcement::Observe`](crate::Enforcement::Observe)) and would otherwise have been refused.
    #[must_use]
    pub const fn is_booked(&self) -> bool {
        self.booked
    }

    /// The change's number in the account's sequence; 0 if it is not booked.
    #[must_use]
    pub const fn seq(&self) -> u64 {
        self.settled.seq
    }

    /// What the customer should be told now.
    #[must_use]
    pub fn notices(&self) -> &[Notice] {
        &self.notices
    }
}
