//! Prices for packages of a quantity.

use super::line::{Sum, Why};
use super::{PriceError, Rate};
use crate::usage::Quantity;

/// A price for so many of a quantity at once: 15 dollars for each 10,000 calls.
///
/// A package that is begun is owed in full, unless only [whole packages](Self::whole_only) are.
///
/// ```
/// use billing_guard::{Package, Tariff, Unit, Usage};
///
/// let tariff = Tariff::new().package("calls", Package::of(100_u64, "1.50")?.with_free(50_u64))?;
/// let usd = Unit::new("USD", 2)?;
/// let charge = |calls: u64| tariff.charge(&Usage::new().with("calls", calls), usd);
/// assert_eq!(charge(50)?, usd.amount("0")?);
/// assert_eq!(charge(51)?, usd.amount("1.50")?);
/// assert_eq!(charge(151)?, usd.amount("3")?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Package {
    pub(super) size: Quantity,
    pub(super) price: Rate,
    pub(super) free: Quantity,
    pub(super) whole_only: bool,
}

impl Package {
    /// Packages of this size at this price.
    ///
    /// # Errors
    /// [`PriceError::EmptyPackage`], [`PriceError::InvalidRate`] or [`PriceError::InexactRate`].
    pub fn of(size: impl Into<Quantity>, price: &str) -> Result<Self, PriceError> {
        let size = size.into();
        if size.is_zero() {
            return Err(PriceError::EmptyPackage);
        }
        Ok(Self { size, price: price.parse()?, free: Quantity::ZERO, whole_only: false })
    }

    /// The same with so much for nothing, before the first package begins.
    #[must_use]
    pub fn with_free(mut self, quantity: impl Into<Quantity>) -> Self {
        self.free = quantity.into();
        self
    }

    /// The same, except that a package is owed only when it is used up: the number of packages is rounded down.
    ///
    /// ```
    /// # use billing_guard::{Package, Tariff, Unit, Usage};
    /// let tariff = Tariff::new().package("calls", Package::of(100_u64, "1.50")?.whole_only())?;
    /// let charge = tariff.charge(&Usage::new().with("calls", 199_u64), Unit::new("USD", 2)?)?;
    /// assert_eq!(charge.human().to_string(), "1.50 USD");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn whole_only(mut self) -> Self {
        self.whole_only = true;
        self
    }

    /// Adds the packages that are owed for a quantity that comes after another, beside those owed for that.
    pub(super) fn add(
        &self,
        name: &str,
        after: Quantity,
        quantity: Quantity,
        sum: &mut Sum,
    ) -> Result<(), PriceError> {
        let all = after.checked_add(quantity).and_then(|all| self.count(all));
        let count = all.zip(self.count(after)).and_then(|(all, before)| all.checked_sub(before));
        let count = count.ok_or_else(|| sum.overflow(name, quantity))?;
        sum.add(name, Quantity::from(count), self.price, Why::Package { size: self.size })
    }

    /// How many packages are owed; `None` if that is beyond 64 bits.
    fn count(&self, quantity: Quantity) -> Option<u64> {
        if quantity <= self.free {
            return Some(0);
        }
        let (whole, rest) = quantity.checked_sub(self.free)?.divided_by(self.size)?;
        whole.checked_add(u64::from(rest && !self.whole_only))
    }
}
