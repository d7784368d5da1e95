//! The whole life of a prepaid request, with no runtime and no framework: top up, quote, hold, work, capture, a
//! notice when the balance runs low, and the answer a customer gets when it is short.
//!
//! `cargo run --example quickstart`

use std::error::Error;

use billing_guard::{AccountId, Guard, Job, Notice, Policy, Tariff, Unit, Usage, wait};

fn main() -> Result<(), Box<dyn Error>> {
    // What is sold: queries, at 0.2 cents a row. Amounts are counted in millionths of a dollar.
    let usd = Unit::new("USD", 6)?;
    let guard = Guard::in_memory(usd)
        .price("query", Tariff::new().per_unit("rows", "0.002")?)
        .policy(Policy::new().with_low_balance(usd.amount("0.50")?))
        .build()?;
    // Who buys. Take it from the authenticated credential.
    let account = AccountId::new("acct_ana")?;

    // The payment provider's event id is the key, so an event delivered twice credits once.
    wait(guard.top_up(&account, "evt_1001".parse()?, usd.amount("1")?))?;
    let replay = wait(guard.top_up(&account, "evt_1001".parse()?, usd.amount("1")?))?;
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
    let mut hold = wait(guard.hold(&account, job))?;
    println!(
        "hold      {} held, covers {} rows, {} still available",
        hold.amount().human(),
        hold.covers("rows"),
        hold.available().unwrap_or(usd.zero()).human()
    );
    for notice in hold.notices() {
        if let Notice::LowBalance { threshold, available } = notice {
            println!("notice    low balance: {} left, below {}", available.human(), threshold.human());
        }
    }

    // The work. It read fewer rows than it might have.
    let rows = (1..=300_u64).filter(|row| row % 7 != 0).count();
    let receipt = wait(hold.capture(&Usage::new().with("rows", rows)))?;
    println!(
        "capture   {rows} rows read: {} charged, {} freed, {} available",
        receipt.charged().human(),
        receipt.freed().human(),
        receipt.available().human()
    );

    // Too much for what is left: refused before any work was done, with a response to send.
    let Err(error) = wait(guard.hold(&account, Job::new("query").at_most("rows", 300_u64))) else {
        return Err("the balance should have been short".into());
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
