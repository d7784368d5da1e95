//! Clause 1 broken: money that is promised twice.

use crate::amount::Amount;
use crate::conformance::broken::Fault;
use crate::conformance::broken::hooks::{Ask, HONEST, Hooks};
use crate::conformance::broken::ledger::Account;
use crate::error::{LedgerError, Shortfall};
use crate::ledger::request::{HoldRequest, PostKind, PostRequest};

pub(super) const FAULTS: &[Fault] = &[
    Fault::blunt(
        "a hold is checked against what is posted, not against what is available",
        &["check_and_hold_are_one_step", "several_open_holds_share_one_balance"],
        Hooks {
            hold: |request, account| {
                let debt = request.debt_limit;
                request.debt_limit = debt.unit().minor(debt.minor().saturating_add(account.state.held));
                Ok(())
            },
            ..HONEST
        },
    ),
    Fault::blunt(
        "a charge in one step takes what holds set aside",
        &["a_charge_in_one_step_respects_holds"],
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
    Fault::blunt(
        "the balance is read, let go of, and stored",
        &[
            "of_many_holds_at_once_the_balance_admits_what_it_suffices_for",
            "of_many_charges_at_once_the_balance_admits_what_it_suffices_for",
            "a_hold_asked_for_by_many_at_once_is_made_once",
        ],
        Hooks { lets_go: true, ..HONEST },
    ),
    Fault::blunt(
        "a hold that may be less is less than its minimum",
        &[
            "a_minimum_above_what_is_there_is_refused",
            "a_hold_may_take_the_least_of_what_is_asked_there_and_left",
        ],
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
        &["a_hold_may_take_the_least_of_what_is_asked_there_and_left", "a_minimum_takes_all_that_is_there"],
        Hooks {
            hold: |request, _| {
                if request.minimum.minor() < request.amount.minor() && !request.debt_limit.is_negative() {
                    request.debt_limit = request.debt_limit.unit().zero();
                }
                Ok(())
            },
            ..HONEST
        },
    )
    // The largest amounts are held with a debt.
    .also(&["a_minimum_with_the_largest_amounts_takes_what_is_there"]),
    Fault::new(
        "an amount in another unit is taken for one of the account's",
        &["each_operation_in_another_unit_is_refused", "the_first_change_fixes_the_unit"],
        Hooks { hold: take_hold_for_own, post: take_posting_for_own, ..HONEST },
    ),
    Fault::new(
        "the unit of an account follows its latest entry",
        &["the_first_change_fixes_the_unit"],
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
    Fault::new(
        "an unknown account is kept when it is refused",
        &["an_unknown_account_is_refused_and_stored_nowhere"],
        Hooks { keeps_refused: true, ..HONEST },
    )
    // What is out of range is refused as well.
    .also(&["a_request_out_of_range_stores_nothing_about_an_unknown_account"]),
    Fault::blunt(
        "rows of different accounts lie together",
        &["accounts_do_not_share_money_keys_or_numbers"],
        Hooks { one_for_all: true, ..HONEST },
    ),
    Fault::new(
        "work that costs nothing is refused to whoever owes",
        &["an_amount_of_zero_is_always_admitted"],
        Hooks {
            sees: |ask, view, _| {
                if matches!(ask, Ask::Hold(request) if request.amount.is_zero()) && view.state.available() < 0
                {
                    view.state.open_holds = u32::MAX;
                }
            },
            ..HONEST
        },
    ),
    Fault::blunt(
        "whoever is short of both balance and cap is told to top up",
        &["a_cap_is_looked_at_before_the_balance"],
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
    Fault::blunt(
        "an account that nobody has paid into cannot be read",
        &["an_unknown_account_reads_as_empty"],
        Hooks { refuses_strangers: true, ..HONEST },
    ),
    Fault::new(
        "a rollover in another unit is taken for one of the account's",
        &["a_rollover_in_another_unit_is_refused"],
        Hooks {
            post: |request, _| {
                if let PostKind::Credit(terms) = &mut request.kind {
                    terms.rollover = terms.rollover.map(|most| request.amount.unit().minor(most.minor()));
                }
                Ok(())
            },
            ..HONEST
        },
    ),
];

#[expect(clippy::unnecessary_wraps, reason = "a hook")]
fn take_hold_for_own(request: &mut HoldRequest, account: &mut Account) -> Result<(), LedgerError> {
    let own = |amount: Amount| account.state.unit.minor(amount.minor());
    (request.amount, request.minimum) = (own(request.amount), own(request.minimum));
    request.debt_limit = own(request.debt_limit);
    Ok(())
}

#[expect(clippy::unnecessary_wraps, reason = "a hook")]
fn take_posting_for_own(request: &mut PostRequest, account: &mut Account) -> Result<(), LedgerError> {
    let own = |amount: Amount| account.state.unit.minor(amount.minor());
    (request.amount, request.debt_limit) = (own(request.amount), own(request.debt_limit));
    Ok(())
}
