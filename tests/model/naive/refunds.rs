//! Refunds, which go back to where the charge was drawn from (clause 7).

use billing_guard::{ChargeRef, EndedCredit, GrantKind, Limits, Operation};

use super::credit::Movements;
use super::{Account, Draw, Entry, Hold, No, micros};

pub(super) fn in_range(ended: EndedCredit) -> bool {
    match ended {
        EndedCredit::Revive(time) => (Limits::MIN_LIFETIME..=Limits::MAX_REVIVAL).contains(&time),
        _ => true,
    }
}

/// What of each draw goes back, the last drawn first.
fn backwards(draws: &mut [Draw], amount: i128) -> Vec<(Option<u64>, i128, Option<i128>)> {
    let mut left = amount;
    let mut parts = vec![];
    for draw in draws.iter_mut().rev() {
        let part = left.min(draw.used - draw.refunded);
        left -= part;
        draw.refunded += part;
        if part > 0 {
            parts.push((draw.grant, part, draw.drawn_end));
        }
    }
    assert_eq!(left, 0);
    parts
}

impl Account {
    pub(super) fn refund(
        &mut self,
        entry: Entry,
        of: &ChargeRef,
        ended: EndedCredit,
        amount: i128,
        now: i128,
    ) -> Result<(), No> {
        let allow = |left: i128| if amount > left { Err(No::RefundTooLarge(amount, left)) } else { Ok(()) };
        let parts = match of {
            ChargeRef::Hold(key) => {
                let hold: Hold = self.holds.get(key).ok_or(No::UnknownCharge)?.hold.clone();
                allow(hold.captured - hold.refunded)?;
                self.fits(amount)?;
                let hold = &mut self.holds.get_mut(key).unwrap().hold;
                hold.refunded += amount;
                hold.rev += 1;
                backwards(&mut hold.draws, amount)
            }
            ChargeRef::Charge(key) => {
                let posting =
                    self.postings.get(&(Operation::Charge, key.clone())).ok_or(No::UnknownCharge)?;
                let index = posting.at;
                allow(-self.entries[index].amount - self.entries[index].refunded)?;
                self.fits(amount)?;
                let charge = &mut self.entries[index];
                charge.refunded += amount;
                backwards(&mut charge.draws, amount)
            }
        };
        let mut movements = vec![];
        for (source, part, drawn_end) in parts {
            match source {
                Some(id) => self.bring_back(id, part, ended, &mut movements, now, drawn_end),
                None => self.add(None, part, &mut movements),
            }
        }
        self.book(entry, movements, now);
        Ok(())
    }

    /// Part of a refund goes back to a grant.
    fn bring_back(
        &mut self,
        id: u64,
        amount: i128,
        ended: EndedCredit,
        movements: &mut Movements,
        now: i128,
        drawn_end: Option<i128>,
    ) {
        let mut origin = self.terms[&id].clone();
        if self.part(id).is_none() {
            // No longer there: on the terms it was drawn on with.
            origin.ends_at = drawn_end;
        }
        let revival = match ended {
            EndedCredit::ByKind if origin.kind == GrantKind::Paid => Some(Limits::REVIVAL),
            EndedCredit::Revive(time) => Some(time),
            _ => None,
        };
        let there = self.part(id).map(|part| part.ended);
        let has_ended = there.unwrap_or(origin.ends_at.is_some_and(|ends_at| ends_at <= now));
        if there != Some(false) && (!has_ended || revival.is_some()) {
            let ends_at = match (has_ended, revival) {
                (true, Some(time)) => Some(now + micros(time)),
                _ => origin.ends_at,
            };
            if let Some(equal) = self.equal(&super::Origin { starts_at: None, ends_at, ..origin.clone() }) {
                self.add(Some(equal), amount, movements);
                if equal != id {
                    self.part(equal).unwrap().original += amount;
                }
                return;
            }
        }
        if there.is_some() && (!has_ended || revival.is_none()) {
            self.add(Some(id), amount, movements);
            return;
        }
        let ends_at = match (has_ended, revival) {
            (true, Some(time)) => Some(now + micros(time)),
            _ => origin.ends_at,
        };
        let stays_ended = has_ended && revival.is_none();
        if !stays_ended && self.full() {
            let joined = self.joins(ends_at);
            if let Some(joined) = joined {
                self.part(joined).unwrap().original += amount;
            }
            self.add(joined, amount, movements);
            return;
        }
        self.terms.get_mut(&id).unwrap().ends_at = ends_at;
        if let Some(part) = self.part(id) {
            part.ended = false;
            self.add(Some(id), amount, movements);
        } else {
            self.open_grant(id, amount, true, movements);
            let part = self.part(id).unwrap();
            part.ended = stays_ended;
        }
    }
}
