//! How far the work under a hold has come: what all who share its handle see and change.

use std::time::{Duration, Instant};

use crate::account::Applied;
use crate::amount::Amount;
use crate::clock::Timestamp;
use crate::guard::error::Error;
use crate::hold::HoldState;
use crate::notice::Notice;
use crate::usage::Usage;

/// What becomes of a hold while its work is done. Whoever has it has it locked, and waits for nothing meanwhile.
#[derive(Debug)]
pub(super) struct Progress {
    /// `None` for work that is only observed.
    held: Option<Held>,
    pub(super) recorded: Usage,
    /// Whether the work was told to end for want of cover.
    pub(super) exhausted: bool,
    /// Whether it goes on though it would have been told to end, since the guard only observes.
    pub(super) goes_on: bool,
    pub(super) notices: Vec<Notice>,
    /// When the hold was made, or made to last longer.
    renewed: Instant,
    /// How long after that it was asked for last that it be made to last longer.
    asked: Option<Duration>,
}

/// Whether a hold is to be made to last longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Renewal {
    NotYet,
    /// It is time to, and no harm if it fails.
    InTime,
    /// As far as is known it is over, and what it set aside may be gone.
    Needed,
}

/// The hold as the ledger last showed it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    pub(super) total: Amount,
    /// What of it is still set aside.
    pub(super) reserve: i64,
    /// What was available then.
    pub(super) available: Amount,
    pub(super) rev: u32,
    pub(super) opened_at: Timestamp,
}

impl Held {
    pub(super) fn of(applied: &Applied<HoldState>) -> Self {
        Self::seen(applied.value(), applied.available_after())
    }

    fn seen(state: &HoldState, available: Amount) -> Self {
        let (total, reserve, rev) = (state.total(), state.reserve(), state.rev());
        Self { total, reserve, available, rev, opened_at: state.opened_at() }
    }
}

impl Progress {
    /// That of a hold that was asked for at `asked_at`.
    pub(super) fn new(held: Option<Held>, notices: Vec<Notice>, asked_at: Instant) -> Self {
        Self {
            held,
            recorded: Usage::new(),
            exhausted: false,
            goes_on: false,
            notices,
            renewed: asked_at,
            asked: None,
        }
    }

    pub(super) const fn held(&self) -> Option<Held> {
        self.held
    }

    /// What was recorded so far and this.
    pub(super) fn recorded_with(&self, usage: &Usage) -> Result<Usage, Error> {
        self.recorded.plus(usage).map_err(|error| Error::from_usage(&error))
    }

    /// Takes note of what a resize that was asked for at `asked_at` made of the hold, and of what there is to tell.
    pub(super) fn resized(&mut self, applied: &Applied<HoldState>, notices: Vec<Notice>, asked_at: Instant) {
        self.see(Held::of(applied));
        self.notices.extend(notices);
        if asked_at > self.renewed {
            (self.renewed, self.asked) = (asked_at, None);
        }
    }

    /// Takes note that the hold stood otherwise than was thought.
    pub(super) fn superseded(&mut self, state: &HoldState) {
        if let Some(known) = self.held {
            self.see(Held::seen(state, known.available));
        }
    }

    /// Answers may come in another order than the changes they tell of.
    fn see(&mut self, now: Held) {
        if self.held.is_none_or(|known| known.rev < now.rev) {
            self.held = Some(now);
        }
    }

    /// Whether to ask now that the hold last longer: when half of its lifetime is over, and as long as there is no answer
    /// once in an eighth of it. Whoever is told to is the only one, until all of its lifetime is over.
    pub(super) fn renewal(&mut self, lifetime: Duration) -> Renewal {
        let age = self.renewed.elapsed();
        if age >= lifetime {
            return Renewal::Needed;
        }
        let due = match self.asked {
            None => age.saturating_mul(2) > lifetime,
            Some(asked) => age.saturating_sub(asked).saturating_mul(8) > lifetime,
        };
        if !due {
            return Renewal::NotYet;
        }
        self.asked = Some(age);
        Renewal::InTime
    }

    /// As if nobody had been told to ask.
    pub(super) fn renews_again(&mut self) {
        self.asked = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::amount::Unit;

    const LIFETIME: Duration = Duration::from_secs(80);

    fn held(rev: u32, total: i64) -> Held {
        let cents = |minor| Unit::new("USD", 2).unwrap().minor(minor);
        Held {
            total: cents(total),
            reserve: total,
            available: cents(0),
            rev,
            opened_at: Timestamp::from_micros(0),
        }
    }

    /// As if the hold had been made, and asked about, so many seconds ago.
    fn after(progress: &mut Progress, seconds: u64) {
        progress.renewed = progress.renewed.checked_sub(Duration::from_secs(seconds)).unwrap();
    }

    #[test]
    fn one_asker_renews_when_half_is_over_and_the_next_an_eighth_later() {
        let mut progress = Progress::new(Some(held(1, 5)), Vec::new(), Instant::now());
        assert_eq!(progress.renewal(LIFETIME), Renewal::NotYet);
        after(&mut progress, 39);
        assert_eq!(progress.renewal(LIFETIME), Renewal::NotYet);
        after(&mut progress, 2);
        assert_eq!(progress.renewal(LIFETIME), Renewal::InTime);
        assert_eq!(progress.renewal(LIFETIME), Renewal::NotYet);
        after(&mut progress, 9);
        assert_eq!(progress.renewal(LIFETIME), Renewal::NotYet);
        after(&mut progress, 2);
        // No answer came.
        assert_eq!(progress.renewal(LIFETIME), Renewal::InTime);
        assert_eq!(progress.renewal(LIFETIME), Renewal::NotYet);
        progress.renews_again();
        assert_eq!(progress.renewal(LIFETIME), Renewal::InTime);
        // All of it is over: nobody may go on without.
        after(&mut progress, 28);
        assert_eq!(progress.renewal(LIFETIME), Renewal::Needed);
        assert_eq!(progress.renewal(LIFETIME), Renewal::Needed);
    }

    #[test]
    fn of_answers_in_any_order_the_latest_change_counts() {
        let mut progress = Progress::new(Some(held(3, 5)), Vec::new(), Instant::now());
        progress.see(held(5, 20));
        progress.see(held(4, 10));
        assert_eq!(progress.held().map(|held| (held.rev, held.total.minor())), Some((5, 20)));
    }
}
