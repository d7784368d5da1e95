//! Clause 10: the sequence of changes, of an account and of a hold.

use std::time::Duration;

use crate::conformance::failed::{Checked, ensure, ensure_eq, fail};
use crate::conformance::world::{DEFAULT_RELEASE, Make, World, given, refusal};
use crate::conformance::{Check, clause};
use crate::error::LedgerError;

pub(super) const CHECKS: &[Check] = clause! { 10:
    each_change_has_the_next_number
    expiries_have_numbers_too
    reads_and_refusals_carry_the_number
    a_threshold_is_crossed_once
    open_holds_are_listed_by_release_then_key
    rev_rises_by_one_with_each_change_of_a_hold
};

fn each_change_has_the_next_number(make: Make<'_>) -> Checked {
    let world = World::new(make);
    ensure_eq!(world.seq()?, 0);
    ensure_eq!(world.top_up("a", 100)?.seq(), 1);
    ensure_eq!(world.hold("h", 10)?.seq(), 2);
    ensure_eq!(world.partial("h", 1)?.seq(), 3);
    let rev = world.rev_of("h")?;
    ensure_eq!(world.resize("h", rev, 20)?.seq(), 4);
    ensure_eq!(world.capture("h", 2)?.seq(), 5);
    ensure_eq!(world.hold("v", 10)?.seq(), 6);
    ensure_eq!(world.void("v")?.seq(), 7);
    ensure_eq!(world.charge("c", 1)?.seq(), 8);
    ensure_eq!(world.refund_charge("r", "c", 1)?.seq(), 9);
    ensure_eq!(world.adjust("j", -1)?.seq(), 10);
    ensure_eq!(world.hold("zero", 0)?.seq(), 11);
    ensure_eq!(world.capture("zero", 0)?.seq(), 12);
    // Replays and refusals take none.
    ensure_eq!(world.charge("c", 1)?.seq(), 12);
    refusal(world.hold("x", 1_000))?;
    ensure_eq!(world.charge("d", 1)?.seq(), 13);
    Ok(())
}

fn expiries_have_numbers_too(make: Make<'_>) -> Checked {
    let world = World::funded(make, 10)?;
    for name in ["a", "b", "c"] {
        world.hold(name, 2)?;
    }
    world.clock.advance(DEFAULT_RELEASE);
    // Three releases, then the charge: 5, 6, 7 and 8.
    let applied = world.charge("x", 10)?;
    ensure_eq!((applied.seq(), applied.available_before().minor()), (8, 10));
    ensure_eq!(applied.available_after().minor(), 0);
    // In a refusal as well, where they may be all that happened.
    world.top_up("more", 2)?;
    world.hold("d", 2)?;
    world.clock.advance(DEFAULT_RELEASE);
    match refusal(world.hold("e", 3))? {
        LedgerError::Insufficient(short) => {
            ensure_eq!((short.seq(), short.available().minor(), short.held().minor()), (11, 2, 0));
            ensure_eq!(short.next_release_in(), None);
        }
        other => fail!("another answer was expected: {other:?}"),
    }
    ensure_eq!(world.seq()?, 11);
    Ok(())
}

fn reads_and_refusals_carry_the_number(make: Make<'_>) -> Checked {
    let world = World::funded(make, 10)?;
    world.hold("a", 2)?;
    let statement = || world.page(world.statement_request());
    let holds = || world.holds(world.holds_request());
    ensure_eq!((statement()?.seq(), holds()?.seq(), world.balance()?.seq()), (2, 2, 2));
    ensure_eq!(world.short(|| world.hold("b", 100))?.seq(), 2);
    // Those of any read that is decided after the expiry.
    world.clock.advance(DEFAULT_RELEASE);
    let page = holds()?;
    ensure_eq!((page.seq(), page.holds().len()), (3, 0));
    ensure_eq!((statement()?.seq(), world.balance()?.seq()), (3, 3));
    ensure_eq!(world.balance()?.as_of(), world.now());
    Ok(())
}

fn a_threshold_is_crossed_once(make: Make<'_>) -> Checked {
    let world = World::funded(make, 100)?;
    let mut steps = vec![];
    for index in 0..20 {
        let name = format!("h{index}");
        let held = world.hold(&name, 10)?;
        steps.push((held.seq(), held.available_before().minor(), held.available_after().minor()));
        let captured = world.capture(&name, 4)?;
        steps.push((captured.seq(), captured.available_before().minor(), captured.available_after().minor()));
    }
    for (one, next) in steps.iter().zip(steps.iter().skip(1)) {
        ensure_eq!((next.0, next.1), (one.0 + 1, one.2), "what one leaves the next one finds");
    }
    // With captures giving back, a threshold may be met again from above, but each crossing is one change's.
    let down = steps.iter().filter(|(_, before, after)| *before >= 50 && 50 > *after).count();
    let up = steps.iter().filter(|(_, before, after)| *before < 50 && 50 <= *after).count();
    ensure_eq!(down, up + 1);
    Ok(())
}

fn open_holds_are_listed_by_release_then_key(make: Make<'_>) -> Checked {
    let world = World::funded(make, 100)?;
    for (name, seconds) in [("d", 30), ("b", 20), ("a", 40), ("c", 20), ("e", 10), ("gone", 5)] {
        let request = world.hold_request(name, 1).with_lifetime(Duration::from_secs(seconds));
        world.hold_with(request)?;
    }
    world.void("gone")?;
    let rev = world.rev_of("e")?;
    let longer = world.resize_request("e", rev).with_lifetime(Duration::from_secs(50));
    world.resize_with(longer)?;
    for limit in 1..=6 {
        let (mut names, mut after) = (String::new(), None);
        loop {
            let request = world.holds_request().with_limit(limit);
            let request = match after {
                Some(after) => request.with_after(after),
                None => request,
            };
            let page = world.holds(request)?;
            ensure!(page.holds().len() <= limit as usize && !page.holds().is_empty());
            names.extend(page.holds().iter().map(|hold| hold.key().as_str()));
            after = page.next().cloned();
            if after.is_none() {
                break;
            }
            ensure!(names.len() < 5, "pages without end");
        }
        ensure_eq!(names, "bcdae", "by {limit}");
    }
    // A cursor whose hold is gone still says where to go on.
    let page = world.holds(world.holds_request().with_limit(2))?;
    world.void("c")?;
    let request = world.holds_request().with_after(given(page.next(), "next page")?.clone());
    let names: String = world.holds(request)?.holds().iter().map(|hold| hold.key().to_string()).collect();
    ensure_eq!(names, "dae");
    Ok(())
}

fn rev_rises_by_one_with_each_change_of_a_hold(make: Make<'_>) -> Checked {
    let world = World::funded(make, 100)?;
    let rev = || world.rev_of("a");
    let first = world.hold("a", 10)?.into_value().rev();
    world.hold("a", 10)?;
    ensure_eq!(rev()?, first, "a replay is no change");
    world.resize("a", first, 20)?;
    ensure_eq!(rev()?, first + 1);
    world.partial("a", 5)?;
    ensure_eq!(rev()?, first + 2);
    world.partial("a", 5)?;
    ensure_eq!(rev()?, first + 2, "a replay is no change");
    refusal(world.resize("a", rev()?, 1_000))?;
    world.charge("other", 1)?;
    ensure_eq!(rev()?, first + 2);
    world.refund_hold("r", "a", 1)?;
    ensure_eq!(rev()?, first + 3);
    world.clock.advance(DEFAULT_RELEASE);
    ensure_eq!(rev()?, first + 4, "its release is a change");
    world.capture("a", 6)?;
    ensure_eq!(rev()?, first + 5);
    Ok(())
}
