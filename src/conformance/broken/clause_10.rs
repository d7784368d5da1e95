//! Clause 10 broken: numbers that are missing, repeated or of another moment.

use crate::conformance::broken::Fault;
use crate::conformance::broken::hooks::{Ask, HONEST, Hooks};
use crate::entry::Operation;
use crate::error::LedgerError;

pub(super) const FAULTS: &[Fault] = &[
    Fault::blunt(
        "a release takes two numbers",
        &["expiries_have_numbers_too"],
        Hooks {
            stores: |ask, changes, _, _| {
                if matches!(ask, Ask::Release) {
                    changes.account.seq += 1;
                }
            },
            ..HONEST
        },
    ),
    Fault::blunt(
        "a release takes no number",
        &["expiries_have_numbers_too"],
        Hooks {
            stores: |ask, changes, _, _| {
                if matches!(ask, Ask::Release) {
                    changes.account.seq -= 1;
                }
            },
            ..HONEST
        },
    ),
    Fault::blunt(
        "a hold of nothing takes no number",
        &["each_change_has_the_next_number"],
        Hooks {
            stores: |ask, changes, _, _| {
                if matches!(ask, Ask::Hold(request) if request.amount.is_zero()) && changes.account.seq > 1 {
                    changes.account.seq -= 1;
                }
            },
            answers: |_, answer, _, account| answer.seq = account.state.seq,
            ..HONEST
        },
    ),
    Fault::blunt(
        "what was told is forgotten with each change",
        &["what_was_told_falls_until_credit_comes_in"],
        Hooks { stores: |_, changes, _, _| changes.account.told.lowest = changes.account.posted, ..HONEST },
    ),
    Fault::blunt(
        "a top-up is not noted",
        &["the_latest_top_up_is_known"],
        Hooks {
            stores: |_, changes, _, _| {
                (changes.account.told.top_up, changes.account.told.top_up_seq) = (0, 0);
            },
            ..HONEST
        },
    ),
    Fault::blunt(
        "a replay takes a number",
        &["each_change_has_the_next_number"],
        Hooks {
            sees: |ask, view, account| {
                if matches!(ask, Ask::Post(_)) && view.entry.is_some() {
                    account.state.seq += 1;
                }
            },
            ..HONEST
        },
    ),
    Fault::blunt(
        "a replay has the number of the change that it repeats",
        &["each_change_has_the_next_number"],
        Hooks {
            answers: |_, answer, view, _| {
                if let Some(entry) = view.entry.as_ref().filter(|entry| entry.operation == Operation::Charge)
                {
                    answer.seq = entry.seq;
                }
            },
            ..HONEST
        },
    ),
    Fault::blunt(
        "what was available before leaves out what was released first",
        &["expiries_have_numbers_too"],
        Hooks {
            answers: |_, answer, _, account| {
                if answer.seq > account.scratch.on_arrival.0 + 1 {
                    answer.before = account.scratch.on_arrival.1;
                }
            },
            ..HONEST
        },
    ),
    Fault::blunt(
        "a capture tells what is available without what it freed",
        &["a_threshold_is_crossed_once"],
        Hooks {
            answers: |ask, answer, view, _| {
                if let (Ask::Capture(request), Some(hold)) = (ask, &view.hold) {
                    answer.after -= (hold.reserve() - request.total.minor()).clamp(0, 6);
                }
            },
            ..HONEST
        },
    ),
    Fault::new(
        "a refusal carries the number before the releases",
        &["expiries_have_numbers_too", "starts_and_ends_of_credit_have_numbers_too"],
        Hooks {
            refuses: |_, error, _, account| {
                if let LedgerError::Insufficient(short) = error {
                    short.seq = account.scratch.on_arrival.0;
                }
            },
            ..HONEST
        },
    )
    // It asks for a proof right after something became due.
    .also(&["what_became_due_is_booked_before_anything_is_decided"]),
    Fault::new(
        "a statement carries the number of its latest entry",
        &["reads_and_refusals_carry_the_number"],
        Hooks {
            shows_statement: |page, _, account| {
                page.seq = account.entries.last_key_value().map_or(0, |(seq, _)| *seq);
            },
            ..HONEST
        },
    )
    // It pages through entries with holds between them.
    .also(&["statements_page_both_ways"]),
    Fault::new(
        "a balance is as of the latest change",
        &["a_balance_is_as_of_when_it_is_read"],
        Hooks { shows_balance: |balance, account| balance.as_of = account.state.time, ..HONEST },
    ),
    Fault::new(
        "open holds are listed by key",
        &["open_holds_are_listed_by_release_then_key"],
        Hooks {
            shows_holds: |page, _, _| page.holds.sort_by(|one, other| one.key.cmp(&other.key)),
            ..HONEST
        },
    ),
    Fault::new(
        "a refund leaves the revision of its hold",
        &["rev_rises_by_one_with_each_change_of_a_hold"],
        Hooks {
            stores: |ask, changes, _, _| {
                if let (Ask::Post(_), Some(hold)) = (ask, &mut changes.hold) {
                    hold.rev -= 1;
                }
            },
            ..HONEST
        },
    ),
    Fault::new(
        "a release leaves the revision of its hold",
        &["rev_rises_by_one_with_each_change_of_a_hold"],
        Hooks {
            stores: |ask, changes, _, _| {
                if let (Ask::Release, Some(hold)) = (ask, &mut changes.hold) {
                    hold.rev -= 1;
                }
            },
            ..HONEST
        },
    ),
];
