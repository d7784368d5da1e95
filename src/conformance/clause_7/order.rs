//! The order in which credit is used.

use crate::conformance::failed::{Checked, ensure, ensure_eq};
use crate::conformance::world::credit::{included, label, paid, promo};
use crate::conformance::world::random::Random;
use crate::conformance::world::{Make, World, credit, top_up};
use crate::conformance::{Check, clause};
use crate::grant::GrantTerms;
use crate::ledger::request::PostKind;
use crate::period::Period;

pub(crate) const CHECKS: &[Check] = clause! { 7:
    credit_is_used_by_priority_end_kind_and_age
    holds_draw_in_the_same_order
    of_credit_on_equal_footing_the_oldest_is_used_first
    credit_that_starts_takes_its_place_in_the_order
    plain_credit_comes_before_grants_on_its_own_terms
    only_what_is_free_is_drawn
    what_holds_drew_of_plain_credit_is_not_free
    less_plain_credit_than_holds_drew_is_nothing_free_and_no_less
    what_no_credit_is_left_for_is_drawn_on_plain_credit
    any_credit_is_drawn_as_arithmetic_says
};

/// Credit of 1 each, in the order in which it must be used whatever the order in which it came.
fn in_order(world: &World) -> Vec<(&'static str, PostKind)> {
    let (soon, late) = (world.in_seconds(1_000), world.in_seconds(2_000));
    let courtesy = |name| GrantTerms::courtesy(label(name), Period::day());
    vec![
        ("first", credit(&paid().with_priority(0))),
        ("early", credit(&paid().with_priority(127))),
        ("soon paid", credit(&paid().ending_at(soon))),
        ("courtesy", credit(&courtesy("One").ending_at(late))),
        ("promo", credit(&promo().ending_at(late))),
        ("included", credit(&included().ending_at(late))),
        ("paid", credit(&paid().ending_at(late))),
        ("courtesy without end", credit(&courtesy("Two"))),
        ("promo without end", credit(&promo())),
        ("included without end", credit(&included())),
        ("plain", top_up()),
        ("labelled", credit(&paid().with_label(label("Own")))),
        ("after all soon", credit(&courtesy("Three").ending_at(soon).with_priority(129))),
        ("after all", credit(&promo().with_priority(129))),
        ("last", credit(&promo().with_priority(255).ending_at(soon))),
    ]
}

/// Books them, beginning with the one in this place.
#[track_caller]
fn books_from(world: &World, place: usize) -> Checked<Vec<String>> {
    let mut all = in_order(world);
    let names = all.iter().map(|(name, _)| name.replace(' ', "-")).collect();
    all.rotate_left(place);
    if place % 2 == 1 {
        all.reverse();
    }
    for (name, kind) in all {
        world.post(name, kind, 1)?;
    }
    Ok(names)
}

fn credit_is_used_by_priority_end_kind_and_age(make: Make<'_>) -> Checked {
    for place in 0..15 {
        let world = World::new(make);
        let names = books_from(&world, place)?;
        let listed: Vec<_> = world.grants()?.iter().map(|grant| grant.key().to_string()).collect();
        let expected: Vec<_> = names.iter().filter(|name| *name != "plain").cloned().collect();
        ensure_eq!(listed, expected, "grants are listed in the order of use");
        for name in names {
            let charge = format!("c-{name}");
            world.charge(&charge, 1)?;
            ensure_eq!(world.draws_of_charge(&charge)?, format!("{name} 1 used"), "from {place}");
        }
        world.check_books()?;
    }
    Ok(())
}

fn holds_draw_in_the_same_order(make: Make<'_>) -> Checked {
    for place in 0..15 {
        let world = World::new(make);
        let names = books_from(&world, place)?;
        // One by one, and the rest at once.
        let (some, rest) = names.split_at(place);
        for name in some {
            let hold = format!("h-{name}");
            world.hold(&hold, 1)?;
            ensure_eq!(world.draws_of(&hold)?, format!("{name} 1 held"), "from {place}");
        }
        world.hold("rest", i64::try_from(rest.len())?)?;
        let expected: Vec<_> = rest.iter().map(|name| format!("{name} 1 held")).collect();
        ensure_eq!(world.draws_of("rest")?, expected.join(", "), "from {place}");
        world.check_books()?;
    }
    Ok(())
}

fn of_credit_on_equal_footing_the_oldest_is_used_first(make: Make<'_>) -> Checked {
    let world = World::new(make);
    // Alike in priority, end and kind. Labels have no order.
    for name in ["c", "a", "b", "e", "d"] {
        world.credit(name, &promo().with_label(label(name)), 1)?;
    }
    ensure_eq!(world.purse()?, "c 1, a 1, b 1, e 1, d 1, plain 0");
    world.fresh(|| world.charge("x", 3))?;
    ensure_eq!(world.purse()?, "e 1, d 1, plain 0");
    // What one got since makes it no younger.
    world.credit("more", &promo().with_label(label("e")), 5)?;
    world.fresh(|| world.charge("y", 6))?;
    ensure_eq!(world.purse()?, "d 1, plain 0");
    Ok(())
}

/// Its age is that of its booking, not of its start.
fn credit_that_starts_takes_its_place_in_the_order(make: Make<'_>) -> Checked {
    let world = World::new(make);
    world.credit("late", &promo().with_label(label("Late")).starting_at(world.in_seconds(60)), 2)?;
    world.credit("now", &promo().with_label(label("Now")), 2)?;
    world.fresh(|| world.charge("one", 1))?;
    world.pass(60);
    ensure_eq!(world.purse()?, "late 2, now 1, plain 0");
    world.fresh(|| world.charge("two", 1))?;
    ensure_eq!(world.purse()?, "late 1, now 1, plain 0");
    Ok(())
}

fn plain_credit_comes_before_grants_on_its_own_terms(make: Make<'_>) -> Checked {
    let world = World::new(make);
    // Bought to start later: a grant of paid credit without end, older than any plain credit.
    world.credit("older", &paid().starting_at(world.in_seconds(60)), 5)?;
    world.pass(60);
    world.top_up("paid in", 5)?;
    world.fresh(|| world.charge("c", 6))?;
    ensure_eq!(world.draws_of_charge("c")?, "plain 5 used, older 1 used");
    ensure_eq!(world.purse()?, "older 4, plain 0");
    Ok(())
}

fn only_what_is_free_is_drawn(make: Make<'_>) -> Checked {
    let world = World::new(make);
    world.credit("a", &promo().with_priority(1), 10)?;
    world.credit("b", &promo().with_priority(2), 10)?;
    world.fresh(|| world.hold("h", 6))?;
    world.fresh(|| world.charge("c", 7))?;
    ensure_eq!(world.draws_of_charge("c")?, "a 4 used, b 3 used");
    world.fresh(|| world.hold("i", 7))?;
    ensure_eq!(world.purse()?, "a 6 (6 held), b 7 (7 held), plain 0");
    world.short(|| world.hold("j", 1))?;
    // What comes free is first again.
    world.fresh(|| world.void("h"))?;
    world.fresh(|| world.void("i"))?;
    world.fresh(|| world.hold("j", 8))?;
    ensure_eq!(world.draws_of("j")?, "a 6 held, b 2 held");
    Ok(())
}

fn what_holds_drew_of_plain_credit_is_not_free(make: Make<'_>) -> Checked {
    let world = World::funded(make, 10)?;
    world.fresh(|| world.hold("h", 6))?;
    world.credit("after", &promo().with_priority(200), 10)?;
    world.fresh(|| world.charge("c", 7))?;
    ensure_eq!(world.draws_of_charge("c")?, "plain 4 used, after 3 used");
    world.fresh(|| world.capture("h", 6))?;
    ensure_eq!(world.draws_of("h")?, "plain 6 used");
    ensure_eq!(world.purse()?, "after 7, plain 0");
    Ok(())
}

fn less_plain_credit_than_holds_drew_is_nothing_free_and_no_less(make: Make<'_>) -> Checked {
    let world = World::funded(make, 10)?;
    world.fresh(|| world.hold("h", 10))?;
    world.fresh(|| world.adjust("back", -5))?;
    world.credit("after", &promo().with_priority(200), 20)?;
    ensure_eq!(world.available()?, 15);
    // Of the 5 that are left none is free, and the 5 that are missing are not sought in the grant.
    world.fresh(|| world.hold("i", 15))?;
    ensure_eq!(world.draws_of("i")?, "after 15 held");
    world.short(|| world.hold("j", 1))?;
    let request = world.hold_request("j", 5).with_debt_limit(world.amount(5));
    world.fresh(|| world.hold_with(request))?;
    ensure_eq!(world.draws_of("j")?, "after 5 held");
    Ok(())
}

fn what_no_credit_is_left_for_is_drawn_on_plain_credit(make: Make<'_>) -> Checked {
    let world = World::funded(make, 4)?;
    world.credit("after", &promo().with_priority(200), 5)?;
    let request = world.hold_request("h", 12).with_debt_limit(world.amount(3));
    world.fresh(|| world.hold_with(request))?;
    // It drew on plain credit before, so the debt adds to that.
    ensure_eq!(world.draws_of("h")?, "plain 7 held, after 5 held");
    world.fresh(|| world.void("h"))?;
    world.fresh(|| world.charge("all", 4))?;
    let request = world.charge_request("c", 7).with_debt_limit(world.amount(2));
    world.fresh(|| world.post_with(request))?;
    ensure_eq!(world.draws_of_charge("c")?, "after 5 used, plain 2 used");
    ensure_eq!(world.purse()?, "plain -2");
    Ok(())
}

/// What a check believes to be there: name, where it stands in the order, what is free.
struct Source {
    name: String,
    place: (u8, u64, u8, usize),
    free: i64,
}

/// Takes it in order, and says from where.
fn take(sources: &mut [Source], mut minor: i64, word: &str) -> String {
    let mut texts = vec![];
    for source in sources {
        let part = minor.min(source.free);
        if part > 0 {
            source.free -= part;
            minor -= part;
            texts.push(format!("{} {part} {word}", source.name));
        }
    }
    texts.join(", ")
}

fn any_credit_is_drawn_as_arithmetic_says(make: Make<'_>) -> Checked {
    for seed in 0..60 {
        let mut random = Random::new(seed);
        let world = World::new(make);
        let mut sources = vec![];
        for index in 0..random.below(9) {
            let (priority, end, kind) = (random.below(3), random.below(3), random.below(3));
            let kinds = [promo(), included(), paid()];
            // Labels keep apart what would merge.
            let terms = kinds.iter().cycle().nth(usize::try_from(kind)?).cloned().unwrap_or_else(paid);
            let name = format!("g{index}");
            let mut terms = terms.with_label(label(&name)).with_priority(127 + u8::try_from(priority)?);
            if end < 2 {
                terms = terms.ending_at(world.in_seconds(1_000 + end));
            }
            let free = i64::try_from(1 + random.below(20))?;
            let place = (terms.priority, end, u8::try_from(kind)?, sources.len() + 1);
            world.credit(&name, &terms, free)?;
            sources.push(Source { name, place, free });
        }
        let plain = i64::try_from(random.below(30))?;
        if plain > 0 {
            world.top_up("paid in", plain)?;
            sources.push(Source { name: "plain".to_owned(), place: (128, 2, 2, 0), free: plain });
        }
        sources.sort_by_key(|source| source.place);
        for step in 0..12 {
            let there: i64 = sources.iter().map(|source| source.free).sum();
            let minor = i64::try_from(random.below(12))?;
            let name = format!("s{step}");
            if minor > there {
                world.short(|| world.hold(&name, minor))?;
            } else if random.below(2) == 0 {
                world.hold(&name, minor)?;
                ensure_eq!(world.draws_of(&name)?, take(&mut sources, minor, "held"), "seed {seed}");
            } else {
                world.charge(&name, minor)?;
                ensure_eq!(world.draws_of_charge(&name)?, take(&mut sources, minor, "used"), "seed {seed}");
            }
        }
        let there: i64 = sources.iter().map(|source| source.free).sum();
        ensure_eq!(world.available()?, there);
        world.check_books()?;
        ensure!(world.seq()? > 0);
    }
    Ok(())
}
