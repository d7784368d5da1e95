//! What a durable ledger tells of its work, as `tracing` events and as `metrics`: two adapters to copy.
//!
//! `cargo run --example observe --features sqlite` works on a ledger in memory and prints both.

use std::error::Error;
use std::sync::Arc;

use billing_guard::{
    AccountId, EngineSettings, Event, LedgerExt, Observer, SqliteStore, StoreLedger, Unit, wait,
};
use metrics::{counter, gauge, histogram};
use tracing::{debug, error, warn};

/// Counts and times, under names that start with `ledger_`. Accounts are no labels: there are too many.
#[derive(Debug)]
struct ToMetrics;

impl Observer for ToMetrics {
    fn observe(&self, event: &Event) {
        match event {
            Event::Committed { accounts, commands, took, held, .. } => {
                histogram!("ledger_commit_seconds").record(took.as_secs_f64());
                histogram!("ledger_batch_accounts").record(count(*accounts));
                histogram!("ledger_batch_commands").record(count(*commands));
                for change in held {
                    // A gauge is a float, and only for looking at. Amounts stay integers everywhere else.
                    let change_in_units = change.minor() as f64 / 10_f64.powi(change.unit().scale().into());
                    gauge!("ledger_held", "unit" => change.unit().code().to_owned())
                        .increment(change_in_units);
                }
            }
            Event::Loaded { took, .. } => histogram!("ledger_load_seconds").record(took.as_secs_f64()),
            Event::Answered { operation, outcome, waited, .. } => {
                counter!("ledger_answers", "operation" => *operation, "outcome" => *outcome).increment(1);
                histogram!("ledger_answer_seconds", "operation" => *operation).record(waited.as_secs_f64());
            }
            Event::Conflict { .. } => counter!("ledger_conflicts").increment(1),
            Event::Rejected { .. } => counter!("ledger_rejections").increment(1),
            Event::Unknown { .. } => counter!("ledger_unknown_outcomes").increment(1),
            // Somebody has to be woken by this one.
            Event::Regressed { .. } => counter!("ledger_store_regressed").increment(1),
            _ => {}
        }
    }
}

/// Small numbers.
fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

/// What somebody may want to read, by how much it matters.
#[derive(Debug)]
struct ToTracing;

impl Observer for ToTracing {
    fn observe(&self, event: &Event) {
        match event {
            Event::Committed { accounts, commands, took, .. } => {
                debug!(accounts, commands, ?took, "committed");
            }
            Event::Loaded { accounts, took } => debug!(accounts, ?took, "loaded"),
            Event::Answered { account, operation, outcome, waited, .. } => {
                debug!(%account, operation, outcome, ?waited, "answered");
            }
            Event::Conflict { account } => debug!(%account, "another process was first"),
            Event::Rejected { account, detail } => {
                warn!(%account, detail, "the store does not take this account");
            }
            Event::Unknown { account, detail } => warn!(%account, detail, "outcome unknown, finding out"),
            Event::Regressed { account, known, found } => {
                error!(%account, known, found, "the store has lost data that it had acknowledged");
            }
            _ => {}
        }
    }
}

/// Both.
#[derive(Debug)]
struct Both(ToTracing, ToMetrics);

impl Observer for Both {
    fn observe(&self, event: &Event) {
        self.0.observe(event);
        self.1.observe(event);
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().with_max_level(tracing::Level::DEBUG).without_time().init();
    let usd = Unit::new("USD", 6)?;
    let settings = EngineSettings::new().with_observer(Arc::new(Both(ToTracing, ToMetrics)));
    let ledger = StoreLedger::with_settings(SqliteStore::in_memory()?, settings);
    let account = AccountId::new("acct_1")?;
    wait(ledger.top_up(&account, "payment-1".parse()?, usd.amount("10")?))?;
    wait(ledger.hold_amount(&account, "req-1".parse()?, usd.amount("3")?))?;
    wait(ledger.capture_final(&account, "req-1".parse()?, usd.amount("1.25")?))?;
    let refused = wait(ledger.hold_amount(&account, "req-2".parse()?, usd.amount("100")?));
    assert!(refused.is_err());
    Ok(())
}
