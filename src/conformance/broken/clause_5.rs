//! Clause 5 broken: holds that end too early, too late, twice or never.

use crate::clock::Timestamp;
use crate::conformance::broken::Fault;
use crate::conformance::broken::hooks::{Ask, Due, HONEST, Hooks, Occasion, View};
use crate::conformance::broken::ledger::Account;
use crate::hold::{HoldState, HoldStatus};
use crate::ledger::rules::Changes;

pub(super) const FAULTS: &[Fault] = &[
    Fault::blunt(
        "a hold is released at its end, without grace",
        &["a_capture_within_the_grace_is_not_late", "expires_exactly_at_release_not_a_microsecond_earlier"],
        Hooks { due_at: |hold| hold.ends_at, sees: due_already, stores: as_it_was_due, ..HONEST },
    ),
    Fault::blunt(
        "a hold is released a microsecond early",
        &["expires_exactly_at_release_not_a_microsecond_earlier", "without_grace_it_ends_at_its_end"],
        Hooks { due_at: just_before, sees: due_already, stores: as_it_was_due, ..HONEST },
    ),
    Fault::blunt(
        "an expired hold counts until it is swept or read",
        &["an_expired_hold_never_causes_a_refusal", "money_of_an_expired_hold_is_there_without_a_sweep"],
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
    Fault::blunt(
        "an expired hold counts in reads until something is decided or swept",
        &["money_of_an_expired_hold_is_there_without_a_sweep"],
        Hooks { books: |occasion, due| due == Due::Turn || occasion != Occasion::Read, ..HONEST },
    ),
    Fault::new(
        "expired holds are released only where the answer would be no",
        &[
            "all_that_has_expired_counts_as_released_however_many",
            "what_became_due_is_booked_before_anything_is_decided",
        ],
        Hooks { books: |occasion, due| due == Due::Turn || occasion != Occasion::Decision, ..HONEST },
    ),
    Fault::blunt(
        "a hold that expires gives its money back twice",
        &["no_hold_expires_twice", "a_sweep_and_a_capture_bill_once"],
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
        "a late capture passes for one in time",
        &["a_sweep_and_a_capture_bill_once", "an_expired_partly_captured_hold_keeps_what_was_captured"],
        Hooks {
            stores: |_, changes, _, _| {
                if let Some(hold) = &mut changes.hold {
                    hold.late = false;
                }
            },
            receipt: |captured| captured.late = false,
            ..HONEST
        },
    )
    // What a late capture takes is clause 6's, whether it was late is looked at there, too.
    .also(&["late_if_available"]),
    Fault::new(
        "a longer life counts from the end of the shorter one",
        &["resize_only_lengthens"],
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
    )
    // They make a hold last longer and look at its end.
    .also(&["a_shortfall_tells_the_next_release_of_what_is_open", "an_answer_is_what_find_tells"]),
    Fault::new(
        "a sweep does more than it is asked for",
        &["a_sweep_is_bounded"],
        Hooks {
            sweep: |request| {
                if request.limit < 1_000 && request.limit > 1 {
                    request.limit += 1;
                }
            },
            ..HONEST
        },
    )
    // The limit is the same one for credit.
    .also(&["a_sweep_of_starts_and_ends_is_bounded"]),
    Fault::new(
        "a release forgets what was captured",
        &["an_expired_partly_captured_hold_keeps_what_was_captured"],
        Hooks {
            stores: |ask, changes, _, _| {
                if let (Ask::Release, Some(hold)) = (ask, &mut changes.hold) {
                    (hold.captured, hold.settled) = (0, 0);
                }
            },
            ..HONEST
        },
    )
    // They go on from what was captured before the release.
    .also(&[
        "a_late_capture_draws_anew_after_what_was_captured",
        "a_late_capture_leaves_what_was_used_in_time_where_it_was",
    ]),
    Fault::new(
        "the account's time runs back with the clock",
        &[
            "a_clock_going_backwards_counts_in_the_latest_period",
            "a_clock_going_backwards_gives_nothing_back_early_and_revives_nothing",
            "a_clock_going_backwards_starts_and_ends_nothing_twice",
            "an_end_before_the_latest_change_is_in_the_past",
        ],
        Hooks { sees: |_, view, _| view.state.time = Timestamp::from_micros(i64::MIN), ..HONEST },
    ),
    Fault::new(
        "a resize can shorten a hold",
        &["resize_only_lengthens"],
        Hooks {
            sees: |ask, view, _| {
                if let (Ask::Resize(request), Some(hold)) = (ask, &mut view.hold)
                    && request.lifetime.is_some()
                {
                    let grace = hold.release_at.saturating_since(hold.ends_at);
                    (hold.ends_at, hold.release_at) = (view.now, view.now.saturating_add(grace));
                }
            },
            ..HONEST
        },
    )
    // It asks for the shortest lifetime.
    .also(&["a_resize_has_the_same_limits_of_lifetime"]),
    Fault::new(
        "a sweep releases what was captured as well",
        &["a_sweep_spares_what_is_not_due"],
        Hooks {
            sweeps: |account, now| {
                let over = |hold: &&HoldState| hold.status == HoldStatus::Captured && hold.release_at <= now;
                let holds: Vec<_> = account.holds.values().filter(over).cloned().collect();
                for mut hold in holds {
                    hold.status = HoldStatus::Expired;
                    account.holds.insert(hold.key.clone(), hold);
                }
            },
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
