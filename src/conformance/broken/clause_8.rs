//! Clause 8 broken: caps that are not there, and counters that lose count.

use std::sync::Arc;

use crate::cap::{Cap, Caps, Counter};
use crate::conformance::broken::Fault;
use crate::conformance::broken::hooks::{Ask, HONEST, Hooks, View};
use crate::conformance::broken::ledger::Account;
use crate::entry::ChargeRef;
use crate::error::{CapReached, LedgerError};
use crate::ledger::request::PostKind;
use crate::ledger::rules::Changes;

pub(super) const FAULTS: &[Fault] = &[
    Fault::blunt(
        "caps only count",
        &["what_is_held_and_what_is_charged_count_together", "a_request_has_to_fit_under_all_its_caps"],
        Hooks {
            hold: |request, _| {
                request.caps = counting(&request.caps);
                Ok(())
            },
            ..HONEST
        },
    ),
    Fault::blunt(
        "the caps of a charge only count",
        &["what_is_held_and_what_is_charged_count_together", "a_request_has_to_fit_under_all_its_caps"],
        Hooks {
            post: |request, _| {
                request.caps = counting(&request.caps);
                Ok(())
            },
            ..HONEST
        },
    ),
    Fault::blunt(
        "growth has to fit under no cap",
        &["growth_has_to_fit_under_the_caps_of_its_request"],
        Hooks {
            resize: |request, _| {
                request.caps = counting(&request.caps);
                Ok(())
            },
            ..HONEST
        },
    ),
    Fault::blunt(
        "what is held counts under no cap",
        &["what_is_held_and_what_is_charged_count_together"],
        Hooks {
            sees: |_, view, _| view.counters.iter_mut().for_each(|counter| counter.held = 0),
            stores: count_on,
            ..HONEST
        },
    ),
    Fault::blunt(
        "caps are read before the latest change is stored",
        &["what_is_held_and_what_is_charged_count_together"],
        Hooks {
            sees: |_, view, account| {
                for counter in &mut view.counters {
                    let before = account.scratch.before.as_ref().map_or(&[][..], |before| &before.1);
                    let known = before.iter().find(|known| known.key == counter.key);
                    (counter.held, counter.used) = known.map_or((0, 0), |known| (known.held, known.used));
                }
            },
            stores: |ask, changes, view, account| {
                count_on(ask, changes, view, account);
                account.scratch.before =
                    Some((account.state.clone(), account.counters.values().cloned().collect()));
            },
            ..HONEST
        },
    ),
    Fault::new(
        "a cap gets nothing back of a hold that is voided",
        &[
            "a_rolling_hold_gives_back_to_its_own_bucket",
            "what_is_given_back_goes_to_the_period_it_was_held_in",
            "what_is_given_back_to_another_period_makes_no_room_in_this_one",
            "what_was_not_needed_is_given_back",
        ],
        Hooks {
            stores: |ask, changes, _, account| {
                if matches!(ask, Ask::Void) {
                    keep_held(changes, account);
                }
            },
            ..HONEST
        },
    ),
    Fault::blunt(
        "a cap gets nothing back of a hold that expires",
        &["what_was_not_needed_is_given_back"],
        Hooks {
            stores: |ask, changes, _, account| {
                if matches!(ask, Ask::Release) {
                    keep_held(changes, account);
                }
            },
            ..HONEST
        },
    ),
    Fault::blunt(
        "what a capture does not need stays held under its caps",
        &["what_was_not_needed_is_given_back", "what_is_given_back_goes_to_the_period_it_was_held_in"],
        Hooks {
            stores: |ask, changes, _, account| {
                if matches!(ask, Ask::Capture(_)) {
                    for counter in &mut changes.counters {
                        let known = account.counters.get(&counter.key);
                        let (held, used) = known.map_or((0, 0), |known| (known.held, known.used));
                        counter.held = held - (counter.used - used).min(held);
                    }
                }
            },
            ..HONEST
        },
    ),
    Fault::blunt(
        "what a hold did not need is given back to the present period",
        &[
            "what_is_given_back_goes_to_the_period_it_was_held_in",
            "what_is_given_back_to_another_period_makes_no_room_in_this_one",
        ],
        Hooks {
            sees: |ask, view, _| {
                if matches!(ask, Ask::Void | Ask::Release) {
                    count_now(view);
                }
            },
            ..HONEST
        },
    ),
    Fault::blunt(
        "what is captured is used in the period of the capture",
        &["a_capture_uses_the_earliest_first", "a_hold_counts_in_the_period_in_which_it_was_made"],
        Hooks {
            sees: |ask, view, _| {
                if matches!(ask, Ask::Capture(_)) {
                    count_now(view);
                }
            },
            ..HONEST
        },
    ),
    Fault::new(
        "a capture above its hold is refused by a cap",
        &[
            "a_cap_that_is_more_than_used_up_has_nothing_left",
            "a_capture_is_never_refused_by_a_cap",
            "a_hold_of_nothing_counts_what_it_grows_by_and_what_is_captured",
            "what_is_above_the_hold_counts_when_it_is_captured",
        ],
        Hooks {
            hold: |request, account| {
                account.scratch.caps.insert(request.key.clone(), request.caps.clone());
                Ok(())
            },
            capture: |request, account| {
                let beyond = account
                    .holds
                    .get(&request.key)
                    .map_or(0, |hold| request.total.minor().saturating_sub(hold.total));
                for cap in account.scratch.caps.get(&request.key).iter().flat_map(|caps| caps.iter()) {
                    let of_cap = |counter: &&Counter| {
                        counter.key.scope == cap.scope && counter.key.period == cap.period
                    };
                    let spent: i64 =
                        account.counters.values().filter(of_cap).map(|it| it.held + it.used).sum();
                    if let Some(limit) = cap.limit
                        && beyond > 0
                        && spent + beyond > limit.minor()
                    {
                        return Err(LedgerError::CapReached(Box::new(CapReached {
                            scope: cap.scope.clone(),
                            period: cap.period,
                            label: None,
                            unit: limit.unit(),
                            limit: limit.minor(),
                            used: spent,
                            held: 0,
                            required: beyond,
                            resets_at: None,
                            seq: account.state.seq,
                            as_of: account.state.time,
                        })));
                    }
                }
                Ok(())
            },
            ..HONEST
        },
    ),
    Fault::blunt(
        "growth counts under no cap",
        &["growth_counts_under_its_own_caps_and_those_of_the_hold"],
        Hooks {
            resize: |request, _| {
                request.caps = Caps::NONE;
                Ok(())
            },
            stores: |ask, changes, _, account| {
                if let (Ask::Resize(_), Some(hold)) = (ask, &mut changes.hold)
                    && let Some(known) = account.holds.get(&hold.key)
                    && hold.total > known.total
                {
                    changes.counters.clear();
                    hold.counted.clone_from(&known.counted);
                }
            },
            ..HONEST
        },
    ),
    Fault::new(
        "a refund lowers what was used",
        &[
            "a_refund_does_not_lower_what_was_used",
            "a_rolling_sum_never_wraps",
            "a_sum_too_large_for_an_amount_resets_when_enough_has_left",
        ],
        Hooks {
            stores: |ask, changes, _, account| {
                if let Ask::Post(request) = ask
                    && let PostKind::Refund { of, .. } = &request.kind
                {
                    let counted = match of {
                        ChargeRef::Hold(_) => changes.hold.as_ref().map_or(&[][..], |hold| hold.counted()),
                        ChargeRef::Charge(_) => {
                            changes.charge.as_ref().map_or(&[][..], |entry| entry.counted())
                        }
                    };
                    for counted in counted.iter().filter(|counted| counted.used > 0) {
                        if let Some(counter) = account.counters.get_mut(&counted.key) {
                            counter.used -= request.amount.minor();
                        }
                    }
                }
            },
            ..HONEST
        },
    )
    // It refunds what counted under a cap.
    .also(&["a_repeated_hold_shows_what_became_of_its_draws"]),
    Fault::blunt(
        "charges in one step are not counted",
        &["what_is_held_and_what_is_charged_count_together"],
        Hooks {
            stores: |ask, changes, _, _| {
                if matches!(ask, Ask::Post(request) if request.kind == PostKind::Charge) {
                    changes.counters.clear();
                    let detail = changes.entry.as_mut().and_then(|entry| entry.detail.as_mut());
                    detail.into_iter().for_each(|detail| Arc::make_mut(detail).counted.clear());
                }
            },
            ..HONEST
        },
    ),
    Fault::new(
        "the last cap is named of those that are reached",
        &["the_first_cap_in_the_order_of_the_request_is_named"],
        Hooks {
            hold: |request, _| {
                let caps: Vec<_> = request.caps.iter().cloned().collect();
                request.caps = Caps::new(caps.into_iter().rev()).expect("the same caps");
                Ok(())
            },
            ..HONEST
        },
    )
    // It expects the first of two.
    .also(&["a_hold_may_take_the_least_of_what_is_asked_there_and_left"]),
    Fault::blunt(
        "a cap that is reached never opens again",
        &["a_calendar_period_resets_at_its_end"],
        Hooks {
            refuses: |_, error, _, _| {
                if let LedgerError::CapReached(reached) = error {
                    reached.resets_at = None;
                }
            },
            ..HONEST
        },
    ),
    Fault::new(
        "what can never fit is told to come back",
        &[
            "a_cap_of_nothing_admits_nothing",
            "a_rolling_cap_fits_again_when_enough_has_left",
            "more_than_the_cap_never_fits",
            "rolling_periods_of_other_lengths_count_apart",
        ],
        Hooks {
            refuses: |_, error, view, _| {
                if let LedgerError::CapReached(reached) = error {
                    let start = reached.period.start_of(view.now);
                    reached.resets_at = reached.resets_at.or(Some(reached.period.end_of(start)));
                }
            },
            ..HONEST
        },
    ),
    Fault::blunt(
        "a hold that may be less is not cut to what a cap has left",
        &["what_is_required_is_the_least_that_would_do"],
        Hooks {
            hold: |request, _| {
                if request.minimum.minor() < request.amount.minor() {
                    request.caps = counting(&request.caps);
                }
                Ok(())
            },
            ..HONEST
        },
    ),
    Fault::blunt(
        "counters are shown for any scope",
        &["counters_of_one_scope_are_listed_alone"],
        Hooks { counters: |request| request.scope = None, ..HONEST },
    ),
    Fault::new(
        "a bucket that is partly in view does not count",
        &[
            "a_bucket_partly_in_view_counts_in_full",
            "a_courtesy_of_a_rolling_period_comes_back_when_it_has_left",
            "a_rolling_cap_fits_again_when_enough_has_left",
            "a_rolling_hold_counts_where_it_was_made_until_that_has_left",
            "what_was_spent_comes_back_when_its_bucket_is_out_of_view",
        ],
        Hooks {
            sees: |ask, view, _| {
                if matches!(ask, Ask::Hold(_) | Ask::Post(_)) {
                    let now = view.now;
                    let in_view = |counter: &Counter| {
                        let (period, start) = (counter.key.period, counter.key.start);
                        !period.is_rolling() || start > period.counts_from(now)
                    };
                    view.counters.retain(in_view);
                }
            },
            ..HONEST
        },
    ),
    Fault::blunt(
        "a counter is forgotten when its period is over",
        &[
            "a_counter_is_kept_for_the_longest_hold_and_its_grace",
            "a_counter_is_kept_while_a_hold_counts_in_it",
        ],
        Hooks {
            stores: |_, changes, view, account| {
                let over = |counter: &Counter| counter.end() <= view.now && !counter.key.period.is_rolling();
                account.counters.retain(|_, counter| !over(counter));
                changes.counters.retain(|counter| !over(counter));
            },
            ..HONEST
        },
    ),
];

/// The same caps without their limits, as far as there may be so many.
fn counting(caps: &Caps) -> Caps {
    let unlimited = caps.iter().cloned().map(|cap| {
        let limit = cap.limit.map(|limit| limit.unit().minor(i64::MAX));
        Cap { limit, ..cap }
    });
    Caps::new(unlimited).expect("the same caps")
}

/// Stores what a change did to counters on top of what they are, whatever the rule was shown.
fn count_on(_: Ask<'_>, changes: &mut Changes, view: &View, account: &mut Account) {
    for counter in &mut changes.counters {
        let shown = view.counters.iter().find(|shown| shown.key == counter.key);
        if let (Some(shown), Some(known)) = (shown, account.counters.get(&counter.key)) {
            counter.held += known.held - shown.held;
            counter.used += known.used - shown.used;
        }
    }
}

fn keep_held(changes: &mut Changes, account: &Account) {
    for counter in &mut changes.counters {
        counter.held = account.counters.get(&counter.key).map_or(0, |known| known.held);
    }
}

/// Shows a hold as counted in the present period.
fn count_now(view: &mut View) {
    let now = view.now;
    if let Some(counted) = view.hold.as_mut().and_then(|hold| hold.counted.as_mut()).map(Arc::make_mut) {
        for counted in counted.iter_mut() {
            counted.key.start = counted.key.period.start_of(now);
        }
    }
}
