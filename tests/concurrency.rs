//! What the contract promises under concurrency: 128 threads, each key used by four of them at once, and then the
//! books are checked against every answer that was given.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};
use std::time::Duration;

use billing_guard::{
    AccountId, Amount, Applied, CaptureMode, CaptureRequest, Clock, EntryKind, FindRequest, Found,
    HoldRequest, HoldState, HoldStatus, HoldsRequest, IdempotencyKey, Ledger, LedgerError, LedgerExt,
    ManualClock, MemoryLedger, MemorySettings, Operation, Order, OverCapture, PostKind, PostRequest,
    ResizeRequest, StatementRequest, SweepRequest, Unit, VoidRequest, wait,
};

const THREADS: usize = 128;
/// So many threads do the same work with the same keys.
const TEAM: u64 = 4;
/// Pieces of work for each team.
const WORK: u64 = 150;
/// Paid into each account at first: far less than the work would cost.
const PAID_IN: i64 = 1_000;

#[derive(Clone, Copy)]
struct Setup {
    accounts: u64,
    /// Some futures are dropped without having been polled.
    drops: bool,
    /// Holds live for a moment, while a clock runs and a sweeper sweeps.
    short_lived: bool,
}

/// A fresh answer to a change.
#[derive(Clone, Debug)]
struct Fresh {
    account: u64,
    seq: u64,
    before: i64,
    after: i64,
    what: What,
}

#[derive(Clone, Debug, PartialEq)]
enum What {
    Held(String),
    Resized(String),
    Captured { key: String, charged: i64, late: bool },
    Voided(String),
    Posted { charged: i64 },
}

#[derive(Default)]
struct Answers {
    fresh: Vec<Fresh>,
    replays: u64,
    refusals: u64,
    /// Holds whose making nobody waited for.
    dropped: BTreeSet<(u64, String)>,
}

fn unit() -> Unit {
    Unit::new("USD", 6).unwrap()
}

fn money(minor: i64) -> Amount {
    unit().minor(minor)
}

fn account(number: u64) -> AccountId {
    AccountId::new(format!("account-{number}")).unwrap()
}

fn key(text: &str) -> IdempotencyKey {
    text.parse().unwrap()
}

/// A number that looks random, the same for the same seed.
fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn small(seed: u64, below: i64) -> i64 {
    i64::try_from(mix(seed) % 1_000_000).unwrap() % below
}

impl Answers {
    /// Notes an answer; none may show an overdraft.
    fn note<T>(
        &mut self,
        number: u64,
        answer: Result<Applied<T>, LedgerError>,
        what: impl FnOnce(&T) -> What,
    ) -> Option<T> {
        match answer {
            Ok(applied) => {
                assert!(applied.available_after().minor() >= 0, "overdrawn");
                assert!(applied.available_before().minor() >= 0, "overdrawn");
                if applied.is_replay() {
                    self.replays += 1;
                } else {
                    self.fresh.push(Fresh {
                        account: number,
                        seq: applied.seq(),
                        before: applied.available_before().minor(),
                        after: applied.available_after().minor(),
                        what: what(applied.value()),
                    });
                }
                Some(applied.into_value())
            }
            Err(
                LedgerError::Insufficient(_)
                | LedgerError::HoldClosed(_)
                | LedgerError::Superseded(_)
                | LedgerError::HoldExpired(_)
                | LedgerError::UnknownHold
                | LedgerError::BelowCaptured { .. }
                | LedgerError::OverCapture { .. },
            ) => {
                self.refusals += 1;
                None
            }
            // Every thread of a team sends the same content, so nothing else is to be expected.
            Err(other) => panic!("{other:?}"),
        }
    }

    fn capture(&mut self, ledger: &dyn Ledger, number: u64, name: &str, request: CaptureRequest) {
        let answer = wait(ledger.capture(request));
        self.note(number, answer, |captured| What::Captured {
            key: name.to_owned(),
            charged: captured.charged().minor(),
            late: captured.is_late(),
        });
    }

    fn void(&mut self, ledger: &dyn Ledger, number: u64, name: &str) {
        let answer = wait(ledger.void(VoidRequest::new(account(number), key(name))));
        self.note(number, answer, |_| What::Voided(name.to_owned()));
    }
}

/// Works for up to 3 ms of the ledger's time, or not at all where it stands still.
fn busy(clock: &ManualClock, setup: Setup, seed: u64) {
    if setup.short_lived {
        let until = clock.now().saturating_add(Duration::from_millis(mix(seed) % 4));
        while clock.now() < until {
            std::thread::yield_now();
        }
    } else {
        std::thread::yield_now();
    }
}

/// One piece of work, as one of the four threads that do it.
fn work(
    ledger: &dyn Ledger,
    clock: &ManualClock,
    setup: Setup,
    answers: &mut Answers,
    thread: u64,
    index: u64,
) {
    let seed = mix((thread / TEAM) << 32 | index);
    let number = mix(seed ^ 1) % setup.accounts;
    let id = account(number);
    let name = format!("work-{}-{index}", thread / TEAM);
    let held = 1 + small(seed ^ 2, 40);
    let total = small(seed ^ 3, 50);
    let over =
        [OverCapture::Reject, OverCapture::UpToAvailable, OverCapture::Debt][(mix(seed ^ 4) % 3) as usize];
    let mut request = HoldRequest::new(id.clone(), key(&name), money(held));
    if seed.is_multiple_of(3) {
        request = request.with_minimum(money(1));
    }
    if setup.short_lived {
        let micros = 1_000 + mix(seed ^ 5) % 4_000;
        request = request
            .with_lifetime(Duration::from_micros(micros))
            .with_grace(Duration::from_micros(mix(seed ^ 6) % 500));
    }
    let capture = CaptureRequest::new(id.clone(), key(&name), money(total)).with_over(over);
    let hold = |answers: &mut Answers| -> Option<HoldState> {
        let answer = wait(ledger.hold(request.clone()));
        answers.note(number, answer, |_| What::Held(name.clone()))
    };
    match mix(seed ^ 7) % 8 {
        0 | 1 => {
            if hold(answers).is_some() {
                busy(clock, setup, seed ^ thread);
                answers.capture(ledger, number, &name, capture);
            }
        }
        2 => {
            hold(answers);
            busy(clock, setup, seed ^ thread);
            let half = CaptureRequest::new(id, key(&name), money(total / 2)).with_over(over);
            answers.capture(ledger, number, &name, half.with_mode(CaptureMode::Partial));
            busy(clock, setup, seed ^ thread ^ 1);
            answers.capture(ledger, number, &name, capture);
        }
        // Some void what others capture.
        3 => {
            hold(answers);
            busy(clock, setup, seed ^ thread);
            if thread.is_multiple_of(2) {
                answers.void(ledger, number, &name);
            } else {
                answers.capture(ledger, number, &name, capture.with_over(OverCapture::UpToAvailable));
            }
        }
        4 => {
            let post = PostRequest::new(id, key(&name), PostKind::Charge, money(total));
            let answer = wait(ledger.post(post));
            answers.note(number, answer, |entry| What::Posted { charged: -entry.amount().minor() });
        }
        5 => {
            let answer = wait(ledger.top_up(&id, key(&name), money(1 + total)));
            answers.note(number, answer, |_| What::Posted { charged: 0 });
        }
        6 => {
            if let Some(state) = hold(answers) {
                let grown = ResizeRequest::new(id, key(&name), state.rev())
                    .with_total(money(held + 5 - small(seed ^ 8, 10).min(held)))
                    .with_lifetime(Duration::from_millis(2));
                let answer = wait(ledger.resize(grown));
                answers.note(number, answer, |_| What::Resized(name.clone()));
                busy(clock, setup, seed ^ thread);
                answers.capture(ledger, number, &name, capture.with_over(OverCapture::UpToAvailable));
            }
        }
        _ => {
            if setup.drops {
                drop(ledger.hold(request));
                answers.dropped.insert((number, name.clone()));
                answers.capture(ledger, number, &name, capture.with_over(OverCapture::UpToAvailable));
            } else {
                // Left open, for its time to end or for the end of the test.
                hold(answers);
            }
        }
    }
}

fn run(setup: Setup) {
    let clock = Arc::new(ManualClock::new());
    let settings = MemorySettings::new().with_shards(8).with_retained_entries(1_000_000);
    let ledger: Arc<dyn Ledger> = Arc::new(MemoryLedger::with_clock(settings, clock.clone()));
    let mut all = Answers::default();
    for number in 0..setup.accounts {
        let answer = wait(ledger.top_up(&account(number), key("paid-in"), money(PAID_IN)));
        all.note(number, answer, |_| What::Posted { charged: 0 });
    }
    let done = AtomicBool::new(false);
    let start = Barrier::new(THREADS);
    std::thread::scope(|scope| {
        if setup.short_lived {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    clock.advance(Duration::from_micros(250));
                    std::thread::yield_now();
                }
            });
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let swept = wait(ledger.sweep(SweepRequest::new().with_limit(3))).unwrap();
                    assert!(swept.released() <= 3);
                    std::thread::yield_now();
                }
            });
        }
        let workers: Vec<_> = (0..THREADS as u64)
            .map(|thread| {
                let (ledger, clock, start) = (&ledger, &clock, &start);
                scope.spawn(move || {
                    let mut answers = Answers::default();
                    start.wait();
                    for index in 0..WORK {
                        work(&**ledger, clock, setup, &mut answers, thread, index);
                    }
                    answers
                })
            })
            .collect();
        let joined: Vec<_> = workers.into_iter().map(std::thread::ScopedJoinHandle::join).collect();
        // Before anything is unwrapped, or a failure would leave the other two running.
        done.store(true, Ordering::Relaxed);
        for answers in joined {
            let answers = answers.unwrap();
            all.fresh.extend(answers.fresh);
            all.replays += answers.replays;
            all.refusals += answers.refusals;
            all.dropped.extend(answers.dropped);
        }
    });
    if setup.short_lived {
        clock.advance(Duration::from_secs(3_600));
    } else {
        close_all(&*ledger, setup, &mut all);
    }
    assert!(all.replays > 100 && all.refusals > 100, "{} replays, {} refusals", all.replays, all.refusals);
    let (mut late, mut expired) = (0, 0);
    for number in 0..setup.accounts {
        let (tardy, ended) = check_books(&*ledger, setup, &all, number);
        late += tardy;
        expired += ended;
    }
    assert_eq!(setup.short_lived, expired > 0, "the clock was to end some holds, or none");
    assert_eq!(setup.short_lived, late > 0, "some captures were to come late, or none");
    assert!(late <= expired);
}

/// Voids or settles what is still open.
fn close_all(ledger: &dyn Ledger, setup: Setup, all: &mut Answers) {
    for number in 0..setup.accounts {
        loop {
            let request = HoldsRequest::new(account(number)).with_limit(1_000);
            let page = wait(ledger.holds(request)).unwrap();
            if page.holds().is_empty() {
                break;
            }
            for hold in page.holds() {
                let name = hold.key().to_string();
                if hold.captured().is_zero() {
                    all.void(ledger, number, &name);
                } else {
                    let request = CaptureRequest::new(account(number), hold.key().clone(), hold.captured());
                    all.capture(ledger, number, &name, request);
                }
            }
        }
    }
}

/// Compares the books of an account with the answers; says how many captures were late and how many holds expired.
fn check_books(ledger: &dyn Ledger, setup: Setup, all: &Answers, number: u64) -> (usize, usize) {
    let balance = wait(ledger.balance_of(&account(number), unit())).unwrap();
    assert_eq!((balance.held().minor(), balance.open_holds()), (0, 0), "everything is closed");
    assert!(balance.posted().minor() >= 0, "overdrawn");

    // Every answer, in the order of its number: each number once.
    let mut fresh: Vec<&Fresh> = all.fresh.iter().filter(|fresh| fresh.account == number).collect();
    fresh.sort_by_key(|fresh| fresh.seq);
    assert!(fresh.windows(2).all(|pair| pair[0].seq < pair[1].seq), "two changes with one number");

    // What each change did to its hold, and so how many changes of it nobody asked for: its expiry.
    let mut changes: BTreeMap<&str, Vec<&What>> = BTreeMap::new();
    for fresh in &fresh {
        match &fresh.what {
            What::Held(key) | What::Resized(key) | What::Voided(key) | What::Captured { key, .. } => {
                changes.entry(key).or_default().push(&fresh.what);
            }
            What::Posted { .. } => {}
        }
    }
    let unseen: Vec<&str> =
        all.dropped.iter().filter(|(account, _)| *account == number).map(|(_, name)| name.as_str()).collect();
    for name in &unseen {
        changes.entry(name).or_default();
    }
    let (mut expired, mut unseen_made, mut released, mut late) = (0, 0, 0, 0);
    let mut captured_of_key = BTreeMap::new();
    for (name, whats) in &changes {
        let found = wait(ledger.find(FindRequest::hold(account(number), key(name)))).unwrap();
        let Found::Hold(hold) = found else {
            assert!(whats.is_empty(), "{name} was answered, but is not there");
            continue;
        };
        let made = whats.iter().filter(|what| matches!(what, What::Held(_))).count();
        if unseen.contains(name) {
            assert_eq!(made, 0);
            unseen_made += 1;
        } else {
            assert_eq!(made, 1, "{name} was made by one thread");
        }
        // Its first revision is 1, and each change adds one: those that were answered, and its expiry.
        let changes = u32::try_from(whats.len() - made).unwrap();
        let ended = hold.rev() - 1 - changes;
        assert!(ended <= 1, "{name} expired {ended} times");
        assert!(setup.short_lived || ended == 0, "{name} expired though no time had passed");
        let charges = |late_ones: bool| -> i64 {
            whats
                .iter()
                .map(|what| match what {
                    What::Captured { charged, late, .. } if !late_ones || *late => *charged,
                    _ => 0,
                })
                .sum()
        };
        assert_eq!(hold.captured().minor(), charges(false), "{name} was charged what its captures said");
        assert!(hold.status() != HoldStatus::Voided || hold.captured().is_zero());
        let finals = whats.iter().filter(|what| matches!(what, What::Voided(_))).count();
        assert!(finals <= 1);
        if ended == 1 {
            expired += 1;
            released += (hold.total().minor() - (hold.captured().minor() - charges(true))).max(0);
        } else {
            assert_ne!(hold.status(), HoldStatus::Expired);
            assert!(!hold.is_late());
        }
        late += usize::from(hold.is_late());
        captured_of_key.insert((*name).to_owned(), hold.captured().minor());
    }
    assert_eq!(
        usize::try_from(balance.seq()).unwrap(),
        fresh.len() + unseen_made + expired,
        "as many numbers as changes"
    );

    // Before and after form a chain; only an expiry or a hold that nobody waited for may come between.
    assert_eq!((fresh[0].seq, fresh[0].before), (1, 0));
    let mut freed_between = 0;
    for pair in fresh.windows(2) {
        if pair[0].seq + 1 == pair[1].seq {
            assert_eq!(pair[0].after, pair[1].before, "{pair:?}");
        } else if !setup.drops {
            assert!(pair[0].after <= pair[1].before, "an expiry only frees: {pair:?}");
            freed_between += pair[1].before - pair[0].after;
        }
    }
    if !setup.drops {
        let last = fresh.last().unwrap();
        freed_between += balance.available().minor() - last.after;
        assert_eq!(freed_between, released, "each expired hold gave back what it held, once");
    }

    // The entries: they sum to what is posted, and are what the answers said.
    let (mut entries, mut request) =
        (vec![], StatementRequest::new(account(number)).with_order(Order::OldestFirst).with_limit(1_000));
    loop {
        let page = wait(ledger.statement(request.clone())).unwrap();
        entries.extend(page.entries().to_vec());
        match page.next() {
            Some(after) => request = request.with_after(after),
            None => break,
        }
    }
    assert_eq!(entries.iter().map(|entry| entry.amount().minor()).sum::<i64>(), balance.posted().minor());
    let mut by_key: BTreeMap<String, i64> = BTreeMap::new();
    let mut posted_keys = BTreeSet::new();
    let mut charged_in_one_step = 0;
    for entry in &entries {
        if entry.operation() == Operation::Hold {
            assert_eq!(entry.kind(), EntryKind::Charge);
            *by_key.entry(entry.key().to_string()).or_default() -= entry.amount().minor();
        } else {
            assert!(posted_keys.insert(entry.key().to_string()), "{} was posted twice", entry.key());
            if entry.kind() == EntryKind::Charge {
                charged_in_one_step -= entry.amount().minor();
            }
        }
    }
    for (name, captured) in captured_of_key {
        assert_eq!(by_key.remove(&name).unwrap_or(0), captured, "{name} was billed once");
    }
    assert!(by_key.is_empty(), "charged, but never answered: {by_key:?}");
    let answered: i64 = fresh
        .iter()
        .map(|fresh| if let What::Posted { charged } = fresh.what { charged.max(0) } else { 0 })
        .sum();
    assert_eq!(charged_in_one_step, answered);
    (late, expired)
}

/// One account, every answer collected: numbers are dense and before and after form one chain.
#[test]
fn one_account_every_answer_collected() {
    run(Setup { accounts: 1, drops: false, short_lived: false });
}

/// One account, with futures dropped unpolled: what they asked for is done all the same.
#[test]
fn one_account_futures_dropped_unpolled() {
    run(Setup { accounts: 1, drops: true, short_lived: false });
}

/// Many accounts: none sees the others.
#[test]
fn many_accounts() {
    run(Setup { accounts: 48, drops: true, short_lived: false });
}

/// Holds that end while they are captured, voided, resized and swept: billed once, released once.
#[test]
fn one_account_short_lived_holds() {
    run(Setup { accounts: 1, drops: false, short_lived: true });
}

/// The same on many accounts, with one sweeper for all.
#[test]
fn many_accounts_short_lived_holds() {
    run(Setup { accounts: 16, drops: false, short_lived: true });
}

/// Many threads want the last of the money: exactly as many get it as it suffices for.
#[test]
fn the_money_is_spent_once() {
    for round in 0..20 {
        let ledger = MemoryLedger::new();
        let id = account(round);
        wait(ledger.top_up(&id, key("paid-in"), money(10))).unwrap();
        let start = Barrier::new(32);
        let got: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..32)
                .map(|thread| {
                    let (ledger, id, start) = (&ledger, &id, &start);
                    scope.spawn(move || {
                        start.wait();
                        wait(ledger.hold_amount(id, key(&format!("h{thread}")), money(3))).is_ok()
                    })
                })
                .collect();
            threads.into_iter().map(|thread| usize::from(thread.join().unwrap())).sum()
        });
        assert_eq!(got, 3);
        assert_eq!(wait(ledger.balance_of(&id, unit())).unwrap().available().minor(), 1);
    }
}

/// Many threads with one key: one of them makes the hold, one settles it, and all are told the same.
#[test]
fn one_key_is_one_hold_and_one_charge() {
    for round in 0..20 {
        let ledger = MemoryLedger::new();
        let id = account(round);
        wait(ledger.top_up(&id, key("paid-in"), money(100))).unwrap();
        let start = Barrier::new(32);
        let answers: Vec<(bool, bool, i64)> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..32)
                .map(|_| {
                    let (ledger, id, start) = (&ledger, &id, &start);
                    scope.spawn(move || {
                        start.wait();
                        let held = wait(ledger.hold_amount(id, key("one"), money(30))).unwrap();
                        let settled = wait(ledger.capture_final(id, key("one"), money(20))).unwrap();
                        assert_eq!(settled.value().captured().minor(), 20);
                        (held.is_replay(), settled.is_replay(), settled.value().charged().minor())
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(answers.iter().filter(|(held, ..)| !held).count(), 1);
        assert_eq!(answers.iter().filter(|(_, settled, _)| !settled).count(), 1);
        assert_eq!(answers.iter().map(|(.., charged)| charged).sum::<i64>(), 20);
        let balance = wait(ledger.balance_of(&id, unit())).unwrap();
        assert_eq!((balance.posted().minor(), balance.held().minor(), balance.seq()), (80, 0, 3));
    }
}
