//! Histories of accounts with everything that can be in one: random, or one of each.

use std::sync::Arc;
use std::time::Duration;

use billing_guard::{
    AccountId, Cap, Caps, CaptureMode, CaptureRequest, ChargeRef, Clock, Content, EndedCredit, Entry,
    GrantTerms, HoldRequest, IdempotencyKey, Label, Labels, LateCapture, Ledger, LedgerExt, ManualClock,
    MemoryLedger, MemorySettings, Order, OverCapture, Period, PostKind, PostRequest, ResizeRequest,
    StatementRequest, SweepRequest, Unit, VoidRequest, wait,
};
use proptest::prelude::*;

/// Ids and keys as a hostile customer would choose them: visible ASCII is all they need to be.
const IDS: &[&str] = &[
    "acct_1",
    "auth0|7:plain",
    ";comment",
    "=cmd()",
    "a:b:c",
    "(virtual)",
    "[balanced]",
    "\"quoted\"",
    "'@-+=",
    "a,b;=1",
    "{\"v\":2}",
    "\\u0000\\n",
    "100%",
    "~x*!#",
];

/// Texts of labels, which can have spaces and any letters.
const TEXTS: &[&str] = &[
    "Zürich pilot",
    "; date:2020-01-01",
    "[2020-01-01]",
    "a  b",
    " = 5 ",
    "x, type:A, y",
    "=HYPERLINK(\"http://a\")",
    "a;=1+1",
    "＝1",
    "\" -5",
    "-12.50",
    "| USD 5",
    "2020-01-01 * x",
    "日本",
    "\\\"",
    "%0A  assets:payments  5",
];

/// One step, in small numbers that choose among few things.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Credit {
        kind: u8,
        amount: i64,
        priority: u8,
        label: Option<u8>,
        starts_in: u64,
        ends_in: u64,
        rollover: Option<i64>,
    },
    Charge {
        amount: i64,
        debt: i64,
        capped: bool,
    },
    Hold {
        amount: i64,
        debt: i64,
        capped: bool,
        lifetime: u64,
    },
    Resize {
        back: u8,
        total: i64,
    },
    Capture {
        back: u8,
        total: i64,
        partial: bool,
        debt: i64,
    },
    Void {
        back: u8,
    },
    Refund {
        of_hold: bool,
        back: u8,
        amount: i64,
        ended: u8,
    },
    Adjust(i64),
    Wait(u64),
    Sweep,
}

fn amount() -> impl Strategy<Value = i64> {
    prop_oneof![1 => Just(0), 8 => 0..60_i64, 2 => 0..5_000_i64, 1 => (0..9_i64).prop_map(|less| i64::MAX / 4 - less)]
}

fn step() -> impl Strategy<Value = Step> {
    let debt = || prop_oneof![4 => Just(0), 1 => 0..50_i64];
    let back = || 0..6_u8;
    let seconds = || prop_oneof![2 => Just(0), 3 => 1..2_000_u64, 1 => 1..200_000_u64];
    prop_oneof![
        5 => (
            (0..5_u8, amount(), prop_oneof![4 => Just(128_u8), 1 => any::<u8>()]),
            (prop::option::of(0..4_u8), seconds(), seconds(), prop::option::weighted(0.2, amount())),
        )
            .prop_map(|((kind, amount, priority), (label, starts_in, ends_in, rollover))| Step::Credit {
                kind, amount, priority, label, starts_in, ends_in, rollover,
            }),
        3 => (amount(), debt(), any::<bool>())
            .prop_map(|(amount, debt, capped)| Step::Charge { amount, debt, capped }),
        3 => (amount(), debt(), any::<bool>(), 1..4_000_u64)
            .prop_map(|(amount, debt, capped, lifetime)| Step::Hold { amount, debt, capped, lifetime }),
        1 => (back(), amount()).prop_map(|(back, total)| Step::Resize { back, total }),
        4 => (back(), amount(), any::<bool>(), debt())
            .prop_map(|(back, total, partial, debt)| Step::Capture { back, total, partial, debt }),
        1 => back().prop_map(|back| Step::Void { back }),
        3 => (any::<bool>(), back(), 1..30_i64, 0..3_u8)
            .prop_map(|(of_hold, back, amount, ended)| Step::Refund { of_hold, back, amount, ended }),
        1 => (-60..60_i64).prop_map(Step::Adjust),
        4 => seconds().prop_map(Step::Wait),
        1 => Just(Step::Sweep),
    ]
}

/// Where a history happens.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    /// How many entries are kept: the others are folded.
    pub(crate) retained: usize,
    pub(crate) unit: Unit,
    /// Where the choice among hostile texts begins.
    pub(crate) texts: usize,
}

pub(crate) fn setting() -> impl Strategy<Value = Setting> {
    let unit = prop_oneof![Just(("USD", 6)), Just(("EUR", 2)), Just(("X1", 0)), Just(("7", 12))];
    let retained = prop_oneof![4 => Just(1_000_usize), 1 => 3..12_usize];
    (retained, unit, 0..100_usize).prop_map(|(retained, (code, scale), texts)| Setting {
        retained,
        unit: Unit::new(code, scale).unwrap(),
        texts,
    })
}

pub(crate) fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), 1..60)
}

/// A ledger on which a history of one account runs.
pub(crate) struct World {
    pub(crate) ledger: MemoryLedger,
    pub(crate) account: AccountId,
    pub(crate) unit: Unit,
    clock: Arc<ManualClock>,
    texts: usize,
    made: usize,
    holds: Vec<IdempotencyKey>,
    charges: Vec<IdempotencyKey>,
}

impl World {
    pub(crate) fn new(setting: &Setting) -> Self {
        let clock = Arc::new(ManualClock::new());
        let settings = MemorySettings::new().with_retained_entries(setting.retained);
        Self {
            ledger: MemoryLedger::with_clock(settings, clock.clone()),
            account: AccountId::new(IDS[setting.texts % IDS.len()]).unwrap(),
            unit: setting.unit,
            clock,
            texts: setting.texts,
            made: 0,
            holds: Vec::new(),
            charges: Vec::new(),
        }
    }

    /// A history of so many steps.
    pub(crate) fn after(setting: &Setting, steps: &[Step]) -> Self {
        let mut world = Self::new(setting);
        steps.iter().for_each(|step| world.step(step));
        world
    }

    /// One of each: every kind of entry, every field.
    pub(crate) fn tour() -> Self {
        let unit = Unit::new("USD", 6).unwrap();
        let mut world = Self::new(&Setting { retained: 1_000, unit, texts: 1 });
        let credit = |kind, amount, label, starts_in, ends_in| Step::Credit {
            kind,
            amount,
            priority: 128,
            label,
            starts_in,
            ends_in,
            rollover: None,
        };
        let renewal = |amount, max| Step::Credit {
            kind: 1,
            amount,
            priority: 90,
            label: Some(1),
            starts_in: 0,
            ends_in: 9_000,
            rollover: Some(max),
        };
        let steps = [
            credit(0, 100, None, 0, 0),
            credit(2, 50, Some(0), 0, 1_000),
            credit(3, 20, Some(2), 0, 5_000),
            credit(3, 20, Some(2), 0, 5_000),
            credit(0, 70, Some(3), 500, 2_000),
            renewal(30, 40),
            Step::Charge { amount: 60, debt: 0, capped: true },
            Step::Hold { amount: 60, debt: 0, capped: true, lifetime: 600 },
            Step::Capture { back: 0, total: 20, partial: true, debt: 0 },
            Step::Refund { of_hold: false, back: 0, amount: 7, ended: 0 },
            Step::Wait(650),
            Step::Capture { back: 0, total: 50, partial: false, debt: 0 },
            Step::Hold { amount: 10, debt: 0, capped: false, lifetime: 60 },
            Step::Capture { back: 0, total: 9_999, partial: false, debt: 0 },
            Step::Refund { of_hold: true, back: 0, amount: 5, ended: 0 },
            Step::Wait(800),
            renewal(30, 40),
            Step::Refund { of_hold: true, back: 1, amount: 10, ended: 2 },
            Step::Adjust(-30),
            credit(0, 300, Some(0), 0, 100),
            Step::Wait(10_000),
            Step::Sweep,
        ];
        steps.iter().for_each(|step| world.step(step));
        world
    }

    /// All entries, oldest first, read in pages of so many.
    pub(crate) fn entries(&self, limit: u32) -> Vec<Entry> {
        let mut request = StatementRequest::new(self.account.clone()).with_order(Order::OldestFirst);
        request = request.with_limit(limit);
        let mut entries = Vec::new();
        loop {
            let page = wait(self.ledger.statement(request.clone())).unwrap();
            entries.extend_from_slice(page.entries());
            let Some(next) = page.next() else { return entries };
            request = request.with_after(next);
        }
    }

    fn key(&mut self) -> IdempotencyKey {
        self.made += 1;
        let hostile = IDS[(self.texts + self.made) % IDS.len()];
        IdempotencyKey::new(format!("{hostile}{}", self.made)).unwrap()
    }

    fn labels(&self) -> Labels {
        let at = self.texts + self.made;
        let text = |shift: usize| TEXTS[(at + shift) % TEXTS.len()];
        let names = ["project", text(1), "date", text(5)];
        Labels::new((0..at % 4).map(|index| (names[index], text(index * 3)))).unwrap()
    }

    fn content(&self) -> Content {
        let at = self.texts + self.made;
        let text = |shift: usize| TEXTS[(at + shift) % TEXTS.len()];
        Content::new((0..at % 3).map(|index| (text(index), text(index * 7)))).unwrap()
    }

    fn caps(&self, capped: bool) -> Caps {
        if !capped {
            return Caps::NONE;
        }
        let scope = IDS[(self.texts + self.made) % IDS.len()].parse().unwrap();
        let limit = self.unit.minor(5_000);
        let nepal = Period::month().at_offset_minutes(345).unwrap();
        let hour = Period::rolling(Duration::from_secs(3_600)).unwrap();
        let counting = [nepal, hour].map(|period| Cap::counting("team".parse().unwrap(), period));
        Caps::new([Cap::new(scope, Period::day(), limit)].into_iter().chain(counting)).unwrap()
    }

    fn hold(&self, back: u8) -> Option<IdempotencyKey> {
        self.holds.iter().nth_back(back.into()).cloned()
    }

    fn post(&mut self, kind: PostKind, amount: i64, debt: i64, capped: bool) {
        let key = self.key();
        let mut request = PostRequest::new(self.account.clone(), key.clone(), kind, self.unit.minor(amount))
            .with_debt_limit(self.unit.minor(debt))
            .with_content(self.content())
            .with_labels(self.labels());
        if request.kind == PostKind::Charge {
            request = request.with_caps(self.caps(capped));
            self.charges.push(key);
        }
        let _ = wait(self.ledger.post(request));
    }

    /// What is refused is no part of the history.
    pub(crate) fn step(&mut self, step: &Step) {
        let unit = self.unit;
        match step {
            Step::Credit { kind, amount, priority, label, starts_in, ends_in, rollover } => {
                let text = |index: u8| TEXTS[(self.texts + usize::from(index)) % TEXTS.len()];
                let label: Option<Label> = label.map(|index| text(index).parse().unwrap());
                let in_seconds = |from, seconds| Duration::from_secs(from + seconds);
                let now = self.clock.now();
                let mut terms = match (kind, &label) {
                    (0, _) => GrantTerms::paid(),
                    (1, _) => GrantTerms::included(),
                    (3, Some(label)) => GrantTerms::courtesy(label.clone(), Period::day()),
                    (4, _) => return self.post(PostKind::top_up(), *amount, 0, false),
                    _ => GrantTerms::promotional(),
                };
                terms = terms.with_priority(*priority);
                if let Some(label) = label {
                    terms = terms.with_label(label);
                }
                if *starts_in > 0 && rollover.is_none() {
                    terms = terms.starting_at(now.saturating_add(in_seconds(0, *starts_in)));
                }
                if *ends_in > 0 {
                    terms = terms.ending_at(now.saturating_add(in_seconds(*starts_in, *ends_in)));
                }
                if let Some(max) = rollover {
                    terms = terms.renewing_up_to(unit.minor(*max));
                }
                self.post(PostKind::Credit(terms), *amount, 0, false);
            }
            Step::Charge { amount, debt, capped } => self.post(PostKind::Charge, *amount, *debt, *capped),
            Step::Hold { amount, debt, capped, lifetime } => {
                let key = self.key();
                let request = HoldRequest::new(self.account.clone(), key.clone(), unit.minor(*amount))
                    .with_minimum(unit.minor(amount / 2))
                    .with_debt_limit(unit.minor(*debt))
                    .with_lifetime(Duration::from_secs(*lifetime))
                    .with_caps(self.caps(*capped))
                    .with_content(self.content())
                    .with_labels(self.labels());
                if wait(self.ledger.hold(request)).is_ok() {
                    self.holds.push(key);
                }
            }
            Step::Resize { back, total } => {
                let Some(key) = self.hold(*back) else { return };
                let request = ResizeRequest::new(self.account.clone(), key, 1).with_total(unit.minor(*total));
                let _ = wait(self.ledger.resize(request));
            }
            Step::Capture { back, total, partial, debt } => {
                let Some(key) = self.hold(*back) else { return };
                let mode = if *partial { CaptureMode::Partial } else { CaptureMode::Final };
                let mut request = CaptureRequest::new(self.account.clone(), key, unit.minor(*total))
                    .with_mode(mode)
                    .with_debt_limit(unit.minor(*debt));
                if *debt > 0 {
                    request = request.with_over(OverCapture::Debt).with_late(LateCapture::Debt);
                }
                let _ = wait(self.ledger.capture(request));
            }
            Step::Void { back } => {
                let Some(key) = self.hold(*back) else { return };
                let _ = wait(self.ledger.void(VoidRequest::new(self.account.clone(), key)));
            }
            Step::Refund { of_hold, back, amount, ended } => {
                let known = if *of_hold { &self.holds } else { &self.charges };
                let Some(key) = known.iter().nth_back((*back).into()).cloned() else { return };
                let of = if *of_hold { ChargeRef::Hold(key) } else { ChargeRef::Charge(key) };
                let ended = match ended {
                    0 => EndedCredit::ByKind,
                    1 => EndedCredit::Revive(Duration::from_secs(900)),
                    _ => EndedCredit::Expire,
                };
                self.post(PostKind::Refund { of, ended }, *amount, 0, false);
            }
            Step::Adjust(amount) => self.post(PostKind::Adjustment, *amount, 0, false),
            Step::Wait(seconds) => self.clock.advance(Duration::from_secs(*seconds)),
            Step::Sweep => {
                wait(self.ledger.sweep(SweepRequest::new())).unwrap();
            }
        }
    }

    /// What is left of plain credit and of each grant that has started.
    pub(crate) fn parts(&self) -> (i64, Vec<(u64, i64)>) {
        let balance = wait(self.ledger.balance_of(&self.account, self.unit)).unwrap();
        let started = balance.grants().iter().filter(|grant| grant.has_started());
        let grants = started.map(|grant| (grant.id(), grant.remaining().minor())).collect();
        (balance.posted().minor(), grants)
    }
}

/// Nothing is folded; texts begin here.
pub(crate) fn setting_of(texts: usize) -> Setting {
    Setting { retained: 1_000, unit: Unit::new("USD", 6).unwrap(), texts }
}
