//! What a host says to win a customer over, with where it comes from and how long it is good: [`Claim`] and [`Offer`].

use std::fmt;

use crate::clock::Timestamp;
use crate::id::Label;
use crate::link::Link;

/// Something a host says for itself, such as "saved 14 hours this month", with its source and date: without them it
/// cannot be made. The crate makes none of its own.
///
/// ```
/// use billing_guard::{Claim, Timestamp};
///
/// let as_of: Timestamp = "2026-11-01T00:00:00.000000Z".parse()?;
/// let claim = Claim::new("Your team ran 412 queries this month.".parse()?, "your usage".parse()?, as_of);
/// assert_eq!(claim.source().as_str(), "your usage");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    text: Label,
    source: Label,
    as_of: Timestamp,
}

impl Claim {
    /// What is said, where it comes from, and when it was so.
    #[must_use]
    pub const fn new(text: Label, source: Label, as_of: Timestamp) -> Self {
        Self { text, source, as_of }
    }

    /// What is said.
    #[must_use]
    pub const fn text(&self) -> &Label {
        &self.text
    }

    /// Where it comes from.
    #[must_use]
    pub const fn source(&self) -> &Label {
        &self.source
    }

    /// When it was so.
    #[must_use]
    pub const fn as_of(&self) -> Timestamp {
        self.as_of
    }
}

/// Something a host offers for a time, with its terms: without an end and terms it cannot be made. Once it is over it is
/// not shown. That it ends is said as a date, never as a countdown.
///
/// ```
/// use billing_guard::{Link, Offer, Timestamp};
///
/// let until: Timestamp = "2026-12-31T00:00:00.000000Z".parse()?;
/// let terms: Link = "https://example.com/terms/winter".parse()?;
/// let offer = Offer::new("10 % more credit with your next top-up".parse()?, until, terms);
/// assert!(offer.is_valid(Timestamp::default()) && !offer.is_valid(until));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    text: Label,
    valid_until: Timestamp,
    terms: Link,
}

impl Offer {
    /// What is offered, until when, and where its terms are.
    #[must_use]
    pub const fn new(text: Label, valid_until: Timestamp, terms: Link) -> Self {
        Self { text, valid_until, terms }
    }

    /// What is offered.
    #[must_use]
    pub const fn text(&self) -> &Label {
        &self.text
    }

    /// Until when.
    #[must_use]
    pub const fn valid_until(&self) -> Timestamp {
        self.valid_until
    }

    /// Where its terms are.
    #[must_use]
    pub const fn terms(&self) -> &Link {
        &self.terms
    }

    /// Whether it still holds at this time.
    #[must_use]
    pub fn is_valid(&self, now: Timestamp) -> bool {
        now < self.valid_until
    }
}

impl fmt::Display for Offer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text.as_str())
    }
}
