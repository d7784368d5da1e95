//! What a capture did.

use crate::amount::{Amount, Unit};
use crate::hold::HoldStatus;

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
