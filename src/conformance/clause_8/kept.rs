//! For how long counters are kept, and how they are listed.

use std::time::Duration;

use crate::cap::{Cap, Counter, CounterKey};
use crate::conformance::failed::{Checked, ensure, ensure_eq};
use crate::conformance::world::spend::{DAY, caps, scope};
use crate::conformance::world::{Make, World, just_before};
use crate::conformance::{Check, clause};
use crate::ledger::request::CountersRequest;
use crate::limits::Limits;
use crate::period::Period;

pub(crate) const CHECKS: &[Check] = clause! { 8:
    a_counter_is_kept_for_the_longest_hold_and_its_grace
    a_counter_is_kept_while_a_hold_counts_in_it
    a_counter_that_nobody_needs_is_forgotten
    counters_are_listed_by_scope_period_and_time
    counters_of_one_scope_are_listed_alone
    counters_carry_the_number_they_were_read_at
};

fn a_counter_is_kept_for_the_longest_hold_and_its_grace(make: Make<'_>) -> Checked {
    let world = World::funded(make, 1_000)?;
    let cap = world.a_day("a", 10);
    world.fresh(|| world.charge_under("c", 7, &cap))?;
    // The longest hold that could have been made in that day.
    world.clock.set(just_before(world.start_of_day(1)));
    let request = world.hold_request("h", 3).with_caps(cap);
    let request = request.with_lifetime(Limits::MAX_LIFETIME).with_grace(Limits::MAX_GRACE);
    let hold = world.fresh(|| world.hold_with(request))?;
    for moment in [world.start_of_day(20), just_before(hold.release_at())] {
        world.clock.set(moment);
        world.sweep()?;
        ensure_eq!(world.days_of("a")?, [(0, 7, 3)]);
        world.check_sums()?;
    }
    world.fresh(|| world.capture("h", 2))?;
    ensure_eq!(world.days_of("a")?, [(0, 9, 0)]);
    Ok(())
}

fn a_counter_is_kept_while_a_hold_counts_in_it(make: Make<'_>) -> Checked {
    let world = World::funded(make, 1_000)?;
    let both = caps([world.daily("a", 10), Cap::counting(scope("b"), Period::day())]);
    world.fresh(|| world.long_hold_under("h", 4, &both))?;
    // Kept alive for half a year.
    for step in 1..=10 {
        world.on_day(18 * step);
        world.sweep()?;
        let rev = world.rev_of("h")?;
        let longer = world.resize_request("h", rev).with_lifetime(DAY * 20);
        world.fresh(|| world.resize_with(longer))?;
        ensure_eq!((world.days_of("a")?, world.days_of("b")?), (vec![(0, 0, 4)], vec![(0, 0, 4)]));
    }
    world.fresh(|| world.partial("h", 1))?;
    ensure_eq!(world.days_of("a")?, [(0, 1, 3)]);
    world.fresh(|| world.resize_now("h", 2))?;
    ensure_eq!(world.days_of("a")?, [(0, 1, 1)]);
    // Growth is of this day.
    world.fresh(|| world.resize_now("h", 5))?;
    ensure_eq!(world.days_of("a")?, [(0, 1, 1), (180, 0, 3)]);
    world.fresh(|| world.capture("h", 5))?;
    // What is left of it now is over; what was used today is not.
    ensure!(world.days_of("a")?.contains(&(180, 3, 0)), "{:?}", world.days_of("a")?);
    world.check_sums()?;
    Ok(())
}

/// Once its account is changed and swept again.
fn a_counter_that_nobody_needs_is_forgotten(make: Make<'_>) -> Checked {
    let world = World::funded(make, 1_000)?;
    let rolling = Cap::counting(scope("a"), Period::rolling(Duration::from_secs(3_600))?);
    let both = caps([world.daily("a", 10), rolling]);
    world.fresh(|| world.charge_under("c", 7, &both))?;
    world
        .clock
        .set(world.start_of_day(1).saturating_add(Limits::MAX_LIFETIME).saturating_add(Limits::MAX_GRACE));
    world.fresh(|| world.charge_under("d", 5, &both))?;
    world.sweep()?;
    let page = world.counters(world.counters_request())?;
    let counted: Vec<_> =
        page.counters().iter().map(|counter| (counter.start(), counter.used().minor())).collect();
    ensure_eq!(counted, [(world.now(), 5), (world.now(), 5)]);
    world.check_sums()?;
    Ok(())
}

/// All of them, in pages of so many.
#[track_caller]
fn in_pages(world: &World, request: &CountersRequest, limit: u32) -> Checked<Vec<Counter>> {
    let (mut seen, mut after): (Vec<Counter>, Option<CounterKey>) = (vec![], None);
    loop {
        let request = request.clone().with_limit(limit);
        let request = match after {
            Some(after) => request.with_after(after),
            None => request,
        };
        let page = world.counters(request)?;
        ensure!(page.counters().len() <= limit as usize, "{} are too many", page.counters().len());
        seen.extend(page.counters().iter().cloned());
        after = page.next().cloned();
        if after.is_none() {
            return Ok(seen);
        }
        ensure_eq!(page.counters().len(), limit as usize, "a page with another after it is full");
        ensure!(seen.len() < 100, "pages without end");
    }
}

/// Counters of four scopes in a month and three days each, and of one in a fourth day: 17.
#[track_caller]
fn many(make: Make<'_>) -> Checked<World> {
    let world = World::funded(make, 1_000)?;
    for day in 0..3 {
        world.on_day(day);
        // Not in the order in which they are listed.
        for name in ["c", "a", "d", "b"] {
            let month_and_day = caps([
                Cap::counting(scope(name), Period::month()),
                Cap::counting(scope(name), Period::day()),
            ]);
            world.charge_under(&format!("{name}{day}"), 1, &month_and_day)?;
        }
    }
    world.on_day(3);
    world.charge_under("b3", 1, &world.a_day("b", 5))?;
    Ok(world)
}

fn counters_are_listed_by_scope_period_and_time(make: Make<'_>) -> Checked {
    let world = many(make)?;
    let all = in_pages(&world, &world.counters_request(), 1_000)?;
    ensure_eq!(all.len(), 17);
    let order = |counter: &Counter| (counter.scope().clone(), counter.period(), counter.start());
    let places: Vec<_> = all.iter().map(order).collect();
    for (one, next) in places.iter().zip(places.iter().skip(1)) {
        ensure!(one < next, "{one:?} comes before {next:?}");
    }
    let total: i64 = all.iter().map(|counter| counter.used().minor()).sum();
    ensure_eq!(total, 4 * 3 * 2 + 1);
    for limit in 1..=u32::try_from(all.len())? + 1 {
        ensure_eq!(in_pages(&world, &world.counters_request(), limit)?, all, "by {limit}");
    }
    // What is counted meanwhile does not shift the pages.
    let first = world.counters(world.counters_request().with_limit(3))?;
    world.charge_under("between", 1, &world.a_day("0", 1))?;
    let next = first.next().cloned();
    ensure!(next.is_some(), "there is no next page");
    let rest = match next {
        Some(next) => world.counters(world.counters_request().with_after(next))?,
        None => first.clone(),
    };
    ensure_eq!([first.counters(), rest.counters()].concat(), all);
    Ok(())
}

fn counters_of_one_scope_are_listed_alone(make: Make<'_>) -> Checked {
    let world = many(make)?;
    let all = in_pages(&world, &world.counters_request(), 1_000)?;
    for name in ["a", "b", "c", "d", "e", "ab"] {
        let expected: Vec<_> =
            all.iter().filter(|counter| counter.scope() == &scope(name)).cloned().collect();
        let request = world.counters_request().with_scope(scope(name));
        for limit in [1, 2, 3, 1_000] {
            ensure_eq!(in_pages(&world, &request, limit)?, expected, "{name} by {limit}");
        }
        ensure_eq!(expected.is_empty(), ["e", "ab"].contains(&name));
    }
    Ok(())
}

fn counters_carry_the_number_they_were_read_at(make: Make<'_>) -> Checked {
    let world = World::funded(make, 1_000)?;
    ensure_eq!(world.counters(world.counters_request())?.seq(), 1);
    world.hold_under("h", 5, &world.a_day("a", 10))?;
    ensure_eq!(world.counters(world.counters_request())?.seq(), 2);
    // Decided after the release, where a hold's time is over.
    world.pass(3_600);
    let page = world.counters(world.counters_request())?;
    ensure_eq!(page.seq(), 3);
    ensure!(page.counters().iter().all(|counter| counter.held().minor() == 0), "{page:?}");
    let nobody = world.beside("nobody", world.usd);
    let page = nobody.counters(nobody.counters_request())?;
    ensure_eq!((page.seq(), page.counters().len(), page.next()), (0, 0, None));
    Ok(())
}
