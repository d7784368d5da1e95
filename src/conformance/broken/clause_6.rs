//! Clause 6 broken: captures that take too much or lose what they could not take, and what is given back wrongly.

use crate::clock::Timestamp;
use crate::conformance::broken::Fault;
use crate::conformance::broken::hooks::{Ask, HONEST, Hooks};
use crate::entry::{ChargeRef, Operation};
use crate::hold::{HoldState, HoldStatus, LateCapture, OverCapture};
use crate::ledger::request::{CaptureMode, PostKind};

pub(super) const FAULTS: &[Fault] = &[
    Fault::new(
        "a capture above its hold takes what other holds set aside",
        &[
            "a_capture_above_draws_on_no_others_part_of_a_grant",
            "a_late_capture_draws_on_no_others_part_of_a_grant",
            "above_the_hold_debt",
            "above_the_hold_never_touches_another_hold",
            "above_the_hold_up_to_available",
            "uncollected_is_told_by_entry_hold_and_reply_alike",
        ],
        Hooks {
            capture: |request, account| {
                let own = account.holds.get(&request.key).map_or(0, HoldState::reserve);
                if request.over != OverCapture::Reject
                    && !request.debt_limit.is_negative()
                    && account.state.held > own
                {
                    request.over = OverCapture::Debt;
                    let others = account.state.held - own;
                    request.debt_limit = request.debt_limit.unit().minor(request.debt_limit.minor() + others);
                }
                Ok(())
            },
            ..HONEST
        },
    )
    // Another hold has there what a capture must not take.
    .also(&["a_capture_above_draws_anew_after_its_own_draws", "new_work_never_draws_on_ended_credit"]),
    Fault::new(
        "a capture above its hold is taken for what the hold has",
        &["above_the_hold_reject"],
        Hooks {
            capture: |request, account| {
                if let Some(hold) = account.holds.get(&request.key)
                    && request.over == OverCapture::Reject
                    && request.total.minor() > hold.total
                {
                    request.total = hold.total();
                }
                Ok(())
            },
            ..HONEST
        },
    )
    // It captures the largest amounts by each policy.
    .also(&["captures_far_above_are_collected_exactly_as_far_as_there_is_something"]),
    Fault::new(
        "a capture may go into debt unasked",
        &["a_capture_above_draws_on_no_others_part_of_a_grant", "above_the_hold_up_to_available"],
        Hooks {
            capture: |request, _| {
                if request.over == OverCapture::UpToAvailable {
                    request.over = OverCapture::Debt;
                }
                Ok(())
            },
            ..HONEST
        },
    )
    // It captures the largest amounts by each policy.
    .also(&["captures_far_above_are_collected_exactly_as_far_as_there_is_something"]),
    Fault::blunt(
        "a capture that may go into debt goes no further than the balance",
        &["above_the_hold_debt"],
        Hooks {
            capture: |request, _| {
                if request.over == OverCapture::Debt {
                    request.over = OverCapture::UpToAvailable;
                }
                Ok(())
            },
            ..HONEST
        },
    ),
    Fault::new(
        "what could not be collected is not on the entry",
        &[
            "a_partial_capture_above_is_collected_later",
            "above_the_hold_up_to_available",
            "late_if_available",
            "partial_captures_with_grants_collect_later_what_was_missing",
            "uncollected_is_told_by_entry_hold_and_reply_alike",
        ],
        Hooks {
            stores: |_, changes, _, _| {
                if let Some(entry) = &mut changes.entry {
                    entry.uncollected = 0;
                }
            },
            ..HONEST
        },
    ),
    Fault::new(
        "what could not be collected is forgotten on the hold",
        &[
            "a_partial_capture_above_is_collected_later",
            "partial_captures_with_grants_collect_later_what_was_missing",
            "uncollected_is_told_by_entry_hold_and_reply_alike",
        ],
        Hooks {
            stores: |ask, changes, _, _| {
                if let (Ask::Capture(request), Some(hold)) = (ask, &mut changes.hold)
                    && request.mode == CaptureMode::Partial
                {
                    hold.settled = hold.settled.min(hold.captured);
                }
            },
            ..HONEST
        },
    ),
    Fault::blunt(
        "a partial capture is added to those before",
        &["partial_captures_name_absolute_totals", "partial_captures_reordered_and_repeated"],
        Hooks {
            capture: |request, account| {
                if let Some(hold) = account.holds.get(&request.key)
                    && request.mode == CaptureMode::Partial
                    && request.total.minor() > 0
                    && hold.captured > 2
                {
                    request.total = hold.unit.minor(request.total.minor() + hold.captured);
                }
                Ok(())
            },
            ..HONEST
        },
    ),
    Fault::blunt(
        "a capture of nothing leaves its hold open",
        &["a_capture_of_nothing_closes_and_charges_nothing"],
        Hooks {
            capture: |request, _| {
                if request.total.is_zero() {
                    request.mode = CaptureMode::Partial;
                }
                Ok(())
            },
            ..HONEST
        },
    ),
    Fault::blunt(
        "a late capture is paid from the hold that it lost",
        &["late_captures_leave_other_holds_alone", "late_if_available", "late_debt", "late_reject"],
        Hooks {
            sees: |ask, view, _| {
                if let (Ask::Capture(_), Some(hold)) = (ask, &mut view.hold)
                    && hold.status == HoldStatus::Expired
                {
                    hold.status = HoldStatus::Open;
                    hold.release_at = Timestamp::MAX;
                    view.state.held += hold.reserve();
                    view.state.open_holds += 1;
                }
            },
            ..HONEST
        },
    ),
    Fault::new(
        "a late capture is refused by nobody",
        &["late_reject"],
        Hooks {
            capture: |request, _| {
                if request.late == LateCapture::Reject {
                    request.late = LateCapture::IfAvailable;
                }
                Ok(())
            },
            ..HONEST
        },
    ),
    Fault::new(
        "a late capture goes into debt unasked",
        &["a_late_capture_draws_on_no_others_part_of_a_grant", "late_if_available"],
        Hooks {
            capture: |request, _| {
                if request.late == LateCapture::IfAvailable {
                    request.late = LateCapture::Debt;
                }
                Ok(())
            },
            ..HONEST
        },
    )
    // It captures the largest amounts by each policy.
    .also(&["late_captures_far_above_are_collected_exactly"]),
    Fault::new(
        "a voided hold can be captured when its time is over",
        &["a_voided_hold_cannot_be_captured"],
        Hooks {
            sees: |ask, view, _| {
                if let (Ask::Capture(_), Some(hold)) = (ask, &mut view.hold)
                    && hold.status == HoldStatus::Voided
                    && hold.release_at <= view.now
                {
                    hold.status = HoldStatus::Expired;
                }
            },
            ..HONEST
        },
    ),
    Fault::new(
        "a hold of which part was captured can be voided",
        &["a_captured_hold_cannot_be_voided"],
        Hooks {
            sees: |ask, view, _| {
                if let (Ask::Void, Some(hold)) = (ask, &mut view.hold)
                    && hold.is_open()
                {
                    hold.total -= hold.captured;
                    hold.captured = 0;
                }
            },
            ..HONEST
        },
    ),
    Fault::new(
        "a resize does not look at the revision",
        &["resize_is_guarded_by_its_revision"],
        Hooks {
            resize: |request, account| {
                request.rev = account.holds.get(&request.key).map_or(request.rev, |hold| hold.rev);
                Ok(())
            },
            ..HONEST
        },
    ),
    Fault::blunt(
        "a resize is added to what is held",
        &["resize_moves_the_difference"],
        Hooks {
            resize: |request, account| {
                if let (Some(total), Some(hold)) = (request.total, account.holds.get(&request.key))
                    && hold.captured > 0
                {
                    request.total = Some(hold.unit.minor(total.minor() + hold.captured));
                }
                Ok(())
            },
            ..HONEST
        },
    ),
    Fault::new(
        "a resize that is refused makes the hold last longer all the same",
        &["refused_growth_leaves_the_old_hold"],
        Hooks {
            refuses: |ask, _, view, account| {
                if let (Ask::Resize(request), Some(hold)) = (ask, &view.hold)
                    && let (Some(lifetime), Some(stored)) =
                        (request.lifetime, account.holds.get_mut(&hold.key))
                {
                    stored.ends_at = view.now.saturating_add(lifetime);
                }
            },
            ..HONEST
        },
    )
    // What it refuses is to last longer.
    .also(&["a_resize_has_the_same_limits_of_lifetime"]),
    Fault::blunt(
        "a charge can be refunded again and again",
        &["refunds_of_a_charge_are_limited_to_what_is_left"],
        Hooks {
            sees: |ask, view, _| {
                if let (Ask::Post(_), Some(charge)) = (ask, &mut view.charge) {
                    charge.refunded = 0;
                }
            },
            ..HONEST
        },
    ),
    Fault::new(
        "of a hold can be refunded what was never collected",
        &["refunds_of_a_hold_are_limited_to_what_is_left"],
        Hooks {
            sees: |ask, view, _| {
                if let (Ask::Post(_), Some(hold)) = (ask, &mut view.hold) {
                    hold.captured = hold.captured.max(hold.settled);
                }
            },
            stores: |ask, changes, _, account| {
                if let (Ask::Post(_), Some(hold)) = (ask, &mut changes.hold) {
                    hold.captured = account.holds.get(&hold.key).map_or(0, |known| known.captured);
                }
            },
            ..HONEST
        },
    ),
    Fault::new(
        "an adjustment can be refunded",
        &["a_refund_of_what_is_no_charge_is_refused"],
        Hooks {
            sees: |ask, view, account| {
                if let Ask::Post(request) = ask
                    && let PostKind::Refund { of: ChargeRef::Charge(key), .. } = &request.kind
                    && view.charge.is_none()
                {
                    view.charge = account.posting(Operation::Credit, key).cloned();
                }
            },
            ..HONEST
        },
    ),
];
