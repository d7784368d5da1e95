//! Which offers a host makes to whom: [`OfferRules`].

use std::fmt;
use std::sync::Arc;

use crate::clock::Timestamp;
use crate::spending::Spending;

use super::claim::Offer;
use super::details::Details;

type Rule = Arc<dyn Fn(&Spending, Timestamp) -> Option<Offer> + Send + Sync>;

/// A host's rules for what it offers to a customer, by what that customer spent. The crate has none of its own.
///
/// ```
/// use billing_guard::{Bin, Details, Link, Offer, OfferRules, Spending, Timestamp, Unit};
///
/// let usd = Unit::new("USD", 6)?;
/// let terms: Link = "https://example.com/terms/volume".parse()?;
/// let until: Timestamp = "2026-12-31T00:00:00.000000Z".parse()?;
/// let volume = Offer::new("10 % more credit with your next top-up".parse()?, until, terms);
/// let much = usd.amount("100")?;
/// let rules = OfferRules::new().with(move |spending: &Spending, _now: Timestamp| {
///     (spending.total().net().minor() >= much.minor()).then(|| volume.clone())
/// });
///
/// // Where the credit went is summed up from statements; this customer has spent nothing yet.
/// let spending = Spending::new(usd, Bin::Month);
/// let now: Timestamp = "2026-11-28T12:00:00.000000Z".parse()?;
/// let offers = rules.offers(&spending, now);
/// assert!(offers.is_empty());
/// let details = offers.into_iter().fold(Details::new(), Details::with_offer);
/// # let _ = details;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default)]
pub struct OfferRules(Vec<Rule>);

impl OfferRules {
    /// None: nothing is offered to anyone.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// The same with another rule, after the others: whether to offer something, and what. It has to depend on nothing
    /// but what it is given, so that the same customer is told the same.
    #[must_use]
    pub fn with(
        mut self,
        rule: impl Fn(&Spending, Timestamp) -> Option<Offer> + Send + Sync + 'static,
    ) -> Self {
        self.0.push(Arc::new(rule));
        self
    }

    /// What the rules offer, in their order: only what is valid at this time, and at most
    /// [`Details::MAX_OFFERS`].
    #[must_use]
    pub fn offers(&self, spending: &Spending, now: Timestamp) -> Vec<Offer> {
        let offers = self.0.iter().filter_map(|rule| rule(spending, now));
        offers.filter(|offer| offer.is_valid(now)).take(Details::MAX_OFFERS).collect()
    }
}

impl fmt::Debug for OfferRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OfferRules").field("rules", &self.0.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::amount::Unit;
    use crate::spending::Bin;

    fn offer(text: &str, until: i64) -> Offer {
        let terms = "https://example.com/terms".parse().unwrap();
        Offer::new(text.parse().unwrap(), Timestamp::from_micros(until), terms)
    }

    fn always(rules: OfferRules, text: &str, until: i64) -> OfferRules {
        let offer = offer(text, until);
        rules.with(move |_, _| Some(offer.clone()))
    }

    fn offered(rules: &OfferRules, now: i64) -> Vec<String> {
        let spending = Spending::new(Unit::new("USD", 2).unwrap(), Bin::Day);
        let offers = rules.offers(&spending, Timestamp::from_micros(now));
        offers.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn offers_come_in_the_order_of_the_rules_and_none_that_is_over() {
        let rules = always(always(always(OfferRules::new(), "b", 10), "over", 5), "a", 20);
        assert_eq!(offered(&rules, 4), ["b", "over", "a"]);
        assert_eq!(offered(&rules, 5), ["b", "a"]);
        assert_eq!(offered(&rules, 10), ["a"]);
        assert!(offered(&rules, 20).is_empty());
    }

    #[test]
    fn one_that_is_over_takes_nobody_s_place() {
        let rules = (0..6).fold(OfferRules::new(), |rules, n| always(rules, &format!("{n}"), [9, 1][n % 2]));
        let rules = always(always(rules, "6", 9), "7", 9);
        assert_eq!(offered(&rules, 0), ["0", "1", "2", "3"]);
        assert_eq!(offered(&rules, 1), ["0", "2", "4", "6"]);
    }

    #[test]
    fn a_rule_sees_the_spending_and_the_time() {
        let rules = OfferRules::new().with(|spending: &Spending, now: Timestamp| {
            (spending.total().charges() == 0 && now.as_micros() == 3).then(|| offer("first call", 9))
        });
        assert_eq!((offered(&rules, 3).len(), offered(&rules, 4).len()), (1, 0));
    }
}
