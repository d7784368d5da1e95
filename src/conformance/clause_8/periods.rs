//! In which period what counts, and to which one it is given back.

use crate::cap::Cap;
use crate::conformance::failed::{Checked, ensure_eq};
use crate::conformance::world::spend::{caps, scope};
use crate::conformance::world::{DEFAULT_RELEASE, Make, World, just_before};
use crate::conformance::{Check, clause};
use crate::hold::LateCapture;
use crate::period::Period;

pub(crate) const CHECKS: &[Check] = clause! { 8:
    a_new_period_begins_empty_to_the_microsecond
    a_hold_counts_in_the_period_in_which_it_was_made
    growth_counts_in_the_period_in_which_it_grew
    growth_finds_the_room_of_its_own_period
    a_capture_uses_the_earliest_first
    what_is_given_back_goes_to_the_period_it_was_held_in
    what_is_given_back_to_another_period_makes_no_room_in_this_one
    shrinking_gives_back_the_latest_first
    what_is_above_the_hold_counts_when_it_is_captured
    a_late_capture_counts_when_it_is_captured
    a_late_capture_leaves_what_was_used_in_time_where_it_was
    the_same_over_many_days_as_arithmetic_says
};

fn a_new_period_begins_empty_to_the_microsecond(make: Make<'_>) -> Checked {
    let world = World::funded(make, 1_000)?;
    let cap = world.a_day("a", 10);
    world.fresh(|| world.charge_under("c", 10, &cap))?;
    world.clock.set(just_before(world.start_of_day(1)));
    world.capped(|| world.charge_under("d", 1, &cap))?;
    world.clock.set(world.start_of_day(1));
    world.fresh(|| world.charge_under("d", 10, &cap))?;
    world.capped(|| world.charge_under("e", 1, &cap))?;
    ensure_eq!(world.days_of("a")?, [(0, 10, 0), (1, 10, 0)]);
    // Days that nobody used in between are none.
    world.on_day(5);
    world.fresh(|| world.charge_under("e", 10, &cap))?;
    ensure_eq!(world.days_of("a")?, [(0, 10, 0), (1, 10, 0), (5, 10, 0)]);
    Ok(())
}

fn a_hold_counts_in_the_period_in_which_it_was_made(make: Make<'_>) -> Checked {
    let world = World::funded(make, 1_000)?;
    let cap = world.a_day("a", 10);
    world.fresh(|| world.long_hold_under("h", 10, &cap))?;
    world.on_day(1);
    // It is running still, and takes nothing of today.
    world.fresh(|| world.charge_under("c", 10, &cap))?;
    ensure_eq!(world.days_of("a")?, [(0, 0, 10), (1, 10, 0)]);
    world.fresh(|| world.capture("h", 10))?;
    ensure_eq!(world.days_of("a")?, [(0, 10, 0), (1, 10, 0)]);
    Ok(())
}

fn growth_counts_in_the_period_in_which_it_grew(make: Make<'_>) -> Checked {
    let world = World::funded(make, 1_000)?;
    let cap = world.a_day("a", 10);
    world.fresh(|| world.long_hold_under("h", 4, &cap))?;
    world.on_day(1);
    world.fresh(|| world.resize_under("h", 7, &cap))?;
    ensure_eq!(world.days_of("a")?, [(0, 0, 4), (1, 0, 3)]);
    // With caps of its own or without.
    world.on_day(3);
    world.fresh(|| world.resize_now("h", 9))?;
    ensure_eq!(world.days_of("a")?, [(0, 0, 4), (1, 0, 3), (3, 0, 2)]);
    Ok(())
}

fn growth_finds_the_room_of_its_own_period(make: Make<'_>) -> Checked {
    let world = World::funded(make, 1_000)?;
    let cap = world.a_day("a", 10);
    world.fresh(|| world.long_hold_under("h", 10, &cap))?;
    world.on_day(1);
    world.fresh(|| world.charge_under("c", 4, &cap))?;
    let reached = world.capped(|| world.resize_under("h", 17, &cap))?;
    ensure_eq!((reached.used().minor(), reached.held().minor()), (4, 0));
    world.fresh(|| world.resize_under("h", 16, &cap))?;
    ensure_eq!(world.days_of("a")?, [(0, 0, 10), (1, 4, 6)]);
    Ok(())
}

/// Held 4 on day 0, grown by 3 on day 1 and by 2 on day 2; it is day 3.
#[track_caller]
fn grown(make: Make<'_>) -> Checked<World> {
    let world = World::funded(make, 1_000)?;
    let cap = world.a_day("a", 10);
    world.long_hold_under("h", 4, &cap)?;
    world.on_day(1);
    world.resize_under("h", 7, &cap)?;
    world.on_day(2);
    world.resize_under("h", 9, &cap)?;
    world.on_day(3);
    ensure_eq!(world.days_of("a")?, [(0, 0, 4), (1, 0, 3), (2, 0, 2)]);
    Ok(world)
}

fn a_capture_uses_the_earliest_first(make: Make<'_>) -> Checked {
    let world = grown(make)?;
    for (total, days) in [
        (3, vec![(0, 3, 1), (1, 0, 3), (2, 0, 2)]),
        (5, vec![(0, 4, 0), (1, 1, 2), (2, 0, 2)]),
        (8, vec![(0, 4, 0), (1, 3, 0), (2, 1, 1)]),
    ] {
        world.fresh(|| world.partial("h", total))?;
        ensure_eq!(world.days_of("a")?, days, "{total}");
    }
    world.fresh(|| world.capture("h", 8))?;
    ensure_eq!(world.days_of("a")?, [(0, 4, 0), (1, 3, 0), (2, 1, 0)]);
    Ok(())
}

fn what_is_given_back_goes_to_the_period_it_was_held_in(make: Make<'_>) -> Checked {
    let world = grown(make)?;
    world.fresh(|| world.capture("h", 5))?;
    ensure_eq!(world.days_of("a")?, [(0, 4, 0), (1, 1, 0)]);
    let world = grown(make)?;
    world.fresh(|| world.void("h"))?;
    ensure_eq!(world.days_of("a")?, []);
    let world = grown(make)?;
    world.fresh(|| world.partial("h", 2))?;
    world.clock.set(world.state_of("h")?.release_at());
    ensure_eq!(world.days_of("a")?, [(0, 2, 0)]);
    world.check_sums()?;
    // What a hold of this morning did not need is free for this afternoon.
    let world = World::funded(make, 1_000)?;
    let cap = world.a_day("a", 10);
    world.fresh(|| world.long_hold_under("h", 10, &cap))?;
    world.on_day(0);
    world.fresh(|| world.capture("h", 3))?;
    world.fresh(|| world.charge_under("c", 7, &cap))?;
    Ok(())
}

fn what_is_given_back_to_another_period_makes_no_room_in_this_one(make: Make<'_>) -> Checked {
    for give_back in [0, 1, 2, 3] {
        let world = World::funded(make, 1_000)?;
        let cap = world.a_day("a", 10);
        let request = world.hold_request("h", 10).with_caps(cap.clone());
        let lifetime = crate::conformance::world::spend::DAY * 2;
        world.fresh(|| world.hold_with(request.with_lifetime(lifetime)))?;
        world.on_day(1);
        world.fresh(|| world.charge_under("c", 10, &cap))?;
        match give_back {
            0 => drop(world.fresh(|| world.void("h"))?),
            1 => drop(world.fresh(|| world.capture("h", 1))?),
            2 => drop(world.fresh(|| world.resize_now("h", 1))?),
            _ => {
                // It ends on day 2, and what it held was day 0's.
                world.clock.set(world.state_of("h")?.release_at());
                world.fresh(|| world.charge_under("d", 10, &cap))?;
            }
        }
        let reached = world.capped(|| world.charge_under("e", 1, &cap))?;
        ensure_eq!((reached.used().minor(), reached.held().minor()), (10, 0), "{give_back}");
    }
    Ok(())
}

fn shrinking_gives_back_the_latest_first(make: Make<'_>) -> Checked {
    let world = grown(make)?;
    for (total, days) in
        [(8, vec![(0, 0, 4), (1, 0, 3), (2, 0, 1)]), (5, vec![(0, 0, 4), (1, 0, 1)]), (3, vec![(0, 0, 3)])]
    {
        world.fresh(|| world.resize_now("h", total))?;
        ensure_eq!(world.days_of("a")?, days, "{total}");
    }
    // It grows again in its own time, and what was captured stays where it was.
    world.fresh(|| world.partial("h", 2))?;
    world.fresh(|| world.resize_now("h", 6))?;
    ensure_eq!(world.days_of("a")?, [(0, 2, 1), (3, 0, 3)]);
    world.fresh(|| world.resize_now("h", 2))?;
    ensure_eq!(world.days_of("a")?, [(0, 2, 0)]);
    Ok(())
}

fn what_is_above_the_hold_counts_when_it_is_captured(make: Make<'_>) -> Checked {
    let world = grown(make)?;
    let captured = world.fresh(|| world.partial("h", 14))?;
    ensure_eq!(captured.charged().minor(), 14);
    ensure_eq!(world.days_of("a")?, [(0, 4, 0), (1, 3, 0), (2, 2, 0), (3, 5, 0)]);
    world.on_day(4);
    world.fresh(|| world.capture("h", 15))?;
    ensure_eq!(world.days_of("a")?, [(0, 4, 0), (1, 3, 0), (2, 2, 0), (3, 5, 0), (4, 1, 0)]);
    // And takes the room of that day.
    let reached = world.capped(|| world.charge_under("c", 10, &world.a_day("a", 10)))?;
    ensure_eq!(reached.used().minor(), 1);
    Ok(())
}

fn a_late_capture_counts_when_it_is_captured(make: Make<'_>) -> Checked {
    let world = World::funded(make, 1_000)?;
    let both = caps([world.daily("a", 10), Cap::counting(scope("b"), Period::day())]);
    world.clock.set(just_before(world.start_of_day(1)));
    world.fresh(|| world.hold_under("h", 4, &both))?;
    world.clock.advance(DEFAULT_RELEASE);
    ensure_eq!(world.days_of("a")?, []);
    let request = world.capture_request("h", 6).with_late(LateCapture::IfAvailable);
    world.fresh(|| world.capture_with(request))?;
    ensure_eq!((world.days_of("a")?, world.days_of("b")?), (vec![(1, 6, 0)], vec![(1, 6, 0)]));
    Ok(())
}

fn a_late_capture_leaves_what_was_used_in_time_where_it_was(make: Make<'_>) -> Checked {
    let world = World::funded(make, 1_000)?;
    world.clock.set(just_before(world.start_of_day(1)));
    world.fresh(|| world.hold_under("h", 4, &world.a_day("a", 10)))?;
    world.fresh(|| world.partial("h", 1))?;
    world.on_day(1);
    ensure_eq!(world.days_of("a")?, [(0, 1, 0)]);
    world.fresh(|| world.capture("h", 4))?;
    ensure_eq!(world.days_of("a")?, [(0, 1, 0), (1, 3, 0)]);
    Ok(())
}

/// What a check believes that a hold counts: of each day what is held and what is used.
fn the_same_over_many_days_as_arithmetic_says(make: Make<'_>) -> Checked {
    for seed in 0..25 {
        let mut random = crate::conformance::world::random::Random::new(seed);
        let world = World::funded(make, 1_000)?;
        let cap = world.a_day("a", 1_000);
        // Day, used, held; a step on each day.
        let mut days = vec![];
        let mut total = random.between(0, 9);
        days.push((0, 0, total));
        world.long_hold_under("h", total, &cap)?;
        let mut captured = 0;
        for day in 1..12 {
            world.on_day(day);
            if random.below(2) == 0 {
                let to = random.between(captured, total + 6);
                world.resize_under("h", to, &cap)?;
                let mut less = (total - to).max(0);
                for (_, _, held) in days.iter_mut().rev() {
                    let part = less.min(*held);
                    (*held, less) = (*held - part, less - part);
                }
                days.push((i64::from(day), 0, (to - total).max(0)));
                total = to;
            } else {
                let to = random.between(captured, total);
                world.partial("h", to)?;
                let mut more = to - captured;
                for (_, used, held) in &mut days {
                    let part = more.min(*held);
                    (*used, *held, more) = (*used + part, *held - part, more - part);
                }
                captured = to;
            }
            let expected: Vec<_> =
                days.iter().filter(|(_, used, held)| (*used, *held) != (0, 0)).copied().collect();
            ensure_eq!(world.days_of("a")?, expected, "seed {seed}, day {day}");
        }
        world.check_books()?;
    }
    Ok(())
}
