//! Whether to charge now, and how much: from an agreement and what the host knows.

use crate::amount::Amount;
use crate::clock::Timestamp;
use crate::id::{AccountId, IdempotencyKey};
use crate::notice::Notice;

use super::auto::AutoTopUp;
use super::{PaymentSteps, TopUpError, in_unit};

/// What the host knows when it asks an [`AutoTopUp`] to [decide](AutoTopUp::decide).
///
/// Read the number of the latest automatic top-up first, what was charged after it, and the balance last: what happens in between
/// then counts twice rather than not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AutoTopUpState {
    balance: Amount,
    charged_this_month: Amount,
    latest_automatic: u64,
    now: Timestamp,
    needed: Option<Amount>,
    pending: Vec<(IdempotencyKey, Amount)>,
    declines: Option<(u32, Timestamp)>,
}

/// What to do about an [`AutoTopUp`] now.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TopUpDecision {
    /// Charge this, once.
    Charge(AutoCharge),
    /// The last attempt was declined: ask again from then on.
    Wait {
        /// When the next attempt may be made.
        until: Timestamp,
    },
    /// Charge nothing.
    No(NoTopUp),
}

/// A charge to make at the payment provider, and to credit when the provider confirms it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AutoCharge {
    /// How much: an amount the provider takes.
    pub amount: Amount,
    /// The key to charge it with at the provider, and to credit what was paid with
    /// ([`Guard::top_up_automatically`](crate::Guard::top_up_automatically)). It has the account's id in it: it is nothing to
    /// show anyone.
    pub key: IdempotencyKey,
    /// What of the month's ceiling is left after it.
    pub left_this_month: Amount,
}

/// Why nothing is charged, now and until something changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NoTopUp {
    /// There is enough.
    EnoughThere,
    /// What is missing is on its way, or the charge that would be made next already is.
    OnItsWay,
    /// What is left of the month's ceiling does not close the gap: ask the customer.
    AtCeiling {
        /// The ceiling.
        ceiling: Amount,
        /// What of it is left.
        left: Amount,
        /// What would have to be paid at least.
        missing: Amount,
    },
    /// Too many attempts were declined: ask the customer, whose new [`Consent`](crate::Consent) begins again.
    Declined {
        /// How many, since the last that succeeded.
        declines: u32,
    },
}

impl AutoTopUpState {
    /// The balance, holds included ([`Balance::posted`](crate::Balance::posted)), as notices count it: nobody is charged for
    /// money that is only in use. What was charged automatically this month, in the host's calendar, what is still on
    /// its way included. And the account's sequence number of its latest automatic top-up (the
    /// [`seq`](crate::Entry::seq) of its entry), 0 before the first; not that of one by hand, so that what was decided before
    /// that one still has the key of what is decided after it. The host keeps it:
    /// [`Balance::latest_top_up_seq`](crate::Balance::latest_top_up_seq) counts those by hand as well.
    #[must_use]
    pub const fn new(
        balance: Amount,
        charged_this_month: Amount,
        latest_automatic: u64,
        now: Timestamp,
    ) -> Self {
        Self {
            balance,
            charged_this_month,
            latest_automatic,
            now,
            needed: None,
            pending: Vec::new(),
            declines: None,
        }
    }

    /// The same with what the balance has to be for the request at hand, so that one charge makes up for it as well: what
    /// the request requires, and what running work holds beside it.
    #[must_use]
    pub fn with_needed(mut self, needed: Amount) -> Self {
        self.needed = Some(needed);
        self
    }

    /// The same with a top-up that is under way, automatic or not, and the key it will be credited with. It counts as if
    /// it were there. Of an automatic one, this is known from when the host decides to make it: write it down, then charge. One that was
    /// written down and never answered is charged again, with the same key and amount.
    #[must_use]
    pub fn with_pending(mut self, key: IdempotencyKey, amount: Amount) -> Self {
        self.pending.push((key, amount));
        self
    }

    /// The same with so many automatic charges declined since the last that succeeded, each key counted once, the last of
    /// them then.
    #[must_use]
    pub fn with_declines(mut self, count: u32, last: Timestamp) -> Self {
        self.declines = Some((count, last)).filter(|(count, _)| *count > 0);
        self
    }
}

impl TopUpDecision {
    /// What to tell the customer about a decision that charges nothing: that a payment failed and when the next attempt
    /// is, or that the agreed ceiling is in the way. It stays the same until something changes; tell it once.
    ///
    /// A charge is told when it is credited, each time, if that is done by
    /// [`Guard::top_up_automatically`](crate::Guard::top_up_automatically): by [`Notice::ToppedUpAutomatically`].
    #[must_use]
    pub const fn notice(&self) -> Option<Notice> {
        match self {
            Self::Wait { until } => Some(Notice::AutoTopUpFailed { retry_at: Some(*until) }),
            Self::No(NoTopUp::Declined { .. }) => Some(Notice::AutoTopUpFailed { retry_at: None }),
            Self::No(NoTopUp::AtCeiling { ceiling, left, missing }) => {
                Some(Notice::AutoTopUpAtCeiling { ceiling: *ceiling, left: *left, missing: *missing })
            }
            Self::Charge(_) | Self::No(NoTopUp::EnoughThere | NoTopUp::OnItsWay) => None,
        }
    }
}

impl AutoTopUp {
    /// What to do now. Pure: it charges nothing and remembers nothing.
    ///
    /// A charge brings the balance up to the agreed amount, or to what the request at hand needs if that is more; if the
    /// ceiling does not leave so much, as far as it goes. It closes the gap, to the threshold and to what is needed, in one
    /// charge, or there is none.
    ///
    /// Its key is made from the account, the number of its latest automatic top-up and the number of declines. Two nodes that
    /// see the same crossing, and one that is told of it twice, come to one key, and so does a webhook that is delivered
    /// twice: the provider charges it once, the ledger credits it once. What was decided on an older state has a key that is
    /// used up. Two nodes that see other balances may come to other amounts for one key: the provider keeps the first,
    /// and what it took is what is to be credited.
    ///
    /// After a [decline](AutoTopUp::BACK_OFF) it waits an hour, six hours, a day; then it stops until the customer consents
    /// anew. Nothing happens silently: see [`TopUpDecision::notice`].
    ///
    /// ```
    /// use billing_guard::{
    ///     AccountId, AutoTopUp, AutoTopUpState, Consent, Guard, PaymentSteps, Tariff, Timestamp, TopUpDecision, Unit, wait,
    /// };
    ///
    /// let usd = Unit::new("USD", 6)?;
    /// let account = AccountId::new("acct_1")?;
    /// let consent = Consent::new(Timestamp::default(), "checkbox in the billing settings".parse()?);
    /// let agreed = AutoTopUp::new(usd.amount("5")?, usd.amount("20")?, usd.amount("100")?, consent)?;
    /// let steps = PaymentSteps::new(usd.amount("5")?, usd.amount("0.01")?)?;
    ///
    /// // The balance is 3.201 USD, the latest automatic top-up was its change 7, and 30 USD were charged this month.
    /// let state = AutoTopUpState::new(usd.amount("3.201")?, usd.amount("30")?, 7, Timestamp::default());
    /// let TopUpDecision::Charge(charge) = agreed.decide(&account, &steps, &state)? else { panic!() };
    /// assert_eq!(charge.amount, usd.amount("16.80")?);
    ///
    /// // The host charges it with `charge.key`. When the provider says that it was paid, it is credited and told:
    /// let guard = Guard::in_memory(usd)
    ///     .price("query", Tariff::new().fixed("1")?)
    ///     .on_notice(|account, notice| println!("{account}: {}", notice.as_str()))
    ///     .build()?;
    /// let credited = wait(guard.top_up_automatically(&account, charge.key.clone(), charge.amount))?;
    /// // The number to decide the next time with.
    /// let latest_automatic = credited.value().seq();
    /// # let _ = latest_automatic;
    /// // The provider says so again: it is credited and told once.
    /// assert!(wait(guard.top_up_automatically(&account, charge.key, charge.amount))?.is_replay());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`TopUpError::WrongUnit`] if an amount is not in the agreement's unit.
    pub fn decide(
        &self,
        account: &AccountId,
        steps: &PaymentSteps,
        state: &AutoTopUpState,
    ) -> Result<TopUpDecision, TopUpError> {
        let unit = self.below().unit();
        let wide = |what, amount| in_unit(unit, what, amount).map(i128::from);
        in_unit(unit, "step of the provider", steps.unit().minor(steps.step))?;
        let balance = wide("balance", state.balance)?;
        let charged = wide("amount charged this month", state.charged_this_month)?;
        let needed = state.needed.map_or(Ok(i128::MIN), |needed| wide("needed amount", needed))?;
        let mut there = balance;
        for (_, amount) in &state.pending {
            there = there.saturating_add(wide("pending top-up", *amount)?);
        }
        let no = |reason| Ok(TopUpDecision::No(reason));
        let at_least = needed.max(self.below().minor().into());
        if there >= at_least {
            let is_there = balance >= at_least;
            return no(if is_there { NoTopUp::EnoughThere } else { NoTopUp::OnItsWay });
        }
        let (declines, last) = state.declines.unwrap_or((0, Timestamp::default()));
        let key = key_of(account, state.latest_automatic, declines);
        if state.pending.iter().any(|(pending, _)| *pending == key) {
            return no(NoTopUp::OnItsWay);
        }
        // A customer that consented since the last decline has acted: there is a reason to try again at once.
        if declines > 0 && self.consent().given_at() <= last {
            let tried = usize::try_from(declines).unwrap_or(usize::MAX);
            let Some(wait) = Self::BACK_OFF.get(tried.saturating_sub(1)) else {
                return no(NoTopUp::Declined { declines });
            };
            let until = last.saturating_add(*wait);
            if state.now < until {
                return Ok(TopUpDecision::Wait { until });
            }
        }
        let gap = steps.up(at_least.saturating_sub(there));
        let wanted = steps.up(needed.max(self.up_to().minor().into()).saturating_sub(there));
        let left = i128::from(self.monthly_ceiling().minor()).saturating_sub(charged.max(0)).max(0);
        let amount = if wanted <= left { Some(wanted) } else { steps.down(left) };
        // Within the ceiling, so it fits; what is missing may not, and then it is as much as an amount can be.
        let fitting = |minor: i128| unit.minor(i64::try_from(minor).unwrap_or(i64::MAX));
        match amount.filter(|amount| *amount >= gap) {
            Some(amount) => Ok(TopUpDecision::Charge(AutoCharge {
                amount: fitting(amount),
                key,
                left_this_month: fitting(left.saturating_sub(amount)),
            })),
            None => no(NoTopUp::AtCeiling {
                ceiling: self.monthly_ceiling(),
                left: fitting(left),
                missing: fitting(gap),
            }),
        }
    }
}

fn key_of(account: &AccountId, latest: u64, declines: u32) -> IdempotencyKey {
    IdempotencyKey::derived(&format!("auto-top-up:{account}:{latest}:{declines}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::amount::Unit;
    use crate::top_up::Consent;
    use proptest::prelude::*;

    const HOUR: i64 = 3_600_000_000;

    fn usd(minor: i64) -> Amount {
        Unit::new("USD", 2).unwrap().minor(minor)
    }

    fn at(hours: i64) -> Timestamp {
        Timestamp::from_micros(hours * HOUR)
    }

    /// Below 5, up to 20, at most `ceiling` a month; agreed at hour 0 unless said otherwise.
    fn agreed_at(ceiling: i64, consent: i64) -> AutoTopUp {
        let consent = Consent::new(at(consent), "form".parse().unwrap());
        AutoTopUp::new(usd(500), usd(2_000), usd(ceiling), consent).unwrap()
    }

    fn decide(agreed: &AutoTopUp, state: &AutoTopUpState) -> TopUpDecision {
        let steps = PaymentSteps::new(usd(500), usd(100)).unwrap();
        agreed.decide(&AccountId::new("a").unwrap(), &steps, state).unwrap()
    }

    fn state(balance: i64, charged: i64, hour: i64) -> AutoTopUpState {
        AutoTopUpState::new(usd(balance), usd(charged), 7, at(hour))
    }

    fn charge(amount: i64, key: &str, left: i64) -> TopUpDecision {
        let key = IdempotencyKey::new(key).unwrap();
        TopUpDecision::Charge(AutoCharge { amount: usd(amount), key, left_this_month: usd(left) })
    }

    #[test]
    fn it_tops_up_when_less_than_the_threshold_is_there() {
        let agreed = agreed_at(10_000, 0);
        assert_eq!(decide(&agreed, &state(500, 0, 1)), TopUpDecision::No(NoTopUp::EnoughThere));
        assert_eq!(decide(&agreed, &state(499, 0, 1)), charge(1_600, "auto-top-up:a:7:0", 8_400));
        assert_eq!(decide(&agreed, &state(-300, 0, 1)), charge(2_300, "auto-top-up:a:7:0", 7_700));
    }

    #[test]
    fn one_charge_makes_up_for_the_request_at_hand_too() {
        let agreed = agreed_at(10_000, 0);
        let needs = |needed| state(700, 0, 1).with_needed(usd(needed));
        assert_eq!(decide(&agreed, &needs(700)), TopUpDecision::No(NoTopUp::EnoughThere));
        assert_eq!(decide(&agreed, &needs(701)), charge(1_300, "auto-top-up:a:7:0", 8_700));
        assert_eq!(decide(&agreed, &needs(5_050)), charge(4_400, "auto-top-up:a:7:0", 5_600));
    }

    #[test]
    fn what_is_on_its_way_counts_as_there() {
        let agreed = agreed_at(10_000, 0);
        let pending = |amount| state(100, 0, 1).with_pending("payment-9".parse().unwrap(), usd(amount));
        assert_eq!(decide(&agreed, &pending(400)), TopUpDecision::No(NoTopUp::OnItsWay));
        assert_eq!(decide(&agreed, &pending(300)), charge(1_600, "auto-top-up:a:7:0", 8_400));
        // The charge that would be made next is under way: there is no second one beside it.
        let own = state(100, 0, 1).with_pending("auto-top-up:a:7:0".parse().unwrap(), usd(300));
        assert_eq!(decide(&agreed, &own), TopUpDecision::No(NoTopUp::OnItsWay));
        assert_eq!(decide(&agreed, &own).notice(), None);
    }

    #[test]
    fn the_ceiling_shortens_a_charge_and_then_asks_the_person() {
        let agreed = agreed_at(5_000, 0);
        assert_eq!(decide(&agreed, &state(0, 3_000, 1)), charge(2_000, "auto-top-up:a:7:0", 0));
        assert_eq!(decide(&agreed, &state(0, 3_350, 1)), charge(1_600, "auto-top-up:a:7:0", 50));
        assert_eq!(decide(&agreed, &state(0, 4_500, 1)), charge(500, "auto-top-up:a:7:0", 0));
        let reached = decide(&agreed, &state(0, 4_501, 1));
        let (ceiling, left, missing) = (usd(5_000), usd(499), usd(500));
        assert_eq!(reached, TopUpDecision::No(NoTopUp::AtCeiling { ceiling, left, missing }));
        assert_eq!(reached.notice(), Some(Notice::AutoTopUpAtCeiling { ceiling, left, missing }));
        // The rest would do for the threshold, but not for the request.
        let needs = decide(&agreed, &state(0, 3_000, 1).with_needed(usd(2_001)));
        let (left, missing) = (usd(2_000), usd(2_100));
        assert_eq!(needs, TopUpDecision::No(NoTopUp::AtCeiling { ceiling, left, missing }));
    }

    #[test]
    fn after_declines_it_waits_longer_and_then_for_the_customer() {
        let agreed = agreed_at(10_000, 0);
        let declined = |count, hour| state(0, 0, hour).with_declines(count, at(100));
        for (count, hours) in [(1, 1), (2, 6), (3, 24)] {
            let until = at(100 + hours);
            let waits = decide(&agreed, &declined(count, 99 + hours));
            assert_eq!(waits, TopUpDecision::Wait { until });
            assert_eq!(waits.notice(), Some(Notice::AutoTopUpFailed { retry_at: Some(until) }));
            let key = format!("auto-top-up:a:7:{count}");
            assert_eq!(decide(&agreed, &declined(count, 100 + hours)), charge(2_000, &key, 8_000));
        }
        let stopped = decide(&agreed, &declined(4, 10_000));
        assert_eq!(stopped, TopUpDecision::No(NoTopUp::Declined { declines: 4 }));
        assert_eq!(stopped.notice(), Some(Notice::AutoTopUpFailed { retry_at: None }));
        // It consented anew after the last decline: one attempt at once, with a key that was not used.
        let anew = agreed_at(10_000, 101);
        assert_eq!(decide(&anew, &declined(4, 102)), charge(2_000, "auto-top-up:a:7:4", 8_000));
        let again = state(0, 0, 103).with_declines(5, at(102));
        assert_eq!(decide(&anew, &again), TopUpDecision::No(NoTopUp::Declined { declines: 5 }));
        assert_eq!(
            decide(&agreed, &state(0, 0, 1).with_declines(0, at(1))),
            charge(2_000, "auto-top-up:a:7:0", 8_000)
        );
    }

    #[test]
    fn the_longest_key_is_a_key() {
        let account = AccountId::new("x".repeat(AccountId::MAX_LEN)).unwrap();
        let key = key_of(&account, u64::MAX, u32::MAX);
        assert!(IdempotencyKey::new(key.as_str()).is_ok());
    }

    #[test]
    fn amounts_of_another_unit_are_an_error_and_extremes_wrap_nothing() {
        let account = AccountId::new("a").unwrap();
        let agreed = agreed_at(i64::MAX, 0);
        let euro = Unit::new("EUR", 2).unwrap().minor(1);
        let steps = PaymentSteps::new(usd(1), usd(1)).unwrap();
        let good = state(0, 0, 1);
        for bad in [
            AutoTopUpState::new(euro, usd(0), 0, at(0)),
            AutoTopUpState::new(usd(0), euro, 0, at(0)),
            good.clone().with_needed(euro),
            good.clone().with_pending("p".parse().unwrap(), euro),
        ] {
            assert!(agreed.decide(&account, &steps, &bad).is_err(), "{bad:?}");
        }
        let other = PaymentSteps::new(euro, euro).unwrap();
        assert!(agreed.decide(&account, &other, &good).is_err());
        let deep = decide(&agreed, &state(i64::MIN, 0, 1).with_needed(usd(i64::MAX)));
        let (ceiling, missing) = (usd(i64::MAX), usd(i64::MAX));
        assert_eq!(deep, TopUpDecision::No(NoTopUp::AtCeiling { ceiling, left: ceiling, missing }));
        let key: IdempotencyKey = "p".parse().unwrap();
        let much =
            state(i64::MAX, 0, 1).with_pending(key.clone(), usd(i64::MAX)).with_pending(key, usd(i64::MAX));
        assert_eq!(decide(&agreed, &much), TopUpDecision::No(NoTopUp::EnoughThere));
    }

    proptest! {
        #[test]
        fn a_charge_closes_the_gap_within_the_ceiling_or_there_is_none(
            (below, up_to) in (0_i64..1_000).prop_flat_map(|below| (Just(below), below.max(1)..2_000)),
            ceiling in 0_i64..5_000, charged in 0_i64..5_000, balance in -1_000_i64..2_000,
            needed in proptest::option::of(0_i64..4_000), pending in 0_i64..1_000,
            minimum in 0_i64..800, step in 1_i64..120,
        ) {
            let consent = Consent::new(at(0), "form".parse().unwrap());
            let agreed = AutoTopUp::new(usd(below), usd(up_to), usd(ceiling), consent).unwrap();
            let steps = PaymentSteps::new(usd(minimum), usd(step)).unwrap();
            let mut state = state(balance, charged, 1).with_pending("p".parse().unwrap(), usd(pending));
            if let Some(needed) = needed {
                state = state.with_needed(usd(needed));
            }
            let decision = agreed.decide(&AccountId::new("a").unwrap(), &steps, &state).unwrap();
            let there = balance + pending;
            let at_least = below.max(needed.unwrap_or(below));
            let payable = |amount: &i64| *amount > 0 && *amount >= minimum && amount % step == 0;
            match decision {
                TopUpDecision::Charge(charge) => {
                    let amount = charge.amount.minor();
                    prop_assert!(there < at_least && there + amount >= at_least);
                    prop_assert!(charged + amount <= ceiling);
                    prop_assert_eq!(charge.left_this_month, usd(ceiling - charged - amount));
                    prop_assert!(payable(&amount));
                    // Never more than agreed, but for what the provider rounds up to.
                    let most = up_to.max(needed.unwrap_or(0)) - there;
                    prop_assert!((1..amount).filter(payable).all(|less| less < most));
                }
                TopUpDecision::No(NoTopUp::AtCeiling { left, missing, .. }) => {
                    // Nothing that can be paid would have done.
                    prop_assert!(there < at_least);
                    let mut would_do = (1..=ceiling - charged).filter(payable);
                    prop_assert!(!would_do.any(|amount| there + amount >= at_least));
                    prop_assert_eq!(left, usd((ceiling - charged).max(0)));
                    prop_assert!(missing.minor() > left.minor());
                }
                TopUpDecision::No(NoTopUp::EnoughThere) => prop_assert!(balance >= at_least),
                TopUpDecision::No(NoTopUp::OnItsWay) => prop_assert!(balance < at_least && there >= at_least),
                other => prop_assert!(false, "{:?}", other),
            }
        }
    }
}
