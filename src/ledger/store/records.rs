//! What a store keeps.

use std::fmt;
use std::hash::{BuildHasher, RandomState};

use crate::amount::Unit;
use crate::clock::Timestamp;
use crate::entry::Entry;
use crate::hold::HoldState;
use crate::ledger::rules::AccountState;
use crate::ledger::store::asks::Turn;

/// The newest format of records that is known here, and the one that is written.
pub(crate) const FORMAT: u16 = 1;

/// A random number that a commit leaves on what it writes: by it a commit is recognised whose answer got lost, and two
/// histories that reached the same sequence number are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stamp([u8; 16]);

impl Stamp {
    /// From its bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0
    }
}

/// 32 hexadecimal digits.
impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

/// Makes stamps from a seed and a counter.
#[derive(Debug)]
pub(crate) struct Stamps {
    seed: [u64; 2],
    next: u64,
}

impl Stamps {
    /// Stamps that nobody else makes: from the standard library's hash seeds, the clock and the process.
    pub(crate) fn unique() -> Self {
        let origin = (std::time::SystemTime::now(), std::process::id());
        Self { seed: [RandomState::new().hash_one(origin), RandomState::new().hash_one(origin)], next: 0 }
    }

    /// The same stamps for the same seed, for runs that can be repeated.
    #[cfg(test)]
    pub(crate) const fn seeded(seed: u64) -> Self {
        Self { seed: [seed, !seed], next: 0 }
    }

    pub(crate) fn next(&mut self) -> Stamp {
        self.next = self.next.wrapping_add(1);
        let half = |seed: u64| mix(seed.wrapping_add(self.next.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        let [first, second] = self.seed.map(half);
        Stamp((u128::from(first).wrapping_shl(64) | u128::from(second)).to_be_bytes())
    }
}

/// The finisher of SplitMix64: a bijection, so one seed gives no stamp twice.
const fn mix(mut z: u64) -> u64 {
    z = (z ^ z.wrapping_shr(30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ z.wrapping_shr(27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z.wrapping_shr(31)
}

/// By what an account's state is recognised: each commit makes another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Version {
    /// How many commits have written the account: 1 for the first.
    pub commits: u64,
    /// The stamp of the latest.
    pub stamp: Stamp,
}

/// An account as a store keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountRecord {
    pub(crate) state: AccountState,
    pub(crate) version: Version,
    pub(crate) format: u16,
}

impl AccountRecord {
    /// What it is recognised by.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.version
    }

    /// The number of its latest change. 0 if it was only fenced: then it counts as an account that does not exist.
    #[must_use]
    pub const fn seq(&self) -> u64 {
        self.state.seq
    }

    /// The format that its records have.
    #[must_use]
    pub const fn format(&self) -> u16 {
        self.format
    }

    /// Its unit.
    #[must_use]
    pub const fn unit(&self) -> Unit {
        self.state.unit
    }

    /// When the first of its holds is to be released or the first of its grants starts or ends, or earlier: never later.
    #[must_use]
    pub fn next_due(&self) -> Timestamp {
        self.state.next_due.min(self.state.grants.next_turn())
    }
}

/// A hold as a store keeps it, found by its account and key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoldRecord {
    pub(crate) hold: HoldState,
    /// Of the commit that made it.
    pub(crate) stamp: Stamp,
    pub(crate) kept_until: Timestamp,
}

impl HoldRecord {
    pub(crate) const fn new(hold: HoldState, stamp: Stamp) -> Self {
        Self { hold, stamp, kept_until: Timestamp::MAX }
    }

    /// The same hold after a change at `now`: once it is closed, its key is kept only so long.
    pub(crate) fn changed(&mut self, hold: HoldState, now: Timestamp) {
        self.kept_until = if hold.is_open() { Timestamp::MAX } else { hold.kept_until(now) };
        self.hold = hold;
    }

    /// The hold.
    #[must_use]
    pub const fn hold(&self) -> &HoldState {
        &self.hold
    }

    /// The stamp of the commit that made it.
    #[must_use]
    pub const fn stamp(&self) -> Stamp {
        self.stamp
    }

    /// Until when it must be kept; [`Timestamp::MAX`] while it is open.
    #[must_use]
    pub const fn kept_until(&self) -> Timestamp {
        self.kept_until
    }
}

/// An entry as a store keeps it, found by its account and sequence number, and if it is of
/// [`Operation::Charge`](crate::Operation::Charge) or [`Operation::Credit`](crate::Operation::Credit) by its
/// account, operation and key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryRecord {
    pub(crate) entry: Entry,
    pub(crate) stamp: Stamp,
}

impl EntryRecord {
    /// The entry.
    #[must_use]
    pub const fn entry(&self) -> &Entry {
        &self.entry
    }

    /// The stamp of the commit that made it.
    #[must_use]
    pub const fn stamp(&self) -> Stamp {
        self.stamp
    }

    /// Whether no other entry of the account may have the same operation and key.
    #[must_use]
    pub const fn has_key(&self) -> bool {
        self.entry.operation.is_posted()
    }
}

/// A turn as it is kept with the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TurnRecord {
    /// Who has it.
    pub by: Stamp,
    /// Until when, on the store's clock.
    pub until: Timestamp,
}

impl TurnRecord {
    /// The turn that an ask takes at `now`, unless another has it.
    #[must_use]
    pub fn taken(known: Option<Self>, turn: Turn, now: Timestamp) -> Option<Self> {
        match known {
            Some(known) if known.excludes(turn.by, now) => Some(known),
            _ => Some(Self { by: turn.by, until: now.saturating_add(turn.lasting.min(Turn::LONGEST)) }),
        }
    }

    /// Whether it keeps an engine from committing at `now`. One that would last longer than [`Turn::LONGEST`] was taken before
    /// the store's clock was set back, and is over.
    #[must_use]
    pub fn excludes(self, engine: Stamp, now: Timestamp) -> bool {
        self.by != engine && self.until > now && self.until <= now.saturating_add(Turn::LONGEST)
    }
}
