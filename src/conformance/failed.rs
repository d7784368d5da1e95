//! How a check says what went wrong: by value, so that a suite full of failures is a list and not a flood of panics.

use std::fmt;
use std::panic::Location;

/// What differed, and where in the suite.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) what: String,
    pub(crate) at: &'static Location<'static>,
}

/// What a check answers.
pub(crate) type Checked<T = ()> = Result<T, Failed>;

impl Failed {
    #[track_caller]
    pub(crate) fn new(what: impl fmt::Display) -> Self {
        Self { what: what.to_string(), at: Location::caller() }
    }
}

/// A `?` on what must not fail: the ledger's errors above all.
impl<E: std::error::Error> From<E> for Failed {
    #[track_caller]
    fn from(error: E) -> Self {
        Self::new(format_args!("this must succeed: {error:?}"))
    }
}

/// Ends the check.
macro_rules! fail {
    ($($text:tt)+) => {
        return Err($crate::conformance::failed::Failed::new(format_args!($($text)+)))
    };
}

/// Ends the check if this is not so.
macro_rules! ensure {
    ($condition:expr $(,)?) => {
        $crate::conformance::failed::ensure!($condition, "not so")
    };
    ($condition:expr, $($text:tt)+) => {
        if !$condition {
            $crate::conformance::failed::fail!("{}: {}", stringify!($condition), format_args!($($text)+));
        }
    };
}

/// Ends the check if what is found is not what is expected.
macro_rules! ensure_eq {
    ($found:expr, $expected:expr $(,)?) => {
        $crate::conformance::failed::ensure_eq!($found, $expected, "{}", stringify!($found))
    };
    ($found:expr, $expected:expr, $($text:tt)+) => {
        match (&$found, &$expected) {
            (found, expected) => if *found != *expected {
                $crate::conformance::failed::fail!(
                    "{}: found {found:?}, expected {expected:?}", format_args!($($text)+)
                );
            }
        }
    };
}

pub(crate) use {ensure, ensure_eq, fail};
