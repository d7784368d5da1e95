//! Clause 4 broken: refusals without proof, and answers that are taken for others.

use crate::conformance::broken::Fault;
use crate::conformance::broken::hooks::{Ask, HONEST, Hooks};
use crate::error::LedgerError;
use crate::ledger::reply::Found;

pub(super) const FAULTS: &[Fault] = &[
    Fault::new(
        "a hold for which there is too little is refused without proof",
        &[],
        Hooks {
            refuses: |_, error, view, _| {
                if matches!(error, LedgerError::Insufficient(short) if short.debt_limit > 0 && view.hold.is_none())
                {
                    *error = LedgerError::invalid("the amount", "must be available", "");
                }
            },
            ..HONEST
        },
    ),
    Fault::new(
        "the proof is as of the latest change",
        &[],
        Hooks {
            refuses: |_, error, view, _| {
                if let LedgerError::Insufficient(short) = error {
                    short.as_of = view.state.time;
                }
            },
            ..HONEST
        },
    ),
    Fault::new(
        "the proof leaves out the debt that was allowed",
        &[],
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
        &[],
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
        "a hold that was never made looks closed",
        &[],
        Hooks {
            refuses: |ask, error, _, account| {
                if matches!(ask, Ask::Void(_))
                    && *error == LedgerError::UnknownHold
                    && account.state.held == 0
                {
                    *error = LedgerError::KeyConflict { field: "key".into() };
                }
            },
            ..HONEST
        },
    ),
    Fault::new(
        "a capture is found as a posting",
        &[],
        Hooks {
            stores: |ask, changes, _, account| {
                if let (Ask::Capture(_), Some(entry)) = (ask, &changes.entry) {
                    account.postings.entry((true, entry.key.clone())).or_insert(entry.seq);
                }
            },
            ..HONEST
        },
    ),
    Fault::new(
        "a refused charge is found as one that was made",
        &[],
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
    ),
];
