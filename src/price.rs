//! What work costs: tariffs in a price book.
//!
//! A [`Rate`] is the exact price of one unit of something. A [`Tariff`] says how each quantity of one kind of work is
//! priced, per unit, in [`Tiers`], by the [`Package`] or as a [`Percentage`], or by labels in a [`Matrix`], and turns a [`Usage`](crate::Usage) into an
//! [`Amount`](crate::Amount), rounding once, at the end, and into the [`Line`]s that explain it. [`When`] says where the
//! prices of another tariff apply. A [`PriceBook`] keeps tariffs by name and says what happens to a name it does not know; it is
//! read from a [JSON form](PriceBook::from_json) of its own.
//!
//! Nothing here is free by accident: a quantity without a rate and a name without a tariff are errors, unless the
//! tariff or the book says otherwise.

#[cfg(test)]
mod allowances;
mod book;
#[cfg(test)]
mod dearest;
#[cfg(test)]
mod exactness;
mod genai;
mod in_force;
mod json;
mod line;
mod litellm;
mod matrix;
#[cfg(test)]
mod mixtures;
#[cfg(test)]
mod models;
mod object;
mod package;
mod parts;
mod percentage;
mod pricing;
mod rate;
mod schedule;
#[cfg(test)]
mod shares;
mod steps;
mod tariff;
mod terms;
mod tiers;
mod when;

pub use book::{PriceBook, UnknownPrice};
pub use genai::GenaiImport;
pub use json::{BookFault, BookFaults, BookProblem};
pub use line::{Line, Why};
pub use litellm::LitellmImport;
pub use matrix::Matrix;
pub use package::Package;
pub use percentage::Percentage;
pub(crate) use pricing::Bounded;
pub use rate::Rate;
pub use tariff::{Rounding, Tariff};
pub use tiers::Tiers;
pub use when::When;

use crate::amount::Unit;
use crate::period::Weekday;
use crate::usage::UsageError;

/// Why there is no price.
///
/// The texts are for the developers of the service: they name quantities, models and prices.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PriceError {
    /// The text is not a price.
    #[error("{text} is not a price: expected a number that is not negative, as in 0.002 or 2.5e-06")]
    InvalidRate {
        /// The text, quoted and shortened.
        text: String,
    },
    /// The price is a number, but one that cannot be kept exactly.
    #[error(
        "the price {text} cannot be kept exactly: at most {} decimal places, and at most {} when written without the point",
        Rate::MAX_PLACES,
        u64::MAX
    )]
    InexactRate {
        /// The text, quoted and shortened.
        text: String,
    },
    /// The name of a quantity is empty, too long or not visible ASCII.
    #[error("{name} is not the name of a quantity: expected 1 to 64 visible ASCII characters")]
    InvalidQuantityName {
        /// The name, quoted and shortened.
        name: String,
    },
    /// A tariff states two rates for one quantity.
    #[error("the tariff already has a rate for {name}")]
    DuplicateQuantity {
        /// The quantity, quoted.
        name: String,
    },
    /// A tariff states two fixed prices.
    #[error("the tariff already has a fixed price, {stated}")]
    DuplicateFixed {
        /// The price stated first.
        stated: Rate,
    },
    /// Tiers do not go together.
    #[error("the tiers cannot be used: {problem}")]
    InvalidTiers {
        /// The rule that they break.
        problem: &'static str,
    },
    /// A package has nothing in it.
    #[error("a package must have something in it")]
    EmptyPackage,
    /// A minimum is higher than the maximum.
    #[error("the minimum of {minimum} is higher than the maximum of {maximum}")]
    Contradiction {
        /// The minimum.
        minimum: Rate,
        /// The maximum.
        maximum: Rate,
    },
    /// A discount is more than everything.
    #[error("a discount of {percent} percent is more than there is to take")]
    InvalidDiscount {
        /// What was given.
        percent: String,
    },
    /// A discounted sum has more decimal places than are kept.
    #[error("the discounted price cannot be kept exactly")]
    InexactDiscount,
    /// A price would be rounded to more decimal places than any amount has.
    #[error("a price cannot be rounded to {places} decimal places: at most {}", Unit::MAX_SCALE)]
    InvalidPlaces {
        /// The places.
        places: u8,
    },
    /// A matrix of prices is not one.
    #[error("{what} cannot be in the matrix: {problem}")]
    InvalidMatrix {
        /// What is wrong, quoted and shortened.
        what: String,
        /// The rule that it breaks.
        problem: &'static str,
    },
    /// A matrix has no prices for these labels, and the tariff has none beside it.
    #[error("there is no price for {labels}")]
    UnlistedLabels {
        /// The labels by which prices are looked up, each with its value.
        labels: String,
    },
    /// A price with a minimum or maximum for each event was asked for several events at once.
    #[error("{events} events of {name} cannot be priced at once: each has a minimum or maximum of its own")]
    SeveralEvents {
        /// The quantity that is priced, quoted.
        name: String,
        /// How many events there were.
        events: crate::usage::Quantity,
    },
    /// A quantity cannot be counted within another.
    #[error("{part} cannot be a part of {whole}: {problem}")]
    InvalidPart {
        /// The part, quoted.
        part: String,
        /// What it would be in, quoted.
        whole: String,
        /// The rule that this breaks.
        problem: &'static str,
    },
    /// A tariff has too many other prices.
    #[error("a tariff has at most {} other prices", Tariff::MAX_ALTERNATIVES)]
    TooManyAlternatives,
    /// A tariff has other prices that have other prices, and so on, too often.
    #[error("other prices are nested at most {} deep", Tariff::MAX_DEPTH)]
    TooDeep,
    /// Prices are for a label that no work can have.
    #[error(transparent)]
    Label(#[from] crate::id::IdError),
    /// The text is no time of the day.
    #[error("{text} is not a time of the day: expected one from 00:00 to 23:59, at most 18 hours from UTC")]
    InvalidTime {
        /// The text, quoted and shortened.
        text: String,
    },
    /// The tariff has other prices at some moments, and the moment was not said.
    #[error("the price depends on the moment: ask the tariff for the prices in force")]
    Unsettled,
    /// A tariff has too many rates.
    #[error("no room for a rate for {name}: a tariff has at most {} rates", Tariff::MAX_RATES)]
    TooManyQuantities {
        /// The quantity that was one too many, quoted.
        name: String,
    },
    /// Something was used that the tariff has no rate for.
    #[error(
        "{quantity} of {name} cannot be priced: the tariff has no rate for it (a rate of 0 makes it free)"
    )]
    UnpricedQuantity {
        /// The quantity's name, quoted and shortened.
        name: String,
        /// How much of it: zero where the question was how much of it would fit.
        quantity: crate::usage::Quantity,
    },
    /// The price is larger than any amount of the unit.
    #[error("the price does not fit into an amount of {unit}; it went beyond it with {what}")]
    Overflow {
        /// What was being added: a quantity with its name, or the fixed price.
        what: String,
        /// The unit of the amount.
        unit: Unit,
    },
    /// The usage itself is outside its limits.
    #[error(transparent)]
    Usage(#[from] UsageError),
    /// The name of a tariff is empty, too long or has control characters.
    #[error(
        "{name} is not the name of a tariff: expected 1 to {} bytes without control characters",
        PriceBook::MAX_NAME
    )]
    InvalidName {
        /// The name, quoted and shortened.
        name: String,
    },
    /// The book already has a tariff of this name.
    #[error("the price book already has a tariff named {name}")]
    DuplicateName {
        /// The name, quoted.
        name: String,
    },
    /// The book is full.
    #[error("no room for {name}: a price book has at most {} tariffs", PriceBook::MAX_TARIFFS)]
    TooManyTariffs {
        /// The name that was one too many, quoted.
        name: String,
    },
    /// The book has no tariff of this name, and its policy is to refuse.
    #[error("the price book has no tariff named {name}")]
    UnknownPrice {
        /// The name, quoted and shortened.
        name: String,
    },
    /// A price table is not the JSON it should be.
    #[error("the price table cannot be read: {problem}")]
    InvalidTable {
        /// What is wrong, and where.
        problem: String,
    },
    /// A price table has an entry that is not an object.
    #[error("the price table's entry for {model} is not an object")]
    InvalidEntry {
        /// The entry's name, quoted and shortened.
        model: String,
    },
    /// A price table has a field that cannot be used as a price.
    #[error("in the price table's entry for {model}, field {field}: {problem}")]
    InvalidField {
        /// The entry's name, quoted and shortened.
        model: String,
        /// The field's name.
        field: String,
        /// What is wrong with it.
        problem: Box<PriceError>,
    },
}

impl PriceError {
    /// The same about none of a quantity: the question was how much of it would fit.
    fn of_none(self, asked: &str) -> Self {
        match self {
            Self::UnpricedQuantity { name, .. } if name == crate::text::quoted(asked) => {
                Self::UnpricedQuantity { name, quantity: crate::usage::Quantity::ZERO }
            }
            other => other,
        }
    }
}
