//! The rows of an honest ledger, taken out and put in: for tests of what keeps them elsewhere.

use std::sync::Arc;

use crate::cap::Counter;
use crate::clock::ManualClock;
use crate::conformance::broken::hooks::HONEST;
use crate::conformance::broken::ledger::{Account, RulesLedger};
use crate::entry::{Entry, Operation};
use crate::hold::HoldState;
use crate::id::AccountId;
use crate::ledger::rules::AccountState;

/// All of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rows {
    pub(crate) state: AccountState,
    pub(crate) holds: Vec<HoldState>,
    pub(crate) entries: Vec<Entry>,
    pub(crate) counters: Vec<Counter>,
}

impl RulesLedger {
    /// A ledger that keeps the contract.
    pub(crate) fn honest(clock: Arc<ManualClock>) -> Self {
        Self::new(clock, &HONEST)
    }

    /// Each account as it stands.
    pub(crate) fn rows(&self) -> Vec<(AccountId, Rows)> {
        let rows = |account: &Account| Rows {
            state: account.state.clone(),
            holds: account.holds.values().cloned().collect(),
            entries: account.entries.values().cloned().collect(),
            counters: account.counters.values().cloned().collect(),
        };
        self.books().iter().map(|(id, account)| (id.clone(), rows(account))).collect()
    }

    /// Makes an account what it was.
    pub(crate) fn put(&self, id: AccountId, rows: Rows) {
        let mut account = Account::new(rows.state.unit);
        for hold in rows.holds.iter().filter(|hold| hold.is_open()) {
            account.due.insert((hold.release_at, hold.key.clone()));
        }
        for entry in rows.entries.iter().filter(|entry| entry.operation.is_posted()) {
            let key = (entry.operation == Operation::Charge, entry.key.clone());
            account.postings.insert(key, entry.seq);
        }
        account.state = rows.state;
        account.holds = rows.holds.into_iter().map(|hold| (hold.key.clone(), hold)).collect();
        account.entries = rows.entries.into_iter().map(|entry| (entry.seq, entry)).collect();
        account.counters = rows.counters.into_iter().map(|counter| (counter.key.clone(), counter)).collect();
        self.books().insert(id, account);
    }
}
