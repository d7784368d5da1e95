//! The steps of a random history: small numbers that choose among few accounts, keys, terms, caps and moments, so that
//! they meet.

use std::time::Duration;

use billing_guard::{LateCapture, Operation, OverCapture};
use proptest::prelude::*;

/// How long a history is on average; a failing one shrinks to the steps that matter.
pub(crate) const STEPS: usize = 60;
/// So many keys of each sort.
pub(crate) const KEYS: u8 = 40;

/// One step of a history.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Hold {
        name: Name,
        amount: i64,
        least: Option<i64>,
        debt: i64,
        lifetime: Duration,
        grace: Duration,
        content: u8,
        labelled: bool,
        caps: Vec<CapChoice>,
    },
    Resize {
        name: Name,
        total: Option<Total>,
        lifetime: Option<Duration>,
        debt: Option<i64>,
        /// Added to the present revision.
        stale: u32,
        caps: Vec<CapChoice>,
    },
    Capture {
        name: Name,
        total: Total,
        partial: bool,
        over: OverCapture,
        late: LateCapture,
        debt: i64,
    },
    Void(Name),
    Charge {
        name: Name,
        amount: i64,
        debt: i64,
        content: u8,
        caps: Vec<CapChoice>,
    },
    Credit {
        name: Name,
        amount: i64,
        content: u8,
        labelled: bool,
        terms: TermsChoice,
    },
    Adjust {
        name: Name,
        amount: i64,
        content: u8,
    },
    Refund {
        name: Name,
        /// Whether of a hold, and of which of the latest holds or charges.
        of: (bool, u8),
        /// All of it unless stated.
        amount: Option<i64>,
        content: u8,
        ended: EndedChoice,
    },
    /// So many grants that are all different.
    Many {
        account: u8,
        count: u8,
        terms: TermsChoice,
    },
    Find(Name, Operation),
    Balance(u8),
    Statement(u8, bool, u32),
    Holds(u8, u32),
    Counters(u8, Option<u8>, u32),
    Sweep(u32),
    /// In microseconds; backwards too.
    Clock(i64),
    /// To one of the next moments at which something may start or end, or just beside it.
    Moment {
        next: u8,
        beside: i64,
    },
    Days(u8),
    /// An earlier change once more, word for word.
    Again(usize),
}

/// Where a step happens. What is made has the key with this number; what is done to a hold is done to one of the latest.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Name {
    pub(crate) account: u8,
    pub(crate) key: u8,
    /// The answer is not waited for.
    pub(crate) dropped: bool,
}

/// A total to cover or capture: any amount, or near what the hold covers.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Total {
    Amount(i64),
    Near(i64),
}

#[derive(Clone, Debug)]
pub(crate) struct CapChoice {
    pub(crate) scope: u8,
    pub(crate) period: u8,
    pub(crate) limit: Option<i64>,
}

#[derive(Clone, Debug)]
pub(crate) struct TermsChoice {
    /// Those of the credit before.
    pub(crate) same: bool,
    pub(crate) kind: u8,
    pub(crate) priority: u8,
    pub(crate) label: u8,
    /// Which moment from now.
    pub(crate) starts: Option<i8>,
    pub(crate) ends: Option<i8>,
    pub(crate) rollover: Option<i64>,
    pub(crate) once_per: u8,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum EndedChoice {
    ByKind,
    Revive(Duration),
    Expire,
}

fn name() -> impl Strategy<Value = Name> {
    let key = prop_oneof![6 => 0..KEYS, 1 => 0..4_u8];
    (0..3_u8, key, prop::bool::weighted(0.1)).prop_map(|(account, key, dropped)| Name {
        // Most of it happens on one account.
        account: account.saturating_sub(1),
        key,
        dropped,
    })
}

fn account() -> impl Strategy<Value = u8> {
    (0..3_u8).prop_map(|account| account.saturating_sub(1))
}

fn amount() -> impl Strategy<Value = i64> {
    prop_oneof![
        20 => Just(0),
        20 => Just(1),
        100 => 0..20_i64,
        100 => 1..8_i64,
        20 => 0..1_000_i64,
        2 => (0..30_i64).prop_map(|below| i64::MAX - below),
        2 => (0..4_i64).prop_map(|near| i64::MAX / 2 + near - 2),
    ]
}

fn debt() -> impl Strategy<Value = i64> {
    prop_oneof![16 => Just(0), 4 => 0..30_i64, 1 => Just(i64::MAX)]
}

fn lifetime() -> impl Strategy<Value = Duration> {
    prop_oneof![
        1 => Just(Duration::from_millis(1)),
        1 => Just(Duration::from_secs(1)),
        4 => Just(Duration::from_secs(30)),
        4 => Just(Duration::from_secs(60)),
        2 => Just(Duration::from_secs(300)),
        2 => Just(Duration::from_secs(86_400)),
        1 => Just(Duration::from_secs(30 * 86_400)),
    ]
}

fn grace() -> impl Strategy<Value = Duration> {
    prop_oneof![4 => Just(Duration::ZERO), 1 => Just(Duration::from_micros(1)), 2 => Just(Duration::from_secs(30))]
}

fn content() -> impl Strategy<Value = u8> {
    prop_oneof![6 => Just(0_u8), 1 => Just(1), 1 => Just(2)]
}

fn caps() -> impl Strategy<Value = Vec<CapChoice>> {
    let limit = prop_oneof![20 => (8..32_i64).prop_map(Some), 1 => Just(Some(0)), 6 => Just(None)];
    let cap = (prop_oneof![3 => Just(0_u8), 1 => Just(1)], 0..6_u8, limit)
        .prop_map(|(scope, period, limit)| CapChoice { scope, period, limit });
    prop_oneof![2 => Just(vec![]), 3 => prop::collection::vec(cap, 1..4)]
}

fn terms() -> impl Strategy<Value = TermsChoice> {
    let moment = || prop_oneof![8 => 1..4_i8, 2 => 4..9_i8, 1 => -1..1_i8];
    (
        prop::bool::weighted(0.15),
        0..5_u8,
        prop_oneof![6 => Just(128_u8), 1 => Just(7), 1 => Just(200)],
        0..3_u8,
        prop::option::weighted(0.3, moment()),
        prop::option::weighted(0.6, moment()),
        prop::option::weighted(0.2, prop_oneof![Just(0), 0..40_i64]),
        0..6_u8,
    )
        .prop_map(|(same, kind, priority, label, starts, ends, rollover, once_per)| TermsChoice {
            same,
            kind,
            priority,
            label,
            starts,
            ends,
            rollover,
            once_per,
        })
}

fn ended() -> impl Strategy<Value = EndedChoice> {
    prop_oneof![
        3 => Just(EndedChoice::ByKind),
        1 => Just(EndedChoice::Revive(Duration::from_secs(30))),
        1 => Just(EndedChoice::Revive(Duration::from_secs(86_400))),
        1 => Just(EndedChoice::Expire),
    ]
}

pub(crate) const OPERATIONS: [Operation; 3] = [Operation::Hold, Operation::Charge, Operation::Credit];

fn operation() -> impl Strategy<Value = Operation> {
    prop::sample::select(&OPERATIONS[..])
}

fn total() -> impl Strategy<Value = Total> {
    prop_oneof![1 => amount().prop_map(Total::Amount), 2 => (-6..6_i64).prop_map(Total::Near)]
}

fn hold_steps() -> impl Strategy<Value = Step> {
    let over =
        prop_oneof![Just(OverCapture::Reject), Just(OverCapture::UpToAvailable), Just(OverCapture::Debt)];
    let late =
        prop_oneof![Just(LateCapture::Reject), Just(LateCapture::IfAvailable), Just(LateCapture::Debt)];
    prop_oneof![
        9 => (name(), amount(), prop::option::weighted(0.3, amount()), debt(), lifetime(), grace(), content(), any::<bool>(), caps())
            .prop_map(|(name, amount, least, debt, lifetime, grace, content, labelled, caps)| {
                Step::Hold { name, amount, least, debt, lifetime, grace, content, labelled, caps }
            }),
        6 => (
            name(),
            prop::option::weighted(0.8, total()),
            prop::option::weighted(0.3, lifetime()),
            prop::option::of(prop_oneof![debt(), Just(i64::MAX)]),
            prop_oneof![8 => Just(0_u32), 1 => Just(1), 1 => Just(u32::MAX)],
            caps(),
        )
            .prop_map(|(name, total, lifetime, debt, stale, caps)| {
                Step::Resize { name, total, lifetime, debt, stale, caps }
            }),
        10 => (name(), total(), any::<bool>(), over, late, debt()).prop_map(
            |(name, total, partial, over, late, debt)| Step::Capture { name, total, partial, over, late, debt }
        ),
        2 => name().prop_map(Step::Void),
    ]
}

fn post_steps() -> impl Strategy<Value = Step> {
    let credit = prop_oneof![3 => amount(), 2 => 20..90_i64];
    prop_oneof![
        8 => (name(), credit, content(), any::<bool>(), terms()).prop_map(
            |(name, amount, content, labelled, terms)| Step::Credit { name, amount, content, labelled, terms }
        ),
        4 => (name(), amount(), debt(), content(), caps()).prop_map(
            |(name, amount, debt, content, caps)| Step::Charge { name, amount, debt, content, caps }
        ),
        1 => (name(), amount(), any::<bool>(), content()).prop_map(|(name, amount, taken, content)| {
            Step::Adjust { name, amount: if taken { -amount } else { amount }, content }
        }),
        6 => (name(), (any::<bool>(), 0..8_u8), prop::option::weighted(0.7, amount()), content(), ended()).prop_map(
            |(name, of, amount, content, ended)| Step::Refund { name, of, amount, content, ended }
        ),
    ]
}

fn clock_steps() -> impl Strategy<Value = Step> {
    let by = prop_oneof![
        Just(1),
        Just(999),
        Just(1_000),
        Just(1_001),
        Just(1_000_000),
        Just(30_000_000),
        Just(60_000_000),
        Just(300_000_000),
        Just(-1),
        Just(-1_000_000),
        Just(-100_000_000)
    ];
    prop_oneof![
        3 => by.prop_map(Step::Clock),
        6 => (1..4_u8, prop_oneof![4 => Just(0_i64), 1 => Just(-1), 1 => Just(1)])
            .prop_map(|(next, beside)| Step::Moment { next, beside }),
        1 => prop::sample::select(&[1_u8, 7, 29, 31, 65][..]).prop_map(Step::Days),
    ]
}

pub(crate) fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        48 => hold_steps(),
        36 => post_steps(),
        2 => (account(), 12..40_u8, terms()).prop_map(|(account, count, terms)| Step::Many { account, count, terms }),
        2 => (name(), operation()).prop_map(|(name, operation)| Step::Find(name, operation)),
        1 => account().prop_map(Step::Balance),
        1 => (account(), any::<bool>(), 1..6_u32).prop_map(|(account, newest, limit)| {
            Step::Statement(account, newest, limit)
        }),
        1 => (account(), 1..6_u32).prop_map(|(account, limit)| Step::Holds(account, limit)),
        1 => (account(), prop::option::of(0..2_u8), 1..6_u32)
            .prop_map(|(account, scope, limit)| Step::Counters(account, scope, limit)),
        3 => (1..4_u32).prop_map(Step::Sweep),
        12 => clock_steps(),
        8 => (0..STEPS).prop_map(Step::Again),
    ]
}
