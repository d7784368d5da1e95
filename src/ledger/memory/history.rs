//! The entries of one account, oldest first, of which the oldest are folded into one.

use std::collections::VecDeque;

use crate::content::Declared;
use crate::entry::{Entry, EntryKind, Operation};
use crate::few::Few;
use crate::grant::move_by;
use crate::id::IdempotencyKey;
use crate::ledger::reply::Statement;
use crate::ledger::request::{Order, StatementRequest};

#[derive(Debug, Default)]
pub(super) struct History {
    /// In order of their sequence numbers.
    entries: VecDeque<Entry>,
    /// What was folded away before the first entry.
    opening: Option<Box<Entry>>,
}

impl History {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn get(&self, seq: u64) -> Option<&Entry> {
        self.entries.get(self.position(seq)?)
    }

    pub(super) fn get_mut(&mut self, seq: u64) -> Option<&mut Entry> {
        let position = self.position(seq)?;
        self.entries.get_mut(position)
    }

    fn position(&self, seq: u64) -> Option<usize> {
        self.entries.binary_search_by_key(&seq, Entry::seq).ok()
    }

    pub(super) fn push(&mut self, entry: Entry) {
        // Grown by half instead of doubled, and from one: most accounts have few entries.
        if self.entries.len() == self.entries.capacity() {
            self.entries.reserve_exact(self.entries.len().div_ceil(2).max(1));
        }
        self.entries.push_back(entry);
    }

    /// Folds the oldest entry into the opening one; says whose key goes with it.
    pub(super) fn fold_oldest(&mut self) -> Option<(Operation, IdempotencyKey, u64)> {
        let oldest = self.entries.pop_front()?;
        let opening = self.opening.get_or_insert_with(|| {
            Box::new(Entry {
                key: IdempotencyKey::opening(),
                declared: Declared::default(),
                uncollected: 0,
                refunded: 0,
                kind: EntryKind::Opening,
                operation: Operation::Time,
                late: false,
                movements: Few::None,
                detail: None,
                ..oldest
            })
        });
        (opening.seq, opening.booked_at) = (oldest.seq, oldest.booked_at);
        // What is posted after it is the sum of everything up to it.
        (opening.amount, opening.posted_after) = (oldest.posted_after, oldest.posted_after);
        for movement in oldest.movements() {
            move_by(&mut opening.movements, movement.grant, movement.unit, movement.amount);
        }
        opening.uncollected = opening.uncollected.saturating_add(oldest.uncollected);
        Some((oldest.operation, oldest.key, oldest.seq))
    }

    /// A page; `seq` is the number of the account's latest change.
    pub(super) fn page(&self, request: &StatementRequest, limit: usize, seq: u64) -> Statement {
        let opening = self.opening.as_deref();
        let after = request.after;
        let all = opening.into_iter().chain(&self.entries);
        // Skipped by position, not by walking: a page costs the same however long the history is.
        let (entries, more): (Vec<Entry>, bool) = match request.order {
            Order::OldestFirst => {
                let from = after.map_or(0, |seq| {
                    let kept = self.entries.partition_point(|entry| entry.seq <= seq);
                    kept.saturating_add(opening.iter().filter(|entry| entry.seq <= seq).count())
                });
                take(all.skip(from), limit)
            }
            Order::NewestFirst => {
                let from = after.map_or(0, |seq| {
                    let kept = self.entries.partition_point(|entry| entry.seq < seq);
                    self.entries
                        .len()
                        .saturating_sub(kept)
                        // One folded since the last page is not skipped: it stands for entries not yet seen. Beyond the first
                        // change (0) there is nothing.
                        .saturating_add(opening.iter().filter(|entry| seq == 0 || entry.seq == seq).count())
                });
                take(all.rev().skip(from), limit)
            }
        };
        let next = entries.last().filter(|_| more).map(Entry::seq);
        Statement { entries, next, seq }
    }
}

fn take<'a>(mut entries: impl Iterator<Item = &'a Entry>, limit: usize) -> (Vec<Entry>, bool) {
    let page = entries.by_ref().take(limit).cloned().collect();
    (page, entries.next().is_some())
}
