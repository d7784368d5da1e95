//! What is compared of credit, refunds and capped work, and what is not.

use crate::conformance::failed::{Checked, ensure, ensure_eq};
use crate::conformance::world::credit::{included, label, paid, promo};
use crate::conformance::world::spend::{DAY, caps};
use crate::conformance::world::{
    Answer, Make, World, adjustment, content, credit, refund_of, refund_with, the_charge, the_hold, top_up,
};
use crate::conformance::{Check, clause};
use crate::entry::Entry;
use crate::error::LedgerError;
use crate::grant::GrantTerms;
use crate::ledger::request::{EndedCredit, PostKind};
use crate::limits::Limits;
use crate::period::Period;

pub(crate) const CHECKS: &[Check] = clause! { 2:
    credit_on_other_terms_conflicts_and_names_the_field
    the_first_field_that_differs_is_named
    starts_and_ends_are_not_compared
    a_redelivered_top_up_is_a_replay_when_its_end_has_passed
    a_redelivered_grant_is_a_replay_when_there_is_no_room
    a_repeated_merged_grant_is_its_own_posting
    declared_content_decides_not_the_terms
    another_kind_of_entry_conflicts_whatever_was_declared
    a_refund_of_something_else_conflicts_whatever_was_declared
    what_becomes_of_ended_credit_is_not_compared
    how_often_a_courtesy_is_given_is_not_compared
    credit_refunds_and_adjustments_share_their_keys
    caps_are_not_compared
    a_repeated_hold_shows_what_became_of_its_draws
    a_repeated_refund_stands_as_it_was_booked
};

fn credit_on_other_terms_conflicts_and_names_the_field(make: Make<'_>) -> Checked {
    let world = World::new(make);
    let most = |minor| world.amount(minor);
    let base = included().with_label(label("Plan")).with_priority(9).renewing_up_to(most(50));
    world.fresh(|| world.credit("a", &base, 5))?;
    let without_label = GrantTerms { label: None, ..base.clone() };
    let without_rollover = GrantTerms { rollover: None, ..base.clone() };
    for (terms, minor, field) in [
        (base.clone(), 6, "amount"),
        (GrantTerms { kind: crate::grant::GrantKind::Promotional, ..base.clone() }, 5, "grant kind"),
        (base.clone().with_priority(10), 5, "priority"),
        (GrantTerms { priority: GrantTerms::DEFAULT_PRIORITY, ..base.clone() }, 5, "priority"),
        (base.clone().with_label(label("plan")), 5, "label"),
        (without_label, 5, "label"),
        (base.clone().renewing_up_to(most(51)), 5, "rollover"),
        (without_rollover, 5, "rollover"),
    ] {
        ensure_eq!(world.conflict(|| world.credit("a", &terms, minor))?, field, "{terms:?}");
    }
    world.replayed(|| world.credit("a", &base, 5))?;
    // Terms that one side does not have differ from those that it has.
    world.fresh(|| world.top_up("plain", 5))?;
    for (terms, field) in [(paid().with_label(label("Year")), "label"), (paid().with_priority(9), "priority")]
    {
        ensure_eq!(world.conflict(|| world.credit("plain", &terms, 5))?, field);
    }
    Ok(())
}

fn the_first_field_that_differs_is_named(make: Make<'_>) -> Checked {
    let world = World::new(make);
    world.fresh(|| world.credit("a", &promo(), 5))?;
    let all = included().with_priority(9).with_label(label("Plan")).renewing_up_to(world.amount(50));
    ensure_eq!(world.conflict(|| world.credit("a", &all, 6))?, "amount");
    ensure_eq!(world.conflict(|| world.credit("a", &all, 5))?, "grant kind");
    let terms = promo().with_priority(9).with_label(label("Plan"));
    ensure_eq!(world.conflict(|| world.credit("a", &terms, 5))?, "priority");
    let terms = promo().with_label(label("Plan")).renewing_up_to(world.amount(50));
    ensure_eq!(world.conflict(|| world.credit("a", &terms, 5))?, "label");
    Ok(())
}

/// A webhook that comes again computes them from its own clock.
fn starts_and_ends_are_not_compared(make: Make<'_>) -> Checked {
    let world = World::new(make);
    for (name, terms) in [("a", paid()), ("b", promo()), ("c", included().with_label(label("Plan")))] {
        let first = terms.clone().ending_at(world.in_seconds(600));
        let entry = world.fresh(|| world.credit(name, &first, 5))?;
        for again in [
            terms.clone(),
            terms.clone().ending_at(world.in_seconds(601)),
            terms.clone().starting_at(world.in_seconds(60)),
            terms.clone().starting_at(world.in_seconds(60)).ending_at(world.in_seconds(61)),
            terms.clone().ending_at(world.start_of_day(0)),
        ] {
            ensure_eq!(world.replayed(|| world.credit(name, &again, 5))?, entry, "{again:?}");
        }
    }
    // Plain credit, too.
    let entry = world.fresh(|| world.top_up("plain", 5))?;
    let again = paid().ending_at(world.in_seconds(60));
    ensure_eq!(world.replayed(|| world.credit("plain", &again, 5))?, entry);
    Ok(())
}

fn a_redelivered_top_up_is_a_replay_when_its_end_has_passed(make: Make<'_>) -> Checked {
    let world = World::new(make);
    let terms = paid().ending_at(world.in_seconds(60));
    let entry = world.fresh(|| world.credit("a", &terms, 5))?;
    world.pass(3_600);
    ensure_eq!(world.replayed(|| world.credit("a", &terms, 5))?, entry);
    ensure_eq!(world.purse()?, "plain 0");
    // And when its start has.
    let terms = paid().starting_at(world.in_seconds(60)).ending_at(world.in_seconds(120));
    let entry = world.fresh(|| world.credit("b", &terms, 5))?;
    for _ in 0..2 {
        world.pass(60);
        ensure_eq!(world.replayed(|| world.credit("b", &terms, 5))?, entry);
    }
    Ok(())
}

fn a_redelivered_grant_is_a_replay_when_there_is_no_room(make: Make<'_>) -> Checked {
    let world = World::new(make);
    let terms = |index: usize| promo().with_label(label(&format!("Grant {index}")));
    for index in 0..=Limits::MAX_GRANTS {
        let answer = world.credit(&format!("g{index}"), &terms(index), 5);
        ensure_eq!(answer.is_ok(), index < Limits::MAX_GRANTS, "{answer:?}");
    }
    for index in 0..Limits::MAX_GRANTS {
        world.replayed(|| world.credit(&format!("g{index}"), &terms(index), 5))?;
    }
    // Nor is a charge refused that was made when there was more.
    world.fresh(|| world.charge("c", 160))?;
    world.replayed(|| world.charge("c", 160))?;
    Ok(())
}

fn a_repeated_merged_grant_is_its_own_posting(make: Make<'_>) -> Checked {
    let world = World::new(make);
    world.fresh(|| world.credit("a", &promo(), 5))?;
    let second = world.fresh(|| world.credit("b", &promo(), 7))?;
    ensure_eq!(world.replayed(|| world.credit("b", &promo(), 7))?, second);
    ensure_eq!(world.conflict(|| world.credit("b", &promo(), 5))?, "amount");
    ensure_eq!(world.conflict(|| world.credit("a", &promo(), 12))?, "amount");
    ensure_eq!(world.purse()?, "a 12, plain 0");
    Ok(())
}

fn posted_with(world: &World, name: &str, kind: PostKind, minor: i64, field: &str) -> Answer<Entry> {
    let request = world.post_request(name, kind, minor);
    world.post_with(request.with_content(content(&[("invoice", field)])))
}

fn declared_content_decides_not_the_terms(make: Make<'_>) -> Checked {
    let world = World::new(make);
    let posted = |terms: &GrantTerms, minor, field| posted_with(&world, "a", credit(terms), minor, field);
    let first = world.fresh(|| posted(&promo(), 5, "in-1"))?;
    for terms in [promo().with_priority(9), promo().with_label(label("Other"))] {
        ensure_eq!(world.replayed(|| posted(&terms, 6, "in-1"))?, first);
    }
    ensure_eq!(world.conflict(|| posted(&promo(), 5, "in-2"))?, "invoice");
    // "If either side has any."
    ensure_eq!(world.conflict(|| world.credit("a", &promo(), 5))?, "invoice");
    world.fresh(|| world.credit("b", &promo(), 5))?;
    ensure_eq!(world.conflict(|| posted_with(&world, "b", credit(&promo()), 5, "in-1"))?, "invoice");
    Ok(())
}

fn another_kind_of_entry_conflicts_whatever_was_declared(make: Make<'_>) -> Checked {
    let world = World::funded(make, 100)?;
    world.fresh(|| world.charge("c", 20))?;
    let kinds = [top_up(), credit(&promo()), refund_of(the_charge("c")), adjustment()];
    for (index, kind) in kinds.iter().enumerate() {
        let name = format!("k{index}");
        world.fresh(|| posted_with(&world, &name, kind.clone(), 5, "in-1"))?;
        for other in kinds.iter().filter(|other| other.entry_kind() != kind.entry_kind()) {
            // Declared alike, and alike in amount.
            let run = || posted_with(&world, &name, other.clone(), 5, "in-1");
            ensure_eq!(world.conflict(run)?, "kind", "{kind:?} and {other:?}");
            ensure_eq!(world.conflict(|| world.post(&name, other.clone(), 5))?, "kind");
        }
    }
    Ok(())
}

fn a_refund_of_something_else_conflicts_whatever_was_declared(make: Make<'_>) -> Checked {
    let world = World::funded(make, 100)?;
    world.fresh(|| world.charge("one", 20))?;
    world.fresh(|| world.charge("two", 20))?;
    world.fresh(|| world.hold("one", 20))?;
    world.fresh(|| world.capture("one", 20))?;
    let of_one = refund_of(the_charge("one"));
    let first = world.fresh(|| posted_with(&world, "r", of_one.clone(), 5, "in-1"))?;
    for of in [the_charge("two"), the_hold("one"), the_charge("never")] {
        ensure_eq!(world.conflict(|| posted_with(&world, "r", refund_of(of.clone()), 5, "in-1"))?, "of");
    }
    // What it refunds comes before the amount, which what was declared decides.
    ensure_eq!(world.replayed(|| posted_with(&world, "r", of_one, 6, "in-1"))?, first);
    world.fresh(|| world.refund_charge("s", "one", 5))?;
    ensure_eq!(world.conflict(|| world.refund_charge("s", "two", 6))?, "of");
    Ok(())
}

fn what_becomes_of_ended_credit_is_not_compared(make: Make<'_>) -> Checked {
    let world = World::new(make);
    world.credit("a", &paid().ending_at(world.in_seconds(60)), 10)?;
    world.fresh(|| world.charge("c", 10))?;
    world.pass(60);
    let refund = |ended| world.refund_with("r", the_charge("c"), 5, ended);
    let first = world.fresh(|| refund(EndedCredit::Revive(DAY)))?;
    for ended in [EndedCredit::Revive(DAY * 2), EndedCredit::Expire, EndedCredit::ByKind] {
        ensure_eq!(world.replayed(|| refund(ended))?, first, "{ended:?}");
    }
    ensure_eq!(world.grant_of("a")?.ends_at(), Some(world.now().saturating_add(DAY)));
    Ok(())
}

fn how_often_a_courtesy_is_given_is_not_compared(make: Make<'_>) -> Checked {
    let world = World::new(make);
    let terms = |period| GrantTerms::courtesy(label("One"), period);
    let first = world.fresh(|| world.credit("a", &terms(Period::day()), 5))?;
    ensure_eq!(world.replayed(|| world.credit("a", &terms(Period::month()), 5))?, first);
    // Another label is another courtesy, and this key is taken.
    let other = GrantTerms::courtesy(label("Two"), Period::day());
    ensure_eq!(world.conflict(|| world.credit("a", &other, 5))?, "label");
    Ok(())
}

fn credit_refunds_and_adjustments_share_their_keys(make: Make<'_>) -> Checked {
    let world = World::funded(make, 100)?;
    // A hold and a charge have keys of their own each.
    world.fresh(|| world.hold("k", 5))?;
    world.fresh(|| world.charge("k", 5))?;
    world.fresh(|| world.refund_charge("k", "k", 5))?;
    for kind in [top_up(), credit(&promo()), adjustment()] {
        ensure_eq!(world.conflict(|| world.post("k", kind.clone(), 5))?, "kind", "{kind:?}");
    }
    world.replayed(|| world.charge("k", 5))?;
    world.replayed(|| world.hold("k", 5))?;
    Ok(())
}

fn caps_are_not_compared(make: Make<'_>) -> Checked {
    let world = World::funded(make, 100)?;
    let hold = world.fresh(|| world.hold_under("h", 5, &world.a_day("a", 5)))?;
    let charge = world.fresh(|| world.charge_under("c", 5, &world.a_day("a", 10)))?;
    for other in [caps([]), world.a_day("a", 0), world.a_day("b", 5), world.a_day("a", 1_000)] {
        ensure_eq!(world.replayed(|| world.hold_under("h", 5, &other))?, hold);
        ensure_eq!(world.replayed(|| world.charge_under("c", 5, &other))?, charge);
    }
    ensure_eq!((world.days_of("a")?, world.days_of("b")?), (vec![(0, 5, 5)], vec![]));
    Ok(())
}

/// "The hold or entry as it stands now."
fn a_repeated_hold_shows_what_became_of_its_draws(make: Make<'_>) -> Checked {
    let world = World::funded(make, 5)?;
    world.credit("a", &promo(), 3)?;
    let cap = world.a_day("a", 10);
    let first = world.fresh(|| world.hold_under("h", 6, &cap))?;
    world.fresh(|| world.partial("h", 4))?;
    world.fresh(|| world.refund_hold("r", "h", 2))?;
    let again = world.replayed(|| world.hold_under("h", 6, &cap))?;
    ensure!(again != first, "{again:?}");
    ensure_eq!(again, world.state_of("h")?);
    ensure_eq!(world.draws_of("h")?, "a 3 used 1 refunded, plain 2 held 1 used 1 refunded");
    let used: Vec<_> =
        again.counted().iter().map(|part| (part.held().minor(), part.used().minor())).collect();
    ensure_eq!(used, [(2, 4)]);
    // A charge likewise.
    world.fresh(|| world.charge_under("c", 2, &cap))?;
    world.fresh(|| world.refund_charge("s", "c", 1))?;
    let again = world.replayed(|| world.charge_under("c", 2, &cap))?;
    ensure_eq!((again.refunded().minor(), again), (1, world.entry_of("c")?));
    Ok(())
}

fn a_repeated_refund_stands_as_it_was_booked(make: Make<'_>) -> Checked {
    let world = World::new(make);
    world.credit("a", &promo().ending_at(world.in_seconds(60)), 10)?;
    world.fresh(|| world.charge("c", 10))?;
    let first = world.fresh(|| world.refund_charge("r", "c", 4))?;
    world.pass(60);
    // The credit has ended since, with what came back: once.
    ensure_eq!(world.replayed(|| world.refund_charge("r", "c", 4))?, first);
    let answer = world.refused(|| world.refund_charge("s", "c", 7))?;
    ensure!(matches!(answer, LedgerError::RefundTooLarge { .. }), "{answer:?}");
    ensure_eq!(world.purse()?, "plain 0");
    let kind = refund_with(the_charge("c"), EndedCredit::ByKind);
    ensure_eq!(world.replayed(|| world.post("r", kind, 4))?, first);
    Ok(())
}
