//! The clauses of the contract of a ledger, one module of checks for each, as its documentation states them.
//!
//! Each check runs on the memory ledger itself and on the same behind a wrapper whose answers come late: it submits
//! when called, as clause 3 demands, and its futures are ready only when polled for the second time.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use billing_guard::{
    AccountId, Amount, Applied, Balance, BalanceRequest, CaptureMode, CaptureRequest, Captured, ChargeRef,
    Clock, Content, CountersPage, CountersRequest, Entry, EntryKind, FindRequest, Found, GrantTerms,
    HoldRequest, HoldState, HoldStatus, HoldsPage, HoldsRequest, IdempotencyKey, Labels, LateCapture, Ledger,
    LedgerError, LedgerFuture, ManualClock, MemoryLedger, MemorySettings, Operation, Order, OverCapture,
    PostKind, PostRequest, ResizeRequest, ShortReason, Shortfall, Statement, StatementRequest, SweepRequest,
    Swept, Timestamp, Unit, VoidRequest, wait,
};

/// Forwards every call at once and answers on the second poll.
#[derive(Debug)]
struct Late(Arc<dyn Ledger>);

/// Not ready when first polled.
struct SecondPoll(bool);

impl Future for SecondPoll {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.0 {
            return Poll::Ready(());
        }
        self.0 = true;
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

fn late<T: Send + 'static>(answer: LedgerFuture<T>) -> LedgerFuture<T> {
    LedgerFuture::boxed(async move {
        SecondPoll(false).await;
        answer.await
    })
}

impl Ledger for Late {
    fn hold(&self, request: HoldRequest) -> LedgerFuture<Applied<HoldState>> {
        late(self.0.hold(request))
    }
    fn resize(&self, request: ResizeRequest) -> LedgerFuture<Applied<HoldState>> {
        late(self.0.resize(request))
    }
    fn capture(&self, request: CaptureRequest) -> LedgerFuture<Applied<Captured>> {
        late(self.0.capture(request))
    }
    fn void(&self, request: VoidRequest) -> LedgerFuture<Applied<HoldState>> {
        late(self.0.void(request))
    }
    fn post(&self, request: PostRequest) -> LedgerFuture<Applied<Entry>> {
        late(self.0.post(request))
    }
    fn find(&self, request: FindRequest) -> LedgerFuture<Found> {
        late(self.0.find(request))
    }
    fn balance(&self, request: BalanceRequest) -> LedgerFuture<Balance> {
        late(self.0.balance(request))
    }
    fn statement(&self, request: StatementRequest) -> LedgerFuture<Statement> {
        late(self.0.statement(request))
    }
    fn holds(&self, request: HoldsRequest) -> LedgerFuture<HoldsPage> {
        late(self.0.holds(request))
    }
    fn counters(&self, request: CountersRequest) -> LedgerFuture<CountersPage> {
        late(self.0.counters(request))
    }
    fn sweep(&self, request: SweepRequest) -> LedgerFuture<Swept> {
        late(self.0.sweep(request))
    }
}

/// A ledger, the clock it runs on, and one account of it.
struct World {
    ledger: Arc<dyn Ledger>,
    clock: Arc<ManualClock>,
    account: AccountId,
    usd: Unit,
}

type Start = fn(MemorySettings) -> World;

fn direct(settings: MemorySettings) -> World {
    let clock = Arc::new(ManualClock::new());
    let ledger = Arc::new(MemoryLedger::with_clock(settings, clock.clone()));
    World { ledger, clock, account: AccountId::new("acct").unwrap(), usd: Unit::new("USD", 2).unwrap() }
}

fn wrapped(settings: MemorySettings) -> World {
    let world = direct(settings);
    World { ledger: Arc::new(Late(world.ledger)), ..world }
}

fn key(text: &str) -> IdempotencyKey {
    text.parse().unwrap()
}

fn content(fields: &[(&str, &str)]) -> Content {
    Content::new(fields.iter().copied()).unwrap()
}

const MICRO: Duration = Duration::from_micros(1);

type Answer<T> = Result<Applied<T>, LedgerError>;

impl World {
    fn new(start: Start) -> Self {
        start(MemorySettings::new())
    }
    /// With this much paid in, in change number 1.
    fn funded(start: Start, minor: i64) -> Self {
        let world = Self::new(start);
        world.top_up("paid in", minor).unwrap();
        world
    }
    fn amount(&self, minor: i64) -> Amount {
        self.usd.minor(minor)
    }
    fn hold_request(&self, name: &str, minor: i64) -> HoldRequest {
        HoldRequest::new(self.account.clone(), key(&dashed(name)), self.amount(minor))
    }
    fn hold(&self, name: &str, minor: i64) -> Answer<HoldState> {
        wait(self.ledger.hold(self.hold_request(name, minor)))
    }
    fn resize_request(&self, name: &str, rev: u32) -> ResizeRequest {
        ResizeRequest::new(self.account.clone(), key(&dashed(name)), rev)
    }
    fn resize(&self, name: &str, rev: u32, total: i64) -> Answer<HoldState> {
        wait(self.ledger.resize(self.resize_request(name, rev).with_total(self.amount(total))))
    }
    fn capture_request(&self, name: &str, total: i64) -> CaptureRequest {
        CaptureRequest::new(self.account.clone(), key(&dashed(name)), self.amount(total))
    }
    fn capture(&self, name: &str, total: i64) -> Answer<Captured> {
        wait(self.ledger.capture(self.capture_request(name, total)))
    }
    fn partial(&self, name: &str, total: i64) -> Answer<Captured> {
        wait(self.ledger.capture(self.capture_request(name, total).with_mode(CaptureMode::Partial)))
    }
    fn void(&self, name: &str) -> Answer<HoldState> {
        wait(self.ledger.void(VoidRequest::new(self.account.clone(), key(&dashed(name)))))
    }
    fn post_request(&self, name: &str, kind: PostKind, minor: i64) -> PostRequest {
        PostRequest::new(self.account.clone(), key(&dashed(name)), kind, self.amount(minor))
    }
    fn post(&self, name: &str, kind: PostKind, minor: i64) -> Answer<Entry> {
        wait(self.ledger.post(self.post_request(name, kind, minor)))
    }
    fn top_up(&self, name: &str, minor: i64) -> Answer<Entry> {
        self.post(name, PostKind::top_up(), minor)
    }
    fn charge(&self, name: &str, minor: i64) -> Answer<Entry> {
        self.post(name, PostKind::Charge, minor)
    }
    fn adjust(&self, name: &str, minor: i64) -> Answer<Entry> {
        self.post(name, PostKind::Adjustment, minor)
    }
    fn refund_hold(&self, name: &str, of: &str, minor: i64) -> Answer<Entry> {
        self.post(name, PostKind::refund(ChargeRef::Hold(key(&dashed(of)))), minor)
    }
    fn refund_charge(&self, name: &str, of: &str, minor: i64) -> Answer<Entry> {
        self.post(name, PostKind::refund(ChargeRef::Charge(key(&dashed(of)))), minor)
    }
    fn find_hold(&self, name: &str) -> Option<HoldState> {
        match wait(self.ledger.find(FindRequest::hold(self.account.clone(), key(&dashed(name))))).unwrap() {
            Found::Hold(hold) => Some(*hold),
            Found::NotApplied => None,
            other => panic!("a hold was asked for: {other:?}"),
        }
    }
    fn find_entry(&self, name: &str) -> Option<Entry> {
        let (account, key) = (self.account.clone(), key(&dashed(name)));
        let requests = [FindRequest::charge(account.clone(), key.clone()), FindRequest::credit(account, key)];
        requests.into_iter().find_map(|request| match wait(self.ledger.find(request)).unwrap() {
            Found::Entry(entry) => Some(*entry),
            Found::NotApplied => None,
            other => panic!("an entry was asked for: {other:?}"),
        })
    }
    fn balance(&self) -> Balance {
        wait(self.ledger.balance(BalanceRequest::new(self.account.clone(), self.usd))).unwrap()
    }
    fn available(&self) -> i64 {
        self.balance().available().minor()
    }
    fn seq(&self) -> u64 {
        self.balance().seq()
    }
    fn statement(&self) -> Vec<Entry> {
        let request = StatementRequest::new(self.account.clone()).with_order(Order::OldestFirst);
        wait(self.ledger.statement(request.with_limit(1_000))).unwrap().entries().to_vec()
    }
    fn sweep(&self) -> Swept {
        wait(self.ledger.sweep(SweepRequest::new())).unwrap()
    }
    /// Everything that can be read of the account but the time.
    fn picture(&self) -> (i64, i64, u32, u64, Vec<Entry>, Vec<HoldState>) {
        let balance = self.balance();
        let holds =
            wait(self.ledger.holds(HoldsRequest::new(self.account.clone()).with_limit(1_000))).unwrap();
        (
            balance.posted().minor(),
            balance.held().minor(),
            balance.open_holds(),
            balance.seq(),
            self.statement(),
            holds.holds().to_vec(),
        )
    }
    /// Runs something that must leave no trace.
    fn without_a_trace<T>(&self, run: impl FnOnce() -> T) -> T {
        let before = self.picture();
        let answer = run();
        assert_eq!(self.picture(), before, "something was changed");
        answer
    }
    /// Refused, with nothing changed.
    fn refused<T: std::fmt::Debug>(&self, run: impl FnOnce() -> Answer<T>) -> LedgerError {
        self.without_a_trace(|| run().unwrap_err())
    }
    /// A replay, with nothing changed.
    fn replayed<T: std::fmt::Debug>(&self, run: impl FnOnce() -> Answer<T>) -> T {
        let seq = self.seq();
        let applied = self.without_a_trace(|| run().unwrap());
        assert!(applied.is_replay(), "{applied:?}");
        assert_eq!(applied.seq(), seq, "a replay carries the latest change's number");
        assert_eq!(applied.available_after().minor(), self.available());
        assert_eq!(applied.available_before(), applied.available_after(), "a replay changes nothing");
        applied.into_value()
    }
    /// The field that a conflict names. A content field may stand in quotes.
    fn conflict<T: std::fmt::Debug>(&self, run: impl FnOnce() -> Answer<T>) -> String {
        match self.refused(run) {
            LedgerError::KeyConflict { field } => field.trim_matches('"').to_owned(),
            other => panic!("{other:?}"),
        }
    }
    /// The proof of a refusal for lack of balance.
    fn short<T: std::fmt::Debug>(&self, run: impl FnOnce() -> Answer<T>) -> Shortfall {
        let seq = self.seq();
        match self.refused(run) {
            LedgerError::Insufficient(short) => {
                assert_eq!(short.seq(), seq, "a refusal carries the number it was decided on");
                *short
            }
            other => panic!("{other:?}"),
        }
    }
    /// Fresh, and the next change: one number further, from what was available to what is.
    fn fresh<T: std::fmt::Debug>(&self, run: impl FnOnce() -> Answer<T>) -> T {
        let before = self.balance();
        let applied = run().unwrap();
        assert!(!applied.is_replay(), "{applied:?}");
        assert_eq!(applied.seq(), before.seq() + 1, "each change has the next number");
        assert_eq!(applied.available_before(), before.available());
        let after = self.balance();
        assert_eq!(applied.available_after(), after.available());
        assert_eq!(after.seq(), applied.seq());
        self.check_sums();
        applied.into_value()
    }
    /// Clause 9: the sums, from what can be read.
    fn check_sums(&self) {
        let (posted, held, open, _, entries, holds) = self.picture();
        assert_eq!(entries.iter().map(|entry| entry.amount().minor()).sum::<i64>(), posted);
        assert_eq!(holds.iter().map(|hold| hold.reserved().minor()).sum::<i64>(), held);
        assert_eq!(holds.len(), open as usize);
        assert!(holds.iter().all(|hold| hold.status() == HoldStatus::Open));
    }
}

/// Keys have no spaces; tests read better with them.
fn dashed(name: &str) -> String {
    name.replace(' ', "-")
}

/// Runs each check on both ledgers.
macro_rules! clauses {
    ($($clause:ident: $($check:ident)*;)*) => {
        mod on_the_memory_ledger { $(mod $clause { $(
            #[test]
            fn $check() { crate::$clause::$check(crate::direct); }
        )* })* }
        mod behind_a_late_wrapper { $(mod $clause { $(
            #[test]
            fn $check() { crate::$clause::$check(crate::wrapped); }
        )* })* }
    };
}

clauses! {
    clause_1:
        check_and_hold_are_one_step
        several_open_holds_share_one_balance
        a_minimum_takes_all_that_is_there
        a_minimum_above_what_is_there_is_refused
        a_charge_in_one_step_respects_holds
        an_unknown_account_is_refused_and_stored_nowhere
        an_unknown_account_reads_as_empty
        the_first_change_fixes_the_unit
        each_operation_in_another_unit_is_refused
        accounts_do_not_share_money_keys_or_numbers;
    clause_2:
        a_repeated_hold_is_the_same_hold
        a_repeated_hold_carries_its_present_state
        a_repeated_hold_with_another_amount_conflicts
        declared_content_decides_not_the_amounts
        policy_and_labels_are_not_compared
        a_repeated_post_of_each_kind_is_a_replay
        a_repeated_post_with_changed_content_conflicts
        a_refund_of_another_charge_conflicts
        a_repeated_final_capture_charges_once
        a_final_capture_of_another_total_conflicts
        a_repeated_void_is_a_replay
        a_refusal_is_not_frozen
        a_refused_charge_is_not_frozen
        holds_and_postings_have_keys_of_their_own
        keys_of_closed_holds_outlast_a_day_or_the_lifetime
        a_forgotten_hold_is_unknown_and_its_key_new
        an_open_hold_is_never_forgotten
        a_forgotten_entry_leaves_its_key_new_and_the_sum_right;
    clause_3:
        dropped_unpolled_futures_have_been_applied
        void_works_before_any_answer_came
        a_dropped_refusal_changed_nothing;
    clause_4:
        find_tells_holds_and_postings_apart
        find_says_not_applied_after_a_refusal
        operations_on_a_hold_that_never_was
        a_shortfall_is_proved_and_adds_up
        a_shortfall_tells_the_next_release_of_what_is_open;
    clause_5:
        expires_exactly_at_release_not_a_microsecond_earlier
        money_of_an_expired_hold_is_there_without_a_sweep
        an_expired_hold_never_causes_a_refusal
        all_that_has_expired_counts_as_released_however_many
        an_expired_hold_never_makes_a_sum_too_large
        a_capture_within_the_grace_is_not_late
        without_grace_it_ends_at_its_end
        a_sweep_and_a_capture_bill_once
        no_hold_expires_twice
        a_repeated_hold_after_expiry_is_a_replay
        an_expired_partly_captured_hold_keeps_what_was_captured
        resize_only_lengthens
        a_longer_life_counts_from_now
        a_sweep_is_bounded
        a_sweep_spares_what_is_not_due
        a_clock_going_backwards_gives_nothing_back_early_and_revives_nothing;
    clause_6:
        a_capture_below_frees_the_rest
        a_capture_of_nothing_closes_and_charges_nothing
        above_the_hold_reject
        above_the_hold_up_to_available
        above_the_hold_debt
        above_the_hold_never_touches_another_hold
        above_the_hold_below_zero_takes_the_hold_and_no_more
        partial_captures_name_absolute_totals
        partial_captures_reordered_and_repeated
        a_partial_capture_above_is_collected_later
        late_reject
        late_if_available
        late_debt
        late_captures_leave_other_holds_alone
        a_voided_hold_cannot_be_captured
        a_captured_hold_cannot_be_voided
        resize_moves_the_difference
        resize_is_guarded_by_its_revision
        refused_growth_leaves_the_old_hold
        resize_not_below_what_was_captured
        resize_of_a_closed_hold_is_refused
        refunds_of_a_charge_are_limited_to_what_is_left
        refunds_of_a_hold_are_limited_to_what_is_left
        a_refund_of_what_is_no_charge_is_refused;
    clause_9:
        the_sums_hold_after_every_kind_of_change
        a_chargeback_may_go_below_zero
        debt_is_only_as_deep_as_allowed
        the_reason_for_a_refusal_is_told
        statements_page_both_ways
        a_trimmed_history_is_one_opening_entry
        entries_tell_what_they_were;
    clause_10:
        each_change_has_the_next_number
        expiries_have_numbers_too
        reads_and_refusals_carry_the_number
        a_threshold_is_crossed_once
        open_holds_are_listed_by_release_then_key
        rev_rises_by_one_with_each_change_of_a_hold;
}

mod clause_1 {
    use super::*;

    pub(crate) fn check_and_hold_are_one_step(start: Start) {
        let world = World::funded(start, 100);
        let hold = world.fresh(|| world.hold("a", 100));
        assert_eq!((hold.total().minor(), hold.reserved().minor()), (100, 100));
        assert_eq!(hold.status(), HoldStatus::Open);
        assert_eq!((world.balance().posted().minor(), world.balance().held().minor()), (100, 100));
        world.short(|| world.hold("b", 1));
        assert!(world.find_hold("b").is_none());
    }

    pub(crate) fn several_open_holds_share_one_balance(start: Start) {
        let world = World::funded(start, 10);
        for name in ["a", "b", "c"] {
            world.fresh(|| world.hold(name, 3));
        }
        assert_eq!(world.available(), 1);
        world.short(|| world.hold("d", 2));
        world.fresh(|| world.hold("d", 1));
        assert_eq!((world.available(), world.balance().open_holds()), (0, 4));
        world.fresh(|| world.hold("nothing is always there", 0));
    }

    pub(crate) fn a_minimum_takes_all_that_is_there(start: Start) {
        let world = World::funded(start, 7);
        let request = |name, minor, least| world.hold_request(name, minor).with_minimum(world.amount(least));
        let hold = world.fresh(|| wait(world.ledger.hold(request("a", 10, 3))));
        assert_eq!((hold.requested().minor(), hold.total().minor()), (10, 7));
        world.void("a").unwrap();
        // All is there: all is held.
        assert_eq!(world.fresh(|| wait(world.ledger.hold(request("b", 5, 1)))).total().minor(), 5);
        // Just the minimum is there.
        assert_eq!(world.fresh(|| wait(world.ledger.hold(request("c", 5, 2)))).total().minor(), 2);
        // The debt allowed is part of what is there.
        let hold =
            world.fresh(|| wait(world.ledger.hold(request("d", 50, 4).with_debt_limit(world.amount(4)))));
        assert_eq!((hold.total().minor(), world.available()), (4, -4));
    }

    pub(crate) fn a_minimum_above_what_is_there_is_refused(start: Start) {
        let world = World::funded(start, 7);
        let request = world.hold_request("a", 10).with_minimum(world.amount(8));
        let short = world.short(|| wait(world.ledger.hold(request)));
        assert_eq!((short.requested().minor(), short.required().minor()), (10, 8));
        assert_eq!((short.missing().minor(), short.spendable().minor()), (1, 7));
    }

    pub(crate) fn a_charge_in_one_step_respects_holds(start: Start) {
        let world = World::funded(start, 10);
        world.hold("a", 6).unwrap();
        world.short(|| world.charge("b", 5));
        let entry = world.fresh(|| world.charge("b", 4));
        assert_eq!((entry.amount().minor(), entry.balance_after().minor()), (-4, 6));
        world.fresh(|| world.charge("nothing", 0));
    }

    pub(crate) fn an_unknown_account_is_refused_and_stored_nowhere(start: Start) {
        let world = World::new(start);
        let short = world.short(|| world.hold("a", 5));
        assert_eq!(
            (short.reason(), short.missing().minor(), short.seq(), short.available().minor()),
            (ShortReason::Empty, 5, 0, 0)
        );
        world.short(|| world.charge("a", 5));
        // Nothing fixed its unit.
        let eur = Unit::new("EUR", 0).unwrap();
        let balance = wait(world.ledger.balance(BalanceRequest::new(world.account.clone(), eur))).unwrap();
        assert_eq!((balance.posted(), balance.seq()), (eur.zero(), 0));
        wait(world.ledger.post(PostRequest::new(
            world.account.clone(),
            key("a"),
            PostKind::top_up(),
            eur.minor(5),
        )))
        .unwrap();
    }

    pub(crate) fn an_unknown_account_reads_as_empty(start: Start) {
        let world = World::new(start);
        assert_eq!(world.picture(), (0, 0, 0, 0, vec![], vec![]));
        assert!(world.find_hold("a").is_none() && world.find_entry("a").is_none());
        assert_eq!(world.sweep().released(), 0);
    }

    pub(crate) fn the_first_change_fixes_the_unit(start: Start) {
        let world = World::new(start);
        let finer = Unit::new("USD", 3).unwrap();
        world.fresh(|| world.top_up("a", 5));
        let error = world.refused(|| {
            wait(world.ledger.post(PostRequest::new(
                world.account.clone(),
                key("b"),
                PostKind::top_up(),
                finer.minor(5),
            )))
        });
        assert_eq!(error, LedgerError::WrongUnit { expected: world.usd, given: finer });
    }

    pub(crate) fn each_operation_in_another_unit_is_refused(start: Start) {
        let world = World::funded(start, 100);
        world.hold("a", 10).unwrap();
        world.charge("spent", 10).unwrap();
        let eur = Unit::new("EUR", 2).unwrap();
        let wrong = LedgerError::WrongUnit { expected: world.usd, given: eur };
        let hold = |name, minor| HoldRequest::new(world.account.clone(), key(name), eur.minor(minor));
        assert_eq!(world.refused(|| wait(world.ledger.hold(hold("b", 1)))), wrong);
        assert_eq!(world.refused(|| wait(world.ledger.hold(hold("b", 0)))), wrong);
        let resize = world.resize_request("a", world.find_hold("a").unwrap().rev());
        assert_eq!(world.refused(|| wait(world.ledger.resize(resize.with_total(eur.minor(20))))), wrong);
        let capture = CaptureRequest::new(world.account.clone(), key("a"), eur.minor(1));
        assert_eq!(world.refused(|| wait(world.ledger.capture(capture))), wrong);
        let refund = PostKind::refund(ChargeRef::Charge(key("spent")));
        for kind in [
            PostKind::Credit(GrantTerms::promotional()),
            PostKind::top_up(),
            PostKind::Charge,
            PostKind::Adjustment,
            refund,
        ] {
            let post = PostRequest::new(world.account.clone(), key("p"), kind, eur.minor(1));
            assert_eq!(world.refused(|| wait(world.ledger.post(post))), wrong);
        }
        let balance = wait(world.ledger.balance(BalanceRequest::new(world.account.clone(), eur)));
        assert_eq!(balance.unwrap_err(), wrong);
        // Every amount of a request counts, not only the first.
        let debt = world.hold_request("b", 1).with_debt_limit(eur.minor(1));
        assert_eq!(world.refused(|| wait(world.ledger.hold(debt))), wrong);
        let least = world.hold_request("b", 1).with_minimum(eur.minor(1));
        assert_eq!(world.refused(|| wait(world.ledger.hold(least))), wrong);
        let capture = world.capture_request("a", 1).with_debt_limit(eur.minor(1));
        assert_eq!(world.refused(|| wait(world.ledger.capture(capture))), wrong);
        let resize = world.resize_request("a", world.find_hold("a").unwrap().rev());
        let resize = resize.with_total(world.amount(20)).with_debt_limit(eur.minor(1));
        assert_eq!(world.refused(|| wait(world.ledger.resize(resize))), wrong);
        let charge = world.post_request("p", PostKind::Charge, 1).with_debt_limit(eur.minor(1));
        assert_eq!(world.refused(|| wait(world.ledger.post(charge))), wrong);
    }

    pub(crate) fn accounts_do_not_share_money_keys_or_numbers(start: Start) {
        let world = World::funded(start, 10);
        world.hold("a", 10).unwrap();
        let other = World {
            ledger: world.ledger.clone(),
            clock: world.clock.clone(),
            account: AccountId::new("other").unwrap(),
            usd: Unit::new("EUR", 0).unwrap(),
        };
        other.short(|| other.hold("a", 1));
        assert!(matches!(other.refused(|| other.capture("a", 1)), LedgerError::UnknownHold));
        assert!(matches!(other.refused(|| other.void("a")), LedgerError::UnknownHold));
        other.fresh(|| other.top_up("paid in", 3));
        assert_eq!((other.seq(), world.seq()), (1, 2));
        other.fresh(|| other.hold("a", 3));
        world.fresh(|| world.void("a"));
        assert_eq!(other.find_hold("a").unwrap().status(), HoldStatus::Open);
    }
}

mod clause_2 {
    use super::*;

    pub(crate) fn a_repeated_hold_is_the_same_hold(start: Start) {
        let world = World::funded(start, 10);
        let first = world.fresh(|| world.hold("a", 10));
        // Nothing is left, so a second hold would be refused.
        assert_eq!(world.replayed(|| world.hold("a", 10)), first);
        assert_eq!(world.replayed(|| world.hold("a", 10)), first);
    }

    pub(crate) fn a_repeated_hold_carries_its_present_state(start: Start) {
        let world = World::funded(start, 100);
        world.hold("a", 10).unwrap();
        world.partial("a", 4).unwrap();
        assert_eq!(world.replayed(|| world.hold("a", 10)).captured().minor(), 4);
        let rev = world.find_hold("a").unwrap().rev();
        world.resize("a", rev, 20).unwrap();
        let hold = world.replayed(|| world.hold("a", 10));
        assert_eq!((hold.total().minor(), hold.requested().minor()), (20, 10));
        world.capture("a", 15).unwrap();
        let hold = world.replayed(|| world.hold("a", 10));
        assert_eq!((hold.status(), hold.captured().minor()), (HoldStatus::Captured, 15));
        world.refund_hold("r", "a", 5).unwrap();
        assert_eq!(world.replayed(|| world.hold("a", 10)).refunded().minor(), 5);
        world.hold("b", 10).unwrap();
        world.void("b").unwrap();
        assert_eq!(world.replayed(|| world.hold("b", 10)).status(), HoldStatus::Voided);
        // A partly granted hold is recognised by what was asked, not by what was granted.
        let all = world.hold_request("c", 1_000).with_minimum(world.amount(1));
        let granted = world.fresh(|| wait(world.ledger.hold(all.clone()))).total().minor();
        world.top_up("more", 5_000).unwrap();
        assert_eq!(world.replayed(|| wait(world.ledger.hold(all))).total().minor(), granted);
    }

    pub(crate) fn a_repeated_hold_with_another_amount_conflicts(start: Start) {
        let world = World::funded(start, 100);
        world.hold("a", 10).unwrap();
        assert_eq!(world.conflict(|| world.hold("a", 11)), "amount");
        assert_eq!(world.conflict(|| world.hold("a", 9)), "amount");
        let least = world.hold_request("a", 10).with_minimum(world.amount(5));
        assert_eq!(world.conflict(|| wait(world.ledger.hold(least))), "minimum");
        // Closed or not.
        world.void("a").unwrap();
        assert_eq!(world.conflict(|| world.hold("a", 11)), "amount");
        // Even where the balance would not have sufficed.
        assert_eq!(world.conflict(|| world.hold("a", 1_000)), "amount");
    }

    pub(crate) fn declared_content_decides_not_the_amounts(start: Start) {
        let world = World::funded(start, 100);
        let declared = content(&[("operation", "query"), ("rows", "120")]);
        let request = |minor| world.hold_request("a", minor).with_content(declared.clone());
        let first = world.fresh(|| wait(world.ledger.hold(request(10))));
        assert_eq!(first.content(), declared);
        // The price changed between the request and its retry.
        assert_eq!(world.replayed(|| wait(world.ledger.hold(request(12)))), first);
        let least = request(12).with_minimum(world.amount(1));
        assert_eq!(world.replayed(|| wait(world.ledger.hold(least))), first);
        for (fields, name) in [
            (&[("operation", "query"), ("rows", "121")][..], "rows"),
            (&[("operation", "insert"), ("rows", "120")], "operation"),
            (&[("operation", "query")], "rows"),
            (&[("extra", "1"), ("operation", "query"), ("rows", "120")], "extra"),
            (&[], "operation"),
        ] {
            let other = request(10).with_content(content(fields));
            assert_eq!(world.conflict(|| wait(world.ledger.hold(other))), name);
        }
        // Declared later than not at all is a difference too.
        world.hold("plain", 10).unwrap();
        let other = world.hold_request("plain", 10).with_content(declared);
        assert_eq!(world.conflict(|| wait(world.ledger.hold(other))), "operation");
    }

    pub(crate) fn policy_and_labels_are_not_compared(start: Start) {
        let world = World::funded(start, 100);
        let labels = Labels::new([("user", "ana")]).unwrap();
        let request = world.hold_request("a", 10).with_labels(labels.clone());
        let first = world.fresh(|| wait(world.ledger.hold(request)));
        let again = world
            .hold_request("a", 10)
            .with_lifetime(Duration::from_secs(1))
            .with_grace(Duration::ZERO)
            .with_debt_limit(world.amount(7))
            .with_labels(Labels::new([("user", "ben")]).unwrap());
        let replay = world.replayed(|| wait(world.ledger.hold(again)));
        assert_eq!(replay, first);
        assert_eq!(replay.labels(), labels);
        let first = world.fresh(|| world.charge("c", 10));
        let again = world
            .post_request("c", PostKind::Charge, 10)
            .with_debt_limit(world.amount(7))
            .with_labels(labels.clone());
        assert_eq!(world.replayed(|| wait(world.ledger.post(again))), first);
    }

    pub(crate) fn a_repeated_post_of_each_kind_is_a_replay(start: Start) {
        let world = World::funded(start, 100);
        world.hold("held", 10).unwrap();
        world.capture("held", 10).unwrap();
        let spent = ChargeRef::Charge(key("charge"));
        for (name, kind, minor) in [
            ("grant", PostKind::Credit(GrantTerms::promotional()), 5),
            ("top up", PostKind::top_up(), 6),
            ("charge", PostKind::Charge, 40),
            ("refund", PostKind::refund(spent), 8),
            ("refund of a hold", PostKind::refund(ChargeRef::Hold(key("held"))), 8),
            ("up", PostKind::Adjustment, 3),
            ("down", PostKind::Adjustment, -3),
        ] {
            let first = world.fresh(|| world.post(name, kind.clone(), minor));
            assert_eq!(first.kind(), kind.entry_kind());
            assert_eq!(world.replayed(|| world.post(name, kind.clone(), minor)), first, "{name}");
            assert_eq!(world.replayed(|| world.post(name, kind.clone(), minor)), first, "{name}");
        }
        // The present state: what was refunded since.
        assert_eq!(world.replayed(|| world.charge("charge", 40)).refunded().minor(), 8);
        // A refund repeated when nothing is left is still the same refund.
        world.refund_charge("rest", "charge", 32).unwrap();
        world.replayed(|| world.refund_charge("refund", "charge", 8));
    }

    pub(crate) fn a_repeated_post_with_changed_content_conflicts(start: Start) {
        let world = World::funded(start, 100);
        world.top_up("a", 5).unwrap();
        assert_eq!(world.conflict(|| world.top_up("a", 6)), "amount");
        assert_eq!(
            world.conflict(|| world.post("a", PostKind::Credit(GrantTerms::promotional()), 5)),
            "kind"
        );
        // A charge has keys of its own: no customer's key is in the way of a payment provider's.
        world.charge("a", 5).unwrap();
        assert_eq!(world.conflict(|| world.top_up("a", 6)), "amount");
        world.charge("c", 5).unwrap();
        assert_eq!(world.conflict(|| world.charge("c", 6)), "amount");
        assert_eq!(world.conflict(|| world.charge("c", 1_000)), "amount");
        world.adjust("up", 5).unwrap();
        assert_eq!(world.conflict(|| world.adjust("up", -5)), "amount");
        let declared = world.post_request("d", PostKind::Charge, 5).with_content(content(&[("sku", "x")]));
        world.fresh(|| wait(world.ledger.post(declared)));
        let price_changed =
            world.post_request("d", PostKind::Charge, 6).with_content(content(&[("sku", "x")]));
        assert_eq!(world.replayed(|| wait(world.ledger.post(price_changed))).amount().minor(), -5);
        let other = world.post_request("d", PostKind::Charge, 5).with_content(content(&[("sku", "y")]));
        assert_eq!(world.conflict(|| wait(world.ledger.post(other))), "sku");
        assert_eq!(world.conflict(|| world.charge("d", 5)), "sku");
    }

    pub(crate) fn a_refund_of_another_charge_conflicts(start: Start) {
        let world = World::funded(start, 100);
        world.charge("one", 10).unwrap();
        world.charge("two", 10).unwrap();
        world.hold("one", 10).unwrap();
        world.capture("one", 10).unwrap();
        world.refund_charge("r", "one", 5).unwrap();
        assert_eq!(world.conflict(|| world.refund_charge("r", "two", 5)), "of");
        assert_eq!(world.conflict(|| world.refund_hold("r", "one", 5)), "of");
        assert_eq!(world.conflict(|| world.refund_charge("r", "one", 4)), "amount");
        // Another charge that is not even known is another charge all the same.
        assert_eq!(world.conflict(|| world.refund_charge("r", "three", 5)), "of");
    }

    pub(crate) fn a_repeated_final_capture_charges_once(start: Start) {
        let world = World::funded(start, 100);
        world.hold("a", 10).unwrap();
        let first = world.fresh(|| world.capture("a", 7));
        assert_eq!((first.charged().minor(), first.freed().minor()), (7, 3));
        let replay = world.replayed(|| world.capture("a", 7));
        assert_eq!((replay.charged().minor(), replay.captured().minor()), (0, 7));
        assert_eq!(replay.status(), HoldStatus::Captured);
        // With something uncollected it is the same answer, and does not try again.
        world.hold("b", 90).unwrap();
        let first = world.fresh(|| world.capture("b", 200));
        assert_eq!((first.captured().minor(), first.uncollected().minor()), (93, 107));
        world.top_up("more", 1_000).unwrap();
        let replay = world.replayed(|| world.capture("b", 200));
        assert_eq!(
            (replay.charged().minor(), replay.captured().minor(), replay.uncollected().minor()),
            (0, 93, 107)
        );
    }

    pub(crate) fn a_final_capture_of_another_total_conflicts(start: Start) {
        let world = World::funded(start, 100);
        world.hold("a", 10).unwrap();
        world.capture("a", 7).unwrap();
        assert_eq!(world.conflict(|| world.capture("a", 8)), "total");
        assert_eq!(world.conflict(|| world.capture("a", 6)), "total");
    }

    pub(crate) fn a_repeated_void_is_a_replay(start: Start) {
        let world = World::funded(start, 10);
        world.hold("a", 10).unwrap();
        let first = world.fresh(|| world.void("a"));
        assert_eq!((first.status(), first.reserved().minor()), (HoldStatus::Voided, 0));
        assert_eq!(world.replayed(|| world.void("a")), first);
        assert_eq!(world.available(), 10);
    }

    pub(crate) fn a_refusal_is_not_frozen(start: Start) {
        let world = World::funded(start, 5);
        world.short(|| world.hold("a", 10));
        world.short(|| world.hold("a", 10));
        world.top_up("more", 5).unwrap();
        world.fresh(|| world.hold("a", 10));
        // And a refused request may be changed: nothing remembers it.
        world.short(|| world.hold("b", 10));
        world.top_up("more still", 3).unwrap();
        world.fresh(|| world.hold("b", 3));
    }

    pub(crate) fn a_refused_charge_is_not_frozen(start: Start) {
        let world = World::funded(start, 5);
        world.short(|| world.charge("a", 10));
        world.top_up("more", 5).unwrap();
        world.fresh(|| world.charge("a", 10));
        world.replayed(|| world.charge("a", 10));
    }

    pub(crate) fn holds_and_postings_have_keys_of_their_own(start: Start) {
        let world = World::funded(start, 100);
        world.fresh(|| world.hold("a", 10));
        world.fresh(|| world.charge("a", 20));
        world.fresh(|| world.capture("a", 10));
        assert_eq!(world.find_entry("a").unwrap().amount().minor(), -20);
        assert_eq!(world.find_hold("a").unwrap().captured().minor(), 10);
        let captures: Vec<_> =
            world.statement().into_iter().filter(|entry| entry.operation() == Operation::Hold).collect();
        assert_eq!((captures.len(), captures[0].amount().minor()), (1, -10));
    }

    pub(crate) fn keys_of_closed_holds_outlast_a_day_or_the_lifetime(start: Start) {
        let day = Duration::from_secs(24 * 60 * 60);
        let world = World::funded(start, 100);
        world.hold("short", 10).unwrap();
        let long = world.hold_request("long", 10).with_lifetime(3 * day).with_grace(day);
        wait(world.ledger.hold(long.clone())).unwrap();
        world.capture("short", 10).unwrap();
        world.void("long").unwrap();
        world.clock.advance(day - MICRO);
        world.replayed(|| world.hold("short", 10));
        world.replayed(|| world.capture("short", 10));
        world.clock.advance(3 * day);
        world.replayed(|| wait(world.ledger.hold(long)));
        world.replayed(|| world.void("long"));
    }

    pub(crate) fn a_forgotten_hold_is_unknown_and_its_key_new(start: Start) {
        // The memory ledger states a tighter bound: here two closed holds keep their keys.
        let world = start(MemorySettings::new().with_shards(1).with_retained_keys(2));
        world.top_up("paid in", 100).unwrap();
        for name in ["a", "b", "c"] {
            world.hold(name, 10).unwrap();
            world.capture(name, 10).unwrap();
        }
        assert!(world.find_hold("a").is_none(), "closed longest ago, so forgotten");
        assert!(world.find_hold("b").is_some() && world.find_hold("c").is_some());
        assert_eq!(world.refused(|| world.capture("a", 10)), LedgerError::UnknownHold);
        assert_eq!(world.refused(|| world.void("a")), LedgerError::UnknownHold);
        assert_eq!(world.refused(|| world.resize("a", 1, 10)), LedgerError::UnknownHold);
        assert_eq!(world.refused(|| world.refund_hold("r", "a", 1)), LedgerError::UnknownCharge);
        world.replayed(|| world.capture("b", 10));
        assert_eq!(world.balance().posted().minor(), 70, "balances are exact whatever is forgotten");
        world.fresh(|| world.hold("a", 20));
    }

    pub(crate) fn an_open_hold_is_never_forgotten(start: Start) {
        let world = start(MemorySettings::new().with_shards(1).with_retained_keys(1));
        world.top_up("paid in", 100).unwrap();
        world.hold("open", 10).unwrap();
        for round in 0..20 {
            world.hold(&format!("h{round}"), 1).unwrap();
            world.void(&format!("h{round}")).unwrap();
        }
        world.replayed(|| world.hold("open", 10));
        world.fresh(|| world.capture("open", 10));
        // Without any room for closed ones, an open one still is kept.
        let world = start(MemorySettings::new().with_shards(1).with_retained_keys(0));
        world.top_up("paid in", 100).unwrap();
        world.hold("open", 10).unwrap();
        world.replayed(|| world.hold("open", 10));
        world.fresh(|| world.partial("open", 5));
        world.capture("open", 10).unwrap();
        assert_eq!((world.balance().posted().minor(), world.balance().held().minor()), (90, 0));
    }

    pub(crate) fn a_forgotten_entry_leaves_its_key_new_and_the_sum_right(start: Start) {
        let world = start(MemorySettings::new().with_retained_entries(2));
        world.top_up("paid in", 100).unwrap();
        world.charge("a", 10).unwrap();
        for name in ["b", "c", "d"] {
            world.charge(name, 1).unwrap();
        }
        assert!(world.find_entry("a").is_none());
        assert_eq!(world.refused(|| world.refund_charge("r", "a", 1)), LedgerError::UnknownCharge);
        world.fresh(|| world.charge("a", 10));
        assert_eq!(world.balance().posted().minor(), 77);
        world.replayed(|| world.charge("a", 10));
    }
}

mod clause_3 {
    use super::*;

    pub(crate) fn dropped_unpolled_futures_have_been_applied(start: Start) {
        let world = World::new(start);
        drop(world.ledger.post(world.post_request("paid in", PostKind::top_up(), 100)));
        assert_eq!(world.find_entry("paid in").unwrap().amount().minor(), 100);
        drop(world.ledger.hold(world.hold_request("a", 10)));
        let hold = world.find_hold("a").unwrap();
        assert_eq!(hold.total().minor(), 10);
        drop(world.ledger.resize(world.resize_request("a", hold.rev()).with_total(world.amount(20))));
        assert_eq!(world.find_hold("a").unwrap().total().minor(), 20);
        drop(world.ledger.capture(world.capture_request("a", 15)));
        assert_eq!(world.find_hold("a").unwrap().status(), HoldStatus::Captured);
        world.replayed(|| world.capture("a", 15));
        drop(world.ledger.hold(world.hold_request("b", 10)));
        drop(world.ledger.void(VoidRequest::new(world.account.clone(), key("b"))));
        assert_eq!(world.find_hold("b").unwrap().status(), HoldStatus::Voided);
        assert_eq!((world.available(), world.seq()), (85, 6));
        world.hold("c", 10).unwrap();
        world.clock.advance(Duration::from_secs(330));
        drop(world.ledger.sweep(SweepRequest::new()));
        assert_eq!(world.sweep().released(), 0);
    }

    pub(crate) fn void_works_before_any_answer_came(start: Start) {
        let world = World::funded(start, 10);
        let answer = world.ledger.hold(world.hold_request("a", 10));
        world.fresh(|| world.void("a"));
        // The answer to the hold is what it was when it was made, or as it stands now; never an error.
        assert!(!wait(answer).unwrap().is_replay());
        assert_eq!(world.available(), 10);
        assert_eq!(world.replayed(|| world.hold("a", 10)).status(), HoldStatus::Voided);
    }

    pub(crate) fn a_dropped_refusal_changed_nothing(start: Start) {
        let world = World::funded(start, 10);
        world.without_a_trace(|| drop(world.ledger.hold(world.hold_request("a", 11))));
        assert!(world.find_hold("a").is_none());
    }
}

mod clause_4 {
    use super::*;

    pub(crate) fn find_tells_holds_and_postings_apart(start: Start) {
        let world = World::funded(start, 10);
        world.hold("a", 10).unwrap();
        assert!(world.find_hold("a").is_some() && world.find_entry("a").is_none());
        assert!(world.find_hold("paid in").is_none() && world.find_entry("paid in").is_some());
        // The entry of a capture is found with its hold, not as a posting.
        world.capture("a", 10).unwrap();
        assert!(world.find_entry("a").is_none());
    }

    pub(crate) fn find_says_not_applied_after_a_refusal(start: Start) {
        let world = World::funded(start, 10);
        world.short(|| world.hold("a", 11));
        world.short(|| world.charge("a", 11));
        assert!(world.find_hold("a").is_none() && world.find_entry("a").is_none());
    }

    pub(crate) fn operations_on_a_hold_that_never_was(start: Start) {
        for world in [World::funded(start, 10), World::new(start)] {
            assert_eq!(world.refused(|| world.capture("a", 1)), LedgerError::UnknownHold);
            assert_eq!(world.refused(|| world.capture("a", 0)), LedgerError::UnknownHold);
            assert_eq!(world.refused(|| world.partial("a", 1)), LedgerError::UnknownHold);
            assert_eq!(world.refused(|| world.void("a")), LedgerError::UnknownHold);
            assert_eq!(world.refused(|| world.resize("a", 0, 1)), LedgerError::UnknownHold);
            assert_eq!(world.refused(|| world.refund_hold("r", "a", 1)), LedgerError::UnknownCharge);
            assert_eq!(world.refused(|| world.refund_charge("r", "a", 1)), LedgerError::UnknownCharge);
        }
    }

    pub(crate) fn a_shortfall_is_proved_and_adds_up(start: Start) {
        let world = World::funded(start, 100);
        world.hold("a", 60).unwrap();
        world.clock.advance(Duration::from_secs(10));
        let request = world.hold_request("b", 90).with_debt_limit(world.amount(20));
        let short = world.short(|| wait(world.ledger.hold(request)));
        assert_eq!((short.requested().minor(), short.required().minor()), (90, 90));
        assert_eq!((short.posted().minor(), short.held().minor(), short.available().minor()), (100, 60, 40));
        assert_eq!((short.debt_limit().minor(), short.spendable().minor()), (20, 60));
        assert_eq!(short.missing().minor(), 30);
        assert_eq!(short.as_of(), world.clock.now());
        assert_eq!(short.next_release_in(), Some(Duration::from_secs(320)));
        // Missing is exact: with one less it is refused, with that much it succeeds.
        world.top_up("almost", 29).unwrap();
        let request = world.hold_request("b", 90).with_debt_limit(world.amount(20));
        world.short(|| wait(world.ledger.hold(request.clone())));
        world.top_up("the last", 1).unwrap();
        world.fresh(|| wait(world.ledger.hold(request)));
        // Without open holds there is nothing to wait for.
        world.void("a").unwrap();
        world.void("b").unwrap();
        assert_eq!(world.short(|| world.hold("c", 1_000)).next_release_in(), None);
    }

    /// `next_release_in` is when the first hold that is *open* must end, not one that was closed meanwhile.
    pub(crate) fn a_shortfall_tells_the_next_release_of_what_is_open(start: Start) {
        for close in [|world: &World| drop(world.void("a")), |world: &World| drop(world.capture("a", 0))] {
            let world = World::funded(start, 10);
            world.hold("a", 5).unwrap();
            let longer = world.hold_request("b", 5).with_lifetime(Duration::from_secs(3_600));
            wait(world.ledger.hold(longer)).unwrap();
            let next = || world.short(|| world.hold("c", 6)).next_release_in();
            assert_eq!(next(), Some(Duration::from_secs(330)));
            close(&world);
            assert_eq!(next(), Some(Duration::from_secs(3_630)));
            let rev = world.find_hold("b").unwrap().rev();
            let longer = world.resize_request("b", rev).with_lifetime(Duration::from_secs(7_200));
            wait(world.ledger.resize(longer)).unwrap();
            assert_eq!(next(), Some(Duration::from_secs(7_230)));
        }
    }
}

mod clause_5 {
    use super::*;

    fn at(world: &World, moment: Timestamp) {
        world.clock.set(moment);
    }

    fn before(moment: Timestamp) -> Timestamp {
        Timestamp::from_micros(moment.as_micros() - 1)
    }

    pub(crate) fn expires_exactly_at_release_not_a_microsecond_earlier(start: Start) {
        let world = World::funded(start, 10);
        let made = world.clock.now();
        let request = world
            .hold_request("a", 10)
            .with_lifetime(Duration::from_secs(7))
            .with_grace(Duration::from_micros(3));
        let hold = world.fresh(|| wait(world.ledger.hold(request)));
        assert_eq!(hold.opened_at(), made);
        assert_eq!(hold.ends_at(), made.saturating_add(Duration::from_secs(7)));
        assert_eq!(hold.release_at(), hold.ends_at().saturating_add(Duration::from_micros(3)));
        at(&world, before(hold.release_at()));
        assert_eq!(world.sweep().released(), 0);
        let short = world.short(|| world.hold("b", 1));
        assert_eq!(short.next_release_in(), Some(MICRO));
        assert_eq!(world.find_hold("a").unwrap().status(), HoldStatus::Open);
        at(&world, hold.release_at());
        world.hold("b", 10).unwrap();
        let expired = world.find_hold("a").unwrap();
        assert_eq!((expired.status(), expired.reserved().minor()), (HoldStatus::Expired, 0));
    }

    pub(crate) fn money_of_an_expired_hold_is_there_without_a_sweep(start: Start) {
        // Each way of deciding or reading, alone, sees it as released.
        let looks: [fn(&World) -> bool; 6] = [
            |world| world.available() == 10,
            |world| world.find_hold("a").unwrap().status() == HoldStatus::Expired,
            |world| {
                wait(world.ledger.holds(HoldsRequest::new(world.account.clone()))).unwrap().holds().is_empty()
            },
            |world| world.hold("b", 10).is_ok(),
            |world| world.charge("b", 10).is_ok(),
            |world| world.hold("a", 10).unwrap().value().status() == HoldStatus::Expired,
        ];
        for look in looks {
            let world = World::funded(start, 10);
            let hold = world.hold("a", 10).unwrap().into_value();
            at(&world, hold.release_at());
            assert!(look(&world));
            assert_eq!(world.find_hold("a").unwrap().status(), HoldStatus::Expired);
        }
    }

    pub(crate) fn an_expired_hold_never_causes_a_refusal(start: Start) {
        // However many have expired unswept.
        let world = World::funded(start, 300);
        for index in 0..300 {
            world.hold(&format!("h{index}"), 1).unwrap();
        }
        world.clock.advance(Duration::from_secs(330));
        world.hold("all", 300).unwrap();
        assert_eq!(world.available(), 0);
        // A resize and a charge find the money too.
        let world = World::funded(start, 10);
        world.hold("a", 5).unwrap();
        let long = world.hold_request("b", 5).with_lifetime(Duration::from_secs(3_600));
        let rev = wait(world.ledger.hold(long)).unwrap().into_value().rev();
        world.clock.advance(Duration::from_secs(330));
        let grown = world.resize("b", rev, 10).unwrap();
        assert_eq!((grown.available_before().minor(), grown.available_after().minor()), (5, 0));
    }

    /// "From then on it counts as released in every decision": in those that succeed too, whose reply says what was
    /// available before and after.
    pub(crate) fn all_that_has_expired_counts_as_released_however_many(start: Start) {
        let decide: [Decide; 4] = [
            |world| before_and_after(&world.charge("c", 1).unwrap()),
            |world| before_and_after(&world.hold("c", 1).unwrap()),
            |world| before_and_after(&world.capture("long", 1).unwrap()),
            |world| before_and_after(&world.top_up("c", 1).unwrap()),
        ];
        for (decide, change) in decide.iter().zip([-1, -1, 0, 1]) {
            let world = World::funded(start, 301);
            let long = world.hold_request("long", 1).with_lifetime(Duration::from_secs(3_600));
            wait(world.ledger.hold(long)).unwrap();
            for index in 0..300 {
                world.hold(&format!("h{index}"), 1).unwrap();
            }
            world.clock.advance(Duration::from_secs(330));
            assert_eq!(decide(&world), (300, 300 + change));
            assert_eq!(world.seq(), 603);
        }
    }

    /// Decides something, and says what was available before and after.
    type Decide = fn(&World) -> (i64, i64);

    fn before_and_after<T>(applied: &Applied<T>) -> (i64, i64) {
        (applied.available_before().minor(), applied.available_after().minor())
    }

    /// A sum that is only too large because of holds whose time has ended is no reason to refuse.
    pub(crate) fn an_expired_hold_never_makes_a_sum_too_large(start: Start) {
        let world = World::funded(start, i64::MAX);
        for index in 0..100 {
            world.hold(&format!("h{index}"), i64::MAX / 100).unwrap();
        }
        world.clock.advance(Duration::from_secs(330));
        let debt = world.hold_request("all", i64::MAX).with_debt_limit(world.amount(i64::MAX));
        assert_eq!(wait(world.ledger.hold(debt)).unwrap().available_after().minor(), 0);
    }

    pub(crate) fn a_capture_within_the_grace_is_not_late(start: Start) {
        let world = World::funded(start, 10);
        let hold = world.hold("a", 10).unwrap().into_value();
        at(&world, before(hold.release_at()));
        let request = world.capture_request("a", 10).with_late(LateCapture::Reject);
        let captured = world.fresh(|| wait(world.ledger.capture(request)));
        assert!(!captured.is_late() && !world.find_hold("a").unwrap().is_late());
        assert_eq!(captured.charged().minor(), 10);
    }

    pub(crate) fn without_grace_it_ends_at_its_end(start: Start) {
        let world = World::funded(start, 10);
        let request =
            world.hold_request("a", 10).with_grace(Duration::ZERO).with_lifetime(Duration::from_millis(1));
        let hold = wait(world.ledger.hold(request)).unwrap().into_value();
        assert_eq!(hold.release_at(), hold.ends_at());
        world.clock.advance(Duration::from_millis(1) - MICRO);
        assert_eq!(world.available(), 0);
        world.clock.advance(MICRO);
        assert_eq!(world.available(), 10);
    }

    pub(crate) fn a_sweep_and_a_capture_bill_once(start: Start) {
        // Captured in time, swept after: one charge, nothing to release.
        let world = World::funded(start, 10);
        let hold = world.hold("a", 6).unwrap().into_value();
        at(&world, before(hold.release_at()));
        world.capture("a", 6).unwrap();
        at(&world, hold.release_at());
        assert_eq!(world.sweep().released(), 0);
        assert_eq!((world.balance().posted().minor(), world.balance().held().minor()), (4, 0));
        // Swept first: a late capture, once.
        let world = World::funded(start, 10);
        let hold = world.hold("a", 6).unwrap().into_value();
        at(&world, hold.release_at());
        assert_eq!(world.sweep().released(), 1);
        let captured = world.fresh(|| world.capture("a", 6));
        assert!(captured.is_late());
        world.replayed(|| world.capture("a", 6));
        assert_eq!(world.balance().posted().minor(), 4);
        // Not swept at all: late all the same.
        let world = World::funded(start, 10);
        let hold = world.hold("a", 6).unwrap().into_value();
        at(&world, hold.release_at());
        assert!(world.capture("a", 6).unwrap().value().is_late());
        assert_eq!((world.available(), world.sweep().released()), (4, 0));
        assert_eq!(world.statement().len(), 2);
    }

    pub(crate) fn no_hold_expires_twice(start: Start) {
        let world = World::funded(start, 10);
        world.hold("a", 6).unwrap();
        world.clock.advance(Duration::from_secs(330));
        assert_eq!(world.sweep().released(), 1);
        assert_eq!(world.seq(), 3);
        for _ in 0..3 {
            assert_eq!(world.sweep().released(), 0);
            world.clock.advance(Duration::from_secs(330));
        }
        assert_eq!((world.available(), world.seq()), (10, 3));
        // A clock that goes back and comes again changes nothing.
        at(&world, Timestamp::from_micros(0));
        assert_eq!((world.available(), world.seq()), (10, 3));
        world.clock.advance(Duration::from_secs(400_000_000 * 10));
        assert_eq!((world.sweep().released(), world.available(), world.seq()), (0, 10, 3));
    }

    pub(crate) fn a_repeated_hold_after_expiry_is_a_replay(start: Start) {
        let world = World::funded(start, 10);
        world.hold("a", 6).unwrap();
        world.clock.advance(Duration::from_secs(330));
        assert_eq!(world.replayed(|| world.hold("a", 6)).status(), HoldStatus::Expired);
        assert_eq!(world.available(), 10);
    }

    pub(crate) fn an_expired_partly_captured_hold_keeps_what_was_captured(start: Start) {
        let world = World::funded(start, 10);
        world.hold("a", 6).unwrap();
        world.partial("a", 2).unwrap();
        world.clock.advance(Duration::from_secs(330));
        assert_eq!((world.available(), world.balance().posted().minor()), (8, 8));
        let hold = world.find_hold("a").unwrap();
        assert_eq!((hold.status(), hold.captured().minor(), hold.is_late()), (HoldStatus::Expired, 2, false));
        // A late capture charges only what is new.
        let captured = world.fresh(|| world.capture("a", 5));
        assert_eq!((captured.charged().minor(), captured.captured().minor()), (3, 5));
        assert!(captured.is_late());
    }

    pub(crate) fn resize_only_lengthens(start: Start) {
        let world = World::funded(start, 10);
        let first = world.hold("a", 6).unwrap().into_value();
        let shorter = world.resize_request("a", first.rev()).with_lifetime(Duration::from_secs(1));
        let hold = wait(world.ledger.resize(shorter)).unwrap().into_value();
        assert_eq!((hold.ends_at(), hold.release_at()), (first.ends_at(), first.release_at()));
        let longer = world.resize_request("a", hold.rev()).with_lifetime(Duration::from_secs(600));
        let hold = world.fresh(|| wait(world.ledger.resize(longer)));
        assert_eq!(hold.ends_at(), world.clock.now().saturating_add(Duration::from_secs(600)));
        assert_eq!(hold.release_at(), hold.ends_at().saturating_add(Duration::from_secs(30)));
        assert_eq!(hold.total(), first.total());
        // It does last: at its first release it is open, at its second it is not.
        at(&world, first.release_at());
        assert_eq!((world.sweep().released(), world.available()), (0, 4));
        at(&world, before(hold.release_at()));
        assert_eq!((world.sweep().released(), world.available()), (0, 4));
        at(&world, hold.release_at());
        assert_eq!((world.sweep().released(), world.available()), (1, 10));
    }

    pub(crate) fn a_longer_life_counts_from_now(start: Start) {
        let world = World::funded(start, 10);
        let first = world.hold("a", 6).unwrap().into_value();
        // In the grace it is still open and can be kept alive.
        at(&world, first.ends_at().saturating_add(Duration::from_secs(10)));
        let longer = world.resize_request("a", first.rev()).with_lifetime(Duration::from_secs(1));
        let hold = wait(world.ledger.resize(longer)).unwrap().into_value();
        assert_eq!(hold.ends_at(), world.clock.now().saturating_add(Duration::from_secs(1)));
        assert_eq!(hold.release_at(), hold.ends_at().saturating_add(Duration::from_secs(30)));
        // After its release it cannot.
        at(&world, hold.release_at());
        let revived = world.resize_request("a", hold.rev()).with_lifetime(Duration::from_secs(60));
        let answer = wait(world.ledger.resize(revived));
        assert!(
            matches!(
                answer,
                Err(LedgerError::HoldClosed(_) | LedgerError::HoldExpired(_) | LedgerError::Superseded(_))
            ),
            "{answer:?}"
        );
        assert_eq!(world.available(), 10);
    }

    pub(crate) fn a_sweep_is_bounded(start: Start) {
        let world = World::funded(start, 100);
        for index in 0..10 {
            world.hold(&format!("h{index}"), 1).unwrap();
        }
        world.clock.advance(Duration::from_secs(330));
        let three = SweepRequest::new().with_limit(3);
        let mut released = vec![];
        for _ in 0..3 {
            let swept = wait(world.ledger.sweep(three)).unwrap();
            assert!(swept.has_more());
            released.push(swept.released());
        }
        assert_eq!(released, [3, 3, 3]);
        let swept = wait(world.ledger.sweep(three)).unwrap();
        assert_eq!((swept.released(), swept.has_more()), (1, false));
        assert_eq!((world.seq(), world.available()), (21, 100));
    }

    pub(crate) fn a_sweep_spares_what_is_not_due(start: Start) {
        let world = World::funded(start, 100);
        world.hold("due", 1).unwrap();
        let long = world.hold_request("not due", 2).with_lifetime(Duration::from_secs(3_600));
        wait(world.ledger.hold(long)).unwrap();
        world.hold("closed", 4).unwrap();
        world.capture("closed", 4).unwrap();
        world.clock.advance(Duration::from_secs(330));
        let swept = world.sweep();
        assert_eq!((swept.released(), swept.has_more()), (1, false));
        assert_eq!(world.find_hold("due").unwrap().status(), HoldStatus::Expired);
        assert_eq!(world.find_hold("not due").unwrap().status(), HoldStatus::Open);
        assert_eq!(world.find_hold("closed").unwrap().status(), HoldStatus::Captured);
        assert_eq!(world.available(), 94);
    }

    pub(crate) fn a_clock_going_backwards_gives_nothing_back_early_and_revives_nothing(start: Start) {
        let world = World::funded(start, 10);
        let began = world.clock.now();
        let first = world.hold("a", 4).unwrap().into_value();
        world.clock.advance(Duration::from_secs(100));
        let second = world.hold("b", 4).unwrap().into_value();
        world.charge("c", 1).unwrap();
        at(&world, Timestamp::from_micros(began.as_micros() - 3_600_000_000));
        assert_eq!(world.available(), 1);
        assert_eq!(world.sweep().released(), 0);
        // A change made now is not booked before the changes it comes after.
        world.charge("d", 1).unwrap();
        let times: Vec<_> = world.statement().iter().map(Entry::booked_at).collect();
        assert!(times.is_sorted(), "{times:?}");
        assert_eq!(world.find_hold("a").unwrap(), first);
        at(&world, first.release_at());
        assert_eq!(world.find_hold("a").unwrap().status(), HoldStatus::Expired);
        let seq = world.seq();
        // Back again: what expired stays so, what is open stays open.
        at(&world, began);
        assert_eq!(world.find_hold("a").unwrap().status(), HoldStatus::Expired);
        assert_eq!(world.find_hold("b").unwrap(), second);
        assert_eq!((world.seq(), world.available()), (seq, 4));
        at(&world, second.release_at());
        assert_eq!(world.available(), 8);
        world.check_sums();
    }
}

mod clause_6 {
    use super::*;

    fn over(world: &World, name: &str, total: i64, policy: OverCapture, debt: i64) -> Answer<Captured> {
        let request = world.capture_request(name, total).with_over(policy);
        wait(world.ledger.capture(request.with_debt_limit(world.amount(debt))))
    }

    fn tardy(world: &World, name: &str, total: i64, policy: LateCapture, debt: i64) -> Answer<Captured> {
        let request = world.capture_request(name, total).with_late(policy);
        wait(world.ledger.capture(request.with_debt_limit(world.amount(debt))))
    }

    pub(crate) fn a_capture_below_frees_the_rest(start: Start) {
        let world = World::funded(start, 100);
        world.hold("a", 10).unwrap();
        let captured = world.fresh(|| world.capture("a", 4));
        assert_eq!(
            (captured.charged().minor(), captured.captured().minor(), captured.freed().minor()),
            (4, 4, 6)
        );
        assert_eq!((captured.uncollected().minor(), captured.is_late()), (0, false));
        assert_eq!(captured.status(), HoldStatus::Captured);
        assert_eq!((world.available(), world.balance().held().minor()), (96, 0));
        world.hold("b", 10).unwrap();
        let captured = world.fresh(|| world.capture("b", 10));
        assert_eq!((captured.charged().minor(), captured.freed().minor()), (10, 0));
    }

    pub(crate) fn a_capture_of_nothing_closes_and_charges_nothing(start: Start) {
        let world = World::funded(start, 100);
        world.hold("a", 10).unwrap();
        let captured = world.fresh(|| world.capture("a", 0));
        assert_eq!((captured.charged().minor(), captured.freed().minor()), (0, 10));
        assert_eq!(captured.status(), HoldStatus::Captured);
        assert_eq!(world.balance().posted().minor(), 100);
        world.replayed(|| world.capture("a", 0));
    }

    pub(crate) fn above_the_hold_reject(start: Start) {
        let world = World::funded(start, 100);
        world.hold("other", 30).unwrap();
        world.hold("a", 10).unwrap();
        let error = world.refused(|| over(&world, "a", 11, OverCapture::Reject, 1_000));
        assert_eq!(error, LedgerError::OverCapture { total: world.amount(11), hold: world.amount(10) });
        let captured = world.fresh(|| over(&world, "a", 10, OverCapture::Reject, 0));
        assert_eq!(captured.charged().minor(), 10);
    }

    pub(crate) fn above_the_hold_up_to_available(start: Start) {
        for (total, charged, uncollected) in [(11, 11, 0), (70, 70, 0), (71, 70, 1), (1_000, 70, 930)] {
            let world = World::funded(start, 100);
            world.hold("other", 30).unwrap();
            world.hold("a", 10).unwrap();
            // Its debt limit is for the other policy.
            let captured = world.fresh(|| over(&world, "a", total, OverCapture::UpToAvailable, 50));
            assert_eq!((captured.charged().minor(), captured.uncollected().minor()), (charged, uncollected));
            assert_eq!((captured.captured().minor(), captured.freed().minor()), (charged, 0));
            assert_eq!(world.available(), 70 - charged);
            let hold = world.find_hold("a").unwrap();
            assert_eq!((hold.captured().minor(), hold.uncollected().minor()), (charged, uncollected));
            assert_eq!(world.statement().last().unwrap().uncollected().minor(), uncollected);
            assert_eq!(world.find_hold("other").unwrap().reserved().minor(), 30);
        }
    }

    pub(crate) fn above_the_hold_debt(start: Start) {
        for (total, debt, charged, uncollected) in
            [(11, 50, 11, 0), (71, 50, 71, 0), (120, 50, 120, 0), (121, 50, 120, 1), (121, 0, 70, 51)]
        {
            let world = World::funded(start, 100);
            world.hold("other", 30).unwrap();
            world.hold("a", 10).unwrap();
            let captured = world.fresh(|| over(&world, "a", total, OverCapture::Debt, debt));
            assert_eq!((captured.charged().minor(), captured.uncollected().minor()), (charged, uncollected));
            assert_eq!(world.available(), 70 - charged);
            assert_eq!(world.find_hold("other").unwrap().reserved().minor(), 30);
        }
    }

    pub(crate) fn above_the_hold_never_touches_another_hold(start: Start) {
        let world = World::funded(start, 30);
        for name in ["a", "b", "c"] {
            world.hold(name, 10).unwrap();
        }
        let captured = world.fresh(|| over(&world, "b", 30, OverCapture::UpToAvailable, 0));
        assert_eq!((captured.charged().minor(), captured.uncollected().minor()), (10, 20));
        let captured = world.fresh(|| over(&world, "c", 30, OverCapture::Debt, 5));
        assert_eq!((captured.charged().minor(), captured.uncollected().minor()), (15, 15));
        // Whatever the others did, this one is paid for.
        let captured = world.fresh(|| world.capture("a", 10));
        assert_eq!((captured.charged().minor(), captured.uncollected().minor()), (10, 0));
        assert_eq!(world.available(), -5);
    }

    pub(crate) fn above_the_hold_below_zero_takes_the_hold_and_no_more(start: Start) {
        let world = World::funded(start, 10);
        world.hold("a", 10).unwrap();
        world.hold("debt", 0).unwrap();
        world.adjust("chargeback", -100).unwrap();
        let captured = world.fresh(|| over(&world, "a", 15, OverCapture::UpToAvailable, 0));
        assert_eq!((captured.charged().minor(), captured.uncollected().minor()), (10, 5));
        let captured = world.fresh(|| over(&world, "debt", 15, OverCapture::Debt, 90));
        assert_eq!((captured.charged().minor(), captured.uncollected().minor()), (0, 15));
        assert_eq!(world.available(), -100);
    }

    pub(crate) fn partial_captures_name_absolute_totals(start: Start) {
        let world = World::funded(start, 100);
        world.hold("a", 10).unwrap();
        for (total, charged) in [(3, 3), (4, 1), (9, 5)] {
            let captured = world.fresh(|| world.partial("a", total));
            assert_eq!((captured.charged().minor(), captured.captured().minor()), (charged, total));
            assert_eq!((captured.status(), captured.freed().minor()), (HoldStatus::Open, 0));
            assert_eq!(world.available(), 90, "the rest stays held");
            assert_eq!(world.balance().held().minor(), 10 - total);
        }
        let captured = world.fresh(|| world.capture("a", 9));
        assert_eq!(
            (captured.charged().minor(), captured.captured().minor(), captured.freed().minor()),
            (0, 9, 1)
        );
        assert_eq!(world.available(), 91);
    }

    pub(crate) fn partial_captures_reordered_and_repeated(start: Start) {
        let world = World::funded(start, 100);
        world.hold("a", 10).unwrap();
        world.fresh(|| world.partial("a", 6));
        let replay = world.replayed(|| world.partial("a", 6));
        assert_eq!((replay.charged().minor(), replay.captured().minor()), (0, 6));
        // The earlier one comes after: up to there it is settled already. Nothing is charged, nothing given back.
        let replay = world.replayed(|| world.partial("a", 3));
        assert_eq!((replay.charged().minor(), replay.captured().minor()), (0, 6));
        let error = world.refused(|| world.capture("a", 3));
        assert_eq!(error, LedgerError::BelowCaptured { total: world.amount(3), captured: world.amount(6) });
        // A final capture of the same total is no replay of the partial one: it closes the hold.
        let captured = world.fresh(|| world.capture("a", 6));
        assert_eq!((captured.charged().minor(), captured.freed().minor()), (0, 4));
        // Partial captures that come after the end change nothing, whatever they answer.
        for total in [0, 3, 6, 10] {
            let seq = world.seq();
            let answer = world.without_a_trace(|| world.partial("a", total));
            if let Ok(applied) = answer {
                assert!(applied.is_replay() && total <= 6, "{applied:?}");
                assert_eq!(applied.seq(), seq);
            }
        }
        assert_eq!((world.available(), world.statement().len()), (94, 2));
    }

    pub(crate) fn a_partial_capture_above_is_collected_later(start: Start) {
        let world = World::funded(start, 12);
        world.hold("a", 10).unwrap();
        let captured = world.fresh(|| world.partial("a", 20));
        assert_eq!((captured.charged().minor(), captured.uncollected().minor()), (12, 8));
        assert_eq!((world.balance().held().minor(), world.available()), (0, 0));
        world.top_up("more", 5).unwrap();
        let captured = world.fresh(|| world.capture("a", 21));
        assert_eq!((captured.charged().minor(), captured.captured().minor()), (5, 17));
        assert_eq!(captured.uncollected().minor(), 4, "of the total named");
        let entries = world.statement();
        // 8 could not be collected, then 4 in all: that last one collected 4 of the 8.
        assert_eq!(entries.iter().map(|entry| entry.uncollected().minor()).sum::<i64>(), 4);
        assert_eq!(entries.last().unwrap().uncollected().minor(), -4);
    }

    pub(crate) fn late_reject(start: Start) {
        let world = World::funded(start, 100);
        world.hold("a", 10).unwrap();
        world.clock.advance(Duration::from_secs(330));
        match world.refused(|| tardy(&world, "a", 10, LateCapture::Reject, 50)) {
            LedgerError::HoldExpired(hold) => {
                assert_eq!((hold.status(), hold.is_late()), (HoldStatus::Expired, false));
            }
            other => panic!("{other:?}"),
        }
        // Not frozen: another policy may follow.
        world.fresh(|| tardy(&world, "a", 10, LateCapture::IfAvailable, 0));
    }

    pub(crate) fn late_if_available(start: Start) {
        for (spent, charged, uncollected) in [(0, 10, 0), (90, 10, 0), (95, 5, 5), (100, 0, 10)] {
            let world = World::funded(start, 100);
            world.hold("a", 10).unwrap();
            world.clock.advance(Duration::from_secs(330));
            world.charge("b", spent).unwrap();
            let captured = world.fresh(|| tardy(&world, "a", 10, LateCapture::IfAvailable, 50));
            assert_eq!((captured.charged().minor(), captured.uncollected().minor()), (charged, uncollected));
            assert!(captured.is_late());
            assert_eq!((captured.status(), captured.freed().minor()), (HoldStatus::Captured, 0));
            let hold = world.find_hold("a").unwrap();
            assert!(hold.is_late());
            assert_eq!((hold.captured().minor(), hold.uncollected().minor()), (charged, uncollected));
            world.replayed(|| tardy(&world, "a", 10, LateCapture::IfAvailable, 50));
            if charged > 0 {
                assert!(world.statement().last().unwrap().is_late());
            }
        }
    }

    pub(crate) fn late_debt(start: Start) {
        for (spent, debt, charged, uncollected) in
            [(0, 0, 10, 0), (100, 10, 10, 0), (100, 4, 4, 6), (95, 4, 9, 1)]
        {
            let world = World::funded(start, 100);
            world.hold("a", 10).unwrap();
            world.clock.advance(Duration::from_secs(330));
            world.charge("b", spent).unwrap();
            let captured = world.fresh(|| tardy(&world, "a", 10, LateCapture::Debt, debt));
            assert_eq!((captured.charged().minor(), captured.uncollected().minor()), (charged, uncollected));
            assert_eq!(world.available(), 100 - spent - charged);
        }
    }

    pub(crate) fn late_captures_leave_other_holds_alone(start: Start) {
        let world = World::funded(start, 10);
        world.hold("a", 10).unwrap();
        world.clock.advance(Duration::from_secs(330));
        world.hold("b", 7).unwrap();
        let captured = world.fresh(|| world.capture("a", 10));
        assert_eq!((captured.charged().minor(), captured.uncollected().minor()), (3, 7));
        assert_eq!(world.fresh(|| world.capture("b", 7)).charged().minor(), 7);
        assert_eq!(world.available(), 0);
    }

    pub(crate) fn a_voided_hold_cannot_be_captured(start: Start) {
        let world = World::funded(start, 100);
        world.hold("a", 10).unwrap();
        world.void("a").unwrap();
        for total in [0, 10, 20] {
            match world.refused(|| world.capture("a", total)) {
                LedgerError::HoldClosed(hold) => assert_eq!(hold.status(), HoldStatus::Voided),
                other => panic!("{other:?}"),
            }
        }
        // Not even when its time is over, and not by the policy for late ones.
        world.clock.advance(Duration::from_secs(330));
        let error = world.refused(|| tardy(&world, "a", 10, LateCapture::Debt, 50));
        assert!(matches!(error, LedgerError::HoldClosed(_)));
    }

    pub(crate) fn a_captured_hold_cannot_be_voided(start: Start) {
        let world = World::funded(start, 100);
        world.hold("a", 10).unwrap();
        world.capture("a", 4).unwrap();
        assert!(matches!(world.refused(|| world.void("a")), LedgerError::HoldClosed(_)));
        // Nor one of which part was captured: money charged is given back by a refund.
        world.hold("b", 10).unwrap();
        world.partial("b", 4).unwrap();
        let error = world.refused(|| world.void("b"));
        assert_eq!(error, LedgerError::BelowCaptured { total: world.amount(0), captured: world.amount(4) });
        world.hold("c", 10).unwrap();
        world.capture("c", 0).unwrap();
        assert!(matches!(world.refused(|| world.void("c")), LedgerError::HoldClosed(_)));
    }

    pub(crate) fn resize_moves_the_difference(start: Start) {
        let world = World::funded(start, 100);
        let rev = world.hold("a", 10).unwrap().into_value().rev();
        let hold = world.fresh(|| world.resize("a", rev, 25));
        assert_eq!((hold.total().minor(), hold.requested().minor(), world.available()), (25, 10, 75));
        let hold = world.fresh(|| world.resize("a", hold.rev(), 5));
        assert_eq!((hold.total().minor(), world.available()), (5, 95));
        let hold = world.fresh(|| world.resize("a", hold.rev(), 100));
        assert_eq!((hold.reserved().minor(), world.available()), (100, 0));
        // Captures are part of the total.
        world.partial("a", 40).unwrap();
        let rev = world.find_hold("a").unwrap().rev();
        let hold = world.fresh(|| world.resize("a", rev, 50));
        assert_eq!((hold.reserved().minor(), world.available()), (10, 50));
        let hold = world.fresh(|| world.resize("a", hold.rev(), 40));
        assert_eq!((hold.reserved().minor(), hold.status()), (0, HoldStatus::Open));
        assert_eq!(world.available(), 60);
    }

    pub(crate) fn resize_is_guarded_by_its_revision(start: Start) {
        let world = World::funded(start, 100);
        let first = world.hold("a", 10).unwrap().into_value();
        let second = world.resize("a", first.rev(), 20).unwrap().into_value();
        assert_eq!(second.rev(), first.rev() + 1);
        for rev in [first.rev(), second.rev() + 1, u32::MAX] {
            match world.refused(|| world.resize("a", rev, 30)) {
                LedgerError::Superseded(hold) => assert_eq!(*hold, second),
                other => panic!("{other:?}"),
            }
        }
        world.fresh(|| world.resize("a", second.rev(), 30));
        // A capture changes it too.
        let rev = world.find_hold("a").unwrap().rev();
        world.partial("a", 1).unwrap();
        assert!(matches!(world.refused(|| world.resize("a", rev, 40)), LedgerError::Superseded(_)));
    }

    pub(crate) fn refused_growth_leaves_the_old_hold(start: Start) {
        let world = World::funded(start, 10);
        world.hold("other", 3).unwrap();
        let hold = world.hold("a", 5).unwrap().into_value();
        let longer = world
            .resize_request("a", hold.rev())
            .with_total(world.amount(8))
            .with_lifetime(Duration::from_secs(3_600));
        let short = world.short(|| wait(world.ledger.resize(longer.clone())));
        assert_eq!((short.missing().minor(), short.available().minor(), short.held().minor()), (1, 2, 8));
        assert_eq!(world.find_hold("a").unwrap(), hold);
        // As far as the debt goes, and no further.
        let deeper = longer.clone().with_debt_limit(world.amount(1));
        let grown = world.fresh(|| wait(world.ledger.resize(deeper)));
        assert_eq!((grown.total().minor(), world.available()), (8, -1));
        // Shrinking needs no money, even below zero.
        assert_eq!(world.fresh(|| world.resize("a", grown.rev(), 6)).total().minor(), 6);
    }

    pub(crate) fn resize_not_below_what_was_captured(start: Start) {
        let world = World::funded(start, 100);
        world.hold("a", 10).unwrap();
        world.partial("a", 4).unwrap();
        let rev = world.find_hold("a").unwrap().rev();
        let error = world.refused(|| world.resize("a", rev, 3));
        assert_eq!(error, LedgerError::BelowCaptured { total: world.amount(3), captured: world.amount(4) });
        world.fresh(|| world.resize("a", rev, 4));
    }

    pub(crate) fn resize_of_a_closed_hold_is_refused(start: Start) {
        let world = World::funded(start, 100);
        for name in ["captured", "voided", "expired"] {
            world.hold(name, 10).unwrap();
        }
        world.capture("captured", 10).unwrap();
        world.void("voided").unwrap();
        world.clock.advance(Duration::from_secs(330));
        for name in ["captured", "voided", "expired"] {
            let hold = world.find_hold(name).unwrap();
            match world.refused(|| world.resize(name, hold.rev(), 20)) {
                LedgerError::HoldClosed(given) => assert_eq!(*given, hold),
                other => panic!("{name}: {other:?}"),
            }
        }
    }

    pub(crate) fn refunds_of_a_charge_are_limited_to_what_is_left(start: Start) {
        let world = World::funded(start, 100);
        world.charge("a", 10).unwrap();
        let entry = world.fresh(|| world.refund_charge("r1", "a", 4));
        assert_eq!((entry.amount().minor(), entry.kind()), (4, EntryKind::Refund));
        assert_eq!(entry.refund_of(), Some(&ChargeRef::Charge(key("a"))));
        let error = world.refused(|| world.refund_charge("r2", "a", 7));
        assert_eq!(
            error,
            LedgerError::RefundTooLarge { amount: world.amount(7), refundable: world.amount(6) }
        );
        world.fresh(|| world.refund_charge("r2", "a", 6));
        assert_eq!(world.find_entry("a").unwrap().refunded().minor(), 10);
        let error = world.refused(|| world.refund_charge("r3", "a", 1));
        assert_eq!(
            error,
            LedgerError::RefundTooLarge { amount: world.amount(1), refundable: world.amount(0) }
        );
        assert_eq!(world.available(), 100);
    }

    pub(crate) fn refunds_of_a_hold_are_limited_to_what_is_left(start: Start) {
        let world = World::funded(start, 100);
        world.hold("a", 20).unwrap();
        world.partial("a", 10).unwrap();
        // Of an open hold, what was captured so far.
        world.fresh(|| world.refund_hold("r1", "a", 4));
        let error = world.refused(|| world.refund_hold("r2", "a", 7));
        assert_eq!(
            error,
            LedgerError::RefundTooLarge { amount: world.amount(7), refundable: world.amount(6) }
        );
        let hold = world.find_hold("a").unwrap();
        assert_eq!((hold.refunded().minor(), hold.captured().minor(), hold.reserved().minor()), (4, 10, 10));
        // A refund takes nothing from what captures count.
        let captured = world.fresh(|| world.capture("a", 12));
        assert_eq!((captured.charged().minor(), captured.captured().minor()), (2, 12));
        world.fresh(|| world.refund_hold("r2", "a", 8));
        let error = world.refused(|| world.refund_hold("r3", "a", 1));
        assert!(matches!(error, LedgerError::RefundTooLarge { .. }));
        assert_eq!(world.available(), 100);
        // What was not collected cannot be given back.
        world.hold("b", 10).unwrap();
        world.capture("b", 500).unwrap();
        let error = world.refused(|| world.refund_hold("r4", "b", 101));
        assert_eq!(
            error,
            LedgerError::RefundTooLarge { amount: world.amount(101), refundable: world.amount(100) }
        );
        world.fresh(|| world.refund_hold("r4", "b", 100));
    }

    pub(crate) fn a_refund_of_what_is_no_charge_is_refused(start: Start) {
        let world = World::funded(start, 100);
        world.adjust("down", -10).unwrap();
        world.charge("c", 5).unwrap();
        world.refund_charge("r", "c", 2).unwrap();
        for name in ["paid in", "down", "r", "never"] {
            assert_eq!(world.refused(|| world.refund_charge("x", name, 1)), LedgerError::UnknownCharge);
        }
        // A hold is not found among the charges, nor a charge among the holds.
        world.hold("h", 10).unwrap();
        world.capture("h", 10).unwrap();
        assert_eq!(world.refused(|| world.refund_charge("x", "h", 1)), LedgerError::UnknownCharge);
        assert_eq!(world.refused(|| world.refund_hold("x", "c", 1)), LedgerError::UnknownCharge);
        // Of a hold of which nothing was captured nothing can be refunded.
        world.hold("v", 10).unwrap();
        world.void("v").unwrap();
        let error = world.refused(|| world.refund_hold("x", "v", 1));
        assert!(
            matches!(error, LedgerError::RefundTooLarge { .. } | LedgerError::UnknownCharge),
            "{error:?}"
        );
    }
}

mod clause_9 {
    use super::*;

    pub(crate) fn the_sums_hold_after_every_kind_of_change(start: Start) {
        let world = World::new(start);
        world.fresh(|| world.post("g", PostKind::Credit(GrantTerms::promotional()), 100));
        world.fresh(|| world.top_up("t", 100));
        world.fresh(|| world.charge("c", 30));
        world.fresh(|| world.hold("a", 50));
        world.fresh(|| world.partial("a", 20));
        let rev = world.find_hold("a").unwrap().rev();
        world.fresh(|| world.resize("a", rev, 60));
        world.fresh(|| world.capture("a", 45));
        world.fresh(|| world.refund_charge("r", "c", 10));
        world.fresh(|| world.refund_hold("s", "a", 5));
        world.fresh(|| world.adjust("j", -7));
        world.fresh(|| world.hold("b", 50));
        world.fresh(|| world.void("b"));
        assert_eq!(world.balance().posted().minor(), 200 - 30 - 45 + 10 + 5 - 7);
        // Each entry says what was posted after it.
        let mut sum = 0;
        for entry in world.statement() {
            sum += entry.amount().minor();
            assert_eq!(entry.balance_after().minor(), sum);
        }
    }

    pub(crate) fn a_chargeback_may_go_below_zero(start: Start) {
        let world = World::funded(start, 10);
        world.hold("a", 10).unwrap();
        let entry = world.fresh(|| world.adjust("back", -25));
        assert_eq!((entry.amount().minor(), entry.balance_after().minor()), (-25, -15));
        assert_eq!((world.balance().posted().minor(), world.available()), (-15, -25));
        // The open hold is paid for all the same.
        assert_eq!(world.fresh(|| world.capture("a", 10)).charged().minor(), 10);
        assert_eq!(world.available(), -25);
        world.short(|| world.hold("b", 1));
        world.fresh(|| world.top_up("pays the debt first", 25));
        world.short(|| world.hold("b", 1));
        world.fresh(|| world.top_up("then serves", 1));
        world.fresh(|| world.hold("b", 1));
        // The first change of an account may be one.
        let world = World::new(start);
        world.fresh(|| world.adjust("back", -5));
        assert_eq!((world.available(), world.seq()), (-5, 1));
    }

    pub(crate) fn debt_is_only_as_deep_as_allowed(start: Start) {
        let world = World::funded(start, 10);
        let hold = |name, minor, debt| {
            wait(world.ledger.hold(world.hold_request(name, minor).with_debt_limit(world.amount(debt))))
        };
        let charge = |name, minor, debt| {
            let request = world.post_request(name, PostKind::Charge, minor);
            wait(world.ledger.post(request.with_debt_limit(world.amount(debt))))
        };
        world.short(|| hold("a", 16, 5));
        world.fresh(|| hold("a", 15, 5));
        assert_eq!(world.available(), -5);
        // The limit is on what is available, not on this request.
        world.short(|| hold("b", 1, 5));
        world.short(|| charge("b", 1, 5));
        world.fresh(|| charge("b", 1, 6));
        world.short(|| charge("c", 1, 6));
        world.short(|| charge("c", 1, 0));
        world.fresh(|| charge("c", 4, 10));
        assert_eq!(world.available(), -10);
        // An account nobody has paid into is an empty one, so a debt that is allowed is allowed there too.
        let fresh = World::new(start);
        let request = fresh.hold_request("a", 5).with_debt_limit(fresh.amount(5));
        fresh.fresh(|| wait(fresh.ledger.hold(request)));
        assert_eq!(fresh.available(), -5);
    }

    pub(crate) fn the_reason_for_a_refusal_is_told(start: Start) {
        let world = World::funded(start, 10);
        assert_eq!(world.short(|| world.hold("x", 11)).reason(), ShortReason::Empty);
        world.hold("a", 6).unwrap();
        assert_eq!(world.short(|| world.hold("x", 5)).reason(), ShortReason::Held);
        assert_eq!(world.short(|| world.hold("x", 10)).reason(), ShortReason::Held);
        assert_eq!(world.short(|| world.hold("x", 11)).reason(), ShortReason::Empty);
        assert_eq!(world.short(|| world.charge("x", 5)).reason(), ShortReason::Held);
        world.void("a").unwrap();
        world.adjust("back", -15).unwrap();
        let short = world.short(|| world.charge("x", 5));
        assert_eq!(
            (short.reason(), short.missing().minor(), short.spendable().minor()),
            (ShortReason::Debt, 10, 0)
        );
    }

    pub(crate) fn statements_page_both_ways(start: Start) {
        let world = World::funded(start, 100);
        for index in 0..10 {
            world.charge(&format!("c{index}"), index).unwrap();
            // Changes between that are no entries.
            world.hold(&format!("h{index}"), 0).unwrap();
        }
        let all = world.statement();
        assert_eq!(all.len(), 11);
        assert!(all.is_sorted_by_key(Entry::seq));
        for order in [Order::OldestFirst, Order::NewestFirst] {
            for limit in [1, 2, 3, 10, 11, 12] {
                let (mut seen, mut after) = (vec![], None);
                loop {
                    let request =
                        StatementRequest::new(world.account.clone()).with_order(order).with_limit(limit);
                    let request = match after {
                        Some(after) => request.with_after(after),
                        None => request,
                    };
                    let page = wait(world.ledger.statement(request)).unwrap();
                    assert!(page.entries().len() <= limit as usize && !page.entries().is_empty());
                    assert_eq!(page.seq(), 21);
                    seen.extend(page.entries().to_vec());
                    after = page.next();
                    if after.is_none() {
                        break;
                    }
                    assert_eq!(page.entries().len(), limit as usize);
                }
                if order == Order::NewestFirst {
                    seen.reverse();
                }
                assert_eq!(seen, all, "{order:?} by {limit}");
            }
        }
        // What is booked while someone pages backwards does not shift the pages.
        let first = wait(world.ledger.statement(StatementRequest::new(world.account.clone()).with_limit(4)));
        let first = first.unwrap();
        world.charge("between", 1).unwrap();
        let request = StatementRequest::new(world.account.clone()).with_limit(7);
        let second = wait(world.ledger.statement(request.with_after(first.next().unwrap()))).unwrap();
        let mut seen = [first.entries(), second.entries()].concat();
        seen.reverse();
        assert_eq!(seen, all);
        assert_eq!(second.next(), None);
    }

    pub(crate) fn a_trimmed_history_is_one_opening_entry(start: Start) {
        for kept in [1, 2, 5] {
            let world = start(MemorySettings::new().with_retained_entries(kept));
            let mut expected = vec![];
            world.top_up("paid in", 1_000).unwrap();
            expected.push(1_000);
            for index in 1..20 {
                world.charge(&format!("c{index}"), index).unwrap();
                expected.push(-index);
                world.check_sums();
            }
            let entries = world.statement();
            assert!((kept..=kept + 1).contains(&entries.len()), "{kept} kept: {entries:?}");
            let opening = &entries[0];
            assert_eq!(opening.kind(), EntryKind::Opening);
            assert!(entries[1..].iter().all(|entry| entry.kind() == EntryKind::Charge));
            let folded = expected.len() - (entries.len() - 1);
            assert_eq!(opening.amount().minor(), expected[..folded].iter().sum::<i64>());
            assert_eq!(opening.balance_after(), opening.amount());
            assert!(opening.seq() < entries.get(1).map_or(u64::MAX, Entry::seq));
            assert!(entries.is_sorted_by_key(Entry::seq));
            // Paging meets it too, at the far end.
            let request = StatementRequest::new(world.account.clone()).with_limit(1);
            let mut page = wait(world.ledger.statement(request.clone())).unwrap();
            let mut sum = page.entries()[0].amount().minor();
            while let Some(after) = page.next() {
                page = wait(world.ledger.statement(request.clone().with_after(after))).unwrap();
                sum += page.entries()[0].amount().minor();
            }
            assert_eq!(page.entries()[0], *opening);
            assert_eq!(sum, world.balance().posted().minor());
            // It is no posting that can be found or refunded, whatever its key is.
            assert!(world.find_entry(opening.key().as_str()).is_none());
            let of = opening.key().as_str();
            assert_eq!(world.refused(|| world.refund_charge("r", of, 1)), LedgerError::UnknownCharge);
            world.fresh(|| world.charge(of, 1));
        }
    }

    pub(crate) fn entries_tell_what_they_were(start: Start) {
        let world = World::funded(start, 100);
        let labels = Labels::new([("user", "ana")]).unwrap();
        let request = world.hold_request("a", 10).with_labels(labels.clone());
        let hold = world.fresh(|| wait(world.ledger.hold(request)));
        assert_eq!(hold.labels(), labels);
        world.clock.advance(Duration::from_secs(5));
        let applied = world.capture("a", 6).unwrap();
        let entry = world.statement().pop().unwrap();
        assert_eq!((entry.key(), entry.operation()), (&key("a"), Operation::Hold));
        assert_eq!(
            (entry.kind(), entry.amount().minor(), entry.seq()),
            (EntryKind::Charge, -6, applied.seq())
        );
        assert_eq!((entry.booked_at(), entry.labels()), (world.clock.now(), labels.clone()));
        assert!(!entry.is_late() && entry.refund_of().is_none());
        let request = world.post_request("c", PostKind::Charge, 6).with_labels(labels.clone());
        let applied = wait(world.ledger.post(request)).unwrap();
        let entry = applied.value();
        assert_eq!((entry.key(), entry.operation()), (&key("c"), Operation::Charge));
        assert_eq!((entry.seq(), entry.labels()), (applied.seq(), labels));
        assert_eq!(world.find_entry("c").as_ref(), Some(entry));
    }
}

mod clause_10 {
    use super::*;

    pub(crate) fn each_change_has_the_next_number(start: Start) {
        let world = World::new(start);
        assert_eq!(world.seq(), 0);
        assert_eq!(world.top_up("a", 100).unwrap().seq(), 1);
        assert_eq!(world.hold("h", 10).unwrap().seq(), 2);
        assert_eq!(world.partial("h", 1).unwrap().seq(), 3);
        let rev = world.find_hold("h").unwrap().rev();
        assert_eq!(world.resize("h", rev, 20).unwrap().seq(), 4);
        assert_eq!(world.capture("h", 2).unwrap().seq(), 5);
        assert_eq!(world.hold("v", 10).unwrap().seq(), 6);
        assert_eq!(world.void("v").unwrap().seq(), 7);
        assert_eq!(world.charge("c", 1).unwrap().seq(), 8);
        assert_eq!(world.refund_charge("r", "c", 1).unwrap().seq(), 9);
        assert_eq!(world.adjust("j", -1).unwrap().seq(), 10);
        assert_eq!(world.hold("zero", 0).unwrap().seq(), 11);
        assert_eq!(world.capture("zero", 0).unwrap().seq(), 12);
        // Replays and refusals take none.
        assert_eq!(world.charge("c", 1).unwrap().seq(), 12);
        world.hold("x", 1_000).unwrap_err();
        assert_eq!(world.charge("d", 1).unwrap().seq(), 13);
    }

    pub(crate) fn expiries_have_numbers_too(start: Start) {
        let world = World::funded(start, 10);
        for name in ["a", "b", "c"] {
            world.hold(name, 2).unwrap();
        }
        world.clock.advance(Duration::from_secs(330));
        // Three releases, then the charge: 5, 6, 7 and 8.
        let applied = world.charge("x", 10).unwrap();
        assert_eq!((applied.seq(), applied.available_before().minor()), (8, 10));
        assert_eq!(applied.available_after().minor(), 0);
        // In a refusal as well, where they may be all that happened.
        world.top_up("more", 2).unwrap();
        world.hold("d", 2).unwrap();
        world.clock.advance(Duration::from_secs(330));
        match world.hold("e", 3).unwrap_err() {
            LedgerError::Insufficient(short) => {
                assert_eq!((short.seq(), short.available().minor(), short.held().minor()), (11, 2, 0));
                assert_eq!(short.next_release_in(), None);
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(world.seq(), 11);
    }

    pub(crate) fn reads_and_refusals_carry_the_number(start: Start) {
        let world = World::funded(start, 10);
        world.hold("a", 2).unwrap();
        let statement =
            || wait(world.ledger.statement(StatementRequest::new(world.account.clone()))).unwrap();
        let holds = || wait(world.ledger.holds(HoldsRequest::new(world.account.clone()))).unwrap();
        assert_eq!((statement().seq(), holds().seq(), world.balance().seq()), (2, 2, 2));
        assert_eq!(world.short(|| world.hold("b", 100)).seq(), 2);
        // Those of any read that is decided after the expiry.
        world.clock.advance(Duration::from_secs(330));
        let page = holds();
        assert_eq!((page.seq(), page.holds().len()), (3, 0));
        assert_eq!((statement().seq(), world.balance().seq()), (3, 3));
        assert_eq!(world.balance().as_of(), world.clock.now());
    }

    pub(crate) fn a_threshold_is_crossed_once(start: Start) {
        let world = World::funded(start, 100);
        let mut steps = vec![];
        for index in 0..20 {
            let name = format!("h{index}");
            let held = world.hold(&name, 10).unwrap();
            steps.push((held.seq(), held.available_before().minor(), held.available_after().minor()));
            let captured = world.capture(&name, 4).unwrap();
            steps.push((
                captured.seq(),
                captured.available_before().minor(),
                captured.available_after().minor(),
            ));
        }
        for pair in steps.windows(2) {
            assert_eq!(
                (pair[0].0 + 1, pair[0].2),
                (pair[1].0, pair[1].1),
                "what one leaves the next one finds"
            );
        }
        // With captures giving back, a threshold may be met again from above, but each crossing is one change's.
        let down = steps.iter().filter(|(_, before, after)| *before >= 50 && 50 > *after).count();
        let up = steps.iter().filter(|(_, before, after)| *before < 50 && 50 <= *after).count();
        assert_eq!(down, up + 1);
    }

    pub(crate) fn open_holds_are_listed_by_release_then_key(start: Start) {
        let world = World::funded(start, 100);
        for (name, seconds) in [("d", 30), ("b", 20), ("a", 40), ("c", 20), ("e", 10), ("gone", 5)] {
            let request = world.hold_request(name, 1).with_lifetime(Duration::from_secs(seconds));
            wait(world.ledger.hold(request)).unwrap();
        }
        world.void("gone").unwrap();
        let rev = world.find_hold("e").unwrap().rev();
        let longer = world.resize_request("e", rev).with_lifetime(Duration::from_secs(50));
        wait(world.ledger.resize(longer)).unwrap();
        for limit in 1..=6 {
            let (mut names, mut after) = (String::new(), None);
            loop {
                let request = HoldsRequest::new(world.account.clone()).with_limit(limit);
                let request = match after {
                    Some(after) => request.with_after(after),
                    None => request,
                };
                let page = wait(world.ledger.holds(request)).unwrap();
                assert!(page.holds().len() <= limit as usize && !page.holds().is_empty());
                names.extend(page.holds().iter().map(|hold| hold.key().as_str()));
                after = page.next().cloned();
                if after.is_none() {
                    break;
                }
            }
            assert_eq!(names, "bcdae", "by {limit}");
        }
        // A cursor whose hold is gone still says where to go on.
        let page = wait(world.ledger.holds(HoldsRequest::new(world.account.clone()).with_limit(2))).unwrap();
        world.void("c").unwrap();
        let request = HoldsRequest::new(world.account.clone()).with_after(page.next().unwrap().clone());
        let names: String = wait(world.ledger.holds(request))
            .unwrap()
            .holds()
            .iter()
            .map(|hold| hold.key().to_string())
            .collect();
        assert_eq!(names, "dae");
    }

    pub(crate) fn rev_rises_by_one_with_each_change_of_a_hold(start: Start) {
        let world = World::funded(start, 100);
        let rev = || world.find_hold("a").unwrap().rev();
        let first = world.hold("a", 10).unwrap().into_value().rev();
        world.hold("a", 10).unwrap();
        assert_eq!(rev(), first, "a replay is no change");
        world.resize("a", first, 20).unwrap();
        assert_eq!(rev(), first + 1);
        world.partial("a", 5).unwrap();
        assert_eq!(rev(), first + 2);
        world.partial("a", 5).unwrap();
        assert_eq!(rev(), first + 2, "a replay is no change");
        world.resize("a", rev(), 1_000).unwrap_err();
        world.charge("other", 1).unwrap();
        assert_eq!(rev(), first + 2);
        world.refund_hold("r", "a", 1).unwrap();
        assert_eq!(rev(), first + 3);
        world.clock.advance(Duration::from_secs(330));
        assert_eq!(rev(), first + 4, "its release is a change");
        world.capture("a", 6).unwrap();
        assert_eq!(rev(), first + 5);
    }
}
