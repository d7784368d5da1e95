//! Runs the service on a port of this machine. Settings come from the environment; see the README.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::error::Error;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use billing_guard::{AccountId, Ledger, MemoryLedger, Renderer, SqliteStore, StoreLedger, SweepRequest};
use metered_query::auth::{ApiKeys, Caller, Role};
use metered_query::conversation::{Conversation, Pages, in_full};
use metered_query::table::Table;
use metered_query::webhook::WebhookSecret;
use metered_query::{App, guard, house, router};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // Without a file balances go with the process.
    let ledger: Arc<dyn Ledger> = match optional("LEDGER_FILE", "").as_str() {
        "" => Arc::new(MemoryLedger::new()),
        file => {
            let ledger = Arc::new(StoreLedger::new(SqliteStore::open(file)?));
            tokio::spawn(keep_house(Arc::clone(&ledger)));
            ledger
        }
    };
    let pages = match optional("BILLING_PAGES", "").as_str() {
        "" => None,
        base => Some(Pages::under(base)?),
    };
    let mut renderer = Renderer::new(optional("BILLING_SHAPE", "flat").parse()?);
    if optional("BILLING_HELD_AS_429", "") == "1" {
        renderer = renderer.with_held_as_429();
    }
    if pages.is_some() {
        renderer = in_full(renderer);
    }
    let guard = guard(ledger, renderer)?;
    let courtesies = guard.unit().amount(&optional("COURTESIES", "0"))?;
    if !courtesies.is_zero() {
        // Under a key that names the amount: a restart adds nothing.
        guard.top_up(&house()?, format!("courtesies/{}", courtesies.decimal()).parse()?, courtesies).await?;
    }
    let owners = keys(&required("API_KEYS")?, Role::Owner)?;
    let apps = keys(&optional("APP_KEYS", ""), Role::App)?;
    let app = App {
        keys: ApiKeys::new(owners.into_iter().chain(apps)),
        secret: WebhookSecret::new(required("WEBHOOK_SECRET")?),
        table: Arc::new(Table::generate()),
        conversation: Arc::new(Conversation::new(&guard, pages)?),
        page_delay: Duration::from_millis(optional("PAGE_DELAY_MS", "1").parse()?),
        guard,
    };
    // Port 0 is any port that is free.
    let port: u16 = std::env::args().nth(1).unwrap_or_else(|| optional("PORT", "8080")).parse()?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    println!("listening on http://{}", listener.local_addr()?);
    // Work that has begun is finished and charged before the process ends.
    axum::serve(listener, router(app)).with_graceful_shutdown(asked_to_stop()).await?;
    println!("stopped");
    Ok(())
}

/// Books what time has ended every few seconds, and every few minutes forgets what is kept no longer. No decision waits for
/// either, so what fails is tried again the next time.
async fn keep_house(ledger: Arc<StoreLedger<SqliteStore>>) {
    let mut every = tokio::time::interval(Duration::from_secs(5));
    for round in 0_u64.. {
        every.tick().await;
        if let Err(error) = ledger.sweep(SweepRequest::new()).await {
            eprintln!("sweep: {error}");
        }
        while round.is_multiple_of(60) {
            match ledger.prune(10_000).await {
                Ok(pruned) if pruned.more => {}
                Ok(_) => break,
                Err(error) => {
                    eprintln!("prune: {error}");
                    break;
                }
            }
        }
    }
}

/// Ctrl-C, or SIGTERM where there is such a thing.
async fn asked_to_stop() {
    let interrupted = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    let terminated = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => signal.recv().await,
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminated = std::future::pending::<Option<()>>();
    tokio::select! {
        () = interrupted => {}
        _ = terminated => {}
    }
}

/// `<key>=<account>` for each key, with commas between them.
fn keys(text: &str, role: Role) -> Result<Vec<(String, Caller)>, Box<dyn Error>> {
    let key = |pair: &str| -> Result<_, Box<dyn Error>> {
        let (key, account) = pair.split_once('=').ok_or("keys: expected <key>=<account>,...")?;
        Ok((key.to_owned(), Caller { account: AccountId::new(account)?, role }))
    };
    text.split_terminator(',').map(key).collect()
}

fn required(name: &str) -> Result<String, Box<dyn Error>> {
    match std::env::var(name) {
        Ok(value) if !value.is_empty() => Ok(value),
        _ => Err(format!("{name} must be set; see the README").into()),
    }
}

fn optional(name: &str, default: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| default.to_owned())
}
