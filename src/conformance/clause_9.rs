//! Clause 9: the sums, debt, and what entries and statements say.

mod histories;
mod history;

use std::time::Duration;

use crate::conformance::failed::{Checked, ensure, ensure_eq};
use crate::conformance::world::{Make, World, given, key, labels};
use crate::conformance::{Check, clause};
use crate::entry::{Entry, EntryKind, Operation};
use crate::error::ShortReason;
use crate::ledger::request::Order;

pub(super) use histories::CHECKS as HISTORIES;

pub(super) const CHECKS: &[Check] = clause! { 9:
    the_sums_hold_after_every_kind_of_change
    a_chargeback_may_go_below_zero
    debt_is_only_as_deep_as_allowed
    the_reason_for_a_refusal_is_told
    statements_page_both_ways
    each_page_begins_with_what_the_one_before_came_to
    entries_tell_what_they_were
};

fn the_sums_hold_after_every_kind_of_change(make: Make<'_>) -> Checked {
    let world = World::new(make);
    world.fresh(|| world.grant("g", 100))?;
    world.fresh(|| world.top_up("t", 100))?;
    world.fresh(|| world.charge("c", 30))?;
    world.fresh(|| world.hold("a", 50))?;
    world.fresh(|| world.partial("a", 20))?;
    let rev = world.rev_of("a")?;
    world.fresh(|| world.resize("a", rev, 60))?;
    world.fresh(|| world.capture("a", 45))?;
    world.fresh(|| world.refund_charge("r", "c", 10))?;
    world.fresh(|| world.refund_hold("s", "a", 5))?;
    world.fresh(|| world.adjust("j", -7))?;
    world.fresh(|| world.hold("b", 50))?;
    world.fresh(|| world.hold("d", 30))?;
    let rev = world.rev_of("d")?;
    world.fresh(|| world.resize("d", rev, 20))?;
    world.fresh(|| world.void("b"))?;
    world.fresh(|| world.capture("d", 0))?;
    ensure_eq!(world.posted()?, 200 - 30 - 45 + 10 + 5 - 7);
    // Each entry says what was posted after it.
    let mut sum = 0;
    for entry in world.statement()? {
        sum += entry.amount().minor();
        ensure_eq!(entry.balance_after().minor(), sum);
    }
    Ok(())
}

fn a_chargeback_may_go_below_zero(make: Make<'_>) -> Checked {
    let world = World::funded(make, 10)?;
    world.hold("a", 10)?;
    let entry = world.fresh(|| world.adjust("back", -25))?;
    ensure_eq!((entry.amount().minor(), entry.balance_after().minor()), (-25, -15));
    ensure_eq!((world.posted()?, world.available()?), (-15, -25));
    // The open hold is paid for all the same.
    ensure_eq!(world.fresh(|| world.capture("a", 10))?.charged().minor(), 10);
    ensure_eq!(world.available()?, -25);
    world.short(|| world.hold("b", 1))?;
    world.fresh(|| world.top_up("pays the debt first", 25))?;
    world.short(|| world.hold("b", 1))?;
    world.fresh(|| world.top_up("then serves", 1))?;
    world.fresh(|| world.hold("b", 1))?;
    // The first change of an account may be one.
    let world = World::new(make);
    world.fresh(|| world.adjust("back", -5))?;
    ensure_eq!((world.available()?, world.seq()?), (-5, 1));
    Ok(())
}

fn debt_is_only_as_deep_as_allowed(make: Make<'_>) -> Checked {
    let world = World::funded(make, 10)?;
    let hold = |name, minor, debt| {
        world.hold_with(world.hold_request(name, minor).with_debt_limit(world.amount(debt)))
    };
    let charge = |name, minor, debt| {
        let request = world.charge_request(name, minor);
        world.post_with(request.with_debt_limit(world.amount(debt)))
    };
    world.short(|| hold("a", 16, 5))?;
    world.fresh(|| hold("a", 15, 5))?;
    ensure_eq!(world.available()?, -5);
    // The limit is on what is available, not on this request.
    world.short(|| hold("b", 1, 5))?;
    world.short(|| charge("b", 1, 5))?;
    world.fresh(|| charge("b", 1, 6))?;
    world.short(|| charge("c", 1, 6))?;
    world.short(|| charge("c", 1, 0))?;
    world.fresh(|| charge("c", 4, 10))?;
    ensure_eq!(world.available()?, -10);
    // An account nobody has paid into is an empty one, so a debt that is allowed is allowed there too.
    let fresh = World::new(make);
    let request = fresh.hold_request("a", 5).with_debt_limit(fresh.amount(5));
    fresh.fresh(|| fresh.hold_with(request))?;
    ensure_eq!(fresh.available()?, -5);
    Ok(())
}

fn the_reason_for_a_refusal_is_told(make: Make<'_>) -> Checked {
    let world = World::funded(make, 10)?;
    ensure_eq!(world.short(|| world.hold("x", 11))?.reason(), ShortReason::Empty);
    world.hold("a", 6)?;
    ensure_eq!(world.short(|| world.hold("x", 5))?.reason(), ShortReason::Held);
    ensure_eq!(world.short(|| world.hold("x", 10))?.reason(), ShortReason::Held);
    ensure_eq!(world.short(|| world.hold("x", 11))?.reason(), ShortReason::Empty);
    ensure_eq!(world.short(|| world.charge("x", 5))?.reason(), ShortReason::Held);
    world.void("a")?;
    world.adjust("back", -15)?;
    let short = world.short(|| world.charge("x", 5))?;
    ensure_eq!(
        (short.reason(), short.missing().minor(), short.spendable().minor()),
        (ShortReason::Debt, 10, 0)
    );
    Ok(())
}

fn statements_page_both_ways(make: Make<'_>) -> Checked {
    let world = World::funded(make, 100)?;
    for index in 0..10 {
        world.charge(&format!("c{index}"), index)?;
        // Changes between that are no entries.
        world.hold(&format!("h{index}"), 0)?;
    }
    let all = world.statement()?;
    ensure_eq!(all.len(), 11);
    ensure!(all.is_sorted_by_key(Entry::seq));
    for order in [Order::OldestFirst, Order::NewestFirst] {
        for limit in [1, 2, 3, 10, 11, 12] {
            let (mut seen, mut after) = (vec![], None);
            loop {
                let request = world.statement_request().with_order(order).with_limit(limit);
                let request = match after {
                    Some(after) => request.with_after(after),
                    None => request,
                };
                let page = world.page(request)?;
                ensure!(page.entries().len() <= limit as usize && !page.entries().is_empty());
                ensure_eq!(page.seq(), 21);
                seen.extend(page.entries().to_vec());
                after = page.next();
                if after.is_none() {
                    break;
                }
                ensure_eq!(page.entries().len(), limit as usize);
                ensure!(seen.len() < all.len(), "pages without end");
            }
            if order == Order::NewestFirst {
                seen.reverse();
            }
            ensure_eq!(seen, all, "{order:?} by {limit}");
        }
    }
    // What is booked while someone pages backwards does not shift the pages.
    let first = world.page(world.statement_request().with_limit(4))?;
    world.charge("between", 1)?;
    let request = world.statement_request().with_limit(7);
    let second = world.page(request.with_after(given(first.next(), "next page")?))?;
    let mut seen = [first.entries(), second.entries()].concat();
    seen.reverse();
    ensure_eq!(seen, all);
    ensure_eq!(second.next(), None);
    Ok(())
}

fn each_page_begins_with_what_the_one_before_came_to(make: Make<'_>) -> Checked {
    let world = World::funded(make, 100)?;
    world.hold("held", 7)?;
    for index in 1..8 {
        world.charge(&format!("c{index}"), index)?;
    }
    world.adjust("back", -90)?;
    let posted = world.posted()?;
    ensure_eq!(posted, 100 - 28 - 90);
    for limit in 1..=10 {
        // From the beginning: what was posted before, entry by entry, is where the page before ended.
        let request = world.statement_request().with_order(Order::OldestFirst).with_limit(limit);
        let (mut came_to, mut after) = (0, None);
        loop {
            let page = world.page(request.clone().with_after(after))?;
            let opening = given(page.opening_balance(), "opening balance")?.minor();
            ensure_eq!(opening, came_to, "by {limit}");
            came_to += page.entries().iter().map(|entry| entry.amount().minor()).sum::<i64>();
            ensure_eq!(given(page.closing_balance(), "closing balance")?.minor(), came_to, "by {limit}");
            after = page.next();
            if after.is_none() {
                break;
            }
        }
        ensure_eq!(came_to, posted);
        // From the end it is the same page, read the other way.
        let page = world.page(world.statement_request().with_limit(limit))?;
        let moved: i64 = page.entries().iter().map(|entry| entry.amount().minor()).sum();
        ensure_eq!(given(page.closing_balance(), "closing balance")?.minor(), posted, "by {limit}");
        ensure_eq!(given(page.opening_balance(), "opening balance")?.minor(), posted - moved, "by {limit}");
    }
    // There is none where there is no entry.
    let page = world.page(world.statement_request().with_after(0))?;
    ensure_eq!((page.opening_balance(), page.closing_balance()), (None, None));
    Ok(())
}

fn entries_tell_what_they_were(make: Make<'_>) -> Checked {
    let world = World::funded(make, 100)?;
    let ana = labels(&[("user", "ana")]);
    let request = world.hold_request("a", 10).with_labels(ana.clone());
    let hold = world.fresh(|| world.hold_with(request))?;
    ensure_eq!(hold.labels(), ana);
    world.clock.advance(Duration::from_secs(5));
    let applied = world.capture("a", 6)?;
    let entry = world.last_entry()?;
    ensure_eq!((entry.key(), entry.operation()), (&key("a"), Operation::Hold));
    ensure_eq!((entry.kind(), entry.amount().minor(), entry.seq()), (EntryKind::Charge, -6, applied.seq()));
    ensure_eq!((entry.booked_at(), entry.labels()), (world.now(), ana.clone()));
    ensure!(!entry.is_late() && entry.refund_of().is_none());
    let request = world.charge_request("c", 6).with_labels(ana.clone());
    let applied = world.post_with(request)?;
    let entry = applied.value();
    ensure_eq!((entry.key(), entry.operation()), (&key("c"), Operation::Charge));
    ensure_eq!((entry.seq(), entry.labels()), (applied.seq(), ana));
    ensure_eq!(world.find_entry("c")?.as_ref(), Some(entry));
    Ok(())
}
