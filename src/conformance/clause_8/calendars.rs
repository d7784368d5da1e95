//! Calendar periods: days, weeks, months and years, where they begin and end.

use crate::cap::{Cap, Caps};
use crate::clock::Timestamp;
use crate::conformance::failed::{Checked, ensure_eq, fail};
use crate::conformance::world::credit::label;
use crate::conformance::world::spend::{DAY, caps, scope};
use crate::conformance::world::{Make, World, just_before};
use crate::conformance::{Check, clause};
use crate::error::LedgerError;
use crate::grant::GrantTerms;
use crate::period::Period;

pub(crate) const CHECKS: &[Check] = clause! { 8:
    a_cap_of_each_calendar_period_resets_at_its_end
    a_calendar_counter_says_of_what_time_it_is
    the_same_days_by_another_clock_are_another_period
    months_of_different_length_are_months
    a_hold_of_last_month_is_last_months
    a_courtesy_is_given_once_a_calendar_month
};

/// A moment of the suite, in RFC 3339.
fn at(text: &str) -> Timestamp {
    text.parse().expect("a moment of the suite")
}

/// Each kind of period with the start and the end of the one that 2026-01-07, a Wednesday, at noon is in.
#[track_caller]
fn calendars() -> Checked<Vec<(Period, Timestamp, Timestamp)>> {
    let paid = at("2025-11-30T09:30:00.000000Z");
    Ok([
        (Period::day(), "2026-01-07T00:00:00.000000Z", "2026-01-08T00:00:00.000000Z"),
        (Period::week(), "2026-01-05T00:00:00.000000Z", "2026-01-12T00:00:00.000000Z"),
        (Period::month(), "2026-01-01T00:00:00.000000Z", "2026-02-01T00:00:00.000000Z"),
        (Period::year(), "2026-01-01T00:00:00.000000Z", "2027-01-01T00:00:00.000000Z"),
        (Period::day().at_offset_minutes(330)?, "2026-01-06T18:30:00.000000Z", "2026-01-07T18:30:00.000000Z"),
        (
            Period::week().at_offset_minutes(-60)?,
            "2026-01-05T01:00:00.000000Z",
            "2026-01-12T01:00:00.000000Z",
        ),
        (Period::month().anchored_at(paid, 0)?, "2025-12-30T09:30:00.000000Z", "2026-01-30T09:30:00.000000Z"),
        (Period::year().anchored_at(paid, 0)?, "2025-11-30T09:30:00.000000Z", "2026-11-30T09:30:00.000000Z"),
    ]
    .map(|(period, start, end)| (period, at(start), at(end)))
    .into())
}

/// A ledger at that noon, with money enough, and a single cap of this period.
#[track_caller]
fn at_noon(make: Make<'_>, period: Period, limit: i64) -> Checked<(World, Caps)> {
    let world = World::funded(make, 1_000)?;
    world.clock.set(at("2026-01-07T12:00:00.000000Z"));
    let cap = caps([Cap::new(scope("a"), period, world.amount(limit))]);
    Ok((world, cap))
}

fn a_cap_of_each_calendar_period_resets_at_its_end(make: Make<'_>) -> Checked {
    for (period, _, end) in calendars()? {
        let (world, cap) = at_noon(make, period, 10)?;
        world.fresh(|| world.charge_under("c", 10, &cap))?;
        let reached = world.capped(|| world.charge_under("d", 1, &cap))?;
        ensure_eq!((reached.resets_at(), reached.period()), (Some(end), period), "{period}");
        world.clock.set(just_before(end));
        world.capped(|| world.charge_under("d", 1, &cap))?;
        world.clock.set(end);
        world.fresh(|| world.charge_under("d", 10, &cap))?;
    }
    Ok(())
}

fn a_calendar_counter_says_of_what_time_it_is(make: Make<'_>) -> Checked {
    for (period, start, end) in calendars()? {
        let (world, cap) = at_noon(make, period, 100)?;
        for (name, moment) in [("first", start), ("last", just_before(end))] {
            // Where that is before the latest change, the time of that one stands in.
            world.clock.set(moment);
            world.charge_under(name, 5, &cap)?;
        }
        let page = world.counters(world.counters_request())?;
        let counted: Vec<_> = page
            .counters()
            .iter()
            .map(|counter| (counter.period(), counter.start(), counter.end(), counter.used().minor()))
            .collect();
        ensure_eq!(counted, [(period, start, end, 10)], "{period}");
    }
    Ok(())
}

fn the_same_days_by_another_clock_are_another_period(make: Make<'_>) -> Checked {
    let world = World::funded(make, 1_000)?;
    world.clock.set(at("2026-01-07T12:00:00.000000Z"));
    let eastern = Period::day().at_offset_minutes(330)?;
    let both = caps([world.daily("a", 10), Cap::new(scope("a"), eastern, world.amount(12))]);
    world.fresh(|| world.charge_under("c", 10, &both))?;
    // In the evening the east has a new day.
    world.clock.set(at("2026-01-07T18:30:00.000000Z"));
    let reached = world.capped(|| world.charge_under("d", 3, &both))?;
    ensure_eq!((reached.period(), reached.used().minor()), (Period::day(), 10));
    // At midnight we have one, too.
    let east = caps([Cap::new(scope("a"), eastern, world.amount(12))]);
    world.fresh(|| world.charge_under("d", 10, &east))?;
    world.clock.set(at("2026-01-08T00:00:00.000000Z"));
    let reached = world.capped(|| world.charge_under("e", 3, &both))?;
    ensure_eq!((reached.period(), reached.used().minor()), (eastern, 10));
    world.fresh(|| world.charge_under("e", 2, &both))?;
    Ok(())
}

fn months_of_different_length_are_months(make: Make<'_>) -> Checked {
    let world = World::funded(make, 1_000)?;
    let paid_on_31st = Period::month().anchored_at(at("2026-01-31T09:30:00.000000Z"), 0)?;
    let both = caps([
        Cap::new(scope("calendar"), Period::month(), world.amount(10)),
        Cap::new(scope("anchored"), paid_on_31st, world.amount(10)),
    ]);
    for (name, moment) in [
        ("a", "2026-01-31T09:30:00.000000Z"),
        ("b", "2026-02-28T09:30:00.000000Z"),
        ("c", "2026-03-31T09:30:00.000000Z"),
        ("d", "2026-04-30T09:30:00.000000Z"),
    ] {
        world.clock.set(just_before(at(moment)));
        if name != "a" {
            let reached = world.capped(|| world.charge_under(name, 10, &both))?;
            // The month on the calendar is new already in March, and ends with the 28th of no February.
            let of_anchor = reached.scope() == &scope("anchored");
            ensure_eq!((of_anchor, reached.resets_at()), (true, Some(at(moment))), "{name}");
        }
        world.clock.set(at(moment));
        world.fresh(|| world.charge_under(name, 10, &both))?;
    }
    Ok(())
}

fn a_hold_of_last_month_is_last_months(make: Make<'_>) -> Checked {
    let (world, cap) = at_noon(make, Period::month(), 10)?;
    world.clock.set(at("2026-01-31T23:59:59.999999Z"));
    world.fresh(|| world.long_hold_under("h", 8, &cap))?;
    world.clock.set(at("2026-02-01T00:00:00.000000Z"));
    world.fresh(|| world.resize_under("h", 12, &cap))?;
    world.fresh(|| world.charge_under("c", 6, &cap))?;
    world.fresh(|| world.capture("h", 9))?;
    let page = world.counters(world.counters_request())?;
    let counted: Vec<_> = page
        .counters()
        .iter()
        .map(|counter| (counter.start(), counter.used().minor(), counter.held().minor()))
        .collect();
    let (january, february) = (at("2026-01-01T00:00:00.000000Z"), at("2026-02-01T00:00:00.000000Z"));
    ensure_eq!(counted, [(january, 8, 0), (february, 7, 0)]);
    Ok(())
}

fn a_courtesy_is_given_once_a_calendar_month(make: Make<'_>) -> Checked {
    let world = World::funded(make, 1_000)?;
    world.clock.set(at("2026-01-07T12:00:00.000000Z"));
    let courtesy = GrantTerms::courtesy(label("Finish it"), Period::month());
    world.fresh(|| world.credit("a", &courtesy, 5))?;
    world.clock.advance(DAY * 24);
    match world.refused(|| world.credit("b", &courtesy, 5))? {
        LedgerError::CourtesyGiven { again_at } => ensure_eq!(again_at, at("2026-02-01T00:00:00.000000Z")),
        other => fail!("this was given already: {other:?}"),
    }
    world.clock.set(at("2026-02-01T00:00:00.000000Z"));
    world.fresh(|| world.credit("b", &courtesy, 5))?;
    Ok(())
}
