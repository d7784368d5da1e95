//! Clause 5: lifetimes are durations on the ledger's clock, decided when something is decided, swept or not.

mod credit;

use std::time::Duration;

use crate::account::Applied;
use crate::clock::Timestamp;
use crate::conformance::failed::{Checked, ensure, ensure_eq};
use crate::conformance::world::{DEFAULT_RELEASE, MICRO, Make, World, just_before};
use crate::conformance::{Check, clause};
use crate::entry::Entry;
use crate::error::LedgerError;
use crate::hold::{HoldStatus, LateCapture};

pub(super) use credit::CHECKS as OF_CREDIT;

pub(super) const CHECKS: &[Check] = clause! { 5:
    expires_exactly_at_release_not_a_microsecond_earlier
    money_of_an_expired_hold_is_there_without_a_sweep
    an_expired_hold_never_causes_a_refusal
    all_that_has_expired_counts_as_released_however_many
    an_expired_hold_never_makes_a_sum_too_large
    a_capture_within_the_grace_is_not_late
    without_grace_it_ends_at_its_end
    a_sweep_and_a_capture_bill_once
    no_hold_expires_twice
    a_repeated_hold_after_expiry_is_a_replay
    an_expired_partly_captured_hold_keeps_what_was_captured
    resize_only_lengthens
    a_longer_life_counts_from_now
    a_sweep_is_bounded
    a_sweep_spares_what_is_not_due
    a_clock_going_backwards_gives_nothing_back_early_and_revives_nothing
};

fn expires_exactly_at_release_not_a_microsecond_earlier(make: Make<'_>) -> Checked {
    let world = World::funded(make, 10)?;
    let made = world.now();
    let request = world
        .hold_request("a", 10)
        .with_lifetime(Duration::from_secs(7))
        .with_grace(Duration::from_micros(3));
    let hold = world.fresh(|| world.hold_with(request))?;
    ensure_eq!(hold.opened_at(), made);
    ensure_eq!(hold.ends_at(), made.saturating_add(Duration::from_secs(7)));
    ensure_eq!(hold.release_at(), hold.ends_at().saturating_add(Duration::from_micros(3)));
    world.clock.set(just_before(hold.release_at()));
    ensure_eq!(world.sweep()?.released(), 0);
    let short = world.short(|| world.hold("b", 1))?;
    ensure_eq!(short.next_release_in(), Some(MICRO));
    ensure_eq!(world.state_of("a")?.status(), HoldStatus::Open);
    world.clock.set(hold.release_at());
    world.hold("b", 10)?;
    let expired = world.state_of("a")?;
    ensure_eq!((expired.status(), expired.reserved().minor()), (HoldStatus::Expired, 0));
    Ok(())
}

fn money_of_an_expired_hold_is_there_without_a_sweep(make: Make<'_>) -> Checked {
    // Each way of deciding or reading, alone, sees it as released.
    let looks: [fn(&World) -> Checked<bool>; 6] = [
        |world| Ok(world.available()? == 10),
        |world| Ok(world.state_of("a")?.status() == HoldStatus::Expired),
        |world| Ok(world.holds(world.holds_request())?.holds().is_empty()),
        |world| Ok(world.hold("b", 10).is_ok()),
        |world| Ok(world.charge("b", 10).is_ok()),
        |world| Ok(world.hold("a", 10)?.value().status() == HoldStatus::Expired),
    ];
    for look in looks {
        let world = World::funded(make, 10)?;
        let hold = world.hold("a", 10)?.into_value();
        world.clock.set(hold.release_at());
        ensure!(look(&world)?);
        ensure_eq!(world.state_of("a")?.status(), HoldStatus::Expired);
    }
    Ok(())
}

fn an_expired_hold_never_causes_a_refusal(make: Make<'_>) -> Checked {
    // However many have expired unswept.
    let world = World::funded(make, 300)?;
    for index in 0..300 {
        world.hold(&format!("h{index}"), 1)?;
    }
    world.clock.advance(DEFAULT_RELEASE);
    world.hold("all", 300)?;
    ensure_eq!(world.available()?, 0);
    // A resize and a charge find the money too.
    let world = World::funded(make, 10)?;
    world.hold("a", 5)?;
    let long = world.hold_request("b", 5).with_lifetime(Duration::from_secs(3_600));
    let rev = world.hold_with(long)?.into_value().rev();
    world.clock.advance(DEFAULT_RELEASE);
    let grown = world.resize("b", rev, 10)?;
    ensure_eq!((grown.available_before().minor(), grown.available_after().minor()), (5, 0));
    Ok(())
}

/// "From then on it counts as released in every decision": in those that succeed too, whose reply says what was
/// available before and after.
fn all_that_has_expired_counts_as_released_however_many(make: Make<'_>) -> Checked {
    let decide: [Decide; 4] = [
        |world| Ok(before_and_after(&world.charge("c", 1)?)),
        |world| Ok(before_and_after(&world.hold("c", 1)?)),
        |world| Ok(before_and_after(&world.capture("long", 1)?)),
        |world| Ok(before_and_after(&world.top_up("c", 1)?)),
    ];
    for (decide, change) in decide.iter().zip([-1, -1, 0, 1]) {
        let world = World::funded(make, 301)?;
        let long = world.hold_request("long", 1).with_lifetime(Duration::from_secs(3_600));
        world.hold_with(long)?;
        for index in 0..300 {
            world.hold(&format!("h{index}"), 1)?;
        }
        world.clock.advance(DEFAULT_RELEASE);
        ensure_eq!(decide(&world)?, (300, 300 + change));
        ensure_eq!(world.seq()?, 603);
    }
    Ok(())
}

/// Decides something, and says what was available before and after.
type Decide = fn(&World) -> Checked<(i64, i64)>;

fn before_and_after<T>(applied: &Applied<T>) -> (i64, i64) {
    (applied.available_before().minor(), applied.available_after().minor())
}

/// A sum that is only too large because of holds whose time has ended is no reason to refuse.
fn an_expired_hold_never_makes_a_sum_too_large(make: Make<'_>) -> Checked {
    let world = World::funded(make, i64::MAX)?;
    for index in 0..100 {
        world.hold(&format!("h{index}"), i64::MAX / 100)?;
    }
    world.clock.advance(DEFAULT_RELEASE);
    let debt = world.hold_request("all", i64::MAX).with_debt_limit(world.amount(i64::MAX));
    ensure_eq!(world.hold_with(debt)?.available_after().minor(), 0);
    Ok(())
}

fn a_capture_within_the_grace_is_not_late(make: Make<'_>) -> Checked {
    let world = World::funded(make, 10)?;
    let hold = world.hold("a", 10)?.into_value();
    world.clock.set(just_before(hold.release_at()));
    let request = world.capture_request("a", 10).with_late(LateCapture::Reject);
    let captured = world.fresh(|| world.capture_with(request))?;
    ensure!(!captured.is_late() && !world.state_of("a")?.is_late());
    ensure_eq!(captured.charged().minor(), 10);
    Ok(())
}

fn without_grace_it_ends_at_its_end(make: Make<'_>) -> Checked {
    let world = World::funded(make, 10)?;
    let request =
        world.hold_request("a", 10).with_grace(Duration::ZERO).with_lifetime(Duration::from_millis(1));
    let hold = world.hold_with(request)?.into_value();
    ensure_eq!(hold.release_at(), hold.ends_at());
    world.clock.advance(Duration::from_millis(1) - MICRO);
    ensure_eq!(world.available()?, 0);
    world.clock.advance(MICRO);
    ensure_eq!(world.available()?, 10);
    Ok(())
}

fn a_sweep_and_a_capture_bill_once(make: Make<'_>) -> Checked {
    // Captured in time, swept after: one charge, nothing to release.
    let world = World::funded(make, 10)?;
    let hold = world.hold("a", 6)?.into_value();
    world.clock.set(just_before(hold.release_at()));
    world.capture("a", 6)?;
    world.clock.set(hold.release_at());
    ensure_eq!(world.sweep()?.released(), 0);
    ensure_eq!((world.posted()?, world.held()?), (4, 0));
    // Swept first: a late capture, once.
    let world = World::funded(make, 10)?;
    let hold = world.hold("a", 6)?.into_value();
    world.clock.set(hold.release_at());
    ensure_eq!(world.sweep()?.released(), 1);
    let captured = world.fresh(|| world.capture("a", 6))?;
    ensure!(captured.is_late());
    world.replayed(|| world.capture("a", 6))?;
    ensure_eq!(world.posted()?, 4);
    // Not swept at all: late all the same.
    let world = World::funded(make, 10)?;
    let hold = world.hold("a", 6)?.into_value();
    world.clock.set(hold.release_at());
    ensure!(world.capture("a", 6)?.value().is_late());
    ensure_eq!((world.available()?, world.sweep()?.released()), (4, 0));
    ensure_eq!(world.statement()?.len(), 2);
    Ok(())
}

fn no_hold_expires_twice(make: Make<'_>) -> Checked {
    let world = World::funded(make, 10)?;
    world.hold("a", 6)?;
    world.clock.advance(DEFAULT_RELEASE);
    ensure_eq!(world.sweep()?.released(), 1);
    ensure_eq!(world.seq()?, 3);
    for _ in 0..3 {
        ensure_eq!(world.sweep()?.released(), 0);
        world.clock.advance(DEFAULT_RELEASE);
    }
    ensure_eq!((world.available()?, world.seq()?), (10, 3));
    // A clock that goes back and comes again changes nothing.
    world.clock.set(Timestamp::from_micros(0));
    ensure_eq!((world.available()?, world.seq()?), (10, 3));
    world.clock.advance(Duration::from_secs(400_000_000 * 10));
    ensure_eq!((world.sweep()?.released(), world.available()?, world.seq()?), (0, 10, 3));
    Ok(())
}

fn a_repeated_hold_after_expiry_is_a_replay(make: Make<'_>) -> Checked {
    let world = World::funded(make, 10)?;
    world.hold("a", 6)?;
    world.clock.advance(DEFAULT_RELEASE);
    ensure_eq!(world.replayed(|| world.hold("a", 6))?.status(), HoldStatus::Expired);
    ensure_eq!(world.available()?, 10);
    Ok(())
}

fn an_expired_partly_captured_hold_keeps_what_was_captured(make: Make<'_>) -> Checked {
    let world = World::funded(make, 10)?;
    world.hold("a", 6)?;
    world.partial("a", 2)?;
    world.clock.advance(DEFAULT_RELEASE);
    ensure_eq!((world.available()?, world.posted()?), (8, 8));
    let hold = world.state_of("a")?;
    ensure_eq!((hold.status(), hold.captured().minor(), hold.is_late()), (HoldStatus::Expired, 2, false));
    // A late capture charges only what is new.
    let captured = world.fresh(|| world.capture("a", 5))?;
    ensure_eq!((captured.charged().minor(), captured.captured().minor()), (3, 5));
    ensure!(captured.is_late());
    Ok(())
}

fn resize_only_lengthens(make: Make<'_>) -> Checked {
    let world = World::funded(make, 10)?;
    let first = world.hold("a", 6)?.into_value();
    let shorter = world.resize_request("a", first.rev()).with_lifetime(Duration::from_secs(1));
    let hold = world.resize_with(shorter)?.into_value();
    ensure_eq!((hold.ends_at(), hold.release_at()), (first.ends_at(), first.release_at()));
    let longer = world.resize_request("a", hold.rev()).with_lifetime(Duration::from_secs(600));
    let hold = world.fresh(|| world.resize_with(longer))?;
    ensure_eq!(hold.ends_at(), world.now().saturating_add(Duration::from_secs(600)));
    ensure_eq!(hold.release_at(), hold.ends_at().saturating_add(Duration::from_secs(30)));
    ensure_eq!(hold.total(), first.total());
    // It does last: at its first release it is open, at its second it is not.
    world.clock.set(first.release_at());
    ensure_eq!((world.sweep()?.released(), world.available()?), (0, 4));
    world.clock.set(just_before(hold.release_at()));
    ensure_eq!((world.sweep()?.released(), world.available()?), (0, 4));
    world.clock.set(hold.release_at());
    ensure_eq!((world.sweep()?.released(), world.available()?), (1, 10));
    Ok(())
}

fn a_longer_life_counts_from_now(make: Make<'_>) -> Checked {
    let world = World::funded(make, 10)?;
    let first = world.hold("a", 6)?.into_value();
    // In the grace it is still open and can be kept alive.
    world.clock.set(first.ends_at().saturating_add(Duration::from_secs(10)));
    let longer = world.resize_request("a", first.rev()).with_lifetime(Duration::from_secs(1));
    let hold = world.resize_with(longer)?.into_value();
    ensure_eq!(hold.ends_at(), world.now().saturating_add(Duration::from_secs(1)));
    ensure_eq!(hold.release_at(), hold.ends_at().saturating_add(Duration::from_secs(30)));
    // After its release it cannot.
    world.clock.set(hold.release_at());
    let revived = world.resize_request("a", hold.rev()).with_lifetime(Duration::from_secs(60));
    let answer = world.resize_with(revived);
    ensure!(
        matches!(
            answer,
            Err(LedgerError::HoldClosed(_) | LedgerError::HoldExpired(_) | LedgerError::Superseded(_))
        ),
        "{answer:?}"
    );
    ensure_eq!(world.available()?, 10);
    Ok(())
}

fn a_sweep_is_bounded(make: Make<'_>) -> Checked {
    let world = World::funded(make, 100)?;
    for index in 0..10 {
        world.hold(&format!("h{index}"), 1)?;
    }
    world.clock.advance(DEFAULT_RELEASE);
    let mut released = vec![];
    for _ in 0..3 {
        let swept = world.sweep_at_most(3)?;
        ensure!(swept.has_more());
        released.push(swept.released());
    }
    ensure_eq!(released, [3, 3, 3]);
    let swept = world.sweep_at_most(3)?;
    ensure_eq!((swept.released(), swept.has_more()), (1, false));
    ensure_eq!((world.seq()?, world.available()?), (21, 100));
    Ok(())
}

fn a_sweep_spares_what_is_not_due(make: Make<'_>) -> Checked {
    let world = World::funded(make, 100)?;
    world.hold("due", 1)?;
    let long = world.hold_request("not due", 2).with_lifetime(Duration::from_secs(3_600));
    world.hold_with(long)?;
    world.hold("closed", 4)?;
    world.capture("closed", 4)?;
    world.clock.advance(DEFAULT_RELEASE);
    let swept = world.sweep()?;
    ensure_eq!((swept.released(), swept.has_more()), (1, false));
    ensure_eq!(world.state_of("due")?.status(), HoldStatus::Expired);
    ensure_eq!(world.state_of("not due")?.status(), HoldStatus::Open);
    ensure_eq!(world.state_of("closed")?.status(), HoldStatus::Captured);
    ensure_eq!(world.available()?, 94);
    Ok(())
}

fn a_clock_going_backwards_gives_nothing_back_early_and_revives_nothing(make: Make<'_>) -> Checked {
    let world = World::funded(make, 10)?;
    let began = world.now();
    let first = world.hold("a", 4)?.into_value();
    world.clock.advance(Duration::from_secs(100));
    let second = world.hold("b", 4)?.into_value();
    world.charge("c", 1)?;
    world.clock.set(Timestamp::from_micros(began.as_micros() - 3_600_000_000));
    ensure_eq!(world.available()?, 1);
    ensure_eq!(world.sweep()?.released(), 0);
    // A change made now is not booked before the changes it comes after.
    world.charge("d", 1)?;
    let times: Vec<_> = world.statement()?.iter().map(Entry::booked_at).collect();
    ensure!(times.is_sorted(), "{times:?}");
    ensure_eq!(world.state_of("a")?, first);
    world.clock.set(first.release_at());
    ensure_eq!(world.state_of("a")?.status(), HoldStatus::Expired);
    let seq = world.seq()?;
    // Back again: what expired stays so, what is open stays open.
    world.clock.set(began);
    ensure_eq!(world.state_of("a")?.status(), HoldStatus::Expired);
    ensure_eq!(world.state_of("b")?, second);
    ensure_eq!((world.seq()?, world.available()?), (seq, 4));
    world.clock.set(second.release_at());
    ensure_eq!(world.available()?, 8);
    world.check_sums()?;
    Ok(())
}
