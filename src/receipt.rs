//! What was charged in the end.

use crate::account::Applied;
use crate::amount::{Amount, Unit};
use crate::hold::HoldStatus;
use crate::notice::Notice;

/// What a capture did, as a ledger answers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Captured {
    pub(crate) unit: Unit,
    pub(crate) charged: i64,
    pub(crate) captured: i64,
    pub(crate) uncollected: i64,
    pub(crate) freed: i64,
    pub(crate) status: HoldStatus,
    pub(crate) late: bool,
}

impl Captured {
    /// What this capture charged; nothing for a replay.
    #[must_use]
    pub const fn charged(&self) -> Amount {
        self.unit.minor(self.charged)
    }

    /// What the hold's captures charged together.
    #[must_use]
    pub const fn captured(&self) -> Amount {
        self.unit.minor(self.captured)
    }

    /// What could not be collected of the total named.
    #[must_use]
    pub const fn uncollected(&self) -> Amount {
        self.unit.minor(self.uncollected)
    }

    /// What was set aside, not needed, and is free again.
    #[must_use]
    pub const fn freed(&self) -> Amount {
        self.unit.minor(self.freed)
    }

    /// Where the hold is now.
    #[must_use]
    pub const fn status(&self) -> HoldStatus {
        self.status
    }

    /// Whether the hold had expired before.
    #[must_use]
    pub const fn is_late(&self) -> bool {
        self.late
    }
}

/// What a piece of work was charged, for the host and its customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    pub(crate) settled: Applied<Captured>,
    pub(crate) booked: bool,
    pub(crate) notices: Vec<Notice>,
}

impl Receipt {
    /// What the work was charged in all. The same when the request is repeated.
    #[must_use]
    pub const fn charged(&self) -> Amount {
        self.settled.value.captured()
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
