//! Clause 7 broken: credit that is used in another order, given back to another place, or ends in another way.

use std::sync::Arc;

use crate::clock::Timestamp;
use crate::conformance::broken::Fault;
use crate::conformance::broken::hooks::{Ask, Due, HONEST, Hooks, Occasion, View};
use crate::conformance::broken::ledger::Account;
use crate::entry::{Detail, Entry};
use crate::few::Few;
use crate::grant::{Draw, Grant, GrantKind, Grants, Origin};
use crate::hold::HoldState;
use crate::id::ScopeId;
use crate::ledger::request::{EndedCredit, PostKind};
use crate::ledger::rules::{AccountState, Changes};
use crate::limits::Limits;

pub(super) const FAULTS: &[Fault] = &[
    Fault::blunt(
        "priorities do not count",
        &["credit_is_used_by_priority_end_kind_and_age", "holds_draw_in_the_same_order"],
        Hooks {
            sees: |ask, view, _| {
                if draws(ask) {
                    retell(&mut view.state.grants, |origin| origin.priority = 128);
                }
            },
            stores: truthfully,
            ..HONEST
        },
    ),
    Fault::blunt(
        "what ends last is used first",
        &["credit_is_used_by_priority_end_kind_and_age", "holds_draw_in_the_same_order"],
        Hooks {
            sees: |ask, view, _| {
                if draws(ask) {
                    let mirrored = |at: Timestamp| Timestamp::from_micros(i64::MAX - at.as_micros());
                    retell(&mut view.state.grants, |origin| origin.ends_at = origin.ends_at.map(mirrored));
                }
            },
            stores: truthfully,
            ..HONEST
        },
    ),
    Fault::blunt(
        "what was bought is used before what was given",
        &["credit_is_used_by_priority_end_kind_and_age", "holds_draw_in_the_same_order"],
        Hooks {
            sees: |ask, view, _| {
                if draws(ask) {
                    retell(&mut view.state.grants, |origin| {
                        origin.kind = match origin.kind {
                            GrantKind::Courtesy => GrantKind::Paid,
                            GrantKind::Promotional => GrantKind::Included,
                            GrantKind::Included => GrantKind::Promotional,
                            GrantKind::Paid => GrantKind::Courtesy,
                        };
                    });
                }
            },
            stores: truthfully,
            ..HONEST
        },
    ),
    Fault::blunt(
        "plain credit is used before any grant",
        &["credit_is_used_by_priority_end_kind_and_age", "holds_draw_in_the_same_order"],
        Hooks {
            sees: |ask, view, _| {
                if draws(ask) {
                    retell(&mut view.state.grants, |origin| origin.priority = origin.priority.max(129));
                }
            },
            stores: truthfully,
            ..HONEST
        },
    ),
    Fault::blunt(
        "of credit on equal terms the latest is used first",
        &["of_credit_on_equal_footing_the_oldest_is_used_first"],
        Hooks {
            sees: |ask, view, _| {
                if draws(ask) {
                    retell(&mut view.state.grants, |origin| {
                        let sooner = i64::try_from(origin.id).unwrap_or(0);
                        let ends_at = origin.ends_at.unwrap_or(Timestamp::MAX).as_micros();
                        origin.ends_at = Some(Timestamp::from_micros(ends_at - sooner));
                    });
                }
            },
            stores: truthfully,
            ..HONEST
        },
    ),
    Fault::new(
        "a void gives back to another grant than the hold drew on",
        &[
            "a_void_gives_everything_back_where_it_came_from",
            "bought_credit_that_has_ended_is_revived_for_30_days",
            "what_no_credit_is_left_for_is_drawn_on_plain_credit",
            "what_several_ended_grants_get_back_expires_at_once",
        ],
        Hooks {
            sees: |ask, view, _| {
                if let (Ask::Void, Some(draws)) = (ask, view.hold.as_mut().and_then(draws_of)) {
                    let helds: Vec<i64> = draws.iter().map(|draw| draw.held).collect();
                    for (draw, held) in draws.iter_mut().zip(helds.iter().rev()) {
                        draw.held = *held;
                    }
                }
            },
            ..HONEST
        },
    )
    // It voids a hold on two kinds of credit.
    .also(&["the_sums_hold_after_every_kind_of_change"]),
    Fault::blunt(
        "an expired hold gives back to plain credit",
        &["an_expiry_gives_everything_back_where_it_came_from"],
        Hooks {
            sees: |ask, view, _| {
                if let (Ask::Release, Some(draws)) = (ask, view.hold.as_mut().and_then(draws_of)) {
                    draws.iter_mut().for_each(|draw| draw.origin = None);
                }
            },
            ..HONEST
        },
    ),
    Fault::blunt(
        "a capture uses first what was drawn last",
        &[
            "a_capture_uses_draws_as_they_were_drawn_not_as_they_would_be_now",
            "partial_captures_go_on_where_the_last_one_stopped",
        ],
        Hooks {
            sees: |ask, view, _| {
                if let (Ask::Capture(_), Some(draws)) = (ask, view.hold.as_mut().and_then(draws_of)) {
                    draws.reverse();
                }
            },
            stores: |ask, changes, _, _| {
                if let (Ask::Capture(_), Some(draws)) = (ask, changes.hold.as_mut().and_then(draws_of)) {
                    draws.reverse();
                }
            },
            ..HONEST
        },
    ),
    Fault::blunt(
        "a refund goes to plain credit",
        &["refunds_go_back_the_last_drawn_first", "a_grant_that_has_not_ended_gets_its_part_back"],
        Hooks {
            stores: |ask, changes, view, _| {
                if is_refund(ask)
                    && let Some(entry) = &mut changes.entry
                {
                    entry.movements = Few::None;
                    changes.account.grants = view.state.grants.clone();
                }
            },
            ..HONEST
        },
    ),
    Fault::blunt(
        "a refund gives back first what was drawn first",
        &["refunds_go_back_the_last_drawn_first", "refunds_of_a_hold_go_back_draw_by_draw"],
        Hooks {
            sees: |ask, view, _| {
                if is_refund(ask) {
                    view.hold.as_mut().and_then(draws_of).into_iter().for_each(<[Draw]>::reverse);
                    let detail = view.charge.as_mut().and_then(|charge| charge.detail.as_mut());
                    detail.into_iter().for_each(|detail| Arc::make_mut(detail).draws.reverse());
                }
            },
            stores: |ask, changes, _, _| {
                if is_refund(ask) {
                    changes.hold.as_mut().and_then(draws_of).into_iter().for_each(<[Draw]>::reverse);
                    let detail = changes.charge.as_mut().and_then(|charge| charge.detail.as_mut());
                    detail.into_iter().for_each(|detail| Arc::make_mut(detail).draws.reverse());
                }
            },
            ..HONEST
        },
    ),
    Fault::new(
        "a refund revives what was given",
        &[
            "a_refund_over_credit_of_each_state_goes_to_each",
            "a_refund_to_a_renewed_grant_with_a_hold_on_it_finds_it_ended",
            "given_credit_that_has_ended_is_booked_and_expires_at_once",
        ],
        Hooks {
            post: |request, _| {
                if let PostKind::Refund { ended: ended @ EndedCredit::ByKind, .. } = &mut request.kind {
                    *ended = EndedCredit::Revive(Limits::REVIVAL);
                }
                Ok(())
            },
            ..HONEST
        },
    ),
    Fault::blunt(
        "a refund does not revive what was bought",
        &["bought_credit_that_has_ended_is_revived_for_30_days"],
        Hooks {
            post: |request, _| {
                if let PostKind::Refund { ended: ended @ EndedCredit::ByKind, .. } = &mut request.kind {
                    *ended = EndedCredit::Expire;
                }
                Ok(())
            },
            ..HONEST
        },
    ),
    Fault::blunt(
        "the end of credit is booked by sweeps alone",
        &["an_end_is_seen_by_whatever_comes_first", "credit_ends_to_the_microsecond_as_a_change_of_its_own"],
        Hooks {
            books: |occasion, due| due == Due::Release || occasion == Occasion::Sweep,
            sees: |ask, view, _| {
                if !matches!(ask, Ask::Turn) {
                    let now = view.state.time.max(view.now);
                    let origins = view.state.grants.list().iter();
                    let over = origins.filter(|grant| grant.next_turn() <= now).map(Grant::id);
                    for id in over.collect::<Vec<_>>() {
                        view.state.grants.change(|grants| {
                            for grant in grants.iter_mut().filter(|grant| grant.origin.id == id) {
                                let origin = Arc::make_mut(&mut grant.origin);
                                (origin.starts_at, origin.ends_at) = (Some(Timestamp::MAX), None);
                            }
                        });
                    }
                }
            },
            stores: truthfully,
            ..HONEST
        },
    ),
    Fault::blunt(
        "the end of a grant is booked twice",
        &["credit_ends_to_the_microsecond_as_a_change_of_its_own", "an_end_takes_only_what_is_free"],
        Hooks {
            stores: |ask, changes, view, account| {
                if let (Ask::Turn, Some(grant)) = (ask, changes.entry.as_ref().and_then(Entry::grant))
                    && account.scratch.seen.insert(grant)
                {
                    changes.account.grants = view.state.grants.clone();
                }
            },
            ..HONEST
        },
    ),
    Fault::blunt(
        "credit that ends is lost with what running work holds of it",
        &["an_end_takes_only_what_is_free"],
        Hooks {
            sees: |ask, view, _| {
                if matches!(ask, Ask::Turn) {
                    let now = view.now;
                    view.state.grants.change(|grants| {
                        for grant in grants.iter_mut().filter(|grant| grant.origin.has_ended(now)) {
                            grant.held = 0;
                        }
                    });
                }
            },
            ..HONEST
        },
    ),
    Fault::blunt(
        "the end of credit is told as of its booking",
        &["a_void_of_ended_credit_expires_it_at_once", "an_end_is_seen_by_whatever_comes_first"],
        Hooks {
            stores: |ask, changes, _, _| {
                if let (Ask::Turn, Some(detail)) = (ask, entry_detail(changes)) {
                    detail.effective_at = None;
                }
            },
            ..HONEST
        },
    ),
    Fault::new(
        "credit comes without paying the debt",
        &["a_new_grant_pays_a_debt_first", "a_renewal_pays_a_debt_first"],
        Hooks {
            sees: |ask, view, _| {
                if is_credit(ask) {
                    view.state.posted += debt(&view.state);
                }
            },
            stores: |ask, changes, _, account| {
                if is_credit(ask) {
                    let debt = debt(&account.state);
                    changes.account.posted -= debt;
                    changes.entry.iter_mut().for_each(|entry| entry.posted_after -= debt);
                }
            },
            answers: |ask, answer, _, account| {
                if is_credit(ask) {
                    let change = answer.after.saturating_sub(answer.before);
                    answer.after = account.state.available();
                    answer.before = answer.after.saturating_sub(change);
                }
            },
            ..HONEST
        },
    )
    // One of its postings pays a debt.
    .also(&["each_posting_of_credit_is_one_change"]),
    Fault::blunt(
        "credit on equal terms stays apart",
        &["grants_on_equal_terms_merge", "a_merged_grant_adds_up_what_is_left_and_what_was_granted"],
        Hooks {
            sees: |ask, view, _| {
                if matches!(ask, Ask::Post(_)) {
                    retell(&mut view.state.grants, |origin| {
                        origin.label = Some("apart".parse().expect("a label"));
                    });
                }
            },
            stores: truthfully,
            ..HONEST
        },
    ),
    Fault::blunt(
        "a renewal keeps all that is left over",
        &["a_renewal_rolls_over_what_was_left_up_to_the_most"],
        Hooks {
            post: |request, _| {
                if let PostKind::Credit(terms) = &mut request.kind {
                    terms.rollover = terms.rollover.map(|max| max.unit().minor(i64::MAX));
                }
                Ok(())
            },
            ..HONEST
        },
    ),
    Fault::blunt(
        "a courtesy can be given again and again",
        &["a_courtesy_is_given_once_a_period"],
        Hooks {
            sees: |ask, view, _| {
                if let Ask::Post(request) = ask
                    && let PostKind::Credit(terms) = &request.kind
                    && let Some(label) = &terms.label
                {
                    view.counters.retain(|counter| counter.key.scope != ScopeId::courtesy(label));
                }
            },
            stores: |ask, changes, _, account| {
                if matches!(ask, Ask::Post(request) if request.caps.is_empty()) {
                    for counter in &mut changes.counters {
                        counter.used += account.counters.get(&counter.key).map_or(0, |known| known.used);
                    }
                }
            },
            ..HONEST
        },
    ),
    Fault::blunt(
        "credit that starts later can be used at once",
        &["credit_that_starts_later_is_in_no_balance"],
        Hooks {
            post: |request, _| {
                if let PostKind::Credit(terms) = &mut request.kind {
                    terms.starts_at = None;
                }
                Ok(())
            },
            ..HONEST
        },
    ),
    Fault::blunt(
        "a top-up does not say which grant it went to",
        &["no_merged_posting_is_lost"],
        Hooks {
            stores: |ask, changes, _, _| {
                if let (Ask::Post(_), Some(detail)) = (ask, entry_detail(changes)) {
                    detail.credit.iter_mut().for_each(|credit| credit.grant = None);
                }
            },
            ..HONEST
        },
    ),
    Fault::blunt(
        "33 grants are given",
        &["a_gift_beyond_32_grants_is_refused"],
        Hooks {
            sees: |ask, view, _| {
                if let Some(last) = beyond_32(ask, &view.state) {
                    view.state
                        .grants
                        .change(|grants| grants.retain(|grant| grant.origin.id != last.origin.id));
                }
            },
            stores: |ask, changes, _, account| {
                if let Some(last) = beyond_32(ask, &account.state) {
                    changes.account.grants.change(|grants| grants.push(last));
                }
            },
            ..HONEST
        },
    ),
];

/// Whether something draws on credit.
fn draws(ask: Ask<'_>) -> bool {
    match ask {
        Ask::Hold(_) | Ask::Resize(_) | Ask::Capture(_) => true,
        Ask::Post(request) => request.kind == PostKind::Charge,
        _ => false,
    }
}

fn is_credit(ask: Ask<'_>) -> bool {
    matches!(ask, Ask::Post(request) if matches!(request.kind, PostKind::Credit(_)))
}

/// The last of 32 grants, when another is to be given.
fn beyond_32(ask: Ask<'_>, account: &AccountState) -> Option<Grant> {
    let grants = account.grants.list();
    grants.last().filter(|_| is_credit(ask) && grants.len() == Limits::MAX_GRANTS).cloned()
}

fn debt(account: &AccountState) -> i64 {
    account.balance().plain().minor().min(0).saturating_neg()
}

fn is_refund(ask: Ask<'_>) -> bool {
    matches!(ask, Ask::Post(request) if matches!(request.kind, PostKind::Refund { .. }))
}

fn draws_of(hold: &mut HoldState) -> Option<&mut [Draw]> {
    (!hold.draws.is_empty()).then_some(&mut *hold.draws)
}

fn entry_detail(changes: &mut Changes) -> Option<&mut Detail> {
    changes.entry.as_mut()?.detail.as_mut().map(Arc::make_mut)
}

/// Tells a rule something else about the grants.
fn retell(grants: &mut Grants, tell: impl Fn(&mut Origin)) {
    grants.change(|grants| grants.iter_mut().for_each(|grant| tell(Arc::make_mut(&mut grant.origin))));
}

/// Stores what was told otherwise as it is.
fn truthfully(_: Ask<'_>, changes: &mut Changes, _: &View, account: &mut Account) {
    let truth = |id: u64| account.state.grants.list().iter().find(|grant| grant.origin.id == id);
    changes.account.grants.change(|grants| {
        for grant in grants.iter_mut() {
            if let Some(truth) = truth(grant.origin.id) {
                grant.origin = Arc::clone(&truth.origin);
            }
        }
    });
    let of_hold = changes.hold.as_mut().and_then(draws_of).into_iter().flatten();
    let of_entry = changes.entry.as_mut().and_then(|entry| entry.detail.as_mut());
    let of_entry = of_entry.into_iter().flat_map(|detail| Arc::make_mut(detail).draws.iter_mut());
    for draw in of_hold.chain(of_entry) {
        if let Some(origin) = &mut draw.origin
            && let Some(truth) = truth(origin.id)
        {
            *origin = Arc::clone(&truth.origin);
        }
    }
}
