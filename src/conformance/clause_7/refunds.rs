//! Where refunds go: back draw by draw, and what becomes of credit that has ended since.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::conformance::clause_7::draws::three_places;
use crate::conformance::failed::{Checked, ensure, ensure_eq};
use crate::conformance::world::credit::{included, label, paid, promo};
use crate::conformance::world::spend::DAY;
use crate::conformance::world::{MICRO, Make, World, just_before, key, the_charge, the_hold};
use crate::conformance::{Check, clause};
use crate::entry::{EntryKind, Operation};
use crate::error::LedgerError;
use crate::grant::{GrantKind, GrantTerms};
use crate::ledger::request::EndedCredit;
use crate::limits::Limits;
use crate::period::Period;

pub(crate) const CHECKS: &[Check] = clause! { 7:
    refunds_go_back_the_last_drawn_first
    refunds_of_a_hold_go_back_draw_by_draw
    refunds_of_an_open_hold_take_only_what_was_used
    plain_credit_and_debt_go_back_to_plain_credit
    a_grant_that_has_not_ended_gets_its_part_back
    a_grant_that_was_used_up_is_there_again
    what_later_refunds_add_does_not_change_what_was_granted
    a_grant_that_was_used_up_merges_as_new_credit_would
    bought_credit_that_has_ended_is_revived_for_30_days
    revived_credit_keeps_its_id_and_place
    a_second_refund_finds_revived_credit_as_it_is
    revived_credit_that_was_used_up_is_there_again_until_its_new_end
    an_older_charge_gives_back_on_the_terms_it_was_drawn_on
    bought_credit_that_ended_with_a_hold_on_it_is_one_when_revived
    given_credit_that_has_ended_is_booked_and_expires_at_once
    a_refund_can_say_for_how_long_ended_credit_revives
    a_refund_can_say_that_ended_credit_expires
    what_a_refund_says_of_ended_credit_is_for_ended_credit_only
    a_refund_over_credit_of_each_state_goes_to_each
};

fn refunds_go_back_the_last_drawn_first(make: Make<'_>) -> Checked {
    let world = three_places(make)?;
    world.fresh(|| world.charge("c", 10))?;
    for (name, minor, moved, draws) in [
        ("r1", 4, "plain +4", "a 3 used, b 2 used, plain 5 used 4 refunded"),
        ("r2", 2, "b +1, plain +1", "a 3 used, b 2 used 1 refunded, plain 5 used 5 refunded"),
        ("r3", 3, "a +2, b +1", "a 3 used 2 refunded, b 2 used 2 refunded, plain 5 used 5 refunded"),
        ("r4", 1, "a +1", "a 3 used 3 refunded, b 2 used 2 refunded, plain 5 used 5 refunded"),
    ] {
        let entry = world.fresh(|| world.refund_charge(name, "c", minor))?;
        ensure_eq!((entry.kind(), entry.amount().minor()), (EntryKind::Refund, minor), "{name}");
        ensure_eq!(world.moved(&entry)?, moved, "{name}");
        ensure_eq!(world.draws_of_charge("c")?, draws, "{name}");
    }
    ensure_eq!(world.purse()?, "a 3, b 2, plain 10");
    let error = world.refused(|| world.refund_charge("r5", "c", 1))?;
    ensure!(matches!(error, LedgerError::RefundTooLarge { .. }), "{error:?}");
    Ok(())
}

fn refunds_of_a_hold_go_back_draw_by_draw(make: Make<'_>) -> Checked {
    let world = World::funded(make, 5)?;
    world.fresh(|| world.hold("h", 4))?;
    world.credit("a", &promo().with_priority(1), 3)?;
    // Its own draw, then anew: the last drawn is plain credit's only in part.
    world.fresh(|| world.capture("h", 8))?;
    ensure_eq!(world.draws_of("h")?, "plain 5 used, a 3 used");
    let entry = world.fresh(|| world.refund_hold("r1", "h", 2))?;
    ensure_eq!(world.moved(&entry)?, "a +2");
    let entry = world.fresh(|| world.refund_hold("r2", "h", 4))?;
    ensure_eq!(world.moved(&entry)?, "a +1, plain +3");
    ensure_eq!(world.draws_of("h")?, "plain 5 used 3 refunded, a 3 used 3 refunded");
    Ok(())
}

fn refunds_of_an_open_hold_take_only_what_was_used(make: Make<'_>) -> Checked {
    let world = three_places(make)?;
    world.fresh(|| world.hold("h", 9))?;
    world.fresh(|| world.partial("h", 4))?;
    let entry = world.fresh(|| world.refund_hold("r1", "h", 2))?;
    ensure_eq!(world.moved(&entry)?, "a +1, b +1");
    ensure_eq!(
        world.draws_of("h")?,
        "a 3 used 1 refunded, b 1 held 1 used 1 refunded, plain 4 held",
        "what is held stays held"
    );
    // What was refunded can be refunded again once it was used again, and not before.
    world.fresh(|| world.partial("h", 6))?;
    ensure_eq!(world.draws_of("h")?, "a 3 used 1 refunded, b 2 used 1 refunded, plain 3 held 1 used");
    let entry = world.fresh(|| world.refund_hold("r2", "h", 4))?;
    ensure_eq!(world.moved(&entry)?, "a +2, b +1, plain +1");
    Ok(())
}

fn plain_credit_and_debt_go_back_to_plain_credit(make: Make<'_>) -> Checked {
    let world = World::funded(make, 5)?;
    world.credit("a", &promo(), 2)?;
    let request = world.charge_request("c", 10).with_debt_limit(world.amount(3));
    world.fresh(|| world.post_with(request))?;
    ensure_eq!(world.purse()?, "plain -3");
    // The debt is paid, and what is more is plain credit, before the grant gets anything.
    let entry = world.fresh(|| world.refund_charge("r1", "c", 8))?;
    ensure_eq!((world.moved(&entry)?, world.purse()?), ("plain +8".to_owned(), "plain 5".to_owned()));
    let entry = world.fresh(|| world.refund_charge("r2", "c", 2))?;
    ensure_eq!((world.moved(&entry)?, world.purse()?), ("a +2".to_owned(), "a 2, plain 5".to_owned()));
    Ok(())
}

fn a_grant_that_has_not_ended_gets_its_part_back(make: Make<'_>) -> Checked {
    let world = World::new(make);
    let end = world.in_seconds(60);
    world.credit("a", &promo().ending_at(end), 10)?;
    world.fresh(|| world.charge("c", 6))?;
    world.clock.set(just_before(end));
    world.fresh(|| world.refund_charge("r", "c", 5))?;
    let grant = world.grant_of("a")?;
    ensure_eq!((grant.remaining().minor(), grant.original().minor(), grant.ends_at()), (9, 10, Some(end)));
    world.clock.advance(MICRO);
    ensure_eq!(
        (world.purse()?, world.latest(1)?),
        ("plain 0".to_owned(), vec!["expiry -9: a -9".to_owned()])
    );
    Ok(())
}

fn a_grant_that_was_used_up_is_there_again(make: Make<'_>) -> Checked {
    let world = World::new(make);
    let end = world.in_seconds(600);
    for (name, terms) in [
        ("a", promo().with_priority(9).ending_at(end).with_label(label("Spring"))),
        ("b", paid().ending_at(end).with_label(label("Year"))),
        ("c", included().with_label(label("Plan"))),
    ] {
        let booked = world.fresh(|| world.credit(name, &terms, 10))?;
        let charge = format!("charge of {name}");
        world.fresh(|| world.charge(&charge, 10))?;
        ensure_eq!(world.purse()?, "plain 0");
        world.pass(60);
        let entry = world.fresh(|| world.refund_charge(&format!("refund of {name}"), &charge, 4))?;
        ensure_eq!(world.moved(&entry)?, format!("{name} +4"));
        let grant = world.grant_of(name)?;
        ensure_eq!((grant.id(), grant.kind(), grant.priority()), (booked.seq(), terms.kind, terms.priority));
        ensure_eq!((grant.ends_at(), grant.label()), (terms.ends_at, terms.label.as_ref()));
        // What came back is what it had in the first place.
        ensure_eq!((grant.original().minor(), grant.remaining().minor()), (4, 4));
        ensure!(grant.has_started(), "{grant:?}");
        world.fresh(|| world.charge(&format!("rest of {name}"), 4))?;
    }
    Ok(())
}

fn what_later_refunds_add_does_not_change_what_was_granted(make: Make<'_>) -> Checked {
    let world = World::new(make);
    world.credit("a", &promo(), 10)?;
    world.fresh(|| world.charge("c", 10))?;
    for (name, minor, remaining) in [("r1", 4, 4), ("r2", 3, 7), ("r3", 3, 10)] {
        world.fresh(|| world.refund_charge(name, "c", minor))?;
        let grant = world.grant_of("a")?;
        ensure_eq!((grant.remaining().minor(), grant.original().minor()), (remaining, 4), "{name}");
    }
    Ok(())
}

fn a_grant_that_was_used_up_merges_as_new_credit_would(make: Make<'_>) -> Checked {
    let world = World::new(make);
    let terms = promo().ending_at(world.in_seconds(600));
    world.credit("a", &terms, 10)?;
    world.fresh(|| world.charge("c", 10))?;
    // What is used up is no longer there, so this is a grant of its own.
    let entry = world.fresh(|| world.credit("b", &terms, 5))?;
    ensure_eq!(entry.grant(), Some(entry.seq()));
    let entry = world.fresh(|| world.refund_charge("r", "c", 4))?;
    ensure_eq!((world.moved(&entry)?, world.purse()?), ("b +4".to_owned(), "b 9, plain 0".to_owned()));
    ensure_eq!(world.grant_of("b")?.original().minor(), 9, "amounts add up");
    // On other terms it is there beside the other.
    let world = World::new(make);
    world.credit("a", &terms, 10)?;
    world.fresh(|| world.charge("c", 10))?;
    world.fresh(|| world.credit("b", &promo(), 5))?;
    world.fresh(|| world.refund_charge("r", "c", 4))?;
    ensure_eq!(world.purse()?, "a 4, b 5, plain 0");
    Ok(())
}

/// Paid credit `a` of 10 that ended a minute after all of it was charged as `c`, an hour ago.
#[track_caller]
fn bought_and_ended(make: Make<'_>) -> Checked<World> {
    let world = World::funded(make, 3)?;
    let terms = paid().ending_at(world.in_seconds(60)).with_label(label("Week"));
    world.credit("a", &terms, 10)?;
    world.charge("c", 10)?;
    ensure_eq!(world.purse()?, "plain 3");
    world.pass(3_660);
    Ok(world)
}

fn bought_credit_that_has_ended_is_revived_for_30_days(make: Make<'_>) -> Checked {
    let world = bought_and_ended(make)?;
    let entry = world.fresh(|| world.refund_charge("r", "c", 4))?;
    ensure_eq!((world.moved(&entry)?, world.purse()?), ("a +4".to_owned(), "a 4, plain 3".to_owned()));
    let until = world.now().saturating_add(Limits::REVIVAL);
    ensure_eq!(Limits::REVIVAL, DAY * 30);
    let grant = world.grant_of("a")?;
    ensure_eq!((grant.ends_at(), grant.original().minor()), (Some(until), 4));
    world.clock.set(just_before(until));
    ensure_eq!(world.spend_all("all")?, 7);
    world.fresh(|| world.void("all"))?;
    world.clock.set(until);
    ensure_eq!(
        (world.purse()?, world.latest(1)?),
        ("plain 3".to_owned(), vec!["expiry -4: a -4".to_owned()])
    );
    ensure_eq!(world.last_entry()?.effective_at(), until);
    Ok(())
}

fn revived_credit_keeps_its_id_and_place(make: Make<'_>) -> Checked {
    let world = World::funded(make, 3)?;
    let terms = paid().ending_at(world.in_seconds(60)).with_label(label("Week")).with_priority(9);
    let booked = world.fresh(|| world.credit("a", &terms, 10))?;
    world.fresh(|| world.charge("c", 10))?;
    world.pass(60);
    world.fresh(|| world.refund_charge("r", "c", 4))?;
    let grant = world.grant_of("a")?;
    ensure_eq!((grant.id(), grant.key(), grant.kind()), (booked.seq(), &key("a"), GrantKind::Paid));
    ensure_eq!((grant.priority(), grant.label()), (9, Some(&label("Week"))));
    ensure!(grant.has_started(), "{grant:?}");
    world.fresh(|| world.charge("d", 5))?;
    ensure_eq!(world.draws_of_charge("d")?, "a 4 used, plain 1 used");
    Ok(())
}

fn a_second_refund_finds_revived_credit_as_it_is(make: Make<'_>) -> Checked {
    let world = bought_and_ended(make)?;
    world.fresh(|| world.refund_charge("r1", "c", 4))?;
    let until = world.now().saturating_add(DAY * 30);
    world.clock.advance(DAY * 10);
    // Revived, it has not ended: it gets its part back, and ends when it was to end.
    world.fresh(|| world.refund_charge("r2", "c", 3))?;
    let grant = world.grant_of("a")?;
    ensure_eq!((grant.ends_at(), grant.remaining().minor()), (Some(until), 7));
    world.clock.set(until);
    ensure_eq!(world.purse()?, "plain 3");
    // Ended again, it revives again.
    world.fresh(|| world.refund_charge("r3", "c", 2))?;
    ensure_eq!(world.grant_of("a")?.ends_at(), Some(until.saturating_add(DAY * 30)));
    ensure_eq!(world.purse()?, "a 2, plain 3");
    Ok(())
}

/// Revived, used up by `d`, and it is ten days later.
#[track_caller]
fn revived_and_used_up(make: Make<'_>) -> Checked<(World, Timestamp)> {
    let world = bought_and_ended(make)?;
    world.fresh(|| world.refund_charge("r1", "c", 4))?;
    let until = world.now().saturating_add(DAY * 30);
    world.fresh(|| world.charge("d", 4))?;
    ensure_eq!((world.draws_of_charge("d")?, world.purse()?), ("a 4 used".to_owned(), "plain 3".to_owned()));
    world.clock.advance(DAY * 10);
    Ok((world, until))
}

fn revived_credit_that_was_used_up_is_there_again_until_its_new_end(make: Make<'_>) -> Checked {
    let (world, until) = revived_and_used_up(make)?;
    world.fresh(|| world.refund_charge("r2", "d", 2))?;
    ensure_eq!((world.purse()?, world.grant_of("a")?.ends_at()), ("a 2, plain 3".to_owned(), Some(until)));
    Ok(())
}

/// That charge drew on the grant when it had its first end, and nothing of it is there to tell of a later one.
fn an_older_charge_gives_back_on_the_terms_it_was_drawn_on(make: Make<'_>) -> Checked {
    let (world, _) = revived_and_used_up(make)?;
    world.fresh(|| world.refund_charge("r2", "c", 2))?;
    let until = world.now().saturating_add(DAY * 30);
    ensure_eq!((world.purse()?, world.grant_of("a")?.ends_at()), ("a 2, plain 3".to_owned(), Some(until)));
    Ok(())
}

fn bought_credit_that_ended_with_a_hold_on_it_is_one_when_revived(make: Make<'_>) -> Checked {
    let world = World::new(make);
    world.credit("a", &paid().ending_at(world.in_seconds(60)), 10)?;
    world.fresh(|| world.charge("c", 6))?;
    world.fresh(|| world.hold_with(world.long_hold("h", 4)))?;
    world.pass(60);
    ensure_eq!(world.purse()?, "a 4 (4 held), plain 0");
    let entry = world.fresh(|| world.refund_charge("r", "c", 6))?;
    ensure_eq!((world.moved(&entry)?, world.grants()?.len()), ("a +6".to_owned(), 1));
    ensure_eq!(world.purse()?, "a 10 (4 held), plain 0");
    // What comes free of it now is free until its new end.
    let until = world.now().saturating_add(DAY * 30);
    world.fresh(|| world.void("h"))?;
    ensure_eq!(world.purse()?, "a 10, plain 0");
    world.clock.set(until);
    ensure_eq!(world.latest(1)?, ["expiry -10: a -10"]);
    Ok(())
}

/// The two latest entries are the refund and the expiry of it, as of when the credit ended.
#[track_caller]
fn booked_and_expired(world: &World, name: &str, minor: i64, seconds: u64) -> Checked {
    ensure_eq!(
        world.latest(2)?,
        [format!("refund +{minor}: {name} +{minor}"), format!("expiry -{minor}: {name} -{minor}")]
    );
    let entry = world.last_entry()?;
    ensure_eq!((entry.operation(), entry.key()), (Operation::Time, &key(name)));
    ensure_eq!((entry.booked_at(), entry.seq()), (world.now(), world.seq()?));
    let ended = world.start_of_day(0).saturating_add(Duration::from_secs(seconds));
    ensure_eq!(entry.effective_at(), ended, "as of its end");
    Ok(())
}

fn given_credit_that_has_ended_is_booked_and_expires_at_once(make: Make<'_>) -> Checked {
    for terms in [promo(), included(), GrantTerms::courtesy(label("Finish it"), Period::day())] {
        let world = World::funded(make, 3)?;
        world.credit("a", &terms.ending_at(world.in_seconds(60)), 10)?;
        world.fresh(|| world.charge("c", 10))?;
        world.pass(3_600);
        let applied = world.fresh_then(1, || world.refund_charge("r", "c", 4))?;
        ensure_eq!(applied.value().amount().minor(), 4);
        booked_and_expired(&world, "a", 4, 60)?;
        ensure_eq!((world.purse()?, world.available()?), ("plain 3".to_owned(), 3));
        // It was refunded, whatever became of it.
        ensure_eq!(world.entry_of("c")?.refunded().minor(), 4);
        world.fresh_then(1, || world.refund_charge("s", "c", 6))?;
        let error = world.refused(|| world.refund_charge("t", "c", 1))?;
        ensure!(matches!(error, LedgerError::RefundTooLarge { .. }), "{error:?}");
    }
    Ok(())
}

fn a_refund_can_say_for_how_long_ended_credit_revives(make: Make<'_>) -> Checked {
    for (terms, days) in [(promo(), 7), (included(), 31), (paid(), 2)] {
        let world = World::new(make);
        world.credit("a", &terms.ending_at(world.in_seconds(60)), 10)?;
        world.fresh(|| world.charge("c", 10))?;
        world.pass(3_600);
        let revive = EndedCredit::Revive(DAY * days);
        world.fresh(|| world.refund_with("r", the_charge("c"), 4, revive))?;
        let until = world.now().saturating_add(DAY * days);
        ensure_eq!(world.grant_of("a")?.ends_at(), Some(until));
        ensure_eq!(world.purse()?, "a 4, plain 0");
        world.clock.set(just_before(until));
        ensure_eq!(world.available()?, 4);
        world.clock.set(until);
        ensure_eq!(world.latest(1)?, ["expiry -4: a -4"]);
    }
    Ok(())
}

fn a_refund_can_say_that_ended_credit_expires(make: Make<'_>) -> Checked {
    let world = bought_and_ended(make)?;
    world.fresh_then(1, || world.refund_with("r", the_charge("c"), 4, EndedCredit::Expire))?;
    booked_and_expired(&world, "a", 4, 60)?;
    ensure_eq!(world.purse()?, "plain 3");
    // The next one can say otherwise.
    world.fresh(|| world.refund_charge("s", "c", 6))?;
    ensure_eq!(world.purse()?, "a 6, plain 3");
    Ok(())
}

fn what_a_refund_says_of_ended_credit_is_for_ended_credit_only(make: Make<'_>) -> Checked {
    for ended in [EndedCredit::Expire, EndedCredit::Revive(DAY), EndedCredit::ByKind] {
        let world = World::funded(make, 2)?;
        let end = world.in_seconds(600);
        world.credit("a", &promo().ending_at(end), 3)?;
        world.fresh(|| world.charge("c", 5))?;
        let entry = world.fresh(|| world.refund_with("r", the_charge("c"), 5, ended))?;
        ensure_eq!(world.moved(&entry)?, "a +3, plain +2", "{ended:?}");
        ensure_eq!(world.grant_of("a")?.ends_at(), Some(end), "{ended:?}");
        ensure_eq!(world.purse()?, "a 3, plain 2", "{ended:?}");
    }
    Ok(())
}

fn a_refund_over_credit_of_each_state_goes_to_each(make: Make<'_>) -> Checked {
    let world = World::funded(make, 4)?;
    world.credit("given", &promo().ending_at(world.in_seconds(60)), 1)?;
    world.credit("bought", &paid().ending_at(world.in_seconds(120)), 2)?;
    world.credit("lasting", &promo(), 3)?;
    world.fresh(|| world.hold("h", 10))?;
    ensure_eq!(world.draws_of("h")?, "given 1 held, bought 2 held, lasting 3 held, plain 4 held");
    world.fresh(|| world.capture("h", 10))?;
    world.pass(3_600);
    // One entry, and the expiry of what was given and has ended.
    world.fresh_then(1, || world.refund_with("r", the_hold("h"), 10, EndedCredit::ByKind))?;
    ensure_eq!(
        world.latest(2)?,
        ["refund +10: given +1, bought +2, lasting +3, plain +4", "expiry -1: given -1"]
    );
    ensure_eq!(world.purse()?, "bought 2, lasting 3, plain 4");
    ensure_eq!(world.grant_of("bought")?.ends_at(), Some(world.now().saturating_add(DAY * 30)));
    Ok(())
}
