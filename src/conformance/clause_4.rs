//! Clause 4: applied, or not applied with a reason, and never confused; a refusal for lack of balance is proved.

use std::time::Duration;

use crate::conformance::failed::{Checked, Failed, ensure, ensure_eq};
use crate::conformance::world::{DEFAULT_RELEASE, Make, World};
use crate::conformance::{Check, clause};
use crate::error::LedgerError;

pub(super) const CHECKS: &[Check] = clause! { 4:
    find_tells_holds_and_postings_apart
    find_says_not_applied_after_a_refusal
    an_answer_is_what_find_tells
    operations_on_a_hold_that_never_was
    a_shortfall_is_proved_and_adds_up
    a_shortfall_tells_the_next_release_of_what_is_open
};

fn find_tells_holds_and_postings_apart(make: Make<'_>) -> Checked {
    let world = World::funded(make, 10)?;
    world.hold("a", 10)?;
    ensure!(world.find_hold("a")?.is_some() && world.find_entry("a")?.is_none());
    ensure!(world.find_hold("paid in")?.is_none() && world.find_entry("paid in")?.is_some());
    // The entry of a capture is found with its hold, not as a posting.
    world.capture("a", 10)?;
    ensure!(world.find_entry("a")?.is_none());
    Ok(())
}

fn find_says_not_applied_after_a_refusal(make: Make<'_>) -> Checked {
    let world = World::funded(make, 10)?;
    world.short(|| world.hold("a", 11))?;
    world.short(|| world.charge("a", 11))?;
    ensure!(world.find_hold("a")?.is_none() && world.find_entry("a")?.is_none());
    Ok(())
}

/// Whoever did not get the answer can ask for it.
fn an_answer_is_what_find_tells(make: Make<'_>) -> Checked {
    let world = World::funded(make, 100)?;
    let held = world.fresh(|| world.hold("a", 10))?;
    ensure_eq!(world.state_of("a")?, held);
    world.clock.advance(Duration::from_secs(1));
    let resized = world.fresh(|| world.resize("a", held.rev(), 20))?;
    ensure_eq!(world.state_of("a")?, resized);
    let longer = world.resize_request("a", resized.rev()).with_lifetime(Duration::from_secs(3_600));
    let longer = world.fresh(|| world.resize_with(longer))?;
    ensure_eq!(world.state_of("a")?, longer);
    let captured = world.fresh(|| world.capture("a", 130))?;
    let hold = world.state_of("a")?;
    ensure_eq!((hold.captured(), hold.uncollected()), (captured.captured(), captured.uncollected()));
    ensure_eq!((hold.status(), hold.is_late()), (captured.status(), captured.is_late()));
    world.fresh(|| world.hold("b", 0))?;
    let voided = world.fresh(|| world.void("b"))?;
    ensure_eq!(world.state_of("b")?, voided);
    for (name, answer) in [
        ("t", world.fresh(|| world.top_up("t", 50))?),
        ("g", world.fresh(|| world.grant("g", 5))?),
        ("c", world.fresh(|| world.charge("c", 7))?),
        ("j", world.fresh(|| world.adjust("j", -3))?),
        ("r", world.fresh(|| world.refund_hold("r", "a", 9))?),
    ] {
        ensure_eq!(world.entry_of(name)?, answer, "{name}");
    }
    Ok(())
}

fn operations_on_a_hold_that_never_was(make: Make<'_>) -> Checked {
    for world in [World::funded(make, 10)?, World::new(make)] {
        ensure_eq!(world.refused(|| world.capture("a", 1))?, LedgerError::UnknownHold);
        ensure_eq!(world.refused(|| world.capture("a", 0))?, LedgerError::UnknownHold);
        ensure_eq!(world.refused(|| world.partial("a", 1))?, LedgerError::UnknownHold);
        ensure_eq!(world.refused(|| world.void("a"))?, LedgerError::UnknownHold);
        ensure_eq!(world.refused(|| world.resize("a", 0, 1))?, LedgerError::UnknownHold);
        ensure_eq!(world.refused(|| world.refund_hold("r", "a", 1))?, LedgerError::UnknownCharge);
        ensure_eq!(world.refused(|| world.refund_charge("r", "a", 1))?, LedgerError::UnknownCharge);
    }
    Ok(())
}

fn a_shortfall_is_proved_and_adds_up(make: Make<'_>) -> Checked {
    let world = World::funded(make, 100)?;
    world.hold("a", 60)?;
    world.clock.advance(Duration::from_secs(10));
    let request = world.hold_request("b", 90).with_debt_limit(world.amount(20));
    let short = world.short(|| world.hold_with(request))?;
    ensure_eq!((short.requested().minor(), short.required().minor()), (90, 90));
    ensure_eq!((short.posted().minor(), short.held().minor(), short.available().minor()), (100, 60, 40));
    ensure_eq!((short.debt_limit().minor(), short.spendable().minor()), (20, 60));
    ensure_eq!(short.missing().minor(), 30);
    ensure_eq!(short.as_of(), world.now());
    ensure_eq!(short.next_release_in(), Some(Duration::from_secs(320)));
    // Missing is exact: with one less it is refused, with that much it succeeds.
    world.top_up("almost", 29)?;
    let request = world.hold_request("b", 90).with_debt_limit(world.amount(20));
    world.short(|| world.hold_with(request.clone()))?;
    world.top_up("the last", 1)?;
    world.fresh(|| world.hold_with(request))?;
    // Without open holds there is nothing to wait for.
    world.void("a")?;
    world.void("b")?;
    ensure_eq!(world.short(|| world.hold("c", 1_000))?.next_release_in(), None);
    Ok(())
}

/// `next_release_in` is when the first hold that is *open* must end, not one that was closed meanwhile.
fn a_shortfall_tells_the_next_release_of_what_is_open(make: Make<'_>) -> Checked {
    for close in [|world: &World| drop(world.void("a")), |world: &World| drop(world.capture("a", 0))] {
        let world = World::funded(make, 10)?;
        world.hold("a", 5)?;
        let longer = world.hold_request("b", 5).with_lifetime(Duration::from_secs(3_600));
        world.hold_with(longer)?;
        let next = || Ok::<_, Failed>(world.short(|| world.hold("c", 6))?.next_release_in());
        ensure_eq!(next()?, Some(DEFAULT_RELEASE));
        close(&world);
        ensure_eq!(next()?, Some(Duration::from_secs(3_630)));
        let rev = world.rev_of("b")?;
        let longer = world.resize_request("b", rev).with_lifetime(Duration::from_secs(7_200));
        world.resize_with(longer)?;
        ensure_eq!(next()?, Some(Duration::from_secs(7_230)));
    }
    Ok(())
}
