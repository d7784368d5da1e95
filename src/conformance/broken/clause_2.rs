//! Clause 2 broken: keys that are forgotten, and replays of something else.

use std::sync::Arc;
use std::time::Duration;

use crate::account::Novelty;
use crate::clock::Timestamp;
use crate::conformance::broken::Fault;
use crate::conformance::broken::hooks::{Ask, HONEST, Hooks};
use crate::entry::Operation;
use crate::error::LedgerError;
use crate::hold::{HoldState, HoldStatus};
use crate::ledger::request::{CaptureMode, PostKind};

pub(super) const FAULTS: &[Fault] = &[
    Fault::blunt(
        "the key of a hold is forgotten when it is closed",
        &["a_repeated_hold_carries_its_present_state", "keys_of_closed_holds_outlast_a_day_or_the_lifetime"],
        Hooks {
            sees: |ask, view, _| {
                if matches!(ask, Ask::Hold(_)) {
                    view.hold = view.hold.take().filter(HoldState::is_open);
                }
            },
            ..HONEST
        },
    ),
    Fault::new(
        "the key of a closed hold is kept for an hour",
        &["keys_of_closed_holds_outlast_a_day_or_the_lifetime"],
        Hooks {
            sees: |ask, view, _| {
                let hour = Duration::from_secs(3_600);
                if matches!(ask, Ask::Hold(_) | Ask::Capture(_) | Ask::Void) {
                    let now = view.now;
                    let kept = |end: Timestamp| now < end.saturating_add(hour);
                    view.hold = view.hold.take().filter(|hold| hold.is_open() || kept(hold.release_at));
                }
            },
            ..HONEST
        },
    ),
    Fault::blunt(
        "the keys of charges are forgotten",
        &["a_repeated_post_of_each_kind_is_a_replay", "a_repeated_post_with_changed_content_conflicts"],
        Hooks { sees: |_, view, _| view.entry = view.entry.take().filter(|it| it.amount >= 0), ..HONEST },
    ),
    Fault::new(
        "a repeated hold is a replay whatever its amount",
        &["a_repeated_hold_with_another_amount_conflicts", "declared_content_decides_not_the_amounts"],
        Hooks {
            sees: |ask, view, _| {
                if let (Ask::Hold(request), Some(hold)) = (ask, &mut view.hold) {
                    (hold.requested, hold.minimum) = (request.amount.minor(), request.minimum.minor());
                }
            },
            ..HONEST
        },
    ),
    Fault::new(
        "a repeated hold is a replay whatever its content",
        &["declared_content_decides_not_the_amounts"],
        Hooks {
            hold: |request, account| {
                if let Some(hold) = account.holds.get(&request.key) {
                    request.content = hold.content();
                }
                Ok(())
            },
            ..HONEST
        },
    ),
    Fault::new(
        "the amount counts though content was declared",
        &["declared_content_decides_not_the_amounts"],
        Hooks {
            hold: |request, account| match account.holds.get(&request.key) {
                Some(hold) if hold.requested != request.amount.minor() => {
                    Err(LedgerError::KeyConflict { field: "amount".into() })
                }
                _ => Ok(()),
            },
            ..HONEST
        },
    ),
    Fault::new(
        "labels are compared",
        &["policy_and_labels_are_not_compared"],
        Hooks {
            hold: |request, account| match account.holds.get(&request.key) {
                Some(hold) if hold.labels() != request.labels => {
                    Err(LedgerError::KeyConflict { field: "labels".into() })
                }
                _ => Ok(()),
            },
            ..HONEST
        },
    ),
    Fault::new(
        "a repeated hold is answered as when it was made",
        &["a_repeated_hold_carries_its_present_state"],
        Hooks {
            sees: |ask, view, _| {
                if let (Ask::Hold(_), Some(hold)) = (ask, &mut view.hold)
                    && hold.status == HoldStatus::Captured
                {
                    (hold.captured, hold.settled, hold.refunded) = (0, 0, 0);
                }
            },
            ..HONEST
        },
    ),
    Fault::blunt(
        "a refusal is remembered",
        &["a_refusal_is_not_frozen"],
        Hooks {
            hold: |request, account| match account.scratch.refused.get(&("hold", request.key.clone())) {
                Some(error) => Err(error.clone()),
                None => Ok(()),
            },
            refuses: |ask, error, _, account| {
                if let (Ask::Hold(request), LedgerError::Insufficient(_)) = (ask, &error) {
                    account.scratch.refused.insert(("hold", request.key.clone()), error.clone());
                }
            },
            ..HONEST
        },
    ),
    Fault::blunt(
        "a refused charge is remembered",
        &["a_refused_charge_is_not_frozen"],
        Hooks {
            post: |request, account| match account.scratch.refused.get(&("charge", request.key.clone())) {
                Some(error) => Err(error.clone()),
                None => Ok(()),
            },
            refuses: |ask, error, _, account| {
                if let (Ask::Post(request), LedgerError::Insufficient(_)) = (ask, &error) {
                    account.scratch.refused.insert(("charge", request.key.clone()), error.clone());
                }
            },
            ..HONEST
        },
    ),
    Fault::new(
        "charges and credit share their keys",
        &[
            "a_repeated_post_with_changed_content_conflicts",
            "credit_refunds_and_adjustments_share_their_keys",
        ],
        Hooks {
            sees: |ask, view, account| {
                if let (Ask::Post(request), None) = (ask, &view.entry) {
                    let charge = request.kind.operation() != Operation::Charge;
                    let seq = account.postings.get(&(charge, request.key.clone()));
                    view.entry = seq.and_then(|seq| account.entries.get(seq)).cloned();
                }
            },
            ..HONEST
        },
    ),
    Fault::new(
        "a refund is known by its key and amount, whatever it refunds",
        &[
            "a_refund_of_another_charge_conflicts",
            "a_refund_of_something_else_conflicts_whatever_was_declared",
        ],
        Hooks {
            sees: |ask, view, _| {
                if let (Ask::Post(request), Some(entry)) = (ask, &mut view.entry)
                    && let PostKind::Refund { of, .. } = &request.kind
                    && let Some(detail) = entry.detail.as_mut().map(Arc::make_mut)
                {
                    detail.of = Some(Box::new(of.clone()));
                }
            },
            ..HONEST
        },
    ),
    Fault::new(
        "a final capture of another total is a replay",
        &[
            "a_final_capture_of_another_total_conflicts",
            "a_repeated_capture_is_a_replay_whatever_was_refunded",
        ],
        Hooks {
            capture: |request, account| {
                if let Some(hold) = account.holds.get(&request.key)
                    && hold.status == HoldStatus::Captured
                    && request.mode == CaptureMode::Final
                {
                    request.total = hold.unit.minor(hold.settled);
                }
                Ok(())
            },
            ..HONEST
        },
    ),
    Fault::new(
        "a replay says that it is fresh",
        &["a_repeated_void_is_a_replay", "keys_of_closed_holds_outlast_a_day_or_the_lifetime"],
        Hooks {
            answers: |ask, answer, _, _| {
                if matches!(ask, Ask::Void) {
                    answer.novelty = Novelty::Fresh;
                }
            },
            ..HONEST
        },
    ),
    Fault::new(
        "a capture that is repeated after a refund is another one",
        &["a_repeated_capture_is_a_replay_whatever_was_refunded"],
        Hooks {
            stores: |ask, changes, view, _| {
                if let (Ask::Post(_), Some(hold)) = (ask, &mut changes.hold) {
                    hold.settled -= hold.refunded - view.hold.as_ref().map_or(0, |known| known.refunded);
                }
            },
            ..HONEST
        },
    ),
];
