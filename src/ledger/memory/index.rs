//! Values found by the keyed hash of what names them.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A map from 64-bit hashes to values that know what they are: whoever looks says which one is meant.
///
/// Not keeping the names in the map makes it a third of the size, so that far more of it stays in the caches. The
/// hashes come from a keyed hasher, so nobody can choose them; two that are equal all the same are kept apart.
#[derive(Debug)]
pub(super) struct Index<V> {
    first: HashMap<u64, V, BuildHasherDefault<Known>>,
    /// Values whose hash was taken by another. Practically never any.
    others: Vec<(u64, V)>,
}

/// Takes a hash for what it is.
#[derive(Debug, Default)]
struct Known(u64);

impl Hasher for Known {
    fn write(&mut self, _: &[u8]) {}

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

impl<V> Index<V> {
    pub(super) fn new() -> Self {
        Self { first: HashMap::default(), others: Vec::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.first.len().saturating_add(self.others.len())
    }

    pub(super) fn get(&self, hash: u64, is_it: impl Fn(&V) -> bool) -> Option<&V> {
        match self.first.get(&hash) {
            Some(value) if is_it(value) => Some(value),
            _ => self
                .others
                .iter()
                .find(|(other, value)| *other == hash && is_it(value))
                .map(|(_, value)| value),
        }
    }

    pub(super) fn get_mut(&mut self, hash: u64, is_it: impl Fn(&V) -> bool) -> Option<&mut V> {
        match self.first.get_mut(&hash) {
            Some(value) if is_it(value) => Some(value),
            _ => {
                let mut others = self.others.iter_mut();
                others.find(|(other, value)| *other == hash && is_it(value)).map(|(_, value)| value)
            }
        }
    }

    /// Adds a value that is not there yet.
    pub(super) fn insert(&mut self, hash: u64, value: V) {
        match self.first.entry(hash) {
            std::collections::hash_map::Entry::Vacant(slot) => {
                slot.insert(value);
            }
            std::collections::hash_map::Entry::Occupied(_) => self.others.push((hash, value)),
        }
    }

    pub(super) fn remove(&mut self, hash: u64, is_it: impl Fn(&V) -> bool) -> Option<V> {
        if let std::collections::hash_map::Entry::Occupied(slot) = self.first.entry(hash)
            && is_it(slot.get())
        {
            return Some(slot.remove());
        }
        let position = self.others.iter().position(|(other, value)| *other == hash && is_it(value))?;
        Some(self.others.swap_remove(position).1)
    }

    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.first.values_mut().chain(self.others.iter_mut().map(|(_, value)| value))
    }
}

#[cfg(test)]
mod tests {
    use super::Index;

    #[test]
    fn values_of_one_hash_are_kept_apart() {
        let mut index = Index::new();
        for value in ["a", "b", "c"] {
            index.insert(7, value);
        }
        index.insert(8, "a");
        assert_eq!(index.len(), 4);
        for value in ["a", "b", "c"] {
            assert_eq!(index.get(7, |known| *known == value), Some(&value));
        }
        assert_eq!(index.get(8, |known| *known == "b"), None);
        // The first goes, the others stay and are found.
        assert_eq!(index.remove(7, |known| *known == "a"), Some("a"));
        assert_eq!(index.get(7, |known| *known == "a"), None);
        *index.get_mut(7, |known| *known == "b").unwrap() = "B";
        assert_eq!(index.remove(7, |known| *known == "B"), Some("B"));
        index.insert(7, "d");
        assert_eq!(index.get(7, |known| *known == "c"), Some(&"c"));
        assert_eq!(index.get(7, |known| *known == "d"), Some(&"d"));
        assert_eq!(index.remove(9, |_| true), None);
        assert_eq!(index.values_mut().count(), 3);
    }
}
