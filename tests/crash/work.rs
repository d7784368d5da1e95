//! What a process does to a ledger until it is stopped, and what it writes down of it.
//!
//! Each operation is one line when it is asked for and one when it was answered, each written by one call before anything else is
//! done: what is in the notes of a process that was killed had been asked, or acknowledged.

use std::fmt;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::str::FromStr;
use std::thread;

use billing_guard::{
    AccountId, Amount, Applied, Entry, HoldRequest, HoldState, IdempotencyKey, Ledger, LedgerError,
    LedgerExt, SqliteStore, StoreLedger, Unit, wait,
};

/// So many accounts are used, the first of them by half of all operations.
pub(crate) const ACCOUNTS: u64 = 5;
/// Longer than any test runs.
const LIFETIME: std::time::Duration = std::time::Duration::from_secs(24 * 60 * 60);

pub(crate) type SqliteLedger = StoreLedger<SqliteStore>;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Kind {
    TopUp,
    Charge,
    Hold,
    Capture,
    Void,
}

const KINDS: [(Kind, &str); 5] = [
    (Kind::TopUp, "top-up"),
    (Kind::Charge, "charge"),
    (Kind::Hold, "hold"),
    (Kind::Capture, "capture"),
    (Kind::Void, "void"),
];

/// An operation: the same key is used for a hold and for what ends it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Operation {
    pub(crate) kind: Kind,
    pub(crate) account: u64,
    pub(crate) key: String,
    pub(crate) amount: i64,
}

/// What was answered to an operation that was applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The number of the entry, or of the hold's change; for a replay of the latter the account's latest. 0 stands for an answer
    /// that nobody has seen.
    pub(crate) seq: u64,
    /// The amount of the entry, of the hold, or what was captured of it.
    pub(crate) amount: i64,
    pub(crate) is_replay: bool,
}

/// A line of the notes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Note {
    Asked(Operation),
    Acknowledged(Operation, Answer),
    /// Not applied, and told so.
    Refused(Operation),
}

/// What a process is to do.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// What its keys begin with.
    pub(crate) name: String,
    pub(crate) seed: u64,
    pub(crate) threads: u64,
    /// How many operations each thread does at least.
    pub(crate) operations: u64,
    /// It acknowledges before it has the answer, as no ledger may: for seeing that this is noticed.
    pub(crate) is_rash: bool,
    /// Its store fails now and then.
    pub(crate) in_trouble: bool,
}

pub(crate) fn unit() -> Unit {
    Unit::new("USD", 6).unwrap()
}

fn money(minor: i64) -> Amount {
    unit().minor(minor)
}

pub(crate) fn account(number: u64) -> AccountId {
    AccountId::new(format!("account-{number}")).unwrap()
}

/// A number that looks random, the same for the same seed.
pub(crate) fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn small(seed: u64, below: i64) -> i64 {
    i64::try_from(mix(seed) % 1_000_000).unwrap() % below
}

/// Does one thing.
pub(crate) fn perform(ledger: &dyn Ledger, operation: &Operation) -> Result<Answer, LedgerError> {
    let key = || IdempotencyKey::new(&operation.key).unwrap();
    let (account, amount) = (account(operation.account), money(operation.amount));
    let entry = |applied: Applied<Entry>| Answer {
        seq: applied.value().seq(),
        amount: applied.value().amount().minor().abs(),
        is_replay: applied.is_replay(),
    };
    let hold = |applied: Applied<HoldState>| Answer {
        seq: applied.seq(),
        amount: applied.value().requested().minor(),
        is_replay: applied.is_replay(),
    };
    match operation.kind {
        Kind::TopUp => wait(ledger.top_up(&account, key(), amount)).map(entry),
        Kind::Charge => wait(ledger.charge(&account, key(), amount)).map(entry),
        Kind::Hold => {
            let request = HoldRequest::new(account, key(), amount).with_lifetime(LIFETIME);
            wait(ledger.hold(request)).map(hold)
        }
        Kind::Capture => wait(ledger.capture_final(&account, key(), amount)).map(|applied| Answer {
            seq: applied.seq(),
            amount: applied.value().captured().minor(),
            is_replay: applied.is_replay(),
        }),
        Kind::Void => wait(ledger.void_hold(&account, key())).map(hold),
    }
}

/// Where a process writes down what it does.
#[derive(Debug)]
pub(crate) struct Notes(File);

impl Notes {
    pub(crate) fn open(path: &Path) -> Self {
        Self(File::options().create(true).append(true).open(path).unwrap())
    }

    fn put(&self, note: &Note) {
        let line = format!("{note}\n");
        // One call: a process that is killed leaves a whole line or none, or a part that has no end.
        assert_eq!((&self.0).write(line.as_bytes()).unwrap(), line.len());
    }
}

/// What is in the notes, without a last line that has no end.
pub(crate) fn read_notes(text: &str) -> Vec<Note> {
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines().map(|line| line.parse().unwrap()).collect()
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, operation) = match self {
            Self::Asked(operation) => ("asked", operation),
            Self::Acknowledged(operation, _) => ("done", operation),
            Self::Refused(operation) => ("refused", operation),
        };
        let kind = KINDS.iter().find(|(kind, _)| *kind == operation.kind).unwrap().1;
        let Operation { account, key, amount, .. } = operation;
        write!(f, "{word} {kind} {account} {key} {amount}")?;
        if let Self::Acknowledged(_, answer) = self {
            write!(f, " {}", answer.seq)?;
        }
        Ok(())
    }
}

impl FromStr for Note {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let wrong = || format!("no note: {line:?}");
        let words: Vec<&str> = line.split(' ').collect();
        let [word, kind, account, key, amount, numbers @ ..] = words.as_slice() else { return Err(wrong()) };
        let (kind, _) = KINDS.iter().find(|(_, name)| name == kind).ok_or_else(wrong)?;
        let operation = Operation {
            kind: *kind,
            account: account.parse().map_err(|_| wrong())?,
            key: (*key).to_owned(),
            amount: amount.parse().map_err(|_| wrong())?,
        };
        match (*word, numbers) {
            ("asked", []) => Ok(Self::Asked(operation)),
            ("refused", []) => Ok(Self::Refused(operation)),
            ("done", [seq]) => {
                let seq = seq.parse().map_err(|_| wrong())?;
                let amount = operation.amount;
                Ok(Self::Acknowledged(operation, Answer { seq, amount, is_replay: false }))
            }
            _ => Err(wrong()),
        }
    }
}

/// Works on a ledger with several threads, which share commits.
pub(crate) fn work(ledger: &SqliteLedger, notes: &Notes, plan: &Plan) {
    thread::scope(|scope| {
        for number in 0..plan.threads {
            scope.spawn(move || Worker { ledger, notes, plan, thread: number, done: 0 }.run());
        }
    });
}

struct Worker<'a> {
    ledger: &'a SqliteLedger,
    notes: &'a Notes,
    plan: &'a Plan,
    thread: u64,
    done: u64,
}

impl Worker<'_> {
    fn run(mut self) {
        let mut number = 0;
        while self.done < self.plan.operations {
            let seed = mix(self.plan.seed ^ (self.thread << 48) ^ number);
            let account = if seed & 1 == 0 { 0 } else { mix(seed) % ACCOUNTS };
            let key = format!("{}-{}-{number}", self.plan.name, self.thread);
            let operation = |kind, amount| Operation { kind, account, key: key.clone(), amount };
            number += 1;
            match mix(seed + 1) % 10 {
                // Enough for what the others take, most of the time.
                0 | 1 => _ = self.is_done(&operation(Kind::TopUp, 1 + small(seed, 400))),
                2 | 3 => _ = self.is_done(&operation(Kind::Charge, small(seed, 50))),
                choice => {
                    let amount = 1 + small(seed, 100);
                    let end = match choice {
                        4..=7 => Some(operation(Kind::Capture, small(seed + 2, amount + 1))),
                        8 => Some(operation(Kind::Void, amount)),
                        _ => None,
                    };
                    if self.is_done(&operation(Kind::Hold, amount))
                        && let Some(end) = end
                    {
                        self.is_done(&end);
                    }
                }
            }
        }
    }

    /// Does one thing, and notes it; whether it was applied.
    fn is_done(&mut self, operation: &Operation) -> bool {
        self.done += 1;
        self.notes.put(&Note::Asked(operation.clone()));
        if self.plan.is_rash {
            let unseen = Answer { seq: 0, amount: operation.amount, is_replay: false };
            self.notes.put(&Note::Acknowledged(operation.clone(), unseen));
        }
        match perform(self.ledger, operation) {
            Ok(answer) => {
                assert!(!answer.is_replay && answer.amount == operation.amount, "{operation:?}: {answer:?}");
                if !self.plan.is_rash {
                    self.notes.put(&Note::Acknowledged(operation.clone(), answer));
                }
                true
            }
            // The one is proved, the other as certain: not applied, now or later.
            Err(LedgerError::Insufficient(_)) => {
                self.notes.put(&Note::Refused(operation.clone()));
                false
            }
            Err(LedgerError::Unavailable { .. }) if self.plan.in_trouble => {
                self.notes.put(&Note::Refused(operation.clone()));
                false
            }
            Err(LedgerError::OutcomeUnknown { .. }) if self.plan.in_trouble => false,
            Err(other) => panic!("{operation:?}: {other:?}"),
        }
    }
}
