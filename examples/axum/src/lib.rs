//! A metered query API: customers pay for what their queries find, out of a balance they topped up before.
//!
//! [`billing`] is the adapter between axum and the guard; the rest is the service around it.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::indexing_slicing))]

pub mod account;
pub mod auth;
pub mod billing;
pub mod chat;
pub mod conversation;
pub mod query;
pub mod table;
pub mod webhook;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRef};
use axum::http::{HeaderValue, header};
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::Response;
use axum::routing::{get, post};
use billing_guard::{
    AccountId, Courtesy, Guard, IdError, Ledger, NoticeRules, Period, Policy, PriceBook, Renderer, Tariff,
    Unit,
};

use auth::ApiKeys;
use conversation::Conversation;
use table::Table;
use webhook::WebhookSecret;

/// The largest body, in bytes. No query and no webhook of ours comes near it.
const MAX_BODY: usize = 16 * 1024;

/// What the handlers share.
#[derive(Clone, FromRef)]
pub struct App {
    pub guard: Guard,
    pub keys: ApiKeys,
    pub secret: WebhookSecret,
    pub table: Arc<Table>,
    pub conversation: Arc<Conversation>,
    /// How long reading a page of the table takes, as if it came from a disk.
    pub page_delay: Duration,
}

/// The prices and limits of this service, over a ledger.
pub fn guard(ledger: Arc<dyn Ledger>, renderer: Renderer) -> Result<Guard, Box<dyn std::error::Error>> {
    let usd = Unit::new("USD", 6)?;
    let price = Tariff::new().per_unit("rows", "0.002")?.per_thousand("sql_bytes", "0.05")?;
    let courtesy =
        Courtesy::new("Finish what you began".parse()?, usd.amount("0.10")?, Period::month(), house()?);
    let policy = Policy::new()
        .with_largest_request(usd.amount("5")?)
        // A hold is kept for two seconds after its end: longer than `billing::settle` goes on asking.
        .with_grace(Duration::from_secs(2))
        .with_notices(NoticeRules::new().with_low_balance(usd.amount("0.50")?))
        .with_courtesy(courtesy);
    let prices = PriceBook::new(usd).with("query", price)?;
    Ok(Guard::builder(ledger, prices)
        .policy(policy)
        .renderer(renderer)
        // Where a mail would be sent from.
        .on_notice(|account, notice| eprintln!("{account} {notice:?}"))
        .build()?)
}

/// The account that courtesies are paid from: what is there is the most they may cost together. Nobody has a key for it.
pub fn house() -> Result<AccountId, IdError> {
    AccountId::new("house/courtesies")
}

/// The service.
pub fn router(app: App) -> Router {
    let in_house_style = from_fn_with_state(app.clone(), billing::in_house_style);
    Router::new()
        .route("/query", post(query::query))
        .route("/v1/chat/completions", post(chat::completions))
        .route("/balance", get(account::balance))
        .route("/usage", get(account::usage))
        .route("/top-up", post(webhook::top_up))
        .with_state(app)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(in_house_style)
        .layer(map_response(no_store))
}

/// Everything here is about one customer's money, just now: no cache should keep it.
async fn no_store(mut response: Response) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
