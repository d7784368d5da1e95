//! What is about to be done.

use std::borrow::Cow;
use std::time::Duration;

use crate::amount::{Amount, Unit};
use crate::cap::Caps;
use crate::content::{Content, Fields};
use crate::forecast::KeyPath;
use crate::guard::error::Error;
use crate::guard::notices::NoticeContext;
use crate::id::{IdempotencyKey, Label, Labels, plain};
use crate::policy::{Holding, OnDrop};
use crate::price::Bounded;
use crate::text::quoted;
use crate::usage::{Quantity, QuantityName, Usage, UsageError, is_name};

/// A piece of work about to be done: which price it has, and how much of what it will use, exactly or at most.
///
/// ```
/// use billing_guard::Job;
///
/// // 1,200 prompt tokens are certain; the answer has at most 4,096, and is worth beginning from 256.
/// let job = Job::new("gpt-4o")
///     .exact("input_tokens", 1_200_u64)
///     .at_most("output_tokens", 4_096_u64)
///     .down_to("output_tokens", 256_u64);
/// # let _ = job;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    pub(crate) price: Cow<'static, str>,
    pub(crate) key: Option<IdempotencyKey>,
    quantities: Vec<(QuantityName, Extent)>,
    pub(crate) budget: Option<Amount>,
    pub(crate) lifetime: Option<Duration>,
    content: Content,
    caps: Caps,
    pub(crate) labels: Labels,
    pub(crate) on_drop: OnDrop,
    pub(crate) notice_context: NoticeContext,
    /// With how much of a quantity to begin.
    pub(super) beginning: Vec<(QuantityName, Quantity)>,
    /// How it is held for, if not as the policy says.
    pub(super) holding: Option<Holding>,
    /// What it is like, if the host says.
    pub(super) path: Option<KeyPath>,
    /// Other prices for the same, with what people know them by.
    pub(crate) others: Vec<(Label, Cow<'static, str>)>,
    pub(crate) continues: bool,
    /// What was used before it, if its prices go on from there.
    pub(super) used: Option<Usage>,
}

/// How much of a quantity a job uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extent {
    Exact(Quantity),
    AtMost(Quantity),
    /// As little as this will do, but how much at most was not said (yet).
    DownTo(Quantity),
    Between(Quantity, Quantity),
    /// Both exact and bounded.
    Contradiction,
}

impl Extent {
    /// The least that will do.
    const fn least(self) -> Quantity {
        match self {
            Self::Exact(quantity) | Self::AtMost(quantity) => quantity,
            Self::DownTo(least) | Self::Between(least, _) => least,
            Self::Contradiction => Quantity::ZERO,
        }
    }

    /// What it can come to if it is not more than `most`: work may end early, unless it is exact.
    fn bounds(self, name: &str, most: Quantity) -> Bounded<'_> {
        let least = if matches!(self, Self::Exact(_)) { most } else { Quantity::ZERO };
        (name, least, most)
    }

    const fn most(self) -> Quantity {
        match self {
            Self::Exact(most) | Self::AtMost(most) | Self::Between(_, most) => most,
            Self::DownTo(_) | Self::Contradiction => Quantity::ZERO,
        }
    }
}

impl Job {
    /// The longest name of a price, in characters.
    pub const MAX_PRICE_NAME: usize = 256;
    /// The most fields of content.
    pub const MAX_CONTENT: usize = 14;
    /// The most other prices.
    pub const MAX_ALTERNATIVES: usize = 4;

    /// Work with this price in the guard's price book.
    #[must_use]
    pub fn new(price: impl Into<Cow<'static, str>>) -> Self {
        Self {
            price: price.into(),
            key: None,
            quantities: Vec::new(),
            budget: None,
            lifetime: None,
            content: Content::default(),
            caps: Caps::NONE,
            labels: Labels::default(),
            on_drop: OnDrop::default(),
            notice_context: NoticeContext::new(),
            beginning: Vec::new(),
            holding: None,
            path: None,
            others: Vec::new(),
            continues: false,
            used: None,
        }
    }

    /// It will use exactly this much of a quantity.
    #[must_use]
    pub fn exact(self, name: impl Into<QuantityName>, quantity: impl Into<Quantity>) -> Self {
        let quantity = quantity.into();
        self.set(name.into(), |known| match known {
            None | Some(Extent::Exact(_)) => Extent::Exact(quantity),
            Some(_) => Extent::Contradiction,
        })
    }

    /// It will use at most this much of a quantity.
    #[must_use]
    pub fn at_most(self, name: impl Into<QuantityName>, quantity: impl Into<Quantity>) -> Self {
        let most = quantity.into();
        self.set(name.into(), |known| match known {
            None | Some(Extent::AtMost(_)) => Extent::AtMost(most),
            Some(Extent::DownTo(least) | Extent::Between(least, _)) => Extent::Between(least, most),
            Some(Extent::Exact(_) | Extent::Contradiction) => Extent::Contradiction,
        })
    }

    /// If the balance is short of the most, it will do with as little as this: then what there is is held, and
    /// [`Hold::covers`](crate::Hold::covers) says how far it goes. Only for a quantity given by
    /// [`at_most`](Self::at_most). With several such quantities, what one has left depends on the others: share out
    /// [`Hold::amount`](crate::Hold::amount) by your own rule.
    #[must_use]
    pub fn down_to(self, name: impl Into<QuantityName>, quantity: impl Into<Quantity>) -> Self {
        let least = quantity.into();
        self.set(name.into(), |known| match known {
            None | Some(Extent::DownTo(_)) => Extent::DownTo(least),
            Some(Extent::AtMost(most) | Extent::Between(_, most)) => Extent::Between(least, most),
            Some(Extent::Exact(_) | Extent::Contradiction) => Extent::Contradiction,
        })
    }

    /// It is held for so much of a quantity at first, and grows by [`Hold::spend`](crate::Hold::spend) while it is used, up to what
    /// [`at_most`](Self::at_most) says: for streams, of which hardly any is as long as it might be. As little as that will do
    /// to begin. It changes nothing about what a retry with the same key has to repeat. More than the bound is an error, so where
    /// the client says the bound, give the lesser of both.
    ///
    /// Where the guard's forecast should choose how much that is, say [`Holding::Grow`] instead. With both, the job begins as said
    /// here and grows along the forecast; with this alone, by half of what it needs each time.
    #[must_use]
    pub fn beginning_with(mut self, name: impl Into<QuantityName>, quantity: impl Into<Quantity>) -> Self {
        let (name, quantity) = (name.into(), quantity.into());
        self.beginning.retain(|(known, _)| *known != name);
        self.beginning.push((name, quantity));
        self
    }

    /// How much is held for its bounded quantities, if not as the policy says: streams may begin small and
    /// [grow](Holding::Grow), and other work of the same service hold what it is expected to take. It changes nothing about what a
    /// retry with the same key has to repeat, and nor does what was learned meanwhile.
    #[must_use]
    pub fn with_holding(mut self, holding: Holding) -> Self {
        self.holding = Some(holding);
        self
    }

    /// What it is like: the guard's forecast goes by how much work with the same path took. Without it that is work of the
    /// same price, account and size, which is the largest exact quantity. It is for work of which more is known, such as
    /// what it is for, or where accounts say nothing. Each quantity is forecast apart. It changes nothing about what a retry has
    /// to repeat.
    ///
    /// ```
    /// use billing_guard::{Job, KeyPath};
    ///
    /// let path = KeyPath::new("summarise gpt-4o").then("acct_1").sized(1_200);
    /// let job = Job::new("gpt-4o").exact("input_tokens", 1_200_u64).at_most("output_tokens", 4_096_u64).with_key_path(path);
    /// # let _ = job;
    /// ```
    #[must_use]
    pub fn with_key_path(mut self, path: KeyPath) -> Self {
        self.path = Some(path);
        self
    }

    fn set(mut self, name: QuantityName, extent: impl FnOnce(Option<Extent>) -> Extent) -> Self {
        match self.quantities.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = extent(Some(*known)),
            None => self.quantities.push((name, extent(None))),
        }
        self
    }

    /// Sets the idempotency key the client sent. Without one the work gets a key of its own and can be repeated only
    /// by this process.
    #[must_use]
    pub fn with_key(mut self, key: IdempotencyKey) -> Self {
        self.key = Some(key);
        self
    }

    /// Sets the most that the caller is willing to pay for this request: it is refused if the least that would do to begin is
    /// more, is never held for beyond it, and nothing above it is charged, whatever the work turns out to cost. What is above is
    /// not in the books; the receipt shows it as uncollected.
    #[must_use]
    pub fn with_budget(mut self, budget: Amount) -> Self {
        self.budget = Some(budget);
        self
    }

    /// Sets how long the work may take: 1 ms to 30 days; the policy's by default.
    #[must_use]
    pub fn with_lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = Some(lifetime);
        self
    }

    /// Declares more of what the client sent than the price and the quantities, such as a hash of the body: a key
    /// that is repeated with other content is a conflict, not a repetition. Up to 14 fields.
    #[must_use]
    pub fn with_content(mut self, content: Content) -> Self {
        self.content = content;
        self
    }

    /// Sets the spend caps that it has to fit under, and the counters that count it, beside those of the policy: of the API
    /// key it came with, its user, their team.
    ///
    /// ```
    /// # use billing_guard::{AccountId, Cap, Caps, Error, Guard, Job, Period, Tariff, Unit, wait};
    /// # let usd = Unit::new("USD", 6)?;
    /// # let account = AccountId::new("acct_1")?;
    /// let guard = Guard::in_memory(usd).price("query", Tariff::new().fixed("0.10")?).build()?;
    /// wait(guard.top_up(&account, "payment-1".parse()?, usd.amount("10")?))?;
    /// let cap = Cap::new("api-key/7f3a".parse()?, Period::day(), usd.amount("0.15")?);
    /// let job = Job::new("query").with_caps(Caps::new([cap.with_label("Test key, daily".parse()?)])?);
    /// wait(guard.charge(&account, &job))?;
    /// let refused = wait(guard.charge(&account, &job)).unwrap_err();
    /// assert!(matches!(refused, Error::SpendCapReached(ref reached) if reached.left() == usd.amount("0.05")?));
    /// assert_eq!(guard.render(&refused).status(), 402);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn with_caps(mut self, caps: Caps) -> Self {
        self.caps = caps;
        self
    }

    /// Sets the labels, kept on the hold and its entries. A tariff may have other prices for
    /// [some of them](crate::When::labelled), a service tier say.
    #[must_use]
    pub fn with_labels(mut self, labels: Labels) -> Self {
        self.labels = labels;
        self
    }

    /// Sets what is known of the customer that decides which notices it gets.
    #[must_use]
    pub fn with_notice_context(mut self, context: NoticeContext) -> Self {
        self.notice_context = context;
        self
    }

    /// Sets what happens when the hold's handle is dropped.
    #[must_use]
    pub fn with_on_drop(mut self, on_drop: OnDrop) -> Self {
        self.on_drop = on_drop;
        self
    }

    /// The same could be done at another price of the price book, of a cheaper model say, known to people by this label. If
    /// the balance is too short, the refusal names those at which the whole job would fit, with what it would cost at
    /// most. Up to [`MAX_ALTERNATIVES`](Self::MAX_ALTERNATIVES). It changes nothing else: the job is never run at
    /// another price of its own accord, and a retry may name others.
    ///
    /// ```
    /// # use billing_guard::{AccountId, Error, Guard, Job, Tariff, Unit, wait};
    /// # let usd = Unit::new("USD", 6)?;
    /// # let account = AccountId::new("acct_1")?;
    /// let guard = Guard::in_memory(usd)
    ///     .price("large", Tariff::new().per_unit("tokens", "0.01")?)
    ///     .price("small", Tariff::new().per_unit("tokens", "0.001")?)
    ///     .build()?;
    /// wait(guard.top_up(&account, "payment-1".parse()?, usd.amount("1")?))?;
    /// let job = Job::new("large").at_most("tokens", 400_u64).or_priced_as("Small".parse()?, "small");
    /// let Err(Error::InsufficientBalance(short)) = wait(guard.hold(&account, job)) else { panic!() };
    /// assert_eq!(short.alternatives()[0].label.as_str(), "Small");
    /// assert_eq!(short.alternatives()[0].estimate, usd.amount("0.4")?);
    /// assert_eq!(short.fits()[0].quantity, 100_u64.into());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn or_priced_as(mut self, label: Label, price: impl Into<Cow<'static, str>>) -> Self {
        self.others.push((label, price.into()));
        self
    }

    /// It continues work that was begun, such as the next step of an agent or the next part of a document: if the balance
    /// runs out now, the policy's [`Courtesy`](crate::Courtesy) may make up for it.
    #[must_use]
    pub fn continuing(mut self) -> Self {
        self.continues = true;
        self
    }

    /// It comes after other work of its customer, this month say: its prices [go on from what was used](crate::Tariff::after), as
    /// a [`Meter`](crate::Meter) counts it. It changes nothing about what a retry has to repeat.
    #[must_use]
    pub fn after(mut self, used: Usage) -> Self {
        self.used = Some(used);
        self
    }

    /// All quantities at their most.
    pub(crate) fn ceiling(&self) -> Usage {
        self.quantities
            .iter()
            .fold(Usage::new(), |usage, (name, extent)| usage.with(name.clone(), extent.most()))
    }

    /// What each quantity can come to, if it is no more than `most` makes of its name and its bound.
    pub(crate) fn extents_as<'a>(
        &'a self,
        most: impl Fn(&str, Quantity) -> Quantity + Clone,
    ) -> impl Iterator<Item = Bounded<'a>> + Clone {
        self.quantities.iter().map(move |(name, extent)| extent.bounds(name, most(name, extent.most())))
    }

    /// The largest of the quantities that are known beforehand.
    pub(crate) fn largest_known(&self) -> Option<Quantity> {
        let known = self.quantities.iter().filter(|(_, extent)| matches!(extent, Extent::Exact(_)));
        known.map(|(_, extent)| extent.most()).max()
    }

    /// The bound of a quantity.
    pub(crate) fn most_of(&self, name: &str) -> Quantity {
        self.quantities
            .iter()
            .find(|(known, _)| known == name)
            .map_or(Quantity::ZERO, |(_, extent)| extent.most())
    }

    /// As little of a bounded quantity as the job says will do, if it says so.
    pub(crate) fn down_to_of(&self, name: &str) -> Option<Quantity> {
        self.quantities.iter().find_map(|(known, extent)| match extent {
            Extent::Between(least, _) if known == name => Some(*least),
            _ => None,
        })
    }

    /// Each quantity that is bounded, the least of it that will do, and its bound.
    pub(crate) fn bounded(&self) -> impl Iterator<Item = (&QuantityName, Quantity, Quantity)> {
        self.quantities.iter().filter_map(|(name, extent)| match extent {
            Extent::AtMost(most) => Some((name, Quantity::ZERO, *most)),
            Extent::Between(least, most) => Some((name, *least, *most)),
            Extent::Exact(_) | Extent::DownTo(_) | Extent::Contradiction => None,
        })
    }

    /// What the job comes to if every quantity is exact, as a charge in one step needs.
    pub(crate) fn exact_usage(&self) -> Result<Usage, Error> {
        match self.quantities.iter().find(|(_, extent)| !matches!(extent, Extent::Exact(_))) {
            Some((name, _)) => Err(invalid("a charge in one step needs exact quantities", name)),
            None => Ok(self.ceiling()),
        }
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        if self.price.is_empty() || !plain(&self.price, Self::MAX_PRICE_NAME) {
            return Err(invalid("the name of the price must have 1 to 256 characters", &self.price));
        }
        if self.others.len() > Self::MAX_ALTERNATIVES {
            return Err(invalid("a job has at most 4 other prices", &self.others.len().to_string()));
        }
        if self.quantities.len() > Usage::MAX {
            return Err(Error::from_usage(&UsageError::TooMany { count: self.quantities.len() }));
        }
        for (name, first) in &self.beginning {
            match self.quantities.iter().find(|(known, _)| known == name) {
                Some((_, Extent::AtMost(most) | Extent::Between(_, most))) if first <= most => {}
                Some((_, Extent::AtMost(_) | Extent::Between(..))) => {
                    return Err(invalid("what a quantity begins with must not exceed its bound", name));
                }
                _ => return Err(invalid("what a quantity begins with needs a bound", name)),
            }
        }
        for (name, extent) in &self.quantities {
            if !is_name(name) {
                return Err(Error::from_usage(&UsageError::InvalidName { text: quoted(name) }));
            }
            match extent {
                Extent::Contradiction => {
                    return Err(invalid("a quantity cannot be both exact and bounded", name));
                }
                Extent::DownTo(_) => {
                    return Err(invalid("the least of a quantity needs a bound", name));
                }
                Extent::Between(least, most) if least > most => {
                    return Err(invalid("the least of a quantity must not exceed its bound", name));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// What the caller declared, for telling a repeated key from a reused one. Work with a key of its own is never
    /// repeated, and needs none. The job has been checked.
    pub(crate) fn content(&self) -> Result<Content, Error> {
        if self.key.is_none() {
            return Ok(Content::default());
        }
        let more = self.content.iter().count();
        if more > Self::MAX_CONTENT {
            return Err(invalid("a job declares at most 14 fields of content", &more.to_string()));
        }
        let mut fields = Fields::new();
        fields.name(&["price"]).text(&self.price).end();
        for (name, extent) in &self.quantities {
            match extent {
                Extent::Exact(quantity) => fields.name(&["exact.", name]).quantity(*quantity).end(),
                _ => {
                    fields.name(&["at_most.", name]);
                    fields.quantity(extent.least()).text("..").quantity(extent.most()).end();
                }
            }
        }
        for (name, value) in self.content.iter() {
            fields.name(&["content.", name]).text(value).end();
        }
        Ok(fields.finish())
    }

    /// The caps of the policy and its own.
    pub(crate) fn caps_with(&self, policy: &Caps) -> Result<Caps, Error> {
        if self.caps.is_empty() {
            return Ok(policy.clone());
        }
        if policy.is_empty() {
            return Ok(self.caps.clone());
        }
        let all = Caps::new(policy.iter().chain(self.caps.iter()).cloned());
        all.map_err(|error| invalid("its caps do not go with the policy's", &error.to_string()))
    }

    /// An amount of the job that must be in the guard's unit.
    pub(crate) fn check_budget(&self, amount: Amount, unit: Unit) -> Result<(), Error> {
        match self.budget {
            Some(budget) if budget.unit() != unit => {
                Err(Error::WrongUnit { expected: unit, given: budget.unit() })
            }
            Some(budget) if amount.minor() > budget.minor() => {
                Err(Error::BudgetExceeded { estimate: amount, budget })
            }
            _ => Ok(()),
        }
    }
}

pub(crate) fn invalid(rule: &'static str, value: &str) -> Error {
    Error::InvalidJob { rule, value: quoted(value) }
}
