//! What is known about spending: read beforehand, in bounded steps, and never in the way of an answer.
#![allow(clippy::unwrap_used)]

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};
use std::time::Duration;

use billing_guard::{
    AccountId, Amount, Applied, Balance, BalanceRequest, Bin, BurnProfile, BurnRate, CaptureRequest,
    Captured, Clock, CountersPage, CountersRequest, Details, Disclosed, Disclosure, Entry, Error,
    FindRequest, Found, Guard, HoldRequest, HoldState, HoldsPage, HoldsRequest, Insight, Insights, Labels,
    Ledger, LedgerError, LedgerExt, LedgerFuture, ManualClock, MemoryLedger, MemorySettings, Period,
    PostKind, PostRequest, PriceBook, Refusal, ResizeRequest, Spending, Statement, StatementRequest,
    SweepRequest, Swept, Timestamp, TopUses, Unit, UsageDigest, VoidRequest, wait,
};

fn usd() -> Unit {
    Unit::new("USD", 2).unwrap()
}

fn cents(minor: i64) -> Amount {
    usd().minor(minor)
}

fn id(name: &str) -> AccountId {
    name.parse().unwrap()
}

/// A ledger that counts what is read, and can be made to fail, to answer late, or to have another history.
#[derive(Debug)]
struct Watched {
    inner: Mutex<Arc<MemoryLedger>>,
    clock: Arc<ManualClock>,
    pages: AtomicU32,
    balances: AtomicU32,
    is_down: AtomicBool,
    is_late: AtomicBool,
}

impl Watched {
    fn new() -> Arc<Self> {
        let clock = Arc::new(ManualClock::new());
        Arc::new(Self {
            inner: Mutex::new(Self::empty(&clock)),
            clock,
            pages: AtomicU32::new(0),
            balances: AtomicU32::new(0),
            is_down: AtomicBool::new(false),
            is_late: AtomicBool::new(false),
        })
    }

    fn empty(clock: &Arc<ManualClock>) -> Arc<MemoryLedger> {
        let settings = MemorySettings::new().with_retained_entries(1_000_000);
        Arc::new(MemoryLedger::with_clock(settings, clock.clone()))
    }

    fn inner(&self) -> Arc<MemoryLedger> {
        Arc::clone(&self.inner.lock().unwrap())
    }

    /// Pages and balances read since this was asked last.
    fn reads(&self) -> (u32, u32) {
        (self.pages.swap(0, Ordering::SeqCst), self.balances.swap(0, Ordering::SeqCst))
    }

    fn read<T: 'static>(&self, answer: LedgerFuture<T>) -> LedgerFuture<T> {
        if self.is_down.load(Ordering::SeqCst) {
            return LedgerFuture::ready(Err(LedgerError::Unavailable { detail: "down".to_owned() }));
        }
        if self.is_late.load(Ordering::SeqCst) {
            return LedgerFuture::boxed(std::future::pending());
        }
        answer
    }

    fn fund(&self, account: &AccountId) {
        wait(self.inner().top_up(account, "funding".parse().unwrap(), cents(1 << 40))).unwrap();
    }

    fn charge(&self, account: &AccountId, minor: i64, user: &str) {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let key = format!("charge-{}", NUMBER.fetch_add(1, Ordering::SeqCst)).parse().unwrap();
        let charge = PostRequest::new(account.clone(), key, PostKind::Charge, cents(minor));
        wait(self.inner().post(charge.with_labels(Labels::new([("user", user)]).unwrap()))).unwrap();
    }

    fn next_day(&self) {
        self.clock.advance(Duration::from_secs(86_400));
    }
}

impl Ledger for Watched {
    fn hold(&self, request: HoldRequest) -> LedgerFuture<Applied<HoldState>> {
        self.inner().hold(request)
    }
    fn resize(&self, request: ResizeRequest) -> LedgerFuture<Applied<HoldState>> {
        self.inner().resize(request)
    }
    fn capture(&self, request: CaptureRequest) -> LedgerFuture<Applied<Captured>> {
        self.inner().capture(request)
    }
    fn void(&self, request: VoidRequest) -> LedgerFuture<Applied<HoldState>> {
        self.inner().void(request)
    }
    fn post(&self, request: PostRequest) -> LedgerFuture<Applied<Entry>> {
        self.inner().post(request)
    }
    fn find(&self, request: FindRequest) -> LedgerFuture<Found> {
        self.inner().find(request)
    }
    fn balance(&self, request: BalanceRequest) -> LedgerFuture<Balance> {
        self.balances.fetch_add(1, Ordering::SeqCst);
        self.read(self.inner().balance(request))
    }
    fn statement(&self, request: StatementRequest) -> LedgerFuture<Statement> {
        self.pages.fetch_add(1, Ordering::SeqCst);
        self.read(self.inner().statement(request))
    }
    fn holds(&self, request: HoldsRequest) -> LedgerFuture<HoldsPage> {
        self.inner().holds(request)
    }
    fn counters(&self, request: CountersRequest) -> LedgerFuture<CountersPage> {
        self.inner().counters(request)
    }
    fn sweep(&self, request: SweepRequest) -> LedgerFuture<Swept> {
        self.inner().sweep(request)
    }
}

fn insights(ledger: &Arc<Watched>) -> Insights {
    let guard = Guard::builder(ledger.clone(), PriceBook::new(usd())).build().unwrap();
    Insights::new(&guard).by_label("user").unwrap().with_clock(ledger.clock.clone())
}

/// All of an account's spending, read in one go.
fn all(ledger: &Watched, account: &AccountId, label: Option<&str>) -> Spending {
    let spending = Spending::new(usd(), Bin::Day);
    let spending = label.map_or(Ok(spending.clone()), |label| spending.by_label(label)).unwrap();
    read_into(spending, ledger, account)
}

fn read_into(mut spending: Spending, ledger: &Watched, account: &AccountId) -> Spending {
    loop {
        let page = wait(ledger.inner().statement(spending.next_request(account))).unwrap();
        spending.add(&page).unwrap();
        if page.next().is_none() {
            return spending;
        }
    }
}

fn uses(insight: &Insight) -> Vec<(String, i64)> {
    let uses = insight.top_uses().map_or(&[][..], TopUses::uses);
    uses.iter().map(|one| (one.value().unwrap_or("-").to_owned(), one.spent().minor())).collect()
}

#[test]
fn nothing_is_known_until_it_is_read_and_asking_reads_nothing() {
    let (ledger, account) = (Watched::new(), id("acct"));
    ledger.fund(&account);
    for day in 0..6 {
        ledger.charge(&account, 20, if day % 3 == 0 { "ana" } else { "ben" });
        ledger.next_day();
    }
    let insights = insights(&ledger);
    assert!(insights.known(&account).is_none());
    assert_eq!(ledger.reads(), (0, 0));

    let read = wait(insights.refresh(&account)).unwrap();
    assert_eq!(ledger.reads(), (2, 1));
    ledger.clock.advance(Duration::from_secs(60));
    let known = insights.known(&account).unwrap();
    assert_eq!(ledger.reads(), (0, 0));
    assert_eq!((read.age(), known.age()), (Duration::ZERO, Duration::from_secs(60)));
    assert_eq!((known.as_of(), known.burn_rate()), (read.as_of(), read.burn_rate()));
    assert_eq!(known.burn_rate().unwrap().per_day(), cents(20));
    assert_eq!(uses(&known), [("ben".to_owned(), 80), ("ana".to_owned(), 40)]);
    assert_eq!(known.runway(cents(100)).unwrap().about_days(), 5);
    assert_eq!(known.burn_profile().unwrap().days(), 5);
    assert_eq!(known.runway(Unit::new("EUR", 2).unwrap().minor(100)), None);
    // A clock that went back does no harm.
    ledger.clock.set(Timestamp::default());
    assert_eq!(insights.known(&account).unwrap().age(), Duration::ZERO);
}

#[test]
fn a_refresh_under_way_is_not_waited_for() {
    let (ledger, account) = (Watched::new(), id("acct"));
    ledger.fund(&account);
    ledger.charge(&account, 20, "ana");
    let insights = insights(&ledger);
    wait(insights.refresh(&account)).unwrap();
    ledger.charge(&account, 20, "ana");
    ledger.is_late.store(true, Ordering::SeqCst);
    let mut refresh = insights.refresh(&account);
    let mut context = Context::from_waker(Waker::noop());
    assert!(Future::poll(Pin::new(&mut refresh), &mut context).is_pending());
    assert_eq!(uses(&insights.known(&account).unwrap()), [("ana".to_owned(), 20)]);
    drop(refresh);
    assert_eq!(uses(&insights.known(&account).unwrap()), [("ana".to_owned(), 20)]);
}

#[test]
fn a_ledger_that_cannot_be_reached_leaves_what_was_known() {
    let (ledger, account) = (Watched::new(), id("acct"));
    ledger.fund(&account);
    ledger.charge(&account, 20, "ana");
    let insights = insights(&ledger);
    ledger.is_down.store(true, Ordering::SeqCst);
    assert!(matches!(wait(insights.refresh(&account)), Err(Error::Unavailable { .. })));
    assert!(insights.known(&account).is_none());
    ledger.is_down.store(false, Ordering::SeqCst);
    wait(insights.refresh(&account)).unwrap();
    ledger.is_down.store(true, Ordering::SeqCst);
    assert!(wait(insights.refresh(&account)).is_err());
    assert!(insights.known(&account).is_some());

    let euros = Guard::builder(Watched::new(), PriceBook::new(Unit::new("EUR", 2).unwrap())).build().unwrap();
    wait(euros.top_up(&account, "p".parse().unwrap(), Unit::new("EUR", 2).unwrap().minor(5))).unwrap();
    let dollars = Guard::builder(Arc::clone(euros.ledger()), PriceBook::new(usd())).build().unwrap();
    let wrong = wait(Insights::new(&dollars).refresh(&account));
    assert!(matches!(wrong, Err(Error::WrongUnit { .. })));
}

#[test]
fn it_goes_on_where_it_was_and_knows_what_a_first_reading_would() {
    let (ledger, account) = (Watched::new(), id("acct"));
    ledger.fund(&account);
    let going_on = insights(&ledger);
    for (day, user) in (0..70_i64).zip(["ana", "ben", "cleo"].into_iter().cycle()) {
        for number in 0..day % 4 {
            ledger.charge(&account, 5 + day * 7 % 11 + number, user);
        }
        let known = wait(going_on.refresh(&account)).unwrap();
        assert_eq!(ledger.reads(), (if day == 0 { 2 } else { 1 }, 1));
        let anew = wait(insights(&ledger).refresh(&account)).unwrap();
        assert_eq!(known.burn_rate(), anew.burn_rate(), "day {day}");
        assert_eq!(uses(&known), uses(&anew), "day {day}");
        let full = all(&ledger, &account, None);
        assert_eq!(known.burn_rate(), BurnRate::from_spending(&full, ledger.clock.now()));
        let by_hour = read_into(Spending::new(usd(), Bin::Hour), &ledger, &account);
        let profile = BurnProfile::from_spending(&by_hour, ledger.clock.now());
        assert_eq!(known.burn_profile(), profile.as_ref().map_err(|error| *error), "day {day}");
        assert_eq!(profile.is_ok(), day > 5, "day {day}");
        let since = ledger.clock.now().as_micros() - 30 * 86_400_000_000;
        let top = all(&ledger, &account, Some("user")).top_uses(Timestamp::from_micros(since), 10);
        assert_eq!(known.top_uses().map(TopUses::uses), top.as_ref().map(TopUses::uses), "day {day}");
        // Only the last 31 days are kept.
        assert!(known.spending().rows().all(|row| row.start().as_micros() >= since));
        let kept: i64 = known.spending().rows().map(|row| row.spent().net().minor()).sum();
        assert_eq!(known.spending().total().net().minor(), kept);
        ledger.reads();
        ledger.next_day();
    }
}

#[test]
fn a_refresh_reads_a_bounded_number_of_pages_however_long_the_history_is() {
    let (ledger, account) = (Watched::new(), id("acct"));
    ledger.fund(&account);
    for day in 0..50 {
        (0..300).for_each(|_| ledger.charge(&account, 1 + day % 3, "ana"));
        ledger.next_day();
    }
    let insights = insights(&ledger);
    let known = wait(insights.refresh(&account)).unwrap();
    let (pages, balances) = ledger.reads();
    assert!(pages <= 2 * Insights::PAGES + 1 && balances == 1, "{pages} pages");
    // 8,000 entries are less than the 30 days, and that is said; the last days are known all the same.
    let since = known.top_uses().unwrap().since();
    let days = ledger.clock.now().saturating_since(since).as_secs() / 86_400;
    assert!((24..30).contains(&days), "{days}");
    assert_eq!(known.spending().folded_until(), Some(since));
    let full = all(&ledger, &account, None);
    assert_eq!(known.burn_rate(), BurnRate::from_spending(&full, ledger.clock.now()));
    ledger.reads();

    // So much since that going on from there takes too long.
    (0..9_500).for_each(|_| ledger.charge(&account, 1, "ben"));
    let known = wait(insights.refresh(&account)).unwrap();
    let (pages, _) = ledger.reads();
    assert!(pages <= 3 * Insights::PAGES + 1, "{pages} pages");
    assert_eq!(uses(&known), [("ben".to_owned(), 7_999)]);
}

#[test]
fn a_history_that_does_not_go_on_is_read_anew() {
    let (ledger, account) = (Watched::new(), id("acct"));
    ledger.fund(&account);
    ledger.charge(&account, 20, "ana");
    let insights = insights(&ledger);
    wait(insights.refresh(&account)).unwrap();
    *ledger.inner.lock().unwrap() = Watched::empty(&ledger.clock);
    ledger.fund(&account);
    (0..3).for_each(|_| ledger.charge(&account, 7, "ben"));
    assert_eq!(uses(&wait(insights.refresh(&account)).unwrap()), [("ben".to_owned(), 21)]);
}

#[test]
fn more_uses_than_can_be_told_apart_leave_the_burn_rate_and_heal() {
    let (ledger, account) = (Watched::new(), id("acct"));
    ledger.fund(&account);
    for day in 0..4 {
        (0..2_510).for_each(|user| ledger.charge(&account, 1, &format!("user-{day}-{user}")));
        ledger.next_day();
    }
    let insights = insights(&ledger);
    // Only 8,000 entries are read at first, and the rest on the way.
    wait(insights.refresh(&account)).unwrap();
    (0..2_510).for_each(|user| ledger.charge(&account, 1, &format!("user-4-{user}")));
    let full = wait(insights.refresh(&account)).unwrap();
    assert!(full.top_uses().is_none() && full.burn_rate().is_some());
    assert_eq!(full.spending().rows().filter(|row| row.label().is_some()).count(), 0);
    assert!(full.spending().other().charges() == 0 && full.spending().total().charges() > 10_000);
    for _ in 0..32 {
        ledger.next_day();
    }
    ledger.charge(&account, 3, "ana");
    let healed = wait(insights.refresh(&account)).unwrap();
    assert_eq!(uses(&healed), [("ana".to_owned(), 3)]);
}

#[test]
fn accounts_are_few_age_and_can_be_forgotten() {
    let ledger = Watched::new();
    let insights = insights(&ledger).with_capacity(2).with_max_age(Duration::from_secs(60));
    let known = |name: &str| insights.known(&id(name)).is_some();
    let refresh = |name: &str| {
        wait(insights.refresh(&id(name))).unwrap();
        ledger.clock.advance(Duration::from_secs(1));
    };
    ["a", "b", "a", "c"].into_iter().for_each(refresh);
    assert_eq!((known("a"), known("b"), known("c")), (true, false, true));
    insights.forget(&id("c"));
    insights.forget(&id("never-known"));
    assert_eq!((known("a"), known("c")), (true, false));
    refresh("b");
    assert_eq!((known("a"), known("b")), (true, true));
    ledger.clock.advance(Duration::from_secs(59));
    assert_eq!((known("a"), known("b")), (false, true));
    ledger.clock.advance(Duration::from_secs(1));
    assert!(!known("b"));
    // A clone knows the same.
    let clone = insights.clone();
    refresh("b");
    assert!(clone.known(&id("b")).is_some());
}

#[test]
fn details_get_what_is_known_and_disclosure_decides_who_reads_it() {
    let (ledger, account) = (Watched::new(), id("acct"));
    ledger.fund(&account);
    for _ in 0..6 {
        ledger.charge(&account, 20, "ana");
        ledger.next_day();
    }
    let insight = wait(insights(&ledger).refresh(&account)).unwrap();
    let details = insight.add_to(Details::new(), cents(100));
    let told = |level| {
        let told = Disclosed::new(&Refusal::BudgetExceeded, &details, level, Timestamp::default());
        (told.runway().map(|runway| runway.about_days()), told.top_uses().is_some())
    };
    assert_eq!(told(Disclosure::WhatFits), (None, false));
    assert_eq!(told(Disclosure::Amounts), (Some(5), false));
    assert_eq!(told(Disclosure::Usage), (Some(5), true));
    // Nothing known adds nothing.
    let nothing = wait(insights(&ledger).refresh(&id("new"))).unwrap();
    assert_eq!(nothing.add_to(Details::new(), cents(100)), Details::new());
}

#[test]
fn a_digest_of_the_week_can_be_made_of_it() {
    let (ledger, account) = (Watched::new(), id("acct"));
    ledger.fund(&account);
    let insights = insights(&ledger);
    for day in 0..60_i64 {
        ledger.charge(&account, 1 + day / 7, "ana");
        ledger.next_day();
        wait(insights.refresh(&account)).unwrap();
    }
    let known = insights.known(&account).unwrap();
    let digest = UsageDigest::of_last(known.spending(), Period::week(), known.as_of()).unwrap();
    // Weeks begin on Mondays, four days after the charges: from 23 February three cost 8 and four 9.
    assert_eq!(digest.from().to_string(), "2026-02-23T00:00:00.000000Z");
    assert_eq!((digest.spent().net(), digest.spent_before().unwrap().net()), (cents(60), cents(53)));
    assert_eq!(digest.top_uses().unwrap().uses()[0].spent(), cents(60));
}
