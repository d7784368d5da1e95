//! What a ledger should answer, worked out the long way: lists that are searched, sums that are added up each time,
//! 128-bit numbers. Written from the documentation of the contract alone.

use std::collections::BTreeMap;

use billing_guard::{
    Amount, CaptureMode, CaptureRequest, ChargeRef, Content, EntryKind, FindRequest, HoldRequest, HoldStatus,
    IdempotencyKey, LateCapture, Operation, OverCapture, PostKind, PostRequest, ResizeRequest, VoidRequest,
};

const MAX: i128 = i64::MAX as i128;

/// A hold as it should be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hold {
    pub(crate) key: String,
    pub(crate) status: HoldStatus,
    pub(crate) rev: u32,
    pub(crate) requested: i128,
    pub(crate) total: i128,
    pub(crate) captured: i128,
    pub(crate) uncollected: i128,
    pub(crate) refunded: i128,
    pub(crate) opened_at: i128,
    pub(crate) ends_at: i128,
    pub(crate) release_at: i128,
    pub(crate) late: bool,
    pub(crate) content: Content,
}

impl Hold {
    pub(crate) fn reserved(&self) -> i128 {
        if self.status == HoldStatus::Open { (self.total - self.captured).max(0) } else { 0 }
    }
    /// The total that captures named last.
    fn named(&self) -> i128 {
        self.captured + self.uncollected
    }
}

/// An entry as it should be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) operation: Operation,
    pub(crate) seq: u64,
    pub(crate) kind: EntryKind,
    pub(crate) amount: i128,
    pub(crate) balance_after: i128,
    pub(crate) uncollected: i128,
    pub(crate) refunded: i128,
    pub(crate) of: Option<ChargeRef>,
    pub(crate) booked_at: i128,
    pub(crate) late: bool,
}

/// What a capture did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Captured {
    pub(crate) charged: i128,
    pub(crate) captured: i128,
    pub(crate) uncollected: i128,
    pub(crate) freed: i128,
    pub(crate) status: HoldStatus,
    pub(crate) late: bool,
}

/// Why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum No {
    Insufficient {
        missing: i128,
        posted: i128,
        held: i128,
        debt: i128,
        seq: u64,
        as_of: i128,
        next_release: Option<i128>,
    },
    Conflict(String),
    UnknownHold,
    UnknownCharge,
    Closed(Hold),
    Superseded(Hold),
    Expired(Hold),
    Over(i128, i128),
    BelowCaptured(i128, i128),
    RefundTooLarge(i128, i128),
    TooLarge,
    /// The documentation leaves open which of the refusals it is: any that changed nothing.
    Any,
}

/// An answer to a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Yes<T> {
    pub(crate) value: T,
    pub(crate) before: i128,
    pub(crate) after: i128,
    pub(crate) seq: u64,
    pub(crate) replay: bool,
}

pub(crate) type Answer<T> = Result<Yes<T>, No>;

#[derive(Default)]
pub(crate) struct Account {
    pub(crate) seq: u64,
    pub(crate) entries: Vec<Entry>,
    pub(crate) holds: Vec<Hold>,
    grace: BTreeMap<String, i128>,
    minimum: BTreeMap<String, i128>,
    contents: BTreeMap<(bool, String), Content>,
    /// When it was changed last: its time does not go back.
    changed_at: Option<i128>,
}

fn minor(amount: Amount) -> i128 {
    i128::from(amount.minor())
}

fn text(key: &IdempotencyKey) -> String {
    key.to_string()
}

impl Account {
    pub(crate) fn posted(&self) -> i128 {
        self.entries.iter().map(|entry| entry.amount).sum()
    }
    pub(crate) fn held(&self) -> i128 {
        self.holds.iter().map(Hold::reserved).sum()
    }
    pub(crate) fn available(&self) -> i128 {
        self.posted() - self.held()
    }
    pub(crate) fn open(&self) -> Vec<Hold> {
        let mut open: Vec<Hold> =
            self.holds.iter().filter(|hold| hold.status == HoldStatus::Open).cloned().collect();
        open.sort_by(|a, b| (a.release_at, &a.key).cmp(&(b.release_at, &b.key)));
        open
    }
    fn time(&self, now: i128) -> i128 {
        self.changed_at.map_or(now, |changed| changed.max(now))
    }
    /// Releases what is due, one change each; says how many.
    pub(crate) fn release(&mut self, now: i128) -> u32 {
        let now = self.time(now);
        let mut released = 0;
        for hold in &mut self.holds {
            if hold.status == HoldStatus::Open && hold.release_at <= now {
                hold.status = HoldStatus::Expired;
                hold.rev += 1;
                self.seq += 1;
                self.changed_at = Some(now);
                released += 1;
            }
        }
        released
    }
    fn find(&self, key: &str) -> Option<usize> {
        self.holds.iter().position(|hold| hold.key == key)
    }
    /// Charges have keys of their own, and so have all other postings.
    fn posting(&self, operation: Operation, key: &str) -> Option<usize> {
        self.entries.iter().position(|entry| entry.operation == operation && entry.key == key)
    }
    fn fresh<T>(&mut self, before: i128, now: i128, value: T) -> Answer<T> {
        self.seq += 1;
        self.changed_at = Some(now);
        Ok(Yes { value, before, after: self.available(), seq: self.seq, replay: false })
    }
    fn replay<T>(&self, value: T) -> Answer<T> {
        Ok(Yes { value, before: self.available(), after: self.available(), seq: self.seq, replay: true })
    }
    fn short<T>(&self, required: i128, debt: i128, now: i128) -> Answer<T> {
        Err(No::Insufficient {
            missing: required - (self.available() + debt),
            posted: self.posted(),
            held: self.held(),
            debt,
            seq: self.seq,
            as_of: now,
            next_release: self.open().first().map(|hold| hold.release_at - now),
        })
    }

    pub(crate) fn hold(&mut self, request: &HoldRequest, now: i128) -> Answer<Hold> {
        self.release(now);
        let now = self.time(now);
        let key = text(&request.key);
        let (amount, minimum, debt) =
            (minor(request.amount), minor(request.minimum), minor(request.debt_limit));
        if let Some(at) = self.find(&key) {
            let known = self.holds[at].clone();
            if let Some(field) = known.content.difference(&request.content) {
                return Err(No::Conflict(field));
            }
            if request.content.is_empty() {
                if known.requested != amount {
                    return Err(No::Conflict("amount".to_owned()));
                }
                if self.minimum[&key] != minimum {
                    return Err(No::Conflict("minimum".to_owned()));
                }
            }
            return self.replay(known);
        }
        // What can be held is never below nothing, and nothing is always there.
        let spendable = (self.available() + debt).max(0);
        if minimum > spendable {
            return self.short(minimum, debt, now);
        }
        let total = amount.min(spendable);
        if self.held() + total > MAX {
            return Err(No::TooLarge);
        }
        let before = self.available();
        let ends_at = now + micros(request.lifetime);
        let hold = Hold {
            key: key.clone(),
            status: HoldStatus::Open,
            rev: 1,
            requested: amount,
            total,
            captured: 0,
            uncollected: 0,
            refunded: 0,
            opened_at: now,
            ends_at,
            release_at: ends_at + micros(request.grace),
            late: false,
            content: request.content.clone(),
        };
        self.holds.push(hold.clone());
        self.minimum.insert(key.clone(), minimum);
        self.grace.insert(key, micros(request.grace));
        self.fresh(before, now, hold)
    }

    pub(crate) fn resize(&mut self, request: &ResizeRequest, now: i128) -> Answer<Hold> {
        self.release(now);
        let now = self.time(now);
        let key = text(&request.key);
        let Some(at) = self.find(&key) else { return Err(No::UnknownHold) };
        let hold = self.holds[at].clone();
        match (hold.status == HoldStatus::Open, hold.rev == request.rev) {
            (true, true) => {}
            (true, false) => return Err(No::Superseded(hold)),
            (false, true) => return Err(No::Closed(hold)),
            (false, false) => return Err(No::Any),
        }
        let before = self.available();
        let mut changed = hold.clone();
        if let Some(total) = request.total {
            changed.total = minor(total);
            if changed.total < hold.captured {
                return Err(No::BelowCaptured(changed.total, hold.captured));
            }
        }
        let growth = changed.reserved() - hold.reserved();
        let debt = request.debt_limit.map_or(0, minor);
        if growth > 0 && growth > self.available() + debt {
            return self.short(growth, debt, now);
        }
        if self.held() + growth > MAX {
            return Err(No::TooLarge);
        }
        if let Some(lifetime) = request.lifetime {
            changed.ends_at = hold.ends_at.max(now + micros(lifetime));
            changed.release_at = changed.ends_at + self.grace[&key];
        }
        changed.rev += 1;
        self.holds[at] = changed.clone();
        self.fresh(before, now, changed)
    }

    pub(crate) fn capture(&mut self, request: &CaptureRequest, now: i128) -> Answer<Captured> {
        self.release(now);
        let now = self.time(now);
        let Some(at) = self.find(&text(&request.key)) else { return Err(No::UnknownHold) };
        let hold = self.holds[at].clone();
        let (total, debt) = (minor(request.total), minor(request.debt_limit));
        let partial = request.mode == CaptureMode::Partial;
        let again = Captured {
            charged: 0,
            captured: hold.captured,
            uncollected: hold.uncollected,
            freed: 0,
            status: hold.status,
            late: hold.late,
        };
        match hold.status {
            HoldStatus::Voided => return Err(No::Closed(hold)),
            HoldStatus::Captured if partial && total <= hold.named() => return self.replay(again),
            HoldStatus::Captured if partial => return Err(No::Any),
            HoldStatus::Captured if total == hold.named() => return self.replay(again),
            HoldStatus::Captured => return Err(No::Conflict("total".to_owned())),
            // Up to there it is settled already.
            _ if partial && total <= hold.named() => {
                return self.replay(again);
            }
            _ => {}
        }
        let late = hold.status != HoldStatus::Open;
        if total < hold.captured {
            return Err(No::BelowCaptured(total, hold.captured));
        }
        if late && request.late == LateCapture::Reject {
            return Err(No::Expired(hold));
        }
        // A hold from which more was captured than it covers takes that total again.
        if total > hold.total.max(hold.captured) && request.over == OverCapture::Reject {
            return Err(No::Over(total, hold.total));
        }
        // First what is set aside, or would be if time had not ended; then what is above it.
        let covered = total.min(hold.total.max(hold.captured)) - hold.captured;
        let above = total - hold.captured - covered;
        let free = self.available();
        let mut charged = covered;
        let mut left = free;
        if late {
            let reach = if request.late == LateCapture::Debt { left + debt } else { left };
            charged = covered.min(reach.max(0));
            left -= charged;
        }
        let reach = if request.over == OverCapture::Debt { left + debt } else { left };
        charged += above.min(reach.max(0));
        let mut changed = hold.clone();
        changed.captured += charged;
        changed.uncollected = total - changed.captured;
        changed.rev += 1;
        changed.late |= late;
        if !partial {
            changed.status = HoldStatus::Captured;
        }
        if charged != 0 || changed.uncollected != hold.uncollected {
            self.entries.push(Entry {
                key: hold.key.clone(),
                operation: Operation::Hold,
                seq: self.seq + 1,
                kind: EntryKind::Charge,
                amount: -charged,
                balance_after: self.posted() - charged,
                uncollected: changed.uncollected - hold.uncollected,
                refunded: 0,
                of: None,
                booked_at: now,
                late,
            });
        }
        let captured = Captured {
            charged,
            captured: changed.captured,
            uncollected: changed.uncollected,
            freed: if late || partial { 0 } else { hold.reserved() - covered },
            status: changed.status,
            late: changed.late,
        };
        self.holds[at] = changed;
        self.fresh(free, now, captured)
    }

    pub(crate) fn void(&mut self, request: &VoidRequest, now: i128) -> Answer<Hold> {
        self.release(now);
        let now = self.time(now);
        let Some(at) = self.find(&text(&request.key)) else { return Err(No::UnknownHold) };
        let hold = self.holds[at].clone();
        let before = self.available();
        match hold.status {
            HoldStatus::Voided => return self.replay(hold),
            HoldStatus::Captured => return Err(No::Closed(hold)),
            _ if hold.captured > 0 => return Err(No::BelowCaptured(0, hold.captured)),
            // An expired one too: from then on nothing can be captured, however late.
            _ => {}
        }
        self.holds[at].status = HoldStatus::Voided;
        self.holds[at].rev += 1;
        let hold = self.holds[at].clone();
        self.fresh(before, now, hold)
    }

    pub(crate) fn post(&mut self, request: &PostRequest, now: i128) -> Answer<Entry> {
        self.release(now);
        let now = self.time(now);
        let key = text(&request.key);
        let amount = match request.kind {
            PostKind::Charge => -minor(request.amount),
            _ => minor(request.amount),
        };
        let of = match &request.kind {
            PostKind::Refund { of, .. } => Some(of.clone()),
            _ => None,
        };
        let operation =
            if matches!(request.kind, PostKind::Charge) { Operation::Charge } else { Operation::Credit };
        let content_key = (operation == Operation::Charge, key.clone());
        if let Some(at) = self.posting(operation, &key) {
            let known = self.entries[at].clone();
            // What it is comes first, then what was declared; the amount only where nothing was.
            if known.kind != request.kind.entry_kind() {
                return Err(No::Conflict("kind".to_owned()));
            }
            if known.of != of {
                return Err(No::Conflict("of".to_owned()));
            }
            if let Some(field) = self.contents[&content_key].difference(&request.content) {
                return Err(No::Conflict(field));
            }
            if request.content.is_empty() && known.amount != amount {
                return Err(No::Conflict("amount".to_owned()));
            }
            return self.replay(known);
        }
        let before = self.available();
        let debt = minor(request.debt_limit);
        if matches!(request.kind, PostKind::Charge) && -amount > (before + debt).max(0) {
            return self.short(-amount, debt, now);
        }
        let source = match &of {
            Some(ChargeRef::Hold(of)) => self.find(&text(of)).map(|at| (true, at)),
            Some(ChargeRef::Charge(of)) => self.posting(Operation::Charge, &text(of)).map(|at| (false, at)),
            None => None,
        };
        if of.is_some() {
            let left = match source {
                Some((true, at)) => self.holds[at].captured - self.holds[at].refunded,
                Some((false, at)) => -self.entries[at].amount - self.entries[at].refunded,
                None => return Err(No::UnknownCharge),
            };
            if amount > left {
                return Err(No::RefundTooLarge(amount, left));
            }
        }
        for sum in [self.posted() + amount, self.available() + amount] {
            if !(i128::from(i64::MIN)..=MAX).contains(&sum) {
                return Err(No::TooLarge);
            }
        }
        match source {
            Some((true, at)) => {
                self.holds[at].refunded += amount;
                self.holds[at].rev += 1;
            }
            Some((false, at)) => self.entries[at].refunded += amount,
            None => {}
        }
        let entry = Entry {
            key: key.clone(),
            operation,
            seq: self.seq + 1,
            kind: request.kind.entry_kind(),
            amount,
            balance_after: self.posted() + amount,
            uncollected: 0,
            refunded: 0,
            of,
            booked_at: now,
            late: false,
        };
        self.entries.push(entry.clone());
        self.contents.insert(content_key, request.content.clone());
        self.fresh(before, now, entry)
    }

    pub(crate) fn look_up(&self, request: &FindRequest) -> (Option<Hold>, Option<Entry>) {
        let key = text(&request.key);
        match request.operation {
            Operation::Hold => (self.find(&key).map(|at| self.holds[at].clone()), None),
            operation => (None, self.posting(operation, &key).map(|at| self.entries[at].clone())),
        }
    }
}

fn micros(duration: std::time::Duration) -> i128 {
    i128::try_from(duration.as_micros()).unwrap()
}
