//! Caps under many threads: checked in the step that holds, resizes or charges, and in no step before it.

use crate::conformance::failed::{Checked, ensure, ensure_eq, fail};
use crate::conformance::world::race::{THREADS, at_once};
use crate::conformance::world::{Answer, Make, World};
use crate::conformance::{Check, clause};
use crate::error::LedgerError;

pub(crate) const CHECKS: &[Check] = clause! { 8:
    of_many_holds_at_once_a_cap_admits_what_fits
    of_many_charges_at_once_a_cap_admits_what_fits
    of_many_that_grow_at_once_a_cap_admits_what_fits
    holds_that_take_what_is_left_at_once_never_take_more
    a_cap_is_never_exceeded_while_work_comes_and_goes
};

/// How often a race is run.
const ROUNDS: usize = 40;

/// How many were admitted; the others must have been refused by a cap.
#[track_caller]
fn admitted<T: std::fmt::Debug>(answers: Vec<Answer<T>>) -> Checked<usize> {
    let mut admitted = 0;
    for answer in answers {
        match answer {
            Ok(applied) => {
                ensure!(!applied.is_replay(), "{applied:?}");
                admitted += 1;
            }
            Err(LedgerError::CapReached(reached)) => ensure_eq!(reached.left().minor(), 0),
            Err(other) => fail!("another answer was expected: {other:?}"),
        }
    }
    Ok(admitted)
}

/// Each thread asks three times for 1; there is room for 20.
#[track_caller]
fn race<T: std::fmt::Debug + Send>(
    world: &World,
    round: usize,
    ask: impl Fn(&str, &str) -> Answer<T> + Sync,
) -> Checked {
    let scope = format!("scope-{round}");
    let answers = at_once(|thread| {
        let asked = (0..3).map(|time| ask(&format!("{round}-{thread}-{time}"), &scope));
        asked.collect::<Vec<_>>()
    })?;
    ensure_eq!(admitted(answers.into_iter().flatten().collect())?, 20, "round {round}");
    let days = world.days_of(&scope)?;
    ensure_eq!(days.iter().map(|(_, used, held)| used + held).sum::<i64>(), 20, "round {round}");
    Ok(())
}

fn of_many_holds_at_once_a_cap_admits_what_fits(make: Make<'_>) -> Checked {
    let world = World::funded(make, 1_000_000)?;
    for round in 0..ROUNDS {
        race(&world, round, |name, scope| world.hold_under(name, 1, &world.a_day(scope, 20)))?;
    }
    world.check_books()
}

fn of_many_charges_at_once_a_cap_admits_what_fits(make: Make<'_>) -> Checked {
    let world = World::funded(make, 1_000_000)?;
    for round in 0..ROUNDS {
        race(&world, round, |name, scope| world.charge_under(name, 1, &world.a_day(scope, 20)))?;
    }
    world.check_books()
}

fn of_many_that_grow_at_once_a_cap_admits_what_fits(make: Make<'_>) -> Checked {
    let world = World::funded(make, 1_000_000)?;
    for round in 0..ROUNDS {
        // One hold for each thread and time, of nothing yet.
        for thread in 0..THREADS {
            for time in 0..3 {
                world.hold(&format!("{round}-{thread}-{time}"), 0)?;
            }
        }
        race(&world, round, |name, scope| world.resize_under(name, 1, &world.a_day(scope, 20)))?;
    }
    world.check_books()
}

fn holds_that_take_what_is_left_at_once_never_take_more(make: Make<'_>) -> Checked {
    let world = World::funded(make, 1_000_000)?;
    for round in 0..ROUNDS {
        let cap = world.a_day(&format!("scope-{round}"), 20);
        let answers = at_once(|thread| {
            let request = world.hold_request(&format!("{round}-{thread}"), 3).with_minimum(world.amount(1));
            world.hold_with(request.with_caps(cap.clone()))
        })?;
        let mut total = 0;
        for answer in answers {
            match answer {
                Ok(applied) => total += applied.value().total().minor(),
                Err(LedgerError::CapReached(reached)) => ensure_eq!(reached.left().minor(), 0),
                Err(other) => fail!("another answer was expected: {other:?}"),
            }
        }
        ensure_eq!(total, 20, "round {round}");
    }
    world.check_books()
}

/// What one thread does, and what it sees meanwhile: most of the work is given up.
fn works(world: &World, thread: usize) -> Checked<i64> {
    let cap = world.a_day("shared", 30);
    let mut charged = 0;
    for time in 0..120 {
        let names = ["a", "b", "c"].map(|part| format!("{thread}-{time}-{part}"));
        for name in &names {
            match world.hold_under(name, 4, &cap) {
                Ok(_) | Err(LedgerError::CapReached(_)) => {}
                Err(other) => fail!("another answer was expected: {other:?}"),
            }
        }
        for (_, used, held) in world.days_of("shared")? {
            ensure!(used + held <= 30, "used {used} and held {held}");
        }
        for name in names.iter().filter(|name| matches!(world.find_hold(name), Ok(Some(_)))) {
            if time == 119 && name.ends_with('a') {
                charged += world.capture(name, 1)?.value().charged().minor();
            } else {
                world.void(name)?;
            }
        }
    }
    Ok(charged)
}

fn a_cap_is_never_exceeded_while_work_comes_and_goes(make: Make<'_>) -> Checked {
    let world = World::funded(make, 1_000_000)?;
    let mut charged = 0;
    for answer in at_once(|thread| works(&world, thread))? {
        charged += answer?;
    }
    ensure!(charged > 0, "nothing was charged");
    ensure_eq!(world.days_of("shared")?, [(0, charged, 0)]);
    world.check_books()
}
