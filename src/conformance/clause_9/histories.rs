//! The sums at the end of long histories.

use std::collections::BTreeMap;

use crate::conformance::clause_9::history::{History, Outcome, STEPS, Tally, moved_as_told};
use crate::conformance::failed::{Checked, ensure, ensure_eq};
use crate::conformance::world::{Make, World};
use crate::conformance::{Check, clause};
use crate::entry::{EntryKind, Operation};
use crate::limits::Limits;

pub(crate) const CHECKS: &[Check] = clause! { 9:
    each_entry_moves_what_it_says
    what_remains_and_what_is_held_of_a_grant_are_sums
    a_counter_is_the_sum_of_what_counts_in_it
    without_debt_and_corrections_nothing_goes_below_zero
    what_is_there_can_be_spent_to_the_last_unit
};

/// Histories that differ, half of them with debts, and what must be so at the end of each.
#[track_caller]
fn histories(make: Make<'_>, steps: u32, end: impl Fn(&History) -> Checked) -> Checked {
    let mut tally = Tally::new();
    for seed in 0..8 {
        let mut history = History::new(make, seed, seed % 2 == 0);
        for _ in 0..steps {
            history.go_on()?;
        }
        end(&history)?;
        for (what, count) in history.tally {
            *tally.entry(what).or_default() += count;
        }
    }
    // Each kind of step came to pass, or this shows nothing.
    for (kind, _) in STEPS {
        ensure!(tally.contains_key(&(kind, Outcome::Applied)), "no {kind}: {tally:?}");
    }
    Ok(())
}

fn each_entry_moves_what_it_says(make: Make<'_>) -> Checked {
    histories(make, 250, |history| {
        let entries = history.world.statement()?;
        // The same from the beginning, with what time did in between.
        moved_as_told(&World::new(make).balance()?, &history.world.balance()?, &entries)?;
        let by_time = entries.iter().filter(|entry| entry.operation() == Operation::Time);
        ensure!(by_time.count() > 3, "hardly anything started or ended");
        history.world.check_sums()
    })
}

/// Clause 9 in its own words, and not in those of [`verify`](crate::verify).
fn what_remains_and_what_is_held_of_a_grant_are_sums(make: Make<'_>) -> Checked {
    histories(make, 120, |history| {
        let world = &history.world;
        let (mut remaining, mut held) = (BTreeMap::<u64, i64>::new(), BTreeMap::<u64, i64>::new());
        for entry in world.statement()? {
            for movement in entry.movements() {
                *remaining.entry(movement.grant()).or_default() += movement.amount().minor();
            }
        }
        for hold in world.holds(world.holds_request().with_limit(Limits::MAX_PAGE))?.holds() {
            let (mut set_aside, mut used) = (0, 0);
            for draw in hold.draws() {
                if let Some(id) = draw.grant() {
                    *held.entry(id).or_default() += draw.held().minor();
                }
                set_aside += draw.held().minor();
                used += draw.used().minor();
            }
            if !hold.draws().is_empty() {
                ensure_eq!((set_aside, used), (hold.reserved().minor(), hold.captured().minor()), "{hold:?}");
            }
        }
        for grant in world.grants()?.iter().filter(|grant| grant.has_started()) {
            let sums = (remaining.remove(&grant.id()), held.remove(&grant.id()).unwrap_or_default());
            ensure_eq!((Some(grant.remaining().minor()), grant.held().minor()), sums, "{grant:?}");
        }
        // What is not there comes to nothing.
        ensure!(remaining.values().chain(held.values()).all(|minor| *minor == 0), "{remaining:?} {held:?}");
        Ok(())
    })
}

fn a_counter_is_the_sum_of_what_counts_in_it(make: Make<'_>) -> Checked {
    histories(make, 120, |history| {
        let world = &history.world;
        let (mut used, mut held) = (BTreeMap::new(), BTreeMap::new());
        for entry in world.statement()? {
            for part in entry.counted() {
                *used.entry(part.key().clone()).or_insert(0) += part.used().minor();
            }
        }
        for hold in world.holds(world.holds_request().with_limit(Limits::MAX_PAGE))?.holds() {
            for part in hold.counted() {
                *held.entry(part.key().clone()).or_insert(0) += part.held().minor();
            }
        }
        let counters = world.counters(world.counters_request().with_limit(Limits::MAX_PAGE))?;
        ensure!(!counters.counters().is_empty(), "nothing was counted");
        for counter in counters.counters() {
            let sums = (used.remove(counter.key()), held.remove(counter.key()));
            let sums = (sums.0.unwrap_or_default(), sums.1.unwrap_or_default());
            // A courtesy is counted by the ledger itself, in what way is its own affair.
            if ["key", "team"].contains(&counter.scope().as_str()) {
                ensure_eq!((counter.used().minor(), counter.held().minor()), sums, "{counter:?}");
            }
        }
        // These histories take days, and counters are kept for a month.
        used.retain(|key, minor| *minor != 0 && ["key", "team"].contains(&key.scope().as_str()));
        held.retain(|_, minor| *minor != 0);
        ensure!(used.is_empty() && held.is_empty(), "{used:?} {held:?}");
        Ok(())
    })
}

fn without_debt_and_corrections_nothing_goes_below_zero(make: Make<'_>) -> Checked {
    for seed in 100..106 {
        let mut history = History::new(make, seed, false);
        for _ in 0..150 {
            history.go_on()?;
            let balance = history.world.balance()?;
            ensure!(balance.available().minor() >= 0 && balance.plain().minor() >= 0, "{balance:?}");
        }
        let entries = history.world.statement()?;
        ensure!(entries.iter().all(|entry| entry.balance_after().minor() >= 0), "{entries:?}");
        ensure!(entries.iter().any(|entry| entry.kind() == EntryKind::Expiry), "nothing ended");
    }
    Ok(())
}

/// `available` is no more and no less than what a charge gets.
fn what_is_there_can_be_spent_to_the_last_unit(make: Make<'_>) -> Checked {
    for seed in 200..230 {
        let mut history = History::new(make, seed, seed % 2 == 0);
        for _ in 0..40 {
            history.go_on()?;
        }
        let world = &history.world;
        let there = world.available()?;
        world.short(|| world.charge("more", there.max(0) + 1))?;
        if there >= 0 {
            world.fresh(|| world.charge("all", there))?;
            ensure_eq!(world.available()?, 0);
            // Nothing is free of any grant, and nothing of plain credit beyond what holds drew.
            for grant in world.grants()?.iter().filter(|grant| grant.has_started()) {
                ensure_eq!(grant.held(), grant.remaining(), "{grant:?}");
            }
        }
    }
    Ok(())
}
