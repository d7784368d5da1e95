//! How long a balance will last.

use serde::Serialize;

/// How long a balance will last if spending goes on as it did: in whole days, rounded down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Runway {
    pub(crate) at_least_days: u32,
    pub(crate) about_days: u32,
    pub(crate) at_most_days: Option<u32>,
}

impl Runway {
    /// The most days that are told, about ten years: what lasts longer is told as so long.
    pub const MAX_DAYS: u32 = 3_650;

    /// If it spends as fast as it may.
    #[must_use]
    pub const fn at_least_days(&self) -> u32 {
        self.at_least_days
    }

    /// At the average.
    #[must_use]
    pub const fn about_days(&self) -> u32 {
        self.about_days
    }

    /// If it spends as slowly as it may; `None` if that could be not at all.
    #[must_use]
    pub const fn at_most_days(&self) -> Option<u32> {
        self.at_most_days
    }

    /// What a host knows from a forecast of its own, in whole days. Of numbers that are not in order the later ones are
    /// raised.
    ///
    /// ```
    /// use billing_guard::Runway;
    ///
    /// let runway = Runway::new(5, 7, Some(10));
    /// assert_eq!((runway.at_least_days(), runway.about_days(), runway.at_most_days()), (5, 7, Some(10)));
    /// assert_eq!(Runway::new(5, 4, Some(3)), Runway::new(5, 5, Some(5)));
    /// ```
    #[must_use]
    pub fn new(at_least_days: u32, about_days: u32, at_most_days: Option<u32>) -> Self {
        let about_days = about_days.max(at_least_days);
        Self { at_least_days, about_days, at_most_days: at_most_days.map(|most| most.max(about_days)) }
    }
}
