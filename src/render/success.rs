//! What a host may say in headers when the work was done: [`SuccessHeaders`].

use super::RenderSettingError;
use super::headers;
use crate::amount::Amount;
use crate::notice::Notice;
use crate::receipt::Receipt;
use crate::text::quoted;

/// Headers for answers to work that was done: what was charged, what remains, and what the customer should hear. Each is
/// there only if the host gives it a name. Made once, shared by all requests.
///
/// Amounts are decimal text without their unit, which is the account's. Whoever reads the answer reads what remains, so
/// name that only where callers may know the balance. Notices are words, as [`Notice::as_str`] has them, separated by
/// commas, each once.
///
/// With them comes `Access-Control-Expose-Headers`, without which a page in a browser does not see them. It is a list:
/// add it to what the response has, do not put it in its place.
///
/// ```
/// use billing_guard::{AccountId, Guard, Job, SuccessHeaders, Tariff, Unit, wait};
///
/// let headers = SuccessHeaders::new().charged("X-Credits-Charged")?.remaining("X-Credits-Remaining")?;
///
/// let usd = Unit::new("USD", 6)?;
/// let guard = Guard::in_memory(usd).price("message", Tariff::new().fixed("0.05")?).build()?;
/// let account = AccountId::new("acct_1")?;
/// wait(guard.top_up(&account, "payment-1".parse()?, usd.amount("1")?))?;
/// let receipt = wait(guard.charge(&account, &Job::new("message")))?;
///
/// let sent = headers.headers(&receipt);
/// assert_eq!(sent[0], ("x-credits-charged", "0.05".into()));
/// assert_eq!(sent[1], ("x-credits-remaining", "0.95".into()));
/// assert_eq!(sent[2].0, "access-control-expose-headers");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SuccessHeaders {
    charged: Option<String>,
    remaining: Option<String>,
    notices: Option<String>,
}

impl SuccessHeaders {
    /// None of them.
    #[must_use]
    pub const fn new() -> Self {
        Self { charged: None, remaining: None, notices: None }
    }

    /// The same with what the work was charged under this name.
    ///
    /// # Errors
    /// [`RenderSettingError::InvalidHeaderName`] unless it is a name of at most 64 characters, of a header that the host
    /// may set, and another than the others have.
    pub fn charged(mut self, name: &str) -> Result<Self, RenderSettingError> {
        self.charged = Some(self.own(name)?);
        Ok(self)
    }

    /// The same with what is available then under this name.
    ///
    /// # Errors
    /// As [`charged`](Self::charged).
    pub fn remaining(mut self, name: &str) -> Result<Self, RenderSettingError> {
        self.remaining = Some(self.own(name)?);
        Ok(self)
    }

    /// The same with notices under this name.
    ///
    /// # Errors
    /// As [`charged`](Self::charged).
    pub fn notices(mut self, name: &str) -> Result<Self, RenderSettingError> {
        self.notices = Some(self.own(name)?);
        Ok(self)
    }

    fn own(&self, name: &str) -> Result<String, RenderSettingError> {
        let invalid = |rule| RenderSettingError::InvalidHeaderName { text: quoted(name), rule };
        let name = headers::own_name(name).map_err(invalid)?;
        if self.names().any(|known| known == name) || name == EXPOSE {
            return Err(invalid("it is used for another value"));
        }
        Ok(name)
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        [&self.charged, &self.remaining, &self.notices].into_iter().flatten().map(String::as_str)
    }

    /// Names, in small letters, and values for the answer to work that was charged. Of work that is not
    /// [booked](Receipt::is_booked) nothing was charged, and what remains is not known.
    #[must_use]
    pub fn headers(&self, receipt: &Receipt) -> Vec<(&str, String)> {
        let mut headers = Vec::with_capacity(4);
        if receipt.is_booked() {
            headers.extend(self.charged.iter().map(|name| (name.as_str(), decimal(receipt.charged()))));
            headers.extend(self.remaining.iter().map(|name| (name.as_str(), decimal(receipt.available()))));
        }
        headers.extend(self.notice_header(receipt.notices()));
        exposed(headers)
    }

    /// The same for an answer that begins before its work is done, a stream: only the notices of its
    /// [`Hold`](crate::Hold).
    #[must_use]
    pub fn headers_at_start(&self, notices: &[Notice]) -> Vec<(&str, String)> {
        exposed(self.notice_header(notices).into_iter().collect())
    }

    fn notice_header(&self, notices: &[Notice]) -> Option<(&str, String)> {
        let name = self.notices.as_deref()?;
        let mut words: Vec<&'static str> = Vec::new();
        for word in notices.iter().map(Notice::as_str) {
            if !words.contains(&word) {
                words.push(word);
            }
        }
        (!words.is_empty()).then(|| (name, words.join(", ")))
    }
}

fn decimal(amount: Amount) -> String {
    amount.decimal().to_string()
}

const EXPOSE: &str = "access-control-expose-headers";

fn exposed(mut headers: Vec<(&str, String)>) -> Vec<(&str, String)> {
    let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
    if !names.is_empty() {
        let names = names.join(", ");
        headers.push((EXPOSE, names));
    }
    headers
}
