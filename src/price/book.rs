//! Tariffs by name, and what happens to a name that is not among them.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use super::{PriceError, Tariff};
use crate::amount::Unit;
use crate::text::quoted;

/// What a name costs that the [`PriceBook`] does not know.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
#[allow(clippy::large_enum_variant, reason = "a book has one of it, and only while it is made")]
pub enum UnknownPrice {
    /// It is not sold: asking for its tariff is an error.
    #[default]
    Refuse,
    /// It is free, whatever is used.
    Free,
    /// It costs what this tariff says.
    Fallback(Tariff),
}

/// Tariffs by name, all in one [`Unit`]. There is a [JSON form](Self::from_json) to keep it in.
///
/// ```
/// use billing_guard::{PriceBook, Tariff, Unit, Usage};
///
/// let book = PriceBook::new(Unit::new("USD", 6)?)
///     .with("query", Tariff::new().fixed("0.002")?)?
///     .with("export", Tariff::new().per_thousand("rows", "0.05")?)?;
///
/// let usage = Usage::new().with("rows", 400_u64);
/// assert_eq!(book.tariff("export")?.charge(&usage, book.unit())?.human().to_string(), "0.02 USD");
/// assert!(book.tariff("import").is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceBook {
    pub(super) unit: Unit,
    pub(super) tariffs: HashMap<String, Arc<Tariff>>,
    /// The tariff of every unknown name; without one they are refused.
    pub(super) unknown: Option<Arc<Tariff>>,
}

impl PriceBook {
    /// The most tariffs.
    pub const MAX_TARIFFS: usize = 100_000;
    /// The longest name, in bytes.
    pub const MAX_NAME: usize = 256;

    /// A book without tariffs, which refuses every name.
    #[must_use]
    pub fn new(unit: Unit) -> Self {
        Self { unit, tariffs: HashMap::new(), unknown: None }
    }

    /// The same with one more tariff.
    ///
    /// A name is 1 to 256 bytes of any text without control characters: `gpt-4o`, `azure/eu/gpt-4o@2024-08-06`. Names
    /// are compared byte by byte.
    ///
    /// # Errors
    /// [`PriceError::InvalidName`], [`PriceError::DuplicateName`] or [`PriceError::TooManyTariffs`].
    pub fn with(mut self, name: impl Into<String>, tariff: Tariff) -> Result<Self, PriceError> {
        let name = name.into();
        if self.tariffs.contains_key(&name) {
            return Err(PriceError::DuplicateName { name: quoted(&name) });
        }
        self.set(name, tariff)?;
        Ok(self)
    }

    /// Adds a tariff, or replaces the one of this name and returns what it was: how a price of an imported table is
    /// corrected. On an error nothing changes.
    ///
    /// Who already has the old tariff keeps it: work in progress is charged at the price it started with.
    ///
    /// ```
    /// # use billing_guard::{PriceBook, Tariff, Unit};
    /// let mut book = PriceBook::new(Unit::new("USD", 6)?).with("query", Tariff::new().fixed("0.002")?)?;
    /// let before = book.set("query", Tariff::new().fixed("0.003")?)?;
    /// assert_eq!(before.and_then(|tariff| tariff.fixed_price()), Some("0.002".parse()?));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`PriceError::InvalidName`] or [`PriceError::TooManyTariffs`].
    pub fn set(
        &mut self,
        name: impl Into<String>,
        tariff: Tariff,
    ) -> Result<Option<Arc<Tariff>>, PriceError> {
        let name = name.into();
        if name.is_empty() || name.len() > Self::MAX_NAME || name.chars().any(char::is_control) {
            return Err(PriceError::InvalidName { name: quoted(&name) });
        }
        let count = self.tariffs.len();
        match self.tariffs.entry(name) {
            Entry::Occupied(mut slot) => Ok(Some(slot.insert(Arc::new(tariff)))),
            Entry::Vacant(slot) if count >= Self::MAX_TARIFFS => {
                Err(PriceError::TooManyTariffs { name: quoted(slot.key()) })
            }
            Entry::Vacant(slot) => {
                slot.insert(Arc::new(tariff));
                Ok(None)
            }
        }
    }

    /// The same with this policy for names it does not know. Without it they are refused.
    ///
    /// ```
    /// # use billing_guard::{PriceBook, Tariff, Unit, UnknownPrice};
    /// let dearest = Tariff::new().per_million("input_tokens", "30")?;
    /// let book = PriceBook::new(Unit::new("USD", 6)?).unknown(UnknownPrice::Fallback(dearest));
    /// assert!(book.tariff("released-yesterday").is_ok());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn unknown(mut self, policy: UnknownPrice) -> Self {
        self.unknown = match policy {
            UnknownPrice::Refuse => None,
            UnknownPrice::Free => Some(Arc::new(Tariff::free())),
            UnknownPrice::Fallback(tariff) => Some(Arc::new(tariff)),
        };
        self
    }

    /// The tariff of this name, or what the policy says for a name the book does not know. Cheap: nothing is copied.
    ///
    /// # Errors
    /// [`PriceError::UnknownPrice`] naming it.
    pub fn tariff(&self, name: &str) -> Result<Arc<Tariff>, PriceError> {
        self.tariffs
            .get(name)
            .or(self.unknown.as_ref())
            .cloned()
            .ok_or_else(|| PriceError::UnknownPrice { name: quoted(name) })
    }

    /// Whether the book has a tariff of its own for this name.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.tariffs.contains_key(name)
    }

    /// All names, in no particular order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tariffs.keys().map(String::as_str)
    }

    /// How many tariffs there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tariffs.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tariffs.is_empty()
    }

    /// The unit that all its prices are in.
    #[must_use]
    pub const fn unit(&self) -> Unit {
        self.unit
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usage::{Quantity, Usage};

    fn book() -> PriceBook {
        PriceBook::new(Unit::new("USD", 6).unwrap())
    }

    fn query() -> Tariff {
        Tariff::new().fixed("0.002").unwrap()
    }

    #[test]
    fn a_name_has_limits_on_both_sides() {
        let longest = "ä".repeat(128);
        for name in ["a", "azure/eu/gpt-4o@2024:08.06", "two words", "模型", &longest] {
            assert!(book().with(name, query()).unwrap().tariff(name).is_ok(), "{name}");
        }
        let long = "n".repeat(257);
        for name in ["", "a\nb", "a\0", "\u{85}", &long] {
            let error = book().with(name, query()).unwrap_err();
            assert_eq!(error, PriceError::InvalidName { name: quoted(name) });
        }
    }

    #[test]
    fn a_second_tariff_of_a_name_is_refused_and_set_replaces() {
        let mut book = book().with("query", query()).unwrap();
        let error = book.clone().with("query", Tariff::free()).unwrap_err();
        assert!(error.to_string().contains("query"));
        let held = book.tariff("query").unwrap();
        assert_eq!(book.set("query", Tariff::free()).unwrap().as_deref(), Some(&query()));
        assert_eq!((book.len(), book.names().collect::<Vec<_>>()), (1, vec!["query"]));
        assert_eq!(*held, query());
        assert_eq!(*book.tariff("query").unwrap(), Tariff::free());
    }

    #[test]
    fn the_book_is_full_at_its_limit() {
        let mut book = book();
        for index in 0..PriceBook::MAX_TARIFFS {
            book.set(index.to_string(), Tariff::new()).unwrap();
        }
        let error = book.set("one more", Tariff::new()).unwrap_err();
        assert_eq!(error, PriceError::TooManyTariffs { name: quoted("one more") });
        assert_eq!(book.len(), PriceBook::MAX_TARIFFS);
        // Replacing is still possible.
        assert!(book.set("7", query()).unwrap().is_some());
    }

    #[test]
    fn an_unknown_name_follows_the_policy() {
        let usage = Usage::new().with("anything", u64::MAX);
        let book = book().with("query", query()).unwrap();
        let error = book.tariff("no\nsuch").unwrap_err();
        assert_eq!(error.to_string(), r#"the price book has no tariff named "no\nsuch""#);
        let free = book.clone().unknown(UnknownPrice::Free).tariff("other").unwrap();
        let unit = book.unit();
        assert!(free.charge(&usage, unit).unwrap().is_zero());
        assert_eq!(free.covers(unit.zero(), "anything", &usage).unwrap(), Quantity::MAX);
        let fallback = book.clone().unknown(UnknownPrice::Fallback(query()));
        assert_eq!(*fallback.tariff("other").unwrap(), query());
        assert!(!fallback.contains("other"));
        assert!(fallback.unknown(UnknownPrice::Refuse).tariff("other").is_err());
    }
}
