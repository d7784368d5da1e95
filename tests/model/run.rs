//! A history played on a ledger and on the model at once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use billing_guard::{
    AccountId, Cap, Caps, CaptureMode, CaptureRequest, ChargeRef, Clock, Content, EndedCredit, FindRequest,
    GrantKind, GrantTerms, HoldRequest, IdempotencyKey, Label, Labels, Ledger, ManualClock, MemoryLedger,
    MemorySettings, Period, PostKind, PostRequest, ResizeRequest, ScopeId, Timestamp, Unit, VoidRequest,
    wait,
};

use super::naive::{self, Account};
use super::steps::{CapChoice, EndedChoice, Name, Step, TermsChoice, Total};
use super::views::{self, micros, minor};

/// A minute before a day, a week and a month begin.
const START: Timestamp = Timestamp::from_micros(1_780_271_940_000_000);
/// Starts and ends of credit, and many of holds, are at multiples of this.
const GRID: i64 = 30_000_000;
const DAY: i64 = 86_400_000_000;

/// A change as it was asked for, to be asked for again.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    Hold(HoldRequest),
    Resize(ResizeRequest),
    Capture(CaptureRequest),
    Void(VoidRequest),
    Post(PostRequest),
}

impl Change {
    pub(crate) fn account(&self) -> &AccountId {
        match self {
            Self::Hold(HoldRequest { account, .. })
            | Self::Resize(ResizeRequest { account, .. })
            | Self::Capture(CaptureRequest { account, .. })
            | Self::Void(VoidRequest { account, .. })
            | Self::Post(PostRequest { account, .. }) => account,
        }
    }

    /// The key of the hold that it is about.
    fn hold(&self) -> Option<&IdempotencyKey> {
        match self {
            Self::Hold(HoldRequest { key, .. })
            | Self::Resize(ResizeRequest { key, .. })
            | Self::Capture(CaptureRequest { key, .. })
            | Self::Void(VoidRequest { key, .. }) => Some(key),
            Self::Post(PostRequest { kind: PostKind::Refund { of: ChargeRef::Hold(key), .. }, .. }) => {
                Some(key)
            }
            Self::Post(_) => None,
        }
    }

    /// How far it may take what is available below zero; a correction as far as it likes.
    pub(crate) fn debt(&self) -> Option<i128> {
        match self {
            Self::Hold(request) => Some(minor(request.debt_limit)),
            Self::Resize(request) => Some(request.debt_limit.map_or(0, minor)),
            Self::Capture(request) => Some(minor(request.debt_limit)),
            Self::Void(_) => Some(0),
            Self::Post(PostRequest { kind: PostKind::Adjustment | PostKind::Credit(_), .. }) => None,
            Self::Post(request) => Some(minor(request.debt_limit)),
        }
    }
}

pub(crate) struct Run {
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) accounts: BTreeMap<AccountId, Account>,
    /// The latest that the clock has shown: by then the ledger may have forgotten things.
    pub(crate) latest: i128,
    pub(crate) unit: Unit,
    pub(crate) changes: Vec<Change>,
    /// Holds and charges that were made.
    made: Vec<(AccountId, bool, IdempotencyKey)>,
    /// Those of the latest credit.
    terms: Option<GrantTerms>,
    many: u32,
}

pub(crate) fn account(number: u8) -> AccountId {
    AccountId::new(format!("account-{number}")).unwrap()
}

pub(crate) fn key(number: u8) -> IdempotencyKey {
    format!("key-{number}").parse().unwrap()
}

fn contents(number: u8) -> Content {
    match number {
        0 => Content::default(),
        1 => Content::new([("operation", "a")]).unwrap(),
        _ => Content::new([("count", "1"), ("operation", "b")]).unwrap(),
    }
}

fn labels(labelled: bool) -> Labels {
    if labelled { Labels::new([("user", "ana")]).unwrap() } else { Labels::default() }
}

fn label(number: u8) -> Option<Label> {
    (number > 0).then(|| Label::new(format!("Label {number}")).unwrap())
}

fn period(number: u8) -> Period {
    [Period::day(), Period::week(), Period::month()][usize::from(number) % 3]
}

pub(crate) fn scope(number: u8) -> ScopeId {
    format!("scope-{number}").parse().unwrap()
}

impl Run {
    pub(crate) fn new(settings: MemorySettings) -> Self {
        let clock = Arc::new(ManualClock::new());
        clock.set(START);
        Self {
            ledger: Arc::new(MemoryLedger::with_clock(settings, clock.clone())),
            clock,
            accounts: BTreeMap::new(),
            latest: micros(START),
            unit: Unit::new("USD", 6).unwrap(),
            changes: vec![],
            made: vec![],
            terms: None,
            many: 0,
        }
    }

    pub(crate) fn now(&self) -> i128 {
        micros(self.clock.now())
    }

    pub(crate) fn account(&mut self, id: &AccountId) -> &mut Account {
        self.accounts.entry(id.clone()).or_default()
    }

    /// One of the latest holds or charges, or a key that there may be nothing of.
    fn latest(&mut self, id: &AccountId, holds: bool, number: u8) -> IdempotencyKey {
        let latest = self.latest;
        let known = self.accounts.entry(id.clone()).or_default();
        let made: Vec<&IdempotencyKey> = self
            .made
            .iter()
            .filter(|made| made.0 == *id && made.1 == holds)
            .map(|made| &made.2)
            .filter(|key| !holds || !known.may_be_forgotten(key, latest))
            .collect();
        match made.len().checked_sub(1 + usize::from(number % 8)) {
            Some(index) => made[index].clone(),
            None if holds => self.hold_key(id, number),
            None => key(number),
        }
    }

    /// A hold's key that the ledger has not forgotten.
    fn hold_key(&mut self, id: &AccountId, number: u8) -> IdempotencyKey {
        let latest = self.latest;
        let known = self.account(id);
        let mut key = key(number);
        while known.may_be_forgotten(&key, latest) {
            key = format!("{key}-").parse().unwrap();
        }
        key
    }

    pub(crate) fn hold_named(&mut self, name: Name) -> (AccountId, IdempotencyKey) {
        let id = account(name.account);
        let key = self.hold_key(&id, name.key);
        (id, key)
    }

    /// A hold as the model has it, without anything happening.
    fn known(&mut self, id: &AccountId, key: &IdempotencyKey) -> Option<naive::Hold> {
        self.account(id).look_up(&FindRequest::hold(id.clone(), key.clone())).0
    }

    fn latest_hold(&mut self, name: Name) -> (AccountId, IdempotencyKey) {
        let id = account(name.account);
        // Mostly one that is open.
        let open = self.account(&id).open_keys();
        let key = match open.get(usize::from(name.key) % (open.len() + 1)) {
            Some(key) => key.clone(),
            None => self.latest(&id, true, name.key),
        };
        (id, key)
    }

    fn total(&mut self, id: &AccountId, key: &IdempotencyKey, total: Total) -> i64 {
        match total {
            Total::Amount(total) => total,
            Total::Near(by) => {
                let near = self.known(id, key).map_or(0, |hold| hold.total) + i128::from(by);
                i64::try_from(near.clamp(0, i128::from(i64::MAX))).unwrap()
            }
        }
    }

    fn caps(&self, choices: &[CapChoice]) -> Caps {
        let mut caps: Vec<Cap> = vec![];
        for choice in choices {
            let (scope, period) = (scope(choice.scope), period(choice.period));
            if caps.iter().any(|cap| cap.scope == scope && cap.period == period) {
                continue;
            }
            let mut cap = Cap::counting(scope, period);
            cap.limit = choice.limit.map(|limit| self.unit.minor(limit));
            cap.label = label(choice.period % 2);
            caps.push(cap);
        }
        Caps::new(caps).unwrap()
    }

    /// The moment so many steps of the grid away.
    fn moment(&self, steps: i64) -> Timestamp {
        let now = self.clock.now().as_micros();
        Timestamp::from_micros(now - now.rem_euclid(GRID) + steps * GRID)
    }

    fn terms(&mut self, choice: &TermsChoice) -> GrantTerms {
        if let Some(terms) = self.terms.clone().filter(|_| choice.same) {
            return terms;
        }
        let terms = self.new_terms(choice);
        self.terms = Some(terms.clone());
        terms
    }

    fn new_terms(&self, choice: &TermsChoice) -> GrantTerms {
        let mut terms = match choice.kind {
            0 => GrantTerms::promotional(),
            1 => GrantTerms::included(),
            2 => GrantTerms::courtesy(label(choice.label.max(1)).unwrap(), period(choice.once_per)),
            _ => GrantTerms::paid(),
        };
        // Half of what is bought is plain.
        if choice.kind == 3 {
            return terms;
        }
        terms.priority = choice.priority;
        terms.label = terms.label.or_else(|| label(choice.label));
        terms.starts_at = choice.starts.map(|steps| self.moment(steps.into()));
        terms.ends_at = choice.ends.map(|steps| self.moment(steps.into()));
        if terms.kind != GrantKind::Courtesy && (terms.kind != GrantKind::Paid || choice.once_per == 0) {
            terms.rollover = choice.rollover.map(|max| self.unit.minor(max));
        }
        // A renewal that starts later is tried seldom.
        if terms.rollover.is_some() && choice.once_per > 0 {
            terms.starts_at = None;
        }
        terms
    }

    /// The concrete request of a step that asks for a change.
    pub(crate) fn change(&mut self, step: &Step) -> Option<(Change, bool)> {
        let unit = self.unit;
        Some(match step {
            Step::Hold { name, amount, least, debt, lifetime, grace, content, labelled, caps } => {
                let (id, key) = self.hold_named(*name);
                let mut grace = *grace;
                let now = self.now();
                let now = self.account(&id).time(now);
                let due = |grace: Duration| now + i128::try_from((*lifetime + grace).as_micros()).unwrap();
                while self.account(&id).open().any(|hold| hold.release_at == due(grace)) {
                    grace += Duration::from_micros(10);
                }
                let request = HoldRequest::new(id, key, unit.minor(*amount))
                    .with_minimum(unit.minor(least.unwrap_or(*amount).min(*amount)))
                    .with_debt_limit(unit.minor(*debt))
                    .with_lifetime(*lifetime)
                    .with_grace(grace)
                    .with_content(contents(*content))
                    .with_labels(labels(*labelled))
                    .with_caps(self.caps(caps));
                (Change::Hold(request), name.dropped)
            }
            Step::Resize { name, total, lifetime, debt, stale, caps } => {
                let (id, key) = self.latest_hold(*name);
                let rev = self.known(&id, &key).map_or(0, |hold| hold.rev);
                let total = total.map(|total| self.total(&id, &key, total));
                let mut request = ResizeRequest::new(id, key, rev.wrapping_add(*stale));
                request.total = total.map(|total| unit.minor(total));
                request.lifetime = *lifetime;
                // Of holds released in one moment the contract does not say which comes first.
                let grace = self
                    .known(&request.account, &request.key)
                    .map_or(0, |hold| hold.release_at - hold.ends_at);
                let (account, now) = (request.account.clone(), self.now());
                let now = self.account(&account).time(now);
                let taken: Vec<i128> = self.account(&account).open().map(|hold| hold.release_at).collect();
                request.lifetime = lifetime.map(|mut lifetime| {
                    let due =
                        |lifetime: Duration| now + i128::try_from(lifetime.as_micros()).unwrap() + grace;
                    while taken.contains(&due(lifetime)) && lifetime > Duration::from_secs(2) {
                        lifetime -= Duration::from_micros(10);
                    }
                    lifetime
                });
                self.many += 1;
                request.debt_limit = debt.map(|debt| unit.minor(debt));
                request.caps = self.caps(caps);
                // Asking for nothing at all is asked in the tests of the contract.
                if request.total.is_none() && request.lifetime.is_none() {
                    request.lifetime = Some(Duration::from_secs(1));
                }
                (Change::Resize(request), name.dropped)
            }
            Step::Capture { name, total, partial, over, late, debt } => {
                let (id, key) = self.latest_hold(*name);
                let total = self.total(&id, &key, *total);
                let mode = if *partial { CaptureMode::Partial } else { CaptureMode::Final };
                let request = CaptureRequest::new(id, key, unit.minor(total))
                    .with_mode(mode)
                    .with_over(*over)
                    .with_late(*late)
                    .with_debt_limit(unit.minor(*debt));
                (Change::Capture(request), name.dropped)
            }
            Step::Void(name) => {
                let (id, key) = self.latest_hold(*name);
                (Change::Void(VoidRequest::new(id, key)), name.dropped)
            }
            Step::Charge { name, amount, debt, content, caps } => {
                let request = self.post(*name, PostKind::Charge, *amount, *content);
                let request = request.with_debt_limit(unit.minor(*debt)).with_caps(self.caps(caps));
                (Change::Post(request), name.dropped)
            }
            Step::Credit { name, amount, content, labelled, terms } => {
                let terms = self.terms(terms);
                let least = i64::from(terms.rollover.is_none());
                let kind = PostKind::Credit(terms);
                let request = self.post(*name, kind, (*amount).max(least), *content);
                (Change::Post(request.with_labels(labels(*labelled))), name.dropped)
            }
            Step::Adjust { name, amount, content } => {
                let amount = if *amount == 0 { 1 } else { *amount };
                (Change::Post(self.post(*name, PostKind::Adjustment, amount, *content)), name.dropped)
            }
            Step::Refund { name, of: (hold, number), amount, content, ended } => {
                let id = account(name.account);
                let of = self.latest(&id, *hold, *number);
                let left = self.refundable(&id, *hold, &of);
                let of = if *hold { ChargeRef::Hold(of) } else { ChargeRef::Charge(of) };
                let ended = match *ended {
                    EndedChoice::ByKind => EndedCredit::ByKind,
                    EndedChoice::Revive(time) => EndedCredit::Revive(time),
                    EndedChoice::Expire => EndedCredit::Expire,
                };
                let kind = PostKind::Refund { of, ended };
                let amount = amount.unwrap_or(left).max(1);
                (Change::Post(self.post(*name, kind, amount, *content)), name.dropped)
            }
            Step::Again(index) => {
                let count = self.changes.len().max(1);
                let change = self.changes.get(index % count)?.clone();
                let latest = self.latest;
                let key = change.hold().cloned();
                let known = self.account(change.account());
                if key.is_some_and(|key| known.may_be_forgotten(&key, latest)) {
                    return None;
                }
                (change, false)
            }
            _ => return None,
        })
    }

    fn refundable(&mut self, id: &AccountId, hold: bool, key: &IdempotencyKey) -> i64 {
        let request = if hold { FindRequest::hold } else { FindRequest::charge };
        let left = match self.account(id).look_up(&request(id.clone(), key.clone())) {
            (Some(hold), _) => hold.captured - hold.refunded,
            (_, Some(entry)) => -entry.amount - entry.refunded,
            _ => 0,
        };
        i64::try_from(left).unwrap()
    }

    fn post(&self, name: Name, kind: PostKind, amount: i64, content: u8) -> PostRequest {
        PostRequest::new(account(name.account), key(name.key), kind, self.unit.minor(amount))
            .with_content(contents(content))
    }

    /// The requests for many grants, each on terms of its own.
    pub(crate) fn many(&mut self, number: u8, count: u8, choice: &TermsChoice) -> Vec<Change> {
        let terms = self.terms(&TermsChoice { rollover: None, starts: None, ..choice.clone() });
        let grants = (0..count).map(|priority| {
            let key = format!("many-{}-{priority}", self.many).parse().unwrap();
            let mut terms = terms.clone();
            terms.priority = priority;
            if terms.kind == GrantKind::Courtesy {
                (terms.kind, terms.once_per) = (GrantKind::Promotional, None);
            }
            let amount = self.unit.minor(1 + i64::from(priority % 3));
            Change::Post(PostRequest::new(account(number), key, PostKind::Credit(terms), amount))
        });
        let grants = grants.collect();
        self.many += 1;
        grants
    }

    /// Asks both for a change, and compares their answers.
    pub(crate) fn apply(&mut self, change: Change, dropped: bool) {
        let (now, ledger) = (self.now(), self.ledger.clone());
        let known = self.account(change.account());
        let unsettled;
        macro_rules! ask {
            ($method:ident, $request:expr, $view:expr) => {{
                let answer = ledger.$method($request.clone());
                let expected = known.$method($request, now);
                if let (Ok(yes), Some(debt)) = (&expected, change.debt()) {
                    // Whatever takes money away leaves at least minus the debt limit.
                    assert!(yes.after >= yes.before || yes.after >= -debt, "{} to {}", yes.before, yes.after);
                }
                // Whether such a refusal books what is due is left open; a read does.
                unsettled = matches!(expected, Err(naive::No::Any | naive::No::Invalid));
                if dropped {
                    drop(answer);
                } else {
                    let answer = views::answer(&wait(answer), $view);
                    let expected = views::told(&answer, expected);
                    assert_eq!(answer, expected, "the ledger left, the model right, of {:#?}", $request);
                }
            }};
        }
        match &change {
            Change::Hold(request) => ask!(hold, request, views::hold),
            Change::Resize(request) => ask!(resize, request, views::hold),
            Change::Capture(request) => ask!(capture, request, views::captured),
            Change::Void(request) => ask!(void, request, views::hold),
            Change::Post(request) => ask!(post, request, views::entry),
        }
        self.note(&change);
        if unsettled {
            self.compare_balance(u8::from(*change.account() == account(1)));
        }
        self.changes.push(change);
    }

    /// Keeps the keys of holds and charges, so that something is done to them.
    pub(crate) fn note(&mut self, change: &Change) {
        let made = match change {
            Change::Hold(request) => (request.account.clone(), true, request.key.clone()),
            Change::Post(request @ PostRequest { kind: PostKind::Charge, .. }) => {
                (request.account.clone(), false, request.key.clone())
            }
            _ => return,
        };
        if !self.made.contains(&made) {
            self.made.push(made);
        }
    }

    pub(crate) fn read(&mut self, step: &Step) {
        match *step {
            Step::Find(name, operation) => self.compare_find(name, operation),
            Step::Balance(number) => self.compare_balance(number),
            Step::Statement(number, newest, limit) => self.compare_statement(number, newest, limit),
            Step::Holds(number, limit) => self.compare_holds(number, limit),
            Step::Counters(number, scope, limit) => self.compare_counters(number, scope, limit),
            Step::Sweep(limit) => self.compare_sweep(limit),
            _ => {}
        }
    }

    /// Moves the clock, if the step does.
    pub(crate) fn tick(&mut self, step: &Step) {
        let now = match *step {
            Step::Clock(by) => self.clock.now().as_micros() + by,
            Step::Moment { next, beside } => self.moment(next.into()).as_micros() + beside,
            Step::Days(days) => self.clock.now().as_micros() + i64::from(days) * DAY,
            _ => return,
        };
        self.clock.set(Timestamp::from_micros(now));
        self.latest = self.latest.max(self.now());
    }
}
