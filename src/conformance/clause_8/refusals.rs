//! What a refusal by a cap says.

use std::time::Duration;

use crate::cap::Cap;
use crate::conformance::failed::{Checked, ensure, ensure_eq};
use crate::conformance::world::credit::label;
use crate::conformance::world::spend::{DAY, caps, scope};
use crate::conformance::world::{Make, World, unit};
use crate::conformance::{Check, clause};
use crate::error::LedgerError;
use crate::period::Period;

pub(crate) const CHECKS: &[Check] = clause! { 8:
    a_refusal_proves_what_was_spent_under_the_cap
    the_first_cap_in_the_order_of_the_request_is_named
    what_is_required_is_the_least_that_would_do
    a_calendar_period_resets_at_its_end
    more_than_the_cap_never_fits
    a_cap_of_nothing_admits_nothing
    a_cap_that_is_more_than_used_up_has_nothing_left
    a_refusal_by_a_cap_is_not_remembered
    a_limit_is_an_amount_of_the_account_and_not_negative
};

fn a_refusal_proves_what_was_spent_under_the_cap(make: Make<'_>) -> Checked {
    let world = World::funded(make, 1_000)?;
    world.on_day(0);
    let cap = caps([world.daily("key/7f3a", 10).with_label(label("Test key"))]);
    world.fresh(|| world.hold_under("h", 4, &cap))?;
    world.fresh(|| world.charge_under("c", 3, &cap))?;
    for run in [
        |world: &World, caps| world.charge_under("x", 4, caps).map(|applied| applied.map(drop)),
        |world: &World, caps| world.hold_under("x", 4, caps).map(|applied| applied.map(drop)),
        |world: &World, caps| world.resize_under("h", 8, caps).map(|applied| applied.map(drop)),
    ] {
        let reached = world.capped(|| run(&world, &cap))?;
        ensure_eq!((reached.scope(), reached.period()), (&scope("key/7f3a"), Period::day()));
        ensure_eq!(reached.label(), Some(&label("Test key")));
        ensure_eq!((reached.limit().minor(), reached.used().minor(), reached.held().minor()), (10, 3, 4));
        ensure_eq!((reached.left().minor(), reached.required().minor()), (3, 4));
        ensure_eq!((reached.as_of(), reached.seq()), (world.now(), 3));
        ensure_eq!(reached.resets_at(), Some(world.start_of_day(1)));
        ensure_eq!(reached.resets_in(), Some(DAY - Duration::from_secs(3_600)));
    }
    let bare = world.capped(|| world.charge_under("x", 4, &world.a_day("key/7f3a", 10)))?;
    ensure_eq!(bare.label(), None);
    Ok(())
}

fn the_first_cap_in_the_order_of_the_request_is_named(make: Make<'_>) -> Checked {
    let world = World::funded(make, 1_000)?;
    let cap = |name, limit| world.daily(name, limit);
    for full in ["b", "d"] {
        world.fresh(|| world.charge_under(full, 9, &world.a_day(full, 10)))?;
    }
    let counting = Cap::counting(scope("counting"), Period::day());
    for (order, first) in [
        (vec![cap("a", 10), cap("b", 10), cap("c", 10), cap("d", 10)], "b"),
        (vec![cap("d", 10), cap("c", 10), cap("b", 10), cap("a", 10)], "d"),
        (vec![counting, cap("c", 10), cap("d", 10), cap("b", 10)], "d"),
        // The one with less left comes later.
        (vec![cap("b", 10), cap("d", 9)], "b"),
        (vec![cap("c", 10), cap("b", 100), cap("d", 10)], "d"),
    ] {
        let caps = caps(order);
        let reached = world.capped(|| world.charge_under("x", 2, &caps))?;
        ensure_eq!(reached.scope(), &scope(first));
        let reached = world.capped(|| world.hold_under("x", 2, &caps))?;
        ensure_eq!(reached.scope(), &scope(first));
    }
    Ok(())
}

fn what_is_required_is_the_least_that_would_do(make: Make<'_>) -> Checked {
    let world = World::funded(make, 1_000)?;
    let cap = world.a_day("a", 10);
    world.fresh(|| world.charge_under("c", 7, &cap))?;
    let request = |least| world.hold_request("x", 9).with_minimum(world.amount(least)).with_caps(cap.clone());
    let reached = world.capped(|| world.hold_with(request(4)))?;
    ensure_eq!((reached.required().minor(), reached.left().minor()), (4, 3));
    let hold = world.fresh(|| world.hold_with(request(3)))?;
    ensure_eq!((hold.total().minor(), hold.requested().minor()), (3, 9));
    Ok(())
}

fn a_calendar_period_resets_at_its_end(make: Make<'_>) -> Checked {
    let world = World::funded(make, 1_000)?;
    let cap = world.a_day("a", 10);
    for day in [0, 2, 7] {
        world.on_day(day);
        world.fresh(|| world.charge_under(&format!("c{day}"), 8, &cap))?;
        let reached = world.capped(|| world.charge_under("x", 3, &cap))?;
        ensure_eq!(reached.resets_at(), Some(world.start_of_day(day + 1)));
        // Then it does fit, if nothing else is spent.
        world.clock.set(world.start_of_day(day + 1));
        world.fresh(|| world.charge_under(&format!("d{day}"), 3, &cap))?;
    }
    Ok(())
}

fn more_than_the_cap_never_fits(make: Make<'_>) -> Checked {
    let world = World::funded(make, 1_000)?;
    let cap = world.a_day("a", 10);
    let resets =
        |minor| -> Checked<_> { Ok(world.capped(|| world.charge_under("x", minor, &cap))?.resets_at()) };
    ensure_eq!(resets(11)?, None);
    world.fresh(|| world.charge_under("c", 1, &cap))?;
    ensure_eq!((resets(10)?, resets(11)?), (Some(world.start_of_day(1)), None));
    // It is the least that would do that counts.
    for (least, resets_at) in [(10, Some(world.start_of_day(1))), (11, None)] {
        let request = world.hold_request("x", 50).with_minimum(world.amount(least)).with_caps(cap.clone());
        ensure_eq!(world.capped(|| world.hold_with(request))?.resets_at(), resets_at);
    }
    Ok(())
}

fn a_cap_of_nothing_admits_nothing(make: Make<'_>) -> Checked {
    let world = World::funded(make, 1_000)?;
    let cap = world.a_day("a", 0);
    let reached = world.capped(|| world.charge_under("x", 1, &cap))?;
    ensure_eq!((reached.limit().minor(), reached.left().minor(), reached.resets_at()), (0, 0, None));
    world.capped(|| world.hold_under("x", 1, &cap))?;
    world.fresh(|| world.charge_under("nothing", 0, &cap))?;
    world.fresh(|| world.hold_under("nothing", 0, &cap))?;
    Ok(())
}

fn a_cap_that_is_more_than_used_up_has_nothing_left(make: Make<'_>) -> Checked {
    let world = World::funded(make, 1_000)?;
    let cap = world.a_day("a", 10);
    world.fresh(|| world.hold_under("h", 5, &cap))?;
    world.fresh(|| world.capture("h", 50))?;
    let reached = world.capped(|| world.charge_under("x", 1, &cap))?;
    ensure_eq!((reached.used().minor(), reached.left().minor()), (50, 0));
    ensure_eq!(reached.resets_at(), Some(world.start_of_day(1)));
    // With a minimum of nothing a hold is nothing, and not less.
    let request = world.hold_request("least", 5).with_minimum(world.amount(0)).with_caps(cap);
    ensure_eq!(world.fresh(|| world.hold_with(request))?.total().minor(), 0);
    Ok(())
}

fn a_refusal_by_a_cap_is_not_remembered(make: Make<'_>) -> Checked {
    let world = World::funded(make, 1_000)?;
    let cap = world.a_day("a", 10);
    world.fresh(|| world.charge_under("c", 10, &cap))?;
    world.capped(|| world.hold_under("h", 5, &cap))?;
    world.capped(|| world.charge_under("d", 5, &cap))?;
    world.on_day(1);
    world.fresh(|| world.hold_under("h", 5, &cap))?;
    world.fresh(|| world.charge_under("d", 5, &cap))?;
    Ok(())
}

fn a_limit_is_an_amount_of_the_account_and_not_negative(make: Make<'_>) -> Checked {
    let world = World::funded(make, 1_000)?;
    world.fresh(|| world.hold("h", 1))?;
    let eur = unit("EUR", 2);
    let wrong = LedgerError::WrongUnit { expected: world.usd, given: eur };
    let foreign = caps([world.daily("a", 10), Cap::new(scope("b"), Period::day(), eur.minor(10))]);
    ensure_eq!(world.refused(|| world.hold_under("x", 1, &foreign))?, wrong);
    ensure_eq!(world.refused(|| world.charge_under("x", 1, &foreign))?, wrong);
    ensure_eq!(world.refused(|| world.resize_under("h", 2, &foreign))?, wrong);
    for minor in [-1, i64::MIN] {
        let negative = caps([world.daily("a", 10), world.daily("b", minor)]);
        for error in [
            world.refused(|| world.hold_under("x", 1, &negative))?,
            world.refused(|| world.charge_under("x", 1, &negative))?,
            world.refused(|| world.resize_under("h", 2, &negative))?,
        ] {
            ensure!(matches!(error, LedgerError::Invalid { .. }), "{error:?}");
        }
    }
    Ok(())
}
