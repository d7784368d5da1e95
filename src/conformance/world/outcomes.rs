//! What a change must have done.

use std::fmt;

use crate::account::Applied;
use crate::amount::Amount;
use crate::audit;
use crate::conformance::failed::{Checked, ensure, ensure_eq, fail};
use crate::conformance::world::{Answer, World, refusal};
use crate::entry::Entry;
use crate::error::{LedgerError, Shortfall};
use crate::hold::{HoldState, HoldStatus};
use crate::ledger::future;

impl World {
    /// Runs something that must leave no trace.
    #[track_caller]
    pub(crate) fn without_a_trace<T>(&self, run: impl FnOnce() -> T) -> Checked<T> {
        let before = self.picture()?;
        let answer = run();
        ensure_eq!(self.picture()?, before, "something was changed");
        Ok(answer)
    }

    /// Refused, with nothing changed.
    #[track_caller]
    pub(crate) fn refused<T: fmt::Debug>(&self, run: impl FnOnce() -> Answer<T>) -> Checked<LedgerError> {
        refusal(self.without_a_trace(run)?)
    }

    /// A replay, with nothing changed.
    #[track_caller]
    pub(crate) fn replayed<T: fmt::Debug>(&self, run: impl FnOnce() -> Answer<T>) -> Checked<T> {
        let seq = self.seq()?;
        let applied = self.without_a_trace(run)??;
        ensure!(applied.is_replay(), "{applied:?}");
        ensure_eq!(applied.seq(), seq, "a replay carries the latest change's number");
        ensure_eq!(applied.available_after().minor(), self.available()?, "available after a replay");
        ensure_eq!(applied.available_before(), applied.available_after(), "a replay changes nothing");
        Ok(applied.into_value())
    }

    /// The field that a conflict names. A content field may stand in quotes.
    #[track_caller]
    pub(crate) fn conflict<T: fmt::Debug>(&self, run: impl FnOnce() -> Answer<T>) -> Checked<String> {
        match self.refused(run)? {
            LedgerError::KeyConflict { field } => Ok(field.trim_matches('"').to_owned()),
            other => fail!("this must be a conflict: {other:?}"),
        }
    }

    /// The proof of a refusal for lack of balance.
    #[track_caller]
    pub(crate) fn short<T: fmt::Debug>(&self, run: impl FnOnce() -> Answer<T>) -> Checked<Shortfall> {
        let seq = self.seq()?;
        match self.refused(run)? {
            LedgerError::Insufficient(short) => {
                ensure_eq!(short.seq(), seq, "a refusal carries the number it was decided on");
                Ok(*short)
            }
            other => fail!("this must be refused for lack of balance: {other:?}"),
        }
    }

    /// Fresh, and the next change: one number further, from what was available to what is.
    #[track_caller]
    pub(crate) fn fresh<T: fmt::Debug>(&self, run: impl FnOnce() -> Answer<T>) -> Checked<T> {
        let applied = self.fresh_then(0, run)?;
        ensure_eq!(applied.available_after().minor(), self.available()?, "available after the change");
        Ok(applied.into_value())
    }

    /// Fresh, and followed at once by so many changes of the account's own.
    #[track_caller]
    pub(crate) fn fresh_then<T: fmt::Debug>(
        &self,
        more: u64,
        run: impl FnOnce() -> Answer<T>,
    ) -> Checked<Applied<T>> {
        let before = self.balance()?;
        let applied = run()?;
        ensure!(!applied.is_replay(), "{applied:?}");
        ensure_eq!(applied.seq(), before.seq() + 1, "each change has the next number");
        ensure_eq!(applied.available_before(), before.available(), "available before the change");
        ensure_eq!(self.seq()?, applied.seq() + more, "the latest change's number");
        self.check_sums()?;
        Ok(applied)
    }

    /// Clause 9: the sums, from what can be read.
    #[track_caller]
    pub(crate) fn check_sums(&self) -> Checked {
        let picture = self.picture()?;
        let sum = |amounts: &mut dyn Iterator<Item = Amount>| -> i128 {
            amounts.map(|amount| i128::from(amount.minor())).sum()
        };
        let (entries, holds) = (&picture.entries, &picture.holds);
        ensure_eq!(
            sum(&mut entries.iter().map(Entry::amount)),
            picture.posted.into(),
            "the sum of the entries"
        );
        ensure_eq!(
            sum(&mut holds.iter().map(HoldState::reserved)),
            picture.held.into(),
            "the sum of the holds"
        );
        ensure_eq!(holds.len(), picture.open_holds as usize, "the number of open holds");
        ensure!(holds.iter().all(|hold| hold.status() == HoldStatus::Open), "{holds:?}");
        self.check_books()
    }

    /// Clause 9 in full: everything that rows come to.
    #[track_caller]
    pub(crate) fn check_books(&self) -> Checked {
        let audit = future::wait(audit::verify(&*self.ledger, &self.account, self.usd))?;
        ensure!(audit.is_clean(), "the books do not agree: {:?}", audit.discrepancies());
        Ok(())
    }
}
