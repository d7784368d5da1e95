//! Random histories of all operations, each answer compared with that of a naive model of the contract.
//!
//! `PROPTEST_CASES` sets how many histories are tried, 300 otherwise.

#![allow(clippy::result_large_err, reason = "a model may be slow")]

#[path = "model/naive.rs"]
mod naive;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use billing_guard::{
    AccountId, Amount, Applied, BalanceRequest, CaptureMode, CaptureRequest, ChargeRef, Clock, Content,
    FindRequest, Found, GrantTerms, HoldRequest, HoldState, HoldsRequest, IdempotencyKey, Labels,
    LateCapture, Ledger, LedgerError, ManualClock, MemoryLedger, MemorySettings, Operation, Order,
    OverCapture, PostKind, PostRequest, ResizeRequest, StatementRequest, SweepRequest, Timestamp, Unit,
    VoidRequest, wait,
};
use proptest::prelude::*;

use naive::{Account, No, Yes};

/// How long a history is on average; a failing one shrinks to the steps that matter.
const STEPS: usize = 60;

/// One step of a history, with small numbers that choose among few accounts and keys.
#[derive(Clone, Debug)]
enum Step {
    Hold {
        name: Name,
        amount: i64,
        least: Option<i64>,
        debt: i64,
        lifetime: Duration,
        grace: Duration,
        content: u8,
        labelled: bool,
    },
    Resize {
        name: Name,
        total: Option<i64>,
        lifetime: Option<Duration>,
        debt: Option<i64>,
        /// Added to the present revision.
        stale: u32,
    },
    Capture {
        name: Name,
        total: Total,
        partial: bool,
        over: OverCapture,
        late: LateCapture,
        debt: i64,
    },
    Void(Name),
    Post {
        name: Name,
        kind: u8,
        of: u8,
        amount: i64,
        debt: i64,
        content: u8,
    },
    Find(Name, Operation),
    Balance(u8),
    Statement(u8, bool, u32),
    Holds(u8, u32),
    Sweep(u32),
    /// In microseconds; backwards too.
    Clock(i64),
    /// An earlier change once more, word for word.
    Again(usize),
}

#[derive(Clone, Copy, Debug)]
struct Name {
    account: u8,
    key: u8,
    /// The answer is not waited for.
    dropped: bool,
}

/// A total to capture: any amount, or near what the hold covers.
#[derive(Clone, Copy, Debug)]
enum Total {
    Amount(i64),
    Near(i64),
}

fn name() -> impl Strategy<Value = Name> {
    (0..3_u8, 0..4_u8, prop::bool::weighted(0.1)).prop_map(|(account, key, dropped)| Name {
        account,
        key,
        dropped,
    })
}

fn amount() -> impl Strategy<Value = i64> {
    prop_oneof![
        1 => Just(0),
        1 => Just(1),
        6 => 0..20_i64,
        2 => 0..1_000_i64,
        1 => (0..30_i64).prop_map(|below| i64::MAX - below),
        1 => (0..4_i64).prop_map(|near| i64::MAX / 2 + near - 2),
    ]
}

fn debt() -> impl Strategy<Value = i64> {
    prop_oneof![8 => Just(0), 2 => 0..30_i64, 1 => Just(i64::MAX)]
}

fn lifetime() -> impl Strategy<Value = Duration> {
    prop_oneof![
        Just(Duration::from_millis(1)),
        Just(Duration::from_secs(1)),
        Just(Duration::from_secs(60)),
        Just(Duration::from_secs(300)),
        Just(Duration::from_secs(30 * 86_400)),
    ]
}

fn grace() -> impl Strategy<Value = Duration> {
    prop_oneof![Just(Duration::ZERO), Just(Duration::from_micros(1)), Just(Duration::from_secs(30))]
}

fn content() -> impl Strategy<Value = u8> {
    prop_oneof![6 => Just(0_u8), 1 => Just(1), 1 => Just(2)]
}

const OPERATIONS: [Operation; 3] = [Operation::Hold, Operation::Charge, Operation::Credit];

fn operation() -> impl Strategy<Value = Operation> {
    prop::sample::select(&OPERATIONS[..])
}

fn step() -> impl Strategy<Value = Step> {
    let over =
        prop_oneof![Just(OverCapture::Reject), Just(OverCapture::UpToAvailable), Just(OverCapture::Debt)];
    let late =
        prop_oneof![Just(LateCapture::Reject), Just(LateCapture::IfAvailable), Just(LateCapture::Debt)];
    let total = prop_oneof![1 => amount().prop_map(Total::Amount), 2 => (-4..5_i64).prop_map(Total::Near)];
    prop_oneof![
        8 => (name(), amount(), prop::option::weighted(0.3, amount()), debt(), lifetime(), grace(), content(), any::<bool>())
            .prop_map(|(name, amount, least, debt, lifetime, grace, content, labelled)| {
                Step::Hold { name, amount, least, debt, lifetime, grace, content, labelled }
            }),
        4 => (
            name(),
            prop::option::weighted(0.8, amount()),
            prop::option::weighted(0.4, lifetime()),
            prop::option::of(prop_oneof![debt(), Just(i64::MAX)]),
            prop_oneof![4 => Just(0_u32), 1 => Just(1), 1 => Just(u32::MAX)],
        )
            .prop_map(|(name, total, lifetime, debt, stale)| Step::Resize { name, total, lifetime, debt, stale }),
        8 => (name(), total, any::<bool>(), over, late, debt()).prop_map(
            |(name, total, partial, over, late, debt)| Step::Capture { name, total, partial, over, late, debt }
        ),
        2 => name().prop_map(Step::Void),
        7 => (name(), 0..8_u8, 0..8_u8, amount(), debt(), content()).prop_map(
            |(name, kind, of, amount, debt, content)| Step::Post { name, kind, of, amount, debt, content }
        ),
        1 => (name(), operation()).prop_map(|(name, operation)| Step::Find(name, operation)),
        1 => (0..3_u8).prop_map(Step::Balance),
        1 => (0..3_u8, any::<bool>(), 1..6_u32).prop_map(|(account, newest, limit)| {
            Step::Statement(account, newest, limit)
        }),
        1 => (0..3_u8, 1..6_u32).prop_map(|(account, limit)| Step::Holds(account, limit)),
        1 => (1..4_u32).prop_map(Step::Sweep),
        3 => prop_oneof![
            Just(1), Just(999), Just(1_000), Just(1_001), Just(1_000_000), Just(30_000_000),
            Just(60_000_000), Just(300_000_000), Just(-1), Just(-1_000_000), Just(-100_000_000)
        ]
        .prop_map(Step::Clock),
        4 => (0..STEPS).prop_map(Step::Again),
    ]
}

/// A change as it was asked for, to be asked for again.
#[derive(Clone, Debug)]
enum Change {
    Hold(HoldRequest),
    Resize(ResizeRequest),
    Capture(CaptureRequest),
    Void(VoidRequest),
    Post(PostRequest),
}

struct Run {
    ledger: Arc<dyn Ledger>,
    clock: Arc<ManualClock>,
    accounts: BTreeMap<AccountId, Account>,
    unit: Unit,
    changes: Vec<Change>,
}

fn account(number: u8) -> AccountId {
    AccountId::new(format!("account-{number}")).unwrap()
}

fn key(number: u8) -> IdempotencyKey {
    format!("key-{number}").parse().unwrap()
}

fn contents(number: u8) -> Content {
    match number {
        0 => Content::default(),
        1 => Content::new([("operation", "a")]).unwrap(),
        _ => Content::new([("count", "1"), ("operation", "b")]).unwrap(),
    }
}

fn minor(amount: Amount) -> i128 {
    i128::from(amount.minor())
}

fn micros(moment: Timestamp) -> i128 {
    i128::from(moment.as_micros())
}

fn hold_view(hold: &HoldState) -> naive::Hold {
    let view = naive::Hold {
        key: hold.key().to_string(),
        status: hold.status(),
        rev: hold.rev(),
        requested: minor(hold.requested()),
        total: minor(hold.total()),
        captured: minor(hold.captured()),
        uncollected: minor(hold.uncollected()),
        refunded: minor(hold.refunded()),
        opened_at: micros(hold.opened_at()),
        ends_at: micros(hold.ends_at()),
        release_at: micros(hold.release_at()),
        late: hold.is_late(),
        content: hold.content(),
    };
    assert_eq!(view.reserved(), minor(hold.reserved()));
    view
}

fn entry_view(entry: &billing_guard::Entry) -> naive::Entry {
    naive::Entry {
        key: entry.key().to_string(),
        operation: entry.operation(),
        seq: entry.seq(),
        kind: entry.kind(),
        amount: minor(entry.amount()),
        balance_after: minor(entry.balance_after()),
        uncollected: minor(entry.uncollected()),
        refunded: minor(entry.refunded()),
        of: entry.refund_of().cloned(),
        booked_at: micros(entry.booked_at()),
        late: entry.is_late(),
    }
}

fn captured_view(captured: &billing_guard::Captured) -> naive::Captured {
    naive::Captured {
        charged: minor(captured.charged()),
        captured: minor(captured.captured()),
        uncollected: minor(captured.uncollected()),
        freed: minor(captured.freed()),
        status: captured.status(),
        late: captured.is_late(),
    }
}

fn no_view(error: &LedgerError) -> No {
    match error {
        LedgerError::Insufficient(short) => No::Insufficient {
            missing: minor(short.missing()),
            posted: minor(short.posted()),
            held: minor(short.held()),
            debt: minor(short.debt_limit()),
            seq: short.seq(),
            as_of: micros(short.as_of()),
            next_release: short.next_release_in().map(|time| i128::try_from(time.as_micros()).unwrap()),
        },
        LedgerError::KeyConflict { field } => No::Conflict(field.trim_matches('"').to_owned()),
        LedgerError::UnknownHold => No::UnknownHold,
        LedgerError::UnknownCharge => No::UnknownCharge,
        LedgerError::HoldClosed(hold) => No::Closed(hold_view(hold)),
        LedgerError::Superseded(hold) => No::Superseded(hold_view(hold)),
        LedgerError::HoldExpired(hold) => No::Expired(hold_view(hold)),
        LedgerError::OverCapture { total, hold } => No::Over(minor(*total), minor(*hold)),
        LedgerError::BelowCaptured { total, captured } => No::BelowCaptured(minor(*total), minor(*captured)),
        LedgerError::RefundTooLarge { amount, refundable } => {
            No::RefundTooLarge(minor(*amount), minor(*refundable))
        }
        LedgerError::TooLarge { .. } => No::TooLarge,
        other => panic!("no request here can be answered so: {other:?}"),
    }
}

/// Compares an answer with the model's.
fn compare<T, V: PartialEq + std::fmt::Debug>(
    answer: Result<Applied<T>, LedgerError>,
    view: fn(&T) -> V,
    expected: naive::Answer<V>,
) {
    let answer = match answer {
        Ok(applied) => Ok(Yes {
            value: view(applied.value()),
            before: minor(applied.available_before()),
            after: minor(applied.available_after()),
            seq: applied.seq(),
            replay: applied.is_replay(),
        }),
        Err(error) => Err(no_view(&error)),
    };
    let expected = match expected {
        Err(No::Any) if answer.is_err() => return,
        // A missing amount beyond the largest is told as the largest.
        Err(No::Insufficient { missing, posted, held, debt, seq, as_of, next_release }) => {
            let missing = missing.min(i128::from(i64::MAX));
            Err(No::Insufficient { missing, posted, held, debt, seq, as_of, next_release })
        }
        other => other,
    };
    assert_eq!(answer, expected, "the ledger left, the model right");
}

impl Run {
    fn new(settings: MemorySettings) -> Self {
        let clock = Arc::new(ManualClock::new());
        Self {
            ledger: Arc::new(MemoryLedger::with_clock(settings, clock.clone())),
            clock,
            accounts: BTreeMap::new(),
            unit: Unit::new("USD", 6).unwrap(),
            changes: vec![],
        }
    }
    fn now(&self) -> i128 {
        micros(self.clock.now())
    }
    fn account(&mut self, id: &AccountId) -> &mut Account {
        self.accounts.entry(id.clone()).or_default()
    }

    /// A hold as the ledger shows it.
    fn seen(&mut self, id: &AccountId, number: u8) -> Option<naive::Hold> {
        let now = self.now();
        self.account(id).release(now);
        match wait(self.ledger.find(FindRequest::hold(id.clone(), key(number)))).unwrap() {
            Found::Hold(hold) => Some(hold_view(&hold)),
            _ => None,
        }
    }

    /// The concrete request of a step that asks for a change.
    fn change(&mut self, step: &Step) -> Option<(Change, bool)> {
        let unit = self.unit;
        Some(match step {
            Step::Hold { name, amount, least, debt, lifetime, grace, content, labelled } => {
                let mut request = HoldRequest::new(account(name.account), key(name.key), unit.minor(*amount))
                    .with_minimum(unit.minor(least.unwrap_or(*amount).min(*amount)))
                    .with_debt_limit(unit.minor(*debt))
                    .with_lifetime(*lifetime)
                    .with_grace(*grace)
                    .with_content(contents(*content));
                if *labelled {
                    request = request.with_labels(Labels::new([("user", "ana")]).unwrap());
                }
                (Change::Hold(request), name.dropped)
            }
            Step::Resize { name, total, lifetime, debt, stale } => {
                let id = account(name.account);
                let rev = self.seen(&id, name.key).map_or(0, |hold| hold.rev);
                let mut request = ResizeRequest::new(id, key(name.key), rev.wrapping_add(*stale));
                request.total = total.map(|total| unit.minor(total));
                request.lifetime = *lifetime;
                request.debt_limit = debt.map(|debt| unit.minor(debt));
                // Asking for nothing at all is asked in the tests of the contract.
                if request.total.is_none() && request.lifetime.is_none() {
                    request.lifetime = Some(Duration::from_secs(1));
                }
                (Change::Resize(request), name.dropped)
            }
            Step::Capture { name, total, partial, over, late, debt } => {
                let id = account(name.account);
                let total = match *total {
                    Total::Amount(total) => total,
                    Total::Near(by) => {
                        let known = self.seen(&id, name.key);
                        let near = known.map_or(0, |hold| hold.total) + i128::from(by);
                        i64::try_from(near.clamp(0, i128::from(i64::MAX))).unwrap()
                    }
                };
                let mode = if *partial { CaptureMode::Partial } else { CaptureMode::Final };
                let request = CaptureRequest::new(id, key(name.key), unit.minor(total))
                    .with_mode(mode)
                    .with_over(*over)
                    .with_late(*late)
                    .with_debt_limit(unit.minor(*debt));
                (Change::Capture(request), name.dropped)
            }
            Step::Void(name) => {
                (Change::Void(VoidRequest::new(account(name.account), key(name.key))), name.dropped)
            }
            Step::Post { name, kind, of, amount, debt, content } => {
                let (kind, amount) = match kind {
                    0 => (PostKind::Credit(GrantTerms::promotional()), (*amount).max(1)),
                    1 | 2 => (PostKind::top_up(), (*amount).max(1)),
                    3 | 4 => (PostKind::Charge, *amount),
                    5 => (PostKind::Adjustment, (*amount).max(1)),
                    6 => (PostKind::Adjustment, -(*amount).max(1)),
                    _ if of % 2 == 0 => (PostKind::refund(ChargeRef::Hold(key(of / 2))), (*amount).max(1)),
                    _ => (PostKind::refund(ChargeRef::Charge(key(of / 2))), (*amount).max(1)),
                };
                let request =
                    PostRequest::new(account(name.account), key(name.key), kind, unit.minor(amount))
                        .with_debt_limit(unit.minor(*debt))
                        .with_content(contents(*content));
                (Change::Post(request), name.dropped)
            }
            Step::Again(index) => {
                let count = self.changes.len().max(1);
                (self.changes.get(index % count)?.clone(), false)
            }
            _ => return None,
        })
    }

    fn apply(&mut self, change: Change, dropped: bool) {
        let now = self.now();
        match change.clone() {
            Change::Hold(request) => {
                let answer = self.ledger.hold(request.clone());
                let expected = self.account(&request.account).hold(&request, now);
                check_debt(&expected, minor(request.debt_limit));
                if dropped { drop(answer) } else { compare(wait(answer), hold_view, expected) }
            }
            Change::Resize(request) => {
                let answer = self.ledger.resize(request.clone());
                let expected = self.account(&request.account).resize(&request, now);
                check_debt(&expected, request.debt_limit.map_or(0, minor));
                if dropped { drop(answer) } else { compare(wait(answer), hold_view, expected) }
            }
            Change::Capture(request) => {
                let answer = self.ledger.capture(request.clone());
                let expected = self.account(&request.account).capture(&request, now);
                check_debt(&expected, minor(request.debt_limit));
                if dropped { drop(answer) } else { compare(wait(answer), captured_view, expected) }
            }
            Change::Void(request) => {
                let answer = self.ledger.void(request.clone());
                let expected = self.account(&request.account).void(&request, now);
                if dropped { drop(answer) } else { compare(wait(answer), hold_view, expected) }
            }
            Change::Post(request) => {
                let answer = self.ledger.post(request.clone());
                let expected = self.account(&request.account).post(&request, now);
                if !matches!(request.kind, PostKind::Adjustment) {
                    check_debt(&expected, minor(request.debt_limit));
                }
                if dropped { drop(answer) } else { compare(wait(answer), entry_view, expected) }
            }
        }
        self.changes.push(change);
    }

    fn read(&mut self, step: &Step) {
        let now = self.now();
        match *step {
            Step::Find(name, operation) => {
                let (account, key) = (account(name.account), key(name.key));
                let request = match operation {
                    Operation::Hold => FindRequest::hold(account, key),
                    Operation::Charge => FindRequest::charge(account, key),
                    _ => FindRequest::credit(account, key),
                };
                let found = match wait(self.ledger.find(request.clone())).unwrap() {
                    Found::Hold(hold) => (Some(hold_view(&hold)), None),
                    Found::Entry(entry) => (None, Some(entry_view(&entry))),
                    _ => (None, None),
                };
                let known = self.account(&request.account);
                known.release(now);
                assert_eq!(found, known.look_up(&request));
            }
            Step::Balance(number) => self.compare_balance(number),
            Step::Statement(number, newest, limit) => self.compare_statement(number, newest, limit),
            Step::Holds(number, limit) => self.compare_holds(number, limit),
            Step::Sweep(limit) => {
                let due: u32 = self.accounts.values_mut().map(|known| known.release(now)).sum();
                let mut released = 0;
                loop {
                    let swept = wait(self.ledger.sweep(SweepRequest::new().with_limit(limit))).unwrap();
                    assert!(swept.released() <= limit);
                    assert!(swept.has_more() || swept.released() < limit);
                    released += swept.released();
                    if !swept.has_more() {
                        break;
                    }
                }
                assert_eq!(released, due);
            }
            Step::Clock(by) => self.clock.set(Timestamp::from_micros(self.clock.now().as_micros() + by)),
            _ => {}
        }
    }

    fn compare_balance(&mut self, number: u8) {
        let (now, unit) = (self.now(), self.unit);
        let balance = wait(self.ledger.balance(BalanceRequest::new(account(number), unit))).unwrap();
        let known = self.account(&account(number));
        known.release(now);
        assert_eq!(minor(balance.posted()), known.posted());
        assert_eq!(minor(balance.held()), known.held());
        assert_eq!(minor(balance.available()), known.available());
        assert_eq!((balance.seq(), balance.open_holds() as usize), (known.seq, known.open().len()));
    }

    fn compare_statement(&mut self, number: u8, newest: bool, limit: u32) {
        let now = self.now();
        let order = if newest { Order::NewestFirst } else { Order::OldestFirst };
        let mut request = StatementRequest::new(account(number)).with_order(order).with_limit(limit);
        let mut seen = vec![];
        let seq = loop {
            let page = wait(self.ledger.statement(request.clone())).unwrap();
            assert!(page.entries().len() <= limit as usize);
            seen.extend(page.entries().iter().map(entry_view));
            match page.next() {
                Some(after) => request = request.with_after(after),
                None => break page.seq(),
            }
        };
        if newest {
            seen.reverse();
        }
        let known = self.account(&account(number));
        known.release(now);
        assert_eq!(seen, known.entries);
        assert_eq!(seq, known.seq);
    }

    fn compare_holds(&mut self, number: u8, limit: u32) {
        let now = self.now();
        let mut request = HoldsRequest::new(account(number)).with_limit(limit);
        let mut seen = vec![];
        let seq = loop {
            let page = wait(self.ledger.holds(request.clone())).unwrap();
            assert!(page.holds().len() <= limit as usize);
            seen.extend(page.holds().iter().map(hold_view));
            match page.next() {
                Some(after) => request = request.with_after(after.clone()),
                None => break page.seq(),
            }
        };
        let known = self.account(&account(number));
        known.release(now);
        assert_eq!(seen, known.open());
        assert_eq!(seq, known.seq);
    }

    /// The sums, from what the ledger shows, without the model; answers the number of the latest change.
    fn check_sums(&self, number: u8) -> u64 {
        let balance = wait(self.ledger.balance(BalanceRequest::new(account(number), self.unit))).unwrap();
        let page = wait(self.ledger.statement(StatementRequest::new(account(number)).with_limit(1_000)));
        let sum: i128 = page.unwrap().entries().iter().map(|entry| minor(entry.amount())).sum();
        assert_eq!(sum, minor(balance.posted()));
        let page = wait(self.ledger.holds(HoldsRequest::new(account(number)).with_limit(1_000))).unwrap();
        let sum: i128 = page.holds().iter().map(|hold| minor(hold.reserved())).sum();
        assert_eq!((sum, page.holds().len()), (minor(balance.held()), balance.open_holds() as usize));
        assert_eq!(minor(balance.available()), minor(balance.posted()) - minor(balance.held()));
        balance.seq()
    }

    /// Asks the ledger alone, and checks what holds whatever it has forgotten.
    fn submit(&mut self, change: Change) {
        fn check<T>(
            run: &Run,
            id: &AccountId,
            debt: Option<i128>,
            before: u64,
            answer: Result<Applied<T>, LedgerError>,
        ) {
            let balance = wait(run.ledger.balance(BalanceRequest::new(id.clone(), run.unit))).unwrap();
            let Ok(applied) = answer else {
                assert_eq!(balance.seq(), before, "a refusal is no change");
                return;
            };
            assert_eq!((applied.seq(), applied.available_after()), (balance.seq(), balance.available()));
            assert_eq!(applied.seq(), before + u64::from(!applied.is_replay()));
            let (had, has) = (minor(applied.available_before()), minor(applied.available_after()));
            assert!(debt.is_none_or(|debt| has >= had || has >= -debt), "{had} to {has}");
        }
        let seq = |id: &AccountId| {
            wait(self.ledger.balance(BalanceRequest::new(id.clone(), self.unit))).unwrap().seq()
        };
        match &change {
            Change::Hold(request) => {
                let before = seq(&request.account);
                let answer = wait(self.ledger.hold(request.clone()));
                check(self, &request.account, Some(minor(request.debt_limit)), before, answer);
            }
            Change::Resize(request) => {
                let before = seq(&request.account);
                let answer = wait(self.ledger.resize(request.clone()));
                check(self, &request.account, Some(request.debt_limit.map_or(0, minor)), before, answer);
            }
            Change::Capture(request) => {
                let before = seq(&request.account);
                let answer = wait(self.ledger.capture(request.clone()));
                check(self, &request.account, Some(minor(request.debt_limit)), before, answer);
            }
            Change::Void(request) => {
                let before = seq(&request.account);
                let answer = wait(self.ledger.void(request.clone()));
                check(self, &request.account, Some(0), before, answer);
            }
            Change::Post(request) => {
                let before = seq(&request.account);
                let answer = wait(self.ledger.post(request.clone()));
                let corrected = matches!(request.kind, PostKind::Adjustment);
                check(
                    self,
                    &request.account,
                    (!corrected).then(|| minor(request.debt_limit)),
                    before,
                    answer,
                );
            }
        }
        self.changes.push(change);
    }

    /// At the end: the sums, and every key there is.
    fn finish(&mut self) {
        for number in 0..3 {
            self.compare_balance(number);
            self.compare_statement(number, number == 0, 7);
            self.compare_holds(number, 3);
            for index in 0..4 {
                let name = Name { account: number, key: index, dropped: false };
                for operation in OPERATIONS {
                    self.read(&Step::Find(name, operation));
                }
            }
            self.check_sums(number);
        }
    }
}

/// Whatever takes money away leaves at least minus the debt limit.
fn check_debt<T>(answer: &naive::Answer<T>, debt: i128) {
    if let Ok(yes) = answer {
        assert!(yes.after >= yes.before || yes.after >= -debt, "{} to {}", yes.before, yes.after);
    }
}

fn config() -> ProptestConfig {
    let mut config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = 300;
    }
    config
}

proptest! {
    #![proptest_config(config())]

    /// Every answer is the one that the contract, read naively, gives.
    #[test]
    fn every_answer_is_the_models(steps in prop::collection::vec(step(), 1..=2 * STEPS)) {
        let mut run = Run::new(MemorySettings::new().with_shards(2));
        for step in &steps {
            match run.change(step) {
                Some((change, dropped)) => run.apply(change, dropped),
                None => run.read(step),
            }
        }
        run.finish();
    }

    /// The sums are right, the numbers dense and the debt bounded however little is kept of the past.
    #[test]
    fn the_sums_are_right_whatever_is_forgotten(
        (keys, entries) in (0..4_usize, 1..4_usize),
        steps in prop::collection::vec(step(), 1..=2 * STEPS),
    ) {
        let kept = MemorySettings::new().with_retained_keys(keys).with_retained_entries(entries);
        let mut run = Run::new(kept.with_shards(1));
        let mut last = [0; 3];
        for step in &steps {
            match run.change(step) {
                Some((change, _)) => run.submit(change),
                None => {
                    if let Step::Clock(by) = step {
                        run.clock.set(Timestamp::from_micros(run.clock.now().as_micros() + by));
                    }
                }
            }
            for (number, last) in (0..3_u8).zip(&mut last) {
                let seq = run.check_sums(number);
                prop_assert!(seq >= *last);
                *last = seq;
            }
        }
    }
}
