//! What the model answers, in the form in which answers are compared.
//!
//! Where the documentation leaves open how something is listed, both sides are brought into one form: draws and counts of
//! nothing are left out, and what has no stated order is sorted.

use billing_guard::{
    ChargeRef, Content, EntryKind, GrantKind, HoldStatus, IdempotencyKey, Label, Labels, Operation, Period,
    ScopeId,
};

/// What was drawn from one source of credit; plain credit is no grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Draw {
    pub(crate) grant: Option<u64>,
    pub(crate) kind: GrantKind,
    pub(crate) label: Option<Label>,
    pub(crate) held: i128,
    pub(crate) used: i128,
    pub(crate) refunded: i128,
    pub(crate) drawn_end: Option<i128>,
}

/// What counts in one counter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Counted {
    pub(crate) place: Place,
    pub(crate) held: i128,
    pub(crate) used: i128,
}

/// Which counter. The scope is text, since that of a courtesy is none that a host could name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) scope: String,
    pub(crate) period: Period,
    pub(crate) start: i128,
}

/// A grant as it should be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Grant {
    pub(crate) id: u64,
    pub(crate) key: IdempotencyKey,
    pub(crate) kind: GrantKind,
    pub(crate) priority: u8,
    pub(crate) label: Option<Label>,
    pub(crate) starts_at: Option<i128>,
    pub(crate) ends_at: Option<i128>,
    pub(crate) started: bool,
    pub(crate) original: i128,
    pub(crate) remaining: i128,
    pub(crate) held: i128,
}

/// A hold as it should be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hold {
    pub(crate) key: IdempotencyKey,
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
    pub(crate) labels: Labels,
    pub(crate) draws: Vec<Draw>,
    pub(crate) counted: Vec<Counted>,
}

impl Hold {
    pub(crate) fn reserved(&self) -> i128 {
        if self.status == HoldStatus::Open { (self.total - self.captured).max(0) } else { 0 }
    }
    /// The total that captures named last.
    pub(crate) fn named(&self) -> i128 {
        self.captured + self.uncollected
    }
}

/// The terms that an entry names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Terms {
    pub(crate) kind: GrantKind,
    pub(crate) priority: u8,
    pub(crate) starts_at: Option<i128>,
    pub(crate) ends_at: Option<i128>,
    pub(crate) label: Option<Label>,
    pub(crate) rollover: Option<i128>,
    pub(crate) once_per: Option<Period>,
}

/// An entry as it should be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) key: IdempotencyKey,
    pub(crate) operation: Operation,
    pub(crate) seq: u64,
    pub(crate) kind: EntryKind,
    pub(crate) amount: i128,
    pub(crate) balance_after: i128,
    pub(crate) uncollected: i128,
    pub(crate) refunded: i128,
    pub(crate) of: Option<ChargeRef>,
    pub(crate) effective_at: i128,
    pub(crate) booked_at: i128,
    pub(crate) late: bool,
    pub(crate) labels: Labels,
    /// By grant.
    pub(crate) movements: Vec<(u64, i128)>,
    pub(crate) draws: Vec<Draw>,
    pub(crate) counted: Vec<Counted>,
    pub(crate) grant: Option<u64>,
    pub(crate) terms: Option<Terms>,
    pub(crate) named: i128,
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
        requested: i128,
        required: i128,
        missing: i128,
        posted: i128,
        held: i128,
        debt: i128,
        seq: u64,
        as_of: i128,
        next_release: Option<i128>,
    },
    Capped {
        scope: ScopeId,
        period: Period,
        label: Option<Label>,
        limit: i128,
        used: i128,
        held: i128,
        required: i128,
        resets_at: Option<i128>,
        seq: u64,
        as_of: i128,
    },
    CourtesyGiven {
        again_at: i128,
    },
    Conflict(String),
    UnknownHold,
    UnknownCharge,
    Closed(Box<Hold>),
    Superseded(Box<Hold>),
    Expired(Box<Hold>),
    Over(i128, i128),
    BelowCaptured(i128, i128),
    RefundTooLarge(i128, i128),
    TooLarge,
    Invalid,
    /// Several things are wrong, and the documentation does not say which comes first: any refusal that changed nothing.
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

/// Draws in the one form: empty if all is plain credit.
pub(crate) fn drawn(draws: impl IntoIterator<Item = Draw>) -> Vec<Draw> {
    let mut draws: Vec<Draw> =
        draws.into_iter().filter(|draw| (draw.held, draw.used, draw.refunded) != (0, 0, 0)).collect();
    draws.iter_mut().for_each(|draw| draw.drawn_end = None);
    if draws.iter().all(|draw| draw.grant.is_none()) {
        draws.clear();
    }
    draws
}

/// Counts in the one form.
pub(crate) fn counts(counted: impl IntoIterator<Item = Counted>) -> Vec<Counted> {
    let mut counted: Vec<Counted> =
        counted.into_iter().filter(|counted| (counted.held, counted.used) != (0, 0)).collect();
    counted.sort_by(|one, other| one.place.cmp(&other.place));
    counted
}

/// Movements in the one form.
pub(crate) fn moved(movements: impl IntoIterator<Item = (u64, i128)>) -> Vec<(u64, i128)> {
    let mut movements: Vec<(u64, i128)> = movements.into_iter().filter(|(_, amount)| *amount != 0).collect();
    movements.sort_unstable();
    movements
}
