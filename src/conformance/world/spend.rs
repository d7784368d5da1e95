//! Spend caps and counters: how checks ask for them, and what they see.

use std::time::Duration;

use crate::cap::{Cap, Caps};
use crate::clock::Timestamp;
use crate::conformance::failed::{Checked, ensure, ensure_eq, fail};
use crate::conformance::world::{Answer, World};
use crate::entry::Entry;
use crate::error::{CapReached, LedgerError};
use crate::hold::HoldState;
use crate::id::ScopeId;
use crate::ledger::future;
use crate::ledger::reply::CountersPage;
use crate::ledger::request::CountersRequest;
use crate::limits::Limits;
use crate::period::Period;

pub(crate) const DAY: Duration = Duration::from_secs(24 * 60 * 60);

pub(crate) fn scope(name: &str) -> ScopeId {
    ScopeId::new(name).expect("a scope of the suite")
}

pub(crate) fn caps(caps: impl IntoIterator<Item = Cap>) -> Caps {
    Caps::new(caps).expect("caps of the suite")
}

impl World {
    /// So much under a scope a day.
    pub(crate) fn daily(&self, name: &str, limit: i64) -> Cap {
        Cap::new(scope(name), Period::day(), self.amount(limit))
    }

    /// A single cap: so much under a scope a day.
    pub(crate) fn a_day(&self, name: &str, limit: i64) -> Caps {
        caps([self.daily(name, limit)])
    }

    pub(crate) fn hold_under(&self, name: &str, minor: i64, caps: &Caps) -> Answer<HoldState> {
        self.hold_with(self.hold_request(name, minor).with_caps(caps.clone()))
    }

    /// A hold that lasts for three weeks.
    pub(crate) fn long_hold_under(&self, name: &str, minor: i64, caps: &Caps) -> Answer<HoldState> {
        self.hold_with(self.long_hold(name, minor).with_caps(caps.clone()))
    }

    pub(crate) fn charge_under(&self, name: &str, minor: i64, caps: &Caps) -> Answer<Entry> {
        self.post_with(self.charge_request(name, minor).with_caps(caps.clone()))
    }

    /// Resizes a hold from its present revision.
    pub(crate) fn resize_under(&self, name: &str, total: i64, caps: &Caps) -> Answer<HoldState> {
        let rev = match self.find_hold(name) {
            Ok(Some(hold)) => hold.rev(),
            _ => 0,
        };
        let request = self.resize_request(name, rev).with_total(self.amount(total));
        self.resize_with(request.with_caps(caps.clone()))
    }

    /// An hour into a day, counted from the one that checks begin in.
    pub(crate) fn on_day(&self, day: u32) {
        self.clock.set(self.start_of_day(day).saturating_add(Duration::from_secs(3_600)));
    }

    /// Checks begin at the start of a day.
    pub(crate) fn start_of_day(&self, day: u32) -> Timestamp {
        let first = crate::clock::Clock::now(&crate::clock::ManualClock::new());
        first.saturating_add(DAY * day)
    }

    pub(crate) fn counters_request(&self) -> CountersRequest {
        CountersRequest::new(self.account.clone())
    }

    pub(crate) fn counters(&self, request: CountersRequest) -> Result<CountersPage, LedgerError> {
        future::wait(self.ledger.counters(request))
    }

    /// What counts under a scope a day: the day, what is used, what is held. Days of nothing are left out.
    #[track_caller]
    pub(crate) fn days_of(&self, name: &str) -> Checked<Vec<(i64, i64, i64)>> {
        let request = self.counters_request().with_scope(scope(name)).with_limit(Limits::MAX_PAGE);
        let page = self.counters(request)?;
        let first = self.start_of_day(0).as_micros();
        let mut days = vec![];
        for counter in page.counters().iter().filter(|counter| counter.period() == Period::day()) {
            let since = counter.start().as_micros() - first;
            let length = i64::try_from(DAY.as_micros())?;
            ensure_eq!(since.rem_euclid(length), 0, "a day begins at midnight");
            ensure_eq!(counter.end().as_micros(), counter.start().as_micros() + length, "a day ends with it");
            let (used, held) = (counter.used().minor(), counter.held().minor());
            if (used, held) != (0, 0) {
                days.push((since.div_euclid(length), used, held));
            }
        }
        ensure!(days.is_sorted(), "{days:?}");
        Ok(days)
    }

    /// The proof of a refusal by a cap.
    #[track_caller]
    pub(crate) fn capped<T: std::fmt::Debug>(&self, run: impl FnOnce() -> Answer<T>) -> Checked<CapReached> {
        let seq = self.seq()?;
        match self.refused(run)? {
            LedgerError::CapReached(reached) => {
                ensure_eq!(reached.seq(), seq, "a refusal carries the number it was decided on");
                Ok(*reached)
            }
            other => fail!("this must be refused by a cap: {other:?}"),
        }
    }
}
