//! Clause 10 broken: numbers that are missing, repeated or of another moment.

use crate::conformance::broken::Fault;
use crate::conformance::broken::hooks::{Ask, HONEST, Hooks};
use crate::error::LedgerError;

pub(super) const FAULTS: &[Fault] = &[
    Fault::new(
        "a release takes two numbers",
        &[],
        Hooks {
            stores: |ask, changes, _, _| {
                if matches!(ask, Ask::Release) {
                    changes.account.seq += 1;
                }
            },
            ..HONEST
        },
    ),
    Fault::new(
        "a release takes no number",
        &[],
        Hooks {
            stores: |ask, changes, _, _| {
                if matches!(ask, Ask::Release) {
                    changes.account.seq -= 1;
                }
            },
            ..HONEST
        },
    ),
    Fault::new(
        "a hold of nothing takes no number",
        &[],
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
    Fault::new(
        "a replay takes a number",
        &[],
        Hooks {
            sees: |ask, view, account| {
                if matches!(ask, Ask::Post(_)) && view.entry.is_some() {
                    account.state.seq += 1;
                }
            },
            ..HONEST
        },
    ),
    Fault::new(
        "a replay has the number of the change that it repeats",
        &[],
        Hooks {
            answers: |_, answer, view, _| {
                if let Some(entry) = &view.entry {
                    answer.seq = entry.seq;
                }
            },
            ..HONEST
        },
    ),
    Fault::new(
        "what was available before leaves out what was released first",
        &[],
        Hooks {
            answers: |_, answer, _, account| {
                if answer.seq > account.scratch.on_arrival.0 + 1 {
                    answer.before = account.scratch.on_arrival.1;
                }
            },
            ..HONEST
        },
    ),
    Fault::new(
        "a capture tells what is available without what it freed",
        &[],
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
        &[],
        Hooks {
            refuses: |_, error, _, account| {
                if let LedgerError::Insufficient(short) = error {
                    short.seq = account.scratch.on_arrival.0;
                }
            },
            ..HONEST
        },
    ),
    Fault::new(
        "a statement carries the number of its latest entry",
        &[],
        Hooks {
            shows_statement: |page, _, account| {
                page.seq = account.entries.last_key_value().map_or(0, |(seq, _)| *seq);
            },
            ..HONEST
        },
    ),
    Fault::new(
        "a balance is as of the latest change",
        &[],
        Hooks { shows_balance: |balance, account| balance.as_of = account.state.time, ..HONEST },
    ),
    Fault::new(
        "open holds are listed by key",
        &[],
        Hooks {
            shows_holds: |page, _, _| page.holds.sort_by(|one, other| one.key.cmp(&other.key)),
            ..HONEST
        },
    ),
    Fault::new(
        "a hold that was made to last longer is listed where it was",
        &[],
        Hooks {
            due_at: |hold| hold.release_at,
            shows_holds: |page, _, _| {
                page.holds.sort_by_key(|hold| (hold.opened_at, hold.rev, hold.release_at))
            },
            ..HONEST
        },
    ),
    Fault::new(
        "a refund leaves the revision of its hold",
        &[],
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
        &[],
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
