//! A map that forgets what was not used for long.

use std::collections::HashMap;
use std::hash::Hash;

/// Two maps: what was used lately and what was used before. When the younger one is full it becomes the older one, and what
/// nobody asked for meanwhile is forgotten.
#[derive(Debug)]
pub(super) struct Generations<K, V> {
    young: HashMap<K, Kept<V>>,
    old: HashMap<K, Kept<V>>,
    /// What the younger one weighs.
    weight: usize,
    /// What it may weigh.
    most: usize,
}

#[derive(Debug)]
struct Kept<V> {
    value: V,
    weight: usize,
}

impl<K: Eq + Hash, V> Generations<K, V> {
    /// Keeps at least what weighs `most`, and at most twice that.
    pub(super) fn new(most: usize) -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), weight: 0, most }
    }

    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.young.get(key).or_else(|| self.old.get(key)).map(|kept| &kept.value)
    }

    pub(super) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.young.get_mut(key).or_else(|| self.old.get_mut(key)).map(|kept| &mut kept.value)
    }

    pub(super) fn remove(&mut self, key: &K) -> Option<V> {
        let kept = match self.young.remove(key) {
            Some(kept) => {
                self.weight = self.weight.saturating_sub(kept.weight);
                kept
            }
            None => self.old.remove(key)?,
        };
        Some(kept.value)
    }

    /// Adds or replaces. Forgets nothing before [`age`](Self::age).
    pub(super) fn insert(&mut self, key: K, value: V, weight: usize) {
        self.remove(&key);
        self.weight = self.weight.saturating_add(weight);
        self.young.insert(key, Kept { value, weight });
    }

    /// Forgets the older ones if there are enough younger ones.
    pub(super) fn age(&mut self) {
        if self.weight > self.most {
            self.weight = 0;
            self.old = std::mem::take(&mut self.young);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.young.len().saturating_add(self.old.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_is_used_all_the_time_does_not_push_the_others_out() {
        let mut kept = Generations::new(10);
        for cold in 1..=5 {
            kept.insert(cold, (), 1);
        }
        for _ in 0..100 {
            kept.remove(&0);
            kept.insert(0, (), 3);
            kept.age();
        }
        assert!((0..=5).all(|key| kept.get(&key).is_some()));
    }

    #[test]
    fn what_was_not_used_for_long_is_forgotten() {
        let mut kept = Generations::new(10);
        for number in 0..100 {
            kept.insert(number, (), 1);
            kept.age();
            assert!(kept.len() <= 22, "{}", kept.len());
        }
        assert!((90..100).all(|key| kept.get(&key).is_some()));
        assert!(kept.get(&0).is_none());
    }
}
