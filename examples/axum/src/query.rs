//! `POST /query`: hold, work, capture.

use std::num::NonZeroU32;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use billing_guard::{AccountId, Error, IdempotencyKey, Job, Receipt, Usage};
use serde::{Deserialize, Serialize};

use crate::App;
use crate::auth::Customer;
use crate::billing::{Refused, RequestKey, settle};
use crate::table::{Reading, Select};

/// What a customer asks. It cannot say whose account pays: an unknown field is an error.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Query {
    pub sql: Select,
    pub max_rows: NonZeroU32,
}

#[derive(Debug, Serialize)]
pub struct Answer {
    rows: Vec<Reading>,
    charged: String,
    available: String,
    unit: String,
}

/// The arguments are taken in this order: 401 for a caller without a key, 400 for an unusable `Idempotency-Key`, 4xx
/// for a body that is no query. Only then is the balance asked.
pub async fn query(
    Customer(account): Customer,
    RequestKey(key): RequestKey,
    State(app): State<App>,
    Json(query): Json<Query>,
) -> Result<Json<Answer>, Refused> {
    let (rows, receipt) = run(&app, &account, key, &query).await?;
    Ok(Json(Answer {
        rows,
        charged: receipt.charged().decimal().to_string(),
        available: receipt.available().decimal().to_string(),
        unit: receipt.charged().unit().code().to_owned(),
    }))
}

/// What it found, and what that cost.
pub async fn run(
    app: &App,
    account: &AccountId,
    key: IdempotencyKey,
    query: &Query,
) -> Result<(Vec<Reading>, Receipt), Error> {
    // How long the SQL is, is known. How many rows it finds is not: at most this many are paid for, and returned.
    let job = Job::new("query")
        .exact("sql_bytes", query.sql.bytes())
        .at_most("rows", query.max_rows.get())
        // Twice what it takes to read the table. Whoever finds the balance in use is told how long that may last.
        .with_lifetime(2 * app.table.reading_time(app.page_delay) + Duration::from_secs(1))
        .with_key(key);
    let mut hold = app.guard.hold(account, job).await?;

    // What is recorded is charged even if this future is dropped at one of its `await`s, because the client went
    // away, or in a panic: dropping the hold settles it.
    hold.record(&Usage::new().with("sql_bytes", query.sql.bytes()))?;
    let most = usize::try_from(query.max_rows.get()).unwrap_or(usize::MAX);
    let mut rows = Vec::new();
    for page in app.table.pages() {
        tokio::time::sleep(app.page_delay).await;
        let before = rows.len();
        rows.extend(page.iter().filter(|row| query.sql.matches(row)).take(most - before));
        hold.record(&Usage::new().with("rows", rows.len() - before))?;
        if rows.len() == most {
            break;
        }
    }

    // Charged is what was found, not what was held. The rows go out only after that.
    let receipt = settle(hold).await?;
    Ok((rows, receipt))
}
