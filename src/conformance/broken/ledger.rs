//! A ledger of the rules and plain maps behind one mutex: all that a ledger needs. It can be broken at each of its
//! [hooks](Hooks).

mod answers;
mod reads;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, ThreadId};
use std::time::Duration;

use crate::account::Applied;
use crate::amount::Unit;
use crate::cap::{Caps, Counter, CounterKey};
use crate::captured::Captured;
use crate::clock::{Clock, ManualClock, Timestamp};
use crate::conformance::broken::hooks::{Ask, Due, Hooks, Occasion, View};
use crate::entry::{ChargeRef, Entry, Operation};
use crate::error::LedgerError;
use crate::hold::HoldState;
use crate::id::{AccountId, IdempotencyKey};
use crate::ledger::reply::Swept;
use crate::ledger::request::{
    CaptureRequest, HoldRequest, PostKind, PostRequest, ResizeRequest, SweepRequest, VoidRequest,
};
use crate::ledger::rules::{self, AccountState, Changes, Decision, Outcome, Source, Stop};
use crate::limits::Limits;

/// What it says if a fault leaves it without an answer.
pub(super) const BREAKS_DOWN: &str = "a rule asked for what is not due";

/// Keeps balances in maps, for as long as it lives, and forgets no key.
#[derive(Clone)]
pub(crate) struct RulesLedger {
    books: Arc<Mutex<BTreeMap<AccountId, Account>>>,
    clock: Arc<ManualClock>,
    hooks: &'static Hooks,
    /// Whether its store cannot be reached, and how many requests found that out.
    cut: Arc<(AtomicBool, AtomicU32)>,
    made_by: ThreadId,
    /// What is done before the next change. Only a fault leaves something here.
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
    pub(super) fn new(unit: Unit) -> Self {
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

    pub(super) fn books(&self) -> MutexGuard<'_, BTreeMap<AccountId, Account>> {
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
                    let Applied { value, unit, before, after, seq, novelty, standing } = reply;
                    let mut common = Applied { value: (), unit, before, after, seq, novelty, standing };
                    (self.hooks.answers)(ask, &mut common, &view, account);
                    return Ok(common.map(|()| value));
                }
                Err(Stop::Refuse(mut error)) => {
                    (self.hooks.refuses)(ask, &mut error, &view, account);
                    return Err(error);
                }
                Err(Stop::DueFirst) => {
                    if self.book(account, Occasion::Demand, now, u32::MAX) == (0, 0) {
                        return Err(unavailable(BREAKS_DOWN));
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
            self.decide_on_hold(account, now, Ask::Void, &request.key, |view| {
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
}

fn unavailable(detail: &str) -> LedgerError {
    LedgerError::Unavailable { detail: detail.to_owned() }
}
