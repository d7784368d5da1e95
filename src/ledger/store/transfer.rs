//! A whole store as one file, and a store from such a file: for backups, and for moving to another database.
//!
//! JSON Lines. Each line has its number and a checksum, so that one that was changed, lost, moved or doubled is noticed. The first
//! says which format this is, the last how many accounts there were, so that a file that was cut off is noticed too. Between them
//! stand the accounts, each followed by its holds, entries and counters, as the [texts](crate::store::HoldRecord::to_text) of their records.

mod lines;
mod read;
mod write;

pub use read::{ImportError, ImportFault, import};
pub use write::{ExportError, export};

/// The newest format of such files that is known here, and the one that is written.
const FORMAT: u16 = 1;
/// The longest line, in bytes. An account with 10,000 grants that ended while holds were on them comes near a third of it.
const MAX_LINE: usize = 16 * 1024 * 1024;

/// How much was exported or imported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Transferred {
    /// How many accounts.
    pub accounts: u64,
    /// How many holds, closed ones too.
    pub holds: u64,
    /// How many entries.
    pub entries: u64,
    /// How many counters.
    pub counters: u64,
}

impl Transferred {
    fn add(&mut self, other: Self) {
        self.accounts = self.accounts.saturating_add(other.accounts);
        self.holds = self.holds.saturating_add(other.holds);
        self.entries = self.entries.saturating_add(other.entries);
        self.counters = self.counters.saturating_add(other.counters);
    }
}

#[cfg(test)]
mod tests;
