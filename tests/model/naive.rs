//! What a ledger should answer, worked out the long way: lists that are searched, numbers of 128 bits. Written from the
//! documentation of the contract alone.
//!
//! What an account has is kept as sums, so that an operation costs no more after a million others;
//! [`Account::recompute`] adds everything up again.

#[path = "naive/caps.rs"]
mod caps;
#[path = "naive/credit.rs"]
mod credit;
#[path = "naive/holds.rs"]
mod holds;
#[path = "naive/posts.rs"]
mod posts;
#[path = "naive/refunds.rs"]
mod refunds;
#[path = "naive/shown.rs"]
mod shown;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use billing_guard::{
    Amount, Content, FindRequest, GrantKind, HoldStatus, IdempotencyKey, Label, Limits, Operation, Period,
    Timestamp,
};

pub(crate) use shown::{
    Answer, Captured, Counted, Draw, Entry, Grant, Hold, No, Place, Terms, Yes, counts, drawn, moved,
};

const MAX: i128 = i64::MAX as i128;
const MIN: i128 = i64::MIN as i128;

/// One account.
#[derive(Default)]
pub(crate) struct Account {
    pub(crate) seq: u64,
    pub(crate) entries: Vec<Entry>,
    postings: HashMap<(Operation, IdempotencyKey), Posting>,
    holds: HashMap<IdempotencyKey, Kept>,
    /// The open holds, the one released first coming first.
    open: BTreeSet<(i128, IdempotencyKey)>,
    posted: i128,
    held: i128,
    /// What is posted and in no grant, and what holds drew on it.
    plain: i128,
    plain_held: i128,
    grants: Vec<Part>,
    /// All grants there ever were.
    terms: HashMap<u64, Origin>,
    counters: BTreeMap<Place, Count>,
    /// The latest courtesy of each label and period: when its stretch of time began.
    courtesies: HashMap<(Label, Period), Timestamp>,
    /// When it was changed last: its time does not go back.
    changed_at: Option<i128>,
}

/// A hold and what it does not show.
#[derive(Clone)]
struct Kept {
    hold: Hold,
    minimum: i128,
    grace: i128,
    /// When it was closed, or could be.
    closed_at: Option<i128>,
}

/// Where an entry that was posted is, and what else its key is compared by.
struct Posting {
    at: usize,
    content: Content,
    /// The amount in the request.
    amount: i128,
    terms: Option<Terms>,
}

/// A grant that is not used up.
#[derive(Clone)]
struct Part {
    id: u64,
    original: i128,
    remaining: i128,
    held: i128,
    started: bool,
    ended: bool,
}

impl Part {
    fn free(&self) -> i128 {
        if self.started { self.remaining - self.held } else { 0 }
    }
}

/// What a grant is.
#[derive(Clone)]
struct Origin {
    key: IdempotencyKey,
    kind: GrantKind,
    priority: u8,
    label: Option<Label>,
    starts_at: Option<i128>,
    /// As it is by now.
    ends_at: Option<i128>,
}

/// What a counter counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) used: i128,
    pub(crate) held: i128,
}

/// The order of use: priority, end, kind, id.
type Turn = (u8, i128, GrantKind, u64);

const NEVER: i128 = i128::MAX;

fn minor(amount: Amount) -> i128 {
    i128::from(amount.minor())
}

fn micros(duration: std::time::Duration) -> i128 {
    i128::try_from(duration.as_nanos().div_ceil(1_000)).unwrap()
}

fn at(moment: Timestamp) -> i128 {
    i128::from(moment.as_micros())
}

fn stamp(moment: i128) -> Timestamp {
    Timestamp::from_micros(i64::try_from(moment).unwrap())
}

impl Account {
    pub(crate) fn posted(&self) -> i128 {
        self.posted
    }
    pub(crate) fn held(&self) -> i128 {
        self.held
    }
    pub(crate) fn available(&self) -> i128 {
        self.posted - self.held
    }
    pub(crate) fn plain(&self) -> i128 {
        self.plain
    }
    pub(crate) fn open_holds(&self) -> usize {
        self.open.len()
    }
    pub(crate) fn open(&self) -> impl Iterator<Item = Hold> {
        self.open.iter().map(|(_, key)| self.holds[key].shown())
    }
    pub(crate) fn open_keys(&self) -> Vec<IdempotencyKey> {
        self.open.iter().map(|(_, key)| key.clone()).collect()
    }
    /// The time on this account.
    pub(crate) fn time(&self, now: i128) -> i128 {
        self.changed_at.map_or(now, |changed| changed.max(now))
    }

    /// The grants in the order of use.
    pub(crate) fn grants(&self) -> Vec<Grant> {
        let mut parts: Vec<&Part> = self.grants.iter().collect();
        parts.sort_by_key(|part| self.turn(part.id));
        let shown = |part: &Part| {
            let origin = self.terms[&part.id].clone();
            Grant {
                id: part.id,
                key: origin.key,
                kind: origin.kind,
                priority: origin.priority,
                label: origin.label,
                starts_at: origin.starts_at,
                ends_at: origin.ends_at,
                started: part.started,
                original: part.original.min(MAX),
                remaining: part.remaining,
                held: part.held,
            }
        };
        parts.into_iter().map(shown).collect()
    }

    /// The counters, and until when each has to be kept.
    pub(crate) fn counters(&self) -> Vec<(Place, Count, i128)> {
        let shown = |(place, count): (&Place, &Count)| {
            let count = Count { used: count.used.min(MAX), held: count.held };
            (place.clone(), count, place.kept_until(count.held))
        };
        self.counters.iter().map(shown).collect()
    }

    pub(crate) fn look_up(&self, request: &FindRequest) -> (Option<Hold>, Option<Entry>) {
        match request.operation {
            Operation::Hold => (self.holds.get(&request.key).map(Kept::shown), None),
            operation => {
                let posting = self.postings.get(&(operation, request.key.clone()));
                (None, posting.map(|posting| self.entry(posting.at)))
            }
        }
    }

    /// An entry as it is shown.
    pub(crate) fn entry(&self, index: usize) -> Entry {
        let mut entry = self.entries[index].clone();
        entry.draws = drawn(entry.draws);
        entry.counted = counts(entry.counted);
        entry
    }

    /// Books what became due, one change each, in the order in which it did. Says how many holds were released, and how
    /// many starts and ends of credit booked.
    pub(crate) fn due(&mut self, now: i128) -> (u32, u32) {
        let now = self.time(now);
        let seq = self.seq;
        let mut released = 0;
        // Where the clock ran backwards, an end that changed nothing has not been.
        for part in &mut self.grants {
            part.ended &= self.terms[&part.id].ends_at.is_some_and(|ends_at| ends_at <= now);
        }
        loop {
            let release = self.open.first().map(|(moment, key)| (*moment, key.clone()));
            let turn =
                self.grants.iter().filter_map(|part| Some((self.next(part)?, self.turn(part.id)))).min();
            let next = match (&release, &turn) {
                (Some((release, _)), Some((turn, _))) => *release.min(turn),
                (Some((release, _)), None) => *release,
                (None, Some((turn, _))) => *turn,
                (None, None) => break,
            };
            if next > now {
                break;
            }
            match (release, turn) {
                // A release comes before a start or an end of the same moment.
                (Some((moment, key)), _) if moment == next => {
                    self.release(&key, now);
                    released += 1;
                }
                (_, Some((_, (.., id)))) => self.turns(id, now),
                _ => unreachable!("one of the two is next"),
            }
        }
        let changes = u32::try_from(self.seq - seq).unwrap();
        (released, changes - released)
    }

    /// When a grant next starts or ends.
    fn next(&self, part: &Part) -> Option<i128> {
        let origin = &self.terms[&part.id];
        match (part.started, part.ended) {
            (false, _) => origin.starts_at,
            (true, false) => origin.ends_at,
            (true, true) => None,
        }
    }

    /// A hold's time is over.
    fn release(&mut self, key: &IdempotencyKey, now: i128) {
        let mut kept = self.holds[key].clone();
        self.give_back(&mut kept.hold, NEVER);
        self.count_back(&mut kept.hold, NEVER);
        let release_at = kept.hold.release_at;
        self.close(&mut kept, HoldStatus::Expired, release_at);
        kept.hold.rev += 1;
        self.holds.insert(key.clone(), kept);
        self.change(now);
        self.expire_ended(now);
    }

    /// No longer among the open ones.
    fn close(&mut self, kept: &mut Kept, status: HoldStatus, closed_at: i128) {
        assert_eq!(kept.hold.status, HoldStatus::Open);
        assert!(self.open.remove(&(kept.hold.release_at, kept.hold.key.clone())));
        kept.hold.status = status;
        kept.closed_at = Some(closed_at);
    }

    /// Whether a ledger may have forgotten a hold by now.
    pub(crate) fn may_be_forgotten(&self, key: &IdempotencyKey, now: i128) -> bool {
        let closed_at = self.holds.get(key).and_then(|kept| kept.closed_at);
        closed_at.is_some_and(|closed_at| self.time(now) - closed_at >= micros(Limits::KEY_RETENTION))
    }

    fn change(&mut self, now: i128) {
        self.seq += 1;
        self.changed_at = Some(now);
    }

    /// The answer to a change that was just made; what it freed of credit that has ended goes right after it.
    fn fresh<T>(&mut self, before: i128, now: i128, value: T) -> Answer<T> {
        let answer = Yes { value, before, after: self.available(), seq: self.seq, replay: false };
        self.expire_ended(now);
        Ok(answer)
    }

    fn replay<T>(&self, value: T) -> Answer<T> {
        Ok(Yes { value, before: self.available(), after: self.available(), seq: self.seq, replay: true })
    }

    fn short<T>(&self, requested: i128, required: i128, debt: i128, now: i128) -> Answer<T> {
        Err(No::Insufficient {
            requested,
            required,
            missing: required - (self.available() + debt),
            posted: self.posted,
            held: self.held,
            debt,
            seq: self.seq,
            as_of: now,
            next_release: self.open.first().map(|(release_at, _)| release_at - now),
        })
    }

    /// What holds are told by: declared content if either side has any, else each of these in turn.
    fn differs(
        one: &Content,
        other: &Content,
        fields: impl IntoIterator<Item = (&'static str, bool)>,
    ) -> Option<String> {
        if !one.is_empty() || !other.is_empty() {
            return one.difference(other);
        }
        fields.into_iter().find(|(_, differs)| *differs).map(|(field, _)| field.to_owned())
    }

    /// Adds up everything again, from the entries and the holds alone (clause 9).
    pub(crate) fn recompute(&self) {
        assert_eq!(self.posted, self.entries.iter().map(|entry| entry.amount).sum::<i128>());
        let open: Vec<&Hold> = self
            .holds
            .values()
            .map(|kept| &kept.hold)
            .filter(|hold| hold.status == HoldStatus::Open)
            .collect();
        assert_eq!(self.held, open.iter().map(|hold| hold.reserved()).sum::<i128>());
        assert_eq!(open.len(), self.open.len());
        let draws = || self.holds.values().flat_map(|kept| &kept.hold.draws);
        let held_of = |grant: Option<u64>| -> i128 {
            draws().filter(|draw| draw.grant == grant).map(|draw| draw.held).sum()
        };
        assert_eq!(self.plain_held, held_of(None));
        let mut started = 0;
        for part in &self.grants {
            assert!(0 <= part.held && part.held <= part.remaining && part.remaining > 0);
            let movements = self.entries.iter().flat_map(|entry| &entry.movements);
            let moved: i128 = movements.filter(|(id, _)| *id == part.id).map(|(_, amount)| amount).sum();
            assert!(moved == if part.started { part.remaining } else { 0 });
            assert_eq!(part.held, held_of(Some(part.id)));
            started += if part.started { part.remaining } else { 0 };
        }
        assert_eq!(self.plain, self.posted - started);
        for (place, count) in &self.counters {
            let here = |counted: &&Counted| counted.place == *place;
            let holds = self.holds.values().flat_map(|kept| &kept.hold.counted).filter(here);
            assert_eq!(count.held, holds.map(|counted| counted.held).sum::<i128>());
            let entries = self.entries.iter().flat_map(|entry| &entry.counted).filter(here);
            assert_eq!(count.used, entries.map(|counted| counted.used).sum::<i128>());
        }
    }
}
