//! Clause 11: each stated limit on both sides, amounts at the ends of their range, and what a refusal leaves behind.

use std::sync::Arc;
use std::time::Duration;

use billing_guard::{
    AccountId, Amount, AmountError, Balance, BalanceRequest, CaptureMode, CaptureRequest, ChargeRef, Clock,
    Content, Entry, EntryKind, FindRequest, Found, GrantTerms, HoldRequest, HoldStatus, HoldsRequest,
    IdempotencyKey, Labels, LateCapture, Ledger, LedgerError, LedgerExt, Limits, ManualClock, MemoryLedger,
    MemorySettings, Order, OverCapture, PostKind, PostRequest, ResizeRequest, StatementRequest, SweepRequest,
    Timestamp, Unit, wait,
};

const MAX: i64 = i64::MAX;
const MIN: i64 = i64::MIN;
const MICRO: Duration = Duration::from_micros(1);
const NANO: Duration = Duration::from_nanos(1);

fn usd() -> Unit {
    Unit::new("USD", 2).unwrap()
}

fn account() -> AccountId {
    AccountId::new("acct").unwrap()
}

fn key(text: &str) -> IdempotencyKey {
    text.parse().unwrap()
}

fn money(minor: i64) -> Amount {
    usd().minor(minor)
}

fn hold(name: &str, minor: i64) -> HoldRequest {
    HoldRequest::new(account(), key(name), money(minor))
}

fn capture(name: &str, minor: i64) -> CaptureRequest {
    CaptureRequest::new(account(), key(name), money(minor))
}

fn post(name: &str, kind: PostKind, minor: i64) -> PostRequest {
    PostRequest::new(account(), key(name), kind, money(minor))
}

fn resize(name: &str, rev: u32) -> ResizeRequest {
    ResizeRequest::new(account(), key(name), rev)
}

fn ledger() -> (MemoryLedger, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new());
    (MemoryLedger::with_clock(MemorySettings::new(), clock.clone()), clock)
}

/// With this much paid in.
fn funded(minor: i64) -> MemoryLedger {
    let (ledger, _) = ledger();
    wait(ledger.top_up(&account(), key("paid-in"), money(minor))).unwrap();
    ledger
}

fn balance(ledger: &MemoryLedger) -> Balance {
    wait(ledger.balance_of(&account(), usd())).unwrap()
}

/// Posted, held and the number of the latest change.
fn figures(ledger: &MemoryLedger) -> (i64, i64, u64) {
    let balance = balance(ledger);
    (balance.posted().minor(), balance.held().minor(), balance.seq())
}

fn found_hold(ledger: &MemoryLedger, name: &str) -> bool {
    match wait(ledger.find(FindRequest::hold(account(), key(name)))).unwrap() {
        Found::Hold(_) => true,
        Found::NotApplied => false,
        other => panic!("{other:?}"),
    }
}

fn found_entry(ledger: &MemoryLedger, name: &str) -> bool {
    [FindRequest::charge(account(), key(name)), FindRequest::credit(account(), key(name))]
        .into_iter()
        .any(|request| wait(ledger.find(request)).unwrap() != Found::NotApplied)
}

/// Refused as out of range, quoting `value` in the log and in `Debug` but not in the text for clients; nothing has
/// changed, and nothing is found under `x`, the key these tests try.
fn invalid<T: std::fmt::Debug>(
    ledger: &MemoryLedger,
    value: &str,
    run: impl FnOnce() -> Result<T, LedgerError>,
) {
    let before = figures(ledger);
    let error = run().unwrap_err();
    assert!(matches!(error, LedgerError::Invalid { .. }), "{error:?}");
    let fields = error.log_fields();
    let shown = fields.iter().find(|(name, _)| *name == "value").map(|(_, text)| text.as_str());
    assert!(
        shown.is_some_and(|text| !text.is_empty() && text.contains(value)),
        "{value} is not in {fields:?}"
    );
    assert!(format!("{error:?}").contains(value), "{error:?}");
    assert!(fields.iter().any(|(name, text)| *name == "what" && !text.is_empty()), "{fields:?}");
    assert!(!error.to_string().contains("USD/2"), "amounts are not for clients: {error}");
    assert_eq!(figures(ledger), before);
    assert!(!found_hold(ledger, "x") && !found_entry(ledger, "x"));
}

fn too_large<T: std::fmt::Debug>(ledger: &MemoryLedger, run: impl FnOnce() -> Result<T, LedgerError>) {
    let before = figures(ledger);
    let error = run().unwrap_err();
    let LedgerError::TooLarge { amount } = &error else { panic!("{error:?}") };
    assert!(error.log_fields().contains(&("amount", amount.to_string())));
    assert_eq!(figures(ledger), before);
    assert!(!found_hold(ledger, "x") && !found_entry(ledger, "x"));
}

fn insufficient<T: std::fmt::Debug>(ledger: &MemoryLedger, run: impl FnOnce() -> Result<T, LedgerError>) {
    let before = figures(ledger);
    let error = run().unwrap_err();
    assert!(matches!(error, LedgerError::Insufficient(_)), "{error:?}");
    assert_eq!(figures(ledger), before);
    assert!(!found_hold(ledger, "x") && !found_entry(ledger, "x"));
}

// Lifetimes.

#[test]
fn the_documented_limits_are_the_documented_numbers() {
    assert_eq!(Limits::MIN_LIFETIME, Duration::from_millis(1));
    assert_eq!(Limits::MAX_LIFETIME, Duration::from_secs(2_592_000));
    assert_eq!(Limits::DEFAULT_LIFETIME, Duration::from_secs(300));
    assert_eq!(Limits::MAX_GRACE, Duration::from_secs(86_400));
    assert_eq!(Limits::DEFAULT_GRACE, Duration::from_secs(30));
    assert_eq!((Limits::MAX_PAGE, Limits::MAX_SWEEP, Limits::MAX_OPEN_HOLDS), (1_000, 10_000, 1_000_000));
    assert_eq!(Limits::KEY_RETENTION, Duration::from_secs(86_400));
    let request = hold("x", 1);
    assert_eq!((request.lifetime, request.grace), (Limits::DEFAULT_LIFETIME, Limits::DEFAULT_GRACE));
    assert_eq!((request.minimum, request.debt_limit), (request.amount, usd().zero()));
    assert_eq!(StatementRequest::new(account()).limit, 100);
    assert_eq!(HoldsRequest::new(account()).limit, 100);
    assert_eq!(SweepRequest::new().limit, 1_000);
    assert_eq!(SweepRequest::default(), SweepRequest::new());
    let request = capture("x", 1);
    assert_eq!(
        (request.mode, request.over, request.late, request.debt_limit),
        (CaptureMode::Final, OverCapture::UpToAvailable, LateCapture::IfAvailable, usd().zero())
    );
}

#[test]
fn a_lifetime_is_1_ms_to_30_days() {
    let ledger = funded(100);
    for (lifetime, shown) in [
        (Duration::ZERO, "0"),
        (Limits::MIN_LIFETIME - MICRO, "999"),
        (Limits::MIN_LIFETIME - NANO, "999"),
        (Limits::MAX_LIFETIME + NANO, "2592000"),
        (Limits::MAX_LIFETIME + MICRO, "2592000"),
        (Duration::MAX, "18446744073709551615"),
    ] {
        invalid(&ledger, shown, || wait(ledger.hold(hold("x", 1).with_lifetime(lifetime))));
    }
    for (name, lifetime) in [("least", Limits::MIN_LIFETIME), ("most", Limits::MAX_LIFETIME)] {
        let state = wait(ledger.hold(hold(name, 1).with_lifetime(lifetime))).unwrap().into_value();
        assert_eq!(state.ends_at().saturating_since(state.opened_at()), lifetime);
    }
}

#[test]
fn a_grace_is_nothing_to_a_day() {
    let ledger = funded(100);
    for grace in [Limits::MAX_GRACE + NANO, Limits::MAX_GRACE + MICRO, Duration::MAX] {
        invalid(&ledger, "", || wait(ledger.hold(hold("x", 1).with_grace(grace))));
    }
    for (name, grace) in [("least", Duration::ZERO), ("most", Limits::MAX_GRACE)] {
        let state = wait(ledger.hold(hold(name, 1).with_grace(grace))).unwrap().into_value();
        assert_eq!(state.release_at().saturating_since(state.ends_at()), grace);
    }
}

#[test]
fn a_resize_has_the_same_limits_of_lifetime() {
    let (ledger, clock) = ledger();
    wait(ledger.top_up(&account(), key("paid-in"), money(100))).unwrap();
    let first = wait(ledger.hold(hold("a", 1))).unwrap().into_value();
    for lifetime in [Duration::ZERO, Limits::MIN_LIFETIME - NANO, Limits::MAX_LIFETIME + NANO, Duration::MAX]
    {
        invalid(&ledger, "", || wait(ledger.resize(resize("a", first.rev()).with_lifetime(lifetime))));
    }
    let same = wait(ledger.resize(resize("a", first.rev()).with_lifetime(Limits::MIN_LIFETIME))).unwrap();
    assert_eq!(same.value().ends_at(), first.ends_at());
    let rev = same.value().rev();
    clock.advance(Duration::from_secs(1));
    let longer = wait(ledger.resize(resize("a", rev).with_lifetime(Limits::MAX_LIFETIME))).unwrap();
    assert_eq!(longer.value().ends_at(), clock.now().saturating_add(Limits::MAX_LIFETIME));
}

#[test]
fn a_clock_at_its_end_saturates_and_expires_nothing_early() {
    let (ledger, clock) = ledger();
    wait(ledger.top_up(&account(), key("paid-in"), money(100))).unwrap();
    clock.set(Timestamp::from_micros(MAX - 5));
    let state = wait(ledger.hold(hold("a", 10))).unwrap().into_value();
    assert_eq!((state.ends_at(), state.release_at()), (Timestamp::MAX, Timestamp::MAX));
    clock.set(Timestamp::from_micros(MAX - 1));
    assert_eq!(balance(&ledger).held().minor(), 10);
    wait(ledger.capture_final(&account(), key("a"), money(10))).unwrap();
    assert_eq!(figures(&ledger), (90, 0, 3));
    // And at its beginning.
    let (ledger, clock) = self::ledger();
    clock.set(Timestamp::from_micros(MIN));
    wait(ledger.top_up(&account(), key("paid-in"), money(100))).unwrap();
    let state = wait(ledger.hold(hold("a", 10))).unwrap().into_value();
    assert_eq!(state.ends_at().saturating_since(state.opened_at()), Limits::DEFAULT_LIFETIME);
    clock.set(Timestamp::MAX);
    assert_eq!(balance(&ledger).held().minor(), 0);
}

// Pages and sweeps.

#[test]
fn a_page_has_1_to_1000_lines() {
    let ledger = funded(5_000);
    for index in 0..1_001 {
        drop(ledger.charge(&account(), key(&format!("c{index}")), money(1)));
        drop(ledger.hold_amount(&account(), key(&format!("h{index}")), money(1)));
    }
    for limit in [0, 1_001, u32::MAX] {
        let shown = limit.to_string();
        for order in [Order::NewestFirst, Order::OldestFirst] {
            let request = StatementRequest::new(account()).with_order(order).with_limit(limit);
            invalid(&ledger, &shown, || wait(ledger.statement(request)));
        }
        invalid(&ledger, &shown, || wait(ledger.holds(HoldsRequest::new(account()).with_limit(limit))));
        // Whether the account is known or not.
        let nobody = AccountId::new("nobody").unwrap();
        invalid(&ledger, &shown, || {
            wait(ledger.statement(StatementRequest::new(nobody.clone()).with_limit(limit)))
        });
        invalid(&ledger, &shown, || wait(ledger.holds(HoldsRequest::new(nobody).with_limit(limit))));
    }
    for limit in [1, 1_000] {
        let page = wait(ledger.statement(StatementRequest::new(account()).with_limit(limit))).unwrap();
        assert_eq!((page.entries().len(), page.next().is_some()), (limit as usize, true));
        let page = wait(ledger.holds(HoldsRequest::new(account()).with_limit(limit))).unwrap();
        assert_eq!((page.holds().len(), page.next().is_some()), (limit as usize, true));
    }
    let page = wait(ledger.statement(StatementRequest::new(account()))).unwrap();
    assert_eq!(page.entries().len(), 100);
    assert_eq!(wait(ledger.holds(HoldsRequest::new(account()))).unwrap().holds().len(), 100);
    // Beyond either end there is nothing, and no error.
    for (order, after) in [(Order::NewestFirst, 0), (Order::OldestFirst, u64::MAX)] {
        let page =
            wait(ledger.statement(StatementRequest::new(account()).with_order(order).with_after(after)));
        assert_eq!(page.unwrap().entries().len(), 0);
    }
}

#[test]
fn a_sweep_releases_1_to_10000() {
    let (ledger, clock) = ledger();
    wait(ledger.top_up(&account(), key("paid-in"), money(50_000))).unwrap();
    for index in 0..10_001 {
        drop(ledger.hold_amount(&account(), key(&format!("h{index}")), money(1)));
    }
    clock.advance(Duration::from_secs(330));
    for limit in [0, 10_001, u32::MAX] {
        let error = wait(ledger.sweep(SweepRequest::new().with_limit(limit))).unwrap_err();
        assert!(matches!(error, LedgerError::Invalid { .. }), "{error:?}");
        assert!(error.log_fields().contains(&("value", limit.to_string())));
    }
    let swept = wait(ledger.sweep(SweepRequest::new().with_limit(10_000))).unwrap();
    assert_eq!((swept.released(), swept.has_more()), (10_000, true));
    let swept = wait(ledger.sweep(SweepRequest::new().with_limit(1))).unwrap();
    assert_eq!(swept.released(), 1);
    let swept = wait(ledger.sweep(SweepRequest::new())).unwrap();
    assert_eq!((swept.released(), swept.has_more()), (0, false));
    assert_eq!(figures(&ledger), (50_000, 0, 20_003));
}

// Amounts of the wrong sign.

#[test]
fn no_field_of_a_hold_is_negative() {
    let ledger = funded(100);
    for (minor, shown) in [(-1, "-0.01 USD/2"), (-100, "-1 USD/2"), (MIN, "-92233720368547758.08 USD/2")] {
        invalid(&ledger, shown, || wait(ledger.hold(hold("x", minor))));
        invalid(&ledger, shown, || wait(ledger.hold(hold("x", 1).with_minimum(money(minor)))));
        invalid(&ledger, shown, || wait(ledger.hold(hold("x", 1).with_debt_limit(money(minor)))));
    }
    // The least that will do is no more than what is asked for.
    invalid(&ledger, "0.02 USD/2", || wait(ledger.hold(hold("x", 1).with_minimum(money(2)))));
    for (name, request) in [
        ("zero", hold("zero", 0)),
        ("equal", hold("equal", 5)),
        ("least", hold("least", 5).with_minimum(money(0))),
    ] {
        wait(ledger.hold(request)).unwrap();
        assert!(found_hold(&ledger, name));
    }
}

#[test]
fn no_field_of_a_resize_is_negative() {
    let ledger = funded(100);
    let rev = wait(ledger.hold(hold("a", 10))).unwrap().into_value().rev();
    for (minor, shown) in [(-1, "-0.01 USD/2"), (MIN, "-92233720368547758.08 USD/2")] {
        invalid(&ledger, shown, || wait(ledger.resize(resize("a", rev).with_total(money(minor)))));
        let request = resize("a", rev).with_total(money(20)).with_debt_limit(money(minor));
        invalid(&ledger, shown, || wait(ledger.resize(request)));
    }
    assert_eq!(wait(ledger.resize(resize("a", rev).with_total(money(0)))).unwrap().value().total(), money(0));
}

#[test]
fn no_field_of_a_capture_is_negative() {
    let ledger = funded(100);
    wait(ledger.hold(hold("a", 10))).unwrap();
    for (minor, shown) in [(-1, "-0.01 USD/2"), (MIN, "-92233720368547758.08 USD/2")] {
        for mode in [CaptureMode::Partial, CaptureMode::Final] {
            invalid(&ledger, shown, || wait(ledger.capture(capture("a", minor).with_mode(mode))));
            let request = capture("a", 5).with_mode(mode).with_debt_limit(money(minor));
            invalid(&ledger, shown, || wait(ledger.capture(request)));
        }
    }
    wait(ledger.capture(capture("a", 0))).unwrap();
}

#[test]
fn each_kind_of_posting_has_its_sign() {
    let ledger = funded(100);
    wait(ledger.charge(&account(), key("c"), money(50))).unwrap();
    let refund = PostKind::refund(ChargeRef::Charge(key("c")));
    for kind in [PostKind::Credit(GrantTerms::promotional()), PostKind::top_up(), refund.clone()] {
        for (minor, shown) in [(0, "0 USD/2"), (-1, "-0.01 USD/2"), (MIN, "-92233720368547758.08 USD/2")] {
            invalid(&ledger, shown, || wait(ledger.post(post("x", kind.clone(), minor))));
        }
    }
    for (minor, shown) in [(-1, "-0.01 USD/2"), (MIN, "-92233720368547758.08 USD/2")] {
        invalid(&ledger, shown, || wait(ledger.post(post("x", PostKind::Charge, minor))));
        let request = post("x", PostKind::Charge, 1).with_debt_limit(money(minor));
        invalid(&ledger, shown, || wait(ledger.post(request)));
    }
    invalid(&ledger, "0 USD/2", || wait(ledger.post(post("x", PostKind::Adjustment, 0))));
    for (name, kind, minor) in [
        ("g", PostKind::Credit(GrantTerms::promotional()), 1),
        ("t", PostKind::top_up(), 1),
        ("z", PostKind::Charge, 0),
        ("r", refund, 1),
        ("up", PostKind::Adjustment, 1),
        ("down", PostKind::Adjustment, -1),
    ] {
        wait(ledger.post(post(name, kind, minor))).unwrap();
    }
}

#[test]
fn a_request_out_of_range_stores_nothing_about_an_unknown_account() {
    let (ledger, _) = ledger();
    for request in [hold("x", -1), hold("x", 0).with_lifetime(Duration::ZERO)] {
        wait(ledger.hold(request)).unwrap_err();
    }
    wait(ledger.post(post("x", PostKind::top_up(), 0))).unwrap_err();
    let eur = Unit::new("EUR", 0).unwrap();
    let balance = wait(ledger.balance(BalanceRequest::new(account(), eur))).unwrap();
    assert_eq!((balance.seq(), balance.posted()), (0, eur.zero()));
}

// Amounts at the ends of their range.

#[test]
fn the_largest_amount_is_paid_in_held_and_charged_exactly() {
    let ledger = funded(MAX);
    assert_eq!(balance(&ledger).available().minor(), MAX);
    wait(ledger.hold(hold("a", MAX))).unwrap();
    assert_eq!(figures(&ledger), (MAX, MAX, 2));
    insufficient(&ledger, || wait(ledger.hold(hold("x", 1))));
    insufficient(&ledger, || wait(ledger.hold(hold("x", MAX))));
    insufficient(&ledger, || wait(ledger.post(post("x", PostKind::Charge, MAX))));
    let captured = wait(ledger.capture(capture("a", MAX))).unwrap();
    assert_eq!(captured.value().charged().minor(), MAX);
    assert_eq!(figures(&ledger), (0, 0, 3));
    let refund = PostKind::refund(ChargeRef::Hold(key("a")));
    wait(ledger.post(post("r", refund, MAX))).unwrap();
    wait(ledger.post(post("c", PostKind::Charge, MAX))).unwrap();
    assert_eq!(figures(&ledger), (0, 0, 5));
    wait(ledger.post(post("j", PostKind::Adjustment, MAX))).unwrap();
    wait(ledger.post(post("k", PostKind::Adjustment, -MAX))).unwrap();
    assert_eq!(figures(&ledger), (0, 0, 7));
}

#[test]
fn a_balance_never_wraps_above() {
    let ledger = funded(MAX);
    for kind in [PostKind::Credit(GrantTerms::promotional()), PostKind::top_up(), PostKind::Adjustment] {
        for minor in [1, MAX] {
            too_large(&ledger, || wait(ledger.post(post("x", kind.clone(), minor))));
        }
    }
    // A refund that would take it there is refused, and possible once there is room.
    wait(ledger.charge(&account(), key("c"), money(5))).unwrap();
    wait(ledger.top_up(&account(), key("t"), money(3))).unwrap();
    let refund = PostKind::refund(ChargeRef::Charge(key("c")));
    too_large(&ledger, || wait(ledger.post(post("x", refund.clone(), 3))));
    wait(ledger.post(post("r", refund, 2))).unwrap();
    assert_eq!(balance(&ledger).posted().minor(), MAX);
}

#[test]
fn a_balance_never_wraps_below() {
    let (ledger, _) = ledger();
    wait(ledger.adjust(&account(), key("a"), money(-MAX))).unwrap();
    too_large(&ledger, || wait(ledger.post(post("x", PostKind::Adjustment, -2))));
    too_large(&ledger, || wait(ledger.post(post("x", PostKind::Adjustment, MIN))));
    let (posted, ..) = figures(&ledger);
    assert_eq!(posted, -MAX);
    insufficient(&ledger, || wait(ledger.hold(hold("x", MAX))));
    insufficient(&ledger, || wait(ledger.hold(hold("x", 1).with_debt_limit(money(MAX)))));
    insufficient(&ledger, || wait(ledger.post(post("x", PostKind::Charge, MAX).with_debt_limit(money(MAX)))));
    // The shortfall cannot say more than the largest amount, and says so without wrapping.
    match wait(ledger.hold(hold("x", MAX))).unwrap_err() {
        LedgerError::Insufficient(short) => {
            assert_eq!((short.missing().minor(), short.spendable().minor()), (MAX, 0));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_available_never_wraps_below_while_posted_does_not() {
    // Posted could still take the correction, but what is available would not fit.
    let (ledger, _) = ledger();
    wait(ledger.hold(hold("a", MAX).with_debt_limit(money(MAX)))).unwrap();
    assert_eq!(balance(&ledger).available().minor(), -MAX);
    let before = figures(&ledger);
    let answer = wait(ledger.adjust(&account(), key("x"), money(-10)));
    let after = balance(&ledger);
    let exact = i128::from(after.posted().minor()) - i128::from(after.held().minor());
    assert_eq!(exact, i128::from(after.available().minor()), "{answer:?}");
    assert!(matches!(answer, Err(LedgerError::TooLarge { .. })), "{answer:?}");
    assert_eq!(figures(&ledger), before);
}

#[test]
fn what_is_held_never_wraps() {
    let ledger = funded(MAX);
    wait(ledger.hold(hold("a", MAX))).unwrap();
    // Debt would allow it; no amount can count it.
    let before = figures(&ledger);
    for minor in [1, MAX] {
        let answer = wait(ledger.hold(hold("x", minor).with_debt_limit(money(MAX))));
        assert!(matches!(answer, Err(LedgerError::TooLarge { .. })), "{answer:?}");
        assert_eq!(figures(&ledger), before);
        assert!(!found_hold(&ledger, "x"));
    }
    let rev = match wait(ledger.find(FindRequest::hold(account(), key("a")))).unwrap() {
        Found::Hold(hold) => hold.rev(),
        other => panic!("{other:?}"),
    };
    wait(ledger.resize(resize("a", rev).with_total(money(MAX - 1)))).unwrap();
    wait(ledger.hold(hold("b", 1))).unwrap();
    let answer = wait(ledger.resize(resize("a", rev + 1).with_total(money(MAX)).with_debt_limit(money(MAX))));
    assert!(matches!(answer, Err(LedgerError::TooLarge { .. })), "{answer:?}");
    assert_eq!(balance(&ledger).held().minor(), MAX);
}

#[test]
fn captures_far_above_are_collected_exactly_as_far_as_there_is_something() {
    for (over, debt, charged) in [
        (OverCapture::UpToAvailable, MAX, 100),
        (OverCapture::Debt, 0, 100),
        (OverCapture::Debt, 7, 107),
        (OverCapture::Debt, MAX - 100, MAX),
        (OverCapture::Debt, MAX, MAX),
    ] {
        let ledger = funded(100);
        wait(ledger.hold(hold("a", 10))).unwrap();
        let request = capture("a", MAX).with_over(over).with_debt_limit(money(debt));
        let captured = wait(ledger.capture(request)).unwrap();
        assert_eq!(captured.value().charged().minor(), charged, "{over:?} {debt}");
        assert_eq!(captured.value().uncollected().minor(), MAX - charged);
        assert_eq!(balance(&ledger).available().minor(), 100 - charged);
    }
    let ledger = funded(100);
    wait(ledger.hold(hold("a", 10))).unwrap();
    let error = wait(ledger.capture(capture("a", MAX).with_over(OverCapture::Reject))).unwrap_err();
    assert_eq!(error, LedgerError::OverCapture { total: money(MAX), hold: money(10) });
    assert!(error.log_fields().contains(&("total", money(MAX).to_string())));
}

#[test]
fn late_captures_far_above_are_collected_exactly() {
    for (late, debt, charged) in
        [(LateCapture::IfAvailable, MAX, 100), (LateCapture::Debt, 7, 107), (LateCapture::Debt, MAX, MAX)]
    {
        let (ledger, clock) = ledger();
        wait(ledger.top_up(&account(), key("paid-in"), money(100))).unwrap();
        // Held with all of that as debt, so that the capture is late and nothing else.
        wait(ledger.hold(hold("a", MAX).with_debt_limit(money(MAX)))).unwrap();
        clock.advance(Duration::from_secs(330));
        let request = capture("a", MAX).with_late(late).with_debt_limit(money(debt));
        let captured = wait(ledger.capture(request)).unwrap();
        assert_eq!(captured.value().charged().minor(), charged, "{late:?} {debt}");
        assert_eq!(captured.value().uncollected().minor(), MAX - charged);
    }
}

#[test]
fn a_minimum_with_the_largest_amounts_takes_what_is_there() {
    let ledger = funded(100);
    let request = hold("a", MAX).with_minimum(money(0)).with_debt_limit(money(MAX - 100));
    assert_eq!(wait(ledger.hold(request)).unwrap().value().total().minor(), MAX);
    assert_eq!(balance(&ledger).available().minor(), 100 - MAX);
    let ledger = funded(MAX);
    let request = hold("a", MAX).with_minimum(money(1)).with_debt_limit(money(MAX));
    assert_eq!(wait(ledger.hold(request)).unwrap().value().total().minor(), MAX);
}

#[test]
fn a_folded_history_of_large_amounts_does_not_wrap() {
    let ledger = MemoryLedger::with_clock(
        MemorySettings::new().with_retained_entries(1),
        Arc::new(ManualClock::new()),
    );
    for round in 0..4 {
        wait(ledger.top_up(&account(), key(&format!("t{round}")), money(MAX))).unwrap();
        wait(ledger.charge(&account(), key(&format!("c{round}")), money(MAX))).unwrap();
    }
    wait(ledger.top_up(&account(), key("last"), money(MAX))).unwrap();
    let page =
        wait(ledger.statement(StatementRequest::new(account()).with_order(Order::OldestFirst))).unwrap();
    let sum: i128 = page.entries().iter().map(|entry| i128::from(entry.amount().minor())).sum();
    assert_eq!(sum, i128::from(MAX));
    assert_eq!(page.entries()[0].kind(), EntryKind::Opening);
}

#[test]
fn a_limit_never_refuses_money_already_paid() {
    // A thousand top-ups and more than are kept: all of it is there.
    let ledger = MemoryLedger::with_clock(
        MemorySettings::new().with_retained_entries(10).with_retained_keys(10),
        Arc::new(ManualClock::new()),
    );
    for index in 0..1_000 {
        wait(ledger.top_up(&account(), key(&format!("t{index}")), money(3))).unwrap();
    }
    assert_eq!(balance(&ledger).available().minor(), 3_000);
    wait(ledger.charge(&account(), key("all"), money(3_000))).unwrap();
}

// Ids, labels, content, units: lengths and characters.

#[test]
fn ids_are_1_to_so_many_visible_ascii_characters() {
    assert_eq!((AccountId::MAX_LEN, IdempotencyKey::MAX_LEN), (128, 255));
    for length in [1, 2, 128] {
        assert_eq!(AccountId::new("a".repeat(length)).unwrap().as_str().len(), length);
    }
    for length in [1, 2, 255] {
        assert_eq!(IdempotencyKey::new("a".repeat(length)).unwrap().as_str().len(), length);
    }
    assert!(AccountId::new("a".repeat(129)).is_err() && IdempotencyKey::new("a".repeat(256)).is_err());
    for byte in 0..=127_u8 {
        let text = char::from(byte).to_string();
        let visible = (0x21..=0x7e).contains(&byte);
        assert_eq!(AccountId::new(&text).is_ok(), visible, "{text:?}");
        assert_eq!(IdempotencyKey::new(&text).is_ok(), visible, "{text:?}");
    }
    for text in ["", "é", "\u{202e}", "日本", "a b", " a", "a "] {
        assert!(AccountId::new(text).is_err() && IdempotencyKey::new(text).is_err(), "{text:?}");
        let shown = IdempotencyKey::new(text).unwrap_err().to_string();
        assert!(shown.contains("visible ASCII"), "{shown}");
    }
    // A hostile text does not make a long or broken message.
    let error = AccountId::new("\r\n\u{1b}[31m".repeat(10_000)).unwrap_err().to_string();
    assert!(error.len() < 1_000 && !error.contains(['\r', '\n', '\u{1b}']), "{error}");
}

#[test]
fn labels_and_content_are_bounded() {
    let pairs = |count: usize| (0..count).map(|index| (format!("n{index}"), "v")).collect::<Vec<_>>();
    assert_eq!((Labels::MAX, Labels::MAX_NAME, Labels::MAX_VALUE), (8, 64, 128));
    assert_eq!((Content::MAX, Content::MAX_NAME, Content::MAX_VALUE), (32, 96, 256));
    assert!(Labels::new(pairs(8)).is_ok() && Labels::new(pairs(9)).is_err());
    assert!(Content::new(pairs(32)).is_ok() && Content::new(pairs(33)).is_err());
    // Characters, not bytes.
    assert!(Labels::new([("ü".repeat(64), "ü".repeat(128))]).is_ok());
    assert!(Labels::new([("ü".repeat(65), "")]).is_err() && Labels::new([("n", "ü".repeat(129))]).is_err());
    assert!(Content::new([("ü".repeat(96), "ü".repeat(256))]).is_ok());
    assert!(Content::new([("ü".repeat(97), "")]).is_err() && Content::new([("n", "ü".repeat(257))]).is_err());
    assert!(Labels::new([("", "v")]).is_err() && Content::new([("", "v")]).is_err());
    assert!(Labels::new([("n", "")]).is_ok() && Content::new([("n", "")]).is_ok());
    // A repeated name keeps the last value and is one field.
    let repeated = pairs(32).into_iter().chain([("n0".to_owned(), "w")]);
    let content = Content::new(repeated).unwrap();
    assert_eq!((content.iter().count(), content.iter().next()), (32, Some(("n0", "w"))));
    let repeated = pairs(8).into_iter().chain([("n7".to_owned(), "w")]);
    assert_eq!(Labels::new(repeated).unwrap().get("n7"), Some("w"));
    for hostile in ["a\nb", "a\u{0}", "a\u{7f}", "a\u{85}", "a\u{2028}", "a\u{202e}b", "a\u{2066}b"] {
        assert!(Labels::new([("n", hostile)]).is_err() && Labels::new([(hostile, "v")]).is_err());
        assert!(Content::new([("n", hostile)]).is_err() && Content::new([(hostile, "v")]).is_err());
    }
    // The order they are given in makes no difference.
    assert_eq!(Content::new(pairs(5)).unwrap(), Content::new(pairs(5).into_iter().rev()).unwrap());
}

#[test]
fn the_longest_names_work_in_every_operation() {
    let (ledger, _) = ledger();
    let account = AccountId::new("a".repeat(128)).unwrap();
    let longest = IdempotencyKey::new("k".repeat(255)).unwrap();
    let labels = Labels::new((0..8).map(|index| (format!("{index:064}"), "v".repeat(128)))).unwrap();
    let content = Content::new((0..32).map(|index| (format!("{index:096}"), "v".repeat(256)))).unwrap();
    let request = PostRequest::new(account.clone(), longest.clone(), PostKind::top_up(), money(10))
        .with_labels(labels.clone())
        .with_content(content.clone());
    wait(ledger.post(request.clone())).unwrap();
    assert!(wait(ledger.post(request)).unwrap().is_replay());
    let request = HoldRequest::new(account.clone(), longest.clone(), money(10))
        .with_labels(labels.clone())
        .with_content(content.clone());
    wait(ledger.hold(request.clone())).unwrap();
    let again = wait(ledger.hold(request)).unwrap();
    assert!(again.is_replay());
    assert_eq!((again.value().labels(), again.value().content()), (labels, content));
    let captured = wait(ledger.capture_final(&account, longest, money(5))).unwrap();
    assert_eq!(captured.value().status(), HoldStatus::Captured);
}

#[test]
fn units_are_1_to_7_characters_and_scale_0_to_12() {
    for (code, scale, valid) in [
        ("A", 0, true),
        ("ABCDEF7", 12, true),
        ("", 0, false),
        ("ABCDEFGH", 0, false),
        ("USD", 13, false),
        ("US D", 2, false),
        ("€", 2, false),
        ("U\0", 2, false),
    ] {
        assert_eq!(Unit::new(code, scale).is_ok(), valid, "{code}/{scale}");
    }
    let finest = Unit::new("X", 12).unwrap();
    for minor in [MIN, MIN + 1, -1, 0, 1, MAX] {
        let text = finest.minor(minor).to_string();
        assert_eq!(text.parse::<Amount>().unwrap().minor(), minor, "{text}");
    }
    assert!(matches!(usd().amount("92233720368547758.08"), Err(AmountError::OutOfRange { .. })));
    assert_eq!(usd().amount("92233720368547758.07").unwrap().minor(), MAX);
    assert_eq!(usd().amount("-92233720368547758.08").unwrap().minor(), MIN);
    assert!(matches!(money(MAX).checked_add(money(1)), Err(AmountError::Overflow { .. })));
    assert!(matches!(money(MIN).checked_sub(money(1)), Err(AmountError::Overflow { .. })));
}

// Settings of the memory ledger.

#[test]
fn settings_out_of_range_are_brought_into_it() {
    for (shards, keys, entries) in [(0, 0, 0), (1, 1, 1), (4_096, 1, 1), (usize::MAX, usize::MAX, usize::MAX)]
    {
        let settings =
            MemorySettings::new().with_shards(shards).with_retained_keys(keys).with_retained_entries(entries);
        let ledger = MemoryLedger::with_clock(settings, Arc::new(ManualClock::new()));
        wait(ledger.top_up(&account(), key("t"), money(10))).unwrap();
        wait(ledger.hold(hold("a", 10))).unwrap();
        wait(ledger.capture(capture("a", 4))).unwrap();
        wait(ledger.charge(&account(), key("c"), money(6))).unwrap();
        assert_eq!(figures(&ledger), (0, 0, 4));
        assert!(found_entry(&ledger, "c"), "at least one entry is kept");
    }
}

/// The most open holds.
#[test]
fn an_account_has_at_most_a_million_open_holds() {
    let ledger = funded(MAX);
    for index in 0..Limits::MAX_OPEN_HOLDS {
        wait(ledger.hold(hold(&format!("h{index}"), 1))).unwrap();
    }
    let before = figures(&ledger);
    let error = wait(ledger.hold(hold("x", 1))).unwrap_err();
    assert!(!matches!(error, LedgerError::Insufficient(_)), "no empty balance: {error:?}");
    assert_eq!(figures(&ledger), before);
    assert!(!found_hold(&ledger, "x"));
    assert!(wait(ledger.hold(hold("h0", 1))).unwrap().is_replay(), "a replay needs no room");
    wait(ledger.post(post("t", PostKind::Adjustment, -1))).unwrap();
    wait(ledger.void_hold(&account(), key("h7"))).unwrap();
    wait(ledger.hold(hold("x", 1))).unwrap();
}

/// Nothing is left out when history is folded between two pages: the last page still says where things stood.
#[test]
fn a_page_after_a_fold_ends_with_the_opening_entry() {
    let settings = MemorySettings::new().with_retained_entries(4);
    let ledger = MemoryLedger::with_clock(settings, Arc::new(ManualClock::new()));
    let charge = |name: String| {
        wait(ledger.post(post(&name, PostKind::Credit(GrantTerms::promotional()), 1))).unwrap()
    };
    (0..4).for_each(|index| drop(charge(format!("a{index}"))));
    let first = wait(ledger.statement(StatementRequest::new(account()).with_limit(2))).unwrap();
    assert_eq!(first.entries().iter().map(Entry::seq).collect::<Vec<_>>(), [4, 3]);
    (0..4).for_each(|index| drop(charge(format!("b{index}"))));
    let next = StatementRequest::new(account()).with_limit(2).with_after(first.next());
    let last = wait(ledger.statement(next)).unwrap();
    assert_eq!(last.entries().iter().map(Entry::kind).collect::<Vec<_>>(), [EntryKind::Opening]);
    assert_eq!((last.entries()[0].balance_after().minor(), last.next()), (4, None));
}
