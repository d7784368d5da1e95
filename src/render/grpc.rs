//! [`GrpcStatus`]: a refusal for services that speak gRPC.

use std::fmt::Write;

use serde::Serialize;
use serde_json::value::RawValue;

use super::{Answer, Renderer, Shape, codes, google, json};
use crate::messages::Place;
use crate::refusal::{Details, Refusal};

/// A refusal as the status of a gRPC call. Plain data, for whatever library makes the answer.
///
/// It serializes as JSON has a `google.rpc.Status`: `{"code":8,"message":"…","details":[…]}`. Under `details` there is an
/// `ErrorInfo` with what [`Shape::Google`] has in it; a `RetryInfo` where waiting helps and the wait is known; and a `Help`
/// with the links of what there is to choose. Each has its `@type`, so that protobuf's JSON readers make of it what goes
/// into `grpc-status-details-bin`. Servers send some 8 KiB of headers at most: mind it where you disclose much.
///
/// | kind | code |
/// |---|---|
/// | `InsufficientBalance`, `BalanceHeld`, `TopUpPending`, `SpendCapReached`, `RequestTooLarge` | 8, `RESOURCE_EXHAUSTED` |
/// | `BudgetExceeded`, `KeyConflict` | 9, `FAILED_PRECONDITION` |
/// | `Duplicate` | 6, `ALREADY_EXISTS` |
/// | `Unavailable` | 14, `UNAVAILABLE` |
/// | `UnknownPrice`, `WrongUnit`, `Misconfigured`, `HoldLost` | 13, `INTERNAL` |
///
/// ```
/// use billing_guard::{Details, Refusal, Renderer};
///
/// let renderer = Renderer::default().with_error_domain("example.com")?;
/// let status = renderer.grpc_status(&Refusal::KeyConflict, &Details::new());
/// assert_eq!(status.code(), 9);
/// assert_eq!(status.message(), "This idempotency key was used before for a different request.");
/// let json = serde_json::to_string(&status)?;
/// assert!(json.ends_with(r#""details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"KEY_CONFLICT","domain":"example.com"}]}"#));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrpcStatus {
    code: u32,
    message: String,
    /// A JSON array.
    details: String,
}

impl GrpcStatus {
    /// The longest value of the header `grpc-message`, in bytes.
    pub const MAX_HEADER: usize = 1_024;

    /// The number of the status, such as 8. Never 0, which is a success.
    #[must_use]
    pub const fn code(&self) -> u32 {
        self.code
    }

    /// The text for the developer. A library that takes a message takes this one, and encodes it itself.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The value of the header `grpc-message`, for those who write headers themselves: percent-encoded, so that it is
    /// visible ASCII and spaces whatever the text is, and cut after a whole character to at most
    /// [`MAX_HEADER`](Self::MAX_HEADER) bytes.
    ///
    /// ```
    /// use billing_guard::{Details, Refusal, Renderer};
    ///
    /// let status = Renderer::default().grpc_status(&Refusal::Duplicate, &Details::new());
    /// assert_eq!(status.grpc_message(), status.message());
    /// ```
    #[must_use]
    pub fn grpc_message(&self) -> String {
        percent_encoded(&self.message)
    }
}

impl Serialize for GrpcStatus {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Status<'a> {
            code: u32,
            message: &'a str,
            details: &'a RawValue,
        }
        let details = serde_json::from_str(&self.details).map_err(serde::ser::Error::custom)?;
        Status { code: self.code, message: &self.message, details }.serialize(serializer)
    }
}

impl Renderer {
    /// The same as [`render_with`](Self::render_with) for a gRPC call: what may be told and in which words is decided in
    /// the same way. The renderer's shape and what belongs to HTTP alone do not matter. Of a guard's error it is
    /// `guard.renderer().grpc_status(&error.refusal(), &details)`.
    #[must_use]
    pub fn grpc_status(&self, refusal: &Refusal, details: &Details) -> GrpcStatus {
        // So that the words are those of that shape.
        let renderer = Self { shape: Shape::Google, ..self.clone() };
        let answer = Answer::new(&renderer, renderer.disclosed(refusal, details));
        GrpcStatus {
            code: code_of(codes::words(answer.told().kind()).google_status),
            message: answer.message(Place::Searched).into_owned(),
            details: String::from_utf8_lossy(&json(&google::details(&answer))).into_owned(),
        }
    }
}

/// The number of a status. `INTERNAL` for what is none: it must not become a success.
fn code_of(status: &str) -> u32 {
    match status {
        "ALREADY_EXISTS" => 6,
        "RESOURCE_EXHAUSTED" => 8,
        "FAILED_PRECONDITION" => 9,
        "UNAVAILABLE" => 14,
        _ => 13,
    }
}

fn percent_encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len().min(GrpcStatus::MAX_HEADER));
    for character in text.chars() {
        let mut bytes = [0; 4];
        let character = character.encode_utf8(&mut bytes);
        let start = out.len();
        for byte in character.bytes() {
            match byte {
                b' '..=b'~' if byte != b'%' => out.push(char::from(byte)),
                // Writing to a string cannot fail.
                _ => drop(write!(out, "%{byte:02X}")),
            }
        }
        if out.len() > GrpcStatus::MAX_HEADER {
            out.truncate(start);
            break;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::refusal::RefusalKind;

    #[test]
    fn every_kind_has_a_code_that_is_no_success() {
        for kind in RefusalKind::ALL {
            let status = codes::words(*kind).google_status;
            assert_eq!(code_of(status) == 13, status == "INTERNAL", "{status}");
        }
    }

    #[test]
    fn what_is_not_visible_is_encoded() {
        for (text, wanted) in [
            ("", ""),
            (" a~", " a~"),
            ("100 %", "100 %25"),
            ("%0A", "%250A"),
            ("a\r\nb: c\0\t\u{7f}", "a%0D%0Ab: c%00%09%7F"),
            ("\u{fc}\u{20ac}\u{1f4b8}", "%C3%BC%E2%82%AC%F0%9F%92%B8"),
        ] {
            assert_eq!(percent_encoded(text), wanted, "{text:?}");
        }
    }

    #[test]
    fn it_is_cut_after_a_whole_character() {
        let most = GrpcStatus::MAX_HEADER;
        for (text, length) in [
            ("x".repeat(most), most),
            ("x".repeat(most + 1), most),
            ("\u{fc}".repeat(1_000), most - most % 6),
            (format!("x{}", "%".repeat(1_000)), most),
        ] {
            let encoded = percent_encoded(&text);
            assert_eq!(encoded.len(), length);
            assert!(encoded.ends_with('x') || encoded.ends_with("%C3%BC") || encoded.ends_with("%25"));
        }
    }
}
