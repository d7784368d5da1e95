//! The headers of an answer: which they are, and what fits into one.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use http::HeaderName;

use super::{Answer, Renderer, Shape, wait_seconds};

pub(super) type Header = (Cow<'static, str>, Cow<'static, str>);

/// The longest value of a header, in bytes. Servers and proxies take about so much.
const MAX_VALUE: usize = 8 * 1024;
/// The most headers of a host's own in one answer.
const MAX_OWN: usize = 16;
/// What an answer says itself, or what frames a message: not for a host's own headers.
const TAKEN: [&str; 11] = [
    "cache-control",
    "connection",
    "content-encoding",
    "content-language",
    "content-length",
    "content-type",
    "retry-after",
    "trailer",
    "transfer-encoding",
    "vary",
    "x-should-retry",
];

/// What makes the host's own headers.
#[derive(Clone)]
pub(super) struct Hook(pub(super) Arc<HookFn>);

type HookFn = dyn Fn(&Answer<'_>) -> Vec<(String, String)> + Send + Sync;

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hook")
    }
}

/// All headers of an answer. What does not fit into a header is not there.
pub(super) fn of(renderer: &Renderer, answer: &Answer<'_>) -> Vec<Header> {
    let mut headers = Vec::with_capacity(6);
    let mut ours = |name: &'static str, value: Cow<'static, str>| headers.push((Cow::Borrowed(name), value));
    let content_type = renderer.shape.content_type();
    if !matches!(renderer.shape, Shape::Custom(_)) || fits(content_type) {
        ours("content-type", Cow::Borrowed(content_type));
    }
    let language = renderer.messages.language();
    if fits(&language) {
        ours("content-language", language);
    }
    ours("cache-control", Cow::Borrowed("no-store"));
    let retry_helps = answer.told().kind().retry_helps();
    ours("x-should-retry", Cow::Borrowed(if retry_helps { "true" } else { "false" }));
    if let Some(wait) = answer.told().retry_after() {
        ours("retry-after", Cow::Owned(wait_seconds(wait).to_string()));
    }
    if let Some(vary) = renderer.vary {
        ours("vary", Cow::Borrowed(vary));
    }
    if let Some(hook) = &renderer.hook {
        let own = (hook.0)(answer).into_iter().filter(|(_, value)| fits(value));
        let named = own.filter_map(|(name, value)| Some((own_name(&name).ok()?.into(), value.into())));
        headers.extend(named.take(MAX_OWN));
    }
    headers
}

/// Whether this fits into a header as it is: printable ASCII, not empty, no space at either end.
pub(super) fn fits(value: &str) -> bool {
    !value.is_empty()
        && value.len() <= MAX_VALUE
        && value.bytes().all(|byte| (b' '..=b'~').contains(&byte))
        && !value.starts_with(' ')
        && !value.ends_with(' ')
}

/// The name of a header that a host may set, in small letters, or the rule it breaks.
pub(super) fn own_name(name: &str) -> Result<String, &'static str> {
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| "expected letters, digits and '-'")?;
    if name.as_str().len() > Renderer::MAX_NAME {
        return Err("expected at most 64 characters");
    }
    if TAKEN.contains(&name.as_str()) {
        return Err("it is set already, or frames the message");
    }
    Ok(name.as_str().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_printable_and_not_endless() {
        for good in ["a", "a b", "\"quoted\"; q=1", &"x".repeat(MAX_VALUE)] {
            assert!(fits(good), "{good}");
        }
        for bad in
            ["", " a", "a ", "a\r\nb: c", "a\tb", "a\0", "\u{7f}", "\u{fc}", &"x".repeat(MAX_VALUE + 1)]
        {
            assert!(!fits(bad), "{bad:?}");
        }
    }

    #[test]
    fn names_are_names_and_not_ours() {
        assert_eq!(own_name("WWW-Authenticate"), Ok("www-authenticate".to_owned()));
        assert!(own_name(&"x".repeat(64)).is_ok());
        let long = "x".repeat(65);
        for bad in
            ["", "two words", "a:b", "a\r\nb", "\u{fc}", &long, "Content-Length", "Vary", "Retry-After"]
        {
            assert!(own_name(bad).is_err(), "{bad}");
        }
    }
}
