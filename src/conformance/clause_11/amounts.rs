//! Amounts: the sign each must have, and the ends of their range, where nothing wraps.

use crate::conformance::clause_11::{figures, insufficient, invalid, too_large};
use crate::conformance::failed::{Checked, ensure, ensure_eq, fail};
use crate::conformance::world::{
    DEFAULT_RELEASE, Make, World, adjustment, charge, grant, refund_of, refusal, the_charge, the_hold, top_up,
};
use crate::conformance::{Check, clause};
use crate::error::LedgerError;
use crate::hold::{LateCapture, OverCapture};
use crate::ledger::request::CaptureMode;

pub(crate) const CHECKS: &[Check] = clause! { 11:
    no_field_of_a_hold_is_negative
    no_field_of_a_resize_is_negative
    no_field_of_a_capture_is_negative
    each_kind_of_posting_has_its_sign
    the_largest_amount_is_paid_in_held_and_charged_exactly
    a_balance_never_wraps_above
    a_balance_never_wraps_below
    what_is_available_never_wraps_below_while_posted_does_not
    what_is_held_never_wraps
    captures_far_above_are_collected_exactly_as_far_as_there_is_something
    late_captures_far_above_are_collected_exactly
    a_minimum_with_the_largest_amounts_takes_what_is_there
};

const MAX: i64 = i64::MAX;
const MIN: i64 = i64::MIN;

fn no_field_of_a_hold_is_negative(make: Make<'_>) -> Checked {
    let world = World::funded(make, 100)?;
    for (minor, shown) in [(-1, "-0.01 USD/2"), (-100, "-1 USD/2"), (MIN, "-92233720368547758.08 USD/2")] {
        invalid(&world, shown, || world.hold("x", minor))?;
        invalid(&world, shown, || {
            world.hold_with(world.hold_request("x", 1).with_minimum(world.amount(minor)))
        })?;
        invalid(&world, shown, || {
            world.hold_with(world.hold_request("x", 1).with_debt_limit(world.amount(minor)))
        })?;
    }
    // The least that will do is no more than what is asked for.
    invalid(&world, "0.02 USD/2", || {
        world.hold_with(world.hold_request("x", 1).with_minimum(world.amount(2)))
    })?;
    for (name, request) in [
        ("zero", world.hold_request("zero", 0)),
        ("equal", world.hold_request("equal", 5)),
        ("least", world.hold_request("least", 5).with_minimum(world.amount(0))),
    ] {
        world.hold_with(request)?;
        ensure!(world.find_hold(name)?.is_some());
    }
    Ok(())
}

fn no_field_of_a_resize_is_negative(make: Make<'_>) -> Checked {
    let world = World::funded(make, 100)?;
    let rev = world.hold("a", 10)?.into_value().rev();
    for (minor, shown) in [(-1, "-0.01 USD/2"), (MIN, "-92233720368547758.08 USD/2")] {
        invalid(&world, shown, || {
            world.resize_with(world.resize_request("a", rev).with_total(world.amount(minor)))
        })?;
        let request =
            world.resize_request("a", rev).with_total(world.amount(20)).with_debt_limit(world.amount(minor));
        invalid(&world, shown, || world.resize_with(request))?;
    }
    ensure_eq!(
        world.resize_with(world.resize_request("a", rev).with_total(world.amount(0)))?.value().total(),
        world.amount(0)
    );
    Ok(())
}

fn no_field_of_a_capture_is_negative(make: Make<'_>) -> Checked {
    let world = World::funded(make, 100)?;
    world.hold("a", 10)?;
    for (minor, shown) in [(-1, "-0.01 USD/2"), (MIN, "-92233720368547758.08 USD/2")] {
        for mode in [CaptureMode::Partial, CaptureMode::Final] {
            invalid(&world, shown, || world.capture_with(world.capture_request("a", minor).with_mode(mode)))?;
            let request = world.capture_request("a", 5).with_mode(mode).with_debt_limit(world.amount(minor));
            invalid(&world, shown, || world.capture_with(request))?;
        }
    }
    world.capture("a", 0)?;
    Ok(())
}

fn each_kind_of_posting_has_its_sign(make: Make<'_>) -> Checked {
    let world = World::funded(make, 100)?;
    world.charge("c", 50)?;
    let refund = refund_of(the_charge("c"));
    for kind in [grant(), top_up(), refund.clone()] {
        for (minor, shown) in [(0, "0 USD/2"), (-1, "-0.01 USD/2"), (MIN, "-92233720368547758.08 USD/2")] {
            invalid(&world, shown, || world.post("x", kind.clone(), minor))?;
        }
    }
    for (minor, shown) in [(-1, "-0.01 USD/2"), (MIN, "-92233720368547758.08 USD/2")] {
        invalid(&world, shown, || world.charge("x", minor))?;
        let request = world.charge_request("x", 1).with_debt_limit(world.amount(minor));
        invalid(&world, shown, || world.post_with(request))?;
    }
    invalid(&world, "0 USD/2", || world.adjust("x", 0))?;
    for (name, kind, minor) in [
        ("g", grant(), 1),
        ("t", top_up(), 1),
        ("z", charge(), 0),
        ("r", refund, 1),
        ("up", adjustment(), 1),
        ("down", adjustment(), -1),
    ] {
        world.post(name, kind, minor)?;
    }
    Ok(())
}

fn the_largest_amount_is_paid_in_held_and_charged_exactly(make: Make<'_>) -> Checked {
    let world = World::funded(make, MAX)?;
    ensure_eq!(world.available()?, MAX);
    world.hold("a", MAX)?;
    ensure_eq!(figures(&world)?, (MAX, MAX, 2));
    insufficient(&world, || world.hold("x", 1))?;
    insufficient(&world, || world.hold("x", MAX))?;
    insufficient(&world, || world.charge("x", MAX))?;
    let captured = world.capture("a", MAX)?;
    ensure_eq!(captured.value().charged().minor(), MAX);
    ensure_eq!(figures(&world)?, (0, 0, 3));
    let refund = refund_of(the_hold("a"));
    world.post("r", refund, MAX)?;
    world.charge("c", MAX)?;
    ensure_eq!(figures(&world)?, (0, 0, 5));
    world.adjust("j", MAX)?;
    world.adjust("k", -MAX)?;
    ensure_eq!(figures(&world)?, (0, 0, 7));
    Ok(())
}

fn a_balance_never_wraps_above(make: Make<'_>) -> Checked {
    let world = World::funded(make, MAX)?;
    for kind in [grant(), top_up(), adjustment()] {
        for minor in [1, MAX] {
            too_large(&world, || world.post("x", kind.clone(), minor))?;
        }
    }
    // A refund that would take it there is refused, and possible once there is room.
    world.charge("c", 5)?;
    world.top_up("t", 3)?;
    let refund = refund_of(the_charge("c"));
    too_large(&world, || world.post("x", refund.clone(), 3))?;
    // Nothing is booked in part.
    too_large(&world, || world.top_up("x", 3))?;
    too_large(&world, || world.adjust("x", 3))?;
    world.post("r", refund, 2)?;
    ensure_eq!(world.posted()?, MAX);
    Ok(())
}

fn a_balance_never_wraps_below(make: Make<'_>) -> Checked {
    let world = World::new(make);
    world.adjust("a", -MAX)?;
    too_large(&world, || world.adjust("x", -2))?;
    too_large(&world, || world.adjust("x", MIN))?;
    ensure_eq!(world.posted()?, -MAX);
    insufficient(&world, || world.hold("x", MAX))?;
    insufficient(&world, || world.hold_with(world.hold_request("x", 1).with_debt_limit(world.amount(MAX))))?;
    insufficient(&world, || {
        world.post_with(world.charge_request("x", MAX).with_debt_limit(world.amount(MAX)))
    })?;
    // The shortfall cannot say more than the largest amount, and says so without wrapping.
    match refusal(world.hold("x", MAX))? {
        LedgerError::Insufficient(short) => {
            ensure_eq!((short.missing().minor(), short.spendable().minor()), (MAX, 0));
        }
        other => fail!("another answer was expected: {other:?}"),
    }
    Ok(())
}

fn what_is_available_never_wraps_below_while_posted_does_not(make: Make<'_>) -> Checked {
    // Posted could still take the correction, but what is available would not fit.
    let world = World::new(make);
    world.hold_with(world.hold_request("a", MAX).with_debt_limit(world.amount(MAX)))?;
    ensure_eq!(world.available()?, -MAX);
    let before = figures(&world)?;
    let answer = world.adjust("x", -10);
    let after = world.balance()?;
    let exact = i128::from(after.posted().minor()) - i128::from(after.held().minor());
    ensure_eq!(exact, i128::from(after.available().minor()), "{answer:?}");
    ensure!(matches!(answer, Err(LedgerError::TooLarge { .. })), "{answer:?}");
    ensure_eq!(figures(&world)?, before);
    Ok(())
}

fn what_is_held_never_wraps(make: Make<'_>) -> Checked {
    let world = World::funded(make, MAX)?;
    world.hold("a", MAX)?;
    // Debt would allow it; no amount can count it.
    let before = figures(&world)?;
    for minor in [1, MAX] {
        let answer = world.hold_with(world.hold_request("x", minor).with_debt_limit(world.amount(MAX)));
        ensure!(matches!(answer, Err(LedgerError::TooLarge { .. })), "{answer:?}");
        ensure_eq!(figures(&world)?, before);
        ensure!(world.find_hold("x")?.is_none());
    }
    let rev = world.rev_of("a")?;
    world.resize_with(world.resize_request("a", rev).with_total(world.amount(MAX - 1)))?;
    world.hold("b", 1)?;
    let answer = world.resize_with(
        world.resize_request("a", rev + 1).with_total(world.amount(MAX)).with_debt_limit(world.amount(MAX)),
    );
    ensure!(matches!(answer, Err(LedgerError::TooLarge { .. })), "{answer:?}");
    ensure_eq!(world.held()?, MAX);
    Ok(())
}

fn captures_far_above_are_collected_exactly_as_far_as_there_is_something(make: Make<'_>) -> Checked {
    for (over, debt, charged) in [
        (OverCapture::UpToAvailable, MAX, 100),
        (OverCapture::Debt, 0, 100),
        (OverCapture::Debt, 7, 107),
        (OverCapture::Debt, MAX - 100, MAX),
        (OverCapture::Debt, MAX, MAX),
    ] {
        let world = World::funded(make, 100)?;
        world.hold("a", 10)?;
        let request = world.capture_request("a", MAX).with_over(over).with_debt_limit(world.amount(debt));
        let captured = world.capture_with(request)?;
        ensure_eq!(captured.value().charged().minor(), charged, "{over:?} {debt}");
        ensure_eq!(captured.value().uncollected().minor(), MAX - charged);
        ensure_eq!(world.available()?, 100 - charged);
    }
    let world = World::funded(make, 100)?;
    world.hold("a", 10)?;
    let error = refusal(world.capture_with(world.capture_request("a", MAX).with_over(OverCapture::Reject)))?;
    ensure_eq!(error, LedgerError::OverCapture { total: world.amount(MAX), hold: world.amount(10) });
    ensure!(error.log_fields().contains(&("total", world.amount(MAX).to_string())));
    Ok(())
}

fn late_captures_far_above_are_collected_exactly(make: Make<'_>) -> Checked {
    for (late, debt, charged) in
        [(LateCapture::IfAvailable, MAX, 100), (LateCapture::Debt, 7, 107), (LateCapture::Debt, MAX, MAX)]
    {
        let world = World::funded(make, 100)?;
        // Held with all of that as debt, so that the capture is late and nothing else.
        world.hold_with(world.hold_request("a", MAX).with_debt_limit(world.amount(MAX)))?;
        world.clock.advance(DEFAULT_RELEASE);
        let request = world.capture_request("a", MAX).with_late(late).with_debt_limit(world.amount(debt));
        let captured = world.capture_with(request)?;
        ensure_eq!(captured.value().charged().minor(), charged, "{late:?} {debt}");
        ensure_eq!(captured.value().uncollected().minor(), MAX - charged);
    }
    Ok(())
}

fn a_minimum_with_the_largest_amounts_takes_what_is_there(make: Make<'_>) -> Checked {
    let world = World::funded(make, 100)?;
    let request =
        world.hold_request("a", MAX).with_minimum(world.amount(0)).with_debt_limit(world.amount(MAX - 100));
    ensure_eq!(world.hold_with(request)?.value().total().minor(), MAX);
    ensure_eq!(world.available()?, 100 - MAX);
    let world = World::funded(make, MAX)?;
    let request =
        world.hold_request("a", MAX).with_minimum(world.amount(1)).with_debt_limit(world.amount(MAX));
    ensure_eq!(world.hold_with(request)?.value().total().minor(), MAX);
    Ok(())
}
