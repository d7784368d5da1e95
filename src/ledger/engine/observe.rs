//! What an engine tells of its work.

use std::fmt;
use std::time::Duration;

use crate::amount::Amount;
use crate::error::LedgerError;
use crate::id::AccountId;
use crate::ledger::engine::command::{Answer, Command, Work};

/// Is told what a [`StoreLedger`](crate::StoreLedger) does: for metrics and logs. `examples/observe.rs` has adapters for `tracing` and `metrics`.
///
/// It is called from the threads of the engine, one event after the other, and holds up the next commit for as long as it
/// takes. What an event says of ids and amounts is for logs, not for clients.
pub trait Observer: Send + Sync + fmt::Debug {
    /// Something happened.
    fn observe(&self, event: &Event);
}

/// What happened in a [`StoreLedger`](crate::StoreLedger).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A batch went to the store, and came back.
    Committed {
        /// How many accounts were in it.
        accounts: usize,
        /// How many commands were answered by it.
        commands: usize,
        /// How long the store took.
        took: Duration,
        /// By how much what is held rose or fell, in each unit: their sum since the beginning is what this process holds.
        held: Vec<Amount>,
    },
    /// Accounts were loaded.
    Loaded {
        /// How many.
        accounts: usize,
        /// How long the store took.
        took: Duration,
    },
    /// A command was answered.
    Answered {
        /// Whose.
        account: AccountId,
        /// What was asked: `hold`, `resize`, `capture`, `void`, `post`, `find`, `read`, `sweep`.
        operation: &'static str,
        /// How it ended: `fresh`, `replay`, `read`, or for errors the word of
        /// [`refusal_reason`](Event::refusal_reason).
        outcome: &'static str,
        /// From submission to answer.
        waited: Duration,
    },
    /// Another process changed an account first, so that it has to be decided again.
    Conflict {
        /// Which account.
        account: AccountId,
    },
    /// The store does not take what is to be written of an account. What waited for it was answered as not available.
    Rejected {
        /// Which account.
        account: AccountId,
        /// What the store said.
        detail: String,
    },
    /// It is not known whether something was applied. The engine finds out.
    Unknown {
        /// Which account.
        account: AccountId,
        /// What the store said.
        detail: String,
    },
    /// The store has lost data that it had acknowledged: see
    /// [`StoreRegressed`](crate::LedgerError::StoreRegressed). Somebody should look at it.
    Regressed {
        /// Which account showed it.
        account: AccountId,
        /// How many commits had written it, as this process knows.
        known: u64,
        /// How many the store says.
        found: u64,
    },
}

impl Event {
    pub(super) fn answered(
        command: &Command,
        answer: &Result<Answer, LedgerError>,
        waited: Duration,
    ) -> Self {
        let operation = match command.work {
            Work::Hold(_) => "hold",
            Work::Resize(_) => "resize",
            Work::Capture(_) => "capture",
            Work::Void(_) => "void",
            Work::Post(_) => "post",
            Work::Find(_) => "find",
            Work::Read => "read",
            Work::Sweep { .. } => "sweep",
        };
        let outcome = match answer {
            Ok(Answer::Hold(applied)) => word(applied.is_replay()),
            Ok(Answer::Captured(applied)) => word(applied.is_replay()),
            Ok(Answer::Entry(applied)) => word(applied.is_replay()),
            Ok(Answer::Found(_) | Answer::Account(..) | Answer::Swept { .. }) => "read",
            Err(error) => Self::refusal_reason(error),
        };
        Self::Answered { account: command.account.clone(), operation, outcome, waited }
    }

    /// A word for each kind of error, for counting refusals by reason.
    #[must_use]
    pub const fn refusal_reason(error: &LedgerError) -> &'static str {
        match error {
            LedgerError::Insufficient(_) => "insufficient",
            LedgerError::CapReached(_) => "cap_reached",
            LedgerError::CourtesyGiven { .. } => "courtesy_given",
            LedgerError::KeyConflict { .. } => "key_conflict",
            LedgerError::UnknownHold => "unknown_hold",
            LedgerError::UnknownCharge => "unknown_charge",
            LedgerError::HoldClosed(_) => "hold_closed",
            LedgerError::Superseded(_) => "superseded",
            LedgerError::HoldExpired(_) => "hold_expired",
            LedgerError::OverCapture { .. } => "over_capture",
            LedgerError::BelowCaptured { .. } => "below_captured",
            LedgerError::RefundTooLarge { .. } => "refund_too_large",
            LedgerError::WrongUnit { .. } => "wrong_unit",
            LedgerError::Invalid { .. } => "invalid",
            LedgerError::TooLarge { .. } => "too_large",
            LedgerError::Unavailable { .. } => "unavailable",
            LedgerError::StoreRegressed { .. } => "store_regressed",
            LedgerError::OutcomeUnknown { .. } => "outcome_unknown",
        }
    }
}

const fn word(is_replay: bool) -> &'static str {
    if is_replay { "replay" } else { "fresh" }
}
