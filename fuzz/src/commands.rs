//! Sequences of requests to a ledger, decoded from bytes, with the books checked from public reads after each.

mod books;
mod run;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use billing_guard::{
    AccountId, Amount, Cap, Caps, CaptureMode, CaptureRequest, ChargeRef, Content, FindRequest, GrantTerms,
    HoldRequest, HoldsRequest, IdempotencyKey, LateCapture, Ledger, ManualClock, MemoryLedger,
    MemorySettings, Operation, Order, OverCapture, Period, PostKind, PostRequest, ResizeRequest,
    StatementRequest, SweepRequest, Unit, VoidRequest,
};

use crate::choices::Choices;
use run::Run;

/// How many accounts and keys there are: few, so that requests meet.
const ACCOUNTS: u8 = 3;
const KEYS: u8 = 4;
/// The longest sequence.
const MOST_COMMANDS: usize = 96;

/// How often commands ended how: `hold applied`, `hold repeated`, `hold refused`, `sweep released` and so on.
pub type Tally = BTreeMap<String, u64>;

/// Runs the commands in the bytes on a ledger in memory.
pub fn ledger_commands(data: &[u8]) {
    ledger_commands_on(data, |ledger| Box::new(ledger));
}

/// The same on that ledger in a wrapper. Says what came of the commands.
pub fn ledger_commands_on(data: &[u8], wrap: impl FnOnce(MemoryLedger) -> Box<dyn Ledger>) -> Tally {
    let mut choices = Choices::new(data);
    let (settings, forgets) = match choices.below(8) {
        0 => (MemorySettings::new().with_shards(1), false),
        2 => (MemorySettings::new().with_shards(1).with_retained_keys(0).with_retained_entries(1), true),
        3 => (MemorySettings::new().with_shards(4).with_retained_keys(8).with_retained_entries(3), true),
        _ => (MemorySettings::new().with_shards(2), false),
    };
    let clock = Arc::new(ManualClock::new());
    let ledger = wrap(MemoryLedger::with_clock(settings, clock.clone()));
    let mut run = Run::new(&*ledger, &clock, forgets);
    // Without money hardly anything succeeds. The third account begins with none.
    for number in 0..2 {
        let paid_in = PostRequest::new(
            account(number),
            "paid-in".parse().expect("a valid key"),
            PostKind::top_up(),
            unit(false).minor(1_000),
        );
        run.step(Command::Change(Change::Post(paid_in), How::Once));
    }
    for _ in 0..MOST_COMMANDS {
        if choices.is_done() {
            break;
        }
        let command = decode(&mut choices, &run);
        run.step(command);
    }
    run.finish()
}

/// A request for a change.
#[derive(Clone, Debug)]
enum Change {
    Hold(HoldRequest),
    Resize(ResizeRequest),
    Capture(CaptureRequest),
    Void(VoidRequest),
    Post(PostRequest),
}

impl Change {
    const fn account(&self) -> &AccountId {
        match self {
            Self::Hold(request) => &request.account,
            Self::Resize(request) => &request.account,
            Self::Capture(request) => &request.account,
            Self::Void(request) => &request.account,
            Self::Post(request) => &request.account,
        }
    }

    const fn name(&self) -> &'static str {
        match self {
            Self::Hold(_) => "hold",
            Self::Resize(_) => "resize",
            Self::Capture(_) => "capture",
            Self::Void(_) => "void",
            Self::Post(_) => "post",
        }
    }

    /// How to find what it made or changed.
    fn find(&self) -> FindRequest {
        let hold = |key: &IdempotencyKey| FindRequest::hold(self.account().clone(), key.clone());
        match self {
            Self::Hold(request) => hold(&request.key),
            Self::Resize(request) => hold(&request.key),
            Self::Capture(request) => hold(&request.key),
            Self::Void(request) => hold(&request.key),
            Self::Post(request) => {
                let (account, key) = (request.account.clone(), request.key.clone());
                match request.kind.operation() {
                    Operation::Charge => FindRequest::charge(account, key),
                    _ => FindRequest::credit(account, key),
                }
            }
        }
    }

    /// How far below zero it may take what is available; `None` for a correction, which may take it anywhere.
    fn debt_limit(&self) -> Option<i128> {
        let limit = match self {
            Self::Hold(request) => Some(request.debt_limit),
            Self::Resize(request) => request.debt_limit,
            Self::Capture(request) => Some(request.debt_limit),
            Self::Void(_) => None,
            Self::Post(request) if request.kind == PostKind::Adjustment => return None,
            Self::Post(request) => Some(request.debt_limit),
        };
        Some(limit.map_or(0, |limit| i128::from(limit.minor())))
    }
}

/// How a change is asked for.
#[derive(Clone, Copy, Debug)]
enum How {
    Once,
    Twice,
    /// Nobody waits for the answer.
    Dropped,
}

#[derive(Clone, Debug)]
enum Command {
    Change(Change, How),
    /// An earlier change again, word for word.
    Again(usize),
    Find(FindRequest),
    Balance(AccountId, Unit),
    Statement(StatementRequest),
    Holds(HoldsRequest),
    /// So many microseconds later.
    Sweep(i64, SweepRequest),
    /// Backwards too.
    Clock(i64),
}

/// One letter chooses the command, any other byte one of them as well; each choice it leaves is one more byte.
fn decode(choices: &mut Choices<'_>, run: &Run<'_>) -> Command {
    const LETTERS: &[u8; 16] = b"hhhhrccvppttwafs";
    let byte = choices.byte();
    let letter = if b"hrcvpfbslwta".contains(&byte) { byte } else { LETTERS[usize::from(byte) % 16] };
    let who = choices.byte().wrapping_sub(b'0') % 24;
    let (account, unit) = (account(who % ACCOUNTS), unit(who >= 21));
    match letter {
        b'h' => change(Change::Hold(hold(choices, account, unit)), choices),
        b'r' => change(Change::Resize(resize(choices, account, unit, run)), choices),
        b'c' => change(Change::Capture(capture(choices, account, unit, run)), choices),
        b'v' => {
            let (account, key) = hold_of(choices, account, run);
            change(Change::Void(VoidRequest::new(account, key)), choices)
        }
        b'p' => change(Change::Post(post(choices, account, unit)), choices),
        b't' => Command::Clock(tick(choices)),
        // Often after some time, or there would be nothing to sweep.
        b'w' => {
            let after = if choices.flag() { tick(choices) } else { 0 };
            Command::Sweep(after, SweepRequest::new().with_limit(choices.pick(&[1, 2, 10_000, 0, 10_001])))
        }
        b'a' => Command::Again(choices.byte().into()),
        b'f' => Command::Find(match choices.below(3) {
            0 => FindRequest::hold(account, key(choices)),
            1 => FindRequest::charge(account, key(choices)),
            _ => FindRequest::credit(account, key(choices)),
        }),
        b'b' => Command::Balance(account, unit),
        b's' => {
            let order = choices.pick(&[Order::NewestFirst, Order::OldestFirst]);
            Command::Statement(StatementRequest::new(account).with_order(order).with_limit(page(choices)))
        }
        _ => Command::Holds(HoldsRequest::new(account).with_limit(page(choices))),
    }
}

fn change(change: Change, choices: &mut Choices<'_>) -> Command {
    Command::Change(change, choices.pick(&[How::Once, How::Twice, How::Dropped, How::Once]))
}

fn account(number: u8) -> AccountId {
    AccountId::new(format!("account-{number}")).expect("a valid id")
}

fn unit(other: bool) -> Unit {
    let (code, scale) = if other { ("EUR", 2) } else { ("USD", 6) };
    Unit::new(code, scale).expect("a valid unit")
}

fn key(choices: &mut Choices<'_>) -> IdempotencyKey {
    format!("key-{}", choices.below(KEYS)).parse().expect("a valid key")
}

/// A hold to do something to: one of the latest that were made, whosever it is, or any key of the account.
fn hold_of(choices: &mut Choices<'_>, account: AccountId, run: &Run<'_>) -> (AccountId, IdempotencyKey) {
    match choices.below(8) {
        nth @ 0..6 => run.latest_hold(nth.into()).unwrap_or_else(|| (account, key(choices))),
        _ => (account, key(choices)),
    }
}

fn amount(choices: &mut Choices<'_>, unit: Unit) -> Amount {
    const MAX: i64 = i64::MAX;
    const CHOSEN_BY_A_DIGIT: [i64; 10] = [0, 1, 2, 5, 10, 100, 1_000, 1_000_000, MAX, MAX / 2];
    const OTHERS: [i64; 12] = [3, 4, 7, 20, 50, 75, 200, 300, MAX / 2 + 1, MAX - 1, -1, i64::MIN];
    let minor = match choices.below(24) {
        digit @ 0..10 => CHOSEN_BY_A_DIGIT[usize::from(digit)],
        other @ 10..22 => OTHERS[usize::from(other - 10)],
        22 => choices.byte().into(),
        _ => choices.number(),
    };
    unit.minor(minor)
}

fn debt(choices: &mut Choices<'_>, unit: Unit) -> Amount {
    unit.minor(match choices.below(20) {
        1 => 5,
        2 => 100,
        3 => i64::MAX,
        18 => -1,
        19 => i64::MIN,
        _ => 0,
    })
}

fn lifetime(choices: &mut Choices<'_>) -> Duration {
    const SECOND: u64 = 1_000_000;
    const MOST: u64 = 30 * 86_400 * SECOND;
    let micros = [300 * SECOND, 1_000, SECOND, 60 * SECOND, MOST, 0, 999, MOST + 1, u64::MAX];
    let valid = [1_000, SECOND, 2 * SECOND, 10 * SECOND, 60 * SECOND, 300 * SECOND, 600 * SECOND];
    Duration::from_micros(choices.pick(&[micros.as_slice(), &valid, &valid, &valid, &valid].concat()))
}

fn grace(choices: &mut Choices<'_>) -> Duration {
    const DAY: u64 = 86_400_000_000;
    let micros =
        [30_000_000, 0, 1, DAY, DAY + 1, u64::MAX, 0, 1, 1_000, 30_000_000, 60_000_000, 0, 0, 0, 0, 0, 0];
    Duration::from_micros(choices.pick(&micros))
}

/// How far the clock jumps, in microseconds.
fn tick(choices: &mut Choices<'_>) -> i64 {
    const SECOND: i64 = 1_000_000;
    const DAY: i64 = 86_400 * SECOND;
    let jumps = [1, 1_000, SECOND, 30 * SECOND, 300 * SECOND, 330 * SECOND, DAY, 31 * DAY, -1, -100 * SECOND];
    let steps = [1, 999, 1_001, 10_000, SECOND - 1, SECOND, SECOND + 1, 10 * SECOND, 60 * SECOND, -SECOND];
    choices.pick(&[jumps, steps, steps].concat())
}

fn page(choices: &mut Choices<'_>) -> u32 {
    choices.pick(&[1, 2, 3, 1_000, 0, 1_001])
}

fn content(choices: &mut Choices<'_>) -> Content {
    match choices.below(3) {
        0 => Content::default(),
        1 => Content::new([("operation", "a")]).expect("valid content"),
        _ => Content::new([("operation", "b"), ("rows", "1")]).expect("valid content"),
    }
}

fn hold(choices: &mut Choices<'_>, account: AccountId, unit: Unit) -> HoldRequest {
    let key = key(choices);
    let amount = amount(choices, unit);
    let least = match choices.below(8) {
        1 => unit.minor(amount.minor().min(1)),
        2 => self::amount(choices, unit),
        _ => amount,
    };
    HoldRequest::new(account, key, amount)
        .with_minimum(least)
        .with_debt_limit(debt(choices, unit))
        .with_caps(caps(choices, unit))
        .with_lifetime(lifetime(choices))
        .with_grace(grace(choices))
        .with_content(content(choices))
}

fn resize(choices: &mut Choices<'_>, account: AccountId, unit: Unit, run: &Run<'_>) -> ResizeRequest {
    let (account, key) = hold_of(choices, account, run);
    let rev = run.book(&account).open_hold(&key).map_or(1, billing_guard::HoldState::rev);
    let stale = choices.pick(&[0, 0, 0, 0, 0, 0, 1, u32::MAX]);
    let mut request = ResizeRequest::new(account, key, rev.wrapping_add(stale));
    if !choices.flag() {
        request = request.with_total(amount(choices, unit));
    }
    if choices.flag() {
        request = request.with_lifetime(lifetime(choices));
    }
    request.debt_limit = choices.flag().then(|| debt(choices, unit));
    request.with_caps(caps(choices, unit))
}

fn capture(choices: &mut Choices<'_>, account: AccountId, unit: Unit, run: &Run<'_>) -> CaptureRequest {
    let (account, key) = hold_of(choices, account, run);
    let total = match (choices.below(3), run.book(&account).open_hold(&key)) {
        // What it covers, or a little less or more.
        (1, Some(hold)) => {
            let by = i64::from(choices.below(9)) - 4;
            hold.total().unit().minor(hold.total().minor().saturating_add(by))
        }
        (2, Some(hold)) => hold.captured(),
        _ => amount(choices, unit),
    };
    CaptureRequest::new(account, key, total)
        .with_mode(choices.pick(&[CaptureMode::Partial, CaptureMode::Final]))
        .with_over(choices.pick(&[OverCapture::UpToAvailable, OverCapture::Debt, OverCapture::Reject]))
        .with_late(choices.pick(&[LateCapture::IfAvailable, LateCapture::Debt, LateCapture::Reject]))
        .with_debt_limit(debt(choices, unit))
}

fn post(choices: &mut Choices<'_>, account: AccountId, unit: Unit) -> PostRequest {
    let key = key(choices);
    let kind = match choices.below(7) {
        0 => PostKind::top_up(),
        1 => credit(choices),
        2 | 3 => PostKind::Charge,
        4 => PostKind::Adjustment,
        5 => PostKind::refund(ChargeRef::Hold(self::key(choices))),
        _ => PostKind::refund(ChargeRef::Charge(self::key(choices))),
    };
    PostRequest::new(account, key, kind, amount(choices, unit))
        .with_debt_limit(debt(choices, unit))
        .with_caps(caps(choices, unit))
        .with_content(content(choices))
}

/// Credit on terms of its own that never ends: what time does to grants is the model's to check, in the crate's tests.
fn credit(choices: &mut Choices<'_>) -> PostKind {
    let label = |text: &str| text.parse().expect("a valid label");
    let terms = match choices.below(8) {
        0 => GrantTerms::promotional(),
        1 => GrantTerms::included().with_label(label("plan")),
        2 => GrantTerms::paid().with_label(label("pack")),
        3 => GrantTerms::courtesy(label("finish"), Period::day()),
        other => GrantTerms::promotional().with_priority(other),
    };
    PostKind::Credit(terms)
}

/// Mostly none.
fn caps(choices: &mut Choices<'_>, unit: Unit) -> Caps {
    let scope = |text: &str| text.parse().expect("a valid scope");
    let minute = Period::rolling(Duration::from_secs(60)).expect("a valid period");
    let caps = match choices.below(20) {
        0 => vec![Cap::new(scope("key"), Period::day(), unit.minor(choices.byte().into()))],
        1 => vec![
            Cap::new(scope("key"), minute, unit.minor(choices.number())),
            Cap::counting(scope("team"), Period::month()),
        ],
        2 => vec![Cap::counting(scope("key"), Period::day())],
        _ => Vec::new(),
    };
    Caps::new(caps).expect("caps that go together")
}
