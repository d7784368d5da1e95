//! The stated limits of the ledger's contract (clause 11).

use std::time::Duration;

/// Limits that hold for every ledger.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Limits;

impl Limits {
    /// The shortest lifetime of a hold.
    pub const MIN_LIFETIME: Duration = Duration::from_millis(1);
    /// The longest lifetime of a hold, from now.
    pub const MAX_LIFETIME: Duration = Duration::from_secs(30 * 24 * 60 * 60);
    /// The lifetime of a hold where none is stated.
    pub const DEFAULT_LIFETIME: Duration = Duration::from_secs(5 * 60);
    /// The longest grace after a hold's end.
    pub const MAX_GRACE: Duration = Duration::from_secs(24 * 60 * 60);
    /// The grace where none is stated.
    pub const DEFAULT_GRACE: Duration = Duration::from_secs(30);
    /// The most open holds of one account.
    pub const MAX_OPEN_HOLDS: u32 = 1_000_000;
    /// The most entries or holds in one page.
    pub const MAX_PAGE: u32 = 1_000;
    /// The most holds that one sweep releases.
    pub const MAX_SWEEP: u32 = 10_000;
    /// The shortest time for which the key of a closed hold is kept.
    pub const KEY_RETENTION: Duration = Duration::from_secs(24 * 60 * 60);

    pub(crate) fn allow_lifetime(lifetime: Duration) -> bool {
        (Self::MIN_LIFETIME..=Self::MAX_LIFETIME).contains(&lifetime)
    }

    pub(crate) fn allow_grace(grace: Duration) -> bool {
        grace <= Self::MAX_GRACE
    }
}
