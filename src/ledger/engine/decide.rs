//! Asks the rules about one command, with what is known of its account.

use crate::account::Applied;
use crate::amount::Unit;
use crate::cap::Counted;
use crate::clock::Timestamp;
use crate::entry::Operation;
use crate::error::LedgerError;
use crate::hold::HoldState;
use crate::id::{IdempotencyKey, ScopeId};
use crate::ledger::engine::command::{Answer, Work};
use crate::ledger::engine::known::Known;
use crate::ledger::engine::window::Window;
use crate::ledger::reply::Found;
use crate::ledger::request::PostKind;
use crate::ledger::rules::{self, AccountState, Changes, Decision, Outcome, Source, Stop};
use crate::period::Period;

pub(super) type Scopes = Vec<(ScopeId, Period)>;

/// What came of it.
pub(super) enum Decided {
    /// Something changes.
    Changes(Box<Changes>, Answer),
    /// Nothing changes: a replay, a refusal, a read.
    Same(Result<Answer, LedgerError>),
    /// What is due has to be booked first.
    DueFirst,
    /// Rows are missing: those that the command names, and all counters of these scopes.
    Missing(Scopes),
}

/// Decides a command at `now`, and narrows the window in which the decision stays the same.
pub(super) fn decide(known: &Known, work: &Work, now: Timestamp, window: &mut Window) -> Decided {
    if let Some(missing) = missing(known, work) {
        return Decided::Missing(missing);
    }
    let state = match &known.state {
        Some(state) => state.clone(),
        None => AccountState::empty(work.unit().unwrap_or(Unit::NONE)),
    };
    window.account(&state.at(now));
    window.work(work);
    let counters = known.counters();
    let hold = |key: &IdempotencyKey| known.hold(key).map(|hold| &hold.record.hold);
    if let Some((Operation::Hold, key)) = work.key()
        && let Some(hold) = hold(key)
    {
        window.hold(hold);
    }
    match work {
        Work::Hold(request) => {
            let decision = rules::hold(&state, counters, hold(&request.key), request, now);
            decided(decision, Answer::Hold)
        }
        Work::Resize(request) => {
            let decision = rules::resize(&state, counters, hold(&request.key), request, now);
            decided(decision, Answer::Hold)
        }
        Work::Capture(request) => {
            let decision = rules::capture(&state, counters, hold(&request.key), request, now);
            decided(decision, Answer::Captured)
        }
        Work::Void(request) => {
            let decision = rules::void(&state, counters, hold(&request.key), request, now);
            decided(decision, Answer::Hold)
        }
        Work::Post(request) => {
            let source = match work.source() {
                Some((Operation::Hold, key)) => hold(key).map_or(Source::None, Source::Hold),
                Some((operation, key)) => known.entry(operation, key).map_or(Source::None, Source::Entry),
                None => Source::None,
            };
            match source {
                Source::Hold(hold) => window.hold(hold),
                Source::Entry(charge) => window.charge(charge),
                Source::None => {}
            }
            let known_entry = known.entry(request.kind.operation(), &request.key);
            decided(rules::post(&state, counters, known_entry, source, request, now), Answer::Entry)
        }
        Work::Find(request) => {
            Decided::Same(Ok(Answer::Found(found(known, request.operation, &request.key))))
        }
        Work::Read => {
            let state = known.state.as_ref().map(|state| Box::new(state.at(now)));
            Decided::Same(Ok(Answer::Account(state, now)))
        }
        // Nothing is left to do once what is due is booked.
        Work::Sweep { .. } => Decided::Same(Ok(Answer::Swept { released: 0, booked: 0, more: false })),
    }
}

fn decided<T>(decision: Decision<T>, answer: impl Fn(Applied<T>) -> Answer) -> Decided {
    match decision {
        Ok(Outcome { changes: Some(changes), reply }) => Decided::Changes(Box::new(changes), answer(reply)),
        Ok(Outcome { changes: None, reply }) => Decided::Same(Ok(answer(reply))),
        Err(Stop::Refuse(error)) => Decided::Same(Err(error)),
        Err(Stop::DueFirst) => Decided::DueFirst,
    }
}

fn found(known: &Known, operation: Operation, key: &IdempotencyKey) -> Found {
    match operation {
        Operation::Hold => {
            let hold = known.hold(key).map(|hold| Box::new(hold.record.hold.clone()));
            hold.map_or(Found::NotApplied, Found::Hold)
        }
        _ => {
            let entry = known.entry(operation, key).map(|entry| Box::new(entry.clone()));
            entry.map_or(Found::NotApplied, Found::Entry)
        }
    }
}

/// The scopes whose counters are needed and not known, if those or a row that the command names is missing. A hold or entry that the
/// command would make is taken for new.
fn missing(known: &Known, work: &Work) -> Option<Scopes> {
    // Without an account there are no rows.
    known.version?;
    let named = match work {
        Work::Hold(_) | Work::Post(_) => work.source(),
        Work::Resize(_) | Work::Capture(_) | Work::Void(_) => work.key(),
        Work::Find(_) | Work::Read | Work::Sweep { .. } => None,
    };
    let row_missing = named.is_some_and(|(operation, key)| !known.knows(operation, key));
    let mut scopes = scopes_of(work);
    if let Some((Operation::Hold, key)) = work.key()
        && let Some(hold) = known.hold(key)
    {
        scopes.extend(scopes_of_hold(&hold.record.hold));
    }
    scopes.retain(|scope| !known.knows_scope(scope));
    (row_missing || !scopes.is_empty()).then_some(scopes)
}

/// The scopes that a command names.
pub(super) fn scopes_of(work: &Work) -> Scopes {
    let caps = match work {
        Work::Hold(request) => &request.caps,
        Work::Resize(request) => &request.caps,
        Work::Post(request) => {
            if let PostKind::Credit(terms) = &request.kind
                && let Some((label, period)) = terms.label.as_ref().zip(terms.once_per)
            {
                return vec![(ScopeId::courtesy(label), period)];
            }
            &request.caps
        }
        _ => return Scopes::new(),
    };
    caps.iter().map(|cap| (cap.scope.clone(), cap.period)).collect()
}

/// The scopes that a hold counts in.
pub(super) fn scopes_of_hold(hold: &HoldState) -> Scopes {
    let scope = |counted: &Counted| (counted.key.scope.clone(), counted.key.period);
    let mut scopes: Scopes = hold.counted().iter().map(scope).collect();
    scopes.dedup();
    scopes
}
