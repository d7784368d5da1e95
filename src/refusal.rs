//! What a client gets instead of its work, as data: [`InsufficientBalance`] and [`Refusal`].

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use crate::amount::Amount;
use crate::clock::Timestamp;
use crate::error::{LogFields, ShortReason, Shortfall};
use crate::id::Label;

/// How long a client is asked to wait when the ledger could not be reached, before jitter.
const UNAVAILABLE_WAIT: Duration = Duration::from_secs(2);

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
        Self { shortfall, retry_after }
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

    /// Why it was too short.
    #[must_use]
    pub fn reason(&self) -> ShortReason {
        self.shortfall.reason()
    }

    /// What was asked for.
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

    /// How long to wait before a retry, 1 to 30 s. `None` if the balance is not held, or if nobody knows.
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

impl fmt::Display for InsufficientBalance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
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

/// Every answer a client can get instead of its work.
///
/// A [`Renderer`](crate::Renderer) turns it into status, headers and body; what the log should know beyond that is in
/// [`log_fields`](Self::log_fields). `Display` is safe to show to anyone.
///
/// ```
/// use billing_guard::{Refusal, RefusalKind};
///
/// let refusal = Refusal::Duplicate;
/// assert_eq!(refusal.kind(), RefusalKind::Duplicate);
/// assert_eq!(refusal.kind().status(), 409);
/// assert!(!refusal.top_up_helps() && !refusal.retry_helps());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// The balance is too short, or in use: see [`InsufficientBalance::reason`].
    InsufficientBalance(InsufficientBalance),
    /// The request would exceed a spend cap. No top-up changes that.
    SpendCapReached {
        /// What people know the cap by. Shown to the client.
        label: Option<Label>,
        /// From when the request would fit again, if it ever does. Shown to the client.
        resets_at: Option<Timestamp>,
    },
    /// The request is larger than any single request may be. No top-up changes that.
    RequestTooLarge {
        /// The most that one request may hold, by the host's policy. Shown to the client.
        maximum: Amount,
    },
    /// The request would cost more than the budget its caller gave it.
    BudgetExceeded,
    /// The idempotency key was used for this request before: the work was done, or is running.
    Duplicate,
    /// The idempotency key was used before for another request.
    KeyConflict,
    /// The ledger could not be reached, or did not say whether it did what was asked. Never a reason to pay.
    Unavailable {
        /// How long to wait before asking again; rendered as 1 to 3,600 s.
        retry_after: Duration,
    },
    /// The host has no price for what was asked.
    UnknownPrice,
    /// The account counts in another unit than the host's price.
    WrongUnit,
    /// A job or a setting of the host is invalid.
    Misconfigured,
    /// The hold was closed, expired or forgotten under the running work.
    HoldLost,
}

impl Refusal {
    /// [`Unavailable`](Self::Unavailable) with the wait that suits most hosts: about 2 s, jittered.
    #[must_use]
    pub fn unavailable() -> Self {
        Self::Unavailable { retry_after: jittered(UNAVAILABLE_WAIT) }
    }

    /// Which row of the table in [`RefusalKind`] this is.
    #[must_use]
    pub fn kind(&self) -> RefusalKind {
        match self {
            Self::InsufficientBalance(short) => match short.reason() {
                ShortReason::Empty | ShortReason::Debt => RefusalKind::InsufficientBalance,
                ShortReason::Held => RefusalKind::BalanceHeld,
            },
            Self::SpendCapReached { .. } => RefusalKind::SpendCapReached,
            Self::RequestTooLarge { .. } => RefusalKind::RequestTooLarge,
            Self::BudgetExceeded => RefusalKind::BudgetExceeded,
            Self::Duplicate => RefusalKind::Duplicate,
            Self::KeyConflict => RefusalKind::KeyConflict,
            Self::Unavailable { .. } => RefusalKind::Unavailable,
            Self::UnknownPrice => RefusalKind::UnknownPrice,
            Self::WrongUnit => RefusalKind::WrongUnit,
            Self::Misconfigured => RefusalKind::Misconfigured,
            Self::HoldLost => RefusalKind::HoldLost,
        }
    }

    /// Whether the same request would succeed after a large enough top-up.
    #[must_use]
    pub fn top_up_helps(&self) -> bool {
        self.kind().top_up_helps()
    }

    /// Whether the same request may succeed when it is simply sent again.
    #[must_use]
    pub fn retry_helps(&self) -> bool {
        self.kind().retry_helps()
    }

    /// How long to wait before sending it again, if that may help and the wait is known.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::InsufficientBalance(short) => short.retry_after(),
            Self::Unavailable { retry_after } => Some(*retry_after),
            _ => None,
        }
    }

    /// The amounts behind the refusal, for the log of the host and nobody else.
    #[must_use]
    pub fn log_fields(&self) -> LogFields {
        let mut fields = vec![("refusal", self.kind().as_str().to_owned())];
        match self {
            Self::InsufficientBalance(short) => fields.extend(short.log_fields()),
            Self::SpendCapReached { label, resets_at } => {
                fields.extend(label.iter().map(|label| ("label", label.to_string())));
                fields.extend(resets_at.iter().map(|at| ("resets_at", at.to_string())));
            }
            Self::RequestTooLarge { maximum } => fields.push(("maximum", maximum.to_string())),
            _ => {}
        }
        fields
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InsufficientBalance(short) => return short.fmt(f),
            Self::SpendCapReached { .. } => "a spending limit is reached",
            Self::RequestTooLarge { .. } => "the request is larger than any single request may be",
            Self::BudgetExceeded => "the request would cost more than the budget given with it",
            Self::Duplicate => "the request was received before",
            Self::KeyConflict => "the idempotency key was used before for another request",
            Self::Unavailable { .. } => "the ledger is not available",
            Self::UnknownPrice => "there is no price for the request",
            Self::WrongUnit => "the account counts in another unit",
            Self::Misconfigured => "a job or setting of the host is invalid",
            Self::HoldLost => "the hold was lost while the work was running",
        })
    }
}

// Without a source: `Display` already says what the `InsufficientBalance` inside would say.
impl std::error::Error for Refusal {}

impl From<InsufficientBalance> for Refusal {
    fn from(short: InsufficientBalance) -> Self {
        Self::InsufficientBalance(short)
    }
}

/// The kinds of [`Refusal`]: what one is without its numbers, and what clients are told about each.
///
/// | kind | HTTP status | name | service code | remedy |
/// |---|---|---|---|---|
/// | `InsufficientBalance` | 402 | `InsufficientBalanceError` | 40203 | top up |
/// | `BalanceHeld` | 402 | `InsufficientBalanceError` | 40203 | retry |
/// | `SpendCapReached` | 402 | `SpendCapReachedError` | 40204 | wait for the reset, or raise the cap |
/// | `RequestTooLarge` | 402 | `RequestTooLargeError` | 40205 | ask for less |
/// | `BudgetExceeded` | 409 | `BudgetExceededError` | 40904 | raise the budget |
/// | `Duplicate` | 409 | `DuplicateRequestError` | 40905 | none needed |
/// | `KeyConflict` | 409 | `KeyConflictError` | 40906 | use another key |
/// | `Unavailable` | 503 | `LedgerUnavailableError` | 50301 | retry |
/// | `UnknownPrice` | 500 | `UnknownPriceError` | 50001 | the host's to mend |
/// | `WrongUnit` | 500 | `WrongUnitError` | 50002 | the host's to mend |
/// | `Misconfigured` | 500 | `MisconfigurationError` | 50003 | the host's to mend |
/// | `HoldLost` | 500 | `HoldLostError` | 50004 | the host's to mend |
///
/// The first three digits of a service code are the HTTP status. A [`Renderer`](crate::Renderer) can be told to use
/// other names and codes, and 429 `RateLimitTriggeredError` 42903 for `BalanceHeld`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RefusalKind {
    /// There is not enough: the account is empty or in debt. The only kind for which a top-up helps.
    InsufficientBalance,
    /// There would be enough, but work that is still running holds it.
    BalanceHeld,
    /// More than a spend cap has left.
    SpendCapReached,
    /// Larger than any single request may be.
    RequestTooLarge,
    /// More than the budget the caller gave the request.
    BudgetExceeded,
    /// Received before.
    Duplicate,
    /// The key was used before for another request.
    KeyConflict,
    /// The ledger was not reached, or the outcome is unknown.
    Unavailable,
    /// No price for what was asked.
    UnknownPrice,
    /// Account and price count in different units.
    WrongUnit,
    /// A job or setting of the host is invalid.
    Misconfigured,
    /// The hold was closed, expired or forgotten under the work.
    HoldLost,
}

impl RefusalKind {
    /// Every kind there is in this version.
    pub const ALL: &'static [Self] = &[
        Self::InsufficientBalance,
        Self::BalanceHeld,
        Self::SpendCapReached,
        Self::RequestTooLarge,
        Self::BudgetExceeded,
        Self::Duplicate,
        Self::KeyConflict,
        Self::Unavailable,
        Self::UnknownPrice,
        Self::WrongUnit,
        Self::Misconfigured,
        Self::HoldLost,
    ];

    /// The word for it in logs, such as `insufficient_balance`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InsufficientBalance => "insufficient_balance",
            Self::BalanceHeld => "balance_held",
            Self::SpendCapReached => "spend_cap_reached",
            Self::RequestTooLarge => "request_too_large",
            Self::BudgetExceeded => "budget_exceeded",
            Self::Duplicate => "duplicate_request",
            Self::KeyConflict => "key_conflict",
            Self::Unavailable => "ledger_unavailable",
            Self::UnknownPrice => "unknown_price",
            Self::WrongUnit => "wrong_unit",
            Self::Misconfigured => "misconfigured",
            Self::HoldLost => "hold_lost",
        }
    }

    /// The HTTP status it has by default. Never a success.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::InsufficientBalance | Self::BalanceHeld | Self::SpendCapReached | Self::RequestTooLarge => {
                402
            }
            Self::BudgetExceeded | Self::Duplicate | Self::KeyConflict => 409,
            Self::Unavailable => 503,
            Self::UnknownPrice | Self::WrongUnit | Self::Misconfigured | Self::HoldLost => 500,
        }
    }

    /// The name it has by default.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::InsufficientBalance | Self::BalanceHeld => "InsufficientBalanceError",
            Self::SpendCapReached => "SpendCapReachedError",
            Self::RequestTooLarge => "RequestTooLargeError",
            Self::BudgetExceeded => "BudgetExceededError",
            Self::Duplicate => "DuplicateRequestError",
            Self::KeyConflict => "KeyConflictError",
            Self::Unavailable => "LedgerUnavailableError",
            Self::UnknownPrice => "UnknownPriceError",
            Self::WrongUnit => "WrongUnitError",
            Self::Misconfigured => "MisconfigurationError",
            Self::HoldLost => "HoldLostError",
        }
    }

    /// The service's own code it has by default; its first three digits are the HTTP status.
    #[must_use]
    pub const fn service_code(self) -> u32 {
        match self {
            Self::InsufficientBalance | Self::BalanceHeld => 40203,
            Self::SpendCapReached => 40204,
            Self::RequestTooLarge => 40205,
            Self::BudgetExceeded => 40904,
            Self::Duplicate => 40905,
            Self::KeyConflict => 40906,
            Self::Unavailable => 50301,
            Self::UnknownPrice => 50001,
            Self::WrongUnit => 50002,
            Self::Misconfigured => 50003,
            Self::HoldLost => 50004,
        }
    }

    /// Whether the same request would succeed after a large enough top-up.
    #[must_use]
    pub const fn top_up_helps(self) -> bool {
        matches!(self, Self::InsufficientBalance)
    }

    /// Whether the same request may succeed when it is simply sent again.
    #[must_use]
    pub const fn retry_helps(self) -> bool {
        matches!(self, Self::BalanceHeld | Self::Unavailable)
    }
}

/// `wait`, at least 1 s and at most 24 s, and up to a quarter longer. 24 s and not 30, so that those who are to wait
/// longest are spread out too and nobody is asked for more than 30 s.
fn jittered(wait: Duration) -> Duration {
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

    #[test]
    fn codes_begin_with_their_status_and_no_status_is_a_success() {
        for kind in RefusalKind::ALL {
            assert_eq!(kind.service_code() / 100, u32::from(kind.status()), "{kind:?}");
            assert!(kind.status() >= 400, "{kind:?}");
            assert!(!(kind.top_up_helps() && kind.retry_helps()), "{kind:?}");
        }
    }
}
