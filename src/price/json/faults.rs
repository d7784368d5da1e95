//! What is wrong with the text of a price book, and where.

use std::fmt::{self, Write};

use crate::amount::AmountError;
use crate::clock::TimestampError;
use crate::price::{PriceBook, PriceError};

/// One thing that is wrong with the text of a price book.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{}{problem}", path, if path.is_empty() { "" } else { ": " })]
#[non_exhaustive]
pub struct BookFault {
    /// Where: `tariffs["gpt-4o"].rates["input_tokens"].graduated[1].up_to`. Fields have a point before them; names in quotes
    /// and numbers from 0 are in brackets. In a name, control characters are escaped, and what comes after 256
    /// characters is cut off. Empty for the text as a whole.
    pub path: String,
    /// What it is.
    #[source]
    pub problem: BookProblem,
}

/// What can be wrong in the text of a price book.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BookProblem {
    /// It is not JSON.
    #[error("this is not JSON: {what}")]
    NotJson {
        /// What is wrong, with line and column.
        what: String,
    },
    /// The text is too long.
    #[error("{bytes} bytes are too many: at most {}", PriceBook::MAX_JSON)]
    TooLong {
        /// How long it is.
        bytes: usize,
    },
    /// A value is of another kind.
    #[error("expected {expected}, found {found}")]
    Unexpected {
        /// What would do.
        expected: String,
        /// What there is, quoted and shortened.
        found: String,
    },
    /// A field has to be there, and is not.
    #[error("a field is missing: {expected}")]
    Missing {
        /// The field, or which of several there can be.
        expected: String,
    },
    /// There is no such field here.
    #[error("there is no such field: expected {expected}")]
    UnknownField {
        /// Which there are.
        expected: String,
    },
    /// Fields exclude each other.
    #[error("expected only one of {fields}")]
    OnlyOne {
        /// Which are there.
        fields: String,
    },
    /// A name stands twice in one object.
    #[error("it is stated twice")]
    Repeated,
    /// There are too many of something. What is one too many was not looked at.
    #[error("{found} are too many: at most {most}")]
    TooMany {
        /// How many there are.
        found: usize,
        /// How many there can be.
        most: usize,
    },
    /// The price itself cannot be.
    #[error(transparent)]
    Price(#[from] PriceError),
    /// It is not a unit.
    #[error(transparent)]
    Unit(#[from] AmountError),
    /// It is not a moment.
    #[error(transparent)]
    Moment(#[from] TimestampError),
    /// There is more that is wrong than is kept.
    #[error("and {count} more faults")]
    More {
        /// How many more.
        count: usize,
    },
}

/// All that is wrong with the text of a price book, in the order in which it was found, the first 1,000.
///
/// The text form has the first three.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BookFaults {
    /// At least one.
    pub faults: Vec<BookFault>,
}

impl BookFaults {
    /// The most that are kept. If there are more, one more [says](BookProblem::More) how many.
    pub const MAX: usize = 1_000;
    /// The most that are written out.
    const SHOWN: usize = 3;
}

impl fmt::Display for BookFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the price book cannot be used: ")?;
        for (index, fault) in self.faults.iter().take(Self::SHOWN).enumerate() {
            write!(f, "{}{fault}", if index == 0 { "" } else { "; " })?;
        }
        match self.faults.len().saturating_sub(Self::SHOWN) {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

impl std::error::Error for BookFaults {}

/// Faults as they are found.
#[derive(Debug, Default)]
pub(super) struct Found {
    faults: Vec<BookFault>,
    more: usize,
}

impl Found {
    pub(super) fn add(&mut self, place: Place<'_>, problem: impl Into<BookProblem>) {
        if self.faults.len() < BookFaults::MAX {
            self.faults.push(BookFault { path: place.to_string(), problem: problem.into() });
        } else {
            self.more = self.more.saturating_add(1);
        }
    }

    /// How many there are so far.
    pub(super) fn count(&self) -> usize {
        self.faults.len().saturating_add(self.more)
    }

    /// What was read, if nothing was wrong.
    pub(super) fn unless_any<T>(mut self, read: Option<T>) -> Result<T, BookFaults> {
        if self.more > 0 {
            let problem = BookProblem::More { count: self.more };
            self.faults.push(BookFault { path: String::new(), problem });
        }
        match read {
            Some(read) if self.faults.is_empty() => Ok(read),
            _ => Err(BookFaults { faults: self.faults }),
        }
    }
}

/// A place in the text, known by the way to it. It is written out only where something is wrong.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'p> {
    within: Option<&'p Place<'p>>,
    step: Step<'p>,
}

#[derive(Clone, Copy, Debug)]
enum Step<'p> {
    Field(&'p str),
    Name(&'p str),
    Item(usize),
}

impl<'p> Place<'p> {
    pub(super) const TOP: Self = Self { within: None, step: Step::Field("") };

    /// A field of it, as the form names it.
    pub(super) const fn field(&'p self, name: &'p str) -> Self {
        Self { within: Some(self), step: Step::Field(name) }
    }

    /// What stands in it under a name that is not the form's.
    pub(super) const fn name(&'p self, name: &'p str) -> Self {
        Self { within: Some(self), step: Step::Name(name) }
    }

    pub(super) const fn item(&'p self, index: usize) -> Self {
        Self { within: Some(self), step: Step::Item(index) }
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(within) = self.within else {
            return Ok(());
        };
        within.fmt(f)?;
        match self.step {
            Step::Field(name) if within.within.is_none() => f.write_str(name),
            Step::Field(name) => write!(f, ".{name}"),
            Step::Item(index) => write!(f, "[{index}]"),
            Step::Name(name) => {
                f.write_str("[\"")?;
                for (index, character) in name.chars().enumerate() {
                    if index == PriceBook::MAX_NAME {
                        f.write_char('…')?;
                        break;
                    }
                    write!(f, "{}", character.escape_debug())?;
                }
                f.write_str("\"]")
            }
        }
    }
}
