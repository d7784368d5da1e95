//! What the guard promises, seen from a service that embeds it.
#![allow(clippy::unwrap_used, clippy::missing_errors_doc)]

use std::error::Error as _;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use billing_guard::testing::UnreachableLedger;
use billing_guard::{
    AccountId, Amount, Applied, Balance, BalanceRequest, Cap, Caps, CaptureRequest, Captured, ChargeRef,
    CountersPage, CountersRequest, Enforcement, Entry, EntryKind, Error, FindRequest, Found, GrantTerms,
    Guard, HoldRequest, HoldState, HoldStatus, HoldsPage, HoldsRequest, IdempotencyKey, Job, Ledger,
    LedgerError, LedgerExt, LedgerFuture, Limits, ManualClock, MemoryLedger, Notice, NoticeRules, OnDrop,
    Period, Policy, PostKind, PostRequest, PriceBook, Quantity, Quote, RefusalKind, ResizeRequest,
    SetupError, ShortReason, Statement, StatementRequest, SweepRequest, Swept, Tariff, Unit, Usage,
    VoidRequest, wait,
};
use proptest::prelude::*;

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
    IdempotencyKey::new(text).unwrap()
}

fn rows(count: u64) -> Usage {
    Usage::new().with("rows", count)
}

/// One cent a row.
fn book() -> PriceBook {
    PriceBook::new(usd()).with("query", Tariff::new().per_unit("rows", "0.01").unwrap()).unwrap()
}

fn up_to(count: u64) -> Job {
    Job::new("query").at_most("rows", count)
}

fn guard_over(ledger: Arc<dyn Ledger>, policy: Policy) -> Guard {
    Guard::builder(ledger, book()).policy(policy).build().unwrap()
}

fn funded(balance: &str, policy: Policy) -> Guard {
    let guard = guard_over(Arc::new(MemoryLedger::new()), policy);
    if balance != "0" {
        wait(guard.top_up(&account(), key("funding"), dollars(balance))).unwrap();
    }
    guard
}

/// Available and held.
fn standing(guard: &Guard) -> (Amount, Amount) {
    let balance = wait(guard.balance(&account())).unwrap();
    (balance.available(), balance.held())
}

#[test]
fn a_refusal_leaves_no_trace_and_the_same_key_succeeds_after_a_top_up() {
    let guard = funded("1", Policy::new());
    let job = || up_to(200).with_key(key("req"));
    let error = wait(guard.hold(&account(), job())).unwrap_err();
    let Error::InsufficientBalance(short) = &error else { panic!("{error:?}") };
    assert_eq!((short.reason(), short.missing()), (ShortReason::Empty, dollars("1")));
    assert_eq!(standing(&guard), (dollars("1"), dollars("0")));
    wait(guard.top_up(&account(), key("more"), dollars("1"))).unwrap();
    let hold = wait(guard.hold(&account(), job())).unwrap();
    assert_eq!(hold.amount(), dollars("2"));
}

#[test]
fn a_repeated_key_never_gives_a_second_handle() {
    let guard = funded("10", Policy::new());
    let first = wait(guard.hold(&account(), up_to(100).with_key(key("req")))).unwrap();
    let again = wait(guard.hold(&account(), up_to(100).with_key(key("req")))).unwrap_err();
    let Error::Duplicate { state } = &again else { panic!("{again:?}") };
    assert_eq!((state.status(), state.total()), (HoldStatus::Open, dollars("1")));
    let other = wait(guard.hold(&account(), up_to(101).with_key(key("req")))).unwrap_err();
    assert_eq!(other, Error::KeyConflict { field: "at_most.rows".to_owned() });
    assert_eq!(standing(&guard), (dollars("9"), dollars("1")));
    drop(first);
    let gone = wait(guard.hold(&account(), up_to(100).with_key(key("req")))).unwrap_err();
    assert!(matches!(gone, Error::Duplicate { state } if state.status() == HoldStatus::Voided));
}

#[test]
fn a_price_that_changed_between_a_request_and_its_retry_is_no_conflict() {
    let ledger: Arc<dyn Ledger> = Arc::new(MemoryLedger::new());
    let dear = PriceBook::new(usd()).with("query", Tariff::new().per_unit("rows", "0.02").unwrap()).unwrap();
    let before = guard_over(Arc::clone(&ledger), Policy::new());
    let after = Guard::builder(ledger, dear).build().unwrap();
    wait(before.top_up(&account(), key("funding"), dollars("10"))).unwrap();
    let mut hold = wait(before.hold(&account(), up_to(100).with_key(key("req")))).unwrap();
    let retry = wait(after.hold(&account(), up_to(100).with_key(key("req")))).unwrap_err();
    assert!(matches!(retry, Error::Duplicate { .. }), "{retry:?}");
    // The price when it was held is the price that is charged.
    assert_eq!(wait(hold.capture(&rows(100))).unwrap().charged(), dollars("1"));
}

#[test]
fn work_that_stops_at_what_is_covered_is_paid_in_full() {
    let guard = funded("0.55", Policy::new());
    // All or nothing does not fit; with a floor, what there is is held.
    assert!(wait(guard.hold(&account(), up_to(100))).is_err());
    let mut hold = wait(guard.hold(&account(), up_to(100).down_to("rows", 20_u64))).unwrap();
    assert_eq!((hold.amount(), hold.covers("rows")), (dollars("0.55"), Quantity::from(55_u64)));
    let receipt = wait(hold.capture(&rows(55))).unwrap();
    assert_eq!((receipt.charged(), receipt.uncollected()), (dollars("0.55"), dollars("0")));
    assert!(wait(guard.hold(&account(), up_to(100).down_to("rows", 1_u64))).is_err());
}

#[test]
fn work_beyond_the_hold_is_charged_as_far_as_the_balance_goes() {
    let guard = funded("1.5", Policy::new());
    let mut hold = wait(guard.hold(&account(), up_to(100))).unwrap();
    let receipt = wait(hold.capture(&rows(180))).unwrap();
    assert_eq!((receipt.charged(), receipt.uncollected()), (dollars("1.5"), dollars("0.3")));
    let strict = funded("5", Policy::new().with_over_capture(billing_guard::OverCapture::Reject));
    let mut hold = wait(strict.hold(&account(), up_to(100))).unwrap();
    assert!(matches!(
        wait(hold.capture(&rows(101))),
        Err(Error::Misconfigured(LedgerError::OverCapture { .. }))
    ));
    // The hold stands, and takes a capture that fits.
    assert_eq!(wait(hold.capture(&rows(100))).unwrap().charged(), dollars("1"));
    let mut hold = wait(strict.hold(&account(), up_to(100))).unwrap();
    assert!(wait(hold.capture(&rows(101))).is_err());
    drop(hold);
    assert_eq!(standing(&strict), (dollars("3"), dollars("0")), "dropped, it takes what was held");
}

#[test]
fn nobody_pays_more_than_the_budget_of_the_request() {
    let guard = funded("5", Policy::new());
    let mut hold = wait(guard.hold(&account(), up_to(100).with_budget(dollars("1.2")))).unwrap();
    let receipt = wait(hold.capture(&rows(150))).unwrap();
    assert_eq!((receipt.charged(), receipt.uncollected()), (dollars("1.2"), dollars("0.3")));
}

#[test]
fn a_capture_that_failed_is_repeated_as_it_was_whatever_was_recorded() {
    let tariff = Tariff::new().fixed("0.25").unwrap();
    let prices = PriceBook::new(usd()).with("call", tariff).unwrap();
    let ledger = InTrouble { captures_down: AtomicU32::new(1), ..InTrouble::default() };
    let guard = Guard::builder(Arc::new(ledger), prices).build().unwrap();
    wait(guard.top_up(&account(), key("funding"), dollars("5"))).unwrap();
    let mut hold = wait(guard.hold(&account(), Job::new("call"))).unwrap();
    assert!(wait(hold.capture(&Usage::new())).is_err());
    drop(hold);
    assert_eq!(standing(&guard), (dollars("4.75"), dollars("0")), "a fixed price is not nothing");
}

#[test]
fn a_capture_repeated_charges_once() {
    let guard = funded("5", Policy::new());
    let mut hold = wait(guard.hold(&account(), up_to(100))).unwrap();
    let first = wait(hold.capture(&rows(40))).unwrap();
    let again = wait(hold.capture(&rows(40))).unwrap();
    assert!(!first.is_replay() && again.is_replay());
    assert_eq!((again.charged(), standing(&guard).0), (dollars("0.4"), dollars("4.6")));
    assert!(matches!(wait(hold.capture(&rows(41))), Err(Error::KeyConflict { field }) if field == "total"));
    assert!(matches!(wait(hold.void()), Err(Error::HoldLost(LedgerError::HoldClosed(_)))));
}

#[test]
fn dropping_a_handle_settles_as_the_job_says() {
    let guard = funded("10", Policy::new());
    let open = |on_drop| wait(guard.hold(&account(), up_to(100).with_on_drop(on_drop))).unwrap();
    drop(open(OnDrop::Settle));
    assert_eq!(standing(&guard), (dollars("10"), dollars("0")), "nothing recorded: given back");
    let hold = open(OnDrop::Settle);
    hold.record(&rows(20)).unwrap();
    hold.record(&rows(5)).unwrap();
    drop(hold);
    assert_eq!(standing(&guard), (dollars("9.75"), dollars("0")), "what was recorded is charged");
    drop(open(OnDrop::CaptureHold));
    assert_eq!(standing(&guard), (dollars("8.75"), dollars("0")), "all of it is charged");
    drop(open(OnDrop::LeaveToExpire));
    assert_eq!(standing(&guard), (dollars("7.75"), dollars("1")), "it stays");
}

#[test]
fn a_panic_in_the_work_charges_what_was_recorded() {
    let guard = funded("10", Policy::new());
    let hold = wait(guard.hold(&account(), up_to(100))).unwrap();
    let work = std::thread::spawn(move || {
        hold.record(&rows(30)).unwrap();
        panic!("the work failed");
    });
    assert!(work.join().is_err());
    assert_eq!(standing(&guard), (dollars("9.7"), dollars("0")));
}

#[test]
fn a_bad_record_or_capture_names_the_quantity_and_changes_nothing() {
    let guard = funded("10", Policy::new());
    let mut hold = wait(guard.hold(&account(), up_to(100))).unwrap();
    hold.record(&rows(10)).unwrap();
    for usage in [Usage::new().with("tokens", 1_u64), Usage::new().with("two words", 1_u64), rows(u64::MAX)] {
        let error = hold.record(&usage).unwrap_err();
        assert_eq!(error.refusal().kind().status(), 500, "{error:?}");
        assert!(wait(hold.capture(&usage)).is_err());
    }
    assert_eq!(hold.recorded(), rows(10));
    drop(hold);
    assert_eq!(
        standing(&guard),
        (dollars("9.9"), dollars("0")),
        "the failed captures did not count as submitted"
    );
}

#[test]
fn jobs_that_contradict_themselves_or_have_no_price_are_refused_by_name() {
    let guard = funded("10", Policy::new());
    let too_many = (0..17).fold(Job::new("query"), |job, i| job.exact(format!("q{i}"), 1_u64));
    for (job, kind, named) in [
        (Job::new("unknown-model"), RefusalKind::UnknownPrice, "unknown-model"),
        (Job::new("query").exact("tokens", 1_u64), RefusalKind::UnknownPrice, "tokens"),
        (Job::new(""), RefusalKind::Misconfigured, "\"\""),
        (Job::new("x".repeat(257)), RefusalKind::Misconfigured, "xxx"),
        (up_to(10).exact("rows", 1_u64), RefusalKind::Misconfigured, "rows"),
        (up_to(10).down_to("rows", 11_u64), RefusalKind::Misconfigured, "rows"),
        (Job::new("query").down_to("rows", 1_u64), RefusalKind::Misconfigured, "rows"),
        (too_many, RefusalKind::Misconfigured, "17"),
        (up_to(u64::MAX), RefusalKind::Misconfigured, "rows"),
        (up_to(1).with_lifetime(Duration::ZERO), RefusalKind::Misconfigured, "0ns"),
        (up_to(1).with_lifetime(Limits::MAX_LIFETIME * 2), RefusalKind::Misconfigured, "5184000s"),
    ] {
        let error = wait(guard.hold(&account(), job)).unwrap_err();
        assert_eq!(error.refusal().kind(), kind, "{error:?}");
        let fields = format!("{:?}", error.log_fields());
        assert!(fields.contains(&named.replace('"', "\\\"")), "{named} is not named in {fields}");
    }
    assert_eq!(standing(&guard), (dollars("10"), dollars("0")));
}

#[test]
fn budgets_and_the_largest_request_are_not_the_customers_balance() {
    let guard = funded("100", Policy::new().with_largest_request(dollars("5")));
    let error = wait(guard.hold(&account(), up_to(501))).unwrap_err();
    assert_eq!(error, Error::RequestTooLarge { estimate: dollars("5.01"), maximum: dollars("5") });
    let error = wait(guard.hold(&account(), up_to(300).with_budget(dollars("2.99")))).unwrap_err();
    assert_eq!(error, Error::BudgetExceeded { estimate: dollars("3"), budget: dollars("2.99") });
    // With a floor the hold is cut at the budget instead.
    let job = up_to(300).down_to("rows", 10_u64).with_budget(dollars("2.99"));
    let hold = wait(guard.hold(&account(), job)).unwrap();
    assert_eq!((hold.amount(), hold.covers("rows")), (dollars("2.99"), Quantity::from(299_u64)));
    let foreign = Unit::new("EUR", 6).unwrap().amount("1").unwrap();
    let error = wait(guard.hold(&account(), up_to(1).with_budget(foreign))).unwrap_err();
    assert_eq!(error.refusal().kind(), RefusalKind::WrongUnit);
}

#[test]
fn a_charge_in_one_step_is_made_once() {
    let guard = funded("1", Policy::new());
    let job = Job::new("query").exact("rows", 60_u64).with_key(key("order"));
    let receipt = wait(guard.charge(&account(), &job)).unwrap();
    assert_eq!((receipt.charged(), receipt.available()), (dollars("0.6"), dollars("0.4")));
    let again = wait(guard.charge(&account(), &job)).unwrap();
    assert!(again.is_replay() && again.charged() == dollars("0.6"));
    assert_eq!(standing(&guard).0, dollars("0.4"));
    let short = wait(guard.charge(&account(), &Job::new("query").exact("rows", 41_u64))).unwrap_err();
    assert_eq!(guard.render(&short).status(), 402);
    let open_ended = wait(guard.charge(&account(), &up_to(1))).unwrap_err();
    assert_eq!(open_ended.refusal().kind(), RefusalKind::Misconfigured);
}

#[test]
fn empty_held_and_in_debt_are_three_answers() {
    let reason = |guard: &Guard| match wait(guard.hold(&account(), up_to(100))).unwrap_err() {
        Error::InsufficientBalance(short) => (short.reason(), short.retry_after()),
        other => panic!("{other:?}"),
    };
    assert_eq!(reason(&funded("0", Policy::new())), (ShortReason::Empty, None), "an account nobody knows");
    let held = funded("1", Policy::new());
    let _running = wait(held.hold(&account(), up_to(50))).unwrap();
    let (why, wait_for) = reason(&held);
    assert_eq!(why, ShortReason::Held);
    assert!((1..=30).contains(&wait_for.unwrap().as_secs()));
    let debt = funded("1", Policy::new());
    wait(debt.ledger().adjust(&account(), key("chargeback"), dollars("-3"))).unwrap();
    assert_eq!(reason(&debt), (ShortReason::Debt, None));
}

#[test]
fn a_debt_limit_is_used_and_not_exceeded() {
    let guard = funded("1", Policy::new().with_debt_limit(dollars("0.5")));
    let mut hold = wait(guard.hold(&account(), up_to(150))).unwrap();
    assert_eq!(wait(hold.capture(&rows(150))).unwrap().available(), dollars("-0.5"));
    assert!(wait(guard.hold(&account(), up_to(1))).is_err());
    assert!(!wait(guard.quote(&account(), &up_to(1))).unwrap().fits());
}

#[test]
fn a_quote_shows_what_would_happen_and_holds_nothing() {
    let guard = funded("1", Policy::new());
    let quote = wait(guard.quote(&account(), &up_to(120).down_to("rows", 50_u64))).unwrap();
    assert_eq!((quote.estimate(), quote.minimum()), (dollars("1.2"), dollars("0.5")));
    assert_eq!((quote.available(), quote.would_leave()), (dollars("1"), dollars("-0.2")));
    assert!(quote.fits());
    assert_eq!(standing(&guard), (dollars("1"), dollars("0")));
}

#[test]
fn a_quote_says_what_would_be_held_where_a_limit_cuts_it() {
    let guard = funded("10", Policy::new().with_largest_request(dollars("0.8")));
    let job = || up_to(120).down_to("rows", 50_u64);
    let quote = wait(guard.quote(&account(), &job())).unwrap();
    assert_eq!((quote.estimate(), quote.would_hold()), (dollars("1.2"), dollars("0.8")));
    assert_eq!(wait(guard.hold(&account(), job())).unwrap().amount(), quote.would_hold());
}

fn would_fit(quote: &Quote) -> Vec<(&str, u64)> {
    quote.would_fit().iter().map(|fit| (fit.name.as_ref(), fit.quantity.whole())).collect()
}

#[test]
fn a_quote_says_by_how_much_a_job_is_too_large_and_what_would_fit() {
    let guard = funded("1", Policy::new().with_debt_limit(dollars("0.2")));
    let quote = |job: &Job| wait(guard.quote(&account(), job)).unwrap();
    let too_large = quote(&up_to(150));
    assert_eq!((too_large.fits(), too_large.missing()), (false, dollars("0.3")));
    assert_eq!(would_fit(&too_large), [("rows", 120)]);
    // What is said to fit is admitted, and one more is not.
    assert!(wait(guard.hold(&account(), up_to(121))).is_err());
    drop(wait(guard.hold(&account(), up_to(120))).unwrap());
    let fits = quote(&up_to(120));
    assert_eq!((fits.fits(), fits.missing(), would_fit(&fits)), (true, dollars("0"), vec![]));
    // Admitted, but not in full.
    let shrunk = quote(&up_to(150).down_to("rows", 10_u64));
    assert_eq!((shrunk.fits(), shrunk.missing()), (true, dollars("0")));
    assert_eq!(would_fit(&shrunk), [("rows", 120)]);
    let would_not_do = quote(&up_to(150).down_to("rows", 121_u64));
    assert_eq!((would_not_do.missing(), would_fit(&would_not_do)), (dollars("0.01"), vec![]));
}

#[test]
fn a_quote_counts_a_debt_beyond_its_limit_as_missing_too() {
    let lenient = funded("1", Policy::new().with_debt_limit(dollars("5")));
    let mut hold = wait(lenient.hold(&account(), up_to(300))).unwrap();
    wait(hold.capture(&rows(300))).unwrap();
    let strict = lenient.with_policy(Policy::new().with_debt_limit(dollars("0.5"))).unwrap();
    let quote = wait(strict.quote(&account(), &up_to(10))).unwrap();
    assert_eq!((quote.fits(), quote.missing()), (false, dollars("1.6")));
    assert!(quote.would_fit().is_empty());
    let Err(Error::InsufficientBalance(short)) = wait(strict.hold(&account(), up_to(10))) else { panic!() };
    assert_eq!(short.missing(), quote.missing());
}

#[test]
fn a_quote_states_the_limits_in_force_and_of_caps_no_scope_to_a_client() {
    let cap = |scope: &str, limit: &str| Cap::new(scope.parse().unwrap(), Period::day(), dollars(limit));
    let policy = Policy::new()
        .with_largest_request(dollars("20"))
        .with_lifetime(Duration::from_secs(60))
        .with_caps(Caps::new([cap("account-scope", "30").with_label("Daily".parse().unwrap())]).unwrap());
    let guard = funded("10", policy);
    let own = [cap("secret-key", "5"), Cap::counting("secret-team".parse().unwrap(), Period::month())];
    let job = up_to(700).with_budget(dollars("8")).with_caps(Caps::new(own).unwrap());
    let quote = wait(guard.quote(&account(), &job)).unwrap();
    assert_eq!(quote.largest_request(), Some(dollars("20")));
    assert_eq!((quote.budget(), quote.debt_limit()), (Some(dollars("8")), dollars("0")));
    assert_eq!((quote.lifetime(), quote.caps().iter().count()), (Duration::from_secs(60), 3));
    let other = wait(guard.quote(&account(), &job.with_lifetime(Duration::from_secs(7)))).unwrap();
    assert_eq!(other.lifetime(), Duration::from_secs(7));
    let json = serde_json::to_string(&quote).unwrap();
    let limits = concat!(
        r#""limits":{"debt_limit":"0","largest_request":"20","budget":"8","lifetime_ms":60000,"caps":["#,
        r#"{"label":"Daily","period":"day","limit":"30"},{"label":null,"period":"day","limit":"5"}]}}"#,
    );
    assert!(json.ends_with(limits), "{json}");
    assert!(!json.contains("secret") && !json.contains("scope") && !json.contains("acct"), "{json}");
    // Caps that cannot go together are a mistake of the host's, here as for a hold.
    let twice = up_to(1).with_caps(Caps::new([cap("account-scope", "1")]).unwrap());
    assert!(matches!(wait(guard.quote(&account(), &twice)), Err(Error::InvalidJob { .. })));
}

#[test]
fn work_that_is_only_observed_shows_what_it_cost_even_if_it_was_too_large() {
    let policy = Policy::new().with_enforcement(Enforcement::Observe).with_largest_request(dollars("1"));
    let guard = funded("10", policy);
    let mut hold = wait(guard.hold(&account(), up_to(500))).unwrap();
    assert!(matches!(hold.observed(), Some(Error::RequestTooLarge { .. })));
    assert_eq!(wait(hold.capture(&rows(300))).unwrap().uncollected(), dollars("3"));
    let charge = wait(guard.charge(&account(), &Job::new("query").exact("rows", 200_u64))).unwrap();
    assert_eq!((charge.is_booked(), charge.uncollected()), (false, dollars("2")));
}

#[test]
fn each_crossing_of_a_threshold_is_told_once_across_nodes() {
    let ledger: Arc<dyn Ledger> = Arc::new(MemoryLedger::new());
    let policy = || {
        Policy::new()
            .with_notices(NoticeRules::new().with_low_balance(dollars("5")).with_low_balance(dollars("2")))
    };
    let nodes = [guard_over(Arc::clone(&ledger), policy()), guard_over(ledger, policy())];
    wait(nodes[0].top_up(&account(), key("funding"), dollars("10"))).unwrap();
    let told: Vec<Notice> = std::thread::scope(|scope| {
        let threads: Vec<_> = nodes
            .iter()
            .map(|node| {
                scope.spawn(move || {
                    let charge = || wait(node.charge(&account(), &Job::new("query").exact("rows", 10_u64)));
                    (0..45).flat_map(|_| charge().unwrap().notices().to_vec()).collect::<Vec<_>>()
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let low = |threshold: &str, balance: &str| Notice::LowBalance {
        threshold: dollars(threshold),
        balance: dollars(balance),
    };
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told.contains(&low("5", "4.9")) && told.contains(&low("2", "1.9")), "{told:?}");
    // One step across both tells both, the higher first.
    wait(nodes[0].top_up(&account(), key("more"), dollars("9"))).unwrap();
    let receipt = wait(nodes[1].charge(&account(), &Job::new("query").exact("rows", 990_u64))).unwrap();
    assert_eq!(receipt.notices(), [low("5", "0.1"), low("2", "0.1")]);
}

#[test]
fn an_observing_guard_never_refuses_and_reports_what_it_would_have() {
    let reported = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&reported);
    let guard = Guard::builder(Arc::new(MemoryLedger::new()), book())
        .policy(Policy::new().with_enforcement(Enforcement::Observe).with_largest_request(dollars("50")))
        .observer(move |account, error| {
            sink.lock().unwrap().push((account.clone(), error.refusal().kind()));
        })
        .build()
        .unwrap();
    wait(guard.top_up(&account(), key("funding"), dollars("1"))).unwrap();
    // What fits is held and charged as usual.
    let mut fits = wait(guard.hold(&account(), up_to(40).with_key(key("req")))).unwrap();
    assert!(fits.observed().is_none());
    assert!(wait(fits.capture(&rows(40))).unwrap().is_booked());
    // What does not runs all the same, unbooked.
    for job in [
        up_to(200),
        up_to(9_999),
        up_to(40).with_key(key("req")),
        up_to(41).with_key(key("req")),
        Job::new("nothing"),
        up_to(1).with_budget(dollars("0.001")),
    ] {
        let mut hold = wait(guard.hold(&account(), job)).unwrap();
        assert!(hold.observed().is_some());
        hold.record(&rows(7)).unwrap();
        assert_eq!(hold.covers("rows"), Quantity::MAX);
        assert!(!wait(hold.capture(&rows(300))).unwrap().is_booked());
    }
    drop(wait(guard.hold(&account(), up_to(200))).unwrap());
    let charge = wait(guard.charge(&account(), &Job::new("query").exact("rows", 61_u64))).unwrap();
    assert!(!charge.is_booked() && charge.charged().is_zero());
    assert_eq!(charge.uncollected(), dollars("0.61"));
    assert_eq!(standing(&guard), (dollars("0.6"), dollars("0")));
    let kinds: Vec<_> = reported.lock().unwrap().iter().map(|(_, kind)| *kind).collect();
    use RefusalKind as Kind;
    assert_eq!(
        kinds,
        [
            Kind::InsufficientBalance,
            Kind::RequestTooLarge,
            Kind::Duplicate,
            Kind::KeyConflict,
            Kind::UnknownPrice,
            Kind::BudgetExceeded,
            Kind::InsufficientBalance,
            Kind::InsufficientBalance,
        ]
    );
}

#[test]
fn a_dead_ledger_is_503_fails_closed_and_never_looks_like_an_empty_balance() {
    for ledger in [UnreachableLedger::not_applied(), UnreachableLedger::outcome_unknown()] {
        let guard = guard_over(Arc::new(ledger), Policy::new());
        let errors = [
            wait(guard.hold(&account(), up_to(1))).unwrap_err(),
            wait(guard.charge(&account(), &Job::new("query").exact("rows", 1_u64))).unwrap_err(),
            wait(guard.top_up(&account(), key("t"), dollars("1"))).unwrap_err(),
            wait(guard.balance(&account())).unwrap_err(),
            wait(guard.quote(&account(), &up_to(1))).unwrap_err(),
        ];
        for error in errors {
            let response = guard.render(&error);
            assert_eq!(response.status(), 503);
            let body = String::from_utf8(response.body().to_vec()).unwrap().to_lowercase();
            assert!(!body.contains("recharge") && !body.contains("balance"), "{body}");
            assert_eq!(response.header("x-should-retry"), Some("true"));
            assert!(response.header("retry-after").is_some());
        }
        let observing = guard.with_policy(Policy::new().with_enforcement(Enforcement::Observe)).unwrap();
        assert!(wait(observing.hold(&account(), up_to(1))).unwrap().observed().is_some());
    }
}

#[test]
fn a_store_that_has_lost_data_is_503_and_the_log_says_how_much() {
    let error = Error::from(LedgerError::StoreRegressed { known: 12, found: 7 });
    let guard = guard_over(Arc::new(UnreachableLedger::not_applied()), Policy::new());
    assert_eq!(guard.render(&error).status(), 503);
    assert_eq!(error.log_fields(), [("detail", "the store has lost data: 7 commits of 12".to_owned())]);
    assert!(!error.to_string().contains('7'));
}

fn thresholds(count: i64) -> Policy {
    let rules =
        (0..count).fold(NoticeRules::new(), |rules, minor| rules.with_low_balance(usd().minor(minor)));
    Policy::new().with_notices(rules)
}

#[test]
fn settings_that_make_no_sense_are_named_when_the_guard_is_built() {
    let build = |policy| guard_over_result(policy).unwrap_err();
    let told = |rules| Policy::new().with_notices(rules);
    let eur = Unit::new("EUR", 2).unwrap().amount("7.77").unwrap();
    for (error, named) in [
        (build(Policy::new().with_debt_limit(eur)), "debt limit 7.77 EUR/2"),
        (
            build(Policy::new().with_notices(NoticeRules::new().with_low_balance(eur))),
            "low-balance threshold 7.77 EUR/2",
        ),
        (build(Policy::new().with_largest_request(dollars("-1"))), "-1 USD/6"),
        (build(Policy::new().with_lifetime(Duration::ZERO)), "0ns"),
        (build(Policy::new().with_grace(Limits::MAX_GRACE * 2)), "172800s"),
        (build(thresholds(17)), "low-balance thresholds of the policy is 17"),
        (
            build(told((0..17).fold(NoticeRules::new(), |rules, _| rules.with_cap_spent(80)))),
            "shares of a cap of the policy is 17",
        ),
        (build(told(NoticeRules::new().with_low_share(0))), "0 %"),
        (build(told(NoticeRules::new().with_low_share(100))), "100 %"),
        (build(told(NoticeRules::new().with_cap_spent(49))), "49 %"),
        (build(told(NoticeRules::new().with_cap_spent(101))), "101 %"),
        (build(told(NoticeRules::new().with_short_runway(0))), "0 days"),
        (build(told(NoticeRules::new().with_short_runway(367))), "367 days"),
        (build(told(NoticeRules::new().with_largest_request(eur))), "7.77 EUR/2"),
        (build(told(NoticeRules::new().with_credit_ending(Duration::ZERO))), "0ns for credit"),
        (
            build(told(NoticeRules::new().with_hold_ending(Duration::from_secs(2_592_001)))),
            "2592001s for holds",
        ),
    ] {
        assert!(error.to_string().contains(named), "{named} is not named in {error}");
    }
    assert!(guard_over_result(thresholds(16)).is_ok());
    let twice = Guard::in_memory(usd()).price("q", Tariff::free()).price("q", Tariff::free()).build();
    assert!(matches!(twice, Err(SetupError::Price(_))));
}

fn guard_over_result(policy: Policy) -> Result<Guard, SetupError> {
    Guard::builder(Arc::new(MemoryLedger::new()), book()).policy(policy).build()
}

#[test]
fn an_account_of_another_unit_is_the_hosts_mistake_not_the_customers() {
    let guard = funded("0", Policy::new());
    let cents = Unit::new("USD", 2).unwrap();
    wait(guard.ledger().top_up(&account(), key("t"), cents.amount("9").unwrap())).unwrap();
    for error in [
        wait(guard.hold(&account(), up_to(1))).unwrap_err(),
        wait(guard.balance(&account())).unwrap_err(),
        wait(guard.top_up(&account(), key("u"), cents.amount("9").unwrap())).unwrap_err(),
    ] {
        assert_eq!(error.refusal().kind(), RefusalKind::WrongUnit);
        assert_eq!(guard.render(&error).status(), 500);
    }
}

#[test]
fn errors_show_no_id_and_no_amount_but_log_them() {
    let secret = AccountId::new("acct_SECRET_7391").unwrap();
    let guard = funded("0", Policy::new().with_largest_request(dollars("739.1")));
    wait(guard.top_up(&secret, key("evt_SECRET_7391"), dollars("73.91"))).unwrap();
    let req = || key("req_SECRET_7391");
    let mut hold = wait(guard.hold(&secret, up_to(7391).with_key(req()))).unwrap();
    let errors = [
        wait(guard.hold(&secret, up_to(7391))).unwrap_err(),
        wait(guard.hold(&secret, up_to(73_911))).unwrap_err(),
        wait(guard.hold(&secret, up_to(7391).with_budget(dollars("7.391")))).unwrap_err(),
        wait(guard.hold(&secret, up_to(7391).with_key(req()))).unwrap_err(),
        wait(guard.hold(&secret, up_to(1).with_key(req()))).unwrap_err(),
        wait(guard.hold(&secret, Job::new("SECRET_7391"))).unwrap_err(),
        wait(hold.capture(&Usage::new().with("SECRET_7391", 7391_u64))).unwrap_err(),
        {
            drop(wait(hold.capture(&rows(7390))));
            wait(hold.void()).unwrap_err()
        },
        Error::OutcomeUnknown { key: req(), detail: "host=SECRET port=7391".to_owned() },
        Error::Unavailable { detail: "host=SECRET port=7391".to_owned() },
    ];
    for error in errors {
        let mut shown = error.to_string();
        let mut source = error.source();
        while let Some(inner) = source {
            shown = format!("{shown}: {inner}");
            source = inner.source();
        }
        assert!(!shown.contains("SECRET") && !shown.contains("739"), "{shown}");
        let logged = format!("{:?}", error.log_fields());
        let named = ["SECRET", "739", "73.9", "at_most.rows"].iter().any(|word| logged.contains(word));
        assert!(named, "{error:?}: {logged}");
    }
}

/// A ledger in trouble: it may lose its first answer to each hold and capture, though it applied them, and may be down
/// for its first captures.
#[derive(Debug, Default)]
struct InTrouble {
    inner: MemoryLedger,
    loses_answers: bool,
    lost: Mutex<std::collections::HashSet<(&'static str, IdempotencyKey)>>,
    captures_down: AtomicU32,
}

impl InTrouble {
    fn answer<T>(&self, what: &'static str, key: IdempotencyKey, answer: LedgerFuture<T>) -> LedgerFuture<T>
    where
        T: Send + 'static,
    {
        if self.loses_answers && self.lost.lock().unwrap().insert((what, key.clone())) {
            let detail = "the answer was lost".to_owned();
            return LedgerFuture::boxed(async move { Err(LedgerError::OutcomeUnknown { key, detail }) });
        }
        answer
    }
}

impl Ledger for InTrouble {
    fn hold(&self, request: HoldRequest) -> LedgerFuture<Applied<HoldState>> {
        self.answer("hold", request.key.clone(), self.inner.hold(request))
    }
    fn capture(&self, request: CaptureRequest) -> LedgerFuture<Applied<Captured>> {
        let down = |left: u32| left.checked_sub(1);
        if self.captures_down.fetch_update(Ordering::SeqCst, Ordering::SeqCst, down).is_ok() {
            return LedgerFuture::boxed(async {
                Err(LedgerError::Unavailable { detail: "down".to_owned() })
            });
        }
        self.answer("capture", request.key.clone(), self.inner.capture(request))
    }
    fn resize(&self, request: ResizeRequest) -> LedgerFuture<Applied<HoldState>> {
        self.inner.resize(request)
    }
    fn void(&self, request: VoidRequest) -> LedgerFuture<Applied<HoldState>> {
        self.inner.void(request)
    }
    fn post(&self, request: PostRequest) -> LedgerFuture<Applied<Entry>> {
        self.inner.post(request)
    }
    fn find(&self, request: FindRequest) -> LedgerFuture<Found> {
        self.inner.find(request)
    }
    fn balance(&self, request: BalanceRequest) -> LedgerFuture<Balance> {
        self.inner.balance(request)
    }
    fn statement(&self, request: StatementRequest) -> LedgerFuture<Statement> {
        self.inner.statement(request)
    }
    fn holds(&self, request: HoldsRequest) -> LedgerFuture<HoldsPage> {
        self.inner.holds(request)
    }
    fn counters(&self, request: CountersRequest) -> LedgerFuture<CountersPage> {
        self.inner.counters(request)
    }
    fn sweep(&self, request: SweepRequest) -> LedgerFuture<Swept> {
        self.inner.sweep(request)
    }
}

#[test]
fn an_unknown_outcome_is_asked_again_and_charged_once() {
    let ledger = InTrouble { loses_answers: true, ..InTrouble::default() };
    let guard = guard_over(Arc::new(ledger), Policy::new());
    wait(guard.top_up(&account(), key("funding"), dollars("5"))).unwrap();
    let job = || up_to(100).with_key(key("req"));
    assert!(matches!(wait(guard.hold(&account(), job())), Err(Error::OutcomeUnknown { .. })));
    // It was applied; the retry says so, and what was held can be given back before any handle existed.
    assert!(matches!(wait(guard.hold(&account(), job())), Err(Error::Duplicate { .. })));
    wait(guard.ledger().void_hold(&account(), key("req"))).unwrap();
    assert_eq!(standing(&guard), (dollars("5"), dollars("0")));

    let plain = guard_over(Arc::clone(guard.ledger()), Policy::new());
    let ledger = guard.ledger();
    wait(ledger.hold_amount(&account(), key("second"), dollars("1"))).unwrap_err();
    wait(ledger.hold_amount(&account(), key("second"), dollars("1"))).unwrap();
    assert!(wait(ledger.capture_final(&account(), key("second"), dollars("0.4"))).is_err());
    let again = wait(ledger.capture_final(&account(), key("second"), dollars("0.4"))).unwrap();
    assert!(again.is_replay() && again.value().captured() == dollars("0.4"));
    assert_eq!(standing(&plain), (dollars("4.6"), dollars("0")));
}

#[test]
fn a_capture_after_the_lifetime_is_late_and_takes_only_what_is_there() {
    let clock = Arc::new(ManualClock::new());
    let guard = Guard::in_memory_at(usd(), clock.clone())
        .price("query", Tariff::new().per_unit("rows", "0.01").unwrap())
        .build()
        .unwrap();
    wait(guard.top_up(&account(), key("funding"), dollars("2"))).unwrap();
    let mut late = wait(guard.hold(&account(), up_to(100).with_lifetime(Duration::from_secs(60)))).unwrap();
    clock.advance(Duration::from_secs(90));
    let _other = wait(guard.hold(&account(), up_to(150))).unwrap();
    let receipt = wait(late.capture(&rows(100))).unwrap();
    assert!(receipt.is_late());
    assert_eq!((receipt.charged(), receipt.uncollected()), (dollars("0.5"), dollars("0.5")));
    assert_eq!(standing(&guard), (dollars("0"), dollars("1.5")), "the other hold is whole");
}

#[test]
fn refunds_go_back_through_the_ledger() {
    let guard = funded("2", Policy::new());
    let mut hold = wait(guard.hold(&account(), up_to(100).with_key(key("req")))).unwrap();
    wait(hold.capture(&rows(100))).unwrap();
    let of = ChargeRef::Hold(key("req"));
    wait(guard.ledger().refund(&account(), key("sorry"), of, dollars("0.25"))).unwrap();
    assert_eq!(standing(&guard).0, dollars("1.25"));
    let page = wait(guard.ledger().statement(StatementRequest::new(account()))).unwrap();
    let kinds: Vec<_> = page.entries().iter().map(Entry::kind).collect();
    assert_eq!(kinds, [EntryKind::Refund, EntryKind::Charge, EntryKind::TopUp]);
}

#[test]
fn many_threads_with_one_balance_spend_it_once() {
    let guard = funded("20", Policy::new());
    let delivered = AtomicU32::new(0);
    std::thread::scope(|scope| {
        for thread in 0..64_u64 {
            let (guard, delivered) = (&guard, &delivered);
            scope.spawn(move || {
                for step in 0..50_u64 {
                    let Ok(mut hold) = wait(guard.hold(&account(), up_to(10))) else { continue };
                    let used = (thread + step) % 11;
                    match step % 4 {
                        // Un-polled, dropped with a record, voided, captured.
                        0 => drop(hold.capture(&rows(used))),
                        1 => hold.record(&rows(used)).unwrap(),
                        2 => {
                            wait(hold.void()).unwrap();
                            continue;
                        }
                        _ => drop(wait(hold.capture(&rows(used))).unwrap()),
                    }
                    delivered.fetch_add(u32::try_from(used).unwrap(), Ordering::SeqCst);
                }
            });
        }
    });
    let (available, held) = standing(&guard);
    let spent = usd().minor(i64::from(delivered.load(Ordering::SeqCst)) * 10_000);
    assert_eq!(held, dollars("0"));
    assert_eq!(
        available.checked_add(spent).unwrap(),
        dollars("20"),
        "what was delivered is what was charged"
    );
    assert!(!available.is_negative());
}

proptest! {
    /// Whatever the prices, the balance and the bounds: work that stops at what the hold covers is collected in full,
    /// and never more than was held.
    #[test]
    fn uncollected_is_zero_when_work_is_cut_at_the_cover(
        fixed in 0_u32..5_000,
        rate in 0_u32..2_000_000,
        other in 0_u32..2_000_000,
        exact in 0_u64..5_000,
        most in 0_u64..100_000,
        least in 0_u64..100,
        balance in 1_i64..50_000_000,
        done in 0_u64..200_000,
    ) {
        let decimal = |value: u32, places: u32| rust_decimal::Decimal::new(i64::from(value), places).to_string();
        let tariff = Tariff::new()
            .fixed(&decimal(fixed, 6)).unwrap()
            .per_unit("in", &decimal(rate, 9)).unwrap()
            .per_unit("out", &decimal(other, 9)).unwrap();
        let guard = Guard::in_memory(usd()).price("work", tariff).build().unwrap();
        wait(guard.top_up(&account(), key("funding"), usd().minor(balance))).unwrap();
        let job = Job::new("work").exact("in", exact).at_most("out", most).down_to("out", least.min(most));
        if let Ok(mut hold) = wait(guard.hold(&account(), job)) {
            prop_assert!(hold.covers("out") >= Quantity::from(least.min(most)));
            let done = Quantity::from(done).min(hold.covers("out"));
            let held = hold.amount();
            let receipt = wait(hold.capture(&Usage::new().with("in", exact).with("out", done))).unwrap();
            prop_assert!(receipt.uncollected().is_zero());
            prop_assert!(receipt.charged().minor() <= held.minor());
            prop_assert!(!receipt.available().is_negative());
        }
    }
}

#[test]
fn a_key_that_a_customer_chose_is_never_in_the_way_of_the_payment_providers() {
    let guard = funded("1", Policy::new());
    let job = Job::new("query").exact("rows", 1_u64).with_key(key("same"));
    wait(guard.charge(&account(), &job)).unwrap();
    let request =
        PostRequest::new(account(), key("same"), PostKind::Credit(GrantTerms::promotional()), dollars("1"));
    wait(guard.ledger().post(request)).unwrap();
    assert!(wait(guard.hold(&account(), up_to(1).with_key(key("same")))).is_ok());
}

#[test]
fn what_the_client_sent_beside_quantities_can_tell_a_repeated_key_from_a_reused_one() {
    let guard = funded("5", Policy::new());
    let body = |hash: &str| billing_guard::Content::new([("body", hash)]).unwrap();
    let job = |hash| up_to(10).with_key(key("req")).with_content(body(hash));
    let _hold = wait(guard.hold(&account(), job("aa"))).unwrap();
    assert!(matches!(wait(guard.hold(&account(), job("aa"))), Err(Error::Duplicate { .. })));
    let other = wait(guard.hold(&account(), job("bb"))).unwrap_err();
    assert_eq!(other, Error::KeyConflict { field: "content.body".to_owned() });
}

#[test]
fn a_handle_dropped_after_a_capture_that_failed_tries_once_more() {
    let ledger = InTrouble { captures_down: AtomicU32::new(1), ..InTrouble::default() };
    let guard = guard_over(Arc::new(ledger), Policy::new());
    wait(guard.top_up(&account(), key("funding"), dollars("5"))).unwrap();
    let mut hold = wait(guard.hold(&account(), up_to(100))).unwrap();
    assert!(matches!(wait(hold.capture(&rows(60))), Err(Error::Unavailable { .. })));
    drop(hold);
    assert_eq!(standing(&guard), (dollars("4.4"), dollars("0")), "charged with what the capture named");
    // One that succeeded is not repeated, and its work not charged again.
    let mut hold = wait(guard.hold(&account(), up_to(100))).unwrap();
    hold.record(&rows(1)).unwrap();
    wait(hold.capture(&rows(60))).unwrap();
    drop(hold);
    assert_eq!(standing(&guard), (dollars("3.8"), dollars("0")));
}

#[test]
fn the_price_in_force_when_work_begins_is_charged_when_it_ends() {
    use billing_guard::{Labels, ManualClock, Tariff, When};
    let clock = Arc::new(ManualClock::new());
    clock.set("2025-06-01T21:59:00.000000Z".parse().unwrap());
    let night = Tariff::new().per_unit("rows", "0.05").unwrap();
    let batch = Tariff::new().per_unit("rows", "0.01").unwrap();
    let tariff = Tariff::new().per_unit("rows", "0.10").unwrap();
    let tariff = tariff.with_other(When::labelled("tier", "batch"), batch).unwrap();
    let tariff = tariff.with_other(When::daily("22:00", "06:00").unwrap(), night).unwrap();
    let guard = Guard::in_memory_at(usd(), clock.clone()).price("query", tariff).build().unwrap();
    let account = AccountId::new("acct_night").unwrap();
    wait(guard.top_up(&account, "payment".parse().unwrap(), usd().amount("10").unwrap())).unwrap();
    let job = || Job::new("query").at_most("rows", 20_u64);
    let begin = |job: Job| wait(guard.hold(&account, job)).unwrap();
    let (mut day, mut cheap) =
        (begin(job()), begin(job().with_labels(Labels::new([("tier", "batch")]).unwrap())));
    clock.advance(Duration::from_secs(120));
    let mut night = begin(job());
    let end = |hold: &mut billing_guard::Hold| {
        wait(hold.capture(&Usage::new().with("rows", 10_u64))).unwrap().charged().decimal().to_string()
    };
    assert_eq!((end(&mut day), end(&mut cheap), end(&mut night)), ("1".into(), "0.1".into(), "0.5".into()));
    assert_eq!(wait(guard.quote(&account, &job())).unwrap().estimate(), usd().amount("1").unwrap());
}
