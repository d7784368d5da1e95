//! Entries: the history of an account, one for each change of what is posted.

use std::sync::Arc;

use crate::amount::{Amount, Unit};
use crate::cap::Counted;
use crate::clock::Timestamp;
use crate::content::Declared;
use crate::few::Few;
use crate::grant::{Draw, GrantTerms, Movement};
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
    /// What was left of credit that ended.
    Expiry,
}

impl EntryKind {
    /// The word for it: `opening`, `grant`, `top-up`, `charge`, `refund`, `adjustment`, `expiry`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Opening => "opening",
            Self::Grant => "grant",
            Self::TopUp => "top-up",
            Self::Charge => "charge",
            Self::Refund => "refund",
            Self::Adjustment => "adjustment",
            Self::Expiry => "expiry",
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
    /// What time did: the start or end of credit. Such an entry has the key of the grant; none is found by it.
    Time,
}

impl Operation {
    /// The word for it: `hold`, `charge`, `credit`, `time`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hold => "hold",
            Self::Charge => "charge",
            Self::Credit => "credit",
            Self::Time => "time",
        }
    }

    /// Whether entries of it are found by their key: those made in one step.
    pub(crate) const fn is_posted(self) -> bool {
        matches!(self, Self::Charge | Self::Credit)
    }
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
    pub(crate) kind: EntryKind,
    pub(crate) operation: Operation,
    pub(crate) late: bool,
    pub(crate) movements: Few<Movement>,
    /// What most entries have not.
    pub(crate) detail: Option<Arc<Detail>>,
}

/// What only some entries have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Detail {
    pub(crate) of: Option<Box<ChargeRef>>,
    pub(crate) effective_at: Option<Timestamp>,
    pub(crate) credit: Option<Box<Credit>>,
    /// For a posted charge that drew on more than plain credit.
    pub(crate) draws: Few<Draw>,
    pub(crate) counted: Vec<Counted>,
}

/// The credit that an entry is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Credit {
    /// As they were asked for.
    pub(crate) terms: GrantTerms,
    /// The amount that was asked for.
    pub(crate) named: i64,
    /// The grant it went to; none for plain credit.
    pub(crate) grant: Option<u64>,
}

impl Detail {
    /// As an entry keeps it: nothing if there is nothing in it.
    pub(crate) fn kept(self) -> Option<Arc<Self>> {
        (self != Self::default()).then(|| Arc::new(self))
    }
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

    /// The key of the hold it captured, if it did.
    #[must_use]
    pub fn hold(&self) -> Option<&IdempotencyKey> {
        (self.operation == Operation::Hold).then_some(&self.key)
    }

    /// From when it has effect: for the start or end of credit the moment stated, for anything else when it was booked.
    #[must_use]
    pub fn effective_at(&self) -> Timestamp {
        self.detail.as_ref().and_then(|detail| detail.effective_at).unwrap_or(self.booked_at)
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
        self.detail.as_ref().and_then(|detail| detail.of.as_deref())
    }

    /// What it did to grants, each at most once; the rest of its amount it did to plain credit, or to debt.
    #[must_use]
    pub fn movements(&self) -> &[Movement] {
        &self.movements
    }

    /// For a posted charge: what it drew from which credit; empty if all of it was plain.
    #[must_use]
    pub fn draws(&self) -> &[Draw] {
        self.detail.as_ref().map_or(&[], |detail| &detail.draws)
    }

    /// The counters that counted it, and with what.
    #[must_use]
    pub fn counted(&self) -> &[Counted] {
        self.detail.as_ref().map_or(&[], |detail| &detail.counted)
    }

    pub(crate) fn credit(&self) -> Option<&Credit> {
        self.detail.as_ref().and_then(|detail| detail.credit.as_deref())
    }

    /// The [id](crate::Grant::id) of the grant that it made, started or ended, if it is about one. One that merged has
    /// the id of the grant it merged with.
    #[must_use]
    pub fn grant(&self) -> Option<u64> {
        self.credit().and_then(|credit| credit.grant)
    }

    /// The terms of the credit that it booked, started or ended, if they are more than those of plain credit.
    #[must_use]
    pub fn terms(&self) -> Option<&GrantTerms> {
        self.credit().map(|credit| &credit.terms)
    }

    /// The amount of credit that was asked for, where that is not what it added: credit that starts later adds nothing
    /// yet, a renewal only the difference.
    #[must_use]
    pub fn named(&self) -> Amount {
        self.unit.minor(self.credit().map_or(self.amount, |credit| credit.named))
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
