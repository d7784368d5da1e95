//! `POST /v1/chat/completions`: the same queries for clients of the OpenAI API, which know no other way to ask.
//!
//! The one model there is reads the last message as SQL and answers with the rows, one to a line. Its tokens are the bytes
//! of the SQL and the rows of the answer, so it costs what `POST /query` costs.

use std::num::NonZeroU32;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{ErrorResponse, IntoResponse, Response};
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::json;

use crate::App;
use crate::auth::Customer;
use crate::billing::{Refused, RequestKey};
use crate::query::{self, Query};
use crate::table::Select;

/// Its name, whatever model the client asks for.
const MODEL: &str = "readings";

/// How many rows are found at most where the request does not say.
const DEFAULT_ROWS: NonZeroU32 = NonZeroU32::new(100).unwrap();

/// As much of the request as matters here: clients send a lot more.
#[derive(Debug, Deserialize)]
pub struct Request {
    messages: Vec<Message>,
    #[serde(alias = "max_tokens")]
    max_completion_tokens: Option<NonZeroU32>,
    #[serde(default)]
    stream: bool,
}

#[derive(Debug, Deserialize)]
struct Message {
    content: String,
}

/// Takes its arguments in the same order as `POST /query`.
pub async fn completions(
    Customer(caller): Customer,
    RequestKey(key): RequestKey,
    State(app): State<App>,
    Json(mut request): Json<Request>,
) -> Result<Response, ErrorResponse> {
    let refuse = |why: &str| ErrorResponse::from((StatusCode::BAD_REQUEST, format!("{why}\n")));
    if request.stream {
        return Err(refuse("Answers come whole, not as a stream."));
    }
    let last = request.messages.pop().ok_or_else(|| refuse("There is no message."))?;
    let sql = Select::try_from(last.content).map_err(refuse)?;
    let query = Query { sql, max_rows: request.max_completion_tokens.unwrap_or(DEFAULT_ROWS), skip: 0 };

    let id = format!("chatcmpl-{key}");
    let (rows, charged) = query::run(&app, &caller, key, &query).await.map_err(Refused)?;
    let lines = rows.iter().map(serde_json::to_string).collect::<Result<Vec<_>, _>>();
    let content = lines.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?.join("\n");
    let is_cut = u32::try_from(rows.len()).is_ok_and(|count| count == query.max_rows.get());
    let answer = json!({
        "id": id,
        "object": "chat.completion",
        "created": SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs(),
        "model": MODEL,
        "choices": [{
            "index": 0,
            "message": {"role": "assistant", "content": content},
            "finish_reason": if is_cut { "length" } else { "stop" },
        }],
        "usage": {
            "prompt_tokens": query.sql.bytes(),
            "completion_tokens": rows.len(),
            "total_tokens": query.sql.bytes() + rows.len(),
        },
    });
    Ok((Extension(charged), Json(answer)).into_response())
}
