//! What the kinds of refusal are called in the shapes, for writing and for reading.

use crate::refusal::RefusalKind;

/// Status, name and service code of a held balance for hosts that want a 429.
pub(super) const HELD_AS_429: (u16, &str, u32) = (429, "RateLimitTriggeredError", 42903);

/// One row of the table in [`Shape`](crate::render::Shape).
pub(super) struct Words {
    pub(super) object: &'static str,
    pub(super) string: &'static str,
    pub(super) open_ai_type: &'static str,
    pub(super) open_ai_code: &'static str,
    pub(super) google_status: &'static str,
}

pub(super) const fn words(kind: RefusalKind) -> Words {
    const EXHAUSTED: &str = "RESOURCE_EXHAUSTED";
    const INVALID: &str = "invalid_request_error";
    const SERVER: &str = "server_error";
    let (object, string, open_ai_type, google_status) = match kind {
        RefusalKind::InsufficientBalance => {
            ("INSUFFICIENT_BALANCE", "InsufficientBalance", "insufficient_quota", EXHAUSTED)
        }
        // Types of their own: clients that know `insufficient_quota` would ask to recharge.
        RefusalKind::BalanceHeld => ("BALANCE_HELD", "BalanceHeld", "balance_held", EXHAUSTED),
        RefusalKind::TopUpPending => ("TOP_UP_PENDING", "TopUpPending", "top_up_pending", EXHAUSTED),
        RefusalKind::SpendCapReached => {
            ("SPEND_CAP_REACHED", "SpendCapReached", "spend_cap_reached", EXHAUSTED)
        }
        RefusalKind::RequestTooLarge => ("REQUEST_TOO_LARGE", "RequestTooLarge", INVALID, EXHAUSTED),
        RefusalKind::BudgetExceeded => ("BUDGET_EXCEEDED", "BudgetExceeded", INVALID, "FAILED_PRECONDITION"),
        RefusalKind::Duplicate => ("DUPLICATE_REQUEST", "DuplicateRequest", INVALID, "ALREADY_EXISTS"),
        // Not `ABORTED`, which asks for the same again.
        RefusalKind::KeyConflict => ("KEY_CONFLICT", "KeyConflict", INVALID, "FAILED_PRECONDITION"),
        RefusalKind::Unavailable => ("LEDGER_UNAVAILABLE", "LedgerUnavailable", SERVER, "UNAVAILABLE"),
        RefusalKind::UnknownPrice => ("UNKNOWN_PRICE", "UnknownPrice", SERVER, "INTERNAL"),
        RefusalKind::WrongUnit => ("WRONG_UNIT", "WrongUnit", SERVER, "INTERNAL"),
        RefusalKind::Misconfigured => ("MISCONFIGURED", "Misconfigured", SERVER, "INTERNAL"),
        RefusalKind::HoldLost => ("HOLD_LOST", "HoldLost", SERVER, "INTERNAL"),
    };
    Words { object, string, open_ai_type, open_ai_code: kind.as_str(), google_status }
}

/// `error.type` in `Anthropic`, which goes with the status there.
pub(super) const fn anthropic_type(status: u16) -> &'static str {
    match status {
        402 => "billing_error",
        429 => "rate_limit_error",
        503 => "overloaded_error",
        400..=499 => "invalid_request_error",
        _ => "api_error",
    }
}

/// What limit was reached, in `OpenRouter`; `None` where none was.
pub(super) const fn limit_source(kind: RefusalKind) -> Option<&'static str> {
    Some(match kind {
        RefusalKind::InsufficientBalance | RefusalKind::TopUpPending => "credits",
        RefusalKind::BalanceHeld => "in_flight_budget",
        RefusalKind::SpendCapReached => "spend_cap",
        RefusalKind::RequestTooLarge => "request_size",
        RefusalKind::BudgetExceeded => "request_budget",
        RefusalKind::Duplicate
        | RefusalKind::KeyConflict
        | RefusalKind::Unavailable
        | RefusalKind::UnknownPrice
        | RefusalKind::WrongUnit
        | RefusalKind::Misconfigured
        | RefusalKind::HoldLost => return None,
    })
}

/// What the developer of a client can do, as a word, in `OpenRouter`.
pub(super) const fn remedy_hint(kind: RefusalKind) -> &'static str {
    match kind {
        RefusalKind::InsufficientBalance => "top_up",
        RefusalKind::BalanceHeld | RefusalKind::TopUpPending | RefusalKind::Unavailable => "retry_later",
        RefusalKind::SpendCapReached => "wait_for_reset",
        RefusalKind::RequestTooLarge => "ask_for_less",
        RefusalKind::BudgetExceeded => "raise_budget",
        RefusalKind::Duplicate => "none",
        RefusalKind::KeyConflict => "use_another_key",
        RefusalKind::UnknownPrice
        | RefusalKind::WrongUnit
        | RefusalKind::Misconfigured
        | RefusalKind::HoldLost => "contact_service",
    }
}

/// What the kind is called in the title of a `Problem` that has a page.
pub(super) const fn title(kind: RefusalKind) -> &'static str {
    match kind {
        RefusalKind::InsufficientBalance => "Insufficient balance",
        RefusalKind::BalanceHeld => "Balance in use",
        RefusalKind::TopUpPending => "Top-up pending",
        RefusalKind::SpendCapReached => "Spending limit reached",
        RefusalKind::RequestTooLarge => "Request too large",
        RefusalKind::BudgetExceeded => "Budget of the request exceeded",
        RefusalKind::Duplicate => "Duplicate request",
        RefusalKind::KeyConflict => "Idempotency key used before",
        RefusalKind::Unavailable => "Not confirmed",
        RefusalKind::UnknownPrice => "No price",
        RefusalKind::WrongUnit => "Wrong unit",
        RefusalKind::Misconfigured => "Not set up for this request",
        RefusalKind::HoldLost => "Accounting not finished",
    }
}

/// Whether this kind is ever sent with that HTTP status.
pub(super) fn can_have_status(kind: RefusalKind, status: u16) -> bool {
    statuses(kind).any(|one| one == status)
}

/// The HTTP statuses this kind is sent with.
pub(super) fn statuses(kind: RefusalKind) -> impl Iterator<Item = u16> {
    let other = (kind == RefusalKind::BalanceHeld).then_some(HELD_AS_429.0);
    std::iter::once(kind.status()).chain(other)
}

/// The first three digits of a service code, if it has as many.
pub(super) fn http_status_of(service_code: u32) -> Option<u16> {
    let mut first_three = service_code;
    while first_three > 999 {
        first_three /= 10;
    }
    u16::try_from(first_three).ok().filter(|status| *status >= 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn service_codes_begin_with_their_status() {
        for (code, status) in
            [(99, None), (402, Some(402)), (40203, Some(402)), (4_020_301, Some(402)), (u32::MAX, Some(429))]
        {
            assert_eq!(http_status_of(code), status, "{code}");
        }
        assert_eq!(http_status_of(HELD_AS_429.2), Some(HELD_AS_429.0));
    }

    #[test]
    fn only_a_limit_has_a_source() {
        for kind in RefusalKind::ALL {
            let of_a_limit = kind.status() == 402 || *kind == RefusalKind::BudgetExceeded;
            assert_eq!(limit_source(*kind).is_some(), of_a_limit, "{kind:?}");
            assert_eq!(remedy_hint(*kind) == "top_up", kind.top_up_helps(), "{kind:?}");
            assert_eq!(remedy_hint(*kind) == "retry_later", kind.retry_helps(), "{kind:?}");
        }
    }

    #[test]
    fn no_two_kinds_share_a_word() {
        for one in RefusalKind::ALL {
            for other in RefusalKind::ALL.iter().filter(|other| *other != one) {
                let (title, other_title) = (title(*one), title(*other));
                let (one, other) = (words(*one), words(*other));
                assert_ne!(one.object, other.object);
                assert_ne!(one.string, other.string);
                assert_ne!(one.open_ai_code, other.open_ai_code);
                assert_ne!(title, other_title);
            }
        }
    }
}
