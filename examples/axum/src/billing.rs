//! Everything between axum and the guard. This is the file to copy.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use billing_guard::{Error, Guard, Hold, IdempotencyKey, Receipt, Renderer};

/// The guard's error as a handler's: `?` converts it, and the client gets the answer it stands for.
#[derive(Debug)]
pub struct Refused(pub Error);

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl IntoResponse for Refused {
    /// The answer in the default shape. The error goes along, so that [`in_house_style`] can do better.
    fn into_response(self) -> Response {
        let mut response = self.0.render(&Renderer::default()).into_http().map(Body::from);
        response.extensions_mut().insert(self.0);
        response
    }
}

/// A layer for the whole router, made with `map_response_with_state`: logs what the guard answered instead of work,
/// and gives the client that answer as the guard's own renderer writes it.
pub async fn in_house_style(State(guard): State<Guard>, mut response: Response) -> Response {
    let Some(error) = response.extensions_mut().remove::<Error>() else { return response };
    // Ids and amounts are for the log alone; the client gets only what `render` says.
    eprintln!("{error} {:?}", error.log_fields());
    guard.render(&error).into_http().map(Body::from)
}

/// The key under which the client may safely repeat its request: the header `Idempotency-Key`. Without one the
/// request gets a key of its own.
#[derive(Debug)]
pub struct RequestKey(pub IdempotencyKey);

impl<S: Send + Sync> FromRequestParts<S> for RequestKey {
    type Rejection = (StatusCode, String);

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let refuse = |why: String| (StatusCode::BAD_REQUEST, format!("Idempotency-Key: {why}\n"));
        let mut sent = parts.headers.get_all("idempotency-key").iter();
        let key = match (sent.next(), sent.next()) {
            (None, _) => IdempotencyKey::unique(),
            (Some(value), None) => String::from_utf8_lossy(value.as_bytes())
                .parse()
                .map_err(|error: billing_guard::IdError| refuse(error.to_string()))?,
            (Some(_), Some(_)) => return Err(refuse("sent more than once".to_owned())),
        };
        Ok(Self(key))
    }
}

/// Charges what was recorded. While the ledger does not answer it is asked again, which charges once: the work is
/// done, so giving up means that nobody pays for it, or that somebody pays and gets nothing.
pub async fn settle(mut hold: Hold) -> Result<Receipt, Error> {
    for pause_ms in [50, 200, 800] {
        match hold.capture_recorded().await {
            Err(Error::Unavailable { .. } | Error::OutcomeUnknown { .. }) => {}
            answer => return answer,
        }
        tokio::time::sleep(Duration::from_millis(pause_ms)).await;
    }
    hold.capture_recorded().await
}
