//! What customers are told before the balance is short: once for each crossing, and not again for what comes and goes.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use billing_guard::{
    AccountId, Amount, Bin, BurnRate, Cap, Caps, ChargeRef, Clock, GrantTerms, Guard, Job, Ledger, LedgerExt,
    ManualClock, MemoryLedger, MemorySettings, Notice, NoticeContext, NoticeRules, OnDrop, Period, Policy,
    PostKind, PostRequest, PriceBook, Receipt, Spending, Tariff, Timestamp, Unit, Usage, wait,
};
use proptest::prelude::*;

const DAY: Duration = Duration::from_secs(86_400);

fn usd() -> Unit {
    Unit::new("USD", 2).unwrap()
}

fn cents(minor: i64) -> Amount {
    usd().minor(minor)
}

fn account() -> AccountId {
    AccountId::new("acct_1").unwrap()
}

struct World {
    clock: Arc<ManualClock>,
    ledger: Arc<dyn Ledger>,
    guard: Guard,
    heard: Arc<Mutex<Vec<Notice>>>,
}

impl World {
    /// A guard that sells cents for a cent each.
    fn new(rules: NoticeRules) -> Self {
        let clock = Arc::new(ManualClock::new());
        clock.set(Timestamp::from_micros(1_800_000_000_000_000));
        let ledger: Arc<dyn Ledger> =
            Arc::new(MemoryLedger::with_clock(MemorySettings::new(), clock.clone()));
        let heard = Arc::new(Mutex::new(Vec::new()));
        let guard = guard_over(&ledger, rules, &heard);
        Self { clock, ledger, guard, heard }
    }

    fn top_up(&self, key: &str, minor: i64) {
        wait(self.guard.top_up(&account(), key.parse().unwrap(), cents(minor))).unwrap();
    }

    fn spend(&self, minor: u32) -> Vec<Notice> {
        self.spend_with(minor, NoticeContext::new())
    }

    fn spend_with(&self, minor: u32, context: NoticeContext) -> Vec<Notice> {
        self.receipt(&Job::new("cents").exact("cents", minor).with_notice_context(context)).notices().to_vec()
    }

    fn receipt(&self, job: &Job) -> Receipt {
        wait(self.guard.charge(&account(), job)).unwrap()
    }
}

fn guard_over(ledger: &Arc<dyn Ledger>, rules: NoticeRules, heard: &Arc<Mutex<Vec<Notice>>>) -> Guard {
    let heard = Arc::clone(heard);
    Guard::builder(Arc::clone(ledger), PriceBook::new(usd()))
        .price("cents", Tariff::new().per_unit("cents", "0.01").unwrap())
        .policy(Policy::new().with_notices(rules))
        .on_notice(move |who, notice| {
            assert_eq!(*who, account());
            heard.lock().unwrap().push(notice.clone());
        })
        .build()
        .unwrap()
}

fn low(threshold: i64, balance: i64) -> Notice {
    Notice::LowBalance { threshold: cents(threshold), balance: cents(balance) }
}

fn low_at(thresholds: &[i64]) -> NoticeRules {
    thresholds.iter().fold(NoticeRules::new(), |rules, threshold| rules.with_low_balance(cents(*threshold)))
}

#[test]
fn below_an_amount_a_share_of_the_latest_top_up_and_the_largest_request() {
    let world = World::new(low_at(&[100]).with_low_share(20).with_largest_request(cents(150)));
    world.top_up("first", 300);
    world.top_up("latest", 700);
    assert_eq!(world.spend(840), []);
    let largest = Notice::LessThanLargestRequest { largest: cents(150), balance: cents(149) };
    let share = Notice::LowShare { percent: 20, top_up: cents(700), balance: cents(139) };
    assert_eq!(world.spend(11), std::slice::from_ref(&largest));
    assert_eq!(world.spend(10), std::slice::from_ref(&share));
    assert_eq!(world.spend(40), [low(100, 99)]);
    assert_eq!(world.spend(90), []);
    // The hook heard the same, in the same order.
    assert_eq!(*world.heard.lock().unwrap(), [largest, share, low(100, 99)]);
}

#[test]
fn when_it_will_not_last_for_so_many_days() {
    let world = World::new(NoticeRules::new().with_short_runway(3));
    world.top_up("paid", 2_000);
    for _ in 0..6 {
        for _ in 0..2 {
            assert_eq!(world.spend(50), []);
        }
        world.clock.advance(DAY);
    }
    let mut spending = Spending::new(usd(), Bin::Day);
    let page = wait(world.guard.statement(spending.next_request(&account()))).unwrap();
    spending.add(&page).unwrap();
    let rate = BurnRate::from_spending(&spending, world.clock.now()).unwrap();
    let threshold = rate.amount_for_days(3).minor();
    let context = NoticeContext::new().with_burn_rate(rate);
    assert_eq!(world.spend_with(u32::try_from(1_400 - threshold).unwrap(), context), []);
    let told = world.spend_with(1, context);
    let Notice::ShortRunway { days: 3, runway, balance } = told[0] else { panic!("{told:?}") };
    assert_eq!((runway.about_days(), balance, told.len()), (2, cents(threshold - 1), 1));
    assert_eq!(world.spend_with(1, context), []);
    // Where nobody knows how fast it is spent, nobody is told how long it lasts.
    world.top_up("more", 2_000);
    assert_eq!(world.spend(2_200), []);
}

#[test]
fn a_hold_that_is_given_back_crosses_nothing_however_often() {
    let world = World::new(low_at(&[500]));
    world.top_up("paid", 600);
    let job = || Job::new("cents").at_most("cents", 400_u32);
    for _ in 0..3 {
        let mut hold = wait(world.guard.hold(&account(), job())).unwrap();
        assert_eq!(hold.notices(), []);
        wait(hold.void()).unwrap();
    }
    // Told once what it charges takes it below, with the receipt.
    let mut hold = wait(world.guard.hold(&account(), job())).unwrap();
    let receipt = wait(hold.capture(&Usage::new().with("cents", 101_u32))).unwrap();
    assert_eq!(receipt.notices(), [low(500, 499)]);
    assert_eq!(world.spend(1), []);
}

#[test]
fn a_small_refund_does_not_have_it_told_again_and_a_top_up_does() {
    let world = World::new(low_at(&[500]));
    world.top_up("paid", 510);
    let job = Job::new("cents").exact("cents", 20_u32).with_key("c".parse().unwrap());
    assert_eq!(world.receipt(&job).notices(), [low(500, 490)]);
    let charge = ChargeRef::Charge("c".parse().unwrap());
    wait(world.ledger.refund(&account(), "r".parse().unwrap(), charge, cents(15))).unwrap();
    assert_eq!(world.spend(10), []);
    world.top_up("more", 100);
    assert_eq!(world.spend(96), [low(500, 499)]);
}

#[test]
fn a_repeated_request_is_told_nothing_again() {
    let world = World::new(low_at(&[500]));
    world.top_up("paid", 510);
    let job = || Job::new("cents").exact("cents", 20_u32).with_key("c".parse().unwrap());
    assert_eq!(world.receipt(&job()).notices().len(), 1);
    assert_eq!(world.receipt(&job()).notices(), []);
    assert_eq!(world.heard.lock().unwrap().len(), 1);
}

#[test]
fn who_asks_to_be_reminded_later_is_told_later_and_once() {
    let world = World::new(low_at(&[500, 100]));
    world.top_up("paid", 600);
    let until = world.clock.now().saturating_add(DAY);
    let snoozed = || NoticeContext::new().with_snoozed_until(until);
    assert_eq!(world.spend(50), []);
    assert_eq!(world.spend_with(100, snoozed()), []);
    world.clock.advance(DAY);
    assert_eq!(world.spend_with(10, snoozed()), [low(500, 440)]);
    assert_eq!(world.spend_with(10, snoozed()), []);
    assert_eq!(world.spend(331), [low(100, 99)]);
}

#[test]
fn a_reminder_is_of_caps_and_ending_credit_as_well() {
    let world = World::new(NoticeRules::new().with_cap_spent(80).with_credit_ending(7 * DAY));
    world.top_up("paid", 600);
    let ends_at = world.clock.now().saturating_add(8 * DAY);
    let terms = GrantTerms::promotional().ending_at(ends_at);
    wait(world.guard.grant(&account(), "gift".parse().unwrap(), terms, cents(500))).unwrap();
    let caps = Caps::new([Cap::new("key/1".parse().unwrap(), Period::month(), cents(100))]).unwrap();
    let snoozed = NoticeContext::new().with_snoozed_until(world.clock.now().saturating_add(2 * DAY));
    let charge = |minor: u32| {
        let job =
            Job::new("cents").exact("cents", minor).with_caps(caps.clone()).with_notice_context(snoozed);
        world.receipt(&job).notices().iter().map(Notice::as_str).collect::<Vec<_>>()
    };
    // Both come due while nothing may be told.
    world.clock.advance(DAY + DAY / 2);
    assert_eq!(charge(85), [""; 0]);
    world.clock.advance(DAY / 2);
    assert_eq!(charge(1), ["cap_nearly_reached", "credit_ends_soon"]);
    assert_eq!(charge(1), [""; 0]);
}

#[test]
fn giving_a_hold_back_tells_nobody_and_so_hides_nothing() {
    let world = World::new(low_at(&[500]).with_credit_ending(7 * DAY));
    world.top_up("paid", 600);
    let ends_at = world.clock.now().saturating_add(8 * DAY);
    let terms = GrantTerms::promotional().ending_at(ends_at);
    wait(world.guard.grant(&account(), "gift".parse().unwrap(), terms, cents(50))).unwrap();
    let job = Job::new("cents").at_most("cents", 15_u32).with_lifetime(3 * DAY);
    let mut hold = wait(world.guard.hold(&account(), job)).unwrap();
    let correction = PostRequest::new(account(), "down".parse().unwrap(), PostKind::Adjustment, cents(-200));
    wait(world.ledger.post(correction)).unwrap();
    world.clock.advance(2 * DAY);
    wait(hold.void()).unwrap();
    let told = world.spend(1);
    assert_eq!(told.iter().map(Notice::as_str).collect::<Vec<_>>(), ["low_balance", "credit_ends_soon"]);
    assert_eq!(world.spend(1), []);
}

#[test]
fn what_a_dropped_hold_charged_is_told_with_the_next_work() {
    let world = World::new(low_at(&[500]));
    world.top_up("paid", 600);
    for on_drop in [OnDrop::Settle, OnDrop::CaptureHold] {
        let job = Job::new("cents").at_most("cents", 120_u32).with_on_drop(on_drop);
        let hold = wait(world.guard.hold(&account(), job)).unwrap();
        hold.record(&Usage::new().with("cents", 120_u32)).unwrap();
        drop(hold);
        // Nobody could have read it in an answer.
        assert!(world.heard.lock().unwrap().is_empty());
        assert_eq!(world.spend(10), [low(500, 470)]);
        assert_eq!(std::mem::take(&mut *world.heard.lock().unwrap()), [low(500, 470)]);
        world.top_up(&format!("{on_drop:?}"), 130);
    }
}

#[test]
fn with_automatic_top_ups_only_these_are_told_and_each_time() {
    let world = World::new(low_at(&[500]).with_cap_spent(80));
    world.top_up("paid", 600);
    let automatic = NoticeContext::new().with_automatic_top_up();
    assert_eq!(world.spend_with(200, automatic), []);
    for (key, balance) in [("auto-1", 700), ("auto-2", 1_000)] {
        for _ in 0..2 {
            let key = key.parse().unwrap();
            wait(world.guard.top_up_automatically(&account(), key, cents(300))).unwrap();
        }
        let told = Notice::ToppedUpAutomatically { amount: cents(300), balance: cents(balance) };
        assert_eq!(world.heard.lock().unwrap().last(), Some(&told));
    }
    assert_eq!(world.heard.lock().unwrap().len(), 2);
}

#[test]
fn a_cap_is_told_of_once_per_share_and_period() {
    let world = World::new(NoticeRules::new().with_cap_spent(80).with_cap_spent(100));
    world.top_up("paid", 10_000);
    let cap =
        Cap::new("key/1".parse().unwrap(), Period::day(), cents(100)).with_label("Test key".parse().unwrap());
    let caps = Caps::new([cap]).unwrap();
    let charge = |minor: u32| {
        world.receipt(&Job::new("cents").exact("cents", minor).with_caps(caps.clone())).notices().to_vec()
    };
    let told = |percent, used| Notice::CapNearlyReached {
        label: Some("Test key".parse().unwrap()),
        percent,
        used: cents(used),
        limit: cents(100),
        resets_at: Some(Period::day().end_of(Period::day().start_of(world.clock.now()))),
    };
    assert_eq!(charge(79), []);
    // Work that is given back is not told of; what it charged is, with the next request.
    let job = || Job::new("cents").at_most("cents", 15_u32).with_caps(caps.clone());
    let mut hold = wait(world.guard.hold(&account(), job())).unwrap();
    assert_eq!(hold.notices(), []);
    wait(hold.void()).unwrap();
    let mut hold = wait(world.guard.hold(&account(), job())).unwrap();
    assert_eq!(wait(hold.capture(&Usage::new().with("cents", 5_u32))).unwrap().notices(), []);
    let hold = wait(world.guard.hold(&account(), job())).unwrap();
    assert_eq!(hold.notices(), [told(80, 84)]);
    drop(hold);
    assert_eq!(charge(3), []);
    assert_eq!(charge(13), [told(100, 100)]);
    world.clock.advance(DAY);
    let again = charge(100);
    assert!(matches!(again[..], [Notice::CapNearlyReached { percent: 100, .. }]), "{again:?}");
}

#[test]
fn a_rolling_cap_counts_all_that_is_in_its_window() {
    let world = World::new(NoticeRules::new().with_cap_spent(80));
    world.top_up("paid", 10_000);
    let week = Period::rolling(7 * DAY).unwrap();
    let caps = Caps::new([Cap::new("team".parse().unwrap(), week, cents(100))]).unwrap();
    let mut told = Vec::new();
    for day in 0..21 {
        let job = Job::new("cents").exact("cents", 12_u32).with_caps(caps.clone());
        if !world.receipt(&job).notices().is_empty() {
            told.push(day);
        }
        world.clock.advance(DAY);
    }
    // 12 a day are 84 in a window of seven: told when it first is, and while what was told of is in view not again.
    assert_eq!(told[0], 6);
    assert!(told.windows(2).all(|pair| pair[1] - pair[0] >= 7), "{told:?}");
}

#[test]
fn credit_that_will_end_is_told_of_with_the_first_reply_in_time() {
    let world = World::new(NoticeRules::new().with_credit_ending(3 * DAY));
    let ends_at = world.clock.now().saturating_add(10 * DAY);
    let terms = GrantTerms::promotional().ending_at(ends_at).with_label("Welcome".parse().unwrap());
    wait(world.guard.grant(&account(), "g".parse().unwrap(), terms, cents(500))).unwrap();
    world.top_up("paid", 500);
    world.clock.advance(6 * DAY);
    assert_eq!(world.spend(10), []);
    world.clock.advance(DAY);
    let told = |remaining| Notice::CreditEndsSoon {
        label: Some("Welcome".parse().unwrap()),
        remaining: cents(remaining),
        ends_at,
    };
    assert_eq!(world.spend(10), [told(480)]);
    assert_eq!(world.spend(10), []);
    // A reply has told of it, so time alone does not.
    let since = Timestamp::from_micros(0);
    assert_eq!(wait(world.guard.notices_since(&account(), since)).unwrap(), []);
}

#[test]
fn time_alone_tells_of_credit_and_holds_that_end_soon_once() {
    let rules = NoticeRules::new().with_credit_ending(3 * DAY).with_hold_ending(Duration::from_secs(60));
    let world = World::new(rules);
    let begun = world.clock.now();
    let ends_at = begun.saturating_add(10 * DAY);
    let terms = GrantTerms::promotional().ending_at(ends_at);
    wait(world.guard.grant(&account(), "g".parse().unwrap(), terms, cents(500))).unwrap();
    let job = |lifetime| Job::new("cents").at_most("cents", 10_u32).with_lifetime(lifetime);
    let long = wait(world.guard.hold(&account(), job(Duration::from_secs(300)))).unwrap();
    // Made for less than a minute, so that it ends within one is no news.
    let short = wait(world.guard.hold(&account(), job(Duration::from_secs(50)))).unwrap();
    let mut since = begun;
    let mut look = || {
        let seen = since;
        since = world.clock.now();
        wait(world.guard.notices_since(&account(), seen)).unwrap()
    };
    assert_eq!(look(), []);
    world.clock.advance(Duration::from_secs(239));
    assert_eq!(look(), []);
    world.clock.advance(Duration::from_secs(1));
    let ends = begun.saturating_add(Duration::from_secs(300));
    assert_eq!(look(), [Notice::HoldEndsSoon { key: long.key().clone(), ends_at: ends }]);
    assert_eq!(look(), []);
    world.clock.advance(7 * DAY);
    let told = look();
    assert!(matches!(told[..], [Notice::CreditEndsSoon { ends_at: at, .. }] if at == ends_at), "{told:?}");
    assert_eq!(look(), []);
    assert_eq!(world.heard.lock().unwrap().len(), 2);
    drop((long, short));
}

#[test]
fn across_threads_and_guards_each_crossing_is_told_once() {
    let world = World::new(low_at(&[900, 500, 100]));
    world.top_up("paid", 1_000);
    let told: Vec<Notice> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|node: u32| {
                let guard = guard_over(&world.ledger, low_at(&[900, 500, 100]), &world.heard);
                scope.spawn(move || {
                    let mut told = Vec::new();
                    for turn in 0..40_u32 {
                        let mut hold =
                            wait(guard.hold(&account(), Job::new("cents").at_most("cents", 10_u32))).unwrap();
                        let used = u32::from((turn + node).is_multiple_of(2)) * 6;
                        told.extend(hold.notices());
                        let receipt = wait(hold.capture(&Usage::new().with("cents", used))).unwrap();
                        told.extend_from_slice(receipt.notices());
                    }
                    told
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let mut thresholds: Vec<i64> = told
        .iter()
        .map(|notice| match notice {
            Notice::LowBalance { threshold, balance } => {
                assert!(balance.minor() < threshold.minor());
                threshold.minor()
            }
            other => panic!("{other:?}"),
        })
        .collect();
    thresholds.sort_unstable();
    assert_eq!(thresholds, [100, 500, 900]);
}

#[derive(Clone, Copy, Debug)]
enum Step {
    TopUp(i64),
    Adjust(i64),
    Charge(i64),
    HoldAndVoid(i64),
    HoldAndCapture(i64, i64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        2 => (1..400_i64).prop_map(Step::TopUp),
        2 => (-60..60_i64).prop_filter("not zero", |amount| *amount != 0).prop_map(Step::Adjust),
        6 => (0..120_i64).prop_map(Step::Charge),
        2 => (0..300_i64).prop_map(Step::HoldAndVoid),
        4 => (0..200_i64, 0..200_i64).prop_map(|(hold, used)| Step::HoldAndCapture(hold, used)),
    ];
    prop::collection::vec(step, 1..60)
}

proptest! {
    /// What is told is what a bookkeeper would tell who keeps a flag for each threshold: raised when credit lifts the balance to
    /// it by a tenth of the balance at once, or a tenth of the balance above it; lowered when it is told of.
    #[test]
    fn it_is_told_as_with_a_flag_for_each_threshold(
        steps in steps(),
        thresholds in prop::collection::btree_set(1..600_i64, 1..5),
    ) {
        let thresholds: Vec<i64> = thresholds.into_iter().rev().collect();
        let world = World::new(low_at(&thresholds));
        let (mut balance, mut raised) = (0_i64, vec![false; thresholds.len()]);
        for (number, step) in steps.into_iter().enumerate() {
            let key = || format!("k-{number}").parse().unwrap();
            let mut told = Vec::new();
            let mut credit = 0;
            match step {
                Step::TopUp(amount) => {
                    world.top_up(&format!("t-{number}"), amount);
                    credit = amount;
                }
                Step::Adjust(amount) => {
                    wait(world.ledger.adjust(&account(), key(), cents(amount))).unwrap();
                    credit = amount;
                }
                Step::Charge(amount) => {
                    let amount = amount.min(balance.max(0));
                    told = world.spend(u32::try_from(amount).unwrap());
                    credit = -amount;
                }
                Step::HoldAndVoid(amount) => {
                    let amount = u32::try_from(amount.min(balance.max(0))).unwrap();
                    let mut hold = wait(world.guard.hold(&account(), Job::new("cents").at_most("cents", amount))).unwrap();
                    told.extend(hold.notices());
                    wait(hold.void()).unwrap();
                }
                Step::HoldAndCapture(amount, used) => {
                    let amount = amount.min(balance.max(0));
                    let job = Job::new("cents").at_most("cents", u32::try_from(amount).unwrap());
                    let mut hold = wait(world.guard.hold(&account(), job)).unwrap();
                    told.extend(hold.notices());
                    let used = Usage::new().with("cents", u32::try_from(used.min(amount)).unwrap());
                    let receipt = wait(hold.capture(&used)).unwrap();
                    told.extend_from_slice(receipt.notices());
                    credit = -receipt.charged().minor();
                }
            }
            balance += credit;
            if credit > 0 {
                for (flag, threshold) in raised.iter_mut().zip(&thresholds) {
                    let margin = balance.max(0) / 10;
                    let at_once = credit >= margin && balance >= *threshold;
                    *flag |= at_once || balance - margin >= *threshold;
                }
            }
            // What the host books on its own account tells nobody; the next work does, a hold with its first reply.
            let replies = match step {
                Step::TopUp(_) | Step::Adjust(_) => vec![],
                Step::Charge(_) => vec![balance],
                Step::HoldAndVoid(_) | Step::HoldAndCapture(..) => vec![balance - credit, balance],
            };
            let mut expected = Vec::new();
            for balance in replies {
                for (flag, threshold) in raised.iter_mut().zip(&thresholds) {
                    if *flag && balance < *threshold {
                        *flag = false;
                        expected.push(low(*threshold, balance));
                    }
                }
            }
            prop_assert_eq!(told, expected, "{:?} to {}", step, balance);
        }
    }
}
