//! A long history of everything at once, that sees after each step whether exactly that was done.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::account::Balance;
use crate::cap::{Cap, Caps};
use crate::clock::Timestamp;
use crate::conformance::failed::{Checked, ensure, ensure_eq};
use crate::conformance::world::credit::{included, label, paid, promo};
use crate::conformance::world::random::Random;
use crate::conformance::world::spend::{caps, scope};
use crate::conformance::world::{Answer, Make, World, the_charge, the_hold};
use crate::entry::{Entry, EntryKind};
use crate::error::LedgerError;
use crate::grant::GrantTerms;
use crate::hold::{LateCapture, OverCapture};
use crate::ledger::request::{CaptureMode, EndedCredit, Order};
use crate::limits::Limits;
use crate::period::Period;

/// What happened to a step of a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Outcome {
    Applied,
    Replayed,
    Refused,
}

/// How often each kind of step came out how.
pub(crate) type Tally = BTreeMap<(&'static str, Outcome), u32>;

/// An account, and what is done to it.
pub(crate) struct History {
    pub(crate) world: World,
    random: Random,
    /// Whether it may go below zero.
    debts: bool,
    step: u32,
    holds: Vec<String>,
    charges: Vec<String>,
    pub(crate) tally: Tally,
}

/// What a step does, under a key of its own.
type Step = fn(&mut History, &str) -> Answer<()>;

/// The ways in which a step changes an account, the usual ones more than once.
pub(crate) const STEPS: [(&str, Step); 18] = [
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
    pub(crate) fn new(make: Make<'_>, seed: u64, debts: bool) -> Self {
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
        let mut hours = |most: u64| -> Timestamp {
            let after = i64::try_from(1 + self.random.below(most)).unwrap_or(1);
            Timestamp::from_micros((next + after) * hour * 1_000_000)
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
    pub(crate) fn go_on(&mut self) -> Checked {
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
        let entries = self.entries_after(before.seq())?;
        let outcome = match answer {
            Ok(applied) if applied.is_replay() => Outcome::Replayed,
            Ok(applied) => {
                ensure_eq!(applied.seq(), before.seq() + 1, "{kind}");
                ensure_eq!(applied.available_before(), before.available(), "{kind}");
                // What follows at once is what came free of ended credit, each a change of its own.
                let more: Vec<_> = entries.iter().filter(|entry| entry.seq() > applied.seq()).collect();
                ensure!(more.iter().all(|entry| entry.kind() == EntryKind::Expiry), "{kind}: {more:?}");
                ensure_eq!(after.seq(), applied.seq() + u64::try_from(more.len())?, "{kind}");
                let lost: i64 = more.iter().map(|entry| entry.amount().minor()).sum();
                let after_all = applied.available_after().minor() + lost;
                ensure_eq!(after_all, after.available().minor(), "{kind}: {applied:?}, {more:?}");
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
        moved_as_told(&before, &after, &entries)?;
        in_bounds(&after)?;
        if entries.last().is_some_and(|entry| entry.seq() == after.seq()) {
            owes_nothing_it_could_pay(&after)?;
        }
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
pub(crate) fn moved_as_told(before: &Balance, after: &Balance, entries: &[Entry]) -> Checked {
    let (mut grants, mut plain) = credit_of(before);
    for entry in entries {
        let mut rest = entry.amount().minor();
        for movement in entry.movements() {
            *grants.entry(movement.grant()).or_default() += movement.amount().minor();
            rest -= movement.amount().minor();
            ensure!(movement.amount().minor() != 0, "{entry:?}");
        }
        plain += rest;
        let ids: BTreeSet<_> = entry.movements().iter().map(crate::grant::Movement::grant).collect();
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
        .map(|grant| (grant.priority(), grant.ends_at().map_or(i64::MAX, Timestamp::as_micros)))
        .collect();
    ensure!(order.is_sorted(), "{grants:?}");
    let lasting = grants.iter().filter(|grant| grant.ends_at().is_none_or(|end| balance.as_of() < end));
    ensure!(lasting.count() <= Limits::MAX_GRANTS, "{grants:?}");
    Ok(())
}

/// After an entry there is no debt beside something that is free.
#[track_caller]
fn owes_nothing_it_could_pay(balance: &Balance) -> Checked {
    let started = balance.grants().iter().filter(|grant| grant.has_started());
    let free: i64 = started.map(|grant| grant.remaining().minor() - grant.held().minor()).sum();
    ensure!(balance.plain().minor() >= 0 || free == 0, "{balance:?}");
    Ok(())
}
