//! Clause 1 broken: money that is promised twice.

use crate::conformance::broken::Fault;
use crate::conformance::broken::hooks::{Ask, HONEST, Hooks};
use crate::conformance::broken::ledger::Account;
use crate::ledger::request::{HoldRequest, PostKind, PostRequest};

pub(super) const FAULTS: &[Fault] = &[
    Fault::new(
        "a hold is checked against what is posted, not against what is available",
        &[],
        Hooks {
            hold: |request, account| {
                let debt = request.debt_limit;
                request.debt_limit = debt.unit().minor(debt.minor().saturating_add(account.state.held));
                Ok(())
            },
            ..HONEST
        },
    ),
    Fault::new(
        "a charge in one step takes what holds set aside",
        &[],
        Hooks {
            post: |request, account| {
                let debt = request.debt_limit;
                if request.kind == PostKind::Charge && !debt.is_negative() {
                    request.debt_limit = debt.unit().minor(debt.minor().saturating_add(account.state.held));
                }
                Ok(())
            },
            ..HONEST
        },
    ),
    Fault::new("the balance is read, let go of, and stored", &[], Hooks { lets_go: true, ..HONEST }),
    Fault::new(
        "a hold that may be less is less than its minimum",
        &[],
        Hooks {
            hold: |request, _| {
                if !request.minimum.is_negative() && request.minimum.minor() < request.amount.minor() {
                    request.minimum = request.minimum.unit().zero();
                }
                Ok(())
            },
            ..HONEST
        },
    ),
    Fault::new(
        "a hold that may be less gets nothing of the debt allowed",
        &[],
        Hooks {
            hold: |request, _| {
                if request.minimum.minor() < request.amount.minor() && !request.debt_limit.is_negative() {
                    request.debt_limit = request.debt_limit.unit().zero();
                }
                Ok(())
            },
            ..HONEST
        },
    ),
    Fault::new(
        "an amount in another unit is taken for one of the account's",
        &[],
        Hooks { hold: take_hold_for_own, post: take_posting_for_own, ..HONEST },
    ),
    Fault::new(
        "the unit of an account follows its latest entry",
        &[],
        Hooks {
            post: |request, account| {
                let unit = request.amount.unit();
                if account.state.held == 0 {
                    account.state.unit = unit;
                }
                Ok(())
            },
            ..HONEST
        },
    ),
    Fault::new("an unknown account is kept when it is refused", &[], Hooks { keeps_refused: true, ..HONEST }),
    Fault::new("rows of different accounts lie together", &[], Hooks { one_for_all: true, ..HONEST }),
    Fault::new(
        "work that costs nothing needs a balance",
        &[],
        Hooks {
            sees: |ask, view, _| {
                if matches!(ask, Ask::Hold(request) if request.amount.is_zero()) {
                    view.state.open_holds = u32::MAX;
                }
            },
            ..HONEST
        },
    ),
];

#[expect(clippy::unnecessary_wraps, reason = "a hook")]
fn take_hold_for_own(
    request: &mut HoldRequest,
    account: &mut Account,
) -> Result<(), crate::error::LedgerError> {
    let own = |amount: crate::amount::Amount| account.state.unit.minor(amount.minor());
    (request.amount, request.minimum) = (own(request.amount), own(request.minimum));
    request.debt_limit = own(request.debt_limit);
    Ok(())
}

#[expect(clippy::unnecessary_wraps, reason = "a hook")]
fn take_posting_for_own(
    request: &mut PostRequest,
    account: &mut Account,
) -> Result<(), crate::error::LedgerError> {
    let own = |amount: crate::amount::Amount| account.state.unit.minor(amount.minor());
    (request.amount, request.debt_limit) = (own(request.amount), own(request.debt_limit));
    Ok(())
}
