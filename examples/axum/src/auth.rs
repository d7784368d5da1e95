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

/// Who has a key, which decides what a caller may see beside the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The customer itself.
    Owner,
    /// An app that the customer made: its users are not the ones who pay.
    App,
}

impl Role {
    /// As a statement says it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::App => "app",
        }
    }
}

/// Who is calling, as its key says.
#[derive(Clone, Debug)]
pub struct Caller {
    pub account: AccountId,
    pub role: Role,
}

/// The API keys that were given out, each with its account and with who has it.
///
/// Only the SHA-256 of a key is kept and looked up, so the time that takes says nothing about the key itself. (Keys
/// are long and random. Passwords would need a slow hash.)
#[derive(Clone)]
pub struct ApiKeys {
    callers: Arc<HashMap<[u8; 32], Caller>>,
    known: Arc<HashSet<AccountId>>,
}

impl ApiKeys {
    /// From keys, and whose each is.
    pub fn new<K: AsRef<[u8]>>(keys: impl IntoIterator<Item = (K, Caller)>) -> Self {
        let callers: HashMap<_, Caller> =
            keys.into_iter().map(|(key, caller)| (Sha256::digest(key).into(), caller)).collect();
        let known = callers.values().map(|caller| caller.account.clone()).collect();
        Self { callers: Arc::new(callers), known: Arc::new(known) }
    }

    /// Whose key the request carries: exactly one header `Authorization: Bearer <key>`.
    pub fn authenticate(&self, headers: &HeaderMap) -> Option<&Caller> {
        let mut sent = headers.get_all(header::AUTHORIZATION).iter();
        let (Some(value), None) = (sent.next(), sent.next()) else { return None };
        let (scheme, key) = value.to_str().ok()?.split_once(' ')?;
        let digest: [u8; 32] = Sha256::digest(key.trim_start_matches(' ')).into();
        self.callers.get(&digest).filter(|_| scheme.eq_ignore_ascii_case("bearer"))
    }

    /// Whether anyone has a key for this account.
    pub fn has_account(&self, account: &AccountId) -> bool {
        self.known.contains(account)
    }
}

/// Whoever may have work done, and whose account pays for it. As the first argument of a handler it answers 401 before anything else is
/// looked at: before the body is read, and before any balance is.
pub struct Customer(pub Caller);

impl<S: Send + Sync> FromRequestParts<S> for Customer
where
    ApiKeys: FromRef<S>,
{
    type Rejection = Unauthorized;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Unauthorized> {
        authenticated(parts, state).map(Self)
    }
}

/// The same for what only the customer itself may see: an app's key is answered 403.
pub struct Owner(pub AccountId);

impl<S: Send + Sync> FromRequestParts<S> for Owner
where
    ApiKeys: FromRef<S>,
{
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        match authenticated(parts, state) {
            Ok(Caller { account, role: Role::Owner }) => Ok(Self(account)),
            Ok(Caller { role: Role::App, .. }) => {
                Err((StatusCode::FORBIDDEN, "Only the account's owner may see this.\n").into_response())
            }
            Err(unauthorized) => Err(unauthorized.into_response()),
        }
    }
}

fn authenticated<S>(parts: &Parts, state: &S) -> Result<Caller, Unauthorized>
where
    ApiKeys: FromRef<S>,
{
    ApiKeys::from_ref(state).authenticate(&parts.headers).cloned().ok_or(Unauthorized {
        challenge: r#"Bearer realm="metered-query""#,
        text: "A valid API key is needed.\n",
    })
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
