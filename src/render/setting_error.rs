//! Why a setting of a renderer was not taken: [`RenderSettingError`].

/// Why a setting of a [`Renderer`](crate::Renderer), or of [`SuccessHeaders`](crate::SuccessHeaders), was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RenderSettingError {
    /// The text names no shape.
    #[error(
        "{text} is not a shape: expected flat, flat-with-error, error-object, error-string, open-ai, anthropic, \
         google, open-router, problem, text or event"
    )]
    UnknownShape {
        /// The text, quoted and shortened.
        text: String,
    },
    /// The text is no name or error code.
    #[error("{text} is not a name: expected 1 to 64 letters, digits and '_.-'")]
    InvalidName {
        /// The text, quoted and shortened.
        text: String,
    },
    /// The service code does not begin with the HTTP status of its kind.
    #[error("the service code {service_code} does not begin with the HTTP status {status}")]
    InvalidServiceCode {
        /// The code.
        service_code: u32,
        /// The status that its kind has by default.
        status: u16,
    },
    /// The fallback payload is not JSON, or too large.
    #[error("the fallback payload cannot be used: {detail}")]
    InvalidData {
        /// What is wrong with it.
        detail: String,
    },
    /// The text is no request id.
    #[error("{text} is not a request id: expected 1 to 128 visible ASCII characters")]
    InvalidRequestId {
        /// The text, quoted and shortened.
        text: String,
    },
    /// The text is no domain.
    #[error("{text} is not a domain: expected 1 to 253 letters, digits, '.' and '-'")]
    InvalidDomain {
        /// The text, quoted and shortened.
        text: String,
    },
    /// The link is too long for the pages about problems to begin with it.
    #[error("{text} is too long a link: expected at most 1,024 characters")]
    LongProblemLink {
        /// The link, quoted and shortened.
        text: String,
    },
    /// The text is no name of a header, of one that others set, or given twice.
    #[error("{text} cannot be the name of a header: {rule}")]
    InvalidHeaderName {
        /// The text, quoted and shortened.
        text: String,
        /// The rule it breaks.
        rule: &'static str,
    },
}
