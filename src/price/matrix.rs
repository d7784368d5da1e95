//! Prices by the values of labels.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{PriceError, Tariff};
use crate::id::Labels;
use crate::text::quoted;

/// Prices by the values of one or more labels: a tariff for each combination that is sold.
///
/// What becomes of a combination that is not listed says the tariff that it is [put into](Tariff::with_matrix).
///
/// ```
/// use billing_guard::{Matrix, Tariff};
///
/// let matrix = Matrix::by(["region", "size"])?
///     .with(["eu", "small"], Tariff::new().per_unit("hours", "0.02")?)?
///     .with(["eu", "large"], Tariff::new().per_unit("hours", "0.08")?)?;
/// assert_eq!(matrix.len(), 2);
/// assert!(matrix.with(["eu", "small"], Tariff::free()).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matrix {
    labels: Vec<String>,
    /// By the values in the order of the labels, each with a character after it that stands in no label.
    rows: BTreeMap<String, Arc<Tariff>>,
}

/// What a tariff has of a matrix: all of it, or, once the labels are known, that it does not have them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Lookup {
    Open(Arc<Matrix>),
    /// These labels have no price.
    Unlisted(String),
}

const END: char = '\n';

impl Matrix {
    /// The most combinations.
    pub const MAX: usize = 10_000;

    /// A matrix of prices by these labels, without any price yet.
    ///
    /// # Errors
    /// [`PriceError::InvalidMatrix`] for none or more than [8](Labels::MAX) labels, for one that comes twice, and for one that
    /// cannot be the name of a [label](Labels).
    pub fn by<N: Into<String>>(labels: impl IntoIterator<Item = N>) -> Result<Self, PriceError> {
        let labels: Vec<String> = labels.into_iter().map(Into::into).collect();
        let invalid = |problem| Err(PriceError::InvalidMatrix { what: quoted(&labels.join(", ")), problem });
        if labels.is_empty() || labels.len() > Labels::MAX {
            return invalid("a matrix has 1 to 8 labels");
        }
        match Labels::new(labels.iter().map(|name| (name.as_str(), ""))) {
            Err(_) => return invalid("it is no name of a label"),
            Ok(distinct) if distinct.iter().count() < labels.len() => return invalid("a label comes once"),
            Ok(_) => {}
        }
        Ok(Self { labels, rows: BTreeMap::new() })
    }

    /// The same with the prices for work whose labels have these values, in the order in which the labels were stated.
    ///
    /// # Errors
    /// [`PriceError::InvalidMatrix`] for more or fewer values than labels, for values that labels cannot have, for a
    /// combination that is there already, and for one too many; [`PriceError::TooDeep`].
    pub fn with<V: Into<String>>(
        mut self,
        values: impl IntoIterator<Item = V>,
        prices: Tariff,
    ) -> Result<Self, PriceError> {
        let values: Vec<String> = values.into_iter().map(Into::into).collect();
        self.add(&values, prices)?;
        Ok(self)
    }

    /// The same for a matrix that is still being made. On an error nothing changes.
    pub(super) fn add(&mut self, values: &[String], prices: Tariff) -> Result<(), PriceError> {
        let invalid = |problem| Err(PriceError::InvalidMatrix { what: quoted(&values.join(", ")), problem });
        if values.len() != self.labels.len() {
            return invalid("a combination has one value for each label");
        }
        let pairs = self.labels.iter().zip(values);
        if Labels::new(pairs.map(|(name, value)| (name.as_str(), value.as_str()))).is_err() {
            return invalid("it is no value of a label");
        }
        if prices.depth() >= Tariff::MAX_DEPTH {
            return Err(PriceError::TooDeep);
        }
        if self.rows.len() >= Self::MAX {
            return invalid("a matrix has at most 10,000 combinations");
        }
        let key = key(values.iter().map(|value| Some(value.as_str())));
        if key.as_ref().is_some_and(|key| self.rows.contains_key(key)) {
            return invalid("it is there already");
        }
        self.rows.extend(key.map(|key| (key, Arc::new(prices))));
        Ok(())
    }

    /// How many combinations there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The labels by which prices are looked up.
    pub fn labels(&self) -> impl Iterator<Item = &str> {
        self.labels.iter().map(String::as_str)
    }

    /// How deep other prices are nested in it.
    pub(super) fn depth(&self) -> usize {
        self.rows.values().map(|prices| prices.depth().saturating_add(1)).max().unwrap_or(0)
    }

    /// All combinations with their prices, in the order of their values.
    pub fn rows(&self) -> impl Iterator<Item = (Vec<&str>, &Tariff)> {
        self.rows.iter().map(|(key, prices)| (key.split_terminator(END).collect(), &**prices))
    }
}

impl Lookup {
    /// Whether it waits for labels.
    pub(super) const fn is_open(&self) -> bool {
        matches!(self, Self::Open(_))
    }

    /// The prices of work with these labels.
    pub(super) fn found(&self, labels: &Labels) -> Option<&Arc<Tariff>> {
        let Self::Open(matrix) = self else {
            return None;
        };
        matrix.rows.get(&key(matrix.labels.iter().map(|name| labels.get(name)))?)
    }

    /// What is left of it for labels that are not in it: nothing if the tariff has prices of its own.
    pub(super) fn without(&self, has_prices: bool, labels: &Labels) -> Option<Self> {
        let Self::Open(matrix) = self else {
            return Some(self.clone());
        };
        let named = |name: &String| match labels.get(name) {
            Some(value) => format!("{name} {}", quoted(value)),
            None => format!("no {name}"),
        };
        let unlisted = || matrix.labels.iter().map(named).collect::<Vec<_>>().join(", ");
        (!has_prices).then(|| Self::Unlisted(unlisted()))
    }
}

/// `None` if one of them is missing.
fn key<'a>(values: impl IntoIterator<Item = Option<&'a str>>) -> Option<String> {
    values.into_iter().try_fold(String::new(), |mut key, value| {
        key.push_str(value?);
        key.push(END);
        Some(key)
    })
}

#[cfg(test)]
mod tests {
    use super::super::When;
    use super::*;
    use crate::amount::Unit;
    use crate::clock::Timestamp;
    use crate::usage::{Quantity, Usage};

    fn usd() -> Unit {
        Unit::new("USD", 3).unwrap()
    }

    fn hours(price: u64) -> Tariff {
        Tariff::new().per_unit("hours", &format!("{price}e-3")).unwrap()
    }

    /// Every combination has a price of its own.
    fn grid() -> Matrix {
        let rows = (0..20_u64).flat_map(|region| (0..50_u64).map(move |size| (region, size)));
        rows.fold(Matrix::by(["region", "size"]).unwrap(), |matrix, (region, size)| {
            let values = [format!("region {region}"), format!("size {size}")];
            matrix.with(values, hours(1 + region * 50 + size)).unwrap()
        })
    }

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        Labels::new(pairs.iter().copied()).unwrap()
    }

    fn charge(tariff: &Arc<Tariff>, labels: &Labels, usage: &Usage) -> Result<i64, PriceError> {
        tariff.at(Timestamp::default(), labels).charge(usage, usd()).map(crate::amount::Amount::minor)
    }

    #[test]
    fn each_combination_has_its_price() {
        let matrix = grid();
        assert_eq!((matrix.len(), matrix.rows().count()), (1_000, 1_000));
        let tariff = Arc::new(Tariff::new().with_matrix(matrix));
        let two = Usage::new().with("hours", 2_u64);
        for (region, size) in [(0_u64, 0_u64), (7, 31), (19, 49)] {
            let (region_name, size_name) = (format!("region {region}"), format!("size {size}"));
            // More labels than are asked for, and in another order.
            let of = labels(&[("user", "ana"), ("size", &size_name), ("region", &region_name)]);
            let wanted = i64::try_from(2 * (1 + region * 50 + size)).unwrap();
            assert_eq!(charge(&tariff, &of, &two), Ok(wanted));
            let tariff = tariff.at(Timestamp::default(), &of);
            assert_eq!(tariff.ceiling(&two, usd()).unwrap().minor(), wanted);
            let covered = tariff.covers(usd().minor(wanted), "hours", &Usage::new()).unwrap();
            assert_eq!(covered, Quantity::from(2_u64));
            assert!(Arc::ptr_eq(&tariff, &tariff.at(Timestamp::default(), &Labels::default())));
        }
    }

    #[test]
    fn what_is_not_listed_has_the_prices_of_the_tariff_or_is_named() {
        let matrix = Matrix::by(["region", "size"]).unwrap().with(["eu", "small"], hours(5)).unwrap();
        let refusing = Arc::new(Tariff::new().with_matrix(matrix.clone()));
        let (one, none) = (Usage::new().with("hours", 1_u64), Usage::new());
        for (pairs, wanted) in [
            (
                &[("region", "us"), ("size", "small")][..],
                r#"there is no price for region "us", size "small""#,
            ),
            (&[("size", "small")][..], r#"there is no price for no region, size "small""#),
            (&[][..], "there is no price for no region, no size"),
        ] {
            for usage in [&one, &none] {
                let error = charge(&refusing, &labels(pairs), usage).unwrap_err();
                assert_eq!(error.to_string(), wanted);
            }
            let settled = refusing.at(Timestamp::default(), &labels(pairs));
            assert!(settled.ceiling(&one, usd()).is_err());
            assert!(settled.covers(usd().minor(9), "hours", &none).is_err());
        }
        // Work has no labels unless they are given.
        assert!(matches!(refusing.charge(&one, usd()), Err(PriceError::UnlistedLabels { .. })));
        let other = Arc::new(hours(9).with_matrix(matrix.clone()));
        assert_eq!(charge(&other, &labels(&[("region", "eu"), ("size", "small")]), &one), Ok(5));
        assert_eq!(charge(&other, &labels(&[("region", "eu"), ("size", "large")]), &one), Ok(9));
        assert_eq!(other.charge(&one, usd()).unwrap().minor(), 9);
        assert_eq!(charge(&Arc::new(Tariff::free().with_matrix(matrix)), &labels(&[]), &one), Ok(0));
    }

    #[test]
    fn thresholds_and_windows_go_with_it_on_both_sides() {
        let row = hours(20).with_other(When::above(["hours"], 10_u64), hours(10)).unwrap();
        let row = row.with_other(When::daily("22:00", "06:00").unwrap(), hours(7)).unwrap();
        let matrix = Matrix::by(["region"]).unwrap().with(["eu"], row).unwrap();
        let tariff = hours(50).with_other(When::above(["hours"], 100_u64), hours(1)).unwrap();
        let tariff = Arc::new(tariff.with_matrix(matrix));
        let (eu, none) = (labels(&[("region", "eu")]), Labels::default());
        let of = |moment: &str, labels: &Labels, count: u64| {
            let moment = format!("2025-06-09T{moment}:00.000000Z").parse().unwrap();
            let usage = Usage::new().with("hours", count);
            tariff.at(moment, labels).charge(&usage, usd()).unwrap().minor()
        };
        assert_eq!((of("12:00", &eu, 10), of("12:00", &eu, 11), of("23:00", &eu, 10)), (200, 110, 70));
        assert_eq!(
            (of("12:00", &eu, 101), of("12:00", &none, 101), of("12:00", &none, 100)),
            (101, 101, 5_000)
        );
        let lines = tariff.at(Timestamp::default(), &none);
        assert_eq!(lines.charge_lines(&Usage::new().with("hours", 3_u64), usd()).unwrap().len(), 1);
        // What is dearer from the evening on or before.
        let day = |time: &str| format!("2025-06-09T{time}:00.000000Z").parse::<Timestamp>().unwrap();
        let between = tariff.between(day("21:00"), day("23:00"), &eu);
        let five = Usage::new().with("hours", 5_u64);
        assert_eq!(between.ceiling(&five, usd()).unwrap().minor(), 100);
        assert_eq!(between.charge(&five, usd()), Err(PriceError::Unsettled));
        // What was used before goes on in whatever row is taken.
        let tiers = super::super::Tiers::new().up_to(4_u64, "1").unwrap().beyond("0.5").unwrap();
        let matrix = Matrix::by(["region"]).unwrap();
        let matrix = matrix.with(["eu"], Tariff::new().graduated("hours", tiers).unwrap()).unwrap();
        let later = Tariff::new().with_matrix(matrix).after(Usage::new().with("hours", 3_u64));
        assert_eq!(charge(&Arc::new(later), &eu, &Usage::new().with("hours", 2_u64)), Ok(1_500));
    }

    #[test]
    fn what_cannot_be_in_a_matrix_is_named() {
        let none: [&str; 0] = [];
        let names = |count: usize| (0..count).map(|index| format!("label {index}"));
        assert!(Matrix::by(names(8)).is_ok());
        let error = |result: Result<Matrix, PriceError>| result.unwrap_err().to_string();
        assert!(error(Matrix::by(names(9))).contains("1 to 8 labels"));
        assert!(error(Matrix::by(none)).contains("1 to 8 labels"));
        assert!(error(Matrix::by(["a", "a"])).contains("a label comes once"));
        assert!(error(Matrix::by(["a\nb"])).contains("no name of a label"));
        let matrix = || Matrix::by(["region", "size"]).unwrap().with(["eu", ""], hours(1)).unwrap();
        assert_eq!(matrix().rows().next().unwrap().0, ["eu", ""]);
        assert_eq!(
            error(matrix().with(["eu", ""], hours(2))),
            "\"eu, \" cannot be in the matrix: it is there already"
        );
        assert!(error(matrix().with(["eu"], hours(2))).contains("one value for each label"));
        assert!(error(matrix().with(["eu", "a\nb"], hours(2))).contains("no value of a label"));
        let full = (0..Matrix::MAX).fold(Matrix::by(["size"]).unwrap(), |matrix, size| {
            matrix.with([size.to_string()], Tariff::new()).unwrap()
        });
        assert!(error(full.with(["more"], Tariff::new())).contains("at most 10,000"));
    }
}
