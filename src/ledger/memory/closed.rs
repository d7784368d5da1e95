//! Closed holds, in the order in which they were closed, for as long as their keys are kept.

use std::collections::VecDeque;

use super::shard::HoldRow;
use crate::clock::Timestamp;

/// A queue whose rows have serial numbers. Rows lie side by side, apart from the open ones: those are looked at all the
/// time, these hardly ever until they are forgotten in turn.
#[derive(Debug, Default)]
pub(super) struct ClosedHolds {
    rows: VecDeque<ClosedRow>,
    /// The serial number of the first row.
    first: u64,
}

#[derive(Debug)]
struct ClosedRow {
    /// Until when its key is kept.
    until: Timestamp,
    hash: u64,
    row: HoldRow,
}

impl ClosedHolds {
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The number that the next row will have.
    pub(super) fn next_serial(&self) -> u64 {
        self.first.saturating_add(u64::try_from(self.rows.len()).unwrap_or(u64::MAX))
    }

    pub(super) fn get(&self, serial: u64) -> Option<&HoldRow> {
        self.rows.get(self.position(serial)?).map(|closed| &closed.row)
    }

    pub(super) fn get_mut(&mut self, serial: u64) -> Option<&mut HoldRow> {
        let position = self.position(serial)?;
        self.rows.get_mut(position).map(|closed| &mut closed.row)
    }

    fn position(&self, serial: u64) -> Option<usize> {
        usize::try_from(serial.checked_sub(self.first)?).ok()
    }

    /// Adds a hold that was closed now.
    pub(super) fn push(&mut self, hash: u64, row: HoldRow, now: Timestamp) {
        let until = row.state.kept_until(now);
        // Grown by a quarter instead of doubled.
        if self.rows.len() == self.rows.capacity() {
            self.rows.reserve_exact(self.rows.len().div_ceil(4).max(4));
        }
        self.rows.push_back(ClosedRow { until, hash, row });
    }

    /// How many of the first `most` rows are kept past their time.
    pub(super) fn expired(&self, now: Timestamp, most: usize) -> usize {
        self.rows.iter().take(most).take_while(|closed| closed.until <= now).count()
    }

    /// Forgets the row that was closed longest ago; says its serial number and its hash.
    pub(super) fn pop(&mut self) -> Option<(u64, u64)> {
        let hash = self.rows.pop_front()?.hash;
        let serial = self.first;
        self.first = serial.saturating_add(1);
        Some((serial, hash))
    }
}
