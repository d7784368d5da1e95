//! Clause 2: the same key with the same content is the same request; with other content a conflict that names the field.

mod credit;

use std::time::Duration;

use crate::conformance::failed::{Checked, ensure_eq};
use crate::conformance::world::{
    MICRO, Make, World, adjustment, charge, content, grant, labels, refund_of, the_charge, the_hold, top_up,
};
use crate::conformance::{Check, clause};
use crate::entry::{Entry, Operation};
use crate::hold::HoldStatus;

pub(super) use credit::CHECKS as OF_CREDIT;

pub(super) const CHECKS: &[Check] = clause! { 2:
    a_repeated_hold_is_the_same_hold
    a_repeated_hold_carries_its_present_state
    a_repeated_hold_with_another_amount_conflicts
    declared_content_decides_not_the_amounts
    policy_and_labels_are_not_compared
    a_repeated_post_of_each_kind_is_a_replay
    a_repeated_post_with_changed_content_conflicts
    a_refund_of_another_charge_conflicts
    a_repeated_final_capture_charges_once
    a_final_capture_of_another_total_conflicts
    a_repeated_capture_is_a_replay_whatever_was_refunded
    a_repeated_void_is_a_replay
    a_refusal_is_not_frozen
    a_refused_charge_is_not_frozen
    holds_and_postings_have_keys_of_their_own
    keys_of_closed_holds_outlast_a_day_or_the_lifetime
};

fn a_repeated_hold_is_the_same_hold(make: Make<'_>) -> Checked {
    let world = World::funded(make, 10)?;
    let first = world.fresh(|| world.hold("a", 10))?;
    // Nothing is left, so a second hold would be refused.
    ensure_eq!(world.replayed(|| world.hold("a", 10))?, first);
    ensure_eq!(world.replayed(|| world.hold("a", 10))?, first);
    Ok(())
}

fn a_repeated_hold_carries_its_present_state(make: Make<'_>) -> Checked {
    let world = World::funded(make, 100)?;
    world.hold("a", 10)?;
    world.partial("a", 4)?;
    ensure_eq!(world.replayed(|| world.hold("a", 10))?.captured().minor(), 4);
    let rev = world.rev_of("a")?;
    world.resize("a", rev, 20)?;
    let hold = world.replayed(|| world.hold("a", 10))?;
    ensure_eq!((hold.total().minor(), hold.requested().minor()), (20, 10));
    world.capture("a", 15)?;
    let hold = world.replayed(|| world.hold("a", 10))?;
    ensure_eq!((hold.status(), hold.captured().minor()), (HoldStatus::Captured, 15));
    world.refund_hold("r", "a", 5)?;
    ensure_eq!(world.replayed(|| world.hold("a", 10))?.refunded().minor(), 5);
    world.hold("b", 10)?;
    world.void("b")?;
    ensure_eq!(world.replayed(|| world.hold("b", 10))?.status(), HoldStatus::Voided);
    // A partly granted hold is recognised by what was asked, not by what was granted.
    let all = world.hold_request("c", 1_000).with_minimum(world.amount(1));
    let granted = world.fresh(|| world.hold_with(all.clone()))?.total().minor();
    world.top_up("more", 5_000)?;
    ensure_eq!(world.replayed(|| world.hold_with(all))?.total().minor(), granted);
    Ok(())
}

fn a_repeated_hold_with_another_amount_conflicts(make: Make<'_>) -> Checked {
    let world = World::funded(make, 100)?;
    world.hold("a", 10)?;
    ensure_eq!(world.conflict(|| world.hold("a", 11))?, "amount");
    ensure_eq!(world.conflict(|| world.hold("a", 9))?, "amount");
    let least = world.hold_request("a", 10).with_minimum(world.amount(5));
    ensure_eq!(world.conflict(|| world.hold_with(least))?, "minimum");
    // Closed or not.
    world.void("a")?;
    ensure_eq!(world.conflict(|| world.hold("a", 11))?, "amount");
    // Even where the balance would not have sufficed.
    ensure_eq!(world.conflict(|| world.hold("a", 1_000))?, "amount");
    Ok(())
}

fn declared_content_decides_not_the_amounts(make: Make<'_>) -> Checked {
    let world = World::funded(make, 100)?;
    let declared = content(&[("operation", "query"), ("rows", "120")]);
    let request = |minor| world.hold_request("a", minor).with_content(declared.clone());
    let first = world.fresh(|| world.hold_with(request(10)))?;
    ensure_eq!(first.content(), declared);
    // The price changed between the request and its retry.
    ensure_eq!(world.replayed(|| world.hold_with(request(12)))?, first);
    let least = request(12).with_minimum(world.amount(1));
    ensure_eq!(world.replayed(|| world.hold_with(least))?, first);
    for (fields, name) in [
        (&[("operation", "query"), ("rows", "121")][..], "rows"),
        (&[("operation", "insert"), ("rows", "120")], "operation"),
        (&[("operation", "query")], "rows"),
        (&[("extra", "1"), ("operation", "query"), ("rows", "120")], "extra"),
        (&[], "operation"),
    ] {
        let other = request(10).with_content(content(fields));
        ensure_eq!(world.conflict(|| world.hold_with(other))?, name);
    }
    // Declared later than not at all is a difference too.
    world.hold("plain", 10)?;
    let other = world.hold_request("plain", 10).with_content(declared);
    ensure_eq!(world.conflict(|| world.hold_with(other))?, "operation");
    Ok(())
}

fn policy_and_labels_are_not_compared(make: Make<'_>) -> Checked {
    let world = World::funded(make, 100)?;
    let ana = labels(&[("user", "ana")]);
    let request = world.hold_request("a", 10).with_labels(ana.clone());
    let first = world.fresh(|| world.hold_with(request))?;
    let again = world
        .hold_request("a", 10)
        .with_lifetime(Duration::from_secs(1))
        .with_grace(Duration::ZERO)
        .with_debt_limit(world.amount(7))
        .with_labels(labels(&[("user", "ben")]));
    let replay = world.replayed(|| world.hold_with(again))?;
    ensure_eq!(replay, first);
    ensure_eq!(replay.labels(), ana);
    let first = world.fresh(|| world.charge("c", 10))?;
    let again = world.charge_request("c", 10).with_debt_limit(world.amount(7)).with_labels(ana.clone());
    ensure_eq!(world.replayed(|| world.post_with(again))?, first);
    Ok(())
}

fn a_repeated_post_of_each_kind_is_a_replay(make: Make<'_>) -> Checked {
    let world = World::funded(make, 100)?;
    world.hold("held", 10)?;
    world.capture("held", 10)?;
    for (name, kind, minor) in [
        ("grant", grant(), 5),
        ("top up", top_up(), 6),
        ("charge", charge(), 40),
        ("refund", refund_of(the_charge("charge")), 8),
        ("refund of a hold", refund_of(the_hold("held")), 8),
        ("up", adjustment(), 3),
        ("down", adjustment(), -3),
    ] {
        let first = world.fresh(|| world.post(name, kind.clone(), minor))?;
        ensure_eq!(first.kind(), kind.entry_kind());
        ensure_eq!(world.replayed(|| world.post(name, kind.clone(), minor))?, first, "{name}");
        ensure_eq!(world.replayed(|| world.post(name, kind.clone(), minor))?, first, "{name}");
    }
    // The present state: what was refunded since.
    ensure_eq!(world.replayed(|| world.charge("charge", 40))?.refunded().minor(), 8);
    // A refund repeated when nothing is left is still the same refund.
    world.refund_charge("rest", "charge", 32)?;
    world.replayed(|| world.refund_charge("refund", "charge", 8))?;
    Ok(())
}

fn a_repeated_post_with_changed_content_conflicts(make: Make<'_>) -> Checked {
    let world = World::funded(make, 100)?;
    world.top_up("a", 5)?;
    ensure_eq!(world.conflict(|| world.top_up("a", 6))?, "amount");
    ensure_eq!(world.conflict(|| world.grant("a", 5))?, "kind");
    // A charge has keys of its own: no customer's key is in the way of a payment provider's.
    world.charge("a", 5)?;
    ensure_eq!(world.conflict(|| world.top_up("a", 6))?, "amount");
    world.charge("c", 5)?;
    ensure_eq!(world.conflict(|| world.charge("c", 6))?, "amount");
    ensure_eq!(world.conflict(|| world.charge("c", 1_000))?, "amount");
    world.adjust("up", 5)?;
    ensure_eq!(world.conflict(|| world.adjust("up", -5))?, "amount");
    let declared = world.charge_request("d", 5).with_content(content(&[("sku", "x")]));
    world.fresh(|| world.post_with(declared))?;
    let price_changed = world.charge_request("d", 6).with_content(content(&[("sku", "x")]));
    ensure_eq!(world.replayed(|| world.post_with(price_changed))?.amount().minor(), -5);
    let other = world.charge_request("d", 5).with_content(content(&[("sku", "y")]));
    ensure_eq!(world.conflict(|| world.post_with(other))?, "sku");
    ensure_eq!(world.conflict(|| world.charge("d", 5))?, "sku");
    Ok(())
}

fn a_refund_of_another_charge_conflicts(make: Make<'_>) -> Checked {
    let world = World::funded(make, 100)?;
    world.charge("one", 10)?;
    world.charge("two", 10)?;
    world.hold("one", 10)?;
    world.capture("one", 10)?;
    world.refund_charge("r", "one", 5)?;
    ensure_eq!(world.conflict(|| world.refund_charge("r", "two", 5))?, "of");
    ensure_eq!(world.conflict(|| world.refund_hold("r", "one", 5))?, "of");
    ensure_eq!(world.conflict(|| world.refund_charge("r", "one", 4))?, "amount");
    // Another charge that is not even known is another charge all the same.
    ensure_eq!(world.conflict(|| world.refund_charge("r", "three", 5))?, "of");
    Ok(())
}

fn a_repeated_final_capture_charges_once(make: Make<'_>) -> Checked {
    let world = World::funded(make, 100)?;
    world.hold("a", 10)?;
    let first = world.fresh(|| world.capture("a", 7))?;
    ensure_eq!((first.charged().minor(), first.freed().minor()), (7, 3));
    let replay = world.replayed(|| world.capture("a", 7))?;
    ensure_eq!((replay.charged().minor(), replay.captured().minor()), (0, 7));
    ensure_eq!(replay.status(), HoldStatus::Captured);
    // With something uncollected it is the same answer, and does not try again.
    world.hold("b", 90)?;
    let first = world.fresh(|| world.capture("b", 200))?;
    ensure_eq!((first.captured().minor(), first.uncollected().minor()), (93, 107));
    world.top_up("more", 1_000)?;
    let replay = world.replayed(|| world.capture("b", 200))?;
    ensure_eq!(
        (replay.charged().minor(), replay.captured().minor(), replay.uncollected().minor()),
        (0, 93, 107)
    );
    Ok(())
}

fn a_final_capture_of_another_total_conflicts(make: Make<'_>) -> Checked {
    let world = World::funded(make, 100)?;
    world.hold("a", 10)?;
    world.capture("a", 7)?;
    ensure_eq!(world.conflict(|| world.capture("a", 8))?, "total");
    ensure_eq!(world.conflict(|| world.capture("a", 6))?, "total");
    Ok(())
}

fn a_repeated_capture_is_a_replay_whatever_was_refunded(make: Make<'_>) -> Checked {
    let world = World::funded(make, 100)?;
    world.hold("a", 10)?;
    world.fresh(|| world.partial("a", 4))?;
    world.fresh(|| world.refund_hold("r", "a", 3))?;
    world.replayed(|| world.partial("a", 4))?;
    world.fresh(|| world.capture("a", 7))?;
    world.fresh(|| world.refund_hold("s", "a", 4))?;
    let replay = world.replayed(|| world.capture("a", 7))?;
    ensure_eq!((replay.charged().minor(), replay.captured().minor()), (0, 7));
    ensure_eq!(world.conflict(|| world.capture("a", 10))?, "total");
    ensure_eq!(world.available()?, 100);
    Ok(())
}

fn a_repeated_void_is_a_replay(make: Make<'_>) -> Checked {
    let world = World::funded(make, 10)?;
    world.hold("a", 10)?;
    let first = world.fresh(|| world.void("a"))?;
    ensure_eq!((first.status(), first.reserved().minor()), (HoldStatus::Voided, 0));
    ensure_eq!(world.replayed(|| world.void("a"))?, first);
    ensure_eq!(world.available()?, 10);
    Ok(())
}

fn a_refusal_is_not_frozen(make: Make<'_>) -> Checked {
    let world = World::funded(make, 5)?;
    world.short(|| world.hold("a", 10))?;
    world.short(|| world.hold("a", 10))?;
    world.top_up("more", 5)?;
    world.fresh(|| world.hold("a", 10))?;
    // And a refused request may be changed: nothing remembers it.
    world.short(|| world.hold("b", 10))?;
    world.top_up("more still", 3)?;
    world.fresh(|| world.hold("b", 3))?;
    Ok(())
}

fn a_refused_charge_is_not_frozen(make: Make<'_>) -> Checked {
    let world = World::funded(make, 5)?;
    world.short(|| world.charge("a", 10))?;
    world.top_up("more", 5)?;
    world.fresh(|| world.charge("a", 10))?;
    world.replayed(|| world.charge("a", 10))?;
    Ok(())
}

fn holds_and_postings_have_keys_of_their_own(make: Make<'_>) -> Checked {
    let world = World::funded(make, 100)?;
    world.fresh(|| world.hold("a", 10))?;
    world.fresh(|| world.charge("a", 20))?;
    world.fresh(|| world.capture("a", 10))?;
    ensure_eq!(world.entry_of("a")?.amount().minor(), -20);
    ensure_eq!(world.state_of("a")?.captured().minor(), 10);
    let of_holds = |entry: &&Entry| entry.operation() == Operation::Hold;
    let captures: Vec<_> =
        world.statement()?.iter().filter(of_holds).map(|entry| entry.amount().minor()).collect();
    ensure_eq!(captures, [-10]);
    Ok(())
}

fn keys_of_closed_holds_outlast_a_day_or_the_lifetime(make: Make<'_>) -> Checked {
    let day = Duration::from_secs(24 * 60 * 60);
    let world = World::funded(make, 100)?;
    world.hold("short", 10)?;
    let long = world.hold_request("long", 10).with_lifetime(3 * day).with_grace(day);
    world.hold_with(long.clone())?;
    world.capture("short", 10)?;
    world.void("long")?;
    world.clock.advance(day - MICRO);
    world.replayed(|| world.hold("short", 10))?;
    world.replayed(|| world.capture("short", 10))?;
    world.clock.advance(3 * day);
    world.replayed(|| world.hold_with(long))?;
    world.replayed(|| world.void("long"))?;
    Ok(())
}
