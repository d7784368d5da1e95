//! Entries: the history of an account, one for each change of what is posted.

use crate::amount::{Amount, Unit};
use crate::clock::Timestamp;
use crate::content::Declared;
use crate::id::{IdempotencyKey, Labels};

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EntryKind {
    /// Older history that is no longer kept, folded into one sum.
    Opening,
    /// Credit given.
    Grant,
    /// Credit bought.
    TopUp,
    /// Work paid for: the capture of a hold, or a charge in one step.
    Charge,
    /// A charge given back, in whole or in part.
    Refund,
    /// A correction either way, such as a chargeback.
    Adjustment,
}

impl EntryKind {
    /// The word for it: `opening`, `grant`, `top-up`, `charge`, `refund`, `adjustment`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Opening => "opening",
            Self::Grant => "grant",
            Self::TopUp => "top-up",
            Self::Charge => "charge",
            Self::Refund => "refund",
            Self::Adjustment => "adjustment",
        }
    }
}

/// Which of an account's sets of idempotency keys a key belongs to. They are apart, so that a key which a customer
/// chose for its work is never in the way of the payment provider's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// Holds.
    Hold,
    /// Charges in one step.
    Charge,
    /// Grants, top-ups, refunds and adjustments.
    Credit,
}

/// The charge that a refund gives back.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ChargeRef {
    /// What was captured from the hold with this key.
    Hold(IdempotencyKey),
    /// The charge posted with this key.
    Charge(IdempotencyKey),
}

/// One line of an account's history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub(crate) key: IdempotencyKey,
    pub(crate) declared: Declared,
    pub(crate) unit: Unit,
    pub(crate) seq: u64,
    pub(crate) booked_at: Timestamp,
    /// Signed: what it does to what is posted.
    pub(crate) amount: i64,
    pub(crate) posted_after: i64,
    pub(crate) uncollected: i64,
    pub(crate) refunded: i64,
    pub(crate) of: Option<Box<ChargeRef>>,
    pub(crate) kind: EntryKind,
    pub(crate) operation: Operation,
    pub(crate) late: bool,
}

impl Entry {
    /// Its place in the account's sequence of changes.
    #[must_use]
    pub const fn seq(&self) -> u64 {
        self.seq
    }

    /// What it is.
    #[must_use]
    pub const fn kind(&self) -> EntryKind {
        self.kind
    }

    /// The key it was made with; the hold's key for a capture.
    #[must_use]
    pub const fn key(&self) -> &IdempotencyKey {
        &self.key
    }

    /// Whether it came from a hold, or which kind of posting it was: the set that its key belongs to.
    #[must_use]
    pub const fn operation(&self) -> Operation {
        self.operation
    }

    /// When it was booked, on the ledger's clock.
    #[must_use]
    pub const fn booked_at(&self) -> Timestamp {
        self.booked_at
    }

    /// What it added to the posted balance; negative for a charge.
    #[must_use]
    pub const fn amount(&self) -> Amount {
        self.unit.minor(self.amount)
    }

    /// What was posted after it.
    #[must_use]
    pub const fn balance_after(&self) -> Amount {
        self.unit.minor(self.posted_after)
    }

    /// What this capture could not collect; negative where it collected what an earlier one could not.
    #[must_use]
    pub const fn uncollected(&self) -> Amount {
        self.unit.minor(self.uncollected)
    }

    /// How much of this posted charge has been refunded since.
    #[must_use]
    pub const fn refunded(&self) -> Amount {
        self.unit.minor(self.refunded)
    }

    /// For a refund: the charge it gives back.
    #[must_use]
    pub fn refund_of(&self) -> Option<&ChargeRef> {
        self.of.as_deref()
    }

    /// Whether it was captured after its hold had expired.
    #[must_use]
    pub const fn is_late(&self) -> bool {
        self.late
    }

    /// The labels of the hold or posting.
    #[must_use]
    pub fn labels(&self) -> Labels {
        self.declared.labels()
    }
}
