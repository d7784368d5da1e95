//! Grants and spend caps as a service meets them: through the guard.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use billing_guard::{
    AccountId, Amount, Cap, Caps, Clock, Enforcement, Error, GrantTerms, Guard, IdempotencyKey, Job,
    ManualClock, MemorySettings, Period, Policy, PriceBook, RefusalKind, SetupError, Tariff, Unit, Usage,
    wait,
};

fn usd() -> Unit {
    Unit::new("USD", 6).unwrap()
}

fn dollars(text: &str) -> Amount {
    usd().amount(text).unwrap()
}

fn account() -> AccountId {
    AccountId::new("acct_1").unwrap()
}

fn key(text: &str) -> IdempotencyKey {
    text.parse().unwrap()
}

/// One cent a row.
fn up_to(rows: u64) -> Job {
    Job::new("query").at_most("rows", rows)
}

fn rows(count: u64) -> Usage {
    Usage::new().with("rows", count)
}

/// With ten dollars paid in, at the clock's first moment: midnight.
fn guard(policy: Policy) -> (Guard, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new());
    let ledger = Arc::new(billing_guard::MemoryLedger::with_clock(MemorySettings::new(), clock.clone()));
    let prices =
        PriceBook::new(usd()).with("query", Tariff::new().per_unit("rows", "0.01").unwrap()).unwrap();
    let guard = Guard::builder(ledger, prices).policy(policy).build().unwrap();
    wait(guard.top_up(&account(), key("payment"), dollars("10"))).unwrap();
    (guard, clock)
}

fn daily(scope: &str, limit: &str) -> Cap {
    Cap::new(scope.parse().unwrap(), Period::day(), dollars(limit))
}

fn caps(caps: impl IntoIterator<Item = Cap>) -> Caps {
    Caps::new(caps).unwrap()
}

fn available(guard: &Guard) -> Amount {
    wait(guard.balance(&account())).unwrap().available()
}

#[test]
fn a_reached_cap_is_402_names_its_label_and_reset_and_asks_nobody_to_pay() {
    let (guard, clock) = guard(Policy::new());
    let job = || up_to(60).with_caps(caps([daily("key/7f3a", "1").with_label("Test key".parse().unwrap())]));
    let mut first = wait(guard.hold(&account(), job())).unwrap();
    let error = wait(guard.hold(&account(), job())).unwrap_err();
    let Error::SpendCapReached(reached) = &error else { panic!("{error:?}") };
    assert_eq!((reached.left(), reached.held()), (dollars("0.4"), dollars("0.6")));
    let answer = guard.render(&error);
    assert_eq!((answer.status(), answer.header("x-should-retry")), (402, Some("false")));
    let body = String::from_utf8(answer.body().to_vec()).unwrap();
    assert!(body.contains("SpendCapReachedError") && body.contains("40204"), "{body}");
    assert!(body.contains("Test key") && body.contains("2026-01-02 00:00 UTC"), "{body}");
    assert!(!body.contains("recharge") && !body.contains("7f3a"), "{body}");
    assert_eq!(error.refusal().kind(), RefusalKind::SpendCapReached);
    assert!(error.log_fields().iter().any(|(name, value)| *name == "scope" && value == "key/7f3a"));
    // What was not needed is free under the cap again.
    wait(first.capture(&rows(10))).unwrap();
    let second = wait(guard.hold(&account(), job())).unwrap();
    drop(second);
    clock.advance(Duration::from_secs(86_400));
    let _ = wait(guard.hold(&account(), up_to(100).with_caps(caps([daily("key/7f3a", "1")])))).unwrap();
}

/// Keeps a hold open after its handle has gone.
trait Forget {
    fn forget(self);
}

impl Forget for billing_guard::Hold {
    fn forget(self) {
        std::mem::forget(self);
    }
}

#[test]
fn caps_of_the_plan_and_of_the_job_both_hold() {
    let (guard, _) = guard(Policy::new().with_caps(caps([daily("account", "2")])));
    let of_key = |name: &str| up_to(90).with_caps(caps([daily(name, "1")]));
    wait(guard.hold(&account(), of_key("one"))).unwrap().forget();
    wait(guard.hold(&account(), of_key("two"))).unwrap().forget();
    let scope = |error: Error| match error {
        Error::SpendCapReached(reached) => reached.scope().to_string(),
        other => panic!("{other:?}"),
    };
    assert_eq!(scope(wait(guard.hold(&account(), of_key("three"))).unwrap_err()), "account");
    assert_eq!(
        scope(wait(guard.hold(&account(), up_to(101).with_caps(caps([daily("four", "1")])))).unwrap_err()),
        "account"
    );
    // The job's own cap is looked at after the plan's.
    assert_eq!(
        scope(wait(guard.hold(&account(), up_to(20).with_caps(caps([daily("one", "1")])))).unwrap_err()),
        "one"
    );
    // The same scope and period twice is a mistake of the host's.
    let twice = wait(guard.hold(&account(), up_to(1).with_caps(caps([daily("account", "1")])))).unwrap_err();
    assert!(matches!(twice, Error::InvalidJob { .. }), "{twice:?}");
}

#[test]
fn work_that_can_shrink_shrinks_to_what_a_cap_has_left() {
    let (guard, _) = guard(Policy::new());
    let job = up_to(100).down_to("rows", 10_u64).with_caps(caps([daily("key", "0.4")]));
    let hold = wait(guard.hold(&account(), job)).unwrap();
    assert_eq!((hold.amount(), hold.covers("rows")), (dollars("0.4"), 40_u64.into()));
}

#[test]
fn an_observing_guard_reports_a_cap_and_lets_the_work_run() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    let prices =
        PriceBook::new(usd()).with("query", Tariff::new().per_unit("rows", "0.01").unwrap()).unwrap();
    let ledger = Arc::new(billing_guard::MemoryLedger::new());
    let guard = Guard::builder(ledger, prices)
        .policy(Policy::new().with_enforcement(Enforcement::Observe))
        .observer(move |_, error| log.lock().unwrap().push(error.refusal().kind()))
        .build()
        .unwrap();
    wait(guard.top_up(&account(), key("payment"), dollars("10"))).unwrap();
    let hold = wait(guard.hold(&account(), up_to(200).with_caps(caps([daily("key", "1")])))).unwrap();
    assert!(hold.observed().is_some());
    assert_eq!(*seen.lock().unwrap(), [RefusalKind::SpendCapReached]);
}

#[test]
fn a_plan_with_a_cap_in_another_unit_or_below_nothing_is_named_when_the_guard_is_built() {
    let (guard, _) = guard(Policy::new());
    let eur = Unit::new("EUR", 2).unwrap().minor(5);
    let cap = |limit| caps([Cap::new("key".parse().unwrap(), Period::day(), limit)]);
    let wrong = guard.with_policy(Policy::new().with_caps(cap(eur))).unwrap_err();
    assert!(matches!(wrong, SetupError::WrongUnit { what: "limit of a cap", .. }), "{wrong:?}");
    let negative = guard.with_policy(Policy::new().with_caps(cap(dollars("-1")))).unwrap_err();
    assert!(matches!(negative, SetupError::Invalid { what: "limit of a cap", .. }), "{negative:?}");
}

#[test]
fn given_credit_is_used_before_bought_credit_and_comes_back_to_where_it_was() {
    let (guard, clock) = guard(Policy::new());
    let end = clock.now().saturating_add(Duration::from_secs(3_600));
    let welcome = GrantTerms::promotional().with_label("Welcome".parse().unwrap()).ending_at(end);
    wait(guard.grant(&account(), key("welcome"), welcome.clone(), dollars("2"))).unwrap();
    assert!(wait(guard.grant(&account(), key("welcome"), welcome, dollars("2"))).unwrap().is_replay());
    let mut hold = wait(guard.hold(&account(), up_to(500))).unwrap();
    wait(hold.capture(&rows(150))).unwrap();
    let balance = wait(guard.balance(&account())).unwrap();
    assert_eq!(balance.plain(), dollars("10"));
    assert_eq!(balance.grants()[0].remaining(), dollars("0.5"));
    clock.advance(Duration::from_secs(3_600));
    assert_eq!(available(&guard), dollars("10"));
}

#[test]
fn a_courtesy_is_given_once_in_its_period() {
    let (guard, clock) = guard(Policy::new());
    let finish = GrantTerms::courtesy("Finish your work".parse().unwrap(), Period::month());
    wait(guard.grant(&account(), key("c1"), finish.clone(), dollars("0.5"))).unwrap();
    assert!(wait(guard.grant(&account(), key("c1"), finish.clone(), dollars("0.5"))).unwrap().is_replay());
    let again = wait(guard.grant(&account(), key("c2"), finish.clone(), dollars("0.5"))).unwrap_err();
    assert!(matches!(again, Error::Misconfigured(_)), "{again:?}");
    assert!(again.log_fields().contains(&("again_at", "2026-02-01T00:00:00.000000Z".to_owned())));
    assert_eq!(available(&guard), dollars("10.5"));
    clock.advance(Duration::from_secs(31 * 86_400));
    wait(guard.grant(&account(), key("c2"), finish, dollars("0.5"))).unwrap();
    assert_eq!(available(&guard), dollars("11"));
}
