//! What was exported is there after the import, whole; and nothing else counts.

use std::collections::BTreeMap;
use std::io::BufReader;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::lines::Line;
use super::write::export_keeping;
use super::*;
use crate::amount::Unit;
use crate::audit::{Discrepancy, verify};
use crate::cap::{Cap, Caps, Counter, CounterKey};
use crate::clock::{ManualClock, Timestamp};
use crate::conformance::broken::{Rows, RulesLedger};
use crate::content::Content;
use crate::entry::{ChargeRef, Operation};
use crate::error::LedgerError;
use crate::grant::GrantTerms;
use crate::id::{AccountId, IdempotencyKey, Labels};
use crate::ledger::future::wait;
use crate::ledger::request::{
    BalanceRequest, CaptureMode, CaptureRequest, CountersRequest, HoldRequest, HoldsRequest, Order, PostKind,
    PostRequest, StatementRequest, SweepRequest, VoidRequest,
};
use crate::ledger::store::asks::{Ask, Snapshot};
use crate::ledger::store::pages::{CountersQuery, EntriesQuery, OpenHoldsQuery, Page, Pruned};
use crate::ledger::store::records::{AccountRecord, EntryRecord, FORMAT, HoldRecord, Stamps, Version};
use crate::ledger::store::sets::{Outcome, Set};
use crate::ledger::store::{Store, StoreError};
use crate::ledger::{Ledger, LedgerExt};
use crate::period::Period;
use crate::record::RecordError;

/// What a store does with the next set.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Twist {
    Applies,
    /// Applies it, and does not say so.
    LosesTheAnswer,
    /// Does not apply it, and does not say so.
    LosesTheSet,
    Rejects,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Kept {
    account: Option<AccountRecord>,
    holds: BTreeMap<IdempotencyKey, HoldRecord>,
    entries: BTreeMap<u64, EntryRecord>,
    counters: BTreeMap<CounterKey, Counter>,
}

/// As much of a store as is needed here, in memory.
#[derive(Debug, Default)]
struct Memory {
    accounts: Mutex<BTreeMap<AccountId, Kept>>,
    /// For the next sets, last first.
    twists: Mutex<Vec<Twist>>,
    /// Accounts that change when their entries are read, once for each time that they are named.
    busy: Mutex<Vec<AccountId>>,
    /// Does not go on to the next page.
    stands_still: bool,
    /// How many rows each set that was applied had.
    sizes: Mutex<Vec<usize>>,
}

impl Memory {
    fn apply(&self, set: &Set) -> Outcome {
        let mut accounts = self.accounts.lock().unwrap();
        let kept = accounts.get(&set.account).cloned().unwrap_or_default();
        let found = kept.account.as_ref().map(AccountRecord::version);
        if found != set.expected {
            return Outcome::Conflict(found);
        }
        assert_eq!((set.from, set.until), (Timestamp::from_micros(i64::MIN), Timestamp::MAX));
        let mut next = kept;
        next.account = Some(set.put.clone());
        for record in &set.new_holds {
            if next.holds.insert(record.hold().key().clone(), record.clone()).is_some() {
                return Outcome::KeyTaken;
            }
        }
        for record in &set.new_entries {
            let taken = record.has_key()
                && next.entries.values().any(|known| {
                    known.entry.operation == record.entry.operation && known.entry.key == record.entry.key
                });
            if taken || next.entries.insert(record.entry.seq, record.clone()).is_some() {
                return Outcome::KeyTaken;
            }
        }
        for counter in &set.counters {
            next.counters.insert(counter.key().clone(), counter.clone());
        }
        self.sizes.lock().unwrap().push(set.new_holds.len() + set.new_entries.len() + set.counters.len());
        accounts.insert(set.account.clone(), next);
        Outcome::Applied
    }

    fn kept(&self, account: &AccountId) -> Kept {
        self.accounts.lock().unwrap().get(account).cloned().unwrap_or_default()
    }

    /// The rows in order, as far as a page goes.
    fn page<K: Ord, T: Clone>(
        &self,
        account: &AccountId,
        rows: impl FnOnce(&Kept) -> &BTreeMap<K, T>,
        after: Option<&K>,
        limit: u32,
    ) -> Page<T> {
        let kept = self.kept(account);
        let after = after.filter(|_| !self.stands_still);
        let rows = rows(&kept).iter().filter(|(key, _)| after.is_none_or(|after| *key > after));
        Page {
            rows: rows.map(|(_, row)| row.clone()).take(limit as usize).collect(),
            seq: kept.account.map_or(0, |record| record.seq()),
        }
    }
}

impl Store for Memory {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(1_767_225_600_000_000)
    }

    fn load(&self, asks: &[Ask]) -> Result<Vec<Snapshot>, StoreError> {
        let snapshot =
            |ask: &Ask| Snapshot { account: self.kept(&ask.account).account, ..Snapshot::default() };
        Ok(asks.iter().map(snapshot).collect())
    }

    fn commit(&self, sets: &[Set]) -> Vec<Outcome> {
        let rows = |set: &Set| set.new_holds.len() + set.new_entries.len() + set.counters.len();
        assert!(sets.iter().map(rows).sum::<usize>() <= 1_000);
        let one = |set: &Set| match self.twists.lock().unwrap().pop().unwrap_or(Twist::Applies) {
            Twist::Applies => self.apply(set),
            Twist::LosesTheAnswer => {
                self.apply(set);
                Outcome::Unknown("the line went dead".to_owned())
            }
            Twist::LosesTheSet => Outcome::Unknown("the line went dead".to_owned()),
            Twist::Rejects => Outcome::Rejected("the disk is full".to_owned()),
        };
        sets.iter().map(one).collect()
    }

    fn entries(&self, query: &EntriesQuery) -> Result<Page<EntryRecord>, StoreError> {
        assert_eq!(query.order, Order::OldestFirst);
        let page = self.page(&query.account, |kept| &kept.entries, query.after.as_ref(), query.limit);
        let mut busy = self.busy.lock().unwrap();
        if let Some(position) = busy.iter().position(|account| *account == query.account) {
            busy.remove(position);
            let mut accounts = self.accounts.lock().unwrap();
            let record = accounts.get_mut(&query.account).and_then(|kept| kept.account.as_mut()).unwrap();
            record.version.commits += 1;
        }
        Ok(page)
    }

    fn open_holds(&self, _: &OpenHoldsQuery) -> Result<Page<HoldRecord>, StoreError> {
        Err(StoreError::Unavailable("not needed here".to_owned()))
    }

    fn counters(&self, query: &CountersQuery) -> Result<Page<Counter>, StoreError> {
        Ok(self.page(&query.account, |kept| &kept.counters, query.after.as_ref(), query.limit))
    }

    fn holds(
        &self,
        account: &AccountId,
        after: Option<&IdempotencyKey>,
        limit: u32,
    ) -> Result<Page<HoldRecord>, StoreError> {
        Ok(self.page(account, |kept| &kept.holds, after, limit))
    }

    fn accounts(&self, after: Option<&AccountId>, limit: u32) -> Result<Vec<AccountId>, StoreError> {
        let accounts = self.accounts.lock().unwrap();
        let later = accounts.keys().filter(|id| after.is_none_or(|after| *id > after));
        Ok(later.take(limit as usize).cloned().collect())
    }

    fn due(
        &self,
        _: Timestamp,
        _: Option<&(Timestamp, AccountId)>,
        _: u32,
    ) -> Result<Vec<(Timestamp, AccountId)>, StoreError> {
        Err(StoreError::Unavailable("not needed here".to_owned()))
    }

    fn prune(&self, _: &AccountId, _: Timestamp, _: u32) -> Result<Pruned, StoreError> {
        Err(StoreError::Unavailable("not needed here".to_owned()))
    }
}

fn usd(minor: i64) -> crate::amount::Amount {
    Unit::new("USD", 2).unwrap().minor(minor)
}

fn id(text: &str) -> AccountId {
    text.parse().unwrap()
}

fn key(text: &str) -> IdempotencyKey {
    text.parse().unwrap()
}

fn caps() -> Caps {
    let hour = Period::rolling(Duration::from_secs(3_600)).unwrap();
    let day = Cap::new("key/1".parse().unwrap(), Period::day(), usd(100_000));
    Caps::new([day, Cap::counting("team".parse().unwrap(), hour)]).unwrap()
}

fn varied_hold() -> HoldRequest {
    let content = Content::new([("rows", "120"), ("operation", "query")]).unwrap();
    let labels = Labels::new([("user", "ana"), ("project", "Zürich")]).unwrap();
    HoldRequest::new(id("varied"), key("h-1"), usd(400))
        .with_caps(caps())
        .with_content(content)
        .with_labels(labels)
}

/// Three accounts: one with a bit of everything, one with many rows, one with a single entry.
fn used(ledger: &RulesLedger, clock: &ManualClock) {
    let varied = id("varied");
    let hour = Duration::from_secs(3_600);
    let at = |hours: u64| {
        Timestamp::from_micros(1_767_225_600_000_000).saturating_add(hour * u32::try_from(hours).unwrap())
    };
    clock.set(at(0));
    let grant = |name: &str, terms: GrantTerms, minor: i64| {
        wait(ledger.grant(&varied, key(name), terms, usd(minor))).unwrap();
    };
    let hold = |name: &str, minor: i64| {
        let request = HoldRequest::new(varied.clone(), key(name), usd(minor)).with_caps(caps());
        wait(ledger.hold(request)).unwrap();
    };
    wait(ledger.top_up(&varied, key("payment"), usd(1_000))).unwrap();
    grant("welcome", GrantTerms::promotional().with_label("Welcome".parse().unwrap()).ending_at(at(5)), 300);
    grant("plan", GrantTerms::included().with_label("Plan".parse().unwrap()).with_priority(7), 200);
    grant("later", GrantTerms::promotional().starting_at(at(3)).ending_at(at(900)), 50);
    grant("never", GrantTerms::promotional().starting_at(at(800)), 60);
    grant("help", GrantTerms::courtesy("Help".parse().unwrap(), Period::month()), 20);
    wait(ledger.hold(varied_hold())).unwrap();
    let partial = CaptureRequest::new(varied.clone(), key("h-1"), usd(150)).with_mode(CaptureMode::Partial);
    wait(ledger.capture(partial)).unwrap();
    hold("h-2", 70);
    wait(ledger.capture_final(&varied, key("h-2"), usd(90))).unwrap();
    wait(ledger.refund(&varied, key("r-1"), ChargeRef::Hold(key("h-2")), usd(15))).unwrap();
    hold("h-3", 10);
    wait(ledger.void(VoidRequest::new(varied.clone(), key("h-3")))).unwrap();
    let charge = PostRequest::new(varied.clone(), key("c-1"), PostKind::Charge, usd(120)).with_caps(caps());
    wait(ledger.post(charge)).unwrap();
    wait(ledger.refund(&varied, key("r-2"), ChargeRef::Charge(key("c-1")), usd(20))).unwrap();
    hold("h-4", 30);
    // That ends; the first hold, too. One starts, one ends.
    clock.set(at(6));
    wait(ledger.sweep(SweepRequest::new())).unwrap();
    wait(ledger.capture_final(&varied, key("h-4"), usd(5))).unwrap();
    wait(ledger.adjust(&varied, key("a-1"), usd(-40))).unwrap();
    hold("h-5", 260);

    let many = id("many");
    wait(ledger.top_up(&many, key("payment"), usd(1_000_000))).unwrap();
    for number in 0..1_500 {
        wait(ledger.charge(&many, key(&format!("c-{number}")), usd(7))).unwrap();
    }
    for number in 0..700 {
        wait(ledger.hold_amount(&many, key(&format!("h-{number}")), usd(3))).unwrap();
    }
    wait(ledger.top_up(&id("one"), key("payment"), usd(5))).unwrap();
}

/// What the ledger has, as records.
fn stored(ledger: &RulesLedger) -> Memory {
    let (memory, mut stamps) = (Memory::default(), Stamps::seeded(7));
    for (id, rows) in ledger.rows() {
        let version = Version { commits: rows.state.seq, stamp: stamps.next() };
        let mut kept = Kept::default();
        for hold in rows.holds {
            let mut record = HoldRecord::new(hold.clone(), stamps.next());
            record.changed(hold.clone(), rows.state.time);
            kept.holds.insert(hold.key, record);
        }
        for entry in rows.entries {
            kept.entries.insert(entry.seq, EntryRecord { entry, stamp: stamps.next() });
        }
        kept.counters = rows.counters.into_iter().map(|counter| (counter.key().clone(), counter)).collect();
        kept.account = Some(AccountRecord { state: rows.state, version, format: FORMAT });
        memory.accounts.lock().unwrap().insert(id, kept);
    }
    memory
}

/// The ledger that goes on with the records.
fn going_on(memory: &Memory, clock: Arc<ManualClock>) -> RulesLedger {
    let ledger = RulesLedger::honest(clock);
    for (id, kept) in memory.accounts.lock().unwrap().clone() {
        let rows = Rows {
            state: kept.account.unwrap().state,
            holds: kept.holds.into_values().map(|record| record.hold).collect(),
            entries: kept.entries.into_values().map(|record| record.entry).collect(),
            counters: kept.counters.into_values().collect(),
        };
        ledger.put(id, rows);
    }
    ledger
}

fn text(memory: &Memory) -> String {
    let mut file = Vec::new();
    export(memory, &mut file).unwrap();
    String::from_utf8(file).unwrap()
}

#[allow(clippy::result_large_err, reason = "with the store that was to be filled")]
fn filled(text: &str) -> Result<(Memory, Transferred), (Memory, ImportError)> {
    let memory = Memory::default();
    match import(&mut text.as_bytes(), &memory) {
        Ok(transferred) => Ok((memory, transferred)),
        Err(error) => Err((memory, error)),
    }
}

/// A small store: two accounts with one entry each.
fn small() -> Memory {
    let ledger = RulesLedger::honest(Arc::new(ManualClock::new()));
    wait(ledger.top_up(&id("a"), key("payment"), usd(5))).unwrap();
    wait(ledger.hold_amount(&id("a"), key("h"), usd(3))).unwrap();
    wait(ledger.top_up(&id("b"), key("payment"), usd(6))).unwrap();
    stored(&ledger)
}

#[test]
fn a_store_comes_back_with_all_that_a_ledger_shows_of_it() {
    let clock = Arc::new(ManualClock::new());
    let ledger = RulesLedger::honest(clock.clone());
    used(&ledger, &clock);
    let memory = stored(&ledger);
    let mut file = Vec::new();
    let exported = export(&memory, &mut file).unwrap();
    assert_eq!((exported.accounts, exported.holds), (3, 705));
    assert!(exported.entries > 1_510 && exported.counters >= 3, "{exported:?}");

    let copy = Memory::default();
    let imported = import(&mut BufReader::with_capacity(7, file.as_slice()), &copy).unwrap();
    assert_eq!(imported, exported);
    assert_eq!(*copy.accounts.lock().unwrap(), *memory.accounts.lock().unwrap());
    assert!(copy.sizes.lock().unwrap().iter().all(|rows| *rows <= 1_000));
    assert!(copy.sizes.lock().unwrap().len() >= 5);
    assert_eq!(text(&copy).as_bytes(), file);

    let again = going_on(&copy, clock);
    for account in [id("varied"), id("many"), id("one")] {
        let unit = usd(0).unit();
        let both = [&ledger, &again].map(|ledger| {
            let audit = wait(verify(ledger, &account, unit)).unwrap();
            assert!(audit.is_clean(), "{:?}", audit.discrepancies());
            let counters = wait(ledger.counters(CountersRequest::new(account.clone()))).unwrap();
            let statement = StatementRequest::new(account.clone()).with_limit(1_000);
            (
                audit,
                wait(ledger.balance(BalanceRequest::new(account.clone(), unit))).unwrap(),
                wait(ledger.statement(statement)).unwrap(),
                wait(ledger.holds(HoldsRequest::new(account.clone()).with_limit(1_000))).unwrap(),
                counters,
            )
        });
        assert_eq!(both[0], both[1], "{account}");
    }
    // Keys are known, and what they stand for.
    assert!(wait(again.hold(varied_hold())).unwrap().is_replay());
    assert!(wait(again.top_up(&id("varied"), key("payment"), usd(1_000))).unwrap().is_replay());
    assert!(wait(again.capture_final(&id("varied"), key("h-2"), usd(90))).unwrap().is_replay());
    let other = wait(again.top_up(&id("varied"), key("payment"), usd(999)));
    assert_eq!(other.unwrap_err(), LedgerError::KeyConflict { field: "amount".into() });
    // And it goes on from there.
    wait(again.capture_final(&id("varied"), key("h-5"), usd(200))).unwrap();
    wait(again.refund(&id("varied"), key("r-3"), ChargeRef::Charge(key("c-1")), usd(100))).unwrap();
    assert!(wait(verify(&again, &id("varied"), usd(0).unit())).unwrap().is_clean());
}

#[test]
fn an_empty_store_and_accounts_without_changes_come_to_nothing() {
    let memory = Memory::default();
    let (copy, transferred) = filled(&text(&memory)).unwrap();
    assert_eq!(transferred, Transferred::default());
    assert!(copy.accounts.lock().unwrap().is_empty());
    let memory = small();
    memory.accounts.lock().unwrap().get_mut(&id("a")).unwrap().account.as_mut().unwrap().state.seq = 0;
    let (copy, transferred) = filled(&text(&memory)).unwrap();
    assert_eq!(transferred, Transferred { accounts: 1, entries: 1, ..Transferred::default() });
    assert_eq!(copy.kept(&id("a")), Kept::default());
}

#[test]
fn only_an_empty_store_is_filled() {
    let (memory, full) = (small(), small());
    let before = full.accounts.lock().unwrap().clone();
    let error = import(&mut text(&memory).as_bytes(), &full).unwrap_err();
    assert!(matches!(&error.why, ImportFault::NotEmpty(account) if *account == id("a")), "{error}");
    assert_eq!(
        error.to_string(),
        "line 1: the store is not empty, it has the account a (complete: 0 accounts)"
    );
    assert_eq!(*full.accounts.lock().unwrap(), before);
}

#[test]
fn no_byte_can_be_changed_unnoticed() {
    let text = text(&small());
    assert!(text.len() > 1_500 && filled(&text).is_ok());
    for place in 0..text.len() {
        let mut bytes = text.clone().into_bytes();
        bytes[place] = if bytes[place] == b'7' { b'8' } else { b'7' };
        let damaged = String::from_utf8(bytes).unwrap();
        // The line feed at the very end alone says nothing.
        assert!(filled(&damaged).is_err() || place + 1 == text.len(), "{damaged}");
    }
    let error = import(&mut [&text.as_bytes()[..40], &[0xff, 0xfe]].concat().as_slice(), &Memory::default());
    assert!(error.unwrap_err().to_string().contains("not text"));
}

#[test]
fn no_line_can_be_lost_moved_or_doubled_unnoticed() {
    let text = text(&small());
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 7);
    let refused = |lines: Vec<&str>| {
        let (memory, error) = filled(&lines.join("\n")).unwrap_err();
        let complete = memory.accounts.lock().unwrap().len();
        assert!(complete as u64 >= error.imported);
        error
    };
    for place in 0..lines.len() {
        let (mut lost, mut doubled, mut moved) = (lines.clone(), lines.clone(), lines.clone());
        lost.remove(place);
        doubled.insert(place, lines[place]);
        moved.swap(place, (place + 1) % lines.len());
        let _ = [lost, doubled, moved].map(refused);
        let cut = refused(lines[..place].to_vec());
        assert!(matches!(cut.why, ImportFault::CutOff), "{cut}");
        assert_eq!(cut.line, place as u64);
    }
    let swapped = refused([lines[0], lines[2], lines[1]].to_vec());
    assert_eq!(
        swapped.to_string(),
        "line 2: n is wrong: 3 where 2 was expected: lines were lost, moved or doubled (complete: 0 accounts)"
    );
    let doubled = refused(lines.iter().copied().chain([lines[6]]).collect());
    assert!(
        matches!(doubled.why, ImportFault::OutOfPlace("something comes after the last line")),
        "{doubled}"
    );
}

#[test]
fn what_was_not_read_to_its_end_does_not_count() {
    let clock = Arc::new(ManualClock::new());
    let ledger = RulesLedger::honest(clock.clone());
    used(&ledger, &clock);
    let text = text(&stored(&ledger));
    // "many" comes first: an account, 700 holds, 1,501 entries.
    let lines: Vec<&str> = text.lines().collect();
    let (memory, error) = filled(&lines[..2_100].join("\n")).unwrap_err();
    assert_eq!((error.line, error.account, error.imported), (2_100, Some(id("many")), 0));
    let kept = memory.kept(&id("many"));
    assert_eq!((kept.account.unwrap().seq(), kept.entries.len()), (0, 1_300));
    // A new attempt needs a new store.
    let error = import(&mut text.as_bytes(), &memory).unwrap_err();
    assert!(matches!(error.why, ImportFault::NotEmpty(_)));
    let (_, error) = filled(&lines[..2_203].join("\n")).unwrap_err();
    assert_eq!((error.line, error.account, error.imported), (2_203, Some(id("many")), 0));
    let (memory, error) = filled(&lines[..lines.len() - 1].join("\n")).unwrap_err();
    assert!(matches!(error.why, ImportFault::CutOff) && error.account == Some(id("varied")), "{error}");
    assert!(
        [id("many"), id("varied")].iter().all(|id| memory.kept(id).account.is_none_or(|it| it.seq() == 0))
    );
}

#[test]
fn an_account_that_changes_is_read_again() {
    for (changes, most) in [(0, usize::MAX), (1, usize::MAX), (2, usize::MAX), (0, 10)] {
        let memory = small();
        memory.busy.lock().unwrap().extend(vec![id("b"); changes]);
        let mut file = Vec::new();
        let exported = export_keeping(&memory, &mut file, most).unwrap();
        assert_eq!((exported.accounts, exported.entries), (2, 2));
        let (copy, imported) = filled(std::str::from_utf8(&file).unwrap()).unwrap();
        assert_eq!(imported, exported);
        assert_eq!(*copy.accounts.lock().unwrap(), *memory.accounts.lock().unwrap());
    }
    // What changes once too often is named; what was written before could be kept back, at once.
    for (changes, most) in [(6, usize::MAX), (1, 10)] {
        let memory = small();
        memory.busy.lock().unwrap().extend(vec![id("b"); changes]);
        let mut file = Vec::new();
        let error = export_keeping(&memory, &mut file, most).unwrap_err();
        assert!(matches!(&error, ExportError::Changed { account } if *account == id("b")), "{error}");
        let (_, error) = filled(std::str::from_utf8(&file).unwrap()).unwrap_err();
        assert!(matches!(error.why, ImportFault::CutOff));
    }
}

#[test]
fn a_store_that_does_not_go_on_is_not_read_for_ever() {
    let memory = Memory { stands_still: true, ..small() };
    let error = export(&memory, &mut Vec::new()).unwrap_err();
    assert!(error.to_string().contains("out of order"), "{error}");
}

#[test]
fn a_file_that_cannot_be_written_is_an_error() {
    let mut full = [0_u8; 300];
    let error = export(&small(), &mut full.as_mut_slice()).unwrap_err();
    assert!(matches!(error, ExportError::Write(_)), "{error}");
}

#[test]
fn lost_answers_are_looked_up() {
    use Twist::{Applies, LosesTheAnswer, LosesTheSet, Rejects};
    let memory = small();
    let text = text(&memory);
    for twists in [
        &[LosesTheAnswer, LosesTheAnswer][..],
        &[LosesTheSet, Applies, LosesTheSet, LosesTheSet, LosesTheAnswer],
        &[LosesTheSet, LosesTheSet, LosesTheSet, LosesTheSet, LosesTheAnswer],
    ] {
        let copy = Memory { twists: Mutex::new(twists.iter().rev().copied().collect()), ..Memory::default() };
        import(&mut text.as_bytes(), &copy).unwrap();
        assert_eq!(*copy.accounts.lock().unwrap(), *memory.accounts.lock().unwrap(), "{twists:?}");
    }
    for (twists, account, imported) in [
        (&[Rejects][..], "a", 0),
        (&[Applies, Rejects], "b", 1),
        (&[LosesTheSet, Applies, LosesTheSet, LosesTheSet, LosesTheSet], "a", 0),
    ] {
        let copy = Memory { twists: Mutex::new(twists.iter().rev().copied().collect()), ..Memory::default() };
        let error = import(&mut text.as_bytes(), &copy).unwrap_err();
        assert!(matches!(error.why, ImportFault::NotApplied(_)), "{error}");
        assert_eq!((error.account, error.imported), (Some(id(account)), imported));
    }
}

/// The text of lines that are well made, whatever they say.
fn made(lines: &[Line]) -> String {
    let lines = lines.iter().zip(1..).map(|(line, number)| lines::write(number, line) + "\n");
    lines.collect()
}

fn lines_of(memory: &Memory, account: &str) -> Vec<Line> {
    let kept = memory.kept(&id(account));
    let mut lines = vec![Line::Store, Line::Account(id(account), Box::new(kept.account.unwrap()))];
    lines.extend(kept.holds.into_values().map(|record| Line::Hold(Box::new(record))));
    lines.extend(kept.entries.into_values().map(|record| Line::Entry(Box::new(record))));
    lines.extend(kept.counters.into_values().map(|counter| Line::Counter(Box::new(counter))));
    lines.push(Line::End(1));
    lines
}

#[test]
fn books_that_do_not_agree_are_refused_by_account() {
    let memory = small();
    assert!(filled(&made(&lines_of(&memory, "a"))).is_ok());
    let refused = |change: fn(&mut Vec<Line>)| {
        let mut lines = lines_of(&small(), "a");
        change(&mut lines);
        let (memory, error) = filled(&made(&lines)).unwrap_err();
        assert_eq!(memory.kept(&id("a")), Kept::default());
        error
    };
    let error = refused(|lines| {
        let Line::Entry(record) = &mut lines[3] else { panic!("an entry") };
        (record.entry.amount, record.entry.posted_after) = (6, 6);
    });
    assert_eq!(error.account, Some(id("a")));
    let ImportFault::Discrepancies { first, count: 1 } = &error.why else { panic!("{error}") };
    assert_eq!(**first, Discrepancy::Total { what: "posted", stated: 5, computed: 6 });
    assert_eq!(
        error.to_string(),
        "line 5: the account's books do not agree: posted is 5, not 6 (1 in all), account a (complete: 0 accounts)"
    );
    let error = refused(|lines| {
        lines.remove(2);
    });
    assert!(matches!(error.why, ImportFault::Discrepancies { count: 2, .. }), "{error}");
    let error = refused(|lines| {
        let Line::Hold(record) = &mut lines[2] else { panic!("a hold") };
        record.hold.unit = Unit::new("EUR", 2).unwrap();
    });
    assert!(error.to_string().contains("another unit"), "{error}");
    let error = refused(|lines| {
        let Line::Account(_, record) = &mut lines[1] else { panic!("an account") };
        record.state.seq = 0;
    });
    assert!(error.to_string().contains("without changes"), "{error}");
}

#[test]
fn a_line_that_stands_where_it_cannot_is_named() {
    let refused = |lines: &[Line]| filled(&made(lines)).unwrap_err().1;
    let account = || lines_of(&small(), "b").remove(1);
    let entry = || lines_of(&small(), "b").remove(2);
    let first = refused(&[account()]);
    assert!(matches!(first.why, ImportFault::OutOfPlace("an export begins with the store's line")));
    let orphan = refused(&[Line::Store, entry()]);
    assert!(matches!(orphan.why, ImportFault::OutOfPlace("rows come after their account")), "{orphan}");
    let twice = refused(&[Line::Store, Line::Store]);
    assert!(twice.to_string().contains("only first"), "{twice}");
    let fewer = refused(&[Line::Store, account(), entry(), Line::End(2)]);
    assert!(fewer.to_string().contains("counts other accounts"), "{fewer}");
    // An account that comes twice is there already, as something else.
    let twice = refused(&[Line::Store, account(), entry(), account(), entry(), Line::End(2)]);
    assert!(matches!(twice.why, ImportFault::NotApplied(Outcome::Conflict(Some(_)))), "{twice}");
    assert_eq!((twice.account, twice.imported), (Some(id("b")), 1));
}

#[test]
fn a_newer_format_and_no_export_at_all_are_told_apart() {
    let newer = crate::record::json::sealed(r#"{"n":"1","is":{"store":{"format":2,"more":true}}}"#);
    let (_, error) = filled(&newer).unwrap_err();
    let ImportFault::Record(why) = error.why else { panic!("{error}") };
    assert_eq!(why, RecordError::NewerFormat { found: 2, known: 1 });
    for text in ["{}\n", "PK\u{3}\u{4}", "\n", "{\"n\":\"1\"}\n"] {
        let (_, error) = filled(text).unwrap_err();
        assert!(
            matches!(error.why, ImportFault::Record(RecordError::Invalid { field: "check", .. })),
            "{error}"
        );
    }
    assert!(matches!(filled("").unwrap_err().1.why, ImportFault::CutOff));
    let endless = &mut BufReader::new(std::io::repeat(b'x'));
    let error = import(endless, &Memory::default()).unwrap_err();
    assert!(error.to_string().starts_with("line 1: a line is too long"), "{error}");
}

#[test]
fn keys_of_one_operation_are_taken_once() {
    let lines = |operation: Operation| {
        let mut lines = lines_of(&small(), "b");
        let Line::Entry(record) = &lines[2] else { panic!("an entry") };
        let mut other = (**record).clone();
        (other.entry.seq, other.entry.posted_after) = (2, 12);
        (other.entry.operation, other.entry.kind) = match operation {
            Operation::Time => (operation, crate::entry::EntryKind::Grant),
            _ => (operation, other.entry.kind),
        };
        lines.insert(3, Line::Entry(Box::new(other)));
        let Line::Account(_, record) = &mut lines[1] else { panic!("an account") };
        (record.state.seq, record.state.posted) = (2, 12);
        lines
    };
    assert!(filled(&made(&lines(Operation::Time))).is_ok());
    let (_, error) = filled(&made(&lines(Operation::Credit))).unwrap_err();
    assert!(matches!(error.why, ImportFault::NotApplied(Outcome::KeyTaken)), "{error}");
}
