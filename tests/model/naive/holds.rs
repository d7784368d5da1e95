//! Holds and their captures (clauses 1, 2, 5 and 6).

use billing_guard::{
    CaptureMode, CaptureRequest, EntryKind, HoldRequest, HoldStatus, LateCapture, Operation, OverCapture,
    ResizeRequest, VoidRequest,
};

use super::{Account, Answer, Captured, Entry, Hold, Kept, MAX, NEVER, No, counts, drawn, micros, minor};

impl Kept {
    pub(super) fn shown(&self) -> Hold {
        let hold = self.hold.clone();
        Hold { draws: drawn(hold.draws), counted: counts(hold.counted), ..hold }
    }
}

impl Account {
    pub(crate) fn hold(&mut self, request: &HoldRequest, now: i128) -> Answer<Hold> {
        self.due(now);
        let now = self.time(now);
        let (amount, minimum, debt) =
            (minor(request.amount), minor(request.minimum), minor(request.debt_limit));
        if let Some(known) = self.holds.get(&request.key) {
            let fields = [("amount", known.hold.requested != amount), ("minimum", known.minimum != minimum)];
            return match Self::differs(&known.hold.content, &request.content, fields) {
                Some(field) => Err(No::Conflict(field)),
                None => self.replay(known.shown()),
            };
        }
        let room = self.room(&request.caps, minimum, now)?;
        // What can be held is never below nothing, and nothing is always there.
        let spendable = (self.available() + debt).max(0);
        if minimum > spendable {
            return self.short(amount, minimum, debt, now);
        }
        let total = amount.min(spendable).min(room);
        if self.held + total > MAX {
            return Err(No::TooLarge);
        }
        let before = self.available();
        let ends_at = now + micros(request.lifetime);
        let mut hold = Hold {
            key: request.key.clone(),
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
            labels: request.labels.clone(),
            draws: vec![],
            counted: vec![],
        };
        self.set_aside(&mut hold, total);
        self.count_held(&mut hold, &request.caps, total, now);
        self.open.insert((hold.release_at, hold.key.clone()));
        let kept = Kept { hold, minimum, grace: micros(request.grace), closed_at: None };
        let value = kept.shown();
        self.holds.insert(request.key.clone(), kept);
        self.change(now);
        self.fresh(before, now, value)
    }

    pub(crate) fn resize(&mut self, request: &ResizeRequest, now: i128) -> Answer<Hold> {
        self.due(now);
        let now = self.time(now);
        let Some(known) = self.holds.get(&request.key) else { return Err(No::UnknownHold) };
        match (known.hold.status == HoldStatus::Open, known.hold.rev == request.rev) {
            (true, true) => {}
            (true, false) => return Err(No::Superseded(Box::new(known.shown()))),
            (false, true) => return Err(No::Closed(Box::new(known.shown()))),
            (false, false) => return Err(No::Any),
        }
        let before = self.available();
        let mut kept = known.clone();
        let hold = &mut kept.hold;
        let reserved = hold.reserved();
        if let Some(total) = request.total {
            hold.total = minor(total);
            if hold.total < hold.captured {
                return Err(No::BelowCaptured(hold.total, hold.captured));
            }
        }
        let growth = hold.reserved() - reserved;
        let debt = request.debt_limit.map_or(0, minor);
        if growth > 0 {
            self.room(&request.caps, growth, now)?;
            if growth > self.available() + debt {
                return self.short(growth, growth, debt, now);
            }
        }
        if self.held + growth > MAX {
            return Err(No::TooLarge);
        }
        if growth > 0 {
            self.set_aside(hold, growth);
            self.count_held(hold, &request.caps, growth, now);
        } else {
            self.give_back(hold, -growth);
            self.count_back(hold, -growth);
        }
        self.open.remove(&(hold.release_at, hold.key.clone()));
        if let Some(lifetime) = request.lifetime {
            hold.ends_at = hold.ends_at.max(now + micros(lifetime));
            hold.release_at = hold.ends_at + kept.grace;
        }
        hold.rev += 1;
        self.open.insert((hold.release_at, hold.key.clone()));
        let value = kept.shown();
        self.holds.insert(request.key.clone(), kept);
        self.change(now);
        self.fresh(before, now, value)
    }

    pub(crate) fn capture(&mut self, request: &CaptureRequest, now: i128) -> Answer<Captured> {
        self.due(now);
        let now = self.time(now);
        let Some(known) = self.holds.get(&request.key) else { return Err(No::UnknownHold) };
        let mut kept = known.clone();
        let hold = &mut kept.hold;
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
            HoldStatus::Voided => return Err(No::Closed(Box::new(known.shown()))),
            HoldStatus::Captured if partial && total <= hold.named() => return self.replay(again),
            HoldStatus::Captured if partial => return Err(No::Any),
            HoldStatus::Captured if total == hold.named() => return self.replay(again),
            HoldStatus::Captured => return Err(No::Conflict("total".to_owned())),
            // Up to there it is settled already.
            _ if partial && total <= hold.named() => return self.replay(again),
            _ => {}
        }
        let late = hold.status != HoldStatus::Open;
        if total < hold.captured {
            return Err(No::BelowCaptured(total, hold.captured));
        }
        if late && request.late == LateCapture::Reject {
            return Err(No::Expired(Box::new(known.shown())));
        }
        // A hold from which more was captured than it covers takes that total again.
        let covers = hold.total.max(hold.captured);
        if total > covers && request.over == OverCapture::Reject {
            return Err(No::Over(total, hold.total));
        }
        let before = self.available();
        let (mut movements, mut counted) = (vec![], vec![]);
        let reserved = hold.reserved();
        // First what is set aside, or would be if time had not ended; then what is above it.
        let covered = total.min(covers) - hold.captured;
        let above = total - hold.captured - covered;
        let mut left = before;
        let from_hold = if late { 0 } else { covered };
        let mut from_free = 0;
        if late {
            let reach = if request.late == LateCapture::Debt { left + debt } else { left };
            from_free = covered.min(reach.max(0));
            left -= from_free;
        }
        let reach = if request.over == OverCapture::Debt { left + debt } else { left };
        from_free += above.min(reach.max(0));
        let charged = from_hold + from_free;
        self.use_held(hold, from_hold, &mut movements);
        self.count_captured(hold, from_hold, &mut counted);
        if !partial {
            self.give_back(hold, NEVER);
            self.count_back(hold, NEVER);
        }
        self.use_free(&mut hold.draws, from_free, &mut movements);
        self.count_above(hold, from_free, now, &mut counted);
        let uncollected = total - hold.captured - charged;
        let change = uncollected - hold.uncollected;
        hold.captured += charged;
        hold.uncollected = uncollected;
        hold.rev += 1;
        hold.late |= late;
        let captured = Captured {
            charged,
            captured: hold.captured,
            uncollected,
            freed: if late || partial { 0 } else { reserved - covered },
            status: if partial { hold.status } else { HoldStatus::Captured },
            late: hold.late,
        };
        if charged != 0 || change != 0 {
            let entry = Entry {
                key: hold.key.clone(),
                operation: Operation::Hold,
                kind: EntryKind::Charge,
                amount: -charged,
                uncollected: change,
                effective_at: now,
                late,
                labels: hold.labels.clone(),
                counted,
                named: -charged,
                ..Entry::blank()
            };
            self.book(entry, movements, now);
        } else {
            self.change(now);
        }
        if !late && !partial {
            self.close(&mut kept, HoldStatus::Captured, now);
        }
        kept.hold.status = captured.status;
        self.holds.insert(request.key.clone(), kept);
        self.fresh(before, now, captured)
    }

    pub(crate) fn void(&mut self, request: &VoidRequest, now: i128) -> Answer<Hold> {
        self.due(now);
        let now = self.time(now);
        let Some(known) = self.holds.get(&request.key) else { return Err(No::UnknownHold) };
        let before = self.available();
        match known.hold.status {
            HoldStatus::Voided => return self.replay(known.shown()),
            HoldStatus::Captured => return Err(No::Closed(Box::new(known.shown()))),
            _ if known.hold.captured > 0 => return Err(No::BelowCaptured(0, known.hold.captured)),
            // An expired one too: from then on nothing can be captured, however late.
            _ => {}
        }
        let mut kept = known.clone();
        if kept.hold.status == HoldStatus::Open {
            self.close(&mut kept, HoldStatus::Voided, now);
            self.give_back(&mut kept.hold, NEVER);
            self.count_back(&mut kept.hold, NEVER);
        }
        kept.hold.status = HoldStatus::Voided;
        kept.hold.rev += 1;
        let value = kept.shown();
        self.holds.insert(request.key.clone(), kept);
        self.change(now);
        self.fresh(before, now, value)
    }
}
