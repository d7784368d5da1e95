//! A ledger of the rules and plain maps behind one mutex: all that a ledger needs. It can be broken at each [hook](Hooks).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Bound;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};
use std::thread::{self, ThreadId};
use std::time::Duration;

use crate::account::{Applied, Balance};
use crate::amount::Unit;
use crate::cap::{Caps, Counter, CounterKey};
use crate::clock::{Clock, ManualClock, Timestamp};
use crate::conformance::broken::hooks::{Ask, Due, Hooks, Method, Occasion, View, WhenCut};
use crate::entry::{ChargeRef, Entry, Operation};
use crate::error::LedgerError;
use crate::hold::HoldState;
use crate::id::{AccountId, IdempotencyKey};
use crate::ledger::Ledger;
use crate::ledger::future::LedgerFuture;
use crate::ledger::reply::{CountersPage, Found, HoldsPage, Statement, Swept};
use crate::ledger::request::{
    BalanceRequest, CaptureRequest, CountersRequest, FindRequest, HoldRequest, HoldsCursor, HoldsRequest,
    Order, PostKind, PostRequest, ResizeRequest, StatementRequest, SweepRequest, VoidRequest,
};
use crate::ledger::rules::{self, AccountState, Changes, Decision, Outcome, Source, Stop};
use crate::limits::Limits;
use crate::receipt::Captured;

/// Keeps balances in maps, for as long as it lives, and forgets no key.
#[derive(Clone)]
pub(super) struct RulesLedger {
    books: Arc<Mutex<BTreeMap<AccountId, Account>>>,
    clock: Arc<ManualClock>,
    hooks: &'static Hooks,
    /// Whether its store cannot be reached, and how many requests found that out.
    cut: Arc<(AtomicBool, AtomicU32)>,
    made_by: ThreadId,
    /// What is to be done before the next change; only a fault leaves something here.
    later: Arc<Mutex<Vec<Later>>>,
}

type Later = Box<dyn FnOnce(&RulesLedger) + Send>;

/// An account with all its rows.
#[derive(Clone, Debug)]
pub(super) struct Account {
    pub(super) state: AccountState,
    pub(super) holds: BTreeMap<IdempotencyKey, HoldState>,
    /// When the open ones are due.
    pub(super) due: BTreeSet<(Timestamp, IdempotencyKey)>,
    pub(super) entries: BTreeMap<u64, Entry>,
    /// The numbers of charges (true) and of credit by their keys.
    pub(super) postings: BTreeMap<(bool, IdempotencyKey), u64>,
    pub(super) counters: BTreeMap<CounterKey, Counter>,
    pub(super) scratch: Scratch,
}

/// What only faults need to remember.
#[derive(Clone, Debug, Default)]
pub(super) struct Scratch {
    /// By a word and a key.
    pub(super) refused: BTreeMap<(&'static str, IdempotencyKey), LedgerError>,
    pub(super) caps: BTreeMap<IdempotencyKey, Caps>,
    pub(super) seen: BTreeSet<u64>,
    /// State and counters before the latest change.
    pub(super) before: Option<(AccountState, Vec<Counter>)>,
    /// The sequence number and what was available before anything was booked.
    pub(super) on_arrival: (u64, i64),
}

impl Account {
    fn new(unit: Unit) -> Self {
        Self {
            state: AccountState::empty(unit),
            holds: BTreeMap::new(),
            due: BTreeSet::new(),
            entries: BTreeMap::new(),
            postings: BTreeMap::new(),
            counters: BTreeMap::new(),
            scratch: Scratch::default(),
        }
    }

    fn view(&self, now: Timestamp) -> View {
        let counters = self.counters.values().cloned().collect();
        View { state: self.state.clone(), counters, hold: None, entry: None, charge: None, now }
    }

    pub(super) fn posting(&self, operation: Operation, key: &IdempotencyKey) -> Option<&Entry> {
        let seq = self.postings.get(&(operation == Operation::Charge, key.clone()))?;
        self.entries.get(seq)
    }

    pub(super) fn apply(&mut self, changes: Changes, due_at: fn(&HoldState) -> Timestamp) {
        self.state = changes.account;
        if let Some(hold) = changes.hold {
            let key = hold.key.clone();
            if hold.is_open() {
                self.due.insert((due_at(&hold), key.clone()));
            }
            let due = hold.is_open().then(|| due_at(&hold));
            if let Some(old) = self.holds.insert(key.clone(), hold)
                && due != Some(due_at(&old))
            {
                self.due.remove(&(due_at(&old), key));
            }
        }
        for entry in changes.charge.into_iter().chain(changes.entry) {
            if matches!(entry.operation, Operation::Charge | Operation::Credit) {
                let key = (entry.operation == Operation::Charge, entry.key.clone());
                self.postings.insert(key, entry.seq);
            }
            self.entries.insert(entry.seq, entry);
        }
        self.counters.extend(changes.counters.into_iter().map(|counter| (counter.key.clone(), counter)));
        let now = self.state.time;
        self.counters.retain(|_, counter| !counter.is_over(now));
        self.state.next_due = self.due.first().map_or(Timestamp::MAX, |(at, _)| *at);
    }
}

impl RulesLedger {
    pub(super) fn new(clock: Arc<ManualClock>, hooks: &'static Hooks) -> Self {
        let made_by = thread::current().id();
        Self { books: Arc::default(), clock, hooks, cut: Arc::default(), made_by, later: Arc::default() }
    }

    /// Cuts it off from its store, or connects it again.
    pub(super) fn cut_off(&self, cut: bool) {
        self.cut.0.store(cut, Ordering::SeqCst);
    }

    fn is_cut(&self) -> bool {
        self.cut.0.load(Ordering::SeqCst)
    }

    fn books(&self) -> MutexGuard<'_, BTreeMap<AccountId, Account>> {
        self.books.lock().expect("no thread panics while it holds this")
    }

    /// Runs a change on an account, which is made for it if the request has a unit; refused, it leaves no account.
    fn change<T>(
        &self,
        id: &AccountId,
        unit: Option<Unit>,
        change: impl FnOnce(&mut Account, Timestamp) -> Result<T, LedgerError>,
    ) -> Result<T, LedgerError> {
        let all = AccountId::new("all").expect("an id");
        let id = if self.hooks.one_for_all { &all } else { id };
        let lets_go = self.hooks.lets_go && thread::current().id() != self.made_by;
        let mut books = self.books();
        let now = self.clock.now();
        let known = if lets_go { books.get(id).cloned() } else { books.remove(id) };
        let mut account = match (known, unit) {
            (Some(account), _) => account,
            (None, Some(unit)) => Account::new(unit),
            (None, None) => return Err(LedgerError::UnknownHold),
        };
        if lets_go {
            drop(books);
            thread::sleep(Duration::from_micros(200));
            books = self.books();
        }
        account.scratch.on_arrival = (account.state.seq, account.state.available());
        let answer = change(&mut account, now);
        if account.state.seq > 0 || self.hooks.keeps_refused {
            books.insert(id.clone(), account);
        }
        answer
    }

    /// Books what is due, asks the rule, and stores what it decided.
    fn decide<T>(
        &self,
        account: &mut Account,
        now: Timestamp,
        ask: Ask<'_>,
        load: impl Fn(&Account, &mut View),
        rule: impl Fn(&View) -> Decision<T>,
    ) -> Result<Applied<T>, LedgerError> {
        self.book(account, Occasion::Decision, now, u32::MAX);
        loop {
            let mut view = account.view(now);
            load(account, &mut view);
            (self.hooks.sees)(ask, &mut view, account);
            match rule(&view) {
                Ok(Outcome { changes, reply }) => {
                    if let Some(changes) = changes {
                        self.store(account, ask, changes, &view);
                        // Credit may have come free, or back, that has ended already.
                        while account.state.has_turns()
                            && (self.hooks.books)(Occasion::Decision, Due::Turn)
                            && self.turn(account, account.state.time)
                        {}
                    }
                    let Applied { value, unit, before, after, seq, novelty } = reply;
                    let mut common = Applied { value: (), unit, before, after, seq, novelty };
                    (self.hooks.answers)(ask, &mut common, &view, account);
                    return Ok(common.map(|()| value));
                }
                Err(Stop::Refuse(mut error)) => {
                    (self.hooks.refuses)(ask, &mut error, &view, account);
                    return Err(error);
                }
                Err(Stop::DueFirst) => {
                    if self.book(account, Occasion::Demand, now, u32::MAX) == (0, 0) {
                        return Err(unavailable("a rule asked for what is not due"));
                    }
                }
            }
        }
    }

    fn store(&self, account: &mut Account, ask: Ask<'_>, mut changes: Changes, view: &View) {
        (self.hooks.stores)(ask, &mut changes, view, account);
        account.apply(changes, self.hooks.due_at);
    }

    /// Books what is due, in the order of time, up to a limit; says how many releases and turns.
    fn book(&self, account: &mut Account, on: Occasion, now: Timestamp, limit: u32) -> (u32, u32) {
        let now = account.state.time.max(now);
        let (mut released, mut booked) = (0, 0);
        while released + booked < limit {
            let turn = account.state.grants.next_turn();
            let first = account.due.first().filter(|(at, _)| *at <= now.min(turn)).cloned();
            if let Some((_, key)) = first.filter(|_| (self.hooks.books)(on, Due::Release)) {
                if !self.release(account, &key, now) {
                    break;
                }
                released += 1;
            } else if turn <= now && (self.hooks.books)(on, Due::Turn) && self.turn(account, now) {
                booked += 1;
            } else {
                break;
            }
        }
        (released, booked)
    }

    fn release(&self, account: &mut Account, key: &IdempotencyKey, now: Timestamp) -> bool {
        let mut view = account.view(now);
        view.hold = account.holds.get(key).cloned();
        (self.hooks.sees)(Ask::Release, &mut view, account);
        let (mut state, mut hold) = (view.state.clone(), view.hold.clone().expect("what is due is there"));
        let counters = rules::release(&mut state, &view.counters, &mut hold, view.now);
        let changes = Changes { account: state, hold: Some(hold), entry: None, charge: None, counters };
        self.store(account, Ask::Release, changes, &view);
        !account.holds.get(key).is_some_and(HoldState::is_open)
    }

    fn turn(&self, account: &mut Account, now: Timestamp) -> bool {
        let mut view = account.view(now);
        (self.hooks.sees)(Ask::Turn, &mut view, account);
        let mut state = view.state.clone();
        let entry = rules::turn(&mut state, view.now);
        let turned = entry.is_some();
        if turned {
            let changes = Changes { account: state, hold: None, entry, charge: None, counters: Vec::new() };
            self.store(account, Ask::Turn, changes, &view);
        }
        turned
    }

    /// Decides something about one hold.
    fn decide_on_hold<T>(
        &self,
        account: &mut Account,
        now: Timestamp,
        ask: Ask<'_>,
        key: &IdempotencyKey,
        rule: impl Fn(&View) -> Decision<T>,
    ) -> Result<Applied<T>, LedgerError> {
        let load = |account: &Account, view: &mut View| view.hold = account.holds.get(key).cloned();
        self.decide(account, now, ask, load, rule)
    }

    fn hold_now(&self, mut request: HoldRequest) -> Result<Applied<HoldState>, LedgerError> {
        self.change(&request.account.clone(), Some(request.amount.unit()), |account, now| {
            (self.hooks.hold)(&mut request, account)?;
            self.decide_on_hold(account, now, Ask::Hold(&request), &request.key, |view| {
                rules::hold(&view.state, &view.counters, view.hold.as_ref(), &request, view.now)
            })
        })
    }

    fn resize_now(&self, mut request: ResizeRequest) -> Result<Applied<HoldState>, LedgerError> {
        self.change(&request.account.clone(), None, |account, now| {
            (self.hooks.resize)(&mut request, account)?;
            self.decide_on_hold(account, now, Ask::Resize(&request), &request.key, |view| {
                rules::resize(&view.state, &view.counters, view.hold.as_ref(), &request, view.now)
            })
        })
    }

    fn capture_now(&self, mut request: CaptureRequest) -> Result<Applied<Captured>, LedgerError> {
        self.change(&request.account.clone(), None, |account, now| {
            (self.hooks.capture)(&mut request, account)?;
            self.decide_on_hold(account, now, Ask::Capture(&request), &request.key, |view| {
                rules::capture(&view.state, &view.counters, view.hold.as_ref(), &request, view.now)
            })
        })
        .map(|mut applied| {
            (self.hooks.receipt)(&mut applied.value);
            applied
        })
    }

    fn void_now(&self, mut request: VoidRequest) -> Result<Applied<HoldState>, LedgerError> {
        self.change(&request.account.clone(), None, |account, now| {
            (self.hooks.void)(&mut request, account)?;
            self.decide_on_hold(account, now, Ask::Void(&request), &request.key, |view| {
                rules::void(&view.state, &view.counters, view.hold.as_ref(), &request, view.now)
            })
        })
    }

    fn post_now(&self, mut request: PostRequest) -> Result<Applied<Entry>, LedgerError> {
        self.change(&request.account.clone(), Some(request.amount.unit()), |account, now| {
            (self.hooks.post)(&mut request, account)?;
            let of = match &request.kind {
                PostKind::Refund { of, .. } => Some(of),
                _ => None,
            };
            let load = |account: &Account, view: &mut View| {
                view.entry = account.posting(request.kind.operation(), &request.key).cloned();
                match of {
                    Some(ChargeRef::Hold(key)) => view.hold = account.holds.get(key).cloned(),
                    Some(ChargeRef::Charge(key)) => {
                        view.charge = account.posting(Operation::Charge, key).cloned();
                    }
                    None => {}
                }
            };
            self.decide(account, now, Ask::Post(&request), load, |view| {
                let hold = view.hold.as_ref().map(Source::Hold);
                let source = hold.or(view.charge.as_ref().map(Source::Entry)).unwrap_or(Source::None);
                rules::post(&view.state, &view.counters, view.entry.as_ref(), source, &request, view.now)
            })
        })
    }

    fn sweep_now(&self, mut request: SweepRequest) -> Result<Swept, LedgerError> {
        (self.hooks.sweep)(&mut request);
        if !(1..=Limits::MAX_SWEEP).contains(&request.limit) {
            return Err(LedgerError::invalid(
                "the limit of a sweep",
                "must be from 1 to 10,000",
                request.limit,
            ));
        }
        let mut swept = Swept::default();
        let (mut books, now) = (self.books(), self.clock.now());
        for account in books.values_mut() {
            (self.hooks.sweeps)(account, now);
            let left = request.limit - swept.released - swept.booked;
            let (released, booked) = self.book(account, Occasion::Sweep, now, left);
            swept.released += released;
            swept.booked += booked;
        }
        swept.more = swept.released + swept.booked >= request.limit;
        Ok(swept)
    }

    /// Reads an account as it is now; `None` if there is none.
    fn read<T>(
        &self,
        id: &AccountId,
        read: impl FnOnce(&Account, Timestamp) -> T,
    ) -> Result<Option<T>, LedgerError> {
        if self.is_cut() {
            return match self.hooks.when_cut {
                WhenCut::LooksEmpty | WhenCut::ShowsNothing => Ok(None),
                _ => Err(unavailable("the store cannot be reached")),
            };
        }
        let (mut books, now) = (self.books(), self.clock.now());
        let Some(account) = books.get_mut(id) else { return Ok(None) };
        self.book(account, Occasion::Read, now, u32::MAX);
        Ok(Some(read(account, now)))
    }

    fn balance_now(&self, request: &BalanceRequest) -> Result<Balance, LedgerError> {
        let balance = self.read(&request.account, |account, now| {
            let mut balance = account.state.at(now).balance();
            (self.hooks.shows_balance)(&mut balance, account);
            balance
        })?;
        match balance {
            Some(balance) if balance.unit != request.unit => {
                Err(LedgerError::WrongUnit { expected: balance.unit, given: request.unit })
            }
            Some(balance) => Ok(balance),
            None => Ok(AccountState::empty(request.unit).at(self.clock.now()).balance()),
        }
    }

    fn statement_now(&self, mut request: StatementRequest) -> Result<Statement, LedgerError> {
        (self.hooks.statement)(&mut request);
        let limit = page_size(request.limit)?;
        let page = self.read(&request.account, |account, _| {
            let after = request.after;
            let (entries, more): (Vec<Entry>, bool) = match request.order {
                Order::OldestFirst => {
                    let from = after.map_or(Bound::Unbounded, Bound::Excluded);
                    first(account.entries.range((from, Bound::Unbounded)).map(|(_, entry)| entry), limit)
                }
                Order::NewestFirst => {
                    let to = after.map_or(Bound::Unbounded, Bound::Excluded);
                    first(account.entries.range((Bound::Unbounded, to)).rev().map(|(_, entry)| entry), limit)
                }
            };
            let next = entries.last().filter(|_| more).map(|last| last.seq);
            let mut page = Statement { entries, next, seq: account.state.seq };
            (self.hooks.shows_statement)(&mut page, &request, account);
            page
        })?;
        Ok(page.unwrap_or_default())
    }

    fn holds_now(&self, mut request: HoldsRequest) -> Result<HoldsPage, LedgerError> {
        (self.hooks.holds)(&mut request);
        let limit = page_size(request.limit)?;
        let page = self.read(&request.account, |account, _| {
            let after = request.after.clone().map(|after| (after.release_at, after.key));
            let from = after.map_or(Bound::Unbounded, Bound::Excluded);
            let due = account.due.range((from, Bound::Unbounded));
            let (holds, more): (Vec<HoldState>, bool) =
                first(due.filter_map(|(_, key)| account.holds.get(key)), limit);
            let last = holds.last().filter(|_| more);
            let next = last.map(|last| HoldsCursor { release_at: last.release_at, key: last.key.clone() });
            let mut page = HoldsPage { holds, next, seq: account.state.seq };
            (self.hooks.shows_holds)(&mut page, &request, account);
            page
        })?;
        Ok(page.unwrap_or_default())
    }

    fn counters_now(&self, mut request: CountersRequest) -> Result<CountersPage, LedgerError> {
        (self.hooks.counters)(&mut request);
        let limit = page_size(request.limit)?;
        let page = self.read(&request.account, |account, _| {
            let from = request.after.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
            let all = account.counters.range((from, Bound::Unbounded)).map(|(_, counter)| counter);
            let asked =
                all.filter(|counter| request.scope.as_ref().is_none_or(|it| *it == counter.key.scope));
            let (counters, more): (Vec<Counter>, bool) = first(asked, limit);
            let next = counters.last().filter(|_| more).map(|last| last.key.clone());
            let mut page = CountersPage { counters, next, seq: account.state.seq };
            (self.hooks.shows_counters)(&mut page, &request, account);
            page
        })?;
        Ok(page.unwrap_or_default())
    }

    fn find_now(&self, request: &FindRequest) -> Result<Found, LedgerError> {
        let found = self.read(&request.account, |account, _| {
            let mut found = match request.operation {
                Operation::Hold => {
                    let hold = account.holds.get(&request.key);
                    hold.map_or(Found::NotApplied, |hold| Found::Hold(Box::new(hold.clone())))
                }
                Operation::Time => Found::NotApplied,
                operation => {
                    let entry = account.posting(operation, &request.key);
                    entry.map_or(Found::NotApplied, |entry| Found::Entry(Box::new(entry.clone())))
                }
            };
            (self.hooks.finds)(&mut found, request, account);
            found
        })?;
        Ok(found.unwrap_or(Found::NotApplied))
    }

    /// Submits a change: does it now, if its store can be reached.
    fn submit<T: Send + 'static>(
        &self,
        method: Method,
        key: Option<IdempotencyKey>,
        change: impl FnOnce(&Self) -> Result<T, LedgerError> + Send + 'static,
    ) -> LedgerFuture<T> {
        if self.is_cut() {
            return LedgerFuture::ready(self.change_while_cut(key, change));
        }
        let later = std::mem::take(&mut *self.later.lock().expect("no thread panics while it holds this"));
        later.into_iter().for_each(|change| change(self));
        if (self.hooks.waits_for_poll)(method) {
            let ledger = self.clone();
            return LedgerFuture::boxed(async move { change(&ledger) });
        }
        LedgerFuture::ready(change(self))
    }

    /// In turn: refused before it was sent, applied with the answer lost, lost on the way.
    fn change_while_cut<T>(
        &self,
        key: Option<IdempotencyKey>,
        change: impl FnOnce(&Self) -> Result<T, LedgerError> + Send + 'static,
    ) -> Result<T, LedgerError> {
        let unavailable = unavailable("the store cannot be reached");
        if self.hooks.when_cut == WhenCut::LooksEmpty {
            return change(&Self { books: Arc::default(), ..self.clone() });
        }
        if self.hooks.when_cut == WhenCut::AppliesAllTheSame {
            let _ = change(self);
            return Err(unavailable);
        }
        let lost = self.cut.1.fetch_add(1, Ordering::SeqCst) % 3;
        let (Some(mut key), 1..) = (key, lost) else { return Err(unavailable) };
        if self.hooks.when_cut == WhenCut::AppliesLater {
            let later = Box::new(|ledger: &Self| drop(change(ledger)));
            self.later.lock().expect("no thread panics while it holds this").push(later);
        } else if lost == 1 {
            let _ = change(self);
        }
        if self.hooks.when_cut == WhenCut::MixesKeysUp {
            key = IdempotencyKey::new("another").expect("a key");
        }
        Err(LedgerError::OutcomeUnknown { key, detail: "no answer in time".to_owned() })
    }
}

fn unavailable(detail: &str) -> LedgerError {
    LedgerError::Unavailable { detail: detail.to_owned() }
}

fn page_size(limit: u32) -> Result<usize, LedgerError> {
    if (1..=Limits::MAX_PAGE).contains(&limit) {
        return Ok(usize::try_from(limit).expect("at most a thousand"));
    }
    Err(LedgerError::invalid("the limit of a page", "must be from 1 to 1,000", limit))
}

/// The first of some rows, and whether there are more.
fn first<'a, T: Clone + 'a>(mut rows: impl Iterator<Item = &'a T>, limit: usize) -> (Vec<T>, bool) {
    let page = rows.by_ref().take(limit).cloned().collect();
    (page, rows.next().is_some())
}

impl Ledger for RulesLedger {
    fn hold(&self, request: HoldRequest) -> LedgerFuture<Applied<HoldState>> {
        if self.hooks.retries_what_was_dropped {
            let answer = Some(self.hold_now(request.clone()));
            return LedgerFuture::boxed(Retry { ledger: self.clone(), request, answer });
        }
        self.submit(Method::Hold, Some(request.key.clone()), |ledger| ledger.hold_now(request))
    }

    fn resize(&self, request: ResizeRequest) -> LedgerFuture<Applied<HoldState>> {
        self.submit(Method::Resize, Some(request.key.clone()), |ledger| ledger.resize_now(request))
    }

    fn capture(&self, request: CaptureRequest) -> LedgerFuture<Applied<Captured>> {
        self.submit(Method::Capture, Some(request.key.clone()), |ledger| ledger.capture_now(request))
    }

    fn void(&self, request: VoidRequest) -> LedgerFuture<Applied<HoldState>> {
        self.submit(Method::Void, Some(request.key.clone()), |ledger| ledger.void_now(request))
    }

    fn post(&self, request: PostRequest) -> LedgerFuture<Applied<Entry>> {
        self.submit(Method::Post, Some(request.key.clone()), |ledger| ledger.post_now(request))
    }

    fn find(&self, request: FindRequest) -> LedgerFuture<Found> {
        LedgerFuture::ready(self.find_now(&request))
    }

    fn balance(&self, request: BalanceRequest) -> LedgerFuture<Balance> {
        LedgerFuture::ready(self.balance_now(&request))
    }

    fn statement(&self, request: StatementRequest) -> LedgerFuture<Statement> {
        LedgerFuture::ready(self.statement_now(request))
    }

    fn holds(&self, request: HoldsRequest) -> LedgerFuture<HoldsPage> {
        LedgerFuture::ready(self.holds_now(request))
    }

    fn counters(&self, request: CountersRequest) -> LedgerFuture<CountersPage> {
        LedgerFuture::ready(self.counters_now(request))
    }

    fn sweep(&self, request: SweepRequest) -> LedgerFuture<Swept> {
        self.submit(Method::Sweep, None, move |ledger| ledger.sweep_now(request))
    }
}

impl fmt::Debug for RulesLedger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RulesLedger")
    }
}

/// The answer to a hold. A refusal that nobody took is tried again, for what there is.
struct Retry {
    ledger: RulesLedger,
    request: HoldRequest,
    answer: Option<Result<Applied<HoldState>, LedgerError>>,
}

impl Future for Retry {
    type Output = Result<Applied<HoldState>, LedgerError>;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        self.answer.take().map_or(Poll::Pending, Poll::Ready)
    }
}

impl Drop for Retry {
    fn drop(&mut self) {
        if let Some(Err(LedgerError::Insufficient(_))) = self.answer {
            let less = self.request.amount.unit().zero();
            let _ = self.ledger.hold_now(self.request.clone().with_minimum(less));
        }
    }
}
