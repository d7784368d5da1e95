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
}

pub(super) const fn words(kind: RefusalKind) -> Words {
    let (object, string, open_ai_type) = match kind {
        RefusalKind::InsufficientBalance => {
            ("INSUFFICIENT_BALANCE", "InsufficientBalance", "insufficient_quota")
        }
        // Types of their own: clients that know `insufficient_quota` would ask to recharge.
        RefusalKind::BalanceHeld => ("BALANCE_HELD", "BalanceHeld", "balance_held"),
        RefusalKind::TopUpPending => ("TOP_UP_PENDING", "TopUpPending", "top_up_pending"),
        RefusalKind::SpendCapReached => ("SPEND_CAP_REACHED", "SpendCapReached", "spend_cap_reached"),
        RefusalKind::RequestTooLarge => ("REQUEST_TOO_LARGE", "RequestTooLarge", "invalid_request_error"),
        RefusalKind::BudgetExceeded => ("BUDGET_EXCEEDED", "BudgetExceeded", "invalid_request_error"),
        RefusalKind::Duplicate => ("DUPLICATE_REQUEST", "DuplicateRequest", "invalid_request_error"),
        RefusalKind::KeyConflict => ("KEY_CONFLICT", "KeyConflict", "invalid_request_error"),
        RefusalKind::Unavailable => ("LEDGER_UNAVAILABLE", "LedgerUnavailable", "server_error"),
        RefusalKind::UnknownPrice => ("UNKNOWN_PRICE", "UnknownPrice", "server_error"),
        RefusalKind::WrongUnit => ("WRONG_UNIT", "WrongUnit", "server_error"),
        RefusalKind::Misconfigured => ("MISCONFIGURED", "Misconfigured", "server_error"),
        RefusalKind::HoldLost => ("HOLD_LOST", "HoldLost", "server_error"),
    };
    Words { object, string, open_ai_type, open_ai_code: kind.as_str() }
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
    fn no_two_kinds_share_a_word() {
        for one in RefusalKind::ALL {
            for other in RefusalKind::ALL.iter().filter(|other| *other != one) {
                let (one, other) = (words(*one), words(*other));
                assert_ne!(one.object, other.object);
                assert_ne!(one.string, other.string);
                assert_ne!(one.open_ai_code, other.open_ai_code);
            }
        }
    }
}
