//! What the memory ledger promises beside the contract: how much of the past it keeps, and what is left of the rest.

use std::sync::Arc;

use billing_guard::{
    AccountId, Amount, Applied, Balance, CaptureMode, CaptureRequest, Captured, ChargeRef, Entry, EntryKind,
    FindRequest, Found, GrantTerms, HoldState, HoldStatus, HoldsRequest, IdempotencyKey, Ledger, LedgerError,
    LedgerExt, ManualClock, MemoryLedger, MemorySettings, Order, OverCapture, ResizeRequest,
    StatementRequest, Unit, verify, wait,
};

const MAX: i64 = i64::MAX;

type Answer<T> = Result<Applied<T>, LedgerError>;

fn usd() -> Unit {
    Unit::new("USD", 2).unwrap()
}

fn account() -> AccountId {
    AccountId::new("acct").unwrap()
}

fn key(text: &str) -> IdempotencyKey {
    text.parse().unwrap()
}

fn money(minor: i64) -> Amount {
    usd().minor(minor)
}

/// One account of a memory ledger on a clock that stands still.
struct World(MemoryLedger);

impl World {
    fn new(settings: MemorySettings) -> Self {
        Self(MemoryLedger::with_clock(settings, Arc::new(ManualClock::new())))
    }
    /// With this much paid in.
    fn funded(settings: MemorySettings, minor: i64) -> Self {
        let world = Self::new(settings);
        world.top_up("paid-in", minor).unwrap();
        world
    }
    fn top_up(&self, name: &str, minor: i64) -> Answer<Entry> {
        wait(self.0.top_up(&account(), key(name), money(minor)))
    }
    fn charge(&self, name: &str, minor: i64) -> Answer<Entry> {
        wait(self.0.charge(&account(), key(name), money(minor)))
    }
    fn refund(&self, name: &str, of: ChargeRef, minor: i64) -> Answer<Entry> {
        wait(self.0.refund(&account(), key(name), of, money(minor)))
    }
    fn hold(&self, name: &str, minor: i64) -> Answer<HoldState> {
        wait(self.0.hold_amount(&account(), key(name), money(minor)))
    }
    fn resize(&self, name: &str, rev: u32, total: i64) -> Answer<HoldState> {
        wait(self.0.resize(ResizeRequest::new(account(), key(name), rev).with_total(money(total))))
    }
    fn capture(&self, name: &str, total: i64) -> Answer<Captured> {
        wait(self.0.capture_final(&account(), key(name), money(total)))
    }
    fn partial(&self, name: &str, total: i64) -> Answer<Captured> {
        let request = CaptureRequest::new(account(), key(name), money(total));
        wait(self.0.capture(request.with_mode(CaptureMode::Partial)))
    }
    fn void(&self, name: &str) -> Answer<HoldState> {
        wait(self.0.void_hold(&account(), key(name)))
    }
    fn balance(&self) -> Balance {
        wait(self.0.balance_of(&account(), usd())).unwrap()
    }
    fn knows_hold(&self, name: &str) -> bool {
        wait(self.0.find(FindRequest::hold(account(), key(name)))).unwrap() != Found::NotApplied
    }
    fn knows_entry(&self, name: &str) -> bool {
        let requests = [FindRequest::charge(account(), key(name)), FindRequest::credit(account(), key(name))];
        requests.into_iter().any(|request| wait(self.0.find(request)).unwrap() != Found::NotApplied)
    }
    fn statement(&self) -> Vec<Entry> {
        let request = StatementRequest::new(account()).with_order(Order::OldestFirst).with_limit(1_000);
        wait(self.0.statement(request)).unwrap().entries().to_vec()
    }
    /// Everything that can be read of the account; it must add up.
    fn picture(&self) -> (Balance, Vec<Entry>, Vec<HoldState>) {
        let (balance, entries) = (self.balance(), self.statement());
        let holds = wait(self.0.holds(HoldsRequest::new(account()).with_limit(1_000))).unwrap();
        let sum: i128 = entries.iter().map(|entry| i128::from(entry.amount().minor())).sum();
        assert_eq!(sum, i128::from(balance.posted().minor()));
        let sum: i64 = holds.holds().iter().map(|hold| hold.reserved().minor()).sum();
        assert_eq!((sum, holds.holds().len()), (balance.held().minor(), balance.open_holds() as usize));
        assert!(holds.holds().iter().all(|hold| hold.status() == HoldStatus::Open));
        (balance, entries, holds.holds().to_vec())
    }
    /// Refused, with nothing changed.
    fn refused<T: std::fmt::Debug>(&self, run: impl FnOnce() -> Answer<T>) -> LedgerError {
        let before = self.picture();
        let error = run().unwrap_err();
        assert_eq!(self.picture(), before, "something was changed");
        error
    }
    /// A replay, with nothing changed.
    fn replayed<T: std::fmt::Debug>(&self, run: impl FnOnce() -> Answer<T>) {
        let before = self.picture();
        let applied = run().unwrap();
        assert!(applied.is_replay(), "{applied:?}");
        assert_eq!(applied.seq(), before.0.seq());
        assert_eq!(applied.available_before(), before.0.available());
        assert_eq!(applied.available_after(), before.0.available());
        assert_eq!(self.picture(), before, "something was changed");
    }
    /// Fresh, and the next change: one number further, from what was available to what is.
    fn fresh<T: std::fmt::Debug>(&self, run: impl FnOnce() -> Answer<T>) {
        let (before, ..) = self.picture();
        let applied = run().unwrap();
        assert!(!applied.is_replay(), "{applied:?}");
        let (after, ..) = self.picture();
        assert_eq!((applied.seq(), after.seq()), (before.seq() + 1, before.seq() + 1));
        assert_eq!(applied.available_before(), before.available());
        assert_eq!(applied.available_after(), after.available());
    }
}

// Keys of closed holds.

#[test]
fn a_forgotten_hold_is_unknown_and_its_key_new() {
    // Here two closed holds keep their keys.
    let world = World::funded(MemorySettings::new().with_shards(1).with_retained_keys(2), 100);
    for name in ["a", "b", "c"] {
        world.hold(name, 10).unwrap();
        world.capture(name, 10).unwrap();
    }
    assert!(!world.knows_hold("a"), "closed longest ago, so forgotten");
    assert!(world.knows_hold("b") && world.knows_hold("c"));
    assert_eq!(world.refused(|| world.capture("a", 10)), LedgerError::UnknownHold);
    assert_eq!(world.refused(|| world.void("a")), LedgerError::UnknownHold);
    assert_eq!(world.refused(|| world.resize("a", 1, 10)), LedgerError::UnknownHold);
    let of = ChargeRef::Hold(key("a"));
    assert_eq!(world.refused(|| world.refund("r", of, 1)), LedgerError::UnknownCharge);
    world.replayed(|| world.capture("b", 10));
    assert_eq!(world.balance().posted().minor(), 70, "balances are exact whatever is forgotten");
    world.fresh(|| world.hold("a", 20));
}

#[test]
fn an_open_hold_is_never_forgotten() {
    let world = World::funded(MemorySettings::new().with_shards(1).with_retained_keys(1), 100);
    world.hold("open", 10).unwrap();
    for round in 0..20 {
        world.hold(&format!("h{round}"), 1).unwrap();
        world.void(&format!("h{round}")).unwrap();
    }
    world.replayed(|| world.hold("open", 10));
    world.fresh(|| world.capture("open", 10));
    // Without any room for closed ones, an open one still is kept.
    let world = World::funded(MemorySettings::new().with_shards(1).with_retained_keys(0), 100);
    world.hold("open", 10).unwrap();
    world.replayed(|| world.hold("open", 10));
    world.fresh(|| world.partial("open", 5));
    world.capture("open", 10).unwrap();
    assert_eq!((world.balance().posted().minor(), world.balance().held().minor()), (90, 0));
}

// Entries.

#[test]
fn a_forgotten_entry_leaves_its_key_new_and_the_sum_right() {
    let world = World::funded(MemorySettings::new().with_retained_entries(2), 100);
    world.charge("a", 10).unwrap();
    for name in ["b", "c", "d"] {
        world.charge(name, 1).unwrap();
    }
    assert!(!world.knows_entry("a"));
    let of = ChargeRef::Charge(key("a"));
    assert_eq!(world.refused(|| world.refund("r", of, 1)), LedgerError::UnknownCharge);
    world.fresh(|| world.charge("a", 10));
    assert_eq!(world.balance().posted().minor(), 77);
    world.replayed(|| world.charge("a", 10));
}

#[test]
fn a_trimmed_history_is_one_opening_entry() {
    for kept in [1, 2, 5] {
        let world = World::funded(MemorySettings::new().with_retained_entries(kept), 1_000);
        let mut expected = vec![1_000];
        for index in 1..20 {
            world.fresh(|| world.charge(&format!("c{index}"), index));
            expected.push(-index);
        }
        let entries = world.statement();
        assert!((kept..=kept + 1).contains(&entries.len()), "{kept} kept: {entries:?}");
        let opening = &entries[0];
        assert_eq!(opening.kind(), EntryKind::Opening);
        assert!(entries[1..].iter().all(|entry| entry.kind() == EntryKind::Charge));
        let folded = expected.len() - (entries.len() - 1);
        assert_eq!(opening.amount().minor(), expected[..folded].iter().sum::<i64>());
        assert_eq!(opening.balance_after(), opening.amount());
        assert!(opening.seq() < entries.get(1).map_or(u64::MAX, Entry::seq));
        assert!(entries.is_sorted_by_key(Entry::seq));
        // Paging meets it too, at the far end.
        let request = StatementRequest::new(account()).with_limit(1);
        let mut page = wait(world.0.statement(request.clone())).unwrap();
        let mut sum = page.entries()[0].amount().minor();
        while let Some(after) = page.next() {
            page = wait(world.0.statement(request.clone().with_after(after))).unwrap();
            sum += page.entries()[0].amount().minor();
        }
        assert_eq!(page.entries()[0], *opening);
        assert_eq!(sum, world.balance().posted().minor());
        // It is no posting that can be found or refunded, whatever its key is.
        let name = opening.key().as_str();
        assert!(!world.knows_entry(name));
        let of = ChargeRef::Charge(key(name));
        assert_eq!(world.refused(|| world.refund("r", of, 1)), LedgerError::UnknownCharge);
        world.fresh(|| world.charge(name, 1));
    }
}

/// Nothing is left out when history is folded between two pages: the last page still says where things stood.
#[test]
fn a_page_after_a_fold_ends_with_the_opening_entry() {
    let world = World::new(MemorySettings::new().with_retained_entries(4));
    (0..4).for_each(|index| drop(world.top_up(&format!("a{index}"), 1).unwrap()));
    let first = wait(world.0.statement(StatementRequest::new(account()).with_limit(2))).unwrap();
    assert_eq!(first.entries().iter().map(Entry::seq).collect::<Vec<_>>(), [4, 3]);
    (0..4).for_each(|index| drop(world.top_up(&format!("b{index}"), 1).unwrap()));
    let next = StatementRequest::new(account()).with_limit(2).with_after(first.next());
    let last = wait(world.0.statement(next)).unwrap();
    assert_eq!(last.entries().iter().map(Entry::kind).collect::<Vec<_>>(), [EntryKind::Opening]);
    assert_eq!((last.entries()[0].balance_after().minor(), last.next()), (4, None));
}

#[test]
fn a_folded_history_of_large_amounts_does_not_wrap() {
    let world = World::new(MemorySettings::new().with_retained_entries(1));
    for round in 0..4 {
        world.top_up(&format!("t{round}"), MAX).unwrap();
        world.charge(&format!("c{round}"), MAX).unwrap();
    }
    world.top_up("last", MAX).unwrap();
    let entries = world.statement();
    let sum: i128 = entries.iter().map(|entry| i128::from(entry.amount().minor())).sum();
    assert_eq!(sum, i128::from(MAX));
    assert_eq!(entries[0].kind(), EntryKind::Opening);
}

#[test]
fn folding_never_refuses_money_already_paid() {
    // A thousand top-ups and more than are kept: all of it is there.
    let world = World::new(MemorySettings::new().with_retained_entries(10).with_retained_keys(10));
    for index in 0..1_000 {
        world.top_up(&format!("t{index}"), 3).unwrap();
    }
    assert_eq!(world.balance().available().minor(), 3_000);
    world.charge("all", 3_000).unwrap();
}

// Settings.

#[test]
fn settings_out_of_range_are_brought_into_it() {
    for (shards, keys, entries) in [(0, 0, 0), (1, 1, 1), (4_096, 1, 1), (usize::MAX, usize::MAX, usize::MAX)]
    {
        let settings =
            MemorySettings::new().with_shards(shards).with_retained_keys(keys).with_retained_entries(entries);
        let world = World::funded(settings, 10);
        world.hold("a", 10).unwrap();
        world.capture("a", 4).unwrap();
        world.charge("c", 6).unwrap();
        let balance = world.balance();
        assert_eq!((balance.posted().minor(), balance.held().minor(), balance.seq()), (0, 0, 4));
        assert!(world.knows_entry("c"), "at least one entry is kept");
    }
}

#[test]
fn a_capture_without_an_entry_moves_nothing_between_grants_and_debt() {
    let world = World::new(MemorySettings::new());
    let welcome = GrantTerms::promotional();
    wait(world.0.grant(&account(), key("welcome"), welcome, money(51))).unwrap();
    world.hold("first", 48).unwrap();
    world.hold("second", 3).unwrap();
    // It runs into debt, while all of the grant is held.
    let beyond = CaptureRequest::new(account(), key("second"), money(31))
        .with_over(OverCapture::Debt)
        .with_debt_limit(money(28));
    wait(world.0.capture(beyond)).unwrap();
    // The grant comes free, and no entry says that it paid for anything.
    world.capture("first", 0).unwrap();
    let audit = wait(verify(&world.0, &account(), usd())).unwrap();
    assert!(audit.is_clean(), "{:?}", audit.discrepancies());
    assert_eq!(audit.balance().grants()[0].remaining(), money(48));
    // The next entry does.
    world.charge("third", 1).unwrap();
    let audit = wait(verify(&world.0, &account(), usd())).unwrap();
    assert!(audit.is_clean(), "{:?}", audit.discrepancies());
    assert_eq!(audit.balance().grants()[0].remaining(), money(19));
}
