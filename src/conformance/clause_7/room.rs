//! The limit of 32 grants: a gift beyond is refused, what was paid joins.

use crate::conformance::failed::{Checked, ensure, ensure_eq};
use crate::conformance::world::credit::{included, label, paid, promo};
use crate::conformance::world::spend::DAY;
use crate::conformance::world::{Make, World, refusal, the_charge};
use crate::conformance::{Check, clause};
use crate::error::LedgerError;
use crate::grant::GrantTerms;
use crate::ledger::request::EndedCredit;
use crate::limits::Limits;
use crate::period::Period;

pub(crate) const CHECKS: &[Check] = clause! { 7:
    a_gift_beyond_32_grants_is_refused
    plain_and_merging_credit_needs_no_room
    credit_still_to_start_takes_room
    what_has_ended_or_is_used_up_takes_no_room
    bought_credit_beyond_joins_what_ends_soonest_but_not_before_it
    bought_credit_beyond_joins_neither_gifts_nor_what_has_not_started
    bought_credit_beyond_is_plain_where_there_is_nothing_to_join
    bought_credit_that_joins_has_started
    a_refund_that_brings_credit_back_beyond_joins_too
    a_refund_that_brings_a_gift_back_beyond_is_not_refused
    ended_credit_that_a_hold_keeps_needs_room_to_revive
    a_renewal_has_the_room_of_what_it_ends
};

/// Fills up with gifts, of 1 each and used after everything else, until there are so many grants in all.
#[track_caller]
fn fill(world: &World, until: usize) -> Checked {
    let there = world.grants()?.len();
    for index in there..until {
        let terms = promo().with_priority(200).with_label(label(&format!("Filler {index}")));
        world.credit(&format!("filler{index}"), &terms, 1)?;
    }
    ensure_eq!(world.grants()?.len(), until);
    Ok(())
}

/// Refused, and not for lack of balance.
#[track_caller]
fn no_room(world: &World, terms: &GrantTerms) -> Checked {
    let error = world.refused(|| world.credit("x", terms, 5))?;
    ensure!(!matches!(error, LedgerError::Insufficient(_) | LedgerError::TooLarge { .. }), "{error:?}");
    Ok(())
}

fn a_gift_beyond_32_grants_is_refused(make: Make<'_>) -> Checked {
    let world = World::funded(make, 5)?;
    let courtesy = GrantTerms::courtesy(label("Finish it"), Period::day());
    fill(&world, Limits::MAX_GRANTS)?;
    for terms in [promo(), included(), courtesy.clone(), promo().starting_at(world.in_seconds(60))] {
        no_room(&world, &terms)?;
    }
    // Not remembered, and a courtesy that was refused was not given.
    world.fresh(|| world.charge("c", 6))?;
    world.fresh(|| world.credit("x", &courtesy, 5))?;
    no_room(&world, &promo())?;
    Ok(())
}

fn plain_and_merging_credit_needs_no_room(make: Make<'_>) -> Checked {
    let world = World::new(make);
    fill(&world, Limits::MAX_GRANTS)?;
    world.fresh(|| world.top_up("plain", 5))?;
    let terms = promo().with_priority(200).with_label(label("Filler 7"));
    let entry = world.fresh(|| world.credit("more", &terms, 5))?;
    ensure_eq!((world.moved(&entry)?, world.grants()?.len()), ("filler7 +5".to_owned(), 32));
    // A replay needs none either.
    world.replayed(|| world.credit("more", &terms, 5))?;
    Ok(())
}

fn credit_still_to_start_takes_room(make: Make<'_>) -> Checked {
    let world = World::new(make);
    world.credit("later", &promo().starting_at(world.in_seconds(60)), 5)?;
    fill(&world, Limits::MAX_GRANTS)?;
    no_room(&world, &included())?;
    // When it starts, the number is the same.
    world.pass(60);
    no_room(&world, &included())?;
    ensure_eq!(world.available()?, 5 + 31);
    Ok(())
}

fn what_has_ended_or_is_used_up_takes_no_room(make: Make<'_>) -> Checked {
    let world = World::new(make);
    world.credit("short", &promo().ending_at(world.in_seconds(60)), 5)?;
    world.fresh(|| world.hold_with(world.long_hold("h", 3)))?;
    fill(&world, Limits::MAX_GRANTS)?;
    no_room(&world, &included())?;
    world.pass(60);
    // Ended, with a hold on it still.
    world.fresh(|| world.credit("in its place", &included(), 5))?;
    ensure_eq!(world.grant_of("short")?.held().minor(), 3);
    no_room(&world, &promo())?;
    // Used up.
    world.fresh(|| world.charge("c", 5))?;
    world.fresh(|| world.credit("and again", &promo(), 5))?;
    no_room(&world, &included())?;
    Ok(())
}

fn bought_credit_beyond_joins_what_ends_soonest_but_not_before_it(make: Make<'_>) -> Checked {
    let world = World::new(make);
    let day = |days: u32| world.start_of_day(days);
    for (name, days) in [("day 5", 5), ("day 20", 20), ("day 10", 10)] {
        world.credit(name, &paid().ending_at(day(days)), 5)?;
    }
    world.credit("never", &paid().with_label(label("Never")), 5)?;
    fill(&world, Limits::MAX_GRANTS)?;
    for (name, terms, joined) in [
        // It ends soonest of those that do not end before it, whatever the priority and label.
        ("a", paid().ending_at(day(7)), "day-10"),
        ("b", paid().ending_at(day(5)).with_priority(3), "day-5"),
        ("c", paid().ending_at(day(10)).with_label(label("Own")), "day-10"),
        ("d", paid().ending_at(day(11)), "day-20"),
        ("e", paid().ending_at(day(21)), "never"),
        ("f", paid().with_priority(3), "never"),
    ] {
        let entry = world.fresh(|| world.credit(name, &terms, 7))?;
        ensure_eq!(world.moved(&entry)?, format!("{joined} +7"), "{name}");
        ensure_eq!((entry.amount().minor(), entry.named().minor()), (7, 7));
        let grants = world.grants()?;
        let grant = grants.iter().find(|grant| Some(grant.id()) == entry.grant());
        ensure_eq!(grant.map(|grant| grant.key().as_str()), Some(joined));
        world.replayed(|| world.credit(name, &terms, 7))?;
    }
    ensure_eq!((world.grants()?.len(), world.balance()?.plain().minor()), (32, 0));
    // It ends with what it joined.
    world.clock.set(day(5));
    ensure_eq!(world.latest(1)?, ["expiry -12: day-5 -12"]);
    Ok(())
}

fn bought_credit_beyond_joins_neither_gifts_nor_what_has_not_started(make: Make<'_>) -> Checked {
    let world = World::new(make);
    let day = |days: u32| world.start_of_day(days);
    world.credit("gift", &promo().ending_at(day(8)), 5)?;
    world.credit("plan", &included().ending_at(day(8)), 5)?;
    world.credit("later", &paid().starting_at(world.in_seconds(60)).ending_at(day(8)), 5)?;
    world.credit("short", &paid().ending_at(day(6)), 5)?;
    world.credit("long", &paid().ending_at(day(30)), 5)?;
    fill(&world, Limits::MAX_GRANTS)?;
    let entry = world.fresh(|| world.credit("a", &paid().ending_at(day(7)), 7))?;
    ensure_eq!(world.moved(&entry)?, "long +7");
    // Once that one has started, it is the one.
    world.pass(60);
    let entry = world.fresh(|| world.credit("b", &paid().ending_at(day(7)), 7))?;
    ensure_eq!(world.moved(&entry)?, "later +7");
    Ok(())
}

fn bought_credit_beyond_is_plain_where_there_is_nothing_to_join(make: Make<'_>) -> Checked {
    let world = World::new(make);
    let day = |days: u32| world.start_of_day(days);
    world.credit("short", &paid().ending_at(day(6)), 5)?;
    fill(&world, Limits::MAX_GRANTS)?;
    for (name, terms) in [
        ("a", paid().ending_at(day(7))),
        ("b", paid().with_label(label("Own"))),
        ("c", paid().with_priority(3).starting_at(day(1))),
    ] {
        let entry = world.fresh(|| world.credit(name, &terms, 7))?;
        ensure_eq!((world.moved(&entry)?, entry.grant()), ("plain +7".to_owned(), None), "{name}");
        world.replayed(|| world.credit(name, &terms, 7))?;
    }
    ensure_eq!((world.grants()?.len(), world.balance()?.plain().minor()), (32, 21));
    // Plain credit never ends.
    world.clock.set(day(400));
    ensure_eq!(world.balance()?.plain().minor(), 21);
    Ok(())
}

fn bought_credit_that_joins_has_started(make: Make<'_>) -> Checked {
    let world = World::new(make);
    let day = |days: u32| world.start_of_day(days);
    world.credit("long", &paid().ending_at(day(30)), 5)?;
    fill(&world, Limits::MAX_GRANTS)?;
    let terms = paid().starting_at(day(2)).ending_at(day(7));
    let entry = world.fresh(|| world.credit("a", &terms, 7))?;
    ensure_eq!((entry.amount().minor(), world.moved(&entry)?), (7, "long +7".to_owned()));
    ensure_eq!(world.grant_of("long")?.remaining().minor(), 12);
    world.fresh(|| world.charge("c", 12))?;
    // And does not start again.
    let seq = world.seq()?;
    world.clock.set(day(3));
    ensure_eq!((world.seq()?, world.available()?), (seq, 31));
    Ok(())
}

fn a_refund_that_brings_credit_back_beyond_joins_too(make: Make<'_>) -> Checked {
    let world = World::new(make);
    let day = |days: u32| world.start_of_day(days);
    world.credit("ended", &paid().ending_at(day(1)), 5)?;
    world.credit("used up", &paid().ending_at(day(20)), 5)?;
    world.charge("c", 10)?;
    ensure_eq!(world.draws_of_charge("c")?, "ended 5 used, used-up 5 used");
    world.clock.set(day(1));
    // Revived, it would end on day 31.
    world.credit("day 25", &paid().ending_at(day(25)), 1)?;
    world.credit("day 40", &paid().ending_at(day(40)), 1)?;
    fill(&world, Limits::MAX_GRANTS)?;
    let entry = world.fresh(|| world.refund_charge("r1", "c", 5))?;
    ensure_eq!(world.moved(&entry)?, "day-25 +5");
    let entry = world.fresh(|| world.refund_charge("r2", "c", 3))?;
    ensure_eq!(world.moved(&entry)?, "day-40 +3");
    // Where nothing ends so late it is plain.
    let revived = EndedCredit::Revive(DAY * 40);
    let entry = world.fresh(|| world.refund_with("r3", the_charge("c"), 2, revived))?;
    ensure_eq!(world.moved(&entry)?, "plain +2");
    ensure_eq!(world.grants()?.len(), 32);
    ensure!(matches!(refusal(world.refund_charge("r4", "c", 1))?, LedgerError::RefundTooLarge { .. }));
    Ok(())
}

/// "The same": it joins, whatever it was.
fn a_refund_that_brings_a_gift_back_beyond_is_not_refused(make: Make<'_>) -> Checked {
    let world = World::new(make);
    let day = |days: u32| world.start_of_day(days);
    world.credit("gift", &promo().ending_at(day(20)), 5)?;
    world.charge("c", 5)?;
    world.credit("day 25", &paid().ending_at(day(25)), 1)?;
    fill(&world, Limits::MAX_GRANTS)?;
    let entry = world.fresh(|| world.refund_charge("r", "c", 5))?;
    ensure_eq!((entry.amount().minor(), world.moved(&entry)?), (5, "day-25 +5".to_owned()));
    ensure_eq!(world.grants()?.len(), 32);
    Ok(())
}

fn ended_credit_that_a_hold_keeps_needs_room_to_revive(make: Make<'_>) -> Checked {
    let world = World::new(make);
    let day = |days: u32| world.start_of_day(days);
    world.credit("a", &paid().ending_at(day(1)), 10)?;
    world.charge("c", 6)?;
    world.hold_with(world.long_hold("h", 4))?;
    world.clock.set(day(1));
    world.credit("day 40", &paid().ending_at(day(40)), 1)?;
    fill(&world, 1 + Limits::MAX_GRANTS)?;
    let entry = world.fresh(|| world.refund_charge("r", "c", 5))?;
    ensure_eq!(world.moved(&entry)?, "day-40 +5");
    // It has ended, and what comes free of it expires.
    world.fresh_then(1, || world.void("h"))?;
    ensure_eq!(world.latest(1)?, ["expiry -4: a -4"]);
    // Where there is room it revives.
    world.fresh(|| world.charge("d", 6))?;
    ensure_eq!(world.draws_of_charge("d")?, "day-40 6 used");
    let entry = world.fresh(|| world.refund_charge("s", "c", 1))?;
    ensure_eq!((world.moved(&entry)?, world.grant_of("a")?.ends_at()), ("a +1".to_owned(), Some(day(31))));
    Ok(())
}

fn a_renewal_has_the_room_of_what_it_ends(make: Make<'_>) -> Checked {
    let world = World::new(make);
    let plan = included().with_label(label("Plan"));
    world.credit("old", &plan, 5)?;
    fill(&world, Limits::MAX_GRANTS)?;
    let renewal = plan.renewing_up_to(world.amount(50));
    world.fresh(|| world.credit("new", &renewal, 20))?;
    ensure_eq!((world.grants()?.len(), world.grant_of("new")?.remaining().minor()), (32, 20));
    Ok(())
}
