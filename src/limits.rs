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
    /// The most grants of one account at a time, plain credit not counted. A top-up or refund beyond joins the credit
    /// that ends next after it; a grant beyond is refused.
    pub const MAX_GRANTS: usize = 32;
    /// How long credit that was bought and has ended can be used again after a refund, unless the refund says otherwise.
    pub const REVIVAL: Duration = Duration::from_secs(30 * 24 * 60 * 60);
    /// The longest that a refund can state.
    pub const MAX_REVIVAL: Duration = Duration::from_secs(366 * 24 * 60 * 60);
    /// The most caps with a limit in one request.
    pub const MAX_CAPS: usize = 8;
    /// The most counters without a limit in one request.
    pub const MAX_COUNTERS: usize = 4;
    /// The most entries, holds or counters in one page.
    pub const MAX_PAGE: u32 = 1_000;
    /// The most holds and grants whose end one sweep books.
    pub const MAX_SWEEP: u32 = 10_000;
    /// The shortest time for which the key of a closed hold is kept.
    pub const KEY_RETENTION: Duration = Duration::from_secs(24 * 60 * 60);

    pub(crate) fn allow_lifetime(lifetime: Duration) -> bool {
        (Self::MIN_LIFETIME..=Self::MAX_LIFETIME).contains(&lifetime)
    }

    pub(crate) fn allow_revival(lifetime: Duration) -> bool {
        (Self::MIN_LIFETIME..=Self::MAX_REVIVAL).contains(&lifetime)
    }

    pub(crate) fn allow_grace(grace: Duration) -> bool {
        grace <= Self::MAX_GRACE
    }
}
