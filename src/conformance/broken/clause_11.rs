//! Clause 11 broken: limits that are off by one, and sums that wrap.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::conformance::broken::Fault;
use crate::conformance::broken::hooks::{Ask, HONEST, Hooks};
use crate::error::{LedgerError, Shortfall};
use crate::grant::GrantKind;
use crate::id::IdempotencyKey;
use crate::ledger::request::PostKind;
use crate::limits::Limits;

const NANO: Duration = Duration::from_nanos(1);

pub(super) const FAULTS: &[Fault] = &[
    Fault::new(
        "a hold may last a moment longer than 30 days",
        &["a_lifetime_is_1_ms_to_30_days"],
        Hooks {
            hold: |request, _| {
                if request.lifetime == Limits::MAX_LIFETIME + NANO {
                    request.lifetime = Limits::MAX_LIFETIME;
                }
                Ok(())
            },
            ..HONEST
        },
    ),
    Fault::new(
        "a hold may not last all of 30 days",
        &["a_lifetime_is_1_ms_to_30_days"],
        Hooks {
            hold: |request, _| {
                if request.lifetime == Limits::MAX_LIFETIME {
                    request.lifetime += NANO;
                }
                Ok(())
            },
            ..HONEST
        },
    )
    // The longest hold there is lasts all of them.
    .also(&["a_counter_is_kept_for_the_longest_hold_and_its_grace"]),
    Fault::new(
        "a hold may last a moment less than 1 ms",
        &["a_lifetime_is_1_ms_to_30_days"],
        Hooks {
            hold: |request, _| {
                if request.lifetime == Limits::MIN_LIFETIME - NANO {
                    request.lifetime = Limits::MIN_LIFETIME;
                }
                Ok(())
            },
            ..HONEST
        },
    ),
    Fault::new(
        "a hold may be made to last for ever",
        &["a_resize_has_the_same_limits_of_lifetime"],
        Hooks {
            resize: |request, _| {
                request.lifetime = request.lifetime.map(|lifetime| lifetime.min(Limits::MAX_LIFETIME));
                Ok(())
            },
            ..HONEST
        },
    ),
    Fault::new(
        "grace may be longer than a day",
        &["a_grace_is_nothing_to_a_day"],
        Hooks {
            hold: |request, _| {
                request.grace = request.grace.min(Limits::MAX_GRACE);
                Ok(())
            },
            ..HONEST
        },
    ),
    Fault::new(
        "a page of nothing is an empty page",
        &["a_page_has_1_to_1000_lines"],
        Hooks { statement: |request| request.limit = request.limit.max(1), ..HONEST },
    ),
    Fault::new(
        "a page of holds may be too long and is cut",
        &["a_page_has_1_to_1000_lines"],
        Hooks { holds: |request| request.limit = request.limit.min(Limits::MAX_PAGE), ..HONEST },
    ),
    Fault::new(
        "a page of counters may be too long and is cut",
        &["a_page_of_counters_has_1_to_1000_lines"],
        Hooks { counters: |request| request.limit = request.limit.min(Limits::MAX_PAGE), ..HONEST },
    ),
    Fault::new(
        "a sweep may be asked for more than 10,000",
        &["a_sweep_releases_1_to_10000"],
        Hooks { sweep: |request| request.limit = request.limit.min(Limits::MAX_SWEEP), ..HONEST },
    ),
    Fault::new(
        "a negative amount is taken for nothing",
        &["no_field_of_a_hold_is_negative"],
        Hooks {
            hold: |request, _| {
                if request.debt_limit.is_negative() {
                    request.debt_limit = request.debt_limit.unit().zero();
                }
                Ok(())
            },
            ..HONEST
        },
    ),
    Fault::new(
        "a negative total is taken for nothing",
        &["no_field_of_a_capture_is_negative"],
        Hooks {
            capture: |request, _| {
                if request.total.is_negative() {
                    request.total = request.total.unit().zero();
                }
                Ok(())
            },
            ..HONEST
        },
    ),
    Fault::new(
        "a charge of less than nothing pays",
        &["each_kind_of_posting_has_its_sign"],
        Hooks {
            post: |request, _| {
                if request.kind == PostKind::Charge && request.amount.is_negative() {
                    request.amount = request.amount.unit().minor(request.amount.minor().saturating_neg());
                    request.kind = PostKind::Adjustment;
                }
                Ok(())
            },
            ..HONEST
        },
    ),
    Fault::blunt(
        "what is posted wraps around",
        &["a_balance_never_wraps_above", "a_balance_never_wraps_below"],
        Hooks {
            sees: |ask, view, _| {
                if let Ask::Post(request) = ask
                    && view.state.posted.checked_add(request.amount.minor()).is_none()
                {
                    view.state.posted = view
                        .state
                        .posted
                        .wrapping_add(request.amount.minor())
                        .saturating_sub(request.amount.minor());
                }
            },
            ..HONEST
        },
    ),
    Fault::new(
        "what is posted stops at the largest amount",
        &[
            "a_balance_never_wraps_above",
            "a_renewal_of_the_largest_amounts_is_exact",
            "credit_still_to_start_has_to_fit",
        ],
        Hooks {
            post: |request, account| {
                let room = i64::MAX - account.state.posted.max(0);
                if matches!(request.kind, PostKind::Credit(_)) && room > 0 {
                    request.amount = request.amount.unit().minor(request.amount.minor().min(room));
                }
                Ok(())
            },
            ..HONEST
        },
    ),
    Fault::new(
        "what is held wraps around",
        &["what_is_held_never_wraps"],
        Hooks {
            sees: |ask, view, _| {
                if let Ask::Hold(request) = ask
                    && request.debt_limit.minor() > 0
                    && view.state.held.checked_add(request.amount.minor()).is_none()
                {
                    view.state.held = 0;
                }
            },
            ..HONEST
        },
    ),
    Fault::blunt(
        "a sum that would be too large is called an empty balance",
        &["a_balance_never_wraps_above", "a_balance_never_wraps_below"],
        Hooks {
            refuses: |_, error, _, _| {
                if let LedgerError::TooLarge { amount } = error {
                    let short = Shortfall::new(*amount, Timestamp::default());
                    *error = LedgerError::Insufficient(Box::new(short));
                }
            },
            ..HONEST
        },
    ),
    Fault::new(
        "a refund that would be too large is booked in part",
        &["a_balance_never_wraps_above"],
        Hooks {
            post: |request, account| {
                let room = i64::MAX - account.state.posted.max(0);
                if matches!(request.kind, PostKind::Refund { .. }) && request.amount.minor() > room {
                    request.amount = request.amount.unit().minor(room);
                }
                Ok(())
            },
            ..HONEST
        },
    ),
    Fault::blunt(
        "credit that was bought is refused when there are 32 grants",
        &["any_number_of_top_ups_on_any_terms_is_booked"],
        Hooks {
            post: |request, account| match &request.kind {
                PostKind::Credit(terms)
                    if terms.kind == GrantKind::Paid
                        && account.state.grants.list().len() >= Limits::MAX_GRANTS =>
                {
                    Err(LedgerError::invalid("the number of grants", "must be at most 32", 33))
                }
                _ => Ok(()),
            },
            ..HONEST
        },
    ),
    Fault::new(
        "an unknown account is kept when a request is out of range",
        &["a_request_out_of_range_stores_nothing_about_an_unknown_account"],
        Hooks {
            refuses: |_, error, _, account| {
                if matches!(error, LedgerError::Invalid { .. }) && account.state.seq == 0 {
                    account.state.seq = 1;
                }
            },
            ..HONEST
        },
    )
    // That courtesy is refused as out of range, on an unknown account.
    .also(&["a_refused_courtesy_was_not_given"]),
    Fault::new(
        "a hold is resized to less than nothing",
        &["no_field_of_a_resize_is_negative"],
        Hooks {
            resize: |request, _| {
                request.total = request.total.map(|total| total.unit().minor(total.minor().max(0)));
                Ok(())
            },
            ..HONEST
        },
    ),
    Fault::new(
        "a key of the longest kind is too long",
        &["the_longest_names_work_in_every_operation"],
        Hooks {
            hold: |request, _| match request.key.as_str().len() {
                IdempotencyKey::MAX_LEN => Err(LedgerError::invalid("the key", "must be shorter", "")),
                _ => Ok(()),
            },
            ..HONEST
        },
    ),
];
