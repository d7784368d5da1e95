//! The whole life of a prepaid request, with no runtime and no framework: top up, quote, hold, work, capture, a
//! notice when the balance runs low, and the answer a customer gets when it is short.
//!
//! `cargo run --example quickstart` keeps the balance in memory, `cargo run --example quickstart --features sqlite --
//! FILE` in a file: run it twice, and what was paid and spent is still there. A second word is the id of the payment.

use std::error::Error;
use std::sync::Arc;

use billing_guard::{
    AccountId, Guard, Job, Ledger, MemoryLedger, Notice, NoticeRules, Policy, PriceBook, Tariff, Unit, Usage,
    wait,
};

fn main() -> Result<(), Box<dyn Error>> {
    // What is sold: queries, at 0.2 cents a row. Amounts are counted in millionths of a dollar.
    let usd = Unit::new("USD", 6)?;
    let mut arguments = std::env::args().skip(1);
    let ledger: Arc<dyn Ledger> = match arguments.next() {
        Some(file) => open(&file)?,
        None => Arc::new(MemoryLedger::new()),
    };
    let payment = arguments.next().unwrap_or_else(|| "evt_1001".to_owned());
    let guard = Guard::builder(ledger, PriceBook::new(usd))
        .price("query", Tariff::new().per_unit("rows", "0.002")?)
        .policy(Policy::new().with_notices(NoticeRules::new().with_low_balance(usd.amount("0.50")?)))
        .build()?;
    // Who buys. Take it from the authenticated credential.
    let account = AccountId::new("acct_ana")?;

    // The payment provider's event id is the key, so an event delivered twice credits once.
    wait(guard.top_up(&account, payment.parse()?, usd.amount("1")?))?;
    let replay = wait(guard.top_up(&account, payment.parse()?, usd.amount("1")?))?;
    println!("top-up    1.00 USD paid, delivered twice: {} available", replay.available_after().human());

    // What would it cost? Nothing is held yet.
    let job = Job::new("query").at_most("rows", 300_u64);
    let quote = wait(guard.quote(&account, &job))?;
    println!(
        "quote     at most {} for up to 300 rows, would leave {}",
        quote.estimate().human(),
        quote.would_leave().human()
    );

    // Check and hold in one step. With the handle in hand the work may begin.
    let mut hold = match wait(guard.hold(&account, job)) {
        Ok(hold) => hold,
        Err(error @ billing_guard::Error::InsufficientBalance(_)) => {
            println!(
                "refused   {error}: what was spent stays spent. Pay again, under another id than {payment}"
            );
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    println!(
        "hold      {} held, covers {} rows, {} still available",
        hold.amount().human(),
        hold.covers("rows"),
        hold.available().unwrap_or(usd.zero()).human()
    );

    // The work. It read fewer rows than it might have.
    let rows = (1..=300_u64).filter(|row| row % 7 != 0).count();
    let receipt = wait(hold.capture(&Usage::new().with("rows", rows)))?;
    println!(
        "capture   {rows} rows read: {} charged, {} freed, {} available",
        receipt.charged().human(),
        receipt.freed().human(),
        receipt.available().human()
    );
    for notice in receipt.notices() {
        if let Notice::LowBalance { threshold, balance } = notice {
            println!("notice    low balance: {} left, below {}", balance.human(), threshold.human());
        }
    }

    // Too much for what is left: refused before any work was done, with a response to send.
    let Err(error) = wait(guard.hold(&account, Job::new("query").at_most("rows", 300_u64))) else {
        println!("enough    what earlier runs left is enough for that as well");
        return Ok(());
    };
    println!("refused   {error}");
    let response = guard.render(&error);
    println!("response  HTTP {}", response.status());
    for (name, value) in response.headers() {
        println!("          {name}: {value}");
    }
    println!("          {}", String::from_utf8_lossy(response.body()));
    // What the client must not read goes to the log.
    let fields: Vec<_> = error.log_fields().iter().map(|(name, value)| format!("{name}={value:?}")).collect();
    println!("log       {}", fields.join(" "));

    // A smaller request fits, and so does the same one after a top-up.
    let small = wait(guard.hold(&account, Job::new("query").at_most("rows", 100_u64)))?;
    println!(
        "smaller   100 rows fit: {} held; given back when the handle is dropped",
        small.amount().human()
    );
    drop(small);
    let left = wait(guard.balance(&account))?;
    println!("balance   {} available, {} held", left.available().human(), left.held().human());
    Ok(())
}

/// A ledger in a file. Several processes may have it open.
#[cfg(feature = "sqlite")]
fn open(file: &str) -> Result<Arc<dyn Ledger>, Box<dyn Error>> {
    use billing_guard::{SqliteStore, StoreLedger};
    Ok(Arc::new(StoreLedger::new(SqliteStore::open(file)?)))
}

#[cfg(not(feature = "sqlite"))]
fn open(file: &str) -> Result<Arc<dyn Ledger>, Box<dyn Error>> {
    Err(format!("to keep balances in {file}, run this with --features sqlite").into())
}
