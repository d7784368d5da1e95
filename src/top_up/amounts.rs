//! Which amounts to propose to a customer whose balance is too short.

use crate::amount::Amount;
use crate::link::Link;
use crate::refusal::{Basis, InsufficientBalance, Refusal, TopUp, TopUpAmount};
use crate::runway::Runway;

use super::{PaymentSteps, TopUpError, in_unit, invalid};

/// The amounts a host sells credit by, from which those are taken that make up for a refusal.
///
/// ```
/// use billing_guard::{
///     Basis, InsufficientBalance, Link, PaymentSteps, Shortfall, Timestamp, TopUp, TopUpPresets, Unit,
/// };
///
/// let usd = Unit::new("USD", 6)?;
/// let steps = PaymentSteps::new(usd.amount("1")?, usd.amount("0.01")?)?;
/// let presets = TopUpPresets::new(steps, [usd.amount("5")?, usd.amount("20")?, usd.amount("1")?])?;
///
/// // A request for 4 USD met 0.50 USD.
/// let short = Shortfall::new(usd.amount("4")?, Timestamp::default()).with_posted(usd.amount("0.5")?)?;
/// let page: Link = "https://example.com/billing".parse()?;
/// let page_for = |amount| Link::new(format!("{page}?usd={}", billing_guard::Amount::decimal(amount))).ok();
/// let amounts = presets.amounts(&InsufficientBalance::new(short), |_| None, page_for);
/// let said: Vec<_> = amounts.iter().map(|one| (one.amount.human().to_string(), one.basis)).collect();
/// assert_eq!(said, [
///     ("3.50 USD".to_owned(), Basis::ThisRequest),
///     // 5.50 USD would be there: not enough for another one.
///     ("5.00 USD".to_owned(), Basis::Unstated),
///     ("20.00 USD".to_owned(), Basis::MoreRequests(4)),
/// ]);
/// let top_up = TopUp::new(page).with_amounts(amounts);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopUpPresets {
    steps: PaymentSteps,
    /// Ascending.
    presets: Vec<Amount>,
}

impl TopUpPresets {
    /// The most presets.
    pub const MAX: usize = 32;

    /// These amounts, in any order, each of which the payment provider takes. Those beyond [`MAX`](Self::MAX) are left out.
    ///
    /// # Errors
    /// [`TopUpError::WrongUnit`], and [`TopUpError::Invalid`] for an amount the provider does not take.
    pub fn new(steps: PaymentSteps, presets: impl IntoIterator<Item = Amount>) -> Result<Self, TopUpError> {
        let mut presets: Vec<_> = presets.into_iter().take(Self::MAX).collect();
        for preset in &presets {
            let minor = in_unit(steps.unit(), "preset", *preset)?;
            if steps.up(minor.into()) != i128::from(minor) {
                return Err(invalid("preset", *preset, "must be an amount the payment provider takes"));
            }
        }
        presets.sort_unstable_by_key(|preset| preset.minor());
        presets.dedup();
        Ok(Self { steps, presets })
    }

    /// What to propose, ascending, at most [`TopUp::MAX_AMOUNTS`]: first what is just enough for the request that was
    /// refused, then the presets that are more.
    ///
    /// Each preset says what it is good for: how long what would be there `lasts`, if that is known, as
    /// [`BurnRate::runway`](crate::BurnRate::runway) tells; else how many more requests like this one it would pay for. `link` is where to pay an amount, if that is another page than that of the
    /// [`TopUp`].
    ///
    /// Nothing is proposed where a top-up does not help: where the balance is in use, or one is on its way. Nor is
    /// anything in another unit than that of the presets.
    #[must_use]
    pub fn amounts(
        &self,
        short: &InsufficientBalance,
        lasts: impl Fn(Amount) -> Option<Runway>,
        link: impl Fn(Amount) -> Option<Link>,
    ) -> Vec<TopUpAmount> {
        let helps = Refusal::InsufficientBalance(short.clone()).top_up_helps();
        let just_enough = self.steps.round_up(short.missing()).ok().flatten().filter(|_| helps);
        let Some(just_enough) = just_enough else { return Vec::new() };
        let more = self.presets.iter().filter(|preset| preset.minor() > just_enough.minor());
        let more = more.map(|preset| (*preset, basis(short, *preset, &lasts)));
        std::iter::once((just_enough, Basis::ThisRequest))
            .chain(more)
            .take(TopUp::MAX_AMOUNTS)
            .map(|(amount, basis)| {
                let one = TopUpAmount::new(amount, basis);
                match link(amount) {
                    Some(link) => one.with_link(link),
                    None => one,
                }
            })
            .collect()
    }
}

/// What a preset is good for: it is more than what the request needs.
fn basis(short: &InsufficientBalance, preset: Amount, lasts: impl Fn(Amount) -> Option<Runway>) -> Basis {
    let there = short.available().minor().saturating_add(preset.minor());
    if let Some(runway) = lasts(preset.unit().minor(there)) {
        return Basis::Lasts(runway);
    }
    let spendable = there.saturating_add(short.shortfall().debt_limit().minor());
    let requests = spendable.checked_div(short.requested().minor()).unwrap_or(0);
    match u64::try_from(requests.saturating_sub(1)) {
        Ok(more) if more > 0 => Basis::MoreRequests(more),
        _ => Basis::Unstated,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::amount::Unit;
    use crate::clock::Timestamp;
    use crate::error::Shortfall;
    use proptest::prelude::*;
    use std::time::Duration;

    fn usd(minor: i64) -> Amount {
        Unit::new("USD", 2).unwrap().minor(minor)
    }

    fn presets(minimum: i64, step: i64, presets: &[i64]) -> Result<TopUpPresets, TopUpError> {
        let steps = PaymentSteps::new(usd(minimum), usd(step)).unwrap();
        TopUpPresets::new(steps, presets.iter().copied().map(usd))
    }

    fn short(requested: i64, posted: i64) -> InsufficientBalance {
        let short = Shortfall::new(usd(requested), Timestamp::default()).with_posted(usd(posted)).unwrap();
        InsufficientBalance::new(short)
    }

    fn proposed(presets: &TopUpPresets, short: &InsufficientBalance) -> Vec<(i64, Basis)> {
        let amounts = presets.amounts(short, |_| None, |_| None);
        amounts.iter().map(|one| (one.amount.minor(), one.basis)).collect()
    }

    #[test]
    fn a_preset_must_be_an_amount_the_provider_takes() {
        assert!(presets(500, 100, &[500, 2_000]).is_ok());
        for bad in [0, -500, 400, 550] {
            let error = presets(500, 100, &[500, bad]).unwrap_err();
            assert!(matches!(error, TopUpError::Invalid { what: "preset", .. }), "{error}");
        }
        let steps = PaymentSteps::new(usd(1), usd(1)).unwrap();
        let euro = Unit::new("EUR", 2).unwrap().minor(5);
        assert!(matches!(TopUpPresets::new(steps, [euro]), Err(TopUpError::WrongUnit { .. })));
    }

    #[test]
    fn a_debt_is_paid_by_the_first_amount_and_a_debt_limit_counts_as_there() {
        let presets = presets(1, 1, &[2_000, 1_000]).unwrap();
        assert_eq!(
            proposed(&presets, &short(300, -200)),
            [(500, Basis::ThisRequest), (1_000, Basis::MoreRequests(1)), (2_000, Basis::MoreRequests(5))]
        );
        let short = Shortfall::new(usd(300), Timestamp::default()).with_posted(usd(-200)).unwrap();
        let short = InsufficientBalance::new(short.with_debt_limit(usd(250)).unwrap());
        assert_eq!(
            proposed(&presets, &short)[..2],
            [(250, Basis::ThisRequest), (1_000, Basis::MoreRequests(2))]
        );
    }

    #[test]
    fn how_long_it_lasts_is_said_of_what_would_be_there() {
        let presets = presets(1, 1, &[1_000]).unwrap();
        let lasts = |there: Amount| {
            let days = u32::try_from(there.minor() / 100).unwrap();
            Some(Runway { at_least_days: days, about_days: days, at_most_days: None })
        };
        let page: Link = "https://example.com/pay".parse().unwrap();
        let amounts = presets.amounts(&short(500, 200), lasts, |_| Some(page.clone()));
        assert_eq!((amounts[0].amount, amounts[0].basis), (usd(300), Basis::ThisRequest));
        let Basis::Lasts(runway) = amounts[1].basis else { panic!("{amounts:?}") };
        assert_eq!(runway.about_days(), 12);
        assert!(amounts.iter().all(|one| one.link.as_ref() == Some(&page)));
    }

    #[test]
    fn nothing_is_proposed_where_a_top_up_does_not_help() {
        let presets = presets(1, 1, &[1_000]).unwrap();
        let held = Shortfall::new(usd(300), Timestamp::default())
            .with_posted(usd(400))
            .and_then(|short| short.with_held(usd(200)))
            .unwrap();
        assert!(proposed(&presets, &InsufficientBalance::new(held)).is_empty());
        let pending = short(500, 0).with_top_up_pending(Duration::from_secs(5));
        assert!(proposed(&presets, &pending).is_empty());
        let euro = Shortfall::new(Unit::new("EUR", 2).unwrap().minor(5), Timestamp::default());
        assert!(proposed(&presets, &InsufficientBalance::new(euro)).is_empty());
    }

    #[test]
    fn nothing_asked_for_is_no_reason_to_divide_by_it() {
        let presets = presets(1, 1, &[1_000]).unwrap();
        assert_eq!(
            proposed(&presets, &short(0, -300)),
            [(300, Basis::ThisRequest), (1_000, Basis::Unstated)]
        );
    }

    proptest! {
        #[test]
        fn every_amount_is_enough_ascending_payable_and_what_it_says(
            requested in 1_i64..5_000, there in -2_000_i64..5_000, least in 1_i64..5_000,
            minimum in 0_i64..800, step in 1_i64..120, many in proptest::collection::vec(1_i64..100, 0..40),
        ) {
            let (least, requested) = (least.min(requested), requested);
            prop_assume!(there < least);
            let steps = PaymentSteps::new(usd(minimum), usd(step)).unwrap();
            let payable = many.iter().map(|count| steps.round_up(usd(count * step)).unwrap().unwrap());
            let presets = TopUpPresets::new(steps, payable).unwrap();
            let short = Shortfall::new(usd(requested), Timestamp::default())
                .with_required(usd(least)).and_then(|short| short.with_posted(usd(there))).unwrap();
            let short = InsufficientBalance::new(short);
            let amounts = presets.amounts(&short, |_| None, |_| None);
            prop_assert!(amounts.len() <= TopUp::MAX_AMOUNTS);
            prop_assert!(amounts.is_sorted_by_key(|one| one.amount.minor()));
            prop_assert_eq!(amounts[0].basis, Basis::ThisRequest);
            // Just enough: the next smaller amount would not be, or could not be paid.
            let first = amounts[0].amount.minor();
            prop_assert!(first - step < (least - there).max(minimum));
            for one in &amounts {
                prop_assert_eq!(steps.round_up(one.amount).unwrap(), Some(one.amount));
                prop_assert!(one.amount.minor() + there >= least);
                if let Basis::MoreRequests(more) = one.basis {
                    let more = i64::try_from(more).unwrap();
                    let left = one.amount.minor() + there - (more + 1) * requested;
                    prop_assert!(more > 0 && (0..requested).contains(&left));
                }
            }
            let again = TopUp::new("https://example.com/".parse().unwrap()).with_amounts(amounts.clone());
            prop_assert_eq!(again.amounts(), &amounts[..], "a TopUp keeps them as they are");
        }
    }
}
