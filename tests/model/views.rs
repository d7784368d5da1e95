//! What a ledger answers, in the form in which answers are compared.

use billing_guard::{
    Amount, Applied, Captured, Counter, Entry, EntryKind, Grant, GrantTerms, HoldState, LedgerError,
    Timestamp,
};

use super::naive::{self, No, Yes};

pub(crate) fn minor(amount: Amount) -> i128 {
    i128::from(amount.minor())
}

pub(crate) fn micros(moment: Timestamp) -> i128 {
    i128::from(moment.as_micros())
}

fn draws(draws: &[billing_guard::Draw]) -> Vec<naive::Draw> {
    naive::drawn(draws.iter().map(|draw| naive::Draw {
        grant: draw.grant(),
        kind: draw.kind(),
        label: draw.label().cloned(),
        held: minor(draw.held()),
        used: minor(draw.used()),
        refunded: minor(draw.refunded()),
        drawn_end: None,
    }))
}

fn counted(counted: &[billing_guard::Counted]) -> Vec<naive::Counted> {
    naive::counts(counted.iter().map(|counted| naive::Counted {
        place: naive::Place {
            scope: counted.key().scope().to_string(),
            period: counted.key().period(),
            start: micros(counted.key().start()),
        },
        held: minor(counted.held()),
        used: minor(counted.used()),
    }))
}

pub(crate) fn hold(hold: &HoldState) -> naive::Hold {
    let view = naive::Hold {
        key: hold.key().clone(),
        status: hold.status(),
        rev: hold.rev(),
        requested: minor(hold.requested()),
        total: minor(hold.total()),
        captured: minor(hold.captured()),
        uncollected: minor(hold.uncollected()),
        refunded: minor(hold.refunded()),
        opened_at: micros(hold.opened_at()),
        ends_at: micros(hold.ends_at()),
        release_at: micros(hold.release_at()),
        late: hold.is_late(),
        content: hold.content(),
        labels: hold.labels(),
        draws: draws(hold.draws()),
        counted: counted(hold.counted()),
    };
    assert_eq!(view.reserved(), minor(hold.reserved()));
    view
}

pub(crate) fn terms(terms: &GrantTerms) -> naive::Terms {
    naive::Terms {
        kind: terms.kind,
        priority: terms.priority,
        starts_at: terms.starts_at.map(micros),
        ends_at: terms.ends_at.map(micros),
        label: terms.label.clone(),
        rollover: terms.rollover.map(minor),
        once_per: terms.once_per,
    }
}

pub(crate) fn entry(entry: &Entry) -> naive::Entry {
    naive::Entry {
        key: entry.key().clone(),
        operation: entry.operation(),
        seq: entry.seq(),
        kind: entry.kind(),
        amount: minor(entry.amount()),
        balance_after: minor(entry.balance_after()),
        uncollected: minor(entry.uncollected()),
        refunded: minor(entry.refunded()),
        of: entry.refund_of().cloned(),
        effective_at: micros(entry.effective_at()),
        booked_at: micros(entry.booked_at()),
        late: entry.is_late(),
        labels: entry.labels(),
        movements: naive::moved(
            entry.movements().iter().map(|movement| (movement.grant(), minor(movement.amount()))),
        ),
        draws: draws(entry.draws()),
        counted: counted(entry.counted()),
        grant: entry.grant(),
        terms: entry.terms().map(terms),
        // Nothing is asked for by an end of credit.
        named: if entry.kind() == EntryKind::Expiry { 0 } else { minor(entry.named()) },
    }
}

pub(crate) fn captured(captured: &Captured) -> naive::Captured {
    naive::Captured {
        charged: minor(captured.charged()),
        captured: minor(captured.captured()),
        uncollected: minor(captured.uncollected()),
        freed: minor(captured.freed()),
        status: captured.status(),
        late: captured.is_late(),
    }
}

pub(crate) fn grant(grant: &Grant) -> naive::Grant {
    naive::Grant {
        id: grant.id(),
        key: grant.key().clone(),
        kind: grant.kind(),
        priority: grant.priority(),
        label: grant.label().cloned(),
        starts_at: grant.starts_at().map(micros),
        ends_at: grant.ends_at().map(micros),
        started: grant.has_started(),
        original: minor(grant.original()),
        remaining: minor(grant.remaining()),
        held: minor(grant.held()),
    }
}

pub(crate) fn counter(counter: &Counter) -> (naive::Place, naive::Count) {
    let place = naive::Place {
        scope: counter.scope().to_string(),
        period: counter.period(),
        start: micros(counter.start()),
    };
    (place, naive::Count { used: minor(counter.used()), held: minor(counter.held()) })
}

pub(crate) fn no(error: &LedgerError) -> No {
    match error {
        LedgerError::Insufficient(short) => No::Insufficient {
            requested: minor(short.requested()),
            required: minor(short.required()),
            missing: minor(short.missing()),
            posted: minor(short.posted()),
            held: minor(short.held()),
            debt: minor(short.debt_limit()),
            seq: short.seq(),
            as_of: micros(short.as_of()),
            next_release: short.next_release_in().map(|time| i128::try_from(time.as_micros()).unwrap()),
        },
        LedgerError::CapReached(reached) => No::Capped {
            scope: reached.scope().clone(),
            period: reached.period(),
            label: reached.label().cloned(),
            limit: minor(reached.limit()),
            used: minor(reached.used()),
            held: minor(reached.held()),
            required: minor(reached.required()),
            resets_at: reached.resets_at().map(micros),
            seq: reached.seq(),
            as_of: micros(reached.as_of()),
        },
        LedgerError::CourtesyGiven { again_at } => No::CourtesyGiven { again_at: micros(*again_at) },
        LedgerError::KeyConflict { field } => No::Conflict(field.trim_matches('"').to_owned()),
        LedgerError::UnknownHold => No::UnknownHold,
        LedgerError::UnknownCharge => No::UnknownCharge,
        LedgerError::HoldClosed(state) => No::Closed(Box::new(hold(state))),
        LedgerError::Superseded(state) => No::Superseded(Box::new(hold(state))),
        LedgerError::HoldExpired(state) => No::Expired(Box::new(hold(state))),
        LedgerError::OverCapture { total, hold } => No::Over(minor(*total), minor(*hold)),
        LedgerError::BelowCaptured { total, captured } => No::BelowCaptured(minor(*total), minor(*captured)),
        LedgerError::RefundTooLarge { amount, refundable } => {
            No::RefundTooLarge(minor(*amount), minor(*refundable))
        }
        LedgerError::TooLarge { .. } => No::TooLarge,
        LedgerError::Invalid { .. } => No::Invalid,
        other => panic!("no request here can be answered so: {other:?}"),
    }
}

/// An answer to a change.
pub(crate) fn answer<T, V>(
    answer: &Result<Applied<T>, LedgerError>,
    view: impl FnOnce(&T) -> V,
) -> naive::Answer<V> {
    match answer {
        Ok(applied) => Ok(Yes {
            value: view(applied.value()),
            before: minor(applied.available_before()),
            after: minor(applied.available_after()),
            seq: applied.seq(),
            replay: applied.is_replay(),
        }),
        Err(error) => Err(no(error)),
    }
}

/// What the model expects, as far as it can be told.
pub(crate) fn told<V>(answer: &naive::Answer<V>, expected: naive::Answer<V>) -> naive::Answer<V> {
    match (answer, expected) {
        (Err(no), Err(No::Any)) => Err(no.clone()),
        // A missing amount beyond the largest is told as the largest.
        (
            _,
            Err(No::Insufficient {
                requested,
                required,
                missing,
                posted,
                held,
                debt,
                seq,
                as_of,
                next_release,
            }),
        ) => {
            let missing = missing.min(i128::from(i64::MAX));
            Err(No::Insufficient {
                requested,
                required,
                missing,
                posted,
                held,
                debt,
                seq,
                as_of,
                next_release,
            })
        }
        (_, expected) => expected,
    }
}
