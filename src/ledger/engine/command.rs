//! What waits to be decided, and what it is answered.

use std::fmt;

use crate::account::Applied;
use crate::amount::Unit;
use crate::captured::Captured;
use crate::clock::Timestamp;
use crate::entry::{ChargeRef, Entry, Operation};
use crate::error::LedgerError;
use crate::hold::HoldState;
use crate::id::{AccountId, IdempotencyKey};
use crate::ledger::reply::Found;
use crate::ledger::request::{
    CaptureRequest, FindRequest, HoldRequest, PostKind, PostRequest, ResizeRequest, VoidRequest,
};
use crate::ledger::rules::AccountState;

/// What is asked of one account.
#[derive(Clone, Debug)]
pub(crate) enum Work {
    Hold(HoldRequest),
    Resize(ResizeRequest),
    Capture(CaptureRequest),
    Void(VoidRequest),
    Post(PostRequest),
    Find(FindRequest),
    /// The account as it is, with everything booked that is due.
    Read,
    /// Book what is due, so much of it at most.
    Sweep {
        limit: u32,
    },
}

/// What the answer is about.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Answer {
    Hold(Applied<HoldState>),
    Captured(Applied<Captured>),
    Entry(Applied<Entry>),
    Found(Found),
    /// The account if it exists, and the time it was read at.
    Account(Option<Box<AccountState>>, Timestamp),
    Swept {
        released: u32,
        booked: u32,
        more: bool,
    },
}

/// Takes the answer.
pub(crate) type Reply = Box<dyn FnOnce(Result<Answer, LedgerError>) + Send>;

/// What is asked, and whom to answer by when.
pub(crate) struct Command {
    pub(crate) account: AccountId,
    pub(crate) work: Work,
    /// On the monotonic clock, in microseconds.
    pub(crate) deadline: u64,
    pub(crate) reply: Reply,
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Command").field("account", &self.account).field("work", &self.work).finish()
    }
}

impl Work {
    /// The key it is known by.
    pub(super) fn key(&self) -> Option<(Operation, &IdempotencyKey)> {
        match self {
            Self::Hold(request) => Some((Operation::Hold, &request.key)),
            Self::Resize(request) => Some((Operation::Hold, &request.key)),
            Self::Capture(request) => Some((Operation::Hold, &request.key)),
            Self::Void(request) => Some((Operation::Hold, &request.key)),
            Self::Post(request) => Some((request.kind.operation(), &request.key)),
            Self::Find(request) => Some((request.operation, &request.key)),
            Self::Read | Self::Sweep { .. } => None,
        }
    }

    /// The charge that it gives back.
    pub(super) fn source(&self) -> Option<(Operation, &IdempotencyKey)> {
        match self {
            Self::Post(PostRequest { kind: PostKind::Refund { of, .. }, .. }) => Some(match of {
                ChargeRef::Hold(key) => (Operation::Hold, key),
                ChargeRef::Charge(key) => (Operation::Charge, key),
            }),
            _ => None,
        }
    }

    /// The unit of an account that it may make.
    pub(super) fn unit(&self) -> Option<Unit> {
        match self {
            Self::Hold(request) => Some(request.amount.unit()),
            Self::Post(request) => Some(request.amount.unit()),
            _ => None,
        }
    }

    /// Whether it must come after everything that was submitted before it.
    pub(super) const fn is_read(&self) -> bool {
        matches!(self, Self::Find(_) | Self::Read | Self::Sweep { .. })
    }

    /// What to answer if it was perhaps applied.
    pub(super) fn unknown(&self, detail: &str) -> LedgerError {
        let detail = detail.to_owned();
        match self.key() {
            Some((_, key)) if !self.is_read() => LedgerError::OutcomeUnknown { key: key.clone(), detail },
            _ => LedgerError::Unavailable { detail },
        }
    }
}
