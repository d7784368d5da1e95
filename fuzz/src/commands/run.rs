//! Runs commands and checks what came of each.

use std::collections::BTreeMap;

use billing_guard::{
    AccountId, Amount, Applied, BalanceRequest, CaptureMode, Captured, Clock, Entry, FindRequest, Found,
    HoldState, HoldStatus, HoldsRequest, IdempotencyKey, Ledger, LedgerError, ManualClock, Operation, Order,
    PostKind, StatementRequest, SweepRequest, Timestamp, Unit, wait,
};

use super::books::Book;
use super::{ACCOUNTS, Change, Command, How, Tally, account};

/// A sequence under way.
pub(super) struct Run<'a> {
    ledger: &'a dyn Ledger,
    clock: &'a ManualClock,
    /// Whether the ledger keeps so little that it may have forgotten a key.
    forgets: bool,
    known: BTreeMap<AccountId, Known>,
    changes: Vec<Change>,
    held: Vec<(AccountId, IdempotencyKey)>,
    tally: Tally,
}

/// An account as it was last seen.
struct Known {
    book: Book,
    /// When it changed last.
    changed_at: Timestamp,
    /// What can never be fallen below: minus the largest debt limit that was used, and what corrections took away.
    debt: i128,
    corrected: i128,
}

/// The answer to a change.
struct Reply {
    value: Value,
    before: i128,
    after: i128,
    seq: u64,
    is_replay: bool,
}

#[derive(Debug, PartialEq)]
enum Value {
    Hold(HoldState),
    Captured(Captured),
    Entry(Entry),
}

impl<'a> Run<'a> {
    pub(super) fn new(ledger: &'a dyn Ledger, clock: &'a ManualClock, forgets: bool) -> Self {
        let fresh = || Known {
            book: Book::empty(),
            changed_at: Timestamp::from_micros(i64::MIN),
            debt: 0,
            corrected: 0,
        };
        let known = (0..ACCOUNTS).map(|number| (account(number), fresh())).collect();
        Self { ledger, clock, forgets, known, changes: Vec::new(), held: Vec::new(), tally: Tally::new() }
    }

    /// The books as last seen: without a read, which would release what is due.
    pub(super) fn book(&self, id: &AccountId) -> &Book {
        &self.known[id].book
    }

    /// One of the holds that were made, counted from the latest.
    pub(super) fn latest_hold(&self, nth: usize) -> Option<(AccountId, IdempotencyKey)> {
        self.held.iter().rev().nth(nth % self.held.len().max(1)).cloned()
    }

    pub(super) fn step(&mut self, command: Command) {
        match command {
            // Nothing is read before the next command, so that it is what meets the holds that are due.
            Command::Clock(by) => {
                let now = self.clock.now().as_micros().saturating_add(by);
                self.clock.set(Timestamp::from_micros(now));
            }
            Command::Change(change, how) => {
                self.change(&change, how);
                self.changes.push(change);
            }
            Command::Again(index) => {
                let count = self.changes.len().max(1);
                if let Some(change) = self.changes.get(index % count).cloned() {
                    self.change(&change, How::Once);
                }
            }
            Command::Find(request) => self.find(&request),
            Command::Balance(id, unit) => self.balance(&id, unit),
            Command::Statement(request) => self.statement(request),
            Command::Holds(request) => self.holds(request),
            Command::Sweep(after, request) => {
                self.step(Command::Clock(after));
                self.sweep(request);
            }
        }
    }

    /// Checks the books once more, now and after everything has ended.
    pub(super) fn finish(mut self) -> Tally {
        self.nothing_changed();
        let open = |(id, known): (&AccountId, &Known)| {
            known.book.holds.iter().map(|hold| FindRequest::hold(id.clone(), hold.key().clone())).collect()
        };
        let open: Vec<Vec<FindRequest>> = self.known.iter().map(open).collect();
        self.step(Command::Clock(i64::MAX / 4));
        self.nothing_changed();
        assert!(self.known.values().all(|known| known.book.held == 0), "held after its end");
        for request in open.concat() {
            match self.look_up(request) {
                Found::Hold(hold) => assert_eq!(hold.status(), HoldStatus::Expired),
                found => assert!(self.forgets && found == Found::NotApplied, "{found:?}"),
            }
        }
        self.tally
    }

    fn count(&mut self, name: &str, outcome: &str) {
        *self.tally.entry(format!("{name} {outcome}")).or_default() += 1;
    }

    /// The books as they must be now if nothing is done to them, and how many holds have ended.
    fn expected(&self) -> (BTreeMap<AccountId, Book>, u32) {
        let (now, mut due) = (self.clock.now(), 0);
        let books = self.known.iter().map(|(id, known)| {
            let (book, released) = known.book.at(now, known.changed_at);
            due += released;
            (id.clone(), book)
        });
        (books.collect(), due)
    }

    /// Reads all books and remembers them.
    fn look(&mut self) {
        for (id, known) in &mut self.known {
            let book = Book::read(self.ledger, id);
            assert!(book.seq >= known.book.seq, "numbers went back");
            if book.seq > known.book.seq {
                known.changed_at = book.as_of;
            }
            known.book = book;
            let floor = -known.debt - known.corrected;
            assert!(known.book.available() >= floor, "{} is below {floor}", known.book.available());
        }
    }

    /// What was done changed nothing, in any account.
    fn nothing_changed(&mut self) {
        let (expected, _) = self.expected();
        self.look();
        for (id, book) in expected {
            assert_eq!(self.known[&id].book, book, "{id} changed");
        }
    }

    fn change(&mut self, change: &Change, how: How) {
        let (mut expected, _) = self.expected();
        let id = change.account().clone();
        let known = self.known.get_mut(&id).expect("one of the accounts");
        known.debt = known.debt.max(change.debt_limit().unwrap_or(0));
        let before = expected.remove(&id).expect("one of the accounts");
        let answer = match how {
            How::Once | How::Twice => Some(submit(self.ledger, change)),
            How::Dropped => {
                drop_unread(self.ledger, change);
                None
            }
        };
        // If it is applied; if not, nothing went away.
        if let Change::Post(request) = change {
            let applied = answer.as_ref().is_none_or(|answer| matches!(answer, Ok(it) if !it.is_replay));
            if request.kind == PostKind::Adjustment && applied {
                known.corrected += i128::from(request.amount.minor()).min(0).abs();
            }
        }
        self.look();
        for (other, book) in expected {
            assert_eq!(self.known[&other].book, book, "{other} changed with {id}");
        }
        let after = self.known[&id].book.clone();
        let Some(answer) = answer else {
            self.count(change.name(), "dropped");
            assert!(after == before || after.seq == before.seq + 1, "more than one change");
            return;
        };
        let fresh = match answer {
            Err(error) => {
                assert_eq!(after, before, "refused with {error:?}, and yet changed: {change:?}");
                check_refusal(&error, &before);
                self.count(change.name(), "refused");
                false
            }
            Ok(reply) if reply.is_replay => {
                assert_eq!(after, before, "a replay of {change:?}");
                let available = before.available();
                assert_eq!((reply.before, reply.after, reply.seq), (available, available, before.seq));
                self.count(change.name(), "repeated");
                false
            }
            Ok(reply) => {
                check_fresh(change, &reply, &before, &after);
                self.check_found(change, &reply.value);
                self.count(change.name(), "applied");
                if let Change::Hold(request) = change {
                    self.held.push((id, request.key.clone()));
                }
                if matches!(&reply.value, Value::Captured(captured) if captured.is_late()) {
                    self.count(change.name(), "late");
                }
                true
            }
        };
        if fresh && matches!(how, How::Twice) {
            self.again(change, &after);
        }
    }

    /// A change that was just applied is not applied a second time.
    fn again(&mut self, change: &Change, before: &Book) {
        let found = self.look_up(change.find());
        match (submit(self.ledger, change), change, found) {
            // Its own success made it out of date.
            (Err(LedgerError::Superseded(now)), Change::Resize(_), Found::Hold(hold)) => {
                assert_eq!(now, hold);
            }
            (Err(LedgerError::UnknownHold), Change::Capture(_) | Change::Void(_), Found::NotApplied)
                if self.forgets => {}
            (Err(error), ..) => panic!("{change:?} again: {error:?}"),
            (Ok(reply), _, found) => {
                assert!(reply.is_replay, "{change:?} was applied twice");
                assert_eq!((reply.after, reply.seq), (before.available(), before.seq));
                match (reply.value, found) {
                    (Value::Hold(again), Found::Hold(hold)) => assert_eq!(again, *hold),
                    (Value::Entry(again), Found::Entry(entry)) => assert_eq!(again, *entry),
                    (Value::Captured(again), Found::Hold(hold)) => {
                        assert_eq!((again.charged().minor(), again.captured()), (0, hold.captured()));
                    }
                    (value, found) => panic!("{value:?}, but found {found:?}"),
                }
            }
        }
        self.nothing_changed();
        self.count(change.name(), "applied once of twice");
    }

    fn look_up(&self, request: FindRequest) -> Found {
        wait(self.ledger.find(request)).expect("an answer")
    }

    /// What was just done is found under its key, as it was answered.
    fn check_found(&self, change: &Change, value: &Value) {
        match (value, self.look_up(change.find())) {
            (Value::Hold(hold), Found::Hold(found)) => assert_eq!(*found, *hold),
            (Value::Captured(captured), Found::Hold(found)) => {
                assert_eq!((found.status(), found.captured()), (captured.status(), captured.captured()));
                assert_eq!(found.uncollected(), captured.uncollected());
            }
            (Value::Entry(entry), Found::Entry(found)) => assert_eq!(*found, *entry),
            (_, Found::NotApplied)
                if self.forgets && !matches!(change, Change::Hold(_) | Change::Resize(_)) => {}
            (value, found) => panic!("{value:?}, but found {found:?}"),
        }
    }

    fn find(&mut self, request: &FindRequest) {
        let found = self.look_up(request.clone());
        self.nothing_changed();
        let book = self.book(&request.account);
        let is_it = |entry: &&Entry| entry.operation() == request.operation && entry.key() == &request.key;
        match (found, request.operation) {
            (Found::Hold(hold), Operation::Hold) if hold.status() == HoldStatus::Open => {
                assert_eq!(book.open_hold(&request.key), Some(&*hold));
            }
            (Found::Hold(_) | Found::NotApplied, Operation::Hold) => {
                assert_eq!(book.open_hold(&request.key), None);
            }
            (Found::Entry(entry), _) => assert_eq!(book.entries.iter().find(is_it), Some(&*entry)),
            // The opening entry has a key that is nobody's.
            (Found::NotApplied, _) => assert_eq!(book.entries.iter().find(is_it), None),
            (found, operation) => panic!("{operation:?} gave {found:?}"),
        }
    }

    fn balance(&mut self, id: &AccountId, unit: Unit) {
        let answer = wait(self.ledger.balance(BalanceRequest::new(id.clone(), unit)));
        self.nothing_changed();
        let book = self.book(id);
        match answer {
            Ok(balance) => {
                assert!(book.unit.is_none_or(|known| known == unit));
                assert_eq!((minor(balance.posted()), balance.seq()), (book.posted, book.seq));
                assert_eq!((minor(balance.held()), balance.as_of()), (book.held, book.as_of));
            }
            Err(LedgerError::WrongUnit { expected, given }) => {
                assert_eq!((Some(expected), given), (book.unit, unit));
                assert_ne!(expected, given);
            }
            Err(error) => panic!("{error:?}"),
        }
    }

    fn statement(&mut self, mut request: StatementRequest) {
        let mut entries = Vec::new();
        loop {
            match wait(self.ledger.statement(request.clone())) {
                Ok(page) => {
                    assert!(page.entries().len() <= request.limit as usize);
                    entries.extend_from_slice(page.entries());
                    let Some(next) = page.next() else { break };
                    request = request.with_after(next);
                }
                Err(error) => {
                    assert!(matches!(request.limit, 0 | 1_001), "{error:?}");
                    return self.nothing_changed();
                }
            }
        }
        if request.order == Order::NewestFirst {
            entries.reverse();
        }
        self.nothing_changed();
        assert_eq!(self.book(&request.account).entries, entries);
    }

    fn holds(&mut self, mut request: HoldsRequest) {
        let mut holds = Vec::new();
        loop {
            match wait(self.ledger.holds(request.clone())) {
                Ok(page) => {
                    assert!(page.holds().len() <= request.limit as usize);
                    holds.extend_from_slice(page.holds());
                    let Some(next) = page.next() else { break };
                    request = request.with_after(next.clone());
                }
                Err(error) => {
                    assert!(matches!(request.limit, 0 | 1_001), "{error:?}");
                    return self.nothing_changed();
                }
            }
        }
        self.nothing_changed();
        assert_eq!(self.book(&request.account).holds, holds);
    }

    fn sweep(&mut self, request: SweepRequest) {
        let (_, due) = self.expected();
        match wait(self.ledger.sweep(request)) {
            Ok(swept) => {
                assert_eq!(swept.released(), due.min(request.limit));
                assert_eq!(swept.has_more(), due >= request.limit);
                self.count("sweep", if swept.released() > 0 { "released" } else { "found nothing" });
            }
            Err(error) => assert!(matches!(request.limit, 0 | 10_001), "{error:?}"),
        }
        self.nothing_changed();
    }
}

fn minor(amount: Amount) -> i128 {
    amount.minor().into()
}

fn submit(ledger: &dyn Ledger, change: &Change) -> Result<Reply, LedgerError> {
    fn reply<T>(applied: Applied<T>, value: impl FnOnce(T) -> Value) -> Reply {
        Reply {
            before: minor(applied.available_before()),
            after: minor(applied.available_after()),
            seq: applied.seq(),
            is_replay: applied.is_replay(),
            value: value(applied.into_value()),
        }
    }
    match change.clone() {
        Change::Hold(request) => wait(ledger.hold(request)).map(|applied| reply(applied, Value::Hold)),
        Change::Resize(request) => wait(ledger.resize(request)).map(|applied| reply(applied, Value::Hold)),
        Change::Capture(request) => {
            wait(ledger.capture(request)).map(|applied| reply(applied, Value::Captured))
        }
        Change::Void(request) => wait(ledger.void(request)).map(|applied| reply(applied, Value::Hold)),
        Change::Post(request) => wait(ledger.post(request)).map(|applied| reply(applied, Value::Entry)),
    }
}

fn drop_unread(ledger: &dyn Ledger, change: &Change) {
    match change.clone() {
        Change::Hold(request) => drop(ledger.hold(request)),
        Change::Resize(request) => drop(ledger.resize(request)),
        Change::Capture(request) => drop(ledger.capture(request)),
        Change::Void(request) => drop(ledger.void(request)),
        Change::Post(request) => drop(ledger.post(request)),
    }
}

/// A refusal tells the truth about the account.
fn check_refusal(error: &LedgerError, book: &Book) {
    match error {
        LedgerError::Insufficient(short) => {
            assert_eq!((minor(short.posted()), minor(short.held())), (book.posted, book.held));
            assert_eq!((short.seq(), short.as_of()), (book.seq, book.as_of));
            assert!(minor(short.required()) > book.available() + minor(short.debt_limit()), "{short:?}");
            let next = book.holds.first().map(|hold| hold.release_at().saturating_since(book.as_of));
            assert_eq!(short.next_release_in(), next);
        }
        LedgerError::Unavailable { .. } | LedgerError::OutcomeUnknown { .. } => {
            panic!("memory is always there: {error:?}")
        }
        _ => {}
    }
}

/// A change did what its reply says, and what was asked.
fn check_fresh(change: &Change, reply: &Reply, before: &Book, after: &Book) {
    assert_eq!(after.seq, before.seq + 1, "{change:?}");
    assert_eq!(reply.seq, after.seq);
    assert_eq!((reply.before, reply.after), (before.available(), after.available()), "{change:?}");
    if let Some(debt) = change.debt_limit() {
        assert!(reply.after >= reply.before || reply.after >= -debt, "overdrawn by {change:?}");
    }
    let new: Vec<&Entry> = after.entries.iter().filter(|entry| entry.seq() > before.seq).collect();
    assert!(new.len() <= 1, "{new:?}");
    let posted = after.posted - before.posted;
    assert_eq!(new.iter().map(|entry| minor(entry.amount())).sum::<i128>(), posted);
    let held = after.held - before.held;
    match (change, &reply.value) {
        (Change::Hold(request), Value::Hold(hold)) => {
            assert_eq!((posted, held), (0, minor(hold.total())));
            assert_eq!(after.open_hold(&request.key), Some(hold));
            assert!((minor(request.minimum)..=minor(request.amount)).contains(&held), "{hold:?}");
        }
        (Change::Resize(request), Value::Hold(hold)) => {
            let old = before.open_hold(&request.key).expect("only an open hold is resized");
            assert_eq!((posted, held), (0, minor(hold.reserved()) - minor(old.reserved())));
            assert_eq!(after.open_hold(&request.key), Some(hold));
            assert_eq!(hold.total(), request.total.unwrap_or(old.total()));
            assert!(hold.release_at() >= old.release_at(), "resized to end sooner");
        }
        (Change::Capture(request), Value::Captured(captured)) => {
            assert_eq!(posted, -minor(captured.charged()));
            assert_eq!(minor(captured.captured()) + minor(captured.uncollected()), minor(request.total));
            let old = before.open_hold(&request.key).map_or(0, |hold| minor(hold.reserved()));
            let open = after.open_hold(&request.key).map_or(0, |hold| minor(hold.reserved()));
            assert_eq!(held, open - old);
            assert!(request.mode == CaptureMode::Partial || after.open_hold(&request.key).is_none());
        }
        (Change::Void(request), Value::Hold(hold)) => {
            let old = before.open_hold(&request.key).map_or(0, |hold| minor(hold.reserved()));
            assert_eq!((posted, held), (0, -old));
            assert_eq!((hold.status(), after.open_hold(&request.key)), (HoldStatus::Voided, None));
        }
        (Change::Post(request), Value::Entry(entry)) => {
            let sign = if request.kind == PostKind::Charge { -1 } else { 1 };
            assert_eq!((posted, held), (sign * minor(request.amount), 0));
            assert_eq!(new, [entry]);
        }
        (change, value) => panic!("{change:?} was answered with {value:?}"),
    }
}
