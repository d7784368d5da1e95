//! The kinds of refusal, and what clients are told about each.

/// The kinds of [`Refusal`](crate::Refusal): what one is without its numbers, and what clients are told about each.
///
/// | kind | HTTP status | name | service code | remedy |
/// |---|---|---|---|---|
/// | `InsufficientBalance` | 402 | `InsufficientBalanceError` | 40203 | top up |
/// | `BalanceHeld` | 402 | `InsufficientBalanceError` | 40203 | retry |
/// | `TopUpPending` | 402 | `InsufficientBalanceError` | 40203 | retry |
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
    /// There is not enough yet: a top-up that would do is under way.
    TopUpPending,
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
        Self::TopUpPending,
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

    /// The word for it in logs, and in the details of an answer, such as `insufficient_balance`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InsufficientBalance => "insufficient_balance",
            Self::BalanceHeld => "balance_held",
            Self::TopUpPending => "top_up_pending",
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
            Self::InsufficientBalance
            | Self::BalanceHeld
            | Self::TopUpPending
            | Self::SpendCapReached
            | Self::RequestTooLarge => 402,
            Self::BudgetExceeded | Self::Duplicate | Self::KeyConflict => 409,
            Self::Unavailable => 503,
            Self::UnknownPrice | Self::WrongUnit | Self::Misconfigured | Self::HoldLost => 500,
        }
    }

    /// The name it has by default.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::InsufficientBalance | Self::BalanceHeld | Self::TopUpPending => "InsufficientBalanceError",
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
            Self::InsufficientBalance | Self::BalanceHeld | Self::TopUpPending => 40203,
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
        matches!(self, Self::BalanceHeld | Self::TopUpPending | Self::Unavailable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_begin_with_their_status_and_no_status_is_a_success() {
        for kind in RefusalKind::ALL {
            assert_eq!(kind.service_code() / 100, u32::from(kind.status()), "{kind:?}");
            assert!(kind.status() >= 400, "{kind:?}");
            assert!(!(kind.top_up_helps() && kind.retry_helps()), "{kind:?}");
        }
    }
}
