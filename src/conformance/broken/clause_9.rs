//! Clause 9 broken: sums that do not add up, and statements that leave something out.

use crate::conformance::broken::Fault;
use crate::conformance::broken::hooks::{Ask, HONEST, Hooks};
use crate::content::Declared;
use crate::entry::Entry;
use crate::error::LedgerError;
use crate::ledger::request::{Order, PostKind};

pub(super) const FAULTS: &[Fault] = &[
    Fault::new(
        "an entry states what is available, not what is posted",
        &[],
        Hooks {
            stores: |_, changes, _, _| {
                if let Some(entry) = &mut changes.entry {
                    entry.posted_after = changes.account.available();
                }
            },
            ..HONEST
        },
    ),
    Fault::new(
        "the amount of a refund is that of the charge",
        &[],
        Hooks {
            stores: |_, changes, _, _| {
                if let (Some(entry), Some(charge)) = (&mut changes.entry, &changes.charge) {
                    entry.amount = -charge.amount;
                }
            },
            ..HONEST
        },
    ),
    Fault::new(
        "a resize downwards does not lower what is held",
        &[],
        Hooks {
            stores: |ask, changes, view, _| {
                if matches!(ask, Ask::Resize(_)) {
                    changes.account.held = changes.account.held.max(view.state.held);
                }
            },
            ..HONEST
        },
    ),
    Fault::new(
        "a void takes a hold for two",
        &[],
        Hooks {
            stores: |ask, changes, _, _| {
                if matches!(ask, Ask::Void(_)) {
                    changes.account.open_holds = changes.account.open_holds.saturating_sub(1);
                }
            },
            ..HONEST
        },
    ),
    Fault::new(
        "a chargeback takes no more than there is",
        &[],
        Hooks {
            post: |request, account| {
                if request.kind == PostKind::Adjustment && account.state.posted > 0 {
                    let least = -account.state.posted;
                    request.amount = request.amount.unit().minor(request.amount.minor().max(least));
                }
                Ok(())
            },
            ..HONEST
        },
    ),
    Fault::new(
        "debt is allowed to each request anew",
        &[],
        Hooks {
            hold: |request, account| {
                let owed = account.state.available().min(0).saturating_neg();
                if request.debt_limit.minor() > 0 {
                    request.debt_limit =
                        request.debt_limit.unit().minor(request.debt_limit.minor().saturating_add(owed));
                }
                Ok(())
            },
            ..HONEST
        },
    ),
    Fault::new(
        "a refusal does not tell what is held",
        &[],
        Hooks {
            refuses: |ask, error, _, _| {
                if let (Ask::Post(_), LedgerError::Insufficient(short)) = (ask, error) {
                    (short.posted, short.held) = (short.posted - short.held, 0);
                }
            },
            ..HONEST
        },
    ),
    Fault::new(
        "a page of a statement begins with the last entry of the one before",
        &[],
        Hooks {
            statement: |request| {
                if request.order == Order::OldestFirst {
                    request.after = request.after.map(|after| after.saturating_sub(1));
                }
            },
            ..HONEST
        },
    ),
    Fault::new(
        "a page of a statement misses the first entry after the one before",
        &[],
        Hooks {
            statement: |request| {
                if request.order == Order::NewestFirst {
                    request.after = request.after.map(|after| after.saturating_sub(1));
                }
            },
            ..HONEST
        },
    ),
    Fault::new(
        "the last page of a statement is not said to be the last",
        &[],
        Hooks {
            shows_statement: |page, _, _| page.next = page.next.or(page.entries.last().map(Entry::seq)),
            ..HONEST
        },
    ),
    Fault::new(
        "a statement leaves out charges of nothing",
        &[],
        Hooks { shows_statement: |page, _, _| page.entries.retain(|entry| entry.amount != 0), ..HONEST },
    ),
    Fault::new(
        "a capture does not have the labels of its hold",
        &[],
        Hooks {
            stores: |ask, changes, _, _| {
                if let (Ask::Capture(_), Some(entry)) = (ask, &mut changes.entry) {
                    entry.declared = Declared::default();
                }
            },
            ..HONEST
        },
    ),
    Fault::new(
        "a capture is booked as of when its hold was made",
        &[],
        Hooks {
            stores: |ask, changes, view, _| {
                if let (Ask::Capture(_), Some(entry), Some(hold)) = (ask, &mut changes.entry, &view.hold)
                    && !hold.late
                {
                    entry.booked_at = hold.opened_at;
                }
            },
            ..HONEST
        },
    ),
];
