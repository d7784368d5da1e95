//! Many threads at work on one ledger, and what each of them asked and was answered.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::time::Duration;

use billing_guard::{
    AccountId, Applied, Balance, BalanceRequest, Cap, Caps, CaptureMode, CaptureRequest, Captured, ChargeRef,
    Clock, Content, Entry, GrantTerms, HoldRequest, HoldState, IdempotencyKey, LateCapture, Ledger,
    LedgerError, ManualClock, MemoryLedger, MemorySettings, OverCapture, Period, PostKind, PostRequest,
    ResizeRequest, SweepRequest, Timestamp, Unit, VoidRequest, wait,
};

/// Two minutes before a day, a week and a month begin.
const START: Timestamp = Timestamp::from_micros(1_780_271_880_000_000);
/// How far the clock moves between two phases. Within a phase it stands, so that the time of each operation is known.
const STEP: Duration = Duration::from_secs(30);
/// So many threads use the same keys.
const TEAM: usize = 4;

pub(crate) struct Plan {
    pub(crate) threads: usize,
    pub(crate) phases: usize,
    pub(crate) accounts: usize,
    pub(crate) operations: usize,
}

/// What was asked, and what was answered.
pub(crate) enum Operation {
    Hold(HoldRequest, Result<Applied<HoldState>, LedgerError>),
    Resize(ResizeRequest, Result<Applied<HoldState>, LedgerError>),
    Capture(CaptureRequest, Result<Applied<Captured>, LedgerError>),
    Void(VoidRequest, Result<Applied<HoldState>, LedgerError>),
    Post(Box<PostRequest>, Result<Applied<Entry>, LedgerError>),
    Balance(Balance),
    /// Of no account.
    Sweep,
}

pub(crate) struct Record {
    pub(crate) account: usize,
    pub(crate) phase: usize,
    /// Stamps of a clock that counts: of the call, and of the answer.
    pub(crate) invoked: u64,
    pub(crate) responded: u64,
    pub(crate) operation: Operation,
    /// Where it says that it belongs, if that was falsified.
    falsified: Option<u64>,
}

pub(crate) struct History {
    pub(crate) records: Vec<Record>,
    pub(crate) accounts: usize,
    /// The time of each phase.
    pub(crate) times: Vec<Timestamp>,
    /// The first of the ledgers.
    pub(crate) ledger: Arc<dyn Ledger>,
}

pub(crate) fn account(number: usize) -> AccountId {
    AccountId::new(format!("account-{number}")).unwrap()
}

pub(crate) fn unit() -> Unit {
    Unit::new("USD", 6).unwrap()
}

/// Random numbers, the same for the same seed: SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }

    fn amount(&mut self, bound: u64) -> i64 {
        i64::try_from(self.below(bound)).unwrap()
    }

    fn one_in(&mut self, bound: u64) -> bool {
        self.below(bound) == 0
    }
}

/// Records work on a ledger in memory.
pub(crate) fn record(plan: &Plan) -> History {
    record_on(plan, |clock| {
        // Nothing is forgotten, so that everything can be compared.
        let settings =
            MemorySettings::new().with_retained_keys(1 << 40).with_retained_entries(1 << 40).with_shards(4);
        vec![Arc::new(MemoryLedger::with_clock(settings, clock))]
    })
}

/// Records work on ledgers that share a store; threads use them in turn.
pub(crate) fn record_on(plan: &Plan, make: impl FnOnce(Arc<ManualClock>) -> Vec<Arc<dyn Ledger>>) -> History {
    let clock = Arc::new(ManualClock::new());
    clock.set(START);
    let ledgers = make(clock.clone());
    let stamps = AtomicU64::new(0);
    let barrier = Barrier::new(plan.threads);
    let each = plan.operations / plan.threads;
    let records = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..plan.threads)
            .map(|number| {
                let ledger = ledgers[number % ledgers.len()].as_ref();
                let (clock, stamps, barrier) = (&clock, &stamps, &barrier);
                let extra = usize::from(number < plan.operations % plan.threads);
                scope.spawn(move || {
                    let mut worker = Worker::new(number, plan, ledger, clock.as_ref());
                    let count = each + extra;
                    for phase in 0..plan.phases {
                        if barrier.wait().is_leader() && phase > 0 {
                            clock.advance(STEP);
                        }
                        barrier.wait();
                        let (from, to) = (count * phase / plan.phases, count * (phase + 1) / plan.phases);
                        for _ in from..to {
                            worker.work(phase, stamps);
                        }
                    }
                    worker.records
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let ledger = Arc::clone(&ledgers[0]);
    let time = |phase: usize| START.saturating_add(STEP * u32::try_from(phase).unwrap());
    History { records, accounts: plan.accounts, times: (0..plan.phases).map(time).collect(), ledger }
}

/// Asks a ledger something, and says what it was and was answered.
type Submitted = Box<dyn FnMut(&dyn Ledger) -> Operation>;

struct Worker<'a> {
    random: Random,
    ledger: &'a dyn Ledger,
    clock: &'a ManualClock,
    accounts: usize,
    number: usize,
    team: usize,
    /// How many keys the team has used of each account.
    keys: Vec<u64>,
    records: Vec<Record>,
}

impl<'a> Worker<'a> {
    fn new(number: usize, plan: &Plan, ledger: &'a dyn Ledger, clock: &'a ManualClock) -> Self {
        Self {
            random: Random(u64::try_from(number).unwrap()),
            ledger,
            clock,
            accounts: plan.accounts,
            number,
            team: number / TEAM,
            keys: vec![0; plan.accounts],
            records: Vec::with_capacity(plan.operations / plan.threads + 1),
        }
    }

    /// Half of all work is on the first account.
    fn pick_account(&mut self) -> usize {
        if self.random.one_in(2) {
            0
        } else {
            usize::try_from(self.random.below(self.accounts as u64)).unwrap()
        }
    }

    /// A key of the team: a new one, or one of the latest.
    fn key(&mut self, account: usize, new: bool) -> IdempotencyKey {
        let used = &mut self.keys[account];
        if new {
            *used += 1;
        }
        let number = used.saturating_sub(if new { 0 } else { self.random.below(6) });
        format!("t{}-{number}", self.team).parse().unwrap()
    }

    /// No two the same: of holds released in one moment the contract does not say which comes first.
    fn grace(&self) -> Duration {
        let (number, count) = (self.number as u64, self.records.len() as u64);
        Duration::from_secs(5) + Duration::from_micros(count * 64 + number)
    }

    fn caps(&mut self) -> Caps {
        let cap = |scope: &str, period, limit| Cap::new(scope.parse().unwrap(), period, unit().minor(limit));
        let minute = Period::rolling(Duration::from_secs(60)).unwrap();
        match self.random.below(8) {
            0 => {
                Caps::new([cap("key", Period::day(), 4_000), Cap::counting("team".parse().unwrap(), minute)])
                    .unwrap()
            }
            1 => Caps::new([cap("user", minute, 300)]).unwrap(),
            _ => Caps::NONE,
        }
    }

    fn terms(&mut self) -> GrantTerms {
        let now = self.clock.now();
        let later = |steps: u64| now.saturating_add(Duration::from_secs(15 * steps));
        let label = |text: &str| text.parse().unwrap();
        match self.random.below(6) {
            0 => GrantTerms::promotional().ending_at(later(1 + self.random.below(4))),
            1 => GrantTerms::included().with_label(label("plan")).renewing_up_to(unit().minor(300)),
            2 => GrantTerms::promotional().starting_at(later(1 + self.random.below(3))).ending_at(later(9)),
            3 => GrantTerms::paid().with_priority(7).ending_at(later(2 + self.random.below(5))),
            4 => GrantTerms::courtesy(label("finish"), Period::rolling(Duration::from_secs(60)).unwrap()),
            _ => GrantTerms::paid(),
        }
    }

    fn work(&mut self, phase: usize, stamps: &AtomicU64) {
        let number = self.pick_account();
        let id = account(number);
        let choice = self.random.below(100);
        let new = choice < 26 || (54..60).contains(&choice);
        let key = self.key(number, new);
        let amount = unit().minor(self.random.amount(60));
        let debt = unit().minor(if self.random.one_in(12) { 20 } else { 0 });
        let mut operation: Submitted = match choice {
            0..34 => {
                let lifetime = Duration::from_secs(5 + 20 * self.random.below(4));
                let mut request = HoldRequest::new(id, key, amount)
                    .with_lifetime(lifetime)
                    .with_grace(self.grace())
                    .with_debt_limit(debt)
                    .with_caps(self.caps())
                    .with_content(Content::new([("work", "same")]).unwrap());
                if self.random.one_in(3) {
                    request = request.with_minimum(unit().minor(amount.minor() / 3));
                }
                Box::new(move |ledger| Operation::Hold(request.clone(), wait(ledger.hold(request.clone()))))
            }
            34..54 => {
                let mode = if self.random.one_in(3) { CaptureMode::Partial } else { CaptureMode::Final };
                let over = [OverCapture::Reject, OverCapture::UpToAvailable, OverCapture::Debt];
                let late = [LateCapture::Reject, LateCapture::IfAvailable, LateCapture::Debt];
                let pick = |random: &mut Random| usize::try_from(random.below(3)).unwrap();
                let request = CaptureRequest::new(id, key, amount)
                    .with_mode(mode)
                    .with_over(over[pick(&mut self.random)])
                    .with_late(late[pick(&mut self.random)])
                    .with_debt_limit(debt);
                Box::new(move |ledger| {
                    Operation::Capture(request.clone(), wait(ledger.capture(request.clone())))
                })
            }
            54..66 => {
                let request = PostRequest::new(id, key, PostKind::Charge, unit().minor(amount.minor() / 3));
                let request = Box::new(request.with_debt_limit(debt).with_caps(self.caps()));
                Box::new(move |ledger| {
                    Operation::Post(request.clone(), wait(ledger.post(request.as_ref().clone())))
                })
            }
            66..76 => {
                let terms = self.terms();
                // Content, since the times are taken from the clock, and for a replay the kind has to be the same.
                let key =
                    format!("{}-{}-{}", key, terms.kind.as_str(), self.random.below(2)).parse().unwrap();
                let request =
                    PostRequest::new(id, key, PostKind::Credit(terms), unit().minor(1 + amount.minor()));
                let request = Box::new(request.with_content(Content::new([("credit", "same")]).unwrap()));
                Box::new(move |ledger| {
                    Operation::Post(request.clone(), wait(ledger.post(request.as_ref().clone())))
                })
            }
            76..82 => {
                let of = if self.random.one_in(2) {
                    ChargeRef::Hold(key.clone())
                } else {
                    ChargeRef::Charge(key.clone())
                };
                let key = format!("{key}-back").parse().unwrap();
                let amount = unit().minor(1 + amount.minor() / 8);
                let request = Box::new(PostRequest::new(id, key, PostKind::refund(of), amount));
                Box::new(move |ledger| {
                    Operation::Post(request.clone(), wait(ledger.post(request.as_ref().clone())))
                })
            }
            82 => {
                let key = format!("{key}-adjusted").parse().unwrap();
                let amount = unit().minor(if self.random.one_in(4) { -30 } else { 25 });
                let request = Box::new(PostRequest::new(id, key, PostKind::Adjustment, amount));
                Box::new(move |ledger| {
                    Operation::Post(request.clone(), wait(ledger.post(request.as_ref().clone())))
                })
            }
            83..88 => {
                let request = VoidRequest::new(id, key);
                Box::new(move |ledger| Operation::Void(request.clone(), wait(ledger.void(request.clone()))))
            }
            88..94 => {
                let mut request = ResizeRequest::new(id, key, 1 + u32::from(self.random.one_in(3)));
                request.total = Some(amount);
                request.lifetime = self.random.one_in(2).then_some(Duration::from_secs(60));
                let request = request.with_debt_limit(debt).with_caps(self.caps());
                Box::new(move |ledger| {
                    Operation::Resize(request.clone(), wait(ledger.resize(request.clone())))
                })
            }
            94..99 => Box::new(move |ledger| {
                Operation::Balance(wait(ledger.balance(BalanceRequest::new(id.clone(), unit()))).unwrap())
            }),
            _ => Box::new(|ledger| {
                wait(ledger.sweep(SweepRequest::new().with_limit(3))).unwrap();
                Operation::Sweep
            }),
        };
        let invoked = stamps.fetch_add(1, Ordering::SeqCst);
        let operation = operation(self.ledger);
        let responded = stamps.fetch_add(1, Ordering::SeqCst);
        self.records.push(Record { account: number, phase, invoked, responded, operation, falsified: None });
    }
}

impl Record {
    /// The number it was decided on, if its answer carries one: its own for a change, the latest before for others.
    pub(crate) fn seq(&self) -> Option<u64> {
        fn of<T>(answer: &Result<Applied<T>, LedgerError>) -> Option<u64> {
            match answer {
                Ok(applied) => Some(applied.seq()),
                Err(LedgerError::Insufficient(short)) => Some(short.seq()),
                Err(LedgerError::CapReached(reached)) => Some(reached.seq()),
                Err(_) => None,
            }
        }
        self.falsified.or(match &self.operation {
            Operation::Hold(_, answer) | Operation::Resize(_, answer) | Operation::Void(_, answer) => {
                of(answer)
            }
            Operation::Capture(_, answer) => of(answer),
            Operation::Post(_, answer) => of(answer),
            Operation::Balance(balance) => Some(balance.seq()),
            Operation::Sweep => None,
        })
    }

    pub(crate) fn is_change(&self) -> bool {
        fn of<T>(answer: &Result<Applied<T>, LedgerError>) -> bool {
            answer.as_ref().is_ok_and(|applied| !applied.is_replay())
        }
        match &self.operation {
            Operation::Hold(_, answer) | Operation::Resize(_, answer) | Operation::Void(_, answer) => {
                of(answer)
            }
            Operation::Capture(_, answer) => of(answer),
            Operation::Post(_, answer) => of(answer),
            Operation::Balance(_) | Operation::Sweep => false,
        }
    }

    pub(crate) fn set_seq(&mut self, seq: u64) {
        self.falsified = Some(seq);
    }

    pub(crate) fn amount_is_one_more(&mut self) {
        if let Operation::Post(request, _) = &mut self.operation {
            request.amount = unit().minor(request.amount.minor() + 1);
        }
    }

    pub(crate) fn posted_is_one_more(&mut self) {
        if let Operation::Balance(balance) = &mut self.operation {
            let other = MemoryLedger::new();
            let credit = unit().minor(balance.posted().minor() + 1);
            let request =
                PostRequest::new(account(0), IdempotencyKey::unique(), PostKind::Adjustment, credit);
            wait(other.post(request)).unwrap();
            let seq = balance.seq();
            *balance = wait(other.balance(BalanceRequest::new(account(0), unit()))).unwrap();
            self.falsified = Some(seq);
        }
    }
}

impl History {
    /// Two changes that follow each other in one account, far from the beginning.
    pub(crate) fn two_changes_of_one_account(&self) -> (usize, usize) {
        let mut changes: Vec<(u64, usize)> = self
            .records
            .iter()
            .enumerate()
            .filter(|(_, record)| record.account == 0 && record.is_change())
            .map(|(index, record)| (record.seq().unwrap(), index))
            .collect();
        changes.sort_unstable();
        let middle = changes.len() / 2;
        (changes[middle].1, changes[middle + 1].1)
    }

    pub(crate) fn a_charge(&mut self) -> &mut Record {
        let is_it = |record: &&mut Record| {
            record.is_change()
                && matches!(&record.operation, Operation::Post(request, _) if request.kind == PostKind::Charge)
        };
        self.records.iter_mut().find(is_it).unwrap()
    }

    pub(crate) fn a_balance(&mut self) -> &mut Record {
        let is_it = |record: &&mut Record| matches!(&record.operation, Operation::Balance(balance) if balance.seq() > 0);
        self.records.iter_mut().find(is_it).unwrap()
    }

    /// A refusal for lack of balance, and an earlier number of its account at which more or less was available.
    pub(crate) fn a_refusal_after_a_change(&self) -> (usize, u64) {
        let refused = |record: &Record| match &record.operation {
            Operation::Hold(_, Err(LedgerError::Insufficient(short))) => {
                Some(short.seq()).filter(|seq| *seq > 1)
            }
            _ => None,
        };
        let found =
            self.records.iter().enumerate().find_map(|(index, record)| Some((index, refused(record)?)));
        let (index, seq) = found.unwrap();
        (index, seq - 1)
    }
}
