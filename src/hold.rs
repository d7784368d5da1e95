//! A hold: money set aside for one piece of work, named by its account and idempotency key.

use std::sync::Arc;

use crate::amount::{Amount, Unit};
use crate::cap::Counted;
use crate::clock::Timestamp;
use crate::content::{Content, Declared};
use crate::few::Few;
use crate::grant::Draw;
use crate::id::{IdempotencyKey, Labels};
use crate::limits::Limits;

/// Where a hold is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HoldStatus {
    /// Money is set aside. Lasts until the hold is captured, voided or released at its end plus grace.
    Open,
    /// Settled for good; what was not used is free again.
    Captured,
    /// Given back without a charge; nothing can be captured any more.
    Voided,
    /// Its time ended and the rest was freed. A late capture is possible by policy.
    Expired,
}

impl HoldStatus {
    /// The word for it, as in logs: `open`, `captured`, `voided`, `expired`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Captured => "captured",
            Self::Voided => "voided",
            Self::Expired => "expired",
        }
    }
}

/// What to do when work cost more than its hold covers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OverCapture {
    /// Refuse the capture; the hold stands.
    Reject,
    /// Charge the excess as far as the balance goes; the rest is recorded as uncollected.
    #[default]
    UpToAvailable,
    /// Charge the excess as far as the balance and the debt limit go; the rest is recorded as uncollected.
    Debt,
}

/// What to do when a capture comes after its hold was released.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LateCapture {
    /// Refuse it.
    Reject,
    /// Charge as far as the balance goes; the rest is recorded as uncollected.
    #[default]
    IfAvailable,
    /// Charge as far as the balance and the debt limit go; the rest is recorded as uncollected.
    Debt,
}

/// A hold as it stands.
#[doc(alias = "authorize")]
#[doc(alias = "reservation")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoldState {
    pub(crate) key: IdempotencyKey,
    /// What the caller declared beside the amounts; boxed away since most holds made by hand have none.
    pub(crate) declared: Declared,
    pub(crate) unit: Unit,
    pub(crate) requested: i64,
    pub(crate) minimum: i64,
    pub(crate) total: i64,
    pub(crate) captured: i64,
    /// The absolute total last named by a capture, collected or not.
    pub(crate) settled: i64,
    pub(crate) refunded: i64,
    pub(crate) opened_at: Timestamp,
    pub(crate) ends_at: Timestamp,
    pub(crate) release_at: Timestamp,
    pub(crate) rev: u32,
    pub(crate) status: HoldStatus,
    pub(crate) late: bool,
    /// What it drew on, in the order in which it did; nothing if all of it is plain credit.
    pub(crate) draws: Few<Draw>,
    /// What counts it.
    pub(crate) counted: Option<Arc<Vec<Counted>>>,
}

impl HoldState {
    /// The key that names it, together with its account.
    #[must_use]
    pub const fn key(&self) -> &IdempotencyKey {
        &self.key
    }

    /// Where it is in its life.
    #[must_use]
    pub const fn status(&self) -> HoldStatus {
        self.status
    }

    /// Its revision, for [`resize`](crate::Ledger::resize): one more after each change.
    #[must_use]
    pub const fn rev(&self) -> u32 {
        self.rev
    }

    /// What the request asked to hold.
    #[must_use]
    pub const fn requested(&self) -> Amount {
        self.unit.minor(self.requested)
    }

    /// What the hold covers: what was granted of the request, or the last resize.
    #[must_use]
    pub const fn total(&self) -> Amount {
        self.unit.minor(self.total)
    }

    /// What has been charged from it so far.
    #[must_use]
    pub const fn captured(&self) -> Amount {
        self.unit.minor(self.captured)
    }

    /// What is still set aside: nothing once it is closed.
    #[must_use]
    pub fn reserved(&self) -> Amount {
        self.unit.minor(self.reserve())
    }

    /// What captures named that could not be collected.
    #[must_use]
    pub fn uncollected(&self) -> Amount {
        self.unit.minor(self.settled.saturating_sub(self.captured).max(0))
    }

    /// What has been given back of what was captured.
    #[must_use]
    pub const fn refunded(&self) -> Amount {
        self.unit.minor(self.refunded)
    }

    /// When it was made.
    #[must_use]
    pub const fn opened_at(&self) -> Timestamp {
        self.opened_at
    }

    /// When the work should be done by.
    #[must_use]
    pub const fn ends_at(&self) -> Timestamp {
        self.ends_at
    }

    /// When the money may be freed: the end plus the grace.
    #[must_use]
    pub const fn release_at(&self) -> Timestamp {
        self.release_at
    }

    /// Whether something was captured after the hold had expired.
    #[must_use]
    pub const fn is_late(&self) -> bool {
        self.late
    }

    /// The labels it was made with.
    #[must_use]
    pub fn labels(&self) -> Labels {
        self.declared.labels()
    }

    /// The content it was declared with, empty if it is known by its amounts alone.
    #[must_use]
    pub fn content(&self) -> Content {
        self.declared.content()
    }

    /// What it drew from which credit, in the order in which it did; empty if all of it is plain credit.
    #[must_use]
    pub fn draws(&self) -> &[Draw] {
        &self.draws
    }

    /// The counters that count it, and with what.
    #[must_use]
    pub fn counted(&self) -> &[Counted] {
        self.counted.as_ref().map_or(&[], |counted| counted)
    }

    /// Until when its key is kept if it is closed at `now`: for max(lifetime + grace, 24 h).
    pub(crate) fn kept_until(&self, now: Timestamp) -> Timestamp {
        let lifetime_and_grace = self.release_at.saturating_since(self.opened_at);
        now.saturating_add(lifetime_and_grace.max(Limits::KEY_RETENTION))
    }

    /// Whether money is set aside for it.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.status == HoldStatus::Open
    }

    /// What this hold adds to the account's `held`.
    pub(crate) fn reserve(&self) -> i64 {
        if self.is_open() { self.total.saturating_sub(self.captured).max(0) } else { 0 }
    }
}
