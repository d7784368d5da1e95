//! For how long a decision stays the same.

use std::time::Duration;

use crate::cap::{Caps, Counted};
use crate::clock::Timestamp;
use crate::entry::Entry;
use crate::grant::Draw;
use crate::hold::HoldState;
use crate::ledger::engine::command::Work;
use crate::ledger::request::PostKind;
use crate::ledger::rules::AccountState;
use crate::period::Period;

/// How long at most: what is written says when it was decided, and that should be true.
const LONGEST: Duration = Duration::from_secs(2);

/// From when a decision may be another one. It is made at `at`, which is `now` unless the account is later already.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    at: Timestamp,
    until: Timestamp,
}

impl Window {
    pub(super) fn new(now: Timestamp) -> Self {
        Self { at: now, until: now.saturating_add(LONGEST) }
    }

    pub(super) const fn until(&self) -> Timestamp {
        self.until
    }

    /// Nothing that comes later than the present matters before it does.
    fn ends(&mut self, at: Timestamp) {
        if at > self.at {
            self.until = self.until.min(at);
        }
    }

    /// What is decided on this account: its credit starts and ends.
    pub(super) fn account(&mut self, account: &AccountState) {
        self.at = self.at.max(account.time);
        for grant in account.grants.list() {
            self.between(grant.origin.starts_at, grant.origin.ends_at);
        }
    }

    /// What is decided about this hold: it is released.
    pub(super) fn hold(&mut self, hold: &HoldState) {
        if hold.is_open() {
            self.ends(hold.release_at);
        }
        self.draws(&hold.draws);
        self.counted(hold.counted());
    }

    /// What is decided about this charge.
    pub(super) fn charge(&mut self, charge: &Entry) {
        self.draws(charge.draws());
        self.counted(charge.counted());
    }

    /// What this request is about: its periods end.
    pub(super) fn work(&mut self, work: &Work) {
        match work {
            Work::Hold(request) => self.caps(&request.caps),
            Work::Resize(request) => self.caps(&request.caps),
            Work::Post(request) => {
                self.caps(&request.caps);
                if let PostKind::Credit(terms) = &request.kind {
                    self.between(terms.starts_at, terms.ends_at);
                    if let Some(period) = terms.once_per {
                        self.period(period);
                    }
                }
            }
            _ => {}
        }
    }

    fn caps(&mut self, caps: &Caps) {
        for cap in caps.iter() {
            self.period(cap.period);
        }
    }

    fn counted(&mut self, counted: &[Counted]) {
        for counted in counted {
            self.period(counted.key.period);
        }
    }

    fn draws(&mut self, draws: &[Draw]) {
        for origin in draws.iter().filter_map(|draw| draw.origin.as_ref()) {
            self.between(origin.starts_at, origin.ends_at);
        }
    }

    fn between(&mut self, starts_at: Option<Timestamp>, ends_at: Option<Timestamp>) {
        for at in starts_at.into_iter().chain(ends_at) {
            self.ends(at);
        }
    }

    fn period(&mut self, period: Period) {
        self.ends(period.end_of(period.start_of(self.at)));
    }
}
