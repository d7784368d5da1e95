//! Spend caps, and the counters they are checked by.

use std::sync::Arc;

use crate::amount::{Amount, Unit};
use crate::clock::Timestamp;
use crate::id::{Label, ScopeId};
use crate::limits::Limits;
use crate::period::Period;

/// How much may be spent under a scope in a period, holds included: by an API key a day, by a team a month.
///
/// Caps travel in the request, from the host's policy; a ledger stores only the counters. A cap without a limit only
/// counts: for showing what was used under a scope.
///
/// ```
/// use billing_guard::{Cap, Period, Unit};
///
/// let usd = Unit::new("USD", 6)?;
/// let cap = Cap::new("api-key/7f3a".parse()?, Period::day(), usd.amount("25")?)
///     .with_label("Daily budget of the test key".parse()?);
/// let counter = Cap::counting("team/blue".parse()?, Period::month());
/// assert_eq!(counter.limit, None);
/// # let _ = cap;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cap {
    /// What it is about.
    pub scope: ScopeId,
    /// In which time.
    pub period: Period,
    /// The most that may be held and charged in it, not negative; `None` to count only.
    pub limit: Option<Amount>,
    /// What people know it by; a refusal names it.
    pub label: Option<Label>,
}

impl Cap {
    /// A cap.
    #[must_use]
    pub const fn new(scope: ScopeId, period: Period, limit: Amount) -> Self {
        Self { scope, period, limit: Some(limit), label: None }
    }

    /// A counter without a limit.
    #[must_use]
    pub const fn counting(scope: ScopeId, period: Period) -> Self {
        Self { scope, period, limit: None, label: None }
    }

    /// Sets what people know it by.
    #[must_use]
    pub fn with_label(mut self, label: Label) -> Self {
        self.label = Some(label);
        self
    }
}

/// Why some caps cannot go together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CapError {
    /// There are too many with a limit.
    #[error("{count} caps are too many: at most 8")]
    TooManyCaps {
        /// How many there are.
        count: usize,
    },
    /// There are too many without.
    #[error("{count} counters without a limit are too many: at most 4")]
    TooManyCounters {
        /// How many there are.
        count: usize,
    },
    /// Two are about the same scope and period.
    #[error("the scope {scope} comes twice with the period {period}")]
    Repeated {
        /// The scope.
        scope: ScopeId,
        /// The period.
        period: Period,
    },
}

/// The caps of one request: at most [8](Limits::MAX_CAPS) with a limit and [4](Limits::MAX_COUNTERS) that only count, no
/// two with the same scope and period. Cheap to clone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caps(Option<Arc<[Cap]>>);

impl Caps {
    /// No caps.
    pub const NONE: Self = Self(None);

    /// Caps that are checked together.
    ///
    /// # Errors
    /// [`CapError`] if there are too many, or two with the same scope and period.
    pub fn new(caps: impl IntoIterator<Item = Cap>) -> Result<Self, CapError> {
        let caps: Vec<Cap> = caps.into_iter().collect();
        let limited = caps.iter().filter(|cap| cap.limit.is_some()).count();
        if limited > Limits::MAX_CAPS {
            return Err(CapError::TooManyCaps { count: limited });
        }
        let counting = caps.len().saturating_sub(limited);
        if counting > Limits::MAX_COUNTERS {
            return Err(CapError::TooManyCounters { count: counting });
        }
        let same = |one: &Cap, other: &Cap| one.scope == other.scope && one.period == other.period;
        let repeated = caps
            .iter()
            .enumerate()
            .find(|(index, cap)| caps.iter().take(*index).any(|other| same(cap, other)));
        if let Some((_, cap)) = repeated {
            return Err(CapError::Repeated { scope: cap.scope.clone(), period: cap.period });
        }
        Ok(Self((!caps.is_empty()).then(|| caps.into())))
    }

    /// The caps.
    pub fn iter(&self) -> impl Iterator<Item = &Cap> {
        self.0.iter().flat_map(|caps| caps.iter())
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_none()
    }
}

/// Which counter: of a scope, for one stretch of a period. A rolling period has sixty of them at a time, a calendar
/// period one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CounterKey {
    pub(crate) scope: ScopeId,
    pub(crate) period: Period,
    pub(crate) start: Timestamp,
}

impl CounterKey {
    /// What it is about.
    #[must_use]
    pub const fn scope(&self) -> &ScopeId {
        &self.scope
    }

    /// Of which period.
    #[must_use]
    pub const fn period(&self) -> Period {
        self.period
    }

    /// When its stretch of time began.
    #[must_use]
    pub const fn start(&self) -> Timestamp {
        self.start
    }

    /// From when nobody needs it any more: a rolling one when it leaves the window, a calendar one when the
    /// longest hold made in it must have ended.
    pub(crate) fn kept_until(&self) -> Timestamp {
        if self.period.is_rolling() {
            self.period.leaves_at(self.start)
        } else {
            let end = self.period.end_of(self.start);
            end.saturating_add(Limits::MAX_LIFETIME).saturating_add(Limits::MAX_GRACE)
        }
    }
}

/// What was spent under a scope in one stretch of a period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counter {
    pub(crate) key: CounterKey,
    pub(crate) unit: Unit,
    pub(crate) used: i64,
    pub(crate) held: i64,
    /// The most that was used of the whole period when a reply told of it.
    pub(crate) told: i64,
}

impl Counter {
    /// Which counter it is.
    #[must_use]
    pub const fn key(&self) -> &CounterKey {
        &self.key
    }

    /// What it is about.
    #[must_use]
    pub const fn scope(&self) -> &ScopeId {
        &self.key.scope
    }

    /// Of which period.
    #[must_use]
    pub const fn period(&self) -> Period {
        self.key.period
    }

    /// When its stretch of time began.
    #[must_use]
    pub const fn start(&self) -> Timestamp {
        self.key.start
    }

    /// When its stretch of time ends.
    #[must_use]
    pub fn end(&self) -> Timestamp {
        self.key.period.end_of(self.key.start)
    }

    /// What was charged. A refund does not lower it.
    #[must_use]
    pub const fn used(&self) -> Amount {
        self.unit.minor(self.used)
    }

    /// What open holds made in this time still set aside.
    #[must_use]
    pub const fn held(&self) -> Amount {
        self.unit.minor(self.held)
    }

    /// From when it can be forgotten: nothing that is decided then looks at it. [`Timestamp::MAX`] while something is held
    /// in a calendar period.
    #[must_use]
    pub fn kept_until(&self) -> Timestamp {
        if self.held == 0 || self.key.period.is_rolling() { self.key.kept_until() } else { Timestamp::MAX }
    }

    /// Whether it can be forgotten.
    pub(crate) fn is_over(&self, now: Timestamp) -> bool {
        self.kept_until() <= now
    }
}

/// What one hold or charge has in a counter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    pub(crate) key: CounterKey,
    pub(crate) unit: Unit,
    pub(crate) held: i64,
    pub(crate) used: i64,
}

impl Counted {
    /// Which counter.
    #[must_use]
    pub const fn key(&self) -> &CounterKey {
        &self.key
    }

    /// What of the hold counts as held there.
    #[must_use]
    pub const fn held(&self) -> Amount {
        self.unit.minor(self.held)
    }

    /// What was charged counts as used there.
    #[must_use]
    pub const fn used(&self) -> Amount {
        self.unit.minor(self.used)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scoped(scope: &str) -> Cap {
        Cap::new(scope.parse().unwrap(), Period::day(), Unit::new("USD", 2).unwrap().minor(1))
    }

    fn counting(scope: &str) -> Cap {
        Cap::counting(scope.parse().unwrap(), Period::day())
    }

    #[test]
    fn the_number_of_caps_is_limited_on_both_sides() {
        let caps = |count: usize| (0..count).map(|number| scoped(&format!("cap-{number}")));
        let counters = |count: usize| (0..count).map(|number| counting(&format!("counter-{number}")));
        assert_eq!(Caps::new(caps(8).chain(counters(4))).unwrap().iter().count(), 12);
        assert_eq!(Caps::new(caps(9)), Err(CapError::TooManyCaps { count: 9 }));
        assert_eq!(Caps::new(counters(5)), Err(CapError::TooManyCounters { count: 5 }));
        assert!(Caps::new([]).unwrap().is_empty());
    }

    #[test]
    fn no_two_caps_share_scope_and_period() {
        let error = Caps::new([scoped("a"), scoped("b"), counting("a")]).unwrap_err();
        assert_eq!(error.to_string(), "the scope a comes twice with the period day");
        let other = Cap { period: Period::week(), ..scoped("a") };
        assert!(Caps::new([scoped("a"), other]).is_ok());
    }
}
