//! A debt is paid first, by whatever credit comes or comes free; adjustments.

use crate::conformance::failed::{Checked, ensure_eq};
use crate::conformance::world::credit::{paid, promo};
use crate::conformance::world::{Make, World};
use crate::conformance::{Check, clause};

pub(crate) const CHECKS: &[Check] = clause! { 7:
    an_adjustment_adds_to_plain_credit_or_takes_from_it
    a_new_grant_pays_a_debt_first
    a_start_pays_a_debt_first
    an_adjustment_below_zero_is_paid_by_what_is_free
    a_debt_is_paid_in_the_order_of_use
    what_holds_drew_pays_no_debt
    a_charge_that_takes_plain_credit_below_zero_is_paid_by_what_is_free
    what_came_free_without_an_entry_pays_with_the_next_one
    a_refund_to_a_grant_pays_a_debt_first
    an_end_pays_what_is_owed_before_anything_is_lost
    an_expiry_of_what_came_free_pays_what_is_owed
    a_capture_that_frees_ended_credit_beside_a_debt_pays_it
    credit_still_to_start_pays_nothing
};

fn an_adjustment_adds_to_plain_credit_or_takes_from_it(make: Make<'_>) -> Checked {
    let world = World::funded(make, 10)?;
    world.credit("a", &promo().with_priority(1), 5)?;
    world.fresh(|| world.adjust("up", 4))?;
    ensure_eq!(world.purse()?, "a 5, plain 14");
    // From plain credit, though the grant would be used first.
    world.fresh(|| world.adjust("down", -9))?;
    ensure_eq!(world.latest(1)?, ["adjustment -9: plain -9"]);
    ensure_eq!(world.purse()?, "a 5, plain 5");
    // Down below zero.
    let world = World::new(make);
    world.fresh(|| world.adjust("down", -9))?;
    ensure_eq!(world.purse()?, "plain -9");
    world.fresh(|| world.adjust("up", 12))?;
    ensure_eq!(world.purse()?, "plain 3");
    Ok(())
}

fn a_new_grant_pays_a_debt_first(make: Make<'_>) -> Checked {
    for terms in [promo(), paid().with_priority(200), promo().with_priority(3)] {
        let world = World::new(make);
        world.fresh(|| world.adjust("back", -5))?;
        let entry = world.fresh(|| world.credit("a", &terms, 8))?;
        ensure_eq!((entry.amount().minor(), world.moved(&entry)?), (8, "a +3, plain +5".to_owned()));
        ensure_eq!((world.purse()?, world.available()?), ("a 3, plain 0".to_owned(), 3));
        ensure_eq!(world.grant_of("a")?.original().minor(), 8, "what was granted");
    }
    // All of it, if the debt is that deep.
    let world = World::new(make);
    world.fresh(|| world.adjust("back", -9))?;
    let entry = world.fresh(|| world.credit("a", &promo(), 8))?;
    ensure_eq!((world.moved(&entry)?, world.purse()?), ("plain +8".to_owned(), "plain -1".to_owned()));
    Ok(())
}

fn a_start_pays_a_debt_first(make: Make<'_>) -> Checked {
    let world = World::new(make);
    world.credit("a", &promo().starting_at(world.in_seconds(60)), 8)?;
    world.fresh(|| world.adjust("back", -5))?;
    ensure_eq!(world.purse()?, "a 8 (later), plain -5");
    world.pass(60);
    ensure_eq!(world.purse()?, "a 3, plain 0");
    ensure_eq!((world.latest(1)?, world.seq()?), (vec!["grant +8: a +3, plain +5".to_owned()], 3));
    world.check_sums()?;
    Ok(())
}

fn an_adjustment_below_zero_is_paid_by_what_is_free(make: Make<'_>) -> Checked {
    let world = World::funded(make, 3)?;
    world.credit("a", &promo().with_priority(200), 20)?;
    world.fresh(|| world.adjust("back", -10))?;
    ensure_eq!(world.latest(1)?, ["adjustment -10: a -7, plain -3"]);
    ensure_eq!(world.purse()?, "a 13, plain 0");
    world.fresh(|| world.adjust("more", -15))?;
    ensure_eq!(world.latest(1)?, ["adjustment -15: a -13, plain -2"]);
    ensure_eq!(world.purse()?, "plain -2");
    Ok(())
}

fn a_debt_is_paid_in_the_order_of_use(make: Make<'_>) -> Checked {
    let world = World::new(make);
    world.credit("last", &promo().with_priority(200), 5)?;
    world.credit("ends late", &promo().ending_at(world.in_seconds(2_000)), 5)?;
    world.credit("ends soon", &promo().ending_at(world.in_seconds(1_000)), 5)?;
    world.credit("first", &promo().with_priority(1), 5)?;
    world.fresh(|| world.adjust("back", -12))?;
    ensure_eq!(world.purse()?, "ends-late 3, last 5, plain 0");
    Ok(())
}

fn what_holds_drew_pays_no_debt(make: Make<'_>) -> Checked {
    let world = World::new(make);
    world.credit("a", &promo(), 10)?;
    world.fresh(|| world.hold("h", 8))?;
    world.fresh(|| world.adjust("back", -10))?;
    ensure_eq!(world.latest(1)?, ["adjustment -10: a -2, plain -8"]);
    ensure_eq!((world.purse()?, world.available()?), ("a 8 (8 held), plain -8".to_owned(), -8));
    // The work is paid for all the same.
    let captured = world.fresh(|| world.capture("h", 8))?;
    ensure_eq!((captured.charged().minor(), world.draws_of("h")?), (8, "a 8 used".to_owned()));
    ensure_eq!(world.purse()?, "plain -8");
    Ok(())
}

/// A capture of what was drawn on plain credit that is no longer there.
fn a_charge_that_takes_plain_credit_below_zero_is_paid_by_what_is_free(make: Make<'_>) -> Checked {
    let world = World::funded(make, 10)?;
    world.fresh(|| world.hold("h", 10))?;
    world.fresh(|| world.adjust("back", -10))?;
    world.credit("a", &promo(), 20)?;
    ensure_eq!((world.purse()?, world.available()?), ("a 20, plain 0".to_owned(), 10));
    world.fresh(|| world.capture("h", 10))?;
    ensure_eq!(world.latest(1)?, ["charge -10: a -10"]);
    ensure_eq!((world.purse()?, world.available()?), ("a 10, plain 0".to_owned(), 10));
    // It drew on plain credit, and that is where a refund goes.
    ensure_eq!(world.draws_of("h")?, "plain 10 used");
    let entry = world.fresh(|| world.refund_hold("r", "h", 10))?;
    ensure_eq!(world.moved(&entry)?, "plain +10");
    Ok(())
}

/// A void is no entry. "Whenever an entry leaves plain credit below zero": the next one does.
fn what_came_free_without_an_entry_pays_with_the_next_one(make: Make<'_>) -> Checked {
    let world = World::new(make);
    world.credit("a", &promo(), 10)?;
    world.fresh(|| world.hold("h", 10))?;
    world.fresh(|| world.adjust("back", -4))?;
    world.fresh(|| world.void("h"))?;
    ensure_eq!((world.purse()?, world.available()?), ("a 10, plain -4".to_owned(), 6));
    // All that is available can be used, and no more.
    world.short(|| world.hold("x", 7))?;
    world.fresh(|| world.adjust("up", 1))?;
    ensure_eq!(world.latest(1)?, ["adjustment +1: a -3, plain +4"]);
    ensure_eq!((world.purse()?, world.available()?), ("a 7, plain 0".to_owned(), 7));
    Ok(())
}

fn a_refund_to_a_grant_pays_a_debt_first(make: Make<'_>) -> Checked {
    let world = World::new(make);
    world.credit("a", &promo(), 10)?;
    world.fresh(|| world.charge("c", 10))?;
    world.fresh(|| world.adjust("back", -4))?;
    let entry = world.fresh(|| world.refund_charge("r", "c", 7))?;
    ensure_eq!((entry.amount().minor(), world.moved(&entry)?), (7, "a +3, plain +4".to_owned()));
    ensure_eq!(world.purse()?, "a 3, plain 0");
    Ok(())
}

fn an_end_pays_what_is_owed_before_anything_is_lost(make: Make<'_>) -> Checked {
    for (debt, latest, purse) in [
        (4, "expiry -6: a -10, plain +4", "plain 0"),
        (9, "expiry -1: a -10, plain +9", "plain 0"),
        (10, "expiry +0: a -10, plain +10", "plain 0"),
        (12, "expiry +0: a -10, plain +10", "plain -2"),
    ] {
        let world = World::new(make);
        let end = world.in_seconds(600);
        world.credit("a", &promo().ending_at(end), 10)?;
        world.fresh(|| world.hold("h", 10))?;
        world.fresh(|| world.adjust("back", -debt))?;
        world.fresh(|| world.void("h"))?;
        world.clock.set(end);
        ensure_eq!((world.latest(1)?, world.purse()?), (vec![latest.to_owned()], purse.to_owned()));
        ensure_eq!((world.seq()?, world.last_entry()?.seq()), (5, 5));
        world.check_sums()?;
    }
    Ok(())
}

fn an_expiry_of_what_came_free_pays_what_is_owed(make: Make<'_>) -> Checked {
    let world = World::new(make);
    world.credit("a", &promo().ending_at(world.in_seconds(60)), 10)?;
    world.fresh(|| world.hold_with(world.long_hold("h", 10)))?;
    world.fresh(|| world.adjust("back", -4))?;
    world.pass(60);
    world.fresh_then(1, || world.void("h"))?;
    ensure_eq!(world.latest(1)?, ["expiry -6: a -10, plain +4"]);
    ensure_eq!((world.purse()?, world.available()?), ("plain 0".to_owned(), 0));
    Ok(())
}

fn a_capture_that_frees_ended_credit_beside_a_debt_pays_it(make: Make<'_>) -> Checked {
    let world = World::funded(make, 5)?;
    world.hold_with(world.long_hold("h", 5))?;
    world.credit("a", &promo().ending_at(world.in_seconds(60)), 5)?;
    world.fresh(|| world.resize_now("h", 10))?;
    ensure_eq!(world.draws_of("h")?, "plain 5 held, a 5 held");
    world.fresh(|| world.adjust("back", -5))?;
    world.pass(60);
    // The plain credit it drew is gone, and the grant that it did not need has ended: the charge pays from it, or the
    // expiry does.
    world.capture("h", 5)?;
    world.check_sums()?;
    ensure_eq!((world.purse()?, world.available()?), ("plain 0".to_owned(), 0));
    Ok(())
}

fn credit_still_to_start_pays_nothing(make: Make<'_>) -> Checked {
    let world = World::new(make);
    world.credit("later", &promo().starting_at(world.in_seconds(60)), 8)?;
    world.credit("now", &promo(), 2)?;
    world.fresh(|| world.adjust("back", -5))?;
    ensure_eq!(world.latest(1)?, ["adjustment -5: now -2, plain -3"]);
    ensure_eq!(world.purse()?, "later 8 (later), plain -3");
    Ok(())
}
