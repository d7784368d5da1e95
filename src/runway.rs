//! How long a balance will last.

/// How long a balance will last if spending goes on as it did: in whole days, rounded down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
}
