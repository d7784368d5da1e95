//! Guards that bring their own ledger in memory. The only place where the guard names a ledger.

use std::sync::Arc;

use super::{Guard, GuardBuilder};
use crate::amount::Unit;
use crate::clock::Clock;
use crate::ledger::memory::{MemoryLedger, MemorySettings};
use crate::price::PriceBook;

impl Guard {
    /// A guard over a ledger in memory: for tests, trials, and single processes. Balances go with the process.
    pub fn in_memory(unit: Unit) -> GuardBuilder {
        Self::builder(Arc::new(MemoryLedger::new()), PriceBook::new(unit))
    }

    /// The same on a clock of your own, such as a [`ManualClock`](crate::ManualClock) in tests.
    pub fn in_memory_at(unit: Unit, clock: Arc<dyn Clock>) -> GuardBuilder {
        let ledger = MemoryLedger::with_clock(MemorySettings::new(), Arc::clone(&clock));
        Self::builder(Arc::new(ledger), PriceBook::new(unit)).clock(clock)
    }
}
