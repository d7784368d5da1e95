//! Clause 10: the sequence of changes, of an account and of a hold.

use std::time::Duration;

use crate::conformance::failed::{Checked, ensure, ensure_eq, fail};
use crate::conformance::world::credit::{paid, promo};
use crate::conformance::world::{DEFAULT_RELEASE, Make, World, given, refusal};
use crate::conformance::{Check, clause};
use crate::entry::EntryKind;
use crate::error::LedgerError;
use crate::limits::Limits;

pub(super) const CHECKS: &[Check] = clause! { 10:
    each_change_has_the_next_number
    expiries_have_numbers_too
    holds_that_are_due_together_are_released_by_their_keys
    reads_and_refusals_carry_the_number
    a_balance_is_as_of_when_it_is_read
    a_threshold_is_crossed_once
    what_was_told_falls_until_credit_comes_in
    the_latest_top_up_is_known
    open_holds_are_listed_by_release_then_key
    rev_rises_by_one_with_each_change_of_a_hold
    starts_and_ends_of_credit_have_numbers_too
    each_posting_of_credit_is_one_change
    what_comes_free_of_ended_credit_is_there_between_two_changes
    a_sweep_says_how_many_starts_and_ends_it_booked
    a_sweep_finds_each_end_whatever_came_before_it
    a_sweep_of_starts_and_ends_is_bounded
    a_refusal_by_a_cap_takes_no_number
};

fn each_change_has_the_next_number(make: Make<'_>) -> Checked {
    let world = World::new(make);
    ensure_eq!(world.seq()?, 0);
    ensure_eq!(world.top_up("a", 100)?.seq(), 1);
    ensure_eq!(world.hold("h", 10)?.seq(), 2);
    ensure_eq!(world.partial("h", 1)?.seq(), 3);
    let rev = world.rev_of("h")?;
    ensure_eq!(world.resize("h", rev, 20)?.seq(), 4);
    ensure_eq!(world.capture("h", 2)?.seq(), 5);
    ensure_eq!(world.hold("v", 10)?.seq(), 6);
    ensure_eq!(world.void("v")?.seq(), 7);
    ensure_eq!(world.charge("c", 1)?.seq(), 8);
    ensure_eq!(world.refund_charge("r", "c", 1)?.seq(), 9);
    ensure_eq!(world.adjust("j", -1)?.seq(), 10);
    ensure_eq!(world.hold("zero", 0)?.seq(), 11);
    ensure_eq!(world.capture("zero", 0)?.seq(), 12);
    // Replays and refusals take none.
    ensure_eq!(world.charge("c", 1)?.seq(), 12);
    refusal(world.hold("x", 1_000))?;
    ensure_eq!(world.charge("d", 1)?.seq(), 13);
    Ok(())
}

fn expiries_have_numbers_too(make: Make<'_>) -> Checked {
    let world = World::funded(make, 10)?;
    for name in ["a", "b", "c"] {
        world.hold(name, 2)?;
    }
    world.clock.advance(DEFAULT_RELEASE);
    // Three releases, then the charge: 5, 6, 7 and 8.
    let applied = world.charge("x", 10)?;
    ensure_eq!((applied.seq(), applied.available_before().minor()), (8, 10));
    ensure_eq!(applied.available_after().minor(), 0);
    // In a refusal as well, where they may be all that happened.
    world.top_up("more", 2)?;
    world.hold("d", 2)?;
    world.clock.advance(DEFAULT_RELEASE);
    match refusal(world.hold("e", 3))? {
        LedgerError::Insufficient(short) => {
            ensure_eq!((short.seq(), short.available().minor(), short.held().minor()), (11, 2, 0));
            ensure_eq!(short.next_release_in(), None);
        }
        other => fail!("another answer was expected: {other:?}"),
    }
    ensure_eq!(world.seq()?, 11);
    Ok(())
}

fn holds_that_are_due_together_are_released_by_their_keys(make: Make<'_>) -> Checked {
    let world = World::new(make);
    // Credit that ends while holds have it comes free, and ends, with each release: so each release shows.
    world.credit("gift", &promo().ending_at(world.in_seconds(1)), 36)?;
    for (name, minor) in [("e", 5), ("c", 3), ("h", 8), ("a", 1), ("g", 7), ("b", 2), ("f", 6), ("d", 4)] {
        world.hold(name, minor)?;
    }
    world.clock.advance(DEFAULT_RELEASE);
    world.charge("after", 0)?;
    let entries = world.statement()?;
    let ended: Vec<i64> = entries
        .iter()
        .filter(|entry| entry.kind() == EntryKind::Expiry)
        .map(|entry| entry.amount().minor())
        .collect();
    ensure_eq!(ended, [-1, -2, -3, -4, -5, -6, -7, -8]);
    Ok(())
}

fn reads_and_refusals_carry_the_number(make: Make<'_>) -> Checked {
    let world = World::funded(make, 10)?;
    world.hold("a", 2)?;
    let statement = || world.page(world.statement_request());
    let holds = || world.holds(world.holds_request());
    ensure_eq!((statement()?.seq(), holds()?.seq(), world.balance()?.seq()), (2, 2, 2));
    ensure_eq!(world.short(|| world.hold("b", 100))?.seq(), 2);
    // Those of any read that is decided after the expiry.
    world.clock.advance(DEFAULT_RELEASE);
    let page = holds()?;
    ensure_eq!((page.seq(), page.holds().len()), (3, 0));
    ensure_eq!((statement()?.seq(), world.balance()?.seq()), (3, 3));
    ensure_eq!(world.balance()?.as_of(), world.now());
    Ok(())
}

fn a_balance_is_as_of_when_it_is_read(make: Make<'_>) -> Checked {
    let world = World::new(make);
    ensure_eq!(world.balance()?.as_of(), world.now());
    world.top_up("paid in", 10)?;
    let changed = world.now();
    world.clock.advance(Duration::from_secs(5));
    let balance = world.balance()?;
    ensure_eq!((balance.as_of(), balance.seq()), (world.now(), 1));
    // Never before the latest change, whatever the clock says.
    world.clock.set(crate::clock::Timestamp::from_micros(0));
    ensure_eq!(world.balance()?.as_of(), changed);
    Ok(())
}

fn what_was_told_falls_until_credit_comes_in(make: Make<'_>) -> Checked {
    let world = World::funded(make, 100)?;
    let charge = |name: &str, minor| -> Checked<(i64, i64)> {
        let applied = world.charge(name, minor)?;
        Ok((applied.lowest_told().minor(), applied.posted_after().minor()))
    };
    ensure_eq!(charge("a", 60)?, (100, 40));
    // A replay tells how it is now.
    ensure_eq!(charge("a", 60)?, (40, 40));
    // Holds, and what comes of them, move it by what they charge alone.
    let held = world.hold("h", 30)?;
    ensure_eq!((held.lowest_told().minor(), held.posted_after().minor()), (40, 40));
    world.void("h")?;
    world.hold("i", 30)?;
    let captured = world.capture("i", 10)?;
    ensure_eq!((captured.lowest_told().minor(), captured.posted_after().minor()), (40, 30));
    // A refund of less than a tenth raises nothing that was told, one of a tenth all of it.
    world.refund_charge("r", "a", 2)?;
    ensure_eq!(charge("b", 1)?, (30, 31));
    world.refund_charge("s", "a", 4)?;
    ensure_eq!(charge("c", 1)?, (35, 34));
    // What the host books on its own account tells nobody; the next work does.
    world.adjust("down", -14)?;
    ensure_eq!(charge("d", 1)?, (34, 19));
    // Nor does a void, which nobody hears of.
    world.hold("j", 5)?;
    world.adjust("further down", -4)?;
    world.void("j")?;
    ensure_eq!(charge("m", 1)?, (19, 14));
    // Nor does a capture whose reply nobody reads.
    world.hold("n", 5)?;
    world.capture_with(world.capture_request("n", 5).unheard())?;
    ensure_eq!(charge("o", 1)?, (14, 8));
    world.top_up("up", 111)?;
    ensure_eq!(charge("e", 1)?, (119, 118));
    // Credit that ends lowers it with the next work too, and credit that starts raises it.
    world.credit("f", &promo().ending_at(world.in_seconds(60)), 50)?;
    world.clock.advance(Duration::from_secs(60));
    ensure_eq!(charge("g", 1)?, (168, 117));
    world.credit("k", &promo().starting_at(world.in_seconds(60)), 50)?;
    world.clock.advance(Duration::from_secs(60));
    ensure_eq!(charge("l", 1)?, (167, 166));
    Ok(())
}

fn the_latest_top_up_is_known(make: Make<'_>) -> Checked {
    let world = World::new(make);
    let latest = || -> Checked<(i64, u64)> {
        let balance = world.balance()?;
        Ok((balance.latest_top_up().minor(), balance.latest_top_up_seq()))
    };
    ensure_eq!(latest()?, (0, 0));
    world.credit("gift", &promo(), 7)?;
    ensure_eq!(latest()?, (0, 0));
    world.top_up("a", 100)?;
    ensure_eq!(latest()?, (100, 2));
    world.charge("c", 60)?;
    world.refund_charge("r", "c", 60)?;
    world.top_up("a", 100)?;
    ensure_eq!(latest()?, (100, 2), "a replay is none");
    world.top_up("b", 5)?;
    ensure_eq!(latest()?, (5, 5));
    Ok(())
}

fn a_threshold_is_crossed_once(make: Make<'_>) -> Checked {
    let world = World::funded(make, 100)?;
    let mut steps = vec![];
    for index in 0..20 {
        let name = format!("h{index}");
        let held = world.hold(&name, 10)?;
        steps.push((held.seq(), held.available_before().minor(), held.available_after().minor()));
        let captured = world.capture(&name, 4)?;
        steps.push((captured.seq(), captured.available_before().minor(), captured.available_after().minor()));
    }
    for (one, next) in steps.iter().zip(steps.iter().skip(1)) {
        ensure_eq!((next.0, next.1), (one.0 + 1, one.2), "what one leaves the next one finds");
    }
    // With captures giving back, a threshold may be met again from above, but each crossing is one change's.
    let down = steps.iter().filter(|(_, before, after)| *before >= 50 && 50 > *after).count();
    let up = steps.iter().filter(|(_, before, after)| *before < 50 && 50 <= *after).count();
    ensure_eq!(down, up + 1);
    Ok(())
}

fn open_holds_are_listed_by_release_then_key(make: Make<'_>) -> Checked {
    let world = World::funded(make, 100)?;
    for (name, seconds) in [("d", 30), ("b", 20), ("a", 40), ("c", 20), ("e", 10), ("gone", 5)] {
        let request = world.hold_request(name, 1).with_lifetime(Duration::from_secs(seconds));
        world.hold_with(request)?;
    }
    world.void("gone")?;
    let rev = world.rev_of("e")?;
    let longer = world.resize_request("e", rev).with_lifetime(Duration::from_secs(50));
    world.resize_with(longer)?;
    for limit in 1..=6 {
        let (mut names, mut after) = (String::new(), None);
        loop {
            let request = world.holds_request().with_limit(limit);
            let request = match after {
                Some(after) => request.with_after(after),
                None => request,
            };
            let page = world.holds(request)?;
            ensure!(page.holds().len() <= limit as usize && !page.holds().is_empty());
            names.extend(page.holds().iter().map(|hold| hold.key().as_str()));
            after = page.next().cloned();
            if after.is_none() {
                break;
            }
            ensure!(names.len() < 5, "pages without end");
        }
        ensure_eq!(names, "bcdae", "by {limit}");
    }
    // A cursor whose hold is gone still says where to go on.
    let page = world.holds(world.holds_request().with_limit(2))?;
    world.void("c")?;
    let request = world.holds_request().with_after(given(page.next(), "next page")?.clone());
    let names: String = world.holds(request)?.holds().iter().map(|hold| hold.key().to_string()).collect();
    ensure_eq!(names, "dae");
    Ok(())
}

fn rev_rises_by_one_with_each_change_of_a_hold(make: Make<'_>) -> Checked {
    let world = World::funded(make, 100)?;
    let rev = || world.rev_of("a");
    let first = world.hold("a", 10)?.into_value().rev();
    world.hold("a", 10)?;
    ensure_eq!(rev()?, first, "a replay is no change");
    world.resize("a", first, 20)?;
    ensure_eq!(rev()?, first + 1);
    world.partial("a", 5)?;
    ensure_eq!(rev()?, first + 2);
    world.partial("a", 5)?;
    ensure_eq!(rev()?, first + 2, "a replay is no change");
    refusal(world.resize("a", rev()?, 1_000))?;
    world.charge("other", 1)?;
    ensure_eq!(rev()?, first + 2);
    world.refund_hold("r", "a", 1)?;
    ensure_eq!(rev()?, first + 3);
    world.clock.advance(DEFAULT_RELEASE);
    ensure_eq!(rev()?, first + 4, "its release is a change");
    world.capture("a", 6)?;
    ensure_eq!(rev()?, first + 5);
    Ok(())
}

fn starts_and_ends_of_credit_have_numbers_too(make: Make<'_>) -> Checked {
    let world = World::new(make);
    world.credit("a", &promo().starting_at(world.in_seconds(60)).ending_at(world.in_seconds(120)), 10)?;
    ensure_eq!(world.seq()?, 1);
    world.pass(60);
    ensure_eq!(world.charge("c", 1)?.seq(), 3);
    world.pass(60);
    // In a refusal as well, where they may be all that happened.
    match refusal(world.charge("d", 1))? {
        LedgerError::Insufficient(short) => {
            ensure_eq!((short.seq(), short.available().minor()), (4, 0));
        }
        other => fail!("another answer was expected: {other:?}"),
    }
    // A read and a replay carry them.
    world.credit("b", &promo().ending_at(world.in_seconds(60)), 10)?;
    world.pass(60);
    ensure_eq!(world.page(world.statement_request())?.seq(), 6);
    ensure_eq!(world.charge("c", 1)?.seq(), 6);
    let numbers: Vec<_> = world.statement()?.iter().map(crate::entry::Entry::seq).collect();
    ensure_eq!(numbers, [1, 2, 3, 4, 5, 6]);
    Ok(())
}

fn each_posting_of_credit_is_one_change(make: Make<'_>) -> Checked {
    let world = World::new(make);
    let terms = promo().ending_at(world.in_seconds(600));
    ensure_eq!(world.credit("a", &terms, 10)?.seq(), 1);
    // One that merges, one that pays a debt, one that starts later.
    ensure_eq!(world.credit("b", &terms, 10)?.seq(), 2);
    world.adjust("back", -30)?;
    ensure_eq!(world.credit("c", &paid().with_priority(3), 15)?.seq(), 4);
    ensure_eq!(world.credit("d", &promo().starting_at(world.in_seconds(60)), 5)?.seq(), 5);
    ensure_eq!((world.seq()?, world.purse()?), (5, "c 5, d 5 (later), plain 0".to_owned()));
    Ok(())
}

/// A change of the hold, as its number and what was available before and after.
type Change = fn(&World) -> Checked<(u64, i64, i64)>;

/// "Just after its change": the expiry right after it is a change of its own.
fn what_comes_free_of_ended_credit_is_there_between_two_changes(make: Make<'_>) -> Checked {
    let ways: [Change; 3] = [
        |world| {
            let applied = world.void("h")?;
            Ok((applied.seq(), applied.available_before().minor(), applied.available_after().minor()))
        },
        |world| {
            let applied = world.capture("h", 0)?;
            Ok((applied.seq(), applied.available_before().minor(), applied.available_after().minor()))
        },
        |world| {
            let applied = world.resize_now("h", 0)?;
            Ok((applied.seq(), applied.available_before().minor(), applied.available_after().minor()))
        },
    ];
    for (index, change) in ways.iter().enumerate() {
        let world = World::funded(make, 3)?;
        world.credit("a", &promo().ending_at(world.in_seconds(60)), 6)?;
        world.hold_with(world.long_hold("h", 6))?;
        world.pass(60);
        let seq = world.seq()?;
        ensure_eq!(change(&world)?, (seq + 1, 3, 9), "{index}");
        let entry = world.last_entry()?;
        ensure_eq!((entry.seq(), entry.amount().minor(), world.available()?), (seq + 2, -6, 3), "{index}");
    }
    Ok(())
}

fn a_sweep_says_how_many_starts_and_ends_it_booked(make: Make<'_>) -> Checked {
    let world = World::funded(make, 10)?;
    ensure_eq!(world.sweep()?.booked(), 0);
    world.credit("a", &promo().starting_at(world.in_seconds(60)), 10)?;
    world.credit("b", &promo().ending_at(world.in_seconds(60)), 10)?;
    world.credit("c", &promo().with_priority(200).ending_at(world.in_seconds(120)), 10)?;
    let other = world.beside("other", world.usd);
    other.credit("a", &paid().ending_at(world.in_seconds(60)), 10)?;
    // Nobody looks at the accounts in between.
    world.pass(60);
    let swept = world.sweep()?;
    ensure_eq!((swept.booked(), swept.released(), swept.has_more()), (3, 0, false));
    ensure_eq!(world.sweep()?.booked(), 0);
    ensure_eq!((world.seq()?, other.seq()?), (6, 2));
    world.hold("h", 1)?;
    world.pass(3_600);
    let swept = world.sweep()?;
    ensure_eq!((swept.booked(), swept.released()), (1, 1));
    // What a read or decision came to first is not booked again.
    world.credit("d", &promo().ending_at(world.in_seconds(60)), 10)?;
    world.pass(60);
    world.balance()?;
    ensure_eq!(world.available()?, 20);
    world.sweep()?;
    ensure_eq!((world.sweep()?.booked(), world.seq()?), (0, 11));
    Ok(())
}

/// What happened to a grant before its end.
type Before = (&'static str, fn(&World) -> Checked);

/// An end that was not due when the grant was made, because nothing of it was free, is due when something is.
fn a_sweep_finds_each_end_whatever_came_before_it(make: Make<'_>) -> Checked {
    let before: [Before; 6] = [
        ("all of it was held", |world| {
            world.hold("h", 10)?;
            world.void("h")?;
            Ok(())
        }),
        ("a hold shrank", |world| {
            world.hold("h", 10)?;
            world.resize_now("h", 9)?;
            Ok(())
        }),
        ("it was used up and refunded", |world| {
            world.charge("c", 10)?;
            world.refund_charge("r", "c", 3)?;
            Ok(())
        }),
        ("more merged into it", |world| {
            world.charge("c", 9)?;
            world.credit("more", &promo().ending_at(world.start_of_day(1)), 5)?;
            Ok(())
        }),
        ("it was captured in part", |world| {
            world.hold("h", 10)?;
            world.capture("h", 4)?;
            Ok(())
        }),
        ("one that ends sooner came after it", |world| {
            world.credit("soon", &promo().ending_at(world.in_seconds(60)), 5)?;
            world.pass(60);
            ensure_eq!(world.sweep()?.booked(), 1);
            Ok(())
        }),
    ];
    for (what, before) in before {
        let world = World::new(make);
        world.credit("a", &promo().ending_at(world.start_of_day(1)), 10)?;
        before(&world)?;
        world.clock.set(world.start_of_day(1));
        ensure_eq!(world.sweep()?.booked(), 1, "{what}");
    }
    // Credit that was revived ends by itself again.
    let world = World::new(make);
    world.credit("a", &paid().ending_at(world.in_seconds(60)), 10)?;
    world.charge("c", 10)?;
    world.pass(60);
    world.refund_charge("r", "c", 3)?;
    world.clock.advance(Limits::REVIVAL);
    ensure_eq!((world.sweep()?.booked(), world.seq()?), (1, 4));
    Ok(())
}

fn a_sweep_of_starts_and_ends_is_bounded(make: Make<'_>) -> Checked {
    let world = World::new(make);
    for index in 0..5_u8 {
        let terms = promo().starting_at(world.in_seconds(60)).ending_at(world.in_seconds(90));
        world.credit(&format!("g{index}"), &terms.with_priority(index), 10)?;
        let other = world.beside(&format!("acct-{index}"), world.usd);
        other.credit("a", &promo().ending_at(world.in_seconds(60)), 10)?;
    }
    world.pass(3_600);
    let (mut booked, mut sweeps) = (0, 0);
    loop {
        let swept = world.sweep_at_most(4)?;
        ensure!(swept.booked() <= 4, "{swept:?}");
        booked += swept.booked();
        sweeps += 1;
        if !swept.has_more() {
            break;
        }
        ensure!(sweeps < 20, "sweeps without end");
    }
    ensure_eq!(booked, 15);
    ensure_eq!((world.seq()?, world.available()?), (15, 0));
    world.check_sums()?;
    Ok(())
}

fn a_refusal_by_a_cap_takes_no_number(make: Make<'_>) -> Checked {
    let world = World::funded(make, 100)?;
    let cap = world.a_day("a", 10);
    ensure_eq!(world.charge_under("c", 10, &cap)?.seq(), 2);
    ensure_eq!(world.capped(|| world.charge_under("d", 1, &cap))?.seq(), 2);
    ensure_eq!(world.charge("d", 1)?.seq(), 3);
    // What became due before it is in it.
    world.credit("a", &promo().ending_at(world.in_seconds(60)), 10)?;
    world.pass(60);
    match refusal(world.charge_under("e", 1, &cap))? {
        LedgerError::CapReached(reached) => ensure_eq!((reached.seq(), reached.as_of()), (5, world.now())),
        other => fail!("another answer was expected: {other:?}"),
    }
    Ok(())
}
