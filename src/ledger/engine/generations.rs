//! A map that forgets what was not used for long.

use std::collections::HashMap;
use std::hash::Hash;

/// Two maps: what was used lately and what was used before. When the younger one is full it becomes the older one, and what
/// nobody asked for meanwhile is forgotten.
#[derive(Debug)]
pub(super) struct Generations<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    /// What the younger one weighs.
    weight: usize,
    /// What it may weigh.
    most: usize,
}

impl<K: Eq + Hash, V> Generations<K, V> {
    /// Keeps at least what weighs `most`, and at most twice that.
    pub(super) fn new(most: usize) -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), weight: 0, most }
    }

    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.young.get(key).or_else(|| self.old.get(key))
    }

    pub(super) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.young.get_mut(key).or_else(|| self.old.get_mut(key))
    }

    pub(super) fn remove(&mut self, key: &K) -> Option<V> {
        self.young.remove(key).or_else(|| self.old.remove(key))
    }

    /// Adds or replaces. Forgets nothing before [`age`](Self::age).
    pub(super) fn insert(&mut self, key: K, value: V, weight: usize) {
        self.weight = self.weight.saturating_add(weight);
        if !self.old.is_empty() {
            self.old.remove(&key);
        }
        self.young.insert(key, value);
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
