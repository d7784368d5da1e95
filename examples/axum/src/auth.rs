//! Who is calling. A host has its own way to know; what matters is that the account comes from the credential, and
//! from nothing else the caller sends.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use billing_guard::AccountId;
use sha2::{Digest, Sha256};

/// The API keys that were given out, each with its account.
///
/// Only the SHA-256 of a key is kept and looked up, so the time that takes says nothing about the key itself. (Keys
/// are long and random. Passwords would need a slow hash.)
#[derive(Clone)]
pub struct ApiKeys {
    accounts: Arc<HashMap<[u8; 32], AccountId>>,
    known: Arc<HashSet<AccountId>>,
}

impl ApiKeys {
    /// From pairs of a key and the account it belongs to.
    pub fn new<K: AsRef<[u8]>>(keys: impl IntoIterator<Item = (K, AccountId)>) -> Self {
        let accounts: HashMap<_, _> =
            keys.into_iter().map(|(key, account)| (Sha256::digest(key).into(), account)).collect();
        let known = accounts.values().cloned().collect();
        Self { accounts: Arc::new(accounts), known: Arc::new(known) }
    }

    /// The account whose key the request carries: exactly one header `Authorization: Bearer <key>`.
    pub fn authenticate(&self, headers: &HeaderMap) -> Option<&AccountId> {
        let mut sent = headers.get_all(header::AUTHORIZATION).iter();
        let (Some(value), None) = (sent.next(), sent.next()) else { return None };
        let (scheme, key) = value.to_str().ok()?.split_once(' ')?;
        let digest: [u8; 32] = Sha256::digest(key.trim_start_matches(' ')).into();
        self.accounts.get(&digest).filter(|_| scheme.eq_ignore_ascii_case("bearer"))
    }

    /// Whether anyone has a key for this account.
    pub fn has_account(&self, account: &AccountId) -> bool {
        self.known.contains(account)
    }
}

/// The customer that is calling. As the first argument of a handler it answers 401 before anything else is looked
/// at: before the body is read, and before any balance is.
pub struct Customer(pub AccountId);

impl<S: Send + Sync> FromRequestParts<S> for Customer
where
    ApiKeys: FromRef<S>,
{
    type Rejection = Unauthorized;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Unauthorized> {
        let keys = ApiKeys::from_ref(state);
        keys.authenticate(&parts.headers).cloned().map(Self).ok_or(Unauthorized {
            challenge: r#"Bearer realm="metered-query""#,
            text: "A valid API key is needed.\n",
        })
    }
}

/// 401, with how to do better.
#[derive(Debug)]
pub struct Unauthorized {
    pub challenge: &'static str,
    pub text: &'static str,
}

impl IntoResponse for Unauthorized {
    fn into_response(self) -> Response {
        (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, self.challenge)], self.text).into_response()
    }
}
