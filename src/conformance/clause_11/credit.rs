//! Limits of credit, caps and counters, on both sides of each, and the ends of their amounts and times.

use std::time::Duration;

use crate::cap::Cap;
use crate::clock::Timestamp;
use crate::conformance::clause_11::{NANO, figures, invalid, too_large};
use crate::conformance::failed::{Checked, ensure, ensure_eq};
use crate::conformance::world::credit::{included, label, paid, promo};
use crate::conformance::world::spend::{DAY, caps, scope};
use crate::conformance::world::{
    MICRO, Make, World, adjustment, credit, just_before, refund_of, refund_with, refusal, the_charge, top_up,
};
use crate::conformance::{Check, clause};
use crate::error::LedgerError;
use crate::grant::GrantTerms;
use crate::ledger::request::EndedCredit;
use crate::limits::Limits;
use crate::period::Period;

pub(crate) const CHECKS: &[Check] = clause! { 11:
    any_number_of_top_ups_on_any_terms_is_booked
    a_revival_is_1_ms_to_366_days
    a_page_of_counters_has_1_to_1000_lines
    a_sweep_books_1_to_10000
    eight_caps_and_four_counters_go_together
    the_longest_labels_and_scopes_work
    no_amount_of_credit_is_negative_or_nothing
    a_renewal_is_of_given_credit_with_a_label_and_starts_at_once
    credit_still_to_start_has_to_fit
    credit_still_to_start_fits_beside_a_debt
    a_refund_has_to_fit_beside_credit_still_to_start
    what_was_granted_never_wraps
    what_is_counted_never_wraps
    a_cap_of_the_largest_amount_is_a_cap
    a_renewal_of_the_largest_amounts_is_exact
    credit_until_the_end_of_time_is_usable_until_then
};

const MAX: i64 = i64::MAX;

fn any_number_of_top_ups_on_any_terms_is_booked(make: Make<'_>) -> Checked {
    let world = World::new(make);
    for index in 0..500_u32 {
        let days = 1 + index * 7 % 100;
        let mut terms = paid().with_priority(u8::try_from(index % 250)?);
        if index % 3 > 0 {
            terms = terms.ending_at(world.now().saturating_add(DAY * days + MICRO * index));
        }
        if index % 2 > 0 {
            terms = terms.with_label(label(&format!("Payment {index}")));
        }
        world.credit(&format!("t{index}"), &terms, 3)?;
        ensure!(world.grants()?.len() <= Limits::MAX_GRANTS, "{index}");
    }
    ensure_eq!((world.available()?, world.grants()?.len()), (1_500, Limits::MAX_GRANTS));
    world.check_sums()?;
    world.fresh(|| world.charge("all", 1_500))?;
    Ok(())
}

fn a_revival_is_1_ms_to_366_days(make: Make<'_>) -> Checked {
    ensure_eq!((Limits::REVIVAL, Limits::MAX_REVIVAL), (DAY * 30, DAY * 366));
    let world = World::new(make);
    world.credit("a", &paid().ending_at(world.in_seconds(60)), 10)?;
    world.charge("c", 10)?;
    world.pass(60);
    let revived =
        |name, lifetime| world.post(name, refund_with(the_charge("c"), EndedCredit::Revive(lifetime)), 1);
    for (lifetime, shown) in [
        (Duration::ZERO, "0"),
        (Limits::MIN_LIFETIME - MICRO, "999"),
        (Limits::MIN_LIFETIME - NANO, "999"),
        (Limits::MAX_REVIVAL + NANO, "31622400"),
        (Limits::MAX_REVIVAL + MICRO, "31622400"),
        (Duration::MAX, "18446744073709551615"),
    ] {
        invalid(&world, shown, || revived("x", lifetime))?;
    }
    revived("least", Limits::MIN_LIFETIME)?;
    ensure_eq!(world.available()?, 1);
    world.clock.advance(Limits::MIN_LIFETIME);
    ensure_eq!(world.available()?, 0);
    revived("most", Limits::MAX_REVIVAL)?;
    let end = world.now().saturating_add(Limits::MAX_REVIVAL);
    world.clock.set(just_before(end));
    ensure_eq!(world.available()?, 1);
    world.clock.set(end);
    ensure_eq!(world.available()?, 0);
    Ok(())
}

fn a_page_of_counters_has_1_to_1000_lines(make: Make<'_>) -> Checked {
    let world = World::funded(make, 1_000)?;
    for index in 0..84 {
        let counters = (0..12).map(|number| {
            let scope = scope(&format!("scope-{index}-{number}"));
            if number < 4 { Cap::counting(scope, Period::day()) } else { world_cap(&world, scope) }
        });
        world.charge_under(&format!("c{index}"), 1, &caps(counters))?;
    }
    for limit in [0, 1_001, u32::MAX] {
        let shown = limit.to_string();
        invalid(&world, &shown, || world.counters(world.counters_request().with_limit(limit)))?;
        let one = world.counters_request().with_scope(scope("scope-0-0")).with_limit(limit);
        invalid(&world, &shown, || world.counters(one))?;
        let nobody = world.beside("nobody", world.usd);
        invalid(&world, &shown, || nobody.counters(nobody.counters_request().with_limit(limit)))?;
    }
    for limit in [1, 1_000] {
        let page = world.counters(world.counters_request().with_limit(limit))?;
        ensure_eq!((page.counters().len(), page.next().is_some()), (limit as usize, true));
    }
    ensure_eq!(world.counters(world.counters_request())?.counters().len(), 100);
    // 1,008 in all.
    let first = world.counters(world.counters_request().with_limit(1_000))?;
    let request = match first.next() {
        Some(next) => world.counters_request().with_after(next.clone()),
        None => world.counters_request(),
    };
    let rest = world.counters(request)?;
    ensure_eq!((rest.counters().len(), rest.next()), (8, None));
    Ok(())
}

fn world_cap(world: &World, scope: crate::id::ScopeId) -> Cap {
    Cap::new(scope, Period::day(), world.amount(1))
}

fn a_sweep_books_1_to_10000(make: Make<'_>) -> Checked {
    let world = World::new(make);
    for account in 0..313 {
        let account = world.beside(&format!("acct-{account}"), world.usd);
        for priority in 0..32 {
            let terms = promo().with_priority(priority).ending_at(world.in_seconds(60));
            account.credit(&format!("g{priority}"), &terms, 1)?;
        }
    }
    world.pass(60);
    let mut booked = vec![];
    while booked.len() < 5 {
        let swept = world.sweep_at_most(10_000)?;
        ensure!(swept.booked() <= 10_000, "{swept:?}");
        booked.push(swept.booked());
        if !swept.has_more() {
            break;
        }
    }
    ensure_eq!((booked.len(), booked.iter().sum::<u32>()), (2, 10_016), "{booked:?}");
    Ok(())
}

fn eight_caps_and_four_counters_go_together(make: Make<'_>) -> Checked {
    let world = World::funded(make, 1_000)?;
    let limited = (0..Limits::MAX_CAPS).map(|index| world.daily(&format!("cap-{index}"), 10));
    let counting = (0..Limits::MAX_COUNTERS)
        .map(|index| Cap::counting(scope(&format!("counter-{index}")), Period::day()));
    let all = caps(limited.chain(counting));
    world.fresh(|| world.hold_under("h", 4, &all))?;
    world.fresh(|| world.charge_under("c", 3, &all))?;
    world.fresh(|| world.resize_under("h", 7, &all))?;
    world.capped(|| world.charge_under("x", 1, &all))?;
    ensure_eq!(world.counters(world.counters_request())?.counters().len(), 12);
    // Growth under twelve others makes the hold count in all of them.
    let others = (0..Limits::MAX_CAPS).map(|index| world.daily(&format!("other-{index}"), 10));
    world.fresh(|| world.resize_under("h", 8, &caps(others)))?;
    world.fresh(|| world.capture("h", 8))?;
    ensure_eq!((world.days_of("cap-7")?, world.days_of("other-7")?), (vec![(0, 11, 0)], vec![(0, 1, 0)]));
    Ok(())
}

fn the_longest_labels_and_scopes_work(make: Make<'_>) -> Checked {
    let world = World::new(make);
    let (longest, other) = (label(&"é".repeat(64)), label(&("é".repeat(63) + "è")));
    let courtesy = |label: &crate::id::Label| GrantTerms::courtesy(label.clone(), Period::day());
    world.fresh(|| world.credit("a", &courtesy(&longest), 10))?;
    let error = world.refused(|| world.credit("b", &courtesy(&longest), 10))?;
    ensure!(matches!(error, LedgerError::CourtesyGiven { .. }), "{error:?}");
    world.fresh(|| world.credit("b", &courtesy(&other), 10))?;
    ensure_eq!(world.grant_of("a")?.label(), Some(&longest));
    let (long, near) = ("s".repeat(128), "s".repeat(127) + "t");
    let cap = caps([world.daily(&long, 5).with_label(longest.clone()), world.daily(&near, 5)]);
    world.fresh(|| world.hold_under("h", 3, &cap))?;
    world.fresh(|| world.charge_under("c", 2, &cap))?;
    let reached = world.capped(|| world.charge_under("x", 1, &cap))?;
    ensure_eq!((reached.scope().as_str(), reached.label()), (long.as_str(), Some(&longest)));
    ensure_eq!((world.days_of(&long)?, world.days_of(&near)?), (vec![(0, 2, 3)], vec![(0, 2, 3)]));
    Ok(())
}

fn no_amount_of_credit_is_negative_or_nothing(make: Make<'_>) -> Checked {
    let world = World::funded(make, 100)?;
    let plan = included().with_label(label("Plan"));
    for terms in [
        promo(),
        plan.clone(),
        paid().with_priority(3),
        GrantTerms::courtesy(label("One"), Period::day()),
        promo().starting_at(world.in_seconds(60)),
    ] {
        for (minor, shown) in [(0, "0 USD/2"), (-1, "-0.01 USD/2"), (i64::MIN, "-92233720368547758.08 USD/2")]
        {
            invalid(&world, shown, || world.credit("x", &terms, minor))?;
        }
    }
    let renewal = plan.clone().renewing_up_to(world.amount(50));
    for (minor, shown) in [(-1, "-0.01 USD/2"), (i64::MIN, "-92233720368547758.08 USD/2")] {
        invalid(&world, shown, || world.credit("x", &renewal, minor))?;
        let renewal = plan.clone().renewing_up_to(world.amount(minor));
        invalid(&world, shown, || world.credit("x", &renewal, 5))?;
    }
    // A renewal alone may be of nothing: it keeps what was left.
    world.credit("nothing", &renewal, 0)?;
    world.credit("least", &promo(), 1)?;
    ensure_eq!(world.available()?, 101);
    Ok(())
}

fn a_renewal_is_of_given_credit_with_a_label_and_starts_at_once(make: Make<'_>) -> Checked {
    let world = World::funded(make, 100)?;
    let most = world.amount(50);
    let labelled = |terms: GrantTerms| terms.with_label(label("Plan"));
    for terms in [
        labelled(paid()).renewing_up_to(most),
        included().renewing_up_to(most),
        labelled(included()).renewing_up_to(most).starting_at(world.in_seconds(60)),
    ] {
        let error = world.refused(|| world.credit("x", &terms, 5))?;
        ensure!(matches!(error, LedgerError::Invalid { .. }), "{error:?}");
    }
    world.fresh(|| world.credit("a", &labelled(included()).renewing_up_to(most), 5))?;
    world.fresh(|| world.credit("b", &labelled(promo()).renewing_up_to(most), 5))?;
    Ok(())
}

fn credit_still_to_start_has_to_fit(make: Make<'_>) -> Checked {
    let world = World::funded(make, 10)?;
    let start = world.in_seconds(60);
    let later = |index: u8| promo().starting_at(start).with_priority(index);
    too_large(&world, || world.credit("x", &later(1), MAX - 9))?;
    world.credit("a", &later(1), MAX - 12)?;
    too_large(&world, || world.credit("x", &later(2), 3))?;
    world.credit("b", &later(2), 2)?;
    // What is posted, with all of that, is full.
    for kind in [top_up(), credit(&promo()), credit(&later(1)), credit(&later(3)), adjustment()] {
        for minor in [1, MAX] {
            too_large(&world, || world.post("x", kind.clone(), minor))?;
        }
    }
    ensure_eq!(world.posted()?, 10);
    // What is spent makes room, until it starts and after.
    world.charge("c", 4)?;
    too_large(&world, || world.top_up("x", 5))?;
    world.top_up("t", 4)?;
    world.clock.set(start);
    ensure_eq!((world.posted()?, world.available()?), (MAX, MAX));
    too_large(&world, || world.top_up("x", 1))?;
    world.fresh(|| world.charge("all", MAX))?;
    Ok(())
}

fn credit_still_to_start_fits_beside_a_debt(make: Make<'_>) -> Checked {
    let world = World::new(make);
    world.adjust("back", -10)?;
    let later = promo().starting_at(world.in_seconds(60));
    world.credit("a", &later, MAX)?;
    too_large(&world, || world.credit("x", &later.clone().with_priority(3), 11))?;
    too_large(&world, || world.adjust("x", 11))?;
    world.adjust("up", 10)?;
    ensure_eq!(world.posted()?, 0);
    world.adjust("down", -20)?;
    world.pass(60);
    ensure_eq!((world.posted()?, world.purse()?), (MAX - 20, format!("a {}, plain 0", MAX - 20)));
    world.check_sums()?;
    Ok(())
}

fn a_refund_has_to_fit_beside_credit_still_to_start(make: Make<'_>) -> Checked {
    let world = World::funded(make, 10)?;
    world.charge("c", 10)?;
    world.credit("a", &promo().starting_at(world.in_seconds(60)), MAX - 3)?;
    too_large(&world, || world.post("x", refund_of(the_charge("c")), 4))?;
    world.post("r", refund_of(the_charge("c")), 3)?;
    world.pass(60);
    ensure_eq!(world.posted()?, MAX);
    Ok(())
}

fn what_was_granted_never_wraps(make: Make<'_>) -> Checked {
    let world = World::new(make);
    world.credit("a", &promo(), MAX)?;
    world.charge("c", MAX - 1)?;
    // More was granted by now than an amount can say.
    world.credit("b", &promo(), MAX - 1)?;
    let grant = world.grant_of("a")?;
    ensure_eq!(grant.remaining().minor(), MAX);
    ensure!(grant.original().minor() >= grant.remaining().minor(), "{grant:?}");
    world.check_sums()?;
    world.charge("d", MAX)?;
    world.refund_charge("r", "d", MAX)?;
    ensure_eq!(world.available()?, MAX);
    world.check_sums()?;
    Ok(())
}

fn what_is_counted_never_wraps(make: Make<'_>) -> Checked {
    let world = World::funded(make, MAX)?;
    let counting = caps([Cap::counting(scope("a"), Period::day())]);
    world.charge_under("c", MAX, &counting)?;
    world.refund_charge("r", "c", MAX)?;
    // More than an amount can say was used today. Counted or refused, it does not become less.
    let before = figures(&world)?;
    if let Err(error) = world.charge_under("d", MAX, &counting) {
        ensure!(matches!(error, LedgerError::TooLarge { .. }), "{error:?}");
        ensure_eq!(figures(&world)?, before);
    }
    ensure_eq!(world.days_of("a")?, [(0, MAX, 0)]);
    let error = refusal(world.charge_under("x", 1, &world.a_day("a", MAX)))?;
    ensure!(matches!(error, LedgerError::CapReached(_)), "{error:?}");
    Ok(())
}

fn a_cap_of_the_largest_amount_is_a_cap(make: Make<'_>) -> Checked {
    let world = World::funded(make, MAX)?;
    let cap = world.a_day("a", MAX);
    world.fresh(|| world.hold_under("h", MAX, &cap))?;
    let request = world.hold_request("x", 1).with_debt_limit(world.amount(MAX)).with_caps(cap.clone());
    let reached = world.capped(|| world.hold_with(request))?;
    ensure_eq!((reached.left().minor(), reached.held().minor(), reached.limit().minor()), (0, MAX, MAX));
    ensure_eq!(reached.resets_at(), Some(world.start_of_day(1)));
    world.fresh(|| world.capture("h", MAX))?;
    ensure_eq!(world.days_of("a")?, [(0, MAX, 0)]);
    Ok(())
}

fn a_renewal_of_the_largest_amounts_is_exact(make: Make<'_>) -> Checked {
    let world = World::new(make);
    let plan = included().with_label(label("Plan"));
    let renewal = plan.renewing_up_to(world.amount(MAX));
    world.fresh(|| world.credit("a", &renewal, MAX))?;
    let entry = world.fresh(|| world.credit("b", &renewal, MAX))?;
    ensure_eq!((entry.amount().minor(), world.available()?), (0, MAX));
    world.fresh(|| world.charge("c", 5))?;
    let entry = world.fresh(|| world.credit("d", &renewal, MAX))?;
    ensure_eq!((entry.amount().minor(), world.available()?), (5, MAX));
    world.fresh(|| world.charge("e", 5))?;
    world.top_up("t", 5)?;
    // All that a renewal would add has to fit as well.
    too_large(&world, || world.credit("x", &renewal, MAX))?;
    Ok(())
}

fn credit_until_the_end_of_time_is_usable_until_then(make: Make<'_>) -> Checked {
    let world = World::new(make);
    world.credit("a", &promo().ending_at(Timestamp::MAX), 5)?;
    world.credit("b", &paid().ending_at(world.in_seconds(60)), 5)?;
    world.charge("c", 5)?;
    world.clock.set(Timestamp::from_micros(MAX - 5));
    ensure_eq!(world.available()?, 5);
    // Revived for longer than there is time.
    world.refund_charge("r", "c", 2)?;
    ensure_eq!(world.grant_of("b")?.ends_at(), Some(Timestamp::MAX));
    world.clock.set(Timestamp::from_micros(MAX - 1));
    ensure_eq!(world.available()?, 7);
    world.fresh(|| world.charge("d", 7))?;
    Ok(())
}
