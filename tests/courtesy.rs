//! Courtesies: who gets one, that each is paid for by the house before it is given, and that it is given once.
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]

#[path = "courtesy/yielding.rs"]
mod yielding;

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Barrier};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use billing_guard::{
    AccountId, Amount, Cap, Caps, Courtesy, Enforcement, Entry, EntryKind, Error, GrantTerms, Guard, Hold,
    IdempotencyKey, Job, Ledger, LedgerExt, LedgerFuture, ManualClock, MemoryLedger, MemorySettings, Notice,
    OnDrop, Period, Policy, PriceBook, SetupError, ShortReason, StatementRequest, Tariff, Unit, wait,
};
use proptest::prelude::*;
use yielding::Yielding;

fn usd(cents: i64) -> Amount {
    Unit::new("USD", 2).unwrap().minor(cents)
}

fn account(name: &str) -> AccountId {
    AccountId::new(name).unwrap()
}

fn customer() -> AccountId {
    account("acct_1")
}

fn house() -> AccountId {
    account("house")
}

fn key(text: &str) -> IdempotencyKey {
    text.parse().unwrap()
}

/// Up to 30 cents a month.
fn courtesy() -> Courtesy {
    Courtesy::new("Finish your work".parse().unwrap(), usd(30), Period::month(), house())
}

/// The same with something else in it.
fn with(change: impl FnOnce(&mut Courtesy)) -> Courtesy {
    let mut courtesy = courtesy();
    change(&mut courtesy);
    courtesy
}

/// One cent a row.
fn book() -> PriceBook {
    PriceBook::new(usd(0).unit()).with("query", Tariff::new().per_unit("rows", "0.01").unwrap()).unwrap()
}

/// Costs all of its hold, so that what was given is used.
fn next(rows: u64) -> Job {
    Job::new("query").at_most("rows", rows).with_on_drop(OnDrop::CaptureHold).continuing()
}

struct World {
    guard: Guard,
    clock: Arc<ManualClock>,
}

/// The customer has 10 cents, the house as much as it is given.
fn world(policy: Policy, in_house: i64) -> World {
    let clock = Arc::new(ManualClock::new());
    let ledger = MemoryLedger::with_clock(MemorySettings::new(), clock.clone());
    world_on(Arc::new(ledger), clock, policy, in_house)
}

/// The same on a ledger whose answers come a poll later.
fn slow_world(policy: Policy, in_house: i64) -> World {
    let clock = Arc::new(ManualClock::new());
    let ledger = Yielding(MemoryLedger::with_clock(MemorySettings::new(), clock.clone()));
    world_on(Arc::new(ledger), clock, policy, in_house)
}

fn world_on(ledger: Arc<dyn Ledger>, clock: Arc<ManualClock>, policy: Policy, in_house: i64) -> World {
    let guard = Guard::builder(ledger, book()).policy(policy).build().unwrap();
    wait(guard.top_up(&customer(), key("payment"), usd(10))).unwrap();
    if in_house > 0 {
        wait(guard.top_up(&house(), key("fund"), usd(in_house))).unwrap();
    }
    World { guard, clock }
}

impl World {
    fn hold(&self, job: Job) -> Result<Hold, Error> {
        wait(self.guard.hold(&customer(), job))
    }

    fn available(&self, account: &AccountId) -> i64 {
        wait(self.guard.balance(account)).unwrap().available().minor()
    }

    fn entries(&self, account: &AccountId) -> Vec<Entry> {
        let page = StatementRequest::new(account.clone()).with_limit(1_000);
        wait(self.guard.statement(page)).unwrap().entries().to_vec()
    }

    /// What was granted to an account in all.
    fn granted(&self, account: &AccountId) -> i64 {
        let entries = self.entries(account);
        entries
            .iter()
            .filter(|entry| entry.kind() == EntryKind::Grant)
            .map(|entry| entry.amount().minor())
            .sum()
    }

    fn gets_none(&self, job: Job) {
        let before = (self.available(&house()), self.granted(&customer()));
        assert!(self.hold(job).is_err());
        assert_eq!((self.available(&house()), self.granted(&customer())), before);
    }
}

fn with_courtesy() -> Policy {
    Policy::new().with_courtesy(courtesy())
}

#[test]
fn what_is_missing_is_given_once_in_a_period_and_the_hold_says_so() {
    let world = world(with_courtesy(), 100);
    let hold = world.hold(next(40)).unwrap();
    assert_eq!(hold.notices(), [Notice::CourtesyGiven { amount: usd(30) }]);
    assert_eq!((hold.amount(), world.available(&house())), (usd(40), 70));
    drop(hold);
    // The house sees for whom, the customer sees what.
    let of_house = world.entries(&house());
    let charge = of_house.iter().find(|entry| entry.kind() == EntryKind::Charge).unwrap();
    assert!(charge.key().as_str().starts_with("courtesy:acct_1:"), "{charge:?}");
    assert_eq!((world.available(&customer()), world.granted(&customer())), (0, 30));
    world.gets_none(next(1));
    world.clock.advance(Duration::from_secs(31 * 86_400));
    let hold = world.hold(next(1)).unwrap();
    assert_eq!(hold.notices(), [Notice::CourtesyGiven { amount: usd(1) }]);
    assert_eq!(world.available(&house()), 69);
}

#[test]
fn what_is_not_used_of_it_ends_with_its_period() {
    let world = world(with_courtesy(), 100);
    drop(world.hold(next(40).with_on_drop(OnDrop::Settle)).unwrap());
    assert_eq!(world.available(&customer()), 40);
    world.clock.advance(Duration::from_secs(31 * 86_400));
    assert_eq!(world.available(&customer()), 10);
}

#[test]
fn a_charge_in_one_step_gets_one_too_and_its_replay_none() {
    let world = world(with_courtesy(), 100);
    let job = Job::new("query").exact("rows", 25_u64).with_key(key("req")).continuing();
    let receipt = wait(world.guard.charge(&customer(), &job)).unwrap();
    assert_eq!(receipt.notices(), [Notice::CourtesyGiven { amount: usd(15) }]);
    let again = wait(world.guard.charge(&customer(), &job)).unwrap();
    assert!(again.is_replay() && again.notices().is_empty());
    assert_eq!((world.available(&house()), world.available(&customer())), (85, 0));
}

#[test]
fn a_repeated_key_is_a_duplicate_and_no_occasion_for_another() {
    let world = world(with_courtesy(), 100);
    let job = || next(40).with_key(key("req"));
    let held = world.hold(job()).unwrap();
    assert!(matches!(world.hold(job()), Err(Error::Duplicate { .. })));
    drop(held);
    assert!(matches!(world.hold(job()), Err(Error::Duplicate { .. })));
    assert_eq!(world.available(&house()), 70);
}

#[test]
fn only_work_that_continues_and_only_what_makes_up_for_it() {
    let world = world(with_courtesy(), 100);
    world.gets_none(Job::new("query").at_most("rows", 40_u64));
    world.gets_none(next(41));
    let _running = world.hold(Job::new("query").at_most("rows", 6_u64)).unwrap();
    // There, but in use: waiting helps.
    let Err(Error::InsufficientBalance(short)) = world.hold(next(8)) else { panic!("4 are free") };
    assert_eq!((short.reason(), world.available(&house())), (ShortReason::Held, 100));
    // A spend cap is no shortage of money.
    let cap = Cap::new("key".parse().unwrap(), Period::day(), usd(3));
    let capped = next(4).with_caps(Caps::new([cap]).unwrap());
    assert!(matches!(world.hold(capped), Err(Error::SpendCapReached(_))));
    assert_eq!(world.available(&house()), 100);
}

#[test]
fn a_debt_is_not_made_up_for() {
    let world = world(with_courtesy(), 100);
    wait(world.guard.ledger().adjust(&customer(), key("chargeback"), usd(-15))).unwrap();
    let Err(Error::InsufficientBalance(short)) = world.hold(next(5)) else { panic!("in debt") };
    assert_eq!((short.reason(), world.available(&house())), (ShortReason::Debt, 100));
}

#[test]
fn an_observing_guard_gives_none() {
    let world = world(with_courtesy().with_enforcement(Enforcement::Observe), 100);
    let hold = world.hold(next(20)).unwrap();
    assert!(hold.observed().is_some() && hold.notices().is_empty());
    assert_eq!(world.available(&house()), 100);
}

#[test]
fn the_house_gives_what_it_has_and_what_its_caps_allow() {
    let world = world(with_courtesy(), 29);
    world.gets_none(next(40));
    drop(world.hold(next(39)).unwrap());
    assert_eq!(world.available(&house()), 0);
    let cap = Cap::new("house/day".parse().unwrap(), Period::day(), usd(20));
    let capped = Policy::new().with_courtesy(courtesy().with_caps(Caps::new([cap]).unwrap()));
    let world = self::world(capped, 100);
    world.gets_none(next(31));
    drop(world.hold(next(30)).unwrap());
    assert_eq!(world.available(&house()), 80);
    // The house is nobody's customer.
    let own = wait(world.guard.hold(&house(), next(90)));
    assert!(matches!(own, Err(Error::InsufficientBalance(_))) && world.available(&house()) == 80);
}

#[test]
fn a_courtesy_by_hand_counts_and_the_house_gets_its_money_back() {
    let world = world(with_courtesy(), 100);
    let by_hand = GrantTerms::courtesy("Finish your work".parse().unwrap(), Period::month());
    wait(world.guard.grant(&customer(), key("support-7"), by_hand, usd(1))).unwrap();
    for _ in 0..3 {
        world.gets_none(next(20));
    }
}

#[test]
fn another_policy_does_not_give_a_second_one_from_the_same_charge() {
    let world = world(with_courtesy(), 100);
    drop(world.hold(next(20)).unwrap());
    let other = with(|courtesy| courtesy.label = "Another".parse().unwrap());
    let guard = world.guard.with_policy(Policy::new().with_courtesy(other)).unwrap();
    assert!(wait(guard.hold(&customer(), next(5))).is_err());
    // From another house it would have to be another grant under the same key.
    let other = with(|courtesy| courtesy.funded_by = account("house-2"));
    wait(guard.top_up(&account("house-2"), key("fund"), usd(100))).unwrap();
    let guard = world.guard.with_policy(Policy::new().with_courtesy(other)).unwrap();
    assert!(wait(guard.hold(&customer(), next(5))).is_err());
    assert_eq!((world.available(&house()), world.available(&account("house-2"))), (90, 100));
    assert_eq!(world.granted(&customer()), 10);
}

#[test]
fn a_policy_that_cannot_be_is_named_when_the_guard_is_built() {
    let world = world(Policy::new(), 0);
    let error = |amount| {
        let courtesy = with(|courtesy| courtesy.amount = amount);
        world.guard.with_policy(Policy::new().with_courtesy(courtesy)).map(|_| ()).unwrap_err()
    };
    let euro = Unit::new("EUR", 2).unwrap().minor(5);
    assert!(matches!(error(euro), SetupError::WrongUnit { what: "courtesy", .. }));
    for bad in [0, -1] {
        assert!(matches!(error(usd(bad)), SetupError::Invalid { what: "courtesy", .. }), "{bad}");
    }
    let cap = Cap::new("house".parse().unwrap(), Period::day(), euro);
    let capped = Policy::new().with_courtesy(courtesy().with_caps(Caps::new([cap]).unwrap()));
    assert!(matches!(
        world.guard.with_policy(capped),
        Err(SetupError::WrongUnit { what: "limit of a cap", .. })
    ));
}

type Asked = LedgerFuture<Hold, Error>;

fn poll(future: &mut Asked) -> Poll<Result<Hold, Error>> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn stopped_between_any_two_steps_it_costs_the_house_once_and_the_customer_nothing() {
    let mut stops = 0;
    for polls in 0_u32.. {
        let world = slow_world(with_courtesy(), 100);
        let job = || next(40).with_key(key("req")).with_on_drop(OnDrop::Settle);
        let mut first = world.guard.hold(&customer(), job());
        let done = (0..polls).any(|_| poll(&mut first).is_ready());
        drop(first);
        assert!(world.available(&house()) >= 70, "after {polls} polls");
        // Whoever comes next with the same request finds what was done.
        let again = world.hold(job());
        assert!(matches!(again, Ok(_) | Err(Error::Duplicate { .. })), "after {polls} polls: {again:?}");
        drop(again);
        assert_eq!((world.available(&house()), world.granted(&customer())), (70, 30), "after {polls} polls");
        stops += 1;
        if done {
            break;
        }
    }
    assert!(stops > 4, "hold, charge, grant and hold are steps of their own: {stops}");
}

#[test]
fn a_charge_that_waits_is_used_for_what_it_is_enough_for() {
    let world = slow_world(with_courtesy(), 100);
    let mut first = world.guard.hold(&customer(), next(25));
    // The refusal, and the charge of 15 to the house.
    while world.available(&house()) == 100 {
        assert!(poll(&mut first).is_pending());
    }
    drop(first);
    world.gets_none(next(26));
    drop(world.hold(next(24)).unwrap());
    assert_eq!((world.available(&house()), world.granted(&customer())), (85, 15));
}

#[test]
fn a_grant_is_never_booked_after_its_charge_was_given_back() {
    let minute = Period::rolling(Duration::from_secs(60)).unwrap();
    let policy = Policy::new().with_courtesy(with(|courtesy| courtesy.once_per = minute));
    let world = slow_world(policy, 100);
    drop(world.hold(next(20)).unwrap());
    // The last second in which that one counts. Somebody comes as far as the charge.
    world.clock.advance(Duration::from_millis(60_500));
    let mut late = world.guard.hold(&customer(), next(20));
    while world.available(&house()) == 90 {
        assert!(poll(&mut late).is_pending());
    }
    // Somebody else finds it, is refused the grant, and gives it back.
    assert!(world.hold(next(20)).is_err());
    assert_eq!(world.available(&house()), 90);
    // From now on another courtesy could be given, but not for that charge.
    world.clock.advance(Duration::from_millis(500));
    assert!(wait(late).is_err());
    assert_eq!((world.available(&house()), world.granted(&customer())), (90, 10));
    drop(world.hold(next(20)).unwrap());
    assert_eq!((world.available(&house()), world.granted(&customer())), (70, 30));
}

#[test]
fn many_at_once_never_get_more_than_the_house_has() {
    const CUSTOMERS: usize = 40;
    let world = world(with_courtesy(), 200);
    let barrier = Barrier::new(8);
    let given: i64 = thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    barrier.wait();
                    let mut given = 0;
                    // All threads ask for all customers.
                    for number in 0..CUSTOMERS {
                        let customer = account(&format!("c{number}"));
                        if let Ok(hold) = wait(world.guard.hold(&customer, next(30))) {
                            given += i64::try_from(hold.notices().len()).unwrap() * 30;
                        }
                    }
                    given
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    let granted: Vec<_> =
        (0..CUSTOMERS).map(|number| world.granted(&account(&format!("c{number}")))).collect();
    assert!(granted.iter().all(|granted| [0, 30].contains(granted)), "{granted:?}");
    let sum: i64 = granted.iter().sum();
    assert_eq!((sum, world.available(&house())), (180, 20), "six of thirty, and twenty do not do");
    assert!(given <= sum);
}

#[derive(Clone, Debug)]
enum Op {
    Ask { customer: usize, rows: u64 },
    Poll { which: usize },
    Drop { which: usize },
    Advance { millis: u64 },
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        3 => (0..2_usize, 1..40_u64).prop_map(|(customer, rows)| Op::Ask { customer, rows }),
        12 => any::<usize>().prop_map(|which| Op::Poll { which }),
        1 => any::<usize>().prop_map(|which| Op::Drop { which }),
        2 => prop_oneof![Just(300), Just(1_000), Just(30_000), Just(60_500)]
            .prop_map(|millis| Op::Advance { millis }),
    ]
}

proptest! {
    /// Requests that overlap at every step, some of them dropped, over windows that move.
    #[test]
    fn what_was_given_was_paid_for_by_the_house(ops in proptest::collection::vec(op(), 1..120)) {
        let minute = Period::rolling(Duration::from_secs(60)).unwrap();
        let policy = Policy::new().with_courtesy(with(|courtesy| courtesy.once_per = minute));
        let world = slow_world(policy, 100);
        let mut asked: Vec<Asked> = Vec::new();
        for op in ops {
            match op {
                Op::Ask { customer, rows } => {
                    asked.push(world.guard.hold(&account(&format!("c{customer}")), next(rows)));
                }
                Op::Poll { which } if !asked.is_empty() => {
                    let which = which % asked.len();
                    if poll(&mut asked[which]).is_ready() {
                        drop(asked.swap_remove(which));
                    }
                }
                Op::Drop { which } if !asked.is_empty() => drop(asked.swap_remove(which % asked.len())),
                Op::Poll { .. } | Op::Drop { .. } => {}
                Op::Advance { millis } => world.clock.advance(Duration::from_millis(millis)),
            }
            let granted = world.granted(&account("c0")) + world.granted(&account("c1"));
            let paid = 100 - world.available(&house());
            prop_assert!(granted <= paid && paid <= 100, "{} given, {} paid for", granted, paid);
        }
    }
}

#[test]
fn what_was_given_is_not_paid_for_again_once_the_house_forgot_it() {
    let clock = Arc::new(ManualClock::new());
    let settings = MemorySettings::new().with_retained_entries(4);
    let ledger = MemoryLedger::with_clock(settings, clock.clone());
    let world = world_on(Arc::new(ledger), clock, with_courtesy(), 100);
    drop(world.hold(next(40)).unwrap());
    assert_eq!((world.available(&house()), world.available(&customer())), (70, 0));
    for n in 0..8 {
        wait(world.guard.top_up(&house(), key(&format!("fund-{n}")), usd(1))).unwrap();
    }
    assert!(world.entries(&house()).iter().all(|entry| entry.kind() != EntryKind::Charge));
    for _ in 0..3 {
        world.gets_none(next(5));
    }
}
