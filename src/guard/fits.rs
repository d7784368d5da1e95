//! How much of a job would fit into what there is.

use super::estimate::{Estimate, Start};
use super::job::Job;
use crate::amount::Amount;
use crate::refusal::Fit;
use crate::usage::Quantity;

/// For each bounded quantity of a checked job, how much of it `spendable` pays for with every other quantity in full, or as
/// much of it as is held for at first, in whole numbers. A quantity of which nothing would fit, or less than the job says would do, is left out, so that a
/// request for what is named is not refused again for being too small. Nothing is named if the job fits as it is.
pub(crate) fn fits(job: &Job, estimate: &Estimate, spendable: Amount) -> Vec<Fit> {
    job.bounded()
        .filter_map(|(name, least, most)| {
            // The job was priced by this tariff, so it can be again; could it not, nothing would be known to fit.
            let others = job.extents_from(&estimate.starts);
            let covered = estimate.tariff.covers_with(spendable, name, &others).unwrap_or(Quantity::ZERO);
            // Asked for no more than this, it would be held for no more than this.
            let held = Start::of(&estimate.starts, name).map_or(most, |start| start.first);
            let fits = !covered.is_zero() && covered >= least && covered < held;
            fits.then(|| Fit::new(name.clone(), covered))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::amount::Unit;
    use crate::clock::ManualClock;
    use crate::price::{PriceBook, Tariff};
    use proptest::prelude::*;

    fn usd() -> Unit {
        Unit::new("USD", 2).unwrap()
    }

    /// A cent to begin with, ten cents a row, one cent an image; looks cost nothing.
    fn tariff() -> Tariff {
        let tariff = Tariff::new().fixed("0.01").unwrap().per_unit("rows", "0.10").unwrap();
        tariff.per_unit("images", "0.01").unwrap().per_unit("looks", "0").unwrap()
    }

    fn estimated(job: &Job, tariff: &Tariff) -> Estimate {
        let prices = PriceBook::new(usd()).with("query", tariff.clone()).unwrap();
        job.estimate_at("query", Vec::new(), &prices, &ManualClock::new()).unwrap()
    }

    fn fits(job: &Job, tariff: &Tariff, spendable: Amount) -> Vec<Fit> {
        super::fits(job, &estimated(job, tariff), spendable)
    }

    fn named(fits: &[Fit]) -> Vec<(&str, u64)> {
        fits.iter().map(|fit| (fit.name.as_ref(), fit.quantity.whole())).collect()
    }

    #[test]
    fn each_bounded_quantity_with_all_others_in_full() {
        let job = Job::new("query").at_most("rows", 20_u64).exact("images", 50_u64).at_most("looks", 9_u64);
        for (minor, fit) in [
            (251, vec![]),
            (250, vec![("rows", 19)]),
            (61, vec![("rows", 1)]),
            (60, vec![]),
            (0, vec![]),
            (-5, vec![]),
        ] {
            assert_eq!(named(&fits(&job, &tariff(), usd().minor(minor))), fit, "{minor}");
        }
        let two = Job::new("query").at_most("rows", 20_u64).at_most("images", 50_u64);
        assert_eq!(named(&fits(&two, &tariff(), usd().minor(240))), [("rows", 18), ("images", 39)]);
        assert_eq!(named(&fits(&two, &tariff(), usd().minor(200))), [("rows", 14)]);
    }

    #[test]
    fn what_would_not_do_does_not_fit() {
        let job = |least: u64| Job::new("query").at_most("rows", 20_u64).down_to("rows", least);
        assert_eq!(named(&fits(&job(7), &tariff(), usd().minor(71))), [("rows", 7)]);
        assert_eq!(fits(&job(8), &tariff(), usd().minor(71)), []);
    }

    #[test]
    fn where_more_costs_less_everything_up_to_it_fits() {
        // Ten cents each to ten rows, five cents each of all of them beyond.
        let tiers = crate::price::Tiers::new().up_to(10_u64, "0.10").unwrap().beyond("0.05").unwrap();
        let tariff = Tariff::new().volume("rows", tiers).unwrap().per_unit("images", "0.01").unwrap();
        let estimate = |job: &Job| estimated(job, &tariff).first.minor();
        let job = Job::new("query").at_most("rows", 15_u64);
        assert_eq!((estimate(&job), estimate(&Job::new("query").exact("rows", 15_u64))), (100, 75));
        assert_eq!(named(&fits(&job, &tariff, usd().minor(99))), [("rows", 9)]);
        assert_eq!(named(&fits(&job, &tariff, usd().minor(100))), []);
        // What is exact is not varied: 75 for the rows, and the rest for images.
        let job = Job::new("query").exact("rows", 15_u64).at_most("images", 50_u64);
        assert_eq!(named(&fits(&job, &tariff, usd().minor(80))), [("images", 5)]);
    }

    proptest! {
        #[test]
        fn what_fits_is_the_most_that_does(
            rows in 0..40_u64,
            images in 0..400_u64,
            spendable in -10..600_i64,
        ) {
            let job = Job::new("query").at_most("rows", rows).at_most("images", images);
            let found = fits(&job, &tariff(), usd().minor(spendable));
            let cost = |rows: u64, images: u64| i64::try_from(1 + 10 * rows + images).unwrap();
            let naive = |most: u64, cost: &dyn Fn(u64) -> i64| {
                (1..=most).rev().find(|count| cost(*count) <= spendable).filter(|count| *count < most)
            };
            let wanted: Vec<_> = [
                ("rows", naive(rows, &|rows| cost(rows, images))),
                ("images", naive(images, &|images| cost(rows, images))),
            ]
            .into_iter()
            .filter_map(|(name, count)| Some((name, count?)))
            .collect();
            prop_assert_eq!(named(&found), wanted);
        }
    }
}
