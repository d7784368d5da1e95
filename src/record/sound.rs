//! What no ledger writes.

use std::collections::BTreeSet;

use super::Wrong;
use crate::entry::{Entry, EntryKind, Operation};
use crate::grant::Draw;

/// What no ledger writes, as far as one entry alone can show it.
pub(crate) fn contradiction(entry: &Entry) -> Option<Wrong> {
    let belongs = match entry.kind {
        EntryKind::Charge => matches!(entry.operation, Operation::Hold | Operation::Charge),
        EntryKind::Grant | EntryKind::TopUp => {
            matches!(entry.operation, Operation::Credit | Operation::Time)
        }
        EntryKind::Refund | EntryKind::Adjustment => entry.operation == Operation::Credit,
        EntryKind::Opening | EntryKind::Expiry => entry.operation == Operation::Time,
    };
    let takes = matches!(entry.kind, EntryKind::Charge | EntryKind::Expiry);
    let (of_hold, movements) = (entry.operation == Operation::Hold, entry.movements());
    let moved: BTreeSet<u64> = movements.iter().map(|movement| movement.grant).collect();
    let negative = |draw: &Draw| draw.held < 0 || draw.used < 0 || draw.refunded < 0;
    let wrong = |field, what| Some(Wrong::new(field, what));
    if entry.seq == 0 {
        wrong("seq", "the first change is 1")
    } else if !belongs {
        wrong("operation", "is not one that makes an entry of this kind")
    } else if entry.refund_of().is_some() != (entry.kind == EntryKind::Refund) {
        wrong("refund_of", "a refund has it, and nothing else")
    } else if entry.posted_after.checked_sub(entry.amount).is_none() {
        wrong("balance_after", "no balance was there before")
    } else if entry.kind == EntryKind::Opening && entry.amount != entry.posted_after {
        wrong("balance_after", "an opening entry is all there was before")
    } else if takes && entry.amount > 0 {
        wrong("amount", "a charge or an expiry adds nothing")
    } else if entry.kind == EntryKind::Refund && entry.amount <= 0 {
        wrong("amount", "a refund gives something back")
    } else if entry.refunded < 0 || (entry.kind != EntryKind::Charge && entry.refunded != 0) {
        wrong("refunded", "is part of a charge")
    } else if entry.late && !of_hold {
        wrong("late", "only a capture can be late")
    } else if moved.len() < movements.len() || movements.iter().any(|movement| movement.amount == 0) {
        wrong("movements", "names a grant twice, or for nothing")
    } else if entry.draws().iter().any(negative) {
        wrong("draws", "must not be negative")
    } else {
        None
    }
}
