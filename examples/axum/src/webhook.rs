//! `POST /top-up`: the payment provider reports a payment, and the customer's balance grows by it. Once.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{ErrorResponse, IntoResponse, Response};
use billing_guard::{AccountId, Guard, IdempotencyKey};
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::auth::{ApiKeys, Unauthorized};
use crate::billing::Refused;

/// How far a signature's time may be from ours, either way.
const TOLERANCE: Duration = Duration::from_secs(300);

/// What only the provider and we know.
#[derive(Clone)]
pub struct WebhookSecret(Arc<[u8]>);

impl WebhookSecret {
    pub fn new(secret: impl AsRef<[u8]>) -> Self {
        Self(secret.as_ref().into())
    }

    /// Checks `Webhook-Signature: t=<unix seconds>,v1=<hex HMAC-SHA-256 of "t.body">` over the body as it came. There
    /// may be several `v1`, while the provider changes its secret.
    ///
    /// The time is looked at last: only who knows the secret learns that its signature was too old.
    pub fn verify(&self, header: &str, body: &[u8], now: Duration) -> Result<(), &'static str> {
        const INVALID: &str = "The webhook's signature is missing or wrong.\n";
        let parts = || header.split(',').filter_map(|part| part.trim().split_once('='));
        let (_, time) = parts().find(|(name, _)| *name == "t").ok_or(INVALID)?;
        let signed = Hmac::<Sha256>::new_from_slice(&self.0)
            .map_err(|_| INVALID)?
            .chain_update(time)
            .chain_update(".")
            .chain_update(body);
        parts()
            .filter(|(name, _)| *name == "v1")
            .filter_map(|(_, signature)| hex::decode(signature).ok())
            // In constant time.
            .any(|signature| signed.clone().verify_slice(&signature).is_ok())
            .then_some(())
            .ok_or(INVALID)?;
        let time = time.parse().map(Duration::from_secs).map_err(|_| INVALID)?;
        if time.abs_diff(now) > TOLERANCE {
            return Err("The webhook's signature is too old, or from the future.\n");
        }
        Ok(())
    }
}

/// What the provider sends. Fields we do not know are its own business.
#[derive(Debug, Deserialize)]
#[serde(tag = "type")]
enum Event {
    #[serde(rename = "payment.succeeded")]
    PaymentSucceeded { id: IdempotencyKey, account: AccountId, amount: String, unit: String },
    #[serde(other)]
    Other,
}

#[derive(Debug, Serialize)]
struct Credited {
    event: String,
    amount: String,
    unit: String,
    /// Whether this event had come before, so that nothing was credited now.
    replay: bool,
}

/// Customers do not top up their own balance: with an API key this is 403, signed or not. A signature that is
/// missing, wrong or stale is 401, and the body is not parsed.
pub async fn top_up(
    State(guard): State<Guard>,
    State(keys): State<ApiKeys>,
    State(secret): State<WebhookSecret>,
    headers: HeaderMap,
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> Result<Response, ErrorResponse> {
    if keys.authenticate(&headers).is_some() {
        return Err((StatusCode::FORBIDDEN, "Only the payment provider may do this.\n").into());
    }
    let body = body?;
    let header = headers.get("webhook-signature").and_then(|value| value.to_str().ok()).unwrap_or_default();
    // A clock before 1970 is a clock to be mistrusted: no signature is near it.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    secret
        .verify(header, &body, now)
        .map_err(|text| Unauthorized { challenge: r#"Webhook-Signature realm="top-up""#, text })?;

    let unusable = |why: String| (StatusCode::UNPROCESSABLE_ENTITY, format!("{why}\n"));
    let event: Event = serde_json::from_slice(&body).map_err(|error| unusable(error.to_string()))?;
    let Event::PaymentSucceeded { id, account, amount, unit } = event else {
        // Not for us, and no reason to send it again.
        return Ok(StatusCode::NO_CONTENT.into_response());
    };
    if unit != guard.unit().code() || !keys.has_account(&account) {
        return Err(unusable("There is no such account in this unit.".to_owned()).into());
    }
    let amount = guard.unit().amount(&amount).map_err(|error| unusable(error.to_string()))?;
    if amount.is_negative() || amount.is_zero() {
        return Err(unusable("A payment is more than nothing.".to_owned()).into());
    }

    // The event's id is the key: however often the provider reports this payment, it is credited once.
    let credited = guard.top_up(&account, id.clone(), amount).await.map_err(Refused)?;
    Ok(Json(Credited {
        event: id.to_string(),
        amount: amount.decimal().to_string(),
        unit,
        replay: credited.is_replay(),
    })
    .into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1_700_000_000);

    /// The HMAC, from another implementation: `printf '1700000000.{}' | openssl dgst -sha256 -hmac secret`.
    const OPENSSL: &str = "b8569b78799ff9e3cbff0fc2d63a33a2b57f3282abd07c37ae5e8e7d79a5f163";

    fn verify(header: &str, body: &[u8], now: Duration) -> Result<(), &'static str> {
        WebhookSecret::new("secret").verify(header, body, now)
    }

    #[test]
    fn the_signature_covers_time_and_body() {
        let good = format!("t=1700000000,v1={OPENSSL}");
        assert_eq!(verify(&good, b"{}", NOW), Ok(()));
        assert_eq!(verify(&format!("t=1700000000, v1=00, v1={OPENSSL}, v0=x"), b"{}", NOW), Ok(()));
        assert!(verify(&good, b"{ }", NOW).is_err());
        assert!(verify(&format!("t=1700000001,v1={OPENSSL}"), b"{}", NOW).is_err());
        assert!(WebhookSecret::new("other").verify(&good, b"{}", NOW).is_err());
    }

    #[test]
    fn five_minutes_either_way_and_no_more() {
        let header = format!("t=1700000000,v1={OPENSSL}");
        let second = Duration::from_secs(1);
        for (now, good) in [
            (NOW + TOLERANCE, true),
            (NOW - TOLERANCE, true),
            (NOW + TOLERANCE + second, false),
            (NOW - TOLERANCE - second, false),
        ] {
            assert_eq!(verify(&header, b"{}", now).is_ok(), good, "{now:?}");
        }
    }

    #[test]
    fn what_is_no_signature_is_refused() {
        let cut = &OPENSSL[..62];
        for header in [
            "".to_owned(),
            "t=1700000000".to_owned(),
            "t=1700000000,v1=".to_owned(),
            format!("v1={OPENSSL}"),
            format!("t=,v1={OPENSSL}"),
            format!("t=1700000000,v1={cut}"),
            format!("t=1700000000,v1={OPENSSL}00"),
            format!("t=1700000000,v1={}", "é".repeat(32)),
        ] {
            assert!(verify(&header, b"{}", NOW).is_err(), "{header}");
        }
    }
}
