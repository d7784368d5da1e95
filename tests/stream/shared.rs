//! One hold, many workers: what is within is paid for, whoever asks, and nothing more is delivered than that.

use std::pin::Pin;
use std::task::Poll;

use billing_guard::Hold;

use super::away::LATE;
use super::*;

/// Lets so many threads deliver words in steps of their own until nothing is left for them; how many words that was.
fn deliver_all(hold: &Arc<Hold>, steps: &[u64]) -> u64 {
    let workers: Vec<_> = steps
        .iter()
        .map(|step| {
            let (hold, step) = (Arc::clone(hold), *step);
            std::thread::spawn(move || {
                let mut delivered = 0;
                while let Cover::Within { .. } = wait(hold.spend(&words(step))).unwrap() {
                    delivered += step;
                }
                delivered
            })
        })
        .collect();
    workers.into_iter().map(|worker| worker.join().unwrap()).sum()
}

fn captured(hold: Arc<Hold>) -> i64 {
    let receipt = wait(Arc::into_inner(hold).unwrap().capture_recorded()).unwrap();
    assert_eq!(receipt.uncollected(), cents(0));
    receipt.charged().minor()
}

#[test]
fn a_handle_goes_to_any_thread_and_is_shared_by_them() {
    fn bounds<T: Send + Sync + 'static>() {}
    fn future<T: Send>(future: T) -> T {
        future
    }
    bounds::<Hold>();
    let (_, guard) = guard_with(10, Policy::new());
    let hold = wait(guard.hold(&account(), answer())).unwrap();
    assert!(matches!(wait(future(hold.spend(&words(1)))).unwrap(), Cover::Within { .. }));
}

#[test]
fn workers_deliver_all_that_is_there_and_no_more() {
    for round in 0..20 {
        let funds = 700 + round * 13;
        let (_, guard) = guard_with(funds, Policy::new());
        let hold = Arc::new(wait(guard.hold(&account(), answer())).unwrap());
        let delivered = deliver_all(&hold, &[1, 2, 3, 5, 1, 7, 2, 1]);
        assert_eq!(hold.recorded(), words(delivered));
        // Those that take one at a time are there to the last.
        assert_eq!(captured(hold), funds);
        assert_eq!(i64::try_from(delivered).unwrap(), funds);
        assert_eq!(balance(&guard), (0, 0));
    }
}

#[test]
fn a_budget_is_one_for_all_of_them() {
    let (_, guard) = guard_with(10_000, Policy::new());
    let hold = Arc::new(wait(guard.hold(&account(), answer().with_budget(cents(437)))).unwrap());
    assert_eq!(deliver_all(&hold, &[1, 1, 4, 2]), 437);
    assert_eq!((captured(hold), balance(&guard)), (437, (9_563, 0)));
}

#[test]
fn beside_other_work_on_the_same_account() {
    let (_, guard) = guard_with(3_000, Policy::new());
    let hold = Arc::new(wait(guard.hold(&account(), answer())).unwrap());
    let (shared, others) = std::thread::scope(|scope| {
        let shared = scope.spawn(|| deliver_all(&hold, &[1, 3, 2, 1]));
        let others = scope.spawn(|| {
            let mut charged = 0;
            while let Ok(mut other) =
                wait(guard.hold(&account(), Job::new("answer").at_most("words", 40_u64)))
            {
                charged += wait(other.capture(&words(11))).unwrap().charged().minor();
            }
            charged
        });
        (shared.join().unwrap(), others.join().unwrap())
    });
    assert_eq!(captured(hold), i64::try_from(shared).unwrap());
    assert_eq!(balance(&guard), (3_000 - i64::try_from(shared).unwrap() - others, 0));
}

#[test]
fn one_of_them_puts_off_the_end_for_all() {
    let away = Arc::new(Away::default());
    let ledger: Arc<dyn Ledger> = away.clone();
    let guard = guard_over(&ledger, Policy::new().with_lifetime(Duration::from_secs(3)));
    wait(guard.top_up(&account(), "funds".parse().unwrap(), cents(1_000))).unwrap();
    let hold = wait(guard.hold(&account(), Job::new("answer").at_most("words", 500_u64))).unwrap();
    std::thread::sleep(Duration::from_millis(1_550));
    away.is(LATE);
    let piece = words(1);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let mut first = std::pin::pin!(hold.spend(&piece));
    assert!(first.as_mut().poll(&mut context).is_pending());
    // The others need not wait for it.
    for _ in 0..20 {
        assert!(poll_once(hold.spend(&piece)).is_ready());
    }
    assert!(first.as_mut().poll(&mut context).is_ready());
    away.is(UP);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| wait(hold.spend(&piece)).unwrap());
        }
    });
    assert_eq!(away.resizes.load(Ordering::SeqCst), 1);
    assert_eq!(hold.recorded(), words(29));
}

#[cfg(feature = "sqlite")]
#[test]
fn in_a_database() {
    use billing_guard::{SqliteStore, StoreLedger};
    let ledger: Arc<dyn Ledger> = Arc::new(StoreLedger::new(SqliteStore::in_memory().unwrap()));
    let guard = guard_over(&ledger, Policy::new());
    wait(guard.top_up(&account(), "funds".parse().unwrap(), cents(2_000))).unwrap();
    let hold = Arc::new(wait(guard.hold(&account(), answer())).unwrap());
    assert_eq!(deliver_all(&hold, &[1, 2, 3, 1]), 2_000);
    assert_eq!((captured(hold), balance(&guard)), (2_000, (0, 0)));
}

/// A worker's question, until it is answered.
type Asking = Pin<Box<dyn Future<Output = Result<Cover, Error>>>>;

proptest! {
    /// Workers ask by turns of any order, and go away in the middle, while every answer of the ledger comes late: so many of
    /// them grow the hold at once. At every moment what was within is recorded and held for, and who is refused would have
    /// gone beyond what there is.
    #[test]
    fn by_turns_of_any_order(
        funds in 0_i64..300, first in 0_u64..20, most in 20_u64..200,
        mut pieces in prop::collection::vec(prop::collection::vec(1_u64..40, 0..12), 1..5),
        turns in prop::collection::vec((0_usize..5, 0_u8..10), 0..150),
    ) {
        let away = Arc::new(Away::default());
        let ledger: Arc<dyn Ledger> = away.clone();
        let guard = guard_over(&ledger, Policy::new());
        if funds > 0 {
            wait(guard.top_up(&account(), "funds".parse().unwrap(), cents(funds))).unwrap();
        }
        let job = Job::new("answer").at_most("words", most).beginning_with("words", first);
        let Ok(hold) = wait(guard.hold(&account(), job)) else { return Ok(()) };
        let hold = Arc::new(hold);
        away.is(LATE);
        let mut asking: Vec<Option<(u64, Asking)>> = pieces.iter().map(|_| None).collect();
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        let mut delivered = 0;
        let rest = (0..2_000).map(|turn| (turn, 1));
        for (worker, chance) in turns.into_iter().chain(rest) {
            if asking.iter().all(Option::is_none) && pieces.iter().all(Vec::is_empty) {
                break;
            }
            let worker = worker % pieces.len();
            let (piece, mut future) = match asking[worker].take() {
                Some(asking) => asking,
                None => {
                    let Some(piece) = pieces[worker].pop() else { continue };
                    let hold = Arc::clone(&hold);
                    let future: Asking = Box::pin(async move { hold.spend(&words(piece)).await });
                    (piece, future)
                }
            };
            match future.as_mut().poll(&mut context) {
                Poll::Ready(Ok(Cover::Within { .. })) => delivered += i64::try_from(piece).unwrap(),
                Poll::Ready(Ok(Cover::Exhausted(_))) => {
                    prop_assert!(delivered + i64::try_from(piece).unwrap() > funds);
                }
                Poll::Ready(Err(error)) => prop_assert!(false, "{error:?}"),
                // Gone, with its question under way.
                Poll::Pending if chance == 0 => {}
                Poll::Pending => asking[worker] = Some((piece, future)),
            }
            prop_assert_eq!(i64::try_from(hold.recorded().get("words").whole()).unwrap(), delivered);
            let held = balance(&guard).1;
            prop_assert!(delivered <= held && held <= funds, "{delivered} of {held} of {funds}");
        }
        prop_assert!(asking.iter().all(Option::is_none) && pieces.iter().all(Vec::is_empty));
        drop(asking);
        away.is(UP);
        prop_assert_eq!(captured(hold), delivered);
        prop_assert_eq!(balance(&guard), (funds - delivered, 0));
    }
}
