//! With its ledger in a file the service can be stopped and started: balances, holds and keys are still there.

use std::path::Path;
use std::sync::Arc;

use billing_guard::{AccountId, HoldRequest, IdempotencyKey, Ledger, SqliteStore, StoreLedger, Unit, wait};

use crate::client::{ANA, Service, Setup, usd};
use crate::{STATION_7, price};

fn start(file: &Path) -> Service {
    let ledger = StoreLedger::new(SqliteStore::open(file).unwrap());
    Setup { ledger: Arc::new(ledger), ..Setup::default() }.start()
}

#[test]
fn a_restart_keeps_balances_holds_and_keys() {
    let folder = std::env::temp_dir().join(format!("metered-query-{}", IdempotencyKey::unique()));
    std::fs::create_dir(&folder).unwrap();
    let file = folder.join("ledger.db");
    let service = start(&file);
    service.pay("10.00");
    assert_eq!(service.query(ANA, "q-1", STATION_7, 120).status, 200);
    let spent = price(120);
    assert_eq!(service.balance(ANA), [usd("10") - spent, 0, usd("10") - spent]);
    drop(service);

    // Work that another process began, and that still runs.
    {
        let other = StoreLedger::new(SqliteStore::open(&file).unwrap());
        let (account, usd) = (AccountId::new("acct_a").unwrap(), Unit::new("USD", 6).unwrap());
        let hold = HoldRequest::new(account, "elsewhere".parse().unwrap(), usd.amount("1").unwrap());
        wait(other.hold(hold)).unwrap();
    }

    let service = start(&file);
    assert_eq!(service.balance(ANA), [usd("10") - spent, usd("1"), usd("9") - spent]);
    // The same query under the same key is not run and not charged again.
    assert_eq!(service.query(ANA, "q-1", STATION_7, 120).status, 409);
    // Nor is the same payment credited again.
    service.pay("10.00");
    assert_eq!(service.balance(ANA), [usd("10") - spent, usd("1"), usd("9") - spent]);
    drop(service);
    std::fs::remove_dir_all(folder).unwrap();
}
