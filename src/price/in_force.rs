//! Other prices that take the place of a tariff's own, and which of them are in force.

use std::sync::Arc;

use super::matrix::{Lookup, Matrix};
use super::when::{Holds, When};
use super::{PriceError, Tariff};
use crate::clock::{Clock, Timestamp};
use crate::id::Labels;

impl Tariff {
    /// The same with another tariff whose prices take the place of all of these when something holds: a threshold that
    /// reprices the whole request, a time of the day, a date, a label. Of several the first that holds is taken, in the
    /// order stated; inside it the same goes on. Work has no labels unless they are [given](Self::at).
    ///
    /// Nothing of this tariff goes for the other but how charges are rounded: what is fixed, free, discounted or
    /// [part of](Self::part_of) something is stated once more, and so is a price for every quantity that may be used.
    ///
    /// ```
    /// # use billing_guard::{Labels, Tariff, Timestamp, Unit, Usage, When};
    /// # use std::sync::Arc;
    /// let tariff = Tariff::new()
    ///     .per_unit("calls", "0.10")?
    ///     .with_other(When::labelled("tier", "batch"), Tariff::new().per_unit("calls", "0.05")?)?
    ///     .with_other(When::daily("22:00", "06:00")?, Tariff::new().per_unit("calls", "0.08")?)?;
    /// let (tariff, usd) = (Arc::new(tariff), Unit::new("USD", 2)?);
    /// let night: Timestamp = "2025-06-01T23:30:00.000000Z".parse()?;
    /// let ten = Usage::new().with("calls", 10_u64);
    /// assert_eq!(tariff.at(night, &Labels::default()).charge(&ten, usd)?, usd.amount("0.80")?);
    /// assert_eq!(tariff.at(night, &Labels::new([("tier", "batch")])?).charge(&ten, usd)?, usd.amount("0.50")?);
    /// // At a moment that is not known it is the dearest that it can be.
    /// assert!(tariff.charge(&ten, usd).is_err());
    /// assert_eq!(tariff.ceiling(&ten, usd)?, usd.amount("1")?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`PriceError::TooManyAlternatives`], [`PriceError::TooDeep`], or if the condition could never hold
    /// [`PriceError::InvalidQuantityName`], [`PriceError::Usage`] or [`PriceError::Label`].
    pub fn with_other(mut self, when: When, other: Self) -> Result<Self, PriceError> {
        when.check()?;
        if self.alternatives.len() >= Self::MAX_ALTERNATIVES {
            return Err(PriceError::TooManyAlternatives);
        }
        if other.depth() >= Self::MAX_DEPTH {
            return Err(PriceError::TooDeep);
        }
        self.alternatives.push((when, Arc::new(other)));
        Ok(self)
    }

    /// The same with prices by labels, in the place of all of these: a price for each region and size, say. Work whose labels
    /// the matrix does not list, and work without labels, has the tariff's own prices; if the tariff states none, that is
    /// an error that names them. The [other prices](Self::with_other) that are stated for a threshold or a moment are
    /// looked at first. A matrix stated later replaces this one.
    ///
    /// ```
    /// # use billing_guard::{Labels, Matrix, Tariff, Timestamp, Unit, Usage};
    /// # use std::sync::Arc;
    /// let hours = |price: &str| Tariff::new().per_unit("hours", price);
    /// let matrix = Matrix::by(["region", "size"])?
    ///     .with(["eu", "small"], hours("0.02")?)?
    ///     .with(["eu", "large"], hours("0.08")?)?
    ///     .with(["us", "small"], hours("0.01")?)?;
    /// let tariff = Arc::new(Tariff::new().with_matrix(matrix));
    /// let (usd, ten) = (Unit::new("USD", 2)?, Usage::new().with("hours", 10_u64));
    /// let of = |region, size| -> Result<_, Box<dyn std::error::Error>> {
    ///     let labels = Labels::new([("region", region), ("size", size)])?;
    ///     Ok(tariff.at(Timestamp::default(), &labels).charge(&ten, usd)?)
    /// };
    /// assert_eq!((of("eu", "large")?, of("us", "small")?), (usd.amount("0.80")?, usd.amount("0.10")?));
    /// let error = of("us", "large").unwrap_err().to_string();
    /// assert_eq!(error, r#"there is no price for region "us", size "large""#);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn with_matrix(mut self, matrix: Matrix) -> Self {
        self.matrix = Some(Lookup::Open(Arc::new(matrix)));
        self
    }

    /// Whether there are prices for work with the labels it has: none, unless they were given.
    pub(super) fn check_listed(&self) -> Result<(), PriceError> {
        let Some(lookup) = &self.matrix else {
            return Ok(());
        };
        match lookup.without(self.has_prices(), &Labels::default()) {
            Some(Lookup::Unlisted(labels)) => Err(PriceError::UnlistedLabels { labels }),
            _ => Ok(()),
        }
    }

    /// The prices in force at this moment, for work with these labels. What is left to depend on is how much is used.
    ///
    /// Cheap if nothing depends on the moment or on labels.
    #[must_use]
    pub fn at(self: &Arc<Self>, moment: Timestamp, labels: &Labels) -> Arc<Self> {
        self.between(moment, moment, labels)
    }

    /// The prices in force for work that begins and ends between these moments. If they change in between it has no
    /// [charge](Self::charge) yet, but a [ceiling](Self::ceiling): at the dearer prices.
    ///
    /// ```
    /// # use billing_guard::{Labels, Tariff, Timestamp, Unit, Usage, When};
    /// # use std::sync::Arc;
    /// let cheap = Tariff::new().per_unit("calls", "0.08")?;
    /// let tariff = Arc::new(Tariff::new().per_unit("calls", "0.10")?.with_other(When::daily("22:00", "06:00")?, cheap)?);
    /// let moment = |time: &str| format!("2025-06-01T{time}:00.000000Z").parse::<Timestamp>();
    /// let (usd, ten) = (Unit::new("USD", 2)?, Usage::new().with("calls", 10_u64));
    /// let ceiling = |from, until| tariff.between(from, until, &Labels::default()).ceiling(&ten, usd);
    /// assert_eq!(ceiling(moment("22:00")?, moment("23:00")?)?, usd.amount("0.80")?);
    /// assert_eq!(ceiling(moment("05:00")?, moment("07:00")?)?, usd.amount("1")?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn between(self: &Arc<Self>, from: Timestamp, until: Timestamp, labels: &Labels) -> Arc<Self> {
        if self.is_settled() {
            return Arc::clone(self);
        }
        let (mut kept, mut decided) = (Vec::new(), None);
        for (when, other) in &self.alternatives {
            match when.holds(from, until, labels) {
                Holds::No => {}
                Holds::Perhaps => kept.push((when.clone(), other.between(from, until, labels))),
                Holds::Yes => {
                    decided = Some(other.between(from, until, labels));
                    break;
                }
            }
        }
        // Labels are known: if nothing else decided, they do.
        let decided = decided.or_else(|| {
            let found = self.matrix.as_ref()?.found(labels)?;
            let found = match &self.after {
                Some(used) => Arc::new(Self::clone(found).after(used.clone())),
                None => Arc::clone(found),
            };
            Some(found.between(from, until, labels))
        });
        let mut settled = match decided {
            None => Self {
                alternatives: Vec::new(),
                matrix: self.matrix.as_ref().and_then(|lookup| lookup.without(self.has_prices(), labels)),
                ..Self::clone(self)
            },
            Some(other) => Self { rounding: self.rounding, ..Self::clone(&other) },
        };
        // Those stated before what holds come first.
        kept.append(&mut settled.alternatives);
        settled.alternatives = kept;
        Arc::new(settled)
    }

    /// The prices in force now, looking at the clock only if something depends on it.
    pub(crate) fn in_force(self: &Arc<Self>, clock: &dyn Clock, labels: &Labels) -> Arc<Self> {
        if self.is_settled() { Arc::clone(self) } else { self.at(clock.now(), labels) }
    }

    /// How deep its other prices are nested.
    pub(super) fn depth(&self) -> usize {
        let others = self.alternatives.iter().map(|(_, other)| other.depth().saturating_add(1));
        let matrix = match &self.matrix {
            Some(Lookup::Open(matrix)) => matrix.depth(),
            _ => 0,
        };
        others.max().unwrap_or(0).max(matrix)
    }

    /// Whether nothing depends on the moment or on labels.
    fn is_settled(&self) -> bool {
        let is_open = self.matrix.as_ref().is_some_and(Lookup::is_open);
        !is_open && self.alternatives.iter().all(|(when, other)| when.is_about_usage() && other.is_settled())
    }

    /// Whether the moment decides what is charged, if work has no labels.
    fn depends_on_time(&self) -> bool {
        let counts = |when: &When| !matches!(when.holds_for(&[]), Holds::No) || when.is_about_usage();
        let others = self.alternatives.iter().filter(|(when, _)| counts(when));
        others.into_iter().any(|(when, other)| when.is_about_time() || other.depends_on_time())
    }

    pub(super) fn check_settled(&self) -> Result<(), PriceError> {
        if self.depends_on_time() { Err(PriceError::Unsettled) } else { Ok(()) }
    }
}
