//! What a customer may choose to do next: [`Options`], of which one always costs nothing.

use crate::amount::Amount;
use crate::id::Label;
use crate::link::Link;
use crate::runway::Runway;

/// What a refused customer may do next, in the host's order.
///
/// Fair by construction: a list with something to buy in it cannot be made without something that costs nothing, all stand
/// side by side in one list, none of them is preselected, and none counts down. Each kind of choice is there once: one that
/// is added again takes the place of the first.
///
/// Only what helps is shown: no top-up where a spend cap is reached or the balance is merely in use, no smaller request
/// where none would fit.
///
/// ```
/// use billing_guard::{Free, Link, Options, Purchase, TopUp};
///
/// let page = |path: &str| Link::new(format!("https://example.com/{path}"));
/// let options = Options::draft()
///     .purchase(Purchase::top_up(TopUp::new(page("top-up")?)))
///     .smaller_request()
///     .free(Free::view_usage(page("usage")?))
///     .free(Free::contact(page("help")?));
/// assert_eq!(options.choices().len(), 4);
/// # Ok::<(), billing_guard::LinkError>(())
/// ```
///
/// Without a free choice it is a draft, which nothing takes:
///
/// ```compile_fail,E0308
/// # use billing_guard::{Details, Link, Options, Purchase, TopUp};
/// # let link: Link = "https://example.com/".parse().unwrap();
/// let draft = Options::draft().purchase(Purchase::top_up(TopUp::new(link)));
/// let details = Details::new().with_options(draft);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options(Vec<Choice>);

/// [`Options`] that still lack a choice that costs nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct OptionsDraft(Vec<Choice>);

/// One of the [`Options`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Choice {
    /// Top the balance up.
    TopUp(TopUp),
    /// Have the balance topped up automatically from now on. Following the link is no consent yet.
    AutoTopUp {
        /// Where the customer can read the terms and consent.
        link: Link,
    },
    /// Change to another plan.
    ChangePlan {
        /// What people know the plan by.
        plan: Option<Label>,
        /// Where to do so.
        link: Link,
    },
    /// Ask for less: shown with what would fit.
    SmallerRequest,
    /// Ask for the same at another price, of a cheaper model: shown with those at which it would fit.
    CheaperPrice,
    /// Use another account.
    OtherAccount {
        /// Where to do so.
        link: Link,
    },
    /// See what the credit was spent on.
    ViewUsage {
        /// Where to do so.
        link: Link,
    },
    /// See the prices.
    Pricing {
        /// Where to do so.
        link: Link,
    },
    /// Be told in time from now on.
    Alerts {
        /// Where to do so.
        link: Link,
    },
    /// Be reminded later.
    RemindLater {
        /// Where to do so.
        link: Link,
    },
    /// Talk to somebody.
    Contact {
        /// Where to do so.
        link: Link,
    },
}

/// A choice that costs money.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Purchase(Choice);

/// A choice that costs nothing, and is always open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Free(Choice);

impl Options {
    /// A list to begin with, which is none yet.
    pub const fn draft() -> OptionsDraft {
        OptionsDraft(Vec::new())
    }

    /// The same with something to buy, at the end.
    #[must_use]
    pub fn purchase(self, purchase: Purchase) -> Self {
        Self(with(self.0, purchase.0))
    }

    /// The same with another choice that costs nothing, at the end.
    #[must_use]
    pub fn free(self, free: Free) -> Self {
        Self(with(self.0, free.0))
    }

    /// The same with a smaller request, at the end.
    #[must_use]
    pub fn smaller_request(self) -> Self {
        Self(with(self.0, Choice::SmallerRequest))
    }

    /// The same with a cheaper price, at the end.
    #[must_use]
    pub fn cheaper_price(self) -> Self {
        Self(with(self.0, Choice::CheaperPrice))
    }

    /// All of them, in the host's order, as the host gave them: what is shown of them depends on the refusal, see
    /// [`Disclosed::choices`](crate::Disclosed::choices).
    #[must_use]
    pub fn choices(&self) -> &[Choice] {
        &self.0
    }
}

impl OptionsDraft {
    /// The same with something to buy, at the end.
    pub fn purchase(self, purchase: Purchase) -> Self {
        Self(with(self.0, purchase.0))
    }

    /// The same with a smaller request, at the end. It is not always open, so the list still needs a free choice.
    pub fn smaller_request(self) -> Self {
        Self(with(self.0, Choice::SmallerRequest))
    }

    /// The same with a cheaper price, at the end. It is not always open, so the list still needs a free choice.
    pub fn cheaper_price(self) -> Self {
        Self(with(self.0, Choice::CheaperPrice))
    }

    /// The list, with a choice that costs nothing at its end for now.
    #[must_use]
    pub fn free(self, free: Free) -> Options {
        Options(with(self.0, free.0))
    }
}

fn with(mut choices: Vec<Choice>, choice: Choice) -> Vec<Choice> {
    match choices.iter_mut().find(|known| known.as_str() == choice.as_str()) {
        Some(known) => *known = choice,
        None => choices.push(choice),
    }
    choices
}

impl Choice {
    /// The word for its kind on the wire, such as `top_up`.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::TopUp(_) => "top_up",
            Self::AutoTopUp { .. } => "auto_top_up",
            Self::ChangePlan { .. } => "change_plan",
            Self::SmallerRequest => "smaller_request",
            Self::CheaperPrice => "cheaper_price",
            Self::OtherAccount { .. } => "other_account",
            Self::ViewUsage { .. } => "view_usage",
            Self::Pricing { .. } => "pricing",
            Self::Alerts { .. } => "alerts",
            Self::RemindLater { .. } => "remind_later",
            Self::Contact { .. } => "contact",
        }
    }

    /// Whether it costs money.
    #[must_use]
    pub const fn is_purchase(&self) -> bool {
        matches!(self, Self::TopUp(_) | Self::AutoTopUp { .. } | Self::ChangePlan { .. })
    }

    /// Where to do it, if it is done elsewhere.
    #[must_use]
    pub const fn link(&self) -> Option<&Link> {
        match self {
            Self::TopUp(top_up) => Some(&top_up.link),
            Self::SmallerRequest | Self::CheaperPrice => None,
            Self::AutoTopUp { link }
            | Self::ChangePlan { link, .. }
            | Self::OtherAccount { link }
            | Self::ViewUsage { link }
            | Self::Pricing { link }
            | Self::Alerts { link }
            | Self::RemindLater { link }
            | Self::Contact { link } => Some(link),
        }
    }
}

impl Purchase {
    /// To top the balance up.
    #[must_use]
    pub const fn top_up(top_up: TopUp) -> Self {
        Self(Choice::TopUp(top_up))
    }

    /// To have it topped up automatically from now on.
    #[must_use]
    pub const fn auto_top_up(link: Link) -> Self {
        Self(Choice::AutoTopUp { link })
    }

    /// To change to another plan.
    #[must_use]
    pub const fn change_plan(plan: Option<Label>, link: Link) -> Self {
        Self(Choice::ChangePlan { plan, link })
    }
}

impl Free {
    /// To use another account.
    #[must_use]
    pub const fn other_account(link: Link) -> Self {
        Self(Choice::OtherAccount { link })
    }

    /// To see what the credit was spent on.
    #[must_use]
    pub const fn view_usage(link: Link) -> Self {
        Self(Choice::ViewUsage { link })
    }

    /// To see the prices.
    #[must_use]
    pub const fn pricing(link: Link) -> Self {
        Self(Choice::Pricing { link })
    }

    /// To be told in time from now on.
    #[must_use]
    pub const fn alerts(link: Link) -> Self {
        Self(Choice::Alerts { link })
    }

    /// To be reminded later.
    #[must_use]
    pub const fn remind_later(link: Link) -> Self {
        Self(Choice::RemindLater { link })
    }

    /// To talk to somebody.
    #[must_use]
    pub const fn contact(link: Link) -> Self {
        Self(Choice::Contact { link })
    }
}

/// Topping up: where, and how much it might be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopUp {
    link: Link,
    amounts: Vec<TopUpAmount>,
}

/// An amount to top up by, with what it is good for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TopUpAmount {
    /// How much.
    pub amount: Amount,
    /// What it is good for.
    pub basis: Basis,
    /// Where to pay this amount, if that is another page.
    pub link: Option<Link>,
}

impl TopUpAmount {
    /// So much, good for that.
    #[must_use]
    pub const fn new(amount: Amount, basis: Basis) -> Self {
        Self { amount, basis, link: None }
    }

    /// The same with a page of its own.
    #[must_use]
    pub fn with_link(mut self, link: Link) -> Self {
        self.link = Some(link);
        self
    }
}

/// What an amount to top up by is good for, as far as anybody can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Basis {
    /// Just enough for the request that was refused.
    ThisRequest,
    /// With what is there, about so long at the current rate.
    Lasts(Runway),
    /// The request and so many more like it.
    MoreRequests(u64),
    /// Nothing is known to say about it.
    Unstated,
}

impl TopUp {
    /// The most amounts.
    pub const MAX_AMOUNTS: usize = 6;

    /// Without amounts: the page asks for one.
    #[must_use]
    pub const fn new(link: Link) -> Self {
        Self { link, amounts: Vec::new() }
    }

    /// The same with these amounts, in ascending order whatever order they come in, so that none is put forward. Of more
    /// than [`MAX_AMOUNTS`](Self::MAX_AMOUNTS) the smallest are kept, and of several that are equal the first.
    #[must_use]
    pub fn with_amounts(mut self, mut amounts: Vec<TopUpAmount>) -> Self {
        amounts.sort_by_key(|one| one.amount.minor());
        amounts.dedup_by_key(|one| one.amount);
        amounts.truncate(Self::MAX_AMOUNTS);
        self.amounts = amounts;
        self
    }

    /// Where to do it.
    #[must_use]
    pub const fn link(&self) -> &Link {
        &self.link
    }

    /// How much it might be, in ascending order.
    #[must_use]
    pub fn amounts(&self) -> &[TopUpAmount] {
        &self.amounts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::amount::Unit;

    fn link() -> Link {
        Link::new("https://example.com/").unwrap()
    }

    #[test]
    fn whatever_is_built_has_a_free_choice() {
        let options = Options::draft()
            .purchase(Purchase::change_plan(None, link()))
            .smaller_request()
            .cheaper_price()
            .free(Free::pricing(link()))
            .purchase(Purchase::auto_top_up(link()))
            .purchase(Purchase::top_up(TopUp::new(link())));
        let kinds: Vec<_> = options.choices().iter().map(Choice::as_str).collect();
        assert_eq!(
            kinds,
            ["change_plan", "smaller_request", "cheaper_price", "pricing", "auto_top_up", "top_up"]
        );
        assert!(options.choices().iter().any(|choice| !choice.is_purchase() && choice.link().is_some()));
    }

    #[test]
    fn a_kind_that_comes_again_takes_its_own_place() {
        let other = Link::new("https://example.com/other").unwrap();
        let options = Options::draft()
            .free(Free::contact(link()))
            .free(Free::pricing(link()))
            .free(Free::contact(other.clone()));
        assert_eq!(options.choices(), [Choice::Contact { link: other }, Choice::Pricing { link: link() }]);
    }

    #[test]
    fn amounts_ascend_and_are_few() {
        let usd = Unit::new("USD", 2).unwrap();
        let amounts = [9, 3, 3, 7, 1, 8, 2, 6].map(|n| TopUpAmount::new(usd.minor(n), Basis::Unstated));
        let top_up = TopUp::new(link()).with_amounts(amounts.to_vec());
        let minor: Vec<_> = top_up.amounts().iter().map(|one| one.amount.minor()).collect();
        assert_eq!(minor, [1, 2, 3, 6, 7, 8]);
    }
}
