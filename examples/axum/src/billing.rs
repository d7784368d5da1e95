//! Everything between axum and the guard. This is the file to copy.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{AppendHeaders, IntoResponse, Response};
use billing_guard::{Error, Hold, IdempotencyKey, Notice, Receipt, Renderer};

use crate::App;

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

/// A layer for the whole router. It logs what the guard answered instead of work, and says it to this client: in the form and
/// the language that it asked for, and as far as it may read it. To work that was done it adds what that cost.
pub async fn in_house_style(State(app): State<App>, request: Request, next: Next) -> Response {
    let asked = request.headers().clone();
    let mut response = next.run(request).await;
    let caller = app.keys.authenticate(&asked);
    if let Some(charged) = response.extensions_mut().remove::<Charged>() {
        return (AppendHeaders(app.conversation.headers(caller, &charged)), response).into_response();
    }
    let Some(error) = response.extensions_mut().remove::<Error>() else { return response };
    // Ids and amounts are for the log alone; the client gets only what is rendered.
    eprintln!("{error} {:?}", error.log_fields());
    let says = |name| asked.get(name).and_then(|value| value.to_str().ok());
    let renderer = app.guard.renderer().negotiate(says(header::ACCEPT), says(header::ACCEPT_LANGUAGE));
    let renderer = renderer.with_disclosure(app.conversation.disclosure(caller));
    renderer
        .render_with(&error.refusal(), &app.conversation.details(caller, &error))
        .into_http()
        .map(Body::from)
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

/// What work was charged, and what there was to tell when it began: [`in_house_style`] says both.
#[derive(Clone, Debug)]
pub struct Charged {
    pub receipt: Receipt,
    pub at_start: Vec<Notice>,
}

/// Charges what was recorded. While the ledger does not answer it is asked again, which charges once: the work is
/// done, so giving up means that nobody pays for it, or that somebody pays and gets nothing.
pub async fn settle(mut hold: Hold) -> Result<Charged, Error> {
    let at_start = hold.notices();
    let charged = |receipt| Charged { receipt, at_start };
    for pause_ms in [50, 200, 800] {
        match hold.capture_recorded().await {
            Err(Error::Unavailable { .. } | Error::OutcomeUnknown { .. }) => {}
            answer => return answer.map(charged),
        }
        tokio::time::sleep(Duration::from_millis(pause_ms)).await;
    }
    hold.capture_recorded().await.map(charged)
}
