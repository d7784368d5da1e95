//! What replies have told of an account, kept with it, so that each crossing of a threshold is told once.

use crate::clock::Timestamp;
use crate::few::Few;
use crate::grant::Grants;
use crate::id::Label;

/// What is kept with an account about what its customer heard and did. Numbers only: thresholds are the host's, and come
/// with each request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    /// The lowest settled balance that a reply about work has told since credit last came in.
    pub(crate) lowest: i64,
    /// When a reply about work told of the account last.
    pub(crate) at: Timestamp,
    /// The latest top-up, and the number of its entry; 0 before the first.
    pub(crate) top_up: i64,
    pub(crate) top_up_seq: u64,
}

impl Told {
    /// Of an account that does not exist.
    pub(crate) const NOTHING: Self =
        Self { lowest: 0, at: Timestamp::from_micros(i64::MIN), top_up: 0, top_up_seq: 0 };

    /// After `raised` came in, which makes the settled balance `posted`: thresholds up to there are armed again if it is a
    /// tenth of the balance, and otherwise those that the balance is a tenth above. A small refund does not make a crossing
    /// that was told one to be told again.
    pub(crate) fn credited(&mut self, raised: i64, posted: i64) {
        let margin = posted.max(0).checked_div(10).unwrap_or(0);
        let armed = if raised >= margin { posted } else { posted.saturating_sub(margin) };
        self.lowest = self.lowest.max(armed);
    }

    /// After a reply told that so much is posted.
    pub(crate) fn told(&mut self, posted: i64, at: Timestamp) {
        self.lowest = self.lowest.min(posted);
        self.at = self.at.max(at);
    }
}

/// How much of a spend cap is spent, where more of it is than a reply has told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Level {
    pub(crate) label: Option<Label>,
    pub(crate) limit: i64,
    pub(crate) used: i64,
    /// The most that was told of the period before.
    pub(crate) told: i64,
    pub(crate) resets_at: Option<Timestamp>,
}

/// What a reply says of the account beside what was asked, for the notices: as it is after the change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) posted: i64,
    pub(crate) at: Timestamp,
    /// What had been told before this reply, with the credit that came in with it counted.
    pub(crate) told: Told,
    pub(crate) grants: Grants,
    pub(crate) levels: Few<Level>,
}

impl Standing {
    /// Of nothing: an account that does not exist.
    pub(crate) const NOTHING: Self = Self {
        posted: 0,
        at: Told::NOTHING.at,
        told: Told::NOTHING,
        grants: Grants::NONE,
        levels: Few::None,
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(lowest: i64) -> Told {
        Told { lowest, ..Told::NOTHING }
    }

    #[test]
    fn credit_arms_what_it_lifts_the_balance_well_above() {
        for (lowest, raised, posted, armed) in [
            // A top-up, and a first one.
            (4, 10, 14, 14),
            (0, 100, 100, 100),
            // Exactly a tenth is enough.
            (90, 10, 100, 100),
            // A small refund back over what was told arms nothing near it, but what is a tenth below.
            (99, 2, 101, 99),
            (50, 1, 101, 91),
            // Many small ones do in the end.
            (99, 5, 120, 108),
            // Out of debt.
            (-9, 4, -5, -5),
            (i64::MIN, 1, i64::MAX, i64::MAX - i64::MAX / 10),
        ] {
            let mut told = at(lowest);
            told.credited(raised, posted);
            assert_eq!(told.lowest, armed, "{raised} to {posted}");
        }
    }

    #[test]
    fn what_was_told_only_falls_until_credit_comes_in() {
        let mut told = at(10);
        for (posted, lowest) in [(8, 8), (9, 8), (3, 3), (3, 3)] {
            told.told(posted, Timestamp::default());
            assert_eq!(told.lowest, lowest);
        }
    }
}
