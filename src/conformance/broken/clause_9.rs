//! Clause 9 broken: sums that do not add up, and statements that leave something out.

use crate::conformance::broken::Fault;
use crate::conformance::broken::hooks::{Ask, HONEST, Hooks};
use crate::content::Declared;
use crate::entry::Entry;
use crate::error::LedgerError;
use crate::ledger::request::{Order, PostKind};

pub(super) const FAULTS: &[Fault] = &[
    Fault::blunt(
        "an entry states what is available, not what is posted",
        &["the_sums_hold_after_every_kind_of_change", "each_page_begins_with_what_the_one_before_came_to"],
        Hooks {
            stores: |_, changes, _, _| {
                if let Some(entry) = &mut changes.entry {
                    entry.posted_after = changes.account.available();
                }
            },
            ..HONEST
        },
    ),
    Fault::blunt(
        "the amount of a refund is that of the charge",
        &["the_sums_hold_after_every_kind_of_change"],
        Hooks {
            stores: |_, changes, _, _| {
                if let (Some(entry), Some(charge)) = (&mut changes.entry, &changes.charge) {
                    entry.amount = -charge.amount;
                }
            },
            ..HONEST
        },
    ),
    Fault::blunt(
        "a resize downwards does not lower what is held",
        &["the_sums_hold_after_every_kind_of_change"],
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
        &["the_sums_hold_after_every_kind_of_change"],
        Hooks {
            stores: |ask, changes, _, _| {
                if matches!(ask, Ask::Void) {
                    changes.account.open_holds = changes.account.open_holds.saturating_sub(1);
                }
            },
            ..HONEST
        },
    )
    // They void one of several holds.
    .also(&["a_shortfall_tells_the_next_release_of_what_is_open", "only_what_is_free_is_drawn"]),
    Fault::blunt(
        "a chargeback takes no more than there is",
        &["a_chargeback_may_go_below_zero"],
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
        &["debt_is_only_as_deep_as_allowed"],
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
        &["the_reason_for_a_refusal_is_told"],
        Hooks {
            refuses: |ask, error, _, _| {
                if let (Ask::Post(_), LedgerError::Insufficient(short)) = (ask, error) {
                    (short.posted, short.held) = (short.posted - short.held, 0);
                }
            },
            ..HONEST
        },
    )
    // Its proof is that of a charge.
    .also(&["what_became_due_is_booked_before_anything_is_decided"]),
    Fault::new(
        "a page of a statement begins with the last entry of the one before",
        &["each_page_begins_with_what_the_one_before_came_to", "statements_page_both_ways"],
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
        &["statements_page_both_ways"],
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
        &["each_page_begins_with_what_the_one_before_came_to", "statements_page_both_ways"],
        Hooks {
            shows_statement: |page, _, _| page.next = page.next.or(page.entries.last().map(Entry::seq)),
            ..HONEST
        },
    ),
    Fault::new(
        "a statement leaves out charges of nothing",
        &["statements_page_both_ways"],
        Hooks {
            shows_statement: |page, request, _| {
                if request.order == Order::NewestFirst {
                    page.entries.retain(|entry| entry.amount != 0);
                }
            },
            ..HONEST
        },
    ),
    Fault::new(
        "a capture does not have the labels of its hold",
        &["entries_tell_what_they_were"],
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
        &["entries_tell_what_they_were"],
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
