//! Clause 8: spend caps, and the counters they are checked by.

mod calendars;
mod kept;
mod periods;
mod refusals;
mod rolling;
mod threads;

use crate::cap::Cap;
use crate::conformance::failed::{Checked, ensure, ensure_eq};
use crate::conformance::world::spend::{DAY, caps, scope};
use crate::conformance::world::{DEFAULT_RELEASE, Make, World, key};
use crate::conformance::{Check, clause};
use crate::hold::{LateCapture, OverCapture};
use crate::period::Period;

pub(super) use calendars::CHECKS as CALENDARS;
pub(super) use kept::CHECKS as KEPT;
pub(super) use periods::CHECKS as PERIODS;
pub(super) use refusals::CHECKS as REFUSALS;
pub(super) use rolling::CHECKS as ROLLING;
pub(super) use threads::CHECKS as THREADS;

pub(super) const CHECKS: &[Check] = clause! { 8:
    what_is_held_and_what_is_charged_count_together
    a_cap_is_about_its_scope_and_no_other
    a_cap_is_about_its_account_and_no_other
    the_same_scope_counts_in_each_period_by_itself
    a_cap_without_a_limit_only_counts
    a_request_has_to_fit_under_all_its_caps
    a_limit_is_that_of_the_request
    work_without_caps_is_not_counted
    growth_has_to_fit_under_the_caps_of_its_request
    growth_counts_under_its_own_caps_and_those_of_the_hold
    the_limits_of_the_hold_are_not_those_of_its_growth
    what_does_not_grow_is_not_checked
    a_capture_turns_what_was_held_into_used
    what_was_not_needed_is_given_back
    a_capture_is_never_refused_by_a_cap
    what_could_not_be_collected_is_not_counted
    a_refund_does_not_lower_what_was_used
    a_replay_is_answered_under_a_reached_cap
    holds_and_entries_say_what_they_count
    what_is_drawn_on_grants_counts_like_anything_else
    a_hold_of_nothing_counts_what_it_grows_by_and_what_is_captured
    a_hold_that_shrank_to_nothing_counts_what_it_grows_by
};

fn what_is_held_and_what_is_charged_count_together(make: Make<'_>) -> Checked {
    let world = World::funded(make, 1_000)?;
    let cap = world.a_day("a", 10);
    world.fresh(|| world.hold_under("h", 4, &cap))?;
    world.fresh(|| world.charge_under("c", 3, &cap))?;
    ensure_eq!(world.days_of("a")?, [(0, 3, 4)]);
    world.capped(|| world.hold_under("i", 4, &cap))?;
    world.capped(|| world.charge_under("d", 4, &cap))?;
    world.fresh(|| world.hold_under("i", 2, &cap))?;
    world.capped(|| world.charge_under("d", 2, &cap))?;
    world.fresh(|| world.charge_under("d", 1, &cap))?;
    ensure_eq!(world.days_of("a")?, [(0, 4, 6)]);
    world.capped(|| world.hold_under("j", 1, &cap))?;
    Ok(())
}

fn a_cap_is_about_its_scope_and_no_other(make: Make<'_>) -> Checked {
    let world = World::funded(make, 1_000)?;
    world.fresh(|| world.charge_under("c", 10, &world.a_day("a", 10)))?;
    for name in ["b", "A", "a/", "aa", "day", "team/a"] {
        world.fresh(|| world.charge_under(&format!("c of {name}"), 10, &world.a_day(name, 10)))?;
        ensure_eq!(world.days_of(name)?, [(0, 10, 0)], "{name}");
    }
    world.capped(|| world.charge_under("d", 1, &world.a_day("a", 10)))?;
    ensure_eq!(world.days_of("a")?, [(0, 10, 0)]);
    Ok(())
}

fn a_cap_is_about_its_account_and_no_other(make: Make<'_>) -> Checked {
    let world = World::funded(make, 1_000)?;
    let other = world.beside("other", world.usd);
    other.top_up("paid in", 1_000)?;
    world.fresh(|| world.charge_under("c", 10, &world.a_day("a", 10)))?;
    ensure_eq!(other.days_of("a")?, []);
    other.fresh(|| other.charge_under("c", 9, &other.a_day("a", 10)))?;
    ensure_eq!((world.days_of("a")?, other.days_of("a")?), (vec![(0, 10, 0)], vec![(0, 9, 0)]));
    Ok(())
}

fn the_same_scope_counts_in_each_period_by_itself(make: Make<'_>) -> Checked {
    let world = World::funded(make, 1_000)?;
    let (day, month) = (world.daily("a", 10), Cap::new(scope("a"), Period::month(), world.amount(15)));
    let both = caps([day, month.clone()]);
    world.fresh(|| world.charge_under("c", 8, &both))?;
    world.on_day(1);
    let reached = world.capped(|| world.charge_under("d", 8, &both))?;
    ensure_eq!((reached.period(), reached.used().minor()), (Period::month(), 8));
    world.fresh(|| world.charge_under("d", 7, &both))?;
    ensure_eq!(world.days_of("a")?, [(0, 8, 0), (1, 7, 0)]);
    // Under the month's cap alone nothing is counted for the day.
    world.capped(|| world.charge_under("e", 1, &caps([month])))?;
    let wider = Cap::new(scope("a"), Period::month(), world.amount(1_000));
    world.fresh(|| world.charge_under("e", 1, &caps([wider])))?;
    ensure_eq!(world.days_of("a")?, [(0, 8, 0), (1, 7, 0)]);
    Ok(())
}

fn a_cap_without_a_limit_only_counts(make: Make<'_>) -> Checked {
    let world = World::funded(make, 1_000)?;
    let counting = caps([Cap::counting(scope("a"), Period::day())]);
    world.fresh(|| world.charge_under("c", 300, &counting))?;
    world.fresh(|| world.hold_under("h", 500, &counting))?;
    ensure_eq!(world.days_of("a")?, [(0, 300, 500)]);
    world.fresh(|| world.resize_under("h", 700, &counting))?;
    ensure_eq!(world.days_of("a")?, [(0, 300, 700)]);
    // A limit on the same scope finds what was counted without one.
    let reached = world.capped(|| world.charge_under("d", 1, &world.a_day("a", 1_000)))?;
    ensure_eq!((reached.used().minor(), reached.held().minor()), (300, 700));
    Ok(())
}

fn a_request_has_to_fit_under_all_its_caps(make: Make<'_>) -> Checked {
    let world = World::funded(make, 1_000)?;
    let three = caps([world.daily("wide", 100), world.daily("narrow", 5), world.daily("other", 100)]);
    // Refused by one, it counts under none.
    let reached = world.capped(|| world.charge_under("c", 6, &three))?;
    ensure_eq!(reached.scope(), &scope("narrow"));
    world.capped(|| world.hold_under("h", 6, &three))?;
    world.fresh(|| world.charge_under("c", 5, &three))?;
    for name in ["wide", "narrow", "other"] {
        ensure_eq!(world.days_of(name)?, [(0, 5, 0)], "{name}");
    }
    Ok(())
}

/// A ledger stores counters, never configuration.
fn a_limit_is_that_of_the_request(make: Make<'_>) -> Checked {
    let world = World::funded(make, 1_000)?;
    world.fresh(|| world.charge_under("c", 10, &world.a_day("a", 10)))?;
    world.fresh(|| world.charge_under("d", 10, &world.a_day("a", 20)))?;
    world.capped(|| world.charge_under("e", 1, &world.a_day("a", 20)))?;
    world.fresh(|| world.charge_under("e", 1, &world.a_day("a", 21)))?;
    let reached = world.capped(|| world.charge_under("f", 1, &world.a_day("a", 5)))?;
    ensure_eq!((reached.limit().minor(), reached.used().minor(), reached.left().minor()), (5, 21, 0));
    Ok(())
}

fn work_without_caps_is_not_counted(make: Make<'_>) -> Checked {
    let world = World::funded(make, 1_000)?;
    world.fresh(|| world.charge("c", 10))?;
    world.fresh(|| world.hold("h", 10))?;
    ensure_eq!(world.counters(world.counters_request())?.counters(), []);
    world.fresh(|| world.charge_under("d", 10, &world.a_day("a", 10)))?;
    world.fresh(|| world.charge("e", 10))?;
    ensure_eq!(world.days_of("a")?, [(0, 10, 0)]);
    ensure!(world.state_of("h")?.counted().is_empty() && world.entry_of("c")?.counted().is_empty());
    Ok(())
}

fn growth_has_to_fit_under_the_caps_of_its_request(make: Make<'_>) -> Checked {
    let world = World::funded(make, 1_000)?;
    let cap = world.a_day("a", 10);
    world.fresh(|| world.hold_under("h", 4, &cap))?;
    world.fresh(|| world.charge_under("c", 3, &cap))?;
    let before = world.state_of("h")?;
    let reached = world.capped(|| world.resize_under("h", 8, &cap))?;
    ensure_eq!((reached.used().minor(), reached.held().minor(), reached.left().minor()), (3, 4, 3));
    ensure_eq!(world.state_of("h")?, before, "the old hold stands");
    world.fresh(|| world.resize_under("h", 7, &cap))?;
    ensure_eq!(world.days_of("a")?, [(0, 3, 7)]);
    world.capped(|| world.resize_under("h", 8, &cap))?;
    Ok(())
}

fn growth_counts_under_its_own_caps_and_those_of_the_hold(make: Make<'_>) -> Checked {
    let world = World::funded(make, 1_000)?;
    world.fresh(|| world.hold_under("h", 4, &world.a_day("a", 10)))?;
    world.fresh(|| world.resize_under("h", 6, &world.a_day("b", 10)))?;
    ensure_eq!((world.days_of("a")?, world.days_of("b")?), (vec![(0, 0, 6)], vec![(0, 0, 2)]));
    // Growth that names no caps counts where the hold does by now.
    world.fresh(|| world.resize_now("h", 9))?;
    ensure_eq!((world.days_of("a")?, world.days_of("b")?), (vec![(0, 0, 9)], vec![(0, 0, 5)]));
    // Growth under what it counts in already counts there once.
    world.fresh(|| world.resize_under("h", 10, &world.a_day("b", 10)))?;
    ensure_eq!((world.days_of("a")?, world.days_of("b")?), (vec![(0, 0, 10)], vec![(0, 0, 6)]));
    world.fresh(|| world.capture("h", 10))?;
    ensure_eq!((world.days_of("a")?, world.days_of("b")?), (vec![(0, 10, 0)], vec![(0, 6, 0)]));
    Ok(())
}

fn the_limits_of_the_hold_are_not_those_of_its_growth(make: Make<'_>) -> Checked {
    let world = World::funded(make, 1_000)?;
    world.fresh(|| world.hold_under("h", 5, &world.a_day("a", 5)))?;
    world.fresh(|| world.resize_now("h", 8))?;
    ensure_eq!(world.days_of("a")?, [(0, 0, 8)]);
    // Another limit for the same scope, or one for another.
    world.capped(|| world.resize_under("h", 11, &world.a_day("a", 10)))?;
    world.fresh(|| world.resize_under("h", 10, &world.a_day("a", 10)))?;
    world.capped(|| world.resize_under("h", 13, &world.a_day("b", 2)))?;
    world.fresh(|| world.resize_under("h", 12, &world.a_day("b", 2)))?;
    ensure_eq!((world.days_of("a")?, world.days_of("b")?), (vec![(0, 0, 12)], vec![(0, 0, 2)]));
    Ok(())
}

fn what_does_not_grow_is_not_checked(make: Make<'_>) -> Checked {
    let world = World::funded(make, 1_000)?;
    world.fresh(|| world.hold_under("h", 5, &world.a_day("a", 5)))?;
    // Far above this limit, and smaller all the same.
    let narrow = world.a_day("a", 1);
    world.fresh(|| world.resize_under("h", 4, &narrow))?;
    world.fresh(|| world.resize_under("h", 4, &narrow))?;
    let rev = world.rev_of("h")?;
    let longer = world.resize_request("h", rev).with_lifetime(DAY).with_caps(narrow.clone());
    world.fresh(|| world.resize_with(longer))?;
    ensure_eq!(world.days_of("a")?, [(0, 0, 4)]);
    world.capped(|| world.resize_under("h", 5, &narrow))?;
    Ok(())
}

fn a_capture_turns_what_was_held_into_used(make: Make<'_>) -> Checked {
    let world = World::funded(make, 1_000)?;
    let cap = world.a_day("a", 10);
    world.fresh(|| world.hold_under("h", 8, &cap))?;
    for (total, used, held) in [(3, 3, 5), (3, 3, 5), (7, 7, 1)] {
        world.partial("h", total)?;
        ensure_eq!(world.days_of("a")?, [(0, used, held)]);
        world.capped(|| world.charge_under("c", 3, &cap))?;
    }
    world.fresh(|| world.capture("h", 7))?;
    ensure_eq!(world.days_of("a")?, [(0, 7, 0)]);
    world.fresh(|| world.charge_under("c", 3, &cap))?;
    Ok(())
}

fn what_was_not_needed_is_given_back(make: Make<'_>) -> Checked {
    let world = World::funded(make, 1_000)?;
    let cap = world.a_day("a", 10);
    world.fresh(|| world.hold_under("captured", 10, &cap))?;
    world.fresh(|| world.capture("captured", 2))?;
    ensure_eq!(world.days_of("a")?, [(0, 2, 0)]);
    world.fresh(|| world.hold_under("voided", 8, &cap))?;
    world.fresh(|| world.void("voided"))?;
    ensure_eq!(world.days_of("a")?, [(0, 2, 0)]);
    world.fresh(|| world.hold_under("smaller", 8, &cap))?;
    world.fresh(|| world.resize_now("smaller", 3))?;
    ensure_eq!(world.days_of("a")?, [(0, 2, 3)]);
    world.fresh(|| world.hold_under("expired", 5, &cap))?;
    world.fresh(|| world.partial("expired", 1))?;
    world.clock.advance(DEFAULT_RELEASE);
    // All but what was captured, for the first decision that comes.
    world.charge_under("c", 7, &cap)?;
    ensure_eq!(world.days_of("a")?, [(0, 10, 0)]);
    world.check_sums()?;
    Ok(())
}

fn a_capture_is_never_refused_by_a_cap(make: Make<'_>) -> Checked {
    let world = World::funded(make, 1_000)?;
    let cap = world.a_day("a", 10);
    for name in ["partial", "above", "debt", "late"] {
        world.fresh(|| world.hold_under(name, 2, &cap))?;
    }
    world.fresh(|| world.charge_under("c", 2, &cap))?;
    // Charged in full, and counted.
    ensure_eq!(world.fresh(|| world.partial("partial", 5))?.charged().minor(), 5);
    ensure_eq!(world.fresh(|| world.capture("partial", 8))?.charged().minor(), 3);
    ensure_eq!(world.fresh(|| world.capture("above", 50))?.charged().minor(), 50);
    let debt = world.capture_request("debt", 1_000).with_over(OverCapture::Debt);
    let debt = debt.with_debt_limit(world.amount(1_000));
    ensure_eq!(world.fresh(|| world.capture_with(debt))?.uncollected().minor(), 0);
    ensure_eq!(world.days_of("a")?, [(0, 1_060, 2)]);
    world.clock.advance(DEFAULT_RELEASE);
    let late = world.capture_request("late", 2).with_late(LateCapture::Debt);
    let late = late.with_debt_limit(world.amount(1_000));
    ensure_eq!(world.fresh(|| world.capture_with(late))?.charged().minor(), 2);
    ensure_eq!(world.days_of("a")?, [(0, 1_062, 0)]);
    world.capped(|| world.charge_under("d", 1, &cap))?;
    Ok(())
}

fn what_could_not_be_collected_is_not_counted(make: Make<'_>) -> Checked {
    let world = World::funded(make, 12)?;
    let cap = world.a_day("a", 100);
    world.fresh(|| world.hold_under("h", 10, &cap))?;
    let captured = world.fresh(|| world.partial("h", 20))?;
    ensure_eq!((captured.charged().minor(), captured.uncollected().minor()), (12, 8));
    ensure_eq!(world.days_of("a")?, [(0, 12, 0)]);
    // What is collected later is.
    world.fresh(|| world.top_up("more", 5))?;
    world.fresh(|| world.capture("h", 20))?;
    ensure_eq!(world.days_of("a")?, [(0, 17, 0)]);
    Ok(())
}

fn a_refund_does_not_lower_what_was_used(make: Make<'_>) -> Checked {
    let world = World::funded(make, 1_000)?;
    let cap = world.a_day("a", 10);
    world.fresh(|| world.charge_under("c", 5, &cap))?;
    world.fresh(|| world.hold_under("h", 5, &cap))?;
    world.fresh(|| world.capture("h", 5))?;
    world.fresh(|| world.refund_charge("r", "c", 5))?;
    world.fresh(|| world.refund_hold("s", "h", 3))?;
    ensure_eq!(world.days_of("a")?, [(0, 10, 0)]);
    world.capped(|| world.charge_under("d", 1, &cap))?;
    ensure!(world.entry_of("r")?.counted().is_empty());
    Ok(())
}

fn a_replay_is_answered_under_a_reached_cap(make: Make<'_>) -> Checked {
    let world = World::funded(make, 1_000)?;
    let cap = world.a_day("a", 10);
    let hold = world.fresh(|| world.hold_under("h", 6, &cap))?;
    let charge = world.fresh(|| world.charge_under("c", 4, &cap))?;
    world.capped(|| world.charge_under("d", 1, &cap))?;
    ensure_eq!(world.replayed(|| world.hold_under("h", 6, &cap))?, hold);
    ensure_eq!(world.replayed(|| world.charge_under("c", 4, &cap))?, charge);
    // Caps are not compared: no more are others, reached or not.
    for other in [world.a_day("a", 1), world.a_day("b", 1), caps([])] {
        ensure_eq!(world.replayed(|| world.hold_under("h", 6, &other))?, hold);
        ensure_eq!(world.replayed(|| world.charge_under("c", 4, &other))?, charge);
    }
    ensure_eq!(world.days_of("a")?, [(0, 4, 6)]);
    Ok(())
}

fn holds_and_entries_say_what_they_count(make: Make<'_>) -> Checked {
    let world = World::funded(make, 1_000)?;
    let both = caps([world.daily("a", 10), Cap::counting(scope("b"), Period::day())]);
    world.fresh(|| world.hold_under("h", 6, &both))?;
    let counted = |hold: &crate::hold::HoldState| -> Vec<_> {
        let parts = hold.counted().iter();
        parts.map(|part| (part.key().scope().clone(), part.held().minor(), part.used().minor())).collect()
    };
    ensure_eq!(counted(&world.state_of("h")?), [(scope("a"), 6, 0), (scope("b"), 6, 0)]);
    world.fresh(|| world.partial("h", 4))?;
    ensure_eq!(counted(&world.state_of("h")?), [(scope("a"), 2, 4), (scope("b"), 2, 4)]);
    let entry = world.last_entry()?;
    ensure_eq!(entry.hold(), Some(&key("h")));
    for part in entry.counted() {
        ensure_eq!((part.key().period(), part.key().start()), (Period::day(), world.start_of_day(0)));
        ensure_eq!((part.used().minor(), part.held().minor()), (4, 0));
    }
    ensure_eq!(entry.counted().len(), 2);
    let entry = world.fresh(|| world.charge_under("c", 3, &both))?;
    let used: Vec<_> = entry.counted().iter().map(|part| part.used().minor()).collect();
    ensure_eq!(used, [3, 3]);
    Ok(())
}

fn what_is_drawn_on_grants_counts_like_anything_else(make: Make<'_>) -> Checked {
    let world = World::funded(make, 5)?;
    world.grant("g", 5)?;
    let cap = world.a_day("a", 8);
    world.fresh(|| world.hold_under("h", 7, &cap))?;
    ensure_eq!(world.draws_of("h")?, "g 5 held, plain 2 held");
    world.capped(|| world.charge_under("c", 2, &cap))?;
    world.fresh(|| world.capture("h", 6))?;
    ensure_eq!(world.days_of("a")?, [(0, 6, 0)]);
    Ok(())
}

/// As work that streams does: begun with nothing held, it is under its caps all the same.
fn a_hold_of_nothing_counts_what_it_grows_by_and_what_is_captured(make: Make<'_>) -> Checked {
    let world = World::funded(make, 1_000)?;
    let cap = world.a_day("a", 10);
    for name in ["grown", "above", "late"] {
        world.fresh(|| world.hold_under(name, 0, &cap))?;
    }
    world.fresh(|| world.resize_now("grown", 2))?;
    ensure_eq!(world.days_of("a")?, [(0, 0, 2)]);
    world.fresh(|| world.capture("above", 3))?;
    ensure_eq!(world.days_of("a")?, [(0, 3, 2)]);
    world.clock.advance(DEFAULT_RELEASE);
    world.fresh(|| world.capture("late", 4))?;
    ensure_eq!(world.days_of("a")?, [(0, 7, 0)]);
    // One that got nothing because nothing was left.
    let full = world.a_day("a", 7);
    let request = world.hold_request("least", 5).with_minimum(world.amount(0)).with_caps(full);
    world.fresh(|| world.hold_with(request))?;
    world.fresh(|| world.capture("least", 1))?;
    ensure_eq!(world.days_of("a")?, [(0, 8, 0)]);
    Ok(())
}

fn a_hold_that_shrank_to_nothing_counts_what_it_grows_by(make: Make<'_>) -> Checked {
    let world = World::funded(make, 1_000)?;
    let cap = world.a_day("a", 10);
    world.fresh(|| world.long_hold_under("h", 4, &cap))?;
    world.fresh(|| world.long_hold_under("k", 4, &cap))?;
    world.fresh(|| world.resize_now("h", 0))?;
    world.fresh(|| world.partial("k", 4))?;
    ensure_eq!(world.days_of("a")?, [(0, 4, 0)]);
    world.on_day(1);
    world.fresh(|| world.resize_now("h", 3))?;
    world.fresh(|| world.resize_now("k", 6))?;
    ensure_eq!(world.days_of("a")?, [(0, 4, 0), (1, 0, 5)]);
    Ok(())
}
