//! The JSON form of price books and tariffs.

mod conditions;
mod faults;
mod rates;
mod tariffs;
#[cfg(test)]
mod tests;
mod text;
mod value;

pub use faults::{BookFault, BookFaults, BookProblem};

use faults::Found;
use value::Value;

use super::{PriceBook, Tariff};

impl PriceBook {
    /// The longest JSON text that is read, in bytes: 64 MiB.
    pub const MAX_JSON: usize = 64 << 20;

    /// Reads a book from its JSON form: written by [`to_json`](Self::to_json), by a program or by hand.
    ///
    /// Prices, percentages and quantities are decimal text, or JSON numbers, which are taken exactly from how they are written.
    /// Everything that is wrong is [found at once](BookFaults), each with its [path](BookFault::path). A field
    /// that is not in these tables is wrong, so that no misspelt word makes anything free; so are a name that is there
    /// twice and `null`. What need not be there is marked `?`.
    ///
    /// | of a book | |
    /// |---|---|
    /// | `unit` | what all prices are charged in, as `"USD/6"` |
    /// | `unknown` ? | what a name costs that is not in the book: `"refuse"` (if it is not stated), `"free"`, or a tariff |
    /// | `tariffs` | an object with a tariff for each name |
    ///
    /// | of a tariff | |
    /// |---|---|
    /// | `fixed` ? | [the price of each request](Tariff::fixed) |
    /// | `rates` ? | an object with a price for each quantity, listed in this order in what is itemised |
    /// | `part_of` ? | a list of pairs of quantities, [the first of which is in the second](Tariff::part_of) |
    /// | `other_quantities` ? | those without a price: `"refuse"` (if it is not stated) or [`"free"`](Tariff::free) |
    /// | `free` ? | an object of quantities: [how much of each is free](Tariff::with_free) |
    /// | `free_amount` ? | [how much of each charge is free](Tariff::with_free_amount) |
    /// | `discount_percent` ? | [so many percent less](Tariff::with_discount) |
    /// | `maximum` ?, `minimum` ? | [of each charge](Tariff::with_minimum) |
    /// | `rounding` ? | `"down"` (if it is not stated), `"half_up"`, `"half_even"` or `"up"`: a [`Rounding`](crate::Rounding) |
    /// | `after` ? | an object of quantities: [what was used before](Tariff::after), for this tariff and not for those in it |
    /// | `other_prices` ? | a list of [others](Tariff::with_other), of which the first that holds applies, in the place of everything above but `rounding`: objects of `when` and `prices`, a tariff |
    /// | `matrix` ? | [prices by labels](Tariff::with_matrix): `labels`, a list of their names, and `rows`, a list of objects of `values`, one for each label, and `prices`, a tariff |
    ///
    /// | of a price: one of | with | |
    /// |---|---|---|
    /// | `per_unit`, `per_thousand`, `per_million` | | the price of so many |
    /// | `graduated`, `volume` | `first_flat_at_none` ?, `whole_units` ? | a list of tiers, see [`Tiers`](crate::Tiers) |
    /// | `package` | `size`, `free` ?, `whole_only` ? | the price of a [`Package`](crate::Package) |
    /// | `percent` | `fee` ?, `counting` ?, `free_events` ?, `free_amount` ?, `at_least` ?, `at_most` ? | a [`Percentage`](crate::Percentage) of an amount |
    /// | `multiplier` | `places`, `rounding` | an [amount multiplied](Tariff::dynamic), and rounded to so many decimal places |
    ///
    /// | of a tier | |
    /// |---|---|
    /// | `up_to` | its bound, which it includes; the last tier, and only that, has none |
    /// | `per_unit`, `per_thousand`, `per_million` or `percent` | the price within it |
    /// | `flat` ? | what is owed once |
    ///
    /// | `when`: one of | with | |
    /// |---|---|---|
    /// | `above`, `at_or_above` | `of` | a bound, and a list of the quantities whose sum is compared with it |
    /// | `label` | `is` | the name of a label, and its value |
    /// | `since` | | a moment: `"2026-03-01"`, `"2026-03-01T06:00:00Z"`, or with six decimal places |
    /// | `daily_from` | `until`, `on` ?, `offset_minutes` ? | a [time of the day](crate::When::daily), on days from `"monday"` to `"sunday"`, so many minutes ahead of UTC |
    ///
    /// Conditions that must hold together are nested: other prices within other prices.
    ///
    /// ```
    /// use billing_guard::{Labels, PriceBook, Timestamp, Usage};
    ///
    /// let json = r#"{
    ///   "unit": "USD/6",
    ///   "unknown": { "fixed": "1" },
    ///   "tariffs": {
    ///     "chat": {
    ///       "rates": {
    ///         "input_tokens": { "per_million": "2.5" },
    ///         "cached_tokens": { "per_million": "0.25" },
    ///         "output_tokens": { "per_million": "10" }
    ///       },
    ///       "part_of": [["cached_tokens", "input_tokens"]],
    ///       "other_prices": [
    ///         {
    ///           "when": { "label": "tier", "is": "batch" },
    ///           "prices": {
    ///             "rates": { "input_tokens": { "per_million": "1.25" }, "output_tokens": { "per_million": "5" } },
    ///             "part_of": [["cached_tokens", "input_tokens"]]
    ///           }
    ///         },
    ///         {
    ///           "when": { "above": "200000", "of": ["input_tokens"] },
    ///           "prices": {
    ///             "rates": { "input_tokens": { "per_million": "5" }, "output_tokens": { "per_million": "15" } },
    ///             "part_of": [["cached_tokens", "input_tokens"]]
    ///           }
    ///         },
    ///         { "when": { "since": "2027-01-01" }, "prices": { "fixed": "0.01", "other_quantities": "free" } },
    ///         {
    ///           "when": {
    ///             "daily_from": "22:00", "until": "06:00", "on": ["saturday", "sunday"], "offset_minutes": 60
    ///           },
    ///           "prices": {
    ///             "rates": { "input_tokens": { "per_million": "2" }, "output_tokens": { "per_million": "8" } },
    ///             "part_of": [["cached_tokens", "input_tokens"]]
    ///           }
    ///         }
    ///       ]
    ///     },
    ///     "payments": {
    ///       "rates": {
    ///         "paid": {
    ///           "percent": "2.9", "fee": "0.3", "counting": "payments", "free_events": "1", "free_amount": "100",
    ///           "at_least": "0.5", "at_most": "20"
    ///         },
    ///         "refunded": { "graduated": [{ "up_to": "1000", "percent": "2", "flat": "5" }, { "percent": "1" }] }
    ///       },
    ///       "discount_percent": "12.5",
    ///       "maximum": "100",
    ///       "minimum": "0.5"
    ///     },
    ///     "machine": {
    ///       "matrix": {
    ///         "labels": ["region", "size"],
    ///         "rows": [
    ///           { "values": ["eu", "small"], "prices": { "rates": { "hours": { "per_unit": "0.02" } } } },
    ///           { "values": ["eu", "large"], "prices": { "rates": { "hours": { "per_unit": "0.08" } } } }
    ///         ]
    ///       }
    ///     },
    ///     "search": {
    ///       "fixed": "0.001",
    ///       "rates": {
    ///         "rows": { "per_unit": 0.002 },
    ///         "calls": { "graduated": [{ "up_to": "100", "per_unit": "0.1" }, { "per_thousand": "50", "flat": "2" }] },
    ///         "seats": {
    ///           "volume": [{ "up_to": "5", "per_unit": "0", "flat": "3" }, { "per_unit": "1" }],
    ///           "first_flat_at_none": true
    ///         },
    ///         "images": { "package": "1.5", "size": "100", "free": "50", "whole_only": true },
    ///         "hours": { "graduated": [{ "up_to": "10", "per_unit": "1" }, { "per_unit": "0.5" }], "whole_units": true },
    ///         "provider_cost": { "multiplier": "1.2", "places": 2, "rounding": "half_up" }
    ///       },
    ///       "free": { "calls": "20" },
    ///       "free_amount": "1",
    ///       "rounding": "half_up",
    ///       "after": { "calls": "90" }
    ///     }
    ///   }
    /// }"#;
    /// let book = PriceBook::from_json(json)?;
    /// let batch = book.tariff("chat")?.at(Timestamp::default(), &Labels::new([("tier", "batch")])?);
    /// // Without a price of its own, what was cached costs what all input does.
    /// let usage = Usage::new().with("input_tokens", 1_000_000_u64).with("cached_tokens", 400_000_u64);
    /// assert_eq!(batch.charge(&usage, book.unit())?, book.unit().amount("1.25")?);
    /// assert_eq!(PriceBook::from_json(&book.to_json())?, book);
    ///
    /// let faults = PriceBook::validate(r#"{ "unit": "USD/6", "tariffs": {
    ///     "a/b": { "rates": { "rows": { "per_milion": 2 } } }, "c": { "fixed": "-1" }
    /// } }"#);
    /// let paths: Vec<&str> = faults.iter().map(|fault| fault.path.as_str()).collect();
    /// assert_eq!(paths, [r#"tariffs["a/b"].rates["rows"].per_milion"#, r#"tariffs["c"].fixed"#]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`BookFaults`]: what is not in the tables, what the methods of [`Tariff`] and this book refuse, and what is beyond their
    /// limits: [`MAX_JSON`](Self::MAX_JSON), [`MAX_TARIFFS`](Self::MAX_TARIFFS), [`Tariff::MAX_RATES`],
    /// [`Tariff::MAX_ALTERNATIVES`], [`Tariff::MAX_DEPTH`], [`Tiers::MAX`](crate::Tiers::MAX), [`Matrix::MAX`](crate::Matrix::MAX).
    /// What comes after a limit is not looked at.
    pub fn from_json(json: &str) -> Result<Self, BookFaults> {
        let mut found = Found::default();
        let book = Value::of(json, &mut found).and_then(|value| tariffs::read_book(value, &mut found));
        found.unless_any(book)
    }

    /// Everything that keeps a text from being [read](Self::from_json) as a book; nothing if it can be.
    ///
    /// ```
    /// # use billing_guard::PriceBook;
    /// let faults = PriceBook::validate(r#"{ "unit": "dollars", "tariffs": { "query": { "minimum": "5", "maximum": "2" } } }"#);
    /// let texts: Vec<String> = faults.iter().map(ToString::to_string).collect();
    /// assert_eq!(texts, [
    ///     r#"unit: "dollars" is not a unit: expected 1 to 7 letters or digits, '/', and a scale of 0 to 12, as in USD/6"#,
    ///     r#"tariffs["query"].minimum: the minimum of 5 is higher than the maximum of 2"#,
    /// ]);
    /// ```
    #[must_use]
    pub fn validate(json: &str) -> Vec<BookFault> {
        Self::from_json(json).err().map_or_else(Vec::new, |error| error.faults)
    }

    /// The book as JSON that [reads back](Self::from_json) equal: for people, and for a file that versions are kept of.
    /// Tariffs are in the order of their names, numbers are text, and what is not stated is left out.
    ///
    /// A book that was made by hand from prices [in force between two moments](Tariff::between) may be beyond the limits of what is
    /// read.
    #[must_use]
    pub fn to_json(&self) -> String {
        tariffs::write_book(self).print()
    }
}

impl Tariff {
    /// Reads a tariff from its JSON form, the same as [in a book](PriceBook::from_json).
    ///
    /// ```
    /// use billing_guard::Tariff;
    ///
    /// let tariff = Tariff::from_json(r#"{ "rates": { "rows": { "per_thousand": "1.5" } }, "minimum": "0.01" }"#)?;
    /// assert_eq!(tariff, Tariff::new().per_thousand("rows", "1.5")?.with_minimum("0.01")?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`BookFaults`].
    pub fn from_json(json: &str) -> Result<Self, BookFaults> {
        let mut found = Found::default();
        let tariff = Value::of(json, &mut found).and_then(|value| tariffs::read(value, &mut found));
        found.unless_any(tariff)
    }

    /// The tariff as JSON that [reads back](Self::from_json) equal, with the exceptions of a [book](PriceBook::to_json).
    #[must_use]
    pub fn to_json(&self) -> String {
        tariffs::write(self).print()
    }
}
