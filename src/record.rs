//! Records as text: the forms in which stores keep what has no columns of its own.
//!
//! JSON, with the names and forms of a line of [`export::JsonLines`](crate::export::JsonLines). What is missing is not there; nothing that is
//! not known is read over, since a newer version may mean something by it.

pub(crate) mod json;
pub(crate) mod parts;
pub(crate) mod rest;
pub(crate) mod sound;

use std::fmt;

pub(crate) use rest::{
    read_entry_rest, read_grants, read_hold_rest, write_entry_rest, write_grants, write_hold_rest,
};

/// Why text is not a record that this version can read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// It is no JSON, lacks a field, has one that is not known or comes twice, or one that is not what it should be.
    #[error("not a record: {what}")]
    Malformed {
        /// What is wrong, with the text before the place where it is.
        what: String,
    },
    /// A field is beyond its limits, or contradicts another.
    #[error("{field} is wrong: {what}")]
    Invalid {
        /// The field.
        field: &'static str,
        /// What is wrong with it, with its value.
        what: String,
    },
    /// It was written by a newer version of this crate.
    #[error("a record of format {found} cannot be read by this version, which knows formats up to {known}")]
    NewerFormat {
        /// The record's.
        found: u16,
        /// The newest known here.
        known: u16,
    },
}

/// What is wrong with which field.
#[derive(Debug)]
pub(crate) struct Wrong {
    pub(crate) field: &'static str,
    pub(crate) what: String,
}

impl Wrong {
    pub(crate) fn new(field: &'static str, what: impl fmt::Display) -> Self {
        Self { field, what: what.to_string() }
    }
}

impl From<Wrong> for RecordError {
    fn from(wrong: Wrong) -> Self {
        Self::Invalid { field: wrong.field, what: wrong.what }
    }
}

#[cfg(test)]
pub(crate) mod tests;
