//! Credit that starts and credit that ends: to the microsecond, as changes of the account's own.

use std::time::Duration;

use crate::conformance::failed::{Checked, ensure, ensure_eq};
use crate::conformance::world::credit::{included, label, paid, promo};
use crate::conformance::world::{Make, World, just_before, key};
use crate::conformance::{Check, clause};
use crate::entry::{EntryKind, Operation};
use crate::hold::HoldStatus;
use crate::ledger::future;
use crate::ledger::reply::Found;
use crate::ledger::request::FindRequest;

pub(crate) const CHECKS: &[Check] = clause! { 7:
    credit_that_starts_later_is_in_no_balance
    credit_starts_to_the_microsecond_as_a_change_of_its_own
    a_start_is_seen_by_whatever_comes_first
    credit_ends_to_the_microsecond_as_a_change_of_its_own
    an_end_is_seen_by_whatever_comes_first
    an_end_takes_only_what_is_free
    what_is_used_up_ends_without_a_trace
    what_was_booked_is_found_after_its_start_and_its_end
    starts_and_ends_are_found_under_no_key
    what_holds_drew_on_ended_credit_stays_usable
    a_capture_that_frees_ended_credit_expires_the_rest_at_once
    a_void_of_ended_credit_expires_it_at_once
    a_release_of_ended_credit_expires_it_at_once
    a_resize_that_frees_ended_credit_expires_it_at_once
    what_several_ended_grants_get_back_expires_at_once
    new_work_never_draws_on_ended_credit
};

/// A way to decide or read, when it is the first that happens after a start or an end.
type Look = fn(&World) -> Checked;

const LOOKS: [Look; 8] = [
    |world| world.balance().map(drop),
    |world| world.statement().map(drop),
    |world| Ok(world.holds(world.holds_request()).map(drop)?),
    |world| Ok(world.counters(world.counters_request()).map(drop)?),
    |world| world.spend_all("look").map(drop),
    |world| Ok(world.charge("look", 1).map(drop)?),
    |world| Ok(world.top_up("look", 1).map(drop)?),
    |world| world.sweep().map(drop),
];

fn credit_that_starts_later_is_in_no_balance(make: Make<'_>) -> Checked {
    let world = World::funded(make, 3)?;
    let terms = promo().with_priority(1).starting_at(world.in_seconds(60));
    let entry = world.fresh(|| world.credit("a", &terms, 10))?;
    ensure_eq!((entry.amount().minor(), entry.named().minor()), (0, 10));
    ensure_eq!((entry.balance_after().minor(), world.moved(&entry)?), (3, String::new()));
    ensure_eq!((world.posted()?, world.available()?), (3, 3));
    let grant = world.grant_of("a")?;
    ensure!(!grant.has_started(), "{grant:?}");
    ensure_eq!((grant.remaining().minor(), grant.held().minor()), (10, 0));
    world.short(|| world.hold("x", 4))?;
    world.short(|| world.charge("x", 4))?;
    world.fresh(|| world.charge("x", 3))?;
    ensure_eq!(world.draws_of_charge("x")?, "plain 3 used");
    Ok(())
}

fn credit_starts_to_the_microsecond_as_a_change_of_its_own(make: Make<'_>) -> Checked {
    for (terms, kind) in [
        (promo(), EntryKind::Grant),
        (included().with_label(label("Plan")), EntryKind::Grant),
        (paid(), EntryKind::TopUp),
    ] {
        let world = World::funded(make, 3)?;
        let start = world.in_seconds(60);
        let booked = world.fresh(|| world.credit("a", &terms.starting_at(start), 10))?;
        ensure_eq!(booked.kind(), kind);
        world.clock.set(just_before(start));
        ensure_eq!((world.posted()?, world.seq()?, world.statement()?.len()), (3, 2, 2));
        world.clock.set(start);
        ensure_eq!((world.posted()?, world.seq()?, world.statement()?.len()), (13, 3, 3));
        let entry = world.last_entry()?;
        ensure_eq!((entry.kind(), entry.operation(), entry.seq()), (kind, Operation::Time, 3));
        ensure_eq!((entry.amount().minor(), entry.balance_after().minor()), (10, 13));
        ensure_eq!((entry.effective_at(), entry.booked_at()), (start, start));
        ensure_eq!((entry.key(), entry.grant()), (&key("a"), Some(booked.seq())));
        ensure_eq!(world.moved(&entry)?, "a +10");
        ensure_eq!(entry.terms().map(|terms| terms.kind), booked.terms().map(|terms| terms.kind));
        ensure!(world.grant_of("a")?.has_started());
        // Once.
        world.pass(1_000_000);
        ensure_eq!((world.posted()?, world.seq()?), (13, 3));
        world.check_sums()?;
    }
    Ok(())
}

fn a_start_is_seen_by_whatever_comes_first(make: Make<'_>) -> Checked {
    for (index, look) in LOOKS.iter().enumerate() {
        let world = World::new(make);
        let start = world.in_seconds(60);
        world.credit("a", &promo().starting_at(start), 10)?;
        world.clock.set(start);
        world.pass(5);
        look(&world)?;
        let entries = world.statement()?;
        let began = entries.iter().find(|entry| entry.operation() == Operation::Time);
        ensure_eq!(began.map(|entry| (entry.seq(), entry.effective_at())), Some((2, start)), "{index}");
    }
    // It is there for the first decision that comes.
    let world = World::new(make);
    world.credit("a", &promo().starting_at(world.in_seconds(60)), 10)?;
    world.pass(60);
    let applied = world.charge("c", 10)?;
    ensure_eq!((applied.seq(), applied.available_before().minor()), (3, 10));
    let world = World::new(make);
    world.credit("a", &promo().starting_at(world.in_seconds(60)), 10)?;
    world.hold("h", 0)?;
    world.pass(60);
    ensure_eq!(world.resize_now("h", 10)?.available_after().minor(), 0);
    let captured = world.capture("h", 10)?;
    ensure_eq!(captured.value().charged().minor(), 10);
    Ok(())
}

fn credit_ends_to_the_microsecond_as_a_change_of_its_own(make: Make<'_>) -> Checked {
    for terms in [promo(), included().with_label(label("Plan")), paid().with_priority(3)] {
        let world = World::funded(make, 3)?;
        let end = world.in_seconds(60);
        let booked = world.fresh(|| world.credit("a", &terms.ending_at(end), 10))?;
        world.clock.set(just_before(end));
        ensure_eq!((world.posted()?, world.seq()?, world.statement()?.len()), (13, 2, 2));
        world.clock.set(end);
        ensure_eq!((world.posted()?, world.seq()?, world.statement()?.len()), (3, 3, 3));
        let entry = world.last_entry()?;
        ensure_eq!((entry.kind(), entry.operation(), entry.seq()), (EntryKind::Expiry, Operation::Time, 3));
        ensure_eq!((entry.amount().minor(), entry.balance_after().minor()), (-10, 3));
        ensure_eq!((entry.effective_at(), entry.booked_at()), (end, end));
        ensure_eq!((entry.key(), entry.grant()), (&key("a"), Some(booked.seq())));
        ensure_eq!(world.moved(&entry)?, "a -10");
        ensure_eq!(entry.terms().map(|terms| terms.kind), booked.terms().map(|terms| terms.kind));
        ensure_eq!(world.purse()?, "plain 3");
        // Once.
        world.pass(1_000_000);
        ensure_eq!((world.posted()?, world.seq()?), (3, 3));
        world.check_sums()?;
    }
    Ok(())
}

fn an_end_is_seen_by_whatever_comes_first(make: Make<'_>) -> Checked {
    for (index, look) in LOOKS.iter().enumerate() {
        let world = World::funded(make, 3)?;
        let end = world.in_seconds(60);
        world.credit("a", &promo().ending_at(end), 10)?;
        world.clock.set(end);
        world.pass(5);
        look(&world)?;
        let entries = world.statement()?;
        let ended = entries.iter().find(|entry| entry.kind() == EntryKind::Expiry);
        ensure_eq!(ended.map(|entry| (entry.seq(), entry.effective_at())), Some((3, end)), "{index}");
    }
    // No decision counts on what has ended.
    let decide: [fn(&World) -> Checked; 4] = [
        |world| world.short(|| world.charge("x", 4)).map(drop),
        |world| world.short(|| world.hold("x", 4)).map(drop),
        |world| world.short(|| world.resize_now("h", 4)).map(drop),
        |world| {
            let captured = world.capture("h", 9)?;
            ensure_eq!(captured.value().charged().minor(), 3);
            Ok(())
        },
    ];
    for decide in decide {
        let world = World::funded(make, 3)?;
        world.hold_with(world.long_hold("h", 0))?;
        world.credit("a", &promo().ending_at(world.in_seconds(60)), 10)?;
        world.pass(60);
        decide(&world)?;
    }
    Ok(())
}

fn an_end_takes_only_what_is_free(make: Make<'_>) -> Checked {
    let world = World::funded(make, 3)?;
    world.credit("a", &promo().ending_at(world.in_seconds(60)), 10)?;
    world.fresh(|| world.charge("c", 1))?;
    world.fresh(|| world.hold_with(world.long_hold("h", 4)))?;
    world.pass(60);
    ensure_eq!(world.latest(1)?, ["expiry -5: a -5"]);
    ensure_eq!(world.purse()?, "a 4 (4 held), plain 3");
    ensure_eq!((world.posted()?, world.held()?, world.available()?), (7, 4, 3));
    world.check_sums()?;
    Ok(())
}

fn what_is_used_up_ends_without_a_trace(make: Make<'_>) -> Checked {
    let world = World::funded(make, 3)?;
    world.credit("a", &promo().ending_at(world.in_seconds(60)), 10)?;
    world.fresh(|| world.charge("c", 10))?;
    let before = world.picture()?;
    world.pass(60);
    ensure_eq!((world.picture()?, world.sweep()?.booked()), (before, 0));
    Ok(())
}

fn what_was_booked_is_found_after_its_start_and_its_end(make: Make<'_>) -> Checked {
    let world = World::new(make);
    let terms = promo().starting_at(world.in_seconds(60)).ending_at(world.in_seconds(120));
    let booked = world.fresh(|| world.credit("a", &terms, 10))?;
    for count in [2, 3, 3] {
        world.pass(60);
        ensure_eq!(world.find_entry("a")?, Some(booked.clone()));
        ensure_eq!(world.statement()?.len(), count);
    }
    Ok(())
}

/// Their entries have the key of the grant, which is not the key of anything that was asked for by it.
fn starts_and_ends_are_found_under_no_key(make: Make<'_>) -> Checked {
    let world = World::new(make);
    let terms = promo().starting_at(world.in_seconds(60)).ending_at(world.in_seconds(120));
    world.fresh(|| world.credit("a", &terms, 10))?;
    for _ in 0..3 {
        world.pass(60);
        let mut request = FindRequest::credit(world.account.clone(), key("a"));
        request.operation = Operation::Time;
        ensure_eq!(future::wait(world.ledger.find(request))?, Found::NotApplied);
    }
    Ok(())
}

fn what_holds_drew_on_ended_credit_stays_usable(make: Make<'_>) -> Checked {
    let world = World::new(make);
    world.credit("a", &promo().ending_at(world.in_seconds(60)), 10)?;
    world.fresh(|| world.hold_with(world.long_hold("h", 10)))?;
    world.pass(3_600);
    ensure_eq!(world.purse()?, "a 10 (10 held), plain 0");
    world.fresh(|| world.partial("h", 4))?;
    ensure_eq!(world.latest(1)?, ["charge -4: a -4"]);
    world.pass(3_600);
    let captured = world.fresh(|| world.capture("h", 10))?;
    ensure_eq!((captured.charged().minor(), captured.uncollected().minor()), (6, 0));
    ensure_eq!((world.draws_of("h")?, world.purse()?), ("a 10 used".to_owned(), "plain 0".to_owned()));
    Ok(())
}

/// Credit that ended a minute ago with 6 of it on a hold, and 3 of plain credit.
#[track_caller]
fn ended_and_held(make: Make<'_>) -> Checked<World> {
    let world = World::new(make);
    world.credit("a", &promo().ending_at(world.in_seconds(60)), 10)?;
    world.hold_with(world.long_hold("h", 6))?;
    world.pass(60);
    ensure_eq!(world.latest(1)?, ["expiry -4: a -4"]);
    world.top_up("paid in", 3)?;
    world.pass(60);
    Ok(world)
}

/// The latest entry books what came free of `a`, as of its end.
#[track_caller]
fn expired_at_once(world: &World, minor: i64) -> Checked {
    let entry = world.last_entry()?;
    ensure_eq!((entry.kind(), entry.operation()), (EntryKind::Expiry, Operation::Time));
    ensure_eq!((entry.amount().minor(), world.moved(&entry)?), (-minor, format!("a -{minor}")));
    let ended = world.start_of_day(0).saturating_add(Duration::from_secs(60));
    ensure_eq!((entry.effective_at(), entry.key()), (ended, &key("a")));
    ensure_eq!((entry.booked_at(), entry.seq()), (world.now(), world.seq()?));
    Ok(())
}

fn a_capture_that_frees_ended_credit_expires_the_rest_at_once(make: Make<'_>) -> Checked {
    let world = ended_and_held(make)?;
    let applied = world.fresh_then(1, || world.capture("h", 2))?;
    ensure_eq!((applied.value().charged().minor(), applied.value().freed().minor()), (2, 4));
    ensure_eq!(world.latest(2)?, ["charge -2: a -2", "expiry -4: a -4"]);
    expired_at_once(&world, 4)?;
    ensure_eq!(world.purse()?, "plain 3");
    // A capture of nothing is no entry; what it frees is.
    let world = ended_and_held(make)?;
    world.fresh_then(1, || world.capture("h", 0))?;
    expired_at_once(&world, 6)?;
    Ok(())
}

fn a_void_of_ended_credit_expires_it_at_once(make: Make<'_>) -> Checked {
    let world = ended_and_held(make)?;
    world.fresh_then(1, || world.void("h"))?;
    expired_at_once(&world, 6)?;
    ensure_eq!((world.purse()?, world.available()?), ("plain 3".to_owned(), 3));
    Ok(())
}

fn a_release_of_ended_credit_expires_it_at_once(make: Make<'_>) -> Checked {
    let world = ended_and_held(make)?;
    let hold = world.state_of("h")?;
    let seq = world.seq()?;
    world.clock.set(hold.release_at());
    // A release, and right after it the expiry.
    ensure_eq!(world.seq()?, seq + 2);
    expired_at_once(&world, 6)?;
    ensure_eq!(world.state_of("h")?.status(), HoldStatus::Expired);
    ensure_eq!((world.purse()?, world.available()?), ("plain 3".to_owned(), 3));
    // No decision comes between the two.
    let world = ended_and_held(make)?;
    world.clock.set(hold.release_at());
    ensure_eq!(world.spend_all("all")?, 3);
    world.check_sums()?;
    Ok(())
}

fn a_resize_that_frees_ended_credit_expires_it_at_once(make: Make<'_>) -> Checked {
    let world = ended_and_held(make)?;
    world.fresh_then(1, || world.resize_now("h", 5))?;
    expired_at_once(&world, 1)?;
    ensure_eq!(world.purse()?, "a 5 (5 held), plain 3");
    // Growth cannot come from there any more; shrinking again gives back the last drawn first.
    world.fresh(|| world.resize_now("h", 7))?;
    ensure_eq!(world.draws_of("h")?, "a 5 held, plain 2 held");
    world.fresh(|| world.resize_now("h", 5))?;
    world.fresh_then(1, || world.resize_now("h", 1))?;
    expired_at_once(&world, 4)?;
    Ok(())
}

fn what_several_ended_grants_get_back_expires_at_once(make: Make<'_>) -> Checked {
    let world = World::new(make);
    world.credit("a", &promo().ending_at(world.in_seconds(60)), 3)?;
    world.credit("b", &promo().ending_at(world.in_seconds(120)), 4)?;
    world.fresh(|| world.hold_with(world.long_hold("h", 7)))?;
    world.pass(120);
    world.fresh_then(2, || world.void("h"))?;
    let mut latest = world.latest(2)?;
    latest.sort();
    ensure_eq!(latest, ["expiry -3: a -3", "expiry -4: b -4"]);
    ensure_eq!(world.purse()?, "plain 0");
    Ok(())
}

fn new_work_never_draws_on_ended_credit(make: Make<'_>) -> Checked {
    let world = ended_and_held(make)?;
    ensure_eq!(world.purse()?, "a 6 (6 held), plain 3");
    world.short(|| world.hold("x", 4))?;
    world.fresh(|| world.hold("x", 3))?;
    ensure_eq!(world.draws_of("x")?, "plain 3 held");
    // The hold itself neither: what it captures above is not from what it drew.
    let captured = world.fresh(|| world.capture("h", 9))?;
    ensure_eq!((captured.charged().minor(), captured.uncollected().minor()), (6, 3));
    Ok(())
}
