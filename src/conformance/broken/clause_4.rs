//! Clause 4 broken: refusals without proof, and answers that are taken for others.

use crate::conformance::broken::Fault;
use crate::conformance::broken::hooks::{Ask, HONEST, Hooks};
use crate::error::LedgerError;
use crate::ledger::reply::Found;

pub(super) const FAULTS: &[Fault] = &[
    Fault::blunt(
        "what not even a debt suffices for is refused without proof",
        &["a_shortfall_is_proved_and_adds_up"],
        Hooks {
            refuses: |_, error, _, _| {
                if matches!(error, LedgerError::Insufficient(short) if short.debt_limit > 0) {
                    *error = LedgerError::invalid("the amount", "must be available", "");
                }
            },
            ..HONEST
        },
    ),
    Fault::new(
        "the proof is as of the latest change",
        &["a_shortfall_is_proved_and_adds_up"],
        Hooks {
            refuses: |_, error, view, _| {
                if let LedgerError::Insufficient(short) = error {
                    short.as_of = view.state.time;
                }
            },
            ..HONEST
        },
    )
    // How long it is until the next release is counted from there.
    .also(&["expires_exactly_at_release_not_a_microsecond_earlier"]),
    Fault::new(
        "the proof leaves out the debt that was allowed",
        &["a_shortfall_is_proved_and_adds_up"],
        Hooks {
            refuses: |_, error, _, _| {
                if let LedgerError::Insufficient(short) = error {
                    short.debt_limit = 0;
                }
            },
            ..HONEST
        },
    ),
    Fault::new(
        "the next release is that of a hold which is closed",
        &["a_shortfall_tells_the_next_release_of_what_is_open"],
        Hooks {
            refuses: |_, error, _, account| {
                if let LedgerError::Insufficient(short) = error
                    && let Some(next) = &mut short.next_release
                {
                    let all = account.holds.values().map(|hold| hold.release_at);
                    *next = all.filter(|at| *at > short.as_of).min().unwrap_or(*next);
                }
            },
            ..HONEST
        },
    ),
    Fault::new(
        "the void of a hold that was never made is called a conflict",
        &["operations_on_a_hold_that_never_was"],
        Hooks {
            refuses: |ask, error, _, _| {
                if matches!(ask, Ask::Void) && *error == LedgerError::UnknownHold {
                    *error = LedgerError::KeyConflict { field: "key".into() };
                }
            },
            ..HONEST
        },
    ),
    Fault::new(
        "a capture is found as a posting",
        &["find_tells_holds_and_postings_apart"],
        Hooks {
            stores: |ask, changes, _, account| {
                if let (Ask::Capture(_), Some(entry)) = (ask, &changes.entry) {
                    account.postings.entry((true, entry.key.clone())).or_insert(entry.seq);
                }
            },
            ..HONEST
        },
    )
    // What is found among the charges can be refunded as one.
    .also(&["a_refund_of_what_is_no_charge_is_refused"]),
    Fault::new(
        "a refused charge is found as one that was made",
        &["find_says_not_applied_after_a_refusal"],
        Hooks {
            refuses: |ask, error, _, account| {
                if let (Ask::Post(request), LedgerError::Insufficient(_)) = (ask, &error) {
                    account.scratch.refused.insert(("charge", request.key.clone()), error.clone());
                }
            },
            finds: |found, request, account| {
                let refused = account.scratch.refused.contains_key(&("charge", request.key.clone()));
                if let (Found::NotApplied, true, Some(entry)) =
                    (&found, refused, account.entries.values().next())
                {
                    *found = Found::Entry(Box::new(entry.clone()));
                }
            },
            ..HONEST
        },
    )
    // They look whether their refusals left something to be found.
    .also(&["a_balance_never_wraps_below", "the_largest_amount_is_paid_in_held_and_charged_exactly"]),
    Fault::blunt(
        "the proof has the number of the latest entry",
        &["a_shortfall_is_proved_and_adds_up"],
        Hooks {
            refuses: |_, error, _, account| {
                if let LedgerError::Insufficient(short) = error {
                    short.seq = account.entries.last_key_value().map_or(0, |(seq, _)| *seq);
                }
            },
            ..HONEST
        },
    ),
    Fault::new(
        "an answer is not what is stored",
        &["an_answer_is_what_find_tells"],
        Hooks {
            stores: |ask, changes, _, _| {
                if let (Ask::Resize(request), Some(hold)) = (ask, &mut changes.hold)
                    && request.lifetime.is_none()
                {
                    hold.ends_at = hold.release_at;
                }
            },
            ..HONEST
        },
    )
    // It compares what a later refusal shows with the answer.
    .also(&["resize_is_guarded_by_its_revision"]),
];
