//! What the engine asks a store for.

use std::time::Duration;

use crate::cap::Counter;
use crate::clock::Timestamp;
use crate::entry::Operation;
use crate::id::{AccountId, IdempotencyKey, ScopeId};
use crate::ledger::store::records::{AccountRecord, EntryRecord, HoldRecord, Stamp};
use crate::period::Period;

/// Which rows of one account are needed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ask {
    /// Whose.
    pub account: AccountId,
    /// The holds with these keys, as far as they are there.
    pub holds: Vec<IdempotencyKey>,
    /// The entries with these operations ([`Charge`](Operation::Charge) or [`Credit`](Operation::Credit)) and keys, as far as
    /// they are there.
    pub entries: Vec<(Operation, IdempotencyKey)>,
    /// All counters of these scopes and periods.
    pub counters: Vec<(ScopeId, Period)>,
    /// The open holds to be released by this time.
    pub due_by: Timestamp,
    /// How many of those at most.
    pub due_limit: u32,
    /// Take the account's turn first. An account that does not exist has none.
    pub turn: Option<Turn>,
}

impl Ask {
    pub(crate) const fn new(account: AccountId, due_by: Timestamp, due_limit: u32) -> Self {
        Self {
            account,
            holds: Vec::new(),
            entries: Vec::new(),
            counters: Vec::new(),
            due_by,
            due_limit,
            turn: None,
        }
    }
}

/// What an engine that lost an account to others several times asks for with a load: for a short time nobody else can
/// commit to this account. Two fields of the account, written whatever its version is and without changing it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// Whose it is: the engine's number.
    pub by: Stamp,
    /// How long, from the store's present time: at most [`Turn::LONGEST`].
    pub lasting: Duration,
}

impl Turn {
    /// The longest that a turn lasts.
    pub const LONGEST: Duration = Duration::from_millis(100);
}

/// One account as it stands, all of it at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// The account, if it exists.
    pub account: Option<AccountRecord>,
    /// Those of the holds asked for that are there.
    pub holds: Vec<HoldRecord>,
    /// Those of the entries asked for that are there.
    pub entries: Vec<EntryRecord>,
    /// The counters asked for, in any order.
    pub counters: Vec<Counter>,
    /// The open holds to be released by the time asked for, ordered by when they are released, then by key.
    pub due: Vec<HoldRecord>,
    /// When the first open hold that is not among `due` is to be released, due or not.
    pub next_release: Option<Timestamp>,
    /// The store's time, read on its own clock. Turns are judged by it.
    pub now: Timestamp,
}
