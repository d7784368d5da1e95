//! What makes a grant, what is plain credit, and which grants are one.

use std::time::Duration;

use crate::conformance::failed::{Checked, ensure, ensure_eq};
use crate::conformance::world::credit::{included, label, paid, promo};
use crate::conformance::world::{MICRO, Make, World, just_before, key};
use crate::conformance::{Check, clause};
use crate::entry::{EntryKind, Operation};
use crate::error::LedgerError;
use crate::grant::{GrantKind, GrantTerms};
use crate::period::Period;

pub(crate) const CHECKS: &[Check] = clause! { 7:
    posted_is_the_started_grants_and_plain_credit
    bought_credit_without_further_terms_is_plain_and_never_ends
    any_other_credit_is_a_grant_with_the_number_of_its_entry
    a_grant_says_on_what_terms_it_is
    a_start_that_has_come_is_no_start
    an_end_is_in_the_future
    an_end_is_after_the_start
    grants_on_equal_terms_merge
    a_merged_grant_adds_up_what_is_left_and_what_was_granted
    grants_on_other_terms_do_not_merge
    credit_of_the_same_start_merges_before_it_starts
    credit_that_has_started_merges_with_what_comes_after
    no_merged_posting_is_lost
};

fn posted_is_the_started_grants_and_plain_credit(make: Make<'_>) -> Checked {
    let world = World::funded(make, 10)?;
    world.fresh(|| world.credit("gift", &promo(), 5))?;
    world.fresh(|| world.credit("later", &promo().starting_at(world.in_seconds(60)), 7))?;
    ensure_eq!((world.posted()?, world.purse()?), (15, "gift 5, later 7 (later), plain 10".to_owned()));
    world.fresh(|| world.charge("c", 7))?;
    ensure_eq!((world.posted()?, world.purse()?), (8, "later 7 (later), plain 8".to_owned()));
    world.fresh(|| world.hold("h", 3))?;
    ensure_eq!((world.posted()?, world.purse()?), (8, "later 7 (later), plain 8".to_owned()));
    world.pass(60);
    ensure_eq!((world.posted()?, world.purse()?), (15, "later 7, plain 8".to_owned()));
    Ok(())
}

fn bought_credit_without_further_terms_is_plain_and_never_ends(make: Make<'_>) -> Checked {
    let world = World::new(make);
    let past = just_before(world.now());
    for (name, terms) in
        [("a", paid()), ("b", paid().starting_at(world.now())), ("c", paid().starting_at(past))]
    {
        let entry = world.fresh(|| world.credit(name, &terms, 5))?;
        ensure_eq!((entry.kind(), entry.operation()), (EntryKind::TopUp, Operation::Credit));
        ensure_eq!((entry.amount().minor(), entry.named().minor(), entry.grant()), (5, 5, None));
    }
    ensure_eq!(world.purse()?, "plain 15");
    world.clock.advance(Duration::from_secs(100 * 366 * 24 * 3_600));
    ensure_eq!((world.purse()?, world.spend_all("all")?), ("plain 15".to_owned(), 15));
    Ok(())
}

fn any_other_credit_is_a_grant_with_the_number_of_its_entry(make: Make<'_>) -> Checked {
    let world = World::funded(make, 100)?;
    let (start, end) = (world.in_seconds(60), world.in_seconds(3_600));
    for (index, (terms, kind)) in [
        (paid().with_priority(127), EntryKind::TopUp),
        (paid().with_priority(129), EntryKind::TopUp),
        (paid().ending_at(end), EntryKind::TopUp),
        (paid().with_label(label("Year")), EntryKind::TopUp),
        (paid().starting_at(start), EntryKind::TopUp),
        (promo(), EntryKind::Grant),
        (included(), EntryKind::Grant),
        (GrantTerms::courtesy(label("Finish it"), Period::day()), EntryKind::Grant),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("g{index}");
        let entry = world.fresh(|| world.credit(&name, &terms, 5))?;
        ensure_eq!((entry.kind(), entry.operation()), (kind, Operation::Credit), "{terms:?}");
        ensure_eq!(entry.grant(), Some(entry.seq()), "{terms:?}");
        ensure_eq!((entry.terms(), entry.named().minor()), (Some(&terms), 5));
        let grant = world.grant_of(&name)?;
        ensure_eq!((grant.id(), grant.key()), (entry.seq(), &key(&name)));
        ensure_eq!((grant.original().minor(), grant.remaining().minor()), (5, 5));
    }
    ensure_eq!((world.grants()?.len(), world.balance()?.plain().minor()), (8, 100));
    Ok(())
}

fn a_grant_says_on_what_terms_it_is(make: Make<'_>) -> Checked {
    let world = World::new(make);
    let (start, end) = (world.in_seconds(60), world.in_seconds(3_600));
    let terms = included().with_priority(7).starting_at(start).ending_at(end).with_label(label("Plan"));
    world.fresh(|| world.credit("a", &terms, 5))?;
    for started in [false, true] {
        let grant = world.grant_of("a")?;
        ensure_eq!((grant.kind(), grant.priority(), grant.has_started()), (GrantKind::Included, 7, started));
        ensure_eq!(grant.ends_at(), Some(end));
        ensure_eq!(grant.label(), Some(&label("Plan")));
        ensure!(started || grant.starts_at() == Some(start), "{grant:?}");
        world.clock.set(start);
    }
    world.fresh(|| world.hold("h", 2))?;
    let grant = world.grant_of("a")?;
    ensure_eq!((grant.remaining().minor(), grant.held().minor(), grant.original().minor()), (5, 2, 5));
    let hold = world.state_of("h")?;
    let draws: Vec<_> = hold.draws().iter().map(|draw| (draw.kind(), draw.label().cloned())).collect();
    ensure_eq!(draws, [(GrantKind::Included, Some(label("Plan")))]);
    Ok(())
}

fn a_start_that_has_come_is_no_start(make: Make<'_>) -> Checked {
    let world = World::new(make);
    let first = world.fresh(|| world.credit("a", &promo(), 5))?;
    for (name, start) in [("now", world.now()), ("past", just_before(world.now()))] {
        let entry = world.fresh(|| world.credit(name, &promo().starting_at(start), 5))?;
        // It is on equal terms with one that never had a start.
        ensure_eq!((entry.amount().minor(), entry.grant()), (5, first.grant()), "{name}");
    }
    let terms = included().starting_at(world.now());
    world.fresh(|| world.credit("b", &terms, 5))?;
    ensure_eq!(world.purse()?, "a 15, b 5, plain 0");
    ensure_eq!(world.grant_of("b")?.starts_at(), None);
    let soon = promo().starting_at(world.now().saturating_add(MICRO));
    ensure_eq!(world.fresh(|| world.credit("soon", &soon, 5))?.amount().minor(), 0);
    Ok(())
}

fn an_end_is_in_the_future(make: Make<'_>) -> Checked {
    let world = World::funded(make, 5)?;
    let now = world.now();
    for kind in [promo(), paid()] {
        for end in [now, just_before(now), crate::clock::Timestamp::from_micros(0)] {
            let terms = kind.clone().ending_at(end);
            let error = world.refused(|| world.credit("x", &terms, 5))?;
            ensure!(matches!(error, LedgerError::Invalid { .. }), "{error:?}");
            // Nor with a start before it.
            let terms = terms.starting_at(crate::clock::Timestamp::from_micros(-5));
            let error = world.refused(|| world.credit("x", &terms, 5))?;
            ensure!(matches!(error, LedgerError::Invalid { .. }), "{error:?}");
        }
    }
    let terms = promo().ending_at(now.saturating_add(MICRO));
    world.fresh(|| world.credit("x", &terms, 5))?;
    ensure_eq!(world.available()?, 10);
    world.clock.advance(MICRO);
    ensure_eq!(world.available()?, 5);
    Ok(())
}

fn an_end_is_after_the_start(make: Make<'_>) -> Checked {
    let world = World::funded(make, 5)?;
    let start = world.in_seconds(60);
    for end in [start, just_before(start)] {
        let terms = promo().starting_at(start).ending_at(end);
        let error = world.refused(|| world.credit("x", &terms, 5))?;
        ensure!(matches!(error, LedgerError::Invalid { .. }), "{error:?}");
    }
    let shortest = promo().starting_at(start).ending_at(start.saturating_add(MICRO));
    world.fresh(|| world.credit("x", &shortest, 5))?;
    // One that passed while nobody looked has started and ended all the same.
    world.pass(120);
    ensure_eq!((world.available()?, world.seq()?), (5, 4));
    ensure_eq!(world.latest(2)?, ["grant +5: x +5", "expiry -5: x -5"]);
    Ok(())
}

fn grants_on_equal_terms_merge(make: Make<'_>) -> Checked {
    let world = World::new(make);
    let (start, end) = (world.in_seconds(60), world.in_seconds(3_600));
    for (index, terms) in [
        promo(),
        included().with_priority(3),
        paid().ending_at(end),
        paid().with_label(label("Year")),
        promo().with_label(label("Spring")).ending_at(end).with_priority(9),
        promo().starting_at(start).with_label(label("Later")),
    ]
    .iter()
    .enumerate()
    {
        let (one, two) = (format!("one{index}"), format!("two{index}"));
        let first = world.fresh(|| world.credit(&one, terms, 10))?;
        let second = world.fresh(|| world.credit(&two, terms, 5))?;
        ensure_eq!(second.grant(), Some(first.seq()), "{terms:?}");
        ensure_eq!((second.key(), second.named().minor()), (&key(&two), 5));
        // Id and key stay those of the older one.
        let grant = world.grant_of(&one)?;
        ensure_eq!((grant.id(), grant.remaining().minor()), (first.seq(), 15), "{terms:?}");
        let moved = if terms.starts_at.is_some() { String::new() } else { format!("{one} +5") };
        ensure_eq!(world.moved(&second)?, moved);
    }
    ensure_eq!(world.grants()?.len(), 6);
    // What merged can be spent, and as one.
    world.fresh(|| world.charge("c", 75))?;
    ensure_eq!(world.purse()?, "one5 15 (later), plain 0");
    Ok(())
}

fn a_merged_grant_adds_up_what_is_left_and_what_was_granted(make: Make<'_>) -> Checked {
    let world = World::new(make);
    world.fresh(|| world.credit("a", &promo(), 10))?;
    world.fresh(|| world.charge("c", 3))?;
    world.fresh(|| world.hold("h", 7))?;
    // All of it is held: it is there all the same.
    world.fresh(|| world.credit("b", &promo(), 5))?;
    let grant = world.grant_of("a")?;
    ensure_eq!((grant.original().minor(), grant.remaining().minor(), grant.held().minor()), (15, 12, 7));
    world.short(|| world.hold("x", 6))?;
    world.fresh(|| world.hold("x", 5))?;
    Ok(())
}

fn grants_on_other_terms_do_not_merge(make: Make<'_>) -> Checked {
    let world = World::new(make);
    let end = world.in_seconds(3_600);
    let base = promo().with_label(label("One")).ending_at(end).with_priority(100);
    let without_end = promo().with_label(label("One")).with_priority(100);
    let without_label = promo().ending_at(end).with_priority(100);
    let others = [
        base.clone(),
        GrantTerms { kind: GrantKind::Included, ..base.clone() },
        GrantTerms { kind: GrantKind::Paid, ..base.clone() },
        base.clone().with_priority(101),
        base.clone().ending_at(end.saturating_add(MICRO)),
        without_end,
        base.clone().with_label(label("Two")),
        without_label,
        base.clone().starting_at(world.in_seconds(60)),
        base.clone().starting_at(world.in_seconds(61)),
    ];
    for (index, terms) in others.iter().enumerate() {
        let entry = world.fresh(|| world.credit(&format!("g{index}"), terms, 5))?;
        ensure_eq!(entry.grant(), Some(entry.seq()), "{terms:?}");
    }
    ensure_eq!(world.grants()?.len(), others.len());
    ensure!(world.grants()?.iter().all(|grant| grant.original().minor() == 5));
    Ok(())
}

fn credit_of_the_same_start_merges_before_it_starts(make: Make<'_>) -> Checked {
    let world = World::new(make);
    let terms = promo().starting_at(world.in_seconds(60));
    world.fresh(|| world.credit("a", &terms, 5))?;
    world.fresh(|| world.credit("b", &terms, 6))?;
    // What can be used now is not one with what cannot, and stays apart when that starts.
    world.fresh(|| world.credit("c", &promo(), 1))?;
    ensure_eq!(world.purse()?, "a 11 (later), c 1, plain 0");
    world.pass(60);
    ensure_eq!(world.purse()?, "a 11, c 1, plain 0");
    // One start for both.
    ensure_eq!(world.latest(1)?, ["grant +11: a +11"]);
    ensure_eq!(world.seq()?, 4);
    Ok(())
}

fn credit_that_has_started_merges_with_what_comes_after(make: Make<'_>) -> Checked {
    let world = World::new(make);
    let terms = promo().with_label(label("Spring"));
    world.fresh(|| world.credit("a", &terms.clone().starting_at(world.in_seconds(60)), 5))?;
    world.pass(60);
    // "Both have started", however they came to.
    world.fresh(|| world.credit("b", &terms, 6))?;
    ensure_eq!(world.purse()?, "a 11, plain 0");
    Ok(())
}

/// Whatever merges keeps its entry, its key and its amount: a payment can be found under the provider's key.
fn no_merged_posting_is_lost(make: Make<'_>) -> Checked {
    let world = World::new(make);
    let terms = paid().with_label(label("Year"));
    let first = world.fresh(|| world.credit("a", &terms, 5))?;
    let second = world.fresh(|| world.credit("b", &terms, 6))?;
    ensure_eq!(world.find_entry("a")?, Some(first.clone()));
    ensure_eq!(world.find_entry("b")?, Some(second.clone()));
    ensure_eq!(world.replayed(|| world.credit("b", &terms, 6))?, second);
    ensure_eq!(world.statement()?, [first, second]);
    ensure_eq!(world.purse()?, "a 11, plain 0");
    Ok(())
}
