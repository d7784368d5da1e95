//! The engine on a store in memory keeps the whole contract, whatever its settings.
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]

use std::sync::Arc;
use std::time::Duration;

use billing_guard::{EngineSettings, Ledger, ManualClock, StoreLedger, conformance};

#[allow(dead_code, unreachable_pub, reason = "an example, of which a test needs only the store")]
#[path = "../examples/custom_store.rs"]
mod custom_store;

use custom_store::CustomStore;

/// The settings of a test: refusals one after the other are not made to wait for each other.
fn quick() -> EngineSettings {
    EngineSettings::new().with_refusals_apart(Duration::ZERO)
}

/// All checks but the one of a million requests.
fn check(settings: &EngineSettings) {
    let make = |clock: Arc<ManualClock>| -> Arc<dyn Ledger> {
        Arc::new(StoreLedger::with_settings(CustomStore::new(clock), settings.clone()))
    };
    let small = conformance::checks().iter().filter(|check| !check.is_large());
    let failures: Vec<_> = small.filter_map(|check| check.try_run(&make).err()).collect();
    assert!(failures.is_empty(), "{failures:#?}");
}

#[test]
fn the_engine_keeps_the_contract() {
    check(&quick());
}

#[test]
fn several_writers_keep_the_contract() {
    check(&quick().with_writers(4));
}

#[test]
fn an_engine_that_remembers_nothing_keeps_the_contract() {
    check(&quick().with_remembered(1));
}
