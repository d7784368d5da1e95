//! When the open holds of one account are due.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::clock::Timestamp;

/// Up to how many times are searched, so that none of a closed hold is left behind.
const SHORT: usize = 32;

/// Due times with the hashes of their holds, soonest first. One takes no memory of its own: most accounts have at most
/// one hold open. While there are many, holds that were closed or extended leave their old times behind; whoever
/// reads them asks the hold.
#[derive(Debug, Default)]
pub(super) enum Due {
    #[default]
    None,
    One(Timestamp, u64),
    Many(BinaryHeap<Reverse<(Timestamp, u64)>>),
}

impl Due {
    pub(super) fn soonest(&self) -> Option<(Timestamp, u64)> {
        match self {
            Self::None => None,
            Self::One(at, hash) => Some((*at, *hash)),
            Self::Many(due) => due.peek().map(|Reverse((at, hash))| (*at, *hash)),
        }
    }

    pub(super) fn pop(&mut self) -> Option<(Timestamp, u64)> {
        if let Self::Many(due) = self {
            return due.pop().map(|Reverse(item)| item);
        }
        match std::mem::take(self) {
            Self::One(at, hash) => Some((at, hash)),
            _ => None,
        }
    }

    /// Adds the time of one more hold, `open` being how many are open with it. When old times are the majority,
    /// those that are not `current` are cleared.
    pub(super) fn push(
        &mut self,
        at: Timestamp,
        hash: u64,
        open: usize,
        current: impl Fn(Timestamp, u64) -> bool,
    ) {
        *self = match std::mem::take(self) {
            Self::None => Self::One(at, hash),
            Self::One(first, other) => {
                Self::Many(BinaryHeap::from([Reverse((first, other)), Reverse((at, hash))]))
            }
            Self::Many(mut due) => {
                if due.len() > open.saturating_mul(2).saturating_add(SHORT) {
                    due.retain(|Reverse((at, hash))| current(*at, *hash));
                }
                // Grown by half instead of doubled.
                if due.len() == due.capacity() {
                    due.reserve_exact(due.len().div_ceil(2).max(1));
                }
                due.push(Reverse((at, hash)));
                Self::Many(due)
            }
        };
    }

    /// Takes out the time of a hold that was closed or extended, unless there are many to search.
    pub(super) fn remove(&mut self, at: Timestamp, hash: u64) {
        match self {
            Self::One(due, other) if (*due, *other) == (at, hash) => *self = Self::None,
            Self::Many(due) if due.len() <= SHORT => {
                due.retain(|Reverse((due, other))| (*due, *other) != (at, hash));
            }
            _ => {}
        }
    }

    /// In no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Timestamp, u64)> {
        let (one, many) = match self {
            Self::None => (None, None),
            Self::One(at, hash) => (Some((*at, *hash)), None),
            Self::Many(due) => (None, Some(due.iter().map(|Reverse((at, hash))| (*at, *hash)))),
        };
        one.into_iter().chain(many.into_iter().flatten())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(number: i64) -> (Timestamp, u64) {
        (Timestamp::from_micros(number), u64::try_from(number).unwrap())
    }

    fn filled(count: i64) -> Due {
        let mut due = Due::default();
        for number in (0..count).rev() {
            let (at, key) = item(number);
            due.push(at, key, usize::MAX, |_, _| true);
        }
        due
    }

    #[test]
    fn times_come_soonest_first_however_many() {
        for count in 0..4 {
            let mut due = filled(count);
            assert_eq!(due.iter().count(), usize::try_from(count).unwrap());
            for number in 0..count {
                assert_eq!(due.soonest().map(|(at, _)| at), Some(item(number).0));
                assert_eq!(due.pop(), Some(item(number)));
            }
            assert_eq!(due.soonest(), None);
            assert_eq!(due.pop(), None);
        }
    }

    #[test]
    fn a_closed_hold_leaves_nothing_behind_while_there_are_few() {
        for (count, left) in [(1, 0), (2, 1), (32, 31), (33, 33)] {
            let mut due = filled(count);
            let (at, key) = item(0);
            due.remove(item(1).0, key);
            due.remove(at, item(1).1);
            due.remove(at, key);
            assert_eq!(due.iter().count(), left);
        }
    }

    #[test]
    fn old_times_are_cleared_when_they_are_the_majority() {
        let mut due = filled(101);
        // One is open beside the new one.
        let (at, key) = item(101);
        due.push(at, key, 2, |at, _| at == item(7).0);
        let mut left: Vec<_> = due.iter().map(|(at, _)| at).collect();
        left.sort_unstable();
        assert_eq!(left, [item(7).0, item(101).0]);
    }
}
