//! Clause 1: check and hold are one atomic step, in the account's own unit.

mod threads;

use crate::cap::Cap;
use crate::conformance::failed::{Checked, ensure, ensure_eq};
use crate::conformance::world::credit::{included, label};
use crate::conformance::world::spend::caps;
use crate::conformance::world::{
    Make, Picture, World, adjustment, charge, grant, key, refund_of, refusal, the_charge, top_up, unit,
};
use crate::conformance::{Check, clause};
use crate::error::{LedgerError, ShortReason};
use crate::hold::HoldStatus;
use crate::ledger::request::{CaptureRequest, HoldRequest};

pub(super) use threads::CHECKS as THREADS;

pub(super) const CHECKS: &[Check] = clause! { 1:
    check_and_hold_are_one_step
    several_open_holds_share_one_balance
    a_minimum_takes_all_that_is_there
    a_minimum_above_what_is_there_is_refused
    a_charge_in_one_step_respects_holds
    an_unknown_account_is_refused_and_stored_nowhere
    an_unknown_account_reads_as_empty
    the_first_change_fixes_the_unit
    each_operation_in_another_unit_is_refused
    accounts_do_not_share_money_keys_or_numbers
    a_hold_may_take_the_least_of_what_is_asked_there_and_left
    a_cap_is_looked_at_before_the_balance
    an_amount_of_zero_is_always_admitted
    a_rollover_in_another_unit_is_refused
};

fn check_and_hold_are_one_step(make: Make<'_>) -> Checked {
    let world = World::funded(make, 100)?;
    let hold = world.fresh(|| world.hold("a", 100))?;
    ensure_eq!((hold.total().minor(), hold.reserved().minor()), (100, 100));
    ensure_eq!(hold.status(), HoldStatus::Open);
    ensure_eq!((world.posted()?, world.held()?), (100, 100));
    world.short(|| world.hold("b", 1))?;
    ensure!(world.find_hold("b")?.is_none());
    Ok(())
}

fn several_open_holds_share_one_balance(make: Make<'_>) -> Checked {
    let world = World::funded(make, 10)?;
    for name in ["a", "b", "c"] {
        world.fresh(|| world.hold(name, 3))?;
    }
    ensure_eq!(world.available()?, 1);
    world.short(|| world.hold("d", 2))?;
    world.fresh(|| world.hold("d", 1))?;
    ensure_eq!((world.available()?, world.balance()?.open_holds()), (0, 4));
    world.fresh(|| world.hold("nothing is always there", 0))?;
    Ok(())
}

fn a_minimum_takes_all_that_is_there(make: Make<'_>) -> Checked {
    let world = World::funded(make, 7)?;
    let request = |name, minor, least| world.hold_request(name, minor).with_minimum(world.amount(least));
    let hold = world.fresh(|| world.hold_with(request("a", 10, 3)))?;
    ensure_eq!((hold.requested().minor(), hold.total().minor()), (10, 7));
    world.void("a")?;
    // All is there: all is held.
    ensure_eq!(world.fresh(|| world.hold_with(request("b", 5, 1)))?.total().minor(), 5);
    // Just the minimum is there.
    ensure_eq!(world.fresh(|| world.hold_with(request("c", 5, 2)))?.total().minor(), 2);
    // The debt allowed is part of what is there.
    let hold = world.fresh(|| world.hold_with(request("d", 50, 4).with_debt_limit(world.amount(4))))?;
    ensure_eq!((hold.total().minor(), world.available()?), (4, -4));
    Ok(())
}

fn a_minimum_above_what_is_there_is_refused(make: Make<'_>) -> Checked {
    let world = World::funded(make, 7)?;
    let request = world.hold_request("a", 10).with_minimum(world.amount(8));
    let short = world.short(|| world.hold_with(request))?;
    ensure_eq!((short.requested().minor(), short.required().minor()), (10, 8));
    ensure_eq!((short.missing().minor(), short.spendable().minor()), (1, 7));
    Ok(())
}

fn a_charge_in_one_step_respects_holds(make: Make<'_>) -> Checked {
    let world = World::funded(make, 10)?;
    world.hold("a", 6)?;
    world.short(|| world.charge("b", 5))?;
    let entry = world.fresh(|| world.charge("b", 4))?;
    ensure_eq!((entry.amount().minor(), entry.balance_after().minor()), (-4, 6));
    world.fresh(|| world.charge("nothing", 0))?;
    Ok(())
}

fn an_unknown_account_is_refused_and_stored_nowhere(make: Make<'_>) -> Checked {
    let world = World::new(make);
    let short = world.short(|| world.hold("a", 5))?;
    ensure_eq!(
        (short.reason(), short.missing().minor(), short.seq(), short.available().minor()),
        (ShortReason::Empty, 5, 0, 0)
    );
    world.short(|| world.charge("a", 5))?;
    // Nothing fixed its unit.
    let eur = unit("EUR", 0);
    let elsewhere = World { usd: eur, ..world };
    let balance = elsewhere.balance()?;
    ensure_eq!((balance.posted(), balance.seq()), (eur.zero(), 0));
    elsewhere.top_up("a", 5)?;
    Ok(())
}

fn an_unknown_account_reads_as_empty(make: Make<'_>) -> Checked {
    let world = World::new(make);
    ensure_eq!(world.picture()?, Picture::default());
    ensure!(world.find_hold("a")?.is_none() && world.find_entry("a")?.is_none());
    ensure_eq!(world.sweep()?.released(), 0);
    Ok(())
}

fn the_first_change_fixes_the_unit(make: Make<'_>) -> Checked {
    let world = World::new(make);
    let finer = unit("USD", 3);
    world.fresh(|| world.top_up("a", 5))?;
    let error = world.refused(|| world.post_with(world.post_request_in("b", top_up(), finer.minor(5))))?;
    ensure_eq!(error, LedgerError::WrongUnit { expected: world.usd, given: finer });
    Ok(())
}

fn each_operation_in_another_unit_is_refused(make: Make<'_>) -> Checked {
    let world = World::funded(make, 100)?;
    world.hold("a", 10)?;
    world.charge("spent", 10)?;
    let eur = unit("EUR", 2);
    let wrong = LedgerError::WrongUnit { expected: world.usd, given: eur };
    let hold = |name, minor| HoldRequest::new(world.account.clone(), key(name), eur.minor(minor));
    ensure_eq!(world.refused(|| world.hold_with(hold("b", 1)))?, wrong);
    ensure_eq!(world.refused(|| world.hold_with(hold("b", 0)))?, wrong);
    let resize = world.resize_request("a", world.rev_of("a")?);
    ensure_eq!(world.refused(|| world.resize_with(resize.with_total(eur.minor(20))))?, wrong);
    let capture = CaptureRequest::new(world.account.clone(), key("a"), eur.minor(1));
    ensure_eq!(world.refused(|| world.capture_with(capture))?, wrong);
    let refund = refund_of(the_charge("spent"));
    for kind in [grant(), top_up(), charge(), adjustment(), refund] {
        let post = world.post_request_in("p", kind, eur.minor(1));
        ensure_eq!(world.refused(|| world.post_with(post))?, wrong);
    }
    ensure_eq!(refusal(world.balance_in(eur))?, wrong);
    // Every amount of a request counts, not only the first.
    let debt = world.hold_request("b", 1).with_debt_limit(eur.minor(1));
    ensure_eq!(world.refused(|| world.hold_with(debt))?, wrong);
    let least = world.hold_request("b", 1).with_minimum(eur.minor(1));
    ensure_eq!(world.refused(|| world.hold_with(least))?, wrong);
    let capture = world.capture_request("a", 1).with_debt_limit(eur.minor(1));
    ensure_eq!(world.refused(|| world.capture_with(capture))?, wrong);
    let resize = world.resize_request("a", world.rev_of("a")?);
    let resize = resize.with_total(world.amount(20)).with_debt_limit(eur.minor(1));
    ensure_eq!(world.refused(|| world.resize_with(resize))?, wrong);
    let spend = world.charge_request("p", 1).with_debt_limit(eur.minor(1));
    ensure_eq!(world.refused(|| world.post_with(spend))?, wrong);
    Ok(())
}

fn accounts_do_not_share_money_keys_or_numbers(make: Make<'_>) -> Checked {
    let world = World::funded(make, 10)?;
    world.hold("a", 10)?;
    let other = world.beside("other", unit("EUR", 0));
    other.short(|| other.hold("a", 1))?;
    ensure!(matches!(other.refused(|| other.capture("a", 1))?, LedgerError::UnknownHold));
    ensure!(matches!(other.refused(|| other.void("a"))?, LedgerError::UnknownHold));
    other.fresh(|| other.top_up("paid in", 3))?;
    ensure_eq!((other.seq()?, world.seq()?), (1, 2));
    other.fresh(|| other.hold("a", 3))?;
    world.fresh(|| world.void("a"))?;
    ensure_eq!(other.state_of("a")?.status(), HoldStatus::Open);
    Ok(())
}

fn a_hold_may_take_the_least_of_what_is_asked_there_and_left(make: Make<'_>) -> Checked {
    for (asked, there, debt, first, second, least) in [
        (9, 20, 0, 30, 30, 9),
        (9, 5, 0, 30, 30, 5),
        (9, 5, 2, 30, 30, 7),
        (9, 20, 0, 4, 30, 4),
        (9, 20, 0, 30, 3, 3),
        (9, 6, 1, 5, 8, 5),
        (9, 4, 0, 5, 8, 4),
        (9, 0, 0, 5, 8, 0),
        (9, 20, 0, 0, 8, 0),
        (0, 20, 5, 6, 7, 0),
    ] {
        for minimum in 0..=asked {
            let world = World::new(make);
            if there > 0 {
                world.top_up("paid in", there)?;
            }
            // Half of what the first cap allows is used already, and what the second allows is held in part.
            world.adjust("for what is used", 200)?;
            world.charge_under("used", 100, &world.a_day("a", 100))?;
            world.hold_under("held", 100, &world.a_day("b", 100))?;
            let both: Vec<Cap> = vec![world.daily("a", 100 + first), world.daily("b", 100 + second)];
            let request = world.hold_request("h", asked).with_minimum(world.amount(minimum));
            let request = request.with_debt_limit(world.amount(debt)).with_caps(caps(both));
            if minimum <= least {
                let hold = world.fresh(|| world.hold_with(request))?;
                ensure_eq!((hold.total().minor(), hold.requested().minor()), (least, asked));
            } else if minimum > first.min(second) {
                let reached = world.capped(|| world.hold_with(request))?;
                let left = if minimum > first { first } else { second };
                ensure_eq!((reached.left().minor(), reached.required().minor()), (left, minimum));
            } else {
                let short = world.short(|| world.hold_with(request))?;
                ensure_eq!(short.required().minor(), minimum);
            }
        }
    }
    Ok(())
}

/// Whoever is short of both is not told to top up in vain.
fn a_cap_is_looked_at_before_the_balance(make: Make<'_>) -> Checked {
    let world = World::funded(make, 12)?;
    let cap = world.a_day("a", 10);
    world.fresh(|| world.hold_under("h", 10, &cap))?;
    world.capped(|| world.hold_under("x", 3, &cap))?;
    world.capped(|| world.charge_under("x", 3, &cap))?;
    world.capped(|| world.resize_under("h", 13, &cap))?;
    let request = world.hold_request("x", 9).with_minimum(world.amount(3)).with_caps(cap);
    world.capped(|| world.hold_with(request))?;
    // Where there is room under the cap, it is the balance.
    world.short(|| world.hold_under("x", 3, &world.a_day("b", 3)))?;
    // On an account nobody has paid into as well.
    let nobody = world.beside("nobody", world.usd);
    nobody.capped(|| nobody.charge_under("x", 2, &nobody.a_day("a", 1)))?;
    Ok(())
}

fn an_amount_of_zero_is_always_admitted(make: Make<'_>) -> Checked {
    let world = World::funded(make, 5)?;
    let cap = world.a_day("a", 5);
    world.fresh(|| world.hold_under("grows by nothing", 0, &cap))?;
    world.fresh(|| world.charge_under("c", 5, &cap))?;
    world.fresh(|| world.adjust("back", -100))?;
    // Deep in debt, under a cap that is used up, and under one that is below what was used.
    for (name, limit) in [("full", 5), ("narrow", 1), ("nothing", 0)] {
        let cap = world.a_day("a", limit);
        ensure_eq!(world.fresh(|| world.hold_under(name, 0, &cap))?.total().minor(), 0);
        ensure_eq!(world.fresh(|| world.charge_under(name, 0, &cap))?.amount().minor(), 0);
        world.fresh(|| world.resize_under("grows by nothing", 0, &cap))?;
        // A hold that would do with nothing gets that.
        let request = world.hold_request(&format!("least {name}"), 7).with_minimum(world.amount(0));
        ensure_eq!(world.fresh(|| world.hold_with(request.with_caps(cap)))?.total().minor(), 0);
    }
    Ok(())
}

fn a_rollover_in_another_unit_is_refused(make: Make<'_>) -> Checked {
    let world = World::funded(make, 5)?;
    let eur = unit("EUR", 2);
    let terms = included().with_label(label("Plan")).renewing_up_to(eur.minor(10));
    let error = world.refused(|| world.credit("x", &terms, 5))?;
    ensure_eq!(error, LedgerError::WrongUnit { expected: world.usd, given: eur });
    Ok(())
}
