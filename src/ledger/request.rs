//! What can be asked of a ledger: one owned, cheap-to-clone request for each method.

mod reads;

pub use reads::{
    BalanceRequest, CountersRequest, FindRequest, HoldsCursor, HoldsRequest, Order, StatementRequest,
    SweepRequest,
};
pub(crate) use reads::{check_page, check_sweep};

use std::time::Duration;

use crate::amount::Amount;
use crate::cap::Caps;
use crate::content::Content;
use crate::entry::{ChargeRef, EntryKind, Operation};
use crate::grant::{GrantKind, GrantTerms};
use crate::hold::{LateCapture, OverCapture};
use crate::id::{AccountId, IdempotencyKey, Labels};
use crate::limits::Limits;

/// Asks for an amount to be set aside. See [`Ledger::hold`](crate::Ledger::hold).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HoldRequest {
    /// Whose money.
    pub account: AccountId,
    /// The hold's name; the same again is the same hold.
    pub key: IdempotencyKey,
    /// How much. Not negative.
    pub amount: Amount,
    /// The least that will do if not all is there: then all that is there is held. The amount itself by default.
    pub minimum: Amount,
    /// How long the work may take: 1 ms to 30 days, 5 minutes by default.
    pub lifetime: Duration,
    /// How long after its end the hold is kept: up to a day, 30 seconds by default.
    pub grace: Duration,
    /// How far below zero the hold may take what is available. Not negative; nothing by default.
    pub debt_limit: Amount,
    /// The spend caps it has to fit under, and the counters that count it.
    pub caps: Caps,
    /// What the request is, for telling a repeated key from a reused one.
    pub content: Content,
    /// Labels, kept on the hold and its entries.
    pub labels: Labels,
}

impl HoldRequest {
    /// Asks for all of `amount` or nothing, with the default lifetime and grace and no debt.
    #[must_use]
    pub fn new(account: AccountId, key: IdempotencyKey, amount: Amount) -> Self {
        Self {
            account,
            key,
            amount,
            minimum: amount,
            lifetime: Limits::DEFAULT_LIFETIME,
            grace: Limits::DEFAULT_GRACE,
            debt_limit: amount.unit().zero(),
            caps: Caps::NONE,
            content: Content::default(),
            labels: Labels::default(),
        }
    }

    /// Accepts less, down to this much.
    #[must_use]
    pub fn with_minimum(mut self, minimum: Amount) -> Self {
        self.minimum = minimum;
        self
    }

    /// Sets the lifetime.
    #[must_use]
    pub fn with_lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// Sets the grace.
    #[must_use]
    pub fn with_grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Sets the debt limit.
    #[must_use]
    pub fn with_debt_limit(mut self, debt_limit: Amount) -> Self {
        self.debt_limit = debt_limit;
        self
    }

    /// Sets the caps.
    #[must_use]
    pub fn with_caps(mut self, caps: Caps) -> Self {
        self.caps = caps;
        self
    }

    /// Declares what the request is.
    #[must_use]
    pub fn with_content(mut self, content: Content) -> Self {
        self.content = content;
        self
    }

    /// Sets the labels.
    #[must_use]
    pub fn with_labels(mut self, labels: Labels) -> Self {
        self.labels = labels;
        self
    }
}

/// Asks for an open hold to cover another amount, to last longer, or both. See
/// [`Ledger::resize`](crate::Ledger::resize).
///
/// ```
/// # use billing_guard::*;
/// # let usd = Unit::new("USD", 2)?;
/// # let (ledger, account) = (MemoryLedger::new(), AccountId::new("acct_1")?);
/// # wait(ledger.top_up(&account, "payment-1".parse()?, usd.amount("10")?))?;
/// let hold = wait(ledger.hold_amount(&account, "req-1".parse()?, usd.amount("3")?))?.into_value();
/// let more = ResizeRequest::new(account, "req-1".parse()?, hold.rev()).with_total(usd.amount("5")?);
/// assert_eq!(wait(ledger.resize(more.clone()))?.value().total(), usd.amount("5")?);
/// // The hold has changed since: the same again says so, and with what.
/// assert!(matches!(wait(ledger.resize(more)), Err(LedgerError::Superseded(now)) if now.rev() == 2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResizeRequest {
    /// Whose hold.
    pub account: AccountId,
    /// Which hold.
    pub key: IdempotencyKey,
    /// The revision this was decided on; any other and the answer is
    /// [`Superseded`](crate::LedgerError::Superseded) with the present state.
    pub rev: u32,
    /// What it should cover in all, captures included.
    pub total: Option<Amount>,
    /// How much longer it should last from now, at least. Never shortens it.
    pub lifetime: Option<Duration>,
    /// How far below zero growth may take what is available. Nothing by default.
    pub debt_limit: Option<Amount>,
    /// The spend caps that growth has to fit under. It counts in the present period: of these, and of everything that
    /// the hold itself counts in.
    pub caps: Caps,
}

impl ResizeRequest {
    /// Asks for nothing yet: add a total, a lifetime or both.
    #[must_use]
    pub fn new(account: AccountId, key: IdempotencyKey, rev: u32) -> Self {
        Self { account, key, rev, total: None, lifetime: None, debt_limit: None, caps: Caps::NONE }
    }

    /// Sets what it should cover in all.
    #[must_use]
    pub fn with_total(mut self, total: Amount) -> Self {
        self.total = Some(total);
        self
    }

    /// Sets how much longer it should last.
    #[must_use]
    pub fn with_lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = Some(lifetime);
        self
    }

    /// Sets the debt limit.
    #[must_use]
    pub fn with_debt_limit(mut self, debt_limit: Amount) -> Self {
        self.debt_limit = Some(debt_limit);
        self
    }

    /// Sets the caps.
    #[must_use]
    pub fn with_caps(mut self, caps: Caps) -> Self {
        self.caps = caps;
        self
    }
}

/// Whether more captures of the same hold will follow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum CaptureMode {
    /// More may follow; the rest stays held.
    Partial,
    /// The last one: the hold is closed and the rest is free.
    #[default]
    Final,
}

/// Asks for a hold to be charged. See [`Ledger::capture`](crate::Ledger::capture).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CaptureRequest {
    /// Whose hold.
    pub account: AccountId,
    /// Which hold.
    pub key: IdempotencyKey,
    /// What its captures should come to in all: an absolute total, so that a repeated capture charges once.
    pub total: Amount,
    /// Whether it is the last.
    pub mode: CaptureMode,
    /// What to do with a total above the hold.
    pub over: OverCapture,
    /// What to do if the hold was released already.
    pub late: LateCapture,
    /// How far below zero the `Debt` choices may go. Nothing by default.
    pub debt_limit: Amount,
    /// Whether nobody will read the reply. Then it tells nobody how low the balance is: that is left to the next work. Not so
    /// by default.
    pub unheard: bool,
}

impl CaptureRequest {
    /// A final capture with the default choices and no debt.
    #[must_use]
    pub fn new(account: AccountId, key: IdempotencyKey, total: Amount) -> Self {
        Self {
            account,
            key,
            total,
            mode: CaptureMode::default(),
            over: OverCapture::default(),
            late: LateCapture::default(),
            debt_limit: total.unit().zero(),
            unheard: false,
        }
    }

    /// Sets whether it is the last.
    #[must_use]
    pub fn with_mode(mut self, mode: CaptureMode) -> Self {
        self.mode = mode;
        self
    }

    /// Sets what to do with a total above the hold.
    #[must_use]
    pub fn with_over(mut self, over: OverCapture) -> Self {
        self.over = over;
        self
    }

    /// Sets what to do if the hold was released already.
    #[must_use]
    pub fn with_late(mut self, late: LateCapture) -> Self {
        self.late = late;
        self
    }

    /// Sets the debt limit.
    #[must_use]
    pub fn with_debt_limit(mut self, debt_limit: Amount) -> Self {
        self.debt_limit = debt_limit;
        self
    }

    /// Says that nobody will read the reply, so that what there is to [tell](crate::Applied::lowest_told) is left to the next
    /// work.
    #[must_use]
    pub fn unheard(mut self) -> Self {
        self.unheard = true;
        self
    }
}

/// Asks for a hold to be given back. See [`Ledger::void`](crate::Ledger::void).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct VoidRequest {
    /// Whose hold.
    pub account: AccountId,
    /// Which hold.
    pub key: IdempotencyKey,
}

impl VoidRequest {
    /// Asks for this hold to be given back.
    #[must_use]
    pub fn new(account: AccountId, key: IdempotencyKey) -> Self {
        Self { account, key }
    }
}

/// What a refund does with credit that has ended since it was charged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EndedCredit {
    /// What was bought can be used again for [30 days](Limits::REVIVAL); what was given is booked, and as ended at once.
    #[default]
    ByKind,
    /// It can be used again for so long: 1 ms to 366 days.
    Revive(Duration),
    /// It is booked, and as ended at once.
    Expire,
}

/// What an entry made in one step is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PostKind {
    /// Credit on these terms: a top-up if it was bought, else a grant. More than nothing; for a renewal not negative.
    Credit(GrantTerms),
    /// Work paid for, if the balance suffices. Not negative.
    Charge,
    /// A charge given back in whole or in part. More than nothing, at most what is left of the charge.
    Refund {
        /// Which charge.
        of: ChargeRef,
        /// What to do with credit that has ended since.
        ended: EndedCredit,
    },
    /// A correction either way, not zero. A negative one may take the balance below zero, as a chargeback does.
    Adjustment,
}

impl PostKind {
    /// Plain credit that was bought.
    #[must_use]
    pub const fn top_up() -> Self {
        Self::Credit(GrantTerms::paid())
    }

    /// A refund of a charge, where what was bought and has ended since revives.
    #[must_use]
    pub const fn refund(of: ChargeRef) -> Self {
        Self::Refund { of, ended: EndedCredit::ByKind }
    }

    /// The set of keys that its key belongs to.
    #[must_use]
    pub const fn operation(&self) -> Operation {
        match self {
            Self::Charge => Operation::Charge,
            Self::Credit(_) | Self::Refund { .. } | Self::Adjustment => Operation::Credit,
        }
    }

    /// The kind of the entry it makes.
    #[must_use]
    pub const fn entry_kind(&self) -> EntryKind {
        match self {
            Self::Credit(GrantTerms { kind: GrantKind::Paid, .. }) => EntryKind::TopUp,
            Self::Credit(_) => EntryKind::Grant,
            Self::Charge => EntryKind::Charge,
            Self::Refund { .. } => EntryKind::Refund,
            Self::Adjustment => EntryKind::Adjustment,
        }
    }
}

/// Asks for an entry in one step. See [`Ledger::post`](crate::Ledger::post).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PostRequest {
    /// Whose account.
    pub account: AccountId,
    /// The entry's key. Charges have keys of their own, and so have all other postings: a hold, a charge and a top-up may
    /// have the same.
    pub key: IdempotencyKey,
    /// What it is.
    pub kind: PostKind,
    /// How much: as it is called, so a charge of 5 is positive. Only an adjustment may be negative.
    pub amount: Amount,
    /// How far below zero a charge may take what is available. Nothing by default.
    pub debt_limit: Amount,
    /// The spend caps a charge has to fit under, and the counters that count it.
    pub caps: Caps,
    /// What the request is, for telling a repeated key from a reused one.
    pub content: Content,
    /// Labels, kept on the entry.
    pub labels: Labels,
}

impl PostRequest {
    /// Asks for this entry, with no debt.
    #[must_use]
    pub fn new(account: AccountId, key: IdempotencyKey, kind: PostKind, amount: Amount) -> Self {
        Self {
            account,
            key,
            kind,
            amount,
            debt_limit: amount.unit().zero(),
            caps: Caps::NONE,
            content: Content::default(),
            labels: Labels::default(),
        }
    }

    /// Sets the debt limit.
    #[must_use]
    pub fn with_debt_limit(mut self, debt_limit: Amount) -> Self {
        self.debt_limit = debt_limit;
        self
    }

    /// Sets the caps of a charge.
    #[must_use]
    pub fn with_caps(mut self, caps: Caps) -> Self {
        self.caps = caps;
        self
    }

    /// Declares what the request is.
    #[must_use]
    pub fn with_content(mut self, content: Content) -> Self {
        self.content = content;
        self
    }

    /// Sets the labels.
    #[must_use]
    pub fn with_labels(mut self, labels: Labels) -> Self {
        self.labels = labels;
        self
    }
}
