//! What became due, in the order in which it did: releases of holds, starts and ends of credit.

use std::time::Duration;

use crate::conformance::failed::{Checked, ensure, ensure_eq};
use crate::conformance::world::credit::{paid, promo};
use crate::conformance::world::random::Random;
use crate::conformance::world::{Make, World, just_before};
use crate::conformance::{Check, clause};
use crate::entry::{Entry, EntryKind};
use crate::error::LedgerError;
use crate::hold::HoldStatus;

pub(crate) const CHECKS: &[Check] = clause! { 5:
    a_hold_released_before_its_credit_ends_leaves_one_expiry
    a_hold_released_after_its_credit_ended_leaves_two
    at_the_same_moment_a_release_comes_before_an_end
    at_the_same_moment_starts_and_ends_come_in_the_order_of_use
    a_start_comes_before_a_later_end_however_late_one_looks
    what_became_due_is_booked_before_anything_is_decided
    what_became_due_is_in_the_order_in_which_it_did
    a_clock_going_backwards_starts_and_ends_nothing_twice
    an_end_before_the_latest_change_is_in_the_past
    a_clock_going_backwards_counts_in_the_latest_period
};

/// A hold that is released so many seconds from now.
#[track_caller]
fn released_in(world: &World, name: &str, minor: i64, seconds: u64) -> Checked {
    let request = world.hold_request(name, minor).with_grace(Duration::ZERO);
    world.hold_with(request.with_lifetime(Duration::from_secs(seconds)))?;
    Ok(())
}

fn a_hold_released_before_its_credit_ends_leaves_one_expiry(make: Make<'_>) -> Checked {
    let world = World::new(make);
    world.credit("a", &promo().ending_at(world.in_seconds(60)), 10)?;
    released_in(&world, "h", 4, 59)?;
    // Nobody looked in between.
    world.pass(3_600);
    ensure_eq!((world.seq()?, world.statement()?.len()), (4, 2));
    ensure_eq!(world.latest(1)?, ["expiry -10: a -10"]);
    world.check_sums()?;
    Ok(())
}

fn a_hold_released_after_its_credit_ended_leaves_two(make: Make<'_>) -> Checked {
    let world = World::new(make);
    let end = world.in_seconds(60);
    world.credit("a", &promo().ending_at(end), 10)?;
    released_in(&world, "h", 4, 61)?;
    world.pass(3_600);
    ensure_eq!((world.seq()?, world.statement()?.len()), (5, 3));
    ensure_eq!(world.latest(2)?, ["expiry -6: a -6", "expiry -4: a -4"]);
    for entry in world.statement()?.iter().filter(|entry| entry.kind() == EntryKind::Expiry) {
        ensure_eq!(entry.effective_at(), end);
    }
    world.check_sums()?;
    Ok(())
}

fn at_the_same_moment_a_release_comes_before_an_end(make: Make<'_>) -> Checked {
    let world = World::new(make);
    world.credit("a", &promo().ending_at(world.in_seconds(60)), 10)?;
    released_in(&world, "h", 4, 60)?;
    world.pass(60);
    ensure_eq!((world.seq()?, world.latest(1)?), (4, vec!["expiry -10: a -10".to_owned()]));
    // And before a start, which pays a debt with what was released: 10 of the older grant, and none of its own.
    let world = World::new(make);
    world.credit("a", &promo().with_priority(1), 10)?;
    world.credit("b", &promo().starting_at(world.in_seconds(60)), 10)?;
    released_in(&world, "h", 10, 60)?;
    world.adjust("back", -10)?;
    world.pass(60);
    ensure_eq!(world.latest(1)?, ["grant +10: a -10, b +10, plain +10"]);
    ensure_eq!(world.purse()?, "b 10, plain 0");
    Ok(())
}

fn at_the_same_moment_starts_and_ends_come_in_the_order_of_use(make: Make<'_>) -> Checked {
    let world = World::new(make);
    let moment = world.in_seconds(60);
    world.credit("start of 3", &promo().starting_at(moment).with_priority(3), 3)?;
    world.credit("end of 2", &promo().ending_at(moment).with_priority(2), 2)?;
    world.credit("start of 1", &paid().starting_at(moment).with_priority(1), 1)?;
    world.credit("end of 4", &promo().ending_at(moment).with_priority(4), 4)?;
    world.clock.set(moment);
    ensure_eq!(
        world.latest(4)?,
        [
            "top-up +1: start-of-1 +1",
            "expiry -2: end-of-2 -2",
            "grant +3: start-of-3 +3",
            "expiry -4: end-of-4 -4"
        ]
    );
    world.check_sums()?;
    Ok(())
}

fn a_start_comes_before_a_later_end_however_late_one_looks(make: Make<'_>) -> Checked {
    let world = World::new(make);
    for (name, start, end) in [("a", 10, 40), ("b", 30, 50), ("c", 20, 25)] {
        let terms = promo().starting_at(world.in_seconds(start)).ending_at(world.in_seconds(end));
        world.credit(name, &terms, 5)?;
    }
    world.pass(3_600);
    ensure_eq!(
        world.latest(6)?,
        [
            "grant +5: a +5",
            "grant +5: c +5",
            "expiry -5: c -5",
            "grant +5: b +5",
            "expiry -5: a -5",
            "expiry -5: b -5"
        ]
    );
    let effective: Vec<_> = world.statement()?.iter().skip(3).map(Entry::effective_at).collect();
    let begun = world.start_of_day(0);
    let expected: Vec<_> = [10, 20, 25, 30, 40, 50]
        .iter()
        .map(|after| begun.saturating_add(Duration::from_secs(*after)))
        .collect();
    ensure_eq!(effective, expected);
    ensure_eq!((world.seq()?, world.purse()?), (9, "plain 0".to_owned()));
    Ok(())
}

fn what_became_due_is_booked_before_anything_is_decided(make: Make<'_>) -> Checked {
    let world = World::funded(make, 1)?;
    world.credit("a", &promo().ending_at(world.in_seconds(30)), 10)?;
    world.credit("b", &promo().starting_at(world.in_seconds(40)), 20)?;
    released_in(&world, "h", 4, 20)?;
    world.pass(60);
    // The release, the end and the start, and then the charge: 5, 6, 7 and 8.
    let applied = world.charge("c", 21)?;
    ensure_eq!((applied.seq(), applied.available_before().minor()), (8, 21));
    ensure_eq!(applied.available_after().minor(), 0);
    ensure_eq!(world.statement()?.iter().map(Entry::seq).collect::<Vec<_>>(), [1, 2, 3, 6, 7, 8]);
    // A refusal and a replay are decided after it as well.
    let world = World::new(make);
    world.credit("a", &promo().ending_at(world.in_seconds(30)), 10)?;
    world.hold("h", 1)?;
    world.pass(30);
    match world.charge("c", 10) {
        Err(LedgerError::Insufficient(short)) => {
            ensure_eq!((short.seq(), short.posted().minor(), short.available().minor()), (3, 1, 0));
        }
        other => ensure!(false, "{other:?}"),
    }
    let world = World::new(make);
    world.credit("a", &promo().ending_at(world.in_seconds(30)), 10)?;
    world.pass(30);
    let again = world.credit("a", &promo(), 10)?;
    ensure_eq!((again.is_replay(), again.seq(), again.available_after().minor()), (true, 2, 0));
    Ok(())
}

/// What a check believes will happen at a moment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Release(String),
    Turn(u8, String),
}

fn what_became_due_is_in_the_order_in_which_it_did(make: Make<'_>) -> Checked {
    for seed in 0..40 {
        let mut random = Random::new(seed);
        let world = World::funded(make, 1_000)?;
        // Credit that no hold draws on, so that each start and each end is one change and of all of it.
        let mut due = vec![];
        for index in 0..8_u8 {
            let (start, length) = (random.below(5), random.below(5));
            let name = format!("g{index}");
            let mut terms = promo().with_priority(200 + index);
            if start > 0 {
                terms = terms.starting_at(world.in_seconds(start * 10));
                due.push((start * 10, Due::Turn(index, format!("grant +5: {name} +5"))));
            }
            if length > 0 {
                terms = terms.ending_at(world.in_seconds((start + length) * 10));
                due.push(((start + length) * 10, Due::Turn(index, format!("expiry -5: {name} -5"))));
            }
            world.credit(&name, &terms, 5)?;
            let hold = format!("h{index}");
            let seconds = 10 * (1 + random.below(8));
            released_in(&world, &hold, 5, seconds)?;
            due.push((seconds, Due::Release(hold)));
        }
        due.sort();
        let before = world.seq()?;
        world.pass(100);
        world.charge("look", 1)?;
        let entries = world.statement()?;
        let mut expected = vec![];
        for (number, (_, due)) in (before + 1..).zip(&due) {
            if let Due::Turn(_, text) = due {
                expected.push((number, text.clone()));
            }
        }
        let mut found = vec![];
        for entry in entries.iter().filter(|entry| entry.seq() > before && entry.kind() != EntryKind::Charge)
        {
            let text =
                format!("{} {:+}: {}", entry.kind().as_str(), entry.amount().minor(), world.moved(entry)?);
            found.push((entry.seq(), text));
        }
        ensure_eq!(found, expected, "seed {seed}");
        world.check_sums()?;
    }
    Ok(())
}

fn a_clock_going_backwards_starts_and_ends_nothing_twice(make: Make<'_>) -> Checked {
    let world = World::new(make);
    let began = world.now();
    let (start, end) = (world.in_seconds(60), world.in_seconds(120));
    world.credit("a", &promo().starting_at(start).ending_at(end), 10)?;
    world.clock.set(start);
    ensure_eq!(world.available()?, 10);
    world.clock.set(began);
    // Started is started.
    ensure_eq!((world.available()?, world.seq()?), (10, 2));
    world.fresh(|| world.charge("c", 4))?;
    ensure_eq!(world.last_entry()?.booked_at(), start, "the time of the latest change stands in");
    world.clock.set(start);
    ensure_eq!((world.available()?, world.seq()?), (6, 3));
    world.clock.set(end);
    ensure_eq!((world.available()?, world.seq()?), (0, 4));
    // Ended is ended, and is booked when it was.
    world.clock.set(began);
    ensure_eq!((world.available()?, world.seq()?), (0, 4));
    world.top_up("t", 1)?;
    let times: Vec<_> = world.statement()?.iter().map(Entry::booked_at).collect();
    ensure!(times.is_sorted(), "{times:?}");
    world.clock.set(end);
    ensure_eq!((world.available()?, world.seq()?), (1, 5));
    world.check_sums()?;
    Ok(())
}

/// "The time of the latest change stands in": for what a request states as well.
fn an_end_before_the_latest_change_is_in_the_past(make: Make<'_>) -> Checked {
    let world = World::new(make);
    let began = world.now();
    world.pass(3_600);
    world.top_up("paid in", 5)?;
    let latest = world.now();
    world.clock.set(began);
    for end in [world.in_seconds(60), just_before(latest), latest] {
        let error = world.refused(|| world.credit("x", &promo().ending_at(end), 5))?;
        ensure!(matches!(error, LedgerError::Invalid { .. }), "{error:?}");
    }
    // A start that lies before it has come.
    let entry = world.fresh(|| world.credit("a", &promo().starting_at(just_before(latest)), 5))?;
    ensure_eq!(entry.amount().minor(), 5);
    // A hold lives from there.
    let hold = world.fresh(|| world.hold("h", 1))?;
    ensure_eq!((hold.opened_at(), hold.status()), (latest, HoldStatus::Open));
    Ok(())
}

fn a_clock_going_backwards_counts_in_the_latest_period(make: Make<'_>) -> Checked {
    let world = World::funded(make, 100)?;
    let cap = world.a_day("a", 10);
    world.charge_under("c", 4, &cap)?;
    world.on_day(1);
    world.charge_under("d", 4, &cap)?;
    world.on_day(0);
    world.charge_under("e", 4, &cap)?;
    ensure_eq!(world.days_of("a")?, [(0, 4, 0), (1, 8, 0)]);
    world.capped(|| world.charge_under("f", 3, &cap))?;
    Ok(())
}
