//! Rolling periods: sixty buckets, of which the one that is only partly in view counts in full.

use std::time::Duration;

use crate::cap::{Cap, Caps};
use crate::clock::Timestamp;
use crate::conformance::failed::{Checked, ensure, ensure_eq, fail};
use crate::conformance::world::credit::label;
use crate::conformance::world::random::Random;
use crate::conformance::world::spend::{caps, scope};
use crate::conformance::world::{DEFAULT_RELEASE, Make, World, just_before};
use crate::conformance::{Check, clause};
use crate::error::LedgerError;
use crate::grant::GrantTerms;
use crate::period::Period;

pub(crate) const CHECKS: &[Check] = clause! { 8:
    what_was_spent_comes_back_when_its_bucket_is_out_of_view
    a_bucket_partly_in_view_counts_in_full
    a_rolling_cap_has_no_midnight
    a_rolling_cap_fits_again_when_enough_has_left
    a_rolling_hold_counts_where_it_was_made_until_that_has_left
    a_rolling_capture_uses_what_was_held_where_it_was_held
    what_is_above_and_late_is_in_the_bucket_of_its_capture
    a_rolling_hold_gives_back_to_its_own_bucket
    rolling_growth_is_in_its_own_bucket
    what_was_held_before_the_window_is_used_first_and_counts_no_more
    no_window_ever_holds_more_than_the_cap
    rolling_periods_of_other_lengths_count_apart
    a_rolling_counter_is_of_a_sixtieth
    a_courtesy_of_a_rolling_period_comes_back_when_it_has_left
    a_rolling_sum_never_wraps
    a_sum_too_large_for_an_amount_resets_when_enough_has_left
};

/// An hour in buckets of a minute.
#[track_caller]
fn hour() -> Checked<Period> {
    Ok(Period::rolling(Duration::from_secs(3_600))?)
}

#[track_caller]
fn an_hour(world: &World, limit: i64) -> Checked<Caps> {
    Ok(caps([Cap::new(scope("a"), hour()?, world.amount(limit))]))
}

/// So many minutes and seconds after the checks begin.
fn minute(world: &World, minutes: u64, seconds: u64) -> Timestamp {
    world.start_of_day(0).saturating_add(Duration::from_secs(minutes * 60 + seconds))
}

/// What is used and held in view, as a refusal tells it.
#[track_caller]
fn in_view(world: &World) -> Checked<(i64, i64)> {
    let cap = an_hour(world, 0)?;
    let reached = world.capped(|| world.charge_under("look", 1, &cap))?;
    Ok((reached.used().minor(), reached.held().minor()))
}

fn what_was_spent_comes_back_when_its_bucket_is_out_of_view(make: Make<'_>) -> Checked {
    let world = World::funded(make, 1_000)?;
    let cap = an_hour(&world, 10)?;
    world.clock.set(minute(&world, 0, 30));
    world.fresh(|| world.charge_under("c", 10, &cap))?;
    let back = minute(&world, 61, 0);
    for moment in [minute(&world, 0, 30), minute(&world, 59, 59), minute(&world, 60, 30), just_before(back)] {
        world.clock.set(moment);
        let reached = world.capped(|| world.charge_under("d", 1, &cap))?;
        ensure_eq!((reached.used().minor(), reached.resets_at()), (10, Some(back)));
    }
    world.clock.set(back);
    world.fresh(|| world.charge_under("d", 10, &cap))?;
    Ok(())
}

fn what_was_held_before_the_window_is_used_first_and_counts_no_more(make: Make<'_>) -> Checked {
    let world = World::funded(make, 1_000)?;
    let cap = an_hour(&world, 100)?;
    world.fresh(|| world.long_hold_under("h", 3, &cap))?;
    for (minutes, total) in [(30, 5), (100, 9), (200, 14)] {
        world.clock.set(minute(&world, minutes, 0));
        world.fresh(|| world.resize_under("h", total, &cap))?;
    }
    ensure_eq!(in_view(&world)?, (0, 5), "the last growth alone is in view");
    // 9 were held before the window began, and are used first.
    world.fresh(|| world.partial("h", 9))?;
    ensure_eq!(in_view(&world)?, (0, 5));
    world.fresh(|| world.capture("h", 11))?;
    ensure_eq!(in_view(&world)?, (2, 0));
    Ok(())
}

fn a_bucket_partly_in_view_counts_in_full(make: Make<'_>) -> Checked {
    let world = World::funded(make, 1_000)?;
    let cap = an_hour(&world, 10)?;
    world.fresh(|| world.charge_under("first", 3, &cap))?;
    world.clock.set(just_before(minute(&world, 1, 0)));
    world.fresh(|| world.charge_under("last", 4, &cap))?;
    world.clock.set(minute(&world, 1, 0));
    world.fresh(|| world.charge_under("next", 2, &cap))?;
    // An hour after the first, and nearly two minutes after that, by when a second has left the view but one.
    for (moment, used) in [
        (minute(&world, 60, 0), 9),
        (just_before(minute(&world, 61, 0)), 9),
        (minute(&world, 61, 0), 2),
        (just_before(minute(&world, 62, 0)), 2),
        (minute(&world, 62, 0), 0),
    ] {
        world.clock.set(moment);
        ensure_eq!(in_view(&world)?, (used, 0), "{moment}");
    }
    Ok(())
}

fn a_rolling_cap_has_no_midnight(make: Make<'_>) -> Checked {
    let world = World::funded(make, 1_000)?;
    let cap = an_hour(&world, 10)?;
    world.clock.set(just_before(world.start_of_day(1)));
    world.fresh(|| world.charge_under("c", 10, &cap))?;
    world.clock.set(world.start_of_day(1));
    let reached = world.capped(|| world.charge_under("d", 1, &cap))?;
    ensure_eq!(reached.resets_at(), Some(world.start_of_day(1).saturating_add(Duration::from_secs(3_600))));
    Ok(())
}

fn a_rolling_cap_fits_again_when_enough_has_left(make: Make<'_>) -> Checked {
    let world = World::funded(make, 1_000)?;
    let cap = an_hour(&world, 12)?;
    for (name, at, minor) in [("a", 0, 4), ("b", 5, 3), ("c", 10, 3)] {
        world.clock.set(minute(&world, at, 20));
        world.fresh(|| world.charge_under(name, minor, &cap))?;
    }
    world.clock.set(minute(&world, 20, 0));
    // 2 are left; then 4, 3 and 3 come back.
    for (minor, back) in [
        (3, Some(61)),
        (6, Some(61)),
        (7, Some(66)),
        (9, Some(66)),
        (10, Some(71)),
        (12, Some(71)),
        (13, None),
    ] {
        let reached = world.capped(|| world.charge_under("x", minor, &cap))?;
        let back = back.map(|at| minute(&world, at, 0));
        ensure_eq!((reached.used().minor(), reached.resets_at()), (10, back), "{minor}");
    }
    // Of a hold, what is the least that would do.
    let request = world.hold_request("x", 50).with_minimum(world.amount(7)).with_caps(cap.clone());
    let reached = world.capped(|| world.hold_with(request))?;
    ensure_eq!(reached.resets_at(), Some(minute(&world, 66, 0)));
    // What was told comes true.
    world.clock.set(just_before(minute(&world, 66, 0)));
    world.capped(|| world.charge_under("x", 9, &cap))?;
    world.clock.set(minute(&world, 66, 0));
    world.fresh(|| world.charge_under("x", 9, &cap))?;
    Ok(())
}

fn a_rolling_hold_counts_where_it_was_made_until_that_has_left(make: Make<'_>) -> Checked {
    let world = World::funded(make, 1_000)?;
    let cap = an_hour(&world, 10)?;
    world.fresh(|| world.long_hold_under("h", 10, &cap))?;
    let reached = world.capped(|| world.charge_under("c", 1, &cap))?;
    ensure_eq!((reached.used().minor(), reached.held().minor()), (0, 10));
    ensure_eq!(reached.resets_at(), Some(minute(&world, 61, 0)));
    world.clock.set(just_before(minute(&world, 61, 0)));
    ensure_eq!(in_view(&world)?, (0, 10));
    // It is open still, and out of view.
    world.clock.set(minute(&world, 61, 0));
    ensure_eq!(in_view(&world)?, (0, 0));
    world.fresh(|| world.charge_under("c", 10, &cap))?;
    world.fresh(|| world.partial("h", 4))?;
    world.fresh(|| world.resize_now("h", 6))?;
    world.fresh(|| world.capture("h", 5))?;
    ensure_eq!(in_view(&world)?, (10, 0));
    world.check_sums()?;
    Ok(())
}

fn a_rolling_capture_uses_what_was_held_where_it_was_held(make: Make<'_>) -> Checked {
    let world = World::funded(make, 1_000)?;
    let cap = an_hour(&world, 10)?;
    world.fresh(|| world.long_hold_under("h", 10, &cap))?;
    world.clock.set(minute(&world, 30, 0));
    world.fresh(|| world.partial("h", 3))?;
    ensure_eq!(in_view(&world)?, (3, 7));
    world.fresh(|| world.capture("h", 6))?;
    ensure_eq!(in_view(&world)?, (6, 0));
    world.clock.set(minute(&world, 61, 0));
    ensure_eq!(in_view(&world)?, (0, 0));
    Ok(())
}

fn what_is_above_and_late_is_in_the_bucket_of_its_capture(make: Make<'_>) -> Checked {
    let world = World::funded(make, 1_000)?;
    let cap = an_hour(&world, 10)?;
    world.fresh(|| world.long_hold_under("above", 4, &cap))?;
    world.fresh(|| world.hold_under("late", 2, &cap))?;
    world.clock.advance(DEFAULT_RELEASE);
    world.clock.set(minute(&world, 30, 0));
    ensure_eq!(in_view(&world)?, (0, 4));
    world.fresh(|| world.capture("above", 7))?;
    world.fresh(|| world.capture("late", 2))?;
    ensure_eq!(in_view(&world)?, (9, 0));
    world.clock.set(minute(&world, 61, 0));
    ensure_eq!(in_view(&world)?, (5, 0));
    world.clock.set(minute(&world, 91, 0));
    ensure_eq!(in_view(&world)?, (0, 0));
    Ok(())
}

fn a_rolling_hold_gives_back_to_its_own_bucket(make: Make<'_>) -> Checked {
    let world = World::funded(make, 1_000)?;
    let cap = an_hour(&world, 10)?;
    world.fresh(|| world.long_hold_under("h", 5, &cap))?;
    world.clock.set(minute(&world, 10, 0));
    world.fresh(|| world.charge_under("c", 5, &cap))?;
    world.clock.set(minute(&world, 20, 0));
    world.fresh(|| world.resize_now("h", 3))?;
    world.fresh(|| world.charge_under("d", 2, &cap))?;
    world.fresh(|| world.void("h"))?;
    world.fresh(|| world.charge_under("e", 3, &cap))?;
    world.capped(|| world.charge_under("f", 1, &cap))?;
    // Nothing of it comes back a second time with its bucket.
    world.clock.set(minute(&world, 61, 0));
    ensure_eq!(in_view(&world)?, (10, 0));
    world.check_sums()?;
    Ok(())
}

fn rolling_growth_is_in_its_own_bucket(make: Make<'_>) -> Checked {
    let world = World::funded(make, 1_000)?;
    let cap = an_hour(&world, 20)?;
    world.fresh(|| world.long_hold_under("h", 4, &cap))?;
    for (at, total) in [(10, 7), (20, 9)] {
        world.clock.set(minute(&world, at, 0));
        world.fresh(|| world.resize_under("h", total, &cap))?;
    }
    // The earliest is used first, and the latest given back first.
    world.fresh(|| world.partial("h", 5))?;
    world.fresh(|| world.resize_now("h", 8))?;
    ensure_eq!(in_view(&world)?, (5, 3));
    world.clock.set(minute(&world, 61, 0));
    ensure_eq!(in_view(&world)?, (1, 3));
    world.clock.set(minute(&world, 71, 0));
    ensure_eq!(in_view(&world)?, (0, 1));
    world.clock.set(minute(&world, 81, 0));
    ensure_eq!(in_view(&world)?, (0, 0));
    Ok(())
}

fn no_window_ever_holds_more_than_the_cap(make: Make<'_>) -> Checked {
    for seed in 0..6 {
        let mut random = Random::new(seed);
        let world = World::funded(make, 100_000)?;
        let cap = an_hour(&world, 30)?;
        // Second and amount of what was charged.
        let mut charged: Vec<(u64, i64)> = vec![];
        let (mut second, mut refused) = (0, 0);
        for step in 0..120 {
            second += random.below(240);
            world.clock.set(minute(&world, 0, second));
            let minor = random.between(1, 12);
            // A bucket counts until the minute after it has ended is an hour ago.
            let counts = |at: u64, now: u64| (at / 60 + 61) * 60 > now;
            let used_at = |now: u64| -> i64 {
                charged.iter().filter(|(at, _)| counts(*at, now)).map(|(_, minor)| minor).sum()
            };
            let name = format!("c{step}");
            if used_at(second) + minor <= 30 {
                world.charge_under(&name, minor, &cap)?;
                charged.push((second, minor));
            } else {
                refused += 1;
                let reached = world.capped(|| world.charge_under(&name, minor, &cap))?;
                ensure_eq!(reached.used().minor(), used_at(second), "seed {seed}, second {second}");
                let fits =
                    (second / 60 * 60..second + 7_200).step_by(60).find(|now| used_at(*now) + minor <= 30);
                let fits = fits.map(|now| minute(&world, 0, now));
                ensure_eq!(reached.resets_at(), fits, "seed {seed}, second {second}");
            }
        }
        ensure!(refused > 20 && charged.len() > 20, "{refused} refused, {} charged", charged.len());
        // In no hour at all is there more, from wherever it is looked at.
        for (from, _) in &charged {
            let within: i64 = charged
                .iter()
                .filter(|(at, _)| (*from..=from + 3_600).contains(at))
                .map(|(_, minor)| minor)
                .sum();
            ensure!(within <= 30, "seed {seed}: {within} from second {from}");
        }
        world.check_books()?;
    }
    Ok(())
}

fn rolling_periods_of_other_lengths_count_apart(make: Make<'_>) -> Checked {
    let world = World::funded(make, 1_000)?;
    let shortest = Period::rolling(Duration::from_secs(60))?;
    let both = caps([
        Cap::new(scope("a"), shortest, world.amount(4)),
        Cap::new(scope("a"), hour()?, world.amount(10)),
        world.daily("a", 13),
    ]);
    world.clock.set(minute(&world, 0, 7));
    world.fresh(|| world.charge_under("c", 4, &both))?;
    let reached = world.capped(|| world.charge_under("d", 1, &both))?;
    // A bucket of a second.
    ensure_eq!((reached.period(), reached.resets_at()), (shortest, Some(minute(&world, 1, 8))));
    world.clock.set(minute(&world, 1, 8));
    world.fresh(|| world.charge_under("d", 4, &both))?;
    world.clock.set(minute(&world, 5, 0));
    let reached = world.capped(|| world.charge_under("e", 3, &both))?;
    ensure_eq!((reached.period(), reached.used().minor()), (hour()?, 8));
    world.clock.set(minute(&world, 90, 0));
    let reached = world.capped(|| world.charge_under("e", 6, &both))?;
    ensure_eq!((reached.period(), reached.resets_at()), (shortest, None));
    world.fresh(|| world.charge_under("e", 4, &both))?;
    world.clock.set(minute(&world, 300, 0));
    let reached = world.capped(|| world.charge_under("f", 2, &both))?;
    ensure_eq!((reached.period(), reached.used().minor()), (Period::day(), 12));
    Ok(())
}

fn a_rolling_counter_is_of_a_sixtieth(make: Make<'_>) -> Checked {
    let world = World::funded(make, 1_000)?;
    let cap = an_hour(&world, 100)?;
    for (at, second) in [(0, 0), (0, 59), (1, 0), (59, 30), (60, 59)] {
        world.clock.set(minute(&world, at, second));
        world.charge_under(&format!("c{at}-{second}"), 1, &cap)?;
    }
    let page = world.counters(world.counters_request().with_scope(scope("a")))?;
    let counted: Vec<_> = page
        .counters()
        .iter()
        .map(|counter| (counter.start(), counter.end(), counter.used().minor()))
        .collect();
    let bucket = |at, used| (minute(&world, at, 0), minute(&world, at + 1, 0), used);
    ensure_eq!(counted, [bucket(0, 2), bucket(1, 1), bucket(59, 1), bucket(60, 1)]);
    ensure!(page.counters().iter().all(|counter| counter.period().is_rolling()), "{page:?}");
    Ok(())
}

fn a_courtesy_of_a_rolling_period_comes_back_when_it_has_left(make: Make<'_>) -> Checked {
    let world = World::new(make);
    world.clock.set(minute(&world, 0, 30));
    let courtesy = GrantTerms::courtesy(label("Finish it"), hour()?);
    world.fresh(|| world.credit("a", &courtesy, 5))?;
    for moment in [minute(&world, 0, 30), minute(&world, 30, 0), just_before(minute(&world, 61, 0))] {
        world.clock.set(moment);
        match world.refused(|| world.credit("b", &courtesy, 5))? {
            LedgerError::CourtesyGiven { again_at } => ensure_eq!(again_at, minute(&world, 61, 0)),
            other => fail!("this was given already: {other:?}"),
        }
    }
    world.clock.set(minute(&world, 61, 0));
    world.fresh(|| world.credit("b", &courtesy, 5))?;
    Ok(())
}

/// Three times as much as an amount can say, in the buckets of minutes 0, 1 and 2.
#[track_caller]
fn far_too_much(make: Make<'_>) -> Checked<World> {
    let world = World::funded(make, i64::MAX)?;
    let counting = caps([Cap::counting(scope("a"), hour()?)]);
    for at in 0..3 {
        world.clock.set(minute(&world, at, 0));
        world.charge_under(&format!("c{at}"), i64::MAX, &counting)?;
        world.refund_charge(&format!("r{at}"), &format!("c{at}"), i64::MAX)?;
    }
    Ok(world)
}

fn a_rolling_sum_never_wraps(make: Make<'_>) -> Checked {
    let world = far_too_much(make)?;
    let most = an_hour(&world, i64::MAX)?;
    let reached = world.capped(|| world.charge_under("x", 1, &most))?;
    ensure_eq!((reached.used().minor(), reached.left().minor()), (i64::MAX, 0));
    world.clock.set(minute(&world, 63, 0));
    world.charge_under("x", i64::MAX, &most)?;
    Ok(())
}

/// Each of the three minutes alone fills the cap, so it is the last of them that has to leave.
fn a_sum_too_large_for_an_amount_resets_when_enough_has_left(make: Make<'_>) -> Checked {
    let world = far_too_much(make)?;
    let most = an_hour(&world, i64::MAX)?;
    let reached = world.capped(|| world.charge_under("x", 1, &most))?;
    ensure_eq!(reached.resets_at(), Some(minute(&world, 63, 0)));
    Ok(())
}
