//! What this service says beside its bare answers, and to whom. All of it is the host's own: its pages, its amounts, its rules.

use std::sync::Arc;
use std::time::Duration;

use billing_guard::{
    Amount, Details, Disclosure, English, Error, Free, German, Guard, Insights, Link, LinkError, Options,
    PaymentSteps, Purchase, Renderer, SuccessHeaders, Tone, TopUp, TopUpPresets,
};

use crate::auth::{Caller, Role};
use crate::billing::Charged;

/// The label of each query's hold and charge: who had it run, by [`Role`].
pub const USED_BY: &str = "used by";

/// How long what is known of a customer's spending is good enough for a refusal.
const FRESH: Duration = Duration::from_secs(60);

/// The pages that a refused customer is shown.
#[derive(Clone, Debug)]
pub struct Pages {
    top_up: Link,
    usage: Link,
    help: Link,
}

impl Pages {
    /// Those under a link such as `https://example.com/billing`: from the configuration of the host, and never from what a
    /// request brings along.
    pub fn under(base: &str) -> Result<Self, LinkError> {
        let page = |name| Link::new(format!("{}/{name}", base.trim_end_matches('/')));
        Ok(Self { top_up: page("top-up")?, usage: page("usage")?, help: page("help")? })
    }
}

/// The host's part of the conversation. Without pages to lead to it is short: a refusal is the documented body then, for
/// everybody, and nothing else.
#[derive(Debug)]
pub struct Conversation {
    pages: Option<Pages>,
    amounts: TopUpPresets,
    insights: Insights,
    for_owners: SuccessHeaders,
    for_apps: SuccessHeaders,
}

impl Conversation {
    /// Made once.
    pub fn new(guard: &Guard, pages: Option<Pages>) -> Result<Self, Box<dyn std::error::Error>> {
        let usd = |text| guard.unit().amount(text);
        // What the payment provider takes: from a dollar on, in whole cents.
        let steps = PaymentSteps::new(usd("1")?, usd("0.01")?)?;
        let for_apps = SuccessHeaders::new().charged("X-Charged")?;
        Ok(Self {
            pages,
            amounts: TopUpPresets::new(steps, [usd("5")?, usd("20")?])?,
            insights: Insights::new(guard).by_label(USED_BY)?,
            for_owners: for_apps.clone().remaining("X-Remaining")?.notices("X-Notices")?,
            for_apps,
        })
    }

    /// How much of its balance a caller may read in a refusal: a customer everything, the users of its app nothing.
    pub fn disclosure(&self, caller: Option<&Caller>) -> Disclosure {
        match (&self.pages, caller) {
            (Some(_), Some(Caller { role: Role::Owner, .. })) => Disclosure::Usage,
            _ => Disclosure::Nothing,
        }
    }

    /// What a refused caller may do next, and what is known of the customer's spending. What of it helps, and may be read, is
    /// decided when it is rendered. The users of an app are not sent to its maker's billing.
    pub fn details(&self, caller: Option<&Caller>, error: &Error) -> Details {
        let (Some(pages), Some(caller)) = (&self.pages, caller) else { return Details::new() };
        let options = Options::draft().smaller_request().free(Free::contact(pages.help.clone()));
        if caller.role == Role::App {
            return Details::new().with_options(options);
        }
        // What was read before: a refusal waits for no statement. It is read again for the next one, but not for each of a
        // client that does nothing but ask again.
        let insight = self.insights.known(&caller.account);
        if insight.as_ref().is_none_or(|insight| insight.age() > FRESH) {
            tokio::spawn(self.insights.refresh(&caller.account));
        }

        let (mut details, mut top_up) = (Details::new(), TopUp::new(pages.top_up.clone()));
        if let Error::InsufficientBalance(short) = error {
            let page = |amount: Amount| Link::new(format!("{}?usd={}", pages.top_up, amount.decimal())).ok();
            let lasts = |there| insight.as_ref()?.runway(there);
            top_up = top_up.with_amounts(self.amounts.amounts(short, lasts, page));
            if let Some(insight) = &insight {
                details = insight.add_to(details, short.available());
            }
        }
        let options = options.free(Free::view_usage(pages.usage.clone())).purchase(Purchase::top_up(top_up));
        details.with_options(options)
    }

    /// What goes along with an answer: what it cost; and for the customer what is left, and what it should hear.
    pub fn headers(&self, caller: Option<&Caller>, charged: &Charged) -> Vec<(&str, String)> {
        let names = match caller {
            Some(Caller { role: Role::Owner, .. }) => &self.for_owners,
            _ => &self.for_apps,
        };
        let mut headers = names.headers_at_start(&charged.at_start);
        headers.extend(names.headers(&charged.receipt));
        headers
    }
}

/// The texts that go with pages: in two languages, and with more to say to the reader than the documented sentence.
pub fn in_full(renderer: Renderer) -> Renderer {
    renderer
        .with_messages(Arc::new(English::new().with_tone(Tone::Neutral)))
        .with_language(Arc::new(German::new().with_tone(Tone::Neutral)))
}
