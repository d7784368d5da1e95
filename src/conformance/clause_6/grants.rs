//! Captures of holds that drew on grants: whatever else happened, each is paid what it held, and no other pays for it.

use crate::conformance::failed::{Checked, ensure, ensure_eq};
use crate::conformance::world::credit::promo;
use crate::conformance::world::random::Random;
use crate::conformance::world::{Make, World};
use crate::conformance::{Check, clause};
use crate::hold::{LateCapture, OverCapture};

pub(crate) const CHECKS: &[Check] = clause! { 6:
    what_a_hold_drew_is_charged_whatever_happened_to_the_account
    a_capture_above_draws_on_no_others_part_of_a_grant
    a_late_capture_draws_on_no_others_part_of_a_grant
    a_debt_is_never_paid_by_what_others_hold
    partial_captures_with_grants_collect_later_what_was_missing
    uncollected_is_told_by_entry_hold_and_reply_alike
    captures_of_two_holds_come_to_what_arithmetic_says
    partial_captures_come_to_what_one_capture_does
};

fn what_a_hold_drew_is_charged_whatever_happened_to_the_account(make: Make<'_>) -> Checked {
    let world = World::funded(make, 4)?;
    world.credit("a", &promo().ending_at(world.in_seconds(60)), 3)?;
    world.credit("b", &promo(), 3)?;
    world.fresh(|| world.hold_with(world.long_hold("h", 10)))?;
    ensure_eq!(world.draws_of("h")?, "a 3 held, b 3 held, plain 4 held");
    // One grant ends, all plain credit is taken back and more, and there is a debt beside.
    world.pass(60);
    world.fresh(|| world.adjust("back", -20))?;
    let captured = world.fresh(|| world.partial("h", 7))?;
    ensure_eq!((captured.charged().minor(), captured.uncollected().minor()), (7, 0));
    let captured = world.fresh(|| world.capture("h", 10))?;
    ensure_eq!((captured.charged().minor(), captured.uncollected().minor()), (3, 0));
    ensure_eq!(world.draws_of("h")?, "a 3 used, b 3 used, plain 4 used");
    ensure_eq!((world.purse()?, world.available()?), ("plain -20".to_owned(), -20));
    Ok(())
}

fn a_capture_above_draws_on_no_others_part_of_a_grant(make: Make<'_>) -> Checked {
    for (over, debt, charged) in
        [(OverCapture::UpToAvailable, 9, 4), (OverCapture::Debt, 0, 4), (OverCapture::Debt, 4, 8)]
    {
        let world = World::new(make);
        world.credit("a", &promo(), 10)?;
        world.fresh(|| world.hold("other", 6))?;
        world.fresh(|| world.hold("h", 3))?;
        let request = world.capture_request("h", 20).with_over(over).with_debt_limit(world.amount(debt));
        let captured = world.fresh(|| world.capture_with(request))?;
        ensure_eq!((captured.charged().minor(), captured.uncollected().minor()), (charged, 20 - charged));
        ensure_eq!(world.draws_of("other")?, "a 6 held");
        // The other is paid in full, from where it drew.
        ensure_eq!(world.fresh(|| world.capture("other", 6))?.charged().minor(), 6);
        ensure_eq!(world.draws_of("other")?, "a 6 used");
    }
    Ok(())
}

fn a_late_capture_draws_on_no_others_part_of_a_grant(make: Make<'_>) -> Checked {
    for (late, debt, charged) in
        [(LateCapture::IfAvailable, 9, 3), (LateCapture::Debt, 0, 3), (LateCapture::Debt, 2, 5)]
    {
        let world = World::new(make);
        world.credit("a", &promo(), 10)?;
        world.fresh(|| world.hold("h", 8))?;
        world.clock.advance(crate::conformance::world::DEFAULT_RELEASE);
        world.fresh(|| world.hold("other", 7))?;
        let request = world.capture_request("h", 8).with_late(late).with_debt_limit(world.amount(debt));
        let captured = world.fresh(|| world.capture_with(request))?;
        ensure_eq!((captured.charged().minor(), captured.uncollected().minor()), (charged, 8 - charged));
        ensure_eq!(world.draws_of("other")?, "a 7 held");
        ensure_eq!(world.fresh(|| world.capture("other", 7))?.charged().minor(), 7);
    }
    Ok(())
}

fn a_debt_is_never_paid_by_what_others_hold(make: Make<'_>) -> Checked {
    let world = World::funded(make, 5)?;
    world.credit("a", &promo(), 10)?;
    world.fresh(|| world.hold("other", 9))?;
    world.fresh(|| world.hold("h", 4))?;
    ensure_eq!(world.draws_of("h")?, "a 1 held, plain 3 held");
    world.fresh(|| world.adjust("back", -5))?;
    // What it drew on plain credit is no longer there, and what is left of the grant is others'.
    let captured = world.fresh(|| world.capture("h", 4))?;
    ensure_eq!(captured.charged().minor(), 4);
    ensure_eq!((world.purse()?, world.available()?), ("a 9 (9 held), plain -3".to_owned(), -3));
    ensure_eq!(world.fresh(|| world.capture("other", 9))?.charged().minor(), 9);
    Ok(())
}

fn partial_captures_with_grants_collect_later_what_was_missing(make: Make<'_>) -> Checked {
    let world = World::funded(make, 2)?;
    world.credit("a", &promo(), 5)?;
    world.fresh(|| world.hold("h", 6))?;
    let captured = world.fresh(|| world.partial("h", 12))?;
    ensure_eq!((captured.charged().minor(), captured.uncollected().minor()), (7, 5));
    world.credit("b", &promo().with_priority(1), 3)?;
    // The same total again is the same capture; another one collects.
    world.replayed(|| world.partial("h", 12))?;
    let captured = world.fresh(|| world.partial("h", 13))?;
    ensure_eq!((captured.charged().minor(), captured.uncollected().minor()), (3, 3));
    ensure_eq!(world.draws_of("h")?, "a 5 used, plain 2 used, b 3 used");
    world.fresh(|| world.top_up("more", 10))?;
    let captured = world.fresh(|| world.capture("h", 13))?;
    ensure_eq!((captured.charged().minor(), captured.uncollected().minor()), (3, 0));
    ensure_eq!(world.draws_of("h")?, "a 5 used, plain 5 used, b 3 used");
    let told = world.statement()?;
    let told = told.iter().map(|entry| entry.uncollected().minor()).filter(|minor| *minor != 0);
    ensure_eq!(told.collect::<Vec<_>>(), [5, -2, -3]);
    Ok(())
}

fn uncollected_is_told_by_entry_hold_and_reply_alike(make: Make<'_>) -> Checked {
    let world = World::funded(make, 2)?;
    world.credit("a", &promo(), 5)?;
    world.fresh(|| world.hold("other", 2))?;
    world.fresh(|| world.hold("h", 3))?;
    for (total, missing) in [(3, 0), (6, 1), (9, 4), (11, 6)] {
        let captured = world.partial("h", total)?.into_value();
        let hold = world.state_of("h")?;
        let entries = world.statement()?;
        let told: i64 = entries.iter().map(|entry| entry.uncollected().minor()).sum();
        ensure_eq!(
            (captured.uncollected().minor(), hold.uncollected().minor(), told),
            (missing, missing, missing),
            "{total}"
        );
    }
    Ok(())
}

/// What is in each of three places: two grants and plain credit, used in this order.
type Places = [i64; 3];

/// Takes as much as there is, in order, up to so much; gives what was taken from each.
fn take(places: &mut Places, mut minor: i64) -> Places {
    let mut taken = [0; 3];
    for (place, taken) in places.iter_mut().zip(&mut taken) {
        *taken = minor.min(*place).max(0);
        *place -= *taken;
        minor -= *taken;
    }
    taken
}

fn sum(places: &Places) -> i64 {
    places.iter().sum()
}

/// A ledger whose credit lies in these places.
#[track_caller]
fn with_places(make: Make<'_>, places: &Places) -> Checked<World> {
    let world = World::new(make);
    for (name, priority, minor) in [("a", 1, places[0]), ("b", 2, places[1])] {
        if minor > 0 {
            world.credit(name, &promo().with_priority(priority), minor)?;
        }
    }
    if places[2] > 0 {
        world.top_up("paid in", places[2])?;
    }
    Ok(world)
}

fn purse_of(places: &Places) -> String {
    let mut texts = vec![];
    for (name, minor) in [("a", places[0]), ("b", places[1])] {
        if minor > 0 {
            texts.push(format!("{name} {minor}"));
        }
    }
    texts.push(format!("plain {}", places[2]));
    texts.join(", ")
}

fn captures_of_two_holds_come_to_what_arithmetic_says(make: Make<'_>) -> Checked {
    let mut admitted = 0;
    for seed in 0..400 {
        let mut random = Random::new(seed);
        let mut free = [random.between(0, 4), random.between(0, 4), random.between(0, 4)];
        let (first, second) = (random.between(0, 6), random.between(0, 6));
        if first + second > sum(&free) {
            continue;
        }
        admitted += 1;
        let world = with_places(make, &free)?;
        world.hold("one", first)?;
        world.hold("two", second)?;
        let (mut held_by_one, held_by_two) = (take(&mut free, first), take(&mut free, second));
        // One takes what it holds, and above that what is free: nothing of the other's.
        let total = random.between(0, 12);
        let captured = world.capture("one", total)?.into_value();
        let within = take(&mut held_by_one, total);
        let above = take(&mut free, (total - first).max(0));
        ensure_eq!(captured.charged().minor(), sum(&within) + sum(&above), "seed {seed}");
        ensure_eq!(captured.uncollected().minor(), total - captured.charged().minor(), "seed {seed}");
        for (place, rest) in free.iter_mut().zip(held_by_one) {
            *place += rest;
        }
        ensure_eq!(world.available()?, sum(&free), "seed {seed}");
        // The other takes all that it holds, and from there.
        let captured = world.capture("two", second)?.into_value();
        ensure_eq!((captured.charged().minor(), captured.uncollected().minor()), (second, 0), "seed {seed}");
        let used: Vec<_> = ["a", "b", "plain"]
            .iter()
            .zip(held_by_two)
            .filter(|(_, minor)| *minor > 0)
            .map(|(name, minor)| format!("{name} {minor} used"))
            .collect();
        ensure_eq!(world.draws_of("two")?, used.join(", "), "seed {seed}");
        ensure_eq!(world.purse()?, purse_of(&free), "seed {seed}");
        world.check_books()?;
    }
    ensure!(admitted > 100, "only {admitted} of the configurations were tried");
    Ok(())
}

fn partial_captures_come_to_what_one_capture_does(make: Make<'_>) -> Checked {
    for seed in 0..60 {
        let mut random = Random::new(seed);
        let places = [random.between(0, 4), random.between(0, 4), random.between(1, 4)];
        let held = random.between(0, sum(&places));
        let total = random.between(0, 14);
        let (at_once, in_parts) = (with_places(make, &places)?, with_places(make, &places)?);
        at_once.hold("h", held)?;
        at_once.capture("h", total)?;
        in_parts.hold("h", held)?;
        let mut named = 0;
        for _ in 0..3 {
            named = random.between(named, total);
            in_parts.partial("h", named)?;
        }
        in_parts.capture("h", total)?;
        let of = |world: &World| -> Checked<_> {
            let hold = world.state_of("h")?;
            let figures = (hold.captured().minor(), hold.uncollected().minor(), world.available()?);
            Ok((figures, world.draws_of("h")?, world.purse()?))
        };
        ensure_eq!(of(&in_parts)?, of(&at_once)?, "seed {seed}");
        in_parts.check_books()?;
    }
    Ok(())
}
