//! Whatever is done with holds, in whatever order and trouble: against books kept by hand.

use std::pin::Pin;
use std::task::Poll;

use billing_guard::{Clock, EntryKind, Hold, Holding, ManualClock, OnDrop, OverCapture, StatementRequest};

use super::away::LATE;
use super::*;

#[derive(Clone, Copy, Debug)]
enum Step {
    Open {
        holding: Holding,
        most: u64,
        first: Option<u64>,
        budget: Option<i64>,
        on_drop: OnDrop,
    },
    /// A worker asks, and is looked at once.
    Ask {
        work: usize,
        piece: u64,
    },
    /// It is looked at again.
    Look {
        asking: usize,
    },
    /// It goes away with its question under way.
    Leave {
        asking: usize,
    },
    /// Delivered without asking.
    Record {
        work: usize,
        piece: u64,
    },
    Capture {
        work: usize,
    },
    Void {
        work: usize,
    },
    Drop {
        work: usize,
    },
    TopUp {
        cents: i64,
    },
    Wait {
        seconds: u64,
    },
    Ledger {
        how: u8,
    },
    Price {
        cents: i64,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let holding = prop_oneof![Just(Holding::Ceiling), Just(Holding::Forecast), Just(Holding::Grow)];
    let on_drop = prop_oneof![4 => Just(OnDrop::Settle), 1 => Just(OnDrop::CaptureHold), 1 => Just(OnDrop::LeaveToExpire)];
    let open = (holding, 0_u64..120, prop::option::of(0_u64..30), prop::option::of(0_i64..100), on_drop);
    let open = open.prop_map(|(holding, most, first, budget, on_drop)| Step::Open {
        holding,
        most,
        first: first.filter(|first| *first <= most),
        budget,
        on_drop,
    });
    let how = prop_oneof![3 => Just(UP), 1 => Just(DOWN), 1 => Just(MUTE), 3 => Just(LATE)];
    let step = prop_oneof![
        6 => open,
        20 => (0_usize..4, 0_u64..40).prop_map(|(work, piece)| Step::Ask { work, piece }),
        15 => (0_usize..4).prop_map(|asking| Step::Look { asking }),
        2 => (0_usize..4).prop_map(|asking| Step::Leave { asking }),
        1 => (0_usize..4, 0_u64..60).prop_map(|(work, piece)| Step::Record { work, piece }),
        3 => (0_usize..4).prop_map(|work| Step::Capture { work }),
        1 => (0_usize..4).prop_map(|work| Step::Void { work }),
        2 => (0_usize..4).prop_map(|work| Step::Drop { work }),
        2 => (1_i64..100).prop_map(|cents| Step::TopUp { cents }),
        1 => (1_u64..400).prop_map(|seconds| Step::Wait { seconds }),
        3 => how.prop_map(|how| Step::Ledger { how }),
        1 => (1_i64..4).prop_map(|cents| Step::Price { cents }),
    ];
    prop::collection::vec(step, 1..90)
}

/// A piece of work, as the books know it.
struct Work {
    number: usize,
    hold: Arc<Hold>,
    /// Of a word, when it began.
    price: i64,
    budget: i64,
    on_drop: OnDrop,
    within: i64,
    beyond: i64,
    /// Whether its hold may have ended by itself: nobody here can tell, since its handle goes by another clock.
    may_be_over: bool,
}

impl Work {
    /// The least and the most that may be charged in the end.
    fn due(&self) -> (i64, i64) {
        let most = (self.price * (self.within + self.beyond)).min(self.budget);
        (if self.may_be_over { 0 } else { self.price * self.within }, most)
    }
}

type Asking = Pin<Box<dyn Future<Output = Result<Cover, Error>>>>;

struct Books {
    away: Arc<Away>,
    guard: Guard,
    clock: Arc<ManualClock>,
    price: i64,
    paid: i64,
    charged: i64,
    charges: usize,
    begun: usize,
    open: Vec<Work>,
    asking: Vec<(usize, u64, Asking)>,
    debt: i64,
    over: OverCapture,
}

impl Books {
    fn new(policy: Policy) -> Self {
        let clock = Arc::new(ManualClock::new());
        let of_ledger: Arc<dyn Clock> = clock.clone();
        let away = Arc::new(Away::at(of_ledger));
        let ledger: Arc<dyn Ledger> = away.clone();
        let debt = policy.debt_limit.map_or(0, Amount::minor);
        let over = policy.over_capture;
        let guard = guard_over(&ledger, policy);
        let (open, asking) = (Vec::new(), Vec::new());
        let (charged, charges, begun) = (0, 0, 0);
        Self { away, guard, clock, price: 1, paid: 0, charged, charges, begun, open, asking, debt, over }
    }

    fn take(&mut self, work: usize) -> Option<Work> {
        let work = (!self.open.is_empty()).then(|| self.open.swap_remove(work % self.open.len()))?;
        // Its workers are gone.
        self.asking.retain(|(number, ..)| *number != work.number);
        Some(work)
    }

    fn look(&mut self, number: usize, piece: u64, mut asking: Asking) -> Result<(), TestCaseError> {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        let answer = match asking.as_mut().poll(&mut context) {
            Poll::Ready(answer) => answer,
            Poll::Pending => {
                self.asking.push((number, piece, asking));
                return Ok(());
            }
        };
        let work = self.open.iter_mut().find(|work| work.number == number).unwrap();
        match answer {
            Ok(Cover::Within { left }) => {
                work.within += i64::try_from(piece).unwrap();
                prop_assert!(left.minor() >= 0 && left.minor() <= work.hold.amount().minor());
                let cost = work.price * (work.within + work.beyond);
                prop_assert!(cost <= work.budget && cost <= work.hold.amount().minor());
            }
            Ok(Cover::Exhausted(_)) | Err(Error::Unavailable { .. } | Error::OutcomeUnknown { .. }) => {}
            Err(Error::HoldLost(_)) => prop_assert!(work.may_be_over),
            Err(error) => prop_assert!(false, "{error:?}"),
        }
        Ok(())
    }

    /// Takes note of what was charged since it was last looked at, which is between these, in one piece.
    fn settled(&mut self, (least, most): (i64, i64)) -> Result<i64, TestCaseError> {
        let statement =
            wait(self.guard.statement(StatementRequest::new(account()).with_limit(1_000))).unwrap();
        let charges = statement.entries().iter().filter(|entry| entry.kind() == EntryKind::Charge);
        let charges: Vec<_> = charges.map(|entry| -entry.amount().minor()).collect();
        prop_assert!(charges.len() <= self.charges + 1, "charged more than once");
        let sum: i64 = charges.iter().sum();
        let charged = sum - self.charged;
        prop_assert!((least..=most).contains(&charged), "{charged} of {least} to {most}");
        (self.charged, self.charges) = (sum, charges.len());
        Ok(charged)
    }

    fn step(&mut self, step: Step) -> Result<(), TestCaseError> {
        match step {
            Step::Open { holding, most, first, budget, on_drop } => {
                self.open(holding, most, first, budget, on_drop)?;
            }
            Step::Ask { work, piece } if !self.open.is_empty() => {
                let work = &self.open[work % self.open.len()];
                let hold = Arc::clone(&work.hold);
                let asking: Asking = Box::pin(async move { hold.spend(&words(piece)).await });
                self.look(work.number, piece, asking)?;
            }
            Step::Look { asking } if !self.asking.is_empty() => {
                let (number, piece, asking) = self.asking.swap_remove(asking % self.asking.len());
                self.look(number, piece, asking)?;
            }
            Step::Leave { asking } if !self.asking.is_empty() => {
                drop(self.asking.swap_remove(asking % self.asking.len()));
            }
            Step::Record { work, piece } if !self.open.is_empty() => {
                let work = work % self.open.len();
                self.open[work].hold.record(&words(piece)).unwrap();
                self.open[work].beyond += i64::try_from(piece).unwrap();
            }
            Step::Capture { work } => {
                let Some(work) = self.take(work) else { return Ok(()) };
                let (least, most) = work.due();
                let cost = work.price * (work.within + work.beyond);
                let mut hold = Arc::into_inner(work.hold).unwrap();
                match wait(hold.capture_recorded()) {
                    Ok(receipt) => {
                        let charged = self.settled((least, most))?;
                        prop_assert_eq!(receipt.charged().minor(), charged);
                        prop_assert_eq!(receipt.uncollected().minor(), cost - charged);
                        drop(hold);
                        self.settled((0, 0))?;
                    }
                    Err(error) => {
                        let is_rejected =
                            matches!(error, Error::Misconfigured(_)) && self.over == OverCapture::Reject;
                        prop_assert!(is_rejected && cost > hold.amount().minor(), "{error:?}");
                        self.settled((0, 0))?;
                        let held = hold.amount().minor();
                        drop(hold);
                        self.settled((if work.may_be_over { 0 } else { held.min(most) }, held))?;
                    }
                }
            }
            Step::Void { work } => {
                let Some(work) = self.take(work) else { return Ok(()) };
                let mut hold = Arc::into_inner(work.hold).unwrap();
                wait(hold.void()).unwrap();
                drop(hold);
                self.settled((0, 0))?;
            }
            Step::Drop { work } => {
                let Some(work) = self.take(work) else { return Ok(()) };
                let held = work.hold.amount().minor();
                let (least, most) = match work.on_drop {
                    OnDrop::Settle => work.due(),
                    OnDrop::CaptureHold => (if work.may_be_over { 0 } else { held }, held),
                    _ => (0, 0),
                };
                drop(work);
                self.settled((least, most))?;
            }
            Step::TopUp { cents: paid } => {
                wait(self.guard.top_up(&account(), billing_guard::IdempotencyKey::unique(), cents(paid)))
                    .unwrap();
                self.paid += paid;
            }
            Step::Wait { seconds } => {
                self.clock.advance(Duration::from_secs(seconds));
                self.open.iter_mut().for_each(|work| work.may_be_over = true);
            }
            Step::Ledger { how } => self.away.is(how),
            Step::Price { cents } => {
                let tariff = Tariff::new().per_unit("words", &format!("{cents}e-2")).unwrap();
                self.guard.set_prices(PriceBook::new(usd()).with("answer", tariff).unwrap()).unwrap();
                self.price = cents;
            }
            _ => {}
        }
        Ok(())
    }

    fn open(
        &mut self,
        holding: Holding,
        most: u64,
        first: Option<u64>,
        budget: Option<i64>,
        on_drop: OnDrop,
    ) -> Result<(), TestCaseError> {
        let mut job = Job::new("answer").at_most("words", most).with_holding(holding).with_on_drop(on_drop);
        if let Some(first) = first {
            job = job.beginning_with("words", first);
        }
        if let Some(budget) = budget {
            job = job.with_budget(cents(budget));
        }
        let free = wait(self.guard.balance(&account())).unwrap().available().minor() + self.debt;
        let hold = match wait(self.guard.hold(&account(), job)) {
            Ok(hold) => hold,
            Err(Error::InsufficientBalance(short)) => {
                prop_assert!(short.required().minor() > free);
                return Ok(());
            }
            Err(Error::BudgetExceeded { .. }) => return Ok(()),
            Err(error) => {
                prop_assert!(false, "{error:?}");
                return Ok(());
            }
        };
        prop_assert!(hold.amount().minor() <= free.max(0));
        let (hold, number, price) = (Arc::new(hold), self.begun, self.price);
        let budget = budget.unwrap_or(i64::MAX);
        self.begun += 1;
        self.open.push(Work {
            number,
            hold,
            price,
            budget,
            on_drop,
            within: 0,
            beyond: 0,
            may_be_over: false,
        });
        Ok(())
    }

    fn check(&self) -> Result<(), TestCaseError> {
        let balance = wait(self.guard.balance(&account())).unwrap();
        prop_assert_eq!(balance.posted().minor(), self.paid - self.charged);
        prop_assert!(balance.available().minor() >= -self.debt, "overdrawn: {:?}", balance);
        // All that is within is set aside.
        let sure = self.open.iter().filter(|work| !work.may_be_over);
        let within: i64 = sure.map(|work| work.price * work.within).sum();
        prop_assert!(within <= balance.held().minor(), "{within} of {:?}", balance);
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// The balance is what was paid less what was charged, and never below what the debt limit allows. Each piece of work is
    /// charged once: all that was within, and never more than was delivered, at the price it began with, nor than its budget.
    #[test]
    fn they_agree(
        steps in steps(),
        funds in 1_i64..600,
        debt in prop::option::of(0_i64..80),
        over in prop_oneof![Just(OverCapture::UpToAvailable), Just(OverCapture::Reject), Just(OverCapture::Debt)],
        shrinking in prop::option::of(1_u32..200),
        taught in prop::collection::vec(1_u64..100, 0..60),
    ) {
        let mut policy = Policy::new().with_over_capture(over);
        policy.debt_limit = debt.map(cents);
        policy.shrink_to = shrinking;
        let mut books = Books::new(policy);
        // What such work takes is known, more or less.
        for number in taught {
            books.step(Step::TopUp { cents: 200 })?;
            let (most, first) = (120, Some(0));
            books.open(Holding::Forecast, most, first, None, OnDrop::Settle)?;
            books.step(Step::Ask { work: 0, piece: number })?;
            books.step(Step::Capture { work: 0 })?;
        }
        books.step(Step::TopUp { cents: funds })?;
        for step in steps {
            books.step(step)?;
            books.check()?;
        }
        books.away.is(UP);
        while !books.open.is_empty() {
            books.step(Step::Drop { work: 0 })?;
        }
        books.check()?;
    }
}
