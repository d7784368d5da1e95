//! Clause 6: what a capture may take, on time and late, above the hold and below; what can be given back.

mod grants;

use std::time::Duration;

use crate::captured::Captured;
use crate::conformance::failed::{Checked, ensure, ensure_eq, fail};
use crate::conformance::world::{Answer, DEFAULT_RELEASE, Make, World, key};
use crate::conformance::{Check, clause};
use crate::entry::{ChargeRef, EntryKind};
use crate::error::LedgerError;
use crate::hold::{HoldStatus, LateCapture, OverCapture};

pub(super) use grants::CHECKS as WITH_GRANTS;

pub(super) const CHECKS: &[Check] = clause! { 6:
    a_capture_below_frees_the_rest
    a_capture_of_nothing_closes_and_charges_nothing
    above_the_hold_reject
    above_the_hold_up_to_available
    above_the_hold_debt
    above_the_hold_never_touches_another_hold
    above_the_hold_below_zero_takes_the_hold_and_no_more
    partial_captures_name_absolute_totals
    partial_captures_reordered_and_repeated
    a_partial_capture_above_is_collected_later
    late_reject
    late_if_available
    late_debt
    late_captures_leave_other_holds_alone
    a_voided_hold_cannot_be_captured
    a_captured_hold_cannot_be_voided
    resize_moves_the_difference
    resize_is_guarded_by_its_revision
    refused_growth_leaves_the_old_hold
    resize_not_below_what_was_captured
    resize_of_a_closed_hold_is_refused
    refunds_of_a_charge_are_limited_to_what_is_left
    refunds_of_a_hold_are_limited_to_what_is_left
    a_refund_of_what_is_no_charge_is_refused
};

fn over(world: &World, name: &str, total: i64, policy: OverCapture, debt: i64) -> Answer<Captured> {
    let request = world.capture_request(name, total).with_over(policy);
    world.capture_with(request.with_debt_limit(world.amount(debt)))
}

fn tardy(world: &World, name: &str, total: i64, policy: LateCapture, debt: i64) -> Answer<Captured> {
    let request = world.capture_request(name, total).with_late(policy);
    world.capture_with(request.with_debt_limit(world.amount(debt)))
}

fn a_capture_below_frees_the_rest(make: Make<'_>) -> Checked {
    let world = World::funded(make, 100)?;
    world.hold("a", 10)?;
    let captured = world.fresh(|| world.capture("a", 4))?;
    ensure_eq!(
        (captured.charged().minor(), captured.captured().minor(), captured.freed().minor()),
        (4, 4, 6)
    );
    ensure_eq!((captured.uncollected().minor(), captured.is_late()), (0, false));
    ensure_eq!(captured.status(), HoldStatus::Captured);
    ensure_eq!((world.available()?, world.held()?), (96, 0));
    world.hold("b", 10)?;
    let captured = world.fresh(|| world.capture("b", 10))?;
    ensure_eq!((captured.charged().minor(), captured.freed().minor()), (10, 0));
    Ok(())
}

fn a_capture_of_nothing_closes_and_charges_nothing(make: Make<'_>) -> Checked {
    let world = World::funded(make, 100)?;
    world.hold("a", 10)?;
    let captured = world.fresh(|| world.capture("a", 0))?;
    ensure_eq!((captured.charged().minor(), captured.freed().minor()), (0, 10));
    ensure_eq!(captured.status(), HoldStatus::Captured);
    ensure_eq!(world.posted()?, 100);
    world.replayed(|| world.capture("a", 0))?;
    Ok(())
}

fn above_the_hold_reject(make: Make<'_>) -> Checked {
    let world = World::funded(make, 100)?;
    world.hold("other", 30)?;
    world.hold("a", 10)?;
    let error = world.refused(|| over(&world, "a", 11, OverCapture::Reject, 1_000))?;
    ensure_eq!(error, LedgerError::OverCapture { total: world.amount(11), hold: world.amount(10) });
    let captured = world.fresh(|| over(&world, "a", 10, OverCapture::Reject, 0))?;
    ensure_eq!(captured.charged().minor(), 10);
    Ok(())
}

fn above_the_hold_up_to_available(make: Make<'_>) -> Checked {
    for (total, charged, uncollected) in [(11, 11, 0), (70, 70, 0), (71, 70, 1), (1_000, 70, 930)] {
        let world = World::funded(make, 100)?;
        world.hold("other", 30)?;
        world.hold("a", 10)?;
        // Its debt limit is for the other policy.
        let captured = world.fresh(|| over(&world, "a", total, OverCapture::UpToAvailable, 50))?;
        ensure_eq!((captured.charged().minor(), captured.uncollected().minor()), (charged, uncollected));
        ensure_eq!((captured.captured().minor(), captured.freed().minor()), (charged, 0));
        ensure_eq!(world.available()?, 70 - charged);
        let hold = world.state_of("a")?;
        ensure_eq!((hold.captured().minor(), hold.uncollected().minor()), (charged, uncollected));
        ensure_eq!(world.last_entry()?.uncollected().minor(), uncollected);
        ensure_eq!(world.state_of("other")?.reserved().minor(), 30);
    }
    Ok(())
}

fn above_the_hold_debt(make: Make<'_>) -> Checked {
    for (total, debt, charged, uncollected) in
        [(11, 50, 11, 0), (71, 50, 71, 0), (120, 50, 120, 0), (121, 50, 120, 1), (121, 0, 70, 51)]
    {
        let world = World::funded(make, 100)?;
        world.hold("other", 30)?;
        world.hold("a", 10)?;
        let captured = world.fresh(|| over(&world, "a", total, OverCapture::Debt, debt))?;
        ensure_eq!((captured.charged().minor(), captured.uncollected().minor()), (charged, uncollected));
        ensure_eq!(world.available()?, 70 - charged);
        ensure_eq!(world.state_of("other")?.reserved().minor(), 30);
    }
    Ok(())
}

fn above_the_hold_never_touches_another_hold(make: Make<'_>) -> Checked {
    let world = World::funded(make, 30)?;
    for name in ["a", "b", "c"] {
        world.hold(name, 10)?;
    }
    let captured = world.fresh(|| over(&world, "b", 30, OverCapture::UpToAvailable, 0))?;
    ensure_eq!((captured.charged().minor(), captured.uncollected().minor()), (10, 20));
    let captured = world.fresh(|| over(&world, "c", 30, OverCapture::Debt, 5))?;
    ensure_eq!((captured.charged().minor(), captured.uncollected().minor()), (15, 15));
    // Whatever the others did, this one is paid for.
    let captured = world.fresh(|| world.capture("a", 10))?;
    ensure_eq!((captured.charged().minor(), captured.uncollected().minor()), (10, 0));
    ensure_eq!(world.available()?, -5);
    Ok(())
}

fn above_the_hold_below_zero_takes_the_hold_and_no_more(make: Make<'_>) -> Checked {
    let world = World::funded(make, 10)?;
    world.hold("a", 10)?;
    world.hold("debt", 0)?;
    world.adjust("chargeback", -100)?;
    let captured = world.fresh(|| over(&world, "a", 15, OverCapture::UpToAvailable, 0))?;
    ensure_eq!((captured.charged().minor(), captured.uncollected().minor()), (10, 5));
    let captured = world.fresh(|| over(&world, "debt", 15, OverCapture::Debt, 90))?;
    ensure_eq!((captured.charged().minor(), captured.uncollected().minor()), (0, 15));
    ensure_eq!(world.available()?, -100);
    Ok(())
}

fn partial_captures_name_absolute_totals(make: Make<'_>) -> Checked {
    let world = World::funded(make, 100)?;
    world.hold("a", 10)?;
    for (total, charged) in [(3, 3), (4, 1), (9, 5)] {
        let captured = world.fresh(|| world.partial("a", total))?;
        ensure_eq!((captured.charged().minor(), captured.captured().minor()), (charged, total));
        ensure_eq!((captured.status(), captured.freed().minor()), (HoldStatus::Open, 0));
        ensure_eq!(world.available()?, 90, "the rest stays held");
        ensure_eq!(world.held()?, 10 - total);
    }
    let captured = world.fresh(|| world.capture("a", 9))?;
    ensure_eq!(
        (captured.charged().minor(), captured.captured().minor(), captured.freed().minor()),
        (0, 9, 1)
    );
    ensure_eq!(world.available()?, 91);
    Ok(())
}

fn partial_captures_reordered_and_repeated(make: Make<'_>) -> Checked {
    let world = World::funded(make, 100)?;
    world.hold("a", 10)?;
    world.fresh(|| world.partial("a", 6))?;
    let replay = world.replayed(|| world.partial("a", 6))?;
    ensure_eq!((replay.charged().minor(), replay.captured().minor()), (0, 6));
    // The earlier one comes after: up to there it is settled already. Nothing is charged, nothing given back.
    let replay = world.replayed(|| world.partial("a", 3))?;
    ensure_eq!((replay.charged().minor(), replay.captured().minor()), (0, 6));
    let error = world.refused(|| world.capture("a", 3))?;
    ensure_eq!(error, LedgerError::BelowCaptured { total: world.amount(3), captured: world.amount(6) });
    // A final capture of the same total is no replay of the partial one: it closes the hold.
    let captured = world.fresh(|| world.capture("a", 6))?;
    ensure_eq!((captured.charged().minor(), captured.freed().minor()), (0, 4));
    // Partial captures that come after the end change nothing, whatever they answer.
    for total in [0, 3, 6, 10] {
        let seq = world.seq()?;
        let answer = world.without_a_trace(|| world.partial("a", total))?;
        if let Ok(applied) = answer {
            ensure!(applied.is_replay() && total <= 6, "{applied:?}");
            ensure_eq!(applied.seq(), seq);
        }
    }
    ensure_eq!((world.available()?, world.statement()?.len()), (94, 2));
    Ok(())
}

fn a_partial_capture_above_is_collected_later(make: Make<'_>) -> Checked {
    let world = World::funded(make, 12)?;
    world.hold("a", 10)?;
    let captured = world.fresh(|| world.partial("a", 20))?;
    ensure_eq!((captured.charged().minor(), captured.uncollected().minor()), (12, 8));
    ensure_eq!((world.held()?, world.available()?), (0, 0));
    world.top_up("more", 5)?;
    let captured = world.fresh(|| world.capture("a", 21))?;
    ensure_eq!((captured.charged().minor(), captured.captured().minor()), (5, 17));
    ensure_eq!(captured.uncollected().minor(), 4, "of the total named");
    let entries = world.statement()?;
    // 8 could not be collected, then 4 in all: that last one collected 4 of the 8.
    ensure_eq!(entries.iter().map(|entry| entry.uncollected().minor()).sum::<i64>(), 4);
    ensure_eq!(world.last_entry()?.uncollected().minor(), -4);
    Ok(())
}

fn late_reject(make: Make<'_>) -> Checked {
    let world = World::funded(make, 100)?;
    world.hold("a", 10)?;
    world.clock.advance(DEFAULT_RELEASE);
    match world.refused(|| tardy(&world, "a", 10, LateCapture::Reject, 50))? {
        LedgerError::HoldExpired(hold) => {
            ensure_eq!((hold.status(), hold.is_late()), (HoldStatus::Expired, false));
        }
        other => fail!("another answer was expected: {other:?}"),
    }
    // Not frozen: another policy may follow.
    world.fresh(|| tardy(&world, "a", 10, LateCapture::IfAvailable, 0))?;
    Ok(())
}

fn late_if_available(make: Make<'_>) -> Checked {
    for (spent, charged, uncollected) in [(0, 10, 0), (90, 10, 0), (95, 5, 5), (100, 0, 10)] {
        let world = World::funded(make, 100)?;
        world.hold("a", 10)?;
        world.clock.advance(DEFAULT_RELEASE);
        world.charge("b", spent)?;
        let captured = world.fresh(|| tardy(&world, "a", 10, LateCapture::IfAvailable, 50))?;
        ensure_eq!((captured.charged().minor(), captured.uncollected().minor()), (charged, uncollected));
        ensure!(captured.is_late());
        ensure_eq!((captured.status(), captured.freed().minor()), (HoldStatus::Captured, 0));
        let hold = world.state_of("a")?;
        ensure!(hold.is_late());
        ensure_eq!((hold.captured().minor(), hold.uncollected().minor()), (charged, uncollected));
        world.replayed(|| tardy(&world, "a", 10, LateCapture::IfAvailable, 50))?;
        // Recorded where the charge would have been, even if nothing could be charged.
        let entry = world.last_entry()?;
        ensure!(entry.is_late());
        ensure_eq!((entry.amount().minor(), entry.uncollected().minor()), (-charged, uncollected));
    }
    Ok(())
}

fn late_debt(make: Make<'_>) -> Checked {
    for (spent, debt, charged, uncollected) in
        [(0, 0, 10, 0), (100, 10, 10, 0), (100, 4, 4, 6), (95, 4, 9, 1)]
    {
        let world = World::funded(make, 100)?;
        world.hold("a", 10)?;
        world.clock.advance(DEFAULT_RELEASE);
        world.charge("b", spent)?;
        let captured = world.fresh(|| tardy(&world, "a", 10, LateCapture::Debt, debt))?;
        ensure_eq!((captured.charged().minor(), captured.uncollected().minor()), (charged, uncollected));
        ensure_eq!(world.available()?, 100 - spent - charged);
    }
    Ok(())
}

fn late_captures_leave_other_holds_alone(make: Make<'_>) -> Checked {
    let world = World::funded(make, 10)?;
    world.hold("a", 10)?;
    world.clock.advance(DEFAULT_RELEASE);
    world.hold("b", 7)?;
    let captured = world.fresh(|| world.capture("a", 10))?;
    ensure_eq!((captured.charged().minor(), captured.uncollected().minor()), (3, 7));
    ensure_eq!(world.fresh(|| world.capture("b", 7))?.charged().minor(), 7);
    ensure_eq!(world.available()?, 0);
    Ok(())
}

fn a_voided_hold_cannot_be_captured(make: Make<'_>) -> Checked {
    let world = World::funded(make, 100)?;
    world.hold("a", 10)?;
    world.void("a")?;
    for total in [0, 10, 20] {
        match world.refused(|| world.capture("a", total))? {
            LedgerError::HoldClosed(hold) => ensure_eq!(hold.status(), HoldStatus::Voided),
            other => fail!("another answer was expected: {other:?}"),
        }
    }
    // Not even when its time is over, and not by the policy for late ones.
    world.clock.advance(DEFAULT_RELEASE);
    let error = world.refused(|| tardy(&world, "a", 10, LateCapture::Debt, 50))?;
    ensure!(matches!(error, LedgerError::HoldClosed(_)));
    Ok(())
}

fn a_captured_hold_cannot_be_voided(make: Make<'_>) -> Checked {
    let world = World::funded(make, 100)?;
    world.hold("a", 10)?;
    world.capture("a", 4)?;
    ensure!(matches!(world.refused(|| world.void("a"))?, LedgerError::HoldClosed(_)));
    // Nor one of which part was captured: money charged is given back by a refund.
    world.hold("b", 10)?;
    world.partial("b", 4)?;
    let error = world.refused(|| world.void("b"))?;
    ensure_eq!(error, LedgerError::BelowCaptured { total: world.amount(0), captured: world.amount(4) });
    world.hold("c", 10)?;
    world.capture("c", 0)?;
    ensure!(matches!(world.refused(|| world.void("c"))?, LedgerError::HoldClosed(_)));
    Ok(())
}

fn resize_moves_the_difference(make: Make<'_>) -> Checked {
    let world = World::funded(make, 100)?;
    let rev = world.hold("a", 10)?.into_value().rev();
    let hold = world.fresh(|| world.resize("a", rev, 25))?;
    ensure_eq!((hold.total().minor(), hold.requested().minor(), world.available()?), (25, 10, 75));
    let hold = world.fresh(|| world.resize("a", hold.rev(), 5))?;
    ensure_eq!((hold.total().minor(), world.available()?), (5, 95));
    let hold = world.fresh(|| world.resize("a", hold.rev(), 100))?;
    ensure_eq!((hold.reserved().minor(), world.available()?), (100, 0));
    // Captures are part of the total.
    world.partial("a", 40)?;
    let rev = world.rev_of("a")?;
    let hold = world.fresh(|| world.resize("a", rev, 50))?;
    ensure_eq!((hold.reserved().minor(), world.available()?), (10, 50));
    let hold = world.fresh(|| world.resize("a", hold.rev(), 40))?;
    ensure_eq!((hold.reserved().minor(), hold.status()), (0, HoldStatus::Open));
    ensure_eq!(world.available()?, 60);
    Ok(())
}

fn resize_is_guarded_by_its_revision(make: Make<'_>) -> Checked {
    let world = World::funded(make, 100)?;
    let first = world.hold("a", 10)?.into_value();
    let second = world.resize("a", first.rev(), 20)?.into_value();
    ensure_eq!(second.rev(), first.rev() + 1);
    for rev in [first.rev(), second.rev() + 1, u32::MAX] {
        match world.refused(|| world.resize("a", rev, 30))? {
            LedgerError::Superseded(hold) => ensure_eq!(*hold, second),
            other => fail!("another answer was expected: {other:?}"),
        }
    }
    world.fresh(|| world.resize("a", second.rev(), 30))?;
    // A capture changes it too.
    let rev = world.rev_of("a")?;
    world.partial("a", 1)?;
    ensure!(matches!(world.refused(|| world.resize("a", rev, 40))?, LedgerError::Superseded(_)));
    Ok(())
}

fn refused_growth_leaves_the_old_hold(make: Make<'_>) -> Checked {
    let world = World::funded(make, 10)?;
    world.hold("other", 3)?;
    let hold = world.hold("a", 5)?.into_value();
    let longer = world
        .resize_request("a", hold.rev())
        .with_total(world.amount(8))
        .with_lifetime(Duration::from_secs(3_600));
    let short = world.short(|| world.resize_with(longer.clone()))?;
    ensure_eq!((short.missing().minor(), short.available().minor(), short.held().minor()), (1, 2, 8));
    ensure_eq!(world.state_of("a")?, hold);
    // As far as the debt goes, and no further.
    let deeper = longer.clone().with_debt_limit(world.amount(1));
    let grown = world.fresh(|| world.resize_with(deeper))?;
    ensure_eq!((grown.total().minor(), world.available()?), (8, -1));
    // Shrinking needs no money, even below zero.
    ensure_eq!(world.fresh(|| world.resize("a", grown.rev(), 6))?.total().minor(), 6);
    Ok(())
}

fn resize_not_below_what_was_captured(make: Make<'_>) -> Checked {
    let world = World::funded(make, 100)?;
    world.hold("a", 10)?;
    world.partial("a", 4)?;
    let rev = world.rev_of("a")?;
    let error = world.refused(|| world.resize("a", rev, 3))?;
    ensure_eq!(error, LedgerError::BelowCaptured { total: world.amount(3), captured: world.amount(4) });
    world.fresh(|| world.resize("a", rev, 4))?;
    Ok(())
}

fn resize_of_a_closed_hold_is_refused(make: Make<'_>) -> Checked {
    let world = World::funded(make, 100)?;
    for name in ["captured", "voided", "expired"] {
        world.hold(name, 10)?;
    }
    world.capture("captured", 10)?;
    world.void("voided")?;
    world.clock.advance(DEFAULT_RELEASE);
    for name in ["captured", "voided", "expired"] {
        let hold = world.state_of(name)?;
        match world.refused(|| world.resize(name, hold.rev(), 20))? {
            LedgerError::HoldClosed(given) => ensure_eq!(*given, hold),
            other => fail!("{name}: {other:?}"),
        }
    }
    Ok(())
}

fn refunds_of_a_charge_are_limited_to_what_is_left(make: Make<'_>) -> Checked {
    let world = World::funded(make, 100)?;
    world.charge("a", 10)?;
    let entry = world.fresh(|| world.refund_charge("r1", "a", 4))?;
    ensure_eq!((entry.amount().minor(), entry.kind()), (4, EntryKind::Refund));
    ensure_eq!(entry.refund_of(), Some(&ChargeRef::Charge(key("a"))));
    let error = world.refused(|| world.refund_charge("r2", "a", 7))?;
    ensure_eq!(error, LedgerError::RefundTooLarge { amount: world.amount(7), refundable: world.amount(6) });
    world.fresh(|| world.refund_charge("r2", "a", 6))?;
    ensure_eq!(world.entry_of("a")?.refunded().minor(), 10);
    let error = world.refused(|| world.refund_charge("r3", "a", 1))?;
    ensure_eq!(error, LedgerError::RefundTooLarge { amount: world.amount(1), refundable: world.amount(0) });
    ensure_eq!(world.available()?, 100);
    Ok(())
}

fn refunds_of_a_hold_are_limited_to_what_is_left(make: Make<'_>) -> Checked {
    let world = World::funded(make, 100)?;
    world.hold("a", 20)?;
    world.partial("a", 10)?;
    // Of an open hold, what was captured so far.
    world.fresh(|| world.refund_hold("r1", "a", 4))?;
    let error = world.refused(|| world.refund_hold("r2", "a", 7))?;
    ensure_eq!(error, LedgerError::RefundTooLarge { amount: world.amount(7), refundable: world.amount(6) });
    let hold = world.state_of("a")?;
    ensure_eq!((hold.refunded().minor(), hold.captured().minor(), hold.reserved().minor()), (4, 10, 10));
    // A refund takes nothing from what captures count.
    let captured = world.fresh(|| world.capture("a", 12))?;
    ensure_eq!((captured.charged().minor(), captured.captured().minor()), (2, 12));
    world.fresh(|| world.refund_hold("r2", "a", 8))?;
    let error = world.refused(|| world.refund_hold("r3", "a", 1))?;
    ensure!(matches!(error, LedgerError::RefundTooLarge { .. }));
    ensure_eq!(world.available()?, 100);
    // What was not collected cannot be given back.
    world.hold("b", 10)?;
    world.capture("b", 500)?;
    let error = world.refused(|| world.refund_hold("r4", "b", 101))?;
    ensure_eq!(
        error,
        LedgerError::RefundTooLarge { amount: world.amount(101), refundable: world.amount(100) }
    );
    world.fresh(|| world.refund_hold("r4", "b", 100))?;
    Ok(())
}

fn a_refund_of_what_is_no_charge_is_refused(make: Make<'_>) -> Checked {
    let world = World::funded(make, 100)?;
    world.adjust("down", -10)?;
    world.charge("c", 5)?;
    world.refund_charge("r", "c", 2)?;
    for name in ["paid in", "down", "r", "never"] {
        ensure_eq!(world.refused(|| world.refund_charge("x", name, 1))?, LedgerError::UnknownCharge);
    }
    // A hold is not found among the charges, nor a charge among the holds.
    world.hold("h", 10)?;
    world.capture("h", 10)?;
    ensure_eq!(world.refused(|| world.refund_charge("x", "h", 1))?, LedgerError::UnknownCharge);
    ensure_eq!(world.refused(|| world.refund_hold("x", "c", 1))?, LedgerError::UnknownCharge);
    // Of a hold of which nothing was captured nothing can be refunded.
    world.hold("v", 10)?;
    world.void("v")?;
    let error = world.refused(|| world.refund_hold("x", "v", 1))?;
    ensure!(matches!(error, LedgerError::RefundTooLarge { .. } | LedgerError::UnknownCharge), "{error:?}");
    Ok(())
}
