//! Clause 8 broken: caps that are not there, and counters that lose count.

use std::sync::Arc;

use crate::cap::{Caps, Counter};
use crate::conformance::broken::Fault;
use crate::conformance::broken::hooks::{Ask, HONEST, Hooks, View};
use crate::conformance::broken::ledger::Account;
use crate::entry::ChargeRef;
use crate::error::{CapReached, LedgerError, Shortfall};
use crate::ledger::request::PostKind;
use crate::ledger::rules::Changes;

pub(super) const FAULTS: &[Fault] = &[
    Fault::new(
        "caps only count",
        &[],
        Hooks {
            hold: |request, _| {
                request.caps = counting(&request.caps);
                Ok(())
            },
            ..HONEST
        },
    ),
    Fault::new(
        "the caps of a charge only count",
        &[],
        Hooks {
            post: |request, _| {
                request.caps = counting(&request.caps);
                Ok(())
            },
            ..HONEST
        },
    ),
    Fault::new(
        "growth has to fit under no cap",
        &[],
        Hooks {
            resize: |request, _| {
                request.caps = counting(&request.caps);
                Ok(())
            },
            ..HONEST
        },
    ),
    Fault::new(
        "what is held counts under no cap",
        &[],
        Hooks {
            sees: |_, view, _| view.counters.iter_mut().for_each(|counter| counter.held = 0),
            stores: count_on,
            ..HONEST
        },
    ),
    Fault::new(
        "caps are read before the latest change is stored",
        &[],
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
        &[],
        Hooks {
            stores: |ask, changes, _, account| {
                if matches!(ask, Ask::Void(_)) {
                    keep_held(changes, account);
                }
            },
            ..HONEST
        },
    ),
    Fault::new(
        "a cap gets nothing back of a hold that expires",
        &[],
        Hooks {
            stores: |ask, changes, _, account| {
                if matches!(ask, Ask::Release) {
                    keep_held(changes, account);
                }
            },
            ..HONEST
        },
    ),
    Fault::new(
        "what a capture does not need stays held under its caps",
        &[],
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
    Fault::new(
        "what a hold did not need is given back to the present period",
        &[],
        Hooks {
            sees: |ask, view, _| {
                if matches!(ask, Ask::Void(_) | Ask::Release) {
                    count_now(view);
                }
            },
            ..HONEST
        },
    ),
    Fault::new(
        "what is captured is used in the period of the capture",
        &[],
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
        &[],
        Hooks {
            hold: |request, account| {
                account.scratch.caps.insert(request.key.clone(), request.caps.clone());
                Ok(())
            },
            capture: |request, account| {
                let beyond =
                    account.holds.get(&request.key).map_or(0, |hold| request.total.minor() - hold.total);
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
    Fault::new(
        "growth counts under no cap",
        &[],
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
        &[],
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
    ),
    Fault::new(
        "charges in one step are not counted",
        &[],
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
        "whoever is short of both is told to top up",
        &[],
        Hooks {
            refuses: |_, error, view, account| {
                if let LedgerError::CapReached(reached) = error
                    && account.state.available() < reached.required
                {
                    *error = LedgerError::Insufficient(Box::new(Shortfall {
                        unit: account.state.unit,
                        requested: reached.required,
                        required: reached.required,
                        posted: account.state.posted,
                        held: account.state.held,
                        debt_limit: 0,
                        next_release: None,
                        seq: account.state.seq,
                        as_of: view.now,
                    }));
                }
            },
            ..HONEST
        },
    ),
    Fault::new(
        "the last cap is named of those that are reached",
        &[],
        Hooks {
            hold: |request, _| {
                let caps: Vec<_> = request.caps.iter().cloned().collect();
                request.caps = Caps::new(caps.into_iter().rev()).expect("the same caps");
                Ok(())
            },
            ..HONEST
        },
    ),
    Fault::new(
        "a cap that is reached never opens again",
        &[],
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
        &[],
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
    Fault::new(
        "a hold that may be less is not cut to what a cap has left",
        &[],
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
    Fault::new(
        "counters are shown for any scope",
        &[],
        Hooks { counters: |request| request.scope = None, ..HONEST },
    ),
];

/// The same caps without their limits, as far as there may be so many.
fn counting(caps: &Caps) -> Caps {
    let unlimited = caps.iter().cloned().map(|cap| {
        let limit = cap.limit.map(|limit| limit.unit().minor(i64::MAX));
        crate::cap::Cap { limit, ..cap }
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
