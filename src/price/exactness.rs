//! Tests: what a tariff computes, against arithmetic as on paper, over all of what its inputs can be.

use std::cmp::Ordering;

use super::{Rate, Rounding, Tariff};
use crate::amount::{Amount, Unit};
use crate::usage::{Quantity, Usage};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

const MODES: [Rounding; 4] = [Rounding::Down, Rounding::HalfUp, Rounding::HalfEven, Rounding::Up];

fn usd(scale: u8) -> Unit {
    Unit::new("USD", scale).unwrap()
}

/// Whole numbers of any size, as on paper: digits in base 10^9, the smallest first. It shares nothing with the
/// code under test and needs no division.
#[derive(Clone, Debug)]
struct Big(Vec<u64>);

impl Big {
    const BASE: u64 = 1_000_000_000;

    fn new(mut value: u128) -> Self {
        let mut digits = Vec::new();
        while value > 0 {
            digits.push(u64::try_from(value % u128::from(Self::BASE)).unwrap());
            value /= u128::from(Self::BASE);
        }
        Self(digits)
    }

    fn times(&self, other: u128) -> Self {
        let mut sum = vec![0; self.0.len() + 6];
        for (i, x) in self.0.iter().enumerate() {
            let mut carry = 0;
            for (j, y) in Self::new(other).0.into_iter().chain([0, 0]).enumerate() {
                let digit = sum[i + j] + x * y + carry;
                (sum[i + j], carry) = (digit % Self::BASE, digit / Self::BASE);
            }
        }
        Self(sum).trimmed()
    }

    fn plus(&self, other: &Self) -> Self {
        let mut carry = 0;
        let mut sum = Vec::new();
        for i in 0..=self.0.len().max(other.0.len()) {
            let digit = self.0.get(i).unwrap_or(&0) + other.0.get(i).unwrap_or(&0) + carry;
            sum.push(digit % Self::BASE);
            carry = digit / Self::BASE;
        }
        Self(sum).trimmed()
    }

    fn trimmed(mut self) -> Self {
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
        self
    }

    fn order(&self, other: &Self) -> Ordering {
        let length = self.0.len().cmp(&other.0.len());
        length.then_with(|| self.0.iter().rev().cmp(other.0.iter().rev()))
    }
}

/// `rate * quantity` in units of 10^-37 of a step.
fn term(rate: Rate, quantity: Quantity, unit: Unit) -> Big {
    let places = 37 + u32::from(unit.scale()) - u32::from(rate.places()) - u32::from(quantity.places());
    let (high, low) = (places / 2, places - places / 2);
    let digits = Big::new(u128::from(rate.digits())).times(quantity.digits().into());
    digits.times(10_u128.pow(high)).times(10_u128.pow(low))
}

/// So many halves of a step.
fn halves(count: i128) -> Big {
    Big::new(10_u128.pow(37) / 2).times(count.try_into().unwrap())
}

fn digits() -> impl Strategy<Value = u64> {
    // Every length is as likely.
    prop_oneof![4 => (any::<u64>(), 0_u32..64).prop_map(|(n, shift)| n >> shift), 1 => 0_u64..50]
}

fn rate() -> impl Strategy<Value = Rate> {
    let places = prop_oneof![0_u8..=28, 5_u8..=12];
    (digits(), places).prop_map(|(digits, places)| format!("{digits}e-{places}").parse().unwrap())
}

fn quantity() -> impl Strategy<Value = Quantity> {
    let places = prop_oneof![3 => Just(0), 1 => 0_u8..=9];
    (digits(), places).prop_map(|(digits, places)| Quantity::from_parts(digits, places).unwrap())
}

fn priced() -> impl Strategy<Value = (Option<Rate>, Vec<(Rate, Quantity)>)> {
    (proptest::option::of(rate()), proptest::collection::vec((rate(), quantity()), 0..5))
}

/// The tariff, the usage, and their exact price in units of 10^-37 of a step.
fn built(fixed: Option<Rate>, terms: &[(Rate, Quantity)], unit: Unit) -> (Tariff, Usage, Big) {
    let (mut tariff, mut usage, mut exact) = (Tariff::new(), Usage::new(), Big::new(0));
    if let Some(price) = fixed {
        tariff = tariff.with_fixed(price).unwrap();
        exact = exact.plus(&term(price, 1_u64.into(), unit));
    }
    for (index, (rate, quantity)) in terms.iter().enumerate() {
        tariff = tariff.with_rate(format!("q{index}"), *rate).unwrap();
        usage = usage.with(format!("q{index}"), *quantity);
        exact = exact.plus(&term(*rate, *quantity, unit));
    }
    (tariff, usage, exact)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn charges_are_the_exact_sum_rounded_once((fixed, terms) in priced(), scale in 0_u8..=12) {
        let unit = usd(scale);
        let (tariff, usage, exact) = built(fixed, &terms, unit);
        let most = i128::from(i64::MAX);
        let in_mode = |mode| tariff.clone().rounding(mode).charge(&usage, unit).ok().map(Amount::minor);
        let Some(down) = in_mode(Rounding::Down) else {
            prop_assert!(exact.order(&halves(2 * most + 2)).is_ge());
            prop_assert!(MODES.into_iter().all(|mode| in_mode(mode).is_none()));
            return Ok(());
        };
        let steps = i128::from(down);
        prop_assert!(halves(2 * steps).order(&exact).is_le());
        prop_assert!(halves(2 * steps + 2).order(&exact).is_gt());
        let middle = exact.order(&halves(2 * steps + 1));
        for (mode, up) in [
            (Rounding::HalfUp, middle.is_ge()),
            (Rounding::HalfEven, middle.is_gt() || (middle.is_eq() && steps % 2 == 1)),
            (Rounding::Up, exact.order(&halves(2 * steps)).is_gt()),
        ] {
            prop_assert_eq!(in_mode(mode), i64::try_from(steps + i128::from(up)).ok(), "{:?}", mode);
        }
        // A hold is never less than the charge, and less than a step more.
        let ceiling = tariff.ceiling(&usage, unit).ok().map(Amount::minor);
        prop_assert_eq!(ceiling, in_mode(Rounding::Up));
    }

    #[test]
    fn what_is_covered_fits_and_one_more_does_not(
        (fixed, terms) in priced(),
        rate in rate(),
        own in quantity(),
        scale in 0_u8..=12,
        spare in digits(),
        loose in any::<bool>(),
    ) {
        let unit = usd(scale);
        let (tariff, others, exact) = built(fixed, &terms, unit);
        let tariff = tariff.with_rate("asked", rate).unwrap();
        // An amount near what the others cost, so that much of it is not simply too little or too much.
        let base = if loose { Ok(unit.zero()) } else { tariff.ceiling(&others, unit) };
        let others = others.with("asked", own);
        let spare = i64::try_from(spare >> 1).unwrap();
        let steps = base.map_or(0, Amount::minor).saturating_add(spare);
        let covered = tariff.covers(unit.minor(steps), "asked", &others).unwrap();
        prop_assert_eq!(covered.places(), 0);
        let amount = halves(2 * i128::from(steps));
        let fits = |count: u128| {
            let one = term(rate, 1_u64.into(), unit);
            exact.plus(&one.times(count)).order(&amount).is_le()
        };
        let count = u128::from(covered.digits());
        prop_assert!(fits(count) || count == 0, "{covered} does not fit");
        prop_assert!(!fits(count + 1) || covered == Quantity::MAX, "more than {covered} fits");
        if !fits(0) {
            return Ok(());
        }
        // The same through the public methods, in every mode; also for a part of it.
        let check = |quantity: Quantity| -> Result<(), TestCaseError> {
            let usage = others.clone().with("asked", quantity);
            prop_assert!(tariff.ceiling(&usage, unit).unwrap().minor() <= steps);
            for mode in MODES {
                let charge = tariff.clone().rounding(mode).charge(&usage, unit).unwrap();
                prop_assert!(charge.minor() <= steps);
            }
            Ok(())
        };
        check(covered)?;
        check(Quantity::from(covered.digits() / 2))?;
        check(Quantity::from_parts(covered.digits(), 9).unwrap())?;
        if let Some(more) = covered.digits().checked_add(1) {
            let usage = others.clone().with("asked", more);
            prop_assert!(tariff.ceiling(&usage, unit).map_or(true, |ceiling| ceiling.minor() > steps));
        }
    }
}
