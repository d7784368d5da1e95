//! Clause 3: calling a changing method submits it; dropping the future undoes nothing.

use crate::conformance::failed::{Checked, ensure, ensure_eq};
use crate::conformance::world::{DEFAULT_RELEASE, Make, World, top_up};
use crate::conformance::{Check, clause};
use crate::hold::HoldStatus;
use crate::ledger::future;
use crate::ledger::request::SweepRequest;

pub(super) const CHECKS: &[Check] = clause! { 3:
    dropped_unpolled_futures_have_been_applied
    void_works_before_any_answer_came
    a_dropped_refusal_changed_nothing
};

fn dropped_unpolled_futures_have_been_applied(make: Make<'_>) -> Checked {
    let world = World::new(make);
    drop(world.ledger.post(world.post_request("paid in", top_up(), 100)));
    ensure_eq!(world.entry_of("paid in")?.amount().minor(), 100);
    drop(world.ledger.hold(world.hold_request("a", 10)));
    let hold = world.state_of("a")?;
    ensure_eq!(hold.total().minor(), 10);
    drop(world.ledger.resize(world.resize_request("a", hold.rev()).with_total(world.amount(20))));
    ensure_eq!(world.state_of("a")?.total().minor(), 20);
    drop(world.ledger.capture(world.capture_request("a", 15)));
    ensure_eq!(world.state_of("a")?.status(), HoldStatus::Captured);
    world.replayed(|| world.capture("a", 15))?;
    drop(world.ledger.hold(world.hold_request("b", 10)));
    drop(world.ledger.void(world.void_request("b")));
    ensure_eq!(world.state_of("b")?.status(), HoldStatus::Voided);
    ensure_eq!((world.available()?, world.seq()?), (85, 6));
    world.hold("c", 10)?;
    world.clock.advance(DEFAULT_RELEASE);
    drop(world.ledger.sweep(SweepRequest::new()));
    ensure_eq!(world.sweep()?.released(), 0);
    Ok(())
}

fn void_works_before_any_answer_came(make: Make<'_>) -> Checked {
    let world = World::funded(make, 10)?;
    let answer = world.ledger.hold(world.hold_request("a", 10));
    world.fresh(|| world.void("a"))?;
    // The answer to the hold is what it was when it was made, or as it stands now; never an error.
    ensure!(!future::wait(answer)?.is_replay());
    ensure_eq!(world.available()?, 10);
    ensure_eq!(world.replayed(|| world.hold("a", 10))?.status(), HoldStatus::Voided);
    Ok(())
}

fn a_dropped_refusal_changed_nothing(make: Make<'_>) -> Checked {
    let world = World::funded(make, 10)?;
    world.without_a_trace(|| drop(world.ledger.hold(world.hold_request("a", 11))))?;
    ensure!(world.find_hold("a")?.is_none());
    Ok(())
}
