//! `POST /query`: hold, work, capture.

use std::num::NonZeroU32;
use std::time::Duration;

use axum::extract::State;
use axum::{Extension, Json};
use billing_guard::{Error, IdempotencyKey, Job, Labels, Usage};
use serde::{Deserialize, Serialize};

use crate::App;
use crate::auth::{Caller, Customer, Role};
use crate::billing::{Charged, Refused, RequestKey, settle};
use crate::conversation::USED_BY;
use crate::table::{Reading, Select};

/// What a customer asks. It cannot say whose account pays: an unknown field is an error.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Query {
    pub sql: Select,
    pub max_rows: NonZeroU32,
    /// How many of the rows it finds the customer has already: this is the next part of what was begun.
    #[serde(default)]
    pub skip: usize,
}

#[derive(Debug, Serialize)]
pub struct Answer {
    rows: Vec<Reading>,
    charged: String,
    /// For the customer itself, and not for its app.
    #[serde(skip_serializing_if = "Option::is_none")]
    available: Option<String>,
    unit: String,
}

/// The arguments are taken in this order: 401 for a caller without a key, 400 for an unusable `Idempotency-Key`, 4xx
/// for a body that is no query. Only then is the balance asked.
pub async fn query(
    Customer(caller): Customer,
    RequestKey(key): RequestKey,
    State(app): State<App>,
    Json(query): Json<Query>,
) -> Result<(Extension<Charged>, Json<Answer>), Refused> {
    let (rows, charged) = run(&app, &caller, key, &query).await?;
    let receipt = &charged.receipt;
    let is_owner = caller.role == Role::Owner;
    let answer = Answer {
        rows,
        charged: receipt.charged().decimal().to_string(),
        available: is_owner.then(|| receipt.available().decimal().to_string()),
        unit: receipt.charged().unit().code().to_owned(),
    };
    Ok((Extension(charged), Json(answer)))
}

/// What it found, and what that cost.
pub async fn run(
    app: &App,
    caller: &Caller,
    key: IdempotencyKey,
    query: &Query,
) -> Result<(Vec<Reading>, Charged), Error> {
    // How long the SQL is, is known. How many rows it finds is not: at most this many are paid for, and returned.
    let mut job = Job::new("query")
        .exact("sql_bytes", query.sql.bytes())
        .at_most("rows", query.max_rows.get())
        // Twice what it takes to read the table. Whoever finds the balance in use is told how long that may last.
        .with_lifetime(2 * app.table.reading_time(app.page_delay) + Duration::from_secs(1))
        .with_labels(Labels::new([(USED_BY, caller.role.as_str())]).unwrap_or_default())
        .with_key(key);
    if query.skip > 0 {
        // If the balance runs out in the middle, the policy's courtesy may make up for it.
        job = job.continuing();
    }
    let hold = app.guard.hold(&caller.account, job).await?;

    // What is recorded is charged even if this future is dropped at one of its `await`s, because the client went
    // away, or in a panic: dropping the hold settles it.
    hold.record(&Usage::new().with("sql_bytes", query.sql.bytes()))?;
    let most = usize::try_from(query.max_rows.get()).unwrap_or(usize::MAX);
    let (mut rows, mut skip) = (Vec::new(), query.skip);
    for page in app.table.pages() {
        tokio::time::sleep(app.page_delay).await;
        let before = rows.len();
        let mut found = page.iter().filter(|row| query.sql.matches(row));
        while skip > 0 && found.next().is_some() {
            skip -= 1;
        }
        rows.extend(found.take(most - before));
        hold.record(&Usage::new().with("rows", rows.len() - before))?;
        if rows.len() == most {
            break;
        }
    }

    // Charged is what was found, not what was held. The rows go out only after that.
    let charged = settle(hold).await?;
    Ok((rows, charged))
}
