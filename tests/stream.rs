//! Streams: a hold grows while it is used, covers all that is delivered, and ends cleanly when nothing is left.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

#[path = "stream/away.rs"]
mod away;
#[path = "stream/books.rs"]
mod books;
#[path = "stream/dropped.rs"]
mod dropped;
#[path = "stream/ended.rs"]
mod ended;
#[path = "stream/growing.rs"]
mod growing;
#[path = "stream/shared.rs"]
mod shared;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use away::{Away, DOWN, MUTE, UP};
use billing_guard::{
    AccountId, Amount, Cap, Caps, Cover, Enforcement, Error, Guard, HoldsRequest, Job, Ledger, LedgerExt,
    MemoryLedger, NoticeRules, Period, Policy, PriceBook, RefusalKind, ResizeRequest, Tariff, Unit, Usage,
    wait,
};
use proptest::prelude::*;

fn usd() -> Unit {
    Unit::new("USD", 2).unwrap()
}

fn cents(minor: i64) -> Amount {
    usd().minor(minor)
}

fn account() -> AccountId {
    AccountId::new("acct_1").unwrap()
}

/// A guard that sells words for a cent each, over a ledger with so much on the account.
fn guard_with(funds: i64, policy: Policy) -> (Arc<dyn Ledger>, Guard) {
    let ledger: Arc<dyn Ledger> = Arc::new(MemoryLedger::new());
    let guard = guard_over(&ledger, policy);
    if funds > 0 {
        wait(guard.top_up(&account(), "funds".parse().unwrap(), cents(funds))).unwrap();
    }
    (ledger, guard)
}

fn guard_over(ledger: &Arc<dyn Ledger>, policy: Policy) -> Guard {
    Guard::builder(Arc::clone(ledger), PriceBook::new(usd()))
        .price("answer", Tariff::new().per_unit("words", "0.01").unwrap())
        .policy(policy)
        .build()
        .unwrap()
}

fn words(count: u64) -> Usage {
    Usage::new().with("words", count)
}

/// Up to a thousand words, begun with ten.
fn answer() -> Job {
    Job::new("answer").at_most("words", 1_000_u64).beginning_with("words", 10_u64)
}

fn balance(guard: &Guard) -> (i64, i64) {
    let balance = wait(guard.balance(&account())).unwrap();
    (balance.posted().minor(), balance.held().minor())
}

#[test]
fn within_the_hold_nothing_is_asked_and_beyond_it_grows_by_half_of_what_is_needed() {
    let (_, guard) = guard_with(1_000, Policy::new());
    let mut hold = wait(guard.hold(&account(), answer())).unwrap();
    assert_eq!(balance(&guard), (1_000, 10));
    let seq = |guard: &Guard| wait(guard.balance(&account())).unwrap().seq();
    let begun = seq(&guard);
    for left in (0..10).rev() {
        assert_eq!(wait(hold.spend(&words(1))).unwrap(), Cover::Within { left: cents(left) });
    }
    assert_eq!(seq(&guard), begun);
    // 11 are needed: 16 are held.
    assert_eq!(wait(hold.spend(&words(1))).unwrap(), Cover::Within { left: cents(5) });
    assert_eq!((seq(&guard), hold.amount()), (begun + 1, cents(16)));
    // A large step is covered at once.
    assert_eq!(wait(hold.spend(&words(289))).unwrap(), Cover::Within { left: cents(150) });
    // Not beyond what the job said at most, unless that is used.
    assert_eq!(wait(hold.spend(&words(600))).unwrap(), Cover::Within { left: cents(100) });
    assert_eq!(hold.amount(), cents(1_000));
    assert_eq!(wait(hold.capture_recorded()).unwrap().charged(), cents(900));
    assert_eq!(balance(&guard), (100, 0));
}

#[test]
fn a_whole_answer_needs_few_extensions() {
    let (_, guard) = guard_with(10_000, Policy::new());
    let mut hold = wait(guard.hold(&account(), answer())).unwrap();
    for _ in 0..1_000 {
        assert!(matches!(wait(hold.spend(&words(1))).unwrap(), Cover::Within { .. }));
    }
    let state = wait(guard.ledger().holds(HoldsRequest::new(account()))).unwrap();
    // From 10 to 1,000 by half again each time.
    assert!(state.holds()[0].rev() <= 13, "{}", state.holds()[0].rev());
    assert_eq!(wait(hold.capture_recorded()).unwrap().uncollected(), cents(0));
}

#[test]
fn what_is_there_is_used_to_the_last_and_then_it_ends() {
    let (_, guard) = guard_with(25, Policy::new());
    let mut hold = wait(guard.hold(&account(), answer())).unwrap();
    let mut delivered = 0;
    let why = loop {
        match wait(hold.spend(&words(1))).unwrap() {
            Cover::Within { .. } => delivered += 1,
            Cover::Exhausted(why) => break why,
        }
    };
    assert_eq!(delivered, 25);
    assert!(matches!(*why, Error::InsufficientBalance(_)), "{why:?}");
    assert_eq!(why.refusal().kind(), RefusalKind::InsufficientBalance);
    // Asking for more again changes nothing, a smaller piece neither; nothing of it is recorded.
    assert!(matches!(wait(hold.spend(&words(2))).unwrap(), Cover::Exhausted(_)));
    assert_eq!(hold.recorded(), words(25));
    // A top-up on the way, and it goes on.
    wait(guard.top_up(&account(), "more".parse().unwrap(), cents(5))).unwrap();
    assert_eq!(wait(hold.spend(&words(2))).unwrap(), Cover::Within { left: cents(3) });
    let receipt = wait(hold.capture_recorded()).unwrap();
    assert_eq!((receipt.charged(), receipt.uncollected()), (cents(27), cents(0)));
    assert_eq!(balance(&guard), (3, 0));
}

#[test]
fn what_other_work_holds_is_in_use_and_not_gone() {
    let (_, guard) = guard_with(30, Policy::new());
    let hold = wait(guard.hold(&account(), answer())).unwrap();
    let other = wait(guard.hold(&account(), Job::new("answer").at_most("words", 20_u64))).unwrap();
    assert!(matches!(wait(hold.spend(&words(10))).unwrap(), Cover::Within { .. }));
    let Cover::Exhausted(why) = wait(hold.spend(&words(1))).unwrap() else { panic!() };
    assert_eq!(why.refusal().kind(), RefusalKind::BalanceHeld);
    drop(other);
    assert!(matches!(wait(hold.spend(&words(1))).unwrap(), Cover::Within { .. }));
}

#[test]
fn budgets_the_largest_request_caps_and_the_debt_limit_hold_for_growth() {
    let exhausted = |policy: Policy, job: Job| {
        let (_, guard) = guard_with(100, policy);
        let mut hold = wait(guard.hold(&account(), job)).unwrap();
        let mut delivered = 0;
        loop {
            match wait(hold.spend(&words(1))).unwrap() {
                Cover::Within { .. } => delivered += 1,
                Cover::Exhausted(why) => {
                    let receipt = wait(hold.capture_recorded()).unwrap();
                    assert_eq!((receipt.charged(), receipt.uncollected()), (cents(delivered), cents(0)));
                    return (delivered, why.refusal().kind());
                }
            }
        }
    };
    let plain = Policy::new;
    assert_eq!(exhausted(plain(), answer().with_budget(cents(37))), (37, RefusalKind::BudgetExceeded));
    let largest = plain().with_largest_request(cents(41));
    assert_eq!(exhausted(largest, answer()), (41, RefusalKind::RequestTooLarge));
    let cap = Cap::new("key/1".parse().unwrap(), Period::day(), cents(53));
    let capped = answer().with_caps(Caps::new([cap]).unwrap());
    assert_eq!(exhausted(plain(), capped), (53, RefusalKind::SpendCapReached));
    let indebted = plain().with_debt_limit(cents(20));
    assert_eq!(exhausted(indebted, answer()), (120, RefusalKind::InsufficientBalance));
}

#[test]
fn a_hold_that_was_shrunk_to_the_balance_grows_when_there_is_more() {
    let (_, guard) = guard_with(25, Policy::new());
    let job = Job::new("answer").at_most("words", 1_000_u64).down_to("words", 5_u64);
    let hold = wait(guard.hold(&account(), job)).unwrap();
    assert_eq!(hold.amount(), cents(25));
    assert!(matches!(wait(hold.spend(&words(26))).unwrap(), Cover::Exhausted(_)));
    wait(guard.top_up(&account(), "more".parse().unwrap(), cents(100))).unwrap();
    assert_eq!(wait(hold.spend(&words(26))).unwrap(), Cover::Within { left: cents(13) });
}

#[test]
fn a_hold_that_somebody_else_changed_is_seen_as_it_is() {
    let (ledger, guard) = guard_with(1_000, Policy::new());
    let hold = wait(guard.hold(&account(), answer())).unwrap();
    let resize = ResizeRequest::new(account(), hold.key().clone(), 1).with_total(cents(200));
    wait(ledger.resize(resize)).unwrap();
    assert_eq!(wait(hold.spend(&words(11))).unwrap(), Cover::Within { left: cents(189) });
    // And one that is gone is lost, with nothing recorded.
    wait(ledger.void_hold(&account(), hold.key().clone())).unwrap();
    assert!(matches!(wait(hold.spend(&words(500))), Err(Error::HoldLost(_))));
    assert_eq!(hold.recorded(), words(11));
}

#[test]
fn a_lifetime_half_of_which_is_over_is_renewed() {
    let (ledger, guard) = guard_with(1_000, Policy::new().with_lifetime(Duration::from_millis(400)));
    let hold = wait(guard.hold(&account(), answer())).unwrap();
    let ends_at = || wait(ledger.holds(HoldsRequest::new(account()))).unwrap().holds()[0].ends_at();
    let before = ends_at();
    wait(hold.spend(&words(1))).unwrap();
    assert_eq!(ends_at(), before);
    std::thread::sleep(Duration::from_millis(220));
    wait(hold.spend(&words(1))).unwrap();
    assert!(ends_at() > before);
}

#[test]
fn a_lifetime_that_cannot_be_renewed_since_the_hold_is_gone_is_told_each_time() {
    let (ledger, guard) = guard_with(1_000, Policy::new().with_lifetime(Duration::from_millis(400)));
    let hold = wait(guard.hold(&account(), answer())).unwrap();
    wait(hold.spend(&words(2))).unwrap();
    wait(ledger.void_hold(&account(), hold.key().clone())).unwrap();
    std::thread::sleep(Duration::from_millis(220));
    for _ in 0..3 {
        assert!(matches!(wait(hold.spend(&words(1))), Err(Error::HoldLost(_))));
    }
    assert_eq!(hold.recorded(), words(2));
}

#[test]
fn while_the_ledger_is_away_what_is_covered_goes_on_and_more_is_unavailable() {
    let away = Arc::new(Away::default());
    let ledger: Arc<dyn Ledger> = away.clone();
    let guard = guard_over(&ledger, Policy::new().with_lifetime(Duration::from_millis(400)));
    wait(guard.top_up(&account(), "funds".parse().unwrap(), cents(1_000))).unwrap();
    let mut hold = wait(guard.hold(&account(), answer())).unwrap();
    std::thread::sleep(Duration::from_millis(210));
    for (how, recorded) in [(DOWN, 1), (MUTE, 2)] {
        away.how.store(how, Ordering::SeqCst);
        // It would be renewed, and goes on without.
        assert!(matches!(wait(hold.spend(&words(1))).unwrap(), Cover::Within { .. }));
        let more = wait(hold.spend(&words(20))).unwrap_err();
        assert!(matches!(more, Error::Unavailable { .. } | Error::OutcomeUnknown { .. }), "{more:?}");
        assert_eq!(hold.recorded(), words(recorded));
    }
    away.how.store(UP, Ordering::SeqCst);
    // It grew unheard of; what it covers is seen now.
    assert!(matches!(wait(hold.spend(&words(20))).unwrap(), Cover::Within { .. }));
    assert_eq!(wait(hold.capture_recorded()).unwrap().charged(), cents(22));
    assert_eq!(balance(&guard), (978, 0));
}

#[test]
fn an_observing_guard_covers_everything() {
    let (_, guard) = guard_with(0, Policy::new().with_enforcement(Enforcement::Observe));
    let hold = wait(guard.hold(&account(), answer())).unwrap();
    assert!(hold.observed().is_some());
    for _ in 0..50 {
        assert!(matches!(wait(hold.spend(&words(100))).unwrap(), Cover::Within { .. }));
    }
    assert_eq!(hold.recorded(), words(5_000));
}

#[test]
fn a_beginning_needs_a_bound_that_it_does_not_exceed() {
    let (_, guard) = guard_with(100, Policy::new());
    for (job, named) in [
        (Job::new("answer").exact("words", 5_u64).beginning_with("words", 1_u64), "needs a bound"),
        (Job::new("answer").beginning_with("words", 1_u64), "needs a bound"),
        (Job::new("answer").at_most("words", 5_u64).beginning_with("words", 6_u64), "exceed its bound"),
    ] {
        let error = wait(guard.hold(&account(), job)).unwrap_err();
        assert!(error.to_string().contains(named), "{error}");
        assert!(error.log_fields().iter().any(|(_, value)| value.contains("words")), "{error:?}");
    }
}

#[test]
fn notices_of_growth_are_on_the_hold() {
    let policy = Policy::new().with_notices(NoticeRules::new().with_low_balance(cents(500)));
    let (ledger, guard) = guard_with(600, policy);
    let hold = wait(guard.hold(&account(), answer())).unwrap();
    // The host takes something back meanwhile; the next work tells.
    wait(ledger.adjust(&account(), "back".parse().unwrap(), cents(-200))).unwrap();
    assert_eq!(hold.notices().len(), 0);
    wait(hold.spend(&words(20))).unwrap();
    assert_eq!(hold.notices().len(), 1);
}

#[test]
fn notices_of_a_renewal_are_on_the_hold() {
    let rules = NoticeRules::new().with_low_balance(cents(500));
    let (ledger, guard) =
        guard_with(600, Policy::new().with_notices(rules).with_lifetime(Duration::from_millis(400)));
    let hold = wait(guard.hold(&account(), answer())).unwrap();
    wait(ledger.adjust(&account(), "back".parse().unwrap(), cents(-200))).unwrap();
    std::thread::sleep(Duration::from_millis(220));
    assert_eq!(wait(hold.spend(&words(1))).unwrap(), Cover::Within { left: cents(9) });
    assert_eq!(hold.notices().len(), 1);
}

/// Gives a future one poll, and drops it.
fn poll_once<F: Future>(future: F) -> std::task::Poll<F::Output> {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    std::pin::pin!(future).as_mut().poll(&mut context)
}

#[test]
fn many_streams_at_once_deliver_exactly_what_is_there() {
    let (_, guard) = guard_with(5_000, Policy::new());
    let stop = AtomicBool::new(false);
    let delivered: i64 = std::thread::scope(|scope| {
        let (guard, stop) = (&guard, &stop);
        let threads: Vec<_> = (0..8)
            .map(|thread: u64| {
                scope.spawn(move || {
                    let mut delivered = 0;
                    while !stop.load(Ordering::Relaxed) {
                        let Ok(mut hold) = wait(guard.hold(&account(), answer())) else { break };
                        for step in 0..200 {
                            // Now and then somebody goes away while the hold grows.
                            if step % 50 == thread {
                                let _ = poll_once(hold.spend(&words(1)));
                            } else if let Cover::Exhausted(_) = wait(hold.spend(&words(1))).unwrap() {
                                stop.store(true, Ordering::Relaxed);
                                break;
                            }
                        }
                        let receipt = wait(hold.capture_recorded()).unwrap();
                        assert_eq!(receipt.uncollected(), cents(0));
                        assert_eq!(words(u64::try_from(receipt.charged().minor()).unwrap()), hold.recorded());
                        delivered += receipt.charged().minor();
                    }
                    delivered
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(balance(&guard), (5_000 - delivered, 0));
    assert!(delivered <= 5_000);
}

proptest! {
    /// Whatever the steps, what is charged is what was within, never more than there is, and growth stops only where one more
    /// piece does not fit.
    #[test]
    fn all_that_is_within_is_paid_for(
        funds in 0_i64..400, first in 0_u64..50, most in 50_u64..300, pieces in prop::collection::vec(0_u64..60, 0..40),
    ) {
        let (_, guard) = guard_with(funds, Policy::new());
        let job = Job::new("answer").at_most("words", most).beginning_with("words", first);
        let fits = i64::try_from(first).unwrap() <= funds;
        let held = wait(guard.hold(&account(), job));
        prop_assert_eq!(held.is_ok(), fits);
        let Ok(mut hold) = held else { return Ok(()) };
        let mut delivered = 0;
        for piece in pieces {
            let piece_cents = i64::try_from(piece).unwrap();
            match wait(hold.spend(&words(piece))).unwrap() {
                Cover::Within { left } => {
                    delivered += piece_cents;
                    prop_assert_eq!(left.minor(), hold.amount().minor() - delivered);
                    prop_assert!(left.minor() >= 0 && hold.amount().minor() <= funds);
                }
                Cover::Exhausted(_) => prop_assert!(delivered + piece_cents > funds),
            }
        }
        let receipt = wait(hold.capture_recorded()).unwrap();
        prop_assert_eq!((receipt.charged().minor(), receipt.uncollected().minor()), (delivered, 0));
        prop_assert_eq!(balance(&guard), (funds - delivered, 0));
    }
}
