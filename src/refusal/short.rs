//! [`InsufficientBalance`]: the ledger's proof, what would fit instead, and when a retry makes sense.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use crate::amount::Amount;
use crate::error::{LogFields, ShortReason, Shortfall};
use crate::id::Label;
use crate::usage::{Quantity, QuantityName};

/// The work was not run because the balance is too short: the ledger's proof, and when a retry makes sense.
///
/// This is the error to match on. [`reason`](Self::reason) tells an empty account, for which a top-up helps, from
/// one whose money is in use by work still running, for which waiting helps. `Display` is safe to show to anyone:
/// it names no id and no amount. Those come through the methods and [`log_fields`](Self::log_fields).
///
/// ```
/// use std::time::Duration;
/// use billing_guard::{InsufficientBalance, ShortReason, Shortfall, Timestamp, Unit};
///
/// let usd = Unit::new("USD", 2)?;
/// let short = Shortfall::new(usd.amount("7")?, Timestamp::default()).with_posted(usd.amount("5")?)?;
/// let error = InsufficientBalance::new(short);
/// assert_eq!(error.reason(), ShortReason::Empty);
/// assert_eq!(error.missing(), usd.amount("2")?);
/// assert_eq!(error.retry_after(), None);
/// assert_eq!(error.to_string(), "the balance is not enough");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InsufficientBalance {
    shortfall: Shortfall,
    retry_after: Option<Duration>,
    top_up_pending: bool,
    fits: Vec<Fit>,
    alternatives: Vec<Alternative>,
}

impl InsufficientBalance {
    /// The shortest wait a client is asked for.
    pub const MIN_RETRY_AFTER: Duration = Duration::from_secs(1);
    /// The longest wait a client is asked for, jitter included.
    pub const MAX_RETRY_AFTER: Duration = Duration::from_secs(30);

    /// From what a ledger proved.
    ///
    /// If the balance is held and the ledger knows when the first open hold must end, the wait is that long, but 1 to
    /// 24 s, and up to a quarter longer at random, so that refused clients do not come back all at once.
    #[must_use]
    pub fn new(shortfall: Shortfall) -> Self {
        let retry_after = match shortfall.reason() {
            ShortReason::Held => shortfall.next_release_in().map(jittered),
            ShortReason::Empty | ShortReason::Debt => None,
        };
        Self { shortfall, retry_after, top_up_pending: false, fits: Vec::new(), alternatives: Vec::new() }
    }

    /// The same with a wait that the host knows better, kept as given within 1 to 30 s. Ignored unless the balance is
    /// held: waiting fills no empty account.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Duration) -> Self {
        if self.reason() == ShortReason::Held {
            self.retry_after = Some(wait.clamp(Self::MIN_RETRY_AFTER, Self::MAX_RETRY_AFTER));
        }
        self
    }

    /// The same while a top-up that would make up for it is under way: the client is told that it is on its way, to come
    /// back after `wait` (kept within 1 to 30 s and up to a quarter longer at random, so at most 30 s), and not to pay
    /// again. Whether one is, the host's payment provider knows. Ignored if the balance is held: then it is not a top-up
    /// that is missing.
    #[must_use]
    pub fn with_top_up_pending(mut self, wait: Duration) -> Self {
        if self.reason() != ShortReason::Held {
            self.top_up_pending = true;
            self.retry_after = Some(jittered(wait));
        }
        self
    }

    /// The same with what of the request would fit into [`spendable`](Self::spendable), each with every other quantity
    /// asked for in full, or as far as it is held for at first. A [`Guard`](crate::Guard) fills it in.
    #[must_use]
    pub fn with_fits(mut self, fits: Vec<Fit>) -> Self {
        self.fits = fits;
        self
    }

    /// The same with other prices at which the whole request would fit. A [`Guard`](crate::Guard) fills it in from
    /// [`Job::or_priced_as`](crate::Job::or_priced_as).
    #[must_use]
    pub fn with_alternatives(mut self, alternatives: Vec<Alternative>) -> Self {
        self.alternatives = alternatives;
        self
    }

    /// Why it was too short.
    #[must_use]
    pub fn reason(&self) -> ShortReason {
        self.shortfall.reason()
    }

    /// What was asked for: what was to be charged, or held at first. By [`Holding`](crate::Holding) that may be less than the
    /// request can come to.
    #[must_use]
    pub const fn requested(&self) -> Amount {
        self.shortfall.requested()
    }

    /// The least that would have been accepted instead; the same as `requested` if no less was.
    #[must_use]
    pub const fn required(&self) -> Amount {
        self.shortfall.required()
    }

    /// What was available, apart from the debt limit.
    #[must_use]
    pub const fn available(&self) -> Amount {
        self.shortfall.available()
    }

    /// What could have been held or charged instead: available plus debt limit, not below zero.
    #[must_use]
    pub fn spendable(&self) -> Amount {
        self.shortfall.spendable()
    }

    /// How much more there would have to be.
    #[must_use]
    pub fn missing(&self) -> Amount {
        self.shortfall.missing()
    }

    /// What open holds had set aside.
    #[must_use]
    pub const fn held(&self) -> Amount {
        self.shortfall.held()
    }

    /// The proof itself.
    #[must_use]
    pub const fn shortfall(&self) -> &Shortfall {
        &self.shortfall
    }

    /// Whether a top-up that would make up for it is under way.
    #[must_use]
    pub const fn is_top_up_pending(&self) -> bool {
        self.top_up_pending
    }

    /// What of the request would fit, as far as the guard knows; empty if nothing would. Asked for no more than one of these,
    /// the request is admitted, if the balance and what the guard has learned are the same by then.
    #[must_use]
    pub fn fits(&self) -> &[Fit] {
        &self.fits
    }

    /// Other prices at which the whole request would fit, cheapest first; empty if there is none.
    #[must_use]
    pub fn alternatives(&self) -> &[Alternative] {
        &self.alternatives
    }

    /// How long to wait before a retry, 1 to 30 s. `None` unless the balance is held or a top-up pending, or if nobody
    /// knows.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// The amounts behind the error, for the log of the host and nobody else.
    #[must_use]
    pub fn log_fields(&self) -> LogFields {
        self.shortfall.log_fields()
    }
}

/// How much of one quantity would fit into what there is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fit {
    /// The quantity, such as `rows`.
    pub name: QuantityName,
    /// How much of it.
    pub quantity: Quantity,
}

impl Fit {
    /// So much of it would fit.
    pub fn new(name: impl Into<QuantityName>, quantity: impl Into<Quantity>) -> Self {
        Self { name: name.into(), quantity: quantity.into() }
    }
}

/// Another price at which the whole request would fit: a cheaper model, say.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Alternative {
    /// What people know it by.
    pub label: Label,
    /// What the request would cost at most.
    pub estimate: Amount,
}

impl Alternative {
    /// The request at another price.
    #[must_use]
    pub const fn new(label: Label, estimate: Amount) -> Self {
        Self { label, estimate }
    }
}

impl fmt::Display for InsufficientBalance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.top_up_pending {
            return f.write_str("a top-up is on its way");
        }
        f.write_str(match self.reason() {
            // A debt reads like an empty account: that a balance is negative is nobody else's business.
            ShortReason::Empty | ShortReason::Debt => "the balance is not enough",
            ShortReason::Held => "the balance is in use by work that is still running",
        })
    }
}

impl std::error::Error for InsufficientBalance {}

impl From<Shortfall> for InsufficientBalance {
    fn from(shortfall: Shortfall) -> Self {
        Self::new(shortfall)
    }
}

/// `wait`, at least 1 s and at most 24 s, and up to a quarter longer. 24 s and not 30, so that those who are to wait
/// longest are spread out too and nobody is asked for more than 30 s.
pub(super) fn jittered(wait: Duration) -> Duration {
    const LONGEST: Duration = Duration::from_secs(24);
    let wait = wait.clamp(InsufficientBalance::MIN_RETRY_AFTER, LONGEST);
    let choices = (wait.as_millis() / 4).saturating_add(1);
    // Every `RandomState` has other keys, so this is a random number without a dependency. It need not be secret.
    let random = u128::from(RandomState::new().hash_one(()));
    let extra = random.checked_rem(choices).and_then(|extra| u64::try_from(extra).ok()).unwrap_or(0);
    wait.saturating_add(Duration::from_millis(extra))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::amount::Unit;
    use crate::clock::Timestamp;

    fn held_until(wait: Option<Duration>) -> InsufficientBalance {
        let usd = Unit::new("USD", 2).unwrap();
        let now = Timestamp::from_micros(1_000_000_000);
        let short = Shortfall::new(usd.minor(700), now)
            .with_posted(usd.minor(1_000))
            .and_then(|short| short.with_held(usd.minor(500)))
            .unwrap();
        InsufficientBalance::new(match wait {
            Some(wait) => short.with_next_release(now.saturating_add(wait)),
            None => short,
        })
    }

    #[test]
    fn the_wait_is_bounded_and_spread() {
        for (wait_ms, least_ms, most_ms) in [
            (0, 1_000, 1_250),
            (900, 1_000, 1_250),
            (8_000, 8_000, 10_000),
            (24_000, 24_000, 30_000),
            (30_000, 24_000, 30_000),
            (86_400_000, 24_000, 30_000),
        ] {
            let draw = || held_until(Some(Duration::from_millis(wait_ms))).retry_after().unwrap();
            let drawn: Vec<_> = (0..200).map(|_| draw()).collect();
            let range = Duration::from_millis(least_ms)..=Duration::from_millis(most_ms);
            assert!(drawn.iter().all(|wait| range.contains(wait)), "{wait_ms}: {drawn:?}");
            assert!(drawn.iter().any(|wait| *wait != drawn[0]), "{wait_ms} is not jittered");
        }
        assert_eq!(held_until(None).retry_after(), None);
    }

    #[test]
    fn a_wait_given_by_the_host_is_kept_within_bounds_and_only_if_waiting_helps() {
        for (given, kept) in [(0, 1), (7, 7), (30, 30), (31, 30)] {
            let short = held_until(None).with_retry_after(Duration::from_secs(given));
            assert_eq!(short.retry_after(), Some(Duration::from_secs(kept)));
        }
        let usd = Unit::new("USD", 2).unwrap();
        let now = Timestamp::default();
        for posted in [0, -5] {
            let short = Shortfall::new(usd.minor(700), now).with_posted(usd.minor(posted)).unwrap();
            let short = InsufficientBalance::new(short.with_next_release(now));
            assert_eq!(short.retry_after(), None);
            assert_eq!(short.with_retry_after(Duration::from_secs(3)).retry_after(), None);
        }
    }
}
