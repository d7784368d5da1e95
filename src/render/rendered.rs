//! An answer as plain parts: [`Rendered`].

use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

use super::headers::Header;

/// An answer as plain parts, for any framework: status, headers, body.
///
/// ```
/// use billing_guard::{Refusal, Renderer};
///
/// let answer = Renderer::default().render(&Refusal::KeyConflict);
/// assert_eq!(answer.status(), 409);
/// for (name, value) in answer.headers() {
///     println!("{name}: {value}");
/// }
/// let body: Vec<u8> = answer.into_body();
/// # let _ = body;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    pub(super) status: u16,
    pub(super) headers: Vec<Header>,
    pub(super) body: Vec<u8>,
}

impl Rendered {
    /// The HTTP status, 400 to 599.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// Names, in small letters, and values of the headers, in the order to send them. Each fits into a header: printable
    /// ASCII, nothing else.
    ///
    /// Set them, but add to what the response has for `vary` (see [`apply_headers`](Self::apply_headers)).
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.iter().map(|(name, value)| (name.as_ref(), value.as_ref()))
    }

    /// The value of the header with this name, in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The body.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The body alone.
    #[must_use]
    pub fn into_body(self) -> Vec<u8> {
        self.body
    }

    /// Sets the headers in a map of the `http` crate, for responses that a framework has begun. What `Vary` says there
    /// already is kept, and ours is added.
    ///
    /// ```
    /// use billing_guard::{Refusal, Renderer};
    /// use http::HeaderMap;
    ///
    /// let mut headers = HeaderMap::new();
    /// headers.insert("vary", "origin".parse()?);
    /// let answer = Renderer::default().negotiate(Some("text/plain"), None).render(&Refusal::KeyConflict);
    /// answer.apply_headers(&mut headers);
    /// let vary: Vec<_> = headers.get_all("vary").iter().collect();
    /// assert_eq!(vary, ["origin", "accept"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn apply_headers(&self, headers: &mut HeaderMap) {
        let parsed = self.headers().filter_map(|(name, value)| {
            Some((HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_str(value).ok()?))
        });
        let mut set: Vec<HeaderName> = Vec::with_capacity(self.headers.len());
        for (name, value) in parsed {
            // A name of the host's may come twice in an answer. What was there before is another matter.
            if name == http::header::VARY || set.contains(&name) {
                headers.append(name, value);
            } else {
                set.push(name.clone());
                headers.insert(name, value);
            }
        }
    }

    /// As a response of the `http` crate.
    #[must_use]
    pub fn into_http(self) -> Response<Vec<u8>> {
        let mut headers = HeaderMap::with_capacity(self.headers.len());
        self.apply_headers(&mut headers);
        let mut response = Response::new(self.body);
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        *response.headers_mut() = headers;
        response
    }
}
