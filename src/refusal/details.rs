//! What there is to say about a refusal beyond its reason, and who may read how much of it: [`Details`], [`Disclosure`] and
//! [`Disclosed`].

use std::fmt;
use std::time::Duration;

use crate::amount::Amount;
use crate::clock::Timestamp;
use crate::error::ShortReason;
use crate::id::Label;
use crate::runway::Runway;
use crate::spending::TopUses;
use crate::usage::Usage;

use super::options::{Choice, Options};
use super::{Alternative, Claim, Fit, InsufficientBalance, Offer, Refusal, RefusalKind};

/// How much of what is known a client may read. Chosen by the host for each caller; each level includes those before it.
///
/// At every level the reason, the texts, the host's links, plan label, offers and claims are shown, a cap's label and when it
/// resets, and the most that any request may be: these are the host's own words and rules. Never on the wire, at any level:
/// ids of accounts, holds and caps, other users' labels, and what an upstream service said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Disclosure {
    /// Nothing about the account.
    #[default]
    Nothing,
    /// And what would fit: how many rows, which cheaper price. Whoever asks often enough can tell the balance from it.
    WhatFits,
    /// And the amounts: requested, required, available, held, missing, charged; amounts to top up by; how much of what is included is
    /// used; how long the balance will last.
    Amounts,
    /// And where the credit went. Only for the account's owner.
    Usage,
}

/// What a host knows about a refused customer beyond the refusal, for the answer. Made for each request, mostly by cloning
/// what is the same for all and adding what is this customer's.
///
/// In a body the details have these names, whatever its [`Shape`](crate::Shape); but `Google` has them as text, and `Text` has
/// the options alone, as lines. What is not disclosed or not known is absent. Amounts and quantities are decimal text, moments RFC 3339; an object with an amount in another unit has a `unit` of its own.
///
/// | name | what | from |
/// |---|---|---|
/// | `reason` | the word for the [kind](RefusalKind::as_str) | any level |
/// | `cap`, `resets_at` | the label of a spend cap, and when it resets | any level |
/// | `maximum` | the most that one request may be | any level |
/// | `unit` | the code of the unit of all amounts | the first amount |
/// | `requested`, `required`, `available`, `held`, `shortfall` | what was to be held or charged, the least of it that would have done, what is there, in use and missing | `Amounts` |
/// | `released_in` | by when some of what is in use must be free, in seconds | `Amounts` |
/// | `fits` | `[{name, quantity}]`: how much of one quantity would fit, with the others in full, or as far as they are held for at first | `WhatFits` |
/// | `alternatives` | `[{label, estimate}]`: other prices at which all would fit | `WhatFits` |
/// | `plan` | the plan's label | any level |
/// | `included` | `{used, included}` | `Amounts` |
/// | `runway` | `{at_least_days, about_days, at_most_days}` | `Amounts` |
/// | `top_uses` | `{label, since, total, uses: [{value, spent}]}` | `Usage` |
/// | `work` | `{charged, delivered: {<name>: <quantity>}}` | `Amounts` |
/// | `options` | `[{kind, text, link, plan, amounts: [{amount, basis, link}]}]`, in the host's order | any level, `amounts` from `Amounts` |
/// | `offers` | `[{text, valid_until, terms}]` | any level |
/// | `claims` | `[{text, source, as_of}]` | any level |
///
/// Without details, and at the first level, a body has none of them.
///
/// ```
/// use billing_guard::{Details, Disclosure, Free, Options, Refusal, Renderer};
///
/// let options = Options::draft().free(Free::contact("https://example.com/help".parse()?));
/// let details = Details::new().with_options(options).with_plan("Team".parse()?);
/// let answer = Renderer::default().render_with(&Refusal::BudgetExceeded, &details);
/// assert_eq!(answer.status(), 409);
/// let body = String::from_utf8_lossy(answer.body());
/// assert!(body.starts_with(r#"{"data":null,"reason":"budget_exceeded","plan":"Team","options":[{"kind":"contact","#));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Details {
    options: Option<Options>,
    plan: Option<Label>,
    included: Option<Included>,
    runway: Option<Runway>,
    top_uses: Option<TopUses>,
    work: Option<Work>,
    offers: Vec<Offer>,
    claims: Vec<Claim>,
}

/// How much of what a plan includes is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Included {
    /// What is used.
    pub used: Amount,
    /// What is included.
    pub included: Amount,
}

impl Included {
    /// So much of that is used.
    #[must_use]
    pub const fn new(used: Amount, included: Amount) -> Self {
        Self { used, included }
    }
}

/// What was done before the work was cut short.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Work {
    /// What was delivered.
    pub delivered: Usage,
    /// What was charged for it.
    pub charged: Amount,
}

impl Work {
    /// So much was delivered and charged.
    #[must_use]
    pub const fn new(delivered: Usage, charged: Amount) -> Self {
        Self { delivered, charged }
    }
}

impl Details {
    /// The most offers, and the most claims.
    pub const MAX_OFFERS: usize = 4;

    /// Nothing beyond the refusal.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            options: None,
            plan: None,
            included: None,
            runway: None,
            top_uses: None,
            work: None,
            offers: Vec::new(),
            claims: Vec::new(),
        }
    }

    /// Sets what the customer may choose to do next.
    #[must_use]
    pub fn with_options(mut self, options: Options) -> Self {
        self.options = Some(options);
        self
    }

    /// Sets what people know the customer's plan by.
    #[must_use]
    pub fn with_plan(mut self, plan: Label) -> Self {
        self.plan = Some(plan);
        self
    }

    /// Sets how much of what the plan includes is used.
    #[must_use]
    pub fn with_included(mut self, included: Included) -> Self {
        self.included = Some(included);
        self
    }

    /// Sets how long the balance will last.
    #[must_use]
    pub fn with_runway(mut self, runway: Runway) -> Self {
        self.runway = Some(runway);
        self
    }

    /// Sets where the credit went.
    #[must_use]
    pub fn with_top_uses(mut self, top_uses: TopUses) -> Self {
        self.top_uses = Some(top_uses);
        self
    }

    /// Sets what was done before the work was cut short. Without it the answer says that nothing ran.
    #[must_use]
    pub fn with_work(mut self, work: Work) -> Self {
        self.work = Some(work);
        self
    }

    pub(crate) const fn has_offers(&self) -> bool {
        !self.offers.is_empty()
    }

    /// Adds an offer. Those beyond [`MAX_OFFERS`](Self::MAX_OFFERS) are left out.
    #[must_use]
    pub fn with_offer(mut self, offer: Offer) -> Self {
        if self.offers.len() < Self::MAX_OFFERS {
            self.offers.push(offer);
        }
        self
    }

    /// Adds a claim. Those beyond [`MAX_OFFERS`](Self::MAX_OFFERS) are left out.
    #[must_use]
    pub fn with_claim(mut self, claim: Claim) -> Self {
        if self.claims.len() < Self::MAX_OFFERS {
            self.claims.push(claim);
        }
        self
    }
}

/// A refusal as far as a client may read it: all that texts and shapes are made from, so that neither can tell more.
///
/// What is not disclosed is `None` or empty here, as is what nobody knows.
#[derive(Clone, Copy)]
pub struct Disclosed<'a> {
    refusal: &'a Refusal,
    details: &'a Details,
    level: Disclosure,
    now: Timestamp,
}

/// Not what is in it: a text or a shape could show that.
impl fmt::Debug for Disclosed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Disclosed");
        shown.field("kind", &self.kind()).field("level", &self.level).finish_non_exhaustive()
    }
}

impl<'a> Disclosed<'a> {
    /// What of this may be read at that level, and at that time: offers that are over are not there.
    #[must_use]
    pub const fn new(refusal: &'a Refusal, details: &'a Details, level: Disclosure, now: Timestamp) -> Self {
        Self { refusal, details, level, now }
    }

    /// How much may be read. For telling what nobody knows from what is not disclosed.
    #[must_use]
    pub const fn level(&self) -> Disclosure {
        self.level
    }

    /// Whether nothing was asked for but the reason: no details, and nothing about the account.
    pub(crate) fn is_plain(&self) -> bool {
        self.level == Disclosure::Nothing && *self.details == Details::new()
    }

    /// The kind of refusal.
    #[must_use]
    pub fn kind(&self) -> RefusalKind {
        self.refusal.kind()
    }

    /// How long to wait before a retry, if that may help and the wait is known.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        self.refusal.retry_after()
    }

    /// What people know the cap by that is reached.
    #[must_use]
    pub const fn cap_label(&self) -> Option<&'a Label> {
        match self.refusal {
            Refusal::SpendCapReached { label, .. } => label.as_ref(),
            _ => None,
        }
    }

    /// From when the request would fit under that cap.
    #[must_use]
    pub const fn resets_at(&self) -> Option<Timestamp> {
        match self.refusal {
            Refusal::SpendCapReached { resets_at, .. } => *resets_at,
            _ => None,
        }
    }

    /// The most that any one request may be.
    #[must_use]
    pub const fn maximum(&self) -> Option<Amount> {
        match self.refusal {
            Refusal::RequestTooLarge { maximum } => Some(*maximum),
            _ => None,
        }
    }

    /// What of the request would fit.
    #[must_use]
    pub fn fits(&self) -> &'a [Fit] {
        self.short_at(Disclosure::WhatFits).map_or(&[], InsufficientBalance::fits)
    }

    /// Other prices at which the request would fit, cheapest first.
    #[must_use]
    pub fn alternatives(&self) -> &'a [Alternative] {
        self.short_at(Disclosure::WhatFits).map_or(&[], InsufficientBalance::alternatives)
    }

    /// What was asked for: what was to be charged or held, which is the estimate of the request unless less is
    /// [held](crate::Holding) at first.
    #[must_use]
    pub fn requested(&self) -> Option<Amount> {
        self.short_at(Disclosure::Amounts).map(InsufficientBalance::requested)
    }

    /// The least that would have been accepted.
    #[must_use]
    pub fn required(&self) -> Option<Amount> {
        self.short_at(Disclosure::Amounts).map(InsufficientBalance::required)
    }

    /// What could have been held or charged instead.
    #[must_use]
    pub fn available(&self) -> Option<Amount> {
        self.short_at(Disclosure::Amounts).map(InsufficientBalance::spendable)
    }

    /// What running work holds, if it holds anything.
    #[must_use]
    pub fn held(&self) -> Option<Amount> {
        self.short_at(Disclosure::Amounts).map(InsufficientBalance::held).filter(|held| !held.is_zero())
    }

    /// By when some of that must be free again, if that is known.
    #[must_use]
    pub fn released_in(&self) -> Option<Duration> {
        let short = self.short_at(Disclosure::Amounts)?;
        (short.reason() == ShortReason::Held).then(|| short.shortfall().next_release_in()).flatten()
    }

    /// How much more there would have to be, where a top-up would help.
    #[must_use]
    pub fn missing(&self) -> Option<Amount> {
        let short = self.short_at(Disclosure::Amounts)?;
        self.kind().top_up_helps().then(|| short.missing())
    }

    /// What people know the customer's plan by.
    #[must_use]
    pub const fn plan(&self) -> Option<&'a Label> {
        self.details.plan.as_ref()
    }

    /// How much of what the plan includes is used.
    #[must_use]
    pub fn included(&self) -> Option<Included> {
        self.details.included.filter(|_| self.level >= Disclosure::Amounts)
    }

    /// How long the balance will last.
    #[must_use]
    pub fn runway(&self) -> Option<Runway> {
        self.details.runway.filter(|_| self.level >= Disclosure::Amounts)
    }

    /// Where the credit went.
    #[must_use]
    pub fn top_uses(&self) -> Option<&'a TopUses> {
        self.details.top_uses.as_ref().filter(|_| self.level >= Disclosure::Usage)
    }

    /// Whether some of the work was done: then it was charged, and only then anything was.
    #[must_use]
    pub const fn work_was_done(&self) -> bool {
        self.details.work.is_some() || matches!(self.refusal, Refusal::HoldLost)
    }

    /// What was delivered and charged before the work was cut short.
    #[must_use]
    pub fn work(&self) -> Option<&'a Work> {
        self.details.work.as_ref().filter(|_| self.level >= Disclosure::Amounts)
    }

    /// What the customer may choose to do next, in the host's order: of the host's options those that help against this
    /// refusal. Amounts to top up by are among them only from [`Disclosure::Amounts`] on. If there is something to buy
    /// among them, there is something that costs nothing as well.
    pub fn choices(&self) -> impl Iterator<Item = Choice> + use<'a> {
        let told = *self;
        let all = self.details.options.as_ref().map_or(&[][..], Options::choices);
        all.iter().filter(move |choice| told.helps(choice)).map(move |choice| match choice {
            Choice::TopUp(top_up) if told.level < Disclosure::Amounts => {
                Choice::TopUp(super::TopUp::new(top_up.link().clone()))
            }
            other => other.clone(),
        })
    }

    /// The host's offers, where buying something would help.
    pub fn offers(&self) -> impl Iterator<Item = &'a Offer> + use<'a> {
        let (now, helps) = (self.now, self.kind().top_up_helps());
        self.details.offers.iter().filter(move |offer| helps && offer.is_valid(now))
    }

    /// What the host says for itself.
    #[must_use]
    pub fn claims(&self) -> &'a [Claim] {
        &self.details.claims
    }

    fn short_at(&self, level: Disclosure) -> Option<&'a InsufficientBalance> {
        match self.refusal {
            Refusal::InsufficientBalance(short) if self.level >= level => Some(short),
            _ => None,
        }
    }

    fn helps(&self, choice: &Choice) -> bool {
        let kind = self.kind();
        // Nothing that a customer does mends what is the host's to mend, but seeking help.
        let is_the_hosts = kind.status() >= 500;
        let is_about_money = matches!(
            kind,
            RefusalKind::InsufficientBalance | RefusalKind::SpendCapReached | RefusalKind::RequestTooLarge
        );
        match choice {
            Choice::TopUp(_) | Choice::AutoTopUp { .. } => kind.top_up_helps(),
            Choice::ChangePlan { .. } | Choice::OtherAccount { .. } => is_about_money,
            Choice::SmallerRequest => {
                !self.fits().is_empty()
                    || matches!(kind, RefusalKind::RequestTooLarge | RefusalKind::BudgetExceeded)
            }
            Choice::CheaperPrice => !self.alternatives().is_empty(),
            Choice::Contact { .. } => true,
            Choice::ViewUsage { .. }
            | Choice::Pricing { .. }
            | Choice::Alerts { .. }
            | Choice::RemindLater { .. } => !is_the_hosts,
        }
    }
}
