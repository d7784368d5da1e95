//! One suite of checks for the [contract of a ledger](crate::Ledger#contract): run it on a ledger of your own.
//! (Feature `conformance`.)
//!
//! A ledger is made by implementing [`Ledger`]. Whether it keeps the contract is what these checks
//! tell, clause by clause. They send requests and look at the answers, and know nothing of what is behind.
//!
//! ```
//! use std::sync::Arc;
//! use billing_guard::{MemoryLedger, MemorySettings, conformance};
//!
//! // As a test of your own crate, with your ledger in place of this one:
//! conformance::run(&|clock| Arc::new(MemoryLedger::with_clock(MemorySettings::new(), clock)));
//! ```
//!
//! # What the ledger must offer
//!
//! * **A clock that can be moved.** Checks of lifetimes wait for nothing: they set the [`ManualClock`] that the ledger
//!   is made with. A ledger that asks its database for the time needs a way to be given this one instead.
//! * **A fresh ledger for each call.** Each check makes one or more and expects them empty: a new file, a schema or a
//!   prefix of its own. So checks may run at the same time.
//! * **Answers without a runtime.** Checks complete them with [`wait`](crate::wait). A ledger that needs a runtime
//!   drives its work there itself, which clause 3 asks of it anyway.
//! * **Keys kept as the contract says.** A ledger that states a tighter bound is checked with settings under which it
//!   keeps the usual one.
//!
//! # What is checked
//!
//! | clause | promise | about |
//! |---|---|---|
//! | 1 | Atomic | check and hold in one step, minimums, units, accounts apart; many threads that race for the last units |
//! | 2 | Idempotent | replays, conflicts and the field they name, also of credit and its terms; refusals that leave no trace |
//! | 3 | Submitted by the call | dropped futures, a void before any answer |
//! | 4 | Three outcomes | find, unknown holds and charges, the proof of a refusal |
//! | 5 | Lifetimes | expiry to the microsecond, sweeps, grace, clocks that go backwards, the order of what became due |
//! | 6 | Captures | above, below, partial and late, with grants too; resize, void and refund |
//! | 7 | Grants | what is a grant and which are one, the order of use, draws, starts and ends, debt, refunds, renewals, courtesies |
//! | 8 | Spend caps | what counts where and is given back, periods on the calendar and rolling, the proof of a refusal, races |
//! | 9 | Sums | balances, debt, chargebacks, statements and their pages; long histories of everything at once |
//! | 10 | Sequence | numbers of changes, thresholds, lists of holds, revisions, what a sweep books |
//! | 11 | Limits | both sides of each limit, amounts up to `i64::MAX` |
//!
//! Those of clauses 1 and 8 with `at once` in their names run 16 threads, and find a check made outside of the step that
//! holds or charges with all but certainty. How a ledger answers while its store is out of reach is for [`outages`], which
//! need a switch. What no check can show is behaviour after a crash, or of several processes on one store: those need tests
//! that know the store.
//!
//! The checks are checked themselves, by ledgers that are broken in some 170 ways: each says which checks find it.
//!
//! [`run`] says everything that fails. [`failures`] gives it as data, [`checks`] the checks one by one, for a test of
//! each or to leave out [the large one](Check::is_large) on a store that is slow.

#[cfg(test)]
pub(crate) mod broken;
mod clause_1;
mod clause_10;
mod clause_11;
mod clause_2;
mod clause_3;
mod clause_4;
mod clause_5;
mod clause_6;
mod clause_7;
mod clause_8;
mod clause_9;
mod failed;
pub mod outages;
mod world;

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, LazyLock};

use crate::clock::ManualClock;
use crate::ledger::Ledger;
use failed::{Checked, Failed};
use world::Make;

/// One promise of the contract, and how to see whether a ledger keeps it.
#[derive(Clone, Copy)]
pub struct Check {
    clause: u8,
    name: &'static str,
    large: bool,
    run: Run,
}

/// What a check has to be given.
#[derive(Clone, Copy)]
enum Run {
    Ledgers(fn(Make<'_>) -> Checked),
    Outages(fn(outages::Make<'_>) -> Checked),
}

/// The checks of one clause, by the names of their functions.
macro_rules! clause {
    ($clause:literal: $($name:ident)+ $(; large: $($large:ident)+)?) => {
        &[
            $($crate::conformance::Check::new($clause, stringify!($name), $name),)+
            $($($crate::conformance::Check::new($clause, stringify!($large), $large).large(),)+)?
        ]
    };
}
use clause;

impl Check {
    const fn new(clause: u8, name: &'static str, check: fn(Make<'_>) -> Checked) -> Self {
        Self { clause, name, large: false, run: Run::Ledgers(check) }
    }

    const fn of_outages(clause: u8, name: &'static str, check: fn(outages::Make<'_>) -> Checked) -> Self {
        Self { clause, name, large: false, run: Run::Outages(check) }
    }

    const fn large(self) -> Self {
        Self { large: true, ..self }
    }

    /// The number of the clause.
    #[must_use]
    pub const fn clause(&self) -> u8 {
        self.clause
    }

    /// The promise, in words joined by `_`. No two checks have the same name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Whether it sends a million requests. The others send some 10,000 at most, and most of them ten.
    #[must_use]
    pub const fn is_large(&self) -> bool {
        self.large
    }

    /// Checks one or more fresh ledgers made by `make`.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use billing_guard::{MemoryLedger, MemorySettings, conformance};
    ///
    /// for check in conformance::checks().iter().filter(|check| check.clause() == 3) {
    ///     check.run(&|clock| Arc::new(MemoryLedger::with_clock(MemorySettings::new(), clock)));
    /// }
    /// ```
    ///
    /// # Panics
    /// If the ledger does not keep the promise. The message names clause and check, and says what differed.
    #[track_caller]
    pub fn run(&self, make: &dyn Fn(Arc<ManualClock>) -> Arc<dyn Ledger>) {
        if let Err(failure) = self.try_run(make) {
            panic!("{failure}");
        }
    }

    /// Checks one or more fresh ledgers made by `make`, and gives what differed by value.
    ///
    /// # Errors
    /// If the ledger does not keep the promise, or panics; for a check of [`outages`], which needs a ledger that can be
    /// cut off.
    pub fn try_run(&self, make: &dyn Fn(Arc<ManualClock>) -> Arc<dyn Ledger>) -> Result<(), Failure> {
        self.try_with(|run| match run {
            Run::Ledgers(check) => check(make),
            Run::Outages(_) => {
                Err(Failed::new("this check needs a ledger that can be cut off from its store"))
            }
        })
    }

    fn try_with(&self, run: impl FnOnce(Run) -> Checked) -> Result<(), Failure> {
        // Checks do not panic, ledgers may. What one leaves half done is dropped with it.
        let what = match catch_unwind(AssertUnwindSafe(|| run(self.run))) {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(failed)) => format!("{} ({}:{})", failed.what, failed.at.file(), failed.at.line()),
            Err(payload) => format!("panicked: {}", message(&*payload)),
        };
        Err(Failure { check: *self, what })
    }
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Check")
            .field("clause", &self.clause)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// For people: `clause 5, no hold expires twice`.
impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "clause {}, {}", self.clause, self.name.replace('_', " "))
    }
}

/// The text of a panic.
fn message(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("no message")
}

/// A promise that a ledger did not keep.
#[derive(Clone, Debug)]
pub struct Failure {
    check: Check,
    what: String,
}

impl Failure {
    /// The check that failed.
    #[must_use]
    pub const fn check(&self) -> Check {
        self.check
    }

    /// What differed, and where in the suite.
    #[must_use]
    pub fn what(&self) -> &str {
        &self.what
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.check, self.what)
    }
}

impl std::error::Error for Failure {}

static ALL: LazyLock<Vec<Check>> = LazyLock::new(|| {
    [
        clause_1::CHECKS,
        clause_1::THREADS,
        clause_2::CHECKS,
        clause_2::OF_CREDIT,
        clause_3::CHECKS,
        clause_4::CHECKS,
        clause_5::CHECKS,
        clause_5::OF_CREDIT,
        clause_6::CHECKS,
        clause_6::WITH_GRANTS,
        clause_7::BOOKING,
        clause_7::ROOM,
        clause_7::TURNS,
        clause_7::ORDER,
        clause_7::DRAWS,
        clause_7::DEBT,
        clause_7::REFUNDS,
        clause_7::RENEWALS,
        clause_8::CHECKS,
        clause_8::PERIODS,
        clause_8::CALENDARS,
        clause_8::ROLLING,
        clause_8::REFUSALS,
        clause_8::KEPT,
        clause_8::THREADS,
        clause_9::CHECKS,
        clause_9::HISTORIES,
        clause_10::CHECKS,
        clause_11::CHECKS,
        clause_11::OF_AMOUNTS,
        clause_11::OF_CREDIT,
    ]
    .concat()
});

/// All checks, clause by clause.
#[must_use]
pub fn checks() -> &'static [Check] {
    &ALL
}

/// Runs all checks, and gives those that failed. Prints nothing, but what the ledger itself does.
///
/// ```
/// use std::sync::Arc;
/// use billing_guard::conformance;
/// use billing_guard::testing::UnreachableLedger;
///
/// let failures = conformance::failures(&|_clock| Arc::new(UnreachableLedger::not_applied()));
/// assert_eq!(failures.len(), conformance::checks().len());
/// ```
#[must_use]
pub fn failures(make: &dyn Fn(Arc<ManualClock>) -> Arc<dyn Ledger>) -> Vec<Failure> {
    checks().iter().filter_map(|check| check.try_run(make).err()).collect()
}

/// Runs all checks.
///
/// # Panics
/// If any fails, when all have run. The message lists each that failed, by clause and name, with what differed.
#[track_caller]
pub fn run(make: &dyn Fn(Arc<ManualClock>) -> Arc<dyn Ledger>) {
    list(&failures(make), checks().len());
}

/// Panics with a list of what failed, if anything did.
#[track_caller]
fn list(failures: &[Failure], checks: usize) {
    if failures.is_empty() {
        return;
    }
    let lines: Vec<_> = failures.iter().map(Failure::to_string).collect();
    panic!("{} of {checks} checks failed:\n{}", failures.len(), lines.join("\n"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::memory::{MemoryLedger, MemorySettings};
    use crate::testing::UnreachableLedger;
    use std::collections::BTreeSet;

    fn memory(clock: Arc<ManualClock>) -> Arc<dyn Ledger> {
        Arc::new(MemoryLedger::with_clock(MemorySettings::new(), clock))
    }

    fn named(name: &str) -> Check {
        *checks().iter().find(|check| check.name() == name).unwrap()
    }

    #[test]
    fn the_memory_ledger_keeps_the_contract() {
        // The large one runs with the feature, in tests/contract.rs.
        let small = checks().iter().filter(|check| !check.is_large());
        let failures: Vec<_> = small.filter_map(|check| check.try_run(&memory).err()).collect();
        assert!(failures.is_empty(), "{failures:#?}");
    }

    #[test]
    fn every_check_has_a_name_of_its_own_and_clauses_come_in_order() {
        let all = || checks().iter().chain(outages::checks());
        let names: BTreeSet<_> = all().map(Check::name).collect();
        assert_eq!(names.len(), all().count());
        assert!(checks().is_sorted_by_key(Check::clause));
    }

    #[test]
    fn a_ledger_that_never_answers_passes_no_check() {
        for ledger in [UnreachableLedger::not_applied(), UnreachableLedger::outcome_unknown()] {
            assert_eq!(failures(&|_| Arc::new(ledger)).len(), checks().len());
        }
    }

    #[test]
    fn a_failure_says_clause_check_what_differed_and_where() {
        // A clock of its own, which nobody moves.
        let stopped = |_| memory(Arc::new(ManualClock::new()));
        let failures = failures(&stopped);
        assert!(failures.iter().any(|failure| failure.check().clause() == 5));
        assert!(
            failures
                .iter()
                .all(|failure| failure.check().clause() != 3 || failure.what().contains("clause_3"))
        );
        let failure = named("no_hold_expires_twice").try_run(&stopped).unwrap_err();
        let text = failure.to_string();
        assert!(text.starts_with("clause 5, no hold expires twice: "), "{text}");
        assert!(text.contains("released()") && text.contains("found 0, expected 1"), "{text}");
        assert!(text.contains("clause_5.rs:"), "{text}");
        // A helper's failure is placed where the check called it, and so is a `?`.
        let text =
            named("a_repeated_hold_after_expiry_is_a_replay").try_run(&stopped).unwrap_err().to_string();
        assert!(text.contains("clause_5.rs:"), "{text}");
        let down = |_| Arc::new(UnreachableLedger::not_applied()) as Arc<dyn Ledger>;
        let text = named("late_debt").try_run(&down).unwrap_err().to_string();
        assert!(text.contains("clause_6.rs:") && text.contains("cannot be reached"), "{text}");
    }

    #[test]
    #[should_panic(expected = "checks failed:\nclause 1, check and hold are one step: ")]
    fn running_all_lists_what_failed() {
        run(&|_| Arc::new(UnreachableLedger::not_applied()));
    }

    #[test]
    #[should_panic(expected = "clause 2, a repeated void is a replay: this must succeed")]
    fn running_one_says_what_failed() {
        named("a_repeated_void_is_a_replay").run(&|_| Arc::new(UnreachableLedger::not_applied()));
    }

    #[test]
    fn a_panic_is_a_failure() {
        let failure =
            named("late_debt").try_run(&|_| std::panic::resume_unwind(Box::new("no store"))).unwrap_err();
        assert_eq!(failure.what(), "panicked: no store");
    }
}
