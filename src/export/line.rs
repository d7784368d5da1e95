//! What a JSON line has, and how it becomes an entry again.

use serde::{Deserialize, Serialize};

use crate::amount::Unit;
use crate::clock::Timestamp;
use crate::entry::{Entry, EntryKind, Operation};
use crate::id::{AccountId, IdempotencyKey};
use crate::record::parts::{
    self, CountedLine, CreditLine, DrawLine, KindWord, MovementLine, OfLine, OperationWord, Pairs,
};
use crate::record::rest::EntryRestText;
use crate::record::{Wrong, sound};
use crate::text::AsText;

/// The fields in the order in which they are written. Numbers are text, amounts decimal text in `unit`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Line {
    pub(super) v: u8,
    account: AccountId,
    seq: AsText<u64>,
    booked_at: AsText<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    effective_at: Option<AsText<Timestamp>>,
    #[serde(with = "KindWord")]
    kind: EntryKind,
    #[serde(with = "OperationWord")]
    operation: Operation,
    key: IdempotencyKey,
    unit: Unit,
    amount: String,
    balance_after: String,
    uncollected: String,
    refunded: String,
    late: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refund_of: Option<OfLine>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    credit: Option<CreditLine>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    movements: Vec<MovementLine>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    draws: Vec<DrawLine>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    counted: Vec<CountedLine>,
    #[serde(default, skip_serializing_if = "Pairs::is_empty")]
    content: Pairs,
    #[serde(default, skip_serializing_if = "Pairs::is_empty")]
    labels: Pairs,
    /// The checksum of all the others, as they are written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) check: Option<String>,
}

impl Line {
    /// The format that is written, and the only one that is read.
    pub(super) const VERSION: u8 = 1;

    pub(super) fn new(account: &AccountId, entry: &Entry) -> Self {
        let rest = EntryRestText::new(entry).unwrap_or_default();
        Self {
            v: Self::VERSION,
            account: account.clone(),
            seq: AsText(entry.seq),
            booked_at: AsText(entry.booked_at),
            effective_at: rest.effective_at,
            kind: entry.kind,
            operation: entry.operation,
            key: entry.key.clone(),
            unit: entry.unit,
            amount: parts::text(entry.amount()),
            balance_after: parts::text(entry.balance_after()),
            uncollected: parts::text(entry.uncollected()),
            refunded: parts::text(entry.refunded()),
            late: entry.late,
            refund_of: rest.refund_of,
            credit: rest.credit,
            movements: rest.movements,
            draws: rest.draws,
            counted: rest.counted,
            content: rest.content,
            labels: rest.labels,
            check: None,
        }
    }

    /// The entry it stands for; what is wrong, by the name of the field.
    pub(super) fn entry(self) -> Result<(AccountId, Entry), Wrong> {
        let unit = self.unit;
        let read = |field, text: &str| parts::minor(unit, field, text);
        let rest = EntryRestText {
            effective_at: self.effective_at,
            refund_of: self.refund_of,
            credit: self.credit,
            movements: self.movements,
            draws: self.draws,
            counted: self.counted,
            content: self.content,
            labels: self.labels,
        };
        let rest = rest.rest(unit)?;
        let entry = Entry {
            key: self.key,
            declared: rest.declared,
            unit,
            seq: self.seq.0,
            booked_at: self.booked_at.0,
            amount: read("amount", &self.amount)?,
            posted_after: read("balance_after", &self.balance_after)?,
            uncollected: read("uncollected", &self.uncollected)?,
            refunded: read("refunded", &self.refunded)?,
            kind: self.kind,
            operation: self.operation,
            late: self.late,
            movements: rest.movements,
            detail: rest.detail,
        };
        sound::contradiction(&entry).map_or(Ok((self.account, entry)), Err)
    }
}
