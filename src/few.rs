//! A list that is nearly always empty or has one element, and then needs no memory of its own.

use std::fmt;
use std::ops::{Deref, DerefMut};

/// Reads and changes like the slice it is.
#[derive(Clone, Default)]
pub(crate) enum Few<T> {
    #[default]
    None,
    One([T; 1]),
    Many(Vec<T>),
}

impl<T> Few<T> {
    pub(crate) fn push(&mut self, value: T) {
        *self = match std::mem::take(self) {
            Self::None => Self::One([value]),
            Self::One([first]) => Self::Many(vec![first, value]),
            Self::Many(mut values) => {
                values.push(value);
                Self::Many(values)
            }
        };
    }

    pub(crate) fn retain(&mut self, keep: impl Fn(&T) -> bool) {
        if self.iter().all(&keep) {
            return;
        }
        *self = std::mem::take(self).into_iter().filter(keep).collect();
    }

    fn into_iter(self) -> impl Iterator<Item = T> {
        let (one, many) = match self {
            Self::None => (None, Vec::new()),
            Self::One([value]) => (Some(value), Vec::new()),
            Self::Many(values) => (None, values),
        };
        one.into_iter().chain(many)
    }
}

impl<T> Deref for Few<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match self {
            Self::None => &[],
            Self::One(value) => value,
            Self::Many(values) => values,
        }
    }
}

impl<T> DerefMut for Few<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        match self {
            Self::None => &mut [],
            Self::One(value) => value,
            Self::Many(values) => values,
        }
    }
}

impl<T> FromIterator<T> for Few<T> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        let mut few = Self::None;
        for value in values {
            few.push(value);
        }
        few
    }
}

impl<T: PartialEq> PartialEq for Few<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: Eq> Eq for Few<T> {}

impl<T: fmt::Debug> fmt::Debug for Few<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::Few;

    #[test]
    fn it_is_the_list_that_was_put_in() {
        let mut few = Few::default();
        for count in 0..5 {
            assert_eq!(*few, (0..count).collect::<Vec<_>>());
            few.push(count);
        }
        few.iter_mut().for_each(|value| *value += 10);
        few.retain(|value| value % 2 == 0);
        assert_eq!(*few, [10, 12, 14]);
        few.retain(|value| *value == 12);
        assert_eq!(few, Few::One([12]));
        few.retain(|_| false);
        assert!(few.is_empty());
        assert_eq!(format!("{:?}", Few::Many(vec![1])), "[1]");
    }
}
