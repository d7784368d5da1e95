//! `GET /balance` and `GET /usage`: what a customer may read about its own account. Amounts are decimal strings, so
//! that no client reads them into a float by accident.

use std::num::NonZeroU32;

use axum::Json;
use axum::extract::{Query, State};
use billing_guard::{Entry, Guard, Limits, StatementRequest};
use serde::{Deserialize, Serialize};

use crate::auth::Owner;
use crate::billing::Refused;

#[derive(Debug, Serialize)]
pub struct BalanceAnswer {
    posted: String,
    held: String,
    available: String,
    unit: String,
}

pub async fn balance(
    Owner(account): Owner,
    State(guard): State<Guard>,
) -> Result<Json<BalanceAnswer>, Refused> {
    let balance = guard.balance(&account).await?;
    Ok(Json(BalanceAnswer {
        posted: balance.posted().decimal().to_string(),
        held: balance.held().decimal().to_string(),
        available: balance.available().decimal().to_string(),
        unit: guard.unit().code().to_owned(),
    }))
}

/// Which page. The cursor is a place in the caller's own history, so a made-up one shows nothing of anybody else's.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Page {
    after: Option<u64>,
    limit: Option<NonZeroU32>,
}

#[derive(Debug, Serialize)]
pub struct UsageAnswer {
    entries: Vec<Line>,
    /// The `after` of the next page, if there is one.
    next: Option<u64>,
    unit: String,
}

#[derive(Debug, Serialize)]
struct Line {
    kind: &'static str,
    key: String,
    at: String,
    amount: String,
    balance_after: String,
}

impl From<&Entry> for Line {
    fn from(entry: &Entry) -> Self {
        Self {
            kind: entry.kind().as_str(),
            key: entry.key().to_string(),
            at: entry.booked_at().to_string(),
            amount: entry.amount().decimal().to_string(),
            balance_after: entry.balance_after().decimal().to_string(),
        }
    }
}

pub async fn usage(
    Owner(account): Owner,
    State(guard): State<Guard>,
    Query(page): Query<Page>,
) -> Result<Json<UsageAnswer>, Refused> {
    let limit = page.limit.map_or(20, NonZeroU32::get).min(Limits::MAX_PAGE);
    let request = StatementRequest::new(account).with_limit(limit).with_after(page.after);
    let statement = guard.statement(request).await?;
    Ok(Json(UsageAnswer {
        entries: statement.entries().iter().map(Line::from).collect(),
        next: statement.next(),
        unit: guard.unit().code().to_owned(),
    }))
}
