//! Grants: what is drawn from which, how they start and end, how debt is paid (clause 7).

use billing_guard::{EntryKind, GrantKind, GrantTerms, Limits, Operation};

use super::{Account, Draw, Entry, Hold, MAX, NEVER, Origin, Part, Terms, Turn};

/// An entry in the making: what it does is booked as it is found out.
pub(super) type Movements = Vec<(u64, i128)>;

pub(super) fn note(movements: &mut Movements, grant: u64, amount: i128) {
    if let Some((_, known)) = movements.iter_mut().find(|(id, _)| *id == grant) {
        *known += amount;
    } else {
        movements.push((grant, amount));
    }
}

/// The kind of the entry by which credit comes.
fn entry_kind(kind: GrantKind) -> EntryKind {
    if kind == GrantKind::Paid { EntryKind::TopUp } else { EntryKind::Grant }
}

impl Account {
    pub(super) fn turn(&self, id: u64) -> Turn {
        let origin = &self.terms[&id];
        (origin.priority, origin.ends_at.unwrap_or(NEVER), origin.kind, id)
    }

    pub(super) fn part(&mut self, id: u64) -> Option<&mut Part> {
        self.grants.iter_mut().find(|part| part.id == id)
    }

    /// So many grants count against the limit.
    pub(super) fn live(&self) -> usize {
        self.grants.iter().filter(|part| !part.ended).count()
    }

    /// What will be posted when all credit has started.
    pub(super) fn to_start(&self) -> i128 {
        self.grants.iter().filter(|part| !part.started).map(|part| part.remaining).sum()
    }

    /// What would be drawn on for so much: what is free in the order of use, and plain credit for what no credit is
    /// left for.
    pub(super) fn sources(&self, amount: i128) -> Vec<(Option<u64>, i128)> {
        let plain = (GrantTerms::DEFAULT_PRIORITY, NEVER, GrantKind::Paid, 0);
        let mut free: Vec<(Turn, Option<u64>, i128)> =
            self.grants.iter().map(|part| (self.turn(part.id), Some(part.id), part.free())).collect();
        free.push((plain, None, (self.plain - self.plain_held).max(0)));
        free.sort_unstable();
        let mut left = amount;
        let mut sources: Vec<(Option<u64>, i128)> = vec![];
        for (_, source, free) in free {
            let part = free.min(left);
            left -= part;
            if part > 0 {
                sources.push((source, part));
            }
        }
        if left > 0 {
            match sources.iter_mut().find(|(source, _)| source.is_none()) {
                Some((_, part)) => *part += left,
                None => sources.push((None, left)),
            }
        }
        sources
    }

    /// Where a piece of work's draw on a source is in its list.
    fn draw_on<'a>(&self, draws: &'a mut Vec<Draw>, source: Option<u64>) -> &'a mut Draw {
        let known = draws.iter().position(|draw| draw.grant == source);
        let index = known.unwrap_or_else(|| {
            let origin = source.map(|id| &self.terms[&id]);
            draws.push(Draw {
                grant: source,
                kind: origin.map_or(GrantKind::Paid, |origin| origin.kind),
                label: origin.and_then(|origin| origin.label.clone()),
                held: 0,
                used: 0,
                refunded: 0,
                drawn_end: origin.and_then(|origin| origin.ends_at),
            });
            draws.len() - 1
        });
        &mut draws[index]
    }

    /// Sets aside so much more for a hold.
    pub(super) fn set_aside(&mut self, hold: &mut Hold, amount: i128) {
        for (source, part) in self.sources(amount) {
            self.draw_on(&mut hold.draws, source).held += part;
            self.hold_on(source, part);
        }
    }

    fn hold_on(&mut self, source: Option<u64>, amount: i128) {
        if amount == 0 {
            // The grant may be used up.
            return;
        }
        self.held += amount;
        match source {
            Some(id) => self.part(id).unwrap().held += amount,
            None => self.plain_held += amount,
        }
    }

    /// Frees up to so much of what a hold sets aside, the last drawn first. What it drew on keeps its place in the list,
    /// given back in full or not.
    pub(super) fn give_back(&mut self, hold: &mut Hold, amount: i128) {
        let mut left = amount;
        for draw in hold.draws.iter_mut().rev() {
            let part = draw.held.min(left);
            left -= part;
            draw.held -= part;
            self.hold_on(draw.grant, -part);
        }
        hold.draws.retain(|draw| (draw.held, draw.used) != (0, 0));
    }

    /// Charges so much of what a hold sets aside, the first drawn first.
    pub(super) fn use_held(&mut self, hold: &mut Hold, amount: i128, movements: &mut Movements) {
        let mut left = amount;
        for draw in &mut hold.draws {
            let part = draw.held.min(left);
            left -= part;
            draw.held -= part;
            draw.used += part;
            self.hold_on(draw.grant, -part);
            self.add(draw.grant, -part, movements);
        }
        assert_eq!(left, 0);
    }

    /// Charges so much of what is free.
    pub(super) fn use_free(&mut self, draws: &mut Vec<Draw>, amount: i128, movements: &mut Movements) {
        for (source, part) in self.sources(amount) {
            self.draw_on(draws, source).used += part;
            self.add(source, -part, movements);
        }
    }

    /// Adds to what remains of a source, or takes from it.
    pub(super) fn add(&mut self, source: Option<u64>, amount: i128, movements: &mut Movements) {
        if amount == 0 {
            return;
        }
        self.posted += amount;
        match source {
            Some(id) => {
                self.part(id).unwrap().remaining += amount;
                note(movements, id, amount);
            }
            None => self.plain += amount,
        }
    }

    /// Puts an entry on the books, as a change of its own: first, debt is paid by what is free in grants.
    pub(super) fn book(&mut self, entry: Entry, mut movements: Movements, now: i128) {
        self.pay_debt(&mut movements);
        self.grants.retain(|part| part.remaining > 0);
        self.change(now);
        self.entries.push(Entry {
            seq: self.seq,
            balance_after: self.posted,
            booked_at: now,
            movements: super::moved(movements),
            ..entry
        });
    }

    pub(super) fn pay_debt(&mut self, movements: &mut Movements) {
        let mut free: Vec<(Turn, i128)> =
            self.grants.iter().map(|part| (self.turn(part.id), part.free())).collect();
        free.sort_unstable();
        for ((.., id), free) in free {
            let part = free.min(-self.plain);
            if part > 0 {
                self.add(Some(id), -part, movements);
                self.add(None, part, movements);
            }
        }
    }

    /// What time does to a grant.
    pub(super) fn turns(&mut self, id: u64, now: i128) {
        let part = self.part(id).unwrap();
        if !part.started {
            part.started = true;
            let amount = part.remaining;
            part.remaining = 0;
            let mut movements = vec![];
            self.add(Some(id), amount, &mut movements);
            let kind = entry_kind(self.terms[&id].kind);
            let starts_at = self.terms[&id].starts_at.unwrap();
            self.book(self.of_time(id, kind, amount, starts_at), movements, now);
            return;
        }
        part.ended = true;
        if part.free() > 0 {
            self.expire(id, now);
        }
    }

    /// What is free of a grant that has ended pays what is owed, and is lost for the rest.
    fn expire(&mut self, id: u64, now: i128) {
        let free = self.part(id).unwrap().free();
        let paid = free.min(-self.plain).max(0);
        let mut movements = vec![];
        self.add(Some(id), -free, &mut movements);
        self.add(None, paid, &mut movements);
        let ends_at = self.terms[&id].ends_at.unwrap();
        self.book(self.of_time(id, EntryKind::Expiry, paid - free, ends_at), movements, now);
    }

    /// What has come free of grants that have ended, that which ended first coming first.
    pub(super) fn expire_ended(&mut self, now: i128) {
        let mut freed: Vec<Turn> = self
            .grants
            .iter()
            .filter(|part| part.ended && part.free() > 0)
            .map(|part| self.turn(part.id))
            .collect();
        freed.sort_unstable_by_key(|turn| (turn.1, *turn));
        for (.., id) in freed {
            // The expiry before may have paid debt with it.
            if self.part(id).is_some_and(|part| part.free() > 0) {
                self.expire(id, now);
            }
        }
    }

    /// An entry that time makes.
    fn of_time(&self, id: u64, kind: EntryKind, amount: i128, effective_at: i128) -> Entry {
        let origin = self.terms[&id].clone();
        Entry {
            key: origin.key,
            operation: Operation::Time,
            kind,
            amount,
            effective_at,
            grant: Some(id),
            terms: Some(Terms {
                kind: origin.kind,
                priority: origin.priority,
                starts_at: origin.starts_at,
                ends_at: origin.ends_at,
                label: origin.label,
                rollover: None,
                once_per: None,
            }),
            named: if kind == EntryKind::Expiry { 0 } else { amount },
            ..Entry::blank()
        }
    }

    /// The grant that credit on such terms is one with.
    pub(super) fn equal(&self, origin: &Origin) -> Option<u64> {
        let same = |part: &&Part| {
            let known = &self.terms[&part.id];
            let terms =
                |origin: &Origin| (origin.kind, origin.priority, origin.ends_at, origin.label.clone());
            !part.ended
                && terms(known) == terms(origin)
                && if part.started { origin.starts_at.is_none() } else { known.starts_at == origin.starts_at }
        };
        self.grants.iter().filter(same).map(|part| self.turn(part.id)).min().map(|(.., id)| id)
    }

    /// Whether there is no place for another grant.
    pub(super) fn full(&self) -> bool {
        self.live() >= Limits::MAX_GRANTS
    }

    /// Where paid credit goes for which there is no place.
    pub(super) fn joins(&self, ends_at: Option<i128>) -> Option<u64> {
        let ends_at = ends_at.unwrap_or(NEVER);
        let fits = |part: &&Part| {
            let origin = &self.terms[&part.id];
            let its_end = origin.ends_at.unwrap_or(NEVER);
            part.started && !part.ended && origin.kind == GrantKind::Paid && its_end >= ends_at
        };
        let turns = self.grants.iter().filter(fits).map(|part| self.turn(part.id));
        turns.min_by_key(|turn| (turn.1, *turn)).map(|(.., id)| id)
    }

    /// Adds to a grant that is there.
    pub(super) fn merge(&mut self, id: u64, amount: i128, movements: &mut Movements) {
        let part = self.part(id).unwrap();
        part.original += amount;
        if part.started {
            self.add(Some(id), amount, movements);
        } else {
            part.remaining += amount;
        }
    }

    /// A new grant, or one that is there again.
    pub(super) fn open_grant(&mut self, id: u64, amount: i128, started: bool, movements: &mut Movements) {
        assert!(amount <= MAX);
        let remaining = if started { 0 } else { amount };
        let part = Part { id, original: amount, remaining, held: 0, started, ended: false };
        self.grants.push(part);
        if started {
            self.add(Some(id), amount, movements);
        }
    }

    /// Ends what is free of all started grants of a kind and label; the rest of them stays with the holds on it.
    pub(super) fn end_for_renewal(&mut self, ids: &[u64], movements: &mut Movements, now: i128) {
        for id in ids {
            let free = self.part(*id).unwrap().free();
            self.add(Some(*id), -free, movements);
            let part = self.part(*id).unwrap();
            if !part.ended {
                part.ended = true;
                self.terms.get_mut(id).unwrap().ends_at = Some(now);
            }
        }
    }
}
