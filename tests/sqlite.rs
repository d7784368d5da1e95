//! The engine on SQLite keeps the whole contract.
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]

use std::sync::Arc;
use std::time::Duration;

use billing_guard::{
    EngineSettings, Ledger, ManualClock, SqliteSettings, SqliteStore, StoreLedger, conformance,
};

fn quick() -> EngineSettings {
    EngineSettings::new().with_refusals_apart(Duration::ZERO)
}

#[test]
fn in_memory_it_keeps_the_contract() {
    let make = |clock: Arc<ManualClock>| -> Arc<dyn Ledger> {
        let store = SqliteStore::in_memory_with(SqliteSettings::new().with_clock(clock)).unwrap();
        Arc::new(StoreLedger::with_settings(store, quick()))
    };
    let small = conformance::checks().iter().filter(|check| !check.is_large());
    let failures: Vec<_> = small.filter_map(|check| check.try_run(&make).err()).collect();
    assert!(failures.is_empty(), "{failures:#?}");
}
