//! Whether what was answered is right.

use crate::account::Novelty;
use crate::entry::Operation;
use crate::error::LedgerError;
use crate::id::IdempotencyKey;
use crate::ledger::engine::command::Answer;
use crate::ledger::engine::simulation::hostile::Rows;
use crate::ledger::engine::simulation::plan::Counts;
use crate::ledger::engine::simulation::truth::{Truth, Violation, require};
use crate::ledger::reply::Found;

/// A command that was submitted and is not answered.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) engine: usize,
    pub(super) account: usize,
    /// Its key, if it makes something under it.
    pub(super) makes: Option<(Operation, IdempotencyKey)>,
    pub(super) about: Option<(Operation, IdempotencyKey)>,
    pub(super) is_find: bool,
    pub(super) at: u64,
    /// What had been told of its account.
    pub(super) floor: u64,
}

/// Looks whether an answer given at moment number `step` is right.
pub(super) fn look_at(
    truth: &mut Truth,
    rows: &Rows,
    asked: &Asked,
    answer: &Result<Answer, LedgerError>,
    step: u64,
    counts: &mut Counts,
) -> Result<(), Violation> {
    let seq = rows.seq();
    let made = asked.about.as_ref().and_then(|name| truth.fates.get(name)).and_then(|fate| fate.made);
    let made_before = made.is_some_and(|made| made <= asked.at);
    let mut applied = |at: u64, novelty: Novelty| {
        if novelty == Novelty::Fresh {
            counts.changes += 1;
            return truth.told(seq, at, asked.floor);
        }
        counts.replays += 1;
        if let Some(name) = &asked.makes {
            let fate = &truth.fates[name];
            require!(FreshOnce, fate.submitted > 1, "{name:?} was used once and answered as a replay");
        }
        truth.seen(seq, at, asked.floor)
    };
    let mut is_certainly_not = false;
    match answer {
        Ok(Answer::Hold(hold)) => {
            applied(hold.seq, hold.novelty)?;
            let stored = rows.holds.get(&hold.value.key).map(|record| record.hold.rev);
            require!(Early, stored >= Some(hold.value.rev), "{:?} was told, there is {stored:?}", hold.value);
        }
        Ok(Answer::Captured(captured)) => applied(captured.seq, captured.novelty)?,
        Ok(Answer::Entry(entry)) => {
            applied(entry.seq, entry.novelty)?;
            let stored = rows.entries.get(&entry.value.seq).map(|record| &record.entry);
            let is_it = stored.is_some_and(|stored| {
                stored.key == entry.value.key && stored.posted_after == entry.value.posted_after
            });
            require!(Early, is_it, "{:?} was told, there is {stored:?}", entry.value);
        }
        Ok(Answer::Found(Found::NotApplied)) => {
            counts.absences += 1;
            let name = asked.about.as_ref().unwrap();
            require!(Untrue, !made_before, "{name:?} is not applied, and was at {made:?}");
            let fate = truth.fates.entry(name.clone()).or_default();
            // Whatever was asked of any engine before was answered before, or died with it.
            if fate.running == 0 && fate.touched < asked.at && fate.made.is_none() {
                fate.absent = true;
            }
        }
        Ok(Answer::Found(_)) => {
            require!(Early, made.is_some(), "{:?} was found, and is not there", asked.about);
        }
        Ok(Answer::Account(state, now)) => {
            counts.reads += 1;
            if let Some(state) = state {
                let next = state.next_due.min(state.grants.next_turn());
                require!(Overdue, next > state.time, "at {now} something is due since {next}");
                truth.seen(seq, state.seq, asked.floor)?;
                truth.was_true(rows, (state.seq, state.posted, state.held), asked.at, step)?;
            } else {
                truth.was_true(rows, (0, 0, 0), asked.at, step)?;
            }
        }
        Ok(Answer::Swept { .. }) => {}
        Err(error) => {
            is_certainly_not = true;
            match error {
                LedgerError::Insufficient(short) => {
                    counts.refusals += 1;
                    truth.refused(rows, short, asked.at, step)?;
                }
                LedgerError::UnknownHold => {
                    require!(Untrue, !made_before, "{:?} was made at {made:?}", asked.about);
                }
                LedgerError::Unavailable { .. } => counts.unavailable += 1,
                LedgerError::OutcomeUnknown { .. } => {
                    counts.unknown += 1;
                    is_certainly_not = false;
                }
                _ => {}
            }
        }
    }
    if let Some(name) = asked.makes.as_ref().filter(|_| is_certainly_not && !asked.is_find) {
        let fate = truth.fates.get_mut(name).unwrap();
        if fate.submitted == 1 {
            require!(Absent, fate.made.is_none(), "{name:?} was applied and answered {answer:?}");
            fate.absent = true;
        }
    }
    Ok(())
}
