//! Postings: charges in one step, credit, adjustments (clauses 2, 7 and 11); refunds have a file of their own.

use billing_guard::{
    ChargeRef, EntryKind, GrantKind, GrantTerms, Labels, Limits, Operation, PostKind, PostRequest, Timestamp,
};

use super::credit::Movements;
use super::{Account, Answer, Entry, MAX, MIN, No, Origin, Posting, Terms, at, minor, stamp};

impl Entry {
    pub(super) fn blank() -> Self {
        Self {
            key: "blank".parse().unwrap(),
            operation: Operation::Credit,
            seq: 0,
            kind: EntryKind::Adjustment,
            amount: 0,
            balance_after: 0,
            uncollected: 0,
            refunded: 0,
            of: None,
            effective_at: 0,
            booked_at: 0,
            late: false,
            labels: Labels::default(),
            movements: vec![],
            draws: vec![],
            counted: vec![],
            grant: None,
            terms: None,
            named: 0,
        }
    }
}

impl Terms {
    fn of(terms: &GrantTerms) -> Self {
        Self {
            kind: terms.kind,
            priority: terms.priority,
            starts_at: terms.starts_at.map(at),
            ends_at: terms.ends_at.map(at),
            label: terms.label.clone(),
            rollover: terms.rollover.map(minor),
            once_per: terms.once_per,
        }
    }
}

/// What of a request is wrong whenever it comes.
fn out_of_range(request: &PostRequest) -> bool {
    let amount = minor(request.amount);
    match &request.kind {
        PostKind::Credit(terms) => {
            let renewal = terms.rollover.is_some();
            let given = terms.kind != GrantKind::Paid;
            let courtesy = terms.kind == GrantKind::Courtesy;
            amount < i128::from(!renewal)
                || (renewal && (!given || terms.label.is_none()))
                || terms.rollover.is_some_and(|max| minor(max) < 0)
                || courtesy != terms.once_per.is_some()
                || (courtesy && terms.label.is_none())
                || terms.ends_at.zip(terms.starts_at).is_some_and(|(ends, starts)| ends <= starts)
        }
        PostKind::Charge => amount < 0,
        PostKind::Refund { ended, .. } => amount <= 0 || !super::refunds::in_range(*ended),
        PostKind::Adjustment => amount == 0,
        other => unreachable!("{other:?}"),
    }
}

/// An entry's place and what is worth knowing of it.
fn entry(request: &PostRequest, amount: i128, now: i128) -> Entry {
    Entry {
        key: request.key.clone(),
        operation: request.kind.operation(),
        kind: request.kind.entry_kind(),
        amount,
        of: reference(&request.kind).cloned(),
        effective_at: now,
        labels: request.labels.clone(),
        named: amount,
        ..Entry::blank()
    }
}

fn reference(kind: &PostKind) -> Option<&ChargeRef> {
    match kind {
        PostKind::Refund { of, .. } => Some(of),
        _ => None,
    }
}

fn asked(kind: &PostKind) -> Option<Terms> {
    match kind {
        PostKind::Credit(terms) => Some(Terms::of(terms)),
        _ => None,
    }
}

impl Account {
    pub(crate) fn post(&mut self, request: &PostRequest, now: i128) -> Answer<Entry> {
        let known = self.postings.get(&(request.kind.operation(), request.key.clone()));
        if known.is_none() && out_of_range(request) {
            return Err(No::Invalid);
        }
        self.due(now);
        let now = self.time(now);
        if let Some(posting) = self.postings.get(&(request.kind.operation(), request.key.clone())) {
            return match self.conflict(posting, request) {
                Some(_) if out_of_range(request) => Err(No::Any),
                Some(field) => Err(No::Conflict(field)),
                None => self.replay(self.entry(posting.at)),
            };
        }
        let before = self.available();
        let amount = minor(request.amount);
        match &request.kind {
            PostKind::Charge => self.charge(request, amount, now)?,
            PostKind::Adjustment => {
                self.fits(amount)?;
                let mut movements = vec![];
                self.add(None, amount, &mut movements);
                self.book(entry(request, amount, now), movements, now);
            }
            PostKind::Credit(terms) => self.credit(request, terms, now)?,
            PostKind::Refund { of, ended } => {
                let entry = entry(request, amount, now);
                self.refund(entry, of, *ended, amount, now)?;
            }
            other => unreachable!("{other:?}"),
        }
        let at = self.entries.len() - 1;
        let posting = Posting { at, content: request.content.clone(), amount, terms: asked(&request.kind) };
        self.postings.insert((request.kind.operation(), request.key.clone()), posting);
        let value = self.entry(at);
        self.fresh(before, now, value)
    }

    /// In what a request differs from the one that had its key before.
    fn conflict(&self, posting: &Posting, request: &PostRequest) -> Option<String> {
        let known = &self.entries[posting.at];
        if known.kind != request.kind.entry_kind() {
            return Some("kind".to_owned());
        }
        if known.of.as_ref() != reference(&request.kind) {
            return Some("of".to_owned());
        }
        let (one, other) = (&posting.terms, asked(&request.kind));
        let differ = |differ: fn(&Terms, &Terms) -> bool| {
            one.as_ref().zip(other.as_ref()).is_some_and(|(one, other)| differ(one, other))
        };
        let fields = [
            ("amount", posting.amount != minor(request.amount)),
            ("grant kind", differ(|one, other| one.kind != other.kind)),
            ("priority", differ(|one, other| one.priority != other.priority)),
            ("label", differ(|one, other| one.label != other.label)),
            ("rollover", differ(|one, other| one.rollover != other.rollover)),
        ];
        Self::differs(&posting.content, &request.content, fields)
    }

    /// Whether what is posted, with all credit still to start, can still be counted after so much more.
    pub(super) fn fits(&self, amount: i128) -> Result<(), No> {
        let sums = [self.posted + amount + self.to_start(), self.posted + amount, self.available() + amount];
        if sums.iter().all(|sum| (MIN..=MAX).contains(sum)) { Ok(()) } else { Err(No::TooLarge) }
    }

    fn charge(&mut self, request: &PostRequest, amount: i128, now: i128) -> Result<(), No> {
        let debt = minor(request.debt_limit);
        self.room(&request.caps, amount, now)?;
        if amount > (self.available() + debt).max(0) {
            return self.short::<()>(amount, amount, debt, now).map(|_| ());
        }
        self.fits(-amount)?;
        let mut entry = entry(request, -amount, now);
        let (mut draws, mut movements) = (vec![], vec![]);
        self.use_free(&mut draws, amount, &mut movements);
        entry.draws = draws;
        self.count_charge(&mut entry, &request.caps, amount, now);
        self.book(entry, movements, now);
        Ok(())
    }

    fn credit(&mut self, request: &PostRequest, terms: &GrantTerms, now: i128) -> Result<(), No> {
        let amount = minor(request.amount);
        let starts_at = terms.starts_at.map(at).filter(|starts_at| *starts_at > now);
        let origin = Origin {
            key: request.key.clone(),
            kind: terms.kind,
            priority: terms.priority,
            label: terms.label.clone(),
            starts_at,
            ends_at: terms.ends_at.map(at),
        };
        let mut wrong = vec![];
        if origin.ends_at.is_some_and(|ends_at| ends_at <= now)
            || (terms.rollover.is_some() && starts_at.is_some())
        {
            wrong.push(No::Invalid);
        }
        if let Some(again_at) = self.courtesy_given(terms, now) {
            wrong.push(No::CourtesyGiven { again_at });
        }
        let plain = {
            let mut terms = terms.clone();
            terms.starts_at = None;
            terms == GrantTerms::paid() && starts_at.is_none()
        };
        let paid = terms.kind == GrantKind::Paid;
        let equal = if plain || terms.rollover.is_some() { None } else { self.equal(&origin) };
        let (old, left) = self.old_grants(terms);
        let ending = self.grants.iter().filter(|part| !part.ended && old.contains(&part.id)).count();
        let renewed = terms.rollover.map(|max| minor(max).min(amount.max(left)));
        let booked = renewed.map_or(amount, |granted| granted - left);
        wrong.extend(self.fits(booked).err());
        let full = self.live() - ending >= Limits::MAX_GRANTS;
        let new = !plain && equal.is_none();
        if new && full && !paid && renewed != Some(0) {
            wrong.push(No::Invalid);
        }
        match wrong.len() {
            0 => {}
            1 => return Err(wrong.remove(0)),
            _ => return Err(No::Any),
        }
        let id = self.seq + 1;
        let posted = self.posted;
        let mut movements: Movements = vec![];
        let went_to = if plain {
            self.add(None, amount, &mut movements);
            None
        } else if let Some(granted) = renewed {
            self.end_for_renewal(&old, &mut movements, now);
            self.terms.insert(id, origin);
            // A renewal of nothing makes no grant.
            if granted > 0 {
                self.open_grant(id, granted, true, &mut movements);
            }
            (granted > 0).then_some(id)
        } else if let Some(equal) = equal {
            self.merge(equal, amount, &mut movements);
            Some(equal)
        } else if full {
            let joined = self.joins(origin.ends_at);
            match joined {
                Some(joined) => {
                    self.merge(joined, amount, &mut movements);
                }
                None => self.add(None, amount, &mut movements),
            }
            joined
        } else {
            self.terms.insert(id, origin);
            self.open_grant(id, amount, starts_at.is_none(), &mut movements);
            Some(id)
        };
        let mut entry = entry(request, self.posted - posted, now);
        entry.named = amount;
        entry.grant = went_to;
        entry.terms = (!plain).then(|| Terms::of(terms));
        if let Some((label, once_per)) = terms.label.as_ref().zip(terms.once_per) {
            self.courtesies.insert((label.clone(), once_per), once_per.start_of(stamp(now)));
            self.count_courtesy(&mut entry, label, once_per, now);
        }
        self.book(entry, movements, now);
        Ok(())
    }

    /// From when a courtesy can be given again, if it was.
    fn courtesy_given(&self, terms: &GrantTerms, now: i128) -> Option<i128> {
        let (label, once_per) = (terms.label.clone()?, terms.once_per?);
        let given: Timestamp = *self.courtesies.get(&(label, once_per))?;
        if once_per.is_rolling() {
            (given >= once_per.counts_from(stamp(now))).then(|| at(once_per.leaves_at(given)))
        } else {
            (given == once_per.start_of(stamp(now))).then(|| at(once_per.end_of(given)))
        }
    }

    /// What a renewal ends, and what is free of it.
    fn old_grants(&self, terms: &GrantTerms) -> (Vec<u64>, i128) {
        if terms.rollover.is_none() {
            return (vec![], 0);
        }
        let old = self.grants.iter().filter(|part| {
            let known = &self.terms[&part.id];
            part.started && known.kind == terms.kind && known.label == terms.label
        });
        let ids: Vec<u64> = old.clone().map(|part| part.id).collect();
        (ids, old.map(super::Part::free).sum())
    }
}
