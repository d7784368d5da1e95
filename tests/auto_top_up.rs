//! Automatic top-ups from the decision to the credit: two nodes, a payment provider, webhooks that come late and twice.
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use billing_guard::{
    AccountId, Amount, AutoCharge, AutoTopUp, AutoTopUpState, Consent, EntryKind, IdempotencyKey, Ledger,
    LedgerExt, MemoryLedger, PaymentSteps, StatementRequest, Timestamp, TopUpDecision, Unit, wait,
};

use proptest::prelude::*;

const CEILING: i64 = 6_000;
const NODES: usize = 2;

fn usd(minor: i64) -> Amount {
    Unit::new("USD", 2).unwrap().minor(minor)
}

fn account() -> AccountId {
    AccountId::new("acct_1").unwrap()
}

/// How far a node has come with what it decided.
#[derive(Clone)]
enum Node {
    Idle,
    Read(AutoTopUpState),
    Decided(AutoCharge),
    WrittenDown(AutoCharge),
}

/// What the provider says of a key, as often as it is asked or likes to.
#[derive(Clone, Copy)]
struct Outcome {
    amount: Amount,
    paid: bool,
}

#[derive(Clone, Copy, Debug)]
enum Op {
    /// A node does the next step; if that is a charge, the provider takes or declines it.
    Step {
        node: usize,
        paid: bool,
    },
    /// A node forgets what it was about to do.
    Crash {
        node: usize,
    },
    /// A charge that was written down and never answered is made again.
    Again {
        paid: bool,
    },
    /// One of the provider's messages so far arrives, perhaps not for the first time.
    Webhook {
        which: usize,
    },
    Spend {
        amount: i64,
    },
    ByHand {
        amount: i64,
    },
    Hours {
        hours: u64,
    },
}

struct World {
    ledger: MemoryLedger,
    agreed: AutoTopUp,
    steps: PaymentSteps,
    now: Timestamp,
    nodes: [Node; NODES],
    /// The provider, which keeps the first charge of each key.
    provider: HashMap<IdempotencyKey, Outcome>,
    messages: Vec<IdempotencyKey>,
    /// What the host wrote down.
    pending: HashMap<IdempotencyKey, Amount>,
    declined: HashSet<IdempotencyKey>,
    credited: HashMap<IdempotencyKey, Amount>,
    declines: (u32, Timestamp),
    latest: u64,
    spent: i64,
    by_hand: i64,
}

impl World {
    fn new() -> Self {
        let consent = Consent::new(Timestamp::default(), "form".parse().unwrap());
        let now = Timestamp::default().saturating_add(Duration::from_secs(3_600));
        Self {
            ledger: MemoryLedger::new(),
            agreed: AutoTopUp::new(usd(500), usd(2_000), usd(CEILING), consent).unwrap(),
            steps: PaymentSteps::new(usd(500), usd(100)).unwrap(),
            now,
            nodes: [Node::Idle, Node::Idle],
            provider: HashMap::new(),
            messages: Vec::new(),
            pending: HashMap::new(),
            declined: HashSet::new(),
            credited: HashMap::new(),
            declines: (0, now),
            latest: 0,
            spent: 0,
            by_hand: 0,
        }
    }

    fn available(&self) -> Amount {
        wait(self.ledger.balance_of(&account(), usd(0).unit())).unwrap().available()
    }

    fn state(&self) -> AutoTopUpState {
        let charged: i64 = self.pending.values().chain(self.credited.values()).map(|one| one.minor()).sum();
        let (count, last) = self.declines;
        let state = AutoTopUpState::new(self.available(), usd(charged), self.latest, self.now);
        let state = state.with_declines(count, last);
        self.pending.iter().fold(state, |state, (key, amount)| state.with_pending(key.clone(), *amount))
    }

    fn charge(&mut self, key: IdempotencyKey, amount: Amount, paid: bool) {
        self.provider.entry(key.clone()).or_insert(Outcome { amount, paid });
        self.messages.push(key);
    }

    fn deliver(&mut self, key: IdempotencyKey) {
        let Outcome { amount, paid } = self.provider[&key];
        self.pending.remove(&key);
        if !paid {
            if self.declined.insert(key) {
                self.declines = (self.declines.0 + 1, self.now);
            }
            return;
        }
        let applied = wait(self.ledger.top_up(&account(), key.clone(), amount)).unwrap();
        if !applied.is_replay() {
            self.latest = applied.value().seq();
            self.declines = (0, self.now);
            self.credited.insert(key, amount);
        }
    }

    fn run(&mut self, op: Op) {
        match op {
            Op::Step { node, paid } => {
                let next = match self.nodes[node].clone() {
                    Node::Idle => Node::Read(self.state()),
                    Node::Read(state) => match self.agreed.decide(&account(), &self.steps, &state).unwrap() {
                        TopUpDecision::Charge(charge) => Node::Decided(charge),
                        _ => Node::Idle,
                    },
                    Node::Decided(charge) => {
                        let known =
                            self.credited.contains_key(&charge.key) || self.declined.contains(&charge.key);
                        if !known {
                            self.pending.entry(charge.key.clone()).or_insert(charge.amount);
                        }
                        Node::WrittenDown(charge)
                    }
                    Node::WrittenDown(charge) => {
                        self.charge(charge.key, charge.amount, paid);
                        Node::Idle
                    }
                };
                self.nodes[node] = next;
            }
            Op::Crash { node } => self.nodes[node] = Node::Idle,
            Op::Again { paid } => {
                let pending = self.pending.iter().next().map(|(key, amount)| (key.clone(), *amount));
                if let Some((key, amount)) = pending {
                    self.charge(key, amount, paid);
                }
            }
            Op::Webhook { which } if !self.messages.is_empty() => {
                self.deliver(self.messages[which % self.messages.len()].clone());
            }
            Op::Webhook { .. } => {}
            Op::Spend { amount } => {
                let amount = amount.min(self.available().minor());
                if amount > 0 {
                    wait(self.ledger.charge(&account(), IdempotencyKey::unique(), usd(amount))).unwrap();
                    self.spent += amount;
                }
            }
            Op::ByHand { amount } => {
                wait(self.ledger.top_up(&account(), IdempotencyKey::unique(), usd(amount))).unwrap();
                self.by_hand += amount;
            }
            Op::Hours { hours } => self.now = self.now.saturating_add(Duration::from_secs(hours * 3_600)),
        }
    }

    fn paid(&self) -> Vec<&IdempotencyKey> {
        self.provider.iter().filter(|(_, outcome)| outcome.paid).map(|(key, _)| key).collect()
    }

    fn check(&self) {
        let paid: i64 = self.paid().iter().map(|key| self.provider[*key].amount.minor()).sum();
        assert!(paid <= CEILING, "{paid} was paid in a month");
        let uncredited = self.paid().iter().filter(|key| !self.credited.contains_key(**key)).count();
        assert!(uncredited <= 1, "{uncredited} charges for one gap");
        let credited: i64 = self.credited.values().map(|one| one.minor()).sum();
        assert_eq!(self.available().minor(), credited + self.by_hand - self.spent);
    }
}

fn op() -> impl Strategy<Value = Op> {
    let node = 0..NODES;
    prop_oneof![
        12 => (node.clone(), proptest::bool::weighted(0.7)).prop_map(|(node, paid)| Op::Step { node, paid }),
        1 => node.prop_map(|node| Op::Crash { node }),
        1 => any::<bool>().prop_map(|paid| Op::Again { paid }),
        4 => any::<usize>().prop_map(|which| Op::Webhook { which }),
        3 => (1_i64..2_500).prop_map(|amount| Op::Spend { amount }),
        1 => (1_i64..800).prop_map(|amount| Op::ByHand { amount }),
        2 => (1_u64..30).prop_map(|hours| Op::Hours { hours }),
    ]
}

proptest! {
    #[test]
    fn whatever_comes_between_a_gap_is_charged_and_credited_once(ops in proptest::collection::vec(op(), 1..160)) {
        let mut world = World::new();
        for op in ops {
            world.run(op);
            world.check();
        }
        // Everything is told in the end, most of it again.
        for key in world.messages.clone() {
            world.deliver(key);
        }
        world.check();
        let page = wait(world.ledger.statement(StatementRequest::new(account()).with_limit(1_000))).unwrap();
        let automatic = page.entries().iter().filter(|entry| {
            entry.kind() == EntryKind::TopUp && entry.key().as_str().starts_with("auto-top-up:")
        });
        prop_assert_eq!(automatic.count(), world.paid().len());
    }
}

#[test]
fn the_same_crossing_told_twice_is_one_charge() {
    let mut world = World::new();
    let step = |node| Op::Step { node, paid: true };
    // Both nodes read before either charges.
    for node in [0, 1, 0, 1, 0, 1, 0, 1] {
        world.run(step(node));
    }
    assert_eq!((world.messages.len(), world.paid().len()), (2, 1));
    for which in [0, 1, 0] {
        world.run(Op::Webhook { which });
    }
    assert_eq!(world.available(), usd(2_000));
    // The next gap has a key of its own.
    world.run(Op::Spend { amount: 1_900 });
    for _ in 0..4 {
        world.run(step(0));
    }
    world.run(Op::Webhook { which: 2 });
    assert_eq!((world.paid().len(), world.available()), (2, usd(2_000)));
}
