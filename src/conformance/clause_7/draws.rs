//! What holds and charges draw, and how a hold gives it back.

use crate::conformance::failed::{Checked, ensure_eq};
use crate::conformance::world::credit::promo;
use crate::conformance::world::{DEFAULT_RELEASE, Make, World};
use crate::conformance::{Check, clause};
use crate::hold::{HoldStatus, LateCapture, OverCapture};

pub(crate) const CHECKS: &[Check] = clause! { 7:
    a_hold_remembers_what_it_drew_in_the_order_it_drew
    growth_draws_anew_and_adds_to_what_was_drawn_before
    shrinking_gives_back_the_last_drawn_first
    a_capture_uses_draws_as_they_were_drawn_not_as_they_would_be_now
    a_capture_frees_the_rest_where_it_came_from
    partial_captures_go_on_where_the_last_one_stopped
    a_capture_above_draws_anew_after_its_own_draws
    a_late_capture_draws_anew_after_what_was_captured
    a_void_gives_everything_back_where_it_came_from
    an_expiry_gives_everything_back_where_it_came_from
    a_charge_draws_as_a_hold_does
    each_entry_says_what_it_moved
    what_debt_drew_is_given_back_first
};

/// Credit in three places, used in this order: a 3, b 2, plain credit 10.
#[track_caller]
pub(super) fn three_places(make: Make<'_>) -> Checked<World> {
    let world = World::funded(make, 10)?;
    world.credit("a", &promo().with_priority(1), 3)?;
    world.credit("b", &promo().with_priority(2), 2)?;
    Ok(world)
}

fn a_hold_remembers_what_it_drew_in_the_order_it_drew(make: Make<'_>) -> Checked {
    let world = three_places(make)?;
    world.fresh(|| world.hold("h", 9))?;
    ensure_eq!(world.draws_of("h")?, "a 3 held, b 2 held, plain 4 held");
    // What comes later and would be used first changes nothing about it.
    world.credit("zero", &promo().with_priority(0), 50)?;
    world.fresh(|| world.charge("c", 20))?;
    ensure_eq!(world.draws_of("h")?, "a 3 held, b 2 held, plain 4 held");
    ensure_eq!(world.purse()?, "zero 30, a 3 (3 held), b 2 (2 held), plain 10");
    Ok(())
}

fn growth_draws_anew_and_adds_to_what_was_drawn_before(make: Make<'_>) -> Checked {
    let world = three_places(make)?;
    world.fresh(|| world.hold("h", 4))?;
    ensure_eq!(world.draws_of("h")?, "a 3 held, b 1 held");
    world.credit("more", &promo().with_priority(1), 2)?;
    world.credit("zero", &promo().with_priority(0), 1)?;
    world.fresh(|| world.resize_now("h", 9))?;
    // In the order of use zero comes first; in the order in which it was drawn it comes after a and b.
    ensure_eq!(world.draws_of("h")?, "a 5 held, b 2 held, zero 1 held, plain 1 held");
    world.fresh(|| world.resize_now("h", 18))?;
    ensure_eq!(world.draws_of("h")?, "a 5 held, b 2 held, zero 1 held, plain 10 held");
    world.short(|| world.resize_now("h", 19))?;
    Ok(())
}

fn shrinking_gives_back_the_last_drawn_first(make: Make<'_>) -> Checked {
    let world = three_places(make)?;
    world.fresh(|| world.hold("h", 4))?;
    world.credit("zero", &promo().with_priority(0), 1)?;
    world.fresh(|| world.resize_now("h", 7))?;
    ensure_eq!(world.draws_of("h")?, "a 3 held, b 2 held, zero 1 held, plain 1 held");
    for (total, draws) in
        [(6, "a 3 held, b 2 held, zero 1 held"), (4, "a 3 held, b 1 held"), (1, "a 1 held"), (0, "")]
    {
        world.fresh(|| world.resize_now("h", total))?;
        ensure_eq!(world.draws_of("h")?, draws, "{total}");
    }
    ensure_eq!(world.purse()?, "zero 1, a 3, b 2, plain 10");
    // Of what was captured nothing is given back.
    world.fresh(|| world.hold("k", 5))?;
    world.fresh(|| world.partial("k", 2))?;
    world.fresh(|| world.resize_now("k", 3))?;
    ensure_eq!(world.draws_of("k")?, "zero 1 used, a 1 held 1 used");
    Ok(())
}

fn a_capture_uses_draws_as_they_were_drawn_not_as_they_would_be_now(make: Make<'_>) -> Checked {
    let world = World::funded(make, 5)?;
    world.fresh(|| world.hold("h", 5))?;
    world.credit("a", &promo(), 10)?;
    world.fresh(|| world.resize_now("h", 8))?;
    ensure_eq!(world.draws_of("h")?, "plain 5 held, a 3 held");
    // A grant is used before plain credit; this hold drew on plain credit before it drew on the grant.
    world.fresh(|| world.capture("h", 6))?;
    ensure_eq!(world.draws_of("h")?, "plain 5 used, a 1 used");
    ensure_eq!(world.latest(1)?, ["charge -6: a -1, plain -5"]);
    ensure_eq!(world.purse()?, "a 9, plain 0");
    Ok(())
}

fn a_capture_frees_the_rest_where_it_came_from(make: Make<'_>) -> Checked {
    for (total, used, purse) in [
        (0, "", "a 3, b 2, plain 10"),
        (2, "a 2 used", "a 1, b 2, plain 10"),
        (4, "a 3 used, b 1 used", "b 1, plain 10"),
        (7, "a 3 used, b 2 used, plain 2 used", "plain 8"),
        (9, "a 3 used, b 2 used, plain 4 used", "plain 6"),
    ] {
        let world = three_places(make)?;
        world.fresh(|| world.hold("h", 9))?;
        world.fresh(|| world.capture("h", total))?;
        ensure_eq!((world.draws_of("h")?, world.purse()?), (used.to_owned(), purse.to_owned()), "{total}");
        ensure_eq!(world.available()?, 15 - total);
    }
    Ok(())
}

fn partial_captures_go_on_where_the_last_one_stopped(make: Make<'_>) -> Checked {
    let world = three_places(make)?;
    world.fresh(|| world.hold("h", 9))?;
    for (total, draws, moved) in [
        (2, "a 1 held 2 used, b 2 held, plain 4 held", "charge -2: a -2"),
        (4, "a 3 used, b 1 held 1 used, plain 4 held", "charge -2: a -1, b -1"),
        (8, "a 3 used, b 2 used, plain 1 held 3 used", "charge -4: b -1, plain -3"),
    ] {
        world.fresh(|| world.partial("h", total))?;
        ensure_eq!(world.draws_of("h")?, draws, "{total}");
        ensure_eq!(world.latest(1)?, [moved], "{total}");
    }
    world.fresh(|| world.capture("h", 8))?;
    ensure_eq!(world.purse()?, "plain 7");
    Ok(())
}

fn a_capture_above_draws_anew_after_its_own_draws(make: Make<'_>) -> Checked {
    let world = World::funded(make, 5)?;
    world.fresh(|| world.hold("h", 4))?;
    world.credit("a", &promo().with_priority(1), 3)?;
    world.credit("b", &promo().with_priority(2), 2)?;
    world.fresh(|| world.hold("other", 1))?;
    // Its own 4 of plain credit, then in the order of use: 2 of a, 2 of b and the 1 of plain credit that is left.
    let captured = world.fresh(|| world.capture("h", 12))?;
    ensure_eq!((captured.charged().minor(), captured.uncollected().minor()), (9, 3));
    ensure_eq!(world.draws_of("h")?, "plain 5 used, a 2 used, b 2 used");
    ensure_eq!(world.purse()?, "a 1 (1 held), plain 0");
    // The same with a debt: what no credit is left for is plain credit's.
    let world = three_places(make)?;
    world.fresh(|| world.hold("h", 4))?;
    let request = world.capture_request("h", 17).with_over(OverCapture::Debt);
    world.fresh(|| world.capture_with(request.with_debt_limit(world.amount(2))))?;
    ensure_eq!(world.draws_of("h")?, "a 3 used, b 2 used, plain 12 used");
    ensure_eq!(world.purse()?, "plain -2");
    Ok(())
}

fn a_late_capture_draws_anew_after_what_was_captured(make: Make<'_>) -> Checked {
    let world = three_places(make)?;
    world.fresh(|| world.hold("h", 4))?;
    world.fresh(|| world.partial("h", 1))?;
    world.clock.advance(DEFAULT_RELEASE);
    ensure_eq!(world.purse()?, "a 2, b 2, plain 10");
    world.credit("zero", &promo().with_priority(0), 1)?;
    world.fresh(|| world.charge("c", 2))?;
    ensure_eq!(world.purse()?, "a 1, b 2, plain 10");
    let request = world.capture_request("h", 6).with_late(LateCapture::IfAvailable);
    world.fresh(|| world.capture_with(request))?;
    ensure_eq!(world.draws_of("h")?, "a 2 used, b 2 used, plain 2 used");
    ensure_eq!(world.purse()?, "plain 8");
    Ok(())
}

fn a_void_gives_everything_back_where_it_came_from(make: Make<'_>) -> Checked {
    let world = three_places(make)?;
    world.fresh(|| world.hold("h", 9))?;
    ensure_eq!(world.purse()?, "a 3 (3 held), b 2 (2 held), plain 10");
    let hold = world.fresh(|| world.void("h"))?;
    ensure_eq!((hold.status(), world.draws_of("h")?), (HoldStatus::Voided, String::new()));
    ensure_eq!(world.purse()?, "a 3, b 2, plain 10");
    world.fresh(|| world.hold("again", 5))?;
    ensure_eq!(world.draws_of("again")?, "a 3 held, b 2 held");
    Ok(())
}

fn an_expiry_gives_everything_back_where_it_came_from(make: Make<'_>) -> Checked {
    let world = three_places(make)?;
    world.fresh(|| world.hold("h", 9))?;
    world.fresh(|| world.partial("h", 4))?;
    world.clock.advance(DEFAULT_RELEASE);
    ensure_eq!(world.purse()?, "b 1, plain 10");
    ensure_eq!(world.draws_of("h")?, "a 3 used, b 1 used");
    world.check_sums()?;
    // It is there for the first decision that comes, without a look.
    let world = three_places(make)?;
    world.fresh(|| world.hold("h", 15))?;
    world.clock.advance(DEFAULT_RELEASE);
    world.hold("again", 5)?;
    ensure_eq!(world.draws_of("again")?, "a 3 held, b 2 held");
    Ok(())
}

fn a_charge_draws_as_a_hold_does(make: Make<'_>) -> Checked {
    for minor in 0..=15 {
        let (one, two) = (three_places(make)?, three_places(make)?);
        one.fresh(|| one.charge("x", minor))?;
        two.fresh(|| two.hold("x", minor))?;
        two.fresh(|| two.capture("x", minor))?;
        ensure_eq!(one.draws_of_charge("x")?, two.draws_of("x")?, "{minor}");
        ensure_eq!(one.purse()?, two.purse()?, "{minor}");
        if minor > 0 {
            ensure_eq!(one.latest(1)?, two.latest(1)?, "{minor}");
        }
    }
    Ok(())
}

fn each_entry_says_what_it_moved(make: Make<'_>) -> Checked {
    let world = three_places(make)?;
    world.fresh(|| world.charge("c", 4))?;
    ensure_eq!(world.latest(1)?, ["charge -4: a -3, b -1"]);
    world.fresh(|| world.refund_charge("r", "c", 2))?;
    ensure_eq!(world.latest(1)?, ["refund +2: a +1, b +1"]);
    world.fresh(|| world.charge("d", 10))?;
    ensure_eq!(world.latest(1)?, ["charge -10: a -1, b -2, plain -7"]);
    world.fresh(|| world.adjust("j", 5))?;
    ensure_eq!(world.latest(1)?, ["adjustment +5: plain +5"]);
    world.fresh(|| world.credit("e", &promo().ending_at(world.in_seconds(60)), 6))?;
    ensure_eq!(world.latest(1)?, ["grant +6: e +6"]);
    world.fresh(|| world.hold("h", 2))?;
    ensure_eq!(world.latest(1)?, ["grant +6: e +6"], "a hold is no entry");
    world.fresh(|| world.capture("h", 1))?;
    ensure_eq!(world.latest(1)?, ["charge -1: e -1"]);
    world.pass(60);
    ensure_eq!(world.latest(1)?, ["expiry -5: e -5"]);
    Ok(())
}

/// A hold's debt is what it drew last, wherever its plain credit came.
fn what_debt_drew_is_given_back_first(make: Make<'_>) -> Checked {
    let world = World::new(make);
    world.credit("a", &promo(), 5)?;
    let request = world.hold_request("h", 8).with_debt_limit(world.amount(3));
    world.fresh(|| world.hold_with(request))?;
    ensure_eq!(world.draws_of("h")?, "a 5 held, plain 3 held");
    world.fresh(|| world.resize_now("h", 6))?;
    ensure_eq!(world.draws_of("h")?, "a 5 held, plain 1 held");
    world.fresh(|| world.capture("h", 5))?;
    ensure_eq!(world.purse()?, "plain 0");
    Ok(())
}
