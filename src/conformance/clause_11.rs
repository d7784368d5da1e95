//! Clause 11: each stated limit on both sides, and what a refusal leaves behind.

mod amounts;
mod credit;

use std::fmt;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::conformance::failed::{Checked, ensure, ensure_eq, fail};
use crate::conformance::world::{DEFAULT_RELEASE, MICRO, Make, World, refusal, top_up, unit};
use crate::conformance::{Check, clause};
use crate::content::Content;
use crate::error::LedgerError;
use crate::hold::HoldStatus;
use crate::id::{AccountId, IdempotencyKey, Labels};
use crate::ledger::request::{CaptureRequest, HoldRequest, Order, PostRequest};
use crate::limits::Limits;

pub(super) use amounts::CHECKS as OF_AMOUNTS;
pub(super) use credit::CHECKS as OF_CREDIT;

pub(super) const CHECKS: &[Check] = clause! { 11:
    a_lifetime_is_1_ms_to_30_days
    a_grace_is_nothing_to_a_day
    a_resize_has_the_same_limits_of_lifetime
    a_clock_at_its_end_saturates_and_expires_nothing_early
    a_page_has_1_to_1000_lines
    a_sweep_releases_1_to_10000
    the_longest_names_work_in_every_operation
    a_limit_never_refuses_money_already_paid
    a_request_out_of_range_stores_nothing_about_an_unknown_account
    ; large:
    an_account_has_at_most_a_million_open_holds
};

const NANO: Duration = Duration::from_nanos(1);

/// Posted, held and the number of the latest change.
#[track_caller]
fn figures(world: &World) -> Checked<(i64, i64, u64)> {
    let balance = world.balance()?;
    Ok((balance.posted().minor(), balance.held().minor(), balance.seq()))
}

/// Refused, with the figures as they were and nothing to be found under `x`, the key these checks try.
#[track_caller]
fn refused_under_x<T: fmt::Debug>(
    world: &World,
    run: impl FnOnce() -> Result<T, LedgerError>,
) -> Checked<LedgerError> {
    let before = figures(world)?;
    let error = refusal(run())?;
    ensure_eq!(figures(world)?, before, "something was changed");
    ensure!(world.find_hold("x")?.is_none() && world.find_entry("x")?.is_none(), "{error:?}");
    Ok(error)
}

/// Refused as out of range, quoting `value` in the log and in `Debug` but not in the text for clients.
#[track_caller]
fn invalid<T: fmt::Debug>(
    world: &World,
    value: &str,
    run: impl FnOnce() -> Result<T, LedgerError>,
) -> Checked {
    let error = refused_under_x(world, run)?;
    ensure!(matches!(error, LedgerError::Invalid { .. }), "{error:?}");
    let fields = error.log_fields();
    let shown = fields.iter().find(|(name, _)| *name == "value").map(|(_, text)| text.as_str());
    ensure!(
        shown.is_some_and(|text| !text.is_empty() && text.contains(value)),
        "{value} is not in {fields:?}"
    );
    ensure!(format!("{error:?}").contains(value), "{error:?}");
    ensure!(fields.iter().any(|(name, text)| *name == "what" && !text.is_empty()), "{fields:?}");
    ensure!(!error.to_string().contains("USD/2"), "amounts are not for clients: {error}");
    Ok(())
}

#[track_caller]
fn too_large<T: fmt::Debug>(world: &World, run: impl FnOnce() -> Result<T, LedgerError>) -> Checked {
    let error = refused_under_x(world, run)?;
    let LedgerError::TooLarge { amount } = &error else { fail!("{error:?}") };
    ensure!(error.log_fields().contains(&("amount", amount.to_string())), "{error:?}");
    Ok(())
}

#[track_caller]
fn insufficient<T: fmt::Debug>(world: &World, run: impl FnOnce() -> Result<T, LedgerError>) -> Checked {
    let error = refused_under_x(world, run)?;
    ensure!(matches!(error, LedgerError::Insufficient(_)), "{error:?}");
    Ok(())
}

fn a_lifetime_is_1_ms_to_30_days(make: Make<'_>) -> Checked {
    let world = World::funded(make, 100)?;
    for (lifetime, shown) in [
        (Duration::ZERO, "0"),
        (Limits::MIN_LIFETIME - MICRO, "999"),
        (Limits::MIN_LIFETIME - NANO, "999"),
        (Limits::MAX_LIFETIME + NANO, "2592000"),
        (Limits::MAX_LIFETIME + MICRO, "2592000"),
        (Duration::MAX, "18446744073709551615"),
    ] {
        invalid(&world, shown, || world.hold_with(world.hold_request("x", 1).with_lifetime(lifetime)))?;
    }
    for (name, lifetime) in [("least", Limits::MIN_LIFETIME), ("most", Limits::MAX_LIFETIME)] {
        let state = world.hold_with(world.hold_request(name, 1).with_lifetime(lifetime))?.into_value();
        ensure_eq!(state.ends_at().saturating_since(state.opened_at()), lifetime);
    }
    Ok(())
}

fn a_grace_is_nothing_to_a_day(make: Make<'_>) -> Checked {
    let world = World::funded(make, 100)?;
    for grace in [Limits::MAX_GRACE + NANO, Limits::MAX_GRACE + MICRO, Duration::MAX] {
        invalid(&world, "", || world.hold_with(world.hold_request("x", 1).with_grace(grace)))?;
    }
    for (name, grace) in [("least", Duration::ZERO), ("most", Limits::MAX_GRACE)] {
        let state = world.hold_with(world.hold_request(name, 1).with_grace(grace))?.into_value();
        ensure_eq!(state.release_at().saturating_since(state.ends_at()), grace);
    }
    Ok(())
}

fn a_resize_has_the_same_limits_of_lifetime(make: Make<'_>) -> Checked {
    let world = World::funded(make, 100)?;
    let first = world.hold("a", 1)?.into_value();
    for lifetime in [Duration::ZERO, Limits::MIN_LIFETIME - NANO, Limits::MAX_LIFETIME + NANO, Duration::MAX]
    {
        invalid(&world, "", || {
            world.resize_with(world.resize_request("a", first.rev()).with_lifetime(lifetime))
        })?;
    }
    let same =
        world.resize_with(world.resize_request("a", first.rev()).with_lifetime(Limits::MIN_LIFETIME))?;
    ensure_eq!(same.value().ends_at(), first.ends_at());
    let rev = same.value().rev();
    world.clock.advance(Duration::from_secs(1));
    let longer = world.resize_with(world.resize_request("a", rev).with_lifetime(Limits::MAX_LIFETIME))?;
    ensure_eq!(longer.value().ends_at(), world.now().saturating_add(Limits::MAX_LIFETIME));
    Ok(())
}

fn a_clock_at_its_end_saturates_and_expires_nothing_early(make: Make<'_>) -> Checked {
    let world = World::funded(make, 100)?;
    world.clock.set(Timestamp::from_micros(i64::MAX - 5));
    let state = world.hold("a", 10)?.into_value();
    ensure_eq!((state.ends_at(), state.release_at()), (Timestamp::MAX, Timestamp::MAX));
    world.clock.set(Timestamp::from_micros(i64::MAX - 1));
    ensure_eq!(world.held()?, 10);
    world.capture("a", 10)?;
    ensure_eq!(figures(&world)?, (90, 0, 3));
    // And at its beginning.
    let world = World::new(make);
    world.clock.set(Timestamp::from_micros(i64::MIN));
    world.top_up("paid in", 100)?;
    let state = world.hold("a", 10)?.into_value();
    ensure_eq!(state.ends_at().saturating_since(state.opened_at()), Limits::DEFAULT_LIFETIME);
    world.clock.set(Timestamp::MAX);
    ensure_eq!(world.held()?, 0);
    Ok(())
}

fn a_page_has_1_to_1000_lines(make: Make<'_>) -> Checked {
    let world = World::funded(make, 5_000)?;
    for index in 0..1_001 {
        world.charge(&format!("c{index}"), 1)?;
        world.hold(&format!("h{index}"), 1)?;
    }
    for limit in [0, 1_001, u32::MAX] {
        let shown = limit.to_string();
        for order in [Order::NewestFirst, Order::OldestFirst] {
            let request = world.statement_request().with_order(order).with_limit(limit);
            invalid(&world, &shown, || world.page(request))?;
        }
        invalid(&world, &shown, || world.holds(world.holds_request().with_limit(limit)))?;
        // Whether the account is known or not.
        let nobody = world.beside("nobody", world.usd);
        invalid(&world, &shown, || nobody.page(nobody.statement_request().with_limit(limit)))?;
        invalid(&world, &shown, || nobody.holds(nobody.holds_request().with_limit(limit)))?;
    }
    for limit in [1, 1_000] {
        let page = world.page(world.statement_request().with_limit(limit))?;
        ensure_eq!((page.entries().len(), page.next().is_some()), (limit as usize, true));
        let page = world.holds(world.holds_request().with_limit(limit))?;
        ensure_eq!((page.holds().len(), page.next().is_some()), (limit as usize, true));
    }
    let page = world.page(world.statement_request())?;
    ensure_eq!(page.entries().len(), 100);
    ensure_eq!(world.holds(world.holds_request())?.holds().len(), 100);
    // Beyond either end there is nothing, and no error.
    for (order, after) in [(Order::NewestFirst, 0), (Order::OldestFirst, u64::MAX)] {
        let page = world.page(world.statement_request().with_order(order).with_after(after))?;
        ensure_eq!(page.entries().len(), 0);
    }
    Ok(())
}

fn a_sweep_releases_1_to_10000(make: Make<'_>) -> Checked {
    let world = World::funded(make, 50_000)?;
    for index in 0..10_001 {
        world.hold(&format!("h{index}"), 1)?;
    }
    world.clock.advance(DEFAULT_RELEASE);
    for limit in [0, 10_001, u32::MAX] {
        let error = refusal(world.sweep_at_most(limit))?;
        ensure!(matches!(error, LedgerError::Invalid { .. }), "{error:?}");
        ensure!(error.log_fields().contains(&("value", limit.to_string())), "{error:?}");
    }
    let swept = world.sweep_at_most(10_000)?;
    ensure_eq!((swept.released(), swept.has_more()), (10_000, true));
    let swept = world.sweep_at_most(1)?;
    ensure_eq!(swept.released(), 1);
    let swept = world.sweep()?;
    ensure_eq!((swept.released(), swept.has_more()), (0, false));
    ensure_eq!(figures(&world)?, (50_000, 0, 20_003));
    Ok(())
}

fn the_longest_names_work_in_every_operation(make: Make<'_>) -> Checked {
    let world = World::new(make);
    let account = AccountId::new("a".repeat(128))?;
    let longest = IdempotencyKey::new("k".repeat(255))?;
    let labels = Labels::new((0..8).map(|index| (format!("{index:064}"), "v".repeat(128))))?;
    let content = Content::new((0..32).map(|index| (format!("{index:096}"), "v".repeat(256))))?;
    let request = PostRequest::new(account.clone(), longest.clone(), top_up(), world.amount(10))
        .with_labels(labels.clone())
        .with_content(content.clone());
    world.post_with(request.clone())?;
    ensure!(world.post_with(request)?.is_replay());
    let request = HoldRequest::new(account.clone(), longest.clone(), world.amount(10))
        .with_labels(labels.clone())
        .with_content(content.clone());
    world.hold_with(request.clone())?;
    let again = world.hold_with(request)?;
    ensure!(again.is_replay());
    ensure_eq!((again.value().labels(), again.value().content()), (labels, content));
    let captured = world.capture_with(CaptureRequest::new(account, longest, world.amount(5)))?;
    ensure_eq!(captured.value().status(), HoldStatus::Captured);
    Ok(())
}

fn a_limit_never_refuses_money_already_paid(make: Make<'_>) -> Checked {
    let world = World::new(make);
    for index in 0..1_000 {
        world.top_up(&format!("t{index}"), 3)?;
    }
    ensure_eq!(world.available()?, 3_000);
    world.charge("all", 3_000)?;
    Ok(())
}

fn a_request_out_of_range_stores_nothing_about_an_unknown_account(make: Make<'_>) -> Checked {
    let world = World::new(make);
    for request in [world.hold_request("x", -1), world.hold_request("x", 0).with_lifetime(Duration::ZERO)] {
        refusal(world.hold_with(request))?;
    }
    refusal(world.top_up("x", 0))?;
    let eur = unit("EUR", 0);
    let balance = World { usd: eur, ..world }.balance()?;
    ensure_eq!((balance.seq(), balance.posted()), (0, eur.zero()));
    Ok(())
}

/// The most open holds.
fn an_account_has_at_most_a_million_open_holds(make: Make<'_>) -> Checked {
    let world = World::funded(make, i64::MAX)?;
    for index in 0..Limits::MAX_OPEN_HOLDS {
        world.hold(&format!("h{index}"), 1)?;
    }
    let error = refused_under_x(&world, || world.hold("x", 1))?;
    ensure!(!matches!(error, LedgerError::Insufficient(_)), "no empty balance: {error:?}");
    ensure!(world.hold("h0", 1)?.is_replay(), "a replay needs no room");
    world.adjust("t", -1)?;
    world.void("h7")?;
    world.hold("x", 1)?;
    Ok(())
}
