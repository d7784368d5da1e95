//! Links that a client may be shown.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use http::Uri;

use crate::text::{quoted, serde_as_text};

/// A link that the host shows a customer: to a page where it can top up, or see its usage.
///
/// Absolute, `https` (or `http` to the machine itself, for trials), without user info, at most 2,048 visible ASCII
/// characters. What is there is the host's: never build one from what a request brought along (`Host`, `Referer`, a query
/// parameter), and put no idempotency key into one.
///
/// ```
/// use billing_guard::Link;
///
/// let link: Link = "https://example.com/billing?plan=team".parse()?;
/// assert_eq!(link.as_str(), "https://example.com/billing?plan=team");
/// assert!(Link::new("http://localhost:3000/billing").is_ok());
/// for bad in ["http://example.com/", "javascript:alert(1)", "https://user@example.com/", "/billing"] {
///     assert!(Link::new(bad).is_err(), "{bad}");
/// }
/// # Ok::<(), billing_guard::LinkError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Link(Arc<str>);

/// Why text is no link.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text} is not a link: {rule}")]
pub struct LinkError {
    text: String,
    rule: &'static str,
}

impl Link {
    /// The longest link, in characters.
    pub const MAX_LENGTH: usize = 2_048;

    /// From its text, which is kept as it is.
    ///
    /// # Errors
    /// [`LinkError`] with the text, quoted and shortened, and the rule it breaks.
    pub fn new(text: impl AsRef<str>) -> Result<Self, LinkError> {
        let text = text.as_ref();
        match broken_rule(text) {
            None => Ok(Self(text.into())),
            Some(rule) => Err(LinkError { text: quoted(text), rule }),
        }
    }

    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn broken_rule(text: &str) -> Option<&'static str> {
    const ABSOLUTE: &str = "expected an absolute https link";
    if text.len() > Link::MAX_LENGTH {
        return Some("expected at most 2,048 characters");
    }
    // What a browser, a log or a header might read as something else. A backslash is a slash to browsers.
    if !text.bytes().all(|byte| byte.is_ascii_graphic() && !br#""'<>\^`{|}"#.contains(&byte)) {
        return Some(
            "expected visible ASCII characters without quotes, brackets and backslashes; escape others with %",
        );
    }
    let Ok(uri) = text.parse::<Uri>() else { return Some(ABSOLUTE) };
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else { return Some(ABSOLUTE) };
    if authority.as_str().contains('@') {
        return Some("expected no user info");
    }
    let host = authority.host();
    if host.is_empty() || authority.as_str().ends_with(':') {
        return Some("expected a host, and a port after a colon");
    }
    match scheme {
        "https" => None,
        "http" if matches!(host, "localhost" | "127.0.0.1" | "[::1]") => None,
        _ => Some("expected https, or http to localhost"),
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Link {
    type Err = LinkError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::new(text)
    }
}

impl AsRef<str> for Link {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

serde_as_text!(Link);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_leads_where_it_says() {
        for good in [
            "https://example.com",
            "https://example.com/",
            "https://example.com:8443/pay?amount=5.00&currency=USD#top",
            "https://xn--bcher-kva.example/",
            "https://[2001:db8::1]/pay",
            "http://localhost/",
            "http://127.0.0.1:8080/pay",
            "http://[::1]:8080/pay",
        ] {
            assert_eq!(Link::new(good).map(|link| link.to_string()), Ok(good.to_owned()));
        }
    }

    #[test]
    fn what_might_lead_elsewhere_is_refused_with_its_rule() {
        for (bad, rule) in [
            ("", "absolute"),
            ("/pay", "absolute"),
            ("//example.com/pay", "absolute"),
            ("example.com/pay", "absolute"),
            ("https:///pay", "absolute"),
            ("http://example.com/", "https"),
            ("http://localhost.example.com/", "https"),
            ("http://127.0.0.1.example.com/", "https"),
            ("ftp://example.com/", "https"),
            ("https://user:secret@example.com/", "user info"),
            ("https://example.com@evil.example/", "user info"),
            ("https://example.com:/", "port"),
            ("https://example.com/\r\nX: y", "visible"),
            ("https://example.com/a b", "visible"),
            ("https://example.com\\@evil.example/", "visible"),
            ("https://b\u{fc}cher.example/", "visible"),
            ("https://example.com/\"onload=", "visible"),
            ("javascript:alert(1)", "absolute"),
            ("data:text/html,hi", "absolute"),
        ] {
            let error = Link::new(bad).expect_err(bad).to_string();
            assert!(error.contains(rule), "{bad}: {error}");
        }
    }

    #[test]
    fn its_length_is_limited_on_both_sides() {
        let long = |length: usize| format!("https://example.com/{}", "a".repeat(length - 20));
        assert!(Link::new(long(2_048)).is_ok());
        assert!(Link::new(long(2_049)).unwrap_err().to_string().contains("2,048"));
    }
}
