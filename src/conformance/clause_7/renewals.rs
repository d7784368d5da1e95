//! Plans that renew and roll over, and courtesies.

use crate::conformance::failed::{Checked, ensure, ensure_eq, fail};
use crate::conformance::world::credit::{included, label, promo};
use crate::conformance::world::{Answer, Make, World, just_before, key};
use crate::conformance::{Check, clause};
use crate::entry::{Entry, EntryKind, Operation};
use crate::error::LedgerError;
use crate::grant::GrantTerms;
use crate::period::Period;

pub(crate) const CHECKS: &[Check] = clause! { 7:
    a_renewal_rolls_over_what_was_left_up_to_the_most
    a_renewal_is_one_entry_of_the_difference
    a_renewal_ends_all_started_grants_of_its_kind_and_label
    a_renewal_leaves_other_credit_alone
    a_renewal_leaves_what_holds_drew_to_them
    what_comes_free_of_a_renewed_grant_expires_at_once
    a_renewal_never_merges_with_what_it_ends
    a_refund_to_a_grant_that_a_renewal_emptied_goes_by_the_end_it_was_drawn_with
    a_refund_to_a_renewed_grant_with_a_hold_on_it_finds_it_ended
    a_renewal_pays_a_debt_first
    a_repeated_renewal_is_a_replay
    a_plan_renewed_month_after_month_keeps_no_more_than_the_most
    a_courtesy_is_given_once_a_period
    courtesies_of_other_labels_are_others
    a_courtesy_counts_though_it_is_used_up_or_has_ended
    a_refused_courtesy_was_not_given
};

fn plan() -> GrantTerms {
    included().with_label(label("Plan"))
}

impl World {
    fn renew(&self, name: &str, amount: i64, most: i64) -> Answer<Entry> {
        self.credit(name, &plan().renewing_up_to(self.amount(most)), amount)
    }
}

fn a_renewal_rolls_over_what_was_left_up_to_the_most(make: Make<'_>) -> Checked {
    for (left, amount, most, granted) in [
        (30, 100, 150, 100),
        (100, 100, 150, 100),
        (120, 100, 150, 120),
        (150, 100, 150, 150),
        (151, 100, 150, 150),
        (0, 100, 150, 100),
        (30, 0, 50, 30),
        (80, 0, 50, 50),
        (7, 0, 0, 0),
        (0, 0, 50, 0),
    ] {
        let world = World::new(make);
        if left > 0 {
            world.credit("old", &plan(), left)?;
        }
        let entry = world.fresh(|| world.renew("new", amount, most))?;
        ensure_eq!(entry.amount().minor(), granted - left, "{left} {amount} {most}");
        ensure_eq!((world.posted()?, world.available()?), (granted, granted), "{left} {amount} {most}");
        let purse = if granted > 0 { format!("new {granted}, plain 0") } else { "plain 0".to_owned() };
        ensure_eq!(world.purse()?, purse, "{left} {amount} {most}");
    }
    Ok(())
}

fn a_renewal_is_one_entry_of_the_difference(make: Make<'_>) -> Checked {
    let world = World::funded(make, 5)?;
    world.credit("old", &plan().ending_at(world.in_seconds(60)), 30)?;
    let end = world.in_seconds(3_600);
    let terms = plan().ending_at(end).with_priority(9).renewing_up_to(world.amount(150));
    let entry = world.fresh(|| world.credit("new", &terms, 100))?;
    ensure_eq!((entry.kind(), entry.operation()), (EntryKind::Grant, Operation::Credit));
    ensure_eq!((entry.amount().minor(), entry.named().minor()), (70, 100));
    ensure_eq!(world.moved(&entry)?, "old -30, new +100");
    ensure_eq!((entry.grant(), entry.terms()), (Some(entry.seq()), Some(&terms)));
    let grant = world.grant_of("new")?;
    ensure_eq!((grant.id(), grant.original().minor()), (entry.seq(), 100));
    ensure_eq!((grant.ends_at(), grant.priority()), (Some(end), 9));
    // The old one has ended, so it does not end again.
    world.pass(60);
    ensure_eq!((world.purse()?, world.seq()?), ("new 100, plain 5".to_owned(), 3));
    Ok(())
}

fn a_renewal_ends_all_started_grants_of_its_kind_and_label(make: Make<'_>) -> Checked {
    let world = World::new(make);
    world.credit("a", &plan(), 10)?;
    world.credit("b", &plan().with_priority(9), 20)?;
    world.credit("c", &plan().ending_at(world.in_seconds(60)), 30)?;
    world.credit("later", &plan().starting_at(world.in_seconds(60)), 40)?;
    world.fresh(|| world.charge("use some", 5))?;
    let entry = world.fresh(|| world.renew("new", 25, 500))?;
    // 55 are left of what has started.
    ensure_eq!(world.moved(&entry)?, "a -10, b -15, c -30, new +55");
    ensure_eq!((world.purse()?, entry.amount().minor()), ("later 40 (later), new 55, plain 0".to_owned(), 0));
    world.pass(60);
    ensure_eq!(world.purse()?, "later 40, new 55, plain 0");
    Ok(())
}

fn a_renewal_leaves_other_credit_alone(make: Make<'_>) -> Checked {
    let world = World::funded(make, 5)?;
    world.credit("old", &plan(), 10)?;
    world.credit("promo", &promo().with_label(label("Plan")), 1)?;
    world.credit("other", &included().with_label(label("Other plan")), 2)?;
    world.credit("bare", &included(), 3)?;
    let entry = world.fresh(|| world.renew("new", 50, 60))?;
    ensure_eq!(world.moved(&entry)?, "old -10, new +50");
    ensure_eq!(world.purse()?, "promo 1, other 2, bare 3, new 50, plain 5");
    Ok(())
}

fn a_renewal_leaves_what_holds_drew_to_them(make: Make<'_>) -> Checked {
    let world = World::new(make);
    world.credit("old", &plan(), 100)?;
    world.fresh(|| world.hold("h", 40))?;
    // What is held is not left over.
    let entry = world.fresh(|| world.renew("new", 10, 500))?;
    ensure_eq!(world.moved(&entry)?, "old -60, new +60");
    ensure_eq!(world.purse()?, "old 40 (40 held), new 60, plain 0");
    ensure_eq!(world.available()?, 60);
    let captured = world.fresh(|| world.capture("h", 40))?;
    ensure_eq!((captured.charged().minor(), world.draws_of("h")?), (40, "old 40 used".to_owned()));
    ensure_eq!(world.purse()?, "new 60, plain 0");
    Ok(())
}

fn what_comes_free_of_a_renewed_grant_expires_at_once(make: Make<'_>) -> Checked {
    let world = World::new(make);
    world.credit("old", &plan().ending_at(world.in_seconds(3_600)), 100)?;
    world.fresh(|| world.hold("h", 40))?;
    world.pass(30);
    let renewed = world.now();
    world.fresh(|| world.renew("new", 10, 500))?;
    world.pass(30);
    world.fresh_then(1, || world.capture("h", 25))?;
    ensure_eq!(world.latest(2)?, ["charge -25: old -25", "expiry -15: old -15"]);
    let entry = world.last_entry()?;
    ensure_eq!((entry.effective_at(), entry.key()), (renewed, &key("old")), "it ended when it was renewed");
    ensure_eq!(world.purse()?, "new 60, plain 0");
    Ok(())
}

fn a_renewal_never_merges_with_what_it_ends(make: Make<'_>) -> Checked {
    let world = World::new(make);
    // On the very same terms, with an end still to come and a hold on the old one.
    let terms = plan().ending_at(world.in_seconds(3_600));
    world.credit("old", &terms, 100)?;
    world.fresh(|| world.hold("h", 40))?;
    let renewal = terms.clone().renewing_up_to(world.amount(70));
    let entry = world.fresh(|| world.credit("new", &renewal, 70))?;
    ensure_eq!((entry.grant(), entry.amount().minor()), (Some(entry.seq()), 10));
    ensure_eq!(world.purse()?, "old 40 (40 held), new 70, plain 0");
    // More on these terms goes to the one that has not ended.
    let more = world.fresh(|| world.credit("more", &terms, 5))?;
    ensure_eq!((more.grant(), world.moved(&more)?), (Some(entry.seq()), "new +5".to_owned()));
    world.fresh_then(1, || world.void("h"))?;
    ensure_eq!(world.purse()?, "new 75, plain 0");
    Ok(())
}

fn a_refund_to_a_grant_that_a_renewal_emptied_goes_by_the_end_it_was_drawn_with(make: Make<'_>) -> Checked {
    let world = World::new(make);
    world.credit("old", &plan(), 100)?;
    world.fresh(|| world.charge("c", 30))?;
    world.fresh(|| world.renew("new", 10, 500))?;
    world.pass(60);
    world.fresh(|| world.refund_charge("r", "c", 20))?;
    ensure_eq!(world.latest(1)?, ["refund +20: new +20"], "it is on equal terms with the new one");
    ensure_eq!(world.purse()?, "new 90, plain 0");
    Ok(())
}

fn a_refund_to_a_renewed_grant_with_a_hold_on_it_finds_it_ended(make: Make<'_>) -> Checked {
    let world = World::new(make);
    world.credit("old", &plan(), 100)?;
    world.fresh(|| world.charge("c", 30))?;
    world.fresh(|| world.hold("h", 5))?;
    world.fresh(|| world.renew("new", 10, 500))?;
    world.pass(60);
    world.fresh_then(1, || world.refund_charge("r", "c", 20))?;
    ensure_eq!(world.latest(2)?, ["refund +20: old +20", "expiry -20: old -20"]);
    ensure_eq!(world.purse()?, "old 5 (5 held), new 65, plain 0");
    Ok(())
}

fn a_renewal_pays_a_debt_first(make: Make<'_>) -> Checked {
    let world = World::new(make);
    world.fresh(|| world.adjust("back", -30))?;
    let entry = world.fresh(|| world.renew("new", 100, 500))?;
    ensure_eq!((entry.amount().minor(), world.moved(&entry)?), (100, "new +70, plain +30".to_owned()));
    ensure_eq!(world.purse()?, "new 70, plain 0");
    Ok(())
}

fn a_repeated_renewal_is_a_replay(make: Make<'_>) -> Checked {
    let world = World::new(make);
    world.credit("old", &plan(), 30)?;
    let first = world.fresh(|| world.renew("new", 100, 150))?;
    ensure_eq!(world.replayed(|| world.renew("new", 100, 150))?, first);
    world.fresh(|| world.charge("c", 60))?;
    ensure_eq!(world.replayed(|| world.renew("new", 100, 150))?, first);
    ensure_eq!(world.purse()?, "new 40, plain 0");
    Ok(())
}

/// The plan's 100 end with the month, and beside them up to 50 unused ones are kept: renewed with an amount of nothing.
fn a_plan_renewed_month_after_month_keeps_no_more_than_the_most(make: Make<'_>) -> Checked {
    let world = World::new(make);
    let mut left = 0;
    for (month, used) in (1..).zip([90, 30, 0, 0, 160, 149, 40]) {
        world.fresh(|| world.renew(&format!("kept{month}"), 0, 50))?;
        let end = world.start_of_day(30 * month);
        world.fresh(|| world.credit(&format!("month{month}"), &plan().ending_at(end), 100))?;
        left = left.min(50) + 100;
        ensure_eq!(world.available()?, left, "month {month}");
        if used <= left {
            world.fresh(|| world.charge(&format!("c{month}"), used))?;
            left -= used;
        } else {
            world.short(|| world.charge(&format!("c{month}"), used))?;
        }
        world.clock.set(just_before(end));
    }
    Ok(())
}

fn courtesy(name: &str) -> GrantTerms {
    GrantTerms::courtesy(label(name), Period::day())
}

/// Refused as given already, until then.
#[track_caller]
fn given_until(world: &World, run: impl FnOnce() -> Answer<Entry>) -> Checked<crate::clock::Timestamp> {
    match world.refused(run)? {
        LedgerError::CourtesyGiven { again_at } => Ok(again_at),
        other => fail!("this was given already: {other:?}"),
    }
}

fn a_courtesy_is_given_once_a_period(make: Make<'_>) -> Checked {
    let world = World::new(make);
    world.on_day(0);
    let entry = world.fresh(|| world.credit("a", &courtesy("One"), 5))?;
    ensure_eq!((entry.kind(), entry.amount().minor()), (EntryKind::Grant, 5));
    for minor in [5, 1, 6] {
        let again_at = given_until(&world, || world.credit("b", &courtesy("One"), minor))?;
        ensure_eq!(again_at, world.start_of_day(1), "whatever its amount");
    }
    // With the same key it is the same courtesy.
    ensure_eq!(world.replayed(|| world.credit("a", &courtesy("One"), 5))?, entry);
    world.clock.set(just_before(world.start_of_day(1)));
    given_until(&world, || world.credit("b", &courtesy("One"), 5))?;
    world.clock.set(world.start_of_day(1));
    world.fresh(|| world.credit("b", &courtesy("One"), 5))?;
    ensure_eq!(given_until(&world, || world.credit("c", &courtesy("One"), 5))?, world.start_of_day(2));
    ensure_eq!(world.available()?, 10);
    Ok(())
}

fn courtesies_of_other_labels_are_others(make: Make<'_>) -> Checked {
    let world = World::new(make);
    world.fresh(|| world.credit("a", &courtesy("One"), 5))?;
    world.fresh(|| world.credit("b", &courtesy("Two"), 5))?;
    given_until(&world, || world.credit("c", &courtesy("Two"), 5))?;
    // What is no courtesy is not counted, whatever its label.
    for (index, terms) in
        [promo().with_label(label("Two")), included().with_label(label("Two"))].iter().enumerate()
    {
        world.fresh(|| world.credit(&format!("d{index}"), terms, 5))?;
        world.fresh(|| world.credit(&format!("e{index}"), terms, 5))?;
    }
    // And of other accounts.
    let other = world.beside("other", world.usd);
    other.fresh(|| other.credit("a", &courtesy("One"), 5))?;
    Ok(())
}

fn a_courtesy_counts_though_it_is_used_up_or_has_ended(make: Make<'_>) -> Checked {
    let world = World::new(make);
    world.fresh(|| world.credit("a", &courtesy("One"), 5))?;
    world.fresh(|| world.charge("c", 5))?;
    given_until(&world, || world.credit("b", &courtesy("One"), 5))?;
    world.fresh(|| world.credit("d", &courtesy("Two").ending_at(world.in_seconds(60)), 5))?;
    world.pass(60);
    ensure_eq!(world.purse()?, "plain 0");
    given_until(&world, || world.credit("e", &courtesy("Two"), 5))?;
    // A refund gives nothing to give again.
    world.fresh(|| world.refund_charge("r", "c", 5))?;
    given_until(&world, || world.credit("b", &courtesy("One"), 5))?;
    Ok(())
}

fn a_refused_courtesy_was_not_given(make: Make<'_>) -> Checked {
    let world = World::new(make);
    let over = courtesy("One").ending_at(world.now());
    let error = world.refused(|| world.credit("a", &over, 5))?;
    ensure!(matches!(error, LedgerError::Invalid { .. }), "{error:?}");
    world.fresh(|| world.credit("a", &courtesy("One"), 5))?;
    Ok(())
}
