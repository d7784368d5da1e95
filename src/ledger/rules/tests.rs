//! The rules alone, with no ledger around them.

use super::*;
use crate::cap::{Cap, Caps, Counted, CounterKey};
use crate::grant::{Draw, Grant, GrantKind, GrantTerms, Origin};
use crate::hold::{LateCapture, OverCapture};
use crate::id::{AccountId, IdempotencyKey};
use crate::ledger::request::{
    CaptureMode, CaptureRequest, HoldRequest, PostKind, PostRequest, ResizeRequest, VoidRequest,
};
use crate::limits::Limits;
use crate::period::Period;
use std::sync::Arc;
use std::time::Duration;

fn usd(minor: i64) -> Amount {
    Unit::new("USD", 2).unwrap().minor(minor)
}

fn names() -> (AccountId, IdempotencyKey) {
    (AccountId::new("a").unwrap(), IdempotencyKey::new("k").unwrap())
}

fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros)
}

fn account(posted: i64) -> AccountState {
    AccountState { seq: 1, posted, ..AccountState::empty(usd(0).unit()) }
}

fn hold_of(account: &AccountState, amount: i64) -> (AccountState, HoldState) {
    let (id, key) = names();
    let request = HoldRequest::new(id, key, usd(amount));
    let changes = hold(account, &[], None, &request, at(0)).unwrap().changes.unwrap();
    (changes.account, changes.hold.unwrap())
}

fn capture_of(total: i64) -> CaptureRequest {
    let (id, key) = names();
    CaptureRequest::new(id, key, usd(total))
}

#[test]
fn the_number_of_open_holds_is_limited_on_both_sides() {
    let (id, key) = names();
    let request = HoldRequest::new(id, key, usd(1));
    let mut full = account(10);
    full.open_holds = Limits::MAX_OPEN_HOLDS - 1;
    assert!(hold(&full, &[], None, &request, at(0)).is_ok());
    full.open_holds = Limits::MAX_OPEN_HOLDS;
    assert!(matches!(
        hold(&full, &[], None, &request, at(0)),
        Err(Stop::Refuse(LedgerError::Invalid { .. }))
    ));
}

#[test]
fn a_shortage_is_not_certain_while_a_hold_may_be_due() {
    let (held, _) = hold_of(&account(10), 10);
    let (id, _) = names();
    let other = HoldRequest::new(id, IdempotencyKey::new("other").unwrap(), usd(1));
    let due = at(i64::try_from((Limits::DEFAULT_LIFETIME + Limits::DEFAULT_GRACE).as_micros()).unwrap());
    assert!(matches!(hold(&held, &[], None, &other, at(0)), Err(Stop::Refuse(LedgerError::Insufficient(_)))));
    assert!(matches!(hold(&held, &[], None, &other, due), Err(Stop::DueFirst)));
    // But what fits is admitted at once: an unreleased hold only understates what is available.
    let (part, _) = hold_of(&account(10), 5);
    assert!(hold(&part, &[], None, &other, due).is_ok());
}

#[test]
fn a_capture_takes_its_own_hold_first_then_what_is_free_and_never_another_hold() {
    // 100 posted, 40 held here, 50 held by another: 10 are free.
    let (mut held, own) = hold_of(&account(100), 40);
    held.held += 50;
    held.open_holds += 1;
    let outcome = capture(&held, &[], Some(&own), &capture_of(75), at(1)).unwrap();
    let changes = outcome.changes.unwrap();
    assert_eq!((changes.account.posted, changes.account.held), (50, 50));
    assert_eq!(changes.hold.unwrap().uncollected(), usd(25));
    assert_eq!(outcome.reply.value().charged(), usd(50));
    assert_eq!(changes.entry.unwrap().uncollected(), usd(25));

    let allowed = capture_of(75).with_over(OverCapture::Debt).with_debt_limit(usd(20));
    let outcome = capture(&held, &[], Some(&own), &allowed, at(1)).unwrap();
    assert_eq!(outcome.reply.value().charged(), usd(70));
    assert_eq!(outcome.reply.available_after(), usd(-20));

    let refused = capture_of(75).with_over(OverCapture::Reject);
    assert!(matches!(
        capture(&held, &[], Some(&own), &refused, at(1)),
        Err(Stop::Refuse(LedgerError::OverCapture { .. }))
    ));
}

#[test]
fn a_late_capture_takes_only_what_is_free() {
    let (mut state, mut own) = hold_of(&account(100), 40);
    let later = own.release_at();
    assert!(matches!(capture(&state, &[], Some(&own), &capture_of(40), later), Err(Stop::DueFirst)));
    release(&mut state, &[], &mut own, later);
    assert_eq!((state.held, state.open_holds, own.status()), (0, 0, crate::hold::HoldStatus::Expired));
    state.next_due = Timestamp::MAX;
    state.held = 90;
    let outcome = capture(&state, &[], Some(&own), &capture_of(40), later).unwrap();
    assert_eq!(outcome.reply.value().charged(), usd(10));
    assert!(outcome.reply.value().is_late());
    let never = capture_of(40).with_late(LateCapture::Reject);
    assert!(matches!(
        capture(&state, &[], Some(&own), &never, later),
        Err(Stop::Refuse(LedgerError::HoldExpired(_)))
    ));
}

#[test]
fn partial_captures_name_absolute_totals() {
    let (state, own) = hold_of(&account(100), 40);
    let first = capture(&state, &[], Some(&own), &capture_of(15).with_mode(CaptureMode::Partial), at(1))
        .unwrap()
        .changes
        .unwrap();
    let own = first.hold.unwrap();
    assert_eq!((first.account.posted, first.account.held), (85, 25));
    // The same again, and an older one that was overtaken: nothing happens.
    for total in [15, 10] {
        let again = capture(
            &first.account,
            &[],
            Some(&own),
            &capture_of(total).with_mode(CaptureMode::Partial),
            at(2),
        )
        .unwrap();
        assert!(again.changes.is_none() && again.reply.is_replay());
    }
    let less = capture(&first.account, &[], Some(&own), &capture_of(10), at(2));
    assert!(matches!(less, Err(Stop::Refuse(LedgerError::BelowCaptured { .. }))));
    let last = capture(&first.account, &[], Some(&own), &capture_of(30), at(3)).unwrap();
    assert_eq!(last.reply.value().charged(), usd(15));
    assert_eq!(last.reply.value().freed(), usd(10));
    let state = last.changes.unwrap().account;
    assert_eq!((state.posted, state.held, state.open_holds), (70, 0, 0));
}

#[test]
fn sums_that_would_not_fit_are_refused() {
    let (id, key) = names();
    let top_up = PostRequest::new(id.clone(), key.clone(), PostKind::top_up(), usd(1));
    let full = account(i64::MAX);
    assert!(matches!(
        post(&full, &[], None, Source::None, &top_up, at(0)),
        Err(Stop::Refuse(LedgerError::TooLarge { .. }))
    ));
    let (held, _) = hold_of(&full, i64::MAX);
    assert_eq!(held.available(), 0);
    let mut debt = HoldRequest::new(id, IdempotencyKey::new("x").unwrap(), usd(1));
    debt.debt_limit = usd(i64::MAX);
    assert!(matches!(hold(&held, &[], None, &debt, at(0)), Err(Stop::Refuse(LedgerError::TooLarge { .. }))));
}

#[test]
fn time_never_runs_backwards_for_an_account() {
    let mut state = account(10);
    state.time = at(1_000_000);
    let (next, own) = hold_of(&state, 1);
    assert_eq!(next.time, at(1_000_000));
    assert_eq!(own.ends_at(), at(1_000_000).saturating_add(Limits::DEFAULT_LIFETIME));
    assert_eq!(own.release_at().saturating_since(own.ends_at()), Duration::from_secs(30));
}

#[test]
fn a_sum_that_does_not_fit_is_named_by_the_amount_that_would_be_added() {
    let too_large = |answer: Stop| match answer {
        Stop::Refuse(LedgerError::TooLarge { amount }) => amount,
        other => panic!("{other:?}"),
    };
    assert_eq!(too_large(account(i64::MAX).shift(3, 0).unwrap_err()), usd(3));
    let (mut held, _) = hold_of(&account(i64::MAX), i64::MAX);
    assert_eq!(too_large(held.shift(-7, 5).unwrap_err()), usd(5));
}

/// An account with a hold of 5 of 10 that is due, and the time.
fn overdue() -> (AccountState, Timestamp) {
    let (held, own) = hold_of(&account(10), 5);
    (held, own.release_at())
}

#[test]
fn a_sum_is_not_too_large_for_certain_while_a_hold_may_be_due() {
    let (mut state, due) = overdue();
    assert!(matches!(state.shift(0, i64::MAX), Err(Stop::Refuse(LedgerError::TooLarge { .. }))));
    state = state.at(due);
    assert!(matches!(state.shift(0, i64::MAX), Err(Stop::DueFirst)));
}

#[test]
fn a_cap_is_not_reached_for_certain_while_a_hold_may_be_due() {
    let (state, due) = overdue();
    let (id, _) = names();
    let key = CounterKey {
        scope: "s".parse().unwrap(),
        period: Period::day(),
        start: Period::day().start_of(at(0)),
    };
    let counted = [Counter { key, unit: usd(0).unit(), used: 0, held: 5, told: 0 }];
    let capped = |amount, minimum| {
        let cap = Cap::new("s".parse().unwrap(), Period::day(), usd(6));
        HoldRequest::new(id.clone(), "k2".parse().unwrap(), usd(amount))
            .with_minimum(usd(minimum))
            .with_caps(Caps::new([cap]).unwrap())
    };
    let ask = |amount, minimum, now| hold(&state, &counted, None, &capped(amount, minimum), now);
    // In time it is certain: refused, or cut to what is left.
    assert!(matches!(ask(2, 2, at(1)), Err(Stop::Refuse(LedgerError::CapReached(_)))));
    assert_eq!(ask(2, 1, at(1)).unwrap().reply.value().total(), usd(1));
    // Overdue, only what fits beside the due hold is decided at once.
    assert!(matches!(ask(2, 2, due), Err(Stop::DueFirst)));
    assert!(matches!(ask(2, 1, due), Err(Stop::DueFirst)));
    assert_eq!(ask(1, 1, due).unwrap().reply.value().total(), usd(1));
}

/// A grant of 10 that ends at the time 100.
fn granted() -> AccountState {
    let (id, key) = names();
    let terms = GrantTerms::promotional().ending_at(at(100));
    let grant = PostRequest::new(id, key, PostKind::Credit(terms), usd(10));
    post(&account(0), &[], None, Source::None, &grant, at(0)).unwrap().changes.unwrap().account
}

#[test]
fn nothing_is_decided_before_credit_that_has_ended_is_booked() {
    let (id, key) = names();
    let mut state = granted();
    let request = HoldRequest::new(id.clone(), key.clone(), usd(4));
    let own = hold(&state, &[], None, &request, at(1)).unwrap().changes.unwrap();
    let (held, own) = (own.account, own.hold.unwrap());
    let later = at(100);
    assert!(matches!(hold(&state, &[], None, &request, later), Err(Stop::DueFirst)));
    let charge = PostRequest::new(id.clone(), key.clone(), PostKind::Charge, usd(1));
    assert!(matches!(post(&state, &[], None, Source::None, &charge, later), Err(Stop::DueFirst)));
    let capture = capture(&held, &[], Some(&own), &capture_of(1), later);
    assert!(matches!(capture, Err(Stop::DueFirst)));
    let void = void(&held, &[], Some(&own), &VoidRequest::new(id.clone(), key.clone()), later);
    assert!(matches!(void, Err(Stop::DueFirst)));
    let resize = resize(&held, &[], Some(&own), &ResizeRequest::new(id, key, 1).with_total(usd(5)), later);
    assert!(matches!(resize, Err(Stop::DueFirst)));
    assert_eq!(turn(&mut state, at(99)), None);
    let entry = turn(&mut state, at(120)).unwrap();
    assert_eq!((entry.kind(), entry.amount(), entry.effective_at()), (EntryKind::Expiry, usd(-10), at(100)));
    assert_eq!((state.posted, state.seq, state.time), (0, 3, at(120)));
    assert!(hold(&state, &[], None, &request, later).is_err_and(|stop| stop != Stop::DueFirst));
}

#[test]
fn what_comes_back_ended_goes_to_no_other_grant_that_has_ended() {
    // Two grants that ended, each kept by a hold on it; a charge on the first is refunded.
    let (id, _) = names();
    let unit = usd(0).unit();
    let origin = |id| {
        let ended = Origin {
            id,
            key: "g".parse().unwrap(),
            unit,
            kind: GrantKind::Promotional,
            priority: 128,
            starts_at: None,
            ends_at: Some(at(10)),
            label: None,
        };
        Arc::new(ended)
    };
    let mut state = AccountState { posted: 4, held: 4, seq: 9, open_holds: 2, ..AccountState::empty(unit) };
    for id in [2, 3] {
        let grant = Grant { origin: origin(id), original: 5, remaining: 2, held: 2, started: true };
        state.grants.change(|grants| grants.push(grant));
    }
    for (drawn, other) in [(2, 3), (3, 2)] {
        let draw = Draw { used: 3, ..Draw::none(Some(origin(drawn)), unit) };
        let charge = Entry {
            detail: Detail { draws: Few::One([draw]), ..Detail::default() }.kept(),
            amount: -3,
            ..AccountState::empty(unit).entry(
                ("c".parse().unwrap(), Declared::default()),
                EntryKind::Charge,
                Operation::Charge,
                -3,
                Few::None,
                Detail::default(),
            )
        };
        let of = crate::entry::ChargeRef::Charge("c".parse().unwrap());
        let request = PostRequest::new(id.clone(), "r".parse().unwrap(), PostKind::refund(of), usd(3));
        let refunded = post(&state, &[], None, Source::Entry(&charge), &request, at(20)).unwrap();
        let changes = refunded.changes.unwrap();
        let remaining =
            |id| changes.account.grants.list().iter().find(|grant| grant.id() == id).unwrap().remaining;
        assert_eq!((remaining(drawn), remaining(other)), (5, 2));
    }
}

#[test]
fn what_fits_exactly_is_admitted_at_once_though_a_hold_may_be_due() {
    let (state, due) = overdue();
    let (id, _) = names();
    let request = |amount| HoldRequest::new(id.clone(), "k2".parse().unwrap(), usd(amount));
    assert_eq!(hold(&state, &[], None, &request(5), due).unwrap().reply.value().total(), usd(5));
    assert!(matches!(hold(&state, &[], None, &request(6), due), Err(Stop::DueFirst)));
}

#[test]
fn a_resize_that_only_lengthens_touches_no_counter() {
    let (id, key) = names();
    let caps = Caps::new([Cap::new("s".parse().unwrap(), Period::day(), usd(6))]).unwrap();
    let request = HoldRequest::new(id.clone(), key.clone(), usd(5)).with_caps(caps.clone());
    let held = hold(&account(10), &[], None, &request, at(0)).unwrap().changes.unwrap();
    let longer = ResizeRequest::new(id, key, 1).with_lifetime(Duration::from_secs(600)).with_caps(caps);
    let own = held.hold.unwrap();
    let changes = resize(&held.account, &held.counters, Some(&own), &longer, at(1)).unwrap().changes.unwrap();
    assert_eq!(changes.counters, []);
    assert_eq!(changes.hold.unwrap().counted(), own.counted());
}

fn promo(amount: i64, terms: GrantTerms) -> PostRequest {
    let (id, _) = names();
    PostRequest::new(id, IdempotencyKey::unique(), PostKind::Credit(terms), usd(amount))
}

fn posted(state: &AccountState, request: &PostRequest, now: Timestamp) -> AccountState {
    post(state, &[], None, Source::None, request, now).unwrap().changes.unwrap().account
}

#[test]
fn a_hold_on_plain_credit_says_so_once_it_draws_on_a_grant() {
    let (state, own) = hold_of(&account(100), 10);
    let part =
        capture(&state, &[], Some(&own), &capture_of(5).with_mode(CaptureMode::Partial), at(1)).unwrap();
    let part = part.changes.unwrap();
    let (id, key) = names();
    let of = crate::entry::ChargeRef::Hold(key);
    let refund = PostRequest::new(id, "r".parse().unwrap(), PostKind::refund(of), usd(3));
    let own = part.hold.unwrap();
    let back = post(&part.account, &[], None, Source::Hold(&own), &refund, at(2)).unwrap().changes.unwrap();
    let state = posted(&back.account, &promo(50, GrantTerms::promotional()), at(3));
    let own = back.hold.unwrap();
    let last =
        capture(&state, &[], Some(&own), &capture_of(12), at(4)).unwrap().changes.unwrap().hold.unwrap();
    let draws: Vec<_> = last
        .draws()
        .iter()
        .map(|draw| (draw.grant().is_some(), draw.held, draw.used, draw.refunded))
        .collect();
    assert_eq!(draws, [(false, 0, 10, 3), (true, 0, 2, 0)]);
    // A hold of nothing drew nothing.
    let (state, own) = hold_of(&account(0), 0);
    let state = posted(&state, &promo(50, GrantTerms::promotional()), at(1));
    let last =
        capture(&state, &[], Some(&own), &capture_of(2), at(2)).unwrap().changes.unwrap().hold.unwrap();
    assert_eq!(last.draws().len(), 1);
    assert!(last.draws()[0].grant().is_some());
}

#[test]
fn credit_that_starts_now_has_started() {
    let state = posted(&account(0), &promo(10, GrantTerms::promotional().starting_at(at(5))), at(5));
    assert_eq!((state.posted, state.grants.list()[0].has_started()), (10, true));
    let state = posted(&account(0), &promo(10, GrantTerms::promotional().starting_at(at(6))), at(5));
    assert_eq!((state.posted, state.grants.list()[0].has_started()), (0, false));
}

#[test]
fn a_renewal_of_nothing_needs_no_room() {
    let label = || "plan".parse().unwrap();
    let full = (0..32).fold(account(0), |state, priority| {
        posted(&state, &promo(1, GrantTerms::promotional().with_priority(priority)), at(0))
    });
    let renewal = |max| GrantTerms::included().with_label(label()).renewing_up_to(usd(max));
    let nothing = post(&full, &[], None, Source::None, &promo(0, renewal(0)), at(1)).unwrap();
    assert_eq!(nothing.changes.unwrap().account.grants, full.grants);
    assert_eq!(nothing.reply.value().grant(), None);
    let refused = post(&full, &[], None, Source::None, &promo(1, renewal(1)), at(1));
    assert!(matches!(refused, Err(Stop::Refuse(LedgerError::Invalid { .. }))));
}

#[test]
fn a_hold_that_grows_keeps_what_it_drew_before_and_nothing_it_did_not() {
    let (id, key) = names();
    let grown = |state: &AccountState, own: &HoldState, total| {
        let state = posted(state, &promo(50, GrantTerms::promotional()), at(1));
        let request = ResizeRequest::new(id.clone(), key.clone(), own.rev()).with_total(usd(total));
        let hold = resize(&state, &[], Some(own), &request, at(2)).unwrap().changes.unwrap().hold.unwrap();
        hold.draws().iter().map(|draw| (draw.grant().is_some(), draw.held, draw.used)).collect::<Vec<_>>()
    };
    let (state, own) = hold_of(&account(0), 0);
    assert_eq!(grown(&state, &own, 5), [(true, 5, 0)]);
    let (state, own) = hold_of(&account(10), 10);
    assert_eq!(grown(&state, &own, 15), [(false, 10, 0), (true, 5, 0)]);
    let all = capture_of(10).with_mode(CaptureMode::Partial);
    let used = capture(&state, &[], Some(&own), &all, at(1)).unwrap().changes.unwrap();
    assert_eq!(grown(&used.account, &used.hold.unwrap(), 15), [(false, 0, 10), (true, 5, 0)]);
}

#[test]
fn a_capture_above_its_hold_is_short_for_certain_only_when_no_hold_may_be_due() {
    let (id, _) = names();
    let (state, other) = hold_of(&account(100), 40);
    let long =
        HoldRequest::new(id.clone(), "long".parse().unwrap(), usd(40)).with_lifetime(Limits::MAX_LIFETIME);
    let held = hold(&state, &[], None, &long, at(0)).unwrap().changes.unwrap();
    let (state, own, due) = (held.account, held.hold.unwrap(), other.release_at());
    let capture = |total, now| {
        capture(&state, &[], Some(&own), &CaptureRequest::new(id.clone(), own.key().clone(), usd(total)), now)
    };
    // 20 are free whatever the other hold does.
    assert_eq!(capture(60, due).unwrap().reply.value().charged(), usd(60));
    assert!(matches!(capture(61, due), Err(Stop::DueFirst)));
    assert_eq!(capture(61, at(1)).unwrap().reply.value().uncollected(), usd(1));
}

#[test]
fn what_a_hold_counts_in_stays_short() {
    let (day, minute) = (Period::day(), Period::rolling(Duration::from_secs(60)).unwrap());
    let second = |seconds: i64| at(seconds * 1_000_000);
    let row = |scope: &str, period: Period, seconds, held, used| Counted {
        key: CounterKey { scope: scope.parse().unwrap(), period, start: period.start_of(second(seconds)) },
        unit: usd(0).unit(),
        held,
        used,
    };
    const DAY: i64 = 86_400;
    let now = 100 * DAY;
    let counted = |rows: &[Counted]| {
        let mut rows = rows.to_vec();
        caps::forget(&mut rows, second(now));
        rows
    };
    // Rows that have left a rolling period are one, the present ones stay.
    let rolling = [
        row("r", minute, now - 300, 3, 1),
        row("r", minute, now - 200, 0, 2),
        row("r", minute, now - 61, 4, 0),
        row("r", minute, now - 60, 5, 0),
        row("r", minute, now, 6, 0),
    ];
    assert_eq!(
        counted(&rolling),
        [row("r", minute, now - 61, 7, 3), row("r", minute, now - 60, 5, 0), row("r", minute, now, 6, 0)]
    );
    // Of a calendar, what was only used and is over goes, but the last of each scope.
    let calendar = [
        row("a", day, 10 * DAY, 0, 5),
        row("a", day, 11 * DAY, 2, 0),
        row("a", day, 12 * DAY, 0, 5),
        row("a", day, 99 * DAY, 0, 1),
        row("a", day, now, 1, 0),
        row("b", day, 10 * DAY, 0, 4),
    ];
    let left = [1, 3, 4, 5].map(|at: usize| calendar[at].clone());
    assert_eq!(counted(&calendar), left);
    // Two scopes are never one, and nothing changes while nothing is over.
    let two = [row("r", minute, now - 300, 3, 0), row("s", minute, now - 300, 4, 0)];
    assert_eq!(counted(&two), two);
    assert_eq!(counted(&rolling[3..]), rolling[3..]);
}
