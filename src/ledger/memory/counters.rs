//! The counters of one account.

use crate::cap::Counter;
use crate::clock::Timestamp;
use crate::ledger::reply::CountersPage;
use crate::ledger::request::CountersRequest;

/// In order of their keys. Most accounts have none.
#[derive(Debug, Default)]
pub(super) struct Counters(Vec<Counter>);

impl Counters {
    pub(super) fn all(&self) -> &[Counter] {
        &self.0
    }

    /// Stores counters as they stand after a change. A new one is the occasion to forget those that are over.
    pub(super) fn put(&mut self, changed: Vec<Counter>, now: Timestamp) {
        for counter in changed {
            match self.0.binary_search_by(|known| known.key.cmp(&counter.key)) {
                Ok(position) => {
                    if let Some(known) = self.0.get_mut(position) {
                        *known = counter;
                    }
                }
                Err(_) if counter.is_over(now) => {}
                Err(position) => {
                    self.0.insert(position, counter);
                    self.0.retain(|known| !known.is_over(now));
                }
            }
        }
    }

    /// A page; `seq` is the number of the account's latest change.
    pub(super) fn page(&self, request: &CountersRequest, limit: usize, seq: u64) -> CountersPage {
        let asked = |counter: &&Counter| {
            request.scope.as_ref().is_none_or(|scope| counter.key.scope == *scope)
                && request.after.as_ref().is_none_or(|after| counter.key > *after)
        };
        let mut asked = self.0.iter().filter(asked);
        let counters: Vec<Counter> = asked.by_ref().take(limit).cloned().collect();
        let next = counters.last().filter(|_| asked.next().is_some()).map(|last| last.key.clone());
        CountersPage { counters, next, seq }
    }
}
