//! Grants: credit that an account has, each part with terms of its own, and what work drew from which.

use std::sync::Arc;

use crate::amount::{Amount, Unit};
use crate::clock::Timestamp;
use crate::few::Few;
use crate::id::{IdempotencyKey, Label};
use crate::period::Period;

/// Where credit comes from. Of two grants that end together, the one of the kind named first here is used first:
/// what was given before what was bought.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum GrantKind {
    /// Given so that something can be finished: once per account, label and period.
    Courtesy,
    /// Given away: a campaign, a welcome, a compensation.
    Promotional,
    /// Part of a plan that is paid for otherwise.
    Included,
    /// Bought.
    Paid,
}

impl GrantKind {
    /// The word for it: `courtesy`, `promotional`, `included`, `paid`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Courtesy => "courtesy",
            Self::Promotional => "promotional",
            Self::Included => "included",
            Self::Paid => "paid",
        }
    }
}

/// On what terms credit is booked: see [`PostKind::Credit`](crate::PostKind::Credit).
///
/// Credit that was bought and has no further terms is **plain**: it never ends, and all of it is one. Anything else is
/// a grant of its own, of which an account has at most [32](crate::Limits::MAX_GRANTS) at a time; grants on equal terms merge.
///
/// ```
/// use billing_guard::{GrantTerms, Timestamp};
///
/// let plain = GrantTerms::paid();
/// let campaign = GrantTerms::promotional()
///     .with_label("Spring campaign".parse()?)
///     .ending_at(Timestamp::from_micros(1_780_000_000_000_000));
/// # let _ = (plain, campaign);
/// # Ok::<(), billing_guard::IdError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct GrantTerms {
    /// Where it comes from.
    pub kind: GrantKind,
    /// What is used first: lower before higher. [`DEFAULT_PRIORITY`](Self::DEFAULT_PRIORITY) unless stated.
    pub priority: u8,
    /// From when it can be used; at once unless stated. Until then it is in no balance.
    pub starts_at: Option<Timestamp>,
    /// From when it can no longer be used, except by holds that drew on it before. Never unless stated.
    pub ends_at: Option<Timestamp>,
    /// What people know it by.
    pub label: Option<Label>,
    /// Makes it a renewal: see [`renewing_up_to`](Self::renewing_up_to).
    pub rollover: Option<Amount>,
    /// For a courtesy: how often it can be given.
    pub once_per: Option<Period>,
}

impl GrantTerms {
    /// The priority where none is stated, and that of plain credit.
    pub const DEFAULT_PRIORITY: u8 = 128;

    const fn new(kind: GrantKind) -> Self {
        Self {
            kind,
            priority: Self::DEFAULT_PRIORITY,
            starts_at: None,
            ends_at: None,
            label: None,
            rollover: None,
            once_per: None,
        }
    }

    /// Credit that was bought: a top-up.
    #[must_use]
    pub const fn paid() -> Self {
        Self::new(GrantKind::Paid)
    }

    /// Credit that is part of a plan.
    #[must_use]
    pub const fn included() -> Self {
        Self::new(GrantKind::Included)
    }

    /// Credit that is given away.
    #[must_use]
    pub const fn promotional() -> Self {
        Self::new(GrantKind::Promotional)
    }

    /// Credit given so that something can be finished: once per account, label and period. Repeated with the same key it
    /// is a replay; with another key in the same period,
    /// [`CourtesyGiven`](crate::LedgerError::CourtesyGiven).
    #[must_use]
    pub fn courtesy(label: Label, once_per: Period) -> Self {
        Self { label: Some(label), once_per: Some(once_per), ..Self::new(GrantKind::Courtesy) }
    }

    /// Sets what is used first: lower before higher.
    #[must_use]
    pub fn with_priority(mut self, priority: u8) -> Self {
        self.priority = priority;
        self
    }

    /// Sets from when it can be used.
    #[must_use]
    pub fn starting_at(mut self, starts_at: Timestamp) -> Self {
        self.starts_at = Some(starts_at);
        self
    }

    /// Sets from when it can no longer be used.
    #[must_use]
    pub fn ending_at(mut self, ends_at: Timestamp) -> Self {
        self.ends_at = Some(ends_at);
        self
    }

    /// Sets what people know it by.
    #[must_use]
    pub fn with_label(mut self, label: Label) -> Self {
        self.label = Some(label);
        self
    }

    /// Makes it a renewal of the given credit of this kind and label, which rolls over what was left: in one step the
    /// old grants end, and the new one has `min(max, max(amount, what was left))`, the amount being the least.
    ///
    /// What running work holds of the old grants stays with that work and is not counted as left. For credit of a kind that was
    /// given, with a label; it starts at once. A plan of 100 a month that keeps at most 50 unused ones is the plan's 100 in
    /// a grant that ends with the month, and beside it the unused ones renewed with an amount of 0 up to 50.
    #[must_use]
    pub fn renewing_up_to(mut self, max: Amount) -> Self {
        self.rollover = Some(max);
        self
    }

    /// Whether this is plain credit if it starts by `now`.
    pub(crate) fn is_plain(&self, now: Timestamp) -> bool {
        self.kind == GrantKind::Paid
            && self.priority == Self::DEFAULT_PRIORITY
            && self.starts_at.is_none_or(|at| at <= now)
            && self.ends_at.is_none()
            && self.label.is_none()
    }
}

/// What is known of a grant for as long as anything refers to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    /// The sequence number of the change that made it; among equals the lowest is used first.
    pub(crate) id: u64,
    pub(crate) key: IdempotencyKey,
    pub(crate) unit: Unit,
    pub(crate) kind: GrantKind,
    pub(crate) priority: u8,
    pub(crate) starts_at: Option<Timestamp>,
    pub(crate) ends_at: Option<Timestamp>,
    pub(crate) label: Option<Label>,
}

impl Origin {
    /// What is used first: (priority, soonest end, given before bought, oldest).
    pub(crate) fn burn_order(&self) -> (u8, Timestamp, GrantKind, u64) {
        (self.priority, self.ends_at.unwrap_or(Timestamp::MAX), self.kind, self.id)
    }

    /// Whether credit that has started can be told from other such credit only by when it was made.
    pub(crate) fn equals(&self, other: &Self) -> bool {
        (self.kind, self.priority, self.ends_at, &self.label)
            == (other.kind, other.priority, other.ends_at, &other.label)
    }

    /// The terms it was made on, as far as they still matter.
    pub(crate) fn terms(&self) -> GrantTerms {
        GrantTerms {
            priority: self.priority,
            starts_at: self.starts_at,
            ends_at: self.ends_at,
            label: self.label.clone(),
            ..GrantTerms::new(self.kind)
        }
    }

    pub(crate) fn has_ended(&self, now: Timestamp) -> bool {
        self.ends_at.is_some_and(|at| at <= now)
    }
}

/// Where plain credit stands in the order of [`Origin::burn_order`]: the oldest of those on its terms.
pub(crate) const PLAIN_BURNS: (u8, Timestamp, GrantKind, u64) =
    (GrantTerms::DEFAULT_PRIORITY, Timestamp::MAX, GrantKind::Paid, 0);

/// A grant as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    pub(crate) origin: Arc<Origin>,
    pub(crate) original: i64,
    /// What is not used up, what holds drew on it included.
    pub(crate) remaining: i64,
    pub(crate) held: i64,
    pub(crate) started: bool,
}

impl Grant {
    /// Which grant of its account this is: the sequence number of the change that made it.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.origin.id
    }

    /// The key that it was booked with; of several that merged, the first.
    #[must_use]
    pub fn key(&self) -> &IdempotencyKey {
        &self.origin.key
    }

    /// Where it comes from.
    #[must_use]
    pub fn kind(&self) -> GrantKind {
        self.origin.kind
    }

    /// What is used first: lower before higher.
    #[must_use]
    pub fn priority(&self) -> u8 {
        self.origin.priority
    }

    /// What people know it by.
    #[must_use]
    pub fn label(&self) -> Option<&Label> {
        self.origin.label.as_ref()
    }

    /// From when it can be used, if that was stated and in the future.
    #[must_use]
    pub fn starts_at(&self) -> Option<Timestamp> {
        self.origin.starts_at
    }

    /// From when it can no longer be used; never if there is none.
    #[must_use]
    pub fn ends_at(&self) -> Option<Timestamp> {
        self.origin.ends_at
    }

    /// Whether it can be used by now; before, it is in no balance.
    #[must_use]
    pub const fn has_started(&self) -> bool {
        self.started
    }

    /// What was granted, all that merged included. Of a grant that a refund brought back: what that refund
    /// brought.
    #[must_use]
    pub fn original(&self) -> Amount {
        self.origin.unit.minor(self.original)
    }

    /// What is left of it, what open holds drew on it included.
    #[must_use]
    pub fn remaining(&self) -> Amount {
        self.origin.unit.minor(self.remaining)
    }

    /// What open holds drew on it.
    #[must_use]
    pub fn held(&self) -> Amount {
        self.origin.unit.minor(self.held)
    }

    pub(crate) fn free(&self) -> i64 {
        if self.started { self.remaining.saturating_sub(self.held).max(0) } else { 0 }
    }

    /// When it next starts or ends by itself.
    pub(crate) fn next_turn(&self) -> Timestamp {
        let turn = if self.started {
            self.origin.ends_at.filter(|_| self.free() > 0)
        } else {
            self.origin.starts_at
        };
        turn.unwrap_or(Timestamp::MAX)
    }

    /// Whether it counts against the limit.
    pub(crate) fn is_live(&self, now: Timestamp) -> bool {
        !self.origin.has_ended(now)
    }
}

/// The grants of an account in the order in which they are used, without the plain credit. Most accounts have none,
/// and a copy is shared until it is changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Grants(Option<Arc<Book>>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Book {
    /// The earliest [`Grant::next_turn`].
    next_turn: Timestamp,
    list: Few<Grant>,
}

impl Grants {
    pub(crate) const NONE: Self = Self(None);

    pub(crate) fn list(&self) -> &[Grant] {
        self.0.as_ref().map_or(&[], |book| &book.list)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// When the first of them starts or ends by itself.
    pub(crate) fn next_turn(&self) -> Timestamp {
        self.0.as_ref().map_or(Timestamp::MAX, |book| book.next_turn)
    }

    /// Changes the list, and brings it in order again: used-up grants go.
    pub(crate) fn change<T>(&mut self, change: impl FnOnce(&mut Few<Grant>) -> T) -> T {
        let book =
            self.0.get_or_insert_with(|| Arc::new(Book { next_turn: Timestamp::MAX, list: Few::None }));
        let book = Arc::make_mut(book);
        let answer = change(&mut book.list);
        book.list.retain(|grant| grant.remaining > 0);
        if !book.list.is_sorted_by_key(|grant| grant.origin.burn_order()) {
            book.list.sort_unstable_by_key(|grant| grant.origin.burn_order());
        }
        book.next_turn = book.list.iter().map(Grant::next_turn).min().unwrap_or(Timestamp::MAX);
        if book.list.is_empty() {
            self.0 = None;
        }
        answer
    }
}

/// What a piece of work drew from one source of credit, in the order in which it drew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draw {
    /// None for plain credit, and for debt.
    pub(crate) origin: Option<Arc<Origin>>,
    pub(crate) unit: Unit,
    pub(crate) held: i64,
    pub(crate) used: i64,
    pub(crate) refunded: i64,
}

impl Draw {
    pub(crate) const fn none(origin: Option<Arc<Origin>>, unit: Unit) -> Self {
        Self { origin, unit, held: 0, used: 0, refunded: 0 }
    }

    pub(crate) fn id(&self) -> Option<u64> {
        self.origin.as_ref().map(|origin| origin.id)
    }

    /// The [id](Grant::id) of the grant; `None` for plain credit, and for debt.
    #[must_use]
    pub fn grant(&self) -> Option<u64> {
        self.id()
    }

    /// The kind of credit.
    #[must_use]
    pub fn kind(&self) -> GrantKind {
        self.origin.as_ref().map_or(GrantKind::Paid, |origin| origin.kind)
    }

    /// What people know the grant by.
    #[must_use]
    pub fn label(&self) -> Option<&Label> {
        self.origin.as_ref().and_then(|origin| origin.label.as_ref())
    }

    /// What of it is set aside.
    #[must_use]
    pub const fn held(&self) -> Amount {
        self.unit.minor(self.held)
    }

    /// What of it was charged.
    #[must_use]
    pub const fn used(&self) -> Amount {
        self.unit.minor(self.used)
    }

    /// What of the charge was given back.
    #[must_use]
    pub const fn refunded(&self) -> Amount {
        self.unit.minor(self.refunded)
    }
}

/// What an entry did to one grant. What it did beyond that, it did to plain credit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Movement {
    pub(crate) grant: u64,
    pub(crate) unit: Unit,
    pub(crate) amount: i64,
}

impl Movement {
    /// The [id](Grant::id) of the grant.
    #[must_use]
    pub const fn grant(&self) -> u64 {
        self.grant
    }

    /// What it added to what remains of the grant; negative where it took.
    #[must_use]
    pub const fn amount(&self) -> Amount {
        self.unit.minor(self.amount)
    }
}

/// Adds to what an entry did to a grant.
pub(crate) fn move_by(movements: &mut Few<Movement>, grant: u64, unit: Unit, amount: i64) {
    if amount == 0 {
        return;
    }
    if let Some(known) = movements.iter_mut().find(|known| known.grant == grant) {
        known.amount = known.amount.saturating_add(amount);
        if known.amount == 0 {
            movements.retain(|movement| movement.grant != grant);
        }
    } else {
        movements.push(Movement { grant, unit, amount });
    }
}
