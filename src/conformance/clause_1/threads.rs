//! Any number of requests at once: what is there is given once.

use crate::conformance::failed::{Checked, ensure, ensure_eq, fail};
use crate::conformance::world::credit::promo;
use crate::conformance::world::race::{THREADS, at_once};
use crate::conformance::world::{Answer, Make, World};
use crate::conformance::{Check, clause};
use crate::error::LedgerError;
use crate::hold::OverCapture;

pub(crate) const CHECKS: &[Check] = clause! { 1:
    of_many_holds_at_once_the_balance_admits_what_it_suffices_for
    of_many_charges_at_once_the_balance_admits_what_it_suffices_for
    the_last_units_of_a_grant_are_drawn_once
    a_hold_asked_for_by_many_at_once_is_made_once
    captures_above_at_once_collect_what_is_there_once
    credit_that_ends_while_many_ask_is_drawn_in_time_or_not_at_all
};

/// How often a race is run.
const ROUNDS: usize = 30;

/// How many were admitted; the others must have been refused for lack of balance.
#[track_caller]
fn admitted<T: std::fmt::Debug>(answers: Vec<Answer<T>>) -> Checked<usize> {
    let mut admitted = 0;
    for answer in answers {
        match answer {
            Ok(applied) => {
                ensure!(!applied.is_replay() && applied.available_after().minor() >= 0, "{applied:?}");
                admitted += 1;
            }
            Err(LedgerError::Insufficient(short)) => ensure_eq!(short.spendable().minor(), 0),
            Err(other) => fail!("another answer was expected: {other:?}"),
        }
    }
    Ok(admitted)
}

/// Each thread asks three times for 1; there are 20.
#[track_caller]
fn race<T: std::fmt::Debug + Send>(world: &World, ask: impl Fn(&str) -> Answer<T> + Sync) -> Checked {
    let answers = at_once(|thread| {
        let asked = (0..3).map(|time| ask(&format!("{thread}-{time}")));
        asked.collect::<Vec<_>>()
    })?;
    ensure_eq!(admitted(answers.into_iter().flatten().collect())?, 20);
    ensure_eq!(world.available()?, 0);
    world.check_sums()
}

/// An account of its own for each round.
fn fresh_account(world: &World, round: usize) -> World {
    world.beside(&format!("acct-{round}"), world.usd)
}

fn of_many_holds_at_once_the_balance_admits_what_it_suffices_for(make: Make<'_>) -> Checked {
    let ledger = World::new(make);
    for round in 0..ROUNDS {
        let world = fresh_account(&ledger, round);
        world.top_up("paid in", 20)?;
        race(&world, |name| world.hold(name, 1))?;
    }
    Ok(())
}

fn of_many_charges_at_once_the_balance_admits_what_it_suffices_for(make: Make<'_>) -> Checked {
    let ledger = World::new(make);
    for round in 0..ROUNDS {
        let world = fresh_account(&ledger, round);
        world.top_up("paid in", 20)?;
        race(&world, |name| world.charge(name, 1))?;
    }
    Ok(())
}

fn the_last_units_of_a_grant_are_drawn_once(make: Make<'_>) -> Checked {
    let ledger = World::new(make);
    for round in 0..ROUNDS {
        let world = fresh_account(&ledger, round);
        world.credit("a", &promo().with_priority(1), 7)?;
        world.credit("b", &promo().with_priority(2), 13)?;
        race(&world, |name| world.hold(name, 1))?;
        ensure_eq!(world.purse()?, "a 7 (7 held), b 13 (13 held), plain 0");
        // Given back all at once, everything is where it came from.
        let holds = world.holds(world.holds_request())?.holds().to_vec();
        at_once(|thread| {
            for hold in holds.iter().skip(thread).step_by(THREADS) {
                world.void(hold.key().as_str())?;
            }
            Ok::<_, LedgerError>(())
        })?
        .into_iter()
        .collect::<Result<(), _>>()?;
        ensure_eq!(world.purse()?, "a 7, b 13, plain 0");
    }
    Ok(())
}

fn a_hold_asked_for_by_many_at_once_is_made_once(make: Make<'_>) -> Checked {
    let ledger = World::new(make);
    for round in 0..ROUNDS {
        let world = fresh_account(&ledger, round);
        world.credit("a", &promo(), 5)?;
        let cap = world.a_day("a", 5);
        let mut fresh = 0;
        for answer in at_once(|_| world.hold_under("h", 5, &cap))? {
            fresh += usize::from(!answer?.is_replay());
        }
        ensure_eq!((fresh, world.seq()?, world.days_of("a")?), (1, 2, vec![(0, 0, 5)]));
        let mut charged = 0;
        for answer in at_once(|_| world.capture("h", 4))? {
            charged += answer?.value().charged().minor();
        }
        ensure_eq!((charged, world.posted()?, world.days_of("a")?), (4, 1, vec![(0, 4, 0)]));
    }
    Ok(())
}

fn captures_above_at_once_collect_what_is_there_once(make: Make<'_>) -> Checked {
    let ledger = World::new(make);
    for round in 0..ROUNDS {
        let world = fresh_account(&ledger, round);
        world.top_up("paid in", 16)?;
        world.credit("a", &promo(), 20)?;
        for thread in 0..THREADS {
            world.hold(&thread.to_string(), 1)?;
        }
        let answers = at_once(|thread| {
            let request = world.capture_request(&thread.to_string(), 3);
            world.capture_with(request.with_over(OverCapture::UpToAvailable))
        })?;
        let mut charged = 0;
        for answer in answers {
            let captured = answer?.into_value();
            ensure!(captured.charged().minor() >= 1, "what was held is charged: {captured:?}");
            charged += captured.charged().minor();
        }
        // 16 held and 20 beside, of 48 that were named.
        ensure_eq!((charged, world.posted()?, world.purse()?), (36, 0, "plain 0".to_owned()));
        world.check_sums()?;
    }
    Ok(())
}

/// Whoever looks first books the end, and it is booked once.
fn credit_that_ends_while_many_ask_is_drawn_in_time_or_not_at_all(make: Make<'_>) -> Checked {
    let ledger = World::new(make);
    for round in 0..ROUNDS {
        let world = fresh_account(&ledger, round);
        world.top_up("paid in", 20)?;
        world.credit("a", &promo().ending_at(world.in_seconds(60)), 100)?;
        world.credit("b", &promo().starting_at(world.in_seconds(60)).ending_at(world.in_seconds(61)), 100)?;
        world.pass(61);
        race(&world, |name| world.charge(name, 1))?;
        ensure_eq!(world.statement()?.len(), 3 + 3 + 20);
        ensure_eq!(world.purse()?, "plain 0");
    }
    Ok(())
}
