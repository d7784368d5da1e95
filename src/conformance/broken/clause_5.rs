//! Clause 5 broken: holds that end too early, too late, twice or never.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::conformance::broken::Fault;
use crate::conformance::broken::hooks::{Ask, Due, HONEST, Hooks, Occasion, View};
use crate::conformance::broken::ledger::Account;
use crate::hold::{HoldState, HoldStatus};
use crate::ledger::rules::Changes;

pub(super) const FAULTS: &[Fault] = &[
    Fault::new(
        "a hold is released at its end, without grace",
        &[],
        Hooks { due_at: |hold| hold.ends_at, sees: due_already, stores: as_it_was_due, ..HONEST },
    ),
    Fault::new(
        "a hold is released a microsecond early",
        &[],
        Hooks { due_at: just_before, sees: due_already, stores: as_it_was_due, ..HONEST },
    ),
    Fault::new(
        "an expired hold counts until it is swept or read",
        &[],
        Hooks {
            books: |occasion, due| due == Due::Turn || occasion != Occasion::Decision,
            sees: |ask, view, _| {
                if !matches!(ask, Ask::Release) {
                    view.state.next_due = Timestamp::MAX;
                }
            },
            ..HONEST
        },
    ),
    Fault::new(
        "an expired hold counts in reads until something is decided or swept",
        &[],
        Hooks { books: |occasion, due| due == Due::Turn || occasion != Occasion::Read, ..HONEST },
    ),
    Fault::new(
        "expired holds are released only where the answer would be no",
        &[],
        Hooks { books: |occasion, due| due == Due::Turn || occasion != Occasion::Decision, ..HONEST },
    ),
    Fault::new(
        "a hold that expires gives its money back twice",
        &[],
        Hooks {
            stores: |ask, changes, view, _| {
                if let (Ask::Release, Some(hold)) = (ask, &view.hold) {
                    changes.account.held = changes.account.held.saturating_sub(hold.reserve());
                }
            },
            ..HONEST
        },
    ),
    Fault::new(
        "a sweep releases what was captured as well",
        &[],
        Hooks {
            sweeps: |account, now| {
                for hold in account.holds.values().filter(|hold| hold.status == HoldStatus::Captured) {
                    if hold.release_at <= now && account.scratch.seen.insert(u64::from(hold.rev)) {
                        account.state.held -= hold.total - hold.captured;
                        account.state.seq += 1;
                    }
                }
            },
            ..HONEST
        },
    ),
    Fault::new(
        "a late capture passes for one in time",
        &[],
        Hooks {
            stores: |_, changes, _, _| {
                if let Some(hold) = &mut changes.hold {
                    hold.late = false;
                }
            },
            receipt: |captured| captured.late = false,
            ..HONEST
        },
    ),
    Fault::new(
        "a resize can shorten a hold",
        &[],
        Hooks {
            stores: |ask, changes, view, _| {
                if let (Ask::Resize(request), Some(hold)) = (ask, &mut changes.hold)
                    && let Some(lifetime) = request.lifetime
                {
                    let grace = hold.release_at.saturating_since(hold.ends_at);
                    hold.ends_at = view.now.saturating_add(lifetime);
                    hold.release_at = hold.ends_at.saturating_add(grace);
                }
            },
            ..HONEST
        },
    ),
    Fault::new(
        "a longer life counts from the end of the shorter one",
        &[],
        Hooks {
            stores: |ask, changes, view, _| {
                if let (Ask::Resize(request), Some(hold)) = (ask, &mut changes.hold)
                    && let Some(lifetime) = request.lifetime
                {
                    let grace = hold.release_at.saturating_since(hold.ends_at);
                    let known = view.hold.as_ref().map_or(view.now, |known| known.ends_at);
                    hold.ends_at = known.saturating_add(lifetime);
                    hold.release_at = hold.ends_at.saturating_add(grace);
                }
            },
            ..HONEST
        },
    ),
    Fault::new(
        "a sweep does more than it is asked for",
        &[],
        Hooks {
            sweep: |request| {
                if request.limit < 1_000 && request.limit > 1 {
                    request.limit += 1;
                }
            },
            ..HONEST
        },
    ),
    Fault::new(
        "a release forgets what was captured",
        &[],
        Hooks {
            stores: |ask, changes, _, _| {
                if let (Ask::Release, Some(hold)) = (ask, &mut changes.hold) {
                    (hold.captured, hold.settled) = (0, 0);
                }
            },
            ..HONEST
        },
    ),
    Fault::new(
        "the account's time runs back with the clock",
        &[],
        Hooks { sees: |_, view, _| view.state.time = Timestamp::from_micros(i64::MIN), ..HONEST },
    ),
    Fault::new(
        "a hold that lasts longer is due when it was before",
        &[],
        Hooks {
            due_at: |hold| hold.opened_at.saturating_add(Duration::from_secs(330)).min(hold.release_at),
            sees: due_already,
            stores: as_it_was_due,
            ..HONEST
        },
    ),
];

fn just_before(hold: &HoldState) -> Timestamp {
    Timestamp::from_micros(hold.release_at.as_micros().saturating_sub(1))
}

/// Shows a hold that is released before its time as due.
fn due_already(ask: Ask<'_>, view: &mut View, _: &mut Account) {
    if let (Ask::Release, Some(hold)) = (ask, &mut view.hold) {
        hold.release_at = view.now.min(hold.release_at);
    }
}

fn as_it_was_due(ask: Ask<'_>, changes: &mut Changes, _: &View, account: &mut Account) {
    if let (Ask::Release, Some(hold)) = (ask, &mut changes.hold)
        && let Some(known) = account.holds.get(&hold.key)
    {
        hold.release_at = known.release_at;
    }
}
