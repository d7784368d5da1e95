//! Long histories of everything at once, with the same books at each step.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::account::Balance;
use crate::cap::{Cap, Caps};
use crate::conformance::failed::{Checked, ensure, ensure_eq};
use crate::conformance::world::credit::{included, label, paid, promo};
use crate::conformance::world::random::Random;
use crate::conformance::world::spend::{caps, scope};
use crate::conformance::world::{Answer, Make, World, the_charge, the_hold};
use crate::conformance::{Check, clause};
use crate::entry::{Entry, EntryKind, Operation};
use crate::error::LedgerError;
use crate::grant::GrantTerms;
use crate::hold::{LateCapture, OverCapture};
use crate::ledger::request::{CaptureMode, EndedCredit, Order};
use crate::limits::Limits;
use crate::period::Period;

pub(crate) const CHECKS: &[Check] = clause! { 9:
    each_entry_moves_what_it_says
    what_remains_and_what_is_held_of_a_grant_are_sums
    a_counter_is_the_sum_of_what_counts_in_it
    without_debt_and_corrections_nothing_goes_below_zero
    what_is_there_can_be_spent_to_the_last_unit
};

/// What happened to a step of a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    Applied,
    Replayed,
    Refused,
}

/// How often each kind of step came out how.
type Tally = BTreeMap<(&'static str, Outcome), u32>;

/// An account, and what is done to it.
struct History {
    world: World,
    random: Random,
    /// Whether it may go below zero.
    debts: bool,
    step: u32,
    holds: Vec<String>,
    charges: Vec<String>,
    tally: Tally,
}

/// The ways in which a step changes an account.
const STEPS: [(&str, fn(&mut History, &str) -> Answer<()>); 18] = [
    ("hold", History::hold),
    ("hold", History::hold),
    ("hold", History::hold),
    ("resize", History::resize),
    ("resize", History::resize),
    ("capture", History::capture),
    ("capture", History::capture),
    ("capture", History::capture),
    ("void", History::void),
    ("charge", History::charge),
    ("charge", History::charge),
    ("credit", History::credit),
    ("credit", History::credit),
    ("renewal", History::renewal),
    ("courtesy", History::courtesy),
    ("refund", History::refund),
    ("refund", History::refund),
    ("adjustment", History::adjustment),
];

impl History {
    fn new(make: Make<'_>, seed: u64, debts: bool) -> Self {
        Self {
            world: World::new(make),
            random: Random::new(seed),
            debts,
            step: 0,
            holds: vec![],
            charges: vec![],
            tally: Tally::new(),
        }
    }

    fn amount(&mut self, most: i64) -> i64 {
        self.random.between(0, most)
    }

    /// A limit of debt, where there may be debts at all.
    fn debt(&mut self) -> crate::amount::Amount {
        let minor = if self.debts && self.random.below(4) == 0 { self.random.between(1, 20) } else { 0 };
        self.world.amount(minor)
    }

    fn caps(&mut self) -> Caps {
        let names = ["key", "team"];
        let mut list = vec![];
        for name in names {
            match self.random.below(4) {
                0 => list.push(self.world.daily(name, 150)),
                1 => list.push(Cap::counting(scope(name), Period::month())),
                _ => {}
            }
        }
        caps(list)
    }

    fn any_hold(&mut self) -> String {
        // The latest ones mostly: the others are closed.
        let from = self.holds.len().saturating_sub(6);
        let recent = self.holds.get(from..).unwrap_or_default();
        self.random.pick(recent).cloned().unwrap_or_else(|| "none".to_owned())
    }

    fn seconds(&mut self, most: u64) -> Duration {
        Duration::from_secs(1 + self.random.below(most))
    }

    fn hold(&mut self, name: &str) -> Answer<()> {
        let minor = self.amount(40);
        let least = if self.random.below(2) == 0 { minor } else { self.amount(minor) };
        let minimum = self.world.amount(least);
        let lifetime = if self.random.below(3) == 0 { self.seconds(4 * 86_400) } else { self.seconds(3_600) };
        let (grace, debt, caps) = (self.seconds(600), self.debt(), self.caps());
        let request = self.world.hold_request(name, minor).with_minimum(minimum).with_lifetime(lifetime);
        let answer = self.world.hold_with(request.with_grace(grace).with_debt_limit(debt).with_caps(caps));
        if answer.is_ok() {
            self.holds.push(name.to_owned());
        }
        answer.map(|applied| applied.map(drop))
    }

    fn resize(&mut self, _: &str) -> Answer<()> {
        let name = self.any_hold();
        let rev = match self.world.find_hold(&name) {
            Ok(Some(hold)) => hold.rev(),
            _ => 1,
        };
        let (minor, debt, caps) = (self.amount(50), self.debt(), self.caps());
        let mut request = self.world.resize_request(&name, rev).with_total(self.world.amount(minor));
        if self.random.below(3) == 0 {
            request = request.with_lifetime(self.seconds(3 * 86_400));
        }
        self.world.resize_with(request.with_debt_limit(debt).with_caps(caps)).map(|applied| applied.map(drop))
    }

    fn capture(&mut self, _: &str) -> Answer<()> {
        let name = self.any_hold();
        let (minor, debt) = (self.amount(45), self.debt());
        let modes = [CaptureMode::Final, CaptureMode::Partial];
        let overs = [OverCapture::Reject, OverCapture::UpToAvailable, OverCapture::Debt];
        let lates = [LateCapture::Reject, LateCapture::IfAvailable, LateCapture::Debt];
        let mut request = self.world.capture_request(&name, minor).with_debt_limit(debt);
        request.mode = self.random.pick(&modes).copied().unwrap_or_default();
        request.over = self.random.pick(&overs).copied().unwrap_or_default();
        request.late = self.random.pick(&lates).copied().unwrap_or_default();
        self.world.capture_with(request).map(|applied| applied.map(drop))
    }

    fn void(&mut self, _: &str) -> Answer<()> {
        let name = self.any_hold();
        self.world.void(&name).map(|applied| applied.map(drop))
    }

    fn charge(&mut self, name: &str) -> Answer<()> {
        let (minor, debt, caps) = (self.amount(30), self.debt(), self.caps());
        let request = self.world.charge_request(name, minor).with_debt_limit(debt).with_caps(caps);
        let answer = self.world.post_with(request);
        if answer.is_ok() {
            self.charges.push(name.to_owned());
        }
        answer.map(|applied| applied.map(drop))
    }

    /// Terms from few enough values that some merge.
    fn terms(&mut self) -> GrantTerms {
        let kinds = [promo(), included(), paid(), paid()];
        let mut terms = self.random.pick(&kinds).cloned().unwrap_or_else(paid);
        if self.random.below(3) == 0 {
            terms = terms.with_priority(127 + u8::try_from(self.random.below(3)).unwrap_or(0));
        }
        let hour = 3_600;
        let next = self.world.now().as_micros() / 1_000_000 / hour;
        let mut hours = |most: u64| -> crate::clock::Timestamp {
            let after = i64::try_from(1 + self.random.below(most)).unwrap_or(1);
            crate::clock::Timestamp::from_micros((next + after) * hour * 1_000_000)
        };
        let (end, start) = (hours(48), hours(6));
        if self.random.below(2) == 0 {
            terms = terms.ending_at(end);
        }
        if self.random.below(4) == 0 && terms.ends_at.is_none_or(|end| start < end) {
            terms = terms.starting_at(start);
        }
        if self.random.below(3) == 0 {
            terms = terms.with_label(label("Plan"));
        }
        terms
    }

    fn credit(&mut self, name: &str) -> Answer<()> {
        let (terms, minor) = (self.terms(), 1 + self.amount(80));
        self.world.credit(name, &terms, minor).map(|applied| applied.map(drop))
    }

    fn renewal(&mut self, name: &str) -> Answer<()> {
        let (minor, most) = (self.amount(40), self.amount(60));
        let terms = included().with_label(label("Plan")).renewing_up_to(self.world.amount(most));
        self.world.credit(name, &terms, minor).map(|applied| applied.map(drop))
    }

    fn courtesy(&mut self, name: &str) -> Answer<()> {
        let terms = GrantTerms::courtesy(label("Finish it"), Period::day());
        let minor = 1 + self.amount(5);
        self.world.credit(name, &terms, minor).map(|applied| applied.map(drop))
    }

    fn refund(&mut self, name: &str) -> Answer<()> {
        let of = if self.random.below(2) == 0 {
            the_hold(&self.any_hold())
        } else {
            the_charge(self.random.pick(&self.charges).map_or("none", String::as_str))
        };
        let ways =
            [EndedCredit::ByKind, EndedCredit::Expire, EndedCredit::Revive(Duration::from_secs(7_200))];
        let ended = self.random.pick(&ways).copied().unwrap_or_default();
        let minor = 1 + self.amount(12);
        self.world.refund_with(name, of, minor, ended).map(|applied| applied.map(drop))
    }

    fn adjustment(&mut self, name: &str) -> Answer<()> {
        let minor = if self.debts { self.random.between(-25, 20) } else { 1 + self.amount(10) };
        self.world.adjust(name, if minor == 0 { 1 } else { minor }).map(|applied| applied.map(drop))
    }

    /// Does something, and sees that exactly that was done.
    #[track_caller]
    fn go_on(&mut self) -> Checked {
        self.step += 1;
        if self.random.below(4) == 0 {
            let by = if self.random.below(8) == 0 { self.seconds(30 * 3_600) } else { self.seconds(1_800) };
            self.world.clock.advance(by);
            if self.random.below(3) == 0 {
                self.world.sweep()?;
            }
        }
        // Whatever became due is in this balance, and so is none of it in what the step does.
        let before = self.world.balance()?;
        let Some((kind, step)) = self.random.pick(&STEPS).copied() else { return Ok(()) };
        let answer = step(self, &format!("s{}", self.step));
        let after = self.world.balance()?;
        let outcome = match answer {
            Ok(applied) if applied.is_replay() => Outcome::Replayed,
            Ok(applied) => {
                ensure_eq!(applied.seq(), before.seq() + 1, "{kind}");
                ensure_eq!(applied.available_before(), before.available(), "{kind}");
                Outcome::Applied
            }
            Err(LedgerError::Unavailable { .. } | LedgerError::OutcomeUnknown { .. }) => {
                ensure!(false, "{kind}: {answer:?}");
                Outcome::Refused
            }
            Err(_) => Outcome::Refused,
        };
        *self.tally.entry((kind, outcome)).or_default() += 1;
        if outcome != Outcome::Applied {
            ensure_eq!((&after, kind), (&before, kind), "something was changed");
        }
        moved_as_told(&before, &after, &self.entries_after(before.seq())?)?;
        in_bounds(&after)?;
        if !self.debts {
            ensure!(after.available().minor() >= 0, "{kind}: {after:?}");
        }
        if self.step.is_multiple_of(20) {
            self.world.check_sums()?;
        }
        Ok(())
    }

    #[track_caller]
    fn entries_after(&self, seq: u64) -> Checked<Vec<Entry>> {
        let request = self.world.statement_request().with_order(Order::OldestFirst).with_after(seq);
        Ok(self.world.page(request)?.entries().to_vec())
    }
}

/// What remains of each started grant by its id, and what is plain.
fn credit_of(balance: &Balance) -> (BTreeMap<u64, i64>, i64) {
    let started = balance.grants().iter().filter(|grant| grant.has_started());
    (started.map(|grant| (grant.id(), grant.remaining().minor())).collect(), balance.plain().minor())
}

/// Each entry says by how much it changed what remains of each grant; the rest is what it did to plain credit.
#[track_caller]
fn moved_as_told(before: &Balance, after: &Balance, entries: &[Entry]) -> Checked {
    let (mut grants, mut plain) = credit_of(before);
    for entry in entries {
        let mut rest = entry.amount().minor();
        for movement in entry.movements() {
            *grants.entry(movement.grant()).or_default() += movement.amount().minor();
            rest -= movement.amount().minor();
            ensure!(movement.amount().minor() != 0, "{entry:?}");
        }
        plain += rest;
        let ids: std::collections::BTreeSet<_> =
            entry.movements().iter().map(|moved| moved.grant()).collect();
        ensure_eq!(ids.len(), entry.movements().len(), "each grant at most once: {entry:?}");
    }
    grants.retain(|_, minor| *minor != 0);
    ensure_eq!((grants, plain), credit_of(after), "{entries:?}");
    Ok(())
}

/// What is so of any balance.
#[track_caller]
fn in_bounds(balance: &Balance) -> Checked {
    let grants = balance.grants();
    for grant in grants {
        let (remaining, held) = (grant.remaining().minor(), grant.held().minor());
        ensure!(remaining > 0 && (0..=remaining).contains(&held), "{grant:?}");
        ensure!(grant.has_started() || held == 0, "{grant:?}");
        let ended = grant.ends_at().is_some_and(|end| end <= balance.as_of());
        ensure!(!ended || held == remaining, "what is free of ended credit is gone: {grant:?}");
    }
    let order: Vec<_> = grants
        .iter()
        .map(|grant| (grant.priority(), grant.ends_at().map_or(i64::MAX, crate::clock::Timestamp::as_micros)))
        .collect();
    ensure!(order.is_sorted(), "{grants:?}");
    let lasting = grants.iter().filter(|grant| grant.ends_at().is_none_or(|end| balance.as_of() < end));
    ensure!(lasting.count() <= Limits::MAX_GRANTS, "{grants:?}");
    Ok(())
}

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
